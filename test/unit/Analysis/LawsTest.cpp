//===- LawsTest.cpp - The laws hold, and can be added to ------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every law of the table is checked on random values by evaluating the maps
// that it builds. Set ATTN_TEST_SEED to repeat a run.
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/Laws.h"
#include "attn/Analysis/Streaming.h"
#include "attn/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/TypeSwitch.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <random>

using namespace mlir;
using namespace mlir::attn;

namespace {

/// Evaluates scalar operations of a block in double precision.
class Evaluator {
public:
  llvm::DenseMap<Value, double> values;

  double get(Value value) {
    auto found = values.find(value);
    if (found != values.end())
      return found->second;
    Operation *op = value.getDefiningOp();
    APFloat constant(0.0);
    if (matchPattern(value, m_ConstantFloat(&constant)))
      return constant.convertToDouble();
    auto operand = [&](unsigned i) { return get(op->getOperand(i)); };
    return llvm::TypeSwitch<Operation *, double>(op)
        .Case([&](arith::AddFOp) { return operand(0) + operand(1); })
        .Case([&](arith::SubFOp) { return operand(0) - operand(1); })
        .Case([&](arith::MulFOp) { return operand(0) * operand(1); })
        .Case([&](arith::DivFOp) {
          return operand(1) == 0 ? 0 : operand(0) / operand(1);
        })
        .Case([&](math::ExpOp) { return std::exp(operand(0)); })
        .Case([&](math::Exp2Op) { return std::exp2(operand(0)); })
        .Case([&](math::PowFOp) { return std::pow(operand(0), operand(1)); })
        .Default([](Operation *op) -> double {
          ADD_FAILURE() << "no value for "
                        << op->getName().getStringRef().str();
          return 0;
        });
  }
};

/// The power law 10^(x - r), brought by a dialect of its own.
class PowerLaw : public Law {
public:
  StringRef getName() const override { return "power-of-ten"; }
  StringRef getStatement() const override {
    return "10^(x - r') = 10^(x - r) * 10^(r - r')";
  }
  bool isPositive() const override { return true; }

  std::optional<Change> match(Operation *op,
                              ArrayRef<Change> operands) const override {
    APFloat base(0.0);
    if (!isa<math::PowFOp>(op) ||
        !matchPattern(op->getOperand(0), m_ConstantFloat(&base)) ||
        base.convertToDouble() != 10.0 || !operands[1].isAdditive())
      return std::nullopt;
    return Change::scaled({CorrectionPower{
        Correction{this, operands[1].getTerms()}, /*exponent=*/1}});
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
        builder, loc, builder.getFloatAttr(exponent.getType(), 10.0));
    return math::PowFOp::create(builder, loc, base, exponent);
  }
};

class PowerLawInterface : public LawInterface {
public:
  using LawInterface::LawInterface;
  void getLaws(SmallVectorImpl<const Law *> &laws) const override {
    static const PowerLaw law;
    laws.push_back(&law);
  }
};

class PowerDialect : public Dialect {
public:
  explicit PowerDialect(MLIRContext *context)
      : Dialect(getDialectNamespace(), context, TypeID::get<PowerDialect>()) {
    addInterfaces<PowerLawInterface>();
  }
  static StringRef getDialectNamespace() { return "test_power"; }
};

struct LawsTest : ::testing::Test {
  LawsTest() {
    context.loadDialect<AttnDialect, arith::ArithDialect, math::MathDialect,
                        func::FuncDialect>();
    const char *text = std::getenv("ATTN_TEST_SEED");
    unsigned seed =
        text ? std::strtoul(text, nullptr, 10) : std::random_device()();
    std::cout << "ATTN_TEST_SEED=" << seed << "\n";
    random.seed(seed);
  }

  /// Checks the equations of `law` on its own example.
  void check(const Law &law);

  MLIRContext context;
  std::mt19937 random;
};

} // namespace

