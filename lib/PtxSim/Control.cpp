//===- Control.cpp - Branches, calls and convergence ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Control.h"
#include <algorithm>

using namespace ptxsim;

// ---- choosing threads ---- //

static void wake(Warp &warp) {
  for (Split &split : warp.splits)
    if (split.state == Split::AtCollective)
      split.state = Split::Ready;
}

bool ptxsim::canRun(Warp &warp) {
  for (const Split &split : warp.splits)
    if (split.state == Split::Ready)
      return true;
  return false;
}

/// Those deepest in calls and furthest behind go first, so that the others meet
/// them again; now and then another, so that none waits for ever for a thread
/// of its own warp.
static Split *choose(Warp &warp) {
  if (warp.splits.size() == 1)
    return warp.splits[0].state == Split::Ready ? &warp.splits[0] : nullptr;
  Split *chosen = nullptr;
  bool isFair = warp.divergentSteps++ % 8192 >= 8000;
  size_t count = warp.splits.size();
  for (size_t index = 0; index < count; ++index) {
    size_t at = isFair ? (index + warp.divergentSteps / 8192) % count : index;
    Split &split = warp.splits[at];
    if (split.state != Split::Ready)
      continue;
    if (isFair)
      return &split;
    if (!chosen || split.callers.size() > chosen->callers.size() ||
        (split.callers.size() == chosen->callers.size() &&
         split.pc < chosen->pc))
      chosen = &split;
  }
  return chosen;
}

/// Joins threads that came to the same place, and forgets those that exited.
static void reconverge(Warp &warp) {
  std::vector<Split> &splits = warp.splits;
  bool isChanged = false;
  for (size_t index = 0; index < splits.size();) {
    Split &split = splits[index];
    bool isGone = split.mask == 0;
    if (!isGone && split.state != Split::AtBarrier)
      for (size_t other = 0; other < index && !isGone; ++other)
        if (splits[other].state != Split::AtBarrier &&
            splits[other].isAt(split)) {
          splits[other].mask |= split.mask;
          isGone = true;
        }
    if (!isGone) {
      ++index;
      continue;
    }
    isChanged = true;
    if (index + 1 != splits.size())
      splits[index] = std::move(splits.back());
    splits.pop_back();
  }
  if (isChanged)
    wake(warp);
}

/// Lets the threads of `mask` go elsewhere.
static void branch(Warp &warp, Split &split, uint32_t mask, unsigned pc) {
  if (mask == split.mask) {
    split.pc = pc;
    return;
  }
  Split other = split;
  other.mask = mask;
  other.pc = pc;
  other.state = Split::Ready;
  split.mask &= ~mask;
  warp.splits.push_back(std::move(other));
}

// ---- calls ---- //

static void copyFrameBytes(Warp &warp, uint32_t mask, uint64_t from,
                           uint64_t to, uint64_t bytes) {
  for (unsigned lane = 0; lane < warpSize; ++lane) {
    if (!(mask >> lane & 1))
      continue;
    uint8_t *data = warp.local[lane].data();
    uint8_t *state = warp.localState[lane].data();
    std::copy_n(data + from, bytes, data + to);
    std::copy_n(state + from, bytes, state + to);
  }
}

/// The variables of a call that stand in its instruction: results, arguments.
static void call(Warp &warp, Split &split, const Instruction &instruction) {
  constexpr size_t deepestCall = 64;
  const Function &callee = *instruction.callee;
  if (split.callers.size() >= deepestCall) {
    warp.report(FindingKind::InvalidOperation, instruction,
                static_cast<unsigned>(__builtin_ctz(split.mask)),
                "is nested more than 64 deep");
    warp.machine.isStopped = true;
    return;
  }
  CallFrame caller = split.frame;
  caller.pc = split.pc;
  CallFrame frame;
  frame.function = &callee;
  frame.pc = 0;
  frame.registerBase = caller.registerBase + caller.function->registerBytes;
  frame.poisonBase = caller.poisonBase +
                     static_cast<uint32_t>(caller.function->registers.size()) +
                     FirstPoison;
  frame.localBase =
      (caller.localBase + caller.function->frameBytes + 127) & ~uint64_t(127);
  warp.growFrames(frame.registerBase + callee.registerBytes,
                  frame.poisonBase +
                      static_cast<uint32_t>(callee.registers.size()) +
                      FirstPoison,
                  frame.localBase + callee.frameBytes);
  warp.clearFrame(frame, split.mask);
  size_t results = callee.results.size();
  for (size_t index = 0; index < callee.parameters.size(); ++index)
    copyFrameBytes(warp, split.mask,
                   caller.localBase + instruction.targets[results + index],
                   frame.localBase + callee.parameters[index]->address,
                   callee.parameters[index]->bytes);
  split.callers.push_back(caller);
  split.frame = frame;
  split.pc = callee.entryPoint;
}

static void leave(Warp &warp, Split &split) {
  CallFrame caller = split.callers.back();
  const Instruction &instruction = warp.machine.program.code[caller.pc];
  const Function &callee = *split.frame.function;
  for (size_t index = 0; index < callee.results.size(); ++index)
    copyFrameBytes(warp, split.mask,
                   split.frame.localBase + callee.results[index]->address,
                   caller.localBase + instruction.targets[index],
                   callee.results[index]->bytes);
  split.callers.pop_back();
  split.frame = caller;
  split.pc = caller.pc + 1;
}

