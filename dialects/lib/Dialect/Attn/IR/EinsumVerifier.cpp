//===- EinsumVerifier.cpp - What an einsum may be -------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Verification.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// Shared checks
//===----------------------------------------------------------------------===//

LogicalResult attn::verifyRankName(Operation *op, StringAttr name) {
  // The operators of index expressions cannot be told from ranks.
  StringRef text = name.getValue();
  if (text == "mod" || text == "floordiv")
    return op->emitOpError("'") << text << "' is an operator, not a rank";
  if (text.empty() || !llvm::isLower(text.front()))
    return op->emitOpError("rank names start with a lower-case letter; got '")
           << text << "'";
  if (!llvm::all_of(text, [](char c) { return llvm::isAlnum(c) || c == '_'; }))
    return op->emitOpError("rank names hold letters, digits and '_'; got '")
           << text << "'";
  return success();
}

LogicalResult attn::verifyElementType(Operation *op, const Twine &what,
                                      Type type) {
  if (type.isF64() || type.isF32() || type.isBF16() || type.isF16() ||
      type.isSignlessIntOrIndex())
    return success();
  return op->emitOpError(what)
         << " must hold f64, f32, bf16, f16, signless integers or indices; got "
         << type;
}

/// Whether an integer division or remainder might divide by zero, or overflow.
static bool mayTrap(Operation *op) {
  bool isSigned = isa<arith::DivSIOp, arith::CeilDivSIOp, arith::FloorDivSIOp,
                      arith::RemSIOp>(op);
  if (!isSigned && !isa<arith::DivUIOp, arith::CeilDivUIOp, arith::RemUIOp>(op))
    return false;
  APInt divisor;
  return !matchPattern(op->getOperand(1), m_ConstantInt(&divisor)) ||
         divisor.isZero() || (isSigned && divisor.isAllOnes());
}

/// Diagnoses a tensor of more than the most elements.
static LogicalResult verifySize(Operation *op, StringRef what, unsigned number,
                                Type type) {
  auto shaped = dyn_cast<ShapedType>(type);
  int64_t least = 1;
  for (int64_t extent : shaped ? shaped.getShape() : ArrayRef<int64_t>()) {
    if (ShapedType::isDynamic(extent) || extent == 0)
      continue;
    if (extent > kMostElements / least)
      return op->emitOpError(what)
             << " #" << number << " has too many elements: its extents, apart "
             << "from those that are 0, make more than 2^56; got " << type;
    least *= extent;
  }
  return success();
}

LogicalResult attn::verifySizes(Operation *op) {
  for (auto [number, type] : llvm::enumerate(op->getOperandTypes()))
    if (failed(verifySize(op, "operand", number, type)))
      return failure();
  for (auto [number, type] : llvm::enumerate(op->getResultTypes()))
    if (failed(verifySize(op, "result", number, type)))
      return failure();
  return success();
}

InFlightDiagnostic attn::emitMisplaced(Operation *op) {
  Operation *located = op;
  while (isa<UnknownLoc>(located->getLoc()) && located->getParentOp())
    located = located->getParentOp();
  if (located == op)
    return op->emitOpError("may not stand in ");
  return emitError(located->getLoc())
         << "'" << op->getName() << "' op may not stand in ";
}

LogicalResult attn::verifyScalarOp(Operation *op, StringRef where) {
  bool known =
      isa_and_nonnull<arith::ArithDialect, math::MathDialect>(op->getDialect());
  if (!known || op->getNumRegions() != 0)
    return emitMisplaced(op) << where << "; it holds arith and math operations";
  // Maps run at points that do not exist, too, and must survive it.
  if (!isPure(op) || mayTrap(op))
    return emitMisplaced(op)
           << where
           << "; it is evaluated at dead points too, where this operation has "
              "no defined result";
  for (Type type : op->getResultTypes())
    if (!type.isSignlessIntOrIndexOrFloat())
      return emitMisplaced(op) << where << "; it computes scalars";
  return success();
}

Type attn::getMapArgumentType(Type type, Type output) {
  Type element = getElementTypeOrSelf(type);
  Type outputElement = getElementTypeOrSelf(output);
  return isa<FloatType>(element) ? getComputeType(outputElement) : element;
}

//===----------------------------------------------------------------------===//
// attn.einsum
//===----------------------------------------------------------------------===//

