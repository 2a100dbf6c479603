//===- SparsityPlan.cpp - Closed-form key ranges of a sparsity ------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The live points are constraints over (m, n), symbols and locals. A tile's
// live keys are the projection of {live, first <= m <= last} on n; its full
// keys satisfy every constraint at that constraint's worst row of the tile.
// Both are exact where m and n have unit coefficients and no local stands in
// between.
//
// A local that only rises or only falls with the row is, over a tile, between
// what it is at the first and at the last row: two symbols of the tile. Any
// other is replaced by what its definition says about it, which is sound.
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/SparsityPlan.h"
#include "LiveSet.h"

using namespace mlir;
using namespace mlir::attn;

/// What reads as `expr` prints, summand by summand.
static AffineExpr reread(AffineExpr expr) {
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return expr;
  if (expr.getKind() != AffineExprKind::Add)
    return getAffineBinaryOpExpr(expr.getKind(), reread(binary.getLHS()),
                                 reread(binary.getRHS()));
  SmallVector<AffineExpr> summands, worklist{expr};
  while (!worklist.empty()) {
    AffineExpr next = worklist.pop_back_val();
    auto sum = dyn_cast<AffineBinaryOpExpr>(next);
    if (sum && next.getKind() == AffineExprKind::Add)
      worklist.append({sum.getRHS(), sum.getLHS()});
    else
      summands.push_back(reread(next));
  }
  AffineExpr total = summands.front();
  for (AffineExpr summand : ArrayRef(summands).drop_front())
    total = total + summand;
  return total;
}

/// MLIR orders the summands of an expression by how it was put together: puts
/// `expr` together so that a plan reads back as it was printed.
static AffineExpr settleOrder(AffineExpr expr) {
  constexpr int kMostRounds = 8;
  for (int round = 0; round < kMostRounds; ++round) {
    AffineExpr again = reread(expr);
    if (again == expr)
      break;
    expr = again;
  }
  return expr;
}
using llvm::DynamicAPInt;
using mlir::presburger::IntegerPolyhedron;

static int64_t toInt(const DynamicAPInt &value) {
  return static_cast<int64_t>(value);
}

namespace {

/// The plane and the tile at once: the variables of the plane, the first and
/// the last row, and per local its values at these rows.
class TilePlane : public FunctionSpace {
public:
  explicit TilePlane(const Plane &plane)
      : FunctionSpace(plane.getNumVariables() + 2 +
                      2 * plane.getLocals().size()),
        plane(plane) {}

  unsigned getFirstRow() const { return plane.getNumVariables(); }
  unsigned getLastRow() const { return getFirstRow() + 1; }
  unsigned getAtFirst(unsigned local) const {
    return getFirstRow() + 2 + 2 * local;
  }
  unsigned getAtLast(unsigned local) const { return getAtFirst(local) + 1; }

  /// A function over the plane.
  Row widen(const Row &row) const {
    Row wide = getConstant(toInt(row.back()));
    std::copy(row.begin(), row.end() - 1, wide.begin());
    return wide;
  }
  /// The same with its row the first or the last one of the tile. It does not
  /// depend on the key.
  Row widenAt(const Row &row, bool atLast) const {
    Row wide = widen(row);
    std::swap(wide[Plane::kRow], wide[atLast ? getLastRow() : getFirstRow()]);
    for (unsigned i = 0; i < plane.getLocals().size(); ++i)
      std::swap(wide[plane.getFirstLocal() + i],
                wide[atLast ? getAtLast(i) : getAtFirst(i)]);
    return wide;
  }

  /// What follows from `row` without locals other than quotients of keys, for
  /// whatever rows of the tile.
  SmallVector<Row> relax(const Row &row) const;
  /// What implies `row` for all rows of the tile, over the key and the tile.
  Row tighten(const Row &row) const;

