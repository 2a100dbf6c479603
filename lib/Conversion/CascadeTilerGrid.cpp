//===- CascadeTilerGrid.cpp - Items that are tiles of a token grid --------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The rows of an item are a box of the grid, and so are the keys that they see;
// with dilation, of the coordinates that have one remainder on each axis. An
// item begins by writing down the tokens of both; from then on it is an item
// whose tokens lie in an order of their own (CascadeTilerSlots.cpp). Whether a
// point is live is asked per axis: does the row's window hold the key's
// coordinate?
//
// What shares memory among threads has no room for the keys of a box, and no
// thread that walks them alone: there each step computes its own keys, as it
// does those that come back with a period (CascadeTilerPeriods.cpp), from their
// numbers in the box.
//
//===----------------------------------------------------------------------===//

#include "CascadeTiler.h"
#include "IndexBuilder.h"
#include "PointValues.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

/// Bits behind the point of an inverse. A quotient of two numbers of up to 15
/// bits is exact with 31.
static constexpr int64_t kInverseBits = 31;
static constexpr int64_t kInverse = int64_t(1) << kInverseBits;
static_assert(kMostGridKeys * kMostGridKeys < kInverse);

namespace {

/// Emits what an item does to find its tokens.
struct GridEmitter : IndexBuilder {
  struct Interval {
    Value begin, end;
  };

  /// Whether it stands in an einsum's map, which holds no affine operations.
  bool isInMap = false;

  Value floorDivide(Value value, int64_t divisor) const {
    if (!isInMap)
      return IndexBuilder::floorDivide(value, divisor);
    AffineExpr dim = builder.getAffineDimExpr(0);
    return buildAffineExpr(builder, loc, dim.floorDiv(divisor), value, {});
  }
  Value toNarrow(Value number) {
    return arith::IndexCastOp::create(builder, loc, builder.getI32Type(),
                                      number);
  }
  Value toIndex(Value number) {
    return arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                      number);
  }
  void store(Value number, Value table, Value place) {
    memref::StoreOp::create(builder, loc, toNarrow(number), table, place);
  }

  /// GridAxis::countPlaces as code. `remainder` is null without dilation.
  Value countPlaces(const GridAxis &axis, Value remainder);
  /// GridAxis::getWindow as code.
  Interval getWindow(const GridAxis &axis, Value place, Value remainder);
  /// The token at the coordinates of `remainders`, counted from `base`.
  Value getFirst(const GridWalk &grid, ArrayRef<Value> remainders, Value base);
  /// The token at `places`, where `first` is that of the places 0.
  Value getToken(const GridWalk &grid, ArrayRef<Value> places, Value first);
  /// Calls `visit` with the places of every point of a box, the last axis
  /// fastest, and a count that begins at 0; `visit` returns the next count.
  Value walk(ArrayRef<Interval> box,
             function_ref<Value(ArrayRef<Value>, Value)> visit);
  /// `count`, and one more if 0 <= token < extent.
  Value countIfWithin(Value count, Value token, Value extent);

  using Box = TilePlace::GridBox;
  /// The points of `intervals`; `firstToken` is as getFirst says.
  Box getBox(ArrayRef<Interval> intervals, Value firstToken);
  /// How many points of `box` have tokens in front of `token`.
  Value countBefore(const GridWalk &grid, const Box &box, Value token);
  /// How far from where `box` begins the point behind `number` others is on
  /// each axis, of integers of 32 bits.
  SmallVector<Value> getOffsets(const Box &box, Value number);
  /// Its places, where `number` counts from the first point of the tensor on.
  SmallVector<Value> getPlaces(const Box &box, Value number);

private:
  Value walkAxis(ArrayRef<Interval> box, SmallVectorImpl<Value> &places,
                 Value count,
                 function_ref<Value(ArrayRef<Value>, Value)> visit);
};

} // namespace

Value GridEmitter::countPlaces(const GridAxis &axis, Value remainder) {
  if (!remainder)
    return constant(axis.extent);
  Value last = constant(axis.extent + axis.dilation - 1);
  return floorDivide(subtract(last, remainder), axis.dilation);
}

