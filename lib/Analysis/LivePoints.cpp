//===- LivePoints.cpp - How many points of a plane are live ---------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/LivePoints.h"
#include "attn/Analysis/SparsityPlan.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
/// slope * row + offset.
struct Line {
  int64_t slope = 0;
  int64_t offset = 0;

  int64_t at(int64_t row) const { return slope * row + offset; }
  Line operator+(const Line &other) const {
    return {slope + other.slope, offset + other.offset};
  }
  Line operator-(const Line &other) const {
    return {slope - other.slope, offset - other.offset};
  }
};
} // namespace

/// `expr` for a tile of the one row `row`, as a function of it; nothing if it
/// is not affine.
static std::optional<Line> getLine(AffineExpr expr, ArrayRef<int64_t> symbols) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return Line{0, constant.getValue()};
  if (isa<AffineDimExpr>(expr))
    return Line{1, 0};
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return Line{0, symbols[symbol.getPosition()]};
  auto binary = cast<AffineBinaryOpExpr>(expr);
  std::optional<Line> left = getLine(binary.getLHS(), symbols);
  std::optional<Line> right = getLine(binary.getRHS(), symbols);
  if (!left || !right)
    return std::nullopt;
  if (expr.getKind() == AffineExprKind::Add)
    return *left + *right;
  if (left->slope != 0 && right->slope != 0)
    return std::nullopt;
  if (expr.getKind() == AffineExprKind::Mul) {
    if (left->slope != 0)
      std::swap(left, right);
    return Line{left->offset * right->slope, left->offset * right->offset};
  }
  // Divisions of what does not depend on the row.
  if (left->slope != 0 || right->slope != 0 || right->offset <= 0)
    return std::nullopt;
  switch (expr.getKind()) {
  case AffineExprKind::FloorDiv:
    return Line{0, llvm::divideFloorSigned(left->offset, right->offset)};
  case AffineExprKind::CeilDiv:
    return Line{0, llvm::divideCeilSigned(left->offset, right->offset)};
  default:
    return Line{0, llvm::mod(left->offset, right->offset)};
  }
}

static bool getLines(AffineMap map, ArrayRef<int64_t> symbols,
                     SmallVectorImpl<Line> &lines) {
  for (AffineExpr expr : map.getResults()) {
    std::optional<Line> line = getLine(expr, symbols);
    if (!line)
      return false;
    lines.push_back(*line);
  }
  return true;
}

/// The points that are live in every one of `pieces`, row by row.
static int64_t countRowByRow(ArrayRef<PlanPiece> pieces, int64_t rows,
                             int64_t keys, ArrayRef<int64_t> symbols) {
  int64_t count = 0;
  for (int64_t row = 0; row < rows; ++row) {
    KeyRange common{0, keys};
    for (const PlanPiece &piece : pieces) {
      KeyRange live = evaluatePiece(piece, row, row, symbols).live;
      common.begin = std::max(common.begin, live.begin);
      common.end = std::min(common.end, live.end);
    }
    if (!common.empty())
      count += common.end - common.begin;
  }
  return count;
}

/// The number of points that are live in every one of `pieces`.
static int64_t countCommonPoints(ArrayRef<PlanPiece> pieces, int64_t rows,
                                 int64_t keys, ArrayRef<int64_t> symbols) {
  SmallVector<Line> lowers{Line{0, 0}}, uppers{Line{0, keys}};
  for (const PlanPiece &piece : pieces)
    if (!getLines(piece.liveLower, symbols, lowers) ||
        !getLines(piece.liveUpper, symbols, uppers))
      return countRowByRow(pieces, rows, keys, symbols);

  // A row has max(0, min of all differences) live keys.
  SmallVector<Line> lengths{Line{0, 0}};
  for (Line upper : uppers)
    for (Line lower : lowers)
      lengths.push_back(upper - lower);
  auto getLength = [&](int64_t row) {
    int64_t length = std::numeric_limits<int64_t>::max();
    for (Line line : ArrayRef(lengths).drop_front())
      length = std::min(length, line.at(row));
    return std::max<int64_t>(length, 0);
  };
  // Between two rows where differences meet each other or 0 it is affine.
  SmallVector<int64_t> starts{0};
  for (auto [index, a] : llvm::enumerate(lengths))
    for (Line b : ArrayRef(lengths).drop_front(index + 1)) {
      if (a.slope == b.slope)
        continue;
      int64_t slope = a.slope - b.slope, offset = b.offset - a.offset;
      if (slope < 0) {
        slope = -slope;
        offset = -offset;
      }
      int64_t meet = llvm::divideFloorSigned(offset, slope);
      for (int64_t row : {meet, meet + 1})
        if (0 < row && row < rows)
          starts.push_back(row);
    }
  llvm::sort(starts);
  starts.erase(llvm::unique(starts), starts.end());
  int64_t count = 0;
  for (auto [index, first] : llvm::enumerate(starts)) {
    int64_t end = index + 1 < starts.size() ? starts[index + 1] : rows;
    if (first < end)
      count += (end - first) * (getLength(first) + getLength(end - 1)) / 2;
  }
  return count;
}

int64_t attn::countLivePoints(PlanAttr plan, int64_t rows, int64_t keys,
                              ArrayRef<int64_t> symbols) {
  // Pieces may overlap: what an even number of them share was counted once too
  // often.
  ArrayRef<PlanPiece> pieces = plan.getPieces();
  int64_t count = 0;
  for (unsigned subset = 1; subset < 1u << pieces.size(); ++subset) {
    SmallVector<PlanPiece> chosen;
    for (auto [index, piece] : llvm::enumerate(pieces))
      if (subset >> index & 1)
        chosen.push_back(piece);
    int64_t common = countCommonPoints(chosen, rows, keys, symbols);
    count += chosen.size() % 2 == 1 ? common : -common;
  }
  return count;
}

std::optional<int64_t> attn::countLivePoints(CascadeOp cascade, int64_t rows,
                                             int64_t keys) {
  CascadeSpace space = cascade.getSpace();
  // An offset and origins are numbers of the call, and so is an order of
  // tokens.
  if (!cascade.hasSpace() || space.offset || space.readsSlots() ||
      space.getOrigin(space.queryRank) || space.getOrigin(space.keyRank))
    return std::nullopt;
  PlaneRestriction restriction;
  if (cascade.getSparsity())
    restriction.expression = cascade.getSparsity()->getExpression();
  if (cascade.getAlignment())
    restriction.alignment = *cascade.getAlignment();
  // Full lengths restrict nothing.
  FailureOr<PlanAttr> plan =
      planSparsity(cascade.getContext(), restriction, [&] {
        InFlightDiagnostic diagnostic = cascade.emitError();
        diagnostic.abandon();
        return diagnostic;
      });
  if (failed(plan))
    return std::nullopt;
  if (!*plan)
    return rows * keys;
  return countLivePoints(*plan, rows, keys, {rows, keys});
}
