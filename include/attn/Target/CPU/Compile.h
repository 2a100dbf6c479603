//===- Compile.h - From a kernel module to artefacts ------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The last stage of compilation for CPUs: a kernel module (CompiledKernel.h)
// becomes an object, a shared object, assembly or LLVM IR, and a C header.
// compileKernels does all of it; the steps are there for tools and tests.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_CPU_COMPILE_H
#define ATTN_TARGET_CPU_COMPILE_H

#include "attn/Target/CPU/CPUTarget.h"
#include "attn/Target/Common/CodeGeneration.h"
#include "attn/Target/Common/CompiledKernel.h"
#include "llvm/IR/Module.h"

namespace mlir::attn {

enum class ArtefactKind { Object, SharedObject, Assembly, LLVMIR };
enum class Sanitizer { None, Address, Thread };

/// The kind that a file name's extension stands for.
std::optional<ArtefactKind> getArtefactKind(StringRef fileName);

StringRef stringifySanitizer(Sanitizer sanitizer);

struct CompileOptions {
  CPUTarget target;
  Sanitizer sanitizer = Sanitizer::None;
  /// LLVM's level, 0 to 3.
  unsigned optLevel = 3;
  /// Renames the kernel where it is not empty.
  std::string name = {};
  /// Bytes of workspace that a call allocates at most; 0 is no limit. A caller
  /// that brings a larger one is not held to it.
  int64_t maxWorkspace = 0;
  /// Whether a call checks values of operands, such as permutations, before it
  /// runs.
  bool checkValues = true;
};

/// Translates a kernel module to LLVM IR, adds the public functions and their
/// tables, and links in the code behind them. What is not public is internal.
FailureOr<std::unique_ptr<llvm::Module>>
translateKernels(ModuleOp module, ArrayRef<CompiledKernel> kernels,
                 const CompileOptions &options, llvm::LLVMContext &llvmContext);

/// Runs LLVM's pipeline, with the sanitizer's passes where one is asked for.
void optimizeKernels(llvm::Module &module, llvm::TargetMachine &machine,
                     const CompileOptions &options);

/// Writes an optimised module to `fileName`; "-" is the standard output, which
/// takes text alone. On failure there is no file.
LogicalResult writeArtefact(llvm::Module &module, llvm::TargetMachine &machine,
                            const CompileOptions &options, ArtefactKind kind,
                            StringRef fileName, EmitError emitError);

/// The C header that declares the kernels' functions.
std::string getKernelHeader(ArrayRef<CompiledKernel> kernels,
                            StringRef headerFileName,
                            const CompileOptions &options);

/// Compiles a kernel module to `fileName`, and writes its header to
/// `headerFileName` unless that is empty. On failure there is neither.
LogicalResult compileKernels(ModuleOp module, const CompileOptions &options,
                             ArtefactKind kind, StringRef fileName,
                             StringRef headerFileName);

} // namespace mlir::attn

#endif // ATTN_TARGET_CPU_COMPILE_H
