//===- CPUTarget.cpp - The CPU a kernel is compiled for -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/CPU/CPUTarget.h"

#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"

#include <mutex>

using namespace mlir;
using namespace mlir::attn;

namespace {

/// Extensions that instruction selection and the optimiser use unasked. Those
/// that need an intrinsic (AES, SHA, AMX) are here where kernels call it.
constexpr CPUFeature kX86Features[] = {
    {"sse3", 1, 0, 2, 0},
    {"ssse3", 1, 0, 2, 9},
    {"fma", 1, 0, 2, 12},
    {"sse4.1", 1, 0, 2, 19},
    {"sse4.2", 1, 0, 2, 20},
    {"movbe", 1, 0, 2, 22},
    {"popcnt", 1, 0, 2, 23},
    {"avx", 1, 0, 2, 28},
    {"f16c", 1, 0, 2, 29},
    {"bmi", 7, 0, 1, 3},
    {"avx2", 7, 0, 1, 5},
    {"bmi2", 7, 0, 1, 8},
    {"avx512f", 7, 0, 1, 16},
    {"avx512dq", 7, 0, 1, 17},
    {"avx512ifma", 7, 0, 1, 21},
    {"avx512cd", 7, 0, 1, 28},
    {"avx512bw", 7, 0, 1, 30},
    {"avx512vl", 7, 0, 1, 31},
    {"avx512vbmi", 7, 0, 2, 1},
    {"avx512vbmi2", 7, 0, 2, 6},
    {"gfni", 7, 0, 2, 8},
    {"vaes", 7, 0, 2, 9},
    {"vpclmulqdq", 7, 0, 2, 10},
    {"avx512vnni", 7, 0, 2, 11},
    {"avx512bitalg", 7, 0, 2, 12},
    {"avx512vpopcntdq", 7, 0, 2, 14},
    {"avx512vp2intersect", 7, 0, 3, 8},
    {"amx-bf16", 7, 0, 3, 22},
    {"avx512fp16", 7, 0, 3, 23},
    {"amx-tile", 7, 0, 3, 24},
    {"amx-int8", 7, 0, 3, 25},
    {"avxvnni", 7, 1, 0, 4},
    {"avx512bf16", 7, 1, 0, 5},
    {"avxifma", 7, 1, 0, 23},
    {"avxvnniint8", 7, 1, 3, 4},
    {"avxneconvert", 7, 1, 3, 5},
    {"avxvnniint16", 7, 1, 3, 10},
    {"lzcnt", 0x80000001, 0, 2, 5},
    {"sse4a", 0x80000001, 0, 2, 6},
    {"xop", 0x80000001, 0, 2, 11},
    {"fma4", 0x80000001, 0, 2, 16},
    {"tbm", 0x80000001, 0, 2, 21},
};

/// Those of AArch64, beyond what every such CPU has, by their bits in
/// AT_HWCAP (16) and AT_HWCAP2 (26) of Linux.
constexpr CPUFeature kAArch64Features[] = {
    {"crc", 16, 0, 0, 7},       {"lse", 16, 0, 0, 8},
    {"fullfp16", 16, 0, 0, 10}, {"rdm", 16, 0, 0, 12},
    {"jsconv", 16, 0, 0, 13},   {"complxnum", 16, 0, 0, 14},
    {"rcpc", 16, 0, 0, 15},     {"dotprod", 16, 0, 0, 20},
    {"sve", 16, 0, 0, 22},      {"fp16fml", 16, 0, 0, 23},
    {"lse2", 16, 0, 0, 25},     {"rcpc-immo", 16, 0, 0, 26},
    {"flagm", 16, 0, 0, 27},    {"sve2", 26, 0, 0, 1},
    {"altnzcv", 26, 0, 0, 7},   {"fptoint", 26, 0, 0, 8},
    {"i8mm", 26, 0, 0, 13},     {"bf16", 26, 0, 0, 14},
};

} // namespace

/// What kernels need of the operating system are a few functions of libc.
StringRef CPUTarget::getTriple(Architecture architecture) {
  return architecture == Architecture::X86 ? "x86_64-unknown-linux-gnu"
                                           : "aarch64-unknown-linux-gnu";
}

StringRef CPUTarget::getTriple() const { return getTriple(architecture); }

const llvm::Target &CPUTarget::getTarget(Architecture architecture) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser();
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter();
    LLVMInitializeAArch64AsmParser();
  });
  std::string error;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(
      llvm::Triple(getTriple(architecture)), error);
  assert(target && "this LLVM lacks the target");
  return *target;
}

std::unique_ptr<llvm::MCSubtargetInfo>
CPUTarget::createSubtarget(Architecture architecture, StringRef cpu,
                           StringRef features) {
  return std::unique_ptr<llvm::MCSubtargetInfo>(
      getTarget(architecture)
          .createMCSubtargetInfo(llvm::Triple(getTriple(architecture)), cpu,
                                 features));
}

