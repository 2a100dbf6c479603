//===- Matrix.cpp - Matrix products of a warp -----------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Fragments are laid out as in section "Matrix Fragments for mma" of the PTX
// ISA: with g = lane / 4 and t = lane % 4, a thread holds rows g and g + 8 of A
// and of the accumulators, and column g of B.

#include "FloatFormats.h"
#include "Lanes.h"
#include <algorithm>

using namespace ptxsim;

namespace {
constexpr unsigned rowCount = 16;
constexpr unsigned columnCount = 8;
constexpr unsigned mostDepth = 16;

/// A product of 16 x depth by depth x 8.
struct Shape {
  unsigned depth;
  /// Elements of a register of A and B.
  unsigned packed;

  unsigned getRegistersA() const {
    return rowCount * depth / warpSize / packed;
  }
  unsigned getRegistersB() const {
    return columnCount * depth / warpSize / packed;
  }
};

struct Position {
  unsigned row;
  unsigned column;
};
} // namespace

/// Of element `part` of register `reg` of A: rows alternate, columns follow.
static Position getPositionA(const Shape &shape, unsigned lane, unsigned reg,
                             unsigned part) {
  unsigned g = lane / 4, t = lane % 4;
  unsigned step = 4 * shape.packed;
  return {g + 8 * (reg % 2), t * shape.packed + part + step * (reg / 2)};
}

static Position getPositionB(const Shape &shape, unsigned lane, unsigned reg,
                             unsigned part) {
  unsigned g = lane / 4, t = lane % 4;
  return {t * shape.packed + part + 4 * shape.packed * reg, g};
}

/// Of element 0 to 3 of an accumulator.
static Position getPositionC(unsigned lane, unsigned element) {
  return {lane / 4 + 8 * (element / 2), lane % 4 * 2 + element % 2};
}

static float decodeElement(uint32_t bits, Type type, unsigned part) {
  switch (type) {
  case Type::F16:
    return halfToFloat(static_cast<uint16_t>(bits >> (16 * part)));
  case Type::BF16:
    return bfloatToFloat(static_cast<uint16_t>(bits >> (16 * part)));
  default:
    // .tf32: the hardware does not look at the lower 13 bits.
    return bitCast<float>(bits & 0xffffe000u);
  }
}

namespace {
struct Matrices {
  float a[rowCount][mostDepth];
  float b[mostDepth][columnCount];
  float c[rowCount][columnCount];
  /// rowCount of A, columns of B and elements of C that are poison.
  bool rowPoison[rowCount] = {};
  bool columnPoison[columnCount] = {};
  bool poison[rowCount][columnCount] = {};
};
} // namespace

static Shape getShape(const Instruction &instruction) {
  return {instruction.vector, instruction.sourceType == Type::TF32 ? 1u : 2u};
}

static void readSources(Warp &warp, const Instruction &instruction,
                        Matrices &m) {
  Shape shape = getShape(instruction);
  unsigned accumulators = instruction.type == Type::F16 ? 2 : 4;
  const Operand *a = instruction.operands + accumulators;
  const Operand *b = a + shape.getRegistersA();
  const Operand *c = b + shape.getRegistersB();
  for (unsigned reg = 0; reg < shape.getRegistersA(); ++reg) {
    const uint32_t *bits = warp.read<uint32_t>(a[reg]);
    uint32_t poison = warp.getPoison(a[reg]);
    for (unsigned lane = 0; lane < warpSize; ++lane)
      for (unsigned part = 0; part < shape.packed; ++part) {
        Position at = getPositionA(shape, lane, reg, part);
        m.a[at.row][at.column] =
            decodeElement(bits[lane], instruction.sourceType, part);
        m.rowPoison[at.row] |= poison >> lane & 1;
      }
  }
  for (unsigned reg = 0; reg < shape.getRegistersB(); ++reg) {
    const uint32_t *bits = warp.read<uint32_t>(b[reg]);
    uint32_t poison = warp.getPoison(b[reg]);
    for (unsigned lane = 0; lane < warpSize; ++lane)
      for (unsigned part = 0; part < shape.packed; ++part) {
        Position at = getPositionB(shape, lane, reg, part);
        m.b[at.row][at.column] =
            decodeElement(bits[lane], instruction.sourceType, part);
        m.columnPoison[at.column] |= poison >> lane & 1;
      }
  }
  unsigned perRegister = 4 / accumulators;
  for (unsigned element = 0; element < 4; ++element) {
    const Operand &operand = c[element / perRegister];
    const uint32_t *bits = warp.read<uint32_t>(operand);
    uint32_t poison = warp.getPoison(operand);
    for (unsigned lane = 0; lane < warpSize; ++lane) {
      Position at = getPositionC(lane, element);
      m.c[at.row][at.column] =
          perRegister == 1 ? bitCast<float>(bits[lane])
                           : decodeElement(bits[lane], Type::F16, element % 2);
      m.poison[at.row][at.column] = poison >> lane & 1;
    }
  }
}

