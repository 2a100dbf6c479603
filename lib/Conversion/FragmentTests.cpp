//===- FragmentTests.cpp - Comparisons of a thread's points ---------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A test of points compares sums of coordinates. A thread's rows and columns
// lie at constants from its first ones, so one difference of such sums is
// computed for all its points, and each compares it with a constant of its own.
// Points on a diagonal share theirs.
//
//===----------------------------------------------------------------------===//

#include "FragmentLowering.h"
#include "attn/Conversion/FusedForm.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
/// Finds how integers of a map change from point to point.
class PointSums {
public:
  PointSums(TileEinsumOp einsum, StringAttr row, StringAttr column)
      : einsum(einsum), row(row), column(column) {}

  PointSum get(Value value) {
    if (auto known = sums.find(value); known != sums.end())
      return known->second;
    PointSum sum = compute(value);
    sums[value] = sum;
    return sum;
  }

private:
  PointSum compute(Value value) {
    PointSum sum;
    if (value.getParentBlock() != einsum.getMap())
      return sum;
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      sum.readsRow = einsum.inputUsesRank(argument.getArgNumber(), row);
      sum.readsColumn =
          column && einsum.inputUsesRank(argument.getArgNumber(), column);
      return sum;
    }
    Operation *op = value.getDefiningOp();
    if (auto index = dyn_cast<IndexOp>(op)) {
      sum.row = index.getRankAttr() == row;
      sum.column = index.getRankAttr() == column;
      return sum;
    }
    if (isa<arith::IndexCastOp, arith::IndexCastUIOp, arith::ExtSIOp,
            arith::TruncIOp>(op))
      return get(op->getOperand(0));
    if (isa<arith::AddIOp, arith::SubIOp>(op)) {
      int64_t sign = isa<arith::SubIOp>(op) ? -1 : 1;
      return get(op->getOperand(0)).add(get(op->getOperand(1)), sign);
    }
    APInt factor;
    if (isa<arith::MulIOp>(op) &&
        matchPattern(op->getOperand(1), m_ConstantInt(&factor))) {
      sum = get(op->getOperand(0));
      sum.row *= factor.getSExtValue();
      sum.column *= factor.getSExtValue();
      return sum;
    }
    for (Value operand : op->getOperands()) {
      PointSum other = get(operand);
      sum.readsRow |= other.row != 0 || other.readsRow;
      sum.readsColumn |= other.column != 0 || other.readsColumn;
    }
    return sum;
  }

  TileEinsumOp einsum;
  StringAttr row, column;
  llvm::DenseMap<Value, PointSum> sums;
};
} // namespace

/// Whether `predicate` says of a difference what it says of two sides.
static bool comparesDifferences(arith::CmpIPredicate predicate) {
  switch (predicate) {
  case arith::CmpIPredicate::ult:
  case arith::CmpIPredicate::ule:
  case arith::CmpIPredicate::ugt:
  case arith::CmpIPredicate::uge:
    return false;
  default:
    return true;
  }
}

void FragmentLowering::findTests(StringAttr column) {
  tests.clear();
  PointSums sums(einsum, lane, column);
  for (auto compare : einsum.getMap()->getOps<arith::CmpIOp>()) {
    if (!compare->hasAttr(kExactTestAttrName) ||
        !comparesDifferences(compare.getPredicate()))
      continue;
    PointSum difference =
        sums.get(compare.getLhs()).add(sums.get(compare.getRhs()), -1);
    if (!difference.readsRow || !difference.readsColumn)
      tests.push_back({compare, difference});
  }
}

/// The difference of the sides of `test` at the point of the same row, or of
/// the same column, that is first in the other direction: it stands for all of
/// them.
Value FragmentLowering::emitDifference(OpBuilder &builder,
                                       const PointTest &test, int64_t row,
                                       StringAttr rank, const Column &column,
                                       ArrayRef<Value> arguments) {
  TileCoordinates first = getPoint(row, rank, column);
  if (!test.difference.readsRow)
    first.uniform[lane] = thread.lanes.front();
  if (rank && !test.difference.readsColumn)
    first.uniform[rank] = arith::SubIOp::create(
        builder, loc, column.coordinate,
        arith::ConstantIndexOp::create(builder, loc,
                                       WarpThread::getOffset(column.number)));
  SmallVector<Value> sides =
      body.emitOperands(builder, first, arguments, test.compare);
  return arith::SubIOp::create(builder, loc, sides[0], sides[1]);
}

/// The results of the tests at a point.
IRMapping FragmentLowering::emitTests(OpBuilder &builder, int64_t row,
                                      StringAttr rank, const Column &column,
                                      ArrayRef<Value> arguments) {
  IRMapping results;
  for (auto [number, test] : llvm::enumerate(tests)) {
    int64_t distance = 0;
    if (!test.difference.readsRow)
      distance += test.difference.row * WarpThread::getRowOffset(row);
    if (rank && !test.difference.readsColumn)
      distance += test.difference.column * WarpThread::getOffset(column.number);
    unsigned key = einsum.getInputs().size() + number;
    auto [known, isNew] =
        loaded.try_emplace({key, test.difference.readsRow ? row : -1,
                            test.difference.readsColumn ? column.number : -1});
    if (isNew)
      known->second =
          emitDifference(builder, test, row, rank, column, arguments);
    Value bound = arith::ConstantOp::create(
        builder, loc,
        builder.getIntegerAttr(known->second.getType(), -distance));
    results.map(test.compare.getResult(),
                arith::CmpIOp::create(builder, loc, test.compare.getPredicate(),
                                      known->second, bound)
                    .getResult());
  }
  return results;
}
