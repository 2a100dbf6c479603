//===- CostModel.cpp - Choosing the mapping of a cascade ------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/CostModel.h"
#include "CascadeRanks.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Analysis/GridWalk.h"
#include "attn/Analysis/StepTest.h"
#include "attn/Analysis/TermRoles.h"
#include "attn/Analysis/WalkPlans.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

/// The widest float in which an einsum of the cascade computes.
static int64_t getComputeBits(CascadeOp cascade) {
  int64_t bits = 32;
  cascade.getBody().walk([&](EinsumOp einsum) {
    Type element = einsum.getOutputType().getElementType();
    if (isa<FloatType>(element))
      bits = std::max<int64_t>(bits,
                               getComputeType(element).getIntOrFloatBitWidth());
  });
  return bits;
}

bool attn::multipliesBf16(CascadeOp cascade) {
  auto isTensor = [&](Value input) {
    auto argument = dyn_cast<BlockArgument>(input);
    return argument && argument.getOwner()->getParentOp() == cascade &&
           getElementTypeOrSelf(input).isBF16();
  };
  WalkResult found = cascade.getBody().walk([&](EinsumOp einsum) {
    return einsum.getReduction() == ReductionKind::Add &&
                   einsum.getInputs().size() == 2 &&
                   llvm::any_of(einsum.getInputs(), isTensor)
               ? WalkResult::interrupt()
               : WalkResult::advance();
  });
  return found.wasInterrupted();
}

/// Bits of an element of scratch for `input`.
static int64_t getScratchBits(Value input) {
  Type element = getElementTypeOrSelf(input);
  if (isa<FloatType>(element))
    element = getComputeType(element);
  return element.isIntOrFloat() ? element.getIntOrFloatBitWidth() : 64;
}

/// The working set, or the part of it that is scratch.
static WorkingSet countBytes(CascadeOp cascade, const RankRoles &roles,
                             int64_t laneTile, bool isScratch) {
  CascadeRanks ranks(cascade);
  llvm::MapVector<StringAttr, int64_t> extents = cascade.getRankExtents();
  llvm::SmallPtrSet<StringAttr, 4> points;
  for (IterateOp loop : ranks.getLoops())
    points.insert(loop.getPointAttr());

  // Bytes of the part of a tensor that an item holds, per point of the step if
  // it has any. Unknown extents of ranks that an item walks count as one.
  constexpr int64_t kPlenty = int64_t(1) << 40;
  auto count = [&](ArrayRef<StringAttr> tensorRanks, int64_t bits) {
    int64_t bytes = llvm::divideCeil(bits, 8);
    for (StringAttr rank : tensorRanks) {
      int64_t factor = extents.lookup(rank);
      if (rank == roles.lanes)
        factor = laneTile;
      else if (llvm::is_contained(roles.parallel, rank) ||
               ranks.isStreaming(rank) || factor < 1)
        continue;
      if (llvm::MulOverflow(bytes, factor, bytes) || bytes > kPlenty)
        return kPlenty;
    }
    return bytes;
  };

  WorkingSet set;
  llvm::SmallDenseSet<Value> counted;
  for (IterateOp loop : ranks.getLoops())
    for (Value carried : loop.getYielded())
      if (auto carriedRanks = CascadeRanks::getRanks(carried))
        set.resident += count(*carriedRanks, getComputeBits(cascade));
  for (EinsumOp einsum : ranks.getSteadyEinsums()) {
    auto isPoint = [&](StringAttr rank) { return points.contains(rank); };
    SmallVector<StringAttr> outputRanks = einsum.getOutputRanks();
    if (einsum.hasRank(roles.lanes) && llvm::any_of(outputRanks, isPoint))
      set.scorePerPoint = std::max(set.scorePerPoint,
                                   count(outputRanks, getComputeBits(cascade)));
    SmallVector<StringAttr> names = einsum.getRankNames();
    for (auto [index, input] : llvm::enumerate(einsum.getInputs())) {
      auto argument = dyn_cast<BlockArgument>(input);
      if (!argument || argument.getOwner()->getParentOp() != cascade ||
          !counted.insert(input).second)
        continue;
      SmallVector<StringAttr> used;
      for (StringAttr rank : names)
        if (einsum.inputUsesRank(index, rank))
          used.push_back(rank);
      int64_t bits = std::max<int64_t>(
          8, getElementTypeOrSelf(input).isIntOrFloat()
                 ? getElementTypeOrSelf(input).getIntOrFloatBitWidth()
                 : 64);
      bool isStreamed = ranks.isStreamed(einsum, index);
      if (isScratch) {
        // A streamed input has a copy where it is converted or gathered.
        int64_t scratchBits = getScratchBits(input);
        if (isStreamed && scratchBits == bits &&
            cascade.getSpace().permutations.empty() &&
            !einsum.getAccess(index).readsData())
          continue;
        bits = scratchBits;
      }
      (isStreamed ? set.perPoint : set.resident) += count(used, bits);
      if (isStreamed)
        set.inputPerPoint =
            std::max(set.inputPerPoint, count(used, getScratchBits(input)));
    }
  }
  set.perPoint += set.scorePerPoint;
  return set;
}

