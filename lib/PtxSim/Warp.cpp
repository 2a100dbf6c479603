//===- Warp.cpp - Registers and frames of a warp --------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Block.h"
#include <algorithm>

using namespace ptxsim;

Warp::Warp(Machine &machine, Block &block, unsigned number)
    : machine(machine), block(block), number(number), clock(machine.clock) {
  unsigned present =
      std::min<unsigned>(warpSize, block.threads - number * warpSize);
  lanes = present == warpSize ? ~0u : (1u << present) - 1;
  live = lanes;
  specials.resize(SpecialRegisters * warpSize);
  // The widest value that is discarded is that of 8-byte lanes.
  discarded.resize(warpSize);
  setSpecialRegisters();

  Split start;
  start.mask = lanes;
  start.frame.function = machine.launch.kernel;
  start.pc = machine.launch.kernel->entryPoint;
  growFrames(machine.launch.kernel->registerBytes,
             static_cast<uint32_t>(machine.launch.kernel->registers.size()) +
                 FirstPoison,
             machine.launch.kernel->frameBytes);
  clearFrame(start.frame, lanes);
  splits.push_back(start);
  enter(splits.back());
}

void Warp::setSpecialRegisters() {
  const Launch &launch = machine.launch;
  auto fill = [&](SpecialRegister which, uint32_t value) {
    std::fill_n(specials.begin() + which * warpSize, warpSize, value);
  };
  for (unsigned axis = 0; axis < 3; ++axis) {
    fill(static_cast<SpecialRegister>(NtidX + axis), launch.block[axis]);
    fill(static_cast<SpecialRegister>(NctaidX + axis), launch.grid[axis]);
    fill(static_cast<SpecialRegister>(CtaidX + axis), block.position[axis]);
  }
  fill(WarpId, number);
  fill(NwarpId, (block.threads + warpSize - 1) / warpSize);
  fill(NsmId, 1);
  fill(ClusterOne, 1);
  fill(DynamicSharedSize, launch.dynamicShared);
  fill(TotalSharedSize, static_cast<uint32_t>(machine.shared.data.size()));
  for (unsigned lane = 0; lane < warpSize; ++lane) {
    ThreadId id = getThread(lane);
    for (unsigned axis = 0; axis < 3; ++axis)
      specials[(TidX + axis) * warpSize + lane] = id.thread[axis];
    uint32_t equal = 1u << lane;
    specials[LaneId * warpSize + lane] = lane;
    specials[LanemaskEq * warpSize + lane] = equal;
    specials[LanemaskLt * warpSize + lane] = equal - 1;
    specials[LanemaskLe * warpSize + lane] = equal | (equal - 1);
    specials[LanemaskGe * warpSize + lane] = ~(equal - 1);
    specials[LanemaskGt * warpSize + lane] = ~(equal | (equal - 1));
  }
}

ThreadId Warp::getThread(unsigned lane) const {
  const uint32_t *extents = machine.launch.block;
  uint32_t index = number * warpSize + lane;
  ThreadId id;
  std::copy_n(block.position, 3, id.block);
  id.thread[0] = index % extents[0];
  id.thread[1] = index / extents[0] % extents[1];
  id.thread[2] = index / extents[0] / extents[1];
  return id;
}

void Warp::report(FindingKind kind, const Instruction &instruction,
                  unsigned lane, std::string message) {
  machine.report.add(kind, instruction.line, getThread(lane),
                     machine.program.opcodes[instruction.opcode] + " " +
                         message);
}

void Warp::reportPoison(const Instruction &instruction, uint32_t lanes,
                        const char *what) {
  for (unsigned lane = 0; lane < warpSize; ++lane)
    if (lanes >> lane & 1)
      report(FindingKind::Uninitialised, instruction, lane, what);
}

// ---- operands ---- //

template <typename T>
static void widen(const uint8_t *from, uint64_t (&values)[warpSize]) {
  const T *typed = reinterpret_cast<const T *>(from);
  for (unsigned lane = 0; lane < warpSize; ++lane)
    values[lane] = typed[lane];
}

void Warp::readWide(const Operand &operand,
                    uint64_t (&values)[warpSize]) const {
  const uint8_t *from = bases[operand.base] + operand.offset;
  switch (operand.bytes) {
  case 1:
    return widen<uint8_t>(from, values);
  case 2:
    return widen<uint16_t>(from, values);
  case 4:
    return widen<uint32_t>(from, values);
  default:
    return widen<uint64_t>(from, values);
  }
}

template <typename T>
static void narrow(Warp &warp, const Operand &operand,
                   const uint64_t (&values)[warpSize], uint32_t mask) {
  T typed[warpSize];
  for (unsigned lane = 0; lane < warpSize; ++lane)
    typed[lane] = static_cast<T>(values[lane]);
  warp.write(operand, typed, mask);
}

void Warp::writeWide(const Operand &operand, const uint64_t (&values)[warpSize],
                     uint32_t mask) {
  switch (operand.bytes) {
  case 1:
    return narrow<uint8_t>(*this, operand, values, mask);
  case 2:
    return narrow<uint16_t>(*this, operand, values, mask);
  case 4:
    return narrow<uint32_t>(*this, operand, values, mask);
  default:
    return narrow<uint64_t>(*this, operand, values, mask);
  }
}

void Warp::getAddresses(const Instruction &instruction,
                        const AddressOperand &address,
                        uint64_t (&addresses)[warpSize], uint32_t &mask) {
  readWide(address.base, addresses);
  uint64_t offset = address.offset + (address.isInFrame ? localBase : 0);
  bool isNarrow = address.base.bytes == 4;
  for (uint64_t &value : addresses) {
    value += offset;
    if (isNarrow)
      value = static_cast<uint32_t>(value);
  }
  uint32_t unknown = getPoison(address.base) & mask;
  if (!unknown)
    return;
  reportPoison(instruction, unknown, "uses an uninitialised address");
  mask &= ~unknown;
}

// ---- frames ---- //

void Warp::growFrames(uint32_t registerBytes, uint32_t poisonMasks,
                      uint64_t localBytes) {
  if (registers.size() * sizeof(uint64_t) < registerBytes)
    registers.resize((registerBytes + 7) / 8);
  if (poison.size() < poisonMasks)
    poison.resize(poisonMasks);
  for (unsigned lane = 0; lane < warpSize; ++lane)
    if (local[lane].size() < localBytes) {
      local[lane].resize(localBytes);
      localState[lane].resize(localBytes);
    }
}

void Warp::clearFrame(const CallFrame &frame, uint32_t mask) {
  uint32_t *masks = poison.data() + frame.poisonBase;
  masks[CleanPoison] = 0;
  size_t count = frame.function->registers.size() + FirstPoison;
  for (size_t index = DiscardedPoison; index < count; ++index)
    masks[index] |= mask;
  for (unsigned lane = 0; lane < warpSize; ++lane)
    if (mask >> lane & 1 && frame.function->frameBytes)
      std::fill_n(localState[lane].begin() +
                      static_cast<ptrdiff_t>(frame.localBase),
                  frame.function->frameBytes, 0);
}

void Warp::enter(const Split &split) {
  bases[Operand::Frame] =
      reinterpret_cast<uint8_t *>(registers.data()) + split.frame.registerBase;
  bases[Operand::Constant] =
      const_cast<uint8_t *>(machine.program.constants.data());
  bases[Operand::Special] = reinterpret_cast<uint8_t *>(specials.data());
  bases[Operand::Discarded] = reinterpret_cast<uint8_t *>(discarded.data());
  framePoison = poison.data() + split.frame.poisonBase;
  localBase = split.frame.localBase;
}
