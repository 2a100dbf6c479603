//===- PairProducts.h - Products of 16-bit tiles ----------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_PAIRPRODUCTS_H
#define ATTN_LIB_CONVERSION_PAIRPRODUCTS_H

#include "Contractions.h"
#include "KeptCopies.h"
#include "PairRows.h"
#include "attn/Conversion/FusedForm.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::attn {

/// A product whose operands can lie in pairs.
struct PairedProduct {
  TileEinsumOp einsum;
  Contraction parts;
  /// The copies of a tensor that its operands are; no left one for weights,
  /// which are computed from other tiles.
  TileEinsumOp leftCopy, rightCopy;
  /// Whether neighbours along the depth lie side by side in the right operand.
  bool isDepthLast;
  /// Behind the sum; null where there is none.
  FloatAttr factor;
};

/// Rewrites the products of one function.
class ProductPairer {
public:
  ProductPairer(func::FuncOp function, func::FuncOp worker, PairUnit unit,
                int64_t lanes, int64_t keptBytes)
      : function(function), worker(worker), unit(unit), vectorLanes(lanes),
        lane(function->getAttrOfType<StringAttr>(kLanesAttrName)),
        context(function.getContext()), kept(function, keptBytes) {}

  void run();

private:
  std::optional<PairedProduct> check(TileEinsumOp einsum,
                                     const Contraction &parts);
  std::optional<StringRef> checkOperands(PairedProduct &product);
  std::optional<StringRef> checkTiles(const PairedProduct &product);
  TileEinsumOp findCopy(Value operand);
  bool isFromTiles(Value operand);
  void collect();
  void readThrough(TileEinsumOp copy);

  Value createPlace(OpBuilder &builder, Value old, bool isDead,
                    MemRefType type);
  std::pair<MemRefType, int64_t> getRightType(const PairedProduct &product);
  Value getRight(const PairedProduct &product);
  Value getLeft(const PairedProduct &product);
  /// The operation in front of which weights are complete, and the einsum that
  /// computes all of them, if it is one and stands in the same block.
  struct WeightsPlace {
    Operation *user;
    TileEinsumOp writer;
  };
  WeightsPlace findWeights(Operation *user, Value tile);
  /// Weights of `tile` in pairs, which `user` and what is in it read.
  struct PackedWeights {
    Operation *user;
    TileEinsumOp writer;
    Value tile, pairs;
  };
  bool isPackedOnly(TileEinsumOp writer);
  Value packWeights(const PairedProduct &product);
  Value getFinite(const PairedProduct &product, Value right);
  Value getOut(const PairedProduct &product);
  EinsumAccess accessRight(const PairedProduct &product, Value right);
  std::optional<EinsumAccess> findInPlace(const PairedProduct &product);
  void createSum(const PairedProduct &product, const EinsumAccess &right,
                 bool accumulate);
  /// A point of the sum, of [column, pair, place].
  AffineExpr getPoint() {
    return getAffineDimExpr(1, context) * 2 + getAffineDimExpr(2, context);
  }
  void rewriteMasked(const PairedProduct &product);
  void rewrite(const PairedProduct &product);

  func::FuncOp function, worker;
  PairUnit unit;
  int64_t vectorLanes;
  StringAttr lane;
  MLIRContext *context;
  /// Einsums that write and read each buffer of the scratch.
  llvm::DenseMap<Value, SmallVector<TileEinsumOp>> writers, readers;
  /// Operands in pairs, by the copy they take the place of.
  llvm::DenseMap<std::pair<Operation *, unsigned>, Value> known;
  llvm::SmallPtrSet<Operation *, 8> paired, dead;
  SmallVector<PackedWeights> packedWeights;
  /// What computes weights that are read in pairs alone.
  llvm::SmallPtrSet<Operation *, 8> packedOnly;
  KeptCopies kept;
  /// The worker's scratch, and its bytes so far.
  Value scratch;
  int64_t bytes = 0;
};

/// Whether `memref` is a part of a buffer of the scratch.
bool isScratch(Value memref);

/// Whether nothing but einsums and extents looks at a buffer.
bool isReadByEinsums(Value buffer);

/// Whether two values are the same part of the same buffer.
bool isSamePart(Value left, Value right);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_PAIRPRODUCTS_H
