//===- TermRolesTest.cpp - Tests of what is walked, planned, tested ---===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/TermRoles.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
class TermRolesTest : public ::testing::Test {
protected:
  AccessAttr access(int64_t input) {
    return AccessAttr::get(&context, input, {});
  }
  Attribute conjunction(ArrayRef<Attribute> terms) {
    return AndAttr::get(&context, terms);
  }
  Attribute disjunction(ArrayRef<Attribute> terms) {
    return OrAttr::get(&context, terms);
  }
  Attribute negate(Attribute term) { return NotAttr::get(&context, term); }

  MLIRContext context;
  // Loaded before the attributes below are made.
  AttnDialect *dialect = context.getOrLoadDialect<AttnDialect>();
  Attribute causal = CausalAttr::get(&context);
  Attribute prefix = PrefixAttr::get(&context, 5);
  Attribute tokens = IndicesAttr::get(&context, 16, access(0));
  Attribute blocks = BlocksAttr::get(&context, 64, 32, access(1), access(2));
  Attribute mask = MaskAttr::get(&context, access(3));
};
} // namespace

TEST_F(TermRolesTest, AListIsATermOfTheOutermostAnd) {
  for (Attribute list : {tokens, blocks}) {
    TermRoles roles = assignTermRoles(conjunction({causal, list}));
    EXPECT_EQ(roles.list, list);
    EXPECT_EQ(roles.terms.planned, causal);
    EXPECT_FALSE(roles.listed);
    EXPECT_TRUE(roles.cuts.empty());
    roles = assignTermRoles(list);
    EXPECT_EQ(roles.list, list);
    EXPECT_FALSE(roles.terms.planned);
  }
  TermRoles roles = assignTermRoles(causal);
  EXPECT_FALSE(roles.list);
  EXPECT_EQ(roles.terms.planned, causal);
}

TEST_F(TermRolesTest, BlocksStandAnywhere) {
  Attribute negation = NotAttr::get(&context, blocks);
  for (Attribute term : {negation, disjunction({blocks, causal}),
                         disjunction({negation, prefix})}) {
    TermRoles roles = assignTermRoles(conjunction({causal, term}));
    EXPECT_FALSE(roles.list);
    EXPECT_EQ(ArrayRef(roles.cuts), ArrayRef(blocks));
    EXPECT_EQ(roles.terms.planned, conjunction({causal, term}));
  }
}

TEST_F(TermRolesTest, NothingBetweenBlocks) {
  Attribute negation = NotAttr::get(&context, blocks);
  std::pair<Attribute, Attribute> cases[] = {
      {conjunction({blocks, disjunction({blocks, causal})}), {}},
      {conjunction({blocks, disjunction({negation, prefix})}), prefix},
      {disjunction(
           {conjunction({blocks, causal}), conjunction({blocks, prefix})}),
       disjunction({causal, prefix})}};
  for (auto [expression, planned] : cases) {
    TermRoles roles = assignTermRoles(expression);
    EXPECT_EQ(roles.list, blocks);
    EXPECT_FALSE(roles.listed);
    EXPECT_TRUE(roles.cuts.empty());
    EXPECT_EQ(roles.terms.planned, planned);
  }
}

TEST_F(TermRolesTest, TokensBesideRanges) {
  // Without the list, and what it adds.
  TermRoles roles =
      assignTermRoles(conjunction({causal, disjunction({tokens, prefix})}));
  EXPECT_EQ(roles.list, tokens);
  ASSERT_TRUE(roles.listed);
  EXPECT_EQ(roles.terms.planned, conjunction({causal, prefix}));
  EXPECT_EQ(roles.listed->planned, conjunction({causal, negate(prefix)}));
  EXPECT_TRUE(roles.cuts.empty());
  roles = assignTermRoles(disjunction({tokens, causal}));
  EXPECT_EQ(roles.terms.planned, causal);
  EXPECT_EQ(roles.listed->planned, negate(causal));
  // An even number of negations is none.
  Attribute twice = negate(conjunction({negate(tokens), negate(causal)}));
  EXPECT_EQ(assignTermRoles(twice).list, tokens);
}

TEST_F(TermRolesTest, ListedTokensAreTestedForThemselves) {
  TermRoles roles = assignTermRoles(disjunction({mask, tokens, causal}));
  EXPECT_EQ(roles.list, tokens);
  EXPECT_FALSE(roles.terms.planned);
  EXPECT_EQ(ArrayRef(roles.terms.tested),
            ArrayRef(disjunction({mask, causal})));
  ASSERT_TRUE(roles.listed);
  EXPECT_EQ(roles.listed->planned, negate(causal));
  EXPECT_EQ(ArrayRef(roles.listed->tested), ArrayRef(negate(mask)));
  // A mask of both walks.
  roles = assignTermRoles(conjunction({mask, disjunction({tokens, causal})}));
  ASSERT_TRUE(roles.listed);
  EXPECT_EQ(roles.terms.planned, causal);
  EXPECT_EQ(roles.listed->planned, negate(causal));
  EXPECT_EQ(ArrayRef(roles.terms.tested), ArrayRef(mask));
  EXPECT_EQ(ArrayRef(roles.listed->tested), ArrayRef(mask));
}

