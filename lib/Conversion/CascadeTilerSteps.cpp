//===- CascadeTilerSteps.cpp - Steps that are left out --------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// classifyStep (StepTest.cpp) as code: what the constraints of a plan are at
// least and at most over the points of a step.
//
//===----------------------------------------------------------------------===//

#include "CascadeTiler.h"
#include "IndexBuilder.h"
#include "PointValues.h"
#include "attn/Analysis/StepTest.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::attn;

namespace {

/// What a number is at least and at most; one value where it is known.
struct ValueBounds {
  Value least, most;
};

struct StepEmitter : IndexBuilder {
  ValueBounds evaluate(AffineExpr expr, ArrayRef<ValueBounds> dims,
                       ArrayRef<ValueBounds> symbols);
  ValueBounds evaluate(const PointValue &value, ArrayRef<ValueBounds> dims,
                       ArrayRef<ValueBounds> symbols);
  StepCondition classifySet(ArrayRef<AffineExpr> constraints,
                            ArrayRef<ValueBounds> dims,
                            ArrayRef<ValueBounds> symbols);
  /// `numbers` are those that all atoms read, and `lookUp` gives that of a
  /// table.
  StepCondition
  classifyTerm(Attribute term, ArrayRef<ValueBounds> dims,
               ArrayRef<ValueBounds> numbers,
               function_ref<Value(ArrayRef<int64_t> table)> lookUp);

  Value boolean(bool value) {
    return arith::ConstantIntOp::create(builder, loc, value, /*width=*/1);
  }
  StepCondition unite(StepCondition a, StepCondition b) {
    return {either(a.mayBeLive, b.mayBeLive), either(a.isFull, b.isFull)};
  }
  StepCondition intersect(StepCondition a, StepCondition b) {
    return {both(a.mayBeLive, b.mayBeLive), both(a.isFull, b.isFull)};
  }

private:
  Value either(Value a, Value b) {
    return arith::OrIOp::create(builder, loc, a, b);
  }
  Value invert(Value value) {
    return arith::XOrIOp::create(builder, loc, value, boolean(true));
  }
  ValueBounds getRemainder(ValueBounds dividend, int64_t divisor);
  ValueBounds multiply(ValueBounds a, ValueBounds b);
};

} // namespace

/// Remainders begin anew where the quotient rises.
ValueBounds StepEmitter::getRemainder(ValueBounds dividend, int64_t divisor) {
  Value least = floorDivide(dividend.least, divisor);
  Value most = dividend.least == dividend.most
                   ? least
                   : floorDivide(dividend.most, divisor);
  auto getRest = [&](Value number, Value quotient) {
    return subtract(number, times(quotient, divisor));
  };
  if (least == most) {
    Value rest = getRest(dividend.least, least);
    return {rest, rest};
  }
  Value isSame = equal(least, most);
  return {select(isSame, getRest(dividend.least, least), constant(0)),
          select(isSame, getRest(dividend.most, most), constant(divisor - 1))};
}

/// Only plans that are written by hand hold products of two unknowns.
ValueBounds StepEmitter::multiply(ValueBounds a, ValueBounds b) {
  ValueBounds product;
  for (Value left : {a.least, a.most})
    for (Value right : {b.least, b.most}) {
      Value next = arith::MulIOp::create(builder, loc, left, right);
      product.least = product.least ? this->least(product.least, next) : next;
      product.most = product.most ? this->most(product.most, next) : next;
    }
  return product;
}

