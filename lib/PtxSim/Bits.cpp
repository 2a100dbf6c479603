//===- Bits.cpp - Logic, shifts and bit fields ----------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lanes.h"
#include <algorithm>

using namespace ptxsim;

template <typename T>
static T bitAnd(T a, T b) {
  return a & b;
}
template <typename T>
static T bitOr(T a, T b) {
  return a | b;
}
template <typename T>
static T bitXor(T a, T b) {
  return a ^ b;
}
template <typename T>
static T bitNot(T a) {
  return static_cast<T>(~a);
}
template <typename T>
static T logicalNot(T a) {
  return a == 0;
}

// Shifts by the size and more give 0, or the sign.
template <typename T>
static T shift(T value, uint32_t amount, bool isLeft) {
  constexpr uint32_t bits = sizeof(T) * 8;
  if (isLeft)
    return amount >= bits ? T(0) : static_cast<T>(uint64_t(value) << amount);
  if (amount >= bits)
    return value < 0 ? static_cast<T>(~T(0)) : T(0);
  return static_cast<T>(value >> amount);
}

template <typename T, bool isLeft>
static void runShift(Warp &warp, const Instruction &instruction,
                     uint32_t mask) {
  const Operand *operands = instruction.operands;
  const T *values = warp.read<T>(operands[1]);
  const uint32_t *amounts = warp.read<uint32_t>(operands[2]);
  T result[warpSize];
  for (unsigned lane = 0; lane < warpSize; ++lane)
    result[lane] = shift(values[lane], amounts[lane], isLeft);
  warp.write(operands[0], result, mask);
  warp.setPoison(operands[0],
                 warp.getPoison(operands[1]) | warp.getPoison(operands[2]),
                 mask);
}

// Of the 64 bits b:a; flags: 1 to the left, 2 with a clamped amount.
template <bool isLeft, bool isClamped>
static uint32_t funnelShift(uint32_t a, uint32_t b, uint32_t amount) {
  amount = isClamped ? std::min(amount, 32u) : amount & 31;
  uint64_t pair = uint64_t(b) << 32 | a;
  return isLeft ? static_cast<uint32_t>((pair << amount) >> 32)
                : static_cast<uint32_t>(pair >> amount);
}

template <typename T>
static T extractField(T value, uint32_t position, uint32_t length) {
  using U = std::make_unsigned_t<T>;
  constexpr uint32_t bits = sizeof(T) * 8;
  position &= 0xff;
  length &= 0xff;
  bool isSigned = std::is_signed_v<T>;
  if (length == 0)
    return 0;
  // Bits above the value are copies of its sign, or 0.
  uint32_t last = std::min(position + length - 1, bits - 1);
  bool sign = isSigned && (U(value) >> last & 1);
  U result = sign ? ~U(0) : U(0);
  for (uint32_t index = 0; index < std::min(length, bits); ++index) {
    bool bit =
        position + index < bits ? U(value) >> (position + index) & 1 : sign;
    result = (result & ~(U(1) << index)) | U(bit) << index;
  }
  return static_cast<T>(result);
}

template <typename T>
static void runInsert(Warp &warp, const Instruction &instruction,
                      uint32_t mask) {
  const Operand *operands = instruction.operands;
  const T *field = warp.read<T>(operands[1]);
  const T *into = warp.read<T>(operands[2]);
  const uint32_t *positions = warp.read<uint32_t>(operands[3]);
  const uint32_t *lengths = warp.read<uint32_t>(operands[4]);
  constexpr uint32_t bits = sizeof(T) * 8;
  T result[warpSize];
  for (unsigned lane = 0; lane < warpSize; ++lane) {
    uint32_t position = positions[lane] & 0xff, length = lengths[lane] & 0xff;
    result[lane] = into[lane];
    if (position >= bits || length == 0)
      continue;
    T ones = length >= bits ? ~T(0) : (T(1) << length) - 1;
    result[lane] =
        (into[lane] & ~(ones << position)) | ((field[lane] & ones) << position);
  }
  warp.write(operands[0], result, mask);
  uint32_t poison = 0;
  for (unsigned source = 1; source <= 4; ++source)
    poison |= warp.getPoison(operands[source]);
  warp.setPoison(operands[0], poison, mask);
}

