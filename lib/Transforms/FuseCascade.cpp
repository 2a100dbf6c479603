//===- FuseCascade.cpp - Fuse maps and fold constant factors --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/CascadeUtils.h"
#include "attn/Analysis/Residency.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Transforms/Passes.h"
#include "attn/Transforms/Transforms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNFUSECASCADE
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// The constant c of a map `x * c`, or null.
static FloatAttr getConstantFactor(EinsumOp einsum) {
  if (einsum.getReduction() || einsum.getInputs().size() != 1)
    return {};
  auto [value, factor] = splitConstant(einsum.getMapResult());
  return value == einsum.getMap()->getArgument(0) ? factor : FloatAttr();
}

/// Whether a product with `factor` never rounds. Another factor would round
/// every element of the query instead of every score, and the errors of a sum
/// add up: measured, up to twice the error on peaked scores.
static bool isExact(const APFloat &factor) {
  return factor.isFiniteNonZero() && factor.getExactLog2Abs() != INT_MIN;
}

/// sum_e A * B, scaled by c, is sum_e (c * A) * B: the factor moves to the
/// operand that the stream does not touch, where it costs one product per
/// element of a query tile instead of one per score.
static bool foldFactor(EinsumOp einsum) {
  FloatAttr factor = getConstantFactor(einsum);
  auto iterate = dyn_cast<IterateOp>(einsum->getParentOp());
  if (!factor || !iterate || !isExact(factor.getValue()))
    return false;
  auto contraction = einsum.getInputs()[0].getDefiningOp<EinsumOp>();
  if (!contraction || contraction->getBlock() != einsum->getBlock() ||
      !contraction.getResult().hasOneUse() ||
      contraction.getReduction() != ReductionKind::Add ||
      !isa_and_nonnull<arith::MulFOp>(contraction.getSingleMapOp()) ||
      contraction.getOutputType() != einsum.getOutputType() ||
      getPlainRanks(einsum.getAccess(0)) != einsum.getOutputRanks())
    return false;

  for (unsigned index = 0; index < contraction.getInputs().size(); ++index) {
    EinsumAccess access = contraction.getAccess(index);
    Operation *producer = access.tensor.getDefiningOp();
    bool isOutside = producer ? producer->getBlock() != einsum->getBlock()
                              : cast<BlockArgument>(access.tensor).getOwner() !=
                                    einsum->getBlock();
    std::optional<SmallVector<StringAttr>> ranks = getPlainRanks(access);
    if (!isOutside || !ranks ||
        contraction.inputUsesRank(index, iterate.getPointAttr()))
      continue;
    OpBuilder builder(iterate);
    auto type = cast<RankedTensorType>(access.tensor.getType());
    // What the cascade computes keeps its type, as the factor is exact: a
    // target that rounds to it may do so before it multiplies.
    Type element = isa_and_nonnull<EinsumOp>(producer)
                       ? type.getElementType()
                       : contraction.getMapResult().getType();
    auto scaled = EinsumOp::create(
        builder, einsum.getLoc(),
        RankedTensorType::get(type.getShape(), element), *ranks,
        ArrayRef<EinsumAccess>(access), std::nullopt,
        [&](OpBuilder &nested, Location loc, ValueRange args) -> Value {
          Value constant = arith::ConstantOp::create(nested, loc, factor);
          return arith::MulFOp::create(nested, loc, args[0], constant);
        });
    contraction.getInputsMutable()[index].set(scaled.getResult());
    if (einsum.getResidencyAttr())
      contraction.setResidencyAttr(einsum.getResidencyAttr());
    einsum.getResult().replaceAllUsesWith(contraction.getResult());
    einsum.erase();
    return true;
  }
  return false;
}

