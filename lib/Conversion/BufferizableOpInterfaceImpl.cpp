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
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::bufferization;

namespace {
/// The destination is written in place, and read only to accumulate.
struct TileEinsumModel
    : DstBufferizableOpInterfaceExternalModel<TileEinsumModel, TileEinsumOp> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand,
                              const AnalysisState &) const {
    auto einsum = cast<TileEinsumOp>(op);
    return !einsum.isDpsInit(&operand) || einsum.getAccumulate();
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    auto einsum = cast<TileEinsumOp>(op);
    if (einsum.hasPureBufferSemantics())
      return success();
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
    Operation *onBuffers = rewriter.insert(Operation::create(
        op->getLoc(), op->getName(), TypeRange(), operands,
        NamedAttrList(op->getDiscardableAttrDictionary()),
        op->getPropertiesStorage(), BlockRange(), op->getNumRegions()));
    for (auto [from, to] :
         llvm::zip_equal(op->getRegions(), onBuffers->getRegions()))
      rewriter.inlineRegionBefore(from, to, to.end());
    SmallVector<Value> results;
    if (einsum.getResult())
      results.push_back(cast<TileEinsumOp>(onBuffers).getInit());
    replaceOpWithBufferizedValues(rewriter, op, results);
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
    if (isa<EinsumOp>(op)) {
      Operation *reported = op;
      if (auto cascade = op->getParentOfType<CascadeOp>())
        reported = cascade;
      return reported->emitOpError(
          "has no form on buffers: an einsum needs a destination, and a "
          "cascade becomes linalg on tensors by attn-lower-to-linalg");
    }
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
    EinsumOp::attachInterface<TensorOnlyModel<EinsumOp>>(*context);
    TileEinsumOp::attachInterface<TileEinsumModel>(*context);
    AttentionOp::attachInterface<TensorOnlyModel<AttentionOp>>(*context);
    MergeOp::attachInterface<TensorOnlyModel<MergeOp>>(*context);
    MixOp::attachInterface<TensorOnlyModel<MixOp>>(*context);
    CascadeOp::attachInterface<TensorOnlyModel<CascadeOp>>(*context);
    IterateOp::attachInterface<TensorOnlyModel<IterateOp>>(*context);
  });
}
