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
#include "mlir/IR/MLIRContext.h"
#include "gtest/gtest.h"
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <random>

using namespace mlir;
using namespace mlir::attn;

namespace {

/// Sizes and lengths of one call.
struct Sizes {
  int64_t rows, keys, keyLength, rowLength;
  /// The key that the position of row 0 falls on, and the origin of the keys.
  int64_t diagonal = 0, keyOrigin = 0;
};

/// One random restriction and the definition of what it leaves.
struct Case {
  PlaneRestriction restriction;

  int64_t getKeyCount(const Sizes &sizes) const {
    return restriction.hasKeyLengths ? sizes.keyLength : sizes.keys;
  }
  int64_t getRowCount(const Sizes &sizes) const {
    return restriction.hasQueryLengths ? sizes.rowLength : sizes.rows;
  }

  bool isLive(int64_t row, int64_t key, const Sizes &sizes) const {
    if (row >= getRowCount(sizes) || key >= getKeyCount(sizes))
      return false;
    int64_t position = row;
    if (restriction.hasDiagonal)
      position += sizes.diagonal;
    else if (restriction.alignment == Alignment::BottomRight)
      position += getKeyCount(sizes) - getRowCount(sizes);
    return !restriction.expression ||
           holds(restriction.expression, position, key,
                 restriction.hasKeyOrigin ? sizes.keyOrigin : 0);
  }

  SmallVector<int64_t> getSymbols(const Sizes &sizes) const {
    SmallVector<int64_t> symbols{sizes.rows, sizes.keys};
    if (restriction.hasKeyLengths)
      symbols.push_back(sizes.keyLength);
    if (restriction.hasQueryLengths)
      symbols.push_back(sizes.rowLength);
    if (restriction.hasDiagonal)
      symbols.push_back(sizes.diagonal);
    if (restriction.hasKeyOrigin)
      symbols.push_back(sizes.keyOrigin);
    return symbols;
  }

private:
  static bool holds(Attribute term, int64_t position, int64_t key,
                    int64_t keyOrigin) {
    if (isa<CausalAttr>(term))
      return key <= position;
    if (auto window = dyn_cast<WindowAttr>(term))
      return position - window.getLeft() <= key &&
             key - position <= window.getRight();
    if (auto prefix = dyn_cast<PrefixAttr>(term))
      return key + keyOrigin < prefix.getLength();
    auto part = [&](Attribute part) {
      return holds(part, position, key, keyOrigin);
    };
    if (auto disjunction = dyn_cast<OrAttr>(term))
      return llvm::any_of(disjunction.getTerms(), part);
    if (auto negation = dyn_cast<NotAttr>(term))
      return !part(negation.getTerm());
    return llvm::all_of(cast<AndAttr>(term).getTerms(), part);
  }
};

class SparsityPlanTest : public ::testing::Test {
protected:
  SparsityPlanTest() {
    context.loadDialect<AttnDialect>();
    const char *given = std::getenv("ATTN_TEST_SEED");
    seed = given ? std::strtoull(given, nullptr, 10) : std::random_device()();
    random.seed(seed);
    std::cout << "ATTN_TEST_SEED=" << seed << "\n";
  }

  int64_t pick(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  }

  Attribute getAtom(int64_t reach) {
    switch (pick(0, 2)) {
    case 0:
      return CausalAttr::get(&context);
    case 1:
      return WindowAttr::get(&context, pick(0, reach), pick(0, reach));
    default:
      return PrefixAttr::get(&context, pick(0, reach));
    }
  }

  Attribute getExpression(int64_t reach, int depth = 2) {
    if (depth == 0 || pick(0, 2) == 0)
      return getAtom(reach);
    SmallVector<Attribute> terms;
    for (int64_t i = 0, e = pick(2, 3); i < e; ++i)
      terms.push_back(getExpression(reach, depth - 1));
    return AndAttr::get(&context, terms);
  }

  /// An expression with `or` and `not`.
  Attribute getUnion(int64_t reach, int depth = 2) {
    if (depth == 0)
      return getAtom(reach);
    if (pick(0, 3) == 0)
      return NotAttr::get(&context, getUnion(reach, depth - 1));
    SmallVector<Attribute> terms;
    for (int64_t i = 0, e = pick(2, 3); i < e; ++i)
      terms.push_back(getUnion(reach, depth - 1));
    if (pick(0, 2) == 0)
      return AndAttr::get(&context, terms);
    return OrAttr::get(&context, terms);
  }

