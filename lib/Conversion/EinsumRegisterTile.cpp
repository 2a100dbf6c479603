//===- EinsumRegisterTile.cpp - What a register tile holds ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Chooses the ranks of an einsum on tiles that are the lanes and the rows of a
// register tile, and how many of both it has.
//
//===----------------------------------------------------------------------===//

#include "EinsumLowering.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Analysis/CostModel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::attn;

/// The last rank of the result, unless operands have it apart and a reduced
/// rank side by side.
void EinsumLowering::chooseLane() {
  if (!outRanks.empty())
    lane = outRanks.back();
  auto isBetter = [&](StringAttr rank) {
    int64_t extent = getStaticExtent(rank);
    // Half a vector of partial sums would be idle.
    return (ShapedType::isDynamic(extent) || 2 * extent > vectorWidth) &&
           operands.readsSideBySide(rank);
  };
  if (!lane || operands.readsApart(*lane)) {
    auto *found = llvm::find_if(reduced, isBetter);
    if (found != reduced.end()) {
      lane = *found;
      reduced.erase(found);
      reducesLanes = true;
      return;
    }
  }
  if (!lane)
    return;
  looped.pop_back();
  if (isInterleaved()) {
    interleaved = lane;
    lane = looped.pop_back_val();
  }
}

/// Which ranks of the result are the rows of a register tile.
void EinsumLowering::chooseRows(int64_t rowTileOption) {
  // Most vectors that a register tile has along the lanes.
  constexpr int64_t kMostVectors = 8;
  auto widenBlock = [&] {
    int64_t extent = getStaticExtent(*lane);
    if (ShapedType::isDynamic(extent) || extent == 0)
      return;
    int64_t vectors = llvm::divideCeil(extent, vectorWidth);
    blockVectors =
        llvm::divideCeil(vectors, llvm::divideCeil(vectors, kMostVectors));
  };
  if (looped.empty()) {
    // Each vector waits for its own sum: the more of them, the less.
    if (lane && !reducesLanes && !reduced.empty())
      widenBlock();
    return;
  }
  if (reducesLanes) {
    // One vector holds the sums of a tile; keys and rows share it.
    constexpr int64_t kMostInner = 4;
    auto *longest = std::prev(looped.end());
    for (auto *it = looped.begin(); it != std::prev(looped.end()); ++it)
      if (!ShapedType::isDynamic(getStaticExtent(*longest)) &&
          (ShapedType::isDynamic(getStaticExtent(*it)) ||
           getStaticExtent(*it) > getStaticExtent(*longest)))
        longest = it;
    rowRank = *longest;
    looped.erase(longest);
    chooseInnerRows(std::min(kMostInner, vectorWidth));
    rowTile = vectorWidth / llvm::PowerOf2Ceil(innerRows);
    return;
  }
  rowRank = looped.pop_back_val();
  // Several rows pay where one load of the lanes serves them all: in a product
  // of an operand with lanes and one without. Elsewhere they only cost
  // registers.
  if ((transposed = findTransposed())) {
    rowTile = vectorWidth;
    return;
  }
  // A copy leaves the registers free: addresses are computed once for a row.
  if (lane && reduced.empty() && einsum.isIdentityMap())
    widenBlock();
  if (reduced.empty() ||
      !isa_and_nonnull<arith::MulFOp>(einsum.getSingleMapOp()))
    return;
  rowTile = rowTileOption;
  if (!lane)
    return;
  // A short rank is not all of the rows if there is another one.
  while (!looped.empty()) {
    int64_t extent = getStaticExtent(*rowRank);
    if (ShapedType::isDynamic(extent) ||
        multiplyExtents(extent, innerRows * 2) > rowTileOption)
      break;
    innerRanks.push_back({*rowRank, extent, /*isWhole=*/true, {}});
    innerRows *= extent;
    rowRank = looped.pop_back_val();
  }
  rowTile = std::max<int64_t>(rowTileOption / innerRows, 1);
  // Few rows leave registers for more vectors of lanes.
  int64_t extent = getStaticExtent(*rowRank), lanes = outType.getShape().back();
  if (ShapedType::isDynamic(lanes) || lanes == 0 || extent == 0)
    return;
  // One vector leaves registers for twice the rows, where these lie side by
  // side: one address serves them all.
  if (innerRows == 1 && lanes <= vectorWidth && extent >= 2 * rowTile &&
      operands.readsSideBySide(*rowRank)) {
    rowTile *= 2;
    return;
  }
  // Four vectors are two and two, not three and one.
  int64_t vectors = llvm::divideCeil(lanes, vectorWidth);
  blockVectors = llvm::divideCeil(
      vectors, llvm::divideCeil(vectors, int64_t(kRegisterTileVectors)));
  int64_t rows =
      ShapedType::isDynamic(extent) ? rowTile : std::min(extent, rowTile);
  rows *= innerRows;
  if (rows * 2 > rowTileOption)
    return;
  int64_t most =
      std::min(kRegisterTileVectors * rowTileOption / rows, kMostVectors);
  int64_t blocks = llvm::divideCeil(lanes, most * vectorWidth);
  blockVectors = llvm::divideCeil(lanes, blocks * vectorWidth);
}

/// Takes ranks of `looped` whole into the register tile, from the last on, up
/// to `most` rows, or one rank, or an even part of it, where that has more.
void EinsumLowering::chooseInnerRows(int64_t most) {
  auto take = [&](StringAttr *rank, int64_t rows, bool isWhole) {
    innerRanks.push_back({*rank, rows, isWhole, {}});
    innerRows *= rows;
    looped.erase(rank);
  };
  auto fits = [&](StringAttr rank, int64_t rows) {
    int64_t extent = getStaticExtent(rank);
    return !ShapedType::isDynamic(extent) &&
           multiplyExtents(extent, rows) <= most;
  };
  int64_t several = 1, one = 1;
  StringAttr *best = nullptr;
  for (StringAttr &rank : llvm::reverse(looped)) {
    int64_t extent = getStaticExtent(rank);
    if (ShapedType::isDynamic(extent) || extent == 0)
      continue;
    if (fits(rank, several))
      several *= extent;
    int64_t part = llvm::divideCeil(extent, llvm::divideCeil(extent, most));
    if (part > one) {
      one = part;
      best = &rank;
    }
  }
  if (one > several) {
    take(best, one, /*isWhole=*/one == getStaticExtent(*best));
    return;
  }
  for (size_t position = looped.size(); position-- > 0;)
    if (fits(looped[position], innerRows))
      take(&looped[position], getStaticExtent(looped[position]),
           /*isWhole=*/true);
}
