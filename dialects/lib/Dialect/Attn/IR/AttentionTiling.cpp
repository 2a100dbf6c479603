//===- AttentionTiling.cpp - Tiles of attn.attention ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The loops of attn.attention are b, h, m, n, f. A tile of them is the operator
// on slices of the operands, with the slices' begins added to the origins. Keys
// are reduced: a tile of them is a partial result, joined by its log-sum-exp.
//
//===----------------------------------------------------------------------===//

#include "AttentionTile.h"
#include "Interfaces.h"
#include "Verification.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/TilingInterface.h"

using namespace mlir;
using namespace mlir::attn;

using Extents = SmallVector<OpFoldResult>;

/// The tile of loops that gives a tile of a result.
static void getLoopsOfResult(AttentionOp op, OpBuilder &builder,
                             ArrayRef<OpFoldResult> offsets,
                             ArrayRef<OpFoldResult> sizes,
                             SmallVectorImpl<OpFoldResult> &loopOffsets,
                             SmallVectorImpl<OpFoldResult> &loopSizes) {
  loopOffsets.assign(kNumLoops, builder.getIndexAttr(0));
  loopSizes = getLoopExtents(op, builder);
  static constexpr AttentionLoop loops[] = {kBatch, kHead, kRow, kFeature};
  for (auto [loop, offset, size] : llvm::zip(loops, offsets, sizes)) {
    loopOffsets[loop] = offset;
    loopSizes[loop] = size;
  }
}

/// The tile of a result, batch, head, row and feature, that a tile of loops
/// gives.
static void getTileOfResult(unsigned resultNumber,
                            ArrayRef<OpFoldResult> loopOffsets,
                            ArrayRef<OpFoldResult> loopSizes,
                            SmallVectorImpl<OpFoldResult> &offsets,
                            SmallVectorImpl<OpFoldResult> &sizes) {
  for (AttentionLoop loop : {kBatch, kHead, kRow, kFeature}) {
    if (loop == kFeature && resultNumber != 0)
      continue;
    offsets.push_back(loopOffsets[loop]);
    sizes.push_back(loopSizes[loop]);
  }
}

static TilingResult getTilingResult(AttentionTile &tile, AttentionOp tiled) {
  return TilingResult{{tiled},
                      SmallVector<Value>(tiled->getResults()),
                      SmallVector<Operation *>(tile.getSlices())};
}

