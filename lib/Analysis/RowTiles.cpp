//===- RowTiles.cpp - How rows are cut into tiles -------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowTiles.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Analysis/GridWalk.h"
#include "attn/Analysis/PeriodicKeys.h"
#include "attn/Analysis/StepTest.h"
#include "attn/Analysis/WalkPlans.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>

using namespace mlir;
using namespace mlir::attn;

/// Lane tiles and the time that a key takes in each. A tile of few registers
/// keeps fewer sums in flight, and loads as much for each: that shows where
/// two multiply-adds begin in a cycle, and hardly where it is one.
static ArrayRef<std::pair<int64_t, double>>
getLaneTileTimes(const MachineModel &machine) {
  static constexpr std::pair<int64_t, double> kOfTwo[] = {
      {64, 66}, {48, 48}, {32, 34}, {16, 20}};
  static constexpr std::pair<int64_t, double> kOfOne[] = {
      {64, 66}, {48, 48}, {32, 32.4}, {16, 16.6}};
  return machine.vectorMultiplies == 1 ? ArrayRef(kOfOne) : ArrayRef(kOfTwo);
}
/// Lanes of the widest tile of rows as they lie.
static constexpr int64_t kLinearLanes = 48;
/// Of the time of that tile another one takes less, or the model is not that
/// good.
static constexpr double kLeastGain = 0.95;

/// Lane tiles that cut the `rows` that share a list with as little left over as
/// there can be.
static SmallVector<int64_t> chooseListTiles(int64_t rows,
                                            const MachineModel &machine) {
  ArrayRef<std::pair<int64_t, double>> known = getLaneTileTimes(machine);
  SmallVector<int64_t> best;
  double least = 0;
  for (auto [index, first] : llvm::enumerate(known)) {
    // A smaller tile that holds all of them is less code.
    if (index + 1 < known.size() && known[index + 1].first >= rows)
      continue;
    double time = rows / first.first * first.second;
    SmallVector<int64_t> tiles{first.first};
    if (int64_t rest = rows % first.first) {
      auto last = *llvm::find_if(llvm::reverse(known.drop_front(index)),
                                 [&](auto tile) { return tile.first >= rest; });
      time += last.second;
      if (last.first != first.first)
        tiles.push_back(last.first);
    }
    if (!best.empty() && time >= least)
      continue;
    least = time;
    best = tiles;
  }
  return best;
}

/// Lane tiles for the rows as they lie. Where there are few, one tile holds
/// all: a register of them, if that is enough.
static SmallVector<int64_t> chooseLaneTiles(int64_t lanes, int64_t elementBits,
                                            const MachineModel &machine,
                                            bool usesMatrixUnit) {
  constexpr int64_t kNarrow = 8;
  // What a step copies serves all lanes, and a matrix unit holds none of them
  // in registers from one product to the next. Each size is compiled for
  // itself.
  if (usesMatrixUnit && ShapedType::isDynamic(lanes))
    return {128, 32};
  if (usesMatrixUnit && lanes > 16) {
    SmallVector<int64_t> tiles;
    if (lanes >= 128)
      tiles.push_back(128);
    if (int64_t rest = lanes % 128)
      tiles.push_back(llvm::PowerOf2Ceil(std::max<int64_t>(rest, 16)));
    tiles.erase(llvm::unique(tiles), tiles.end());
    return tiles;
  }
  if (ShapedType::isDynamic(lanes) || lanes > 16)
    return {48, 32, 16};
  bool isNarrow =
      lanes <= kNarrow && kNarrow * elementBits >= machine.vectorBits;
  return {isNarrow ? kNarrow : 16};
}

/// The symbols of `plan` for a head of as many queries as keys.
static SmallVector<int64_t> getSampleSymbols(PlanAttr plan, int64_t tokens,
                                             int64_t head = 0) {
  return llvm::map_to_vector(plan.getSymbols(), [&](StringAttr symbol) {
    bool isPlace =
        symbol == PlanSymbols::diagonal || symbol == PlanSymbols::keyOrigin;
    return getHeadSymbol(plan, symbol, head).value_or(isPlace ? 0 : tokens);
  });
}

/// The loop over keys, null where there is none.
static IterateOp getKeyLoop(CascadeOp cascade) {
  for (auto loop : cascade.getBody().getOps<IterateOp>())
    if (loop.getParentAttr() == cascade.getKeyRankAttr())
      return loop;
  return {};
}

/// The plan of the loop over keys, null where there is none.
static PlanAttr getKeyPlan(CascadeOp cascade) {
  IterateOp loop = getKeyLoop(cascade);
  return loop ? loop.getPlanAttr() : PlanAttr();
}

