//===- LiveSet.cpp - The live points of a plane as polyhedra --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Atoms are sets of affine functions of positions; a quotient, a remainder, a
// maximum is a variable of its own (Plane.cpp), so that and, or and not work on
// linear constraints alone. Sets are found empty or contained soundly, and
// without such variables exactly.
//
//===----------------------------------------------------------------------===//

#include "LiveSet.h"

using namespace mlir;
using namespace mlir::attn;
using llvm::DynamicAPInt;
using presburger::Fraction;

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

namespace {

class LiveSetBuilder {
public:
  LiveSetBuilder(Plane &plane, const PlaneRestriction &restriction)
      : plane(plane), key(plane.getVariable(Plane::kKey)),
        position(plane.getVariable(Plane::kRow)) {
    if (restriction.hasDiagonal)
      position = position + plane.getSymbol(PlanSymbols::diagonal);
    else if (restriction.alignment == Alignment::BottomRight)
      position =
          position +
          plane.getSymbol(PlanSymbols::keyLength, PlanSymbols::keyExtent) -
          plane.getSymbol(PlanSymbols::rowLength, PlanSymbols::rowExtent);
    // The diagonal is a key of this part, positions count in the whole.
    if (restriction.hasKeyOrigin) {
      key = key + plane.getSymbol(PlanSymbols::keyOrigin);
      position = position + plane.getSymbol(PlanSymbols::keyOrigin);
    }
  }

  /// Reads the atoms of `term`; then the variables of the plane are complete.
  LogicalResult readAtoms(Attribute term);
  void freeze() {
    plane.freeze();
    for (auto &entry : atoms)
      for (Piece &piece : entry.second)
        for (Row &row : piece)
          plane.shrink(row);
    context = plane.getContext();
  }

  /// The points at which `term` holds, or those at which it does not.
  FailureOr<SmallVector<Piece>> build(Attribute term, bool isNegated);

private:
  /// `values` begin with what tables have for the head.
  Row linearise(AffineExpr expr, ArrayRef<Row> values);
  FailureOr<SmallVector<Piece>> intersect(ArrayRef<Piece> left,
                                          ArrayRef<Piece> right);
  FailureOr<SmallVector<Piece>> complement(ArrayRef<Piece> pieces);
  /// A piece of which some point is known.
  struct Known {
    Piece piece;
    SamplePoint sample;
  };

  bool isEmpty(ArrayRef<Row> piece) {
    return isEmptySet(plane.getNumVariables(), context, piece,
                      /*exactly=*/plane.getLocals().empty());
  }
  bool isWithin(const Known &inner, const Known &outer);
  FailureOr<SmallVector<Piece>> simplify(SmallVector<Piece> pieces);

  Plane &plane;
  /// The positions of the key and of the row.
  Row key, position;
  llvm::DenseMap<Attribute, SmallVector<Piece>> atoms;
  SmallVector<Row> context;
};

} // namespace

/// The function that `expr`, over positions, is; what is not affine in it
/// becomes a variable.
Row LiveSetBuilder::linearise(AffineExpr expr, ArrayRef<Row> values) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return plane.getConstant(constant.getValue());
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dim.getPosition() == 0 ? position : key;
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr)) {
    unsigned number = symbol.getPosition();
    if (number >= AtomDefinition::kNumSymbols)
      return values[number - AtomDefinition::kNumSymbols];
    if (number == AtomDefinition::kHead)
      return plane.getSymbol(PlanSymbols::head);
    return plane.getSymbol(PlanSymbols::keyLength, PlanSymbols::keyExtent);
  }
  auto binary = cast<AffineBinaryOpExpr>(expr);
  Row left = linearise(binary.getLHS(), values);
  if (expr.getKind() == AffineExprKind::Add)
    return left + linearise(binary.getRHS(), values);
  // Factors and divisors are constants, and stand on the right.
  int64_t number = cast<AffineConstantExpr>(binary.getRHS()).getValue();
  DynamicAPInt factor(number);
  switch (expr.getKind()) {
  case AffineExprKind::Mul:
    return left * factor;
  case AffineExprKind::FloorDiv:
    return plane.addQuotient(left, number);
  case AffineExprKind::CeilDiv:
    return plane.addQuotient(left + (number - 1), number);
  default:
    return left - plane.addQuotient(left, number) * factor;
  }
}

