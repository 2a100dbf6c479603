//===- CascadeTilerCheck.cpp - What fits the tiled form -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The checks before anything is emitted: each refusal names the einsum and the
// reason.
//
//===----------------------------------------------------------------------===//

#include "CascadeTiler.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Analysis/Residency.h"
#include "attn/Analysis/TermRoles.h"

using namespace mlir;
using namespace mlir::attn;

/// Whether the nest can keep the result where an attribute wants it.
LogicalResult CascadeTiler::checkResidency(EinsumOp einsum, ErrorFn emit) {
  std::optional<Residency> wanted = einsum.getResidency();
  if (!wanted || wanted == Residency::Cache ||
      wanted == chooseResidency(einsum))
    return success();
  StringRef where = stringifyResidency(*wanted);
  if (wanted == Residency::Register)
    return emit(einsum) << "its result cannot stay in registers; what can is a "
                           "map that one map reads, and a sum of products that "
                           "one map adds to something else";
  if (wanted == Residency::Global)
    return emit(einsum) << "its result cannot be in '" << where
                        << "' memory alone; what can is a result of the "
                           "cascade that no einsum reads";
  return emit(einsum) << "this target has no '" << where
                      << "' memory; a result is kept in register, cache or "
                         "global";
}

/// Whether the tile of an intermediate holds what is read of it at an index: of
/// ranks that are tiled a tile has the points of its own item or step, which
/// are those of no other rank.
bool CascadeTiler::holdsIndex(const EinsumAccess &access, unsigned position,
                              IndexRole role) const {
  StringAttr made = getTileRanks(access.tensor)[position];
  if (!isParallel(made) && made != lane && !isPoint(made))
    return role == IndexRole::Local;
  auto dim = dyn_cast<AffineDimExpr>(access.map.getResult(position));
  return dim && access.ranks[dim.getPosition()] == made;
}

/// Whether every index of an operand is one that a tile can read.
LogicalResult CascadeTiler::checkOperand(EinsumOp einsum, unsigned index,
                                         ErrorFn emit) {
  EinsumAccess access = einsum.getAccess(index);
  if (access.tensor.getDefiningOp<arith::ConstantOp>())
    return emit(einsum) << "operand #" << index
                        << " is a constant tensor, which tiles do not read; "
                           "an input of the cascade is read";
  for (auto [position, expr] : llvm::enumerate(access.map.getResults())) {
    EinsumAccess alone(access);
    alone.map = AffineMap::get(access.map.getNumDims(),
                               access.map.getNumSymbols(), expr);
    std::optional<IndexRole> role = classify(access, expr);
    if (!role && alone.readsData())
      return emit(einsum)
             << "operand #" << index << ": index #" << position
             << " is data that a tile cannot look up; it can in inputs, at "
                "ranks whose tokens lie in order, and may add ranks of known "
                "extent to it";
    // Data is kept in its dimension where it is looked up, and so is what a
    // step computes.
    if (role != IndexRole::Data && role != IndexRole::Computed &&
        getIndexBounds(einsum, index, position, extents) != IndexBounds::Within)
      return emit(einsum) << "operand #" << index << ": index #" << position
                          << " may leave its dimension";
    if (!role)
      return emit(einsum)
             << "operand #" << index
             << " is indexed by an expression that mixes tiled ranks";
    if (!isInput(access.tensor) && !holdsIndex(access, position, *role))
      return emit(einsum) << "operand #" << index << ": index #" << position
                          << " reads rank '"
                          << getTileRanks(access.tensor)[position].getValue()
                          << "' of an intermediate at other points than those "
                             "of its tile";
  }
  // A copy of what one step reads would hold as much for every row.
  Reach reach = getReach(access);
  if (reach.data && reach.lanes && reach.stream)
    return emit(einsum) << "operand #" << index
                        << " is read at data along the lanes and the streamed "
                           "rank at once";
  return success();
}

