//===- sys/auxv.h - What the CPU can do ---------------------------*- C -*-===//
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

#ifndef ATTN_RUNTIME_KERNEL_LIBC_SYS_AUXV_H
#define ATTN_RUNTIME_KERNEL_LIBC_SYS_AUXV_H

#define AT_HWCAP 16
#define AT_HWCAP2 26

unsigned long getauxval(unsigned long type);

#endif // ATTN_RUNTIME_KERNEL_LIBC_SYS_AUXV_H
