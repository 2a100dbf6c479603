//===- WarpOperations.cpp - Exchanges between the threads of a warp -------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lanes.h"
#include <algorithm>

using namespace ptxsim;

/// The mask of lanes is a source whose place the family keeps in `value`.
uint32_t ptxsim::getMaskedMembers(Warp &warp, const Instruction &instruction,
                                  uint32_t mask) {
  const Operand &operand = instruction.operands[instruction.value];
  const uint32_t *masks = warp.read<uint32_t>(operand);
  return masks[__builtin_ctz(mask)];
}

uint32_t ptxsim::getAllMembers(Warp &warp, const Instruction &instruction,
                               uint32_t mask) {
  return warp.lanes;
}

namespace {
enum class ShuffleMode : uint8_t { Up, Down, Butterfly, Index };
enum class VoteMode : uint8_t { All, Any, Uniform, Ballot };
enum class ReduceMode : uint8_t { Add, Min, Max, And, Or, Xor };
} // namespace

/// The threads that execute must be among those their masks name, and the masks
/// must agree. Returns the members.
static uint32_t checkMembers(Warp &warp, const Instruction &instruction,
                             uint32_t mask) {
  const Operand &operand = instruction.operands[instruction.value];
  const uint32_t *masks = warp.read<uint32_t>(operand);
  uint32_t members = masks[__builtin_ctz(mask)];
  if (uint32_t unknown = warp.getPoison(operand) & mask)
    warp.reportPoison(instruction, unknown, "has an uninitialised mask");
  for (unsigned lane = 0; lane < warpSize; ++lane) {
    if (!(mask >> lane & 1))
      continue;
    if (masks[lane] != members)
      warp.report(FindingKind::DivergentWarp, instruction, lane,
                  format("has the mask 0x%08x, another thread of the warp "
                         "0x%08x",
                         masks[lane], members));
    else if (!(members >> lane & 1))
      warp.report(
          FindingKind::DivergentWarp, instruction, lane,
          format("is executed by a lane that its mask 0x%08x leaves out",
                 members));
  }
  return members;
}

// ---- shfl ---- //

/// Operands: d, p if there is one, a, b, c, mask.
static void runShuffle(Warp &warp, const Instruction &instruction,
                       uint32_t mask) {
  const Operand *operands = instruction.operands;
  bool hasPredicate = instruction.operandCount == 6;
  const Operand *sources = operands + 1 + hasPredicate;
  checkMembers(warp, instruction, mask);
  const uint32_t *values = warp.read<uint32_t>(sources[0]);
  const uint32_t *positions = warp.read<uint32_t>(sources[1]);
  const uint32_t *controls = warp.read<uint32_t>(sources[2]);
  uint32_t valuePoison = warp.getPoison(sources[0]);
  uint32_t choicePoison =
      warp.getPoison(sources[1]) | warp.getPoison(sources[2]);
  uint32_t result[warpSize], inRange = 0, poison = 0;
  for (unsigned lane = 0; lane < warpSize; ++lane) {
    unsigned position = positions[lane] & 0x1f;
    unsigned clamp = controls[lane] & 0x1f;
    unsigned segment = controls[lane] >> 8 & 0x1f;
    unsigned last = (lane & segment) | (clamp & ~segment);
    unsigned first = lane & segment;
    int from = static_cast<int>(lane);
    bool isInside = false;
    switch (static_cast<ShuffleMode>(instruction.mode)) {
    case ShuffleMode::Up:
      from -= static_cast<int>(position);
      isInside = from >= static_cast<int>(last);
      break;
    case ShuffleMode::Down:
      from += static_cast<int>(position);
      isInside = from <= static_cast<int>(last);
      break;
    case ShuffleMode::Butterfly:
      from ^= static_cast<int>(position);
      isInside = from <= static_cast<int>(last);
      break;
    case ShuffleMode::Index:
      from = static_cast<int>(first | (position & ~segment));
      isInside = from <= static_cast<int>(last);
      break;
    }
    if (!isInside)
      from = static_cast<int>(lane);
    inRange |= uint32_t(isInside) << lane;
    result[lane] = values[from];
    bool isPoison = (valuePoison >> from | choicePoison >> lane) & 1;
    if (mask >> lane & 1 && !(mask >> from & 1)) {
      warp.report(FindingKind::ShuffleInactive, instruction, lane,
                  format("reads lane %d, which does not take part", from));
      isPoison = true;
    }
    poison |= uint32_t(isPoison) << lane;
  }
  warp.write(operands[0], result, mask);
  warp.setPoison(operands[0], poison, mask);
  if (hasPredicate) {
    warp.writePredicate(operands[1], inRange, mask);
    warp.setPoison(operands[1], choicePoison, mask);
  }
}