/// Keys between the bounds of `plan`, which may be null, for the rows `first`
/// to `last` of one head of as many queries as keys.
static int64_t countLiveKeys(PlanAttr plan, int64_t first, int64_t last,
                             int64_t tokens, int64_t head) {
  if (!plan)
    return 0;
  SmallVector<int64_t> symbols = getSampleSymbols(plan, tokens, head);
  PlanTile ranges(plan, first, last, symbols);
  int64_t keys = 0;
  for (const PlanPiece &piece : ranges.getPieces()) {
    KeyRange live = ranges.getRanges(piece).live;
    keys += std::max<int64_t>(live.end - live.begin, 0);
  }
  return keys;
}

/// How many heads `plan`, which may be null, knows numbers of.
static int64_t countHeads(PlanAttr plan) {
  int64_t heads = 1;
  if (plan)
    for (DenseI64ArrayAttr table : plan.getTables())
      heads = std::max<int64_t>(heads, table.size());
  return heads;
}

/// What `count` finds for a head, on average over some of `heads`.
static int64_t averageOverHeads(int64_t heads,
                                function_ref<int64_t(int64_t head)> count) {
  constexpr int64_t kMostHeads = 16;
  int64_t stride = llvm::divideCeil(heads, kMostHeads), sum = 0, samples = 0;
  for (int64_t head = 0; head < heads; head += stride, ++samples)
    sum += count(head);
  return sum / samples;
}

/// The same of one head for all that `plan` has.
static int64_t countLiveKeys(PlanAttr plan, int64_t first, int64_t last,
                             int64_t tokens) {
  return averageOverHeads(countHeads(plan), [&](int64_t head) {
    return countLiveKeys(plan, first, last, tokens, head);
  });
}

/// Keys that a tile of rows visits where rows are cut as they lie, on average
/// over some tiles of the whole grid.
static double countLinearKeys(const GridWalk &walk, PlanAttr plan,
                              int64_t rows) {
  constexpr int64_t kSamples = 64;
  int64_t tokens = walk.axes.front().extent * walk.axes.front().inner;
  int64_t tiles = llvm::divideCeil(tokens, rows);
  int64_t step = llvm::divideCeil(tiles, kSamples), count = 0;
  double keys = 0;
  for (int64_t tile = 0; tile < tiles; tile += step, ++count)
    keys += countLiveKeys(plan, tile * rows,
                          std::min((tile + 1) * rows, tokens) - 1, tokens);
  return keys / count;
}

/// Keys in the ranges of `plan` that a box of `sizes` tokens visits beside
/// those of its windows, on average over some boxes of the whole grid.
static double countRangeKeys(const GridWalk &walk, PlanAttr plan,
                             ArrayRef<int64_t> sizes) {
  constexpr int64_t kSamples = 8;
  int64_t tokens = walk.axes.front().extent * walk.axes.front().inner;
  // From the first token of a box to the last one.
  int64_t reach = 0;
  for (auto [axis, size] : llvm::zip_equal(walk.axes, sizes))
    reach += (size - 1) * axis.dilation * axis.inner;
  reach = std::min(reach, tokens - 1);
  double keys = 0;
  for (int64_t sample = 0; sample < kSamples; ++sample) {
    int64_t first = (tokens - 1 - reach) * sample / (kSamples - 1);
    keys += countLiveKeys(plan, first, first + reach, tokens);
  }
  return keys / kSamples;
}

/// The one of `tiles` in which a row takes the least time, if that is less than
/// in the widest tile of rows as they lie.
static std::optional<int64_t>
findFasterTile(ArrayRef<std::pair<int64_t, double>> tiles,
               function_ref<double(std::pair<int64_t, double>)> getTime) {
  const auto *best = llvm::min_element(
      tiles, [&](auto a, auto b) { return getTime(a) < getTime(b); });
  const auto *linear = llvm::find_if(
      tiles, [](auto tile) { return tile.first == kLinearLanes; });
  if (getTime(*best) > kLeastGain * getTime(*linear))
    return std::nullopt;
  return best->first;
}

