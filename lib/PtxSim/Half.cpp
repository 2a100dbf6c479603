//===- Half.cpp - Arithmetic of .f16 and .bf16 ----------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arithmetic.h"
#include "FloatFormats.h"
#include "Lanes.h"
#include <algorithm>

using namespace ptxsim;

namespace {
enum HalfFlags : uint8_t {
  Flush = 1,
  Saturate = 2,
  PropagateNan = 4,
  XorSign = 8,
  Relu = 16
};
constexpr uint16_t canonicalNan = 0x7fff;
constexpr uint16_t signBit = 0x8000;

struct HalfType {
  static double decode(uint16_t bits) { return halfToFloat(bits); }
  static uint16_t encode(double value) { return doubleToHalf(value); }
  static constexpr double leastNormal = 0x1p-14;
  static constexpr uint16_t exponentMask = 0x7c00;
  static constexpr uint16_t one = 0x3c00;
};
struct BfloatType {
  static double decode(uint16_t bits) { return bfloatToFloat(bits); }
  static uint16_t encode(double value) { return doubleToBfloat(value); }
  static constexpr double leastNormal = 0x1p-126;
  static constexpr uint16_t exponentMask = 0x7f80;
  static constexpr uint16_t one = 0x3f80;
};
} // namespace

template <typename Format>
static uint16_t flushHalf(uint16_t bits) {
  return bits & Format::exponentMask ? bits : bits & signBit;
}

template <typename Format>
static uint16_t pickExtremum(uint16_t a, uint16_t b, bool isMaximum,
                             uint8_t flags) {
  double first = Format::decode(a), second = Format::decode(b);
  if (std::isnan(first) || std::isnan(second)) {
    if (flags & PropagateNan || (std::isnan(first) && std::isnan(second)))
      return canonicalNan;
    return std::isnan(first) ? b : a;
  }
  if (flags & XorSign) {
    uint16_t sign = (a ^ b) & signBit;
    uint16_t x = a & ~signBit, y = b & ~signBit;
    return sign | (isMaximum ? std::max(x, y) : std::min(x, y));
  }
  if (first == second)
    return bool(a & signBit) == isMaximum ? b : a;
  return (first < second) == isMaximum ? b : a;
}

template <typename Format>
static uint16_t compute(FloatOperation operation, uint16_t a, uint16_t b,
                        uint16_t c, uint8_t flags) {
  auto decode = Format::decode;
  // Results are flushed that are too small before they are rounded, as an H200
  // does it: 0x1.ffcp-15 is 0, although the least normal number is nearest.
  auto encode = [&](double value) {
    if (flags & Flush && std::abs(value) < Format::leastNormal)
      return std::signbit(value) ? signBit : uint16_t(0);
    return Format::encode(value);
  };
  switch (operation) {
  case FloatOperation::Add:
    return encode(multiplyAddToOdd(decode(a), 1, decode(b)));
  case FloatOperation::Subtract:
    return encode(multiplyAddToOdd(decode(a), 1, -decode(b)));
  case FloatOperation::Multiply:
    return encode(decode(a) * decode(b));
  case FloatOperation::MultiplyAdd:
    return encode(multiplyAddToOdd(decode(a), decode(b), decode(c)));
  case FloatOperation::Minimum:
    return pickExtremum<Format>(a, b, false, flags);
  case FloatOperation::Maximum:
    return pickExtremum<Format>(a, b, true, flags);
  case FloatOperation::Negate:
    return a ^ signBit;
  case FloatOperation::Absolute:
    return a & ~signBit;
  }
  return 0;
}

template <typename Format>
static uint16_t finishHalf(uint16_t bits, uint8_t flags) {
  bool isNan = (bits & ~signBit) > Format::exponentMask;
  if (flags & Flush)
    bits = flushHalf<Format>(bits);
  if (flags & Saturate) {
    if (isNan || bits & signBit)
      return 0;
    return std::min(bits, Format::one);
  }
  if (flags & Relu && !isNan && bits & signBit)
    return 0;
  return isNan ? canonicalNan : bits;
}

/// Works on one or two values a lane. `mode` is the operation, `value` how many
/// sources there are.
template <typename Format>
static void runHalf(Warp &warp, const Instruction &instruction, uint32_t mask) {
  const Operand *operands = instruction.operands;
  FloatOperation operation = static_cast<FloatOperation>(instruction.mode);
  unsigned count = instruction.vector * warpSize;
  uint16_t sources[3][2 * warpSize] = {};
  uint32_t poison = 0;
  for (unsigned source = 0; source < instruction.value; ++source) {
    const uint16_t *from = warp.read<uint16_t>(operands[1 + source]);
    for (unsigned index = 0; index < count; ++index)
      sources[source][index] = instruction.flags & Flush
                                   ? flushHalf<Format>(from[index])
                                   : from[index];
    poison |= warp.getPoison(operands[1 + source]);
  }
  uint16_t result[2 * warpSize];
  for (unsigned index = 0; index < count; ++index)
    result[index] = finishHalf<Format>(
        compute<Format>(operation, sources[0][index], sources[1][index],
                        sources[2][index], instruction.flags),
        instruction.flags);
  if (instruction.vector == 1) {
    uint16_t single[warpSize];
    std::copy_n(result, warpSize, single);
    warp.write(operands[0], single, mask);
  } else {
    uint32_t pairs[warpSize];
    std::memcpy(pairs, result, sizeof(pairs));
    warp.write(operands[0], pairs, mask);
  }
  warp.setPoison(operands[0], poison, mask);
}

bool ptxsim::isHalf(Type type) {
  return type == Type::F16 || type == Type::F16x2 || type == Type::BF16 ||
         type == Type::BF16x2;
}

bool ptxsim::decodeHalf(Decoder &d, Type type, FloatOperation operation) {
  bool isBfloat = type == Type::BF16 || type == Type::BF16x2;
  bool isPair = getBytes(type) == 4;
  Instruction &instruction = d.instruction;
  instruction.run = isBfloat ? runHalf<BfloatType> : runHalf<HalfType>;
  instruction.mode = static_cast<uint8_t>(operation);
  instruction.vector = isPair ? 2 : 1;
  bool isArithmetic = operation <= FloatOperation::MultiplyAdd;
  bool isExtremum = operation == FloatOperation::Minimum ||
                    operation == FloatOperation::Maximum;
  bool hasRounding = isArithmetic && d.take("rn");
  if (operation == FloatOperation::MultiplyAdd && !hasRounding)
    return d.error("expected .rn");
  uint8_t &flags = instruction.flags;
  flags |= !isBfloat && d.take("ftz") ? Flush : 0;
  if (isArithmetic)
    flags |= !isBfloat && d.take("sat") ? Saturate : 0;
  if (operation == FloatOperation::MultiplyAdd)
    flags |= d.take("relu") ? Relu : 0;
  if (isExtremum) {
    flags |= d.take("NaN") ? PropagateNan : 0;
    flags |= d.take("xorsign") && d.take("abs") ? XorSign : 0;
  }
  switch (operation) {
  case FloatOperation::MultiplyAdd:
    instruction.value = 3;
    break;
  case FloatOperation::Negate:
  case FloatOperation::Absolute:
    instruction.value = 1;
    break;
  default:
    instruction.value = 2;
    break;
  }
  return d.addOperands(type, instruction.value);
}
