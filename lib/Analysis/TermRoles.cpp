//===- TermRoles.cpp - What is walked, planned and tested -----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/TermRoles.h"
#include "LiveSet.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Analysis/GridWalk.h"
#include "attn/Analysis/PeriodicKeys.h"
#include "attn/Analysis/ResidueClasses.h"
#include "llvm/ADT/Sequence.h"
#include <numeric>

using namespace mlir;
using namespace mlir::attn;

/// The terms of a connective; none of an atom.
static SmallVector<Attribute> getInnerTerms(Attribute term) {
  if (auto conjunction = dyn_cast<AndAttr>(term))
    return llvm::to_vector(conjunction.getTerms());
  if (auto disjunction = dyn_cast<OrAttr>(term))
    return llvm::to_vector(disjunction.getTerms());
  if (auto negation = dyn_cast<NotAttr>(term))
    return {negation.getTerm()};
  return {};
}

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
  SmallVector<Attribute> inner = getInnerTerms(term);
  if (inner.empty())
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

/// The terms of the outermost `and`.
static SmallVector<Attribute> getTerms(Attribute expression) {
  if (auto conjunction = dyn_cast<AndAttr>(expression))
    return llvm::to_vector(conjunction.getTerms());
  return {expression};
}

/// The conjunction of `terms`, null if there are none.
static Attribute join(ArrayRef<Attribute> terms) {
  if (terms.size() < 2)
    return terms.empty() ? Attribute() : terms.front();
  return AndAttr::get(terms.front().getContext(), terms);
}

std::pair<Attribute, Attribute> attn::splitOrders(Attribute expression) {
  if (!expression)
    return {};
  SmallVector<Attribute> slots, tokens;
  for (Attribute term : getTerms(expression))
    (SparsityAttr::get(term.getContext(), term).readsSlots() ? slots : tokens)
        .push_back(term);
  AttrTypeReplacer strip;
  strip.addReplacement(
      [](PermutedAttr permuted) -> Attribute { return permuted.getTerm(); });
  Attribute ofSlots = join(slots);
  return {ofSlots ? strip.replace(ofSlots) : ofSlots, join(tokens)};
}

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

/// A number of parts of a union that is never exceeded, or more than a plan
/// has, where none is simplified.
static int64_t countParts(Attribute term, bool isNegated) {
  constexpr int64_t kMany = kMaxPieces + 1;
  if (auto permuted = dyn_cast<PermutedAttr>(term))
    return countParts(permuted.getTerm(), isNegated);
  if (auto negation = dyn_cast<NotAttr>(term))
    return countParts(negation.getTerm(), !isNegated);
  int64_t sum = 0, product = 1;
  auto add = [&](int64_t count) {
    sum = std::min(sum + count, kMany);
    product = std::min(product * std::max<int64_t>(count, 1), kMany);
  };
  if (isa<AndAttr, OrAttr>(term)) {
    bool isAnd = isa<AndAttr>(term) != isNegated;
    for (Attribute inner : isa<AndAttr>(term) ? cast<AndAttr>(term).getTerms()
                                              : cast<OrAttr>(term).getTerms())
      add(countParts(inner, isNegated));
    return isAnd ? product : sum;
  }
  std::optional<AtomDefinition> definition = getAtomDefinition(term);
  if (!definition)
    return 1;
  // What is outside of a set fails one of its constraints.
  for (ArrayRef<AffineExpr> set : definition->sets)
    add(isNegated ? set.size() : 1);
  return isNegated ? product : sum;
}

/// Whether a plan has as many parts as there are of `expression`, wherever
/// positions and lengths begin and end.
static bool fitsPlan(Attribute expression) {
  if (countParts(expression, /*isNegated=*/false) <= kMaxPieces)
    return true;
  auto [slots, tokens] = splitOrders(expression);
  return llvm::all_of(ArrayRef{slots, tokens}, [](Attribute part) {
    PlaneRestriction restriction;
    restriction.expression = part;
    if (part)
      restriction.cuts = getLists(part);
    restriction.hasDiagonal = restriction.hasKeyOrigin = true;
    restriction.hasKeyLengths = true;
    return !part || succeeded(buildLiveSet(restriction));
  });
}

/// Those of `terms` that a plan has room for, by number: all, or those with the
/// fewest parts. In another order a conjunction of them may have more parts
/// than a plan has before the last of them leaves few.
static SmallVector<size_t> chooseFitting(ArrayRef<Attribute> terms) {
  auto order = llvm::to_vector(llvm::seq<size_t>(0, terms.size()));
  if (terms.empty() || fitsPlan(join(terms)))
    return order;
  llvm::stable_sort(order, [&](size_t a, size_t b) {
    return countParts(terms[a], false) < countParts(terms[b], false);
  });
  SmallVector<size_t> fitting;
  SmallVector<Attribute> kept;
  for (size_t index : order) {
    kept.push_back(terms[index]);
    if (fitsPlan(join(kept)))
      fitting.push_back(index);
    else
      kept.pop_back();
  }
  return fitting;
}

