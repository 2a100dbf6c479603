//===- Laws.cpp - Laws that repair running reductions -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/Laws.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// Change
//===----------------------------------------------------------------------===//

Change Change::shifted(std::vector<LinearTerm> terms) {
  // Equal terms add up; what cancels is gone.
  std::vector<LinearTerm> merged;
  for (LinearTerm &term : terms) {
    auto same = llvm::find_if(merged, [&](const LinearTerm &other) {
      return other.isSameUpToCoefficient(term);
    });
    if (same == merged.end())
      merged.push_back(term);
    else
      same->coefficient += term.coefficient;
  }
  llvm::erase_if(merged,
                 [](const LinearTerm &term) { return term.coefficient == 0; });
  if (merged.empty())
    return fixed();
  Change change;
  change.kind = Kind::Shifted;
  change.terms = std::move(merged);
  return change;
}

Change Change::scaled(std::vector<CorrectionPower> powers) {
  std::vector<CorrectionPower> merged;
  for (CorrectionPower &power : powers) {
    auto same = llvm::find_if(merged, [&](const CorrectionPower &other) {
      return other.correction == power.correction;
    });
    if (same == merged.end())
      merged.push_back(power);
    else
      same->exponent += power.exponent;
  }
  llvm::erase_if(
      merged, [](const CorrectionPower &power) { return power.exponent == 0; });
  if (merged.empty())
    return fixed();
  Change change;
  change.kind = Kind::Scaled;
  change.powers = std::move(merged);
  return change;
}

std::vector<LinearTerm> Change::getTerms() const {
  if (kind != Kind::Running)
    return terms;
  LinearTerm term;
  term.running = running;
  return {term};
}

bool Change::isOrderPreserving() const {
  return llvm::all_of(powers, [](const CorrectionPower &power) {
    return power.correction.law->isPositive() || power.exponent % 2 == 0;
  });
}

SmallVector<Value> Change::getRunningTensors() const {
  SmallVector<Value> tensors(culprits);
  for (const LinearTerm &term : getTerms())
    tensors.push_back(term.running.tensor);
  for (const CorrectionPower &power : powers)
    for (const LinearTerm &term : power.correction.terms)
      tensors.push_back(term.running.tensor);
  return tensors;
}

template <typename T>
static bool isPermutation(const std::vector<T> &a, const std::vector<T> &b) {
  return a.size() == b.size() &&
         std::is_permutation(a.begin(), a.end(), b.begin());
}

bool Change::isSame(const Change &other) const {
  if (isFixed() && other.isFixed())
    return true;
  if (isAdditive() && other.isAdditive())
    return isPermutation(getTerms(), other.getTerms());
  return kind == other.kind && kind == Kind::Scaled &&
         isPermutation(powers, other.powers);
}

//===----------------------------------------------------------------------===//
// The laws
//===----------------------------------------------------------------------===//

Value attn::buildShift(OpBuilder &builder, Location loc,
                       ArrayRef<Law::TermValues> terms) {
  Value sum;
  for (const Law::TermValues &term : terms) {
    // -1 * (r' - r) is r - r'.
    bool negative = term.coefficient < 0;
    Value shift =
        negative
            ? arith::SubFOp::create(builder, loc, term.oldValue, term.newValue)
            : arith::SubFOp::create(builder, loc, term.newValue, term.oldValue);
    if (double scale = std::abs(term.coefficient); scale != 1.0) {
      Value constant = arith::ConstantOp::create(
          builder, loc, builder.getFloatAttr(shift.getType(), scale));
      shift = arith::MulFOp::create(builder, loc, shift, constant);
    }
    if (term.factor)
      shift = arith::MulFOp::create(builder, loc, shift, term.factor);
    sum = sum ? arith::AddFOp::create(builder, loc, sum, shift) : shift;
  }
  return sum;
}

/// The correction of `law` with `terms`, once.
static Change makeScaled(const Law *law, std::vector<LinearTerm> terms) {
  return Change::scaled({CorrectionPower{Correction{law, terms}, 1}});
}

namespace {

/// Exponential of a value that moves by a sum: the repair is the exponential of
/// the way it moved. Temperatures and other constant or uniform factors are
/// part of the terms.
template <typename ExpOp>
class ExponentialLaw : public Law {
public:
  ExponentialLaw(StringRef name, StringRef statement)
      : name(name), statement(statement) {}

