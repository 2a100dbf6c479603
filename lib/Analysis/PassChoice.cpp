//===- PassChoice.cpp - One pass, or several over a tile ------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/PassChoice.h"
#include "attn/Analysis/CascadeUtils.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
/// Cycles of one vector: a load and a store of it from the first level of
/// cache, and an elementary function.
constexpr double kMoveCycles = 2.0, kFunctionCycles = 12.0;

/// What a cascade carries, per point of the lanes.
struct Carried {
  int64_t elements = 0;
  int64_t repaired = 0;
  int64_t corrections = 0;
};
} // namespace

static Carried getCarried(CascadeOp cascade, const StreamingAnalysis &analysis,
                          const RankRoles &roles) {
  Carried carried;
  llvm::MapVector<StringAttr, int64_t> extents = cascade.getRankExtents();
  std::vector<Correction> corrections;
  for (auto einsum : cascade.getBody().front().getOps<EinsumOp>()) {
    if (analysis.getRole(einsum) != StreamingAnalysis::Role::Reduction)
      continue;
    int64_t elements = 1;
    for (StringAttr rank : einsum.getOutputRanks())
      if (rank != roles.lanes && !llvm::is_contained(roles.parallel, rank))
        elements = multiplyExtents(
            elements, std::max<int64_t>(1, getExtent(extents, rank)));
    carried.elements += elements;
    const Change &change = analysis.getChange(einsum);
    if (change.isFixed())
      continue;
    carried.repaired += elements;
    for (const CorrectionPower &power : change.powers)
      if (!llvm::is_contained(corrections, power.correction))
        corrections.push_back(power.correction);
  }
  carried.corrections = corrections.size();
  return carried;
}

/// Einsums of the step that read a tensor over its points.
static int64_t countTileReads(CascadeOp single) {
  int64_t reads = 0;
  single.getBody().walk([&](IterateOp iterate) {
    for (auto einsum : iterate.getBody().getOps<EinsumOp>())
      for (Value input : einsum.getInputs())
        if (auto producer = input.getDefiningOp<EinsumOp>())
          reads += llvm::is_contained(producer.getOutputRanks(),
                                      iterate.getPointAttr());
  });
  return reads;
}

PassChoice attn::comparePassForms(CascadeOp cascade,
                                  const StreamingAnalysis &analysis,
                                  CascadeOp single,
                                  const MachineModel &machine) {
  PassChoice choice;
  choice.extent = getExtent(cascade.getRankExtents(), analysis.getRank());
  std::string rank = "'" + analysis.getRank().str() + "'";
  if (ShapedType::isDynamic(choice.extent)) {
    choice.obstacle = "the extent of " + rank +
                      " is not known when the kernel is compiled, so no step "
                      "is sure to cover it";
    return choice;
  }
  if (choice.extent == 0) {
    choice.obstacle = rank + " has no point";
    return choice;
  }
  if (std::optional<MappingAttr> mapping = cascade.getMapping();
      mapping && mapping->getStreamTile() != choice.extent) {
    choice.streamTile = mapping->getStreamTile();
    choice.obstacle = "the mapping has steps of " +
                      std::to_string(choice.streamTile) + " points of " + rank;
    return choice;
  }
  CascadeSpace space = cascade.getSpace();
  if (space.keyRank == analysis.getRank() && !space.getLists().empty()) {
    choice.obstacle = "steps over " + rank +
                      " begin where the entries of its lists do, so that "
                      "there may be several";
    return choice;
  }
  RankRoles roles = assignRankRoles(single);
  if (!roles.lanes) {
    choice.obstacle = "no rank of the cascade can be lanes";
    return choice;
  }
  constexpr int64_t kLaneTile = 48;
  WorkingSet set = getWorkingSet(single, roles, kLaneTile);
  choice.streamTile = chooseStreamTile(set, machine);
  Carried carried = getCarried(cascade, analysis, roles);
  if (set.scorePerPoint == 0 || carried.repaired == 0) {
    choice.obstacle = "nothing is repaired in a single pass over " + rank;
    return choice;
  }
  if (llvm::MulOverflow(choice.extent, set.scorePerPoint, choice.tileBytes) ||
      choice.tileBytes > machine.l2Bytes / 2) {
    choice.obstacle = "the tile of every point of " + rank + " takes " +
                      std::to_string(choice.tileBytes) +
                      " bytes, more than half of the second level of cache (" +
                      std::to_string(machine.l2Bytes) + " bytes)";
    return choice;
  }
  choice.isPossible = true;

  // Every step moves what is carried, and repairs it.
  int64_t bits = machine.vectorBits;
  double vectors = llvm::divideCeil(kLaneTile * 32, bits);
  double steps = llvm::divideCeil(choice.extent, choice.streamTile);
  double move = carried.elements * kMoveCycles * vectors;
  double repair =
      (carried.repaired * kMoveCycles + carried.corrections * kFunctionCycles) *
      vectors;
  choice.singleCycles = steps * (move + repair);
  choice.severalCycles = move;
  if (choice.tileBytes > machine.l1Bytes / 4 * 3)
    choice.severalCycles += static_cast<double>(choice.tileBytes) *
                            (1 + countTileReads(single)) /
                            machine.l2BytesPerCycle;
  return choice;
}
