//===- PlanSparsity.cpp - Attach key ranges to iterative ranks ------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/EmptyStep.h"
#include "attn/Analysis/GridWalk.h"
#include "attn/Analysis/ResidueClasses.h"
#include "attn/Analysis/SparsityPlan.h"
#include "attn/Analysis/StepTest.h"
#include "attn/Analysis/TermRoles.h"
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

/// Says which atoms leave few of the keys that a plan visits.
static void remarkRemainders(CascadeOp cascade, const TermRoles &roles) {
  if (!cascade.getSparsity())
    return;
  bool mayWalkGrid = findGridWalk(cascade).has_value();
  auto getStep = [&](Attribute atom) -> int64_t {
    if (auto dilated = dyn_cast<DilatedAttr>(atom))
      return dilated.getStep();
    // Steps are left out where blocks are as long.
    if (auto strided = dyn_cast<StridedAttr>(atom))
      return strided.getBlock() < kShortestRun ? strided.getStep() : 1;
    auto neighborhood = dyn_cast<NeighborhoodAttr>(atom);
    if (neighborhood && !mayWalkGrid)
      return llvm::product_of(neighborhood.getDilation());
    return 1;
  };
  cascade.getSparsityAttr().walk<WalkOrder::PreOrder>([&](Attribute term) {
    if (term == roles.periodic)
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

/// Says which terms every point of a walk is tested against that the others
/// leave.
static void remarkTested(CascadeOp cascade, const WalkTerms &terms) {
  CascadeSpace space = cascade.getSpace();
  for (Attribute term : terms.unplanned) {
    InFlightDiagnostic remark = cascade.emitRemark("tests every point");
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
           (!(roles.list || roles.periodic) || roles.listed) &&
           !space.isPacked() && !space.keyLengths && !space.queryLengths)
    cascade.emitRemark("visits every tile: its points are those of a ")
        << (isa<MaskAttr>(space.getPointAtoms().front()) ? "mask" : "predicate")
        << ", and nothing else says where there are none";
}

/// What a plan knows of the cascade's points, of which it has `terms`.
static PlaneRestriction getRestriction(const CascadeSpace &space,
                                       const TermRoles &roles,
                                       const WalkTerms &terms) {
  PlaneRestriction restriction;
  restriction.expression = terms.planned;
  restriction.cuts = roles.cuts;
  if (space.alignment)
    restriction.alignment = space.alignment.getValue();
  restriction.hasKeyOrigin = space.getOrigin(space.keyRank) != nullptr;
  restriction.hasDiagonal = space.offset || space.getOrigin(space.queryRank) ||
                            restriction.hasKeyOrigin;
  restriction.hasKeyLengths = space.keyLengths != nullptr;
  restriction.hasQueryLengths = space.queryLengths != nullptr;
  restriction.isPart =
      space.isPacked() || roles.hasLists() || !terms.tested.empty();
  return restriction;
}

LogicalResult attn::attachPlan(CascadeOp cascade) {
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
  auto planOf = [&](const PlaneRestriction &restriction) {
    FailureOr<PlanAttr> plan = planSparsity(cascade.getContext(), restriction);
    if (failed(plan))
      cascade.emitOpError("cannot be planned: its live points are a union of "
                          "more parts than a plan has");
    return plan;
  };
  CascadeSpace space = cascade.getSpace();
  TermRoles roles = chooseTermRoles(cascade);
  remarkRoles(cascade, roles);

  PlaneRestriction restriction = getRestriction(space, roles, roles.terms);
  // Where tokens are permuted, slots are planned, and tokens tested. The slots
  // of a list of tokens are their numbers in it: those of planned tokens are
  // searched. Ranges beside it are planned.
  std::optional<PlaneRestriction> ofTokens;
  if (roles.listed) {
    ofTokens = getRestriction(space, roles, *roles.listed);
    ofTokens->isPart = !roles.listed->tested.empty();
  } else if (roles.walksTokens()) {
    ofTokens = restriction;
    ofTokens->isPart = !roles.terms.tested.empty();
    restriction = PlaneRestriction();
    restriction.isPart = true;
  } else if (space.readsSlots()) {
    ofTokens = restriction;
    std::tie(restriction.expression, ofTokens->expression) =
        splitOrders(roles.terms.planned);
    bool hasLengths = restriction.hasKeyLengths || restriction.hasQueryLengths;
    restriction.hasDiagonal |=
        hasLengths && restriction.alignment == Alignment::BottomRight;
    restriction.hasKeyLengths = restriction.hasQueryLengths = false;
    ofTokens->isPart = false;
  }
  PlanAttr tokenPlan;
  if (ofTokens) {
    FailureOr<PlanAttr> test = planOf(*ofTokens);
    if (failed(test))
      return failure();
    tokenPlan = *test;
  }
  std::optional<ResidueClasses> classes;
  if (roles.terms.tested.empty())
    classes = findResidueClasses(cascade);
  // An expression may hold everywhere.
  restriction.isPart |= space.restricts();
  if (classes) {
    // Where the position of a plane's row 0 falls is another number for each.
    restriction.expression = classes->expression;
    restriction.hasDiagonal = true;
    restriction.hasKeyOrigin = false;
    restriction.isPart = true;
  }
  FailureOr<PlanAttr> plan = planOf(restriction);
  if (failed(plan))
    return failure();
  if (classes)
    plan = PlanAttr::get(cascade.getContext(), plan->getSymbols(),
                         plan->getPieces(), plan->getValues(),
                         plan->getTables(), classes->residues);
  if (tokenPlan && !roles.list && !roles.periodic)
    cascade.emitRemark("tests every point that it visits: '")
        << *cascade.getQueryRank() << "' and '" << *cascade.getKeyRank()
        << "' are walked in permuted order, which lengths and atoms without "
           "'in "
           "permuted' do not read";
  // Two walks are both without a point, or two tests of one are not passed.
  bool isEmpty = *plan && isEmptyPlan(*plan);
  bool hasNoTokens = tokenPlan && isEmptyPlan(tokenPlan);
  if (roles.listed ? isEmpty && hasNoTokens : isEmpty || hasNoTokens)
    cascade.emitWarning("no point (")
        << *cascade.getQueryRank() << ", " << *cascade.getKeyRank()
        << ") is live, whatever the sizes; reductions over '"
        << *cascade.getKeyRank() << "' give their identities";

  if (*plan && !classes)
    remarkRemainders(cascade, roles);

  for (IterateOp iterate : iterations) {
    // A plan skips steps without live points.
    if (*plan && isEmptyStepNeutral(iterate)) {
      ATTN_DEBUG("plan") << *plan << (roles.periodic ? " periodic" : "")
                         << "\n";
      iterate.setPlanAttr(*plan);
      iterate.setTokenPlanAttr(tokenPlan);
      iterate.setPeriodic(roles.periodic != nullptr);
    } else {
      iterate.removePlanAttr();
      iterate.removeTokenPlanAttr();
      iterate.removePeriodicAttr();
    }
  }
  return success();
}
