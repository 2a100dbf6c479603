//===- ReductionPass.cpp - Reduce while a test is interested --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Reducer/Reducer.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Reducer/Tester.h"

using namespace mlir;
using namespace mlir::attn;

namespace {

/// MLIR's reduction tree erases or rewrites ranges of operations at once. The
/// operations of a cascade hang together, so that this one takes one small step
/// at a time and asks after each.
struct ReductionPass
    : public PassWrapper<ReductionPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ReductionPass)

  ReductionPass() = default;
  ReductionPass(const ReductionPass &other) : PassWrapper(other) {}
  StringRef getArgument() const override { return "attn-reduction"; }
  StringRef getDescription() const override {
    return "Make a module with cascades small while a test stays interested";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<AttnDialect, arith::ArithDialect, func::FuncDialect>();
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    Tester tester(testerName, testerArgs);
    if (testerName.empty()) {
      module.emitError("attn-reduction needs a test: attn-reduction=test=FILE");
      return signalPassFailure();
    }
    if (!isInteresting(tester, module)) {
      module.emitError("the test '")
          << testerName << "' does not find the input interesting: it must "
          << "exit with a status other than 0";
      return signalPassFailure();
    }
    for (bool progress = true; progress;) {
      progress = false;
      for (const Simplification &kind : getSimplifications())
        for (unsigned site = 0;;) {
          OwningOpRef<ModuleOp> candidate = module.clone();
          Simplified done = kind.apply(*candidate, site);
          if (done == Simplified::NoSite)
            break;
          if (done == Simplified::Yes)
            removeUnused(*candidate);
          if (done == Simplified::No || !isInteresting(tester, *candidate)) {
            ++site;
            continue;
          }
          module.getBodyRegion().takeBody(candidate->getBodyRegion());
          progress = true;
        }
    }
  }

private:
  bool isInteresting(const Tester &tester, ModuleOp module) {
    // Many candidates are no valid modules; nobody wants to read why.
    ScopedDiagnosticHandler silence(module.getContext(),
                                    [](Diagnostic &) { return success(); });
    return succeeded(verify(module)) &&
           tester.isInteresting(module).first == Tester::Interestingness::True;
  }

  Option<std::string> testerName{
      *this, "test",
      llvm::cl::desc("Program that exits with a status other than 0 where the "
                     "file it is given is interesting")};
  ListOption<std::string> testerArgs{
      *this, "test-arg", llvm::cl::desc("Arguments in front of the file")};
};

} // namespace

void mlir::attn::registerReductionPass() { PassRegistration<ReductionPass>(); }
