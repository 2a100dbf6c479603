//===- OptimizeDevice.cpp - LLVM's passes over device code ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OptimizeDevice.h"

#include "attn/Target/Common/CodeGeneration.h"
#include "llvm/IR/OptBisect.h"
#include "llvm/Passes/PassBuilder.h"

using namespace mlir;
using namespace mlir::attn;

/// A thread's tile is written out already, code generation has passes of its
/// own, and ptxas optimises once more: these are the passes that find something
/// (docs/rationale/gpu-lowering.md has the figures). They run once, when all is
/// inlined: what they move a second time needs registers. What leaves a loop
/// makes comparisons in it the same.
static constexpr llvm::StringLiteral kSimplify =
    "cgscc(inline),function("
    "early-cse<memssa>,simplifycfg,"
    "instcombine<max-iterations=1;no-verify-fixpoint>,"
    "loop-mssa(licm<allowspeculation>),early-cse<memssa>,"
    "correlated-propagation,"
    "instcombine<max-iterations=1;no-verify-fixpoint>,bdce,simplifycfg"
    "),globaldce";

namespace {
/// Strength reduction gives addresses of a loop registers of their own, which
/// products need; that of straight lines takes half of the time of code
/// generation, and finds next to nothing where conversions write a sum as a
/// first number and constants. Targets have no say in whether they run;
/// contexts have.
class DeviceGate : public llvm::OptPassGate {
public:
  bool shouldRunPass(StringRef passName, StringRef) const override {
    return passName != "Loop Strength Reduction" && passName != "slsr";
  }
  bool isEnabled() const override { return true; }
};
} // namespace

void mlir::attn::optimizeDevice(llvm::Module &module,
                                llvm::TargetMachine &machine, unsigned level) {
  static DeviceGate gate;
  module.getContext().setOptPassGate(gate);
  runOptimizer(module, machine, level, [&](llvm::PassBuilder &builder) {
    if (level == 0)
      return builder.buildO0DefaultPipeline(llvm::OptimizationLevel::O0);
    llvm::ModulePassManager passes;
    llvm::cantFail(builder.parsePassPipeline(passes, kSimplify));
    return passes;
  });
}
