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

LogicalResult mlir::attn::assemble(StringRef ptx, const DeviceOptions &options,
                                   DeviceArtefact kind, StringRef fileName,
                                   Location loc) {
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
  StringRef chip = options.target.getChip();
  std::vector<std::string> command{*ptxas, "-arch=" + chip.str(),
                                   "-O" + std::to_string(options.optLevel),
                                   "--warn-on-spills"};
  // Kernels are assembled side by side, to the same code.
  if (ptx.count(".entry ") > 1)
    command.push_back("--split-compile=0");
  command.insert(command.end(), {source.str().str(), "-o", cubin.str().str()});
  std::string output;
  if (failed(runProgram(command, fileName, output)))
    return emitError() << *ptxas << " failed: " << output;
  if (!output.empty())
    mlir::emitWarning(loc) << "ptxas: " << output;

  StringRef result = cubin;
  if (kind == DeviceArtefact::FatBinary) {
    FailureOr<std::string> fatbinary = getProgram("fatbinary", emitError);
    if (failed(fatbinary))
      return failure();
    std::string number = chip.drop_front(3).str();
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
  return success();
}
