//===- CodeGeneration.h - What targets share behind LLVM IR -----*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_COMMON_CODEGENERATION_H
#define ATTN_TARGET_COMMON_CODEGENERATION_H

#include "mlir/IR/Diagnostics.h"
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/IR/PassManager.h"
#include "llvm/Support/CodeGen.h"

namespace llvm {
class Module;
class PassBuilder;
class TargetMachine;
} // namespace llvm

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace mlir::attn {

using EmitError = function_ref<InFlightDiagnostic()>;

/// Registers what translating a kernel module to LLVM IR needs.
void registerKernelTranslations(DialectRegistry &registry);

/// Whether the module is well-formed LLVM IR; reports what is not.
LogicalResult verifyKernels(llvm::Module &module, EmitError emitError);

/// LLVM's code generation level for its optimisation level `level`, 0 to 3.
llvm::CodeGenOptLevel getCodeGenLevel(unsigned level);

/// Runs the passes that `build` makes; loops are unrolled by none of them, and
/// vectorised from `level` 2.
void runOptimizer(
    llvm::Module &module, llvm::TargetMachine &machine, unsigned level,
    function_ref<llvm::ModulePassManager(llvm::PassBuilder &)> build);

/// Writes machine code of `type` to `buffer`.
LogicalResult generateCode(llvm::Module &module, llvm::TargetMachine &machine,
                           llvm::CodeGenFileType type,
                           SmallVectorImpl<char> &buffer, EmitError emitError);

/// A path beside `fileName`, so that renaming it into place is atomic.
SmallString<128> getTemporaryPath(StringRef fileName, StringRef suffix);

/// Writes a file, or the standard output where `fileName` is "-". On failure
/// there is no file.
LogicalResult writeFile(StringRef fileName, StringRef contents,
                        EmitError emitError);

/// Runs a program; what it printed is in `output`, also where it fails.
/// Its temporary file lies beside `beside`.
LogicalResult runProgram(ArrayRef<std::string> command, StringRef beside,
                         std::string &output);

} // namespace mlir::attn

#endif // ATTN_TARGET_COMMON_CODEGENERATION_H
