//===- StreamSplitter.h - Runs of a streamed rank as items ------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TRANSFORMS_STREAMSPLITTER_H
#define ATTN_LIB_TRANSFORMS_STREAMSPLITTER_H

#include "attn/Dialect/Attn/IR/Attn.h"
#include <optional>
#include <string>

namespace mlir::attn {

/// Replaces `cascade`, whose one iteration was derived by laws, by two: one
/// that carries its tensors through each run of `points` points by itself, and
/// one that merges the runs. Where that cannot be, the cascade stays, and the
/// text says why.
///
/// A step of such an iteration combines what it reduces with its old value,
/// repaired from the old values of all others to the new ones. Repairs are
/// those of laws, and hold between any two states, so that the same expression
/// repairs the end of a run to the whole. Of an iteration that someone wrote,
/// whose step may halve what it carries, nobody knows that.
std::optional<std::string> splitStream(CascadeOp cascade, int64_t points);

} // namespace mlir::attn

#endif // ATTN_LIB_TRANSFORMS_STREAMSPLITTER_H
