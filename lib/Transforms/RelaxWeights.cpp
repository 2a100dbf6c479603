//===- RelaxWeights.cpp - Weights that results of 16 bits read ------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A result of bf16 keeps 8 bits, and its weights may be rounded to as many
// before they meet the values (NU-2). An exponential that is right in the last
// place of an f32 computes 15 bits more than anything will see, which costs two
// of five multiply-adds. What must not be relaxed are weights that something
// else sees: a log-sum-exp in f32, sums that another cascade merges, and what
// would enlarge an error, a difference or a logarithm.
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Transforms/Passes.h"
#include "attn/Transforms/Transforms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNRELAXWEIGHTS
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// Whether the exponent differs from point to point of a rank that its maximum
/// does not have. That of a repair does not, and repairs multiply each other.
static bool isPointWeight(EinsumOp einsum, math::Exp2Op power) {
  auto product = power.getOperand().getDefiningOp<arith::MulFOp>();
  auto difference =
      product ? product.getLhs().getDefiningOp<arith::SubFOp>() : nullptr;
  auto getArgument = [&](Value value) -> BlockArgument {
    auto argument = dyn_cast<BlockArgument>(value);
    return argument && argument.getOwner() == einsum.getMap() ? argument
                                                              : nullptr;
  };
  BlockArgument score =
      difference ? getArgument(difference.getLhs()) : BlockArgument();
  BlockArgument maximum =
      difference ? getArgument(difference.getRhs()) : BlockArgument();
  return score && maximum &&
         llvm::any_of(einsum.getOutputRanks(), [&](StringAttr rank) {
           return einsum.inputUsesRank(score.getArgNumber(), rank) &&
                  !einsum.inputUsesRank(maximum.getArgNumber(), rank);
         });
}

/// What holds a number computed from that of `use`, whose relative error is no
/// larger than the number's, up to sums of both signs, which the accuracy
/// contract measures by their values. False where it may be larger.
static bool follow(OpOperand &use, llvm::SetVector<Value> &reached) {
  Operation *user = use.getOwner();
  unsigned number = use.getOperandNumber();
  if (isa<arith::MulFOp, arith::DivFOp, arith::AddFOp, arith::SelectOp,
          arith::TruncFOp, arith::ExtFOp>(user)) {
    reached.insert(user->getResult(0));
    return true;
  }
  // Whether a weight is 0 does not change.
  if (auto test = dyn_cast<arith::CmpFOp>(user))
    return matchPattern(test.getRhs(), m_AnyZeroFloat());
  if (auto einsum = dyn_cast<EinsumOp>(user)) {
    if (number >= einsum.getInputs().size())
      return false;
    reached.insert(einsum.getMap()->getArgument(number));
    return true;
  }
  if (auto iterate = dyn_cast<IterateOp>(user)) {
    reached.insert(iterate.getBody().front().getArgument(number));
    reached.insert(iterate.getResult(number));
    return true;
  }
  if (!isa<YieldOp>(user))
    return false;
  Operation *parent = user->getParentOp();
  if (auto einsum = dyn_cast<EinsumOp>(parent)) {
    reached.insert(einsum->getResult(0));
    return !einsum.getReduction() ||
           einsum.getReduction() == ReductionKind::Add;
  }
  if (auto iterate = dyn_cast<IterateOp>(parent)) {
    reached.insert(iterate.getBody().front().getArgument(number));
    reached.insert(iterate.getResult(number));
    return true;
  }
  return isa<CascadeOp>(parent) &&
         getElementTypeOrSelf(parent->getResult(number).getType())
                 .getIntOrFloatBitWidth() <= 16;
}

/// Whether nothing but results of 16 bits sees `weight`.
static bool isSeenRounded(Value weight) {
  llvm::SetVector<Value> reached;
  reached.insert(weight);
  for (unsigned next = 0; next < reached.size(); ++next)
    for (OpOperand &use : reached[next].getUses())
      if (!follow(use, reached))
        return false;
  return true;
}

namespace {
struct RelaxWeightsPass
    : public attn::impl::AttnRelaxWeightsBase<RelaxWeightsPass> {
  void runOnOperation() override {
    getOperation()->walk([&](math::Exp2Op power) {
      auto einsum = dyn_cast<EinsumOp>(power->getParentOp());
      if (!einsum || !power.getType().isF32() ||
          !bitEnumContainsAll(power.getFastmath(), arith::FastMathFlags::afn) ||
          !isPointWeight(einsum, power) || !isSeenRounded(power.getResult()))
        return;
      power->setAttr(kRelaxedAttrName, UnitAttr::get(&getContext()));
      ++numRelaxed;
    });
  }
};
} // namespace
