//===- BoundaryViews.cpp - A function's tensors as memrefs ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BoundaryViews.h"
#include "attn/Support/NotSupported.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::attn;

/// Slices with constant offsets, unit strides, and sizes that are constants or
/// the whole dimension.
static bool isFixedSlice(tensor::ExtractSliceOp slice) {
  auto isConstant = [](OpFoldResult value) {
    return getConstantIntValue(value).has_value();
  };
  if (!llvm::all_of(slice.getMixedOffsets(), isConstant) ||
      !slice.hasUnitStride())
    return false;
  for (auto [dim, offset, size] :
       llvm::enumerate(slice.getMixedOffsets(), slice.getMixedSizes())) {
    if (isConstant(size))
      continue;
    auto whole = cast<Value>(size).getDefiningOp<tensor::DimOp>();
    if (!whole || whole.getSource() != slice.getSource() ||
        whole.getConstantIndex() != static_cast<int64_t>(dim) ||
        getConstantIntValue(offset) != 0)
      return false;
  }
  // The features stay next to each other.
  return !slice.getType().getShape().empty() &&
         !slice.getDroppedDims().test(slice.getSourceType().getRank() - 1);
}

bool attn::isInputView(Operation *op) {
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op))
    return isFixedSlice(slice);
  return isa<tensor::ExpandShapeOp, tensor::CastOp>(op);
}

bool attn::isArgumentView(Value tensor) {
  while (Operation *op = tensor.getDefiningOp()) {
    if (!isInputView(op))
      return false;
    tensor = op->getOperand(0);
  }
  return true;
}

bool attn::isResultView(Value tensor) {
  unsigned numReturns = 0;
  for (Operation *user : tensor.getUsers()) {
    if (isa<tensor::DimOp>(user))
      continue;
    ++numReturns;
    if (!isa<func::ReturnOp>(user) &&
        (!isa<tensor::CollapseShapeOp, tensor::CastOp>(user) ||
         !isResultView(user->getResult(0))))
      return false;
  }
  return numReturns == 1;
}

/// Splits dimensions of `memref`; only static factors are split off, so that a
/// dynamic extent has one dynamic part.
Value BoundaryViews::expand(OpBuilder &builder, Location loc, Value memref,
                            RankedTensorType expanded,
                            ArrayRef<ReassociationIndices> groups) {
  // A cast in between may know more or fewer extents than the memref.
  auto type = cast<MemRefType>(memref.getType());
  SmallVector<int64_t> joined;
  for (ArrayRef<int64_t> group : groups) {
    int64_t extent = 1;
    for (int64_t dim : group)
      extent = ShapedType::isDynamic(extent) || expanded.isDynamicDim(dim)
                   ? ShapedType::kDynamic
                   : extent * expanded.getDimSize(dim);
    joined.push_back(extent);
  }
  if (ArrayRef(joined) != type.getShape()) {
    type = MemRefType::get(joined, type.getElementType(), type.getLayout(),
                           type.getMemorySpace());
    memref = memref::CastOp::create(builder, loc, type, memref);
  }
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

FailureOr<Value> BoundaryViews::getScalar(OpBuilder &builder, Value scalar) {
  if (Value known = scalars.lookup(scalar))
    return known;
  Operation *op = scalar.getDefiningOp();
  IRMapping mapping;
  Value source;
  for (Value operand : op->getOperands()) {
    bool isTensor = isa<TensorType>(operand.getType());
    FailureOr<Value> mapped =
        isTensor ? getInput(builder, operand) : getScalar(builder, operand);
    if (failed(mapped))
      return failure();
    mapping.map(operand, *mapped);
    if (isTensor)
      source = *mapped;
  }
  Location loc = op->getLoc();
  Value computed;
  if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
    SmallVector<Value> indices;
    for (Value index : extract.getIndices())
      indices.push_back(mapping.lookup(index));
    computed = memref::LoadOp::create(builder, loc, source, indices);
  } else if (auto dim = dyn_cast<tensor::DimOp>(op)) {
    computed = memref::DimOp::create(builder, loc, source,
                                     mapping.lookup(dim.getIndex()));
  } else {
    computed = builder.clone(*op, mapping)
                   ->getResult(cast<OpResult>(scalar).getResultNumber());
  }
  return scalars[scalar] = computed;
}

FailureOr<Value> BoundaryViews::getInput(OpBuilder &builder, Value tensor) {
  if (auto argument = dyn_cast<BlockArgument>(tensor))
    return memrefs[argument.getArgNumber()];
  Operation *op = tensor.getDefiningOp();
  if (auto number = dyn_cast<tensor::FromElementsOp>(op))
    return getScalar(builder, number.getElements().front());
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
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op);
      slice && isFixedSlice(slice)) {
    FailureOr<Value> source = getInput(builder, slice.getSource());
    if (failed(source))
      return failure();
    SmallVector<OpFoldResult> sizes;
    for (auto [dim, size] : llvm::enumerate(slice.getMixedSizes()))
      sizes.push_back(
          getConstantIntValue(size)
              ? size
              : memref::getMixedSize(builder, op->getLoc(), *source, dim));
    MemRefType type = memref::SubViewOp::inferRankReducedResultType(
        slice.getType().getShape(), cast<MemRefType>(source->getType()),
        slice.getMixedOffsets(), sizes, slice.getMixedStrides());
    Value view = memref::SubViewOp::create(builder, op->getLoc(), type, *source,
                                           slice.getMixedOffsets(), sizes,
                                           slice.getMixedStrides());
    return view;
  }
  return emitNotSupported(op)
             << "is not fused with the cascade that reads it; allowed "
                "between the kernel's arguments and a cascade are "
                "tensor.expand_shape, tensor.cast and "
                "tensor.extract_slice at constant offsets",
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
    return emitNotSupported(user)
               << "is not fused with the cascade whose result it "
                  "reads; allowed between a cascade and the kernel's "
                  "results are tensor.collapse_shape and tensor.cast",
           failure();
  }
  return emitError(tensor.getLoc(), "a result of the cascade is not returned"),
         failure();
}
