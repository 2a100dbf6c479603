//===- WorkspaceBytes.cpp - Sizes of buffers in a workspace ---------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WorkspaceBytes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

Value attn::createWorkspaceBytes(OpBuilder &builder, Location loc,
                                 int64_t staticBytes, ValueRange extents) {
  constexpr int64_t kLargest = int64_t(1) << 58;
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  if (extents.empty())
    return constant(std::min<int64_t>(
        kLargest, llvm::alignTo(staticBytes, kWorkspaceAlignment)));
  // The product in floating point tells whether the one in integers wrapped.
  Type f64 = builder.getF64Type(), i64 = builder.getI64Type();
  Value bytes = constant(staticBytes);
  Value estimate = arith::ConstantOp::create(
      builder, loc, builder.getF64FloatAttr(static_cast<double>(staticBytes)));
  for (Value extent : extents) {
    bytes = arith::MulIOp::create(builder, loc, bytes, extent);
    Value integer = arith::IndexCastOp::create(builder, loc, i64, extent);
    Value number = arith::SIToFPOp::create(builder, loc, f64, integer);
    estimate = arith::MulFOp::create(builder, loc, estimate, number);
  }
  Value padded = arith::AddIOp::create(builder, loc, bytes,
                                       constant(kWorkspaceAlignment - 1));
  Value lines = arith::DivUIOp::create(builder, loc, padded,
                                       constant(kWorkspaceAlignment));
  bytes =
      arith::MulIOp::create(builder, loc, lines, constant(kWorkspaceAlignment));
  Value limit = arith::ConstantOp::create(
      builder, loc, builder.getF64FloatAttr(static_cast<double>(kLargest)));
  Value fits = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT,
                                     estimate, limit);
  return arith::SelectOp::create(builder, loc, fits, bytes, constant(kLargest));
}
