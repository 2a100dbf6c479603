//===- InitAll.cpp - Everything a tool or the plugin registers ------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/InitAll.h"
#include "attn/Conversion/BufferizableOpInterfaceImpl.h"
#include "attn/Conversion/Passes.h"
#include "attn/Conversion/Pipelines.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Pipelines/AttnToLLVM.h"
#include "attn/Pipelines/Passes.h"
#include "attn/TransformOps/AttnTransformOps.h"
#include "attn/Transforms/Passes.h"

using namespace mlir;

void attn::registerAttnDialects(DialectRegistry &registry) {
  registry.insert<AttnDialect>();
  registerBufferizableOpInterfaceExternalModels(registry);
  registerTransformDialectExtension(registry);
}

void attn::registerAttnPasses() {
  [[maybe_unused]] static bool once = [] {
    registerAttnTransformsPasses();
    registerAttnConversionPasses();
    registerAttnConversionPipelines();
    registerAttnPipelinesPasses();
    registerAttnPipelines();
    return true;
  }();
}
