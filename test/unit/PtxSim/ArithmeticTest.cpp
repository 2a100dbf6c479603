//===- ArithmeticTest.cpp - Arithmetic against the host's -----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Evaluate.h"
#include <cfenv>

using namespace ptxsim;

#pragma STDC FENV_ACCESS ON

template <typename T>
static void checkIntegers(const std::string &type) {
  using U = std::make_unsigned_t<T>;
  using Wide = __int128;
  auto wrap = [](Wide value) { return static_cast<T>(static_cast<U>(value)); };
  checkBinary<T, T, T>("add." + type,
                       [&](T a, T b) { return wrap(Wide(a) + b); });
  checkBinary<T, T, T>("sub." + type,
                       [&](T a, T b) { return wrap(Wide(a) - b); });
  checkBinary<T, T, T>("mul.lo." + type, [&](T a, T b) {
    return static_cast<T>(static_cast<unsigned __int128>(a) *
                          static_cast<unsigned __int128>(b));
  });
  checkBinary<T, T, T>("mul.hi." + type, [&](T a, T b) {
    if constexpr (std::is_signed_v<T>)
      return static_cast<T>((Wide(a) * Wide(b)) >> (8 * sizeof(T)));
    else
      return static_cast<T>((static_cast<unsigned __int128>(a) * b) >>
                            (8 * sizeof(T)));
  });
  checkTernary<T, T, T, T>("mad.lo." + type, [&](T a, T b, T c) {
    return static_cast<T>(static_cast<unsigned __int128>(a) *
                              static_cast<unsigned __int128>(b) +
                          static_cast<unsigned __int128>(c));
  });
  checkBinary<T, T, T>("div." + type, [&](T a, T b) {
    return b == 0 ? static_cast<T>(-1) : wrap(Wide(a) / b);
  });
  checkBinary<T, T, T>(
      "rem." + type, [&](T a, T b) { return b == 0 ? a : wrap(Wide(a) % b); });
  checkBinary<T, T, T>("min." + type, [](T a, T b) { return std::min(a, b); });
  checkBinary<T, T, T>("max." + type, [](T a, T b) { return std::max(a, b); });
}

namespace {
TEST(Arithmetic, Integers) {
  checkIntegers<uint16_t>("u16");
  checkIntegers<int16_t>("s16");
  checkIntegers<uint32_t>("u32");
  checkIntegers<int32_t>("s32");
  checkIntegers<uint64_t>("u64");
  checkIntegers<int64_t>("s64");
}

TEST(Arithmetic, ExtremaAboveZero) {
  checkBinary<int32_t, int32_t, int32_t>(
      "min.relu.s32",
      [](int32_t a, int32_t b) { return std::max(std::min(a, b), 0); });
  checkBinary<int32_t, int32_t, int32_t>(
      "max.relu.s32", [](int32_t a, int32_t b) { return std::max({a, b, 0}); });
}

TEST(Arithmetic, WideProducts) {
  checkBinary<int64_t, int32_t, int32_t>(
      "mul.wide.s32", [](int32_t a, int32_t b) { return int64_t(a) * b; });
  checkBinary<uint32_t, uint16_t, uint16_t>(
      "mul.wide.u16",
      [](uint16_t a, uint16_t b) { return uint32_t(a) * uint32_t(b); });
  checkTernary<uint64_t, uint32_t, uint32_t, uint64_t>(
      "mad.wide.u32",
      [](uint32_t a, uint32_t b, uint64_t c) { return uint64_t(a) * b + c; });
  checkTernary<int32_t, int32_t, int32_t, int32_t>("mad.hi.s32", [](int32_t a,
                                                                    int32_t b,
                                                                    int32_t c) {
    return static_cast<int32_t>(static_cast<uint32_t>((int64_t(a) * b) >> 32) +
                                static_cast<uint32_t>(c));
  });
}

TEST(Arithmetic, SaturatingIntegers) {
  checkBinary<int32_t, int32_t, int32_t>("add.sat.s32", [](int32_t a,
                                                           int32_t b) {
    return static_cast<int32_t>(
        std::clamp<int64_t>(int64_t(a) + b, std::numeric_limits<int32_t>::min(),
                            std::numeric_limits<int32_t>::max()));
  });
  checkUnary<int32_t, int32_t>("neg.s32", [](int32_t a) {
    return static_cast<int32_t>(0u - static_cast<uint32_t>(a));
  });
  checkUnary<int32_t, int32_t>("abs.s32", [](int32_t a) {
    return a < 0 ? static_cast<int32_t>(0u - static_cast<uint32_t>(a)) : a;
  });
}
} // namespace

