//===- KernelBuiltins.c - Conversions LLVM calls where a CPU lacks them ---===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Instruction selection turns conversions to and from bf16 and f16 into calls
// where the CPU has no instruction. The functions live in the compiler's own
// support library, which an object that needs libc alone cannot ask for.
//
//===----------------------------------------------------------------------===//

#include <stdint.h>
#include <string.h>

static uint32_t bitsOfFloat(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits;
}

static float floatOfBits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

static uint64_t bitsOfDouble(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits;
}

// Rounds to the nearest bf16, ties to even; a NaN stays one and becomes quiet.
static uint16_t bfloatBits(float value) {
  uint32_t bits = bitsOfFloat(value);
  if ((bits & 0x7fffffff) > 0x7f800000)
    return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// Rounds a double to a float toward the odd neighbour, so that rounding the
// result once more, to fewer than 22 bits, is rounding the double once.
static float roundToOdd(double value) {
  float nearest = (float)value;
  uint32_t bits = bitsOfFloat(nearest);
  double back = (double)nearest;
  if (back == value || value != value || (bits & 0x7fffffff) == 0x7f800000)
    return nearest;
  int away =
      (bitsOfDouble(back) & INT64_MAX) > (bitsOfDouble(value) & INT64_MAX);
  return floatOfBits((bits - (uint32_t)away) | 1);
}

// Rounds to the nearest f16, ties to even.
static uint16_t halfBits(float value) {
  uint32_t bits = bitsOfFloat(value);
  uint32_t sign = bits >> 16 & 0x8000;
  uint32_t rest = bits & 0x7fffffff;
  if (rest > 0x7f800000)
    return (uint16_t)(sign | 0x7e00 | (rest >> 13 & 0x1ff));
  if (rest >= 0x477ff000) // at least half a step above the largest f16
    return (uint16_t)(sign | 0x7c00);
  if (rest < 0x38800000) {
    // A subnormal: adding 0.5 leaves the rounded result in the low bits, for a
    // float near 0.5 has steps of 2^-24, which is the smallest f16.
    float shifted = floatOfBits(rest) + 0.5f;
    return (uint16_t)(sign | (bitsOfFloat(shifted) - 0x3f000000));
  }
  return (uint16_t)(sign |
                    ((rest - 0x38000000 + 0xfff + (rest >> 13 & 1)) >> 13));
}

static float floatOfHalf(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000) << 16;
  uint32_t rest = half & 0x7fff;
  if (rest >= 0x7c00)
    return floatOfBits(sign | 0x7f800000 | (rest & 0x3ff) << 13 |
                       (rest > 0x7c00 ? 0x400000 : 0));
  if (rest >= 0x400)
    return floatOfBits(sign | ((rest << 13) + 0x38000000));
  float magnitude = (float)(int32_t)rest * 0x1p-24f;
  return floatOfBits(sign | bitsOfFloat(magnitude));
}

// The runtime functions take and return their 16-bit floats in a vector
// register. _Float16 and __bf16 say so; their bits are set by copying, since a
// conversion would call the function that is being defined.
#define ATTN_RETURN_BITS(TYPE, BITS)                                           \
  TYPE result;                                                                 \
  uint16_t bits = BITS;                                                        \
  memcpy(&result, &bits, sizeof(result));                                      \
  return result

// clang-format off
_Float16 __truncsfhf2(float value);
_Float16 __truncdfhf2(double value);
float __extendhfsf2(_Float16 value);
_Float16 __truncsfhf2(float value) { ATTN_RETURN_BITS(_Float16, halfBits(value)); }
_Float16 __truncdfhf2(double value) { ATTN_RETURN_BITS(_Float16, halfBits(roundToOdd(value))); }
float __extendhfsf2(_Float16 value) {
  uint16_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return floatOfHalf(bits);
}

#ifdef __clang__
__bf16 __truncsfbf2(float value);
__bf16 __truncdfbf2(double value);
__bf16 __truncsfbf2(float value) { ATTN_RETURN_BITS(__bf16, bfloatBits(value)); }
__bf16 __truncdfbf2(double value) { ATTN_RETURN_BITS(__bf16, bfloatBits(roundToOdd(value))); }
#endif
// clang-format on
