//===- IterateVerifier.cpp - What an iteration may be -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Verification.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// attn.iterate
//===----------------------------------------------------------------------===//

/// Checks what the clause `split` says by itself.
static LogicalResult verifySplit(IterateOp iterate) {
  StringAttr split = iterate.getSplitRankAttr();
  // spec: IT-6
  if ((split != nullptr) != iterate.getSplitSize().has_value())
    return iterate.emitOpError("a rank of splits and their size come together");
  if (!split)
    return success();
  if (failed(verifyRankName(iterate, split)))
    return failure();
  for (StringAttr other :
       {iterate.getRankAttr(), iterate.getParentAttr(), iterate.getPointAttr()})
    if (split == other)
      return iterate.emitOpError("the splits need a rank of their own; '")
             << split.getValue() << "' is a rank of the iteration";
  if (*iterate.getSplitSize() < 1)
    return iterate.emitOpError("a split has at least one point; got ")
           << *iterate.getSplitSize();
  if (!isa_and_nonnull<CascadeOp>(iterate->getParentOp()))
    return iterate.emitOpError(
        "with splits stands in the cascade itself, not in another iteration");
  return success();
}

/// Checks that every carried tensor has a part for each split.
static LogicalResult verifySplitTensors(IterateOp iterate) {
  StringAttr split = iterate.getSplitRankAttr();
  if (!split)
    return success();
  llvm::MapVector<StringAttr, int64_t> extents =
      iterate->getParentOfType<CascadeOp>().getRankExtents();
  // spec: IT-6
  auto check = [&](OperandRange values, StringRef what) -> LogicalResult {
    for (auto [number, value] : llvm::enumerate(values)) {
      auto einsum = value.getDefiningOp<EinsumOp>();
      if (!einsum || !llvm::is_contained(einsum.getOutputRanks(), split))
        return iterate.emitOpError(what)
               << " #" << number << " must be an einsum's result with rank '"
               << split.getValue() << "', that of the splits";
    }
    return success();
  };
  if (failed(check(iterate.getInits(), "initial value")) ||
      failed(check(iterate.getYielded(), "yielded value")))
    return failure();
  int64_t points = extents.lookup(iterate.getParentAttr());
  int64_t splits = extents.lookup(split);
  if (points > 0 && splits >= 0 &&
      splits != llvm::divideCeilSigned(points, *iterate.getSplitSize()))
    return iterate.emitOpError("rank '")
           << split.getValue() << "' has extent " << splits << ", but "
           << points << " points are "
           << llvm::divideCeilSigned(points, *iterate.getSplitSize())
           << " splits of " << *iterate.getSplitSize();
  return success();
}

