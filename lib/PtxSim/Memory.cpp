//===- Memory.cpp - Loads and stores --------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Access.h"
#include "Decoder.h"

using namespace ptxsim;

namespace {
enum MemoryFlags : uint8_t {
  Strong = 1,
  Acquire = 2,
  Release = 4,
  /// Of .volatile and .relaxed: ordered by a fence that stands beside it.
  Weakly = 8
};

constexpr unsigned mostElements = 8;
} // namespace

static void runLoad(Warp &warp, const Instruction &instruction, uint32_t mask) {
  uint64_t addresses[warpSize];
  uint32_t known = mask;
  warp.getAddresses(instruction, instruction.address, addresses, known);
  unsigned elements = instruction.vector;
  unsigned bytes = getBytes(instruction.type);
  unsigned unused = 64 - 8 * bytes;
  uint64_t values[mostElements][warpSize] = {};
  // What could not be read is poison.
  uint32_t poison[mostElements];
  std::fill_n(poison, mostElements, mask & ~known);
  for (unsigned lane = 0; lane < warpSize; ++lane) {
    if (!(known >> lane & 1))
      continue;
    Accessor accessor{warp, instruction, lane,
                      bool(instruction.flags & Strong)};
    uint8_t data[32] = {};
    uint32_t unwritten = 0;
    bool isRead = load(accessor, instruction.space, addresses[lane], bytes,
                       elements, data, unwritten);
    for (unsigned element = 0; element < elements; ++element) {
      uint64_t value = 0;
      std::memcpy(&value, data + size_t(element) * bytes, bytes);
      if (isSigned(instruction.type))
        value = static_cast<uint64_t>(static_cast<int64_t>(value << unused) >>
                                      unused);
      values[element][lane] = value;
      poison[element] |= (unwritten >> element & 1) << lane;
    }
    if (isRead && instruction.flags & (Acquire | Weakly))
      if (Location location =
              locate(accessor, instruction.space, addresses[lane],
                     bytes * elements, 1, "reads"))
        acquire(accessor, location, instruction.flags & Acquire);
  }
  for (unsigned element = 0; element < elements; ++element) {
    const Operand &result = instruction.operands[element];
    warp.writeWide(result, values[element], mask);
    warp.setPoison(result, poison[element], mask);
  }
}

static void runStore(Warp &warp, const Instruction &instruction,
                     uint32_t mask) {
  uint64_t addresses[warpSize];
  warp.getAddresses(instruction, instruction.address, addresses, mask);
  unsigned elements = instruction.vector;
  unsigned bytes = getBytes(instruction.type);
  uint64_t values[mostElements][warpSize];
  uint32_t poison[mostElements];
  for (unsigned element = 0; element < elements; ++element) {
    warp.readWide(instruction.operands[element], values[element]);
    poison[element] = warp.getPoison(instruction.operands[element]);
  }
  for (unsigned lane = 0; lane < warpSize; ++lane) {
    if (!(mask >> lane & 1))
      continue;
    Accessor accessor{warp, instruction, lane,
                      bool(instruction.flags & Strong)};
    uint8_t data[32];
    uint32_t unwritten = 0;
    for (unsigned element = 0; element < elements; ++element) {
      std::memcpy(data + size_t(element) * bytes, &values[element][lane],
                  bytes);
      unwritten |= (poison[element] >> lane & 1) << element;
    }
    bool isRelease = instruction.flags & Release ||
                     (instruction.flags & Weakly && warp.hasFence);
    if (store(accessor, instruction.space, addresses[lane], bytes, elements,
              data, unwritten) &&
        isRelease)
      if (Location location =
              locate(accessor, instruction.space, addresses[lane],
                     bytes * elements, 1, "writes"))
        release(accessor, location);
  }
}

// ---- decoding ---- //

static bool takeScope(Decoder &d) {
  return d.takeOneOf({"cta", "cluster", "gpu", "sys"}) >= 0;
}