WorkingSet attn::getWorkingSet(CascadeOp cascade, const RankRoles &roles,
                               int64_t laneTile) {
  return countBytes(cascade, roles, laneTile, /*isScratch=*/false);
}

WorkingSet attn::getScratchSet(CascadeOp cascade, const RankRoles &roles,
                               int64_t laneTile) {
  return countBytes(cascade, roles, laneTile, /*isScratch=*/true);
}

BlockTiles attn::chooseBlockTiles(CascadeOp cascade, const RankRoles &roles,
                                  const MachineModel &machine) {
  constexpr int64_t kFewestPoints = 16, kMostPoints = 64;
  // Rows of statistics, one number for a lane each, are not in the set.
  constexpr int64_t kStatistics = 16, kWidest = 8;
  struct Choice {
    int64_t lanes, bytes;
  };
  int64_t all = machine.sharedBytes, half = all / 2;
  for (Choice choice : {Choice{128, half}, Choice{64, half}, Choice{32, half},
                        Choice{32, all}, Choice{16, all}}) {
    WorkingSet set = getScratchSet(cascade, roles, choice.lanes);
    int64_t free =
        choice.bytes - set.resident - kStatistics * kWidest * choice.lanes;
    int64_t points = set.perPoint > 0
                         ? std::max<int64_t>(free, 0) / set.perPoint
                         : (free < 0 ? 0 : kMostPoints);
    if (points >= kFewestPoints)
      return {choice.lanes,
              std::min<int64_t>(
                  kMostPoints, llvm::bit_floor(static_cast<uint64_t>(points)))};
  }
  // Scratch lies in global memory.
  return {32, 32};
}

int64_t attn::chooseStreamTile(const WorkingSet &set,
                               const MachineModel &machine, bool innerLanes,
                               bool usesMatrixUnit) {
  // What a step does once, the repair of its sums, costs about as much as one
  // key. With more points rows of keys and values leave the first level before
  // the last block of features has read them. A matrix unit reads its sums from
  // memory and writes them in every step, so that its steps are longer.
  constexpr int64_t kSmallest = 16, kLargest = 512, kRegisterPoints = 64,
                    kTilePoints = 320;
  int64_t tile = kLargest, unit = usesMatrixUnit ? kMatrixTilePoints : 16;
  bool multipliesTiles = usesMatrixUnit && !innerLanes;
  if (!innerLanes && set.scorePerPoint > 0)
    tile = multipliesTiles ? kTilePoints : kRegisterPoints;
  // Its scores lie in an eighth of the second level. Elsewhere a quarter of the
  // first is left to the rows that pass through it, half of the second to what
  // the next step brings.
  int64_t scoreBytes =
      multipliesTiles ? machine.l2Bytes / 8 : machine.l1Bytes / 4 * 3;
  if (set.scorePerPoint > 0)
    tile = std::min(tile, scoreBytes / set.scorePerPoint);
  // Blocks of features walk the same points one after the other.
  if (innerLanes && set.inputPerPoint > 0)
    tile = std::min(tile, machine.l1Bytes / set.inputPerPoint);
  if (set.perPoint > 0)
    tile = std::min(tile, (machine.l2Bytes / 2 - set.resident) / set.perPoint);
  return std::max(kSmallest, tile / unit * unit);
}

int64_t attn::chooseRowTile(int64_t laneTile, int64_t elementBits,
                            const MachineModel &machine) {
  // Accumulators, one loaded vector and one broadcast share the registers. A
  // power of two divides the stream tile.
  int64_t vectors = std::clamp<int64_t>(
      llvm::divideCeil(laneTile * elementBits, machine.vectorBits), 1,
      kRegisterTileVectors);
  int64_t rows = (machine.vectorRegisters - 2) / vectors;
  if (rows < 1)
    return 1;
  return std::min<int64_t>(8, llvm::bit_floor(static_cast<uint64_t>(rows)));
}

/// The points of a split of the stream, if it has splits.
static std::optional<int64_t> getSplitSize(CascadeOp cascade) {
  std::optional<int64_t> size;
  cascade.getBody().walk([&](IterateOp iterate) {
    if (iterate.getSplitSize())
      size = iterate.getSplitSize();
  });
  return size;
}

/// Lane tiles and the time that a key takes in each. A tile of few registers
/// keeps fewer sums in flight.
static constexpr std::pair<int64_t, double> kLaneTileTimes[] = {
    {64, 66}, {48, 48}, {32, 34}, {16, 20}};
