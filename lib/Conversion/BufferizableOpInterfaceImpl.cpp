//===- BufferizableOpInterfaceImpl.cpp - Bufferization models -------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/BufferizableOpInterfaceImpl.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::bufferization;

namespace {
/// An einsum writes every element of `outs`, and reads them only to accumulate.
struct EinsumModel
    : public BufferizableOpInterface::ExternalModel<EinsumModel, EinsumOp> {
  static bool isInit(Operation *op, OpOperand &operand) {
    return operand.get() == cast<EinsumOp>(op).getInit() &&
           operand.getOperandNumber() == cast<EinsumOp>(op).getInputs().size();
  }

  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand,
                              const AnalysisState &) const {
    return !isInit(op, operand) || cast<EinsumOp>(op).getAccumulate();
  }

  bool bufferizesToMemoryWrite(Operation *op, OpOperand &operand,
                               const AnalysisState &) const {
    return isInit(op, operand);
  }

  AliasingValueList getAliasingValues(Operation *op, OpOperand &operand,
                                      const AnalysisState &) const {
    if (isInit(op, operand))
      return {{op->getResult(0), BufferRelation::Equivalent}};
    return {};
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    auto einsum = cast<EinsumOp>(op);
    if (!einsum.isTileForm()) {
      Operation *reported = op;
      if (auto cascade = op->getParentOfType<CascadeOp>())
        reported = cascade;
      return reported->emitOpError(
          "has no form on buffers: an einsum needs 'outs', and a cascade "
          "becomes linalg on tensors by attn-lower-to-linalg");
    }
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      if (!isa<TensorType>(operand.getType())) {
        operands.push_back(operand);
        continue;
      }
      FailureOr<Value> buffer = getBuffer(rewriter, operand, options, state);
      if (failed(buffer))
        return failure();
      operands.push_back(*buffer);
    }
    // `outs` is the last operand.
    Value init = operands.back();
    Operation *onBuffers = rewriter.insert(Operation::create(
        op->getLoc(), op->getName(), TypeRange(), operands,
        NamedAttrList(op->getDiscardableAttrDictionary()),
        op->getPropertiesStorage(), BlockRange(), op->getNumRegions()));
    rewriter.inlineRegionBefore(einsum.getBody(), onBuffers->getRegion(0),
                                onBuffers->getRegion(0).end());
    replaceOpWithBufferizedValues(rewriter, op, init);
    return success();
  }
};

/// Operations on tensors alone. The analysis takes them for what they are,
/// reads of their operands; bufferizing them is refused where they stand.
template <typename OpT>
struct TensorOnlyModel
    : public BufferizableOpInterface::ExternalModel<TensorOnlyModel<OpT>, OpT> {
  bool bufferizesToMemoryRead(Operation *, OpOperand &,
                              const AnalysisState &) const {
    return true;
  }

  bool bufferizesToMemoryWrite(Operation *, OpOperand &,
                               const AnalysisState &) const {
    return false;
  }

  AliasingValueList getAliasingValues(Operation *, OpOperand &,
                                      const AnalysisState &) const {
    return {};
  }

  LogicalResult bufferize(Operation *op, RewriterBase &,
                          const BufferizationOptions &,
                          BufferizationState &) const {
    if (isa<AttentionOp, MergeOp, MixOp>(op))
      return op->emitOpError(
          "has no form on buffers: run attn-expand-attention and "
          "attn-lower-to-linalg before bufferization");
    return op->emitOpError("has no form on buffers: run attn-lower-to-linalg "
                           "before bufferization");
  }
};
} // namespace

void attn::registerBufferizableOpInterfaceExternalModels(
    DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, AttnDialect *) {
    EinsumOp::attachInterface<EinsumModel>(*context);
    AttentionOp::attachInterface<TensorOnlyModel<AttentionOp>>(*context);
    MergeOp::attachInterface<TensorOnlyModel<MergeOp>>(*context);
    MixOp::attachInterface<TensorOnlyModel<MixOp>>(*context);
    CascadeOp::attachInterface<TensorOnlyModel<CascadeOp>>(*context);
    IterateOp::attachInterface<TensorOnlyModel<IterateOp>>(*context);
  });
}
