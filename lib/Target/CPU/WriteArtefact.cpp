//===- WriteArtefact.cpp - Objects, shared objects, assembly, LLVM IR -----===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EntryPoints.h"
#include "attn/Target/CPU/Compile.h"
#include "attn/Target/Common/LibraryFunctions.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"

using namespace mlir;
using namespace mlir::attn;

std::optional<ArtefactKind> mlir::attn::getArtefactKind(StringRef fileName) {
  return llvm::StringSwitch<std::optional<ArtefactKind>>(
             llvm::sys::path::extension(fileName))
      .Case(".o", ArtefactKind::Object)
      .Case(".so", ArtefactKind::SharedObject)
      .Case(".s", ArtefactKind::Assembly)
      .Case(".ll", ArtefactKind::LLVMIR)
      .Default(std::nullopt);
}

//===----------------------------------------------------------------------===//
// Objects
//===----------------------------------------------------------------------===//

namespace {
/// Loop strength reduction takes a quarter of code generation for addresses
/// that the tiles' own base pointers and constant offsets already make short:
/// kernels run equally fast without it (docs/rationale/machine-code.md). LLVM
/// has no other switch for it than its command line's, set here for a while.
class WithoutStrengthReduction {
public:
  WithoutStrengthReduction() {
    auto &options = llvm::cl::getRegisteredOptions();
    auto option = options.find("disable-lsr");
    // A switch that the user gave stands.
    if (option == options.end() || option->second->getNumOccurrences() != 0)
      return;
    disable = static_cast<llvm::cl::opt<bool> *>(option->second);
    before = disable->getValue();
    disable->setValue(true);
  }
  ~WithoutStrengthReduction() {
    if (disable)
      disable->setValue(before);
  }
  WithoutStrengthReduction(const WithoutStrengthReduction &) = delete;
  WithoutStrengthReduction &
  operator=(const WithoutStrengthReduction &) = delete;

private:
  llvm::cl::opt<bool> *disable = nullptr;
  bool before = false;
};
} // namespace

static bool isSanitizerFunction(StringRef name, Sanitizer sanitizer) {
  switch (sanitizer) {
  case Sanitizer::None:
    return false;
  case Sanitizer::Address:
    return name.starts_with("__asan_");
  case Sanitizer::Thread:
    return name.starts_with("__tsan_");
  }
  llvm_unreachable("no such sanitizer");
}

