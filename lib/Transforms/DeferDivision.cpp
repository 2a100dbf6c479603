//===- DeferDivision.cpp - Move factors past linear reductions --*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SumRewriter.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Analysis/Laws.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Transforms/Passes.h"
#include "attn/Transforms/Transforms.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Matchers.h"

namespace mlir::attn {
#define GEN_PASS_DEF_DEFERDIVISION
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {

/// A factor of a product or quotient: an expression in the map of `owner`, with
/// the accesses that the arguments of that map stand for; or, without an
/// expression, the tensor read by the only access.
struct Factor {
  EinsumOp owner;
  Value expression;
  SmallVector<EinsumAccess> accesses;
  bool isDivisor = false;
};

/// A product, separated into what depends on the reduced ranks and what does
/// not.
struct Split {
  SmallVector<Factor> kept;
  SmallVector<Factor> deferred;
};

/// Ranks by name.
using RankSet = llvm::SmallSetVector<StringAttr, 4>;

} // namespace

static bool intersects(const RankSet &set, ArrayRef<StringAttr> ranks) {
  return llvm::any_of(ranks,
                      [&](StringAttr rank) { return set.contains(rank); });
}

/// The positions among `list` of what the factor reads; accesses are added as
/// needed. -1 stands for arguments that the expression does not use.
static SmallVector<int64_t> addAccesses(Factor &factor,
                                        SmallVectorImpl<EinsumAccess> &list) {
  if (!factor.expression)
    return {findOrAddAccess(list, factor.accesses.front())};
  llvm::SmallDenseSet<Operation *> visited;
  llvm::SmallBitVector arguments(factor.accesses.size());
  walkExpression(
      factor.expression, factor.owner.getMap(), visited, [](Operation *) {},
      &arguments);
  SmallVector<int64_t> positions(factor.accesses.size(), -1);
  for (unsigned index : arguments.set_bits())
    positions[index] = findOrAddAccess(list, factor.accesses[index]);
  return positions;
}

/// Builds `first` (1 if null) times the factors, divisors dividing.
static Value buildProduct(OpBuilder &builder, Location loc, Value first,
                          MutableArrayRef<Factor> factors,
                          ArrayRef<SmallVector<int64_t>> positions, Type type,
                          ValueRange args) {
  SmallVector<Value> divisors;
  Value result = first;
  for (auto [factor, position] : llvm::zip_equal(factors, positions)) {
    Value value;
    if (!factor.expression) {
      value = args[position.front()];
    } else {
      IRMapping mapping;
      Block *map = factor.owner.getMap();
      for (auto [argument, index] :
           llvm::zip_equal(map->getArguments(), position))
        if (index >= 0)
          mapping.map(argument, args[index]);
      value = cloneExpression(builder, factor.expression, map, mapping);
    }
    if (factor.isDivisor)
      divisors.push_back(value);
    else
      result =
          result ? arith::MulFOp::create(builder, loc, result, value) : value;
  }
  if (!result)
    result = arith::ConstantOp::create(builder, loc,
                                       builder.getFloatAttr(type, 1.0));
  for (Value divisor : divisors)
    result = arith::DivFOp::create(builder, loc, result, divisor);
  return result;
}

/// The product of `factors`, over the ranks of `einsum`, as a tensor: the one
/// factor if it is one, else an einsum of its own, so that it is not computed
/// again for every point of its readers' other ranks.
static Factor gather(EinsumOp einsum, MutableArrayRef<Factor> factors) {
  if (factors.size() == 1 && !factors[0].expression && !factors[0].isDivisor)
    return factors[0];
  SmallVector<EinsumAccess> accesses;
  SmallVector<SmallVector<int64_t>> positions;
  for (Factor &factor : factors)
    positions.push_back(addAccesses(factor, accesses));
  OpBuilder builder(einsum->getContext());
  builder.setInsertionPoint(einsum);
  Type type = einsum.getMapResult().getType();
  auto product = EinsumOp::create(
      builder, einsum.getLoc(), Type(einsum.getOutputType()),
      einsum.getOutputRanks(), accesses, std::nullopt,
      [&](OpBuilder &builder, Location loc, ValueRange args) {
        return buildProduct(builder, loc, {}, factors, positions, type, args);
      });
  Factor factor;
  factor.accesses.push_back(
      EinsumAccess::get(product.getResult(), einsum.getOutputRanks()));
  return factor;
}

namespace {
/// Separates the factors of what a reduction sums.
class FactorSplitter {
public:
  explicit FactorSplitter(EinsumOp reduction)
      : reduction(reduction), laws(reduction.getContext()) {}

