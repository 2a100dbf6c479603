//===- CascadeTilerRanges.cpp - Which keys a tile of rows visits ----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A plan's bounds as code: the intervals of keys that a work item visits, in
// ascending order and each key once, and which of them need no test.
//
//===----------------------------------------------------------------------===//

#include "CascadeTiler.h"
#include "IndexBuilder.h"
#include "PointValues.h"
#include "attn/Analysis/SparsityPlan.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::attn;

/// Lanes of the widest vectors, 512 bits of f32.
static constexpr int64_t kMostLanes = 16;

Value CascadeTiler::roundDown(OpBuilder &builder, Location loc, Value value,
                              Value unit) {
  return arith::MulIOp::create(
      builder, loc, arith::DivUIOp::create(builder, loc, value, unit), unit);
}

/// The row of the plane that the item works on where rows are items; null where
/// they are lanes.
Value CascadeTiler::getItemRow() const {
  auto *found = llvm::find(parallel, space.queryRank);
  return space.queryRank && found != parallel.end()
             ? coordinates[found - parallel.begin()]
             : Value();
}

SmallVector<CascadeTiler::KeyInterval>
CascadeTiler::buildIntervals(OpBuilder &builder, Location loc, IterateOp op) {
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value extent = getPlaneExtent(builder, loc, op.getParentAttr());
  if (isUntested(op))
    return {{zero, extent}};
  testType = chooseTestType(builder);
  auto readPlan = [&](PlanAttr plan) {
    buildPlanSymbols(builder, loc, plan);
    buildTestTerms(builder, loc, plan);
  };
  if (std::optional<PlanAttr> tokenPlan = getTokenTest())
    withTokenPlan([&] { readPlan(*tokenPlan); });
  std::optional<PlanAttr> rangePlan = getRangePlan();
  // Windows alone say which keys of a box are seen.
  if (!rangePlan)
    return {{zero, extent}};
  PlanAttr plan = *rangePlan;
  SmallVector<KeyInterval> live;
  auto findRanges = [&] { live = buildLiveRanges(builder, loc, plan); };
  if (walksTokens()) {
    withTokenPlan(findRanges);
  } else {
    readPlan(plan);
    findRanges();
  }
  auto toSlots = [&](KeyInterval keys) {
    return walksTokens() ? findSlots(builder, loc, keys, listedSlots) : keys;
  };
  for (KeyInterval &range : fullRanges)
    range = toSlots(range);
  // Steps begin and end on whole register tiles: a contraction over a few
  // dead keys is cheaper than one that takes the live ones row by row.
  // Points that are lanes begin on whole vectors: which partial sum a key falls
  // into then does not depend on the other rows of the tile. A step whose
  // points are fixed is one step, whichever pieces of the plan reach into it.
  int64_t rows =
      takesWholeSteps || fixedStep ? cascade.getMapping()->getStreamTile()
      : innerLanes                 ? kMostLanes
                   : std::max(cascade.getMapping()->getRowTile(), keyUnit);
  Value unit = arith::ConstantIndexOp::create(builder, loc, rows);
  Value rest = arith::ConstantIndexOp::create(builder, loc, rows - 1);
  SmallVector<KeyInterval> intervals;
  for (KeyInterval range : live) {
    auto [lower, upper] = toSlots(range);
    Value isEmpty = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::sge, lower, upper);
    lower = roundDown(builder, loc, lower, unit);
    upper = roundDown(builder, loc,
                      arith::AddIOp::create(builder, loc, upper, rest), unit);
    upper = arith::MinSIOp::create(builder, loc, upper, extent);
    lower = arith::SelectOp::create(builder, loc, isEmpty, zero, lower);
    upper = arith::SelectOp::create(builder, loc, isEmpty, zero, upper);
    intervals.push_back({lower, upper});
  }
  return mergeIntervals(builder, loc, std::move(intervals));
}

/// The keys of each piece of `plan` that may be live for some row of the item;
/// fullRanges become those that are for every row.
SmallVector<CascadeTiler::KeyInterval>
CascadeTiler::buildLiveRanges(OpBuilder &builder, Location loc, PlanAttr plan) {
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value extent = getPlaneExtent(builder, loc, space.keyRank);
  auto [first, last] = getRowEnds(builder, loc);
  SmallVector<Value> operands{first, last};
  llvm::append_range(operands, planSymbols);
  SmallVector<Value> atFirst = buildRowValues(builder, loc, plan, first);
  SmallVector<Value> atLast = buildRowValues(builder, loc, plan, last);
  for (auto [low, high] : llvm::zip_equal(atFirst, atLast))
    llvm::append_range(operands, ArrayRef{low, high});
  auto bound = [&](AffineMap map, bool isLower) -> Value {
    Value value = isLower
                      ? affine::AffineMaxOp::create(builder, loc, map, operands)
                            .getResult()
                      : affine::AffineMinOp::create(builder, loc, map, operands)
                            .getResult();
    value = arith::MaxSIOp::create(builder, loc, value, zero);
    return arith::MinSIOp::create(builder, loc, value, extent);
  };
  SmallVector<KeyInterval> live;
  fullRanges.clear();
  for (const PlanPiece &piece : plan.getPieces()) {
    live.push_back(
        {bound(piece.liveLower, true), bound(piece.liveUpper, false)});
    fullRanges.push_back(
        {bound(piece.fullLower, true), bound(piece.fullUpper, false)});
  }
  return live;
}

