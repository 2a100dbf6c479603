//===- ExtentFormula.h - Polynomials in the extents of ranks ----*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a cascade computes, moves and keeps are polynomials in the extents of
// its ranks: 2*M*N*E multiplications and additions, 4*N bytes.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ANALYSIS_EXTENTFORMULA_H
#define ATTN_ANALYSIS_EXTENTFORMULA_H

#include "mlir/IR/BuiltinAttributes.h"
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mlir::attn {

/// The name of the extent of `rank`, as index expressions write it: the rank's
/// name with its first letter upper-cased.
std::string getExtentSymbol(StringRef rank);

class ExtentFormula {
public:
  ExtentFormula() = default;

  static ExtentFormula constant(double value);
  static ExtentFormula symbol(StringRef name);

  ExtentFormula &operator+=(const ExtentFormula &other);
  ExtentFormula operator+(const ExtentFormula &other) const;
  ExtentFormula operator*(const ExtentFormula &other) const;

  /// The formula with the symbols that `values` knows replaced by numbers.
  ExtentFormula
  substitute(function_ref<std::optional<double>(StringRef)> values) const;
  /// The value, if no symbol is left.
  std::optional<double> getConstant() const;
  bool isZero() const { return terms.empty(); }

  void print(raw_ostream &os) const;
  std::string str() const;

private:
  /// Coefficients by the sorted names of the factors.
  std::map<std::vector<std::string>, double> terms;
};

/// Prints a number of things: exactly where it is an integer that a double
/// holds, else rounded.
void printCount(raw_ostream &os, double value);

} // namespace mlir::attn

#endif // ATTN_ANALYSIS_EXTENTFORMULA_H
