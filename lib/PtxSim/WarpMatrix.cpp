//===- WarpMatrix.cpp - Matrices of unknown layout (wmma) -----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The ISA does not say which thread holds which element of a fragment of wmma.
// Here thread t holds the 8 elements from 8 t on, of rows one behind the other;
// fragments of A and B of .f16 have 16, and the second half of the warp holds
// what the first one does.

#include "Access.h"
#include "Decoder.h"
#include "FloatFormats.h"
#include <algorithm>

using namespace ptxsim;

namespace {
constexpr unsigned side = 16;
enum FragmentFlags : uint8_t { ColumnMajor = 1, HasStride = 2 };

/// How many registers a thread has for a matrix, of how many elements each.
struct Fragment {
  unsigned registers;
  unsigned packed;

  unsigned getElements() const { return registers * packed; }
  /// Of an element of a register: row by row.
  unsigned getIndex(unsigned lane, unsigned reg, unsigned part) const {
    return (lane * getElements() + reg * packed + part) % (side * side);
  }
};

struct Square {
  uint32_t bits[side * side] = {};
  bool poison[side * side] = {};
};
} // namespace

static Fragment getFragment(Type type, bool isAccumulator) {
  if (type == Type::F32)
    return {8, 1};
  return {!isAccumulator && type == Type::F16 ? 8u : 4u, 2};
}

static bool isWholeWarp(Warp &warp, const Instruction &instruction,
                        uint32_t mask) {
  if (mask == ~0u)
    return true;
  warp.report(FindingKind::DivergentWarp, instruction,
              static_cast<unsigned>(__builtin_ctz(mask)),
              "is executed by a part of a warp");
  return false;
}

static void readFragment(Warp &warp, const Operand *operands, Fragment fragment,
                         Square &square) {
  for (unsigned reg = 0; reg < fragment.registers; ++reg) {
    const uint32_t *values = warp.read<uint32_t>(operands[reg]);
    uint32_t poison = warp.getPoison(operands[reg]);
    for (unsigned lane = 0; lane < warpSize; ++lane)
      for (unsigned part = 0; part < fragment.packed; ++part) {
        unsigned index = fragment.getIndex(lane, reg, part);
        uint32_t bits = values[lane] >> (16 * part);
        square.bits[index] = fragment.packed == 1 ? bits : bits & 0xffff;
        square.poison[index] = poison >> lane & 1;
      }
  }
}

static void writeFragment(Warp &warp, const Operand *operands,
                          Fragment fragment, const Square &square) {
  for (unsigned reg = 0; reg < fragment.registers; ++reg) {
    uint32_t values[warpSize] = {}, poison = 0;
    for (unsigned lane = 0; lane < warpSize; ++lane)
      for (unsigned part = 0; part < fragment.packed; ++part) {
        unsigned index = fragment.getIndex(lane, reg, part);
        values[lane] |= square.bits[index] << (16 * part);
        poison |= uint32_t(square.poison[index]) << lane;
      }
    warp.write(operands[reg], values, ~0u);
    warp.setPoison(operands[reg], poison, ~0u);
  }
}

// ---- loads and stores ---- //

/// The address of each element; the stride, in elements, is the last operand.
static bool getElementAddresses(Warp &warp, const Instruction &instruction,
                                uint64_t (&addresses)[side * side]) {
  uint64_t bases[warpSize];
  uint32_t known = ~0u;
  warp.getAddresses(instruction, instruction.address, bases, known);
  uint32_t stride = side;
  if (instruction.flags & HasStride) {
    const Operand &operand = instruction.operands[instruction.operandCount - 1];
    stride = warp.read<uint32_t>(operand)[0];
    if (uint32_t unknown = warp.getPoison(operand))
      warp.reportPoison(instruction, unknown, "has an uninitialised stride");
    known &= ~warp.getPoison(operand);
  }
  for (unsigned lane = 1; lane < warpSize; ++lane)
    if (known == ~0u && bases[lane] != bases[0]) {
      warp.report(FindingKind::DivergentWarp, instruction, lane,
                  "has another address than thread 0 of its warp");
      return false;
    }
  bool isColumnMajor = instruction.flags & ColumnMajor;
  for (unsigned index = 0; index < side * side; ++index) {
    uint64_t row = index / side, column = index % side;
    uint64_t position =
        isColumnMajor ? column * stride + row : row * stride + column;
    addresses[index] = bases[0] + position * getBytes(instruction.type);
  }
  return known == ~0u;
}

