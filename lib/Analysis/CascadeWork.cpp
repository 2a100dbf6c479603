//===- CascadeWork.cpp - What a cascade computes, moves and keeps ---------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/CascadeWork.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Analysis/LivePoints.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

FailureOr<RankSizes>
attn::parseRankSizes(ArrayRef<std::string> texts,
                     function_ref<InFlightDiagnostic()> emitError) {
  RankSizes sizes;
  for (StringRef text : texts) {
    auto [rank, number] = text.split('=');
    int64_t size = 0;
    if (rank.empty() || number.getAsInteger(10, size) || size < 0 ||
        size > (int64_t(1) << 31)) {
      emitError() << "'" << text
                  << "' is no size; write RANK=EXTENT, as in m=4096, with an "
                     "extent from 0 to 2^31";
      return failure();
    }
    if (!sizes.insert({rank.str(), size}).second) {
      emitError() << "the size of rank '" << rank << "' is given twice";
      return failure();
    }
  }
  return sizes;
}

LogicalResult
attn::checkRankSizes(Operation *root, const RankSizes &sizes,
                     function_ref<InFlightDiagnostic()> emitError) {
  llvm::MapVector<StringAttr, int64_t> known;
  std::optional<std::pair<StringAttr, int64_t>> conflict;
  root->walk([&](CascadeOp cascade) {
    llvm::MapVector<StringAttr, int64_t> extents = cascade.getRankExtents();
    cascade.getBody().walk([&](IterateOp iterate) {
      for (StringAttr rank : {iterate.getRankAttr(), iterate.getPointAttr()})
        extents.insert({rank, ShapedType::kDynamic});
    });
    for (auto [rank, extent] : extents) {
      known.insert({rank, extent});
      auto given = sizes.find(rank.str());
      if (given != sizes.end() && !ShapedType::isDynamic(extent) &&
          given->second != extent)
        conflict = {rank, extent};
    }
  });
  if (conflict)
    return emitError() << "the size " << sizes.at(conflict->first.str())
                       << " of rank '" << conflict->first.getValue()
                       << "' contradicts its type, which says "
                       << conflict->second;
  for (const auto &[rank, size] : sizes)
    if (llvm::none_of(known, [&, &rank = rank](const auto &entry) {
          return entry.first.getValue() == rank;
        })) {
      std::string names = llvm::join(
          llvm::map_range(known,
                          [](const auto &entry) { return entry.first.str(); }),
          ", ");
      return emitError() << "no cascade has a rank '" << rank
                         << "'; the ranks are " << names;
    }
  return success();
}

ExtentFormula CascadeWork::getSymbol(StringAttr rank) const {
  return ExtentFormula::symbol(getExtentSymbol(rank.getValue()));
}

ExtentFormula CascadeWork::getElements(ArrayRef<StringAttr> ranks) const {
  ExtentFormula elements = ExtentFormula::constant(1);
  for (StringAttr rank : ranks)
    elements = elements * getSymbol(rank);
  return elements;
}

std::optional<int64_t> CascadeWork::getExtent(StringAttr rank) const {
  auto found = extents.find(getExtentSymbol(rank.getValue()));
  if (found == extents.end())
    return std::nullopt;
  return found->second;
}

ExtentFormula CascadeWork::evaluate(const ExtentFormula &formula) const {
  return formula.substitute([&](StringRef name) -> std::optional<double> {
    if (name == "live" && livePoints)
      return livePoints->count;
    auto found = extents.find(name.str());
    if (found == extents.end())
      return std::nullopt;
    return found->second;
  });
}

std::optional<int64_t> CascadeWork::getPlanePoints() const {
  auto space = cascade;
  if (!space.hasSpace())
    return std::nullopt;
  std::optional<int64_t> rows = getExtent(space.getQueryRankAttr());
  std::optional<int64_t> keys = getExtent(space.getKeyRankAttr());
  if (!rows || !keys)
    return std::nullopt;
  return *rows * *keys;
}