LogicalResult CascadeTiler::checkEinsum(EinsumOp einsum, ErrorFn emit) {
  if (einsum.isOrdered())
    return emit(einsum) << "reduces by a region that is not declared "
                           "commutative; tiles keep no order";
  // Vectors of them are packed in memory, and their elements are not.
  Type element = einsum.getOutputType().getElementType();
  if (element.isInteger() && element.getIntOrFloatBitWidth() % 8 != 0)
    return emit(einsum) << "its result holds " << element
                        << ", which tiles in memory do not";
  if (failed(checkPlane(einsum, emit)) || failed(checkResidency(einsum, emit)))
    return failure();
  for (StringAttr rank : einsum.getOutputRanks()) {
    auto *found = extents.find(rank);
    bool isStatic =
        found != extents.end() && !ShapedType::isDynamic(found->second);
    if (!isStatic && !isParallel(rank) && rank != lane && !isPoint(rank))
      return emit(einsum) << "rank '" << rank.getValue()
                          << "' of an intermediate has no static extent and is "
                             "neither parallel, lanes nor streamed";
  }
  for (StringAttr rank : einsum.getReduced()) {
    if (isParallel(rank) || rank == lane)
      return emit(einsum) << "reduces rank '" << rank.getValue()
                          << "', which the mapping works on in parallel";
    auto *found = extents.find(rank);
    if (!isPoint(rank) &&
        (found == extents.end() || ShapedType::isDynamic(found->second)))
      return emit(einsum) << "reduces rank '" << rank.getValue()
                          << "', which has no static extent and is not "
                             "streamed";
  }
  // The sizes of buffers are numbers of 64 bits.
  constexpr int64_t kMostPoints = int64_t(1) << 40;
  int64_t points = 1;
  for (StringAttr rank : einsum.getRankNames())
    if (!isParallel(rank) && rank != lane && !isPoint(rank))
      points =
          multiplyExtents(points, std::max<int64_t>(extents.lookup(rank), 1));
  if (points > kMostPoints)
    return emit(einsum) << "has more than 2^40 points for each row and key of "
                           "a tile";
  // The loops of a tile take their extents from its operands.
  for (StringAttr rank : einsum.getReduced())
    if (llvm::none_of(einsum.getAccesses(), [&](const EinsumAccess &access) {
          return llvm::any_of(access.map.getResults(), [&](AffineExpr expr) {
            auto dim = dyn_cast<AffineDimExpr>(expr);
            std::optional<IndexRole> role = classify(access, expr);
            return (dim && access.ranks[dim.getPosition()] == rank) ||
                   (isPoint(rank) &&
                    (role == IndexRole::Stream || role == IndexRole::Computed));
          });
        }))
      return emit(einsum) << "reduces rank '" << rank.getValue()
                          << "', which indexes no operand by itself";
  for (unsigned index = 0; index < einsum.getInputs().size(); ++index)
    if (failed(checkOperand(einsum, index, emit)))
      return failure();
  // A reduction over keys alone sees every key, not those of a query tile.
  if (iterate && iterate.getPlan() && reducesPoints(einsum) &&
      !isInSpace(einsum))
    return emit(einsum) << "reduces the streamed rank of a sparse cascade "
                           "without the lane rank '"
                        << lane.getValue() << "'";
  return success();
}

/// Every result belongs to one work item, and the item's lanes to the result.
LogicalResult CascadeTiler::checkResult(Value result, ErrorFn emit) {
  if (!result.getDefiningOp<EinsumOp>() && !result.getDefiningOp<IterateOp>())
    return emit(cascade) << "it returns an input or a constant";
  SmallVector<StringAttr> ranks = getTileRanks(result);
  SmallVector<StringAttr> wanted(parallel);
  wanted.push_back(lane);
  for (StringAttr rank : wanted)
    if (!llvm::is_contained(ranks, rank))
      return emit(result.getDefiningOp())
             << "a result lacks rank '" << rank.getValue()
             << "', which the mapping works on in parallel";
  return success();
}

/// Whether the tile masks the dead points of `einsum`: those of lanes and
/// points of a planned iteration.
LogicalResult CascadeTiler::checkPlane(EinsumOp einsum, ErrorFn emit) {
  if (!space.restricts())
    return success();
  auto holds = [&](StringAttr rank) {
    return einsum.hasRank(rank) ||
           (iterate && iterate.getParentAttr() == rank &&
            einsum.hasRank(iterate.getPointAttr()));
  };
  StringAttr query = cascade.getQueryRankAttr();
  StringAttr key = cascade.getKeyRankAttr();
  // Where rows are items, what lanes and points test are not always points of
  // the plane.
  bool isRow = isParallel(query);
  if (!holds(query) || !holds(key)) {
    if (isRow && isInSpace(einsum) && iterate.getPlan())
      return emit(einsum) << "runs over the lanes and the streamed rank "
                             "outside of the sparse plane ("
                          << query.getValue() << ", " << key.getValue() << ")";
    return success();
  }
  if (!iterate || iterate.getParentAttr() != key || !isInSpace(einsum) ||
      (lane != query && !isRow))
    return emit(einsum) << "lies in the sparse plane (" << query.getValue()
                        << ", " << key.getValue()
                        << "), which is not that of the lanes and the "
                           "streamed rank";
  return success();
}

