//===- PlaneWalk.cpp - What a kernel does at each point -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PlaneWalk.h"
#include "llvm/Support/Format.h"

using namespace mlir;
using namespace mlir::attn;

ResidueWalk::ResidueWalk(PlanAttr plan, MappingAttr mapping, int64_t rows,
                         int64_t keys, int64_t diagonal)
    : PlaneWalk(rows, keys), residues(plan.getResidues()), diagonal(diagonal) {
  // Remainders behind the last row have none.
  for (int64_t first = 0; first < std::min(residues, rows); ++first) {
    int64_t position = diagonal + first;
    int64_t firstKey = llvm::mod(position, residues);
    auto count = [&](int64_t extent, int64_t from) {
      return llvm::divideCeilSigned(std::max<int64_t>(extent - from, 0),
                                    residues);
    };
    int64_t planeRows = count(rows, first), planeKeys = count(keys, firstKey);
    SmallVector<int64_t> symbols;
    for (StringAttr symbol : plan.getSymbols())
      symbols.push_back(symbol == PlanSymbols::rowExtent ? planeRows
                        : symbol == PlanSymbols::keyExtent
                            ? planeKeys
                            : llvm::divideFloorSigned(position, residues));
    planes.emplace_back(plan, mapping, RowOrder{mapping.getLaneTiles().front()},
                        planeRows, planeKeys, symbols);
  }
}

PointClass ResidueWalk::classify(int64_t row, int64_t key) const {
  int64_t first = row % residues;
  int64_t fromFirst = key - llvm::mod(diagonal + first, residues);
  if (llvm::mod(fromFirst, residues) != 0)
    return PointClass::NotVisited;
  return planes[first].classify(row / residues, fromFirst / residues);
}

void ResidueWalk::printCounts(raw_ostream &os) const {
  int64_t visited = 0;
  for (const PlanWalk &plane : planes)
    visited += plane.countVisited();
  os << "  tokens of each remainder by " << residues
     << " are a plane of their own\n  points visited: " << visited << " of "
     << rows * keys << "\n";
}

PlanWalk::PlanWalk(PlanAttr plan, MappingAttr mapping, RowOrder rowOrder,
                   int64_t rows, int64_t keys, ArrayRef<int64_t> symbols,
                   std::optional<KeyOrder> order)
    : PlaneWalk(rows, keys), plan(plan), mapping(mapping), rowOrder(rowOrder),
      order(order), leavesStepsOut(plan && !order && getRunLength(plan) > 0),
      symbols(symbols) {
  int64_t unit = mapping.getRowTile();
  int64_t slots = order ? order->getSlot(keys) : keys;
  auto clampTo = [](KeyRange range, int64_t end) {
    range.begin = std::clamp<int64_t>(range.begin, 0, end);
    range.end = std::clamp<int64_t>(range.end, range.begin, end);
    return range;
  };
  auto clamp = [&](KeyRange range) {
    range = clampTo(range, keys);
    return order ? KeyRange{order->getSlot(range.begin),
                            order->getSlot(range.end)}
                 : range;
  };
  int64_t count = rowOrder.count(rows);
  for (int64_t number = 0; number < count; number += rowOrder.tile) {
    RowTile &tile = tiles.emplace_back();
    if (!plan) {
      tile.visited.push_back({0, slots});
      tile.full.push_back({0, slots});
      continue;
    }
    int64_t first = rowOrder.getRow(number);
    int64_t last = rowOrder.getRow(std::min(number + rowOrder.tile, count) - 1);
    SmallVector<KeyRange> ranges;
    PlanTile planTile(plan, first, last, symbols);
    for (const PlanPiece &piece : plan.getPieces()) {
      TileRanges found = planTile.getRanges(piece);
      tile.full.push_back(clamp(found.full));
      KeyRange live = clamp(found.live);
      // Steps begin and end on whole register tiles.
      if (!live.empty())
        ranges.push_back(clampTo(
            {live.begin / unit * unit, (live.end + unit - 1) / unit * unit},
            slots));
    }
    llvm::sort(ranges, [](const KeyRange &a, const KeyRange &b) {
      return a.begin < b.begin;
    });
    for (const KeyRange &range : ranges) {
      if (!tile.visited.empty() && range.begin <= tile.visited.back().end)
        tile.visited.back().end = std::max(tile.visited.back().end, range.end);
      else
        tile.visited.push_back(range);
    }
  }
}

KeyRange PlanWalk::getStep(KeyRange range, int64_t key) const {
  int64_t stream = mapping.getStreamTile();
  int64_t anchor = key / stream * stream;
  return {std::max(range.begin, anchor), std::min(range.end, anchor + stream)};
}

