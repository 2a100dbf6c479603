//===- AssignWorkspace.cpp - Buffers become views of a workspace ----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WorkspaceBytes.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Conversion/KernelSignature.h"
#include "attn/Conversion/Passes.h"
#include "attn/Support/NotSupported.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "llvm/ADT/SmallBitVector.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNASSIGNWORKSPACE
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {

/// A place in the workspace and the buffers that take turns there.
struct Slot {
  int64_t staticBytes;
  SmallVector<Value> dynamicSizes;
  /// The last operation of the plan's block that uses the slot.
  unsigned lastUse;
  /// The first of its buffers, whose sizes are those of all.
  memref::AllocOp first;
};

/// The plan for one run function.
class WorkspacePlan {
public:
  LogicalResult build(func::FuncOp run);

  /// Computes the offset of every slot and the total at the builder's place, in
  /// a function whose first arguments are the kernel's tensors.
  LogicalResult computeOffsets(OpBuilder &builder, func::FuncOp function,
                               SmallVectorImpl<Value> &offsets, Value &total);

  bool empty() const { return buffers.empty(); }
  /// The bytes where no extent has a say, else nothing.
  std::optional<int64_t> getStaticBytes() const;
  memref::AllocOp getLargest() const;
  ArrayRef<std::pair<memref::AllocOp, unsigned>> getBuffers() const {
    return buffers;
  }

private:
  FailureOr<unsigned> findLastUse(memref::AllocOp buffer,
                                  const BufferViewFlowAnalysis &aliases);

  /// The place of an operation in the plan's block; uses outside of it last
  /// from its begin to its end.
  unsigned getPosition(Operation *op, unsigned outside) const;

  func::FuncOp run;
  /// The block whose operations are told apart: that of an item where the
  /// buffers are a worker's, else the whole function.
  Block *scope = nullptr;
  llvm::DenseMap<Operation *, unsigned> positions;
  SmallVector<Slot> slots;
  SmallVector<std::pair<memref::AllocOp, unsigned>> buffers;
};

} // namespace

unsigned WorkspacePlan::getPosition(Operation *op, unsigned outside) const {
  Operation *ancestor = scope->findAncestorOpInBlock(*op);
  return ancestor ? positions.lookup(ancestor) : outside;
}

std::optional<int64_t> WorkspacePlan::getStaticBytes() const {
  int64_t total = 0;
  for (const Slot &slot : slots) {
    if (!slot.dynamicSizes.empty() ||
        llvm::AddOverflow(total, slot.staticBytes, total))
      return std::nullopt;
  }
  return total;
}

memref::AllocOp WorkspacePlan::getLargest() const {
  return llvm::max_element(slots,
                           [](const Slot &a, const Slot &b) {
                             return a.staticBytes < b.staticBytes;
                           })
      ->first;
}

FailureOr<unsigned>
WorkspacePlan::findLastUse(memref::AllocOp buffer,
                           const BufferViewFlowAnalysis &aliases) {
  auto loop = buffer->getParentOfType<LoopLikeOpInterface>();
  unsigned end = positions.size();
  unsigned lastUse = getPosition(buffer, end);
  for (Value alias : aliases.resolve(buffer.getResult())) {
    Operation *owner = alias.getDefiningOp()
                           ? alias.getDefiningOp()
                           : alias.getParentBlock()->getParentOp();
    if (loop && !loop->isProperAncestor(owner))
      return LogicalResult(
          emitNotSupported(buffer)
          << "a buffer made in a loop leaves its iteration; the workspace "
             "holds one place for all iterations");
    for (Operation *user : alias.getUsers())
      lastUse = std::max(lastUse, getPosition(user, end));
  }
  return lastUse;
}

