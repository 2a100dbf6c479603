//===- Barriers.cpp - Barriers and fences ---------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Control.h"
#include "Decoder.h"
#include <algorithm>

using namespace ptxsim;

namespace {
enum BarrierMode : uint8_t { Sync, Arrive, ReducePopc, ReduceAnd, ReduceOr };
enum BarrierFlags : uint8_t { Aligned = 1, Counted = 2 };
} // namespace

unsigned ptxsim::getBarrierWeight(const Warp &warp, uint32_t mask) {
  unsigned missing =
      warpSize - static_cast<unsigned>(__builtin_popcount(warp.lanes));
  return static_cast<unsigned>(__builtin_popcount(mask)) +
         (mask & 1 ? missing : 0);
}

unsigned Block::getExited() const {
  unsigned exited = 0;
  for (const std::unique_ptr<Warp> &warp : warps)
    exited += getBarrierWeight(*warp, warp->lanes & ~warp->live);
  return exited;
}

// ---- arriving ---- //

/// The value of an operand that all threads must agree on.
static bool getUniform(Warp &warp, const Instruction &instruction,
                       const Operand &operand, uint32_t mask, const char *what,
                       uint32_t &value) {
  const uint32_t *values = warp.read<uint32_t>(operand);
  unsigned first = static_cast<unsigned>(__builtin_ctz(mask));
  value = values[first];
  if (uint32_t unknown = warp.getPoison(operand) & mask) {
    warp.reportPoison(instruction, unknown, "has an uninitialised operand");
    return false;
  }
  for (unsigned lane = first; lane < warpSize; ++lane)
    if (mask >> lane & 1 && values[lane] != value) {
      warp.report(
          FindingKind::DivergentBarrier, instruction, lane,
          format("has another %s than thread %u of its warp", what, first));
      return false;
    }
  return true;
}

void Block::arrive(Warp &warp, Split &split, const Instruction &instruction) {
  uint32_t id, expected = 0;
  unsigned first = static_cast<unsigned>(__builtin_ctz(split.mask));
  const Operand *operands = instruction.operands;
  bool isReduction = instruction.mode >= ReducePopc;
  bool isValid = getUniform(warp, instruction, operands[isReduction],
                            split.mask, "barrier", id);
  if (isValid && instruction.flags & Counted)
    isValid = getUniform(warp, instruction, operands[isReduction + 1],
                         split.mask, "count", expected);
  if (isValid && id >= barrierCount) {
    warp.report(FindingKind::InvalidOperation, instruction, first,
                format("names barrier %u of 16", id));
    isValid = false;
  }
  if (isValid && instruction.flags & Counted &&
      (expected == 0 || expected % warpSize)) {
    warp.report(
        FindingKind::InvalidOperation, instruction, first,
        format("waits for %u threads, which are not whole warps", expected));
    isValid = false;
  }
  if (!isValid) {
    machine.isStopped = true;
    return;
  }
  NamedBarrier &barrier = barriers[id];
  if (!barrier.isIdle() && barrier.expected != expected) {
    warp.report(
        FindingKind::DivergentBarrier, instruction, first,
        format("waits for %u threads at barrier %u, where those of line "
               "%u wait for %u",
               expected, id, barrier.waiters[0].line, barrier.expected));
    machine.isStopped = true;
    return;
  }
  barrier.expected = expected;
  bool isAligned = instruction.flags & Aligned;
  barrier.arrived +=
      expected && isAligned ? warpSize : getBarrierWeight(warp, split.mask);
  bool isWaiting = instruction.mode != Arrive;
  barrier.waiters.push_back(
      {warp.number, split.mask, instruction.line, isWaiting});
  if (isReduction) {
    uint32_t holds = warp.readPredicate(operands[instruction.operandCount - 1]);
    barrier.holding +=
        static_cast<unsigned>(__builtin_popcount(holds & split.mask));
    if (uint32_t unknown =
            warp.getPoison(operands[instruction.operandCount - 1]) & split.mask)
      warp.reportPoison(instruction, unknown, "has an uninitialised operand");
  }
  for (size_t other = 0; other < warps.size(); ++other)
    barrier.known[other] = std::max(barrier.known[other], warp.known[other]);
  barrier.known[warp.number] = std::max(barrier.known[warp.number], warp.clock);
  if (isWaiting) {
    split.state = Split::AtBarrier;
    split.barrier = static_cast<uint8_t>(id);
  } else {
    ++split.pc;
    warp.synchronizeLanes();
  }
  checkBarriers();
}

