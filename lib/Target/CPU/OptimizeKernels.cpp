//===- OptimizeKernels.cpp - LLVM's passes over kernels -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WatchVectorAccesses.h"
#include "attn/Target/CPU/Compile.h"
#include "attn/Target/Common/CodeGeneration.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Transforms/Instrumentation/AddressSanitizer.h"
#include "llvm/Transforms/Instrumentation/ThreadSanitizer.h"

using namespace mlir;
using namespace mlir::attn;

/// Kernels come as loops over register tiles, vectorised and in SSA form, so
/// that most of LLVM's pipeline finds nothing: these are the passes that find
/// something (docs/rationale/machine-code.md has the figures).
///
/// Constants are propagated into the code of the C ABI first: most of it is for
/// what this kernel has not. In addresses they go last, before anything leaves
/// a loop: else each row of a register tile is a pointer of its own in front of
/// it. Unswitching takes masks out of element loops.
static constexpr llvm::StringLiteral kSimplify =
    "inferattrs,ipsccp,globalopt,cgscc(inline,function("
    "sroa<modify-cfg>,early-cse<memssa>,separate-const-offset-from-gep,"
    "early-cse,simplifycfg,"
    "instcombine<max-iterations=1;no-verify-fixpoint>,"
    "loop-mssa(licm<no-allowspeculation>,loop-rotate<header-duplication>,"
    "licm<allowspeculation>,simple-loop-unswitch<nontrivial;trivial>),"
    "simplifycfg,loop(indvars,loop-deletion),"
    "gvn<>,instcombine<max-iterations=1;no-verify-fixpoint>,dse,simplifycfg"
    ")),globaldce";

/// The loops over single elements that unfused phases consist of.
static constexpr llvm::StringLiteral kVectorize =
    "function(loop-vectorize,instcombine<max-iterations=1;no-verify-fixpoint>,"
    "loop-mssa(licm<allowspeculation>),simplifycfg),globaldce";

static void addPasses(llvm::PassBuilder &builder,
                      llvm::ModulePassManager &passes, llvm::StringRef text) {
  llvm::cantFail(builder.parsePassPipeline(passes, text));
}

/// Instrumentation comes last, so that what runs is what is checked.
static void addInstrumentation(llvm::ModulePassManager &passes,
                               Sanitizer sanitizer) {
  if (sanitizer == Sanitizer::Address) {
    llvm::AddressSanitizerOptions asan;
    asan.UseAfterScope = true;
    // Globals in sections of their own would need symbols that only a linker
    // defines.
    passes.addPass(llvm::AddressSanitizerPass(asan, /*UseGlobalGC=*/false,
                                              /*UseOdrIndicator=*/false));
  } else if (sanitizer == Sanitizer::Thread) {
    passes.addPass(llvm::ModuleThreadSanitizerPass());
    passes.addPass(
        llvm::createModuleToFunctionPassAdaptor(WatchVectorAccessesPass()));
    passes.addPass(
        llvm::createModuleToFunctionPassAdaptor(llvm::ThreadSanitizerPass()));
  }
}

void mlir::attn::optimizeKernels(llvm::Module &module,
                                 llvm::TargetMachine &machine,
                                 const CompileOptions &options) {
  auto build = [&](llvm::PassBuilder &builder) {
    llvm::ModulePassManager passes;
    if (options.optLevel == 0) {
      passes = builder.buildO0DefaultPipeline(llvm::OptimizationLevel::O0);
    } else {
      addPasses(builder, passes, kSimplify);
      if (options.optLevel > 1)
        addPasses(builder, passes, kVectorize);
    }
    addInstrumentation(passes, options.sanitizer);
    return passes;
  };
  runOptimizer(module, machine, options.optLevel, build);
}
