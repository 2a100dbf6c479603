//===- math-accuracy.c - Units in the last place of expanded functions ----===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compares the compiled functions with libm one precision up: f32 with double
// over all floats at a stride, f64 (-DF64) with long double over all exponents
// and both signs. Both take every number around the special values, too. With
// -DEXHAUSTIVE exp2 of f32 is tested over all 2^32 arguments; with -DRELAXED as
// well, errors are counted in parts of 2^13 of the result.
// Prints the largest error of each; exits with 1 where one exceeds its bound or
// a NaN, an infinity or the sign of a zero is wrong.
//
//===----------------------------------------------------------------------===//

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef F64
typedef double real;
typedef uint64_t bits_type;
typedef long double wide;
#define WIDE(name) name##l
enum { LANES = 8, DIGITS = 53, HIGHEST = 1024 };
#else
typedef float real;
typedef uint32_t bits_type;
typedef double wide;
#define WIDE(name) name
enum { LANES = 16, DIGITS = 24, HIGHEST = 128 };
#endif

#ifdef RELAXED
#define FUNCTIONS(X) X(exp2, 1.0)
#elif defined EXHAUSTIVE
#define FUNCTIONS(X) X(exp2, 2.0)
#else
#define FUNCTIONS(X)                                                           \
  X(exp, 2.0)                                                                  \
  X(exp2, 2.0)                                                                 \
  X(expm1, 2.0)                                                                \
  X(log, 2.0)                                                                  \
  X(log2, 2.0)                                                                 \
  X(log10, 2.0)                                                                \
  X(log1p, 2.0)                                                                \
  X(tanh, 2.0)
#endif

#define DECLARE(name, bound) void test_##name(real *lanes);
FUNCTIONS(DECLARE)

struct worst {
  wide error;
  real at;
  long misplaced;
};

// One unit in the last place of the type under test.
static wide unit(wide exact) {
  exact = WIDE(fabs)(exact);
#ifdef RELAXED
  return exact * 0x1p-13 + 0x1p-149;
#elif defined F64
  int exponent;
  if (!(exact >= 0x1p-1022L))
    return 0x1p-1074L;
  frexpl(exact, &exponent);
  return ldexpl(1, exponent - DIGITS);
#else
  if (!(exact >= 0x1p-126))
    return 0x1p-149;
  uint64_t bits;
  memcpy(&bits, &exact, sizeof bits);
  bits &= UINT64_C(0x7ff0000000000000);
  memcpy(&exact, &bits, sizeof bits);
  return exact * 0x1p-23;
#endif
}

static void compare(real input, real got, wide expected, struct worst *worst) {
  real rounded = (real)expected;
  if (isnan(expected) || isnan(got)) {
    worst->misplaced += !isnan(expected) || !isnan(got);
  } else if (isinf(rounded) || isinf(got)) {
    // Next to the largest number either neighbour may be the result.
    wide largest = (1 - WIDE(ldexp)(1, -DIGITS)) * WIDE(ldexp)(1, HIGHEST);
    wide size = WIDE(fabs)(expected);
    if (got != rounded &&
        !(size > largest && size < largest * (1 + WIDE(ldexp)(4, -DIGITS))))
      ++worst->misplaced;
  } else {
    wide error = WIDE(fabs)(got - expected) / unit(expected);
    if (error > worst->error) {
      worst->error = error;
      worst->at = input;
    }
    // f(0) is exact, the sign of a zero included.
    if (input == 0 && (got != rounded || !signbit(got) != !signbit(rounded)))
      ++worst->misplaced;
  }
}

