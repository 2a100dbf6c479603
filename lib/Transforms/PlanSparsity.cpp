//===- PlanSparsity.cpp - Attach key ranges to iterative ranks ------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/EmptyStep.h"
#include "attn/Analysis/GridWalk.h"
#include "attn/Analysis/SparsityPlan.h"
#include "attn/Analysis/StepTest.h"
#include "attn/Analysis/TermRoles.h"
#include "attn/Analysis/WalkPlans.h"
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
      return failed(attachPlan(cascade)) ? WalkResult::interrupt()
                                         : WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

  using Base::Base;
};
} // namespace

/// Says which atoms leave few of the keys that a plan visits, one in `getStep`,
/// but for `walked`, whose keys are no ranges.
static void remarkRemainders(CascadeOp cascade, Attribute walked,
                             function_ref<int64_t(Attribute)> getStep) {
  cascade.getSparsityAttr().walk<WalkOrder::PreOrder>([&](Attribute term) {
    if (term == walked)
      return WalkResult::skip();
    SmallVector<Attribute> atoms{term};
    auto perHead = dyn_cast<PerHeadAttr>(term);
    if (perHead)
      atoms.assign(perHead.getAtoms().begin(), perHead.getAtoms().end());
    auto [least, most] = std::minmax_element(
        atoms.begin(), atoms.end(),
        [&](Attribute a, Attribute b) { return getStep(a) < getStep(b); });
    if (getStep(*most) > 1) {
      InFlightDiagnostic remark =
          cascade.emitRemark() << "loops visit whole ranges of keys, of which "
                               << SparsityAttr::get(cascade.getContext(), term)
                               << " leaves one in " << getStep(*least);
      if (getStep(*least) != getStep(*most))
        remark << " to " << getStep(*most) << ", by head";
    }
    // The atoms of heads are none of their own.
    return perHead ? WalkResult::skip() : WalkResult::advance();
  });
}

/// Of how many keys that rows of `neighborhood` visit as they lie one is live.
static int64_t getStepOfRows(NeighborhoodAttr neighborhood) {
  return llvm::product_of(neighborhood.getDilation());
}

/// The same for all atoms whose keys `roles` leave to ranges. Whether a grid is
/// cut into boxes a mapping says.
static void remarkRemainders(CascadeOp cascade, const TermRoles &roles) {
  if (!cascade.getSparsity())
    return;
  bool mayWalkGrid = findGridWalk(cascade).has_value();
  remarkRemainders(cascade, roles.periodic, [&](Attribute atom) -> int64_t {
    if (auto dilated = dyn_cast<DilatedAttr>(atom))
      return dilated.getStep();
    // Steps are left out where blocks are as long.
    if (auto strided = dyn_cast<StridedAttr>(atom))
      return strided.getBlock() < kShortestRun ? strided.getStep() : 1;
    auto neighborhood = dyn_cast<NeighborhoodAttr>(atom);
    return neighborhood && !mayWalkGrid ? getStepOfRows(neighborhood) : 1;
  });
}

void attn::remarkRowsOfGrid(CascadeOp cascade) {
  if (findGridWalk(cascade))
    remarkRemainders(cascade, /*walked=*/{}, [](Attribute atom) -> int64_t {
      auto neighborhood = dyn_cast<NeighborhoodAttr>(atom);
      return neighborhood ? getStepOfRows(neighborhood) : 1;
    });
}

/// Says which terms have no ranges in a plan: steps and points that the others
/// leave are tested.
static void remarkTested(CascadeOp cascade, const WalkTerms &terms) {
  CascadeSpace space = cascade.getSpace();
  for (Attribute term : terms.unplanned) {
    InFlightDiagnostic remark = cascade.emitRemark("visits all keys");
    if (term == space.sparsity.getExpression())
      remark << ": its live points are a union of more than " << kMaxPieces
             << " parts, and a plan has no more";
    else
      remark << " that the other terms leave: with "
             << SparsityAttr::get(cascade.getContext(), term)
             << " they would be a union of more than " << kMaxPieces
             << " parts, and a plan has no more";
  }
}

