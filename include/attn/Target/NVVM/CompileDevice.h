//===- CompileDevice.h - From a device module to artefacts ------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The last stage of compilation for GPUs: the gpu.module that attn-to-nvvm
// makes, in the LLVM and NVVM dialects, becomes LLVM IR, PTX, a cubin or a fat
// binary, a JSON file that says how a host launches it, and a C file that does
// (docs/gpu-launches.md).
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_NVVM_COMPILEDEVICE_H
#define ATTN_TARGET_NVVM_COMPILEDEVICE_H

#include "attn/Conversion/Launches.h"
#include "attn/Target/Common/CodeGeneration.h"
#include "attn/Target/Common/CompiledKernel.h"
#include "attn/Target/NVVM/NVVMTarget.h"
#include "llvm/IR/Module.h"

namespace mlir::gpu {
class GPUModuleOp;
} // namespace mlir::gpu

namespace mlir::attn {

enum class DeviceArtefact { LLVMIR, PTX, Cubin, FatBinary };

struct DeviceOptions {
  NVVMTarget target;
  /// LLVM's and ptxas's level, 0 to 3.
  unsigned optLevel = 3;
  /// Bytes of workspace that a launcher allocates at most; 0 is no limit.
  int64_t maxWorkspace = 0;
};

/// Where artefacts go; the files of empty names are not written.
struct DeviceFiles {
  /// Of the kind that is asked for; "-" is the standard output, for text.
  std::string artefact;
  /// The PTX that a binary was assembled from.
  std::string ptx = {};
  /// What a host needs to launch the kernels, as JSON.
  std::string description = {};
  /// A C file that launches them, and the header that declares its functions.
  std::string launcher = {};
  std::string header = {};
};

/// Translates a device module to optimised LLVM IR for `machine`. Code
/// generation in `llvmContext` leaves out what costs kernels registers.
FailureOr<std::unique_ptr<llvm::Module>>
translateDevice(gpu::GPUModuleOp device, llvm::TargetMachine &machine,
                const DeviceOptions &options, llvm::LLVMContext &llvmContext);

/// What a thread of an assembled kernel holds.
struct KernelResources {
  std::string kernel;
  unsigned registers = 0;
  /// Bytes of its own in memory, and of instructions that store registers there
  /// and load them again.
  unsigned localBytes = 0, spilledBytes = 0;
};

/// What a host needs to launch the kernels, as JSON. `resources` are those of
/// the kernels of a binary; of PTX they are not known.
std::string getLaunchDescription(const CompiledKernel &kernel,
                                 const LaunchPlan &plan,
                                 const DeviceOptions &options,
                                 ArrayRef<KernelResources> resources);

/// ptxas or fatbinary, the program of the CUDA toolkit called `name`: on PATH,
/// in bin of CUDA_HOME or of CUDA_PATH, or in /usr/local/cuda/bin.
std::optional<std::string> findToolkitProgram(StringRef name);

/// A C file that holds `image`, PTX or a binary, and launches its kernels.
FailureOr<std::string> getLauncher(const CompiledKernel &kernel,
                                   const LaunchPlan &plan,
                                   const DeviceOptions &options,
                                   StringRef image, EmitError emitError);

/// The C header that declares a launcher's functions.
std::string getLauncherHeader(const CompiledKernel &kernel,
                              const DeviceOptions &options,
                              StringRef headerFileName);

/// Compiles the device module of `module` to `files`. On failure there is none
/// of them.
LogicalResult compileDevice(ModuleOp module, const DeviceOptions &options,
                            DeviceArtefact kind, const DeviceFiles &files);

} // namespace mlir::attn

#endif // ATTN_TARGET_NVVM_COMPILEDEVICE_H