GridEmitter::Interval GridEmitter::getWindow(const GridAxis &axis, Value place,
                                             Value remainder) {
  Value zero = constant(0), places = countPlaces(axis, remainder);
  Value start = add(times(floorDivide(place, axis.stride), axis.stride),
                    constant(axis.getWindowOffset()));
  if (!axis.isClipped)
    start = most(least(start, subtract(places, constant(axis.kernel))), zero);
  Value end = axis.isCausal ? add(place, constant(1))
                            : add(start, constant(axis.kernel));
  return {most(start, zero), least(end, places)};
}

Value GridEmitter::getFirst(const GridWalk &grid, ArrayRef<Value> remainders,
                            Value base) {
  Value first = subtract(constant(0), base);
  for (auto [axis, remainder] : llvm::zip_equal(grid.axes, remainders))
    if (remainder)
      first = add(first, times(remainder, axis.inner));
  return first;
}

Value GridEmitter::getToken(const GridWalk &grid, ArrayRef<Value> places,
                            Value first) {
  Value token = first;
  for (auto [axis, place] : llvm::zip_equal(grid.axes, places))
    token = add(token, times(place, axis.inner * axis.dilation));
  return token;
}

Value GridEmitter::walkAxis(ArrayRef<Interval> box,
                            SmallVectorImpl<Value> &places, Value count,
                            function_ref<Value(ArrayRef<Value>, Value)> visit) {
  if (places.size() == box.size())
    return visit(places, count);
  Interval interval = box[places.size()];
  auto loop = scf::ForOp::create(builder, loc, interval.begin, interval.end,
                                 constant(1), count);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  places.push_back(loop.getInductionVar());
  Value next = walkAxis(box, places, loop.getRegionIterArg(0), visit);
  places.pop_back();
  scf::YieldOp::create(builder, loc, next);
  return loop.getResult(0);
}

Value GridEmitter::walk(ArrayRef<Interval> box,
                        function_ref<Value(ArrayRef<Value>, Value)> visit) {
  SmallVector<Value> places;
  return walkAxis(box, places, constant(0), visit);
}

Value GridEmitter::countIfWithin(Value count, Value token, Value extent) {
  Value isWithin = compare(arith::CmpIPredicate::ult, token, extent);
  return select(isWithin, add(count, constant(1)), count);
}

GridEmitter::Box GridEmitter::getBox(ArrayRef<Interval> intervals,
                                     Value firstToken) {
  Box box;
  box.firstToken = firstToken;
  for (auto [axis, interval] : llvm::enumerate(intervals)) {
    box.begins.push_back(interval.begin);
    // A box without rows may end before it begins.
    Value size = most(subtract(interval.end, interval.begin), constant(0));
    box.sizes.push_back(size);
    if (axis == 0)
      continue;
    Value divisor = most(size, constant(1));
    box.inverses.push_back(
        add(divide(constant(kInverse), divisor), constant(1)));
  }
  return box;
}

Value GridEmitter::countBefore(const GridWalk &grid, const Box &box,
                               Value token) {
  Value zero = constant(0), rest = subtract(token, box.firstToken);
  Value count = zero, isReached;
  for (auto [axis, begin, size] :
       llvm::zip_equal(grid.axes, box.begins, box.sizes)) {
    int64_t distance = axis.inner * axis.dilation;
    // The place on this axis at which `token` would lie: points at those before
    // it are in front, and of those at it some may be. The last axis has no
    // points between two places.
    bool isLast = &axis == &grid.axes.back();
    Value place = floorDivide(isLast ? add(rest, constant(distance - 1)) : rest,
                              distance);
    Value before = clamp(subtract(place, begin), size);
    count = arith::MulIOp::create(builder, loc, count, size);
    count = add(count, isReached ? select(isReached, before, zero) : before);
    if (isLast)
      break;
    rest = subtract(rest, times(place, distance));
    isReached =
        both(isReached, compare(arith::CmpIPredicate::sge, place, begin));
    isReached = both(
        isReached, compare(arith::CmpIPredicate::slt, place, add(begin, size)));
  }
  return count;
}

