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

LogicalResult attn::verifyScalarOp(Operation *op, StringRef where) {
  bool known =
      isa_and_nonnull<arith::ArithDialect, math::MathDialect>(op->getDialect());
  if (!known || op->getNumRegions() != 0)
    return op->emitOpError("may not stand in ")
           << where << "; it holds arith and math operations";
  // Maps run at points that do not exist, too, and must survive it.
  if (!isPure(op) || mayTrap(op))
    return op->emitOpError("may not stand in ")
           << where
           << "; it is evaluated at dead points too, where this operation has "
              "no defined result";
  for (Type type : op->getResultTypes())
    if (!type.isSignlessIntOrIndexOrFloat())
      return op->emitOpError("may not stand in ")
             << where << "; it computes scalars";
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
static LogicalResult verifyIndexExpression(EinsumOp einsum, StringRef what,
                                           unsigned number, AffineExpr expr) {
  // spec: EI-10
  // MLIR prints the least integer in an affine map and does not read it back.
  auto constant = dyn_cast<AffineConstantExpr>(expr);
  if (constant && constant.getValue() == std::numeric_limits<int64_t>::min())
    return einsum.emitOpError(what)
           << " #" << number
           << " is indexed with -2^63; integers in an index are greater";
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return success();
  switch (expr.getKind()) {
  case AffineExprKind::CeilDiv:
    return einsum.emitOpError(what)
           << " #" << number
           << " is indexed by a ceiling division; write it with floordiv";
  case AffineExprKind::Mod:
  case AffineExprKind::FloorDiv: {
    auto divisor = dyn_cast<AffineConstantExpr>(binary.getRHS());
    if (!divisor || divisor.getValue() <= 0)
      return einsum.emitOpError(what)
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
static llvm::SmallDenseSet<unsigned> getDataOf(EinsumOp einsum,
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
static bool multipliesData(EinsumOp einsum, AffineExpr expr) {
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
static LogicalResult verifyData(EinsumOp einsum) {
  // spec: EI-13
  OperandRange indices = einsum.getIndices();
  bool isTile =
      einsum.isTileForm() && isa<MemRefType>(einsum.getInit().getType());
  if (einsum.isTileForm() && !isTile && !indices.empty())
    return einsum.emitOpError("has 'outs' of a tensor and an index that is "
                              "data; such tiles are read at ranks");
  for (auto [number, tensor] : llvm::enumerate(indices))
    if (isa<MemRefType>(tensor.getType()) != isTile)
      return einsum.emitOpError("index tensor #")
             << number << " is " << tensor.getType()
             << "; it is a memref where the einsum writes to one, else a "
                "tensor";
  if (einsum.getIndexMaps().size() != indices.size())
    return einsum.emitOpError("has ")
           << einsum.getIndexMaps().size() << " maps for " << indices.size()
           << " index tensors";
  for (auto [number, tensor] : llvm::enumerate(indices)) {
    auto type = cast<ShapedType>(tensor.getType());
    AffineMap map =
        cast<AffineMapAttr>(einsum.getIndexMaps()[number]).getValue();
    Type element = type.getElementType();
    if (!element.isSignlessInteger(32) && !element.isSignlessInteger(64) &&
        !element.isIndex())
      return einsum.emitOpError("an index that is data is an i32, an i64 or an "
                                "index; got ")
             << type;
    if (static_cast<int64_t>(map.getNumResults()) != type.getRank())
      return einsum.emitOpError("index tensor #")
             << number << " of rank " << type.getRank() << " is indexed by "
             << map.getNumResults() << " expressions";
    if (map.getNumDims() != einsum.getRanks().size() ||
        map.getNumSymbols() != einsum.getExtents().size())
      return einsum.emitOpError("index tensor #")
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
        return einsum.emitOpError("operand #")
               << operand
               << ": data is multiplied by a constant or an extent alone";
    }
    if (own.size() > 1 && !isTile)
      return einsum.emitOpError("operand #")
             << operand << " reads " << own.size()
             << " index tensors; allowed is one";
    read.insert_range(own);
  }
  if (read.size() != indices.size())
    return einsum.emitOpError("has an index tensor that indexes no operand");
  return success();
}

/// Checks what an associative reduction has, and that no other has it.
static LogicalResult verifyCombiner(EinsumOp einsum) {
  // spec: EI-12
  bool isRegion = einsum.getReduction() == ReductionKind::Associative;
  Block *combiner = einsum.getCombinerBlock();
  if (einsum.getCombiner().size() > 1)
    return einsum.emitOpError("reduces by one region; got ")
           << einsum.getCombiner().size();
  if (!isRegion) {
    if (combiner || einsum.getIdentityAttr() || einsum.getCommutative())
      return einsum.emitOpError("a region, an identity and 'commutative' "
                                "belong to an 'associative' reduction");
    return success();
  }
  if (!combiner || !einsum.getIdentityAttr())
    return einsum.emitOpError(
        "an 'associative' reduction has an identity and a region");
  Type type = einsum.getMapResult().getType();
  if (einsum.getIdentityAttr().getType() != type ||
      !isa<FloatAttr, IntegerAttr>(einsum.getIdentityAttr()))
    return einsum.emitOpError("the identity must be a ")
           << type << ", which the map yields; got "
           << einsum.getIdentityAttr();
  if (combiner->getNumArguments() != 2 ||
      llvm::any_of(combiner->getArgumentTypes(),
                   [&](Type argument) { return argument != type; }))
    return einsum.emitOpError("the region of the reduction takes two values of "
                              "type ")
           << type;
  auto yield = dyn_cast<YieldOp>(combiner->getTerminator());
  if (!yield || yield.getValues().size() != 1 ||
      yield.getValues()[0].getType() != type)
    return einsum.emitOpError("the region of the reduction must yield one ")
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
static LogicalResult verifyBoundRanks(EinsumOp einsum) {
  // spec: EI-11
  for (StringAttr rank : einsum.getBoundRanks()) {
    auto loop = einsum->getParentOfType<IterateOp>();
    while (loop && loop.getRankAttr() != rank)
      loop = loop->getParentOfType<IterateOp>();
    if (!loop)
      return einsum.emitOpError("rank '")
             << rank.getValue()
             << "' is neither in the result nor reduced, and no enclosing "
                "attn.iterate runs over it";
  }
  return success();
}

LogicalResult EinsumOp::verify() {
  // spec: EI-6
  if (!getInit() && !getResult())
    return emitOpError("needs a result, or 'outs' to write to");
  if (getInit() && isa<RankedTensorType>(getInit().getType()) && !getResult())
    return emitOpError("'outs' of a tensor needs a result");
  if (getInit() && getResult() && getInit().getType() != getResult().getType())
    return emitOpError("'outs' has type ")
           << getInit().getType() << " but the result is "
           << getResult().getType();
  SmallVector<StringAttr> ranks = getRankNames();
  SmallVector<StringAttr> reduced = getReduced();
  ShapedType output = getOutputType();

  // spec: EI-1
  llvm::SmallDenseSet<StringAttr> seen;
  for (StringAttr rank : ranks) {
    if (failed(verifyRankName(*this, rank)))
      return failure();
    if (!seen.insert(rank).second)
      return emitOpError("rank '") << rank.getValue() << "' is listed twice";
  }
  for (StringAttr extent : getExtentNames())
    if (failed(verifyRankName(*this, extent)))
      return failure();
  // spec: EI-2
  if (static_cast<int64_t>(getOutputRank()) != output.getRank())
    return emitOpError("has ")
           << getOutputRank() << " result ranks for a result of rank "
           << output.getRank();
  if (getOutputRank() + reduced.size() > ranks.size())
    return emitOpError("has ")
           << getOutputRank() << " result ranks and " << reduced.size()
           << " reduced ranks but lists " << ranks.size();
  for (auto [position, rank] : llvm::enumerate(reduced))
    if (ranks[getOutputRank() + position] != rank)
      return emitOpError("lists the reduced rank '")
             << rank.getValue() << "' out of place";
  // spec: EI-3
  if (getReduction().has_value() != !reduced.empty())
    return emitOpError("a reduction and its ranks come together");

  // spec: EI-4
  if (getMaps().size() != getInputs().size())
    return emitOpError("has ") << getMaps().size() << " index maps for "
                               << getInputs().size() << " operands";
  llvm::SmallVector<bool> used(ranks.size(), false);
  for (auto [index, input] : llvm::enumerate(getInputs())) {
    AffineMap map = cast<AffineMapAttr>(getMaps()[index]).getValue();
    auto type = cast<ShapedType>(input.getType());
    if (static_cast<int64_t>(map.getNumResults()) != type.getRank())
      return emitOpError("operand #")
             << index << " of rank " << type.getRank() << " is indexed by "
             << map.getNumResults() << " expressions";
    if (map.getNumDims() != ranks.size() ||
        map.getNumSymbols() != getExtents().size() + getIndices().size())
      return emitOpError("operand #")
             << index << " is indexed over other ranks than the einsum's";
    for (AffineExpr expr : map.getResults())
      if (failed(verifyIndexExpression(*this, "operand", index, expr)))
        return failure();
    for (unsigned dim = 0; dim < ranks.size(); ++dim)
      used[dim] |= map.isFunctionOfDim(dim);
  }
  if (failed(verifyData(*this)))
    return failure();
  for (Attribute map : getIndexMaps())
    for (unsigned dim = 0; dim < ranks.size(); ++dim)
      used[dim] |= cast<AffineMapAttr>(map).getValue().isFunctionOfDim(dim);
  // spec: EI-5
  for (unsigned dim = getOutputRank(), end = getOutputRank() + reduced.size();
       dim < end; ++dim)
    if (!used[dim])
      return emitOpError("reduced rank '")
             << ranks[dim].getValue() << "' indexes no operand";

  // spec: EI-6
  if (getAccumulate() && (!getReduction() || !getInit()))
    return emitOpError("'accumulate' needs a reduction and 'outs'");
  for (Attribute rank : getClampedRanks())
    if (!llvm::is_contained(ranks, cast<StringAttr>(rank)))
      return emitOpError("clamps '") << cast<StringAttr>(rank).getValue()
                                     << "', which is no rank of the einsum";

  // spec: MP-6
  if (getResidency() && getInit())
    return emitOpError("is kept in '")
           << stringifyResidency(*getResidency())
           << "', but 'outs' says already where its result is";

  // spec: EI-7
  for (auto [index, input] : llvm::enumerate(getInputs()))
    if (failed(verifyElementType(*this, "operand #" + Twine(index),
                                 getElementTypeOrSelf(input))))
      return failure();
  if (failed(verifyElementType(*this, "the result", output.getElementType())))
    return failure();
  if (getReduction()) {
    bool logical = *getReduction() == ReductionKind::And ||
                   *getReduction() == ReductionKind::Or;
    if (logical && !isa<IntegerType>(output.getElementType()))
      return emitOpError("'")
             << stringifyReductionKind(*getReduction())
             << "' reduces integers; got " << output.getElementType();
  }
  return verifyBoundRanks(*this);
}

LogicalResult EinsumOp::verifyRegions() {
  // spec: EI-8
  Block *map = getMap();
  if (map->getNumArguments() != getInputs().size())
    return emitOpError("the map takes ")
           << map->getNumArguments() << " values for " << getInputs().size()
           << " operands";
  for (auto [index, argument] : llvm::enumerate(map->getArguments())) {
    Type expected =
        getMapArgumentType(getInputs()[index].getType(), getOutputType());
    if (argument.getType() != expected)
      return emitOpError("map argument #") << index << " must be " << expected
                                           << "; got " << argument.getType();
  }
  auto yield = dyn_cast<YieldOp>(map->getTerminator());
  if (!yield || yield.getValues().size() != 1)
    return emitOpError("the map must yield one value");
  Type element = getOutputType().getElementType();
  Type expected = isa<FloatType>(element) ? getComputeType(element) : element;
  if (yield.getValues()[0].getType() != expected)
    return emitOpError("the map must yield ")
           << expected << "; got " << yield.getValues()[0].getType();

  // spec: EI-9
  for (Operation &op : map->without_terminator())
    if (!isa<IndexOp>(op) && failed(verifyScalarOp(&op, "a map")))
      return failure();
  return verifyCombiner(*this);
}
