//===- SumRewriter.h - Sums that laws cannot repair -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TRANSFORMS_SUMREWRITER_H
#define ATTN_LIB_TRANSFORMS_SUMREWRITER_H

#include "attn/Analysis/Streaming.h"

namespace mlir::attn {

/// Analyses one pass over `rank`. Sums that no law repairs as they stand are
/// rewritten first, as long as that removes obstacles; both ways hold for any
/// values.
///
/// - A sum of products with a sum among their factors becomes the sum of sums,
///   where the summands move by unequal factors: alpha*P/D + beta is a multiple
///   of a correction, and a constant. Summands that move by a sum stay
///   together: sum P*(S - X) would become sum P*S - X * sum P, the difference
///   of large equal quantities.
/// - A sum of products with factors that move by a sum gets the sums beside it
///   that its repair needs (StreamingAnalysis::TupleTerm). Nothing else reads
///   them, so the analysis is to be used before dead einsums are erased.
StreamingAnalysis rewriteSums(CascadeOp cascade, StringAttr rank);

/// Moves factors that do not depend on the reduced ranks past `reduction`.
/// Returns whether there were such factors.
bool deferFactors(EinsumOp reduction);

} // namespace mlir::attn

#endif // ATTN_LIB_TRANSFORMS_SUMREWRITER_H
