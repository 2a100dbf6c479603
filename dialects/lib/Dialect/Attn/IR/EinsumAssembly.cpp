//===- EinsumAssembly.cpp - The text of an einsum -------------------------===//
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

using namespace mlir;
using namespace mlir::attn;

static Value buildShorthand(OpBuilder &builder, Location loc, StringRef name,
                            ValueRange args) {
  if (name.empty())
    return args[0];
  Type type = args[0].getType();
  bool isFloat = isa<FloatType>(type);
  if (name == "mul")
    return isFloat ? arith::MulFOp::create(builder, loc, args[0], args[1])
                         .getResult()
                   : arith::MulIOp::create(builder, loc, args[0], args[1])
                         .getResult();
  if (name == "add")
    return isFloat ? arith::AddFOp::create(builder, loc, args[0], args[1])
                         .getResult()
                   : arith::AddIOp::create(builder, loc, args[0], args[1])
                         .getResult();
  if (name == "sub")
    return isFloat ? arith::SubFOp::create(builder, loc, args[0], args[1])
                         .getResult()
                   : arith::SubIOp::create(builder, loc, args[0], args[1])
                         .getResult();
  if (name == "div")
    return arith::DivFOp::create(builder, loc, args[0], args[1]);
  if (name == "max")
    return arith::MaximumFOp::create(builder, loc, args[0], args[1]);
  return arith::MinimumFOp::create(builder, loc, args[0], args[1]);
}

static StringRef getShorthand(EinsumOpInterface op) {
  Operation *single = op.getSingleMapOp();
  if (!single || !llvm::all_of(op.getMap()->getArgumentTypes(), [&](Type type) {
        return type == single->getResult(0).getType();
      }))
    return {};
  if (auto fastmath = dyn_cast<arith::ArithFastMathInterface>(single))
    if (auto flags = fastmath.getFastMathFlagsAttr())
      if (flags.getValue() != arith::FastMathFlags::none)
        return {};
  return llvm::StringSwitch<StringRef>(single->getName().getStringRef())
      .Case("arith.mulf", "mul")
      .Case("arith.addf", "add")
      .Case("arith.subf", "sub")
      .Case("arith.divf", "div")
      .Case("arith.maximumf", "max")
      .Case("arith.minimumf", "min")
      .Default("");
}

/// Parses `identity(value) commutative { region }`, what the reduction by a
/// region is made of.
template <typename PropertiesT>
static ParseResult parseCombiner(OpAsmParser &parser, PropertiesT &properties,
                                 OperationState &result) {
  if (parser.parseKeyword("identity") || parser.parseLParen() ||
      parser.parseAttribute(properties.identity) || parser.parseRParen())
    return failure();
  if (succeeded(parser.parseOptionalKeyword("commutative")))
    properties.commutative = parser.getBuilder().getUnitAttr();
  return parser.parseRegion(*result.addRegion());
}

/// Parses what is between the reduction and the types: where an einsum of
/// tensors keeps its result.
static ParseResult
parseDestination(OpAsmParser &parser, EinsumOp::Properties &properties,
                 std::optional<OpAsmParser::UnresolvedOperand> &) {
  SMLoc location = parser.getCurrentLocation();
  if (succeeded(parser.parseOptionalKeyword("outs")))
    return parser.emitError(location, "attn.einsum returns its result; "
                                      "attn.tile_einsum writes it to 'outs'");
  if (failed(parser.parseOptionalKeyword("in")))
    return success();
  FailureOr<Residency> residency = FieldParser<Residency>::parse(parser);
  if (failed(residency))
    return failure();
  properties.residency = ResidencyAttr::get(parser.getContext(), *residency);
  return success();
}

/// The same of an einsum of tiles: `outs(%t) accumulate clamp [ranks]`.
static ParseResult
parseDestination(OpAsmParser &parser, TileEinsumOp::Properties &properties,
                 std::optional<OpAsmParser::UnresolvedOperand> &init) {
  Builder &builder = parser.getBuilder();
  if (parser.parseKeyword("outs", ", the destination of the tile") ||
      parser.parseLParen() || parser.parseOperand(init.emplace()) ||
      parser.parseRParen())
    return failure();
  if (succeeded(parser.parseOptionalKeyword("accumulate")))
    properties.accumulate = builder.getUnitAttr();
  SmallVector<StringAttr> clamped;
  if (succeeded(parser.parseOptionalKeyword("clamp")) &&
      parseRankList(parser, clamped))
    return failure();
  properties.clampedRanks = builder.getArrayAttr(
      SmallVector<Attribute>(clamped.begin(), clamped.end()));
  return success();
}

