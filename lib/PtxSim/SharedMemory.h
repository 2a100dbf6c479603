//===- SharedMemory.h - Shared memory and what happened to it ---*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PTXSIM_SHAREDMEMORY_H
#define ATTN_PTXSIM_SHAREDMEMORY_H

#include "ZeroedArray.h"
#include <cstdint>
#include <cstring>
#include <vector>

namespace ptxsim {

/// A read or write of a byte.
struct SharedAccess {
  uint32_t clock;
  uint32_t line : 18;
  uint32_t warp : 5;
  /// Atomic, or a strong store.
  uint32_t isAtomic : 1;
  /// A lane, or manyLanes.
  uint32_t lane : 8;

  bool operator==(const SharedAccess &other) const {
    return std::memcmp(this, &other, sizeof(other)) == 0;
  }
};
static_assert(sizeof(SharedAccess) == 8);
constexpr uint32_t manyLanes = 0xff;
constexpr uint32_t noLane = 0xfe;
/// Lines behind it are recorded as 0.
constexpr uint32_t lastLine = (1u << 18) - 1;

/// The shared memory of a block. Clocks of warps never go back, so what was
/// recorded for an earlier block needs no clearing.
struct SharedMemory {
  enum : uint8_t { Initialised = 1, Pending = 2, Outside = 4 };

  std::vector<uint8_t> data;
  /// Of each byte, whether it was written, awaits the data of an asynchronous
  /// copy, or belongs to no variable.
  std::vector<uint8_t> state;
  ZeroedArray<SharedAccess> writes;
  /// By warp and byte.
  std::vector<ZeroedArray<SharedAccess>> reads;

  void resize(uint64_t bytes, unsigned warps) {
    data.assign(bytes, 0);
    state.assign(bytes, 0);
    writes = ZeroedArray<SharedAccess>(bytes);
    reads.clear();
    for (unsigned warp = 0; warp < warps; ++warp)
      reads.emplace_back(bytes);
  }
};

} // namespace ptxsim

#endif // ATTN_PTXSIM_SHAREDMEMORY_H