namespace {
struct AttentionTiling
    : TilingInterface::ExternalModel<AttentionTiling, AttentionOp> {
  SmallVector<utils::IteratorType> getLoopIteratorTypes(Operation *) const {
    SmallVector<utils::IteratorType> types(kNumLoops,
                                           utils::IteratorType::parallel);
    types[kKey] = utils::IteratorType::reduction;
    return types;
  }

  SmallVector<Range> getIterationDomain(Operation *op,
                                        OpBuilder &builder) const {
    OpFoldResult zero = builder.getIndexAttr(0), one = builder.getIndexAttr(1);
    return llvm::map_to_vector(
        getLoopExtents(cast<AttentionOp>(op), builder),
        [&](OpFoldResult extent) { return Range{zero, extent, one}; });
  }

  FailureOr<TilingResult>
  getTiledImplementation(Operation *op, OpBuilder &builder,
                         ArrayRef<OpFoldResult> offsets,
                         ArrayRef<OpFoldResult> sizes) const {
    AttentionTile tile(cast<AttentionOp>(op), builder, offsets, sizes);
    if (!tile.isWhole(kKey))
      return op->emitOpError("cannot be tiled along n like a parallel loop; "
                             "tile the reduction, into partial results that "
                             "are merged"),
             failure();
    FailureOr<AttentionOp> tiled = tile.create();
    if (failed(tiled))
      return failure();
    return getTilingResult(tile, *tiled);
  }

  LogicalResult
  getResultTilePosition(Operation *, OpBuilder &, unsigned resultNumber,
                        ArrayRef<OpFoldResult> offsets,
                        ArrayRef<OpFoldResult> sizes,
                        SmallVector<OpFoldResult> &resultOffsets,
                        SmallVector<OpFoldResult> &resultSizes) const {
    getTileOfResult(resultNumber, offsets, sizes, resultOffsets, resultSizes);
    return success();
  }

  LogicalResult getIterationDomainTileFromResultTile(
      Operation *op, OpBuilder &builder, unsigned,
      ArrayRef<OpFoldResult> offsets, ArrayRef<OpFoldResult> sizes,
      SmallVectorImpl<OpFoldResult> &loopOffsets,
      SmallVectorImpl<OpFoldResult> &loopSizes) const {
    getLoopsOfResult(cast<AttentionOp>(op), builder, offsets, sizes,
                     loopOffsets, loopSizes);
    return success();
  }

  FailureOr<TilingResult>
  generateResultTileValue(Operation *op, OpBuilder &builder,
                          unsigned resultNumber, ArrayRef<OpFoldResult> offsets,
                          ArrayRef<OpFoldResult> sizes) const {
    Extents loopOffsets, loopSizes;
    getLoopsOfResult(cast<AttentionOp>(op), builder, offsets, sizes,
                     loopOffsets, loopSizes);
    FailureOr<TilingResult> result =
        getTiledImplementation(op, builder, loopOffsets, loopSizes);
    if (succeeded(result))
      result->tiledValues = {result->tiledValues[resultNumber]};
    return result;
  }
};

//===----------------------------------------------------------------------===//
// Partial results
//===----------------------------------------------------------------------===//

/// Partial results are kept with a dimension of slots in front, in the compute
/// type. Each tile of a parallel loop has its own slot; a sequential loop
/// merges into slot 0.
struct AttentionPartialReduction
    : PartialReductionOpInterface::ExternalModel<AttentionPartialReduction,
                                                 AttentionOp> {
  FailureOr<SmallVector<Value>> generateInitialTensorForPartialReduction(
      Operation *op, OpBuilder &builder, Location loc,
      ArrayRef<OpFoldResult> sizes,
      const SetVector<unsigned> &reductionDims) const {
    if (failed(checkReduction(op, reductionDims)))
      return failure();
    auto attention = cast<AttentionOp>(op);
    Extents extents = getLoopExtents(attention, builder);
    auto type = cast<FloatType>(
        getComputeType(cast<RankedTensorType>(attention.getQuery().getType())
                           .getElementType()));
    const llvm::fltSemantics &semantics = type.getFloatSemantics();
    // Of no keys: 0 and -inf.
    APFloat identities[] = {APFloat::getZero(semantics),
                            APFloat::getInf(semantics, /*Negative=*/true)};
    SmallVector<Value> tensors;
    for (auto [resultNumber, value] : llvm::enumerate(identities)) {
      Extents offsets, shape{sizes[kKey]};
      Extents zeros(kNumLoops, builder.getIndexAttr(0));
      getTileOfResult(resultNumber, zeros, extents, offsets, shape);
      SmallVector<Value> dynamicSizes;
      SmallVector<int64_t> staticSizes;
      dispatchIndexOpFoldResults(shape, dynamicSizes, staticSizes);
      Value constant = arith::ConstantOp::create(
          builder, loc, builder.getFloatAttr(type, value));
      tensors.push_back(tensor::SplatOp::create(
          builder, loc, RankedTensorType::get(staticSizes, type), constant,
          dynamicSizes));
    }
    return tensors;
  }

  FailureOr<TilingResult>
  tileToPartialReduction(Operation *op, OpBuilder &builder, Location loc,
                         ReductionTilingStrategy strategy, ValueRange init,
                         ArrayRef<OpFoldResult> offsets,
                         ArrayRef<OpFoldResult> sizes,
                         const SetVector<unsigned> &reductionDims,
                         ArrayRef<OpFoldResult> splitReductionIvs) const {
    if (failed(checkReduction(op, reductionDims)))
      return failure();
    AttentionTile tile(cast<AttentionOp>(op), builder, offsets, sizes);
    FailureOr<AttentionOp> partial = tile.create(/*isPartial=*/true);
    if (failed(partial))
      return failure();
    TilingResult result = getTilingResult(tile, *partial);
    if (strategy != ReductionTilingStrategy::PartialReductionOuterReduction)
      return result;

    // Joined with what the steps before have left in the slot.
    SmallVector<Value> outputs, lses;
    for (auto [resultNumber, value] : llvm::enumerate(result.tiledValues)) {
      SmallVector<OpFoldResult> sliceOffsets, sliceSizes;
      if (failed(getPartialResultTilePosition(
              op, builder, resultNumber, strategy, offsets, sizes,
              reductionDims, splitReductionIvs, sliceOffsets, sliceSizes)))
        return failure();
      SmallVector<OpFoldResult> strides(sliceOffsets.size(),
                                        builder.getIndexAttr(1));
      Value carried = tensor::ExtractSliceOp::create(
          builder, loc, cast<RankedTensorType>(value.getType()),
          init[resultNumber], sliceOffsets, sliceSizes, strides);
      (resultNumber == 0 ? outputs : lses).append({carried, value});
    }
    auto merge = MergeOp::create(builder, loc, outputs[0].getType(),
                                 lses[0].getType(), outputs, lses,
                                 /*sinks=*/Value());
    // Transforms hand out one operation: the partial one.
    result.tiledValues = SmallVector<Value>(merge->getResults());
    return result;
  }

  FailureOr<MergeResult>
  mergeReductions(Operation *op, OpBuilder &builder, Location loc,
                  ValueRange partialReduce,
                  const SetVector<unsigned> &reductionDims) const {
    if (failed(checkReduction(op, reductionDims)))
      return failure();
    return mergeSlots(cast<AttentionOp>(op), builder, loc, partialReduce[0],
                      partialReduce[1]);
  }

  LogicalResult getPartialResultTilePosition(
      Operation *, OpBuilder &builder, unsigned resultNumber,
      ReductionTilingStrategy strategy, ArrayRef<OpFoldResult> offsets,
      ArrayRef<OpFoldResult> sizes, const SetVector<unsigned> &,
      ArrayRef<OpFoldResult> splitReductionIvs,
      SmallVector<OpFoldResult> &resultOffsets,
      SmallVector<OpFoldResult> &resultSizes) const {
    bool hasSlots =
        strategy == ReductionTilingStrategy::PartialReductionOuterParallel;
    resultOffsets.push_back(hasSlots ? splitReductionIvs.front()
                                     : builder.getIndexAttr(0));
    resultSizes.push_back(builder.getIndexAttr(1));
    getTileOfResult(resultNumber, offsets, sizes, resultOffsets, resultSizes);
    return success();
  }

private:
  static LogicalResult
  checkReduction(Operation *op, const SetVector<unsigned> &reductionDims) {
    auto attention = cast<AttentionOp>(op);
    StringRef obstacle = attention.getLseObstacle();
    if (attention.getWeightMap())
      obstacle = "edited weights are no part of the sum";
    if (!obstacle.empty())
      return op->emitOpError("is not split along its keys: parts are joined by "
                             "their log-sum-exps, and ")
             << obstacle;
    if (countsKeys(attention.getSparsityAttr()))
      return op->emitOpError(
          "is not split along its keys: its neighborhood has "
          "no grid, and counts the keys");
    if (reductionDims.size() == 1 && reductionDims.front() == kKey)
      return success();
    return op->emitOpError("reduces its loop #")
           << unsigned(kKey) << " (b, h, m, n, f) alone";
  }
};
} // namespace

void attn::attachAttentionTiling(MLIRContext *context) {
  AttentionOp::attachInterface<AttentionTiling, AttentionPartialReduction>(
      *context);
}
