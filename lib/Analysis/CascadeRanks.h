//===- CascadeRanks.h - How einsums use the ranks of a cascade --*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_ANALYSIS_CASCADERANKS_H
#define ATTN_LIB_ANALYSIS_CASCADERANKS_H

#include "attn/Dialect/Attn/IR/Attn.h"
#include "llvm/ADT/SmallPtrSet.h"

namespace mlir::attn {

/// How the einsums of a cascade use its ranks.
class CascadeRanks {
public:
  explicit CascadeRanks(CascadeOp cascade, StringAttr stream = {});

  bool hasLoop() const { return !loops.empty(); }
  ArrayRef<IterateOp> getLoops() const { return loops; }
  /// The einsums in loops or, without any, all.
  ArrayRef<EinsumOp> getSteadyEinsums() const {
    return hasLoop() ? ArrayRef(loopEinsums) : ArrayRef(einsums);
  }
  bool isReduced(StringAttr rank) const { return reduced.contains(rank); }
  bool isStreaming(StringAttr rank) const { return streaming.contains(rank); }
  /// Whether `rank` counts the splits of a loop: its points are items.
  bool isSplit(StringAttr rank) const {
    return llvm::any_of(loops, [&](IterateOp loop) {
      return IterateOp(loop).getSplitRankAttr() == rank;
    });
  }
  /// Whether input `index` of `einsum` is read along an iterative rank.
  bool isStreamed(EinsumOp einsum, unsigned index) const {
    if (stream && einsum.inputUsesRank(index, stream))
      return true;
    return llvm::any_of(loops, [&](IterateOp loop) {
      return einsum.inputUsesRank(index, loop.getRankAttr());
    });
  }

  /// Streamed operands of contractions that do not depend on `rank`: each is
  /// loaded once for all of its points.
  int64_t countReuse(StringAttr rank) const;

  /// The ranks of a value's dimensions, where an einsum states them.
  static std::optional<SmallVector<StringAttr>> getRanks(Value value);

  /// Ranks that index every carried tensor and every result, in the order of
  /// the results. Results over a streaming rank come before the loop and have
  /// no say.
  SmallVector<StringAttr> getCommonRanks(CascadeOp cascade) const;

private:
  SmallVector<IterateOp> loops;
  SmallVector<EinsumOp> einsums, loopEinsums;
  llvm::SmallPtrSet<StringAttr, 8> reduced, streaming;
  StringAttr stream;
};

/// Whether rows of the cascade's plane can be items of their own, with another
/// rank for lanes, and its keys be cut anywhere: nothing walks them in tiles.
bool canBeItems(CascadeOp cascade);

} // namespace mlir::attn

#endif // ATTN_LIB_ANALYSIS_CASCADERANKS_H
