//===- EinsumOp.cpp - The extended einsum ------------------------------ -===//
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

//===----------------------------------------------------------------------===//
// Accessors
//===----------------------------------------------------------------------===//

EinsumAccess EinsumAccess::get(Value tensor, ArrayRef<StringAttr> ranks) {
  MLIRContext *context = tensor.getContext();
  return EinsumAccess(
      tensor, AffineMap::getMultiDimIdentityMap(ranks.size(), context), ranks);
}

static SmallVector<StringAttr> toNames(ArrayAttr names) {
  return llvm::map_to_vector(
      names, [](Attribute name) { return cast<StringAttr>(name); });
}

SmallVector<StringAttr> EinsumOp::getRankNames() { return toNames(getRanks()); }

SmallVector<StringAttr> EinsumOp::getOutputRanks() {
  SmallVector<StringAttr> names = getRankNames();
  names.truncate(getOutputRank());
  return names;
}

SmallVector<StringAttr> EinsumOp::getReduced() {
  return toNames(getReducedRanks());
}

SmallVector<StringAttr> EinsumOp::getBoundRanks() {
  SmallVector<StringAttr> names = getRankNames();
  return SmallVector<StringAttr>(
      ArrayRef(names).drop_front(getOutputRank() + getReducedRanks().size()));
}

SmallVector<StringAttr> EinsumOp::getExtentNames() {
  return toNames(getExtents());
}

EinsumAccess EinsumOp::getAccess(unsigned index) {
  return EinsumAccess(getInputs()[index],
                      cast<AffineMapAttr>(getMaps()[index]).getValue(),
                      getRankNames(), getExtentNames());
}

std::optional<EinsumReduction> EinsumOp::getEinsumReduction() {
  if (!getReduction())
    return std::nullopt;
  return EinsumReduction{*getReduction(), getReduced()};
}

int64_t EinsumOp::findRank(StringAttr rank) {
  for (auto [index, name] : llvm::enumerate(getRanks()))
    if (name == rank)
      return index;
  return -1;
}

bool EinsumOp::inputUsesRank(unsigned index, StringAttr rank) {
  int64_t position = findRank(rank);
  return position >= 0 && cast<AffineMapAttr>(getMaps()[index])
                              .getValue()
                              .isFunctionOfDim(position);
}

ShapedType EinsumOp::getOutputType() {
  if (getInit())
    return cast<ShapedType>(getInit().getType());
  return cast<ShapedType>(getResult().getType());
}

Value EinsumOp::getMapResult() {
  return getMap()->getTerminator()->getOperand(0);
}

Operation *EinsumOp::getSingleMapOp() {
  Block *map = getMap();
  if (!llvm::hasNItems(map->without_terminator(), 1))
    return nullptr;
  Operation &op = map->front();
  if (op.getNumResults() != 1 || op.getResult(0) != getMapResult() ||
      op.getNumOperands() != map->getNumArguments())
    return nullptr;
  for (auto [operand, argument] :
       llvm::zip_equal(op.getOperands(), map->getArguments()))
    if (operand != argument)
      return nullptr;
  return &op;
}

bool EinsumOp::isIdentityMap() {
  return getMap()->getNumArguments() == 1 &&
         getMap()->without_terminator().empty() &&
         getMapResult() == getMap()->getArgument(0);
}

void EinsumOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  // On tensors an einsum is a function of its operands, `outs` among them.
  if (!isTileForm() || !isa<BaseMemRefType>(getInit().getType()))
    return;
  for (OpOperand &input : getInputsMutable())
    if (isa<BaseMemRefType>(input.get().getType()))
      effects.emplace_back(MemoryEffects::Read::get(), &input);
  OpOperand &init = getInitMutable()[0];
  if (getAccumulate())
    effects.emplace_back(MemoryEffects::Read::get(), &init);
  effects.emplace_back(MemoryEffects::Write::get(), &init);
}

Speculation::Speculatability EinsumOp::getSpeculatability() {
  return isTileForm() && isa<BaseMemRefType>(getInit().getType())
             ? Speculation::NotSpeculatable
             : Speculation::Speculatable;
}

//===----------------------------------------------------------------------===//
// Builders
//===----------------------------------------------------------------------===//