// ---- vote, match, redux, activemask ---- //

static void runVote(Warp &warp, const Instruction &instruction, uint32_t mask) {
  const Operand *operands = instruction.operands;
  checkMembers(warp, instruction, mask);
  uint32_t holds = warp.readPredicate(operands[1]) & mask;
  uint32_t poison = warp.getPoison(operands[1]) & mask ? ~0u : 0;
  VoteMode mode = static_cast<VoteMode>(instruction.mode);
  bool answer = false;
  switch (mode) {
  case VoteMode::All:
    answer = holds == mask;
    break;
  case VoteMode::Any:
    answer = holds != 0;
    break;
  case VoteMode::Uniform:
    answer = holds == mask || holds == 0;
    break;
  case VoteMode::Ballot: {
    uint32_t result[warpSize];
    std::fill_n(result, warpSize, holds);
    warp.write(operands[0], result, mask);
    warp.setPoison(operands[0], poison, mask);
    return;
  }
  }
  warp.writePredicate(operands[0], answer ? ~0u : 0, mask);
  warp.setPoison(operands[0], poison, mask);
}

/// Operands: d, p if there is one, a, mask.
static void runMatch(Warp &warp, const Instruction &instruction,
                     uint32_t mask) {
  const Operand *operands = instruction.operands;
  bool hasPredicate = instruction.operandCount == 4;
  const Operand &source = operands[1 + hasPredicate];
  checkMembers(warp, instruction, mask);
  uint64_t values[warpSize];
  warp.readWide(source, values);
  uint32_t result[warpSize] = {};
  for (unsigned lane = 0; lane < warpSize; ++lane)
    for (unsigned other = 0; other < warpSize; ++other)
      if (mask >> other & 1 && values[other] == values[lane])
        result[lane] |= 1u << other;
  uint32_t poison = warp.getPoison(source) & mask ? ~0u : 0;
  uint32_t agree = 0;
  if (instruction.mode == 1) {
    // match.all: every member, or none.
    for (unsigned lane = 0; lane < warpSize; ++lane) {
      bool isAll = result[lane] == mask;
      agree |= uint32_t(isAll) << lane;
      result[lane] = isAll ? mask : 0;
    }
  }
  warp.write(operands[0], result, mask);
  warp.setPoison(operands[0], poison, mask);
  if (hasPredicate) {
    warp.writePredicate(operands[1], agree, mask);
    warp.setPoison(operands[1], poison, mask);
  }
}

static void runReduce(Warp &warp, const Instruction &instruction,
                      uint32_t mask) {
  const Operand *operands = instruction.operands;
  checkMembers(warp, instruction, mask);
  const uint32_t *values = warp.read<uint32_t>(operands[1]);
  bool isSignedType = isSigned(instruction.type);
  uint32_t sum = values[__builtin_ctz(mask)];
  for (unsigned lane = static_cast<unsigned>(__builtin_ctz(mask)) + 1;
       lane < warpSize; ++lane) {
    if (!(mask >> lane & 1))
      continue;
    uint32_t value = values[lane];
    bool isLess = isSignedType
                      ? static_cast<int32_t>(value) < static_cast<int32_t>(sum)
                      : value < sum;
    switch (static_cast<ReduceMode>(instruction.mode)) {
    case ReduceMode::Add:
      sum += value;
      break;
    case ReduceMode::Min:
      sum = isLess ? value : sum;
      break;
    case ReduceMode::Max:
      sum = isLess ? sum : value;
      break;
    case ReduceMode::And:
      sum &= value;
      break;
    case ReduceMode::Or:
      sum |= value;
      break;
    case ReduceMode::Xor:
      sum ^= value;
      break;
    }
  }
  uint32_t result[warpSize];
  std::fill_n(result, warpSize, sum);
  warp.write(operands[0], result, mask);
  warp.setPoison(operands[0], warp.getPoison(operands[1]) & mask ? ~0u : 0,
                 mask);
}

static void runActiveMask(Warp &warp, const Instruction &instruction,
                          uint32_t mask) {
  uint32_t result[warpSize];
  std::fill_n(result, warpSize, mask);
  warp.write(instruction.operands[0], result, mask);
  warp.setPoison(instruction.operands[0], 0, mask);
}

/// One lane of the mask, the first, is elected.
static void runElect(Warp &warp, const Instruction &instruction,
                     uint32_t mask) {
  checkMembers(warp, instruction, mask);
  unsigned leader = static_cast<unsigned>(__builtin_ctz(mask));
  uint32_t result[warpSize];
  std::fill_n(result, warpSize, leader);
  warp.write(instruction.operands[0], result, mask);
  warp.setPoison(instruction.operands[0], 0, mask);
  warp.writePredicate(instruction.operands[1], 1u << leader, mask);
  warp.setPoison(instruction.operands[1], 0, mask);
}

