//===- PlanEvaluation.cpp - Plans with numbers for their symbols ----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a plan says for given sizes: for tests, counts and reports.
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/SparsityPlan.h"

using namespace mlir;
using namespace mlir::attn;

DenseI64ArrayAttr attn::getTable(PlanAttr plan, StringAttr symbol) {
  std::optional<unsigned> number = PlanAttr::getTableNumber(symbol);
  return number ? plan.getTables()[*number] : DenseI64ArrayAttr();
}

std::optional<int64_t> attn::getHeadSymbol(PlanAttr plan, StringAttr symbol,
                                           int64_t head) {
  if (symbol == PlanSymbols::head)
    return head;
  if (DenseI64ArrayAttr table = getTable(plan, symbol))
    return lookUpHead(table, head);
  return std::nullopt;
}

bool attn::isWholePlan(PlanAttr plan) {
  return llvm::any_of(plan.getPieces(), [](const PlanPiece &piece) {
    return llvm::all_of(piece.constraints.getConstraints(),
                        [](AffineExpr expr) {
                          auto constant = dyn_cast<AffineConstantExpr>(expr);
                          return constant && constant.getValue() >= 0;
                        });
  });
}

bool attn::isEmptyPlan(PlanAttr plan) {
  return llvm::all_of(plan.getPieces(), [](const PlanPiece &piece) {
    return llvm::any_of(piece.constraints.getConstraints(),
                        [](AffineExpr expr) {
                          auto constant = dyn_cast<AffineConstantExpr>(expr);
                          return constant && constant.getValue() < 0;
                        });
  });
}

int64_t attn::evaluateExpr(AffineExpr expr, ArrayRef<int64_t> dims,
                           ArrayRef<int64_t> symbols) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return symbols[symbol.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  int64_t left = evaluateExpr(binary.getLHS(), dims, symbols);
  int64_t right = evaluateExpr(binary.getRHS(), dims, symbols);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return left + right;
  case AffineExprKind::Mul:
    return left * right;
  case AffineExprKind::FloorDiv:
    return right == 0 ? 0 : llvm::divideFloorSigned(left, right);
  case AffineExprKind::CeilDiv:
    return right == 0 ? 0 : llvm::divideCeilSigned(left, right);
  default:
    return right == 0 ? 0 : llvm::mod(left, right);
  }
}

/// The values of a plan at the point (row, key).
static SmallVector<int64_t> evaluateValues(PlanAttr plan, int64_t row,
                                           int64_t key,
                                           ArrayRef<int64_t> symbols) {
  SmallVector<int64_t> known(symbols), values;
  for (const PointValue &value : plan.getValues()) {
    SmallVector<int64_t> results;
    for (AffineExpr expr : value.map.getResults())
      results.push_back(evaluateExpr(expr, {row, key}, known));
    int64_t number = results.front();
    switch (value.kind) {
    case PointValueKind::Max:
      number = *llvm::max_element(results);
      break;
    case PointValueKind::Min:
      number = *llvm::min_element(results);
      break;
    case PointValueKind::PowerOfTwo:
      number = number < 1 ? 0
                          : static_cast<int64_t>(
                                llvm::bit_floor(static_cast<uint64_t>(number)));
      break;
    }
    known.push_back(number);
    values.push_back(number);
  }
  return values;
}

PlanTile::PlanTile(PlanAttr plan, int64_t first, int64_t last,
                   ArrayRef<int64_t> symbols)
    : plan(plan), first(first), last(last), symbols(symbols) {
  // Values that read the key are in no bound.
  SmallVector<int64_t> atFirst = evaluateValues(plan, first, 0, symbols);
  SmallVector<int64_t> atLast = evaluateValues(plan, last, 0, symbols);
  for (auto [a, b] : llvm::zip_equal(atFirst, atLast))
    llvm::append_range(this->symbols, ArrayRef{a, b});
}

TileRanges PlanTile::getRanges(const PlanPiece &piece) const {
  auto evaluateRange = [&](AffineMap lower, AffineMap upper) {
    KeyRange range{std::numeric_limits<int64_t>::min(),
                   std::numeric_limits<int64_t>::max()};
    for (AffineExpr expr : lower.getResults())
      range.begin =
          std::max(range.begin, evaluateExpr(expr, {first, last}, symbols));
    for (AffineExpr expr : upper.getResults())
      range.end =
          std::min(range.end, evaluateExpr(expr, {first, last}, symbols));
    return range;
  };
  return {evaluateRange(piece.liveLower, piece.liveUpper),
          evaluateRange(piece.fullLower, piece.fullUpper)};
}

bool attn::passesConstraints(PlanAttr plan, int64_t row, int64_t key,
                             ArrayRef<int64_t> symbols) {
  SmallVector<int64_t> known(symbols);
  llvm::append_range(known, evaluateValues(plan, row, key, symbols));
  return llvm::any_of(plan.getPieces(), [&](const PlanPiece &piece) {
    return llvm::all_of(piece.constraints.getConstraints(),
                        [&](AffineExpr expr) {
                          return evaluateExpr(expr, {row, key}, known) >= 0;
                        });
  });
}

/// How many keys the row visits, in all pieces.
static int64_t countVisited(PlanAttr plan, int64_t row, int64_t keys,
                            ArrayRef<int64_t> symbols) {
  PlanTile tile(plan, row, row, symbols);
  int64_t visited = 0;
  for (const PlanPiece &piece : tile.getPieces()) {
    KeyRange live = tile.getRanges(piece).live;
    int64_t begin = std::max<int64_t>(live.begin, 0);
    visited += std::max<int64_t>(std::min(live.end, keys) - begin, 0);
  }
  return visited;
}

RowTrend attn::getRowTrend(PlanAttr plan, int64_t rows, int64_t keys) {
  constexpr int64_t kRows = 16, kHeads = 4;
  // Work of tiles that differ by less fills a machine in any order.
  constexpr double kUneven = 1.25;
  double first = 0, last = 0;
  for (int64_t head = 0; head < kHeads; ++head) {
    auto getSymbol = [&](StringAttr symbol) -> int64_t {
      if (symbol == PlanSymbols::rowExtent || symbol == PlanSymbols::rowLength)
        return rows;
      if (symbol == PlanSymbols::keyExtent || symbol == PlanSymbols::keyLength)
        return keys;
      if (symbol == PlanSymbols::diagonal)
        return keys - rows;
      if (PlanAttr::getListNumber(symbol))
        return 1;
      return getHeadSymbol(plan, symbol, head).value_or(0);
    };
    SmallVector<int64_t> symbols =
        llvm::map_to_vector(plan.getSymbols(), getSymbol);
    int64_t distance = std::max<int64_t>(rows / kRows, 1);
    for (int64_t row = distance / 2; row < rows; row += distance)
      (row < rows / 2 ? first : last) +=
          static_cast<double>(countVisited(plan, row, keys, symbols));
  }
  return last > kUneven * first   ? RowTrend::Rising
         : first > kUneven * last ? RowTrend::Falling
                                  : RowTrend::Even;
}