/// Diagnoses expressions that the assembly cannot say: other divisions than by
/// a positive constant.
static LogicalResult verifyIndexExpression(EinsumOpInterface einsum,
                                           StringRef what, unsigned number,
                                           AffineExpr expr) {
  // spec: EI-10
  // MLIR prints the least integer in an affine map and does not read it back.
  auto constant = dyn_cast<AffineConstantExpr>(expr);
  if (constant && constant.getValue() == std::numeric_limits<int64_t>::min())
    return einsum->emitOpError(what)
           << " #" << number
           << " is indexed with -2^63; integers in an index are greater";
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return success();
  switch (expr.getKind()) {
  case AffineExprKind::CeilDiv:
    return einsum->emitOpError(what)
           << " #" << number
           << " is indexed by a ceiling division; write it with floordiv";
  case AffineExprKind::Mod:
  case AffineExprKind::FloorDiv: {
    auto divisor = dyn_cast<AffineConstantExpr>(binary.getRHS());
    if (!divisor || divisor.getValue() <= 0)
      return einsum->emitOpError(what)
             << " #" << number
             << ": 'mod' and 'floordiv' take a positive constant";
    break;
  }
  default:
    break;
  }
  return failure(
      failed(verifyIndexExpression(einsum, what, number, binary.getLHS())) ||
      failed(verifyIndexExpression(einsum, what, number, binary.getRHS())));
}

/// The index tensors that `expr` reads, by number.
static llvm::SmallDenseSet<unsigned> getDataOf(EinsumOpInterface einsum,
                                               AffineExpr expr) {
  llvm::SmallDenseSet<unsigned> numbers;
  unsigned first = einsum.getExtents().size();
  expr.walk([&](AffineExpr inner) {
    auto symbol = dyn_cast<AffineSymbolExpr>(inner);
    if (symbol && symbol.getPosition() >= first)
      numbers.insert(symbol.getPosition() - first);
  });
  return numbers;
}

/// Whether data is a factor beside something else that varies.
static bool multipliesData(EinsumOpInterface einsum, AffineExpr expr) {
  bool found = false;
  expr.walk([&](AffineExpr inner) {
    auto product = dyn_cast<AffineBinaryOpExpr>(inner);
    if (!product || product.getKind() != AffineExprKind::Mul)
      return;
    auto varies = [&](AffineExpr factor) {
      return !factor.isSymbolicOrConstant() ||
             !getDataOf(einsum, factor).empty();
    };
    found |= varies(product.getLHS()) && varies(product.getRHS());
  });
  return found;
}

/// Checks the index tensors and how index expressions use them.
static LogicalResult verifyData(EinsumOpInterface einsum) {
  // spec: EI-13
  OperandRange indices = einsum.getIndices();
  bool isTile = isa<MemRefType>(einsum.getOutputType());
  if (einsum.getIndexMaps().size() != indices.size())
    return einsum->emitOpError("has ")
           << einsum.getIndexMaps().size() << " maps for " << indices.size()
           << " index tensors";
  for (auto [number, tensor] : llvm::enumerate(indices)) {
    auto type = cast<ShapedType>(tensor.getType());
    AffineMap map =
        cast<AffineMapAttr>(einsum.getIndexMaps()[number]).getValue();
    Type element = type.getElementType();
    if (!element.isSignlessInteger(32) && !element.isSignlessInteger(64) &&
        !element.isIndex())
      return einsum->emitOpError(
                 "an index that is data is an i32, an i64 or an "
                 "index; got ")
             << type;
    if (static_cast<int64_t>(map.getNumResults()) != type.getRank())
      return einsum->emitOpError("index tensor #")
             << number << " of rank " << type.getRank() << " is indexed by "
             << map.getNumResults() << " expressions";
    if (map.getNumDims() != einsum.getRanks().size() ||
        map.getNumSymbols() != einsum.getExtents().size())
      return einsum->emitOpError("index tensor #")
             << number
             << " is indexed over other ranks and extents than the einsum's";
    for (AffineExpr expr : map.getResults())
      if (failed(verifyIndexExpression(einsum, "index tensor", number, expr)))
        return failure();
  }
  llvm::SmallDenseSet<unsigned> read;
  for (auto [operand, attribute] : llvm::enumerate(einsum.getMaps())) {
    llvm::SmallDenseSet<unsigned> own;
    for (AffineExpr expr :
         cast<AffineMapAttr>(attribute).getValue().getResults()) {
      own.insert_range(getDataOf(einsum, expr));
      if (multipliesData(einsum, expr))
        return einsum->emitOpError("operand #")
               << operand
               << ": data is multiplied by a constant or an extent alone";
    }
    if (own.size() > 1 && !isTile)
      return einsum->emitOpError("operand #")
             << operand << " reads " << own.size()
             << " index tensors; allowed is one";
    read.insert_range(own);
  }
  if (read.size() != indices.size())
    return einsum->emitOpError("has an index tensor that indexes no operand");
  return success();
}

