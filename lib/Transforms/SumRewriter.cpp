//===- SumRewriter.cpp - Sums that laws cannot repair ---------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SumRewriter.h"
#include "attn/Analysis/CascadeUtils.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::attn;

namespace {

using InfoMap = llvm::DenseMap<Value, LawTable::OperandInfo>;

/// A factor of what the sum adds up: a tensor, or an expression in the map of
/// `owner`; accesses are over the ranks of the sum.
struct Factor {
  EinsumOp owner;
  Value expression;
  SmallVector<EinsumAccess> accesses;
  Change change;
};

class SumRewriter {
public:
  SumRewriter(const StreamingAnalysis &analysis, EinsumOp sum)
      : analysis(analysis), sum(sum), builder(sum) {}

  bool run();

private:
  bool collect(EinsumOp owner, Value value, ArrayRef<EinsumAccess> accesses,
               const InfoMap &infos);
  bool movesByFactor(EinsumOp owner, Value value, const InfoMap &infos);
  bool distribute();
  bool complete();
  std::optional<EinsumAccess> outline(const Factor &factor);
  EinsumOp createSum(ArrayRef<EinsumAccess> factors, double coefficient,
                     ArrayRef<StringAttr> ranks);

  const StreamingAnalysis &analysis;
  EinsumOp sum;
  OpBuilder builder;
  double coefficient = 1.0;
  std::vector<Factor> factors;
};

} // namespace

/// Splits `value`, computed in the map of `owner`, into its factors. Tensors
/// that no law describes are looked into.
bool SumRewriter::collect(EinsumOp owner, Value value,
                          ArrayRef<EinsumAccess> accesses,
                          const InfoMap &infos) {
  APFloat constant(0.0);
  if (matchPattern(value, m_ConstantFloat(&constant))) {
    bool ignored;
    constant.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                     &ignored);
    coefficient *= constant.convertToDouble();
    return true;
  }
  if (auto product = value.getDefiningOp<arith::MulFOp>())
    return collect(owner, product.getLhs(), accesses, infos) &&
           collect(owner, product.getRhs(), accesses, infos);
  if (auto negation = value.getDefiningOp<arith::NegFOp>()) {
    coefficient = -coefficient;
    return collect(owner, negation.getOperand(), accesses, infos);
  }
  Factor factor;
  factor.change = infos.lookup(value).change;
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument) {
    factor.owner = owner;
    factor.expression = value;
    factor.accesses.assign(accesses.begin(), accesses.end());
    factors.push_back(factor);
    return true;
  }
  const EinsumAccess &access = accesses[argument.getArgNumber()];
  auto producer = access.tensor.getDefiningOp<EinsumOp>();
  if (!factor.change.isUnknown() || !producer) {
    factor.accesses.push_back(access);
    factors.push_back(factor);
    return true;
  }
  // One that was rounded to a narrower type, or computed elsewhere, stays.
  if (analysis.getRole(producer) != StreamingAnalysis::Role::Tile ||
      producer.getReduction() ||
      getPlainRanks(access) != producer.getOutputRanks() ||
      producer.getMapResult().getType() != argument.getType())
    return false;
  SmallVector<EinsumAccess> inner;
  for (unsigned index = 0; index < producer.getInputs().size(); ++index)
    inner.push_back(composeAccess(producer, producer.getAccess(index), access));
  return collect(producer, producer.getMapResult(), inner,
                 analysis.getInfos(producer));
}

/// The factor as a tensor, over the ranks of the sum that it depends on.
std::optional<EinsumAccess> SumRewriter::outline(const Factor &factor) {
  if (!factor.expression)
    return factor.accesses.front();
  EinsumOp owner = factor.owner;
  llvm::SmallDenseSet<Operation *> visited;
  llvm::SmallBitVector used(factor.accesses.size());
  llvm::SmallDenseSet<StringAttr> names;
  walkExpression(
      factor.expression, owner.getMap(), visited,
      [&](Operation *op) {
        if (auto index = dyn_cast<IndexOp>(op))
          names.insert(index.getRankAttr());
      },
      &used);
  SmallVector<EinsumAccess> accesses;
  for (unsigned index : used.set_bits()) {
    accesses.push_back(factor.accesses[index]);
    names.insert_range(getAccessRanks(factor.accesses[index]));
  }
  SmallVector<StringAttr> ranks;
  SmallVector<int64_t> shape;
  llvm::MapVector<StringAttr, int64_t> extents =
      sum->getParentOfType<CascadeOp>().getRankExtents();
  for (StringAttr rank : sum.getRankNames())
    if (names.contains(rank)) {
      ranks.push_back(rank);
      shape.push_back(getExtent(extents, rank));
    }
  if (ranks.size() != names.size() || ranks.empty())
    return std::nullopt;
  auto tensor = EinsumOp::create(
      builder, owner.getLoc(),
      Type(RankedTensorType::get(shape, factor.expression.getType())), ranks,
      accesses, std::nullopt,
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        IRMapping mapping;
        for (auto [position, index] : llvm::enumerate(used.set_bits()))
          mapping.map(owner.getMap()->getArgument(index), args[position]);
        return cloneExpression(nested, factor.expression, owner.getMap(),
                               mapping);
      });
  return EinsumAccess::get(tensor.getResult(), ranks);
}

