//===- OptimizeDevice.h - LLVM's passes over device code --------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TARGET_NVVM_OPTIMIZEDEVICE_H
#define ATTN_LIB_TARGET_NVVM_OPTIMIZEDEVICE_H

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace mlir::attn {

/// Runs LLVM's passes over IR at `level`, 0 to 3, and tells `module`'s context
/// which passes of code generation to leave out from then on.
void optimizeDevice(llvm::Module &module, llvm::TargetMachine &machine,
                    unsigned level);

} // namespace mlir::attn

#endif // ATTN_LIB_TARGET_NVVM_OPTIMIZEDEVICE_H
