//===- BitFields.cpp - Bit fields, counts and bytes -----------------------===//
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

// ---- decoding ---- //

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
  return d.decodeWith(*type, 1, type == Type::B32 ? narrow : wide);
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
    return d.decodeWith(Type::B32, 3,
                        mapTernary<uint32_t, uint32_t, uint32_t, permuteBytes>);
  d.instruction.mode = static_cast<uint8_t>(mode);
  return d.decodeWith(Type::B32, 3, runPermuteMode);
}

void ptxsim::addBitFieldOpcodes(OpcodeTable &table) {
  table["bfe"] = decodeExtract;
  table["bfi"] = decodeInsert;
  table["popc"] = decodeCount;
  table["clz"] = decodeCount;
  table["brev"] = decodeReverse;
  table["bfind"] = decodeFind;
  table["prmt"] = decodePermute;
}
