//===- PairProducts.cpp - Products of 16-bit tiles, two at a time ---------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For vector instructions that multiply pairs of bf16 and add both products to
// a sum in f32. The rank of such a sum is split into pairs, and both operands
// are laid out so that a pair takes 32 bits side by side:
//
//   - tiles [column, depth] that are copies of a tensor keep its bf16 and its
//     layout, as neighbours along the depth lie together;
//   - tiles [depth, column] that are copies become [pair, column, 2];
//   - lanes [depth, lane] become [pair, lane, 2]: copies keep the tensor's
//   bits,
//     and what a constant multiplied them by goes behind the sum; weights,
//     which come from other tiles, are rounded (NU-2).
//
// For matrix tiles (AMX), which take 16 rows and 16 pairs of each operand at a
// time, [depth, column] becomes [column, depth], and every rank of a product is
// filled up to whole tiles: with zeros along the sum, and with whatever the
// scratch holds along rows that the step lacks. These are computed, and read by
// nothing.
//
// An instruction that takes one pair adds its second product first. Where the
// depth is streamed the second place of a pair therefore holds the first point:
// sums are those of a loop over single points, wherever a step begins.
//
//===----------------------------------------------------------------------===//

#include "PairProducts.h"
#include "WorkerScratch.h"
#include "WorkspaceBytes.h"
#include "attn/Conversion/FusedForm.h"
#include "attn/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNPAIRPRODUCTS
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// Lets einsums that read a copy read what it is a copy of, if no other reader
/// than products in pairs is left then.
void ProductPairer::readThrough(TileEinsumOp copy) {
  Value tile = getWholeBuffer(copy.getInit());
  SmallVector<std::pair<TileEinsumOp, unsigned>> through;
  for (TileEinsumOp reader : readers[tile]) {
    if (paired.contains(reader))
      continue;
    if (*getCopyFactor(copy) || !copy.getClampedRanks().empty())
      return;
    for (unsigned index = 0; index < reader.getInputs().size(); ++index) {
      if (getWholeBuffer(reader.getInputs()[index]) != tile)
        continue;
      EinsumAccess access = reader.getAccess(index);
      if (!isSamePart(reader.getInputs()[index], copy.getInit()) ||
          !llvm::all_of(access.map.getResults(), [](AffineExpr expr) {
            return isa<AffineDimExpr>(expr);
          }))
        return;
      through.push_back({reader, index});
    }
  }
  // Whatever else looks at the tile keeps it.
  if (!isReadByEinsums(tile))
    return;
  dead.insert(copy);
  SmallVector<StringAttr> copied = copy.getOutputRanks();
  for (auto &[einsum, index] : through) {
    TileEinsumOp reader = einsum;
    SmallVector<EinsumAccess> accesses;
    for (unsigned input = 0; input < reader.getInputs().size(); ++input)
      accesses.push_back(reader.getAccess(input));
    EinsumAccess from = copy.getAccess(0);
    for (auto [dim, rank] : llvm::enumerate(copied))
      llvm::replace(from.ranks, rank, getPlainRank(accesses[index], dim));
    accesses[index] = from;
    SmallVector<StringAttr> clamped;
    for (auto rank : reader.getClampedRanks().getAsRange<StringAttr>())
      clamped.push_back(rank);
    OpBuilder builder(reader);
    auto direct = TileEinsumOp::create(
        builder, reader.getLoc(), reader.getInit(), reader.getOutputRanks(),
        accesses, reader.getEinsumReduction(), reader.getAccumulate(), clamped,
        [&](OpBuilder &map, Location, ValueRange args) {
          IRMapping mapping;
          mapping.map(reader.getMap()->getArguments(), args);
          for (Operation &op : reader.getMap()->without_terminator())
            map.clone(op, mapping);
          return mapping.lookupOrDefault(reader.getMapResult());
        });
    for (auto *uses : {&readers, &writers})
      for (auto &entry : *uses)
        llvm::replace(entry.second, reader, direct);
    reader.erase();
  }
}

/// `value` where it is finite, or where it is not, and 0 elsewhere.
static Value selectFinite(OpBuilder &builder, Location loc, Value value,
                          bool isFinite) {
  Value zero = arith::ConstantOp::create(
      builder, loc, builder.getFloatAttr(value.getType(), 0));
  Value test = math::IsFiniteOp::create(builder, loc, value);
  return arith::SelectOp::create(builder, loc, test, isFinite ? value : zero,
                                 isFinite ? zero : value);
}

