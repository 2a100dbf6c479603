//===- PassReport.cpp - Passes and work of a cascade, for people ----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/PassReport.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"

using namespace mlir;
using namespace mlir::attn;

std::string attn::getBytesText(const ExtentFormula &bytes) {
  std::optional<double> value = bytes.getConstant();
  if (!value)
    return bytes.str();
  std::string text;
  llvm::raw_string_ostream os(text);
  printCount(os, *value);
  static constexpr StringRef units[] = {"KiB", "MiB", "GiB", "TiB"};
  double scaled = *value;
  int unit = -1;
  for (; scaled >= 1024.0 && unit < 3; ++unit)
    scaled /= 1024.0;
  if (unit >= 0)
    os << llvm::format(" (%.1f ", scaled) << units[unit] << ")";
  return text;
}

/// All einsums and iterations, in the order of the text.
static SmallVector<Operation *> getOperations(CascadeOp cascade) {
  SmallVector<Operation *> operations;
  cascade.getBody().walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (isa<EinsumOp, IterateOp>(op))
      operations.push_back(op);
  });
  return operations;
}

static void printCause(raw_ostream &os, const PassCount::Cause &cause,
                       const CascadeText &text) {
  auto print = [&](Operation *op) {
    os << text.getShort(op) << " (" << getLocationText(op->getLoc()) << ")";
  };
  os << "      forced by ";
  print(cause.reader);
  os << "\n        which needs the whole of ";
  print(cause.traversal);
  if (Operation *needed = cause.needed.getDefiningOp();
      needed && needed != cause.traversal) {
    os << "\n        through ";
    print(needed);
  }
  os << "\n";
}

static void printTensors(raw_ostream &os, const PassCount &count,
                         const CascadeText &text) {
  TextTable table;
  table.add({"tensor", "made in", "read in", "passes over it"});
  for (const PassCount::Tensor &tensor : count.getTensors()) {
    std::string reads = llvm::join(
        llvm::map_range(tensor.readIn,
                        [](int64_t pass) { return std::to_string(pass); }),
        ", ");
    table.add({text.getName(tensor.value),
               tensor.madeIn ? std::to_string(tensor.madeIn) : "input",
               reads.empty() ? "-" : reads, std::to_string(tensor.count)});
  }
  table.print(os, 4);
}

void attn::printPasses(raw_ostream &os, const CascadeWork &work,
                       const CascadeText &text, CascadeOp cascade) {
  SmallVector<Operation *> operations = getOperations(cascade);
  for (const PassCount &count : work.getPasses()) {
    os << "  rank " << count.getRank().getValue() << ": " << count.getCount()
       << (count.getCount() == 1 ? " pass" : " passes");
    if (IterateOp iterate = count.getStepOf())
      os << " in each step of " << iterate.getParent();
    os << "\n";
    for (int64_t pass = 1; pass <= count.getCount(); ++pass) {
      os << "    pass " << pass << ": ";
      llvm::interleave(
          llvm::make_filter_range(
              operations,
              [&](Operation *op) { return count.getPass(op) == pass; }),
          os, [&](Operation *op) { os << text.getShort(op); }, "; ");
      os << "\n";
      if (pass > 1)
        printCause(os, count.getCause(pass), text);
    }
    printTensors(os, count, text);
  }
}

void attn::printFootprints(raw_ostream &os, const CascadeWork &work,
                           const CascadeText &text) {
  os << "  live at a time";
  if (!work.getCommonRanks().empty()) {
    os << ", for one point of (";
    llvm::interleave(
        work.getCommonRanks(), os,
        [&](StringAttr rank) { os << rank.getValue(); }, ", ");
    os << ")";
  }
  os << "\n";
  TextTable table;
  table.add({"tensor", "elements", "bytes"});
  ExtentFormula total;
  for (const CascadeWork::Footprint &footprint : work.getFootprints()) {
    ExtentFormula bytes = work.evaluate(footprint.getLiveBytes());
    total += bytes;
    std::string note;
    if (footprint.crosses)
      note = "read again in a later pass over " + footprint.crosses.str();
    else if (footprint.isResult)
      note = "result";
    table.add({text.getShort(footprint.tensor.getDefiningOp()),
               footprint.live.str(), getBytesText(bytes), note});
  }
  table.add({"together", "", getBytesText(total)});
  table.print(os, 4);
}

void attn::printWork(raw_ostream &os, const CascadeWork &work,
                     CascadeOp cascade) {
  TextTable table;
  auto add = [&](StringRef name, const ExtentFormula &formula, bool isBytes) {
    ExtentFormula value = work.evaluate(formula);
    table.add({name.str(), isBytes ? getBytesText(value) : value.str()});
  };
  add("operations", work.getFlops(), false);
  add("  multiply-accumulates", work.getContractionFlops(), false);
  add("  elementary functions", work.getFunctions(), false);
  add("bytes moved, passes fused", work.getFusedBytes(), true);
  if (work.getSpilledBytes().str() != work.getFusedBytes().str())
    add("  and kept between passes", work.getSpilledBytes(), true);
  add("bytes moved, einsum by einsum", work.getUnfusedBytes(), true);
  if (cascade.hasSpace()) {
    std::string plane = ("live points of (" + *cascade.getQueryRank() + ", " +
                         *cascade.getKeyRank() + ")")
                            .str();
    std::string value;
    llvm::raw_string_ostream os(value);
    std::optional<LivePoints> live = work.getLivePoints();
    std::optional<int64_t> all = work.getPlanePoints();
    if (live && all) {
      os << (live->isExact ? "" : "at most ") << live->count << " of " << *all;
      if (*all > 0)
        os << llvm::format(", %.4g%%", 100.0 * live->count / *all);
    } else if (all && cascade.getSpace().isPacked()) {
      os << "live, by the segments of a call";
    } else if (all && !cascade.getSpace().getLists().empty()) {
      os << "live, by the lists of a call";
    } else if (all && cascade.getSpace().hasPointAtoms()) {
      os << "live, by the mask or the predicate of a call";
    } else if (all && cascade.getSpace().getPerHead()) {
      os << "live: heads differ too much to be counted";
    } else if (all) {
      os << "live: no plan of this sparsity";
    } else {
      os << "live, by the sizes of " << getExtentSymbol(*cascade.getQueryRank())
         << " and " << getExtentSymbol(*cascade.getKeyRank());
    }
    table.add({plane, value});
  }
  table.print(os, 2);
}