SmallVector<Value> GridEmitter::getOffsets(const Box &box, Value number) {
  Type narrow = builder.getI32Type(), wide = builder.getI64Type();
  SmallVector<Value> offsets(box.begins.size());
  for (size_t axis = offsets.size(); axis-- > 0;) {
    Value within = number;
    if (axis > 0) {
      // Exact, as numbers and sizes are at most kMostGridKeys.
      Value inverse = arith::IndexCastOp::create(builder, loc, wide,
                                                 box.inverses[axis - 1]);
      Value product = arith::MulIOp::create(
          builder, loc, arith::ExtUIOp::create(builder, loc, wide, number),
          inverse);
      product = arith::ShRUIOp::create(
          builder, loc, product,
          arith::ConstantIntOp::create(builder, loc, kInverseBits, 64));
      Value quotient = arith::TruncIOp::create(builder, loc, narrow, product);
      within =
          subtract(number, arith::MulIOp::create(builder, loc, quotient,
                                                 toNarrow(box.sizes[axis])));
      number = quotient;
    }
    offsets[axis] = within;
  }
  return offsets;
}

SmallVector<Value> GridEmitter::getPlaces(const Box &box, Value number) {
  SmallVector<Value> places =
      getOffsets(box, add(number, toNarrow(box.skipped)));
  for (auto [place, begin] : llvm::zip_equal(places, box.begins))
    place = add(toIndex(place), begin);
  return places;
}

/// A table of `entries` numbers in scratch.
Value CascadeTiler::allocateTable(OpBuilder &builder, Location loc,
                                  int64_t entries) {
  return allocate(builder, loc,
                  MemRefType::get({entries}, builder.getI32Type()));
}

/// Whether a key of the walk at hand may lie out of the windows of a row.
bool CascadeTiler::testsWindows() const {
  return walksBoxes && !gridWork.isFull;
}

/// How many tiles hold rows, whatever the position of row 0 is: the first axis
/// is not cut, and rows may lie before and behind the grid.
Value CascadeTiler::countGridTiles(OpBuilder &builder, Location loc) {
  ArrayRef<int64_t> sizes = cascade.getMapping()->getGridTile();
  GridEmitter emit{{builder, loc}};
  const GridAxis &outer = grid->axes.front();
  int64_t slab = sizes.front() * outer.inner * outer.dilation;
  // M rows from anywhere touch up to (M + slab - 2) / slab + 1 slabs.
  Value rows = getExtent(builder, loc, lane);
  Value count =
      emit.add(emit.floorDivide(emit.add(rows, emit.constant(slab - 2)), slab),
               emit.constant(1));
  count = emit.times(count, outer.dilation);
  for (auto [axis, size] : llvm::drop_begin(llvm::zip(grid->axes, sizes)))
    count = emit.times(count, axis.countTiles(size));
  return count;
}

