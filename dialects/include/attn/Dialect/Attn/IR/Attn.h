//===- Attn.h - Public header of the attn dialect ----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_IR_ATTN_H
#define ATTN_DIALECT_ATTN_IR_ATTN_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/IntegerSet.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/MapVector.h"

#include "attn/Dialect/Attn/IR/PlanPiece.h"

#include "attn/Dialect/Attn/IR/AttnDialect.h.inc"
#include "attn/Dialect/Attn/IR/AttnEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "attn/Dialect/Attn/IR/AttnAttributes.h.inc"

namespace mlir::attn {

/// An index that is data: the element of an integer tensor at index expressions
/// over the ranks and extents of the access that has it. Among the symbols of
/// that access it stands under a name that no rank can have.
struct DataIndex {
  StringAttr name;
  Value tensor;
  AffineMap map;
};

/// One operand of an einsum with its index expressions, written over its own
/// list of rank names: dimension i of `map` is rank `ranks[i]`, symbol j is the
/// extent of rank `extents[j]`, or the data that has this name.
struct EinsumAccess {
  Value tensor;
  AffineMap map;
  SmallVector<StringAttr> ranks;
  SmallVector<StringAttr> extents;
  SmallVector<DataIndex> data;

  EinsumAccess() = default;
  EinsumAccess(Value tensor, AffineMap map, ArrayRef<StringAttr> ranks,
               ArrayRef<StringAttr> extents = {})
      : tensor(tensor), map(map), ranks(ranks), extents(extents) {}

  /// The access `tensor[ranks...]`.
  static EinsumAccess get(Value tensor, ArrayRef<StringAttr> ranks);
  /// The data that symbol `position` of the map is, or null.
  const DataIndex *getData(unsigned position) const;
  /// The data that the map reads.
  SmallVector<DataIndex> getDataRead() const;
  /// Whether an index of the map is data.
  bool readsData() const;
};

/// A reduction of an einsum: the operation and the ranks it collapses.
struct EinsumReduction {
  ReductionKind kind;
  SmallVector<StringAttr> ranks;
  /// What an associative reduction has: the region that combines two values, of
  /// the einsum that the reduction is taken from, its identity, and whether the
  /// two may change places.
  Region *combiner = nullptr;
  TypedAttr identity = {};
  bool commutative = false;
};

/// Positions are of interest where tokens are: an origin, an offset or a length
/// further away than this counts as this far, so that sums of them fit 64 bits.
inline constexpr int64_t kFarPosition = int64_t(1) << 40;

/// What a cascade says about its iteration space beside its einsums. Null
/// attributes are absent clauses.
struct CascadeSpace {
  SparsityAttr sparsity;
  StringAttr queryRank, keyRank;
  AlignmentAttr alignment;
  AccessAttr offset;
  AccessAttr keyLengths, queryLengths;
  /// Behind the ranks of these there is one dimension, of offsets. Both are
  /// given or none.
  AccessAttr querySegments, keySegments;
  SmallVector<OriginAttr> origins;
  SmallVector<PermutationAttr> permutations;
  /// The regions of predicates, which atoms name by their numbers: those of the
  /// cascade that has the space. A cascade made with it gets copies.
  SmallVector<Region *> predicates;

