//===- EinsumJoins.cpp - Einsums that join the loops in front -----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A product of accumulators in place is done as the sum behind it loads them.
// What the next einsum does with values that one has in registers is done
// before they are stored: one operation of arithmetic on a sum, a reduction of
// the tile over its rows, and a copy of it in pairs of rows. The reduction
// keeps its order, so its bits are those of loops of its own, which would wait
// for each value's latency in turn.
//
//===----------------------------------------------------------------------===//

#include "Contractions.h"
#include "EinsumLowering.h"
#include "X86Intrinsics.h"
#include "attn/Conversion/FusedForm.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace mlir::attn;

/// The next einsum behind `einsum`, if nothing but addresses is computed in
/// between.
static TileEinsumOp findNext(TileEinsumOp einsum) {
  Operation *next = einsum->getNextNode();
  while (next && !isa<TileEinsumOp>(next) && isPure(next) &&
         next->getNumRegions() == 0)
    next = next->getNextNode();
  return dyn_cast_or_null<TileEinsumOp>(next);
}

/// Whether the tiles of `einsum` hold what its map yields, not rounded.
static bool keepsValues(TileEinsumOp einsum) {
  return getElementTypeOrSelf(einsum.getInit().getType()) ==
         einsum.getMapResult().getType();
}

/// Whether `next` reads the result of `einsum`, all of it and nothing else.
static bool readsResult(TileEinsumOp next, TileEinsumOp einsum) {
  if (next.getInputs().size() != 1 ||
      next.getInputs().front() != einsum.getInit() ||
      !next.getClampedRanks().empty() || !keepsValues(einsum))
    return false;
  EinsumAccess access = next.getAccess(0);
  SmallVector<StringAttr> ranks = einsum.getOutputRanks();
  for (auto [dim, rank] : llvm::enumerate(ranks))
    if (getPlainRank(access, dim) != rank)
      return false;
  return true;
}

TileEinsumOp EinsumLowering::findEpilogue(TileEinsumOp einsum) {
  TileEinsumOp next = findNext(einsum);
  if (!next || einsum.getReducedRanks().empty() ||
      next.getInit() != einsum.getInit() || next.getReduction() ||
      next.getOutputRanks().empty() || !readsResult(next, einsum) ||
      next.getOutputRanks() != einsum.getOutputRanks())
    return {};
  Operation *op = next.getMapResult().getDefiningOp();
  bool isOne =
      op && op->getBlock() == next.getMap() &&
      isa<arith::MulFOp, arith::AddFOp, arith::SubFOp>(op) &&
      llvm::all_of(next.getMap()->without_terminator(), [&](Operation &other) {
        return &other == op || other.hasTrait<OpTrait::ConstantLike>();
      });
  return isOne ? next : TileEinsumOp();
}

/// Whether what is written to `one` can be told to lie apart from `other`:
/// constant parts of one memory do, and so do memories of a worker, of which
/// each has one source, and tensors.
static bool liesApart(Value one, Value other) {
  auto left = getWholeBuffer(one).getDefiningOp<memref::ViewOp>();
  auto right = getWholeBuffer(other).getDefiningOp<memref::ViewOp>();
  if (!left || !right)
    return false;
  if (left.getSource() != right.getSource())
    return true;
  auto getRange =
      [](memref::ViewOp view) -> std::optional<std::pair<int64_t, int64_t>> {
    std::optional<int64_t> shift = getConstantIntValue(view.getByteShift());
    if (!shift || !view.getType().hasStaticShape())
      return std::nullopt;
    int64_t width =
        llvm::divideCeil(view.getType().getElementTypeBitWidth(), 8);
    return std::make_pair(*shift,
                          *shift + view.getType().getNumElements() * width);
  };
  auto own = getRange(left), its = getRange(right);
  return own && its && (own->second <= its->first || its->second <= own->first);
}

/// Whether `next`, which joins the loops of `einsum`, writes apart from what
/// these read and write: it does so while the tile is still computed.
static bool writesApart(TileEinsumOp next, TileEinsumOp einsum) {
  SmallVector<Value> tiles(einsum.getInputs());
  tiles.append(einsum.getIndices().begin(), einsum.getIndices().end());
  tiles.push_back(einsum.getInit());
  return llvm::all_of(tiles, [&](Value tile) {
    bool isScratch =
        isa_and_nonnull<memref::ViewOp>(getWholeBuffer(tile).getDefiningOp());
    return isScratch ? liesApart(next.getInit(), tile)
                     : isa_and_nonnull<memref::ViewOp>(
                           getWholeBuffer(next.getInit()).getDefiningOp());
  });
}

