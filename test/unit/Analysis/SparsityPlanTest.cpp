//===- SparsityPlanTest.cpp - Plans against brute force -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The reference is the definition, evaluated point by point. Set
// ATTN_TEST_SEED to repeat a run.
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/SparsityPlan.h"
#include "RandomSparsity.h"
#include "mlir/AsmParser/AsmParser.h"
#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"
#include <chrono>

using namespace mlir;
using namespace mlir::attn;

namespace {

class SparsityPlanTest : public RandomSparsity {
protected:
  PlanAttr plan(const PlaneRestriction &restriction) {
    FailureOr<PlanAttr> result = planSparsity(&context, restriction);
    EXPECT_TRUE(succeeded(result));
    return succeeded(result) ? *result : PlanAttr();
  }

  std::string print(Attribute attribute) {
    std::string text;
    llvm::raw_string_ostream(text) << attribute;
    return text;
  }

  std::string describe(const Case &c, const Sizes &sizes, PlanAttr plan) {
    std::string text;
    llvm::raw_string_ostream os(text);
    os << "seed " << seed << ", " << c.restriction.expression << ", "
       << stringifyAlignment(c.restriction.alignment) << ", M " << sizes.rows
       << ", N " << sizes.keys << ", KL " << sizes.keyLength << ", QL "
       << sizes.rowLength << ", D " << sizes.diagonal << ", ON "
       << sizes.keyOrigin << ", H " << sizes.head << "\n"
       << plan;
    return text;
  }
};

} // namespace

/// Checks the ranges of one tile: they hold exactly the keys that some row,
/// and that every row, sees.
static void checkTile(const Case &c, const Sizes &sizes, PlanAttr plan,
                      int64_t first, int64_t last) {
  ASSERT_EQ(plan.getPieces().size(), 1u);
  TileRanges ranges = PlanTile(plan, first, last, c.getSymbols(sizes, plan))
                          .getRanges(plan.getPieces().front());
  for (int64_t key = -3; key < sizes.keys + 3; ++key) {
    bool some = false, every = true;
    for (int64_t row = first; row <= last; ++row) {
      bool live = key >= 0 && key < sizes.keys && c.isLive(row, key, sizes);
      some |= live;
      every &= live;
    }
    ASSERT_EQ(ranges.live.contains(key), some)
        << "live, rows " << first << " to " << last << ", key " << key;
    ASSERT_EQ(ranges.full.contains(key), every)
        << "full, rows " << first << " to " << last << ", key " << key;
  }
}

TEST_F(SparsityPlanTest, MatchesDefinition) {
  for (int trial = 0; trial < 400; ++trial) {
    Case c = getCase(/*reach=*/16);
    PlanAttr plan = this->plan(c.restriction);
    ASSERT_TRUE(plan);
    for (int call = 0; call < 6; ++call) {
      Sizes sizes{pick(0, 14), pick(0, 14), 0, 0};
      // Lengths past the extents are no business of the plan.
      sizes.keyLength = pick(-1, sizes.keys + 2);
      sizes.rowLength = pick(-1, sizes.rows + 2);
      sizes.diagonal = pick(-20, 20);
      sizes.head = pick(0, 5);
      sizes.keyOrigin = pick(-3, 20);
      SCOPED_TRACE(describe(c, sizes, plan));
      SmallVector<int64_t> symbols = c.getSymbols(sizes, plan);
      for (int64_t row = 0; row < sizes.rows; ++row)
        for (int64_t key = 0; key < sizes.keys; ++key)
          ASSERT_EQ(passesConstraints(plan, row, key, symbols),
                    c.isLive(row, key, sizes))
              << "row " << row << ", key " << key;
      int64_t tile = pick(1, 8);
      for (int64_t first = 0; first < sizes.rows; first += tile) {
        checkTile(c, sizes, plan, first,
                  std::min(first + tile, sizes.rows) - 1);
        if (HasFatalFailure())
          return;
      }
    }
  }
}

