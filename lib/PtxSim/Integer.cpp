//===- Integer.cpp - Integer arithmetic -----------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arithmetic.h"
#include "Lanes.h"
#include <algorithm>
#include <limits>
#include <type_traits>

using namespace ptxsim;

namespace {
template <typename T>
using Unsigned = std::make_unsigned_t<T>;

/// Of twice the size.
template <typename T>
struct WidenType;
template <>
struct WidenType<int16_t> {
  using type = int32_t;
};
template <>
struct WidenType<uint16_t> {
  using type = uint32_t;
};
template <>
struct WidenType<int32_t> {
  using type = int64_t;
};
template <>
struct WidenType<uint32_t> {
  using type = uint64_t;
};
template <>
struct WidenType<int64_t> {
  using type = __int128;
};
template <>
struct WidenType<uint64_t> {
  using type = unsigned __int128;
};
template <typename T>
using Wide = typename WidenType<T>::type;
} // namespace

template <typename T>
static T add(T a, T b) {
  return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
template <typename T>
static T subtract(T a, T b) {
  return static_cast<T>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
template <typename T>
static T clamp(int64_t value) {
  return static_cast<T>(std::clamp<int64_t>(
      value, std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
}
static int32_t addSaturated(int32_t a, int32_t b) {
  return clamp<int32_t>(int64_t(a) + b);
}
static int32_t subtractSaturated(int32_t a, int32_t b) {
  return clamp<int32_t>(int64_t(a) - b);
}
template <typename T>
static T multiplyLow(T a, T b) {
  return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}
template <typename T>
static T multiplyHigh(T a, T b) {
  return static_cast<T>((Wide<T>(a) * Wide<T>(b)) >> (sizeof(T) * 8));
}
template <typename T>
static Wide<T> multiplyWide(T a, T b) {
  return Wide<T>(a) * Wide<T>(b);
}
template <typename T>
static T multiplyAddLow(T a, T b, T c) {
  return add(multiplyLow(a, b), c);
}
template <typename T>
static T multiplyAddHigh(T a, T b, T c) {
  return add(multiplyHigh(a, b), c);
}
template <typename T>
static Wide<T> multiplyAddWide(T a, T b, Wide<T> c) {
  return add(multiplyWide(a, b), c);
}
static int32_t multiplyAddHighSaturated(int32_t a, int32_t b, int32_t c) {
  return clamp<int32_t>(int64_t(multiplyHigh(a, b)) + c);
}
/// Of the lower 24 bits of each.
template <typename T>
static T multiply24(T a, T b) {
  int64_t low = int64_t(static_cast<T>(static_cast<uint32_t>(a) << 8) >> 8);
  int64_t other = int64_t(static_cast<T>(static_cast<uint32_t>(b) << 8) >> 8);
  return static_cast<T>(low * other);
}
template <typename T>
static T multiplyAdd24(T a, T b, T c) {
  return add(multiply24(a, b), c);
}

// The ISA leaves a division by 0 open; the hardware gives all ones.
template <typename T>
static T divide(T a, T b) {
  if (b == 0)
    return static_cast<T>(~T(0));
  if (std::is_signed_v<T> && b == static_cast<T>(-1))
    return subtract(T(0), a);
  return static_cast<T>(a / b);
}
template <typename T>
static T remainder(T a, T b) {
  if (b == 0)
    return a;
  if (std::is_signed_v<T> && b == static_cast<T>(-1))
    return 0;
  return static_cast<T>(a % b);
}
template <typename T>
static T minimum(T a, T b) {
  return std::min(a, b);
}
template <typename T>
static T maximum(T a, T b) {
  return std::max(a, b);
}
template <typename T>
static T negate(T a) {
  return subtract(T(0), a);
}
template <typename T>
static T absolute(T a) {
  return a < 0 ? negate(a) : a;
}
template <typename T>
static uint32_t sumOfDifferences(T a, T b, uint32_t c) {
  uint64_t difference =
      a < b ? static_cast<uint64_t>(b) - static_cast<uint64_t>(a)
            : static_cast<uint64_t>(a) - static_cast<uint64_t>(b);
  return static_cast<uint32_t>(difference) + c;
}

/// The bytes of `value`, signed or not.
static int64_t getByte(uint32_t value, unsigned index, bool isSignedByte) {
  uint32_t byte = value >> (8 * index) & 0xff;
  return isSignedByte ? int64_t(static_cast<int8_t>(byte)) : int64_t(byte);
}
template <bool aSigned, bool bSigned>
static uint32_t dotProduct4(uint32_t a, uint32_t b, uint32_t c) {
  int64_t sum = 0;
  for (unsigned index = 0; index < 4; ++index)
    sum += getByte(a, index, aSigned) * getByte(b, index, bSigned);
  return static_cast<uint32_t>(sum) + c;
}

#define INTEGER_HANDLER(map, apply)                                            \
  [](Type type) -> Handler {                                                   \
    switch (type) {                                                            \
    case Type::U16:                                                            \
      return map<uint16_t, apply<uint16_t>>;                                   \
    case Type::S16:                                                            \
      return map<int16_t, apply<int16_t>>;                                     \
    case Type::U32:                                                            \
      return map<uint32_t, apply<uint32_t>>;                                   \
    case Type::S32:                                                            \
      return map<int32_t, apply<int32_t>>;                                     \
    case Type::U64:                                                            \
      return map<uint64_t, apply<uint64_t>>;                                   \
    case Type::S64:                                                            \
      return map<int64_t, apply<int64_t>>;                                     \
    default:                                                                   \
      return nullptr;                                                          \
    }                                                                          \
  }

template <typename T, T (*apply)(T)>
static constexpr Handler unary = mapUnary<T, T, apply>;
template <typename T, T (*apply)(T, T)>
static constexpr Handler binary = mapBinary<T, T, apply>;
template <typename T, T (*apply)(T, T, T)>
static constexpr Handler ternary = mapTernary<T, T, T, apply>;
template <typename T, uint32_t (*apply)(T, T, uint32_t)>
static constexpr Handler withSum = mapTernary<uint32_t, T, uint32_t, apply>;

bool ptxsim::decodeIntegerAddition(Decoder &d, Type type, bool isSubtraction) {
  if (d.take("sat")) {
    if (type != Type::S32)
      return d.error("only .s32 saturates");
    return d.decodeWith(type, 2,
                        isSubtraction ? binary<int32_t, subtractSaturated>
                                      : binary<int32_t, addSaturated>);
  }
  return d.decodeWith(type, 2,
                      isSubtraction ? INTEGER_HANDLER(binary, subtract)(type)
                                    : INTEGER_HANDLER(binary, add)(type));
}

static Handler getWideProduct(Type type) {
  switch (type) {
  case Type::U16:
    return mapBinary<uint32_t, uint16_t, multiplyWide>;
  case Type::S16:
    return mapBinary<int32_t, int16_t, multiplyWide>;
  case Type::U32:
    return mapBinary<uint64_t, uint32_t, multiplyWide>;
  case Type::S32:
    return mapBinary<int64_t, int32_t, multiplyWide>;
  default:
    return nullptr;
  }
}

static Handler getWideProductSum(Type type) {
  switch (type) {
  case Type::U16:
    return mapTernary<uint32_t, uint16_t, uint32_t, multiplyAddWide>;
  case Type::S16:
    return mapTernary<int32_t, int16_t, int32_t, multiplyAddWide>;
  case Type::U32:
    return mapTernary<uint64_t, uint32_t, uint64_t, multiplyAddWide>;
  case Type::S32:
    return mapTernary<int64_t, int32_t, int64_t, multiplyAddWide>;
  default:
    return nullptr;
  }
}

bool ptxsim::decodeIntegerProduct(Decoder &d, Type type) {
  bool isSum = d.getName() == "mad";
  switch (d.takeOneOf({"lo", "hi", "wide"})) {
  case 0:
    return d.decodeWith(type, isSum ? 3 : 2,
                        isSum ? INTEGER_HANDLER(ternary, multiplyAddLow)(type)
                              : INTEGER_HANDLER(binary, multiplyLow)(type));
  case 1:
    if (isSum && d.take("sat")) {
      Handler handler = ternary<int32_t, multiplyAddHighSaturated>;
      return d.decodeWith(type, 3, type == Type::S32 ? handler : nullptr);
    }
    return d.decodeWith(type, isSum ? 3 : 2,
                        isSum ? INTEGER_HANDLER(ternary, multiplyAddHigh)(type)
                              : INTEGER_HANDLER(binary, multiplyHigh)(type));
  case 2: {
    Type wide = static_cast<Type>(static_cast<int>(type) + 1);
    d.instruction.run = isSum ? getWideProductSum(type) : getWideProduct(type);
    if (!d.instruction.run)
      return d.unsupportedType(type);
    return d.expectOperands(isSum ? 4 : 3) &&
           d.addDestination(d.getOperand(0), wide) &&
           d.addSource(d.getOperand(1), type) &&
           d.addSource(d.getOperand(2), type) &&
           (!isSum || d.addSource(d.getOperand(3), wide));
  }
  default:
    return d.error("expected .lo, .hi or .wide");
  }
}

static bool decodeProduct24(Decoder &d) {
  bool isSum = d.getName() == "mad24";
  if (!d.take("lo"))
    return d.error("only .lo is simulated");
  std::optional<Type> type = d.takeType();
  if (!type || (*type != Type::U32 && *type != Type::S32))
    return d.error("expected .u32 or .s32");
  Handler product = *type == Type::U32 ? binary<uint32_t, multiply24>
                                       : binary<int32_t, multiply24>;
  Handler sum = *type == Type::U32 ? ternary<uint32_t, multiplyAdd24>
                                   : ternary<int32_t, multiplyAdd24>;
  return d.decodeWith(*type, isSum ? 3 : 2, isSum ? sum : product);
}

bool ptxsim::decodeIntegerDivision(Decoder &d, Type type) {
  return d.decodeWith(type, 2, INTEGER_HANDLER(binary, divide)(type));
}

static bool decodeRemainder(Decoder &d) {
  std::optional<Type> type = d.takeType();
  return type
             ? d.decodeWith(*type, 2, INTEGER_HANDLER(binary, remainder)(*type))
             : d.error("expected a type");
}

/// What `.relu` leaves of an extremum: nothing below 0.
template <bool isMaximum>
static int32_t pickAboveZero(int32_t a, int32_t b) {
  return std::max(isMaximum ? std::max(a, b) : std::min(a, b), 0);
}

bool ptxsim::decodeIntegerExtremum(Decoder &d, Type type, bool isMaximum) {
  if (d.take("relu")) {
    if (type != Type::S32)
      return d.error("'.relu' is for .s32 here");
    return d.decodeWith(type, 2,
                        isMaximum ? binary<int32_t, pickAboveZero<true>>
                                  : binary<int32_t, pickAboveZero<false>>);
  }
  return d.decodeWith(type, 2,
                      isMaximum ? INTEGER_HANDLER(binary, maximum)(type)
                                : INTEGER_HANDLER(binary, minimum)(type));
}

bool ptxsim::decodeIntegerSign(Decoder &d, Type type, bool isAbsolute) {
  if (!isSigned(type))
    return d.unsupportedType(type);
  return d.decodeWith(type, 1,
                      isAbsolute ? INTEGER_HANDLER(unary, absolute)(type)
                                 : INTEGER_HANDLER(unary, negate)(type));
}

static bool decodeSumOfDifferences(Decoder &d) {
  std::optional<Type> type = d.takeType();
  if (type != Type::U32 && type != Type::S32)
    return d.error("expected .u32 or .s32");
  return d.decodeWith(*type, 3,
                      INTEGER_HANDLER(withSum, sumOfDifferences)(*type));
}

static bool decodeDotProduct(Decoder &d) {
  std::optional<Type> a = d.takeType();
  std::optional<Type> b = d.takeType();
  for (std::optional<Type> type : {a, b})
    if (type != Type::U32 && type != Type::S32)
      return d.error("expected two of .u32 and .s32");
  static constexpr Handler handlers[] = {
      ternary<uint32_t, dotProduct4<false, false>>,
      ternary<uint32_t, dotProduct4<false, true>>,
      ternary<uint32_t, dotProduct4<true, false>>,
      ternary<uint32_t, dotProduct4<true, true>>};
  return d.decodeWith(Type::U32, 3, handlers[2 * isSigned(*a) + isSigned(*b)]);
}

void ptxsim::addIntegerOpcodes(OpcodeTable &table) {
  table["mul24"] = decodeProduct24;
  table["mad24"] = decodeProduct24;
  table["rem"] = decodeRemainder;
  table["sad"] = decodeSumOfDifferences;
  table["dp4a"] = decodeDotProduct;
}
