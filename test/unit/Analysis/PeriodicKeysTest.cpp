//===- PeriodicKeysTest.cpp - Keys that come back with a period -----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The numbers of periodic keys against a count of them, one by one, and the
// atoms that have a period against their definitions.
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/PeriodicKeys.h"
#include "RandomSparsity.h"
#include "mlir/AsmParser/AsmParser.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
class PeriodicKeysTest : public RandomSparsity {
protected:
  Attribute parse(StringRef set) {
    std::string text = "#attn.affine_set<affine_map<" + set.str() + ">>";
    return parseAttribute(text, &context);
  }

  Attribute getStrided(int64_t step, int64_t offset, int64_t block) {
    return StridedAttr::get(&context, step, offset, block);
  }
};
} // namespace

TEST_F(PeriodicKeysTest, NumbersCount) {
  for (int trial = 0; trial < 200; ++trial) {
    PeriodicKeys keys{pick(1, 12), 0, 0};
    keys.first = pick(0, keys.period - 1);
    keys.length = pick(1, keys.period);
    int64_t number = keys.getNumber(-40);
    for (int64_t position = -40; position < 40; ++position) {
      ASSERT_EQ(keys.getNumber(position), number) << "seed " << seed;
      if (!keys.contains(position))
        continue;
      ASSERT_EQ(keys.getPosition(number), position) << "seed " << seed;
      ++number;
    }
    ASSERT_EQ(keys.getNumber(keys.first), 0) << "seed " << seed;
    ASSERT_EQ(keys.getPosition(0), keys.first) << "seed " << seed;
  }
}

TEST_F(PeriodicKeysTest, StridedAsDefined) {
  for (int trial = 0; trial < 200; ++trial) {
    int64_t step = pick(1, 9), offset = pick(0, step - 1), block = pick(1, 7);
    SmallVector<PeriodicKeys> keys =
        getPeriodicKeys(getStrided(step, offset, block));
    ASSERT_EQ(keys.size(), 1u);
    EXPECT_TRUE(keys[0].first >= 0 && keys[0].first < keys[0].period);
    // SP-14.
    for (int64_t n = -50; n < 100; ++n)
      ASSERT_EQ(keys[0].contains(n),
                llvm::mod(llvm::divideFloorSigned(n, block) + offset, step) ==
                    0)
          << "seed " << seed << ", strided(" << step << ", " << offset
          << ", block " << block << ") at " << n;
  }
}

TEST_F(PeriodicKeysTest, HeadsHaveTheirOwn) {
  Attribute atom =
      PerHeadAttr::get(&context, {getStrided(4, 0, 2), getStrided(6, 5, 2)},
                       StringAttr::get(&context, "h"), int64_t(1));
  SmallVector<PeriodicKeys> keys = getPeriodicKeys(atom);
  ASSERT_EQ(keys.size(), 2u);
  EXPECT_EQ(keys[1].period, 12);
  EXPECT_EQ(keys[1].first, 2);
  EXPECT_EQ(&lookUpHead(keys, 7), &keys[1]);
  EXPECT_EQ(&lookUpHead(keys, -1), &keys[0]);
  EXPECT_TRUE(areScattered(keys));
  // A step would hold runs of several lengths.
  keys[1].length = 3;
  EXPECT_FALSE(areScattered(keys));
}

TEST_F(PeriodicKeysTest, StepsOfDilatedHeads) {
  auto dilate = [&](ArrayRef<std::pair<int64_t, int64_t>> heads) {
    auto atoms = llvm::map_to_vector(heads, [&](auto numbers) -> Attribute {
      auto [window, step] = numbers;
      return DilatedAttr::get(&context, window, step);
    });
    return PerHeadAttr::get(&context, atoms, StringAttr::get(&context, "h"),
                            int64_t(1));
  };
  SmallVector<int64_t> steps = getDilatedSteps(dilate({{9, 4}, {20, 1}}));
  EXPECT_EQ(ArrayRef(steps), ArrayRef<int64_t>({4, 1}));
  EXPECT_EQ(lookUpHead(steps, 5), 1);
  // Heads that differ in their windows alone have one step.
  steps = getDilatedSteps(dilate({{9, 4}, {20, 4}}));
  EXPECT_EQ(ArrayRef(steps), ArrayRef<int64_t>(4));
  steps = getDilatedSteps(DilatedAttr::get(&context, 9, 3));
  EXPECT_EQ(ArrayRef(steps), ArrayRef<int64_t>(3));
  EXPECT_TRUE(getDilatedSteps(getStrided(4, 0, 2)).empty());
  EXPECT_TRUE(getDilatedSteps(Attribute()).empty());
}

