//===- RowTiles.h - How rows are cut into tiles -----------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A longer tile of rows takes less time for a key, and sees keys that fewer of
// its rows do: what the sparsity says decides. docs/rationale/mapping.md has
// the figures.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_ANALYSIS_ROWTILES_H
#define ATTN_LIB_ANALYSIS_ROWTILES_H

#include "attn/Analysis/CostModel.h"

namespace mlir::attn {

/// The lane tiles of a mapping for a CPU, and its boxes of a token grid.
struct RowTiles {
  SmallVector<int64_t> lanes, grid;
};

/// Those in which a row of the cascade takes the least time; the widest float
/// that it computes in has `elementBits`.
RowTiles chooseRowTiles(CascadeOp cascade, const RankRoles &roles,
                        const MachineModel &machine, int64_t elementBits,
                        bool usesMatrixUnit);

/// The tile of the cascade's token grid, if there is one, in which a row takes
/// the least time where a block of threads has room for `lanes` rows; none
/// where that is in rows as they lie.
SmallVector<int64_t> chooseBlockGrid(CascadeOp cascade, int64_t lanes);

/// Points of a step where steps without live points are left out: `streamTile`
/// or fewer, of which fewer may be dead.
int64_t chooseRunTile(CascadeOp cascade, int64_t streamTile, int64_t rows);

} // namespace mlir::attn

#endif // ATTN_LIB_ANALYSIS_ROWTILES_H
