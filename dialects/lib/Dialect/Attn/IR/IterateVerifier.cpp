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

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// attn.iterate
//===----------------------------------------------------------------------===//

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

  // spec: IT-5
  if (getTokenPlan() && !getPlan())
    return emitOpError("has a plan of tokens without one of slots");
  // spec: IT-4
  if (!getPlan())
    return success();
  auto cascade = (*this)->getParentOfType<CascadeOp>();
  if (!cascade || cascade.getKeyRankAttr() != getParentAttr())
    return emitOpError("has a plan, but its parent is not the key rank of the "
                       "cascade's 'over'");
  SmallVector<StringAttr> symbols(getPlan()->getSymbols());
  if (getTokenPlan())
    llvm::append_range(symbols, getTokenPlan()->getSymbols());
  for (StringAttr symbol : symbols)
    if ((symbol == "KL" && !cascade.getKeyLengths()) ||
        (symbol == "QL" && !cascade.getQueryLengths()))
      return emitOpError("has a plan over ")
             << symbol << ", but the cascade has no such lengths";
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
  // spec: IT-5
  if (getTokenPlan() && space.permutations.empty() && space.getLists().empty())
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
      return op.emitOpError("may not stand in attn.iterate; it holds "
                            "attn.einsum and attn.iterate");
  return success();
}

//===----------------------------------------------------------------------===//
// attn.index
//===----------------------------------------------------------------------===//

LogicalResult IndexOp::verify() {
  // spec: IX-1
  auto einsum = (*this)->getParentOfType<EinsumOp>();
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
