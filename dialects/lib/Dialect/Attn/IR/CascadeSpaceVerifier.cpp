//===- CascadeSpaceVerifier.cpp - What a cascade's plane may be -----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Verification.h"
#include "attn/Dialect/Attn/IR/Attn.h"

using namespace mlir;
using namespace mlir::attn;

FailureOr<ShapedType> attn::getInputType(CascadeOp cascade, const Twine &what,
                                         AccessAttr access) {
  int64_t numInputs = cascade.getInputs().size();
  if (access.getInput() < 0 || access.getInput() >= numInputs)
    return cascade.emitOpError("reads input #")
           << access.getInput() << " of " << numInputs << " as " << what;
  return cast<ShapedType>(cascade.getInputs()[access.getInput()].getType());
}

/// Checks an input that gives integers to the space; `what` names it.
/// Behind its ranks it may have `numTokenRanks` that are known already.
static LogicalResult verifyAccess(CascadeOp cascade, const Twine &what,
                                  AccessAttr access,
                                  int64_t numTokenRanks = 0) {
  if (!access)
    return success();
  // spec: CA-5
  FailureOr<ShapedType> type = getInputType(cascade, what, access);
  if (failed(type))
    return failure();
  if (!type->getElementType().isSignlessInteger(32) &&
      !type->getElementType().isSignlessInteger(64))
    return cascade.emitOpError("reads ")
           << *type << " as " << what << "; allowed are i32 and i64";
  int64_t numRanks = access.getRanks().size() + numTokenRanks;
  if (type->getRank() != numRanks)
    return cascade.emitOpError("reads a tensor of rank ")
           << type->getRank() << " as " << what << ", with " << numRanks
           << " ranks";
  for (StringAttr rank : access.getRanks())
    if (rank == cascade.getQueryRankAttr() || rank == cascade.getKeyRankAttr())
      return cascade.emitOpError("may not index ")
             << what << " by '" << rank.getValue() << "'";
  return success();
}

/// Checks the orders in which ranks of the plane are walked.
static LogicalResult verifyPermutations(CascadeOp cascade,
                                        const CascadeSpace &space) {
  llvm::SmallDenseSet<StringAttr> seen;
  for (PermutationAttr permutation : space.permutations) {
    StringAttr rank = permutation.getRank();
    // spec: PE-5
    if (!rank || (rank != space.queryRank && rank != space.keyRank))
      return cascade.emitOpError("permutes rank '")
             << (rank ? rank.getValue() : "")
             << "'; allowed are the ranks of 'over (query, key)'";
    if (!seen.insert(rank).second)
      return cascade.emitOpError("permutes rank '")
             << rank.getValue() << "' twice";
    AccessAttr access = permutation.getAccess();
    if (access.getRanks().empty() || access.getRanks().back() != rank)
      return cascade.emitOpError("the permutation of '")
             << rank.getValue() << "' is indexed by it last: '%p["
             << rank.getValue() << "]'";
    AccessAttr inFront = AccessAttr::get(
        cascade.getContext(), access.getInput(), access.getRanks().drop_back());
    if (failed(verifyAccess(cascade,
                            "the permutation of '" + rank.getValue() + "'",
                            inFront, /*numTokenRanks=*/1)))
      return failure();
  }
  // spec: PE-6
  if (!space.permutations.empty())
    for (StringAttr rank : {space.queryRank, space.keyRank})
      if (space.getOrigin(rank))
        return cascade.emitOpError("gives rank '")
               << rank.getValue()
               << "' an origin, which a permuted plane does not have";
  // spec: PE-3
  if (space.readsSlots() && space.permutations.empty())
    return cascade.emitOpError(kPermutedNeedsOrder);
  return success();
}

/// Checks the offsets of packed sequences.
static LogicalResult verifySegments(CascadeOp cascade,
                                    const CascadeSpace &space) {
  // spec: SG-3
  for (auto [access, what] :
       {std::pair(space.querySegments, "the segments of queries"),
        std::pair(space.keySegments, "the segments of keys")})
    if (failed(verifyAccess(cascade, what, access, /*numTokenRanks=*/1)))
      return failure();
  if (!space.isPacked())
    return success();
  if (!space.querySegments || !space.keySegments)
    return cascade.emitOpError(kSegmentsNeedBoth);
  // spec: SG-1
  auto getOffsets = [&](AccessAttr access) {
    return cast<ShapedType>(cascade.getInputs()[access.getInput()].getType())
        .getShape()
        .back();
  };
  if (failed(verifySegmentCounts(cascade, getOffsets(space.querySegments),
                                 getOffsets(space.keySegments))))
    return failure();
  // spec: SG-4
  if (!space.permutations.empty())
    return cascade.emitOpError(kSegmentsHaveNoOrder);
  for (StringAttr rank : {space.queryRank, space.keyRank})
    if (space.getOrigin(rank))
      return cascade.emitOpError("gives rank '")
             << rank.getValue() << "' an origin, which segments do not have";
  return success();
}

