//===- EntryPoints.h - The public functions of a kernel ---------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TARGET_CPU_ENTRYPOINTS_H
#define ATTN_LIB_TARGET_CPU_ENTRYPOINTS_H

#include "attn/Target/CPU/Compile.h"

namespace mlir::attn {

/// Adds the public functions of `kernel` and the tables they read, calling the
/// functions of lib/Runtime/Kernel, which the module declares afterwards.
LogicalResult addEntryPoints(llvm::Module &module, const CompiledKernel &kernel,
                             const CompileOptions &options,
                             function_ref<InFlightDiagnostic()> emitError);

/// Whether the module calls intrinsics of AMX: no instruction of it is selected
/// without.
bool usesMatrixUnit(const llvm::Module &module);

/// Links lib/Runtime/Kernel into the module.
LogicalResult linkKernelAbi(llvm::Module &module,
                            function_ref<InFlightDiagnostic()> emitError);

} // namespace mlir::attn

#endif // ATTN_LIB_TARGET_CPU_ENTRYPOINTS_H
