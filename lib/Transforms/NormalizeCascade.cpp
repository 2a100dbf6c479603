//===- NormalizeCascade.cpp - Canonical form of cascades --------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/CascadeUtils.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::attn {
#define GEN_PASS_DEF_NORMALIZECASCADE
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {
struct NormalizeCascade : attn::impl::NormalizeCascadeBase<NormalizeCascade> {
  using Base::Base;

  void runOnOperation() override {
    getOperation().walk([&](CascadeOp cascade) {
      eraseDeadEinsums(cascade.getBody().front());
    });
  }
};
} // namespace
