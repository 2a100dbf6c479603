//===- CanonicalOrder.h - Name-free order of a cascade ----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TRANSFORMS_CANONICALORDER_H
#define ATTN_LIB_TRANSFORMS_CANONICALORDER_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// Orders of the parts of a cascade that depend neither on names nor on the
/// order in which independent einsums are written.
class CanonicalOrder {
public:
  explicit CanonicalOrder(CascadeOp cascade);

  /// The inputs' numbers in canonical order: by the function argument or the
  /// operation that each comes from. Repeated inputs follow each other.
  ArrayRef<unsigned> getInputs() const { return inputs; }
  /// The ranks: those of the results first, then by the inputs that they index.
  ArrayRef<StringAttr> getRanks() const { return ranks.getArrayRef(); }
  unsigned getRankNumber(StringAttr rank) const;

  /// The order of the operations and operands of a map.
  struct MapOrder {
    /// Operations in the order in which the yielded value needs them.
    SmallVector<Operation *> ops;
    /// Commutative operations whose operands trade places.
    llvm::SmallDenseSet<Operation *> swapped;
    /// Operands of the einsum by first use; unused ones are left out.
    SmallVector<unsigned> operands;
  };
  MapOrder getMapOrder(EinsumOp einsum) const;

  /// The carried tensors of an iteration that some result needs.
  SmallVector<unsigned> getCarriedOrder(IterateOp iterate) const;

private:
  /// What is known about a tensor independent of names.
  struct TensorKey {
    uint64_t hash = 0;
    /// Longest chain of einsums behind it.
    unsigned height = 0;
    /// Its place among the inputs, -1 for other tensors.
    int64_t input = -1;
  };
  /// Sorts the operands of commutative operations.
  struct ScalarKey {
    unsigned category = 0;
    int64_t ordinal = 0;
    uint64_t hash = 0;

    bool operator<(const ScalarKey &other) const {
      return std::tie(category, ordinal, hash) <
             std::tie(other.category, other.ordinal, other.hash);
    }
  };

  void orderInputs();
  void orderRanks();
  void addBlock(Block &block);
  void addEinsum(EinsumOp einsum);
  void addIterate(IterateOp iterate);
  std::string describeAccess(EinsumOp einsum, const EinsumAccess &access,
                             ArrayRef<StringAttr> numbered) const;
  std::string describeRank(EinsumOp einsum, StringAttr rank,
                           ArrayRef<StringAttr> numbered) const;
  ScalarKey getScalarKey(EinsumOp einsum, Value value,
                         llvm::DenseMap<Value, ScalarKey> &keys) const;

  CascadeOp cascade;
  StringAttr queryRank, keyRank;
  SmallVector<unsigned> inputs;
  llvm::SetVector<StringAttr> ranks;
  llvm::DenseMap<Value, TensorKey> tensors;
};

} // namespace mlir::attn

#endif // ATTN_LIB_TRANSFORMS_CANONICALORDER_H
