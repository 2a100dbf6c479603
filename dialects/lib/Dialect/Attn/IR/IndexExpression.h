//===- IndexExpression.h - Ranks and index expressions in assembly ---*- C++ -*
//-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_IR_INDEXEXPRESSION_H
#define ATTN_LIB_DIALECT_ATTN_IR_INDEXEXPRESSION_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// Names met while parsing index expressions. A lower-case name is a rank and
/// becomes a dimension; an upper-case one is the extent of the rank it
/// capitalises and becomes a symbol.
class RankTable {
public:
  explicit RankTable(MLIRContext *context) : context(context) {}

  /// The dimension of `rank`, added if new.
  AffineExpr getRank(StringAttr rank);
  /// The symbol of the extent of `rank`, added if new.
  AffineExpr getExtent(StringAttr rank);
  ArrayRef<StringAttr> getRanks() const { return ranks; }
  ArrayRef<StringAttr> getExtents() const { return extents; }
  /// The map of `exprs` with its dimensions in the order of `order`.
  AffineMap getMap(ArrayRef<AffineExpr> exprs,
                   ArrayRef<StringAttr> order) const;

private:
  MLIRContext *context;
  SmallVector<StringAttr> ranks, extents;
};

/// Parses one rank name and appends it.
ParseResult parseRankName(AsmParser &parser,
                          SmallVectorImpl<StringAttr> &ranks);
/// Parses `[a,b,...]`.
ParseResult parseRankList(AsmParser &parser,
                          SmallVectorImpl<StringAttr> &ranks);
/// Parses `%t[expr, ...]`.
ParseResult parseIndexedOperand(OpAsmParser &parser, RankTable &table,
                                OpAsmParser::UnresolvedOperand &operand,
                                SmallVectorImpl<AffineExpr> &exprs);
/// Prints `%t[expr,...]`.
void printIndexedOperand(OpAsmPrinter &printer, const EinsumAccess &access);
/// The name of the extent of `rank`: its first letter upper-cased.
std::string getExtentName(StringAttr rank);

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_IR_INDEXEXPRESSION_H
