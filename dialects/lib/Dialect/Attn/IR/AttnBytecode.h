//===- AttnBytecode.h - Codes of attributes in bytecode ---------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_IR_ATTNBYTECODE_H
#define ATTN_LIB_DIALECT_ATTN_IR_ATTNBYTECODE_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// Never reused and never renumbered.
enum class AttributeCode : uint64_t {
  Causal = 0,
  Window = 1,
  Prefix = 2,
  And = 3,
  Or = 4,
  Not = 5,
  Sparsity = 6,
  Scale = 7,
  SoftCap = 8,
  Bias = 9,
  ScoreMap = 10,
  Access = 11,
  Plan = 12,
  Mapping = 13,
  ReductionKind = 14,
  Alignment = 15,
  Origin = 16,
  Residency = 17,
  Gate = 18,
  Normaliser = 19,
  Permuted = 20,
  Permutation = 21,
  Leading = 22,
  BlockDiagonal = 23,
  Dilated = 24,
  Strided = 25,
  Neighborhood = 26,
  PowerOfTwo = 27,
  Radial = 28,
  AffineSet = 29,
  Blocks = 30,
  Indices = 31,
  PerHead = 32,
  Mask = 33,
  Predicate = 34,
};

/// Reads one attribute; null and a message where it is damaged.
Attribute readAttribute(DialectBytecodeReader &reader);

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_IR_ATTNBYTECODE_H
