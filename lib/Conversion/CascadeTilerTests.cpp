//===- CascadeTilerTests.cpp - Whether a point is live --------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The element test of a step that a plan does not leave whole: comparisons of
// the row with the key, in 32 bits where they fit.
//
//===----------------------------------------------------------------------===//

#include "CascadeTiler.h"
#include "IndexBuilder.h"
#include "PointValues.h"
#include "attn/Analysis/SparsityPlan.h"
#include "attn/Conversion/FusedForm.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"

using namespace mlir;
using namespace mlir::attn;

/// Further from each other than two tokens of one kernel are.
static constexpr int64_t kFarToken = int64_t(1) << 30;

/// Tokens of a kernel whose test has divisions, which are not cut to fit.
static constexpr int64_t kMostTokens = int64_t(1) << 27;

/// The largest magnitude in the evaluation of `expr`, its own included, where
/// values of point are as large as `values` says.
static double getMagnitude(AffineExpr expr, ArrayRef<double> symbols,
                           double &largest) {
  double magnitude;
  // Tokens of one kernel, rows and keys.
  if (isa<AffineDimExpr>(expr)) {
    magnitude = kMostTokens;
  } else if (auto symbol = dyn_cast<AffineSymbolExpr>(expr)) {
    magnitude = symbols[symbol.getPosition()];
  } else if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    magnitude = std::abs(static_cast<double>(constant.getValue()));
  } else {
    auto binary = cast<AffineBinaryOpExpr>(expr);
    double left = getMagnitude(binary.getLHS(), symbols, largest);
    double right = getMagnitude(binary.getRHS(), symbols, largest);
    switch (expr.getKind()) {
    case AffineExprKind::Add:
      magnitude = left + right;
      break;
    case AffineExprKind::Mul:
      magnitude = left * right;
      break;
    case AffineExprKind::Mod:
      magnitude = right;
      break;
    default:
      magnitude = left / right + 1;
    }
  }
  largest = std::max(largest, magnitude);
  return magnitude;
}

/// Adds the terms of a sum of which `isFirst` holds to `first`, and all others
/// to `second`.
static void splitSum(AffineExpr expr, function_ref<bool(AffineExpr)> isFirst,
                     AffineExpr &first, AffineExpr &second) {
  auto sum = dyn_cast<AffineBinaryOpExpr>(expr);
  if (sum && sum.getKind() == AffineExprKind::Add) {
    splitSum(sum.getLHS(), isFirst, first, second);
    splitSum(sum.getRHS(), isFirst, first, second);
    return;
  }
  AffineExpr &target = isFirst(expr) ? first : second;
  target = target + expr;
}

/// Splits a sum into the terms that depend on the row or the key, values of the
/// point included, and the rest.
static void splitTerms(AffineExpr expr, unsigned numSymbols,
                       MLIRContext *context, AffineExpr &points,
                       AffineExpr &rest) {
  points = rest = getAffineConstantExpr(0, context);
  auto isSame = [&](AffineExpr term) {
    bool same = term.isSymbolicOrConstant();
    term.walk([&](AffineExpr inner) {
      if (auto symbol = dyn_cast<AffineSymbolExpr>(inner))
        same &= symbol.getPosition() < numSymbols;
    });
    return same;
  };
  splitSum(expr, isSame, rest, points);
}

/// Whether 32 bits hold all that the element test of `plan` computes. A test of
/// plain sums is cut to fit, whatever its symbols are.
static bool fitsShort(PlanAttr plan) {
  SmallVector<double> symbols;
  for (StringAttr symbol : plan.getSymbols()) {
    if (DenseI64ArrayAttr table = getTable(plan, symbol)) {
      auto [least, most] = std::minmax_element(table.asArrayRef().begin(),
                                               table.asArrayRef().end());
      symbols.push_back(std::max(std::abs(static_cast<double>(*least)),
                                 std::abs(static_cast<double>(*most))));
      continue;
    }
    // An origin of heads is a number of the call, too.
    symbols.push_back(symbol == PlanSymbols::diagonal ||
                              symbol == PlanSymbols::keyOrigin ||
                              symbol == PlanSymbols::head
                          ? kFarPosition
                          : kMostTokens);
  }
  double largest = 0;
  for (const PointValue &value : plan.getValues()) {
    double magnitude = 0;
    for (AffineExpr expr : value.map.getResults())
      magnitude = std::max(magnitude, getMagnitude(expr, symbols, largest));
    symbols.push_back(magnitude);
  }
  MLIRContext *context = plan.getContext();
  for (const PlanPiece &piece : plan.getPieces())
    for (AffineExpr constraint : piece.constraints.getConstraints()) {
      AffineExpr points, rest;
      splitTerms(constraint, plan.getSymbols().size(), context, points, rest);
      getMagnitude(points, symbols, largest);
    }
  // The rest of a constraint is cut to kFarToken.
  return largest < kFarToken;
}

