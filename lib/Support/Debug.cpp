//===- Debug.cpp - What the passes decide, on request ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Support/Debug.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/ManagedStatic.h"

using namespace mlir::attn;

namespace {
/// Lives only in tools that ask for it: a library adds no option to its host.
struct DebugOption {
  llvm::cl::list<std::string> components{
      "attn-debug", llvm::cl::CommaSeparated,
      llvm::cl::value_desc("component,..."),
      llvm::cl::desc(
          "Say what passes decide: form, passes, plan, mapping, tile, or all")};
};
} // namespace

static llvm::ManagedStatic<DebugOption> debugOption;

void mlir::attn::registerDebugOption() { (void)*debugOption; }

bool mlir::attn::isDebugEnabled(llvm::StringRef component) {
  return debugOption.isConstructed() &&
         llvm::any_of(debugOption->components, [&](llvm::StringRef name) {
           return name == component || name == "all";
         });
}

llvm::raw_ostream &mlir::attn::getDebugStream(llvm::StringRef component) {
  return llvm::errs() << "[attn-" << component << "] ";
}
