//===- DeferScales.cpp - Scores keep their factor for the exponential -----===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Scores are products times a constant, and a thread multiplies every one that
// it holds. A positive factor may wait: the largest product has the largest
// score, with the same bits, and what a mask makes -inf stays that. So each row
// multiplies its maximum, and the exponential, which multiplies anyhow, takes
// the factor with its own.
//
//===----------------------------------------------------------------------===//

#include "Contractions.h"
#include "ExponentMap.h"
#include "WarpLayouts.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Conversion/FusedForm.h"
#include "attn/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNDEFERSCALES
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {

/// The scores of a step on their way from the product to the weights.
class ScoreScale {
public:
  /// Fails unless `weights` makes weights of scores that nothing but a maximum
  /// reads, each a product times positive constants, or -inf.
  static FailureOr<ScoreScale> find(TileEinsumOp weights);

  void defer();

private:
  /// The argument of `map` that is the score; null unless it reads one score.
  Value findScore(TileEinsumOp map);
  Value addMap(TileEinsumOp map);
  bool addMasks(scf::IfOp branch);
  bool addMaximum(TileEinsumOp reduction);

  TileEinsumOp weights;
  ExponentMap exponent;
  /// The tile, or the part of it that has the points of the step.
  Value part;
  SmallVector<arith::MulFOp> multiplications;
  SmallVector<TileEinsumOp> maps, maxima;
};

} // namespace

/// What `product` multiplies by a constant above 0 that is no infinity; null if
/// it does not.
static Value findFactored(arith::MulFOp product) {
  auto [value, factor] = splitConstant(product);
  bool isPositive = factor && factor.getValue().isFiniteNonZero() &&
                    !factor.getValue().isNegative();
  return isPositive ? value : Value();
}

Value ScoreScale::findScore(TileEinsumOp map) {
  Value score;
  for (auto [operand, argument] :
       llvm::zip_equal(map.getInputs(), map.getMap()->getArguments())) {
    if (getWholeBuffer(operand) != getWholeBuffer(part))
      continue;
    if (score || operand != part)
      return {};
    score = argument;
  }
  return score;
}

/// Scores in place, times constants or -inf. Returns what the map multiplies:
/// its argument, or a value that it computes, such as that of a soft cap.
/// Null if it is no such map.
Value ScoreScale::addMap(TileEinsumOp map) {
  if (map.getReduction() || map.getAccumulate() || map.getInit() != part)
    return {};
  Value score = findScore(map);
  if (!score)
    return {};
  SmallVector<arith::MulFOp> found;
  Value value = map.getMapResult();
  while (Operation *op = value.getDefiningOp()) {
    // Who else reads it reads it with its factors.
    if (value != map.getMapResult() && !value.hasOneUse())
      break;
    if (auto product = dyn_cast<arith::MulFOp>(op)) {
      Value factored = findFactored(product);
      if (!factored)
        break;
      value = factored;
      found.push_back(product);
    } else if (auto mask = dyn_cast<arith::SelectOp>(op)) {
      if (!matchPattern(mask.getFalseValue(), m_NegInfFloat()))
        break;
      value = mask.getTrueValue();
    } else {
      break;
    }
  }
  // Another operand stands for nothing that could keep a factor; nor may the
  // score be seen in another place.
  if (isa<BlockArgument>(value) && (value != score || !score.hasOneUse()))
    return {};
  llvm::append_range(multiplications, found);
  maps.push_back(map);
  return value;
}

/// Masks that some steps need.
bool ScoreScale::addMasks(scf::IfOp branch) {
  size_t before = multiplications.size();
  if (!branch.getElseRegion().empty())
    return false;
  for (Operation &op :
       llvm::reverse(branch.thenBlock()->without_terminator())) {
    auto map = dyn_cast<TileEinsumOp>(op);
    if (map ? !isa_and_nonnull<BlockArgument>(addMap(map))
            : !isMemoryEffectFree(&op))
      return false;
  }
  return multiplications.size() == before;
}

/// The largest score of each row, once they have all factors.
bool ScoreScale::addMaximum(TileEinsumOp reduction) {
  if (reduction.getReduction() != ReductionKind::Max ||
      reduction.getAccumulate() || !reduction.isIdentityMap() ||
      reduction.getInputs().size() != 1 ||
      reduction.getInputs().front() != part || !maps.empty())
    return false;
  maxima.push_back(reduction);
  return true;
}

