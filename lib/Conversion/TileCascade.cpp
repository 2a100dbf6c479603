//===- TileCascade.cpp - Mapped cascades as loops over tiles --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BoundaryViews.h"
#include "CascadeTiler.h"
#include "RankReduction.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Analysis/CostModel.h"
#include "attn/Analysis/SparsityPlan.h"
#include "attn/Analysis/StepTest.h"
#include "attn/Conversion/FusedForm.h"
#include "attn/Conversion/KernelSignature.h"
#include "attn/Conversion/Passes.h"
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

private:
  LogicalResult tile(func::FuncOp function);
};
} // namespace

/// Splits a work item into one coordinate per extent; the last varies fastest.
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

/// The same, but for several points of the other ranks at a time: the tiles of
/// all of them that take as long follow each other, and the last items take
/// longest. A grid of blocks begins with those (attn-map-to-blocks), so that
/// what is left for its end is short. A group has no more points than make
/// enough items, so that blocks that run side by side read the same keys; the
/// one that is smaller is the last, which a grid begins with.
static SmallVector<Value> splitItemByTile(OpBuilder &builder, Location loc,
                                          Value item, ArrayRef<Value> extents,
                                          RowTrend trend) {
  // Twice what a large GPU runs at a time.
  constexpr int64_t kGroupItems = 512;
  Value tiles = extents.back(), points = extents.front();
  for (Value extent : extents.drop_front().drop_back())
    points = arith::MulIOp::create(builder, loc, points, extent);
  Value perGroup = arith::CeilDivUIOp::create(
      builder, loc, arith::ConstantIndexOp::create(builder, loc, kGroupItems),
      tiles);
  Value groupItems = arith::MulIOp::create(builder, loc, perGroup, tiles);
  Value group = arith::DivUIOp::create(builder, loc, item, groupItems);
  Value inGroup = arith::RemUIOp::create(builder, loc, item, groupItems);
  Value first = arith::MulIOp::create(builder, loc, group, perGroup);
  Value size = arith::MinUIOp::create(
      builder, loc, perGroup,
      arith::SubIOp::create(builder, loc, points, first));
  Value tile = arith::DivUIOp::create(builder, loc, inGroup, size);
  if (trend == RowTrend::Falling) {
    Value one = arith::ConstantIndexOp::create(builder, loc, 1);
    Value last = arith::SubIOp::create(builder, loc, tiles, one);
    tile = arith::SubIOp::create(builder, loc, last, tile);
  }
  Value point = arith::AddIOp::create(
      builder, loc, first, arith::RemUIOp::create(builder, loc, inGroup, size));
  SmallVector<Value> coordinates =
      splitItem(builder, loc, point, extents.drop_back());
  coordinates.push_back(tile);
  return coordinates;
}

/// Whether `scalar` is computed, without a branch, from the arguments.
static bool isFromArguments(Value scalar) {
  Operation *op = scalar.getDefiningOp();
  if (!op || op->getNumRegions() != 0 || !isMemoryEffectFree(op))
    return false;
  return llvm::all_of(op->getOperands(), [&](Value operand) {
    if (!isa<TensorType>(operand.getType()))
      return isFromArguments(operand);
    return isa<tensor::ExtractOp, tensor::DimOp>(op) && isArgumentView(operand);
  });
}

/// Whether `op` makes a tensor of one number that only clauses of a cascade
/// read: lengths, an offset or an origin.
static bool isNumber(Operation *op) {
  auto number = dyn_cast_or_null<tensor::FromElementsOp>(op);
  if (!number || number.getType().getRank() != 0 ||
      !isFromArguments(number.getElements().front()))
    return false;
  return llvm::all_of(number->getUses(), [](OpOperand &use) {
    auto reader = dyn_cast<CascadeOp>(use.getOwner());
    return reader &&
           reader.getBody().getArgument(use.getOperandNumber()).use_empty();
  });
}