  Case getCase(int64_t reach) {
    Case result;
    PlaneRestriction &restriction = result.restriction;
    restriction.hasKeyLengths = pick(0, 1);
    restriction.hasQueryLengths = pick(0, 1);
    if (!restriction.restricts() || pick(0, 4) > 0)
      restriction.expression = getExpression(reach);
    restriction.alignment =
        pick(0, 1) ? Alignment::BottomRight : Alignment::TopLeft;
    restriction.hasKeyOrigin = pick(0, 2) == 0;
    restriction.hasDiagonal = restriction.hasKeyOrigin || pick(0, 2) == 0;
    return result;
  }

  PlanAttr plan(const PlaneRestriction &restriction) {
    FailureOr<PlanAttr> result =
        planSparsity(&context, restriction, [&] { return emitError(); });
    EXPECT_TRUE(succeeded(result));
    return succeeded(result) ? *result : PlanAttr();
  }

  InFlightDiagnostic emitError() {
    return mlir::emitError(UnknownLoc::get(&context));
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
       << sizes.keyOrigin << "\n"
       << plan;
    return text;
  }

  MLIRContext context;
  uint64_t seed;
  std::mt19937_64 random;
};

} // namespace

/// Checks the ranges of one tile: they hold exactly the keys that some row,
/// and that every row, sees.
static void checkTile(const Case &c, const Sizes &sizes, PlanAttr plan,
                      int64_t first, int64_t last) {
  ASSERT_EQ(plan.getPieces().size(), 1u);
  TileRanges ranges =
      evaluatePiece(plan.getPieces().front(), first, last, c.getSymbols(sizes));
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
      sizes.keyOrigin = pick(-3, 20);
      SCOPED_TRACE(describe(c, sizes, plan));
      SmallVector<int64_t> symbols = c.getSymbols(sizes);
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
      planned =
          planSparsity(&context, c.restriction, [&] { return emitError(); });
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
      sizes.keyOrigin = pick(-3, 20);
      SCOPED_TRACE(describe(c, sizes, plan));
      SmallVector<int64_t> symbols = c.getSymbols(sizes);
      for (int64_t row = 0; row < sizes.rows; ++row)
        for (int64_t key = 0; key < sizes.keys; ++key)
          ASSERT_EQ(!plan || passesConstraints(plan, row, key, symbols),
                    c.isLive(row, key, sizes))
              << "row " << row << ", key " << key;
      int64_t tile = pick(1, 8);
      for (int64_t first = 0; plan && first < sizes.rows; first += tile) {
        int64_t last = std::min(first + tile, sizes.rows) - 1;
        for (int64_t key = -3; key < sizes.keys + 3; ++key) {
          bool some = false, every = true, isVisited = false, isFull = false;
          for (int64_t row = first; row <= last; ++row) {
            bool live =
                key >= 0 && key < sizes.keys && c.isLive(row, key, sizes);
            some |= live;
            every &= live;
          }
          for (const PlanPiece &piece : plan.getPieces()) {
            TileRanges ranges = evaluatePiece(piece, first, last, symbols);
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
    TileRanges ranges = evaluatePiece(plan.getPieces().front(), first, last,
                                      c.getSymbols(sizes));
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
}

TEST_F(SparsityPlanTest, NothingToPlan) {
  EXPECT_FALSE(plan(PlaneRestriction()));
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
    EXPECT_FALSE(passesConstraints(plan, 0, 0, c.getSymbols(sizes)));
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
  for (int64_t begin = 0; begin <= 8; ++begin)
    bands.push_back(AndAttr::get(
        &context,
        {PrefixAttr::get(&context, 10 * begin + 5),
         NotAttr::get(&context, PrefixAttr::get(&context, 10 * begin))}));
  std::pair<Attribute, StringRef> refused[] = {
      {OrAttr::get(&context, bands),
       "the live points are a union of 9 parts; a plan holds up to 8"},
      {StringAttr::get(&context, "x"), "expected a sparsity expression"}};
  for (auto [expression, message] : refused) {
    std::string got;
    ScopedDiagnosticHandler handler(
        &context, [&](Diagnostic &diagnostic) { got = diagnostic.str(); });
    PlaneRestriction restriction;
    restriction.expression = expression;
    EXPECT_TRUE(failed(
        planSparsity(&context, restriction, [&] { return emitError(); })));
    EXPECT_NE(got.find(message.str()), std::string::npos) << got;
  }
}
