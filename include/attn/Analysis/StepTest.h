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

  StepClass operator&(StepClass other) const {
    return {mayBeLive && other.mayBeLive, isFull && other.isFull};
  }
  StepClass operator|(StepClass other) const {
    return {mayBeLive || other.mayBeLive, isFull || other.isFull};
  }
  StepClass operator!() const { return {!isFull, !mayBeLive}; }
};

/// The step of the rows `first` to `last` and of `keys`, which are not empty,
/// for the given values of the symbols.
StepClass classifyStep(PlanAttr plan, int64_t first, int64_t last,
                       KeyRange keys, ArrayRef<int64_t> symbols);

/// What atoms read beside positions.
struct TermNumbers {
  int64_t keyCount = 0, head = 0;
};

/// Asks steps, or points, of a term that no plan needs to hold.
class TermTest {
public:
  explicit TermTest(Attribute term);

  /// The step of the rows at positions `first` to `last` and of the keys at
  /// those of `keys`. At a single point it is what the term says, unless it has
  /// atoms that are no sets of positions.
  StepClass classify(int64_t first, int64_t last, KeyRange keys,
                     const TermNumbers &numbers) const;

private:
  enum class Kind { And, Or, Not, Atom };
  Kind kind = Kind::Atom;
  std::vector<TermTest> inner;
  std::optional<AtomDefinition> atom;
};

} // namespace mlir::attn

#endif // ATTN_ANALYSIS_STEPTEST_H