/// Whether the function is the cascade, but for reshapes and scalars.
static LogicalResult
checkBoundary(func::FuncOp function, CascadeOp cascade,
              function_ref<InFlightDiagnostic(Operation *)> emit) {
  for (Operation &op : function.getBody().front()) {
    bool isReshape = isInputView(&op) || isa<tensor::CollapseShapeOp>(op);
    bool isScalar = llvm::none_of(
        op.getResultTypes(), [](Type type) { return isa<ShapedType>(type); });
    if (&op != cascade && !isReshape && !isNumber(&op) &&
        !isa<func::ReturnOp>(op) && (!isScalar || !isMemoryEffectFree(&op)))
      return emit(&op) << "stands beside the cascade; only reshapes may";
  }
  for (auto [index, input] : llvm::enumerate(cascade.getInputs()))
    if (!isArgumentView(input) && !isNumber(input.getDefiningOp()))
      return emit(cascade) << "input #" << index
                           << " is computed in front of the cascade; allowed "
                              "between an argument of the kernel and a cascade "
                              "are tensor.expand_shape, tensor.cast and "
                              "tensor.extract_slice at constant offsets";
  for (auto [index, result] : llvm::enumerate(cascade.getResults()))
    if (!isResultView(result))
      return emit(cascade) << "result #" << index
                           << " is not returned, once and alone; allowed "
                              "between a cascade and a result of the kernel "
                              "are tensor.collapse_shape and tensor.cast";
  return success();
}

/// Says where a kernel for GPUs walks what one for CPUs leaves out: its copies
/// run ahead of the steps.
static void remarkStepsLeft(CascadeOp cascade) {
  for (auto loop : cascade.getBody().getOps<IterateOp>())
    if (loop.getBoxes() && loop.getPlan() && getRunLength(*loop.getPlan()) > 0)
      cascade.emitRemark("visits all steps of its ranges of keys, of which "
                         "some have no live point");
}

LogicalResult
attn::checkFusedCascade(CascadeOp cascade,
                        function_ref<InFlightDiagnostic(Operation *)> emit) {
  if (!cascade.getMapping())
    return emit(cascade)
           << "it has no mapping; attn-choose-mapping gives it one";
  bool isRestricted = cascade.getSpace().restricts();
  auto unplanned = llvm::find_if(
      cascade.getBody().getOps<IterateOp>(), [&](IterateOp iterate) {
        return iterate.getParentAttr() == cascade.getKeyRankAttr() &&
               !iterate.getPlan();
      });
  if (isRestricted && unplanned != cascade.getBody().getOps<IterateOp>().end())
    return emit(*unplanned)
           << "its sparsity has no plan; attn-plan-sparsity gives it one";
  for (auto einsum : cascade.getBody().getOps<EinsumOp>())
    if (isRestricted && einsum.hasRank(cascade.getQueryRankAttr()) &&
        einsum.hasRank(cascade.getKeyRankAttr()))
      return emit(einsum) << "runs over the restricted plane outside of an "
                             "iteration, which alone tests its points";
  CascadeTiler probe(cascade, {}, {}, {}, /*laneTile=*/16);
  return probe.check(emit);
}

void TileCascadePass::runOnOperation() {
  ModuleOp module = getOperation();
  FailureOr<SmallVector<func::FuncOp>> functions = getPhaseFunctions(module);
  if (failed(functions))
    return signalPassFailure();
  for (func::FuncOp function : *functions) {
    // Phases without a mapping take the unfused route.
    bool isUnfused =
        llvm::none_of(function.getOps<CascadeOp>(), [](CascadeOp cascade) {
          return cascade.getMapping().has_value();
        });
    if (function->hasAttr(kPhaseAttrName) && isUnfused)
      continue;
    if (failed(tile(function)))
      return signalPassFailure();
  }
  separateRankReductions(module);
}