// ---- completing ---- //

void Block::checkBarriers() {
  for (NamedBarrier &barrier : barriers) {
    if (barrier.isIdle())
      continue;
    unsigned exited = barrier.expected ? 0 : getExited();
    unsigned expected = barrier.expected
                            ? barrier.expected
                            : static_cast<unsigned>(warps.size()) * warpSize;
    if (barrier.arrived + exited >= expected)
      completeBarrier(barrier, expected, exited);
  }
}

/// Gives the threads that waited what a reduction computed.
static void writeReduction(Warp &warp, Split &split,
                           const Instruction &instruction, unsigned holding,
                           unsigned count) {
  warp.enter(split);
  const Operand &result = instruction.operands[0];
  if (instruction.mode == ReducePopc) {
    uint32_t values[warpSize];
    std::fill_n(values, warpSize, holding);
    warp.write(result, values, split.mask);
  } else {
    bool holds = instruction.mode == ReduceAnd ? holding == count : holding > 0;
    warp.writePredicate(result, holds ? ~0u : 0u, split.mask);
  }
  warp.setPoison(result, 0, split.mask);
}

void Block::completeBarrier(NamedBarrier &barrier, unsigned expected,
                            unsigned exited) {
  unsigned id = static_cast<unsigned>(&barrier - barriers);
  const NamedBarrier::Waiter last = barrier.waiters.back();
  unsigned lane = static_cast<unsigned>(__builtin_ctz(last.mask));
  auto reportAt = [&](std::string message) {
    machine.report.add(FindingKind::DivergentBarrier, last.line,
                       warps[last.warp]->getThread(lane), std::move(message));
  };
  if (exited)
    reportAt(format("barrier %u of all threads is passed although %u exited "
                    "without reaching it",
                    id, exited));
  if (barrier.arrived > expected)
    reportAt(format("%u threads arrive at barrier %u, which waits for %u",
                    barrier.arrived, id, expected));
  unsigned threadsWaiting = 0;
  std::set<unsigned> present;
  for (const NamedBarrier::Waiter &waiter : barrier.waiters) {
    threadsWaiting += static_cast<unsigned>(__builtin_popcount(waiter.mask));
    present.insert(waiter.warp);
  }
  for (unsigned number : present) {
    Warp &warp = *warps[number];
    bool isReleased = false;
    for (Split &split : warp.splits) {
      if (split.state != Split::AtBarrier || split.barrier != id)
        continue;
      const Instruction &instruction = machine.program.code[split.pc];
      if (instruction.mode >= ReducePopc)
        writeReduction(warp, split, instruction, barrier.holding,
                       threadsWaiting);
      split.state = Split::Ready;
      ++split.pc;
      isReleased = true;
    }
    if (!isReleased)
      continue;
    for (size_t other = 0; other < warps.size(); ++other)
      warp.known[other] = std::max(warp.known[other], barrier.known[other]);
    warp.synchronizeLanes();
  }
  if (present.size() == warps.size()) {
    ++phase;
    for (size_t warp = 0; warp < warps.size(); ++warp)
      phaseClocks[warp] = warps[warp]->clock;
  }
  barrier = {};
  barrier.known.assign(warps.size(), 0);
}

std::string ptxsim::describeBarrier(const Block &block, const Warp &warp,
                                    uint32_t mask) {
  for (unsigned id = 0; id < Block::barrierCount; ++id)
    for (const NamedBarrier::Waiter &waiter : block.barriers[id].waiters)
      if (waiter.warp == warp.number && waiter.isWaiting &&
          waiter.mask & mask) {
        unsigned expected = block.barriers[id].expected;
        return format("waits for ever: %u of %u threads came to barrier %u",
                      block.barriers[id].arrived,
                      expected ? expected : block.threads, id);
      }
  return "waits for ever";
}

