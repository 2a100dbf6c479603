//===- Access.h - Accesses of threads to memory -----------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PTXSIM_ACCESS_H
#define ATTN_PTXSIM_ACCESS_H

#include "Block.h"

namespace ptxsim {

/// A thread that executes an instruction, as far as memory is concerned.
struct Accessor {
  Warp &warp;
  const Instruction &instruction;
  unsigned lane;
  /// Atomic, volatile or ordered: races with no other such access.
  bool isStrong = false;
  /// Accesses for all threads of the warp, whichever gave the address.
  bool isCollective = false;

  /// The lane whose own accesses are ordered with this one.
  unsigned getOrderedLane() const { return isCollective ? noLane : lane; }
  unsigned getRecordedLane() const { return isCollective ? manyLanes : lane; }
};

/// A checked range of memory.
struct Location {
  Space space = Space::Global;
  GlobalBuffer *buffer = nullptr;
  uint64_t offset = 0;
  uint8_t *data = nullptr;
  /// 1 (bit 0) for each byte that was written.
  uint8_t *state = nullptr;

  explicit operator bool() const { return data; }
};

/// Finds `bytes` bytes; reports what is misaligned or out of bounds.
Location locate(const Accessor &accessor, Space space, uint64_t address,
                unsigned bytes, unsigned align, const char *verb);

/// Reads elements that lie one behind the other and checks for races. Bits of
/// `poison` are set for elements with a byte that was never written.
bool load(const Accessor &accessor, Space space, uint64_t address,
          unsigned elementBytes, unsigned elements, void *to, uint32_t &poison);
/// Writes and checks for races. An element that is poison stays so in shared
/// and local memory, and is reported in global memory.
bool store(const Accessor &accessor, Space space, uint64_t address,
           unsigned elementBytes, unsigned elements, const void *from,
           uint32_t poison);

// ---- races ---- //
void recordRead(const Accessor &accessor, const Location &location,
                unsigned bytes);
void recordWrite(const Accessor &accessor, const Location &location,
                 unsigned bytes);
/// Of data that arrives: its race was checked when it was asked for.
void recordArrival(const Accessor &accessor, const Location &location,
                   unsigned bytes);

/// Reports a byte that a copy has still to write. Returns whether there is one.
bool reportPending(const Accessor &accessor, const Location &location,
                   unsigned bytes, const char *verb);

// ---- order between blocks ---- //
void release(const Accessor &accessor, const Location &location);
void acquire(const Accessor &accessor, const Location &location,
             bool isImmediate);

} // namespace ptxsim

#endif // ATTN_PTXSIM_ACCESS_H
