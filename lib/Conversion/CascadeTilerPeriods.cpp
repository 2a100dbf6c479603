//===- CascadeTilerPeriods.cpp - Keys that come back with a period --------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PeriodicKeys as code. The keys of such an atom are walked as those of a list
// are, but nobody has written the list: an item knows between which numbers its
// keys lie, and a step computes the tokens of its own ones.
//
//===----------------------------------------------------------------------===//

#include "CascadeTiler.h"
#include "IndexBuilder.h"
#include "PointValues.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::attn;

/// The period of the item's head, and what else places its keys. Those of a
/// dilated atom have the remainder of the position of `row`.
void CascadeTiler::findPeriod(OpBuilder &builder, Location loc, Value row,
                              TilePlace &found) {
  IndexBuilder index{builder, loc};
  TilePlace::Period &period = found.period.emplace();
  Value zero = index.constant(0);
  Value keys = getExtent(builder, loc, space.keyRank);
  auto setNumbers = [&] {
    period.skipped = zero;
    period.skipped = findNumber(builder, loc, period, zero);
    found.list = {/*number=*/Value(), zero,
                  findNumber(builder, loc, period, keys)};
  };
  auto lookUpOf = [&](const SmallVector<int64_t> &numbers) -> Value {
    if (numbers.size() == 1)
      return index.constant(numbers.front());
    return buildTableLookup(builder, loc, numbers, getHead(builder, loc));
  };
  if (SmallVector<int64_t> steps = getDilatedSteps(periodicAtom);
      !steps.empty()) {
    period.length = 1;
    period.period = lookUpOf(steps);
    Value position = index.add(getDiagonal(builder, loc), row);
    Value before = arith::MulIOp::create(
        builder, loc,
        arith::FloorDivSIOp::create(builder, loc, position, period.period),
        period.period);
    period.first = index.subtract(position, before);
    setNumbers();
    return;
  }
  SmallVector<PeriodicKeys> heads = getPeriodicKeys(periodicAtom);
  auto lookUp = [&](int64_t PeriodicKeys::*number) {
    return lookUpOf(llvm::map_to_vector(
        heads, [&](const PeriodicKeys &keys) { return keys.*number; }));
  };
  period.length = heads.front().length;
  period.period = lookUp(&PeriodicKeys::period);
  period.first = lookUp(&PeriodicKeys::first);
  // Positions of keys begin at their origin.
  if (Value origin = getOrigin(builder, loc, space.keyRank))
    period.first = index.subtract(period.first, origin);
  setNumbers();
}

/// PeriodicKeys::getNumber as code, counted from the first token on.
Value CascadeTiler::findNumber(OpBuilder &builder, Location loc,
                               const TilePlace::Period &period, Value key) {
  IndexBuilder index{builder, loc};
  Value distance = index.subtract(key, period.first);
  Value runs =
      arith::FloorDivSIOp::create(builder, loc, distance, period.period);
  Value inRun = index.subtract(
      distance, arith::MulIOp::create(builder, loc, runs, period.period));
  Value number = index.add(index.times(runs, period.length),
                           index.least(inRun, index.constant(period.length)));
  return index.subtract(number, period.skipped);
}

/// The token with the number `number`, and the run that it is in.
CascadeTiler::PeriodicToken CascadeTiler::findPeriodicToken(OpBuilder &builder,
                                                            Location loc,
                                                            Value number) {
  IndexBuilder index{builder, loc};
  const TilePlace::Period &period = *place.period;
  Value whole = index.add(number, period.skipped);
  Value runs = index.floorDivide(whole, period.length);
  Value begin = index.add(
      period.first, arith::MulIOp::create(builder, loc, runs, period.period));
  return {begin, index.subtract(whole, index.times(runs, period.length))};
}

/// Writes the tokens of this step down. They are counted from the run of the
/// first one, so that 32 bits hold what is computed for each.
void CascadeTiler::writeStepTokens(OpBuilder &builder, Location loc) {
  StringAttr point = iterate.getPointAttr();
  Type element = builder.getI32Type();
  auto toElement = [&](OpBuilder &at, Value value) -> Value {
    return arith::IndexCastOp::create(at, loc, element, value);
  };
  IndexBuilder index{builder, loc};
  int64_t length = place.period->length;
  PeriodicToken first = findPeriodicToken(builder, loc, stepFirst);
  Value begin = toElement(builder, first.runBegin);
  Value inRun = toElement(builder, first.inRun);
  Value between = toElement(
      builder, index.subtract(place.period->period, index.constant(length)));
  AffineExpr dim = builder.getAffineDimExpr(0);
  stepTokens =
      writeTable(builder, loc, point, [&](OpBuilder &map, Value here) -> Value {
        Value number = arith::AddIOp::create(map, loc, inRun, here);
        // What lies between the runs is skipped once for each.
        Value runs =
            buildAffineExpr(map, loc, dim.floorDiv(length), number, {});
        Value skipped = arith::MulIOp::create(map, loc, runs, between);
        Value named = arith::AddIOp::create(map, loc, begin, number);
        return arith::AddIOp::create(map, loc, named, skipped);
      });
  firstToken = stepFirst;
}
