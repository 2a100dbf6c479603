//===- LowerFragments.cpp - Einsums on registers of warps -----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Buffers with a layout become registers of each thread, and the einsums over
// lanes code on them: FragmentLowering.cpp. A thread's coordinates are computed
// where they are used, so that they do not take registers all the time.
//
//===----------------------------------------------------------------------===//

#include "FragmentLowering.h"
#include "OpaqueValues.h"
#include "attn/Conversion/FusedForm.h"
#include "attn/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNLOWERFRAGMENTS
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

static Value constant(OpBuilder &builder, Location loc, int64_t value) {
  return arith::ConstantIndexOp::create(builder, loc, value);
}

WarpThread WarpThread::create(OpBuilder &builder, Location loc,
                              int64_t warpLanes, int64_t threads) {
  auto index = [&](int64_t value) { return constant(builder, loc, value); };
  WarpThread result;
  Value thread = createOpaqueThread(builder, loc, threads);
  result.number =
      arith::RemUIOp::create(builder, loc, thread, index(kWarpThreads));
  Value warp =
      arith::DivUIOp::create(builder, loc, thread, index(kWarpThreads));
  result.firstLane =
      arith::MulIOp::create(builder, loc, warp, index(warpLanes));
  Value row =
      arith::DivUIOp::create(builder, loc, result.number, index(kRowThreads));
  row = arith::AddIOp::create(builder, loc, result.firstLane, row);
  for (int64_t own = 0; getRowOffset(own) < warpLanes; ++own)
    result.lanes.push_back(
        arith::AddIOp::create(builder, loc, row, index(getRowOffset(own))));
  result.firstColumn = arith::MulIOp::create(
      builder, loc,
      arith::RemUIOp::create(builder, loc, result.number, index(kRowThreads)),
      index(kOwnColumns));
  return result;
}

Value WarpThread::getColumn(OpBuilder &builder, Location loc,
                            int64_t column) const {
  return arith::AddIOp::create(builder, loc, firstColumn,
                               constant(builder, loc, getOffset(column)));
}

int64_t WarpThread::getOffset(int64_t column) {
  return column / kOwnColumns * kMatrixColumns + column % kOwnColumns;
}

/// Whether an einsum asks for coordinates, or for the columns of a part whose
/// size depends on data.
static bool testsPoints(TileEinsumOp einsum) {
  auto isPart = [](Value operand) {
    auto tile = getWholeBuffer(operand).getDefiningOp<memref::AllocaOp>();
    if (!tile || tile.getType().getRank() != 2)
      return false;
    FailureOr<TilePart> part = TilePart::get(operand);
    return failed(part) || getConstantIntValue(part->size) != part->columns;
  };
  return llvm::any_of(einsum->getOperands(), isPart) ||
         llvm::any_of(einsum.getMap()->getOperations(),
                      [](Operation &op) { return isa<IndexOp>(op); });
}

namespace {
struct LowerFragmentsPass
    : public attn::impl::AttnLowerFragmentsBase<LowerFragmentsPass> {
  using Base::Base;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isExternal() || !function->hasAttr(kWarpLanesAttrName))
        continue;
      if (!function->hasAttr(kBlockThreadsAttrName) ||
          !function->hasAttr(kLanesAttrName)) {
        function.emitError("has '")
            << kWarpLanesAttrName << "', but not '" << kBlockThreadsAttrName
            << "' and '" << kLanesAttrName << "'; attn-map-to-warps sets them";
        return signalPassFailure();
      }
      lowerFunction(function);
    }
  }

