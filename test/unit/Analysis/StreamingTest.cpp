//===- StreamingTest.cpp - What is known of values that move --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/Streaming.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
class StreamingTest : public testing::Test {
protected:
  StreamingTest() {
    context.loadDialect<AttnDialect, arith::ArithDialect, func::FuncDialect,
                        math::MathDialect>();
  }

  /// Whether no element of the last einsum's tensor is negative, of which
  /// `text` gives the reduction over exp(%X) plus itself, `doublings` times.
  bool isNonNegative(StringRef reduction, unsigned doublings = 0) {
    std::string doubled;
    for (unsigned i = 0; i < doublings; ++i) {
      std::string from = "%v" + std::to_string(i);
      doubled += "%v" + std::to_string(i + 1) + " = arith.addf " + from + ", " +
                 from + " : f32\n";
    }
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(
        R"(func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
             %r = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
               %t = attn.einsum [m,n] = map(%X[m,n]) {
               ^bb0(%a: f32):
                 %v0 = math.exp %a : f32
                 )" +
            doubled + "attn.yield %v" + std::to_string(doublings) + R"( : f32
               } : (tensor<?x?xf32>) -> tensor<?x?xf32>
               %y = attn.einsum [m] = %t[m,n] reduce )" +
            reduction.str() + R"( : (tensor<?x?xf32>) -> tensor<?xf32>
               attn.yield %y : tensor<?xf32>
             }
             return %r : tensor<?xf32>
           })",
        &context);
    EXPECT_TRUE(module);
    if (!module)
      return false;
    CascadeOp cascade;
    module->walk([&](CascadeOp op) { cascade = op; });
    return StreamingAnalysis::isNonNegative(
        cascade.getBody().front().getTerminator()->getOperand(0));
  }

  MLIRContext context;
};
} // namespace

TEST_F(StreamingTest, ReductionsThatKeepSigns) {
  EXPECT_TRUE(isNonNegative("add(n)"));
  EXPECT_TRUE(isNonNegative("mul(n)"));
  EXPECT_TRUE(isNonNegative("min(n)"));
}

// The maximum over no key is less than every number, and a combiner is free.
TEST_F(StreamingTest, ReductionsThatMayNot) {
  EXPECT_FALSE(isNonNegative("max(n)"));
  EXPECT_FALSE(isNonNegative(R"(associative(n) identity(0.0 : f32) {
               ^bb0(%a: f32, %b: f32):
                 %s = arith.addf %a, %b : f32
                 %one = arith.constant 1.0 : f32
                 %d = arith.subf %s, %one : f32
                 attn.yield %d : f32
               })"));
}

// Each value of a map is looked at once, however often it is used.
TEST_F(StreamingTest, ValuesThatAreUsedOften) {
  EXPECT_TRUE(isNonNegative("add(n)", 100));
}
