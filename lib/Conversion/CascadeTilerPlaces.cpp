//===- CascadeTilerPlaces.cpp - Where the tiles of a cascade lie ----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The lanes are cut into tiles, and a tile is found by its number. Where the
// plane is cut into segments, a tile lies in one of them, and all that a plan
// says holds for that segment as for a plane of its own. Where lists say which
// keys rows see, a tile lies among the rows of one list.
//
//===----------------------------------------------------------------------===//

#include "CascadeTiler.h"
#include "IndexBuilder.h"
#include "PointValues.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

/// The token of a coordinate in the item's plane.
Value CascadeTiler::toTensor(OpBuilder &builder, Location loc, Value coordinate,
                             Value base, bool isRow) {
  Value step;
  if (isRow && liesApart())
    step = getValueOrCreateConstantIndexOp(builder, loc, getRowStep(builder));
  else if (!isRow && residues > 1)
    step = arith::ConstantIndexOp::create(builder, loc, residues);
  if (step)
    coordinate = arith::MulIOp::create(builder, loc, coordinate, step);
  return base ? arith::AddIOp::create(builder, loc, coordinate, base)
              : coordinate;
}

/// Whether rows of a tile have others between them.
bool CascadeTiler::liesApart() const {
  return llvm::any_of(rowSteps, [](int64_t step) { return step > 1; });
}

/// Tokens from one row of this tile to the next.
OpFoldResult CascadeTiler::getRowStep(OpBuilder &builder) const {
  if (place.rowStep)
    return place.rowStep;
  return builder.getIndexAttr(rowSteps.front());
}

/// The number of a tile's row in the plane that plans speak of.
Value CascadeTiler::toPlane(OpBuilder &builder, Location loc, Value row) {
  bool isOfPlane = residues > 1 || !liesApart();
  return isOfPlane ? row
                   : toTensor(builder, loc, row, place.rowBase, /*isRow=*/true);
}

Value CascadeTiler::getPlaneExtent(OpBuilder &builder, Location loc,
                                   StringAttr rank) {
  // What lists name are tokens of all the plane.
  Value part = buildsTokenPlan           ? Value()
               : rank == space.queryRank ? place.rowExtent
               : rank == space.keyRank   ? place.keyExtent
                                         : Value();
  return part ? part : getExtent(builder, loc, rank);
}

/// The number of offsets, which are the last dimension of `access`.
Value CascadeTiler::getOffsetCount(OpBuilder &builder, Location loc,
                                   AccessAttr access) {
  Value table = inputs[access.getInput()];
  return memref::DimOp::create(builder, loc, table,
                               cast<MemRefType>(table.getType()).getRank() - 1);
}

/// The number that `access` holds for this item at `behind`.
Value CascadeTiler::loadEntry(OpBuilder &builder, Location loc,
                              AccessAttr access, ArrayRef<Value> behind) {
  SmallVector<Value> indices;
  for (StringAttr name : access.getRanks())
    indices.push_back(
        coordinates[llvm::find(parallel, name) - parallel.begin()]);
  llvm::append_range(indices, behind);
  Value number =
      memref::LoadOp::create(builder, loc, inputs[access.getInput()], indices);
  return arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                    number);
}

/// Offset `number` of `access`, from 0 to `extent` whatever the table holds.
Value CascadeTiler::loadOffset(OpBuilder &builder, Location loc,
                               AccessAttr access, Value number, Value extent) {
  Value offset = loadEntry(builder, loc, access, number);
  return IndexBuilder{builder, loc}.clamp(offset, extent);
}

Value CascadeTiler::loadOffsetIf(OpBuilder &builder, Location loc,
                                 Value condition, AccessAttr access,
                                 Value number, Value extent, Value otherwise) {
  auto branch = scf::IfOp::create(
      builder, loc, condition,
      [&](OpBuilder &body, Location) {
        scf::YieldOp::create(body, loc,
                             loadOffset(body, loc, access, number, extent));
      },
      [&](OpBuilder &body, Location) {
        scf::YieldOp::create(body, loc, otherwise);
      });
  return branch.getResult(0);
}

