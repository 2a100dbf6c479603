//===- StepTest.cpp - Steps without live points ---------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Intervals: what a constraint is at most over the points of a step says
// whether one of them may pass it, what it is at least whether all do.
// CascadeTilerSteps.cpp emits the same as code.
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/StepTest.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// Runs
//===----------------------------------------------------------------------===//

/// Coordinates from which on a window of some of them may leave whole steps of
/// the others out.
static constexpr int64_t kLongAxis = 2 * kShortestRun;

/// How many keys next to each other `expr` gives the same number: the least
/// divisor under which it reads the key, 1 where it reads it undivided, and 0
/// where it does not.
static int64_t getKeyGrain(AffineExpr expr) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dim.getPosition() == 1 ? 1 : 0;
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return 0;
  int64_t left = getKeyGrain(binary.getLHS());
  int64_t right = getKeyGrain(binary.getRHS());
  auto divisor = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (expr.getKind() == AffineExprKind::FloorDiv && divisor && left > 0)
    return left * divisor.getValue();
  return left == 0 || right == 0 ? std::max(left, right)
                                 : std::min(left, right);
}

int64_t attn::getRunLength(PlanAttr plan) {
  int64_t run = 0;
  auto add = [&](int64_t keys) {
    if (keys >= kShortestRun)
      run = run == 0 ? keys : std::min(run, keys);
  };
  auto visit = [&](AffineExpr expr) {
    expr.walk([&](AffineExpr part) {
      auto divisor = part.getKind() == AffineExprKind::Mod
                         ? dyn_cast<AffineConstantExpr>(
                               cast<AffineBinaryOpExpr>(part).getRHS())
                         : AffineConstantExpr();
      if (!divisor)
        return;
      int64_t grain = getKeyGrain(cast<AffineBinaryOpExpr>(part).getLHS());
      if (grain > 1)
        add(grain);
      else if (grain == 1 && divisor.getValue() >= kLongAxis)
        add(kShortestRun);
    });
  };
  for (const PointValue &value : plan.getValues())
    for (AffineExpr expr : value.map.getResults()) {
      visit(expr);
      // Between two powers of two there is room for steps, whatever the block.
      if (value.kind == PointValueKind::PowerOfTwo && getKeyGrain(expr) > 0)
        add(std::max(getKeyGrain(expr), kShortestRun));
    }
  for (const PlanPiece &piece : plan.getPieces())
    llvm::for_each(piece.constraints.getConstraints(), visit);
  return run;
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

namespace {
/// What an expression is at least and at most over the points of a step.
struct StepBounds {
  int64_t least, most;
};
} // namespace

static StepBounds evaluate(AffineExpr expr, ArrayRef<StepBounds> dims,
                           ArrayRef<StepBounds> symbols) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return {constant.getValue(), constant.getValue()};
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return symbols[symbol.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  StepBounds left = evaluate(binary.getLHS(), dims, symbols);
  StepBounds right = evaluate(binary.getRHS(), dims, symbols);
  if (expr.getKind() == AffineExprKind::Add)
    return {left.least + right.least, left.most + right.most};
  if (expr.getKind() == AffineExprKind::Mul) {
    auto [least, most] =
        std::minmax({left.least * right.least, left.least * right.most,
                     left.most * right.least, left.most * right.most});
    return {least, most};
  }
  // Divisors are constants (PL-4).
  int64_t number = right.least;
  StepBounds quotient{llvm::divideFloorSigned(left.least, number),
                      llvm::divideFloorSigned(left.most, number)};
  if (expr.getKind() == AffineExprKind::FloorDiv)
    return quotient;
  if (expr.getKind() == AffineExprKind::CeilDiv)
    return {llvm::divideCeilSigned(left.least, number),
            llvm::divideCeilSigned(left.most, number)};
  // Remainders begin anew where the quotient rises.
  if (quotient.least != quotient.most)
    return {0, number - 1};
  return {left.least - quotient.least * number,
          left.most - quotient.most * number};
}

/// The values of a plan, none of which falls with its operands.
static StepBounds evaluate(const PointValue &value, ArrayRef<StepBounds> dims,
                           ArrayRef<StepBounds> symbols) {
  SmallVector<StepBounds> results =
      llvm::map_to_vector(value.map.getResults(), [&](AffineExpr expr) {
        return evaluate(expr, dims, symbols);
      });
  auto getPower = [](int64_t number) -> int64_t {
    return number < 1 ? 0 : int64_t(1) << llvm::Log2_64(number);
  };
  StepBounds bounds = results.front();
  if (value.kind == PointValueKind::PowerOfTwo)
    return {getPower(bounds.least), getPower(bounds.most)};
  for (const StepBounds &other : ArrayRef(results).drop_front())
    if (value.kind == PointValueKind::Max)
      bounds = {std::max(bounds.least, other.least),
                std::max(bounds.most, other.most)};
    else
      bounds = {std::min(bounds.least, other.least),
                std::min(bounds.most, other.most)};
  return bounds;
}

/// The points where all of `constraints` are 0 or more.
static StepClass classifySet(ArrayRef<AffineExpr> constraints,
                             ArrayRef<StepBounds> dims,
                             ArrayRef<StepBounds> symbols) {
  StepClass step{/*mayBeLive=*/true, /*isFull=*/true};
  for (AffineExpr constraint : constraints) {
    StepBounds value = evaluate(constraint, dims, symbols);
    step.mayBeLive &= value.most >= 0;
    step.isFull &= value.least >= 0;
  }
  return step;
}

StepClass attn::classifyStep(PlanAttr plan, int64_t first, int64_t last,
                             KeyRange keys, ArrayRef<int64_t> symbols) {
  StepBounds dims[] = {{first, last}, {keys.begin, keys.end - 1}};
  SmallVector<StepBounds> bounds = llvm::map_to_vector(
      symbols, [](int64_t number) { return StepBounds{number, number}; });
  for (const PointValue &value : plan.getValues())
    bounds.push_back(evaluate(value, dims, bounds));
  StepClass step{/*mayBeLive=*/false, /*isFull=*/false};
  for (const PlanPiece &piece : plan.getPieces())
    step = step | classifySet(piece.constraints.getConstraints(), dims, bounds);
  return step;
}

TermTest::TermTest(Attribute term) {
  ArrayRef<Attribute> terms;
  if (auto conjunction = dyn_cast<AndAttr>(term)) {
    kind = Kind::And;
    terms = conjunction.getTerms();
  } else if (auto disjunction = dyn_cast<OrAttr>(term)) {
    kind = Kind::Or;
    terms = disjunction.getTerms();
  } else if (auto negation = dyn_cast<NotAttr>(term)) {
    kind = Kind::Not;
    inner.emplace_back(negation.getTerm());
  } else {
    atom = getAtomDefinition(term);
  }
  for (Attribute next : terms)
    inner.emplace_back(next);
}

StepClass TermTest::classify(int64_t first, int64_t last, KeyRange keys,
                             const TermNumbers &numbers) const {
  if (kind == Kind::Not)
    return !inner.front().classify(first, last, keys, numbers);
  bool isAnd = kind == Kind::And;
  StepClass step{/*mayBeLive=*/isAnd, /*isFull=*/isAnd};
  for (const TermTest &term : inner) {
    StepClass next = term.classify(first, last, keys, numbers);
    step = isAnd ? step & next : step | next;
  }
  if (kind != Kind::Atom)
    return step;
  if (!atom)
    return StepClass();
  StepBounds dims[] = {{first, last}, {keys.begin, keys.end - 1}};
  SmallVector<StepBounds> bounds{{numbers.keyCount, numbers.keyCount},
                                 {numbers.head, numbers.head}};
  for (ArrayRef<int64_t> table : atom->tables) {
    int64_t number = lookUpHead(table, numbers.head);
    bounds.push_back({number, number});
  }
  for (const PointValue &value : atom->values)
    bounds.push_back(evaluate(value, dims, bounds));
  for (ArrayRef<AffineExpr> set : atom->sets)
    step = step | classifySet(set, dims, bounds);
  return step;
}
