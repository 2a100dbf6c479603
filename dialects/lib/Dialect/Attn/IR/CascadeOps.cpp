//===- CascadeOps.cpp - Cascades, iteration, indices ---------------- -===//
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
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// attn.cascade
//===----------------------------------------------------------------------===//

OperandRange CascadeOp::getYielded() {
  return getBody().front().getTerminator()->getOperands();
}

bool attn::isPartition(EinsumOp einsum, AffineExpr expr, StringAttr &step,
                       StringAttr &point) {
  // Sums keep the order in which they are written.
  auto match = [&](AffineExpr offset, AffineExpr within) {
    auto product = dyn_cast<AffineBinaryOpExpr>(offset);
    auto dim = dyn_cast<AffineDimExpr>(within);
    if (!product || product.getKind() != AffineExprKind::Mul || !dim)
      return false;
    auto factor = dyn_cast<AffineDimExpr>(product.getLHS());
    auto extent = dyn_cast<AffineSymbolExpr>(product.getRHS());
    if (!factor || !extent)
      return false;
    SmallVector<StringAttr> ranks = einsum.getRankNames();
    step = ranks[factor.getPosition()];
    point = ranks[dim.getPosition()];
    SmallVector<StringAttr> extents = einsum.getExtentNames();
    return step != point && extent.getPosition() < extents.size() &&
           extents[extent.getPosition()] == point;
  };
  auto sum = dyn_cast<AffineBinaryOpExpr>(expr);
  return sum && sum.getKind() == AffineExprKind::Add &&
         (match(sum.getLHS(), sum.getRHS()) ||
          match(sum.getRHS(), sum.getLHS()));
}

StringAttr attn::getWalkedRank(EinsumOp einsum, AffineExpr expr) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return einsum.getRankNames()[dim.getPosition()];
  StringAttr step, point;
  if (!isPartition(einsum, expr, step, point))
    return {};
  for (auto iterate = einsum->getParentOfType<IterateOp>(); iterate;
       iterate = iterate->getParentOfType<IterateOp>())
    if (iterate.getRankAttr() == step && iterate.getPointAttr() == point)
      return iterate.getParentAttr();
  return {};
}

void attn::forEachStatedExtent(
    CascadeOp cascade,
    function_ref<void(StringAttr, int64_t, Operation *, bool)> fn) {
  auto isGiven = [&](Value tensor) {
    // A copy of an input may give way to it.
    while (auto einsum = tensor.getDefiningOp<EinsumOp>()) {
      if (einsum.getReduction() || !einsum.isIdentityMap() ||
          !einsum.getAccess(0).map.isIdentity())
        return false;
      tensor = einsum.getInputs()[0];
    }
    return llvm::is_contained(cascade.getBody().getArguments(), tensor);
  };
  cascade.getBody().walk([&](EinsumOp einsum) {
    for (auto [rank, size] :
         llvm::zip(einsum.getOutputRanks(), einsum.getOutputType().getShape()))
      fn(rank, size, einsum, /*isGiven=*/false);
    auto visit = [&](OperandRange tensors, ArrayAttr maps) {
      for (auto [tensor, attribute] : llvm::zip(tensors, maps)) {
        AffineMap map = cast<AffineMapAttr>(attribute).getValue();
        auto type = cast<ShapedType>(tensor.getType());
        for (auto [expr, size] : llvm::zip(map.getResults(), type.getShape()))
          if (StringAttr rank = getWalkedRank(einsum, expr))
            fn(rank, size, einsum, isGiven(tensor));
      }
    };
    visit(einsum.getInputs(), einsum.getMaps());
    visit(einsum.getIndices(), einsum.getIndexMaps());
  });
  auto fromAccess = [&](std::optional<AccessAttr> access) {
    if (!access || access->getInput() < 0 ||
        access->getInput() >= static_cast<int64_t>(cascade.getInputs().size()))
      return;
    auto type =
        cast<ShapedType>(cascade.getInputs()[access->getInput()].getType());
    for (auto [rank, size] : llvm::zip(access->getRanks(), type.getShape()))
      fn(rank, size, cascade, /*isGiven=*/true);
  };
  for (AccessAttr access : cascade.getSpace().getAccesses())
    fromAccess(access);
}