void LawsTest::check(const Law &law) {
  SCOPED_TRACE(law.getName().str());
  OpBuilder builder(&context);
  Location loc = builder.getUnknownLoc();
  Block block;
  Type f64 = builder.getF64Type();
  Value x = block.addArgument(f64, loc), r = block.addArgument(f64, loc);
  Value next = block.addArgument(f64, loc);
  builder.setInsertionPointToStart(&block);
  Value example = law.buildExample(builder, loc, x, r);

  // How the example changes, found as the derivation finds it.
  LawTable table(&context);
  llvm::DenseMap<Value, LawTable::OperandInfo> infos;
  infos[x].change.multipleOf = {x};
  infos[r].change.kind = Change::Kind::Running;
  infos[r].change.running = TensorRef{r, {}};
  // Where r sums nonnegative terms, x is one of them.
  infos[r].change.sumOf = x;
  for (Operation &op : block) {
    std::vector<LawTable::OperandInfo> operands;
    for (Value operand : op.getOperands())
      operands.push_back(infos.lookup(operand));
    infos[op.getResult(0)].change = table.getChange(&op, operands);
  }
  Change change = infos.lookup(example).change;
  if (change.isUnknown()) {
    // A law that only defers: its factors have to multiply to the example.
    auto factors = law.getFactors(example.getDefiningOp());
    ASSERT_TRUE(factors);
    for (int i = 0; i < 100; ++i) {
      Evaluator evaluator;
      std::uniform_real_distribution<double> numbers(-3, 3);
      evaluator.values[x] = numbers(random);
      evaluator.values[r] = numbers(random);
      double product = 1;
      for (Law::Factor factor : *factors) {
        double value = evaluator.get(factor.value);
        product = factor.isDivisor ? product / value : product * value;
      }
      EXPECT_NEAR(product, evaluator.get(example), 1e-12 * std::abs(product));
    }
    return;
  }

  bool isSum = law.getCombine() == Law::Combine::Sum;
  ASSERT_EQ(change.kind, isSum ? Change::Kind::Shifted : Change::Kind::Scaled);
  std::vector<LinearTerm> terms =
      isSum ? change.terms : change.powers.at(0).correction.terms;
  if (!isSum) {
    ASSERT_EQ(change.powers.size(), 1u);
    EXPECT_EQ(change.powers[0].correction.law, &law);
    EXPECT_EQ(change.powers[0].exponent, 1);
  }
  SmallVector<Law::TermValues> values;
  for (const LinearTerm &term : terms)
    values.push_back({term.coefficient, Value(), r, next});
  Value correction = law.build(builder, loc, values);
  auto g = [&](double xValue, double rValue) {
    Evaluator evaluator;
    evaluator.values[x] = xValue;
    evaluator.values[r] = rValue;
    return evaluator.get(example);
  };
  auto c = [&](double from, double to) {
    Evaluator evaluator;
    evaluator.values[r] = from;
    evaluator.values[next] = to;
    return evaluator.get(correction);
  };
  auto combine = [&](double a, double b) { return isSum ? a + b : a * b; };
  std::uniform_real_distribution<double> numbers(0.1, 3);
  for (int i = 0; i < 1000; ++i) {
    double xValue = numbers(random), r0 = numbers(random), r1 = numbers(random),
           r2 = numbers(random);
    double repaired = combine(g(xValue, r0), c(r0, r1));
    EXPECT_NEAR(g(xValue, r1), repaired, 1e-9 * (1 + std::abs(repaired)));
    // Corrections compose, and there is none without a move.
    EXPECT_NEAR(c(r0, r2), combine(c(r0, r1), c(r1, r2)),
                1e-9 * (1 + std::abs(c(r0, r2))));
    EXPECT_DOUBLE_EQ(c(r0, r0), isSum ? 0.0 : 1.0);
    if (law.isPositive()) {
      EXPECT_GE(c(r0, r1), 0.0);
    }
    // A correction that a law calls bounded is.
    for (int direction : {1, -1}) {
      if (isSum || !law.isContracting(Correction{&law, terms},
                                      [&](Value) { return direction; }))
        continue;
      double low = std::min(r0, r1), high = std::max(r0, r1);
      EXPECT_LE(std::abs(direction == 1 ? c(low, high) : c(high, low)), 1.0);
    }
  }
}

TEST_F(LawsTest, EveryLawHolds) {
  context.loadDialect<PowerDialect>();
  LawTable table(&context);
  EXPECT_GE(table.getLaws().size(), 6u);
  for (const Law *law : table.getLaws()) {
    EXPECT_EQ(table.lookup(law->getName()), law);
    EXPECT_FALSE(law->getStatement().empty());
    check(*law);
  }
}

TEST_F(LawsTest, MonomialsMultiplyAndCancel) {
  LawTable table(&context);
  const Law *law = table.lookup("exp-difference");
  ASSERT_TRUE(law);
  Correction correction{law, {LinearTerm{}}};
  Change squared = Change::scaled({{correction, 1}, {correction, 1}});
  ASSERT_EQ(squared.powers.size(), 1u);
  EXPECT_EQ(squared.powers[0].exponent, 2);
  EXPECT_TRUE(Change::scaled({{correction, 1}, {correction, -1}}).isFixed());
  LinearTerm up, down;
  down.coefficient = -1;
  EXPECT_TRUE(Change::shifted({up, down}).isFixed());
  EXPECT_EQ(Change::shifted({up, up}).terms.at(0).coefficient, 2.0);
}

