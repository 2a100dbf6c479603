//===- MatrixMemory.cpp - Matrices between shared memory and registers ----===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A matrix has 8 rows of 8 elements of 16 bits. Lane 8 i + r gives the address
// of row r of matrix i. Thread 4 r + c holds elements 2 c and 2 c + 1 of row r;
// of column r if the matrix is transposed.

#include "Access.h"
#include "Decoder.h"
#include <algorithm>

using namespace ptxsim;

namespace {
constexpr unsigned mostMatrices = 4;
constexpr unsigned rowBytes = 16;
enum MatrixFlags : uint8_t { Transposed = 1 };

struct Matrix {
  uint16_t elements[8][8];
  /// Rows by bits of their elements.
  uint8_t poison[8];
};

struct Element {
  unsigned row;
  unsigned column;
};
} // namespace

static Element getElement(const Instruction &instruction, unsigned lane,
                          unsigned part) {
  Element element{lane / 4, lane % 4 * 2 + part};
  if (instruction.flags & Transposed)
    std::swap(element.row, element.column);
  return element;
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

/// Addresses that the instruction looks at, of rows that can be accessed.
static uint32_t getRows(Warp &warp, const Instruction &instruction,
                        uint64_t (&addresses)[warpSize]) {
  unsigned lanes = 8u * instruction.vector;
  uint32_t rows = lanes == warpSize ? ~0u : (1u << lanes) - 1;
  warp.getAddresses(instruction, instruction.address, addresses, rows);
  return rows;
}

static Accessor getAccessor(Warp &warp, const Instruction &instruction,
                            unsigned lane) {
  Accessor accessor{warp, instruction, lane};
  accessor.isCollective = true;
  return accessor;
}

static void runLoadMatrix(Warp &warp, const Instruction &instruction,
                          uint32_t mask) {
  if (!isWholeWarp(warp, instruction, mask))
    return;
  uint64_t addresses[warpSize];
  uint32_t rows = getRows(warp, instruction, addresses);
  Matrix matrices[mostMatrices] = {};
  for (unsigned lane = 0; lane < 8u * instruction.vector; ++lane) {
    Matrix &matrix = matrices[lane / 8];
    uint32_t poison = 0xff;
    if (rows >> lane & 1)
      load(getAccessor(warp, instruction, lane), instruction.space,
           addresses[lane], 2, rowBytes / 2, matrix.elements[lane % 8], poison);
    matrix.poison[lane % 8] = static_cast<uint8_t>(poison);
  }
  for (unsigned index = 0; index < instruction.vector; ++index) {
    const Matrix &matrix = matrices[index];
    uint32_t values[warpSize] = {}, poison = 0;
    for (unsigned lane = 0; lane < warpSize; ++lane)
      for (unsigned part = 0; part < 2; ++part) {
        Element at = getElement(instruction, lane, part);
        values[lane] |= uint32_t(matrix.elements[at.row][at.column])
                        << (16 * part);
        poison |= uint32_t(matrix.poison[at.row] >> at.column & 1) << lane;
      }
    warp.write(instruction.operands[index], values, mask);
    warp.setPoison(instruction.operands[index], poison, mask);
  }
}

static void runStoreMatrix(Warp &warp, const Instruction &instruction,
                           uint32_t mask) {
  if (!isWholeWarp(warp, instruction, mask))
    return;
  Matrix matrices[mostMatrices] = {};
  for (unsigned index = 0; index < instruction.vector; ++index) {
    const Operand &operand = instruction.operands[index];
    const uint32_t *values = warp.read<uint32_t>(operand);
    uint32_t poison = warp.getPoison(operand);
    for (unsigned lane = 0; lane < warpSize; ++lane)
      for (unsigned part = 0; part < 2; ++part) {
        Element at = getElement(instruction, lane, part);
        matrices[index].elements[at.row][at.column] =
            static_cast<uint16_t>(values[lane] >> (16 * part));
        matrices[index].poison[at.row] |= (poison >> lane & 1) << at.column;
      }
  }
  uint64_t addresses[warpSize];
  uint32_t rows = getRows(warp, instruction, addresses);
  for (unsigned lane = 0; lane < 8u * instruction.vector; ++lane)
    if (rows >> lane & 1)
      store(getAccessor(warp, instruction, lane), instruction.space,
            addresses[lane], 2, rowBytes / 2,
            matrices[lane / 8].elements[lane % 8],
            matrices[lane / 8].poison[lane % 8]);
}

// ---- decoding ---- //

static bool decodeMatrixAccess(Decoder &d) {
  bool isLoad = d.getName() == "ldmatrix";
  if (!d.take("sync") || !d.take("aligned"))
    return d.error("expected .sync.aligned");
  int count = d.takeOneOf({"x1", "x2", "x4"});
  if (!d.take("m8n8") || count < 0 || !d.take("b16"))
    return d.error("only matrices .m8n8 of .b16 are simulated");
  Instruction &instruction = d.instruction;
  instruction.flags = d.take("trans") ? Transposed : 0;
  instruction.vector = static_cast<uint8_t>(1u << count);
  // Generic addresses must lie in shared memory, too.
  bool isShared = d.takeOneOf({"shared", "shared::cta"}) >= 0;
  instruction.kind = Instruction::Collective;
  instruction.getMembers = getAllMembers;
  instruction.run = isLoad ? runLoadMatrix : runStoreMatrix;
  if (!d.expectOperands(2))
    return false;
  const ParsedOperand &address = d.getOperand(isLoad ? 1 : 0);
  const ParsedOperand &data = d.getOperand(isLoad ? 0 : 1);
  if (!d.setAddress(address, isShared ? Space::Shared : Space::Generic))
    return false;
  bool isSingle = count == 0 && data.kind == ParsedOperand::Register;
  std::vector<ParsedOperand> single = {data};
  const std::vector<ParsedOperand> &list = isSingle ? single : data.elements;
  if (list.size() != instruction.vector)
    return d.error("expected a vector of " +
                   std::to_string(instruction.vector) + " registers");
  for (const ParsedOperand &element : list)
    if (isLoad ? !d.addDestination(element, Type::B32)
               : !d.addSource(element, Type::B32))
      return false;
  return true;
}

void ptxsim::addMatrixMemoryOpcodes(OpcodeTable &table) {
  table["ldmatrix"] = decodeMatrixAccess;
  table["stmatrix"] = decodeMatrixAccess;
}
