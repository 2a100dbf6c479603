//===- SparsityPlan.h - Closed-form key ranges of a sparsity ---*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Planning a sparsity is arithmetic on integer sets: the live points of the
// (row, key) plane form a union of polyhedra whose symbols are the extents and
// the runtime lengths, and the key ranges of a tile of rows follow by
// projection. Nothing here depends on how long the sequences are.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ANALYSIS_SPARSITYPLAN_H
#define ATTN_ANALYSIS_SPARSITYPLAN_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// What removes points from a (row, key) plane.
struct PlaneRestriction {
  /// A sparsity expression (the contents of a SparsityAttr), or null.
  Attribute expression;
  /// The lists that the expression reads: walks cut the keys where one of them
  /// begins or ends to name keys, so that each is a symbol.
  SmallVector<Attribute> cuts;
  Alignment alignment = Alignment::BottomRight;
  /// Whether each batch row has its own number of keys or of queries.
  bool hasKeyLengths = false;
  bool hasQueryLengths = false;
  /// Whether the first row's position is a number of the call, relative to the
  /// first key: with an offset or an origin of either rank. The alignment then
  /// is part of that number.
  bool hasDiagonal = false;
  /// Whether the keys have an origin.
  bool hasKeyOrigin = false;
  /// Whether the call says which part of the plane a tile walks, a segment of
  /// it or the keys of a list: there is a plan then even where nothing else
  /// restricts it.
  bool isPart = false;

  bool restricts() const {
    return expression || hasKeyLengths || hasQueryLengths || isPart;
  }
};

/// The names of a plan's symbols: the extent of the row rank and of the key
/// rank, or of one segment of them, this batch row's number of keys and of
/// queries among them, the key that the position of row 0 falls on, the origin
/// of the keys, and for each list that cuts the keys whether it names those
/// that are walked, 1 or 0. A plan lists the extents always and the others
/// where there is such, in this order. Lengths count from the part's first
/// token and lie within the extents. Behind them are the number of the head and
/// what each of the plan's tables has for it.
struct PlanSymbols {
  static constexpr llvm::StringLiteral rowExtent = "M";
  static constexpr llvm::StringLiteral keyExtent = "N";
  static constexpr llvm::StringLiteral keyLength = "KL";
  static constexpr llvm::StringLiteral rowLength = "QL";
  static constexpr llvm::StringLiteral diagonal = "D";
  static constexpr llvm::StringLiteral keyOrigin = "ON";
  static constexpr llvm::StringLiteral head = "H";
  /// The symbol of list `index`.
  static std::string getListed(size_t index) {
    return "L" + std::to_string(index);
  }
  /// The symbol of table `index`.
  static std::string getTable(size_t index) {
    return "T" + std::to_string(index);
  }
};

/// The table that a symbol of `plan` reads; null if it is another symbol.
DenseI64ArrayAttr getTable(PlanAttr plan, StringAttr symbol);

/// The value of `symbol` for a head; nothing if it is none in which heads
/// differ.
std::optional<int64_t> getHeadSymbol(PlanAttr plan, StringAttr symbol,
                                     int64_t head);

/// Plans `restriction`. The result is null where nothing is restricted. Fails
/// where the live points are a union of more parts than a plan has, and where
/// the expression has an atom that is no set of positions.
FailureOr<PlanAttr> planSparsity(MLIRContext *context,
                                 const PlaneRestriction &restriction);

/// Whether `plan` says that every point is live whatever the sizes are.
bool isWholePlan(PlanAttr plan);

/// Whether `plan` says that no point is live whatever the sizes are.
bool isEmptyPlan(PlanAttr plan);

/// Keys in [begin, end); empty where end <= begin.
struct KeyRange {
  int64_t begin = 0;
  int64_t end = 0;

  bool empty() const { return end <= begin; }
  bool contains(int64_t key) const { return begin <= key && key < end; }
};

/// The key ranges of one tile of rows.
struct TileRanges {
  KeyRange live;
  KeyRange full;
};

/// A plan for the rows `first` to `last` (inclusive; 0 <= first <= last < M),
/// for the given values of its symbols.
class PlanTile {
public:
  PlanTile(PlanAttr plan, int64_t first, int64_t last,
           ArrayRef<int64_t> symbols);

  ArrayRef<PlanPiece> getPieces() const { return plan.getPieces(); }
  /// The ranges in one of the pieces.
  TileRanges getRanges(const PlanPiece &piece) const;

private:
  PlanAttr plan;
  int64_t first, last;
  SmallVector<int64_t> symbols;
};

/// Whether rows of one half of a plane visit more keys than those of the other:
/// `Rising` if the last ones do.
enum class RowTrend { Even, Rising, Falling };

/// The trend of a plane of `rows` by `keys`, its lengths full and aligned at
/// the last token, from some of its rows and heads.
RowTrend getRowTrend(PlanAttr plan, int64_t rows, int64_t keys);

/// The value of `expr`; a division by zero, which no plan holds, gives 0.
int64_t evaluateExpr(AffineExpr expr, ArrayRef<int64_t> dims,
                     ArrayRef<int64_t> symbols);

/// The plan's element test: that of some piece.
bool passesConstraints(PlanAttr plan, int64_t row, int64_t key,
                       ArrayRef<int64_t> symbols);

} // namespace mlir::attn

#endif // ATTN_ANALYSIS_SPARSITYPLAN_H