//===----------------------------------------------------------------------===//
// Roles
//===----------------------------------------------------------------------===//

/// Whether `term` is or joins `atom`.
static bool names(Attribute term, Attribute atom) {
  return term == atom ||
         llvm::any_of(getInnerTerms(term),
                      [&](Attribute inner) { return names(inner, atom); });
}

/// A term where it is known whether keys are listed: nothing if it holds
/// nowhere, and null if it holds everywhere.
using Known = std::optional<Attribute>;

/// The window of a dilated atom, of each head where it is by head.
static Attribute toWindow(Attribute atom) {
  if (auto dilated = dyn_cast<DilatedAttr>(atom))
    return WindowAttr::get(atom.getContext(), dilated.getWindow(),
                           dilated.getWindow());
  auto perHead = cast<PerHeadAttr>(atom);
  SmallVector<Attribute> windows =
      llvm::map_to_vector(perHead.getAtoms(), toWindow);
  if (llvm::all_equal(windows))
    return windows.front();
  return PerHeadAttr::get(atom.getContext(), windows, perHead.getRanks(),
                          perHead.getStrides());
}

static Known assume(Attribute term, Attribute list, bool isListed) {
  // Of the keys of a row's remainder those of the window are live.
  if (term == list && !getDilatedSteps(list).empty())
    return isListed ? Known(toWindow(list)) : std::nullopt;
  if (term == list)
    return isListed ? Known(Attribute()) : std::nullopt;
  if (!names(term, list))
    return term;
  MLIRContext *context = term.getContext();
  if (auto negation = dyn_cast<NotAttr>(term)) {
    Known inner = assume(negation.getTerm(), list, isListed);
    if (inner && *inner)
      return NotAttr::get(context, *inner);
    return inner ? std::nullopt : Known(Attribute());
  }
  bool isAnd = isa<AndAttr>(term);
  SmallVector<Attribute> left;
  for (Attribute inner :
       isAnd ? cast<AndAttr>(term).getTerms() : cast<OrAttr>(term).getTerms()) {
    Known known = assume(inner, list, isListed);
    bool isOpen = known && *known;
    if (isOpen)
      left.push_back(*known);
    else if (known.has_value() != isAnd)
      return known;
  }
  if (left.empty())
    return isAnd ? Known(Attribute()) : std::nullopt;
  if (left.size() == 1)
    return left.front();
  return isAnd ? Attribute(AndAttr::get(context, left))
               : OrAttr::get(context, left);
}

/// Whether no key is dead because `list` names it: the list stands under no odd
/// number of negations.
static bool isMonotone(Attribute term, Attribute list, bool isNegated) {
  if (term == list)
    return !isNegated;
  return llvm::all_of(getInnerTerms(term), [&](Attribute inner) {
    return isMonotone(inner, list, isNegated != isa<NotAttr>(term));
  });
}

/// Appends the terms of a conjunction that holds where `term` does not.
static void appendNegated(Attribute term, SmallVectorImpl<Attribute> &terms) {
  if (auto negation = dyn_cast<NotAttr>(term))
    llvm::append_range(terms, getTerms(negation.getTerm()));
  else if (auto disjunction = dyn_cast<OrAttr>(term))
    for (Attribute inner : disjunction.getTerms())
      appendNegated(inner, terms);
  else
    terms.push_back(NotAttr::get(term.getContext(), term));
}

namespace {
/// What keys of a list are live for, null if all are, and what keys of ranges
/// are, null if there are no ranges.
struct WalkedKeys {
  Attribute listed, ranges;
};
} // namespace

/// The keys of a walk over `list` and of one over ranges, where the former
/// finds what is live for being listed. Nothing if there is no such walk.
static std::optional<WalkedKeys> splitByList(Attribute expression,
                                             Attribute list) {
  // What does not name the list holds for its keys and for others.
  SmallVector<Attribute> common, own;
  for (Attribute term : getTerms(expression))
    (names(term, list) ? own : common).push_back(term);
  Attribute term = join(own);
  Known inside = assume(term, list, /*isListed=*/true);
  Known outside = assume(term, list, /*isListed=*/false);
  if (!inside || (outside && !*outside))
    return std::nullopt;
  SmallVector<Attribute> listed(common);
  if (*inside)
    llvm::append_range(listed, getTerms(*inside));
  if (!outside)
    return WalkedKeys{join(listed), {}};
  // A block is a range; and a key that is dead for being listed would have to
  // be left out of ranges.
  if (isa<BlocksAttr>(list) || !isMonotone(term, list, /*isNegated=*/false))
    return std::nullopt;
  appendNegated(*outside, listed);
  SmallVector<Attribute> ranges(common);
  llvm::append_range(ranges, getTerms(*outside));
  return WalkedKeys{join(listed), join(ranges)};
}

