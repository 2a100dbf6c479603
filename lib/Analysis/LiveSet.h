//===- LiveSet.h - The live points of a plane as polyhedra ------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_ANALYSIS_LIVESET_H
#define ATTN_LIB_ANALYSIS_LIVESET_H

#include "attn/Analysis/SparsityPlan.h"
#include "mlir/Analysis/Presburger/Fraction.h"
#include "mlir/Analysis/Presburger/IntegerRelation.h"

namespace mlir::attn {

/// Coefficients of an affine function, one per variable and the constant last;
/// as a constraint: function >= 0.
using Row = SmallVector<llvm::DynamicAPInt, 8>;

/// A conjunction of constraints over the variables of a plane.
using Piece = SmallVector<Row>;

/// The affine functions over a list of variables.
class FunctionSpace {
public:
  explicit FunctionSpace(unsigned numVariables) : numVariables(numVariables) {}

  unsigned getNumVariables() const { return numVariables; }

  Row getConstant(int64_t value) const {
    Row row(numVariables + 1, llvm::DynamicAPInt(0));
    row.back() = value;
    return row;
  }
  Row getVariable(unsigned position) const {
    Row row = getConstant(0);
    row[position] = 1;
    return row;
  }

protected:
  unsigned numVariables;
};

Row operator+(Row left, const Row &right);
Row operator-(Row left, const Row &right);
Row operator+(Row row, int64_t constant);
Row operator*(Row row, const llvm::DynamicAPInt &factor);

/// left <= right.
inline Row lessOrEqual(const Row &left, const Row &right) {
  return right - left;
}
/// left < right.
inline Row less(const Row &left, const Row &right) { return right - left + -1; }

presburger::IntegerPolyhedron getPolyhedron(unsigned numVariables,
                                            ArrayRef<Row> rows);

/// A point of a plane, a fraction for each variable.
using SamplePoint = SmallVector<presburger::Fraction>;

/// Some point that satisfies `context` and `rows`; nothing if isEmptySet says
/// that there is none.
std::optional<SamplePoint> findSample(unsigned numVariables,
                                      ArrayRef<Row> context, ArrayRef<Row> rows,
                                      bool exactly);

/// Whether no point satisfies `context` and `rows`; exactly over the integers,
/// or over the rationals, where "no" may be wrong.
bool isEmptySet(unsigned numVariables, ArrayRef<Row> context,
                ArrayRef<Row> rows, bool exactly = true);

/// Removes from `rows` what the others and `context` imply, and sorts the rest
/// so that equal sets read the same. The set must not be empty.
void removeRedundant(unsigned numVariables, ArrayRef<Row> context,
                     SmallVectorImpl<Row> &rows);

/// A variable that stands for what is not affine: a quotient or a value of the
/// point. Its operands are functions of the variables before it.
struct Local {
  /// The divisor of the only operand's quotient; 0 for a value.
  int64_t divisor = 0;
  PointValueKind kind = PointValueKind::Max;
  SmallVector<Row> operands;
  /// The number of the value.
  unsigned value = 0;

  bool readsRow = false, readsKey = false;
  /// How it moves as the row grows: never down, never up, both where it does
  /// not move. It does neither where nothing is known.
  bool isRising = false, isFalling = false;
  /// Bounds that hold at every point.
  std::optional<int64_t> least, most;

  bool isQuotient() const { return divisor != 0; }
  /// Whether it is known at the first and the last row of a tile, and all rows
  /// in between lie in between.
  bool isMonotone() const { return !readsKey && (isRising || isFalling); }
};

/// The plane of a restriction: variables m, n, the symbols and the locals.
class Plane : public FunctionSpace {
public:
  static constexpr unsigned kRow = 0, kKey = 1, kFirstSymbol = 2;

  /// Reserves `numLocals` variables for locals.
  Plane(const PlaneRestriction &restriction, unsigned numLocals);

  ArrayRef<std::string> getSymbolNames() const { return names; }
  /// The symbol of that name, or of `otherwise` where there is none.
  Row getSymbol(StringRef name, StringRef otherwise) const;
  Row getSymbol(StringRef name) const { return getSymbol(name, name); }
  /// What heads have numbers in; the last symbols are those of the tables.
  ArrayRef<SmallVector<int64_t>> getTables() const { return tables; }
  Row getTable(ArrayRef<int64_t> numbers) const;
  /// Whether a list names the keys of the part at hand, 1 or 0.
  Row getListed(Attribute list) const;
  /// What is known of symbols that are no extents, lengths or positions.
  SmallVector<Row> getSymbolContext() const;

  unsigned getFirstLocal() const { return kFirstSymbol + names.size(); }
  ArrayRef<Local> getLocals() const { return locals; }
  unsigned getNumValues() const { return numValues; }
  /// The variable of a quotient or a value, an old one if there is such.
  Row addQuotient(const Row &dividend, int64_t divisor);
  Row addValue(PointValueKind kind, ArrayRef<Row> operands);
  /// Gives up the variables reserved in vain.
  void freeze();
  void shrink(Row &row) const;

  /// What holds for every point that loops visit.
  SmallVector<Row> getContext() const;

private:
  Row add(Local local);
  std::pair<std::optional<int64_t>, std::optional<int64_t>>
  getRange(const Row &row) const;

  SmallVector<std::string, 4> names;
  SmallVector<Attribute> cuts;
  SmallVector<SmallVector<int64_t>> tables;
  SmallVector<Local> locals;
  unsigned numValues = 0;
};

/// What always holds between a local and its operands. `self` is the variable,
/// `operands` the functions, in any space.
void appendDefinition(const Local &local, const Row &self,
                      ArrayRef<Row> operands, SmallVectorImpl<Row> &rows);

/// The live points of a restriction: conjunctions, whose union they are, over
/// the variables of `plane`.
struct LiveSet {
  Plane plane;
  SmallVector<Piece> pieces;
};

/// Turns an expression into a live set. Pieces without a point are dropped, and
/// so are those that lie within another; no piece is the empty set, and one
/// without constraints is the whole plane. Fails where there are more pieces
/// than a plan has, and where an atom has no definition.
FailureOr<LiveSet> buildLiveSet(const PlaneRestriction &restriction);

} // namespace mlir::attn

#endif // ATTN_LIB_ANALYSIS_LIVESET_H
