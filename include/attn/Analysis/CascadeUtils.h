//===- CascadeUtils.h - Helpers to read and write cascades -----*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ANALYSIS_CASCADEUTILS_H
#define ATTN_ANALYSIS_CASCADEUTILS_H

#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/ShapedOpInterfaces.h"

namespace mlir::attn {

/// What a cascade itself asks for: "unfused", its einsums one by one.
inline constexpr StringLiteral kFormAttrName = "attn.form";
/// Whether the cascade asks to be compiled einsum by einsum.
bool wantsUnfused(CascadeOp cascade);

/// The product of two extents or counts, neither negative, but at most 2^58,
/// more than any memory holds.
int64_t multiplyExtents(int64_t a, int64_t b);

/// The ranks that the index expressions of `access` mention, also those of its
/// index tensors, in the order of their first use.
SmallVector<StringAttr> getAccessRanks(const EinsumAccess &access);

/// Whether an index of an einsum is data. Such a cascade stays as it is: what a
/// step or an item reads of its tensors is not known before it runs.
bool readsData(CascadeOp cascade);

/// The ranks of an access whose expressions are all plain ranks.
std::optional<SmallVector<StringAttr>>
getPlainRanks(const EinsumAccess &access);

/// `expr` as a quotient: what is divided, and the number that divides it, which
/// is 1 for all else. Elements of a dimension indexed by it stand for as many
/// coordinates each.
std::pair<AffineExpr, int64_t> getQuotient(AffineExpr expr);

/// Substitutes `expr`, written over `ranks` and `extents` of `with`, for rank
/// `rank` of `access`.
struct RankExpression {
  AffineExpr expr;
  SmallVector<StringAttr> ranks, extents;
};
EinsumAccess
substituteRanks(const EinsumAccess &access,
                const llvm::MapVector<StringAttr, RankExpression> &with);

/// What a reader of `producer` at `outer` reads where `producer` reads `inner`:
/// the composition of both index maps. `producer` does not reduce.
EinsumAccess composeAccess(EinsumOp producer, const EinsumAccess &inner,
                           const EinsumAccess &outer);

/// Whether an einsum that reads `producer`, which reduces nothing, at `access`
/// reads it at live points of their cascade's plane where its own point is
/// live. At others the tensor holds 0, whatever its map would compute.
bool readsAtOwnPoint(EinsumOp producer, const EinsumAccess &access);

/// Whether both accesses read the same element at every point.
bool isSameAccess(const EinsumAccess &a, const EinsumAccess &b);

/// Position of an access equal to `access` in `list`, added if new.
unsigned findOrAddAccess(SmallVectorImpl<EinsumAccess> &list,
                         const EinsumAccess &access);

/// Gives `to`, which stands for `from`, what is written on it beside what it
/// computes: discardable attributes, and that its result is kept in memory. A
/// result in registers, or in the kernel's tensors, need not be possible where
/// `to` stands; where it is, it is the model's choice (MP-5).
void copyNotes(EinsumOp from, EinsumOp to);

/// Replaces `einsum` by one with the same ranks and map that reads `accesses`,
/// one for each argument of the map.
EinsumOp replaceEinsum(EinsumOp einsum, ArrayRef<EinsumAccess> accesses);

/// New names of ranks; a rank without one keeps its name.
using RankNames = llvm::SmallDenseMap<StringAttr, StringAttr>;

/// Copies `einsum` with its operands replaced and its ranks renamed.
EinsumOp cloneEinsum(OpBuilder &builder, EinsumOp einsum,
                     const IRMapping &tensors, const RankNames &names);

/// Copies the operations of a cascade's body, its einsums with ranks by the
/// names in `names`. `tensors` maps what they read and learns what they give.
void cloneBody(OpBuilder &builder, CascadeOp cascade, IRMapping &tensors,
               const RankNames &names);

/// Copies the operations of `map` that `value` needs, its arguments replaced by
/// `args`, and returns the copy of `value`. Values from outside the map are
/// constants and are copied too.
Value cloneExpression(OpBuilder &builder, Value value, Block *map,
                      ValueRange args);
/// The same with a mapping that several values of one map share.
Value cloneExpression(OpBuilder &builder, Value value, Block *map,
                      IRMapping &mapping);

/// Calls `fn` with every operation of `map` that `value` depends on, operands
/// first, and marks the arguments it reads.
void walkExpression(Value value, Block *map,
                    llvm::SmallDenseSet<Operation *> &visited,
                    function_ref<void(Operation *)> fn,
                    llvm::SmallBitVector *arguments = nullptr);

/// `value` without the constant that it is multiplied by, and the constant,
/// null if there is none.
std::pair<Value, FloatAttr> splitConstant(Value value);

/// Whether `value` is 1 plus an exponential, as the divisor of a sigmoid is: at
/// least 1, or NaN.
bool isOnePlusPower(Value value);

/// The ranks on which `value`, computed in the map of `einsum`, depends.
llvm::SetVector<StringAttr> getExpressionRanks(EinsumOp einsum, Value value);

/// The dimension whose extent `dim` takes, where it is a constant that the
/// shape has: that another one is wrong shows only when the program runs.
std::optional<int64_t> getKnownDimension(ShapedDimOpInterface dim);

/// The extent of `rank` among those that a cascade knows, dynamic if it is not.
int64_t getExtent(const llvm::MapVector<StringAttr, int64_t> &extents,
                  StringAttr rank);

/// Lanes of the smallest tile of rows; fewer queries leave some of them idle.
inline constexpr int64_t kFewQueries = 16;

/// The points of a step where a tensor states them: no other partition of the
/// rank need give the same (CL-4).
std::optional<int64_t> getFixedStep(CascadeOp cascade);

/// What a cascade says about the extents of its ranks: a rewriting must not
/// lose what the ranks that are left need to be known.
struct StatedExtents {
  explicit StatedExtents(CascadeOp cascade);

