//===- Rebuild.cpp - Operations with other operands and types -------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rebuild.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/Threading.h"

using namespace mlir;
using namespace mlir::attn;

/// An operation like `op` without the contents of its regions.
static Operation *createLike(Operation *op, ValueRange operands,
                             TypeRange results) {
  return Operation::create(op->getLoc(), op->getName(), results, operands,
                           NamedAttrList(op->getDiscardableAttrDictionary()),
                           op->getPropertiesStorage(), BlockRange(),
                           op->getNumRegions());
}

Operation *attn::rebuild(PatternRewriter &rewriter, Operation *op,
                         ValueRange operands, TypeRange results) {
  Operation *rebuilt = rewriter.insert(createLike(op, operands, results));
  for (auto [from, to] : llvm::zip(op->getRegions(), rebuilt->getRegions()))
    rewriter.inlineRegionBefore(from, to, to.begin());
  return rebuilt;
}

Operation *attn::copyWith(Operation *op, ValueRange operands,
                          TypeRange results) {
  Operation *copy = createLike(op, operands, results);
  IRMapping mapping;
  for (auto [from, to] : llvm::zip(op->getRegions(), copy->getRegions()))
    from.cloneInto(&to, mapping);
  return copy;
}

SmallVector<Value> attn::lookThroughCasts(ValueRange operands) {
  return llvm::map_to_vector(operands, [](Value operand) {
    auto cast = operand.getDefiningOp<tensor::CastOp>();
    return cast && tensor::canFoldIntoConsumerOp(cast) ? cast.getSource()
                                                       : operand;
  });
}

/// Whether `op` verifies, without a word if it does not.
static bool verifiesQuietly(Operation *op) {
  uint64_t thread = llvm::get_threadid();
  ScopedDiagnosticHandler handler(op->getContext(), [&](Diagnostic &) {
    return success(llvm::get_threadid() == thread);
  });
  return succeeded(verify(op));
}

LogicalResult attn::replaceByRefined(PatternRewriter &rewriter, Operation *op,
                                     Operation *refined) {
  if (!verifiesQuietly(refined)) {
    refined->erase();
    return failure();
  }
  rewriter.insert(refined);
  SmallVector<Value> results;
  for (auto [result, type] :
       llvm::zip(refined->getResults(), op->getResultTypes())) {
    Value value = result;
    if (value.getType() != type)
      value = tensor::CastOp::create(rewriter, op->getLoc(), type, value);
    results.push_back(value);
  }
  rewriter.replaceOp(op, results);
  return success();
}
