//===- AttentionOp.cpp - The declarative operators --------------------- -===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "IndexExpression.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>

using namespace mlir;
using namespace mlir::attn;

#define GET_OP_CLASSES
#include "attn/Dialect/Attn/IR/AttnOps.cpp.inc"

int64_t AttentionOp::getGroupSize() {
  return cast<ShapedType>(getQuery().getType()).getDimSize(1) /
         cast<ShapedType>(getKey().getType()).getDimSize(1);
}

Value AttentionOp::getOrigin(StringRef rank) {
  if (std::optional<ArrayAttr> ranks = getOriginRanks())
    for (auto [name, origin] : llvm::zip(*ranks, getOrigins()))
      if (cast<StringAttr>(name).getValue() == rank)
        return origin;
  return {};
}

SmallVector<GateAttr> AttentionOp::getGateList() {
  SmallVector<GateAttr> gates;
  if (getGates())
    llvm::append_range(gates, getGates()->getAsRange<GateAttr>());
  return gates;
}

SmallVector<ScoreMapAttr> AttentionOp::getMaps() {
  SmallVector<ScoreMapAttr> maps;
  for (Attribute modifier : getScore())
    if (auto map = dyn_cast<ScoreMapAttr>(modifier))
      maps.push_back(map);
  if (ScoreMapAttr map = getWeightMapAttr())
    maps.push_back(map);
  return maps;
}

bool AttentionOp::isSoftmax() {
  return getNormaliser() == Normaliser::Softmax ||
         getNormaliser() == Normaliser::SoftmaxPlusOne;
}

StringRef AttentionOp::getLseObstacle() {
  if (!isSoftmax())
    return "only a softmax sums exponentials";
  auto isSigned = [](GateAttr gate) {
    return gate.getRenormalised() && !gate.isPositive();
  };
  if (llvm::any_of(getGateList(), isSigned))
    return "a renormalised gate without a positive activation may make the sum "
           "negative; allowed are sigmoid, softplus and exp";
  return {};
}

OpFoldResult MixOp::fold(FoldAdaptor) {
  if (getBranches().size() == 1 &&
      getBranches()[0].getType() == getResult().getType())
    return getBranches()[0];
  return {};
}

//===----------------------------------------------------------------------===//
// Assembly
//===----------------------------------------------------------------------===//

namespace {
/// What the `score` list and the clauses after it have collected.
struct AttentionParser {
  OpAsmParser &parser;
  OperationState &result;
  SmallVector<Attribute> score;
  SmallVector<OpAsmParser::UnresolvedOperand> extras;
  SmallVector<Type> extraTypes;
  SmallVector<std::unique_ptr<Region>> regions;
  bool hasScale = false;

  AttentionParser(OpAsmParser &parser, OperationState &result)
      : parser(parser), result(result) {}

  /// `%t[ranks] : type`
  ParseResult parseExtra(SmallVectorImpl<StringAttr> &ranks) {
    return failure(parser.parseOperand(extras.emplace_back()) ||
                   parseRankList(parser, ranks) ||
                   parser.parseColonType(extraTypes.emplace_back()));
  }

  /// `(c)`
  template <typename AttrT>
  ParseResult parseConstant() {
    SMLoc location = parser.getCurrentLocation();
    double number;
    if (parser.parseLParen() || parser.parseFloat(number) ||
        parser.parseRParen())
      return failure();
    auto modifier = AttrT::getChecked(
        [&] { return parser.emitError(location); }, parser.getContext(),
        parser.getBuilder().getF64FloatAttr(number));
    if (!modifier)
      return failure();
    score.push_back(modifier);
    return success();
  }

  /// `place activation(%t[ranks] : type)`, maybe `renormalised`
  ParseResult parseGate(SmallVectorImpl<Attribute> &gates) {
    SMLoc location = parser.getCurrentLocation();
    FailureOr<GatePlace> place = FieldParser<GatePlace>::parse(parser);
    if (failed(place))
      return failure();
    FailureOr<Activation> activation = FieldParser<Activation>::parse(parser);
    SmallVector<StringAttr> ranks;
    if (failed(activation) || parser.parseLParen() || parseExtra(ranks) ||
        parser.parseRParen())
      return failure();
    bool renormalised = succeeded(parser.parseOptionalKeyword("renormalised"));
    auto gate = GateAttr::getChecked(
        [&] { return parser.emitError(location); }, parser.getContext(), *place,
        *activation, renormalised, static_cast<int64_t>(extras.size()) - 1,
        ArrayRef<StringAttr>(ranks));
    if (!gate)
      return failure();
    gates.push_back(gate);
    return success();
  }

