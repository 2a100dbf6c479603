//===- KernelOverlapTest.cpp - Overlap checks against enumeration --------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelAbi.h"

#include "llvm/ADT/STLExtras.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace {

constexpr int Rank = 3;

struct View {
  int64_t begin = 0; // in bytes from the start of the memory
  int64_t sizes[Rank] = {1, 1, 1};
  int64_t strides[Rank] = {0, 0, 1};
};

/// A kernel of one input and one output of int8 or int32 and rank 3.
class Overlap : public ::testing::Test {
protected:
  Overlap() : random(11) {
    for (int32_t i = 0; i < 6; ++i)
      dims[i] = {symbols[i], -1, i};
  }

  int64_t pick(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  }

  int32_t check(const View &input, const View &output, int64_t elementSize) {
    DLDataType type = {kDLInt, static_cast<uint8_t>(8 * elementSize), 1};
    attn_tensor_info tensors[] = {{"in", dims, Rank, 0, type},
                                  {"out", dims + Rank, Rank, 1, type}};
    attn_kernel_info info = {1,       2,       1,  6,     0,  0, "overlap",
                             tensors, symbols, "", "cpu", "", 0};
    attn_kernel_code code = {&info,   nullptr, nullptr, nullptr, 0,
                             nullptr, 0,       0,       nullptr, 0};
    DLTensor views[2] = {};
    View copies[2] = {input, output};
    for (int i = 0; i < 2; ++i) {
      views[i].data = memory;
      views[i].device = {kDLCPU, 0};
      views[i].ndim = Rank;
      views[i].dtype = type;
      views[i].shape = copies[i].sizes;
      views[i].strides = copies[i].strides;
      views[i].byte_offset = static_cast<uint64_t>(copies[i].begin);
    }
    const DLTensor *pointers[] = {&views[0], &views[1]};
    return attn_abi_check(&code, pointers, 2, text, sizeof(text));
  }

  /// All addresses of a view's bytes; `twice` tells whether one occurs twice.
  static std::set<int64_t> addresses(const View &view, int64_t elementSize,
                                     bool &twice) {
    std::set<int64_t> result;
    twice = false;
    for (int64_t i = 0; i < view.sizes[0]; ++i)
      for (int64_t j = 0; j < view.sizes[1]; ++j)
        for (int64_t k = 0; k < view.sizes[2]; ++k)
          for (int64_t byte = 0; byte < elementSize; ++byte)
            twice |= !result
                          .insert(view.begin +
                                  elementSize * (i * view.strides[0] +
                                                 j * view.strides[1] +
                                                 k * view.strides[2]) +
                                  byte)
                          .second;
    return result;
  }

  /// Whether writing `output` would be wrong, by enumeration.
  static bool overlaps(const View &input, const View &output,
                       int64_t elementSize) {
    bool inputTwice, outputTwice;
    std::set<int64_t> in = addresses(input, elementSize, inputTwice);
    std::set<int64_t> out = addresses(output, elementSize, outputTwice);
    return outputTwice ||
           llvm::any_of(in, [&](int64_t at) { return out.count(at) != 0; });
  }

  static constexpr const char *symbols[6] = {"a", "b", "c", "d", "e", "f"};
  attn_dim_info dims[6];
  std::mt19937 random;
  alignas(8) char memory[1 << 16];
  char text[256];
};

TEST_F(Overlap, IsNeverMissed) {
  int accepted = 0, refused = 0;
  for (int round = 0; round < 40000; ++round) {
    int64_t elementSize = round % 2 ? 4 : 1;
    View views[2];
    for (View &view : views) {
      view.begin = 4096 + elementSize * pick(0, 60);
      for (int d = 0; d < Rank; ++d) {
        view.sizes[d] = pick(0, 4);
        view.strides[d] = d == Rank - 1 ? 1 : pick(-24, 24);
      }
    }
    int32_t status = check(views[0], views[1], elementSize);
    if (status == ATTN_OK) {
      ++accepted;
      ASSERT_FALSE(overlaps(views[0], views[1], elementSize)) << round;
    } else {
      ++refused;
      ASSERT_EQ(status, ATTN_ERR_ALIAS) << text;
    }
  }
  EXPECT_GT(accepted, 1000);
  EXPECT_GT(refused, 1000);
}

TEST_F(Overlap, IsExactForSlicesOfOneArray) {
  // Two boxes of one row-major array, with permuted and reversed outer
  // dimensions, overlap exactly when the boxes do.
  int accepted = 0, refused = 0;
  for (int round = 0; round < 40000; ++round) {
    int64_t whole[Rank] = {pick(1, 4), pick(1, 4), pick(1, 6)};
    int64_t strides[Rank] = {whole[1] * whole[2], whole[2], 1};
    View views[2];
    for (View &view : views) {
      view.begin = 4096;
      int order[Rank] = {0, 1, 2};
      if (pick(0, 1))
        std::swap(order[0], order[1]);
      for (int d = 0; d < Rank; ++d) {
        int64_t low = pick(0, whole[d] - 1);
        int64_t size = pick(1, whole[d] - low);
        bool reversed = d < Rank - 1 && pick(0, 1);
        view.sizes[order[d]] = size;
        view.strides[order[d]] = reversed ? -strides[d] : strides[d];
        view.begin += strides[d] * (reversed ? low + size - 1 : low);
      }
    }
    bool wrong = overlaps(views[0], views[1], 1);
    int32_t status = check(views[0], views[1], 1);
    (wrong ? refused : accepted)++;
    ASSERT_EQ(status, wrong ? ATTN_ERR_ALIAS : ATTN_OK) << round << text;
  }
  EXPECT_GT(accepted, 1000);
  EXPECT_GT(refused, 1000);
}

TEST_F(Overlap, KnowsPackedProjections) {
  // [token][q k v o][feature]: o lies between the rows of the others.
  for (int64_t part = 0; part < 4; ++part) {
    View input, output;
    input.begin = 4096 + part * 16;
    output.begin = 4096 + 3 * 16;
    for (View *view : {&input, &output}) {
      view->sizes[1] = 5;
      view->sizes[2] = 16;
      view->strides[1] = 4 * 16;
    }
    EXPECT_EQ(check(input, output, 1), part == 3 ? ATTN_ERR_ALIAS : ATTN_OK);
  }
}

} // namespace
