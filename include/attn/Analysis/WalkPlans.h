//===- WalkPlans.h - Plans of the walks over keys ---------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A loop over keys walks ranges of them, tokens of a list, or both, one after
// the other. What the terms of a sparsity say to each is a plan.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ANALYSIS_WALKPLANS_H
#define ATTN_ANALYSIS_WALKPLANS_H

#include "attn/Analysis/TermRoles.h"

namespace mlir::attn {

/// What an attn.iterate over keys holds (IT-4, IT-5).
struct WalkPlans {
  /// That of ranges of keys, or of slots; null where nothing is restricted.
  PlanAttr plan;
  /// That of tokens in an order of their own; null where there is none, or
  /// nothing of it is restricted.
  PlanAttr tokenPlan;
};

/// The plans of the loops over keys of `cascade` where its terms have `roles`.
/// Fails where the live points are a union of more parts than a plan has.
FailureOr<WalkPlans> planWalks(CascadeOp cascade, const TermRoles &roles);

} // namespace mlir::attn

#endif // ATTN_ANALYSIS_WALKPLANS_H