LogicalResult IterateOp::verify() {
  // spec: IT-1
  if (getRank() == getParent() || getRank() == getPoint() ||
      getParent() == getPoint())
    return emitOpError("the iterative rank, its parent and its points need "
                       "three names");
  for (StringAttr name : {getRankAttr(), getParentAttr(), getPointAttr()})
    if (failed(verifyRankName(*this, name)))
      return failure();
  for (auto outer = (*this)->getParentOfType<IterateOp>(); outer;
       outer = outer->getParentOfType<IterateOp>())
    for (StringAttr name : {getRankAttr(), getPointAttr()})
      if (name == outer.getRankAttr() || name == outer.getPointAttr())
        return emitOpError("rank '")
               << name.getValue() << "' belongs to an enclosing attn.iterate";
  // spec: IT-2
  if (getInits().getTypes() != getResultTypes())
    return emitOpError("carries tensors of types ")
           << getInits().getTypes() << " but returns " << getResultTypes();
  if (getBody().front().getArgumentTypes() != getInits().getTypes())
    return emitOpError("the body's arguments must have the carried types ")
           << getInits().getTypes();

  if (failed(verifySplit(*this)))
    return failure();
  // spec: IT-5
  if (getTokenPlan() && !getPlan())
    return emitOpError("has a plan of tokens without one of slots");
  // spec: IT-7
  if (getPeriodic() && !getPlan())
    return emitOpError("walks keys that come back with a period without a "
                       "plan");
  // spec: IT-8
  if (getBoxes() && (!getPlan() || getPeriodic()))
    return emitOpError("walks boxes of a grid ")
           << (getPlan() ? "and keys that come back with a period"
                         : "without a plan");
  // spec: IT-4
  if (!getPlan())
    return success();
  auto cascade = (*this)->getParentOfType<CascadeOp>();
  if (!cascade || cascade.getKeyRankAttr() != getParentAttr())
    return emitOpError("has a plan, but its parent is not the key rank of the "
                       "cascade's 'over'");
  SmallVector<Attribute> lists;
  if (SparsityAttr sparsity = cascade.getSparsityAttr())
    lists = sparsity.getListAtoms();
  SmallVector<StringAttr> symbols(getPlan()->getSymbols());
  if (getTokenPlan())
    llvm::append_range(symbols, getTokenPlan()->getSymbols());
  for (StringAttr symbol : symbols)
    if ((symbol == "KL" && !cascade.getKeyLengths()) ||
        (symbol == "QL" && !cascade.getQueryLengths()))
      return emitOpError("has a plan over ")
             << symbol << ", but the cascade has no such lengths";
    else if (std::optional<unsigned> list = PlanAttr::getListNumber(symbol);
             list && *list >= lists.size())
      return emitOpError("has a plan over ")
             << symbol << ", but the cascade has no list of that number";
  CascadeSpace space = cascade.getSpace();
  // spec: PL-7
  bool hasResidues = getPlan()->getResidues() > 1;
  if (hasResidues &&
      (getTokenPlan() || space.isPacked() || !space.permutations.empty() ||
       space.keyLengths || space.queryLengths || !space.getLists().empty()))
    return emitOpError("has a plan with residues, but lengths, segments, lists "
                       "or an order say where tokens lie");
  bool hasKeyOrigin = space.getOrigin(space.keyRank) != nullptr;
  // Slots are aligned by lengths without being cut by them.
  bool hasDiagonal =
      hasResidues || space.offset || hasKeyOrigin ||
      space.getOrigin(space.queryRank) ||
      (space.readsSlots() && (space.keyLengths || space.queryLengths));
  for (StringAttr symbol : symbols)
    if ((symbol == "ON" && !hasKeyOrigin) || (symbol == "D" && !hasDiagonal))
      return emitOpError("has a plan over ")
             << symbol << ", but the cascade has no such offset or origin";
  // spec: IT-7
  if (getPeriodic() &&
      (!space.sparsity || hasResidues || space.isPacked() ||
       !space.permutations.empty() || !space.getLists().empty()))
    return emitOpError("walks keys that come back with a period, but ")
           << (space.sparsity ? "segments, lists, remainders or an order say "
                                "where tokens lie"
                              : "the cascade has no sparsity that names any");
  // spec: IT-8
  if (getBoxes() && (!space.sparsity || hasResidues || space.isPacked() ||
                     !space.permutations.empty() || !space.getLists().empty()))
    return emitOpError("walks boxes of a grid, but ")
           << (space.sparsity ? "segments, lists, remainders or an order say "
                                "where tokens lie"
                              : "the cascade has no sparsity that names one");
  // spec: IT-5
  if (getTokenPlan() && !getPeriodic() && !getBoxes() &&
      space.permutations.empty() && space.getLists().empty())
    return emitOpError(
        "has a plan of tokens, but the cascade permutes no rank");
  return success();
}

LogicalResult IterateOp::verifyRegions() {
  // spec: IT-2
  auto yield = dyn_cast<YieldOp>(getBody().front().getTerminator());
  if (!yield || yield.getOperandTypes() != getResultTypes())
    return emitOpError("must yield the carried tensors; expected types ")
           << getResultTypes();
  // spec: IT-3
  for (Operation &op : getBody().front().without_terminator())
    if (!isa<EinsumOp, IterateOp, arith::ConstantOp>(op))
      return emitMisplaced(&op)
             << "attn.iterate; it holds attn.einsum and attn.iterate";
  return verifySplitTensors(*this);
}

//===----------------------------------------------------------------------===//
// attn.index
//===----------------------------------------------------------------------===//

LogicalResult IndexOp::verify() {
  // spec: IX-1
  auto einsum = (*this)->getParentOfType<EinsumOpInterface>();
  if (!einsum)
    return emitOpError("stands in the map of an attn.einsum");
  if (einsum.hasRank(getRankAttr()))
    return success();
  // In a step of an iteration the step has a coordinate, and the einsum may
  // have the points of the parent rank.
  for (auto iterate = einsum->getParentOfType<IterateOp>(); iterate;
       iterate = iterate->getParentOfType<IterateOp>())
    if (iterate.getRankAttr() == getRankAttr() ||
        (iterate.getParentAttr() == getRankAttr() &&
         einsum.hasRank(iterate.getPointAttr())))
      return success();
  return emitOpError("names rank '")
         << getRank() << "', which the einsum does not have";
}