// Under `or` and `not` the live ranges together hold exactly the keys that some
// row sees, and a key of a full range is live for every row.
TEST_F(SparsityPlanTest, UnionsMatchTheDefinition) {
  int refused = 0, several = 0, full = 0, trials = 400;
  for (int trial = 0; trial < trials; ++trial) {
    Case c = getCase(/*reach=*/12);
    c.restriction.expression = getUnion(12);
    FailureOr<PlanAttr> planned = failure();
    {
      ScopedDiagnosticHandler quiet(&context, [](Diagnostic &) {});
      planned = planSparsity(&context, c.restriction);
    }
    refused += failed(planned);
    if (failed(planned))
      continue;
    PlanAttr plan = *planned;
    several += plan && plan.getPieces().size() > 1;
    for (int call = 0; call < 6; ++call) {
      Sizes sizes{pick(0, 14), pick(0, 14), 0, 0};
      sizes.keyLength = pick(-1, sizes.keys + 2);
      sizes.rowLength = pick(-1, sizes.rows + 2);
      sizes.diagonal = pick(-20, 20);
      sizes.head = pick(0, 5);
      sizes.keyOrigin = pick(-3, 20);
      SCOPED_TRACE(describe(c, sizes, plan));
      SmallVector<int64_t> symbols = c.getSymbols(sizes, plan);
      for (int64_t row = 0; row < sizes.rows; ++row)
        for (int64_t key = 0; key < sizes.keys; ++key)
          ASSERT_EQ(!plan || passesConstraints(plan, row, key, symbols),
                    c.isLive(row, key, sizes))
              << "row " << row << ", key " << key;
      int64_t tile = pick(1, 8);
      for (int64_t first = 0; plan && first < sizes.rows; first += tile) {
        int64_t last = std::min(first + tile, sizes.rows) - 1;
        PlanTile planTile(plan, first, last, symbols);
        for (int64_t key = -3; key < sizes.keys + 3; ++key) {
          bool some = false, every = true, isVisited = false, isFull = false;
          for (int64_t row = first; row <= last; ++row) {
            bool live =
                key >= 0 && key < sizes.keys && c.isLive(row, key, sizes);
            some |= live;
            every &= live;
          }
          for (const PlanPiece &piece : plan.getPieces()) {
            TileRanges ranges = planTile.getRanges(piece);
            isVisited |= ranges.live.contains(key);
            isFull |= ranges.full.contains(key);
          }
          ASSERT_EQ(isVisited, some)
              << "rows " << first << " to " << last << ", key " << key;
          ASSERT_LE(isFull, every)
              << "rows " << first << " to " << last << ", key " << key;
          full += isFull;
        }
      }
    }
  }
  EXPECT_LT(refused, trials / 10);
  EXPECT_GT(several, trials / 10);
  EXPECT_GT(full, 1000);
}

// Whatever the atoms are, no live key is missed, full ranges hold live points
// alone, and the test is the definition.
TEST_F(SparsityPlanTest, EveryAtomIsSound) {
  int refused = 0, full = 0, empty = 0, trials = 400;
  for (int trial = 0; trial < trials; ++trial) {
    Case c = getCase(/*reach=*/12);
    // Without a grid a neighborhood has no part of a sequence.
    c.restriction.expression =
        getAnything(12, /*hasGrid=*/c.restriction.hasKeyOrigin, pick(0, 2));
    FailureOr<PlanAttr> planned = failure();
    {
      ScopedDiagnosticHandler quiet(&context, [](Diagnostic &) {});
      planned = planSparsity(&context, c.restriction);
    }
    refused += failed(planned);
    if (failed(planned) || !*planned)
      continue;
    PlanAttr plan = *planned;
    for (int call = 0; call < 4; ++call) {
      Sizes sizes = getSizes(/*least=*/0);
      SCOPED_TRACE(describe(c, sizes, plan));
      SmallVector<int64_t> symbols = c.getSymbols(sizes, plan);
      for (int64_t row = 0; row < sizes.rows; ++row)
        for (int64_t key = 0; key < sizes.keys; ++key)
          ASSERT_EQ(passesConstraints(plan, row, key, symbols),
                    c.isLive(row, key, sizes))
              << "row " << row << ", key " << key;
      int64_t tile = pick(1, 12);
      for (int64_t first = 0; first < sizes.rows; first += tile) {
        int64_t last = std::min(first + tile, sizes.rows) - 1;
        PlanTile planTile(plan, first, last, symbols);
        for (int64_t key = 0; key < sizes.keys; ++key) {
          bool some = false, every = true, isVisited = false, isFull = false;
          for (int64_t row = first; row <= last; ++row) {
            bool live = c.isLive(row, key, sizes);
            some |= live;
            every &= live;
          }
          for (const PlanPiece &piece : plan.getPieces()) {
            TileRanges ranges = planTile.getRanges(piece);
            isVisited |= ranges.live.contains(key);
            isFull |= ranges.full.contains(key);
          }
          ASSERT_LE(some, isVisited)
              << "rows " << first << " to " << last << ", key " << key;
          ASSERT_LE(isFull, every)
              << "rows " << first << " to " << last << ", key " << key;
          full += isFull;
          empty += !isVisited;
        }
      }
    }
  }
  EXPECT_LT(refused, trials / 5);
  EXPECT_GT(full, 1000);
  EXPECT_GT(empty, 1000);
}

