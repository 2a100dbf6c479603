//===- Float.cpp - Arithmetic of .f32 and .f64 ----------------------------===//
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
enum FloatFlags : uint8_t {
  Flush = 1,
  Saturate = 2,
  PropagateNan = 4,
  XorSign = 8,
  ThirdSource = 16
};
} // namespace

static Rounding getRounding(const Instruction &instruction) {
  return static_cast<Rounding>(instruction.mode);
}

/// Flushes what comes in and goes out, and saturates, as the flags say.
template <typename T>
static T finishResult(T value, uint8_t flags) {
  value = canonicalize(value);
  if (flags & Flush)
    value = flush(value);
  return flags & Saturate ? saturate(value) : value;
}

template <typename T>
static void flushAll(const T *from, T *to, unsigned count, uint8_t flags) {
  for (unsigned index = 0; index < count; ++index)
    to[index] = flags & Flush ? flush(from[index]) : from[index];
}

/// Reads a source, flushed if the flags say so. In mixed precision the first
/// `value` sources are halves of the type `sourceType`.
template <typename T>
static void readSource(Warp &warp, const Instruction &instruction,
                       unsigned source, T *values) {
  const Operand &operand = instruction.operands[1 + source];
  if (source < instruction.value) {
    const uint16_t *halves = warp.read<uint16_t>(operand);
    for (unsigned lane = 0; lane < warpSize; ++lane)
      values[lane] = widenHalf(halves[lane], instruction.sourceType);
    return;
  }
  // Two for each lane of .f32x2.
  flushAll(warp.read<T>(operand), values, instruction.vector * warpSize,
           instruction.flags);
}

template <typename T>
static T multiplyAdd(T a, T b, T c) {
  return std::fma(a, b, c);
}

/// Runs `apply` on sources that were flushed, in the rounding mode of the
/// instruction.
template <typename T, unsigned sources, typename Apply>
static void runFloat(Warp &warp, const Instruction &instruction, uint32_t mask,
                     Apply apply) {
  const Operand *operands = instruction.operands;
  unsigned count = instruction.vector * warpSize;
  T values[3][2 * warpSize] = {};
  uint32_t poison = 0;
  for (unsigned source = 0; source < sources; ++source) {
    readSource(warp, instruction, source, values[source]);
    poison |= warp.getPoison(operands[1 + source]);
  }
  T result[2 * warpSize];
  for (unsigned index = 0; index < count; ++index)
    result[index] = finishResult(
        apply(values[0][index], values[1][index], values[2][index]),
        instruction.flags);
  warp.setPoison(operands[0], poison, mask);
  if (instruction.vector == 1) {
    T single[warpSize];
    std::copy_n(result, warpSize, single);
    return warp.write(operands[0], single, mask);
  }
  uint64_t pairs[warpSize];
  std::memcpy(pairs, result, sizeof(pairs));
  warp.write(operands[0], pairs, mask);
}

template <typename T>
static void addFloats(Warp &warp, const Instruction &instruction,
                      uint32_t mask) {
  Rounding rounding = getRounding(instruction);
  if (rounding == Rounding::Nearest)
    return runFloat<T, 2>(warp, instruction, mask,
                          [](T a, T b, T) { return a + b; });
  runFloat<T, 2>(warp, instruction, mask,
                 [=](T a, T b, T) { return addRounded(a, b, rounding); });
}

template <typename T>
static void subtractFloats(Warp &warp, const Instruction &instruction,
                           uint32_t mask) {
  Rounding rounding = getRounding(instruction);
  if (rounding == Rounding::Nearest)
    return runFloat<T, 2>(warp, instruction, mask,
                          [](T a, T b, T) { return a - b; });
  runFloat<T, 2>(warp, instruction, mask,
                 [=](T a, T b, T) { return addRounded(a, -b, rounding); });
}