ValueBounds StepEmitter::evaluate(AffineExpr expr, ArrayRef<ValueBounds> dims,
                                  ArrayRef<ValueBounds> symbols) {
  if (auto number = dyn_cast<AffineConstantExpr>(expr)) {
    Value value = constant(number.getValue());
    return {value, value};
  }
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return symbols[symbol.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  ValueBounds left = evaluate(binary.getLHS(), dims, symbols);
  auto factor = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (expr.getKind() == AffineExprKind::Mul && !factor)
    return multiply(left, evaluate(binary.getRHS(), dims, symbols));
  if (expr.getKind() == AffineExprKind::Add) {
    ValueBounds right = evaluate(binary.getRHS(), dims, symbols);
    Value least = add(left.least, right.least);
    if (left.least == left.most && right.least == right.most)
      return {least, least};
    return {least, add(left.most, right.most)};
  }
  // Divisors are constants (PL-4).
  int64_t number = factor.getValue();
  if (expr.getKind() == AffineExprKind::Mod)
    return getRemainder(left, number);
  auto scale = [&](Value value) -> Value {
    switch (expr.getKind()) {
    case AffineExprKind::Mul:
      return times(value, number);
    case AffineExprKind::FloorDiv:
      return floorDivide(value, number);
    default:
      return floorDivide(add(value, constant(number - 1)), number);
    }
  };
  Value least = scale(left.least);
  Value most = left.least == left.most ? least : scale(left.most);
  if (expr.getKind() == AffineExprKind::Mul && number < 0)
    std::swap(least, most);
  return {least, most};
}

/// The values of a plan, none of which falls with its operands.
ValueBounds StepEmitter::evaluate(const PointValue &value,
                                  ArrayRef<ValueBounds> dims,
                                  ArrayRef<ValueBounds> symbols) {
  SmallVector<Value> least, most;
  for (AffineExpr expr : value.map.getResults()) {
    ValueBounds bounds = evaluate(expr, dims, symbols);
    least.push_back(bounds.least);
    most.push_back(bounds.most);
  }
  Value lower = buildPointValue(builder, loc, value.kind, least);
  if (least == most)
    return {lower, lower};
  return {lower, buildPointValue(builder, loc, value.kind, most)};
}

/// The points where all of `constraints` are 0 or more.
StepCondition StepEmitter::classifySet(ArrayRef<AffineExpr> constraints,
                                       ArrayRef<ValueBounds> dims,
                                       ArrayRef<ValueBounds> symbols) {
  StepCondition step{boolean(true), boolean(true)};
  Value zero = constant(0);
  auto holds = [&](Value value) {
    return compare(arith::CmpIPredicate::sge, value, zero);
  };
  for (AffineExpr constraint : constraints) {
    ValueBounds value = evaluate(constraint, dims, symbols);
    step = intersect(step, {holds(value.most), holds(value.least)});
  }
  return step;
}

StepCondition
StepEmitter::classifyTerm(Attribute term, ArrayRef<ValueBounds> dims,
                          ArrayRef<ValueBounds> numbers,
                          function_ref<Value(ArrayRef<int64_t> table)> lookUp) {
  if (auto negation = dyn_cast<NotAttr>(term)) {
    StepCondition inner =
        classifyTerm(negation.getTerm(), dims, numbers, lookUp);
    return {invert(inner.isFull), invert(inner.mayBeLive)};
  }
  if (auto conjunction = dyn_cast<AndAttr>(term)) {
    StepCondition step{boolean(true), boolean(true)};
    for (Attribute inner : conjunction.getTerms())
      step = intersect(step, classifyTerm(inner, dims, numbers, lookUp));
    return step;
  }
  StepCondition step{boolean(false), boolean(false)};
  if (auto disjunction = dyn_cast<OrAttr>(term)) {
    for (Attribute inner : disjunction.getTerms())
      step = unite(step, classifyTerm(inner, dims, numbers, lookUp));
    return step;
  }
  // Lists, masks and predicates are data.
  std::optional<AtomDefinition> atom = getAtomDefinition(term);
  if (!atom)
    return {boolean(true), boolean(false)};
  SmallVector<ValueBounds> symbols(numbers);
  for (ArrayRef<int64_t> table : atom->tables) {
    Value number = lookUp(table);
    symbols.push_back({number, number});
  }
  for (const PointValue &value : atom->values)
    symbols.push_back(evaluate(value, dims, symbols));
  for (ArrayRef<AffineExpr> set : atom->sets)
    step = unite(step, classifySet(set, dims, symbols));
  return step;
}

/// Whether steps are left out, or need no test of points, for what terms
/// without ranges say of all their points.
bool CascadeTiler::asksTerms() {
  return !unplannedTerms.empty() && !space.isPacked() &&
         space.permutations.empty();
}

/// Whether steps over the ranges of the plan are left out where no point of
/// them is live. On GPUs, whose copies run ahead of the steps, not those of
/// boxes, whose rows lie in shared memory.
bool CascadeTiler::leavesStepsOut() {
  return (hasCaches || !grid) && !walksTokens() && iterate.getPlan() &&
         (getRunLength(*iterate.getPlan()) > 0 || asksTerms());
}

/// The first and the last row of the item.
std::pair<Value, Value> CascadeTiler::getRowEnds(OpBuilder &builder,
                                                 Location loc) {
  if (Value row = getItemRow())
    return {row, row};
  IndexBuilder index{builder, loc};
  Value others = index.subtract(rowCount, index.constant(1));
  if (grid) {
    // The tokens of a box ascend.
    auto load = [&](Value number) -> Value {
      Value token =
          memref::LoadOp::create(builder, loc, place.grid->rows, number);
      return arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                        token);
    };
    return {load(firstRow), load(index.add(firstRow, others))};
  }
  Value first = toPlane(builder, loc, firstRow);
  return {first, toPlane(builder, loc, index.add(firstRow, others))};
}

