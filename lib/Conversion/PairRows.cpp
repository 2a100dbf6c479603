//===- PairRows.cpp - Rows of a tile side by side in pairs ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PairRows.h"
#include "attn/Conversion/FusedForm.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::attn;

StringAttr mlir::attn::getPairRank(StringAttr depth) {
  return StringAttr::get(depth.getContext(), depth.getValue() + "_pair");
}

StringAttr mlir::attn::getPlaceRank(StringAttr depth) {
  return StringAttr::get(depth.getContext(), depth.getValue() + "_place");
}

bool mlir::attn::isPlainIn(const EinsumAccess &access, StringAttr rank) {
  auto *found = llvm::find(access.ranks, rank);
  if (found == access.ranks.end())
    return true;
  unsigned position = found - access.ranks.begin();
  auto isPlain = [&](AffineMap map) {
    return llvm::all_of(map.getResults(), [&](AffineExpr expr) {
      return isa<AffineDimExpr>(expr) || !expr.isFunctionOfDim(position);
    });
  };
  return isPlain(access.map) &&
         llvm::all_of(access.getDataRead(),
                      [&](const DataIndex &data) { return isPlain(data.map); });
}

EinsumAccess mlir::attn::replaceRank(const EinsumAccess &access,
                                     StringAttr rank, AffineExpr by,
                                     ArrayRef<StringAttr> ranks) {
  MLIRContext *context = rank.getContext();
  SmallVector<AffineExpr> dims;
  for (StringAttr old : access.ranks) {
    auto *found = llvm::find(ranks, old);
    dims.push_back(old == rank ? by
                   : found == ranks.end()
                       ? getAffineConstantExpr(0, context)
                       : getAffineDimExpr(found - ranks.begin(), context));
  }
  auto replace = [&](AffineMap map) {
    return map.replaceDimsAndSymbols(dims, {}, ranks.size(),
                                     map.getNumSymbols());
  };
  EinsumAccess result = access;
  result.ranks.assign(ranks.begin(), ranks.end());
  result.map = replace(access.map);
  for (DataIndex &data : result.data)
    data.map = replace(data.map);
  return result;
}

/// `memref` from `offset` on along the dimensions that `map` indexes by rank
/// `position` alone.
static Value sliceAlong(OpBuilder &builder, Location loc, Value memref,
                        AffineMap map, unsigned position, Value offset) {
  auto type = cast<MemRefType>(memref.getType());
  SmallVector<OpFoldResult> offsets(type.getRank(), builder.getIndexAttr(0)),
      ones(type.getRank(), builder.getIndexAttr(1)), sizes;
  for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
    auto plain = dyn_cast<AffineDimExpr>(expr);
    bool isSliced = plain && plain.getPosition() == position;
    if (isSliced)
      offsets[dim] = offset;
    sizes.push_back(isSliced ? builder.getIndexAttr(1)
                             : memref::getMixedSize(builder, loc, memref, dim));
  }
  return memref::SubViewOp::create(builder, loc, memref, offsets, sizes, ones);
}

/// The access at point `offset` of rank `rank`.
static EinsumAccess sliceAccess(OpBuilder &builder, Location loc,
                                const EinsumAccess &access, StringAttr rank,
                                Value offset, ArrayRef<StringAttr> ranks) {
  EinsumAccess result = access;
  auto *found = llvm::find(access.ranks, rank);
  unsigned position = found - access.ranks.begin();
  if (access.map.isFunctionOfDim(position))
    result.tensor =
        sliceAlong(builder, loc, access.tensor, access.map, position, offset);
  for (DataIndex &data : result.data)
    if (data.map.isFunctionOfDim(position))
      data.tensor =
          sliceAlong(builder, loc, data.tensor, data.map, position, offset);
  return replaceRank(result, rank, builder.getAffineConstantExpr(0), ranks);
}

Value mlir::attn::yieldFirst(OpBuilder &, Location, ValueRange args) {
  return args[0];
}

Value mlir::attn::alignSize(OpBuilder &builder, Location loc, Value size,
                            int64_t unit) {
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  if (std::optional<int64_t> known = getConstantIntValue(size))
    return constant(llvm::alignTo(*known, unit));
  Value more = arith::AddIOp::create(builder, loc, size, constant(unit - 1));
  return arith::MulIOp::create(
      builder, loc, arith::DivUIOp::create(builder, loc, more, constant(unit)),
      constant(unit));
}

