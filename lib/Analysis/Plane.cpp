//===- Plane.cpp - The variables of a plane and what holds for them -------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Linear constraints over the row, the key, the symbols and the locals of a
// plane. A local stands for a quotient, a maximum, a minimum or a power of two;
// what it is known to satisfy is part of the context of every question.
//
//===----------------------------------------------------------------------===//

#include "LiveSet.h"
#include "mlir/Analysis/Presburger/Simplex.h"

using namespace mlir;
using namespace mlir::attn;
using llvm::DynamicAPInt;
using mlir::presburger::IntegerPolyhedron;
using mlir::presburger::PresburgerSpace;
using mlir::presburger::Simplex;

//===----------------------------------------------------------------------===//
// Functions and constraints
//===----------------------------------------------------------------------===//

Row attn::operator+(Row left, const Row &right) {
  for (auto [a, b] : llvm::zip_equal(left, right))
    a += b;
  return left;
}

Row attn::operator-(Row left, const Row &right) {
  for (auto [a, b] : llvm::zip_equal(left, right))
    a -= b;
  return left;
}

Row attn::operator+(Row row, int64_t constant) {
  row.back() += constant;
  return row;
}

Row attn::operator*(Row row, const DynamicAPInt &factor) {
  for (DynamicAPInt &coefficient : row)
    coefficient *= factor;
  return row;
}

IntegerPolyhedron attn::getPolyhedron(unsigned numVariables,
                                      ArrayRef<Row> rows) {
  IntegerPolyhedron set(PresburgerSpace::getSetSpace(numVariables));
  for (const Row &row : rows)
    set.addInequality(row);
  return set;
}

bool attn::isEmptySet(unsigned numVariables, ArrayRef<Row> context,
                      ArrayRef<Row> rows, bool exactly) {
  SmallVector<Row> all(context);
  llvm::append_range(all, rows);
  IntegerPolyhedron set = getPolyhedron(numVariables, all);
  return exactly ? set.isIntegerEmpty() : Simplex(set).isEmpty();
}

std::optional<SamplePoint> attn::findSample(unsigned numVariables,
                                            ArrayRef<Row> context,
                                            ArrayRef<Row> rows, bool exactly) {
  SmallVector<Row> all(context);
  llvm::append_range(all, rows);
  IntegerPolyhedron set = getPolyhedron(numVariables, all);
  SamplePoint sample;
  if (exactly) {
    std::optional<SmallVector<DynamicAPInt, 8>> point = set.findIntegerSample();
    if (!point)
      return std::nullopt;
    for (const DynamicAPInt &coordinate : *point)
      sample.push_back(presburger::Fraction(coordinate, DynamicAPInt(1)));
    return sample;
  }
  Simplex simplex(set);
  if (simplex.isEmpty())
    return std::nullopt;
  llvm::append_range(sample, *simplex.getRationalSample());
  return sample;
}

