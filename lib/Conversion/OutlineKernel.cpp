//===- OutlineKernel.cpp - From tensors to the kernel's functions ---------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BoundaryViews.h"
#include "attn/Conversion/KernelSignature.h"
#include "attn/Conversion/Passes.h"
#include "attn/Support/NotSupported.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNOUTLINEKERNEL
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// Reads the arguments of `function` from `buffers` at the builder's place.
static void mapArguments(OpBuilder &builder, func::FuncOp function,
                         ValueRange buffers, IRMapping &mapping) {
  for (auto [argument, buffer] : llvm::zip(function.getArguments(), buffers)) {
    auto tensor = bufferization::ToTensorOp::create(
        builder, argument.getLoc(), argument.getType(), buffer,
        /*restrict=*/true, /*writable=*/false);
    mapping.map(argument, tensor.getResult());
  }
}

static void writeTo(OpBuilder &builder, Location loc, Value tensor,
                    Value buffer) {
  auto write = bufferization::MaterializeInDestinationOp::create(
      builder, loc, TypeRange(), tensor, buffer);
  write.setRestrict(true);
  write.setWritable(true);
}

/// Copies what `value` is computed from to the builder's place.
static Value cloneSlice(OpBuilder &builder, Value value, IRMapping &mapping) {
  if (Value known = mapping.lookupOrNull(value))
    return known;
  Operation *op = value.getDefiningOp();
  for (Value operand : op->getOperands())
    cloneSlice(builder, operand, mapping);
  builder.clone(*op, mapping);
  return mapping.lookup(value);
}

/// The loop whose points are the items, where the function is one but for
/// reshapes.
static scf::ForallOp getItemLoop(func::FuncOp function) {
  auto loops = function.getOps<scf::ForallOp>();
  if (!llvm::hasSingleElement(loops))
    return {};
  scf::ForallOp loop = *loops.begin();
  for (Operation &op : function.getBody().front())
    if (&op != loop && !isa<func::ReturnOp, tensor::EmptyOp>(op) &&
        !isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(
            op) &&
        llvm::any_of(op.getResultTypes(), llvm::IsaPred<ShapedType>))
      return {};
  return loop;
}

/// The whole function as one item.
static void outlineWhole(OpBuilder &builder, func::FuncOp function,
                         func::FuncOp items, func::FuncOp run) {
  Location loc = function.getLoc();
  builder.setInsertionPointToStart(&items.getBody().front());
  Value one = arith::ConstantIntOp::create(builder, loc, 1, /*width=*/64);
  func::ReturnOp::create(builder, loc, one);

  builder.setInsertionPointToStart(&run.getBody().front());
  KernelSignature::Run arguments = KernelSignature::getRunArguments(run);
  IRMapping mapping;
  mapArguments(builder, function, arguments.tensors, mapping);
  Block &body = function.getBody().front();
  for (Operation &op : body.without_terminator())
    builder.clone(op, mapping);
  Operation *terminator = body.getTerminator();
  for (auto [result, buffer] : llvm::zip_equal(
           terminator->getOperands(),
           arguments.tensors.drop_front(function.getNumArguments())))
    writeTo(builder, terminator->getLoc(), mapping.lookup(result), buffer);
  func::ReturnOp::create(builder, loc);
}

