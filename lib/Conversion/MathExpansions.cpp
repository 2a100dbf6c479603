//===- MathExpansions.cpp - Elementary functions in arith ------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The constants are in MathFormat.cpp.
// test/Conversion/attn-expand-math-accuracy*.test measure every function.
//
//===----------------------------------------------------------------------===//

#include "MathExpansions.h"
#include "X86Intrinsics.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::attn;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();
static constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

MathExpander::MathExpander(OpBuilder &builder, Location loc, Type type,
                           MathTarget target)
    : builder(builder), loc(loc), type(type),
      format(getMathFormat(getElementTypeOrSelf(type))),
      intType(builder.getIntegerType(
          getElementTypeOrSelf(type).getIntOrFloatBitWidth())),
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

Value MathExpander::splat(double value) {
  return createSplat(builder, loc, type,
                     builder.getFloatAttr(getElementTypeOrSelf(type), value));
}
Value MathExpander::splatInt(int64_t value) {
  return createSplat(
      builder, loc, intType,
      builder.getIntegerAttr(getElementTypeOrSelf(intType), value));
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
Value MathExpander::atLeast(Value x, double bound) {
  Value limit = splat(bound);
  Value outside =
      arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGT, limit, x);
  return arith::SelectOp::create(builder, loc, outside, limit, x);
}
Value MathExpander::atMost(Value x, double bound) {
  Value limit = splat(bound);
  Value outside =
      arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT, limit, x);
  return arith::SelectOp::create(builder, loc, outside, limit, x);
}

Value MathExpander::polynomial(Value x, ArrayRef<double> coefficients,
                               double factor) {
  Value result = splat(factor * coefficients.back());
  for (double coefficient : llvm::reverse(coefficients.drop_back()))
    result = multiplyAdd(result, x, splat(factor * coefficient));
  return result;
}

//===----------------------------------------------------------------------===//
// Exponentials
//===----------------------------------------------------------------------===//

MathExpander::Rounded MathExpander::roundWithPower(Value x, int64_t shift) {
  // Adding 1.5 * 2^23 (2^52) rounds to the nearest integer and leaves it in the
  // low bits; with the exponent's bias added as well, those bits are the
  // exponent field of 2^n.
  double magicNumber = std::ldexp(1.5, format.mantissaBits) +
                       static_cast<double>(format.bias + shift);
  Value magic = splat(magicNumber);
  Value shifted = add(x, magic);
  Value bits = arith::ShLIOp::create(builder, loc, toBits(shifted),
                                     splatInt(format.mantissaBits));
  return {sub(shifted, magic), bits};
}

Value MathExpander::scaledPolynomial(Value r, ArrayRef<double> coefficients,
                                     const Rounded &n) {
  if (format.mantissaBits == 23) {
    // As 2^128 is no float, one factor of 2 goes into the polynomial. Exponents
    // down to -100 are in the first factor, what is left in the second: the
    // first product is exact, so that only the second one rounds.
    Value p = polynomial(r, coefficients, /*factor=*/2.0);
    Value lowest = splatInt((127 - 100) << 23);
    Value first = arith::MaxSIOp::create(builder, loc, n.powerBits, lowest);
    Value rest = arith::MinSIOp::create(builder, loc, n.powerBits, lowest);
    Value second = addInt(rest, splatInt(100 << 23));
    return mul(mul(p, fromBits(first)), fromBits(second));
  }
  // Before AVX-512 there is no minimum of 64-bit integers and no arithmetic
  // shift. 2^n in two factors of about the same size takes neither; the first
  // product is exact.
  Value p = polynomial(r, coefficients);
  Rounded first = roundWithPower(mul(n.integer, splat(0.5)), 0);
  Rounded second = roundWithPower(sub(n.integer, first.integer), 0);
  return mul(mul(p, fromBits(first.powerBits)), fromBits(second.powerBits));
}

Value MathExpander::exp2(Value x) {
  if (target.scalef && x86::canScale(type)) {
    // The scaling takes any exponent. Only x - n is wrong for infinite x, where
    // it is NaN; the maximum returns its bound for NaN, and a NaN of x lives on
    // in n.
    Value n = math::RoundEvenOp::create(builder, loc, x);
    Value f = sub(x, n);
    Value bound = splat(-0.5);
    Value inside = arith::CmpFOp::create(builder, loc,
                                         arith::CmpFPredicate::OGT, f, bound);
    f = arith::SelectOp::create(builder, loc, inside, f, bound);
    return x86::createScale(builder, loc, polynomial(f, format.exp2), n);
  }
  Value clamped = atLeast(atMost(x, format.exp2Highest), format.exp2Lowest);
  Rounded n = roundWithPower(clamped, -1);
  return scaledPolynomial(sub(clamped, n.integer),
                          target.fma ? format.exp2 : format.exp2WithoutFma, n);
}