static void
buildEinsum(OpBuilder &builder, OperationState &state, Type outputType,
            Value init, ArrayRef<StringAttr> outputRanks,
            ArrayRef<EinsumAccess> accesses,
            std::optional<EinsumReduction> reduction, bool accumulate,
            ArrayRef<StringAttr> clamped,
            function_ref<Value(OpBuilder &, Location, ValueRange)> body) {
  MLIRContext *context = builder.getContext();
  SmallVector<StringAttr> ranks(outputRanks);
  if (reduction)
    llvm::append_range(ranks, reduction->ranks);
  SmallVector<StringAttr> extents;
  for (const EinsumAccess &access : accesses) {
    for (auto [position, rank] : llvm::enumerate(access.ranks))
      if (access.map.isFunctionOfDim(position) &&
          !llvm::is_contained(ranks, rank))
        ranks.push_back(rank);
    for (auto [position, extent] : llvm::enumerate(access.extents))
      if (access.map.isFunctionOfSymbol(position) &&
          !llvm::is_contained(extents, extent))
        extents.push_back(extent);
  }

  // Rewrite every access over the common ranks and extents.
  SmallVector<Attribute> maps;
  SmallVector<Value> inputs;
  SmallVector<Type> argumentTypes;
  for (const EinsumAccess &access : accesses) {
    SmallVector<AffineExpr> dims, symbols;
    for (StringAttr rank : access.ranks) {
      auto *found = llvm::find(ranks, rank);
      dims.push_back(found == ranks.end()
                         ? builder.getAffineConstantExpr(0)
                         : builder.getAffineDimExpr(found - ranks.begin()));
    }
    for (StringAttr extent : access.extents) {
      auto *found = llvm::find(extents, extent);
      symbols.push_back(
          found == extents.end()
              ? builder.getAffineConstantExpr(0)
              : builder.getAffineSymbolExpr(found - extents.begin()));
    }
    maps.push_back(AffineMapAttr::get(access.map.replaceDimsAndSymbols(
        dims, symbols, ranks.size(), extents.size())));
    inputs.push_back(access.tensor);
    argumentTypes.push_back(
        getMapArgumentType(access.tensor.getType(), outputType));
  }

  auto toArray = [&](ArrayRef<StringAttr> names) {
    return ArrayAttr::get(context,
                          SmallVector<Attribute>(names.begin(), names.end()));
  };
  state.addOperands(inputs);
  if (init)
    state.addOperands(init);
  auto &properties = state.getOrAddProperties<EinsumOp::Properties>();
  properties.operandSegmentSizes = {static_cast<int32_t>(inputs.size()),
                                    init ? 1 : 0};
  properties.ranks = toArray(ranks);
  properties.outputRank = builder.getI64IntegerAttr(outputRanks.size());
  properties.maps = ArrayAttr::get(context, maps);
  properties.extents = toArray(extents);
  if (reduction)
    properties.reduction = ReductionKindAttr::get(context, reduction->kind);
  properties.reducedRanks =
      toArray(reduction ? ArrayRef<StringAttr>(reduction->ranks)
                        : ArrayRef<StringAttr>());
  if (accumulate)
    properties.accumulate = builder.getUnitAttr();
  properties.clampedRanks = toArray(clamped);
  if (!init || isa<RankedTensorType>(outputType))
    state.addTypes(outputType);

  Region *region = state.addRegion();
  OpBuilder::InsertionGuard guard(builder);
  Block *map = builder.createBlock(
      region, region->end(), argumentTypes,
      SmallVector<Location>(argumentTypes.size(), state.location));
  Value result = body(builder, state.location, map->getArguments());
  YieldOp::create(builder, state.location, result);
}

void EinsumOp::build(
    OpBuilder &builder, OperationState &state, Type result,
    ArrayRef<StringAttr> outputRanks, ArrayRef<EinsumAccess> accesses,
    std::optional<EinsumReduction> reduction,
    function_ref<Value(OpBuilder &, Location, ValueRange)> body) {
  buildEinsum(builder, state, result, /*init=*/{}, outputRanks, accesses,
              std::move(reduction), /*accumulate=*/false, /*clamped=*/{}, body);
}

void EinsumOp::build(
    OpBuilder &builder, OperationState &state, Value init,
    ArrayRef<StringAttr> outputRanks, ArrayRef<EinsumAccess> accesses,
    std::optional<EinsumReduction> reduction, bool accumulate,
    ArrayRef<StringAttr> clampedRanks,
    function_ref<Value(OpBuilder &, Location, ValueRange)> body) {
  buildEinsum(builder, state, init.getType(), init, outputRanks, accesses,
              std::move(reduction), accumulate, clampedRanks, body);
}

//===----------------------------------------------------------------------===//
// Assembly
//===----------------------------------------------------------------------===//

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

