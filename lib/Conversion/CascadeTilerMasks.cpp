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
