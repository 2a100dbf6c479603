//===- CascadeOps.cpp - Cascades, iteration, indices ---------------- -===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "IndexExpression.h"
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

/// The rank that `expr` walks: a rank by itself, or the parent of an enclosing
/// attn.iterate read at `rank*POINT+point`. Null for any other expression.
static StringAttr getWalkedRank(EinsumOp einsum, AffineExpr expr) {
  SmallVector<StringAttr> ranks = einsum.getRankNames();
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return ranks[dim.getPosition()];
  SmallVector<StringAttr> extents = einsum.getExtentNames();
  for (auto iterate = einsum->getParentOfType<IterateOp>(); iterate;
       iterate = iterate->getParentOfType<IterateOp>()) {
    int64_t step = einsum.findRank(iterate.getRankAttr());
    int64_t point = einsum.findRank(iterate.getPointAttr());
    auto *extent = llvm::find(extents, iterate.getPointAttr());
    if (step < 0 || point < 0 || extent == extents.end())
      continue;
    MLIRContext *context = expr.getContext();
    AffineExpr offset = getAffineDimExpr(step, context) *
                        getAffineSymbolExpr(extent - extents.begin(), context);
    AffineExpr within = getAffineDimExpr(point, context);
    if (expr == offset + within || expr == within + offset)
      return iterate.getParentAttr();
  }
  return {};
}

/// Calls `fn` with every (rank, extent) that the dimensions of the cascade's
/// tensors state; dimensions indexed by more than one rank name state nothing,
/// unless they walk the parent of an iterative rank.
static void
forEachStatedExtent(CascadeOp cascade,
                    function_ref<void(StringAttr, int64_t, Operation *)> fn) {
  cascade.getBody().walk([&](EinsumOp einsum) {
    for (auto [rank, size] :
         llvm::zip(einsum.getOutputRanks(), einsum.getOutputType().getShape()))
      fn(rank, size, einsum);
    for (auto [index, input] : llvm::enumerate(einsum.getInputs())) {
      AffineMap map = cast<AffineMapAttr>(einsum.getMaps()[index]).getValue();
      auto type = cast<ShapedType>(input.getType());
      for (auto [expr, size] : llvm::zip(map.getResults(), type.getShape()))
        if (StringAttr rank = getWalkedRank(einsum, expr))
          fn(rank, size, einsum);
    }
  });
  auto fromAccess = [&](std::optional<AccessAttr> access) {
    if (!access || access->getInput() < 0 ||
        access->getInput() >= static_cast<int64_t>(cascade.getInputs().size()))
      return;
    auto type =
        cast<ShapedType>(cascade.getInputs()[access->getInput()].getType());
    for (auto [rank, size] : llvm::zip(access->getRanks(), type.getShape()))
      fn(rank, size, cascade);
  };
  fromAccess(cascade.getKeyLengths());
  fromAccess(cascade.getQueryLengths());
}

llvm::MapVector<StringAttr, int64_t> CascadeOp::getRankExtents() {
  llvm::MapVector<StringAttr, int64_t> extents;
  forEachStatedExtent(*this, [&](StringAttr rank, int64_t size, Operation *) {
    auto [it, inserted] = extents.insert({rank, size});
    if (!inserted && ShapedType::isDynamic(it->second))
      it->second = size;
  });
  return extents;
}

static ParseResult parseAccessClause(OpAsmParser &parser,
                                     ArrayRef<OpAsmParser::Argument> arguments,
                                     AccessAttr &access) {
  OpAsmParser::UnresolvedOperand name;
  SmallVector<StringAttr> ranks;
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseLParen() || parser.parseOperand(name) ||
      parseRankList(parser, ranks) || parser.parseRParen())
    return failure();
  for (auto [index, argument] : llvm::enumerate(arguments))
    if (argument.ssaName.name == name.name) {
      access = AccessAttr::get(parser.getContext(), index, ranks);
      return success();
    }
  return parser.emitError(location)
         << "'" << name.name << "' is no input of the cascade";
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
  auto parseInput = [&]() -> ParseResult {
    return failure(parser.parseArgument(arguments.emplace_back()) ||
                   parser.parseEqual() ||
                   parser.parseOperand(operands.emplace_back()));
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, parseInput))
    return failure();

  SMLoc location = parser.getCurrentLocation();
  if (succeeded(parser.parseOptionalKeyword("where"))) {
    FailureOr<Attribute> expression = SparsityAttr::parseExpression(parser);
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
  }
  if (succeeded(parser.parseOptionalKeyword("lengths"))) {
    if (succeeded(parser.parseOptionalKeyword("key")) &&
        parseAccessClause(parser, arguments, properties.keyLengths))
      return failure();
    if (succeeded(parser.parseOptionalKeyword("query")) &&
        parseAccessClause(parser, arguments, properties.queryLengths))
      return failure();
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
  return parser.parseRegion(*result.addRegion(), arguments);
}

