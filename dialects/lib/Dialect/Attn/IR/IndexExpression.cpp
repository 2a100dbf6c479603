//===- IndexExpression.cpp - Ranks and index expressions in assembly --- -===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "IndexExpression.h"
#include "mlir/IR/AffineExpr.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::attn;

static unsigned findOrAdd(SmallVectorImpl<StringAttr> &names, StringAttr name) {
  auto *found = llvm::find(names, name);
  if (found != names.end())
    return found - names.begin();
  names.push_back(name);
  return names.size() - 1;
}

AffineExpr RankTable::getRank(StringAttr rank) {
  return getAffineDimExpr(findOrAdd(ranks, rank), context);
}

AffineExpr RankTable::getExtent(StringAttr rank) {
  return getAffineSymbolExpr(findOrAdd(extents, rank), context);
}

AffineMap RankTable::getMap(ArrayRef<AffineExpr> exprs,
                            ArrayRef<StringAttr> order) const {
  SmallVector<AffineExpr> dims;
  for (StringAttr rank : ranks)
    dims.push_back(getAffineDimExpr(
        std::distance(order.begin(), llvm::find(order, rank)), context));
  SmallVector<AffineExpr> renamed;
  for (AffineExpr expr : exprs)
    renamed.push_back(expr.replaceDims(dims));
  return AffineMap::get(order.size(), extents.size(), renamed, context);
}

std::string attn::getExtentName(StringAttr rank) {
  std::string name = rank.getValue().str();
  name[0] = llvm::toUpper(name[0]);
  return name;
}

// spec: EI-1
ParseResult attn::parseRankName(AsmParser &parser,
                                SmallVectorImpl<StringAttr> &ranks) {
  SMLoc location = parser.getCurrentLocation();
  StringRef name;
  if (parser.parseKeyword(&name))
    return failure();
  if (!llvm::isLower(name.front()))
    return parser.emitError(location)
           << "rank names start with a lower-case letter; got '" << name << "'";
  ranks.push_back(StringAttr::get(parser.getContext(), name));
  return success();
}

ParseResult attn::parseRankList(AsmParser &parser,
                                SmallVectorImpl<StringAttr> &ranks) {
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&]() {
    return parseRankName(parser, ranks);
  });
}

static ParseResult parseExpression(AsmParser &parser, RankTable &table,
                                   AffineExpr &expr);

static ParseResult parseFactor(AsmParser &parser, RankTable &table,
                               AffineExpr &expr) {
  MLIRContext *context = parser.getContext();
  if (succeeded(parser.parseOptionalLParen()))
    return failure(parseExpression(parser, table, expr) ||
                   parser.parseRParen());
  int64_t constant;
  OptionalParseResult integer = parser.parseOptionalInteger(constant);
  if (integer.has_value()) {
    expr = getAffineConstantExpr(constant, context);
    return *integer;
  }
  SMLoc location = parser.getCurrentLocation();
  StringRef name;
  if (failed(parser.parseOptionalKeyword(&name)))
    return parser.emitError(location, "expected a rank, the extent of a rank, "
                                      "an integer or a parenthesis");
  if (llvm::isUpper(name.front())) {
    std::string rank = name.str();
    rank[0] = llvm::toLower(rank[0]);
    expr = table.getExtent(StringAttr::get(context, rank));
    return success();
  }
  if (!llvm::isLower(name.front()))
    return parser.emitError(location)
           << "rank names start with a lower-case letter; got '" << name << "'";
  expr = table.getRank(StringAttr::get(context, name));
  return success();
}