TEST_F(TermRolesTest, TokensBesideOtherLists) {
  Attribute other = IndicesAttr::get(&context, 8, access(4));
  // What leaves nothing outside of the list is one walk.
  TermRoles roles = assignTermRoles(conjunction({blocks, tokens, causal}));
  EXPECT_EQ(roles.list, tokens);
  EXPECT_FALSE(roles.listed);
  EXPECT_EQ(ArrayRef(roles.cuts), ArrayRef(blocks));
  EXPECT_EQ(roles.terms.planned, conjunction({blocks, causal}));
  roles = assignTermRoles(disjunction({blocks, tokens}));
  EXPECT_EQ(roles.list, tokens);
  ASSERT_TRUE(roles.listed);
  EXPECT_EQ(ArrayRef(roles.cuts), ArrayRef(blocks));
  EXPECT_EQ(roles.terms.planned, blocks);
  EXPECT_EQ(roles.listed->planned, negate(blocks));
  // The first that can be is walked by itself.
  roles = assignTermRoles(conjunction({negate(tokens), other}));
  EXPECT_EQ(roles.list, other);
  EXPECT_EQ(ArrayRef(roles.cuts), ArrayRef(tokens));
  // A list that is out of the question once the other is known cuts nothing.
  roles = assignTermRoles(conjunction({tokens, disjunction({tokens, blocks})}));
  EXPECT_EQ(roles.list, tokens);
  EXPECT_FALSE(roles.listed);
  EXPECT_TRUE(roles.cuts.empty());
  EXPECT_FALSE(roles.terms.planned);
}

TEST_F(TermRolesTest, ListsCutKeys) {
  Attribute others = BlocksAttr::get(&context, 8, 32, access(1), access(4));
  std::pair<Attribute, SmallVector<Attribute>> cases[] = {
      {conjunction({blocks, others}), {blocks, others}},
      {disjunction({others, conjunction({blocks, others})}), {others, blocks}},
      {conjunction({blocks, negate(tokens)}), {blocks, tokens}},
      {negate(tokens), {tokens}},
      {disjunction({conjunction({tokens, causal}),
                    conjunction({negate(tokens), prefix})}),
       {tokens}}};
  for (auto &[expression, cuts] : cases) {
    TermRoles roles = assignTermRoles(expression);
    EXPECT_FALSE(roles.list);
    EXPECT_FALSE(roles.listed);
    EXPECT_EQ(ArrayRef(roles.cuts), ArrayRef(cuts));
    EXPECT_TRUE(roles.hasLists());
  }
  // Dead for being listed, it would be in the ranges beside the list.
  EXPECT_EQ(assignTermRoles(negate(tokens)).terms.planned, negate(tokens));
}

TEST_F(TermRolesTest, RowsShareTheEntriesOfEveryList) {
  auto getTokens = [&](int64_t group) -> Attribute {
    return IndicesAttr::get(&context, group, access(0));
  };
  EXPECT_EQ(assignTermRoles(causal).getListRows(), 0);
  EXPECT_EQ(assignTermRoles(blocks).getListRows(), 64);
  EXPECT_EQ(assignTermRoles(conjunction({blocks, tokens})).getListRows(), 16);
  EXPECT_EQ(assignTermRoles(disjunction({blocks, getTokens(48)})).getListRows(),
            16);
  EXPECT_EQ(assignTermRoles(disjunction({blocks, getTokens(7)})).getListRows(),
            1);
}

TEST_F(TermRolesTest, MasksAreTested) {
  TermRoles roles =
      assignTermRoles(conjunction({causal, disjunction({mask, blocks}), mask}));
  EXPECT_EQ(roles.terms.planned, causal);
  EXPECT_EQ(ArrayRef(roles.terms.tested),
            ArrayRef({disjunction({mask, blocks}), mask}));
  EXPECT_EQ(ArrayRef(roles.cuts), ArrayRef(blocks));
}

/// Bands of keys, as many parts as there are.
static Attribute getBands(MLIRContext *context, int64_t count) {
  SmallVector<Attribute> bands;
  for (int64_t i = 0; i < count; ++i)
    bands.push_back(AndAttr::get(
        context, {PrefixAttr::get(context, 10 * i + 5),
                  NotAttr::get(context, PrefixAttr::get(context, 10 * i))}));
  return OrAttr::get(context, bands);
}

