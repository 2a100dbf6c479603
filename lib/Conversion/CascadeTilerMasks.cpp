//===- CascadeTilerMasks.cpp - Dead points of a tile ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where a step holds points that are not live: which einsums need a mask, and
// what they look like with one.
//
//===----------------------------------------------------------------------===//

#include "CascadeTiler.h"
#include "IndexBuilder.h"
#include "PointValues.h"
#include "attn/Analysis/SparsityPlan.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::attn;

/// Further from each other than two tokens of one kernel are.
static constexpr int64_t kFarToken = int64_t(1) << 30;

//===----------------------------------------------------------------------===//
// Who masks
//===----------------------------------------------------------------------===//

/// The value that `kind` ignores, as a constant of `type`.
static TypedAttr getIdentity(ReductionKind kind, Type type) {
  if (auto floatType = dyn_cast<FloatType>(type)) {
    const llvm::fltSemantics &semantics = floatType.getFloatSemantics();
    APFloat value = APFloat::getZero(semantics);
    if (kind == ReductionKind::Mul)
      value = APFloat::getOne(semantics);
    else if (kind == ReductionKind::Max)
      value = APFloat::getInf(semantics, /*Negative=*/true);
    else if (kind == ReductionKind::Min)
      value = APFloat::getInf(semantics);
    return FloatAttr::get(type, value);
  }
  unsigned width = type.getIntOrFloatBitWidth();
  APInt value = APInt::getZero(width);
  if (kind == ReductionKind::Mul)
    value = APInt(width, 1);
  else if (kind == ReductionKind::Max)
    value = APInt::getSignedMinValue(width);
  else if (kind == ReductionKind::Min)
    value = APInt::getSignedMaxValue(width);
  else if (kind == ReductionKind::And)
    value = APInt::getAllOnes(width);
  return IntegerAttr::get(type, value);
}

static TypedAttr getIdentity(EinsumOp einsum, Type type) {
  if (einsum.getReduction() == ReductionKind::Associative)
    return einsum.getIdentityAttr();
  return getIdentity(*einsum.getReduction(), type);
}

static bool isProduct(EinsumOp einsum) {
  return isa_and_nonnull<arith::MulFOp>(einsum.getSingleMapOp());
}

/// The value at dead points with which `consumer`, a reduction over points,
/// needs no mask for its operand.
static std::optional<TypedAttr> getWantedMask(EinsumOp consumer) {
  Type type = consumer.getMapResult().getType();
  if (consumer.isIdentityMap())
    return getIdentity(consumer, type);
  if (isProduct(consumer) && consumer.getReduction() == ReductionKind::Add)
    return getIdentity(ReductionKind::Add, type);
  return std::nullopt;
}

std::optional<TypedAttr> CascadeTiler::getProducerMask(EinsumOp einsum) const {
  if (!isInSpace(einsum) || reducesPoints(einsum) ||
      !isa<FloatType>(einsum.getMapResult().getType()))
    return std::nullopt;
  std::optional<TypedAttr> mask;
  for (Operation *user : einsum.getResult().getUsers()) {
    auto consumer = dyn_cast<EinsumOp>(user);
    if (!consumer || !reducesPoints(consumer))
      continue;
    std::optional<TypedAttr> wanted = getWantedMask(consumer);
    // A plain reduction needs its identity; a product would take either.
    if (wanted && (!mask || consumer.isIdentityMap()))
      mask = wanted;
  }
  return mask;
}

/// Whether the map yields 0 at dead points without being told: a weight, the
/// power of a difference to a maximum (attn-rebase-exponentials), of a score
/// that is -inf there. The maximum itself never is, as it starts from a finite
/// number.
bool CascadeTiler::isZeroWhereDead(EinsumOp einsum) const {
  auto power = einsum.getMapResult().getDefiningOp<math::Exp2Op>();
  if (!power ||
      !bitEnumContainsAll(power.getFastmath(), arith::FastMathFlags::afn))
    return false;
  auto product = power.getOperand().getDefiningOp<arith::MulFOp>();
  auto difference =
      product ? product.getLhs().getDefiningOp<arith::SubFOp>() : nullptr;
  FloatAttr factor;
  if (!difference || !matchPattern(product.getRhs(), m_Constant(&factor)) ||
      factor.getValue().isNegative() || factor.getValue().isZero())
    return false;
  auto score = dyn_cast<BlockArgument>(difference.getLhs());
  if (!score || score.getOwner() != einsum.getMap())
    return false;
  auto producer =
      einsum.getInputs()[score.getArgNumber()].getDefiningOp<EinsumOp>();
  std::optional<TypedAttr> mask =
      producer ? getProducerMask(producer) : std::nullopt;
  if (!mask)
    return false;
  const APFloat &value = cast<FloatAttr>(*mask).getValue();
  return value.isInfinity() && value.isNegative();
}