/// The mapping says how many points a step has, and a plan where it starts.
LogicalResult CascadeTiler::checkSteps(ErrorFn emit) {
  StringAttr point = iterate.getPointAttr();
  WalkResult walk = iterate.walk([&](EinsumOp einsum) {
    unsigned numInputs = einsum.getInputs().size();
    for (auto [index, access] : llvm::enumerate(einsum.getAccesses())) {
      if (!isInput(access.tensor))
        continue;
      for (AffineExpr expr : access.map.getResults()) {
        auto dim = dyn_cast<AffineDimExpr>(expr);
        if (!dim || access.ranks[dim.getPosition()] != point)
          continue;
        bool isTable = index >= numInputs;
        emit(einsum) << (isTable ? "index tensor #" : "operand #")
                     << (isTable ? index - numInputs : index)
                     << " fixes the points of a step, which the mapping "
                        "chooses";
        return WalkResult::interrupt();
      }
    }
    return WalkResult::advance();
  });
  return failure(walk.wasInterrupted());
}

/// Carried tensors start from einsums and are replaced by einsums of the step.
LogicalResult CascadeTiler::checkIterate(ErrorFn emit) {
  Block &body = iterate.getBody().front();
  if (failed(checkSteps(emit)))
    return failure();
  for (auto [init, yielded, argument] : llvm::zip(
           iterate.getInits(), iterate.getYielded(), body.getArguments())) {
    auto start = init.getDefiningOp<EinsumOp>();
    if (!start)
      return emit(iterate) << "a carried tensor starts from an input";
    auto next = yielded.getDefiningOp<EinsumOp>();
    if (yielded != argument && (!next || next->getBlock() != &body))
      return emit(iterate) << "a carried tensor is replaced by one that the "
                              "step does not make";
    // A buffer is laid out by the first einsum that writes it; what the others
    // write must have the same ranks in its dimensions.
    if (next)
      for (auto [from, to] :
           llvm::zip(start.getOutputRanks(), next.getOutputRanks()))
        if (from != to &&
            (isParallel(from) || isParallel(to) || from == lane || to == lane))
          return emit(next)
                 << "a carried tensor changes its ranks from '"
                 << from.getValue() << "' to '" << to.getValue() << "'";
  }
  return success();
}

/// A step whose points are fixed is not made of others: lists begin steps
/// where their entries do, and a walk in another order than that of the keys
/// has the same steps only where there is one.
LogicalResult CascadeTiler::checkFixedSteps(ErrorFn emit) {
  if (!fixedStep || iterate.getParentAttr() != space.keyRank)
    return success();
  int64_t keys = attn::getExtent(extents, space.keyRank);
  bool isOnlyStep = !ShapedType::isDynamic(keys) && keys <= *fixedStep;
  bool walksPieces =
      isa_and_nonnull<BlocksAttr>(listAtom) || !cuts.empty() || visitsRanges;
  bool reorders = walksLists() || space.isPacked() || grid || residues > 1 ||
                  isPermuted(space.keyRank);
  if (!walksPieces && (isOnlyStep || !reorders))
    return success();
  return emit(iterate) << "has steps of " << *fixedStep
                       << " points, which its tensors state, but "
                       << (walksLists()       ? "lists"
                           : periodicAtom     ? "periods"
                           : space.isPacked() ? "segments"
                           : grid             ? "boxes"
                           : residues > 1     ? "remainders"
                                              : "orders")
                       << " say where steps begin";
}

