//===- RankReduction.h - Views without some dimensions ----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_RANKREDUCTION_H
#define ATTN_LIB_CONVERSION_RANKREDUCTION_H

#include "mlir/IR/Operation.h"

namespace mlir::attn {

/// Rewrites the views in `root` whose type leaves open which dimensions they
/// drop.
///
/// A memref.subview does not say it. MLIR takes the first dimensions of size 1
/// whose strides the result lacks, and strides that are not known are all
/// alike: of [1, n, 1, e] without its third dimension it drops the first, and
/// reads n with the stride of the third. Such views keep their rank, and a
/// memref.collapse_shape behind them drops what the shape of the result lacks.
void separateRankReductions(Operation *root);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_RANKREDUCTION_H