/// The sum, over the reduced ranks, of the product of `list`.
EinsumOp SumRewriter::createSum(ArrayRef<EinsumAccess> list, double coefficient,
                                ArrayRef<StringAttr> ranks) {
  Type compute = sum.getMapResult().getType();
  llvm::MapVector<StringAttr, int64_t> extents =
      sum->getParentOfType<CascadeOp>().getRankExtents();
  SmallVector<int64_t> shape;
  for (StringAttr rank : ranks)
    shape.push_back(getExtent(extents, rank));
  SmallVector<EinsumAccess> accesses;
  SmallVector<unsigned> positions;
  for (const EinsumAccess &access : list)
    positions.push_back(findOrAddAccess(accesses, access));
  return EinsumOp::create(
      builder, sum.getLoc(), Type(RankedTensorType::get(shape, compute)), ranks,
      accesses, sum.getEinsumReduction(),
      [&](OpBuilder &nested, Location loc, ValueRange args) -> Value {
        Value product;
        for (unsigned position : positions)
          product = product ? arith::MulFOp::create(nested, loc, product,
                                                    args[position])
                                  .getResult()
                            : Value(args[position]);
        if (coefficient == 1.0)
          return product;
        Value constant = arith::ConstantOp::create(
            nested, loc, nested.getFloatAttr(compute, coefficient));
        return arith::MulFOp::create(nested, loc, product, constant);
      });
}

/// Whether every reduced rank of `sum` indexes one of `factors`.
static bool coverReduced(EinsumOp sum, ArrayRef<EinsumAccess> factors) {
  llvm::SmallDenseSet<StringAttr> ranks;
  for (const EinsumAccess &factor : factors)
    ranks.insert_range(getAccessRanks(factor));
  return llvm::all_of(sum.getReduced(),
                      [&](StringAttr rank) { return ranks.contains(rank); });
}

/// Whether `value` moves by a factor, or will once divisors are deferred.
bool SumRewriter::movesByFactor(EinsumOp owner, Value value,
                                const InfoMap &infos) {
  Change change = infos.lookup(value).change;
  if (!change.isUnknown())
    return !change.isAdditive();
  if (auto product = value.getDefiningOp<arith::MulFOp>())
    return movesByFactor(owner, product.getLhs(), infos) &&
           movesByFactor(owner, product.getRhs(), infos);
  if (auto quotient = value.getDefiningOp<arith::DivFOp>())
    return movesByFactor(owner, quotient.getLhs(), infos) &&
           (infos.lookup(quotient.getRhs()).change.kind ==
                Change::Kind::Running ||
            movesByFactor(owner, quotient.getRhs(), infos));
  if (auto negation = value.getDefiningOp<arith::NegFOp>())
    return movesByFactor(owner, negation.getOperand(), infos);
  auto argument = dyn_cast<BlockArgument>(value);
  auto producer =
      argument
          ? owner.getInputs()[argument.getArgNumber()].getDefiningOp<EinsumOp>()
          : EinsumOp();
  return producer && !producer.getReduction() &&
         analysis.getRole(producer) == StreamingAnalysis::Role::Tile &&
         movesByFactor(producer, producer.getMapResult(),
                       analysis.getInfos(producer));
}