/// The text of both einsums, up to the destination.
template <typename OpT>
static ParseResult parseEinsum(OpAsmParser &parser, OperationState &result) {
  MLIRContext *context = parser.getContext();
  Builder &builder = parser.getBuilder();
  RankTable table(context);

  // [ranks] =
  SmallVector<StringAttr> outputRanks;
  if (parseRankList(parser, outputRanks) || parser.parseEqual())
    return failure();
  SMLoc outputLocation = parser.getCurrentLocation();
  for (StringAttr rank : outputRanks)
    table.getRank(rank);

  // map(...) { } | name(...) | access
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  SmallVector<SmallVector<AffineExpr>> accesses;
  auto parseAccess = [&]() -> ParseResult {
    return parseIndexedOperand(parser, table, operands.emplace_back(),
                               accesses.emplace_back());
  };
  Region *region = result.addRegion();
  StringRef form;
  SMLoc formLocation = parser.getCurrentLocation();
  if (succeeded(parser.parseOptionalKeyword(&form))) {
    if (!llvm::is_contained({"map", "mul", "add", "sub", "div", "max", "min"},
                            form))
      return parser.emitError(formLocation)
             << "unknown map '" << form
             << "'; known are map, mul, add, sub, div, max, min and a bare "
                "access";
    if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren,
                                       parseAccess))
      return failure();
    if (form != "map" && operands.size() != 2)
      return parser.emitError(formLocation)
             << "'" << form << "' takes two operands; got " << operands.size();
    if (form == "map" && parser.parseRegion(*region))
      return failure();
  } else if (parseAccess()) {
    return failure();
  }

  // reduce kind(ranks)
  auto &properties = result.getOrAddProperties<typename OpT::Properties>();
  SmallVector<StringAttr> reduced;
  if (succeeded(parser.parseOptionalKeyword("reduce"))) {
    FailureOr<ReductionKind> kind = FieldParser<ReductionKind>::parse(parser);
    if (failed(kind) || parser.parseLParen())
      return failure();
    properties.reduction = ReductionKindAttr::get(context, *kind);
    auto parseRank = [&]() { return parseRankName(parser, reduced); };
    if (parser.parseCommaSeparatedList(parseRank) || parser.parseRParen())
      return failure();
    if (*kind == ReductionKind::Associative &&
        parseCombiner(parser, properties, result))
      return failure();
  }

  std::optional<OpAsmParser::UnresolvedOperand> init;
  if (parseDestination(parser, properties, init))
    return failure();

  // attributes : (types) -> type
  SmallVector<Type> types;
  Type outputType;
  SMLoc typeLocation;
  auto parseType = [&]() { return parser.parseType(types.emplace_back()); };
  if (parser.parseOptionalAttrDict(result.attributes) || parser.parseColon() ||
      parser.getCurrentLocation(&typeLocation) ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, parseType) ||
      parser.parseArrow() || parser.parseType(outputType))
    return failure();
  ArrayRef<RankTable::Data> data = table.getData();
  if (types.size() != operands.size() + data.size())
    return parser.emitError(typeLocation)
           << "expected " << operands.size() + data.size() << " operand types"
           << (data.empty() ? "" : ", the index tensors' last") << "; got "
           << types.size();
  ArrayRef<Type> inputTypes = ArrayRef(types).take_front(operands.size());
  if (!isa<RankedTensorType>(outputType) &&
      (!init || !isa<MemRefType>(outputType)))
    return parser.emitError(typeLocation)
           << (init ? "a tile is a ranked tensor or a memref; got "
                    : "an einsum produces a ranked tensor; got ")
           << outputType;
  for (Type type : types)
    if (!isa<RankedTensorType, MemRefType>(type))
      return parser.emitError(typeLocation)
             << "an einsum reads ranked tensors or memrefs; got " << type;

  SmallVector<OpAsmParser::UnresolvedOperand> indices = llvm::map_to_vector(
      data, [](const RankTable::Data &index) { return index.operand; });
  if (parser.resolveOperands(operands, inputTypes, typeLocation,
                             result.operands) ||
      parser.resolveOperands(indices,
                             ArrayRef(types).drop_front(operands.size()),
                             typeLocation, result.operands) ||
      (init && parser.resolveOperand(*init, outputType, result.operands)))
    return failure();
  llvm::copy(ArrayRef<int32_t>({static_cast<int32_t>(operands.size()),
                                static_cast<int32_t>(data.size()), 1})
                 .take_front(properties.operandSegmentSizes.size()),
             properties.operandSegmentSizes.begin());
  if (isa<RankedTensorType>(outputType))
    result.addTypes(outputType);

  // The ranks in their final order: result, reduced, bound.
  SmallVector<StringAttr> ranks(outputRanks);
  for (StringAttr rank : reduced) {
    if (llvm::is_contained(ranks, rank))
      return parser.emitError(outputLocation)
             << "rank '" << rank.getValue()
             << "' is listed twice among the result's and the reduced ranks";
    ranks.push_back(rank);
    table.getRank(rank);
  }
  for (StringAttr rank : table.getRanks())
    if (!llvm::is_contained(ranks, rank))
      ranks.push_back(rank);
  SmallVector<Attribute> maps, indexMaps;
  for (ArrayRef<AffineExpr> exprs : accesses)
    maps.push_back(AffineMapAttr::get(table.getMap(exprs, ranks)));
  for (const RankTable::Data &index : data)
    indexMaps.push_back(
        AffineMapAttr::get(table.getDataMap(index.exprs, ranks)));
  auto toArray = [&](ArrayRef<StringAttr> names) {
    return builder.getArrayAttr(
        SmallVector<Attribute>(names.begin(), names.end()));
  };
  properties.ranks = toArray(ranks);
  properties.outputRank = builder.getI64IntegerAttr(outputRanks.size());
  properties.maps = builder.getArrayAttr(maps);
  properties.indexMaps = builder.getArrayAttr(indexMaps);
  properties.extents = toArray(table.getExtents());
  properties.reducedRanks = toArray(reduced);

  if (form != "map") {
    OpBuilder bodyBuilder(context);
    SmallVector<Type> arguments;
    for (Type type : inputTypes)
      arguments.push_back(getMapArgumentType(type, outputType));
    if (!llvm::all_equal(arguments))
      return parser.emitError(formLocation)
             << "'" << form << "' needs operands of one kind; write a map";
    if ((form == "div" || form == "max" || form == "min") &&
        !isa<FloatType>(arguments[0]))
      return parser.emitError(formLocation)
             << "'" << form << "' is for floats; write a map";
    Location loc = result.location;
    Block *map =
        bodyBuilder.createBlock(region, region->end(), arguments,
                                SmallVector<Location>(arguments.size(), loc));
    Value value = buildShorthand(bodyBuilder, loc, form, map->getArguments());
    YieldOp::create(bodyBuilder, loc, value);
  }
  return success();
}

