//===- EmptyStep.h - Steps in which no point is live ------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ANALYSIS_EMPTYSTEP_H
#define ATTN_ANALYSIS_EMPTYSTEP_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// Whether a step of `iterate`, an iteration over the key rank of its cascade's
/// plane, leaves every carried tensor as it is for the rows of which it has no
/// live point. Only then may a plan skip such steps. Running reductions and
/// their repairs do; a state that decays with every step does not.
///
/// The answer is for real arithmetic: with the identity in place of every
/// reduction over the points, the yielded values fold to the carried ones.
bool isEmptyStepNeutral(IterateOp iterate);

} // namespace mlir::attn

#endif // ATTN_ANALYSIS_EMPTYSTEP_H
