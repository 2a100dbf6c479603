//===- LowerToLinalg.cpp - The unfused route -------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/LowerToLinalg.h"
#include "CascadeToLinalg.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Conversion/Passes.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNLOWERTOLINALG
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

LogicalResult attn::lowerCascadeToLinalg(CascadeOp cascade, OpBuilder &builder,
                                         bool remark) {
  CascadeToLinalg lowering(cascade, builder);
  FailureOr<SmallVector<Value>> results = lowering.lower();
  if (failed(results))
    return failure();
  if (remark && !wantsUnfused(cascade))
    lowering.emitMaterialisationRemark();
  cascade.replaceAllUsesWith(*results);
  cascade.erase();
  return success();
}

namespace {
struct LowerToLinalgPass
    : public attn::impl::AttnLowerToLinalgBase<LowerToLinalgPass> {
  using AttnLowerToLinalgBase::AttnLowerToLinalgBase;

  void runOnOperation() override {
    SmallVector<CascadeOp> cascades;
    WalkResult walk = getOperation()->walk([&](Operation *op) {
      if (auto cascade = dyn_cast<CascadeOp>(op)) {
        cascades.push_back(cascade);
        return WalkResult::skip();
      }
      if (!isa<AttentionOp, MergeOp, MixOp>(op))
        return WalkResult::advance();
      op->emitError("is no cascade; run attn-expand-attention first");
      return WalkResult::interrupt();
    });
    if (walk.wasInterrupted())
      return signalPassFailure();

    for (CascadeOp cascade : cascades) {
      OpBuilder builder(cascade);
      if (failed(lowerCascadeToLinalg(cascade, builder, remarks)))
        return signalPassFailure();
    }
  }
};
} // namespace
