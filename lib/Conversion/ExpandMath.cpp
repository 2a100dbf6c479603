//===- ExpandMath.cpp - Elementary functions become arithmetic -*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MathExpansions.h"
#include "attn/Conversion/Passes.h"
#include "attn/Support/NotSupported.h"
#include "attn/Transforms/Transforms.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNEXPANDMATH
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

static Value callNVVM(PatternRewriter &rewriter, Location loc, StringRef name,
                      Value operand) {
  return LLVM::CallIntrinsicOp::create(rewriter, loc, operand.getType(),
                                       rewriter.getStringAttr(name), operand)
      .getResult(0);
}

/// Whether an instruction of a GPU that approximates may compute `op`.
template <typename OpTy>
static bool mayApproximate(OpTy op) {
  return op.getType().isF32() &&
         bitEnumContainsAll(op.getFastmath(), arith::FastMathFlags::afn);
}

static Value createF32(OpBuilder &builder, Location loc, double value) {
  return arith::ConstantOp::create(builder, loc,
                                   builder.getF32FloatAttr(value));
}

/// `x`, but `least` or `most` where it is beyond; NaN stays.
static Value limit(OpBuilder &builder, Location loc, Value x, double least,
                   double most) {
  x = arith::MinimumFOp::create(builder, loc, x, createF32(builder, loc, most));
  return arith::MaximumFOp::create(builder, loc, x,
                                   createF32(builder, loc, least));
}

/// `number`, in every place where `type` is a vector.
static Value createSplat(OpBuilder &builder, Location loc, Type type,
                         TypedAttr number) {
  if (auto vector = dyn_cast<VectorType>(type))
    number = SplatElementsAttr::get(vector, ArrayRef<Attribute>(number));
  return arith::ConstantOp::create(builder, loc, number);
}

static Value createConstant(OpBuilder &builder, Location loc, Type type,
                            const APFloat &value) {
  Type element = getElementTypeOrSelf(type);
  return createSplat(builder, loc, type, builder.getFloatAttr(element, value));
}

static Value createConstant(OpBuilder &builder, Location loc, Type type,
                            int64_t value) {
  Type element = getElementTypeOrSelf(type);
  return createSplat(
      builder, loc, type,
      builder.getIntegerAttr(
          element, APInt(64, value, /*isSigned=*/true)
                       .sextOrTrunc(element.getIntOrFloatBitWidth())));
}

/// The magnitude of a float is compared with `bound`.
static Value compareMagnitude(OpBuilder &builder, Location loc, Value x,
                              arith::CmpFPredicate predicate,
                              const APFloat &bound) {
  Value magnitude = math::AbsFOp::create(builder, loc, x);
  return arith::CmpFOp::create(
      builder, loc, predicate, magnitude,
      createConstant(builder, loc, x.getType(), bound));
}

static const llvm::fltSemantics &getSemantics(Value x) {
  return cast<FloatType>(getElementTypeOrSelf(x.getType())).getFloatSemantics();
}

/// `base` to the power of the unsigned `exponent`: a product of squares, one
/// for each of its bits.
template <typename ProductOp>
static Value multiplySquares(OpBuilder &builder, Location loc, Value base,
                             Value exponent, Value one) {
  Type type = exponent.getType();
  unsigned bits = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
  Value zero = createConstant(builder, loc, type, 0), power = one;
  for (unsigned bit = 0; bit < bits; ++bit) {
    Value mask =
        createConstant(builder, loc, type, static_cast<int64_t>(1ULL << bit));
    Value isSet = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::ne,
        arith::AndIOp::create(builder, loc, exponent, mask), zero);
    Value next = ProductOp::create(builder, loc, power, base);
    power = arith::SelectOp::create(builder, loc, isSet, next, power);
    if (bit + 1 < bits)
      base = ProductOp::create(builder, loc, base, base);
  }
  return power;
}

namespace {

/// Rewrites `OpTy` on f32, unless told otherwise, or f64 by a member of
/// MathExpander.
template <typename OpTy, Value (MathExpander::*expand)(Value),
          bool ofSingle = true>
struct ExpandPattern : OpRewritePattern<OpTy> {
  ExpandPattern(MLIRContext *context, MathTarget target)
      : OpRewritePattern<OpTy>(context), target(target) {}

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getType();
    Type element = getElementTypeOrSelf(type);
    if (!(ofSingle && element.isF32()) && !element.isF64())
      return failure();
    if (isa<TensorType>(type))
      return failure();
    MathExpander expander(rewriter, op.getLoc(), type, target);
    rewriter.replaceOp(op, (expander.*expand)(op.getOperand()));
    return success();
  }

  MathTarget target;
};

