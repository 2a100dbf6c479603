//===- AttnPlugin.cpp - The plugin for mlir-opt and other hosts -----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostCheck.h"
#include "attn/InitAll.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"

using namespace mlir;

/// No host accepts this version of the plugin API.
static constexpr uint32_t kRefused = ~0u;

extern "C" LLVM_ATTRIBUTE_VISIBILITY_DEFAULT
    LLVM_ATTRIBUTE_WEAK DialectPluginLibraryInfo
    mlirGetDialectPluginInfo() {
  if (!attn::checkHost())
    return {kRefused, "attn", ATTN_VERSION, nullptr};
  // A host that loads the dialects alone may use their passes, too.
  return {MLIR_PLUGIN_API_VERSION, "attn", ATTN_VERSION,
          [](DialectRegistry *registry) {
            attn::registerAttnDialects(*registry);
            attn::registerAttnPasses();
          }};
}

extern "C" LLVM_ATTRIBUTE_VISIBILITY_DEFAULT
    LLVM_ATTRIBUTE_WEAK PassPluginLibraryInfo
    mlirGetPassPluginInfo() {
  if (!attn::checkHost())
    return {kRefused, "attn", ATTN_VERSION, nullptr};
  return {MLIR_PLUGIN_API_VERSION, "attn", ATTN_VERSION,
          [] { attn::registerAttnPasses(); }};
}
