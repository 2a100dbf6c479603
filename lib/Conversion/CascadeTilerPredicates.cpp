//===- CascadeTilerPredicates.cpp - Masks and predicates on a tile --------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Atoms that are data at each point. The tiles of their operands are operands
// of the einsums that ask whether a point is live.
//
//===----------------------------------------------------------------------===//

#include "CascadeTiler.h"
#include "PointValues.h"
#include "SparsityTest.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::attn;

/// What an item reads of masks and predicates is of ranks whose points it
/// knows.
LogicalResult CascadeTiler::checkPointAtoms(ErrorFn emit) {
  if (!iterate || !space.hasPointAtoms())
    return success();
  auto einsums = iterate.getBody().front().getOps<EinsumOp>();
  SmallVector<StringAttr> ranks = space.getIndexedRanks();
  for (AccessAttr operand : space.getPointOperands())
    llvm::append_range(ranks, operand.getRanks());
  for (StringAttr rank : ranks) {
    if (isParallel(rank) || rank == lane || rank == iterate.getParentAttr())
      continue;
    for (EinsumOp einsum : einsums)
      if (isInSpace(einsum) && !einsum.hasRank(rank))
        return emit(einsum) << "is masked by what reads '" << rank.getValue()
                            << "', a rank that it does not have and that the "
                               "mapping does not work on in parallel";
  }
  // The einsum that tests a point converts floats to its own compute type.
  for (AccessAttr operand : space.getPointOperands())
    for (EinsumOp einsum : einsums)
      if (getElementTypeOrSelf(
              cascade.getInputs()[operand.getInput()].getType())
              .isF64() &&
          isInSpace(einsum) &&
          !getComputeType(einsum.getOutputType().getElementType()).isF64())
        return emit(einsum) << "computes in f32, and a predicate that masks it "
                               "reads f64";
  return success();
}

/// An operand of a mask or a predicate as one of the einsums of a step.
EinsumAccess CascadeTiler::getPointAccess(AccessAttr operand) {
  MLIRContext *context = cascade.getContext();
  SmallVector<StringAttr> ranks, extents;
  SmallVector<AffineExpr> exprs;
  auto getDim = [&](StringAttr rank) {
    ranks.push_back(rank);
    return getAffineDimExpr(ranks.size() - 1, context);
  };
  for (StringAttr rank : operand.getRanks()) {
    if (rank != space.keyRank) {
      exprs.push_back(getDim(rank));
      continue;
    }
    AffineExpr step = getDim(iterate.getRankAttr());
    extents.push_back(iterate.getPointAttr());
    exprs.push_back(step * getAffineSymbolExpr(0, context) +
                    getDim(iterate.getPointAttr()));
  }
  return EinsumAccess(
      cascade.getBody().getArgument(operand.getInput()),
      AffineMap::get(ranks.size(), extents.size(), exprs, context), ranks,
      extents);
}

/// Whether terms are tested that have positional atoms, beside masks and
/// predicates or in slots and tokens.
bool CascadeTiler::testsPositions() const {
  return !llvm::all_of(testedTerms, llvm::IsaPred<MaskAttr, PredicateAttr>);
}

/// Reads, in front of the steps, what these positional atoms need.
void CascadeTiler::preparePointTest(OpBuilder &builder, Location loc) {
  pointNumbers = PointNumbers();
  if (!testsPositions())
    return;
  // Segments are planes of their own. What else an item walks has its
  // positions in the plane of the tensors.
  TilePlace item = place;
  if (!space.isPacked())
    place = TilePlace();
  pointNumbers.offset = getAlignmentOffset(builder, loc);
  PlaneLength keys =
      getPlaneLength(builder, loc, space.keyLengths, space.keyRank);
  pointNumbers.keyCount = space.isPacked() ? keys.part : keys.whole;
  place = item;
  if (!space.getPerHead())
    return;
  pointNumbers.head = getHead(builder, loc);
  for (PerHeadAttr atom : space.sparsity.getPerHeadAtoms()) {
    std::optional<AtomDefinition> definition = getAtomDefinition(atom);
    for (ArrayRef<int64_t> table : definition->tables)
      pointNumbers.tables[builder.getDenseI64ArrayAttr(table)] =
          buildTableLookup(builder, loc, table, pointNumbers.head);
  }
}

