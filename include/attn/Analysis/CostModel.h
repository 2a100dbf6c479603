//===- CostModel.h - Choosing the mapping of a cascade ---------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A mapping follows from how a cascade uses its ranks and from a few numbers
// of the machine. docs/rationale/mapping.md explains the model.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ANALYSIS_COSTMODEL_H
#define ATTN_ANALYSIS_COSTMODEL_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// What the model knows of a machine. The defaults are those of a core with
/// AVX-512; they never come from the machine that compiles.
struct MachineModel {
  int64_t vectorRegisters = 32;
  int64_t vectorBits = 512;
  int64_t l1Bytes = 32 * 1024;
  int64_t l2Bytes = 1024 * 1024;
  /// What moves between the second and the first level in a cycle.
  int64_t l2BytesPerCycle = 32;
  /// Whether a unit of the CPU multiplies tiles of bf16 (AMX).
  bool hasMatrixUnit = false;
  /// Memory that the threads of a block share, 0 for a CPU. Lanes are threads
  /// then, and scratch lies there.
  int64_t sharedBytes = 0;
  /// Whether instructions multiply pairs of bf16.
  bool hasPairs = false;
  /// Fused multiply-adds of whole vectors that begin in a cycle.
  int64_t vectorMultiplies = 2;
};

/// Vectors along the lanes of a register tile; wider lane tiles are several.
inline constexpr int64_t kRegisterTileVectors = 3;

/// What a matrix unit of a CPU (AMX) takes at a time: rows of bf16, each of so
/// many points of the sum, and as many lanes of f32 as rows.
inline constexpr int64_t kMatrixTileRows = 16, kMatrixTilePoints = 32;

/// Whether the cascade sums products of a tensor of bf16, which such a unit may
/// take.
bool multipliesBf16(CascadeOp cascade);

/// Parts of a mapping that are given; the model chooses the others.
struct MappingOverrides {
  SmallVector<int64_t> laneTiles;
  /// Tokens of a tile of a grid on each axis; one 0 for no tiles of a grid.
  SmallVector<int64_t> gridTile;
  std::optional<int64_t> streamTile;
  std::optional<int64_t> rowTile;
  /// Names of the parallel ranks and of the lanes.
  SmallVector<std::string> order;
};

/// The roles of a cascade's ranks.
struct RankRoles {
  /// The rank whose points lie side by side in registers; null if none can.
  StringAttr lanes;
  /// Ranks of independent work items, in the order of the results.
  SmallVector<StringAttr> parallel;
  /// Whether `lanes` is a rank of few points that is cut into tiles, and each
  /// einsum has lanes of its own.
  bool innerLanes = false;
  /// How many points such a tile has.
  int64_t tileRows = 0;
};

/// `stream` is the rank over which a plain cascade will iterate, if it is
/// known: the roles are those of the form to come.
RankRoles assignRankRoles(CascadeOp cascade, StringAttr stream = {});

/// The roles where few rows claim the lanes: what an item streams is read for
/// all rows that share it, and each einsum has lanes of its own. None where
/// there are more rows, or their number is not known.
std::optional<RankRoles> assignFewRows(CascadeOp cascade);

/// What splits have a multiple of, so that steps divide them.
inline constexpr int64_t kSplitUnit = 16;

/// What an option for splits may be, and what it says: a number of points, 0
/// for the model's choice, -1 for no splits, or nothing where it is wrong.
inline constexpr StringLiteral kSplitValues =
    "auto, none or a positive multiple of 16";
std::optional<int64_t> parseSplit(StringRef text);

/// Points of the stream in an item of its own, 0 for all of them, and what
/// keeps a stream from being split.
struct SplitChoice {
  int64_t points = 0;
  std::string obstacle;
};

/// Whether a derived cascade has too few items for its machine, which splits of
/// its stream could fill. `wanted` points are those that a user asks for.
SplitChoice chooseSplit(CascadeOp cascade, const MachineModel &machine,
                        int64_t wanted);

/// Bytes that one work item of a cascade touches in a step of its iteration.
struct WorkingSet {
  /// The largest intermediate over lanes and points, per point of the step.
  int64_t scorePerPoint = 0;
  /// That, and the streamed inputs, per point of the step.
  int64_t perPoint = 0;
  /// Everything that stays from step to step: the lanes' own inputs and the
  /// carried tensors.
  int64_t resident = 0;
  /// The largest streamed input in the type that it is computed with, per point
  /// of the step.
  int64_t inputPerPoint = 0;
};

WorkingSet getWorkingSet(CascadeOp cascade, const RankRoles &roles,
                         int64_t laneTile);

/// The part of it for which attn-tile-cascade lays out scratch, in the types
/// that it computes in: no input that is read in place.
WorkingSet getScratchSet(CascadeOp cascade, const RankRoles &roles,
                         int64_t laneTile);

/// Lanes and points of a step for the scratch that a block shares.
struct BlockTiles {
  int64_t lanes, points;
};

/// The most lanes of which two blocks fit on a multiprocessor beside each
/// other, as far as warps stay whole, else one; then the most points that still
/// fit. More lanes share what a block reads from the stream.
BlockTiles chooseBlockTiles(CascadeOp cascade, const RankRoles &roles,
                            const MachineModel &machine);

/// Whether the steps of `cascade` multiply tiles of bf16 or f16 whose extents
/// fit matrix products, so that tensor cores may take them.
bool multipliesMatrices(CascadeOp cascade);

/// Those for tensor cores, where a cascade's steps multiply tiles of bf16 or
/// f16 whose extents fit matrix products: the most lanes, then the most points,
/// whose tiles fit the registers of their threads and the shared memory of a
/// block.
std::optional<BlockTiles> chooseWarpTiles(CascadeOp cascade,
                                          const RankRoles &roles,
                                          const MachineModel &machine);

/// Points per step such that the intermediate stays in the first level of
/// cache and the working set in the second; with `innerLanes` each streamed
/// input in the first, too. Steps of products of a matrix unit are longer.
int64_t chooseStreamTile(const WorkingSet &set, const MachineModel &machine,
                         bool innerLanes = false, bool usesMatrixUnit = false,
                         bool usesPairs = false);

/// Accumulator rows of a register tile `laneTile` lanes wide.
int64_t chooseRowTile(int64_t laneTile, int64_t elementBits,
                      const MachineModel &machine);

/// The mapping of `cascade`, null if no rank can be lanes. Overrides that no
/// mapping can have are reported through `emitError`.
FailureOr<MappingAttr>
chooseMapping(CascadeOp cascade, const MachineModel &machine,
              const MappingOverrides &overrides,
              function_ref<InFlightDiagnostic()> emitError);

} // namespace mlir::attn

#endif // ATTN_ANALYSIS_COSTMODEL_H
