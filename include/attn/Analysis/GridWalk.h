//===- GridWalk.h - Tiles of a token grid -----------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where sparsity is a neighborhood on a grid of some axes, the rows of a tile
// may be a box of the grid instead of a range of tokens: the keys that they see
// are then a box, too, little larger than one row's window.
// docs/rationale/grid-walk.md has the figures.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ANALYSIS_GRIDWALK_H
#define ATTN_ANALYSIS_GRIDWALK_H

#include "attn/Analysis/SparsityPlan.h"
#include "attn/Analysis/TermRoles.h"

namespace mlir::attn {

/// One axis of a neighborhood (SP-15). A dilated one is a grid for each
/// remainder by the dilation: places are the quotients of the coordinates that
/// have it, and are all coordinates where there is no dilation.
struct GridAxis {
  int64_t extent;
  int64_t kernel, stride, dilation;
  bool isCausal, isClipped;
  /// Tokens from one coordinate to the next.
  int64_t inner;

  /// How many places there are of a remainder.
  int64_t countPlaces(int64_t remainder) const;
  /// The places of keys that the row at `place` sees. Neither end falls as the
  /// place grows.
  KeyRange getWindow(int64_t place, int64_t remainder) const;
  /// Tiles of `size` places that hold the axis: as many of each remainder, of
  /// which tile i has i mod dilation, and begins at (i floordiv dilation) *
  /// size.
  int64_t countTiles(int64_t size) const;
  /// The begin of the window before it is moved into the grid:
  /// (place floordiv stride) * stride + this.
  int64_t getWindowOffset() const {
    return isCausal ? stride - kernel : stride / 2 - kernel / 2;
  }
};

struct GridWalk {
  SmallVector<GridAxis> axes;
  /// What the terms of the sparsity say to a walk in its boxes.
  TermRoles roles;
};

/// The grid along which tiles of the cascade may lie: that of the one
/// neighborhood which has two or three axes, or one with a dilation that makes
/// no planes of one remainder; of several one in the outermost `and`, and of
/// these the one whose windows are spread most. No key is dead for being in its
/// windows, and neither permutations, segments nor lists say where tokens lie.
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