// Blocks, leading keys and neighborhoods of one axis are intervals of keys
// whose ends never move back: their ranges are exact, also within a causal
// window.
TEST_F(SparsityPlanTest, IntervalAtomsAreExact) {
  for (int trial = 0; trial < 300; ++trial) {
    Case c;
    c.restriction.alignment =
        pick(0, 1) ? Alignment::BottomRight : Alignment::TopLeft;
    c.restriction.hasKeyLengths = pick(0, 1);
    c.restriction.expression = getIntervalAtom(12);
    PlanAttr plan = this->plan(c.restriction);
    ASSERT_TRUE(plan);
    for (int call = 0; call < 6; ++call) {
      Sizes sizes{pick(1, 30), pick(0, 30), 0, 0};
      sizes.keyLength = pick(0, sizes.keys);
      SCOPED_TRACE(describe(c, sizes, plan));
      int64_t tile = pick(1, 12);
      for (int64_t first = 0; first < sizes.rows; first += tile) {
        checkTile(c, sizes, plan, first,
                  std::min(first + tile, sizes.rows) - 1);
        if (HasFatalFailure())
          return;
      }
    }
  }
}

TEST_F(SparsityPlanTest, UnionsAreShort) {
  Attribute causal = CausalAttr::get(&context);
  Attribute window = WindowAttr::get(&context, 9, 4);
  Attribute prefix = PrefixAttr::get(&context, 3);
  std::pair<Attribute, size_t> cases[] = {
      {OrAttr::get(&context, {causal, prefix}), 2},
      {NotAttr::get(&context, window), 2},
      // One part lies within the other.
      {OrAttr::get(&context, {causal, WindowAttr::get(&context, 9, 0)}), 1},
      {OrAttr::get(&context, {prefix, PrefixAttr::get(&context, 8)}), 1},
      {NotAttr::get(&context, NotAttr::get(&context, window)), 1},
      // Nothing is live.
      {AndAttr::get(&context, {causal, NotAttr::get(&context, causal)}), 1}};
  for (auto [expression, pieces] : cases) {
    PlaneRestriction restriction;
    restriction.expression = expression;
    PlanAttr plan = this->plan(restriction);
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan.getPieces().size(), pieces) << print(expression);
  }
  PlaneRestriction everything;
  everything.expression =
      OrAttr::get(&context, {causal, NotAttr::get(&context, causal)});
  // Two halves, of which neither is the whole; every step is full or cut.
  EXPECT_EQ(plan(everything).getPieces().size(), 2u);
  everything.expression = OrAttr::get(
      &context,
      {causal, WindowAttr::get(&context, int64_t(1) << 50, int64_t(1) << 50)});
  EXPECT_FALSE(plan(everything));
}

TEST_F(SparsityPlanTest, ReadsTheSameInAnyOrder) {
  for (int trial = 0; trial < 100; ++trial) {
    Case c = getCase(/*reach=*/300);
    SmallVector<Attribute> terms{getAtom(300), getAtom(300), getAtom(300)};
    c.restriction.expression = AndAttr::get(&context, terms);
    PlanAttr expected = plan(c.restriction);
    std::shuffle(terms.begin(), terms.end(), random);
    terms.push_back(terms.front());
    c.restriction.expression = AndAttr::get(&context, terms);
    EXPECT_EQ(plan(c.restriction), expected) << "seed " << seed << "\n"
                                             << print(expected) << "\n"
                                             << print(plan(c.restriction));
  }
}

