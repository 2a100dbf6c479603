//===- EinsumRequests.cpp - Requests between the sums of an einsum --------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A core waits for few lines of memory at a time, some 16, and whatever asks
// for more waits for the first of them. So the requests in front of an einsum
// are not made all at once: each row of a register tile's sums has a few of
// them, and multiplies while they are under way.
//
//===----------------------------------------------------------------------===//

#include "EinsumLowering.h"
#include "attn/Conversion/FusedForm.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace mlir::attn;

/// Which loop of requests stands in front of `einsum`, with nothing but
/// addresses in between.
static scf::ForOp findRequests(TileEinsumOp einsum) {
  Operation *op = einsum->getPrevNode();
  while (op && isPure(op) && op->getNumRegions() == 0)
    op = op->getPrevNode();
  auto loop = dyn_cast_or_null<scf::ForOp>(op);
  return loop && loop->hasAttr(kRequestsAttrName) ? loop : scf::ForOp();
}

bool EinsumLowering::canWeave() const {
  return lane && !threadRanks && !reducesLanes && !interleaved && rowRank &&
         reduced.size() == (pairs ? 2 : 1) && rowTile * innerRows > 1;
}

/// Requests that are as many as the rows of the einsum are made with their
/// rows; a constant number of others is dealt out to all register tiles.
void EinsumLowering::takeRequests() {
  scf::ForOp loop = findRequests(einsum);
  if (!loop || getConstantIntValue(loop.getLowerBound()) != 0 ||
      getConstantIntValue(loop.getStep()) != 1)
    return;
  std::optional<int64_t> count = getConstantIntValue(loop.getUpperBound());
  if (reducesLanes && rowRank &&
      (!count || count == getStaticExtent(*rowRank))) {
    // Few rows at a time, so that they are asked for and read as they lie.
    constexpr int64_t kMostRows = 4;
    rowTile = std::min(rowTile, kMostRows);
    requests = loop;
  }
  if (!canWeave())
    return;
  int64_t lanes = outType.getShape().back();
  if (ShapedType::isDynamic(lanes) || lanes == 0)
    return;
  int64_t rows = getStaticExtent(*rowRank), all = count.value_or(rowTile);
  if (rows == 0 || all <= 0)
    return;
  int64_t tiles = 1;
  if (count) {
    if (ShapedType::isDynamic(rows))
      return;
    // Tiles as even as can be. Rows that remain ask for nothing.
    rowTile = llvm::divideCeil(rows, llvm::divideCeil(rows, rowTile));
    tiles = rows / rowTile;
    for (StringAttr rank : looped) {
      int64_t extent = getStaticExtent(rank);
      if (ShapedType::isDynamic(extent))
        return;
      tiles = multiplyExtents(tiles, extent);
    }
  } else if (!looped.empty() ||
             (!ShapedType::isDynamic(rows) && rows % rowTile != 0)) {
    return;
  }
  if (tiles == 0 || all % tiles != 0)
    return;
  // Each block of lanes makes its part of a tile's.
  int64_t blockLanes = getBlockLanes();
  if ((blockLanes < lanes && lanes % vectorWidth != 0) ||
      all / tiles * blockLanes % lanes != 0)
    return;
  tileRequests = all / tiles;
  requests = loop;
}

/// How many requests a register tile with so many lanes makes.
int64_t EinsumLowering::countRequests(int64_t lanes) const {
  return tileRequests * lanes / outType.getShape().back();
}

/// The first request of a register tile, as a number of the loop's.
Value EinsumLowering::getFirstRequest(OpBuilder &builder,
                                      const LaneBlock &lanes, Value firstRow) {
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  int64_t blockLanes = getBlockLanes();
  Value tile =
      builder.createOrFold<arith::DivUIOp>(loc, firstRow, constant(rowTile));
  // Loops outside have a part each.
  int64_t inside = getStaticExtent(*rowRank) / rowTile;
  for (StringAttr rank : llvm::reverse(looped)) {
    tile = builder.createOrFold<arith::AddIOp>(
        loc, tile,
        builder.createOrFold<arith::MulIOp>(loc, point.at(rank),
                                            constant(inside)));
    inside *= getStaticExtent(rank);
  }
  Value first =
      builder.createOrFold<arith::MulIOp>(loc, tile, constant(tileRequests));
  Value block = builder.createOrFold<arith::DivUIOp>(loc, lanes.first,
                                                     constant(blockLanes));
  return builder.createOrFold<arith::AddIOp>(
      loc, first,
      builder.createOrFold<arith::MulIOp>(loc, block,
                                          constant(countRequests(blockLanes))));
}

