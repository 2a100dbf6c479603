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
//===----------------------------------------------------------------------===//

#ifndef ATTN_ANALYSIS_PASSCOUNT_H
#define ATTN_ANALYSIS_PASSCOUNT_H

#include "attn/Dialect/Attn/IR/Attn.h"
#include <vector>

namespace mlir::attn {

/// The passes of one cascade over one rank.
class PassCount {
public:
  /// Why a pass begins: `reader` needs the whole of `needed`, which the pass
  /// before makes.
  struct Cause {
    Operation *reader;
    Value needed;
  };

  PassCount(CascadeOp cascade, StringAttr rank);

  StringAttr getRank() const { return rank; }
  /// Passes over the rank; 0 where no einsum runs over it.
  int64_t getCount() const { return count; }
  /// The pass in which an einsum or an iteration runs over the rank, from 1; 0
  /// where it does not run over it.
  int64_t getPass(Operation *op) const { return passes.lookup(op); }
  /// What forces pass `pass` (from 2).
  Cause getCause(int64_t pass) const { return causes.lookup(pass); }
  /// Tensors indexed by the rank that a later pass reads again.
  ArrayRef<Value> getRereadTensors() const { return reread; }

  /// The counts of every rank that the cascade reduces or iterates over, those
  /// with most passes first.
  static std::vector<PassCount> getAll(CascadeOp cascade);

private:
  bool runsOver(Operation &op) const;

  StringAttr rank;
  int64_t count = 0;
  llvm::DenseMap<Operation *, int64_t> passes;
  llvm::DenseMap<int64_t, Cause> causes;
  SmallVector<Value> reread;
};

} // namespace mlir::attn

#endif // ATTN_ANALYSIS_PASSCOUNT_H