static void printRanks(OpAsmPrinter &printer, ArrayRef<StringAttr> ranks) {
  llvm::interleave(
      ranks, printer, [&](StringAttr rank) { printer << rank.getValue(); },
      ",");
}

/// Prints an einsum; `printDestination` prints what is between the reduction
/// and the types.
static void printEinsum(OpAsmPrinter &printer, EinsumOpInterface einsum,
                        function_ref<void()> printDestination) {
  printer << " [";
  printRanks(printer, einsum.getOutputRanks());
  printer << "] = ";
  // The text names index tensors where they are used first.
  SmallVector<unsigned> indexOrder;
  auto printAccess = [&](unsigned index) {
    printIndexedOperand(printer, einsum.getAccess(index), indexOrder);
  };
  StringRef shorthand = getShorthand(einsum);
  if (einsum.isIdentityMap() && einsum.getInputs().size() == 1 &&
      isa<FloatType>(einsum.getMapResult().getType())) {
    printAccess(0);
  } else {
    printer << (shorthand.empty() ? "map" : shorthand) << "(";
    llvm::interleaveComma(llvm::seq<unsigned>(0, einsum.getInputs().size()),
                          printer, printAccess);
    printer << ")";
    if (shorthand.empty()) {
      printer << " ";
      printer.printRegion(einsum.getBody());
    }
  }
  if (einsum.getReduction()) {
    printer << " reduce " << stringifyReductionKind(*einsum.getReduction())
            << "(";
    printRanks(printer, einsum.getReduced());
    printer << ")";
    if (Block *combiner = einsum.getCombinerBlock()) {
      printer << " identity(" << einsum.getIdentityAttr() << ")";
      if (einsum.getCommutative())
        printer << " commutative";
      printer << " ";
      printer.printRegion(*combiner->getParent());
    }
  }
  printDestination();
  printer.printOptionalAttrDict(
      einsum->getDiscardableAttrDictionary().getValue());
  SmallVector<Type> types(einsum.getInputs().getTypes());
  for (unsigned index : indexOrder)
    types.push_back(einsum.getIndices()[index].getType());
  printer << " : (";
  llvm::interleaveComma(types, printer);
  printer << ") -> " << einsum.getOutputType();
}

ParseResult EinsumOp::parse(OpAsmParser &parser, OperationState &result) {
  return parseEinsum<EinsumOp>(parser, result);
}

void EinsumOp::print(OpAsmPrinter &printer) {
  printEinsum(printer, *this, [&] {
    if (getResidency())
      printer << " in " << stringifyResidency(*getResidency());
  });
}

ParseResult TileEinsumOp::parse(OpAsmParser &parser, OperationState &result) {
  return parseEinsum<TileEinsumOp>(parser, result);
}

void TileEinsumOp::print(OpAsmPrinter &printer) {
  printEinsum(printer, *this, [&] {
    printer << " outs(" << getInit() << ")";
    if (getAccumulate())
      printer << " accumulate";
    if (getClampedRanks().empty())
      return;
    printer << " clamp [";
    printRanks(printer, detail::toNames(getClampedRanks()));
    printer << "]";
  });
}