/// Which items of a cascade take longer than others: those of its last tiles or
/// of its first ones, if the tiles lie as the rows do and vary fastest among
/// the items.
static RowTrend getItemTrend(CascadeOp cascade) {
  // More than any window of keys that is common, where extents are dynamic.
  constexpr int64_t kManyTokens = 16384;
  MappingAttr mapping = *cascade.getMapping();
  StringAttr lanes = mapping.getLanes();
  SmallVector<StringAttr> order = mapping.getItemOrder();
  CascadeSpace space = cascade.getSpace();
  if (!cascade.hasSpace() || space.isPacked() || lanes != space.queryRank ||
      order.back() != lanes || order.size() == 1)
    return RowTrend::Even;
  llvm::MapVector<StringAttr, int64_t> extents = cascade.getRankExtents();
  auto getExtent = [&](StringAttr rank) {
    int64_t extent = extents.lookup(rank);
    return ShapedType::isDynamic(extent) ? kManyTokens : extent;
  };
  int64_t rows = getExtent(lanes), keys = getExtent(space.keyRank);
  if (rows <= mapping.getLaneTiles()[0])
    return RowTrend::Even;
  for (auto loop : cascade.getBody().getOps<IterateOp>())
    if (loop.getParentAttr() == space.keyRank && loop.getPlan() &&
        !loop.getBoxes())
      return getRowTrend(*loop.getPlan(), rows, keys);
  return RowTrend::Even;
}

/// Lets extrema that are results and reduce what an item holds be infinite over
/// nothing. Those of a stream are already.
static void finishExtrema(CascadeOp cascade) {
  Operation *end = cascade.getBody().front().getTerminator();
  OpBuilder builder(end);
  for (OpOperand &yielded : end->getOpOperands())
    if (auto einsum = yielded.get().getDefiningOp<EinsumOp>();
        einsum && isExtremum(einsum))
      yielded.set(createExtremumResult(builder, einsum, einsum.getResult())
                      .getResult());
}

/// A flag in front of `loop`, false.
static Value createFlag(scf::ForOp loop) {
  OpBuilder builder(loop);
  Location loc = loop.getLoc();
  Value flag = memref::AllocaOp::create(
      builder, loc, MemRefType::get({}, builder.getI1Type()));
  Value no = arith::ConstantIntOp::create(builder, loc, 0, 1);
  memref::StoreOp::create(builder, loc, no, flag);
  return flag;
}

