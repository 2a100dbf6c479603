//===- count_instructions.c - Calls a kernel a number of times ------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   count_instructions LIBRARY NAME CALLS EXTENT...
//
// Loads the kernel NAME, gives its symbols the extents in order (the last one
// to all that are left), fills the inputs with numbers that are the same in
// every run, and calls it. Run under a tool that counts instructions; the
// difference between two numbers of calls is what calls execute.
//
//===----------------------------------------------------------------------===//

#include "attn-c/kernel.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RANK = 8 };

static int fail(const char *what, const char *detail) {
  fprintf(stderr, "count_instructions: %s: %s\n", what, detail ? detail : "?");
  return 1;
}

// Numbers between -1 and 1, or lengths of half the extent where they are whole.
static void fill(void *data, DLDataType type, int64_t count, int64_t extent) {
  uint32_t state = 12345;
  for (int64_t i = 0; i < count; i++) {
    state = state * 1664525u + 1013904223u;
    float number = (float)(state >> 8) / (1 << 23) - 1.0f;
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    if (type.code == kDLInt && type.bits == 64)
      ((int64_t *)data)[i] = extent / 2;
    else if (type.code == kDLInt)
      ((int32_t *)data)[i] = (int32_t)(extent / 2);
    else if (type.code == kDLBfloat)
      ((uint16_t *)data)[i] = (uint16_t)(bits >> 16);
    else if (type.bits == 16)
      ((uint16_t *)data)[i] = (uint16_t)(0x3800 | (state >> 16 & 0x3ff));
    else if (type.bits == 64)
      ((double *)data)[i] = number;
    else
      ((float *)data)[i] = number;
  }
}

int main(int argc, char **argv) {
  if (argc < 5)
    return fail("usage", "count_instructions LIBRARY NAME CALLS EXTENT...");
  void *library = dlopen(argv[1], RTLD_NOW);
  if (!library)
    return fail(argv[1], dlerror());
  char symbol[256];
  snprintf(symbol, sizeof symbol, "%s_info", argv[2]);
  const attn_kernel_info *(*getInfo)(void) =
      (const attn_kernel_info *(*)(void))dlsym(library, symbol);
  attn_kernel_call_fn call = (attn_kernel_call_fn)dlsym(library, argv[2]);
  if (!getInfo || !call)
    return fail(argv[2], "no such kernel");
  const attn_kernel_info *info = getInfo();

  int32_t count = info->tensor_count;
  DLTensor *tensors = calloc(count, sizeof *tensors);
  const DLTensor **list = calloc(count, sizeof *list);
  int64_t (*shapes)[MAX_RANK] = calloc(count, sizeof *shapes);
  if (!tensors || !list || !shapes)
    return fail("memory", "none left");
  for (int32_t t = 0; t < count; t++) {
    const attn_tensor_info *described = &info->tensors[t];
    int64_t elements = 1, last = 1;
    for (int32_t d = 0; d < described->rank; d++) {
      int32_t index = described->dims[d].symbol;
      int given = index + 4 < argc ? index + 4 : argc - 1;
      last = index < 0 ? described->dims[d].extent : atoll(argv[given]);
      shapes[t][d] = last;
      elements *= last;
    }
    size_t bytes = (size_t)elements * described->dtype.bits / 8 + 64;
    tensors[t].data = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
    if (!tensors[t].data)
      return fail("memory", described->name);
    fill(tensors[t].data, described->dtype, elements, atoll(argv[argc - 1]));
    tensors[t].device.device_type = kDLCPU;
    tensors[t].ndim = described->rank;
    tensors[t].dtype = described->dtype;
    tensors[t].shape = shapes[t];
    list[t] = &tensors[t];
  }
  char message[256];
  for (long i = 0, calls = atol(argv[3]); i < calls; i++)
    if (call(list, count, NULL, NULL, 0, message, sizeof message))
      return fail(argv[2], message);
  return 0;
}
