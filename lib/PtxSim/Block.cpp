//===- Block.cpp - Warps of a block, interleaved --------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Block.h"
#include "Control.h"
#include <algorithm>

using namespace ptxsim;

Block::Block(Machine &machine, const uint32_t (&position)[3],
             std::mt19937_64 &random)
    : machine(machine), number(++machine.blocks), random(random) {
  std::copy_n(position, 3, this->position);
  const uint32_t *extents = machine.launch.block;
  threads = extents[0] * extents[1] * extents[2];
  unsigned count = (threads + warpSize - 1) / warpSize;
  for (uint8_t &state : machine.shared.state)
    state &= SharedMemory::Outside;
  for (unsigned warp = 0; warp < count; ++warp)
    warps.push_back(std::make_unique<Warp>(machine, *this, warp));
  for (std::unique_ptr<Warp> &warp : warps)
    warp->known.assign(count, machine.clock - 1);
  phaseClocks.assign(count, machine.clock);
  for (NamedBarrier &barrier : barriers)
    barrier.known.assign(count, 0);
}

void Block::run() {
  std::vector<unsigned> ready(warps.size());
  for (unsigned warp = 0; warp < warps.size(); ++warp)
    ready[warp] = warp;
  while (!machine.isStopped) {
    ready.clear();
    for (unsigned warp = 0; warp < warps.size(); ++warp)
      if (canRun(*warps[warp]))
        ready.push_back(warp);
    if (ready.empty())
      break;
    Warp &warp = *warps[ready[random() % ready.size()]];
    // From single steps to warps that run as far as they can.
    uint64_t quantum = uint64_t(1) << (random() % 16);
    runWarp(*this, warp, quantum);
  }
  bool isDone = true;
  for (const std::unique_ptr<Warp> &warp : warps)
    isDone &= warp->live == 0;
  if (!isDone && !machine.isStopped)
    reportStuck();
  for (const std::unique_ptr<Warp> &warp : warps)
    machine.clock = std::max(machine.clock, warp->clock + 1);
}

/// Says of every warp where it waits.
void Block::reportStuck() {
  machine.isStopped = true;
  for (const std::unique_ptr<Warp> &warp : warps) {
    for (const Split &split : warp->splits) {
      const Instruction &instruction = machine.program.code[split.pc];
      unsigned lane = static_cast<unsigned>(__builtin_ctz(split.mask));
      warp->enter(split);
      if (split.state == Split::AtBarrier) {
        warp->report(FindingKind::Deadlock, instruction, lane,
                     describeBarrier(*this, *warp, split.mask));
        continue;
      }
      uint32_t members =
          instruction.getMembers(*warp, instruction, split.mask) & ~split.mask;
      FindingKind kind = instruction.kind == Instruction::Barrier
                             ? FindingKind::DivergentBarrier
                             : FindingKind::DivergentWarp;
      std::string where;
      for (const Split &other : warp->splits)
        if (other.mask & members)
          where += format("%s line %u", where.empty() ? ", which are at" : ",",
                          machine.program.code[other.pc].line);
      warp->report(kind, instruction, lane,
                   format("waits for threads 0x%08x of its warp", members) +
                       where);
    }
  }
}
