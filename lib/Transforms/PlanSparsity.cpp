//===- PlanSparsity.cpp - Attach key ranges to iterative ranks ------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/EmptyStep.h"
#include "attn/Analysis/SparsityPlan.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Support/Debug.h"
#include "attn/Transforms/Passes.h"
#include "attn/Transforms/Transforms.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNPLANSPARSITY
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {
struct PlanSparsityPass : attn::impl::AttnPlanSparsityBase<PlanSparsityPass> {
  void runOnOperation() override {
    WalkResult result = getOperation()->walk([&](CascadeOp cascade) {
      return failed(attachPlan(cascade, optional)) ? WalkResult::interrupt()
                                                   : WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

  using Base::Base;
};
} // namespace

LogicalResult attn::attachPlan(CascadeOp cascade, bool optional) {
  if (!cascade.hasSpace())
    return success();
  // Einsums outside of an iteration test every point; only loops need ranges.
  SmallVector<IterateOp> iterations;
  cascade.getBody().walk([&](IterateOp iterate) {
    if (iterate.getParentAttr() == cascade.getKeyRankAttr())
      iterations.push_back(iterate);
  });
  if (iterations.empty())
    return success();

  PlaneRestriction restriction;
  if (cascade.getSparsity())
    restriction.expression = cascade.getSparsity()->getExpression();
  if (cascade.getAlignment())
    restriction.alignment = *cascade.getAlignment();
  CascadeSpace space = cascade.getSpace();
  restriction.hasKeyOrigin = space.getOrigin(space.keyRank) != nullptr;
  restriction.hasDiagonal = space.offset || space.getOrigin(space.queryRank) ||
                            space.getOrigin(space.keyRank);
  restriction.hasKeyLengths = cascade.getKeyLengths().has_value();
  restriction.hasQueryLengths = cascade.getQueryLengths().has_value();
  FailureOr<PlanAttr> plan =
      planSparsity(cascade.getContext(), restriction, [&] {
        return optional ? cascade.emitRemark("cannot be planned: ")
                        : cascade.emitOpError("cannot be planned: ");
      });
  if (failed(plan))
    return success(optional);
  if (*plan && isEmptyPlan(*plan))
    cascade.emitWarning("no point (")
        << *cascade.getQueryRank() << ", " << *cascade.getKeyRank()
        << ") is live, whatever the sizes; reductions over '"
        << *cascade.getKeyRank() << "' give their identities";

  for (IterateOp iterate : iterations) {
    // A plan skips steps without live points.
    if (*plan && isEmptyStepNeutral(iterate)) {
      ATTN_DEBUG("plan") << *plan << "\n";
      iterate.setPlanAttr(*plan);
    } else {
      iterate.removePlanAttr();
    }
  }
  return success();
}
