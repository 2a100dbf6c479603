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

/// Gives the operations of `block` from `first` on a branch where the step is
/// whole.
static void specialize(Block &block, Operation *first, const StepSize &step) {
  OpBuilder builder(first);
  Location loc = first->getLoc();
  Value columns = arith::ConstantIndexOp::create(builder, loc, step.columns);
  Value isWhole = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                        step.size, columns);
  auto branch = scf::IfOp::create(builder, loc, isWhole,
                                  /*withElseRegion=*/true);
  IRMapping mapping;
  mapping.map(step.size, columns);
  OpBuilder whole = branch.getThenBodyBuilder();
  for (auto at = first->getIterator(); &*at != block.getTerminator(); ++at)
    whole.clone(*at, mapping);
  Block *rest = branch.elseBlock();
  rest->getOperations().splice(rest->begin(), block.getOperations(),
                               first->getIterator(),
                               block.getTerminator()->getIterator());
}

/// The branches of a step that are taken where nothing of it is masked, or all
/// of the step where it has no such branch.
static void specializeLoop(scf::ForOp loop) {
  Block *block = loop.getBody();
  SmallVector<scf::IfOp> branches;
  for (auto branch : block->getOps<scf::IfOp>())
    if (!branch.getElseRegion().empty())
      branches.push_back(branch);
  if (branches.size() == 1)
    block = branches.front().thenBlock();
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