/// Begins `laneTiles` with the tile in which a row takes the least time where
/// its rows lie as far apart as `steps` says, in all heads or each: the longer
/// a tile, the more keys are in ranges for some of its rows.
static void fitRangeTiles(SmallVectorImpl<int64_t> &laneTiles,
                          CascadeOp cascade, const SmallVector<int64_t> &steps,
                          const MachineModel &machine) {
  IterateOp loop = getKeyLoop(cascade);
  if (!loop || !loop.getPlan())
    return;
  // Far from both ends, for most sizes.
  int64_t tokens = int64_t(1) << 20;
  int64_t keyExtent =
      getExtent(cascade.getRankExtents(), cascade.getKeyRankAttr());
  if (!ShapedType::isDynamic(keyExtent))
    tokens = std::clamp<int64_t>(keyExtent, 1, tokens);
  PlanAttr plan = loop.getPlanAttr(), tokenPlan = loop.getTokenPlanAttr();
  int64_t heads = std::max({countHeads(plan), countHeads(tokenPlan),
                            static_cast<int64_t>(steps.size())});
  auto getTime = [&](std::pair<int64_t, double> tile) {
    auto [lanes, time] = tile;
    int64_t first = tokens / 2, rows = lanes;
    int64_t keys = averageOverHeads(heads, [&](int64_t head) {
      int64_t step = lookUpHead(steps, head);
      int64_t last = std::min(first + (rows - 1) * step, tokens - 1);
      return countLiveKeys(plan, first, last, tokens, head) +
             countLiveKeys(tokenPlan, first, last, tokens, head) / step;
    });
    return time * static_cast<double>(keys) / lanes;
  };
  if (std::optional<int64_t> best =
          findFasterTile(getLaneTileTimes(machine).drop_front(), getTime))
    llvm::erase_if(laneTiles, [&](int64_t lanes) { return lanes > *best; });
}

/// Rows that see the same blocks of keys; 0 where none are known to.
static int64_t getSharedRows(CascadeOp cascade) {
  int64_t rows = 0;
  auto add = [&](int64_t block) { rows = std::gcd(rows, block); };
  if (std::optional<SparsityAttr> sparsity = cascade.getSparsity()) {
    sparsity->walk([&](PowerOfTwoAttr powers) { add(powers.getBlock()); });
    sparsity->walk([&](BlockDiagonalAttr blocks) { add(blocks.getSize()); });
  }
  return rows;
}

/// Begins `laneTiles` with the tile in which a row takes the least time where
/// tiles see the keys of every block of `sharedRows` rows that they touch.
static void fitLaneTiles(SmallVectorImpl<int64_t> &laneTiles,
                         int64_t sharedRows, const MachineModel &machine) {
  if (sharedRows == 0)
    return;
  auto getTime = [&](auto tile) {
    auto [lanes, time] = tile;
    auto shared = static_cast<double>(sharedRows);
    // Blocks that a tile touches, on average over where it begins.
    double blocks = 1 + (lanes - std::gcd(lanes, sharedRows)) / shared;
    return time * blocks / lanes;
  };
  ArrayRef<std::pair<int64_t, double>> times = getLaneTileTimes(machine);
  std::optional<int64_t> best = findFasterTile(times, getTime);
  if (!best)
    return;
  laneTiles.assign({*best});
  for (auto [lanes, time] : times)
    if (lanes < std::min(*best, kLinearLanes))
      laneTiles.push_back(lanes);
}

namespace {
/// A tile of a grid and the lane tile that holds it.
struct GridTile {
  int64_t lanes;
  SmallVector<int64_t> sizes;
};
} // namespace

/// The tile of the cascade's token grid, if there is one, in which a row takes
/// the least time; none where that is in rows as they lie, `linearLanes` at a
/// time. `times` are lane tiles and the time of a key in each, the largest
/// first, in the unit in which one of `linearLanes` takes as long as they are.
static std::optional<GridTile>
chooseGridTile(CascadeOp cascade, ArrayRef<std::pair<int64_t, double>> times,
               int64_t linearLanes) {
  std::optional<GridWalk> walk = findGridWalk(cascade);
  PlanAttr plan = getKeyPlan(cascade);
  if (!walk || !plan)
    return std::nullopt;
  int64_t window = 1;
  for (const GridAxis &axis : walk->axes)
    if (llvm::MulOverflow(window, axis.kernel, window) ||
        window > kMostGridKeys)
      return std::nullopt;
  // Ranges behind the windows are those of a plan of its own.
  PlanAttr rangePlan;
  if (walk->roles.listed) {
    FailureOr<WalkPlans> plans = planWalks(cascade, walk->roles);
    if (failed(plans) || !plans->plan)
      return std::nullopt;
    rangePlan = plans->plan;
  }
  // Where a key lies is written down and looked up, but for rows as they lie.
  constexpr double kGather = 2;
  // Rows as they lie take as long as they are.
  double least = countLinearKeys(*walk, plan, linearLanes);
  std::optional<GridTile> best;
  forEachGridTile(
      *walk, times.front().first,
      [&](ArrayRef<int64_t> sizes, const GridWork &work) {
        int64_t rows = llvm::product_of(sizes);
        const auto *lanes =
            llvm::find_if(llvm::reverse(times),
                          [&](auto tile) { return tile.first >= rows; })
                .base() -
            1;
        double time = work.keys * (lanes->second + kGather) / work.rows;
        if (time >= least || work.mostKeys > kMostGridKeys)
          return;
        if (rangePlan)
          time += countRangeKeys(*walk, rangePlan, sizes) * lanes->second /
                  work.rows;
        if (time >= least)
          return;
        least = time;
        best = {lanes->first, SmallVector<int64_t>(sizes)};
      });
  return best;
}

