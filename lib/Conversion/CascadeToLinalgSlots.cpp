//===- CascadeToLinalgSlots.cpp - Slots of permuted tokens ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The unfused form walks tokens as they lie. Atoms `in permuted` ask which slot
// a token has, so that permutations are inverted once, in front of the cascade.
//
//===----------------------------------------------------------------------===//

#include "CascadeToLinalg.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::attn;

/// Slots by token: the inverses of the permutations, each element written once.
void CascadeToLinalg::buildSlots() {
  if (!space.readsSlots())
    return;
  Location loc = cascade.getLoc();
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  for (PermutationAttr permutation : space.permutations) {
    Value table = cascade.getInputs()[permutation.getAccess().getInput()];
    auto type = cast<RankedTensorType>(table.getType());
    SmallVector<Value> sizes, dynamicSizes;
    for (int64_t dim = 0; dim < type.getRank(); ++dim) {
      sizes.push_back(tensor::DimOp::create(builder, loc, table, dim));
      if (type.isDynamicDim(dim))
        dynamicSizes.push_back(sizes.back());
    }
    Value last = arith::SubIOp::create(builder, loc, sizes.back(), one);
    Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                          type.getElementType(), dynamicSizes);
    SmallVector<Value> zeros(sizes.size(), zero), ones(sizes.size(), one);
    scf::LoopNest nest = scf::buildLoopNest(
        builder, loc, zeros, sizes, ones, ValueRange(empty),
        [&](OpBuilder &body, Location, ValueRange slot,
            ValueRange carried) -> scf::ValueVector {
          Type index = body.getIndexType();
          Value token = tensor::ExtractOp::create(body, loc, table, slot);
          token = arith::IndexCastOp::create(body, loc, index, token);
          // No store leaves the tensor, whatever the table holds.
          token = arith::MinSIOp::create(body, loc, token, last);
          token = arith::MaxSIOp::create(body, loc, token, zero);
          SmallVector<Value> indices(slot);
          indices.back() = token;
          Value number = arith::IndexCastOp::create(
              body, loc, type.getElementType(), slot.back());
          return {
              tensor::InsertOp::create(body, loc, number, carried[0], indices)
                  .getResult()};
        });
    slots[permutation.getRank()] = nest.results[0];
  }
}

Value CascadeToLinalg::getSlot(OpBuilder &body, EinsumOp einsum,
                               StringAttr rank,
                               const RankCoordinates &coordinates) {
  Value table = slots.lookup(rank);
  if (!table)
    return coordinates.lookup(rank);
  SmallVector<Value> indices;
  for (StringAttr name : space.getPermutation(rank).getRanks())
    indices.push_back(coordinates.lookup(name));
  Location loc = einsum.getLoc();
  Value slot = tensor::ExtractOp::create(body, loc, table, indices);
  return arith::IndexCastOp::create(body, loc, body.getIndexType(), slot);
}