LogicalResult LiveSetBuilder::readAtoms(Attribute term) {
  auto readAll = [&](ArrayRef<Attribute> terms) {
    for (Attribute term : terms)
      if (failed(readAtoms(term)))
        return failure();
    return success();
  };
  if (auto conjunction = dyn_cast<AndAttr>(term))
    return readAll(conjunction.getTerms());
  if (auto disjunction = dyn_cast<OrAttr>(term))
    return readAll(disjunction.getTerms());
  if (auto negation = dyn_cast<NotAttr>(term))
    return readAtoms(negation.getTerm());
  if (atoms.contains(term))
    return success();
  // A list names all keys of a part that is walked, or none.
  if (isa<BlocksAttr, IndicesAttr>(term)) {
    atoms[term] = {{less(plane.getConstant(0), plane.getListed(term))}};
    return success();
  }
  std::optional<AtomDefinition> definition = getAtomDefinition(term);
  if (!definition)
    return failure();
  SmallVector<Row> values;
  for (ArrayRef<int64_t> table : definition->tables)
    values.push_back(plane.getTable(table));
  for (const PointValue &value : definition->values) {
    SmallVector<Row> operands;
    for (AffineExpr expr : value.map.getResults())
      operands.push_back(linearise(expr, values));
    values.push_back(plane.addValue(value.kind, operands));
  }
  SmallVector<Piece> pieces;
  for (ArrayRef<AffineExpr> set : definition->sets) {
    Piece &piece = pieces.emplace_back();
    for (AffineExpr expr : set)
      piece.push_back(linearise(expr, values));
  }
  atoms[term] = std::move(pieces);
  return success();
}

FailureOr<SmallVector<Piece>> LiveSetBuilder::build(Attribute term,
                                                    bool isNegated) {
  if (auto negation = dyn_cast<NotAttr>(term))
    return build(negation.getTerm(), !isNegated);
  ArrayRef<Attribute> terms;
  if (auto conjunction = dyn_cast<AndAttr>(term))
    terms = conjunction.getTerms();
  else if (auto disjunction = dyn_cast<OrAttr>(term))
    terms = disjunction.getTerms();
  else {
    FailureOr<SmallVector<Piece>> pieces = simplify(atoms.lookup(term));
    return isNegated && succeeded(pieces) ? complement(*pieces) : pieces;
  }
  // What fails a conjunction fails one of its terms.
  bool isAnd = isa<AndAttr>(term) != isNegated;
  SmallVector<Piece> pieces;
  if (isAnd)
    pieces.push_back(Piece());
  for (Attribute inner : terms) {
    FailureOr<SmallVector<Piece>> others = build(inner, isNegated);
    if (failed(others))
      return failure();
    if (!isAnd) {
      llvm::append_range(pieces, *others);
      continue;
    }
    FailureOr<SmallVector<Piece>> both = intersect(pieces, *others);
    if (failed(both))
      return failure();
    pieces = std::move(*both);
  }
  return isAnd ? FailureOr(pieces) : simplify(std::move(pieces));
}

