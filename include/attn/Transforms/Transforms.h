//===- Transforms.h - The transformations as functions ----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the passes of this folder do, one operation at a time: the passes call
// these for every operation of a function, the operations of the transform
// dialect for those that a schedule names. `Passes.td` says what each does.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TRANSFORMS_TRANSFORMS_H
#define ATTN_TRANSFORMS_TRANSFORMS_H

#include "attn/Analysis/CostModel.h"
#include "attn/Analysis/Streaming.h"
#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// Unit attribute of an exponential, from attn-relax-weights for
/// attn-expand-math: all that sees it is rounded to 16 bits, so that a relative
/// error of 2^-13 is allowed.
inline constexpr StringLiteral kRelaxedAttrName = "attn.relaxed";

/// Writes the operator as a cascade at the builder's place, and replaces it.
FailureOr<CascadeOp> expandAttention(AttentionOp op, OpBuilder &builder);
CascadeOp expandMerge(MergeOp op, OpBuilder &builder);
/// The same as one cascade for each sum of two. An operator that makes a branch
/// is changed to give it unrounded, so it must not be expanded before.
SmallVector<CascadeOp> expandMix(MixOp op, OpBuilder &builder);

/// How many cascades became part of another one.
struct MergedCascades {
  unsigned prologues = 0, epilogues = 0, siblings = 0;
};

/// Merges the cascades inside `root` until none is left to merge.
MergedCascades mergeCascades(Operation *root);

/// What normalising a cascade has saved.
struct NormalizationCounts {
  unsigned inlined = 0, merged = 0;
};

/// Replaces the cascade by its canonical form. One with a mapping or a plan is
/// returned as it is.
CascadeOp normalizeCascade(CascadeOp cascade, bool renameRanks,
                           NormalizationCounts *counts = nullptr);

/// Computes what every tile of lanes would compute again in cascades before
/// this one. Returns the number of parts that moved.
unsigned hoistMaps(CascadeOp cascade);

/// Makes one rank of those that are reduced together, of which tiles would hold
/// all but the first whole. Returns how many ranks it made.
unsigned joinRanks(CascadeOp cascade);

/// Returns the number of reductions past which factors moved.
unsigned deferDivisions(CascadeOp cascade);

/// What deriving a single-pass form came to: `rank` is null where the cascade
/// streams over nothing; with an obstacle it still computes what it did.
struct SinglePassDerivation {
  StringAttr rank;
  std::optional<StreamingAnalysis::Obstacle> obstacle;
  unsigned repairs = 0;
};

SinglePassDerivation deriveSinglePass(CascadeOp cascade);

/// Attaches the plan of the cascade's sparsity to its iterations.
LogicalResult attachPlan(CascadeOp cascade);

/// Attaches that of the walk that the mapping of a planned cascade says, and
/// makes none of attachPlan's remarks.
LogicalResult attachPlanOfMapping(CascadeOp cascade);

/// Says what of a token grid that is not cut into boxes rows visit in vain.
void remarkRowsOfGrid(CascadeOp cascade);

/// Gives a cascade its mapping, or takes it away, and its loops the plans of
/// the walk that follows.
LogicalResult setMapping(CascadeOp cascade, MappingAttr mapping);
LogicalResult removeMapping(CascadeOp cascade);

/// What fusing the einsums of a cascade has saved.
struct FusionCounts {
  unsigned inlined = 0, folded = 0;
};

FusionCounts fuseCascade(CascadeOp cascade);

} // namespace mlir::attn

#endif // ATTN_TRANSFORMS_TRANSFORMS_H