TEST_F(SparsityPlanTest, HoldsAtAMillionTokens) {
  for (int trial = 0; trial < 50; ++trial) {
    Case c = getCase(/*reach=*/5000);
    PlanAttr plan = this->plan(c.restriction);
    ASSERT_TRUE(plan);
    constexpr int64_t kMany = int64_t(1) << 20;
    Sizes sizes{kMany, kMany - pick(0, 3000), 0, 0};
    sizes.keyLength = pick(0, sizes.keys);
    sizes.rowLength = pick(0, sizes.rows);
    sizes.diagonal = pick(-kMany, kMany);
    sizes.keyOrigin = pick(0, 5000);
    SCOPED_TRACE(describe(c, sizes, plan));
    int64_t first = pick(0, kMany / 48 - 1) * 48, last = first + 47;
    TileRanges ranges = PlanTile(plan, first, last, c.getSymbols(sizes, plan))
                            .getRanges(plan.getPieces().front());
    // The ends of the ranges are where the definition changes.
    auto isSome = [&](int64_t key) {
      for (int64_t row = first; row <= last; ++row)
        if (key >= 0 && key < sizes.keys && c.isLive(row, key, sizes))
          return true;
      return false;
    };
    auto isEvery = [&](int64_t key) {
      for (int64_t row = first; row <= last; ++row)
        if (key < 0 || key >= sizes.keys || !c.isLive(row, key, sizes))
          return false;
      return true;
    };
    if (!ranges.live.empty()) {
      EXPECT_TRUE(isSome(ranges.live.begin));
      EXPECT_TRUE(isSome(ranges.live.end - 1));
      EXPECT_FALSE(isSome(ranges.live.begin - 1));
      EXPECT_FALSE(isSome(ranges.live.end));
    }
    if (!ranges.full.empty()) {
      EXPECT_TRUE(isEvery(ranges.full.begin));
      EXPECT_TRUE(isEvery(ranges.full.end - 1));
      EXPECT_FALSE(isEvery(ranges.full.begin - 1));
      EXPECT_FALSE(isEvery(ranges.full.end));
    }
    for (int probe = 0; probe < 64; ++probe) {
      int64_t key = pick(0, sizes.keys - 1);
      EXPECT_EQ(ranges.live.contains(key), isSome(key));
      EXPECT_EQ(ranges.full.contains(key), isEvery(key));
    }
  }
}

TEST_F(SparsityPlanTest, CostDoesNotDependOnLength) {
  // A window as long as a short sequence and one as long as a long sequence.
  auto measure = [&](int64_t length) {
    auto start = std::chrono::steady_clock::now();
    for (int repeat = 0; repeat < 20; ++repeat) {
      PlaneRestriction restriction;
      restriction.expression =
          AndAttr::get(&context, {CausalAttr::get(&context),
                                  WindowAttr::get(&context, length, 0)});
      EXPECT_TRUE(plan(restriction));
    }
    return std::chrono::duration<double>(std::chrono::steady_clock::now() -
                                         start)
               .count() /
           20;
  };
  measure(1000);
  double small = measure(1000), large = measure(1000 * 1000);
  RecordProperty("MicrosecondsAt1k", static_cast<int>(small * 1e6));
  RecordProperty("MicrosecondsAt1M", static_cast<int>(large * 1e6));
  std::cout << "a plan takes " << small * 1e6 << " us at 1k and " << large * 1e6
            << " us at 1M\n";
  // Generous, for busy machines and instrumented builds.
  EXPECT_LT(large, 1.0);

  // A million tokens as 64 frames of 128 by 128.
  SmallVector<int64_t> kernel{9, 9, 9}, grid{64, 128, 128}, stride{3, 3, 3};
  SmallVector<int64_t> ones{1, 1, 1}, zeros{0, 0, 0};
  Attribute atoms[] = {
      NeighborhoodAttr::get(&context, kernel, grid, stride, ones, zeros, false),
      RadialAttr::get(&context, 64, 16384, getFloat(1.0), 128),
      DilatedAttr::get(&context, 1 << 18, 7),
      PowerOfTwoAttr::get(&context, 64)};
  for (Attribute atom : atoms) {
    auto start = std::chrono::steady_clock::now();
    PlaneRestriction restriction;
    restriction.expression =
        AndAttr::get(&context, {CausalAttr::get(&context), atom});
    EXPECT_TRUE(plan(restriction));
    std::chrono::duration<double> taken =
        std::chrono::steady_clock::now() - start;
    std::cout << print(atom) << " takes " << taken.count() * 1e6 << " us\n";
    EXPECT_LT(taken.count(), 1.0);
  }
}

TEST_F(SparsityPlanTest, NothingToPlan) {
  EXPECT_FALSE(plan(PlaneRestriction()));
}

TEST_F(SparsityPlanTest, PartsAlwaysHaveAPlan) {
  PlaneRestriction part;
  part.isPart = true;
  PlanAttr whole = plan(part);
  ASSERT_TRUE(whole);
  EXPECT_TRUE(isWholePlan(whole));
  TileRanges ranges =
      PlanTile(whole, 2, 6, {9, 7}).getRanges(whole.getPieces().front());
  for (KeyRange range : {ranges.live, ranges.full}) {
    EXPECT_EQ(range.begin, 0);
    EXPECT_EQ(range.end, 7);
  }
  part.expression = CausalAttr::get(&context);
  EXPECT_FALSE(isWholePlan(plan(part)));
}