/// Items are tiles of segments, or of the rows that share a list.
LogicalResult CascadeTiler::checkWalk(ErrorFn emit) {
  if (iterate && iterate.getPeriodic() && !periodicAtom)
    return emit(iterate) << "walks keys that come back with a period, but no "
                            "atom of the sparsity names scattered keys that "
                            "have one";
  // Steps that begin anywhere would give a row other partial sums beside other
  // rows. Those of an item that share lists are the same in every call.
  if (innerLanes &&
      (space.isPacked() || !space.permutations.empty() || liesApart()))
    return emit(cascade)
           << "its mapping has a 'tile' in place of 'lanes', which segments, "
              "permutations and remainders do not have yet";
  ArrayRef<int64_t> gridTile = cascade.getMapping()->getGridTile();
  if (!gridTile.empty() &&
      (!grid || !iterate || grid->axes.size() != gridTile.size()))
    return emit(cascade)
           << "its mapping cuts a grid of " << gridTile.size()
           << " axes into tiles; the sparsity must hold one neighborhood on "
              "such a grid, of 2 or 3 axes or dilated, with dilations up to "
              "the extents, not under 'not', and no token may be permuted, "
              "listed or in a segment";
  if (iterate && iterate.getBoxes() == gridTile.empty())
    return emit(iterate)
           << (gridTile.empty()
                   ? "walks boxes of a grid, but the mapping cuts none"
                   : "has plans of rows as they lie, but the mapping cuts a "
                     "grid into boxes; 'boxes' says that plans are theirs");
  if (grid && gridWork.mostKeys > kMostGridKeys)
    return emit(cascade) << "a tile of its grid sees up to "
                         << gridWork.mostKeys << " keys; allowed are up to "
                         << kMostGridKeys;
  if (grid && residues > 1)
    return emit(cascade) << "its plan is of planes of one remainder, and its "
                            "mapping cuts a grid into tiles; there is one or "
                            "the other";
  bool hasRemainders = residues > 1 || !getDilatedSteps(periodicAtom).empty();
  if (!space.isPacked() && !walksLists() && !grid && !hasRemainders)
    return success();
  // A row that is an item has lists of its own.
  bool isPlaced = lane == space.queryRank || ((walksLists() || periodicAtom) &&
                                              isParallel(space.queryRank));
  if (!isPlaced || (iterate && iterate.getParentAttr() != space.keyRank))
    return emit(cascade) << "its "
                         << (grid            ? "grid's tiles"
                             : walksLists()  ? "lists"
                             : hasRemainders ? "remainders"
                                             : "segments")
                         << " are of (" << space.queryRank.getValue() << ", "
                         << space.keyRank.getValue()
                         << "), which are not the lanes and the streamed rank";
  if (iterate && iterate.getSplitRank() &&
      (grid || walksLists() || residues > 1 || space.isPacked() ||
       !space.permutations.empty()))
    return emit(iterate) << "splits its points, but segments, lists, orders, "
                            "remainders or boxes say which follow each other";
  if (space.isPacked())
    return checkStepIndices("whose segments count for themselves", emit);
  if (residues > 1)
    return checkStepIndices("whose remainders count for themselves", emit);
  return success();
}

LogicalResult CascadeTiler::check(ErrorFn emit) {
  Block &body = cascade.getBody().front();
  if (llvm::count_if(body, [](Operation &op) { return isa<IterateOp>(op); }) >
      1)
    return emit(cascade) << "more than one streamed pass";
  IterateOp nested;
  cascade.getBody().walk([&](IterateOp op) {
    if (op != iterate)
      nested = op;
  });
  if (nested)
    return emit(nested) << "nested iteration";
  if (iterate && failed(checkIterate(emit)))
    return failure();
  if (iterate && failed(checkFixedSteps(emit)))
    return failure();
  if (failed(checkPermutations(emit)) || failed(checkWalk(emit)) ||
      failed(checkPointAtoms(emit)))
    return failure();
  if (iterate && iterate.getSplitRank() &&
      !isParallel(iterate.getSplitRankAttr()))
    return emit(iterate) << "has splits '" << *iterate.getSplitRank()
                         << "', which the mapping does not work on in parallel";
  SmallVector<AccessAttr> ofPoints = space.getPointOperands();
  for (AccessAttr access : space.getAccesses())
    for (StringAttr rank : access.getRanks())
      if (!isParallel(rank) && !isPermuted(rank) &&
          !llvm::is_contained(ofPoints, access))
        return emit(cascade)
               << "lengths or positions are indexed by '" << rank.getValue()
               << "', which the mapping does not work on in parallel";
  if (PerHeadAttr heads = space.getPerHead())
    for (StringAttr rank : heads.getRanks())
      if (!isParallel(rank))
        return emit(cascade)
               << "heads, which have points of their own, are counted by '"
               << rank.getValue()
               << "', which the mapping does not work on in parallel";
  for (Value result : cascade.getYielded())
    if (failed(checkResult(result, emit)))
      return failure();

  // The loops must know how far they run. An operand that no map used may have
  // been the one that said so.
  SmallVector<StringAttr> ranks(parallel);
  ranks.push_back(lane);
  if (iterate)
    ranks.push_back(iterate.getParentAttr());
  if (space.isPacked() || walksLists() ||
      (iterate && iterate.getPlan() && cascade.hasSpace()))
    ranks.append({space.queryRank, space.keyRank});
  for (StringAttr rank : ranks)
    if (!findExtent(rank))
      return emit(cascade) << "the extent of rank '" << rank.getValue()
                           << "' is not known; an input that an einsum reads "
                              "must have the rank, or what an einsum returns";

  LogicalResult status = success();
  cascade.getBody().walk([&](EinsumOp einsum) {
    if (succeeded(status))
      status = checkEinsum(einsum, emit);
  });
  return status;
}
