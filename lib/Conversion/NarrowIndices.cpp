//===- NarrowIndices.cpp - Indices of 32 bits where they fit --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A GPU has registers of 32 bits, and a comparison of indices of 64 takes two
// instructions. What bounds a step of keys is known to be far smaller, as the
// dimensions of tensors are, the numbers of items and the places in a tile.
//
//===----------------------------------------------------------------------===//

#include "Contractions.h"
#include "attn/Conversion/FusedForm.h"
#include "attn/Conversion/Launches.h"
#include "attn/Conversion/Passes.h"
#include "mlir/Analysis/DataFlow/DeadCodeAnalysis.h"
#include "mlir/Analysis/DataFlow/IntegerRangeAnalysis.h"
#include "mlir/Analysis/DataFlowFramework.h"
#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNNARROWINDICES
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// Whether `memref` is a tensor of the call, or has its elements in other
/// dimensions. Memory of bytes may be that of a worker.
static bool isTensor(Value memref) {
  while (auto reshape = memref.getDefiningOp<memref::ExpandShapeOp>())
    memref = reshape.getSrc();
  return isa<BlockArgument>(memref) &&
         !cast<MemRefType>(memref.getType()).getElementType().isInteger(8);
}

namespace {
/// Ranges of integers, of which dimensions of tensors have one, points of a
/// tile and numbers of items.
class ExtentRangeAnalysis : public dataflow::IntegerRangeAnalysis {
public:
  using IntegerRangeAnalysis::IntegerRangeAnalysis;

  void setToEntryState(dataflow::IntegerValueRangeLattice *lattice) override {
    // The first item of a call and that behind its last one.
    auto argument = dyn_cast<BlockArgument>(lattice->getAnchor());
    if (argument && argument.getType().isInteger(64) &&
        isa<func::FuncOp>(argument.getOwner()->getParentOp()))
      return setMost(lattice, kMostItemsOnGPU);
    IntegerRangeAnalysis::setToEntryState(lattice);
  }

  LogicalResult visitOperation(
      Operation *op,
      ArrayRef<const dataflow::IntegerValueRangeLattice *> operands,
      ArrayRef<dataflow::IntegerValueRangeLattice *> results) override {
    if (auto index = dyn_cast<IndexOp>(op)) {
      auto einsum = index->getParentOfType<TileEinsumOp>();
      int64_t extent = einsum ? getStaticExtent(einsum, index.getRankAttr())
                              : ShapedType::kDynamic;
      if (extent > 0) {
        setMost(results.front(), extent - 1);
        return success();
      }
    }
    auto dim = dyn_cast<memref::DimOp>(op);
    if (!dim || !isTensor(dim.getSource()))
      return IntegerRangeAnalysis::visitOperation(op, operands, results);
    setMost(results.front(), kMostExtentOnGPU);
    return success();
  }

private:
  /// The value of `lattice`, of 64 bits, lies between 0 and `most`.
  void setMost(dataflow::IntegerValueRangeLattice *lattice, int64_t most) {
    auto range =
        ConstantIntRanges::fromSigned(APInt::getZero(64), APInt(64, most));
    propagateIfChanged(lattice, lattice->join(IntegerValueRange(range)));
  }
};

/// Forgets what is known of values that are gone.
class StateEraser : public RewriterBase::Listener {
public:
  explicit StateEraser(DataFlowSolver &solver) : solver(solver) {}

  void notifyOperationErased(Operation *op) override {
    solver.eraseState(solver.getProgramPointAfter(op));
    for (Value result : op->getResults())
      solver.eraseState(result);
  }

private:
  DataFlowSolver &solver;
};

struct NarrowIndicesPass
    : public attn::impl::AttnNarrowIndicesBase<NarrowIndicesPass> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function->hasAttr(kBlockThreadsAttrName) && failed(narrow(function)))
        return signalPassFailure();
  }

private:
  LogicalResult narrow(func::FuncOp function) {
    RewritePatternSet expansions(&getContext());
    populateAffineToStdConversionPatterns(expansions);
    if (failed(applyPatternsGreedily(function, std::move(expansions))))
      return failure();
    DataFlowSolver solver;
    solver.load<dataflow::DeadCodeAnalysis>();
    solver.load<ExtentRangeAnalysis>();
    if (failed(solver.initializeAndRun(function)))
      return failure();
    StateEraser eraser(solver);
    RewritePatternSet patterns(&getContext());
    arith::populateIntRangeNarrowingPatterns(patterns, solver, {32});
    return applyPatternsGreedily(
        function, std::move(patterns),
        GreedyRewriteConfig().setUseTopDownTraversal(false).setListener(
            &eraser));
  }
};
} // namespace
