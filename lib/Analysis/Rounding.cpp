//===- Rounding.cpp - What is seen after it is rounded --------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/Rounding.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mlir::attn;

/// What holds a number computed from that of `use`, whose relative error is no
/// larger than the number's, up to sums of both signs, which the accuracy
/// contract measures by their values. False where it may be larger.
static bool follow(OpOperand &use, llvm::SetVector<Value> &reached) {
  Operation *user = use.getOwner();
  unsigned number = use.getOperandNumber();
  if (isa<arith::MulFOp, arith::DivFOp, arith::AddFOp, arith::SelectOp,
          arith::TruncFOp, arith::ExtFOp>(user)) {
    reached.insert(user->getResult(0));
    return true;
  }
  // Whether a weight is 0 does not change.
  if (auto test = dyn_cast<arith::CmpFOp>(user))
    return matchPattern(test.getRhs(), m_AnyZeroFloat());
  if (auto einsum = dyn_cast<EinsumOp>(user)) {
    if (number >= einsum.getInputs().size())
      return false;
    reached.insert(einsum.getMap()->getArgument(number));
    return true;
  }
  if (auto iterate = dyn_cast<IterateOp>(user)) {
    reached.insert(iterate.getBody().front().getArgument(number));
    reached.insert(iterate.getResult(number));
    return true;
  }
  if (!isa<YieldOp>(user))
    return false;
  Operation *parent = user->getParentOp();
  if (auto einsum = dyn_cast<EinsumOp>(parent)) {
    reached.insert(einsum->getResult(0));
    return !einsum.getReduction() ||
           einsum.getReduction() == ReductionKind::Add;
  }
  if (auto iterate = dyn_cast<IterateOp>(parent)) {
    reached.insert(iterate.getBody().front().getArgument(number));
    reached.insert(iterate.getResult(number));
    return true;
  }
  return isa<CascadeOp>(parent) &&
         getElementTypeOrSelf(parent->getResult(number).getType())
                 .getIntOrFloatBitWidth() <= 16;
}

bool attn::isSeenRounded(Value value) {
  llvm::SetVector<Value> reached;
  reached.insert(value);
  for (unsigned next = 0; next < reached.size(); ++next)
    for (OpOperand &use : reached[next].getUses())
      if (!follow(use, reached))
        return false;
  return true;
}