  /// Splits `value`, computed in the map of `einsum`, by whether its factors
  /// depend on one of `ranks`. The accesses of the factors are over the ranks
  /// of `einsum`.
  void split(EinsumOp einsum, Value value, const RankSet &ranks, bool isDivisor,
             Split &result);

private:
  void splitOperand(EinsumOp einsum, BlockArgument argument,
                    const RankSet &ranks, bool isDivisor, Split &result);
  bool isWorthwhile(EinsumOp producer, const Factor &factor);

  EinsumOp reduction;
  LawTable laws;
};
} // namespace

/// Whether `tensor` is computed from a reduction over one of `ranks`.
static bool dependsOnReduction(Value tensor, ArrayRef<StringAttr> ranks) {
  SmallVector<Value> worklist{tensor};
  llvm::SmallDenseSet<Value> visited;
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    auto einsum = value.getDefiningOp<EinsumOp>();
    if (!einsum || !visited.insert(value).second)
      continue;
    for (StringAttr rank : einsum.getReduced())
      if (llvm::is_contained(ranks, rank))
        return true;
    llvm::append_range(worklist, einsum.getInputs());
  }
  return false;
}

/// The number of points of a tensor: its dynamic extents first, then the
/// product of the others.
static std::pair<int64_t, double> getSize(ShapedType type) {
  std::pair<int64_t, double> size{0, 1.0};
  for (int64_t extent : type.getShape()) {
    if (ShapedType::isDynamic(extent))
      ++size.first;
    else
      size.second *= extent;
  }
  return size;
}

/// Whether to take a factor out of `producer`, past the reduction: always if it
/// is known only after a reduction over the same rank, as that saves a pass;
/// else if the reduction has no more results than the producer, as that saves
/// work.
bool FactorSplitter::isWorthwhile(EinsumOp producer, const Factor &factor) {
  if (llvm::any_of(factor.accesses, [&](const EinsumAccess &access) {
        return dependsOnReduction(access.tensor, reduction.getReduced());
      }))
    return true;
  return getSize(reduction.getOutputType()) <=
         getSize(producer.getOutputType());
}

void FactorSplitter::split(EinsumOp einsum, Value value, const RankSet &ranks,
                           bool isDivisor, Split &result) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return splitOperand(einsum, cast<BlockArgument>(value), ranks, isDivisor,
                        result);
  if (auto factors = laws.getFactors(op)) {
    for (Law::Factor factor : *factors)
      split(einsum, factor.value, ranks, isDivisor != factor.isDivisor, result);
    return;
  }
  Factor factor;
  factor.isDivisor = isDivisor;
  factor.owner = einsum;
  factor.expression = value;
  for (unsigned index = 0; index < einsum.getInputs().size(); ++index)
    factor.accesses.push_back(einsum.getAccess(index));
  // A coordinate stays in its einsum: the rank may have another name in the
  // reduction.
  llvm::SmallDenseSet<Operation *> visited;
  bool hasIndex = false;
  walkExpression(value, einsum.getMap(), visited,
                 [&](Operation *inner) { hasIndex |= isa<IndexOp>(inner); });
  // Of a sum over no live point an infinite factor would make a NaN.
  // spec: NF-3
  APFloat number(0.0f);
  bool isInfinite = matchPattern(value, m_ConstantFloat(&number)) &&
                    !number.isFinite() && !isDivisor;
  bool depends =
      isInfinite ||
      intersects(ranks, getExpressionRanks(einsum, value).getArrayRef()) ||
      (hasIndex && einsum != reduction);
  (depends ? result.kept : result.deferred).push_back(factor);
}

