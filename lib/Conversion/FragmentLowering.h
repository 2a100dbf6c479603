//===- FragmentLowering.h - Einsums on registers of a warp ------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_FRAGMENTLOWERING_H
#define ATTN_LIB_CONVERSION_FRAGMENTLOWERING_H

#include "EinsumBody.h"
#include "ExponentMap.h"
#include "WarpLayouts.h"

namespace mlir::attn {

/// Columns of a tile that a matrix product's four threads of a row share, and
/// those of each.
inline constexpr int64_t kOwnColumns = 2;
inline constexpr int64_t kRowThreads = kMatrixColumns / kOwnColumns;
/// Bytes of two numbers of 16 bits, which are stored at once.
inline constexpr int64_t kPairBytes = 4;

/// A thread among those of its block. In an accumulator of m16n8k16 thread t of
/// a warp holds rows t / 4 and t / 4 + 8, and of each columns 2 (t mod 4) and
/// the next one. A register tile has these rows for every 16 lanes of the warp
/// and these columns for every 8 of the tile, and counts both from 0.
struct WarpThread {
  /// The lane of the item that each row of registers belongs to.
  SmallVector<Value> lanes;
  /// The first lane of the warp, and the thread's number in the warp.
  Value firstLane, number;
  /// The first of the columns that the thread has of the tile's first eight.
  Value firstColumn;

  static WarpThread create(OpBuilder &builder, Location loc, int64_t warpLanes,
                           int64_t threads);
  int64_t getRows() const { return lanes.size(); }
  /// The column of the tile that column `column` of the registers is.
  Value getColumn(OpBuilder &builder, Location loc, int64_t column) const;
  /// How far behind the first column that is.
  static int64_t getOffset(int64_t column);
  /// How far behind the first lane that of row `row` of the registers is.
  static int64_t getRowOffset(int64_t row) { return row * kMatrixRows / 2; }
};

/// Registers of a thread by the buffers that they are its part of.
using RegisterTiles = llvm::DenseMap<Value, Value>;

/// How an integer of a map changes from point to point.
struct PointSum {
  /// What it grows by from a row, and a column, to the next one.
  int64_t row = 0, column = 0;
  /// Whether it depends on the row, or the column, in other ways too.
  bool readsRow = false, readsColumn = false;

  /// The sum of this and `sign` times `other`.
  PointSum add(const PointSum &other, int64_t sign) const {
    return {row + sign * other.row, column + sign * other.column,
            readsRow || other.readsRow, readsColumn || other.readsColumn};
  }
};

/// Lowers one einsum whose result has the rank of the lanes, or, in a loop over
/// the lanes, is a row of a tensor.
class FragmentLowering {
public:
  FragmentLowering(TileEinsumOp einsum, StringAttr lane,
                   const WarpThread &thread, const RegisterTiles &registers)
      : einsum(einsum), loc(einsum.getLoc()), lane(lane), thread(thread),
        registers(registers), operands(einsum),
        body(einsum, operands, /*width=*/0, /*isOnGPU=*/true) {}

  void run();
  /// For the lane of row `row` alone.
  void runForRow(int64_t row);

private:
  /// One column of registers, where the einsum has columns.
  struct Column {
    int64_t number = 0;
    /// Its coordinate in the einsum, and whether the einsum has it; null if
    /// always.
    Value coordinate, exists;
  };

  /// A comparison of the map, and how the difference of its sides changes.
  struct PointTest {
    arith::CmpIOp compare;
    PointSum difference;
  };

