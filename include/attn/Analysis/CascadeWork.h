//===- CascadeWork.h - What a cascade computes, moves and keeps -*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Properties of a cascade that no mapping changes, as formulas in the extents
// of its ranks. docs/rationale/passes.md defines them.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ANALYSIS_CASCADEWORK_H
#define ATTN_ANALYSIS_CASCADEWORK_H

#include "attn/Analysis/ExtentFormula.h"
#include "attn/Analysis/LivePoints.h"
#include "attn/Analysis/PassCount.h"

namespace mlir::attn {

/// Extents given for ranks, by the rank's name.
using RankSizes = std::map<std::string, int64_t>;

/// Reads sizes written `rank=extent`. A mistake is reported through
/// `emitError`.
FailureOr<RankSizes>
parseRankSizes(ArrayRef<std::string> texts,
               function_ref<InFlightDiagnostic()> emitError);

/// Checks `sizes` against the cascades below `root`: each names a rank of one
/// of them and agrees with the extents that types state.
LogicalResult checkRankSizes(Operation *root, const RankSizes &sizes,
                             function_ref<InFlightDiagnostic()> emitError);

class CascadeWork {
public:
  /// An intermediate, or a result, and how much of it is live at a time.
  struct Footprint {
    Value tensor;
    /// Live elements for one point of the common ranks.
    ExtentFormula live;
    /// All elements of the tensor; of a tile, where it is made in a step.
    ExtentFormula whole;
    int64_t elementBytes = 0;
    /// The rank of which a later pass reads it again, or null.
    StringAttr crosses;
    bool isResult = false;

    ExtentFormula getLiveBytes() const {
      return live * ExtentFormula::constant(elementBytes);
    }
  };

  /// Sizes that types state take precedence over `sizes`.
  explicit CascadeWork(CascadeOp cascade, const RankSizes &sizes = {});

  /// The passes over each rank, those with most first.
  const std::vector<PassCount> &getPasses() const { return passes; }
  /// The rank that is traversed: of the intermediates' ranks that are reduced
  /// or iterated over the one with most passes; null if there is none.
  StringAttr getStreamingRank() const { return streaming; }
  /// The ranks that no einsum reduces and every reduction over the streaming
  /// rank has: footprints are those of one point of them.
  ArrayRef<StringAttr> getCommonRanks() const { return common; }
  const std::vector<Footprint> &getFootprints() const { return footprints; }

  /// Operations of the maps and reductions, each counted once; casts,
  /// selections and comparisons are free. The symbol `live` stands for the live
  /// points of the cascade's plane.
  const ExtentFormula &getFlops() const { return flops; }
  /// Among them, those of multiply-accumulates.
  const ExtentFormula &getContractionFlops() const { return contractions; }
  /// Among them, elementary functions.
  const ExtentFormula &getFunctions() const { return functions; }

  /// Every input once for each pass over it, and every result once.
  const ExtentFormula &getFusedBytes() const { return fusedBytes; }
  /// That, and what crosses passes written once and read once by each.
  const ExtentFormula &getSpilledBytes() const { return spilledBytes; }
  /// Every einsum reads its operands and writes its result.
  const ExtentFormula &getUnfusedBytes() const { return unfusedBytes; }

  /// The live points of the plane, where its extents are known.
  std::optional<LivePoints> getLivePoints() const { return livePoints; }
  std::optional<int64_t> getPlanePoints() const;

  /// The formula with every known extent put in.
  ExtentFormula evaluate(const ExtentFormula &formula) const;
  std::optional<int64_t> getExtent(StringAttr rank) const;

private:
  ExtentFormula getSymbol(StringAttr rank) const;
  ExtentFormula getElements(ArrayRef<StringAttr> ranks) const;
  /// How often an einsum at `op` runs: the steps of the iterations around it.
  ExtentFormula getRepetitions(EinsumOp einsum, ArrayRef<StringAttr> ranks,
                               bool masked) const;
  ExtentFormula getInputElements(unsigned input) const;
  void findRoles();
  void countWork();
  void measureFootprints();
  bool isAccumulated(EinsumOp einsum) const;
  const PassCount &getPasses(StringAttr rank);

  CascadeOp cascade;
  std::map<std::string, int64_t> extents;
  std::vector<PassCount> passes;
  /// Passes over ranks that are not reduced.
  std::vector<std::unique_ptr<PassCount>> otherPasses;
  StringAttr streaming;
  SmallVector<StringAttr> common;
  std::vector<Footprint> footprints;
  ExtentFormula flops, contractions, functions;
  ExtentFormula fusedBytes, spilledBytes, unfusedBytes;
  std::optional<LivePoints> livePoints;
};

} // namespace mlir::attn

#endif // ATTN_ANALYSIS_CASCADEWORK_H
