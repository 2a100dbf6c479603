//===- DeferDivision.cpp - Move factors past linear reductions --*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/CascadeUtils.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

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

/// Splits `value`, computed in the map of `einsum`, by whether its factors
/// depend on one of `ranks`. The accesses of the factors are over the ranks of
/// `einsum`. `isReader` tells the reduction itself from the einsums it reads.
static void splitFactors(EinsumOp einsum, Value value, const RankSet &ranks,
                         bool isDivisor, bool isReader, Split &result) {
  Operation *op = value.getDefiningOp();
  if (op && isa<arith::MulFOp, arith::DivFOp>(op)) {
    splitFactors(einsum, op->getOperand(0), ranks, isDivisor, isReader, result);
    splitFactors(einsum, op->getOperand(1), ranks,
                 isDivisor != isa<arith::DivFOp>(op), isReader, result);
    return;
  }

  Factor factor;
  factor.isDivisor = isDivisor;
  if (op) {
    factor.owner = einsum;
    factor.expression = value;
    for (unsigned index = 0; index < einsum.getInputs().size(); ++index)
      factor.accesses.push_back(einsum.getAccess(index));
    // A coordinate stays where it is: its rank may have another name in the
    // reduction.
    llvm::SmallDenseSet<Operation *> visited;
    bool hasIndex = false;
    walkExpression(value, einsum.getMap(), visited,
                   [&](Operation *inner) { hasIndex |= isa<IndexOp>(inner); });
    bool depends =
        intersects(ranks, getExpressionRanks(einsum, value).getArrayRef()) ||
        (hasIndex && !isReader);
    (depends ? result.kept : result.deferred).push_back(factor);
    return;
  }

  EinsumAccess access =
      einsum.getAccess(cast<BlockArgument>(value).getArgNumber());
  factor.accesses.push_back(access);
  if (!intersects(ranks, getAccessRanks(access))) {
    result.deferred.push_back(factor);
    return;
  }
  // The tensor may itself be a product with a factor to defer. One that was
  // rounded to a narrower type stays as it is.
  auto producer = access.tensor.getDefiningOp<EinsumOp>();
  if (!producer || producer.getReduction() ||
      producer.getOutputType().getElementType() != value.getType() ||
      producer.getMapResult().getParentBlock() != producer.getMap()) {
    result.kept.push_back(factor);
    return;
  }
  RankSet inner;
  for (auto [rank, expr] :
       llvm::zip(producer.getOutputRanks(), access.map.getResults()))
    for (auto [position, name] : llvm::enumerate(access.ranks))
      if (ranks.contains(name) && expr.isFunctionOfDim(position))
        inner.insert(rank);
  Split parts;
  splitFactors(producer, producer.getMapResult(), inner, /*isDivisor=*/false,
               /*isReader=*/false, parts);
  if (parts.deferred.empty()) {
    result.kept.push_back(factor);
    return;
  }
  auto push = [&](Factor part, SmallVectorImpl<Factor> &list) {
    part.isDivisor = part.isDivisor != isDivisor;
    for (EinsumAccess &partAccess : part.accesses)
      partAccess = composeAccess(producer, partAccess, access);
    list.push_back(part);
  };
  for (const Factor &part : parts.deferred)
    push(part, result.deferred);
  if (!parts.kept.empty())
    push(gather(producer, parts.kept), result.kept);
}

/// Defers what can be deferred past `reduction`.
static bool deferFactors(EinsumOp reduction) {
  if (reduction.getReduction() != ReductionKind::Add ||
      !isa<FloatType>(reduction.getMapResult().getType()))
    return false;
  Value yielded = reduction.getMapResult();
  if (yielded.getParentBlock() != reduction.getMap())
    return false;
  RankSet ranks;
  for (StringAttr rank : reduction.getReduced())
    ranks.insert(rank);
  Split parts;
  splitFactors(reduction, yielded, ranks, /*isDivisor=*/false,
               /*isReader=*/true, parts);
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

namespace {
struct DeferDivision : attn::impl::DeferDivisionBase<DeferDivision> {
  void runOnOperation() override {
    getOperation().walk([&](CascadeOp cascade) {
      // In order, so that a factor may pass several reductions.
      SmallVector<EinsumOp> reductions;
      cascade.getBody().walk([&](EinsumOp einsum) {
        if (einsum.getReduction())
          reductions.push_back(einsum);
      });
      bool changed = false;
      for (EinsumOp reduction : reductions)
        if (deferFactors(reduction)) {
          changed = true;
          ++numDeferred;
        }
      if (changed)
        eraseDeadEinsums(cascade.getBody().front());
    });
  }
};
} // namespace
