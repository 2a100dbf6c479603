//===- StepTestTest.cpp - Steps without live points -----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The classes of steps against the definition, point by point.
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/StepTest.h"
#include "RandomSparsity.h"
#include "mlir/AsmParser/AsmParser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
class StepTestTest : public RandomSparsity {
protected:
  PlanAttr plan(const PlaneRestriction &restriction) {
    ScopedDiagnosticHandler quiet(&context, [](Diagnostic &) {});
    FailureOr<PlanAttr> planned = planSparsity(&context, restriction);
    return succeeded(planned) ? *planned : PlanAttr();
  }

  PlanAttr planAtom(Attribute atom) {
    PlaneRestriction restriction;
    restriction.expression = atom;
    restriction.alignment = Alignment::TopLeft;
    return plan(restriction);
  }
};
} // namespace

/// How many of the points of a step are live.
static int64_t countLive(const Case &c, const Sizes &sizes, int64_t first,
                         int64_t last, KeyRange keys) {
  int64_t live = 0;
  for (int64_t row = first; row <= last; ++row)
    for (int64_t key = keys.begin; key < keys.end; ++key)
      live += c.isLive(row, key, sizes);
  return live;
}

TEST_F(StepTestTest, EveryAtomIsSound) {
  int full = 0, dead = 0;
  for (int trial = 0; trial < 400; ++trial) {
    Case c = getCase(/*reach=*/12);
    c.restriction.expression =
        getAnything(12, /*hasGrid=*/c.restriction.hasKeyOrigin, pick(0, 2));
    PlanAttr plan = this->plan(c.restriction);
    if (!plan)
      continue;
    for (int call = 0; call < 20; ++call) {
      Sizes sizes = getSizes(/*least=*/1);
      int64_t first = pick(0, sizes.rows - 1);
      int64_t last = pick(first, std::min(sizes.rows - 1, first + 6));
      KeyRange keys{pick(0, sizes.keys - 1), 0};
      keys.end = pick(keys.begin + 1, std::min(sizes.keys, keys.begin + 9));
      StepClass step =
          classifyStep(plan, first, last, keys, c.getSymbols(sizes, plan));
      int64_t live = countLive(c, sizes, first, last, keys);
      int64_t points = (last - first + 1) * (keys.end - keys.begin);
      ASSERT_TRUE(step.mayBeLive || live == 0)
          << "seed " << seed << ", rows " << first << " to " << last
          << ", keys " << keys.begin << " to " << keys.end - 1;
      ASSERT_TRUE(!step.isFull || live == points)
          << "seed " << seed << ", rows " << first << " to " << last
          << ", keys " << keys.begin << " to " << keys.end - 1;
      dead += !step.mayBeLive;
      full += step.isFull;
    }
  }
  EXPECT_GT(full, 500);
  EXPECT_GT(dead, 500);
}

// Without a plan: any expression, of as many parts as it may have.
TEST_F(StepTestTest, TermsAreSound) {
  int full = 0, dead = 0;
  for (int trial = 0; trial < 300; ++trial) {
    Attribute term = getAnything(/*reach=*/12, /*hasGrid=*/true, pick(0, 3));
    TermTest test(term);
    for (int call = 0; call < 20; ++call) {
      TermNumbers numbers{pick(1, 40), pick(0, 3)};
      int64_t first = pick(-9, 30), last = first + pick(0, 6);
      KeyRange keys{pick(0, numbers.keyCount - 1), 0};
      keys.end = std::min(keys.begin + pick(1, 9), numbers.keyCount);
      StepClass step = test.classify(first, last, keys, numbers);
      int64_t live = 0;
      for (int64_t row = first; row <= last; ++row)
        for (int64_t key = keys.begin; key < keys.end; ++key) {
          bool holds = Case::holds(term, row, key, /*keyOrigin=*/0,
                                   numbers.keyCount, numbers.head);
          live += holds;
          StepClass point = test.classify(row, row, {key, key + 1}, numbers);
          ASSERT_EQ(point.mayBeLive, holds) << "seed " << seed;
          ASSERT_EQ(point.isFull, holds) << "seed " << seed;
        }
      int64_t points = (last - first + 1) * (keys.end - keys.begin);
      ASSERT_TRUE(step.mayBeLive || live == 0) << "seed " << seed;
      ASSERT_TRUE(!step.isFull || live == points) << "seed " << seed;
      dead += !step.mayBeLive;
      full += step.isFull;
    }
  }
  EXPECT_GT(full, 200);
  EXPECT_GT(dead, 200);
}

