//===- Reducer.h - Making failing cascades small ----------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A simplification is one way to make a module with cascades smaller. It does
// not keep what the module computes; whether the smaller one still shows what
// is looked for is asked of a test.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_REDUCER_REDUCER_H
#define ATTN_REDUCER_REDUCER_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Support/LLVM.h"

namespace mlir::attn {

enum class Simplified {
  /// There is no such site.
  NoSite,
  /// The site offers nothing.
  No,
  Yes
};

struct Simplification {
  StringRef name;
  /// Changes the module at the site of that number. What results need not
  /// verify.
  Simplified (*apply)(ModuleOp module, unsigned site);
};

/// Every simplification, those that remove most first.
ArrayRef<Simplification> getSimplifications();

/// Removes what nothing uses: einsums, operands, inputs, arguments.
void removeUnused(ModuleOp module);

/// Registers `attn-reduction`: applies simplifications for as long as a test
/// program finds the module interesting.
void registerReductionPass();

} // namespace mlir::attn

#endif // ATTN_REDUCER_REDUCER_H
