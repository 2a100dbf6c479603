//===- CascadeToLinalgPoint.cpp - One point of an einsum -------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The body of the loops: loads and the map with the numeric rules. Whether the
// point exists is in CascadeToLinalgPlane.cpp.
//
//===----------------------------------------------------------------------===//

#include "CascadeToLinalg.h"
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

Value attn::conjoin(OpBuilder &builder, Location loc, Value a, Value b) {
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

Value attn::keepNear(OpBuilder &builder, Location loc, Value number) {
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
  if (!quotient || isOnePlusPower(quotient.getRhs()))
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

void attn::cloneScalars(OpBuilder &builder, Block &region, IRMapping &mapping) {
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