/// Checks what an associative reduction has, and that no other has it.
static LogicalResult verifyCombiner(EinsumOpInterface einsum) {
  // spec: EI-12
  bool isRegion = einsum.getReduction() == ReductionKind::Associative;
  Block *combiner = einsum.getCombinerBlock();
  if (einsum.getCombiner().size() > 1)
    return einsum->emitOpError("reduces by one region; got ")
           << einsum.getCombiner().size();
  if (!isRegion) {
    if (combiner || einsum.getIdentityAttr() || einsum.getCommutative())
      return einsum->emitOpError("a region, an identity and 'commutative' "
                                 "belong to an 'associative' reduction");
    return success();
  }
  if (!combiner || !einsum.getIdentityAttr())
    return einsum->emitOpError(
        "an 'associative' reduction has an identity and a region");
  Type type = einsum.getMapResult().getType();
  if (einsum.getIdentityAttr().getType() != type ||
      !isa<FloatAttr, IntegerAttr>(einsum.getIdentityAttr()))
    return einsum->emitOpError("the identity must be a ")
           << type << ", which the map yields; got "
           << einsum.getIdentityAttr();
  if (combiner->getNumArguments() != 2 ||
      llvm::any_of(combiner->getArgumentTypes(),
                   [&](Type argument) { return argument != type; }))
    return einsum->emitOpError(
               "the region of the reduction takes two values of "
               "type ")
           << type;
  auto yield = dyn_cast<YieldOp>(combiner->getTerminator());
  if (!yield || yield.getValues().size() != 1 ||
      yield.getValues()[0].getType() != type)
    return einsum->emitOpError("the region of the reduction must yield one ")
           << type;
  for (Operation &op : *combiner) {
    if (&op != yield && failed(verifyScalarOp(&op, "a reduction")))
      return failure();
    // Constants may have been hoisted.
    for (Value operand : op.getOperands())
      if (operand.getParentBlock() != combiner &&
          !matchPattern(operand, m_Constant()))
        return op.emitOpError("takes a value from outside of the reduction, "
                              "which is a function of two values alone");
  }
  return success();
}

/// Diagnoses ranks that neither the result nor a reduction nor a loop walks.
static LogicalResult verifyBoundRanks(EinsumOpInterface einsum) {
  // spec: EI-11
  for (StringAttr rank : einsum.getBoundRanks()) {
    auto loop = einsum->getParentOfType<IterateOp>();
    while (loop && loop.getRankAttr() != rank)
      loop = loop->getParentOfType<IterateOp>();
    if (!loop)
      return einsum->emitOpError("rank '")
             << rank.getValue()
             << "' is neither in the result nor reduced, and no enclosing "
                "attn.iterate runs over it";
  }
  return success();
}

/// Checks what einsums of tensors and of tiles have in common.
static LogicalResult verifyEinsum(EinsumOpInterface einsum) {
  SmallVector<StringAttr> ranks = einsum.getRankNames();
  SmallVector<StringAttr> reduced = einsum.getReduced();
  ShapedType output = einsum.getOutputType();

  // spec: EI-1
  llvm::SmallDenseSet<StringAttr> seen;
  for (StringAttr rank : ranks) {
    if (failed(verifyRankName(einsum, rank)))
      return failure();
    if (!seen.insert(rank).second)
      return einsum->emitOpError("rank '")
             << rank.getValue() << "' is listed twice";
  }
  for (StringAttr extent : einsum.getExtentNames())
    if (failed(verifyRankName(einsum, extent)))
      return failure();
  // spec: EI-2
  if (static_cast<int64_t>(einsum.getOutputRank()) != output.getRank())
    return einsum->emitOpError("has ")
           << einsum.getOutputRank() << " result ranks for a result of rank "
           << output.getRank();
  if (einsum.getOutputRank() + reduced.size() > ranks.size())
    return einsum->emitOpError("has ")
           << einsum.getOutputRank() << " result ranks and " << reduced.size()
           << " reduced ranks but lists " << ranks.size();
  for (auto [position, rank] : llvm::enumerate(reduced))
    if (ranks[einsum.getOutputRank() + position] != rank)
      return einsum->emitOpError("lists the reduced rank '")
             << rank.getValue() << "' out of place";
  // spec: EI-3
  if (einsum.getReduction().has_value() != !reduced.empty())
    return einsum->emitOpError("a reduction and its ranks come together");

  // spec: EI-4
  if (einsum.getMaps().size() != einsum.getInputs().size())
    return einsum->emitOpError("has ")
           << einsum.getMaps().size() << " index maps for "
           << einsum.getInputs().size() << " operands";
  llvm::SmallVector<bool> used(ranks.size(), false);
  for (auto [index, input] : llvm::enumerate(einsum.getInputs())) {
    AffineMap map = cast<AffineMapAttr>(einsum.getMaps()[index]).getValue();
    auto type = cast<ShapedType>(input.getType());
    if (static_cast<int64_t>(map.getNumResults()) != type.getRank())
      return einsum->emitOpError("operand #")
             << index << " of rank " << type.getRank() << " is indexed by "
             << map.getNumResults() << " expressions";
    if (map.getNumDims() != ranks.size() ||
        map.getNumSymbols() !=
            einsum.getExtents().size() + einsum.getIndices().size())
      return einsum->emitOpError("operand #")
             << index << " is indexed over other ranks than the einsum's";
    for (AffineExpr expr : map.getResults())
      if (failed(verifyIndexExpression(einsum, "operand", index, expr)))
        return failure();
    for (unsigned dim = 0; dim < ranks.size(); ++dim)
      used[dim] |= map.isFunctionOfDim(dim);
  }
  if (failed(verifyData(einsum)))
    return failure();
  for (Attribute map : einsum.getIndexMaps())
    for (unsigned dim = 0; dim < ranks.size(); ++dim)
      used[dim] |= cast<AffineMapAttr>(map).getValue().isFunctionOfDim(dim);
  // spec: EI-5
  for (unsigned dim = einsum.getOutputRank(),
                end = einsum.getOutputRank() + reduced.size();
       dim < end; ++dim)
    if (!used[dim])
      return einsum->emitOpError("reduced rank '")
             << ranks[dim].getValue() << "' indexes no operand";

  // spec: EI-7
  for (auto [index, input] : llvm::enumerate(einsum.getInputs()))
    if (failed(verifyElementType(einsum, "operand #" + Twine(index),
                                 getElementTypeOrSelf(input))))
      return failure();
  if (failed(verifyElementType(einsum, "the result", output.getElementType())))
    return failure();
  if (einsum.getReduction()) {
    bool logical = *einsum.getReduction() == ReductionKind::And ||
                   *einsum.getReduction() == ReductionKind::Or;
    if (logical && !isa<IntegerType>(output.getElementType()))
      return einsum->emitOpError("'")
             << stringifyReductionKind(*einsum.getReduction())
             << "' reduces integers; got " << output.getElementType();
  }
  return verifyBoundRanks(einsum);
}

