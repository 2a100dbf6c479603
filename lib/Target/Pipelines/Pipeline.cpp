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

/// Operators to cascades whose factors are deferred: the form that both routes
/// start from.
static void buildPrepareCascades(OpPassManager &manager) {
  OpPassManager &function = manager.nest<func::FuncOp>();
  function.addPass(createExpandAttention());
  function.addPass(createMergeCascades());
  function.addPass(createNormalizeCascade());
  function.addPass(createDeferDivision());
}

/// Each cascade, for itself, to its mapped single-pass form.
static void buildMapCascades(OpPassManager &manager,
                             const AttnToLLVMOptions &options) {
  OpPassManager &function = manager.nest<func::FuncOp>();
  function.addPass(createDeriveSinglePass());
  AttnPlanSparsityOptions plan;
  plan.optional = options.form == "auto";
  function.addPass(createAttnPlanSparsity(plan));
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

void attn::buildDeriveCascadesPipeline(OpPassManager &manager,
                                       const AttnToLLVMOptions &options) {
  buildPrepareCascades(manager);
  buildMapCascades(manager, options);
}

/// The kernel's function, whose cascades are mapped or not, to a kernel module.
static void buildLowerPhases(OpPassManager &manager,
                             const AttnToLLVMOptions &options) {
  manager.addPass(createAttnSplitPhases());
  manager.addPass(createAttnTileCascade());
  manager.addPass(createAttnDistributeCascade());
  buildOutlineUnfused(manager);
  manager.addPass(createAttnLinkPhases());
  buildBufferizeUnfused(manager, options.maxFootprint);
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

namespace {
/// Gives every cascade of the kernel the form in which it is lowered: mapped
/// where the fused route takes it, else as it was before it was derived.
struct ChooseFormPass
    : public PassWrapper<ChooseFormPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ChooseFormPass)

  explicit ChooseFormPass(const AttnToLLVMOptions &from) {
    options.copyOptionValuesFrom(from);
  }
  ChooseFormPass(const ChooseFormPass &other) : PassWrapper(other) {
    options.copyOptionValuesFrom(other.options);
  }
  StringRef getArgument() const override { return "attn-choose-form"; }
  StringRef getDescription() const override {
    return "Derive and map the cascades that can be fused";
  }

  void getDependentDialects(DialectRegistry &registry) const override {
    OpPassManager manager(ModuleOp::getOperationName());
    buildMapCascades(manager, options);
    manager.getDependentDialects(registry);
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    func::FuncOp function = getKernelFunction(module);
    if (!function)
      return signalPassFailure();
    OwningOpRef<func::FuncOp> original = function.clone();
    OpPassManager map(ModuleOp::getOperationName());
    buildMapCascades(map, options);
    if (failed(runPipeline(map, module)))
      return signalPassFailure();

    SmallVector<CascadeOp> plain(original->getOps<CascadeOp>());
    SmallVector<CascadeOp> mapped(function.getOps<CascadeOp>());
    bool isRequired = options.form == "fused";
    for (auto [index, before, cascade] : llvm::enumerate(plain, mapped)) {
      bool fits = succeeded(checkFusedCascade(cascade, [&](Operation *op) {
        if (isRequired)
          return op->emitError("does not fit the fused form: ");
        return op->emitRemark("the cascade is compiled unfused: ");
      }));
      ATTN_DEBUG("form") << "cascade #" << index << " of " << function.getName()
                         << " is compiled " << (fits ? "fused" : "unfused")
                         << "\n";
      if (fits)
        continue;
      if (isRequired)
        return signalPassFailure();
      OpBuilder builder(cascade);
      Operation *clone = builder.clone(*before);
      clone->setOperands(cascade->getOperands());
      cascade->replaceAllUsesWith(clone);
      cascade.erase();
    }
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
  if (options.form == "unfused") {
    // What the fused route is compared with shares little with it.
    OpPassManager &function = manager.nest<func::FuncOp>();
    function.addPass(createExpandAttention());
    function.addPass(createDeferDivision());
  } else {
    buildPrepareCascades(manager);
    manager.addPass(std::make_unique<ChooseFormPass>(options));
  }
  buildLowerPhases(manager, options);
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
