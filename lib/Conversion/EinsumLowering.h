//===- EinsumLowering.h - The loops of one einsum on tiles ------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_EINSUMLOWERING_H
#define ATTN_LIB_CONVERSION_EINSUMLOWERING_H

#include "Contractions.h"
#include "EinsumBody.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::attn {

/// Emits the loops of one einsum.
class EinsumLowering {
public:
  EinsumLowering(TileEinsumOp einsum, int64_t vectorBits, int64_t rowTile,
                 bool hasDots);
  /// The einsum behind this one that maps its sums in place, by one operation
  /// of arithmetic, or null.
  static TileEinsumOp findEpilogue(TileEinsumOp einsum);
  /// The einsum behind this one, and its epilogue if there is one, that reduces
  /// the tile over its rows, or null. What computes its addresses then stands
  /// in front.
  static TileEinsumOp findFold(TileEinsumOp einsum, TileEinsumOp epilogue);
  /// The sum behind this einsum, a product of the sum's accumulators in place
  /// with something else, that can multiply what it accumulates to as it loads
  /// it, or null.
  static TileEinsumOp findAccumulation(TileEinsumOp einsum);
  /// Multiplies what the einsum accumulates to as `product` does, which is
  /// erased with the einsum.
  void joinProduct(TileEinsumOp product);
  /// Whether others can: rows and lanes are ranks of the result.
  bool canJoin() const {
    return lane && !threadRanks && !reducesLanes && !interleaved &&
           innerRanks.empty();
  }
  /// The einsum behind these that lays the tile out in pairs of rows, or null.
  TileEinsumOp findPack(TileEinsumOp epilogue, TileEinsumOp fold);
  /// Has all of them done before the values are stored, and erased with the
  /// einsum.
  void join(TileEinsumOp epilogue, TileEinsumOp fold, TileEinsumOp pack);
  /// Why `einsum` cannot be lowered as `attn.pairs` asks for, if it cannot.
  static std::optional<StringRef> checkPairs(TileEinsumOp einsum);
  /// Runs the loop in front of the einsum that asks for what is read later, if
  /// there is one, a part at a time between its sums.
  void takeRequests();
  void run();

private:
  /// A block of lanes: `vectors` vectors from `first`, or one partial vector of
  /// `count` lanes.
  struct LaneBlock {
    Value first;
    int64_t vectors;
    Value count;
  };

  /// A result rank whose points are written out in a register tile: all of
  /// them, or `extent` from `first` on.
  struct InnerRank {
    StringAttr rank;
    int64_t extent;
    bool isWhole = true;
    Value first;
  };

  void chooseLane();
  void chooseRows(int64_t rowTileOption);
  void chooseInnerRows(int64_t most);
  int64_t getStaticExtent(StringAttr rank) {
    return attn::getStaticExtent(einsum, rank);
  }
  void emitThreads(OpBuilder &builder, ArrayRef<StringAttr> ranks);
  bool isBlockSum();
  void emitBlockSum(OpBuilder &builder);
  void emitLoops(OpBuilder &builder, unsigned position,
                 function_ref<void(OpBuilder &)> emit);
  void emitLanes(OpBuilder &builder);
  void emitRows(OpBuilder &builder, const LaneBlock &lanes);
  void emitRowTiles(OpBuilder &builder, const LaneBlock &lanes,
                    SmallVectorImpl<Value> &folded);
  void emitTile(OpBuilder &builder, const LaneBlock &lanes, Value firstRow,
                int64_t rows, MutableArrayRef<Value> folded);
  SmallVector<Value> loadAccumulators(OpBuilder &builder,
                                      const LaneBlock &lanes, Value firstRow,
                                      int64_t rows);
  SmallVector<Value> startFold(OpBuilder &builder, const LaneBlock &lanes);
  Value interleaveRounded(OpBuilder &builder, Value first, Value second);
  void storePack(OpBuilder &builder, const LaneBlock &lanes, Value firstRow,
                 ArrayRef<Value> values);
  void storeFold(OpBuilder &builder, const LaneBlock &lanes,
                 ArrayRef<Value> folded);
  void emitReduction(OpBuilder &builder, unsigned position,
                     const LaneBlock &lanes, Value firstRow, int64_t rows,
                     SmallVectorImpl<Value> &accumulators);
  void emitReducedLanes(OpBuilder &builder);
  void emitPartsOfReducedLanes(OpBuilder &builder, Value firstRow,
                               int64_t rows);
  void emitRowsOfReducedLanes(OpBuilder &builder, Value firstRow, int64_t rows);
  void emitLaneReduction(OpBuilder &builder, unsigned position, Value firstRow,
                         int64_t rows, SmallVectorImpl<Value> &accumulators);
  void storeSums(OpBuilder &builder, Value firstRow, int64_t rows,
                 ArrayRef<Value> accumulators);
  /// Values of one operand, one for each vector of lanes.
  struct LoadedOperand {
    unsigned index;
    ArrayRef<Value> vectors;
  };
  SmallVector<Value>
  emitPoint(OpBuilder &builder, const LaneBlock &lanes, Value firstRow,
            int64_t rows, ValueRange accumulators,
            std::optional<LoadedOperand> given = std::nullopt);
  bool isInterleaved();
  void emitInterleaved(OpBuilder &builder, const LaneBlock &lanes,
                       Value firstRow, int64_t rows);
  void storePairs(OpBuilder &builder, const TileCoordinates &at, Value pairs);
  std::optional<unsigned> findTransposed();
  SmallVector<Value> loadTransposed(OpBuilder &builder, unsigned index,
                                    const LaneBlock &lanes, int64_t vector,
                                    Value firstRow);
  bool transposesBits();
  void emitTransposedBits(OpBuilder &builder, Value end);
  void emitTransposedBlock(OpBuilder &builder, Value firstLane, Value firstRow,
                           int64_t rows);
  Value mapPairs(OpBuilder &builder, const TileCoordinates &at, Value pairs);
  SmallVector<Value> loadPairs(OpBuilder &builder, const LaneBlock &lanes,
                               Value firstRow, unsigned index);
  void emitPairs(OpBuilder &builder, const LaneBlock &lanes, Value firstRow,
                 int64_t rows, SmallVectorImpl<Value> &accumulators);
  void emitRequests(OpBuilder &builder, Value first, int64_t count);
  void emitReductionWithRequests(OpBuilder &builder, const LaneBlock &lanes,
                                 Value firstRow, int64_t rows,
                                 SmallVectorImpl<Value> &accumulators);
  Value getFirstRequest(OpBuilder &builder, const LaneBlock &lanes,
                        Value firstRow);
  void emitRequestsOfRest(OpBuilder &builder, Value first, Value rest);
  bool canWeave() const;
  /// The lanes of a whole block.
  int64_t getBlockLanes() const {
    return std::min(outType.getShape().back(), blockVectors * vectorWidth);
  }
  int64_t countRequests(int64_t lanes) const;
  int64_t countParts(int64_t count);
  int64_t getLoadedRow(unsigned index, int64_t row);
  Value getExtent(OpBuilder &builder, StringAttr rank);
  TileCoordinates getCoordinates(OpBuilder &builder, const LaneBlock &lanes,
                                 int64_t vector, Value firstRow, int64_t row);

