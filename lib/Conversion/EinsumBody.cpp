//===- EinsumBody.cpp - What an einsum computes at one point --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EinsumBody.h"
#include "attn/Analysis/CascadeUtils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::attn;

Value EinsumBody::getIdentity(OpBuilder &builder, Type type) {
  Type scalar = getElementTypeOrSelf(type);
  TypedAttr value;
  ReductionKind kind = *einsum.getReduction();
  if (kind == ReductionKind::Associative) {
    value = einsum.getIdentityAttr();
  } else if (auto floatType = dyn_cast<FloatType>(scalar)) {
    const llvm::fltSemantics &semantics = floatType.getFloatSemantics();
    // Maxima start at the least finite number: exp(s - max) then never
    // subtracts infinities.
    APFloat number = APFloat::getZero(semantics);
    if (kind == ReductionKind::Mul)
      number = APFloat::getOne(semantics);
    else if (kind == ReductionKind::Max)
      number = APFloat::getLargest(semantics, /*Negative=*/true);
    else if (kind == ReductionKind::Min)
      number = APFloat::getLargest(semantics);
    value = FloatAttr::get(scalar, number);
  } else {
    unsigned width = scalar.getIntOrFloatBitWidth();
    APInt number = APInt::getZero(width);
    if (kind == ReductionKind::Mul)
      number = APInt(width, 1);
    else if (kind == ReductionKind::Max)
      number = APInt::getSignedMinValue(width);
    else if (kind == ReductionKind::Min)
      number = APInt::getSignedMaxValue(width);
    else if (kind == ReductionKind::And)
      number = APInt::getAllOnes(width);
    value = IntegerAttr::get(scalar, number);
  }
  if (auto vector = dyn_cast<VectorType>(type))
    value = SplatElementsAttr::get(vector, ArrayRef<Attribute>(value));
  return arith::ConstantOp::create(builder, loc, value);
}

Value EinsumBody::combine(OpBuilder &builder, Value accumulator, Value value) {
  bool isFloat = isa<FloatType>(getElementTypeOrSelf(value.getType()));
  auto select = [&](arith::CmpFPredicate predicate) -> Value {
    // The accumulator is kept only where it is ordered and beyond the value,
    // so a NaN value is taken; this is one maximum instruction.
    Value keeps =
        arith::CmpFOp::create(builder, loc, predicate, accumulator, value);
    return arith::SelectOp::create(builder, loc, keeps, accumulator, value);
  };
  switch (*einsum.getReduction()) {
  case ReductionKind::Add:
    return isFloat ? arith::AddFOp::create(builder, loc, accumulator, value)
                         .getResult()
                   : arith::AddIOp::create(builder, loc, accumulator, value)
                         .getResult();
  case ReductionKind::Mul:
    return isFloat ? arith::MulFOp::create(builder, loc, accumulator, value)
                         .getResult()
                   : arith::MulIOp::create(builder, loc, accumulator, value)
                         .getResult();
  case ReductionKind::Max:
    if (!isFloat)
      return arith::MaxSIOp::create(builder, loc, accumulator, value);
    if (isOnGPU)
      return LLVM::MaximumOp::create(builder, loc, accumulator, value);
    return select(arith::CmpFPredicate::OGT);
  case ReductionKind::Min:
    if (!isFloat)
      return arith::MinSIOp::create(builder, loc, accumulator, value);
    if (isOnGPU)
      return LLVM::MinimumOp::create(builder, loc, accumulator, value);
    return select(arith::CmpFPredicate::OLT);
  case ReductionKind::And:
    return arith::AndIOp::create(builder, loc, accumulator, value);
  case ReductionKind::Or:
    return arith::OrIOp::create(builder, loc, accumulator, value);
  case ReductionKind::Associative: {
    IRMapping mapping;
    Block *combiner = einsum.getCombinerBlock();
    mapping.map(combiner->getArguments(), ValueRange{accumulator, value});
    for (Operation &op : combiner->without_terminator())
      cloneOp(builder, op, mapping);
    return toVector(builder, mapping.lookupOrDefault(
                                 combiner->getTerminator()->getOperand(0)));
  }
  }
  llvm_unreachable("every reduction kind is covered");
}

Value EinsumBody::toVector(OpBuilder &builder, Value value) {
  if (isa<VectorType>(value.getType()) || !width)
    return value;
  return vector::BroadcastOp::create(
      builder, loc, VectorType::get({width}, value.getType()), value);
}

