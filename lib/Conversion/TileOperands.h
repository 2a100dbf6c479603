//===- TileOperands.h - Loads and stores of an einsum's tiles ---*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_TILEOPERANDS_H
#define ATTN_LIB_CONVERSION_TILEOPERANDS_H

#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/DenseMap.h"

namespace mlir::attn {

/// Where in the iteration space a register of lanes stands.
struct TileCoordinates {
  /// The ranks without lanes.
  llvm::DenseMap<StringAttr, Value> uniform;
  /// The lane rank, if there is one: `width` lanes from `firstLane`, of which
  /// `count` exist where it is set.
  std::optional<StringAttr> lane;
  int64_t width = 1;
  Value firstLane, count;
};

/// The one accessor under every tile load and store: it turns index expressions
/// at a coordinate into vector loads, broadcasts or gathers, converts element
/// types, keeps partial registers inside their tensors, and clamps ranks whose
/// tile is larger than the operand. An index is a coordinate, an expression of
/// coordinates, or the element of a table: tokens in permuted order are read
/// where they lie.
class TileOperands {
public:
  explicit TileOperands(TileEinsumOp einsum) : einsum(einsum) {}

  /// Says that all registers of lanes have `lanes` of them and begin at a
  /// multiple of that.
  void setWidth(int64_t lanes) { width = lanes; }

  /// Whether some input has the points of `rank` apart, so that a vector of
  /// them is gathered.
  bool readsApart(StringAttr rank);
  /// Whether the inputs that have `rank`, at least one, have its points side by
  /// side.
  bool readsSideBySide(StringAttr rank);
  /// Emits what all loads share, before the loops, where `lane` is the lane
  /// rank if there is one.
  void prepare(OpBuilder &builder, std::optional<StringAttr> lane);
  /// The value of input `index`, converted to `type`: a scalar where the lanes
  /// do not matter to it, else a vector.
  Value load(OpBuilder &builder, unsigned index, const TileCoordinates &at,
             Type type);
  /// `value` with elements of `type`.
  static Value convert(OpBuilder &builder, Location loc, Value value,
                       Type type);
  /// Where input `index` is read at a point without lanes: an index for each of
  /// its dimensions.
  SmallVector<Value> getIndices(OpBuilder &builder, unsigned index,
                                const TileCoordinates &at);
  /// The current value of the result, for accumulation.
  Value loadResult(OpBuilder &builder, const TileCoordinates &at,
                   ArrayRef<StringAttr> ranks, Type type);
  void storeResult(OpBuilder &builder, const TileCoordinates &at,
                   ArrayRef<StringAttr> ranks, Value value);
  /// The coordinate along `rank`: index, or a vector of index along the lanes.
  Value getIndex(OpBuilder &builder, const TileCoordinates &at,
                 StringAttr rank);
  /// Which lanes of a partial register exist.
  Value getMask(OpBuilder &builder, const TileCoordinates &at);

private:
  /// A memref as flat memory, for gathers.
  struct FlatView {
    Value memref;
    SmallVector<Value> strides;
  };
  static FlatView flatten(OpBuilder &builder, Location loc, Value memref);
  Value loadIndex(OpBuilder &builder, const DataIndex &data,
                  const EinsumAccess &access, const TileCoordinates &at);
  Value keepNear(OpBuilder &builder, Value index, int64_t width);
  Value clampIndex(OpBuilder &builder, Value index, Value memref, unsigned dim,
                   int64_t width);
  void storeLanes(OpBuilder &builder, const TileCoordinates &at,
                  ArrayRef<Value> indices, Value value);
  Value loadGathered(OpBuilder &builder, unsigned index,
                     const TileCoordinates &at, const EinsumAccess &access);
  Value evaluate(OpBuilder &builder, AffineExpr expr,
                 const EinsumAccess &access, const TileCoordinates &at);
  bool isClamped(StringAttr rank);

  TileEinsumOp einsum;
  int64_t width = 0;
  SmallVector<FlatView> flat;
  /// Of the index tensors that the lanes index.
  llvm::DenseMap<Value, FlatView> flatTables;
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_TILEOPERANDS_H
