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

/// Symbols of data stand behind all extents while it is not known how many
/// there will be.
static constexpr unsigned kFirstData = 1u << 30;

AffineExpr RankTable::getDataSymbol(const Data &index) {
  const auto *found = llvm::find_if(data, [&](const Data &other) {
    return other.operand.name == index.operand.name &&
           other.operand.number == index.operand.number &&
           other.exprs == index.exprs;
  });
  unsigned number = found - data.begin();
  if (found == data.end())
    data.push_back(index);
  return getAffineSymbolExpr(kFirstData + number, context);
}

bool attn::holdsData(AffineExpr expr) {
  bool found = false;
  expr.walk([&](AffineExpr inner) {
    auto symbol = dyn_cast<AffineSymbolExpr>(inner);
    found |= symbol && symbol.getPosition() >= kFirstData;
  });
  return found;
}

AffineMap RankTable::getMap(ArrayRef<AffineExpr> exprs,
                            ArrayRef<StringAttr> order,
                            unsigned numData) const {
  llvm::DenseMap<AffineExpr, AffineExpr> places;
  for (auto [position, rank] : llvm::enumerate(ranks))
    places[getAffineDimExpr(position, context)] = getAffineDimExpr(
        std::distance(order.begin(), llvm::find(order, rank)), context);
  for (unsigned number = 0; number < numData; ++number)
    places[getAffineSymbolExpr(kFirstData + number, context)] =
        getAffineSymbolExpr(extents.size() + number, context);
  SmallVector<AffineExpr> renamed;
  for (AffineExpr expr : exprs)
    renamed.push_back(expr.replace(places));
  return AffineMap::get(order.size(), extents.size() + numData, renamed,
                        context);
}

AffineMap RankTable::getMap(ArrayRef<AffineExpr> exprs,
                            ArrayRef<StringAttr> order) const {
  return getMap(exprs, order, data.size());
}

AffineMap RankTable::getDataMap(ArrayRef<AffineExpr> exprs,
                                ArrayRef<StringAttr> order) const {
  return getMap(exprs, order, /*numData=*/0);
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

static ParseResult parseExpression(OpAsmParser &parser, RankTable &table,
                                   AffineExpr &expr);

/// Parses the indices of an index tensor, whose name has been parsed.
// spec: EI-13
static ParseResult parseData(OpAsmParser &parser, RankTable &table,
                             const OpAsmParser::UnresolvedOperand &operand,
                             AffineExpr &expr) {
  RankTable::Data index{operand, {}};
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&]() {
        return parseExpression(parser, table, index.exprs.emplace_back());
      }))
    return failure();
  if (llvm::any_of(index.exprs, holdsData))
    return parser.emitError(location, "the indices of an index tensor are "
                                      "affine in ranks; they may not be data");
  expr = table.getDataSymbol(index);
  return success();
}

/// How large an index expression may be.
static constexpr unsigned kMostNested = 64, kMostOperators = 1000;

static ParseResult countOperator(OpAsmParser &parser, SMLoc location,
                                 RankTable &table) {
  // spec: EI-10
  if (++table.numOperators <= kMostOperators)
    return success();
  return parser.emitError(location) << "an index expression has at most "
                                    << kMostOperators << " operators";
}

