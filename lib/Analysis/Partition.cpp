//===- Partition.cpp - Ranks split into steps and points ------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/Partition.h"

using namespace mlir;
using namespace mlir::attn;

std::optional<Partition> attn::getPartition(const EinsumAccess &access,
                                            AffineExpr expr) {
  auto sum = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!sum || sum.getKind() != AffineExprKind::Add)
    return std::nullopt;
  // Sums keep the order in which they are written.
  for (auto [start, within] : {std::pair(sum.getLHS(), sum.getRHS()),
                               std::pair(sum.getRHS(), sum.getLHS())}) {
    auto product = dyn_cast<AffineBinaryOpExpr>(start);
    auto point = dyn_cast<AffineDimExpr>(within);
    if (!product || product.getKind() != AffineExprKind::Mul || !point)
      continue;
    auto step = dyn_cast<AffineDimExpr>(product.getLHS());
    auto extent = dyn_cast<AffineSymbolExpr>(product.getRHS());
    if (!step || !extent || step == point)
      continue;
    Partition partition{access.ranks[step.getPosition()],
                        access.ranks[point.getPosition()]};
    if (access.extents[extent.getPosition()] == partition.point)
      return partition;
  }
  return std::nullopt;
}

IterateOp attn::getIteration(EinsumOp einsum, const Partition &partition) {
  auto iterate = einsum->getParentOfType<IterateOp>();
  while (iterate && (iterate.getRankAttr() != partition.step ||
                     iterate.getPointAttr() != partition.point))
    iterate = iterate->getParentOfType<IterateOp>();
  return iterate;
}