llvm::MapVector<StringAttr, int64_t> CascadeOp::getRankExtents() {
  llvm::MapVector<StringAttr, int64_t> extents;
  forEachStatedExtent(*this,
                      [&](StringAttr rank, int64_t size, Operation *, bool) {
                        auto [it, inserted] = extents.insert({rank, size});
                        if (!inserted && ShapedType::isDynamic(it->second))
                          it->second = size;
                      });
  return extents;
}

/// `%input[ranks]`
static ParseResult parseAccess(OpAsmParser &parser,
                               ArrayRef<OpAsmParser::Argument> arguments,
                               AccessAttr &access) {
  OpAsmParser::UnresolvedOperand name;
  SmallVector<StringAttr> ranks;
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseOperand(name) || parseRankList(parser, ranks))
    return failure();
  for (auto [index, argument] : llvm::enumerate(arguments))
    if (argument.ssaName.name == name.name && name.number == 0) {
      access = AccessAttr::get(parser.getContext(), index, ranks);
      return success();
    }
  return parser.emitError(location)
         << "'" << name.name << "' is no input of the cascade";
}

static ParseResult parseAccessClause(OpAsmParser &parser,
                                     ArrayRef<OpAsmParser::Argument> arguments,
                                     AccessAttr &access) {
  return failure(parser.parseLParen() ||
                 parseAccess(parser, arguments, access) ||
                 parser.parseRParen());
}

/// Parses the parameters of an attribute whose kind is known. With its
/// mnemonic, a colon after it would be taken for the attribute's type.
template <typename AttrT>
static ParseResult parseStripped(AsmParser &parser, AttrT &attribute) {
  attribute = llvm::cast_or_null<AttrT>(AttrT::parse(parser, Type()));
  return success(attribute != nullptr);
}

ParseResult CascadeOp::parse(OpAsmParser &parser, OperationState &result) {
  MLIRContext *context = parser.getContext();
  auto &properties = result.getOrAddProperties<Properties>();
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  SmallVector<std::unique_ptr<Region>> predicates;
  auto parseInput = [&]() -> ParseResult {
    return failure(parser.parseArgument(arguments.emplace_back()) ||
                   parser.parseEqual() ||
                   parser.parseOperand(operands.emplace_back()));
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, parseInput))
    return failure();

  SMLoc location = parser.getCurrentLocation();
  if (succeeded(parser.parseOptionalKeyword("where"))) {
    auto parseList = [&]() -> FailureOr<AccessAttr> {
      AccessAttr list;
      if (parseAccess(parser, arguments, list))
        return failure();
      return list;
    };
    auto parsePredicate = [&]() -> FailureOr<int64_t> {
      if (parser.parseRegion(*predicates.emplace_back(new Region)))
        return failure();
      return predicates.size() - 1;
    };
    FailureOr<Attribute> expression =
        SparsityAttr::parseExpression(parser, parseList, parsePredicate);
    if (failed(expression))
      return failure();
    properties.sparsity = SparsityAttr::get(context, *expression);
  }
  if (succeeded(parser.parseOptionalKeyword("over"))) {
    SmallVector<StringAttr> ranks;
    if (parser.parseLParen() || parseRankName(parser, ranks) ||
        parser.parseComma() || parseRankName(parser, ranks) ||
        parser.parseRParen())
      return failure();
    properties.queryRank = ranks[0];
    properties.keyRank = ranks[1];
    properties.alignment = AlignmentAttr::get(context, Alignment::BottomRight);
  } else if (properties.sparsity) {
    return parser.emitError(location, "'where' needs 'over (query, key)'");
  }
  if (succeeded(parser.parseOptionalKeyword("align"))) {
    FailureOr<Alignment> alignment = FieldParser<Alignment>::parse(parser);
    if (failed(alignment))
      return failure();
    properties.alignment = AlignmentAttr::get(context, *alignment);
    if (*alignment == Alignment::Offset &&
        parseAccessClause(parser, arguments, properties.offset))
      return failure();
  }
  SmallVector<Attribute> origins;
  auto parseOrigin = [&]() -> ParseResult {
    SmallVector<StringAttr> rank;
    AccessAttr access;
    if (parseRankName(parser, rank) || parser.parseEqual() ||
        parseAccess(parser, arguments, access))
      return failure();
    origins.push_back(OriginAttr::get(context, rank.front(), access));
    return success();
  };
  if (succeeded(parser.parseOptionalKeyword("origin"))) {
    if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren,
                                       parseOrigin))
      return failure();
    properties.origins = parser.getBuilder().getArrayAttr(origins);
  }
  SMLoc lengthsLocation = parser.getCurrentLocation();
  if (succeeded(parser.parseOptionalKeyword("lengths"))) {
    if (succeeded(parser.parseOptionalKeyword("key")) &&
        parseAccessClause(parser, arguments, properties.keyLengths))
      return failure();
    if (succeeded(parser.parseOptionalKeyword("query")) &&
        parseAccessClause(parser, arguments, properties.queryLengths))
      return failure();
    if (!properties.keyLengths && !properties.queryLengths)
      return parser.emitError(lengthsLocation,
                              "'lengths' takes key(...), query(...) or both");
  }
  // One clause gives both, or the verifier says so.
  SMLoc segmentsLocation = parser.getCurrentLocation();
  if (succeeded(parser.parseOptionalKeyword("segments"))) {
    if (succeeded(parser.parseOptionalKeyword("query")) &&
        parseAccessClause(parser, arguments, properties.querySegments))
      return failure();
    if (succeeded(parser.parseOptionalKeyword("key")) &&
        parseAccessClause(parser, arguments, properties.keySegments))
      return failure();
    if (!properties.querySegments && !properties.keySegments)
      return parser.emitError(segmentsLocation,
                              "'segments' takes query(...) and key(...)");
  }
  SmallVector<Attribute> permutations;
  auto parsePermutation = [&]() -> ParseResult {
    SmallVector<StringAttr> rank;
    AccessAttr access;
    if (parseRankName(parser, rank) || parser.parseEqual() ||
        parseAccess(parser, arguments, access))
      return failure();
    permutations.push_back(PermutationAttr::get(context, rank.front(), access));
    return success();
  };
  if (succeeded(parser.parseOptionalKeyword("permute"))) {
    if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren,
                                       parsePermutation))
      return failure();
    properties.permutations = parser.getBuilder().getArrayAttr(permutations);
  }
  if (succeeded(parser.parseOptionalKeyword("mapping")) &&
      parseStripped(parser, properties.mapping))
    return failure();

  SmallVector<Type> types;
  auto parseType = [&]() { return parser.parseType(types.emplace_back()); };
  SMLoc typeLocation;
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
      parser.parseColon() || parser.getCurrentLocation(&typeLocation) ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, parseType) ||
      parser.parseArrowTypeList(result.types) ||
      parser.resolveOperands(operands, types, typeLocation, result.operands))
    return failure();
  for (auto [argument, type] : llvm::zip_equal(arguments, types))
    argument.type = type;
  if (parser.parseRegion(*result.addRegion(), arguments))
    return failure();
  result.addRegions(predicates);
  return success();
}

