//===- CascadeToLinalgPlane.cpp - Which points of a cascade exist ---------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tests at every point: of steps and parts of partitions, and of the plane with
// its sparsity, atom by atom as each is defined.
//
//===----------------------------------------------------------------------===//

#include "CascadeToLinalg.h"
#include "PointValues.h"
#include "SparsityTest.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Support/NotSupported.h"
#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::attn;

/// The integer that `access` gives, no further from 0 than positions go, or
/// null where the einsum lacks a rank that indexes it.
Value CascadeToLinalg::loadInteger(OpBuilder &body, EinsumOp einsum,
                                   AccessAttr access,
                                   const RankCoordinates &coordinates) {
  Location loc = einsum.getLoc();
  SmallVector<Value> indices;
  for (StringAttr rank : access.getRanks()) {
    Value coordinate = coordinates.lookup(rank);
    if (!coordinate)
      return Value();
    indices.push_back(coordinate);
  }
  Value tensor =
      mapping.lookup(cascade.getBody().getArgument(access.getInput()));
  Value element = tensor::ExtractOp::create(body, loc, tensor, indices);
  Value number =
      arith::IndexCastOp::create(body, loc, body.getIndexType(), element);
  if (element.getType().isInteger(32))
    return number;
  return keepNear(body, loc, number);
}

Value CascadeToLinalg::getAbsolute(OpBuilder &body, EinsumOp einsum,
                                   StringAttr rank,
                                   const RankCoordinates &coordinates) {
  Value coordinate = coordinates.lookup(rank);
  AccessAttr access = space.getOrigin(rank);
  if (!coordinate || !access)
    return coordinate;
  Value origin = loadInteger(body, einsum, access, coordinates);
  if (!origin)
    return origin;
  return arith::AddIOp::create(body, einsum.getLoc(), coordinate, origin);
}

Value CascadeToLinalg::getHead(OpBuilder &body, EinsumOp einsum,
                               const RankCoordinates &coordinates) {
  PerHeadAttr heads = space.getPerHead();
  if (!heads)
    return {};
  Location loc = einsum.getLoc();
  Value head;
  for (auto [rank, stride] :
       llvm::zip_equal(heads.getRanks(), heads.getStrides())) {
    Value term = getAbsolute(body, einsum, rank, coordinates);
    if (stride != 1)
      term = arith::MulIOp::create(
          body, loc, term, arith::ConstantIndexOp::create(body, loc, stride));
    head =
        head ? arith::AddIOp::create(body, loc, head, term).getResult() : term;
  }
  return head;
}

