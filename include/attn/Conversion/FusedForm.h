//===- FusedForm.h - What the fused form takes ------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_FUSEDFORM_H
#define ATTN_CONVERSION_FUSEDFORM_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// Function attribute with the mapping's row tile, which attn-tile-cascade
/// leaves for attn-lower-einsums.
inline constexpr StringLiteral kRowTileAttrName = "attn.row_tile";

/// Whether attn-tile-cascade can turn a mapped cascade into loops. Where it
/// cannot, says which operation stops it and why through `emit`, at a severity
/// of the caller's choice.
LogicalResult
checkFusedCascade(CascadeOp cascade,
                  function_ref<InFlightDiagnostic(Operation *)> emit);

} // namespace mlir::attn

#endif // ATTN_CONVERSION_FUSEDFORM_H
