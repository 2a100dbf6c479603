//===- SparsityTermsTest.cpp - Tests of what is walked, planned, tested ---===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/SparsityTerms.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
class SparsityTermsTest : public ::testing::Test {
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

TEST_F(SparsityTermsTest, AListIsATermOfTheOutermostAnd) {
  for (Attribute list : {tokens, blocks}) {
    auto split = splitTerms(conjunction({causal, list}));
    ASSERT_TRUE(succeeded(split));
    EXPECT_EQ(split->list, list);
    EXPECT_EQ(split->planned, causal);
    EXPECT_FALSE(split->visitsGaps);
    split = splitTerms(list);
    ASSERT_TRUE(succeeded(split));
    EXPECT_EQ(split->list, list);
    EXPECT_FALSE(split->planned);
  }
  auto split = splitTerms(causal);
  ASSERT_TRUE(succeeded(split));
  EXPECT_FALSE(split->list);
  EXPECT_EQ(split->planned, causal);
}

TEST_F(SparsityTermsTest, BlocksStandAnywhere) {
  Attribute negation = NotAttr::get(&context, blocks);
  for (Attribute term : {negation, disjunction({blocks, causal}),
                         disjunction({negation, prefix})}) {
    auto split = splitTerms(conjunction({causal, term}));
    ASSERT_TRUE(succeeded(split));
    EXPECT_EQ(split->list, blocks);
    EXPECT_TRUE(split->visitsGaps);
    EXPECT_EQ(split->planned, conjunction({causal, term}));
    // The list restricts what is between its blocks like any term.
    split = splitTerms(conjunction({blocks, term}));
    ASSERT_TRUE(succeeded(split));
    EXPECT_EQ(split->planned, conjunction({blocks, term}));
  }
}

TEST_F(SparsityTermsTest, OneListIsWalked) {
  Attribute other = IndicesAttr::get(&context, 8, access(4));
  for (Attribute wrong :
       {conjunction({tokens, other}), conjunction({blocks, tokens}),
        disjunction({blocks, other}), disjunction({tokens, causal}),
        Attribute(NotAttr::get(&context, tokens))})
    EXPECT_TRUE(failed(splitTerms(wrong)));
}

TEST_F(SparsityTermsTest, MasksAreTested) {
  auto split =
      splitTerms(conjunction({causal, disjunction({mask, blocks}), mask}));
  ASSERT_TRUE(succeeded(split));
  EXPECT_EQ(split->planned, causal);
  EXPECT_EQ(ArrayRef(split->tested),
            ArrayRef({disjunction({mask, blocks}), mask}));
  EXPECT_TRUE(split->visitsGaps);
}
