//===- Convert.cpp - Conversions between types ----------------------------===//
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
enum ConvertFlags : uint8_t {
  Flush = 1,
  Saturate = 2,
  Relu = 4,
  Finite = 8,
  /// Rounds to a whole number in a floating point type.
  Integral = 16
};
} // namespace

/// The low bits of a source, extended by its sign.
static int64_t extend(uint64_t bits, Type type) {
  unsigned unused = 64 - 8 * getBytes(type);
  return isSigned(type) ? static_cast<int64_t>(bits << unused) >> unused
                        : static_cast<int64_t>(bits << unused >> unused);
}

static double decodeSource(uint64_t bits, Type type, uint8_t flags) {
  switch (type) {
  case Type::F64:
    return bitCast<double>(bits);
  case Type::F16:
    return halfToFloat(static_cast<uint16_t>(bits));
  case Type::BF16:
    return bfloatToFloat(static_cast<uint16_t>(bits));
  default: {
    float value = bitCast<float>(static_cast<uint32_t>(bits));
    return flags & Flush ? flush(value) : value;
  }
  }
}

static uint64_t encodeResult(double value, Type type, Rounding rounding,
                             uint8_t flags) {
  if (flags & Integral)
    value = toIntegral(value, rounding);
  if (flags & Saturate)
    value = saturate(value);
  if (flags & Relu && value < 0)
    value = 0;
  if (flags & Relu && value == 0)
    value = 0.0;
  bool isFinite = flags & Finite;
  switch (type) {
  case Type::F64:
    return bitCast<uint64_t>(value);
  case Type::F16:
    return encodeFloat(value, f16Format, rounding, isFinite);
  case Type::BF16:
    if (rounding == Rounding::Nearest && !isFinite &&
        static_cast<float>(value) == value)
      return floatToBfloat(static_cast<float>(value));
    return encodeFloat(value, bf16Format, rounding, isFinite);
  case Type::TF32:
    // The format's 19 bits stand at the top of 32.
    if (std::isnan(value))
      return 0x7fffffff;
    return encodeFloat(value, tf32Format, rounding, isFinite) << 13;
  case Type::E4M3x2:
    return encodeFloat(value, e4m3Format, rounding, isFinite);
  case Type::E5M2x2:
    return encodeFloat(value, e5m2Format, rounding, isFinite);
  default: {
    float narrow = toFloatRounded(value, rounding);
    return bitCast<uint32_t>(flags & Flush ? flush(narrow) : narrow);
  }
  }
}

/// What is too large or too small becomes the bound. NaN becomes 0 where no
/// type has 64 bits, else the highest bit alone (as an H200 does; the ISA says
/// 0).
static uint64_t toInteger(double value, Type from, Type type,
                          Rounding rounding) {
  if (std::isnan(value))
    return from == Type::F64 || getBytes(type) == 8
               ? uint64_t(1) << (8 * getBytes(type) - 1)
               : 0;
  value = toIntegral(value, rounding);
  unsigned bits = 8 * getBytes(type) - (isSigned(type) ? 1 : 0);
  double bound = std::ldexp(1.0, static_cast<int>(bits));
  if (value >= bound)
    return bits == 64 ? ~uint64_t(0) : (uint64_t(1) << bits) - 1;
  if (!isSigned(type))
    return value <= 0 ? 0 : static_cast<uint64_t>(value);
  if (value < -bound)
    return static_cast<uint64_t>(-1) << bits;
  return static_cast<uint64_t>(static_cast<int64_t>(value));
}

/// Exact, or rounded to odd, so that rounding it again does no harm.
static double magnitudeToDouble(uint64_t magnitude) {
  int extra = 64 - 53 - __builtin_clzll(magnitude | 1);
  if (extra <= 0)
    return static_cast<double>(magnitude);
  uint64_t kept = magnitude >> extra;
  kept |= (kept << extra) != magnitude;
  return std::ldexp(static_cast<double>(kept), extra);
}

