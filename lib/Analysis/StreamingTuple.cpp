//===- StreamingTuple.cpp - Sums that move together --------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/CascadeUtils.h"
#include "attn/Analysis/Streaming.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::attn;

/// Factors that move by a sum; each choice of them needs a sum of its own.
static constexpr unsigned kMaxMovingFactors = 4;

static bool collectProduct(EinsumOp einsum, Value value,
                           SummedProduct &product) {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    product.operands.push_back(argument.getArgNumber());
    return true;
  }
  APFloat constant(0.0);
  if (matchPattern(value, m_ConstantFloat(&constant))) {
    bool ignored;
    constant.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                     &ignored);
    product.coefficient *= constant.convertToDouble();
    return true;
  }
  if (auto negation = value.getDefiningOp<arith::NegFOp>()) {
    product.coefficient = -product.coefficient;
    return collectProduct(einsum, negation.getOperand(), product);
  }
  auto op = value.getDefiningOp<arith::MulFOp>();
  return op && collectProduct(einsum, op.getLhs(), product) &&
         collectProduct(einsum, op.getRhs(), product);
}

std::optional<SummedProduct> SummedProduct::get(EinsumOp reduction) {
  SummedProduct product;
  if (reduction.getReduction() != ReductionKind::Add ||
      !isa<FloatType>(reduction.getMapResult().getType()) ||
      !collectProduct(reduction, reduction.getMapResult(), product))
    return std::nullopt;
  return product;
}

SmallVector<StringAttr> attn::getSumRanks(EinsumOp reduction,
                                          ArrayRef<EinsumAccess> factors) {
  llvm::SmallDenseSet<StringAttr> needed;
  auto cascade = reduction->getParentOfType<CascadeOp>();
  // They say which points are summed.
  needed.insert_range(cascade.getSpace().getPlaneRanks());
  for (const EinsumAccess &factor : factors)
    needed.insert_range(getAccessRanks(factor));
  return llvm::filter_to_vector(
      reduction.getOutputRanks(),
      [&](StringAttr rank) { return needed.contains(rank); });
}

EinsumOp attn::findSumOfProduct(EinsumOp reduction,
                                ArrayRef<EinsumAccess> factors) {
  SmallVector<StringAttr> ranks = getSumRanks(reduction, factors);
  for (Operation &op : *reduction->getBlock()) {
    auto einsum = dyn_cast<EinsumOp>(op);
    if (!einsum || einsum == reduction ||
        einsum.getReduced() != reduction.getReduced() ||
        einsum.getOutputRanks() != ranks ||
        einsum.getMapResult().getType() != reduction.getMapResult().getType())
      continue;
    std::optional<SummedProduct> product = SummedProduct::get(einsum);
    if (!product || product->coefficient != 1.0 ||
        product->operands.size() != factors.size())
      continue;
    SmallVector<EinsumAccess> wanted(factors);
    bool isEqual = llvm::all_of(product->operands, [&](unsigned index) {
      EinsumAccess access = einsum.getAccess(index);
      auto *found = llvm::find_if(wanted, [&](const EinsumAccess &other) {
        return isSameAccess(access, other);
      });
      if (found == wanted.end())
        return false;
      wanted.erase(found);
      return true;
    });
    if (isEqual)
      return einsum;
  }
  return {};
}

/// Whether the running value is finite once one of the summed products, which
/// are multiples of `multipleOf`, is not 0.
bool StreamingAnalysis::isFinite(Value running,
                                 ArrayRef<Value> multipleOf) const {
  auto einsum = running.getDefiningOp<EinsumOp>();
  if (!einsum || !isRunning(running))
    return true;
  // Sums of finite values are finite, and extrema start at a finite number.
  if (getRole(einsum) == Role::Reduction)
    return true;
  bool finite = true;
  llvm::SmallDenseSet<Operation *> visited;
  llvm::SmallBitVector arguments(einsum.getInputs().size());
  walkExpression(
      einsum.getMapResult(), einsum.getMap(), visited,
      [&](Operation *op) {
        if (isa<arith::ConstantOp, arith::AddFOp, arith::SubFOp, arith::MulFOp,
                arith::NegFOp, arith::MaximumFOp, arith::MinimumFOp>(op))
          return;
        if (op->getNumOperands() == 0)
          return;
        // The logarithm of a sum of weights: where it is 0, all of them are.
        auto argument = dyn_cast<BlockArgument>(op->getOperand(0));
        auto sum = argument ? einsum.getInputs()[argument.getArgNumber()]
                                  .getDefiningOp<EinsumOp>()
                            : EinsumOp();
        finite &= isa<math::LogOp, math::Log2Op>(op) && sum &&
                  sum.getReduction() == ReductionKind::Add &&
                  sum.isIdentityMap() && isNonNegative(sum.getInputs()[0]) &&
                  llvm::is_contained(multipleOf, sum.getInputs()[0]);
      },
      &arguments);
  for (unsigned index : arguments.set_bits())
    finite = finite && isFinite(einsum.getInputs()[index], multipleOf);
  return finite;
}

/// The change of a sum of products some of whose factors move by a sum: the
/// factors that all of the tuple has in common. Sets the terms of the action.
std::optional<Change> StreamingAnalysis::computeTuple(EinsumOp einsum) {
  std::optional<SummedProduct> product = SummedProduct::get(einsum);
  if (!product || getRole(einsum) != Role::Reduction)
    return std::nullopt;
  std::vector<CorrectionPower> powers;
  SmallVector<unsigned> moving;
  std::vector<std::vector<LinearTerm>> shifts;
  SmallVector<Value> multipleOf;
  for (auto [position, index] : llvm::enumerate(product->operands)) {
    LawTable::OperandInfo info = getInfo(einsum.getAccess(index));
    if (info.change.isUnknown() ||
        variesAlong(info.change, einsum.getReduced()))
      return std::nullopt;
    if (info.change.isAdditive()) {
      moving.push_back(position);
      shifts.push_back(info.change.getTerms());
      continue;
    }
    powers.insert(powers.end(), info.change.powers.begin(),
                  info.change.powers.end());
    llvm::append_range(multipleOf, info.change.multipleOf);
  }
  if (moving.empty() || moving.size() > kMaxMovingFactors)
    return std::nullopt;
  for (const std::vector<LinearTerm> &terms : shifts)
    for (const LinearTerm &term : terms)
      if (!isFinite(term.running.tensor, multipleOf))
        return std::nullopt;

  std::vector<TupleTerm> terms;
  for (unsigned chosen = 1; chosen < (1u << moving.size()); ++chosen) {
    TupleTerm term;
    term.coefficient = product->coefficient;
    SmallVector<EinsumAccess> rest;
    for (auto [position, index] : llvm::enumerate(product->operands)) {
      auto *found = llvm::find(moving, position);
      unsigned choice = found - moving.begin();
      if (found != moving.end() && (chosen >> choice & 1))
        term.shifts.push_back(shifts[choice]);
      else
        rest.push_back(einsum.getAccess(index));
    }
    EinsumOp companion = findSumOfProduct(einsum, rest);
    if (!companion)
      return std::nullopt;
    term.companion = companion.getResult();
    terms.push_back(term);
  }
  tuples[einsum] = terms;
  return Change::scaled(powers);
}
