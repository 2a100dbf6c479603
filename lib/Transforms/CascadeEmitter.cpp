//===- CascadeEmitter.cpp - Write a cascade in canonical order --*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CascadeEmitter.h"
#include "attn/Analysis/CascadeUtils.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::attn;

StringAttr CascadeEmitter::rename(StringAttr rank) {
  if (!renameRanks || !rank)
    return rank;
  return StringAttr::get(rank.getContext(),
                         "r" + Twine(order.getRankNumber(rank)));
}

SmallVector<StringAttr> CascadeEmitter::rename(ArrayRef<StringAttr> names) {
  return llvm::map_to_vector(names,
                             [&](StringAttr name) { return rename(name); });
}

EinsumAccess CascadeEmitter::rename(EinsumAccess access) {
  access.ranks = rename(access.ranks);
  for (auto [position, extent] : llvm::enumerate(access.extents))
    if (!access.getData(position))
      extent = rename(extent);
  return access;
}

CascadeEmitter::Scope *CascadeEmitter::findScope(Block *block, Scope *scope) {
  while (scope->block != block)
    scope = scope->parent;
  return scope;
}

Value CascadeEmitter::emit(Value value, Scope *scope) {
  if (Value known = emitted.lookup(value))
    return known;
  Operation *op = value.getDefiningOp();
  scope = findScope(op->getBlock(), scope);
  if (auto iterate = dyn_cast<IterateOp>(op)) {
    emitIterate(iterate, scope);
    return emitted.lookup(value);
  }
  if (auto einsum = dyn_cast<EinsumOp>(op))
    return emitted[value] = emitEinsum(einsum, scope);
  // A constant tensor.
  return emitted[value] = scope->builder.clone(*op)->getResult(0);
}

/// Results of the cascade and carried tensors keep the order of their
/// dimensions; for all others it is free.
bool CascadeEmitter::isFixedLayout(EinsumOp einsum) {
  return llvm::any_of(einsum.getResult().getUsers(),
                      [](Operation *user) { return !isa<EinsumOp>(user); });
}

/// Whether both einsums compute the same tensor. The names of ranks that both
/// reduce do not matter, unless they are `fixed` or the map computes with their
/// indices.
static bool isSameEinsum(EinsumOp a, EinsumOp b,
                         const llvm::SmallDenseSet<StringAttr> &fixed) {
  if (a->getOperands() != b->getOperands() ||
      a.getInputs().size() != b.getInputs().size() ||
      a->getResultTypes() != b->getResultTypes() ||
      a.getMaps() != b.getMaps() || a.getIndexMaps() != b.getIndexMaps() ||
      a.getExtents() != b.getExtents() ||
      a.getReduction() != b.getReduction() ||
      a.getReduction() == ReductionKind::Associative ||
      a.getOutputRank() != b.getOutputRank())
    return false;
  SmallVector<StringAttr> ranks = a.getRankNames(), others = b.getRankNames();
  SmallVector<StringAttr> reduced = a.getReduced();
  if (ranks.size() != others.size() ||
      reduced.size() != b.getReducedRanks().size())
    return false;
  auto isFixed = [&](StringAttr rank) {
    return fixed.contains(rank) ||
           llvm::any_of(a.getBody().getOps<IndexOp>(), [&](IndexOp index) {
             return index.getRankAttr() == rank;
           });
  };
  for (auto [rank, other] : llvm::zip_equal(ranks, others))
    if (rank != other &&
        (!llvm::is_contained(reduced, rank) || isFixed(rank) || isFixed(other)))
      return false;
  return OperationEquivalence::isRegionEquivalentTo(
      &a.getBody(), &b.getBody(), OperationEquivalence::Flags::IgnoreLocations);
}

/// Copies the map of `einsum` in canonical order, equal operations once.
static Value emitMap(OpBuilder &builder, EinsumOp einsum,
                     const CanonicalOrder::MapOrder &order,
                     function_ref<StringAttr(StringAttr)> rename,
                     IRMapping &mapping) {
  for (Operation *op : order.ops) {
    Operation *copy = builder.clone(*op, mapping);
    if (order.swapped.contains(op)) {
      Value first = copy->getOperand(0);
      copy->setOperand(0, copy->getOperand(1));
      copy->setOperand(1, first);
    }
    if (auto index = dyn_cast<IndexOp>(copy))
      index.setRankAttr(rename(index.getRankAttr()));
    for (Operation &other : *copy->getBlock()) {
      if (&other == copy)
        break;
      if (!OperationEquivalence::isEquivalentTo(
              &other, copy, OperationEquivalence::Flags::IgnoreLocations))
        continue;
      mapping.map(op->getResults(), other.getResults());
      copy->erase();
      break;
    }
  }
  return mapping.lookup(einsum.getMapResult());
}

