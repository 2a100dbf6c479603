//===- RankReduction.cpp - Views without some dimensions ------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RankReduction.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/ADT/SmallBitVector.h"

using namespace mlir;
using namespace mlir::attn;

/// The dimensions that the shape of the result lacks. Between two of size 1
/// with nothing else between them the choice is free. A size that is a value is
/// dynamic in the type, even if it is a constant.
static llvm::SmallBitVector getDroppedByShape(memref::SubViewOp view) {
  ArrayRef<int64_t> left = view.getType().getShape();
  ArrayRef<int64_t> sizes = view.getStaticSizes();
  llvm::SmallBitVector dropped(sizes.size());
  for (auto [dim, size] : llvm::enumerate(sizes)) {
    if (!left.empty() && left.front() == size)
      left = left.drop_front();
    else
      dropped.set(dim);
  }
  return dropped;
}

/// The same view, of the rank of its source, with `dropped` dimensions folded
/// into their neighbours.
static void separate(memref::SubViewOp view,
                     const llvm::SmallBitVector &dropped) {
  OpBuilder builder(view);
  Location loc = view.getLoc();
  Value whole = memref::SubViewOp::create(
      builder, loc, view.getSource(), view.getMixedOffsets(),
      view.getMixedSizes(), view.getMixedStrides());
  SmallVector<ReassociationIndices> groups;
  bool hasKept = false;
  for (unsigned dim = 0; dim < dropped.size(); ++dim) {
    // What stands in front of the first dimension that is kept goes with it.
    if (groups.empty() || (!dropped.test(dim) && hasKept))
      groups.emplace_back();
    groups.back().push_back(dim);
    hasKept |= !dropped.test(dim);
  }
  Value reduced =
      memref::CollapseShapeOp::create(builder, loc, whole, groups).getResult();
  if (reduced.getType() != view.getType())
    reduced = memref::CastOp::create(builder, loc, view.getType(), reduced);
  view.replaceAllUsesWith(reduced);
  view.erase();
}

void attn::separateRankReductions(Operation *root) {
  SmallVector<std::pair<memref::SubViewOp, llvm::SmallBitVector>> ambiguous;
  root->walk([&](memref::SubViewOp view) {
    llvm::SmallBitVector dropped = getDroppedByShape(view);
    if (view.getType().getRank() > 0 &&
        view.getSourceType().getRank() != view.getType().getRank() &&
        dropped != view.getDroppedDims())
      ambiguous.emplace_back(view, dropped);
  });
  for (auto &[view, dropped] : ambiguous)
    separate(view, dropped);
}
