//===- PeriodicKeys.h - Keys that come back with a period -------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An atom that reads the key alone and a remainder of it names the same few
// keys for every row: every eighth one, the last ones of every block. Where
// they are scattered, ranges hold all the keys between them; so they are
// counted through, and tiles walk them by their numbers, as they walk lists;
// docs/rationale/runtime-sparsity.md says how, and that rows of one remainder
// walk the keys of `dilated` so, too.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ANALYSIS_PERIODICKEYS_H
#define ATTN_ANALYSIS_PERIODICKEYS_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// The keys whose positions p have (p - first) mod period < length. Their
/// numbers ascend with their positions; number 0 is at `first`, which is 0 or
/// more and less than `period`.
struct PeriodicKeys {
  int64_t period, first, length;

  /// The number of the first of them that is at `position` or behind.
  int64_t getNumber(int64_t position) const;
  /// The position of the one with the number `number`.
  int64_t getPosition(int64_t number) const;
  bool contains(int64_t position) const;
};

/// The keys that `atom` names where these have a period: one for all heads, or
/// one for each head of an atom with parameters of its own in every head. Empty
/// where they have none, or one that is longer than 2^30 tokens.
SmallVector<PeriodicKeys> getPeriodicKeys(Attribute atom);

/// Whether these keys are few among those between them, and no steps hold all
/// of a run and no other keys: of each head at most half of all, in equal runs
/// that are short.
bool areScattered(ArrayRef<PeriodicKeys> heads);

/// How many tokens a dilated atom's keys lie apart: one number for all heads
/// where they agree, or one for each. Empty for other atoms, which may be null.
SmallVector<int64_t> getDilatedSteps(Attribute atom);

/// What `heads` say of the head with the number `head`.
template <typename T>
const T &lookUpHead(const SmallVectorImpl<T> &heads, int64_t head) {
  return heads[std::clamp<int64_t>(head, 0, heads.size() - 1)];
}

} // namespace mlir::attn

#endif // ATTN_ANALYSIS_PERIODICKEYS_H
