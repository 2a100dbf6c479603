//===- Machine.h - Blocks, warps and the memory they see --------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PTXSIM_MACHINE_H
#define ATTN_PTXSIM_MACHINE_H

#include "GlobalMemory.h"
#include "Program.h"
#include "Report.h"
#include "SharedMemory.h"
#include <cstring>

namespace ptxsim {

class Block;

/// Where generic addresses of each space begin. Global ones are themselves.
enum : uint64_t {
  SharedWindow = 0x710000000000,
  LocalWindow = 0x720000000000,
  ConstWindow = 0x730000000000,
  ParamWindow = 0x740000000000,
  WindowBytes = 0x100000000
};

struct Launch {
  const Function *kernel = nullptr;
  uint32_t grid[3] = {1, 1, 1};
  uint32_t block[3] = {1, 1, 1};
  uint32_t dynamicShared = 0;
  uint64_t seed = 0;
  uint64_t stepLimit = 0;
  std::vector<uint8_t> parameters;
};

/// What the blocks of a launch have in common.
struct Machine {
  Machine(const Module &module, const Program &program, GlobalMemory &global)
      : module(module), program(program), global(global) {}

  const Module &module;
  const Program &program;
  GlobalMemory &global;
  /// The .const variables, from ConstWindow on.
  std::vector<uint8_t> constants;
  Report report;
  Launch launch;
  SharedMemory shared;
  /// Blocks that ran since the simulator began; their numbers start at 1.
  uint32_t blocks = 0;
  /// The number of the first block of this launch.
  uint32_t firstBlock = 1;
  /// Above the clocks of all warps so far.
  uint32_t clock = 1;
  uint64_t warpInstructions = 0;
  uint64_t threadInstructions = 0;
  /// By opcode.
  std::vector<uint64_t> counts;
  /// Set where going on makes no sense.
  bool isStopped = false;
};

/// A caller that waits for a return.
struct CallFrame {
  const Function *function;
  uint32_t registerBase;
  uint32_t poisonBase;
  uint64_t localBase;
  /// Of the call itself.
  unsigned pc;

  bool operator==(const CallFrame &other) const {
    return function == other.function && registerBase == other.registerBase &&
           localBase == other.localBase && pc == other.pc;
  }
};

/// Threads of a warp at one place.
struct Split {
  enum State : uint8_t {
    Ready,
    /// At a collective that other threads of the warp must come to.
    AtCollective,
    AtBarrier
  };

  unsigned pc = 0;
  uint32_t mask = 0;
  State state = Ready;
  /// The number of the barrier it waits at.
  uint8_t barrier = 0;
  CallFrame frame = {};
  std::vector<CallFrame> callers;

  bool isAt(const Split &other) const {
    return pc == other.pc && frame == other.frame && callers == other.callers;
  }
};

/// A copy of cp.async whose data has not arrived.
struct PendingCopy {
  uint64_t source;
  uint32_t destination;
  uint8_t lane;
  uint8_t bytes;
  uint8_t sourceBytes;
  const Instruction *instruction;
  /// Of the groups of its thread; the one that is open has the highest number.
  uint32_t group;
  uint8_t expected[16];
};

class Warp {
public:
  Warp(Machine &machine, Block &block, unsigned number);

  // ---- operands ---- //
  template <typename T>
  const T *read(const Operand &operand) const {
    return reinterpret_cast<const T *>(bases[operand.base] + operand.offset);
  }
  /// Lane values of 1, 2, 4 or 8 bytes, extended with zeros.
  void readWide(const Operand &operand, uint64_t (&values)[warpSize]) const;
  uint32_t readPredicate(const Operand &operand) const {
    return *read<uint32_t>(operand) ^ (operand.isNegated ? ~0u : 0u);
  }
  uint32_t getPoison(const Operand &operand) const {
    return framePoison[operand.poison];
  }

  template <typename T>
  void write(const Operand &operand, const T (&values)[warpSize],
             uint32_t mask) {
    T *to = reinterpret_cast<T *>(bases[operand.base] + operand.offset);
    if (mask == ~0u) {
      std::memcpy(to, values, sizeof(values));
      return;
    }
    for (unsigned lane = 0; lane < warpSize; ++lane)
      if (mask >> lane & 1)
        to[lane] = values[lane];
  }
  void writeWide(const Operand &operand, const uint64_t (&values)[warpSize],
                 uint32_t mask);
  void writePredicate(const Operand &operand, uint32_t value, uint32_t mask) {
    uint32_t *to =
        reinterpret_cast<uint32_t *>(bases[operand.base] + operand.offset);
    *to = (*to & ~mask) | (value & mask);
  }
  void setPoison(const Operand &operand, uint32_t poison, uint32_t mask) {
    uint32_t &to = framePoison[operand.poison];
    to = (to & ~mask) | (poison & mask);
  }

  /// Addresses of the lanes of `mask`, which loses lanes whose address is
  /// poison.
  void getAddresses(const Instruction &instruction,
                    const AddressOperand &address,
                    uint64_t (&addresses)[warpSize], uint32_t &mask);

  // ---- reports ---- //
  ThreadId getThread(unsigned lane) const;
  void report(FindingKind kind, const Instruction &instruction, unsigned lane,
              std::string message);
  /// Reports the first lane of `lanes` where a value is uninitialised.
  void reportPoison(const Instruction &instruction, uint32_t lanes,
                    const char *what);

  // ---- control ---- //
  /// Makes the frame of a split the one that operands are read from.
  void enter(const Split &split);
  /// Room for another frame.
  void growFrames(uint32_t registerBytes, uint32_t poisonMasks,
                  uint64_t localBytes);
  /// Clears the frame of a call for the lanes that enter it.
  void clearFrame(const CallFrame &frame, uint32_t mask);

  // ---- time ---- //
  /// Whether an access of another thread happened before what `lane` does now.
  bool isOrdered(unsigned otherWarp, unsigned otherLane, uint32_t otherClock,
                 unsigned lane) const {
    return otherClock <= known[otherWarp] ||
           (otherWarp == number && otherLane == lane);
  }
  /// What the warp did so far is known to all its own lanes.
  void synchronizeLanes() { known[number] = clock++; }

  Machine &machine;
  Block &block;
  unsigned number;
  /// Threads that there are, and those that have not exited.
  uint32_t lanes;
  uint32_t live;
  std::vector<Split> splits;
  uint32_t clock;
  /// Of each warp of the block, up to which of its clocks this one has
  /// synchronised with it.
  std::vector<uint32_t> known;
  std::vector<PendingCopy> copies;
  uint32_t openGroup[warpSize] = {};
  /// Memory of the frames, by lane; a byte of state beside each byte.
  std::vector<uint8_t> local[warpSize];
  std::vector<uint8_t> localState[warpSize];
  uint64_t localBase = 0;
  uint8_t *bases[4];
  uint32_t *framePoison = nullptr;
  /// Instructions executed while its threads were not together.
  uint64_t divergentSteps = 0;
  /// Whether a fence stands behind its last plain store to global memory.
  bool hasFence = false;

private:
  void setSpecialRegisters();

  std::vector<uint64_t> registers;
  std::vector<uint32_t> poison;
  std::vector<uint32_t> specials;
  std::vector<uint64_t> discarded;
};

} // namespace ptxsim

#endif // ATTN_PTXSIM_MACHINE_H