/// One item for each point of `loop`; the last dimension varies fastest.
static LogicalResult outlineLoop(OpBuilder &builder, func::FuncOp function,
                                 scf::ForallOp loop, func::FuncOp items,
                                 func::FuncOp run) {
  Location loc = loop.getLoc();
  auto toValue = [&](OpFoldResult size, IRMapping &mapping) -> Value {
    if (auto value = dyn_cast<Value>(size))
      return cloneSlice(builder, value, mapping);
    return arith::ConstantIndexOp::create(builder, loc,
                                          *getConstantIntValue(size));
  };
  {
    builder.setInsertionPointToStart(&items.getBody().front());
    IRMapping mapping;
    mapArguments(builder, function, items.getArguments(), mapping);
    Value count = arith::ConstantIndexOp::create(builder, loc, 1);
    for (OpFoldResult bound : loop.getMixedUpperBound())
      count =
          arith::MulIOp::create(builder, loc, count, toValue(bound, mapping));
    count =
        arith::IndexCastOp::create(builder, loc, builder.getI64Type(), count);
    func::ReturnOp::create(builder, loc, count);
  }

  builder.setInsertionPointToStart(&run.getBody().front());
  KernelSignature::Run arguments = KernelSignature::getRunArguments(run);
  BoundaryViews views(function, arguments.tensors);
  SmallVector<Value> outputs;
  for (Value result : loop.getResults()) {
    FailureOr<Value> output = views.getOutput(builder, result);
    if (failed(output))
      return failure();
    outputs.push_back(*output);
  }
  IRMapping mapping;
  mapArguments(builder, function, arguments.tensors, mapping);
  SmallVector<Value> bounds;
  for (OpFoldResult bound : loop.getMixedUpperBound())
    bounds.push_back(toValue(bound, mapping));
  // What the body reads from in front of the loop.
  loop.getBody()->walk([&](Operation *op) {
    for (Value operand : op->getOperands())
      if (operand.getParentBlock() == loop->getBlock())
        cloneSlice(builder, operand, mapping);
  });
  auto toIndex = [&](Value value) -> Value {
    return arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                      value);
  };
  auto item = scf::ForOp::create(
      builder, loc, toIndex(arguments.begin), toIndex(arguments.end),
      arith::ConstantIndexOp::create(builder, loc, 1));
  func::ReturnOp::create(builder, loc);
  builder.setInsertionPointToStart(item.getBody());
  Value rest = item.getInductionVar();
  SmallVector<Value> point(bounds.size());
  for (size_t position = bounds.size(); position-- > 1;) {
    point[position] =
        arith::RemUIOp::create(builder, loc, rest, bounds[position]);
    rest = arith::DivUIOp::create(builder, loc, rest, bounds[position]);
  }
  point[0] = rest;
  mapping.map(loop.getInductionVars(), point);
  // The sizes of the outputs are those of the tensors made for them.
  for (auto [argument, output] :
       llvm::zip(loop.getRegionOutArgs(), loop.getOutputs()))
    mapping.map(argument, cloneSlice(builder, output, mapping));
  for (Operation &op : loop.getBody()->without_terminator())
    builder.clone(op, mapping);
  for (Operation &op : loop.getTerminator().getYieldingOps()) {
    auto insert = cast<tensor::ParallelInsertSliceOp>(op);
    auto position = cast<BlockArgument>(insert.getDest()).getArgNumber() -
                    loop.getInductionVars().size();
    auto remap = [&](ArrayRef<OpFoldResult> values) {
      return llvm::map_to_vector(values, [&](OpFoldResult value) {
        auto dynamic = dyn_cast<Value>(value);
        return dynamic ? OpFoldResult(mapping.lookup(dynamic)) : value;
      });
    };
    SmallVector<OpFoldResult> offsets = remap(insert.getMixedOffsets());
    SmallVector<OpFoldResult> sizes = remap(insert.getMixedSizes());
    SmallVector<OpFoldResult> strides = remap(insert.getMixedStrides());
    auto type = cast<MemRefType>(outputs[position].getType());
    MemRefType viewType = memref::SubViewOp::inferRankReducedResultType(
        insert.getSourceType().getShape(), type, offsets, sizes, strides);
    Value view = memref::SubViewOp::create(
        builder, loc, viewType, outputs[position], offsets, sizes, strides);
    writeTo(builder, loc, mapping.lookup(insert.getSource()), view);
  }
  run->setAttr(kPerWorkerAttrName, builder.getUnitAttr());
  return success();
}

namespace {
struct OutlineKernelPass
    : public attn::impl::AttnOutlineKernelBase<OutlineKernelPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<SmallVector<func::FuncOp>> functions = getPhaseFunctions(module);
    if (failed(functions))
      return signalPassFailure();
    for (func::FuncOp function : *functions)
      if (failed(outline(function)))
        return signalPassFailure();
  }

private:
  LogicalResult outline(func::FuncOp function) {
    FailureOr<KernelSignature> signature =
        KernelSignature::getForLowering(function);
    if (failed(signature))
      return failure();
    if (signature->getTensors().size() !=
        function.getNumArguments() + function.getNumResults())
      return function.emitError()
             << "kernel '" << function.getName() << "' takes and "
             << "returns other tensors than '" << kKernelsAttrName << "' says";
    WalkResult walk = function.walk([](func::CallOp call) {
      emitNotSupported(call) << "a kernel calls no functions; inline '"
                             << call.getCallee() << "' first";
      return WalkResult::interrupt();
    });
    if (walk.wasInterrupted())
      return failure();

    OpBuilder builder(function);
    Location loc = function.getLoc();
    func::FuncOp items = signature->createItems(builder, loc, /*phase=*/0);
    func::FuncOp run = signature->createRun(builder, loc, /*phase=*/0);
    // attn-assign-workspace writes what these return.
    bool isPhase = function->hasAttr(kPhaseAttrName);
    if (isPhase) {
      signature->createShared(builder, loc).eraseBody();
      signature->createWorker(builder, loc).eraseBody();
    }
    if (scf::ForallOp loop = getItemLoop(function)) {
      if (failed(outlineLoop(builder, function, loop, items, run)))
        return failure();
    } else {
      outlineWhole(builder, function, items, run);
    }
    eraseLowered(function);
    if (!isPhase)
      signature->attachTo(getOperation(), /*phases=*/1, /*workerWorkspace=*/0);
    return success();
  }
};
} // namespace
