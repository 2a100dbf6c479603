//===- PointValues.cpp - Values of points as code -------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PointValues.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

static Value getInteger(OpBuilder &builder, Location loc, Type type,
                        int64_t number) {
  return arith::ConstantOp::create(builder, loc,
                                   builder.getIntegerAttr(type, number));
}

Value attn::buildAffineExpr(OpBuilder &builder, Location loc, AffineExpr expr,
                            ValueRange dims, ValueRange symbols) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return symbols[symbol.getPosition()];
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return getInteger(builder, loc, dims.front().getType(),
                      constant.getValue());
  auto binary = cast<AffineBinaryOpExpr>(expr);
  Value left = buildAffineExpr(builder, loc, binary.getLHS(), dims, symbols);
  Value right = buildAffineExpr(builder, loc, binary.getRHS(), dims, symbols);
  // Divisors are positive constants. By a power of two, floored division is a
  // shift and its remainder a mask.
  std::optional<uint64_t> power;
  if (auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS()))
    if (constant.getValue() > 0 && llvm::isPowerOf2_64(constant.getValue()))
      power = llvm::Log2_64(constant.getValue());
  Type type = left.getType();
  auto divide = [&]() -> Value {
    if (power)
      return arith::ShRSIOp::create(builder, loc, left,
                                    getInteger(builder, loc, type, *power));
    return arith::FloorDivSIOp::create(builder, loc, left, right);
  };
  switch (binary.getKind()) {
  case AffineExprKind::Add:
    return arith::AddIOp::create(builder, loc, left, right);
  case AffineExprKind::Mul:
    return arith::MulIOp::create(builder, loc, left, right);
  case AffineExprKind::FloorDiv:
    return divide();
  case AffineExprKind::CeilDiv:
    return arith::CeilDivSIOp::create(builder, loc, left, right);
  default: {
    if (power)
      return arith::AndIOp::create(
          builder, loc, left,
          getInteger(builder, loc, type, (int64_t(1) << *power) - 1));
    // The remainder of a floored division.
    Value product = arith::MulIOp::create(builder, loc, divide(), right);
    return arith::SubIOp::create(builder, loc, left, product);
  }
  }
}

/// A sum where the numbers are equally far apart, else a selection by the heads
/// from which on they are others. It is computed once for a tile, and reads no
/// memory that a call would have to bring.
Value attn::buildTableLookup(OpBuilder &builder, Location loc,
                             ArrayRef<int64_t> numbers, Value head) {
  Type type = head.getType();
  auto constant = [&](int64_t number) {
    return getInteger(builder, loc, type, number);
  };
  int64_t last = static_cast<int64_t>(numbers.size()) - 1;
  int64_t step = last > 0 ? numbers[1] - numbers[0] : 0;
  bool isEven = true;
  for (int64_t index = 0; index < last; ++index)
    isEven &= numbers[index + 1] - numbers[index] == step;
  if (isEven && step != 0) {
    Value within = arith::MaxSIOp::create(builder, loc, head, constant(0));
    within = arith::MinSIOp::create(builder, loc, within, constant(last));
    Value steps = arith::MulIOp::create(builder, loc, within, constant(step));
    return arith::AddIOp::create(builder, loc, steps, constant(numbers[0]));
  }
  Value number = constant(numbers[0]);
  for (int64_t index = 1; index <= last; ++index) {
    if (numbers[index] == numbers[index - 1])
      continue;
    Value isReached = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::sge, head, constant(index));
    number = arith::SelectOp::create(builder, loc, isReached,
                                     constant(numbers[index]), number);
  }
  return number;
}

/// The largest power of two up to `number`; 0 below 1.
static Value buildPowerOfTwo(OpBuilder &builder, Location loc, Value number) {
  // An index is as wide as a pointer.
  bool isIndex = number.getType().isIndex();
  if (isIndex)
    number =
        arith::IndexCastOp::create(builder, loc, builder.getI64Type(), number);
  Type type = number.getType();
  Value zero = getInteger(builder, loc, type, 0);
  Value bits = arith::MaxSIOp::create(builder, loc, number, zero);
  // All bits below the highest one, and then that one alone.
  for (unsigned shift = 1; shift < type.getIntOrFloatBitWidth(); shift *= 2) {
    Value moved = arith::ShRUIOp::create(builder, loc, bits,
                                         getInteger(builder, loc, type, shift));
    bits = arith::OrIOp::create(builder, loc, bits, moved);
  }
  Value half = arith::ShRUIOp::create(builder, loc, bits,
                                      getInteger(builder, loc, type, 1));
  Value power = arith::SubIOp::create(builder, loc, bits, half);
  if (isIndex)
    power =
        arith::IndexCastOp::create(builder, loc, builder.getIndexType(), power);
  return power;
}

Value attn::buildPointValue(OpBuilder &builder, Location loc,
                            PointValueKind kind, ValueRange results) {
  if (kind == PointValueKind::PowerOfTwo)
    return buildPowerOfTwo(builder, loc, results.front());
  Value value = results.front();
  for (Value other : results.drop_front())
    if (kind == PointValueKind::Max)
      value = arith::MaxSIOp::create(builder, loc, value, other);
    else
      value = arith::MinSIOp::create(builder, loc, value, other);
  return value;
}
