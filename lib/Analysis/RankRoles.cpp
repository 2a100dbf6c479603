//===- RankRoles.cpp - Which ranks are lanes and items --------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CascadeRanks.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Analysis/CostModel.h"
#include "attn/Analysis/GridWalk.h"
#include "attn/Analysis/ResidueClasses.h"
#include "attn/Analysis/TermRoles.h"

using namespace mlir;
using namespace mlir::attn;

CascadeRanks::CascadeRanks(CascadeOp cascade, StringAttr stream)
    : stream(stream) {
  if (stream)
    streaming.insert(stream);
  cascade.getBody().walk([&](Operation *op) {
    if (auto loop = dyn_cast<IterateOp>(op)) {
      loops.push_back(loop);
      streaming.insert(loop.getRankAttr());
      streaming.insert(loop.getParentAttr());
      streaming.insert(loop.getPointAttr());
    }
    auto einsum = dyn_cast<EinsumOp>(op);
    if (!einsum)
      return;
    einsums.push_back(einsum);
    if (einsum->getParentOfType<IterateOp>())
      loopEinsums.push_back(einsum);
    for (StringAttr rank : einsum.getReduced())
      reduced.insert(rank);
  });
}

std::optional<SmallVector<StringAttr>> CascadeRanks::getRanks(Value value) {
  // A loop may carry its own argument, so arguments are followed to their
  // initial values only, which lie outside of the loop.
  while (true) {
    if (auto einsum = value.getDefiningOp<EinsumOp>())
      return einsum.getOutputRanks();
    if (auto loop = value.getDefiningOp<IterateOp>()) {
      Value yielded =
          loop.getYielded()[cast<OpResult>(value).getResultNumber()];
      auto argument = dyn_cast<BlockArgument>(yielded);
      if (!argument || argument.getOwner() != &loop.getBody().front()) {
        value = yielded;
        continue;
      }
      value = loop.getInits()[argument.getArgNumber()];
      continue;
    }
    auto argument = dyn_cast<BlockArgument>(value);
    auto loop = argument
                    ? dyn_cast<IterateOp>(argument.getOwner()->getParentOp())
                    : IterateOp();
    if (!loop)
      return std::nullopt;
    value = loop.getInits()[argument.getArgNumber()];
  }
}

SmallVector<StringAttr> CascadeRanks::getCommonRanks(CascadeOp cascade) const {
  std::optional<SmallVector<StringAttr>> common;
  auto intersect = [&](Value value) {
    std::optional<SmallVector<StringAttr>> ranks = getRanks(value);
    if (!ranks)
      return;
    if (!common) {
      common = *ranks;
      return;
    }
    llvm::erase_if(*common, [&](StringAttr rank) {
      return !llvm::is_contained(*ranks, rank);
    });
  };
  for (Value result : cascade.getYielded()) {
    std::optional<SmallVector<StringAttr>> ranks = getRanks(result);
    if (ranks && llvm::none_of(*ranks, [&](StringAttr rank) {
          return isStreaming(rank);
        }))
      intersect(result);
  }
  for (IterateOp loop : loops)
    for (Value carried : loop.getYielded())
      intersect(carried);
  // What is reduced over the stream will be carried.
  if (stream)
    for (EinsumOp einsum : einsums)
      if (llvm::is_contained(einsum.getReduced(), stream))
        intersect(einsum.getResult());
  return common.value_or(SmallVector<StringAttr>());
}

int64_t CascadeRanks::countReuse(StringAttr rank) const {
  int64_t count = 0;
  for (EinsumOp einsum : getSteadyEinsums()) {
    if (!einsum.getReduction() || einsum.getInputs().size() < 2)
      continue;
    for (unsigned i = 0, e = einsum.getInputs().size(); i < e; ++i)
      count += isStreamed(einsum, i) && !einsum.inputUsesRank(i, rank);
  }
  return count;
}

