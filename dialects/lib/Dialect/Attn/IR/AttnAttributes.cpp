//===- AttnAttributes.cpp - Attributes of the attn dialect ------------- -===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::attn;

#include "attn/Dialect/Attn/IR/AttnEnums.cpp.inc"

//===----------------------------------------------------------------------===//
// Names and lists in assembly
//===----------------------------------------------------------------------===//

/// A name is printed bare where it can be.
static ParseResult parseName(AsmParser &parser, StringAttr &name) {
  std::string text;
  if (parser.parseKeywordOrString(&text))
    return failure();
  name = StringAttr::get(parser.getContext(), text);
  return success();
}

static void printName(AsmPrinter &printer, StringAttr name) {
  printer.printKeywordOrString(name.getValue());
}

static ParseResult parseNames(AsmParser &parser,
                              SmallVector<StringAttr> &names) {
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&]() {
    return parseName(parser, names.emplace_back());
  });
}

static void printNames(AsmPrinter &printer, ArrayRef<StringAttr> names) {
  printer << "[";
  llvm::interleaveComma(names, printer,
                        [&](StringAttr name) { printName(printer, name); });
  printer << "]";
}

static ParseResult parseIntegers(AsmParser &parser,
                                 SmallVector<int64_t> &integers) {
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&]() {
    return parser.parseInteger(integers.emplace_back());
  });
}

static void printIntegers(AsmPrinter &printer, ArrayRef<int64_t> integers) {
  printer << "[";
  llvm::interleaveComma(integers, printer);
  printer << "]";
}

/// Accesses without their mnemonic: `[<0, [b, m]>, <1, [b, n]>]`.
static ParseResult parseAccesses(AsmParser &parser,
                                 SmallVector<AccessAttr> &accesses) {
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&]() {
    auto access =
        llvm::cast_or_null<AccessAttr>(AccessAttr::parse(parser, Type()));
    accesses.push_back(access);
    return success(access != nullptr);
  });
}

static void printAccesses(AsmPrinter &printer, ArrayRef<AccessAttr> accesses) {
  printer << "[";
  llvm::interleaveComma(accesses, printer,
                        [&](AccessAttr access) { access.print(printer); });
  printer << "]";
}

/// `lanes = m by [48]`, or `tile = m by [4]` where each einsum has lanes of its
/// own.
static ParseResult parseLanes(AsmParser &parser, StringAttr &lanes,
                              SmallVector<int64_t> &laneTiles,
                              bool &innerLanes) {
  innerLanes = succeeded(parser.parseOptionalKeyword("tile"));
  if (!innerLanes && parser.parseKeyword("lanes", " or 'tile'"))
    return failure();
  return failure(parser.parseEqual() || parseName(parser, lanes) ||
                 parser.parseKeyword("by") || parseIntegers(parser, laneTiles));
}

static void printLanes(AsmPrinter &printer, StringAttr lanes,
                       ArrayRef<int64_t> laneTiles, bool innerLanes) {
  printer << (innerLanes ? "tile = " : "lanes = ");
  printName(printer, lanes);
  printer << " by ";
  printIntegers(printer, laneTiles);
}

static ParseResult parseItems(AsmParser &parser,
                              SmallVector<StringAttr> &parallel,
                              SmallVector<StringAttr> &order,
                              SmallVector<int64_t> &gridTile) {
  if (parseNames(parser, parallel))
    return failure();
  while (succeeded(parser.parseOptionalComma())) {
    if (order.empty() && succeeded(parser.parseOptionalKeyword("order"))) {
      if (parser.parseEqual() || parseNames(parser, order))
        return failure();
      continue;
    }
    return failure(parser.parseKeyword("grid") || parser.parseEqual() ||
                   parseIntegers(parser, gridTile));
  }
  return success();
}

static void printItems(AsmPrinter &printer, ArrayRef<StringAttr> parallel,
                       ArrayRef<StringAttr> order, ArrayRef<int64_t> gridTile) {
  printNames(printer, parallel);
  if (!order.empty()) {
    printer << ", order = ";
    printNames(printer, order);
  }
  if (!gridTile.empty()) {
    printer << ", grid = ";
    printIntegers(printer, gridTile);
  }
}

