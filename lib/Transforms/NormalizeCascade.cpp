//===- NormalizeCascade.cpp - Canonical form of cascades --------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CascadeEmitter.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Analysis/Streaming.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Transforms/Passes.h"
#include "attn/Transforms/Transforms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::attn {
#define GEN_PASS_DEF_NORMALIZECASCADE
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// Identity einsums
//===----------------------------------------------------------------------===//

/// Whether every value of float type `from` is one of `to`.
static bool isExactConversion(Type from, Type to) {
  if (from == to)
    return true;
  auto fromFloat = dyn_cast<FloatType>(from), toFloat = dyn_cast<FloatType>(to);
  return fromFloat && toFloat &&
         (toFloat.isF64() || (toFloat.isF32() && !fromFloat.isF64())) &&
         fromFloat.getWidth() <= toFloat.getWidth();
}

/// Replaces the reads of `identity` by reads of its operand. Reads that alone
/// keep a reduced rank of their einsum stay, and so do those at data, which
/// would become data at data, and those at points that may be dead. Returns
/// whether it replaced any.
static bool inlineIdentity(EinsumOp identity) {
  llvm::SmallSetVector<Operation *, 4> readers;
  for (Operation *user : identity.getResult().getUsers())
    if (isa<EinsumOp>(user))
      readers.insert(user);
  bool changed = false;
  for (Operation *user : readers) {
    auto reader = cast<EinsumOp>(user);
    SmallVector<EinsumAccess> accesses;
    llvm::SmallDenseSet<StringAttr> indexing;
    bool isInlined = false;
    for (auto [index, input] : llvm::enumerate(reader.getInputs())) {
      EinsumAccess access = reader.getAccess(index);
      if (input == identity.getResult() && !access.readsData() &&
          readsAtOwnPoint(identity, access)) {
        access = composeAccess(identity, identity.getAccess(0), access);
        isInlined = true;
      }
      for (StringAttr rank : getAccessRanks(access))
        indexing.insert(rank);
      accesses.push_back(access);
    }
    if (!isInlined || llvm::any_of(reader.getReduced(), [&](StringAttr rank) {
          return !indexing.contains(rank);
        }))
      continue;
    replaceEinsum(reader, accesses);
    changed = true;
  }
  return changed;
}

static unsigned inlineIdentities(CascadeOp cascade) {
  unsigned inlined = 0;
  auto isIdentity = [](EinsumOp einsum) {
    return einsum.isIdentityMap() && !einsum.getReduction() &&
           isExactConversion(
               getElementTypeOrSelf(einsum.getInputs()[0].getType()),
               einsum.getOutputType().getElementType());
  };
  // Readers are rebuilt, so the walk starts again after each.
  while (cascade.getBody()
             .walk([&](EinsumOp einsum) {
               if (!isIdentity(einsum) || !inlineIdentity(einsum))
                 return WalkResult::advance();
               ++inlined;
               return WalkResult::interrupt();
             })
             .wasInterrupted()) {
  }
  return inlined;
}

//===----------------------------------------------------------------------===//
// Splitting maps
//===----------------------------------------------------------------------===//

/// Whether `value`, computed in the map of `einsum`, can be a tensor that the
/// map then reads: its type is what the map would see again.
static bool canBeTensor(EinsumOp einsum, Value value) {
  Type type = value.getType();
  if (isa<FloatType>(type))
    return type == getComputeType(einsum.getOutputType().getElementType());
  return isa<IntegerType>(type);
}

