//===- RebaseExponentials.cpp - Weights as powers of two ------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNREBASEEXPONENTIALS
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {
/// A tensor and the rank of the reader at each of its dimensions; null where
/// every index is meant.
struct Read {
  Value tensor;
  SmallVector<StringAttr> ranks;
};
} // namespace

/// Access `index` of `einsum`, each index a rank of its own.
static std::optional<Read> getPlainRead(EinsumOp einsum, unsigned index) {
  EinsumAccess access = einsum.getAccess(index);
  Read read{access.tensor, {}};
  for (AffineExpr expr : access.map.getResults()) {
    auto plain = dyn_cast<AffineDimExpr>(expr);
    if (!plain)
      return std::nullopt;
    read.ranks.push_back(access.ranks[plain.getPosition()]);
  }
  return read;
}

/// The arguments of a map that yields their maximum, empty for other maps.
static SmallVector<unsigned> getMaximumArguments(EinsumOp einsum) {
  SmallVector<unsigned> arguments;
  SmallVector<Value> pending{einsum.getMapResult()};
  while (!pending.empty()) {
    Value value = pending.pop_back_val();
    if (auto argument = dyn_cast<BlockArgument>(value);
        argument && argument.getOwner() == einsum.getMap()) {
      arguments.push_back(argument.getArgNumber());
      continue;
    }
    auto maximum = value.getDefiningOp<arith::MaximumFOp>();
    if (!maximum)
      return {};
    llvm::append_range(pending, maximum->getOperands());
  }
  return arguments;
}

/// Whether `bound` is at least `value` at every point: a maximum that has seen
/// it. Narrower types round, and are no bounds.
static bool isBound(const Read &bound, const Read &value) {
  if (!getElementTypeOrSelf(bound.tensor.getType()).isF32())
    return false;
  if (bound.tensor == value.tensor &&
      llvm::all_of(llvm::zip_equal(bound.ranks, value.ranks), [](auto pair) {
        auto [boundRank, valueRank] = pair;
        return !boundRank || boundRank == valueRank;
      }))
    return true;
  auto einsum = bound.tensor.getDefiningOp<EinsumOp>();
  if (!einsum ||
      (einsum.getReduction() && einsum.getReduction() != ReductionKind::Max))
    return false;
  SmallVector<StringAttr> outputRanks = einsum.getOutputRanks();
  for (unsigned argument : getMaximumArguments(einsum)) {
    std::optional<Read> read = getPlainRead(einsum, argument);
    if (!read)
      continue;
    for (StringAttr &rank : read->ranks) {
      auto *found = llvm::find(outputRanks, rank);
      rank = found == outputRanks.end()
                 ? StringAttr()
                 : bound.ranks[found - outputRanks.begin()];
    }
    if (isBound(*read, value))
      return true;
  }
  return false;
}

/// Whether the exponent is a difference that is never positive.
static bool isWeight(EinsumOp einsum, math::ExpOp exponential) {
  auto difference = exponential.getOperand().getDefiningOp<arith::SubFOp>();
  if (!difference || !difference.getType().isF32())
    return false;
  auto getRead = [&](Value operand) -> std::optional<Read> {
    auto argument = dyn_cast<BlockArgument>(operand);
    if (!argument || argument.getOwner() != einsum.getMap())
      return std::nullopt;
    return getPlainRead(einsum, argument.getArgNumber());
  };
  std::optional<Read> value = getRead(difference.getLhs()),
                      bound = getRead(difference.getRhs());
  return value && bound && isBound(*bound, *value);
}

namespace {
struct RebaseExponentialsPass
    : public attn::impl::AttnRebaseExponentialsBase<RebaseExponentialsPass> {
  void runOnOperation() override {
    getOperation()->walk([&](math::ExpOp exponential) {
      auto einsum = dyn_cast<EinsumOp>(exponential->getParentOp());
      if (!einsum || !isWeight(einsum, exponential))
        return;
      OpBuilder builder(exponential);
      Location loc = exponential.getLoc();
      Value factor = arith::ConstantOp::create(
          builder, loc, builder.getF32FloatAttr(llvm::numbers::log2ef));
      Value power =
          arith::MulFOp::create(builder, loc, exponential.getOperand(), factor);
      // A weight too small to be normal is nothing beside that of the maximum.
      Value result =
          math::Exp2Op::create(builder, loc, power, arith::FastMathFlags::afn);
      exponential.replaceAllUsesWith(result);
      exponential.erase();
      ++numRebased;
    });
  }
};
} // namespace
