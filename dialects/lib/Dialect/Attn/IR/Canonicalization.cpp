//===- Canonicalization.cpp - Simpler forms of the operators --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// No pattern changes a bit of a result that is left. Where a rewrite would hold
// in real arithmetic alone, it is a pass of the route, not a pattern here.
//
//===----------------------------------------------------------------------===//

#include "Rebuild.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/IR/PatternMatch.h"
#include <cmath>

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// attn.attention
//===----------------------------------------------------------------------===//

/// Whether (s * a) * b is s * (a * b), rounding and overflow included, for
/// every s of the compute type. A power of two that shrinks may lose bits of a
/// small s, and one that grows may overflow where the product would not.
static bool isExactProduct(double a, double b, bool isDouble) {
  double product = a * b;
  bool isFinite = std::isfinite(isDouble ? product : float(product));
  if (std::abs(a) == 1 || std::abs(b) == 1)
    return isFinite;
  int exponent;
  return isFinite && std::abs(std::frexp(a, &exponent)) == 0.5 &&
         std::abs(a) >= 1 && std::abs(b) >= 1;
}

namespace {
/// A product with 1 is exact. The last scale stays: a list without one would be
/// read again with the default scale (MD-2).
struct DropUnitScales : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op,
                                PatternRewriter &rewriter) const override {
    SmallVector<Attribute> score(op.getScore().getValue());
    auto isUnit = [](Attribute modifier) {
      auto scale = dyn_cast<ScaleAttr>(modifier);
      return scale && scale.getValue().getValueAsDouble() == 1;
    };
    while (llvm::count_if(score, llvm::IsaPred<ScaleAttr>) > 1) {
      auto *unit = llvm::find_if(score, isUnit);
      if (unit == score.end())
        break;
      score.erase(unit);
    }
    if (score.size() == op.getScore().size())
      return failure();
    rewriter.modifyOpInPlace(
        op, [&] { op.setScoreAttr(rewriter.getArrayAttr(score)); });
    return success();
  }
};

struct CombineScales : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op,
                                PatternRewriter &rewriter) const override {
    bool isDouble = getElementTypeOrSelf(op.getQuery().getType()).isF64();
    SmallVector<Attribute> score;
    for (Attribute modifier : op.getScore()) {
      auto second = dyn_cast<ScaleAttr>(modifier);
      auto first =
          score.empty() ? ScaleAttr() : dyn_cast<ScaleAttr>(score.back());
      if (first && second) {
        double a = first.getValue().getValueAsDouble();
        double b = second.getValue().getValueAsDouble();
        if (isExactProduct(a, b, isDouble)) {
          score.back() =
              ScaleAttr::get(op.getContext(), rewriter.getF64FloatAttr(a * b));
          continue;
        }
      }
      score.push_back(modifier);
    }
    if (score.size() == op.getScore().size())
      return failure();
    rewriter.modifyOpInPlace(
        op, [&] { op.setScoreAttr(rewriter.getArrayAttr(score)); });
    return success();
  }
};

struct SimplifyAttentionSparsity : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getSparsity())
      return failure();
    Attribute before = op.getSparsity()->getExpression();
    Attribute after = simplifySparsity(before);
    if (after == before)
      return failure();
    // Every operand, and every region, is named by something.
    auto simplified =
        after ? SparsityAttr::get(op.getContext(), after) : SparsityAttr();
    SmallVector<Attribute> atoms;
    if (simplified)
      atoms = simplified.getOperandAtoms();
    if (atoms != op.getSparsity()->getOperandAtoms())
      return failure();
    rewriter.modifyOpInPlace(op, [&] {
      if (simplified)
        op.setSparsityAttr(simplified);
      else
        op.removeSparsityAttr();
    });
    return success();
  }
};

/// A log-sum-exp that nobody reads is not asked for.
template <typename OpT>
struct DropUnusedLse : OpRewritePattern<OpT> {
  using OpRewritePattern<OpT>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpT op,
                                PatternRewriter &rewriter) const override {
    if (!op.getLse() || !op.getLse().use_empty())
      return failure();
    Operation *rebuilt =
        rebuild(rewriter, op, op->getOperands(), op.getOutput().getType());
    rewriter.replaceAllUsesWith(op.getOutput(), rebuilt->getResult(0));
    rewriter.eraseOp(op);
    return success();
  }
};

/// Takes operands from before a cast that forgot extents, and gives the results
/// every extent that the operands state.
struct RefineAttention : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op,
                                PatternRewriter &rewriter) const override {
    SmallVector<Value> operands = lookThroughCasts(op->getOperands());
    auto shapeOf = [&](Value original) {
      for (auto [before, after] : llvm::zip(op->getOperands(), operands))
        if (before == original)
          return cast<RankedTensorType>(after.getType()).getShape();
      llvm_unreachable("no operand of the operation");
    };
    int64_t batch = ShapedType::kDynamic;
    for (Value operand : {op.getQuery(), op.getKey(), op.getValue()})
      if (ShapedType::isDynamic(batch))
        batch = shapeOf(operand)[0];
    int64_t queries = shapeOf(op.getQuery())[2];
    SmallVector<Type> types;
    for (Type type : op->getResultTypes()) {
      auto ranked = cast<RankedTensorType>(type);
      SmallVector<int64_t> shape(ranked.getShape());
      for (auto [dim, extent] : {std::pair(0, batch), std::pair(2, queries)})
        if (ShapedType::isDynamic(shape[dim]))
          shape[dim] = extent;
      types.push_back(ranked.clone(shape));
    }
    if (llvm::equal(operands, op->getOperands()) &&
        llvm::equal(types, op->getResultTypes()))
      return failure();
    return replaceByRefined(rewriter, op, copyWith(op, operands, types));
  }
};

//===----------------------------------------------------------------------===//
// attn.merge
//===----------------------------------------------------------------------===//

/// A partial result and its own log-sum-exp, alone, are what they merge to: the
/// weight is exp(L - L) = 1, and where L is -inf the result is 0 already
/// (SP-6), where L is NaN so is the row. Of a pair from elsewhere this is not
/// known.
struct FoldSinglePartial : OpRewritePattern<MergeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MergeOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getOutputs().size() != 1 || op.getSinks())
      return failure();
    Operation *producer = op.getOutputs()[0].getDefiningOp();
    if (!isa_and_nonnull<AttentionOp, MergeOp>(producer) ||
        producer->getNumResults() != 2 ||
        op.getOutputs()[0] != producer->getResult(0) ||
        op.getLses()[0] != producer->getResult(1))
      return failure();
    rewriter.replaceOp(op,
                       producer->getResults().take_front(op->getNumResults()));
    return success();
  }
};
} // namespace

void AttentionOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                              MLIRContext *context) {
  patterns.add<DropUnitScales, CombineScales, SimplifyAttentionSparsity,
               DropUnusedLse<AttentionOp>, RefineAttention>(context);
}

void MergeOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                          MLIRContext *context) {
  patterns.add<DropUnusedLse<MergeOp>, FoldSinglePartial>(context);
}