  /// The quotients of keys alone, which relax leaves.
  bool isKeyQuotient(unsigned local) const {
    const Local &l = plane.getLocals()[local];
    return l.isQuotient() && l.readsKey && !l.readsRow;
  }

private:
  /// `row` with the bound `bound` of the local in its place: least <= local.
  Row replace(Row row, unsigned variable, Row bound,
              int64_t multiple = 1) const {
    DynamicAPInt coefficient = row[variable];
    row[variable] = 0;
    return row * DynamicAPInt(multiple) + bound * coefficient;
  }
  /// The end of the tile at which a monotone local is largest, or least.
  Row getExtreme(unsigned local, bool largest) const {
    bool atLast = plane.getLocals()[local].isRising == largest;
    return getVariable(atLast ? getAtLast(local) : getAtFirst(local));
  }

  const Plane &plane;
};

} // namespace

SmallVector<Row> TilePlane::relax(const Row &row) const {
  SmallVector<Row> rows{widen(row)};
  for (unsigned index = plane.getLocals().size(); index-- > 0;) {
    if (isKeyQuotient(index))
      continue;
    const Local &local = plane.getLocals()[index];
    unsigned variable = plane.getFirstLocal() + index;
    SmallVector<Row> next;
    for (Row &row : rows) {
      if (row[variable] == 0) {
        next.push_back(std::move(row));
        continue;
      }
      // A term that should be large: what the local is at most, or at least.
      bool wantsMost = row[variable] > 0;
      if (local.isMonotone()) {
        next.push_back(replace(row, variable, getExtreme(index, wantsMost)));
        continue;
      }
      if (local.isQuotient()) {
        Row operand = widen(local.operands.front());
        if (!wantsMost)
          operand = operand + (1 - local.divisor);
        next.push_back(replace(row, variable, operand, local.divisor));
        continue;
      }
      bool isBound =
          local.kind == (wantsMost ? PointValueKind::Min : PointValueKind::Max);
      if (isBound)
        for (const Row &operand : local.operands)
          next.push_back(replace(row, variable, widen(operand)));
      if (std::optional<int64_t> bound = wantsMost ? local.most : local.least)
        next.push_back(replace(row, variable, getConstant(*bound)));
      if (local.kind == PointValueKind::PowerOfTwo && !wantsMost)
        next.push_back(
            replace(row, variable, widen(local.operands.front()), 2));
    }
    rows = std::move(next);
  }
  return rows;
}

Row TilePlane::tighten(const Row &row) const {
  Row tight = widen(row);
  Row never = getConstant(-1);
  for (unsigned index = plane.getLocals().size(); index-- > 0;) {
    const Local &local = plane.getLocals()[index];
    unsigned variable = plane.getFirstLocal() + index;
    if (tight[variable] == 0)
      continue;
    // A term that may be small: what the local is at least, or at most.
    bool wantsMost = tight[variable] < 0;
    if (local.isMonotone()) {
      tight = replace(tight, variable, getExtreme(index, wantsMost));
      continue;
    }
    if (local.isQuotient()) {
      Row operand = widen(local.operands.front());
      // q <= x and q >= x are bounds on the dividend, and nothing is lost.
      bool isOnly = (tight[variable] == 1 || tight[variable] == -1) &&
                    tight[Plane::kKey] == 0 && !local.readsRow;
      for (unsigned other = 0; other < index; ++other)
        isOnly &= tight[plane.getFirstLocal() + other] == 0 ||
                  !plane.getLocals()[other].readsKey;
      if (isOnly && wantsMost)
        tight = replace(tight, variable, operand, local.divisor) +
                (local.divisor - 1);
      else if (isOnly)
        tight = replace(tight, variable, operand, local.divisor);
      else if (wantsMost)
        tight = replace(tight, variable, operand, local.divisor);
      else
        tight = replace(tight, variable, operand + (1 - local.divisor),
                        local.divisor);
      continue;
    }
    if (std::optional<int64_t> bound = wantsMost ? local.most : local.least) {
      tight = replace(tight, variable, getConstant(*bound));
      continue;
    }
    bool isBound =
        local.kind == (wantsMost ? PointValueKind::Min : PointValueKind::Max);
    if (!isBound)
      return never;
    tight = replace(tight, variable, widen(local.operands.front()));
  }
  // A constraint that grows with m is hardest on the first row.
  unsigned worst = tight[Plane::kRow] > 0 ? getFirstRow() : getLastRow();
  tight[worst] += tight[Plane::kRow];
  tight[Plane::kRow] = 0;
  return tight;
}

