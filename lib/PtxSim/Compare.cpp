//===- Compare.cpp - Comparisons and selection ----------------------------===//
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
enum class Comparison : uint8_t {
  Equal,
  NotEqual,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  Lower,
  LowerSame,
  Higher,
  HigherSame,
  EqualU,
  NotEqualU,
  LessU,
  LessEqualU,
  GreaterU,
  GreaterEqualU,
  Number,
  NotNumber
};
constexpr std::initializer_list<std::string_view> comparisonNames = {
    "eq", "ne",  "lt",  "le",  "gt",  "ge",  "lo",  "ls",  "hi",
    "hs", "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan"};
enum CompareFlags : uint8_t {
  Flush = 1,
  /// How the third predicate takes part: shifted left by 1.
  And = 1 << 1,
  Or = 2 << 1,
  Xor = 3 << 1,
  BooleanMask = 3 << 1,
  SecondResult = 8
};
} // namespace

template <typename T>
static bool isNan(T value) {
  if constexpr (std::is_floating_point_v<T>)
    return std::isnan(value);
  else
    return false;
}

/// On values without NaN.
template <typename T>
static bool compareOrdered(Comparison comparison, T a, T b) {
  switch (comparison) {
  case Comparison::Equal:
  case Comparison::EqualU:
    return a == b;
  case Comparison::NotEqual:
  case Comparison::NotEqualU:
    return a != b;
  case Comparison::Less:
  case Comparison::LessU:
  case Comparison::Lower:
    return a < b;
  case Comparison::LessEqual:
  case Comparison::LessEqualU:
  case Comparison::LowerSame:
    return a <= b;
  case Comparison::Greater:
  case Comparison::GreaterU:
  case Comparison::Higher:
    return a > b;
  case Comparison::GreaterEqual:
  case Comparison::GreaterEqualU:
  case Comparison::HigherSame:
    return a >= b;
  case Comparison::Number:
    return true;
  case Comparison::NotNumber:
    return false;
  }
  return false;
}

template <typename T>
static uint32_t compareLanes(Comparison comparison, const T *a, const T *b) {
  uint32_t result = 0;
  for (unsigned lane = 0; lane < warpSize; ++lane) {
    bool isUnordered = isNan(a[lane]) || isNan(b[lane]);
    bool holds = isUnordered ? (comparison >= Comparison::EqualU &&
                                comparison != Comparison::Number)
                             : compareOrdered(comparison, a[lane], b[lane]);
    result |= uint32_t(holds) << lane;
  }
  return result;
}

/// Half `part` of each lane's value as a float. Only .f16 is flushed.
static void decodeHalves(Warp &warp, const Instruction &instruction,
                         const Operand &operand, unsigned part,
                         float (&values)[warpSize]) {
  constexpr float leastNormal = 0x1p-14f;
  Type type = instruction.sourceType;
  unsigned count = getBytes(type) / 2;
  const uint16_t *bits = warp.read<uint16_t>(operand);
  for (unsigned lane = 0; lane < warpSize; ++lane) {
    float value = widenHalf(bits[lane * count + part], type);
    bool isFlushed =
        instruction.flags & Flush && std::fabs(value) < leastNormal;
    values[lane] = isFlushed ? std::copysign(0.0f, value) : value;
  }
}

template <typename T>
static uint32_t compareAs(Warp &warp, Comparison comparison, const Operand &a,
                          const Operand &b) {
  return compareLanes(comparison, warp.read<T>(a), warp.read<T>(b));
}

static uint32_t compareFloats(Warp &warp, const Instruction &instruction,
                              Comparison comparison, const Operand &a,
                              const Operand &b) {
  const float *first = warp.read<float>(a);
  const float *second = warp.read<float>(b);
  float x[warpSize], y[warpSize];
  bool isFlushing = instruction.flags & Flush;
  for (unsigned lane = 0; lane < warpSize; ++lane) {
    x[lane] = isFlushing ? flush(first[lane]) : first[lane];
    y[lane] = isFlushing ? flush(second[lane]) : second[lane];
  }
  return compareLanes(comparison, x, y);
}

static uint32_t compare(Warp &warp, const Instruction &instruction,
                        const Operand &a, const Operand &b, unsigned part = 0) {
  Comparison comparison = static_cast<Comparison>(instruction.mode);
  Type type = instruction.sourceType;
  bool isSignedType = isSigned(type) && comparison < Comparison::Lower;
  switch (type) {
  case Type::F32:
    return compareFloats(warp, instruction, comparison, a, b);
  case Type::F64:
    return compareAs<double>(warp, comparison, a, b);
  case Type::F16:
  case Type::F16x2:
  case Type::BF16:
  case Type::BF16x2: {
    float x[warpSize], y[warpSize];
    decodeHalves(warp, instruction, a, part, x);
    decodeHalves(warp, instruction, b, part, y);
    return compareLanes(comparison, x, y);
  }
  default:
    break;
  }
  switch (getBytes(type)) {
  case 2:
    return isSignedType ? compareAs<int16_t>(warp, comparison, a, b)
                        : compareAs<uint16_t>(warp, comparison, a, b);
  case 4:
    return isSignedType ? compareAs<int32_t>(warp, comparison, a, b)
                        : compareAs<uint32_t>(warp, comparison, a, b);
  default:
    return isSignedType ? compareAs<int64_t>(warp, comparison, a, b)
                        : compareAs<uint64_t>(warp, comparison, a, b);
  }
}

