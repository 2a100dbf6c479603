//===- Atomic.cpp - Atomic operations -------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Access.h"
#include "Decoder.h"
#include "FloatFormats.h"
#include <algorithm>

using namespace ptxsim;

namespace {
enum class AtomicOperation : uint8_t {
  Add,
  Min,
  Max,
  Increment,
  Decrement,
  And,
  Or,
  Xor,
  Exchange,
  CompareAndSwap
};
enum AtomicFlags : uint8_t {
  Acquire = 1,
  Release = 2,
  /// red, which has no result.
  NoResult = 4
};
} // namespace

template <typename T>
static T applyInteger(AtomicOperation operation, T old, T operand) {
  switch (operation) {
  case AtomicOperation::Add:
    return static_cast<T>(static_cast<uint64_t>(old) +
                          static_cast<uint64_t>(operand));
  case AtomicOperation::Min:
    return std::min(old, operand);
  case AtomicOperation::Max:
    return std::max(old, operand);
  case AtomicOperation::Increment:
    return old >= operand ? 0 : old + 1;
  case AtomicOperation::Decrement:
    return old == 0 || old > operand ? operand : old - 1;
  case AtomicOperation::And:
    return old & operand;
  case AtomicOperation::Or:
    return old | operand;
  case AtomicOperation::Xor:
    return old ^ operand;
  default:
    return operand;
  }
}

static uint64_t addHalves(Type type, uint64_t old, uint64_t operand) {
  bool isBfloat = type == Type::BF16 || type == Type::BF16x2;
  uint64_t result = 0;
  for (unsigned part = 0; part < getBytes(type) / 2; ++part) {
    uint16_t a = static_cast<uint16_t>(old >> (16 * part));
    uint16_t b = static_cast<uint16_t>(operand >> (16 * part));
    uint16_t sum =
        isBfloat
            ? doubleToBfloat(
                  multiplyAddToOdd(bfloatToFloat(a), 1, bfloatToFloat(b)))
            : doubleToHalf(multiplyAddToOdd(halfToFloat(a), 1, halfToFloat(b)));
    result |= uint64_t(sum) << (16 * part);
  }
  return result;
}

static uint64_t apply(const Instruction &instruction, bool isGlobal,
                      uint64_t old, uint64_t operand) {
  AtomicOperation operation = static_cast<AtomicOperation>(instruction.mode);
  switch (instruction.type) {
  case Type::F32: {
    float a = bitCast<float>(static_cast<uint32_t>(old));
    float b = bitCast<float>(static_cast<uint32_t>(operand));
    // In global memory subnormal numbers are flushed.
    float sum = isGlobal ? flush(flush(a) + flush(b)) : a + b;
    return bitCast<uint32_t>(canonicalize(sum));
  }
  case Type::F64:
    return bitCast<uint64_t>(bitCast<double>(old) + bitCast<double>(operand));
  case Type::F16:
  case Type::F16x2:
  case Type::BF16:
  case Type::BF16x2:
    return addHalves(instruction.type, old, operand);
  case Type::S32:
    return static_cast<uint32_t>(applyInteger(
        operation, static_cast<int32_t>(old), static_cast<int32_t>(operand)));
  case Type::S64:
    return static_cast<uint64_t>(applyInteger(
        operation, static_cast<int64_t>(old), static_cast<int64_t>(operand)));
  case Type::U32:
  case Type::B32:
    return applyInteger(operation, static_cast<uint32_t>(old),
                        static_cast<uint32_t>(operand));
  default:
    return applyInteger(operation, old, operand);
  }
}