/// A comparison of numbers that are known to be small for their type.
static Value createExactTest(OpBuilder &builder, Location loc,
                             arith::CmpIPredicate predicate, Value left,
                             Value right) {
  auto compare = arith::CmpIOp::create(builder, loc, predicate, left, right);
  compare->setAttr(kExactTestAttrName, builder.getUnitAttr());
  return compare;
}

/// Slots and tokens are tested in one type.
Type CascadeTiler::chooseTestType(OpBuilder &builder) {
  bool isShort = fitsShort(*iterate.getPlan());
  if (std::optional<PlanAttr> tokens = iterate.getTokenPlan())
    isShort &= fitsShort(*tokens);
  return isShort ? builder.getI32Type() : builder.getI64Type();
}

/// Computes the terms of the element test that are the same at all points. What
/// is further away than any token decides like what is just out of reach, so
/// that the test itself fits 32 bits.
void CascadeTiler::buildTestTerms(OpBuilder &builder, Location loc,
                                  PlanAttr plan) {
  MLIRContext *context = builder.getContext();
  unsigned numSymbols = plan.getSymbols().size();
  testTerms.clear();
  Value far = arith::ConstantIndexOp::create(builder, loc, kFarToken);
  Value before = arith::ConstantIndexOp::create(builder, loc, -kFarToken);
  for (const PlanPiece &piece : plan.getPieces())
    for (AffineExpr constraint : piece.constraints.getConstraints()) {
      AffineExpr points, rest;
      splitTerms(constraint, numSymbols, context, points, rest);
      Value value = affine::AffineApplyOp::create(
          builder, loc, AffineMap::get(0, numSymbols, rest), planSymbols);
      if (testType.isInteger(32)) {
        value = arith::MinSIOp::create(builder, loc, value, far);
        value = arith::MaxSIOp::create(builder, loc, value, before);
      }
      testTerms.push_back(
          arith::IndexCastOp::create(builder, loc, testType, value));
    }
}

/// Inside a map: whether the current (row, key) is live.
Value CascadeTiler::buildLive(OpBuilder &builder, Location loc,
                              const PointData &point) {
  Value live;
  if (fillsStep)
    live = buildInStep(builder, loc);
  if (fillsStep && isUntested(iterate))
    return live;
  return IndexBuilder{builder, loc}.both(live,
                                         buildPlaneTest(builder, loc, point));
}

/// Inside a map: whether the step has the current point.
Value CascadeTiler::buildInStep(OpBuilder &builder, Location loc) {
  auto toInteger = [&](Value value) -> Value {
    return arith::IndexCastOp::create(builder, loc, builder.getI32Type(),
                                      value);
  };
  Value point = IndexOp::create(builder, loc, builder.getIndexType(),
                                iterate.getPointAttr());
  return createExactTest(builder, loc, arith::CmpIPredicate::slt,
                         toInteger(point), toInteger(stepCount));
}

/// Inside a map: whether the sparsity lets the current row see the key.
Value CascadeTiler::buildPlaneTest(OpBuilder &builder, Location loc,
                                   const PointData &point) {
  Value live = buildPositionTest(builder, loc, point);
  if (testedTerms.empty())
    return live;
  return arith::AndIOp::create(builder, loc, live,
                               buildPointTest(builder, loc, point));
}

/// Whether positions say that the current (row, key) is live. They are i32
/// where that suffices, so that a vector of lanes takes one register.
Value CascadeTiler::buildPositionTest(OpBuilder &builder, Location loc,
                                      const PointData &point) {
  Value inWindows;
  if (testsWindows()) {
    inWindows = buildWindowTest(builder, loc, point.windows);
    if (!getTokenTest())
      return inWindows;
  }
  auto toInteger = [&](Value value) -> Value {
    return arith::IndexCastOp::create(builder, loc, testType, value);
  };
  auto getPosition = [&](StringAttr rank, Value first, Value step) -> Value {
    Value local =
        toInteger(IndexOp::create(builder, loc, builder.getIndexType(), rank));
    if (step)
      local = arith::MulIOp::create(builder, loc, local, toInteger(step));
    return arith::AddIOp::create(builder, loc, local, toInteger(first));
  };
  Value row = getItemRow();
  auto getLane = [&] {
    Value step;
    if (residues == 1 && liesApart())
      step = getValueOrCreateConstantIndexOp(builder, loc, getRowStep(builder));
    return getPosition(lane, toPlane(builder, loc, firstRow), step);
  };
  // Rows of a box have their tokens in a table.
  Value token = grid && !walksBoxes ? point.tokens.lookup(lane) : Value();
  SmallVector<Value> dims{
      row     ? toInteger(row)
      : token ? toTestPosition(builder, loc, token)
              : getLane(),
      getPosition(iterate.getPointAttr(), stepFirst, /*step=*/Value())};
  if (!getTokenTest())
    return buildPlanTest(builder, loc, *iterate.getPlan(), dims);
  Value live = buildTokensLive(builder, loc, dims, point.tokens);
  if (inWindows)
    live = arith::AndIOp::create(builder, loc, inWindows, live);
  if (slotsAreFull || walksTokens())
    return live;
  return arith::AndIOp::create(
      builder, loc, buildPlanTest(builder, loc, *iterate.getPlan(), dims),
      live);
}

