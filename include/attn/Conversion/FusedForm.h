//===- FusedForm.h - What the fused form takes ------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_FUSEDFORM_H
#define ATTN_CONVERSION_FUSEDFORM_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::attn {

/// Whether attn-tile-cascade can turn `function`, a kernel with mapped
/// cascades, into loops. Where it cannot, says which operation stops it and why
/// through `emit`, at a severity of the caller's choice.
LogicalResult
checkFusedForm(func::FuncOp function,
               function_ref<InFlightDiagnostic(Operation *)> emit);

} // namespace mlir::attn

#endif // ATTN_CONVERSION_FUSEDFORM_H