void FactorSplitter::splitOperand(EinsumOp einsum, BlockArgument argument,
                                  const RankSet &ranks, bool isDivisor,
                                  Split &result) {
  EinsumAccess access = einsum.getAccess(argument.getArgNumber());
  Factor factor;
  factor.isDivisor = isDivisor;
  factor.accesses.push_back(access);
  if (!intersects(ranks, getAccessRanks(access))) {
    result.deferred.push_back(factor);
    return;
  }
  // The tensor may itself be a product with a factor to defer. One that was
  // rounded to a narrower type stays as it is, and so does one that is read at
  // data or at points that may be dead.
  auto producer = access.tensor.getDefiningOp<EinsumOp>();
  if (!producer || producer.getReduction() || access.readsData() ||
      !readsAtOwnPoint(producer, access) ||
      producer.getOutputType().getElementType() != argument.getType()) {
    result.kept.push_back(factor);
    return;
  }
  RankSet inner;
  for (auto [rank, expr] :
       llvm::zip(producer.getOutputRanks(), access.map.getResults()))
    for (auto [position, name] : llvm::enumerate(access.ranks))
      if (ranks.contains(name) && expr.isFunctionOfDim(position))
        inner.insert(rank);
  Split parts, chosen;
  split(producer, producer.getMapResult(), inner, /*isDivisor=*/false, parts);
  chosen.kept = parts.kept;
  for (Factor &part : parts.deferred)
    (isWorthwhile(producer, part) ? chosen.deferred : chosen.kept)
        .push_back(part);
  if (chosen.deferred.empty()) {
    result.kept.push_back(factor);
    return;
  }
  auto push = [&](Factor part, SmallVectorImpl<Factor> &list) {
    part.isDivisor = part.isDivisor != isDivisor;
    for (EinsumAccess &partAccess : part.accesses)
      partAccess = composeAccess(producer, partAccess, access);
    list.push_back(part);
  };
  for (const Factor &part : chosen.deferred)
    push(part, result.deferred);
  if (!chosen.kept.empty())
    push(gather(producer, chosen.kept), result.kept);
}

bool attn::deferFactors(EinsumOp reduction) {
  if (reduction.getReduction() != ReductionKind::Add ||
      !isa<FloatType>(reduction.getMapResult().getType()))
    return false;
  Value yielded = reduction.getMapResult();
  RankSet ranks;
  for (StringAttr rank : reduction.getReduced())
    ranks.insert(rank);
  Split parts;
  FactorSplitter(reduction).split(reduction, yielded, ranks,
                                  /*isDivisor=*/false, parts);
  if (parts.deferred.empty())
    return false;

  // Every reduced rank has to index something still.
  SmallVector<EinsumAccess> accesses;
  SmallVector<SmallVector<int64_t>> positions;
  for (Factor &factor : parts.kept)
    positions.push_back(addAccesses(factor, accesses));
  RankSet covered;
  for (const EinsumAccess &access : accesses)
    for (StringAttr rank : getAccessRanks(access))
      covered.insert(rank);
  for (StringAttr rank : ranks)
    if (!covered.contains(rank))
      return false;

  // The sum is formed in the compute type and rounded once, after the factors.
  OpBuilder builder(reduction);
  Type compute = yielded.getType();
  auto type = cast<RankedTensorType>(reduction.getOutputType());
  auto sum = EinsumOp::create(
      builder, reduction.getLoc(), Type(type.clone(compute)),
      reduction.getOutputRanks(), accesses, reduction.getEinsumReduction(),
      [&](OpBuilder &builder, Location loc, ValueRange args) {
        return buildProduct(builder, loc, {}, parts.kept, positions, compute,
                            args);
      });
  SmallVector<EinsumAccess> outer{
      EinsumAccess::get(sum.getResult(), reduction.getOutputRanks())};
  SmallVector<SmallVector<int64_t>> outerPositions;
  for (Factor &factor : parts.deferred)
    outerPositions.push_back(addAccesses(factor, outer));
  auto scaled = EinsumOp::create(
      builder, reduction.getLoc(), Type(type), reduction.getOutputRanks(),
      outer, std::nullopt,
      [&](OpBuilder &builder, Location loc, ValueRange args) {
        return buildProduct(builder, loc, args[0], parts.deferred,
                            outerPositions, compute, args);
      });
  reduction.getResult().replaceAllUsesWith(scaled.getResult());
  reduction->erase();
  return true;
}

unsigned attn::deferDivisions(CascadeOp cascade) {
  // In order, so that a factor may pass several reductions.
  SmallVector<EinsumOp> reductions;
  cascade.getBody().walk([&](EinsumOp einsum) {
    if (einsum.getReduction())
      reductions.push_back(einsum);
  });
  if (reductions.empty())
    return 0;
  StatedExtents stated(cascade);
  OwningOpRef<CascadeOp> before = cast<CascadeOp>(cascade->clone());
  unsigned deferred = llvm::count_if(reductions, deferFactors);
  if (deferred == 0)
    return 0;
  eraseDeadEinsums(cascade.getBody().front());
  // What went may have said alone how large a rank is.
  if (stated.areKept(cascade, [](StringAttr rank) { return rank; }))
    return deferred;
  cascade.getBody().takeBody(before->getBody());
  return 0;
}

namespace {
struct DeferDivision : attn::impl::DeferDivisionBase<DeferDivision> {
  void runOnOperation() override {
    getOperation().walk(
        [&](CascadeOp cascade) { numDeferred += deferDivisions(cascade); });
  }
};
} // namespace
