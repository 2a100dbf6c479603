//===- MathExpansions.cpp - Elementary functions in arith ------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The polynomials are minimax in the relative error of the function, with the
// constant term fixed so that exp(0) is 1 exactly; their coefficients were then
// improved by a search over neighbouring floats for the smallest error in units
// in the last place. test/Conversion/math-accuracy.test measures all of them.
//
//===----------------------------------------------------------------------===//

#include "MathExpansions.h"
#include "X86Intrinsics.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"
#include <limits>

using namespace mlir;
using namespace mlir::attn;

// 2^f on [-1/2, 1/2]: 1.9 ulp.
static constexpr float kExp2Coefficients[] = {1.0f,           0x1.62e42ap-1f,
                                              0x1.ebf9dp-3f,  0x1.c6b70ap-5f,
                                              0x1.3ce3e6p-7f, 0x1.5bb122p-10f};
// One degree more, for targets that round every product: 0.8 ulp.
static constexpr float kExp2LongCoefficients[] = {
    1.0f,           0x1.62e43p-1f,   0x1.ebfbd6p-3f, 0x1.c6aee8p-5f,
    0x1.3b2ddep-7f, 0x1.5f47d4p-10f, 0x1.41e104p-13f};
// e^r on [-ln(2)/2, ln(2)/2]; the first two terms are those of the series.
static constexpr float kExpCoefficients[] = {
    1.0f,           1.0f,           0x1.fffffcp-2f, 0x1.55547p-3f,
    0x1.555846p-5f, 0x1.124f24p-7f, 0x1.6abb44p-10f};
// (tanh(x) / x - 1) / x^2 in x^2, for |x| < 5/8.
static constexpr float kTanhCoefficients[] = {-0x1.555532p-2f, 0x1.11071ep-3f,
                                              -0x1.b83b26p-5f, 0x1.521e6p-6f,
                                              -0x1.75bb82p-8f};
static constexpr float kLog2e = 0x1.715476p+0f;
// ln 2 in two parts; the first has 16 bits, so that its product with an
// exponent is exact without fused multiply-add, too.
static constexpr float kLn2High = 0x1.62e4p-1f;
static constexpr float kLn2Low = 0x1.7f7d1cp-20f;
static constexpr float kInfinity = std::numeric_limits<float>::infinity();
static constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
static constexpr int32_t kOneBits = 0x3f800000;

MathExpander::MathExpander(OpBuilder &builder, Location loc, Type type,
                           MathTarget target)
    : builder(builder), loc(loc), type(type), intType(builder.getI32Type()),
      target(target) {
  if (auto vector = dyn_cast<VectorType>(type))
    intType = vector.clone(intType);
}

//===----------------------------------------------------------------------===//
// Building blocks
//===----------------------------------------------------------------------===//

static Value createSplat(OpBuilder &builder, Location loc, Type type,
                         Attribute element) {
  TypedAttr attr = cast<TypedAttr>(element);
  if (auto vector = dyn_cast<VectorType>(type))
    attr = DenseElementsAttr::get(vector, element);
  return arith::ConstantOp::create(builder, loc, attr);
}

Value MathExpander::splat(float value) {
  return createSplat(builder, loc, type, builder.getF32FloatAttr(value));
}
Value MathExpander::splatInt(int32_t value) {
  return createSplat(builder, loc, intType, builder.getI32IntegerAttr(value));
}
Value MathExpander::add(Value a, Value b) {
  return arith::AddFOp::create(builder, loc, a, b);
}
Value MathExpander::sub(Value a, Value b) {
  return arith::SubFOp::create(builder, loc, a, b);
}
Value MathExpander::mul(Value a, Value b) {
  return arith::MulFOp::create(builder, loc, a, b);
}
Value MathExpander::div(Value a, Value b) {
  return arith::DivFOp::create(builder, loc, a, b);
}
Value MathExpander::multiplyAdd(Value a, Value b, Value c) {
  if (target.fma)
    return math::FmaOp::create(builder, loc, a, b, c);
  return add(mul(a, b), c);
}
Value MathExpander::addInt(Value a, Value b) {
  return arith::AddIOp::create(builder, loc, a, b);
}
Value MathExpander::toBits(Value x) {
  return arith::BitcastOp::create(builder, loc, intType, x);
}
Value MathExpander::fromBits(Value bits) {
  return arith::BitcastOp::create(builder, loc, type, bits);
}

