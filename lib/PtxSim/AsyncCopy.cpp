//===- AsyncCopy.cpp - Copies that complete later -------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The data of cp.async arrives when its thread waits for it, and no sooner.
// Until then nothing may touch the destination, whose old contents are gone.

#include "Access.h"
#include "Decoder.h"
#include <algorithm>

using namespace ptxsim;

namespace {
enum CopyMode : uint8_t { WholeSource, SourceSize, IgnoreSource };
} // namespace

/// How much of the source a lane copies; the rest is zeros.
static uint32_t getSourceBytes(Warp &warp, const Instruction &instruction,
                               unsigned lane) {
  uint32_t bytes = static_cast<uint32_t>(instruction.value);
  if (instruction.mode == WholeSource)
    return bytes;
  const Operand &operand = instruction.operands[0];
  if (warp.getPoison(operand) >> lane & 1) {
    warp.report(FindingKind::Uninitialised, instruction, lane,
                "has an uninitialised operand");
    return 0;
  }
  if (instruction.mode == IgnoreSource)
    return warp.readPredicate(operand) >> lane & 1 ? 0 : bytes;
  uint32_t wanted = warp.read<uint32_t>(operand)[lane];
  if (wanted <= bytes)
    return wanted;
  warp.report(FindingKind::InvalidOperation, instruction, lane,
              format("copies %u bytes to %u", wanted, bytes));
  return bytes;
}

static void startCopy(Warp &warp, const Instruction &instruction, unsigned lane,
                      uint64_t to, uint64_t from) {
  Accessor accessor{warp, instruction, lane};
  unsigned bytes = static_cast<unsigned>(instruction.value);
  Location destination =
      locate(accessor, instruction.space, to, bytes, bytes, "writes");
  if (!destination)
    return;
  reportPending(accessor, destination, bytes, "writes");
  recordWrite(accessor, destination, bytes);
  PendingCopy copy = {};
  copy.source = from;
  copy.destination = static_cast<uint32_t>(destination.offset);
  copy.lane = static_cast<uint8_t>(lane);
  copy.bytes = static_cast<uint8_t>(bytes);
  copy.sourceBytes =
      static_cast<uint8_t>(getSourceBytes(warp, instruction, lane));
  copy.instruction = &instruction;
  copy.group = warp.openGroup[lane];
  if (copy.sourceBytes) {
    Location source =
        locate(accessor, Space::Global, from, copy.sourceBytes, 1, "reads");
    if (from % bytes)
      warp.report(FindingKind::Misaligned, instruction, lane,
                  format("copies %u bytes from 0x%llx, which is no multiple of "
                         "as many",
                         bytes, static_cast<unsigned long long>(from)));
    if (source) {
      recordRead(accessor, source, copy.sourceBytes);
      std::copy_n(source.data, copy.sourceBytes, copy.expected);
    } else {
      copy.source = 0;
    }
  }
  for (unsigned byte = 0; byte < bytes; ++byte)
    destination.state[byte] = SharedMemory::Pending;
  // Whoever reads too early sees no old data.
  std::fill_n(destination.data, bytes, 0xff);
  warp.copies.push_back(copy);
}

static void runCopy(Warp &warp, const Instruction &instruction, uint32_t mask) {
  uint64_t to[warpSize], from[warpSize];
  warp.getAddresses(instruction, instruction.address, to, mask);
  warp.getAddresses(instruction, instruction.source, from, mask);
  for (unsigned lane = 0; lane < warpSize; ++lane)
    if (mask >> lane & 1)
      startCopy(warp, instruction, lane, to[lane], from[lane]);
}