/// Ordering of a load or store: .weak, .volatile, .relaxed, .acquire, .release.
static bool decodeOrdering(Decoder &d, bool isLoad) {
  uint8_t &flags = d.instruction.flags;
  if (d.take("weak"))
    return true;
  if (d.take("volatile")) {
    flags |= Strong | Weakly;
    return true;
  }
  bool isRelaxed = d.take("relaxed");
  bool isOrdered = !isRelaxed && d.take(isLoad ? "acquire" : "release");
  if (!isRelaxed && !isOrdered)
    return true;
  flags |= Strong;
  flags |= isRelaxed ? Weakly : isLoad ? Acquire : Release;
  return takeScope(d) || d.error("expected a scope");
}

/// What only moves data between caches says nothing about results.
static bool takeCacheHints(Decoder &d) {
  d.takeOneOf({"ca", "cg", "cs", "lu", "cv", "wb", "wt"});
  d.takeOneOf({"L1::evict_normal", "L1::evict_unchanged", "L1::evict_first",
               "L1::evict_last", "L1::no_allocate"});
  d.takeOneOf({"L2::evict_normal", "L2::evict_first", "L2::evict_last"});
  d.takeOneOf({"L2::64B", "L2::128B", "L2::256B"});
  return d.take("L2::cache_hint");
}

static bool takeSpace(Decoder &d, Space &space) {
  int index = d.takeOneOf(
      {"global", "shared", "shared::cta", "local", "param", "const"});
  static constexpr Space spaces[] = {Space::Global, Space::Shared,
                                     Space::Shared, Space::Local,
                                     Space::Param,  Space::Const};
  space = index < 0 ? Space::Generic : spaces[index];
  if (space == Space::Param)
    d.takeOneOf({"entry", "func"});
  return true;
}

static bool decodeAccess(Decoder &d) {
  bool isLoad = d.getName() != "st";
  Space space;
  if (!decodeOrdering(d, isLoad) || !takeSpace(d, space))
    return false;
  if (isLoad && d.take("nc") && space != Space::Global)
    return d.error("only global memory is read through the constant cache");
  bool hasPolicy = takeCacheHints(d);
  int vector = d.takeOneOf({"v2", "v4", "v8"});
  std::optional<Type> type = d.takeType();
  if (!type || *type == Type::Pred || *type == Type::B128 ||
      (isFloat(*type) && *type != Type::F32 && *type != Type::F64))
    return type ? d.unsupportedType(*type) : d.error("expected a type");
  unsigned elements = vector < 0 ? 1 : 2u << vector;
  if (elements * getBytes(*type) > 32)
    return d.error("so wide an access is not simulated");
  d.instruction.type = *type;
  d.instruction.vector = static_cast<uint8_t>(elements);
  d.instruction.run = isLoad ? runLoad : runStore;
  if (!d.expectOperands(hasPolicy ? 3 : 2))
    return false;
  const ParsedOperand &address = d.getOperand(isLoad ? 1 : 0);
  const ParsedOperand &data = d.getOperand(isLoad ? 0 : 1);
  if (!d.setAddress(address, space))
    return false;
  if (!isLoad && (d.instruction.space == Space::Param ||
                  d.instruction.space == Space::Const))
    return d.error("this space is only read");
  std::vector<ParsedOperand> single = {data};
  const std::vector<ParsedOperand> &list = vector < 0 ? single : data.elements;
  if (list.size() != elements ||
      (vector >= 0 && data.kind != ParsedOperand::List))
    return d.error("expected a vector of " + std::to_string(elements));
  for (const ParsedOperand &element : list)
    if (isLoad ? !d.addDestination(element, *type, /*mayBeWider=*/true)
               : !d.addSource(element, *type, /*mayBeWider=*/true))
      return false;
  return true;
}

/// Prefetches change nothing; their addresses are not checked, either, since
/// they may lie anywhere.
static bool decodeHint(Decoder &d) {
  d.instruction.run = [](Warp &, const Instruction &, uint32_t) {};
  Space space;
  takeSpace(d, space);
  d.takeOneOf({"L1", "L2"});
  d.takeOneOf({"L2::evict_last", "L2::evict_normal"});
  return true;
}

void ptxsim::addMemoryOpcodes(OpcodeTable &table) {
  table["ld"] = decodeAccess;
  table["ldu"] = decodeAccess;
  table["st"] = decodeAccess;
  table["prefetch"] = decodeHint;
  table["prefetchu"] = decodeHint;
}
