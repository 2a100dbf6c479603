//===- StepTest.h - Steps without live points -------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A plan's ranges end where the last live key does. Within them keys may live
// and die in turns: every eighth block of `strided`, blocks at powers of two,
// the bands of radial attention in their frames. A loop over such a range asks
// before each step whether the step may have a live point, and whether it has
// no dead one; docs/rationale/sparsity-planning.md says how.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ANALYSIS_STEPTEST_H
#define ATTN_ANALYSIS_STEPTEST_H

#include "attn/Analysis/SparsityPlan.h"

namespace mlir::attn {

/// The least keys for which steps are tested: shorter ones would cost more than
/// they leave out.
inline constexpr int64_t kShortestRun = 32;

/// The keys that live or die together within the ranges of `plan`: where steps
/// are as long, some are without live points. 0 where no such keys are known,
/// and steps are not tested.
int64_t getRunLength(PlanAttr plan);

/// What a step is known to be.
struct StepClass {
  bool mayBeLive = true, isFull = false;
};

/// The step of the rows `first` to `last` and of `keys`, which are not empty,
/// for the given values of the symbols.
StepClass classifyStep(PlanAttr plan, int64_t first, int64_t last,
                       KeyRange keys, ArrayRef<int64_t> symbols);

} // namespace mlir::attn

#endif // ATTN_ANALYSIS_STEPTEST_H
