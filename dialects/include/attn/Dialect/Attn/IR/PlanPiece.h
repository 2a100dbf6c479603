//===- PlanPiece.h - Parts of a plan ----------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_IR_PLANPIECE_H
#define ATTN_DIALECT_ATTN_IR_PLANPIECE_H

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/IntegerSet.h"

namespace mlir::attn {

/// How a value comes from the results of its map.
enum class PointValueKind {
  Max,       ///< The largest of them.
  Min,       ///< The smallest of them.
  PowerOfTwo ///< The largest power of two up to its only one; 0 below 1.
};

/// A number of a point (row, key) that no affine function gives. The symbols of
/// its map end with the values before it.
struct PointValue {
  PointValueKind kind;
  AffineMap map;

  bool operator==(const PointValue &other) const {
    return kind == other.kind && map == other.map;
  }
};

inline llvm::hash_code hash_value(const PointValue &value) {
  return llvm::hash_combine(value.kind, value.map);
}

/// The key ranges that one conjunction of constraints leaves to a tile of rows;
/// PlanAttr describes the maps and the set.
struct PlanPiece {
  AffineMap liveLower, liveUpper, fullLower, fullUpper;
  IntegerSet constraints;

  bool operator==(const PlanPiece &other) const {
    return liveLower == other.liveLower && liveUpper == other.liveUpper &&
           fullLower == other.fullLower && fullUpper == other.fullUpper &&
           constraints == other.constraints;
  }
};

/// The most pieces of a plan: their ranges are merged for every tile of rows.
constexpr unsigned kMaxPieces = 16;

inline llvm::hash_code hash_value(const PlanPiece &piece) {
  return llvm::hash_combine(piece.liveLower, piece.liveUpper, piece.fullLower,
                            piece.fullUpper, piece.constraints);
}

} // namespace mlir::attn

#endif // ATTN_DIALECT_ATTN_IR_PLANPIECE_H
