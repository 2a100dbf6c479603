//===- BoundaryViews.h - A function's tensors as memrefs --------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_BOUNDARYVIEWS_H
#define ATTN_LIB_CONVERSION_BOUNDARYVIEWS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::attn {

/// Whether a strided memref can be seen as the operation's result: reshapes
/// that split dimensions, casts, and slices whose place is known when the
/// kernel is compiled.
bool isInputView(Operation *op);

/// Whether `tensor` is an argument of the function, seen through such views.
bool isArgumentView(Value tensor);

/// Whether `tensor` is a result of the function and nothing else reads it.
bool isResultView(Value tensor);

/// The reshapes between the tensors that a function takes and returns and those
/// that an operation inside works on, as views of memrefs.
class BoundaryViews {
public:
  /// `memrefs` stand for the arguments of `function`, then for its results.
  BoundaryViews(func::FuncOp function, ValueRange memrefs)
      : function(function), memrefs(memrefs) {}

  /// The memref view of a value that comes from an argument by reshapes, or the
  /// number that a tensor is made of.
  FailureOr<Value> getInput(OpBuilder &builder, Value tensor);
  /// The memref view through which a value reaches the function's results.
  FailureOr<Value> getOutput(OpBuilder &builder, Value tensor);

private:
  /// A number that is computed from the arguments, computed again.
  FailureOr<Value> getScalar(OpBuilder &builder, Value scalar);
  Value expand(OpBuilder &builder, Location loc, Value memref,
               RankedTensorType expanded,
               ArrayRef<ReassociationIndices> groups);

  func::FuncOp function;
  ValueRange memrefs;
  llvm::DenseMap<Value, Value> scalars;
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_BOUNDARYVIEWS_H