/// Runs `apply` in a rounding mode of the host.
template <typename F>
static auto rounded(int mode, F apply) {
  std::fesetround(mode);
  volatile auto result = apply();
  std::fesetround(FE_TONEAREST);
  return result;
}

struct Mode {
  const char *name;
  int mode;
};
constexpr Mode modes[] = {{"rn", FE_TONEAREST},
                          {"rz", FE_TOWARDZERO},
                          {"rm", FE_DOWNWARD},
                          {"rp", FE_UPWARD}};

template <typename T>
static void checkFloats(const std::string &type) {
  for (Mode mode : modes) {
    std::string suffix = std::string(".") + mode.name + "." + type;
    auto in = [&](auto apply) { return T(rounded(mode.mode, apply)); };
    checkBinary<T, T, T>("add" + suffix, [&](volatile T a, volatile T b) {
      return in([&]() -> T { return a + b; });
    });
    checkBinary<T, T, T>("sub" + suffix, [&](volatile T a, volatile T b) {
      return in([&]() -> T { return a - b; });
    });
    checkBinary<T, T, T>("mul" + suffix, [&](volatile T a, volatile T b) {
      return in([&]() -> T { return a * b; });
    });
    checkBinary<T, T, T>("div" + suffix, [&](volatile T a, volatile T b) {
      return in([&]() -> T { return a / b; });
    });
    checkTernary<T, T, T, T>("fma" + suffix, [&](T a, T b, T c) {
      return in([&]() -> T { return std::fma(a, b, c); });
    });
    checkUnary<T, T>("sqrt" + suffix, [&](T a) {
      return in([&]() -> T { return std::sqrt(a); });
    });
    checkUnary<T, T>("rcp" + suffix, [&](volatile T a) {
      return in([&]() -> T { return T(1) / a; });
    });
  }
  checkUnary<T, T>("neg." + type, [](T a) { return -a; });
  checkUnary<T, T>("abs." + type, [](T a) { return std::fabs(a); });
}

/// .f32 with sources of a type of 16 bits, whose values follow from its
/// definition.
static void checkMixed(const std::string &type, int exponentBits) {
  auto decode = [=](uint16_t bits) -> float {
    int mantissaBits = 15 - exponentBits, bias = (1 << (exponentBits - 1)) - 1;
    int exponent = bits >> mantissaBits & ((1 << exponentBits) - 1);
    int mantissa = bits & ((1 << mantissaBits) - 1);
    double value = std::ldexp(mantissa + (exponent ? 1 << mantissaBits : 0),
                              std::max(exponent, 1) - bias - mantissaBits);
    if (exponent == (1 << exponentBits) - 1)
      value = mantissa ? std::nan("") : std::numeric_limits<double>::infinity();
    return static_cast<float>(bits >> 15 ? -value : value);
  };
  for (Mode mode : modes) {
    std::string suffix = std::string(".") + mode.name + ".f32." + type;
    auto in = [&](auto apply) { return float(rounded(mode.mode, apply)); };
    checkBinary<float, uint16_t, float>(
        "add" + suffix, [&](uint16_t a, volatile float c) {
          volatile float wide = decode(a);
          return in([&]() -> float { return wide + c; });
        });
    checkBinary<float, uint16_t, float>(
        "sub" + suffix, [&](uint16_t a, volatile float c) {
          volatile float wide = decode(a);
          return in([&]() -> float { return wide - c; });
        });
    checkTernary<float, uint16_t, uint16_t, float>(
        "fma" + suffix, [&](uint16_t a, uint16_t b, float c) {
          float x = decode(a), y = decode(b);
          return in([&]() -> float { return std::fma(x, y, c); });
        });
  }
}