StepClass PlanWalk::getClass(int64_t number, KeyRange step) const {
  const RowTile &tile = tiles[number];
  if (leavesStepsOut)
    return classifyStep(
        plan, rowOrder.getRow(number * rowOrder.tile),
        rowOrder.getRow(
            std::min((number + 1) * rowOrder.tile, rowOrder.count(rows)) - 1),
        step, symbols);
  bool isFull = llvm::any_of(tile.full, [&](const KeyRange &full) {
    return full.begin <= step.begin && step.end <= full.end;
  });
  return {/*mayBeLive=*/true, isFull};
}

PointClass PlanWalk::classify(int64_t row, int64_t key) const {
  if (order && !order->periodic.contains(order->keyBase + key))
    return PointClass::NotVisited;
  int64_t slot = order ? order->getSlot(key) : key;
  int64_t number = rowOrder.getNumber(row) / rowOrder.tile;
  const RowTile &tile = tiles[number];
  const KeyRange *range = llvm::find_if(
      tile.visited, [&](const KeyRange &r) { return r.contains(slot); });
  bool isLive = !plan || passesConstraints(plan, row, key, symbols);
  StepClass step{/*mayBeLive=*/false, /*isFull=*/false};
  if (range != tile.visited.end())
    step = getClass(number, getStep(*range, slot));
  if (!step.mayBeLive)
    return isLive ? PointClass::Missed : PointClass::NotVisited;
  if (step.isFull)
    return PointClass::Full;
  return isLive ? PointClass::Tested : PointClass::Dead;
}

int64_t PlanWalk::countVisited() const {
  int64_t visited = 0;
  for (auto [index, tile] : llvm::enumerate(tiles)) {
    int64_t here = std::min<int64_t>(rowOrder.tile, rowOrder.count(rows) -
                                                        index * rowOrder.tile);
    for (const KeyRange &range : tile.visited)
      for (int64_t key = range.begin; key < range.end;) {
        KeyRange step = getStep(range, key);
        if (getClass(index, step).mayBeLive)
          visited += here * (step.end - step.begin);
        key = step.end;
      }
  }
  return visited;
}

void PlanWalk::printCounts(raw_ostream &os) const {
  int64_t full = 0, tested = 0;
  for (auto [index, tile] : llvm::enumerate(tiles)) {
    for (const KeyRange &range : tile.visited) {
      for (int64_t key = range.begin; key < range.end;) {
        KeyRange step = getStep(range, key);
        key = step.end;
        StepClass found = getClass(index, step);
        if (found.mayBeLive)
          ++(found.isFull ? full : tested);
      }
    }
  }
  int64_t all =
      tiles.size() * llvm::divideCeil(order ? order->getSlot(keys) : keys,
                                      mapping.getStreamTile());
  os << "  tiles of " << rowOrder.tile << " queries by "
     << mapping.getStreamTile() << " keys: " << full << " full, " << tested
     << " tested, of " << all << "\n  points visited: " << countVisited()
     << " of " << rows * keys << "\n";
}

PointClass PeriodicWalk::classify(int64_t row, int64_t key) const {
  PointClass first = periodic.classify(row, key);
  if (!ranges)
    return first;
  PointClass second = ranges->classify(row, key);
  // The classes ascend: a point that one walk finds live the other may visit,
  // and none makes good for what is missed.
  return std::max(first, second);
}

void PeriodicWalk::printCounts(raw_ostream &os) const {
  os << "  keys that come back with a period:\n";
  periodic.printCounts(os);
  if (!ranges)
    return;
  os << "  ranges of keys behind them:\n";
  ranges->printCounts(os);
}

void DilatedWalk::printCounts(raw_ostream &os) const {
  int64_t own = 0, inRanges = 0;
  for (const PeriodicWalk &walk : walks) {
    own += walk.countPeriodic();
    inRanges += walk.countInRanges();
  }
  os << "  rows of each remainder by " << step
     << " see keys of their own, which come back with that period\n  points "
        "visited: "
     << own << " of " << rows * keys << "\n";
  if (inRanges > 0)
    os << "  ranges of keys behind them:\n  points visited: " << inRanges
       << " of " << rows * keys << "\n";
}

/// The first axis is not cut: tokens before and behind the grid have
/// coordinates there, too.
SmallVector<BoxWalk::Place> BoxWalk::getPlaces(int64_t position) const {
  SmallVector<Place> places;
  for (auto [index, axis] : llvm::enumerate(grid.axes)) {
    int64_t coordinate = llvm::divideFloorSigned(position, axis.inner);
    if (index > 0)
      coordinate = llvm::mod(coordinate, axis.extent);
    places.push_back({llvm::divideFloorSigned(coordinate, axis.dilation),
                      llvm::mod(coordinate, axis.dilation)});
  }
  return places;
}