/// `right` with 0 for what is not finite.
Value ProductPairer::getFinite(const PairedProduct &product, Value right) {
  OpBuilder builder(product.einsum);
  Location loc = right.getLoc();
  SmallVector<OpFoldResult> zeros(2, builder.getIndexAttr(0));
  Value buffer = createPlace(builder, right, /*isDead=*/false,
                             cast<MemRefType>(getWholeBuffer(right).getType()));
  Value finite = takePart(builder, loc, buffer, zeros,
                          memref::getMixedSizes(builder, loc, right));
  SmallVector<StringAttr> ranks = {product.parts.column, product.parts.depth};
  TileEinsumOp::create(
      builder, loc, finite, ranks, EinsumAccess::get(right, ranks),
      std::nullopt, /*accumulate=*/false, {},
      [](OpBuilder &map, Location at, ValueRange args) -> Value {
        return selectFinite(map, at, args[0], /*isFinite=*/true);
      });
  return finite;
}

/// Where a mask is in the product itself, an operand may not be finite at
/// masked points. A matrix unit cannot leave these out: it takes what is
/// finite, and products one by one what is not, which leaves other sums as they
/// are.
void ProductPairer::rewriteMasked(const PairedProduct &product) {
  PairedProduct finite = product;
  finite.parts.isPlain = true;
  Value right = getRight(product);
  createSum(finite, accessRight(product, getFinite(product, right)),
            finite.einsum.getAccumulate());
  createSum(product, accessRight(product, right), /*accumulate=*/true);
}

void ProductPairer::rewrite(const PairedProduct &product) {
  TileEinsumOp einsum = product.einsum;
  if (unit == PairUnit::MatrixTiles && !product.parts.isPlain)
    rewriteMasked(product);
  else if (std::optional<EinsumAccess> right = findInPlace(product))
    createSum(product, *right, einsum.getAccumulate());
  else
    createSum(product, accessRight(product, getRight(product)),
              einsum.getAccumulate());
  if (product.factor) {
    OpBuilder builder(einsum);
    createScale(builder, einsum.getLoc(), einsum.getInit(),
                einsum.getOutputRanks(), product.factor);
  }
  einsum.erase();
}

/// How a product reads `right`, a tile in pairs.
EinsumAccess ProductPairer::accessRight(const PairedProduct &product,
                                        Value right) {
  const Contraction &parts = product.parts;
  StringAttr pair = getPairRank(parts.depth);
  StringAttr place = getPlaceRank(parts.depth);
  if (!product.isDepthLast && unit != PairUnit::MatrixTiles)
    return EinsumAccess::get(right, {pair, parts.column, place});
  SmallVector<StringAttr> ranks = {parts.column, pair, place};
  return replaceRank(EinsumAccess::get(right, {parts.column, parts.depth}),
                     parts.depth, getPoint(), ranks);
}

/// How a product reads the tensor itself, if its pairs lie side by side there.
/// Rows that are looked up are copied: each load would look one up.
std::optional<EinsumAccess>
ProductPairer::findInPlace(const PairedProduct &product) {
  TileEinsumOp copy = product.rightCopy;
  const Contraction &parts = product.parts;
  if (unit == PairUnit::MatrixTiles || !product.isDepthLast)
    return std::nullopt;
  EinsumAccess access = copy.getAccess(0);
  SmallVector<StringAttr> copied = copy.getOutputRanks();
  ArrayRef<AffineExpr> places = access.map.getResults();
  SmallVector<int64_t> strides;
  int64_t offset;
  if (access.readsData() || places.empty() ||
      failed(cast<MemRefType>(access.tensor.getType())
                 .getStridesAndOffset(strides, offset)) ||
      strides.back() != 1 ||
      getPlainRank(access, places.size() - 1) != copied[1] ||
      llvm::any_of(places.drop_back(), [&](AffineExpr place) {
        return place.isFunctionOfDim(llvm::find(access.ranks, copied[1]) -
                                     access.ranks.begin());
      }))
    return std::nullopt;
  llvm::replace(access.ranks, copied[0], parts.column);
  return replaceRank(
      access, copied[1], getPoint(),
      {parts.column, getPairRank(parts.depth), getPlaceRank(parts.depth)});
}