/// The tile of the grid with the number `tile`, counted from that of row 0.
TilePlace CascadeTiler::findGridTile(OpBuilder &builder, Location loc,
                                     Value tile) {
  ArrayRef<int64_t> sizes = cascade.getMapping()->getGridTile();
  GridEmitter emit{{builder, loc}};
  size_t numAxes = sizes.size();
  // Positions of row 0 and of key 0.
  Value keyBase = getOrigin(builder, loc, space.keyRank);
  if (!keyBase)
    keyBase = emit.constant(0);
  Value rowBase = emit.add(getDiagonal(builder, loc), keyBase);

  using Interval = GridEmitter::Interval;
  SmallVector<Interval> rowBox(numAxes), keyBox(numAxes);
  SmallVector<Value> remainders(numAxes);
  Value isFull;
  for (size_t i = numAxes; i-- > 0;) {
    const GridAxis &axis = grid->axes[i];
    Value number = tile;
    auto split = [&](Value from, int64_t count) {
      Value divisor = emit.constant(count);
      return std::pair<Value, Value>(
          arith::DivUIOp::create(builder, loc, from, divisor),
          arith::RemUIOp::create(builder, loc, from, divisor));
    };
    if (i > 0)
      std::tie(tile, number) = split(tile, axis.countTiles(sizes[i]));
    if (axis.dilation > 1)
      std::tie(number, remainders[i]) = split(number, axis.dilation);
    if (i == 0)
      number = emit.add(
          number,
          emit.floorDivide(rowBase, axis.inner * axis.dilation * sizes[i]));
    Value begin = emit.times(number, sizes[i]);
    Value end = emit.add(begin, emit.constant(sizes[i]));
    if (i > 0)
      end = emit.least(end, emit.countPlaces(axis, remainders[i]));
    Value last = emit.subtract(end, emit.constant(1));
    Interval atFirst = emit.getWindow(axis, begin, remainders[i]);
    Interval atLast = emit.getWindow(axis, last, remainders[i]);
    rowBox[i] = {begin, end};
    keyBox[i] = {atFirst.begin, atLast.end};
    isFull = emit.both(isFull, emit.equal(atFirst.begin, atLast.begin));
    isFull = emit.both(isFull, emit.equal(atFirst.end, atLast.end));
  }

  TilePlace found;
  TilePlace::GridTables &tables = found.grid.emplace();
  tables.isFull = isFull;
  Value rowExtent = getExtent(builder, loc, lane);
  Value keyExtent = getExtent(builder, loc, space.keyRank);
  Value firstRow = emit.getFirst(*grid, remainders, rowBase);
  Value firstKey = emit.getFirst(*grid, remainders, keyBase);
  found.first = emit.constant(0);
  if (!hasCaches) {
    auto addBox = [&](ArrayRef<Interval> intervals, Value first, Value extent,
                      Value &count) {
      TilePlace::GridBox box = emit.getBox(intervals, first);
      box.skipped = emit.countBefore(*grid, box, emit.constant(0));
      count = emit.subtract(emit.countBefore(*grid, box, extent), box.skipped);
      return box;
    };
    TilePlace::GridBox rows = addBox(rowBox, firstRow, rowExtent, found.rows);
    tables.keyBox = addBox(keyBox, firstKey, keyExtent, found.keyExtent);
    writeRowTables(builder, loc, rows, remainders, tables);
    found.list = {/*number=*/Value(), emit.constant(0), found.keyExtent};
    return found;
  }
  // A token outside of the tensor is written and not counted.
  int64_t mostRows = cascade.getMapping()->getLaneTiles().front() + 1;
  int64_t mostKeys = gridWork.mostKeys + 1;
  tables.rows = allocateTable(builder, loc, mostRows);
  tables.keys = allocateTable(builder, loc, mostKeys);
  if (testsWindows())
    for (size_t i = 0; i < numAxes; ++i) {
      tables.windowBegin.push_back(allocateTable(builder, loc, mostRows));
      tables.windowEnd.push_back(allocateTable(builder, loc, mostRows));
      tables.keyCoordinate.push_back(allocateTable(builder, loc, mostKeys));
    }
  found.rows = emit.walk(rowBox, [&](ArrayRef<Value> at, Value count) {
    Value token = emit.getToken(*grid, at, firstRow);
    emit.store(token, tables.rows, count);
    for (size_t i = 0; i < tables.windowBegin.size(); ++i) {
      Interval window = emit.getWindow(grid->axes[i], at[i], remainders[i]);
      emit.store(window.begin, tables.windowBegin[i], count);
      emit.store(window.end, tables.windowEnd[i], count);
    }
    return emit.countIfWithin(count, token, rowExtent);
  });
  found.keyExtent = emit.walk(keyBox, [&](ArrayRef<Value> at, Value count) {
    Value token = emit.getToken(*grid, at, firstKey);
    emit.store(token, tables.keys, count);
    for (size_t i = 0; i < tables.keyCoordinate.size(); ++i)
      emit.store(at[i], tables.keyCoordinate[i], count);
    return emit.countIfWithin(count, token, keyExtent);
  });
  found.list = {/*number=*/Value(), emit.constant(0), found.keyExtent};
  return found;
}

