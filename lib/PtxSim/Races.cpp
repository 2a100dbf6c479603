//===- Races.cpp - Accesses that nothing orders ---------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Time is kept per warp: a warp's clock advances where it synchronises, and
// `known` holds, for each other warp of the block, the last of its clocks that
// happened before. An access is ordered if its clock is known. Blocks are
// ordered by fences and atomics only.

#include "Access.h"
#include <algorithm>

using namespace ptxsim;

static void reportRace(const Accessor &accessor, const char *verb,
                       const char *spaceName, uint64_t address,
                       const std::string &other) {
  accessor.warp.report(
      FindingKind::Race, accessor.instruction, accessor.lane,
      format("%s %s memory at 0x%llx, which %s", verb, spaceName,
             static_cast<unsigned long long>(address), other.c_str()));
}

static std::string describe(const Warp &warp, const char *verb,
                            unsigned otherWarp, unsigned lane, unsigned line) {
  if (lane == manyLanes)
    return format("threads of warp %u %s at line %u without synchronisation",
                  otherWarp, verb, line);
  ThreadId thread = warp.block.warps[otherWarp]->getThread(lane);
  return format("thread (%u,%u,%u) %s at line %u without synchronisation",
                thread.thread[0], thread.thread[1], thread.thread[2], verb,
                line);
}

// ---- shared memory ---- //

static SharedAccess makeAccess(const Accessor &accessor) {
  SharedAccess access;
  access.clock = accessor.warp.clock;
  unsigned line = accessor.instruction.line;
  access.line = line > lastLine ? 0 : line;
  access.warp = accessor.warp.number;
  access.isAtomic = accessor.isStrong;
  access.lane = accessor.getRecordedLane();
  return access;
}

/// Checks against the last write of each byte.
static bool checkSharedWrites(const Accessor &accessor, uint64_t begin,
                              unsigned bytes, const char *verb) {
  Warp &warp = accessor.warp;
  const SharedAccess *writes = warp.machine.shared.writes.data() + begin;
  for (unsigned byte = 0; byte < bytes; ++byte) {
    const SharedAccess &write = writes[byte];
    // Most accesses meet what one store wrote.
    if (byte && write == writes[byte - 1])
      continue;
    if (warp.isOrdered(write.warp, write.lane, write.clock,
                       accessor.getOrderedLane()) ||
        (accessor.isStrong && write.isAtomic))
      continue;
    reportRace(accessor, verb, "shared", begin + byte,
               describe(warp, "wrote", write.warp, write.lane, write.line));
    return false;
  }
  return true;
}

static void readShared(const Accessor &accessor, uint64_t begin,
                       unsigned bytes) {
  Warp &warp = accessor.warp;
  checkSharedWrites(accessor, begin, bytes, "reads");
  if (accessor.isStrong)
    return;
  SharedAccess access = makeAccess(accessor), many = access;
  many.lane = manyLanes;
  SharedAccess *reads = warp.machine.shared.reads[warp.number].data() + begin;
  for (unsigned byte = 0; byte < bytes; ++byte) {
    bool isMany =
        reads[byte].clock == access.clock && reads[byte].lane != access.lane;
    reads[byte] = isMany ? many : access;
  }
}

static void markSharedWrite(const Accessor &accessor, uint64_t begin,
                            unsigned bytes) {
  std::fill_n(accessor.warp.machine.shared.writes.data() + begin, bytes,
              makeAccess(accessor));
}

static void writeShared(const Accessor &accessor, uint64_t begin,
                        unsigned bytes) {
  Warp &warp = accessor.warp;
  SharedMemory &shared = warp.machine.shared;
  bool isClean = checkSharedWrites(accessor, begin, bytes, "writes");
  for (unsigned other = 0; isClean && other < warp.block.warps.size();
       ++other) {
    const SharedAccess *reads = shared.reads[other].data() + begin;
    uint32_t known = warp.known[other];
    for (unsigned byte = 0; byte < bytes; ++byte) {
      if (reads[byte].clock <= known ||
          (byte && reads[byte] == reads[byte - 1]) ||
          (other == warp.number &&
           reads[byte].lane == accessor.getOrderedLane()))
        continue;
      reportRace(
          accessor, "writes", "shared", begin + byte,
          describe(warp, "read", other, reads[byte].lane, reads[byte].line));
      isClean = false;
      break;
    }
  }
  markSharedWrite(accessor, begin, bytes);
}

// ---- global memory ---- //

/// Whether an earlier access is unordered with what the thread does now.
static bool isUnordered(const Accessor &accessor, const GlobalAccess &other) {
  const Warp &warp = accessor.warp;
  if (other.block < warp.machine.firstBlock)
    return false;
  if (other.block != warp.block.number)
    return !warp.block.isAcquired(other.block);
  return !warp.isOrdered(other.warp, other.lane, other.clock,
                         accessor.getOrderedLane());
}

static std::string describeGlobal(const Accessor &accessor,
                                  const GlobalAccess &other, const char *verb) {
  if (other.block != accessor.warp.block.number)
    return format("another block %s at line %u", verb, other.line);
  return describe(accessor.warp, verb, other.warp, other.lane, other.line);
}