/// Computes a map that stays in registers inside the one map that reads it.
static bool inlineProducer(EinsumOp consumer) {
  if (consumer.getReduction())
    return false;
  for (unsigned index = 0; index < consumer.getInputs().size(); ++index) {
    EinsumAccess read = consumer.getAccess(index);
    auto producer = read.tensor.getDefiningOp<EinsumOp>();
    if (!producer || getOnlyReader(producer) != consumer ||
        getResidency(producer) != Residency::Register ||
        !canComputeInReader(producer, consumer))
      continue;
    std::optional<SmallVector<StringAttr>> names = getPlainRanks(read);

    // The producer's result ranks are the consumer's at this access.
    SmallVector<StringAttr> outputRanks = producer.getOutputRanks();
    auto rename = [&](StringAttr rank) {
      auto *found = llvm::find(outputRanks, rank);
      return found == outputRanks.end() ? rank
                                        : (*names)[found - outputRanks.begin()];
    };
    SmallVector<EinsumAccess> accesses;
    for (unsigned i = 0; i < consumer.getInputs().size(); ++i)
      if (i != index)
        accesses.push_back(consumer.getAccess(i));
    for (unsigned i = 0; i < producer.getInputs().size(); ++i) {
      EinsumAccess access = producer.getAccess(i);
      for (StringAttr &rank : access.ranks)
        rank = rename(rank);
      accesses.push_back(access);
    }

    OpBuilder builder(consumer);
    auto fused = EinsumOp::create(
        builder, consumer.getLoc(), consumer.getResult().getType(),
        consumer.getOutputRanks(), accesses, std::nullopt,
        [&](OpBuilder &nested, Location loc, ValueRange args) -> Value {
          unsigned kept = consumer.getInputs().size() - 1;
          IRMapping inner;
          inner.map(producer.getMap()->getArguments(), args.drop_front(kept));
          for (Operation &op : producer.getMap()->without_terminator())
            if (auto position = dyn_cast<IndexOp>(op))
              inner.map(position.getResult(),
                        IndexOp::create(nested, loc, nested.getIndexType(),
                                        rename(position.getRankAttr()))
                            .getResult());
            else
              nested.clone(op, inner);
          IRMapping outer;
          unsigned next = 0;
          for (auto [i, argument] :
               llvm::enumerate(consumer.getMap()->getArguments()))
            outer.map(argument, i == index ? inner.lookupOrDefault(
                                                 producer.getMapResult())
                                           : args[next++]);
          for (Operation &op : consumer.getMap()->without_terminator())
            nested.clone(op, outer);
          return outer.lookupOrDefault(consumer.getMapResult());
        });
    fused.setResidencyAttr(consumer.getResidencyAttr());
    consumer.getResult().replaceAllUsesWith(fused.getResult());
    consumer.erase();
    producer.erase();
    return true;
  }
  return false;
}

/// Replaces `op` by `value` times a constant.
static void replaceByProduct(Operation *op, Value value,
                             const APFloat &factor) {
  OpBuilder builder(op);
  Location loc = op->getLoc();
  Value constant = arith::ConstantOp::create(
      builder, loc, FloatAttr::get(value.getType(), factor));
  Value product = arith::MulFOp::create(builder, loc, value, constant);
  op->getResult(0).replaceAllUsesWith(product);
  op->erase();
}

/// x / c is x * (1 / c): a product takes a fraction of the time, and rounds
/// once more, in a constant.
static bool multiplyByInverse(arith::DivFOp quotient) {
  FloatAttr divisor;
  if (!matchPattern(quotient.getRhs(), m_Constant(&divisor)))
    return false;
  APFloat inverse(divisor.getValue().getSemantics(), 1);
  inverse.divide(divisor.getValue(), APFloat::rmNearestTiesToEven);
  if (!divisor.getValue().isNormal() || !inverse.isNormal())
    return false;
  replaceByProduct(quotient, quotient.getLhs(), inverse);
  return true;
}

/// (x * a) * b is x * (a * b).
static bool joinFactors(arith::MulFOp product) {
  auto [inner, outerFactor] = splitConstant(product);
  auto [value, innerFactor] = splitConstant(inner);
  if (!outerFactor || !innerFactor || !inner.hasOneUse())
    return false;
  APFloat factor = innerFactor.getValue();
  factor.multiply(outerFactor.getValue(), APFloat::rmNearestTiesToEven);
  // A factor out of the range of the type, or with fewer bits, is another one.
  if (!innerFactor.getValue().isNormal() ||
      !outerFactor.getValue().isNormal() || !factor.isNormal())
    return false;
  replaceByProduct(product, value, factor);
  inner.getDefiningOp()->erase();
  return true;
}

/// Makes one constant factor of those that stand behind each other in the map.
/// Returns how many operations went.
static unsigned joinFactors(EinsumOp einsum) {
  unsigned joined = 0;
  for (Operation &op : llvm::make_early_inc_range(*einsum.getMap()))
    if (auto quotient = dyn_cast<arith::DivFOp>(op))
      joined += multiplyByInverse(quotient);
  for (Operation &op : llvm::make_early_inc_range(*einsum.getMap()))
    if (auto product = dyn_cast<arith::MulFOp>(op))
      joined += joinFactors(product);
  if (joined == 0)
    return 0;
  for (Operation &op :
       llvm::make_early_inc_range(llvm::reverse(*einsum.getMap())))
    if (isOpTriviallyDead(&op))
      op.erase();
  return joined;
}

FusionCounts attn::fuseCascade(CascadeOp cascade) {
  FusionCounts counts;
  bool changed = true;
  while (changed) {
    changed = false;
    SmallVector<EinsumOp> einsums;
    cascade.walk([&](EinsumOp einsum) { einsums.push_back(einsum); });
    for (EinsumOp einsum : einsums)
      if (foldFactor(einsum)) {
        ++counts.folded;
        changed = true;
        break;
      } else if (inlineProducer(einsum)) {
        ++counts.inlined;
        changed = true;
        break;
      }
  }
  cascade.walk([&](EinsumOp einsum) { counts.folded += joinFactors(einsum); });
  return counts;
}

namespace {
struct FuseCascadePass
    : public attn::impl::AttnFuseCascadeBase<FuseCascadePass> {
  void runOnOperation() override {
    getOperation()->walk([&](CascadeOp cascade) {
      FusionCounts counts = fuseCascade(cascade);
      numFolded += counts.folded;
      numInlined += counts.inlined;
    });
  }
};
} // namespace
