//===- ChooseForm.cpp - Derive and map what can be fused ------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/CascadeUtils.h"
#include "attn/Conversion/FusedForm.h"
#include "attn/Conversion/KernelSignature.h"
#include "attn/Pipelines/AttnToLLVM.h"
#include "attn/Pipelines/Passes.h"
#include "attn/Support/Debug.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "llvm/ADT/ScopeExit.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNCHOOSEFORM
#include "attn/Pipelines/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {
struct ChooseFormPass : attn::impl::AttnChooseFormBase<ChooseFormPass> {
  using AttnChooseFormBase::AttnChooseFormBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    OpPassManager manager(ModuleOp::getOperationName());
    buildMapCascades(manager, AttnToLLVMOptions());
    manager.getDependentDialects(registry);
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    AttnToLLVMOptions options;
    setOptions(options);
    if (std::optional<WrongOption> wrong = findWrongOption(options)) {
      module.emitError("option '") << wrong->name << "' " << wrong->complaint;
      return signalPassFailure();
    }
    func::FuncOp function = getKernelFunction(module);
    if (!function)
      return signalPassFailure();
    if (form == "unfused") {
      function.walk([](CascadeOp cascade) { cascade.removeMappingAttr(); });
      return;
    }
    // Readers first: mapping one may find that it does not depend on what
    // another gives, which then need not be computed.
    Operation *tried = function.front().getTerminator();
    while (CascadeOp cascade = findUntried(tried)) {
      FailureOr<Operation *> first = tryForm(cascade, options);
      if (failed(first))
        return signalPassFailure();
      tried = *first;
    }
  }

private:
  /// The last cascade in front of `tried`, without the results that nobody
  /// reads; null where there is none.
  static CascadeOp findUntried(Operation *tried) {
    Operation *op = tried->getPrevNode();
    while (op) {
      Operation *before = op->getPrevNode();
      auto cascade = dyn_cast<CascadeOp>(op);
      if (isOpTriviallyDead(op))
        op->erase();
      else if (cascade)
        return dropUnreadResults(cascade);
      op = before;
    }
    return {};
  }

  static CascadeOp dropUnreadResults(CascadeOp cascade) {
    if (llvm::none_of(cascade.getResults(),
                      [](Value result) { return result.use_empty(); }))
      return cascade;
    Operation *next = cascade->getNextNode();
    RewritePatternSet patterns(cascade.getContext());
    CascadeOp::getCanonicalizationPatterns(patterns, cascade.getContext());
    // What stands behind it stays: its first operation is known by address.
    GreedyRewriteConfig config;
    config.setStrictness(GreedyRewriteStrictness::ExistingAndNewOps);
    (void)applyOpPatternsGreedily(cascade.getOperation(), std::move(patterns),
                                  config);
    while (!isa<CascadeOp>(next->getPrevNode()))
      next = next->getPrevNode();
    return cast<CascadeOp>(next->getPrevNode());
  }

  /// Maps a cascade, in a function of its own so that it can be left as it is:
  /// it may become several, one for each pass. Returns the first operation of
  /// what has become of it.
  FailureOr<Operation *> tryForm(CascadeOp cascade,
                                 const AttnToLLVMOptions &options) {
    ModuleOp module = getOperation();
    for (OpResult result : cascade->getResults())
      if (result.use_empty()) {
        emitMisfit(cascade) << "result #" << result.getResultNumber()
                            << " is read by nobody, and cannot be left out: it "
                               "states an extent, or the cascade is mapped";
        return leaveUnfused(cascade);
      }
    auto function = cascade->getParentOfType<func::FuncOp>();
    auto above =
        llvm::count_if(function.getOps<CascadeOp>(), [&](CascadeOp op) {
          return op->isBeforeInBlock(cascade);
        });
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    auto scratch = ModuleOp::create(builder, function.getLoc());
    llvm::scope_exit erase([&] { scratch.erase(); });
    func::FuncOp trial = createTrial(scratch, cascade, above);
    OpPassManager map(ModuleOp::getOperationName());
    buildMapCascades(map, options);
    if (failed(runPipeline(map, scratch)))
      return failure();
    bool fits = isFused(trial);
    ATTN_DEBUG("form") << trial.getName() << " of " << function.getName()
                       << " is compiled " << (fits ? "fused" : "unfused")
                       << "\n";
    if (fits) {
      Operation *before = cascade->getPrevNode();
      inlineTrial(trial, cascade);
      return before ? before->getNextNode() : &function.front().front();
    }
    return leaveUnfused(cascade);
  }

  /// A mapping says that a cascade is tiled; one that stays unfused loses it.
  FailureOr<Operation *> leaveUnfused(CascadeOp cascade) {
    if (form == "fused")
      return failure();
    cascade.removeMappingAttr();
    return cascade.getOperation();
  }

  InFlightDiagnostic emitMisfit(Operation *op) {
    if (form == "fused")
      return op->emitError("does not fit the fused form: ");
    return op->emitRemark("the cascade is compiled unfused: ");
  }

  /// What maps the cascades takes the options of the whole route.
  void setOptions(AttnToLLVMOptions &options) const {
    options.form = form;
    options.passes = passes;
    options.split = split;
    options.vectorBits = vectorBits;
    options.vectorRegisters = vectorRegisters;
    options.l1Bytes = l1Bytes;
    options.l2Bytes = l2Bytes;
    options.bf16Products = bf16Products;
    options.vectorMultiplies = vectorMultiplies;
    options.sharedBytes = sharedBytes;
    options.laneTiles = laneTiles;
    options.gridTile = gridTile;
    options.streamTile = streamTile;
    options.rowTile = rowTile;
    options.order = order;
    options.residency = residency;
  }

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
      return wantsUnfused(cascade) ||
             succeeded(checkFusedCascade(
                 cascade, [&](Operation *op) { return emitMisfit(op); }));
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
};
} // namespace