static void exitThreads(Block &block, Warp &warp, Split &split) {
  warp.live &= ~split.mask;
  split.mask = 0;
  wake(warp);
  block.checkBarriers();
}

// ---- steps ---- //

/// The threads that a guard lets execute.
static uint32_t evaluateGuard(Warp &warp, const Instruction &instruction,
                              uint32_t mask) {
  uint32_t unknown = warp.getPoison(instruction.guard) & mask;
  if (unknown)
    warp.reportPoison(instruction, unknown, "has an uninitialised guard");
  return mask & warp.readPredicate(instruction.guard) & ~unknown;
}

static void branchByIndex(Warp &warp, Split &split,
                          const Instruction &instruction, uint32_t mask) {
  const uint32_t *indices = warp.read<uint32_t>(instruction.operands[0]);
  uint32_t unknown = warp.getPoison(instruction.operands[0]) & mask;
  warp.reportPoison(instruction, unknown, "has an uninitialised index");
  uint32_t wrong = unknown;
  std::vector<uint32_t> masks(instruction.targets.size());
  for (unsigned lane = 0; lane < warpSize; ++lane) {
    if (!((mask & ~unknown) >> lane & 1))
      continue;
    if (indices[lane] < masks.size()) {
      masks[indices[lane]] |= 1u << lane;
      continue;
    }
    warp.report(FindingKind::InvalidOperation, instruction, lane,
                format("has the index %u for %zu targets", indices[lane],
                       masks.size()));
    wrong |= 1u << lane;
  }
  warp.machine.isStopped |= wrong != 0;
  uint32_t others = split.mask & ~mask;
  size_t at = static_cast<size_t>(&split - warp.splits.data());
  for (size_t index = 0; index < masks.size(); ++index)
    if (masks[index])
      branch(warp, warp.splits[at], masks[index], instruction.targets[index]);
  if (others)
    ++warp.splits[at].pc;
}

/// Returns false where the threads cannot go on.
static bool executeCollective(Block &block, Warp &warp, Split &split,
                              const Instruction &instruction) {
  uint32_t members =
      instruction.getMembers(warp, instruction, split.mask) & warp.live;
  if (members & ~split.mask) {
    split.state = Split::AtCollective;
    return false;
  }
  if (instruction.kind == Instruction::Barrier) {
    block.arrive(warp, split, instruction);
    return false;
  }
  instruction.run(warp, instruction, split.mask);
  ++split.pc;
  return true;
}

/// Executes what is no plain instruction. Returns whether the threads are still
/// one and can go on.
static bool executeControl(Block &block, Warp &warp, Split &split,
                           const Instruction &instruction, uint32_t mask) {
  if (mask == 0) {
    ++split.pc;
    return true;
  }
  switch (instruction.kind) {
  case Instruction::Branch: {
    bool isUniform = mask == split.mask;
    if (!isUniform && instruction.mode)
      warp.report(FindingKind::DivergentWarp, instruction,
                  static_cast<unsigned>(__builtin_ctz(mask)),
                  "is taken by some threads of the warp only");
    unsigned next = split.pc + 1;
    split.pc = instruction.targets[0];
    if (!isUniform)
      branch(warp, split, split.mask & ~mask, next);
    return isUniform;
  }
  case Instruction::IndexBranch:
    branchByIndex(warp, split, instruction, mask);
    return false;
  default:
    break;
  }
  // The other threads go on; these come back here alone.
  if (mask != split.mask) {
    branch(warp, split, split.mask & ~mask, split.pc + 1);
    return false;
  }
  switch (instruction.kind) {
  case Instruction::Call:
    call(warp, split, instruction);
    return false;
  case Instruction::Return:
    if (split.callers.empty())
      exitThreads(block, warp, split);
    else
      leave(warp, split);
    return false;
  case Instruction::Exit:
    exitThreads(block, warp, split);
    return false;
  default:
    return executeCollective(block, warp, split, instruction);
  }
}

void ptxsim::runWarp(Block &block, Warp &warp, uint64_t quantum) {
  Machine &machine = warp.machine;
  const Instruction *code = machine.program.code.data();
  while (quantum > 0 && !machine.isStopped) {
    Split *split = choose(warp);
    if (!split)
      return;
    warp.enter(*split);
    bool isAlone = warp.splits.size() == 1;
    bool canGoOn;
    do {
      const Instruction &instruction = code[split->pc];
      uint32_t mask = split->mask;
      if (instruction.isGuarded)
        mask = evaluateGuard(warp, instruction, mask);
      ++machine.counts[instruction.opcode];
      machine.threadInstructions +=
          static_cast<uint64_t>(__builtin_popcount(mask));
      if (++machine.warpInstructions > machine.launch.stepLimit) {
        warp.report(FindingKind::StepLimit, instruction,
                    static_cast<unsigned>(__builtin_ctz(split->mask)),
                    "is reached after as many instructions as are allowed");
        machine.isStopped = true;
        return;
      }
      if (instruction.kind == Instruction::Plain) {
        if (mask)
          instruction.run(warp, instruction, mask);
        ++split->pc;
        canGoOn = true;
      } else {
        canGoOn = executeControl(block, warp, *split, instruction, mask);
      }
    } while (--quantum > 0 && canGoOn && isAlone && !machine.isStopped);
    if (!isAlone || !canGoOn)
      reconverge(warp);
  }
}
