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

/// What counts heads where an atom that differs by head does not say it.
inline constexpr StringLiteral kHeadRank = "h";

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

  /// An index tensor and its own index expressions.
  struct Data {
    OpAsmParser::UnresolvedOperand operand;
    SmallVector<AffineExpr> exprs;
  };
  /// The symbol of an element of an index tensor; equal ones are one. It is
  /// given its place after the extents by `getMap`.
  AffineExpr getDataSymbol(const Data &index);
  ArrayRef<Data> getData() const { return data; }
  /// The map of the index expressions of an index tensor, without data.
  AffineMap getDataMap(ArrayRef<AffineExpr> exprs,
                       ArrayRef<StringAttr> order) const;

  /// Parentheses around what is being parsed, and operators in it so far:
  /// expressions are trees that functions walk by calling themselves.
  unsigned depth = 0, numOperators = 0;

private:
  AffineMap getMap(ArrayRef<AffineExpr> exprs, ArrayRef<StringAttr> order,
                   unsigned numData) const;

  MLIRContext *context;
  SmallVector<StringAttr> ranks, extents;
  SmallVector<Data> data;
};

/// Whether `expr` holds an index that is data, as a RankTable numbers them.
bool holdsData(AffineExpr expr);

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
/// Prints `%t[expr,...]`, and appends the numbers of the index tensors that it
/// is the first to name.
void printIndexedOperand(OpAsmPrinter &printer, const EinsumAccess &access,
                         SmallVectorImpl<unsigned> &indexOrder);
/// The name of the extent of `rank`: its first letter upper-cased.
std::string getExtentName(StringAttr rank);

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_IR_INDEXEXPRESSION_H
