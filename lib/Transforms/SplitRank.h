//===- SplitRank.h - Split a rank of a cascade in two -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TRANSFORMS_SPLITRANK_H
#define ATTN_LIB_TRANSFORMS_SPLITRANK_H

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

} // namespace mlir::attn

#endif // ATTN_LIB_TRANSFORMS_SPLITRANK_H
