//===- Residency.cpp - Where intermediates live ---------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/Residency.h"
#include "attn/Analysis/CascadeUtils.h"

using namespace mlir;
using namespace mlir::attn;

EinsumOp attn::getOnlyReader(EinsumOp einsum) {
  Value result = einsum.getResult();
  if (!result || !result.hasOneUse())
    return {};
  auto reader = dyn_cast<EinsumOp>(*result.user_begin());
  return reader && reader->getBlock() == einsum->getBlock() ? reader
                                                            : EinsumOp();
}

/// The position of `einsum` among the inputs of a reader that reads it once.
static unsigned getPosition(EinsumOp einsum, EinsumOp reader) {
  return llvm::find(reader.getInputs(), einsum.getResult()) -
         reader.getInputs().begin();
}

/// Whether indices that `einsum` computes with are the same at the reader's
/// ranks of its result: those count from the same origins.
static bool keepsIndices(EinsumOp einsum, ArrayRef<StringAttr> ranks) {
  CascadeSpace space = einsum->getParentOfType<CascadeOp>().getSpace();
  SmallVector<StringAttr> own = einsum.getOutputRanks();
  return llvm::all_of(einsum.getBody().getOps<IndexOp>(), [&](IndexOp index) {
    auto *found = llvm::find(own, index.getRankAttr());
    if (found == own.end() || *found == ranks[found - own.begin()])
      return true;
    return !space.getOrigin(*found) &&
           !space.getOrigin(ranks[found - own.begin()]);
  });
}

bool attn::canComputeInReader(EinsumOp einsum, EinsumOp reader) {
  if (einsum.getReduction() || reader.getReduction())
    return false;
  EinsumAccess access = reader.getAccess(getPosition(einsum, reader));
  std::optional<SmallVector<StringAttr>> ranks = getPlainRanks(access);
  llvm::SmallDenseSet<StringAttr> distinct;
  if (!ranks ||
      !llvm::all_of(
          *ranks,
          [&](StringAttr rank) { return distinct.insert(rank).second; }) ||
      !keepsIndices(einsum, *ranks) || !readsAtOwnPoint(einsum, access))
    return false;
  unsigned index = getPosition(einsum, reader);
  // A narrower result rounds; the map would no longer see that.
  return !isa<FloatType>(einsum.getOutputType().getElementType()) ||
         einsum.getMapResult().getType() ==
             reader.getMap()->getArgument(index).getType();
}

bool attn::canAddIntoReader(EinsumOp einsum, EinsumOp reader, unsigned &operand,
                            Operation *&sum) {
  auto addition = reader.getMapResult().getDefiningOp<arith::AddFOp>();
  if (einsum.getReduction() != ReductionKind::Add || reader.getReduction() ||
      !isa_and_nonnull<arith::MulFOp>(einsum.getSingleMapOp()) ||
      einsum.getOutputType() != reader.getOutputType() || !addition ||
      addition->getBlock() != reader.getMap() || !addition->hasOneUse())
    return false;
  // Values along the points of a step are masked where they are made, which a
  // sum in two parts would miss.
  if (auto iterate = dyn_cast<IterateOp>(reader->getParentOp()))
    if (llvm::is_contained(reader.getOutputRanks(), iterate.getPointAttr()))
      return false;
  operand = getPosition(einsum, reader);
  std::optional<SmallVector<StringAttr>> ranks =
      getPlainRanks(reader.getAccess(operand));
  Value argument = reader.getMap()->getArgument(operand);
  if (ranks != reader.getOutputRanks() || !argument.hasOneUse() ||
      !llvm::is_contained(addition->getOperands(), argument))
    return false;
  sum = addition;
  return true;
}

Residency attn::chooseResidency(EinsumOp einsum) {
  unsigned operand = 0;
  Operation *sum = nullptr;
  if (EinsumOp reader = getOnlyReader(einsum))
    if (canComputeInReader(einsum, reader) ||
        canAddIntoReader(einsum, reader, operand, sum))
      return Residency::Register;
  bool isOnlyResult =
      isa<CascadeOp>(einsum->getParentOp()) &&
      llvm::all_of(einsum.getResult().getUsers(),
                   [](Operation *user) { return isa<YieldOp>(user); });
  return isOnlyResult ? Residency::Global : Residency::Cache;
}

Residency attn::getResidency(EinsumOp einsum) {
  return einsum.getResidency().value_or(chooseResidency(einsum));
}
