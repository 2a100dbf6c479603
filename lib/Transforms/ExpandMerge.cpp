//===- ExpandMerge.cpp - Write attn.merge as a cascade ----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CascadeWriter.h"
#include "attn/Transforms/Transforms.h"

using namespace mlir;
using namespace mlir::attn;

CascadeOp attn::expandMerge(MergeOp op, OpBuilder &builder) {
  Location loc = op.getLoc();
  CascadeWriter writer(builder, loc);
  static constexpr StringRef row[] = {"b", "h", "m"};
  static constexpr StringRef full[] = {"b", "h", "m", "f"};
  auto output = cast<RankedTensorType>(op.getOutput().getType());
  Type compute = getComputeType(output.getElementType());
  for (auto [position, rank] : llvm::enumerate(full))
    writer.setExtent(rank, {output.getDimSize(position)});
  SmallVector<unsigned> outputs, lses;
  for (auto [part, lse] : llvm::zip(op.getOutputs(), op.getLses())) {
    outputs.push_back(writer.addInput(part));
    lses.push_back(writer.addInput(lse));
  }
  std::optional<unsigned> sinks;
  if (op.getSinks())
    sinks = writer.addInput(op.getSinks());

  auto cascade =
      CascadeOp::create(builder, loc, op.getResultTypes(), writer.inputs,
                        CascadeSpace(), MappingAttr());
  OpBuilder::InsertionGuard guard(builder);
  Block *body =
      builder.createBlock(&cascade.getBody(), cascade.getBody().end(),
                          TypeRange(ValueRange(writer.inputs)),
                          SmallVector<Location>(writer.inputs.size(), loc));

  // The maximum starts at the least finite number: a row that no part has seen
  // has -inf everywhere, and weights 0.
  SmallVector<EinsumAccess> logits;
  for (unsigned lse : lses)
    logits.push_back(writer.access(body->getArgument(lse), row));
  if (sinks)
    logits.push_back(writer.access(body->getArgument(*sinks), {"h"}));
  auto leastMaxBody = [&](OpBuilder &builder, Location loc,
                          ValueRange args) -> Value {
    auto type = cast<FloatType>(compute);
    Value result = arith::ConstantOp::create(
        builder, loc,
        builder.getFloatAttr(type, APFloat::getLargest(type.getFloatSemantics(),
                                                       /*Negative=*/true)));
    for (Value arg : args)
      result = arith::MaximumFOp::create(builder, loc, result, arg);
    return result;
  };
  Value maximum = writer.einsum(compute, row, logits, leastMaxBody);
  EinsumAccess maximumAccess = writer.access(maximum, row);
  Value keyMaximum = maximum;
  if (sinks)
    keyMaximum = writer.einsum(
        compute, row, ArrayRef(logits).take_front(lses.size()), leastMaxBody);

  // Weights, their sum, and the weighted sum of the parts.
  auto sumBody = [](OpBuilder &builder, Location loc, ValueRange args) {
    Value sum = args[0];
    for (Value arg : args.drop_front())
      sum = arith::AddFOp::create(builder, loc, sum, arg);
    return sum;
  };
  SmallVector<EinsumAccess> weights, terms;
  for (auto [index, logit] : llvm::enumerate(logits)) {
    bool isSink = index == lses.size();
    ArrayRef<StringRef> ranks(row);
    Value weight = writer.einsum(compute, ranks, {logit, maximumAccess},
                                 expDifferenceBody);
    weights.push_back(writer.access(weight, row));
    if (isSink)
      continue;
    Value term =
        writer.einsum(compute, full,
                      {weights.back(),
                       writer.access(body->getArgument(outputs[index]), full)},
                      mulBody);
    terms.push_back(writer.access(term, full));
  }
  if (sinks)
    weights.push_back(writer.access(keyMaximum, row));
  Value sum = writer.einsum(
      compute, row, weights,
      [&](OpBuilder &builder, Location loc, ValueRange args) -> Value {
        if (!sinks)
          return sumBody(builder, loc, args);
        return dropDeadRow(
            builder, loc, sumBody(builder, loc, args.drop_back()), args.back());
      });
  EinsumAccess sumAccess = writer.access(sum, row);
  Value total = writer.einsum(compute, full, terms, sumBody);
  SmallVector<Value> results{
      EinsumOp::create(
          builder, loc, Type(op.getOutput().getType()), writer.names(full),
          ArrayRef<EinsumAccess>{writer.access(total, full), sumAccess},
          std::nullopt, divBody)
          .getResult()};
  if (op.getLse())
    results.push_back(
        EinsumOp::create(builder, loc, Type(op.getLse().getType()),
                         writer.names(row),
                         ArrayRef<EinsumAccess>{maximumAccess, sumAccess},
                         std::nullopt, addLogBody)
            .getResult());
  YieldOp::create(builder, loc, results);
  op->replaceAllUsesWith(cascade.getResults());
  op->erase();
  return cascade;
}
