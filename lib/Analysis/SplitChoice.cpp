//===- SplitChoice.cpp - Whether a stream is cut into runs ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// docs/rationale/split-stream.md explains the numbers.
//
//===----------------------------------------------------------------------===//

#include "CascadeRanks.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Analysis/CostModel.h"

using namespace mlir;
using namespace mlir::attn;

std::optional<int64_t> attn::parseSplit(StringRef text) {
  if (text == "auto")
    return 0;
  if (text == "none")
    return -1;
  int64_t points;
  if (text.getAsInteger(10, points) || points < 1 || points % kSplitUnit != 0)
    return std::nullopt;
  return points;
}

SplitChoice attn::chooseSplit(CascadeOp cascade, const MachineModel &machine,
                              int64_t wanted) {
  // Keys and values of a split are a thousand times as many bytes as what it
  // hands to the merge, and enough splits of usual lengths fill the machine.
  constexpr int64_t kBlockPoints = 512, kCorePoints = 2048;
  // Rows of one tile of a warp's products; what has more has more items.
  constexpr int64_t kFewLanes = 32;
  // As many items as most machines have cores.
  constexpr int64_t kFewItems = 8;
  CascadeRanks ranks(cascade);
  SplitChoice choice;
  if (cascade.getMapping() || wantsUnfused(cascade) ||
      ranks.getLoops().size() != 1)
    return {0, "it has no stream of its own"};
  IterateOp loop = ranks.getLoops().front();
  llvm::MapVector<StringAttr, int64_t> extents = cascade.getRankExtents();
  if (loop->getParentOp() != cascade || loop.getSplitRank())
    return {0, "its stream is split, or part of another"};
  if (!ShapedType::isDynamic(getExtent(extents, loop.getPointAttr())))
    return {0, "one step holds its stream"};
  if (!canBeItems(cascade))
    return {0, "segments, lists, orders, remainders or boxes say which points "
               "follow each other"};
  if (wanted == 0) {
    RankRoles roles = assignRankRoles(cascade);
    if (!roles.lanes)
      return {};
    int64_t lanes = getExtent(extents, roles.lanes);
    if (machine.sharedBytes > 0) {
      if (ShapedType::isDynamic(lanes) || lanes > kFewLanes)
        return {};
      wanted = kBlockPoints;
    } else {
      std::optional<RankRoles> few = assignFewRows(cascade);
      int64_t items = 1;
      for (StringAttr rank : few ? few->parallel : SmallVector<StringAttr>())
        items = multiplyExtents(items,
                                std::max<int64_t>(getExtent(extents, rank), 1));
      if (!few || items >= kFewItems)
        return {};
      wanted = kCorePoints;
    }
  }
  int64_t points = getExtent(extents, loop.getParentAttr());
  if (!ShapedType::isDynamic(points) && points <= wanted)
    return {0, "one split holds all of it"};
  choice.points = wanted;
  return choice;
}