LogicalResult WorkspacePlan::build(func::FuncOp function) {
  run = function;
  if (!run.getBody().hasOneBlock())
    return emitNotSupported(run)
           << "needs structured control flow to place its buffers";
  scope = &run.getBody().front();
  if (run->hasAttr(kPerWorkerAttrName))
    if (auto loops = scope->getOps<scf::ForOp>(); !loops.empty())
      scope = (*loops.begin()).getBody();
  for (auto [position, op] : llvm::enumerate(*scope))
    positions[&op] = position;
  SmallVector<memref::AllocOp> allocations;
  run.walk([&](memref::AllocOp op) { allocations.push_back(op); });
  if (allocations.empty())
    return success();

  BufferViewFlowAnalysis aliases(run);
  for (memref::AllocOp buffer : allocations) {
    MemRefType type = buffer.getType();
    if (!type.getLayout().isIdentity() || !buffer.getSymbolOperands().empty())
      return emitNotSupported(buffer)
             << "a buffer of the workspace is contiguous; got " << type;
    FailureOr<unsigned> lastUse = findLastUse(buffer, aliases);
    if (failed(lastUse))
      return failure();

    int64_t staticBytes = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
    for (int64_t size : type.getShape())
      if (!ShapedType::isDynamic(size))
        staticBytes = multiplyExtents(staticBytes, size);
    SmallVector<Value> dynamicSizes(buffer.getDynamicSizes());
    unsigned firstUse = getPosition(buffer, 0);
    auto *slot = llvm::find_if(slots, [&](const Slot &slot) {
      return slot.staticBytes == staticBytes &&
             slot.dynamicSizes.size() == dynamicSizes.size() &&
             std::is_permutation(slot.dynamicSizes.begin(),
                                 slot.dynamicSizes.end(),
                                 dynamicSizes.begin()) &&
             slot.lastUse < firstUse;
    });
    if (slot == slots.end()) {
      slots.push_back({staticBytes, dynamicSizes, *lastUse, buffer});
      slot = std::prev(slots.end());
    }
    slot->lastUse = *lastUse;
    buffers.emplace_back(buffer, slot - slots.begin());
  }
  return success();
}

/// The size that `value` is where it is a dimension of a part of a tensor whose
/// other ones fell away: where the part begins has no say in it.
static Value resolveSize(Value value) {
  auto dim = value.getDefiningOp<memref::DimOp>();
  auto collapse = dim ? dim.getSource().getDefiningOp<memref::CollapseShapeOp>()
                      : memref::CollapseShapeOp();
  auto part = collapse ? collapse.getSrc().getDefiningOp<memref::SubViewOp>()
                       : memref::SubViewOp();
  std::optional<int64_t> index = dim ? getKnownDimension(dim) : std::nullopt;
  if (!part || !index)
    return value;
  SmallVector<OpFoldResult> sizes;
  llvm::SmallBitVector dropped = part.getDroppedDims();
  for (auto [position, size] : llvm::enumerate(part.getMixedSizes()))
    if (!dropped[position])
      sizes.push_back(size);
  Value only;
  auto groups = collapse.getReassociationIndices();
  for (int64_t position : groups[*index]) {
    if (isConstantIntValue(sizes[position], 1))
      continue;
    auto size = dyn_cast<Value>(sizes[position]);
    if (only || !size)
      return value;
    only = size;
  }
  return only ? resolveSize(only) : value;
}

/// Clones what `value` is computed from to the builder's place; only extents of
/// the function's arguments may be at its root.
static FailureOr<Value> cloneSize(OpBuilder &builder, IRMapping &mapping,
                                  Value value, memref::AllocOp buffer) {
  if (Value known = mapping.lookupOrNull(value))
    return known;
  if (Value size = resolveSize(value); size != value) {
    FailureOr<Value> cloned = cloneSize(builder, mapping, size, buffer);
    if (succeeded(cloned))
      mapping.map(value, *cloned);
    return cloned;
  }
  Operation *op = value.getDefiningOp();
  if (!op || !isPure(op) || op->getNumRegions() != 0) {
    InFlightDiagnostic error = emitNotSupported(buffer);
    error << "the size of a buffer depends on more than the extents of the "
             "kernel's tensors";
    error.attachNote(value.getLoc()) << "on this value";
    return LogicalResult(error);
  }
  for (Value operand : op->getOperands())
    if (failed(cloneSize(builder, mapping, operand, buffer)))
      return failure();
  builder.clone(*op, mapping);
  return mapping.lookup(value);
}