/// Moves what computes addresses between `einsum` and `next` in front of the
/// loops, but not the einsums there.
static void moveAddresses(TileEinsumOp einsum, TileEinsumOp next) {
  for (Operation *op = einsum->getNextNode(); op != next;) {
    Operation *address = op;
    op = op->getNextNode();
    if (!isa<TileEinsumOp>(address))
      address->moveBefore(einsum);
  }
}

TileEinsumOp EinsumLowering::findFold(TileEinsumOp einsum,
                                      TileEinsumOp epilogue) {
  TileEinsumOp next = findNext(epilogue ? epilogue : einsum);
  SmallVector<StringAttr> ranks = einsum.getOutputRanks();
  // Two lanes are interleaved, and no lanes.
  if (!next || einsum.getOutputType().getShape().back() == 2 ||
      !next.getReduction() || next.getAccumulate() ||
      !next.getCombiner().empty() || ranks.size() != 2 ||
      !readsResult(next, einsum) || !next.isIdentityMap() ||
      next.getOutputRanks() != ArrayRef(ranks).drop_front() ||
      next.getReduced() != ArrayRef(ranks).drop_back() || !keepsValues(next))
    return {};
  if (!writesApart(next, einsum))
    return {};
  moveAddresses(einsum, next);
  return next;
}

/// Whether `row` is what `access` reads along the first dimension. One sum has
/// several forms; their difference is 0.
static bool isFirstIndex(const EinsumAccess &access, AffineExpr row) {
  return simplifyAffineExpr(access.map.getResult(0) - row,
                            access.map.getNumDims(),
                            access.map.getNumSymbols()) == 0;
}

TileEinsumOp EinsumLowering::findPack(TileEinsumOp epilogue,
                                      TileEinsumOp foldOp) {
  TileEinsumOp next = findNext(foldOp ? foldOp : epilogue ? epilogue : einsum);
  SmallVector<StringAttr> ranks = einsum.getOutputRanks();
  // Rows are taken one by one here, and lanes by whole vectors.
  if (!next || ranks.size() != 2 || rowTile != 1 || !rowRank ||
      outType.isDynamicDim(1) || outType.getDimSize(1) % vectorWidth != 0 ||
      !outType.getElementType().isF32() || !keepsValues(einsum))
    return {};
  auto type = cast<MemRefType>(next.getInit().getType());
  SmallVector<StringAttr> pairRanks = next.getOutputRanks();
  if (next.getReduction() || !next.isIdentityMap() || pairRanks.size() != 3 ||
      next.getInputs().size() != 1 ||
      next.getInputs().front() != einsum.getInit() ||
      !next.getClampedRanks().empty() || !type.getElementType().isBF16() ||
      !endsInPairs(type) || type.getDimSize(1) != outType.getDimSize(1))
    return {};
  EinsumAccess access = next.getAccess(0);
  MLIRContext *context = next.getContext();
  AffineExpr pair = getAffineDimExpr(next.findRank(pairRanks[0]), context);
  AffineExpr place = getAffineDimExpr(next.findRank(pairRanks[2]), context);
  if (getPlainRank(access, 1) != pairRanks[1] ||
      (!isFirstIndex(access, pair * 2 + place) &&
       !isFirstIndex(access, pair * 2 - place + 1)) ||
      !writesApart(next, einsum))
    return {};
  moveAddresses(einsum, next);
  return next;
}

TileEinsumOp EinsumLowering::findAccumulation(TileEinsumOp einsum) {
  TileEinsumOp next = findNext(einsum);
  if (!next || !next.getAccumulate() || next.getInit() != einsum.getInit() ||
      next.getOutputRanks() != einsum.getOutputRanks() ||
      einsum.getOutputRanks().empty() || einsum.getReduction() ||
      !isa_and_nonnull<arith::MulFOp>(einsum.getSingleMapOp()) ||
      !einsum.getClampedRanks().empty() || !keepsValues(einsum) ||
      !keepsValues(next) || einsum->hasAttr(kThreadRanksAttrName) ||
      next->hasAttr(kThreadRanksAttrName))
    return {};
  bool readsOwn = false;
  for (unsigned index = 0; index < einsum.getInputs().size(); ++index) {
    EinsumAccess access = einsum.getAccess(index);
    if (access.tensor != einsum.getInit()) {
      if (!liesApart(einsum.getInit(), access.tensor))
        return {};
      continue;
    }
    for (auto [dim, rank] : llvm::enumerate(einsum.getOutputRanks()))
      if (getPlainRank(access, dim) != rank)
        return {};
    readsOwn = true;
  }
  return readsOwn ? next : TileEinsumOp();
}