CascadeTiler::DeadPoints CascadeTiler::getDeadPoints(EinsumOp einsum) const {
  std::optional<TypedAttr> wanted = getWantedMask(einsum);
  if (!wanted)
    return DeadPoints::Masked;
  bool hasOther = false, isAbsorbed = false;
  for (Value input : einsum.getInputs()) {
    auto producer = input.getDefiningOp<EinsumOp>();
    std::optional<TypedAttr> mask =
        producer ? getProducerMask(producer) : std::nullopt;
    if (!mask)
      hasOther = true;
    else if (*mask == *wanted)
      isAbsorbed = true;
    else if (!cast<FloatAttr>(*mask).getValue().isFinite())
      // Another reader needs an infinity there, and 0 times it is NaN.
      return DeadPoints::Masked;
  }
  if (!isAbsorbed)
    return DeadPoints::Masked;
  return hasOther ? DeadPoints::AbsorbedIfFinite : DeadPoints::Absorbed;
}

//===----------------------------------------------------------------------===//
// Tests
//===----------------------------------------------------------------------===//

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

/// Splits a sum into the terms that depend on the row or the key, values of the
/// point included, and the rest.
static void splitTerms(AffineExpr expr, unsigned numSymbols, AffineExpr &points,
                       AffineExpr &rest) {
  auto sum = dyn_cast<AffineBinaryOpExpr>(expr);
  if (sum && sum.getKind() == AffineExprKind::Add) {
    splitTerms(sum.getLHS(), numSymbols, points, rest);
    splitTerms(sum.getRHS(), numSymbols, points, rest);
    return;
  }
  bool isSame = expr.isSymbolicOrConstant();
  expr.walk([&](AffineExpr inner) {
    if (auto symbol = dyn_cast<AffineSymbolExpr>(inner))
      isSame &= symbol.getPosition() < numSymbols;
  });
  AffineExpr &target = isSame ? rest : points;
  target = target + expr;
}

static void splitTerms(AffineExpr expr, unsigned numSymbols,
                       MLIRContext *context, AffineExpr &points,
                       AffineExpr &rest) {
  points = rest = getAffineConstantExpr(0, context);
  splitTerms(expr, numSymbols, points, rest);
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
  return IndexBuilder{builder, loc}.compare(
      arith::CmpIPredicate::slt, toInteger(point), toInteger(stepCount));
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
  Value zero = arith::ConstantOp::create(builder, loc,
                                         builder.getIntegerAttr(testType, 0));
  const Value *rest = testTerms.begin();
  Value live;
  for (const PlanPiece &piece : plan.getPieces()) {
    Value inPiece;
    for (AffineExpr constraint : piece.constraints.getConstraints()) {
      AffineExpr points, constant;
      splitTerms(constraint, numSymbols, builder.getContext(), points,
                 constant);
      Value value = arith::AddIOp::create(
          builder, loc, buildAffineExpr(builder, loc, points, dims, symbols),
          *rest++);
      Value holds = arith::CmpIOp::create(
          builder, loc, arith::CmpIPredicate::sge, value, zero);
      inPiece =
          inPiece ? arith::AndIOp::create(builder, loc, inPiece, holds) : holds;
    }
    live = live ? arith::OrIOp::create(builder, loc, live, inPiece) : inPiece;
  }
  return live;
}

//===----------------------------------------------------------------------===//
// Einsums with masks
//===----------------------------------------------------------------------===//

/// Emits a sum over the points of a step, right behind what `start` emits,
/// which gives it its accumulators: attn-lower-einsums makes one loop of both.
void CascadeTiler::emitReducing(OpBuilder &builder, EinsumOp einsum,
                                const TileBuffer &out, bool accumulate,
                                bool masked,
                                function_ref<void(OpBuilder &)> start) {
  Location loc = einsum.getLoc();
  SmallVector<StringAttr> ranks = getOutRanks(einsum, out);
  Value target = sliceStep(builder, loc, out);
  TypedAttr identity = getIdentity(einsum, einsum.getMapResult().getType());
  if (!masked || !isInSpace(einsum) ||
      getDeadPoints(einsum) == DeadPoints::Absorbed) {
    start(builder);
    emitMap(builder, einsum, target, ranks, accumulate, std::nullopt);
    return;
  }
  if (getDeadPoints(einsum) == DeadPoints::Masked) {
    start(builder);
    emitMap(builder, einsum, target, ranks, accumulate, identity);
    return;
  }
  // Dead points hold 0, which annihilates every finite factor; a tile with an
  // infinity or a NaN is masked point by point.
  if (!hasCaches)
    start(builder);
  Value allFinite = buildFactorsFinite(builder, einsum);
  auto branch = scf::IfOp::create(builder, loc, allFinite, /*withElse=*/true);
  OpBuilder thenBuilder = branch.getThenBodyBuilder();
  if (hasCaches)
    start(thenBuilder);
  emitMap(thenBuilder, einsum, target, ranks, accumulate, std::nullopt);
  OpBuilder elseBuilder = branch.getElseBodyBuilder();
  if (hasCaches)
    start(elseBuilder);
  emitMap(elseBuilder, einsum, target, ranks, accumulate, identity);
}

