//===- Compiler.h - From an operator to a kernel module ---------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What attn-compile and the C interface of the compiler share: the dialects
// that an operator may use, and the pipeline as a target needs it.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_COMPILER_COMPILER_H
#define ATTN_TARGET_COMPILER_COMPILER_H

#include "attn/Pipelines/AttnToLLVM.h"
#include "attn/Target/CPU/CPUTarget.h"
#include "attn/Target/NVVM/NVVMTarget.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::attn {

/// Registers the dialects, extensions and translations that compiling takes.
void registerCompilerDialects(DialectRegistry &registry);

/// Sets what the pipeline needs to know of `target`.
void setTarget(AttnToLLVMOptions &options, const CPUTarget &target);
void setTarget(AttnToLLVMOptions &options, const NVVMTarget &target);

} // namespace mlir::attn

#endif // ATTN_TARGET_COMPILER_COMPILER_H
