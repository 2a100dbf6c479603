//===- EinsumBody.h - What an einsum computes at one point ------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_EINSUMBODY_H
#define ATTN_LIB_CONVERSION_EINSUMBODY_H

#include "TileOperands.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::attn {

/// The map and the reduction of one einsum on tiles, at a scalar point or at
/// `width` lanes side by side. Whoever lays the points out in loops, registers
/// or threads computes them with this.
class EinsumBody {
public:
  /// `width` is the number of lanes, 0 for scalars. With `isOnGPU` maxima and
  /// minima are instructions that keep NaN, and a quotient in f32 that is
  /// rounded to 16 bits is within two units in the last place: one that is
  /// exact is a call, before which registers are spilled.
  EinsumBody(TileEinsumOp einsum, TileOperands &operands, int64_t width,
             bool isOnGPU = false)
      : einsum(einsum), loc(einsum.getLoc()), operands(operands), width(width),
        isOnGPU(isOnGPU) {}

  /// The map of `arguments` at a point, combined with `accumulator` if there is
  /// one. What `known` has results of is not computed, nor what it alone reads.
  Value emitMap(OpBuilder &builder, const TileCoordinates &at,
                ArrayRef<Value> arguments, Value accumulator,
                const IRMapping &known = IRMapping());
  /// What `op` of the map reads at a point.
  SmallVector<Value> emitOperands(OpBuilder &builder, const TileCoordinates &at,
                                  ArrayRef<Value> arguments, Operation *op);
  /// Two values under the reduction.
  Value combine(OpBuilder &builder, Value accumulator, Value value);
  /// The value that the reduction starts from, of `type`.
  Value getIdentity(OpBuilder &builder, Type type);

private:
  void emitOp(OpBuilder &builder, const TileCoordinates &at, Operation &op,
              IRMapping &mapping);
  SmallVector<Value> mapOperands(OpBuilder &builder, ValueRange values,
                                 const IRMapping &mapping);
  void cloneOp(OpBuilder &builder, Operation &op, IRMapping &mapping);
  Value emitApproximation(OpBuilder &builder, Operation &op,
                          ArrayRef<Value> operands);
  Value toVector(OpBuilder &builder, Value value);

  TileEinsumOp einsum;
  Location loc;
  TileOperands &operands;
  int64_t width;
  bool isOnGPU;
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_EINSUMBODY_H