template <typename T>
static void multiplyFloats(Warp &warp, const Instruction &instruction,
                           uint32_t mask) {
  Rounding rounding = getRounding(instruction);
  if (rounding == Rounding::Nearest)
    return runFloat<T, 2>(warp, instruction, mask,
                          [](T a, T b, T) { return a * b; });
  runFloat<T, 2>(warp, instruction, mask,
                 [=](T a, T b, T) { return multiplyRounded(a, b, rounding); });
}

template <typename T>
static void multiplyAddFloats(Warp &warp, const Instruction &instruction,
                              uint32_t mask) {
  Rounding rounding = getRounding(instruction);
  if (rounding == Rounding::Nearest)
    return runFloat<T, 3>(warp, instruction, mask, multiplyAdd<T>);
  runFloat<T, 3>(warp, instruction, mask, [=](T a, T b, T c) {
    return multiplyAddRounded(a, b, c, rounding);
  });
}

template <typename T>
static void divideFloats(Warp &warp, const Instruction &instruction,
                         uint32_t mask) {
  Rounding rounding = getRounding(instruction);
  if (rounding == Rounding::Nearest)
    return runFloat<T, 2>(warp, instruction, mask,
                          [](T a, T b, T) { return a / b; });
  runFloat<T, 2>(warp, instruction, mask,
                 [=](T a, T b, T) { return divideRounded(a, b, rounding); });
}

/// Very large divisors give 0 or NaN, as the ISA allows.
static void divideApproximately(Warp &warp, const Instruction &instruction,
                                uint32_t mask) {
  runFloat<float, 2>(warp, instruction, mask, [](float a, float b, float) {
    if (std::fabs(b) > 0x1p126f && std::isfinite(b))
      return std::isinf(a) ? NAN : std::copysign(0.0f, a * b);
    return a / b;
  });
}

template <typename T, bool isMaximum>
static T pickExtremum(T a, T b, uint8_t flags) {
  if (std::isnan(a) || std::isnan(b)) {
    if (flags & PropagateNan || (std::isnan(a) && std::isnan(b)))
      return std::numeric_limits<T>::quiet_NaN();
    T number = std::isnan(a) ? b : a;
    // The sign of NaN counts, too.
    if (flags & XorSign)
      return std::copysign(number,
                           std::signbit(a) != std::signbit(b) ? T(-1) : T(1));
    return number;
  }
  if (flags & XorSign) {
    T sign = std::signbit(a) != std::signbit(b) ? T(-1) : T(1);
    T first = std::fabs(a), second = std::fabs(b);
    T picked = isMaximum ? std::max(first, second) : std::min(first, second);
    return std::copysign(picked, sign);
  }
  // -0 is less than +0.
  if (a == b)
    return std::signbit(a) == isMaximum ? b : a;
  return (a < b) == isMaximum ? b : a;
}

template <typename T, bool isMaximum>
static void pickFloats(Warp &warp, const Instruction &instruction,
                       uint32_t mask) {
  uint8_t flags = instruction.flags;
  if (flags & ThirdSource)
    return runFloat<T, 3>(warp, instruction, mask, [=](T a, T b, T c) {
      return pickExtremum<T, isMaximum>(pickExtremum<T, isMaximum>(a, b, flags),
                                        c, flags);
    });
  runFloat<T, 2>(warp, instruction, mask, [=](T a, T b, T) {
    return pickExtremum<T, isMaximum>(a, b, flags);
  });
}

template <typename T>
static void negateFloats(Warp &warp, const Instruction &instruction,
                         uint32_t mask) {
  runFloat<T, 1>(warp, instruction, mask, [](T a, T, T) { return -a; });
}

template <typename T>
static void absoluteFloats(Warp &warp, const Instruction &instruction,
                           uint32_t mask) {
  runFloat<T, 1>(warp, instruction, mask,
                 [](T a, T, T) { return std::fabs(a); });
}

