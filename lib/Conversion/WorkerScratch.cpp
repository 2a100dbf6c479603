//===- WorkerScratch.cpp - The scratch of a worker ------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WorkerScratch.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"

using namespace mlir;
using namespace mlir::attn;

func::FuncOp mlir::attn::findWorker(func::FuncOp function) {
  StringRef prefix = function.getName();
  prefix.consume_back("_run0");
  auto worker =
      function->getParentOfType<ModuleOp>().lookupSymbol<func::FuncOp>(
          (prefix + "_worker").str());
  if (!worker || worker.isExternal() || worker.getNumResults() != 1)
    return {};
  return worker;
}

std::optional<int64_t> mlir::attn::getScratchBytes(func::FuncOp worker) {
  return getConstantIntValue(
      worker.getBody().front().getTerminator()->getOperand(0));
}

void mlir::attn::setScratchBytes(func::FuncOp function, func::FuncOp worker,
                                 int64_t bytes) {
  Operation *end = worker.getBody().front().getTerminator();
  OpBuilder builder(end);
  Type i64 = builder.getI64Type();
  auto size = builder.getI64IntegerAttr(bytes);
  end->setOperand(0,
                  arith::ConstantOp::create(builder, end->getLoc(), i64, size));
  // The last two arguments are the scratch of a worker and the workspace.
  Value scratch = function.getArgument(function.getNumArguments() - 2);
  auto isOfScratch = [&](Value fields) {
    while (auto insert = fields.getDefiningOp<LLVM::InsertValueOp>()) {
      if (insert.getValue() == scratch)
        return true;
      fields = insert.getContainer();
    }
    return false;
  };
  function.walk([&](LLVM::InsertValueOp insert) {
    if (insert.getPosition() != ArrayRef<int64_t>{3, 0} ||
        !isOfScratch(insert.getContainer()))
      return;
    builder.setInsertionPoint(insert);
    insert.getValueMutable().assign(
        arith::ConstantOp::create(builder, insert.getLoc(), i64, size));
  });
}
