//===- AttnToLLVM.cpp - From operators to the LLVM dialect ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Pipelines/AttnToLLVM.h"
#include "attn/Analysis/CostModel.h"
#include "attn/Conversion/FusedForm.h"
#include "attn/Conversion/Passes.h"
#include "attn/Conversion/Pipelines.h"
#include "attn/Pipelines/Passes.h"
#include "attn/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include <limits>

using namespace mlir;
using namespace mlir::attn;

static TargetFeatures getFeatures(const AttnToLLVMOptions &options) {
  TargetFeatures features;
  features.fma = options.fma;
  features.avx512 = options.avx512;
  features.bf16 = options.bf16;
  return features;
}

/// What the choice of a mapping reads, for each pass that makes one.
template <typename PassOptionsT>
static void setMapping(PassOptionsT &pass, const AttnToLLVMOptions &options) {
  pass.vectorBits = options.vectorBits;
  pass.vectorRegisters = options.vectorRegisters;
  pass.l1Bytes = options.l1Bytes;
  pass.l2Bytes = options.l2Bytes;
  pass.bf16Products = options.bf16Products;
  pass.vectorMultiplies = options.vectorMultiplies;
  pass.sharedBytes = options.sharedBytes;
  pass.laneTiles.assign(options.laneTiles.begin(), options.laneTiles.end());
  pass.gridTile.assign(options.gridTile.begin(), options.gridTile.end());
  pass.streamTile = options.streamTile;
  pass.rowTile = options.rowTile;
  pass.order.assign(options.order.begin(), options.order.end());
  pass.residency = options.residency;
}

/// "auto, fused or unfused".
static std::string joinNames(ArrayRef<StringRef> names) {
  return llvm::join(names.drop_back(), ", ") + " or " + names.back().str();
}

std::optional<WrongOption>
attn::findWrongOption(const AttnToLLVMOptions &options) {
  struct {
    StringRef name, value;
    SmallVector<StringRef> allowed;
  } names[] = {
      {"form", options.form, {"auto", "fused", "unfused"}},
      {"passes", options.passes, {"auto", "single", "several"}},
      {"precision", options.precision, {"native", "f64"}},
      {"residency", options.residency, {"register", "cache"}},
      {"bf16-products", options.bf16Products, {"f32", "pairs", "tiles"}},
  };
  for (const auto &option : names)
    if (!llvm::is_contained(option.allowed, option.value))
      return WrongOption{option.name, "is '" + option.value.str() +
                                          "', but must be " +
                                          joinNames(option.allowed)};
  struct {
    StringRef name;
    int64_t value, least;
    int64_t most = std::numeric_limits<int64_t>::max();
  } numbers[] = {
      // No machine has longer vectors, or more registers; loops are unrolled
      // over both.
      {"vector-bits", options.vectorBits, 1, 2048},
      {"vector-registers", options.vectorRegisters, 1, 256},
      {"vector-multiplies", options.vectorMultiplies, 1, 8},
      {"l1-bytes", options.l1Bytes, 1},
      {"l2-bytes", options.l2Bytes, 1},
      {"max-footprint", options.maxFootprint, 0},
      {"shared-bytes", options.sharedBytes, 0},
      {"resident-blocks", options.residentBlocks, 1, kMostResidentBlocks},
      {"stream-tile", options.streamTile, 0, 65536},
      {"row-tile", options.rowTile, 0},
  };
  for (const auto &option : numbers) {
    bool isLess = option.value < option.least;
    if (isLess || option.value > option.most)
      return WrongOption{
          option.name, "is " + std::to_string(option.value) +
                           ", but must be at " + (isLess ? "least " : "most ") +
                           std::to_string(isLess ? option.least : option.most)};
  }
  if (!parseSplit(options.split))
    return WrongOption{"split", "is '" + options.split.getValue() +
                                    "', but must be " + kSplitValues.str()};
  return std::nullopt;
}

void attn::buildPrepareCascades(OpPassManager &manager,
                                const AttnToLLVMOptions &options) {
  OpPassManager &function = manager.nest<func::FuncOp>();
  AttnAbsorbElementwiseOptions absorb;
  absorb.all = options.fastMath;
  function.addPass(createAttnAbsorbElementwise(absorb));
  function.addPass(createExpandAttention());
  function.addPass(createMergeCascades());
  function.addPass(createNormalizeCascade());
  function.addPass(createAttnHoistMaps());
  function.addPass(createDeferDivision());
}

void attn::buildMapCascades(OpPassManager &manager,
                            const AttnToLLVMOptions &options) {
  OpPassManager &function = manager.nest<func::FuncOp>();
  function.addPass(createAttnJoinRanks());
  function.addPass(createAttnSplitPasses());
  DeriveSinglePassOptions derivation;
  // A step of a given size is no step that covers the rank.
  // Nor has a block room for one.
  bool isGiven = options.streamTile != 0 || options.sharedBytes != 0;
  derivation.passes = options.passes == "auto" && isGiven
                          ? "single"
                          : options.passes.getValue();
  derivation.vectorBits = options.vectorBits;
  derivation.l1Bytes = options.l1Bytes;
  derivation.l2Bytes = options.l2Bytes;
  derivation.sharedBytes = options.sharedBytes;
  // Nor do steps of any size divide the model's splits.
  derivation.split = options.split == "auto" && options.streamTile != 0
                         ? "none"
                         : options.split.getValue();
  function.addPass(createDeriveSinglePass(derivation));
  function.addPass(createAttnPlanSparsity());
  AttnChooseMappingOptions mapping;
  setMapping(mapping, options);
  function.addPass(createAttnChooseMapping(mapping));
  function.addPass(createAttnFuseCascade());
  function.addPass(createAttnRebaseExponentials());
  function.addPass(createAttnInvertDivisors());
  function.addPass(createAttnRelaxWeights());
  // A CPU repairs its sums as it loads them.
  if (options.sharedBytes != 0)
    function.addPass(createAttnHoldMaxima());
}

