//===- CascadeTilerRoles.cpp - What a tile has of each dimension ----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What becomes of each dimension of a tensor on a tile: which ranks an index
// follows, and whether it is a part of a slice, looked up, or computed.
//
//===----------------------------------------------------------------------===//

#include "CascadeTiler.h"

using namespace mlir;
using namespace mlir::attn;

bool CascadeTiler::isParallel(StringAttr rank) const {
  return llvm::is_contained(parallel, rank);
}

bool CascadeTiler::isPoint(StringAttr rank) const {
  return iterate && rank == const_cast<IterateOp &>(iterate).getPointAttr();
}

bool CascadeTiler::isInput(Value value) const {
  auto argument = dyn_cast<BlockArgument>(value);
  return argument && argument.getOwner() ==
                         &const_cast<CascadeOp &>(cascade).getBody().front();
}

SmallVector<StringAttr> CascadeTiler::getTileRanks(Value tensor) const {
  auto op = const_cast<IterateOp &>(iterate);
  if (auto argument = dyn_cast<BlockArgument>(tensor))
    tensor = op.getInits()[argument.getArgNumber()];
  else if (tensor.getDefiningOp() == op)
    tensor = op.getInits()[cast<OpResult>(tensor).getResultNumber()];
  return tensor.getDefiningOp<EinsumOp>().getOutputRanks();
}

std::optional<IndexRole> CascadeTiler::classify(const EinsumAccess &access,
                                                AffineExpr expr) const {
  SmallVector<StringAttr> used;
  for (auto [position, rank] : llvm::enumerate(access.ranks))
    if (expr.isFunctionOfDim(position))
      used.push_back(rank);
  bool plain = isa<AffineDimExpr>(expr);
  bool hasExtent = false, hasData = false;
  for (unsigned position = 0; position < access.extents.size(); ++position)
    if (expr.isFunctionOfSymbol(position))
      (access.getData(position) ? hasData : hasExtent) = true;
  auto orComputed = [&](std::optional<IndexRole> role) {
    return !role && isComputed(access, expr) ? IndexRole::Computed : role;
  };
  if (hasData)
    return orComputed(hasExtent ? std::nullopt : classifyData(access, expr));

  // The one expression with an extent is n1*N0+n0.
  if (hasExtent)
    return orComputed(getOverTokens(access, expr) == getToken(access)
                          ? std::optional(IndexRole::Stream)
                          : std::nullopt);
  if (!used.empty() &&
      llvm::all_of(used, [&](StringAttr rank) { return isParallel(rank); }))
    return IndexRole::Parallel;
  if (plain && used[0] == lane)
    return IndexRole::Lane;
  if (plain && isPoint(used[0]))
    return IndexRole::Stream;
  for (StringAttr rank : used) {
    const auto *found = extents.find(rank);
    if (isParallel(rank) || rank == lane || isPoint(rank) ||
        found == extents.end() || ShapedType::isDynamic(found->second))
      return std::nullopt;
  }
  return IndexRole::Local;
}

AffineExpr CascadeTiler::getToken(const EinsumAccess &access) const {
  return getAffineDimExpr(access.ranks.size(), access.map.getContext());
}

/// `expr` with the token of the streamed rank in place of n1*N0+n0.
AffineExpr CascadeTiler::getOverTokens(const EinsumAccess &access,
                                       AffineExpr expr) const {
  if (!iterate)
    return expr;
  auto op = const_cast<IterateOp &>(iterate);
  MLIRContext *context = op.getContext();
  auto findDim = [&](StringAttr rank) -> AffineExpr {
    for (auto [position, name] : llvm::enumerate(access.ranks))
      if (name == rank)
        return getAffineDimExpr(position, context);
    return {};
  };
  AffineExpr step = findDim(op.getRankAttr());
  AffineExpr point = findDim(op.getPointAttr());
  if (!step || !point)
    return expr;
  for (auto [position, name] : llvm::enumerate(access.extents))
    if (name == op.getPointAttr())
      expr = expr.replace(step * getAffineSymbolExpr(position, context) + point,
                          getToken(access));
  return expr;
}

