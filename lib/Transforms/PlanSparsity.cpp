//===- PlanSparsity.cpp - Attach key ranges to iterative ranks ------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/EmptyStep.h"
#include "attn/Analysis/ResidueClasses.h"
#include "attn/Analysis/SparsityPlan.h"
#include "attn/Analysis/SparsityTerms.h"
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

/// Splits a sparsity into what reads slots, without 'in permuted', and what
/// reads tokens; each is null where there is no such.
static void splitBySlots(Attribute expression, Attribute &slots,
                         Attribute &tokens) {
  slots = tokens = Attribute();
  if (!expression)
    return;
  SmallVector<Attribute> terms{expression}, slotTerms, tokenTerms;
  if (auto conjunction = dyn_cast<AndAttr>(expression))
    terms.assign(conjunction.getTerms().begin(), conjunction.getTerms().end());
  for (Attribute term : terms)
    (SparsityAttr::get(term.getContext(), term).readsSlots() ? slotTerms
                                                             : tokenTerms)
        .push_back(term);
  AttrTypeReplacer strip;
  strip.addReplacement(
      [](PermutedAttr permuted) -> Attribute { return permuted.getTerm(); });
  auto join = [&](ArrayRef<Attribute> list) -> Attribute {
    if (list.size() < 2)
      return list.empty() ? Attribute() : list.front();
    return AndAttr::get(expression.getContext(), list);
  };
  slots = join(slotTerms);
  tokens = join(tokenTerms);
  if (slots)
    slots = strip.replace(slots);
}

/// Says which atoms leave few of the keys that a plan visits.
static void remarkRemainders(CascadeOp cascade) {
  if (!cascade.getSparsity())
    return;
  auto getStep = [](Attribute atom) -> int64_t {
    if (auto dilated = dyn_cast<DilatedAttr>(atom))
      return dilated.getStep();
    if (auto strided = dyn_cast<StridedAttr>(atom))
      return strided.getStep();
    return 1;
  };
  cascade.getSparsityAttr().walk<WalkOrder::PreOrder>([&](Attribute term) {
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
  restriction.isPart = space.isPacked();
  auto emitError = [&] {
    return optional ? cascade.emitRemark("cannot be planned: ")
                    : cascade.emitOpError("cannot be planned: ");
  };
  FailureOr<SparsityTerms> split = splitTerms(restriction.expression);
  if (failed(split)) {
    emitError() << "lists of keys are walked one at a time, and one of tokens "
                   "by a term of the outermost 'and'";
    return success(optional);
  }
  restriction.expression = split->planned;
  restriction.isPart |= split->list || !split->tested.empty();
  if (llvm::any_of(split->tested, mixesOrders))
    cascade.emitRemark("tests every point that the other terms leave: 'or' or "
                       "'not' joins atoms 'in permuted' with atoms of tokens");
  else if (!split->tested.empty() && !split->planned && !split->list &&
           !space.isPacked() && !restriction.hasKeyLengths &&
           !restriction.hasQueryLengths)
    cascade.emitRemark("visits every tile: its points are those of a ")
        << (isa<MaskAttr>(space.getPointAtoms().front()) ? "mask" : "predicate")
        << ", and nothing else says where there are none";
  // Where tokens are permuted, slots are planned, and tokens tested. The slots
  // of a list of tokens are their numbers in it.
  PlanAttr tokenPlan;
  if (isa_and_nonnull<IndicesAttr>(split->list)) {
    PlaneRestriction ofTokens(restriction);
    ofTokens.isPart = false;
    FailureOr<PlanAttr> test =
        planSparsity(cascade.getContext(), ofTokens, emitError);
    if (failed(test))
      return success(optional);
    tokenPlan = *test;
    restriction = PlaneRestriction();
    restriction.isPart = true;
  }
  if (space.readsSlots()) {
    PlaneRestriction ofTokens(restriction);
    ofTokens.isPart = false;
    Attribute expression = restriction.expression;
    splitBySlots(expression, restriction.expression, ofTokens.expression);
    bool hasLengths = restriction.hasKeyLengths || restriction.hasQueryLengths;
    restriction.hasDiagonal |=
        hasLengths && restriction.alignment == Alignment::BottomRight;
    restriction.hasKeyLengths = restriction.hasQueryLengths = false;
    FailureOr<PlanAttr> test =
        planSparsity(cascade.getContext(), ofTokens, emitError);
    if (failed(test))
      return success(optional);
    tokenPlan = *test;
  }
  std::optional<ResidueClasses> classes = findResidueClasses(cascade);
  if (classes) {
    // Where the position of a plane's row 0 falls is another number for each.
    restriction.expression = classes->expression;
    restriction.hasDiagonal = true;
    restriction.hasKeyOrigin = false;
    restriction.isPart = true;
  }
  FailureOr<PlanAttr> plan =
      planSparsity(cascade.getContext(), restriction, emitError);
  if (failed(plan))
    return success(optional);
  if (classes)
    plan = PlanAttr::get(cascade.getContext(), plan->getSymbols(),
                         plan->getPieces(), plan->getValues(),
                         plan->getTables(), classes->residues);
  if (tokenPlan && split->list)
    cascade.emitRemark("tests every key of the lists, which lengths and other "
                       "atoms do not shorten");
  else if (tokenPlan)
    cascade.emitRemark("tests every point that it visits: '")
        << *cascade.getQueryRank() << "' and '" << *cascade.getKeyRank()
        << "' are walked in permuted order, which lengths and atoms without "
           "'in "
           "permuted' do not read";
  if ((*plan && isEmptyPlan(*plan)) || (tokenPlan && isEmptyPlan(tokenPlan)))
    cascade.emitWarning("no point (")
        << *cascade.getQueryRank() << ", " << *cascade.getKeyRank()
        << ") is live, whatever the sizes; reductions over '"
        << *cascade.getKeyRank() << "' give their identities";

  if (*plan && !classes)
    remarkRemainders(cascade);

  for (IterateOp iterate : iterations) {
    // A plan skips steps without live points.
    if (*plan && isEmptyStepNeutral(iterate)) {
      ATTN_DEBUG("plan") << *plan << "\n";
      iterate.setPlanAttr(*plan);
      iterate.setTokenPlanAttr(tokenPlan);
    } else {
      iterate.removePlanAttr();
      iterate.removeTokenPlanAttr();
    }
  }
  return success();
}
