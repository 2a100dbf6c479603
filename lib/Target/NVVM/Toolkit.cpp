//===- Toolkit.cpp - Programs of the CUDA toolkit -------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Toolkit.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"

using namespace mlir;
using namespace mlir::attn;

std::optional<std::string> mlir::attn::findToolkitProgram(StringRef name) {
  if (auto found = llvm::sys::findProgramByName(name))
    return *found;
  SmallVector<std::string> folders;
  for (StringRef variable : {"CUDA_HOME", "CUDA_PATH"})
    if (auto folder = llvm::sys::Process::GetEnv(variable))
      folders.push_back(*folder);
  folders.push_back("/usr/local/cuda");
  for (StringRef folder : folders) {
    SmallString<128> path(folder);
    llvm::sys::path::append(path, "bin", name);
    if (llvm::sys::fs::can_execute(path))
      return path.str().str();
  }
  return std::nullopt;
}

static FailureOr<std::string> getProgram(StringRef name, EmitError emitError) {
  if (std::optional<std::string> program = findToolkitProgram(name))
    return *program;
  return emitError() << "no " << name
                     << ": it is neither on PATH nor in bin of CUDA_HOME; "
                        "install the CUDA toolkit or write PTX (--emit=ptx), "
                        "which the driver compiles";
}

namespace {
/// What ptxas says of the kernels of a file, and of what it warns.
struct Assembly {
  SmallVector<KernelResources> kernels;
  std::string warnings;

  unsigned getSpilledBytes() const {
    unsigned bytes = 0;
    for (const KernelResources &kernel : kernels)
      bytes += kernel.spilledBytes;
    return bytes;
  }
};
} // namespace

/// The number that `text` begins with, and what follows it.
static unsigned takeNumber(StringRef &text) {
  unsigned number = 0;
  text = text.ltrim();
  text.consumeInteger(10, number);
  return number;
}

/// Reads what `ptxas -v` prints: of each kernel a line with its name, one of
/// bytes, and one of registers.
static Assembly readReport(StringRef report) {
  Assembly assembly;
  for (StringRef line : llvm::split(report, '\n')) {
    StringRef text = line.trim();
    if (!text.consume_front("ptxas info")) {
      if (line.starts_with(" ") && text.contains("bytes stack frame") &&
          !assembly.kernels.empty()) {
        KernelResources &kernel = assembly.kernels.back();
        kernel.localBytes = takeNumber(text);
        for (StringRef part : llvm::split(text, ','))
          if (part.contains("spill"))
            kernel.spilledBytes += takeNumber(part);
      } else if (!text.empty()) {
        assembly.warnings += (text + "\n").str();
      }
      continue;
    }
    text = text.ltrim(" :");
    if (text.consume_front("Function properties for ")) {
      assembly.kernels.emplace_back();
      assembly.kernels.back().kernel = text.str();
    } else if (text.consume_front("Used ") && !assembly.kernels.empty()) {
      assembly.kernels.back().registers = takeNumber(text);
    }
  }
  return assembly;
}

/// ptxas counts from 0 to 10 how much it does that needs registers, 5 by
/// default; up to 3 it makes the same code of our kernels.
static constexpr llvm::StringLiteral kFewRegisters = "--register-usage-level=3";

/// Assembles `source` to `cubin`. A kernel has all registers that there are for
/// its products: where ptxas needs more it spills, and orders the rest to need
/// few, with loads right before what waits for them. So it is asked for few
/// from the start, and left to itself where that spills, too
/// (docs/rationale/gpu-lowering.md).
static FailureOr<Assembly> runAssembler(StringRef ptxas, StringRef source,
                                        StringRef cubin, bool hasManyKernels,
                                        const DeviceOptions &options,
                                        EmitError emitError) {
  std::vector<std::string> command{
      ptxas.str(), "-arch=" + options.target.getChip().str(),
      "-O" + std::to_string(options.optLevel), "-v"};
  // Kernels are assembled side by side, to the same code.
  if (hasManyKernels)
    command.push_back("--split-compile=0");
  SmallString<128> first = getTemporaryPath(cubin, ".cubin");
  llvm::scope_exit cleanUp([&] { llvm::sys::fs::remove(first); });
  command.insert(command.end(),
                 {source.str(), "-o", first.str().str(), kFewRegisters.str()});
  std::string output;
  std::optional<Assembly> few;
  // A ptxas that does not know the option is asked without it.
  if (succeeded(runProgram(command, cubin, output)))
    few = readReport(output);
  if (!few || few->getSpilledBytes() > 0) {
    command.pop_back();
    command.back() = cubin.str();
    output.clear();
    if (succeeded(runProgram(command, cubin, output))) {
      Assembly own = readReport(output);
      if (!few || own.getSpilledBytes() < few->getSpilledBytes())
        return own;
    } else if (!few) {
      return emitError() << ptxas << " failed: " << output;
    }
  }
  if (std::error_code code = llvm::sys::fs::rename(first, cubin))
    return emitError() << "cannot write '" << cubin << "': " << code.message();
  return *few;
}

FailureOr<SmallVector<KernelResources>>
mlir::attn::assemble(StringRef ptx, const DeviceOptions &options,
                     DeviceArtefact kind, StringRef fileName, Location loc) {
  auto emitError = [&] { return mlir::emitError(loc); };
  if (llvm::sys::fs::exists(fileName) &&
      !llvm::sys::fs::is_regular_file(fileName))
    return emitError() << "cannot write '" << fileName
                       << "': it exists and is no regular file";
  FailureOr<std::string> ptxas = getProgram("ptxas", emitError);
  if (failed(ptxas))
    return failure();
  SmallString<128> source = getTemporaryPath(fileName, ".ptx");
  SmallString<128> cubin = getTemporaryPath(fileName, ".cubin");
  SmallString<128> fat = getTemporaryPath(fileName, ".fatbin");
  llvm::scope_exit cleanUp([&] {
    for (StringRef path : {source.str(), cubin.str(), fat.str()})
      llvm::sys::fs::remove(path);
  });
  if (failed(writeFile(source, ptx, emitError)))
    return failure();
  FailureOr<Assembly> assembly = runAssembler(
      *ptxas, source, cubin, ptx.count(".entry ") > 1, options, emitError);
  if (failed(assembly))
    return failure();
  if (!assembly->warnings.empty())
    mlir::emitWarning(loc) << "ptxas: " << assembly->warnings;
  for (const KernelResources &kernel : assembly->kernels)
    if (kernel.localBytes || kernel.spilledBytes)
      mlir::emitWarning(loc)
          << "'" << kernel.kernel << "' keeps " << kernel.localBytes
          << " bytes of a thread in memory and spills " << kernel.spilledBytes
          << " bytes of registers";

  StringRef result = cubin;
  if (kind == DeviceArtefact::FatBinary) {
    FailureOr<std::string> fatbinary = getProgram("fatbinary", emitError);
    if (failed(fatbinary))
      return failure();
    std::string number = options.target.getChip().drop_front(3).str();
    std::string output;
    if (failed(runProgram(
            {*fatbinary, "-64", "--create=" + fat.str().str(),
             "--image3=kind=elf,sm=" + number + ",file=" + cubin.str().str(),
             "--image3=kind=ptx,sm=" + number + ",file=" + source.str().str()},
            fileName, output)))
      return emitError() << *fatbinary << " failed: " << output;
    result = fat;
  }
  if (std::error_code code = llvm::sys::fs::rename(result, fileName))
    return emitError() << "cannot write '" << fileName
                       << "': " << code.message();
  return std::move(assembly->kernels);
}
