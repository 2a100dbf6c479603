//===- math-accuracy.c - Units in the last place of expanded functions ----===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compares the compiled functions with the double precision ones of libm over
// all floats at a stride, and over every float around the special values.
// Prints the largest error of each; exits with 1 where one exceeds its bound or
// a NaN or an infinity is out of place.
//
//===----------------------------------------------------------------------===//

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define FUNCTIONS(X)                                                           \
  X(exp, 2.0)                                                                  \
  X(exp2, 2.0)                                                                 \
  X(expm1, 2.0)                                                                \
  X(log, 2.0)                                                                  \
  X(log2, 2.0)                                                                 \
  X(log10, 2.0)                                                                \
  X(log1p, 2.0)                                                                \
  X(tanh, 2.0)

#define DECLARE(name, bound) void test_##name(float *lanes);
FUNCTIONS(DECLARE)

static double unit(double exact) {
  int exponent;
  exact = fabs(exact);
  if (!(exact >= 0x1p-126))
    return 0x1p-149;
  frexp(exact, &exponent);
  return ldexp(1.0, exponent - 24);
}

struct worst {
  double error;
  float at;
  long misplaced;
};

static void check(void (*compiled)(float *), double (*exact)(double),
                  uint32_t first, uint32_t stride, struct worst *worst) {
  float inputs[16], outputs[16];
  for (uint32_t lane = 0; lane < 16; ++lane) {
    uint32_t bits = first + lane * stride;
    memcpy(&inputs[lane], &bits, sizeof bits);
  }
  memcpy(outputs, inputs, sizeof inputs);
  compiled(outputs);
  for (int lane = 0; lane < 16; ++lane) {
    double expected = exact(inputs[lane]);
    float rounded = (float)expected, got = outputs[lane];
    if (isnan(expected) || isnan(got)) {
      worst->misplaced += !isnan(expected) || !isnan(got);
    } else if (isinf(rounded) || isinf(got)) {
      // Next to the largest float either neighbour may be the result.
      if (got != rounded && !(fabs(expected) < 0x1.fffffcp127 * (1 + 0x1p-22) &&
                              fabs(expected) > 0x1.fffffcp127))
        ++worst->misplaced;
    } else {
      double error = fabs(got - expected) / unit(expected);
      if (error > worst->error) {
        worst->error = error;
        worst->at = inputs[lane];
      }
      // The sign of zero, too.
      if (inputs[lane] == 0 && expected == 0 &&
          !signbit(got) != !signbit(rounded))
        ++worst->misplaced;
    }
  }
}

static int test(const char *name, void (*compiled)(float *),
                double (*exact)(double), double bound) {
  static const float special[] = {
      0.0f,    0x1p-126f, 0x1p-25f, 0.5f,  0.625f,   1.0f,     17.4f,   88.73f,
      103.98f, 128.0f,    150.0f,   9.02f, INFINITY, 1.41421f, 0.70711f};
  struct worst worst = {0, 0, 0};
  const uint32_t stride = 509;
  for (uint64_t first = 0; first < UINT64_C(1) << 32; first += 16 * stride)
    check(compiled, exact, (uint32_t)first, stride, &worst);
  for (size_t index = 0; index < sizeof special / sizeof *special; ++index)
    for (int sign = 0; sign < 2; ++sign) {
      uint32_t bits;
      memcpy(&bits, &special[index], sizeof bits);
      bits ^= (uint32_t)sign << 31;
      for (int32_t offset = -4096; offset < 4096; offset += 16)
        check(compiled, exact, bits + (uint32_t)offset, 1, &worst);
    }
  printf("%-6s %.3f ulp at %a, %ld special values misplaced\n", name,
         worst.error, worst.at, worst.misplaced);
  return worst.error > bound || worst.misplaced != 0;
}

int main(void) {
  int failed = 0;
#define TEST(name, bound) failed |= test(#name, test_##name, name, bound);
  FUNCTIONS(TEST)
  return failed;
}
