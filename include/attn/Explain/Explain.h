//===- Explain.h - What becomes of an operator, for people ------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_EXPLAIN_EXPLAIN_H
#define ATTN_EXPLAIN_EXPLAIN_H

#include "attn/Analysis/CascadeWork.h"
#include "attn/Pipelines/AttnToLLVM.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::attn {

/// Explains the kernel of `module`: its cascades in the notation of the papers,
/// their passes and what forces them, the law that removes each, the loop nest
/// with the place of every intermediate, and the work. What keeps the kernel
/// from being fused or compiled is part of the explanation. Fails, with a
/// diagnostic, only where there is nothing to explain.
LogicalResult explainKernel(ModuleOp module, const RankSizes &sizes,
                            const AttnToLLVMOptions &options, raw_ostream &os);

} // namespace mlir::attn

#endif // ATTN_EXPLAIN_EXPLAIN_H