/// The number of a row or a key in the plane of its segment, or that of its
/// slot.
Value CascadeTiler::buildPlaneIndex(OpBuilder &builder, Location loc,
                                    StringAttr rank) {
  bool isRow = rank == lane;
  Value local = IndexOp::create(builder, loc, builder.getIndexType(),
                                isRow ? lane : iterate.getPointAttr());
  return arith::AddIOp::create(builder, loc, local,
                               isRow ? firstRow : stepFirst);
}

/// Whether the terms hold that a plan knows in part.
Value CascadeTiler::buildPointTest(OpBuilder &builder, Location loc,
                                   const PointData &point) {
  llvm::SmallDenseMap<Attribute, Value> data;
  ArrayRef<Value> elements(point.elements);
  for (Attribute atom : space.getPointAtoms()) {
    size_t numOperands = SparsityAttr::getOperandsOf(atom).size();
    ArrayRef<Value> own = elements.take_front(numOperands);
    elements = elements.drop_front(numOperands);
    if (auto predicate = dyn_cast<PredicateAttr>(atom)) {
      data[atom] = buildPredicate(builder, loc, predicate, own, point);
      continue;
    }
    Value zero = arith::ConstantOp::create(
        builder, loc, builder.getIntegerAttr(own.front().getType(), 0));
    data[atom] = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne,
                                       own.front(), zero);
  }
  SparsityTest test(builder, loc, pointNumbers.keyCount, pointNumbers.head);
  if (pointNumbers.offset) {
    auto getPoint = [&](auto build) -> SparsityTest::Point {
      Value row = build(space.queryRank);
      return {arith::AddIOp::create(builder, loc, row, pointNumbers.offset),
              build(space.keyRank)};
    };
    auto buildLocal = [&](StringAttr rank) {
      return buildPlaneIndex(builder, loc, rank);
    };
    auto buildToken = [&](StringAttr rank) {
      return buildIndex(builder, loc, rank, point);
    };
    test.token = space.isPacked() ? getPoint(buildLocal) : getPoint(buildToken);
    if (space.readsSlots())
      test.slot = getPoint([&](StringAttr rank) {
        return isPermuted(rank) ? buildLocal(rank) : buildToken(rank);
      });
  }
  test.buildData = [&](Attribute atom) -> Value {
    auto *list = llvm::find(cuts, atom);
    if (list == cuts.end())
      return data.lookup(atom);
    Value none = arith::ConstantIndexOp::create(builder, loc, 0);
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne,
                                 isListed[list - cuts.begin()], none);
  };
  test.lookUp = [&](ArrayRef<int64_t> table) {
    return pointNumbers.tables.lookup(builder.getDenseI64ArrayAttr(table));
  };
  test.evaluate = [&](AffineExpr expr, ValueRange dims, ValueRange symbols) {
    return buildAffineExpr(builder, loc, expr, dims, symbols);
  };
  Value live;
  for (Attribute term : testedTerms) {
    Value holds = test.build(term);
    live = live ? arith::AndIOp::create(builder, loc, live, holds).getResult()
                : holds;
  }
  return live;
}

/// What the region of a predicate yields for the elements of its operands.
Value CascadeTiler::buildPredicate(OpBuilder &builder, Location loc,
                                   PredicateAttr predicate,
                                   ArrayRef<Value> elements,
                                   const PointData &point) {
  Block &block = *space.getPredicate(predicate);
  IRMapping mapping;
  for (auto [argument, element] : llvm::zip(block.getArguments(), elements)) {
    // Floats come in the compute type of the einsum.
    if (element.getType() == argument.getType())
      mapping.map(argument, element);
    else
      mapping.map(argument, arith::TruncFOp::create(builder, loc,
                                                    argument.getType(), element)
                                .getResult());
  }
  for (auto [argument, rank] :
       llvm::zip(block.getArguments().drop_front(elements.size()),
                 predicate.getIndices()))
    mapping.map(argument, buildIndex(builder, loc, rank, point));
  for (Operation &op : block.without_terminator())
    builder.clone(op, mapping);
  return mapping.lookup(block.getTerminator()->getOperand(0));
}
