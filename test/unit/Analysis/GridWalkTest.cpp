//===- GridWalkTest.cpp - Tiles of a token grid ---------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Windows and the work of tiles against the definition, token by token, on
// random grids. ATTN_TEST_SEED repeats a run.
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/GridWalk.h"
#include "SparsityDefinitions.h"
#include "gtest/gtest.h"
#include <iostream>
#include <random>

using namespace mlir;
using namespace mlir::attn;

namespace {
class GridWalkTest : public ::testing::Test {
protected:
  GridWalkTest() {
    context.loadDialect<AttnDialect>();
    const char *given = std::getenv("ATTN_TEST_SEED");
    unsigned seed = given ? std::atoi(given) : std::random_device()();
    std::cout << "ATTN_TEST_SEED=" << seed << "\n";
    random.seed(seed);
  }

  int64_t draw(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  }

  MLIRContext context;
  std::mt19937 random;
};

/// A neighborhood of one axis, and the axis that walks it.
struct DrawnAxis {
  NeighborhoodAttr atom;
  GridAxis axis;
};
} // namespace

static DrawnAxis makeAxis(MLIRContext &context, int64_t extent, int64_t kernel,
                          int64_t stride, bool isCausal, bool isClipped) {
  return {NeighborhoodAttr::get(&context, {kernel}, {extent}, {stride}, {1},
                                {isCausal}, isClipped),
          {extent, kernel, stride, isCausal, isClipped, /*inner=*/1}};
}

TEST_F(GridWalkTest, WindowsMatchTheDefinition) {
  for (int round = 0; round < 400; ++round) {
    int64_t extent = draw(1, 24), kernel = draw(1, extent);
    DrawnAxis drawn = makeAxis(context, extent, kernel, draw(1, kernel),
                               draw(0, 1), draw(0, 1));
    KeyRange before;
    for (int64_t i = -7; i < extent + 9; ++i) {
      KeyRange window = drawn.axis.getWindow(i);
      for (int64_t j = 0; j < extent; ++j)
        EXPECT_EQ(window.contains(j), isNeighbor(drawn.atom, 0, i, j, extent))
            << "i = " << i << ", j = " << j;
      // What a box of keys rests on.
      if (i > -7) {
        EXPECT_LE(before.begin, window.begin);
        EXPECT_LE(before.end, window.end);
      }
      before = window;
    }
  }
}

TEST_F(GridWalkTest, WorkIsThatOfAllTiles) {
  for (int round = 0; round < 200; ++round) {
    GridWalk walk;
    SmallVector<int64_t> tile;
    double rows = 1, keys = 1;
    int64_t most = 1;
    bool isFull = true;
    for (int64_t axis = 0, axes = draw(2, 3); axis < axes; ++axis) {
      int64_t extent = draw(1, 300),
              kernel = draw(1, std::min<int64_t>(extent, 40));
      GridAxis next = makeAxis(context, extent, kernel, draw(1, kernel),
                               draw(0, 1), draw(0, 1))
                          .axis;
      int64_t size = draw(1, std::min<int64_t>(extent, 9));
      int64_t count = 0, sum = 0, largest = 0;
      for (int64_t first = 0; first < extent; first += size, ++count) {
        int64_t last = std::min(first + size, extent) - 1;
        KeyRange a = next.getWindow(first), b = next.getWindow(last);
        int64_t here = std::max<int64_t>(b.end - a.begin, 0);
        sum += here;
        largest = std::max(largest, here);
        isFull &= a.begin == b.begin && a.end == b.end;
      }
      rows *= static_cast<double>(extent) / count;
      keys *= static_cast<double>(sum) / count;
      most *= largest;
      walk.axes.push_back(next);
      tile.push_back(size);
    }
    GridWork work = getGridWork(walk, tile);
    EXPECT_DOUBLE_EQ(work.rows, rows);
    EXPECT_NEAR(work.keys, keys, 1e-9 * keys);
    EXPECT_EQ(work.mostKeys, most);
    EXPECT_EQ(work.isFull, isFull);
  }
}

TEST_F(GridWalkTest, LongAxesCostNothing) {
  GridWalk walk;
  for (int64_t extent : {int64_t(1) << 28, int64_t(4)})
    walk.axes.push_back(
        makeAxis(context, extent, 4, 2, /*isCausal=*/false, false).axis);
  GridWork work = getGridWork(walk, {2, 2});
  EXPECT_EQ(work.mostKeys, 16);
  EXPECT_TRUE(work.isFull);
}
