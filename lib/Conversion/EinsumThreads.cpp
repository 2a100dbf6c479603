//===- EinsumThreads.cpp - Points of an einsum for threads ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EinsumLowering.h"
#include "WarpLayouts.h"
#include "attn/Conversion/FusedForm.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
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
  emitLoops(body, 0, [&](OpBuilder &inner) { emitLanes(inner); });
}

/// Whether the result is one number that is reduced, which the threads can do
/// together.
bool EinsumLowering::isBlockSum() {
  auto function = einsum->getParentOfType<FunctionOpInterface>();
  int64_t threads =
      function->getAttrOfType<IntegerAttr>(kBlockThreadsAttrName).getInt();
  return threadRanks->empty() && outRanks.empty() && !reduced.empty() &&
         threads % kWarpThreads == 0 && einsum.getMapResult().getType().isF32();
}

/// Every thread reduces a part, warps what their threads have, and one warp
/// after the other adds its number to the result: always in the same order.
void EinsumLowering::emitBlockSum(OpBuilder &builder) {
  auto function = einsum->getParentOfType<FunctionOpInterface>();
  int64_t threads =
      function->getAttrOfType<IntegerAttr>(kBlockThreadsAttrName).getInt();
  Type type = einsum.getMapResult().getType();
  auto index = [&](OpBuilder &at, int64_t value) -> Value {
    return arith::ConstantIndexOp::create(at, loc, value);
  };
  auto number = [&](int64_t value) -> Value {
    return arith::ConstantIntOp::create(builder, loc, builder.getI32Type(),
                                        value);
  };
  SmallVector<Value> extents;
  Value total = index(builder, 1);
  for (StringAttr rank : reduced) {
    extents.push_back(getExtent(builder, rank));
    total = builder.createOrFold<arith::MulIOp>(loc, total, extents.back());
  }
  Value thread = gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x);
  auto loop =
      scf::ForOp::create(builder, loc, thread, total, index(builder, threads),
                         computation->getIdentity(builder, type));
  OpBuilder body = OpBuilder::atBlockBegin(loop.getBody());
  Value position = loop.getInductionVar();
  for (size_t dim = reduced.size(); dim-- > 1;) {
    point[reduced[dim]] =
        arith::RemUIOp::create(body, loc, position, extents[dim]);
    position = arith::DivUIOp::create(body, loc, position, extents[dim]);
  }
  point[reduced.front()] = position;
  LaneBlock none{index(body, 0), 0, {}};
  SmallVector<Value> sums =
      emitPoint(body, none, {}, 1, loop.getRegionIterArgs());
  scf::YieldOp::create(body, loc, sums);
  Value sum = loop.getResult(0);
  for (int64_t other = kWarpThreads / 2; other > 0; other /= 2)
    sum = computation->combine(
        builder, sum,
        NVVM::ShflOp::create(builder, loc, type, number(-1), sum, number(other),
                             number(kWarpThreads - 1), NVVM::ShflKind::bfly,
                             UnitAttr()));
  TileCoordinates at;
  for (int64_t warp = 0; warp < threads; warp += kWarpThreads) {
    if (warp > 0)
      gpu::BarrierOp::create(builder, loc);
    Value isFirst = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::eq, thread, index(builder, warp));
    auto branch = scf::IfOp::create(builder, loc, isFirst);
    OpBuilder inside = branch.getThenBodyBuilder();
    Value result = sum;
    if (warp > 0 || einsum.getAccumulate())
      result = computation->combine(
          inside, operands.loadResult(inside, at, outRanks, type), sum);
    operands.storeResult(inside, at, outRanks, result);
  }
}