/// The values of a plan at one row. Those that read the key are in no bound,
/// and are what they would be at key 0.
SmallVector<Value> CascadeTiler::buildRowValues(OpBuilder &builder,
                                                Location loc, PlanAttr plan,
                                                Value row) {
  SmallVector<Value> values;
  SmallVector<Value> operands{row,
                              arith::ConstantIndexOp::create(builder, loc, 0)};
  llvm::append_range(operands, planSymbols);
  for (const PointValue &value : plan.getValues()) {
    SmallVector<Value> results;
    for (AffineExpr expr : value.map.getResults())
      results.push_back(affine::AffineApplyOp::create(
          builder, loc, AffineMap::get(2, value.map.getNumSymbols(), expr),
          operands));
    values.push_back(buildPointValue(builder, loc, value.kind, results));
    operands.push_back(values.back());
  }
  return values;
}

/// Makes intervals ascending and disjoint; those that touch become one. Empty
/// ones, which begin and end at 0, come first or where another was.
SmallVector<CascadeTiler::KeyInterval>
CascadeTiler::mergeIntervals(OpBuilder &builder, Location loc,
                             SmallVector<KeyInterval> intervals) {
  auto choose = [&](Value condition, Value yes, Value no) -> Value {
    return arith::SelectOp::create(builder, loc, condition, yes, no);
  };
  // A plan has few pieces: sorting by exchanges of neighbours is short code
  // beside a step.
  for (size_t end = intervals.size(); end > 1; --end)
    for (size_t i = 0; i + 1 < end; ++i) {
      KeyInterval a = intervals[i], b = intervals[i + 1];
      Value inOrder = arith::CmpIOp::create(
          builder, loc, arith::CmpIPredicate::sle, a.begin, b.begin);
      intervals[i] = {choose(inOrder, a.begin, b.begin),
                      choose(inOrder, a.end, b.end)};
      intervals[i + 1] = {choose(inOrder, b.begin, a.begin),
                          choose(inOrder, b.end, a.end)};
    }
  // What the next one touches moves on into it.
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  for (size_t i = 0; i + 1 < intervals.size(); ++i) {
    KeyInterval a = intervals[i], b = intervals[i + 1];
    Value touches = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::sle, b.begin, a.end);
    Value end = arith::MaxSIOp::create(builder, loc, a.end, b.end);
    intervals[i] = {choose(touches, zero, a.begin),
                    choose(touches, zero, a.end)};
    intervals[i + 1] = {choose(touches, a.begin, b.begin),
                        choose(touches, end, b.end)};
  }
  return intervals;
}

/// Whether every point of the item's plane is live: nothing restricts it, or
/// nothing but the part of it that a call gives to the item.
bool CascadeTiler::isUntested(IterateOp op) {
  if (testsWindows())
    return false;
  std::optional<PlanAttr> plan = walksTokens() ? getTokenTest() : op.getPlan();
  return !plan ||
         (isWholePlan(*plan) && !testsTokensOfSlots() && testedTerms.empty());
}

/// The plan whose ranges are walked, that of tokens where keys have slots;
/// nothing where it leaves none out.
std::optional<PlanAttr> CascadeTiler::getRangePlan() {
  return walksTokens() ? getTokenTest() : iterate.getPlan();
}

/// The plan whose element test takes tokens, if there is one.
std::optional<PlanAttr> CascadeTiler::getTokenTest() {
  // Ranges beside a list have no slots.
  if (visitsRanges && !walksTokens())
    return std::nullopt;
  return iterate.getTokenPlan();
}

/// Whether no range of keys goes without a test, as where remainders are
/// tested.
bool CascadeTiler::isNeverFull() {
  std::optional<PlanAttr> plan = getRangePlan();
  return plan && llvm::all_of(plan->getPieces(), [](const PlanPiece &piece) {
           return piece.fullUpper.isSingleConstant() &&
                  piece.fullUpper.getSingleConstantResult() <= 0;
         });
}

/// Whether some piece holds every point of the step up to `stepEnd` for every
/// row.
Value CascadeTiler::buildIsFull(OpBuilder &builder, Location loc,
                                Value stepEnd) {
  // What reads tokens, a mask or a predicate may fail at any slot.
  if (testsTokensOfSlots() || !testedTerms.empty())
    return arith::ConstantIntOp::create(builder, loc, 0, /*width=*/1);
  if (!getRangePlan())
    return place.grid->isFull;
  Value isFull;
  for (KeyInterval range : fullRanges) {
    Value startsFull = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::sge, stepFirst, range.begin);
    Value endsFull = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::sle, stepEnd, range.end);
    Value holds = arith::AndIOp::create(builder, loc, startsFull, endsFull);
    isFull = isFull
                 ? arith::OrIOp::create(builder, loc, isFull, holds).getResult()
                 : holds;
  }
  if (testsWindows())
    isFull = IndexBuilder{builder, loc}.both(isFull, place.grid->isFull);
  return isFull;
}

/// Finds the points of a partial step that need no test: those of the piece
/// that holds most of them.
void CascadeTiler::buildFullPart(OpBuilder &builder, Location loc,
                                 Value stepEnd) {
  auto clamp = [&](Value value, Value low) -> Value {
    value = arith::MaxSIOp::create(builder, loc, value, low);
    return arith::MinSIOp::create(builder, loc, value, stepEnd);
  };
  Value most;
  for (KeyInterval range : fullRanges) {
    Value first = clamp(range.begin, stepFirst);
    Value end = clamp(range.end, first);
    if (fullRanges.size() == 1) {
      fullFirst = first;
      fullEnd = end;
      return;
    }
    Value count = arith::SubIOp::create(builder, loc, end, first);
    if (!most) {
      fullFirst = first;
      fullEnd = end;
      most = count;
      continue;
    }
    Value isMore = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::sgt, count, most);
    fullFirst = arith::SelectOp::create(builder, loc, isMore, first, fullFirst);
    fullEnd = arith::SelectOp::create(builder, loc, isMore, end, fullEnd);
    most = arith::MaxSIOp::create(builder, loc, most, count);
  }
}