static StringRef getShorthand(EinsumOp op) {
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

ParseResult EinsumOp::parse(OpAsmParser &parser, OperationState &result) {
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
  auto &properties = result.getOrAddProperties<Properties>();
  SmallVector<StringAttr> reduced;
  if (succeeded(parser.parseOptionalKeyword("reduce"))) {
    FailureOr<ReductionKind> kind = FieldParser<ReductionKind>::parse(parser);
    if (failed(kind) || parser.parseLParen())
      return failure();
    properties.reduction = ReductionKindAttr::get(context, *kind);
    auto parseRank = [&]() { return parseRankName(parser, reduced); };
    if (parser.parseCommaSeparatedList(parseRank) || parser.parseRParen())
      return failure();
  }

  // outs(%t) accumulate clamp [ranks]
  std::optional<OpAsmParser::UnresolvedOperand> init;
  SmallVector<StringAttr> clamped;
  if (succeeded(parser.parseOptionalKeyword("outs"))) {
    if (parser.parseLParen() || parser.parseOperand(init.emplace()) ||
        parser.parseRParen())
      return failure();
    if (succeeded(parser.parseOptionalKeyword("accumulate")))
      properties.accumulate = builder.getUnitAttr();
  }
  if (succeeded(parser.parseOptionalKeyword("clamp")) &&
      parseRankList(parser, clamped))
    return failure();

  // in residency
  if (succeeded(parser.parseOptionalKeyword("in"))) {
    FailureOr<Residency> residency = FieldParser<Residency>::parse(parser);
    if (failed(residency))
      return failure();
    properties.residency = ResidencyAttr::get(context, *residency);
  }

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
  if (types.size() != operands.size())
    return parser.emitError(typeLocation)
           << "expected " << operands.size() << " operand types; got "
           << types.size();
  auto shaped = dyn_cast<ShapedType>(outputType);
  if (!shaped || !isa<RankedTensorType, MemRefType>(outputType))
    return parser.emitError(typeLocation)
           << "an einsum produces a ranked tensor, or a memref through 'outs'; "
              "got "
           << outputType;
  for (Type type : types)
    if (!isa<RankedTensorType, MemRefType>(type))
      return parser.emitError(typeLocation)
             << "an einsum reads ranked tensors or memrefs; got " << type;
  if (isa<MemRefType>(outputType) && !init)
    return parser.emitError(typeLocation,
                            "a memref result needs an 'outs' operand");

  if (parser.resolveOperands(operands, types, typeLocation, result.operands) ||
      (init && parser.resolveOperand(*init, outputType, result.operands)))
    return failure();
  properties.operandSegmentSizes = {static_cast<int32_t>(operands.size()),
                                    init ? 1 : 0};
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
  SmallVector<Attribute> maps;
  for (ArrayRef<AffineExpr> exprs : accesses)
    maps.push_back(AffineMapAttr::get(table.getMap(exprs, ranks)));
  auto toArray = [&](ArrayRef<StringAttr> names) {
    return builder.getArrayAttr(
        SmallVector<Attribute>(names.begin(), names.end()));
  };
  properties.ranks = toArray(ranks);
  properties.outputRank = builder.getI64IntegerAttr(outputRanks.size());
  properties.maps = builder.getArrayAttr(maps);
  properties.extents = toArray(table.getExtents());
  properties.reducedRanks = toArray(reduced);
  properties.clampedRanks = toArray(clamped);

  if (form != "map") {
    OpBuilder bodyBuilder(context);
    SmallVector<Type> arguments;
    for (Type type : types)
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

void EinsumOp::print(OpAsmPrinter &printer) {
  auto printRanks = [&](ArrayRef<StringAttr> ranks) {
    llvm::interleave(
        ranks, printer, [&](StringAttr rank) { printer << rank.getValue(); },
        ",");
  };
  printer << " [";
  printRanks(getOutputRanks());
  printer << "] = ";
  auto printAccess = [&](unsigned index) {
    printIndexedOperand(printer, getAccess(index));
  };
  StringRef shorthand = getShorthand(*this);
  if (isIdentityMap() && getInputs().size() == 1 &&
      isa<FloatType>(getMapResult().getType())) {
    printAccess(0);
  } else {
    printer << (shorthand.empty() ? "map" : shorthand) << "(";
    llvm::interleaveComma(llvm::seq<unsigned>(0, getInputs().size()), printer,
                          printAccess);
    printer << ")";
    if (shorthand.empty()) {
      printer << " ";
      printer.printRegion(getBody());
    }
  }
  if (getReduction()) {
    printer << " reduce " << stringifyReductionKind(*getReduction()) << "(";
    printRanks(getReduced());
    printer << ")";
  }
  if (getInit()) {
    printer << " outs(" << getInit() << ")";
    if (getAccumulate())
      printer << " accumulate";
  }
  if (!getClampedRanks().empty()) {
    printer << " clamp [";
    printRanks(toNames(getClampedRanks()));
    printer << "]";
  }
  if (getResidency())
    printer << " in " << stringifyResidency(*getResidency());
  printer.printOptionalAttrDict(
      (*this)->getDiscardableAttrDictionary().getValue());
  printer << " : (";
  llvm::interleaveComma(getInputs().getTypes(), printer);
  printer << ") -> " << getOutputType();
}