// spec: EI-10
static ParseResult parseTerm(AsmParser &parser, RankTable &table,
                             AffineExpr &expr) {
  if (parseFactor(parser, table, expr))
    return failure();
  while (true) {
    SMLoc location = parser.getCurrentLocation();
    AffineExpr right;
    if (succeeded(parser.parseOptionalStar())) {
      if (parseFactor(parser, table, right))
        return failure();
      if (!expr.isSymbolicOrConstant() && !right.isSymbolicOrConstant())
        return parser.emitError(location, "index expressions are affine: one "
                                          "factor must be a constant or an "
                                          "extent");
      expr = expr * right;
      continue;
    }
    bool isMod = succeeded(parser.parseOptionalKeyword("mod"));
    if (!isMod && failed(parser.parseOptionalKeyword("floordiv")))
      return success();
    if (parseFactor(parser, table, right))
      return failure();
    auto divisor = dyn_cast<AffineConstantExpr>(right);
    if (!divisor || divisor.getValue() <= 0)
      return parser.emitError(location, "'mod' and 'floordiv' take a positive "
                                        "constant");
    expr = isMod ? expr % right : expr.floorDiv(right);
  }
}

static ParseResult parseExpression(AsmParser &parser, RankTable &table,
                                   AffineExpr &expr) {
  bool negate = succeeded(parser.parseOptionalMinus());
  if (parseTerm(parser, table, expr))
    return failure();
  if (negate)
    expr = -expr;
  while (true) {
    bool isPlus = succeeded(parser.parseOptionalPlus());
    if (!isPlus && failed(parser.parseOptionalMinus()))
      return success();
    AffineExpr right;
    if (parseTerm(parser, table, right))
      return failure();
    expr = isPlus ? expr + right : expr - right;
  }
}

ParseResult attn::parseIndexedOperand(OpAsmParser &parser, RankTable &table,
                                      OpAsmParser::UnresolvedOperand &operand,
                                      SmallVectorImpl<AffineExpr> &exprs) {
  if (parser.parseOperand(operand))
    return failure();
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&]() {
    return parseExpression(parser, table, exprs.emplace_back());
  });
}

/// Prints `expr` with rank names. `level` is 0 where a sum may stand bare, 1 on
/// the left of a product, 2 on its right, where another product may not.
static void printExpression(raw_ostream &os, AffineExpr expr,
                            const EinsumAccess &access, int level) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    if (level > 0 && constant.getValue() < 0)
      os << "(" << constant.getValue() << ")";
    else
      os << constant.getValue();
    return;
  }
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    os << access.ranks[dim.getPosition()].getValue();
    return;
  }
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr)) {
    os << getExtentName(access.extents[symbol.getPosition()]);
    return;
  }
  auto binary = cast<AffineBinaryOpExpr>(expr);
  bool isSum = binary.getKind() == AffineExprKind::Add;
  bool isNested = level > (isSum ? 0 : 1);
  if (isNested)
    os << "(";
  printExpression(os, binary.getLHS(), access, isSum ? 0 : 1);
  switch (binary.getKind()) {
  case AffineExprKind::Add: {
    // a + b * -1 reads better as a - b.
    AffineExpr right = binary.getRHS();
    if (auto constant = dyn_cast<AffineConstantExpr>(right);
        constant && constant.getValue() < 0) {
      os << " - " << -constant.getValue();
      break;
    }
    if (auto product = dyn_cast<AffineBinaryOpExpr>(right);
        product && product.getKind() == AffineExprKind::Mul)
      if (auto factor = dyn_cast<AffineConstantExpr>(product.getRHS());
          factor && factor.getValue() == -1) {
        os << " - ";
        printExpression(os, product.getLHS(), access, 2);
        break;
      }
    os << "+";
    printExpression(os, right, access, 0);
    break;
  }
  case AffineExprKind::Mul:
    os << "*";
    printExpression(os, binary.getRHS(), access, 2);
    break;
  case AffineExprKind::Mod:
    os << " mod ";
    printExpression(os, binary.getRHS(), access, 2);
    break;
  default:
    os << " floordiv ";
    printExpression(os, binary.getRHS(), access, 2);
    break;
  }
  if (isNested)
    os << ")";
}

void attn::printIndexedOperand(OpAsmPrinter &printer,
                               const EinsumAccess &access) {
  printer << access.tensor << "[";
  llvm::interleave(
      access.map.getResults(), printer,
      [&](AffineExpr expr) {
        printExpression(printer.getStream(), expr, access, 0);
      },
      ",");
  printer << "]";
}
