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

#include "attn/Analysis/Rounding.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Transforms/Passes.h"
#include "attn/Transforms/Transforms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

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