Value mlir::attn::takePart(OpBuilder &builder, Location loc, Value memref,
                           ArrayRef<OpFoldResult> offsets,
                           ArrayRef<OpFoldResult> sizes) {
  SmallVector<OpFoldResult> ones(sizes.size(), builder.getIndexAttr(1));
  return memref::SubViewOp::create(builder, loc, memref, offsets, sizes, ones);
}

void mlir::attn::clear(OpBuilder &builder, Location loc, Value memref,
                       ArrayRef<StringAttr> ranks) {
  TileEinsumOp::create(builder, loc, memref, ranks, {}, std::nullopt,
                       /*accumulate=*/false, {},
                       [](OpBuilder &map, Location at, ValueRange) -> Value {
                         return arith::ConstantOp::create(
                             map, at, map.getF32FloatAttr(0));
                       });
}

/// Points `from` to `to` of dimension `dim` of `buffer` become 0.
static void clearFrom(OpBuilder &builder, Location loc, Value buffer,
                      unsigned dim, Value from, Value to,
                      ArrayRef<StringAttr> ranks) {
  auto type = cast<MemRefType>(buffer.getType());
  SmallVector<OpFoldResult> offsets(type.getRank(), builder.getIndexAttr(0)),
      sizes;
  for (int64_t size : type.getShape())
    sizes.push_back(builder.getIndexAttr(size));
  offsets[dim] = getAsOpFoldResult(from);
  sizes[dim] =
      getAsOpFoldResult(builder.createOrFold<arith::SubIOp>(loc, to, from));
  if (isZeroInteger(sizes[dim]))
    return;
  clear(builder, loc, takePart(builder, loc, buffer, offsets, sizes), ranks);
}

/// The last row of an odd number of them, and the 0 beside it.
static void packOddRow(OpBuilder &builder, Value buffer,
                       const EinsumAccess &access, StringAttr column,
                       StringAttr depth, Value whole, Value size,
                       PairUnit unit) {
  Location loc = size.getLoc();
  auto type = cast<MemRefType>(buffer.getType());
  Attribute zero = builder.getIndexAttr(0), one = builder.getIndexAttr(1);
  int64_t columns = type.getDimSize(1);
  SmallVector<OpFoldResult> offsets = {whole, zero, zero}, ones(3, one),
                            sizes = {one, builder.getIndexAttr(columns),
                                     builder.getIndexAttr(2)};
  auto reduced = memref::SubViewOp::inferRankReducedResultType(
      {columns, 2}, type, offsets, sizes, ones);
  Value pair = memref::SubViewOp::create(builder, loc, reduced, buffer, offsets,
                                         sizes, ones);
  StringAttr place = getPlaceRank(depth);
  Value last = arith::SubIOp::create(
      builder, loc, size, arith::ConstantIndexOp::create(builder, loc, 1));
  TileEinsumOp::create(
      builder, loc, pair, {column, place},
      sliceAccess(builder, loc, access, depth, last, {column, place}),
      std::nullopt, /*accumulate=*/false, {},
      [&](OpBuilder &map, Location at, ValueRange args) -> Value {
        Value isRow = arith::CmpIOp::create(
            map, at, arith::CmpIPredicate::eq,
            IndexOp::create(map, at, map.getIndexType(), place),
            arith::ConstantIndexOp::create(map, at,
                                           unit == PairUnit::Dots ? 1 : 0));
        return arith::SelectOp::create(
            map, at, isRow, args[0],
            arith::ConstantOp::create(map, at,
                                      map.getFloatAttr(args[0].getType(), 0)));
      });
}

/// Pairs that `size` points take, whole matrix tiles of them for such a unit.
static Value getPairCount(OpBuilder &builder, Location loc, Value size,
                          PairUnit unit) {
  if (unit == PairUnit::MatrixTiles)
    size = alignSize(builder, loc, size, kMatrixTilePoints);
  Value two = arith::ConstantIndexOp::create(builder, loc, 2);
  return builder.createOrFold<arith::CeilDivUIOp>(loc, size, two);
}

