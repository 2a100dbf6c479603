//===- CascadeCanonicalization.cpp - Simpler forms of cascades ------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// No pattern changes a bit of a result that is left, and none takes away what
// gives a rank its extent (CA-6) or its use (CA-2, CA-8). A cascade with a
// mapping or a plan is past this: they were made for it as it stands.
//
//===----------------------------------------------------------------------===//

#include "Rebuild.h"
#include "Verification.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/SmallBitVector.h"

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// What einsums may go
//===----------------------------------------------------------------------===//

static bool isMapped(CascadeOp cascade) {
  bool mapped = cascade.getMapping().has_value();
  cascade.getBody().walk(
      [&](IterateOp iterate) { mapped |= iterate.getPlan().has_value(); });
  return mapped;
}

/// Whether the cascade still verifies without the einsums of `dead`, and its
/// caller still knows the sizes of its results: the ranks of the others keep an
/// extent, a constant or that of an input, and those of its plane a use.
static bool mayLose(CascadeOp cascade,
                    const llvm::SmallPtrSetImpl<Operation *> &dead) {
  llvm::SmallDenseSet<StringAttr> used, stated;
  auto isDead = [&](Operation *op) {
    for (; op && op != cascade; op = op->getParentOp())
      if (dead.contains(op))
        return true;
    return false;
  };
  cascade.getBody().walk([&](Operation *op) {
    if (isDead(op))
      return;
    if (auto einsum = dyn_cast<EinsumOp>(op)) {
      used.insert_range(einsum.getRankNames());
      used.insert_range(einsum.getExtentNames());
    } else if (auto iterate = dyn_cast<IterateOp>(op)) {
      used.insert(iterate.getParentAttr());
      stated.insert(iterate.getRankAttr());
      stated.insert(iterate.getPointAttr());
    }
  });
  forEachStatedExtent(
      cascade, [&](StringAttr rank, int64_t size, Operation *op, bool isGiven) {
        if (!isDead(op) && (isGiven || !ShapedType::isDynamic(size)))
          stated.insert(rank);
      });
  for (OriginAttr origin : cascade.getSpace().origins)
    if (!used.contains(origin.getRank()))
      return false;
  if (cascade.hasSpace() && (!used.contains(cascade.getQueryRankAttr()) ||
                             !used.contains(cascade.getKeyRankAttr())))
    return false;
  return llvm::all_of(used,
                      [&](StringAttr rank) { return stated.contains(rank); });
}

//===----------------------------------------------------------------------===//
// attn.einsum
//===----------------------------------------------------------------------===//

/// Whether a tensor may hold the -inf of a maximum over nothing, which a map
/// reads as the least finite number (MR-3).
static bool isExtremum(Value tensor) {
  auto einsum = tensor.getDefiningOp<EinsumOp>();
  if (!einsum)
    return !isa<BlockArgument>(tensor) ||
           !isa<CascadeOp>(tensor.getParentBlock()->getParentOp());
  return einsum.getReduction() == ReductionKind::Max ||
         einsum.getReduction() == ReductionKind::Min;
}

/// An einsum that copies its operand is the operand. Conversions to the compute
/// type and back are exact. Not so where the plane has dead points, at which
/// the copy holds 0; for a maximum; and for a copy that a cascade returns,
/// which would leave it without an einsum.
OpFoldResult EinsumOp::fold(FoldAdaptor) {
  if (getReduction() || !isIdentityMap() ||
      getInputs()[0].getType() != getResult().getType() ||
      !getAccess(0).map.isIdentity() || isExtremum(getInputs()[0]))
    return {};
  auto isYielded = [](Operation *user) { return isa<YieldOp>(user); };
  if (auto cascade = (*this)->getParentOfType<CascadeOp>())
    if (cascade.hasSpace() || isMapped(cascade) ||
        llvm::any_of(getResult().getUsers(), isYielded) ||
        !mayLose(cascade, llvm::SmallPtrSet<Operation *, 1>{*this}))
      return {};
  return getInputs()[0];
}

//===----------------------------------------------------------------------===//
// attn.cascade
//===----------------------------------------------------------------------===//

namespace {
struct SimplifyCascadeSparsity : OpRewritePattern<CascadeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(CascadeOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getSparsity() || isMapped(op))
      return failure();
    Attribute before = op.getSparsity()->getExpression();
    Attribute after = simplifySparsity(before);
    if (after == before)
      return failure();
    CascadeSpace space = op.getSpace();
    space.sparsity =
        after ? SparsityAttr::get(op.getContext(), after) : SparsityAttr();
    if (!space.restricts()) {
      space.queryRank = space.keyRank = {};
      space.alignment = {};
      space.offset = {};
    }
    op.replaceSpace(rewriter, space);
    return success();
  }
};

} // namespace

/// The operations of the body that no result in `kept` needs.
static llvm::SmallPtrSet<Operation *, 16>
findDead(CascadeOp cascade, const llvm::SmallBitVector &kept) {
  llvm::SmallPtrSet<Operation *, 16> live, dead;
  SmallVector<Value> worklist;
  for (auto [index, value] : llvm::enumerate(cascade.getYielded()))
    if (kept.test(index))
      worklist.push_back(value);
  Block *body = &cascade.getBody().front();
  while (!worklist.empty()) {
    Operation *op = worklist.pop_back_val().getDefiningOp();
    if (op)
      op = body->findAncestorOpInBlock(*op);
    if (!op || !live.insert(op).second)
      continue;
    op->walk([&](Operation *nested) {
      llvm::append_range(worklist, nested->getOperands());
    });
  }
  for (Operation &op : body->without_terminator())
    if (!live.contains(&op))
      dead.insert(&op);
  return dead;
}

