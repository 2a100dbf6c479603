//===- StagedSteps.cpp - What steps of a loop may make ahead --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StagedSteps.h"
#include "Contractions.h"
#include "attn/Conversion/FusedForm.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace mlir::attn;

std::optional<StagePlace> attn::getStagePlace(memref::ViewOp view) {
  APInt shift;
  if (!view || !matchPattern(view.getByteShift(), m_ConstantInt(&shift)))
    return std::nullopt;
  return StagePlace(shift.getSExtValue(), view.getType());
}

std::optional<StagePlace> attn::getStagePlace(Value memref) {
  return getStagePlace(getWholeBuffer(memref).getDefiningOp<memref::ViewOp>());
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

scf::IfOp attn::getLiveStep(scf::ForOp loop) {
  for (auto branch : loop.getBody()->getOps<scf::IfOp>())
    if (branch->hasAttr(kLiveStepAttrName))
      return branch;
  return {};
}

bool attn::isTileCopy(TileEinsumOp einsum, StringAttr lanes) {
  return !einsum->hasAttr(kAsyncAttrName) && !einsum.getReduction() &&
         einsum.getInputs().size() == 1 && einsum.isIdentityMap() &&
         !llvm::is_contained(einsum.getOutputRanks(), lanes) &&
         getStagePlace(einsum.getInit()) && isWholeTile(einsum.getInit()) &&
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

/// Whether einsums other than `known` write `place` in `loop`, where two stages
/// would mix up who takes turns in it.
static bool isShared(StagePlace place, ArrayRef<TileEinsumOp> known,
                     scf::ForOp loop) {
  return loop
      .walk([&](TileEinsumOp einsum) {
        bool isOther = getStagePlace(einsum.getInit()) == place &&
                       !llvm::is_contained(known, einsum);
        return isOther ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

/// Whether `einsum` computes a table of integers, or copies one of a tensor,
/// from what is known a step ahead.
static bool isTable(TileEinsumOp einsum, scf::ForOp loop) {
  auto type = cast<MemRefType>(einsum.getInit().getType());
  if (!llvm::all_of(einsum.getInputs(), isOfTensor) || einsum.getReduction() ||
      !getStagePlace(einsum.getInit()) || type.getRank() != 1 ||
      !type.getElementType().isInteger() || !einsum.getIndices().empty())
    return false;
  SetVector<Value> captured;
  getUsedValuesDefinedAbove(einsum->getRegions(), captured);
  auto follows = [&](Value value) { return followsFromStep(value, loop); };
  return llvm::all_of(captured, follows) &&
         llvm::all_of(einsum->getOperands(), follows);
}

/// Whether two tables have the same entries.
static bool areEqualTables(TileEinsumOp left, TileEinsumOp right) {
  Region *one = left.getMap()->getParent(), *two = right.getMap()->getParent();
  auto check = [&](Value a, Value b) {
    auto first = dyn_cast<BlockArgument>(a),
         second = dyn_cast<BlockArgument>(b);
    if (first && second && first.getParentRegion() == one &&
        second.getParentRegion() == two)
      return success(first.getArgNumber() == second.getArgNumber());
    return success(areEqual(a, b));
  };
  return areEqual(left, right) &&
         OperationEquivalence::isRegionEquivalentTo(
             one, two, check, /*markEquivalent=*/nullptr,
             OperationEquivalence::Flags::IgnoreLocations);
}

SmallVector<StepTable> attn::findStepTables(scf::ForOp loop) {
  llvm::MapVector<StagePlace, SmallVector<TileEinsumOp>> found;
  loop.walk([&](TileEinsumOp einsum) {
    if (isTable(einsum, loop))
      found[*getStagePlace(einsum.getInit())].push_back(einsum);
  });
  SmallVector<StepTable> tables;
  for (auto &entry : found) {
    ArrayRef<TileEinsumOp> writers = entry.second;
    bool areSame = llvm::all_of(writers, [&](TileEinsumOp writer) {
      return areEqualTables(writers.front(), writer);
    });
    if (areSame && !isShared(entry.first, writers, loop))
      tables.push_back({entry.first, entry.second});
  }
  return tables;
}

SmallVector<StepCopy> attn::findStepCopies(scf::ForOp loop, StringAttr lanes,
                                           ArrayRef<StepTable> tables) {
  SmallVector<StepCopy> found;
  // Other tables that a step writes are not there a step ahead.
  auto isKnown = [&](Value table) {
    std::optional<StagePlace> place = getStagePlace(table);
    return isOfTensor(table) ||
           (place && llvm::any_of(tables, [&](const StepTable &staged) {
              return staged.place == *place;
            }));
  };
  auto add = [&](ArrayRef<TileEinsumOp> copies) {
    for (TileEinsumOp copy : copies) {
      if (!llvm::all_of(copy.getIndices(), isKnown) ||
          !llvm::all_of(copy->getOperands(), [&](Value operand) {
            return followsFromStep(operand, loop);
          }))
        return;
    }
    StepCopy step;
    step.place = *getStagePlace(TileEinsumOp(copies.front()).getInit());
    llvm::append_range(step.copies, copies);
    found.push_back(step);
  };
  scf::IfOp live = getLiveStep(loop);
  if (live && !followsFromStep(live.getCondition(), loop))
    return {};
  for (Operation &op : live ? *live.thenBlock() : *loop.getBody()) {
    if (auto einsum = dyn_cast<TileEinsumOp>(op)) {
      if (isTileCopy(einsum, lanes))
        add(einsum);
      continue;
    }
    auto branch = dyn_cast<scf::IfOp>(op);
    if (!branch || branch.getElseRegion().empty())
      continue;
    for (auto copy : branch.thenBlock()->getOps<TileEinsumOp>()) {
      if (!isTileCopy(copy, lanes))
        continue;
      for (auto other : branch.elseBlock()->getOps<TileEinsumOp>())
        if (isTileCopy(other, lanes) && areEqual(copy, other)) {
          add({copy, other});
          break;
        }
    }
  }
  llvm::erase_if(found, [&](StepCopy &step) {
    return isShared(step.place, step.copies, loop);
  });
  return found;
}