static bool checkGlobalWrites(const Accessor &accessor,
                              const Location &location, unsigned bytes,
                              const char *verb) {
  const GlobalAccess *writes = location.buffer->writes.data() + location.offset;
  for (unsigned byte = 0; byte < bytes; ++byte) {
    if (!isUnordered(accessor, writes[byte]) ||
        (accessor.isStrong && writes[byte].isAtomic))
      continue;
    reportRace(accessor, verb, "global",
               location.buffer->address + location.offset + byte,
               describeGlobal(accessor, writes[byte], "wrote"));
    return false;
  }
  return true;
}

static void readGlobal(const Accessor &accessor, const Location &location,
                       unsigned bytes) {
  Warp &warp = accessor.warp;
  checkGlobalWrites(accessor, location, bytes, "reads");
  if (accessor.isStrong)
    return;
  GlobalRead access;
  access.block = warp.block.number;
  access.clock = warp.clock;
  access.line = accessor.instruction.line;
  access.warp = static_cast<uint8_t>(warp.number);
  access.lane = static_cast<uint8_t>(accessor.getRecordedLane());
  access.phase = warp.block.phase;
  GlobalRead *reads = location.buffer->reads.data() + location.offset;
  for (unsigned byte = 0; byte < bytes; ++byte) {
    GlobalRead &read = reads[byte];
    access.isManyBlocks = false;
    access.warps = 1u << warp.number;
    access.lane = static_cast<uint8_t>(accessor.getRecordedLane());
    if (read.block == access.block) {
      access.isManyBlocks = read.isManyBlocks;
      if (read.phase == access.phase)
        access.warps |= read.warps;
      if (read.warp == access.warp && read.clock == access.clock &&
          read.lane != access.lane)
        access.lane = manyLanes;
    } else if (read.block >= warp.machine.firstBlock) {
      access.isManyBlocks = isUnordered(accessor, read) || read.isManyBlocks;
    }
    read = access;
  }
}

/// Whether a read of the byte is unordered with a write that happens now.
static bool isReadUnordered(const Accessor &accessor, const GlobalRead &read) {
  const Warp &warp = accessor.warp;
  if (read.block < warp.machine.firstBlock)
    return false;
  if (isUnordered(accessor, read) || read.isManyBlocks)
    return true;
  if (read.block != warp.block.number || read.phase != warp.block.phase)
    return false;
  // An earlier reader is certainly unordered if nothing was heard of it since.
  for (unsigned other = 0; other < warp.block.warps.size(); ++other)
    if (other != warp.number && read.warps >> other & 1 &&
        warp.known[other] < warp.block.phaseClocks[other])
      return true;
  return false;
}

static void writeGlobal(const Accessor &accessor, const Location &location,
                        unsigned bytes) {
  Warp &warp = accessor.warp;
  bool isClean = checkGlobalWrites(accessor, location, bytes, "writes");
  GlobalRead *reads = location.buffer->reads.data() + location.offset;
  GlobalAccess *writes = location.buffer->writes.data() + location.offset;
  GlobalAccess access;
  access.block = warp.block.number;
  access.clock = warp.clock;
  access.line = accessor.instruction.line;
  access.warp = static_cast<uint8_t>(warp.number);
  access.lane = static_cast<uint8_t>(accessor.getRecordedLane());
  access.isAtomic = accessor.isStrong;
  for (unsigned byte = 0; byte < bytes; ++byte) {
    if (isClean && isReadUnordered(accessor, reads[byte])) {
      reportRace(accessor, "writes", "global",
                 location.buffer->address + location.offset + byte,
                 describeGlobal(accessor, reads[byte], "read"));
      isClean = false;
    }
    writes[byte] = access;
  }
  warp.hasFence = accessor.isStrong && warp.hasFence;
}

void ptxsim::recordRead(const Accessor &accessor, const Location &location,
                        unsigned bytes) {
  if (location.space == Space::Shared)
    readShared(accessor, location.offset, bytes);
  else if (location.space == Space::Global)
    readGlobal(accessor, location, bytes);
}

void ptxsim::recordWrite(const Accessor &accessor, const Location &location,
                         unsigned bytes) {
  if (location.space == Space::Shared)
    writeShared(accessor, location.offset, bytes);
  else if (location.space == Space::Global)
    writeGlobal(accessor, location, bytes);
}

void ptxsim::recordArrival(const Accessor &accessor, const Location &location,
                           unsigned bytes) {
  markSharedWrite(accessor, location.offset, bytes);
}

// ---- order between blocks ---- //

void ptxsim::release(const Accessor &accessor, const Location &location) {
  if (location.space != Space::Global)
    return;
  const Block &block = accessor.warp.block;
  std::set<uint32_t> &released = location.buffer->releases[location.offset];
  released.insert(block.number);
  released.insert(block.acquired.begin(), block.acquired.end());
}

void ptxsim::acquire(const Accessor &accessor, const Location &location,
                     bool isImmediate) {
  if (location.space != Space::Global)
    return;
  auto found = location.buffer->releases.find(location.offset);
  if (found == location.buffer->releases.end())
    return;
  Block &block = accessor.warp.block;
  std::set<uint32_t> &to = isImmediate ? block.acquired : block.acquirable;
  to.insert(found->second.begin(), found->second.end());
}
