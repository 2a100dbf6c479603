//===- FormulaInC.h - Formulas of launches as C -----------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TARGET_NVVM_FORMULAINC_H
#define ATTN_LIB_TARGET_NVVM_FORMULAINC_H

#include "mlir/Support/LLVM.h"

#include <optional>
#include <string>

namespace mlir::attn {

/// A formula of docs/gpu-launches.md as an expression of C, in the functions of
/// lib/Runtime/Launcher/Launcher.h: the extent of symbol i is `extents[i]`, and
/// `*wrong` is set where a number does not fit. None where it is no formula of
/// these symbols.
std::optional<std::string> getFormulaInC(StringRef formula,
                                         ArrayRef<std::string> symbols);

} // namespace mlir::attn

#endif // ATTN_LIB_TARGET_NVVM_FORMULAINC_H
