//===- CascadeToLinalgPredicates.cpp - Atoms that are data at a point -----===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CascadeToLinalg.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::attn;

Value CascadeToLinalg::loadPointOperand(OpBuilder &body, EinsumOp einsum,
                                        AccessAttr access,
                                        const RankCoordinates &coordinates) {
  Location loc = einsum.getLoc();
  Value tensor =
      mapping.lookup(cascade.getBody().getArgument(access.getInput()));
  Value one = arith::ConstantIndexOp::create(body, loc, 1);
  SmallVector<Value> where;
  for (auto [dim, rank] : llvm::enumerate(access.getRanks())) {
    // Points of a step may lie behind the end of a rank.
    Value extent = tensor::DimOp::create(body, loc, tensor, dim);
    Value last = arith::SubIOp::create(body, loc, extent, one);
    where.push_back(
        arith::MinSIOp::create(body, loc, coordinates.lookup(rank), last));
  }
  return tensor::ExtractOp::create(body, loc, tensor, where);
}

Value CascadeToLinalg::buildPointTest(OpBuilder &body, EinsumOp einsum,
                                      Attribute atom,
                                      const RankCoordinates &coordinates) {
  Location loc = einsum.getLoc();
  if (auto mask = dyn_cast<MaskAttr>(atom)) {
    Value element =
        loadPointOperand(body, einsum, mask.getOperand(), coordinates);
    Value zero = arith::ConstantOp::create(
        body, loc, body.getIntegerAttr(element.getType(), 0));
    return arith::CmpIOp::create(body, loc, arith::CmpIPredicate::ne, element,
                                 zero);
  }
  auto predicate = cast<PredicateAttr>(atom);
  Block &block = *space.getPredicate(predicate);
  SmallVector<Value> arguments;
  for (auto [access, argument] :
       llvm::zip(predicate.getOperands(), block.getArguments())) {
    Value element = loadPointOperand(body, einsum, access, coordinates);
    if (element.getType() != argument.getType())
      element = arith::ExtFOp::create(body, loc, argument.getType(), element);
    arguments.push_back(element);
  }
  for (StringAttr rank : predicate.getIndices())
    arguments.push_back(getAbsolute(body, einsum, rank, coordinates));
  IRMapping local;
  local.map(block.getArguments(), arguments);
  cloneScalars(body, block, local);
  return local.lookup(block.getTerminator()->getOperand(0));
}
