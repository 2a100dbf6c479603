//===- InitAll.h - Everything a tool or the plugin registers ----*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_INITALL_H
#define ATTN_INITALL_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace mlir::attn {

/// Adds the dialect, and what other dialects know about it, to `registry`.
/// Tools and the plugin call the same function, so that neither lacks a part.
void registerAttnDialects(DialectRegistry &registry);

/// Registers every pass and pipeline of the project under its name. Calls after
/// the first do nothing: MLIR ends the program at a pipeline it knows already,
/// and a plugin may be loaded both for its dialects and for its passes.
void registerAttnPasses();

} // namespace mlir::attn

#endif // ATTN_INITALL_H
