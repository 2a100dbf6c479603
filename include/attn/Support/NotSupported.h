//===- NotSupported.h - Diagnostics of what is not supported ----*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_SUPPORT_NOTSUPPORTED_H
#define ATTN_SUPPORT_NOTSUPPORTED_H

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Operation.h"

namespace mlir::attn {

/// The error for a program that means something but is not compiled, as opposed
/// to one that is wrong. What is written to it says what stands in the way and
/// what is allowed, and is a line of docs/not-supported.md, which
/// scripts/support/not_supported.py makes from the calls of this function.
inline InFlightDiagnostic emitNotSupported(Operation *op) {
  return op->emitError();
}

} // namespace mlir::attn

#endif // ATTN_SUPPORT_NOTSUPPORTED_H