// An ordered comparison with the bound first: where x is NaN it is false and x
// stays, and x86 matches the pair to one vmaxps or vminps, which returns its
// second operand for NaN.
Value MathExpander::atLeast(Value x, float bound) {
  Value limit = splat(bound);
  Value outside =
      arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGT, limit, x);
  return arith::SelectOp::create(builder, loc, outside, limit, x);
}
Value MathExpander::atMost(Value x, float bound) {
  Value limit = splat(bound);
  Value outside =
      arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT, limit, x);
  return arith::SelectOp::create(builder, loc, outside, limit, x);
}

Value MathExpander::polynomial(Value x, ArrayRef<float> coefficients,
                               float factor) {
  Value result = splat(factor * coefficients.back());
  for (float coefficient : llvm::reverse(coefficients.drop_back()))
    result = multiplyAdd(result, x, splat(factor * coefficient));
  return result;
}

//===----------------------------------------------------------------------===//
// Exponentials
//===----------------------------------------------------------------------===//

MathExpander::Rounded MathExpander::roundWithPower(Value x, int32_t shift) {
  // Adding 1.5 * 2^23 rounds to the nearest integer and leaves it in the low
  // bits; with the exponent's bias added as well, those bits are the exponent
  // field of 2^n.
  Value magic = splat(0x1.8p23f + 127 + shift);
  Value shifted = add(x, magic);
  Value bits =
      arith::ShLIOp::create(builder, loc, toBits(shifted), splatInt(23));
  return {sub(shifted, magic), bits};
}

Value MathExpander::scaleByPowerBits(Value p, Value powerBits) {
  // Exponents down to -100 in the first factor, what is left in the second:
  // the first product is exact, so that only the second one rounds.
  Value lowest = splatInt((127 - 100) << 23);
  Value first = arith::MaxSIOp::create(builder, loc, powerBits, lowest);
  Value rest = arith::MinSIOp::create(builder, loc, powerBits, lowest);
  Value second = addInt(rest, splatInt(100 << 23));
  return mul(mul(p, fromBits(first)), fromBits(second));
}

Value MathExpander::exp2(Value x) {
  if (target.scalef && x86::canScale(type)) {
    // The scaling takes any exponent. Only x - n is wrong for infinite x, where
    // it is NaN; the maximum returns its bound for NaN, and a NaN of x lives on
    // in n.
    Value n = math::RoundEvenOp::create(builder, loc, x);
    Value f = sub(x, n);
    Value bound = splat(-0.5f);
    Value inside = arith::CmpFOp::create(builder, loc,
                                         arith::CmpFPredicate::OGT, f, bound);
    f = arith::SelectOp::create(builder, loc, inside, f, bound);
    return x86::createScale(builder, loc, polynomial(f, kExp2Coefficients), n);
  }
  // 2^128 is infinite and 2^-151 is 0. As 2^128 is no float, one factor of 2
  // goes into the polynomial.
  Value clamped = atLeast(atMost(x, 128.0f), -151.0f);
  Rounded n = roundWithPower(clamped, -1);
  Value f = sub(clamped, n.integer);
  ArrayRef<float> coefficients = kExp2Coefficients;
  if (!target.fma)
    coefficients = kExp2LongCoefficients;
  return scaleByPowerBits(polynomial(f, coefficients, /*factor=*/2.0f),
                          n.powerBits);
}

Value MathExpander::reduceByLn2(Value x, Value n) {
  Value r = multiplyAdd(n, splat(-kLn2High), x);
  return multiplyAdd(n, splat(-kLn2Low), r);
}

