//===- AttentionOp.cpp - The declarative operators --------------------- -===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "IndexExpression.h"
#include "Verification.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/IR/OpImplementation.h"
#include <cmath>

using namespace mlir;
using namespace mlir::attn;

#define GET_OP_CLASSES
#include "attn/Dialect/Attn/IR/AttnOps.cpp.inc"

int64_t AttentionOp::getGroupSize() {
  return cast<ShapedType>(getQuery().getType()).getDimSize(1) /
         cast<ShapedType>(getKey().getType()).getDimSize(1);
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
      if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, parseOne))
        return failure();
      auto region = std::make_unique<Region>();
      if (parser.parseRegion(*region))
        return failure();
      score.push_back(
          ScoreMapAttr::get(context, regions.size(), slots,
                            parser.getBuilder().getArrayAttr(slotRanks)));
      regions.push_back(std::move(region));
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
    FailureOr<Attribute> expression = SparsityAttr::parseExpression(parser);
    if (failed(expression))
      return failure();
    properties.sparsity = SparsityAttr::get(context, *expression);
  }
  Alignment alignment = Alignment::BottomRight;
  if (succeeded(parser.parseOptionalKeyword("align"))) {
    FailureOr<Alignment> parsed = FieldParser<Alignment>::parse(parser);
    if (failed(parsed))
      return failure();
    alignment = *parsed;
  }
  properties.alignment = AlignmentAttr::get(context, alignment);

  // Operands with their types, in segment order after the extras.
  struct Typed {
    OpAsmParser::UnresolvedOperand operand;
    Type type;
  };
  std::optional<Typed> keyLengths, queryLengths, sinks;
  auto parseTyped = [&](std::optional<Typed> &typed) -> ParseResult {
    typed.emplace();
    return failure(parser.parseLParen() ||
                   parser.parseOperand(typed->operand) ||
                   parser.parseColonType(typed->type) || parser.parseRParen());
  };
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
  if (succeeded(parser.parseOptionalKeyword("sinks")) && parseTyped(sinks))
    return failure();

  SmallVector<Type> types;
  auto parseType = [&]() { return parser.parseType(types.emplace_back()); };
  SMLoc typeLocation;
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
  properties.operandSegmentSizes = {1,
                                    1,
                                    1,
                                    static_cast<int32_t>(state.extras.size()),
                                    keyLengths ? 1 : 0,
                                    queryLengths ? 1 : 0,
                                    sinks ? 1 : 0};

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
          printer << "map(";
          llvm::interleaveComma(llvm::zip(map.getSlots(), map.getRanks()),
                                printer, [&](auto pair) {
                                  printExtra(
                                      std::get<0>(pair),
                                      cast<ArrayAttr>(std::get<1>(pair)));
                                });
          printer << ") ";
          printer.printRegion(getScoreMaps()[map.getRegion()]);
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
    SparsityAttr::printExpression(printer, getSparsity()->getExpression());
    printer << " ";
  }
  printer << "align " << stringifyAlignment(getAlignment());
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
  printTyped("sinks", getSinks());
  printer.printOptionalAttrDict(
      (*this)->getDiscardableAttrDictionary().getValue());
  printer.printNewline();
  printer << ": (" << getQuery().getType() << ", " << getKey().getType() << ", "
          << getValue().getType() << ")";
  printer.printArrowTypeList(getResultTypes());
  printer.decreaseIndent();
}

//===----------------------------------------------------------------------===//
// Verifiers
//===----------------------------------------------------------------------===//

static bool extentsAgree(int64_t a, int64_t b) {
  return a == b || ShapedType::isDynamic(a) || ShapedType::isDynamic(b);
}

/// Checks that the two dimensions, named for the message, may have one extent.
static LogicalResult verifyExtent(Operation *op, StringRef what, int64_t got,
                                  StringRef like, int64_t expected) {
  if (extentsAgree(got, expected))
    return success();
  return op->emitOpError() << what << " is " << got << " but " << like << " is "
                           << expected;
}

