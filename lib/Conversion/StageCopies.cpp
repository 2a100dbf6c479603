//===- StageCopies.cpp - Tiles arrive while the last step computes --------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A loop over steps copies tiles of its tensors to shared memory. Here each
// tile gets a second place, and an iteration starts the copies of the next one
// before it computes with its own:
//
//   copy(first)
//   for step:
//     wait; barrier
//     if there is a next one: copy(next) to the other place
//     compute
//
// A step without live points does nothing but this, and nothing is copied for
// it.
//
// The one barrier does for both: all threads see what has arrived, and all are
// done with what the copies of the next step replace. A table of tokens that a
// step computes, by which its copies find rows, is written two steps ahead, to
// one of three places: the barrier between shows it to the copies. Copies that
// depend on more than the number of the step stay where they are, between two
// barriers.
//
//===----------------------------------------------------------------------===//

#include "StagedSteps.h"
#include "WorkerScratch.h"
#include "WorkspaceBytes.h"
#include "attn/Conversion/FusedForm.h"
#include "attn/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNSTAGECOPIES
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {

/// What is staged of a loop.
struct StagedLoop {
  SmallVector<StepTable> tables;
  SmallVector<StepCopy> copies;
  /// For each copy, the second place.
  SmallVector<int64_t> second;
};

class CopyStager {
public:
  CopyStager(func::FuncOp function, int64_t bytes, int64_t sharedBytes)
      : function(function), bytes(bytes), sharedBytes(sharedBytes),
        lanes(function->getAttrOfType<StringAttr>(kLanesAttrName)) {}

  /// Returns the bytes of shared memory that are in use afterwards.
  int64_t run();

private:
  StagedLoop findStaged(scf::ForOp loop);
  void stageLoop(scf::ForOp loop);
  static void waitFor(TileEinsumOp copy);

  func::FuncOp function;
  int64_t bytes, sharedBytes;
  StringAttr lanes;
};

} // namespace

/// Steps whose tables exist at a time: those of the step at hand, of the next
/// one, whose copies start, and of the one behind it.
static constexpr int64_t kTableStages = 3;

/// The bytes of one stage of a place.
static int64_t getStageBytes(StagePlace place) {
  auto type = cast<MemRefType>(place.second);
  return llvm::alignTo(type.getNumElements() * type.getElementTypeBitWidth() /
                           8,
                       kWorkspaceAlignment);
}

/// What of `loop` is staged, and where, as far as there is memory.
StagedLoop CopyStager::findStaged(scf::ForOp loop) {
  StagedLoop staged;
  int64_t before = bytes;
  auto take = [&](StagePlace place, int64_t count) -> std::optional<int64_t> {
    int64_t size = getStageBytes(place) * count;
    if (bytes + size > sharedBytes)
      return std::nullopt;
    return std::exchange(bytes, bytes + size);
  };
  for (StepTable &table : findStepTables(loop))
    if (std::optional<int64_t> ring = take(table.place, kTableStages)) {
      table.ring = *ring;
      staged.tables.push_back(std::move(table));
    }
  for (StepCopy &copy : findStepCopies(loop, lanes, staged.tables))
    if (std::optional<int64_t> second = take(copy.place, 1)) {
      staged.second.push_back(*second);
      staged.copies.push_back(std::move(copy));
    }
  // Tables alone gain nothing.
  if (staged.copies.empty()) {
    bytes = before;
    staged.tables.clear();
  }
  return staged;
}

namespace {

/// Emits the staged work of one step of a loop, ahead of the loop's order.
class StepEmitter {
public:
  /// `places` says where what a step makes lies.
  StepEmitter(scf::ForOp loop, Value step,
              ArrayRef<std::pair<StagePlace, Value>> places)
      : loop(loop), places(places) {
    mapping.map(loop.getInductionVar(), step);
  }

  void emitCopy(OpBuilder &builder, const StepCopy &copy) {
    emit(builder, copy.copies.front())
        ->setAttr(kAsyncAttrName, builder.getUnitAttr());
  }
  /// A branch for whether a point of the step may be live.
  void emitLive(OpBuilder &builder, scf::IfOp live) {
    repeat(builder, live.getCondition());
    auto branch = scf::IfOp::create(
        builder, live.getLoc(), mapping.lookupOrDefault(live.getCondition()));
    builder = branch.getThenBodyBuilder();
  }
  void emitTable(OpBuilder &builder, const StepTable &table) {
    TileEinsumOp einsum = emit(builder, table.writers.front());
    SmallVector<StringAttr> ranks = einsum.getOutputRanks();
    SmallVector<Attribute> names(ranks.begin(), ranks.end());
    einsum->setAttr(kThreadRanksAttrName, builder.getArrayAttr(names));
  }

private:
  TileEinsumOp emit(OpBuilder &builder, TileEinsumOp einsum);
  void repeat(OpBuilder &builder, Value value);

