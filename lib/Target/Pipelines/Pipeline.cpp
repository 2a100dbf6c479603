//===- Pipeline.cpp - From operators to the LLVM dialect ------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/CPU/Pipeline.h"
#include "attn/Conversion/Passes.h"
#include "attn/Conversion/Pipelines.h"
#include "attn/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::attn;

void attn::buildDeriveCascadesPipeline(OpPassManager &manager,
                                       const AttnToLLVMOptions &options) {
  OpPassManager &function = manager.nest<func::FuncOp>();
  function.addPass(createExpandAttention());
  function.addPass(createNormalizeCascade());
  function.addPass(createDeferDivision());
  function.addPass(createDeriveSinglePass());
  function.addPass(createAttnPlanSparsity());
  AttnChooseMappingOptions mapping;
  mapping.vectorBits = options.vectorBits;
  mapping.vectorRegisters = options.vectorRegisters;
  mapping.l1Bytes = options.l1Bytes;
  mapping.l2Bytes = options.l2Bytes;
  mapping.laneTiles.assign(options.laneTiles.begin(), options.laneTiles.end());
  mapping.streamTile = options.streamTile;
  mapping.rowTile = options.rowTile;
  function.addPass(createAttnChooseMapping(mapping));
  function.addPass(createAttnFuseCascade());
}

void attn::buildAttnToLLVMPipeline(OpPassManager &manager,
                                   const AttnToLLVMOptions &options) {
  TargetFeatures features;
  features.fma = options.fma;
  features.avx512 = options.avx512;
  features.bf16 = options.bf16;
  if (options.precision == "f64")
    manager.addPass(createAttnPromotePrecision());
  manager.addPass(createAttnDescribeKernel());
  if (options.form == "unfused") {
    manager.addNestedPass<func::FuncOp>(createExpandAttention());
    buildUnfusedPipeline(manager, features);
    return;
  }
  buildDeriveCascadesPipeline(manager, options);
  manager.addPass(createAttnTileCascade());
  manager.addPass(createCSEPass());
  manager.addPass(createCanonicalizerPass());
  AttnLowerEinsumsOptions lowering;
  lowering.vectorBits = options.vectorBits;
  if (options.rowTile != 0)
    lowering.rowTile = options.rowTile;
  else if (options.vectorRegisters < 32)
    lowering.rowTile = 2;
  manager.addPass(createAttnLowerEinsums(lowering));
  manager.addPass(createLoopInvariantCodeMotionPass());
  buildLowerToLLVMTail(manager, features);
}

void attn::registerAttnPipelines() {
  PassPipelineRegistration<AttnToLLVMOptions>(
      "attn-to-llvm",
      "Lower attention operators and cascades to a kernel module in the LLVM "
      "dialect",
      buildAttnToLLVMPipeline);
  PassPipelineRegistration<AttnToLLVMOptions>(
      "attn-derive-cascades",
      "Expand operators, derive single-pass cascades, plan and map them",
      buildDeriveCascadesPipeline);
}
