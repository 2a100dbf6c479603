//===- Streaming.h - Can a cascade run in one pass? -------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ANALYSIS_STREAMING_H
#define ATTN_ANALYSIS_STREAMING_H

#include "attn/Analysis/Laws.h"

namespace mlir::attn {

/// How the einsums of a cascade relate to one pass over a rank, and how what
/// they compute changes with the running reductions over it.
class StreamingAnalysis {
public:
  enum class Role {
    /// Neither indexed by the rank nor after a reduction of it.
    Before,
    /// Indexed by the rank: computed step by step.
    Tile,
    /// Reduces the rank: carried from step to step.
    Reduction,
    /// Computed from running reductions, not indexed by the rank.
    After
  };

  /// What keeps the cascade from one pass.
  struct Obstacle {
    Operation *where;
    std::string reason;
    /// The running tensors involved.
    SmallVector<Value> running;
  };

  /// The rank to stream over: the key rank of the cascade's space, else, of the
  /// ranks that are reduced, and either index an einsum's result before or have
  /// no fixed extent, the one that most einsums reduce; null if there is none
  /// or the cascade iterates already.
  static StringAttr findRank(CascadeOp cascade);

  StreamingAnalysis(CascadeOp cascade, StringAttr rank);

  StringAttr getRank() const { return rank; }
  const std::optional<Obstacle> &getObstacle() const { return obstacle; }
  Role getRole(EinsumOp einsum) const { return roles.lookup(einsum); }
  /// Whether `tensor` is a reduction over the rank or computed from one.
  bool isRunning(Value tensor) const;
  /// How the running tensor moves from step to step: 1 if it never decreases,
  /// -1 if it never increases, 0 if it may do both.
  int getDirection(Value tensor) const;
  /// Whether no element of `tensor` is negative, as far as its map shows.
  static bool isNonNegative(Value tensor);
  /// How the values that the map of `einsum` yields change.
  const Change &getChange(EinsumOp einsum) const {
    return changes.find(einsum)->second;
  }

private:
  void classify();
  void checkAccesses(EinsumOp einsum);
  void computeChange(EinsumOp einsum, const LawTable &laws);
  LawTable::OperandInfo getInfo(const EinsumAccess &access) const;
  void stop(Operation *where, const Twine &reason,
            ArrayRef<Value> running = {});

  CascadeOp cascade;
  StringAttr rank;
  llvm::DenseMap<Operation *, Role> roles;
  llvm::DenseMap<Operation *, Change> changes;
  /// How the tensors indexed by the rank change.
  llvm::DenseMap<Value, Change> tensorChanges;
  std::optional<Obstacle> obstacle;
};

} // namespace mlir::attn

#endif // ATTN_ANALYSIS_STREAMING_H
