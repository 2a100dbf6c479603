//===- stdlib.h - Workspace of a call -----------------------------*- C -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the kernel ABI calls of the C library, for CPUs whose own headers are
// not there. Every Linux has these functions as declared here.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_KERNEL_LIBC_STDLIB_H
#define ATTN_RUNTIME_KERNEL_LIBC_STDLIB_H

#include <stddef.h>

void *aligned_alloc(size_t alignment, size_t size);
void free(void *memory);

#endif // ATTN_RUNTIME_KERNEL_LIBC_STDLIB_H
