//===- InvertDivisors.cpp - Divide by a row's sum of weights once ---------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a row has summed is divided by one number for all features. An inverse
// costs what one division costs, a product a sixth of it.
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/CascadeUtils.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNINVERTDIVISORS
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

static bool isSumOfWeights(Value tensor, Value carried);

/// Whether `value`, computed in the map of `einsum`, is a sum of weights.
static bool isSumOfWeights(EinsumOp einsum, Value value, Value carried) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return argument.getOwner() == einsum.getMap() &&
           isSumOfWeights(einsum.getInputs()[argument.getArgNumber()], carried);
  Operation *op = value.getDefiningOp();
  auto isSum = [&](Value operand) {
    return isSumOfWeights(einsum, operand, carried);
  };
  // Too small a weight is 0 (attn-rebase-exponentials).
  if (auto power = dyn_cast<math::Exp2Op>(op))
    return power.getType().isF32() &&
           bitEnumContainsAll(power.getFastmath(), arith::FastMathFlags::afn);
  if (auto select = dyn_cast<arith::SelectOp>(op))
    return isSum(select.getTrueValue()) && isSum(select.getFalseValue());
  if (isa<arith::AddFOp>(op))
    return llvm::all_of(op->getOperands(), isSum);
  // What was summed is repaired where a weight of 1 joins it. Other products
  // may be subnormal.
  if (isa<arith::MulFOp>(op))
    return llvm::all_of(op->getOperands(), isSum) &&
           llvm::any_of(op->getOperands(), [&](Value operand) {
             auto argument = dyn_cast<BlockArgument>(operand);
             return argument &&
                    einsum.getInputs()[argument.getArgNumber()] == carried;
           });
  return matchPattern(value, m_AnyZeroFloat());
}

/// Whether the elements of `tensor` are sums of weights, powers of two that are
/// 0 or normal numbers and at most 1: `carried` is what an iteration around it
/// has summed. Such a sum has an inverse unless it is 0.
static bool isSumOfWeights(Value tensor, Value carried) {
  if (tensor == carried)
    return true;
  if (auto einsum = tensor.getDefiningOp<EinsumOp>())
    return (!einsum.getReduction() ||
            einsum.getReduction() == ReductionKind::Add) &&
           isSumOfWeights(einsum, einsum.getMapResult(), carried);
  auto iterate = tensor.getDefiningOp<IterateOp>();
  if (!iterate)
    return false;
  unsigned number = cast<OpResult>(tensor).getResultNumber();
  Block &body = iterate.getBody().front();
  return isSumOfWeights(iterate.getInits()[number], carried) &&
         isSumOfWeights(body.getTerminator()->getOperand(number),
                        body.getArgument(number));
}

/// Whether all points of a rank of `einsum` divide by the same number, that of
/// input `index`.
static bool isShared(EinsumOp einsum, unsigned index) {
  return llvm::any_of(einsum.getOutputRanks(), [&](StringAttr rank) {
    return !einsum.inputUsesRank(index, rank);
  });
}

/// Replaces x / y by x * (1 / y), or 0 where that inverse is 0, with an einsum
/// for 1 / y. Returns whether it did.
static bool invertDivisor(EinsumOp einsum, arith::DivFOp quotient) {
  auto divisor = dyn_cast<BlockArgument>(quotient.getRhs());
  if (!divisor || divisor.getOwner() != einsum.getMap() ||
      !divisor.hasOneUse() || !divisor.getType().isF32())
    return false;
  unsigned index = divisor.getArgNumber();
  EinsumAccess access = einsum.getAccess(index);
  std::optional<SmallVector<StringAttr>> ranks = getPlainRanks(access);
  auto type = cast<RankedTensorType>(access.tensor.getType());
  if (!ranks || !type.getElementType().isF32() || !isShared(einsum, index) ||
      !isSumOfWeights(access.tensor, /*carried=*/Value()))
    return false;
  // The inverse of `sd` shows as `sd'`.
  Value named = access.tensor;
  if (auto iterate = named.getDefiningOp<IterateOp>())
    named = iterate.getBody().front().getTerminator()->getOperand(
        cast<OpResult>(named).getResultNumber());
  OpBuilder builder(einsum);
  auto inverse = EinsumOp::create(
      builder, named.getLoc(), type, *ranks, ArrayRef<EinsumAccess>(access),
      std::nullopt,
      [&](OpBuilder &nested, Location loc, ValueRange args) -> Value {
        Value one = arith::ConstantOp::create(nested, loc,
                                              nested.getF32FloatAttr(1.0f));
        return arith::DivFOp::create(nested, loc, one, args[0]);
      });
  einsum.getInputsMutable()[index].set(inverse.getResult());
  builder.setInsertionPoint(quotient);
  Location loc = quotient.getLoc();
  Value product =
      arith::MulFOp::create(builder, loc, quotient.getLhs(), divisor);
  // Weights of 0 have summed NaN where a value is not finite.
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(0));
  Value isThere = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UNE,
                                        divisor, zero);
  Value result = arith::SelectOp::create(builder, loc, isThere, product, zero);
  quotient.replaceAllUsesWith(result);
  quotient.erase();
  return true;
}

namespace {
struct InvertDivisorsPass
    : public attn::impl::AttnInvertDivisorsBase<InvertDivisorsPass> {
  void runOnOperation() override {
    SmallVector<arith::DivFOp> quotients;
    getOperation()->walk(
        [&](arith::DivFOp quotient) { quotients.push_back(quotient); });
    for (arith::DivFOp quotient : quotients)
      if (auto einsum = dyn_cast<EinsumOp>(quotient->getParentOp()))
        numInverted += invertDivisor(einsum, quotient);
  }
};
} // namespace