PointClass BoxWalk::classify(int64_t row, int64_t key) const {
  bool isVisited = true, isFull = grid.isAlone;
  for (auto [axis, size, row, key] :
       llvm::zip_equal(grid.axes, mapping.getGridTile(),
                       getPlaces(rowBase + row), getPlaces(keyBase + key))) {
    int64_t first = llvm::divideFloorSigned(row.number, size) * size;
    int64_t last = first + size - 1;
    // Every axis but the first one ends with the grid.
    if (&axis != &grid.axes.front())
      last = std::min(last, axis.countPlaces(row.remainder) - 1);
    KeyRange atFirst = axis.getWindow(first, row.remainder);
    KeyRange atLast = axis.getWindow(last, row.remainder);
    isVisited &= row.remainder == key.remainder &&
                 KeyRange{atFirst.begin, atLast.end}.contains(key.number);
    isFull &= atFirst.begin == atLast.begin && atFirst.end == atLast.end;
  }
  bool isLive = passesConstraints(plan, row, key, symbols);
  if (!isVisited)
    return isLive ? PointClass::Missed : PointClass::NotVisited;
  if (isFull)
    return PointClass::Full;
  return isLive ? PointClass::Tested : PointClass::Dead;
}

/// Calls `visit` with every point of `box`, the last axis fastest.
static void forEachPoint(ArrayRef<KeyRange> box,
                         function_ref<void(ArrayRef<int64_t>)> visit) {
  if (llvm::any_of(box, [](const KeyRange &range) { return range.empty(); }))
    return;
  SmallVector<int64_t> at = llvm::map_to_vector(
      box, [](const KeyRange &range) { return range.begin; });
  while (true) {
    visit(at);
    size_t axis = box.size();
    while (axis > 0 && ++at[axis - 1] == box[axis - 1].end) {
      at[axis - 1] = box[axis - 1].begin;
      --axis;
    }
    if (axis == 0)
      return;
  }
}

int64_t BoxWalk::countTokens(ArrayRef<KeyRange> box,
                             ArrayRef<int64_t> remainders, int64_t base,
                             int64_t extent) const {
  int64_t count = 0;
  forEachPoint(box, [&](ArrayRef<int64_t> at) {
    int64_t token = -base;
    for (auto [axis, place, remainder] :
         llvm::zip_equal(grid.axes, at, remainders))
      token += (place * axis.dilation + remainder) * axis.inner;
    count += token >= 0 && token < extent;
  });
  return count;
}

int64_t BoxWalk::countVisited() const {
  if (rows == 0)
    return 0;
  // Boxes by their number on each axis; the first axis is as long as the rows.
  SmallVector<KeyRange> numbers;
  for (auto [axis, size] : llvm::zip_equal(grid.axes, mapping.getGridTile()))
    numbers.push_back({0, axis.countTiles(size)});
  const GridAxis &outer = grid.axes.front();
  int64_t slab = outer.inner * outer.dilation * mapping.getGridTile().front();
  numbers.front() = {llvm::divideFloorSigned(rowBase, slab) * outer.dilation,
                     (llvm::divideFloorSigned(rowBase + rows - 1, slab) + 1) *
                         outer.dilation};
  int64_t visited = 0;
  forEachPoint(numbers, [&](ArrayRef<int64_t> at) {
    SmallVector<KeyRange> rowBox, keyBox;
    SmallVector<int64_t> remainders;
    for (auto [index, axis] : llvm::enumerate(grid.axes)) {
      int64_t size = mapping.getGridTile()[index];
      int64_t remainder = llvm::mod(at[index], axis.dilation);
      KeyRange box;
      box.begin = llvm::divideFloorSigned(at[index], axis.dilation) * size;
      box.end = box.begin + size;
      if (index > 0)
        box.end = std::min(box.end, axis.countPlaces(remainder));
      rowBox.push_back(box);
      keyBox.push_back({axis.getWindow(box.begin, remainder).begin,
                        axis.getWindow(box.end - 1, remainder).end});
      remainders.push_back(remainder);
    }
    visited += countTokens(rowBox, remainders, rowBase, rows) *
               countTokens(keyBox, remainders, keyBase, keys);
  });
  return visited;
}

void BoxWalk::printCounts(raw_ostream &os) const {
  GridWork work = getGridWork(grid, mapping.getGridTile());
  int64_t tiles = 1;
  for (auto [axis, size] : llvm::zip_equal(grid.axes, mapping.getGridTile()))
    tiles *= axis.countTiles(size);
  os << "  boxes of ";
  llvm::interleave(mapping.getGridTile(), os, " by ");
  os << " queries: " << tiles << " on the grid, each of which visits "
     << llvm::format("%.1f", work.keys)
     << " keys on average\n  points visited: " << countVisited() << " of "
     << rows * keys << "\n";
}