/// Lanes of the widest tile of rows as they lie.
static constexpr int64_t kLinearLanes = 48;

/// Lane tiles that cut the `rows` that share a list with as little left over as
/// there can be.
static SmallVector<int64_t> chooseListTiles(int64_t rows) {
  ArrayRef known(kLaneTileTimes);
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

/// The symbols of `plan` for the first head of as many queries as keys.
static SmallVector<int64_t> getSampleSymbols(PlanAttr plan, int64_t tokens) {
  return llvm::map_to_vector(plan.getSymbols(), [&](StringAttr symbol) {
    bool isPlace =
        symbol == PlanSymbols::diagonal || symbol == PlanSymbols::keyOrigin;
    return getHeadSymbol(plan, symbol, /*head=*/0)
        .value_or(isPlace ? 0 : tokens);
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
/// to `last` of as many queries as keys.
static int64_t countLiveKeys(PlanAttr plan, int64_t first, int64_t last,
                             int64_t tokens) {
  if (!plan)
    return 0;
  SmallVector<int64_t> symbols = getSampleSymbols(plan, tokens);
  PlanTile ranges(plan, first, last, symbols);
  int64_t keys = 0;
  for (const PlanPiece &piece : ranges.getPieces()) {
    KeyRange live = ranges.getRanges(piece).live;
    keys += std::max<int64_t>(live.end - live.begin, 0);
  }
  return keys;
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

/// Begins `laneTiles` with the tile in which a row takes the least time where
/// its rows are those of one remainder by `step`: the longer a tile, the more
/// keys are in ranges for some of its rows.
static void fitRemainderTiles(SmallVectorImpl<int64_t> &laneTiles,
                              IterateOp loop, int64_t step) {
  // Far from both ends, for most sizes.
  constexpr int64_t kTokens = int64_t(1) << 20;
  auto getTime = [&](auto tile) {
    auto [lanes, time] = tile;
    int64_t first = kTokens / 2, last = first + (lanes - 1) * step;
    int64_t keys =
        countLiveKeys(loop.getPlanAttr(), first, last, kTokens) +
        countLiveKeys(loop.getTokenPlanAttr(), first, last, kTokens) / step;
    return time * static_cast<double>(keys) / lanes;
  };
  const auto *best = llvm::min_element(
      ArrayRef(kLaneTileTimes).drop_front(),
      [&](auto a, auto b) { return getTime(a) < getTime(b); });
  llvm::erase_if(laneTiles, [&](int64_t lanes) { return lanes > best->first; });
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
                         int64_t sharedRows) {
  if (sharedRows == 0)
    return;
  auto getTime = [&](auto tile) {
    auto [lanes, time] = tile;
    auto shared = static_cast<double>(sharedRows);
    // Blocks that a tile touches, on average over where it begins.
    double blocks = 1 + (lanes - std::gcd(lanes, sharedRows)) / shared;
    return time * blocks / lanes;
  };
  const auto *best = llvm::min_element(
      kLaneTileTimes, [&](auto a, auto b) { return getTime(a) < getTime(b); });
  const auto *linear = llvm::find_if(
      kLaneTileTimes, [](auto tile) { return tile.first == kLinearLanes; });
  // The model is not that good.
  if (getTime(*best) > 0.95 * getTime(*linear))
    return;
  laneTiles.assign({best->first});
  for (auto [lanes, time] : kLaneTileTimes)
    if (lanes < std::min(best->first, kLinearLanes))
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
/// the least time; none where that is in rows as they lie.
static std::optional<GridTile> chooseGridTile(CascadeOp cascade) {
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
  double least = countLinearKeys(*walk, plan, kLinearLanes);
  std::optional<GridTile> best;
  forEachGridTile(
      *walk, kLaneTileTimes[0].first,
      [&](ArrayRef<int64_t> sizes, const GridWork &work) {
        int64_t rows = llvm::product_of(sizes);
        const auto *lanes =
            llvm::find_if(llvm::reverse(ArrayRef(kLaneTileTimes)),
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

/// Points of a step where steps without live points are left out: `streamTile`
/// or fewer, of which fewer may be dead.
static int64_t chooseRunTile(CascadeOp cascade, int64_t streamTile,
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

/// Lanes of the widest tile: enough of them for every vector of a register
/// tile.
static constexpr int64_t kWidestLanes = 128;

/// Points of a step over a list of tokens: the rows of the next one are asked
/// for during a step, and few lists are long.
static constexpr int64_t kListedPoints = 32;

FailureOr<MappingAttr>
attn::chooseMapping(CascadeOp cascade, const MachineModel &machine,
                    const MappingOverrides &overrides,
                    function_ref<InFlightDiagnostic()> emitError) {
  RankRoles roles = assignRankRoles(cascade);
  if (!roles.lanes)
    return MappingAttr();
  // Tiles that are given are those of lanes.
  if (machine.sharedBytes == 0 && overrides.laneTiles.empty() &&
      overrides.gridTile.empty())
    roles = assignFewRows(cascade).value_or(roles);
  SmallVector<int64_t> laneTiles = overrides.laneTiles;
  SmallVector<int64_t> gridTile;
  TermRoles terms = getTermRoles(cascade);
  int64_t listRows = terms.getListRows();
  bool sharesLists =
      terms.hasLists() && roles.lanes == cascade.getQueryRankAttr();
  bool usesMatrixUnit = machine.hasMatrixUnit && multipliesBf16(cascade);
  std::optional<BlockTiles> block;
  if (machine.sharedBytes > 0) {
    block = chooseWarpTiles(cascade, roles, machine);
    if (!block)
      block = chooseBlockTiles(cascade, roles, machine);
  }
  if (laneTiles.empty() && block) {
    // More lanes than share a list would be idle.
    while (sharesLists && block->lanes >= 2 * std::max<int64_t>(listRows, 16))
      block->lanes /= 2;
    laneTiles = {block->lanes};
  } else if (roles.innerLanes) {
    laneTiles = {roles.tileRows};
  } else if (laneTiles.empty() && !overrides.gridTile.empty()) {
    laneTiles = {48, 32, 16};
  } else if (laneTiles.empty()) {
    laneTiles =
        sharesLists
            ? chooseListTiles(listRows)
            : chooseLaneTiles(getExtent(cascade.getRankExtents(), roles.lanes),
                              getComputeBits(cascade), machine, usesMatrixUnit);
    if (!sharesLists && laneTiles.front() == kLinearLanes)
      fitLaneTiles(laneTiles, getSharedRows(cascade));
    if (auto dilated = dyn_cast_or_null<DilatedAttr>(terms.periodic);
        dilated && terms.listed && laneTiles.front() == kLinearLanes)
      fitRemainderTiles(laneTiles, getKeyLoop(cascade), dilated.getStep());
    if (std::optional<GridTile> tile = chooseGridTile(cascade)) {
      laneTiles = {tile->lanes};
      gridTile = tile->sizes;
    }
  }
  if (ArrayRef(overrides.gridTile) != ArrayRef<int64_t>{0})
    llvm::append_range(gridTile, overrides.gridTile);
  if (block && !gridTile.empty()) {
    emitError() << "tiles of a grid are for CPUs alone";
    return failure();
  }
  // A step whose points a tensor fixes holds exactly those.
  std::optional<int64_t> fixedStep = getFixedStep(cascade);
  if (fixedStep && overrides.streamTile.value_or(*fixedStep) != *fixedStep) {
    emitError() << "the stream tile is " << *overrides.streamTile
                << ", but the cascade's tensors fix steps of " << *fixedStep
                << " points";
    return failure();
  }
  SmallVector<StringAttr> order;
  for (StringRef rank : overrides.order)
    order.push_back(StringAttr::get(cascade.getContext(), rank));
  // Checked before the model computes with them.
  int64_t streamTile = fixedStep.value_or(overrides.streamTile.value_or(1));
  int64_t rowTile = overrides.rowTile.value_or(1);
  if (failed(MappingAttr::verify(emitError, roles.lanes, laneTiles, streamTile,
                                 rowTile, roles.parallel, order, gridTile,
                                 roles.innerLanes)))
    return failure();
  if (!overrides.streamTile && !fixedStep && block)
    streamTile = block->points;
  else if (!overrides.streamTile && !fixedStep)
    streamTile =
        chooseStreamTile(getWorkingSet(cascade, roles, laneTiles.front()),
                         machine, roles.innerLanes, usesMatrixUnit);
  if (!overrides.streamTile && !fixedStep &&
      isa_and_nonnull<IndicesAttr>(terms.list))
    streamTile = std::min(streamTile, kListedPoints);
  if (!overrides.streamTile && !fixedStep && !block && gridTile.empty())
    streamTile = chooseRunTile(cascade, streamTile, laneTiles.front());
  // A step lies in one split.
  std::optional<int64_t> split = getSplitSize(cascade);
  if (split && overrides.streamTile && *split % streamTile != 0) {
    emitError() << "the stream tile is " << streamTile
                << ", which does not divide the " << *split
                << " points of a split";
    return failure();
  }
  while (split && *split % streamTile != 0)
    streamTile -= kSplitUnit;
  if (!overrides.rowTile)
    rowTile = chooseRowTile(roles.innerLanes ? kWidestLanes : laneTiles.front(),
                            getComputeBits(cascade), machine);
  return MappingAttr::get(cascade.getContext(), roles.lanes, laneTiles,
                          streamTile, rowTile, roles.parallel, order, gridTile,
                          roles.innerLanes);
}
