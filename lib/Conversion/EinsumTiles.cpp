//===- EinsumTiles.cpp - Products of matrix tiles -------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A unit that multiplies tiles (AMX) takes 16 rows of 32 bf16 of one operand,
// 16 pairs of 16 lanes of the other, and adds their product to 16 rows of 16
// lanes in f32. Four sums at a time, two by two, and what they are made of fill
// its eight registers.
//
// Layouts are those of attn-pair-products: lanes [pair, lane, 2], rows
// [row, point].
//
//===----------------------------------------------------------------------===//

#include "Contractions.h"
#include "EinsumLowering.h"
#include "PairRows.h"
#include "attn/Conversion/FusedForm.h"
#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::attn;

namespace {

/// The loops of one product.
class TileProduct {
public:
  explicit TileProduct(TileEinsumOp einsum);
  void run();

private:
  /// Rows and lanes of a block of sums, in tiles.
  struct Block {
    int64_t rows, lanes;
  };

  Value constant(OpBuilder &builder, int64_t value) {
    return arith::ConstantIndexOp::create(builder, loc, value);
  }
  Value add(OpBuilder &builder, Value index, int64_t value) {
    return value == 0 ? index
                      : builder.createOrFold<arith::AddIOp>(
                            loc, index, constant(builder, value));
  }
  void emitLoops(OpBuilder &builder, Value end,
                 function_ref<void(OpBuilder &, Value, int64_t)> emit);
  bool staysInCache();
  void emitBlock(OpBuilder &builder, Value row, Value lane, Block block);
  void multiply(OpBuilder &builder, Value row, Value lane, Value point,
                Block block, SmallVectorImpl<Value> &sums);

  TileEinsumOp einsum;
  Location loc;
  /// [pair, 2 * lane], [row, point] and [row, lane].
  Value left, right, out;
  amx::TileType leftType, rightType, sumType;
};

} // namespace

TileProduct::TileProduct(TileEinsumOp einsum)
    : einsum(einsum), loc(einsum.getLoc()), out(einsum.getInit()) {
  unsigned withLanes =
      einsum.inputUsesRank(0, einsum.getOutputRanks().back()) ? 0 : 1;
  right = einsum.getInputs()[1 - withLanes];
  OpBuilder builder(einsum);
  left = memref::CollapseShapeOp::create(
      builder, loc, einsum.getInputs()[withLanes],
      ArrayRef<ReassociationIndices>{{0}, {1, 2}});
  Type bf16 = builder.getBF16Type();
  rightType = amx::TileType::get({kMatrixTileRows, kMatrixTilePoints}, bf16);
  leftType =
      amx::TileType::get({kMatrixTilePoints / 2, 2 * kMatrixTileRows}, bf16);
  sumType = amx::TileType::get({kMatrixTileRows, kMatrixTileRows},
                               builder.getF32Type());
}

/// Adds the products of the points from `point` on to `sums`.
void TileProduct::multiply(OpBuilder &builder, Value row, Value lane,
                           Value point, Block block,
                           SmallVectorImpl<Value> &sums) {
  Value two = constant(builder, 2);
  Value pair = builder.createOrFold<arith::DivUIOp>(loc, point, two);
  SmallVector<Value> rows, lanes;
  for (int64_t number = 0; number < block.rows; ++number)
    rows.push_back(amx::TileLoadOp::create(
        builder, loc, rightType, right,
        ValueRange{add(builder, row, number * kMatrixTileRows), point}));
  for (int64_t number = 0; number < block.lanes; ++number) {
    Value first = add(builder, lane, number * kMatrixTileRows);
    first = builder.createOrFold<arith::MulIOp>(loc, first, two);
    lanes.push_back(amx::TileLoadOp::create(builder, loc, leftType, left,
                                            ValueRange{pair, first}));
  }
  for (auto [number, sum] : llvm::enumerate(sums))
    sum = amx::TileMulFOp::create(builder, loc, sumType,
                                  rows[number / block.lanes],
                                  lanes[number % block.lanes], sum);
}

void TileProduct::emitBlock(OpBuilder &builder, Value row, Value lane,
                            Block block) {
  auto getPlace = [&](int64_t number) {
    return SmallVector<Value>{
        add(builder, row, number / block.lanes * kMatrixTileRows),
        add(builder, lane, number % block.lanes * kMatrixTileRows)};
  };
  SmallVector<Value> sums;
  for (int64_t number = 0; number < block.rows * block.lanes; ++number)
    sums.push_back(
        einsum.getAccumulate()
            ? amx::TileLoadOp::create(builder, loc, sumType, out,
                                      getPlace(number))
                  .getResult()
            : amx::TileZeroOp::create(builder, loc, sumType).getResult());
  // Long sums are loops: written out they would only be compiled longer.
  constexpr int64_t kMostTiles = 8;
  int64_t points = cast<MemRefType>(right.getType()).getDimSize(1);
  if (!ShapedType::isDynamic(points) &&
      points <= kMostTiles * kMatrixTilePoints) {
    for (int64_t point = 0; point < points; point += kMatrixTilePoints)
      multiply(builder, row, lane, constant(builder, point), block, sums);
  } else {
    Value end = builder.createOrFold<memref::DimOp>(loc, right, 1);
    auto loop = scf::ForOp::create(builder, loc, constant(builder, 0), end,
                                   constant(builder, kMatrixTilePoints),
                                   ValueRange(sums));
    OpBuilder body = OpBuilder::atBlockBegin(loop.getBody());
    SmallVector<Value> carried(loop.getRegionIterArgs());
    multiply(body, row, lane, loop.getInductionVar(), block, carried);
    scf::YieldOp::create(body, loc, carried);
    sums.assign(loop.getResults().begin(), loop.getResults().end());
  }
  for (auto [number, sum] : llvm::enumerate(sums))
    amx::TileStoreOp::create(builder, loc, out, getPlace(number), sum);
}