FailureOr<SmallVector<Piece>> LiveSetBuilder::intersect(ArrayRef<Piece> left,
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
FailureOr<SmallVector<Piece>>
LiveSetBuilder::complement(ArrayRef<Piece> pieces) {
  SmallVector<Piece> outside{Piece()};
  for (const Piece &piece : pieces) {
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

/// Whether the integer constraint `row` fails at `point`.
static bool fails(const SamplePoint &point, const Row &row) {
  Fraction value(row.back(), DynamicAPInt(1));
  for (auto [coefficient, coordinate] : llvm::zip(row, point))
    if (coefficient != 0)
      value = value + Fraction(coefficient, DynamicAPInt(1)) * coordinate;
  return value <= Fraction(DynamicAPInt(-1), DynamicAPInt(1));
}

/// Whether `row` says no more than one of `rows` that differs from it in its
/// constant alone.
static bool isAmong(const Row &row, ArrayRef<Row> rows) {
  return llvm::any_of(rows, [&](const Row &other) {
    return other.back() <= row.back() &&
           ArrayRef(other).drop_back() == ArrayRef(row).drop_back();
  });
}

/// Whether every point of `inner` satisfies every constraint of `outer`. The
/// sample shows most that do not, without a search for another point.
bool LiveSetBuilder::isWithin(const Known &inner, const Known &outer) {
  if (llvm::any_of(outer.piece,
                   [&](const Row &row) { return fails(inner.sample, row); }))
    return false;
  return llvm::all_of(outer.piece, [&](const Row &row) {
    if (isAmong(row, inner.piece))
      return true;
    Piece beyond(inner.piece);
    beyond.push_back(less(row, plane.getConstant(0)));
    return isEmpty(beyond);
  });
}

FailureOr<SmallVector<Piece>>
LiveSetBuilder::simplify(SmallVector<Piece> pieces) {
  // Of so many others are left, whatever comes behind them.
  constexpr size_t kMany = 4 * kMaxPieces;
  SmallVector<Known> kept;
  for (Piece &piece : pieces) {
    std::optional<SamplePoint> sample =
        findSample(plane.getNumVariables(), context, piece,
                   /*exactly=*/plane.getLocals().empty());
    if (!sample)
      continue;
    Known next{std::move(piece), std::move(*sample)};
    if (llvm::any_of(kept,
                     [&](const Known &other) { return isWithin(next, other); }))
      continue;
    llvm::erase_if(kept,
                   [&](const Known &other) { return isWithin(other, next); });
    kept.push_back(std::move(next));
    if (kept.size() > kMany)
      return failure();
  }
  if (kept.size() > kMaxPieces)
    return failure();
  return llvm::map_to_vector(
      kept, [](Known &known) { return std::move(known.piece); });
}

/// No more variables than these become of the atoms of `term`.
static unsigned countLocals(Attribute term) {
  unsigned count = 0;
  term.walk([&](Attribute inner) {
    if (!SparsityAttr::isTerm(inner))
      return;
    std::optional<AtomDefinition> definition = getAtomDefinition(inner);
    if (!definition)
      return;
    auto countDivisions = [&](AffineExpr expr) {
      expr.walk([&](AffineExpr part) {
        count +=
            llvm::is_contained({AffineExprKind::FloorDiv,
                                AffineExprKind::CeilDiv, AffineExprKind::Mod},
                               part.getKind());
      });
    };
    for (const PointValue &value : definition->values) {
      ++count;
      llvm::for_each(value.map.getResults(), countDivisions);
    }
    for (ArrayRef<AffineExpr> set : definition->sets)
      llvm::for_each(set, countDivisions);
  });
  return count;
}

FailureOr<LiveSet> attn::buildLiveSet(const PlaneRestriction &restriction) {
  Attribute expression = restriction.expression;
  LiveSet live{Plane(restriction, expression ? countLocals(expression) : 0),
               {Piece()}};
  Plane &plane = live.plane;
  if (expression) {
    LiveSetBuilder builder(plane, restriction);
    if (failed(builder.readAtoms(expression)))
      return failure();
    builder.freeze();
    FailureOr<SmallVector<Piece>> built =
        builder.build(expression, /*isNegated=*/false);
    if (failed(built))
      return failure();
    live.pieces = std::move(*built);
  }
  // No point is live: one piece says so.
  if (live.pieces.empty())
    live.pieces.push_back({plane.getConstant(-1)});
  // Lengths hold everywhere, so they join every piece.
  for (Piece &piece : live.pieces) {
    if (restriction.hasKeyLengths)
      piece.push_back(less(plane.getVariable(Plane::kKey),
                           plane.getSymbol(PlanSymbols::keyLength)));
    if (restriction.hasQueryLengths)
      piece.push_back(less(plane.getVariable(Plane::kRow),
                           plane.getSymbol(PlanSymbols::rowLength)));
  }
  return live;
}
