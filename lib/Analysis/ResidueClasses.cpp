//===- ResidueClasses.cpp - Planes of one remainder -----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/ResidueClasses.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::attn;

/// A distance in positions as one in quotients: what two positions with one
/// remainder may be apart.
static int64_t divide(int64_t distance, int64_t residues) {
  return distance >= kFarPosition ? distance : distance / residues;
}

/// What `term` says of the quotients of two positions with one remainder, or
/// null where it depends on more.
static Attribute divide(Attribute term, int64_t residues) {
  MLIRContext *context = term.getContext();
  auto divideAll = [&](ArrayRef<Attribute> terms) {
    SmallVector<Attribute> divided;
    for (Attribute inner : terms)
      if (Attribute next = divide(inner, residues))
        divided.push_back(next);
    return divided;
  };
  return llvm::TypeSwitch<Attribute, Attribute>(term)
      .Case([&](CausalAttr) { return term; })
      .Case([&](WindowAttr window) {
        return WindowAttr::get(context, divide(window.getLeft(), residues),
                               divide(window.getRight(), residues));
      })
      .Case([&](DilatedAttr dilated) -> Attribute {
        // A multiple of the step is one of quotients.
        if (dilated.getStep() % residues != 0)
          return {};
        int64_t window = divide(dilated.getWindow(), residues);
        int64_t step = dilated.getStep() / residues;
        if (step == 1)
          return WindowAttr::get(context, window, window);
        return DilatedAttr::get(context, window, step);
      })
      .Case([&](NeighborhoodAttr neighborhood) -> Attribute {
        // The coordinates of one remainder are as many for each remainder, or
        // they are the keys, which a plane counts for itself.
        int64_t dilation = neighborhood.getDilation().front();
        SmallVector<int64_t> grid(neighborhood.getGrid());
        if (neighborhood.getKernel().size() > 1 || dilation % residues != 0 ||
            (!grid.empty() && grid.front() % residues != 0))
          return {};
        for (int64_t &extent : grid)
          extent /= residues;
        return NeighborhoodAttr::get(
            context, neighborhood.getKernel(), grid, neighborhood.getStride(),
            {dilation / residues}, neighborhood.getCausal(),
            neighborhood.getClipped());
      })
      .Case([&](AndAttr conjunction) -> Attribute {
        SmallVector<Attribute> terms = divideAll(conjunction.getTerms());
        if (terms.size() != conjunction.getTerms().size())
          return {};
        return AndAttr::get(context, terms);
      })
      .Case([&](OrAttr disjunction) -> Attribute {
        SmallVector<Attribute> terms = divideAll(disjunction.getTerms());
        if (terms.size() != disjunction.getTerms().size())
          return {};
        return OrAttr::get(context, terms);
      })
      .Case([&](NotAttr negation) -> Attribute {
        Attribute inner = divide(negation.getTerm(), residues);
        return inner ? NotAttr::get(context, inner) : Attribute();
      })
      .Default(Attribute());
}

std::optional<ResidueClasses> attn::findResidueClasses(CascadeOp cascade) {
  CascadeSpace space = cascade.getSpace();
  if (!space.sparsity || space.isPacked() || !space.permutations.empty() ||
      !space.getLists().empty() || space.keyLengths || space.queryLengths)
    return std::nullopt;
  Attribute expression = space.sparsity.getExpression();
  SmallVector<Attribute> terms{expression};
  if (auto conjunction = dyn_cast<AndAttr>(expression))
    terms.assign(conjunction.getTerms().begin(), conjunction.getTerms().end());
  // The largest step leaves the fewest keys; others may be multiples of it or
  // the reason why there is none.
  int64_t residues = 1;
  for (Attribute term : terms)
    if (auto dilated = dyn_cast<DilatedAttr>(term))
      residues = std::max(residues, dilated.getStep());
    else if (auto neighborhood = dyn_cast<NeighborhoodAttr>(term);
             neighborhood && neighborhood.getKernel().size() == 1)
      residues = std::max(residues, neighborhood.getDilation().front());
  if (residues == 1)
    return std::nullopt;
  // Windows read distances alone; where a grid begins, planes do not know.
  bool hasGrid = false;
  space.sparsity.walk([&](NeighborhoodAttr) { hasGrid = true; });
  if (hasGrid && space.getOrigin(space.keyRank))
    return std::nullopt;
  Attribute divided = divide(expression, residues);
  if (!divided)
    return std::nullopt;
  return ResidueClasses{residues, divided};
}