void attn::buildDeriveCascadesPipeline(OpPassManager &manager,
                                       const AttnToLLVMOptions &options) {
  buildPrepareCascades(manager, options);
  buildMapCascades(manager, options);
}

void attn::buildFormPhases(OpPassManager &manager,
                           const AttnToLLVMOptions &options) {
  manager.addPass(createAttnSplitPhases());
  AttnTileCascadeOptions tile;
  tile.warps = options.sharedBytes > 0;
  bool isTiled = options.bf16Products == "tiles";
  if (isTiled)
    tile.keyUnit = kMatrixTilePoints;
  tile.vectorMultiplies = options.vectorMultiplies;
  tile.pairs = options.bf16Products == "pairs" && options.sharedBytes == 0;
  manager.addPass(createAttnTileCascade(tile));
  // In front of the sum of what the phases' workers take.
  if (options.bf16Products != "f32" && options.sharedBytes == 0) {
    AttnPairProductsOptions pairs;
    pairs.tiles = isTiled;
    pairs.vectorBits = options.vectorBits;
    // A small part of what a call may allocate, for there may be many workers.
    if (options.maxFootprint > 0)
      pairs.keptBytes =
          std::min<int64_t>(pairs.keptBytes, options.maxFootprint / 256);
    manager.addPass(createAttnPairProducts(pairs));
  }
  manager.addPass(createAttnDistributeCascade());
  buildOutlineUnfused(manager);
  manager.addPass(createAttnLinkPhases());
  buildBufferizeUnfused(manager, options.maxFootprint);
}

void attn::buildLowerPhasesPipeline(OpPassManager &manager,
                                    const AttnToLLVMOptions &options) {
  buildFormPhases(manager, options);
  buildLowerUnfused(manager);
  AttnLowerEinsumsOptions lowering;
  lowering.vectorBits = options.vectorBits;
  lowering.bf16Dots = options.bf16;
  lowering.amx = options.amx;
  manager.addPass(createAttnLowerEinsums(lowering));
  manager.addPass(createLoopInvariantCodeMotionPass());
  buildLowerToLLVMTail(manager, getFeatures(options));
}

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
  AttnChooseFormOptions choice;
  choice.form = options.form;
  choice.passes = options.passes;
  choice.split = options.split;
  setMapping(choice, options);
  manager.addPass(createAttnChooseForm(choice));
}

void attn::buildDescribeKernel(OpPassManager &manager,
                               const AttnToLLVMOptions &options) {
  // A kernel is one function; what it calls becomes part of it.
  manager.addPass(createInlinerPass());
  manager.addPass(createSymbolDCEPass());
  if (options.precision == "f64")
    manager.addPass(createAttnPromotePrecision());
  manager.addPass(createAttnDescribeKernel());
  manager.addPass(createAttnWidenBooleans());
}

void attn::buildAttnToLLVMPipeline(OpPassManager &manager,
                                   const AttnToLLVMOptions &options) {
  buildDescribeKernel(manager, options);
  buildChooseFormsPipeline(manager, options);
  buildLowerPhasesPipeline(manager, options);
}

/// Registers a pipeline that refuses a wrong option by name: the registration
/// of upstream only refuses what it cannot parse.
static void registerPipeline(StringRef name, StringRef summary,
                             void (*build)(OpPassManager &,
                                           const AttnToLLVMOptions &)) {
  registerPassPipeline(
      name, summary,
      [build](OpPassManager &manager, StringRef text,
              function_ref<LogicalResult(const Twine &)> emitError) {
        AttnToLLVMOptions options;
        if (failed(options.parseFromString(text)))
          return failure();
        if (std::optional<WrongOption> wrong = findWrongOption(options))
          return emitError("option '" + wrong->name + "' " + wrong->complaint);
        build(manager, options);
        return success();
      },
      [](function_ref<void(const ::mlir::detail::PassOptions &)> handle) {
        handle(AttnToLLVMOptions());
      });
}

void attn::registerAttnPipelines() {
  registerPipeline(
      "attn-to-llvm",
      "Lower attention operators and cascades to a kernel module in the LLVM "
      "dialect",
      buildAttnToLLVMPipeline);
  registerPipeline(
      "attn-to-nvvm",
      "Lower attention operators and cascades to kernels of a GPU, in a "
      "gpu.module in the LLVM and NVVM dialects",
      [](OpPassManager &manager, const AttnToLLVMOptions &given) {
        AttnToLLVMOptions options;
        options.copyOptionValuesFrom(given);
        if (options.sharedBytes == 0)
          options.sharedBytes = kLeastSharedBytes;
        buildAttnToNVVMPipeline(manager, options);
      });
  registerPipeline(
      "attn-derive-cascades",
      "Expand operators, derive single-pass cascades, plan and map them",
      buildDeriveCascadesPipeline);
  registerPipeline("attn-lower-phases",
                   "Lower a kernel, its signature described and its forms "
                   "chosen, to a kernel module in the LLVM dialect",
                   buildLowerPhasesPipeline);
}
