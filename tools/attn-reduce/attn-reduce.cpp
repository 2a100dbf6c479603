//===- attn-reduce.cpp - Make a failing program small ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   attn-reduce op.mlir --attn-reduction="test=interesting.sh" -o small.mlir
//
// The test is called with a file and exits with a status other than 0 where the
// file still fails in the way that is looked for. MLIR's own reduction passes
// (reduction-tree, opt-reduction-pass) work as in mlir-reduce.
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/Passes.h"
#include "attn/Conversion/Pipelines.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Pipelines/AttnToLLVM.h"
#include "attn/Pipelines/Passes.h"
#include "attn/Reducer/Reducer.h"
#include "attn/Support/Debug.h"
#include "attn/Transforms/Passes.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registry.insert<mlir::attn::AttnDialect>();
  mlir::registerAllPasses();
  mlir::attn::registerDebugOption();
  mlir::attn::registerAttnTransformsPasses();
  mlir::attn::registerAttnConversionPasses();
  mlir::attn::registerAttnConversionPipelines();
  mlir::attn::registerAttnPipelinesPasses();
  mlir::attn::registerAttnPipelines();
  mlir::attn::registerReductionPass();
  mlir::MLIRContext context(registry);
  return mlir::failed(mlir::mlirReduceMain(argc, argv, context));
}
