//===- SinglePassWriter.h - Write the loop of a cascade ---------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TRANSFORMS_SINGLEPASSWRITER_H
#define ATTN_LIB_TRANSFORMS_SINGLEPASSWRITER_H

#include "attn/Analysis/Streaming.h"

namespace mlir::attn {

/// Writes the loop of a cascade whose analysis found no obstacle.
class SinglePassWriter {
public:
  /// With `stepExtent`, the extent of the rank, one step holds all of its
  /// points: a tensor says so, and nothing is repaired.
  SinglePassWriter(CascadeOp cascade, const StreamingAnalysis &analysis,
                   std::optional<int64_t> stepExtent = std::nullopt)
      : cascade(cascade), analysis(analysis), builder(cascade.getContext()),
        parent(analysis.getRank()), stepExtent(stepExtent) {}

  void run();
  unsigned getNumRepairs() const { return numRepairs; }

private:
  /// A state of the running reductions: what stands for each running tensor.
  struct State {
    llvm::DenseMap<Value, Value> tensors;
  };

  void nameRanks();
  void collect();
  /// Copies `einsum` with its operands replaced: by loop tensors where it is
  /// part of the loop.
  Value copy(EinsumOp einsum, State &state, bool inLoop,
             std::optional<Type> resultType = std::nullopt);
  /// The value of a running tensor in a state, computed there if needed.
  Value getRunning(Value tensor, State &state);
  Value reduceStep(EinsumOp einsum, Value carried);
  Value buildCorrection(const Correction &correction, Location loc);
  Value buildLinear(ArrayRef<LinearTerm> terms, const Law &law, Location loc);
  EinsumAccess buildShiftTensor(ArrayRef<LinearTerm> terms, Location loc);
  Value repair(EinsumOp einsum, Value carried, const Change &change);
  Value finish(EinsumOp einsum, Value carried, bool isResult);
  RankedTensorType getCarriedType(EinsumOp einsum);
  RankedTensorType getStepType(EinsumOp einsum);
  SmallVector<StringAttr> getStepRanks(ArrayRef<StringAttr> ranks);

  CascadeOp cascade;
  const StreamingAnalysis &analysis;
  OpBuilder builder;
  StringAttr parent, step, point;
  std::optional<int64_t> stepExtent;
  SmallVector<EinsumOp> tiles, reductions, after;
  /// Tensors of the loop by the tensor they stand for.
  State oldState, newState;
  /// Corrections already built in the loop.
  SmallVector<std::pair<Correction, EinsumAccess>> corrections;
  /// Differences of running values already built in the loop.
  SmallVector<std::pair<std::vector<LinearTerm>, EinsumAccess>> shifts;
  unsigned numRepairs = 0;
};

} // namespace mlir::attn

#endif // ATTN_LIB_TRANSFORMS_SINGLEPASSWRITER_H
