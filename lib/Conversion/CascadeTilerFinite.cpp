//===- CascadeTilerFinite.cpp - Dead points of values not finite ----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A dead point has the weight 0, and 0 times an infinity or a NaN is NaN. So
// the products of a partial step are masked one by one where a factor is not
// finite, and are not where all are.
//
// To read all factors for that would cost as much as one more row. Sums show it
// as well: a NaN that is added to a carried sum stays there. So an item is
// computed as if all factors were finite. Where its sums are not, in the end,
// it is computed again, and from then on the worker looks at the factors first.
//
//===----------------------------------------------------------------------===//

#include "CascadeTiler.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::attn;

/// Whether every value of the tile is finite: x * 0 is NaN for all others.
Value CascadeTiler::buildTileFinite(OpBuilder &builder, Location loc,
                                    EinsumAccess tile) {
  SmallVector<StringAttr> ranks;
  for (AffineExpr expr : tile.map.getResults()) {
    auto symbol = dyn_cast<AffineSymbolExpr>(expr);
    if (symbol)
      expr = tile.getData(symbol.getPosition())->map.getResult(0);
    for (auto [position, rank] : llvm::enumerate(tile.ranks))
      if (expr.isFunctionOfDim(position) && !llvm::is_contained(ranks, rank))
        ranks.push_back(rank);
  }
  Type element = getComputeType(getElementTypeOrSelf(tile.tensor.getType()));
  auto timesZero = [&](OpBuilder &nested, Location, ValueRange args) -> Value {
    Value zero =
        arith::ConstantOp::create(nested, loc, FloatAttr::get(element, 0.0));
    return arith::MulFOp::create(nested, loc, args[0], zero);
  };
  // The last rank stays as lanes until the rest is summed; the threads of warps
  // share out all points of the tile.
  SmallVector<StringAttr> last(ArrayRef(ranks).take_back(1));
  if (ranks.size() > 1 && !isPoint(last[0]) && !takesWholeSteps) {
    TileBuffer sums = allocate(builder, loc, last, element);
    ranks.pop_back();
    TileEinsumOp::create(
        builder, loc, sums.memref, last, ArrayRef<EinsumAccess>(tile),
        EinsumReduction{ReductionKind::Add, ranks},
        /*accumulate=*/false, ArrayRef<StringAttr>(), timesZero);
    tile = EinsumAccess::get(sums.memref, last);
    ranks = last;
  }
  TileBuffer total = allocate(builder, loc, {}, element);
  TileEinsumOp::create(builder, loc, total.memref, ArrayRef<StringAttr>(),
                       ArrayRef<EinsumAccess>(tile),
                       EinsumReduction{ReductionKind::Add, ranks},
                       /*accumulate=*/false, ArrayRef<StringAttr>(), timesZero);
  Value sum = memref::LoadOp::create(builder, loc, total.memref);
  Value zero =
      arith::ConstantOp::create(builder, loc, FloatAttr::get(element, 0.0));
  return arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OEQ, sum,
                               zero);
}

Value CascadeTiler::buildAllFinite(OpBuilder &builder, Location loc,
                                   ArrayRef<EinsumAccess> tiles) {
  Value allFinite;
  for (const EinsumAccess &tile : tiles) {
    Value finite = buildTileFinite(builder, loc, tile);
    allFinite =
        allFinite
            ? arith::AndIOp::create(builder, loc, allFinite, finite).getResult()
            : finite;
  }
  return allFinite;
}

/// Whether `value` is NaN where `part` is.
static bool keepsNaN(Value value, Value part) {
  if (value == part)
    return true;
  Operation *op = value.getDefiningOp();
  return isa_and_nonnull<arith::AddFOp, arith::SubFOp, arith::MulFOp,
                         arith::DivFOp, arith::NegFOp>(op) &&
         llvm::any_of(op->getOperands(),
                      [&](Value operand) { return keepsNaN(operand, part); });
}