/// Whether scores may be computed from elements of `type`.
static bool isScoreType(Type type) {
  return type.isF64() || type.isF32() || type.isBF16() || type.isF16();
}

/// Checks an extra operand against the ranks that index it. The modifiers use
/// the operands in order, each once: `next` is the one whose turn it is.
static LogicalResult verifyExtra(AttentionOp op, StringRef what, int64_t slot,
                                 ArrayRef<StringAttr> ranks, int64_t &next) {
  // spec: AT-7
  if (slot != next++ || next > static_cast<int64_t>(op.getExtras().size()))
    return op.emitOpError(what)
           << " names operand slot " << slot << " of " << op.getExtras().size()
           << " where slot " << next - 1 << " is next";
  auto query = cast<RankedTensorType>(op.getQuery().getType());
  auto key = cast<RankedTensorType>(op.getKey().getType());
  auto type = cast<RankedTensorType>(op.getExtras()[slot].getType());
  if (type.getRank() != static_cast<int64_t>(ranks.size()))
    return op.emitOpError(what)
           << " of rank " << type.getRank() << " is indexed by " << ranks.size()
           << " ranks";
  llvm::SmallDenseSet<StringAttr> seen;
  for (auto [rank, size] : llvm::zip_equal(ranks, type.getShape())) {
    int64_t expected = llvm::StringSwitch<int64_t>(rank.getValue())
                           .Case("b", query.getDimSize(0))
                           .Case("h", query.getDimSize(1))
                           .Case("m", query.getDimSize(2))
                           .Case("n", key.getDimSize(2))
                           .Default(-1);
    if (expected == -1)
      return op.emitOpError(what) << " is indexed by '" << rank.getValue()
                                  << "'; allowed are b, h, m and n";
    if (!seen.insert(rank).second)
      return op.emitOpError(what)
             << " is indexed by '" << rank.getValue() << "' twice";
    if (!extentsAgree(size, expected))
      return op.emitOpError(what)
             << " has extent " << size << " along '" << rank.getValue()
             << "', which is " << expected;
  }
  return success();
}

