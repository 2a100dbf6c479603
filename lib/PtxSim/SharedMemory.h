//===- SharedMemory.h - Shared memory and what happened to it ---*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PTXSIM_SHAREDMEMORY_H
#define ATTN_PTXSIM_SHAREDMEMORY_H

#include <cstdint>
#include <vector>

namespace ptxsim {

/// A read or write of a byte: which lane of a known warp, when and where.
struct SharedAccess {
  uint32_t clock = 0;
  uint32_t line : 24;
  /// A lane, or ManyLanes.
  uint32_t lane : 8;
};
constexpr uint32_t ManyLanes = 0xff;
constexpr uint32_t NoLane = 0xfe;

/// The shared memory of a block. Clocks of warps never go back, so what was
/// recorded for an earlier block needs no clearing.
struct SharedMemory {
  enum : uint8_t { Initialised = 1, Pending = 2, Outside = 4 };

  std::vector<uint8_t> data;
  /// Of each byte, whether it was written, awaits the data of an asynchronous
  /// copy, or belongs to no variable.
  std::vector<uint8_t> state;
  std::vector<SharedAccess> writes;
  std::vector<uint8_t> writeWarps;
  std::vector<uint8_t> writeAtomic;
  /// By warp and byte.
  std::vector<std::vector<SharedAccess>> reads;

  void resize(uint64_t bytes, unsigned warps) {
    data.assign(bytes, 0);
    state.assign(bytes, 0);
    writes.assign(bytes, {});
    writeWarps.assign(bytes, 0);
    writeAtomic.assign(bytes, 0);
    reads.assign(warps, std::vector<SharedAccess>(bytes));
  }
};

} // namespace ptxsim

#endif // ATTN_PTXSIM_SHAREDMEMORY_H
