//===- WorkerScratch.h - The scratch of a worker ----------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_WORKERSCRATCH_H
#define ATTN_LIB_CONVERSION_WORKERSCRATCH_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::attn {

/// The function that says how much scratch a worker of `function`'s items
/// takes, if there is one with a body.
func::FuncOp findWorker(func::FuncOp function);
/// What it says, if that is a constant.
std::optional<int64_t> getScratchBytes(func::FuncOp worker);
/// Changes it, there and where `function` makes a memref of the scratch.
void setScratchBytes(func::FuncOp function, func::FuncOp worker, int64_t bytes);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_WORKERSCRATCH_H
