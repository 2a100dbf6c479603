//===- NVVMTarget.cpp - The GPU a kernel is compiled for ------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/NVVM/NVVMTarget.h"

#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

#include <mutex>

using namespace mlir;
using namespace mlir::attn;

/// The operating system says whose driver loads the code.
static constexpr StringLiteral kTriple = "nvptx64-nvidia-cuda";

static constexpr NVVMChip kChips[] = {
    {"sm_80", 80, 163 * 1024},
    {"sm_89", 80, 99 * 1024},
    {"sm_90a", 80, 227 * 1024},
    {"sm_120", 87, 99 * 1024},
};

static const llvm::Target &getNVPTXTarget() {
  static std::once_flag once;
  static const llvm::Target *target = nullptr;
  std::call_once(once, [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    std::string error;
    target = llvm::TargetRegistry::lookupTarget(llvm::Triple(kTriple), error);
  });
  assert(target && "this LLVM has no NVPTX target");
  return *target;
}

FailureOr<NVVMTarget>
NVVMTarget::get(StringRef name, function_ref<InFlightDiagnostic()> emitError) {
  for (const NVVMChip &chip : kChips)
    if (name == chip.name)
      return NVVMTarget(chip);
  InFlightDiagnostic diagnostic = emitError();
  diagnostic << "unknown chip '" << name << "'; it must be ";
  for (auto [index, chip] : llvm::enumerate(kChips))
    diagnostic << (index == 0                       ? ""
                   : index + 1 == std::size(kChips) ? " or "
                                                    : ", ")
               << chip.name;
  return diagnostic;
}

std::unique_ptr<llvm::TargetMachine>
NVVMTarget::createTargetMachine(llvm::CodeGenOptLevel level) const {
  std::string features = "+ptx" + std::to_string(chip->ptxVersion);
  return std::unique_ptr<llvm::TargetMachine>(
      getNVPTXTarget().createTargetMachine(
          llvm::Triple(kTriple), chip->name, features, llvm::TargetOptions(),
          /*RM=*/std::nullopt, /*CM=*/std::nullopt, level));
}