/// Spells out every feature of the host: a virtual machine may hide some that
/// the name of its CPU implies.
static std::string getHostFeatures() {
  std::vector<std::string> features;
  for (const auto &feature : llvm::sys::getHostCPUFeatures())
    features.push_back((feature.second ? "+" : "-") + feature.first().str());
  // The map has no order, and the string ends up in artefacts.
  llvm::sort(features);
  return llvm::join(features, ",");
}

CPUTarget::CPUTarget(Architecture architecture, StringRef cpu,
                     StringRef features)
    : architecture(architecture), cpu(cpu), features(features),
      subtarget(createSubtarget(architecture, cpu, features)) {}

FailureOr<CPUTarget>
CPUTarget::get(StringRef name, function_ref<InFlightDiagnostic()> emitError) {
  std::unique_ptr<llvm::MCSubtargetInfo> x86 =
      createSubtarget(Architecture::X86, "x86-64", "");
  std::unique_ptr<llvm::MCSubtargetInfo> aarch64 =
      createSubtarget(Architecture::AArch64, "generic", "");
  if (name == "host" || name == "native") {
    StringRef host = llvm::sys::getHostCPUName();
    switch (llvm::Triple(llvm::sys::getProcessTriple()).getArch()) {
    case llvm::Triple::x86_64:
      return CPUTarget(Architecture::X86,
                       x86->isCPUStringValid(host) ? host : "x86-64",
                       getHostFeatures());
    case llvm::Triple::aarch64:
      return CPUTarget(Architecture::AArch64,
                       aarch64->isCPUStringValid(host) ? host : "generic",
                       getHostFeatures());
    default:
      return emitError() << "this machine is neither x86-64 nor AArch64; name "
                            "a CPU to compile for, as in --cpu=x86-64-v3";
    }
  }

  if (!name.empty() && !x86->isCPUStringValid(name) &&
      aarch64->isCPUStringValid(name))
    return CPUTarget(Architecture::AArch64, name, "");
  if (name.empty() || !x86->isCPUStringValid(name)) {
    StringRef nearest;
    unsigned best = 3;
    for (const llvm::MCSubtargetInfo *subtarget : {x86.get(), aarch64.get()})
      for (const llvm::SubtargetSubTypeKV &known :
           subtarget->getAllProcessorDescriptions()) {
        unsigned distance = name.edit_distance(known.Key, true, best);
        if (distance < best) {
          best = distance;
          nearest = known.Key;
        }
      }
    InFlightDiagnostic diagnostic = emitError();
    diagnostic << "unknown CPU '" << name << "'";
    if (!nearest.empty())
      diagnostic << "; did you mean '" << nearest << "'?";
    else
      diagnostic << "; it must be 'host', an x86-64 level (x86-64, x86-64-v2, "
                    "x86-64-v3, x86-64-v4) or a CPU that LLVM "
                 << LLVM_VERSION_STRING << " knows, like znver4 or neoverse-n1";
    return diagnostic;
  }
  CPUTarget target(Architecture::X86, name, "");
  if (!target.hasFeature("64bit"))
    return emitError() << "the CPU '" << name
                       << "' has no 64-bit mode; kernels need one";
  return target;
}

bool CPUTarget::hasFeature(StringRef feature) const {
  // A name of the other architecture would be complained about.
  auto known = subtarget->getAllProcessorFeatures();
  return llvm::any_of(known,
                      [&](const llvm::SubtargetFeatureKV &entry) {
                        return feature == entry.Key;
                      }) &&
         subtarget->checkFeatures(("+" + feature).str());
}

unsigned CPUTarget::getVectorBits() const {
  if (hasFeature("avx512f"))
    return 512;
  return hasFeature("avx") ? 256 : 128;
}

unsigned CPUTarget::getVectorRegisters() const {
  return isAArch64() || hasFeature("avx512vl") ? 32 : 16;
}

SmallVector<CPUFeature>
CPUTarget::getRequiredFeatures(bool usesMatrixUnit) const {
  ArrayRef<CPUFeature> known(kX86Features);
  if (isAArch64())
    known = kAArch64Features;
  SmallVector<CPUFeature> required;
  for (const CPUFeature &feature : known)
    if (hasFeature(feature.name) &&
        (usesMatrixUnit || !StringRef(feature.name).starts_with("amx")))
      required.push_back(feature);
  return required;
}

uint64_t CPUTarget::getRequiredState(bool usesMatrixUnit) const {
  uint64_t state = 0;
  if (hasFeature("avx"))
    state |= 0x6; // xmm, upper halves of ymm
  if (hasFeature("avx512f"))
    state |= 0xe0; // mask registers, upper halves of zmm, zmm16 to zmm31
  if (usesMatrixUnit && hasFeature("amx-tile"))
    state |= 0x60000; // tile configuration and data
  return state;
}

std::unique_ptr<llvm::TargetMachine>
CPUTarget::createTargetMachine(llvm::CodeGenOptLevel level) const {
  return std::unique_ptr<llvm::TargetMachine>(
      getTarget(architecture)
          .createTargetMachine(llvm::Triple(getTriple()), cpu, features,
                               llvm::TargetOptions(), llvm::Reloc::PIC_,
                               llvm::CodeModel::Small, level));
}