#define GET_ATTRDEF_CLASSES
#include "attn/Dialect/Attn/IR/AttnAttributes.cpp.inc"

void AttnDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "attn/Dialect/Attn/IR/AttnAttributes.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Score modifiers
//===----------------------------------------------------------------------===//

// spec: MD-2
LogicalResult ScaleAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                FloatAttr value) {
  if (!value || !value.getType().isF64() || !value.getValue().isFinite())
    return emitError() << "a scale is a finite f64; got " << value;
  return success();
}

// spec: MD-3
LogicalResult SoftCapAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  FloatAttr value) {
  if (!value || !value.getType().isF64() || !value.getValue().isFinite() ||
      !(value.getValueAsDouble() > 0))
    return emitError() << "a soft cap is a positive finite f64; got " << value;
  return success();
}

// spec: MD-6
LogicalResult ScoreMapAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                   int64_t region, ArrayRef<int64_t> slots,
                                   ArrayAttr ranks) {
  if (ranks.size() != slots.size())
    return emitError() << "a score map lists ranks for " << ranks.size()
                       << " of " << slots.size() << " operands";
  for (Attribute list : ranks) {
    auto names = dyn_cast<ArrayAttr>(list);
    if (!names ||
        !llvm::all_of(names, [](Attribute a) { return isa<StringAttr>(a); }))
      return emitError() << "a score map lists ranks by name; got " << list;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Gates
//===----------------------------------------------------------------------===//

// spec: GA-2
LogicalResult GateAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               GatePlace place, Activation, bool renormalised,
                               int64_t, ArrayRef<StringAttr>) {
  if (renormalised && place != GatePlace::Weight)
    return emitError() << "'renormalised' is for a gate on the weight; got one "
                          "on the "
                       << stringifyGatePlace(place);
  return success();
}

bool GateAttr::isPositive() const {
  return llvm::is_contained(
      {Activation::Sigmoid, Activation::Softplus, Activation::Exp},
      getActivation());
}

//===----------------------------------------------------------------------===//
// Plans and mappings
//===----------------------------------------------------------------------===//

/// Whether every division of `expr` is by a positive constant.
static bool dividesByConstants(AffineExpr expr) {
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return true;
  if (llvm::is_contained({AffineExprKind::Mod, AffineExprKind::FloorDiv,
                          AffineExprKind::CeilDiv},
                         expr.getKind())) {
    auto divisor = dyn_cast<AffineConstantExpr>(binary.getRHS());
    if (!divisor || divisor.getValue() <= 0)
      return false;
  }
  return dividesByConstants(binary.getLHS()) &&
         dividesByConstants(binary.getRHS());
}

/// Checks one piece of a plan with so many symbols and values.
static LogicalResult verifyPiece(function_ref<InFlightDiagnostic()> emitError,
                                 const PlanPiece &piece, size_t numSymbols,
                                 size_t numValues) {
  // spec: PL-2
  SmallVector<AffineExpr> exprs(piece.constraints.getConstraints());
  for (AffineMap map :
       {piece.liveLower, piece.liveUpper, piece.fullLower, piece.fullUpper}) {
    if (map.getNumDims() != 2 ||
        map.getNumSymbols() != numSymbols + 2 * numValues ||
        map.getNumResults() == 0)
      return emitError() << "a plan's bounds take the first and the last row, "
                            "one symbol per name and two per value; got "
                         << AffineMapAttr::get(map);
    llvm::append_range(exprs, map.getResults());
  }
  // spec: PL-3
  if (piece.constraints.getNumDims() != 2 ||
      piece.constraints.getNumSymbols() != numSymbols + numValues)
    return emitError() << "a plan's constraints take row, key and one symbol "
                          "per name and value";
  if (llvm::is_contained(piece.constraints.getEqFlags(), true))
    return emitError() << "a plan's constraints are inequalities";
  // spec: PL-4
  if (!llvm::all_of(exprs, dividesByConstants))
    return emitError() << "a plan divides by positive constants only";
  return success();
}

/// The number behind the letter in the name of a symbol, written without
/// leading zeros.
static std::optional<unsigned> getSymbolNumber(StringAttr symbol, char letter) {
  StringRef digits = symbol.getValue();
  unsigned number;
  if (!digits.consume_front(StringRef(&letter, 1)) ||
      digits.getAsInteger(10, number) || digits != std::to_string(number))
    return std::nullopt;
  return number;
}

std::optional<unsigned> PlanAttr::getListNumber(StringAttr symbol) {
  return getSymbolNumber(symbol, 'L');
}

std::optional<unsigned> PlanAttr::getTableNumber(StringAttr symbol) {
  return getSymbolNumber(symbol, 'T');
}

LogicalResult PlanAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               ArrayRef<StringAttr> symbols,
                               ArrayRef<PlanPiece> pieces,
                               ArrayRef<PointValue> values,
                               ArrayRef<DenseI64ArrayAttr> tables,
                               int64_t residues) {
  // spec: PL-1
  llvm::SmallDenseSet<StringAttr> seen;
  for (StringAttr symbol : symbols) {
    std::optional<unsigned> table = getTableNumber(symbol);
    bool isTable = table && *table < tables.size();
    if (!isTable && !getListNumber(symbol) &&
        !llvm::is_contained({"M", "N", "KL", "QL", "D", "ON", "H"},
                            symbol.getValue()))
      return emitError() << "a plan's symbols are M, N, KL, QL, D, ON, H and, "
                            "for lists, L0 and so on and, for its tables, T0 "
                            "and so on; got "
                         << symbol;
    if (!seen.insert(symbol).second)
      return emitError() << "a plan lists symbol " << symbol << " twice";
  }
  for (DenseI64ArrayAttr table : tables)
    if (!table || table.empty())
      return emitError() << "a table of a plan has at least one number";
  // spec: PL-7
  if (residues < 1)
    return emitError() << "a plan has one or more residues; got " << residues;
  if (residues > 1)
    for (StringAttr symbol : symbols)
      if (!llvm::is_contained({"M", "N", "D"}, symbol.getValue()))
        return emitError() << "the symbols of a plan with residues are M, N "
                              "and D; got "
                           << symbol;
  // spec: PL-5
  if (pieces.empty() || pieces.size() > kMaxPieces)
    return emitError() << "a plan has 1 to " << kMaxPieces << " pieces; got "
                       << pieces.size();
  // spec: PL-6
  for (auto [index, value] : llvm::enumerate(values)) {
    if (value.map.getNumDims() != 2 ||
        value.map.getNumSymbols() != symbols.size() + index ||
        value.map.getNumResults() == 0)
      return emitError() << "a value of a plan takes row, key, one symbol per "
                            "name and the values before it; got "
                         << AffineMapAttr::get(value.map);
    if (value.kind == PointValueKind::PowerOfTwo &&
        value.map.getNumResults() != 1)
      return emitError() << "a power of two is that of one function; got "
                         << AffineMapAttr::get(value.map);
    // spec: PL-4
    if (!llvm::all_of(value.map.getResults(), dividesByConstants))
      return emitError() << "a plan divides by positive constants only";
  }
  return failure(llvm::any_of(pieces, [&](const PlanPiece &piece) {
    return failed(verifyPiece(emitError, piece, symbols.size(), values.size()));
  }));
}