/// The ranks of unknown extent that index a dimension of an input by
/// themselves.
SmallVector<StringAttr>
CascadeEmitter::getStated(const EinsumAccess &access) const {
  SmallVector<StringAttr> ranks;
  for (const DataIndex &data : access.getDataRead())
    llvm::append_range(ranks,
                       getStated(EinsumAccess(data.tensor, data.map,
                                              access.ranks, access.extents)));
  auto argument = dyn_cast<BlockArgument>(access.tensor);
  if (!argument || !isa<CascadeOp>(argument.getOwner()->getParentOp()))
    return ranks;
  for (AffineExpr expr : access.map.getResults())
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      if (StringAttr rank = access.ranks[dim.getPosition()];
          ShapedType::isDynamic(getExtent(extents, rank)))
        ranks.push_back(rank);
  return ranks;
}

/// Collects what operands state that some map reads.
void CascadeEmitter::collectStated() {
  source.getBody().walk([&](EinsumOp einsum) {
    for (unsigned index : order.getMapOrder(einsum).operands)
      stated.insert_range(getStated(einsum.getAccess(index)));
  });
  for (AccessAttr access : source.getSpace().getAccesses())
    stated.insert_range(access.getRanks());
}

/// The access of the copied tensor, whose dimensions may have changed places.
EinsumAccess CascadeEmitter::emitAccess(const EinsumAccess &access,
                                        Scope *scope) {
  EinsumAccess result = access;
  result.data = access.getDataRead();
  auto copy = [&](Value &tensor, AffineMap &map) {
    Value source = tensor;
    tensor = emit(source, scope);
    auto permutation = permutations.find(source);
    if (permutation == permutations.end())
      return;
    SmallVector<AffineExpr> exprs;
    for (unsigned dim : permutation->second)
      exprs.push_back(map.getResult(dim));
    map = AffineMap::get(map.getNumDims(), map.getNumSymbols(), exprs,
                         map.getContext());
  };
  copy(result.tensor, result.map);
  for (DataIndex &data : result.data)
    copy(data.tensor, data.map);
  return rename(result);
}

Value CascadeEmitter::emitEinsum(EinsumOp einsum, Scope *scope) {
  CanonicalOrder::MapOrder mapOrder = order.getMapOrder(einsum);
  // Operands that the map ignores matter only where they alone have a reduced
  // rank, or say how large a rank is.
  llvm::SmallDenseSet<StringAttr> indexing;
  for (unsigned index : mapOrder.operands)
    for (StringAttr rank : getAccessRanks(einsum.getAccess(index)))
      indexing.insert(rank);
  for (unsigned index = 0; index < einsum.getInputs().size(); ++index) {
    if (llvm::is_contained(mapOrder.operands, index))
      continue;
    bool needed = false;
    for (StringAttr rank : getAccessRanks(einsum.getAccess(index)))
      needed |= llvm::is_contained(einsum.getReduced(), rank) &&
                indexing.insert(rank).second;
    for (StringAttr rank : getStated(einsum.getAccess(index)))
      needed |= stated.insert(rank).second;
    if (needed)
      mapOrder.operands.push_back(index);
  }

  SmallVector<EinsumAccess> accesses;
  llvm::SmallDenseMap<unsigned, unsigned> positions;
  for (unsigned index : mapOrder.operands) {
    EinsumAccess access = emitAccess(einsum.getAccess(index), scope);
    positions[index] = findOrAddAccess(accesses, access);
  }

  // Dimensions in the order of ranks, extents as static as they are known.
  SmallVector<StringAttr> ranks = einsum.getOutputRanks();
  Type type = einsum.getOutputType();
  if (!isFixedLayout(einsum)) {
    SmallVector<unsigned> permutation =
        llvm::to_vector(llvm::seq<unsigned>(0, ranks.size()));
    llvm::sort(permutation, [&](unsigned a, unsigned b) {
      return order.getRankNumber(ranks[a]) < order.getRankNumber(ranks[b]);
    });
    SmallVector<StringAttr> sorted;
    SmallVector<int64_t> shape;
    for (unsigned dim : permutation) {
      sorted.push_back(ranks[dim]);
      shape.push_back(getExtent(extents, ranks[dim]));
    }
    ranks = sorted;
    type =
        RankedTensorType::get(shape, einsum.getOutputType().getElementType());
    permutations[einsum.getResult()] = permutation;
  }
  std::optional<EinsumReduction> reduction = einsum.getEinsumReduction();
  if (reduction) {
    // Reduced ranks in the order of ranks as well, where theirs is free.
    if (!einsum.isOrdered())
      llvm::sort(reduction->ranks, [&](StringAttr a, StringAttr b) {
        return order.getRankNumber(a) < order.getRankNumber(b);
      });
    reduction->ranks = rename(reduction->ranks);
  }

  auto created = EinsumOp::create(
      scope->builder, einsum.getLoc(), type, rename(ranks), accesses, reduction,
      [&](OpBuilder &builder, Location loc, ValueRange args) {
        IRMapping mapping;
        for (auto [index, position] : positions)
          mapping.map(einsum.getMap()->getArgument(index), args[position]);
        return emitMap(
            builder, einsum, mapOrder,
            [&](StringAttr rank) { return rename(rank); }, mapping);
      });
  copyNotes(einsum, created);
  // Ranks of the plane, and of the loops that walk them.
  llvm::SmallDenseSet<StringAttr> fixed;
  for (StringAttr rank : source.getSpace().getPlaneRanks())
    fixed.insert(rename(rank));
  for (auto loop = created->getParentOfType<IterateOp>(); loop;
       loop = loop->getParentOfType<IterateOp>())
    fixed.insert_range(ArrayRef{loop.getRankAttr(), loop.getPointAttr()});
  for (Scope *known = scope; known; known = known->parent)
    for (EinsumOp other : known->einsums)
      if (isSameEinsum(created, other, fixed)) {
        if (created.getResidencyAttr())
          other.setResidencyAttr(created.getResidencyAttr());
        created.erase();
        ++numMerged;
        return other.getResult();
      }
  scope->einsums.push_back(created);
  return created.getResult();
}