// ---- decoding ---- //

static uint32_t getMembers(Warp &warp, const Instruction &instruction,
                           uint32_t mask) {
  return instruction.flags & Aligned ? warp.live : mask;
}

/// bar.warp.sync orders what its threads did.
static void synchronizeWarp(Warp &warp, const Instruction &instruction,
                            uint32_t mask) {
  warp.synchronizeLanes();
}

static bool decodeBarrier(Decoder &d) {
  bool isAligned = d.getName() == "bar" || d.take("aligned");
  d.take("cta");
  Instruction &instruction = d.instruction;
  if (d.getName() == "bar" && d.take("warp")) {
    if (!d.take("sync"))
      return d.error("only bar.warp.sync is simulated");
    instruction.kind = Instruction::Collective;
    instruction.run = synchronizeWarp;
    instruction.getMembers = getMaskedMembers;
    return d.expectOperands(1) && d.addSource(d.getOperand(0), Type::B32);
  }
  instruction.kind = Instruction::Barrier;
  instruction.getMembers = getMembers;
  instruction.flags = isAligned ? Aligned : 0;
  int mode = d.take("red") ? ReducePopc + d.takeOneOf({"popc", "and", "or"}, 3)
                           : d.takeOneOf({"sync", "arrive"});
  if (mode < 0 || mode > ReduceOr)
    return d.error("this barrier is not simulated");
  instruction.mode = static_cast<uint8_t>(mode);
  size_t count = d.getOperandCount();
  size_t next = 0;
  if (mode >= ReducePopc) {
    Type type = mode == ReducePopc ? Type::U32 : Type::Pred;
    if (mode == ReducePopc ? !d.take("u32") : !d.take("pred"))
      return d.error("expected the type of the reduction");
    if (count < 3 || count > 4 || !d.addDestination(d.getOperand(0), type))
      return d.error("expected 3 or 4 operands");
    next = 1;
    --count;
  }
  if (count < 1 || count > 2 + next || (mode == Arrive && count != 2))
    return d.error("the number of operands is wrong");
  if (!d.addSource(d.getOperand(next++), Type::U32))
    return false;
  bool isCounted = count == (mode >= ReducePopc ? 3u : 2u);
  if (isCounted) {
    instruction.flags |= Counted;
    if (!d.addSource(d.getOperand(next++), Type::U32))
      return false;
  }
  return mode < ReducePopc || d.addSource(d.getOperand(next), Type::Pred);
}

/// Makes what other blocks released visible, and what this one did ready to be
/// released.
static void fence(Warp &warp, const Instruction &instruction, uint32_t mask) {
  if (instruction.mode == 0)
    return;
  warp.hasFence = true;
  std::set<uint32_t> &acquirable = warp.block.acquirable;
  warp.block.acquired.insert(acquirable.begin(), acquirable.end());
  acquirable.clear();
}

static bool decodeFence(Decoder &d) {
  d.instruction.run = fence;
  if (d.getName() == "membar") {
    int level = d.takeOneOf({"cta", "gl", "sys"});
    d.instruction.mode = level > 0;
    return level >= 0 ? d.expectOperands(0) : d.error("expected a level");
  }
  if (d.takeOneOf({"sc", "acq_rel"}, 1) < 0)
    return false;
  int scope = d.takeOneOf({"cta", "cluster", "gpu", "sys"});
  d.instruction.mode = scope > 1;
  return scope >= 0 ? d.expectOperands(0) : d.error("expected a scope");
}

void ptxsim::addBarrierOpcodes(OpcodeTable &table) {
  table["bar"] = decodeBarrier;
  table["barrier"] = decodeBarrier;
  table["membar"] = decodeFence;
  table["fence"] = decodeFence;
}
