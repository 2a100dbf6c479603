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
// The one barrier does for both: all threads see what has arrived, and all are
// done with what the copies of the next step replace. Copies that depend on
// more than the number of the step, such as tokens that it writes down, stay
// where they are, between two barriers.
//
//===----------------------------------------------------------------------===//

#include "WarpLayouts.h"
#include "WorkerScratch.h"
#include "WorkspaceBytes.h"
#include "attn/Conversion/FusedForm.h"
#include "attn/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNSTAGECOPIES
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {

/// A place in shared memory.
using Place = std::pair<int64_t, Type>;

/// The copies of a loop's steps to one place, equal in all branches of a step.
struct StepCopy {
  Place place;
  SmallVector<TileEinsumOp> copies;
};

class CopyStager {
public:
  CopyStager(func::FuncOp function, int64_t bytes, int64_t sharedBytes)
      : function(function), bytes(bytes), sharedBytes(sharedBytes),
        lanes(function->getAttrOfType<StringAttr>(kLanesAttrName)) {}

  /// Returns the bytes of shared memory that are in use afterwards.
  int64_t run();

private:
  bool isCopy(TileEinsumOp einsum);
  SmallVector<StepCopy> findCopies(scf::ForOp loop);
  void stageLoop(scf::ForOp loop);
  void emitCopies(OpBuilder &builder, scf::ForOp loop, Value step,
                  ArrayRef<StepCopy> staged, ArrayRef<Value> shifts);
  static void waitFor(TileEinsumOp copy);

  func::FuncOp function;
  int64_t bytes, sharedBytes;
  StringAttr lanes;
};

} // namespace

static std::optional<Place> getPlace(memref::ViewOp view) {
  APInt shift;
  if (!view || !matchPattern(view.getByteShift(), m_ConstantInt(&shift)))
    return std::nullopt;
  return Place(shift.getSExtValue(), view.getType());
}

static std::optional<Place> getPlace(Value memref) {
  return getPlace(getWholeBuffer(memref).getDefiningOp<memref::ViewOp>());
}

/// Whether `memref` is a part of a tensor of the kernel.
static bool isOfTensor(Value memref) {
  while (Operation *op = memref.getDefiningOp()) {
    auto part = dyn_cast<ViewLikeOpInterface>(op);
    if (!part || isa<memref::ViewOp>(op))
      return false;
    memref = part.getViewSource();
  }
  return true;
}

/// Whether `memref` is a two-dimensional buffer from its first element on.
static bool isWholeTile(Value memref) {
  while (Operation *op = memref.getDefiningOp()) {
    if (auto part = dyn_cast<memref::SubViewOp>(op)) {
      for (OpFoldResult offset : part.getMixedOffsets())
        if (getConstantIntValue(offset) != 0)
          return false;
      memref = part.getSource();
    } else if (auto cast = dyn_cast<memref::CastOp>(op)) {
      memref = cast.getSource();
    } else {
      break;
    }
  }
  auto type = cast<MemRefType>(memref.getType());
  return type.getRank() == 2 && type.hasStaticShape();
}

bool CopyStager::isCopy(TileEinsumOp einsum) {
  return !einsum->hasAttr(kAsyncAttrName) && !einsum.getReduction() &&
         einsum.getInputs().size() == 1 && einsum.isIdentityMap() &&
         !llvm::is_contained(einsum.getOutputRanks(), lanes) &&
         getPlace(einsum.getInit()) && isWholeTile(einsum.getInit()) &&
         isOfTensor(einsum.getInputs().front());
}

/// Whether `op` can be done for another step, ahead of the loop's order.
static bool isRepeatable(Operation *op) {
  if (op->getNumRegions() != 0)
    return false;
  if (auto load = dyn_cast<memref::LoadOp>(op))
    return isOfTensor(load.getMemRef());
  return isMemoryEffectFree(op);
}

/// Whether `value` follows from the number of the step alone.
static bool followsFromStep(Value value, scf::ForOp loop) {
  if (value == loop.getInductionVar() ||
      !loop->isAncestor(value.getParentBlock()->getParentOp()))
    return true;
  Operation *op = value.getDefiningOp();
  return op && isRepeatable(op) &&
         llvm::all_of(op->getOperands(), [&](Value operand) {
           return followsFromStep(operand, loop);
         });
}

static bool areEqual(Value left, Value right) {
  if (left == right)
    return true;
  Operation *one = left.getDefiningOp(), *two = right.getDefiningOp();
  return one && two && one->getName() == two->getName() &&
         left.getType() == right.getType() && one->getNumRegions() == 0 &&
         one->getAttrDictionary() == two->getAttrDictionary() &&
         isRepeatable(one) &&
         llvm::equal(one->getOperands(), two->getOperands(), areEqual);
}

static bool areEqual(TileEinsumOp left, TileEinsumOp right) {
  return left->getAttrDictionary() == right->getAttrDictionary() &&
         llvm::equal(left->getOperands(), right->getOperands(),
                     [](Value one, Value two) { return areEqual(one, two); });
}

