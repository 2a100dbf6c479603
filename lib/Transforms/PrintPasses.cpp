//===- PrintPasses.cpp - Show the passes of cascades ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/PassReport.h"
#include "attn/Transforms/Passes.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNPRINTPASSES
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

static void printCascade(raw_ostream &os, CascadeOp cascade,
                         const RankSizes &sizes) {
  CascadeText text(cascade);
  CascadeWork work(cascade, sizes);
  os << "cascade at " << getLocationText(cascade.getLoc()) << "\n";
  printPasses(os, work, text, cascade);
  printFootprints(os, work, text);
  printWork(os, work, cascade);
}

namespace {
struct PrintPassesPass
    : public attn::impl::AttnPrintPassesBase<PrintPassesPass> {
  using AttnPrintPassesBase::AttnPrintPassesBase;

  void runOnOperation() override {
    markAllAnalysesPreserved();
    auto report = [&] {
      return emitError(getOperation()->getLoc()) << "option 'sizes': ";
    };
    SmallVector<std::string> texts(sizes.begin(), sizes.end());
    FailureOr<RankSizes> given = parseRankSizes(texts, report);
    if (failed(given) || failed(checkRankSizes(getOperation(), *given, report)))
      return signalPassFailure();
    getOperation()->walk([&](CascadeOp cascade) {
      printCascade(llvm::errs(), cascade, *given);
    });
  }
};
} // namespace
