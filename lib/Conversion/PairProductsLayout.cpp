//===- PairProductsLayout.cpp - Where operands in pairs lie ---------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PairProducts.h"
#include "WorkspaceBytes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::attn;

/// A buffer of `type`: in the place of `old`, which nothing reads any more if
/// it `isDead`, or behind all others.
Value ProductPairer::createPlace(OpBuilder &builder, Value old, bool isDead,
                                 MemRefType type) {
  auto view = cast<memref::ViewOp>(getWholeBuffer(old).getDefiningOp());
  Location loc = old.getLoc();
  Value shift = view.getByteShift();
  int64_t size = type.getNumElements() * 2;
  // Whole tiles may take more than what they are made of.
  MemRefType oldType = view.getType();
  if (!isDead || size > oldType.getNumElements() *
                            (oldType.getElementTypeBitWidth() / 8)) {
    shift = arith::ConstantIndexOp::create(builder, loc, bytes);
    bytes += llvm::alignTo(size, kWorkspaceAlignment);
  }
  return memref::ViewOp::create(builder, loc, type, scratch, shift,
                                ValueRange());
}

/// The type of the operand without lanes, of all rows that a step may have, and
/// how many rows a part of it begins and ends at multiples of.
std::pair<MemRefType, int64_t>
ProductPairer::getRightType(const PairedProduct &product) {
  TileEinsumOp copy = product.rightCopy;
  auto whole = cast<MemRefType>(getWholeBuffer(copy.getInit()).getType());
  int64_t rows = whole.getDimSize(0), columns = whole.getDimSize(1);
  Type bf16 = BFloat16Type::get(context);
  bool isTiled = unit == PairUnit::MatrixTiles;
  auto align = [&](int64_t points) -> int64_t {
    return isTiled ? llvm::alignTo(points, kMatrixTilePoints) : points;
  };
  if (product.isDepthLast)
    return {MemRefType::get({rows, align(columns)}, bf16),
            isTiled ? kMatrixTileRows : 1};
  if (isTiled)
    return {MemRefType::get({columns, align(rows)}, bf16), kMatrixTilePoints};
  return {MemRefType::get({countPairs(rows), columns, 2}, bf16), 2};
}

/// The operand without lanes: where its copy stands, a copy in bf16.
Value ProductPairer::getRight(const PairedProduct &product) {
  TileEinsumOp copy = product.rightCopy;
  auto [place, isNew] = known.try_emplace({copy, product.isDepthLast}, Value());
  if (!isNew)
    return place->second;
  // The place of the copy is free once.
  bool isDead =
      dead.contains(copy) && !known.contains({copy, !product.isDepthLast});
  OpBuilder builder(copy);
  Location loc = copy.getLoc();
  SmallVector<StringAttr> ranks = copy.getOutputRanks();
  bool isTiled = unit == PairUnit::MatrixTiles;
  Value size = builder.createOrFold<memref::DimOp>(loc, copy.getInit(), 0);
  auto [type, rowUnit] = getRightType(product);

  // What is copied where, and which part of that is read.
  EinsumAccess access = copy.getAccess(0);
  Value buffer, first, copied = size;
  OpBuilder fill = builder;
  Block *fillBlock = nullptr;
  if (std::optional<KeptCopies::Rows> found = kept.take(copy, type, rowUnit)) {
    buffer = found->buffer;
    first = found->first;
    copied = found->size;
    access = found->access;
    fillBlock = found->fill.thenBlock();
    fill = found->fill.getThenBodyBuilder();
  } else {
    buffer = createPlace(builder, copy.getInit(), isDead, type);
    first = arith::ConstantIndexOp::create(builder, loc, 0);
  }
  auto getPart = [&](OpBuilder &at, Value firstRow, Value count,
                     int64_t firstColumn, int64_t end) {
    return takePart(
        at, loc, buffer,
        {getAsOpFoldResult(firstRow), at.getIndexAttr(firstColumn)},
        {getAsOpFoldResult(count), at.getIndexAttr(end - firstColumn)});
  };
  Value part;
  if (product.isDepthLast) {
    int64_t width = type.getDimSize(1);
    int64_t columns = cast<MemRefType>(copy.getInit().getType()).getDimSize(1);
    Value zero = arith::ConstantIndexOp::create(fill, loc, 0);
    TileEinsumOp::create(fill, loc, getPart(fill, zero, copied, 0, columns),
                         ranks, access, std::nullopt, /*accumulate=*/false, {},
                         yieldFirst);
    if (width > columns)
      clear(fill, loc, getPart(fill, zero, copied, columns, width), ranks);
    Value all = isTiled ? alignSize(builder, loc, size, kMatrixTileRows) : size;
    part = getPart(builder, first, all, 0, width);
  } else if (isTiled) {
    packColumns(fill, buffer, access, ranks[1], ranks[0], copied);
    part = takeColumns(builder, loc, buffer, first, size);
  } else {
    packRows(fill, buffer, access, ranks[1], ranks[0], copied, unit);
    part = takePairs(builder, loc, buffer, first, size, unit);
  }
  if (fillBlock)
    for (auto filling : fillBlock->getOps<TileEinsumOp>())
      filling->setAttr(kSeldomAttrName, builder.getUnitAttr());
  return known[{copy, product.isDepthLast}] = part;
}

