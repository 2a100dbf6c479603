//===- Block.h - A block of threads -----------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PTXSIM_BLOCK_H
#define ATTN_PTXSIM_BLOCK_H

#include "Machine.h"
#include <random>
#include <set>

namespace ptxsim {

/// A barrier of the block, by number.
struct NamedBarrier {
  struct Waiter {
    unsigned warp;
    uint32_t mask;
    unsigned line;
    bool isWaiting;
  };

  /// Threads that arrived; lanes that a last warp lacks count with its lane 0.
  unsigned arrived = 0;
  /// Threads to wait for; 0: all of the block.
  unsigned expected = 0;
  std::vector<Waiter> waiters;
  /// What the threads that arrived know.
  std::vector<uint32_t> known;
  /// Of a reduction: how many predicates hold, of how many.
  unsigned holding = 0;

  bool isIdle() const { return waiters.empty(); }
};

class Block {
public:
  static constexpr unsigned barrierCount = 16;

  Block(Machine &machine, const uint32_t (&position)[3],
        std::mt19937_64 &random);

  /// Runs all warps to their end, or until none can go on.
  void run();

  /// What Barriers.cpp needs.
  void arrive(Warp &warp, Split &split, const Instruction &instruction);
  void checkBarriers();

  /// Whether what another block did happened before what this one does.
  bool isAcquired(uint32_t otherBlock) const {
    return acquired.count(otherBlock) != 0;
  }

  Machine &machine;
  uint32_t position[3];
  uint32_t number;
  unsigned threads;
  std::vector<std::unique_ptr<Warp>> warps;
  NamedBarrier barriers[barrierCount];
  /// Counts barriers that all warps passed; the clocks they went on with.
  uint32_t phase = 0;
  std::vector<uint32_t> phaseClocks;
  /// Blocks whose writes are visible, and those that a fence will make so.
  std::set<uint32_t> acquired;
  std::set<uint32_t> acquirable;

private:
  void completeBarrier(NamedBarrier &barrier, unsigned expected,
                       unsigned exited);
  void reportStuck();
  unsigned getExited() const;

  std::mt19937_64 &random;
};

/// Threads that `mask` counts for at a barrier of the whole block.
unsigned getBarrierWeight(const Warp &warp, uint32_t mask);

} // namespace ptxsim

#endif // ATTN_PTXSIM_BLOCK_H