/// The kinds of values in text, in the order of their numbers.
static constexpr StringLiteral kValueKinds[] = {"max", "min", "power_of_two"};

static ParseResult parseValue(AsmParser &parser, PointValue &value) {
  SMLoc location = parser.getCurrentLocation();
  StringRef keyword;
  AffineMapAttr map;
  if (parser.parseKeyword(&keyword))
    return failure();
  const auto *kind = llvm::find(kValueKinds, keyword);
  if (kind == std::end(kValueKinds))
    return parser.emitError(location)
           << "a value is max, min or power_of_two; got '" << keyword << "'";
  if (parser.parseAttribute(map))
    return failure();
  value = {static_cast<PointValueKind>(kind - std::begin(kValueKinds)),
           map.getValue()};
  return success();
}

static ParseResult parsePiece(AsmParser &parser, PlanPiece &piece) {
  SMLoc location = parser.getCurrentLocation();
  auto parseMap = [&](AffineMap &map) -> ParseResult {
    AffineMapAttr attribute;
    if (parser.parseAttribute(attribute))
      return failure();
    map = attribute.getValue();
    return success();
  };
  AffineMap functions;
  if (parser.parseKeyword("live") || parser.parseEqual() ||
      parseMap(piece.liveLower) || parser.parseKeyword("to") ||
      parseMap(piece.liveUpper) || parser.parseComma() ||
      parser.parseKeyword("full") || parser.parseEqual() ||
      parseMap(piece.fullLower) || parser.parseKeyword("to") ||
      parseMap(piece.fullUpper) || parser.parseComma() ||
      parser.parseKeyword("nonnegative") || parser.parseEqual() ||
      parseMap(functions))
    return failure();
  // spec: PL-3
  if (functions.getNumResults() == 0)
    return parser.emitError(location, "a plan has at least one constraint; 0 "
                                      "always holds");
  piece.constraints = IntegerSet::get(
      functions.getNumDims(), functions.getNumSymbols(), functions.getResults(),
      SmallVector<bool>(functions.getNumResults(), /*isEquality=*/false));
  return success();
}

