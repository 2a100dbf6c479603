//===- EinsumReducedLanes.cpp - Einsums with lanes that they reduce -------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A vector runs over a reduced rank and holds partial results. A register tile
// has as many of them as a vector has lanes, which are combined at its end: at
// each level two vectors become one, whose groups of lanes are half as long, so
// that one vector of results remains. Lane i is always combined with lane
// i + L/2 of its group of L: the bits of a result do not depend on where in a
// tile it is computed.
//
//===----------------------------------------------------------------------===//

#include "EinsumLowering.h"
#include "attn/Conversion/FusedForm.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
/// A vector with a group of lanes for each of some results; `members` are
/// these, in the order of the groups.
struct PartialResults {
  Value vector;
  SmallVector<int64_t> members;
};

/// What the halves of the groups of two vectors, `width` lanes each, become:
/// lane `first[i]` of the two is combined with lane `second[i]`.
struct FoldLanes {
  SmallVector<int64_t> first, second;
  /// For each group of the result, its group in the two vectors.
  SmallVector<size_t> groups;
};
} // namespace

/// Groups stay within 128 bits where they are shorter than that: two vectors
/// then become one by instructions that cross no lanes of 128 bits.
static FoldLanes getFoldLanes(int64_t width, int64_t length, int64_t unit) {
  FoldLanes fold;
  int64_t perVector = width / length, half = length / 2;
  // Groups of one vector that follow each other in the result.
  int64_t together = std::clamp<int64_t>(unit / length, 1, perVector);
  if (half >= unit)
    together = perVector;
  for (int64_t from = 0; from < perVector; from += together)
    for (int64_t vector : {0, 1})
      for (int64_t group = from; group < from + together; ++group) {
        fold.groups.push_back(vector * perVector + group);
        for (int64_t i = 0; i < half; ++i) {
          int64_t at = vector * width + group * length + i;
          fold.first.push_back(at);
          fold.second.push_back(at + half);
        }
      }
  return fold;
}

/// The order in which `count` results, a power of two, have to be given so that
/// their lanes come out in order.
static SmallVector<int64_t> getFoldOrder(int64_t width, int64_t count,
                                         int64_t unit) {
  SmallVector<SmallVector<int64_t>> level;
  for (int64_t i = 0; i < count; ++i)
    level.push_back({i});
  for (int64_t length = width; level.size() > 1; length /= 2) {
    FoldLanes fold = getFoldLanes(width, length, unit);
    SmallVector<SmallVector<int64_t>> next;
    for (size_t i = 0; i < level.size(); i += 2) {
      SmallVector<int64_t> both(level[i]);
      llvm::append_range(both, level[i + 1]);
      next.push_back(llvm::map_to_vector(
          fold.groups, [&](size_t group) { return both[group]; }));
    }
    level = std::move(next);
  }
  // Result i comes out at the place of leaf `level[0][i]`.
  SmallVector<int64_t> order(count);
  for (auto [place, leaf] : llvm::enumerate(level.front()))
    order[leaf] = place;
  return order;
}

void EinsumLowering::emitReducedLanes(OpBuilder &builder) {
  if (!rowRank) {
    emitRowsOfReducedLanes(builder, {}, 1);
    return;
  }
  // What the tile reads along its rows is read by the loops inside while it is
  // near.
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  auto emitTiles = [&](OpBuilder &at, Value firstRow, int64_t rows) {
    if (requests)
      emitRequests(at, firstRow, rows);
    emitLoops(at, 0, [&](OpBuilder &body) {
      emitPartsOfReducedLanes(body, firstRow, rows);
    });
  };
  auto emitLoop = [&](Value from, Value to, int64_t rows) {
    Value step = arith::ConstantIndexOp::create(builder, loc, rows);
    auto loop = scf::ForOp::create(builder, loc, from, to, step);
    OpBuilder body = OpBuilder::atBlockBegin(loop.getBody());
    emitTiles(body, loop.getInductionVar(), rows);
  };
  int64_t extent = getStaticExtent(*rowRank);
  if (!ShapedType::isDynamic(extent)) {
    int64_t whole = extent / rowTile * rowTile;
    Value end = arith::ConstantIndexOp::create(builder, loc, whole);
    if (whole > 0)
      emitLoop(zero, end, rowTile);
    if (extent > whole)
      emitTiles(builder, end, extent - whole);
    return;
  }
  Value size = getExtent(builder, *rowRank);
  Value tile = arith::ConstantIndexOp::create(builder, loc, rowTile);
  Value rest = arith::RemUIOp::create(builder, loc, size, tile);
  Value whole = arith::SubIOp::create(builder, loc, size, rest);
  emitLoop(zero, whole, rowTile);
  if (rowTile > 1)
    emitLoop(whole, size, 1);
}

