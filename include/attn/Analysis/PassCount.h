//===- PassCount.h - The passes a cascade makes over a rank -----*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A pass over a fiber of a rank is a traversal of all its elements; an einsum
// that reads an element again after some result has needed all of them begins
// another pass (FuseMax, arXiv 2406.10491, section III). Einsums of one pass
// can fuse along the rank; einsums of different passes cannot, and what is read
// in a later pass than it was made in is live for a whole fiber.
//
// docs/rationale/passes.md defines what is counted here.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ANALYSIS_PASSCOUNT_H
#define ATTN_ANALYSIS_PASSCOUNT_H

#include "attn/Dialect/Attn/IR/Attn.h"
#include <vector>

namespace mlir::attn {

/// The passes of one cascade over one rank.
class PassCount {
public:
  /// Why a pass begins: `reader` needs `needed`, which is known only after
  /// `traversal` has run over the whole rank. Where nothing is computed in
  /// between, `traversal` defines `needed`.
  struct Cause {
    Operation *reader = nullptr;
    Value needed;
    Operation *traversal = nullptr;
  };

  /// One tensor that the rank indexes.
  struct Tensor {
    Value value;
    /// The pass in which it is made; 0 for an input.
    int64_t madeIn = 0;
    /// The passes in which it is read, ascending.
    SmallVector<int64_t> readIn;
    /// Passes over its own fibers: one more than the longest chain of reads
    /// that wait for a whole read of it. 0 if nothing reads it.
    int64_t count = 0;

    /// Whether a later pass reads what an earlier one made.
    bool crossesPasses() const {
      return madeIn != 0 && !readIn.empty() && readIn.back() > madeIn;
    }
  };

  PassCount(CascadeOp cascade, StringAttr rank);

  StringAttr getRank() const { return rank; }
  /// Passes over the rank; 0 where no einsum runs over it. For the points of an
  /// iteration: passes over those of one step.
  int64_t getCount() const { return count; }
  /// The pass in which an einsum or an iteration runs over the rank, from 1; 0
  /// where it does not run over it.
  int64_t getPass(Operation *op) const { return passes.lookup(op); }
  /// What forces pass `pass` (from 2).
  Cause getCause(int64_t pass) const { return causes.lookup(pass); }
  /// The tensors indexed by the rank, in the order of their first use.
  ArrayRef<Tensor> getTensors() const { return tensors; }
  const Tensor *lookup(Value value) const;
  /// The iteration whose points the rank is, or null.
  IterateOp getStepOf() const { return stepOf; }

  /// The counts of every rank that the cascade reduces or iterates over, those
  /// with most passes first.
  static std::vector<PassCount> getAll(CascadeOp cascade);

private:
  /// One operand of a node.
  struct Read {
    Value tensor;
    /// Whether the index of the read runs along the rank.
    bool along = false;
    /// Whether it needs other points of the rank than the one at hand.
    bool whole = false;
  };
  /// An einsum, an iteration over the rank, or the names that an iteration over
  /// another rank gives to what it carries.
  struct Node {
    Operation *op = nullptr;
    SmallVector<Read> reads;
    SmallVector<Value> results;
    bool runs = false;
    /// Whether the results are indexed by the rank.
    bool keeps = false;
  };
  using Nodes = std::vector<Node>;

  void flatten(Block &block, Nodes &nodes);
  void addEinsum(EinsumOp einsum, Nodes &nodes) const;
  void addIteration(IterateOp iterate, Nodes &nodes) const;
  void number(const Nodes &nodes);
  void delay(const Nodes &nodes);
  void collectTensors(const Nodes &nodes);
  static int64_t countPassesOver(Value tensor, const Nodes &nodes);

  StringAttr rank;
  IterateOp stepOf;
  int64_t count = 0;
  llvm::DenseMap<Operation *, int64_t> passes;
  llvm::DenseMap<int64_t, Cause> causes;
  std::vector<Tensor> tensors;
  /// One list for the cascade, and one for each step of points `rank`.
  std::vector<Nodes> scopes;
};

} // namespace mlir::attn

#endif // ATTN_ANALYSIS_PASSCOUNT_H
