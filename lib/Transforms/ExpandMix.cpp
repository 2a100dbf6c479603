//===- ExpandMix.cpp - Write attn.mix as cascades -------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CascadeWriter.h"
#include "attn/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::attn;

/// Makes `value` and what casts of shapes make of it tensors of `element`.
/// Mixes read that, everything else goes on reading what was there.
static void widen(OpBuilder &builder, Value value, Type element) {
  auto type = cast<RankedTensorType>(value.getType());
  value.setType(type.clone(element));
  SmallVector<OpOperand *> others;
  for (OpOperand &use : value.getUses()) {
    auto cast = dyn_cast<tensor::CastOp>(use.getOwner());
    if (cast && isa<RankedTensorType>(cast.getType()))
      widen(builder, cast.getResult(), element);
    else if (!isa<MixOp>(use.getOwner()))
      others.push_back(&use);
  }
  if (others.empty())
    return;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointAfterValue(value);
  Value rounded = arith::TruncFOp::create(builder, value.getLoc(), type, value);
  for (OpOperand *use : others)
    use->set(rounded);
}

/// Has the operator that makes `branch`, if there is one, give it in the
/// compute type instead of rounding it.
static void takeUnrounded(OpBuilder &builder, Value branch, Type compute) {
  // spec: MX-3
  while (auto cast = branch.getDefiningOp<tensor::CastOp>())
    branch = cast.getSource();
  auto attention = branch.getDefiningOp<AttentionOp>();
  if (attention && branch == attention.getOutput())
    compute =
        getComputeType(getElementTypeOrSelf(attention.getQuery().getType()));
  else if (!branch.getDefiningOp<MixOp>())
    return;
  Type element = getElementTypeOrSelf(branch.getType());
  if (element.getIntOrFloatBitWidth() < compute.getIntOrFloatBitWidth())
    widen(builder, branch, compute);
}

SmallVector<CascadeOp> attn::expandMix(MixOp op, OpBuilder &builder) {
  static constexpr StringRef ranks[] = {"b", "h", "m", "f"};
  Location loc = op.getLoc();
  auto type = cast<RankedTensorType>(op.getResult().getType());
  Type compute = getComputeType(type.getElementType());
  for (Value branch : op.getBranches())
    takeUnrounded(builder, branch, compute);
  SmallVector<Value> branches(op.getBranches());

  // One sum after the other: each joins the branch that it adds, which then
  // reads what the branches before it came to. The branch stands first, so that
  // the sum becomes part of it rather than of an earlier one.
  SmallVector<CascadeOp> cascades;
  Value sum = branches.front();
  ArrayRef<Value> rest = ArrayRef(branches).drop_front();
  do {
    CascadeWriter writer(builder, loc);
    for (auto [position, rank] : llvm::enumerate(ranks)) {
      SmallVector<int64_t> extents{type.getDimSize(position)};
      for (Value branch : branches)
        extents.push_back(
            cast<RankedTensorType>(branch.getType()).getDimSize(position));
      writer.setExtent(rank, extents);
    }
    SmallVector<unsigned> terms;
    if (!rest.empty())
      terms.push_back(writer.addInput(rest.front()));
    terms.push_back(writer.addInput(sum));
    bool isLast = rest.size() < 2;
    Type resultType = isLast ? type : Type(writer.type(ranks, compute));
    auto cascade = CascadeOp::create(builder, loc, resultType, writer.inputs,
                                     CascadeSpace(), MappingAttr());
    OpBuilder::InsertionGuard guard(builder);
    Block *body = builder.createBlock(
        &cascade.getBody(), {}, TypeRange(ValueRange(writer.inputs)),
        SmallVector<Location>(writer.inputs.size(), loc));
    SmallVector<EinsumAccess> accesses;
    for (unsigned term : terms)
      accesses.push_back(writer.access(body->getArgument(term), ranks));
    Value mixed = EinsumOp::create(builder, loc, resultType,
                                   writer.names(ranks), accesses, std::nullopt,
                                   terms.size() == 1 ? identityBody : addBody)
                      .getResult();
    YieldOp::create(builder, loc, mixed);
    cascades.push_back(cascade);
    sum = cascade.getResult(0);
    if (!rest.empty())
      rest = rest.drop_front();
  } while (!rest.empty());
  op.getResult().replaceAllUsesWith(sum);
  op.erase();
  return cascades;
}
