//===- GridWalk.cpp - Tiles of a token grid -------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/GridWalk.h"
#include "attn/Analysis/TermRoles.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

KeyRange GridAxis::getWindow(int64_t coordinate) const {
  int64_t start =
      llvm::divideFloorSigned(coordinate, stride) * stride + getWindowOffset();
  if (!isClipped)
    start = std::max<int64_t>(std::min(start, extent - kernel), 0);
  int64_t end = isCausal ? coordinate + 1 : start + kernel;
  return {std::max<int64_t>(start, 0), std::min(end, extent)};
}

std::optional<GridWalk> attn::findGridWalk(CascadeOp cascade) {
  CascadeSpace space = cascade.getSpace();
  if (!space.sparsity || space.isPacked() || !space.permutations.empty() ||
      !space.getLists().empty())
    return std::nullopt;
  // Terms are tested in ranges of keys alone.
  Attribute expression = space.sparsity.getExpression();
  if (!assignTermRoles(expression).terms.tested.empty())
    return std::nullopt;
  SmallVector<Attribute> terms{expression};
  if (auto conjunction = dyn_cast<AndAttr>(expression))
    terms.assign(conjunction.getTerms().begin(), conjunction.getTerms().end());
  NeighborhoodAttr found;
  for (Attribute term : terms) {
    auto atom = dyn_cast<NeighborhoodAttr>(term);
    if (!atom || atom.getGrid().size() < 2)
      continue;
    if (found)
      return std::nullopt;
    found = atom;
  }
  // A dilated axis is several grids, one for each remainder.
  if (!found ||
      llvm::any_of(found.getDilation(), [](int64_t d) { return d > 1; }))
    return std::nullopt;

  GridWalk walk;
  walk.isAlone = terms.size() == 1 && !space.keyLengths && !space.queryLengths;
  int64_t inner = 1;
  for (size_t axis = found.getGrid().size(); axis-- > 0;) {
    walk.axes.push_back({found.getGrid()[axis], found.getKernel()[axis],
                         found.getStride()[axis], found.getCausal()[axis] != 0,
                         found.getClipped(), inner});
    inner *= found.getGrid()[axis];
  }
  std::reverse(walk.axes.begin(), walk.axes.end());
  return walk;
}

/// What tiles of `size` coordinates are on one axis.
static GridWork getAxisWork(const GridAxis &axis, int64_t size) {
  int64_t count = llvm::divideCeil(axis.extent, size);
  GridWork work;
  work.isFull = true;
  auto visit = [&](int64_t tile, int64_t times) {
    int64_t first = tile * size;
    int64_t last = std::min(first + size, axis.extent) - 1;
    KeyRange atFirst = axis.getWindow(first), atLast = axis.getWindow(last);
    work.isFull &= atFirst.begin == atLast.begin && atFirst.end == atLast.end;
    int64_t keys = std::max<int64_t>(atLast.end - atFirst.begin, 0);
    work.keys += static_cast<double>(keys) * times;
    work.mostKeys = std::max(work.mostKeys, keys);
  };
  // Between the borders windows repeat with the stride.
  int64_t border = axis.stride + axis.kernel / size + 2;
  for (int64_t tile = 0; tile < std::min(border, count); ++tile)
    visit(tile, 1);
  for (int64_t tile = std::max(border, count - border); tile < count; ++tile)
    visit(tile, 1);
  if (int64_t between = count - 2 * border; between > 0)
    for (int64_t i = 0; i < std::min(axis.stride, between); ++i)
      visit(border + i, (between - i + axis.stride - 1) / axis.stride);
  work.rows = static_cast<double>(axis.extent) / count;
  work.keys /= count;
  return work;
}

/// The work of tiles whose sizes on the axes are those of `parts`: what a tile
/// holds is a product, and so is the average.
static GridWork combine(ArrayRef<GridWork> parts) {
  GridWork work{1, 1, 1, true};
  for (const GridWork &part : parts) {
    work.rows *= part.rows;
    work.keys *= part.keys;
    work.isFull &= part.isFull;
    if (llvm::MulOverflow(work.mostKeys, part.mostKeys, work.mostKeys))
      work.mostKeys = std::numeric_limits<int64_t>::max();
  }
  return work;
}

GridWork attn::getGridWork(const GridWalk &walk, ArrayRef<int64_t> tile) {
  SmallVector<GridWork> parts;
  for (auto [axis, size] : llvm::zip_equal(walk.axes, tile))
    parts.push_back(getAxisWork(axis, size));
  return combine(parts);
}

void attn::forEachGridTile(
    const GridWalk &walk, int64_t mostRows,
    function_ref<void(ArrayRef<int64_t>, const GridWork &)> fn) {
  SmallVector<SmallVector<GridWork>> works;
  for (const GridAxis &axis : walk.axes) {
    SmallVector<GridWork> &sizes = works.emplace_back();
    for (int64_t size = 1; size <= std::min(mostRows, axis.extent); ++size)
      sizes.push_back(getAxisWork(axis, size));
  }
  SmallVector<int64_t> tile;
  SmallVector<GridWork> parts;
  auto visit = [&](auto &self, int64_t rows) -> void {
    if (tile.size() == works.size())
      return fn(tile, combine(parts));
    for (auto [index, work] : llvm::enumerate(works[tile.size()])) {
      int64_t size = static_cast<int64_t>(index) + 1;
      if (rows * size > mostRows)
        break;
      tile.push_back(size);
      parts.push_back(work);
      self(self, rows * size);
      tile.pop_back();
      parts.pop_back();
    }
  };
  visit(visit, 1);
}