/// Register tiles of `rows` points of the row rank: one for each part of the
/// inner rank that does not fit whole.
void EinsumLowering::emitPartsOfReducedLanes(OpBuilder &builder, Value firstRow,
                                             int64_t rows) {
  if (innerRanks.empty() || innerRanks.back().isWhole) {
    emitRowsOfReducedLanes(builder, firstRow, rows);
    return;
  }
  InnerRank &inner = innerRanks.back();
  int64_t part = inner.extent, extent = getStaticExtent(inner.rank);
  int64_t whole = extent / part * part;
  auto loop = scf::ForOp::create(
      builder, loc, arith::ConstantIndexOp::create(builder, loc, 0),
      arith::ConstantIndexOp::create(builder, loc, whole),
      arith::ConstantIndexOp::create(builder, loc, part));
  OpBuilder body = OpBuilder::atBlockBegin(loop.getBody());
  inner.first = loop.getInductionVar();
  emitRowsOfReducedLanes(body, firstRow, rows);
  if (whole < extent) {
    int64_t others = innerRows / part;
    inner.first = arith::ConstantIndexOp::create(builder, loc, whole);
    inner.extent = extent - whole;
    innerRows = others * inner.extent;
    emitRowsOfReducedLanes(builder, firstRow, rows);
    inner.extent = part;
    innerRows = others * part;
  }
  inner.first = {};
}

/// One register tile: `rows` points of the row rank, for each point of the
/// inner ranks.
void EinsumLowering::emitRowsOfReducedLanes(OpBuilder &builder, Value firstRow,
                                            int64_t rows) {
  Type scalar = einsum.getMapResult().getType();
  auto type = VectorType::get({vectorWidth}, scalar);
  SmallVector<Value> accumulators;
  for (int64_t row = 0; row < rows * innerRows; ++row) {
    Value start = computation->getIdentity(builder, type);
    if (einsum.getAccumulate()) {
      TileCoordinates at = getCoordinates(builder, {}, 0, firstRow, row);
      at.lane.reset();
      Value old = operands.loadResult(builder, at, outRanks, scalar);
      start = vector::InsertOp::create(builder, loc, old, start, 0);
    }
    accumulators.push_back(start);
  }
  emitLaneReduction(builder, 0, firstRow, rows * innerRows, accumulators);
  storeSums(builder, firstRow, rows, accumulators);
}

/// Nests the loops over the reduced ranks, the one that has the lanes
/// innermost.
void EinsumLowering::emitLaneReduction(OpBuilder &builder, unsigned position,
                                       Value firstRow, int64_t rows,
                                       SmallVectorImpl<Value> &accumulators) {
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  if (position < reduced.size()) {
    Value one = arith::ConstantIndexOp::create(builder, loc, 1);
    auto loop = scf::ForOp::create(builder, loc, zero,
                                   getExtent(builder, reduced[position]), one,
                                   accumulators);
    OpBuilder body = OpBuilder::atBlockBegin(loop.getBody());
    point[reduced[position]] = loop.getInductionVar();
    SmallVector<Value> carried(loop.getRegionIterArgs());
    emitLaneReduction(body, position + 1, firstRow, rows, carried);
    scf::YieldOp::create(body, loc, carried);
    accumulators.assign(loop.getResults().begin(), loop.getResults().end());
    return;
  }
  Value size = getExtent(builder, *lane);
  Value width = arith::ConstantIndexOp::create(builder, loc, vectorWidth);
  Value rest = builder.createOrFold<arith::RemUIOp>(loc, size, width);
  Value whole = builder.createOrFold<arith::SubIOp>(loc, size, rest);
  auto loop =
      scf::ForOp::create(builder, loc, zero, whole, width, accumulators);
  OpBuilder body = OpBuilder::atBlockBegin(loop.getBody());
  SmallVector<Value> carried =
      emitPoint(body, {loop.getInductionVar(), 1, {}}, firstRow, rows,
                loop.getRegionIterArgs());
  scf::YieldOp::create(body, loc, carried);
  accumulators.assign(loop.getResults().begin(), loop.getResults().end());
  if (getConstantIntValue(rest) == 0)
    return;

  // Lanes past the end keep what they hold.
  auto emitRest = [&](OpBuilder &at) {
    LaneBlock lanes{whole, 1, rest};
    SmallVector<Value> values =
        emitPoint(at, lanes, firstRow, rows, accumulators);
    Value mask =
        operands.getMask(at, getCoordinates(at, lanes, 0, firstRow, 0));
    for (auto [value, old] : llvm::zip_equal(values, accumulators))
      value = arith::SelectOp::create(at, loc, mask, value, old);
    return values;
  };
  if (getConstantIntValue(rest)) {
    accumulators = emitRest(builder);
    return;
  }
  Value hasRest =
      arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, rest, zero);
  auto branch = scf::IfOp::create(
      builder, loc, hasRest,
      [&](OpBuilder &then, Location) {
        scf::YieldOp::create(then, loc, emitRest(then));
      },
      [&](OpBuilder &otherwise, Location) {
        scf::YieldOp::create(otherwise, loc, accumulators);
      });
  accumulators.assign(branch.getResults().begin(), branch.getResults().end());
}

