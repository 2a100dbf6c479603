//===- TermRoles.h - What is walked, planned and tested --------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A sparsity says three things to a tile of rows: which list it walks, which
// ranges of keys a plan gives it, and which terms it tests at each point. The
// roles of terms follow from the expression alone.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ANALYSIS_TERMROLES_H
#define ATTN_ANALYSIS_TERMROLES_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// What terms say about the keys of a walk.
struct WalkTerms {
  /// What they say about ranges. In the place of a mask or a predicate, which
  /// may hold and may not, stands whatever makes most points live. Null if
  /// there is nothing.
  Attribute planned;
  /// Those that `planned` does not know or knows in part: those with masks or
  /// predicates in them, those with atoms of slots and of tokens, and
  /// `unplanned`.
  SmallVector<Attribute> tested;
  /// Those that `planned` is without because it would have more parts than a
  /// plan has.
  SmallVector<Attribute> unplanned;
};

/// The roles of a sparsity's terms.
struct TermRoles {
  /// The atom of the list that tiles walk by itself, or null.
  Attribute list;
  /// The atom whose scattered keys (PeriodicKeys.h), the same for every row or,
  /// of `dilated`, for rows of one remainder, tiles walk as if it were such a
  /// list, or null; there are no lists then.
  Attribute periodic;
  /// The neighborhood in whose windows the keys of a box of rows lie, which
  /// tiles walk as if they were such a list, or null; as `periodic` is.
  NeighborhoodAttr boxes;
  /// The atoms of lists that cut all keys into parts, where each begins or ends
  /// to name keys: those beside `list`, and those that do not say alone where a
  /// key may be live. In a part each of them is a constant, which terms read.
  SmallVector<Attribute> cuts;
  /// What is left of the terms of the outermost `and` for the keys that tiles
  /// visit: those of `list`, `periodic` or `boxes`, or ranges of keys.
  WalkTerms terms;
  /// Where tiles walk those and ranges, too, `terms` are those of ranges, and
  /// these say which keys of the list are live and in no range.
  std::optional<WalkTerms> listed;

  /// Whether tiles walk lists.
  bool hasLists() const { return list || !cuts.empty(); }
  /// Whether tiles walk tokens by numbers that are not their own.
  bool walksTokens() const {
    return periodic || boxes || isa_and_nonnull<IndicesAttr>(list);
  }
  /// How many neighbouring rows see the same entries of every list.
  int64_t getListRows() const;
};

/// Whether some atom of `term` reads slots, and another tokens.
bool mixesOrders(Attribute term);

/// Splits an expression none of whose terms mixes orders into what reads slots,
/// without 'in permuted', and what reads tokens; each is null where there is no
/// such.
std::pair<Attribute, Attribute> splitOrders(Attribute expression);

/// Gives each term of `expression`, which may be null, its roles where tiles
/// walk keys by their own numbers or those of lists.
TermRoles assignTermRoles(Attribute expression);

/// The roles of terms where tiles walk boxes of rows and the keys in their
/// windows by `neighborhood`, then ranges; nothing if a key may be dead for
/// being in a window, or the keys between those of an atom would be visited.
std::optional<TermRoles> assignBoxRoles(Attribute expression,
                                        NeighborhoodAttr neighborhood);

/// The roles of the terms of the cascade's sparsity that suit its tiles best,
/// which a plan is made for: those of boxes where the mapping cuts a grid.
TermRoles chooseTermRoles(CascadeOp cascade);

/// Those that the cascade's plan was made for.
TermRoles getTermRoles(CascadeOp cascade);

} // namespace mlir::attn

#endif // ATTN_ANALYSIS_TERMROLES_H