/// A quotient by instructions of a GPU that approximate, where 16 bits of it
/// are seen or what stands beside it is as exact: within 2 units in the last
/// place. Null for all other operations.
Value EinsumBody::emitApproximation(OpBuilder &builder, Operation &op,
                                    ArrayRef<Value> operands) {
  auto quotient = dyn_cast<arith::DivFOp>(op);
  auto result = cast<MemRefType>(einsum.getInit().getType());
  if (!isOnGPU || !quotient || !operands[0].getType().isF32() ||
      (result.getElementTypeBitWidth() != 16 &&
       !bitEnumContainsAll(quotient.getFastmath(), arith::FastMathFlags::afn)))
    return {};
  // No divisor of a sigmoid is subnormal, and one too large gives 0.
  bool isInverse = matchPattern(quotient.getLhs(), m_OneFloat()) &&
                   isOnePlusPower(quotient.getRhs());
  StringRef name =
      isInverse ? "llvm.nvvm.rcp.approx.ftz.f" : "llvm.nvvm.div.full";
  return LLVM::CallIntrinsicOp::create(
             builder, loc, operands[0].getType(), builder.getStringAttr(name),
             isInverse ? operands.drop_front() : operands)
      .getResult(0);
}

/// What `mapping` has for `values`, all as vectors if one of them is.
SmallVector<Value> EinsumBody::mapOperands(OpBuilder &builder,
                                           ValueRange values,
                                           const IRMapping &mapping) {
  auto mapped = llvm::map_to_vector(
      values, [&](Value value) { return mapping.lookupOrDefault(value); });
  if (llvm::any_of(
          mapped, [](Value value) { return isa<VectorType>(value.getType()); }))
    for (Value &value : mapped)
      value = toVector(builder, value);
  return mapped;
}

/// Clones one operation of a map or of a reduction's region, on vectors where
/// an operand is one.
void EinsumBody::cloneOp(OpBuilder &builder, Operation &op,
                         IRMapping &mapping) {
  SmallVector<Value> mapped = mapOperands(builder, op.getOperands(), mapping);
  bool isVector = !mapped.empty() && isa<VectorType>(mapped.front().getType());
  OperationState state(op.getLoc(), op.getName());
  state.addOperands(mapped);
  state.addAttributes(op.getAttrs());
  for (Type type : op.getResultTypes())
    state.addTypes(isVector ? Type(VectorType::get({width}, type)) : type);
  Value result = emitApproximation(builder, op, mapped);
  if (!result) {
    Operation *clone = builder.create(state);
    mapping.map(op.getResults(), clone->getResults());
    result = clone->getResult(0);
  }
  // A quotient whose divisor is 0 is 0: only points with a divisor exist.
  if (auto quotient = dyn_cast<arith::DivFOp>(op);
      quotient && !isOnePlusPower(quotient.getRhs())) {
    Value zero = arith::ConstantOp::create(
        builder, loc, builder.getZeroAttr(result.getType()));
    Value isEmpty = arith::CmpFOp::create(
        builder, loc, arith::CmpFPredicate::OEQ, mapped[1], zero);
    result = arith::SelectOp::create(builder, loc, isEmpty, zero, result);
  }
  mapping.map(op.getResult(0), result);
}

/// The product that `op` of a map adds to something, if it alone reads it: both
/// are one multiply-add, which rounds once. An operator means real arithmetic;
/// rounding to a type of 16 bits is its own.
static arith::MulFOp findProduct(Operation &op) {
  auto sum = dyn_cast<arith::AddFOp>(op);
  if (!sum || sum.getType().getIntOrFloatBitWidth() < 32)
    return {};
  for (Value operand : sum->getOperands())
    if (auto product = operand.getDefiningOp<arith::MulFOp>();
        product && product->hasOneUse() && product->getBlock() == op.getBlock())
      return product;
  return {};
}