/// Calls `emit` in loops over tiles up to `end`, two at a time.
void TileProduct::emitLoops(
    OpBuilder &builder, Value end,
    function_ref<void(OpBuilder &, Value, int64_t)> emit) {
  auto emitLoop = [&](Value from, Value to, int64_t tiles) {
    auto loop = scf::ForOp::create(builder, loc, from, to,
                                   constant(builder, tiles * kMatrixTileRows));
    OpBuilder body = OpBuilder::atBlockBegin(loop.getBody());
    emit(body, loop.getInductionVar(), tiles);
  };
  Value two = constant(builder, 2 * kMatrixTileRows);
  Value whole = builder.createOrFold<arith::MulIOp>(
      loc, builder.createOrFold<arith::DivUIOp>(loc, end, two), two);
  std::optional<int64_t> known = getConstantIntValue(end);
  if (!known || *known >= 2 * kMatrixTileRows)
    emitLoop(constant(builder, 0), whole, 2);
  if (!known || *known % (2 * kMatrixTileRows) != 0)
    emitLoop(whole, end, 1);
}

/// Whether the operand of rows is small enough to stay in the first level of
/// cache while the lanes go by; else a part of it stays while they do.
bool TileProduct::staysInCache() {
  constexpr int64_t kBytes = 24 * 1024;
  auto type = cast<MemRefType>(getWholeBuffer(right).getType());
  return type.hasStaticShape() && type.getNumElements() * 2 <= kBytes;
}

void TileProduct::run() {
  OpBuilder builder(einsum);
  Value rows = builder.createOrFold<memref::DimOp>(loc, out, 0);
  Value lanes = builder.createOrFold<memref::DimOp>(loc, out, 1);
  bool lanesOutside = staysInCache();
  emitLoops(
      builder, lanesOutside ? lanes : rows,
      [&](OpBuilder &outer, Value first, int64_t firstTiles) {
        emitLoops(
            outer, lanesOutside ? rows : lanes,
            [&](OpBuilder &inner, Value second, int64_t secondTiles) {
              if (lanesOutside)
                emitBlock(inner, second, first, {secondTiles, firstTiles});
              else
                emitBlock(inner, first, second, {firstTiles, secondTiles});
            });
      });
  einsum.erase();
}

std::optional<StringRef> mlir::attn::checkMatrixTiles(TileEinsumOp einsum) {
  auto type = cast<MemRefType>(einsum.getInit().getType());
  SmallVector<StringAttr> ranks = einsum.getOutputRanks();
  SmallVector<int64_t> strides;
  int64_t offset;
  auto isWhole = [](int64_t size, int64_t unit) {
    return ShapedType::isDynamic(size) || size % unit == 0;
  };
  if (type.getRank() != 2 ||
      failed(type.getStridesAndOffset(strides, offset)) ||
      strides.back() != 1 || !isWhole(type.getDimSize(0), kMatrixTileRows) ||
      !isWhole(type.getDimSize(1), kMatrixTileRows))
    return "the result is none of tiles of 16 rows and lanes";
  if (!isa_and_nonnull<arith::MulFOp>(einsum.getSingleMapOp()))
    return "it sums something else than products";
  SmallVector<StringAttr> reduced = einsum.getReduced();
  if (reduced.size() != 2)
    return "it does not sum over pairs and their points alone";
  for (unsigned index : {0u, 1u}) {
    auto operand = cast<MemRefType>(einsum.getInputs()[index].getType());
    EinsumAccess access = einsum.getAccess(index);
    auto getRank = [&](StringAttr rank) {
      auto *found = llvm::find(access.ranks, rank);
      return getAffineDimExpr(found - access.ranks.begin(),
                              einsum.getContext());
    };
    AffineExpr pair = getRank(reduced[0]), place = getRank(reduced[1]);
    bool hasLanes = einsum.inputUsesRank(index, ranks.back());
    bool isTile =
        hasLanes ? operand.getRank() == 3 && access.map.getResult(0) == pair &&
                       isWhole(operand.getDimSize(0), kMatrixTilePoints / 2)
                 : operand.getRank() == 2 &&
                       access.map.getResult(1) == pair * 2 + place &&
                       getPlainRank(access, 0) == ranks.front() &&
                       isWhole(operand.getDimSize(1), kMatrixTilePoints);
    if (!isTile || access.readsData())
      return "an operand is none of tiles of 16 rows and 32 points";
  }
  return std::nullopt;
}

void mlir::attn::lowerMatrixTiles(TileEinsumOp einsum) {
  TileProduct(einsum).run();
}
