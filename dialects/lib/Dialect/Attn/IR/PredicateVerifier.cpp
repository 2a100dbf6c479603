//===- PredicateVerifier.cpp - Atoms that name operands and regions -------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Verification.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::attn;

static bool isMaskElement(Type element) {
  // spec: SP-21
  return element.isSignlessInteger(1) || element.isSignlessInteger(8);
}

static LogicalResult verifyPredicateElement(Operation *op, Type element) {
  // spec: SP-23
  if (element.isF64() || element.isF32() || element.isBF16() ||
      element.isF16() || element.isSignlessInteger(64) ||
      element.isSignlessInteger(32) || element.isSignlessInteger(8))
    return success();
  return op->emitOpError("the operand of a predicate must hold f64, f32, bf16, "
                         "f16, i64, i32 or i8; got ")
         << element;
}

//===----------------------------------------------------------------------===//
// attn.attention
//===----------------------------------------------------------------------===//

static RankedTensorType getExtraType(AttentionOp op, AccessAttr access) {
  return cast<RankedTensorType>(op.getExtras()[access.getInput()].getType());
}

static LogicalResult verifyMask(AttentionOp op, MaskAttr mask,
                                int64_t &nextSlot) {
  // spec: SP-21
  AccessAttr operand = mask.getOperand();
  if (failed(verifyExtra(op, "the mask", operand.getInput(), operand.getRanks(),
                         getScoreRanks(op), nextSlot)))
    return failure();
  Type element = getExtraType(op, operand).getElementType();
  if (!isMaskElement(element))
    return op.emitOpError("the mask must hold i1 or i8; got ") << element;
  return success();
}

static LogicalResult verifyPredicate(AttentionOp op, PredicateAttr predicate,
                                     int64_t &nextSlot, int64_t &nextRegion) {
  // spec: SP-23
  for (AccessAttr operand : predicate.getOperands())
    if (failed(verifyExtra(op, "a predicate's operand", operand.getInput(),
                           operand.getRanks(), getScoreRanks(op), nextSlot)) ||
        failed(verifyPredicateElement(
            op, getExtraType(op, operand).getElementType())))
      return failure();
  if (!predicate.getIndices().empty())
    return op.emitOpError("lists the rank '")
           << predicate.getIndices().front().getValue()
           << "' of a predicate, whose region receives the indices b, h, m "
              "and n; list none";
  int64_t numRegions = op.getScoreMaps().size();
  if (predicate.getNumber() != nextRegion++ || nextRegion > numRegions)
    return op.emitOpError("a predicate names region ")
           << predicate.getNumber() << " of " << numRegions << " where region "
           << nextRegion - 1 << " is next";
  return success();
}

static LogicalResult verifyList(AttentionOp op, Attribute atom,
                                int64_t &nextSlot) {
  SmallVector<ExtraRank> allowed = getScoreRanks(op);
  allowed.truncate(2);
  for (const ListOperand &list : getListOperands(atom)) {
    // spec: LI-2, LI-3
    if (failed(verifyExtra(op, list.what, list.access.getInput(),
                           list.access.getRanks(), allowed, nextSlot,
                           list.numDims)))
      return failure();
    Type element = getExtraType(op, list.access).getElementType();
    if (!element.isSignlessInteger(32) && !element.isSignlessInteger(64))
      return op.emitOpError(list.what)
             << " must hold i32 or i64; got " << element;
  }
  auto query = cast<RankedTensorType>(op.getQuery().getType());
  return verifyListCount(op, atom, query.getDimSize(2), [&](AccessAttr access) {
    return getExtraType(op, access);
  });
}

LogicalResult attn::verifyOperandAtoms(AttentionOp op, int64_t &nextSlot,
                                       int64_t &nextRegion) {
  if (!op.getSparsity())
    return success();
  for (Attribute atom : op.getSparsity()->getOperandAtoms()) {
    auto predicate = dyn_cast<PredicateAttr>(atom);
    auto mask = dyn_cast<MaskAttr>(atom);
    if (failed(mask ? verifyMask(op, mask, nextSlot)
               : predicate
                   ? verifyPredicate(op, predicate, nextSlot, nextRegion)
                   : verifyList(op, atom, nextSlot)))
      return failure();
  }
  // spec: LI-5
  if (!op.getSparsity()->getListAtoms().empty() &&
      (op.isPermuted() || op.isPacked() || op.getOrigin("m") ||
       op.getOrigin("n")))
    return op.emitOpError(kListsStandAlone);
  return success();
}

//===----------------------------------------------------------------------===//
// attn.cascade
//===----------------------------------------------------------------------===//

