//===- KernelBuiltinsTest.cpp - Conversions of 16-bit floats -------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "llvm/ADT/APFloat.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

using llvm::APFloat;

// The functions pass 16-bit floats in vector registers, as these types say.
extern "C" {
_Float16 __truncsfhf2(float value);
_Float16 __truncdfhf2(double value);
float __extendhfsf2(_Float16 value);
__bf16 __truncsfbf2(float value);
__bf16 __truncdfbf2(double value);
}

template <typename To, typename From>
static To bitCast(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  memcpy(&to, &from, sizeof(to));
  return to;
}

// The bits APFloat gives; NaN payloads are not compared.
template <typename From>
static uint16_t reference(From value, const llvm::fltSemantics &semantics) {
  APFloat result(value);
  bool loses;
  result.convert(semantics, APFloat::rmNearestTiesToEven, &loses);
  return static_cast<uint16_t>(result.bitcastToAPInt().getZExtValue());
}

template <typename From>
static void compareRounding(From value) {
  uint16_t half, bfloat;
  if constexpr (sizeof(From) == sizeof(float)) {
    half = bitCast<uint16_t>(__truncsfhf2(value));
    bfloat = bitCast<uint16_t>(__truncsfbf2(value));
  } else {
    half = bitCast<uint16_t>(__truncdfhf2(value));
    bfloat = bitCast<uint16_t>(__truncdfbf2(value));
  }
  if (std::isnan(value)) {
    EXPECT_EQ(half & 0x7e00, 0x7e00);
    EXPECT_EQ(bfloat & 0x7fc0, 0x7fc0);
    return;
  }
  EXPECT_EQ(half, reference(value, APFloat::IEEEhalf())) << value;
  EXPECT_EQ(bfloat, reference(value, APFloat::BFloat())) << value;
}

namespace {

TEST(KernelBuiltins, RoundsFloats) {
  // Every exponent, with the mantissas around a tie of either format.
  for (uint32_t high = 0; high < 1u << 16; ++high)
    for (uint32_t low : {0u, 1u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu})
      compareRounding(bitCast<float>(high << 16 | low));
  for (uint32_t high = 0; high < 1u << 19; ++high)
    for (uint32_t low : {0xfffu, 0x1000u, 0x1001u})
      compareRounding(bitCast<float>(high << 13 | low));
}

TEST(KernelBuiltins, RoundsDoublesOnce) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 1000000; ++i) {
    // Near a tie of 8, 11 or 24 bits of precision, where rounding twice fails.
    uint64_t bits = random();
    int shift = std::array<int, 4>{28, 41, 44, 0}[bits & 3];
    uint64_t tie = random() >> shift << shift | (uint64_t(1) << shift >> 1);
    compareRounding(bitCast<double>(tie + (bits >> 2 & 3) - 1));
    // With an exponent that the narrow formats have.
    uint64_t exponent = (1023 - 30 + (bits >> 8) % 60) << 52;
    compareRounding(bitCast<double>((tie & 0x800fffffffffffff) | exponent));
  }
}

TEST(KernelBuiltins, ExtendsHalves) {
  for (uint32_t bits = 0; bits < 1u << 16; ++bits) {
    APFloat half(APFloat::IEEEhalf(), llvm::APInt(16, bits));
    float got = __extendhfsf2(bitCast<_Float16>(static_cast<uint16_t>(bits)));
    if (half.isNaN())
      EXPECT_TRUE(std::isnan(got));
    else
      EXPECT_EQ(bitCast<uint32_t>(got),
                bitCast<uint32_t>(half.convertToFloat()))
          << bits;
  }
}

} // namespace