namespace {

/// The space of a tile's ranges: variables n, first, last, the symbols, and of
/// each monotone local its values at the first and the last row.
class TileSpace : public FunctionSpace {
public:
  static constexpr unsigned kKey = 0, kFirst = 1, kLast = 2, kFirstSymbol = 3;

  TileSpace(const Plane &plane, MLIRContext *context)
      : FunctionSpace(0), plane(plane), wide(plane), context(context) {
    variables = {Plane::kKey, wide.getFirstRow(), wide.getLastRow()};
    for (unsigned i = Plane::kFirstSymbol; i < plane.getFirstLocal(); ++i)
      variables.push_back(i);
    for (auto [index, local] : llvm::enumerate(plane.getLocals()))
      if (local.isMonotone())
        llvm::append_range(
            variables, ArrayRef{wide.getAtFirst(index), wide.getAtLast(index)});
    numVariables = variables.size();
    rowExtent = getVariable(kFirstSymbol);
    keyExtent = getVariable(kFirstSymbol + 1);
    buildContext();
  }

  /// The keys that are live for some row of the tile.
  SmallVector<Row> projectLive(const Piece &piece) const;

  /// The keys that are live for every row of the tile.
  SmallVector<Row> restrictToFull(const Piece &piece) const {
    SmallVector<Row> rows{lessOrEqual(getConstant(0), getVariable(kKey)),
                          less(getVariable(kKey), keyExtent)};
    for (const Row &row : piece)
      rows.push_back(narrow(wide.tighten(row)));
    return rows;
  }

  /// Reads a set as bounds on n: [max of the first map, min of the second).
  std::pair<AffineMap, AffineMap> getBounds(SmallVector<Row> rows) const;

private:
  /// 0 <= first <= last < M and N >= 0, and what locals are at these rows.
  void buildContext();

  /// A function of the variables of this space.
  Row narrow(const Row &row) const {
    Row result = getConstant(toInt(row.back()));
    for (auto [index, variable] : llvm::enumerate(variables))
      result[index] = row[variable];
    return result;
  }
  /// Whether a function adds up a few numbers of tokens, and no positions or
  /// other numbers of the call, which may be far larger.
  bool isOfTokens(const Row &row) const;
  /// The function without its term in n, over (first, last)[symbols].
  AffineExpr getExpr(const Row &row) const;
  /// What variable `index` of this space is.
  AffineExpr getVariableExpr(unsigned index) const;
  /// A function over the plane at the first or the last row.
  AffineExpr getExprAt(const Row &row, bool atLast) const;

  const Plane &plane;
  TilePlane wide;
  MLIRContext *context;
  /// Where the variables stand among those of `wide`.
  SmallVector<unsigned> variables;
  Row rowExtent, keyExtent;
  SmallVector<Row> known;
};

} // namespace

void TileSpace::buildContext() {
  Row first = getVariable(kFirst), last = getVariable(kLast);
  known = {lessOrEqual(getConstant(0), first), lessOrEqual(first, last),
           less(last, rowExtent), lessOrEqual(getConstant(0), keyExtent)};
  for (const Row &row : plane.getSymbolContext())
    known.push_back(narrow(wide.widen(row)));
  for (auto [index, local] : llvm::enumerate(plane.getLocals())) {
    if (!local.isMonotone())
      continue;
    Row atFirst = narrow(wide.getVariable(wide.getAtFirst(index)));
    Row atLast = narrow(wide.getVariable(wide.getAtLast(index)));
    known.push_back(local.isRising ? lessOrEqual(atFirst, atLast)
                                   : lessOrEqual(atLast, atFirst));
    // Operands that are not monotone are not variables of a tile.
    bool isClosed = llvm::all_of(local.operands, [&](const Row &operand) {
      for (auto [other, inner] : llvm::enumerate(plane.getLocals()))
        if (operand[plane.getFirstLocal() + other] != 0 && !inner.isMonotone())
          return false;
      return true;
    });
    if (!isClosed)
      continue;
    for (bool isLast : {false, true})
      appendDefinition(local, isLast ? atLast : atFirst,
                       llvm::map_to_vector(local.operands,
                                           [&](const Row &operand) {
                                             return narrow(
                                                 wide.widenAt(operand, isLast));
                                           }),
                       known);
  }
}

