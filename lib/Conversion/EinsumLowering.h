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
  /// `epilogue` is null or what findEpilogue found; it goes with the einsum.
  EinsumLowering(EinsumOp einsum, EinsumOp epilogue, int64_t vectorBits,
                 int64_t rowTile, bool hasDots);
  static EinsumOp findEpilogue(EinsumOp einsum);
  /// Why `einsum` cannot be lowered as `attn.pairs` asks for, if it cannot.
  static std::optional<StringRef> checkPairs(EinsumOp einsum);
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
  bool isInterleaved();
  void emitInterleaved(OpBuilder &builder, const LaneBlock &lanes,
                       Value firstRow);
  void emitPairs(OpBuilder &builder, const LaneBlock &lanes, Value firstRow,
                 int64_t rows, SmallVectorImpl<Value> &accumulators);
  Value getExtent(OpBuilder &builder, StringAttr rank);
  TileCoordinates getCoordinates(OpBuilder &builder, const LaneBlock &lanes,
                                 int64_t vector, Value firstRow, int64_t row);

  EinsumOp einsum;
  /// A map of the sums that follows them in place, and is applied in registers.
  EinsumOp epilogue;
  Location loc;
  MemRefType outType;
  /// Result ranks, those of them that loops run over around rows and lanes, and
  /// reduced ranks.
  SmallVector<StringAttr> outRanks, looped, reduced;
  std::optional<StringAttr> lane, rowRank;
  /// The rank behind the lanes whose two points lie side by side in the result,
  /// and the rank of two points whose products one instruction sums.
  std::optional<StringAttr> interleaved, pairs;
  /// The result ranks of the block's threads, where they have any.
  std::optional<SmallVector<StringAttr>> threadRanks;
  int64_t vectorWidth, rowTile;
  /// Whether an instruction sums the products of a pair.
  bool hasDots;
  TileOperands operands;
  std::optional<EinsumBody> computation;
  std::optional<TileOperands> epilogueOperands;
  std::optional<EinsumBody> epilogueComputation;
  /// Values of the ranks whose loops are open.
  llvm::DenseMap<StringAttr, Value> point;
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_EINSUMLOWERING_H
