/*===-- attn-c/driver.h - Threads for compiled kernels ------------*- C -*-===*\
|*                                                                            *|
|* Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.     *|
|* See LICENSE for license information.                                       *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|*===----------------------------------------------------------------------===*|
|*                                                                            *|
|* A small library over OpenMP for programs that have no threads of their own *|
|* to run kernels on. Kernels do not need it: whatever can call a function    *|
|* over a range of items serves as an attn_parallel_for.                      *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef ATTN_C_DRIVER_H
#define ATTN_C_DRIVER_H

#include "attn-c/kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct attn_driver attn_driver;

/* A driver of `threads` threads; 0 takes as many as OpenMP would, which
 * OMP_NUM_THREADS sets. NULL when `threads` is negative or memory is out. */
attn_driver *attn_driver_create(int32_t threads);

void attn_driver_destroy(attn_driver *driver);

/* What a kernel takes: items are handed out dynamically, in small runs. It
 * lives as long as the driver. Several threads may use one driver at a time. */
const attn_parallel_for *attn_driver_parallel_for(const attn_driver *driver);

/* Memory aligned as a workspace has to be, or NULL. The size may be 0. */
void *attn_driver_allocate(size_t size);

void attn_driver_free(void *workspace);

#ifdef __cplusplus
}
#endif

#endif /* ATTN_C_DRIVER_H */
