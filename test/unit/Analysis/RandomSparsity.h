//===- RandomSparsity.h - Sparsity expressions by chance --------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_ANALYSIS_RANDOMSPARSITY_H
#define ATTN_TEST_UNIT_ANALYSIS_RANDOMSPARSITY_H

#include "SparsityDefinitions.h"
#include "mlir/IR/MLIRContext.h"
#include "gtest/gtest.h"
#include <cstdlib>
#include <iostream>
#include <random>

namespace mlir::attn {

/// A fixture that draws sparsity expressions; the seed is printed, and taken
/// from ATTN_TEST_SEED where that is set.
class RandomSparsity : public ::testing::Test {
protected:
  RandomSparsity() {
    context.loadDialect<AttnDialect>();
    const char *given = std::getenv("ATTN_TEST_SEED");
    seed = given ? std::strtoull(given, nullptr, 10) : std::random_device()();
    random.seed(seed);
    std::cout << "ATTN_TEST_SEED=" << seed << "\n";
  }

  int64_t pick(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  }

  /// A call of up to 30 queries and keys, and of at least `least`.
  Sizes getSizes(int64_t least) {
    Sizes sizes{pick(least, 30), pick(least, 30), 0, 0};
    sizes.keyLength = pick(0, sizes.keys);
    sizes.rowLength = pick(0, sizes.rows);
    sizes.diagonal = pick(-20, 20);
    sizes.head = pick(0, 5);
    sizes.keyOrigin = pick(0, 20);
    return sizes;
  }

  /// One atom that heads differ in, of those that `getOne` makes.
  Attribute getPerHead(function_ref<Attribute()> getOne) {
    SmallVector<Attribute> atoms;
    for (int64_t i = 0, e = pick(1, 5); i < e; ++i)
      atoms.push_back(getOne());
    StringAttr rank = StringAttr::get(&context, "h");
    return PerHeadAttr::get(&context, atoms, rank, int64_t(1));
  }

  Attribute getAtom(int64_t reach) {
    switch (pick(0, 4)) {
    case 3:
      return getPerHead([&] {
        return WindowAttr::get(&context, pick(0, reach), pick(0, 1) * reach);
      });
    case 4:
      return getPerHead(
          [&] { return PrefixAttr::get(&context, pick(0, reach)); });
    case 0:
      return CausalAttr::get(&context);
    case 1:
      return WindowAttr::get(&context, pick(0, reach), pick(0, reach));
    default:
      return PrefixAttr::get(&context, pick(0, reach));
    }
  }

  FloatAttr getFloat(double number) {
    return FloatAttr::get(Float64Type::get(&context), number);
  }

  /// A neighborhood on `axes` axes; without a grid where it may be so.
  Attribute getNeighborhood(size_t axes, bool hasGrid, bool clipped) {
    SmallVector<int64_t> kernel, grid, stride, dilation, causal;
    for (size_t axis = 0; axis < axes; ++axis) {
      grid.push_back(pick(1, axes == 1 ? 16 : 5));
      kernel.push_back(pick(1, grid.back()));
      dilation.push_back(pick(0, 2) == 0 ? pick(1, grid.back() / kernel.back())
                                         : 1);
      stride.push_back(pick(1, kernel.back()));
      causal.push_back(pick(0, 3) == 0);
    }
    if (!hasGrid)
      grid.clear();
    return NeighborhoodAttr::get(&context, kernel, grid, stride, dilation,
                                 causal, clipped);
  }

  /// A set that reads the number of the head.
  Attribute getHeadSet() {
    AffineExpr m = getAffineDimExpr(0, &context);
    AffineExpr n = getAffineDimExpr(1, &context);
    AffineExpr h = getAffineSymbolExpr(0, &context);
    AffineExpr choices[] = {m - n - h * 3, (m + n + h) % 4 - 1,
                            n.floorDiv(2) - h, h * 4 - (m - n)};
    Attribute set = AffineSetAttr::get(
        &context,
        AffineMapAttr::get(AffineMap::get(2, 1, choices[pick(0, 3)])));
    StringAttr rank = StringAttr::get(&context, "h");
    return PerHeadAttr::get(&context, set, rank, int64_t(1));
  }