/// Checks the lists that atoms of the sparsity name.
static LogicalResult verifyLists(CascadeOp cascade, const CascadeSpace &space) {
  if (!space.sparsity)
    return success();
  SmallVector<Attribute> atoms = space.sparsity.getListAtoms();
  for (Attribute atom : atoms)
    // spec: LI-2, LI-3
    for (const ListOperand &list : getListOperands(atom))
      if (failed(verifyAccess(cascade, list.what, list.access, list.numDims)))
        return failure();
  // spec: LI-5
  if (!atoms.empty() &&
      (!space.permutations.empty() || space.isPacked() ||
       space.getOrigin(space.queryRank) || space.getOrigin(space.keyRank)))
    return cascade.emitOpError(kListsStandAlone);
  return success();
}

/// Checks the clauses that say where positions begin.
static LogicalResult verifyPositions(CascadeOp cascade,
                                     const CascadeSpace &space) {
  // spec: PO-5
  bool hasOffset = space.offset != nullptr;
  bool takesOffset =
      space.alignment && space.alignment.getValue() == Alignment::Offset;
  if (hasOffset != takesOffset)
    return cascade.emitOpError("takes an offset with 'align offset(%x[ranks])' "
                               "alone");
  if (failed(verifyAccess(cascade, "the offset", space.offset)))
    return failure();
  // spec: PO-6
  llvm::SmallDenseSet<StringAttr> seen;
  for (OriginAttr origin : space.origins) {
    StringRef name = origin.getRank().getValue();
    if (!seen.insert(origin.getRank()).second)
      return cascade.emitOpError("gives rank '") << name << "' two origins";
    if (failed(verifyAccess(cascade, "the origin of '" + name + "'",
                            origin.getAccess())))
      return failure();
  }
  // spec: PO-7
  if (space.sparsity && space.alignment.getValue() == Alignment::BottomRight &&
      (space.getOrigin(space.queryRank) || space.getOrigin(space.keyRank)) &&
      !(space.keyLengths && space.queryLengths))
    return cascade.emitOpError(kPartNeedsOffset);
  // spec: SP-15
  if (space.getOrigin(space.keyRank) && countsKeys(space.sparsity))
    return cascade.emitOpError(kPartNeedsGrid);
  return success();
}

LogicalResult CascadeOp::verify() {
  // spec: CA-1
  Block &body = getBody().front();
  if (body.getArgumentTypes() != getInputs().getTypes())
    return emitOpError("the body's arguments must have the inputs' types");
  // spec: TS-1
  if (failed(verifySizes(*this)))
    return failure();
  // spec: CA-2
  if ((getQueryRankAttr() == nullptr) != (getKeyRankAttr() == nullptr))
    return emitOpError("names a query rank and a key rank together");
  if (getQueryRankAttr() && getQueryRank() == getKeyRank())
    return emitOpError("the query rank and the key rank differ; got '")
           << *getQueryRank() << "' twice";
  if ((getSparsity() || getKeyLengths() || getQueryLengths() ||
       getQuerySegments() || getKeySegments() || getAlignment()) &&
      !hasSpace())
    return emitOpError("sparsity, lengths, segments and an alignment need "
                       "'over (query, key)'");
  if (hasSpace() && !getAlignment())
    return emitOpError("'over (query, key)' needs an alignment");
  CascadeSpace space = getSpace();
  if (failed(verifyAccess(*this, "the key lengths", space.keyLengths)) ||
      failed(verifyAccess(*this, "the query lengths", space.queryLengths)))
    return failure();
  if (failed(verifyPermutations(*this, space)) ||
      failed(verifySegments(*this, space)) ||
      failed(verifyLists(*this, space)) ||
      failed(verifyPointAtoms(*this, space)))
    return failure();
  return verifyPositions(*this, space);
}
