//===- CascadeText.h - Cascades as people write them ------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ANALYSIS_CASCADETEXT_H
#define ATTN_ANALYSIS_CASCADETEXT_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// Rows of cells, printed with aligned columns.
class TextTable {
public:
  void add(ArrayRef<std::string> cells) { rows.emplace_back(cells); }
  void print(raw_ostream &os, unsigned indent) const;

private:
  SmallVector<SmallVector<std::string>> rows;
};

/// `file:line:column` of a location, or what else it says.
std::string getLocationText(Location loc);

/// Prints an index expression over the ranks and extents of `access`. `level`
/// is 0 where a sum may stand bare, 1 on the left of a product, 2 on its right.
/// `printData` prints an index that is data.
void printIndex(raw_ostream &os, AffineExpr expr, const EinsumAccess &access,
                int level = 0,
                function_ref<void(const DataIndex &)> printData = nullptr);

/// Names and notation for the tensors of one cascade.
///
/// A tensor is called what a name location calls it, else by its number. Names
/// are for people: nothing but printing looks at them.
class CascadeText {
public:
  explicit CascadeText(CascadeOp cascade);

  /// The name of a tensor, `qk` or `#1`.
  std::string getName(Value tensor) const;
  /// `qk[m,n] reduce add(e)`: enough to find an einsum again in the text.
  std::string getShort(Operation *op) const;
  /// `qk[m,n] = Q[m,e] * K[n,e] :: reduce add(e)`: the einsum in the notation
  /// of the papers, with the carried tensors at their steps.
  std::string getNotation(EinsumOp einsum) const;
  /// `qk[m,n]`; a carried tensor with its step.
  std::string getReference(EinsumOp reader, unsigned input) const;
  /// The result of an einsum or iteration with its ranks.
  std::string getResult(EinsumOp einsum) const;

private:
  void addName(Value tensor, Location loc);
  std::string getExpression(EinsumOp einsum, Value value, int level) const;
  std::string getReductionText(EinsumOp einsum) const;

  CascadeOp cascade;
  llvm::DenseMap<Value, std::string> names;
  llvm::DenseMap<Operation *, unsigned> numbers;
  llvm::StringMap<unsigned> taken;
};

} // namespace mlir::attn

#endif // ATTN_ANALYSIS_CASCADETEXT_H
