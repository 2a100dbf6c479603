//===- Move.cpp - Moves and addresses -------------------------------------===//
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
static T identity(T value) {
  return value;
}

static void movePredicate(Warp &warp, const Instruction &instruction,
                          uint32_t mask) {
  const Operand *operands = instruction.operands;
  warp.writePredicate(operands[0], warp.readPredicate(operands[1]), mask);
  warp.setPoison(operands[0], warp.getPoison(operands[1]), mask);
}

/// Elements one above the other become one value.
static void pack(Warp &warp, const Instruction &instruction, uint32_t mask) {
  const Operand *operands = instruction.operands;
  uint64_t result[warpSize] = {};
  uint32_t poison = 0;
  unsigned shift = 0;
  for (unsigned part = 1; part < instruction.operandCount; ++part) {
    uint64_t values[warpSize];
    warp.readWide(operands[part], values);
    for (unsigned lane = 0; lane < warpSize; ++lane)
      result[lane] |= values[lane] << shift;
    shift += 8 * operands[part].bytes;
    poison |= warp.getPoison(operands[part]);
  }
  warp.writeWide(operands[0], result, mask);
  warp.setPoison(operands[0], poison, mask);
}

static void unpack(Warp &warp, const Instruction &instruction, uint32_t mask) {
  const Operand *operands = instruction.operands;
  const Operand &source = operands[instruction.operandCount - 1];
  uint64_t values[warpSize];
  warp.readWide(source, values);
  // The source may be one of the results.
  uint32_t poison = warp.getPoison(source);
  for (unsigned part = 0; part + 1 < instruction.operandCount; ++part) {
    warp.writeWide(operands[part], values, mask);
    warp.setPoison(operands[part], poison, mask);
    for (uint64_t &value : values)
      value >>= 8 * operands[part].bytes;
  }
}

/// The value is the same for all lanes, but for what lies in their frames.
static void moveFrameAddress(Warp &warp, const Instruction &instruction,
                             uint32_t mask) {
  uint64_t values[warpSize];
  std::fill_n(values, warpSize, warp.localBase + instruction.value);
  warp.writeWide(instruction.operands[0], values, mask);
  warp.setPoison(instruction.operands[0], 0, mask);
}

/// Time passes by an instruction of any warp.
static void readClock(Warp &warp, const Instruction &instruction,
                      uint32_t mask) {
  uint64_t values[warpSize];
  std::fill_n(values, warpSize, warp.machine.warpInstructions);
  warp.writeWide(instruction.operands[0], values, mask);
  warp.setPoison(instruction.operands[0], 0, mask);
}

/// Adds `value`, or takes it away.
static void convertAddress(Warp &warp, const Instruction &instruction,
                           uint32_t mask) {
  const Operand *operands = instruction.operands;
  uint64_t values[warpSize];
  warp.readWide(operands[1], values);
  for (uint64_t &value : values)
    value += instruction.value;
  warp.writeWide(operands[0], values, mask);
  warp.setPoison(operands[0], warp.getPoison(operands[1]), mask);
}

static uint64_t getWindow(Space space) {
  switch (space) {
  case Space::Shared:
    return SharedWindow;
  case Space::Local:
    return LocalWindow;
  case Space::Const:
    return ConstWindow;
  case Space::Param:
    return ParamWindow;
  default:
    return 0;
  }
}

static void testSpace(Warp &warp, const Instruction &instruction,
                      uint32_t mask) {
  const Operand *operands = instruction.operands;
  uint64_t values[warpSize];
  warp.readWide(operands[1], values);
  uint32_t result = 0;
  uint64_t window = getWindow(instruction.space);
  for (unsigned lane = 0; lane < warpSize; ++lane) {
    bool isInside = instruction.space == Space::Global
                        ? GlobalMemory::contains(values[lane])
                        : values[lane] - window < WindowBytes;
    result |= uint32_t(isInside) << lane;
  }
  warp.writePredicate(operands[0], result, mask);
  warp.setPoison(operands[0], warp.getPoison(operands[1]), mask);
}

// ---- decoding ---- //

static bool decodeMoveOfSymbol(Decoder &d, Type type) {
  const ParsedOperand &source = d.getOperand(1);
  const Variable &variable = *source.variable;
  if (!d.addDestination(d.getOperand(0), type))
    return false;
  if (getBytes(type) < 4)
    return d.error("an address has 32 or 64 bits");
  uint64_t address = variable.address + source.value;
  bool isInFrame =
      variable.space == Space::Local ||
      (variable.space == Space::Param && !variable.isKernelParameter);
  if (isInFrame) {
    d.instruction.value = address;
    d.instruction.run = moveFrameAddress;
    return true;
  }
  if (getBytes(type) == 4 && variable.space != Space::Shared)
    return d.error("an address of this space has 64 bits");
  bool isNarrow = getBytes(type) == 4;
  d.instruction.run = isNarrow ? mapUnary<uint32_t, uint32_t, identity>
                               : mapUnary<uint64_t, uint64_t, identity>;
  return d.addImmediate(address, getBytes(type));
}

