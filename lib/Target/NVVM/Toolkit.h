//===- Toolkit.h - Programs of the CUDA toolkit -----------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TARGET_NVVM_TOOLKIT_H
#define ATTN_LIB_TARGET_NVVM_TOOLKIT_H

#include "attn/Target/NVVM/CompileDevice.h"

namespace mlir::attn {

/// Makes a cubin, or a fat binary of it and the PTX, with the programs of the
/// CUDA toolkit. ptxas is asked to use few registers, and once more without
/// that where it spills some; what spills less is kept. Warns of what is
/// spilled then, and of all that ptxas warns of.
FailureOr<SmallVector<KernelResources>>
assemble(StringRef ptx, const DeviceOptions &options, DeviceArtefact kind,
         StringRef fileName, Location loc);

} // namespace mlir::attn

#endif // ATTN_LIB_TARGET_NVVM_TOOLKIT_H
