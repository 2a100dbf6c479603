//===- LowerToLinalg.h - Cascades as linalg on tensors ----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_LOWERTOLINALG_H
#define ATTN_CONVERSION_LOWERTOLINALG_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// Replaces the cascade by linalg operations in front of it, one for each
/// einsum; fails with a diagnostic. The remark names what is materialised.
LogicalResult lowerCascadeToLinalg(CascadeOp cascade, OpBuilder &builder,
                                   bool remark);

} // namespace mlir::attn

#endif // ATTN_CONVERSION_LOWERTOLINALG_H
