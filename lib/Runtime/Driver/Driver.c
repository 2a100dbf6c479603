//===- Driver.c - Threads for compiled kernels, over OpenMP ---------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn-c/driver.h"

#include <omp.h>
#include <stdlib.h>

struct attn_driver {
  attn_parallel_for parallel;
};

// Runs a worker takes before all items are handed out, if they cost the same.
// More of them balance better, for causal masks make items unequal; each costs
// one atomic operation.
enum { AttnRunsPerWorker = 64 };

static void runItems(void *self, int64_t items, attn_task task, void *context) {
  int32_t workers = ((const attn_driver *)self)->parallel.workers;
  if (items < workers)
    workers = (int32_t)items;
  if (workers <= 1) {
    task(context, 0, items, 0);
    return;
  }
  int64_t step = items / ((int64_t)workers * AttnRunsPerWorker);
  if (step < 1)
    step = 1;
  int64_t runs = (items - 1) / step + 1;
#pragma omp parallel for schedule(dynamic, 1) num_threads(workers)
  for (int64_t run = 0; run < runs; ++run) {
    int64_t begin = run * step;
    int64_t end = items - begin < step ? items : begin + step;
    task(context, begin, end, omp_get_thread_num());
  }
}

attn_driver *attn_driver_create(int32_t threads) {
  if (threads < 0)
    return NULL;
  attn_driver *driver = malloc(sizeof(*driver));
  if (!driver)
    return NULL;
  driver->parallel.run = runItems;
  driver->parallel.self = driver;
  driver->parallel.workers = threads ? threads : omp_get_max_threads();
  return driver;
}

void attn_driver_destroy(attn_driver *driver) { free(driver); }

const attn_parallel_for *attn_driver_parallel_for(const attn_driver *driver) {
  return &driver->parallel;
}

void *attn_driver_allocate(size_t size) {
  const size_t mask = ATTN_WORKSPACE_ALIGNMENT - 1;
  if (size > SIZE_MAX - mask)
    return NULL;
  size_t rounded = (size + mask) & ~mask;
  return aligned_alloc(ATTN_WORKSPACE_ALIGNMENT,
                       rounded ? rounded : ATTN_WORKSPACE_ALIGNMENT);
}

void attn_driver_free(void *workspace) { free(workspace); }