/// Combines the lanes of every accumulator and stores the results.
void EinsumLowering::storeSums(OpBuilder &builder, Value firstRow, int64_t rows,
                               ArrayRef<Value> accumulators) {
  int64_t bits = einsum.getMapResult().getType().getIntOrFloatBitWidth();
  int64_t unit = std::clamp<int64_t>(128 / bits, 1, vectorWidth);
  // Results in the order of memory: the points of the row rank, where it is the
  // last one, side by side. Each of the others takes a power of two.
  int64_t places = llvm::PowerOf2Ceil(rows);
  int64_t count = places * llvm::PowerOf2Ceil(innerRows);
  SmallVector<Value> ordered(count);
  for (int64_t inner = 0; inner < innerRows; ++inner)
    for (int64_t row = 0; row < rows; ++row)
      ordered[inner * places + row] = accumulators[row * innerRows + inner];
  SmallVector<Value> level;
  for (int64_t place : getFoldOrder(vectorWidth, count, unit))
    level.push_back(ordered[place]);

  auto fold = [&](Value left, Value right, int64_t length) -> Value {
    if (!left && !right)
      return {};
    FoldLanes lanes = getFoldLanes(vectorWidth, length, unit);
    // Nobody reads the lanes of a result that is not there.
    left = left ? left : right;
    right = right ? right : left;
    auto shuffle = [&](ArrayRef<int64_t> mask) -> Value {
      return vector::ShuffleOp::create(builder, loc, left, right, mask);
    };
    return computation->combine(builder, shuffle(lanes.first),
                                shuffle(lanes.second));
  };
  int64_t length = vectorWidth;
  for (; level.size() > 1; length /= 2) {
    SmallVector<Value> next;
    for (size_t i = 0; i < level.size(); i += 2)
      next.push_back(fold(level[i], level[i + 1], length));
    level = std::move(next);
  }
  // Fewer results than lanes: each has a group, and its first lane in the end.
  Value sums = level.front();
  for (int64_t half = length / 2; half > 0; half /= 2) {
    SmallVector<int64_t> mask;
    for (int64_t i = 0; i < vectorWidth; ++i)
      mask.push_back(i % (2 * half) < half ? i + half : i - half);
    Value other = vector::ShuffleOp::create(builder, loc, sums, sums, mask);
    sums = computation->combine(builder, sums, other);
  }

  bool isLast = rowRank && *rowRank == outRanks.back();
  for (int64_t inner = 0; inner < innerRows; ++inner) {
    TileCoordinates at = getCoordinates(builder, {}, 0, firstRow, inner);
    at.lane.reset();
    int64_t first = inner * places * length;
    if (isLast && rows > 1) {
      SmallVector<int64_t> mask;
      for (int64_t row = 0; row < rows; ++row)
        mask.push_back(first + row * length);
      at.lane = *rowRank;
      at.width = rows;
      at.firstLane = firstRow;
      operands.storeResult(
          builder, at, outRanks,
          vector::ShuffleOp::create(builder, loc, sums, sums, mask));
      continue;
    }
    for (int64_t row = 0; row < rows; ++row) {
      TileCoordinates here =
          getCoordinates(builder, {}, 0, firstRow, row * innerRows + inner);
      here.lane.reset();
      operands.storeResult(
          builder, here, outRanks,
          vector::ExtractOp::create(builder, loc, sums, first + row * length));
    }
  }
}