namespace {
/// Results that nobody reads are not computed.
struct DropUnusedResults : OpRewritePattern<CascadeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(CascadeOp op,
                                PatternRewriter &rewriter) const override {
    llvm::SmallBitVector kept(op->getNumResults());
    for (OpResult result : op->getResults())
      kept[result.getResultNumber()] = !result.use_empty();
    if (kept.all() || kept.none() || isMapped(op))
      return failure();
    llvm::SmallPtrSet<Operation *, 16> dead = findDead(op, kept);
    if (!mayLose(op, dead))
      return failure();
    SmallVector<Type> types;
    SmallVector<Value> yielded, results;
    for (unsigned index : kept.set_bits()) {
      types.push_back(op->getResult(index).getType());
      results.push_back(op->getResult(index));
      yielded.push_back(op.getYielded()[index]);
    }
    Operation *terminator = op.getBody().front().getTerminator();
    rewriter.modifyOpInPlace(terminator,
                             [&] { terminator->setOperands(yielded); });
    Operation *rebuilt = rebuild(rewriter, op, op->getOperands(), types);
    for (auto [before, after] : llvm::zip(results, rebuilt->getResults()))
      rewriter.replaceAllUsesWith(before, after);
    rewriter.eraseOp(op);
    return success();
  }
};

/// An input that nothing in the body reads goes, and of equal inputs all but
/// the first.
struct DropInputs : OpRewritePattern<CascadeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(CascadeOp op,
                                PatternRewriter &rewriter) const override {
    if (isMapped(op))
      return failure();
    Block &body = op.getBody().front();
    SmallVector<int64_t> position(op.getInputs().size(), -1);
    SmallVector<Value> inputs;
    llvm::BitVector gone(op.getInputs().size());
    CascadeSpace space = op.getSpace();
    auto isNamed = [&](int64_t index) {
      return llvm::any_of(space.getAccesses(), [&](AccessAttr access) {
        return access.getInput() == index;
      });
    };
    for (auto [index, input] : llvm::enumerate(op.getInputs())) {
      auto *first = llvm::find(inputs, input);
      position[index] = first - inputs.begin();
      gone[index] = first != inputs.end() ||
                    (body.getArgument(index).use_empty() && !isNamed(index));
      if (!gone[index])
        inputs.push_back(input);
    }
    if (gone.none())
      return failure();
    for (unsigned index : gone.set_bits()) {
      BlockArgument argument = body.getArgument(index);
      for (unsigned other = 0; !argument.use_empty(); ++other)
        if (!gone[other] && op.getInputs()[other] == op.getInputs()[index])
          rewriter.replaceAllUsesWith(argument, body.getArgument(other));
    }
    rewriter.modifyOpInPlace(op, [&] {
      body.eraseArguments(gone);
      op->setOperands(inputs);
      op.setSpace(space.map([&](int64_t input) { return position[input]; },
                            [](StringAttr rank) { return rank; }));
    });
    return success();
  }
};

/// Takes inputs from before a cast that forgot extents, and gives every einsum
/// the extents of its ranks.
struct RefineCascade : OpRewritePattern<CascadeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(CascadeOp op,
                                PatternRewriter &rewriter) const override {
    SmallVector<Value> inputs = lookThroughCasts(op.getInputs());
    bool iterates = false;
    op.getBody().walk([&](IterateOp) { iterates = true; });
    // Carried tensors would have to be refined together.
    if (iterates || isMapped(op) ||
        (llvm::equal(inputs, op.getInputs()) && !knowsMore(op)))
      return failure();
    auto refined = cast<CascadeOp>(copyWith(op, inputs, op->getResultTypes()));
    Block &body = refined.getBody().front();
    for (auto [argument, input] : llvm::zip(body.getArguments(), inputs))
      argument.setType(input.getType());
    refine(refined);
    for (auto [result, yielded] :
         llvm::zip(refined->getResults(), refined.getYielded()))
      result.setType(yielded.getType());
    return replaceByRefined(rewriter, op, refined);
  }

private:
  /// The type of an einsum's result with the extents of its ranks.
  static RankedTensorType
  getRefinedType(EinsumOp einsum,
                 const llvm::MapVector<StringAttr, int64_t> &extents) {
    auto type = cast<RankedTensorType>(einsum.getResult().getType());
    SmallVector<int64_t> shape(type.getShape());
    for (auto [size, rank] : llvm::zip(shape, einsum.getOutputRanks()))
      if (ShapedType::isDynamic(size))
        size = extents.lookup(rank);
    return type.clone(shape);
  }

  static bool knowsMore(CascadeOp op) {
    llvm::MapVector<StringAttr, int64_t> extents = op.getRankExtents();
    return llvm::any_of(op.getBody().getOps<EinsumOp>(), [&](EinsumOp einsum) {
      return getRefinedType(einsum, extents) != einsum.getResult().getType();
    });
  }

  static void refine(CascadeOp op) {
    llvm::MapVector<StringAttr, int64_t> extents = op.getRankExtents();
    for (EinsumOp einsum : op.getBody().getOps<EinsumOp>())
      einsum.getResult().setType(getRefinedType(einsum, extents));
  }
};
} // namespace

void CascadeOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                            MLIRContext *context) {
  patterns.add<SimplifyCascadeSparsity, DropUnusedResults, DropInputs,
               RefineCascade>(context);
}
