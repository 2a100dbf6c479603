//===- AssignWorkspace.cpp - Buffers become views of a workspace -*- C++
//-*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/KernelSignature.h"
#include "attn/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/LoopLikeInterface.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNASSIGNWORKSPACE
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

static constexpr int64_t kAlignment = 64;

namespace {

/// A place in the workspace and the buffers that take turns there.
struct Slot {
  int64_t staticBytes;
  SmallVector<Value> dynamicSizes;
  /// The last operation of the entry block that uses the slot.
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
  ArrayRef<std::pair<memref::AllocOp, unsigned>> getBuffers() const {
    return buffers;
  }

private:
  FailureOr<unsigned> findLastUse(memref::AllocOp buffer,
                                  const BufferViewFlowAnalysis &aliases);

  func::FuncOp run;
  llvm::DenseMap<Operation *, unsigned> positions;
  SmallVector<Slot> slots;
  SmallVector<std::pair<memref::AllocOp, unsigned>> buffers;
};

} // namespace

/// The ancestor of `op` in the function's entry block.
static Operation *getEntryAncestor(func::FuncOp function, Operation *op) {
  return function.getBody().front().findAncestorOpInBlock(*op);
}

FailureOr<unsigned>
WorkspacePlan::findLastUse(memref::AllocOp buffer,
                           const BufferViewFlowAnalysis &aliases) {
  auto loop = buffer->getParentOfType<LoopLikeOpInterface>();
  unsigned lastUse = positions.lookup(getEntryAncestor(run, buffer));
  for (Value alias : aliases.resolve(buffer.getResult())) {
    Operation *owner = alias.getDefiningOp()
                           ? alias.getDefiningOp()
                           : alias.getParentBlock()->getParentOp();
    if (loop && !loop->isProperAncestor(owner))
      return LogicalResult(
          buffer.emitError("a buffer made in a loop leaves its iteration; the "
                           "workspace holds one place for all iterations"));
    for (Operation *user : alias.getUsers())
      lastUse =
          std::max(lastUse, positions.lookup(getEntryAncestor(run, user)));
  }
  return lastUse;
}

LogicalResult WorkspacePlan::build(func::FuncOp function) {
  run = function;
  if (!run.getBody().hasOneBlock())
    return run.emitError("needs structured control flow to place its buffers");
  for (auto [position, op] : llvm::enumerate(run.getBody().front()))
    positions[&op] = position;
  SmallVector<memref::AllocOp> allocations;
  run.walk([&](memref::AllocOp op) { allocations.push_back(op); });
  if (allocations.empty())
    return success();

  BufferViewFlowAnalysis aliases(run);
  for (memref::AllocOp buffer : allocations) {
    MemRefType type = buffer.getType();
    if (!type.getLayout().isIdentity() || !buffer.getSymbolOperands().empty())
      return buffer.emitError("a buffer of the workspace is contiguous; got ")
             << type;
    FailureOr<unsigned> lastUse = findLastUse(buffer, aliases);
    if (failed(lastUse))
      return failure();

    int64_t staticBytes = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
    for (int64_t size : type.getShape())
      if (!ShapedType::isDynamic(size))
        staticBytes *= size;
    SmallVector<Value> dynamicSizes(buffer.getDynamicSizes());
    unsigned firstUse = positions.lookup(getEntryAncestor(run, buffer));
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

/// Clones what `value` is computed from to the builder's place; only extents of
/// the function's arguments may be at its root.
static FailureOr<Value> cloneSize(OpBuilder &builder, IRMapping &mapping,
                                  Value value, memref::AllocOp buffer) {
  if (Value known = mapping.lookupOrNull(value))
    return known;
  Operation *op = value.getDefiningOp();
  if (!op || !isPure(op) || op->getNumRegions() != 0) {
    InFlightDiagnostic error = buffer.emitError(
        "the size of a buffer depends on more than the extents of the kernel's "
        "tensors");
    error.attachNote(value.getLoc()) << "on this value";
    return LogicalResult(error);
  }
  for (Value operand : op->getOperands())
    if (failed(cloneSize(builder, mapping, operand, buffer)))
      return failure();
  builder.clone(*op, mapping);
  return mapping.lookup(value);
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
    Value bytes = constant(slot.staticBytes);
    for (Value size : slot.dynamicSizes) {
      memref::AllocOp first = slot.first;
      FailureOr<Value> extent = cloneSize(builder, mapping, size, first);
      if (failed(extent))
        return failure();
      bytes = arith::MulIOp::create(builder, loc, bytes, *extent);
    }
    Value padded =
        arith::AddIOp::create(builder, loc, bytes, constant(kAlignment - 1));
    Value lines =
        arith::DivUIOp::create(builder, loc, padded, constant(kAlignment));
    bytes = arith::MulIOp::create(builder, loc, lines, constant(kAlignment));
    total = arith::AddIOp::create(builder, loc, total, bytes);
  }
  return success();
}

namespace {
struct AssignWorkspacePass
    : public attn::impl::AttnAssignWorkspaceBase<AssignWorkspacePass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto kernels = module->getAttrOfType<ArrayAttr>(kKernelsAttrName);
    if (!kernels) {
      module.emitError() << "has no '" << kKernelsAttrName
                         << "'; run attn-outline-kernel first";
      return signalPassFailure();
    }
    for (Attribute attr : kernels) {
      auto kernel = dyn_cast<DictionaryAttr>(attr);
      auto name = kernel ? kernel.getAs<StringAttr>("name") : StringAttr();
      if (!name)
        continue;
      FailureOr<KernelSignature> signature =
          KernelSignature::getFromModule(module, name);
      if (failed(signature) || failed(assign(module, *signature)))
        return signalPassFailure();
    }
  }

private:
  /// The shared workspace is a kernel's, so that all its phases see the same;
  /// only a kernel of one phase has buffers to place so far.
  LogicalResult assign(ModuleOp module, KernelSignature &signature) {
    auto run = module.lookupSymbol<func::FuncOp>(signature.getRunName(0));
    if (!run)
      return module.emitError()
             << "kernel '" << signature.getName() << "' has no function '"
             << signature.getRunName(0) << "'";
    if (module.lookupSymbol(signature.getSharedName()))
      return success();
    WorkspacePlan plan;
    if (failed(plan.build(run)))
      return failure();

    // NAME_shared.
    OpBuilder builder(run);
    Location loc = run.getLoc();
    func::FuncOp shared = signature.createShared(builder, loc);
    builder.setInsertionPointToStart(&shared.getBody().front());
    SmallVector<Value> offsets;
    Value total;
    if (failed(plan.computeOffsets(builder, shared, offsets, total)))
      return failure();
    Value bytes =
        arith::IndexCastOp::create(builder, loc, builder.getI64Type(), total);
    func::ReturnOp::create(builder, loc, bytes);
    if (plan.empty())
      return success();

    // The views.
    builder.setInsertionPointToStart(&run.getBody().front());
    offsets.clear();
    if (failed(plan.computeOffsets(builder, run, offsets, total)))
      return failure();
    Value workspace = createWorkspaceBuffer(
        builder, loc, KernelSignature::getRunArguments(run).shared, total);
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
