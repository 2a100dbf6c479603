//===- CascadeSpace.cpp - The iteration space of a cascade ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::attn;

AccessAttr CascadeSpace::getOrigin(StringAttr rank) const {
  for (OriginAttr origin : origins)
    if (origin.getRank() == rank)
      return origin.getAccess();
  return {};
}

AccessAttr CascadeSpace::getPermutation(StringAttr rank) const {
  for (PermutationAttr permutation : permutations)
    if (permutation.getRank() == rank)
      return permutation.getAccess();
  return {};
}

PerHeadAttr CascadeSpace::getPerHead() const {
  if (!sparsity)
    return {};
  SmallVector<PerHeadAttr> atoms = sparsity.getPerHeadAtoms();
  return atoms.empty() ? PerHeadAttr() : atoms.front();
}

SmallVector<AccessAttr> CascadeSpace::getPlaneAccesses() const {
  SmallVector<AccessAttr> accesses;
  for (AccessAttr access :
       {keyLengths, queryLengths, querySegments, keySegments, offset,
        getOrigin(queryRank), getOrigin(keyRank), getPermutation(queryRank),
        getPermutation(keyRank)})
    if (access)
      accesses.push_back(access);
  llvm::append_range(accesses, getLists());
  llvm::append_range(accesses, getPointOperands());
  return accesses;
}

SmallVector<StringAttr> CascadeSpace::getPlaneRanks() const {
  llvm::SmallSetVector<StringAttr, 4> ranks;
  for (StringAttr rank : {queryRank, keyRank})
    if (rank)
      ranks.insert(rank);
  for (AccessAttr access : getPlaneAccesses())
    ranks.insert_range(access.getRanks());
  if (PerHeadAttr heads = getPerHead())
    ranks.insert_range(heads.getRanks());
  for (StringAttr rank : getIndexedRanks()) {
    ranks.insert(rank);
    if (AccessAttr origin = getOrigin(rank))
      ranks.insert_range(origin.getRanks());
  }
  return ranks.takeVector();
}

SmallVector<AccessAttr> CascadeSpace::getAccesses() const {
  SmallVector<AccessAttr> accesses;
  for (AccessAttr access :
       {keyLengths, queryLengths, querySegments, keySegments, offset})
    if (access)
      accesses.push_back(access);
  for (OriginAttr origin : origins)
    accesses.push_back(origin.getAccess());
  for (PermutationAttr permutation : permutations)
    accesses.push_back(permutation.getAccess());
  llvm::append_range(accesses, getLists());
  llvm::append_range(accesses, getPointOperands());
  return accesses;
}

SmallVector<StringAttr> CascadeSpace::getIndexedRanks() const {
  SmallVector<StringAttr> ranks;
  if (sparsity)
    for (PredicateAttr predicate : sparsity.getPredicates())
      llvm::append_range(ranks, predicate.getIndices());
  return ranks;
}

Block *CascadeSpace::getPredicate(PredicateAttr atom) const {
  return &predicates[atom.getNumber()]->front();
}

CascadeSpace CascadeSpace::withNamedPredicates() const {
  CascadeSpace named(*this);
  named.predicates.clear();
  if (!sparsity)
    return named;
  llvm::SmallDenseMap<int64_t, int64_t> numbers;
  for (PredicateAttr atom : sparsity.getPredicates())
    if (numbers.try_emplace(atom.getNumber(), named.predicates.size()).second)
      named.predicates.push_back(predicates[atom.getNumber()]);
  named.sparsity = sparsity.mapPredicates([&](PredicateAttr atom) {
    return PredicateAttr::get(atom.getContext(),
                              numbers.lookup(atom.getNumber()),
                              atom.getOperands(), atom.getIndices());
  });
  return named;
}

bool CascadeSpace::isSameAs(const CascadeSpace &other) const {
  CascadeSpace a = withNamedPredicates(), b = other.withNamedPredicates();
  return a.sparsity == b.sparsity && a.queryRank == b.queryRank &&
         a.keyRank == b.keyRank && a.alignment == b.alignment &&
         a.offset == b.offset && a.keyLengths == b.keyLengths &&
         a.queryLengths == b.queryLengths &&
         a.querySegments == b.querySegments && a.keySegments == b.keySegments &&
         a.origins == b.origins && a.permutations == b.permutations &&
         llvm::equal(a.predicates, b.predicates, [](Region *one, Region *two) {
           return OperationEquivalence::isRegionEquivalentTo(
               one, two, OperationEquivalence::Flags::IgnoreLocations);
         });
}

