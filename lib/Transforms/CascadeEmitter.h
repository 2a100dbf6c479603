//===- CascadeEmitter.h - Write a cascade in canonical order ----*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TRANSFORMS_CASCADEEMITTER_H
#define ATTN_LIB_TRANSFORMS_CASCADEEMITTER_H

#include "CanonicalOrder.h"
#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// Writes a cascade anew, in the order in which its results need the einsums.
class CascadeEmitter {
public:
  CascadeEmitter(CascadeOp source, bool renameRanks)
      : source(source), order(source), renameRanks(renameRanks) {}

  CascadeOp run();
  unsigned getNumMerged() const { return numMerged; }
  /// What a rank of the source is called.
  StringAttr rename(StringAttr rank);

  /// Drops what the cascade says about ranks that no einsum has, and then
  /// inputs that neither an einsum nor a length reads. The cascade is made anew
  /// where predicates go.
  [[nodiscard]] static CascadeOp dropUnused(CascadeOp cascade);

private:
  /// The einsums of one block. Those of enclosing blocks are known too.
  struct Scope {
    Block *block;
    OpBuilder builder;
    Scope *parent;
    SmallVector<EinsumOp> einsums;
  };

  EinsumAccess rename(EinsumAccess access);
  SmallVector<StringAttr> rename(ArrayRef<StringAttr> names);
  Scope *findScope(Block *block, Scope *scope);
  Value emit(Value value, Scope *scope);
  EinsumAccess emitAccess(const EinsumAccess &access, Scope *scope);
  Value emitEinsum(EinsumOp einsum, Scope *scope);
  void emitIterate(IterateOp iterate, Scope *scope);
  bool isFixedLayout(EinsumOp einsum);
  SmallVector<StringAttr> getStated(const EinsumAccess &access) const;
  void collectStated();

  CascadeOp source;
  CanonicalOrder order;
  bool renameRanks;
  llvm::MapVector<StringAttr, int64_t> extents;
  /// Ranks whose extent an input states that is kept.
  llvm::SmallDenseSet<StringAttr> stated;
  llvm::DenseMap<Value, Value> emitted;
  /// For tensors whose dimensions changed places: where each of them was.
  llvm::DenseMap<Value, SmallVector<unsigned>> permutations;
  unsigned numMerged = 0;
};

} // namespace mlir::attn

#endif // ATTN_LIB_TRANSFORMS_CASCADEEMITTER_H
