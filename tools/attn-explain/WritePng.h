//===- WritePng.h - Pictures as PNG files -----------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_WRITEPNG_H
#define ATTN_TOOLS_WRITEPNG_H

#include "attn/Explain/PlanPlot.h"

namespace mlir::attn {

/// Writes `picture`, which has pixels, to `path`. Returns why it could not, or
/// nothing; then there is no such file.
std::string writePng(const Picture &picture, StringRef path);

} // namespace mlir::attn

#endif // ATTN_TOOLS_WRITEPNG_H
