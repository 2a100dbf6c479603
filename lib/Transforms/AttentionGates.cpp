//===- AttentionGates.cpp - Gates of attention as einsums -----------------===//
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

/// Whether a gate on queries, keys or values is one number for all features. It
/// is then a factor of the scores, or of the weights, and the operand stays as
/// it lies: sum_e (q g) k = g sum_e q k, and sum_n p (v g) = sum_n (p g) v.
static bool isOfRows(GateAttr gate, ArrayRef<StringRef> ranks) {
  switch (gate.getPlace()) {
  case GatePlace::Query:
  case GatePlace::Key:
    return !llvm::is_contained(ranks, "e");
  case GatePlace::Value:
    return !llvm::is_contained(ranks, "f");
  default:
    return false;
  }
}

/// tensor * activation(gate).
EinsumAccess AttentionExpander::multiply(GateAttr gate, const Extra &extra,
                                         EinsumAccess access, StringRef name) {
  SmallVector<StringRef> ranks = llvm::map_to_vector(
      access.ranks, [](StringAttr rank) { return rank.getValue(); });
  // A gate of its own for each query head makes a key of its own for each.
  if (llvm::is_contained(extra.ranks, "g") && !llvm::is_contained(ranks, "g"))
    ranks.insert(llvm::find(ranks, "k") + 1, "g");
  Activation activation = gate.getActivation();
  Value gated = writer.einsum(
      compute, ranks,
      {access, writer.access(body->getArgument(extra.input), extra.ranks)},
      [&](OpBuilder &builder, Location loc, ValueRange args) -> Value {
        Value factor = buildActivation(builder, loc, activation, args[1]);
        return arith::MulFOp::create(builder, loc, args[0], factor);
      });
  setName(gated, name);
  return writer.access(gated, ranks);
}

/// Applies every gate on `place` that is not renormalised, and no factor of
/// rows.
EinsumAccess AttentionExpander::applyGates(GatePlace place, EinsumAccess access,
                                           StringRef name) {
  for (const auto &[gate, extra] : gates)
    if (gate.getPlace() == place && !gate.getRenormalised() &&
        !isOfRows(gate, extra.ranks))
      access = multiply(gate, extra, access, name);
  return access;
}

/// Applies the gates on `place` that are factors of the rows of its operand to
/// `tensor`: scores, or weights.
Value AttentionExpander::applyRowGates(GatePlace place, Value tensor,
                                       StringRef name) {
  for (const auto &[gate, extra] : gates)
    if (gate.getPlace() == place && isOfRows(gate, extra.ranks))
      tensor =
          multiply(gate, extra, writer.access(tensor, scoreRanks), name).tensor;
  return tensor;
}

/// The renormalised gates on the weight: those of a softmax with a positive
/// activation join the score, P * g = exp(S + log g - X), the others multiply
/// the numerators.
Value AttentionExpander::applyRenormalised(Value tensor, bool inLogForm) {
  for (const auto &[gate, extra] : gates) {
    bool hasLogForm = op.isSoftmax() && gate.isPositive();
    if (!gate.getRenormalised() || hasLogForm != inLogForm)
      continue;
    Activation activation = gate.getActivation();
    tensor = writer.einsum(
        compute, scoreRanks,
        {writer.access(tensor, scoreRanks),
         writer.access(body->getArgument(extra.input), extra.ranks)},
        [&](OpBuilder &builder, Location loc, ValueRange args) -> Value {
          if (inLogForm)
            return arith::AddFOp::create(
                builder, loc, args[0],
                buildLogActivation(builder, loc, activation, args[1]));
          return arith::MulFOp::create(
              builder, loc, args[0],
              buildActivation(builder, loc, activation, args[1]));
        });
    setName(tensor, inLogForm ? "S" : "P");
  }
  return tensor;
}

/// output * activation(gate); a row where `live` is 0 stays 0, whatever its
/// gate holds.
Value AttentionExpander::applyOutputGates(Value output, Value live) {
  for (const auto &[gate, extra] : gates) {
    if (gate.getPlace() != GatePlace::Output)
      continue;
    Activation activation = gate.getActivation();
    output = writer.einsum(
        compute, outputRanks,
        {writer.access(output, outputRanks),
         writer.access(body->getArgument(extra.input), extra.ranks),
         writer.access(live, rowRanks)},
        [&](OpBuilder &builder, Location loc, ValueRange args) -> Value {
          Value factor = buildActivation(builder, loc, activation, args[1]);
          Value zero = constant(builder, loc, compute, 0.0);
          Value isDead = arith::CmpFOp::create(
              builder, loc, arith::CmpFPredicate::OEQ, args[2], zero);
          Value product = arith::MulFOp::create(builder, loc, args[0], factor);
          return arith::SelectOp::create(builder, loc, isDead, zero, product);
        });
    setName(output, "O");
  }
  return output;
}