/// A kernel that needs more than libc would fail only when a program loads it.
static LogicalResult checkUndefinedSymbols(StringRef object,
                                           Sanitizer sanitizer,
                                           EmitError emitError) {
  llvm::Expected<std::unique_ptr<llvm::object::ObjectFile>> file =
      llvm::object::ObjectFile::createObjectFile(
          llvm::MemoryBufferRef(object, "kernel"));
  if (!file)
    return emitError() << "cannot read the object back: "
                       << llvm::toString(file.takeError());
  for (const llvm::object::SymbolRef &symbol : (*file)->symbols()) {
    llvm::Expected<uint32_t> flags = symbol.getFlags();
    llvm::Expected<StringRef> name = symbol.getName();
    if (!flags || !name) {
      llvm::consumeError(flags.takeError());
      llvm::consumeError(name.takeError());
      return emitError() << "cannot read the symbols of the object";
    }
    if (!(*flags & llvm::object::SymbolRef::SF_Undefined) || name->empty() ||
        *name == "_GLOBAL_OFFSET_TABLE_")
      continue;
    if (!isLibraryFunction(*name) && !isSanitizerFunction(*name, sanitizer))
      return emitError() << "the kernel calls '" << *name
                         << "', which the C library does not have";
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Linking
//===----------------------------------------------------------------------===//

static bool isForHost(const CPUTarget &target) {
  return llvm::Triple(llvm::sys::getProcessTriple()).getArch() ==
         llvm::Triple(target.getTriple()).getArch();
}

/// The C library's shared objects by name, as far as they are found; naming
/// them makes a shared object load what it needs by itself.
static void addLibraries(const CPUTarget &target,
                         SmallVectorImpl<std::string> &arguments) {
  StringRef architecture = target.isAArch64() ? "aarch64" : "x86_64";
  SmallVector<std::string> folders{
      ("/lib/" + architecture + "-linux-gnu").str(),
      ("/usr/lib/" + architecture + "-linux-gnu").str()};
  // Those of the machine, whatever it is.
  if (isForHost(target))
    folders.append({"/lib64", "/usr/lib64"});
  for (StringRef library : {"libm.so.6", "libc.so.6"})
    for (StringRef folder : folders) {
      SmallString<64> path(folder);
      llvm::sys::path::append(path, library);
      if (!llvm::sys::fs::exists(path))
        continue;
      arguments.push_back(path.str().str());
      break;
    }
}

/// The command that links `object` to `output`, or nothing when there is no
/// linker.
static SmallVector<std::string> getLinkCommand(const CPUTarget &target,
                                               StringRef object,
                                               StringRef output,
                                               StringRef soname) {
  for (StringRef name : {"ld.lld", "ld.lld-22"})
    if (auto linker = llvm::sys::findProgramByName(name)) {
      SmallVector<std::string> command{
          *linker,          "-shared",     "-soname",
          soname.str(),     "-o",          output.str(),
          object.str(),     "--as-needed", "--hash-style=gnu",
          "--build-id=none"};
      addLibraries(target, command);
      return command;
    }
  if (!isForHost(target))
    return {};
  for (StringRef name : {"cc", "gcc", "clang"})
    if (auto compiler = llvm::sys::findProgramByName(name))
      return {*compiler,
              "-shared",
              "-nostartfiles",
              "-Wl,-soname," + soname.str(),
              "-o",
              output.str(),
              object.str(),
              "-Wl,--as-needed",
              "-lm"};
  return {};
}

static LogicalResult linkSharedObject(const CPUTarget &target,
                                      StringRef contents, StringRef fileName,
                                      EmitError emitError) {
  // Renaming over a device or a folder would replace it.
  if (llvm::sys::fs::exists(fileName) &&
      !llvm::sys::fs::is_regular_file(fileName))
    return emitError() << "cannot write '" << fileName
                       << "': it exists and is no regular file";
  SmallString<128> object = getTemporaryPath(fileName, ".o");
  SmallString<128> output = getTemporaryPath(fileName, ".so");
  llvm::scope_exit cleanUp([&] {
    for (StringRef path : {object.str(), output.str()})
      llvm::sys::fs::remove(path);
  });
  SmallVector<std::string> command = getLinkCommand(
      target, object, output, llvm::sys::path::filename(fileName));
  if (command.empty())
    return emitError() << "no linker for '" << fileName
                       << "': neither ld.lld, ld.lld-22 nor a C compiler (cc, "
                          "gcc, clang) is on PATH; install lld-22 or write a "
                          ".o instead";
  if (failed(writeFile(object, contents, emitError)))
    return failure();
  std::string problem;
  if (failed(runProgram(command, fileName, problem)))
    return emitError() << "linking '" << fileName << "' with "
                       << command.front() << " failed: " << problem;
  if (std::error_code code = llvm::sys::fs::rename(output, fileName))
    return emitError() << "cannot write '" << fileName
                       << "': " << code.message();
  return success();
}

//===----------------------------------------------------------------------===//
// Artefacts
//===----------------------------------------------------------------------===//

LogicalResult mlir::attn::writeArtefact(llvm::Module &module,
                                        llvm::TargetMachine &machine,
                                        const CompileOptions &options,
                                        ArtefactKind kind, StringRef fileName,
                                        EmitError emitError) {
  bool isText = kind == ArtefactKind::LLVMIR || kind == ArtefactKind::Assembly;
  if (fileName == "-" && !isText)
    return emitError() << "objects are not written to the standard output; "
                          "name a file with -o";
  SmallString<0> buffer;
  if (kind == ArtefactKind::LLVMIR) {
    llvm::raw_svector_ostream stream(buffer);
    module.print(stream, nullptr);
    return writeFile(fileName, buffer, emitError);
  }
  auto type = kind == ArtefactKind::Assembly
                  ? llvm::CodeGenFileType::AssemblyFile
                  : llvm::CodeGenFileType::ObjectFile;
  WithoutStrengthReduction withoutStrengthReduction;
  if (failed(generateCode(module, machine, type, buffer, emitError)))
    return failure();
  if (kind == ArtefactKind::Assembly)
    return writeFile(fileName, buffer, emitError);
  if (failed(checkUndefinedSymbols(buffer, options.sanitizer, emitError)))
    return failure();
  if (kind == ArtefactKind::Object)
    return writeFile(fileName, buffer, emitError);
  return linkSharedObject(options.target, buffer, fileName, emitError);
}

LogicalResult mlir::attn::compileKernels(ModuleOp module,
                                         const CompileOptions &options,
                                         ArtefactKind kind, StringRef fileName,
                                         StringRef headerFileName) {
  FailureOr<SmallVector<CompiledKernel>> kernels =
      getCompiledKernels(module, options.name);
  if (failed(kernels))
    return failure();
  llvm::LLVMContext context;
  FailureOr<std::unique_ptr<llvm::Module>> translated =
      translateKernels(module, *kernels, options, context);
  if (failed(translated))
    return failure();

  // Without optimisation LLVM 22 crashes where a tile goes from one block to
  // the next, as in every sum over a loop.
  unsigned level = options.optLevel;
  if (usesMatrixUnit(**translated))
    level = std::max(level, 1u);
  std::unique_ptr<llvm::TargetMachine> machine =
      options.target.createTargetMachine(getCodeGenLevel(level));
  optimizeKernels(**translated, *machine, options);

  auto emitError = [&] { return module.emitError(); };
  if (failed(writeArtefact(**translated, *machine, options, kind, fileName,
                           emitError)))
    return failure();
  if (headerFileName.empty() ||
      succeeded(writeFile(headerFileName,
                          getKernelHeader(*kernels, headerFileName, options),
                          emitError)))
    return success();
  if (fileName != "-")
    llvm::sys::fs::remove(fileName);
  return failure();
}
