//===- Laws.h - Laws that repair running reductions -------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A map g(x, r) that reads a running reduction r can be computed on the value
// that r has so far, and repaired when r moves on, if
//
//     g(x, r') = g(x, r) * c(r, r')          c independent of x,
//     c(r, r'') = c(r, r') * c(r', r''),
//
// where * is a product, or a sum for laws that combine by addition. A law is
// such a g, recognised in the map of an einsum, with its c. The table holds the
// laws of this file and those that dialects of the context add through
// LawInterface; nothing else names one.
//
// A `Change` tells how a scalar moves with the running state. Laws create
// corrections; the arithmetic that follows carries them along as monomials.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ANALYSIS_LAWS_H
#define ATTN_ANALYSIS_LAWS_H

#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/IR/DialectInterface.h"
#include <string>
#include <vector>

namespace mlir::attn {

class Law;

/// A tensor read at plain ranks.
struct TensorRef {
  Value tensor;
  SmallVector<StringAttr> ranks;

  bool operator==(const TensorRef &other) const {
    return tensor == other.tensor && ranks == other.ranks;
  }
  bool operator!=(const TensorRef &other) const { return !(*this == other); }
};

/// `coefficient * factors... / divisors... * (r' - r)`: how far a value linear
/// in the running value r moves.
struct LinearTerm {
  TensorRef running;
  double coefficient = 1.0;
  SmallVector<TensorRef> factors;
  SmallVector<TensorRef> divisors;

  bool isSameUpToCoefficient(const LinearTerm &other) const {
    return running == other.running && factors == other.factors &&
           divisors == other.divisors;
  }
  bool operator==(const LinearTerm &other) const {
    return isSameUpToCoefficient(other) && coefficient == other.coefficient;
  }
};

/// One correction c(r, r'), created by a law.
struct Correction {
  const Law *law = nullptr;
  std::vector<LinearTerm> terms;

  bool operator==(const Correction &other) const {
    return law == other.law && terms == other.terms;
  }
};

/// A correction to a power.
struct CorrectionPower {
  Correction correction;
  int64_t exponent = 1;

  bool operator==(const CorrectionPower &other) const {
    return correction == other.correction && exponent == other.exponent;
  }
};

/// How a scalar changes when the running reductions move from r to r'.
struct Change {
  enum class Kind {
    /// It does not.
    Fixed,
    /// It is the constant 0, which every product leaves alone.
    Zero,
    /// It is the running value `running` itself.
    Running,
    /// v' = v + sum of `terms`.
    Shifted,
    /// v' = v * product of `powers`.
    Scaled,
    /// It changes in a way that no law describes; `reason` says which.
    Unknown
  };

  Kind kind = Kind::Fixed;
  TensorRef running;
  std::vector<LinearTerm> terms;
  std::vector<CorrectionPower> powers;
  std::string reason;
  /// The values behind `reason`: tensors that cannot be repaired.
  SmallVector<Value> culprits;
  /// Tensors of which the value is a multiple: where one is 0, so is the value.
  SmallVector<Value, 2> multipleOf;
  /// For a running value that is a sum of nonnegative terms: the tensor summed.
  /// It is 0 only where every term so far is.
  Value sumOf;

  static Change fixed() { return {}; }
  static Change zero() {
    Change change;
    change.kind = Kind::Zero;
    return change;
  }
  static Change shifted(std::vector<LinearTerm> terms);
  static Change scaled(std::vector<CorrectionPower> powers);
  static Change unknown(std::string reason, ArrayRef<Value> culprits = {}) {
    Change change;
    change.kind = Kind::Unknown;
    change.reason = std::move(reason);
    change.culprits.assign(culprits.begin(), culprits.end());
    return change;
  }