/// Checks the regions of an einsum.
static LogicalResult verifyEinsumRegions(EinsumOpInterface einsum) {
  // spec: EI-8
  Block *map = einsum.getMap();
  if (map->getNumArguments() != einsum.getInputs().size())
    return einsum->emitOpError("the map takes ")
           << map->getNumArguments() << " values for "
           << einsum.getInputs().size() << " operands";
  for (auto [index, argument] : llvm::enumerate(map->getArguments())) {
    Type expected = getMapArgumentType(einsum.getInputs()[index].getType(),
                                       einsum.getOutputType());
    if (argument.getType() != expected)
      return einsum->emitOpError("map argument #")
             << index << " must be " << expected << "; got "
             << argument.getType();
  }
  auto yield = dyn_cast<YieldOp>(map->getTerminator());
  if (!yield || yield.getValues().size() != 1)
    return einsum->emitOpError("the map must yield one value");
  Type element = einsum.getOutputType().getElementType();
  Type expected = isa<FloatType>(element) ? getComputeType(element) : element;
  if (yield.getValues()[0].getType() != expected)
    return einsum->emitOpError("the map must yield ")
           << expected << "; got " << yield.getValues()[0].getType();

  // spec: EI-9
  for (Operation &op : map->without_terminator())
    if (!isa<IndexOp>(op) && failed(verifyScalarOp(&op, "a map")))
      return failure();
  return verifyCombiner(einsum);
}

LogicalResult EinsumOp::verify() { return verifyEinsum(*this); }
LogicalResult EinsumOp::verifyRegions() { return verifyEinsumRegions(*this); }

LogicalResult TileEinsumOp::verify() {
  // spec: EI-6
  // Results and destinations are those of DestinationStyleOpInterface.
  if (getAccumulate() && !getReduction())
    return emitOpError("'accumulate' needs a reduction");
  for (auto rank : getClampedRanks().getAsRange<StringAttr>())
    if (!hasRank(rank))
      return emitOpError("clamps '")
             << rank.getValue() << "', which is no rank of the einsum";
  // spec: EI-13
  if (!writesMemory() && !getIndices().empty())
    return emitOpError("has 'outs' of a tensor and an index that is data; such "
                       "tiles are read at ranks");
  for (auto [number, tensor] : llvm::enumerate(getIndices()))
    if (!isa<MemRefType>(tensor.getType()))
      return emitOpError("index tensor #")
             << number << " is " << tensor.getType()
             << "; it is a memref where the einsum writes to one";
  return verifyEinsum(*this);
}

LogicalResult TileEinsumOp::verifyRegions() {
  return verifyEinsumRegions(*this);
}
