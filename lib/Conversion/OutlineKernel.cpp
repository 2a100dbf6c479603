//===- OutlineKernel.cpp - From tensors to the kernel's functions -*- C++
//-*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/KernelSignature.h"
#include "attn/Conversion/Passes.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNOUTLINEKERNEL
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// Moves the body of `function` into the run function, between reads of the
/// arguments and writes of the outputs.
static void moveBody(func::FuncOp function, func::FuncOp run,
                     unsigned numInputs) {
  Block &target = run.getBody().front();
  OpBuilder builder = OpBuilder::atBlockBegin(&target);
  KernelSignature::Run arguments = KernelSignature::getRunArguments(run);
  Block &source = function.getBody().front();
  for (auto [argument, buffer] :
       llvm::zip(source.getArguments(), arguments.tensors)) {
    auto tensor = bufferization::ToTensorOp::create(
        builder, argument.getLoc(), argument.getType(), buffer,
        /*restrict=*/true, /*writable=*/false);
    argument.replaceAllUsesWith(tensor.getResult());
  }
  Operation *terminator = source.getTerminator();
  target.getOperations().splice(target.end(), source.getOperations());
  builder.setInsertionPoint(terminator);
  for (auto [result, buffer] :
       llvm::zip_equal(terminator->getOperands(),
                       arguments.tensors.drop_front(numInputs))) {
    auto write = bufferization::MaterializeInDestinationOp::create(
        builder, terminator->getLoc(), TypeRange(), result, buffer);
    write.setRestrict(true);
    write.setWritable(true);
  }
  func::ReturnOp::create(builder, terminator->getLoc());
  terminator->erase();
}

namespace {
struct OutlineKernelPass
    : public attn::impl::AttnOutlineKernelBase<OutlineKernelPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    func::FuncOp function = getKernelFunction(module);
    if (!function)
      return signalPassFailure();
    FailureOr<KernelSignature> signature =
        KernelSignature::getFromModule(module, function.getName());
    if (failed(signature))
      return signalPassFailure();
    if (signature->getTensors().size() !=
        function.getNumArguments() + function.getNumResults()) {
      function.emitError() << "kernel '" << function.getName() << "' takes and "
                           << "returns other tensors than '" << kKernelsAttrName
                           << "' says";
      return signalPassFailure();
    }
    WalkResult walk = function.walk([](func::CallOp call) {
      call.emitError("a kernel calls no functions; inline '")
          << call.getCallee() << "' first";
      return WalkResult::interrupt();
    });
    if (walk.wasInterrupted())
      return signalPassFailure();

    OpBuilder builder(function);
    Location loc = function.getLoc();
    func::FuncOp items = signature->createItems(builder, loc, /*phase=*/0);
    func::FuncOp run = signature->createRun(builder, loc, /*phase=*/0);
    moveBody(function, run, signature->getNumInputs());
    builder.setInsertionPointToStart(&items.getBody().front());
    Value one = arith::ConstantIntOp::create(builder, loc, 1, /*width=*/64);
    func::ReturnOp::create(builder, loc, one);
    function.erase();
    signature->attachTo(module, /*phases=*/1, /*workerWorkspace=*/0);
  }
};
} // namespace
