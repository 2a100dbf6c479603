//===- LivePoints.h - How many points of a plane are live -------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ANALYSIS_LIVEPOINTS_H
#define ATTN_ANALYSIS_LIVEPOINTS_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// How many points are live: the number, or a number that is no smaller.
struct LivePoints {
  int64_t count = 0;
  bool isExact = true;
};

/// The live points of a plane of `rows` by `keys` under `plan`, for the given
/// values of the plan's symbols. Where the live keys of a row in one piece are
/// an interval with affine ends, the sum over the rows is a sum over the few
/// ranges of rows between which the ends change their form, it takes the same
/// time at any length, and pieces that overlap are counted by inclusion and
/// exclusion. Other intervals are summed row by row, in bounded time. What is
/// no interval is counted point by point in small planes; in larger ones all
/// that tiles visit counts, and the number is a bound.
LivePoints countLivePoints(PlanAttr plan, int64_t rows, int64_t keys,
                           ArrayRef<int64_t> symbols);

/// The live points of the plane of `cascade` at these extents, its lengths
/// taken as full; nothing if the cascade's sparsity cannot be planned, it has
/// an offset, an origin of the plane, segments or lists, or no space.
std::optional<LivePoints> countLivePoints(CascadeOp cascade, int64_t rows,
                                          int64_t keys);

} // namespace mlir::attn

#endif // ATTN_ANALYSIS_LIVEPOINTS_H
