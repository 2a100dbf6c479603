//===- SparsityPlan.cpp - Closed-form key ranges of a sparsity ------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The live points are constraints over (m, n) and symbols. A tile's live keys
// are the projection of {live, first <= m <= last} on n; its full keys satisfy
// every constraint at that constraint's worst row of the tile. Both are exact
// where m and n have unit coefficients, as they have in every atom so far.
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/SparsityPlan.h"
#include "mlir/Analysis/Presburger/IntegerRelation.h"
#include "mlir/Analysis/Presburger/Simplex.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::attn;
using mlir::presburger::IntegerPolyhedron;
using mlir::presburger::PresburgerSpace;
using mlir::presburger::Simplex;

namespace {

/// Coefficients of an affine function, one per variable and the constant last;
/// as a constraint: function >= 0.
using Row = SmallVector<DynamicAPInt, 8>;

/// A conjunction of constraints over (m, n, symbols).
using Piece = SmallVector<Row>;

/// No tensor has so many tokens: a bound this far away restricts nothing, and
/// smaller ones leave room for sums in 64 bits.
constexpr int64_t kUnreachable = int64_t(1) << 40;

/// The affine functions over a list of variables.
class FunctionSpace {
public:
  explicit FunctionSpace(unsigned numVariables) : numVariables(numVariables) {}

  unsigned getNumVariables() const { return numVariables; }

  Row getConstant(int64_t value) const {
    Row row(numVariables + 1, DynamicAPInt(0));
    row.back() = value;
    return row;
  }
  Row getVariable(unsigned position) const {
    Row row = getConstant(0);
    row[position] = 1;
    return row;
  }

private:
  unsigned numVariables;
};

} // namespace

static Row operator+(Row left, const Row &right) {
  for (auto [a, b] : llvm::zip_equal(left, right))
    a += b;
  return left;
}

static Row operator-(Row left, const Row &right) {
  for (auto [a, b] : llvm::zip_equal(left, right))
    a -= b;
  return left;
}

static Row operator+(Row row, int64_t constant) {
  row.back() += constant;
  return row;
}

/// left <= right.
static Row lessOrEqual(const Row &left, const Row &right) {
  return right - left;
}
/// left < right.
static Row less(const Row &left, const Row &right) { return right - left + -1; }

static IntegerPolyhedron getPolyhedron(unsigned numVariables,
                                       ArrayRef<Row> rows) {
  IntegerPolyhedron set(PresburgerSpace::getSetSpace(numVariables));
  for (const Row &row : rows)
    set.addInequality(row);
  return set;
}

static bool isEmptySet(unsigned numVariables, ArrayRef<Row> context,
                       ArrayRef<Row> rows) {
  SmallVector<Row> all(context);
  llvm::append_range(all, rows);
  return getPolyhedron(numVariables, all).isIntegerEmpty();
}

/// Removes from `rows` what the others and `context` imply, and sorts the rest
/// so that equal sets read the same. The set must not be empty.
static void removeRedundant(unsigned numVariables, ArrayRef<Row> context,
                            SmallVectorImpl<Row> &rows) {
  auto countTerms = [](const Row &row) {
    return llvm::count_if(ArrayRef(row).drop_back(),
                          [](const DynamicAPInt &c) { return c != 0; });
  };
  llvm::sort(rows, [&](const Row &a, const Row &b) {
    auto termsA = countTerms(a), termsB = countTerms(b);
    if (termsA != termsB)
      return termsA < termsB;
    return std::lexicographical_compare(b.begin(), b.end(), a.begin(), a.end());
  });
  SmallVector<Row> all(context);
  llvm::append_range(all, rows);
  Simplex simplex(getPolyhedron(numVariables, all));
  simplex.detectRedundant(context.size(), rows.size());
  SmallVector<Row> kept;
  for (auto [index, row] : llvm::enumerate(rows))
    if (!simplex.isMarkedRedundant(context.size() + index))
      kept.push_back(row);
  rows = std::move(kept);
}

namespace {

/// The plane of a restriction: variables m, n and the symbols.
class Plane : public FunctionSpace {
public:
  static constexpr unsigned kRow = 0, kKey = 1, kFirstSymbol = 2;

