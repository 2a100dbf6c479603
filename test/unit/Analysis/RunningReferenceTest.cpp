//===- RunningReferenceTest.cpp - What exponents subtract -----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/RunningReference.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
/// A text, and what stands there in its place.
struct Edit {
  StringRef from, to;
};

class RunningReferenceTest : public ::testing::Test {
protected:
  RunningReferenceTest() {
    context.loadDialect<AttnDialect, func::FuncDialect>();
    context.allowUnregisteredDialects();
  }

  /// Whether the first carried value of `text`, edited, is a reference.
  bool isReference(StringRef text, ArrayRef<Edit> edits = {}) {
    std::string edited = text.str();
    for (const Edit &edit : edits) {
      EXPECT_NE(edited.find(edit.from.str()), std::string::npos);
      replace(edited, edit.from, edit.to);
    }
    replace(edited, "ROWS", "tensor<?xf32>");
    replace(edited, "PLANE", "tensor<?x?xf32>");
    module = parseSourceString<ModuleOp>(edited, &context);
    EXPECT_TRUE(module);
    IterateOp iterate;
    if (module)
      module->walk<WalkOrder::PreOrder>([&](IterateOp op) {
        if (!iterate)
          iterate = op;
      });
    return iterate && RunningReference::match(iterate, 0);
  }

  static void replace(std::string &text, StringRef from, StringRef to) {
    for (size_t at = text.find(from.str()); at != std::string::npos;
         at = text.find(from.str(), at + to.size()))
      text.replace(at, from.size(), to.str());
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};
} // namespace

// A softmax with its log-sum-exp; the comments are where cases differ.
static constexpr StringRef kSoftmax = R"mlir(
  %s = "t.s"() : () -> PLANE
  %v = "t.v"() : () -> PLANE
  %t = "t.t"() : () -> ROWS
  %o:2 = attn.cascade (%S = %s, %V = %v, %T = %t, %U = %t) : (PLANE, PLANE, ROWS, ROWS) -> (PLANE, ROWS) {
    %lowest = arith.constant -3.40282347E+38 : f32
    %zero = arith.constant 0.0 : f32
    %m0 = attn.einsum [m] = map() { attn.yield %lowest : f32 } : () -> ROWS
    %d0 = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> ROWS
    %a0 = attn.einsum [m,f] = map() { attn.yield %zero : f32 } : () -> PLANE
    %m, %d, %a = attn.iterate n1 of n by n0 init(%m0, %d0, %a0 : ROWS, ROWS, PLANE) {
    ^bb0(%M: ROWS, %D: ROWS, %A: PLANE):
      %lm = attn.einsum [m] = %S[m,n1*N0+n0] reduce max(n0) : (PLANE) -> ROWS
      %m1 = attn.einsum [m] = max(%M[m], %lm[m]) : (ROWS, ROWS) -> ROWS
      // joined
      %p = attn.einsum [m,n0] = map(%S[m,n1*N0+n0], %m1[m]) {
      ^bb0(%x: f32, %y: f32):
        %u = arith.subf %x, %y : f32
        %l = arith.constant 1.44269502 : f32 // weights
        %w = arith.mulf %u, %l : f32
        %e = math.exp2 %w fastmath<afn> : f32
        attn.yield %e : f32
      } : (PLANE, ROWS) -> PLANE
      %c = attn.einsum [m] = map(%m1[m], %M[m], %T[m]) {
      ^bb0(%x: f32, %y: f32, %z: f32):
        %u = arith.subf %y, %x : f32 // repair
        %l = arith.constant 1.44269502 : f32 // repairs
        %w = arith.mulf %u, %l : f32
        %e = math.exp2 %w : f32
        attn.yield %e : f32
      } : (ROWS, ROWS, ROWS) -> ROWS
      %ld = attn.einsum [m] = %p[m,n0] reduce add(n0) : (PLANE) -> ROWS
      %d1 = attn.einsum [m] = map(%ld[m], %D[m], %c[m]) {
      ^bb0(%x: f32, %y: f32, %z: f32):
        %u = arith.mulf %y, %z : f32
        %w = arith.addf %x, %u : f32
        attn.yield %w : f32
      } : (ROWS, ROWS, ROWS) -> ROWS
      %la = attn.einsum [m,f] = mul(%p[m,n0], %V[n1*N0+n0,f]) reduce add(n0) : (PLANE, PLANE) -> PLANE
      %a1 = attn.einsum [m,f] = map(%la[m,f], %A[m,f], %c[m]) {
      ^bb0(%x: f32, %y: f32, %z: f32):
        %u = arith.mulf %y, %z : f32
        %w = arith.addf %x, %u : f32
        attn.yield %w : f32
      } : (PLANE, PLANE, ROWS) -> PLANE
      attn.yield %m1, %d1, %a1 : ROWS, ROWS, PLANE
    }
    %sum = attn.einsum [m] = %d[m] : (ROWS) -> ROWS // sum
    %r = attn.einsum [m,f] = div(%a[m,f], %sum[m]) : (PLANE, ROWS) -> PLANE
    %lse = attn.einsum [m] = map(%m[m], %sum[m]) {
    ^bb0(%x: f32, %y: f32):
      %u = math.log %y : f32
      %w = arith.addf %x, %u : f32
      attn.yield %w : f32
    } : (ROWS, ROWS) -> ROWS
    attn.yield %r, %lse : PLANE, ROWS
  }
)mlir";

