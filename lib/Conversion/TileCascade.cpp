//===- TileCascade.cpp - Mapped cascades as loops over tiles --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CascadeTiler.h"
#include "attn/Conversion/FusedForm.h"
#include "attn/Conversion/KernelSignature.h"
#include "attn/Conversion/Passes.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNTILECASCADE
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {
struct TileCascadePass
    : public attn::impl::AttnTileCascadeBase<TileCascadePass> {
  using Base::Base;
  void runOnOperation() override;
};

/// The reshapes between the kernel's tensors and a cascade's.
class BoundaryViews {
public:
  BoundaryViews(func::FuncOp function, ValueRange memrefs)
      : function(function), memrefs(memrefs) {}

  /// The memref view of a value that comes from an argument by reshapes.
  FailureOr<Value> getInput(OpBuilder &builder, Value tensor);
  /// The memref view through which a cascade's result reaches the function's
  /// results.
  FailureOr<Value> getOutput(OpBuilder &builder, Value tensor);

private:
  Value expand(OpBuilder &builder, Location loc, Value memref,
               RankedTensorType expanded,
               ArrayRef<ReassociationIndices> groups);

  func::FuncOp function;
  ValueRange memrefs;
};
} // namespace

/// Splits dimensions of `memref`; only static factors are split off, so that a
/// dynamic extent has one dynamic part.
Value BoundaryViews::expand(OpBuilder &builder, Location loc, Value memref,
                            RankedTensorType expanded,
                            ArrayRef<ReassociationIndices> groups) {
  auto type = cast<MemRefType>(memref.getType());
  SmallVector<OpFoldResult> shape(expanded.getRank());
  for (auto [source, group] : llvm::enumerate(groups)) {
    int64_t known = 1;
    for (int64_t dim : group)
      if (!expanded.isDynamicDim(dim))
        known *= expanded.getDimSize(dim);
    for (int64_t dim : group) {
      if (!expanded.isDynamicDim(dim)) {
        shape[dim] = builder.getIndexAttr(expanded.getDimSize(dim));
        continue;
      }
      Value extent = memref::DimOp::create(builder, loc, memref, source);
      if (known != 1)
        extent = arith::DivUIOp::create(
            builder, loc, extent,
            arith::ConstantIndexOp::create(builder, loc, known));
      shape[dim] = extent;
    }
  }
  FailureOr<MemRefType> result = memref::ExpandShapeOp::computeExpandedType(
      type, expanded.getShape(), groups);
  if (failed(result))
    return {};
  return memref::ExpandShapeOp::create(builder, loc, *result, memref, groups,
                                       shape);
}

FailureOr<Value> BoundaryViews::getInput(OpBuilder &builder, Value tensor) {
  if (auto argument = dyn_cast<BlockArgument>(tensor))
    return memrefs[argument.getArgNumber()];
  Operation *op = tensor.getDefiningOp();
  if (auto cast = dyn_cast<tensor::CastOp>(op))
    return getInput(builder, cast.getSource());
  if (auto reshape = dyn_cast<tensor::ExpandShapeOp>(op)) {
    FailureOr<Value> source = getInput(builder, reshape.getSrc());
    if (failed(source))
      return failure();
    Value view = expand(builder, op->getLoc(), *source, reshape.getResultType(),
                        reshape.getReassociationIndices());
    if (view)
      return view;
  }
  return op->emitError("is not fused with the cascade that reads it; allowed "
                       "between the kernel's arguments and a cascade are "
                       "tensor.expand_shape and tensor.cast"),
         failure();
}

FailureOr<Value> BoundaryViews::getOutput(OpBuilder &builder, Value tensor) {
  for (OpOperand &use : tensor.getUses()) {
    Operation *user = use.getOwner();
    if (isa<func::ReturnOp>(user))
      return memrefs[function.getNumArguments() + use.getOperandNumber()];
    if (auto cast = dyn_cast<tensor::CastOp>(user))
      return getOutput(builder, cast.getResult());
    if (auto reshape = dyn_cast<tensor::CollapseShapeOp>(user)) {
      FailureOr<Value> source = getOutput(builder, reshape.getResult());
      if (failed(source))
        return failure();
      Value view =
          expand(builder, user->getLoc(), *source, reshape.getSrcType(),
                 reshape.getReassociationIndices());
      if (view)
        return view;
    }
    if (isa<tensor::DimOp>(user))
      continue;
    return user->emitError("is not fused with the cascade whose result it "
                           "reads; allowed between a cascade and the kernel's "
                           "results are tensor.collapse_shape and tensor.cast"),
           failure();
  }
  return emitError(tensor.getLoc(), "a result of the cascade is not returned"),
         failure();
}