  Plane(const PlaneRestriction &restriction)
      : FunctionSpace(kFirstSymbol + 2 + restriction.hasKeyLengths +
                      restriction.hasQueryLengths + restriction.hasDiagonal +
                      restriction.hasKeyOrigin),
        names({PlanSymbols::rowExtent, PlanSymbols::keyExtent}) {
    if (restriction.hasKeyLengths)
      names.push_back(PlanSymbols::keyLength);
    if (restriction.hasQueryLengths)
      names.push_back(PlanSymbols::rowLength);
    if (restriction.hasDiagonal)
      names.push_back(PlanSymbols::diagonal);
    if (restriction.hasKeyOrigin)
      names.push_back(PlanSymbols::keyOrigin);
  }

  ArrayRef<StringRef> getSymbolNames() const { return names; }
  /// The symbol of that name, or of `otherwise` where there is none.
  Row getSymbol(StringRef name, StringRef otherwise) const {
    auto *found = llvm::find(names, name);
    if (found == names.end())
      found = llvm::find(names, otherwise);
    return getVariable(kFirstSymbol + (found - names.begin()));
  }
  Row getSymbol(StringRef name) const { return getSymbol(name, name); }

  /// What holds for every point that loops visit.
  SmallVector<Row> getContext() const {
    Row zero = getConstant(0);
    return {lessOrEqual(zero, getVariable(kRow)),
            less(getVariable(kRow), getSymbol(PlanSymbols::rowExtent)),
            lessOrEqual(zero, getVariable(kKey)),
            less(getVariable(kKey), getSymbol(PlanSymbols::keyExtent))};
  }

private:
  SmallVector<StringRef, 4> names;
};

/// Turns a sparsity expression into conjunctions of constraints, whose union is
/// the live set. Pieces without a point are dropped, and so are those that lie
/// within another; no piece is the empty set, and one without constraints is
/// the whole plane.
class LiveSetBuilder {
public:
  LiveSetBuilder(const Plane &plane, const PlaneRestriction &restriction,
                 function_ref<InFlightDiagnostic()> emitError)
      : plane(plane), key(plane.getVariable(Plane::kKey)), absoluteKey(key),
        position(plane.getVariable(Plane::kRow)), emitError(emitError) {
    if (restriction.hasKeyOrigin)
      absoluteKey = key + plane.getSymbol(PlanSymbols::keyOrigin);
    if (restriction.hasDiagonal)
      position = position + plane.getSymbol(PlanSymbols::diagonal);
    else if (restriction.alignment == Alignment::BottomRight)
      position =
          position +
          plane.getSymbol(PlanSymbols::keyLength, PlanSymbols::keyExtent) -
          plane.getSymbol(PlanSymbols::rowLength, PlanSymbols::rowExtent);
  }

  FailureOr<SmallVector<Piece>> build(Attribute term) {
    return llvm::TypeSwitch<Attribute, FailureOr<SmallVector<Piece>>>(term)
        .Case([&](CausalAttr) {
          return simplify({{lessOrEqual(key, position)}});
        })
        .Case([&](WindowAttr window) {
          Piece piece;
          if (window.getLeft() < kUnreachable)
            piece.push_back(lessOrEqual(position + -window.getLeft(), key));
          if (window.getRight() < kUnreachable)
            piece.push_back(lessOrEqual(key, position + window.getRight()));
          return simplify({piece});
        })
        .Case([&](PrefixAttr prefix) {
          Piece piece;
          if (prefix.getLength() < kUnreachable)
            piece.push_back(
                less(absoluteKey, plane.getConstant(prefix.getLength())));
          return simplify({piece});
        })
        .Case([&](AndAttr conjunction) {
          SmallVector<Piece> pieces{Piece()};
          for (Attribute term : conjunction.getTerms()) {
            FailureOr<SmallVector<Piece>> others = build(term);
            if (failed(others))
              return others;
            FailureOr<SmallVector<Piece>> both = intersect(pieces, *others);
            if (failed(both))
              return both;
            pieces = std::move(*both);
          }
          return FailureOr(pieces);
        })
        .Case([&](OrAttr disjunction) {
          SmallVector<Piece> pieces;
          for (Attribute term : disjunction.getTerms()) {
            FailureOr<SmallVector<Piece>> others = build(term);
            if (failed(others))
              return others;
            llvm::append_range(pieces, *others);
          }
          return simplify(std::move(pieces));
        })
        .Case([&](NotAttr negation) { return complement(negation.getTerm()); })
        .Default([&](Attribute other) -> FailureOr<SmallVector<Piece>> {
          if (SparsityAttr::isTerm(other))
            emitError() << "the atom " << other << " is not planned yet";
          else
            emitError() << "expected a sparsity expression; got " << other;
          return failure();
        });
  }

private:
  FailureOr<SmallVector<Piece>> intersect(ArrayRef<Piece> left,
                                          ArrayRef<Piece> right) {
    SmallVector<Piece> product;
    for (const Piece &piece : left)
      for (const Piece &other : right) {
        product.push_back(piece);
        llvm::append_range(product.back(), other);
      }
    return simplify(std::move(product));
  }

