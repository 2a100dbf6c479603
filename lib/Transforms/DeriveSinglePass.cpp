//===- DeriveSinglePass.cpp - Derive the streaming form ---------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SinglePassWriter.h"
#include "StreamSplitter.h"
#include "SumRewriter.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Analysis/CostModel.h"
#include "attn/Analysis/PassChoice.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Support/Debug.h"
#include "attn/Transforms/Passes.h"
#include "attn/Transforms/Transforms.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/FormatVariadic.h"

namespace mlir::attn {
#define GEN_PASS_DEF_DERIVESINGLEPASS
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// What a cascade itself asks for: "auto", "single" or "several".
static constexpr llvm::StringLiteral kPassesAttrName = "attn.passes";

SinglePassDerivation attn::deriveSinglePass(CascadeOp cascade) {
  SinglePassDerivation result;
  eraseDeadEinsums(cascade.getBody().front());
  result.rank = StreamingAnalysis::findRank(cascade);
  if (!result.rank)
    return result;
  StreamingAnalysis analysis = rewriteSums(cascade, result.rank);
  result.obstacle = analysis.getObstacle();
  if (result.obstacle)
    return result;
  SinglePassWriter writer(cascade, analysis);
  writer.run();
  result.repairs = writer.getNumRepairs();
  return result;
}

namespace {
struct DeriveSinglePass : attn::impl::DeriveSinglePassBase<DeriveSinglePass> {
  using Base::Base;

  void runOnOperation() override {
    if (!llvm::is_contained({"auto", "single", "several"}, passes)) {
      getOperation().emitError("option 'passes' is '")
          << passes.getValue() << "', but must be auto, single or several";
      return signalPassFailure();
    }
    splitPoints = parseSplit(split);
    if (!splitPoints) {
      getOperation().emitError("option 'split' is '")
          << split.getValue() << "', but must be " << kSplitValues;
      return signalPassFailure();
    }
    SmallVector<CascadeOp> cascades;
    getOperation().walk(
        [&](CascadeOp cascade) { cascades.push_back(cascade); });
    for (CascadeOp cascade : cascades)
      if (failed(derive(cascade)))
        return signalPassFailure();
  }

private:
  LogicalResult derive(CascadeOp cascade);
  FailureOr<std::string> getRequest(CascadeOp cascade);
  LogicalResult write(CascadeOp cascade, const StreamingAnalysis &analysis);
  void splitIfUseful(CascadeOp cascade);

  /// The option `split`, once it is read.
  std::optional<int64_t> splitPoints;
};
} // namespace

/// The form that the cascade asks for, else the pass.
FailureOr<std::string> DeriveSinglePass::getRequest(CascadeOp cascade) {
  Attribute attribute = cascade->getDiscardableAttr(kPassesAttrName);
  if (!attribute)
    return passes.getValue();
  auto text = dyn_cast<StringAttr>(attribute);
  if (!text ||
      !llvm::is_contained({"auto", "single", "several"}, text.getValue()))
    return cascade.emitOpError("attribute '")
           << kPassesAttrName << "' is " << attribute
           << R"(, but must be "auto", "single" or "several")";
  return text.str();
}

LogicalResult DeriveSinglePass::write(CascadeOp cascade,
                                      const StreamingAnalysis &analysis) {
  FailureOr<std::string> request = getRequest(cascade);
  if (failed(request))
    return failure();
  std::optional<int64_t> stepExtent;
  if (*request != "single") {
    // The model looks at what the single pass would be.
    OpBuilder builder(cascade);
    auto single = cast<CascadeOp>(builder.clone(*cascade));
    SinglePassWriter(single, StreamingAnalysis(single, analysis.getRank()))
        .run();
    MachineModel machine;
    machine.vectorBits = vectorBits;
    machine.l1Bytes = l1Bytes;
    machine.l2Bytes = l2Bytes;
    PassChoice choice = comparePassForms(cascade, analysis, single, machine);
    single.erase();
    if (*request == "several" && !choice.isPossible)
      return cascade.emitOpError(
                 "cannot make several passes over one resident tile: ")
             << choice.obstacle;
    bool several = *request == "several" || choice.prefersSeveral();
    if (several)
      stepExtent = choice.extent;
    ATTN_DEBUG("passes") << (several ? "several passes over a tile of "
                                     : "a single pass in steps of ")
                         << (several ? choice.extent : choice.streamTile)
                         << " points"
                         << (choice.isPossible
                                 ? llvm::formatv(": {0} cycles an item beside "
                                                 "the shared work, else {1}",
                                                 several ? choice.severalCycles
                                                         : choice.singleCycles,
                                                 several ? choice.singleCycles
                                                         : choice.severalCycles)
                                       .str()
                                 : ": " + choice.obstacle)
                         << "\n";
  }
  cascade->removeDiscardableAttr(kPassesAttrName);
  SinglePassWriter writer(cascade, analysis, stepExtent);
  writer.run();
  ++numDerived;
  numSeveral += stepExtent.has_value();
  numRepairs += writer.getNumRepairs();
  if (!stepExtent)
    splitIfUseful(cascade);
  return success();
}

/// Splits the stream of a derived cascade where that is asked for, or pays.
void DeriveSinglePass::splitIfUseful(CascadeOp cascade) {
  if (*splitPoints < 0)
    return;
  MachineModel machine;
  machine.sharedBytes = sharedBytes;
  SplitChoice choice = chooseSplit(cascade, machine, *splitPoints);
  std::string obstacle = choice.obstacle;
  if (choice.points > 0) {
    obstacle = splitStream(cascade, choice.points).value_or("");
    if (obstacle.empty()) {
      ATTN_DEBUG("split") << "items of " << choice.points
                          << " points of the stream each\n";
      ++numSplit;
      return;
    }
  }
  if (*splitPoints > 0)
    cascade.emitRemark("is not split along its stream: ") << obstacle;
}

LogicalResult DeriveSinglePass::derive(CascadeOp cascade) {
  eraseDeadEinsums(cascade.getBody().front());
  StringAttr rank = StreamingAnalysis::findRank(cascade);
  if (!rank)
    return success();
  StreamingAnalysis analysis = rewriteSums(cascade, rank);
  const auto &obstacle = analysis.getObstacle();
  if (!obstacle)
    return write(cascade, analysis);
  ++numRefused;
  InFlightDiagnostic diagnostic =
      require ? obstacle->where->emitError() : obstacle->where->emitRemark();
  diagnostic << "keeps the cascade from a single pass over '" << rank.getValue()
             << "': " << obstacle->reason;
  llvm::SmallSetVector<Value, 4> running(obstacle->running.begin(),
                                         obstacle->running.end());
  for (Value value : running)
    diagnostic.attachNote(value.getLoc()) << "this running value is involved";
  diagnostic.report();
  // Sums that a repair would have needed.
  eraseDeadEinsums(cascade.getBody().front());
  return failure(require);
}
