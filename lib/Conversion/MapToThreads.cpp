//===- MapToThreads.cpp - The threads of a block share an item ------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All threads of a block walk the same loops and branches; what is written is
// shared out between them. A lane is a thread: einsums over the lanes work on
// columns of scratch that belong to one thread alone, and need no barrier.
// Everything else is computed by all threads together, between two barriers.
//
// Scratch that takes turns in one place belongs to different iterations of a
// loop or to the branches of one step, so a barrier at the start of every
// iteration separates its owners.
//
//===----------------------------------------------------------------------===//

#include "Contractions.h"
#include "attn/Conversion/FusedForm.h"
#include "attn/Conversion/Passes.h"
#include "attn/Support/NotSupported.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNMAPTOTHREADS
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {

class ThreadMapper {
public:
  ThreadMapper(func::FuncOp function, int64_t threads)
      : function(function), threads(threads),
        lanes(function->getAttrOfType<StringAttr>(kLanesAttrName)) {}

  LogicalResult run();

private:
  bool isOwn(TileEinsumOp einsum);
  bool readsOwnLane(const EinsumAccess &access);
  bool readsColumn(Operation *op);
  bool hasLanes(TileEinsumOp einsum) {
    return lanes && llvm::is_contained(einsum.getOutputRanks(), lanes);
  }
  bool hasWarps() { return function->hasAttr(kWarpLanesAttrName); }
  static Value getBuffer(Value view);
  LogicalResult mapOperation(Operation *op);
  void mapEinsum(TileEinsumOp einsum);
  void mapLoop(scf::ParallelOp loop);
  void mapStore(Operation *store);
  static void synchronize(Operation *op);
  static void mergeBarriers(Block &block);

  func::FuncOp function;
  int64_t threads;
  StringAttr lanes;
  /// Scratch that einsums over the lanes write: its last dimension is theirs.
  llvm::SmallDenseSet<Value> columns;
};

} // namespace

/// The scratch buffer that `view` is a part of, or null for tensors of the
/// kernel.
Value ThreadMapper::getBuffer(Value view) {
  while (Operation *op = view.getDefiningOp()) {
    if (isa<memref::ViewOp>(op))
      return view;
    auto source = dyn_cast<ViewLikeOpInterface>(op);
    if (!source)
      return view;
    view = source.getViewSource();
  }
  return {};
}

static bool isUniform(Value buffer) {
  auto number = buffer.getDefiningOp<memref::AllocaOp>();
  auto layout = number ? number->getAttrOfType<StringAttr>(kLayoutAttrName)
                       : StringAttr();
  return layout && layout == kUniformLayout;
}

/// Whether the access reads the column of the thread that computes the lane, or
/// something that has no columns.
bool ThreadMapper::readsOwnLane(const EinsumAccess &access) {
  Value buffer = getBuffer(access.tensor);
  if (!buffer || !columns.contains(buffer))
    return true;
  auto type = cast<MemRefType>(access.tensor.getType());
  auto whole = cast<MemRefType>(buffer.getType());
  if (type.getRank() == 0 || type.getRank() != whole.getRank() ||
      type.getShape().back() != whole.getShape().back())
    return false;
  auto last = dyn_cast<AffineDimExpr>(access.map.getResults().back());
  return last && access.ranks[last.getPosition()] == lanes;
}

/// Whether every thread computes its lane of `einsum` from its own columns.
bool ThreadMapper::isOwn(TileEinsumOp einsum) {
  if (!hasLanes(einsum))
    return false;
  for (const EinsumAccess &access : einsum.getAccesses()) {
    if (!readsOwnLane(access))
      return false;
    for (const DataIndex &data : access.data)
      if (!readsOwnLane(EinsumAccess(data.tensor, data.map, access.ranks)))
        return false;
  }
  return true;
}

/// Whether a number is read out of a column, by `op` or in it.
bool ThreadMapper::readsColumn(Operation *op) {
  return op
      ->walk([&](memref::LoadOp load) {
        Value buffer = getBuffer(load.getMemRef());
        return buffer && columns.contains(buffer) ? WalkResult::interrupt()
                                                  : WalkResult::advance();
      })
      .wasInterrupted();
}