// What is no set of positions may hold at any point.
TEST_F(StepTestTest, DataMayHoldAnywhere) {
  Attribute mask = MaskAttr::get(&context, AccessAttr::get(&context, 0, {}));
  Attribute near = WindowAttr::get(&context, 3, 3);
  auto classify = [&](Attribute term, int64_t key) {
    return TermTest(term).classify(0, 1, {key, key + 2}, {50, 0});
  };
  for (Attribute term : {mask, Attribute(NotAttr::get(&context, mask))}) {
    EXPECT_TRUE(classify(term, 0).mayBeLive);
    EXPECT_FALSE(classify(term, 0).isFull);
  }
  Attribute both = AndAttr::get(&context, {mask, near});
  EXPECT_FALSE(classify(both, 20).mayBeLive);
  Attribute either = OrAttr::get(&context, {mask, near});
  EXPECT_TRUE(classify(either, 0).isFull);
  EXPECT_TRUE(classify(either, 20).mayBeLive);
}

// Blocks that live or die together: a step within one is left out exactly where
// it is dead, and tested nowhere.
TEST_F(StepTestTest, BlocksAreExact) {
  for (int trial = 0; trial < 200; ++trial) {
    int64_t block = pick(1, 6), step = pick(2, 5);
    Case c;
    c.restriction.alignment = Alignment::TopLeft;
    bool isStrided = pick(0, 1) == 0;
    c.restriction.expression =
        isStrided ? Attribute(StridedAttr::get(&context, step,
                                               pick(0, step - 1), block))
                  : PowerOfTwoAttr::get(&context, block);
    PlanAttr plan = this->plan(c.restriction);
    ASSERT_TRUE(plan);
    Sizes sizes{60, 60, 60, 60};
    int64_t first = pick(0, 59 / block) * block;
    int64_t last = std::min<int64_t>(first + block, 60) - 1;
    for (int64_t begin = 0; begin < 60; begin += block) {
      KeyRange keys{begin, std::min<int64_t>(begin + block, 60)};
      StepClass found =
          classifyStep(plan, first, last, keys, c.getSymbols(sizes, plan));
      bool isLive = countLive(c, sizes, first, last, keys) > 0;
      EXPECT_EQ(found.mayBeLive, isLive) << "seed " << seed;
      EXPECT_EQ(found.isFull, isLive) << "seed " << seed;
    }
  }
}

// A plan that is written by hand may multiply two unknowns.
TEST_F(StepTestTest, ProductsAreBounded) {
  auto plan = dyn_cast_or_null<PlanAttr>(parseAttribute(
      "#attn.plan<symbols = [M, N], live = affine_map<(first, last)[M, N] -> "
      "(0)> to affine_map<(first, last)[M, N] -> (N)>, full = "
      "affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, "
      "N] -> (0)>, nonnegative = affine_map<(m, n)[M, N] -> ((m - n) * N - "
      "3)>>",
      &context));
  ASSERT_TRUE(plan);
  int dead = 0, full = 0;
  for (int64_t keys : {-2, 0, 3})
    for (int64_t first = 0; first < 9; ++first)
      for (int64_t begin = 0; begin < 9; ++begin) {
        int64_t symbols[] = {9, keys};
        StepClass step =
            classifyStep(plan, first, first + 1, {begin, begin + 2}, symbols);
        int live = 0;
        for (int64_t row : {first, first + 1})
          for (int64_t key : {begin, begin + 1})
            live += passesConstraints(plan, row, key, symbols);
        EXPECT_EQ(step.mayBeLive, live > 0);
        EXPECT_EQ(step.isFull, live == 4);
        dead += live == 0;
        full += live == 4;
      }
  EXPECT_GT(dead, 0);
  EXPECT_GT(full, 0);
}

TEST_F(StepTestTest, RunsAreThoseOfBlocks) {
  auto getRun = [&](Attribute atom) { return getRunLength(planAtom(atom)); };
  EXPECT_EQ(getRun(StridedAttr::get(&context, 4, 1, 64)), 64);
  EXPECT_EQ(getRun(PowerOfTwoAttr::get(&context, 128)), 128);
  // There is room between distances, however short blocks are.
  EXPECT_EQ(getRun(PowerOfTwoAttr::get(&context, 1)), kShortestRun);
  // The least of several.
  EXPECT_EQ(getRun(AndAttr::get(&context, {StridedAttr::get(&context, 4, 1, 96),
                                           PowerOfTwoAttr::get(&context, 48)})),
            48);
  // Every few keys one is live, or every key of a range.
  EXPECT_EQ(getRun(StridedAttr::get(&context, 4, 1, 8)), 0);
  EXPECT_EQ(getRun(DilatedAttr::get(&context, 200, 4)), 0);
  EXPECT_EQ(getRun(CausalAttr::get(&context)), 0);
  EXPECT_EQ(getRun(BlockDiagonalAttr::get(&context, 64)), 0);
  // Bands within frames, where these are long.
  auto getRadial = [&](int64_t tokens) {
    return RadialAttr::get(&context, 8, tokens, getFloat(1.0), 16);
  };
  EXPECT_EQ(getRun(getRadial(300)), kShortestRun);
  EXPECT_EQ(getRun(getRadial(48)), 0);
}
