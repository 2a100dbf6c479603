//===- LowerThreads.cpp - Threads, barriers and kernels of NVIDIA ---------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// convert-gpu-to-nvvm of upstream does this, too, but makes calls of libdevice
// of mathematical functions on its way, intrinsics of LLVM included.
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/FusedForm.h"
#include "attn/Conversion/Passes.h"
#include "attn/Support/NotSupported.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNLOWERTHREADS
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// Replaces the number that `op` is by that of a special register, below
/// `bound` if that is known.
template <typename RegisterOp>
static void readRegister(Operation *op, std::optional<int64_t> bound) {
  OpBuilder builder(op);
  LLVM::ConstantRangeAttr range;
  if (bound)
    range = LLVM::ConstantRangeAttr::get(op->getContext(), /*bitWidth=*/32, 0,
                                         *bound);
  Value value =
      RegisterOp::create(builder, op->getLoc(), builder.getI32Type(), range);
  value = arith::IndexCastUIOp::create(builder, op->getLoc(),
                                       builder.getIndexType(), value);
  op->getResult(0).replaceAllUsesWith(value);
  op->erase();
}

/// The threads of the block that runs `op`, where its function says so.
static std::optional<int64_t> getThreads(Operation *op) {
  auto function = op->getParentOfType<FunctionOpInterface>();
  if (auto kernel = dyn_cast<gpu::GPUFuncOp>(function.getOperation())) {
    std::optional<ArrayRef<int32_t>> sizes = kernel.getKnownBlockSize();
    return sizes ? std::optional<int64_t>(sizes->front()) : std::nullopt;
  }
  auto threads = function->getAttrOfType<IntegerAttr>(kBlockThreadsAttrName);
  return threads ? std::optional(threads.getInt()) : std::nullopt;
}

static LogicalResult lowerOperation(Operation *op) {
  auto isX = [](auto number) {
    return number.getDimension() == gpu::Dimension::x;
  };
  if (auto thread = dyn_cast<gpu::ThreadIdOp>(op); thread && isX(thread)) {
    readRegister<NVVM::ThreadIdXOp>(op, getThreads(op));
  } else if (auto block = dyn_cast<gpu::BlockIdOp>(op); block && isX(block)) {
    readRegister<NVVM::BlockIdXOp>(op, std::nullopt);
  } else if (auto grid = dyn_cast<gpu::GridDimOp>(op); grid && isX(grid)) {
    readRegister<NVVM::GridDimXOp>(op, std::nullopt);
  } else if (isa<gpu::BarrierOp>(op)) {
    OpBuilder builder(op);
    NVVM::Barrier0Op::create(builder, op->getLoc());
    op->erase();
  } else if (isa<gpu::GPUDialect>(op->getDialect()) &&
             !isa<gpu::GPUFuncOp, gpu::ReturnOp>(op)) {
    return emitNotSupported(op)
           << "'" << op->getName() << "' has no form on NVIDIA GPUs here";
  }
  return success();
}

/// A kernel whose parameters have types of LLVM becomes a function of LLVM;
/// what is in it is converted later.
static LogicalResult lowerKernel(gpu::GPUFuncOp kernel) {
  if (!kernel.isKernel() || kernel.getNumWorkgroupAttributions() != 0 ||
      kernel.getNumPrivateAttributions() != 0)
    return emitNotSupported(kernel)
           << "a gpu.func is a kernel without attributions";
  for (Type type : kernel.getArgumentTypes())
    if (!LLVM::isCompatibleType(type))
      return emitNotSupported(kernel)
             << "a kernel takes pointers, integers and floats; got " << type;
  OpBuilder builder(kernel);
  auto type = LLVM::LLVMFunctionType::get(
      LLVM::LLVMVoidType::get(kernel.getContext()), kernel.getArgumentTypes());
  auto lowered = LLVM::LLVMFuncOp::create(builder, kernel.getLoc(),
                                          kernel.getName(), type);
  lowered->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(),
                   builder.getUnitAttr());
  if (std::optional<ArrayRef<int32_t>> sizes = kernel.getKnownBlockSize())
    lowered->setAttr(NVVM::NVVMDialect::getReqntidAttrName(),
                     builder.getDenseI32ArrayAttr(*sizes));
  // Without it ptxas leaves registers for more blocks than shared memory does,
  // and spills.
  auto resident = kernel->getAttrOfType<IntegerAttr>(kResidentBlocksAttrName);
  lowered->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                   builder.getI32IntegerAttr(resident ? resident.getInt() : 1));
  if (ArrayAttr attributes = kernel.getArgAttrsAttr())
    lowered.setArgAttrsAttr(attributes);
  lowered.getBody().takeBody(kernel.getBody());
  lowered.walk([](gpu::ReturnOp end) {
    OpBuilder at(end);
    LLVM::ReturnOp::create(at, end.getLoc(), ValueRange());
    end.erase();
  });
  kernel.erase();
  return success();
}

namespace {
struct LowerThreadsPass
    : public attn::impl::AttnLowerThreadsBase<LowerThreadsPass> {
  void runOnOperation() override {
    gpu::GPUModuleOp device = getOperation();
    SmallVector<Operation *> operations;
    device.getBody()->walk([&](Operation *op) { operations.push_back(op); });
    for (Operation *op : operations)
      if (failed(lowerOperation(op)))
        return signalPassFailure();
    for (auto kernel :
         llvm::make_early_inc_range(device.getOps<gpu::GPUFuncOp>()))
      if (failed(lowerKernel(kernel)))
        return signalPassFailure();
  }
};
} // namespace