static constexpr Edit kOutputAlone{"attn.yield %r, %lse", "attn.yield %r, %T"};

TEST_F(RunningReferenceTest, Softmax) { EXPECT_TRUE(isReference(kSoftmax)); }

TEST_F(RunningReferenceTest, ResultsThatDependOnIt) {
  EXPECT_FALSE(isReference(kSoftmax, {{"%r, %lse", "%r, %m"}}));
  EXPECT_FALSE(isReference(kSoftmax, {{"%r, %lse", "%r, %d"}}));
  EXPECT_FALSE(isReference(kSoftmax, {{"%r, %lse", "%a, %lse"}}));
}

TEST_F(RunningReferenceTest, Factors) {
  Edit weights{"1.44269502 : f32 // weights", "2.0 : f32"},
      repairs{"1.44269502 : f32 // repairs", "2.0 : f32"};
  EXPECT_FALSE(isReference(kSoftmax, {weights, kOutputAlone}));
  EXPECT_FALSE(isReference(kSoftmax, {repairs, kOutputAlone}));
  EXPECT_TRUE(isReference(kSoftmax, {weights, repairs, kOutputAlone}));
  // A natural logarithm is that of exponents of e.
  EXPECT_FALSE(isReference(kSoftmax, {weights, repairs}));
  EXPECT_FALSE(isReference(kSoftmax, {{"math.log ", "math.log2 "}}));
}

// Only where a maximum bounds them may exponents be weights.
TEST_F(RunningReferenceTest, UnboundedExponents) {
  EXPECT_FALSE(isReference(kSoftmax, {{" fastmath<afn>", ""}}));
}

TEST_F(RunningReferenceTest, PowersOfTheSum) {
  auto quotient = [](StringRef divisor) {
    return ("map(%a[m,f], %sum[m]) {\n^bb0(%x: f32, %y: f32):\n" + divisor +
            "%w = arith.divf %x, %z : f32\nattn.yield %w : f32\n}")
        .str();
  };
  auto test = [&](StringRef divisor) {
    std::string text = quotient(divisor);
    return isReference(kSoftmax, {{"div(%a[m,f], %sum[m])", text}});
  };
  EXPECT_TRUE(test("%z = arith.negf %y : f32\n"));
  EXPECT_TRUE(test("%b = arith.cmpf ogt, %x, %y : f32\n"
                   "%z = arith.select %b, %x, %y : f32\n"));
  EXPECT_FALSE(test("%z = math.sqrt %y : f32\n"));
  EXPECT_FALSE(test("%z = arith.mulf %y, %y : f32\n"));
  // No number that is the same for every reference joins a sum, but 0 does.
  EXPECT_FALSE(test("%k = arith.constant 1.0 : f32\n"
                    "%z = arith.addf %y, %k : f32\n"));
  EXPECT_TRUE(test("%z = arith.addf %y, %zero : f32\n"));
  EXPECT_FALSE(test("%k = arith.constant 1.0 : f32\n"
                    "%b = arith.cmpf ogt, %y, %k : f32\n"
                    "%z = arith.select %b, %y, %zero : f32\n"));
  EXPECT_TRUE(test("%b = arith.cmpf ogt, %y, %zero : f32\n"
                   "%z = arith.select %b, %y, %zero : f32\n"));
  // Each number is followed once, however many read it.
  std::string chain = "%y0 = arith.addf %y, %y : f32\n";
  for (unsigned number = 1; number < 60; ++number) {
    std::string name = "%y" + std::to_string(number),
                before = "%y" + std::to_string(number - 1);
    chain += name + " = arith.maximumf " + before + ", " + before + " : f32\n";
  }
  EXPECT_TRUE(test(chain + "%z = arith.addf %y59, %y59 : f32\n"));
}

