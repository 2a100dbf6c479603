//===- ExponentMap.h - The map that makes weights of scores -----*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_EXPONENTMAP_H
#define ATTN_LIB_CONVERSION_EXPONENTMAP_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// A map of tiles with one 2^((score * factor - maximum) * scale), and what
/// else it makes of that. Score and maximum are operands that it reads nowhere
/// else.
struct ExponentMap {
  /// The operands.
  unsigned score, maximum;
  /// 1 where the map has none.
  FloatAttr factor, scale;

  static std::optional<ExponentMap> match(TileEinsumOp map);

  /// Multiplies the score by `by` first.
  void multiplyScore(TileEinsumOp map, FloatAttr by) const;
  /// Makes the exponent one multiplication and addition. A score far from 0
  /// loses its last bits so, and the largest one has a weight far from 1; where
  /// the magnitude of the maximum is `kLargestMaximum` or more the maximum is
  /// taken to be 0, which is right for scores of -inf alone.
  void contract(TileEinsumOp map) const;
};

/// Below this the exponent that `contract` leaves of the largest score, which
/// should be 0, is within 2^-14 of it, and so are others beside it.
inline constexpr float kLargestMaximum = 1024;

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_EXPONENTMAP_H