LogicalResult attn::verifyPointAtoms(CascadeOp cascade,
                                     const CascadeSpace &space) {
  // spec: SP-24
  llvm::SmallDenseSet<int64_t> named;
  if (space.sparsity)
    for (PredicateAttr predicate : space.sparsity.getPredicates())
      named.insert(predicate.getNumber());
  for (int64_t region : llvm::seq<int64_t>(0, cascade.getPredicates().size()))
    if (!named.contains(region))
      return cascade.emitOpError("has predicate region ")
             << region << ", which no predicate of its sparsity names";
  for (Attribute atom : space.getPointAtoms()) {
    bool isMask = isa<MaskAttr>(atom);
    StringRef what = isMask ? "a mask" : "an operand of a predicate";
    // spec: SP-21, SP-23
    for (AccessAttr access : SparsityAttr::getOperandsOf(atom)) {
      FailureOr<ShapedType> type = getInputType(cascade, what, access);
      if (failed(type))
        return failure();
      bool hasRanks =
          type->getRank() == static_cast<int64_t>(access.getRanks().size());
      if (isMask && (!hasRanks || !isMaskElement(type->getElementType())))
        return cascade.emitOpError("reads ")
               << *type << " as a mask with " << access.getRanks().size()
               << " ranks; allowed are i1 or i8, and a dimension for each rank";
      if (isMask)
        continue;
      if (!hasRanks)
        return cascade.emitOpError("reads ")
               << *type << " as an operand of a predicate with "
               << access.getRanks().size()
               << " ranks; allowed is a dimension for each rank";
      if (failed(verifyPredicateElement(cascade, type->getElementType())))
        return failure();
    }
    // spec: SP-24
    auto predicate = dyn_cast<PredicateAttr>(atom);
    int64_t numRegions = cascade.getPredicates().size();
    if (predicate && predicate.getNumber() >= numRegions)
      return cascade.emitOpError("a predicate names region ")
             << predicate.getNumber() << " of " << numRegions;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Regions
//===----------------------------------------------------------------------===//

/// Checks a region that receives an element of each of `operands`, then
/// `numIndices` indices, which `indices` names for the message.
static LogicalResult verifyRegion(Operation *op, Region &region,
                                  ArrayRef<Type> operands, size_t numIndices,
                                  StringRef indices) {
  // spec: SP-24
  MLIRContext *context = op->getContext();
  SmallVector<Type> expected;
  for (Type element : operands)
    expected.push_back(isa<FloatType>(element) ? getComputeType(element)
                                               : element);
  expected.append(numIndices, IndexType::get(context));
  Block &block = region.front();
  if (block.getArgumentTypes() != TypeRange(expected))
    return op->emitOpError("a predicate takes its operands and the indices ")
           << indices << ": (" << TypeRange(expected) << "); got ("
           << block.getArgumentTypes() << ")";
  auto yield = dyn_cast<YieldOp>(block.getTerminator());
  if (!yield ||
      yield.getOperandTypes() != TypeRange(IntegerType::get(context, 1)))
    return op->emitOpError("a predicate must yield one i1");
  for (Operation &inner : block.without_terminator())
    if (failed(verifyScalarOp(&inner, "a predicate")))
      return failure();
  return success();
}

LogicalResult attn::verifyPredicateRegions(AttentionOp op) {
  if (!op.getSparsity())
    return success();
  for (PredicateAttr predicate : op.getSparsity()->getPredicates()) {
    SmallVector<Type> operands;
    for (AccessAttr access : predicate.getOperands())
      operands.push_back(getExtraType(op, access).getElementType());
    if (failed(verifyRegion(op, op.getScoreMaps()[predicate.getNumber()],
                            operands, /*numIndices=*/4, "b, h, m, n")))
      return failure();
  }
  return success();
}

LogicalResult attn::verifyPredicateRegions(CascadeOp cascade) {
  if (!cascade.getSparsity())
    return success();
  for (PredicateAttr predicate : cascade.getSparsity()->getPredicates()) {
    SmallVector<Type> operands;
    for (AccessAttr access : predicate.getOperands())
      operands.push_back(getElementTypeOrSelf(
          cascade.getInputs()[access.getInput()].getType()));
    std::string indices;
    for (StringAttr rank : predicate.getIndices())
      indices += (indices.empty() ? "" : ", ") + rank.str();
    if (failed(verifyRegion(cascade,
                            cascade.getPredicates()[predicate.getNumber()],
                            operands, predicate.getIndices().size(),
                            indices.empty() ? "that it lists" : indices)))
      return failure();
  }
  llvm::MapVector<StringAttr, int64_t> extents = cascade.getRankExtents();
  for (StringAttr rank : cascade.getSpace().getIndexedRanks())
    if (!extents.contains(rank))
      return cascade.emitOpError("a predicate reads the index of '")
             << rank.getValue()
             << "'; allowed are ranks of the cascade that have an extent";
  return success();
}
