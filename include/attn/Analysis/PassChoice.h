//===- PassChoice.h - One pass, or several over a tile ----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where a step holds every point of the streaming rank, a cascade can make its
// several passes over the tile of that one step, and no running value is ever
// repaired. docs/rationale/pass-choice.md explains the model.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ANALYSIS_PASSCHOICE_H
#define ATTN_ANALYSIS_PASSCHOICE_H

#include "attn/Analysis/CostModel.h"
#include "attn/Analysis/Streaming.h"

namespace mlir::attn {

/// What a work item spends beyond the arithmetic that both forms share, in
/// cycles of the machine model.
struct PassChoice {
  /// Points of the streaming rank and of a step of the single pass.
  int64_t extent = 0;
  int64_t streamTile = 0;
  /// Bytes of the tile that holds every point.
  int64_t tileBytes = 0;
  /// Moving and repairing what is carried, over all steps.
  double singleCycles = 0;
  /// Moving what is carried once, and a tile that is larger than the first
  /// level of cache.
  double severalCycles = 0;
  /// Whether several passes are possible at all, and if not, why.
  bool isPossible = false;
  std::string obstacle;

  bool prefersSeveral() const {
    return isPossible && severalCycles < singleCycles;
  }
};

/// Compares both forms of a cascade. `single` is its derived single pass,
/// `analysis` that of the cascade it was derived from.
PassChoice comparePassForms(CascadeOp cascade,
                            const StreamingAnalysis &analysis, CascadeOp single,
                            const MachineModel &machine);

} // namespace mlir::attn

#endif // ATTN_ANALYSIS_PASSCHOICE_H