FailureOr<Value>
CascadeToLinalg::buildSpaceTest(OpBuilder &body, EinsumOp einsum,
                                const RankCoordinates &coordinates) {
  Location loc = einsum.getLoc();
  // Without the ranks that index its numbers, a point belongs to several rows
  // at once: what it computes may stay, but not be summed.
  SmallVector<StringAttr> needed;
  for (AccessAttr access : space.getPlaneAccesses())
    llvm::append_range(needed, access.getRanks());
  if (PerHeadAttr heads = space.getPerHead())
    llvm::append_range(needed, heads.getRanks());
  for (StringAttr rank : space.getIndexedRanks()) {
    needed.push_back(rank);
    if (AccessAttr origin = space.getOrigin(rank))
      llvm::append_range(needed, origin.getRanks());
  }
  for (StringAttr rank : needed) {
    if (coordinates.contains(rank))
      continue;
    if (!einsum.getReduction())
      return Value();
    return LogicalResult(emitNotSupported(einsum)
                         << "reduces over the plane ("
                         << space.queryRank.getValue() << ", "
                         << space.keyRank.getValue() << ") without the rank '"
                         << rank.getValue() << "' that indexes its numbers");
  }

  // Lengths, or the extents where there are none; positions in the whole.
  Value live;
  SmallVector<Value> bounds, positions;
  for (auto [access, rank] : {std::pair(space.queryLengths, space.queryRank),
                              std::pair(space.keyLengths, space.keyRank)}) {
    positions.push_back(getAbsolute(body, einsum, rank, coordinates));
    FailureOr<Value> extent = getExtent(rank, einsum);
    if (failed(extent))
      return failure();
    if (!access) {
      bounds.push_back(*extent);
      continue;
    }
    // spec: SP-8
    Value zero = arith::ConstantIndexOp::create(body, loc, 0);
    Value length = arith::MaxSIOp::create(
        body, loc, loadInteger(body, einsum, access, coordinates), zero);
    if (!space.getOrigin(rank))
      length = arith::MinSIOp::create(body, loc, length, *extent);
    bounds.push_back(length);
    live = conjoin(body, loc, live,
                   arith::CmpIOp::create(body, loc, arith::CmpIPredicate::slt,
                                         positions.back(), length));
  }
  // A segment is a plane of its own, whose tokens count from its first.
  if (space.isPacked()) {
    Segment segment = getSegment(body, einsum, coordinates);
    auto subtract = [&](Value a, Value b) -> Value {
      return arith::SubIOp::create(body, loc, a, b);
    };
    Value zero = arith::ConstantIndexOp::create(body, loc, 0);
    positions = {subtract(positions[0], segment.rowBegin),
                 subtract(positions[1], segment.keyBegin)};
    bounds = {subtract(segment.rowEnd, segment.rowBegin),
              subtract(segment.keyEnd, segment.keyBegin)};
    for (Value &bound : bounds)
      bound = arith::MaxSIOp::create(body, loc, bound, zero);
    // spec: SG-2
    live = conjoin(body, loc, live,
                   arith::CmpIOp::create(body, loc, arith::CmpIPredicate::sge,
                                         positions[1], zero));
    live = conjoin(body, loc, live,
                   arith::CmpIOp::create(body, loc, arith::CmpIPredicate::slt,
                                         positions[1], bounds[1]));
  }
  if (!space.sparsity)
    return live;
  Value offset;
  if (space.alignment.getValue() == Alignment::BottomRight)
    offset = arith::SubIOp::create(body, loc, bounds[1], bounds[0]);
  else if (space.offset)
    offset = loadInteger(body, einsum, space.offset, coordinates);
  auto getPoint = [&](Value row, Value key) -> SparsityTest::Point {
    if (offset)
      row = arith::AddIOp::create(body, loc, row, offset);
    return {row, key};
  };
  Value head = getHead(body, einsum, coordinates);
  SparsityTest test(body, loc, bounds[1], head);
  test.token = getPoint(positions[0], positions[1]);
  test.slot = test.token;
  if (space.readsSlots())
    test.slot = getPoint(getSlot(body, einsum, space.queryRank, coordinates),
                         getSlot(body, einsum, space.keyRank, coordinates));
  test.buildData = [&](Attribute atom) -> Value {
    if (isa<MaskAttr, PredicateAttr>(atom))
      return buildPointTest(body, einsum, atom, coordinates);
    return buildListTest(body, einsum, atom, coordinates);
  };
  test.lookUp = [&](ArrayRef<int64_t> table) -> Value {
    return buildTableLookup(body, loc, table, head);
  };
  test.evaluate = [&](AffineExpr expr, ValueRange dims,
                      ValueRange symbols) -> Value {
    return affine::expandAffineExpr(body, loc, expr, dims, symbols);
  };
  Value inside = test.build(space.sparsity.getExpression());
  if (!inside)
    return LogicalResult(
        emitNotSupported(cascade)
        << "has a sparsity atom that the unfused route does not know: "
        << space.sparsity);
  return conjoin(body, loc, live, inside);
}

FailureOr<Value>
CascadeToLinalg::buildLiveTest(OpBuilder &body, EinsumOp einsum,
                               const RankCoordinates &coordinates) {
  Location loc = einsum.getLoc();
  Value live;
  for (const Step &step : steps) {
    if (!einsum.hasRank(step.point))
      continue;
    FailureOr<Value> parent = getExtent(step.parent, einsum);
    if (failed(parent))
      return failure();
    live = conjoin(body, loc, live,
                   arith::CmpIOp::create(body, loc, arith::CmpIPredicate::slt,
                                         coordinates.lookup(step.parent),
                                         *parent));
  }
  for (const Split &split : splits) {
    Value step = coordinates.lookup(split.ranks.step);
    Value point = coordinates.lookup(split.ranks.point);
    if (!step || !point)
      continue;
    FailureOr<Value> points = getExtent(split.ranks.point, einsum);
    FailureOr<Value> size = getExtent(split, einsum);
    if (failed(points) || failed(size))
      return failure();
    // spec: CL-4
    Value start = arith::MulIOp::create(body, loc, step, *points);
    Value position = arith::AddIOp::create(body, loc, start, point);
    live = conjoin(body, loc, live,
                   arith::CmpIOp::create(body, loc, arith::CmpIPredicate::slt,
                                         position, *size));
  }
  if (!cascade.hasSpace())
    return live;
  if (!coordinates.contains(space.queryRank) ||
      !coordinates.contains(space.keyRank))
    return live;
  FailureOr<Value> inside = buildSpaceTest(body, einsum, coordinates);
  if (failed(inside))
    return failure();
  return conjoin(body, loc, live, *inside);
}