/// How many tiles the lanes are cut into. Some of them may be empty: a count of
/// the tiles of segments that is exact would be a sum over these.
Value CascadeTiler::getTileCount(OpBuilder &builder, Location loc) {
  IndexBuilder index{builder, loc};
  if (grid)
    return countGridTiles(builder, loc);
  Value rows = getExtent(builder, loc, lane);
  int64_t laneTile = cascade.getMapping()->getLaneTiles().front();
  Value size = index.constant(laneTile);
  if (space.isPacked()) {
    Value segments = index.add(
        getOffsetCount(builder, loc, space.querySegments), index.constant(1));
    return index.add(index.divide(rows, size), segments);
  }
  if (liesApart()) {
    // No remainder has more rows than the first, and those behind the last row
    // have none. A head of fewer tiles than others has empty ones behind them.
    SmallVector<int64_t> steps(rowSteps);
    llvm::sort(steps);
    steps.erase(llvm::unique(steps), steps.end());
    Value most;
    for (int64_t number : steps) {
      Value step = index.constant(number);
      Value tiles = arith::MulIOp::create(
          builder, loc, countResidueTiles(builder, loc, rows, step, size),
          index.least(step, rows));
      most = most ? index.most(most, tiles) : tiles;
    }
    return most;
  }
  if (!tilesShareLists())
    return arith::CeilDivUIOp::create(builder, loc, rows, size);
  Value lists =
      arith::CeilDivUIOp::create(builder, loc, rows, index.constant(listRows));
  return arith::MulIOp::create(
      builder, loc, lists,
      index.constant(llvm::divideCeil(listRows, laneTile)));
}

TilePlace CascadeTiler::getPlace(OpBuilder &builder, Location loc, Value tile,
                                 ValueRange itemCoordinates) {
  coordinates.assign(itemCoordinates.begin(), itemCoordinates.end());
  if (grid)
    return findGridTile(builder, loc, tile);
  IndexBuilder index{builder, loc};
  Value size = index.constant(cascade.getMapping()->getLaneTiles().front());
  Value rows = getExtent(builder, loc, lane);
  if (space.isPacked())
    return findSegment(builder, loc, tile, size, rows);
  if (liesApart())
    return findResidue(builder, loc, tile, size, rows);
  if (tilesShareLists())
    return findList(builder, loc, tile, size, rows);
  TilePlace found;
  if (walksLists() || periodicAtom)
    findEntries(builder, loc, getItemRow(), found);
  found.first = arith::MulIOp::create(builder, loc, tile, size);
  found.rows = arith::MinUIOp::create(builder, loc,
                                      index.subtract(rows, found.first), size);
  return found;
}