  /// What lies outside of a piece fails at least one of its constraints; what
  /// lies outside of all pieces does so for each.
  FailureOr<SmallVector<Piece>> complement(Attribute term) {
    FailureOr<SmallVector<Piece>> pieces = build(term);
    if (failed(pieces))
      return failure();
    SmallVector<Piece> outside{Piece()};
    for (const Piece &piece : *pieces) {
      SmallVector<Piece> fails;
      for (const Row &row : piece)
        fails.push_back({less(row, plane.getConstant(0))});
      FailureOr<SmallVector<Piece>> rest = intersect(outside, fails);
      if (failed(rest))
        return failure();
      outside = std::move(*rest);
    }
    return outside;
  }

  bool isEmpty(ArrayRef<Row> piece) {
    return isEmptySet(plane.getNumVariables(), plane.getContext(), piece);
  }

  /// Whether every point of `inner` satisfies every constraint of `outer`.
  bool isWithin(const Piece &inner, const Piece &outer) {
    return llvm::all_of(outer, [&](const Row &row) {
      Piece beyond(inner);
      beyond.push_back(less(row, plane.getConstant(0)));
      return isEmpty(beyond);
    });
  }

  FailureOr<SmallVector<Piece>> simplify(SmallVector<Piece> pieces) {
    llvm::erase_if(pieces, [&](const Piece &piece) { return isEmpty(piece); });
    SmallVector<Piece> kept;
    for (Piece &piece : pieces) {
      if (llvm::any_of(
              kept, [&](const Piece &other) { return isWithin(piece, other); }))
        continue;
      llvm::erase_if(
          kept, [&](const Piece &other) { return isWithin(other, piece); });
      kept.push_back(std::move(piece));
    }
    if (kept.size() > kMaxPieces) {
      emitError() << "the live points are a union of " << kept.size()
                  << " parts; a plan holds up to " << kMaxPieces;
      return failure();
    }
    return kept;
  }

  const Plane &plane;
  /// The key within the part and in the whole, and the row's position within
  /// the part.
  Row key, absoluteKey, position;
  function_ref<InFlightDiagnostic()> emitError;
};

/// The space of a tile's ranges: variables n, first, last and the symbols.
class TileSpace : public FunctionSpace {
public:
  static constexpr unsigned kKey = 0, kFirst = 1, kLast = 2, kFirstSymbol = 3;

  TileSpace(const Plane &plane, MLIRContext *context)
      : FunctionSpace(plane.getNumVariables() + 1), plane(plane),
        context(context), rowExtent(getVariable(kFirstSymbol)),
        keyExtent(getVariable(kFirstSymbol + 1)) {}

  /// 0 <= first <= last < M and N >= 0.
  SmallVector<Row> getContext() const {
    Row first = getVariable(kFirst), last = getVariable(kLast);
    return {lessOrEqual(getConstant(0), first), lessOrEqual(first, last),
            less(last, rowExtent), lessOrEqual(getConstant(0), keyExtent)};
  }

  /// The keys that are live for some row of the tile.
  SmallVector<Row> projectLive(const Piece &piece) const {
    // Variables m, n, first, last, symbols; then m is eliminated.
    auto widen = [&](const Row &row) {
      Row wide(row);
      wide.insert(wide.begin() + Plane::kFirstSymbol, 2, DynamicAPInt(0));
      return wide;
    };
    SmallVector<Row> rows;
    for (const Row &row : plane.getContext())
      rows.push_back(widen(row));
    for (const Row &row : piece)
      rows.push_back(widen(row));
    FunctionSpace wide(getNumVariables() + 1);
    Row row = wide.getVariable(0);
    rows.push_back(lessOrEqual(wide.getVariable(2), row));
    rows.push_back(lessOrEqual(row, wide.getVariable(3)));

    IntegerPolyhedron set = getPolyhedron(wide.getNumVariables(), rows);
    set.projectOut(0);
    SmallVector<Row> projected;
    for (unsigned i = 0, e = set.getNumInequalities(); i < e; ++i)
      projected.emplace_back(set.getInequality(i));
    for (unsigned i = 0, e = set.getNumEqualities(); i < e; ++i) {
      projected.emplace_back(set.getEquality(i));
      projected.push_back(getConstant(0) - projected.back());
    }
    return projected;
  }

