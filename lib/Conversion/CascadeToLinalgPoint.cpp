//===- CascadeToLinalgPoint.cpp - One point of an einsum -------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The body of the loops: loads, the map with the numeric rules, and whether the
// point exists.
//
//===----------------------------------------------------------------------===//

#include "CascadeToLinalg.h"
#include "PointValues.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Support/NotSupported.h"
#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::attn;

/// A zero of any scalar type.
static Value createZero(OpBuilder &builder, Location loc, Type type) {
  return arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type));
}

static Value conjoin(OpBuilder &builder, Location loc, Value a, Value b) {
  if (!a || !b)
    return a ? a : b;
  return arith::AndIOp::create(builder, loc, a, b);
}

/// A maximum over nothing, or over -inf alone, acts as the least finite number
/// in a map, so that differences with it are defined; a minimum likewise.
static Value keepFinite(OpBuilder &builder, Location loc, Value value,
                        ReductionKind kind) {
  auto type = cast<FloatType>(value.getType());
  bool isMax = kind == ReductionKind::Max;
  Value bound = arith::ConstantOp::create(
      builder, loc,
      builder.getFloatAttr(type,
                           llvm::APFloat::getLargest(type.getFloatSemantics(),
                                                     /*Negative=*/isMax)));
  Value beyond = arith::CmpFOp::create(builder, loc,
                                       isMax ? arith::CmpFPredicate::OLT
                                             : arith::CmpFPredicate::OGT,
                                       value, bound);
  return arith::SelectOp::create(builder, loc, beyond, bound, value);
}

/// A number beyond the positions that count, as the nearest of them.
static Value keepNear(OpBuilder &builder, Location loc, Value number) {
  // spec: PO-8, CL-10
  Value far = arith::ConstantIndexOp::create(builder, loc, kFarPosition);
  Value before = arith::ConstantIndexOp::create(builder, loc, -kFarPosition);
  number = arith::MinSIOp::create(builder, loc, number, far);
  return arith::MaxSIOp::create(builder, loc, number, before);
}

FailureOr<Value>
CascadeToLinalg::gatherIndex(OpBuilder &body, EinsumOp einsum,
                             const EinsumAccess &access, const DataIndex &data,
                             const RankCoordinates &coordinates) {
  Location loc = einsum.getLoc();
  EinsumAccess read(data.tensor, data.map, access.ranks, access.extents);
  FailureOr<Value> element =
      gather(body, einsum, "an index tensor", read,
             mapping.lookupOrDefault(data.tensor), coordinates);
  if (failed(element))
    return failure();
  if (isa<IndexType>(element->getType()))
    return keepNear(body, loc, *element);
  Value number =
      arith::IndexCastOp::create(body, loc, body.getIndexType(), *element);
  if (element->getType().isInteger(32))
    return number;
  return keepNear(body, loc, number);
}

