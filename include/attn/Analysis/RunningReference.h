//===- RunningReference.h - What exponents subtract -------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ANALYSIS_RUNNINGREFERENCE_H
#define ATTN_ANALYSIS_RUNNINGREFERENCE_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// A running maximum that exponents subtract, alone or joined with a sink, and
/// nothing else: what a step computes of them is a multiple of a power of 2 to
/// it, and results are multiples of its power 0. So any other number in its
/// place gives the same results in real arithmetic.
struct RunningReference {
  /// The maximum of the carried value and of what the step has found.
  EinsumOp update;
  /// The number of the update's operand that is carried.
  unsigned carried;
  /// The factor c of the exponents, 2^((score - reference) * c).
  FloatAttr scale;
  /// The einsums of the step whose results are multiples of weights.
  SmallVector<EinsumOp> weighted;

  /// Carried value `number` of `iterate`, if it is one.
  static std::optional<RunningReference> match(IterateOp iterate,
                                               unsigned number);
};

} // namespace mlir::attn

#endif // ATTN_ANALYSIS_RUNNINGREFERENCE_H