  /// The keys that are live for every row of the tile.
  SmallVector<Row> restrictToFull(const Piece &piece) const {
    SmallVector<Row> rows{lessOrEqual(getConstant(0), getVariable(kKey)),
                          less(getVariable(kKey), keyExtent)};
    for (const Row &row : piece) {
      Row worst = getConstant(0);
      worst[kKey] = row[Plane::kKey];
      // A constraint that grows with m is hardest on the first row.
      worst[row[Plane::kRow] > 0 ? kFirst : kLast] = row[Plane::kRow];
      for (unsigned i = Plane::kFirstSymbol; i < row.size(); ++i)
        worst[i + 1] = row[i];
      rows.push_back(worst);
    }
    return rows;
  }

  /// Reads a set as bounds on n: [max of the first map, min of the second).
  std::pair<AffineMap, AffineMap> getBounds(SmallVector<Row> rows) const {
    unsigned numSymbols = plane.getSymbolNames().size();
    auto getMap = [&](ArrayRef<AffineExpr> exprs) {
      return AffineMap::get(/*dimCount=*/2, numSymbols, exprs, context);
    };
    AffineExpr zero = getAffineConstantExpr(0, context);
    SmallVector<Row> known = getContext();
    if (isEmptySet(getNumVariables(), known, rows))
      return {getMap(zero), getMap(zero)};

    // Conditions on the tile alone cannot bound n by themselves. They are kept
    // apart, so that no bound is dropped on account of one: where a condition
    // fails, the bounds must still describe an interval that starts at 0 or
    // later.
    SmallVector<Row> bounds, conditions;
    for (Row &row : rows)
      (row[kKey] == 0 ? conditions : bounds).push_back(std::move(row));
    removeRedundant(getNumVariables(), known, bounds);
    llvm::append_range(known, bounds);
    removeRedundant(getNumVariables(), known, conditions);

    SmallVector<AffineExpr> lower, upper;
    for (const Row &row : bounds) {
      auto factor = static_cast<int64_t>(row[kKey]);
      if (factor > 0)
        lower.push_back(getExpr(getConstant(0) - row).ceilDiv(factor));
      else
        upper.push_back(getExpr(row).floorDiv(-factor) + 1);
    }
    // A condition c >= 0 becomes the bound n < N * (c + 1): no restriction
    // where it holds, and nothing left where it fails.
    AffineExpr extent = getAffineSymbolExpr(1, context);
    for (const Row &row : conditions)
      upper.push_back((getExpr(row) + 1) * extent);
    return {getMap(lower), getMap(upper)};
  }

private:
  /// The function without its term in n, over (first, last)[symbols].
  AffineExpr getExpr(const Row &row) const {
    auto toInt = [](const DynamicAPInt &value) {
      return static_cast<int64_t>(value);
    };
    AffineExpr expr = getAffineConstantExpr(0, context);
    for (unsigned i = kFirst; i < getNumVariables(); ++i) {
      AffineExpr variable =
          i < kFirstSymbol ? getAffineDimExpr(i - kFirst, context)
                           : getAffineSymbolExpr(i - kFirstSymbol, context);
      expr = expr + variable * toInt(row[i]);
    }
    return expr + toInt(row.back());
  }

  const Plane &plane;
  MLIRContext *context;
  Row rowExtent, keyExtent;
};

} // namespace

