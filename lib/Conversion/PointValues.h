//===- PointValues.h - Values of points as code -----------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_POINTVALUES_H
#define ATTN_LIB_CONVERSION_POINTVALUES_H

#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/IR/Builders.h"

namespace mlir::attn {

/// Builds the value of kind `kind` of `results`, integers or indices of one
/// type.
Value buildPointValue(OpBuilder &builder, Location loc, PointValueKind kind,
                      ValueRange results);

/// The number that a table has for the head `head`, an index.
Value buildTableLookup(OpBuilder &builder, Location loc,
                       ArrayRef<int64_t> numbers, Value head);

/// Evaluates an affine expression on integers of the type of `dims`, of which
/// there is at least one.
Value buildAffineExpr(OpBuilder &builder, Location loc, AffineExpr expr,
                      ValueRange dims, ValueRange symbols);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_POINTVALUES_H