static uint32_t populationCount32(uint32_t value) {
  return static_cast<uint32_t>(__builtin_popcount(value));
}
static uint32_t populationCount64(uint64_t value) {
  return static_cast<uint32_t>(__builtin_popcountll(value));
}
static uint32_t leadingZeros32(uint32_t value) {
  return value ? static_cast<uint32_t>(__builtin_clz(value)) : 32;
}
static uint32_t leadingZeros64(uint64_t value) {
  return value ? static_cast<uint32_t>(__builtin_clzll(value)) : 64;
}
template <typename T>
static T reverseBits(T value) {
  T result = 0;
  for (unsigned bit = 0; bit < sizeof(T) * 8; ++bit)
    result |= (value >> bit & 1) << (sizeof(T) * 8 - 1 - bit);
  return result;
}
/// The highest bit that is no copy of the sign.
template <typename T>
static uint32_t findHighest(T value) {
  using U = std::make_unsigned_t<T>;
  U bits = static_cast<U>(value < 0 ? ~value : value);
  return bits ? 63 - leadingZeros64(bits) : ~0u;
}
template <typename T>
static uint32_t findHighestAsShift(T value) {
  uint32_t bit = findHighest(value);
  return bit == ~0u ? bit : sizeof(T) * 8 - 1 - bit;
}

/// Bytes of b:a picked by the nibbles of the selector; bit 3 of a nibble
/// repeats the byte's sign.
static uint32_t permuteBytes(uint32_t a, uint32_t b, uint32_t selector) {
  uint64_t bytes = uint64_t(b) << 32 | a;
  uint32_t result = 0;
  for (unsigned index = 0; index < 4; ++index) {
    uint32_t nibble = selector >> (4 * index) & 0xf;
    uint32_t byte = bytes >> (8 * (nibble & 7)) & 0xff;
    if (nibble & 8)
      byte = byte & 0x80 ? 0xff : 0;
    result |= byte << (8 * index);
  }
  return result;
}

/// The selectors of the modes of prmt, in the order of its modifiers.
static uint32_t getPermuteSelector(int mode, uint32_t control) {
  static constexpr uint16_t table[6][4] = {
      {0x3210, 0x4321, 0x5432, 0x6543}, // f4e
      {0x5670, 0x6701, 0x7012, 0x0123}, // b4e
      {0x0000, 0x1111, 0x2222, 0x3333}, // rc8
      {0x3210, 0x3211, 0x3222, 0x3333}, // ecl
      {0x0000, 0x1110, 0x2210, 0x3210}, // ecr
      {0x1010, 0x3232, 0x1010, 0x3232}, // rc16
  };
  return table[mode][control & 3];
}

static void runPermuteMode(Warp &warp, const Instruction &instruction,
                           uint32_t mask) {
  const Operand *operands = instruction.operands;
  const uint32_t *a = warp.read<uint32_t>(operands[1]);
  const uint32_t *b = warp.read<uint32_t>(operands[2]);
  const uint32_t *control = warp.read<uint32_t>(operands[3]);
  uint32_t result[warpSize];
  for (unsigned lane = 0; lane < warpSize; ++lane)
    result[lane] = permuteBytes(
        a[lane], b[lane], getPermuteSelector(instruction.mode, control[lane]));
  warp.write(operands[0], result, mask);
  warp.setPoison(operands[0],
                 warp.getPoison(operands[1]) | warp.getPoison(operands[2]) |
                     warp.getPoison(operands[3]),
                 mask);
}