/// Clones a bound from above of `value`, the same in all iterations of the
/// loops around the buffer: the tail of a tiled loop takes no more than a whole
/// tile.
static FailureOr<Value> cloneBound(OpBuilder &builder, IRMapping &mapping,
                                   Value value, memref::AllocOp buffer) {
  auto isInvariant = [&](Value operand) {
    SmallVector<Value> worklist{operand};
    while (!worklist.empty()) {
      Value next = resolveSize(worklist.pop_back_val());
      if (mapping.contains(next))
        continue;
      Operation *op = next.getDefiningOp();
      if (!op || !isPure(op) || op->getNumRegions() != 0)
        return false;
      llvm::append_range(worklist, op->getOperands());
    }
    return true;
  };
  if (isInvariant(value))
    return cloneSize(builder, mapping, value, buffer);
  Location loc = value.getLoc();
  if (auto most = value.getDefiningOp<affine::AffineMaxOp>()) {
    // The maximum of bounds bounds the maximum.
    SmallVector<Value> bounds;
    for (AffineExpr expr : most.getMap().getResults()) {
      if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
        bounds.push_back(
            arith::ConstantIndexOp::create(builder, loc, constant.getValue()));
        continue;
      }
      Value operand;
      for (auto [index, given] : llvm::enumerate(most.getOperands()))
        if (expr == (index < most.getMap().getNumDims()
                         ? builder.getAffineDimExpr(index)
                         : builder.getAffineSymbolExpr(
                               index - most.getMap().getNumDims())))
          operand = given;
      if (!operand)
        return cloneSize(builder, mapping, value, buffer);
      FailureOr<Value> bound = cloneBound(builder, mapping, operand, buffer);
      if (failed(bound))
        return failure();
      bounds.push_back(*bound);
    }
    Value bound = bounds.front();
    for (Value other : ArrayRef(bounds).drop_front())
      bound = arith::MaxSIOp::create(builder, loc, bound, other);
    return bound;
  }
  if (auto least = value.getDefiningOp<affine::AffineMinOp>()) {
    // So does any of the values of a minimum.
    AffineMap map = least.getMap();
    for (AffineExpr expr : map.getResults()) {
      bool invariant = true;
      for (auto [index, operand] : llvm::enumerate(least.getOperands())) {
        bool isUsed = index < map.getNumDims()
                          ? expr.isFunctionOfDim(index)
                          : expr.isFunctionOfSymbol(index - map.getNumDims());
        invariant &= !isUsed || isInvariant(operand);
      }
      if (!invariant)
        continue;
      Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
      SmallVector<Value> operands;
      for (auto [index, operand] : llvm::enumerate(least.getOperands())) {
        bool isUsed = index < map.getNumDims()
                          ? expr.isFunctionOfDim(index)
                          : expr.isFunctionOfSymbol(index - map.getNumDims());
        if (!isUsed) {
          operands.push_back(zero);
          continue;
        }
        FailureOr<Value> cloned = cloneSize(builder, mapping, operand, buffer);
        if (failed(cloned))
          return failure();
        operands.push_back(*cloned);
      }
      return affine::AffineApplyOp::create(
                 builder, loc,
                 AffineMap::get(map.getNumDims(), map.getNumSymbols(), expr),
                 operands)
          .getResult();
    }
  }
  return cloneSize(builder, mapping, value, buffer);
}

LogicalResult WorkspacePlan::computeOffsets(OpBuilder &builder,
                                            func::FuncOp function,
                                            SmallVectorImpl<Value> &offsets,
                                            Value &total) {
  Location loc = function.getLoc();
  IRMapping mapping;
  for (auto [from, to] : llvm::zip(run.getArguments(), function.getArguments()))
    mapping.map(from, to);
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  total = constant(0);
  for (const Slot &slot : slots) {
    offsets.push_back(total);
    SmallVector<Value> extents;
    for (Value size : slot.dynamicSizes) {
      memref::AllocOp first = slot.first;
      FailureOr<Value> extent = cloneBound(builder, mapping, size, first);
      if (failed(extent))
        return failure();
      extents.push_back(*extent);
    }
    Value bytes = createWorkspaceBytes(builder, loc, slot.staticBytes, extents);
    total = arith::AddIOp::create(builder, loc, total, bytes);
  }
  return success();
}

