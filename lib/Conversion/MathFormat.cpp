//===- MathFormat.cpp - Constants of elementary functions ------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The polynomials are minimax in the relative error of the function, with the
// constant term fixed so that exp(0) is 1 exactly. Those of f32 were improved
// by a search over neighbouring floats for the smallest error in units in the
// last place, those of f64 rounded one coefficient at a time, each time with
// the rest fitted anew: docs/rationale/elementary-functions.md.
//
//===----------------------------------------------------------------------===//

#include "MathFormat.h"
#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// f32
//===----------------------------------------------------------------------===//

// 1.9 ulp, and one degree more: 0.8 ulp.
static constexpr double kExp2F32[] = {1.0,           0x1.62e42ap-1,
                                      0x1.ebf9dp-3,  0x1.c6b70ap-5,
                                      0x1.3ce3e6p-7, 0x1.5bb122p-10};
static constexpr double kExp2LongF32[] = {
    1.0,           0x1.62e43p-1,   0x1.ebfbd6p-3, 0x1.c6aee8p-5,
    0x1.3b2ddep-7, 0x1.5f47d4p-10, 0x1.41e104p-13};
// 2^-13.5 and 2^-13.3, on [0, 1] and on [-1/2, 1/2].
static constexpr double kRelaxedExp2F32[] = {1.0, 0x1.63e65ap-1, 0x1.d23788p-3,
                                             0x1.3baaa8p-4};
static constexpr double kRelaxedExp2CentredF32[] = {
    1.0, 0x1.62f5fap-1, 0x1.f00c4cp-3, 0x1.c2a218p-5};
static constexpr double kExpF32[] = {
    1.0,           1.0,           0x1.fffffcp-2, 0x1.55547p-3,
    0x1.555846p-5, 0x1.124f24p-7, 0x1.6abb44p-10};
static constexpr double kTanhF32[] = {-0x1.555532p-2, 0x1.11071ep-3,
                                      -0x1.b83b26p-5, 0x1.521e6p-6,
                                      -0x1.75bb82p-8};
static constexpr double kLogF32[] = {0x1.555556p-1, 0x1.99999ap-2,
                                     0x1.24924ap-2, 0x1.c71c72p-3};

static constexpr MathFormat kF32 = {
    /*mantissaBits=*/23,
    /*bias=*/127,
    kExp2F32,
    kExp2LongF32,
    kRelaxedExp2F32,
    kRelaxedExp2CentredF32,
    kExpF32,
    kTanhF32,
    kLogF32,
    /*log2e=*/0x1.715476p+0,
    /*log2eLow=*/0x1.4ae0cp-26,
    /*ln2High=*/0x1.62e4p-1, // 16 bits
    /*ln2Low=*/0x1.7f7d1cp-20,
    /*log10Of2High=*/0x1.344p-2, // 13 bits
    /*log10Of2Low=*/0x1.3509f8p-18,
    /*log10e=*/0x1.bcb7b2p-2,
    /*exp2Highest=*/128.0,
    /*exp2Lowest=*/-151.0,
    /*expHighest=*/89.0,
    /*expLowest=*/-105.0,
    /*expm1Lowest=*/-30.0,
    /*tanhHighest=*/20.0,
    /*tiny=*/0x1p-25,
    /*smallestNormal=*/0x1p-126,
    /*rootHalfBits=*/0x3f3504f3,
};

//===----------------------------------------------------------------------===//
// f64
//===----------------------------------------------------------------------===//

// Relative errors of the polynomials alone: 2^-56.1, 2^-56.6, 2^-61.2, 2^-59.5.
static constexpr double kExp2F64[] = {
    1.0,
    0x1.62e42fefa39efp-1,
    0x1.ebfbdff82c59cp-3,
    0x1.c6b08d704a0d4p-5,
    0x1.3b2ab6fba1269p-7,
    0x1.5d87fe78b3eafp-10,
    0x1.4309130be30b8p-13,
    0x1.ffcbfbf86b9a2p-17,
    0x1.62bfcdf0b04cap-20,
    0x1.b525ffff4872ep-24,
    0x1.e611fdd632bcap-28,
    0x1.e8431fdaebd3bp-32,
};
static constexpr double kExpF64[] = {
    1.0,
    1.0,
    0x1.000000000000ap-1,
    0x1.555555555550ep-3,
    0x1.5555555550644p-5,
    0x1.111111112257dp-7,
    0x1.6c16c18497efep-10,
    0x1.a01a015a88eccp-13,
    0x1.a019993784d9ep-16,
    0x1.71de92f09d187p-19,
    0x1.28ade70f608dfp-22,
    0x1.ae954c5f10d06p-26,
};
static constexpr double kTanhF64[] = {
    -0x1.5555555555552p-2,  0x1.1111111110c52p-3,   -0x1.ba1ba1b9d195ep-5,
    0x1.664f4870c2ff5p-6,   -0x1.226e32cf943bdp-7,  0x1.d6d35a3785138p-9,
    -0x1.7d9c3303dff44p-10, 0x1.350b87020be5ep-11,  -0x1.f11346425255bp-13,
    0x1.801b6b1bbfdddp-14,  -0x1.fac5093b484edp-16, 0x1.96046817213abp-18,
};
static constexpr double kLogF64[] = {
    0x1.5555555555592p-1, 0x1.999999997ff17p-2, 0x1.24924941e1d59p-2,
    0x1.c71c5213a1265p-3, 0x1.74663d1cd6043p-3, 0x1.39a1e3292fb51p-3,
    0x1.2f03f918bf561p-3,
};

static constexpr MathFormat kF64 = {
    /*mantissaBits=*/52,
    /*bias=*/1023,
    kExp2F64,
    kExp2F64,
    /*relaxedExp2=*/{},
    /*relaxedExp2Centred=*/{},
    kExpF64,
    kTanhF64,
    kLogF64,
    /*log2e=*/0x1.71547652b82fep+0,
    /*log2eLow=*/0x1.777d0ffda0d24p-56,
    /*ln2High=*/0x1.62e42fefa4p-1, // 40 bits
    /*ln2Low=*/-0x1.8432a1b0e2634p-43,
    /*log10Of2High=*/0x1.34413509f8p-2, // 40 bits
    /*log10Of2Low=*/-0x1.80433b83b532ap-44,
    /*log10e=*/0x1.bcb7b1526e50ep-2,
    /*exp2Highest=*/1024.0,
    /*exp2Lowest=*/-1076.0,
    /*expHighest=*/710.0,
    /*expLowest=*/-746.0,
    /*expm1Lowest=*/-60.0,
    /*tanhHighest=*/44.0,
    /*tiny=*/0x1p-54,
    /*smallestNormal=*/0x1p-1022,
    /*rootHalfBits=*/0x3fe6a09e667f3bcd,
};

const MathFormat &attn::getMathFormat(Type element) {
  return element.isF64() ? kF64 : kF32;
}