/// The product with `right` in front of its einsum.
void ProductPairer::createSum(const PairedProduct &product,
                              const EinsumAccess &right, bool accumulate) {
  TileEinsumOp einsum = product.einsum;
  const Contraction &parts = product.parts;
  bool isTiled = unit == PairUnit::MatrixTiles;
  Value left = getLeft(product);
  OpBuilder builder(einsum);
  Location loc = einsum.getLoc();
  StringAttr pair = getPairRank(parts.depth);
  StringAttr place = getPlaceRank(parts.depth);
  EinsumAccess accesses[2];
  accesses[parts.left] = EinsumAccess::get(left, {pair, lane, place});
  accesses[parts.right] = right;
  auto createMap = [&](OpBuilder &map, Location at, ValueRange args) -> Value {
    if (parts.isPlain)
      return arith::MulFOp::create(map, at, args[0], args[1]);
    IRMapping mapping;
    mapping.map(einsum.getMap()->getArguments(), args);
    if (isTiled)
      mapping.map(einsum.getMap()->getArgument(parts.right),
                  selectFinite(map, at, args[parts.right], /*isFinite=*/false));
    for (Operation &op : einsum.getMap()->without_terminator()) {
      auto index = dyn_cast<IndexOp>(op);
      if (!index || index.getRankAttr() != parts.depth) {
        map.clone(op, mapping);
        continue;
      }
      Value number = IndexOp::create(map, at, map.getIndexType(), pair);
      Value within = IndexOp::create(map, at, map.getIndexType(), place);
      number = arith::MulIOp::create(
          map, at, number, arith::ConstantIndexOp::create(map, at, 2));
      if (!product.isDepthLast && !isTiled)
        within = arith::SubIOp::create(
            map, at, arith::ConstantIndexOp::create(map, at, 1), within);
      mapping.map(index.getResult(),
                  arith::AddIOp::create(map, at, number, within));
    }
    return mapping.lookupOrDefault(einsum.getMapResult());
  };
  auto sum = TileEinsumOp::create(
      builder, loc, getOut(product), einsum.getOutputRanks(), accesses,
      EinsumReduction{ReductionKind::Add, {pair, place}}, accumulate, {},
      createMap);
  sum->setAttr(kPairsAttrName, place);
  if (isTiled && parts.isPlain)
    sum->setAttr(kMatrixTilesAttrName, UnitAttr::get(context));
}

void ProductPairer::run() {
  collect();
  SmallVector<PairedProduct> products;
  function.walk([&](TileEinsumOp einsum) {
    if (std::optional<Contraction> parts = Contraction::match(einsum, lane))
      if (std::optional<PairedProduct> product = check(einsum, *parts)) {
        products.push_back(*product);
        paired.insert(einsum);
      }
  });
  std::optional<int64_t> scratchBytes = getScratchBytes(worker);
  if (products.empty() || !scratchBytes)
    return;
  bytes = llvm::alignTo(*scratchBytes, kWorkspaceAlignment);
  scratch =
      cast<memref::ViewOp>(
          getWholeBuffer(products.front().rightCopy.getInit()).getDefiningOp())
          .getSource();
  llvm::SetVector<Operation *> copies;
  for (PairedProduct &product : products) {
    copies.insert(product.rightCopy);
    if (product.leftCopy && product.isDepthLast)
      copies.insert(product.leftCopy);
  }
  for (Operation *copy : copies)
    readThrough(cast<TileEinsumOp>(copy));
  for (PairedProduct &product : products)
    if (!product.leftCopy)
      if (TileEinsumOp writer =
              findWeights(product.einsum,
                          product.einsum.getInputs()[product.parts.left])
                  .writer)
        if (isPackedOnly(writer))
          packedOnly.insert(writer);
  for (PairedProduct &product : products)
    rewrite(product);
  for (Operation *copy : dead)
    copy->erase();
  setScratchBytes(function, worker, bytes);
  kept.finish(worker, bytes);
}

namespace {
struct PairProductsPass
    : public attn::impl::AttnPairProductsBase<PairProductsPass> {
  using Base::Base;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      bool hasPairs = llvm::any_of(function.getArgumentTypes(), [](Type type) {
        return isa<MemRefType>(type) && getElementTypeOrSelf(type).isBF16();
      });
      if (function.isExternal() || !function->hasAttr(kLanesAttrName) ||
          !hasPairs)
        continue;
      if (func::FuncOp worker = findWorker(function))
        ProductPairer(function, worker,
                      tiles ? PairUnit::MatrixTiles : PairUnit::Dots,
                      vectorBits / 32, keptBytes)
            .run();
    }
  }
};
} // namespace