namespace {
struct AssignWorkspacePass
    : public attn::impl::AttnAssignWorkspaceBase<AssignWorkspacePass> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto kernels = module->getAttrOfType<ArrayAttr>(kKernelsAttrName);
    if (!kernels) {
      module.emitError() << "has no '" << kKernelsAttrName
                         << "'; run attn-outline-kernel first";
      return signalPassFailure();
    }
    // The phases of a linked kernel declare what asks for their workspace.
    SmallVector<func::FuncOp> runs;
    for (auto function : module.getOps<func::FuncOp>())
      if (function.isPrivate() && function.getName().ends_with("_run0")) {
        StringRef prefix = function.getName().drop_back(strlen("_run0"));
        auto shared =
            module.lookupSymbol<func::FuncOp>((prefix + "_shared").str());
        if (shared && shared.isExternal())
          runs.push_back(function);
      }
    for (func::FuncOp run : runs) {
      StringRef prefix = run.getName().drop_back(strlen("_run0"));
      auto shared =
          module.lookupSymbol<func::FuncOp>((prefix + "_shared").str());
      auto worker =
          module.lookupSymbol<func::FuncOp>((prefix + "_worker").str());
      if (!worker) {
        run.emitError("has no function '") << prefix << "_worker'";
        return signalPassFailure();
      }
      shared.addEntryBlock();
      worker.addEntryBlock();
      bool isPerWorker = run->hasAttr(kPerWorkerAttrName);
      OpBuilder builder(run);
      builder.setInsertionPointToStart(
          &(isPerWorker ? shared : worker).getBody().front());
      func::ReturnOp::create(
          builder, run.getLoc(),
          arith::ConstantIntOp::create(builder, run.getLoc(), 0, 64)
              .getResult());
      if (failed(assign(run, isPerWorker ? worker : shared, isPerWorker)))
        return signalPassFailure();
    }

    for (Attribute attr : kernels) {
      auto kernel = dyn_cast<DictionaryAttr>(attr);
      auto name = kernel ? kernel.getAs<StringAttr>("name") : StringAttr();
      if (!name)
        continue;
      FailureOr<KernelSignature> signature =
          KernelSignature::getFromModule(module, name);
      if (failed(signature))
        return signalPassFailure();
      // A kernel that was not split has one phase.
      if (module.lookupSymbol(signature->getSharedName()))
        continue;
      auto run = module.lookupSymbol<func::FuncOp>(signature->getRunName(0));
      if (!run) {
        module.emitError() << "kernel '" << signature->getName()
                           << "' has no function '" << signature->getRunName(0)
                           << "'";
        return signalPassFailure();
      }
      OpBuilder builder(run);
      bool isPerWorker = run->hasAttr(kPerWorkerAttrName);
      func::FuncOp size = isPerWorker
                              ? signature->createWorker(builder, run.getLoc())
                              : signature->createShared(builder, run.getLoc());
      if (failed(assign(run, size, isPerWorker)))
        return signalPassFailure();
    }
  }

private:
  /// Places the buffers of `run`; `size` will return the bytes they need.
  LogicalResult assign(func::FuncOp run, func::FuncOp size, bool isPerWorker) {
    WorkspacePlan plan;
    if (failed(plan.build(run)))
      return failure();
    std::optional<int64_t> bytes = plan.getStaticBytes();
    if (maxBytes != 0 && bytes && *bytes > maxBytes)
      return plan.getLargest().emitError("the intermediate results need ")
             << *bytes << " bytes" << (isPerWorker ? " per worker" : "")
             << " in the unfused form, this one "
             << llvm::divideCeil(
                    plan.getLargest().getType().getNumElements() *
                        plan.getLargest().getType().getElementTypeBitWidth(),
                    8)
             << "; allowed are " << static_cast<int64_t>(maxBytes)
             << " (max-footprint)";

    OpBuilder builder(run);
    Location loc = run.getLoc();
    builder.setInsertionPointToStart(&size.getBody().front());
    SmallVector<Value> offsets;
    Value total;
    if (failed(plan.computeOffsets(builder, size, offsets, total)))
      return failure();
    Value result =
        arith::IndexCastOp::create(builder, loc, builder.getI64Type(), total);
    func::ReturnOp::create(builder, loc, result);
    if (plan.empty())
      return success();

    // The views.
    builder.setInsertionPointToStart(&run.getBody().front());
    offsets.clear();
    if (failed(plan.computeOffsets(builder, run, offsets, total)))
      return failure();
    KernelSignature::Run arguments = KernelSignature::getRunArguments(run);
    Value workspace = createWorkspaceBuffer(
        builder, loc, isPerWorker ? arguments.worker : arguments.shared, total);
    for (auto [buffer, slot] : plan.getBuffers()) {
      builder.setInsertionPoint(buffer);
      auto view = memref::ViewOp::create(
          builder, buffer.getLoc(), buffer.getType(), workspace, offsets[slot],
          buffer.getDynamicSizes());
      memref::AllocOp allocation = buffer;
      allocation.replaceAllUsesWith(view.getResult());
      allocation.erase();
    }
    return success();
  }
};
} // namespace
