//===- MathExpansions.h - Elementary functions in arith ---------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_MATHEXPANSIONS_H
#define ATTN_LIB_CONVERSION_MATHEXPANSIONS_H

#include "MathFormat.h"
#include "mlir/IR/Builders.h"

namespace mlir::attn {

/// What the target offers beyond plain arithmetic.
struct MathTarget {
  /// Fused multiply-add is one instruction.
  bool fma = true;
  /// AVX-512: vscalefps and vscalefpd.
  bool scalef = false;
};

/// Builds elementary functions on f32 and f64 values, scalar or vector, from
/// arith and vector operations. All of them keep NaN, get infinities right, are
/// accurate for subnormal numbers and free of fast-math flags.
class MathExpander {
public:
  MathExpander(OpBuilder &builder, Location loc, Type type, MathTarget target);

  Value exp2(Value x);
  /// With a relative error below 2^-13; of f32 alone.
  Value relaxedExp2(Value x);
  Value exp(Value x);
  Value expm1(Value x);
  Value log(Value x);
  Value log2(Value x);
  Value log10(Value x);
  Value log1p(Value x);
  Value tanh(Value x);

private:
  Value splat(double value);
  Value splatInt(int64_t value);
  Value add(Value a, Value b);
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  Value div(Value a, Value b);
  /// a * b + c.
  Value multiplyAdd(Value a, Value b, Value c);
  Value addInt(Value a, Value b);
  Value toBits(Value x);
  Value fromBits(Value bits);
  /// x where it is inside, the bound where it is outside, NaN where it is NaN.
  Value atLeast(Value x, double bound);
  Value atMost(Value x, double bound);
  /// factor * (coefficients[0] + x * (coefficients[1] + x * ...)); the factor
  /// is a power of two.
  Value polynomial(Value x, ArrayRef<double> coefficients, double factor = 1.0);

  /// The nearest integer n, and the bits of 2^(n + shift). Only for |x| < 2^21
  /// (2^50); the exponent field wraps into the sign where the power is no
  /// float.
  struct Rounded {
    Value integer;
    Value powerBits;
  };
  Rounded roundWithPower(Value x, int64_t shift);
  /// The polynomial in r times 2^n, for an n that was rounded with shift -1;
  /// rounded once where the product is subnormal.
  Value scaledPolynomial(Value r, ArrayRef<double> coefficients,
                         const Rounded &n);

  /// x where |x| is so small that f(x) = x, `result` elsewhere.
  Value selectTiny(Value x, Value result);

  /// x - n ln 2 in two steps.
  Value reduceByLn2(Value x, Value n);

  /// x = 2^exponent * (1 + fraction), fraction around 0.
  struct Decomposed {
    Value exponent;
    Value fraction;
  };
  Decomposed decompose(Value x);
  /// log(1 + f) = f - (half - s * (half + rest)) for the fraction f.
  struct LogTerms {
    Value half;
    Value correction;
  };
  LogTerms logTerms(Value fraction);
  Value logSpecials(Value x, Value result, double pole);

  OpBuilder &builder;
  Location loc;
  Type type;
  const MathFormat &format;
  Type intType;
  MathTarget target;
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_MATHEXPANSIONS_H