/// `count` pairs of a buffer from `first` on.
static Value getPairs(OpBuilder &builder, Location loc, Value buffer,
                      Value first, Value count) {
  int64_t columns = cast<MemRefType>(buffer.getType()).getDimSize(1);
  Attribute zero = builder.getIndexAttr(0);
  return takePart(builder, loc, buffer, {getAsOpFoldResult(first), zero, zero},
                  {getAsOpFoldResult(count), builder.getIndexAttr(columns),
                   builder.getIndexAttr(2)});
}

Value mlir::attn::takePairs(OpBuilder &builder, Location loc, Value buffer,
                            Value first, Value size, PairUnit unit) {
  Value two = arith::ConstantIndexOp::create(builder, loc, 2);
  return getPairs(builder, loc, buffer,
                  builder.createOrFold<arith::DivUIOp>(loc, first, two),
                  getPairCount(builder, loc, size, unit));
}

Value mlir::attn::takeColumns(OpBuilder &builder, Location loc, Value buffer,
                              Value first, Value size) {
  int64_t columns = cast<MemRefType>(buffer.getType()).getDimSize(0);
  Value all = alignSize(builder, loc, size, kMatrixTilePoints);
  return takePart(builder, loc, buffer,
                  {builder.getIndexAttr(0), getAsOpFoldResult(first)},
                  {builder.getIndexAttr(columns), getAsOpFoldResult(all)});
}

void mlir::attn::packRows(OpBuilder &builder, Value buffer,
                          const EinsumAccess &access, StringAttr column,
                          StringAttr depth, Value size, PairUnit unit,
                          bool isLastReader) {
  Location loc = size.getLoc();
  StringAttr pair = getPairRank(depth), place = getPlaceRank(depth);
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value two = arith::ConstantIndexOp::create(builder, loc, 2);
  Value whole = builder.createOrFold<arith::DivUIOp>(loc, size, two);
  Value rest = builder.createOrFold<arith::RemUIOp>(loc, size, two);
  AffineExpr within = builder.getAffineDimExpr(2);
  // An instruction that adds its second product first has the first row there.
  if (unit == PairUnit::Dots)
    within = 1 - within;
  SmallVector<StringAttr> ranks = {pair, column, place};
  auto copy = TileEinsumOp::create(
      builder, loc, getPairs(builder, loc, buffer, zero, whole), ranks,
      replaceRank(access, depth, builder.getAffineDimExpr(0) * 2 + within,
                  ranks),
      std::nullopt, /*accumulate=*/false, {}, yieldFirst);
  if (isLastReader)
    copy->setAttr(kLastReaderAttrName, builder.getUnitAttr());
  if (getConstantIntValue(rest) != 0) {
    Value isOdd = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne,
                                        rest, zero);
    auto branch = scf::IfOp::create(builder, loc, isOdd);
    OpBuilder tail = branch.getThenBodyBuilder();
    packOddRow(tail, buffer, access, column, depth, whole, size, unit);
  }
  if (unit == PairUnit::MatrixTiles)
    clearFrom(builder, loc, buffer, 0,
              getPairCount(builder, loc, size, PairUnit::Dots),
              getPairCount(builder, loc, size, unit), ranks);
}

void mlir::attn::packColumns(OpBuilder &builder, Value buffer,
                             const EinsumAccess &access, StringAttr column,
                             StringAttr depth, Value size) {
  Location loc = size.getLoc();
  // Whole tiles, which repeat the last row: that is shorter code than a tail.
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value all = alignSize(builder, loc, size, kMatrixTilePoints);
  auto copy = TileEinsumOp::create(
      builder, loc, takeColumns(builder, loc, buffer, zero, size),
      {column, depth}, access, std::nullopt, /*accumulate=*/false, {depth},
      yieldFirst);
  copy->setAttr(kMatrixTilesAttrName, builder.getUnitAttr());
  std::optional<int64_t> known = getConstantIntValue(size);
  if (known && *known % kMatrixTilePoints == 0)
    return;
  Value isShort =
      arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, size, all);
  auto branch = scf::IfOp::create(builder, loc, isShort);
  OpBuilder tail = branch.getThenBodyBuilder();
  clearFrom(tail, loc, buffer, 1, size, all, {column, depth});
}
