//===- Parse.h - Reading operators with their names -------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_SUPPORT_PARSE_H
#define ATTN_SUPPORT_PARSE_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <memory>

namespace llvm {
class SourceMgr;
} // namespace llvm

namespace mlir::attn {

/// Parses a module as `parseSourceFile` does. Where the file is text, what
/// people call a tensor there is kept: the arguments of functions, cascades and
/// iterations and the results of einsums get the location `"q"`, for `%q`,
/// around their place in the file. Arguments with such a location of their own
/// keep it, and numbers say nothing.
OwningOpRef<ModuleOp>
parseNamedModule(const std::shared_ptr<llvm::SourceMgr> &sourceMgr,
                 MLIRContext *context);

} // namespace mlir::attn

#endif // ATTN_SUPPORT_PARSE_H