static Accessor getAccessor(Warp &warp, const Instruction &instruction,
                            unsigned index) {
  Accessor accessor{warp, instruction, index / 8};
  // An accumulator is written back by the threads that read it.
  accessor.isCollective = !instruction.mode;
  return accessor;
}

static void runLoadFragment(Warp &warp, const Instruction &instruction,
                            uint32_t mask) {
  uint64_t addresses[side * side];
  if (!isWholeWarp(warp, instruction, mask))
    return;
  Square square;
  std::fill_n(square.poison, side * side, true);
  if (getElementAddresses(warp, instruction, addresses))
    for (unsigned index = 0; index < side * side; ++index) {
      uint32_t poison = 1;
      load(getAccessor(warp, instruction, index), instruction.space,
           addresses[index], getBytes(instruction.type), 1, &square.bits[index],
           poison);
      square.poison[index] = poison;
    }
  Fragment fragment = getFragment(instruction.type, instruction.mode);
  writeFragment(warp, instruction.operands, fragment, square);
}

static void runStoreFragment(Warp &warp, const Instruction &instruction,
                             uint32_t mask) {
  uint64_t addresses[side * side];
  if (!isWholeWarp(warp, instruction, mask) ||
      !getElementAddresses(warp, instruction, addresses))
    return;
  Square square;
  readFragment(warp, instruction.operands, getFragment(instruction.type, true),
               square);
  for (unsigned index = 0; index < side * side; ++index)
    store(getAccessor(warp, instruction, index), instruction.space,
          addresses[index], getBytes(instruction.type), 1, &square.bits[index],
          square.poison[index]);
}

// ---- products ---- //

static double decodeElement(uint32_t bits, Type type) {
  if (type == Type::F32)
    return bitCast<float>(bits);
  uint16_t half = static_cast<uint16_t>(bits);
  return type == Type::BF16 ? bfloatToFloat(half) : halfToFloat(half);
}

/// `type` is that of D, `sourceType` of A and B, `value` of C. Sums are as
/// those of mma.
static void runWarpProduct(Warp &warp, const Instruction &instruction,
                           uint32_t mask) {
  if (!isWholeWarp(warp, instruction, mask))
    return;
  Type from = instruction.sourceType;
  Type initial = static_cast<Type>(instruction.value);
  Fragment result = getFragment(instruction.type, true);
  Fragment source = getFragment(from, false);
  const Operand *a = instruction.operands + result.registers;
  const Operand *b = a + source.registers;
  const Operand *c = b + source.registers;
  Square left, right, start, product;
  readFragment(warp, a, source, left);
  readFragment(warp, b, source, right);
  readFragment(warp, c, getFragment(initial, true), start);
  for (unsigned index = 0; index < side * side; ++index) {
    unsigned row = index / side, column = index % side;
    double sum = decodeElement(start.bits[index], initial);
    bool isPoison = start.poison[index];
    for (unsigned k = 0; k < side; ++k) {
      sum += decodeElement(left.bits[row * side + k], from) *
             decodeElement(right.bits[k * side + column], from);
      isPoison |=
          left.poison[row * side + k] || right.poison[k * side + column];
    }
    product.poison[index] = isPoison;
    product.bits[index] =
        instruction.type == Type::F16
            ? doubleToHalf(sum)
            : bitCast<uint32_t>(canonicalize(static_cast<float>(sum)));
  }
  writeFragment(warp, instruction.operands, result, product);
}

// ---- decoding ---- //

static bool addFragment(Decoder &d, const ParsedOperand &list,
                        Fragment fragment, bool isResult) {
  if (list.kind != ParsedOperand::List ||
      list.elements.size() != fragment.registers)
    return d.error("expected a vector of " +
                   std::to_string(fragment.registers) + " registers");
  for (const ParsedOperand &element : list.elements)
    if (isResult ? !d.addDestination(element, Type::B32)
                 : !d.addSource(element, Type::B32))
      return false;
  return true;
}

