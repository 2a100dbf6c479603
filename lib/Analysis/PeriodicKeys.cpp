//===- PeriodicKeys.cpp - Keys that come back with a period ---------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/PeriodicKeys.h"
#include "attn/Analysis/SparsityPlan.h"
#include "attn/Analysis/StepTest.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>

using namespace mlir;
using namespace mlir::attn;

/// Numbers of an atom are up to 2^30 each.
static constexpr int64_t kLongestPeriod = int64_t(1) << 30;
/// The longest period of constraints whose keys are looked at one by one.
static constexpr int64_t kLongestSearch = int64_t(1) << 14;
/// What a function rises by in a period, at most: sums and products of it with
/// the numbers of an atom fit 64 bits.
static constexpr int64_t kMostRise = int64_t(1) << 40;

int64_t PeriodicKeys::getNumber(int64_t position) const {
  int64_t quotient = llvm::divideFloorSigned(position - first, period);
  return quotient * length +
         std::min(position - first - quotient * period, length);
}

int64_t PeriodicKeys::getPosition(int64_t number) const {
  int64_t quotient = llvm::divideFloorSigned(number, length);
  return first + quotient * period + number - quotient * length;
}

bool PeriodicKeys::contains(int64_t position) const {
  return llvm::mod(position - first, period) < length;
}

namespace {
/// f(key + period) = f(key) + rise, for every key.
struct Periodicity {
  int64_t period, rise;
};
} // namespace

/// Nothing where numbers are too large to look at.
static std::optional<Periodicity> limit(Periodicity found) {
  if (found.period > kLongestSearch || std::abs(found.rise) > kMostRise)
    return std::nullopt;
  return found;
}

/// The periodicity of a function of the key alone; nothing for one that reads
/// more.
static std::optional<Periodicity> getPeriodicity(AffineExpr expr) {
  if (isa<AffineConstantExpr>(expr))
    return Periodicity{1, 0};
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dim.getPosition() == 1 ? std::optional(Periodicity{1, 1})
                                  : std::nullopt;
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return std::nullopt;
  std::optional<Periodicity> left = getPeriodicity(binary.getLHS());
  std::optional<Periodicity> right = getPeriodicity(binary.getRHS());
  if (!left || !right)
    return std::nullopt;
  if (expr.getKind() == AffineExprKind::Add) {
    int64_t period = std::lcm(left->period, right->period);
    if (period > kLongestSearch)
      return std::nullopt;
    return limit({period, left->rise * (period / left->period) +
                              right->rise * (period / right->period)});
  }
  auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (!constant)
    return std::nullopt;
  int64_t number = constant.getValue();
  if (expr.getKind() == AffineExprKind::Mul)
    return limit({left->period, left->rise * number});
  // A quotient rises evenly where what is divided does by multiples.
  int64_t periods = number / std::gcd(left->rise, number);
  if (periods > kLongestSearch / left->period)
    return std::nullopt;
  bool isRemainder = expr.getKind() == AffineExprKind::Mod;
  return limit({left->period * periods,
                isRemainder ? 0 : left->rise * periods / number});
}

/// The keys for which all of `constraints` are 0 or more, where they are one
/// run in each period.
static std::optional<PeriodicKeys> findRun(ArrayRef<AffineExpr> constraints) {
  int64_t period = 1;
  for (AffineExpr constraint : constraints) {
    std::optional<Periodicity> found = getPeriodicity(constraint);
    if (!found || found->rise != 0)
      return std::nullopt;
    period = std::lcm(period, found->period);
    if (period > kLongestSearch)
      return std::nullopt;
  }
  auto isNamed = [&](int64_t key) {
    return llvm::all_of(constraints, [&](AffineExpr constraint) {
      return evaluateExpr(constraint, {0, key}, {}) >= 0;
    });
  };
  std::optional<PeriodicKeys> run;
  bool wasNamed = isNamed(period - 1);
  int64_t count = 0;
  for (int64_t key = 0; key < period; ++key) {
    bool isKey = isNamed(key);
    if (isKey && !wasNamed) {
      if (run)
        return std::nullopt;
      run = PeriodicKeys{period, key, 0};
    }
    count += isKey;
    wasNamed = isKey;
  }
  if (run)
    run->length = count;
  return run;
}

static std::optional<PeriodicKeys> getKeysOf(Attribute atom) {
  if (auto strided = dyn_cast<StridedAttr>(atom)) {
    int64_t step = strided.getStep(), block = strided.getBlock();
    int64_t period;
    if (llvm::MulOverflow(step, block, period) || period > kLongestPeriod)
      return std::nullopt;
    int64_t number = (step - strided.getOffset()) % step;
    return PeriodicKeys{period, number * block, block};
  }
  auto set = dyn_cast<AffineSetAttr>(atom);
  if (!set || set.getFunctions().getValue().getNumSymbols() > 0)
    return std::nullopt;
  return findRun(set.getFunctions().getValue().getResults());
}

/// `atom`, or those of its heads where it has parameters of its own in each.
static SmallVector<Attribute> getAtomsOfHeads(Attribute atom) {
  if (auto perHead = dyn_cast_or_null<PerHeadAttr>(atom))
    return llvm::to_vector(perHead.getAtoms());
  return {atom};
}

SmallVector<PeriodicKeys> attn::getPeriodicKeys(Attribute atom) {
  SmallVector<PeriodicKeys> heads;
  for (Attribute inner : getAtomsOfHeads(atom)) {
    std::optional<PeriodicKeys> keys = getKeysOf(inner);
    if (!keys)
      return {};
    heads.push_back(*keys);
  }
  return heads;
}

SmallVector<int64_t> attn::getDilatedSteps(Attribute atom) {
  SmallVector<int64_t> steps;
  for (Attribute inner : getAtomsOfHeads(atom))
    if (auto dilated = dyn_cast_or_null<DilatedAttr>(inner))
      steps.push_back(dilated.getStep());
  if (llvm::all_equal(steps))
    steps.resize(std::min<size_t>(steps.size(), 1));
  return steps;
}

/// Whether the shortest steps that may be left out hold keys of these alone, or
/// none of them.
static bool fillSteps(const PeriodicKeys &keys) {
  return keys.period % kShortestRun == 0 && keys.first % kShortestRun == 0 &&
         keys.length % kShortestRun == 0;
}

bool attn::areScattered(ArrayRef<PeriodicKeys> heads) {
  // The ends of longer runs are few.
  constexpr int64_t kLongRun = 128;
  return !heads.empty() && llvm::all_of(heads, [&](const PeriodicKeys &keys) {
    return keys.length == heads.front().length && keys.length < kLongRun &&
           2 * keys.length <= keys.period;
  }) && !llvm::all_of(heads, fillSteps);
}
