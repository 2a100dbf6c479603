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
    EXPECT_EQ(roles.planned, causal);
    EXPECT_FALSE(roles.visitsRanges);
    EXPECT_TRUE(roles.cuts.empty());
    roles = assignTermRoles(list);
    EXPECT_EQ(roles.list, list);
    EXPECT_FALSE(roles.planned);
  }
  TermRoles roles = assignTermRoles(causal);
  EXPECT_FALSE(roles.list);
  EXPECT_EQ(roles.planned, causal);
}

TEST_F(TermRolesTest, BlocksStandAnywhere) {
  Attribute negation = NotAttr::get(&context, blocks);
  for (Attribute term : {negation, disjunction({blocks, causal}),
                         disjunction({negation, prefix})}) {
    TermRoles roles = assignTermRoles(conjunction({causal, term}));
    EXPECT_FALSE(roles.list);
    EXPECT_EQ(ArrayRef(roles.cuts), ArrayRef(blocks));
    EXPECT_EQ(roles.planned, conjunction({causal, term}));
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
    EXPECT_FALSE(roles.visitsRanges);
    EXPECT_TRUE(roles.cuts.empty());
    EXPECT_EQ(roles.planned, planned);
  }
}

TEST_F(TermRolesTest, TokensBesideRanges) {
  // Without the list, and what it adds.
  TermRoles roles =
      assignTermRoles(conjunction({causal, disjunction({tokens, prefix})}));
  EXPECT_TRUE(roles.visitsRanges);
  Attribute between = conjunction({causal, prefix});
  EXPECT_EQ(roles.planned, between);
  EXPECT_EQ(roles.listed,
            conjunction({causal, NotAttr::get(&context, between)}));
  roles = assignTermRoles(disjunction({tokens, causal}));
  EXPECT_EQ(roles.planned, causal);
  EXPECT_EQ(roles.listed, NotAttr::get(&context, causal));
  // An even number of negations is none.
  Attribute twice =
      NotAttr::get(&context, conjunction({NotAttr::get(&context, tokens),
                                          NotAttr::get(&context, causal)}));
  EXPECT_EQ(assignTermRoles(twice).list, tokens);
}

TEST_F(TermRolesTest, ListsCutKeys) {
  Attribute other = IndicesAttr::get(&context, 8, access(4));
  Attribute negation = NotAttr::get(&context, tokens);
  std::pair<Attribute, SmallVector<Attribute>> cases[] = {
      {conjunction({tokens, other}), {tokens, other}},
      {conjunction({blocks, tokens}), {blocks, tokens}},
      {disjunction({blocks, other}), {blocks, other}},
      {disjunction({other, conjunction({blocks, other})}), {other, blocks}},
      {negation, {tokens}},
      {disjunction({mask, tokens}), {tokens}},
      {disjunction(
           {conjunction({tokens, causal}), conjunction({negation, prefix})}),
       {tokens}}};
  for (auto &[expression, cuts] : cases) {
    TermRoles roles = assignTermRoles(expression);
    EXPECT_FALSE(roles.list);
    EXPECT_FALSE(roles.listed);
    EXPECT_EQ(ArrayRef(roles.cuts), ArrayRef(cuts));
    EXPECT_TRUE(roles.hasLists());
  }
  TermRoles roles = assignTermRoles(disjunction({mask, tokens}));
  EXPECT_FALSE(roles.planned);
  EXPECT_EQ(ArrayRef(roles.tested), ArrayRef(disjunction({mask, tokens})));
  // Dead for being listed, it would be in the ranges beside the list.
  EXPECT_EQ(assignTermRoles(negation).planned, negation);
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
  EXPECT_EQ(roles.planned, causal);
  EXPECT_EQ(ArrayRef(roles.tested),
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
  Attribute eight = getBands(&context, 8), nine = getBands(&context, 9);
  TermRoles roles = assignTermRoles(eight);
  EXPECT_EQ(roles.planned, eight);
  EXPECT_TRUE(roles.tested.empty());
  roles = assignTermRoles(nine);
  EXPECT_FALSE(roles.planned);
  EXPECT_EQ(ArrayRef(roles.tested), ArrayRef(nine));
  EXPECT_EQ(ArrayRef(roles.unplanned), ArrayRef(nine));
  // The others keep their places.
  roles = assignTermRoles(conjunction({prefix, nine, causal}));
  EXPECT_EQ(roles.planned, conjunction({prefix, causal}));
  EXPECT_EQ(ArrayRef(roles.tested), ArrayRef(nine));
}

TEST_F(TermRolesTest, TermsThatDoNotFitTogether) {
  // Each fits, and both make fifteen parts, of which the first stays.
  Attribute window = WindowAttr::get(&context, 9, 9);
  Attribute three = disjunction(
      {window, NotAttr::get(&context, WindowAttr::get(&context, 30, 30))});
  Attribute five = getBands(&context, 5);
  TermRoles roles = assignTermRoles(conjunction({five, three}));
  EXPECT_EQ(roles.planned, three);
  EXPECT_EQ(ArrayRef(roles.tested), ArrayRef(five));
  // Parts that do not meet are none.
  Attribute low = getBands(&context, 4);
  Attribute halves = disjunction({prefix, NotAttr::get(&context, prefix)});
  roles = assignTermRoles(conjunction({low, halves}));
  EXPECT_EQ(roles.planned, conjunction({low, halves}));
}

TEST_F(TermRolesTest, RelaxedTermsThatDoNotFit) {
  Attribute nine = getBands(&context, 9);
  Attribute term = conjunction({mask, nine});
  TermRoles roles = assignTermRoles(disjunction({term, causal}));
  EXPECT_FALSE(roles.planned);
  ASSERT_EQ(roles.tested.size(), 1u);
  EXPECT_EQ(roles.unplanned.size(), 1u);
}
