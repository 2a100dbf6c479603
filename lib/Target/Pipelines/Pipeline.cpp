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
#include "mlir/IR/IRMapping.h"
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
static void buildPrepareCascades(OpPassManager &manager,
                                 const AttnToLLVMOptions &options) {
  OpPassManager &function = manager.nest<func::FuncOp>();
  AttnAbsorbElementwiseOptions absorb;
  absorb.all = options.fastMath;
  function.addPass(createAttnAbsorbElementwise(absorb));
  function.addPass(createExpandAttention());
  function.addPass(createMergeCascades());
  function.addPass(createNormalizeCascade());
  function.addPass(createDeferDivision());
}

/// Each cascade, for itself, to mapped forms that the fused route takes.
static void buildMapCascades(OpPassManager &manager,
                             const AttnToLLVMOptions &options) {
  OpPassManager &function = manager.nest<func::FuncOp>();
  function.addPass(createAttnSplitPasses());
  DeriveSinglePassOptions derivation;
  // A step of a given size is no step that covers the rank.
  bool isGiven = options.passes == "auto" && options.streamTile != 0;
  derivation.passes = isGiven ? "single" : options.passes.getValue();
  derivation.vectorBits = options.vectorBits;
  derivation.l1Bytes = options.l1Bytes;
  derivation.l2Bytes = options.l2Bytes;
  function.addPass(createDeriveSinglePass(derivation));
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
  mapping.order.assign(options.order.begin(), options.order.end());
  mapping.residency = options.residency;
  function.addPass(createAttnChooseMapping(mapping));
  function.addPass(createAttnFuseCascade());
  function.addPass(createAttnRebaseExponentials());
}

void attn::buildDeriveCascadesPipeline(OpPassManager &manager,
                                       const AttnToLLVMOptions &options) {
  buildPrepareCascades(manager, options);
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
    // A mapping says that a cascade is tiled; one that stays unfused loses it.
    if (options.form == "unfused") {
      function.walk([](CascadeOp cascade) { cascade.removeMappingAttr(); });
      return;
    }
    // Every cascade is tried in a function of its own, so that it can be left
    // as it is: it may become several, one for each pass.
    SmallVector<CascadeOp> cascades(function.getOps<CascadeOp>());
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    auto scratch = ModuleOp::create(builder, function.getLoc());
    SmallVector<func::FuncOp> trials;
    for (auto [index, cascade] : llvm::enumerate(cascades))
      trials.push_back(createTrial(scratch, cascade, index));
    OpPassManager map(ModuleOp::getOperationName());
    buildMapCascades(map, options);
    bool failedToMap = failed(runPipeline(map, scratch));
    for (auto [cascade, trial] : llvm::zip_equal(cascades, trials)) {
      if (failedToMap)
        break;
      bool fits = isFused(trial);
      ATTN_DEBUG("form") << trial.getName() << " of " << function.getName()
                         << " is compiled " << (fits ? "fused" : "unfused")
                         << "\n";
      if (fits)
        inlineTrial(trial, cascade);
      else if (options.form == "fused")
        failedToMap = true;
      else
        cascade.removeMappingAttr();
    }
    scratch.erase();
    if (failedToMap)
      signalPassFailure();
  }

private:
  /// A function that is the cascade alone.
  static func::FuncOp createTrial(ModuleOp scratch, CascadeOp cascade,
                                  size_t index) {
    Location loc = cascade.getLoc();
    OpBuilder builder = OpBuilder::atBlockEnd(scratch.getBody());
    auto trial = func::FuncOp::create(
        builder, loc, "cascade" + std::to_string(index),
        builder.getFunctionType(cascade->getOperandTypes(),
                                cascade->getResultTypes()));
    Block *body = trial.addEntryBlock();
    builder.setInsertionPointToStart(body);
    Operation *clone = builder.clone(*cascade);
    clone->setOperands(body->getArguments());
    func::ReturnOp::create(builder, loc, clone->getResults());
    return trial;
  }

  /// Whether the fused route takes all that has become of a cascade. Passes
  /// that compute the same scores in two forms would round them in two ways.
  bool isFused(func::FuncOp trial) {
    return llvm::all_of(trial.getOps<CascadeOp>(), [&](CascadeOp cascade) {
      return succeeded(checkFusedCascade(cascade, [&](Operation *op) {
        if (options.form == "fused")
          return op->emitError("does not fit the fused form: ");
        return op->emitRemark("the cascade is compiled unfused: ");
      }));
    });
  }

  static void inlineTrial(func::FuncOp trial, CascadeOp cascade) {
    Block &body = trial.getBody().front();
    OpBuilder builder(cascade);
    IRMapping mapping;
    mapping.map(body.getArguments(), cascade->getOperands());
    for (Operation &op : body.without_terminator())
      builder.clone(op, mapping);
    for (auto [result, value] : llvm::zip_equal(
             cascade.getResults(), body.getTerminator()->getOperands()))
      result.replaceAllUsesWith(mapping.lookup(value));
    cascade.erase();
  }

  AttnToLLVMOptions options;
};
} // namespace

void attn::buildChooseFormsPipeline(OpPassManager &manager,
                                    const AttnToLLVMOptions &options) {
  if (options.form == "unfused") {
    // What the fused route is compared with shares little with it.
    OpPassManager &function = manager.nest<func::FuncOp>();
    function.addPass(createExpandAttention());
    function.addPass(createDeferDivision());
  } else {
    buildPrepareCascades(manager, options);
  }
  manager.addPass(std::make_unique<ChooseFormPass>(options));
}

void attn::buildAttnToLLVMPipeline(OpPassManager &manager,
                                   const AttnToLLVMOptions &options) {
  // A kernel is one function; what it calls becomes part of it.
  manager.addPass(createInlinerPass());
  manager.addPass(createSymbolDCEPass());
  if (options.precision == "f64")
    manager.addPass(createAttnPromotePrecision());
  manager.addPass(createAttnDescribeKernel());
  buildChooseFormsPipeline(manager, options);
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
