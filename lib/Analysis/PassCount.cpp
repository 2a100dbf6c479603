//===- PassCount.cpp - The passes a cascade makes over a rank -------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/PassCount.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mlir::attn;

bool PassCount::runsOver(Operation &op) const {
  if (auto einsum = dyn_cast<EinsumOp>(op))
    return einsum.hasRank(rank);
  // An iteration visits every element of its parent once, whatever its body
  // does with the points of a step.
  auto iterate = cast<IterateOp>(op);
  return iterate.getParentAttr() == rank;
}

/// The tensors that an einsum, or the body of an iteration, reads from outside.
static llvm::SmallSetVector<Value, 8> getReads(Operation &op) {
  llvm::SmallSetVector<Value, 8> reads;
  reads.insert(op.operand_begin(), op.operand_end());
  for (Region &region : op.getRegions())
    region.walk([&](EinsumOp inner) {
      for (Value input : inner.getInputs())
        if (input.getParentRegion()->isProperAncestor(&region))
          reads.insert(input);
    });
  return reads;
}

PassCount::PassCount(CascadeOp cascade, StringAttr rank) : rank(rank) {
  // The number of passes that must be over before a value can be read: an
  // element of a tensor along the rank is there while its pass runs, a
  // reduction of the rank only after it.
  llvm::DenseMap<Value, int64_t> completed;
  llvm::DenseMap<Value, int64_t> madeIn;
  for (Operation &op : cascade.getBody().front().without_terminator()) {
    if (!isa<EinsumOp, IterateOp>(op))
      continue;
    int64_t before = 0;
    Value latest;
    llvm::SmallSetVector<Value, 8> reads = getReads(op);
    for (Value read : reads)
      if (completed.lookup(read) > before) {
        before = completed.lookup(read);
        latest = read;
      }
    if (!runsOver(op)) {
      for (Value result : op.getResults())
        completed[result] = before;
      continue;
    }
    int64_t pass = before + 1;
    passes[&op] = pass;
    if (pass > 1 && !causes.contains(pass))
      causes[pass] = Cause{&op, latest};
    count = std::max(count, pass);
    for (Value read : reads)
      if (int64_t made = madeIn.lookup(read);
          made != 0 && made < pass && !llvm::is_contained(reread, read))
        reread.push_back(read);
    auto einsum = dyn_cast<EinsumOp>(op);
    bool keepsRank =
        einsum && llvm::is_contained(einsum.getOutputRanks(), rank);
    for (Value result : op.getResults()) {
      completed[result] = keepsRank ? before : pass;
      if (keepsRank)
        madeIn[result] = pass;
    }
  }
}

std::vector<PassCount> PassCount::getAll(CascadeOp cascade) {
  llvm::SmallSetVector<StringAttr, 8> ranks;
  for (Operation &op : cascade.getBody().front()) {
    if (auto einsum = dyn_cast<EinsumOp>(op))
      ranks.insert_range(einsum.getReduced());
    else if (auto iterate = dyn_cast<IterateOp>(op))
      ranks.insert(iterate.getParentAttr());
  }
  std::vector<PassCount> counts;
  for (StringAttr rank : ranks) {
    PassCount passes(cascade, rank);
    // Behind those with as many passes: ranks of equal count keep their order.
    auto position = llvm::find_if(counts, [&](const PassCount &other) {
      return other.getCount() < passes.getCount();
    });
    counts.insert(position, std::move(passes));
  }
  return counts;
}