/// Whether a value of point of `plan` or a dimension in `expr` is of the row.
static bool readsRow(AffineExpr expr, PlanAttr plan) {
  unsigned numSymbols = plan.getSymbols().size();
  bool reads = false;
  expr.walk([&](AffineExpr inner) {
    if (auto dim = dyn_cast<AffineDimExpr>(inner))
      reads |= dim.getPosition() == 0;
    auto symbol = dyn_cast<AffineSymbolExpr>(inner);
    if (!symbol || symbol.getPosition() < numSymbols)
      return;
    AffineMap map = plan.getValues()[symbol.getPosition() - numSymbols].map;
    for (AffineExpr result : map.getResults())
      reads |= readsRow(result, plan);
  });
  return reads;
}

/// Whether the terms `points` and the value `rest` sum up to 0 or more. Terms
/// of the key stand on one side, all others on the other one: a row computes
/// its side once for all keys.
Value CascadeTiler::buildConstraint(OpBuilder &builder, Location loc,
                                    PlanAttr plan, AffineExpr points,
                                    Value rest, ArrayRef<Value> dims,
                                    ArrayRef<Value> symbols) {
  AffineExpr rows = builder.getAffineConstantExpr(0), keys = rows;
  splitSum(
      points, [&](AffineExpr term) { return readsRow(term, plan); }, rows,
      keys);
  auto build = [&](AffineExpr expr) {
    return buildAffineExpr(builder, loc, expr, dims, symbols);
  };
  // The side of the keys is written without a sign where it can be.
  auto product = dyn_cast<AffineBinaryOpExpr>(keys);
  auto factor = product ? dyn_cast<AffineConstantExpr>(product.getRHS())
                        : AffineConstantExpr();
  bool isBelow = product && product.getKind() == AffineExprKind::Mul &&
                 factor && factor.getValue() < 0;
  Value left, right;
  if (isBelow) {
    left = arith::AddIOp::create(builder, loc, build(rows), rest);
    right = build(-keys);
  } else {
    left = build(keys);
    right = arith::SubIOp::create(builder, loc, build(-rows), rest);
  }
  return createExactTest(builder, loc, arith::CmpIPredicate::sge, left, right);
}

/// The element test of `plan` at the point (row, key).
Value CascadeTiler::buildPlanTest(OpBuilder &builder, Location loc,
                                  PlanAttr plan, ArrayRef<Value> dims) {
  auto toInteger = [&](Value value) -> Value {
    return arith::IndexCastOp::create(builder, loc, testType, value);
  };
  SmallVector<Value> symbols = llvm::map_to_vector(planSymbols, toInteger);
  unsigned numSymbols = symbols.size();
  for (const PointValue &value : plan.getValues()) {
    SmallVector<Value> results;
    for (AffineExpr expr : value.map.getResults())
      results.push_back(buildAffineExpr(builder, loc, expr, dims, symbols));
    symbols.push_back(buildPointValue(builder, loc, value.kind, results));
  }
  const Value *rest = testTerms.begin();
  Value live;
  for (const PlanPiece &piece : plan.getPieces()) {
    Value inPiece;
    for (AffineExpr constraint : piece.constraints.getConstraints()) {
      AffineExpr points, constant;
      splitTerms(constraint, numSymbols, builder.getContext(), points,
                 constant);
      Value holds =
          buildConstraint(builder, loc, plan, points, *rest++, dims, symbols);
      inPiece =
          inPiece ? arith::AndIOp::create(builder, loc, inPiece, holds) : holds;
    }
    live = live ? arith::OrIOp::create(builder, loc, live, inPiece) : inPiece;
  }
  return live;
}
