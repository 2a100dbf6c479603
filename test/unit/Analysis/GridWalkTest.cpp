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
                          int64_t stride, int64_t dilation, bool isCausal,
                          bool isClipped) {
  return {NeighborhoodAttr::get(&context, {kernel}, {extent}, {stride},
                                {dilation}, {isCausal}, isClipped),
          {extent, kernel, stride, dilation, isCausal, isClipped,
           /*inner=*/1}};
}

TEST_F(GridWalkTest, WindowsMatchTheDefinition) {
  for (int round = 0; round < 400; ++round) {
    int64_t extent = draw(1, 24), kernel = draw(1, extent);
    int64_t dilation = round % 2 == 0 ? 1 : draw(1, extent / kernel);
    DrawnAxis drawn = makeAxis(context, extent, kernel, draw(1, kernel),
                               dilation, draw(0, 1), draw(0, 1));
    std::vector<std::optional<KeyRange>> before(dilation);
    for (int64_t i = -7; i < extent + 9; ++i) {
      int64_t remainder = llvm::mod(i, dilation);
      KeyRange window =
          drawn.axis.getWindow(llvm::divideFloorSigned(i, dilation), remainder);
      for (int64_t j = 0; j < extent; ++j)
        EXPECT_EQ(j % dilation == remainder && window.contains(j / dilation),
                  isNeighbor(drawn.atom, 0, i, j, extent))
            << "i = " << i << ", j = " << j;
      // What a box of keys rests on.
      if (before[remainder]) {
        EXPECT_LE(before[remainder]->begin, window.begin);
        EXPECT_LE(before[remainder]->end, window.end);
      }
      before[remainder] = window;
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
      int64_t dilation = round % 2 == 0 ? 1 : draw(1, extent / kernel);
      GridAxis next = makeAxis(context, extent, kernel, draw(1, kernel),
                               dilation, draw(0, 1), draw(0, 1))
                          .axis;
      int64_t size = draw(1, std::min<int64_t>(extent, 9));
      int64_t count = next.countTiles(size), sum = 0, largest = 0;
      for (int64_t tile = 0; tile < count; ++tile) {
        int64_t remainder = tile % dilation, first = tile / dilation * size;
        // Coordinates of one remainder, one by one.
        int64_t last = first - 1;
        while (last + 1 < first + size &&
               (last + 1) * dilation + remainder < extent)
          ++last;
        KeyRange a = next.getWindow(first, remainder);
        KeyRange b = next.getWindow(last, remainder);
        int64_t here = std::max<int64_t>(b.end - a.begin, 0);
        largest = std::max(largest, here);
        if (last < first)
          continue;
        sum += here;
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
        makeAxis(context, extent, 4, 2, 1, /*isCausal=*/false, false).axis);
  GridWork work = getGridWork(walk, {2, 2});
  EXPECT_EQ(work.mostKeys, 16);
  EXPECT_TRUE(work.isFull);
}
