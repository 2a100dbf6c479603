//===- AttentionNormaliser.cpp - From scores to weights -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionExpander.h"

using namespace mlir;
using namespace mlir::attn;

/// The softmax: maximum, numerators, denominator, weights.
NormalisedWeights AttentionExpander::normalise(Value score) {
  EinsumAccess scoreAccess = writer.access(score, scoreRanks);
  Value maximum = writer.einsum(compute, rowRanks, scoreAccess, identityBody,
                                ReductionKind::Max, {"n"});
  setName(maximum, "X");
  EinsumAccess keyMaximumAccess = writer.access(maximum, rowRanks);
  std::optional<EinsumAccess> sink;
  if (sinks) {
    sink = writer.access(body->getArgument(*sinks), {"k", "g"});
    maximum = writer.einsum(compute, rowRanks,
                            {writer.access(maximum, rowRanks), *sink}, maxBody);
    setName(maximum, "X");
  }
  EinsumAccess maximumAccess = writer.access(maximum, rowRanks);
  Value numerator = writer.einsum(
      compute, scoreRanks, {scoreAccess, maximumAccess}, expDifferenceBody);
  setName(numerator, "P");
  numerator = applyRenormalised(numerator, /*positive=*/false);
  EinsumAccess numeratorAccess = writer.access(numerator, scoreRanks);
  Value denominator = writer.einsum(compute, rowRanks, numeratorAccess,
                                    identityBody, ReductionKind::Add, {"n"});
  setName(denominator, "D");
  if (sink) {
    denominator = writer.einsum(
        compute, rowRanks,
        {writer.access(denominator, rowRanks), *sink, maximumAccess,
         keyMaximumAccess},
        [](OpBuilder &builder, Location loc, ValueRange args) -> Value {
          Value sum = arith::AddFOp::create(
              builder, loc, args[0],
              expDifferenceBody(builder, loc, args.slice(1, 2)));
          return dropDeadRow(builder, loc, sum, args[3]);
        });
    setName(denominator, "D");
  }
  EinsumAccess denominatorAccess = writer.access(denominator, rowRanks);

  // Weights and output.
  Value weights = writer.einsum(compute, scoreRanks,
                                {numeratorAccess, denominatorAccess}, divBody);
  setName(weights, "W");
  return {weights, maximum, denominator};
}