Value MathExpander::exp(Value x) {
  // Beyond the bounds the result is infinite or 0, and so it is at them.
  Value clamped = atLeast(atMost(x, 89.0f), -105.0f);
  Value scaled = mul(clamped, splat(kLog2e));
  if (target.scalef && x86::canScale(type)) {
    Value n = math::RoundEvenOp::create(builder, loc, scaled);
    Value r = reduceByLn2(clamped, n);
    return x86::createScale(builder, loc, polynomial(r, kExpCoefficients), n);
  }
  Rounded n = roundWithPower(scaled, -1);
  Value r = reduceByLn2(clamped, n.integer);
  return scaleByPowerBits(polynomial(r, kExpCoefficients, /*factor=*/2.0f),
                          n.powerBits);
}

Value MathExpander::expm1(Value x) {
  // Below -17.4 the result is -1.
  Value clamped = atLeast(atMost(x, 89.0f), -30.0f);
  Rounded n = roundWithPower(mul(clamped, splat(kLog2e)), -1);
  Value r = reduceByLn2(clamped, n.integer);
  // e^r - 1 without its leading 1, so that small results keep their digits.
  Value rest = polynomial(r, ArrayRef(kExpCoefficients).drop_front(2));
  Value q = multiplyAdd(mul(r, r), rest, r);
  // 2 * (2^(n-1) q + (2^(n-1) - 1/2)).
  Value power = fromBits(n.powerBits);
  Value half = multiplyAdd(q, power, sub(power, splat(0.5f)));
  // Tiny numbers are their own result: above, subnormal ones would lose a bit
  // and 0 its sign.
  return selectTiny(x, add(half, half));
}

Value MathExpander::tanh(Value x) {
  // A polynomial where the result is small, 1 - 2 / (e^2|x| + 1) elsewhere; it
  // is 1 from 9.02 on, and NaN takes the second path.
  Value magnitude = math::AbsFOp::create(builder, loc, x);
  Value square = mul(x, x);
  Value small = multiplyAdd(mul(square, polynomial(square, kTanhCoefficients)),
                            magnitude, magnitude);

  Value twice = atMost(add(magnitude, magnitude), 20.0f);
  Rounded n = roundWithPower(mul(twice, splat(kLog2e)), 0);
  Value r = reduceByLn2(twice, n.integer);
  Value e = mul(polynomial(r, kExpCoefficients), fromBits(n.powerBits));
  Value one = splat(1.0f);
  Value large = sub(one, div(splat(2.0f), add(e, one)));

  Value isSmall = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT,
                                        magnitude, splat(0.625f));
  Value result = arith::SelectOp::create(builder, loc, isSmall, small, large);
  return math::CopySignOp::create(builder, loc, result, x);
}

Value MathExpander::selectTiny(Value x, Value result) {
  Value magnitude = math::AbsFOp::create(builder, loc, x);
  Value tiny = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT,
                                     magnitude, splat(0x1p-25f));
  return arith::SelectOp::create(builder, loc, tiny, x, result);
}

//===----------------------------------------------------------------------===//
// Logarithms
//===----------------------------------------------------------------------===//

MathExpander::Decomposed MathExpander::decompose(Value x) {
  // Subnormal numbers become normal first.
  Value subnormal = arith::CmpFOp::create(
      builder, loc, arith::CmpFPredicate::OLT, x, splat(0x1p-126f));
  Value normal = arith::SelectOp::create(builder, loc, subnormal,
                                         mul(x, splat(0x1p23f)), x);
  Value adjustment = arith::SelectOp::create(builder, loc, subnormal,
                                             splat(-23.0f), splat(0.0f));
  // The exponent counts from sqrt(1/2), so that the fraction is around 0.
  constexpr int32_t kRootHalfBits = 0x3f3504f3;
  Value bits = addInt(toBits(normal), splatInt(kOneBits - kRootHalfBits));
  Value exponent = addInt(
      arith::ShRSIOp::create(builder, loc, bits, splatInt(23)), splatInt(-127));
  Value mantissa =
      addInt(arith::AndIOp::create(builder, loc, bits, splatInt(0x007fffff)),
             splatInt(kRootHalfBits));
  Value exponentFloat = arith::SIToFPOp::create(builder, loc, type, exponent);
  return {add(exponentFloat, adjustment), sub(fromBits(mantissa), splat(1.0f))};
}