FailureOr<Value> CascadeToLinalg::gather(OpBuilder &body, EinsumOp einsum,
                                         const Twine &what,
                                         const EinsumAccess &access,
                                         Value tensor,
                                         const RankCoordinates &coordinates) {
  Location loc = einsum.getLoc();
  SmallVector<Value> dims, symbols;
  for (StringAttr rank : access.ranks) {
    Value coordinate = coordinates.lookup(rank);
    if (!coordinate)
      return LogicalResult(einsum.emitError("rank '")
                           << rank.getValue() << "' has no coordinate here");
    dims.push_back(coordinate);
  }
  for (auto [position, name] : llvm::enumerate(access.extents)) {
    const DataIndex *data = access.getData(position);
    if (!access.map.isFunctionOfSymbol(position)) {
      symbols.push_back(Value());
      continue;
    }
    FailureOr<Value> symbol =
        data ? gatherIndex(body, einsum, access, *data, coordinates)
             : getExtent(name, einsum);
    if (failed(symbol))
      return failure();
    symbols.push_back(*symbol);
  }

  // Reads stay inside the tensor whatever the index; a point whose index lies
  // outside is either masked or repeats the last element.
  // spec: CL-4
  auto type = cast<RankedTensorType>(tensor.getType());
  Value zero = arith::ConstantIndexOp::create(body, loc, 0);
  Value one = arith::ConstantIndexOp::create(body, loc, 1);
  SmallVector<Value> indices;
  Value nonEmpty;
  for (auto [dim, expr] : llvm::enumerate(access.map.getResults())) {
    // The tensor has the extent of a rank that indexes it alone.
    auto dimExpr = dyn_cast<AffineDimExpr>(expr);
    if (dimExpr &&
        dimExpr.getPosition() <
            einsum.getOutputRank() + einsum.getReducedRanks().size()) {
      indices.push_back(dims[dimExpr.getPosition()]);
      continue;
    }
    Value position = affine::expandAffineExpr(body, loc, expr, dims, symbols);
    if (!position)
      return LogicalResult(einsum.emitError()
                           << what
                           << " has an index expression that is not affine");
    Value extent = tensor::DimOp::create(body, loc, tensor, dim);
    Value last = arith::SubIOp::create(body, loc, extent, one);
    position = arith::MinSIOp::create(body, loc, position, last);
    indices.push_back(arith::MaxSIOp::create(body, loc, position, zero));
    if (!type.isDynamicDim(dim) && type.getDimSize(dim) > 0)
      continue;
    Value some = arith::CmpIOp::create(body, loc, arith::CmpIPredicate::sgt,
                                       extent, zero);
    nonEmpty =
        nonEmpty ? arith::AndIOp::create(body, loc, nonEmpty, some).getResult()
                 : some;
  }
  if (!nonEmpty)
    return tensor::ExtractOp::create(body, loc, tensor, indices).getResult();

  // An empty tensor has nothing that could be read.
  auto guarded = scf::IfOp::create(
      body, loc, nonEmpty,
      [&](OpBuilder &then, Location loc) {
        Value element = tensor::ExtractOp::create(then, loc, tensor, indices);
        scf::YieldOp::create(then, loc, element);
      },
      [&](OpBuilder &otherwise, Location loc) {
        scf::YieldOp::create(otherwise, loc,
                             createZero(otherwise, loc, type.getElementType()));
      });
  return guarded.getResult(0);
}

LogicalResult
CascadeToLinalg::addParentCoordinates(OpBuilder &body, EinsumOp einsum,
                                      RankCoordinates &coordinates) {
  for (const Step &step : steps) {
    coordinates[step.rank] = step.position;
    Value point = coordinates.lookup(step.point);
    if (!point)
      continue;
    FailureOr<Value> extent = getExtent(step.point, einsum);
    if (failed(extent))
      return failure();
    Location loc = einsum.getLoc();
    Value start = arith::MulIOp::create(body, loc, step.position, *extent);
    coordinates[step.parent] = arith::AddIOp::create(body, loc, start, point);
  }
  return success();
}

/// Copies one operation of a scalar region.
static void cloneScalar(OpBuilder &builder, Operation &op, IRMapping &mapping) {
  Operation *copy = builder.clone(op, mapping);
  auto quotient = dyn_cast<arith::DivFOp>(copy);
  if (!quotient)
    return;
  // Points whose divisor is 0 do not exist; their quotient is 0.
  Location loc = op.getLoc();
  Value zero = createZero(builder, loc, quotient.getType());
  Value empty = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OEQ,
                                      quotient.getRhs(), zero);
  mapping.map(
      op.getResult(0),
      arith::SelectOp::create(builder, loc, empty, zero, quotient.getResult()));
}

/// Copies the operations of a scalar region.
static void cloneScalars(OpBuilder &builder, Block &region,
                         IRMapping &mapping) {
  for (Operation &op : region.without_terminator())
    cloneScalar(builder, op, mapping);
}

FailureOr<Value>
CascadeToLinalg::inlineMap(OpBuilder &body, EinsumOp einsum,
                           ValueRange arguments,
                           const RankCoordinates &coordinates) {
  // Constants of the cascade are visible in the map.
  IRMapping local(mapping);
  local.map(einsum.getMap()->getArguments(), arguments);
  for (Operation &op : einsum.getMap()->without_terminator()) {
    if (auto index = dyn_cast<IndexOp>(op)) {
      Value coordinate =
          getAbsolute(body, einsum, index.getRankAttr(), coordinates);
      if (!coordinate)
        return LogicalResult(index.emitError("rank '")
                             << index.getRank() << "' has no coordinate here");
      local.map(index.getResult(), coordinate);
      continue;
    }
    cloneScalar(body, op, local);
  }
  return local.lookup(einsum.getMapResult());
}

