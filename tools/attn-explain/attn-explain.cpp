//===- attn-explain.cpp - Explain what becomes of an operator -------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WritePng.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Explain/Explain.h"
#include "attn/Pipelines/TunedOptions.h"
#include "attn/Support/Debug.h"
#include "attn/Support/OperatorFile.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/WithColor.h"

using namespace mlir;
using namespace mlir::attn;

namespace {

constexpr char kOverview[] =
    R"(attn-explain: what becomes of an attention operator, and why

  attn-explain op.mlir
  attn-explain op.mlir --sizes m=4096,n=4096,b=2
  attn-explain op.mlir --sizes m=512,n=512 --plot mask.png

op.mlir holds one public function on tensors, as for attn-compile. Printed are
its cascade in the notation of the papers, the passes over each rank and what
forces them, the law that removes each, what is live at a time, operations and
bytes moved, and the loop nest with the place of every intermediate; or the
reason why the operator is not fused or refused. With --sizes, formulas become
numbers. docs/rationale/passes.md defines what is counted.

With --plot, a picture is written instead: queries downwards, keys to the right,
as the kernel walks them. Green points are live in a tile without a test, blue
ones live in a tile with one, orange ones dead in a tile that is visited for
others; white is never visited.
)";

llvm::cl::OptionCategory category("attn-explain options");

OperatorFlags flags(category);

llvm::cl::list<std::string>
    sizeTexts("sizes", llvm::cl::CommaSeparated,
              llvm::cl::desc("Extents of dynamic ranks, by the ranks' names"),
              llvm::cl::value_desc("rank=extent,..."), llvm::cl::cat(category));

llvm::cl::opt<std::string>
    plotFile("plot",
             llvm::cl::desc("PNG file for a picture of what is visited"),
             llvm::cl::value_desc("file"), llvm::cl::cat(category));

llvm::cl::list<std::string> plotNumberTexts(
    "plot-numbers", llvm::cl::CommaSeparated,
    llvm::cl::desc(
        "With --plot: the numbers of a call that a plan reads. KL and "
        "QL, the lengths (default: the extents), D, the key at the "
        "position of row 0 (default: by the alignment), ON, the "
        "origin of the keys, and H, the number of the head (default 0)"),
    llvm::cl::value_desc("symbol=value,..."), llvm::cl::cat(category));

llvm::cl::opt<int64_t> vectorBits("vector-bits",
                                  llvm::cl::desc("Bits of a vector register "
                                                 "(default 512)"),
                                  llvm::cl::init(512), llvm::cl::cat(category));
llvm::cl::opt<int64_t> vectorRegisters("vector-registers",
                                       llvm::cl::desc("Vector registers "
                                                      "(default 32)"),
                                       llvm::cl::init(32),
                                       llvm::cl::cat(category));
llvm::cl::opt<int64_t> l1Bytes("l1-bytes",
                               llvm::cl::desc("Bytes of the first level data "
                                              "cache (default 32768)"),
                               llvm::cl::init(32768), llvm::cl::cat(category));
llvm::cl::opt<int64_t> l2Bytes("l2-bytes",
                               llvm::cl::desc("Bytes of the second level cache "
                                              "of a core (default 1048576)"),
                               llvm::cl::init(1048576),
                               llvm::cl::cat(category));

} // namespace

static llvm::raw_ostream &reportError() {
  return llvm::WithColor::error(llvm::errs(), "attn-explain");
}

static LogicalResult explain() {
  AttnToLLVMOptions options;
  setOptions(options, flags);
  options.vectorBits = vectorBits;
  options.vectorRegisters = vectorRegisters;
  options.l1Bytes = l1Bytes;
  options.l2Bytes = l2Bytes;
  if (std::optional<WrongOption> wrong = findWrongOption(options)) {
    reportError() << "--" << wrong->name << " " << wrong->complaint << "\n";
    return failure();
  }

  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registry.insert<AttnDialect>();
  MLIRContext context(registry);
  context.printOpOnDiagnostic(false);
  auto read = [&](StringRef option, const llvm::cl::list<std::string> &given,
                  auto parse) {
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      reportError() << "--" << option << ": " << diagnostic << "\n";
      return success();
    });
    SmallVector<std::string> texts(given.begin(), given.end());
    return parse(texts, [&] { return emitError(UnknownLoc::get(&context)); });
  };
  FailureOr<RankSizes> sizes = read("sizes", sizeTexts, parseRankSizes);
  if (failed(sizes))
    return failure();
  FailureOr<PlanNumbers> numbers =
      read("plot-numbers", plotNumberTexts, parsePlanNumbers);
  if (failed(numbers))
    return failure();

  auto reportFile = [](StringRef message) { reportError() << message << "\n"; };
  std::unique_ptr<OperatorFile> file =
      OperatorFile::read(flags.inputFile, &context, reportFile);
  if (!file)
    return failure();

  // Nothing is printed where there is nothing to explain.
  std::string text;
  llvm::raw_string_ostream os(text);
  if (!plotFile.empty()) {
    Picture picture;
    if (failed(plotKernel(file->getModule(), *sizes, *numbers, options, os,
                          picture)))
      return failure();
    std::string problem = writePng(picture, plotFile);
    if (!problem.empty()) {
      reportError() << "cannot write '" << plotFile << "': " << problem << "\n";
      return failure();
    }
  } else if (failed(explainKernel(file->getModule(), *sizes, options, os)))
    return failure();
  llvm::outs() << text;
  return success();
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  registerDebugOption();
  llvm::cl::HideUnrelatedOptions(category);
  llvm::cl::ParseCommandLineOptions(argc, argv, kOverview);
  return succeeded(explain()) ? 0 : 1;
}