#ifdef EXHAUSTIVE
// Every float. Only where the result is neither constant nor next to 1 does the
// exact one have to be computed.
static void sweep(void (*compiled)(real *), wide (*exact)(wide),
                  struct worst *worst) {
  real inputs[LANES], outputs[LANES];
  bits_type first = 0;
  do {
    for (bits_type lane = 0; lane < LANES; ++lane) {
      bits_type bits = first + lane;
      memcpy(&inputs[lane], &bits, sizeof bits);
    }
    memcpy(outputs, inputs, sizeof inputs);
    compiled(outputs);
    real size = fabsf(inputs[0]);
    if (size < 0x1p-26f) {
      // The exact result is within half a unit of 1.
      for (int lane = 0; lane < LANES; ++lane)
#ifdef RELAXED
        compare(inputs[lane], outputs[lane], 1, worst);
#else
        worst->misplaced += outputs[lane] != 1;
#endif
    } else if (size >= 256) {
      for (int lane = 0; lane < LANES; ++lane) {
        real limit = inputs[lane] > 0 ? INFINITY : 0;
        worst->misplaced += isnan(inputs[lane]) ? !isnan(outputs[lane])
                                                : outputs[lane] != limit;
      }
    } else {
      for (int lane = 0; lane < LANES; ++lane)
        compare(inputs[lane], outputs[lane], exact(inputs[lane]), worst);
    }
    first += LANES;
  } while (first != 0);
}
#else
static bits_type bitsOf(real value) {
  bits_type bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static void check(void (*compiled)(real *), wide (*exact)(wide),
                  bits_type first, bits_type stride, struct worst *worst) {
  real inputs[LANES], outputs[LANES];
  for (bits_type lane = 0; lane < LANES; ++lane) {
    bits_type bits = first + lane * stride;
    memcpy(&inputs[lane], &bits, sizeof bits);
  }
  memcpy(outputs, inputs, sizeof inputs);
  compiled(outputs);
  for (int lane = 0; lane < LANES; ++lane)
    compare(inputs[lane], outputs[lane], exact(inputs[lane]), worst);
}
#endif

static int test(const char *name, void (*compiled)(real *), wide (*exact)(wide),
                double bound) {
  struct worst worst = {0, 0, 0};
#ifdef EXHAUSTIVE
  sweep(compiled, exact, &worst);
#else
#ifdef F64
  static const real special[] = {
      0.0,     0x1p-1022, 0x1p-54, 0.5,  0.625,     1.0,      37.5,    709.79,
      745.14,  1024.0,    1075.0,  1100, 19.07,     INFINITY, 1.41421, 0.70711,
      22.1807, 0.34657,   44.0,    710,  0x1.8p+51, 2048.0};
  // 512 numbers between every two powers of two, and 16384 between 2^-8 and
  // 2^10, where the functions do most of their work.
  const bits_type stride = (UINT64_C(1) << 43) - 0x2545f4915;
  for (unsigned __int128 first = 0; first < (unsigned __int128)1 << 64;
       first += LANES * stride)
    check(compiled, exact, (bits_type)first, stride, &worst);
  const bits_type from = bitsOf(0x1p-8), to = bitsOf(0x1p10),
                  fine = (UINT64_C(1) << 38) - 0x1d872b41;
  for (bits_type first = from; first < to; first += LANES * fine)
    for (int sign = 0; sign < 2; ++sign)
      check(compiled, exact, first | (bits_type)sign << 63, fine, &worst);
#else
  static const real special[] = {
      0.0f,    0x1p-126f, 0x1p-25f, 0.5f,  0.625f,   1.0f,     17.4f,   88.73f,
      103.98f, 128.0f,    150.0f,   9.02f, INFINITY, 1.41421f, 0.70711f};
  const bits_type stride = 509;
  for (uint64_t first = 0; first < UINT64_C(1) << 32; first += LANES * stride)
    check(compiled, exact, (bits_type)first, stride, &worst);
#endif
  for (size_t index = 0; index < sizeof special / sizeof *special; ++index)
    for (int sign = 0; sign < 2; ++sign) {
      bits_type bits = bitsOf(special[index]);
      bits ^= (bits_type)sign << (8 * sizeof bits - 1);
      for (int32_t offset = -4096; offset < 4096; offset += LANES)
        check(compiled, exact, bits + (bits_type)(int64_t)offset, 1, &worst);
    }
#endif
  printf("%-6s %.3f ulp at %a, %ld special values misplaced\n", name,
         (double)worst.error, (double)worst.at, worst.misplaced);
  return worst.error > (wide)bound || worst.misplaced != 0;
}

int main(void) {
  int failed = 0;
#define TEST(name, bound) failed |= test(#name, test_##name, WIDE(name), bound);
  FUNCTIONS(TEST)
  return failed;
}
