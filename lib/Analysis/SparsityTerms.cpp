//===- SparsityTerms.cpp - What is walked, planned and tested -------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/SparsityTerms.h"

using namespace mlir;
using namespace mlir::attn;

/// Whether `term` has atoms that are data at each point.
static bool hasPointAtoms(Attribute term) {
  return !SparsityAttr::get(term.getContext(), term).getPointAtoms().empty();
}

/// An expression of positions alone that is live wherever `term` may be, or its
/// complement where `isNegated`. Null is live everywhere: so is a mask or a
/// predicate, negated or not, for all that is known of it.
static Attribute relax(Attribute term, bool isNegated) {
  MLIRContext *context = term.getContext();
  if (!hasPointAtoms(term))
    return isNegated ? Attribute(NotAttr::get(context, term)) : term;
  if (auto negation = dyn_cast<NotAttr>(term))
    return relax(negation.getTerm(), !isNegated);
  ArrayRef<Attribute> terms;
  if (auto conjunction = dyn_cast<AndAttr>(term))
    terms = conjunction.getTerms();
  if (auto disjunction = dyn_cast<OrAttr>(term))
    terms = disjunction.getTerms();
  // What is left is the atom itself.
  bool isAnd = isa<AndAttr>(term) != isNegated;
  SmallVector<Attribute> relaxed;
  for (Attribute inner : terms)
    if (Attribute left = relax(inner, isNegated))
      relaxed.push_back(left);
    else if (!isAnd)
      return {};
  if (relaxed.size() < 2)
    return relaxed.empty() ? Attribute() : relaxed.front();
  return isAnd ? Attribute(AndAttr::get(context, relaxed))
               : OrAttr::get(context, relaxed);
}

/// Whether some atom of `term` reads slots, and whether some reads tokens.
static std::pair<bool, bool> findReaders(Attribute term) {
  if (isa<PermutedAttr>(term))
    return {true, false};
  SmallVector<Attribute> inner;
  if (auto conjunction = dyn_cast<AndAttr>(term))
    llvm::append_range(inner, conjunction.getTerms());
  else if (auto disjunction = dyn_cast<OrAttr>(term))
    llvm::append_range(inner, disjunction.getTerms());
  else if (auto negation = dyn_cast<NotAttr>(term))
    inner.push_back(negation.getTerm());
  else
    return {false, true};
  std::pair<bool, bool> found(false, false);
  for (Attribute one : inner) {
    auto [slots, tokens] = findReaders(one);
    found.first |= slots;
    found.second |= tokens;
  }
  return found;
}

bool attn::mixesOrders(Attribute term) {
  return findReaders(term) == std::pair(true, true);
}

/// The lists that `term` names.
static SmallVector<Attribute> getLists(Attribute term) {
  return SparsityAttr::get(term.getContext(), term).getListAtoms();
}

FailureOr<SparsityTerms> attn::splitTerms(Attribute expression) {
  SparsityTerms split;
  if (!expression)
    return split;
  for (Attribute list : getLists(expression)) {
    if (split.list && split.list != list)
      return failure();
    split.list = list;
  }
  SmallVector<Attribute> terms{expression}, planned;
  if (auto conjunction = dyn_cast<AndAttr>(expression))
    terms.assign(conjunction.getTerms().begin(), conjunction.getTerms().end());
  split.visitsGaps = llvm::any_of(terms, [&](Attribute term) {
    return term != split.list && !getLists(term).empty();
  });
  // Between listed tokens there is no range to walk.
  if (split.visitsGaps && isa<IndicesAttr>(split.list))
    return failure();
  for (Attribute term : terms) {
    if (term == split.list && !split.visitsGaps)
      continue;
    if (hasPointAtoms(term) || mixesOrders(term)) {
      split.tested.push_back(term);
      term = relax(term, /*isNegated=*/false);
      // A range of slots may have any tokens.
      if (term && mixesOrders(term))
        term = {};
    }
    if (term)
      planned.push_back(term);
  }
  if (planned.size() == 1)
    split.planned = planned.front();
  else if (!planned.empty())
    split.planned = AndAttr::get(expression.getContext(), planned);
  return split;
}