/// The tile in its segment. With the tokens in front of the first segment and
/// those behind the last one, which see no key, there is one segment more than
/// there are offsets. Segment s begins at tile (begin / size) + s: the next one
/// then begins no earlier than its tiles end, since b - a tokens take at most
/// b / size - a / size + 1 tiles. So no sum over the segments is needed to find
/// one, but a search.
TilePlace CascadeTiler::findSegment(OpBuilder &builder, Location loc,
                                    Value tile, Value size, Value rows) {
  IndexBuilder index{builder, loc};
  Value zero = index.constant(0), one = index.constant(1);
  AccessAttr queries = space.querySegments, keys = space.keySegments;
  Value count = getOffsetCount(builder, loc, queries);
  auto getFirstTile = [&](OpBuilder &at, Value begin, Value segment) {
    IndexBuilder inner{at, loc};
    return inner.add(inner.divide(begin, size), segment);
  };
  Value segment = index.search(
      zero, count,
      [&](OpBuilder &body, ValueRange bounds) -> SmallVector<Value> {
        IndexBuilder inner{body, loc};
        Value sum = inner.add(inner.add(bounds[0], bounds[1]), one);
        Value middle = inner.divide(sum, inner.constant(2));
        Value before = inner.subtract(middle, one);
        Value begin = loadOffset(body, loc, queries, before, rows);
        Value isReached = inner.compare(
            arith::CmpIPredicate::ule, getFirstTile(body, begin, middle), tile);
        return {inner.select(isReached, middle, bounds[0]),
                inner.select(isReached, bounds[1], before)};
      });
  Value before = index.subtract(segment, one);
  Value hasBegin = index.compare(arith::CmpIPredicate::sgt, segment, zero);
  Value hasEnd = index.compare(arith::CmpIPredicate::slt, segment, count);
  Value hasKeys = arith::AndIOp::create(builder, loc, hasBegin, hasEnd);
  Value keyCount = getExtent(builder, loc, space.keyRank);
  TilePlace found;
  found.rowBase =
      loadOffsetIf(builder, loc, hasBegin, queries, before, rows, zero);
  Value rowEnd =
      loadOffsetIf(builder, loc, hasEnd, queries, segment, rows, rows);
  found.keyBase =
      loadOffsetIf(builder, loc, hasKeys, keys, before, keyCount, zero);
  Value keyEnd =
      loadOffsetIf(builder, loc, hasKeys, keys, segment, keyCount, zero);
  found.rowExtent = index.clamp(index.subtract(rowEnd, found.rowBase), rows);
  found.keyExtent =
      index.clamp(index.subtract(keyEnd, found.keyBase), keyCount);
  Value number =
      index.subtract(tile, getFirstTile(builder, found.rowBase, segment));
  found.first = arith::MulIOp::create(builder, loc, number, size);
  found.rows = index.clamp(index.subtract(found.rowExtent, found.first), size);
  return found;
}

/// How many tiles of `size` rows the first remainder by `step` has.
Value CascadeTiler::countResidueTiles(OpBuilder &builder, Location loc,
                                      Value rows, Value step, Value size) {
  Value each = arith::CeilDivUIOp::create(builder, loc, rows, step);
  return arith::CeilDivUIOp::create(builder, loc, each, size);
}

/// The tile among the rows whose positions have one remainder: all tiles of one
/// follow each other, since they see keys in common.
TilePlace CascadeTiler::findResidue(OpBuilder &builder, Location loc,
                                    Value tile, Value size, Value rows) {
  IndexBuilder index{builder, loc};
  TilePlace found;
  if (rowSteps.size() > 1)
    found.rowStep =
        buildTableLookup(builder, loc, rowSteps, getHead(builder, loc));
  Value zero = index.constant(0);
  Value count =
      found.rowStep ? found.rowStep : index.constant(rowSteps.front());
  Value tiles = countResidueTiles(builder, loc, rows, count, size);
  found.rowBase = index.divide(tile, tiles);
  auto countFrom = [&](Value extent, Value base) {
    Value rest = arith::MaxSIOp::create(builder, loc,
                                        index.subtract(extent, base), zero);
    return arith::CeilDivUIOp::create(builder, loc, rest, count);
  };
  Value rowExtent = countFrom(rows, found.rowBase);
  if (found.rowStep) {
    // The tiles of a head end behind its last remainder.
    Value isOwn =
        index.compare(arith::CmpIPredicate::slt, found.rowBase, count);
    rowExtent = index.select(isOwn, rowExtent, zero);
  }
  Value part = arith::RemUIOp::create(builder, loc, tile, tiles);
  found.first = arith::MulIOp::create(builder, loc, part, size);
  found.rows = index.clamp(index.subtract(rowExtent, found.first), size);
  if (periodicAtom) {
    findEntries(builder, loc, found.rowBase, found);
    return found;
  }
  // The position of the plane's row 0, counted from that of key 0.
  Value position = index.add(getDiagonal(builder, loc), found.rowBase);
  AffineExpr dim = builder.getAffineDimExpr(0);
  auto apply = [&](AffineExpr expr) {
    return affine::AffineApplyOp::create(builder, loc,
                                         AffineMap::get(1, 0, expr), position);
  };
  found.keyBase = apply(dim % residues);
  found.diagonal = apply(dim.floorDiv(residues));
  found.rowExtent = rowExtent;
  found.keyExtent =
      countFrom(getExtent(builder, loc, space.keyRank), found.keyBase);
  return found;
}