MathExpander::LogTerms MathExpander::logTerms(Value f) {
  // With s = f / (2 + f): log(1 + f) = 2 atanh(s), a series in s^2, and
  // 2 s = f - s f, f = f^2/2 + s (f^2/2 ...): only the correction is rounded.
  Value s = div(f, add(f, splat(2.0f)));
  Value z = mul(s, s);
  Value rest = mul(polynomial(z, {0x1.555556p-1f, 0x1.99999ap-2f,
                                  0x1.24924ap-2f, 0x1.c71c72p-3f}),
                   z);
  Value half = mul(mul(f, splat(0.5f)), f);
  return {half, mul(s, add(half, rest))};
}

Value MathExpander::logSpecials(Value x, Value result, float pole) {
  auto selectWhere = [&](arith::CmpFPredicate predicate, float bound,
                         Value chosen) {
    Value where =
        arith::CmpFOp::create(builder, loc, predicate, x, splat(bound));
    result = arith::SelectOp::create(builder, loc, where, chosen, result);
  };
  // Unordered: infinity and NaN are their own logarithm.
  selectWhere(arith::CmpFPredicate::UGE, kInfinity, x);
  selectWhere(arith::CmpFPredicate::OEQ, pole, splat(-kInfinity));
  selectWhere(arith::CmpFPredicate::OLT, pole, splat(kNaN));
  return result;
}

Value MathExpander::log(Value x) {
  auto [exponent, f] = decompose(x);
  auto [half, correction] = logTerms(f);
  Value low = multiplyAdd(exponent, splat(kLn2Low), correction);
  Value rest = sub(sub(half, low), f);
  Value result = sub(mul(exponent, splat(kLn2High)), rest);
  return logSpecials(x, result, 0.0f);
}

Value MathExpander::log2(Value x) {
  auto [exponent, f] = decompose(x);
  auto [half, correction] = logTerms(f);
  Value r = sub(f, sub(half, correction));
  // log2(e) in two parts.
  Value low = multiplyAdd(r, splat(0x1.4ae0cp-26f), exponent);
  Value result = multiplyAdd(r, splat(kLog2e), low);
  return logSpecials(x, result, 0.0f);
}

Value MathExpander::log10(Value x) {
  auto [exponent, f] = decompose(x);
  auto [half, correction] = logTerms(f);
  Value r = sub(f, sub(half, correction));
  // log10(2) in two parts, the first of 13 bits, and log10(e).
  Value low = multiplyAdd(r, splat(0x1.bcb7b2p-2f),
                          mul(exponent, splat(0x1.3509f8p-18f)));
  Value result = multiplyAdd(exponent, splat(0x1.344p-2f), low);
  return logSpecials(x, result, 0.0f);
}

Value MathExpander::log1p(Value x) {
  // u = 1 + x rounds; what it loses, over u, is added to log(u).
  Value one = splat(1.0f);
  Value u = add(x, one);
  Value large =
      arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGE, x, one);
  Value lost = arith::SelectOp::create(builder, loc, large, sub(one, sub(u, x)),
                                       sub(x, sub(u, one)));
  auto [exponent, f] = decompose(u);
  auto [half, correction] = logTerms(f);
  Value low =
      add(multiplyAdd(exponent, splat(kLn2Low), div(lost, u)), correction);
  Value rest = sub(sub(half, low), f);
  Value result = sub(mul(exponent, splat(kLn2High)), rest);
  result = selectTiny(x, result);
  return logSpecials(x, result, -1.0f);
}