/// In how many parts the sums of a register tile are cut: one for each request,
/// unless a loop over what is left between two of them would be too short.
int64_t EinsumLowering::countParts(int64_t count) {
  constexpr int64_t kLeastSums = 8;
  int64_t extent = getStaticExtent(reduced.front()), parts = count;
  while (!ShapedType::isDynamic(extent) && parts % 2 == 0 &&
         extent < parts * kLeastSums)
    parts /= 2;
  return parts;
}

/// Makes `count` requests from number `first` on.
void EinsumLowering::emitRequests(OpBuilder &builder, Value first,
                                  int64_t count) {
  for (int64_t index = 0; index < count; ++index) {
    IRMapping mapping;
    mapping.map(
        requests.getInductionVar(),
        builder.createOrFold<arith::AddIOp>(
            loc, first, arith::ConstantIndexOp::create(builder, loc, index)));
    for (Operation &op : requests.getBody()->without_terminator())
      builder.clone(op, mapping);
  }
}

/// Nests the sums of a register tile in a loop over its share of the requests.
void EinsumLowering::emitReductionWithRequests(
    OpBuilder &builder, const LaneBlock &lanes, Value firstRow, int64_t rows,
    SmallVectorImpl<Value> &accumulators) {
  StringAttr rank = reduced.front();
  int64_t blockLanes =
      std::min(outType.getShape().back(), lanes.vectors * vectorWidth);
  int64_t all = countRequests(blockLanes);
  int64_t parts = countParts(all), perPart = all / parts;
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value count = arith::ConstantIndexOp::create(builder, loc, parts);
  Value extent = getExtent(builder, rank);
  Value sums = builder.createOrFold<arith::CeilDivUIOp>(loc, extent, count);
  Value firstRequest = getFirstRequest(builder, lanes, firstRow);
  auto outer = scf::ForOp::create(builder, loc, zero, count, one, accumulators);
  OpBuilder body = OpBuilder::atBlockBegin(outer.getBody());
  Value number = outer.getInductionVar();
  Value done = arith::MulIOp::create(
      body, loc, number, arith::ConstantIndexOp::create(body, loc, perPart));
  Value firstOfPart = arith::AddIOp::create(body, loc, firstRequest, done);
  emitRequests(body, firstOfPart, perPart);
  Value first = arith::MulIOp::create(body, loc, number, sums);
  Value end = arith::MinSIOp::create(
      body, loc, arith::AddIOp::create(body, loc, first, sums), extent);
  auto inner = scf::ForOp::create(body, loc, first, end, one,
                                  ValueRange(outer.getRegionIterArgs()));
  OpBuilder nested = OpBuilder::atBlockBegin(inner.getBody());
  point[rank] = inner.getInductionVar();
  SmallVector<Value> carried(inner.getRegionIterArgs());
  emitReduction(nested, /*position=*/1, lanes, firstRow, rows, carried);
  scf::YieldOp::create(nested, loc, carried);
  scf::YieldOp::create(body, loc, inner.getResults());
  accumulators.assign(outer.getResults().begin(), outer.getResults().end());
}

/// Makes the requests of rows that fill no register tile, from `first` on. Of
/// requests that are no rows' none has been made then.
void EinsumLowering::emitRequestsOfRest(OpBuilder &builder, Value first,
                                        Value rest) {
  if (!requests)
    return;
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value hasRest =
      arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, rest, zero);
  auto branch = scf::IfOp::create(builder, loc, hasRest);
  OpBuilder then = branch.getThenBodyBuilder();
  auto loop = cast<scf::ForOp>(then.clone(*requests));
  loop->removeAttr(kRequestsAttrName);
  if (!getConstantIntValue(requests.getUpperBound()))
    loop.setLowerBound(first);
}
