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

/// The branch before it is rounded: an operator that makes it gives it in the
/// compute type instead, and other readers round for themselves.
static Value takeUnrounded(OpBuilder &builder, Value branch, Type compute) {
  auto type = cast<RankedTensorType>(branch.getType());
  // spec: MX-3
  if (type.getElementTypeBitWidth() >= compute.getIntOrFloatBitWidth())
    return branch;
  Operation *producer = branch.getDefiningOp();
  if (auto cast = dyn_cast_or_null<tensor::CastOp>(producer)) {
    Value source = takeUnrounded(builder, cast.getSource(), compute);
    if (source == cast.getSource())
      return branch;
    return tensor::CastOp::create(builder, cast.getLoc(), type.clone(compute),
                                  source);
  }
  if (!isa_and_nonnull<AttentionOp, MixOp>(producer) ||
      branch != producer->getResult(0))
    return branch;
  if (auto attention = dyn_cast<AttentionOp>(producer))
    compute =
        getComputeType(cast<RankedTensorType>(attention.getQuery().getType())
                           .getElementType());
  branch.setType(type.clone(compute));
  if (!branch.hasOneUse()) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointAfter(producer);
    auto rounded =
        arith::TruncFOp::create(builder, producer->getLoc(), type, branch);
    branch.replaceUsesWithIf(rounded, [&](OpOperand &use) {
      return use.getOwner() != rounded && !isa<MixOp>(use.getOwner());
    });
  }
  return branch;
}

SmallVector<CascadeOp> attn::expandMix(MixOp op, OpBuilder &builder) {
  static constexpr StringRef ranks[] = {"b", "h", "m", "f"};
  Location loc = op.getLoc();
  auto type = cast<RankedTensorType>(op.getResult().getType());
  Type compute = getComputeType(type.getElementType());
  SmallVector<Value> branches;
  for (unsigned index = 0; index < op.getBranches().size(); ++index)
    branches.push_back(
        takeUnrounded(builder, op.getBranches()[index], compute));

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