/// Weights of which 16 bits are seen.
struct RelaxedExp2Pattern : OpRewritePattern<math::Exp2Op> {
  RelaxedExp2Pattern(MLIRContext *context, MathTarget target)
      : OpRewritePattern(context, /*benefit=*/2), target(target) {}

  LogicalResult matchAndRewrite(math::Exp2Op op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getType();
    if (!op->hasAttr(kRelaxedAttrName) || !getElementTypeOrSelf(type).isF32() ||
        isa<TensorType>(type))
      return failure();
    MathExpander expander(rewriter, op.getLoc(), type, target);
    rewriter.replaceOp(op, expander.relaxedExp2(op.getOperand()));
    return success();
  }

  MathTarget target;
};

/// Where subnormal numbers do not matter, a power of two is one instruction of
/// a GPU; with them it is four.
struct ApproximateExp2Pattern : OpRewritePattern<math::Exp2Op> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::Exp2Op op,
                                PatternRewriter &rewriter) const override {
    if (!mayApproximate(op))
      return failure();
    rewriter.replaceOp(op,
                       callNVVM(rewriter, op.getLoc(),
                                "llvm.nvvm.ex2.approx.ftz", op.getOperand()));
    return success();
  }
};

/// e^x as 2^(x log2 e), by an instruction that approximates, times what
/// rounding the exponent took away: within 4 units in the last place. Results
/// below 2^-126 are 0, infinities give infinity and 0, NaN stays.
struct ApproximateExpPattern : OpRewritePattern<math::ExpOp> {
  explicit ApproximateExpPattern(MLIRContext *context)
      : OpRewritePattern(context, /*benefit=*/2) {}

  LogicalResult matchAndRewrite(math::ExpOp op,
                                PatternRewriter &rewriter) const override {
    if (!mayApproximate(op))
      return failure();
    Location loc = op.getLoc();
    auto constant = [&](double value) {
      return createF32(rewriter, loc, value);
    };
    auto fma = [&](Value a, Value b, Value c) -> Value {
      return math::FmaOp::create(rewriter, loc, a, b, c);
    };
    // Beyond, the result is 0 or infinity, and the rest of the exponent is no
    // small number.
    Value x = limit(rewriter, loc, op.getOperand(), -104, 90);
    constexpr double kLog2E = llvm::numbers::log2e;
    constexpr auto kHigh = static_cast<float>(kLog2E);
    Value high = constant(kHigh);
    Value exponent = arith::MulFOp::create(rewriter, loc, x, high);
    Value rest = fma(x, high, arith::NegFOp::create(rewriter, loc, exponent));
    rest = fma(x, constant(kLog2E - kHigh), rest);
    Value power = callNVVM(rewriter, loc, "llvm.nvvm.ex2.approx.ftz", exponent);
    Value factor = fma(rest, constant(llvm::numbers::ln2), constant(1));
    rewriter.replaceOpWithNewOp<arith::MulFOp>(op, power, factor);
    return success();
  }
};

/// x P(x^2) / Q(x^2), whose relative error is below 2^-20.9 for every x: a soft
/// cap multiplies the error by the cap, so that an absolute one would show in
/// the log-sum-exp of small scores. From 8 on the result is 1, as is its limit;
/// it is never above, and NaN stays.
struct ApproximateTanhPattern : OpRewritePattern<math::TanhOp> {
  explicit ApproximateTanhPattern(MLIRContext *context)
      : OpRewritePattern(context, /*benefit=*/2) {}

  LogicalResult matchAndRewrite(math::TanhOp op,
                                PatternRewriter &rewriter) const override {
    if (!mayApproximate(op))
      return failure();
    Location loc = op.getLoc();
    auto constant = [&](double value) {
      return createF32(rewriter, loc, value);
    };
    Value x = limit(rewriter, loc, op.getOperand(), -8, 8);
    Value square = arith::MulFOp::create(rewriter, loc, x, x);
    auto evaluate = [&](ArrayRef<double> terms) {
      Value sum = constant(terms.back());
      for (double term : llvm::reverse(terms.drop_back()))
        sum = math::FmaOp::create(rewriter, loc, sum, square, constant(term));
      return sum;
    };
    // The least relative error on [0, 8] that these degrees have.
    Value numerator = evaluate({0x1.fffffap-1, 0x1.0459d6p-3, 0x1.616f14p-9,
                                0x1.e0a2a2p-18, -0x1.a5e17cp-28});
    Value denominator =
        evaluate({1, 0x1.d781dp-2, 0x1.766338p-6, 0x1.9c9bc6p-13});
    Value inverse =
        callNVVM(rewriter, loc, "llvm.nvvm.rcp.approx.ftz.f", denominator);
    rewriter.replaceOpWithNewOp<arith::MulFOp>(
        op, arith::MulFOp::create(rewriter, loc, x, numerator), inverse);
    return success();
  }
};