// A cascade that no law of ours repairs fuses once a dialect brings the law.
TEST_F(LawsTest, DialectsAddLaws) {
  const char *text = R"mlir(
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %id = attn.einsum [m,n] = add(%S[m,n], %S[m,n])
        : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    %gm = attn.einsum [m] = %id[m,n] reduce max(n)
        : (tensor<?x?xf32>) -> tensor<?xf32>
    %p = attn.einsum [m,n] = map(%id[m,n], %gm[m]) {
    ^bb0(%x: f32, %y: f32):
      %ten = arith.constant 10.0 : f32
      %d = arith.subf %x, %y : f32
      %e = math.powf %ten, %d : f32
      attn.yield %e : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %sd = attn.einsum [m] = %p[m,n] reduce add(n)
        : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %sd : tensor<?xf32>
  }
  return %o : tensor<?xf32>
})mlir";
  auto derives = [&]() {
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    PassManager manager(&context);
    manager.addNestedPass<func::FuncOp>(createDeriveSinglePass());
    ScopedDiagnosticHandler quiet(&context,
                                  [](Diagnostic &) { return success(); });
    EXPECT_TRUE(succeeded(manager.run(*module)));
    bool found = false;
    module->walk([&](IterateOp) { found = true; });
    return found;
  };
  EXPECT_FALSE(derives());
  context.loadDialect<PowerDialect>();
  EXPECT_TRUE(derives());
}

// The action on a tuple of sums, on random scores: sums of exponentials times
// powers of the exponent, at one maximum, repaired for another.
TEST_F(LawsTest, TuplesMoveTogether) {
  const char *text = R"mlir(
func.func @f(%s: tensor<?x?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) {
  %o:3 = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) {
    %gm = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %d = attn.einsum [m,n] = sub(%S[m,n], %gm[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %p = attn.einsum [m,n] = map(%d[m,n]) {
    ^bb0(%x: f32):
      %e = math.exp %x : f32
      attn.yield %e : f32
    } : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %r0 = attn.einsum [m] = %p[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %r1 = attn.einsum [m] = mul(%p[m,n], %d[m,n]) reduce add(n)
        : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?xf32>
    %r2 = attn.einsum [m] = map(%p[m,n], %d[m,n]) {
    ^bb0(%x: f32, %y: f32):
      %c = arith.constant -3.0 : f32
      %t = arith.mulf %x, %y : f32
      %u = arith.mulf %t, %y : f32
      %v = arith.mulf %u, %c : f32
      attn.yield %v : f32
    } reduce add(n) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r0, %r1, %r2 : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>
  }
  return %o#0, %o#1, %o#2 : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>
})mlir";
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  ASSERT_TRUE(module);
  CascadeOp cascade;
  module->walk([&](CascadeOp op) { cascade = op; });
  StreamingAnalysis analysis(cascade, StringAttr::get(&context, "n"));
  ASSERT_FALSE(analysis.getObstacle());
  SmallVector<Value> sums(cascade.getYielded());

  std::uniform_real_distribution<double> numbers(-3, 3);
  for (int round = 0; round < 100; ++round) {
    std::vector<double> scores(1 + round % 7);
    for (double &score : scores)
      score = numbers(random);
    double from = numbers(random), to = numbers(random);
    auto evaluate = [&](unsigned power, double maximum) {
      double sum = 0;
      for (double score : scores)
        sum += std::exp(score - maximum) * std::pow(score - maximum, power);
      return power == 2 ? -3 * sum : sum;
    };
    for (unsigned power = 0; power < 3; ++power) {
      auto sum = sums[power].getDefiningOp<EinsumOp>();
      ArrayRef<StreamingAnalysis::TupleTerm> terms = analysis.getTuple(sum);
      EXPECT_EQ(terms.size(), power == 2 ? 3u : power);
      double moved = evaluate(power, from);
      for (const StreamingAnalysis::TupleTerm &term : terms) {
        double product = term.coefficient;
        for (const std::vector<LinearTerm> &shift : term.shifts)
          for (const LinearTerm &way : shift)
            product *= way.coefficient * (to - from);
        auto *companion = llvm::find(sums, term.companion);
        ASSERT_NE(companion, sums.end());
        moved += product * evaluate(companion - sums.begin(), from);
      }
      // What all of the tuple has in common.
      const Change &change = analysis.getChange(sum);
      ASSERT_EQ(change.kind, Change::Kind::Scaled);
      moved *= std::exp(from - to);
      double expected = evaluate(power, to);
      EXPECT_NEAR(moved, expected, 1e-9 * (1 + std::exp(6)) * 40);
    }
  }
}