/// Whether rows and keys are walked as they lie, but for what lists say.
static bool isPlainPlane(CascadeOp cascade) {
  CascadeSpace space = cascade.getSpace();
  return !space.isPacked() && space.permutations.empty() &&
         !findResidueClasses(cascade) && !findGridWalk(cascade);
}

bool attn::canBeItems(CascadeOp cascade) {
  return isPlainPlane(cascade) && cascade.getSpace().getLists().empty();
}

/// Whether `rank` counts heads with numbers of their own: a plan is that of one
/// head.
static bool countsHeads(CascadeOp cascade, StringAttr rank) {
  PerHeadAttr heads = cascade.getSpace().getPerHead();
  return heads && llvm::is_contained(heads.getRanks(), rank);
}

/// How many neighbouring rows see the same entries of every list; nothing if
/// there are no lists.
static std::optional<int64_t> countListRows(CascadeOp cascade) {
  CascadeSpace space = cascade.getSpace();
  if (!space.sparsity || space.getLists().empty())
    return std::nullopt;
  return assignTermRoles(space.sparsity.getExpression()).getListRows();
}

/// Whether the points of `rank` have lists of their own.
static bool hasOwnLists(CascadeOp cascade, StringAttr rank) {
  return llvm::any_of(cascade.getSpace().getLists(), [&](AccessAttr list) {
    return llvm::is_contained(list.getRanks(), rank);
  });
}

RankRoles attn::assignRankRoles(CascadeOp cascade, StringAttr stream) {
  CascadeRanks ranks(cascade, stream);
  llvm::MapVector<StringAttr, int64_t> extents = cascade.getRankExtents();
  SmallVector<StringAttr> common = ranks.getCommonRanks(cascade);

  // The more operands are loaded once for all points of a rank, the better the
  // rank fills lanes. Then the rows of the sparsity's plane, whose tiles a plan
  // is made for, unless they are known to be few, or few of them see the same
  // entries of lists; then the longest rank; of equals the innermost.
  StringAttr rows = cascade.getQueryRankAttr();
  std::optional<int64_t> listRows = countListRows(cascade);
  if (listRows && isPlainPlane(cascade) && extents.contains(rows)) {
    int64_t &extent = extents[rows];
    if (ShapedType::isDynamic(extent) || extent > *listRows)
      extent = *listRows;
  }
  int64_t numRows = getExtent(extents, rows);
  if (rows && !ShapedType::isDynamic(numRows) && numRows < kFewQueries &&
      isPlainPlane(cascade))
    rows = nullptr;
  auto getScore = [&](StringAttr rank) {
    int64_t extent = extents.lookup(rank);
    return std::tuple(ranks.countReuse(rank), rank == rows,
                      ShapedType::isDynamic(extent), extent);
  };
  RankRoles roles;
  for (StringAttr rank : common)
    if (!ranks.isReduced(rank) && !ranks.isStreaming(rank) &&
        !ranks.isSplit(rank) && !countsHeads(cascade, rank) &&
        !hasOwnLists(cascade, rank) &&
        (!roles.lanes || getScore(rank) >= getScore(roles.lanes)))
      roles.lanes = rank;
  if (!roles.lanes)
    return roles;

  // An item that lacks a rank of its einsums over lanes would repeat their
  // work. Without a loop every einsum has the ranks, and those inside of the
  // lanes, next to each other in memory, stay in the item.
  for (StringAttr rank : common) {
    if (rank == roles.lanes) {
      if (!ranks.hasLoop())
        break;
      continue;
    }
    if (llvm::all_of(ranks.getSteadyEinsums(), [&](EinsumOp einsum) {
          return !einsum.hasRank(roles.lanes) || einsum.hasRank(rank);
        }))
      roles.parallel.push_back(rank);
  }
  return roles;
}