LogicalResult AttentionOp::verify() {
  auto query = cast<RankedTensorType>(getQuery().getType());
  auto key = cast<RankedTensorType>(getKey().getType());
  auto value = cast<RankedTensorType>(getValue().getType());
  // spec: AT-1
  std::pair<StringRef, RankedTensorType> operands[] = {
      {"query", query}, {"key", key}, {"value", value}};
  for (auto [name, type] : operands) {
    if (type.getRank() != 4)
      return emitOpError(name)
             << " must have the ranks [batch, head, token, feature]; got "
             << type;
    if (type.isDynamicDim(1) || type.isDynamicDim(3))
      return emitOpError(name)
             << " must have static head and feature extents; got " << type;
    if (type.getDimSize(1) == 0 || type.getDimSize(3) == 0)
      return emitOpError(name)
             << " must have at least one head and one feature; got " << type;
  }
  // spec: AT-2
  if (query.getElementType() != key.getElementType() ||
      query.getElementType() != value.getElementType())
    return emitOpError("query, key and value must share an element type; got ")
           << query.getElementType() << ", " << key.getElementType() << " and "
           << value.getElementType();
  auto output = cast<RankedTensorType>(getOutput().getType());
  for (auto [name, type] : {std::pair("query, key and value", query),
                            std::pair("the result", output)})
    if (!isScoreType(type.getElementType()))
      return emitOpError(name) << " must hold f64, f32, bf16 or f16; got "
                               << type.getElementType();
  // spec: AT-3
  if (query.getDimSize(1) % key.getDimSize(1) != 0)
    return emitOpError("query has ")
           << query.getDimSize(1)
           << " heads, which is no multiple of the key's " << key.getDimSize(1);
  // spec: AT-4
  if (failed(verifyExtent(*this, "the key's batch", key.getDimSize(0),
                          "the query's", query.getDimSize(0))) ||
      failed(verifyExtent(*this, "the value's batch", value.getDimSize(0),
                          "the query's", query.getDimSize(0))) ||
      failed(verifyExtent(*this, "the key's feature extent", key.getDimSize(3),
                          "the query's", query.getDimSize(3))) ||
      failed(verifyExtent(*this, "the value's head extent", value.getDimSize(1),
                          "the key's", key.getDimSize(1))) ||
      failed(verifyExtent(*this, "the value's token extent",
                          value.getDimSize(2), "the key's", key.getDimSize(2))))
    return failure();

  // spec: AT-5
  if (output.getRank() != 4 ||
      !extentsAgree(output.getDimSize(0), query.getDimSize(0)) ||
      output.getDimSize(1) != query.getDimSize(1) ||
      !extentsAgree(output.getDimSize(2), query.getDimSize(2)) ||
      output.getDimSize(3) != value.getDimSize(3))
    return emitOpError("the result must be [batch, query head, query token, "
                       "value feature]; got ")
           << output;
  // spec: AT-6
  if (getLse()) {
    auto lse = cast<RankedTensorType>(getLse().getType());
    if (lse.getRank() != 3 ||
        !extentsAgree(lse.getDimSize(0), query.getDimSize(0)) ||
        lse.getDimSize(1) != query.getDimSize(1) ||
        !extentsAgree(lse.getDimSize(2), query.getDimSize(2)) ||
        lse.getElementType() != getComputeType(query.getElementType()))
      return emitOpError("the log-sum-exp must be [batch, query head, query "
                         "token] of ")
             << getComputeType(query.getElementType()) << "; got " << lse;
  }

  // spec: AT-7
  int64_t numSlots = 0, numRegions = 0;
  for (Attribute modifier : getScore()) {
    if (auto bias = dyn_cast<BiasAttr>(modifier)) {
      if (failed(verifyExtra(*this, "bias", bias.getSlot(), bias.getRanks(),
                             numSlots)))
        return failure();
      if (Type element =
              getElementTypeOrSelf(getExtras()[bias.getSlot()].getType());
          !isScoreType(element))
        return emitOpError("bias must hold f64, f32, bf16 or f16; got ")
               << element;
    } else if (auto map = dyn_cast<ScoreMapAttr>(modifier)) {
      for (auto [slot, ranks] : llvm::zip(map.getSlots(), map.getRanks())) {
        auto names =
            llvm::map_to_vector(cast<ArrayAttr>(ranks), [](Attribute rank) {
              return cast<StringAttr>(rank);
            });
        if (failed(verifyExtra(*this, "a score map's operand", slot, names,
                               numSlots)) ||
            failed(verifyElementType(
                *this, "a score map's operand",
                getElementTypeOrSelf(getExtras()[slot].getType()))))
          return failure();
      }
      if (map.getRegion() != numRegions++ ||
          numRegions > static_cast<int64_t>(getScoreMaps().size()))
        return emitOpError("score map #")
               << numRegions - 1 << " names region " << map.getRegion()
               << " of " << getScoreMaps().size();
    } else if (!isa<ScaleAttr, SoftCapAttr>(modifier)) {
      return emitOpError("'score' lists scale, softcap, bias and map; got ")
             << modifier;
    }
  }

  if (numSlots != static_cast<int64_t>(getExtras().size()) ||
      numRegions != static_cast<int64_t>(getScoreMaps().size()))
    return emitOpError("has ")
           << getExtras().size() << " extra operands and "
           << getScoreMaps().size() << " regions, but 'score' uses " << numSlots
           << " and " << numRegions;

  // spec: AT-9
  auto verifyBatch = [&](StringRef what, Value lengths) -> LogicalResult {
    if (!lengths)
      return success();
    return verifyExtent(*this, what,
                        cast<ShapedType>(lengths.getType()).getDimSize(0),
                        "the batch", query.getDimSize(0));
  };
  if (failed(verifyBatch("the extent of the key lengths", getKeyLengths())) ||
      failed(verifyBatch("the extent of the query lengths", getQueryLengths())))
    return failure();
  // spec: AT-10
  if (getSinks()) {
    auto sinks = cast<RankedTensorType>(getSinks().getType());
    if (sinks.getRank() != 1 || !isScoreType(sinks.getElementType()) ||
        !extentsAgree(sinks.getDimSize(0), query.getDimSize(1)))
      return emitOpError("sinks hold one logit per query head (")
             << query.getDimSize(1) << "); got " << sinks;
  }
  return success();
}

