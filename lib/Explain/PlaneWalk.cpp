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
    planes.emplace_back(KnownPoints{plan, symbols, {}, {}}, mapping,
                        RowOrder{mapping.getLaneTiles().front()}, planeRows,
                        planeKeys);
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

StepClass KnownPoints::classifyTerms(int64_t first, int64_t last,
                                     KeyRange keys) const {
  StepClass step{/*mayBeLive=*/true, /*isFull=*/true};
  KeyRange positions{keyBase + keys.begin, keyBase + keys.end};
  for (const TermTest &term : unplanned)
    step = step &
           term.classify(rowBase + first, rowBase + last, positions, numbers);
  return step;
}

bool KnownPoints::isLive(int64_t row, int64_t key) const {
  return (!plan || passesConstraints(plan, row, key, symbols)) &&
         classifyTerms(row, row, {key, key + 1}).mayBeLive;
}

PlanWalk::PlanWalk(const KnownPoints &known, MappingAttr mapping,
                   RowOrder rowOrder, int64_t rows, int64_t keys,
                   std::optional<KeyOrder> order)
    : PlaneWalk(rows, keys), known(known), mapping(mapping), rowOrder(rowOrder),
      order(order), leavesStepsOut(known.plan && !order &&
                                   (getRunLength(known.plan) > 0 ||
                                    !known.unplanned.empty())) {
  PlanAttr plan = known.plan;
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
    PlanTile planTile(plan, first, last, known.symbols);
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
  if (leavesStepsOut) {
    int64_t first = rowOrder.getRow(number * rowOrder.tile);
    int64_t last = rowOrder.getRow(
        std::min((number + 1) * rowOrder.tile, rowOrder.count(rows)) - 1);
    return classifyStep(known.plan, first, last, step, known.symbols) &
           known.classifyTerms(first, last, step);
  }
  bool isFull = llvm::any_of(tile.full, [&](const KeyRange &full) {
    return full.begin <= step.begin && step.end <= full.end;
  });
  return {/*mayBeLive=*/true, isFull && known.unplanned.empty()};
}

PointClass PlanWalk::classify(int64_t row, int64_t key) const {
  if (order && !order->contains(key))
    return PointClass::NotVisited;
  int64_t slot = order ? order->getSlot(key) : key;
  int64_t number = rowOrder.getNumber(row) / rowOrder.tile;
  const RowTile &tile = tiles[number];
  const KeyRange *range = llvm::find_if(
      tile.visited, [&](const KeyRange &r) { return r.contains(slot); });
  bool isLive = this->isLive(row, key);
  StepClass step{/*mayBeLive=*/false, /*isFull=*/false};
  if (range != tile.visited.end())
    step = getClass(number, getStep(*range, slot));
  if (!step.mayBeLive)
    return isLive ? PointClass::Missed : PointClass::NotVisited;
  if (step.isFull)
    return PointClass::Full;
  return isLive ? PointClass::Tested : PointClass::Dead;
}

int64_t PlanWalk::countKeys(int64_t number) const {
  int64_t visited = 0;
  for (const KeyRange &range : tiles[number].visited)
    for (int64_t key = range.begin; key < range.end;) {
      KeyRange step = getStep(range, key);
      if (getClass(number, step).mayBeLive)
        visited += step.end - step.begin;
      key = step.end;
    }
  return visited;
}

