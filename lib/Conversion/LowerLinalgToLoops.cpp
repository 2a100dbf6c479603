//===- LowerLinalgToLoops.cpp - Loops that LLVM can vectorise --*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/Passes.h"
#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNLOWERLINALGTOLOOPS
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {

/// Writes the loops of one operation.
class GenericLoops {
public:
  GenericLoops(linalg::GenericOp op, bool isParallel)
      : op(op), builder(op), isParallel(isParallel) {}

  void lower() {
    for (Range range : cast<linalg::LinalgOp>(op.getOperation())
                           .createLoopRanges(builder, op.getLoc()))
      bounds.push_back(
          getValueOrCreateConstantIndexOp(builder, op.getLoc(), range.size));
    zero = arith::ConstantIndexOp::create(builder, op.getLoc(), 0);
    one = arith::ConstantIndexOp::create(builder, op.getLoc(), 1);
    if (isParallel)
      buildParallelLoop();
    else
      buildLoop();
    op.erase();
  }

private:
  /// One loop over all independent points around the reductions.
  void buildParallelLoop() {
    unsigned count = op.getNumParallelLoops();
    OpBuilder::InsertionGuard guard(builder);
    if (count > 0) {
      auto loop = scf::ParallelOp::create(
          builder, op.getLoc(), SmallVector<Value>(count, zero),
          ArrayRef(bounds).take_front(count), SmallVector<Value>(count, one));
      builder.setInsertionPoint(loop.getBody()->getTerminator());
      llvm::append_range(counters, loop.getInductionVars());
    }
    if (counters.size() == bounds.size())
      buildElement();
    else
      buildLoop();
  }

  /// The element of the result where all counters are known.
  void buildElement() {
    hoisted.clear();
    OpOperand *init = op.getDpsInitOperand(0);
    Value result = buildPoint(isUsed(init) ? load(init) : Value());
    memref::StoreOp::create(builder, op.getLoc(), result, init->get(),
                            getIndices(init));
  }

  void buildLoop() {
    Location loc = op.getLoc();
    Value bound = bounds[counters.size()];
    if (counters.size() + 1 < bounds.size()) {
      auto loop = scf::ForOp::create(builder, loc, zero, bound, one);
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(loop.getBody());
      counters.push_back(loop.getInductionVar());
      buildLoop();
      counters.pop_back();
      return;
    }
    // Operands that do not move in the innermost loop are read in front of it:
    // they cannot overlap what the loop writes, as bufferization writes in
    // place only where all index maps agree.
    hoisted.clear();
    for (OpOperand *input : op.getDpsInputOperands())
      if (!movesInnermost(input) && isUsed(input))
        hoisted[input->getOperandNumber()] = load(input);

    OpOperand *init = op.getDpsInitOperand(0);
    if (movesInnermost(init)) {
      auto loop = scf::ForOp::create(builder, loc, zero, bound, one);
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(loop.getBody());
      counters.push_back(loop.getInductionVar());
      Value old = isUsed(init) ? load(init) : Value();
      Value result = buildPoint(old);
      memref::StoreOp::create(builder, loc, result, init->get(),
                              getIndices(init));
      counters.pop_back();
      return;
    }
    SmallVector<Value> place = getIndices(init);
    Value start = memref::LoadOp::create(builder, loc, init->get(), place);
    auto loop = scf::ForOp::create(builder, loc, zero, bound, one, start);
    {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(loop.getBody());
      counters.push_back(loop.getInductionVar());
      Value next = buildPoint(loop.getRegionIterArg(0));
      counters.pop_back();
      scf::YieldOp::create(builder, loc, next);
    }
    memref::StoreOp::create(builder, loc, loop.getResult(0), init->get(),
                            place);
  }

  bool movesInnermost(OpOperand *operand) {
    return op.getMatchingIndexingMap(operand).isFunctionOfDim(op.getNumLoops() -
                                                              1);
  }

  bool isUsed(OpOperand *operand) {
    return !op.getMatchingBlockArgument(operand).use_empty();
  }

  Value load(OpOperand *operand) {
    return memref::LoadOp::create(builder, op.getLoc(), operand->get(),
                                  getIndices(operand));
  }

  SmallVector<Value> getIndices(OpOperand *operand) {
    SmallVector<Value> indices;
    for (AffineExpr expr : op.getMatchingIndexingMap(operand).getResults())
      indices.push_back(affine::expandAffineExpr(builder, op.getLoc(), expr,
                                                 counters, ValueRange()));
    return indices;
  }

  /// The body at the current counters; `old` is the element of the result.
  Value buildPoint(Value old) {
    Block *body = op.getBlock();
    IRMapping mapping;
    for (OpOperand *input : op.getDpsInputOperands()) {
      if (!isUsed(input))
        continue;
      Value value = hoisted.lookup(input->getOperandNumber());
      if (!value)
        value = load(input);
      mapping.map(op.getMatchingBlockArgument(input), value);
    }
    if (old)
      mapping.map(body->getArguments().back(), old);
    for (Operation &inner : body->without_terminator()) {
      if (auto index = dyn_cast<linalg::IndexOp>(inner))
        mapping.map(index.getResult(), counters[index.getDim()]);
      else
        builder.clone(inner, mapping);
    }
    return mapping.lookupOrDefault(body->getTerminator()->getOperand(0));
  }

  linalg::GenericOp op;
  OpBuilder builder;
  bool isParallel;
  SmallVector<Value> bounds;
  SmallVector<Value> counters;
  llvm::SmallDenseMap<unsigned, Value> hoisted;
  Value zero, one;
};

} // namespace

static FailureOr<linalg::GenericOp> putReductionsLast(RewriterBase &rewriter,
                                                      linalg::GenericOp op) {
  SmallVector<unsigned> order, reductions;
  op.getParallelDims(order);
  op.getReductionDims(reductions);
  llvm::append_range(order, reductions);
  if (llvm::is_sorted(order))
    return op;
  return linalg::interchangeGenericOp(rewriter, op, order);
}

namespace {

struct LowerLinalgToLoopsPass
    : public attn::impl::AttnLowerLinalgToLoopsBase<LowerLinalgToLoopsPass> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<linalg::GenericOp> generics;
    getOperation()->walk([&](linalg::GenericOp op) {
      if (op.hasPureBufferSemantics() && op.getNumDpsInits() == 1 &&
          op.getNumLoops() > 0)
        generics.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (linalg::GenericOp op : generics) {
      if (parallel) {
        rewriter.setInsertionPoint(op);
        FailureOr<linalg::GenericOp> sorted = putReductionsLast(rewriter, op);
        if (failed(sorted))
          return signalPassFailure();
        op = *sorted;
      }
      GenericLoops(op, parallel).lower();
    }
  }
};

} // namespace
