//===- AttentionExpander.h - Attention as a cascade -------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TRANSFORMS_ATTENTIONEXPANDER_H
#define ATTN_LIB_TRANSFORMS_ATTENTIONEXPANDER_H

#include "CascadeWriter.h"

namespace mlir::attn {

/// Weights over (m, n), and of each row the maximum of its scores and the
/// denominator, null where the normaliser has none.
struct NormalisedWeights {
  Value weights, maximum, denominator;
};

/// Writes one attention operator as a cascade, einsum by einsum.
class AttentionExpander {
public:
  AttentionExpander(AttentionOp op, OpBuilder &builder)
      : op(op), writer(builder, op.getLoc()) {}

  FailureOr<CascadeOp> run();

private:
  /// An operand of a modifier: its input and the ranks that index it.
  struct Extra {
    unsigned input;
    SmallVector<StringRef> ranks;
  };

  static constexpr StringRef scoreRanks[] = {"b", "k", "g", "m", "n"};
  static constexpr StringRef rowRanks[] = {"b", "k", "g", "m"};
  static constexpr StringRef outputRanks[] = {"b", "k", "g", "m", "f"};

  LogicalResult checkScoreMaps();
  /// The operand split by head if `ranks` has one, with the ranks it then has.
  unsigned addExtra(int64_t slot, ArrayRef<StringRef> ranks,
                    SmallVectorImpl<StringRef> &split);
  AccessAttr addInteger(Value position);
  AccessAttr addSegments(Value offsets);
  void addPermutation(CascadeSpace &space, StringRef token, Value order,
                      std::optional<ArrayAttr> ranks);
  CascadeSpace addSpace();
  PredicateAttr addPredicate(CascadeSpace &space, PredicateAttr atom);
  Value applyModifier(unsigned index, Value score);
  Value applyMap(ScoreMapAttr map, ArrayRef<Extra> operands, Value tensor);

  // AttentionGates.cpp
  EinsumAccess multiply(GateAttr gate, const Extra &extra, EinsumAccess access,
                        StringRef name);
  EinsumAccess applyGates(GatePlace place, EinsumAccess access, StringRef name);
  Value applyRowGates(GatePlace place, Value tensor, StringRef name);
  Value applyRenormalised(Value tensor, bool inLogForm);
  Value applyOutputGates(Value output, Value live);

  // AttentionNormaliser.cpp
  NormalisedWeights normalise(Value score);
  NormalisedWeights applySoftmax(Value score);
  NormalisedWeights divideBySum(Value score);
  Value countLiveKeys(Value score);

  AttentionOp op;
  CascadeWriter writer;
  Block *body = nullptr;
  Type compute;
  int64_t group = 1;
  /// The operands of each modifier.
  SmallVector<SmallVector<Extra>> extras;
  /// Those of the map of weights.
  SmallVector<Extra> weightExtras;
  /// The inputs that people may have named, and the values that say how.
  SmallVector<std::pair<unsigned, Value>> named;
  /// The gates and their operands.
  SmallVector<std::pair<GateAttr, Extra>> gates;
  /// The regions of predicates, over the ranks of the cascade.
  SmallVector<std::unique_ptr<Region>> predicates;
  /// The input that holds the sinks.
  std::optional<unsigned> sinks;
};

/// What people call a tensor of the operator; nothing but printing reads it.
void setName(Value tensor, StringRef name);

} // namespace mlir::attn

#endif // ATTN_LIB_TRANSFORMS_ATTENTIONEXPANDER_H