static void runLogic3(Warp &warp, const Instruction &instruction,
                      uint32_t mask) {
  const Operand *operands = instruction.operands;
  const uint32_t *a = warp.read<uint32_t>(operands[1]);
  const uint32_t *b = warp.read<uint32_t>(operands[2]);
  const uint32_t *c = warp.read<uint32_t>(operands[3]);
  uint32_t result[warpSize] = {};
  for (unsigned entry = 0; entry < 8; ++entry)
    if (instruction.value >> entry & 1)
      for (unsigned lane = 0; lane < warpSize; ++lane)
        result[lane] |= (entry & 4 ? a[lane] : ~a[lane]) &
                        (entry & 2 ? b[lane] : ~b[lane]) &
                        (entry & 1 ? c[lane] : ~c[lane]);
  warp.write(operands[0], result, mask);
  warp.setPoison(operands[0],
                 warp.getPoison(operands[1]) | warp.getPoison(operands[2]) |
                     warp.getPoison(operands[3]),
                 mask);
}

template <uint32_t (*apply)(uint32_t, uint32_t)>
static void runPredicates(Warp &warp, const Instruction &instruction,
                          uint32_t mask) {
  const Operand *operands = instruction.operands;
  warp.writePredicate(
      operands[0],
      apply(warp.readPredicate(operands[1]), warp.readPredicate(operands[2])),
      mask);
  warp.setPoison(operands[0],
                 warp.getPoison(operands[1]) | warp.getPoison(operands[2]),
                 mask);
}

static void runPredicateNot(Warp &warp, const Instruction &instruction,
                            uint32_t mask) {
  const Operand *operands = instruction.operands;
  warp.writePredicate(operands[0], ~warp.readPredicate(operands[1]), mask);
  warp.setPoison(operands[0], warp.getPoison(operands[1]), mask);
}

namespace {
// ---- decoding ---- //

#define BITS_HANDLER(map, apply)                                               \
  [](Type type) -> Handler {                                                   \
    switch (getBytes(type)) {                                                  \
    case 2:                                                                    \
      return map<uint16_t, uint16_t, apply<uint16_t>>;                         \
    case 4:                                                                    \
      return map<uint32_t, uint32_t, apply<uint32_t>>;                         \
    case 8:                                                                    \
      return map<uint64_t, uint64_t, apply<uint64_t>>;                         \
    default:                                                                   \
      return nullptr;                                                          \
    }                                                                          \
  }
} // namespace

static bool decodeOf(Decoder &d, Type type, size_t sources, Handler handler) {
  if (!handler)
    return d.unsupportedType(type);
  d.instruction.run = handler;
  return d.addOperands(type, sources);
}

/// Untyped bits, or a predicate.
static bool isBits(Type type) {
  return type == Type::Pred || type == Type::B16 || type == Type::B32 ||
         type == Type::B64;
}

template <Handler predicate, Handler (*select)(Type)>
static bool decodeLogic(Decoder &d) {
  std::optional<Type> type = d.takeType();
  if (!type || !isBits(*type))
    return d.error("expected .pred or a type of bits");
  size_t sources = d.getName() == "not" || d.getName() == "cnot" ? 1 : 2;
  return decodeOf(d, *type, sources,
                  *type == Type::Pred ? predicate : select(*type));
}

namespace {
constexpr auto getAnd = BITS_HANDLER(mapBinary, bitAnd);
constexpr auto getOr = BITS_HANDLER(mapBinary, bitOr);
constexpr auto getXor = BITS_HANDLER(mapBinary, bitXor);
constexpr auto getNot = BITS_HANDLER(mapUnary, bitNot);
constexpr auto getLogicalNot = BITS_HANDLER(mapUnary, logicalNot);
} // namespace

template <typename T>
static Handler getShift(bool isLeft) {
  return isLeft ? runShift<T, true> : runShift<T, false>;
}