private:
  /// A loop over the lanes, for those whose rows a thread holds: written out,
  /// as rows are registers.
  static void lowerRows(scf::ForOp loop, StringAttr lane, int64_t warpLanes,
                        int64_t threads, const RegisterTiles &registers) {
    Location loc = loop.getLoc();
    OpBuilder builder(loop);
    WarpThread thread = WarpThread::create(builder, loc, warpLanes, threads);
    for (auto [row, number] : llvm::enumerate(thread.lanes)) {
      Value exists =
          arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ult, number,
                                loop.getUpperBound());
      auto branch = scf::IfOp::create(builder, loc, exists);
      IRMapping mapping;
      mapping.map(loop.getInductionVar(), number);
      OpBuilder inside = branch.getThenBodyBuilder();
      for (Operation &op : loop.getBody()->without_terminator())
        inside.clone(op, mapping);
      for (auto einsum : llvm::make_early_inc_range(
               branch.thenBlock()->getOps<TileEinsumOp>()))
        FragmentLowering(einsum, lane, thread, registers).runForRow(row);
    }
    loop.erase();
  }

  static void lowerFunction(func::FuncOp function) {
    auto lane = function->getAttrOfType<StringAttr>(kLanesAttrName);
    int64_t warpLanes =
        function->getAttrOfType<IntegerAttr>(kWarpLanesAttrName).getInt();
    int64_t threads =
        function->getAttrOfType<IntegerAttr>(kBlockThreadsAttrName).getInt();
    OpBuilder builder = OpBuilder::atBlockBegin(&function.getBody().front());
    // Every iteration of a loop computes its coordinates anew, and every einsum
    // that tests points: what two of them test alike would be kept between
    // them, a register for each point.
    llvm::DenseMap<Block *, WarpThread> known;
    WarpThread own;
    auto getThread = [&](TileEinsumOp einsum) -> const WarpThread & {
      if (testsPoints(einsum)) {
        OpBuilder before(einsum);
        own = WarpThread::create(before, einsum.getLoc(), warpLanes, threads);
        return own;
      }
      auto loop = einsum->getParentOfType<scf::ForOp>();
      Block *block = loop ? loop.getBody() : &function.getBody().front();
      auto [thread, isNew] = known.try_emplace(block);
      if (isNew) {
        OpBuilder begin = OpBuilder::atBlockBegin(block);
        thread->second =
            WarpThread::create(begin, einsum.getLoc(), warpLanes, threads);
      }
      return thread->second;
    };
    RegisterTiles registers;
    SmallVector<memref::AllocaOp> tiles;
    SmallVector<TileEinsumOp> finiteSums;
    function.walk([&](memref::AllocaOp tile) {
      auto layout = tile->getAttrOfType<StringAttr>(kLayoutAttrName);
      if (!layout)
        return;
      if (layout == kUniformLayout) {
        tile->removeAttr(kLayoutAttrName);
        for (Operation *user : tile->getUsers())
          if (auto einsum = dyn_cast<TileEinsumOp>(user))
            finiteSums.push_back(einsum);
        return;
      }
      SmallVector<int64_t> shape(1, warpLanes / (kMatrixRows / 2));
      if (tile.getType().getRank() == 2)
        shape.push_back(
            llvm::divideCeil(tile.getType().getDimSize(0), kRowThreads));
      // Pairs of 16 bits share a register.
      Type element = tile.getType().getElementType();
      if (element.getIntOrFloatBitWidth() == 16) {
        element = builder.getI32Type();
        shape.back() /= kOwnColumns;
      }
      registers[tile] = memref::AllocaOp::create(
          builder, tile.getLoc(), MemRefType::get(shape, element));
      tiles.push_back(tile);
    });
    for (TileEinsumOp sum : finiteSums)
      lowerFiniteSum(sum, threads);
    SmallVector<TileEinsumOp> einsums;
    function.walk([&](TileEinsumOp einsum) {
      if (llvm::is_contained(einsum.getOutputRanks(), lane) &&
          !einsum->hasAttr(kThreadRanksAttrName))
        einsums.push_back(einsum);
    });
    // Scores are sums of products of 16 bits, and functions are as exact as
    // they are where they are computed by instructions that approximate.
    for (TileEinsumOp einsum : einsums)
      einsum.walk([](Operation *op) {
        auto math = dyn_cast<arith::ArithFastMathInterface>(op);
        if (!isa<math::TanhOp, math::ExpOp, arith::DivFOp>(op) || !math)
          return;
        arith::FastMathFlags flags = math.getFastMathFlagsAttr().getValue();
        op->setAttr(math.getFastMathAttrName(),
                    arith::FastMathFlagsAttr::get(
                        op->getContext(), flags | arith::FastMathFlags::afn));
      });
    for (TileEinsumOp einsum : einsums)
      FragmentLowering(einsum, lane, getThread(einsum), registers).run();
    SmallVector<scf::ForOp> loops;
    function.walk([&](scf::ForOp loop) {
      if (loop->hasAttr(kRowLoopAttrName))
        loops.push_back(loop);
    });
    for (scf::ForOp loop : loops)
      lowerRows(loop, lane, warpLanes, threads, registers);
    for (memref::AllocaOp tile : tiles) {
      // Parts that nothing reads any more.
      SmallVector<Operation *> parts(tile->getUsers());
      for (size_t next = 0; next < parts.size(); ++next)
        llvm::append_range(parts, parts[next]->getUsers());
      for (Operation *part : llvm::reverse(parts))
        part->erase();
      tile.erase();
    }
  }
};
} // namespace
