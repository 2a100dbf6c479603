//===- WalkPlans.cpp - Plans of the walks over keys -----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/WalkPlans.h"
#include "attn/Analysis/ResidueClasses.h"
#include "attn/Analysis/SparsityPlan.h"

using namespace mlir;
using namespace mlir::attn;

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

FailureOr<WalkPlans> attn::planWalks(CascadeOp cascade,
                                     const TermRoles &roles) {
  MLIRContext *context = cascade.getContext();
  CascadeSpace space = cascade.getSpace();
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
  WalkPlans plans;
  if (ofTokens) {
    FailureOr<PlanAttr> tokenPlan = planSparsity(context, *ofTokens);
    if (failed(tokenPlan))
      return failure();
    plans.tokenPlan = *tokenPlan;
  }
  std::optional<ResidueClasses> classes;
  if (roles.terms.tested.empty() && !roles.boxes)
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
  FailureOr<PlanAttr> plan = planSparsity(context, restriction);
  if (failed(plan))
    return failure();
  plans.plan = *plan;
  if (classes)
    plans.plan =
        PlanAttr::get(context, plan->getSymbols(), plan->getPieces(),
                      plan->getValues(), plan->getTables(), classes->residues);
  return plans;
}
