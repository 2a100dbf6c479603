//===- IndexBuilder.h - Shorthands for index arithmetic --------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_INDEXBUILDER_H
#define ATTN_LIB_CONVERSION_INDEXBUILDER_H

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::attn {

/// Shorthands for code that computes with indices, where an item looks for its
/// tokens.
struct IndexBuilder {
  OpBuilder &builder;
  Location loc;

  Value constant(int64_t value) const {
    return arith::ConstantIndexOp::create(builder, loc, value);
  }
  Value add(Value a, Value b) const {
    return arith::AddIOp::create(builder, loc, a, b);
  }
  Value subtract(Value a, Value b) const {
    return arith::SubIOp::create(builder, loc, a, b);
  }
  Value times(Value a, int64_t factor) const {
    return arith::MulIOp::create(builder, loc, a, constant(factor));
  }
  /// Neither is negative.
  Value divide(Value a, Value b) const {
    return arith::DivUIOp::create(builder, loc, a, b);
  }
  Value floorDivide(Value value, int64_t divisor) const {
    AffineExpr dim = builder.getAffineDimExpr(0);
    return affine::AffineApplyOp::create(
        builder, loc, AffineMap::get(1, 0, dim.floorDiv(divisor)), value);
  }
  Value least(Value a, Value b) const {
    return arith::MinSIOp::create(builder, loc, a, b);
  }
  Value most(Value a, Value b) const {
    return arith::MaxSIOp::create(builder, loc, a, b);
  }
  /// `value`, but at least 0 and at most `bound`.
  Value clamp(Value value, Value bound) const {
    return most(least(value, bound), constant(0));
  }
  Value compare(arith::CmpIPredicate predicate, Value a, Value b) const {
    return arith::CmpIOp::create(builder, loc, predicate, a, b);
  }
  Value equal(Value a, Value b) const {
    return compare(arith::CmpIPredicate::eq, a, b);
  }
  /// `a` may be null, which is true.
  Value both(Value a, Value b) const {
    return a ? arith::AndIOp::create(builder, loc, a, b).getResult() : b;
  }
  Value select(Value condition, Value yes, Value no) const {
    return arith::SelectOp::create(builder, loc, condition, yes, no);
  }
  /// A binary search: `step` narrows bounds until they meet, and they meet at
  /// the result.
  Value
  search(Value low, Value high,
         function_ref<SmallVector<Value>(OpBuilder &, ValueRange)> step) const {
    Type type = builder.getIndexType();
    auto loop = scf::WhileOp::create(
        builder, loc, TypeRange{type, type}, ValueRange{low, high},
        [&](OpBuilder &body, Location, ValueRange bounds) {
          Value isOpen = IndexBuilder{body, loc}.compare(
              arith::CmpIPredicate::slt, bounds[0], bounds[1]);
          scf::ConditionOp::create(body, loc, isOpen, bounds);
        },
        [&](OpBuilder &body, Location, ValueRange bounds) {
          scf::YieldOp::create(body, loc, step(body, bounds));
        });
    return loop.getResult(0);
  }
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_INDEXBUILDER_H
