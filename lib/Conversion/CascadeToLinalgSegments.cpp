//===- CascadeToLinalgSegments.cpp - Segments of packed tokens ------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The unfused form walks all tokens and asks at every point which segment the
// row lies in. That is written down once for each row, in front of the cascade:
// where the segment's rows begin and end, and where its keys do.
//
//===----------------------------------------------------------------------===//

#include "CascadeToLinalg.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::attn;

/// Numbers that a row has of its segment.
static constexpr int64_t kBounds = 4;

/// The ranks that index the numbers of a row, itself aside.
static SmallVector<StringAttr> getSegmentRanks(const CascadeSpace &space) {
  SmallVector<StringAttr> ranks(space.querySegments.getRanks());
  for (StringAttr rank : space.keySegments.getRanks())
    if (!llvm::is_contained(ranks, rank))
      ranks.push_back(rank);
  return ranks;
}

/// Of a row in no segment all numbers are 0, so that no key belongs to it.
LogicalResult CascadeToLinalg::buildSegments() {
  if (!space.isPacked())
    return success();
  Location loc = cascade.getLoc();
  FailureOr<Value> rowExtent = getExtent(space.queryRank, cascade);
  FailureOr<Value> keyExtent = getExtent(space.keyRank, cascade);
  if (failed(rowExtent) || failed(keyExtent))
    return failure();
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  SmallVector<StringAttr> ranks = getSegmentRanks(space);
  SmallVector<Value> sizes;
  for (StringAttr rank : ranks) {
    FailureOr<Value> extent = getExtent(rank, cascade);
    if (failed(extent))
      return failure();
    sizes.push_back(*extent);
  }
  SmallVector<OpFoldResult> shape = getAsOpFoldResult(sizes);
  shape.push_back(*rowExtent);
  shape.push_back(builder.getIndexAttr(kBounds));
  Type integer = builder.getI64Type();
  Value none =
      arith::ConstantOp::create(builder, loc, builder.getZeroAttr(integer));
  Value start =
      linalg::FillOp::create(
          builder, loc, none,
          tensor::EmptyOp::create(builder, loc, shape, integer).getResult())
          .getResult(0);

  Value queries = cascade.getInputs()[space.querySegments.getInput()];
  Value keys = cascade.getInputs()[space.keySegments.getInput()];
  int64_t last = cast<ShapedType>(queries.getType()).getRank() - 1;
  sizes.push_back(arith::SubIOp::create(
      builder, loc, tensor::DimOp::create(builder, loc, queries, last), one));
  SmallVector<Value> zeros(sizes.size(), zero), ones(sizes.size(), one);
  scf::LoopNest nest = scf::buildLoopNest(
      builder, loc, zeros, sizes, ones, ValueRange(start),
      [&](OpBuilder &body, Location, ValueRange point,
          ValueRange carried) -> scf::ValueVector {
        Type index = body.getIndexType();
        Value next = arith::AddIOp::create(body, loc, point.back(), one);
        auto load = [&](AccessAttr access, Value table, Value number,
                        Value extent) -> Value {
          SmallVector<Value> indices;
          for (StringAttr rank : access.getRanks())
            indices.push_back(point[llvm::find(ranks, rank) - ranks.begin()]);
          indices.push_back(number);
          Value offset = tensor::ExtractOp::create(body, loc, table, indices);
          offset = arith::IndexCastOp::create(body, loc, index, offset);
          // No store leaves the tensor, whatever the table holds.
          offset = arith::MaxSIOp::create(body, loc, offset, zero);
          return arith::MinSIOp::create(body, loc, offset, extent);
        };
        Value bounds[kBounds] = {
            load(space.querySegments, queries, point.back(), *rowExtent),
            load(space.querySegments, queries, next, *rowExtent),
            load(space.keySegments, keys, point.back(), *keyExtent),
            load(space.keySegments, keys, next, *keyExtent)};
        auto loop = scf::ForOp::create(
            body, loc, bounds[0], bounds[1], one, carried,
            [&](OpBuilder &inner, Location, Value row, ValueRange values) {
              Value filled = values.front();
              SmallVector<Value> indices(point.drop_back());
              indices.append({row, zero});
              for (auto [number, bound] : llvm::enumerate(bounds)) {
                indices.back() =
                    arith::ConstantIndexOp::create(inner, loc, number);
                filled = tensor::InsertOp::create(
                    inner, loc,
                    arith::IndexCastOp::create(inner, loc, integer, bound),
                    filled, indices);
              }
              scf::YieldOp::create(inner, loc, filled);
            });
        return {loop.getResult(0)};
      });
  segments = nest.results.front();
  return success();
}

CascadeToLinalg::Segment
CascadeToLinalg::getSegment(OpBuilder &body, EinsumOp einsum,
                            const RankCoordinates &coordinates) {
  Location loc = einsum.getLoc();
  SmallVector<Value> indices;
  for (StringAttr name : getSegmentRanks(space))
    indices.push_back(coordinates.lookup(name));
  indices.append({coordinates.lookup(space.queryRank), Value()});
  auto load = [&](int64_t number) -> Value {
    indices.back() = arith::ConstantIndexOp::create(body, loc, number);
    Value bound = tensor::ExtractOp::create(body, loc, segments, indices);
    return arith::IndexCastOp::create(body, loc, body.getIndexType(), bound);
  };
  Segment segment{load(0), load(1), load(2), load(3)};
  // spec: SG-3
  for (auto [lengths, end] : {std::pair(space.queryLengths, &segment.rowEnd),
                              std::pair(space.keyLengths, &segment.keyEnd)})
    if (lengths)
      *end = arith::MinSIOp::create(
          body, loc, *end, loadInteger(body, einsum, lengths, coordinates));
  return segment;
}