  bool isFixed() const { return kind == Kind::Fixed || kind == Kind::Zero; }
  bool isUnknown() const { return kind == Kind::Unknown; }
  /// Whether the value is a running value, or moves by adding to it.
  bool isAdditive() const {
    return kind == Kind::Running || kind == Kind::Shifted;
  }
  /// The terms of an additive change; a running value moves by r' - r.
  std::vector<LinearTerm> getTerms() const;
  /// Whether every correction is nonnegative, so that a scaling by them keeps
  /// the order of values.
  bool isOrderPreserving() const;
  /// The running tensors behind the change.
  SmallVector<Value> getRunningTensors() const;
  bool isSame(const Change &other) const;
};

/// A law of the table.
class Law {
public:
  enum class Combine { Product, Sum };

  virtual ~Law() = default;

  virtual StringRef getName() const = 0;
  /// The identity behind the law, for people.
  virtual StringRef getStatement() const = 0;
  virtual Combine getCombine() const { return Combine::Product; }
  /// Whether c >= 0, so that the repair may pass a maximum.
  virtual bool isPositive() const { return false; }
  /// Whether |c| <= 1, so that an accumulator at 0 stays there. `direction`
  /// tells how a running value moves: 1 if it never decreases, -1 if it never
  /// increases, else 0.
  virtual bool isContracting(const Correction &correction,
                             function_ref<int(Value)> direction) const {
    return false;
  }

  /// A factor of a product or quotient.
  struct Factor {
    Value value;
    bool isDivisor;
  };
  /// If this law says that `op` multiplies independent factors, so that one of
  /// them moves past a sum over ranks that it does not depend on: the factors.
  virtual std::optional<SmallVector<Factor>> getFactors(Operation *op) const {
    return std::nullopt;
  }

  /// How the result of `op` changes if this law explains it; `operands` holds
  /// how its operands change.
  virtual std::optional<Change> match(Operation *op,
                                      ArrayRef<Change> operands) const {
    return std::nullopt;
  }

  /// The values of one term of a correction when it is built.
  struct TermValues {
    double coefficient;
    /// The product of the fixed factors, null if there is none.
    Value factor;
    Value oldValue, newValue;
  };
  /// Builds c(r, r').
  virtual Value build(OpBuilder &builder, Location loc,
                      ArrayRef<TermValues> terms) const = 0;

  /// Builds an example of g(x, r) with scalars x and r, from which tests check
  /// the law's equations on values.
  virtual Value buildExample(OpBuilder &builder, Location loc, Value x,
                             Value r) const = 0;
};

/// Dialects that bring laws of their own implement this interface.
class LawInterface : public DialectInterface::Base<LawInterface> {
public:
  explicit LawInterface(Dialect *dialect) : Base(dialect) {}
  virtual void getLaws(SmallVectorImpl<const Law *> &laws) const = 0;
};

/// The laws known in a context.
class LawTable {
public:
  explicit LawTable(MLIRContext *context);

  ArrayRef<const Law *> getLaws() const { return laws; }
  const Law *lookup(StringRef name) const;

  /// The factors of `op` if a law knows it as a product or quotient.
  std::optional<SmallVector<Law::Factor>> getFactors(Operation *op) const;

  /// An operand of a scalar operation.
  struct OperandInfo {
    Change change;
    /// The operand is the constant `value`.
    std::optional<double> constant;
    /// The operand is a fixed tensor that does not depend on the streaming
    /// rank.
    std::optional<TensorRef> uniform;
  };
  /// How the result of the scalar operation `op` changes.
  Change getChange(Operation *op, ArrayRef<OperandInfo> operands) const;

private:
  Change combine(Operation *op, ArrayRef<OperandInfo> operands) const;

  SmallVector<const Law *> laws;
};

/// Builds the sum of coefficient * factor * (new - old) over the terms: the
/// exponent of a correction of exponentials.
Value buildShift(OpBuilder &builder, Location loc,
                 ArrayRef<Law::TermValues> terms);

} // namespace mlir::attn

#endif // ATTN_ANALYSIS_LAWS_H
