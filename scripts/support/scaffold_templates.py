# ===- scaffold_templates.py - What scripts/scaffold writes ---*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""The texts of scaffold.py; @word@ stands for what is given by name."""


def fill(template, words, **more):
    for word, text in (words | more).items():
        template = template.replace(f"@{word}@", text)
    return template


LICENSE_COMMENT = """\
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

"""

# A pass.

PASS_TD = """
def Attn@class@ : Pass<"@flag@"> {
  let summary = "TODO: say in a line what the pass does";
  let description = [{
    TODO: say what it does to a cascade, where it leaves one alone, and what it
    refuses; the paper and the equation that it follows; an example.
  }];
  let statistics = [
    Statistic<"numVisited", "num-visited", "cascades seen">
  ];
}
"""

PASS_CPP = """\
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/@folder@/Passes.h"

namespace mlir::attn {
#define GEN_PASS_DEF_@upper@
#include "attn/@folder@/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {
struct @class@Pass : attn::impl::Attn@class@Base<@class@Pass> {
  using Attn@class@Base::Attn@class@Base;

  void runOnOperation() override {
    getOperation()->walk([&](CascadeOp cascade) { visit(cascade); });
  }

private:
  /// TODO: change the cascade.
  void visit(CascadeOp cascade) { ++numVisited; }
};
} // namespace
"""

PASS_TEST = """\
// RUN: attn-opt %s --@flag@ | FileCheck %s

// TODO: say what the pass does here. As long as it does nothing, the cascade
// stays as it is.
// CHECK-LABEL: func.func @row_sums
// CHECK: attn.cascade
// CHECK: attn.einsum [m] = %{{.*}}[m,n] reduce add(n)
func.func @row_sums(%s: tensor<?x8xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x8xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce add(n) : (tensor<?x8xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
"""

# An operation.

OP_TD = """
//===----------------------------------------------------------------------===//
// attn.@name@
//===----------------------------------------------------------------------===//

def Attn_@class@Op : Attn_Op<"@name@", [Pure]> {
  let summary = "TODO: say in a line what it computes";
  let description = [{
    TODO: the formula, the ranks of operands and results, the paper, what is
    refused.

    ```mlir test
    func.func @example(%x: tensor<?x8x?x64xf32>) -> tensor<?x8x?x64xf32> {
      %y = attn.@name@ %x : tensor<?x8x?x64xf32> -> tensor<?x8x?x64xf32>
      return %y : tensor<?x8x?x64xf32>
    }
    ```
  }];
  let arguments = (ins Attn_FloatTensor:$input);
  let results = (outs Attn_FloatTensor:$output);
  let assemblyFormat =
      "$input attr-dict `:` type($input) `->` type($output)";
  let hasVerifier = 1;
}
"""

OP_CPP = """\
#include "attn/Dialect/Attn/IR/Attn.h"

using namespace mlir;
using namespace mlir::attn;

LogicalResult @class@Op::verify() {
  // spec: @rule@
  if (getOutput().getType() != getInput().getType())
    return emitOpError("the result is ")
           << getOutput().getType() << " but the operand is "
           << getInput().getType();
  return success();
}
"""

OP_TEST = """\
// RUN: attn-opt %s | attn-opt | FileCheck %s
// RUN: attn-opt %s --mlir-print-op-generic | attn-opt | FileCheck %s

// CHECK-LABEL: func.func @some
// CHECK: attn.@name@ %{{.*}} : tensor<?x8x?x64xf32> -> tensor<?x8x?x64xf32>
func.func @some(%x: tensor<?x8x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %y = attn.@name@ %x : tensor<?x8x?x64xf32> -> tensor<?x8x?x64xf32>
  return %y : tensor<?x8x?x64xf32>
}
"""

OP_INVALID = """\
// RUN: attn-opt %s --split-input-file --verify-diagnostics

// @rule@
func.func @types(%x: tensor<?x8x?x64xf32>) -> tensor<?x8x?x32xf32> {
  // expected-error @below {{the result is 'tensor<?x8x?x32xf32>' but the operand is}}
  %y = attn.@name@ %x : tensor<?x8x?x64xf32> -> tensor<?x8x?x32xf32>
  return %y : tensor<?x8x?x32xf32>
}
"""

# A sparsity atom.

ATOM_TD = """\
def Attn_@class@Attr : Attn_Attr<"@class@", "@name@"> {
  let summary = "live where TODO";
  let description = [{
    TODO: which points are live, in pos(m) and pos(n); what the parameters count
    and their bounds; the paper.

    ```mlir test
    module attributes {attn.mask = #attn.sparsity<causal and @name@(16)>} {}
    ```
  }];
  let parameters = (ins "int64_t":$size);
  let assemblyFormat = "`<` $size `>`";
  let genVerifyDecl = 1;
}

"""

ATOM_PARSE = """\
  if (keyword == "@name@")
    return parseNumber<@class@Attr>(location);
"""