int64_t PlanWalk::countVisited() const {
  int64_t visited = 0, count = rowOrder.count(rows);
  for (int64_t first = 0; first < count; first += rowOrder.tile)
    visited += std::min(rowOrder.tile, count - first) *
               countKeys(first / rowOrder.tile);
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

std::vector<int64_t> BoxWalk::getNumber(ArrayRef<Place> places) const {
  std::vector<int64_t> number;
  for (auto [axis, size, place] :
       llvm::zip_equal(grid.axes, mapping.getGridTile(), places))
    number.push_back(llvm::divideFloorSigned(place.number, size) *
                         axis.dilation +
                     place.remainder);
  return number;
}

std::vector<int64_t> BoxWalk::getTokens(ArrayRef<KeyRange> box,
                                        ArrayRef<int64_t> remainders,
                                        int64_t base, int64_t extent) const {
  std::vector<int64_t> tokens;
  forEachPoint(box, [&](ArrayRef<int64_t> at) {
    int64_t token = -base;
    for (auto [axis, place, remainder] :
         llvm::zip_equal(grid.axes, at, remainders))
      token += (place * axis.dilation + remainder) * axis.inner;
    if (token >= 0 && token < extent)
      tokens.push_back(token);
  });
  return tokens;
}

void BoxWalk::addBox(ArrayRef<int64_t> number, const Plans &plans) {
  SmallVector<KeyRange> rowBox, keyBox;
  SmallVector<int64_t> remainders;
  bool isFull = true;
  for (auto [index, axis] : llvm::enumerate(grid.axes)) {
    int64_t size = mapping.getGridTile()[index];
    int64_t remainder = llvm::mod(number[index], axis.dilation);
    KeyRange box;
    box.begin = llvm::divideFloorSigned(number[index], axis.dilation) * size;
    box.end = box.begin + size;
    // Every axis but the first one ends with the grid.
    if (index > 0)
      box.end = std::min(box.end, axis.countPlaces(remainder));
    KeyRange atFirst = axis.getWindow(box.begin, remainder);
    KeyRange atLast = axis.getWindow(box.end - 1, remainder);
    rowBox.push_back(box);
    keyBox.push_back({atFirst.begin, atLast.end});
    remainders.push_back(remainder);
    isFull &= atFirst.begin == atLast.begin && atFirst.end == atLast.end;
  }
  std::vector<int64_t> tokens = getTokens(rowBox, remainders, rowBase, rows);
  if (tokens.empty())
    return;
  // What plans say of a tile they say of all rows from its first to its last.
  int64_t first = tokens.front(), last = tokens.back();
  RowOrder order{last - first + 1, first};
  Box box{static_cast<int64_t>(tokens.size()), isFull,
          PlanWalk(plans.own, mapping, order, last + 1, keys,
                   KeyOrder(getTokens(keyBox, remainders, keyBase, keys))),
          std::nullopt};
  if (plans.ranges)
    box.ranges.emplace(*plans.ranges, mapping, order, last + 1, keys);
  boxes.emplace(number.vec(), std::move(box));
}

BoxWalk::BoxWalk(const GridWalk &grid, const Plans &plans, MappingAttr mapping,
                 int64_t rows, int64_t keys, int64_t rowBase, int64_t keyBase)
    : PlaneWalk(rows, keys), grid(grid), mapping(mapping), rowBase(rowBase),
      keyBase(keyBase) {
  if (rows == 0)
    return;
  // Boxes by their number on each axis; the first axis is as long as the rows.
  SmallVector<KeyRange> numbers;
  for (auto [axis, size] : llvm::zip_equal(grid.axes, mapping.getGridTile()))
    numbers.push_back({0, axis.countTiles(size)});
  const GridAxis &outer = grid.axes.front();
  int64_t slab = outer.inner * outer.dilation * mapping.getGridTile().front();
  numbers.front() = {llvm::divideFloorSigned(rowBase, slab) * outer.dilation,
                     (llvm::divideFloorSigned(rowBase + rows - 1, slab) + 1) *
                         outer.dilation};
  forEachPoint(numbers,
               [&](ArrayRef<int64_t> number) { addBox(number, plans); });
}

PointClass BoxWalk::classify(int64_t row, int64_t key) const {
  SmallVector<Place> places = getPlaces(rowBase + row);
  auto found = boxes.find(getNumber(places));
  if (found == boxes.end())
    return PointClass::Missed;
  const Box &box = found->second;
  bool isInWindow = true;
  for (auto [axis, at, other] :
       llvm::zip_equal(grid.axes, places, getPlaces(keyBase + key)))
    isInWindow &=
        at.remainder == other.remainder &&
        axis.getWindow(at.number, at.remainder).contains(other.number);
  PointClass own = box.own.classify(row, key);
  if (own == PointClass::NotVisited || own == PointClass::Missed)
    // Of what the plan of these keys says those in windows are live.
    own = isInWindow && box.own.isLive(row, key) ? PointClass::Missed
                                                 : PointClass::NotVisited;
  else if (!isInWindow)
    own = PointClass::Dead;
  else if (own == PointClass::Full && !box.isFull)
    own = PointClass::Tested;
  if (!box.ranges)
    return own;
  // As in a walk of periodic keys: the classes ascend.
  return std::max(own, box.ranges->classify(row, key));
}

void BoxWalk::printCounts(raw_ostream &os) const {
  GridWork work = getGridWork(grid, mapping.getGridTile());
  int64_t tiles = 1, visited = 0, inRanges = 0;
  bool hasRanges = false;
  for (auto [axis, size] : llvm::zip_equal(grid.axes, mapping.getGridTile()))
    tiles *= axis.countTiles(size);
  for (const auto &[number, box] : boxes) {
    visited += box.rows * box.own.countKeys(0);
    if (!box.ranges)
      continue;
    hasRanges = true;
    inRanges += box.rows * box.ranges->countKeys(0);
  }
  os << "  boxes of ";
  llvm::interleave(mapping.getGridTile(), os, " by ");
  os << " queries: " << tiles << " on the grid, whose windows hold "
     << llvm::format("%.1f", work.keys)
     << " keys on average\n  points visited: " << visited << " of "
     << rows * keys << "\n";
  if (hasRanges)
    os << "  ranges of keys behind them:\n  points visited: " << inRanges
       << " of " << rows * keys << "\n";
}
