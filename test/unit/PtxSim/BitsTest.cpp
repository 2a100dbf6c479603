//===- BitsTest.cpp - Bits, comparisons and selection ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Evaluate.h"

using namespace ptxsim;

namespace {

TEST(Bits, LogicAndShifts) {
  checkBinary<uint32_t, uint32_t, uint32_t>(
      "and.b32", [](uint32_t a, uint32_t b) { return a & b; });
  checkBinary<uint64_t, uint64_t, uint64_t>(
      "xor.b64", [](uint64_t a, uint64_t b) { return a ^ b; });
  checkUnary<uint16_t, uint16_t>(
      "not.b16", [](uint16_t a) { return static_cast<uint16_t>(~a); });
  checkBinary<uint32_t, uint32_t, uint32_t>(
      "shl.b32", [](uint32_t a, uint32_t b) { return b > 31 ? 0 : a << b; });
  checkBinary<int64_t, int64_t, uint32_t>(
      "shr.s64", [](int64_t a, uint32_t b) { return a >> std::min(b, 63u); });
  checkBinary<uint16_t, uint16_t, uint32_t>(
      "shr.u16", [](uint16_t a, uint32_t b) -> uint16_t {
        return b > 15 ? 0 : static_cast<uint16_t>(a >> b);
      });
  checkTernary<uint32_t, uint32_t, uint32_t, uint32_t>(
      "shf.l.wrap.b32", [](uint32_t a, uint32_t b, uint32_t c) {
        c &= 31;
        return c ? b << c | a >> (32 - c) : b;
      });
  checkTernary<uint32_t, uint32_t, uint32_t, uint32_t>(
      "shf.r.clamp.b32", [](uint32_t a, uint32_t b, uint32_t c) {
        return c >= 32 ? b : c ? b << (32 - c) | a >> c : a;
      });
}

TEST(Bits, Counts) {
  checkUnary<uint32_t, uint64_t>("popc.b64", [](uint64_t a) {
    return static_cast<uint32_t>(__builtin_popcountll(a));
  });
  checkUnary<uint32_t, uint32_t>("clz.b32", [](uint32_t a) {
    return a ? static_cast<uint32_t>(__builtin_clz(a)) : 32;
  });
  checkUnary<uint32_t, uint32_t>(
      "brev.b32", [](uint32_t a) { return __builtin_bitreverse32(a); });
  checkUnary<uint32_t, int32_t>("bfind.s32", [](int32_t a) {
    uint32_t bits = static_cast<uint32_t>(a < 0 ? ~a : a);
    return bits ? 31 - static_cast<uint32_t>(__builtin_clz(bits)) : ~0u;
  });
}

TEST(Bits, Fields) {
  std::vector<uint32_t> a = {0xf0f0f0f0, 0x80000000, 0x12345678, 0x12345678};
  std::vector<uint32_t> b = {4, 28, 8, 40}, c = {8, 8, 0, 4};
  EXPECT_EQ(evaluate<uint32_t>("bfe.u32 %d, %a, %b, %c;", a, b, c),
            (std::vector<uint32_t>{0x0f, 8, 0, 0}));
  EXPECT_EQ(evaluate<uint32_t>("bfe.s32 %d, %a, %b, %c;", a, b, c),
            (std::vector<uint32_t>{0x0f, 0xfffffff8, 0, 0}));
  EXPECT_EQ(
      evaluate<uint32_t>("bfi.b32 %d, %a, 0x11111111, %b, %c;", a, b, c),
      (std::vector<uint32_t>{0x11111f01, 0x01111111, 0x11111111, 0x11111111}));
  EXPECT_EQ(
      evaluate<uint32_t>("prmt.b32 %d, %a, 0xaabbccdd, 0x7a10;", a),
      (std::vector<uint32_t>{0xaafff0f0, 0xaa000000, 0xaa005678, 0xaa005678}));
}

TEST(Bits, Logic3) {
  std::vector<uint32_t> a = getValues<uint32_t>(100);
  std::vector<uint32_t> b = getValues<uint32_t>(100);
  std::vector<uint32_t> c = getValues<uint32_t>(100);
  // The table of a function is its value at 0xf0, 0xcc and 0xaa.
  constexpr uint32_t table = (0xf0 & 0xcc) ^ 0xaa;
  std::vector<uint32_t> d = evaluate<uint32_t>(
      "lop3.b32 %d, %a, %b, %c, " + std::to_string(table) + ";", a, b, c);
  for (size_t index = 0; index < a.size(); ++index)
    EXPECT_EQ(d[index], (a[index] & b[index]) ^ c[index]);
}

TEST(Bits, Comparisons) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> a = {1, 2, 2, nan}, b = {2, 1, 2, 1};
  auto run = [&](const std::string &comparison) {
    std::vector<uint32_t> d = evaluate<uint32_t>(
        "setp." + comparison + ".f32 %p, %a, %b;\nselp.u32 %d, 1, 0, %p;", a,
        b);
    std::string text;
    for (uint32_t value : d)
      text += value ? '1' : '0';
    return text;
  };
  EXPECT_EQ(run("lt"), "1000");
  EXPECT_EQ(run("ltu"), "1001");
  EXPECT_EQ(run("le"), "1010");
  EXPECT_EQ(run("gtu"), "0101");
  EXPECT_EQ(run("ge"), "0110");
  EXPECT_EQ(run("eq"), "0010");
  EXPECT_EQ(run("ne"), "1100");
  EXPECT_EQ(run("neu"), "1101");
  EXPECT_EQ(run("num"), "1110");
  EXPECT_EQ(run("nan"), "0001");
}

