//===- ShapeReification.cpp - Extents of results from operands ------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `tensor.dim` of a result becomes one of an operand: for every result the
// dimension of an operand with the same rank.
//
//===----------------------------------------------------------------------===//

#include "Interfaces.h"
#include "Verification.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
/// A dimension of an operand, or how many parts of `size` it is cut into.
struct Source {
  Value operand;
  int64_t dim = 0, size = 1;
};
} // namespace

/// The extents of `result`, dynamic ones as `getSource` finds them; fails where
/// it finds none.
static LogicalResult reify(OpBuilder &builder, Value result,
                           function_ref<Source(int64_t)> getSource,
                           ReifiedRankedShapedTypeDims &shapes) {
  auto type = cast<RankedTensorType>(result.getType());
  SmallVector<OpFoldResult> shape;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    if (!type.isDynamicDim(dim)) {
      shape.push_back(builder.getIndexAttr(type.getDimSize(dim)));
      continue;
    }
    Source source = getSource(dim);
    if (!source.operand)
      return failure();
    // A dynamic extent of the result is a value, also where it is known.
    Location loc = result.getLoc();
    Value extent =
        tensor::DimOp::create(builder, loc, source.operand, source.dim);
    if (source.size != 1)
      extent = arith::CeilDivUIOp::create(
          builder, loc, extent,
          arith::ConstantIndexOp::create(builder, loc, source.size));
    shape.push_back(extent);
  }
  shapes.push_back(std::move(shape));
  return success();
}

/// The dimension of an operand that `rank` indexes by itself, if any.
static Source findInEinsum(EinsumOp einsum, StringAttr rank,
                           function_ref<Value(Value)> getOperand) {
  Source found;
  auto look = [&](OperandRange tensors, ArrayAttr maps) {
    for (auto [tensor, map] : llvm::zip(tensors, maps)) {
      Value operand = getOperand(tensor);
      if (!operand || found.operand)
        continue;
      for (auto [dim, expr] :
           llvm::enumerate(cast<AffineMapAttr>(map).getValue().getResults()))
        if (!found.operand && getWalkedRank(einsum, expr) == rank)
          found = {operand, static_cast<int64_t>(dim)};
    }
  };
  look(einsum.getInputs(), einsum.getMaps());
  look(einsum.getIndices(), einsum.getIndexMaps());
  return found;
}

/// The operand of `cascade` or the dimension of one that has the extent of
/// `rank`.
static Source findInCascade(CascadeOp cascade, StringAttr rank) {
  Block &body = cascade.getBody().front();
  auto getInput = [&](Value value) -> Value {
    auto argument = dyn_cast<BlockArgument>(value);
    return argument && argument.getOwner() == &body
               ? cascade.getInputs()[argument.getArgNumber()]
               : Value();
  };
  Source found;
  cascade.getBody().walk([&](EinsumOp einsum) {
    if (!found.operand)
      found = findInEinsum(einsum, rank, getInput);
  });
  for (auto iterate : cascade.getBody().getOps<IterateOp>())
    if (!found.operand && iterate.getSplitRankAttr() == rank) {
      found = findInCascade(cascade, iterate.getParentAttr());
      found.size = *iterate.getSplitSize();
    }
  for (AccessAttr access : cascade.getSpace().getAccesses())
    for (auto [dim, name] : llvm::enumerate(access.getRanks()))
      if (!found.operand && name == rank)
        found = {cascade.getInputs()[access.getInput()],
                 static_cast<int64_t>(dim)};
  return found;
}

/// The tensor that each result starts from.
static OperandRange getInits(IterateOp iterate) { return iterate.getInits(); }
static OperandRange getInits(TileEinsumOp einsum) {
  // A tile in memory has a destination and no result.
  return OperandRange(einsum.getDpsInitsMutable())
      .take_front(einsum->getNumResults());
}