/// Makes `value` of the map of `einsum` an einsum of its own over `ranks`.
static void outline(EinsumOp einsum, Value value, ArrayRef<StringAttr> ranks,
                    const llvm::MapVector<StringAttr, int64_t> &extents) {
  SmallVector<EinsumAccess> accesses, outer;
  SmallVector<int64_t> shape;
  for (StringAttr rank : ranks)
    shape.push_back(getExtent(extents, rank));
  for (unsigned index = 0; index < einsum.getInputs().size(); ++index)
    outer.push_back(einsum.getAccess(index));
  llvm::SmallBitVector arguments(outer.size());
  llvm::SmallDenseSet<Operation *> visited;
  walkExpression(
      value, einsum.getMap(), visited, [](Operation *) {}, &arguments);
  for (unsigned index : arguments.set_bits())
    accesses.push_back(outer[index]);
  OpBuilder builder(einsum);
  auto outlined = EinsumOp::create(
      builder, einsum.getLoc(),
      Type(RankedTensorType::get(shape, value.getType())), ranks, accesses,
      std::nullopt, [&](OpBuilder &builder, Location loc, ValueRange args) {
        IRMapping mapping;
        for (auto [position, index] : llvm::enumerate(arguments.set_bits()))
          mapping.map(einsum.getMap()->getArgument(index), args[position]);
        return cloneExpression(builder, value, einsum.getMap(), mapping);
      });
  // The einsum reads the new tensor where the value was; operands that only the
  // value used go.
  BlockArgument argument =
      einsum.getMap()->addArgument(value.getType(), einsum.getLoc());
  value.replaceAllUsesWith(argument);
  outer.push_back(EinsumAccess::get(outlined.getResult(), ranks));
  replaceEinsum(einsum, outer);
}

/// The parts of a product: what is multiplied to form `value`.
static void collectFactors(Value value, SmallVectorImpl<Value> &factors) {
  if (auto product = value.getDefiningOp<arith::MulFOp>()) {
    collectFactors(product.getLhs(), factors);
    collectFactors(product.getRhs(), factors);
    return;
  }
  factors.push_back(value);
}

/// The ranks of an expression in the order of the einsum's ranks.
static SmallVector<StringAttr> getOrderedRanks(EinsumOp einsum, Value value) {
  llvm::SetVector<StringAttr> ranks = getExpressionRanks(einsum, value);
  SmallVector<StringAttr> ordered;
  for (StringAttr rank : einsum.getRankNames())
    if (ranks.contains(rank))
      ordered.push_back(rank);
  return ordered;
}

/// A reduction reads plain products; anything else that it would compute on
/// the way becomes an einsum, so that equal maps are shared and a map is not
/// computed again along ranks that it does not have. Returns whether it did.
static bool
splitReduction(EinsumOp einsum,
               const llvm::MapVector<StringAttr, int64_t> &extents) {
  if (!einsum.getReduction())
    return false;
  SmallVector<Value> factors;
  if (einsum.getReduction() == ReductionKind::Add)
    collectFactors(einsum.getMapResult(), factors);
  else
    factors.push_back(einsum.getMapResult());
  for (Value factor : factors) {
    Operation *op = factor.getDefiningOp();
    if (!op || isa<arith::ConstantOp>(op) || !canBeTensor(einsum, factor))
      continue;
    SmallVector<StringAttr> ranks = getOrderedRanks(einsum, factor);
    // Ranks that an iteration binds are no ranks of a tensor.
    SmallVector<StringAttr> bound = einsum.getBoundRanks();
    if (ranks.empty() || llvm::any_of(bound, [&](StringAttr rank) {
          return llvm::is_contained(ranks, rank);
        }))
      continue;
    outline(einsum, factor, ranks, extents);
    return true;
  }
  return false;
}

/// Whether computing `value` once per point of its ranks is worth a tensor: it
/// reads tensors or elementary functions, and is more than a test of
/// coordinates.
static bool isWorthHoisting(EinsumOp einsum, Value value) {
  if (!isa<FloatType>(value.getType()))
    return false;
  bool worth = false;
  llvm::SmallDenseSet<Operation *> visited;
  llvm::SmallBitVector arguments(einsum.getInputs().size());
  walkExpression(
      value, einsum.getMap(), visited,
      [&](Operation *op) { worth |= isa<math::MathDialect>(op->getDialect()); },
      &arguments);
  return worth || arguments.any();
}