/// Whether an item can hold all points of `rank`: every index that has it is
/// the rank itself, and no number that an item looks up depends on it.
static bool canBeWhole(CascadeOp cascade, StringAttr rank) {
  if (countsHeads(cascade, rank))
    return false;
  for (AccessAttr access : cascade.getSpace().getAccesses())
    if (llvm::is_contained(access.getRanks(), rank))
      return false;
  if (llvm::is_contained(cascade.getSpace().getIndexedRanks(), rank))
    return false;
  WalkResult walk = cascade.getBody().walk([&](EinsumOp einsum) {
    for (const EinsumAccess &access : einsum.getAccesses()) {
      for (AffineExpr expr : access.map.getResults())
        for (auto [position, name] : llvm::enumerate(access.ranks))
          if (name == rank && expr.isFunctionOfDim(position) &&
              !isa<AffineDimExpr>(expr))
            return WalkResult::interrupt();
      for (const DataIndex &data : access.getDataRead())
        for (auto [position, name] : llvm::enumerate(access.ranks))
          if (name == rank && data.map.isFunctionOfDim(position))
            return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return !walk.wasInterrupted();
}

/// How many points of `rank` an item can hold: all, or the rows that see the
/// same entries of every list. Nothing if some items would have fewer.
static std::optional<int64_t> countItemPoints(CascadeOp cascade,
                                              StringAttr rank) {
  int64_t extent = getExtent(cascade.getRankExtents(), rank);
  std::optional<int64_t> rows = countListRows(cascade);
  if (rank == cascade.getQueryRankAttr() && rows) {
    if (*rows == 1)
      return 1;
    if (extent > *rows)
      return std::nullopt;
  }
  if (ShapedType::isDynamic(extent) || extent < 1)
    return std::nullopt;
  return extent;
}

std::optional<RankRoles> attn::assignFewRows(CascadeOp cascade) {
  // Accumulators of more rows than this take their turns in the registers, and
  // what is streamed comes from the cache again each time.
  constexpr int64_t kMostRows = 32;
  // Three quarters of 16 lanes: above, lanes that compute without a reduction
  // at their end take less time, although some are idle.
  constexpr int64_t kMostPoints = 12;
  CascadeRanks ranks(cascade);
  RankRoles roles = assignRankRoles(cascade);
  CascadeSpace space = cascade.getSpace();
  if (ranks.getLoops().size() != 1 || !roles.lanes || !isPlainPlane(cascade) ||
      space.hasPointAtoms())
    return std::nullopt;
  int64_t reuse = ranks.countReuse(roles.lanes);
  SmallVector<StringAttr> shared;
  for (StringAttr rank : ranks.getCommonRanks(cascade)) {
    if (ranks.isReduced(rank) || ranks.isStreaming(rank) ||
        ranks.isSplit(rank) || ranks.countReuse(rank) != reuse)
      continue;
    // Many rows fill the lanes.
    std::optional<int64_t> extent = countItemPoints(cascade, rank);
    if (!extent || *extent > kMostPoints)
      return std::nullopt;
    shared.push_back(rank);
  }
  if (reuse == 0 || shared.empty())
    return std::nullopt;
  // Plans are made for tiles of the plane's rows.
  StringAttr tile = roles.lanes;
  if (llvm::is_contained(shared, space.queryRank))
    tile = space.queryRank;
  else if (!space.getLists().empty())
    return std::nullopt;
  int64_t rows = *countItemPoints(cascade, tile);
  SmallVector<StringAttr> whole;
  for (StringAttr rank : llvm::reverse(shared)) {
    int64_t extent = *countItemPoints(cascade, rank);
    if (rank == tile || !canBeWhole(cascade, rank) ||
        multiplyExtents(rows, extent) > kMostRows)
      continue;
    rows *= extent;
    whole.push_back(rank);
  }
  RankRoles few;
  few.lanes = tile;
  few.innerLanes = true;
  few.tileRows = *countItemPoints(cascade, tile);
  for (StringAttr rank : ranks.getCommonRanks(cascade)) {
    bool isItem =
        rank == roles.lanes || llvm::is_contained(roles.parallel, rank);
    if (isItem && rank != tile && !llvm::is_contained(whole, rank))
      few.parallel.push_back(rank);
  }
  return few;
}
