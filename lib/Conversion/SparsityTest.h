//===- SparsityTest.h - Element tests of sparsities as code -----*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_SPARSITYTEST_H
#define ATTN_LIB_CONVERSION_SPARSITYTEST_H

#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/IR/Builders.h"
#include <functional>

namespace mlir::attn {

/// Builds the element test of sparsity expressions at one point, atom by atom
/// as each is defined.
class SparsityTest {
public:
  /// A row as a position among the keys, and a key; indices.
  struct Point {
    Value position, key;
  };

  /// `keyCount` is the number of keys, and `head` that of the head, which may
  /// be null where no atom reads it.
  SparsityTest(OpBuilder &builder, Location loc, Value keyCount, Value head)
      : builder(builder), loc(loc), keyCount(keyCount), head(head) {}

  /// Whether `term` holds. Null if it has an atom without a definition.
  Value build(Attribute term);

  /// Atoms `in permuted` read the slot.
  Point token, slot;
  /// Tests an atom that names operands or a region.
  std::function<Value(Attribute)> buildData;
  /// The number that a table has for the head.
  std::function<Value(ArrayRef<int64_t>)> lookUp;
  /// An affine function of the point.
  std::function<Value(AffineExpr, ValueRange, ValueRange)> evaluate;

private:
  Value join(ArrayRef<Attribute> terms, bool isAnd);
  Value buildAtom(const AtomDefinition &atom);

  OpBuilder &builder;
  Location loc;
  Value keyCount, head;
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_SPARSITYTEST_H