Attribute PlanAttr::parse(AsmParser &parser, Type) {
  SMLoc location = parser.getCurrentLocation();
  SmallVector<StringAttr> symbols;
  SmallVector<PlanPiece> pieces;
  SmallVector<PointValue> values;
  SmallVector<DenseI64ArrayAttr> tables;
  int64_t residues = 1;
  auto parseTable = [&]() -> ParseResult {
    SmallVector<int64_t> numbers;
    if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&] {
          return parser.parseInteger(numbers.emplace_back());
        }))
      return failure();
    tables.push_back(DenseI64ArrayAttr::get(parser.getContext(), numbers));
    return success();
  };
  if (parser.parseLess())
    return {};
  if (succeeded(parser.parseOptionalKeyword("residues")))
    if (parser.parseEqual() || parser.parseInteger(residues) ||
        parser.parseComma())
      return {};
  if (parser.parseKeyword("symbols") || parser.parseEqual() ||
      parseNames(parser, symbols) || parser.parseComma())
    return {};
  if (succeeded(parser.parseOptionalKeyword("tables")))
    if (parser.parseEqual() ||
        parser.parseCommaSeparatedList(AsmParser::Delimiter::Square,
                                       parseTable) ||
        parser.parseComma())
      return {};
  if (succeeded(parser.parseOptionalKeyword("values")))
    if (parser.parseEqual() ||
        parser.parseCommaSeparatedList(
            AsmParser::Delimiter::Square,
            [&] { return parseValue(parser, values.emplace_back()); }) ||
        parser.parseComma())
      return {};
  do {
    if (parsePiece(parser, pieces.emplace_back()))
      return {};
  } while (succeeded(parser.parseOptionalKeyword("or")));
  if (parser.parseGreater())
    return {};
  return getChecked([&] { return parser.emitError(location); },
                    parser.getContext(), symbols, pieces, values, tables,
                    residues);
}

