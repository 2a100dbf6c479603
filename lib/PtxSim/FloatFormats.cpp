//===- FloatFormats.cpp - Formats and rounding ----------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FloatFormats.h"
#include <algorithm>
#include <cfenv>

using namespace ptxsim;

#pragma STDC FENV_ACCESS ON

uint32_t ptxsim::encodeFloat(double value, FloatFormat format,
                             Rounding rounding, bool isSaturating) {
  int mantissaBits = format.mantissaBits;
  int bias = (1 << (format.exponentBits - 1)) - 1;
  uint32_t sign =
      std::signbit(value) ? 1u << (format.exponentBits + mantissaBits) : 0;
  uint32_t exponentMask = ((1u << format.exponentBits) - 1) << mantissaBits;
  uint32_t allOnes = exponentMask | ((1u << mantissaBits) - 1);
  if (std::isnan(value))
    return allOnes;
  // Infinity, or the one NaN of a format without.
  uint32_t overflow = format.isFiniteOnly ? allOnes : exponentMask;
  uint32_t largest = overflow - 1;
  if (std::isinf(value))
    return sign | (isSaturating ? largest : overflow);
  uint64_t bits = bitCast<uint64_t>(value);
  int exponent = static_cast<int>(bits >> 52 & 0x7ff) - 1023;
  uint64_t mantissa = bits & ((uint64_t(1) << 52) - 1);
  if (exponent == -1023) {
    if (mantissa == 0)
      return sign;
    exponent = -1022;
  } else {
    mantissa |= uint64_t(1) << 52;
  }
  int smallest = 1 - bias;
  int shift = 52 - mantissaBits + std::max(0, smallest - exponent);
  shift = std::min(shift, 60);
  uint64_t rest = mantissa & ((uint64_t(1) << shift) - 1);
  uint64_t half = uint64_t(1) << (shift - 1);
  uint64_t kept = mantissa >> shift;
  bool isUp = false;
  switch (rounding) {
  case Rounding::Nearest:
    isUp = rest > half || (rest == half && (kept & 1));
    break;
  case Rounding::NearestAway:
    isUp = rest >= half;
    break;
  case Rounding::Zero:
    break;
  case Rounding::Down:
    isUp = rest && sign;
    break;
  case Rounding::Up:
    isUp = rest && !sign;
    break;
  }
  kept += isUp;
  uint64_t result = kept;
  if (exponent >= smallest)
    result =
        kept + (static_cast<uint64_t>(exponent + bias - 1) << mantissaBits);
  if (result > largest) {
    bool isTowards = rounding == Rounding::Zero ||
                     (rounding == Rounding::Down && !sign) ||
                     (rounding == Rounding::Up && sign);
    result = isSaturating || isTowards ? largest : overflow;
  }
  return sign | static_cast<uint32_t>(result);
}

double ptxsim::decodeFloat(uint32_t bits, FloatFormat format) {
  int bias = (1 << (format.exponentBits - 1)) - 1;
  uint32_t mantissa = bits & ((1u << format.mantissaBits) - 1);
  uint32_t largest = (1u << format.exponentBits) - 1;
  uint32_t exponent = bits >> format.mantissaBits & largest;
  bool isNegative = bits >> (format.exponentBits + format.mantissaBits) & 1;
  double value;
  bool isNaN =
      format.isFiniteOnly
          ? exponent == largest && mantissa == (1u << format.mantissaBits) - 1
          : exponent == largest && mantissa;
  if (isNaN)
    value = std::numeric_limits<double>::quiet_NaN();
  else if (exponent == largest && !format.isFiniteOnly)
    value = std::numeric_limits<double>::infinity();
  else if (exponent == 0)
    value = std::ldexp(mantissa, 1 - bias - format.mantissaBits);
  else
    value = std::ldexp(mantissa | (1u << format.mantissaBits),
                       static_cast<int>(exponent) - bias - format.mantissaBits);
  return isNegative ? -value : value;
}

double ptxsim::multiplyAddToOdd(double a, double b, double c) {
  double product = a * b;
  double sum = product + c;
  if (!std::isfinite(sum))
    return sum;
  // What rounding lost (Knuth's TwoSum).
  double high = sum - product;
  double error = (product - (sum - high)) + (c - high);
  uint64_t bits = bitCast<uint64_t>(sum);
  if (error == 0 || bits & 1)
    return sum;
  bool isAway = (error > 0) == (sum > 0);
  return bitCast<double>(isAway ? bits + 1 : bits - 1);
}

// ---- directed rounding ---- //

namespace {
class RoundingScope {
public:
  explicit RoundingScope(Rounding rounding) : before(std::fegetround()) {
    static constexpr int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD,
                                    FE_UPWARD, FE_TONEAREST};
    std::fesetround(modes[static_cast<int>(rounding)]);
  }
  ~RoundingScope() { std::fesetround(before); }

private:
  int before;
};
} // namespace

template <typename T, typename Apply>
static T round(Rounding rounding, Apply apply) {
  RoundingScope scope(rounding);
  return apply();
}

float ptxsim::addRounded(float a, float b, Rounding rounding) {
  return round<float>(rounding, [&] { return a + b; });
}
double ptxsim::addRounded(double a, double b, Rounding rounding) {
  return round<double>(rounding, [&] { return a + b; });
}
float ptxsim::multiplyRounded(float a, float b, Rounding rounding) {
  return round<float>(rounding, [&] { return a * b; });
}
double ptxsim::multiplyRounded(double a, double b, Rounding rounding) {
  return round<double>(rounding, [&] { return a * b; });
}
float ptxsim::multiplyAddRounded(float a, float b, float c, Rounding rounding) {
  return round<float>(rounding, [&] { return std::fma(a, b, c); });
}
double ptxsim::multiplyAddRounded(double a, double b, double c,
                                  Rounding rounding) {
  return round<double>(rounding, [&] { return std::fma(a, b, c); });
}
float ptxsim::divideRounded(float a, float b, Rounding rounding) {
  return round<float>(rounding, [&] { return a / b; });
}
double ptxsim::divideRounded(double a, double b, Rounding rounding) {
  return round<double>(rounding, [&] { return a / b; });
}
float ptxsim::squareRootRounded(float a, Rounding rounding) {
  return round<float>(rounding, [&] { return std::sqrt(a); });
}
double ptxsim::squareRootRounded(double a, Rounding rounding) {
  return round<double>(rounding, [&] { return std::sqrt(a); });
}

double ptxsim::toIntegral(double value, Rounding rounding) {
  switch (rounding) {
  case Rounding::Zero:
    return std::trunc(value);
  case Rounding::Down:
    return std::floor(value);
  case Rounding::Up:
    return std::ceil(value);
  case Rounding::NearestAway:
    return std::round(value);
  case Rounding::Nearest:
    break;
  }
  return std::nearbyint(value);
}

float ptxsim::toFloatRounded(double value, Rounding rounding) {
  if (std::isnan(value))
    return bitCast<float>(0x7fffffffu);
  return bitCast<float>(encodeFloat(value, f32Format, rounding));
}