struct IsInfPattern : OpRewritePattern<math::IsInfOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::IsInfOp op,
                                PatternRewriter &rewriter) const override {
    Value x = op.getOperand();
    rewriter.replaceOp(op, compareMagnitude(rewriter, op.getLoc(), x,
                                            arith::CmpFPredicate::OEQ,
                                            APFloat::getInf(getSemantics(x))));
    return success();
  }
};

struct IsNormalPattern : OpRewritePattern<math::IsNormalOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::IsNormalOp op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value x = op.getOperand();
    const llvm::fltSemantics &semantics = getSemantics(x);
    Value isLarge =
        compareMagnitude(rewriter, loc, x, arith::CmpFPredicate::OGE,
                         APFloat::getSmallestNormalized(semantics));
    Value isFinite =
        compareMagnitude(rewriter, loc, x, arith::CmpFPredicate::OLE,
                         APFloat::getLargest(semantics));
    rewriter.replaceOpWithNewOp<arith::AndIOp>(op, isLarge, isFinite);
    return success();
  }
};

/// NaN stays, as with arith.maximumf.
struct ClampPattern : OpRewritePattern<math::ClampFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::ClampFOp op,
                                PatternRewriter &rewriter) const override {
    Value atLeast = arith::MaximumFOp::create(rewriter, op.getLoc(),
                                              op.getValue(), op.getMin());
    rewriter.replaceOpWithNewOp<arith::MinimumFOp>(op, atLeast, op.getMax());
    return success();
  }
};

/// Of a negative exponent the inverse: 1 for 1, 1 or -1 for -1, 0 for others.
struct IntegerPowerPattern : OpRewritePattern<math::IPowIOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::IPowIOp op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value base = op.getLhs(), exponent = op.getRhs();
    Type type = op.getType();
    if (isa<TensorType>(type))
      return failure();
    Value one = createConstant(rewriter, loc, type, 1);
    Value power =
        multiplySquares<arith::MulIOp>(rewriter, loc, base, exponent, one);
    auto compare = [&](arith::CmpIPredicate predicate, Value a, int64_t b) {
      return arith::CmpIOp::create(rewriter, loc, predicate, a,
                                   createConstant(rewriter, loc, type, b));
    };
    Value isNegative = compare(arith::CmpIPredicate::slt, exponent, 0);
    Value isUnit = arith::OrIOp::create(
        rewriter, loc, compare(arith::CmpIPredicate::eq, base, 1),
        compare(arith::CmpIPredicate::eq, base, -1));
    Value inverse = arith::SelectOp::create(
        rewriter, loc, isUnit, power, createConstant(rewriter, loc, type, 0));
    rewriter.replaceOpWithNewOp<arith::SelectOp>(op, isNegative, inverse,
                                                 power);
    return success();
  }
};

/// As compiler-rt's powi: of a negative exponent the inverse of the power.
struct FloatPowerPattern : OpRewritePattern<math::FPowIOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::FPowIOp op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value exponent = op.getRhs();
    Type type = op.getType();
    if (isa<TensorType>(type))
      return failure();
    Value one = createConstant(rewriter, loc, type,
                               APFloat::getOne(getSemantics(op.getLhs())));
    Value zero = createConstant(rewriter, loc, exponent.getType(), 0);
    Value isNegative = arith::CmpIOp::create(
        rewriter, loc, arith::CmpIPredicate::slt, exponent, zero);
    Value magnitude = arith::SelectOp::create(
        rewriter, loc, isNegative,
        arith::SubIOp::create(rewriter, loc, zero, exponent), exponent);
    Value power = multiplySquares<arith::MulFOp>(rewriter, loc, op.getLhs(),
                                                 magnitude, one);
    Value inverse = arith::DivFOp::create(rewriter, loc, one, power);
    rewriter.replaceOpWithNewOp<arith::SelectOp>(op, isNegative, inverse,
                                                 power);
    return success();
  }
};

