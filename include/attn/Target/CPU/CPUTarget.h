//===- CPUTarget.h - The CPU a kernel is compiled for -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_CPU_CPUTARGET_H
#define ATTN_TARGET_CPU_CPUTARGET_H

#include "mlir/IR/Diagnostics.h"
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/Support/CodeGen.h"

#include <memory>
#include <string>

namespace llvm {
class Target;
class TargetMachine;
} // namespace llvm

namespace mlir::attn {

/// An instruction set extension, and the bit that announces it: of CPUID or, on
/// AArch64, of an entry of the auxiliary vector.
struct CPUFeature {
  const char *name; // as LLVM spells it
  uint32_t leaf, subleaf;
  uint32_t reg; // 0 eax, 1 ebx, 2 ecx, 3 edx
  uint32_t bit;
};

/// A CPU by its LLVM name, with the instruction set extensions it has.
class CPUTarget {
public:
  /// `name` is a name LLVM knows for a 64-bit x86 CPU (znver4, x86-64-v3, ...)
  /// or for one of AArch64 (neoverse-n1, apple-m1, ...), or "host" for the
  /// machine the compiler runs on, with the features it reports. Reports an
  /// unknown name through `emitError`.
  static FailureOr<CPUTarget> get(StringRef name,
                                  function_ref<InFlightDiagnostic()> emitError);

  /// The name, never "host".
  StringRef getCPU() const { return cpu; }
  /// Features that differ from those the name implies, as LLVM takes them.
  StringRef getFeatures() const { return features; }
  StringRef getTriple() const;
  bool isAArch64() const { return architecture == Architecture::AArch64; }

  /// Whether the CPU has an extension, by its LLVM name: "avx512f", "fma", ...
  bool hasFeature(StringRef feature) const;

  /// Bits of the widest vector registers: 512, 256 or 128. Scalable ones are
  /// not used.
  unsigned getVectorBits() const;
  unsigned getVectorRegisters() const;

  /// Extensions instruction selection may use, which a machine that runs the
  /// kernel has to announce.
  SmallVector<CPUFeature> getRequiredFeatures(bool usesMatrixUnit) const;

  /// Bits of the register XCR0 that the operating system has to have set.
  uint64_t getRequiredState(bool usesMatrixUnit) const;

  std::unique_ptr<llvm::TargetMachine>
  createTargetMachine(llvm::CodeGenOptLevel level) const;

private:
  enum class Architecture { X86, AArch64 };

  CPUTarget(Architecture architecture, StringRef cpu, StringRef features);
  static const llvm::Target &getTarget(Architecture architecture);
  static StringRef getTriple(Architecture architecture);
  static std::unique_ptr<llvm::MCSubtargetInfo>
  createSubtarget(Architecture architecture, StringRef cpu, StringRef features);

  Architecture architecture;
  std::string cpu;
  std::string features;
  std::shared_ptr<const llvm::MCSubtargetInfo> subtarget;
};

} // namespace mlir::attn

#endif // ATTN_TARGET_CPU_CPUTARGET_H
