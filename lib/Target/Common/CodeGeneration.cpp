//===- CodeGeneration.cpp - What targets share behind LLVM IR -------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/Common/CodeGeneration.h"

#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace mlir::attn;

void mlir::attn::registerKernelTranslations(DialectRegistry &registry) {
  registerAllToLLVMIRTranslations(registry);
}

LogicalResult mlir::attn::verifyKernels(llvm::Module &module,
                                        EmitError emitError) {
  std::string problems;
  llvm::raw_string_ostream stream(problems);
  if (llvm::verifyModule(module, &stream))
    return emitError() << "the kernel's LLVM IR is malformed: " << problems;
  return success();
}

llvm::CodeGenOptLevel mlir::attn::getCodeGenLevel(unsigned level) {
  const llvm::CodeGenOptLevel levels[] = {
      llvm::CodeGenOptLevel::None, llvm::CodeGenOptLevel::Less,
      llvm::CodeGenOptLevel::Default, llvm::CodeGenOptLevel::Aggressive};
  return levels[std::min(level, 3u)];
}

void mlir::attn::runOptimizer(
    llvm::Module &module, llvm::TargetMachine &machine, unsigned level,
    function_ref<llvm::ModulePassManager(llvm::PassBuilder &)> build) {
  llvm::PipelineTuningOptions tuning;
  tuning.LoopUnrolling = false;
  tuning.LoopVectorization = level > 1;
  tuning.SLPVectorization = level > 1;
  llvm::PassBuilder builder(&machine, tuning);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager callGraph;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(callGraph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, callGraph, modules);
  build(builder).run(module, modules);
}

LogicalResult mlir::attn::generateCode(llvm::Module &module,
                                       llvm::TargetMachine &machine,
                                       llvm::CodeGenFileType type,
                                       SmallVectorImpl<char> &buffer,
                                       EmitError emitError) {
  llvm::raw_svector_ostream stream(buffer);
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, stream, nullptr, type))
    return emitError() << "LLVM cannot emit this file type for "
                       << machine.getTargetCPU();
  passes.run(module);
  return success();
}

SmallString<128> mlir::attn::getTemporaryPath(StringRef fileName,
                                              StringRef suffix) {
  SmallString<128> path;
  llvm::sys::fs::createUniquePath(fileName + "-%%%%%%%%" + suffix, path,
                                  /*MakeAbsolute=*/false);
  return path;
}

LogicalResult mlir::attn::writeFile(StringRef fileName, StringRef contents,
                                    EmitError emitError) {
  llvm::Error error =
      llvm::writeToOutput(fileName, [&](raw_ostream &os) -> llvm::Error {
        os << contents;
        return llvm::Error::success();
      });
  if (error)
    return emitError() << "cannot write '" << fileName
                       << "': " << llvm::toString(std::move(error));
  return success();
}

LogicalResult mlir::attn::runProgram(ArrayRef<std::string> command,
                                     StringRef beside, std::string &output) {
  SmallString<128> log = getTemporaryPath(beside, ".log");
  llvm::scope_exit cleanUp([&] { llvm::sys::fs::remove(log); });
  SmallVector<StringRef> arguments(command.begin(), command.end());
  int status = llvm::sys::ExecuteAndWait(
      command.front(), arguments, std::nullopt,
      {StringRef(""), log.str(), log.str()}, 0, 0, &output);
  if (auto buffer = llvm::MemoryBuffer::getFile(log))
    output += (*buffer)->getBuffer().trim();
  return success(status == 0);
}
