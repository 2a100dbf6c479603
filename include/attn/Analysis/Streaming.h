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
    /// The reduction that cannot be repaired, where it is one that stops it.
    EinsumOp reader;
  };

  /// A summand of the action on a tuple of sums. A sum of products in which
  /// some factors move by a sum is not repaired by a factor alone: with a value
  /// s that moves by d and the sums R = sum w*s and C = sum w,
  ///
  ///     R' = sum w*(s + d) = R + d * C.
  ///
  /// For several such factors there is one term for each choice of them.
  struct TupleTerm {
    double coefficient;
    /// How the chosen factors move; their product multiplies the companion.
    std::vector<std::vector<LinearTerm>> shifts;
    /// The sum of the products without the chosen factors.
    Value companion;
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
  /// What is added to the running sum `einsum` before the factors of its change
  /// are applied; empty if these repair it alone.
  ArrayRef<TupleTerm> getTuple(EinsumOp einsum) const {
    auto found = tuples.find(einsum);
    if (found == tuples.end())
      return {};
    return found->second;
  }
  /// How the values in the map of `einsum` change, operation by operation.
  llvm::DenseMap<Value, LawTable::OperandInfo> getInfos(EinsumOp einsum) const;
  /// Whether the reduced ranks keep `change` from being one for the sum.
  static bool variesAlong(const Change &change, ArrayRef<StringAttr> ranks);

private:
  void classify();
  /// A step needs an operand of the cascade that states the extent of the rank.
  void checkExtent();
  void checkAccesses(EinsumOp einsum);
  void computeChange(EinsumOp einsum);
  std::optional<Change> computeTuple(EinsumOp einsum);
  bool isFinite(Value running, ArrayRef<Value> multipleOf) const;
  LawTable::OperandInfo getInfo(const EinsumAccess &access) const;
  void stop(Operation *where, const Twine &reason, ArrayRef<Value> running = {},
            EinsumOp reader = {});

  CascadeOp cascade;
  StringAttr rank;
  LawTable laws;
  llvm::DenseMap<Operation *, Role> roles;
  llvm::DenseMap<Operation *, Change> changes;
  /// How the tensors indexed by the rank change.
  llvm::DenseMap<Value, Change> tensorChanges;
  /// Tensors indexed by the rank that no law describes. They stop a reduction
  /// that reads them, unless it can do without.
  llvm::DenseMap<Value, Obstacle> pending;
  llvm::DenseMap<Operation *, std::vector<TupleTerm>> tuples;
  std::optional<Obstacle> obstacle;
};

/// The product that a reduction sums: what its map multiplies, operands in the
/// order of use, each as often as it occurs; nothing if the map is no product
/// of operands.
struct SummedProduct {
  double coefficient = 1.0;
  SmallVector<unsigned> operands;

  static std::optional<SummedProduct> get(EinsumOp reduction);
};

/// A sum over `reduction`'s reduced ranks, in its block, of the product of
/// `factors`, over those of its result's ranks that have a meaning for them;
/// null if there is none.
EinsumOp findSumOfProduct(EinsumOp reduction, ArrayRef<EinsumAccess> factors);
/// The ranks of such a sum.
SmallVector<StringAttr> getSumRanks(EinsumOp reduction,
                                    ArrayRef<EinsumAccess> factors);

} // namespace mlir::attn

#endif // ATTN_ANALYSIS_STREAMING_H