/// Keys that tiles of `rows` rows visit in steps of `points` keys, on average
/// over some tiles of `tokens` tokens, and as many for each step as it takes to
/// begin one.
static double countStepKeys(PlanAttr plan, int64_t tokens, int64_t rows,
                            int64_t points) {
  constexpr int64_t kSamples = 8, kBegin = 5;
  SmallVector<int64_t> symbols = getSampleSymbols(plan, tokens);
  int64_t tiles = std::max<int64_t>(tokens / rows, 1);
  double keys = 0;
  for (int64_t sample = 0; sample < kSamples; ++sample) {
    int64_t first = tiles * (2 * sample + 1) / (2 * kSamples) * rows;
    int64_t last = std::min(first + rows, tokens) - 1;
    for (int64_t begin = 0; begin < tokens; begin += points) {
      KeyRange step{begin, std::min(begin + points, tokens)};
      if (classifyStep(plan, first, last, step, symbols).mayBeLive)
        keys += points + kBegin;
    }
  }
  return keys;
}

int64_t attn::chooseRunTile(CascadeOp cascade, int64_t streamTile,
                            int64_t rows) {
  PlanAttr plan = getKeyPlan(cascade);
  int64_t run = plan ? getRunLength(plan) : 0;
  if (run == 0)
    return streamTile;
  // A few thousand tokens hold what repeats.
  constexpr int64_t kTokens = 4096;
  int64_t tokens =
      getExtent(cascade.getRankExtents(), cascade.getKeyRankAttr());
  if (ShapedType::isDynamic(tokens) || tokens > kTokens)
    tokens = kTokens;
  int64_t best = streamTile;
  double least = countStepKeys(plan, tokens, rows, streamTile);
  for (int64_t points : {run, 2 * kShortestRun, kShortestRun}) {
    // Steps are whole register tiles.
    if (points >= best || points % kShortestRun != 0)
      continue;
    double keys = countStepKeys(plan, tokens, rows, points);
    if (keys >= least)
      continue;
    least = keys;
    best = points;
  }
  return best;
}

RowTiles attn::chooseRowTiles(CascadeOp cascade, const RankRoles &roles,
                              const MachineModel &machine, int64_t elementBits,
                              bool usesMatrixUnit) {
  TermRoles terms = getTermRoles(cascade);
  bool tilesRows = roles.lanes == cascade.getQueryRankAttr();
  RowTiles tiles;
  if (terms.hasLists() && tilesRows) {
    tiles.lanes = chooseListTiles(terms.getListRows(), machine);
    return tiles;
  }
  tiles.lanes =
      chooseLaneTiles(getExtent(cascade.getRankExtents(), roles.lanes),
                      elementBits, machine, usesMatrixUnit);
  if (tiles.lanes.front() == kLinearLanes)
    fitLaneTiles(tiles.lanes, getSharedRows(cascade), machine);
  SmallVector<int64_t> steps = getDilatedSteps(terms.periodic);
  bool hasRanges = !terms.walksTokens() || (!steps.empty() && terms.listed);
  if (tiles.lanes.front() == kLinearLanes && tilesRows && hasRanges)
    fitRangeTiles(tiles.lanes, cascade,
                  steps.empty() ? SmallVector<int64_t>{1} : steps, machine);
  if (std::optional<GridTile> tile =
          chooseGridTile(cascade, getLaneTileTimes(machine), kLinearLanes)) {
    tiles.lanes = {tile->lanes};
    tiles.grid = tile->sizes;
  }
  return tiles;
}

SmallVector<int64_t> attn::chooseBlockGrid(CascadeOp cascade, int64_t lanes) {
  // A block takes as long with fewer rows.
  std::pair<int64_t, double> time{lanes, static_cast<double>(lanes)};
  std::optional<GridTile> tile = chooseGridTile(cascade, time, lanes);
  return tile ? tile->sizes : SmallVector<int64_t>();
}
