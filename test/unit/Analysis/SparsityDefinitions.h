//===- SparsityDefinitions.h - Sparsity point by point ----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the atoms of a sparsity expression mean, written from their definitions;
// the reference of the tests of plans.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_ANALYSIS_SPARSITYDEFINITIONS_H
#define ATTN_TEST_UNIT_ANALYSIS_SPARSITYDEFINITIONS_H

#include "attn/Analysis/SparsityPlan.h"
#include <cmath>

namespace mlir::attn {

/// Sizes and lengths of one call.
struct Sizes {
  int64_t rows, keys, keyLength, rowLength;
  /// The key that the position of row 0 falls on, and the origin of the keys.
  int64_t diagonal = 0, keyOrigin = 0;
  int64_t head = 0;
};

/// Whether the coordinate j is in the window of i on an axis of the given
/// length, as the authors of generalized neighborhood attention define it.
inline bool isNeighbor(NeighborhoodAttr atom, size_t axis, int64_t i, int64_t j,
                       int64_t length) {
  int64_t dilation = atom.getDilation()[axis], window = atom.getKernel()[axis];
  int64_t stride = atom.getStride()[axis];
  int64_t remainder = llvm::mod(i, dilation);
  if (llvm::mod(j, dilation) != remainder)
    return false;
  length = llvm::divideFloorSigned(length - remainder + dilation - 1, dilation);
  i = llvm::divideFloorSigned(i, dilation);
  j = llvm::divideFloorSigned(j, dilation);
  int64_t left = window / 2, right = window / 2 + window % 2 - 1;
  int64_t group = llvm::divideFloorSigned(i, stride) * stride;
  bool isCausal = atom.getCausal()[axis] == 1;
  if (atom.getClipped()) {
    int64_t start =
        isCausal ? group + stride - window : group + stride / 2 - left;
    return start <= j && (isCausal ? j <= i : j < start + window);
  }
  bool isShort = length < window;
  if (isCausal) {
    int64_t leader = std::min(group + stride - 1, length - 1);
    int64_t start = std::max<int64_t>(leader - left - right, 0);
    return (isShort || j >= start) && j <= i;
  }
  int64_t leader = std::min(group + stride / 2, length - 1);
  int64_t start = std::max<int64_t>(leader - left, 0);
  if (leader + right >= length)
    start += length - right - leader - 1;
  return isShort || (start <= j && j < start + window);
}

inline bool isNeighbor(NeighborhoodAttr atom, int64_t m, int64_t n,
                       int64_t numKeys) {
  SmallVector<int64_t> grid(atom.getGrid());
  if (grid.empty())
    grid.push_back(numKeys);
  int64_t inner = 1;
  for (size_t axis = grid.size(); axis-- > 0; inner *= grid[axis]) {
    int64_t i = llvm::divideFloorSigned(m, inner);
    int64_t j = llvm::divideFloorSigned(n, inner);
    if (axis > 0) {
      i = llvm::mod(i, grid[axis]);
      j = llvm::mod(j, grid[axis]);
    }
    if (!isNeighbor(atom, axis, i, j, grid[axis]))
      return false;
  }
  return n < inner;
}

inline bool isRadial(RadialAttr atom, int64_t m, int64_t n) {
  int64_t tokens = atom.getTokens(), block = atom.getBlock();
  if (n >= atom.getFrames() * tokens)
    return false;
  int64_t apart = std::abs(llvm::divideFloorSigned(m, tokens) -
                           llvm::divideFloorSigned(n, tokens));
  int64_t within = std::abs(llvm::mod(m, tokens) - llvm::mod(n, tokens));
  if (n < tokens || apart <= std::min<int64_t>(1, atom.getFrames() - 1))
    return true;
  if (apart >= atom.getFrames())
    return false;
  auto countBits = [](int64_t number) {
    int bits = 0;
    for (; number > 0; number /= 2)
      ++bits;
    return bits;
  };
  double length = std::pow(2.0, countBits(tokens)) /
                  std::pow(2.0, countBits(apart)) *
                  atom.getDecay().getValueAsDouble();
  if (length < block && apart % static_cast<int64_t>(block / length) != 0)
    return false;
  return within <= std::max(length, static_cast<double>(block));
}

/// One random restriction and the definition of what it leaves.
struct Case {
  PlaneRestriction restriction;

  int64_t getKeyCount(const Sizes &sizes) const {
    return restriction.hasKeyLengths ? sizes.keyLength : sizes.keys;
  }
  int64_t getRowCount(const Sizes &sizes) const {
    return restriction.hasQueryLengths ? sizes.rowLength : sizes.rows;
  }

