//===- PassCountTest.cpp - Passes, footprints and work --------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/PassCount.h"
#include "attn/Analysis/CascadeWork.h"
#include "attn/Analysis/LivePoints.h"
#include "attn/Analysis/SparsityPlan.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
class PassCountTest : public ::testing::Test {
protected:
  PassCountTest() {
    context.loadDialect<AttnDialect, func::FuncDialect>();
    context.allowUnregisteredDialects();
  }

  /// A cascade with this body over vectors and matrices; V, M and S stand for
  /// their types, "A", "B" for two matrix inputs and "C" for a vector.
  CascadeOp parse(StringRef body, StringRef results) {
    std::string text = R"mlir(
      %a = "t.a"() : () -> M
      %b = "t.b"() : () -> M
      %c = "t.c"() : () -> V
      %o = attn.cascade (%A = %a, %B = %b, %C = %c) : (M, M, V) -> RESULTS {
    )mlir" + body.str() +
                       "}";
    replace(text, "RESULTS", results);
    replace(text, "M", "tensor<?x?xf32>", /*whole=*/true);
    replace(text, "V", "tensor<?xf32>", /*whole=*/true);
    module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    CascadeOp result;
    if (module)
      module->walk([&](CascadeOp op) { result = op; });
    return result;
  }

  static void replace(std::string &text, StringRef from, StringRef to,
                      bool whole = false) {
    for (size_t at = text.find(from.str()); at != std::string::npos;
         at = text.find(from.str(), at)) {
      auto isName = [&](size_t index) {
        return index < text.size() &&
               (llvm::isAlnum(text[index]) || text[index] == '%');
      };
      if (whole && (isName(at - 1) || isName(at + from.size()))) {
        ++at;
        continue;
      }
      text.replace(at, from.size(), to.str());
      at += to.size();
    }
  }

  StringAttr name(StringRef text) { return StringAttr::get(&context, text); }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};
} // namespace

// FuseMax, Cascade 1: Y = sum_k A*B, Z = Y*A. Two passes over A, one over B.
TEST_F(PassCountTest, ReadAfterFullRead) {
  CascadeOp cascade = parse(R"mlir(
    %y = attn.einsum [m] = mul(%A[m,k], %B[m,k]) reduce add(k) : (M, M) -> V
    %z = attn.einsum [m] = mul(%A[m,k], %y[m]) reduce add(k) : (M, V) -> V
    attn.yield %z : V)mlir",
                            "V");
  ASSERT_TRUE(cascade);
  PassCount count(cascade, name("k"));
  EXPECT_EQ(count.getCount(), 2);
  Block &body = cascade.getBody().front();
  EXPECT_EQ(count.lookup(body.getArgument(0))->count, 2);
  EXPECT_EQ(count.lookup(body.getArgument(1))->count, 1);
  PassCount::Cause cause = count.getCause(2);
  EXPECT_EQ(cause.reader, &*std::next(body.begin()));
  EXPECT_EQ(cause.traversal, &body.front());
}

// A tensor that is read in two passes of the cascade, but never again after all
// of it was needed, takes one pass of its own.
TEST_F(PassCountTest, TensorsCountTheirOwnChains) {
  CascadeOp cascade = parse(R"mlir(
    %u = attn.einsum [m] = %A[m,k] reduce add(k) : (M) -> V
    %y = attn.einsum [m] = %B[m,k] reduce add(k) : (M) -> V
    %z = attn.einsum [m] = mul(%A[m,k], %y[m]) reduce add(k) : (M, V) -> V
    %w = attn.einsum [m] = add(%u[m], %z[m]) : (V, V) -> V
    attn.yield %w : V)mlir",
                            "V");
  ASSERT_TRUE(cascade);
  PassCount count(cascade, name("k"));
  EXPECT_EQ(count.getCount(), 2);
  Block &body = cascade.getBody().front();
  const PassCount::Tensor *a = count.lookup(body.getArgument(0));
  EXPECT_EQ(a->count, 1);
  EXPECT_EQ(a->readIn, (SmallVector<int64_t>{1, 2}));
}

// Reading the neighbour of an element needs the whole fiber.
TEST_F(PassCountTest, OtherPointsNeedTheWholeFiber) {
  CascadeOp cascade = parse(R"mlir(
    %p = attn.einsum [m,k] = mul(%A[m,k], %B[m,k]) : (M, M) -> M
    %z = attn.einsum [m] = mul(%p[m,K-1-k], %A[m,k]) reduce add(k) : (M, M) -> V
    attn.yield %z : V)mlir",
                            "V");
  ASSERT_TRUE(cascade);
  PassCount count(cascade, name("k"));
  EXPECT_EQ(count.getCount(), 2);
  EXPECT_TRUE(count.getTensors()[2].crossesPasses());
}