static uint64_t fromInteger(int64_t value, bool isSignedSource, Type type,
                            Rounding rounding, uint8_t flags) {
  bool isNegative = isSignedSource && value < 0;
  uint64_t magnitude = isNegative ? 0 - static_cast<uint64_t>(value)
                                  : static_cast<uint64_t>(value);
  if (type != Type::F64) {
    double wide = magnitudeToDouble(magnitude);
    return encodeResult(isNegative ? -wide : wide, type, rounding, flags);
  }
  // 64 bits may not fit the 53 of a double.
  int extra = 64 - 53 - __builtin_clzll(magnitude | 1);
  double wide = static_cast<double>(magnitude);
  if (extra > 0 && rounding != Rounding::Nearest) {
    bool isAway = rounding == (isNegative ? Rounding::Down : Rounding::Up);
    uint64_t kept = magnitude >> extra;
    kept += isAway && (kept << extra) != magnitude;
    wide = std::ldexp(static_cast<double>(kept), extra);
  }
  return bitCast<uint64_t>(isNegative ? -wide : wide);
}

static uint64_t clampInteger(int64_t value, bool isSignedSource, Type type) {
  unsigned bits = 8 * getBytes(type);
  __int128 wide = isSignedSource
                      ? static_cast<__int128>(value)
                      : static_cast<__int128>(static_cast<uint64_t>(value));
  __int128 one = 1;
  __int128 least = isSigned(type) ? -(one << (bits - 1)) : 0;
  __int128 largest = (one << (isSigned(type) ? bits - 1 : bits)) - 1;
  return static_cast<uint64_t>(std::clamp(wide, least, largest));
}

static void runConvert(Warp &warp, const Instruction &instruction,
                       uint32_t mask) {
  const Operand *operands = instruction.operands;
  uint64_t values[warpSize];
  warp.readWide(operands[1], values);
  Type from = instruction.sourceType, to = instruction.type;
  Rounding rounding = static_cast<Rounding>(instruction.mode);
  uint8_t flags = instruction.flags;
  bool fromFloat = isFloat(from), toFloat = isFloat(to);
  for (uint64_t &value : values) {
    if (!fromFloat) {
      int64_t integer = extend(value, from);
      if (toFloat)
        value = fromInteger(integer, isSigned(from), to, rounding, flags);
      else
        value = flags & Saturate ? clampInteger(integer, isSigned(from), to)
                                 : static_cast<uint64_t>(integer);
    } else {
      double number = decodeSource(value, from, flags);
      value = toFloat ? encodeResult(number, to, rounding, flags)
                      : toInteger(number, from, to, rounding);
    }
    // A result that is narrower than its register is extended.
    if (!toFloat)
      value = static_cast<uint64_t>(extend(value, to));
  }
  warp.writeWide(operands[0], values, mask);
  warp.setPoison(operands[0], warp.getPoison(operands[1]), mask);
}

static Type getElement(Type pair) {
  switch (pair) {
  case Type::F16x2:
    return Type::F16;
  case Type::BF16x2:
    return Type::BF16;
  default:
    return pair;
  }
}

/// Two .f32 become a pair, the first in its upper half.
static void runPack(Warp &warp, const Instruction &instruction, uint32_t mask) {
  const Operand *operands = instruction.operands;
  const float *high = warp.read<float>(operands[1]);
  const float *low = warp.read<float>(operands[2]);
  Type element = getElement(instruction.type);
  unsigned shift = 4 * getBytes(instruction.type);
  Rounding rounding = static_cast<Rounding>(instruction.mode);
  uint8_t flags = instruction.flags;
  uint64_t result[warpSize];
  for (unsigned lane = 0; lane < warpSize; ++lane)
    result[lane] = encodeResult(high[lane], element, rounding, flags) << shift |
                   encodeResult(low[lane], element, rounding, flags);
  warp.writeWide(operands[0], result, mask);
  warp.setPoison(operands[0],
                 warp.getPoison(operands[1]) | warp.getPoison(operands[2]),
                 mask);
}

/// Between .f16x2 and pairs of 8 bits.
static void runPairs(Warp &warp, const Instruction &instruction,
                     uint32_t mask) {
  const Operand *operands = instruction.operands;
  uint64_t values[warpSize];
  warp.readWide(operands[1], values);
  uint8_t flags = instruction.flags;
  bool isToBytes = instruction.sourceType == Type::F16x2;
  FloatFormat narrow =
      (isToBytes ? instruction.type : instruction.sourceType) == Type::E4M3x2
          ? e4m3Format
          : e5m2Format;
  for (uint64_t &value : values) {
    uint64_t result = 0;
    for (unsigned part = 0; part < 2; ++part) {
      if (isToBytes) {
        double number =
            halfToFloat(static_cast<uint16_t>(value >> (16 * part)));
        result |=
            encodeResult(number, instruction.type, Rounding::Nearest, flags)
            << (8 * part);
      } else {
        double number = decodeFloat(value >> (8 * part) & 0xff, narrow);
        result |= encodeResult(number, Type::F16, Rounding::Nearest, flags)
                  << (16 * part);
      }
    }
    value = result;
  }
  warp.writeWide(operands[0], values, mask);
  warp.setPoison(operands[0], warp.getPoison(operands[1]), mask);
}