  /// Whether `after`, in which ranks are called as `rename` says, knows as
  /// much.
  bool areKept(CascadeOp after,
               function_ref<StringAttr(StringAttr)> rename) const;

  llvm::MapVector<StringAttr, int64_t> extents;
  /// The ranks that a dimension of an input states.
  llvm::SmallDenseSet<StringAttr> fromInputs;
};

/// Erases einsums and iterations of `block` without uses, last first, and those
/// that become unused.
void eraseDeadEinsums(Block &block);

/// The constant in which a reduction of `kind` starts: its identity, for
/// extrema of floats the extreme finite number.
TypedAttr getReductionIdentity(ReductionKind kind, Type element);
/// The same for the reduction of `einsum`, which may be by a region.
TypedAttr getReductionIdentity(EinsumOpInterface einsum, Type element);

/// Whether `einsum` is a maximum or a minimum of floats: infinite as a result
/// where it reduces nothing, and finite where a map reads it (MR-3).
bool isExtremum(EinsumOp einsum);

/// Emits the extremum `einsum`, whose value inside the cascade is `tensor`, as
/// a result: infinite where it is no nearer than what a reduction starts at.
EinsumOp createExtremumResult(OpBuilder &builder, EinsumOp einsum,
                              Value tensor);

/// Combines two values as a reduction of `kind` does, one that has a name. Sums
/// and products of floats carry the flags.
Value combineValues(OpBuilder &builder, Location loc, ReductionKind kind,
                    Value a, Value b,
                    arith::FastMathFlags flags = arith::FastMathFlags::none);
/// The same for the reduction of `einsum`, `a` before `b`.
Value combineValues(OpBuilder &builder, Location loc, EinsumOpInterface einsum,
                    Value a, Value b);

} // namespace mlir::attn

#endif // ATTN_ANALYSIS_CASCADEUTILS_H