  Value getRegisters(Value memref) const {
    return registers.lookup(getWholeBuffer(memref));
  }
  static bool isTile(Value registers) {
    return cast<MemRefType>(registers.getType()).getRank() == 2;
  }
  StringAttr getColumnRank();
  std::optional<TilePart> getPart();
  bool readsTile();
  int64_t countColumns();
  Column getColumn(OpBuilder &builder, const std::optional<TilePart> &part,
                   int64_t number);
  TileCoordinates getPoint(int64_t row, StringAttr rank, const Column &column);
  Value loadRegister(OpBuilder &builder, Value memref, int64_t row,
                     int64_t column);
  Value loadPair(OpBuilder &builder, Value memref, int64_t row, int64_t column);
  Value unpack(OpBuilder &builder, Value memref, Value pair, Value isUpper);
  void lowerRounding();
  void storeRegister(OpBuilder &builder, Value memref, int64_t row,
                     int64_t column, Value value, Value exists = {});
  bool readsMemoryAt(StringAttr rank);

  // Tests of points: FragmentTests.cpp.
  void findTests(StringAttr column);
  Value emitDifference(OpBuilder &builder, const PointTest &test, int64_t row,
                       StringAttr rank, const Column &column,
                       ArrayRef<Value> arguments);
  IRMapping emitTests(OpBuilder &builder, int64_t row, StringAttr rank,
                      const Column &column, ArrayRef<Value> arguments);

  Value emitPoint(OpBuilder &builder, int64_t row, StringAttr rank,
                  const Column &column, Value accumulator);
  Value emitGuarded(OpBuilder &builder, int64_t row, StringAttr rank,
                    const Column &column, Value accumulator, Value otherwise);
  Value shuffle(OpBuilder &builder, Value value, Value from, bool isXor);
  Value voteAny(OpBuilder &builder, Value isIt);

  void lowerMap();
  bool isRepair();
  void lowerRepair();
  std::optional<ExponentMap> matchExponent();
  void lowerExponent(const ExponentMap &exponent);
  Value joinThreads(OpBuilder &builder, Value value,
                    function_ref<Value(Value, Value)> combine);
  void lowerJoin();
  void lowerReduction();
  Value shuffleWeight(OpBuilder &builder, Value weights, int64_t row,
                      Value column);
  void lowerSum(std::optional<unsigned> weights);
  void lowerProduct(const Contraction &product);

  // Stores to tensors: FragmentStores.cpp.
  Value storesRow(OpBuilder &builder, int64_t row);
  Value isFirstOfRow(OpBuilder &builder);
  bool hasPairs();
  void lowerStore();
  Value createPairTest(OpBuilder &builder);
  void storeColumns(OpBuilder builder, int64_t row);
  void storePairs(OpBuilder builder, int64_t row, Value isAligned);

  // Products of matrices: FragmentProducts.cpp.
  using Matrix = SmallVector<Value, 4>;
  Value getElementAddress(OpBuilder &builder, Value memref, Value row,
                          Value column);
  Matrix loadMatrices(OpBuilder &builder, Value address, int64_t offset,
                      int64_t count, bool isTransposed, Type element);
  Value packPair(OpBuilder &builder, Value lower, Value upper, Type element);
  Matrix loadWeights(OpBuilder &builder, const TilePart &part, int64_t rows,
                     int64_t depth, Type element);
  Matrix multiply(OpBuilder &builder, const Matrix &left, ValueRange right,
                  const Matrix &sums, Type element);

  TileEinsumOp einsum;
  Location loc;
  StringAttr lane;
  const WarpThread &thread;
  const RegisterTiles &registers;
  TileOperands operands;
  EinsumBody body;
  /// Comparisons of the map whose sides differ by constants from point to
  /// point.
  SmallVector<PointTest> tests;
  /// Numbers that points of a row or of a column share, those of inputs and
  /// behind them of tests.
  llvm::DenseMap<std::tuple<unsigned, int64_t, int64_t>, Value> loaded;
};

/// Lowers an einsum that asks whether rows in shared memory are finite, for a
/// block of `threads`: each looks at a part of the tile, and all learn at a
/// barrier what any of them saw.
void lowerFiniteSum(TileEinsumOp einsum, int64_t threads);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_FRAGMENTLOWERING_H
