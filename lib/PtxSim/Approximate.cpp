//===- Approximate.cpp - Roots, reciprocals and elementary functions ------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The ISA bounds the errors of the approximate instructions and leaves the bits
// open. What is computed here is the nearest number to the exact result; the
// special values are those of the ISA.

#include "FloatFormats.h"
#include "Lanes.h"
#include <algorithm>

using namespace ptxsim;

namespace {
enum ApproximateFlags : uint8_t { Flush = 1 };
} // namespace

static double reciprocal(double value) { return 1 / value; }
static double reciprocalRoot(double value) { return 1 / std::sqrt(value); }
static double squareRoot(double value) { return std::sqrt(value); }
static double exponential2(double value) { return std::exp2(value); }
static double logarithm2(double value) { return std::log2(value); }
static double sine(double value) { return std::sin(value); }
static double cosine(double value) { return std::cos(value); }
static double hyperbolicTangent(double value) { return std::tanh(value); }

template <double (*apply)(double)>
static void runSingle(Warp &warp, const Instruction &instruction,
                      uint32_t mask) {
  const Operand *operands = instruction.operands;
  const float *values = warp.read<float>(operands[1]);
  bool isFlushing = instruction.flags & Flush;
  float result[warpSize];
  for (unsigned lane = 0; lane < warpSize; ++lane) {
    // Lanes that are not written are not worth a call.
    if (!(mask >> lane & 1))
      continue;
    float value = isFlushing ? flush(values[lane]) : values[lane];
    float rounded = canonicalize(static_cast<float>(apply(value)));
    result[lane] = isFlushing ? flush(rounded) : rounded;
  }
  warp.write(operands[0], result, mask);
  warp.setPoison(operands[0], warp.getPoison(operands[1]), mask);
}

/// Only the upper halves of .f64 values take part.
template <double (*apply)(double)>
static void runDoubleHigh(Warp &warp, const Instruction &instruction,
                          uint32_t mask) {
  const Operand *operands = instruction.operands;
  const uint64_t *values = warp.read<uint64_t>(operands[1]);
  constexpr uint64_t upper = ~uint64_t(0) << 32;
  uint64_t result[warpSize];
  for (unsigned lane = 0; lane < warpSize; ++lane) {
    double value = flush(bitCast<double>(values[lane] & upper));
    result[lane] = bitCast<uint64_t>(flush(apply(value))) & upper;
  }
  warp.write(operands[0], result, mask);
  warp.setPoison(operands[0], warp.getPoison(operands[1]), mask);
}

template <double (*apply)(double), bool isBfloat>
static void runHalves(Warp &warp, const Instruction &instruction,
                      uint32_t mask) {
  const Operand *operands = instruction.operands;
  const uint16_t *values = warp.read<uint16_t>(operands[1]);
  uint16_t results[2 * warpSize];
  for (unsigned index = 0; index < instruction.vector * warpSize; ++index) {
    double value =
        isBfloat ? bfloatToFloat(values[index]) : halfToFloat(values[index]);
    if (isBfloat && instruction.flags & Flush)
      value = flush(static_cast<float>(value));
    uint16_t bits =
        isBfloat ? doubleToBfloat(apply(value)) : doubleToHalf(apply(value));
    if (isBfloat && instruction.flags & Flush && !(bits & 0x7f80))
      bits &= 0x8000;
    results[index] = bits;
  }
  if (instruction.vector == 1) {
    uint16_t single[warpSize];
    std::copy_n(results, warpSize, single);
    warp.write(operands[0], single, mask);
  } else {
    uint32_t pairs[warpSize];
    std::memcpy(pairs, results, sizeof(pairs));
    warp.write(operands[0], pairs, mask);
  }
  warp.setPoison(operands[0], warp.getPoison(operands[1]), mask);
}

template <typename T>
static void runRoot(Warp &warp, const Instruction &instruction, uint32_t mask) {
  const Operand *operands = instruction.operands;
  const T *values = warp.read<T>(operands[1]);
  Rounding rounding = static_cast<Rounding>(instruction.mode);
  bool isFlushing = instruction.flags & Flush;
  T result[warpSize];
  for (unsigned lane = 0; lane < warpSize; ++lane) {
    T value = isFlushing ? flush(values[lane]) : values[lane];
    result[lane] = canonicalize(squareRootRounded(value, rounding));
  }
  warp.write(operands[0], result, mask);
  warp.setPoison(operands[0], warp.getPoison(operands[1]), mask);
}