/// Emits a partial step in three parts: the points before the full range of
/// keys, those in it, and those after it. Only the full part needs no mask.
/// Steps for warps have no parts.
void CascadeTiler::emitRanges(OpBuilder &builder, Location loc,
                              function_ref<void(bool isFull)> emit) {
  if (testsWindows() || takesWholeSteps || !testedTerms.empty() ||
      isNeverFull()) {
    emit(/*isFull=*/false);
    return;
  }
  Value first = stepFirst, count = stepCount;
  Value end = arith::AddIOp::create(builder, loc, first, count);
  // What is converted for a part does not serve the whole step.
  StepReads stagedForStep = std::move(staged);
  Value bounds[] = {first, fullFirst, fullEnd, end};
  for (unsigned part : {0u, 1u, 2u}) {
    staged.clear();
    stepFirst = bounds[part];
    stepCount =
        arith::SubIOp::create(builder, loc, bounds[part + 1], stepFirst);
    stepOffset = arith::SubIOp::create(builder, loc, stepFirst, first);
    // Of full slots the tokens may still be dead.
    slotsAreFull = part == 1;
    emit(/*isFull=*/slotsAreFull && !testsTokensOfSlots());
  }
  slotsAreFull = false;
  staged = std::move(stagedForStep);
  stepFirst = first;
  stepCount = count;
  stepOffset = {};
}

/// Sets the dead points of a tile to `dead`, in place: those where `buildTest`
/// fails, of what `readsData` says that a test of the sparsity reads.
void CascadeTiler::emitMask(
    OpBuilder &builder, Location loc, Value tile, ArrayRef<StringAttr> ranks,
    TypedAttr dead, bool readsData,
    function_ref<Value(OpBuilder &, const PointData &)> buildTest) {
  SmallVector<EinsumAccess> accesses{EinsumAccess::get(tile, ranks)};
  SmallVector<StringAttr> tokenRanks, clamped;
  if (readsData) {
    tokenRanks = getTokensOfTest();
    if (appendPointData(builder, loc, tokenRanks, /*isMasked=*/true,
                        accesses) &&
        llvm::is_contained(ranks, lane))
      clamped.push_back(lane);
  }
  TileEinsumOp::create(
      builder, loc, tile, ranks, accesses, std::nullopt,
      /*accumulate=*/false, clamped,
      [&](OpBuilder &nested, Location, ValueRange args) -> Value {
        PointData point;
        if (readsData)
          point = readPointData(tokenRanks, args.drop_front());
        Value live = buildTest(nested, point);
        Value value = arith::ConstantOp::create(nested, loc, dead);
        return arith::SelectOp::create(nested, loc, live, args[0], value);
      });
}

/// Masks what the sparsity drops.
void CascadeTiler::emitPlaneMask(OpBuilder &builder, Location loc, Value tile,
                                 ArrayRef<StringAttr> ranks, TypedAttr dead) {
  emitMask(builder, loc, tile, ranks, dead, /*readsData=*/true,
           [&](OpBuilder &nested, const PointData &point) {
             return buildPlaneTest(nested, loc, point);
           });
}

/// Masks the points that a step has not, where it has not all: such steps are
/// few, and others would test every point for nothing.
void CascadeTiler::emitStepMask(OpBuilder &builder, Location loc, Value tile,
                                ArrayRef<StringAttr> ranks, TypedAttr dead) {
  IndexBuilder index{builder, loc};
  Value isPart =
      index.compare(arith::CmpIPredicate::slt, stepCount,
                    index.constant(cascade.getMapping()->getStreamTile()));
  auto branch = scf::IfOp::create(builder, loc, isPart, /*withElse=*/false);
  OpBuilder inside = branch.getThenBodyBuilder();
  emitMask(inside, loc, tile, ranks, dead, /*readsData=*/false,
           [&](OpBuilder &nested, const PointData &) {
             return buildInStep(nested, loc);
           });
}