/// The copies that every iteration of `loop` makes, each to a place of its own.
SmallVector<StepCopy> CopyStager::findCopies(scf::ForOp loop) {
  SmallVector<StepCopy> found;
  auto add = [&](ArrayRef<TileEinsumOp> copies) {
    for (TileEinsumOp copy : copies) {
      // A table that a step writes is not there a step ahead.
      if (!llvm::all_of(copy.getIndices(), isOfTensor) ||
          !llvm::all_of(copy->getOperands(), [&](Value operand) {
            return followsFromStep(operand, loop);
          }))
        return;
    }
    StepCopy step;
    step.place = *getPlace(TileEinsumOp(copies.front()).getInit());
    llvm::append_range(step.copies, copies);
    found.push_back(step);
  };
  for (Operation &op : *loop.getBody()) {
    if (auto einsum = dyn_cast<TileEinsumOp>(op)) {
      if (isCopy(einsum))
        add(einsum);
      continue;
    }
    auto branch = dyn_cast<scf::IfOp>(op);
    if (!branch || branch.getElseRegion().empty())
      continue;
    for (auto copy : branch.thenBlock()->getOps<TileEinsumOp>()) {
      if (!isCopy(copy))
        continue;
      for (auto other : branch.elseBlock()->getOps<TileEinsumOp>())
        if (isCopy(other) && areEqual(copy, other)) {
          add({copy, other});
          break;
        }
    }
  }
  // Who else writes the place takes turns in it, which two stages would mix up.
  llvm::erase_if(found, [&](StepCopy &step) {
    return loop
        .walk([&](TileEinsumOp einsum) {
          bool isOther = getPlace(einsum.getInit()) == step.place &&
                         !llvm::is_contained(step.copies, einsum);
          return isOther ? WalkResult::interrupt() : WalkResult::advance();
        })
        .wasInterrupted();
  });
  return found;
}

/// Starts the copies of the step `step`, to places at `shifts`.
void CopyStager::emitCopies(OpBuilder &builder, scf::ForOp loop, Value step,
                            ArrayRef<StepCopy> staged, ArrayRef<Value> shifts) {
  IRMapping mapping;
  mapping.map(loop.getInductionVar(), step);
  Value shift;
  auto repeat = [&](Value value, auto &&self) -> void {
    if (mapping.contains(value) ||
        !loop->isAncestor(value.getParentBlock()->getParentOp()))
      return;
    Operation *op = value.getDefiningOp();
    if (auto view = dyn_cast<memref::ViewOp>(op)) {
      mapping.map(value, memref::ViewOp::create(
                             builder, view.getLoc(), view.getType(),
                             view.getSource(), shift, view.getSizes()));
      return;
    }
    for (Value operand : op->getOperands())
      self(operand, self);
    builder.clone(*op, mapping);
  };
  for (auto [copy, place] : llvm::zip_equal(staged, shifts)) {
    shift = place;
    TileEinsumOp einsum = copy.copies.front();
    for (Value operand : einsum->getOperands())
      repeat(operand, repeat);
    builder.clone(*einsum, mapping)
        ->setAttr(kAsyncAttrName, builder.getUnitAttr());
  }
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

void CopyStager::stageLoop(scf::ForOp loop) {
  SmallVector<StepCopy> staged;
  SmallVector<int64_t> second;
  for (StepCopy &copy : findCopies(loop)) {
    auto type = cast<MemRefType>(copy.place.second);
    int64_t size =
        llvm::alignTo(type.getNumElements() * type.getElementTypeBitWidth() / 8,
                      kWorkspaceAlignment);
    if (bytes + size > sharedBytes)
      continue;
    second.push_back(bytes);
    bytes += size;
    staged.push_back(std::move(copy));
  }
  if (staged.empty())
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
  SmallVector<Value> shifts;
  for (const StepCopy &copy : staged)
    shifts.push_back(constant(copy.place.first));
  Value first = loop.getLowerBound();
  auto start = gpu::BarrierOp::create(builder, loc);
  auto ahead = scf::IfOp::create(builder, loc, isBefore(first));
  OpBuilder inside = ahead.getThenBodyBuilder();
  emitCopies(inside, loop, first, staged, shifts);
  waitTogether(start, loop);

  builder.setInsertionPointToStart(loop.getBody());
  NVVM::CpAsyncWaitGroupOp::create(builder, loc, 0);
  gpu::BarrierOp::create(builder, loc);
  Value step = loop.getInductionVar();
  Value number = arith::DivUIOp::create(
      builder, loc, arith::SubIOp::create(builder, loc, step, first),
      loop.getStep());
  Value turn = arith::RemUIOp::create(builder, loc, number, constant(2));
  Value other = arith::SubIOp::create(builder, loc, constant(1), turn);
  SmallVector<Value> own, next;
  for (auto [copy, place] : llvm::zip_equal(staged, second))
    for (auto [stage, list] : {std::pair(turn, &own), std::pair(other, &next)})
      list->push_back(arith::AddIOp::create(
          builder, loc, constant(copy.place.first),
          arith::MulIOp::create(builder, loc, stage,
                                constant(place - copy.place.first))));
  Value following = arith::AddIOp::create(builder, loc, step, loop.getStep());
  auto hasNext = scf::IfOp::create(builder, loc, isBefore(following));
  inside = hasNext.getThenBodyBuilder();
  // The views of the copies are still those of the loop.
  emitCopies(inside, loop, following, staged, next);

  for (auto [copy, shift] : llvm::zip_equal(staged, own)) {
    for (TileEinsumOp einsum : copy.copies)
      einsum.erase();
    Value place;
    SmallVector<memref::ViewOp> views;
    Place known = copy.place;
    loop.walk([&](memref::ViewOp view) {
      if (getPlace(view) == known)
        views.push_back(view);
    });
    for (memref::ViewOp view : views) {
      if (!place)
        place = memref::ViewOp::create(builder, view.getLoc(), view.getType(),
                                       view.getSource(), shift, ValueRange());
      view.replaceAllUsesWith(place);
      view.erase();
    }
  }
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
    if (isCopy(einsum))
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