TEST_F(TermRolesTest, WhatHasTooManyPartsIsTested) {
  Attribute most = getBands(&context, 16), many = getBands(&context, 17);
  TermRoles roles = assignTermRoles(most);
  EXPECT_EQ(roles.terms.planned, most);
  EXPECT_TRUE(roles.terms.tested.empty());
  roles = assignTermRoles(many);
  EXPECT_FALSE(roles.terms.planned);
  EXPECT_EQ(ArrayRef(roles.terms.tested), ArrayRef(many));
  EXPECT_EQ(ArrayRef(roles.terms.unplanned), ArrayRef(many));
  // The others keep their places.
  roles = assignTermRoles(conjunction({prefix, many, causal}));
  EXPECT_EQ(roles.terms.planned, conjunction({prefix, causal}));
  EXPECT_EQ(ArrayRef(roles.terms.tested), ArrayRef(many));
}

TEST_F(TermRolesTest, TermsThatDoNotFitTogether) {
  // Each fits, and both make 27 parts, of which the first stays.
  Attribute window = WindowAttr::get(&context, 9, 9);
  Attribute three = disjunction(
      {window, NotAttr::get(&context, WindowAttr::get(&context, 30, 30))});
  Attribute nine = getBands(&context, 9);
  TermRoles roles = assignTermRoles(conjunction({nine, three}));
  EXPECT_EQ(roles.terms.planned, three);
  EXPECT_EQ(ArrayRef(roles.terms.tested), ArrayRef(nine));
  // Parts that do not meet are none.
  Attribute low = getBands(&context, 9);
  Attribute halves = disjunction({prefix, NotAttr::get(&context, prefix)});
  roles = assignTermRoles(conjunction({low, halves}));
  EXPECT_EQ(roles.terms.planned, conjunction({low, halves}));
}

TEST_F(TermRolesTest, TermsThatFitInAnotherOrder) {
  // Bands of keys by bands of distances, of which one key leaves three.
  Attribute bands = getBands(&context, 6),
            distances = disjunction(
                {WindowAttr::get(&context, 0, 0),
                 conjunction({WindowAttr::get(&context, 2, 2),
                              negate(WindowAttr::get(&context, 1, 1))})});
  Attribute one = conjunction(
      {PrefixAttr::get(&context, 3), negate(PrefixAttr::get(&context, 2))});
  TermRoles roles = assignTermRoles(conjunction({bands, distances, one}));
  EXPECT_EQ(roles.terms.planned, conjunction({one, distances, bands}));
  EXPECT_TRUE(roles.terms.tested.empty());
}

TEST_F(TermRolesTest, RelaxedTermsThatDoNotFit) {
  Attribute many = getBands(&context, 17);
  Attribute term = conjunction({mask, many});
  TermRoles roles = assignTermRoles(disjunction({term, causal}));
  EXPECT_FALSE(roles.terms.planned);
  ASSERT_EQ(roles.terms.tested.size(), 1u);
  EXPECT_EQ(roles.terms.unplanned.size(), 1u);
}

TEST_F(TermRolesTest, BoxesAreWalkedLikeAList) {
  auto grid = NeighborhoodAttr::get(&context, {5, 5}, {20, 20}, {1, 1}, {1, 1},
                                    {0, 0}, /*clipped=*/false);
  // Alone, its windows say all.
  std::optional<TermRoles> roles = assignBoxRoles(grid, grid);
  ASSERT_TRUE(roles);
  EXPECT_EQ(roles->boxes, grid);
  EXPECT_TRUE(roles->walksTokens());
  EXPECT_FALSE(roles->terms.planned);
  EXPECT_FALSE(roles->listed);
  // What stands beside it is asked of its keys.
  roles = assignBoxRoles(conjunction({causal, grid, mask}), grid);
  ASSERT_TRUE(roles);
  EXPECT_EQ(roles->terms.planned, causal);
  EXPECT_EQ(ArrayRef(roles->terms.tested), ArrayRef(mask));
  EXPECT_FALSE(roles->listed);
  // Under 'or' ranges have the keys of the others, and windows what these
  // leave.
  roles =
      assignBoxRoles(conjunction({causal, disjunction({grid, prefix})}), grid);
  ASSERT_TRUE(roles);
  EXPECT_EQ(roles->terms.planned, conjunction({causal, prefix}));
  ASSERT_TRUE(roles->listed);
  EXPECT_EQ(roles->listed->planned, conjunction({causal, negate(prefix)}));
  // A key that is dead for being in a window, and scattered keys in ranges.
  EXPECT_FALSE(assignBoxRoles(disjunction({negate(grid), prefix}), grid));
  Attribute scattered = StridedAttr::get(&context, 8, 3, 1);
  EXPECT_FALSE(assignBoxRoles(disjunction({grid, scattered}), grid));
  EXPECT_TRUE(assignBoxRoles(conjunction({grid, scattered}), grid));
}
