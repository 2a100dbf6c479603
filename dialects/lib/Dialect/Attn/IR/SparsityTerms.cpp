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
                         PerHeadAttr, BlocksAttr, IndicesAttr, AndAttr, OrAttr,
                         NotAttr, PermutedAttr>(attribute);
}

/// Appends the atoms of `term` that name operands.
static void collectListAtoms(Attribute term,
                             SmallVectorImpl<Attribute> &atoms) {
  llvm::TypeSwitch<Attribute>(term)
      .Case<AndAttr, OrAttr>([&](auto connective) {
        for (Attribute inner : connective.getTerms())
          collectListAtoms(inner, atoms);
      })
      .Case<NotAttr, PermutedAttr>(
          [&](auto inner) { collectListAtoms(inner.getTerm(), atoms); })
      .Case<BlocksAttr, IndicesAttr>([&](auto atom) { atoms.push_back(atom); });
}

SmallVector<Attribute> SparsityAttr::getListAtoms() const {
  SmallVector<Attribute> atoms;
  collectListAtoms(getExpression(), atoms);
  return atoms;
}

SmallVector<AccessAttr> SparsityAttr::getLists() const {
  SmallVector<AccessAttr> lists;
  for (Attribute atom : getListAtoms())
    if (auto blocks = dyn_cast<BlocksAttr>(atom))
      lists.append({blocks.getOffsets(), blocks.getIndices()});
    else
      lists.push_back(cast<IndicesAttr>(atom).getIndices());
  return lists;
}

SparsityAttr
SparsityAttr::mapLists(function_ref<AccessAttr(AccessAttr)> map) const {
  if (getListAtoms().empty())
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
