//===- ExponentMap.cpp - The map that makes weights of scores -------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExponentMap.h"
#include "Contractions.h"
#include "attn/Analysis/CascadeUtils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::attn;

/// The exponential of `map`, if it has one.
static math::Exp2Op findExponential(TileEinsumOp map) {
  auto found = map.getMap()->getOps<math::Exp2Op>();
  return llvm::hasSingleElement(found) ? *found.begin() : math::Exp2Op();
}

std::optional<ExponentMap> ExponentMap::match(TileEinsumOp map) {
  math::Exp2Op exponential = findExponential(map);
  if (!exponential || !exponential.getType().isF32() ||
      !exponential.getOperand().hasOneUse())
    return std::nullopt;
  auto [difference, scale] = splitConstant(exponential.getOperand());
  auto minus = difference.getDefiningOp<arith::SubFOp>();
  if (!minus || !difference.hasOneUse())
    return std::nullopt;
  auto [score, factor] = splitConstant(minus.getLhs());
  auto scores = dyn_cast<BlockArgument>(score),
       maxima = dyn_cast<BlockArgument>(minus.getRhs());
  if (!scores || !maxima || !score.hasOneUse() || !maxima.hasOneUse() ||
      !minus.getLhs().hasOneUse() || scores.getOwner() != map.getMap() ||
      maxima.getOwner() != map.getMap())
    return std::nullopt;
  auto one = FloatAttr::get(exponential.getType(), 1.0);
  return ExponentMap{scores.getArgNumber(), maxima.getArgNumber(),
                     factor ? factor : one, scale ? scale : one};
}

void ExponentMap::multiplyScore(TileEinsumOp map, FloatAttr by) const {
  BlockArgument argument = map.getMap()->getArgument(score);
  OpBuilder builder = OpBuilder::atBlockBegin(map.getMap());
  auto product = arith::MulFOp::create(
      builder, map.getLoc(), argument,
      arith::ConstantOp::create(builder, map.getLoc(), by));
  argument.replaceAllUsesExcept(product, product);
}

void ExponentMap::contract(TileEinsumOp map) const {
  math::Exp2Op exponential = findExponential(map);
  OpBuilder builder(exponential);
  Location loc = exponential.getLoc();
  Type type = exponential.getType();
  auto constant = [&](const APFloat &value) -> Value {
    return arith::ConstantOp::create(builder, loc, FloatAttr::get(type, value));
  };
  APFloat both = factor.getValue();
  both.multiply(scale.getValue(), APFloat::rmNearestTiesToEven);
  APFloat zero(0.0f);
  Value largest = map.getMap()->getArgument(maximum);
  Value isNear =
      arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT,
                            math::AbsFOp::create(builder, loc, largest),
                            constant(APFloat(kLargestMaximum)));
  Value offset = arith::SelectOp::create(
      builder, loc, isNear,
      arith::MulFOp::create(builder, loc, largest,
                            constant(neg(scale.getValue()))),
      constant(zero));
  Value before = exponential.getOperand();
  exponential.setOperand(math::FmaOp::create(
      builder, loc, map.getMap()->getArgument(score), constant(both), offset));
  // The difference, and what it was computed of.
  SmallVector<Value> unused(1, before);
  while (!unused.empty()) {
    Operation *op = unused.pop_back_val().getDefiningOp();
    if (!op || op->getBlock() != map.getMap() || !isOpTriviallyDead(op))
      continue;
    llvm::append_range(unused, op->getOperands());
    op->erase();
  }
}
