//===- CostModel.cpp - Choosing the mapping of a cascade ------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/CostModel.h"
#include "CascadeRanks.h"
#include "RowTiles.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Analysis/TermRoles.h"
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
                               bool usesMatrixUnit, bool usesPairs) {
  // What a step does once, the repair of its sums, costs about as much as one
  // key. With more points rows of keys and values leave the first level before
  // the last block of features has read them. A matrix unit reads its sums from
  // memory and writes them in every step, so that its steps are longer. Pairs
  // of bf16 are half as many bytes, and multiplied in half the time, beside
  // which what a step does once weighs more.
  constexpr int64_t kSmallest = 16, kLargest = 512, kRegisterPoints = 64,
                    kPairPoints = 128, kTilePoints = 320;
  int64_t tile = kLargest, unit = usesMatrixUnit ? kMatrixTilePoints : 16;
  bool multipliesTiles = usesMatrixUnit && !innerLanes;
  if (!innerLanes && set.scorePerPoint > 0)
    tile = multipliesTiles ? kTilePoints
           : usesPairs     ? kPairPoints
                           : kRegisterPoints;
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

/// Lanes of the widest tile: enough of them for every vector of a register
/// tile.
static constexpr int64_t kWidestLanes = 128;

/// Points of a step whose tokens lie anywhere, from a list or in permuted
/// order. The rows of the next one are asked for during a step, and both stay
/// in the first level of cache, where rows that are no neighbours displace each
/// other sooner. Few lists are long, besides.
static constexpr int64_t kScatteredPoints = 32;

/// The points of a step, at most `most`, that divide a split: a multiple of
/// kSplitUnit if there is one.
static int64_t divideSplit(int64_t split, int64_t most) {
  for (int64_t unit : {kSplitUnit, int64_t(1)})
    for (int64_t points = std::min(most, split) / unit * unit; points > 0;
         points -= unit)
      if (split % points == 0)
        return points;
  return 1;
}

/// Whether an order that is an operand says where the keys of a step lie.
static bool hasPermutedSteps(CascadeOp cascade) {
  CascadeSpace space = cascade.getSpace();
  if (!space.readsSlots())
    return false;
  return llvm::any_of(CascadeRanks(cascade).getLoops(), [&](IterateOp loop) {
    return static_cast<bool>(space.getPermutation(loop.getParentAttr()));
  });
}

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
  bool usesPairs = machine.hasPairs && multipliesBf16(cascade);
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
    if (overrides.gridTile.empty() && roles.lanes == cascade.getQueryRankAttr())
      gridTile = chooseBlockGrid(cascade, block->lanes);
  } else if (roles.innerLanes) {
    laneTiles = {roles.tileRows};
  } else if (laneTiles.empty() && !overrides.gridTile.empty()) {
    laneTiles = {48, 32, 16};
  } else if (laneTiles.empty()) {
    RowTiles tiles = chooseRowTiles(cascade, roles, machine,
                                    getComputeBits(cascade), usesMatrixUnit);
    laneTiles = tiles.lanes;
    gridTile = tiles.grid;
  }
  if (ArrayRef(overrides.gridTile) != ArrayRef<int64_t>{0})
    llvm::append_range(gridTile, overrides.gridTile);
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
                         machine, roles.innerLanes, usesMatrixUnit, usesPairs);
  // Where bf16 is multiplied in pairs or tiles, a step copies such keys.
  bool isPermuted =
      !block && !usesMatrixUnit && !usesPairs && hasPermutedSteps(cascade);
  if (!overrides.streamTile && !fixedStep &&
      (isPermuted || isa_and_nonnull<IndicesAttr>(terms.list)))
    streamTile = std::min(streamTile, kScatteredPoints);
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
  if (split && fixedStep && *split % *fixedStep != 0) {
    emitError() << "the cascade's tensors fix steps of " << *fixedStep
                << " points, which do not divide the " << *split
                << " points of a split";
    return failure();
  }
  if (split)
    streamTile = divideSplit(*split, streamTile);
  if (!overrides.rowTile)
    rowTile = chooseRowTile(roles.innerLanes ? kWidestLanes : laneTiles.front(),
                            getComputeBits(cascade), machine);
  return MappingAttr::get(cascade.getContext(), roles.lanes, laneTiles,
                          streamTile, rowTile, roles.parallel, order, gridTile,
                          roles.innerLanes);
}
