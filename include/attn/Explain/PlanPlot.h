//===- PlanPlot.h - A picture of what a kernel visits -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_EXPLAIN_PLANPLOT_H
#define ATTN_EXPLAIN_PLANPLOT_H

#include "attn/Analysis/CascadeWork.h"
#include "attn/Pipelines/AttnToLLVM.h"

namespace mlir::attn {

/// Pixels of 8-bit red, green and blue, row by row from the top.
struct Picture {
  int64_t width = 0;
  int64_t height = 0;
  std::vector<uint8_t> rgb;
};

/// Numbers of a call that a plan reads, by the names of its symbols
/// (PlanSymbols): KL, QL, D, ON, H.
using PlanNumbers = std::map<std::string, int64_t>;

/// Reads numbers written `symbol=value`. A mistake is reported through
/// `emitError`.
FailureOr<PlanNumbers>
parsePlanNumbers(ArrayRef<std::string> texts,
                 function_ref<InFlightDiagnostic()> emitError);

/// Draws the (query, key) plane of every mapped cascade of the kernel in
/// `module`, one below the other, as the kernel walks it: queries downwards,
/// keys to the right. A point is
///
/// - green where it is live and its tile needs no test,
/// - blue where it is live and its tile is tested,
/// - orange where it is dead and its tile is visited for others,
/// - white where no tile is visited,
/// - red where it is live and not visited, which would be a mistake of the
/// plan.
///
/// `sizes` gives the extents of the ranks. Of the numbers of a call that
/// `numbers` leaves out, lengths are the extents, the origin is 0 and D is what
/// the alignment makes of them. `os` gets the counts. Fails, with a diagnostic,
/// where an extent is missing or nothing is mapped.
LogicalResult plotKernel(ModuleOp module, const RankSizes &sizes,
                         const PlanNumbers &numbers,
                         const AttnToLLVMOptions &options, raw_ostream &os,
                         Picture &picture);

} // namespace mlir::attn

#endif // ATTN_EXPLAIN_PLANPLOT_H