namespace {
TEST(Arithmetic, Floats) {
  checkFloats<float>("f32");
  checkFloats<double>("f64");
}

TEST(Arithmetic, MixedPrecision) {
  checkMixed("f16", 5);
  checkMixed("bf16", 8);
}

TEST(Arithmetic, MixedPrecisionExactly) {
  auto add = [](const std::string &modifiers, uint16_t a, float c) {
    return evaluate<uint32_t>("add" + modifiers + " %d, %a, %b;",
                              std::vector<uint16_t>{a},
                              std::vector<float>{c})[0];
  };
  auto fma = [](const std::string &modifiers, uint16_t a, uint16_t b, float c) {
    return evaluate<uint32_t>(
        "fma" + modifiers + " %d, %a, %b, %c;", std::vector<uint16_t>{a},
        std::vector<uint16_t>{b}, std::vector<float>{c})[0];
  };
  // Subnormal numbers of each format are numbers: 2^-24, 2^-133 and 2^-149.
  EXPECT_EQ(fma(".rn.f32.f16", 0x0001, 0x0001, 0), 0x27800000u);
  EXPECT_EQ(add(".f32.f16", 0x8001, 0), 0xb3800000u);
  EXPECT_EQ(add(".f32.bf16", 0x0001, 0x1p-149f), 0x00010001u);
  EXPECT_EQ(fma(".rn.f32.bf16", 0x0001, 0x4000, 0), 0x00020000u);
  // The products, 2^128 and 2^-150, are no numbers of .f32; the sums are, or
  // halfway between two.
  EXPECT_EQ(fma(".rn.f32.bf16", 0x5f80, 0x5f80, -0x1p127f), 0x7f000000u);
  EXPECT_EQ(fma(".rn.f32.bf16", 0x1a00, 0x1a00, 0x1p-149f), 0x00000002u);
  // 1 + 2^-24 is halfway between two numbers.
  EXPECT_EQ(add(".f32.f16", 0x0001, 1), 0x3f800000u);
  EXPECT_EQ(add(".rp.f32.f16", 0x0001, 1), 0x3f800001u);
  EXPECT_EQ(add(".rm.f32.f16", 0x8001, -1), 0xbf800001u);
  EXPECT_EQ(add(".rz.f32.f16", 0x8001, -1), 0xbf800000u);
  // So is 1 - 2^-25.
  EXPECT_EQ(fma(".rn.f32.f16", 0x0001, 0xb800, 1), 0x3f800000u);
  EXPECT_EQ(fma(".rm.f32.f16", 0x0001, 0xb800, 1), 0x3f7fffffu);
  // The largest .f16, infinity and NaN, which becomes the canonical one.
  EXPECT_EQ(add(".f32.f16", 0x7bff, 0), 0x477fe000u);
  EXPECT_EQ(add(".f32.f16", 0xfc00, 1), 0xff800000u);
  EXPECT_EQ(add(".f32.f16", 0xfc01, 1), 0x7fffffffu);
  EXPECT_EQ(add(".f32.bf16", 0xff81, 1), 0x7fffffffu);
  EXPECT_EQ(fma(".rn.f32.bf16", 0x7f80, 0x8000, 1), 0x7fffffffu);
  // Results are clamped to [0, 1], NaN to +0.
  EXPECT_EQ(add(".sat.f32.bf16", 0x4000, 1), 0x3f800000u);
  EXPECT_EQ(add(".rn.sat.f32.bf16", 0xc000, 1), 0u);
  EXPECT_EQ(add(".sat.f32.f16", 0x7e00, 1), 0u);
  EXPECT_EQ(fma(".rz.sat.f32.f16", 0x3800, 0x3800, 0), 0x3e800000u);
  // The half is what is subtracted from; -0 - +0 is -0.
  std::vector<uint16_t> a = {0x3c00, 0x8000};
  EXPECT_EQ(evaluate<uint32_t>("sub.f32.f16 %d, %a, %b;", a,
                               std::vector<float>{3, 0}),
            (std::vector<uint32_t>{0xc0000000, 0x80000000}));
  // An immediate is bits of the half.
  EXPECT_EQ(evaluate<uint32_t>("fma.rn.f32.bf16 %d, 0x4040, %a, 0f3f800000;",
                               std::vector<uint16_t>{0x4000})[0],
            0x40e00000u);
}

TEST(Arithmetic, FlushingAndSaturating) {
  auto flush = [](float a) {
    return std::fabs(a) < 0x1p-126f ? std::copysign(0.0f, a) : a;
  };
  checkBinary<float, float, float>("mul.rn.ftz.f32", [&](float a, float b) {
    return flush(flush(a) * flush(b));
  });
  checkBinary<float, float, float>("add.rn.sat.f32", [&](float a, float b) {
    float sum = a + b;
    return sum > 1 ? 1.0f : sum > 0 ? sum : 0.0f;
  });
}

TEST(Arithmetic, Extrema) {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> a = {1, -0.0f, 0.0f, nan, 2, nan, -inf, 3};
  std::vector<float> b = {2, 0.0f, -0.0f, 1, nan, nan, inf, -3};
  auto run = [&](const char *instruction) {
    return evaluate<float>(std::string(instruction) + " %d, %a, %b;", a, b);
  };
  auto expect = [&](const char *instruction, std::vector<float> expected) {
    std::vector<float> actual = run(instruction);
    for (size_t index = 0; index < a.size(); ++index)
      expectSame(actual[index], expected[index],
                 instruction + std::to_string(index));
  };
  expect("min.f32", {1, -0.0f, -0.0f, 1, 2, nan, -inf, -3});
  expect("max.f32", {2, 0.0f, 0.0f, 1, 2, nan, inf, 3});
  expect("max.NaN.f32", {2, 0.0f, 0.0f, nan, nan, nan, inf, 3});
  EXPECT_EQ(bitCast<uint32_t>(run("max.f32")[5]), 0x7fffffffu);
  expect("min.xorsign.abs.f32", {1, -0.0f, -0.0f, 1, 2, nan, -inf, -3});
  // The sign of NaN counts.
  a[3] = -nan;
  expect("max.xorsign.abs.f32", {2, -0.0f, -0.0f, -1, 2, nan, -inf, -3});
  a[3] = nan;
  expect("copysign.f32", {2, -0.0f, 0.0f, 1, nan, nan, -inf, 3});
}
} // namespace

