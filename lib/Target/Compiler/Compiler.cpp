//===- Compiler.cpp - From an operator to a kernel module -----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/Compiler/Compiler.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Target/CPU/Compile.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"

using namespace mlir;
using namespace mlir::attn;

void mlir::attn::registerCompilerDialects(DialectRegistry &registry) {
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registry.insert<AttnDialect>();
  registerKernelTranslations(registry);
}

void mlir::attn::setTarget(AttnToLLVMOptions &options,
                           const CPUTarget &target) {
  options.vectorBits = target.getVectorBits();
  options.avx512 = llvm::all_of(
      ArrayRef<StringRef>{"avx512f", "avx512dq", "avx512bw", "avx512vl"},
      [&](StringRef feature) { return target.hasFeature(feature); });
  options.vectorRegisters = target.getVectorRegisters();
  options.fma = target.isAArch64() || target.hasFeature("fma");
  options.bf16 = target.hasFeature("avx512bf16");
  options.amx = target.hasFeature("amx-bf16");
  // Zen 4 multiplies pairs of bf16 at twice the rate of f32, Emerald Rapids at
  // half of it (benchmarks/peak.c); other cores were not measured.
  bool isFaster = options.bf16 && target.getCPU().starts_with("znver");
  // Both of its halves of a vector of 512 bits take one multiply-add; others
  // begin two of their widest in a cycle.
  if (target.getCPU() == "znver4" && options.vectorBits == 512)
    options.vectorMultiplies = 1;
  options.bf16Products = options.amx ? "tiles" : isFaster ? "pairs" : "f32";
}

void mlir::attn::setTarget(AttnToLLVMOptions &options,
                           const NVVMTarget &target) {
  options.sharedBytes = target.getSharedBytes();
}
