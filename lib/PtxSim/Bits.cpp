//===- Bits.cpp - Logic and shifts ----------------------------------------===//
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
  return d.decodeWith(*type, sources,
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
  return d.decodeWith(Type::B32, 3, handlers[direction][mode]);
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
  table["lop3"] = decodeLogic3;
}