  /// `(%t[ranks] : type, ...) {...}`
  FailureOr<ScoreMapAttr> parseMap() {
    SmallVector<int64_t> slots;
    SmallVector<Attribute> slotRanks;
    auto parseOne = [&]() -> ParseResult {
      SmallVector<StringAttr> ranks;
      if (parseExtra(ranks))
        return failure();
      slots.push_back(extras.size() - 1);
      slotRanks.push_back(parser.getBuilder().getArrayAttr(
          SmallVector<Attribute>(ranks.begin(), ranks.end())));
      return success();
    };
    auto region = std::make_unique<Region>();
    if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, parseOne) ||
        parser.parseRegion(*region))
      return failure();
    regions.push_back(std::move(region));
    return ScoreMapAttr::get(parser.getContext(), regions.size() - 1, slots,
                             parser.getBuilder().getArrayAttr(slotRanks));
  }

  ParseResult parseModifier() {
    MLIRContext *context = parser.getContext();
    SMLoc location = parser.getCurrentLocation();
    StringRef keyword;
    if (parser.parseKeyword(&keyword))
      return failure();
    if (keyword == "scale") {
      hasScale = true;
      return parseConstant<ScaleAttr>();
    }
    if (keyword == "softcap")
      return parseConstant<SoftCapAttr>();
    if (keyword == "bias") {
      SmallVector<StringAttr> ranks;
      if (parser.parseLParen() || parseExtra(ranks) || parser.parseRParen())
        return failure();
      score.push_back(BiasAttr::get(context, extras.size() - 1, ranks));
      return success();
    }
    if (keyword == "map") {
      FailureOr<ScoreMapAttr> map = parseMap();
      if (failed(map))
        return failure();
      score.push_back(*map);
      return success();
    }
    // spec: MD-1
    return parser.emitError(location)
           << "unknown score modifier '" << keyword
           << "'; known are scale(c), softcap(c), bias(%t[ranks] : type) and "
              "map(...) {...}";
  }
};
} // namespace

/// The clauses behind the operands, in order.
static constexpr StringLiteral kClauses[] = {
    "score",   "where", "align",     "origin",  "lengths", "segments",
    "permute", "sinks", "normalise", "weights", "gate"};