/// The operand over the lanes, [pair, lane, 2].
Value ProductPairer::getLeft(const PairedProduct &product) {
  TileEinsumOp copy = product.leftCopy;
  if (copy) {
    auto [found, isNew] = known.try_emplace({copy, true}, Value());
    if (!isNew)
      return found->second;
    OpBuilder builder(copy);
    Location loc = copy.getLoc();
    auto whole = cast<MemRefType>(copy.getInit().getType());
    int64_t lanes = whole.getDimSize(1), used = whole.getDimSize(0) / 2;
    int64_t count = used;
    if (unit == PairUnit::MatrixTiles)
      count = llvm::alignTo(used, kMatrixTilePoints / 2);
    Value all =
        createPlace(builder, copy.getInit(), dead.contains(copy),
                    MemRefType::get({count, lanes, 2}, builder.getBF16Type()));
    auto getPart = [&](int64_t first, int64_t end) -> Value {
      if (first == 0 && end == count)
        return all;
      Attribute zero = builder.getIndexAttr(0);
      return takePart(builder, loc, all,
                      {builder.getIndexAttr(first), zero, zero},
                      {builder.getIndexAttr(end - first),
                       builder.getIndexAttr(lanes), builder.getIndexAttr(2)});
    };
    Value buffer = getPart(0, used);
    SmallVector<StringAttr> ranks = copy.getOutputRanks();
    StringAttr own = ranks.front();
    SmallVector<StringAttr> pairs = {getPairRank(own), ranks[1],
                                     getPlaceRank(own)};
    AffineExpr point =
        builder.getAffineDimExpr(0) * 2 + builder.getAffineDimExpr(2);
    SmallVector<StringAttr> clamped;
    for (auto rank : copy.getClampedRanks().getAsRange<StringAttr>())
      clamped.push_back(rank);
    FloatAttr factor = *getCopyFactor(copy);
    TileEinsumOp::create(
        builder, loc, buffer, pairs,
        replaceRank(copy.getAccess(0), own, point, pairs), std::nullopt,
        /*accumulate=*/false, clamped,
        [&](OpBuilder &map, Location at, ValueRange args) -> Value {
          if (!factor || product.factor)
            return args[0];
          Value constant = arith::ConstantOp::create(map, at, factor);
          return arith::MulFOp::create(map, at, args[0], constant);
        });
    if (count > used)
      clear(builder, loc, getPart(used, count), pairs);
    return known[{copy, true}] = all;
  }
  return packWeights(product);
}

/// Where weights can be packed: behind the last einsum that writes `tile` in
/// front of `user`, in the same block or in one around it.
ProductPairer::WeightsPlace ProductPairer::findWeights(Operation *user,
                                                       Value tile) {
  Value buffer = getWholeBuffer(tile);
  auto writes = [&](Operation *op) {
    WalkResult result = op->walk([&](TileEinsumOp inner) {
      return getWholeBuffer(inner.getInit()) == buffer ? WalkResult::interrupt()
                                                       : WalkResult::advance();
    });
    return result.wasInterrupted();
  };
  for (Operation *op = user->getPrevNode(); op; op = op->getPrevNode()) {
    if (!writes(op))
      continue;
    auto writer = dyn_cast<TileEinsumOp>(op);
    if (!writer || !isSamePart(writer.getInit(), tile))
      writer = TileEinsumOp();
    return {user, writer};
  }
  // A branch that writes none of it reads what stood before it.
  auto branch = dyn_cast<scf::IfOp>(user->getParentOp());
  bool isOutside = branch && !branch->isProperAncestor(tile.getDefiningOp());
  return isOutside && !writes(branch) ? findWeights(branch, tile)
                                      : WeightsPlace{user, TileEinsumOp()};
}