SmallVector<Row> TileSpace::projectLive(const Piece &piece) const {
  // Over quotients of keys, m and the variables of this space; the first of
  // these are then eliminated.
  SmallVector<unsigned> order;
  for (unsigned i = 0; i < plane.getLocals().size(); ++i)
    if (wide.isKeyQuotient(i))
      order.push_back(plane.getFirstLocal() + i);
  order.push_back(Plane::kRow);
  unsigned eliminated = order.size();
  llvm::append_range(order, variables);
  SmallVector<Row> rows;
  auto add = [&](const Row &row) {
    Row &ordered = rows.emplace_back(order.size() + 1);
    for (auto [index, variable] : llvm::enumerate(order))
      ordered[index] = row[variable];
    ordered.back() = row.back();
  };
  auto addRelaxed = [&](const Row &row) {
    for (const Row &relaxed : wide.relax(row))
      add(relaxed);
  };
  Row zero = plane.getConstant(0), m = plane.getVariable(Plane::kRow);
  Row n = plane.getVariable(Plane::kKey);
  addRelaxed(lessOrEqual(zero, m));
  addRelaxed(less(m, plane.getSymbol(PlanSymbols::rowExtent)));
  addRelaxed(lessOrEqual(zero, n));
  addRelaxed(less(n, plane.getSymbol(PlanSymbols::keyExtent)));
  for (const Row &row : piece)
    addRelaxed(row);
  for (auto [index, local] : llvm::enumerate(plane.getLocals()))
    if (wide.isKeyQuotient(index)) {
      SmallVector<Row> definition;
      appendDefinition(local, plane.getVariable(plane.getFirstLocal() + index),
                       local.operands, definition);
      llvm::for_each(definition, addRelaxed);
    }
  Row row = wide.getVariable(Plane::kRow);
  add(lessOrEqual(wide.getVariable(wide.getFirstRow()), row));
  add(lessOrEqual(row, wide.getVariable(wide.getLastRow())));

  IntegerPolyhedron set = getPolyhedron(order.size(), rows);
  set.projectOut(0, eliminated);
  SmallVector<Row> projected;
  for (unsigned i = 0, e = set.getNumInequalities(); i < e; ++i)
    projected.emplace_back(set.getInequality(i));
  for (unsigned i = 0, e = set.getNumEqualities(); i < e; ++i) {
    projected.emplace_back(set.getEquality(i));
    projected.push_back(getConstant(0) - projected.back());
  }
  return projected;
}

std::pair<AffineMap, AffineMap>
TileSpace::getBounds(SmallVector<Row> rows) const {
  unsigned numSymbols =
      plane.getSymbolNames().size() + 2 * plane.getNumValues();
  auto getMap = [&](ArrayRef<AffineExpr> exprs) {
    return AffineMap::get(/*dimCount=*/2, numSymbols,
                          llvm::map_to_vector(exprs, settleOrder), context);
  };
  AffineExpr zero = getAffineConstantExpr(0, context);
  if (isEmptySet(getNumVariables(), known, rows,
                 /*exactly=*/plane.getLocals().empty()))
    return {getMap(zero), getMap(zero)};

  // Conditions on the tile alone cannot bound n by themselves. They are kept
  // apart, so that no bound is dropped on account of one: where a condition
  // fails, the bounds must still describe an interval that starts at 0 or
  // later.
  SmallVector<Row> bounds, conditions;
  for (Row &row : rows)
    (row[kKey] == 0 ? conditions : bounds).push_back(std::move(row));
  removeRedundant(getNumVariables(), known, bounds);
  SmallVector<Row> all(known);
  llvm::append_range(all, bounds);
  removeRedundant(getNumVariables(), all, conditions);

  SmallVector<AffineExpr> lower, upper;
  for (const Row &row : bounds) {
    int64_t factor = toInt(row[kKey]);
    if (factor > 0)
      lower.push_back(getExpr(getConstant(0) - row).ceilDiv(factor));
    else
      upper.push_back(getExpr(row).floorDiv(-factor) + 1);
  }
  // A condition c >= 0 becomes the bound n < N * (c + 1): no restriction
  // where it holds, and nothing left where it fails. Of numbers of the call, c
  // is divided first: the quotient is as negative as c, and its product with an
  // extent fits 64 bits.
  AffineExpr extent = getAffineSymbolExpr(1, context);
  for (const Row &row : conditions) {
    AffineExpr condition = getExpr(row);
    if (!isOfTokens(row))
      condition = condition.floorDiv(kFarPosition);
    upper.push_back((condition + 1) * extent);
  }
  return {getMap(lower), getMap(upper)};
}

