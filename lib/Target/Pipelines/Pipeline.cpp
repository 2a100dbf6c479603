//===- Pipeline.cpp - From operators to the LLVM dialect ------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/CPU/Pipeline.h"
#include "attn/Conversion/FusedForm.h"
#include "attn/Conversion/KernelSignature.h"
#include "attn/Conversion/Passes.h"
#include "attn/Conversion/Pipelines.h"
#include "attn/Support/Debug.h"
#include "attn/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::attn;

static TargetFeatures getFeatures(const AttnToLLVMOptions &options) {
  TargetFeatures features;
  features.fma = options.fma;
  features.avx512 = options.avx512;
  features.bf16 = options.bf16;
  return features;
}

void attn::buildDeriveCascadesPipeline(OpPassManager &manager,
                                       const AttnToLLVMOptions &options) {
  OpPassManager &function = manager.nest<func::FuncOp>();
  function.addPass(createExpandAttention());
  function.addPass(createMergeCascades());
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

static void buildFusedToLLVM(OpPassManager &manager,
                             const AttnToLLVMOptions &options) {
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
  buildLowerToLLVMTail(manager, getFeatures(options));
}

static void buildUnfusedToLLVM(OpPassManager &manager,
                               const AttnToLLVMOptions &options) {
  OpPassManager &function = manager.nest<func::FuncOp>();
  function.addPass(createExpandAttention());
  function.addPass(createDeferDivision());
  buildUnfusedPipeline(manager, getFeatures(options));
}

namespace {
/// Chooses between the two routes by looking at what the derivation made of the
/// module, and runs the chosen one.
struct LowerKernelPass
    : public PassWrapper<LowerKernelPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerKernelPass)

  explicit LowerKernelPass(const AttnToLLVMOptions &from) {
    options.copyOptionValuesFrom(from);
  }
  LowerKernelPass(const LowerKernelPass &other) : PassWrapper(other) {
    options.copyOptionValuesFrom(other.options);
  }
  StringRef getArgument() const override { return "attn-lower-kernel"; }
  StringRef getDescription() const override {
    return "Lower a kernel fused where its cascade allows it, else unfused";
  }

  void getDependentDialects(DialectRegistry &registry) const override {
    OpPassManager manager(ModuleOp::getOperationName());
    buildDeriveCascadesPipeline(manager, options);
    buildFusedToLLVM(manager, options);
    buildUnfusedToLLVM(manager, options);
    manager.getDependentDialects(registry);
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    OwningOpRef<ModuleOp> original = module.clone();
    OpPassManager derive(ModuleOp::getOperationName());
    buildDeriveCascadesPipeline(derive, options);
    if (failed(runPipeline(derive, module)))
      return signalPassFailure();
    func::FuncOp function = getKernelFunction(module);
    if (!function)
      return signalPassFailure();
    bool fits = succeeded(checkFusedForm(function, [](Operation *op) {
      return op->emitRemark("the kernel is compiled unfused: ");
    }));

    ATTN_DEBUG("form") << function.getName() << " is compiled "
                       << (fits ? "fused" : "unfused") << "\n";
    OpPassManager lower(ModuleOp::getOperationName());
    if (fits) {
      buildFusedToLLVM(lower, options);
    } else {
      module.getBodyRegion().takeBody(original->getBodyRegion());
      buildUnfusedToLLVM(lower, options);
    }
    if (failed(runPipeline(lower, module)))
      signalPassFailure();
  }

  AttnToLLVMOptions options;
};
} // namespace

void attn::buildAttnToLLVMPipeline(OpPassManager &manager,
                                   const AttnToLLVMOptions &options) {
  // A kernel is one function; what it calls becomes part of it.
  manager.addPass(createInlinerPass());
  manager.addPass(createSymbolDCEPass());
  if (options.precision == "f64")
    manager.addPass(createAttnPromotePrecision());
  manager.addPass(createAttnDescribeKernel());
  if (options.form == "unfused")
    return buildUnfusedToLLVM(manager, options);
  if (options.form == "fused") {
    buildDeriveCascadesPipeline(manager, options);
    return buildFusedToLLVM(manager, options);
  }
  manager.addPass(std::make_unique<LowerKernelPass>(options));
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