void CascadeOp::print(OpAsmPrinter &printer) {
  Block &body = getBody().front();
  printer << " (";
  llvm::interleaveComma(
      llvm::zip(body.getArguments(), getInputs()), printer, [&](auto pair) {
        printer << std::get<0>(pair) << " = " << std::get<1>(pair);
      });
  printer << ")";
  if (getSparsity()) {
    printer << " where ";
    SparsityAttr::printExpression(printer, getSparsity()->getExpression());
  }
  if (hasSpace()) {
    printer << " over (" << *getQueryRank() << ", " << *getKeyRank() << ")";
    if (getAlignment())
      printer << " align " << stringifyAlignment(*getAlignment());
  }
  auto printAccess = [&](StringRef what, std::optional<AccessAttr> access) {
    if (!access)
      return;
    printer << " " << what << "(" << body.getArgument(access->getInput())
            << "[";
    llvm::interleave(
        access->getRanks(), printer,
        [&](StringAttr rank) { printer << rank.getValue(); }, ",");
    printer << "])";
  };
  if (getKeyLengths() || getQueryLengths()) {
    printer << " lengths";
    printAccess("key", getKeyLengths());
    printAccess("query", getQueryLengths());
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

static LogicalResult verifyLengths(CascadeOp cascade, StringRef which,
                                   std::optional<AccessAttr> access) {
  if (!access)
    return success();
  // spec: CA-5
  if (access->getInput() < 0 ||
      access->getInput() >= static_cast<int64_t>(cascade.getInputs().size()))
    return cascade.emitOpError(which)
           << " lengths name input #" << access->getInput() << " of "
           << cascade.getInputs().size();
  auto type =
      cast<ShapedType>(cascade.getInputs()[access->getInput()].getType());
  if (!type.getElementType().isInteger(32) &&
      !type.getElementType().isInteger(64))
    return cascade.emitOpError(which)
           << " lengths hold i32 or i64; got " << type.getElementType();
  if (type.getRank() != static_cast<int64_t>(access->getRanks().size()))
    return cascade.emitOpError(which)
           << " lengths of rank " << type.getRank() << " are indexed by "
           << access->getRanks().size() << " ranks";
  for (StringAttr rank : access->getRanks())
    if (rank == cascade.getQueryRankAttr() || rank == cascade.getKeyRankAttr())
      return cascade.emitOpError(which)
             << " lengths may not be indexed by '" << rank.getValue() << "'";
  return success();
}

LogicalResult CascadeOp::verify() {
  // spec: CA-1
  Block &body = getBody().front();
  if (body.getArgumentTypes() != getInputs().getTypes())
    return emitOpError("the body's arguments must have the inputs' types");
  // spec: CA-2
  if ((getQueryRankAttr() == nullptr) != (getKeyRankAttr() == nullptr))
    return emitOpError("names a query rank and a key rank together");
  if (getQueryRankAttr() && getQueryRank() == getKeyRank())
    return emitOpError("the query rank and the key rank differ; got '")
           << *getQueryRank() << "' twice";
  if ((getSparsity() || getKeyLengths() || getQueryLengths()) && !hasSpace())
    return emitOpError("sparsity and lengths need 'over (query, key)'");
  if (hasSpace() && !getAlignment())
    return emitOpError("'over (query, key)' needs an alignment");
  if (failed(verifyLengths(*this, "key", getKeyLengths())) ||
      failed(verifyLengths(*this, "query", getQueryLengths())))
    return failure();
  return success();
}

LogicalResult CascadeOp::verifyRegions() {
  // spec: CA-3
  Block &body = getBody().front();
  auto yield = dyn_cast<YieldOp>(body.getTerminator());
  if (!yield || yield.getOperandTypes() != getResultTypes())
    return emitOpError("must yield its results; expected types ")
           << getResultTypes();
  for (Operation &op : body.without_terminator())
    if (!isa<EinsumOp, IterateOp, arith::ConstantOp>(op))
      return op.emitOpError("may not stand in a cascade; cascades hold "
                            "attn.einsum and attn.iterate");

  // spec: CA-4
  llvm::MapVector<StringAttr, int64_t> extents;
  LogicalResult status = success();
  forEachStatedExtent(
      *this, [&](StringAttr rank, int64_t size, Operation *where) {
        auto [it, inserted] = extents.insert({rank, size});
        if (inserted || failed(status))
          return;
        if (ShapedType::isDynamic(it->second)) {
          it->second = size;
        } else if (!ShapedType::isDynamic(size) && size != it->second) {
          status = where->emitOpError("gives rank '")
                   << rank.getValue() << "' extent " << size
                   << "; elsewhere in the cascade it is " << it->second;
        }
      });
  if (failed(status))
    return failure();
  if (hasSpace())
    for (StringAttr rank : {getQueryRankAttr(), getKeyRankAttr()})
      if (!extents.contains(rank))
        return emitOpError("'over' names rank '")
               << rank.getValue() << "', which no einsum uses";

  // spec: EI-11
  WalkResult walk = getBody().walk([&](EinsumOp einsum) {
    for (StringAttr rank : einsum.getBoundRanks()) {
      bool bound = false;
      for (auto iterate = einsum->getParentOfType<IterateOp>();
           iterate && !bound; iterate = iterate->getParentOfType<IterateOp>())
        bound = iterate.getRankAttr() == rank;
      if (!bound) {
        einsum.emitOpError("rank '")
            << rank.getValue()
            << "' is neither in the result nor reduced, and no enclosing "
               "attn.iterate runs over it";
        return WalkResult::interrupt();
      }
    }
    if (einsum.isTileForm()) {
      einsum.emitOpError("'outs' does not belong in a cascade");
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return failure(walk.wasInterrupted());
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
      parseRankName(parser, names) || parser.parseKeyword("init") ||
      parser.parseLParen())
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
  result.addTypes(types);
  return failure(
      parser.resolveOperands(inits, types, location, result.operands) ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
      parser.parseRegion(*result.addRegion()));
}

void IterateOp::print(OpAsmPrinter &printer) {
  printer << " " << getRank() << " of " << getParent() << " by " << getPoint()
          << " init(";
  if (!getInits().empty())
    printer << getInits() << " : " << getInits().getTypes();
  printer << ")";
  if (getPlan()) {
    printer << " plan ";
    getPlan()->print(printer);
  }
  printer.printOptionalAttrDictWithKeyword(
      (*this)->getDiscardableAttrDictionary().getValue());
  printer << " ";
  printer.printRegion(getBody());
}

LogicalResult IterateOp::verify() {
  // spec: IT-1
  if (getRank() == getParent() || getRank() == getPoint() ||
      getParent() == getPoint())
    return emitOpError("the iterative rank, its parent and its points need "
                       "three names");
  for (StringAttr name : {getRankAttr(), getParentAttr(), getPointAttr()})
    if (name.empty() || !llvm::isLower(name.getValue().front()))
      return emitOpError("rank names start with a lower-case letter; got ")
             << name;
  // spec: IT-2
  if (getInits().getTypes() != getResultTypes())
    return emitOpError("carries tensors of types ")
           << getInits().getTypes() << " but returns " << getResultTypes();
  if (getBody().front().getArgumentTypes() != getInits().getTypes())
    return emitOpError("the body's arguments must have the carried types ")
           << getInits().getTypes();
  return success();
}

LogicalResult IterateOp::verifyRegions() {
  // spec: IT-2
  auto yield = dyn_cast<YieldOp>(getBody().front().getTerminator());
  if (!yield || yield.getOperandTypes() != getResultTypes())
    return emitOpError("must yield the carried tensors; expected types ")
           << getResultTypes();
  // spec: IT-3
  for (Operation &op : getBody().front().without_terminator())
    if (!isa<EinsumOp, IterateOp, arith::ConstantOp>(op))
      return op.emitOpError("may not stand in attn.iterate; it holds "
                            "attn.einsum and attn.iterate");
  return success();
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

LogicalResult IndexOp::verify() {
  // spec: IX-1
  auto einsum = (*this)->getParentOfType<EinsumOp>();
  if (!einsum)
    return emitOpError("stands in the map of an attn.einsum");
  if (einsum.hasRank(getRankAttr()))
    return success();
  // In a step of an iteration the einsum has the points of the parent rank.
  for (auto iterate = einsum->getParentOfType<IterateOp>(); iterate;
       iterate = iterate->getParentOfType<IterateOp>())
    if (iterate.getParentAttr() == getRankAttr() &&
        einsum.hasRank(iterate.getPointAttr()))
      return success();
  return emitOpError("names rank '")
         << getRank() << "', which the einsum does not have";
}