  StringRef getName() const override { return name; }
  StringRef getStatement() const override { return statement; }
  bool isPositive() const override { return true; }

  std::optional<Change> match(Operation *op,
                              ArrayRef<Change> operands) const override {
    if (!isa<ExpOp>(op) || !operands[0].isAdditive())
      return std::nullopt;
    return makeScaled(this, operands[0].getTerms());
  }

  Value build(OpBuilder &builder, Location loc,
              ArrayRef<TermValues> terms) const override {
    return ExpOp::create(builder, loc, buildShift(builder, loc, terms));
  }

  bool isContracting(const Correction &correction,
                     function_ref<int(Value)> direction) const override {
    return llvm::all_of(correction.terms, [&](const LinearTerm &term) {
      int moves = direction(term.running.tensor);
      return term.factors.empty() && term.divisors.empty() &&
             moves * term.coefficient < 0;
    });
  }

  Value buildExample(OpBuilder &builder, Location loc, Value x,
                     Value r) const override {
    return ExpOp::create(builder, loc,
                         arith::SubFOp::create(builder, loc, x, r));
  }

private:
  StringRef name, statement;
};

/// x - r moves by r - r'. Only extrema can be repaired by it.
class DifferenceLaw : public Law {
public:
  StringRef getName() const override { return "difference"; }
  StringRef getStatement() const override {
    return "x - r' = (x - r) + (r - r')";
  }
  Combine getCombine() const override { return Combine::Sum; }

  std::optional<Change> match(Operation *op,
                              ArrayRef<Change> operands) const override {
    if (!isa<arith::AddFOp, arith::SubFOp>(op))
      return std::nullopt;
    bool subtracts = isa<arith::SubFOp>(op);
    std::vector<LinearTerm> terms;
    for (auto [index, operand] : llvm::enumerate(operands)) {
      if (operand.isFixed())
        continue;
      if (!operand.isAdditive())
        return std::nullopt;
      for (LinearTerm term : operand.getTerms()) {
        if (subtracts && index == 1)
          term.coefficient = -term.coefficient;
        terms.push_back(term);
      }
    }
    return Change::shifted(terms);
  }

  Value build(OpBuilder &builder, Location loc,
              ArrayRef<TermValues> terms) const override {
    return buildShift(builder, loc, terms);
  }

  Value buildExample(OpBuilder &builder, Location loc, Value x,
                     Value r) const override {
    return arith::SubFOp::create(builder, loc, x, r);
  }
};

/// x * r: linear reductions defer it. It repairs nothing: where r was 0 so far,
/// what was accumulated is 0 whatever x is.
class ProductLaw : public Law {
public:
  StringRef getName() const override { return "product"; }
  StringRef getStatement() const override {
    return "sum_n x * r = r * sum_n x for r independent of n";
  }

  std::optional<SmallVector<Factor>> getFactors(Operation *op) const override {
    if (!isa<arith::MulFOp>(op))
      return std::nullopt;
    return SmallVector<Factor>{{op->getOperand(0), false},
                               {op->getOperand(1), false}};
  }

  Value build(OpBuilder &builder, Location loc,
              ArrayRef<TermValues> terms) const override {
    return arith::DivFOp::create(builder, loc, terms[0].newValue,
                                 terms[0].oldValue);
  }

  Value buildExample(OpBuilder &builder, Location loc, Value x,
                     Value r) const override {
    return arith::MulFOp::create(builder, loc, x, r);
  }
};

/// x / r: linear reductions defer it. Where r sums nonnegative terms and x is a
/// multiple of the term, x is 0 wherever r has been 0 so far, and r / r'
/// repairs what was accumulated.
class QuotientLaw : public Law {
public:
  StringRef getName() const override { return "quotient"; }
  StringRef getStatement() const override {
    return "x / r' = (x / r) * (r / r')";
  }
  bool isPositive() const override { return true; }

  std::optional<SmallVector<Factor>> getFactors(Operation *op) const override {
    if (!isa<arith::DivFOp>(op))
      return std::nullopt;
    return SmallVector<Factor>{{op->getOperand(0), false},
                               {op->getOperand(1), true}};
  }