/// The ISA leaves the order and precision of the sum open. Products are exact
/// here, their sum with the accumulator is that of doubles, and it is rounded
/// once.
static void multiply(const Matrices &m, unsigned depth, Type type,
                     uint32_t (&result)[rowCount][columnCount]) {
  for (unsigned row = 0; row < rowCount; ++row) {
    double sums[columnCount];
    for (unsigned column = 0; column < columnCount; ++column)
      sums[column] = m.c[row][column];
    for (unsigned k = 0; k < depth; ++k) {
      double a = m.a[row][k];
      for (unsigned column = 0; column < columnCount; ++column)
        sums[column] += a * static_cast<double>(m.b[k][column]);
    }
    for (unsigned column = 0; column < columnCount; ++column)
      result[row][column] = type == Type::F16
                                ? doubleToHalf(sums[column])
                                : bitCast<uint32_t>(canonicalize(
                                      static_cast<float>(sums[column])));
  }
}

/// Operands: the registers of D, A, B and C.
static void runProduct(Warp &warp, const Instruction &instruction,
                       uint32_t mask) {
  if (mask != ~0u) {
    warp.report(FindingKind::DivergentWarp, instruction,
                static_cast<unsigned>(__builtin_ctz(mask)),
                "is executed by a part of a warp");
    return;
  }
  Matrices m;
  readSources(warp, instruction, m);
  uint32_t result[rowCount][columnCount];
  multiply(m, getShape(instruction).depth, instruction.type, result);
  unsigned accumulators = instruction.type == Type::F16 ? 2 : 4;
  unsigned perRegister = 4 / accumulators;
  for (unsigned reg = 0; reg < accumulators; ++reg) {
    uint32_t values[warpSize] = {};
    uint32_t poison = 0;
    for (unsigned lane = 0; lane < warpSize; ++lane)
      for (unsigned part = 0; part < perRegister; ++part) {
        Position at = getPositionC(lane, reg * perRegister + part);
        values[lane] |= result[at.row][at.column] << (16 * part);
        bool isPoison = m.rowPoison[at.row] || m.columnPoison[at.column] ||
                        m.poison[at.row][at.column];
        poison |= uint32_t(isPoison) << lane;
      }
    warp.write(instruction.operands[reg], values, mask);
    warp.setPoison(instruction.operands[reg], poison, mask);
  }
}

// ---- decoding ---- //

static bool addRegisters(Decoder &d, const ParsedOperand &list, unsigned count,
                         bool isResult) {
  if (list.kind != ParsedOperand::List || list.elements.size() != count)
    return d.error("expected a vector of " + std::to_string(count) +
                   " registers");
  for (const ParsedOperand &element : list.elements)
    if (isResult ? !d.addDestination(element, Type::B32)
                 : !d.addSource(element, Type::B32))
      return false;
  return true;
}

static bool decodeProduct(Decoder &d) {
  if (!d.take("sync") || !d.take("aligned"))
    return d.error("expected .sync.aligned");
  int depth = d.takeOneOf({"m16n8k4", "m16n8k8", "m16n8k16"});
  if (depth < 0)
    return d.error("the shape is not simulated");
  if (!d.take("row") || !d.take("col"))
    return d.error("expected .row.col");
  std::optional<Type> result = d.takeType(), a = d.takeType(), b = d.takeType(),
                      c = d.takeType();
  if (!result || !a || !b || !c)
    return d.error("expected four types");
  bool isValid = a == b && result == c &&
                 (a == Type::F16 || a == Type::BF16 || a == Type::TF32);
  isValid &= result == Type::F32 || (result == Type::F16 && a == Type::F16);
  isValid &= a == Type::TF32 ? depth < 2 : depth > 0;
  if (!isValid)
    return d.error("these types are not simulated");
  Instruction &instruction = d.instruction;
  instruction.kind = Instruction::Collective;
  instruction.getMembers = getAllMembers;
  instruction.run = runProduct;
  instruction.vector = static_cast<uint8_t>(4u << depth);
  instruction.type = *result;
  instruction.sourceType = *a;
  Shape shape = getShape(instruction);
  unsigned accumulators = *result == Type::F16 ? 2 : 4;
  return d.expectOperands(4) &&
         addRegisters(d, d.getOperand(0), accumulators, true) &&
         addRegisters(d, d.getOperand(1), shape.getRegistersA(), false) &&
         addRegisters(d, d.getOperand(2), shape.getRegistersB(), false) &&
         addRegisters(d, d.getOperand(3), accumulators, false);
}

void ptxsim::addMatrixOpcodes(OpcodeTable &table) {
  table["mma"] = decodeProduct;
}