/// Says what of a sparsity takes longer than its live points would.
static void remarkRoles(CascadeOp cascade, const TermRoles &roles) {
  CascadeSpace space = cascade.getSpace();
  remarkTested(cascade, roles.terms);
  if (roles.listed)
    remarkTested(cascade, *roles.listed);
  if (llvm::any_of(roles.cuts, llvm::IsaPred<IndicesAttr>))
    cascade.emitRemark("visits each token of a list in a step of its own: the "
                       "list stands under 'not', or beside another list of "
                       "tokens");
  if (llvm::any_of(roles.terms.tested, mixesOrders))
    cascade.emitRemark("tests every point that the other terms leave: 'or' or "
                       "'not' joins atoms 'in permuted' with atoms of tokens");
  else if (space.hasPointAtoms() && !roles.terms.planned &&
           (!(roles.list || roles.periodic || roles.boxes) || roles.listed) &&
           !space.isPacked() && !space.keyLengths && !space.queryLengths)
    cascade.emitRemark("visits every tile: its points are those of a ")
        << (isa<MaskAttr>(space.getPointAtoms().front()) ? "mask" : "predicate")
        << ", and nothing else says where there are none";
}

/// Says what of the plans is empty, or takes longer than its live points would.
static void remarkPlans(CascadeOp cascade, const TermRoles &roles,
                        const WalkPlans &plans) {
  remarkRoles(cascade, roles);
  if (plans.tokenPlan && !roles.list && !roles.periodic && !roles.boxes)
    cascade.emitRemark("tests every point that it visits: '")
        << *cascade.getQueryRank() << "' and '" << *cascade.getKeyRank()
        << "' are walked in permuted order, which lengths and atoms without "
           "'in "
           "permuted' do not read";
  // Two walks are both without a point, or two tests of one are not passed.
  bool isEmpty = plans.plan && isEmptyPlan(plans.plan);
  bool hasNoTokens = plans.tokenPlan && isEmptyPlan(plans.tokenPlan);
  if (roles.listed ? isEmpty && hasNoTokens : isEmpty || hasNoTokens)
    cascade.emitWarning("no point (")
        << *cascade.getQueryRank() << ", " << *cascade.getKeyRank()
        << ") is live, whatever the sizes; reductions over '"
        << *cascade.getKeyRank() << "' give their identities";

  if (plans.plan && plans.plan.getResidues() == 1)
    remarkRemainders(cascade, roles);
}

/// Attaches the plans of the walk that the cascade's mapping says, if it has
/// one.
static LogicalResult attach(CascadeOp cascade, bool saysWhatItCosts) {
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

  // Roles leave to a plan what has a place in it.
  TermRoles roles = chooseTermRoles(cascade);
  FailureOr<WalkPlans> plans = planWalks(cascade, roles);
  if (failed(plans))
    return cascade.emitOpError("cannot be planned: its live points are a union "
                               "of more parts than a plan has");
  if (saysWhatItCosts)
    remarkPlans(cascade, roles, *plans);

  for (IterateOp iterate : iterations) {
    // A plan skips steps without live points.
    bool isPlanned = plans->plan && isEmptyStepNeutral(iterate);
    iterate.setPlanAttr(isPlanned ? plans->plan : PlanAttr());
    iterate.setTokenPlanAttr(isPlanned ? plans->tokenPlan : PlanAttr());
    iterate.setPeriodic(isPlanned && roles.periodic);
    iterate.setBoxes(isPlanned && roles.boxes);
    if (isPlanned) {
      ATTN_DEBUG("plan") << plans->plan << (roles.periodic ? " periodic" : "")
                         << (roles.boxes ? " boxes" : "") << "\n";
    }
  }
  return success();
}

LogicalResult attn::attachPlan(CascadeOp cascade) {
  return attach(cascade, /*saysWhatItCosts=*/true);
}

LogicalResult attn::attachPlanOfMapping(CascadeOp cascade) {
  return attach(cascade, /*saysWhatItCosts=*/false);
}
