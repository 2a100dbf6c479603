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

namespace {
/// The keys of a row between the largest of some lines and the least of others.
struct RangeOfRow {
  SmallVector<Line> lowers, uppers;

  KeyRange at(int64_t row) const {
    auto least = [&](const Line &a, const Line &b) {
      return a.at(row) < b.at(row);
    };
    return {llvm::max_element(lowers, least)->at(row),
            llvm::min_element(uppers, least)->at(row)};
  }
};
} // namespace

/// How many keys are in some of `ranges`.
static int64_t countUnion(SmallVector<KeyRange> ranges) {
  llvm::erase_if(ranges, [](const KeyRange &range) { return range.empty(); });
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

/// The live points of a plan whose ranges all have affine ends.
static std::optional<int64_t> countByPieces(PlanAttr plan, int64_t rows,
                                            int64_t keys,
                                            ArrayRef<int64_t> symbols) {
  SmallVector<RangeOfRow> ranges;
  SmallVector<Line> lines;
  for (const PlanPiece &piece : plan.getPieces()) {
    RangeOfRow range{{Line{0, 0}}, {Line{0, keys}}};
    if (!getLines(piece.liveLower, symbols, range.lowers) ||
        !getLines(piece.liveUpper, symbols, range.uppers))
      return std::nullopt;
    llvm::append_range(lines, range.lowers);
    llvm::append_range(lines, range.uppers);
    ranges.push_back(std::move(range));
  }
  auto count = [&](int64_t row) {
    return countUnion(llvm::map_to_vector(
        ranges, [&](const RangeOfRow &range) { return range.at(row); }));
  };
  // Where no two lines meet, their order stays, and a row has as many more keys
  // than the one before as that one.
  SmallVector<int64_t> starts{0};
  for (auto [index, a] : llvm::enumerate(lines))
    for (Line b : ArrayRef(lines).drop_front(index + 1)) {
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
  starts.push_back(rows);
  int64_t sum = 0;
  for (auto [first, end] : llvm::zip(starts, ArrayRef(starts).drop_front()))
    sum += (end - first) * (count(first) + count(end - 1)) / 2;
  return sum;
}

/// The keys in the live ranges of the rows `first` to `last`.
static int64_t countVisited(PlanAttr plan, int64_t first, int64_t last,
                            int64_t keys, ArrayRef<int64_t> symbols) {
  PlanTile tile(plan, first, last, symbols);
  return countUnion(llvm::map_to_vector(
      plan.getPieces(), [&](const PlanPiece &piece) -> KeyRange {
        KeyRange live = tile.getRanges(piece).live;
        return {std::max<int64_t>(live.begin, 0), std::min(live.end, keys)};
      }));
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

/// What a count may take: constraints at points, or ranges of rows.
static constexpr int64_t kMostTests = int64_t(1) << 22;
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
  int64_t constraints = 0;
  for (const PlanPiece &piece : plan.getPieces())
    constraints += std::max(piece.constraints.getNumConstraints(), 1u);
  if (!hasRanges && rows <= kMostTests / keys / constraints) {
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
