//===- LibraryFunctions.h - What kernels may call ---------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_COMMON_LIBRARYFUNCTIONS_H
#define ATTN_TARGET_COMMON_LIBRARYFUNCTIONS_H

#include "mlir/Support/LLVM.h"

namespace mlir::attn {

/// Whether the C library or its mathematical part defines a function that code
/// generation, the optimiser or the C ABI may call.
bool isLibraryFunction(StringRef name);

} // namespace mlir::attn

#endif // ATTN_TARGET_COMMON_LIBRARYFUNCTIONS_H