static bool decodeVectorMove(Decoder &d, Type type) {
  const ParsedOperand &to = d.getOperand(0), &from = d.getOperand(1);
  bool isPack = from.kind == ParsedOperand::List;
  const ParsedOperand &list = isPack ? from : to;
  if (to.kind == from.kind ||
      (list.elements.size() != 2 && list.elements.size() != 4))
    return d.error("expected one vector of 2 or 4 elements");
  unsigned bytes = getBytes(type) / static_cast<unsigned>(list.elements.size());
  Type element = bytes == 1 ? Type::B8 : bytes == 2 ? Type::B16 : Type::B32;
  if (bytes == 0 || bytes * list.elements.size() != getBytes(type))
    return d.unsupportedType(type);
  d.instruction.run = isPack ? pack : unpack;
  if (isPack && !d.addDestination(to, type))
    return false;
  for (const ParsedOperand &part : list.elements)
    if (isPack ? !d.addSource(part, element) : !d.addDestination(part, element))
      return false;
  return isPack || d.addSource(from, type);
}

static bool decodeMove(Decoder &d) {
  std::optional<Type> type = d.takeType();
  if (!type)
    return d.error("expected a type");
  if (!d.expectOperands(2))
    return false;
  const ParsedOperand &source = d.getOperand(1);
  if (source.kind == ParsedOperand::Symbol)
    return decodeMoveOfSymbol(d, *type);
  if (source.kind == ParsedOperand::List ||
      d.getOperand(0).kind == ParsedOperand::List)
    return decodeVectorMove(d, *type);
  if (source.kind == ParsedOperand::Special && source.value >= Clock) {
    unsigned bytes = source.value == Clock ? 4 : 8;
    if (getBytes(*type) != bytes)
      return d.error("the clock has another size");
    d.instruction.run = readClock;
    return d.addDestination(d.getOperand(0), *type);
  }
  switch (getBytes(*type)) {
  case 0:
    d.instruction.run = movePredicate;
    break;
  case 2:
    d.instruction.run = mapUnary<uint16_t, uint16_t, identity>;
    break;
  case 4:
    d.instruction.run = mapUnary<uint32_t, uint32_t, identity>;
    break;
  case 8:
    d.instruction.run = mapUnary<uint64_t, uint64_t, identity>;
    break;
  default:
    return d.unsupportedType(*type);
  }
  return d.addOperands(*type, 1);
}

static std::optional<Space> takeSpace(Decoder &d) {
  int space = d.takeOneOf(
      {"global", "shared", "shared::cta", "local", "const", "param"});
  static constexpr Space spaces[] = {Space::Global, Space::Shared,
                                     Space::Shared, Space::Local,
                                     Space::Const,  Space::Param};
  if (space < 0)
    return std::nullopt;
  return spaces[space];
}

static bool decodeConvertAddress(Decoder &d) {
  bool isToSpace = d.take("to");
  std::optional<Space> space = takeSpace(d);
  std::optional<Type> type = d.takeType();
  if (!space || (type != Type::U64 && type != Type::U32))
    return d.error("expected a space and .u64");
  uint64_t window = getWindow(*space);
  d.instruction.value = isToSpace ? 0 - window : window;
  d.instruction.run = convertAddress;
  if (*type == Type::U32)
    return d.error("generic addresses have 64 bits");
  if (!d.expectOperands(2) || !d.addDestination(d.getOperand(0), *type))
    return false;
  const ParsedOperand &source = d.getOperand(1);
  if (source.kind != ParsedOperand::Symbol)
    return d.addSource(source, *type);
  const Variable &variable = *source.variable;
  if (isToSpace || variable.space != *space)
    return d.error("'" + std::string(variable.name) +
                   "' lies in another state space");
  if (variable.space == Space::Local) {
    d.instruction.value += variable.address + source.value;
    d.instruction.run = moveFrameAddress;
    return true;
  }
  return d.addImmediate(variable.address + source.value, 8);
}

static bool decodeTestSpace(Decoder &d) {
  std::optional<Space> space = takeSpace(d);
  if (!space)
    return d.error("expected a space");
  d.instruction.space = *space;
  d.instruction.run = testSpace;
  return d.expectOperands(2) && d.addDestination(d.getOperand(0), Type::Pred) &&
         d.addSource(d.getOperand(1), Type::U64);
}

void ptxsim::addMoveOpcodes(OpcodeTable &table) {
  table["mov"] = decodeMove;
  table["cvta"] = decodeConvertAddress;
  table["isspacep"] = decodeTestSpace;
}
