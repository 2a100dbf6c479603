//===- KernelValuesTest.cpp - Operands whose values are checked -----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelAbi.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <numeric>
#include <random>

/// Checks rows of tokens as the one operand of a kernel without phases.
template <typename T>
static std::pair<int32_t, std::string>
check(std::vector<T> &tokens, int64_t rows, int64_t size, int64_t rowStride,
      attn_value_check what = {
          AttnCheckPermutation, 0, {0, 1}, {0, 0}, 1, 1, 0}) {
  attn_dim_info dims[] = {{"b", -1, 0}, {"m", -1, 1}};
  const char *symbols[] = {"b", "m"};
  DLDataType type = {kDLInt, 8 * sizeof(T), 1};
  attn_tensor_info tensor = {"order", dims, 2, 0, type};
  attn_kernel_info info = {1,       1,       1,  2,     0,  0, "kernel",
                           &tensor, symbols, "", "cpu", "", 0};
  attn_kernel_code code = {&info,   nullptr, nullptr, nullptr, 0,
                           nullptr, 0,       0,       &what,   1};
  int64_t shape[] = {rows, size}, strides[] = {rowStride, 1};
  DLTensor view{};
  view.data = tokens.data();
  view.device = {kDLCPU, 0};
  view.ndim = 2;
  view.dtype = type;
  view.shape = shape;
  view.strides = strides;
  const DLTensor *pointer = &view;
  char text[256];
  int32_t status = attn_abi_check(&code, &pointer, 1, text, sizeof(text));
  return {status, text};
}

template <typename T>
static std::vector<T> shuffle(int64_t size, unsigned seed) {
  std::vector<T> tokens(static_cast<size_t>(size));
  std::iota(tokens.begin(), tokens.end(), T(0));
  std::shuffle(tokens.begin(), tokens.end(), std::mt19937(seed));
  return tokens;
}

TEST(KernelValues, AcceptsPermutations) {
  for (int64_t size : {0, 1, 63, 64, 65, 1000}) {
    auto tokens = shuffle<int32_t>(size, 1);
    EXPECT_EQ(check(tokens, 1, size, size).first, ATTN_OK) << size;
    auto wide = shuffle<int64_t>(size, 2);
    EXPECT_EQ(check(wide, 1, size, size).first, ATTN_OK) << size;
  }
  // One row for all of a batch.
  auto tokens = shuffle<int32_t>(7, 3);
  EXPECT_EQ(check(tokens, 5, 7, 0).first, ATTN_OK);
}

TEST(KernelValues, RefusesNumbersThatAreNoTokens) {
  auto tokens = shuffle<int32_t>(10, 4);
  tokens[3] = 10;
  EXPECT_EQ(check(tokens, 1, 10, 10).first, ATTN_ERR_VALUE);
  auto wide = shuffle<int64_t>(10, 5);
  wide[9] = -1;
  EXPECT_EQ(
      check(wide, 1, 10, 10).second,
      "kernel: order is no permutation: slot 9 holds -1, which is not one "
      "of 10 tokens");
}

TEST(KernelValues, RefusesRepeats) {
  // In the second row, and beyond the tokens of one pass.
  auto tokens = shuffle<int32_t>(10, 6);
  auto second = shuffle<int32_t>(10, 7);
  tokens.insert(tokens.end(), second.begin(), second.end());
  tokens[19] = tokens[12];
  EXPECT_EQ(check(tokens, 2, 10, 10).second,
            "kernel: order is no permutation: slot 9 holds " +
                std::to_string(tokens[12]) +
                ", which an earlier slot holds, too");
  constexpr int64_t kMany = (1 << 19) + 10;
  auto many = shuffle<int32_t>(kMany, 8);
  EXPECT_EQ(check(many, 1, kMany, kMany).first, ATTN_OK);
  auto *last = std::find(many.data(), many.data() + kMany, kMany - 1);
  *last = kMany - 2;
  EXPECT_EQ(check(many, 1, kMany, kMany).first, ATTN_ERR_VALUE);
}

/// Offsets of segments, of which there are as many tokens as `rows`.
template <typename T>
static std::pair<int32_t, std::string> checkOffsets(std::vector<T> offsets,
                                                    int64_t rows) {
  auto size = static_cast<int64_t>(offsets.size()) / rows;
  return check(offsets, rows, size, size,
               {AttnCheckOffsets, 0, {0, 0}, {0, 0}, 1, 1, 0});
}

TEST(KernelValues, AcceptsOffsets) {
  EXPECT_EQ(checkOffsets<int32_t>({0}, 1).first, ATTN_OK);
  EXPECT_EQ(checkOffsets<int32_t>({0, 0, 1}, 1).first, ATTN_OK);
  EXPECT_EQ(checkOffsets<int64_t>({1, 2, 2, 0, 0, 1}, 2).first, ATTN_OK);
}

TEST(KernelValues, RefusesOffsets) {
  EXPECT_EQ(checkOffsets<int32_t>({}, 1).second,
            "kernel: order holds no offsets of segments: there is not even "
            "one");
  EXPECT_EQ(checkOffsets<int32_t>({0, 1, 2, 0, 2, 1}, 2).second,
            "kernel: order holds no offsets of segments: number 2 is 1, less "
            "than the 2 before it");
  EXPECT_EQ(checkOffsets<int64_t>({0, 3, 0, 2}, 2).second,
            "kernel: order holds no offsets of segments: number 1 is 3, "
            "outside of the 2 tokens");
  EXPECT_EQ(checkOffsets<int64_t>({-1, 1}, 1).first, ATTN_ERR_VALUE);
}