static ParseResult parseFactor(OpAsmParser &parser, RankTable &table,
                               AffineExpr &expr) {
  MLIRContext *context = parser.getContext();
  SMLoc start = parser.getCurrentLocation();
  if (succeeded(parser.parseOptionalLParen())) {
    // spec: EI-10
    if (table.depth == kMostNested)
      return parser.emitError(start) << "index expressions nest at most "
                                     << kMostNested << " parentheses";
    ++table.depth;
    ParseResult inner = parseExpression(parser, table, expr);
    --table.depth;
    return failure(inner || parser.parseRParen());
  }
  OpAsmParser::UnresolvedOperand operand;
  OptionalParseResult data = parser.parseOptionalOperand(operand);
  if (data.has_value()) {
    if (failed(*data))
      return failure();
    return parseData(parser, table, operand, expr);
  }
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
static ParseResult parseTerm(OpAsmParser &parser, RankTable &table,
                             AffineExpr &expr) {
  if (parseFactor(parser, table, expr))
    return failure();
  while (true) {
    SMLoc location = parser.getCurrentLocation();
    AffineExpr right;
    if (succeeded(parser.parseOptionalStar())) {
      if (countOperator(parser, location, table) ||
          parseFactor(parser, table, right))
        return failure();
      auto varies = [](AffineExpr factor) {
        return !factor.isSymbolicOrConstant() || holdsData(factor);
      };
      if (varies(expr) && varies(right))
        return parser.emitError(location, "index expressions are affine: one "
                                          "factor must be a constant or an "
                                          "extent");
      expr = expr * right;
      continue;
    }
    bool isMod = succeeded(parser.parseOptionalKeyword("mod"));
    if (!isMod && failed(parser.parseOptionalKeyword("floordiv")))
      return success();
    if (countOperator(parser, location, table) ||
        parseFactor(parser, table, right))
      return failure();
    auto divisor = dyn_cast<AffineConstantExpr>(right);
    if (!divisor || divisor.getValue() <= 0)
      return parser.emitError(location, "'mod' and 'floordiv' take a positive "
                                        "constant");
    expr = isMod ? expr % right : expr.floorDiv(right);
  }
}

static ParseResult parseExpression(OpAsmParser &parser, RankTable &table,
                                   AffineExpr &expr) {
  bool negate = succeeded(parser.parseOptionalMinus());
  if (parseTerm(parser, table, expr))
    return failure();
  if (negate)
    expr = -expr;
  while (true) {
    SMLoc location = parser.getCurrentLocation();
    bool isPlus = succeeded(parser.parseOptionalPlus());
    if (!isPlus && failed(parser.parseOptionalMinus()))
      return success();
    AffineExpr right;
    if (countOperator(parser, location, table) ||
        parseTerm(parser, table, right))
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
    table.numOperators = 0;
    return parseExpression(parser, table, exprs.emplace_back());
  });
}

static void printIndices(OpAsmPrinter &printer, AffineMap map,
                         const EinsumAccess &access,
                         SmallVectorImpl<unsigned> &indexOrder);

/// Prints `expr` with rank names. `level` is 0 where a sum may stand bare, 1 on
/// the left of a product, 2 on its right, where another product may not.
static void printExpression(OpAsmPrinter &printer, AffineExpr expr,
                            const EinsumAccess &access, int level,
                            SmallVectorImpl<unsigned> &indexOrder) {
  raw_ostream &os = printer.getStream();
  auto print = [&](AffineExpr part, int partLevel) {
    printExpression(printer, part, access, partLevel, indexOrder);
  };
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
    if (const DataIndex *index = access.getData(symbol.getPosition())) {
      unsigned number = index - access.data.begin();
      if (!llvm::is_contained(indexOrder, number))
        indexOrder.push_back(number);
      printer << index->tensor;
      printIndices(printer, index->map, access, indexOrder);
      return;
    }
    os << getExtentName(access.extents[symbol.getPosition()]);
    return;
  }
  auto binary = cast<AffineBinaryOpExpr>(expr);
  bool isSum = binary.getKind() == AffineExprKind::Add;
  bool isNested = level > (isSum ? 0 : 1);
  if (isNested)
    os << "(";
  print(binary.getLHS(), isSum ? 0 : 1);
  switch (binary.getKind()) {
  case AffineExprKind::Add: {
    // a + b * -1 reads better as a - b.
    AffineExpr right = binary.getRHS();
    if (auto constant = dyn_cast<AffineConstantExpr>(right);
        constant && constant.getValue() < 0 &&
        constant.getValue() != std::numeric_limits<int64_t>::min()) {
      os << " - " << -constant.getValue();
      break;
    }
    if (auto product = dyn_cast<AffineBinaryOpExpr>(right);
        product && product.getKind() == AffineExprKind::Mul)
      if (auto factor = dyn_cast<AffineConstantExpr>(product.getRHS());
          factor && factor.getValue() == -1) {
        os << " - ";
        print(product.getLHS(), 2);
        break;
      }
    os << "+";
    print(right, 0);
    break;
  }
  case AffineExprKind::Mul:
    os << "*";
    print(binary.getRHS(), 2);
    break;
  case AffineExprKind::Mod:
    os << " mod ";
    print(binary.getRHS(), 2);
    break;
  default:
    os << " floordiv ";
    print(binary.getRHS(), 2);
    break;
  }
  if (isNested)
    os << ")";
}

static void printIndices(OpAsmPrinter &printer, AffineMap map,
                         const EinsumAccess &access,
                         SmallVectorImpl<unsigned> &indexOrder) {
  printer << "[";
  llvm::interleave(
      map.getResults(), printer,
      [&](AffineExpr expr) {
        printExpression(printer, expr, access, 0, indexOrder);
      },
      ",");
  printer << "]";
}

void attn::printIndexedOperand(OpAsmPrinter &printer,
                               const EinsumAccess &access,
                               SmallVectorImpl<unsigned> &indexOrder) {
  printer << access.tensor;
  printIndices(printer, access.map, access, indexOrder);
}