TEST_F(PeriodicKeysTest, SetsOfTheKeyAlone) {
  struct {
    StringRef set;
    int64_t period, first, length;
  } sets[] = {
      {"(m, n) -> (n mod 128 - 120)", 128, 120, 8},
      {"(m, n) -> (3 - (n + 2) mod 8)", 8, 6, 4},
      {"(m, n) -> ((n floordiv 4) mod 6 - 2, 3 - (n floordiv 4) mod 6)", 24, 8,
       8},
      {"(m, n) -> (1 - (3 * n) mod 7)", 7, 5, 0},
      {"(m, n) -> (2 * (n mod 6) - n mod 12 - 1, n mod 4 - 2)", 12, 2, 2},
      {"(m, n) -> (-((n floordiv 2) mod 3))", 6, 0, 2},
      {"(m, n) -> ((n floordiv 3) * 3 - n + 1)", 3, 0, 2},
      // A row, a symbol, a bound, and more than is looked at.
      {"(m, n) -> (n mod 8 - m mod 8)", 0, 0, 0},
      {"(m, n)[h] -> ((n + h) mod 8 - 6)", 0, 0, 0},
      {"(m, n) -> (n - 5)", 0, 0, 0},
      {"(m, n) -> (n mod 8 - 6, 100 - n)", 0, 0, 0},
      {"(m, n) -> (-(n mod 50000))", 0, 0, 0},
      {"(m, n) -> (n mod 8 - 8)", 0, 0, 0},
  };
  for (const auto &[set, period, first, length] : sets) {
    Attribute atom = parse(set);
    ASSERT_TRUE(atom) << set.str();
    SmallVector<PeriodicKeys> keys = getPeriodicKeys(atom);
    // Two runs in a period are none.
    if (period == 0 || length == 0) {
      EXPECT_TRUE(keys.empty()) << set.str();
      continue;
    }
    ASSERT_EQ(keys.size(), 1u) << set.str();
    EXPECT_EQ(keys[0].period, period) << set.str();
    EXPECT_EQ(keys[0].first, first) << set.str();
    EXPECT_EQ(keys[0].length, length) << set.str();
  }
}

TEST_F(PeriodicKeysTest, RandomSetsAsDefined) {
  int found = 0;
  for (int trial = 0; trial < 300; ++trial) {
    AffineExpr key = getAffineDimExpr(1, &context);
    SmallVector<AffineExpr> results;
    for (int64_t i = 0, e = pick(1, 2); i < e; ++i) {
      AffineExpr inner = (key * pick(1, 3) + pick(-5, 5)).floorDiv(pick(1, 3));
      AffineExpr expr = inner % pick(2, 8) - pick(0, 5);
      results.push_back(pick(0, 1) ? expr : -expr);
    }
    auto map = AffineMap::get(2, 0, results, &context);
    Attribute atom = AffineSetAttr::get(&context, AffineMapAttr::get(map));
    SmallVector<PeriodicKeys> keys = getPeriodicKeys(atom);
    if (keys.empty())
      continue;
    ++found;
    for (int64_t n = -60; n < 120; ++n) {
      bool holds = llvm::all_of(results, [&](AffineExpr expr) {
        return evaluateExpr(expr, {0, n}, {}) >= 0;
      });
      ASSERT_EQ(keys[0].contains(n), holds)
          << "seed " << seed << ", at " << n << " of trial " << trial;
    }
  }
  EXPECT_GT(found, 50);
}

TEST_F(PeriodicKeysTest, ScatteredKeysAreFew) {
  auto areFew = [&](int64_t step, int64_t offset, int64_t block) {
    return areScattered(getPeriodicKeys(getStrided(step, offset, block)));
  };
  EXPECT_TRUE(areFew(2, 0, 1));
  EXPECT_TRUE(areFew(8, 3, 48));
  // Everything, steps that may be left out, and runs that are long.
  EXPECT_FALSE(areFew(1, 0, 1));
  EXPECT_FALSE(areFew(8, 3, 64));
  EXPECT_FALSE(areFew(8, 3, 300));
  EXPECT_FALSE(areFew(int64_t(1) << 30, 0, 2));
  EXPECT_FALSE(areScattered({}));
  EXPECT_TRUE(getPeriodicKeys(CausalAttr::get(&context)).empty());
}