static bool decodeFragmentAccess(Decoder &d, bool isLoad) {
  int which = isLoad ? d.takeOneOf({"a", "b", "c"}) : d.take("d") ? 2 : -1;
  int layout = d.takeOneOf({"row", "col"});
  if (which < 0 || layout < 0)
    return d.error("expected a matrix and its layout");
  bool isShared = d.takeOneOf({"shared", "shared::cta"}) >= 0;
  bool isGlobal = !isShared && d.take("global");
  std::optional<Type> type = d.takeType();
  bool isAccumulator = which == 2;
  if (!type || !(isAccumulator ? type == Type::F32 || type == Type::F16
                               : type == Type::F16 || type == Type::BF16))
    return d.error("this type is not simulated");
  Instruction &instruction = d.instruction;
  instruction.type = *type;
  instruction.mode = isAccumulator;
  instruction.flags = layout == 1 ? ColumnMajor : 0;
  instruction.run = isLoad ? runLoadFragment : runStoreFragment;
  size_t count = d.getOperandCount();
  if (count != 2 && count != 3)
    return d.error("expected a matrix, an address, and perhaps a stride");
  const ParsedOperand &address = d.getOperand(isLoad ? 1 : 0);
  Space space = isShared   ? Space::Shared
                : isGlobal ? Space::Global
                           : Space::Generic;
  if (!d.setAddress(address, space) ||
      !addFragment(d, d.getOperand(isLoad ? 0 : 1),
                   getFragment(*type, isAccumulator), isLoad))
    return false;
  if (count == 2)
    return true;
  instruction.flags |= HasStride;
  return d.addSource(d.getOperand(2), Type::U32);
}

static bool decodeWarpProduct(Decoder &d) {
  // Of A and of B; fragments hold elements whatever lay in memory.
  if (d.takeOneOf({"row", "col"}) < 0 || d.takeOneOf({"row", "col"}) < 0)
    return d.error("expected two layouts");
  std::vector<Type> types;
  while (std::optional<Type> type = d.takeType())
    types.push_back(*type);
  if (types.size() == 2)
    types = {types[0], Type::F16, Type::F16, types[1]};
  bool isValid = types.size() == 4 && types[1] == types[2];
  if (isValid && types[1] == Type::BF16)
    isValid = types[0] == Type::F32 && types[3] == Type::F32;
  else if (isValid)
    isValid = types[1] == Type::F16 &&
              (types[0] == Type::F32 || types[0] == Type::F16) &&
              (types[3] == Type::F32 || types[3] == Type::F16);
  if (!isValid)
    return d.error("these types are not simulated");
  d.instruction.type = types[0];
  d.instruction.sourceType = types[1];
  d.instruction.value = static_cast<uint64_t>(types[3]);
  d.instruction.run = runWarpProduct;
  return d.expectOperands(4) &&
         addFragment(d, d.getOperand(0), getFragment(types[0], true), true) &&
         addFragment(d, d.getOperand(1), getFragment(types[1], false), false) &&
         addFragment(d, d.getOperand(2), getFragment(types[2], false), false) &&
         addFragment(d, d.getOperand(3), getFragment(types[3], true), false);
}

static bool decodeWarpMatrix(Decoder &d) {
  int which = d.takeOneOf({"load", "store", "mma"});
  if (which < 0 || !d.take("sync") || !d.take("aligned"))
    return d.error("expected .load, .store or .mma, and .sync.aligned");
  if (!d.take("m16n16k16"))
    return d.error("only the shape .m16n16k16 is simulated");
  d.instruction.kind = Instruction::Collective;
  d.instruction.getMembers = getAllMembers;
  return which == 2 ? decodeWarpProduct(d)
                    : decodeFragmentAccess(d, /*isLoad=*/which == 0);
}

void ptxsim::addWarpMatrixOpcodes(OpcodeTable &table) {
  table["wmma"] = decodeWarpMatrix;
}
