//===- LoopNest.cpp - The loops of a mapped cascade, for people -----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExplainImpl.h"
#include "attn/Analysis/PassReport.h"
#include "attn/Analysis/SparsityPlan.h"
#include "attn/Analysis/TermRoles.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
/// Prints one loop nest.
class LoopNestPrinter {
public:
  LoopNestPrinter(raw_ostream &os, CascadeOp cascade, const CascadeWork &work,
                  const MachineModel &machine)
      : os(os), cascade(cascade), work(work), machine(machine), text(cascade),
        mapping(*cascade.getMapping()) {}

  void print();

private:
  /// A line of the nest: a statement, and where its result lives.
  void add(unsigned depth, const std::string &statement,
           const std::string &place = "", const std::string &bytes = "") {
    table.add({std::string(2 * depth, ' ') + statement, place, bytes});
  }
  void addEinsum(unsigned depth, EinsumOp einsum);
  ExtentFormula getTileBytes(EinsumOp einsum) const;
  std::string getPlace(EinsumOp einsum, const ExtentFormula &bytes) const;

  raw_ostream &os;
  CascadeOp cascade;
  const CascadeWork &work;
  const MachineModel &machine;
  CascadeText text;
  MappingAttr mapping;
  TextTable table;
};
} // namespace

/// Bytes of the part of an einsum's result that a work item holds.
ExtentFormula LoopNestPrinter::getTileBytes(EinsumOp einsum) const {
  Type element = einsum.getOutputType().getElementType();
  int64_t bits = isa<FloatType>(element)
                     ? getComputeType(element).getIntOrFloatBitWidth()
                 : element.isIntOrFloat() ? element.getIntOrFloatBitWidth()
                                          : 64;
  ExtentFormula bytes = ExtentFormula::constant(llvm::divideCeil(bits, 8));
  for (StringAttr rank : einsum.getOutputRanks()) {
    if (llvm::is_contained(mapping.getParallel(), rank))
      continue;
    if (rank == mapping.getLanes())
      bytes = bytes * ExtentFormula::constant(mapping.getLaneTiles().front());
    else
      bytes = bytes * ExtentFormula::symbol(getExtentSymbol(rank.getValue()));
  }
  return work.evaluate(bytes);
}

/// The level of the machine that holds so many bytes of one item.
std::string LoopNestPrinter::getPlace(EinsumOp einsum,
                                      const ExtentFormula &bytes) const {
  if (llvm::all_of(einsum.getResult().getUsers(), [&](Operation *user) {
        return isa<YieldOp>(user) && user->getParentOp() == cascade;
      }))
    return "memory";
  std::optional<double> size = bytes.getConstant();
  if (size && *size <= machine.l1Bytes / 4.0 * 3.0)
    return "first-level cache";
  if (size && *size <= machine.l2Bytes / 2.0)
    return "second-level cache";
  return "memory";
}

void LoopNestPrinter::addEinsum(unsigned depth, EinsumOp einsum) {
  ExtentFormula bytes = getTileBytes(einsum);
  add(depth, text.getNotation(einsum), getPlace(einsum, bytes),
      getBytesText(bytes));
}

/// The ranges of keys, or of `keys` alone, that a tile of rows visits.
static void printPlan(raw_ostream &os, PlanAttr plan, StringRef rank,
                      StringRef keys) {
  // The bounds are functions of the first and the last row of a tile.
  MLIRContext *context = plan.getContext();
  EinsumAccess names;
  for (StringRef row : {"first", "last"})
    names.ranks.push_back(StringAttr::get(context, row));
  llvm::append_range(names.extents, plan.getSymbols());
  // A value has a name at a point and one at each end of the tile.
  EinsumAccess pointNames;
  for (StringRef rank : {"m", "n"})
    pointNames.ranks.push_back(StringAttr::get(context, rank));
  pointNames.extents = names.extents;
  for (size_t index = 0; index < plan.getValues().size(); ++index) {
    std::string name = "V" + std::to_string(index + 1);
    pointNames.extents.push_back(StringAttr::get(context, name));
    for (StringRef end : {"_first", "_last"})
      names.extents.push_back(StringAttr::get(context, name + end.str()));
  }
  auto printAll = [&](StringRef function, AffineMap bounds,
                      const EinsumAccess &names) {
    bool several = bounds.getNumResults() > 1;
    if (several)
      os << function << "(";
    llvm::interleaveComma(bounds.getResults(), os, [&](AffineExpr bound) {
      printIndex(os, bound, names);
    });
    if (several)
      os << ")";
  };
  auto print = [&](StringRef function, AffineMap bounds) {
    printAll(function, bounds, names);
  };
  auto printRange = [&](StringRef what, AffineMap lower, AffineMap upper) {
    os << "    " << what << ": ";
    print("max", lower);
    os << " <= " << rank << " < ";
    print("min", upper);
    os << "\n";
  };
  os << "  " << keys << "for the rows first to last of a tile\n";
  for (auto [index, table] : llvm::enumerate(plan.getTables())) {
    os << "    " << PlanSymbols::getTable(index) << " by head: ";
    llvm::interleaveComma(table.asArrayRef(), os);
    os << "\n";
  }
  for (auto [index, value] : llvm::enumerate(plan.getValues())) {
    os << "    V" << index + 1 << " of a point: ";
    switch (value.kind) {
    case PointValueKind::Max:
      printAll("max", value.map, pointNames);
      break;
    case PointValueKind::Min:
      printAll("min", value.map, pointNames);
      break;
    case PointValueKind::PowerOfTwo:
      os << "the power of two up to ";
      printAll("", value.map, pointNames);
      break;
    }
    os << "\n";
  }
  ArrayRef<PlanPiece> pieces = plan.getPieces();
  for (auto [index, piece] : llvm::enumerate(pieces)) {
    if (pieces.size() > 1)
      os << "   part " << index + 1 << " of " << pieces.size() << "\n";
    printRange("live", piece.liveLower, piece.liveUpper);
    printRange("without a test", piece.fullLower, piece.fullUpper);
  }
}

