/*===-- host.c - A C host for any kernel ----------------------------*- C
-*-===*\
|*                                                                            *|
|* Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.     *|
|* See LICENSE for license information.                                       *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|*===----------------------------------------------------------------------===*|
|*                                                                            *|
|*   host LIBRARY NAME MODE [SYMBOL=EXTENT ...]                               *|
|*                                                                            *|
|* Allocates the tensors of a kernel from its own description and runs it:    *|
|*   once     one call; prints by how many bytes it raised peak memory        *|
|*   halves   two threads, each on one half of every phase's items            *|
|*   overlap  two threads, each on all items: a data race by construction     *|
|*   beyond   one call that claims one more key than the tensors hold         *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#include <attn-c/kernel.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TENSORS = 16, MAX_RANK = 8 };

static void *library;
static const char *name;

static void fail(const char *what) {
  fprintf(stderr, "host: %s\n", what);
  exit(2);
}

static void *function(const char *suffix) {
  char symbol[256];
  snprintf(symbol, sizeof symbol, "%s%s", name, suffix);
  void *address = dlsym(library, symbol);
  if (!address)
    fail(symbol);
  return address;
}

static int64_t extent_of(const attn_dim_info *dim, int argc, char **argv) {
  size_t length = strlen(dim->name);
  if (dim->symbol < 0)
    return dim->extent;
  for (int i = 4; i < argc; ++i)
    if (!strncmp(argv[i], dim->name, length) && argv[i][length] == '=')
      return atoll(argv[i] + length + 1);
  fail("an extent is missing");
  return 0;
}

/* Peak resident memory in bytes. */
static long long peak(void) {
  char line[256];
  long long kilobytes = -1;
  FILE *file = fopen("/proc/self/status", "r");
  while (file && fgets(line, sizeof line, file))
    sscanf(line, "VmHWM: %lld", &kilobytes);
  if (file)
    fclose(file);
  return kilobytes * 1024;
}

static const DLTensor *tensors[MAX_TENSORS];
static int32_t count;
static void *workspace;
static size_t workspace_size;
static int overlap;

static void *work(void *argument) {
  int32_t worker = (int32_t)(intptr_t)argument;
  int32_t phases = ((attn_kernel_phases_fn)function("_phases"))();
  attn_kernel_items_fn items = (attn_kernel_items_fn)function("_items");
  attn_kernel_run_items_fn run =
      (attn_kernel_run_items_fn)function("_run_items");
  char message[512];
  /* Phases need a barrier between them; this host does only one-phase kernels.
   */
  if (phases != 1)
    fail("the kernel has more than one phase");
  int64_t total = items(tensors, count, 0), half = total / 2;
  int64_t begin = overlap || !worker ? 0 : half;
  int64_t end = overlap || worker ? total : half;
  if (run(tensors, count, 0, begin, end, worker, workspace, workspace_size,
          message, sizeof message))
    fail(message);
  return NULL;
}

int main(int argc, char **argv) {
  static DLTensor storage[MAX_TENSORS];
  static int64_t shapes[MAX_TENSORS][MAX_RANK];
  char message[512];
  if (argc < 4)
    fail("usage: host LIBRARY NAME MODE [SYMBOL=EXTENT ...]");
  const char *mode = argv[3];
  name = argv[2];
  library = dlopen(argv[1], RTLD_NOW);
  if (!library)
    fail(dlerror());
  const attn_kernel_info *info = ((attn_kernel_info_fn)function("_info"))();
  count = info->tensor_count;
  if (count > MAX_TENSORS)
    fail("too many tensors");
  for (int32_t i = 0; i < count; ++i) {
    const attn_tensor_info *tensor = &info->tensors[i];
    size_t bytes = (tensor->dtype.bits + 7) / 8, elements = 1;
    for (int32_t d = 0; d < tensor->rank; ++d) {
      shapes[i][d] = extent_of(&tensor->dims[d], argc, argv);
      elements *= (size_t)shapes[i][d];
    }
    unsigned char *data = malloc(elements * bytes + (elements == 0));
    /* Bytes 0x01 are tiny floats and valid small integers; outputs must be
     * touched too, so that they do not count as growth. */
    memset(data, 1, elements * bytes);
    storage[i] = (DLTensor){
        data, {kDLCPU, 0}, tensor->rank, tensor->dtype, shapes[i], NULL, 0};
    tensors[i] = &storage[i];
    if (!strcmp(mode, "beyond"))
      for (int32_t d = 0; d < tensor->rank; ++d)
        shapes[i][d] += !strcmp(tensor->dims[d].name, "n");
  }
  if (!strcmp(mode, "halves") || !strcmp(mode, "overlap")) {
    pthread_t threads[2];
    overlap = !strcmp(mode, "overlap");
    workspace_size =
        ((attn_kernel_workspace_size_fn)function("_workspace_size"))(tensors,
                                                                     count, 2);
    workspace = aligned_alloc(64, (workspace_size + 127) / 64 * 64);
    for (intptr_t i = 0; i < 2; ++i)
      pthread_create(&threads[i], NULL, work, (void *)i);
    for (int i = 0; i < 2; ++i)
      pthread_join(threads[i], NULL);
    return 0;
  }
  long long before = peak();
  if (((attn_kernel_call_fn)function(""))(tensors, count, NULL, NULL, 0,
                                          message, sizeof message))
    fail(message);
  printf("%lld\n", peak() - before);
  return 0;
}