  bool isLive(int64_t row, int64_t key, const Sizes &sizes) const {
    if (row >= getRowCount(sizes) || key >= getKeyCount(sizes))
      return false;
    int64_t position = row;
    if (restriction.hasDiagonal)
      position += sizes.diagonal;
    else if (restriction.alignment == Alignment::BottomRight)
      position += getKeyCount(sizes) - getRowCount(sizes);
    return !restriction.expression ||
           holds(restriction.expression, position, key,
                 restriction.hasKeyOrigin ? sizes.keyOrigin : 0,
                 getKeyCount(sizes), sizes.head);
  }

  SmallVector<int64_t> getSymbols(const Sizes &sizes, PlanAttr plan) const {
    SmallVector<int64_t> symbols{sizes.rows, sizes.keys};
    if (restriction.hasKeyLengths)
      symbols.push_back(sizes.keyLength);
    if (restriction.hasQueryLengths)
      symbols.push_back(sizes.rowLength);
    if (restriction.hasDiagonal)
      symbols.push_back(sizes.diagonal);
    if (restriction.hasKeyOrigin)
      symbols.push_back(sizes.keyOrigin);
    if (plan)
      for (StringAttr symbol : plan.getSymbols())
        if (std::optional<int64_t> number =
                getHeadSymbol(plan, symbol, sizes.head))
          symbols.push_back(*number);
    return symbols;
  }

  /// Whether `term` holds at a position of rows and a key, which count from
  /// `keyOrigin` on.
  static bool holds(Attribute term, int64_t position, int64_t key,
                    int64_t keyOrigin, int64_t keyCount, int64_t head) {
    if (auto perHead = dyn_cast<PerHeadAttr>(term)) {
      int64_t last = static_cast<int64_t>(perHead.getAtoms().size()) - 1;
      return holds(perHead.getAtoms()[std::clamp<int64_t>(head, 0, last)],
                   position, key, keyOrigin, keyCount, head);
    }
    // The position of the row and of the key in the whole.
    int64_t m = position + keyOrigin, n = key + keyOrigin;
    if (auto leading = dyn_cast<LeadingAttr>(term))
      return n < leading.getCount();
    if (auto blocks = dyn_cast<BlockDiagonalAttr>(term))
      return llvm::divideFloorSigned(m, blocks.getSize()) ==
             llvm::divideFloorSigned(n, blocks.getSize());
    if (auto dilated = dyn_cast<DilatedAttr>(term))
      return std::abs(m - n) <= dilated.getWindow() &&
             (m - n) % dilated.getStep() == 0;
    if (auto strided = dyn_cast<StridedAttr>(term))
      return llvm::mod(llvm::divideFloorSigned(n, strided.getBlock()) +
                           strided.getOffset(),
                       strided.getStep()) == 0;
    if (auto neighborhood = dyn_cast<NeighborhoodAttr>(term))
      return isNeighbor(neighborhood, m, n, keyCount);
    if (auto powers = dyn_cast<PowerOfTwoAttr>(term)) {
      int64_t distance = llvm::divideFloorSigned(m, powers.getBlock()) -
                         llvm::divideFloorSigned(n, powers.getBlock());
      return distance > 0 && (distance & (distance - 1)) == 0;
    }
    if (auto radial = dyn_cast<RadialAttr>(term))
      return isRadial(radial, m, n);
    if (auto set = dyn_cast<AffineSetAttr>(term))
      return llvm::all_of(
          set.getFunctions().getValue().getResults(), [&](AffineExpr expr) {
            SmallVector<Attribute> results;
            AffineMap map = AffineMap::get(2, 1, expr);
            Type index = IndexType::get(term.getContext());
            if (failed(map.constantFold({IntegerAttr::get(index, m),
                                         IntegerAttr::get(index, n),
                                         IntegerAttr::get(index, head)},
                                        results)))
              return false;
            return cast<IntegerAttr>(results.front()).getInt() >= 0;
          });
    if (isa<CausalAttr>(term))
      return key <= position;
    if (auto window = dyn_cast<WindowAttr>(term))
      return position - window.getLeft() <= key &&
             key - position <= window.getRight();
    if (auto prefix = dyn_cast<PrefixAttr>(term))
      return key + keyOrigin < prefix.getLength();
    auto part = [&](Attribute part) {
      return holds(part, position, key, keyOrigin, keyCount, head);
    };
    if (auto disjunction = dyn_cast<OrAttr>(term))
      return llvm::any_of(disjunction.getTerms(), part);
    if (auto negation = dyn_cast<NotAttr>(term))
      return !part(negation.getTerm());
    return llvm::all_of(cast<AndAttr>(term).getTerms(), part);
  }
};

} // namespace mlir::attn

#endif // ATTN_TEST_UNIT_ANALYSIS_SPARSITYDEFINITIONS_H
