//===- LaunchArguments.h - The parameters of a GPU's kernels ----*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_LAUNCHARGUMENTS_H
#define ATTN_LIB_CONVERSION_LAUNCHARGUMENTS_H

#include "attn/Conversion/KernelSignature.h"
#include "attn/Conversion/Launches.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::attn {

/// The parameters that all kernels of a device module take, and what their
/// bodies make of them.
class LaunchArguments {
public:
  /// Every tensor's pointer and strides, then the extents of the symbols, the
  /// workspace and, with `hasCheck`, the memory in which a call checks values.
  LaunchArguments(const KernelSignature &signature, bool hasCheck);

  ArrayRef<LaunchParameter> getParameters() const { return parameters; }
  bool hasCheck() const { return isChecked; }

  /// A kernel of `threads` threads; the builder is left in its empty body,
  /// which ends with a return.
  gpu::GPUFuncOp createKernel(OpBuilder &builder, Location loc, StringRef name,
                              int64_t threads) const;

  /// The memref of tensor `index`.
  Value createTensor(OpBuilder &builder, gpu::GPUFuncOp kernel,
                     unsigned index) const;
  /// The extent of a dimension, a number or a symbol of the signature, as i64.
  Value createExtent(OpBuilder &builder, gpu::GPUFuncOp kernel,
                     StringRef dim) const;
  /// Generic pointers.
  Value createWorkspace(OpBuilder &builder, gpu::GPUFuncOp kernel) const;
  Value createCheck(OpBuilder &builder, gpu::GPUFuncOp kernel) const;

private:
  Value createPointer(OpBuilder &builder, gpu::GPUFuncOp kernel,
                      unsigned parameter) const;

  const KernelSignature &signature;
  bool isChecked;
  SmallVector<LaunchParameter> parameters;
  /// The numbers of the parameters of tensors and symbols.
  SmallVector<unsigned> pointers;
  llvm::StringMap<unsigned> extents;
};

/// Adds the kernels NAME_prepare and NAME_check, for what a call checks, to the
/// device module at the builder, and to `plan` their launches and the bytes
/// that they need.
void createValueChecks(OpBuilder &builder, Location loc,
                       const KernelSignature &signature,
                       const LaunchArguments &arguments, LaunchPlan &plan);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_LAUNCHARGUMENTS_H