static void finishCopy(Warp &warp, const PendingCopy &copy) {
  Accessor accessor{warp, *copy.instruction, copy.lane};
  SharedMemory &shared = warp.machine.shared;
  Location destination;
  destination.space = Space::Shared;
  destination.offset = copy.destination;
  destination.data = shared.data.data() + copy.destination;
  destination.state = shared.state.data() + copy.destination;
  std::fill_n(destination.data, copy.bytes, 0);
  std::fill_n(destination.state, copy.bytes, SharedMemory::Initialised);
  recordArrival(accessor, destination, copy.bytes);
  if (copy.sourceBytes == 0)
    return;
  GlobalBuffer *buffer =
      copy.source ? warp.machine.global.find(copy.source) : nullptr;
  if (!buffer) {
    std::fill_n(destination.state, copy.sourceBytes, 0);
    return;
  }
  uint64_t offset = copy.source - buffer->address;
  std::copy_n(buffer->data.data() + offset, copy.sourceBytes, destination.data);
  for (unsigned byte = 0; byte < copy.sourceBytes; ++byte)
    destination.state[byte] =
        buffer->initialised[offset + byte] ? SharedMemory::Initialised : 0;
  if (!std::equal(copy.expected, copy.expected + copy.sourceBytes,
                  destination.data))
    warp.report(FindingKind::Race, *copy.instruction, copy.lane,
                "copies global memory that was written before the copy was "
                "waited for");
}

/// Completes copies of the threads of `mask` but for their youngest groups.
static void finishCopies(Warp &warp, uint32_t mask, uint64_t youngest,
                         bool withOpen) {
  std::vector<PendingCopy> unfinished;
  for (const PendingCopy &copy : warp.copies) {
    uint32_t open = warp.openGroup[copy.lane];
    bool isDone = withOpen || uint64_t(copy.group) + youngest < open;
    if (mask >> copy.lane & 1 && isDone)
      finishCopy(warp, copy);
    else
      unfinished.push_back(copy);
  }
  warp.copies = std::move(unfinished);
}

static void runCommit(Warp &warp, const Instruction &instruction,
                      uint32_t mask) {
  for (unsigned lane = 0; lane < warpSize; ++lane)
    warp.openGroup[lane] += mask >> lane & 1;
}

static void runWait(Warp &warp, const Instruction &instruction, uint32_t mask) {
  finishCopies(warp, mask, instruction.value, /*withOpen=*/false);
}

static void runWaitAll(Warp &warp, const Instruction &instruction,
                       uint32_t mask) {
  runCommit(warp, instruction, mask);
  finishCopies(warp, mask, 0, /*withOpen=*/true);
}

// ---- decoding ---- //

static bool decodeCopy(Decoder &d) {
  bool isAllLevels = d.take("ca");
  if (!isAllLevels && !d.take("cg"))
    return d.error("this copy is not simulated");
  if (d.takeOneOf({"shared", "shared::cta"}) < 0 || !d.take("global"))
    return d.error("copies go from .global to .shared");
  bool hasPolicy = d.take("L2::cache_hint");
  d.takeOneOf({"L2::64B", "L2::128B", "L2::256B"});
  Instruction &instruction = d.instruction;
  instruction.run = runCopy;
  size_t count = d.getOperandCount();
  size_t least = hasPolicy ? 4 : 3;
  if (count < least || count > least + 1)
    return d.error("the number of operands is wrong");
  Space global = Space::Global;
  if (!d.setAddress(d.getOperand(0), Space::Shared) ||
      !d.makeAddress(d.getOperand(1), global, instruction.source) ||
      !d.getConstant(d.getOperand(2), instruction.value))
    return false;
  uint64_t bytes = instruction.value;
  if (bytes != 16 && (!isAllLevels || (bytes != 4 && bytes != 8)))
    return d.error("copies have 4, 8 or 16 bytes, those of .cg 16");
  instruction.mode = WholeSource;
  if (count == least)
    return true;
  bool isIgnore = d.isRegister(d.getOperand(3), Type::Pred);
  instruction.mode = isIgnore ? IgnoreSource : SourceSize;
  return d.addSource(d.getOperand(3), isIgnore ? Type::Pred : Type::U32);
}

static bool decodeAsync(Decoder &d) {
  if (!d.take("async"))
    return d.error("this copy is not simulated");
  if (d.take("commit_group")) {
    d.instruction.run = runCommit;
    return d.expectOperands(0);
  }
  if (d.take("wait_all")) {
    d.instruction.run = runWaitAll;
    return d.expectOperands(0);
  }
  if (d.take("wait_group")) {
    d.instruction.run = runWait;
    return d.expectOperands(1) &&
           d.getConstant(d.getOperand(0), d.instruction.value);
  }
  return decodeCopy(d);
}

void ptxsim::addAsyncCopyOpcodes(OpcodeTable &table) {
  table["cp"] = decodeAsync;
}