  /// An atom whose ranges are exact, beside the plain ones.
  Attribute getIntervalAtom(int64_t reach) {
    switch (pick(0, 3)) {
    case 0:
      return LeadingAttr::get(&context, pick(0, reach));
    case 1:
      return BlockDiagonalAttr::get(&context, pick(1, reach));
    default: {
      auto atom = cast<NeighborhoodAttr>(getNeighborhood(
          1, /*hasGrid=*/pick(0, 1), /*clipped=*/pick(0, 2) == 0));
      SmallVector<int64_t> one{1};
      return NeighborhoodAttr::get(&context, atom.getKernel(), atom.getGrid(),
                                   atom.getStride(), one, atom.getCausal(),
                                   atom.getClipped());
    }
    }
  }

  /// Any of all atoms.
  Attribute getAnyAtom(int64_t reach, bool hasGrid) {
    switch (pick(0, 14)) {
    case 11:
      return getPerHead([&]() -> Attribute {
        int64_t step = pick(1, 3);
        return StridedAttr::get(&context, step, pick(0, step - 1), pick(1, 2));
      });
    case 12:
      return getPerHead([&]() -> Attribute {
        return DilatedAttr::get(&context, pick(0, reach), pick(1, 3));
      });
    case 13:
      return getPerHead([&]() -> Attribute {
        return BlockDiagonalAttr::get(&context, pick(1, 3) * 4);
      });
    case 14:
      return getHeadSet();
    case 0:
      return LeadingAttr::get(&context, pick(0, reach));
    case 1:
      return BlockDiagonalAttr::get(&context, pick(1, reach));
    case 2:
      return DilatedAttr::get(&context, pick(0, reach), pick(1, 5));
    case 3: {
      int64_t step = pick(1, 5);
      return StridedAttr::get(&context, step, pick(0, step - 1), pick(1, 4));
    }
    case 4:
      return PowerOfTwoAttr::get(&context, pick(1, 3));
    case 5:
      return RadialAttr::get(&context, pick(1, 9), pick(1, 5),
                             getFloat(pick(0, 1) ? 1.0 : 0.4), pick(1, 3));
    case 6: {
      AffineExpr m = getAffineDimExpr(0, &context);
      AffineExpr n = getAffineDimExpr(1, &context);
      AffineExpr choices[] = {
          (m - n * 2 + 3) % 4 - 1, m.floorDiv(3) - n.floorDiv(2) + 2,
          (m.floorDiv(2) + n).ceilDiv(3) - 2, m * 2 - n * 3 + 4, n - m % 5};
      SmallVector<AffineExpr> results{choices[pick(0, 4)]};
      if (pick(0, 1))
        results.push_back(choices[pick(0, 4)]);
      return AffineSetAttr::get(&context, AffineMapAttr::get(AffineMap::get(
                                              2, 0, results, &context)));
    }
    case 7:
    case 8:
      return getNeighborhood(pick(1, 3), /*hasGrid=*/true, pick(0, 2) == 0);
    case 9:
      return getNeighborhood(1, hasGrid, pick(0, 2) == 0);
    default:
      return getAtom(reach);
    }
  }

  /// An expression over all atoms.
  Attribute getAnything(int64_t reach, bool hasGrid, int depth = 2) {
    if (depth == 0 || pick(0, 2) == 0)
      return getAnyAtom(reach, hasGrid);
    if (pick(0, 4) == 0)
      return NotAttr::get(&context, getAnything(reach, hasGrid, depth - 1));
    SmallVector<Attribute> terms{getAnything(reach, hasGrid, depth - 1),
                                 getAnything(reach, hasGrid, depth - 1)};
    if (pick(0, 1))
      return AndAttr::get(&context, terms);
    return OrAttr::get(&context, terms);
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

  MLIRContext context;
  uint64_t seed;
  std::mt19937_64 random;
};

} // namespace mlir::attn

#endif // ATTN_TEST_UNIT_ANALYSIS_RANDOMSPARSITY_H
