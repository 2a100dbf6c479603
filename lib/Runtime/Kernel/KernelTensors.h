//===- KernelTensors.h - The tensors of a kernel call -------------*- C -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the C ABIs of kernels of CPUs and of GPUs share: the checks of tensors.
// The launcher that attn-compile writes for a GPU holds the text of this file,
// of KernelCheck.c and of KernelOverlap.c (lib/Target/NVVM/Launcher.cpp).
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_KERNEL_KERNELTENSORS_H
#define ATTN_RUNTIME_KERNEL_KERNELTENSORS_H

#include "attn-c/kernel.h"

// A launcher is one file of a program, which may hold others.
#ifndef ATTN_ABI_LOCAL
#define ATTN_ABI_LOCAL
#endif

#ifdef __cplusplus
extern "C" {
#endif

// Where an error text goes.
typedef struct attn_abi_message {
  const attn_kernel_info *info;
  char *text; // may be NULL
  size_t size;
} attn_abi_message;

// The bytes [begin, end) that a tensor's elements lie in; empty when it has
// none.
typedef struct attn_abi_span {
  int64_t begin;
  int64_t end;
} attn_abi_span;

// The results of checking a call's tensors. The arrays lie in storage of
// attn_abi_storage_words() words that the caller owns.
typedef struct attn_abi_tensors {
  void **descriptors;
  attn_abi_span *spans;
} attn_abi_tensors;

// Words of a memref descriptor before its sizes.
enum { AttnDescriptorHeader = 3 };

static inline int64_t *attn_abi_sizes(const attn_abi_tensors *tensors,
                                      int32_t index) {
  return (int64_t *)tensors->descriptors[index] + AttnDescriptorHeader;
}

static inline int64_t *attn_abi_strides(const attn_abi_tensors *tensors,
                                        const attn_kernel_info *info,
                                        int32_t index) {
  return attn_abi_sizes(tensors, index) + info->tensors[index].rank;
}

static inline int64_t attn_abi_element_size(const attn_tensor_info *tensor) {
  return (tensor->dtype.bits + 7) / 8;
}

// Writes "<kernel>: <text>" where the caller wants it and returns `status`.
ATTN_ABI_LOCAL int32_t attn_abi_fail(const attn_abi_message *message,
                                     int32_t status, const char *format, ...)
    __attribute__((format(printf, 3, 4), cold, noinline));

ATTN_ABI_LOCAL int64_t attn_abi_storage_words(const attn_kernel_info *info);

// Checks `tensors` and fills `result`, which points into `storage`.
ATTN_ABI_LOCAL int32_t attn_abi_check_tensors(const attn_kernel_info *info,
                                              const DLTensor *const *tensors,
                                              int32_t count, int64_t *storage,
                                              attn_abi_tensors *result,
                                              const attn_abi_message *message);

// Refuses tensor `index` where it lies on a device that the kernel cannot
// reach. The tensors in front of it are checked already.
ATTN_ABI_LOCAL int32_t attn_abi_check_device(const attn_kernel_info *info,
                                             const DLTensor *const *tensors,
                                             int32_t index,
                                             const attn_abi_message *message);

// Refuses outputs that overlap themselves or any other tensor.
ATTN_ABI_LOCAL int32_t attn_abi_check_overlap(const attn_kernel_info *info,
                                              const attn_abi_tensors *tensors,
                                              const attn_abi_message *message);

#ifdef __cplusplus
}
#endif

#endif // ATTN_RUNTIME_KERNEL_KERNELTENSORS_H