ParseResult AttentionOp::parse(OpAsmParser &parser, OperationState &result) {
  MLIRContext *context = parser.getContext();
  auto &properties = result.getOrAddProperties<Properties>();
  AttentionParser state(parser, result);
  SmallVector<OpAsmParser::UnresolvedOperand> qkv;
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseOperandList(qkv, AsmParser::Delimiter::Paren))
    return failure();
  if (qkv.size() != 3)
    return parser.emitError(location)
           << "expected (query, key, value); got " << qkv.size() << " operands";
  if (succeeded(parser.parseOptionalKeyword("score")) &&
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Square,
                                     [&]() { return state.parseModifier(); }))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("where"))) {
    auto parseList = [&]() -> FailureOr<AccessAttr> {
      SmallVector<StringAttr> ranks;
      if (state.parseExtra(ranks))
        return failure();
      return AccessAttr::get(context, state.extras.size() - 1, ranks);
    };
    auto parsePredicate = [&]() -> FailureOr<int64_t> {
      if (parser.parseRegion(*state.regions.emplace_back(new Region)))
        return failure();
      return state.regions.size() - 1;
    };
    FailureOr<Attribute> expression =
        SparsityAttr::parseExpression(parser, parseList, parsePredicate);
    if (failed(expression))
      return failure();
    properties.sparsity = SparsityAttr::get(context, *expression);
  }
  // Operands with their types, in segment order after the extras.
  struct Typed {
    OpAsmParser::UnresolvedOperand operand;
    Type type;
  };
  std::optional<Typed> keyLengths, queryLengths, sinks, offset;
  auto parseTyped = [&](std::optional<Typed> &typed) -> ParseResult {
    typed.emplace();
    return failure(parser.parseLParen() ||
                   parser.parseOperand(typed->operand) ||
                   parser.parseColonType(typed->type) || parser.parseRParen());
  };
  Alignment alignment = Alignment::BottomRight;
  if (succeeded(parser.parseOptionalKeyword("align"))) {
    FailureOr<Alignment> parsed = FieldParser<Alignment>::parse(parser);
    if (failed(parsed) || (*parsed == Alignment::Offset && parseTyped(offset)))
      return failure();
    alignment = *parsed;
  }
  properties.alignment = AlignmentAttr::get(context, alignment);
  SmallVector<Typed> origins;
  SmallVector<Attribute> originRanks;
  auto parseOrigin = [&]() -> ParseResult {
    SmallVector<StringAttr> rank;
    Typed &origin = origins.emplace_back();
    if (parseRankName(parser, rank) || parser.parseEqual() ||
        parser.parseOperand(origin.operand) ||
        parser.parseColonType(origin.type))
      return failure();
    originRanks.push_back(rank.front());
    return success();
  };
  if (succeeded(parser.parseOptionalKeyword("origin"))) {
    if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren,
                                       parseOrigin))
      return failure();
    properties.originRanks = parser.getBuilder().getArrayAttr(originRanks);
  }
  SMLoc lengthsLocation = parser.getCurrentLocation();
  if (succeeded(parser.parseOptionalKeyword("lengths"))) {
    if (succeeded(parser.parseOptionalKeyword("key")) && parseTyped(keyLengths))
      return failure();
    if (succeeded(parser.parseOptionalKeyword("query")) &&
        parseTyped(queryLengths))
      return failure();
    if (!keyLengths && !queryLengths)
      return parser.emitError(lengthsLocation,
                              "'lengths' takes key(...), query(...) or both");
  }
  std::optional<Typed> querySegments, keySegments;
  if (succeeded(parser.parseOptionalKeyword("segments"))) {
    if (succeeded(parser.parseOptionalKeyword("query")) &&
        parseTyped(querySegments))
      return failure();
    if (succeeded(parser.parseOptionalKeyword("key")) &&
        parseTyped(keySegments))
      return failure();
    if (!querySegments && !keySegments) {
      if (parseTyped(querySegments))
        return failure();
      keySegments = querySegments;
    }
  }
  std::optional<Typed> queryPermutation, keyPermutation;
  auto parsePermutation = [&](std::optional<Typed> &typed,
                              ArrayAttr &ranks) -> ParseResult {
    typed.emplace();
    SmallVector<StringAttr> names;
    if (parser.parseLParen() || parser.parseOperand(typed->operand) ||
        (succeeded(parser.parseOptionalLSquare()) &&
         (parser.parseCommaSeparatedList(
              [&]() { return parseRankName(parser, names); }) ||
          parser.parseRSquare())) ||
        parser.parseColonType(typed->type) || parser.parseRParen())
      return failure();
    if (!names.empty())
      ranks = parser.getBuilder().getArrayAttr(
          SmallVector<Attribute>(names.begin(), names.end()));
    return success();
  };
  if (succeeded(parser.parseOptionalKeyword("permute"))) {
    if (succeeded(parser.parseOptionalKeyword("query")) &&
        parsePermutation(queryPermutation, properties.queryPermutationRanks))
      return failure();
    if (succeeded(parser.parseOptionalKeyword("key")) &&
        parsePermutation(keyPermutation, properties.keyPermutationRanks))
      return failure();
    if (!queryPermutation && !keyPermutation) {
      if (parsePermutation(queryPermutation, properties.queryPermutationRanks))
        return failure();
      keyPermutation = queryPermutation;
      properties.keyPermutationRanks = properties.queryPermutationRanks;
    }
  }
  if (succeeded(parser.parseOptionalKeyword("sinks")) && parseTyped(sinks))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("normalise"))) {
    FailureOr<Normaliser> normaliser = FieldParser<Normaliser>::parse(parser);
    if (failed(normaliser))
      return failure();
    properties.normaliser = NormaliserAttr::get(context, *normaliser);
  }
  if (succeeded(parser.parseOptionalKeyword("weights"))) {
    FailureOr<ScoreMapAttr> map = state.parseMap();
    if (failed(map))
      return failure();
    properties.weightMap = *map;
  }
  SmallVector<Attribute> gates;
  while (succeeded(parser.parseOptionalKeyword("gate")))
    if (state.parseGate(gates))
      return failure();
  if (!gates.empty())
    properties.gates = parser.getBuilder().getArrayAttr(gates);

  SmallVector<Type> types;
  auto parseType = [&]() { return parser.parseType(types.emplace_back()); };
  SMLoc typeLocation;
  // A clause that stands here stands behind one that it goes in front of.
  SMLoc misplaced = parser.getCurrentLocation();
  for (StringRef clause : kClauses)
    if (succeeded(parser.parseOptionalKeyword(clause)))
      return parser.emitError(misplaced)
             << "'" << clause << "' stands behind another clause or twice; the "
             << "order of clauses is " << llvm::join(ArrayRef(kClauses), ", ");
  if (parser.parseOptionalAttrDict(result.attributes) || parser.parseColon() ||
      parser.getCurrentLocation(&typeLocation) ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, parseType) ||
      parser.parseArrowTypeList(result.types))
    return failure();
  if (types.size() != 3)
    return parser.emitError(typeLocation)
           << "expected the types of query, key and value; got "
           << types.size();
  if (parser.resolveOperands(qkv, types, typeLocation, result.operands) ||
      parser.resolveOperands(state.extras, state.extraTypes, typeLocation,
                             result.operands))
    return failure();
  for (std::optional<Typed> *typed : {&keyLengths, &queryLengths, &sinks})
    if (*typed && parser.resolveOperand((*typed)->operand, (*typed)->type,
                                        result.operands))
      return failure();
  for (Typed &origin : origins)
    if (parser.resolveOperand(origin.operand, origin.type, result.operands))
      return failure();
  for (std::optional<Typed> *typed :
       {&offset, &queryPermutation, &keyPermutation, &querySegments,
        &keySegments})
    if (*typed && parser.resolveOperand((*typed)->operand, (*typed)->type,
                                        result.operands))
      return failure();
  properties.operandSegmentSizes = {1,
                                    1,
                                    1,
                                    static_cast<int32_t>(state.extras.size()),
                                    keyLengths ? 1 : 0,
                                    queryLengths ? 1 : 0,
                                    sinks ? 1 : 0,
                                    static_cast<int32_t>(origins.size()),
                                    offset ? 1 : 0,
                                    queryPermutation ? 1 : 0,
                                    keyPermutation ? 1 : 0,
                                    querySegments ? 1 : 0,
                                    keySegments ? 1 : 0};

  // The default scale is written down, so that the printed form always has one.
  // spec: MD-2
  if (!state.hasScale) {
    auto query = dyn_cast<RankedTensorType>(types[0]);
    int64_t features = query && query.getRank() > 0 ? query.getShape().back()
                                                    : ShapedType::kDynamic;
    if (ShapedType::isDynamic(features))
      return parser.emitError(typeLocation,
                              "the default scale needs a static feature "
                              "extent; write scale(c)");
    double scale = features > 0 ? 1.0 / std::sqrt(double(features)) : 1.0;
    state.score.insert(
        state.score.begin(),
        ScaleAttr::get(context, parser.getBuilder().getF64FloatAttr(scale)));
  }
  properties.score = parser.getBuilder().getArrayAttr(state.score);
  result.addRegions(state.regions);
  return success();
}