/// The reduction of what `writer` computes right behind it, or null.
static TileEinsumOp findSum(TileEinsumOp writer) {
  Operation *op = writer->getNextNode();
  while (op && !isa<TileEinsumOp>(op))
    op = op->getNextNode();
  auto next = dyn_cast_or_null<TileEinsumOp>(op);
  return next && next.getReduction() && next.getInputs().size() == 1 &&
                 isSamePart(next.getInputs().front(), writer.getInit())
             ? next
             : TileEinsumOp();
}

/// Whether nothing will read what `writer` computes but its reduction and
/// products in pairs. Its tile must be one of this step.
bool ProductPairer::isPackedOnly(TileEinsumOp writer) {
  Value buffer = getWholeBuffer(writer.getInit());
  Block *block = writer->getBlock();
  TileEinsumOp sum = findSum(writer);
  if (buffer.getParentBlock() != block || !isReadByEinsums(buffer))
    return false;
  return llvm::all_of(readers[buffer], [&](TileEinsumOp reader) {
    Operation *at = block->findAncestorOpInBlock(*reader);
    if ((at && (at == writer || at->isBeforeInBlock(writer))) || reader == sum)
      return true;
    return paired.contains(reader) &&
           llvm::all_of(reader.getInputs(), [&](Value input) {
             return getWholeBuffer(input) != buffer ||
                    (isSamePart(input, writer.getInit()) &&
                     findWeights(reader, input).writer == writer);
           });
  });
}

/// Weights in pairs of rows, [pair, lane, 2]: right behind what computes them
/// and its sum over the rows, which loops over them anyway, or where they are
/// read.
Value ProductPairer::packWeights(const PairedProduct &product) {
  TileEinsumOp einsum = product.einsum;
  Value left = einsum.getInputs()[product.parts.left];
  auto [user, writer] = findWeights(einsum, left);
  for (const PackedWeights &known : packedWeights)
    if ((writer ? known.writer == writer : known.user == user) &&
        isSamePart(known.tile, left))
      return known.pairs;
  OpBuilder builder(user);
  if (writer) {
    left = writer.getInit();
    TileEinsumOp sum = findSum(writer);
    builder.setInsertionPointAfter(sum ? sum : writer);
  }
  Location loc = einsum.getLoc();
  auto view = cast<memref::ViewOp>(getWholeBuffer(left).getDefiningOp());
  int64_t points = view.getType().getDimSize(0);
  if (unit == PairUnit::MatrixTiles)
    points = llvm::alignTo(points, kMatrixTilePoints);
  auto type =
      MemRefType::get({countPairs(points), view.getType().getDimSize(1), 2},
                      builder.getBF16Type());
  Value buffer = createPlace(builder, left, /*isDead=*/false, type);
  Value size = builder.createOrFold<memref::DimOp>(loc, left, 0);
  packRows(builder, buffer,
           EinsumAccess::get(left, {product.parts.depth, lane}), lane,
           product.parts.depth, size, unit, packedOnly.contains(writer));
  Value pairs =
      takePairs(builder, loc, buffer,
                arith::ConstantIndexOp::create(builder, loc, 0), size, unit);
  packedWeights.push_back({user, writer, left, pairs});
  return pairs;
}

/// The result, with the rows that its last matrix tile has.
Value ProductPairer::getOut(const PairedProduct &product) {
  TileEinsumOp einsum = product.einsum;
  Value out = einsum.getInit();
  auto type = cast<MemRefType>(out.getType());
  if (unit != PairUnit::MatrixTiles ||
      (!type.isDynamicDim(0) && type.getDimSize(0) % kMatrixTileRows == 0))
    return out;
  OpBuilder builder(einsum);
  Location loc = einsum.getLoc();
  Value rows =
      alignSize(builder, loc, builder.createOrFold<memref::DimOp>(loc, out, 0),
                kMatrixTileRows);
  return takePart(
      builder, loc, getWholeBuffer(out),
      {builder.getIndexAttr(0), builder.getIndexAttr(0)},
      {getAsOpFoldResult(rows), builder.getIndexAttr(type.getDimSize(1))});
}