void EinsumBody::emitOp(OpBuilder &builder, const TileCoordinates &at,
                        Operation &op, IRMapping &mapping) {
  if (auto index = dyn_cast<IndexOp>(op)) {
    mapping.map(index.getResult(),
                operands.getIndex(builder, at, index.getRankAttr()));
    return;
  }
  arith::MulFOp product = findProduct(op);
  if (!product) {
    cloneOp(builder, op, mapping);
    return;
  }
  Value other = op.getOperand(op.getOperand(0) == product.getResult() ? 1 : 0);
  SmallVector<Value> mapped = mapOperands(
      builder, {product.getLhs(), product.getRhs(), other}, mapping);
  mapping.map(
      op.getResult(0),
      math::FmaOp::create(builder, op.getLoc(), mapped[0], mapped[1], mapped[2])
          .getResult());
}

/// The operations of `map` that are emitted for `roots`, where `known` ends.
static llvm::SmallPtrSet<Operation *, 16>
getNeeded(Block *map, ValueRange roots, const IRMapping &known) {
  llvm::SmallPtrSet<Operation *, 16> needed;
  SmallVector<Value> open(roots);
  while (!open.empty()) {
    Value value = open.pop_back_val();
    Operation *op = value.getDefiningOp();
    if (!op || op->getBlock() != map || known.contains(value) ||
        !needed.insert(op).second)
      continue;
    arith::MulFOp product = findProduct(*op);
    for (Value operand : op->getOperands())
      if (product && operand == product.getResult())
        llvm::append_range(open, product->getOperands());
      else
        open.push_back(operand);
  }
  return needed;
}

SmallVector<Value> EinsumBody::emitOperands(OpBuilder &builder,
                                            const TileCoordinates &at,
                                            ArrayRef<Value> arguments,
                                            Operation *op) {
  IRMapping mapping;
  Block *map = einsum.getMap();
  mapping.map(map->getArguments(), arguments);
  auto needed = getNeeded(map, op->getOperands(), mapping);
  for (Operation &other : map->without_terminator())
    if (needed.contains(&other))
      emitOp(builder, at, other, mapping);
  return llvm::map_to_vector(op->getOperands(), [&](Value operand) {
    return mapping.lookupOrDefault(operand);
  });
}

/// Clones the map on vectors; what is uniform across the lanes stays scalar
/// until it meets a vector. Returns the value, combined with the accumulator.
Value EinsumBody::emitMap(OpBuilder &builder, const TileCoordinates &at,
                          ArrayRef<Value> arguments, Value accumulator,
                          const IRMapping &known) {
  IRMapping mapping(known);
  for (auto [argument, value] :
       llvm::zip_equal(einsum.getMap()->getArguments(), arguments))
    mapping.map(argument, value);
  Value yielded = einsum.getMapResult();
  Operation *last = yielded.getDefiningOp();
  // A masked product, select(live, a * b, 0), adds what the product alone adds
  // or keeps the accumulator: both forms of a step give the same bits.
  Value mask;
  if (auto select = dyn_cast_or_null<arith::SelectOp>(last);
      select && accumulator && select->getBlock() == einsum.getMap() &&
      matchPattern(select.getFalseValue(), m_AnyZeroFloat())) {
    mask = select.getCondition();
    yielded = select.getTrueValue();
    last = yielded.getDefiningOp();
  }
  // A product that is summed is one fused multiply-add.
  bool isFused = accumulator && isa_and_nonnull<arith::MulFOp>(last) &&
                 last->getBlock() == einsum.getMap() &&
                 einsum.getReduction() == ReductionKind::Add &&
                 yielded.hasOneUse();

  if (!isFused && mask) {
    yielded = einsum.getMapResult();
    mask = {};
  }
  auto needed = getNeeded(einsum.getMap(), einsum.getMapResult(), known);
  for (Operation &op : einsum.getMap()->without_terminator())
    if (needed.contains(&op) &&
        !(isFused && (&op == last || op.getResult(0) == einsum.getMapResult())))
      emitOp(builder, at, op, mapping);
  if (isFused) {
    Value left =
        toVector(builder, mapping.lookupOrDefault(last->getOperand(0)));
    Value right =
        toVector(builder, mapping.lookupOrDefault(last->getOperand(1)));
    Value sum =
        width ? vector::FMAOp::create(builder, loc, left, right, accumulator)
                    .getResult()
              : math::FmaOp::create(builder, loc, left, right, accumulator)
                    .getResult();
    if (!mask)
      return sum;
    return arith::SelectOp::create(builder, loc, mapping.lookupOrDefault(mask),
                                   sum, accumulator);
  }
  Value value = toVector(builder, mapping.lookupOrDefault(yielded));
  return accumulator ? combine(builder, accumulator, value) : value;
}