bool TileSpace::isOfTokens(const Row &row) const {
  // Tensors have at most 2^30 tokens on GPUs, and few have more elsewhere.
  constexpr int64_t kMostTerms = 4, kMostConstant = int64_t(1) << 30;
  int64_t terms = 0;
  for (unsigned i = kFirst; i < getNumVariables(); ++i) {
    if (row[i] == 0)
      continue;
    bool isRow = i < kFirstSymbol;
    if (!isRow && i >= kFirstSymbol + plane.getSymbolNames().size())
      return false;
    if (!isRow) {
      StringRef name = plane.getSymbolNames()[i - kFirstSymbol];
      if (name == PlanSymbols::diagonal || name == PlanSymbols::keyOrigin ||
          name == PlanSymbols::head || name.starts_with("T"))
        return false;
    }
    int64_t factor = std::abs(toInt(row[i]));
    if (factor > kMostTerms || (terms += factor) > kMostTerms)
      return false;
  }
  return std::abs(toInt(row.back())) < kMostConstant;
}

AffineExpr TileSpace::getExpr(const Row &row) const {
  AffineExpr expr = getAffineConstantExpr(0, context);
  for (unsigned i = kFirst; i < getNumVariables(); ++i)
    if (row[i] != 0)
      expr = expr + getVariableExpr(i) * toInt(row[i]);
  return expr + toInt(row.back());
}

AffineExpr TileSpace::getVariableExpr(unsigned index) const {
  unsigned numSymbols = plane.getSymbolNames().size();
  if (index < kFirstSymbol)
    return getAffineDimExpr(index - kFirst, context);
  if (index < kFirstSymbol + numSymbols)
    return getAffineSymbolExpr(index - kFirstSymbol, context);
  unsigned pair = variables[index] - wide.getAtFirst(0);
  bool atLast = pair % 2 == 1;
  const Local &local = plane.getLocals()[pair / 2];
  if (local.isQuotient())
    return getExprAt(local.operands.front(), atLast).floorDiv(local.divisor);
  return getAffineSymbolExpr(numSymbols + 2 * local.value + atLast, context);
}

AffineExpr TileSpace::getExprAt(const Row &row, bool atLast) const {
  AffineExpr expr = getAffineConstantExpr(toInt(row.back()), context);
  unsigned numSymbols = plane.getSymbolNames().size();
  for (unsigned i = 0; i < plane.getNumVariables(); ++i) {
    if (row[i] == 0)
      continue;
    AffineExpr variable;
    if (i == Plane::kRow)
      variable = getAffineDimExpr(atLast, context);
    else if (i < plane.getFirstLocal())
      variable = getAffineSymbolExpr(i - Plane::kFirstSymbol, context);
    else {
      const Local &local = plane.getLocals()[i - plane.getFirstLocal()];
      variable = local.isQuotient()
                     ? getExprAt(local.operands.front(), atLast)
                           .floorDiv(local.divisor)
                     : getAffineSymbolExpr(
                           numSymbols + 2 * local.value + atLast, context);
    }
    expr = expr + variable * toInt(row[i]);
  }
  return expr;
}

static unsigned countTerms(const Row &row) {
  return llvm::count_if(ArrayRef(row).drop_back(),
                        [](const DynamicAPInt &c) { return c != 0; });
}