template <typename T>
static void runReciprocal(Warp &warp, const Instruction &instruction,
                          uint32_t mask) {
  const Operand *operands = instruction.operands;
  const T *values = warp.read<T>(operands[1]);
  Rounding rounding = static_cast<Rounding>(instruction.mode);
  bool isFlushing = instruction.flags & Flush;
  T result[warpSize];
  for (unsigned lane = 0; lane < warpSize; ++lane) {
    T value = isFlushing ? flush(values[lane]) : values[lane];
    T rounded = canonicalize(divideRounded(T(1), value, rounding));
    result[lane] = isFlushing ? flush(rounded) : rounded;
  }
  warp.write(operands[0], result, mask);
  warp.setPoison(operands[0], warp.getPoison(operands[1]), mask);
}

// ---- decoding ---- //

static bool decodeApproximate(Decoder &d, Handler single, Handler half,
                              Handler bfloat) {
  if (!d.take("approx"))
    return d.error("expected .approx");
  d.instruction.flags |= d.take("ftz") ? Flush : 0;
  std::optional<Type> type = d.takeType();
  Handler handler = nullptr;
  if (type == Type::F32)
    handler = single;
  else if (type == Type::F16 || type == Type::F16x2)
    handler = half;
  else if (type == Type::BF16 || type == Type::BF16x2)
    handler = bfloat;
  if (!handler)
    return type ? d.unsupportedType(*type) : d.error("expected a type");
  d.instruction.run = handler;
  d.instruction.vector = type == Type::F16x2 || type == Type::BF16x2 ? 2 : 1;
  return d.addOperands(*type, 1);
}

template <double (*apply)(double)>
static bool decodeSingleOnly(Decoder &d) {
  return decodeApproximate(d, runSingle<apply>, nullptr, nullptr);
}

template <double (*apply)(double)>
static bool decodeAnyFloat(Decoder &d) {
  return decodeApproximate(d, runSingle<apply>, runHalves<apply, false>,
                           runHalves<apply, true>);
}

/// rcp, sqrt and rsqrt, which may be approximate or rounded.
template <double (*apply)(double)>
static bool decodeRounded(Decoder &d, Handler single, Handler wide) {
  bool isApproximate = d.take("approx");
  int rounding = isApproximate ? 0 : d.takeOneOf({"rn", "rz", "rm", "rp"});
  d.instruction.flags |= d.take("ftz") ? Flush : 0;
  std::optional<Type> type = d.takeType();
  if (type != Type::F32 && type != Type::F64)
    return d.error("expected .f32 or .f64");
  if (rounding < 0 || (!isApproximate && !single))
    return d.error("expected a rounding mode");
  d.instruction.mode = static_cast<uint8_t>(rounding);
  if (!isApproximate)
    d.instruction.run = type == Type::F32 ? single : wide;
  else if (type == Type::F32)
    d.instruction.run = runSingle<apply>;
  else if (d.getName() == "sqrt")
    return d.unsupportedType(*type);
  else
    d.instruction.run = runDoubleHigh<apply>;
  return d.addOperands(*type, 1);
}

static bool decodeReciprocal(Decoder &d) {
  return decodeRounded<reciprocal>(d, runReciprocal<float>,
                                   runReciprocal<double>);
}
static bool decodeRoot(Decoder &d) {
  return decodeRounded<squareRoot>(d, runRoot<float>, runRoot<double>);
}
static bool decodeReciprocalRoot(Decoder &d) {
  return decodeRounded<reciprocalRoot>(d, nullptr, nullptr);
}

void ptxsim::addApproximateOpcodes(OpcodeTable &table) {
  table["rcp"] = decodeReciprocal;
  table["sqrt"] = decodeRoot;
  table["rsqrt"] = decodeReciprocalRoot;
  table["ex2"] = decodeAnyFloat<exponential2>;
  table["tanh"] = decodeAnyFloat<hyperbolicTangent>;
  table["lg2"] = decodeSingleOnly<logarithm2>;
  table["sin"] = decodeSingleOnly<sine>;
  table["cos"] = decodeSingleOnly<cosine>;
}
