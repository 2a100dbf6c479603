//===- Interfaces.h - Upstream interfaces of the dialect's ops --*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The dialect attaches these when it is loaded, so that every host has them
// without registering anything.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_IR_INTERFACES_H
#define ATTN_LIB_DIALECT_ATTN_IR_INTERFACES_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// ReifyRankedShapedTypeOpInterface of all ops with results.
void attachShapeReification(MLIRContext *context);

/// TilingInterface and PartialReductionOpInterface of attn.attention.
void attachAttentionTiling(MLIRContext *context);

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_IR_INTERFACES_H
