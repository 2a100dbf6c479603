//===- SpecializeSteps.cpp - Whole steps have static sizes ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The first and the last step of a row may have fewer points than a tile has
// columns. In registers every column is written out, with a test of whether it
// exists; this gives steps that have all of them a branch of their own, without
// tests. Of steps that are masked in parts, whose branch is the rarer one,
// there is one form.
//
//===----------------------------------------------------------------------===//

#include "StagedSteps.h"
#include "WarpLayouts.h"
#include "attn/Conversion/FusedForm.h"
#include "attn/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNSPECIALIZESTEPS
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {
/// The number of points of a step, and of the tile that they lie in.
struct StepSize {
  Value size;
  int64_t columns = 0;
};
} // namespace

/// The size of the parts of tiles in registers that `op` makes, or in it, if it
/// is known before.
static std::optional<StepSize> findSize(Operation *op) {
  std::optional<StepSize> found;
  op->walk([&](memref::SubViewOp part) {
    auto tile = part.getSource().getDefiningOp<memref::AllocaOp>();
    if (!tile || !tile->hasAttr(kLayoutAttrName))
      return WalkResult::advance();
    auto size = dyn_cast<Value>(part.getMixedSizes().front());
    if (!size || getConstantIntValue(size))
      return WalkResult::advance();
    // A part of a part of the step is none of this, and what is computed in
    // `op` is not known before it.
    if (getConstantIntValue(part.getMixedOffsets().front()) != 0 ||
        op->isAncestor(size.getParentBlock()->getParentOp()))
      return WalkResult::advance();
    found = StepSize{size, tile.getType().getDimSize(0)};
    return WalkResult::interrupt();
  });
  return found;
}

/// A branch in front of `first` that is taken where the step is whole, with
/// another for where it is not.
static scf::IfOp createBranch(Operation *first, const StepSize &step,
                              IRMapping &whole) {
  OpBuilder builder(first);
  Location loc = first->getLoc();
  Value columns = arith::ConstantIndexOp::create(builder, loc, step.columns);
  Value isWhole = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                        step.size, columns);
  whole.map(step.size, columns);
  return scf::IfOp::create(builder, loc, isWhole, /*withElseRegion=*/true);
}

/// Moves the operations from `first` to `last` to the start of `block`.
static void moveTo(Block *block, Block::iterator first, Block::iterator last) {
  block->getOperations().splice(
      block->begin(), first->getBlock()->getOperations(), first, last);
}

/// Gives the operations of `block` from `first` on a branch where the step is
/// whole.
static void specialize(Block &block, Operation *first, const StepSize &step) {
  IRMapping mapping;
  scf::IfOp branch = createBranch(first, step, mapping);
  OpBuilder whole = branch.getThenBodyBuilder();
  for (auto at = first->getIterator(); &*at != block.getTerminator(); ++at)
    whole.clone(*at, mapping);
  moveTo(branch.elseBlock(), first->getIterator(),
         block.getTerminator()->getIterator());
}

/// Where the step is whole `untested` stays, in sizes that are static; of other
/// steps, of which a range has two at most, points are tested, which finds them
/// live.
static void specializeUntested(scf::IfOp untested, const StepSize &step) {
  IRMapping mapping;
  scf::IfOp branch = createBranch(untested, step, mapping);
  OpBuilder whole = branch.getThenBodyBuilder();
  whole.clone(*untested, mapping);
  Block *tested = untested.elseBlock();
  moveTo(branch.elseBlock(), tested->begin(),
         tested->getTerminator()->getIterator());
  untested.erase();
}

/// A step whose points are tested, if at all, in a branch; or all of the step.
static void specializeLoop(scf::ForOp loop) {
  scf::IfOp live = getLiveStep(loop);
  Block *block = live ? live.thenBlock() : loop.getBody();
  for (auto branch : block->getOps<scf::IfOp>())
    if (branch->hasAttr(kUntestedAttrName)) {
      if (std::optional<StepSize> step = findSize(branch))
        specializeUntested(branch, *step);
      return;
    }
  for (Operation &op : block->without_terminator()) {
    bool isPart = isa<memref::SubViewOp>(op);
    if (!isPart && op.getNumRegions() == 0)
      continue;
    std::optional<StepSize> step = findSize(&op);
    if (!step)
      continue;
    specialize(*block, &op, *step);
    return;
  }
}

namespace {
struct SpecializeStepsPass
    : public attn::impl::AttnSpecializeStepsBase<SpecializeStepsPass> {
  using Base::Base;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (!function->hasAttr(kWarpLanesAttrName))
        continue;
      SmallVector<scf::ForOp> steps;
      function.walk([&](scf::ForOp loop) {
        bool isInner =
            !loop.getBody()
                 ->walk([](scf::ForOp) { return WalkResult::interrupt(); })
                 .wasInterrupted();
        if (isInner && loop.getInitArgs().empty())
          steps.push_back(loop);
      });
      for (scf::ForOp loop : steps)
        specializeLoop(loop);
    }
  }
};
} // namespace
