//===- Partition.h - Ranks split into steps and points ----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ANALYSIS_PARTITION_H
#define ATTN_ANALYSIS_PARTITION_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// The ranks of an index `step*POINT+point`, which splits a dimension.
struct Partition {
  StringAttr step, point;
};

/// The partition that an index expression of `access` is, if it is one.
std::optional<Partition> getPartition(const EinsumAccess &access,
                                      AffineExpr expr);

/// The iteration around `einsum` that runs over the steps of `partition`, or
/// null.
IterateOp getIteration(EinsumOp einsum, const Partition &partition);

} // namespace mlir::attn

#endif // ATTN_ANALYSIS_PARTITION_H