/// Whether a NaN in `contraction` is seen in a sum that the steps carry.
bool CascadeTiler::showsNaN(EinsumOp contraction) const {
  EinsumOp reader = absorbed.lookup(contraction);
  std::optional<unsigned> number =
      reader ? getCarriedInPlace(reader) : std::nullopt;
  if (!number)
    return false;
  Value carried =
      cast<IterateOp>(reader->getParentOp()).getBody().getArgument(*number);
  auto isKept = [&](OpOperand &use) {
    return use.getOwner() == reader &&
           keepsNaN(reader.getMapResult(),
                    reader.getMap()->getArgument(use.getOperandNumber()));
  };
  return llvm::any_of(carried.getUses(), isKept) &&
         keepsNaN(reader.getMapResult(),
                  accumulations.lookup(reader).sum->getResult(0));
}

bool CascadeTiler::trustFactors() {
  if (!hasCaches || !iterate || (isUntested(iterate) && !visitsRanges))
    return false;
  absorbAccumulations(iterate.getBody().front());
  for (auto einsum : iterate.getBody().front().getOps<EinsumOp>())
    if (einsum.getReduction() && reducesPoints(einsum) && isInSpace(einsum) &&
        getDeadPoints(einsum) == DeadPoints::AbsorbedIfFinite &&
        showsNaN(einsum))
      trustedSums.push_back(einsum);
  return !trustedSums.empty();
}

/// Whether every factor of `einsum` that is not 0 where points are dead is
/// finite, or taken to be.
Value CascadeTiler::buildFactorsFinite(OpBuilder &builder, EinsumOp einsum) {
  Location loc = einsum.getLoc();
  // What a load converts serves the products, too, so it stands in front.
  SmallVector<EinsumAccess> factors;
  for (unsigned index = 0; index < einsum.getInputs().size(); ++index) {
    auto producer = einsum.getInputs()[index].getDefiningOp<EinsumOp>();
    bool readsLanes = false;
    if (!producer || !getProducerMask(producer))
      factors.push_back(
          getTileAccess(builder, loc, einsum.getAccess(index), readsLanes));
  }
  if (!isCareful || !llvm::is_contained(trustedSums, einsum))
    return buildAllFinite(builder, loc, factors);
  Value careful = memref::LoadOp::create(builder, loc, isCareful);
  auto branch = scf::IfOp::create(builder, loc, builder.getI1Type(), careful,
                                  /*withElse=*/true);
  OpBuilder thenBuilder = branch.getThenBodyBuilder();
  scf::YieldOp::create(thenBuilder, loc,
                       buildAllFinite(thenBuilder, loc, factors));
  OpBuilder elseBuilder = branch.getElseBodyBuilder();
  Value trusted = arith::ConstantIntOp::create(elseBuilder, loc, 1, 1);
  scf::YieldOp::create(elseBuilder, loc, trusted);
  return branch.getResult(0);
}

/// Calls `emit` for what computes an item. Where sums are trusted to show what
/// is not finite, that is a loop, which ends when they are finite or factors
/// have been looked at.
void CascadeTiler::emitTrusting(OpBuilder &builder, Location loc,
                                function_ref<void(OpBuilder &)> emit) {
  if (!isCareful) {
    emit(builder);
    return;
  }
  scf::WhileOp::create(
      builder, loc, TypeRange(), ValueRange(),
      [&](OpBuilder &nested, Location, ValueRange) {
        Value wasCareful = memref::LoadOp::create(nested, loc, isCareful);
        emit(nested);
        SmallVector<EinsumAccess> sums;
        for (EinsumOp sum : trustedSums) {
          TileBuffer buffer = buffers.lookup(absorbed.lookup(sum).getResult());
          sums.push_back(EinsumAccess::get(buffer.memref, buffer.ranks));
        }
        Value isFinite = buildAllFinite(nested, loc, sums);
        Value isWanted =
            arith::OrIOp::create(nested, loc, wasCareful, isFinite);
        Value yes = arith::ConstantIntOp::create(nested, loc, 1, 1);
        Value again = arith::XOrIOp::create(nested, loc, isWanted, yes);
        memref::StoreOp::create(
            nested, loc, arith::OrIOp::create(nested, loc, wasCareful, again),
            isCareful);
        scf::ConditionOp::create(nested, loc, again, ValueRange());
      },
      [&](OpBuilder &nested, Location, ValueRange) {
        scf::YieldOp::create(nested, loc);
      });
}
