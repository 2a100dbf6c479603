//===- WatchVectorAccesses.h - Vectors under ThreadSanitizer ----*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TARGET_CPU_WATCHVECTORACCESSES_H
#define ATTN_LIB_TARGET_CPU_WATCHVECTORACCESSES_H

#include "llvm/IR/PassManager.h"

namespace mlir::attn {

/// LLVM's ThreadSanitizer instruments accesses of up to 16 bytes and skips
/// all others in silence, masked ones too. This pass, which runs before it,
/// reports wide loads and stores to the runtime as ranges and takes masked
/// accesses, gathers and scatters apart into scalar ones. The kernel keeps its
/// vectors.
struct WatchVectorAccessesPass : llvm::PassInfoMixin<WatchVectorAccessesPass> {
  llvm::PreservedAnalyses run(llvm::Function &function,
                              llvm::FunctionAnalysisManager &analyses);
};

} // namespace mlir::attn

#endif // ATTN_LIB_TARGET_CPU_WATCHVECTORACCESSES_H
