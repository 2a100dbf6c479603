//===- DeferRowSums.cpp - Threads join their sums behind the loop ---------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Contractions.h"
#include "attn/Conversion/FusedForm.h"
#include "attn/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNDEFERROWSUMS
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {

/// A number for each row that steps add sums of columns to.
class RowSum {
public:
  /// Fails unless `carried` is linear in sums of columns until it is read.
  static FailureOr<RowSum> find(memref::AllocaOp carried);

  void defer();

private:
  bool addWriter(TileEinsumOp writer);
  bool addUpdate(TileEinsumOp update);
  bool addStep(Value step);
  bool isReadBehind();

  memref::AllocaOp carried;
  TileEinsumOp start;
  SmallVector<TileEinsumOp> updates, sums;
  /// The operation of the block of `start` that has the last update.
  Operation *last = nullptr;
};

} // namespace

/// Whether threads hold `buffer` in registers, in so many dimensions.
static memref::AllocaOp getRegisters(Value buffer, unsigned rank) {
  auto tile = getWholeBuffer(buffer).getDefiningOp<memref::AllocaOp>();
  bool isIt = tile && tile->hasAttr(kLayoutAttrName) &&
              tile.getType().getRank() == rank &&
              tile.getType().getElementType().isF32();
  return isIt ? tile : memref::AllocaOp();
}

/// Whether `sum` sums the columns of a tile that threads hold, for each row.
static bool isSumOfColumns(TileEinsumOp sum) {
  return sum.getReduction() == ReductionKind::Add &&
         sum.getOutputRanks().size() == 1 && !sum.getReduced().empty() &&
         llvm::any_of(sum.getInputs(), [](Value input) {
           return static_cast<bool>(getRegisters(input, 2));
         });
}

/// What uses `buffer`, each operation once.
static llvm::SetVector<Operation *> getUsers(Value buffer) {
  return {buffer.user_begin(), buffer.user_end()};
}

/// The sums of a step, if all that reads them is one of the updates.
bool RowSum::addStep(Value step) {
  memref::AllocaOp buffer = getRegisters(step, 1);
  if (!buffer || buffer == carried || buffer.getResult() != step)
    return false;
  for (Operation *user : getUsers(step)) {
    auto einsum = dyn_cast<TileEinsumOp>(user);
    if (!einsum)
      return false;
    if (einsum.getInit() == step) {
      if (einsum.getAccumulate() || !isSumOfColumns(einsum))
        return false;
      if (!llvm::is_contained(sums, einsum))
        sums.push_back(einsum);
    } else if (einsum.getInit() != carried.getResult() ||
               llvm::count(einsum.getInputs(), step) != 1) {
      return false;
    }
  }
  return true;
}

/// What is carried, times a number or not, and the sum of a step.
bool RowSum::addUpdate(TileEinsumOp update) {
  auto sum = update.getMapResult().getDefiningOp<arith::AddFOp>();
  if (update.getReduction() || update.getAccumulate() || !sum)
    return false;
  auto getInput = [&](Value value) -> Value {
    auto argument = dyn_cast<BlockArgument>(value);
    return argument && argument.hasOneUse()
               ? update.getInputs()[argument.getArgNumber()]
               : Value();
  };
  for (unsigned operand : {0u, 1u}) {
    Value step = getInput(sum->getOperand(operand));
    Value before = sum->getOperand(1 - operand);
    Value own = getInput(before);
    if (auto product = before.getDefiningOp<arith::MulFOp>())
      for (Value factor : product->getOperands())
        if (getInput(factor) == carried.getResult())
          own = carried;
    // Nothing else of it is read, by this map or a factor.
    if (step && own == carried.getResult() &&
        llvm::count(update.getInputs(), carried.getResult()) == 1 &&
        llvm::count(update.getInputs(), step) == 1 && addStep(step)) {
      updates.push_back(update);
      return true;
    }
  }
  return false;
}

bool RowSum::addWriter(TileEinsumOp writer) {
  if (writer.getInputs().empty() && !writer.getReduction() &&
      matchPattern(writer.getMapResult(), m_AnyZeroFloat())) {
    if (start)
      return false;
    start = writer;
    return true;
  }
  if (writer.getAccumulate() && isSumOfColumns(writer) &&
      !llvm::is_contained(writer.getInputs(), carried.getResult())) {
    sums.push_back(writer);
    updates.push_back(writer);
    return true;
  }
  return addUpdate(writer);
}

/// Whether all updates stand behind the start, and all that reads the number
/// behind them.
bool RowSum::isReadBehind() {
  Block *block = start->getBlock();
  for (Operation *user : carried->getUsers()) {
    Operation *own = block->findAncestorOpInBlock(*user);
    if (!own || (user != start.getOperation() && !start->isBeforeInBlock(own)))
      return false;
    bool isUpdate = llvm::any_of(updates, [&](TileEinsumOp update) {
      return update.getOperation() == user;
    });
    if (!isUpdate && user != start.getOperation() &&
        !last->isBeforeInBlock(own))
      return false;
  }
  return true;
}

FailureOr<RowSum> RowSum::find(memref::AllocaOp carried) {
  RowSum found;
  found.carried = carried;
  if (!getRegisters(carried, 1))
    return failure();
  for (Operation *user : getUsers(carried))
    if (auto einsum = dyn_cast<TileEinsumOp>(user);
        einsum && einsum.getInit() == carried.getResult() &&
        !found.addWriter(einsum))
      return failure();
  if (!found.start || found.updates.empty())
    return failure();
  for (TileEinsumOp update : found.updates) {
    Operation *own = found.start->getBlock()->findAncestorOpInBlock(*update);
    if (!own)
      return failure();
    if (!found.last || found.last->isBeforeInBlock(own))
      found.last = own;
  }
  if (!found.isReadBehind())
    return failure();
  return found;
}

void RowSum::defer() {
  OpBuilder builder(carried.getContext());
  for (TileEinsumOp sum : sums)
    sum->setAttr(kThreadSumAttrName, builder.getUnitAttr());
  builder.setInsertionPointAfter(last);
  SmallVector<StringAttr> ranks = start.getOutputRanks();
  auto join = TileEinsumOp::create(
      builder, start.getLoc(), carried, ranks,
      EinsumAccess::get(carried, ranks), std::nullopt, /*accumulate=*/false, {},
      [](OpBuilder &, Location, ValueRange args) { return args.front(); });
  join->setAttr(kJoinThreadsAttrName, builder.getUnitAttr());
}

namespace {
struct DeferRowSumsPass
    : public attn::impl::AttnDeferRowSumsBase<DeferRowSumsPass> {
  using Base::Base;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (!function->hasAttr(kWarpLanesAttrName))
        continue;
      SmallVector<RowSum> sums;
      function.walk([&](memref::AllocaOp carried) {
        if (FailureOr<RowSum> sum = RowSum::find(carried); succeeded(sum))
          sums.push_back(*sum);
      });
      for (RowSum &sum : sums)
        sum.defer();
      numDeferred += sums.size();
    }
  }
};
} // namespace
