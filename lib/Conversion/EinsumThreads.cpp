//===- EinsumThreads.cpp - Points of an einsum for threads ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EinsumLowering.h"
#include "attn/Conversion/FusedForm.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace mlir::attn;

/// Gives the points of `ranks` to the threads of the block: neighbours take
/// neighbouring points of the last rank.
void EinsumLowering::emitThreads(OpBuilder &builder,
                                 ArrayRef<StringAttr> ranks) {
  auto function = einsum->getParentOfType<FunctionOpInterface>();
  int64_t threads =
      function->getAttrOfType<IntegerAttr>(kBlockThreadsAttrName).getInt();
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  Value thread = gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x);
  SmallVector<Value> extents;
  std::optional<int64_t> count = 1;
  for (StringAttr rank : ranks) {
    extents.push_back(getExtent(builder, rank));
    std::optional<int64_t> extent = getConstantIntValue(extents.back());
    int64_t product;
    count = count && extent && !llvm::MulOverflow(*count, *extent, product)
                ? std::optional(product)
                : std::nullopt;
  }
  // Lanes are never more than the threads.
  auto lanes = function->getAttrOfType<StringAttr>(kLanesAttrName);
  bool isOneRound = (count && *count <= threads) ||
                    (lanes && ranks == ArrayRef<StringAttr>(lanes));
  OpBuilder body = builder;
  Value number = thread;
  if (count != threads) {
    Value total = constant(1);
    for (Value extent : extents)
      total = builder.createOrFold<arith::MulIOp>(loc, total, extent);
    if (isOneRound) {
      Value takesPart = arith::CmpIOp::create(
          builder, loc, arith::CmpIPredicate::ult, thread, total);
      body = scf::IfOp::create(builder, loc, takesPart).getThenBodyBuilder();
    } else {
      auto loop =
          scf::ForOp::create(builder, loc, thread, total, constant(threads));
      body = OpBuilder::atBlockBegin(loop.getBody());
      number = loop.getInductionVar();
    }
  }
  for (size_t position = ranks.size(); position-- > 1;) {
    point[ranks[position]] =
        arith::RemUIOp::create(body, loc, number, extents[position]);
    number = arith::DivUIOp::create(body, loc, number, extents[position]);
  }
  if (!ranks.empty())
    point[ranks.front()] = number;
  emitLoops(body, 0);
}
