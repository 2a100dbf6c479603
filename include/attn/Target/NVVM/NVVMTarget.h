//===- NVVMTarget.h - The GPU a kernel is compiled for ----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_NVVM_NVVMTARGET_H
#define ATTN_TARGET_NVVM_NVVMTARGET_H

#include "mlir/IR/Diagnostics.h"
#include "mlir/Support/LLVM.h"
#include "llvm/Support/CodeGen.h"

#include <memory>

namespace llvm {
class TargetMachine;
} // namespace llvm

namespace mlir::attn {

/// What the compiler knows of a chip.
struct NVVMChip {
  StringLiteral name;
  /// The oldest PTX version with all that the chip's instructions need, and
  /// that ptxas of CUDA 12.8 and later takes.
  unsigned ptxVersion;
  /// Shared memory that a block may ask for, in bytes: "maximum amount of
  /// shared memory per thread block", CUDA C++ Programming Guide, compute
  /// capabilities.
  int64_t sharedBytes;
};

/// An NVIDIA GPU.
class NVVMTarget {
public:
  /// The chip called `name`, as ptxas names it: sm_80, sm_90a. Reports chips
  /// that the compiler does not know.
  static FailureOr<NVVMTarget>
  get(StringRef name, function_ref<InFlightDiagnostic()> emitError);

  StringRef getChip() const { return chip->name; }
  unsigned getPtxVersion() const { return chip->ptxVersion; }
  int64_t getSharedBytes() const { return chip->sharedBytes; }

  std::unique_ptr<llvm::TargetMachine>
  createTargetMachine(llvm::CodeGenOptLevel level) const;

private:
  explicit NVVMTarget(const NVVMChip &chip) : chip(&chip) {}

  const NVVMChip *chip;
};

} // namespace mlir::attn

#endif // ATTN_TARGET_NVVM_NVVMTARGET_H
