//===- ConversionTest.cpp - cvt and mov -----------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Evaluate.h"
#include <cfenv>

using namespace ptxsim;

namespace {

TEST(Conversion, Integers) {
  checkUnary<int64_t, int32_t>("cvt.s64.s32", [](int32_t a) { return a; });
  checkUnary<uint64_t, uint32_t>("cvt.u64.u32", [](uint32_t a) { return a; });
  checkUnary<uint32_t, uint64_t>(
      "cvt.u32.u64", [](uint64_t a) { return static_cast<uint32_t>(a); });
  // The value of 8 bits is extended to the register.
  checkUnary<int32_t, uint32_t>(
      "cvt.s8.s32", [](uint32_t a) { return static_cast<int8_t>(a); });
  checkUnary<uint32_t, uint16_t>("cvt.u32.u8",
                                 [](uint16_t a) { return uint32_t(a & 0xff); });
  checkUnary<int16_t, int32_t>("cvt.sat.s16.s32", [](int32_t a) {
    return static_cast<int16_t>(std::clamp(a, -32768, 32767));
  });
  checkUnary<uint32_t, int64_t>("cvt.sat.u32.s64", [](int64_t a) {
    return static_cast<uint32_t>(
        std::clamp<int64_t>(a, 0, std::numeric_limits<uint32_t>::max()));
  });
}

TEST(Conversion, FloatsToIntegers) {
  // What an H200 makes of NaN: 0 of 32 bits, else the highest bit.
  auto clampTo32 = [](double a, bool isWide = false) {
    return a != a ? (isWide ? std::numeric_limits<int32_t>::min() : 0)
                  : static_cast<int32_t>(
                        std::clamp(a, -2147483648.0, 2147483647.0));
  };
  checkUnary<int32_t, float>(
      "cvt.rni.s32.f32", [&](float a) { return clampTo32(std::nearbyint(a)); });
  checkUnary<int32_t, float>("cvt.rzi.s32.f32",
                             [&](float a) { return clampTo32(std::trunc(a)); });
  checkUnary<int32_t, double>("cvt.rmi.s32.f64", [&](double a) {
    return clampTo32(std::floor(a), true);
  });
  checkUnary<int32_t, double>("cvt.rpi.s32.f64", [&](double a) {
    return clampTo32(std::ceil(a), true);
  });
  std::vector<float> a = {-1, 300, 1e30f, std::nanf("")};
  EXPECT_EQ(evaluate<uint32_t>("cvt.rzi.u8.f32 %d, %a;", a),
            (std::vector<uint32_t>{0, 255, 255, 0}));
  EXPECT_EQ(evaluate<uint64_t>("cvt.rzi.u64.f32 %d, %a;", a),
            (std::vector<uint64_t>{0, 300, ~uint64_t(0), uint64_t(1) << 63}));
}

TEST(Conversion, IntegersToFloats) {
  checkUnary<float, int32_t>("cvt.rn.f32.s32",
                             [](int32_t a) { return static_cast<float>(a); });
  checkUnary<float, uint64_t>("cvt.rn.f32.u64",
                              [](uint64_t a) { return static_cast<float>(a); });
  checkUnary<float, int64_t>("cvt.rn.f32.s64",
                             [](int64_t a) { return static_cast<float>(a); });
  checkUnary<double, uint64_t>(
      "cvt.rn.f64.u64", [](uint64_t a) { return static_cast<double>(a); });
  std::vector<int64_t> a = {(int64_t(1) << 53) + 1, -(int64_t(1) << 53) - 1};
  EXPECT_EQ(evaluate<double>("cvt.rp.f64.s64 %d, %a;", a),
            (std::vector<double>{0x1p53 + 2, -0x1p53}));
  EXPECT_EQ(evaluate<double>("cvt.rz.f64.s64 %d, %a;", a),
            (std::vector<double>{0x1p53, -0x1p53}));
}

TEST(Conversion, BetweenFloats) {
  checkUnary<double, float>("cvt.f64.f32", [](float a) { return double(a); });
  checkUnary<float, double>("cvt.rn.f32.f64",
                            [](double a) { return static_cast<float>(a); });
  std::vector<double> a = {1 + 0x1p-30, -1 - 0x1p-30, 1e300, 0x1p-160};
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(evaluate<float>("cvt.rp.f32.f64 %d, %a;", a),
            (std::vector<float>{1 + 0x1p-23f, -1, inf, 0x1p-149f}));
  EXPECT_EQ(evaluate<float>("cvt.rz.f32.f64 %d, %a;", a),
            (std::vector<float>{1, -1, std::numeric_limits<float>::max(), 0}));
  std::vector<float> b = {2.5f, -2.5f, 3.5f, 0.4f};
  EXPECT_EQ(evaluate<float>("cvt.rni.f32.f32 %d, %a;", b),
            (std::vector<float>{2, -2, 4, 0}));
  EXPECT_EQ(evaluate<float>("cvt.sat.f32.f32 %d, %a;", b),
            (std::vector<float>{1, 0, 1, 0.4f}));
}

TEST(Conversion, Halves) {
  checkUnary<float, uint16_t>("cvt.f32.bf16",
                              [](uint16_t a) { return bfloatToFloat(a); });
  std::vector<float> a = {1, -2, 65520, 1e-8f}, b = {0.5f, 3, -1e30f, 0};
  // The first source becomes the upper half.
  EXPECT_EQ(evaluate<uint32_t>("cvt.rn.f16x2.f32 %d, %a, %b;", a, b),
            (std::vector<uint32_t>{0x3c003800, 0xc0004200, 0x7c00fc00, 0}));
  EXPECT_EQ(evaluate<uint32_t>("cvt.rn.satfinite.f16x2.f32 %d, %a, %b;", a, b),
            (std::vector<uint32_t>{0x3c003800, 0xc0004200, 0x7bfffbff, 0}));
  EXPECT_EQ(evaluate<uint32_t>("cvt.rn.relu.bf16x2.f32 %d, %a, %b;", a, b)[1],
            0x00004040u);
  EXPECT_EQ(evaluate<uint32_t>("cvt.rna.tf32.f32 %d, %a;",
                               std::vector<float>{1 + 0x1p-11f}),
            std::vector<uint32_t>{0x3f802000});
  EXPECT_EQ(evaluate<uint16_t>("cvt.rn.satfinite.e4m3x2.f32 %d, %a, %b;", a, b),
            (std::vector<uint16_t>{0x3830, 0xc044, 0x7efe, 0}));
  EXPECT_EQ(evaluate<uint32_t>("cvt.rn.f16x2.e4m3x2 %d, %a;",
                               std::vector<uint16_t>{0x3830}),
            std::vector<uint32_t>{0x3c003800});
}

TEST(Conversion, Moves) {
  std::vector<uint64_t> a = {0x1122334455667788};
  EXPECT_EQ(evaluate<uint64_t>(".reg .b32 %x, %y;\nmov.b64 {%x, %y}, %a;\n"
                               "mov.b64 %d, {%y, %x};",
                               a),
            std::vector<uint64_t>{0x5566778811223344});
  EXPECT_EQ(
      evaluate<uint64_t>(".reg .b16 %x<4>;\nmov.b64 {%x0, %x1, %x2, %x3}, %a;\n"
                         "mov.b64 %d, {%x3, %x2, %x1, %x0};",
                         a),
      std::vector<uint64_t>{0x7788556633441122});
  EXPECT_EQ(evaluate<uint32_t>("mov.b64 {%d, _}, %a;", a),
            std::vector<uint32_t>{0x55667788});
}

} // namespace
