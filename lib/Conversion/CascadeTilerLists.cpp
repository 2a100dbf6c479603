//===- CascadeTilerLists.cpp - The keys that lists name -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lists of blocks and of tokens: which rows share their entries, and the loops
// over these. A list that alone says where keys may be live is walked by
// itself. Others cut all keys into parts, in each of which every list names all
// keys or none.
//
//===----------------------------------------------------------------------===//

#include "CascadeTiler.h"
#include "IndexBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::attn;

/// The tile among the rows that share the entries of every list.
TilePlace CascadeTiler::findList(OpBuilder &builder, Location loc, Value tile,
                                 Value size, Value rows) {
  IndexBuilder index{builder, loc};
  int64_t laneTile = cascade.getMapping()->getLaneTiles().front();
  Value shared = index.constant(listRows);
  Value perList = index.constant(llvm::divideCeil(listRows, laneTile));
  TilePlace found;
  Value group = index.divide(tile, perList);
  Value part = arith::RemUIOp::create(builder, loc, tile, perList);
  Value begin = arith::MulIOp::create(builder, loc, group, shared);
  Value end =
      arith::MinSIOp::create(builder, loc, index.add(begin, shared), rows);
  found.first =
      index.add(begin, arith::MulIOp::create(builder, loc, part, size));
  found.rows = index.clamp(index.subtract(end, found.first), size);
  findEntries(builder, loc, begin, found);
  return found;
}

/// The entries of every list for the rows from `row` on, or the keys that come
/// back with a period.
void CascadeTiler::findEntries(OpBuilder &builder, Location loc, Value row,
                               TilePlace &found) {
  if (listAtom)
    found.list = findEntriesOf(builder, loc, listAtom, row);
  for (Attribute list : cuts)
    found.cuts.push_back(findEntriesOf(builder, loc, list, row));
  if (periodicAtom)
    findPeriod(builder, loc, row, found);
  if (walksTokens())
    found.keyExtent = found.list->end;
}

/// Those of `list`. Rows that have none, in a call whose operands are not
/// checked, see no key of it.
TilePlace::List CascadeTiler::findEntriesOf(OpBuilder &builder, Location loc,
                                            Attribute list, Value row) {
  IndexBuilder index{builder, loc};
  Value zero = index.constant(0), one = index.constant(1);
  if (auto indices = dyn_cast<IndicesAttr>(list)) {
    Value number = index.divide(row, index.constant(indices.getGroup()));
    return {number, zero, countListed(builder, loc, indices, number)};
  }
  auto blocks = cast<BlocksAttr>(list);
  Value number = index.divide(row, index.constant(blocks.getRows()));
  AccessAttr offsets = blocks.getOffsets();
  Value next = index.add(number, one);
  Value hasList = index.compare(arith::CmpIPredicate::slt, next,
                                getOffsetCount(builder, loc, offsets));
  Value entries = getOffsetCount(builder, loc, blocks.getIndices());
  return {number,
          loadOffsetIf(builder, loc, hasList, offsets, number, entries, zero),
          loadOffsetIf(builder, loc, hasList, offsets, next, entries, zero)};
}

/// The first of `slots` that is not in front; those that are come first. Where
/// all are, it is the end.
Value CascadeTiler::findFirstSlot(
    OpBuilder &builder, Location loc, KeyInterval slots,
    function_ref<Value(OpBuilder &body, Value slot)> isInFront) {
  return IndexBuilder{builder, loc}.search(
      slots.begin, slots.end,
      [&](OpBuilder &body, ValueRange bounds) -> SmallVector<Value> {
        IndexBuilder inner{body, loc};
        Value middle =
            inner.divide(inner.add(bounds[0], bounds[1]), inner.constant(2));
        Value front = isInFront(body, middle);
        Value next = inner.add(middle, inner.constant(1));
        return {inner.select(front, next, bounds[0]),
                inner.select(front, bounds[1], middle)};
      });
}

/// How many tokens list `number` holds: those in front of the first negative
/// one, since all behind it are negative, too.
Value CascadeTiler::countListed(OpBuilder &builder, Location loc,
                                IndicesAttr indices, Value number) {
  IndexBuilder index{builder, loc};
  AccessAttr access = indices.getIndices();
  Value table = inputs[access.getInput()];
  Value zero = index.constant(0);
  Value lists =
      memref::DimOp::create(builder, loc, table, access.getRanks().size());
  Value most = getOffsetCount(builder, loc, access);
  Value hasList = index.compare(arith::CmpIPredicate::slt, number, lists);
  Value length = index.select(hasList, most, zero);
  auto isListed = [&](OpBuilder &body, Value slot) {
    IndexBuilder inner{body, loc};
    Value token = loadEntry(body, loc, access, {number, slot});
    return inner.compare(arith::CmpIPredicate::sge, token, zero);
  };
  return findFirstSlot(builder, loc, {zero, length}, isListed);
}