/// Whether a step can compute where `expr` reads an input: from the tokens of
/// the streamed rank, the item's coordinates, and data at them.
bool CascadeTiler::isComputed(const EinsumAccess &access,
                              AffineExpr expr) const {
  if (!iterate || !isInput(access.tensor))
    return false;
  bool readsTokens = false;
  auto isKnown = [&](AffineExpr index) {
    index = getOverTokens(access, index);
    for (auto [position, name] : llvm::enumerate(access.extents))
      if (!access.getData(position) && index.isFunctionOfSymbol(position))
        return false;
    for (auto [position, rank] : llvm::enumerate(access.ranks))
      if (index.isFunctionOfDim(position) && !isParallel(rank))
        return false;
    readsTokens |= index.isFunctionOfDim(access.ranks.size());
    return true;
  };
  if (!isKnown(expr))
    return false;
  for (unsigned position = 0; position < access.extents.size(); ++position) {
    const DataIndex *data = access.getData(position);
    if (!data || !expr.isFunctionOfSymbol(position))
      continue;
    if (!isInput(data->tensor))
      return false;
    if (!llvm::all_of(data->map.getResults(), isKnown))
      return false;
  }
  return readsTokens;
}

/// A tile looks data up in inputs, at ranks of which it knows the coordinates,
/// and adds nothing to it but ranks that it holds whole.
std::optional<IndexRole> CascadeTiler::classifyData(const EinsumAccess &access,
                                                    AffineExpr expr) const {
  if (!isInput(access.tensor))
    return std::nullopt;
  for (auto [position, rank] : llvm::enumerate(access.ranks))
    if (expr.isFunctionOfDim(position) &&
        classify(access, getAffineDimExpr(position, expr.getContext())) !=
            IndexRole::Local)
      return std::nullopt;
  for (const DataIndex &data : access.getDataRead()) {
    if (!isInput(data.tensor))
      return std::nullopt;
    EinsumAccess table(data.tensor, data.map, access.ranks, access.extents);
    for (AffineExpr index : data.map.getResults()) {
      std::optional<IndexRole> role = classify(table, index);
      if (role == IndexRole::Computed)
        return std::nullopt;
      bool isKnown = role == IndexRole::Stream || isa<AffineDimExpr>(index);
      if (!role || !isKnown || (role == IndexRole::Lane && isPermuted(lane)) ||
          (role == IndexRole::Stream &&
           isPermuted(const_cast<IterateOp &>(iterate).getParentAttr())))
        return std::nullopt;
    }
  }
  return IndexRole::Data;
}

CascadeTiler::Reach CascadeTiler::getReach(const EinsumAccess &access) const {
  Reach reach;
  auto visit = [&](const EinsumAccess &read) {
    for (AffineExpr expr : read.map.getResults()) {
      std::optional<IndexRole> role = classify(read, expr);
      reach.lanes |= role == IndexRole::Lane;
      reach.stream |= role == IndexRole::Stream || role == IndexRole::Computed;
      reach.data |= role == IndexRole::Data;
      reach.computed |= role == IndexRole::Computed;
      reach.isPlain &= role != IndexRole::Local || isa<AffineDimExpr>(expr);
    }
  };
  visit(access);
  for (const DataIndex &data : access.getDataRead())
    visit(EinsumAccess(data.tensor, data.map, access.ranks, access.extents));
  return reach;
}

bool CascadeTiler::reducesPoints(EinsumOp einsum) const {
  return llvm::any_of(einsum.getReduced(),
                      [&](StringAttr rank) { return isPoint(rank); });
}

bool CascadeTiler::isInSpace(EinsumOp einsum) const {
  return einsum.hasRank(lane) && iterate &&
         einsum.hasRank(const_cast<IterateOp &>(iterate).getPointAttr());
}
