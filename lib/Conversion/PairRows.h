//===- PairRows.h - Rows of a tile side by side in pairs --------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_PAIRROWS_H
#define ATTN_LIB_CONVERSION_PAIRROWS_H

#include "attn/Analysis/CostModel.h"
#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// What multiplies pairs.
enum class PairUnit {
  Dots,       ///< An instruction that adds two products to each lane.
  MatrixTiles ///< One that multiplies tiles of rows and pairs (AMX).
};

/// Pairs that hold `points`.
inline int64_t countPairs(int64_t points) { return (points + 1) / 2; }

/// The ranks that take the place of `depth`: of the pairs, and of the two
/// points in each.
StringAttr getPairRank(StringAttr depth);
StringAttr getPlaceRank(StringAttr depth);

/// The map of a copy.
Value yieldFirst(OpBuilder &, Location, ValueRange args);

/// Whether `rank` stands alone wherever an index depends on it.
bool isPlainIn(const EinsumAccess &access, StringAttr rank);

/// `access` with rank `rank` replaced by `by`, an expression over `ranks`, the
/// ranks of the new access.
EinsumAccess replaceRank(const EinsumAccess &access, StringAttr rank,
                         AffineExpr by, ArrayRef<StringAttr> ranks);

/// `size` rounded up to a multiple of `unit`.
Value alignSize(OpBuilder &builder, Location loc, Value size, int64_t unit);

/// `memref` from `offsets` on, with `sizes`.
Value takePart(OpBuilder &builder, Location loc, Value memref,
               ArrayRef<OpFoldResult> offsets, ArrayRef<OpFoldResult> sizes);

/// Sets all of `memref`, whose dimensions are `ranks`, to 0.
void clear(OpBuilder &builder, Location loc, Value memref,
           ArrayRef<StringAttr> ranks);

/// Lays rows of rank `depth` out in pairs, [pair, column, 2]: `size` rows that
/// `access` reads go to the front of `buffer`. Rows that the last pair, or the
/// last matrix tile, lacks are 0. The copy may be the last reader of the rows.
void packRows(OpBuilder &builder, Value buffer, const EinsumAccess &access,
              StringAttr column, StringAttr depth, Value size, PairUnit unit,
              bool isLastReader = false);
/// The part of such a buffer with the pairs, or the whole matrix tiles, of
/// `size` rows from `first` on.
Value takePairs(OpBuilder &builder, Location loc, Value buffer, Value first,
                Value size, PairUnit unit);

/// Lays rows of rank `depth` out as columns, [column, depth], for matrix tiles:
/// `size` rows that `access` reads go to the front of `buffer`. Rows that the
/// last tile lacks are 0.
void packColumns(OpBuilder &builder, Value buffer, const EinsumAccess &access,
                 StringAttr column, StringAttr depth, Value size);
/// The part of such a buffer with the whole tiles of `size` rows from `first`
/// on.
Value takeColumns(OpBuilder &builder, Location loc, Value buffer, Value first,
                  Value size);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_PAIRROWS_H
