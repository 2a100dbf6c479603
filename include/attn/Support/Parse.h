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

/// Parses a module as `parseSourceFile` does. Where the file is text, the
/// arguments of its functions keep their names: `%q` gets the location `"q"`
/// around its place in the file. Arguments with such a location of their own
/// keep that.
OwningOpRef<ModuleOp>
parseNamedModule(const std::shared_ptr<llvm::SourceMgr> &sourceMgr,
                 MLIRContext *context);

} // namespace mlir::attn

#endif // ATTN_SUPPORT_PARSE_H
