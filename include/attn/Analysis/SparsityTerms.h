//===- SparsityTerms.h - What is walked, planned and tested ----*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A sparsity says three things to a tile of rows: which list it walks, which
// ranges of keys a plan gives it, and which terms it tests at each point.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ANALYSIS_SPARSITYTERMS_H
#define ATTN_ANALYSIS_SPARSITYTERMS_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// The terms of a sparsity, the list that tiles walk among them.
struct SparsityTerms {
  /// The atom that names the list, or null.
  Attribute list;
  /// Whether tiles visit what is between the blocks of the list, too: the atom
  /// is more than a term of the outermost `and`. `planned` and `tested` then
  /// read it, and it holds in all of a block and nowhere between.
  bool visitsGaps = false;
  /// What the terms say about ranges, without the list where it is a term of
  /// the outermost `and` alone. In the place of a mask or a predicate, which
  /// may hold and may not, stands whatever makes most points live. Null if
  /// there is nothing.
  Attribute planned;
  /// The terms of the outermost `and` that `planned` knows in part: those with
  /// masks or predicates in them, or with atoms of slots and of tokens.
  SmallVector<Attribute> tested;
};

/// Whether some atom of `term` reads slots, and another tokens.
bool mixesOrders(Attribute term);

/// Splits `expression`, which may be null. Fails where it names several lists,
/// or one of tokens that is no term of the outermost `and`.
FailureOr<SparsityTerms> splitTerms(Attribute expression);

} // namespace mlir::attn

#endif // ATTN_ANALYSIS_SPARSITYTERMS_H
