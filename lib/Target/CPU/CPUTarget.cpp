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

/// The triple of every object: what kernels need of the operating system are a
/// few functions of libc.
constexpr StringLiteral kTriple = "x86_64-unknown-linux-gnu";

/// Extensions that instruction selection and the optimiser use unasked. Those
/// that need an intrinsic (AES, SHA, AMX) are here where kernels call it.
constexpr CPUFeature kFeatures[] = {
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

} // namespace

static const llvm::Target &getX86Target() {
  static std::once_flag once;
  static const llvm::Target *target = nullptr;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser();
    std::string error;
    target = llvm::TargetRegistry::lookupTarget(llvm::Triple(kTriple), error);
  });
  assert(target && "this LLVM has no x86 target");
  return *target;
}

static std::unique_ptr<llvm::MCSubtargetInfo>
createSubtarget(StringRef cpu, StringRef features) {
  return std::unique_ptr<llvm::MCSubtargetInfo>(
      getX86Target().createMCSubtargetInfo(llvm::Triple(kTriple), cpu,
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

CPUTarget::CPUTarget(StringRef cpu, StringRef features)
    : cpu(cpu), features(features), triple(kTriple),
      subtarget(createSubtarget(cpu, features)) {}

FailureOr<CPUTarget>
CPUTarget::get(StringRef name, function_ref<InFlightDiagnostic()> emitError) {
  if (name == "host" || name == "native") {
    StringRef host = llvm::sys::getHostCPUName();
    std::unique_ptr<llvm::MCSubtargetInfo> subtarget =
        createSubtarget("x86-64", "");
    if (llvm::Triple(llvm::sys::getProcessTriple()).getArch() !=
        llvm::Triple::x86_64)
      return emitError() << "this machine is no x86-64; name a CPU to compile "
                            "for, as in --cpu=x86-64-v3";
    return CPUTarget(subtarget->isCPUStringValid(host) ? host : "x86-64",
                     getHostFeatures());
  }

  std::unique_ptr<llvm::MCSubtargetInfo> subtarget =
      createSubtarget("x86-64", "");
  if (name.empty() || !subtarget->isCPUStringValid(name)) {
    StringRef nearest;
    unsigned best = 3;
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
                 << LLVM_VERSION_STRING << " knows, like znver4";
    return diagnostic;
  }
  CPUTarget target(name, "");
  if (!target.hasFeature("64bit"))
    return emitError() << "the CPU '" << name
                       << "' has no 64-bit mode; kernels need one";
  return target;
}

bool CPUTarget::hasFeature(StringRef feature) const {
  return subtarget->checkFeatures(("+" + feature).str());
}

unsigned CPUTarget::getVectorBits() const {
  if (hasFeature("avx512f"))
    return 512;
  return hasFeature("avx") ? 256 : 128;
}

SmallVector<CPUFeature> CPUTarget::getRequiredFeatures() const {
  SmallVector<CPUFeature> required;
  for (const CPUFeature &feature : kFeatures)
    if (hasFeature(feature.name))
      required.push_back(feature);
  return required;
}

uint64_t CPUTarget::getRequiredState() const {
  uint64_t state = 0;
  if (hasFeature("avx"))
    state |= 0x6; // xmm, upper halves of ymm
  if (hasFeature("avx512f"))
    state |= 0xe0; // mask registers, upper halves of zmm, zmm16 to zmm31
  if (hasFeature("amx-tile"))
    state |= 0x60000; // tile configuration and data
  return state;
}

std::unique_ptr<llvm::TargetMachine>
CPUTarget::createTargetMachine(llvm::CodeGenOptLevel level) const {
  return std::unique_ptr<llvm::TargetMachine>(
      getX86Target().createTargetMachine(
          llvm::Triple(triple), cpu, features, llvm::TargetOptions(),
          llvm::Reloc::PIC_, llvm::CodeModel::Small, level));
}