/// Numbers below the least normal one are zeros of their sign.
TEST(Bits, FlushedComparisons) {
  auto set = [](const std::string &comparison, std::vector<uint16_t> a,
                std::vector<uint16_t> b) {
    std::vector<uint32_t> viaPredicate =
        evaluate<uint32_t>("setp." + comparison +
                               ".f16 %p, %a, %b;\nselp.u32 %d, 0xffffffff, 0, "
                               "%p;",
                           a, b);
    EXPECT_EQ(
        evaluate<uint32_t>("set." + comparison + ".u32.f16 %d, %a, %b;", a, b),
        viaPredicate);
    std::string text;
    for (uint32_t value : viaPredicate)
      text += value ? '1' : '0';
    return text;
  };
  // The largest subnormal number, the least normal one, and NaN.
  std::vector<uint16_t> a = {0x0001, 0x83ff, 0x0400, 0x8400, 0x7e00};
  std::vector<uint16_t> b = {0x0000, 0x03ff, 0x0000, 0x83ff, 0x0001};
  EXPECT_EQ(set("eq.ftz", a, b), "11000");
  EXPECT_EQ(set("eq", a, b), "00000");
  EXPECT_EQ(set("lt.ftz", a, b), "00010");
  EXPECT_EQ(set("lt", a, b), "01010");
  EXPECT_EQ(set("gt.ftz", a, b), "00100");
  EXPECT_EQ(set("neu.ftz", a, b), "00111");
  // The lower half of a pair is the first predicate.
  std::vector<uint32_t> pairs = {0x00010400, 0x84008001};
  auto both = [&](const std::string &modifiers) {
    return evaluate<uint32_t>("setp.ne" + modifiers +
                                  ".f16x2 %p|%q, %a, 0;\n"
                                  "selp.u32 %d, 1, 0, %p;\n"
                                  "@%q add.u32 %d, %d, 10;",
                              pairs);
  };
  EXPECT_EQ(both(".ftz"), (std::vector<uint32_t>{1, 10}));
  EXPECT_EQ(both(""), (std::vector<uint32_t>{11, 11}));
  std::vector<uint32_t> floats = {0x00000001, 0x807fffff, 0x00800000};
  EXPECT_EQ(
      evaluate<uint32_t>("set.eq.ftz.u32.f32 %d, %a, 0f00000000;", floats),
      (std::vector<uint32_t>{~0u, ~0u, 0}));
}