Value MathExpander::relaxedExp2(Value x) {
  if (target.scalef && x86::canScale(type)) {
    // The scaling takes the integer below x by itself, of which the fraction is
    // one instruction, 0 for infinite x.
    Value fraction = x86::createFraction(builder, loc, x);
    return x86::createScale(builder, loc,
                            polynomial(fraction, format.relaxedExp2), x);
  }
  Value clamped = atLeast(atMost(x, format.exp2Highest), format.exp2Lowest);
  Rounded n = roundWithPower(clamped, -1);
  return scaledPolynomial(sub(clamped, n.integer), format.relaxedExp2Centred,
                          n);
}

Value MathExpander::reduceByLn2(Value x, Value n) {
  Value r = multiplyAdd(n, splat(-format.ln2High), x);
  return multiplyAdd(n, splat(-format.ln2Low), r);
}

Value MathExpander::exp(Value x) {
  Value clamped = atLeast(atMost(x, format.expHighest), format.expLowest);
  Value scaled = mul(clamped, splat(format.log2e));
  if (target.scalef && x86::canScale(type)) {
    Value n = math::RoundEvenOp::create(builder, loc, scaled);
    Value r = reduceByLn2(clamped, n);
    return x86::createScale(builder, loc, polynomial(r, format.exp), n);
  }
  Rounded n = roundWithPower(scaled, -1);
  return scaledPolynomial(reduceByLn2(clamped, n.integer), format.exp, n);
}

Value MathExpander::expm1(Value x) {
  Value clamped = atLeast(atMost(x, format.expHighest), format.expm1Lowest);
  Rounded n = roundWithPower(mul(clamped, splat(format.log2e)), -1);
  Value first = multiplyAdd(n.integer, splat(-format.ln2High), clamped);
  Value r = multiplyAdd(n.integer, splat(-format.ln2Low), first);
  // e^r - 1 without its leading 1, so that small results keep their digits, and
  // with what the rounding of r has lost.
  Value lost = multiplyAdd(n.integer, splat(-format.ln2Low), sub(first, r));
  Value rest = polynomial(r, format.exp.drop_front(2));
  Value q = add(r, multiplyAdd(mul(r, r), rest, lost));
  // 2 * (2^(n-1) q + (2^(n-1) - 1/2)).
  Value power = fromBits(n.powerBits);
  Value half = multiplyAdd(q, power, sub(power, splat(0.5)));
  // Tiny numbers are their own result: above, subnormal ones would lose a bit
  // and 0 its sign.
  return selectTiny(x, add(half, half));
}

Value MathExpander::tanh(Value x) {
  // A polynomial where the result is small, 1 - 2 / (e^2|x| + 1) elsewhere; NaN
  // takes the second path.
  Value magnitude = math::AbsFOp::create(builder, loc, x);
  Value square = mul(x, x);
  Value small = multiplyAdd(mul(square, polynomial(square, format.tanh)),
                            magnitude, magnitude);

  Value twice = atMost(add(magnitude, magnitude), format.tanhHighest);
  Rounded n = roundWithPower(mul(twice, splat(format.log2e)), 0);
  Value r = reduceByLn2(twice, n.integer);
  Value e = mul(polynomial(r, format.exp), fromBits(n.powerBits));
  Value one = splat(1.0);
  Value large = sub(one, div(splat(2.0), add(e, one)));

  Value isSmall = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT,
                                        magnitude, splat(0.625));
  Value result = arith::SelectOp::create(builder, loc, isSmall, small, large);
  return math::CopySignOp::create(builder, loc, result, x);
}

Value MathExpander::selectTiny(Value x, Value result) {
  Value magnitude = math::AbsFOp::create(builder, loc, x);
  Value tiny = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT,
                                     magnitude, splat(format.tiny));
  return arith::SelectOp::create(builder, loc, tiny, x, result);
}

