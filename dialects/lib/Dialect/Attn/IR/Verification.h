//===- Verification.h - Shared by the dialect's verifiers -------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_IR_VERIFICATION_H
#define ATTN_LIB_DIALECT_ATTN_IR_VERIFICATION_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// What is wrong with a part that is aligned by its own extents.
inline constexpr StringLiteral kPartNeedsOffset =
    "is a part of a sequence, by its origin, and 'align bottom_right' would "
    "take the part's extents; allowed are 'align offset(...)', 'align "
    "top_left', or lengths of both keys and queries";

/// What is wrong with a part whose sparsity asks for the keys of the whole.
inline constexpr StringLiteral kPartNeedsGrid =
    "is a part of a sequence, by the origin of its keys, and its neighborhood "
    "would count the part's keys; give the neighborhood a grid";

/// Whether `sparsity`, which may be null, depends on the number of keys.
inline bool countsKeys(SparsityAttr sparsity) {
  return anyAtom(sparsity, [](const AtomDefinition &atom) {
    return atom.readsKeyCount();
  });
}

/// Diagnoses a name that no rank can have.
LogicalResult verifyRankName(Operation *op, StringAttr name);

/// Why an operator whose atoms read slots has to say what they are.
inline constexpr StringLiteral kPermutedNeedsOrder =
    "has an atom 'in permuted', but no order of tokens: permute(%p : type)";

/// What is wrong with half a clause of segments.
inline constexpr StringLiteral kSegmentsNeedBoth =
    "has segments of queries or of keys alone; each needs the other: "
    "'segments query(...) key(...)'";

/// What is wrong with segments in an order of their own.
inline constexpr StringLiteral kSegmentsHaveNoOrder =
    "has segments and a permutation; tokens of packed sequences are walked as "
    "they lie";

/// Checks how many offsets queries and keys have, kDynamic where it is not
/// known: one more than there are segments.
LogicalResult verifySegmentCounts(Operation *op, int64_t queries, int64_t keys);

/// What lists of keys do not go with.
inline constexpr StringLiteral kListsStandAlone =
    "has lists of keys and a permutation, segments or an origin of its plane; "
    "lists count tokens as they lie in the operands";

/// Whether two dimensions may have one extent.
inline bool extentsAgree(int64_t a, int64_t b) {
  return a == b || ShapedType::isDynamic(a) || ShapedType::isDynamic(b);
}

/// A rank that may index an extra operand of an operator, with its extent.
struct ExtraRank {
  StringRef name;
  int64_t extent;
};
/// The ranks of the score.
SmallVector<ExtraRank> getScoreRanks(AttentionOp op);

/// Checks an extra operand against the ranks that index it. Modifiers, atoms
/// and gates use the operands in order, each once: `next` is the one whose turn
/// it is. Behind the ranks there may be `numDims` dimensions more.
LogicalResult verifyExtra(AttentionOp op, const Twine &what, int64_t slot,
                          ArrayRef<StringAttr> ranks,
                          ArrayRef<ExtraRank> allowed, int64_t &next,
                          int64_t numDims = 0);

/// Checks the atoms of the sparsity that name operands or regions; `nextSlot`
/// and `nextRegion` are those whose turn it is.
LogicalResult verifyOperandAtoms(AttentionOp op, int64_t &nextSlot,
                                 int64_t &nextRegion);
/// Checks masks and predicates.
LogicalResult verifyPointAtoms(CascadeOp cascade, const CascadeSpace &space);
/// Checks what the regions of predicates receive, hold and yield.
LogicalResult verifyPredicateRegions(AttentionOp op);
LogicalResult verifyPredicateRegions(CascadeOp cascade);

/// The type of the input that `access` names; diagnoses one that there is not.
/// `what` says what it is read as.
FailureOr<ShapedType> getInputType(CascadeOp cascade, const Twine &what,
                                   AccessAttr access);

/// One operand of the lists of an atom.
struct ListOperand {
  StringRef what;
  AccessAttr access;
  /// How many dimensions are behind the ranks.
  int64_t numDims;
};
SmallVector<ListOperand> getListOperands(Attribute atom);

/// Checks that there is a list for each block or group of the `rows` queries,
/// kDynamic where it is not known. `getType` gives the type of an operand.
LogicalResult verifyListCount(Operation *op, Attribute atom, int64_t rows,
                              function_ref<ShapedType(AccessAttr)> getType);

/// Checks the atoms that differ by head. `getExtent` gives the extent of a rank
/// that may count heads; `allowed` says which do.
LogicalResult
verifyPerHead(Operation *op, SparsityAttr sparsity, StringRef allowed,
              function_ref<std::optional<int64_t>(StringAttr)> getExtent,
              function_ref<bool(StringAttr)> hasOrigin);

/// Diagnoses an element type that einsums do not compute with; `what` names the
/// tensor.
LogicalResult verifyElementType(Operation *op, const Twine &what, Type type);

/// The most elements that a tensor of an operator or a cascade has: so many
/// that bytes of several, and of what is made of them, still fit 64 bits.
inline constexpr int64_t kMostElements = int64_t(1) << 56;

/// Diagnoses an operand or a result of `op` whose static extents alone make
/// more elements than that.
LogicalResult verifySizes(Operation *op);

/// Starts the error that `op` may not stand in what the caller names next. It
/// is at what is around `op` where that has no location, as a folded constant.
InFlightDiagnostic emitMisplaced(Operation *op);

/// Diagnoses an operation that may not stand in a region of scalar code, called
/// `where` in the message.
LogicalResult verifyScalarOp(Operation *op, StringRef where);

/// The type of a map's argument for an operand of `type`: floats are converted
/// to the compute type of `output`, everything else stays what it is.
Type getMapArgumentType(Type type, Type output);

/// Whether `expr` splits a dimension into steps and points, `step*POINT+point`.
/// Where the dimension ends within a step, the points past it do not exist.
bool isPartition(EinsumOp einsum, AffineExpr expr, StringAttr &step,
                 StringAttr &point);

/// The rank that `expr` walks: a rank by itself, or the parent of an enclosing
/// attn.iterate read at `rank*POINT+point`. Null for any other expression.
StringAttr getWalkedRank(EinsumOp einsum, AffineExpr expr);

/// Calls `fn` with every (rank, extent) that the dimensions of the cascade's
/// tensors state, the operation that does, and whether the tensor is an input
/// of the cascade or a copy of one; dimensions indexed by more than one rank
/// name state nothing, unless they walk the parent of an iterative rank.
void forEachStatedExtent(
    CascadeOp cascade,
    function_ref<void(StringAttr, int64_t, Operation *, bool isGiven)> fn);

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_IR_VERIFICATION_H
