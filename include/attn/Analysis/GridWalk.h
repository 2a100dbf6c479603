//===- GridWalk.h - Tiles of a token grid -----------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where sparsity is a neighborhood on a grid of two or three axes, the rows of
// a tile may be a box of the grid instead of a range of tokens: the keys that
// they see are then a box, too, little larger than one row's window.
// docs/rationale/grid-walk.md has the figures.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ANALYSIS_GRIDWALK_H
#define ATTN_ANALYSIS_GRIDWALK_H

#include "attn/Analysis/SparsityPlan.h"

namespace mlir::attn {

/// One axis of a neighborhood without dilation (SP-15).
struct GridAxis {
  int64_t extent;
  int64_t kernel, stride;
  bool isCausal, isClipped;
  /// Tokens from one coordinate to the next.
  int64_t inner;

  /// The coordinates of keys that the rows at `coordinate` see. Neither end
  /// falls as the coordinate grows.
  KeyRange getWindow(int64_t coordinate) const;
  /// The begin of the window before it is moved into the grid:
  /// (coordinate floordiv stride) * stride + this.
  int64_t getWindowOffset() const {
    return isCausal ? stride - kernel : stride / 2 - kernel / 2;
  }
};

struct GridWalk {
  SmallVector<GridAxis> axes;
  /// Whether nothing else restricts the plane: a row sees all of its window.
  bool isAlone = false;
};

/// The grid along which tiles of the cascade may lie: that of the one
/// neighborhood of two or three axes in the outermost `and`, where neither
/// permutations, segments nor lists say where tokens lie.
std::optional<GridWalk> findGridWalk(CascadeOp cascade);

/// What tiles of a size do on average, and at most.
struct GridWork {
  /// Rows of a tile, and keys that some of them see.
  double rows = 0, keys = 0;
  int64_t mostKeys = 0;
  /// Whether every row of every tile sees all keys of the tile.
  bool isFull = false;
};

GridWork getGridWork(const GridWalk &walk, ArrayRef<int64_t> tile);

/// Calls `fn` with every tile of up to `mostRows` tokens and its work.
void forEachGridTile(
    const GridWalk &walk, int64_t mostRows,
    function_ref<void(ArrayRef<int64_t>, const GridWork &)> fn);

/// The most keys for which a tile has room.
inline constexpr int64_t kMostGridKeys = 1 << 15;

} // namespace mlir::attn

#endif // ATTN_ANALYSIS_GRIDWALK_H
