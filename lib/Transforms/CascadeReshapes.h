//===- CascadeReshapes.h - Reshapes between cascades ------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TRANSFORMS_CASCADERESHAPES_H
#define ATTN_LIB_TRANSFORMS_CASCADERESHAPES_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// Replaces `cascade` by one in which `rank` is split into two ranks of extents
/// `outer` and `inner`; tensors indexed by it are expanded before and results
/// collapsed after. Returns null, having changed nothing, if `rank` is part of
/// the space or of an index expression.
CascadeOp splitRank(CascadeOp cascade, StringAttr rank, int64_t outer,
                    int64_t inner);

/// The dimension that `groups` splits in two, if it splits exactly that one.
std::optional<unsigned>
getSplitDimension(ArrayRef<SmallVector<int64_t, 2>> groups);

/// Whether `cascade` neither iterates nor is mapped, so that it can be
/// rewritten freely.
bool isPlain(CascadeOp cascade);

/// Answers `tensor.dim` of a cascade's results from the cascade's inputs.
void forwardDimensions(CascadeOp cascade);

/// Makes an operand of a cascade the result of another where a reshape that
/// splits or joins one dimension stands in between. Returns whether it did.
bool removeReshape(OpOperand &operand);

} // namespace mlir::attn

#endif // ATTN_LIB_TRANSFORMS_CASCADERESHAPES_H
