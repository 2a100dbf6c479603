//===- FloatFormats.h - Formats of floating point numbers -------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PTXSIM_FLOATFORMATS_H
#define ATTN_PTXSIM_FLOATFORMATS_H

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

namespace ptxsim {

template <typename To, typename From>
To bitCast(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof(to));
  return to;
}

enum class Rounding : uint8_t {
  Nearest, // ties to even
  Zero,
  Down,
  Up,
  NearestAway // ties away from zero
};

struct FloatFormat {
  int exponentBits;
  int mantissaBits;
  /// Whether the largest exponent holds finite numbers, too, and only the
  /// largest of all is NaN.
  bool isFiniteOnly = false;
};
constexpr FloatFormat f16Format{5, 10};
constexpr FloatFormat bf16Format{8, 7};
constexpr FloatFormat tf32Format{8, 10};
constexpr FloatFormat f32Format{8, 23};
constexpr FloatFormat e4m3Format{4, 3, true};
constexpr FloatFormat e5m2Format{5, 2};

/// The bits of `value` in another format. A NaN becomes the canonical one, with
/// no sign and all bits set.
uint32_t encodeFloat(double value, FloatFormat format, Rounding rounding,
                     bool isSaturating = false);
double decodeFloat(uint32_t bits, FloatFormat format);

inline float halfToFloat(uint16_t half) {
  uint32_t bits = uint32_t(half & 0x7fff) << 13;
  // Multiplying rebiases the exponent, of subnormal numbers as well.
  float value = bitCast<float>(bits) * 0x1p112f;
  if ((half & 0x7c00) == 0x7c00)
    value = bitCast<float>(bits | 0x7f800000u);
  return bitCast<float>(bitCast<uint32_t>(value) |
                        (uint32_t(half & 0x8000) << 16));
}

inline float bfloatToFloat(uint16_t value) {
  return bitCast<float>(uint32_t(value) << 16);
}

inline uint16_t floatToBfloat(float value) {
  uint32_t bits = bitCast<uint32_t>(value);
  if (std::isnan(value))
    return 0x7fff;
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/// The nearest number of half precision to a double that was rounded to odd, or
/// is exact.
inline uint16_t doubleToHalf(double value) {
  return static_cast<uint16_t>(
      encodeFloat(value, f16Format, Rounding::Nearest));
}
inline uint16_t doubleToBfloat(double value) {
  return static_cast<uint16_t>(
      encodeFloat(value, bf16Format, Rounding::Nearest));
}

/// a * b + c rounded to odd, so that rounding it again to a short format is as
/// good as rounding once. The product must be exact.
double multiplyAddToOdd(double a, double b, double c);

inline float canonicalize(float value) {
  return std::isnan(value) ? bitCast<float>(0x7fffffffu) : value;
}
inline double canonicalize(double value) { return value; }

template <typename T>
T flush(T value) {
  return std::fabs(value) < std::numeric_limits<T>::min()
             ? std::copysign(T(0), value)
             : value;
}

/// To [0, 1]; NaN becomes 0.
template <typename T>
T saturate(T value) {
  if (!(value > 0))
    return 0;
  return value > 1 ? T(1) : value;
}

// Arithmetic in other rounding modes than to nearest (FloatFormats.cpp).
float addRounded(float a, float b, Rounding rounding);
double addRounded(double a, double b, Rounding rounding);
float multiplyRounded(float a, float b, Rounding rounding);
double multiplyRounded(double a, double b, Rounding rounding);
float multiplyAddRounded(float a, float b, float c, Rounding rounding);
double multiplyAddRounded(double a, double b, double c, Rounding rounding);
float divideRounded(float a, float b, Rounding rounding);
double divideRounded(double a, double b, Rounding rounding);
float squareRootRounded(float a, Rounding rounding);
double squareRootRounded(double a, Rounding rounding);
double toIntegral(double value, Rounding rounding);
float toFloatRounded(double value, Rounding rounding);

} // namespace ptxsim

#endif // ATTN_PTXSIM_FLOATFORMATS_H