/// Classifies the step up to `stepEnd`, which is not empty.
StepCondition CascadeTiler::buildStepCondition(OpBuilder &builder, Location loc,
                                               Value stepEnd) {
  PlanAttr plan = *iterate.getPlan();
  StepEmitter emit{{builder, loc}};
  auto [first, last] = getRowEnds(builder, loc);
  ValueBounds dims[] = {{first, last},
                        {stepFirst, emit.subtract(stepEnd, emit.constant(1))}};
  SmallVector<ValueBounds> bounds = llvm::map_to_vector(
      planSymbols, [](Value value) { return ValueBounds{value, value}; });
  for (const PointValue &value : plan.getValues())
    bounds.push_back(emit.evaluate(value, dims, bounds));
  StepCondition step;
  for (const PlanPiece &piece : plan.getPieces()) {
    StepCondition next =
        emit.classifySet(piece.constraints.getConstraints(), dims, bounds);
    step = step.isFull ? emit.unite(step, next) : next;
  }
  if (!asksTerms()) {
    // What reads tokens, a mask or a predicate may fail at any slot.
    if (testsTokensOfSlots() || !testedTerms.empty())
      step.isFull = emit.boolean(false);
    return step;
  }
  // Terms speak of positions.
  auto move = [&](ValueBounds &ends, Value distance) {
    if (distance)
      ends = {emit.add(ends.least, distance), emit.add(ends.most, distance)};
  };
  move(dims[0], getOrigin(builder, loc, space.queryRank));
  move(dims[0], pointNumbers.offset);
  move(dims[1], getOrigin(builder, loc, space.keyRank));
  Value head = pointNumbers.head ? pointNumbers.head : emit.constant(0);
  ValueBounds numbers[] = {{pointNumbers.keyCount, pointNumbers.keyCount},
                           {head, head}};
  for (Attribute term : testedTerms) {
    StepCondition next{emit.boolean(true), emit.boolean(false)};
    if (llvm::is_contained(unplannedTerms, term))
      next = emit.classifyTerm(term, dims, numbers, [&](auto table) {
        return pointNumbers.tables.lookup(builder.getDenseI64ArrayAttr(table));
      });
    step = emit.intersect(step, next);
  }
  return step;
}
