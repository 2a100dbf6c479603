//===- WatchVectorAccesses.cpp - Vectors under ThreadSanitizer ------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WatchVectorAccesses.h"

#include "mlir/Support/LLVM.h"
#include "llvm/Analysis/TargetTransformInfo.h"
#include "llvm/Analysis/ValueTracking.h"
#include "llvm/IR/Dominators.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/PassInstrumentation.h"
#include "llvm/Transforms/Scalar/ScalarizeMaskedMemIntrin.h"

using namespace mlir;
using namespace mlir::attn;

/// Takes masked accesses apart, as for a machine that has none.
static void scalarizeMaskedAccesses(llvm::Function &function) {
  llvm::FunctionAnalysisManager analyses;
  analyses.registerPass([] { return llvm::PassInstrumentationAnalysis(); });
  analyses.registerPass([] { return llvm::TargetIRAnalysis(); });
  analyses.registerPass([] { return llvm::DominatorTreeAnalysis(); });
  llvm::ScalarizeMaskedMemIntrinPass().run(function, analyses);
}

/// Calls the runtime in front of `access` if the sanitizer would skip it.
static void watch(llvm::Instruction &access) {
  const llvm::Value *pointer = llvm::getLoadStorePointerOperand(&access);
  if (!pointer || isa<llvm::AllocaInst>(llvm::getUnderlyingObject(pointer)))
    return;
  llvm::Module &module = *access.getModule();
  llvm::TypeSize size =
      module.getDataLayout().getTypeStoreSize(llvm::getLoadStoreType(&access));
  if (size.isScalable() ||
      (size <= 16 && llvm::isPowerOf2_64(size.getFixedValue())))
    return;
  llvm::IRBuilder<> builder(&access);
  llvm::FunctionCallee range = module.getOrInsertFunction(
      isa<llvm::StoreInst>(access) ? "__tsan_write_range" : "__tsan_read_range",
      builder.getVoidTy(), builder.getPtrTy(), builder.getInt64Ty());
  builder.CreateCall(range, {const_cast<llvm::Value *>(pointer),
                             builder.getInt64(size.getFixedValue())});
}

llvm::PreservedAnalyses
WatchVectorAccessesPass::run(llvm::Function &function,
                             llvm::FunctionAnalysisManager &) {
  scalarizeMaskedAccesses(function);
  for (llvm::Instruction &instruction :
       llvm::make_early_inc_range(llvm::instructions(function)))
    watch(instruction);
  return llvm::PreservedAnalyses::none();
}