  scf::ForOp loop;
  ArrayRef<std::pair<StagePlace, Value>> places;
  IRMapping mapping;
};

} // namespace

/// Computes `value` for the step, with all that it follows from.
void StepEmitter::repeat(OpBuilder &builder, Value value) {
  if (mapping.contains(value) ||
      !loop->isAncestor(value.getParentBlock()->getParentOp()))
    return;
  Operation *op = value.getDefiningOp();
  if (auto view = dyn_cast<memref::ViewOp>(op)) {
    const auto *known = llvm::find_if(places, [&](const auto &entry) {
      return getStagePlace(view) == entry.first;
    });
    assert(known != places.end() && "only staged places are read or written");
    mapping.map(value, memref::ViewOp::create(builder, view.getLoc(),
                                              view.getType(), view.getSource(),
                                              known->second, view.getSizes()));
    return;
  }
  for (Value operand : op->getOperands())
    repeat(builder, operand);
  builder.clone(*op, mapping);
}

TileEinsumOp StepEmitter::emit(OpBuilder &builder, TileEinsumOp einsum) {
  for (Value operand : einsum->getOperands())
    repeat(builder, operand);
  SetVector<Value> captured;
  getUsedValuesDefinedAbove(einsum->getRegions(), captured);
  for (Value value : captured)
    repeat(builder, value);
  return cast<TileEinsumOp>(builder.clone(*einsum, mapping));
}

/// Rows of the item that are awaited in front of `ahead`, where the copies of
/// the first step start, are awaited behind it: both are under way at once.
static void waitTogether(Operation *ahead, scf::ForOp loop) {
  Operation *at = ahead->getPrevNode();
  while (at && (isMemoryEffectFree(at) || isa<memref::LoadOp>(at)))
    at = at->getPrevNode();
  auto barrier = dyn_cast_if_present<gpu::BarrierOp>(at);
  auto wait = barrier ? dyn_cast_if_present<NVVM::CpAsyncWaitGroupOp>(
                            barrier->getPrevNode())
                      : NVVM::CpAsyncWaitGroupOp();
  if (!wait)
    return;
  wait->moveBefore(loop);
  barrier->moveBefore(loop);
}

/// Lets `place` stand for what `loop` has in `known`.
static void replaceViews(scf::ForOp loop, StagePlace known, Value shift) {
  Value place;
  SmallVector<memref::ViewOp> views;
  loop.walk([&](memref::ViewOp view) {
    if (getStagePlace(view) == known)
      views.push_back(view);
  });
  OpBuilder builder(loop.getContext());
  builder.setInsertionPointAfterValue(shift);
  for (memref::ViewOp view : views) {
    if (!place)
      place = memref::ViewOp::create(builder, view.getLoc(), view.getType(),
                                     view.getSource(), shift, ValueRange());
    view.replaceAllUsesWith(place);
    view.erase();
  }
}