  /// Whether points of the (query, key) plane are removed.
  bool restricts() const {
    return sparsity || keyLengths || queryLengths || isPacked();
  }
  /// Whether the plane is cut into segments.
  bool isPacked() const { return querySegments || keySegments; }
  /// The origin of `rank`, or null.
  AccessAttr getOrigin(StringAttr rank) const;
  /// The original coordinates of the slots of `rank`, or null.
  AccessAttr getPermutation(StringAttr rank) const;
  /// The operands of atoms that are lists of the call.
  SmallVector<AccessAttr> getLists() const {
    return sparsity ? sparsity.getLists() : SmallVector<AccessAttr>();
  }
  /// The atoms that are data at each point, masks and predicates, and their
  /// operands.
  SmallVector<Attribute> getPointAtoms() const {
    return sparsity ? sparsity.getPointAtoms() : SmallVector<Attribute>();
  }
  bool hasPointAtoms() const { return !getPointAtoms().empty(); }
  SmallVector<AccessAttr> getPointOperands() const {
    return sparsity ? sparsity.getPointOperands() : SmallVector<AccessAttr>();
  }
  /// The ranks whose indices predicates receive.
  SmallVector<StringAttr> getIndexedRanks() const;
  /// What a predicate computes.
  Block *getPredicate(PredicateAttr atom) const;
  /// This space with the regions that atoms name, numbered in the order of the
  /// text.
  CascadeSpace withNamedPredicates() const;
  /// Whether both say the same, over the same inputs and ranks.
  bool isSameAs(const CascadeSpace &other) const;
  /// An atom whose points depend on the head, or null: all count heads alike.
  PerHeadAttr getPerHead() const;
  /// Whether the order of slots matters: some atom reads them.
  bool readsSlots() const { return sparsity && sparsity.readsSlots(); }
  /// Every input that is named other than in einsums.
  SmallVector<AccessAttr> getAccesses() const;
  /// What positional tests of the plane read.
  SmallVector<AccessAttr> getPlaneAccesses() const;
  /// The ranks whose indices say whether a point is removed: those of the
  /// plane, of what its tests read, of heads that differ and of what predicates
  /// receive.
  SmallVector<StringAttr> getPlaneRanks() const;
  /// This space over other inputs and ranks.
  CascadeSpace map(function_ref<int64_t(int64_t)> input,
                   function_ref<StringAttr(StringAttr)> rank) const;
};

/// The float type in which an einsum with results of type `element` computes:
/// f64 for f64, f32 for every other type.
Type getComputeType(Type element);

class EinsumOpInterface;

/// What the methods of EinsumOpInterface do.
namespace detail {
SmallVector<StringAttr> toNames(ArrayAttr names, size_t first = 0);
EinsumAccess getAccess(EinsumOpInterface einsum, unsigned index);
EinsumAccess getIndexAccess(EinsumOpInterface einsum, unsigned index);
SmallVector<EinsumAccess> getAccesses(EinsumOpInterface einsum);
std::optional<EinsumReduction> getEinsumReduction(EinsumOpInterface einsum);
int64_t findRank(ArrayAttr ranks, StringAttr rank);
bool inputUsesRank(EinsumOpInterface einsum, unsigned index, StringAttr rank);
Operation *getSingleOp(Block *map);
bool isIdentity(Block *map);
} // namespace detail

} // namespace mlir::attn

#include "attn/Dialect/Attn/IR/AttnInterfaces.h.inc"

#define GET_OP_CLASSES
#include "attn/Dialect/Attn/IR/AttnOps.h.inc"

namespace mlir::attn {

/// Where an index expression of an einsum leads.
enum class IndexBounds { Within, Outside, Unknown };

/// Whether index `position` of input `input` stays in its dimension, given the
/// extents of the cascade's ranks. Where it is unknown, what is read past an
/// end is the element at that end.
IndexBounds getIndexBounds(EinsumOp einsum, unsigned input, unsigned position,
                           const llvm::MapVector<StringAttr, int64_t> &extents);

/// The points where an atom of a sparsity is live: a union of sets. A set holds
/// the points (pos(m), pos(n)) where each of its functions is 0 or more. The
/// functions' symbols are the number of keys, the number of the head, what the
/// tables hold for it, and the values.
struct AtomDefinition {
  enum Symbol : unsigned { kKeyCount, kHead, kNumSymbols };

  /// A number for each head.
  SmallVector<SmallVector<int64_t>> tables;
  SmallVector<PointValue> values;
  SmallVector<SmallVector<AffineExpr>> sets;

  unsigned getFirstValue() const { return kNumSymbols + tables.size(); }
  /// Whether it depends on pos(m), on the number of keys, or on the number of
  /// the head other than by tables.
  bool readsRow() const;
  bool readsKeyCount() const;
  bool readsHead() const;
};

/// The number that a table has for a head; heads past its ends have that of the
/// nearest one.
inline int64_t lookUpHead(ArrayRef<int64_t> table, int64_t head) {
  return table[std::clamp<int64_t>(head, 0, table.size() - 1)];
}

/// What `atom` means; nothing for connectives and for what is no sparsity.
std::optional<AtomDefinition> getAtomDefinition(Attribute atom);

/// Whether some atom of `sparsity`, which may be null, has the property.
bool anyAtom(SparsityAttr sparsity,
             function_ref<bool(const AtomDefinition &)> property);

/// A sparsity expression that is live at the same points as `expression` in
/// every cascade and at every size, and shorter where one was found. Null
/// stands for an expression that is live everywhere; one that is live nowhere
/// becomes `prefix(0)`.
Attribute simplifySparsity(Attribute expression);

} // namespace mlir::attn

#endif // ATTN_DIALECT_ATTN_IR_ATTN_H
