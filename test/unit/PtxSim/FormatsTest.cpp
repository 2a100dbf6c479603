//===- FormatsTest.cpp - Formats of floating point numbers ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Evaluate.h"

using namespace ptxsim;

/// Every number of a short format comes back from being encoded.
static void checkRoundTrip(FloatFormat format, unsigned bits) {
  for (uint32_t value = 0; value < 1u << bits; ++value) {
    double number = decodeFloat(value, format);
    if (number == number)
      ASSERT_EQ(encodeFloat(number, format, Rounding::Nearest), value);
  }
}

namespace {
TEST(Formats, RoundTrip) {
  checkRoundTrip(f16Format, 16);
  checkRoundTrip(bf16Format, 16);
  checkRoundTrip(e4m3Format, 8);
  checkRoundTrip(e5m2Format, 8);
}

TEST(Formats, FastDecoders) {
  for (uint32_t bits = 0; bits < 1u << 16; ++bits) {
    expectSame<double>(halfToFloat(static_cast<uint16_t>(bits)),
                       decodeFloat(bits, f16Format), std::to_string(bits));
    expectSame<double>(bfloatToFloat(static_cast<uint16_t>(bits)),
                       decodeFloat(bits, bf16Format), std::to_string(bits));
  }
}

TEST(Formats, RoundingBetweenNeighbours) {
  for (uint32_t bits = 0; bits < 0x7bff; bits += 7) {
    double low = decodeFloat(bits, f16Format);
    double high = decodeFloat(bits + 1, f16Format);
    double middle = (low + high) / 2;
    double below = (low * 3 + high) / 4;
    uint32_t even = bits % 2 ? bits + 1 : bits;
    auto encode = [](double value, Rounding rounding) {
      return encodeFloat(value, f16Format, rounding);
    };
    EXPECT_EQ(encode(middle, Rounding::Nearest), even);
    EXPECT_EQ(encode(middle, Rounding::NearestAway), bits + 1);
    EXPECT_EQ(encode(below, Rounding::Nearest), bits);
    EXPECT_EQ(encode(below, Rounding::Up), bits + 1);
    EXPECT_EQ(encode(below, Rounding::Zero), bits);
    EXPECT_EQ(encode(below, Rounding::Down), bits);
    EXPECT_EQ(encode(-below, Rounding::Down), 0x8000 | (bits + 1));
    EXPECT_EQ(encode(-below, Rounding::Up), 0x8000 | bits);
  }
}

TEST(Formats, BfloatIsRoundedOnce) {
  for (int index = 0; index < 10000; ++index) {
    float value = bitCast<float>(static_cast<uint32_t>(getRandom()()));
    EXPECT_EQ(floatToBfloat(value),
              encodeFloat(value, bf16Format, Rounding::Nearest));
    expectSame(toFloatRounded(value, Rounding::Nearest), value, "float");
  }
}

/// The sum lies a little above the middle of two halves; rounding it to a
/// double first would lose that.
TEST(Formats, RoundingToOdd) {
  double middle = 1 + 0x1p-11;
  double sum = multiplyAddToOdd(0x1p-60, 1, middle);
  EXPECT_EQ(doubleToHalf(sum), 0x3c01);
  EXPECT_EQ(doubleToHalf(multiplyAddToOdd(-0x1p-60, 1, middle)), 0x3c00);
  EXPECT_EQ(doubleToHalf(middle), 0x3c00);
}
} // namespace