static uint32_t combine(uint32_t holds, uint32_t other, uint8_t flags) {
  switch (flags & BooleanMask) {
  case And:
    return holds & other;
  case Or:
    return holds | other;
  case Xor:
    return holds ^ other;
  default:
    return holds;
  }
}

/// Operands: p, q if there is one, a, b, c if there is one.
static void runSetPredicate(Warp &warp, const Instruction &instruction,
                            uint32_t mask) {
  const Operand *operands = instruction.operands;
  const Operand *sources =
      operands + (instruction.flags & SecondResult ? 2 : 1);
  bool isPair = instruction.vector == 2;
  uint32_t first = compare(warp, instruction, sources[0], sources[1]);
  uint32_t second =
      isPair ? compare(warp, instruction, sources[0], sources[1], 1) : ~first;
  uint32_t poison = warp.getPoison(sources[0]) | warp.getPoison(sources[1]);
  if (instruction.flags & BooleanMask) {
    uint32_t other = warp.readPredicate(sources[2]);
    poison |= warp.getPoison(sources[2]);
    first = combine(first, other, instruction.flags);
    second = combine(second, other, instruction.flags);
  }
  for (const Operand *result = operands; result != sources; ++result) {
    warp.writePredicate(*result, result == operands ? first : second, mask);
    warp.setPoison(*result, poison, mask);
  }
}

static void runSet(Warp &warp, const Instruction &instruction, uint32_t mask) {
  const Operand *operands = instruction.operands;
  uint32_t holds = compare(warp, instruction, operands[1], operands[2]);
  uint32_t poison = warp.getPoison(operands[1]) | warp.getPoison(operands[2]);
  if (instruction.flags & BooleanMask) {
    holds = combine(holds, warp.readPredicate(operands[3]), instruction.flags);
    poison |= warp.getPoison(operands[3]);
  }
  uint32_t yes = instruction.type == Type::F32 ? bitCast<uint32_t>(1.0f) : ~0u;
  uint32_t result[warpSize];
  for (unsigned lane = 0; lane < warpSize; ++lane)
    result[lane] = holds >> lane & 1 ? yes : 0;
  warp.write(operands[0], result, mask);
  warp.setPoison(operands[0], poison, mask);
}

/// Poison is only that of the value which is picked, and of the predicate.
template <typename T>
static void select(Warp &warp, const Instruction &instruction, uint32_t mask,
                   uint32_t condition, uint32_t conditionPoison) {
  const Operand *operands = instruction.operands;
  const T *a = warp.read<T>(operands[1]);
  const T *b = warp.read<T>(operands[2]);
  T result[warpSize];
  for (unsigned lane = 0; lane < warpSize; ++lane)
    result[lane] = condition >> lane & 1 ? a[lane] : b[lane];
  uint32_t poison = (condition & warp.getPoison(operands[1])) |
                    (~condition & warp.getPoison(operands[2])) |
                    conditionPoison;
  warp.write(operands[0], result, mask);
  warp.setPoison(operands[0], poison, mask);
}

template <typename T>
static void runSelect(Warp &warp, const Instruction &instruction,
                      uint32_t mask) {
  const Operand &condition = instruction.operands[3];
  select<T>(warp, instruction, mask, warp.readPredicate(condition),
            warp.getPoison(condition));
}

template <typename T>
static void runSelectBySign(Warp &warp, const Instruction &instruction,
                            uint32_t mask) {
  const Operand &operand = instruction.operands[3];
  uint32_t condition = 0;
  for (unsigned lane = 0; lane < warpSize; ++lane) {
    bool holds;
    if (instruction.sourceType == Type::S32) {
      holds = warp.read<int32_t>(operand)[lane] >= 0;
    } else {
      float sign = warp.read<float>(operand)[lane];
      // A negative number that is flushed is -0, which is no less than 0.
      holds = (instruction.flags & Flush ? flush(sign) : sign) >= 0;
    }
    condition |= uint32_t(holds) << lane;
  }
  select<T>(warp, instruction, mask, condition, warp.getPoison(operand));
}

// ---- decoding ---- //