void CascadeEmitter::emitIterate(IterateOp iterate, Scope *scope) {
  SmallVector<unsigned> carried = order.getCarriedOrder(iterate);
  SmallVector<Value> inits;
  SmallVector<Type> types;
  SmallVector<Location> locations;
  for (unsigned index : carried) {
    inits.push_back(emit(iterate.getInits()[index], scope));
    types.push_back(inits.back().getType());
    locations.push_back(iterate.getLoc());
  }
  auto created = IterateOp::create(
      scope->builder, iterate.getLoc(), types, inits,
      rename(iterate.getRankAttr()), rename(iterate.getParentAttr()),
      rename(iterate.getPointAttr()), iterate.getPlanAttr(),
      iterate.getTokenPlanAttr(), iterate.getPeriodicAttr(),
      iterate.getBoxesAttr(),
      iterate.getSplitRank() ? rename(iterate.getSplitRankAttr())
                             : StringAttr(),
      iterate.getSplitSizeAttr());
  created->setDiscardableAttrs(iterate->getDiscardableAttrDictionary());
  Scope inner{
      &iterate.getBody().front(), OpBuilder(iterate.getContext()), scope, {}};
  Block *body =
      inner.builder.createBlock(&created.getBody(), {}, types, locations);
  for (auto [index, argument] : llvm::zip_equal(carried, body->getArguments()))
    emitted[inner.block->getArgument(index)] = argument;
  // What the body needs from outside goes before the iteration.
  scope->builder.setInsertionPoint(created);
  SmallVector<Value> yielded;
  for (unsigned index : carried)
    yielded.push_back(emit(iterate.getYielded()[index], &inner));
  YieldOp::create(inner.builder, iterate.getLoc(), yielded);
  scope->builder.setInsertionPointAfter(created);
  for (auto [index, result] : llvm::zip_equal(carried, created.getResults()))
    emitted[iterate.getResult(index)] = result;
}

/// Drops what the cascade says about ranks that no einsum has.
static CascadeOp dropUnusedSpace(CascadeOp cascade) {
  // Einsums over one rank of the plane alone are not restricted.
  llvm::SmallDenseSet<StringAttr> used;
  cascade.walk([&](Operation *op) {
    if (auto einsum = dyn_cast<EinsumOp>(op))
      used.insert_range(einsum.getRankNames());
    if (auto iterate = dyn_cast<IterateOp>(op))
      used.insert(iterate.getParentAttr());
  });
  CascadeSpace space = cascade.getSpace();
  llvm::erase_if(space.origins, [&](OriginAttr origin) {
    return !used.contains(origin.getRank());
  });
  if (cascade.hasSpace() &&
      (!used.contains(space.queryRank) || !used.contains(space.keyRank))) {
    SmallVector<OriginAttr> origins = space.origins;
    space = CascadeSpace();
    space.origins = origins;
  }
  IRRewriter rewriter(cascade.getContext());
  return cascade.replaceSpace(rewriter, space);
}