CascadeSpace
CascadeSpace::map(function_ref<int64_t(int64_t)> input,
                  function_ref<StringAttr(StringAttr)> rank) const {
  auto mapRank = [&](StringAttr name) { return name ? rank(name) : name; };
  auto mapAccess = [&](AccessAttr access) {
    return access
               ? AccessAttr::get(access.getContext(), input(access.getInput()),
                                 llvm::map_to_vector(access.getRanks(), rank))
               : access;
  };
  CascadeSpace mapped(*this);
  if (sparsity)
    mapped.sparsity =
        sparsity.mapLists(mapAccess).mapPerHead([&](PerHeadAttr atom) {
          return PerHeadAttr::get(atom.getContext(), atom.getAtoms(),
                                  llvm::map_to_vector(atom.getRanks(), rank),
                                  atom.getStrides());
        });
  if (mapped.sparsity)
    mapped.sparsity = mapped.sparsity.mapPredicates([&](PredicateAttr atom) {
      return PredicateAttr::get(atom.getContext(), atom.getNumber(),
                                atom.getOperands(),
                                llvm::map_to_vector(atom.getIndices(), rank));
    });
  mapped.queryRank = mapRank(queryRank);
  mapped.keyRank = mapRank(keyRank);
  mapped.offset = mapAccess(offset);
  mapped.keyLengths = mapAccess(keyLengths);
  mapped.queryLengths = mapAccess(queryLengths);
  mapped.querySegments = mapAccess(querySegments);
  mapped.keySegments = mapAccess(keySegments);
  for (OriginAttr &origin : mapped.origins)
    origin = OriginAttr::get(origin.getContext(), rank(origin.getRank()),
                             mapAccess(origin.getAccess()));
  for (PermutationAttr &permutation : mapped.permutations)
    permutation = PermutationAttr::get(permutation.getContext(),
                                       rank(permutation.getRank()),
                                       mapAccess(permutation.getAccess()));
  return mapped;
}

CascadeSpace CascadeOp::getSpace() {
  CascadeSpace space{getSparsityAttr(),
                     getQueryRankAttr(),
                     getKeyRankAttr(),
                     getAlignmentAttr(),
                     getOffsetAttr(),
                     getKeyLengthsAttr(),
                     getQueryLengthsAttr(),
                     getQuerySegmentsAttr(),
                     getKeySegmentsAttr(),
                     {},
                     {},
                     {}};
  if (std::optional<ArrayAttr> list = getOrigins())
    llvm::append_range(space.origins, list->getAsRange<OriginAttr>());
  if (std::optional<ArrayAttr> list = getPermutations())
    llvm::append_range(space.permutations, list->getAsRange<PermutationAttr>());
  for (Region &region : getPredicates())
    space.predicates.push_back(&region);
  return space;
}

/// Writes `space` down in the properties of a cascade.
static void setSpace(CascadeOp::Properties &properties, MLIRContext *context,
                     const CascadeSpace &space) {
  auto toArray = [&](auto list) -> ArrayAttr {
    if (list.empty())
      return {};
    return ArrayAttr::get(context,
                          SmallVector<Attribute>(list.begin(), list.end()));
  };
  properties.sparsity = space.sparsity;
  properties.queryRank = space.queryRank;
  properties.keyRank = space.keyRank;
  properties.alignment = space.alignment;
  properties.offset = space.offset;
  properties.keyLengths = space.keyLengths;
  properties.queryLengths = space.queryLengths;
  properties.querySegments = space.querySegments;
  properties.keySegments = space.keySegments;
  properties.origins = toArray(space.origins);
  properties.permutations = toArray(space.permutations);
}

void CascadeOp::setSpace(const CascadeSpace &space) {
  ::setSpace(getProperties(), getContext(), space);
}

CascadeOp CascadeOp::replaceSpace(RewriterBase &rewriter,
                                  const CascadeSpace &space) {
  CascadeSpace named = space.withNamedPredicates();
  if (named.sparsity == space.sparsity &&
      named.predicates.size() == getPredicates().size()) {
    rewriter.modifyOpInPlace(*this, [&] { setSpace(space); });
    return *this;
  }
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(*this);
  auto created = CascadeOp::create(rewriter, getLoc(), getResultTypes(),
                                   getInputs(), space, getMappingAttr());
  created->setDiscardableAttrs((*this)->getDiscardableAttrDictionary());
  rewriter.inlineRegionBefore(getBody(), created.getBody(),
                              created.getBody().end());
  rewriter.replaceOp(*this, created.getResults());
  return created;
}

bool CascadeOp::readsOrigin(StringAttr rank) {
  bool isOfPlane = rank == getQueryRankAttr() || rank == getKeyRankAttr();
  if (isOfPlane && getSpace().restricts())
    return true;
  if (PerHeadAttr heads = getSpace().getPerHead())
    if (llvm::is_contained(heads.getRanks(), rank))
      return true;
  if (llvm::is_contained(getSpace().getIndexedRanks(), rank))
    return true;
  return getBody()
      .walk([&](IndexOp index) {
        return index.getRankAttr() == rank ? WalkResult::interrupt()
                                           : WalkResult::advance();
      })
      .wasInterrupted();
}

void CascadeOp::build(OpBuilder &builder, OperationState &state,
                      TypeRange results, ValueRange inputs,
                      const CascadeSpace &space, MappingAttr mapping) {
  state.addTypes(results);
  state.addOperands(inputs);
  state.addRegion();
  CascadeSpace own = space.withNamedPredicates();
  for (Region *predicate : own.predicates) {
    IRMapping mapping;
    predicate->cloneInto(state.addRegion(), mapping);
  }
  auto &properties = state.getOrAddProperties<Properties>();
  ::setSpace(properties, builder.getContext(), own);
  properties.mapping = mapping;
}
