//===- EinsumLowering.h - The loops of one einsum on tiles ------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_EINSUMLOWERING_H
#define ATTN_LIB_CONVERSION_EINSUMLOWERING_H

#include "EinsumBody.h"

namespace mlir::attn {

/// Emits the loops of one einsum.
class EinsumLowering {
public:
  EinsumLowering(EinsumOp einsum, int64_t vectorBits, int64_t rowTile);
  void run();

private:
  /// A block of lanes: `vectors` vectors from `first`, or one partial vector of
  /// `count` lanes.
  struct LaneBlock {
    Value first;
    int64_t vectors;
    Value count;
  };

  void emitThreads(OpBuilder &builder, ArrayRef<StringAttr> ranks);
  bool isBlockSum();
  void emitBlockSum(OpBuilder &builder);
  void emitLoops(OpBuilder &builder, unsigned position);
  void emitLanes(OpBuilder &builder);
  void emitRows(OpBuilder &builder, const LaneBlock &lanes);
  void emitTile(OpBuilder &builder, const LaneBlock &lanes, Value firstRow,
                int64_t rows);
  void emitReduction(OpBuilder &builder, unsigned position,
                     const LaneBlock &lanes, Value firstRow, int64_t rows,
                     SmallVectorImpl<Value> &accumulators);
  SmallVector<Value> emitPoint(OpBuilder &builder, const LaneBlock &lanes,
                               Value firstRow, int64_t rows,
                               ValueRange accumulators);
  Value getExtent(OpBuilder &builder, StringAttr rank);
  TileCoordinates getCoordinates(OpBuilder &builder, const LaneBlock &lanes,
                                 int64_t vector, Value firstRow, int64_t row);

  EinsumOp einsum;
  Location loc;
  MemRefType outType;
  /// Result ranks, those of them that loops run over around rows and lanes, and
  /// reduced ranks.
  SmallVector<StringAttr> outRanks, looped, reduced;
  std::optional<StringAttr> lane, rowRank;
  /// The result ranks of the block's threads, where they have any.
  std::optional<SmallVector<StringAttr>> threadRanks;
  int64_t vectorWidth, rowTile;
  TileOperands operands;
  std::optional<EinsumBody> computation;
  /// Values of the ranks whose loops are open.
  llvm::DenseMap<StringAttr, Value> point;
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_EINSUMLOWERING_H
