//===- TilePlace.h - Where the rows and keys of an item lie -----*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_TILEPLACE_H
#define ATTN_LIB_CONVERSION_TILEPLACE_H

#include "mlir/IR/Value.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>

namespace mlir::attn {

/// Where the rows of a work item lie: `rows` of them from `first`, in a plane
/// that begins at row `rowBase` and at key `keyBase` of the tensors. A plane
/// without bases is that of the tensors. Where lists say which keys are seen,
/// `list` has the item's entries of the one that is walked by itself, and
/// `cuts` those of the others; the tokens of the former are the `keyExtent`
/// keys. Where the item is a tile of a grid, `grid` holds its tokens. Where a
/// plane has the tokens of one remainder, they lie so far apart, and `diagonal`
/// is the key on which the position of its row 0 falls.
struct TilePlace {
  /// The points of a box, numbered with the last axis fastest, as their tokens
  /// ascend. Those of the tensor follow each other.
  struct GridBox {
    /// Per axis the first place, and how many there are.
    SmallVector<Value> begins, sizes;
    /// The token at the places 0, and the points in front of the tensor's.
    Value firstToken, skipped;
    /// Per axis but the first, 2^31 over its size, rounded up: a product with
    /// it divides.
    SmallVector<Value> inverses;
  };

  /// Tables in scratch, memref<?xi32>, of a tile of a grid.
  struct GridTables {
    /// The tokens of the rows, and of the keys that some row sees.
    Value rows, keys;
    /// Per axis, where the window of a row begins and ends, and the coordinate
    /// of a key.
    SmallVector<Value> windowBegin, windowEnd, keyCoordinate;
    /// Whether every row sees all of the keys.
    Value isFull;
    /// The box of the keys where steps write down those of their own keys, and
    /// `keys` and `keyCoordinate` are null.
    std::optional<GridBox> keyBox;
  };

  /// Entries `begin` to `end` of a list. Tokens count in list `number`.
  struct List {
    Value number, begin, end;
  };

  /// Keys that come back with a period: `length` of them from `first` on, a
  /// token or what would be one, and so on every `period` tokens. Of all from
  /// `first` on `skipped` are in front of the first token; negative where some
  /// tokens are in front of `first`.
  struct Period {
    Value period, first, skipped;
    int64_t length;
  };

  Value first, rows;
  Value rowBase, rowExtent;
  /// Tokens from one row to the next, where these differ from head to head.
  Value rowStep;
  Value keyBase, keyExtent;
  std::optional<List> list;
  SmallVector<List, 1> cuts;
  /// Where there is one, `list` holds the numbers of its keys.
  std::optional<Period> period;
  Value diagonal;
  std::optional<GridTables> grid;

  /// Whether an item may be without rows.
  bool mayBeEmpty() const {
    return rowBase || (list && !period) || !cuts.empty() || grid;
  }
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_TILEPLACE_H
