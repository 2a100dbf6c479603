//===- Rounding.h - What is seen after it is rounded ------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ANALYSIS_ROUNDING_H
#define ATTN_ANALYSIS_ROUNDING_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// Whether nothing but results of 16 bits sees `value`, a number of a map or a
/// tensor of a cascade, through products, quotients, sums, selections and
/// roundings: its relative error is no larger there.
bool isSeenRounded(Value value);

} // namespace mlir::attn

#endif // ATTN_ANALYSIS_ROUNDING_H
