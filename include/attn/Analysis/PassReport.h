//===- PassReport.h - Passes and work of a cascade, for people --*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ANALYSIS_PASSREPORT_H
#define ATTN_ANALYSIS_PASSREPORT_H

#include "attn/Analysis/CascadeText.h"
#include "attn/Analysis/CascadeWork.h"

namespace mlir::attn {

/// The passes over each rank, what forces them, and the tensors they read.
void printPasses(raw_ostream &os, const CascadeWork &work,
                 const CascadeText &text, CascadeOp cascade);

/// The live part of every intermediate.
void printFootprints(raw_ostream &os, const CascadeWork &work,
                     const CascadeText &text);

/// Operations, bytes moved, and live points.
void printWork(raw_ostream &os, const CascadeWork &work, CascadeOp cascade);

/// `4*N`, or `1048576 (1.0 MiB)` where it is a number.
std::string getBytesText(const ExtentFormula &bytes);

} // namespace mlir::attn

#endif // ATTN_ANALYSIS_PASSREPORT_H