CascadeWork::CascadeWork(CascadeOp op, const RankSizes &sizes)
    : cascade(op), passes(PassCount::getAll(op)) {
  for (const auto &[rank, size] : sizes)
    extents[getExtentSymbol(rank)] = size;
  for (auto [rank, size] : cascade.getRankExtents())
    if (!ShapedType::isDynamic(size))
      extents[getExtentSymbol(rank.getValue())] = size;
  // Steps and points of iterations follow from each other.
  cascade.getBody().walk<WalkOrder::PreOrder>([&](IterateOp iterate) {
    std::string point = getExtentSymbol(iterate.getPoint());
    if (cascade.getMapping() && !extents.count(point))
      extents[point] = cascade.getMapping()->getStreamTile();
    std::optional<int64_t> parent = getExtent(iterate.getParentAttr());
    if (parent && extents.count(point) && extents[point] > 0)
      extents[getExtentSymbol(iterate.getRank())] =
          llvm::divideCeil(*parent, extents[point]);
  });
  findRoles();
  if (cascade.hasSpace()) {
    std::optional<int64_t> rows = getExtent(cascade.getQueryRankAttr());
    std::optional<int64_t> keys = getExtent(cascade.getKeyRankAttr());
    if (rows && keys)
      livePoints = countLivePoints(cascade, *rows, *keys);
  }
  countWork();
  measureFootprints();
}

//===----------------------------------------------------------------------===//
// Roles of ranks
//===----------------------------------------------------------------------===//

void CascadeWork::findRoles() {
  llvm::SmallDenseSet<StringAttr> reduced, indexing, points;
  llvm::DenseMap<StringAttr, StringAttr> parents;
  cascade.getBody().walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (auto iterate = dyn_cast<IterateOp>(op)) {
      indexing.insert(iterate.getParentAttr());
      points.insert(iterate.getPointAttr());
      parents[iterate.getPointAttr()] = iterate.getParentAttr();
    }
    auto einsum = dyn_cast<EinsumOp>(op);
    if (!einsum)
      return;
    reduced.insert_range(einsum.getReduced());
    bool isResult =
        llvm::all_of(einsum.getResult().getUsers(), llvm::IsaPred<YieldOp>);
    if (!isResult)
      indexing.insert_range(einsum.getOutputRanks());
  });
  int64_t most = 0;
  for (const PassCount &count : passes) {
    StringAttr rank = count.getRank();
    if (count.getStepOf() || !indexing.contains(rank))
      continue;
    // Of equals, the one of unknown extent is the longer.
    int64_t key = 2 * count.getCount() + !extents.count(getExtentSymbol(rank));
    if (key > most) {
      most = key;
      streaming = rank;
    }
  }

  // The ranks of every reduction over the streaming rank or its points; without
  // one, of every result.
  std::optional<SmallVector<StringAttr>> ranks;
  auto intersect = [&](ArrayRef<StringAttr> others) {
    if (!ranks)
      ranks.emplace(others);
    else
      llvm::erase_if(*ranks, [&](StringAttr rank) {
        return !llvm::is_contained(others, rank);
      });
  };
  cascade.getBody().walk([&](EinsumOp einsum) {
    if (streaming && isAccumulated(einsum))
      intersect(einsum.getOutputRanks());
  });
  if (!ranks)
    for (Value result : cascade.getYielded())
      if (auto einsum = result.getDefiningOp<EinsumOp>())
        intersect(einsum.getOutputRanks());
  if (!ranks)
    return;
  for (StringAttr rank : *ranks)
    if (!reduced.contains(rank) && !points.contains(rank) && rank != streaming)
      common.push_back(rank);
}

/// Whether the einsum sums up over the streaming rank or its points, or hands
/// its result to the next step.
bool CascadeWork::isAccumulated(EinsumOp einsum) const {
  for (StringAttr rank : einsum.getReduced()) {
    if (rank == streaming)
      return true;
    for (auto iterate = einsum->getParentOfType<IterateOp>(); iterate;
         iterate = iterate->getParentOfType<IterateOp>())
      if (iterate.getPointAttr() == rank)
        return true;
  }
  return isa<IterateOp>(einsum->getParentOp()) &&
         llvm::any_of(einsum.getResult().getUsers(), llvm::IsaPred<YieldOp>);
}

//===----------------------------------------------------------------------===//
// Work
//===----------------------------------------------------------------------===//

ExtentFormula CascadeWork::getRepetitions(EinsumOp einsum,
                                          ArrayRef<StringAttr> ranks,
                                          bool masked) const {
  SmallVector<StringAttr> names(ranks);
  ExtentFormula points = ExtentFormula::constant(1);
  for (auto iterate = einsum->getParentOfType<IterateOp>(); iterate;
       iterate = iterate->getParentOfType<IterateOp>()) {
    // All points of all steps are those of the parent.
    auto *point = llvm::find(names, iterate.getPointAttr());
    if (point != names.end())
      *point = iterate.getParentAttr();
    else
      points = points * getSymbol(iterate.getRankAttr());
    // A step belongs to one split.
    if (iterate.getSplitRank())
      llvm::erase(names, iterate.getSplitRankAttr());
  }
  auto space = cascade;
  if (masked && space.hasSpace() &&
      llvm::is_contained(names, space.getQueryRankAttr()) &&
      llvm::is_contained(names, space.getKeyRankAttr())) {
    llvm::erase(names, space.getQueryRankAttr());
    llvm::erase(names, space.getKeyRankAttr());
    points = points * ExtentFormula::symbol("live");
  }
  return points * getElements(names);
}

