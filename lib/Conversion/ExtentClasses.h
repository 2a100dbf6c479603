//===- ExtentClasses.h - Which extents of a function are equal --*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_EXTENTCLASSES_H
#define ATTN_LIB_CONVERSION_EXTENTCLASSES_H

#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "llvm/ADT/EquivalenceClasses.h"

namespace mlir::attn {

/// Classes of dimensions with equal extents.
class ExtentClasses {
public:
  /// Follows every operation of `function`.
  void build(func::FuncOp function);

  unsigned find(Value tensor, int64_t dim) {
    return classes.getLeaderValue(getNode(tensor, dim));
  }
  /// The class of `rank` of the cascade or the operator `scope`, if it has it.
  std::optional<unsigned> findRank(Operation *scope, StringRef rank) const {
    auto found = ranks.find({scope, rank});
    if (found == ranks.end())
      return std::nullopt;
    return classes.getLeaderValue(found->second);
  }
  /// Where a class is the number of parts of `size` points in another.
  struct Parts {
    unsigned whole;
    int64_t size;
  };
  std::optional<Parts> findParts(unsigned leader) const;
  /// Where a class counts the points of another whose elements stand for
  /// `scale` points each.
  struct Multiple {
    unsigned of;
    int64_t scale;
  };
  SmallVector<Multiple> findMultiples(unsigned leader) const;
  /// The static extent of a class, or kDynamic.
  int64_t getSize(unsigned leader) const {
    auto found = sizes.find(leader);
    return found == sizes.end() ? ShapedType::kDynamic : found->second;
  }
  StringRef getName(unsigned leader) const {
    auto found = names.find(leader);
    return found == names.end() ? StringRef() : StringRef(found->second);
  }
  /// The first contradiction met: two extents that should be equal.
  std::optional<std::pair<int64_t, int64_t>> getConflict() const {
    return conflict;
  }

private:
  unsigned getNode(Value tensor, int64_t dim);
  void unite(unsigned a, unsigned b);
  void uniteAll(Value a, Value b);
  void uniteRanks(Value tensor, ArrayRef<StringRef> ranks, Operation *scope);
  void uniteRanks(Value tensor, ArrayRef<StringAttr> ranks, Operation *scope);
  void uniteRank(Value tensor, int64_t dim, StringRef rank, Operation *scope);
  unsigned getRankNode(StringRef rank, Operation *scope);
  void uniteLast(Value a, Value b);
  void uniteReassociation(Value grouped, Value split,
                          ArrayRef<ReassociationIndices> groups);
  void visit(AttentionOp op);
  void visit(MergeOp op);
  void visit(MixOp op);
  void visit(CascadeOp op);
  void visit(EinsumOp op);
  void visit(IterateOp op);
  void visit(linalg::LinalgOp op);
  void visit(tensor::ExtractSliceOp op);
  void visitLoop(LoopLikeOpInterface op);
  void visitSizes(Value tensor, ValueRange dynamicSizes);
  void uniteExtent(Value tensor, int64_t dim, Value size);

  llvm::EquivalenceClasses<unsigned> classes;
  llvm::DenseMap<std::pair<Value, int64_t>, unsigned> nodes;
  llvm::DenseMap<std::pair<Operation *, StringRef>, unsigned> ranks;
  /// The iterations whose splits are counted.
  SmallVector<IterateOp> splits;
  /// The ranks that index a dimension through a quotient, by its node.
  struct Quotient {
    Operation *scope;
    StringAttr rank;
    unsigned node;
    int64_t divisor;
  };
  SmallVector<Quotient> quotients;
  llvm::DenseMap<unsigned, int64_t> sizes;
  llvm::DenseMap<unsigned, std::string> names;
  unsigned numNodes = 0;
  std::optional<std::pair<int64_t, int64_t>> conflict;
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_EXTENTCLASSES_H