LogicalResult AttentionOp::verifyRegions() {
  // spec: AT-8
  Type compute = getComputeType(getElementTypeOrSelf(getQuery().getType()));
  Type index = IndexType::get(getContext());
  for (Attribute modifier : getScore()) {
    auto map = dyn_cast<ScoreMapAttr>(modifier);
    if (!map)
      continue;
    SmallVector<Type> expected{compute};
    for (int64_t slot : map.getSlots()) {
      Type element = getElementTypeOrSelf(getExtras()[slot].getType());
      expected.push_back(isa<FloatType>(element) ? compute : element);
    }
    expected.append(4, index);
    Block &block = getScoreMaps()[map.getRegion()].front();
    if (block.getArgumentTypes() != TypeRange(expected))
      return emitOpError("a score map takes the score, its operands and the "
                         "indices b, h, m, n: (")
             << TypeRange(expected) << "); got (" << block.getArgumentTypes()
             << ")";
    auto yield = dyn_cast<YieldOp>(block.getTerminator());
    if (!yield || yield.getOperandTypes() != TypeRange(compute))
      return emitOpError("a score map must yield one ") << compute;
    for (Operation &op : block.without_terminator())
      if (failed(verifyScalarOp(&op, "a score map")))
        return failure();
  }
  return success();
}

LogicalResult MergeOp::verify() {
  // spec: MG-1
  if (getOutputs().empty() || getOutputs().size() != getLses().size())
    return emitOpError("needs one log-sum-exp for each partial result; got ")
           << getLses().size() << " for " << getOutputs().size();
  // spec: MG-2
  auto first = cast<RankedTensorType>(getOutputs()[0].getType());
  if (first.getRank() != 4 || first.isDynamicDim(1) || first.isDynamicDim(3) ||
      !isScoreType(first.getElementType()))
    return emitOpError("partial results are [batch, head, token, feature] of "
                       "f64, f32, bf16 or f16 with static head and feature "
                       "extents; got ")
           << first;
  for (Value output : getOutputs())
    if (output.getType() != first)
      return emitOpError("partial results must share a type; got ")
             << first << " and " << output.getType();
  Type compute = getComputeType(first.getElementType());
  auto lseType = RankedTensorType::get(first.getShape().drop_back(), compute);
  for (Value lse : getLses())
    if (lse.getType() != lseType)
      return emitOpError("log-sum-exps must be ")
             << lseType << "; got " << lse.getType();
  if (getOutput().getType() != first)
    return emitOpError("the result must be ")
           << first << "; got " << getOutput().getType();
  if (getLse() && getLse().getType() != lseType)
    return emitOpError("the merged log-sum-exp must be ")
           << lseType << "; got " << getLse().getType();
  // spec: MG-3
  if (getSinks()) {
    auto sinks = cast<RankedTensorType>(getSinks().getType());
    if (sinks.getRank() != 1 || !isScoreType(sinks.getElementType()) ||
        !extentsAgree(sinks.getDimSize(0), first.getDimSize(1)))
      return emitOpError("sinks hold one logit per head (")
             << first.getDimSize(1) << "); got " << sinks;
  }
  return success();
}
