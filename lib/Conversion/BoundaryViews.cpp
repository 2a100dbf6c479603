//===- BoundaryViews.cpp - A function's tensors as memrefs ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BoundaryViews.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::attn;

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
