//===- AttentionNormaliser.cpp - From scores to weights -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionExpander.h"
#include "GateActivations.h"

using namespace mlir;
using namespace mlir::attn;

/// The softmax: maximum, numerators, denominator, weights. A sink, or the 1
/// that joins the denominator as exp(0), is one more score without a value.
NormalisedWeights AttentionExpander::applySoftmax(Value score) {
  EinsumAccess scoreAccess = writer.access(score, scoreRanks);
  Value maximum = writer.einsum(compute, rowRanks, scoreAccess, identityBody,
                                ReductionKind::Max, {"n"});
  setName(maximum, "X");
  EinsumAccess keyMaximumAccess = writer.access(maximum, rowRanks);
  SmallVector<EinsumAccess, 1> sink;
  if (sinks)
    sink.push_back(writer.access(body->getArgument(*sinks), {"k", "g"}));
  bool hasSink = sinks || op.getNormaliser() == Normaliser::SoftmaxPlusOne;
  // The sink is the second argument of the maps that read it.
  auto getSink = [&](OpBuilder &builder, Location loc, ValueRange args) {
    return sink.empty() ? constant(builder, loc, compute, 0.0) : args[1];
  };
  if (hasSink) {
    SmallVector<EinsumAccess> accesses{keyMaximumAccess};
    llvm::append_range(accesses, sink);
    maximum = writer.einsum(
        compute, rowRanks, accesses,
        [&](OpBuilder &builder, Location loc, ValueRange args) -> Value {
          return arith::MaximumFOp::create(builder, loc, args[0],
                                           getSink(builder, loc, args));
        });
    setName(maximum, "X");
  }
  EinsumAccess maximumAccess = writer.access(maximum, rowRanks);
  Value numerator = writer.einsum(
      compute, scoreRanks, {scoreAccess, maximumAccess}, expDifferenceBody);
  setName(numerator, "P");
  numerator = applyRenormalised(numerator, /*inLogForm=*/false);
  EinsumAccess numeratorAccess = writer.access(numerator, scoreRanks);
  Value denominator = writer.einsum(compute, rowRanks, numeratorAccess,
                                    identityBody, ReductionKind::Add, {"n"});
  setName(denominator, "D");
  if (hasSink) {
    SmallVector<EinsumAccess> accesses{writer.access(denominator, rowRanks)};
    llvm::append_range(accesses, sink);
    accesses.append({maximumAccess, keyMaximumAccess});
    denominator = writer.einsum(
        compute, rowRanks, accesses,
        [&](OpBuilder &builder, Location loc, ValueRange args) -> Value {
          Value term = expDifferenceBody(
              builder, loc,
              {getSink(builder, loc, args), args.take_back(2).front()});
          Value sum = arith::AddFOp::create(builder, loc, args[0], term);
          return dropDeadRow(builder, loc, sum, args.back());
        });
    setName(denominator, "D");
  }
  Value weights = writer.einsum(
      compute, scoreRanks,
      {numeratorAccess, writer.access(denominator, rowRanks)}, divBody);
  setName(weights, "W");
  return {weights, maximum, denominator};
}

/// Scores over their sum, the sum of their magnitudes, or the root of the sum
/// of their squares. A quotient by 0 is 0 in a map (MR-2).
NormalisedWeights AttentionExpander::divideBySum(Value score) {
  Normaliser kind = op.getNormaliser();
  score = applyRenormalised(score, /*inLogForm=*/false);
  EinsumAccess scoreAccess = writer.access(score, scoreRanks);
  Value denominator = writer.einsum(
      compute, rowRanks, scoreAccess,
      [&](OpBuilder &builder, Location loc, ValueRange args) -> Value {
        if (kind == Normaliser::L1)
          return math::AbsFOp::create(builder, loc, args[0]);
        if (kind == Normaliser::L2)
          return arith::MulFOp::create(builder, loc, args[0], args[0]);
        return args[0];
      },
      ReductionKind::Add, {"n"});
  setName(denominator, "D");
  if (kind == Normaliser::L2) {
    denominator = writer.einsum(
        compute, rowRanks, writer.access(denominator, rowRanks),
        [](OpBuilder &builder, Location loc, ValueRange args) -> Value {
          return math::SqrtOp::create(builder, loc, args[0]);
        });
    setName(denominator, "D");
  }
  Value weights = writer.einsum(
      compute, scoreRanks, {scoreAccess, writer.access(denominator, rowRanks)},
      divBody);
  setName(weights, "W");
  return {weights, Value(), denominator};
}

NormalisedWeights AttentionExpander::normalise(Value score) {
  switch (op.getNormaliser()) {
  case Normaliser::Softmax:
  case Normaliser::SoftmaxPlusOne:
    return applySoftmax(score);
  case Normaliser::Sigmoid: {
    Value weights = writer.einsum(
        compute, scoreRanks, writer.access(score, scoreRanks),
        [](OpBuilder &builder, Location loc, ValueRange args) {
          return buildActivation(builder, loc, Activation::Sigmoid, args[0]);
        });
    setName(weights, "W");
    return {weights, Value(), Value()};
  }
  case Normaliser::None:
    return {score, Value(), Value()};
  case Normaliser::Sum:
  case Normaliser::L1:
  case Normaliser::L2:
    return divideBySum(score);
  }
  llvm_unreachable("no such normaliser");
}

/// The number of live keys of each row.
Value AttentionExpander::countLiveKeys(Value score) {
  Value count =
      writer.einsum(compute, rowRanks, writer.access(score, scoreRanks),
                    [&](OpBuilder &builder, Location loc, ValueRange) -> Value {
                      return constant(builder, loc, compute, 1.0);
                    },
                    ReductionKind::Add, {"n"});
  setName(count, "N");
  return count;
}
