//===- Pipelines.cpp - Routes from tensors to machine code -----*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/Pipelines.h"
#include "attn/Conversion/Passes.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::attn;

/// Over unrolled register tiles, tens of thousands of operations, the
/// canonicalizer was the longest pass. One walk folds nearly all that it can,
/// and LLVM the rest (docs/rationale/machine-code.md).
static void addSinglePassCanonicalizer(OpPassManager &manager) {
  GreedyRewriteConfig config;
  config.setMaxIterations(1);
  config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
  manager.addPass(createCanonicalizerPass(config));
}

void attn::buildLowerToControlFlow(OpPassManager &manager,
                                   const TargetFeatures &features) {
  addSinglePassCanonicalizer(manager);
  manager.addPass(createCSEPass());

  // Vector operations of more than one dimension or with masks become loops and
  // rows before the math is expanded, so that it sees registers. A thread of a
  // GPU has none.
  if (!features.gpu)
    manager.addPass(createConvertVectorToSCFPass());
  AttnExpandMathOptions mathOptions;
  mathOptions.fma = features.fma;
  mathOptions.avx512 = features.avx512;
  mathOptions.gpu = features.gpu;
  manager.addPass(createAttnExpandMath(mathOptions));
  arith::ArithExpandOpsPassOptions arithOptions;
  arithOptions.includeBf16 = !features.bf16;
  manager.addPass(arith::createArithExpandOpsPass(arithOptions));

  manager.addPass(memref::createFoldMemRefAliasOpsPass());
  manager.addPass(memref::createExpandStridedMetadataPass());
  manager.addPass(createLowerAffinePass());
  addSinglePassCanonicalizer(manager);
  manager.addPass(createCSEPass());
  manager.addPass(createLoopInvariantCodeMotionPass());

  manager.addPass(createSCFToControlFlowPass());
}

void attn::buildLowerToLLVMTail(OpPassManager &manager,
                                const TargetFeatures &features) {
  buildLowerToControlFlow(manager, features);
  // What the expansion left becomes intrinsics, which LLVM turns into calls of
  // libm.
  manager.addPass(createConvertVectorToLLVMPass());
  manager.addPass(createConvertMathToLLVMPass());
  manager.addPass(createConvertMathToLibmPass());
  // One conversion for all dialects, since each walks the whole kernel.
  manager.addPass(createConvertToLLVMPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
}

void attn::buildLowerToNVVMTail(OpPassManager &manager) {
  OpPassManager &device = manager.nest<gpu::GPUModuleOp>();
  TargetFeatures features;
  features.bf16 = true;
  features.gpu = true;
  device.addPass(createAttnLowerThreads());
  buildLowerToControlFlow(device, features);
  device.addPass(createConvertMathToLLVMPass());
  device.addPass(createConvertToLLVMPass());
  device.addPass(createReconcileUnrealizedCastsPass());
  addSinglePassCanonicalizer(device);
  device.addPass(createCSEPass());
  device.addPass(createSymbolDCEPass());
}

void attn::buildOutlineUnfused(OpPassManager &manager) {
  manager.addPass(createAttnLowerToLinalg());
  manager.addNestedPass<func::FuncOp>(createConvertElementwiseToLinalgPass());
  // No CSE before buffers exist: two results whose reductions start from one
  // shared initial tensor would be given one buffer.
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createAttnOutlineKernel());
}

void attn::buildBufferizeUnfused(OpPassManager &manager, int64_t maxFootprint) {
  manager.addPass(bufferization::createEmptyTensorEliminationPass());
  manager.addPass(createAttnBufferizeKernel());
  // A kernel's own loops are sequential: its workers share the items.
  manager.addPass(createForallToForLoopPass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(memref::createResolveShapedTypeResultDimsPass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  AttnAssignWorkspaceOptions workspace;
  workspace.maxBytes = maxFootprint;
  manager.addPass(createAttnAssignWorkspace(workspace));
}

void attn::buildLowerUnfused(OpPassManager &manager) {
  manager.addPass(createAttnLowerLinalgToLoops());
  manager.addPass(createConvertLinalgToLoopsPass());
  manager.addPass(createLoopInvariantCodeMotionPass());
}

void attn::buildMapToGrids(OpPassManager &manager, const GridOptions &options) {
  AttnLowerLinalgToLoopsOptions loops;
  loops.parallel = true;
  manager.addPass(createAttnLowerLinalgToLoops(loops));
  manager.addPass(createConvertLinalgToParallelLoopsPass());
  AttnMapToWarpsOptions warps;
  warps.sharedBytes = options.sharedBytes;
  manager.addPass(createAttnMapToWarps(warps));
  manager.addPass(createAttnDeferScales());
  manager.addPass(createAttnDeferRowSums());
  AttnStageCopiesOptions stages;
  stages.sharedBytes = options.sharedBytes;
  manager.addPass(createAttnStageCopies(stages));
  manager.addPass(createAttnSpecializeSteps());
  manager.addPass(createAttnMapToThreads());
  manager.addPass(createAttnNarrowIndices());
  manager.addPass(createAttnLowerCopies());
  manager.addPass(createAttnLowerFragments());
  manager.addPass(createAttnLowerEinsums());
  manager.addPass(createLoopInvariantCodeMotionPass());
  AttnMapToBlocksOptions blocks;
  blocks.sharedBytes = options.sharedBytes;
  blocks.residentBlocks = options.residentBlocks;
  blocks.checkValues = options.checkValues;
  manager.addPass(createAttnMapToBlocks(blocks));
}

namespace {
struct TailPipelineOptions : PassPipelineOptions<TailPipelineOptions> {
  Option<bool> fma{*this, "fma",
                   llvm::cl::desc("The target has fused multiply-add"),
                   llvm::cl::init(true)};
  Option<bool> avx512{*this, "avx512", llvm::cl::desc("The target has AVX-512"),
                      llvm::cl::init(false)};
  Option<bool> bf16{*this, "bf16",
                    llvm::cl::desc("The target converts bf16 by instructions"),
                    llvm::cl::init(false)};

  TargetFeatures getFeatures() const {
    TargetFeatures features;
    features.fma = fma;
    features.avx512 = avx512;
    features.bf16 = bf16;
    return features;
  }
};
} // namespace

void attn::registerAttnConversionPipelines() {
  PassPipelineRegistration<TailPipelineOptions>(
      "attn-lower-to-llvm",
      "Lower loops, vectors and memrefs to the LLVM dialect",
      [](OpPassManager &manager, const TailPipelineOptions &options) {
        buildLowerToLLVMTail(manager, options.getFeatures());
      });
  PassPipelineRegistration<TailPipelineOptions>(
      "attn-unfused-to-llvm",
      "Lower cascades einsum by einsum to a kernel module in the LLVM dialect",
      [](OpPassManager &manager, const TailPipelineOptions &options) {
        buildOutlineUnfused(manager);
        buildBufferizeUnfused(manager, /*maxFootprint=*/0);
        buildLowerUnfused(manager);
        buildLowerToLLVMTail(manager, options.getFeatures());
      });
}
