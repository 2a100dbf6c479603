//===- CompileDevice.cpp - From a device module to artefacts --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/NVVM/CompileDevice.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Target/TargetMachine.h"

#include "OptimizeDevice.h"
#include "Toolkit.h"

using namespace mlir;
using namespace mlir::attn;

/// A kernel is all of its phase: a call would keep what it takes in memory.
static void inlineIntoKernels(llvm::Module &module) {
  for (llvm::Function &function : module) {
    if (function.isDeclaration() ||
        function.getCallingConv() == llvm::CallingConv::PTX_Kernel)
      continue;
    function.setLinkage(llvm::GlobalValue::InternalLinkage);
    function.addFnAttr(llvm::Attribute::AlwaysInline);
  }
}

/// A GPU has no library that a kernel could call.
static LogicalResult checkUndefined(llvm::Module &module, EmitError emitError) {
  for (const llvm::Function &function : module)
    if (function.isDeclaration() && !function.isIntrinsic() &&
        !function.use_empty())
      return emitError() << "the kernel calls '" << function.getName().str()
                         << "', which a GPU does not have";
  return success();
}

FailureOr<std::unique_ptr<llvm::Module>> mlir::attn::translateDevice(
    gpu::GPUModuleOp device, llvm::TargetMachine &machine,
    const DeviceOptions &options, llvm::LLVMContext &llvmContext) {
  auto emitError = [&] { return device.emitError(); };
  std::unique_ptr<llvm::Module> translated =
      translateModuleToLLVMIR(device, llvmContext, device.getName());
  if (!translated)
    return emitError() << "the device module cannot be translated to LLVM IR; "
                          "everything must be in the LLVM and NVVM dialects";
  translated->setTargetTriple(machine.getTargetTriple());
  translated->setDataLayout(machine.createDataLayout());
  inlineIntoKernels(*translated);
  if (failed(verifyKernels(*translated, emitError)))
    return failure();
  optimizeDevice(*translated, machine, options.optLevel);
  if (failed(checkUndefined(*translated, emitError)))
    return failure();
  return translated;
}

static FailureOr<std::string> writePTX(llvm::Module &module,
                                       llvm::TargetMachine &machine,
                                       EmitError emitError) {
  SmallString<0> buffer;
  if (failed(generateCode(module, machine, llvm::CodeGenFileType::AssemblyFile,
                          buffer, emitError)))
    return failure();
  return buffer.str().str();
}

namespace {
/// An artefact as the driver takes it, the text of PTX or the bytes of a
/// binary, and what is known of a binary's kernels.
struct Image {
  std::string content;
  /// Of a binary: what it was assembled from.
  std::string ptx;
  SmallVector<KernelResources> resources;
};
} // namespace

/// Writes the artefact, and returns it. On failure there is no file.
static FailureOr<Image> writeDevice(llvm::Module &module,
                                    llvm::TargetMachine &machine,
                                    const DeviceOptions &options,
                                    DeviceArtefact kind, StringRef fileName,
                                    Location loc) {
  auto emitError = [&] { return mlir::emitError(loc); };
  bool isText = kind == DeviceArtefact::LLVMIR || kind == DeviceArtefact::PTX;
  if (fileName == "-" && !isText)
    return emitError() << "binaries are not written to the standard output; "
                          "name a file with -o";
  Image image;
  if (kind == DeviceArtefact::LLVMIR) {
    llvm::raw_string_ostream stream(image.content);
    module.print(stream, nullptr);
    if (failed(writeFile(fileName, image.content, emitError)))
      return failure();
    return image;
  }
  FailureOr<std::string> ptx = writePTX(module, machine, emitError);
  if (failed(ptx))
    return failure();
  if (kind == DeviceArtefact::PTX) {
    image.content = std::move(*ptx);
    if (failed(writeFile(fileName, image.content, emitError)))
      return failure();
    return image;
  }
  FailureOr<SmallVector<KernelResources>> resources =
      assemble(*ptx, options, kind, fileName, loc);
  if (failed(resources))
    return failure();
  image.ptx = std::move(*ptx);
  image.resources = std::move(*resources);
  auto buffer = llvm::MemoryBuffer::getFile(fileName);
  if (!buffer) {
    llvm::sys::fs::remove(fileName);
    return emitError() << "cannot read '" << fileName
                       << "': " << buffer.getError().message();
  }
  image.content = (*buffer)->getBuffer().str();
  return image;
}

/// Writes what goes with an artefact, and removes what it wrote where it fails.
static LogicalResult
writeCompanions(const CompiledKernel &kernel, const LaunchPlan &plan,
                const DeviceOptions &options, const Image &image,
                const DeviceFiles &files, EmitError emitError) {
  SmallVector<std::pair<StringRef, std::string>> contents;
  if (!files.ptx.empty())
    contents.emplace_back(files.ptx, image.ptx);
  if (!files.description.empty())
    contents.emplace_back(
        files.description,
        getLaunchDescription(kernel, plan, options, image.resources));
  if (!files.launcher.empty()) {
    FailureOr<std::string> launcher =
        getLauncher(kernel, plan, options, image.content, emitError);
    if (failed(launcher))
      return failure();
    contents.emplace_back(files.launcher, *launcher);
  }
  if (!files.header.empty())
    contents.emplace_back(files.header,
                          getLauncherHeader(kernel, options, files.header));
  for (auto [index, file] : llvm::enumerate(contents)) {
    if (succeeded(writeFile(file.first, file.second, emitError)))
      continue;
    for (auto &written : ArrayRef(contents).take_front(index))
      llvm::sys::fs::remove(written.first);
    return failure();
  }
  return success();
}

LogicalResult mlir::attn::compileDevice(ModuleOp module,
                                        const DeviceOptions &options,
                                        DeviceArtefact kind,
                                        const DeviceFiles &files) {
  auto emitError = [&] { return module.emitError(); };
  FailureOr<SmallVector<CompiledKernel>> kernels = getCompiledKernels(module);
  if (failed(kernels))
    return failure();
  auto devices = module.getOps<gpu::GPUModuleOp>();
  if (!llvm::hasSingleElement(devices) || kernels->size() != 1)
    return emitError() << "needs one kernel and its device module; "
                          "attn-map-to-blocks makes it";
  gpu::GPUModuleOp device = *devices.begin();
  FailureOr<LaunchPlan> plan = LaunchPlan::get(device);
  if (failed(plan))
    return failure();
  llvm::LLVMContext context;
  std::unique_ptr<llvm::TargetMachine> machine =
      options.target.createTargetMachine(getCodeGenLevel(options.optLevel));
  FailureOr<std::unique_ptr<llvm::Module>> translated =
      translateDevice(device, *machine, options, context);
  if (failed(translated))
    return failure();
  FailureOr<Image> image = writeDevice(**translated, *machine, options, kind,
                                       files.artefact, module.getLoc());
  if (failed(image))
    return failure();
  if (succeeded(writeCompanions(kernels->front(), *plan, options, *image, files,
                                emitError)))
    return success();
  if (files.artefact != "-")
    llvm::sys::fs::remove(files.artefact);
  return failure();
}