/// A table of what `compute` gives for the first rows of a tile, or the points
/// of a step, by `rank`: the threads of a block share its entries.
Value CascadeTiler::writeTable(
    OpBuilder &builder, Location loc, StringAttr rank,
    function_ref<Value(OpBuilder &map, Value number)> compute) {
  Type element = builder.getI32Type();
  TileBuffer table = allocate(builder, loc, rank, element);
  TileEinsumOp::create(
      builder, loc, sliceStep(builder, loc, table), rank,
      ArrayRef<EinsumAccess>(), std::nullopt, /*accumulate=*/false, {},
      [&](OpBuilder &map, Location, ValueRange) {
        Value here = IndexOp::create(map, loc, map.getIndexType(), rank);
        return compute(map,
                       arith::IndexCastOp::create(map, loc, element, here));
      });
  return table.memref;
}

/// The tables of the rows of `box`, entry by entry.
void CascadeTiler::writeRowTables(OpBuilder &builder, Location loc,
                                  const TilePlace::GridBox &box,
                                  ArrayRef<Value> remainders,
                                  TilePlace::GridTables &tables) {
  auto write = [&](auto compute) {
    return writeTable(builder, loc, lane, [&](OpBuilder &map, Value number) {
      GridEmitter emit{{map, loc}, /*isInMap=*/true};
      return emit.toNarrow(compute(emit, emit.getPlaces(box, number)));
    });
  };
  tables.rows = write([&](GridEmitter &emit, ArrayRef<Value> places) {
    return emit.getToken(*grid, places, box.firstToken);
  });
  if (!testsWindows())
    return;
  for (size_t i = 0; i < grid->axes.size(); ++i) {
    auto getWindow = [&](GridEmitter &emit, ArrayRef<Value> places) {
      return emit.getWindow(grid->axes[i], places[i], remainders[i]);
    };
    tables.windowBegin.push_back(
        write([&](GridEmitter &emit, ArrayRef<Value> places) {
          return getWindow(emit, places).begin;
        }));
    // No less than the begin, as the test takes their difference.
    tables.windowEnd.push_back(
        write([&](GridEmitter &emit, ArrayRef<Value> places) {
          GridEmitter::Interval window = getWindow(emit, places);
          return emit.most(window.begin, window.end);
        }));
  }
}

/// Writes the tokens of this step's keys down, and their coordinates where
/// windows are tested.
void CascadeTiler::writeStepKeys(OpBuilder &builder, Location loc) {
  const TilePlace::GridBox &box = *place.grid->keyBox;
  GridEmitter emit{{builder, loc}};
  Value begin = emit.toNarrow(emit.add(stepFirst, box.skipped));
  auto write = [&](auto compute) {
    auto computeAt = [&](OpBuilder &map, Value number) {
      GridEmitter inner{{map, loc}, /*isInMap=*/true};
      return compute(inner, inner.getOffsets(box, inner.add(begin, number)));
    };
    return writeTable(builder, loc, iterate.getPointAttr(), computeAt);
  };
  // Tokens fit 32 bits, but places may be anywhere.
  Value first = emit.toNarrow(emit.getToken(*grid, box.begins, box.firstToken));
  stepTokens = write([&](GridEmitter &inner, ArrayRef<Value> offsets) {
    Value token = first;
    for (auto [axis, offset] : llvm::zip_equal(grid->axes, offsets)) {
      Value distance = arith::ConstantIntOp::create(
          inner.builder, loc, axis.inner * axis.dilation, /*width=*/32);
      token = inner.add(
          token, arith::MulIOp::create(inner.builder, loc, offset, distance));
    }
    return token;
  });
  firstToken = stepFirst;
  stepCoordinates.clear();
  if (!testsWindows())
    return;
  for (auto [axis, at] : llvm::enumerate(box.begins)) {
    Value first = emit.toNarrow(at);
    size_t number = axis;
    stepCoordinates.push_back(
        write([&](GridEmitter &inner, ArrayRef<Value> offsets) {
          return inner.add(offsets[number], first);
        }));
  }
}

/// The token of the key that is in slot `slot` of the item's box.
Value CascadeTiler::loadBoxKey(OpBuilder &builder, Location loc, Value slot) {
  GridEmitter emit{{builder, loc}};
  if (!place.grid->keyBox)
    return emit.toIndex(
        memref::LoadOp::create(builder, loc, place.grid->keys, slot));
  const TilePlace::GridBox &box = *place.grid->keyBox;
  return emit.getToken(*grid, emit.getPlaces(box, emit.toNarrow(slot)),
                       box.firstToken);
}