/// The keys that entry `entry` of `list`, at hand as `place`, names.
CascadeTiler::KeyInterval
CascadeTiler::loadNamedKeys(OpBuilder &builder, Location loc, Attribute list,
                            const TilePlace::List &place, Value entry) {
  IndexBuilder index{builder, loc};
  Value keys = getExtent(builder, loc, space.keyRank);
  Value size = index.constant(1), number;
  if (auto blocks = dyn_cast<BlocksAttr>(list)) {
    size = index.constant(blocks.getKeys());
    Value count = arith::CeilDivUIOp::create(builder, loc, keys, size);
    number =
        index.clamp(loadEntry(builder, loc, blocks.getIndices(), entry), count);
  } else {
    AccessAttr access = cast<IndicesAttr>(list).getIndices();
    number = index.clamp(loadEntry(builder, loc, access, {place.number, entry}),
                         keys);
  }
  Value begin = arith::MulIOp::create(builder, loc, number, size);
  begin = index.least(begin, keys);
  return {begin, index.least(index.add(begin, size), keys)};
}

/// The same for an entry that may be behind the last one, and is then behind
/// all keys.
CascadeTiler::KeyInterval
CascadeTiler::loadNextKeys(OpBuilder &builder, Location loc, Attribute list,
                           const TilePlace::List &place, Value entry) {
  IndexBuilder index{builder, loc};
  Value keys = getExtent(builder, loc, space.keyRank);
  auto branch = scf::IfOp::create(
      builder, loc, index.compare(arith::CmpIPredicate::slt, entry, place.end),
      [&](OpBuilder &body, Location) {
        KeyInterval named = loadNamedKeys(body, loc, list, place, entry);
        scf::YieldOp::create(body, loc, ValueRange{named.begin, named.end});
      },
      [&](OpBuilder &body, Location) {
        scf::YieldOp::create(body, loc, ValueRange{keys, keys});
      });
  return {branch.getResult(0), branch.getResult(1)};
}

/// The slots, of those of the list or the box at hand that are `among`, whose
/// tokens lie in `keys`: they ascend.
CascadeTiler::KeyInterval CascadeTiler::findSlots(OpBuilder &builder,
                                                  Location loc,
                                                  KeyInterval keys,
                                                  KeyInterval among) {
  if (periodicAtom)
    return {findNumber(builder, loc, *place.period, keys.begin),
            findNumber(builder, loc, *place.period, keys.end)};
  auto load = [&](OpBuilder &body, Value slot) -> Value {
    if (!walksBoxes)
      return loadEntry(body, loc, cast<IndicesAttr>(listAtom).getIndices(),
                       {place.list->number, slot});
    return loadBoxKey(body, loc, slot);
  };
  auto findFirst = [&](Value key, Value from) {
    auto isBefore = [&](OpBuilder &body, Value slot) {
      IndexBuilder inner{body, loc};
      return inner.compare(arith::CmpIPredicate::slt, load(body, slot), key);
    };
    return findFirstSlot(builder, loc, {from, among.end}, isBefore);
  };
  Value begin = findFirst(keys.begin, among.begin);
  return {begin, findFirst(keys.end, begin)};
}

/// Opens a loop over the blocks of the item's list, and returns the keys of
/// one.
CascadeTiler::KeyInterval
CascadeTiler::walkBlocks(OpBuilder &builder, Location loc, BlocksAttr blocks) {
  const TilePlace::List &list = *place.list;
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  auto walk = scf::ForOp::create(builder, loc, list.begin, list.end, one);
  builder.setInsertionPointToStart(walk.getBody());
  return loadNamedKeys(builder, loc, blocks, list, walk.getInductionVar());
}

/// Opens a loop over the parts that the item's lists cut all keys into, in
/// ascending order, and returns the keys of one. An entry begins a part and
/// ends one, so that there are twice as many parts as entries and one more;
/// where entries touch some of them are empty, the last ones. A list that is
/// out of order, in a call whose operands are not checked, hides keys.
CascadeTiler::KeyInterval CascadeTiler::walkParts(OpBuilder &builder,
                                                  Location loc) {
  IndexBuilder index{builder, loc};
  Value zero = index.constant(0), one = index.constant(1);
  Value keys = getExtent(builder, loc, space.keyRank);
  Value parts = one;
  // The first key of the part, and the next entry of each list.
  SmallVector<Value> starts{zero};
  for (const TilePlace::List &list : place.cuts) {
    Value count = index.most(index.subtract(list.end, list.begin), zero);
    parts = index.add(parts, index.times(count, 2));
    starts.push_back(list.begin);
  }
  auto walk = scf::ForOp::create(builder, loc, zero, parts, one, starts);
  builder.setInsertionPointToStart(walk.getBody());
  Value begin = walk.getRegionIterArg(0), end = keys;
  SmallVector<Value> ends;
  isListed.clear();
  for (auto [list, entries, entry] : llvm::zip_equal(
           cuts, place.cuts, walk.getRegionIterArgs().drop_front())) {
    KeyInterval named = loadNextKeys(builder, loc, list, entries, entry);
    Value isNamed =
        index.compare(arith::CmpIPredicate::sle, named.begin, begin);
    isListed.push_back(index.select(isNamed, one, zero));
    ends.push_back(named.end);
    end = index.least(end, index.select(isNamed, named.end, named.begin));
  }
  SmallVector<Value> next{index.most(begin, end)};
  for (auto [entry, entryEnd] :
       llvm::zip_equal(walk.getRegionIterArgs().drop_front(), ends)) {
    Value isPast = index.compare(arith::CmpIPredicate::sle, entryEnd, end);
    next.push_back(index.select(isPast, index.add(entry, one), entry));
  }
  builder.setInsertionPoint(scf::YieldOp::create(builder, loc, next));
  return {begin, end};
}