template <typename T>
static void copySigns(Warp &warp, const Instruction &instruction,
                      uint32_t mask) {
  // The sign of the first and the magnitude of the second.
  const Operand *operands = instruction.operands;
  const T *a = warp.read<T>(operands[1]);
  const T *b = warp.read<T>(operands[2]);
  T result[warpSize];
  for (unsigned lane = 0; lane < warpSize; ++lane)
    result[lane] = std::copysign(b[lane], a[lane]);
  warp.write(operands[0], result, mask);
  warp.setPoison(operands[0],
                 warp.getPoison(operands[1]) | warp.getPoison(operands[2]),
                 mask);
}

// ---- decoding ---- //

static bool decodeRounding(Decoder &d, bool mustRound) {
  int rounding = d.takeOneOf({"rn", "rz", "rm", "rp"});
  if (mustRound && rounding < 0)
    return d.error("expected a rounding mode");
  d.instruction.mode = static_cast<uint8_t>(std::max(rounding, 0));
  return true;
}

/// Rounding, .ftz and .sat of an instruction on .f32 or .f64.
static bool decodeFloatModifiers(Decoder &d, Type type, bool mustRound) {
  if (!decodeRounding(d, mustRound))
    return false;
  if (type != Type::F64)
    d.instruction.flags |= d.take("ftz") ? Flush : 0;
  if (type == Type::F32)
    d.instruction.flags |= d.take("sat") ? Saturate : 0;
  return true;
}

/// Mixed precision: all sources but the last one are .f16 or .bf16. There is no
/// .ftz; subnormal numbers are kept.
static bool decodeMixed(Decoder &d, Type half, size_t sources, bool mustRound,
                        Handler handler) {
  if (half != Type::F16 && half != Type::BF16)
    return d.unsupportedType(half);
  d.instruction.run = handler;
  d.instruction.sourceType = half;
  d.instruction.value = sources - 1;
  if (!decodeRounding(d, mustRound))
    return false;
  d.instruction.flags |= d.take("sat") ? Saturate : 0;
  if (!d.expectOperands(1 + sources) ||
      !d.addDestination(d.getOperand(0), Type::F32))
    return false;
  for (size_t index = 1; index < sources; ++index)
    if (!d.addSource(d.getOperand(index), half))
      return false;
  return d.addSource(d.getOperand(sources), Type::F32);
}

static bool decodeFloat(Decoder &d, Type type, size_t sources, bool mustRound,
                        Handler single, Handler wide) {
  bool isSum =
      d.getName() == "add" || d.getName() == "sub" || d.getName() == "fma";
  if (type == Type::F32 && isSum)
    if (std::optional<Type> half = d.takeType())
      return decodeMixed(d, *half, sources, mustRound, single);
  bool isPair = type == Type::F32x2 && (isSum || d.getName() == "mul");
  if (type != Type::F32 && type != Type::F64 && !isPair)
    return d.unsupportedType(type);
  d.instruction.run = type == Type::F64 ? wide : single;
  d.instruction.vector = isPair ? 2 : 1;
  return decodeFloatModifiers(d, type, mustRound) &&
         d.addOperands(type, sources);
}

static bool expectType(Decoder &d, Type &type) {
  std::optional<Type> found = d.takeType();
  if (!found)
    return d.error("expected a type");
  type = *found;
  return true;
}

static bool decodeAddition(Decoder &d) {
  Type type;
  if (!expectType(d, type))
    return false;
  bool isSubtraction = d.getName() == "sub";
  if (isInteger(type))
    return decodeIntegerAddition(d, type, isSubtraction);
  if (isHalf(type))
    return decodeHalf(d, type,
                      isSubtraction ? FloatOperation::Subtract
                                    : FloatOperation::Add);
  if (isSubtraction)
    return decodeFloat(d, type, 2, false, subtractFloats<float>,
                       subtractFloats<double>);
  return decodeFloat(d, type, 2, false, addFloats<float>, addFloats<double>);
}