void CopyStager::stageLoop(scf::ForOp loop) {
  StagedLoop staged = findStaged(loop);
  if (staged.copies.empty())
    return;
  Location loc = loop.getLoc();
  OpBuilder builder(loop);
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  auto isBefore = [&](Value step) -> Value {
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, step,
                                 loop.getUpperBound());
  };
  // Where the step `ahead` of the one with number `number` has its own.
  using Places = SmallVector<std::pair<StagePlace, Value>>;
  auto getTurn = [&](Value number, int64_t ahead, int64_t stages) -> Value {
    Value at =
        builder.createOrFold<arith::AddIOp>(loc, number, constant(ahead));
    return builder.createOrFold<arith::RemUIOp>(loc, at, constant(stages));
  };
  auto getShift = [&](int64_t base, Value turn, int64_t distance) -> Value {
    Value shift =
        builder.createOrFold<arith::MulIOp>(loc, turn, constant(distance));
    return builder.createOrFold<arith::AddIOp>(loc, constant(base), shift);
  };
  auto addTables = [&](Value number, int64_t ahead, Places &places) {
    if (staged.tables.empty())
      return;
    Value turn = getTurn(number, ahead, kTableStages);
    for (const StepTable &table : staged.tables)
      places.push_back({table.place, getShift(table.ring, turn,
                                              getStageBytes(table.place))});
  };
  auto addCopies = [&](Value number, int64_t ahead, Places &places) {
    Value turn = getTurn(number, ahead, /*stages=*/2);
    for (auto [copy, second] : llvm::zip_equal(staged.copies, staged.second))
      places.push_back({copy.place, getShift(copy.place.first, turn,
                                             second - copy.place.first)});
  };
  /// Runs `emit` for `step` if there is such a step.
  auto emitIf = [&](Value step, const Places &places,
                    function_ref<void(OpBuilder &, StepEmitter &)> emit) {
    auto branch = scf::IfOp::create(builder, loc, isBefore(step));
    OpBuilder inside = branch.getThenBodyBuilder();
    StepEmitter emitter(loop, step, places);
    emit(inside, emitter);
  };
  auto emitTables = [&](OpBuilder &inside, StepEmitter &emitter) {
    for (const StepTable &table : staged.tables)
      emitter.emitTable(inside, table);
  };
  scf::IfOp live = getLiveStep(loop);
  auto emitCopies = [&](OpBuilder &inside, StepEmitter &emitter) {
    if (live)
      emitter.emitLive(inside, live);
    for (const StepCopy &copy : staged.copies)
      emitter.emitCopy(inside, copy);
  };
  auto follow = [&](Value step) -> Value {
    return arith::AddIOp::create(builder, loc, step, loop.getStep());
  };

  Value first = loop.getLowerBound(), zero = constant(0);
  auto start = gpu::BarrierOp::create(builder, loc);
  Places before;
  addTables(zero, /*ahead=*/0, before);
  if (!staged.tables.empty()) {
    emitIf(first, before, emitTables);
    Places behind;
    addTables(zero, /*ahead=*/1, behind);
    emitIf(follow(first), behind, emitTables);
    gpu::BarrierOp::create(builder, loc);
  }
  addCopies(zero, /*ahead=*/0, before);
  emitIf(first, before, emitCopies);
  waitTogether(start, loop);

  builder.setInsertionPointToStart(loop.getBody());
  NVVM::CpAsyncWaitGroupOp::create(builder, loc, 0);
  gpu::BarrierOp::create(builder, loc);
  Value step = loop.getInductionVar();
  Value number = arith::DivUIOp::create(
      builder, loc, arith::SubIOp::create(builder, loc, step, first),
      loop.getStep());
  Places own, ofNext, ofSecond;
  addTables(number, /*ahead=*/0, own);
  addCopies(number, /*ahead=*/0, own);
  addTables(number, /*ahead=*/1, ofNext);
  addCopies(number, /*ahead=*/1, ofNext);
  Value next = follow(step);
  emitIf(next, ofNext, emitCopies);
  if (!staged.tables.empty()) {
    addTables(number, /*ahead=*/2, ofSecond);
    emitIf(follow(next), ofSecond, emitTables);
  }

  // The views of the step are still those of the loop.
  for (const StepTable &table : staged.tables)
    for (TileEinsumOp einsum : table.writers)
      einsum.erase();
  for (const StepCopy &copy : staged.copies)
    for (TileEinsumOp einsum : copy.copies)
      einsum.erase();
  for (auto [place, shift] : own)
    replaceViews(loop, place, shift);
}

/// A copy that is not ahead of its step: its threads wait for it and for each
/// other.
void CopyStager::waitFor(TileEinsumOp copy) {
  OpBuilder builder(copy);
  copy->setAttr(kAsyncAttrName, builder.getUnitAttr());
  gpu::BarrierOp::create(builder, copy.getLoc());
  builder.setInsertionPointAfter(copy);
  NVVM::CpAsyncWaitGroupOp::create(builder, copy.getLoc(), 0);
  gpu::BarrierOp::create(builder, copy.getLoc());
}

int64_t CopyStager::run() {
  SmallVector<scf::ForOp> loops;
  function.walk([&](scf::ForOp loop) {
    if (loop.getInitArgs().empty())
      loops.push_back(loop);
  });
  // Two loops may use one place in turns; each has a second one for itself.
  for (scf::ForOp loop : loops)
    stageLoop(loop);
  SmallVector<TileEinsumOp> copies;
  function.walk([&](TileEinsumOp einsum) {
    if (isTileCopy(einsum, lanes))
      copies.push_back(einsum);
  });
  for (TileEinsumOp copy : copies)
    waitFor(copy);
  return bytes;
}

namespace {
struct StageCopiesPass
    : public attn::impl::AttnStageCopiesBase<StageCopiesPass> {
  using Base::Base;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isExternal() || !function->hasAttr(kWarpLanesAttrName))
        continue;
      func::FuncOp worker = findWorker(function);
      std::optional<int64_t> bytes =
          worker ? getScratchBytes(worker) : std::nullopt;
      if (!bytes) {
        function.emitError("has no function that says how much scratch it "
                           "takes; run attn-map-to-warps first");
        return signalPassFailure();
      }
      setScratchBytes(function, worker,
                      CopyStager(function, *bytes, sharedBytes).run());
    }
  }
};
} // namespace
