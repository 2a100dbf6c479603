//===- CompiledKernel.h - Kernels of a kernel module ------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel module is a module in the LLVM dialect with the attribute
// `attn.kernels`: an array of dictionaries
//
//   { name = "attention", phases = 1 : i64, worker_workspace = 4096 : i64,
//     tensors = [{ name = "q", type = tensor<?x8x?x64xf32>,
//                  dims = ["b", "8", "m", "64"], output = false }, ...] }
//
// and for every kernel and phase the functions that docs/c-abi.md names.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_COMMON_COMPILEDKERNEL_H
#define ATTN_TARGET_COMMON_COMPILEDKERNEL_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Support/LLVM.h"

namespace mlir::attn {

/// An element type as DLPack describes it.
struct ElementCode {
  uint8_t code;
  uint8_t bits;

  /// None for a type the C ABI has no code for.
  static std::optional<ElementCode> get(Type type);
  /// "float32", "bfloat16", ...
  std::string getName() const;
};

struct CompiledDim {
  std::string name;    // the symbol, or the extent in decimal
  int64_t extent = -1; // -1: symbolic
  int32_t symbol = -1; // index into CompiledKernel::symbols
};

struct CompiledTensor {
  std::string name;
  ElementCode element;
  SmallVector<CompiledDim> dims;
  bool isOutput;
};

/// A dimension of a tensor.
struct CompiledExtent {
  int32_t tensor = 0, dim = 0;
};

/// What the values of an input have to be, along its last dimension; the fields
/// are those of attn_value_check.
struct CompiledCheck {
  enum Kind : int32_t { Permutation, Offsets, Blocks, Indices };
  Kind kind;
  int32_t tensor = 0;
  CompiledExtent tokens, rows;
  int64_t rowsOfList = 1, tokensOfBlock = 1;
  int32_t entries = 0;
};

struct CompiledKernel {
  std::string name;   // prefix of the public functions
  std::string symbol; // prefix of the module's functions
  SmallVector<CompiledTensor, 0> tensors;
  SmallVector<std::string> symbols;
  SmallVector<CompiledCheck, 0> checks;
  int32_t inputCount;
  int32_t phaseCount;
  int64_t workerWorkspace;

  /// "q: float32[b, 8, m, 64], ... -> o: ..."
  std::string getSignature() const;
  /// Names of the public functions.
  SmallVector<std::string> getPublicNames() const;
};

/// Whether the module carries the attribute of a kernel module.
bool isKernelModule(ModuleOp module);

/// Reads and checks the attribute of a kernel module. A nonempty `name` renames
/// the kernel, of which there must then be exactly one.
FailureOr<SmallVector<CompiledKernel>> getCompiledKernels(ModuleOp module,
                                                          StringRef name = "");

} // namespace mlir::attn

#endif // ATTN_TARGET_COMMON_COMPILEDKERNEL_H