  std::optional<Change> match(Operation *op,
                              ArrayRef<Change> operands) const override {
    if (!isa<arith::DivFOp>(op))
      return std::nullopt;
    const Change &dividend = operands[0], &divisor = operands[1];
    if (divisor.kind != Change::Kind::Running || !divisor.sumOf ||
        !llvm::is_contained(dividend.multipleOf, divisor.sumOf) ||
        (!dividend.isFixed() && dividend.kind != Change::Kind::Scaled))
      return std::nullopt;
    std::vector<CorrectionPower> powers(dividend.powers);
    powers.push_back(CorrectionPower{Correction{this, divisor.getTerms()}, 1});
    return Change::scaled(powers);
  }

  Value build(OpBuilder &builder, Location loc,
              ArrayRef<TermValues> terms) const override {
    return arith::DivFOp::create(builder, loc, terms[0].oldValue,
                                 terms[0].newValue);
  }

  Value buildExample(OpBuilder &builder, Location loc, Value x,
                     Value r) const override {
    return arith::DivFOp::create(builder, loc, x, r);
  }
};

} // namespace

LawTable::LawTable(MLIRContext *context) {
  static const DifferenceLaw difference;
  static const ProductLaw product;
  static const QuotientLaw quotient;
  static const ExponentialLaw<math::ExpOp> exponential(
      "exp-difference", "exp(x - r') = exp(x - r) * exp(r - r')");
  static const ExponentialLaw<math::Exp2Op> exponential2(
      "exp2-difference", "exp2(x - r') = exp2(x - r) * exp2(r - r')");
  laws.append({&difference, &exponential, &exponential2, &product, &quotient});
  for (Dialect *dialect : context->getLoadedDialects())
    if (auto *interface = dialect->getRegisteredInterface<LawInterface>())
      interface->getLaws(laws);
}

const Law *LawTable::lookup(StringRef name) const {
  for (const Law *law : laws)
    if (law->getName() == name)
      return law;
  return nullptr;
}

