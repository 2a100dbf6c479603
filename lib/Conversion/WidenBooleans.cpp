//===- WidenBooleans.cpp - Booleans of a caller as bytes ------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A boolean is a byte in a tensor of a caller and a bit in a vector of LLVM, so
// that lanes of i1 are read one by one. Arguments that only masks and einsums
// read are read as the bytes that they are.
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/KernelSignature.h"
#include "attn/Conversion/Passes.h"
#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNWIDENBOOLEANS
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// Whether `use` is that of a mask of an operator.
static bool isMask(OpOperand &use) {
  auto attention = dyn_cast<AttentionOp>(use.getOwner());
  if (!attention || !attention.getSparsity())
    return false;
  OperandRange extras = attention.getExtras();
  return llvm::any_of(attention.getSparsity()->getPointAtoms(),
                      [&](Attribute atom) {
                        auto mask = dyn_cast<MaskAttr>(atom);
                        return mask && extras.getBeginOperandIndex() +
                                               mask.getOperand().getInput() ==
                                           use.getOperandNumber();
                      });
}

/// The argument of a cascade's body that `use` is, if only maps of einsums and
/// masks read it.
static BlockArgument getReadInput(OpOperand &use) {
  auto cascade = dyn_cast<CascadeOp>(use.getOwner());
  if (!cascade)
    return {};
  BlockArgument input = cascade.getBody().getArgument(use.getOperandNumber());
  bool isRead = llvm::all_of(input.getUses(), [](OpOperand &inner) {
    auto einsum = dyn_cast<EinsumOp>(inner.getOwner());
    return einsum && inner.getOperandNumber() < einsum.getInputs().size();
  });
  return isRead ? input : BlockArgument();
}

/// Lets `value` hold bytes.
static void setBytes(BlockArgument value) {
  auto type = cast<RankedTensorType>(value.getType());
  value.setType(type.clone(IntegerType::get(type.getContext(), 8)));
}

/// Lets the maps that read `input` tell whether a byte is not 0.
static void testInMaps(BlockArgument input) {
  for (OpOperand &use : input.getUses()) {
    auto einsum = cast<EinsumOp>(use.getOwner());
    BlockArgument element =
        einsum.getMap()->getArgument(use.getOperandNumber());
    OpBuilder builder = OpBuilder::atBlockBegin(einsum.getMap());
    Location loc = element.getLoc();
    element.setType(builder.getI8Type());
    Value zero = arith::ConstantIntOp::create(builder, loc, 0, 8);
    auto isSet = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne,
                                       element, zero);
    element.replaceAllUsesExcept(isSet, isSet);
  }
}

namespace {
struct WidenBooleansPass
    : public attn::impl::AttnWidenBooleansBase<WidenBooleansPass> {
  void runOnOperation() override {
    func::FuncOp function = getKernelFunction(getOperation());
    if (!function)
      return signalPassFailure();
    FailureOr<KernelSignature> signature =
        KernelSignature::getForLowering(function);
    if (failed(signature))
      return signalPassFailure();
    for (BlockArgument argument : function.getArguments()) {
      if (!getElementTypeOrSelf(argument.getType()).isInteger(1) ||
          !llvm::all_of(argument.getUses(), [](OpOperand &use) {
            return isMask(use) || getReadInput(use);
          }))
        continue;
      for (OpOperand &use : argument.getUses())
        if (BlockArgument input = getReadInput(use)) {
          setBytes(input);
          testInMaps(input);
        }
      setBytes(argument);
      signature->setBoolean(argument.getArgNumber());
    }
    function.setType(FunctionType::get(&getContext(),
                                       function.getBody().getArgumentTypes(),
                                       function.getResultTypes()));
    signature->attachTo(getOperation(), /*phases=*/0, /*workerWorkspace=*/0);
  }
};
} // namespace