static bool decodeShift(Decoder &d) {
  std::optional<Type> type = d.takeType();
  bool isLeft = d.getName() == "shl";
  if (!type || isFloat(*type) || *type == Type::Pred ||
      (isLeft && isInteger(*type)))
    return d.error("expected a type of bits");
  Handler handler = nullptr;
  switch (getBytes(*type)) {
  case 2:
    handler = isSigned(*type) ? getShift<int16_t>(isLeft)
                              : getShift<uint16_t>(isLeft);
    break;
  case 4:
    handler = isSigned(*type) ? getShift<int32_t>(isLeft)
                              : getShift<uint32_t>(isLeft);
    break;
  case 8:
    handler = isSigned(*type) ? getShift<int64_t>(isLeft)
                              : getShift<uint64_t>(isLeft);
    break;
  default:
    return d.unsupportedType(*type);
  }
  d.instruction.run = handler;
  return d.expectOperands(3) && d.addDestination(d.getOperand(0), *type) &&
         d.addSource(d.getOperand(1), *type) &&
         d.addSource(d.getOperand(2), Type::U32);
}

static bool decodeFunnelShift(Decoder &d) {
  int direction = d.takeOneOf({"l", "r"});
  int mode = d.takeOneOf({"wrap", "clamp"});
  if (direction < 0 || mode < 0 || !d.take("b32"))
    return d.error("expected .l or .r, .wrap or .clamp, and .b32");
  static constexpr Handler handlers[2][2] = {
      {mapTernary<uint32_t, uint32_t, uint32_t, funnelShift<true, false>>,
       mapTernary<uint32_t, uint32_t, uint32_t, funnelShift<true, true>>},
      {mapTernary<uint32_t, uint32_t, uint32_t, funnelShift<false, false>>,
       mapTernary<uint32_t, uint32_t, uint32_t, funnelShift<false, true>>}};
  return decodeOf(d, Type::B32, 3, handlers[direction][mode]);
}

template <typename T>
static void runExtract(Warp &warp, const Instruction &instruction,
                       uint32_t mask) {
  const Operand *operands = instruction.operands;
  const T *values = warp.read<T>(operands[1]);
  const uint32_t *positions = warp.read<uint32_t>(operands[2]);
  const uint32_t *lengths = warp.read<uint32_t>(operands[3]);
  T result[warpSize];
  for (unsigned lane = 0; lane < warpSize; ++lane)
    result[lane] = extractField(values[lane], positions[lane], lengths[lane]);
  warp.write(operands[0], result, mask);
  warp.setPoison(operands[0],
                 warp.getPoison(operands[1]) | warp.getPoison(operands[2]) |
                     warp.getPoison(operands[3]),
                 mask);
}

static bool decodeExtract(Decoder &d) {
  std::optional<Type> type = d.takeType();
  if (type == Type::U32)
    d.instruction.run = runExtract<uint32_t>;
  else if (type == Type::S32)
    d.instruction.run = runExtract<int32_t>;
  else if (type == Type::U64)
    d.instruction.run = runExtract<uint64_t>;
  else if (type == Type::S64)
    d.instruction.run = runExtract<int64_t>;
  else
    return d.error("expected a type of 32 or 64 bits");
  return d.expectOperands(4) && d.addDestination(d.getOperand(0), *type) &&
         d.addSource(d.getOperand(1), *type) &&
         d.addSource(d.getOperand(2), Type::U32) &&
         d.addSource(d.getOperand(3), Type::U32);
}

static bool decodeInsert(Decoder &d) {
  std::optional<Type> type = d.takeType();
  if (type != Type::B32 && type != Type::B64)
    return d.error("expected .b32 or .b64");
  d.instruction.run =
      type == Type::B32 ? runInsert<uint32_t> : runInsert<uint64_t>;
  return d.expectOperands(5) && d.addDestination(d.getOperand(0), *type) &&
         d.addSource(d.getOperand(1), *type) &&
         d.addSource(d.getOperand(2), *type) &&
         d.addSource(d.getOperand(3), Type::U32) &&
         d.addSource(d.getOperand(4), Type::U32);
}

static bool decodeCount(Decoder &d) {
  std::optional<Type> type = d.takeType();
  bool isPopulation = d.getName() == "popc";
  if (type == Type::B32)
    d.instruction.run = isPopulation
                            ? mapUnary<uint32_t, uint32_t, populationCount32>
                            : mapUnary<uint32_t, uint32_t, leadingZeros32>;
  else if (type == Type::B64)
    d.instruction.run = isPopulation
                            ? mapUnary<uint32_t, uint64_t, populationCount64>
                            : mapUnary<uint32_t, uint64_t, leadingZeros64>;
  else
    return d.error("expected .b32 or .b64");
  return d.expectOperands(2) && d.addDestination(d.getOperand(0), Type::U32) &&
         d.addSource(d.getOperand(1), *type);
}