ExtentFormula CascadeWork::getInputElements(unsigned input) const {
  auto op = cascade;
  Value argument = op.getBody().getArgument(input);
  auto type = cast<ShapedType>(argument.getType());
  ExtentFormula elements = ExtentFormula::constant(1);
  for (auto [dim, size] : llvm::enumerate(type.getShape())) {
    std::optional<ExtentFormula> symbol;
    for (OpOperand &use : argument.getUses()) {
      auto einsum = dyn_cast<EinsumOp>(use.getOwner());
      if (!einsum || symbol)
        continue;
      EinsumAccess access = einsum.getAccesses()[use.getOperandNumber()];
      AffineExpr expr = access.map.getResult(dim);
      SmallVector<StringAttr> used;
      for (auto [position, rank] : llvm::enumerate(access.ranks))
        if (expr.isFunctionOfDim(position))
          used.push_back(rank);
      if (isa<AffineDimExpr>(expr))
        symbol = getSymbol(used.front());
      for (auto iterate = einsum->getParentOfType<IterateOp>(); iterate;
           iterate = iterate->getParentOfType<IterateOp>())
        if (used.size() == 2 &&
            llvm::is_contained(used, iterate.getRankAttr()) &&
            llvm::is_contained(used, iterate.getPointAttr()))
          symbol = getSymbol(iterate.getParentAttr());
      // A partition r1*R0+r0 that is no iteration.
      if (!symbol && ShapedType::isDynamic(size) && used.size() == 2 &&
          !einsum.getExtents().empty())
        symbol = getElements(used);
    }
    if (!symbol)
      symbol =
          ShapedType::isDynamic(size)
              ? ExtentFormula::symbol("dim" + std::to_string(dim) + "(input " +
                                      std::to_string(input) + ")")
              : ExtentFormula::constant(size);
    elements = elements * *symbol;
  }
  return elements;
}

static int64_t getElementBytes(Value tensor) {
  Type element = getElementTypeOrSelf(tensor.getType());
  return element.isIntOrFloat()
             ? llvm::divideCeil(element.getIntOrFloatBitWidth(), 8)
             : 8;
}

/// Whether `op` counts as one operation.
static bool isCounted(Operation &op) {
  if (isa<YieldOp, IndexOp, arith::ConstantOp, arith::SelectOp, arith::CmpFOp,
          arith::CmpIOp, arith::AndIOp, arith::OrIOp, arith::XOrIOp>(op))
    return false;
  return !isa<CastOpInterface>(op);
}

/// Whether `op` is an elementary function, many instructions on most machines.
static bool isFunction(Operation &op) {
  return op.getDialect() && op.getDialect()->getNamespace() == "math" &&
         !isa<math::AbsFOp, math::FmaOp, math::CopySignOp, math::FloorOp,
              math::CeilOp, math::SqrtOp>(op);
}

