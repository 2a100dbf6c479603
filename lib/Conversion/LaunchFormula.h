//===- LaunchFormula.h - What a launch needs, for its host ------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_LAUNCHFORMULA_H
#define ATTN_LIB_CONVERSION_LAUNCHFORMULA_H

#include "attn/Conversion/KernelSignature.h"

namespace mlir::attn {

/// What `function`, one of those of a kernel that return a number, computes
/// from the extents of its tensors, as text: integers, symbols of the
/// signature, `+`, `-`, `*`, parentheses, and the functions floordiv, ceildiv,
/// mod, min, max and select(condition, then, else), whose condition is a
/// comparison by lt, le, eq or ne. Numbers are mathematical integers: they do
/// not wrap, and what the kernel computes in floating point to find out whether
/// they would is the integer, too. Fails, with a diagnostic, where the function
/// computes anything else.
FailureOr<std::string> getLaunchFormula(func::FuncOp function,
                                        const KernelSignature &signature);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_LAUNCHFORMULA_H