/// What does not depend on the streaming rank `stream` is computed once, before
/// the einsums indexed by it. Returns whether there was such a part.
static bool
hoistInvariant(EinsumOp einsum, StringAttr stream,
               const llvm::MapVector<StringAttr, int64_t> &extents) {
  if (!stream || einsum.getReduction() || !einsum.hasRank(stream))
    return false;
  // The largest invariant parts: walk down from the yielded value.
  SmallVector<Value> worklist{einsum.getMapResult()};
  llvm::SmallDenseSet<Value> visited;
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    Operation *op = value.getDefiningOp();
    if (!op || isa<arith::ConstantOp, IndexOp>(op) ||
        !visited.insert(value).second)
      continue;
    SmallVector<StringAttr> ranks = getOrderedRanks(einsum, value);
    if (!ranks.empty() && !llvm::is_contained(ranks, stream) &&
        canBeTensor(einsum, value) && isWorthHoisting(einsum, value)) {
      outline(einsum, value, ranks, extents);
      return true;
    }
    llvm::append_range(worklist, op->getOperands());
  }
  return false;
}

static void splitMaps(CascadeOp cascade) {
  StringAttr stream = StreamingAnalysis::findRank(cascade);
  llvm::MapVector<StringAttr, int64_t> extents = cascade.getRankExtents();
  bool changed = true;
  while (changed) {
    changed = false;
    SmallVector<EinsumOp> einsums;
    cascade.getBody().walk([&](EinsumOp einsum) { einsums.push_back(einsum); });
    for (EinsumOp einsum : einsums)
      if (splitReduction(einsum, extents) ||
          hoistInvariant(einsum, stream, extents))
        changed = true;
  }
}

/// Lets functions be as exact as the spec says: what may be computed by an
/// instruction that approximates is for later passes to say, which know of a
/// power that it is at most 1 (attn-rebase-exponentials).
static void dropApproximations(CascadeOp cascade) {
  cascade.getBody().walk([](arith::ArithFastMathInterface op) {
    arith::FastMathFlagsAttr flags = op.getFastMathFlagsAttr();
    if (!flags ||
        !bitEnumContainsAll(flags.getValue(), arith::FastMathFlags::afn))
      return;
    op->setAttr(op.getFastMathAttrName(),
                arith::FastMathFlagsAttr::get(op->getContext(),
                                              flags.getValue() &
                                                  ~arith::FastMathFlags::afn));
  });
}

CascadeOp attn::normalizeCascade(CascadeOp cascade, bool renameRanks,
                                 NormalizationCounts *counts) {
  // A mapped cascade is past this: its plan and mapping name ranks.
  bool isMapped = cascade.getMappingAttr() != nullptr;
  cascade.walk(
      [&](IterateOp iterate) { isMapped |= iterate.getPlanAttr() != nullptr; });
  if (isMapped)
    return cascade;
  dropApproximations(cascade);
  // A tensor that goes may be the only one that fixes the size of a step.
  StatedExtents stated(cascade);
  SmallVector<OpResult> results;
  for (OpResult result : cascade->getResults())
    if (!result.use_empty() || cascade->use_empty())
      results.push_back(result);
  OpBuilder builder(cascade);
  auto before = cast<CascadeOp>(builder.clone(*cascade));
  SmallVector<Value> old;
  for (OpResult result : results)
    old.push_back(before->getResult(result.getResultNumber()));

  unsigned inlined = inlineIdentities(cascade);
  splitMaps(cascade);
  CascadeEmitter emitter(cascade, renameRanks);
  CascadeOp normal = emitter.run();
  if (!stated.areKept(normal,
                      [&](StringAttr rank) { return emitter.rename(rank); })) {
    normal->replaceAllUsesWith(old);
    normal.erase();
    return before;
  }
  before.erase();
  if (counts) {
    counts->inlined += inlined;
    counts->merged += emitter.getNumMerged();
  }
  return normal;
}

namespace {
struct NormalizeCascade : attn::impl::NormalizeCascadeBase<NormalizeCascade> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<CascadeOp> cascades;
    getOperation().walk(
        [&](CascadeOp cascade) { cascades.push_back(cascade); });
    NormalizationCounts counts;
    for (CascadeOp cascade : cascades)
      normalizeCascade(cascade, renameRanks, &counts);
    numInlined += counts.inlined;
    numMerged += counts.merged;
  }
};
} // namespace
