//===- FusedForm.h - What the fused form takes ------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_FUSEDFORM_H
#define ATTN_CONVERSION_FUSEDFORM_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// Function attribute with the mapping's row tile, which attn-tile-cascade
/// leaves for attn-lower-einsums.
inline constexpr StringLiteral kRowTileAttrName = "attn.row_tile";
/// Function attributes with the rank that the lanes of an item are points of
/// and with their number, which attn-tile-cascade leaves for
/// attn-map-to-threads.
inline constexpr StringLiteral kLanesAttrName = "attn.lanes";
inline constexpr StringLiteral kLaneTileAttrName = "attn.lane_tile";
/// Attribute of an einsum on tiles, from attn-map-to-threads for
/// attn-lower-einsums: the names of the result ranks whose points the threads
/// of a block share out. All other loops are each thread's own.
inline constexpr StringLiteral kThreadRanksAttrName = "attn.thread_ranks";
/// Function attribute: the threads of the block that runs it.
inline constexpr StringLiteral kBlockThreadsAttrName = "attn.block_threads";
/// Attribute of a kernel of a GPU, from attn-map-to-blocks for
/// attn-lower-threads: how many of its blocks a multiprocessor is to hold.
inline constexpr StringLiteral kResidentBlocksAttrName = "attn.resident_blocks";
/// More blocks than that no multiprocessor holds (CUDA C++ Programming Guide).
inline constexpr int64_t kMostResidentBlocks = 32;
/// Function attribute, from attn-map-to-warps: the lanes that a warp takes, as
/// rows of matrix products.
inline constexpr StringLiteral kWarpLanesAttrName = "attn.warp_lanes";
/// Attribute of a buffer whose numbers the threads of the block hold in
/// registers, from attn-map-to-warps: "row_vector" or "accumulator", or
/// "uniform" for a number that each of them has.
inline constexpr StringLiteral kLayoutAttrName = "attn.layout";
inline constexpr StringLiteral kUniformLayout = "uniform";
/// Attribute of an einsum on tiles, from attn-tile-cascade with `warps` for
/// attn-map-to-warps: bf16 or f16, the type of the tensor that the map computes
/// a tile of, which its numbers may be rounded to (spec, NU-3).
inline constexpr StringLiteral kElementAttrName = "attn.element";
/// Unit attribute of an einsum that copies the points of a step, from
/// attn-tile-cascade with `warps`: products read the whole tile, and zeros
/// stand where the step has no points.
inline constexpr StringLiteral kFilledAttrName = "attn.filled";
/// Unit attribute of a loop over the lanes of an item, from attn-map-to-warps:
/// each thread runs it for the lanes whose rows it holds.
inline constexpr StringLiteral kRowLoopAttrName = "attn.row_loop";
/// Unit attribute of a sum over the columns of a tile, from
/// attn-defer-row-sums: each thread sums the columns that it holds.
inline constexpr StringLiteral kThreadSumAttrName = "attn.thread_sum";
/// Unit attribute of an einsum on such sums, in place: those of the threads of
/// a row become theirs.
inline constexpr StringLiteral kJoinThreadsAttrName = "attn.join_threads";
/// Unit attribute of a comparison of integers in a map: no sum of its sides
/// wraps around, nor does their difference.
inline constexpr StringLiteral kExactTestAttrName = "attn.exact";
/// Unit attribute of an einsum that copies a tile to shared memory: the copy is
/// under way until the block waits for it.
inline constexpr StringLiteral kAsyncAttrName = "attn.async";
/// Unit attribute of a branch of a step, from attn-tile-cascade for
/// attn-specialize-steps: it is taken where every point of the step is live,
/// and the other one, which tests points, computes any step.
inline constexpr StringLiteral kUntestedAttrName = "attn.untested";
/// Unit attribute of the branch that is all a step of a loop does, from
/// attn-tile-cascade for the passes of warps: it is taken where a point of the
/// step may be live.
inline constexpr StringLiteral kLiveStepAttrName = "attn.live_step";
/// Unit attribute of a loop in front of an einsum, from attn-tile-cascade for
/// attn-lower-einsums: it asks memory for what is read later, and may run a
/// part at a time, while the einsum sums.
inline constexpr StringLiteral kRequestsAttrName = "attn.requests";

/// Attribute of an einsum that sums products of pairs, from attn-pair-products
/// for attn-lower-einsums: the rank of the two points of a pair.
inline constexpr StringLiteral kPairsAttrName = "attn.pairs";
/// Unit attribute of such an einsum, and of one that copies an operand of it:
/// their extents are whole tiles of a matrix unit, which may do the sum.
inline constexpr StringLiteral kMatrixTilesAttrName = "attn.matrix_tiles";
/// Unit attribute of an einsum that copies pairs of rows, from
/// attn-pair-products: nothing reads these rows of its operand any more.
inline constexpr StringLiteral kLastReaderAttrName = "attn.last_reader";
/// Unit attribute of an einsum that few steps run, a copy that others find:
/// its code is shared with others of its kind.
inline constexpr StringLiteral kSeldomAttrName = "attn.seldom";

/// Whether attn-tile-cascade can turn a mapped cascade into loops. Where it
/// cannot, says which operation stops it and why through `emit`, at a severity
/// of the caller's choice.
LogicalResult
checkFusedCascade(CascadeOp cascade,
                  function_ref<InFlightDiagnostic(Operation *)> emit);

} // namespace mlir::attn

#endif // ATTN_CONVERSION_FUSEDFORM_H