void CascadeWork::countWork() {
  auto bytes = [&](const ExtentFormula &elements, Value tensor, double times) {
    return elements * ExtentFormula::constant(getElementBytes(tensor) * times);
  };
  cascade.getBody().walk([&](EinsumOp einsum) {
    SmallVector<StringAttr> ranks = einsum.getOutputRanks();
    llvm::append_range(ranks, einsum.getReduced());
    ExtentFormula points = getRepetitions(einsum, ranks, /*masked=*/true);
    Block *combiner = einsum.getCombinerBlock();
    int64_t operations = einsum.getReduction() && !combiner ? 1 : 0, calls = 0;
    for (Block *block : {einsum.getMap(), combiner})
      if (block)
        for (Operation &op : *block) {
          operations += isCounted(op);
          calls += isFunction(op);
        }
    flops += points * ExtentFormula::constant(operations);
    functions += points * ExtentFormula::constant(calls);
    if (einsum.getReduction() &&
        isa_and_nonnull<arith::MulFOp>(einsum.getSingleMapOp()))
      contractions += points * ExtentFormula::constant(2);

    // On its own the einsum reads every operand at the ranks it uses.
    for (const EinsumAccess &access : einsum.getAccesses()) {
      SmallVector<StringAttr> used;
      for (StringAttr rank : getAccessRanks(access))
        if (llvm::is_contained(ranks, rank))
          used.push_back(rank);
      unfusedBytes +=
          bytes(getRepetitions(einsum, used, false), access.tensor, 1);
    }
    unfusedBytes +=
        bytes(getRepetitions(einsum, einsum.getOutputRanks(), false),
              einsum.getResult(), 1);
  });

  for (BlockArgument argument : cascade.getBody().getArguments()) {
    int64_t times = argument.use_empty() ? 0 : 1;
    for (const PassCount &count : passes)
      if (!count.getStepOf())
        if (const PassCount::Tensor *tensor = count.lookup(argument))
          times = std::max(times, tensor->count);
    fusedBytes +=
        bytes(getInputElements(argument.getArgNumber()), argument, times);
  }
  for (Value result : cascade.getYielded()) {
    SmallVector<StringAttr> ranks;
    if (auto einsum = result.getDefiningOp<EinsumOp>())
      ranks = einsum.getOutputRanks();
    else if (auto iterate = result.getDefiningOp<IterateOp>())
      if (auto init =
              iterate.getInits()[cast<OpResult>(result).getResultNumber()]
                  .getDefiningOp<EinsumOp>())
        ranks = init.getOutputRanks();
    fusedBytes += bytes(getElements(ranks), result, 1);
  }
  spilledBytes = fusedBytes;
  llvm::SmallDenseSet<Value> spilled;
  for (const PassCount &count : passes)
    for (const PassCount::Tensor &tensor : count.getTensors()) {
      auto einsum = tensor.value.getDefiningOp<EinsumOp>();
      if (!einsum || count.getStepOf() || !tensor.crossesPasses() ||
          !spilled.insert(tensor.value).second)
        continue;
      int64_t reads = llvm::count_if(
          tensor.readIn, [&](int64_t pass) { return pass > tensor.madeIn; });
      spilledBytes +=
          bytes(getRepetitions(einsum, einsum.getOutputRanks(), true),
                tensor.value, 1 + reads);
    }
}

//===----------------------------------------------------------------------===//
// Footprints
//===----------------------------------------------------------------------===//

const PassCount &CascadeWork::getPasses(StringAttr rank) {
  for (const PassCount &count : passes)
    if (count.getRank() == rank)
      return count;
  for (const auto &count : otherPasses)
    if (count->getRank() == rank)
      return *count;
  otherPasses.push_back(std::make_unique<PassCount>(cascade, rank));
  return *otherPasses.back();
}

void CascadeWork::measureFootprints() {
  /// Whether a reader sums over `rank` for each of several points that the
  /// tensor lacks, so that the elements along the rank are read again.
  auto isReused = [&](Value tensor, ArrayRef<StringAttr> own, StringAttr rank) {
    return rank != streaming &&
           llvm::any_of(tensor.getUsers(), [&](Operation *user) {
             auto reader = dyn_cast<EinsumOp>(user);
             return reader && llvm::is_contained(reader.getReduced(), rank) &&
                    !isAccumulated(reader) &&
                    llvm::any_of(reader.getOutputRanks(), [&](StringAttr name) {
                      return !llvm::is_contained(common, name) &&
                             !llvm::is_contained(own, name);
                    });
           });
  };
  cascade.getBody().walk([&](EinsumOp einsum) {
    // What an iteration starts from is a constant in its accumulators.
    if (llvm::all_of(einsum.getResult().getUsers(), llvm::IsaPred<IterateOp>) &&
        !einsum.getResult().use_empty())
      return;
    Footprint footprint;
    footprint.tensor = einsum.getResult();
    footprint.elementBytes = getElementBytes(einsum.getResult());
    SmallVector<StringAttr> ranks = einsum.getOutputRanks();
    footprint.whole = getElements(ranks);
    footprint.live = ExtentFormula::constant(1);
    footprint.isResult =
        llvm::is_contained(cascade.getYielded(), einsum.getResult());
    for (StringAttr rank : ranks) {
      const PassCount &count = getPasses(rank);
      const PassCount::Tensor *tensor = count.lookup(einsum.getResult());
      bool crosses = tensor && tensor->crossesPasses();
      if (crosses && !footprint.crosses)
        footprint.crosses = rank;
      if (llvm::is_contained(common, rank))
        continue;
      if (crosses || isAccumulated(einsum) ||
          isReused(einsum.getResult(), ranks, rank))
        footprint.live = footprint.live * getSymbol(rank);
    }
    footprints.push_back(footprint);
  });
}