void ThreadMapper::synchronize(Operation *op) {
  OpBuilder builder(op);
  gpu::BarrierOp::create(builder, op->getLoc());
  builder.setInsertionPointAfter(op);
  gpu::BarrierOp::create(builder, op->getLoc());
}

void ThreadMapper::mapEinsum(TileEinsumOp einsum) {
  // Who takes part in a copy waits for it elsewhere, and what makes operands of
  // it is shared out already.
  if (einsum->hasAttr(kAsyncAttrName) || einsum->hasAttr(kThreadRanksAttrName))
    return;
  // Threads keep the number that they find together.
  if (isUniform(einsum.getInit()))
    return;
  // Warps know their lanes, and all read what these leave in scratch.
  if (hasWarps() && hasLanes(einsum)) {
    Value buffer = getBuffer(einsum.getInit());
    if (buffer && buffer.getDefiningOp<memref::ViewOp>())
      synchronize(einsum);
    return;
  }
  SmallVector<StringAttr> ranks = einsum.getOutputRanks();
  if (hasLanes(einsum))
    ranks.assign(1, lanes);
  SmallVector<Attribute> names(ranks.begin(), ranks.end());
  einsum->setAttr(kThreadRanksAttrName,
                  ArrayAttr::get(einsum.getContext(), names));
  if (!isOwn(einsum))
    synchronize(einsum);
  // The copies of warps fill up tiles themselves.
  if (einsum->hasAttr(kFilledAttrName) && !hasWarps())
    if (TileEinsumOp rest = createRest(einsum))
      mapEinsum(rest);
}

/// Gives the points of a loop to the threads, neighbours of the last dimension
/// to neighbours.
void ThreadMapper::mapLoop(scf::ParallelOp loop) {
  Location loc = loop.getLoc();
  OpBuilder builder(loop);
  Value total = arith::ConstantIndexOp::create(builder, loc, 1);
  SmallVector<Value> extents;
  for (auto [lower, upper, step] : llvm::zip_equal(
           loop.getLowerBound(), loop.getUpperBound(), loop.getStep())) {
    Value length = builder.createOrFold<arith::SubIOp>(loc, upper, lower);
    extents.push_back(
        builder.createOrFold<arith::CeilDivSIOp>(loc, length, step));
    total = builder.createOrFold<arith::MulIOp>(loc, total, extents.back());
  }
  Value thread = gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x);
  auto shared =
      scf::ForOp::create(builder, loc, thread, total,
                         arith::ConstantIndexOp::create(builder, loc, threads));
  builder.setInsertionPointToStart(shared.getBody());
  Value number = shared.getInductionVar();
  for (size_t dim = extents.size(); dim-- > 0;) {
    Value position = number;
    if (dim > 0) {
      position = arith::RemUIOp::create(builder, loc, number, extents[dim]);
      number = arith::DivUIOp::create(builder, loc, number, extents[dim]);
    }
    position =
        builder.createOrFold<arith::MulIOp>(loc, position, loop.getStep()[dim]);
    position = builder.createOrFold<arith::AddIOp>(loc, position,
                                                   loop.getLowerBound()[dim]);
    loop.getInductionVars()[dim].replaceAllUsesWith(position);
  }
  Operation *terminator = loop.getBody()->getTerminator();
  terminator->erase();
  shared.getBody()->getOperations().splice(std::prev(shared.getBody()->end()),
                                           loop.getBody()->getOperations());
  loop.erase();
  synchronize(shared);
}

/// A store that every thread would do is done by one.
void ThreadMapper::mapStore(Operation *store) {
  Location loc = store->getLoc();
  OpBuilder builder(store);
  Value thread = gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x);
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value isFirst = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                        thread, zero);
  auto branch = scf::IfOp::create(builder, loc, isFirst);
  store->moveBefore(branch.thenYield());
  synchronize(branch);
}

