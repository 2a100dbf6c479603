//===- TranslateKernels.cpp - From the LLVM dialect to LLVM IR ------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EntryPoints.h"

#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/IPO/Internalize.h"

using namespace mlir;
using namespace mlir::attn;

StringRef mlir::attn::stringifySanitizer(Sanitizer sanitizer) {
  switch (sanitizer) {
  case Sanitizer::None:
    return "none";
  case Sanitizer::Address:
    return "address";
  case Sanitizer::Thread:
    return "thread";
  }
  llvm_unreachable("no such sanitizer");
}

/// Gives every function the attributes of the target. What a translation or
/// the C ABI's compiler said about a CPU is replaced: LLVM inlines only between
/// functions for the same one.
static void setFunctionAttributes(llvm::Module &module,
                                  const CompileOptions &options) {
  std::string vectorBits = std::to_string(options.target.getVectorBits());
  for (llvm::Function &function : module) {
    for (StringRef attribute :
         {"target-cpu", "target-features", "tune-cpu", "prefer-vector-width",
          "min-legal-vector-width", "stack-protector-buffer-size"})
      function.removeFnAttr(attribute);
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", options.target.getCPU());
    if (!options.target.getFeatures().empty())
      function.addFnAttr("target-features", options.target.getFeatures());
    // Tunings that prefer narrow vectors are made for code that rarely uses
    // wide ones; a kernel does little else.
    function.addFnAttr("prefer-vector-width", vectorBits);
    function.addFnAttr(llvm::Attribute::NoUnwind);
    // Debuggers and profilers walk the stack through a kernel.
    function.setUWTableKind(llvm::UWTableKind::Async);
    if (options.sanitizer == Sanitizer::None)
      continue;
    function.addFnAttr(options.sanitizer == Sanitizer::Address
                           ? llvm::Attribute::SanitizeAddress
                           : llvm::Attribute::SanitizeThread);
    function.addFnAttr("frame-pointer", "all");
  }
}

FailureOr<std::unique_ptr<llvm::Module>>
mlir::attn::translateKernels(ModuleOp module, ArrayRef<CompiledKernel> kernels,
                             const CompileOptions &options,
                             llvm::LLVMContext &llvmContext) {
  std::unique_ptr<llvm::TargetMachine> machine =
      options.target.createTargetMachine(llvm::CodeGenOptLevel::Default);
  std::unique_ptr<llvm::Module> translated =
      translateModuleToLLVMIR(module, llvmContext, kernels.front().name);
  if (!translated)
    return module.emitError() << "the module cannot be translated to LLVM IR; "
                                 "everything must be in the LLVM dialect";
  translated->setTargetTriple(machine->getTargetTriple());
  translated->setDataLayout(machine->createDataLayout());

  auto emitError = [&] { return module.emitError(); };
  llvm::StringSet<> publicNames;
  for (const CompiledKernel &kernel : kernels) {
    if (failed(addEntryPoints(*translated, kernel, options, emitError)))
      return failure();
    for (const std::string &name : kernel.getPublicNames())
      publicNames.insert(name);
  }
  if (failed(linkKernelAbi(*translated, emitError)))
    return failure();
  llvm::internalizeModule(*translated, [&](const llvm::GlobalValue &value) {
    return publicNames.contains(value.getName());
  });
  setFunctionAttributes(*translated, options);

  if (failed(verifyKernels(*translated, emitError)))
    return failure();
  return translated;
}
