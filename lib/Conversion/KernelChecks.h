//===- KernelChecks.h - What a call finds in its operands ------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_KERNELCHECKS_H
#define ATTN_LIB_CONVERSION_KERNELCHECKS_H

#include "attn/Conversion/KernelSignature.h"

namespace mlir::attn {

/// An operand whose values a call checks.
struct CheckedOperand {
  Operation *op;
  Value tensor;
  KernelCheck::Kind kind;
  /// The rank of `op` whose tokens it speaks of.
  StringRef rank;
  /// Of lists: the rank of the queries, the numbers of both that belong
  /// together, and the operand with the entries of blocks.
  StringRef rowRank = {};
  int64_t rowsOfList = 1, tokensOfBlock = 1;
  Value entries = {};
};

/// The operands of the operators and cascades of `function` whose values are
/// checked.
SmallVector<CheckedOperand> findChecked(func::FuncOp function);

/// The argument of `function` that `tensor` is, reshaped at most. Nobody could
/// check one that is computed: it is diagnosed as that of `operand`.
FailureOr<unsigned> findCheckedArgument(func::FuncOp function,
                                        const CheckedOperand &operand,
                                        Value tensor);

/// A check as an entry of the module's description, and back; nothing if it is
/// malformed.
DictionaryAttr writeCheck(Builder &builder, const KernelCheck &check);
std::optional<KernelCheck> readCheck(Attribute attr);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_KERNELCHECKS_H
