//===- Rebuild.h - Operations with other operands and types -----*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_IR_REBUILD_H
#define ATTN_DIALECT_ATTN_IR_REBUILD_H

#include "mlir/IR/PatternMatch.h"

namespace mlir::attn {

/// A new operation like `op` in front of it, with other operands and result
/// types; it takes the regions of `op`, which is left to be replaced.
Operation *rebuild(PatternRewriter &rewriter, Operation *op,
                   ValueRange operands, TypeRange results);

/// A copy of `op` that stands in no block, with other operands and result
/// types.
Operation *copyWith(Operation *op, ValueRange operands, TypeRange results);

/// The operands, those that come from a `tensor.cast` that forgets extents as
/// they are before it.
SmallVector<Value> lookThroughCasts(ValueRange operands);

/// Replaces `op` by `refined`, a copy with more static extents, and casts its
/// results back. A copy that does not verify is destroyed, and nothing changes:
/// extents that disagree, or an index that is now known to leave its dimension,
/// are for the caller of the program and not for a simplification to find.
LogicalResult replaceByRefined(PatternRewriter &rewriter, Operation *op,
                               Operation *refined);

} // namespace mlir::attn

#endif // ATTN_DIALECT_ATTN_IR_REBUILD_H