namespace {
struct AttentionShapes
    : ReifyRankedShapedTypeOpInterface::ExternalModel<AttentionShapes,
                                                      AttentionOp> {
  LogicalResult reifyResultShapes(Operation *op, OpBuilder &builder,
                                  ReifiedRankedShapedTypeDims &shapes) const {
    // Batch and tokens come from the query; the rest is static.
    Value query = cast<AttentionOp>(op).getQuery();
    for (Value result : op->getResults())
      if (failed(reify(
              builder, result, [&](int64_t dim) { return Source{query, dim}; },
              shapes)))
        return failure();
    return success();
  }
};

struct MergeShapes
    : ReifyRankedShapedTypeOpInterface::ExternalModel<MergeShapes, MergeOp> {
  LogicalResult reifyResultShapes(Operation *op, OpBuilder &builder,
                                  ReifiedRankedShapedTypeDims &shapes) const {
    Value part = cast<MergeOp>(op).getOutputs().front();
    for (Value result : op->getResults())
      if (failed(reify(
              builder, result, [&](int64_t dim) { return Source{part, dim}; },
              shapes)))
        return failure();
    return success();
  }
};

struct MixShapes
    : ReifyRankedShapedTypeOpInterface::ExternalModel<MixShapes, MixOp> {
  LogicalResult reifyResultShapes(Operation *op, OpBuilder &builder,
                                  ReifiedRankedShapedTypeDims &shapes) const {
    Value branch = cast<MixOp>(op).getBranches().front();
    return reify(
        builder, op->getResult(0),
        [&](int64_t dim) { return Source{branch, dim}; }, shapes);
  }
};

struct CascadeShapes
    : ReifyRankedShapedTypeOpInterface::ExternalModel<CascadeShapes,
                                                      CascadeOp> {
  LogicalResult reifyResultShapes(Operation *op, OpBuilder &builder,
                                  ReifiedRankedShapedTypeDims &shapes) const {
    auto cascade = cast<CascadeOp>(op);
    for (auto [result, yielded] :
         llvm::zip_equal(cascade.getResults(), cascade.getYielded())) {
      // What an iteration returns has the shape of what it starts from.
      Value value = yielded;
      while (auto iterate = value.getDefiningOp<IterateOp>())
        value = iterate.getInits()[cast<OpResult>(value).getResultNumber()];
      auto getSource = [&](int64_t dim) -> Source {
        if (auto einsum = value.getDefiningOp<EinsumOp>())
          return findInCascade(cascade, einsum.getOutputRanks()[dim]);
        if (auto argument = dyn_cast<BlockArgument>(value))
          return {cascade.getInputs()[argument.getArgNumber()], dim};
        return {};
      };
      if (failed(reify(builder, result, getSource, shapes)))
        return failure();
    }
    return success();
  }
};

struct EinsumShapes
    : ReifyRankedShapedTypeOpInterface::ExternalModel<EinsumShapes, EinsumOp> {
  LogicalResult reifyResultShapes(Operation *op, OpBuilder &builder,
                                  ReifiedRankedShapedTypeDims &shapes) const {
    auto einsum = cast<EinsumOp>(op);
    auto getSource = [&](int64_t dim) {
      return findInEinsum(einsum, einsum.getOutputRanks()[dim],
                          [](Value input) { return input; });
    };
    return reify(builder, einsum.getResult(), getSource, shapes);
  }
};

/// Results with the shapes of what they start from.
template <typename OpT>
struct InitShapes
    : ReifyRankedShapedTypeOpInterface::ExternalModel<InitShapes<OpT>, OpT> {
  LogicalResult reifyResultShapes(Operation *op, OpBuilder &builder,
                                  ReifiedRankedShapedTypeDims &shapes) const {
    for (auto [result, init] :
         llvm::zip_equal(op->getResults(), getInits(cast<OpT>(op)))) {
      Value from = init;
      if (failed(reify(
              builder, result, [&](int64_t dim) { return Source{from, dim}; },
              shapes)))
        return failure();
    }
    return success();
  }
};
} // namespace

void attn::attachShapeReification(MLIRContext *context) {
  AttentionOp::attachInterface<AttentionShapes>(*context);
  MergeOp::attachInterface<MergeShapes>(*context);
  MixOp::attachInterface<MixShapes>(*context);
  CascadeOp::attachInterface<CascadeShapes>(*context);
  EinsumOp::attachInterface<EinsumShapes>(*context);
  TileEinsumOp::attachInterface<InitShapes<TileEinsumOp>>(*context);
  IterateOp::attachInterface<InitShapes<IterateOp>>(*context);
}