/// The element test: what of `piece` can cut a point that loops visit.
static IntegerSet getElementTest(const Plane &plane, Piece piece,
                                 MLIRContext *context) {
  unsigned numSymbols = plane.getSymbolNames().size();
  SmallVector<Row> known = plane.getContext();
  if (isEmptySet(plane.getNumVariables(), known, piece))
    return IntegerSet::get(/*dimCount=*/2, numSymbols,
                           getAffineConstantExpr(-1, context),
                           /*eqFlags=*/false);
  removeRedundant(plane.getNumVariables(), known, piece);
  SmallVector<AffineExpr> exprs;
  for (const Row &row : piece) {
    AffineExpr expr = getAffineConstantExpr(0, context);
    for (unsigned i = 0; i < plane.getNumVariables(); ++i) {
      AffineExpr variable =
          i < Plane::kFirstSymbol
              ? getAffineDimExpr(i, context)
              : getAffineSymbolExpr(i - Plane::kFirstSymbol, context);
      expr = expr + variable * static_cast<int64_t>(row[i]);
    }
    exprs.push_back(expr + static_cast<int64_t>(row.back()));
  }
  // A set of MLIR has at least one constraint.
  if (exprs.empty())
    exprs.push_back(getAffineConstantExpr(0, context));
  return IntegerSet::get(/*dimCount=*/2, numSymbols, exprs,
                         SmallVector<bool>(exprs.size(), false));
}

FailureOr<PlanAttr>
attn::planSparsity(MLIRContext *context, const PlaneRestriction &restriction,
                   function_ref<InFlightDiagnostic()> emitError) {
  if (!restriction.restricts())
    return PlanAttr();
  Plane plane(restriction);
  SmallVector<Piece> pieces{Piece()};
  if (restriction.expression) {
    FailureOr<SmallVector<Piece>> built =
        LiveSetBuilder(plane, restriction, emitError)
            .build(restriction.expression);
    if (failed(built))
      return failure();
    pieces = std::move(*built);
  }
  // No point is live: one piece says so.
  if (pieces.empty())
    pieces.push_back({plane.getConstant(-1)});
  // Lengths hold everywhere, so they join every piece.
  for (Piece &piece : pieces) {
    if (restriction.hasKeyLengths)
      piece.push_back(less(plane.getVariable(Plane::kKey),
                           plane.getSymbol(PlanSymbols::keyLength)));
    if (restriction.hasQueryLengths)
      piece.push_back(less(plane.getVariable(Plane::kRow),
                           plane.getSymbol(PlanSymbols::rowLength)));
  }
  if (llvm::any_of(pieces, [](const Piece &piece) { return piece.empty(); }))
    return PlanAttr();

  TileSpace tile(plane, context);
  SmallVector<PlanPiece> planned;
  for (const Piece &piece : pieces) {
    PlanPiece &next = planned.emplace_back();
    std::tie(next.liveLower, next.liveUpper) =
        tile.getBounds(tile.projectLive(piece));
    std::tie(next.fullLower, next.fullUpper) =
        tile.getBounds(tile.restrictToFull(piece));
    next.constraints = getElementTest(plane, piece, context);
  }
  SmallVector<StringAttr> symbols;
  for (StringRef name : plane.getSymbolNames())
    symbols.push_back(StringAttr::get(context, name));
  return PlanAttr::get(context, symbols, planned);
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

/// The value of `expr`; a division by zero, which no plan holds, gives 0.
static int64_t evaluate(AffineExpr expr, ArrayRef<int64_t> dims,
                        ArrayRef<int64_t> symbols) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return symbols[symbol.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  int64_t left = evaluate(binary.getLHS(), dims, symbols);
  int64_t right = evaluate(binary.getRHS(), dims, symbols);
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

TileRanges attn::evaluatePiece(const PlanPiece &piece, int64_t first,
                               int64_t last, ArrayRef<int64_t> symbols) {
  auto evaluateRange = [&](AffineMap lower, AffineMap upper) {
    KeyRange range{std::numeric_limits<int64_t>::min(),
                   std::numeric_limits<int64_t>::max()};
    for (AffineExpr expr : lower.getResults())
      range.begin =
          std::max(range.begin, evaluate(expr, {first, last}, symbols));
    for (AffineExpr expr : upper.getResults())
      range.end = std::min(range.end, evaluate(expr, {first, last}, symbols));
    return range;
  };
  return {evaluateRange(piece.liveLower, piece.liveUpper),
          evaluateRange(piece.fullLower, piece.fullUpper)};
}

bool attn::passesConstraints(PlanAttr plan, int64_t row, int64_t key,
                             ArrayRef<int64_t> symbols) {
  return llvm::any_of(plan.getPieces(), [&](const PlanPiece &piece) {
    return llvm::all_of(piece.constraints.getConstraints(),
                        [&](AffineExpr expr) {
                          return evaluate(expr, {row, key}, symbols) >= 0;
                        });
  });
}
