//===- GridWalk.cpp - Tiles of a token grid -------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/GridWalk.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Analysis/ResidueClasses.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

int64_t GridAxis::countPlaces(int64_t remainder) const {
  return (extent - remainder + dilation - 1) / dilation;
}

KeyRange GridAxis::getWindow(int64_t place, int64_t remainder) const {
  int64_t places = countPlaces(remainder);
  int64_t start =
      llvm::divideFloorSigned(place, stride) * stride + getWindowOffset();
  if (!isClipped)
    start = std::max<int64_t>(std::min(start, places - kernel), 0);
  int64_t end = isCausal ? place + 1 : start + kernel;
  return {std::max<int64_t>(start, 0), std::min(end, places)};
}

int64_t GridAxis::countTiles(int64_t size) const {
  return dilation * llvm::divideCeil(countPlaces(/*remainder=*/0), size);
}

/// Appends the neighborhoods of `term` on a grid, each once, whose rows may lie
/// in boxes of their own.
static void appendGrids(Attribute term,
                        SmallVectorImpl<NeighborhoodAttr> &grids) {
  ArrayRef<Attribute> inner;
  if (auto conjunction = dyn_cast<AndAttr>(term))
    inner = conjunction.getTerms();
  else if (auto disjunction = dyn_cast<OrAttr>(term))
    inner = disjunction.getTerms();
  for (Attribute one : inner)
    appendGrids(one, grids);
  auto atom = dyn_cast<NeighborhoodAttr>(term);
  bool isGrid = atom && !atom.getGrid().empty() &&
                (atom.getGrid().size() > 1 || atom.getDilation().front() > 1);
  if (isGrid && !llvm::is_contained(grids, atom))
    grids.push_back(atom);
}

/// Of how many keys from the first to the last one in a window one is in it.
static double getSpread(NeighborhoodAttr atom) {
  double reach = 1, keys = 1, inner = 1;
  for (size_t axis = atom.getGrid().size(); axis-- > 0;) {
    auto kernel = static_cast<double>(atom.getKernel()[axis]);
    reach += (kernel - 1) * atom.getDilation()[axis] * inner;
    keys *= kernel;
    inner *= atom.getGrid()[axis];
  }
  return reach / keys;
}

/// The neighborhood whose grid may be cut into boxes, or null: one of those in
/// the outermost `and`, or of all, that would leave most keys in vain to rows
/// as they lie.
static NeighborhoodAttr findGrid(Attribute expression) {
  SmallVector<NeighborhoodAttr> grids, outer;
  appendGrids(expression, grids);
  if (auto conjunction = dyn_cast<AndAttr>(expression))
    for (Attribute term : conjunction.getTerms())
      if (isa<NeighborhoodAttr>(term))
        appendGrids(term, outer);
  const SmallVector<NeighborhoodAttr> &among = outer.empty() ? grids : outer;
  const auto *best = llvm::max_element(
      among, [](auto a, auto b) { return getSpread(a) < getSpread(b); });
  return best == among.end() ? NeighborhoodAttr() : *best;
}

std::optional<GridWalk> attn::findGridWalk(CascadeOp cascade) {
  CascadeSpace space = cascade.getSpace();
  if (!space.sparsity || space.isPacked() || !space.permutations.empty() ||
      !space.getLists().empty())
    return std::nullopt;
  Attribute expression = space.sparsity.getExpression();
  NeighborhoodAttr found = findGrid(expression);
  if (!found)
    return std::nullopt;
  // Most remainders would have no place.
  for (auto [extent, dilation] :
       llvm::zip_equal(found.getGrid(), found.getDilation()))
    if (dilation > extent)
      return std::nullopt;
  if (found.getGrid().size() == 1 && findResidueClasses(cascade))
    return std::nullopt;

  std::optional<TermRoles> roles = assignBoxRoles(expression, found);
  if (!roles)
    return std::nullopt;
  // Few rows see more keys of ranges, and fewer as items of their own.
  int64_t queries =
      getExtent(cascade.getRankExtents(), cascade.getQueryRankAttr());
  if (roles->listed && !ShapedType::isDynamic(queries) && queries < kFewQueries)
    return std::nullopt;

  GridWalk walk;
  walk.roles = *roles;
  int64_t inner = 1;
  for (size_t axis = found.getGrid().size(); axis-- > 0;) {
    walk.axes.push_back({found.getGrid()[axis], found.getKernel()[axis],
                         found.getStride()[axis], found.getDilation()[axis],
                         found.getCausal()[axis] != 0, found.getClipped(),
                         inner});
    inner *= found.getGrid()[axis];
  }
  std::reverse(walk.axes.begin(), walk.axes.end());
  return walk;
}

/// What tiles of `size` places are on one axis.
static GridWork getAxisWork(const GridAxis &axis, int64_t size) {
  int64_t count = axis.countTiles(size) / axis.dilation;
  GridWork work;
  work.isFull = true;
  auto visit = [&](int64_t tile, int64_t remainder, int64_t times) {
    int64_t first = tile * size;
    int64_t last = std::min(first + size, axis.countPlaces(remainder)) - 1;
    KeyRange atFirst = axis.getWindow(first, remainder);
    KeyRange atLast = axis.getWindow(last, remainder);
    // A tile without rows visits nothing, but writes its keys down.
    int64_t keys = std::max<int64_t>(atLast.end - atFirst.begin, 0);
    work.mostKeys = std::max(work.mostKeys, keys);
    if (first > last)
      return;
    work.isFull &= atFirst.begin == atLast.begin && atFirst.end == atLast.end;
    work.keys += static_cast<double>(keys) * times;
  };
  auto visitAll = [&](int64_t remainder, int64_t times) {
    // Between the borders windows repeat with the stride.
    int64_t border = axis.stride + axis.kernel / size + 2;
    for (int64_t tile = 0; tile < std::min(border, count); ++tile)
      visit(tile, remainder, times);
    for (int64_t tile = std::max(border, count - border); tile < count; ++tile)
      visit(tile, remainder, times);
    if (int64_t between = count - 2 * border; between > 0)
      for (int64_t i = 0; i < std::min(axis.stride, between); ++i)
        visit(border + i, remainder,
              times * ((between - i + axis.stride - 1) / axis.stride));
  };
  // The first remainders may have one place more than the others.
  int64_t longer = axis.extent % axis.dilation;
  if (longer > 0)
    visitAll(/*remainder=*/0, longer);
  visitAll(longer, axis.dilation - longer);
  work.rows = static_cast<double>(axis.extent) / axis.countTiles(size);
  work.keys /= axis.countTiles(size);
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
    int64_t most = std::min(mostRows, axis.countPlaces(/*remainder=*/0));
    for (int64_t size = 1; size <= most; ++size)
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