static bool decodeReverse(Decoder &d) {
  std::optional<Type> type = d.takeType();
  if (type != Type::B32 && type != Type::B64)
    return d.error("expected .b32 or .b64");
  Handler narrow = mapUnary<uint32_t, uint32_t, reverseBits<uint32_t>>;
  Handler wide = mapUnary<uint64_t, uint64_t, reverseBits<uint64_t>>;
  return decodeOf(d, *type, 1, type == Type::B32 ? narrow : wide);
}

template <typename T>
static Handler getFind(bool isShift) {
  return isShift ? mapUnary<uint32_t, T, findHighestAsShift<T>>
                 : mapUnary<uint32_t, T, findHighest<T>>;
}

static bool decodeFind(Decoder &d) {
  bool isShift = d.take("shiftamt");
  std::optional<Type> type = d.takeType();
  if (type == Type::U32)
    d.instruction.run = getFind<uint32_t>(isShift);
  else if (type == Type::S32)
    d.instruction.run = getFind<int32_t>(isShift);
  else if (type == Type::U64)
    d.instruction.run = getFind<uint64_t>(isShift);
  else if (type == Type::S64)
    d.instruction.run = getFind<int64_t>(isShift);
  else
    return d.error("expected a type of 32 or 64 bits");
  return d.expectOperands(2) && d.addDestination(d.getOperand(0), Type::U32) &&
         d.addSource(d.getOperand(1), *type);
}

static bool decodePermute(Decoder &d) {
  if (!d.take("b32"))
    return d.error("expected .b32");
  int mode = d.takeOneOf({"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"});
  if (mode < 0)
    return decodeOf(d, Type::B32, 3,
                    mapTernary<uint32_t, uint32_t, uint32_t, permuteBytes>);
  d.instruction.mode = static_cast<uint8_t>(mode);
  return decodeOf(d, Type::B32, 3, runPermuteMode);
}

static bool decodeLogic3(Decoder &d) {
  if (!d.take("b32"))
    return d.error("expected .b32");
  d.instruction.run = runLogic3;
  if (!d.expectOperands(5) || !d.addDestination(d.getOperand(0), Type::B32))
    return false;
  for (size_t source = 1; source <= 3; ++source)
    if (!d.addSource(d.getOperand(source), Type::B32))
      return false;
  return d.getConstant(d.getOperand(4), d.instruction.value) &&
         (d.instruction.value < 256 || d.error("the table has 8 bits"));
}

static Handler selectAnd(Type type) { return getAnd(type); }
static Handler selectOr(Type type) { return getOr(type); }
static Handler selectXor(Type type) { return getXor(type); }
static Handler selectNot(Type type) { return getNot(type); }
static Handler selectLogicalNot(Type type) { return getLogicalNot(type); }

void ptxsim::addBitOpcodes(OpcodeTable &table) {
  table["and"] = decodeLogic<runPredicates<bitAnd<uint32_t>>, selectAnd>;
  table["or"] = decodeLogic<runPredicates<bitOr<uint32_t>>, selectOr>;
  table["xor"] = decodeLogic<runPredicates<bitXor<uint32_t>>, selectXor>;
  table["not"] = decodeLogic<runPredicateNot, selectNot>;
  table["cnot"] = decodeLogic<nullptr, selectLogicalNot>;
  table["shl"] = decodeShift;
  table["shr"] = decodeShift;
  table["shf"] = decodeFunnelShift;
  table["bfe"] = decodeExtract;
  table["bfi"] = decodeInsert;
  table["popc"] = decodeCount;
  table["clz"] = decodeCount;
  table["brev"] = decodeReverse;
  table["bfind"] = decodeFind;
  table["prmt"] = decodePermute;
  table["lop3"] = decodeLogic3;
}