/// Splits a work item into one coordinate per parallel rank and the index of
/// the lane tile; the last varies fastest.
static SmallVector<Value> splitItem(OpBuilder &builder, Location loc,
                                    Value item, ArrayRef<Value> extents) {
  SmallVector<Value> coordinates(extents.size());
  for (size_t position = extents.size(); position-- > 1;) {
    coordinates[position] =
        arith::RemUIOp::create(builder, loc, item, extents[position]);
    item = arith::DivUIOp::create(builder, loc, item, extents[position]);
  }
  coordinates[0] = item;
  return coordinates;
}

/// Whether only reshapes stand between the cascade and the kernel's tensors.
static LogicalResult
checkBoundary(func::FuncOp function, CascadeOp cascade,
              function_ref<InFlightDiagnostic(Operation *)> emit) {
  for (Operation &op : function.getBody().front()) {
    bool isReshape = isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp,
                         tensor::CastOp, tensor::DimOp>(op);
    bool isScalar = llvm::none_of(
        op.getResultTypes(), [](Type type) { return isa<ShapedType>(type); });
    if (&op != cascade && !isReshape && !isa<func::ReturnOp>(op) &&
        (!isScalar || !isMemoryEffectFree(&op)))
      return emit(&op) << "stands beside the cascade; only reshapes may";
  }
  for (Value result : cascade.getResults())
    if (result.use_empty())
      return emit(cascade) << "has a result that the kernel does not return";
  return success();
}

LogicalResult
attn::checkFusedForm(func::FuncOp function,
                     function_ref<InFlightDiagnostic(Operation *)> emit) {
  SmallVector<CascadeOp> cascades(function.getOps<CascadeOp>());
  if (cascades.empty())
    return emit(function) << "there is no cascade";
  if (cascades.size() > 1)
    return emit(cascades[1]) << "a kernel holds one cascade, and this is the "
                                "second";
  CascadeOp cascade = cascades.front();
  if (!cascade.getMapping())
    return emit(cascade)
           << "it has no mapping; attn-choose-mapping gives it one";
  if (failed(checkBoundary(function, cascade, emit)))
    return failure();
  CascadeTiler probe(cascade, {}, {}, {}, /*laneTile=*/16);
  return probe.check(emit);
}