  /// An einsum that works on values of another in registers.
  struct Joined {
    Joined(TileEinsumOp einsum, int64_t width)
        : einsum(einsum), operands(einsum),
          computation(einsum, operands, width) {}

    TileEinsumOp einsum;
    TileOperands operands;
    EinsumBody computation;
  };

  TileEinsumOp einsum;
  Location loc;
  MemRefType outType;
  /// Result ranks, those of them that loops run over around rows and lanes, and
  /// reduced ranks.
  SmallVector<StringAttr> outRanks, looped, reduced;
  std::optional<StringAttr> lane, rowRank;
  /// The rank behind the lanes whose two points lie side by side in the result,
  /// and the rank of two points whose products one instruction sums.
  std::optional<StringAttr> interleaved, pairs;
  /// Whether the lane rank is one that the einsum reduces.
  bool reducesLanes = false;
  /// Ranks inside of the rows, and the product of their extents: a register
  /// tile has so many rows for each point of `rowRank`.
  SmallVector<InnerRank> innerRanks;
  int64_t innerRows = 1;
  /// Vectors of lanes in a register tile.
  int64_t blockVectors;
  /// The result ranks of the block's threads, where they have any.
  std::optional<SmallVector<StringAttr>> threadRanks;
  /// The operand that is transposed in registers, if there is one.
  std::optional<unsigned> transposed;
  int64_t vectorWidth, rowTile;
  /// Whether an instruction sums the products of a pair.
  bool hasDots;
  TileOperands operands;
  std::optional<EinsumBody> computation;
  std::optional<Joined> product, epilogue, fold;
  TileEinsumOp pack;
  /// The loop of requests that runs along, if there is one.
  scf::ForOp requests;
  /// How many of them a tile of rows makes, over all of its lanes.
  int64_t tileRequests = 0;
  /// Values of the ranks whose loops are open.
  llvm::DenseMap<StringAttr, Value> point;
};

/// Whether the last dimension of `type` holds two neighbours, and the one in
/// front of it lies behind them without a gap.
bool endsInPairs(MemRefType type);

/// `memref` with its last two dimensions as one.
Value joinPairs(OpBuilder &builder, Location loc, Value memref);

/// Why `einsum`, a sum of pairs, cannot be multiplied in whole tiles as
/// `attn.matrix_tiles` asks for, if it cannot.
std::optional<StringRef> checkMatrixTiles(TileEinsumOp einsum);

/// Emits the loops of an einsum with `attn.matrix_tiles`, by instructions of
/// AMX, and erases it. Whole tiles are all that it is made of.
void lowerMatrixTiles(TileEinsumOp einsum);

/// Makes functions of transposed copies, of those with `attn.matrix_tiles`,
/// that stand in several places.
void outlineCopies(ModuleOp module);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_EINSUMLOWERING_H