void attn::removeRedundant(unsigned numVariables, ArrayRef<Row> context,
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

//===----------------------------------------------------------------------===//
// Planes
//===----------------------------------------------------------------------===//

Plane::Plane(const PlaneRestriction &restriction, unsigned numLocals)
    : FunctionSpace(0), cuts(restriction.cuts) {
  auto add = [&](StringRef name) { names.push_back(name.str()); };
  add(PlanSymbols::rowExtent);
  add(PlanSymbols::keyExtent);
  if (restriction.hasKeyLengths)
    add(PlanSymbols::keyLength);
  if (restriction.hasQueryLengths)
    add(PlanSymbols::rowLength);
  if (restriction.hasDiagonal)
    add(PlanSymbols::diagonal);
  if (restriction.hasKeyOrigin)
    add(PlanSymbols::keyOrigin);
  bool readsHead = false;
  if (Attribute expression = restriction.expression) {
    expression.walk([&](PerHeadAttr atom) {
      std::optional<AtomDefinition> definition = getAtomDefinition(atom);
      readsHead |= definition->readsHead();
      for (ArrayRef<int64_t> table : definition->tables)
        if (!llvm::is_contained(tables, table))
          tables.emplace_back(table);
    });
  }
  // Expressions that differ in the order of terms have one plan.
  llvm::sort(tables);
  for (size_t index = 0; index < cuts.size(); ++index)
    add(PlanSymbols::getListed(index));
  if (readsHead)
    add(PlanSymbols::head);
  for (size_t index = 0; index < tables.size(); ++index)
    add(PlanSymbols::getTable(index));
  numVariables = kFirstSymbol + names.size() + numLocals;
}

Row Plane::getListed(Attribute list) const {
  const auto *found = llvm::find(cuts, list);
  return getSymbol(PlanSymbols::getListed(found - cuts.begin()));
}

Row Plane::getTable(ArrayRef<int64_t> numbers) const {
  const auto *found = llvm::find(tables, numbers);
  return getSymbol(PlanSymbols::getTable(found - tables.begin()));
}

SmallVector<Row> Plane::getSymbolContext() const {
  SmallVector<Row> rows;
  for (Attribute list : cuts) {
    Row isListed = getListed(list);
    rows.push_back(lessOrEqual(getConstant(0), isListed));
    rows.push_back(lessOrEqual(isListed, getConstant(1)));
  }
  if (llvm::is_contained(names, PlanSymbols::head.str()))
    rows.push_back(getSymbol(PlanSymbols::head));
  for (ArrayRef<int64_t> table : tables) {
    Row number = getTable(table);
    rows.push_back(lessOrEqual(getConstant(*llvm::min_element(table)), number));
    rows.push_back(lessOrEqual(number, getConstant(*llvm::max_element(table))));
  }
  return rows;
}

Row Plane::getSymbol(StringRef name, StringRef otherwise) const {
  auto *found = llvm::find(names, name);
  if (found == names.end())
    found = llvm::find(names, otherwise);
  return getVariable(kFirstSymbol + (found - names.begin()));
}

Row Plane::addQuotient(const Row &dividend, int64_t divisor) {
  Local local;
  local.divisor = divisor;
  local.operands.push_back(dividend);
  auto [least, most] = getRange(dividend);
  if (least)
    local.least = llvm::divideFloorSigned(*least, divisor);
  if (most)
    local.most = llvm::divideFloorSigned(*most, divisor);
  return add(std::move(local));
}

Row Plane::addValue(PointValueKind kind, ArrayRef<Row> operands) {
  Local local;
  local.kind = kind;
  local.operands.assign(operands.begin(), operands.end());
  auto [least, most] = getRange(operands.front());
  bool isMax = kind == PointValueKind::Max;
  for (const Row &operand : operands.drop_front()) {
    // A maximum is at least what one operand is, and at most what all are.
    auto [otherLeast, otherMost] = getRange(operand);
    auto &either = isMax ? least : most, &both = isMax ? most : least;
    auto otherEither = isMax ? otherLeast : otherMost;
    auto otherBoth = isMax ? otherMost : otherLeast;
    auto choose = [&](int64_t a, int64_t b) {
      return isMax ? std::max(a, b) : std::min(a, b);
    };
    if (!either || !otherEither)
      either = either ? either : otherEither;
    else
      either = choose(*either, *otherEither);
    if (!both || !otherBoth)
      both = std::nullopt;
    else
      both = choose(*both, *otherBoth);
  }
  if (kind == PointValueKind::PowerOfTwo) {
    least = 0;
    if (most)
      most = std::max<int64_t>(*most, 0);
  }
  local.least = least;
  local.most = most;
  return add(std::move(local));
}

/// Fills in what follows from the operands.
Row Plane::add(Local local) {
  unsigned first = getFirstLocal();
  for (auto [index, other] : llvm::enumerate(locals))
    if (other.divisor == local.divisor && other.kind == local.kind &&
        other.operands == local.operands)
      return getVariable(first + index);
  local.isRising = local.isFalling = true;
  for (const Row &operand : local.operands) {
    local.readsRow |= operand[kRow] != 0;
    local.readsKey |= operand[kKey] != 0;
    local.isRising &= operand[kRow] >= 0;
    local.isFalling &= operand[kRow] <= 0;
    for (auto [index, other] : llvm::enumerate(locals)) {
      const DynamicAPInt &coefficient = operand[first + index];
      if (coefficient == 0)
        continue;
      local.readsRow |= other.readsRow;
      local.readsKey |= other.readsKey;
      local.isRising &= coefficient > 0 ? other.isRising : other.isFalling;
      local.isFalling &= coefficient > 0 ? other.isFalling : other.isRising;
    }
  }
  if (!local.isQuotient())
    local.value = numValues++;
  locals.push_back(std::move(local));
  return getVariable(first + locals.size() - 1);
}

/// The bounds of a function that hold at every point, as far as locals say.
std::pair<std::optional<int64_t>, std::optional<int64_t>>
Plane::getRange(const Row &row) const {
  auto constant = static_cast<int64_t>(row.back());
  std::optional<int64_t> least = constant, most = constant;
  for (unsigned i = 0; i < numVariables; ++i) {
    if (row[i] == 0)
      continue;
    std::optional<int64_t> low, high;
    if (i >= getFirstLocal()) {
      const Local &local = locals[i - getFirstLocal()];
      low = row[i] > 0 ? local.least : local.most;
      high = row[i] > 0 ? local.most : local.least;
    }
    auto coefficient = static_cast<int64_t>(row[i]);
    auto accumulate = [&](std::optional<int64_t> &sum,
                          std::optional<int64_t> term) {
      int64_t product;
      if (!sum || !term || llvm::MulOverflow(*term, coefficient, product) ||
          llvm::AddOverflow(*sum, product, product))
        sum = std::nullopt;
      else
        sum = product;
    };
    accumulate(least, low);
    accumulate(most, high);
  }
  return {least, most};
}

void Plane::freeze() {
  unsigned used = getFirstLocal() + locals.size();
  for (Local &local : locals)
    for (Row &operand : local.operands)
      operand.erase(operand.begin() + used, operand.end() - 1);
  numVariables = used;
}

void Plane::shrink(Row &row) const {
  row.erase(row.begin() + numVariables, row.end() - 1);
}

void attn::appendDefinition(const Local &local, const Row &self,
                            ArrayRef<Row> operands,
                            SmallVectorImpl<Row> &rows) {
  if (local.isQuotient()) {
    Row multiple = self * DynamicAPInt(local.divisor);
    rows.push_back(lessOrEqual(multiple, operands.front()));
    rows.push_back(
        lessOrEqual(operands.front(), multiple + (local.divisor - 1)));
    return;
  }
  switch (local.kind) {
  case PointValueKind::Max:
    for (const Row &operand : operands)
      rows.push_back(lessOrEqual(operand, self));
    break;
  case PointValueKind::Min:
    for (const Row &operand : operands)
      rows.push_back(lessOrEqual(self, operand));
    break;
  case PointValueKind::PowerOfTwo:
    rows.push_back(lessOrEqual(operands.front(), self * DynamicAPInt(2)));
    break;
  }
  Row bound = self - self;
  if (local.least)
    rows.push_back(lessOrEqual(bound + *local.least, self));
  if (local.most)
    rows.push_back(lessOrEqual(self, bound + *local.most));
}

SmallVector<Row> Plane::getContext() const {
  Row zero = getConstant(0);
  SmallVector<Row> rows{
      lessOrEqual(zero, getVariable(kRow)),
      less(getVariable(kRow), getSymbol(PlanSymbols::rowExtent)),
      lessOrEqual(zero, getVariable(kKey)),
      less(getVariable(kKey), getSymbol(PlanSymbols::keyExtent))};
  llvm::append_range(rows, getSymbolContext());
  for (auto [index, local] : llvm::enumerate(locals))
    appendDefinition(local, getVariable(getFirstLocal() + index),
                     local.operands, rows);
  return rows;
}