/// The nearest number of a short format, found among all of them.
static uint16_t findNearest(double value, bool isBfloat) {
  if (value != value)
    return 0x7fff;
  uint16_t best = 0;
  double bestDistance = std::numeric_limits<double>::infinity();
  auto decode = [&](uint16_t bits) -> double {
    return isBfloat ? bfloatToFloat(bits) : halfToFloat(bits);
  };
  uint16_t infinity = isBfloat ? 0x7f80 : 0x7c00;
  double largest = decode(infinity - 1);
  double step = largest - decode(infinity - 2);
  if (std::fabs(value) >= largest + step / 2)
    return infinity | (value < 0 ? 0x8000 : 0);
  for (uint32_t bits = 0; bits < infinity; ++bits) {
    double distance =
        std::fabs(decode(static_cast<uint16_t>(bits)) - std::fabs(value));
    if (distance < bestDistance ||
        (distance == bestDistance && bits % 2 == 0)) {
      best = static_cast<uint16_t>(bits);
      bestDistance = distance;
    }
  }
  return best | (std::signbit(value) ? 0x8000 : 0);
}

/// Long doubles hold products and sums of most halves exactly.
static void checkHalves(const std::string &type, bool isBfloat) {
  auto decode = [&](uint16_t bits) -> double {
    return isBfloat ? bfloatToFloat(bits) : halfToFloat(bits);
  };
  std::vector<uint16_t> a, b, c;
  for (int index = 0; index < 40; ++index) {
    auto next = [&] {
      double value =
          std::ldexp(static_cast<double>(getRandom()() % 4001) - 2000,
                     static_cast<int>(getRandom()() % 12) - 14);
      return findNearest(value, isBfloat);
    };
    a.push_back(next());
    b.push_back(next());
    c.push_back(next());
  }
  auto sums = evaluate<uint16_t>("add." + type + " %d, %a, %b;", a, b);
  auto products = evaluate<uint16_t>("mul." + type + " %d, %a, %b;", a, b);
  auto fused =
      evaluate<uint16_t>("fma.rn." + type + " %d, %a, %b, %c;", a, b, c);
  auto clipped =
      evaluate<uint16_t>("fma.rn.relu." + type + " %d, %a, %b, %c;", a, b, c);
  for (size_t index = 0; index < a.size(); ++index) {
    double x = decode(a[index]), y = decode(b[index]), z = decode(c[index]);
    EXPECT_EQ(sums[index], findNearest(x + y, isBfloat)) << x << " + " << y;
    EXPECT_EQ(products[index], findNearest(x * y, isBfloat)) << x << " * " << y;
    uint16_t sum = findNearest(x * y + z, isBfloat);
    EXPECT_EQ(fused[index], sum) << x << " * " << y << " + " << z;
    EXPECT_EQ(clipped[index], sum & 0x8000 ? 0 : sum);
  }
}