ATOM_SETS = """\
          .Case([&](@class@Attr atom) {
            // TODO: where it is live. As it stands, as a window.
            addSet({key - row + atom.getSize(), row - key + atom.getSize()});
            return true;
          })
"""

ATOM_PRINT = """\
      .Case([&](@class@Attr atom) {
        printer << "@name@(" << atom.getSize() << ")";
      })
"""

ATOM_CPP = """\
#include "attn/Dialect/Attn/IR/Attn.h"

using namespace mlir;
using namespace mlir::attn;

// spec: @rule@
LogicalResult @class@Attr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  int64_t size) {
  if (size < 1)
    return emitError() << "@name@(" << size << "): the size must be at least 1";
  return success();
}
"""

ATOM_TEST = """\
// RUN: attn-opt %s | attn-opt | FileCheck %s
// RUN: attn-opt %s --emit-bytecode | attn-opt | FileCheck %s

// CHECK: attn.mask = #attn.sparsity<causal and @name@(16)>
module attributes {attn.mask = #attn.sparsity<causal and @name@(16)>} {}
"""

ATOM_INVALID = """\
// RUN: attn-opt %s --split-input-file --verify-diagnostics

// @rule@
// expected-error @below {{@name@(0): the size must be at least 1}}
module attributes {attn.mask = #attn.sparsity<@name@(0)>} {}
"""

# A law.

LAW_CPP = """\
/// TODO: the g(x, r) that the law is for, and why c repairs it. As it stands, the
/// powers of @base@.
class @class@Law : public Law {
public:
  StringRef getName() const override { return "@name@"; }
  StringRef getStatement() const override {
    return "@base@^(x - r') = @base@^(x - r) * @base@^(r - r')";
  }
  bool isPositive() const override { return true; }

  std::optional<Change> match(Operation *op,
                              ArrayRef<Change> operands) const override {
    FloatAttr base;
    if (!isa<math::PowFOp>(op) ||
        !matchPattern(op->getOperand(0), m_Constant(&base)) ||
        base.getValueAsDouble() != @base@.0 || !operands[1].isAdditive())
      return std::nullopt;
    return makeScaled(this, operands[1].getTerms());
  }

  Value build(OpBuilder &builder, Location loc,
              ArrayRef<TermValues> terms) const override {
    return power(builder, loc, buildShift(builder, loc, terms));
  }

  Value buildExample(OpBuilder &builder, Location loc, Value x,
                     Value r) const override {
    return power(builder, loc, arith::SubFOp::create(builder, loc, x, r));
  }

private:
  static Value power(OpBuilder &builder, Location loc, Value exponent) {
    Value base = arith::ConstantOp::create(
        builder, loc, builder.getFloatAttr(exponent.getType(), @base@.0));
    return math::PowFOp::create(builder, loc, base, exponent);
  }
};

"""

# A target.

TARGET_CMAKE = """\
file(GLOB ATTN_TARGET_@upper@_SOURCES CONFIGURE_DEPENDS *.cpp)
attn_add_library(AttnTarget@name@
  SOURCES ${ATTN_TARGET_@upper@_SOURCES}
  LINKS AttnConversion)
"""

TARGET_H = """\
#ifndef ATTN_TARGET_@upper@_@upper@TARGET_H
#define ATTN_TARGET_@upper@_@upper@TARGET_H

#include "mlir/IR/BuiltinOps.h"
#include <string>

namespace mlir::attn {

/// TODO: The code of the kernels of `module`, a kernel module in the LLVM dialect
/// (KernelSignature.h), or a diagnostic.
FailureOr<std::string> compileFor@name@(ModuleOp module);

} // namespace mlir::attn

#endif // ATTN_TARGET_@upper@_@upper@TARGET_H
"""

TARGET_CPP = """\
#include "attn/Target/@name@/@name@Target.h"
#include "attn/Conversion/KernelSignature.h"

using namespace mlir;
using namespace mlir::attn;

FailureOr<std::string> attn::compileFor@name@(ModuleOp module) {
  if (!module->hasAttr(kKernelsAttrName)) {
    module.emitError() << "has no '" << kKernelsAttrName
                       << "'; it is no kernel module";
    return failure();
  }
  module.emitError("the target @name@ emits no code yet");
  return failure();
}
"""

TARGET_TEST = """\
#include "attn/Target/@name@/@name@Target.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::attn;

namespace {

TEST(@name@Target, RefusesWhatIsNoKernelModule) {
  MLIRContext context;
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    message = diagnostic.str();
    return success();
  });
  OwningOpRef<ModuleOp> module =
      parseSourceString<ModuleOp>("module {}", &context);
  EXPECT_TRUE(failed(compileFor@name@(*module)));
  EXPECT_EQ(message, "has no 'attn.kernels'; it is no kernel module");
}

} // namespace
"""

TARGET_TEST_CMAKE = """\
attn_add_unit_test(Attn@name@TargetTests
  SOURCES @name@TargetTest.cpp
  LINKS AttnTarget@name@ MLIR LLVM)
"""