TEST_F(RunningReferenceTest, OtherRows) {
  EXPECT_FALSE(isReference(
      kSoftmax, {{"div(%a[m,f], %sum[m])", "div(%a[m,f], %sum[f])"}}));
  EXPECT_FALSE(isReference(
      kSoftmax, {{"[m] = %d[m] : (ROWS) -> ROWS // sum",
                  "[m] = map(%d[i], %T[m]) {\n^bb0(%x: f32, %y: f32):\n"
                  "%w = arith.mulf %x, %y : f32\nattn.yield %w : f32\n} "
                  "reduce add(i) : (ROWS, ROWS) -> ROWS"}}));
}

TEST_F(RunningReferenceTest, SumsOfRows) {
  EXPECT_FALSE(isReference(
      kSoftmax,
      {{"%r = attn.einsum [m,f] = div(%a[m,f], %sum[m]) : (PLANE, ROWS) -> "
        "PLANE",
        "%q = attn.einsum [f] = %a[m,f] reduce add(m) : (PLANE) -> ROWS\n"
        "%e = attn.einsum [] = %d[m] reduce add(m) : (ROWS) -> tensor<f32>\n"
        "%r = attn.einsum [f] = div(%q[f], %e[]) : (ROWS, tensor<f32>) -> "
        "ROWS"},
       {"attn.yield %r, %lse", "attn.yield %V, %r"}}));
}

// What another iteration makes of the sum is not followed.
TEST_F(RunningReferenceTest, AnotherIteration) {
  EXPECT_FALSE(isReference(
      kSoftmax, {{"%sum = attn.einsum [m] = %d[m] : (ROWS) -> ROWS // sum",
                  "%sum = attn.iterate i1 of i by i0 init(%d0 : ROWS) {\n"
                  "^bb0(%I: ROWS):\n"
                  "%j = attn.einsum [m] = add(%d[m], %I[m]) : (ROWS, ROWS) -> "
                  "ROWS\nattn.yield %j : ROWS\n}"},
                 {"attn.yield %r, %lse", "attn.yield %V, %T"}}));
}

/// The edits that make a sink join: in steps, in their repairs and behind.
static SmallVector<Edit> joinSink(StringRef weights, StringRef repairs,
                                  StringRef behind) {
  return {{"// joined", "%j1 = attn.einsum [m] = max(%m1[m], %T[m]) : (ROWS, "
                        "ROWS) -> ROWS"},
          {"map(%S[m,n1*N0+n0], %m1[m])", weights},
          {"map(%m1[m], %M[m], %T[m])", repairs},
          {"%u = arith.subf %y, %x : f32 // repair",
           "%q = arith.maximumf %y, %z : f32\n%u = arith.subf %q, %x : f32"},
          {"%sum = attn.einsum [m] = %d[m] : (ROWS) -> ROWS // sum", behind},
          {"map(%m[m], %sum[m])", "map(%j[m], %sum[m])"}};
}

static constexpr StringRef kBehind =
    R"mlir(%j = attn.einsum [m] = max(%m[m], %T[m]) : (ROWS, ROWS) -> ROWS
    %sum = attn.einsum [m] = map(%m[m], %d[m], %T[m], %j[m]) {
    ^bb0(%x: f32, %y: f32, %z: f32, %q: f32):
      %none = arith.cmpf ole, %x, %lowest : f32
      %u = arith.subf %z, %q : f32
      %l = arith.constant 1.44269502 : f32
      %k = arith.mulf %u, %l : f32
      %e = math.exp2 %k fastmath<afn> : f32
      %w = arith.addf %y, %e : f32
      %is = arith.cmpf ord, %w, %w : f32
      %and = arith.andi %none, %is : i1
      %b = arith.select %and, %zero, %w : f32
      attn.yield %b : f32
    } : (ROWS, ROWS, ROWS, ROWS) -> ROWS)mlir";

TEST_F(RunningReferenceTest, Sink) {
  StringRef weights = "map(%S[m,n1*N0+n0], %j1[m])",
            repairs = "map(%j1[m], %M[m], %T[m])";
  EXPECT_TRUE(isReference(kSoftmax, joinSink(weights, repairs, kBehind)));
  // One here, another there.
  EXPECT_FALSE(isReference(
      kSoftmax, joinSink(weights, "map(%j1[m], %M[m], %U[m])", kBehind)));
  std::string another = kBehind.str();
  replace(another, "max(%m[m], %T[m])", "max(%m[m], %U[m])");
  EXPECT_FALSE(isReference(kSoftmax, joinSink(weights, repairs, another)));
  // Weights without it, and a test of its own.
  EXPECT_FALSE(isReference(
      kSoftmax, joinSink("map(%S[m,n1*N0+n0], %m1[m])", repairs, kBehind)));
  std::string test = kBehind.str();
  replace(test, "ole, %x, %lowest", "ole, %x, %zero");
  EXPECT_FALSE(isReference(kSoftmax, joinSink(weights, repairs, test)));
}
