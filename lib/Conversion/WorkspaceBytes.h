//===- WorkspaceBytes.h - Sizes of buffers in a workspace -------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_WORKSPACEBYTES_H
#define ATTN_LIB_CONVERSION_WORKSPACEBYTES_H

#include "mlir/IR/Builders.h"

namespace mlir::attn {

/// Every buffer of a workspace starts on a line of the cache.
inline constexpr int64_t kWorkspaceAlignment = 64;

/// The bytes of a buffer, `staticBytes` times the product of `extents` (index),
/// rounded up to the alignment. What no memory could hold counts as 2^58 bytes,
/// so that sums of sizes do not wrap and the call is refused.
Value createWorkspaceBytes(OpBuilder &builder, Location loc,
                           int64_t staticBytes, ValueRange extents);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_WORKSPACEBYTES_H
