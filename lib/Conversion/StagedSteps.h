//===- StagedSteps.h - What steps of a loop may make ahead ------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which copies and tables of a loop's steps follow from the number of the step
// alone, so that attn-stage-copies may make those of a later one ahead.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_STAGEDSTEPS_H
#define ATTN_LIB_CONVERSION_STAGEDSTEPS_H

#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::attn {

/// Where a buffer of an item lies in shared memory, and its type.
using StagePlace = std::pair<int64_t, Type>;

/// The place of a view at a constant distance, or of the one that `memref` is a
/// part of.
std::optional<StagePlace> getStagePlace(memref::ViewOp view);
std::optional<StagePlace> getStagePlace(Value memref);

/// The copies of a loop's steps to one place, equal in all branches of a step.
struct StepCopy {
  StagePlace place;
  SmallVector<TileEinsumOp> copies;
};

/// A table that steps compute in one place, in all branches or in some.
struct StepTable {
  StagePlace place;
  SmallVector<TileEinsumOp> writers;
  /// Where those of three steps lie.
  int64_t ring = 0;
};

/// The branch that is all that a step of `loop` does, where steps without live
/// points do nothing; null where there is none.
scf::IfOp getLiveStep(scf::ForOp loop);

/// Whether `einsum` copies a tile of a tensor, without the rank of the lanes,
/// that nobody copies ahead yet.
bool isTileCopy(TileEinsumOp einsum, StringAttr lanes);

/// The tables that steps of `loop` compute, each in a place of its own. Nobody
/// minds one that a branch would not have computed.
SmallVector<StepTable> findStepTables(scf::ForOp loop);

/// The copies that every iteration of `loop` makes, if it is one with live
/// points, each to a place of its own, of what is known a step ahead: `tables`
/// are.
SmallVector<StepCopy> findStepCopies(scf::ForOp loop, StringAttr lanes,
                                     ArrayRef<StepTable> tables);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_STAGEDSTEPS_H
