//===- CascadeWriter.h - Build cascades einsum by einsum --------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TRANSFORMS_CASCADEWRITER_H
#define ATTN_LIB_TRANSFORMS_CASCADEWRITER_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

using MapBuilder = function_ref<Value(OpBuilder &, Location, ValueRange)>;

/// Collects the operands of a cascade before its body exists, and builds
/// einsums in it.
class CascadeWriter {
public:
  CascadeWriter(OpBuilder &builder, Location loc)
      : builder(builder), loc(loc), context(builder.getContext()) {}

  /// The position of `operand` among the inputs, added if new.
  unsigned addInput(Value operand) {
    auto *found = llvm::find(inputs, operand);
    if (found == inputs.end()) {
      inputs.push_back(operand);
      return inputs.size() - 1;
    }
    return found - inputs.begin();
  }

  void setExtent(StringRef rank, ArrayRef<int64_t> candidates) {
    int64_t extent = ShapedType::kDynamic;
    for (int64_t candidate : candidates)
      if (ShapedType::isDynamic(extent))
        extent = candidate;
    extents[rank] = extent;
  }

  SmallVector<StringAttr> names(ArrayRef<StringRef> ranks) const {
    return llvm::map_to_vector(
        ranks, [&](StringRef rank) { return StringAttr::get(context, rank); });
  }

  RankedTensorType type(ArrayRef<StringRef> ranks, Type element) const {
    return RankedTensorType::get(
        llvm::map_to_vector(
            ranks, [&](StringRef rank) { return extents.lookup(rank); }),
        element);
  }

  EinsumAccess access(Value tensor, ArrayRef<StringRef> ranks) const {
    return EinsumAccess::get(tensor, names(ranks));
  }

  Value einsum(Type element, ArrayRef<StringRef> ranks,
               ArrayRef<EinsumAccess> accesses, MapBuilder body,
               std::optional<ReductionKind> kind = std::nullopt,
               ArrayRef<StringRef> reduced = {}) {
    std::optional<EinsumReduction> reduction;
    if (kind)
      reduction = EinsumReduction{*kind, names(reduced)};
    return EinsumOp::create(builder, loc, Type(type(ranks, element)),
                            names(ranks), accesses, reduction, body)
        .getResult();
  }

  OpBuilder &builder;
  Location loc;
  MLIRContext *context;
  SmallVector<Value> inputs;
  llvm::StringMap<int64_t> extents;
};

inline Value constant(OpBuilder &builder, Location loc, Type type,
                      double value) {
  return arith::ConstantOp::create(builder, loc,
                                   builder.getFloatAttr(type, value));
}

inline Value mulBody(OpBuilder &builder, Location loc, ValueRange args) {
  return arith::MulFOp::create(builder, loc, args[0], args[1]);
}
inline Value divBody(OpBuilder &builder, Location loc, ValueRange args) {
  return arith::DivFOp::create(builder, loc, args[0], args[1]);
}
inline Value addBody(OpBuilder &builder, Location loc, ValueRange args) {
  return arith::AddFOp::create(builder, loc, args[0], args[1]);
}
inline Value maxBody(OpBuilder &builder, Location loc, ValueRange args) {
  return arith::MaximumFOp::create(builder, loc, args[0], args[1]);
}
inline Value identityBody(OpBuilder &, Location, ValueRange args) {
  return args[0];
}
inline Value expDifferenceBody(OpBuilder &builder, Location loc,
                               ValueRange args) {
  return math::ExpOp::create(
      builder, loc, arith::SubFOp::create(builder, loc, args[0], args[1]));
}
/// a + log(b)
inline Value addLogBody(OpBuilder &builder, Location loc, ValueRange args) {
  return arith::AddFOp::create(builder, loc, args[0],
                               math::LogOp::create(builder, loc, args[1]));
}

/// `sum`, or 0 in a row without a live key or whose every score is -inf: a sink
/// joins the denominator of rows that have one, so that the others give 0 and
/// a log-sum-exp of -inf. `maximum` is the maximum over the keys alone.
inline Value dropDeadRow(OpBuilder &builder, Location loc, Value sum,
                         Value maximum) {
  auto type = cast<FloatType>(sum.getType());
  Value least = arith::ConstantOp::create(
      builder, loc,
      builder.getFloatAttr(type, APFloat::getLargest(type.getFloatSemantics(),
                                                     /*Negative=*/true)));
  Value isDead = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLE,
                                       maximum, least);
  // A NaN score shows in the sum, not always in the maximum.
  Value isNumber =
      arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::ORD, sum, sum);
  isDead = arith::AndIOp::create(builder, loc, isDead, isNumber);
  return arith::SelectOp::create(builder, loc, isDead,
                                 constant(builder, loc, type, 0.0), sum);
}

} // namespace mlir::attn

#endif // ATTN_LIB_TRANSFORMS_CASCADEWRITER_H