int64_t TermRoles::getListRows() const {
  SmallVector<Attribute> lists(cuts);
  if (list)
    lists.push_back(list);
  int64_t rows = 0;
  for (Attribute atom : lists) {
    auto blocks = dyn_cast<BlocksAttr>(atom);
    rows = std::gcd(rows, blocks ? blocks.getRows()
                                 : cast<IndicesAttr>(atom).getGroup());
  }
  return rows;
}

/// What the terms of `expression`, which may be null, say to a walk.
static WalkTerms assignTerms(Attribute expression) {
  WalkTerms roles;
  if (!expression)
    return roles;
  SmallVector<Attribute> terms = getTerms(expression);
  // What terms say about ranges, and which they are.
  SmallVector<Attribute> planned, plannedOf;
  for (Attribute term : terms) {
    Attribute part = term;
    if (hasPointAtoms(term) || mixesOrders(term)) {
      roles.tested.push_back(term);
      part = relax(term, /*isNegated=*/false);
      // A range of slots may have any tokens.
      if (part && mixesOrders(part))
        part = {};
    }
    if (!part)
      continue;
    planned.push_back(part);
    plannedOf.push_back(term);
  }
  SmallVector<size_t> fitting = chooseFitting(planned);
  for (auto [index, term] : llvm::enumerate(plannedOf)) {
    if (llvm::is_contained(fitting, index))
      continue;
    roles.unplanned.push_back(term);
    if (!llvm::is_contained(roles.tested, term))
      roles.tested.push_back(term);
  }
  roles.planned = join(llvm::map_to_vector(
      fitting, [&](size_t index) { return planned[index]; }));
  return roles;
}

/// Gives `roles` the terms of a walk over tokens, and of one over ranges.
static void assignWalks(const WalkedKeys &keys, TermRoles &roles) {
  roles.terms = assignTerms(keys.ranges ? keys.ranges : keys.listed);
  if (keys.ranges)
    roles.listed = assignTerms(keys.listed);
}

TermRoles attn::assignTermRoles(Attribute expression) {
  TermRoles roles;
  if (!expression)
    return roles;
  // The keys of one list, and ranges that all others cut. One of tokens serves
  // best, which are steps of one key between cuts.
  SmallVector<Attribute> lists = getLists(expression);
  for (Attribute list : lists) {
    if (lists.size() > 1 && isa<BlocksAttr>(list))
      continue;
    std::optional<WalkedKeys> keys = splitByList(expression, list);
    if (!keys)
      continue;
    roles.list = list;
    assignWalks(*keys, roles);
    llvm::copy_if(lists, std::back_inserter(roles.cuts), [&](Attribute other) {
      return (keys->listed && names(keys->listed, other)) ||
             (keys->ranges && names(keys->ranges, other));
    });
    return roles;
  }
  roles.cuts = lists;
  roles.terms = assignTerms(expression);
  return roles;
}

/// The atoms of `term` whose keys are scattered, for every row or for the rows
/// of one remainder, each once.
static void findScattered(Attribute term, SmallVectorImpl<Attribute> &found) {
  for (Attribute inner : getInnerTerms(term))
    findScattered(inner, found);
  bool isScattered = llvm::any_of(getDilatedSteps(term),
                                  [](int64_t step) { return step > 1; });
  if ((isScattered || areScattered(getPeriodicKeys(term))) &&
      !llvm::is_contained(found, term))
    found.push_back(term);
}

/// The part of all keys that the heads of an atom have, together; of those that
/// differ by row all, since other atoms are walked by any rows.
static double getPart(Attribute atom) {
  if (!getDilatedSteps(atom).empty())
    return 1;
  double part = 0;
  for (const PeriodicKeys &keys : getPeriodicKeys(atom))
    part += static_cast<double>(keys.length) / keys.period;
  return part / getPeriodicKeys(atom).size();
}

/// Whether ranges may be walked behind the keys of `atom`. Rows of one
/// remainder lie so far apart that a tile sees the keys of more ranges than
/// rows next to each other do.
static bool outweighsRanges(Attribute atom) {
  constexpr int64_t kRows = 48;
  double windows = 0, steps = 0;
  atom.walk([&](DilatedAttr dilated) {
    windows += dilated.getWindow();
    steps += dilated.getStep();
  });
  return windows >= kRows * steps;
}