static bool decodeComparison(Decoder &d) {
  int comparison = d.takeOneOf(comparisonNames);
  if (comparison < 0)
    return d.error("expected a comparison");
  d.instruction.mode = static_cast<uint8_t>(comparison);
  int boolean = d.takeOneOf({"and", "or", "xor"});
  d.instruction.flags |= static_cast<uint8_t>((boolean + 1) << 1);
  return true;
}

static bool checkComparison(Decoder &d, Type type) {
  Comparison comparison = static_cast<Comparison>(d.instruction.mode);
  bool isBits = !isInteger(type) && !isFloat(type);
  bool isValid = type != Type::Pred && getBytes(type) > 1;
  if (isFloat(type))
    isValid &=
        comparison < Comparison::Lower || comparison > Comparison::HigherSame;
  else if (isBits)
    isValid &= comparison <= Comparison::NotEqual;
  else
    isValid &= comparison <= Comparison::HigherSame;
  if (!isValid)
    return d.error("this comparison does not apply to the type");
  if (type == Type::F32 || type == Type::F16 || type == Type::F16x2)
    d.instruction.flags |= d.take("ftz") ? Flush : 0;
  d.instruction.sourceType = type;
  return true;
}

static bool decodeSetPredicate(Decoder &d) {
  if (!decodeComparison(d))
    return false;
  std::optional<Type> type = d.takeType();
  if (!type || !checkComparison(d, *type))
    return type || d.error("expected a type");
  bool hasThird = d.instruction.flags & BooleanMask;
  if (!d.expectOperands(hasThird ? 4 : 3))
    return false;
  const ParsedOperand &result = d.getOperand(0);
  bool isHalfPair = isHalf(*type) && getBytes(*type) == 4;
  if (isHalfPair && result.kind != ParsedOperand::Pair)
    return d.error("expected two predicates");
  d.instruction.vector = isHalfPair ? 2 : 1;
  if (result.kind == ParsedOperand::Pair) {
    d.instruction.flags |= SecondResult;
    if (!d.addDestination(result.elements[0], Type::Pred) ||
        !d.addDestination(result.elements[1], Type::Pred))
      return false;
  } else if (!d.addDestination(result, Type::Pred)) {
    return false;
  }
  d.instruction.run = runSetPredicate;
  return d.addSource(d.getOperand(1), *type) &&
         d.addSource(d.getOperand(2), *type) &&
         (!hasThird || d.addSource(d.getOperand(3), Type::Pred));
}

static bool decodeSet(Decoder &d) {
  if (!decodeComparison(d))
    return false;
  std::optional<Type> result = d.takeType();
  std::optional<Type> type = d.takeType();
  if (!result || !type)
    return d.error("expected two types");
  if (*result != Type::U32 && *result != Type::S32 && *result != Type::F32)
    return d.unsupportedType(*result);
  if (isHalf(*type) && getBytes(*type) == 4)
    return d.unsupportedType(*type);
  if (!checkComparison(d, *type))
    return false;
  d.instruction.type = *result;
  d.instruction.run = runSet;
  bool hasThird = d.instruction.flags & BooleanMask;
  return d.expectOperands(hasThird ? 4 : 3) &&
         d.addDestination(d.getOperand(0), *result) &&
         d.addSource(d.getOperand(1), *type) &&
         d.addSource(d.getOperand(2), *type) &&
         (!hasThird || d.addSource(d.getOperand(3), Type::Pred));
}

static bool decodeSelect(Decoder &d) {
  bool isBySign = d.getName() == "slct";
  std::optional<Type> type = d.takeType();
  if (!type)
    return d.error("expected a type");
  switch (getBytes(*type)) {
  case 2:
    d.instruction.run =
        isBySign ? runSelectBySign<uint16_t> : runSelect<uint16_t>;
    break;
  case 4:
    d.instruction.run =
        isBySign ? runSelectBySign<uint32_t> : runSelect<uint32_t>;
    break;
  case 8:
    d.instruction.run =
        isBySign ? runSelectBySign<uint64_t> : runSelect<uint64_t>;
    break;
  default:
    return d.unsupportedType(*type);
  }
  Type condition = Type::Pred;
  if (isBySign) {
    std::optional<Type> sign = d.takeType();
    if (sign != Type::S32 && sign != Type::F32)
      return d.error("expected .s32 or .f32");
    condition = d.instruction.sourceType = *sign;
    if (condition == Type::F32)
      d.instruction.flags |= d.take("ftz") ? Flush : 0;
  }
  return d.expectOperands(4) && d.addDestination(d.getOperand(0), *type) &&
         d.addSource(d.getOperand(1), *type) &&
         d.addSource(d.getOperand(2), *type) &&
         d.addSource(d.getOperand(3), condition);
}

void ptxsim::addCompareOpcodes(OpcodeTable &table) {
  table["setp"] = decodeSetPredicate;
  table["set"] = decodeSet;
  table["selp"] = decodeSelect;
  table["slct"] = decodeSelect;
}