void CascadeOp::print(OpAsmPrinter &printer) {
  Block &body = getBody().front();
  printer << " (";
  llvm::interleaveComma(
      llvm::zip(body.getArguments(), getInputs()), printer, [&](auto pair) {
        printer << std::get<0>(pair) << " = " << std::get<1>(pair);
      });
  printer << ")";
  auto printAccess = [&](AccessAttr access) {
    printer << body.getArgument(access.getInput()) << "[";
    llvm::interleave(
        access.getRanks(), printer,
        [&](StringAttr rank) { printer << rank.getValue(); }, ",");
    printer << "]";
  };
  if (getSparsity()) {
    printer << " where ";
    SparsityAttr::printExpression(printer, getSparsity()->getExpression(),
                                  printAccess, [&](int64_t number) {
                                    printer << " ";
                                    printer.printRegion(
                                        getPredicates()[number]);
                                  });
  }
  if (hasSpace()) {
    printer << " over (" << *getQueryRank() << ", " << *getKeyRank() << ")";
    if (getAlignment())
      printer << " align " << stringifyAlignment(*getAlignment());
  }
  auto printClause = [&](StringRef what, std::optional<AccessAttr> access) {
    if (!access)
      return;
    printer << what << "(";
    printAccess(*access);
    printer << ")";
  };
  printClause("", getOffset());
  if (std::optional<ArrayAttr> origins = getOrigins()) {
    printer << " origin(";
    llvm::interleaveComma(*origins, printer, [&](Attribute attribute) {
      auto origin = cast<OriginAttr>(attribute);
      printer << origin.getRank().getValue() << " = ";
      printAccess(origin.getAccess());
    });
    printer << ")";
  }
  if (getKeyLengths() || getQueryLengths()) {
    printer << " lengths";
    printClause(" key", getKeyLengths());
    printClause(" query", getQueryLengths());
  }
  if (getQuerySegments() || getKeySegments()) {
    printer << " segments";
    printClause(" query", getQuerySegments());
    printClause(" key", getKeySegments());
  }
  if (std::optional<ArrayAttr> permutations = getPermutations()) {
    printer << " permute(";
    llvm::interleaveComma(permutations->getAsRange<PermutationAttr>(), printer,
                          [&](PermutationAttr permutation) {
                            printer << permutation.getRank().getValue()
                                    << " = ";
                            printAccess(permutation.getAccess());
                          });
    printer << ")";
  }
  if (getMapping()) {
    printer << " mapping ";
    getMapping()->print(printer);
  }
  printer.printOptionalAttrDictWithKeyword(
      (*this)->getDiscardableAttrDictionary().getValue());
  printer << " : (";
  llvm::interleaveComma(getInputs().getTypes(), printer);
  printer << ")";
  printer.printArrowTypeList(getResultTypes());
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

//===----------------------------------------------------------------------===//
// attn.iterate
//===----------------------------------------------------------------------===//

OperandRange IterateOp::getYielded() {
  return getBody().front().getTerminator()->getOperands();
}

ParseResult IterateOp::parse(OpAsmParser &parser, OperationState &result) {
  auto &properties = result.getOrAddProperties<Properties>();
  SmallVector<StringAttr> names;
  SmallVector<OpAsmParser::UnresolvedOperand> inits;
  SmallVector<Type> types;
  if (parseRankName(parser, names) || parser.parseKeyword("of") ||
      parseRankName(parser, names) || parser.parseKeyword("by") ||
      parseRankName(parser, names))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("split"))) {
    int64_t size = 0;
    if (parseRankName(parser, names) || parser.parseKeyword("by") ||
        parser.parseInteger(size))
      return failure();
    properties.splitRank = names[3];
    properties.splitSize = parser.getBuilder().getI64IntegerAttr(size);
  }
  if (parser.parseKeyword("init") || parser.parseLParen())
    return failure();
  SMLoc location = parser.getCurrentLocation();
  if (failed(parser.parseOptionalRParen()))
    if (parser.parseOperandList(inits) || parser.parseColonTypeList(types) ||
        parser.parseRParen())
      return failure();
  properties.rank = names[0];
  properties.parent = names[1];
  properties.point = names[2];
  if (succeeded(parser.parseOptionalKeyword("plan")) &&
      parseStripped(parser, properties.plan))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("tokens")) &&
      parseStripped(parser, properties.tokenPlan))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("periodic")))
    properties.periodic = parser.getBuilder().getUnitAttr();
  if (succeeded(parser.parseOptionalKeyword("boxes")))
    properties.boxes = parser.getBuilder().getUnitAttr();
  result.addTypes(types);
  return failure(
      parser.resolveOperands(inits, types, location, result.operands) ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
      parser.parseRegion(*result.addRegion()));
}