/// Operands: the result unless there is none, b, c of a swap.
static void runAtomic(Warp &warp, const Instruction &instruction,
                      uint32_t mask) {
  uint64_t addresses[warpSize];
  uint32_t known = mask;
  warp.getAddresses(instruction, instruction.address, addresses, known);
  const Operand *sources =
      instruction.operands + (instruction.flags & NoResult ? 0 : 1);
  AtomicOperation operation = static_cast<AtomicOperation>(instruction.mode);
  bool isSwap = operation == AtomicOperation::CompareAndSwap;
  uint64_t values[warpSize], others[warpSize] = {}, results[warpSize] = {};
  warp.readWide(sources[0], values);
  uint32_t unknown = warp.getPoison(sources[0]);
  if (isSwap) {
    warp.readWide(sources[1], others);
    unknown |= warp.getPoison(sources[1]);
  }
  if (unknown & known)
    warp.reportPoison(instruction, unknown & known,
                      "has an uninitialised operand");
  unsigned bytes = getBytes(instruction.type);
  uint32_t poison = mask & ~known;
  for (unsigned lane = 0; lane < warpSize; ++lane) {
    if (!(known >> lane & 1))
      continue;
    Accessor accessor{warp, instruction, lane, /*isStrong=*/true};
    Location location = locate(accessor, instruction.space, addresses[lane],
                               bytes, bytes, "updates");
    if (!location) {
      poison |= 1u << lane;
      continue;
    }
    if (location.space != Space::Global && location.space != Space::Shared) {
      warp.report(FindingKind::InvalidOperation, instruction, lane,
                  "updates neither global nor shared memory");
      continue;
    }
    bool isWritten = std::all_of(location.state, location.state + bytes,
                                 [](uint8_t state) { return state & 1; });
    if (!isWritten && operation != AtomicOperation::Exchange)
      warp.report(FindingKind::Uninitialised, instruction, lane,
                  "updates memory that was never written");
    reportPending(accessor, location, bytes, "updates");
    if (instruction.flags & Acquire || !(instruction.flags & NoResult))
      acquire(accessor, location, instruction.flags & Acquire);
    bool isReleasing = instruction.flags & Release || warp.hasFence;
    recordWrite(accessor, location, bytes);
    uint64_t old = 0;
    std::memcpy(&old, location.data, bytes);
    uint64_t next = others[lane];
    if (!isSwap)
      next = apply(instruction, location.space == Space::Global, old,
                   values[lane]);
    else if (old != values[lane])
      next = old;
    std::memcpy(location.data, &next, bytes);
    for (unsigned byte = 0; byte < bytes; ++byte)
      location.state[byte] |= 1;
    if (isReleasing)
      release(accessor, location);
    results[lane] = old;
    poison |= uint32_t(!isWritten) << lane;
  }
  if (instruction.flags & NoResult)
    return;
  warp.writeWide(instruction.operands[0], results, mask);
  warp.setPoison(instruction.operands[0], poison, mask);
}

static bool isValid(AtomicOperation operation, Type type) {
  bool isHalfType = type == Type::F16 || type == Type::F16x2 ||
                    type == Type::BF16 || type == Type::BF16x2;
  bool isWord = getBytes(type) == 4 || getBytes(type) == 8;
  bool isBits = type == Type::B32 || type == Type::B64;
  switch (operation) {
  case AtomicOperation::Add:
    return isHalfType || type == Type::F32 || type == Type::F64 ||
           (isInteger(type) && isWord);
  case AtomicOperation::Min:
  case AtomicOperation::Max:
    return isInteger(type) && isWord;
  case AtomicOperation::Increment:
  case AtomicOperation::Decrement:
    return type == Type::U32;
  case AtomicOperation::CompareAndSwap:
    return isBits || type == Type::B16;
  case AtomicOperation::And:
  case AtomicOperation::Or:
  case AtomicOperation::Xor:
  case AtomicOperation::Exchange:
    return isBits;
  }
  return false;
}

static bool decodeAtomic(Decoder &d) {
  bool hasResult = d.getName() == "atom";
  uint8_t &flags = d.instruction.flags;
  flags = hasResult ? 0 : NoResult;
  switch (d.takeOneOf({"relaxed", "acquire", "release", "acq_rel"})) {
  case 1:
    flags |= Acquire;
    break;
  case 2:
    flags |= Release;
    break;
  case 3:
    flags |= Acquire | Release;
    break;
  default:
    break;
  }
  d.takeOneOf({"cta", "cluster", "gpu", "sys"});
  int space = d.takeOneOf({"global", "shared", "shared::cta"});
  int operation = d.takeOneOf(
      {"add", "min", "max", "inc", "dec", "and", "or", "xor", "exch", "cas"});
  if (operation < 0)
    return d.error("expected an operation");
  d.instruction.mode = static_cast<uint8_t>(operation);
  AtomicOperation which = static_cast<AtomicOperation>(operation);
  d.take("noftz");
  std::optional<Type> type = d.takeType();
  if (!type)
    return d.error("expected a type");
  if (!isValid(which, *type))
    return d.unsupportedType(*type);
  d.instruction.type = *type;
  d.instruction.run = runAtomic;
  bool isSwap = which == AtomicOperation::CompareAndSwap;
  if (isSwap && !hasResult)
    return d.error("a swap has a result");
  size_t count = 1 + hasResult + 1 + isSwap;
  if (!d.expectOperands(count))
    return false;
  size_t next = 0;
  if (hasResult && !d.addDestination(d.getOperand(next++), *type))
    return false;
  Space where = space < 0    ? Space::Generic
                : space == 0 ? Space::Global
                             : Space::Shared;
  if (!d.setAddress(d.getOperand(next++), where))
    return false;
  for (; next < count; ++next)
    if (!d.addSource(d.getOperand(next), *type))
      return false;
  return true;
}

void ptxsim::addAtomicOpcodes(OpcodeTable &table) {
  table["atom"] = decodeAtomic;
  table["red"] = decodeAtomic;
}