LogicalResult TileCascadePass::tile(func::FuncOp function) {
  ModuleOp module = getOperation();
  FailureOr<KernelSignature> signature =
      KernelSignature::getForLowering(function);
  if (failed(signature))
    return failure();
  SmallVector<CascadeOp> cascades(function.getOps<CascadeOp>());
  auto emit = [](Operation *op) {
    return op->emitError("does not fit the fused form: ");
  };
  if (cascades.empty())
    return emit(function) << "there is no cascade";
  if (cascades.size() > 1)
    return emit(cascades[1]) << "it is the second cascade of a phase";
  CascadeOp cascade = cascades.front();
  if (failed(checkFusedCascade(cascade, emit)) ||
      failed(checkBoundary(function, cascade, emit)))
    return failure();
  finishExtrema(cascade);

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
  /// Extents of the parallel ranks and the number of lane tiles, in the order
  /// of the items.
  SmallVector<StringAttr> order = mapping.getItemOrder();
  auto getItemExtents = [&](CascadeTiler &tiler) {
    return llvm::map_to_vector(order, [&](StringAttr rank) {
      return rank == mapping.getLanes() ? tiler.getTileCount(builder, loc)
                                        : tiler.getExtent(builder, loc, rank);
    });
  };

  // Items.
  {
    func::FuncOp items = signature->createItems(builder, loc, /*phase=*/0);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&items.getBody().front());
    SmallVector<Value> inputs, outputs;
    if (failed(getViews(items, inputs, outputs)))
      return failure();
    CascadeTiler tiler(cascade, inputs, outputs, {}, mapping.getLaneTiles()[0]);
    SmallVector<Value> extents = getItemExtents(tiler);
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
    run->setAttr(kRowTileAttrName,
                 builder.getI64IntegerAttr(mapping.getRowTile()));
    run->setAttr(kLanesAttrName, mapping.getLanes());
    run->setAttr(kLaneTileAttrName,
                 builder.getI64IntegerAttr(mapping.getLaneTiles()[0]));
    KernelSignature::Run arguments = KernelSignature::getRunArguments(run);
    if (warps)
      remarkStepsLeft(cascade);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&run.getBody().front());
    SmallVector<Value> inputs, outputs;
    if (failed(getViews(run, inputs, outputs)))
      return failure();
    // The size is known once every tile is laid out.
    Value size = arith::ConstantIndexOp::create(builder, loc, 0);
    Value workspace =
        createWorkspaceBuffer(builder, loc, arguments.worker, size);
    CascadeTiler places(cascade, inputs, outputs, workspace,
                        mapping.getLaneTiles()[0]);
    if (!warps)
      places.readThroughCaches();
    SmallVector<Value> extents = getItemExtents(places);
    auto toIndex = [&](Value value) -> Value {
      return arith::IndexCastOp::create(builder, loc, index, value);
    };
    auto loop = scf::ForOp::create(
        builder, loc, toIndex(arguments.begin), toIndex(arguments.end),
        arith::ConstantIndexOp::create(builder, loc, 1));
    func::ReturnOp::create(builder, loc);
    builder.setInsertionPointToStart(loop.getBody());
    Value item = loop.getInductionVar();
    RowTrend trend = warps ? getItemTrend(cascade) : RowTrend::Even;
    SmallVector<Value> split =
        trend == RowTrend::Even
            ? splitItem(builder, loc, item, extents)
            : splitItemByTile(builder, loc, item, extents, trend);
    auto getCoordinate = [&](StringAttr rank) {
      return split[llvm::find(order, rank) - order.begin()];
    };
    SmallVector<Value> coordinates =
        llvm::map_to_vector(mapping.getParallel(), getCoordinate);
    TilePlace place = places.getPlace(
        builder, loc, getCoordinate(mapping.getLanes()), coordinates);
    if (place.mayBeEmpty()) {
      Value hasRows = arith::CmpIOp::create(
          builder, loc, arith::CmpIPredicate::sgt, place.rows,
          arith::ConstantIndexOp::create(builder, loc, 0));
      auto branch = scf::IfOp::create(builder, loc, hasRows);
      builder.setInsertionPointToStart(branch.thenBlock());
    }
    // The smallest lane tile that holds the rows: each tile size is a branch,
    // and what it does not need goes into its else.
    ArrayRef<int64_t> tiles = mapping.getLaneTiles();
    Value isCareful;
    for (auto [position, laneTile] : llvm::enumerate(tiles)) {
      OpBuilder body = builder;
      if (position + 1 < tiles.size()) {
        Value next =
            arith::ConstantIndexOp::create(builder, loc, tiles[position + 1]);
        Value needs = arith::CmpIOp::create(
            builder, loc, arith::CmpIPredicate::ugt, place.rows, next);
        auto branch = scf::IfOp::create(builder, loc, needs, /*withElse=*/true);
        body = branch.getThenBodyBuilder();
        builder.setInsertionPointToStart(branch.elseBlock());
      }
      CascadeTiler tiler(cascade, inputs, outputs, workspace, laneTile);
      if (warps && multipliesMatrices(cascade))
        tiler.takeWholeSteps();
      if (!warps)
        tiler.readThroughCaches();
      if (tiler.trustFactors()) {
        if (!isCareful)
          isCareful = createFlag(loop);
        tiler.setCareful(isCareful);
      }
      if (multipliesBf16(cascade))
        tiler.alignKeys(keyUnit);
      tiler.readPairs(pairs);
      tiler.setVectorMultiplies(vectorMultiplies);
      tiler.reserve(places.getWorkspaceBytes());
      tiler.emitItem(body, loc, coordinates, place);
      bytes = std::max(bytes, tiler.getWorkspaceBytes());
    }
    size.getDefiningOp<arith::ConstantOp>().setValueAttr(
        builder.getIndexAttr(bytes));
  }

  // Nothing is shared between the workers of a fused kernel.
  auto returnConstant = [&](func::FuncOp in, int64_t value) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&in.getBody().front());
    Value constant = arith::ConstantIntOp::create(builder, loc, value, 64);
    func::ReturnOp::create(builder, loc, constant);
  };
  returnConstant(signature->createShared(builder, loc), 0);
  if (function->hasAttr(kPhaseAttrName))
    returnConstant(signature->createWorker(builder, loc), bytes);
  else
    signature->attachTo(module, /*phases=*/1, /*workerWorkspace=*/bytes);
  eraseLowered(function);
  return success();
}
