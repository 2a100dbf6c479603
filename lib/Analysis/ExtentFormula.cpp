//===- ExtentFormula.cpp - Polynomials in the extents of ranks ------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/ExtentFormula.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include <cmath>

using namespace mlir;
using namespace mlir::attn;

std::string attn::getExtentSymbol(StringRef rank) {
  std::string name = rank.str();
  if (!name.empty())
    name.front() = llvm::toUpper(name.front());
  return name;
}

ExtentFormula ExtentFormula::constant(double value) {
  ExtentFormula formula;
  if (value != 0.0)
    formula.terms[{}] = value;
  return formula;
}

ExtentFormula ExtentFormula::symbol(StringRef name) {
  ExtentFormula formula;
  formula.terms[{name.str()}] = 1.0;
  return formula;
}

ExtentFormula &ExtentFormula::operator+=(const ExtentFormula &other) {
  for (const auto &[factors, coefficient] : other.terms) {
    double &sum = terms[factors];
    sum += coefficient;
    if (sum == 0.0)
      terms.erase(factors);
  }
  return *this;
}

ExtentFormula ExtentFormula::operator+(const ExtentFormula &other) const {
  ExtentFormula sum = *this;
  return sum += other;
}

ExtentFormula ExtentFormula::operator*(const ExtentFormula &other) const {
  ExtentFormula product;
  for (const auto &[left, leftCoefficient] : terms)
    for (const auto &[right, rightCoefficient] : other.terms) {
      std::vector<std::string> factors = left;
      factors.insert(factors.end(), right.begin(), right.end());
      llvm::sort(factors);
      ExtentFormula term;
      term.terms[factors] = leftCoefficient * rightCoefficient;
      product += term;
    }
  return product;
}

ExtentFormula ExtentFormula::substitute(
    function_ref<std::optional<double>(StringRef)> values) const {
  ExtentFormula result;
  for (const auto &[factors, coefficient] : terms) {
    ExtentFormula term = constant(coefficient);
    for (const std::string &factor : factors) {
      std::optional<double> value = values(factor);
      term = term * (value ? constant(*value) : symbol(factor));
    }
    result += term;
  }
  return result;
}

std::optional<double> ExtentFormula::getConstant() const {
  if (terms.empty())
    return 0.0;
  if (terms.size() == 1 && terms.begin()->first.empty())
    return terms.begin()->second;
  return std::nullopt;
}

void attn::printCount(raw_ostream &os, double value) {
  constexpr double kExact = 9007199254740992.0;
  if (std::floor(value) == value && std::fabs(value) <= kExact)
    os << static_cast<int64_t>(value);
  else
    os << llvm::format("%.6g", value);
}

void ExtentFormula::print(raw_ostream &os) const {
  if (terms.empty()) {
    os << "0";
    return;
  }
  // Terms of the highest degree first.
  std::vector<const std::pair<const std::vector<std::string>, double> *> order;
  for (const auto &term : terms)
    order.push_back(&term);
  llvm::sort(order, [](const auto *a, const auto *b) {
    return a->first.size() != b->first.size()
               ? a->first.size() > b->first.size()
               : a->first < b->first;
  });
  llvm::interleave(
      order, os,
      [&](const auto *term) {
        const auto &[factors, coefficient] = *term;
        if (coefficient != 1.0 || factors.empty()) {
          printCount(os, coefficient);
          if (!factors.empty())
            os << "*";
        }
        os << llvm::join(factors, "*");
      },
      " + ");
}

std::string ExtentFormula::str() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  print(os);
  return text;
}
