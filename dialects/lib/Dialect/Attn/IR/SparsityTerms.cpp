//===- SparsityTerms.cpp - What the terms of a sparsity name --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which attributes are terms, and which of them name operands or ranks of the
// operator that has the expression.
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/Attn.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::attn;

bool SparsityAttr::isTerm(Attribute attribute) {
  // A set that reads the number of the head is one of `per_head`.
  if (auto set = dyn_cast_or_null<AffineSetAttr>(attribute))
    return set.getFunctions().getValue().getNumSymbols() == 0;
  return isa_and_nonnull<CausalAttr, WindowAttr, PrefixAttr, LeadingAttr,
                         BlockDiagonalAttr, DilatedAttr, StridedAttr,
                         NeighborhoodAttr, PowerOfTwoAttr, RadialAttr,
                         PerHeadAttr, BlocksAttr, IndicesAttr, MaskAttr,
                         PredicateAttr, AndAttr, OrAttr, NotAttr, PermutedAttr>(
      attribute);
}

/// Appends the atoms of `term` that name operands.
static void collectOperandAtoms(Attribute term,
                                SmallVectorImpl<Attribute> &atoms) {
  llvm::TypeSwitch<Attribute>(term)
      .Case<AndAttr, OrAttr>([&](auto connective) {
        for (Attribute inner : connective.getTerms())
          collectOperandAtoms(inner, atoms);
      })
      .Case<NotAttr, PermutedAttr>(
          [&](auto inner) { collectOperandAtoms(inner.getTerm(), atoms); })
      .Case<BlocksAttr, IndicesAttr, MaskAttr, PredicateAttr>(
          [&](auto atom) { atoms.push_back(atom); });
}

SmallVector<Attribute> SparsityAttr::getOperandAtoms() const {
  SmallVector<Attribute> atoms;
  collectOperandAtoms(getExpression(), atoms);
  return atoms;
}

SmallVector<Attribute> SparsityAttr::getListAtoms() const {
  SmallVector<Attribute> lists;
  for (Attribute atom : getOperandAtoms())
    if (!isa<MaskAttr, PredicateAttr>(atom) && !llvm::is_contained(lists, atom))
      lists.push_back(atom);
  return lists;
}

SmallVector<Attribute> SparsityAttr::getPointAtoms() const {
  SmallVector<Attribute> atoms = getOperandAtoms();
  llvm::erase_if(atoms, [](Attribute atom) {
    return !isa<MaskAttr, PredicateAttr>(atom);
  });
  return atoms;
}

SmallVector<AccessAttr> SparsityAttr::getOperandsOf(Attribute atom) {
  if (auto blocks = dyn_cast<BlocksAttr>(atom))
    return {blocks.getOffsets(), blocks.getIndices()};
  if (auto indices = dyn_cast<IndicesAttr>(atom))
    return {indices.getIndices()};
  if (auto predicate = dyn_cast<PredicateAttr>(atom))
    return SmallVector<AccessAttr>(predicate.getOperands());
  return {cast<MaskAttr>(atom).getOperand()};
}

SmallVector<AccessAttr> SparsityAttr::getLists() const {
  SmallVector<AccessAttr> lists;
  for (Attribute atom : getListAtoms())
    llvm::append_range(lists, getOperandsOf(atom));
  return lists;
}

SmallVector<AccessAttr> SparsityAttr::getOperands() const {
  SmallVector<AccessAttr> operands;
  for (Attribute atom : getOperandAtoms())
    llvm::append_range(operands, getOperandsOf(atom));
  return operands;
}

SmallVector<AccessAttr> SparsityAttr::getPointOperands() const {
  SmallVector<AccessAttr> operands;
  for (Attribute atom : getPointAtoms())
    llvm::append_range(operands, getOperandsOf(atom));
  return operands;
}

SmallVector<PredicateAttr> SparsityAttr::getPredicates() const {
  SmallVector<PredicateAttr> predicates;
  for (Attribute atom : getOperandAtoms())
    if (auto predicate = dyn_cast<PredicateAttr>(atom))
      predicates.push_back(predicate);
  return predicates;
}

SparsityAttr SparsityAttr::mapPredicates(
    function_ref<PredicateAttr(PredicateAttr)> map) const {
  if (getPredicates().empty())
    return *this;
  AttrTypeReplacer replacer;
  replacer.addReplacement(
      [&](PredicateAttr atom) -> std::pair<Attribute, WalkResult> {
        return {map(atom), WalkResult::skip()};
      });
  return cast<SparsityAttr>(replacer.replace(*this));
}

SparsityAttr
SparsityAttr::mapLists(function_ref<AccessAttr(AccessAttr)> map) const {
  if (getOperandAtoms().empty())
    return *this;
  AttrTypeReplacer replacer;
  replacer.addReplacement(
      [&](AccessAttr access) -> std::pair<Attribute, WalkResult> {
        return {map(access), WalkResult::skip()};
      });
  return cast<SparsityAttr>(replacer.replace(*this));
}

SmallVector<PerHeadAttr> SparsityAttr::getPerHeadAtoms() const {
  SmallVector<PerHeadAttr> atoms;
  SparsityAttr(*this).walk([&](PerHeadAttr atom) { atoms.push_back(atom); });
  return atoms;
}

SparsityAttr
SparsityAttr::mapPerHead(function_ref<PerHeadAttr(PerHeadAttr)> map) const {
  if (getPerHeadAtoms().empty())
    return *this;
  AttrTypeReplacer replacer;
  replacer.addReplacement(
      [&](PerHeadAttr atom) -> std::pair<Attribute, WalkResult> {
        return {map(atom), WalkResult::skip()};
      });
  return cast<SparsityAttr>(replacer.replace(*this));
}

bool SparsityAttr::readsSlots() const {
  return SparsityAttr(*this)
      .walk([](PermutedAttr) { return WalkResult::interrupt(); })
      .wasInterrupted();
}
