//===- GateActivations.cpp - What a gate's operand goes through -----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GateActivations.h"
#include "CascadeWriter.h"

using namespace mlir;
using namespace mlir::attn;

static Value sigmoid(OpBuilder &builder, Location loc, Value x) {
  Value one = constant(builder, loc, x.getType(), 1.0);
  Value decay =
      math::ExpOp::create(builder, loc, arith::NegFOp::create(builder, loc, x));
  return arith::DivFOp::create(builder, loc, one,
                               arith::AddFOp::create(builder, loc, one, decay));
}

/// log(1 + exp(x)) as max(x, 0) + log(1 + exp(-|x|)), which overflows nowhere.
static Value softplus(OpBuilder &builder, Location loc, Value x) {
  Value zero = constant(builder, loc, x.getType(), 0.0);
  Value magnitude = math::AbsFOp::create(builder, loc, x);
  Value rest = math::Log1pOp::create(
      builder, loc,
      math::ExpOp::create(builder, loc,
                          arith::NegFOp::create(builder, loc, magnitude)));
  return arith::AddFOp::create(
      builder, loc, arith::MaximumFOp::create(builder, loc, x, zero), rest);
}

Value attn::buildActivation(OpBuilder &builder, Location loc,
                            Activation activation, Value x) {
  switch (activation) {
  case Activation::None:
    return x;
  case Activation::Sigmoid:
    return sigmoid(builder, loc, x);
  case Activation::Silu:
    return arith::MulFOp::create(builder, loc, x, sigmoid(builder, loc, x));
  case Activation::Tanh:
    return math::TanhOp::create(builder, loc, x);
  case Activation::Softplus:
    return softplus(builder, loc, x);
  case Activation::Exp:
    return math::ExpOp::create(builder, loc, x);
  }
  llvm_unreachable("no such activation");
}

Value attn::buildLogActivation(OpBuilder &builder, Location loc,
                               Activation activation, Value x) {
  switch (activation) {
  case Activation::Exp:
    return x;
  case Activation::Sigmoid:
    // log(1 / (1 + exp(-x)))
    return arith::NegFOp::create(
        builder, loc,
        softplus(builder, loc, arith::NegFOp::create(builder, loc, x)));
  case Activation::Softplus: {
    // Far below 0 softplus(x) is exp(x) to the last bit, and underflows.
    Value far = constant(builder, loc, x.getType(), -40.0);
    Value isFar =
        arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT, x, far);
    Value near = math::LogOp::create(builder, loc, softplus(builder, loc, x));
    return arith::SelectOp::create(builder, loc, isFar, x, near);
  }
  case Activation::None:
  case Activation::Silu:
  case Activation::Tanh:
    break;
  }
  llvm_unreachable("the activation is not positive");
}