/// Whether tensors say that one step holds every point.
static bool isCovering(CascadeOp cascade, IterateOp iterate) {
  llvm::MapVector<StringAttr, int64_t> extents = cascade.getRankExtents();
  auto *points = extents.find(iterate.getPointAttr());
  auto *all = extents.find(iterate.getParentAttr());
  return points != extents.end() && all != extents.end() &&
         !ShapedType::isDynamic(points->second) &&
         points->second == all->second;
}

/// Which keys the lists of a cascade, or a period, let a tile visit.
static StringRef getTokenWalk(const TermRoles &roles) {
  if (roles.periodic)
    return roles.listed
               ? ", those that come back with a period, and then ranges"
               : ", those that come back with a period";
  if (roles.list && !roles.cuts.empty())
    return roles.listed ? ", those of a list, and then ranges, in the parts "
                          "that other lists cut"
                        : ", those of a list, in the parts that others cut";
  if (roles.cuts.size() > 1)
    return ", in the parts that lists cut";
  if (!roles.cuts.empty())
    return ", those of a list and between them";
  return roles.listed ? ", those of a list, and then ranges"
                      : ", those of a list";
}

void LoopNestPrinter::print() {
  std::string loops = "parallel for ";
  for (StringAttr rank : mapping.getParallel())
    loops += rank.str() + ", ";
  loops += "tiles of " + std::to_string(mapping.getLaneTiles().front()) + " " +
           mapping.getLanes().str();
  if (cascade.getSpace().isPacked())
    loops += " of each segment";
  if (!mapping.getGridTile().empty()) {
    loops += ", boxes of ";
    llvm::raw_string_ostream stream(loops);
    llvm::interleave(mapping.getGridTile(), stream, " by ");
    loops += " on the grid";
  }
  if (mapping.getLaneTiles().size() > 1) {
    loops += " (at the end ";
    llvm::raw_string_ostream stream(loops);
    llvm::interleave(mapping.getLaneTiles().drop_front(), stream, " or ");
    loops += ")";
  }
  add(0, loops, "kept in", "bytes of an item");
  for (Operation &op : cascade.getBody().front().without_terminator()) {
    if (auto einsum = dyn_cast<EinsumOp>(op)) {
      addEinsum(1, einsum);
      continue;
    }
    auto iterate = dyn_cast<IterateOp>(op);
    if (!iterate)
      continue;
    std::string loop = "for " + iterate.getRank().str() + ": steps of " +
                       std::to_string(mapping.getStreamTile()) + " " +
                       iterate.getParent().str();
    if (iterate.getSplitRank())
      loop += " in split " + iterate.getSplitRank()->str() + " of " +
              std::to_string(*iterate.getSplitSize());
    TermRoles roles = getTermRoles(cascade);
    if (roles.periodic || roles.hasLists())
      loop += getTokenWalk(roles);
    else if (!mapping.getGridTile().empty())
      loop += roles.listed ? ", those in the windows of a box, and then ranges"
                           : ", those in the windows of a box";
    else if (iterate.getPlan())
      loop += ", those with a live point";
    if (isCovering(cascade, iterate))
      os << "  one step covers " << iterate.getParent()
         << ": its passes stay in the tile, and nothing is repaired\n";
    add(1, loop);
    iterate.getBody().walk([&](EinsumOp einsum) { addEinsum(2, einsum); });
  }
  table.print(os, 2);
  os << "  register tiles of " << mapping.getRowTile() << " by "
     << mapping.getLaneTiles().front() << "\n";
  cascade.getBody().walk([&](IterateOp iterate) {
    std::optional<PlanAttr> plan = iterate.getPlan();
    std::optional<PlanAttr> tokens = iterate.getTokenPlan();
    TermRoles roles = getTermRoles(cascade);
    bool walksTokens = roles.walksTokens();
    StringRef rank = iterate.getParent();
    if (plan && walksTokens && tokens)
      printPlan(os, *tokens, rank,
                roles.boxes      ? "in the windows of a box, "
                : roles.periodic ? "of those that come back with a period, "
                                 : "of those in a list, ");
    if (plan && (!walksTokens || roles.listed))
      printPlan(os, *plan, rank, walksTokens ? "in ranges, " : "");
  });
}

void attn::explainLoopNest(raw_ostream &os, CascadeOp mapped,
                           const CascadeWork &work,
                           const MachineModel &machine) {
  LoopNestPrinter(os, mapped, work, machine).print();
}

void attn::explainUnfused(raw_ostream &os, CascadeOp cascade,
                          const CascadeWork &work) {
  CascadeText text(cascade);
  TextTable table;
  table.add({"einsum by einsum, loops over all ranks", "kept in", "bytes"});
  for (const CascadeWork::Footprint &footprint : work.getFootprints())
    table.add(
        {"  " + text.getNotation(footprint.tensor.getDefiningOp<EinsumOp>()),
         "memory",
         getBytesText(
             work.evaluate(footprint.whole *
                           ExtentFormula::constant(footprint.elementBytes)))});
  table.print(os, 2);
}