void PlanAttr::print(AsmPrinter &printer) const {
  // The maps are written out, not as aliases: a plan reads as one sentence.
  raw_ostream &os = printer.getStream();
  auto printBounds = [&](StringRef name, AffineMap lower, AffineMap upper) {
    os << name << " = affine_map<" << lower << "> to affine_map<" << upper
       << ">, ";
  };
  printer << "<";
  if (getResidues() != 1)
    os << "residues = " << getResidues() << ", ";
  printer << "symbols = ";
  printNames(printer, getSymbols());
  os << ", ";
  if (!getTables().empty()) {
    os << "tables = [";
    llvm::interleaveComma(getTables(), os, [&](DenseI64ArrayAttr table) {
      os << "[";
      llvm::interleaveComma(table.asArrayRef(), os);
      os << "]";
    });
    os << "], ";
  }
  if (!getValues().empty()) {
    os << "values = [";
    llvm::interleaveComma(getValues(), os, [&](const PointValue &value) {
      os << kValueKinds[static_cast<size_t>(value.kind)] << " affine_map<"
         << value.map << ">";
    });
    os << "], ";
  }
  llvm::interleave(
      getPieces(), os,
      [&](const PlanPiece &piece) {
        printBounds("live", piece.liveLower, piece.liveUpper);
        printBounds("full", piece.fullLower, piece.fullUpper);
        // An affine_set holds '>=', which dialect attributes may not contain
        // bare.
        IntegerSet set = piece.constraints;
        os << "nonnegative = affine_map<"
           << AffineMap::get(set.getNumDims(), set.getNumSymbols(),
                             set.getConstraints(), getContext())
           << ">";
      },
      " or ");
  os << ">";
}

/// Points of a tile whose rank is not that of the lanes.
static constexpr int64_t kMostTile = 16;

LogicalResult MappingAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  StringAttr lanes, ArrayRef<int64_t> laneTiles,
                                  int64_t streamTile, int64_t rowTile,
                                  ArrayRef<StringAttr> parallel,
                                  ArrayRef<StringAttr> order,
                                  ArrayRef<int64_t> gridTile, bool innerLanes) {
  // spec: MP-1
  if (laneTiles.empty())
    return emitError() << "a mapping needs at least one lane tile";
  // spec: MP-8
  if (innerLanes &&
      (laneTiles.size() > 1 || laneTiles[0] < 1 || laneTiles[0] > kMostTile))
    return emitError() << "a mapping with 'tile' has one tile of 1 to "
                       << kMostTile << " points; got [" << laneTiles << "]";
  if (innerLanes && !gridTile.empty())
    return emitError() << "a mapping with 'tile' cuts no grid";
  for (auto [index, tile] : llvm::enumerate(laneTiles))
    if (innerLanes)
      continue;
    else if (tile < 8 || tile > 128 || tile % 8 != 0)
      return emitError() << "lane tiles are multiples of 8 up to 128; got "
                         << tile;
    else if (index > 0 && tile >= laneTiles[index - 1])
      return emitError() << "lane tiles come largest first; got " << tile
                         << " after " << laneTiles[index - 1];
  // spec: MP-2
  if (streamTile < 1)
    return emitError() << "the stream tile must be positive; got "
                       << streamTile;
  // spec: MP-3
  if (rowTile < 1 || rowTile > 8)
    return emitError() << "a register tile has 1 to 8 rows; got " << rowTile;
  // spec: MP-7
  int64_t rows = 1;
  for (int64_t size : gridTile) {
    if (size < 1 || size > laneTiles.front())
      return emitError() << "a grid tile has 1 to " << laneTiles.front()
                         << " tokens on each axis, the largest lane tile; got "
                         << size;
    rows *= size;
  }
  if (gridTile.size() > 3)
    return emitError() << "a grid tile has 1 to 3 axes; got "
                       << gridTile.size();
  if (rows > laneTiles.front())
    return emitError() << "a grid tile holds up to " << laneTiles.front()
                       << " tokens, the largest lane tile; got " << rows;
  // spec: MP-4
  if (order.empty())
    return success();
  SmallVector<StringAttr> missing(parallel);
  missing.push_back(lanes);
  for (StringAttr rank : order) {
    auto *found = llvm::find(missing, rank);
    if (found == missing.end())
      return emitError() << "the order lists each parallel rank and the lanes "
                            "once; got '"
                         << rank.getValue() << "'";
    missing.erase(found);
  }
  if (!missing.empty())
    return emitError() << "the order lists each parallel rank and the lanes "
                          "once; '"
                       << missing.front().getValue() << "' is missing";
  return success();
}

SmallVector<StringAttr> MappingAttr::getItemOrder() const {
  if (!getOrder().empty())
    return SmallVector<StringAttr>(getOrder());
  SmallVector<StringAttr> order(getParallel());
  order.push_back(getLanes());
  return order;
}