// An iteration is one pass over its parent; the body's other ranks count on.
TEST_F(PassCountTest, Iterations) {
  CascadeOp cascade = parse(R"mlir(
    %zero = arith.constant 0.0 : f32
    %q = attn.einsum [m] = mul(%A[m,e], %A[m,e]) reduce add(e) : (M, M) -> V
    %i = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> V
    %r = attn.iterate n1 of n by n0 init(%i : V) {
    ^bb0(%R: V):
      %s = attn.einsum [m,n0] = map(%A[m,e], %B[n1*N0+n0,e], %q[m]) {
      ^bb0(%x: f32, %y: f32, %z: f32):
        %t = arith.mulf %x, %y : f32
        %w = arith.divf %t, %z : f32
        attn.yield %w : f32
      } reduce add(e) : (M, M, V) -> M
      %l = attn.einsum [m] = %s[m,n0] reduce add(n0) : (M) -> V
      %n = attn.einsum [m] = add(%R[m], %l[m]) : (V, V) -> V
      attn.yield %n : V
    }
    %o = attn.einsum [m] = mul(%r[m], %q[m]) : (V, V) -> V
    attn.yield %o : V)mlir",
                            "V");
  ASSERT_TRUE(cascade);
  EXPECT_EQ(PassCount(cascade, name("n")).getCount(), 1);
  EXPECT_EQ(PassCount(cascade, name("n0")).getCount(), 1);
  PassCount features(cascade, name("e"));
  EXPECT_EQ(features.getCount(), 2);
  Block &body = cascade.getBody().front();
  EXPECT_EQ(features.lookup(body.getArgument(0))->count, 2);
  EXPECT_EQ(features.lookup(body.getArgument(1))->count, 1);

  CascadeWork work(cascade, {{"m", 2}, {"n", 10}, {"e", 3}, {"n0", 4}});
  // q: 2*M*E; s: 3*M*N*E; l: M*N; the sum: M for each of 3 steps; o: M.
  EXPECT_EQ(work.evaluate(work.getFlops()).getConstant(),
            2 * 2 * 3 + 3 * 2 * 10 * 3 + 2 * 10 + 2 * 3 + 2);
  EXPECT_EQ(work.getExtent(name("n1")), 3);
}

TEST_F(PassCountTest, ExtentFormulas) {
  ExtentFormula m = ExtentFormula::symbol("M"), n = ExtentFormula::symbol("N");
  ExtentFormula formula =
      (m + n) * (m + ExtentFormula::constant(2)) + ExtentFormula::constant(1);
  EXPECT_EQ(formula.str(), "M*M + M*N + 2*M + 2*N + 1");
  auto substitute = [](StringRef name) -> std::optional<double> {
    return name == "M" ? std::optional<double>(3.0) : std::nullopt;
  };
  EXPECT_EQ(formula.substitute(substitute).str(), "5*N + 16");
  EXPECT_EQ((m + ExtentFormula::constant(-1) * m).str(), "0");
}

// The closed sum agrees with a count of every point.
TEST_F(PassCountTest, LivePointsAgreeWithEveryPoint) {
  auto count = [&](StringRef sparsity, Alignment alignment, int64_t rows,
                   int64_t keys) {
    auto attribute = cast<SparsityAttr>(
        parseAttribute(("#attn.sparsity<" + sparsity + ">").str(), &context));
    PlaneRestriction restriction;
    restriction.expression = attribute.getExpression();
    restriction.alignment = alignment;
    FailureOr<PlanAttr> plan = planSparsity(&context, restriction);
    EXPECT_TRUE(succeeded(plan));
    int64_t expected = 0;
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t key = 0; key < keys; ++key)
        expected += passesConstraints(*plan, row, key, {rows, keys});
    LivePoints counted = countLivePoints(*plan, rows, keys, {rows, keys});
    EXPECT_EQ(counted.count, expected)
        << sparsity.str() << " " << rows << " by " << keys;
    EXPECT_TRUE(counted.isExact);
  };
  for (Alignment alignment : {Alignment::TopLeft, Alignment::BottomRight})
    for (StringRef sparsity :
         {"causal", "window(3, 0)", "window(2, 5)", "prefix(7)",
          "causal and window(4, 1)", "causal and prefix(3)",
          "window(0, 0) and prefix(9)", "causal or prefix(6)",
          "not window(2, 3)", "window(1, 2) or (causal and prefix(4))",
          "block_diagonal(4)", "neighborhood([5], stride [2])",
          "affine_set(affine_map<(m, n) -> (n - 3 * m + 5, m + 1 - n)>)",
          "dilated(6, 3) and causal", "leading(2) or block_diagonal(3)",
          "neighborhood([2, 3], grid [4, 5])", "power_of_two(2)"})
      for (int64_t rows : {0, 1, 5, 16, 23})
        for (int64_t keys : {0, 1, 4, 16, 31})
          count(sparsity, alignment, rows, keys);
}
