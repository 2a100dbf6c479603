//===- MathFormat.h - Constants of elementary functions ---------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_MATHFORMAT_H
#define ATTN_LIB_CONVERSION_MATHFORMAT_H

#include "mlir/IR/Types.h"

namespace mlir::attn {

/// What the elementary functions of one float type are made of. Every number is
/// one of that type.
struct MathFormat {
  /// Stored bits of the mantissa, and the bias of the exponent.
  int64_t mantissaBits;
  int64_t bias;

  /// 2^f on [-1/2, 1/2].
  ArrayRef<double> exp2;
  /// The same for targets that round every product.
  ArrayRef<double> exp2WithoutFma;
  /// 2^f with a relative error below 2^-13, on [0, 1] and on [-1/2, 1/2]. f32
  /// alone has them.
  ArrayRef<double> relaxedExp2, relaxedExp2Centred;
  /// e^r on [-ln(2)/2, ln(2)/2]; the first two terms are those of the series.
  ArrayRef<double> exp;
  /// (tanh(x) / x - 1) / x^2 in x^2, for |x| < 5/8.
  ArrayRef<double> tanh;
  /// (2 atanh(s) / s - 2) / s^2 in s^2, for |s| below 0.172.
  ArrayRef<double> log;

  double log2e, log2eLow;
  /// ln 2 and log10 2 in two parts; the product of the first one with an
  /// exponent is exact without fused multiply-add, too.
  double ln2High, ln2Low;
  double log10Of2High, log10Of2Low;
  double log10e;

  /// Outside of these bounds, and at them, the result is infinite or 0.
  double exp2Highest, exp2Lowest;
  double expHighest, expLowest;
  /// At this and below expm1 is -1; at this and above tanh(x / 2) is 1.
  double expm1Lowest, tanhHighest;
  /// Below it expm1(x) and log1p(x) are x.
  double tiny;
  double smallestNormal;
  /// The bits of sqrt(1/2).
  int64_t rootHalfBits;
};

/// The constants of f32 or f64.
const MathFormat &getMathFormat(Type element);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_MATHFORMAT_H
