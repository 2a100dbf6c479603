//===- TargetTest.h - What the tests of the back end share ------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNITTESTS_TARGET_TARGETTEST_H
#define ATTN_UNITTESTS_TARGET_TARGETTEST_H

#include "attn/Target/CPU/Compile.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

namespace mlir::attn {

/// A context whose diagnostics end up in `diagnostics`.
class TargetTest : public ::testing::Test {
protected:
  TargetTest()
      : context(getRegistry()),
        handler(&context, [this](Diagnostic &diagnostic) {
          diagnostics += diagnostic.str() + "\n";
          return success();
        }) {
    context.loadDialect<LLVM::LLVMDialect>();
    context.printOpOnDiagnostic(false);
  }

  OwningOpRef<ModuleOp> parse(StringRef text) {
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module) << diagnostics;
    return module;
  }

  CPUTarget getTarget(StringRef name) {
    FailureOr<CPUTarget> target = CPUTarget::get(
        name, [&] { return emitError(UnknownLoc::get(&context)); });
    EXPECT_TRUE(succeeded(target)) << diagnostics;
    return *target;
  }

  MLIRContext context;
  std::string diagnostics;
  ScopedDiagnosticHandler handler;

private:
  static DialectRegistry getRegistry() {
    DialectRegistry registry;
    registerKernelTranslations(registry);
    return registry;
  }
};

} // namespace mlir::attn

#endif // ATTN_UNITTESTS_TARGET_TARGETTEST_H