/// Whether some einsum asks which step of `loop` it is in, or at which point of
/// a step.
static bool asksForSteps(IterateOp loop) {
  return loop
      .walk([&](IndexOp index) {
        bool isStep = index.getRankAttr() == loop.getRankAttr() ||
                      index.getRankAttr() == loop.getPointAttr();
        return isStep ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

/// Whether tiles of `cascade` may walk the keys of `atom` by other numbers than
/// their own.
static bool mayCountKeys(CascadeOp cascade, Attribute atom) {
  // A tile of few queries, which are not lanes, has no remainders.
  int64_t queries =
      getExtent(cascade.getRankExtents(), cascade.getQueryRankAttr());
  if (!getDilatedSteps(atom).empty() && !ShapedType::isDynamic(queries) &&
      queries <= kFewQueries)
    return false;
  CascadeSpace space = cascade.getSpace();
  if (space.isPacked() || !space.permutations.empty() ||
      !space.getLists().empty() || getFixedStep(cascade) ||
      findGridWalk(cascade))
    return false;
  // Planes of remainders test no terms.
  if (findResidueClasses(cascade) &&
      assignTermRoles(space.sparsity.getExpression()).terms.tested.empty())
    return false;
  SmallVector<IterateOp> loops;
  cascade.getBody().walk([&](IterateOp loop) { loops.push_back(loop); });
  return llvm::none_of(loops, asksForSteps);
}

/// The roles of terms where tiles walk scattered keys, of several atoms those
/// of the least part of all; nothing if there are none, or the keys between
/// them would be visited for another such atom.
static std::optional<TermRoles> assignPeriodicRoles(Attribute expression) {
  SmallVector<Attribute> scattered;
  findScattered(expression, scattered);
  std::optional<WalkedKeys> best;
  TermRoles roles;
  for (Attribute atom : scattered) {
    std::optional<WalkedKeys> keys = splitByList(expression, atom);
    SmallVector<Attribute> inRanges;
    if (keys && keys->ranges)
      findScattered(keys->ranges, inRanges);
    if (!keys || !inRanges.empty() ||
        (keys->ranges && !outweighsRanges(atom)) ||
        (best && getPart(roles.periodic) <= getPart(atom)))
      continue;
    best = keys;
    roles.periodic = atom;
  }
  if (!best)
    return std::nullopt;
  assignWalks(*best, roles);
  return roles;
}

std::optional<TermRoles> attn::assignBoxRoles(Attribute expression,
                                              NeighborhoodAttr neighborhood) {
  std::optional<WalkedKeys> keys = splitByList(expression, neighborhood);
  SmallVector<Attribute> inRanges;
  if (keys && keys->ranges)
    findScattered(keys->ranges, inRanges);
  if (!keys || !inRanges.empty())
    return std::nullopt;
  TermRoles roles;
  roles.boxes = neighborhood;
  assignWalks(*keys, roles);
  return roles;
}

/// Whether the plans of some loop of `cascade` are those of a walk that `mark`
/// says.
static bool hasLoop(CascadeOp cascade, function_ref<bool(IterateOp)> mark) {
  return cascade.getBody()
      .walk([&](IterateOp loop) {
        return mark(loop) ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

/// The roles of boxes of the grid that findGridWalk finds.
static std::optional<TermRoles> findBoxRoles(CascadeOp cascade) {
  std::optional<GridWalk> grid = findGridWalk(cascade);
  if (!grid)
    return std::nullopt;
  return std::move(grid->roles);
}

TermRoles attn::chooseTermRoles(CascadeOp cascade) {
  std::optional<SparsityAttr> sparsity = cascade.getSparsity();
  if (!sparsity)
    return TermRoles();
  Attribute expression = sparsity->getExpression();
  if (MappingAttr mapping = cascade.getMappingAttr();
      mapping && !mapping.getGridTile().empty())
    if (std::optional<TermRoles> roles = findBoxRoles(cascade))
      return *roles;
  if (std::optional<TermRoles> roles = assignPeriodicRoles(expression);
      roles && mayCountKeys(cascade, roles->periodic))
    return *roles;
  return assignTermRoles(expression);
}

TermRoles attn::getTermRoles(CascadeOp cascade) {
  std::optional<SparsityAttr> sparsity = cascade.getSparsity();
  if (!sparsity)
    return TermRoles();
  std::optional<TermRoles> roles;
  if (hasLoop(cascade, [](IterateOp loop) { return loop.getPeriodic(); }))
    roles = assignPeriodicRoles(sparsity->getExpression());
  else if (hasLoop(cascade, [](IterateOp loop) { return loop.getBoxes(); }))
    roles = findBoxRoles(cascade);
  return roles ? *roles : assignTermRoles(sparsity->getExpression());
}
