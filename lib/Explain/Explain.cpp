//===- Explain.cpp - What becomes of an operator, for people --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Explain/Explain.h"
#include "ExplainImpl.h"
#include "attn/Analysis/PassReport.h"
#include "attn/Conversion/KernelSignature.h"
#include "attn/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
/// Diagnostics of a stage, kept for the explanation.
class DiagnosticCollector {
public:
  explicit DiagnosticCollector(MLIRContext *context)
      : handler(context, [this](Diagnostic &diagnostic) {
          std::string text = getLocationText(diagnostic.getLocation()) + ": ";
          llvm::raw_string_ostream os(text);
          os << getKind(diagnostic.getSeverity()) << ": " << diagnostic;
          for (Diagnostic &note : diagnostic.getNotes())
            os << "\n      " << getLocationText(note.getLocation()) << ": "
               << note;
          texts.push_back(text);
          return success();
        }) {}

  void print(raw_ostream &os) const {
    for (const std::string &text : texts)
      os << "    " << text << "\n";
  }

private:
  static StringRef getKind(DiagnosticSeverity severity) {
    switch (severity) {
    case DiagnosticSeverity::Error:
      return "error";
    case DiagnosticSeverity::Warning:
      return "warning";
    default:
      return "remark";
    }
  }

  std::vector<std::string> texts;
  ScopedDiagnosticHandler handler;
};

/// The stages of one kernel.
class KernelExplainer {
public:
  KernelExplainer(ModuleOp module, const RankSizes &sizes,
                  const AttnToLLVMOptions &options, raw_ostream &os)
      : module(module), sizes(sizes), options(options), os(os) {}

  LogicalResult run();

private:
  static SmallVector<CascadeOp> getCascades(ModuleOp module) {
    SmallVector<CascadeOp> cascades;
    module.walk([&](CascadeOp cascade) { cascades.push_back(cascade); });
    return cascades;
  }
  void printCascade(CascadeOp cascade);
  void printNests();

  ModuleOp module;
  const RankSizes &sizes;
  const AttnToLLVMOptions &options;
  raw_ostream &os;
};
} // namespace

void KernelExplainer::printCascade(CascadeOp cascade) {
  CascadeText text(cascade);
  if (cascade.hasSpace()) {
    os << "  over the live points of (" << *cascade.getQueryRank() << ", "
       << *cascade.getKeyRank() << ")";
    if (cascade.getSparsity())
      os << ": " << *cascade.getSparsity();
    if (cascade.getAlignment())
      os << " align " << stringifyAlignment(*cascade.getAlignment());
    if (cascade.getKeyLengths() || cascade.getQueryLengths())
      os << ", within lengths";
    if (cascade.getSpace().isPacked())
      os << ", in each segment";
    os << "\n";
  }
  cascade.getBody().walk<WalkOrder::PreOrder>([&](Operation *op) {
    unsigned depth = 1;
    for (Operation *parent = op->getParentOp(); parent && parent != cascade;
         parent = parent->getParentOp())
      ++depth;
    std::string indent(2 * depth, ' ');
    if (auto iterate = dyn_cast<IterateOp>(op)) {
      os << indent << "for " << iterate.getRank() << ": steps of "
         << iterate.getParent() << " by points " << iterate.getPoint();
      if (iterate.getSplitRank())
        os << ", splits " << *iterate.getSplitRank() << " of "
           << *iterate.getSplitSize();
      os << "\n";
    }
    if (auto einsum = dyn_cast<EinsumOp>(op))
      os << indent << text.getNotation(einsum) << "\n";
  });
  os << "  result ";
  llvm::interleaveComma(cascade.getYielded(), os,
                        [&](Value result) { os << text.getName(result); });
  os << "\n";
}

/// Runs the route of the compiler and prints what it makes of the cascades.
void KernelExplainer::printNests() {
  os << "\nloop nest\n";
  OwningOpRef<ModuleOp> chosen = module.clone();
  DiagnosticCollector diagnostics(module.getContext());
  PassManager manager(module.getContext());
  buildChooseFormsPipeline(manager, options);
  if (failed(manager.run(*chosen))) {
    os << "  none: the operator is refused\n";
    diagnostics.print(os);
    return;
  }
  if (options.form == "unfused")
    os << "  unfused, as asked\n";
  diagnostics.print(os);
  MachineModel machine;
  machine.vectorRegisters = options.vectorRegisters;
  machine.vectorBits = options.vectorBits;
  machine.l1Bytes = options.l1Bytes;
  machine.l2Bytes = options.l2Bytes;
  machine.hasMatrixUnit = options.bf16Products == "tiles";
  machine.hasPairs = options.bf16Products == "pairs";
  machine.vectorMultiplies = options.vectorMultiplies;
  SmallVector<CascadeOp> cascades = getCascades(*chosen);
  for (auto [index, cascade] : llvm::enumerate(cascades)) {
    if (cascades.size() > 1)
      os << "  phase " << index + 1 << " of " << cascades.size() << "\n";
    CascadeWork work(cascade, sizes);
    if (cascade.getMapping())
      explainLoopNest(os, cascade, work, machine);
    else
      explainUnfused(os, cascade, work);
  }
}

LogicalResult KernelExplainer::run() {
  PassManager inlining(module.getContext());
  inlining.addPass(createInlinerPass());
  inlining.addPass(createSymbolDCEPass());
  if (failed(inlining.run(module)))
    return failure();
  func::FuncOp kernel = getKernelFunction(module);
  if (!kernel)
    return failure();

  // The cascade as it is written, and what the derivation starts from.
  OwningOpRef<ModuleOp> written = module.clone();
  PassManager expansion(module.getContext());
  expansion.addNestedPass<func::FuncOp>(createExpandAttention());
  expansion.addNestedPass<func::FuncOp>(createMergeCascades());
  if (failed(expansion.run(*written)))
    return failure();
  OwningOpRef<ModuleOp> deferred = written->clone();
  PassManager deferral(module.getContext());
  deferral.addNestedPass<func::FuncOp>(createNormalizeCascade());
  deferral.addNestedPass<func::FuncOp>(createDeferDivision());
  if (failed(deferral.run(*deferred)))
    return failure();

  SmallVector<CascadeOp> cascades = getCascades(*written);
  SmallVector<CascadeOp> starts = getCascades(*deferred);
  if (cascades.empty())
    return kernel.emitError("holds no attention operator and no cascade");
  auto report = [&] { return emitError(kernel.getLoc()) << "sizes: "; };
  if (failed(checkRankSizes(*written, sizes, report)))
    return failure();

  os << "kernel " << kernel.getName() << "\n";
  for (auto [cascade, start] : llvm::zip(cascades, starts)) {
    CascadeText text(cascade);
    CascadeWork work(cascade, sizes);
    os << "\ncascade at " << getLocationText(cascade.getLoc()) << "\n";
    printCascade(cascade);
    os << "\npasses\n";
    printPasses(os, work, text, cascade);
    os << "\nwhat removes them\n";
    explainPassRemoval(os, cascade, start);
    os << "\n";
    printFootprints(os, work, text);
    os << "\nwork\n";
    printWork(os, work, cascade);
  }
  printNests();
  return success();
}

LogicalResult attn::explainKernel(ModuleOp module, const RankSizes &sizes,
                                  const AttnToLLVMOptions &options,
                                  raw_ostream &os) {
  return KernelExplainer(module, sizes, options, os).run();
}
