//===- PrintPasses.cpp - Show the passes of cascades ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/PassCount.h"
#include "attn/Transforms/Passes.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNPRINTPASSES
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// `[b,m,n] reduce max(n)`: enough to find an einsum again in the text.
static void printShort(raw_ostream &os, Operation *op) {
  auto printRanks = [&](ArrayRef<StringAttr> ranks) {
    llvm::interleave(
        ranks, os, [&](StringAttr rank) { os << rank.getValue(); }, ",");
  };
  if (auto iterate = dyn_cast<IterateOp>(op)) {
    os << "iterate " << iterate.getRank() << " of " << iterate.getParent();
    return;
  }
  auto einsum = cast<EinsumOp>(op);
  os << "[";
  printRanks(einsum.getOutputRanks());
  os << "]";
  if (einsum.getReduction()) {
    os << " reduce " << stringifyReductionKind(*einsum.getReduction()) << "(";
    printRanks(einsum.getReduced());
    os << ")";
  }
}

/// Bytes of a tensor as a product of its extents, `4*B*M*N`.
static void printBytes(raw_ostream &os, EinsumOp einsum) {
  ShapedType type = einsum.getOutputType();
  int64_t factor =
      llvm::divideCeil(type.getElementType().getIntOrFloatBitWidth(), 8);
  std::string symbols;
  for (auto [rank, size] : llvm::zip(einsum.getOutputRanks(), type.getShape()))
    if (!ShapedType::isDynamic(size))
      factor *= size;
    else
      symbols += "*" + rank.getValue().upper();
  os << factor << symbols;
}

static void printCascade(raw_ostream &os, CascadeOp cascade) {
  os << "cascade at " << cascade.getLoc() << "\n";
  llvm::DenseMap<Operation *, unsigned> numbers;
  for (Operation &op : cascade.getBody().front().without_terminator())
    if (isa<EinsumOp, IterateOp>(op))
      numbers[&op] = numbers.size() + 1;
  auto printNumbered = [&](Operation *op) {
    os << "#" << numbers.lookup(op) << " ";
    printShort(os, op);
  };
  for (const PassCount &passes : PassCount::getAll(cascade)) {
    os << "  rank " << passes.getRank().getValue() << ": " << passes.getCount()
       << (passes.getCount() == 1 ? " pass" : " passes") << "\n";
    for (int64_t pass = 1; pass <= passes.getCount(); ++pass) {
      os << "    pass " << pass << ":";
      for (Operation &op : cascade.getBody().front().without_terminator())
        if (passes.getPass(&op) == pass) {
          os << " ";
          printNumbered(&op);
          os << ";";
        }
      os << "\n";
      if (pass == 1)
        continue;
      PassCount::Cause cause = passes.getCause(pass);
      os << "      forced by ";
      printNumbered(cause.reader);
      os << ", which needs the whole of ";
      printNumbered(cause.needed.getDefiningOp());
      os << "\n";
    }
    for (Value tensor : passes.getRereadTensors())
      if (auto einsum = tensor.getDefiningOp<EinsumOp>()) {
        os << "    live across passes: ";
        printNumbered(einsum);
        os << ", ";
        printBytes(os, einsum);
        os << " bytes\n";
      }
  }
}

namespace {
struct PrintPassesPass
    : public attn::impl::AttnPrintPassesBase<PrintPassesPass> {
  void runOnOperation() override {
    getOperation()->walk(
        [](CascadeOp cascade) { printCascade(llvm::errs(), cascade); });
    markAllAnalysesPreserved();
  }
};
} // namespace