// ---- decoding ---- //

/// The mask, which is the last operand.
static bool addMask(Decoder &d, const ParsedOperand &operand) {
  d.instruction.kind = Instruction::Collective;
  d.instruction.getMembers = getMaskedMembers;
  d.instruction.value = d.operands.size();
  return d.addSource(operand, Type::B32);
}

/// A result, or a result and a predicate.
static bool addResult(Decoder &d, const ParsedOperand &operand) {
  if (operand.kind != ParsedOperand::Pair)
    return d.addDestination(operand, Type::B32);
  return d.addDestination(operand.elements[0], Type::B32) &&
         d.addDestination(operand.elements[1], Type::Pred);
}

static bool decodeShuffle(Decoder &d) {
  if (!d.take("sync"))
    return d.error("expected .sync");
  int mode = d.takeOneOf({"up", "down", "bfly", "idx"});
  if (mode < 0 || !d.take("b32"))
    return d.error("expected a mode and .b32");
  d.instruction.mode = static_cast<uint8_t>(mode);
  d.instruction.run = runShuffle;
  return d.expectOperands(5) && addResult(d, d.getOperand(0)) &&
         d.addSource(d.getOperand(1), Type::B32) &&
         d.addSource(d.getOperand(2), Type::B32) &&
         d.addSource(d.getOperand(3), Type::B32) && addMask(d, d.getOperand(4));
}

static bool decodeVote(Decoder &d) {
  if (!d.take("sync"))
    return d.error("expected .sync");
  int mode = d.takeOneOf({"all", "any", "uni", "ballot"});
  bool isBallot = mode == 3;
  if (mode < 0 || !(isBallot ? d.take("b32") : d.take("pred")))
    return d.error("expected a mode and a type");
  d.instruction.mode = static_cast<uint8_t>(mode);
  d.instruction.run = runVote;
  return d.expectOperands(3) &&
         d.addDestination(d.getOperand(0), isBallot ? Type::B32 : Type::Pred) &&
         d.addSource(d.getOperand(1), Type::Pred) &&
         addMask(d, d.getOperand(2));
}

static bool decodeMatch(Decoder &d) {
  int mode = d.takeOneOf({"any", "all"});
  bool isSync = d.take("sync");
  std::optional<Type> type = d.takeType();
  if (mode < 0 || !isSync || (type != Type::B32 && type != Type::B64))
    return d.error("expected .any or .all, .sync, and .b32 or .b64");
  d.instruction.mode = static_cast<uint8_t>(mode);
  d.instruction.run = runMatch;
  if (!d.expectOperands(3) ||
      (mode == 0 && d.getOperand(0).kind == ParsedOperand::Pair))
    return d.error("match.any has one result");
  return addResult(d, d.getOperand(0)) && d.addSource(d.getOperand(1), *type) &&
         addMask(d, d.getOperand(2));
}

static bool decodeReduce(Decoder &d) {
  if (!d.take("sync"))
    return d.error("expected .sync");
  int mode = d.takeOneOf({"add", "min", "max", "and", "or", "xor"});
  std::optional<Type> type = d.takeType();
  if (mode < 0 || !type || isFloat(*type) || getBytes(*type) != 4 ||
      isInteger(*type) != (mode < static_cast<int>(ReduceMode::And)))
    return d.error("expected an operation and a type of 32 bits");
  d.instruction.mode = static_cast<uint8_t>(mode);
  d.instruction.type = *type;
  d.instruction.run = runReduce;
  return d.expectOperands(3) && d.addDestination(d.getOperand(0), *type) &&
         d.addSource(d.getOperand(1), *type) && addMask(d, d.getOperand(2));
}

static bool decodeActiveMask(Decoder &d) {
  d.instruction.run = runActiveMask;
  return (d.take("b32") || d.error("expected .b32")) && d.expectOperands(1) &&
         d.addDestination(d.getOperand(0), Type::B32);
}

static bool decodeElect(Decoder &d) {
  if (!d.take("sync"))
    return d.error("expected .sync");
  d.instruction.run = runElect;
  if (!d.expectOperands(2) || d.getOperand(0).kind != ParsedOperand::Pair)
    return d.error("expected a lane and a predicate");
  return addResult(d, d.getOperand(0)) && addMask(d, d.getOperand(1));
}

void ptxsim::addWarpOpcodes(OpcodeTable &table) {
  table["shfl"] = decodeShuffle;
  table["vote"] = decodeVote;
  table["match"] = decodeMatch;
  table["redux"] = decodeReduce;
  table["activemask"] = decodeActiveMask;
  table["elect"] = decodeElect;
}