namespace {
TEST(Arithmetic, Halves) {
  checkHalves("f16", false);
  checkHalves("bf16", true);
}

TEST(Arithmetic, PairsOfHalves) {
  std::vector<uint32_t> a = {0x3c004000, 0x7e00bc00},
                        b = {0x40003c00, 0x3c003c00};
  // (1, 2) + (2, 1), and (NaN, -1) + (1, 1).
  EXPECT_EQ(evaluate<uint32_t>("add.f16x2 %d, %a, %b;", a, b),
            (std::vector<uint32_t>{0x42004200, 0x7fff0000}));
  EXPECT_EQ(evaluate<uint32_t>("max.f16x2 %d, %a, %b;", a, b),
            (std::vector<uint32_t>{0x40004000, 0x3c003c00}));
  EXPECT_EQ(evaluate<uint32_t>("neg.bf16x2 %d, %a;", a),
            (std::vector<uint32_t>{0xbc00c000, 0xfe003c00}));
  // Products just below the least normal number are rounded to it, and flushed
  // where that is asked for, as measured on an H200.
  std::vector<uint32_t> below = {0xbbff3bff}, least = {0x84008400};
  EXPECT_EQ(evaluate<uint32_t>("mul.rn.f16x2 %d, %a, %b;", below, least)[0],
            0x04008400u);
  EXPECT_EQ(evaluate<uint32_t>("mul.rn.ftz.f16x2 %d, %a, %b;", below, least)[0],
            0x00008000u);
}

TEST(Arithmetic, PairsOfFloats) {
  auto pack = [](float low, float high) {
    return uint64_t(bitCast<uint32_t>(high)) << 32 | bitCast<uint32_t>(low);
  };
  std::vector<uint64_t> a = {pack(1, 2)}, b = {pack(3, 0.5f)},
                        c = {pack(-1, 4)};
  EXPECT_EQ(evaluate<uint64_t>("add.rn.f32x2 %d, %a, %b;", a, b)[0],
            pack(4, 2.5f));
  EXPECT_EQ(evaluate<uint64_t>("fma.rn.f32x2 %d, %a, %b, %c;", a, b, c)[0],
            pack(2, 5));
  EXPECT_EQ(evaluate<uint64_t>("mul.rm.f32x2 %d, %a, %b;", a, c)[0],
            pack(-1, 8));
}

TEST(Arithmetic, ElementaryFunctions) {
  auto check = [](const char *instruction, double (*reference)(double),
                  double bound) {
    std::vector<float> a;
    for (int index = 0; index < 500; ++index)
      a.push_back(static_cast<float>(
          std::ldexp(static_cast<double>(getRandom()() % 100000), -14)));
    std::vector<float> d =
        evaluate<float>(std::string(instruction) + " %d, %a;", a);
    for (size_t index = 0; index < a.size(); ++index) {
      double exact = reference(a[index]);
      if (std::isinf(exact))
        EXPECT_EQ(d[index], exact);
      else
        EXPECT_LE(std::fabs(d[index] - exact), bound * std::fabs(exact))
            << instruction << " " << a[index];
    }
  };
  check("ex2.approx.ftz.f32", std::exp2, 0x1p-22);
  check("lg2.approx.f32", std::log2, 0x1p-22);
  check("rcp.approx.ftz.f32", [](double a) { return 1 / a; }, 0x1p-23);
  check("rsqrt.approx.f32", [](double a) { return 1 / std::sqrt(a); }, 0x1p-22);
  check("sqrt.approx.f32", std::sqrt, 0x1p-22);
  check("tanh.approx.f32", std::tanh, 0x1p-11);
  check("sin.approx.f32", std::sin, 0x1p-20);
  check("cos.approx.f32", std::cos, 0x1p-20);
  const float inf = std::numeric_limits<float>::infinity();
  std::vector<float> a = {-inf, inf, -200, 0x1p-127f};
  std::vector<float> d = evaluate<float>("ex2.approx.ftz.f32 %d, %a;", a);
  EXPECT_EQ(d, (std::vector<float>{0, inf, 0, 1}));
  // Above 2^126 the quotient is 0.
  std::vector<float> b = {0x1p127f, 4, 2, 0.25f};
  EXPECT_EQ(evaluate<float>("div.approx.f32 %d, %b, %a;", b, b)[1], 1);
  EXPECT_EQ(evaluate<float>("div.approx.f32 %d, %a, %b;",
                            std::vector<float>{2, 1, 1, 1}, b),
            (std::vector<float>{0, 0.25f, 0.5f, 4}));
}
} // namespace
