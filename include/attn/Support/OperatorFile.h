//===- OperatorFile.h - The file of an operator, for tools ------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the tools that take an operator through the compiler have in common:
// their first flags, and how they read the file.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_SUPPORT_OPERATORFILE_H
#define ATTN_SUPPORT_OPERATORFILE_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/SourceMgr.h"

#include <memory>

namespace mlir::attn {

/// The flags that say what is compiled, and in which form.
struct OperatorFlags {
  explicit OperatorFlags(llvm::cl::OptionCategory &category);

  llvm::cl::opt<std::string> inputFile;
  llvm::cl::opt<std::string> form;
  llvm::cl::opt<std::string> passes;
  llvm::cl::opt<std::string> split;
  llvm::cl::list<int64_t> laneTiles;
  llvm::cl::opt<int64_t> streamTile;
  llvm::cl::opt<int64_t> rowTile;
};

/// An operator and the text that diagnostics about it quote. They are printed
/// for as long as this lives.
class OperatorFile {
public:
  /// Opens and parses `name`, the standard input for "-", with the names that
  /// tensors have in the text (Parse.h). Where the file cannot be opened, what
  /// the system says goes to `report`; what is wrong in it is a diagnostic.
  static std::unique_ptr<OperatorFile>
  read(StringRef name, MLIRContext *context,
       function_ref<void(StringRef message)> report);

  ModuleOp getModule() { return *module; }

private:
  OperatorFile(std::shared_ptr<llvm::SourceMgr> sources, MLIRContext *context)
      : sources(std::move(sources)), handler(*this->sources, context) {}

  std::shared_ptr<llvm::SourceMgr> sources;
  SourceMgrDiagnosticHandler handler;
  OwningOpRef<ModuleOp> module;
};

} // namespace mlir::attn

#endif // ATTN_SUPPORT_OPERATORFILE_H