bool SumRewriter::distribute() {
  auto found = llvm::find_if(factors, [](const Factor &factor) {
    return factor.change.isUnknown() && factor.expression &&
           isa<arith::AddFOp, arith::SubFOp>(factor.expression.getDefiningOp());
  });
  if (found == factors.end())
    return false;
  Operation *op = found->expression.getDefiningOp();
  InfoMap infos = analysis.getInfos(found->owner);
  if (!movesByFactor(found->owner, op->getOperand(0), infos) ||
      !movesByFactor(found->owner, op->getOperand(1), infos))
    return false;

  SmallVector<EinsumAccess> rest;
  for (Factor &factor : factors) {
    if (&factor == &*found)
      continue;
    std::optional<EinsumAccess> access = outline(factor);
    if (!access)
      return false;
    rest.push_back(*access);
  }
  SmallVector<EinsumOp> parts;
  for (Value operand : op->getOperands()) {
    SmallVector<EinsumAccess> list(rest);
    double factor = coefficient;
    APFloat constant(0.0);
    if (matchPattern(operand, m_ConstantFloat(&constant))) {
      bool ignored;
      constant.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                       &ignored);
      factor *= constant.convertToDouble();
    } else {
      Factor addend{found->owner, operand, found->accesses, Change()};
      if (auto argument = dyn_cast<BlockArgument>(operand)) {
        addend.expression = nullptr;
        addend.accesses = {found->accesses[argument.getArgNumber()]};
      }
      std::optional<EinsumAccess> access = outline(addend);
      if (!access)
        return false;
      list.push_back(*access);
    }
    if (!coverReduced(sum, list))
      return false;
    parts.push_back(createSum(list, factor, sum.getOutputRanks()));
  }
  bool subtracts = isa<arith::SubFOp>(op);
  SmallVector<EinsumAccess> accesses;
  for (EinsumOp part : parts)
    accesses.push_back(
        EinsumAccess::get(part.getResult(), part.getOutputRanks()));
  auto total = EinsumOp::create(
      builder, sum.getLoc(), Type(sum.getOutputType()), sum.getOutputRanks(),
      accesses, std::nullopt,
      [&](OpBuilder &nested, Location loc, ValueRange args) -> Value {
        if (subtracts)
          return arith::SubFOp::create(nested, loc, args[0], args[1]);
        return arith::AddFOp::create(nested, loc, args[0], args[1]);
      });
  sum.getResult().replaceAllUsesWith(total.getResult());
  sum.erase();
  for (EinsumOp part : parts)
    deferFactors(part);
  return true;
}

bool SumRewriter::complete() {
  SmallVector<unsigned> moving;
  for (auto [position, factor] : llvm::enumerate(factors)) {
    if (factor.change.isUnknown())
      return false;
    if (factor.change.isAdditive())
      moving.push_back(position);
  }
  if (moving.empty() || moving.size() > 4)
    return false;
  SmallVector<EinsumAccess> list;
  for (Factor &factor : factors) {
    std::optional<EinsumAccess> access = outline(factor);
    if (!access)
      return false;
    list.push_back(*access);
  }
  // What would be left of the product without the factors that move.
  SmallVector<EinsumAccess> least;
  for (auto [position, access] : llvm::enumerate(list))
    if (!llvm::is_contained(moving, position))
      least.push_back(access);
  if (!coverReduced(sum, least))
    return false;

  bool isProduct = false;
  if (std::optional<SummedProduct> product = SummedProduct::get(sum))
    isProduct = product->operands.size() == factors.size();
  bool changed = !isProduct;
  for (unsigned chosen = 1; chosen < (1u << moving.size()); ++chosen) {
    SmallVector<EinsumAccess> rest;
    for (auto [position, access] : llvm::enumerate(list)) {
      auto *at = llvm::find(moving, position);
      if (at == moving.end() || !(chosen >> (at - moving.begin()) & 1))
        rest.push_back(access);
    }
    if (findSumOfProduct(sum, rest))
      continue;
    createSum(rest, 1.0, getSumRanks(sum, rest));
    changed = true;
  }
  if (isProduct)
    return changed;
  EinsumOp replacement = createSum(list, coefficient, sum.getOutputRanks());
  if (replacement.getOutputType() != sum.getOutputType()) {
    replacement.erase();
    return false;
  }
  sum.getResult().replaceAllUsesWith(replacement.getResult());
  sum.erase();
  return true;
}

bool SumRewriter::run() {
  if (sum.getReduction() != ReductionKind::Add ||
      analysis.getRole(sum) != StreamingAnalysis::Role::Reduction ||
      !isa<FloatType>(sum.getMapResult().getType()))
    return false;
  SmallVector<EinsumAccess> accesses;
  for (unsigned index = 0; index < sum.getInputs().size(); ++index)
    accesses.push_back(sum.getAccess(index));
  if (!collect(sum, sum.getMapResult(), accesses, analysis.getInfos(sum)))
    return false;
  return distribute() || complete();
}

/// Erases maps that nothing reads any more. Sums stay: a repair may need them.
static void eraseUnreadMaps(CascadeOp cascade) {
  SmallVector<EinsumOp> einsums(cascade.getBody().front().getOps<EinsumOp>());
  for (EinsumOp einsum : llvm::reverse(einsums))
    if (!einsum.getReduction() && einsum->use_empty())
      einsum.erase();
}

StreamingAnalysis attn::rewriteSums(CascadeOp cascade, StringAttr rank) {
  StreamingAnalysis analysis(cascade, rank);
  while (analysis.getObstacle() && analysis.getObstacle()->reader &&
         SumRewriter(analysis, analysis.getObstacle()->reader).run()) {
    eraseUnreadMaps(cascade);
    analysis = StreamingAnalysis(cascade, rank);
  }
  return analysis;
}