TEST_F(SparsityPlanTest, NothingLive) {
  for (bool lengths : {false, true}) {
    Case c;
    c.restriction.expression = PrefixAttr::get(&context, 0);
    c.restriction.hasKeyLengths = c.restriction.hasQueryLengths = lengths;
    PlanAttr plan = this->plan(c.restriction);
    ASSERT_TRUE(plan);
    EXPECT_TRUE(isEmptyPlan(plan));
    Sizes sizes{5, 5, 5, 5};
    checkTile(c, sizes, plan, 0, 4);
    EXPECT_FALSE(passesConstraints(plan, 0, 0, c.getSymbols(sizes, plan)));
  }
  PlaneRestriction causal;
  causal.expression = CausalAttr::get(&context);
  EXPECT_FALSE(isEmptyPlan(plan(causal)));
}

TEST_F(SparsityPlanTest, BoundsOutOfReach) {
  constexpr int64_t kMost = int64_t(1) << 62;
  Case c;
  c.restriction.expression =
      AndAttr::get(&context, {WindowAttr::get(&context, kMost, kMost),
                              PrefixAttr::get(&context, kMost)});
  EXPECT_FALSE(plan(c.restriction));
  c.restriction.hasKeyLengths = true;
  PlanAttr plan = this->plan(c.restriction);
  ASSERT_TRUE(plan);
  checkTile(c, Sizes{9, 7, 5, 9}, plan, 2, 6);
}

TEST_F(SparsityPlanTest, RefusesWhatItCannotPlan) {
  SmallVector<Attribute> bands;
  for (int64_t begin = 0; begin <= 16; ++begin)
    bands.push_back(AndAttr::get(
        &context,
        {PrefixAttr::get(&context, 10 * begin + 5),
         NotAttr::get(&context, PrefixAttr::get(&context, 10 * begin))}));
  for (Attribute expression : {Attribute(OrAttr::get(&context, bands)),
                               Attribute(StringAttr::get(&context, "x"))}) {
    PlaneRestriction restriction;
    restriction.expression = expression;
    EXPECT_TRUE(failed(planSparsity(&context, restriction)));
  }
  // Half planes of which none lies in another: as many parts as there are, and
  // one that is outside of all.
  std::string terms;
  for (int64_t i = 1; i <= 17; ++i)
    terms +=
        (i > 1 ? " or " : "") +
        llvm::formatv("affine_set(affine_map<(m, n) -> ({0} * n - m - {1})>)",
                      i, i * i)
            .str();
  auto read = [&](const std::string &text) {
    auto attribute = parseAttribute("#attn.sparsity<" + text + ">", &context);
    PlaneRestriction restriction;
    restriction.expression = cast<SparsityAttr>(attribute).getExpression();
    return restriction;
  };
  EXPECT_TRUE(failed(planSparsity(&context, read(terms))));
  EXPECT_EQ(plan(read("not (" + terms + ")")).getPieces().size(), 1u);
}

// Which half of the rows visits more keys, also where heads differ.
TEST_F(SparsityPlanTest, RowsHaveATrend) {
  auto getTrend = [&](StringRef sparsity, int64_t rows = 16384,
                      int64_t keys = 16384) {
    auto attribute = cast<SparsityAttr>(
        parseAttribute(("#attn.sparsity<" + sparsity + ">").str(), &context));
    PlaneRestriction restriction;
    restriction.expression = attribute.getExpression();
    restriction.alignment = Alignment::BottomRight;
    return getRowTrend(plan(restriction), rows, keys);
  };
  EXPECT_EQ(getTrend("causal"), RowTrend::Rising);
  EXPECT_EQ(getTrend("not causal"), RowTrend::Falling);
  EXPECT_EQ(getTrend("causal or prefix(999)"), RowTrend::Rising);
  EXPECT_EQ(getTrend("causal and radial(256, 512, 0.5, 64)"), RowTrend::Rising);
  EXPECT_EQ(getTrend("causal and window(1023, 0)"), RowTrend::Even);
  EXPECT_EQ(getTrend("causal and window(1023, 0)", 1024, 1024),
            RowTrend::Rising);
  EXPECT_EQ(getTrend("causal", 64, 65536), RowTrend::Even);
  EXPECT_EQ(getTrend("window(255, 255)"), RowTrend::Even);
  EXPECT_EQ(getTrend("block_diagonal(512)"), RowTrend::Even);
  EXPECT_EQ(getTrend("causal and window([99, 99, 99, 99999], 0)"),
            RowTrend::Rising);
}
