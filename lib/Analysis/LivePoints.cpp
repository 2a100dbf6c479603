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
#include <map>

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
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr)) {
    // What comes behind the symbols are values of rows.
    if (symbol.getPosition() >= symbols.size())
      return std::nullopt;
    return Line{0, symbols[symbol.getPosition()]};
  }
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

/// The number of points that are live in every one of `pieces`; nothing if the
/// ends of their ranges are not affine in the row.
static std::optional<int64_t> countCommonPoints(ArrayRef<PlanPiece> pieces,
                                                int64_t rows, int64_t keys,
                                                ArrayRef<int64_t> symbols) {
  SmallVector<Line> lowers{Line{0, 0}}, uppers{Line{0, keys}};
  for (const PlanPiece &piece : pieces)
    if (!getLines(piece.liveLower, symbols, lowers) ||
        !getLines(piece.liveUpper, symbols, uppers))
      return std::nullopt;

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

/// The live points of a plan whose ranges all have affine ends.
static std::optional<int64_t> countByPieces(PlanAttr plan, int64_t rows,
                                            int64_t keys,
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
    std::optional<int64_t> common =
        countCommonPoints(chosen, rows, keys, symbols);
    if (!common)
      return std::nullopt;
    count += chosen.size() % 2 == 1 ? *common : -*common;
  }
  return count;
}

/// The keys in the live ranges of the rows `first` to `last`.
static int64_t countVisited(PlanAttr plan, int64_t first, int64_t last,
                            int64_t keys, ArrayRef<int64_t> symbols) {
  PlanTile tile(plan, first, last, symbols);
  SmallVector<KeyRange> ranges;
  for (const PlanPiece &piece : plan.getPieces()) {
    KeyRange live = tile.getRanges(piece).live;
    live.begin = std::max<int64_t>(live.begin, 0);
    live.end = std::min(live.end, keys);
    if (!live.empty())
      ranges.push_back(live);
  }
  llvm::sort(ranges, [](const KeyRange &a, const KeyRange &b) {
    return a.begin < b.begin;
  });
  int64_t count = 0, end = 0;
  for (const KeyRange &range : ranges) {
    count += std::max<int64_t>(range.end - std::max(range.begin, end), 0);
    end = std::max(end, range.end);
  }
  return count;
}

/// Whether every constraint bounds the key alone, so that the live keys of a
/// row are those of the ranges.
static bool isUnionOfRanges(PlanAttr plan) {
  unsigned numSymbols = plan.getSymbols().size();
  SmallVector<bool> readsKey;
  // Whether what is not affine in an expression has to do with the key.
  std::function<bool(AffineExpr, bool)> isPlain = [&](AffineExpr expr,
                                                      bool inDivision) {
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      return !inDivision || dim.getPosition() == 0;
    if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
      return symbol.getPosition() < numSymbols ||
             !readsKey[symbol.getPosition() - numSymbols];
    auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
    if (!binary)
      return true;
    bool divides = expr.getKind() != AffineExprKind::Add &&
                   expr.getKind() != AffineExprKind::Mul;
    // The bounds of a plan need not be tight for a quotient of quotients.
    if (divides && inDivision)
      return false;
    divides |= inDivision;
    return isPlain(binary.getLHS(), divides) &&
           isPlain(binary.getRHS(), divides);
  };
  for (const PointValue &value : plan.getValues())
    readsKey.push_back(
        llvm::any_of(value.map.getResults(), [&](AffineExpr expr) {
          return expr.isFunctionOfDim(1) || !isPlain(expr, false);
        }));
  return llvm::all_of(plan.getPieces(), [&](const PlanPiece &piece) {
    return llvm::all_of(piece.constraints.getConstraints(),
                        [&](AffineExpr expr) { return isPlain(expr, false); });
  });
}

/// What a count may take: tests of points, or ranges of rows.
static constexpr int64_t kMostTests = int64_t(1) << 20;
static constexpr int64_t kMostRanges = int64_t(1) << 14;

LivePoints attn::countLivePoints(PlanAttr plan, int64_t rows, int64_t keys,
                                 ArrayRef<int64_t> symbols) {
  if (rows <= 0 || keys <= 0)
    return {};
  bool hasRanges = isUnionOfRanges(plan);
  if (hasRanges)
    if (std::optional<int64_t> count = countByPieces(plan, rows, keys, symbols))
      return {*count, true};
  LivePoints live;
  if (!hasRanges && rows <= kMostTests / keys) {
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t key = 0; key < keys; ++key)
        live.count += passesConstraints(plan, row, key, symbols);
    return live;
  }
  // Row by row, or as many rows at a time as it takes.
  int64_t step = llvm::divideCeil(rows, kMostRanges);
  live.isExact = hasRanges && step == 1;
  for (int64_t first = 0; first < rows; first += step) {
    int64_t last = std::min(first + step, rows) - 1;
    live.count +=
        (last - first + 1) * countVisited(plan, first, last, keys, symbols);
  }
  return live;
}

std::optional<LivePoints> attn::countLivePoints(CascadeOp cascade, int64_t rows,
                                                int64_t keys) {
  CascadeSpace space = cascade.getSpace();
  // An offset and origins are numbers of the call, and so are an order of
  // tokens, segments and lists.
  if (!cascade.hasSpace() || space.offset || space.readsSlots() ||
      space.isPacked() || !space.getLists().empty() || space.hasPointAtoms() ||
      space.getOrigin(space.queryRank) || space.getOrigin(space.keyRank))
    return std::nullopt;
  PlaneRestriction restriction;
  if (cascade.getSparsity())
    restriction.expression = cascade.getSparsity()->getExpression();
  if (cascade.getAlignment())
    restriction.alignment = *cascade.getAlignment();
  // Full lengths restrict nothing.
  FailureOr<PlanAttr> plan = planSparsity(cascade.getContext(), restriction);
  if (failed(plan))
    return std::nullopt;
  if (!*plan)
    return LivePoints{rows * keys, true};
  PerHeadAttr heads = space.getPerHead();
  if (!heads)
    return countLivePoints(*plan, rows, keys, {rows, keys});

  // On average over the heads; those with the same symbols have the same
  // points.
  constexpr size_t kMostCounts = 64;
  llvm::MapVector<StringAttr, int64_t> extents = cascade.getRankExtents();
  int64_t numHeads =
      1 + heads.getLastHead([&](StringAttr rank) { return extents[rank]; });
  std::map<SmallVector<int64_t>, int64_t> alike;
  for (int64_t head = 0; head < numHeads; ++head) {
    SmallVector<int64_t> symbols{rows, keys};
    for (StringAttr symbol : plan->getSymbols().drop_front(2))
      symbols.push_back(getHeadSymbol(*plan, symbol, head).value_or(0));
    ++alike[symbols];
  }
  if (alike.size() > kMostCounts)
    return std::nullopt;
  LivePoints all{0, true};
  for (auto &[symbols, times] : alike) {
    LivePoints live = countLivePoints(*plan, rows, keys, symbols);
    all.count += live.count * times;
    all.isExact &= live.isExact;
  }
  all.isExact &= all.count % numHeads == 0;
  all.count = llvm::divideCeil(all.count, numHeads);
  return all;
}
