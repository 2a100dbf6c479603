//===- AttentionTile.h - attn.attention on a part -------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_IR_ATTENTIONTILE_H
#define ATTN_LIB_DIALECT_ATTN_IR_ATTENTIONTILE_H

#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/Interfaces/TilingInterface.h"

namespace mlir::attn {

/// The loops of attn.attention, in their order.
enum AttentionLoop : unsigned {
  kBatch,
  kHead,
  kRow,
  kKey,
  kFeature,
  kNumLoops
};

/// The extents of the loops.
SmallVector<OpFoldResult> getLoopExtents(AttentionOp op, OpBuilder &builder);

/// What indexes a dimension of an operand.
struct OperandDim {
  enum Kind {
    Loop,    ///< A loop.
    KeyHead, ///< The head loop, by groups.
    Whole    ///< Nothing: a tile holds all of it.
  };
  Kind kind;
  AttentionLoop loop;
};

/// An attention operator on a tile of its loops.
class AttentionTile {
public:
  AttentionTile(AttentionOp op, OpBuilder &builder,
                ArrayRef<OpFoldResult> offsets, ArrayRef<OpFoldResult> sizes);

  /// Whether the tile is known to hold all of a loop.
  bool isWhole(AttentionLoop loop);

  /// Creates the operator on slices of the operands, or says why it cannot be.
  /// A partial one has no sinks, and a log-sum-exp; its output has the compute
  /// type.
  FailureOr<AttentionOp> create(bool isPartial = false);

  /// The slices that `create` has made.
  ArrayRef<Operation *> getSlices() const { return slices; }

private:
  LogicalResult setKeyHeads();
  bool isMultiple(OpFoldResult value, int64_t factor);
  Value slice(Value operand, ArrayRef<OperandDim> dims);
  bool readsPosition(AttentionLoop loop);
  Value addTo(Value position, OpFoldResult delta);
  Value getWholeOffset(Value keyLengths, Value queryLengths);

  AttentionOp op;
  OpBuilder &builder;
  Location loc;
  SmallVector<OpFoldResult> offsets, sizes;
  OpFoldResult firstKeyHead, numKeyHeads;
  SmallVector<Operation *> slices;
};

/// Merges partial results with a dimension of slots in front into the results
/// of `op`, its sinks included.
MergeResult mergeSlots(AttentionOp op, OpBuilder &builder, Location loc,
                       Value outputs, Value lses);

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_IR_ATTENTIONTILE_H
