//===- AttnTransformOps.cpp - Transform dialect operations ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/TransformOps/AttnTransformOps.h"
#include "attn/Conversion/LowerToLinalg.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Transforms/Transforms.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::attn;

#define GET_OP_CLASSES
#include "attn/TransformOps/AttnTransformOps.cpp.inc"

using transform::ApplyToEachResultList;
using transform::TransformRewriter;
using transform::TransformState;

/// A silenceable error at the transform: `target` is not what it works on.
static DiagnosedSilenceableFailure
refuseTarget(Operation *transform, Operation *target, StringRef expected) {
  DiagnosedSilenceableFailure failure = emitSilenceableFailure(
      transform->getLoc(),
      "'" + transform->getName().getStringRef() + "' works on " + expected);
  failure.attachNote(target->getLoc())
      << "this is '" << target->getName() << "'";
  return failure;
}

/// A transformation that changes a cascade in place and cannot fail.
static DiagnosedSilenceableFailure
changeCascade(Operation *transform, Operation *target,
              ApplyToEachResultList &results,
              function_ref<void(CascadeOp)> change) {
  auto cascade = dyn_cast<CascadeOp>(target);
  if (!cascade)
    return refuseTarget(transform, target, "attn.cascade");
  change(cascade);
  results.push_back(cascade);
  return DiagnosedSilenceableFailure::success();
}

DiagnosedSilenceableFailure
TransformExpandAttentionOp::applyToOne(TransformRewriter &, Operation *target,
                                       ApplyToEachResultList &results,
                                       TransformState &) {
  OpBuilder builder(target);
  if (auto attention = dyn_cast<AttentionOp>(target)) {
    FailureOr<CascadeOp> cascade = expandAttention(attention, builder);
    if (failed(cascade))
      return emitDefiniteFailure() << "could not expand the operation";
    results.push_back(*cascade);
  } else if (auto merge = dyn_cast<MergeOp>(target)) {
    results.push_back(expandMerge(merge, builder));
  } else if (auto mix = dyn_cast<MixOp>(target)) {
    results.push_back(expandMix(mix, builder).back());
  } else {
    return refuseTarget(*this, target,
                        "attn.attention, attn.merge and attn.mix");
  }
  return DiagnosedSilenceableFailure::success();
}

DiagnosedSilenceableFailure
TransformMergeCascadesOp::applyToOne(TransformRewriter &, Operation *target,
                                     ApplyToEachResultList &results,
                                     TransformState &) {
  if (!isa<func::FuncOp>(target))
    return refuseTarget(*this, target, "func.func");
  mergeCascades(target);
  results.push_back(target);
  return DiagnosedSilenceableFailure::success();
}

DiagnosedSilenceableFailure
TransformNormalizeCascadeOp::applyToOne(TransformRewriter &, Operation *target,
                                        ApplyToEachResultList &results,
                                        TransformState &) {
  auto cascade = dyn_cast<CascadeOp>(target);
  if (!cascade)
    return refuseTarget(*this, target, "attn.cascade");
  results.push_back(normalizeCascade(cascade, getRenameRanks()));
  return DiagnosedSilenceableFailure::success();
}

DiagnosedSilenceableFailure
TransformDeferDivisionOp::applyToOne(TransformRewriter &, Operation *target,
                                     ApplyToEachResultList &results,
                                     TransformState &) {
  return changeCascade(*this, target, results,
                       [](CascadeOp cascade) { deferDivisions(cascade); });
}

DiagnosedSilenceableFailure
TransformDeriveSinglePassOp::applyToOne(TransformRewriter &, Operation *target,
                                        ApplyToEachResultList &results,
                                        TransformState &) {
  auto cascade = dyn_cast<CascadeOp>(target);
  if (!cascade)
    return refuseTarget(*this, target, "attn.cascade");
  SinglePassDerivation derivation = deriveSinglePass(cascade);
  if (derivation.obstacle) {
    DiagnosedSilenceableFailure failure =
        emitSilenceableError() << "the cascade has no single-pass form: "
                               << derivation.obstacle->reason;
    failure.attachNote(derivation.obstacle->where->getLoc())
        << "this einsum stops it";
    return failure;
  }
  results.push_back(cascade);
  return DiagnosedSilenceableFailure::success();
}

