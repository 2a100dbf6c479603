//===- AttnToNVVM.cpp - From operators to kernels of a GPU ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/Pipelines.h"
#include "attn/Pipelines/AttnToLLVM.h"

using namespace mlir;
using namespace mlir::attn;

void attn::buildAttnToNVVMPipeline(OpPassManager &manager,
                                   const AttnToLLVMOptions &options) {
  buildDescribeKernel(manager, options);
  buildChooseFormsPipeline(manager, options);
  buildFormPhases(manager, options);
  buildMapToGrids(manager, {options.sharedBytes, options.residentBlocks,
                            options.checkValues});
  buildLowerToNVVMTail(manager);
}