LogicalResult ThreadMapper::mapOperation(Operation *op) {
  if (auto einsum = dyn_cast<TileEinsumOp>(op)) {
    mapEinsum(einsum);
    return success();
  }
  if (auto loop = dyn_cast<scf::ParallelOp>(op)) {
    if (loop.getNumReductions() != 0)
      return emitNotSupported(op)
             << "threads of a block do not reduce a parallel loop";
    mapLoop(loop);
    return success();
  }
  // What attn-map-to-warps and attn-stage-copies have shared out themselves.
  if (isa<gpu::BarrierOp, NVVM::CpAsyncWaitGroupOp>(op) ||
      op->hasAttr(kLayoutAttrName) || op->hasAttr(kRowLoopAttrName))
    return success();
  if (isa<memref::LoadOp>(op)) {
    if (readsColumn(op))
      synchronize(op);
    return success();
  }
  if (isa<memref::StoreOp>(op)) {
    mapStore(op);
    return success();
  }
  // Each thread reads for itself what is the same for all.
  if (op->getNumRegions() != 0 && !writesMemory(op) && !readsColumn(op))
    return success();
  if (!isa<scf::ForOp, scf::IfOp>(op)) {
    if (op->getNumRegions() != 0)
      return emitNotSupported(op)
             << "threads of a block share no '" << op->getName() << "'";
    if (!isMemoryEffectFree(op))
      return emitNotSupported(op)
             << "'" << op->getName()
             << "' would be done by every thread of a block";
    return success();
  }
  for (Region &region : op->getRegions())
    for (Block &block : region)
      for (Operation &inner : llvm::make_early_inc_range(block))
        if (failed(mapOperation(&inner)))
          return failure();
  // A loop that awaits copies begins so, and has a barrier behind that.
  if (auto loop = dyn_cast<scf::ForOp>(op);
      loop && writesMemory(op) &&
      !isa<NVVM::CpAsyncWaitGroupOp>(loop.getBody()->front())) {
    OpBuilder builder = OpBuilder::atBlockBegin(loop.getBody());
    gpu::BarrierOp::create(builder, op->getLoc());
  }
  return success();
}

/// Of barriers with nothing between them that touches memory one is enough.
void ThreadMapper::mergeBarriers(Block &block) {
  gpu::BarrierOp last;
  for (Operation &op : llvm::make_early_inc_range(block)) {
    if (auto barrier = dyn_cast<gpu::BarrierOp>(op)) {
      if (last)
        barrier.erase();
      else
        last = barrier;
      continue;
    }
    if (!isMemoryEffectFree(&op))
      last = {};
    for (Region &region : op.getRegions())
      for (Block &inner : region)
        mergeBarriers(inner);
  }
}

LogicalResult ThreadMapper::run() {
  // Other warps hide what a CPU asks for ahead of time.
  function.walk([](memref::PrefetchOp op) { op.erase(); });
  function.walk([&](TileEinsumOp einsum) {
    if (!hasLanes(einsum))
      return;
    if (Value buffer = getBuffer(einsum.getInit()))
      columns.insert(buffer);
  });
  if (!hasWarps())
    function->setAttr(
        kBlockThreadsAttrName,
        IntegerAttr::get(IntegerType::get(function.getContext(), 64), threads));
  for (Operation &op : llvm::make_early_inc_range(function.getBody().front()))
    if (!isa<func::CallOp, func::ReturnOp>(op) && failed(mapOperation(&op)))
      return failure();
  mergeBarriers(function.getBody().front());
  return success();
}

namespace {
struct MapToThreadsPass
    : public attn::impl::AttnMapToThreadsBase<MapToThreadsPass> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (threads < 1 || threads > 1024) {
      module.emitError("option 'threads' is ")
          << static_cast<int64_t>(threads) << ", but must be 1 to 1024";
      return signalPassFailure();
    }
    for (auto function : module.getOps<func::FuncOp>()) {
      // Functions that only ask for sizes run on the host.
      if (function.isExternal() || !writesMemory(function))
        continue;
      int64_t count = threads;
      if (auto tile = function->getAttrOfType<IntegerAttr>(kLaneTileAttrName))
        count = llvm::alignTo(tile.getInt(), kWarp);
      if (failed(ThreadMapper(function, count).run()))
        return signalPassFailure();
    }
  }

private:
  static constexpr int64_t kWarp = 32;
};
} // namespace
