//===- EinsumOutline.cpp - Copies that several steps share ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A transposed copy is some hundred instructions, and the same one stands in
// every form of a step and for every size of lane tile, as do copies that few
// steps run. They become functions that all of them call: the call is nothing
// beside the copy, and what is compiled once takes less time to compile.
//
//===----------------------------------------------------------------------===//

#include "EinsumLowering.h"
#include "attn/Conversion/FusedForm.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::attn;

/// A function that does what `einsum` does, on operands that it is given.
static func::FuncOp createCallee(ModuleOp module, TileEinsumOp einsum,
                                 unsigned number) {
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  Location loc = einsum.getLoc();
  auto type = builder.getFunctionType(einsum->getOperandTypes(), {});
  auto callee = func::FuncOp::create(
      builder, loc, "attn_copy" + std::to_string(number), type);
  callee.setPrivate();
  callee->setAttr("passthrough", builder.getStrArrayAttr({"noinline"}));
  Block *body = callee.addEntryBlock();
  builder.setInsertionPointToStart(body);
  IRMapping mapping;
  mapping.map(einsum->getOperands(), body->getArguments());
  builder.clone(*einsum, mapping);
  func::ReturnOp::create(builder, loc);
  return callee;
}

void mlir::attn::outlineCopies(ModuleOp module) {
  SmallVector<SmallVector<TileEinsumOp>> groups;
  module.walk([&](TileEinsumOp einsum) {
    bool isTransposed = einsum->hasAttr(kMatrixTilesAttrName) &&
                        !einsum->hasAttr(kPairsAttrName);
    // What a map captures is not known in another function.
    if ((!isTransposed && !einsum->hasAttr(kSeldomAttrName)) ||
        !einsum.isIdentityMap())
      return;
    auto *group = llvm::find_if(groups, [&](ArrayRef<TileEinsumOp> known) {
      return OperationEquivalence::isEquivalentTo(
          known.front(), einsum, OperationEquivalence::ignoreValueEquivalence,
          /*markEquivalent=*/nullptr, OperationEquivalence::IgnoreLocations);
    });
    if (group == groups.end())
      groups.push_back({einsum});
    else
      group->push_back(einsum);
  });
  unsigned number = 0;
  for (ArrayRef<TileEinsumOp> group : groups) {
    if (group.size() < 2)
      continue;
    func::FuncOp callee = createCallee(module, group.front(), number++);
    for (TileEinsumOp einsum : group) {
      OpBuilder builder(einsum);
      func::CallOp::create(builder, einsum.getLoc(), callee,
                           einsum->getOperands());
      einsum.erase();
    }
  }
}