FailureOr<Value>
CascadeToLinalg::buildPoint(OpBuilder &body, EinsumOp einsum,
                            ArrayRef<Operand> operands, ValueRange loaded,
                            const RankCoordinates &coordinates) {
  Location loc = einsum.getLoc();
  SmallVector<Value> arguments;
  unsigned nextLoaded = 0;
  for (auto [index, operand] : llvm::enumerate(operands)) {
    Value value;
    if (operand.loopMap) {
      value = loaded[nextLoaded++];
    } else {
      FailureOr<Value> gathered =
          gather(body, einsum, "operand #" + Twine(index),
                 einsum.getAccess(index), operand.tensor, coordinates);
      if (failed(gathered))
        return failure();
      value = *gathered;
    }
    Type expected = einsum.getMap()->getArgument(index).getType();
    if (isa<FloatType>(expected) && value.getType() != expected) {
      if (value.getType().getIntOrFloatBitWidth() >
          expected.getIntOrFloatBitWidth())
        value = arith::TruncFOp::create(body, loc, expected, value);
      else
        value = arith::ExtFOp::create(body, loc, expected, value);
    }
    if (operand.extremum)
      value = keepFinite(body, loc, value, *operand.extremum);
    arguments.push_back(value);
  }
  FailureOr<Value> mapped = inlineMap(body, einsum, arguments, coordinates);
  if (failed(mapped))
    return failure();
  Value result = *mapped;

  FailureOr<Value> live = buildLiveTest(body, einsum, coordinates);
  if (failed(live))
    return failure();
  for (const Operand &operand : operands) {
    if (!operand.divisor)
      continue;
    Value divisor = loaded[*operand.divisor];
    live = conjoin(
        body, loc, *live,
        arith::CmpFOp::create(body, loc, arith::CmpFPredicate::UNE, divisor,
                              createZero(body, loc, divisor.getType())));
  }
  if (!*live)
    return result;
  // Whatever was computed at a point that does not exist is dropped.
  Value absent;
  if (einsum.getReduction())
    absent = arith::ConstantOp::create(
        body, loc, getReductionIdentity(einsum, result.getType(), body));
  else
    absent = createZero(body, loc, result.getType());
  return arith::SelectOp::create(body, loc, *live, result, absent).getResult();
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

TypedAttr attn::getReductionIdentity(EinsumOp einsum, Type type,
                                     OpBuilder &builder) {
  ReductionKind kind = *einsum.getReduction();
  if (kind == ReductionKind::Associative)
    return einsum.getIdentityAttr();
  if (auto floatType = dyn_cast<FloatType>(type)) {
    const llvm::fltSemantics &semantics = floatType.getFloatSemantics();
    switch (kind) {
    case ReductionKind::Max:
      return builder.getFloatAttr(
          type, llvm::APFloat::getInf(semantics, /*Negative=*/true));
    case ReductionKind::Min:
      return builder.getFloatAttr(type, llvm::APFloat::getInf(semantics));
    case ReductionKind::Mul:
      return builder.getFloatAttr(type, 1.0);
    default:
      return builder.getFloatAttr(type, 0.0);
    }
  }
  unsigned width = type.getIntOrFloatBitWidth();
  switch (kind) {
  case ReductionKind::Max:
    return builder.getIntegerAttr(type, llvm::APInt::getSignedMinValue(width));
  case ReductionKind::Min:
    return builder.getIntegerAttr(type, llvm::APInt::getSignedMaxValue(width));
  case ReductionKind::Mul:
    return builder.getIntegerAttr(type, llvm::APInt(width, 1));
  case ReductionKind::And:
    return builder.getIntegerAttr(type, llvm::APInt::getAllOnes(width));
  default:
    return builder.getIntegerAttr(type, llvm::APInt::getZero(width));
  }
}

Value CascadeToLinalg::combine(OpBuilder &builder, EinsumOp einsum, Value a,
                               Value b) {
  if (Block *combiner = einsum.getCombinerBlock()) {
    IRMapping local(mapping);
    local.map(combiner->getArguments(), ValueRange{a, b});
    cloneScalars(builder, *combiner, local);
    return local.lookup(combiner->getTerminator()->getOperand(0));
  }
  // A named reduction has no order: a cascade means real arithmetic.
  return combineValues(builder, einsum.getLoc(), *einsum.getReduction(), a, b,
                       arith::FastMathFlags::reassoc);
}

//===----------------------------------------------------------------------===//
// Which points exist
//===----------------------------------------------------------------------===//

/// Writes a function as more - less, so that its sign is a comparison.
static void splitBySign(AffineExpr expr, AffineExpr &less, AffineExpr &more) {
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (binary && expr.getKind() == AffineExprKind::Add) {
    splitBySign(binary.getLHS(), less, more);
    splitBySign(binary.getRHS(), less, more);
    return;
  }
  auto factor = dyn_cast<AffineConstantExpr>(expr);
  if (binary && expr.getKind() == AffineExprKind::Mul)
    factor = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (factor && factor.getValue() < 0)
    less = less - expr;
  else
    more = more + expr;
}

namespace {
/// A key, and a row as a position among the keys.
struct PointInPlane {
  Value position, key;
};
} // namespace

/// Builds the element test of a sparsity expression at the point `token`, given
/// the number of keys; atoms `in permuted` read `slot`, and `buildList` tests
/// those of lists. Null if it holds an atom without a definition.
static Value buildTerm(OpBuilder &builder, Location loc, Attribute term,
                       PointInPlane token, PointInPlane slot, Value keyCount,
                       function_ref<Value(Attribute)> buildList) {
  auto join = [&](ArrayRef<Attribute> terms, bool isAnd) {
    Value result;
    for (Attribute inner : terms) {
      Value test =
          buildTerm(builder, loc, inner, token, slot, keyCount, buildList);
      if (!test)
        return Value();
      if (!result)
        result = test;
      else if (isAnd)
        result = arith::AndIOp::create(builder, loc, result, test);
      else
        result = arith::OrIOp::create(builder, loc, result, test);
    }
    return result;
  };
  if (auto all = dyn_cast<AndAttr>(term))
    return join(all.getTerms(), /*isAnd=*/true);
  if (auto any = dyn_cast<OrAttr>(term))
    return join(any.getTerms(), /*isAnd=*/false);
  if (auto inverse = dyn_cast<NotAttr>(term)) {
    Value inner = buildTerm(builder, loc, inverse.getTerm(), token, slot,
                            keyCount, buildList);
    if (!inner)
      return inner;
    Value one = arith::ConstantIntOp::create(builder, loc, 1, /*width=*/1);
    return arith::XOrIOp::create(builder, loc, inner, one);
  }
  if (auto permuted = dyn_cast<PermutedAttr>(term))
    return buildTerm(builder, loc, permuted.getTerm(), slot, slot, keyCount,
                     buildList);
  if (isa<BlocksAttr, IndicesAttr>(term))
    return buildList(term);

  std::optional<AtomDefinition> atom = getAtomDefinition(term);
  if (!atom)
    return Value();
  SmallVector<Value> symbols{keyCount};
  auto evaluate = [&](AffineExpr expr) {
    return affine::expandAffineExpr(builder, loc, expr,
                                    {token.position, token.key}, symbols);
  };
  for (const PointValue &value : atom->values)
    symbols.push_back(
        buildPointValue(builder, loc, value.kind,
                        llvm::map_to_vector(value.map.getResults(), evaluate)));
  Value live;
  for (ArrayRef<AffineExpr> set : atom->sets) {
    Value inSet;
    for (AffineExpr expr : set) {
      AffineExpr less = getAffineConstantExpr(0, builder.getContext());
      AffineExpr more = less;
      splitBySign(expr, less, more);
      Value holds =
          arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::sle,
                                evaluate(less), evaluate(more));
      inSet = conjoin(builder, loc, inSet, holds);
    }
    if (!inSet)
      inSet = arith::ConstantIntOp::create(builder, loc, 1, /*width=*/1);
    live = live ? arith::OrIOp::create(builder, loc, live, inSet).getResult()
                : inSet;
  }
  return live;
}

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

FailureOr<Value>
CascadeToLinalg::buildSpaceTest(OpBuilder &body, EinsumOp einsum,
                                const RankCoordinates &coordinates) {
  Location loc = einsum.getLoc();
  // Without the ranks that index its numbers, a point belongs to several rows
  // at once: what it computes may stay, but not be summed.
  for (AccessAttr access : space.getPlaneAccesses())
    for (StringAttr rank : access.getRanks()) {
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
  auto getPoint = [&](Value row, Value key) -> PointInPlane {
    if (offset)
      row = arith::AddIOp::create(body, loc, row, offset);
    return {row, key};
  };
  PointInPlane token = getPoint(positions[0], positions[1]), slot = token;
  if (space.readsSlots())
    slot = getPoint(getSlot(body, einsum, space.queryRank, coordinates),
                    getSlot(body, einsum, space.keyRank, coordinates));
  Value inside =
      buildTerm(body, loc, space.sparsity.getExpression(), token, slot,
                bounds[1], [&](Attribute atom) {
                  return buildListTest(body, einsum, atom, coordinates);
                });
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