FailureOr<ScoreScale> ScoreScale::find(TileEinsumOp weights) {
  ScoreScale found;
  found.weights = weights;
  found.part = weights.getInit();
  auto tile = getWholeBuffer(found.part).getDefiningOp<memref::AllocaOp>();
  if (!tile || !tile->hasAttr(kLayoutAttrName) || weights.getReduction() ||
      weights.getAccumulate() || weights.getInputs().empty())
    return failure();
  std::optional<ExponentMap> exponent = ExponentMap::match(weights);
  if (!exponent || weights.getInputs()[exponent->score] != found.part)
    return failure();
  found.exponent = *exponent;
  for (Operation *op = weights->getPrevNode(); op; op = op->getPrevNode()) {
    if (!touches(op, tile))
      continue;
    if (auto branch = dyn_cast<scf::IfOp>(op); branch && found.addMasks(branch))
      continue;
    auto einsum = dyn_cast<TileEinsumOp>(op);
    if (!einsum)
      return failure();
    if (einsum.getInit() == found.part && !einsum.getAccumulate() &&
        llvm::none_of(einsum.getInputs(), [&](Value input) {
          return getWholeBuffer(input) == tile;
        }))
      return found;
    if (found.addMaximum(einsum))
      continue;
    Value multiplied = found.addMap(einsum);
    if (!multiplied)
      return failure();
    // What a map computes of scores takes them with all their factors.
    if (!isa<BlockArgument>(multiplied))
      return found;
  }
  return failure();
}

/// Multiplies what `reduction` leaves, but for the identity of a maximum, which
/// stands for rows without a score.
static void multiplyMaximum(OpBuilder &builder, TileEinsumOp reduction,
                            FloatAttr factor) {
  Value maxima = reduction.getInit();
  SmallVector<StringAttr> ranks = reduction.getOutputRanks();
  TileEinsumOp::create(
      builder, reduction.getLoc(), maxima, ranks,
      EinsumAccess::get(maxima, ranks), std::nullopt, /*accumulate=*/false, {},
      [&](OpBuilder &map, Location loc, ValueRange args) -> Value {
        Value least = arith::ConstantOp::create(
            map, loc,
            FloatAttr::get(factor.getType(),
                           APFloat::getLargest(factor.getValue().getSemantics(),
                                               /*Negative=*/true)));
        Value isLeast = arith::CmpFOp::create(
            map, loc, arith::CmpFPredicate::OEQ, args[0], least);
        Value product = arith::MulFOp::create(
            map, loc, args[0], arith::ConstantOp::create(map, loc, factor));
        return arith::SelectOp::create(map, loc, isLeast, least, product);
      });
}

void ScoreScale::defer() {
  if (multiplications.empty())
    return;
  APFloat factor(1.0f);
  for (arith::MulFOp product : multiplications)
    factor.multiply(splitConstant(product).second.getValue(),
                    APFloat::rmNearestTiesToEven);
  // The exponent multiplies by log2(e), too; what is out of range then is
  // another factor.
  APFloat doubled = factor + factor;
  if (!factor.isNormal() || !doubled.isFinite())
    return;
  for (arith::MulFOp product : multiplications) {
    Value value = splitConstant(product).first;
    SmallVector<Value> operands(product->getOperands());
    product.getResult().replaceAllUsesWith(value);
    product.erase();
    for (Value operand : operands)
      if (Operation *op = operand.getDefiningOp(); op && isOpTriviallyDead(op))
        op->erase();
  }
  for (TileEinsumOp map : maps)
    if (map.isIdentityMap())
      map.erase();
  OpBuilder builder(weights);
  auto attribute = FloatAttr::get(builder.getF32Type(), factor);
  for (TileEinsumOp maximum : maxima) {
    builder.setInsertionPointAfter(maximum);
    multiplyMaximum(builder, maximum, attribute);
  }
  exponent.multiplyScore(weights, attribute);
}

namespace {
struct DeferScalesPass
    : public attn::impl::AttnDeferScalesBase<DeferScalesPass> {
  using Base::Base;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (!function->hasAttr(kWarpLanesAttrName))
        continue;
      SmallVector<ScoreScale> scales;
      function.walk([&](TileEinsumOp weights) {
        if (FailureOr<ScoreScale> scale = ScoreScale::find(weights);
            succeeded(scale))
          scales.push_back(*scale);
      });
      for (ScoreScale &scale : scales)
        scale.defer();
    }
  }
};
} // namespace
