//===- Contractions.h - Products of tiles, summed over a rank ---*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_CONTRACTIONS_H
#define ATTN_LIB_CONVERSION_CONTRACTIONS_H

#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace mlir::attn {

/// A sum of products over one rank, of a tile over the lanes and one without.
struct Contraction {
  /// The operands that are multiplied. A map that is more than the product may
  /// read others, as a mask does.
  unsigned left, right;
  /// The ranks of the sum and of the result's columns.
  StringAttr depth, column;
  /// Whether the map is the product and nothing else.
  bool isPlain;

  static std::optional<Contraction> match(TileEinsumOp einsum, StringAttr lane);
};

/// The memref that `memref` is a part of, through subviews and casts.
Value getWholeBuffer(Value memref);

/// The rank that dimension `dim` of an access is indexed by alone, or null.
StringAttr getPlainRank(const EinsumAccess &access, unsigned dim);

/// The extent of `rank`, that of a dimension that an operand of `einsum`
/// indexes with it alone; null if there is none.
Value getOperandExtent(OpBuilder &builder, TileEinsumOp einsum,
                       StringAttr rank);

/// The extent of `rank` as the type of an operand states it.
int64_t getStaticExtent(TileEinsumOp einsum, StringAttr rank);

bool usesRank(const EinsumAccess &access, StringAttr rank);

/// Whether `op` writes memory, or an operation in it.
bool writesMemory(Operation *op);

/// Whether `op` is an einsum that reads or writes `buffer` or a part of it, or
/// has one in it.
bool touches(Operation *op, Value buffer);

/// What the map of `einsum` yields, without the constant that it is multiplied
/// by, and the constant, null if there is none.
std::pair<Value, FloatAttr> splitFactor(TileEinsumOp einsum);

/// The factor of a copy: `einsum` yields its only operand, or that times a
/// constant.
std::optional<FloatAttr> getCopyFactor(TileEinsumOp einsum);

/// Whether `einsum` asks if the values of its operand are finite: it sums them
/// times 0, which is NaN for all others.
bool isFiniteSum(TileEinsumOp einsum);

/// Writes zeros behind the points that `writer` computes of a tile, the first
/// dimension of its result, in front of it; null if it computes all.
TileEinsumOp createRest(TileEinsumOp writer);

/// Multiplies `tile`, over `ranks`, by `factor` in place.
void createScale(OpBuilder &builder, Location loc, Value tile,
                 ArrayRef<StringAttr> ranks, FloatAttr factor);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_CONTRACTIONS_H