static bool decodeMultiplication(Decoder &d) {
  Type type;
  if (!expectType(d, type))
    return false;
  if (isInteger(type))
    return decodeIntegerProduct(d, type);
  if (isHalf(type))
    return decodeHalf(d, type, FloatOperation::Multiply);
  return decodeFloat(d, type, 2, false, multiplyFloats<float>,
                     multiplyFloats<double>);
}

/// mad and fma: on floats, both round once.
static bool decodeMultiplyAdd(Decoder &d) {
  Type type;
  if (!expectType(d, type))
    return false;
  if (isInteger(type) && d.getName() == "mad")
    return decodeIntegerProduct(d, type);
  if (isHalf(type) && d.getName() == "fma")
    return decodeHalf(d, type, FloatOperation::MultiplyAdd);
  return decodeFloat(d, type, 3, true, multiplyAddFloats<float>,
                     multiplyAddFloats<double>);
}

static bool decodeDivision(Decoder &d) {
  Type type;
  if (!expectType(d, type))
    return false;
  if (isInteger(type))
    return decodeIntegerDivision(d, type);
  int approximation = d.takeOneOf({"approx", "full"});
  if (approximation < 0)
    return decodeFloat(d, type, 2, true, divideFloats<float>,
                       divideFloats<double>);
  if (type != Type::F32)
    return d.unsupportedType(type);
  return decodeFloat(
      d, type, 2, false,
      approximation == 0 ? divideApproximately : divideFloats<float>, nullptr);
}

static bool decodeExtremum(Decoder &d) {
  Type type;
  if (!expectType(d, type))
    return false;
  bool isMaximum = d.getName() == "max";
  if (isInteger(type))
    return decodeIntegerExtremum(d, type, isMaximum);
  if (isHalf(type))
    return decodeHalf(
        d, type, isMaximum ? FloatOperation::Maximum : FloatOperation::Minimum);
  d.instruction.flags |= d.take("NaN") ? PropagateNan : 0;
  d.instruction.flags |= d.take("xorsign") && d.take("abs") ? XorSign : 0;
  size_t sources = d.getOperandCount() == 4 && type == Type::F32 ? 3 : 2;
  d.instruction.flags |= sources == 3 ? ThirdSource : 0;
  return isMaximum
             ? decodeFloat(d, type, sources, false, pickFloats<float, true>,
                           pickFloats<double, true>)
             : decodeFloat(d, type, sources, false, pickFloats<float, false>,
                           pickFloats<double, false>);
}

static bool decodeSign(Decoder &d) {
  Type type;
  if (!expectType(d, type))
    return false;
  bool isAbsolute = d.getName() == "abs";
  if (isInteger(type))
    return decodeIntegerSign(d, type, isAbsolute);
  if (isHalf(type))
    return decodeHalf(d, type,
                      isAbsolute ? FloatOperation::Absolute
                                 : FloatOperation::Negate);
  return isAbsolute ? decodeFloat(d, type, 1, false, absoluteFloats<float>,
                                  absoluteFloats<double>)
                    : decodeFloat(d, type, 1, false, negateFloats<float>,
                                  negateFloats<double>);
}

static bool decodeCopySign(Decoder &d) {
  Type type;
  if (!expectType(d, type))
    return false;
  if (type != Type::F32 && type != Type::F64)
    return d.unsupportedType(type);
  d.instruction.run = type == Type::F32 ? copySigns<float> : copySigns<double>;
  return d.addOperands(type, 2);
}

void ptxsim::addFloatOpcodes(OpcodeTable &table) {
  table["add"] = decodeAddition;
  table["sub"] = decodeAddition;
  table["mul"] = decodeMultiplication;
  table["mad"] = decodeMultiplyAdd;
  table["fma"] = decodeMultiplyAdd;
  table["div"] = decodeDivision;
  table["min"] = decodeExtremum;
  table["max"] = decodeExtremum;
  table["neg"] = decodeSign;
  table["abs"] = decodeSign;
  table["copysign"] = decodeCopySign;
}
