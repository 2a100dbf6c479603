//===- WarpTiles.cpp - Tiles for the matrix products of warps -------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// With tensor cores a block is bound by what its warps load from shared memory
// for each product: 32 lanes of a warp load half as much for each as 16 do.
// What limits them are registers: a thread holds a 32nd of the warp's part of
// every carried tensor and of the scores of a step.
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/CascadeUtils.h"
#include "attn/Analysis/CostModel.h"
#include "attn/Analysis/TermRoles.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
/// What the products of a cascade's steps hold, in columns of one lane or of
/// one point of the step.
struct ProductColumns {
  /// Of the lanes' own operands, in shared memory.
  int64_t lanes = 0;
  /// Of what the steps copy, in shared memory.
  int64_t streamed = 0;
  /// Of carried tensors, in registers.
  int64_t carried = 0;
};
} // namespace

/// Registers of a thread for tiles; the rest is for addresses and operands.
/// Masked steps need more of these, and ptxas stores some numbers of the loop
/// before it; fewer points, which avoid that, are slower all the same.
static constexpr int64_t kTileRegisters = 200;

/// Whether a product may multiply `input` in 16 bits: an operand of the
/// cascade, or what a map computes in that type.
static bool isMatrixInput(CascadeOp cascade, Value input) {
  Type element = getElementTypeOrSelf(input.getType());
  if (!element.isBF16() && !element.isF16())
    return false;
  if (auto argument = dyn_cast<BlockArgument>(input))
    return argument.getOwner()->getParentOp() == cascade;
  auto map = input.getDefiningOp<EinsumOp>();
  return map && !map.getReduction();
}

/// More than registers and shared memory hold.
static constexpr int64_t kMostColumns = int64_t(1) << 30;

/// The product of the extents of `ranks` without lanes, 0 if one is unknown.
static int64_t
countColumns(ArrayRef<StringAttr> ranks, const RankRoles &roles,
             const llvm::MapVector<StringAttr, int64_t> &extents) {
  int64_t columns = 1;
  for (StringAttr rank : ranks)
    if (rank != roles.lanes && !llvm::is_contained(roles.parallel, rank))
      columns =
          multiplyExtents(columns, std::max<int64_t>(extents.lookup(rank), 0));
  return std::min(columns, kMostColumns);
}

static std::optional<ProductColumns> getColumns(CascadeOp cascade,
                                                const RankRoles &roles) {
  constexpr int64_t kDepth = 16, kWidth = 8;
  llvm::MapVector<StringAttr, int64_t> extents = cascade.getRankExtents();
  llvm::SmallDenseSet<StringAttr> streaming;
  cascade.getBody().walk([&](IterateOp loop) {
    streaming.insert(loop.getRankAttr());
    streaming.insert(loop.getPointAttr());
  });
  ProductColumns columns;
  bool isFit = true;
  llvm::SmallDenseSet<Value> counted;
  auto count = [&](Value input, int64_t &sum, int64_t extent) {
    if (counted.insert(input).second)
      sum += extent;
  };
  cascade.getBody().walk([&](EinsumOp einsum) {
    SmallVector<StringAttr> reduced = einsum.getReduced();
    if (!einsum->getParentOfType<IterateOp>() ||
        einsum.getReduction() != ReductionKind::Add || reduced.empty() ||
        einsum.getInputs().size() != 2 ||
        !isa_and_nonnull<arith::MulFOp>(einsum.getSingleMapOp()))
      return;
    unsigned right = einsum.inputUsesRank(0, roles.lanes) ? 1 : 0;
    if (einsum.inputUsesRank(right, roles.lanes) ||
        !einsum.inputUsesRank(1 - right, roles.lanes) ||
        !isMatrixInput(cascade, einsum.getInputs()[right]))
      return;
    // Matrices have one rank for their depth and one for their columns.
    isFit &= reduced.size() == 1 &&
             llvm::count_if(einsum.getOutputRanks(), [&](StringAttr rank) {
               return rank != roles.lanes &&
                      !llvm::is_contained(roles.parallel, rank);
             }) == 1;
    // A map reads a copy of its operand beside what it computes.
    int64_t tiles = einsum.getInputs()[right].getDefiningOp() ? 2 : 1;
    if (streaming.contains(reduced.front())) {
      int64_t width = countColumns(einsum.getOutputRanks(), roles, extents);
      isFit &= width > 0 && width % kWidth == 0;
      count(einsum.getInputs()[right], columns.streamed, tiles * width);
      return;
    }
    int64_t depth = extents.lookup(reduced.front());
    isFit &= depth > 0 && depth % kDepth == 0;
    depth = std::min(depth, kMostColumns);
    count(einsum.getInputs()[right], columns.streamed, tiles * depth);
    count(einsum.getInputs()[1 - right], columns.lanes, depth);
  });
  if (!isFit || counted.empty())
    return std::nullopt;
  cascade.getBody().walk([&](IterateOp loop) {
    for (Value carried : loop.getYielded())
      if (auto einsum = carried.getDefiningOp<EinsumOp>())
        columns.carried +=
            countColumns(einsum.getOutputRanks(), roles, extents);
  });
  return columns;
}

bool attn::multipliesMatrices(CascadeOp cascade) {
  return getColumns(cascade, assignRankRoles(cascade)).has_value();
}

/// Whether some term of the sparsity is tested as it stands.
static bool testsPoints(CascadeOp cascade) {
  TermRoles roles = getTermRoles(cascade);
  return !roles.terms.tested.empty() ||
         (roles.listed && !roles.listed->tested.empty());
}

std::optional<BlockTiles> attn::chooseWarpTiles(CascadeOp cascade,
                                                const RankRoles &roles,
                                                const MachineModel &machine) {
  constexpr int64_t kBytes = 2, kPadding = 8, kWarpThreads = 32, kFewest = 16;
  // Bytes that a thread copies in a step: 16 at a time, 32 times.
  constexpr int64_t kMostCopied = 512;
  // What a test computes for a point takes registers, too.
  constexpr int64_t kMostTested = 32;
  bool isTested = testsPoints(cascade);
  std::optional<ProductColumns> columns = getColumns(cascade, roles);
  if (!columns)
    return std::nullopt;
  int64_t extent = cascade.getRankExtents().lookup(roles.lanes);
  struct Choice {
    int64_t lanes, warpLanes;
  };
  for (Choice choice : {Choice{128, 32}, Choice{64, 16}})
    for (int64_t points : {64, 32, 16}) {
      if (isTested && points > kMostTested)
        continue;
      int64_t registers =
          choice.warpLanes * (columns->carried + points) / kWarpThreads;
      int64_t bytes = kBytes * (choice.lanes * (columns->lanes + kPadding) +
                                points * (columns->streamed + 2 * kPadding));
      if (registers > kTileRegisters || bytes > machine.sharedBytes)
        continue;
      while (extent > 0 && choice.lanes >= 2 * extent && choice.lanes > kFewest)
        choice.lanes /= 2;
      // Few warps copy fewer points at a time, and more blocks fit. Blocks of
      // less than 128 lanes have warps of 16.
      int64_t warps =
          choice.lanes / (choice.lanes < 128 ? kFewest : choice.warpLanes);
      while (points > kFewest && points * columns->streamed * kBytes >
                                     kMostCopied * warps * kWarpThreads)
        points /= 2;
      return BlockTiles{choice.lanes, points};
    }
  return std::nullopt;
}