void TileCascadePass::runOnOperation() {
  ModuleOp module = getOperation();
  func::FuncOp function = getKernelFunction(module);
  if (!function)
    return signalPassFailure();
  FailureOr<KernelSignature> signature =
      KernelSignature::getFromModule(module, function.getName());
  if (failed(signature)) {
    signature = KernelSignature::get(function);
    if (failed(signature))
      return signalPassFailure();
  }

  if (failed(checkFusedForm(function, [](Operation *op) {
        return op->emitError("does not fit the fused form: ");
      })))
    return signalPassFailure();
  CascadeOp cascade = *function.getOps<CascadeOp>().begin();

  Location loc = cascade.getLoc();
  OpBuilder builder(&getContext());
  builder.setInsertionPoint(function);
  Type index = builder.getIndexType(), i64 = builder.getI64Type();
  MappingAttr mapping = *cascade.getMapping();
  auto getViews = [&](func::FuncOp in, SmallVectorImpl<Value> &inputs,
                      SmallVectorImpl<Value> &outputs) -> LogicalResult {
    BoundaryViews views(
        function, in.getArguments().take_front(signature->getTensors().size()));
    for (Value input : cascade.getInputs()) {
      FailureOr<Value> view = views.getInput(builder, input);
      if (failed(view))
        return failure();
      inputs.push_back(*view);
    }
    for (Value result : cascade.getResults()) {
      FailureOr<Value> view = views.getOutput(builder, result);
      if (failed(view))
        return failure();
      outputs.push_back(*view);
    }
    return success();
  };
  /// Extents of the parallel ranks, then the number of lane tiles.
  auto getItemExtents = [&](CascadeTiler &tiler,
                            SmallVectorImpl<Value> &extents, Value &rows) {
    for (StringAttr rank : mapping.getParallel())
      extents.push_back(tiler.getExtent(builder, loc, rank));
    rows = tiler.getExtent(builder, loc, mapping.getLanes());
    Value tile =
        arith::ConstantIndexOp::create(builder, loc, mapping.getLaneTiles()[0]);
    extents.push_back(arith::CeilDivUIOp::create(builder, loc, rows, tile));
  };

  // Items.
  {
    func::FuncOp items = signature->createItems(builder, loc, /*phase=*/0);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&items.getBody().front());
    SmallVector<Value> inputs, outputs, extents;
    Value rows;
    if (failed(getViews(items, inputs, outputs)))
      return signalPassFailure();
    CascadeTiler tiler(cascade, inputs, outputs, {}, mapping.getLaneTiles()[0]);
    getItemExtents(tiler, extents, rows);
    Value count = extents[0];
    for (Value extent : ArrayRef(extents).drop_front())
      count = arith::MulIOp::create(builder, loc, count, extent);
    count = arith::IndexCastOp::create(builder, loc, i64, count);
    func::ReturnOp::create(builder, loc, count);
  }

  // Items [begin, end).
  int64_t bytes = 0;
  {
    func::FuncOp run = signature->createRun(builder, loc, /*phase=*/0);
    KernelSignature::Run arguments = KernelSignature::getRunArguments(run);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&run.getBody().front());
    SmallVector<Value> inputs, outputs, extents;
    Value rows;
    if (failed(getViews(run, inputs, outputs)))
      return signalPassFailure();
    CascadeTiler extentTiler(cascade, inputs, outputs, {},
                             mapping.getLaneTiles()[0]);
    getItemExtents(extentTiler, extents, rows);
    // The size is known once every tile is laid out.
    Value size = arith::ConstantIndexOp::create(builder, loc, 0);
    Value workspace =
        createWorkspaceBuffer(builder, loc, arguments.worker, size);
    auto toIndex = [&](Value value) -> Value {
      return arith::IndexCastOp::create(builder, loc, index, value);
    };
    auto loop = scf::ForOp::create(
        builder, loc, toIndex(arguments.begin), toIndex(arguments.end),
        arith::ConstantIndexOp::create(builder, loc, 1));
    func::ReturnOp::create(builder, loc);
    builder.setInsertionPointToStart(loop.getBody());
    SmallVector<Value> coordinates =
        splitItem(builder, loc, loop.getInductionVar(), extents);
    Value largest =
        arith::ConstantIndexOp::create(builder, loc, mapping.getLaneTiles()[0]);
    Value first = arith::MulIOp::create(builder, loc,
                                        coordinates.pop_back_val(), largest);
    Value left = arith::SubIOp::create(builder, loc, rows, first);
    Value count = arith::MinUIOp::create(builder, loc, left, largest);
    // The smallest lane tile that holds the rows: each tile size is a branch,
    // and what it does not need goes into its else.
    ArrayRef<int64_t> tiles = mapping.getLaneTiles();
    for (auto [position, laneTile] : llvm::enumerate(tiles)) {
      OpBuilder body = builder;
      if (position + 1 < tiles.size()) {
        Value next =
            arith::ConstantIndexOp::create(builder, loc, tiles[position + 1]);
        Value needs = arith::CmpIOp::create(
            builder, loc, arith::CmpIPredicate::ugt, count, next);
        auto branch = scf::IfOp::create(builder, loc, needs, /*withElse=*/true);
        body = branch.getThenBodyBuilder();
        builder.setInsertionPointToStart(branch.elseBlock());
      }
      CascadeTiler tiler(cascade, inputs, outputs, workspace, laneTile);
      tiler.emitItem(body, loc, coordinates, first, count);
      bytes = std::max(bytes, tiler.getWorkspaceBytes());
    }
    size.getDefiningOp<arith::ConstantOp>().setValueAttr(
        builder.getIndexAttr(bytes));
  }

  // Nothing is shared between the workers of a fused kernel.
  {
    func::FuncOp shared = signature->createShared(builder, loc);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&shared.getBody().front());
    Value zero = arith::ConstantIntOp::create(builder, loc, 0, 64);
    func::ReturnOp::create(builder, loc, zero);
  }
  signature->attachTo(module, /*phases=*/1, /*workerWorkspace=*/bytes);
  function.erase();
}
