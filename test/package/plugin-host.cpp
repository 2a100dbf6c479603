//===- plugin-host.cpp - Loads the plugin into a program of its own -------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

int main(int argc, char **argv) {
  if (argc != 3) {
    llvm::errs() << "usage: plugin-host PLUGIN FILE\n";
    return 2;
  }
  llvm::Expected<DialectPlugin> plugin = DialectPlugin::load(argv[1]);
  if (!plugin) {
    llvm::errs() << "plugin-host: " << llvm::toString(plugin.takeError())
                 << "\n";
    return 1;
  }
  DialectRegistry registry;
  registry.insert<func::FuncDialect, tensor::TensorDialect>();
  plugin->registerDialectRegistryCallbacks(registry);
  MLIRContext context(registry);
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(argv[2], &context);
  if (!module)
    return 1;
  FailureOr<OpPassManager> pipeline =
      parsePassPipeline("builtin.module(attn-derive-cascades)");
  if (failed(pipeline))
    return 1;
  PassManager manager(&context);
  static_cast<OpPassManager &>(manager) = *pipeline;
  if (failed(manager.run(*module)))
    return 1;
  module->print(llvm::outs());
  return 0;
}