std::optional<SmallVector<Law::Factor>>
LawTable::getFactors(Operation *op) const {
  for (const Law *law : laws)
    if (auto factors = law->getFactors(op))
      return factors;
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Propagation
//===----------------------------------------------------------------------===//

static Change raisePower(const Change &change, int64_t exponent) {
  std::vector<CorrectionPower> powers(change.powers);
  for (CorrectionPower &power : powers)
    power.exponent *= exponent;
  return Change::scaled(powers);
}

/// Multiplies every term of an additive change by a constant or uniform
/// operand.
static std::optional<Change> scaleTerms(const Change &change,
                                        const LawTable::OperandInfo &by,
                                        bool divides) {
  std::vector<LinearTerm> terms = change.getTerms();
  for (LinearTerm &term : terms) {
    if (by.constant)
      term.coefficient = divides ? term.coefficient / *by.constant
                                 : term.coefficient * *by.constant;
    else if (by.uniform)
      (divides ? term.divisors : term.factors).push_back(*by.uniform);
    else
      return std::nullopt;
  }
  return Change::shifted(terms);
}

Change LawTable::getChange(Operation *op,
                           ArrayRef<OperandInfo> operands) const {
  Change change = combine(op, operands);
  // What a product or quotient is a multiple of.
  change.sumOf = nullptr;
  change.multipleOf.clear();
  if (isa<arith::MulFOp>(op))
    for (const OperandInfo &operand : operands)
      llvm::append_range(change.multipleOf, operand.change.multipleOf);
  else if (isa<arith::DivFOp, arith::NegFOp, arith::ExtFOp, arith::TruncFOp,
               math::AbsFOp>(op))
    change.multipleOf = operands[0].change.multipleOf;
  return change;
}

Change LawTable::combine(Operation *op, ArrayRef<OperandInfo> operands) const {
  std::vector<Change> changes;
  for (const OperandInfo &operand : operands) {
    if (operand.change.isUnknown())
      return operand.change;
    changes.push_back(operand.change);
  }
  if (llvm::all_of(changes, [](const Change &c) { return c.isFixed(); })) {
    APFloat value(0.0);
    if (isa<arith::ConstantOp>(op) &&
        matchPattern(op->getResult(0), m_ConstantFloat(&value)) &&
        value.isZero())
      return Change::zero();
    return Change::fixed();
  }
  for (const Law *law : laws)
    if (std::optional<Change> change = law->match(op, changes))
      return *change;

  auto unknown = [&](const Twine &why) {
    SmallVector<Value> culprits;
    for (const Change &change : changes)
      llvm::append_range(culprits, change.getRunningTensors());
    return Change::unknown(why.str(), culprits);
  };
  auto isScaled = [&](unsigned i) {
    return changes[i].kind == Change::Kind::Scaled;
  };

  if (isa<arith::MulFOp, arith::DivFOp>(op)) {
    bool divides = isa<arith::DivFOp>(op);
    // Products of scaled and fixed values are scaled.
    if ((isScaled(0) || changes[0].isFixed()) &&
        (isScaled(1) || changes[1].isFixed())) {
      if (llvm::any_of(changes, [](const Change &change) {
            return change.kind == Change::Kind::Zero;
          }))
        return Change::zero();
      std::vector<CorrectionPower> powers(changes[0].powers);
      Change second = raisePower(changes[1], divides ? -1 : 1);
      powers.insert(powers.end(), second.powers.begin(), second.powers.end());
      return Change::scaled(powers);
    }
    // A sum that moves, times something constant along the streaming rank.
    for (unsigned i : {0u, 1u}) {
      if (divides && i == 1)
        break;
      if (!changes[i].isAdditive() || !changes[1 - i].isFixed())
        continue;
      if (std::optional<Change> change =
              scaleTerms(changes[i], operands[1 - i], divides))
        return *change;
      return unknown("multiplies a value that moves by a sum with one that "
                     "varies along the streaming rank");
    }
    return unknown(divides ? "divides by a running value"
                           : "multiplies by a running value");
  }
  if (isa<arith::NegFOp>(op)) {
    if (isScaled(0))
      return changes[0];
    std::vector<LinearTerm> terms = changes[0].getTerms();
    for (LinearTerm &term : terms)
      term.coefficient = -term.coefficient;
    return Change::shifted(terms);
  }
  if (isa<arith::AddFOp, arith::SubFOp>(op)) {
    if (changes[0].kind == Change::Kind::Zero)
      return changes[1];
    if (changes[1].kind == Change::Kind::Zero || changes[0].isSame(changes[1]))
      return changes[0];
    return unknown("adds values with unequal corrections");
  }
  // Homogeneous for positive corrections.
  if (isa<arith::MaximumFOp, arith::MinimumFOp, arith::MaxNumFOp,
          arith::MinNumFOp>(op)) {
    bool zero0 = changes[0].kind == Change::Kind::Zero;
    bool zero1 = changes[1].kind == Change::Kind::Zero;
    const Change &moving = zero0 ? changes[1] : changes[0];
    if ((zero0 || zero1 || changes[0].isSame(changes[1])) &&
        ((moving.kind == Change::Kind::Scaled && moving.isOrderPreserving()) ||
         (moving.isAdditive() && !zero0 && !zero1)))
      return moving;
    return unknown("takes an extremum of values with unequal corrections");
  }
  if (isa<math::AbsFOp>(op) && isScaled(0) && changes[0].isOrderPreserving())
    return changes[0];
  if (isa<arith::SelectOp>(op) && changes[0].isFixed()) {
    if (changes[1].kind == Change::Kind::Zero)
      return changes[2];
    if (changes[2].kind == Change::Kind::Zero || changes[1].isSame(changes[2]))
      return changes[1];
    return unknown("selects between values with unequal corrections");
  }
  if (isa<arith::CmpFOp>(op)) {
    // Comparing with 0 asks for the sign alone.
    for (unsigned i : {0u, 1u})
      if (isScaled(i) && changes[i].isOrderPreserving() &&
          changes[1 - i].kind == Change::Kind::Zero)
        return Change::fixed();
    if (isScaled(0) && changes[0].isSame(changes[1]) &&
        changes[0].isOrderPreserving())
      return Change::fixed();
    if (changes[0].isAdditive() && changes[0].isSame(changes[1]))
      return Change::fixed();
    return unknown("compares a value that moves");
  }
  if (isa<math::SqrtOp>(op) && isScaled(0) &&
      llvm::all_of(changes[0].powers, [](const CorrectionPower &power) {
        return power.exponent % 2 == 0 && power.correction.law->isPositive();
      })) {
    std::vector<CorrectionPower> powers(changes[0].powers);
    for (CorrectionPower &power : powers)
      power.exponent /= 2;
    return Change::scaled(powers);
  }
  if (isa<arith::ExtFOp, arith::TruncFOp>(op))
    return changes[0];
  return unknown("applies '" + op->getName().getStringRef() +
                 "' to a value that moves");
}