TEST(Bits, SelectionBySign) {
  // -0 is no less than 0, and a NaN selects the second source.
  std::vector<uint32_t> c = {0x3f800000, 0xbf800000, 0x80000000, 0x7fc00000,
                             0x80000001, 0x807fffff, 0x80800000, 0x00000001};
  EXPECT_EQ(evaluate<uint32_t>("slct.u32.f32 %d, 1, 2, %a;", c),
            (std::vector<uint32_t>{1, 2, 1, 2, 2, 2, 2, 1}));
  EXPECT_EQ(evaluate<uint32_t>("slct.ftz.u32.f32 %d, 1, 2, %a;", c),
            (std::vector<uint32_t>{1, 2, 1, 2, 1, 1, 2, 1}));
  EXPECT_EQ(evaluate<uint64_t>("slct.ftz.u64.f32 %d, 1, 2, %a;", c),
            (std::vector<uint64_t>{1, 2, 1, 2, 1, 1, 2, 1}));
  EXPECT_EQ(evaluate<uint32_t>("slct.u32.s32 %d, 1, 2, %a;", c),
            (std::vector<uint32_t>{1, 2, 2, 1, 2, 2, 2, 1}));
  // What is selected keeps its bits.
  EXPECT_EQ(
      evaluate<uint32_t>("slct.ftz.f32.f32 %d, %a, 0f3f800000, %a;", c),
      (std::vector<uint32_t>{0x3f800000, 0x3f800000, 0x80000000, 0x3f800000,
                             0x80000001, 0x807fffff, 0x3f800000, 0x00000001}));
}

TEST(Bits, SignsOfComparisons) {
  auto check = [](const std::string &comparison, auto reference) {
    std::vector<uint32_t> a = getValues<uint32_t>(300);
    std::vector<uint32_t> b = getValues<uint32_t>(300);
    std::vector<uint32_t> d = evaluate<uint32_t>(
        "setp." + comparison + " %p, %a, %b;\nselp.u32 %d, 1, 0, %p;", a, b);
    for (size_t index = 0; index < a.size(); ++index)
      EXPECT_EQ(d[index], reference(a[index], b[index]))
          << comparison << " " << a[index] << ", " << b[index];
  };
  check("lt.u32", [](uint32_t a, uint32_t b) { return a < b; });
  check("lo.u32", [](uint32_t a, uint32_t b) { return a < b; });
  check("ge.s32", [](uint32_t a, uint32_t b) {
    return static_cast<int32_t>(a) >= static_cast<int32_t>(b);
  });
  check("ne.b32", [](uint32_t a, uint32_t b) { return a != b; });
}

/// Two results, and a third predicate.
TEST(Bits, CombinedComparisons) {
  std::vector<uint32_t> a = {0, 1, 2, 3};
  EXPECT_EQ(evaluate<uint32_t>("setp.gt.u32 %q, %a, 1;\n"
                               "setp.lt.and.u32 %p|%q, %a, 3, %q;\n"
                               "selp.u32 %d, 1, 0, %p;\n"
                               "@%q add.u32 %d, %d, 10;",
                               a),
            (std::vector<uint32_t>{0, 0, 1, 10}));
  EXPECT_EQ(evaluate<uint32_t>("setp.gt.u32 %q, %a, 1;\n"
                               "set.eq.xor.u32.u32 %d, %a, 3, !%q;",
                               a),
            (std::vector<uint32_t>{~0u, ~0u, 0, ~0u}));
  std::vector<uint32_t> halves = {0x3c00bc00, 0x00003c00, 0, 0xbc007e00};
  EXPECT_EQ(evaluate<uint32_t>("setp.ge.f16x2 %p|%q, %a, 0;\n"
                               "selp.u32 %d, 1, 0, %p;\n"
                               "@%q add.u32 %d, %d, 10;",
                               halves),
            (std::vector<uint32_t>{10, 11, 11, 0}));
}

} // namespace
