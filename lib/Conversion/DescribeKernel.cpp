//===- DescribeKernel.cpp - Attach the signature of the kernel -*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/KernelSignature.h"
#include "attn/Conversion/Passes.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNDESCRIBEKERNEL
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {
struct DescribeKernelPass
    : public attn::impl::AttnDescribeKernelBase<DescribeKernelPass> {
  void runOnOperation() override {
    func::FuncOp function = getKernelFunction(getOperation());
    if (!function)
      return signalPassFailure();
    FailureOr<KernelSignature> signature = KernelSignature::get(function);
    if (failed(signature))
      return signalPassFailure();
    signature->attachTo(getOperation(), /*phases=*/0, /*workerWorkspace=*/0);
  }
};
} // namespace