// ---- decoding ---- //

static bool isBytePair(Type type) {
  return type == Type::E4M3x2 || type == Type::E5M2x2;
}

static bool decodePairs(Decoder &d, Type to, Type from) {
  d.instruction.type = to;
  d.instruction.sourceType = from;
  bool isToBytes = isBytePair(to);
  if (isToBytes && !(d.instruction.flags & Finite))
    return d.error("expected .satfinite");
  if (from == Type::F32) {
    d.instruction.run = runPack;
    return d.expectOperands(3) && d.addDestination(d.getOperand(0), to) &&
           d.addSource(d.getOperand(1), from) &&
           d.addSource(d.getOperand(2), from);
  }
  if ((isToBytes && from == Type::F16x2) ||
      (to == Type::F16x2 && isBytePair(from))) {
    d.instruction.run = runPairs;
    return d.expectOperands(2) && d.addDestination(d.getOperand(0), to) &&
           d.addSource(d.getOperand(1), from);
  }
  return d.unsupportedType(from);
}

/// Whether every number of one type is one of the other.
static bool isExact(Type from, Type to) {
  if (from == to)
    return true;
  if (to == Type::F64)
    return true;
  return to == Type::F32 && (from == Type::F16 || from == Type::BF16);
}

static bool decodeConvert(Decoder &d) {
  int wholes = d.takeOneOf({"rni", "rzi", "rmi", "rpi"});
  int rounding =
      wholes >= 0 ? wholes : d.takeOneOf({"rn", "rz", "rm", "rp", "rna"});
  uint8_t &flags = d.instruction.flags;
  flags |= d.take("ftz") ? Flush : 0;
  flags |= d.take("sat") ? Saturate : 0;
  flags |= d.take("relu") ? Relu : 0;
  flags |= d.take("satfinite") ? Finite : 0;
  std::optional<Type> to = d.takeType();
  std::optional<Type> from = d.takeType();
  if (!to || !from)
    return d.error("expected two types");
  d.instruction.mode = static_cast<uint8_t>(std::max(rounding, 0));
  bool hasPair = isBytePair(*to) || isBytePair(*from) || *to == Type::F16x2 ||
                 *to == Type::BF16x2;
  if (hasPair) {
    if (rounding < 0)
      return d.error("expected a rounding mode");
    return decodePairs(d, *to, *from);
  }
  for (Type type : {*to, *from})
    if (type == Type::F16x2 || type == Type::BF16x2 || type == Type::Pred ||
        (!isInteger(type) && !isFloat(type)))
      return d.unsupportedType(type);
  if (*from == Type::TF32 || (*to == Type::TF32 && *from != Type::F32))
    return d.unsupportedType(*from);
  bool toFloat = isFloat(*to), fromFloat = isFloat(*from);
  if (rounding == static_cast<int>(Rounding::NearestAway) && *to != Type::TF32)
    return d.error("the modifier '.rna' only goes with .tf32");
  if (fromFloat && !toFloat && wholes < 0)
    return d.error("expected .rni, .rzi, .rmi or .rpi");
  if (toFloat && rounding < 0 && !(fromFloat && isExact(*from, *to)))
    return d.error("expected a rounding mode");
  if (!toFloat && !fromFloat && rounding >= 0)
    return d.error("integers are not rounded");
  if (toFloat && wholes >= 0) {
    if (*to != *from)
      return d.error("whole numbers are rounded to in one type");
    flags |= Integral;
  }
  d.instruction.type = *to;
  d.instruction.sourceType = *from;
  d.instruction.run = runConvert;
  return d.expectOperands(2) &&
         d.addDestination(d.getOperand(0), *to, /*mayBeWider=*/!toFloat) &&
         d.addSource(d.getOperand(1), *from, /*mayBeWider=*/!fromFloat);
}

void ptxsim::addConvertOpcodes(OpcodeTable &table) {
  table["cvt"] = decodeConvert;
}