/// Operands for the test of a point, behind those of a map: the tokens of
/// `tokenRanks` and, where windows are tested, three numbers for each axis, or
/// the operands of masks and predicates. Whether one is read along the lanes.
bool CascadeTiler::appendPointData(OpBuilder &builder, Location loc,
                                   ArrayRef<StringAttr> tokenRanks,
                                   bool isMasked,
                                   SmallVectorImpl<EinsumAccess> &accesses) {
  // The tables of a step have entries behind those of its points.
  for (StringAttr rank : tokenRanks)
    accesses.push_back(EinsumAccess::get(
        rank != lane && fillsStep ? stepTokens
                                  : getSlotTable(builder, loc, rank),
        rank == lane ? lane : iterate.getPointAttr()));
  bool readsLanes = false;
  if (isMasked)
    for (AccessAttr operand : space.getPointOperands()) {
      bool reads = false;
      accesses.push_back(
          getTileAccess(builder, loc, getPointAccess(operand), reads));
      readsLanes |= reads;
    }
  if (!isMasked || !testsWindows())
    return readsLanes;
  OpFoldResult zero = builder.getIndexAttr(0), unit = builder.getIndexAttr(1);
  auto append = [&](Value table, StringAttr rank, OpFoldResult first,
                    OpFoldResult count) {
    Value part = memref::SubViewOp::create(builder, loc, table, ArrayRef(first),
                                           ArrayRef(count), ArrayRef(unit));
    accesses.push_back(EinsumAccess::get(part, rank));
  };
  const TilePlace::GridTables &tables = *place.grid;
  for (size_t i = 0; i < tables.windowBegin.size(); ++i) {
    // Lanes past the last row hold whatever was there: nobody sees them.
    OpFoldResult lanes = builder.getIndexAttr(laneTile);
    append(tables.windowBegin[i], lane, zero, lanes);
    append(tables.windowEnd[i], lane, zero, lanes);
    if (fillsStep) {
      accesses.push_back(
          EinsumAccess::get(stepCoordinates[i], iterate.getPointAttr()));
      continue;
    }
    Value table = tables.keyBox ? stepCoordinates[i] : tables.keyCoordinate[i];
    Value first =
        tables.keyBox
            ? IndexBuilder{builder, loc}.subtract(stepFirst, firstToken)
            : stepFirst;
    append(table, iterate.getPointAttr(), first, stepCount);
  }
  return readsLanes;
}

CascadeTiler::PointData
CascadeTiler::readPointData(ArrayRef<StringAttr> tokenRanks,
                            ValueRange arguments) const {
  PointData point;
  for (auto [rank, token] :
       llvm::zip(tokenRanks, arguments.take_front(tokenRanks.size())))
    point.tokens[rank] = token;
  ValueRange data = arguments.drop_front(tokenRanks.size());
  size_t numElements = std::min(space.getPointOperands().size(), data.size());
  llvm::append_range(point.elements, data.take_front(numElements));
  llvm::append_range(point.windows, data.drop_front(numElements));
  return point;
}

/// Whether the windows of a row hold the coordinates of a key.
Value CascadeTiler::buildWindowTest(OpBuilder &builder, Location loc,
                                    ArrayRef<Value> windows) {
  GridEmitter emit{{builder, loc}};
  Value live;
  for (size_t i = 0; i < windows.size(); i += 3) {
    Value begin = windows[i], end = windows[i + 1], key = windows[i + 2];
    if (!hasCaches) {
      // One comparison of what is no vector: a key in front is far behind.
      live = emit.both(live, emit.compare(arith::CmpIPredicate::ult,
                                          emit.subtract(key, begin),
                                          emit.subtract(end, begin)));
      continue;
    }
    live = emit.both(live, emit.compare(arith::CmpIPredicate::sge, key, begin));
    live = emit.both(live, emit.compare(arith::CmpIPredicate::slt, key, end));
  }
  return live;
}