/// Computes a function on bf16 or f16 in f32. Functions that only look at bits
/// are exact in every type and stay.
struct WidenPattern : RewritePattern {
  explicit WidenPattern(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/1, context) {}

  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    if (!isa_and_nonnull<math::MathDialect>(op->getDialect()) ||
        isa<math::AbsFOp, math::CopySignOp>(op) || op->getNumResults() != 1)
      return failure();
    Type type = op->getResult(0).getType();
    Type element = getElementTypeOrSelf(type);
    if ((!element.isBF16() && !element.isF16()) || isa<TensorType>(type))
      return failure();
    auto widen = [&](Type narrow) -> Type {
      if (auto vector = dyn_cast<VectorType>(narrow))
        return vector.clone(rewriter.getF32Type());
      return rewriter.getF32Type();
    };
    Location loc = op->getLoc();
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      bool narrow = getElementTypeOrSelf(operand.getType()) == element;
      operands.push_back(
          narrow ? arith::ExtFOp::create(rewriter, loc,
                                         widen(operand.getType()), operand)
                       .getResult()
                 : operand);
    }
    OperationState state(loc, op->getName(), operands, widen(type),
                         op->getAttrs());
    Value wide = rewriter.create(state)->getResult(0);
    rewriter.replaceOpWithNewOp<arith::TruncFOp>(op, type, wide);
    return success();
  }
};

struct ExpandMathPass : public attn::impl::AttnExpandMathBase<ExpandMathPass> {
  using AttnExpandMathBase::AttnExpandMathBase;

  void runOnOperation() override {
    if (failed(checkTypes()))
      return signalPassFailure();
    MLIRContext *context = &getContext();
    MathTarget target;
    target.fma = fma;
    target.scalef = avx512;
    RewritePatternSet patterns(context);
    patterns.add<WidenPattern, IsInfPattern, IsNormalPattern, ClampPattern,
                 IntegerPowerPattern, FloatPowerPattern>(context);
    // Of f32 a GPU has it as an instruction.
    if (gpu) {
      patterns.add<ApproximateExp2Pattern, ApproximateExpPattern,
                   ApproximateTanhPattern>(context);
      patterns.add<ExpandPattern<math::Exp2Op, &MathExpander::exp2,
                                 /*ofSingle=*/false>>(context, target);
    } else {
      patterns.add<RelaxedExp2Pattern,
                   ExpandPattern<math::Exp2Op, &MathExpander::exp2>>(context,
                                                                     target);
    }
    patterns.add<ExpandPattern<math::ExpOp, &MathExpander::exp>,
                 ExpandPattern<math::ExpM1Op, &MathExpander::expm1>,
                 ExpandPattern<math::LogOp, &MathExpander::log>,
                 ExpandPattern<math::Log2Op, &MathExpander::log2>,
                 ExpandPattern<math::Log10Op, &MathExpander::log10>,
                 ExpandPattern<math::Log1pOp, &MathExpander::log1p>,
                 ExpandPattern<math::TanhOp, &MathExpander::tanh>>(context,
                                                                   target);
    // Folding is left to the canonicaliser: it would evaluate what a test means
    // to see expanded.
    GreedyRewriteConfig config;
    config.enableFolding(false);
    config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
    if (failed(
            applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      return signalPassFailure();
    if (gpu && failed(checkInstructions()))
      signalPassFailure();
  }

private:
  /// Refuses floating point that LLVM has no type for, as f8E4M3FN and tf32.
  LogicalResult checkTypes() {
    WalkResult walk = getOperation()->walk([](Operation *op) {
      auto types =
          llvm::concat<const Type>(op->getOperandTypes(), op->getResultTypes());
      for (Type type : types) {
        Type element = getElementTypeOrSelf(type);
        if (!isa<FloatType>(element) ||
            isa<BFloat16Type, Float16Type, Float32Type, Float64Type,
                Float80Type, Float128Type>(element))
          continue;
        emitNotSupported(op)
            << "'" << op->getName() << "' computes with " << element
            << "; kernels compute with bf16, f16, f32, f64 and integers";
        return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    return failure(walk.wasInterrupted());
  }

  /// Refuses what would become a call of libm.
  LogicalResult checkInstructions() {
    WalkResult walk = getOperation()->walk([](Operation *op) {
      bool isLibrary =
          isa_and_nonnull<math::MathDialect>(op->getDialect()) &&
          !isa<math::AbsFOp, math::AbsIOp, math::CeilOp, math::CopySignOp,
               math::CountLeadingZerosOp, math::CountTrailingZerosOp,
               math::CtPopOp, math::Exp2Op, math::FloorOp, math::FmaOp,
               math::IsFiniteOp, math::IsInfOp, math::IsNaNOp, math::IsNormalOp,
               math::RoundEvenOp, math::RsqrtOp, math::SqrtOp, math::TruncOp>(
              op);
      if (!isLibrary && !isa<arith::RemFOp>(op))
        return WalkResult::advance();
      emitNotSupported(op) << "'" << op->getName()
                           << "' has no form on GPUs yet, which have no libm";
      return WalkResult::interrupt();
    });
    return failure(walk.wasInterrupted());
  }
};

} // namespace