DiagnosedSilenceableFailure
TransformPlanSparsityOp::applyToOne(TransformRewriter &, Operation *target,
                                    ApplyToEachResultList &results,
                                    TransformState &) {
  auto cascade = dyn_cast<CascadeOp>(target);
  if (!cascade)
    return refuseTarget(*this, target, "attn.cascade");
  if (failed(attachPlan(cascade)))
    return emitDefiniteFailure() << "could not plan the cascade";
  results.push_back(cascade);
  return DiagnosedSilenceableFailure::success();
}

DiagnosedSilenceableFailure
TransformChooseMappingOp::applyToOne(TransformRewriter &, Operation *target,
                                     ApplyToEachResultList &results,
                                     TransformState &) {
  auto cascade = dyn_cast<CascadeOp>(target);
  if (!cascade)
    return refuseTarget(*this, target, "attn.cascade");
  MachineModel machine;
  machine.vectorRegisters = getVectorRegisters();
  machine.vectorBits = getVectorBits();
  machine.l1Bytes = getL1Bytes();
  machine.l2Bytes = getL2Bytes();
  MappingOverrides overrides;
  llvm::append_range(overrides.laneTiles, getLaneTiles());
  if (getStreamTile() > 0)
    overrides.streamTile = getStreamTile();
  if (getRowTile() > 0)
    overrides.rowTile = getRowTile();
  if (failed(removeMapping(cascade)))
    return emitDefiniteFailure() << "could not plan the cascade";
  FailureOr<MappingAttr> mapping =
      chooseMapping(cascade, machine, overrides,
                    [&] { return emitOpError("cannot map the cascade: "); });
  if (failed(mapping))
    return DiagnosedSilenceableFailure::definiteFailure();
  if (!*mapping)
    return emitSilenceableError()
           << "the cascade cannot be mapped: no rank of every result is free "
              "of reductions and of iteration";
  if (failed(setMapping(cascade, *mapping)))
    return emitDefiniteFailure() << "could not plan the cascade";
  results.push_back(cascade);
  return DiagnosedSilenceableFailure::success();
}

DiagnosedSilenceableFailure
TransformFuseCascadeOp::applyToOne(TransformRewriter &, Operation *target,
                                   ApplyToEachResultList &results,
                                   TransformState &) {
  return changeCascade(*this, target, results,
                       [](CascadeOp cascade) { fuseCascade(cascade); });
}

namespace {
/// Remembers the linalg operations that are created.
struct LinalgCollector : public OpBuilder::Listener {
  void notifyOperationInserted(Operation *op, OpBuilder::InsertPoint) override {
    if (isa<linalg::LinalgOp>(op))
      created.push_back(op);
  }
  SmallVector<Operation *> created;
};
} // namespace

DiagnosedSilenceableFailure
TransformLowerToLinalgOp::apply(TransformRewriter &,
                                transform::TransformResults &results,
                                TransformState &state) {
  SmallVector<Operation *> targets =
      llvm::to_vector(state.getPayloadOps(getTarget()));
  for (Operation *target : targets)
    if (!isa<CascadeOp>(target))
      return refuseTarget(*this, target, "attn.cascade");
  LinalgCollector collector;
  for (Operation *target : targets) {
    OpBuilder builder(target->getContext(), &collector);
    builder.setInsertionPoint(target);
    if (failed(lowerCascadeToLinalg(cast<CascadeOp>(target), builder,
                                    /*remark=*/false)))
      return emitDefiniteFailure() << "could not lower the cascade";
  }
  results.set(cast<OpResult>(getTransformed()), collector.created);
  return DiagnosedSilenceableFailure::success();
}

namespace {
struct AttnTransformExtension
    : public transform::TransformDialectExtension<AttnTransformExtension> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(AttnTransformExtension)

  using Base::Base;

  void init() {
    declareDependentDialect<AttnDialect>();
    declareGeneratedDialect<AttnDialect>();
    declareGeneratedDialect<affine::AffineDialect>();
    declareGeneratedDialect<arith::ArithDialect>();
    declareGeneratedDialect<linalg::LinalgDialect>();
    declareGeneratedDialect<math::MathDialect>();
    declareGeneratedDialect<scf::SCFDialect>();
    declareGeneratedDialect<tensor::TensorDialect>();
    registerTransformOps<
#define GET_OP_LIST
#include "attn/TransformOps/AttnTransformOps.cpp.inc"
        >();
  }
};
} // namespace

void attn::registerTransformDialectExtension(DialectRegistry &registry) {
  registry.addExtensions<AttnTransformExtension>();
}