//===----------------------------------------------------------------------===//
// Logarithms
//===----------------------------------------------------------------------===//

MathExpander::Decomposed MathExpander::decompose(Value x) {
  // Subnormal numbers become normal first.
  auto bits = static_cast<double>(format.mantissaBits);
  Value subnormal = arith::CmpFOp::create(
      builder, loc, arith::CmpFPredicate::OLT, x, splat(format.smallestNormal));
  Value normal = arith::SelectOp::create(builder, loc, subnormal,
                                         mul(x, splat(std::exp2(bits))), x);
  Value adjustment = arith::SelectOp::create(builder, loc, subnormal,
                                             splat(-bits), splat(0.0));
  // The exponent counts from sqrt(1/2), so that the fraction is around 0.
  int64_t oneBits = format.bias << format.mantissaBits;
  Value shifted =
      addInt(toBits(normal), splatInt(oneBits - format.rootHalfBits));
  Value mantissa = addInt(
      arith::AndIOp::create(builder, loc, shifted,
                            splatInt((int64_t(1) << format.mantissaBits) - 1)),
      splatInt(format.rootHalfBits));
  // As the low bits of 2^23 (2^52) the exponent is a float without a conversion
  // of integers, which for 64 bits only AVX-512 has.
  int64_t unitBits = (format.bias + format.mantissaBits) << format.mantissaBits;
  Value exponent = arith::OrIOp::create(
      builder, loc,
      arith::ShRUIOp::create(builder, loc, shifted,
                             splatInt(format.mantissaBits)),
      splatInt(unitBits));
  Value exponentFloat =
      sub(fromBits(exponent),
          splat(std::exp2(bits) + static_cast<double>(format.bias)));
  return {add(exponentFloat, adjustment), sub(fromBits(mantissa), splat(1.0))};
}

MathExpander::LogTerms MathExpander::logTerms(Value f) {
  // With s = f / (2 + f): log(1 + f) = 2 atanh(s), a series in s^2, and
  // 2 s = f - s f, f = f^2/2 + s (f^2/2 ...): only the correction is rounded.
  Value s = div(f, add(f, splat(2.0)));
  Value z = mul(s, s);
  Value rest = mul(polynomial(z, format.log), z);
  Value half = mul(mul(f, splat(0.5)), f);
  return {half, mul(s, add(half, rest))};
}

Value MathExpander::logSpecials(Value x, Value result, double pole) {
  auto selectWhere = [&](arith::CmpFPredicate predicate, double bound,
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
  Value low = multiplyAdd(exponent, splat(format.ln2Low), correction);
  Value rest = sub(sub(half, low), f);
  Value result = sub(mul(exponent, splat(format.ln2High)), rest);
  return logSpecials(x, result, 0.0);
}

Value MathExpander::log2(Value x) {
  auto [exponent, f] = decompose(x);
  auto [half, correction] = logTerms(f);
  Value r = sub(f, sub(half, correction));
  // log2(e) in two parts.
  Value low = multiplyAdd(r, splat(format.log2eLow), exponent);
  Value result = multiplyAdd(r, splat(format.log2e), low);
  return logSpecials(x, result, 0.0);
}

Value MathExpander::log10(Value x) {
  auto [exponent, f] = decompose(x);
  auto [half, correction] = logTerms(f);
  Value r = sub(f, sub(half, correction));
  // log10(2) in two parts, and log10(e).
  Value low = multiplyAdd(r, splat(format.log10e),
                          mul(exponent, splat(format.log10Of2Low)));
  Value result = multiplyAdd(exponent, splat(format.log10Of2High), low);
  return logSpecials(x, result, 0.0);
}

Value MathExpander::log1p(Value x) {
  // u = 1 + x rounds; what it loses, over u, is added to log(u).
  Value one = splat(1.0);
  Value u = add(x, one);
  Value large =
      arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGE, x, one);
  Value lost = arith::SelectOp::create(builder, loc, large, sub(one, sub(u, x)),
                                       sub(x, sub(u, one)));
  auto [exponent, f] = decompose(u);
  auto [half, correction] = logTerms(f);
  Value low = add(multiplyAdd(exponent, splat(format.ln2Low), div(lost, u)),
                  correction);
  Value rest = sub(sub(half, low), f);
  Value result = sub(mul(exponent, splat(format.ln2High)), rest);
  result = selectTiny(x, result);
  return logSpecials(x, result, -1.0);
}