void EinsumLowering::joinProduct(TileEinsumOp einsumOfProduct) {
  product.emplace(einsumOfProduct, vectorWidth);
}

/// What a register tile adds to, multiplied first where a product has joined.
SmallVector<Value> EinsumLowering::loadAccumulators(OpBuilder &builder,
                                                    const LaneBlock &lanes,
                                                    Value firstRow,
                                                    int64_t rows) {
  int64_t vectors = std::max<int64_t>(lanes.vectors, 1);
  SmallVector<Value> values;
  // What all rows multiply with is loaded for the first of them.
  SmallVector<SmallVector<Value>> shared(vectors);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t vector = 0; vector < vectors; ++vector) {
      TileCoordinates at =
          getCoordinates(builder, lanes, vector, firstRow, row);
      Value value = operands.loadResult(builder, at, outRanks,
                                        einsum.getMapResult().getType());
      if (product) {
        TileEinsumOp other = product->einsum;
        SmallVector<Value> factors;
        for (unsigned index = 0; index < other.getInputs().size(); ++index) {
          bool isOwn = other.getInputs()[index] == other.getInit();
          bool isShared =
              rowRank && row > 0 && !other.inputUsesRank(index, *rowRank);
          factors.push_back(
              isOwn      ? value
              : isShared ? shared[vector][index]
                         : product->operands.load(
                               builder, index, at,
                               other.getMap()->getArgument(index).getType()));
        }
        shared[vector] = factors;
        value = product->computation.emitMap(builder, at, factors,
                                             /*accumulator=*/{});
      }
      values.push_back(value);
    }
  return values;
}

/// What the reduction starts from, for each vector of a block of lanes.
SmallVector<Value> EinsumLowering::startFold(OpBuilder &builder,
                                             const LaneBlock &lanes) {
  if (!fold)
    return {};
  Type type = VectorType::get({vectorWidth}, einsum.getMapResult().getType());
  return SmallVector<Value>(std::max<int64_t>(lanes.vectors, 1),
                            fold->computation.getIdentity(builder, type));
}

/// Stores what the reduction of a block of lanes has become.
void EinsumLowering::storeFold(OpBuilder &builder, const LaneBlock &lanes,
                               ArrayRef<Value> folded) {
  for (auto [vector, value] : llvm::enumerate(folded))
    fold->operands.storeResult(
        builder, getCoordinates(builder, lanes, vector, /*firstRow=*/{}, 0),
        {*lane}, value);
}

/// The lanes of `first` and of `second` in turns, rounded to bf16: by one
/// instruction and one shuffle where the CPU has them for whole registers.
Value EinsumLowering::interleaveRounded(OpBuilder &builder, Value first,
                                        Value second) {
  if (hasDots && x86::canRoundToBF16(first.getType())) {
    Value both = x86::createRoundToBF16(builder, loc, first, second);
    SmallVector<int64_t> order;
    for (int64_t number = 0; number < vectorWidth; ++number)
      order.append({number, number + vectorWidth});
    return vector::ShuffleOp::create(builder, loc, both, both, order);
  }
  for (Value *row : {&first, &second})
    *row = TileOperands::convert(builder, loc, *row, builder.getBF16Type());
  return vector::InterleaveOp::create(builder, loc, first, second);
}

/// Stores two rows of the tile side by side, in the order that the copy has.
void EinsumLowering::storePack(OpBuilder &builder, const LaneBlock &lanes,
                               Value firstRow, ArrayRef<Value> values) {
  Value out = joinPairs(builder, loc, pack.getInit());
  EinsumAccess access = pack.getAccess(0);
  AffineExpr place = getAffineDimExpr(pack.findRank(pack.getOutputRanks()[2]),
                                      einsum.getContext());
  AffineExpr pair = getAffineDimExpr(pack.findRank(pack.getOutputRanks()[0]),
                                     einsum.getContext());
  bool isSwapped = !isFirstIndex(access, pair * 2 + place);
  Value two = arith::ConstantIndexOp::create(builder, loc, 2);
  Value number = arith::DivUIOp::create(builder, loc, firstRow, two);
  for (int64_t vector = 0; vector < lanes.vectors; ++vector) {
    Value first = values[vector], second = values[lanes.vectors + vector];
    if (isSwapped)
      std::swap(first, second);
    Value pairs = interleaveRounded(builder, first, second);
    Value lane = getCoordinates(builder, lanes, vector, firstRow, 0).firstLane;
    vector::StoreOp::create(
        builder, loc, pairs, out,
        ValueRange{number, arith::MulIOp::create(builder, loc, lane, two)});
  }
}