void AttentionOp::print(OpAsmPrinter &printer) {
  printer << "(" << getQuery() << ", " << getKey() << ", " << getValue() << ")";
  auto printExtra = [&](int64_t slot, auto ranks) {
    printer << getExtras()[slot] << "[";
    llvm::interleaveComma(ranks, printer, [&](auto rank) {
      printer << cast<StringAttr>(rank).getValue();
    });
    printer << "] : " << getExtras()[slot].getType();
  };
  auto printMap = [&](ScoreMapAttr map) {
    printer << "(";
    llvm::interleaveComma(
        llvm::zip(map.getSlots(), map.getRanks()), printer, [&](auto pair) {
          printExtra(std::get<0>(pair), cast<ArrayAttr>(std::get<1>(pair)));
        });
    printer << ") ";
    printer.printRegion(getScoreMaps()[map.getRegion()]);
  };
  auto printModifier = [&](Attribute modifier) {
    llvm::TypeSwitch<Attribute>(modifier)
        .Case([&](ScaleAttr scale) {
          printer << "scale(";
          printer.printFloat(scale.getValue().getValue());
          printer << ")";
        })
        .Case([&](SoftCapAttr cap) {
          printer << "softcap(";
          printer.printFloat(cap.getValue().getValue());
          printer << ")";
        })
        .Case([&](BiasAttr bias) {
          printer << "bias(";
          printExtra(bias.getSlot(), bias.getRanks());
          printer << ")";
        })
        .Case([&](ScoreMapAttr map) {
          printer << "map";
          printMap(map);
        });
  };
  printer.increaseIndent();
  printer.printNewline();
  printer << "score [";
  llvm::interleaveComma(getScore(), printer, printModifier);
  printer << "]";
  printer.printNewline();
  if (getSparsity()) {
    printer << "where ";
    SparsityAttr::printExpression(
        printer, getSparsity()->getExpression(),
        [&](AccessAttr list) { printExtra(list.getInput(), list.getRanks()); },
        [&](int64_t number) {
          printer << " ";
          printer.printRegion(getScoreMaps()[number]);
        });
    printer << " ";
  }
  printer << "align " << stringifyAlignment(getAlignment());
  if (getOffset())
    printer << "(" << getOffset() << " : " << getOffset().getType() << ")";
  if (!getOrigins().empty()) {
    printer << " origin(";
    llvm::interleaveComma(
        llvm::zip(*getOriginRanks(), getOrigins()), printer, [&](auto pair) {
          auto [rank, origin] = pair;
          printer << cast<StringAttr>(rank).getValue() << " = " << origin
                  << " : " << origin.getType();
        });
    printer << ")";
  }
  auto printTyped = [&](StringRef what, Value operand) {
    if (operand)
      printer << " " << what << "(" << operand << " : " << operand.getType()
              << ")";
  };
  if (getKeyLengths() || getQueryLengths()) {
    printer << " lengths";
    printTyped("key", getKeyLengths());
    printTyped("query", getQueryLengths());
  }
  if (isPacked()) {
    printer << " segments";
    if (getQuerySegments() == getKeySegments()) {
      printer << "(" << getQuerySegments() << " : "
              << getQuerySegments().getType() << ")";
    } else {
      printTyped("query", getQuerySegments());
      printTyped("key", getKeySegments());
    }
  }
  auto printPermutation = [&](Value order, std::optional<ArrayAttr> ranks) {
    printer << "(" << order;
    if (ranks) {
      printer << "[";
      llvm::interleaveComma(
          ranks->getAsRange<StringAttr>(), printer,
          [&](StringAttr rank) { printer << rank.getValue(); });
      printer << "]";
    }
    printer << " : " << order.getType() << ")";
  };
  Value queryOrder = getQueryPermutation(), keyOrder = getKeyPermutation();
  if (isPermuted())
    printer << " permute";
  if (queryOrder && queryOrder == keyOrder &&
      getQueryPermutationRanks() == getKeyPermutationRanks()) {
    printPermutation(queryOrder, getQueryPermutationRanks());
  } else {
    if (queryOrder) {
      printer << " query";
      printPermutation(queryOrder, getQueryPermutationRanks());
    }
    if (keyOrder) {
      printer << " key";
      printPermutation(keyOrder, getKeyPermutationRanks());
    }
  }
  printTyped("sinks", getSinks());
  if (getNormaliser() != Normaliser::Softmax)
    printer << " normalise " << stringifyNormaliser(getNormaliser());
  if (ScoreMapAttr map = getWeightMapAttr()) {
    printer.printNewline();
    printer << "weights";
    printMap(map);
  }
  for (GateAttr gate : getGateList()) {
    printer.printNewline();
    printer << "gate " << stringifyGatePlace(gate.getPlace()) << " "
            << stringifyActivation(gate.getActivation()) << "(";
    printExtra(gate.getSlot(), gate.getRanks());
    printer << ")";
    if (gate.getRenormalised())
      printer << " renormalised";
  }
  printer.printOptionalAttrDict(
      (*this)->getDiscardableAttrDictionary().getValue());
  printer.printNewline();
  printer << ": (" << getQuery().getType() << ", " << getKey().getType() << ", "
          << getValue().getType() << ")";
  printer.printArrowTypeList(getResultTypes());
  printer.decreaseIndent();
}