/// Drops inputs that neither an einsum nor a length reads.
static void dropUnusedInputs(CascadeOp cascade) {
  Block &body = cascade.getBody().front();
  CascadeSpace space = cascade.getSpace();
  for (int64_t input = int64_t(body.getNumArguments()) - 1; input >= 0;
       --input) {
    bool isNamed = llvm::any_of(space.getAccesses(), [&](AccessAttr access) {
      return access.getInput() == input;
    });
    if (!body.getArgument(input).use_empty() || isNamed)
      continue;
    body.eraseArgument(input);
    cascade->eraseOperand(input);
    space = space.map(
        [&](int64_t other) { return other < input ? other : other - 1; },
        [](StringAttr rank) { return rank; });
  }
  cascade.setSpace(space);
}

/// The only query, at the end of the keys, comes after all of them: `causal` as
/// a term of the outermost 'and' removes nothing.
static void dropCausalOfLast(CascadeOp cascade, CascadeSpace &space) {
  if (!space.sparsity ||
      cascade.getRankExtents().lookup(space.queryRank) != 1 ||
      space.alignment.getValue() != Alignment::BottomRight || space.offset ||
      space.queryLengths || space.isPacked() ||
      space.getOrigin(space.queryRank) || space.getOrigin(space.keyRank))
    return;
  SmallVector<Attribute> terms{space.sparsity.getExpression()};
  if (auto conjunction = dyn_cast<AndAttr>(terms.front()))
    terms.assign(conjunction.getTerms().begin(), conjunction.getTerms().end());
  llvm::erase_if(terms, [](Attribute term) { return isa<CausalAttr>(term); });
  MLIRContext *context = cascade.getContext();
  if (terms.empty())
    space.sparsity = {};
  else
    space.sparsity = SparsityAttr::get(
        context,
        terms.size() == 1 ? terms.front() : AndAttr::get(context, terms));
}

CascadeOp CascadeEmitter::dropUnused(CascadeOp cascade) {
  cascade = dropUnusedSpace(cascade);
  dropUnusedInputs(cascade);
  return cascade;
}

/// What of the cascade's space has an effect.
static CascadeSpace dropUnread(CascadeOp cascade) {
  CascadeSpace space = cascade.getSpace();
  dropCausalOfLast(cascade, space);
  llvm::erase_if(space.origins, [&](OriginAttr origin) {
    return !cascade.readsOrigin(origin.getRank());
  });
  if (!space.restricts()) {
    space.queryRank = space.keyRank = {};
    space.alignment = {};
    space.offset = {};
  }
  // spec: PE-4
  if (!space.readsSlots())
    space.permutations.clear();
  return space;
}

CascadeOp CascadeEmitter::run() {
  extents = source.getRankExtents();
  collectStated();
  OpBuilder builder(source);
  Block &body = source.getBody().front();

  // Inputs in canonical order, each once.
  SmallVector<Value> inputs;
  SmallVector<Location> locations;
  SmallVector<unsigned> places(body.getNumArguments());
  for (unsigned index : order.getInputs()) {
    Value input = source.getInputs()[index];
    auto *found = llvm::find(inputs, input);
    places[index] = found - inputs.begin();
    if (found != inputs.end())
      continue;
    inputs.push_back(input);
    locations.push_back(body.getArgument(index).getLoc());
  }
  // Results that someone uses; all of them if nobody uses any.
  SmallVector<unsigned> results;
  for (OpResult result : source.getResults())
    if (!result.use_empty() || source->use_empty())
      results.push_back(result.getResultNumber());
  SmallVector<Type> types;
  for (unsigned index : results)
    types.push_back(source.getResult(index).getType());

  CascadeSpace space = dropUnread(source);
  llvm::sort(space.origins, [&](OriginAttr a, OriginAttr b) {
    return order.getRankNumber(a.getRank()) < order.getRankNumber(b.getRank());
  });
  space = space.map([&](int64_t input) { return places[input]; },
                    [&](StringAttr rank) { return rename(rank); });
  auto created = CascadeOp::create(builder, source.getLoc(), types, inputs,
                                   space, source.getMappingAttr());
  created->setDiscardableAttrs(source->getDiscardableAttrDictionary());
  Scope scope{&body, OpBuilder(builder.getContext()), nullptr, {}};
  Block *newBody = scope.builder.createBlock(
      &created.getBody(), {}, TypeRange(ValueRange(inputs)), locations);
  for (auto [index, place] : llvm::enumerate(places))
    emitted[body.getArgument(index)] = newBody->getArgument(place);
  SmallVector<Value> yielded;
  for (unsigned index : results)
    yielded.push_back(emit(source.getYielded()[index], &scope));
  YieldOp::create(scope.builder, source.getLoc(), yielded);
  // An einsum that went may have been the only one over a rank of the plane.
  created = dropUnused(created);
  for (auto [index, result] : llvm::zip_equal(results, created.getResults()))
    source.getResult(index).replaceAllUsesWith(result);
  source.erase();
  return created;
}
