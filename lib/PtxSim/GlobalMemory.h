//===- GlobalMemory.h - Global memory and what happened to it ---*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PTXSIM_GLOBALMEMORY_H
#define ATTN_PTXSIM_GLOBALMEMORY_H

#include "ZeroedArray.h"
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace ptxsim {

/// The last access to a byte in the launch.
struct GlobalAccess {
  /// The number of the block since the simulator began, from 1; 0: none.
  uint32_t block = 0;
  uint32_t clock = 0;
  uint32_t line = 0;
  uint8_t warp = 0;
  uint8_t lane = 0;
  /// Of a write: atomic, or a strong store.
  bool isAtomic = false;
  /// Of a read: another block read the byte, too.
  bool isManyBlocks = false;
};

/// The last read, and which warps of its block read the byte since all of them
/// met at a barrier.
struct GlobalRead : GlobalAccess {
  uint32_t warps = 0;
  uint32_t phase = 0;
};

struct GlobalBuffer {
  std::string name;
  uint64_t address = 0;
  std::vector<uint8_t> data;
  /// 1 for each byte that was written.
  std::vector<uint8_t> initialised;
  ZeroedArray<GlobalAccess> writes;
  ZeroedArray<GlobalRead> reads;
  /// Blocks that released what they did at an atomic variable, by its offset.
  std::map<uint64_t, std::set<uint32_t>> releases;
  /// Of a .global or .const variable, which cannot be freed.
  bool isVariable = false;

  uint64_t getEnd() const { return address + data.size(); }
};

/// Allocations lie in pages of their own, far enough from each other that what
/// runs over the end of one meets no other.
class GlobalMemory {
public:
  GlobalBuffer *allocate(uint64_t bytes, unsigned align, std::string name);
  bool free(uint64_t address);

  /// The buffer that `address` lies in or, behind its end, closest to; null if
  /// there is none.
  GlobalBuffer *find(uint64_t address) const {
    if (last && address >= last->address && address < last->getEnd())
      return last;
    return findPage(address);
  }

  static bool contains(uint64_t address) { return address >= firstAddress; }

  /// Where the copies of the host and kernels are told apart from the windows
  /// of the other spaces.
  static constexpr uint64_t firstAddress = 0x7f0000000000;

private:
  static constexpr unsigned pageBits = 16;
  GlobalBuffer *findPage(uint64_t address) const;

  std::vector<std::unique_ptr<GlobalBuffer>> buffers;
  /// Of each page the buffer, if any.
  std::vector<GlobalBuffer *> pages;
  mutable GlobalBuffer *last = nullptr;
};

} // namespace ptxsim

#endif // ATTN_PTXSIM_GLOBALMEMORY_H
