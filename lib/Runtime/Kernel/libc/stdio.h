//===- stdio.h - Writing messages ---------------------------------*- C -*-===//
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

#ifndef ATTN_RUNTIME_KERNEL_LIBC_STDIO_H
#define ATTN_RUNTIME_KERNEL_LIBC_STDIO_H

#include <stdarg.h>
#include <stddef.h>

int snprintf(char *text, size_t size, const char *format, ...);
int vsnprintf(char *text, size_t size, const char *format, va_list arguments);

#endif // ATTN_RUNTIME_KERNEL_LIBC_STDIO_H
