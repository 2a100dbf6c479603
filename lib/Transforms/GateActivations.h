//===- GateActivations.h - What a gate's operand goes through ---*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TRANSFORMS_GATEACTIVATIONS_H
#define ATTN_LIB_TRANSFORMS_GATEACTIVATIONS_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// activation(x) for a scalar float.
Value buildActivation(OpBuilder &builder, Location loc, Activation activation,
                      Value x);

/// log(activation(x)) of a positive activation, without computing what could
/// underflow.
Value buildLogActivation(OpBuilder &builder, Location loc,
                         Activation activation, Value x);

} // namespace mlir::attn

#endif // ATTN_LIB_TRANSFORMS_GATEACTIVATIONS_H