/// A function of the plane over (m, n)[symbols, values].
static AffineExpr getPointExpr(const Plane &plane, Row row,
                               MLIRContext *context) {
  AffineExpr expr = getAffineConstantExpr(0, context);
  // e - k * (e floordiv k) is a remainder, which is small where e is large.
  for (unsigned index = plane.getLocals().size(); index-- > 0;) {
    const Local &local = plane.getLocals()[index];
    unsigned variable = plane.getFirstLocal() + index;
    if (row[variable] == 0 || !local.isQuotient() ||
        row[variable] % DynamicAPInt(local.divisor) != 0)
      continue;
    DynamicAPInt times = -row[variable] / DynamicAPInt(local.divisor);
    Row rest = row - local.operands.front() * times;
    rest[variable] = 0;
    if (countTerms(rest) + 1 >= countTerms(row))
      continue;
    AffineExpr dividend = getPointExpr(plane, local.operands.front(), context);
    expr = expr + (dividend % local.divisor) * toInt(times);
    row = rest;
  }
  for (unsigned i = 0; i < plane.getNumVariables(); ++i) {
    if (row[i] == 0)
      continue;
    AffineExpr variable;
    if (i < Plane::kFirstSymbol)
      variable = getAffineDimExpr(i, context);
    else if (i < plane.getFirstLocal())
      variable = getAffineSymbolExpr(i - Plane::kFirstSymbol, context);
    else {
      const Local &local = plane.getLocals()[i - plane.getFirstLocal()];
      variable =
          local.isQuotient()
              ? getPointExpr(plane, local.operands.front(), context)
                    .floorDiv(local.divisor)
              : getAffineSymbolExpr(plane.getSymbolNames().size() + local.value,
                                    context);
    }
    expr = expr + variable * toInt(row[i]);
  }
  return expr + toInt(row.back());
}

/// The element test: what of `piece` can cut a point that loops visit.
static IntegerSet getElementTest(const Plane &plane, Piece piece,
                                 MLIRContext *context) {
  unsigned numSymbols = plane.getSymbolNames().size() + plane.getNumValues();
  SmallVector<Row> known = plane.getContext();
  if (isEmptySet(plane.getNumVariables(), known, piece,
                 /*exactly=*/plane.getLocals().empty()))
    return IntegerSet::get(/*dimCount=*/2, numSymbols,
                           getAffineConstantExpr(-1, context),
                           /*eqFlags=*/false);
  removeRedundant(plane.getNumVariables(), known, piece);
  SmallVector<AffineExpr> exprs;
  for (const Row &row : piece)
    exprs.push_back(settleOrder(getPointExpr(plane, row, context)));
  // A set of MLIR has at least one constraint.
  if (exprs.empty())
    exprs.push_back(getAffineConstantExpr(0, context));
  return IntegerSet::get(/*dimCount=*/2, numSymbols, exprs,
                         SmallVector<bool>(exprs.size(), false));
}

/// The values of a point, each over those before it.
static SmallVector<PointValue> getValues(const Plane &plane,
                                         MLIRContext *context) {
  SmallVector<PointValue> values;
  unsigned numSymbols = plane.getSymbolNames().size();
  for (const Local &local : plane.getLocals()) {
    if (local.isQuotient())
      continue;
    SmallVector<AffineExpr> exprs;
    for (const Row &operand : local.operands)
      exprs.push_back(settleOrder(getPointExpr(plane, operand, context)));
    values.push_back(
        {local.kind, AffineMap::get(/*dimCount=*/2, numSymbols + local.value,
                                    exprs, context)});
  }
  return values;
}

FailureOr<PlanAttr> attn::planSparsity(MLIRContext *context,
                                       const PlaneRestriction &restriction) {
  if (!restriction.restricts())
    return PlanAttr();
  FailureOr<LiveSet> live = buildLiveSet(restriction);
  if (failed(live))
    return failure();
  if (llvm::any_of(live->pieces,
                   [](const Piece &piece) { return piece.empty(); })) {
    if (!restriction.isPart)
      return PlanAttr();
    live->pieces = {Piece()};
  }

  const Plane &plane = live->plane;
  TileSpace tile(plane, context);
  SmallVector<PlanPiece> planned;
  for (const Piece &piece : live->pieces) {
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
  SmallVector<DenseI64ArrayAttr> tables;
  for (ArrayRef<int64_t> table : plane.getTables())
    tables.push_back(DenseI64ArrayAttr::get(context, table));
  return PlanAttr::get(context, symbols, planned, getValues(plane, context),
                       tables, /*residues=*/1);
}
