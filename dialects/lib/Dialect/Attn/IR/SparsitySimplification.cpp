//===- SparsitySimplification.cpp - Shorter sparsity expressions ----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every rule is an identity of sets of points, so that a simplified operator
// has the same live points and the same bits. Within this file a null
// expression is live everywhere and `prefix(0)` is live nowhere.
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/Attn.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::attn;

static bool isNowhere(Attribute expression) {
  auto prefix = dyn_cast_or_null<PrefixAttr>(expression);
  return prefix && prefix.getLength() == 0;
}

static Attribute getNowhere(MLIRContext *context) {
  return PrefixAttr::get(context, 0);
}

static Attribute negate(Attribute expression) {
  if (auto negation = dyn_cast<NotAttr>(expression))
    return negation.getTerm();
  return NotAttr::get(expression.getContext(), expression);
}

/// Puts `merged` where the first of the terms of the type `AttrT` stands, and
/// drops the others.
template <typename AttrT>
static void replaceAll(SmallVectorImpl<Attribute> &terms, Attribute merged) {
  auto *first =
      llvm::find_if(terms, [](Attribute term) { return isa<AttrT>(term); });
  *first = merged;
  terms.erase(std::remove_if(first + 1, terms.end(),
                             [](Attribute term) { return isa<AttrT>(term); }),
              terms.end());
}

/// Joins the atoms that bound one quantity: the distance n - pos(m) for windows
/// and causal, n for prefixes. Windows all hold the distance 0, so that their
/// union is a window, too.
static void mergeAtoms(SmallVectorImpl<Attribute> &terms, bool isAnd) {
  if (terms.empty())
    return;
  MLIRContext *context = terms.front().getContext();
  auto choose = [&](int64_t a, int64_t b) {
    return isAnd ? std::min(a, b) : std::max(a, b);
  };
  std::optional<std::pair<int64_t, int64_t>> window;
  std::optional<int64_t> prefix;
  bool hasCausal = false;
  for (Attribute term : terms) {
    if (auto atom = dyn_cast<WindowAttr>(term))
      window = window ? std::pair(choose(window->first, atom.getLeft()),
                                  choose(window->second, atom.getRight()))
                      : std::pair(atom.getLeft(), atom.getRight());
    else if (auto atom = dyn_cast<PrefixAttr>(term))
      prefix = prefix ? choose(*prefix, atom.getLength()) : atom.getLength();
    else
      hasCausal |= isa<CausalAttr>(term);
  }
  if (window && hasCausal && isAnd)
    window->second = 0;
  bool causalIsImplied = window && hasCausal && isAnd;
  bool windowIsImplied = window && hasCausal && !isAnd && window->second == 0;
  if (window)
    replaceAll<WindowAttr>(
        terms, WindowAttr::get(context, window->first, window->second));
  if (prefix)
    replaceAll<PrefixAttr>(terms, PrefixAttr::get(context, *prefix));
  llvm::erase_if(terms, [&](Attribute term) {
    return (causalIsImplied && isa<CausalAttr>(term)) ||
           (windowIsImplied && isa<WindowAttr>(term));
  });
}

/// Drops terms that another term makes redundant: `a and (a or b)` is a, and
/// `a or (a and b)` is a.
template <typename DualT>
static void absorb(SmallVectorImpl<Attribute> &terms) {
  SmallVector<Attribute> all(terms.begin(), terms.end());
  llvm::erase_if(terms, [&](Attribute term) {
    auto dual = dyn_cast<DualT>(term);
    return dual && llvm::any_of(dual.getTerms(), [&](Attribute inner) {
             return llvm::is_contained(all, inner);
           });
  });
}

/// `AttrT` is the connective and `DualT` the other one.
template <typename AttrT, typename DualT>
static Attribute simplifyConnective(AttrT expression) {
  constexpr bool isAnd = std::is_same_v<AttrT, AndAttr>;
  MLIRContext *context = expression.getContext();
  Attribute nowhere = getNowhere(context);
  SmallVector<Attribute> terms;
  auto add = [&](Attribute term) {
    if (!llvm::is_contained(terms, term))
      terms.push_back(term);
  };
  for (Attribute term : expression.getTerms()) {
    Attribute simple = simplifySparsity(term);
    // The neutral term goes, the other constant decides.
    if (!simple || isNowhere(simple)) {
      if ((simple != nullptr) == isAnd)
        return simple;
      continue;
    }
    if (auto nested = dyn_cast<AttrT>(simple))
      llvm::for_each(nested.getTerms(), add);
    else
      add(simple);
  }
  mergeAtoms(terms, isAnd);
  absorb<DualT>(terms);
  for (Attribute term : terms)
    if (llvm::is_contained(terms, negate(term)))
      return isAnd ? nowhere : Attribute();
  if (terms.empty())
    return isAnd ? Attribute() : nowhere;
  if (terms.size() == 1)
    return terms.front();
  return AttrT::get(context, terms);
}

/// Whether `atom` leaves every point, whatever the positions: a step of one, a
/// window further than any position.
static bool isEverywhere(Attribute atom) {
  std::optional<AtomDefinition> definition = getAtomDefinition(atom);
  return definition &&
         llvm::any_of(definition->sets, [](ArrayRef<AffineExpr> set) {
           return llvm::all_of(set, [](AffineExpr constraint) {
             auto constant = dyn_cast<AffineConstantExpr>(constraint);
             return constant && constant.getValue() >= 0;
           });
         });
}

Attribute attn::simplifySparsity(Attribute expression) {
  return llvm::TypeSwitch<Attribute, Attribute>(expression)
      .Case([](AndAttr conjunction) {
        return simplifyConnective<AndAttr, OrAttr>(conjunction);
      })
      .Case([](OrAttr disjunction) {
        return simplifyConnective<OrAttr, AndAttr>(disjunction);
      })
      .Case([](NotAttr negation) -> Attribute {
        Attribute term = simplifySparsity(negation.getTerm());
        if (!term)
          return getNowhere(negation.getContext());
        if (isNowhere(term))
          return {};
        return negate(term);
      })
      .Case([](PermutedAttr permuted) {
        return simplifySparsity(permuted.getTerm()) ? permuted : Attribute();
      })
      .Default([](Attribute atom) {
        return isEverywhere(atom) ? Attribute() : atom;
      });
}