void IterateOp::print(OpAsmPrinter &printer) {
  printer << " " << getRank() << " of " << getParent() << " by " << getPoint();
  if (getSplitRank())
    printer << " split " << *getSplitRank() << " by " << *getSplitSize();
  printer << " init(";
  if (!getInits().empty())
    printer << getInits() << " : " << getInits().getTypes();
  printer << ")";
  if (getPlan()) {
    printer << " plan ";
    getPlan()->print(printer);
  }
  if (getTokenPlan()) {
    printer << " tokens ";
    getTokenPlan()->print(printer);
  }
  if (getPeriodic())
    printer << " periodic";
  if (getBoxes())
    printer << " boxes";
  printer.printOptionalAttrDictWithKeyword(
      (*this)->getDiscardableAttrDictionary().getValue());
  printer << " ";
  printer.printRegion(getBody());
}

//===----------------------------------------------------------------------===//
// attn.index
//===----------------------------------------------------------------------===//

ParseResult IndexOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<StringAttr> names;
  if (parseRankName(parser, names) ||
      parser.parseOptionalAttrDict(result.attributes) || parser.parseColon() ||
      parser.parseKeyword("index"))
    return failure();
  result.getOrAddProperties<Properties>().rank = names.front();
  result.addTypes(parser.getBuilder().getIndexType());
  return success();
}

void IndexOp::print(OpAsmPrinter &printer) {
  printer << " " << getRank();
  printer.printOptionalAttrDict(
      (*this)->getDiscardableAttrDictionary().getValue());
  printer << " : index";
}
