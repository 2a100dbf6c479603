//===- HoldMaxima.cpp - Leave a running maximum behind its scores ---------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A running maximum keeps exponentials within range, and whatever it has summed
// is multiplied when it moves. Range has room: a maximum that is a little too
// small does as well (FlashAttention-4 rescales where it grows by 2^8).
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/Rounding.h"
#include "attn/Analysis/RunningReference.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/TypeUtilities.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNHOLDMAXIMA
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// Weights are at most 2 to this. f16 has room for 2^15.
static constexpr float kLargestExponent = 8;

/// Whether `sum` multiplies weights by values of 16 bits, and so rounds them.
static bool roundsWeights(EinsumOp sum) {
  return sum.getReduction() == ReductionKind::Add &&
         isa_and_nonnull<arith::MulFOp>(sum.getMapResult().getDefiningOp()) &&
         llvm::any_of(sum.getInputs(), [](Value input) {
           Type type = getElementTypeOrSelf(input.getType());
           return isa<FloatType>(type) && type.getIntOrFloatBitWidth() == 16;
         });
}

/// Whether the sums that round weights, of which there are some, are rounded
/// likewise wherever they are seen. Where a maximum is left behind, the largest
/// weight, too, has an error, which a result of f32 would show.
static bool hidesRounding(const RunningReference &reference) {
  bool rounds = false;
  for (EinsumOp einsum : reference.weighted) {
    if (!roundsWeights(einsum))
      continue;
    if (!isSeenRounded(einsum.getResult()))
      return false;
    rounds = true;
  }
  return rounds;
}

/// Makes the maximum that of the step where that is larger by more than what is
/// left of the range, else what it was. NaN is larger than nothing; its weight
/// is NaN all the same.
static void hold(const RunningReference &reference) {
  EinsumOp update = reference.update;
  Block *map = update.getMap();
  Operation *maximum = update.getSingleMapOp();
  OpBuilder builder(maximum);
  Location loc = maximum->getLoc();
  Value before = map->getArgument(reference.carried),
        step = map->getArgument(1 - reference.carried);
  float room = kLargestExponent / reference.scale.getValue().convertToFloat();
  Value rise = arith::SubFOp::create(builder, loc, step, before);
  Value exceeds = arith::CmpFOp::create(
      builder, loc, arith::CmpFPredicate::OGT, rise,
      arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(room)));
  Value held = arith::SelectOp::create(builder, loc, exceeds, step, before);
  maximum->getResult(0).replaceAllUsesWith(held);
  maximum->erase();
}

namespace {
struct HoldMaximaPass : public attn::impl::AttnHoldMaximaBase<HoldMaximaPass> {
  void runOnOperation() override {
    getOperation()->walk([&](IterateOp iterate) {
      for (unsigned number = 0; number < iterate.getNumResults(); ++number) {
        std::optional<RunningReference> reference =
            RunningReference::match(iterate, number);
        if (!reference || !hidesRounding(*reference))
          continue;
        hold(*reference);
        ++numHeld;
      }
    });
  }
};
} // namespace
