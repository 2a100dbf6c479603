//===- attn-compile.cpp - Compile an operator to a native kernel ----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/KernelSignature.h"
#include "attn/Pipelines/TunedOptions.h"
#include "attn/Support/Debug.h"
#include "attn/Support/OperatorFile.h"
#include "attn/Target/CPU/Compile.h"
#include "attn/Target/Compiler/Compiler.h"
#include "attn/Target/NVVM/CompileDevice.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Support/WithColor.h"

using namespace mlir;
using namespace mlir::attn;

namespace {

constexpr char kOverview[] =
    R"(attn-compile: compile an attention operator to a native kernel

  attn-compile op.mlir -o op.so            a shared object, and its header op.h
  attn-compile op.mlir -o op.o --cpu=znver4
  attn-compile op.mlir -o - --emit=ll      optimised LLVM IR on the terminal
  attn-compile op.mlir -o op.ptx --target=nvvm --chip=sm_80
                                           kernels of a GPU, and op.json
  attn-compile op.mlir -o op.cubin --target=nvvm --launcher=op.c
                                           that, and C that launches them

op.mlir holds one public function on tensors; the kernel has its name. The
functions that a program calls are declared in the header; docs/c-abi.md
describes them; docs/gpu-launches.md describes op.json. Where a pass fails, --mlir-pass-pipeline-crash-reproducer=FILE
writes what attn-opt --run-reproducer needs; --mlir-print-ir-after-all shows
every stage. --help-hidden lists the options that all MLIR tools share.
)";

llvm::cl::OptionCategory category("attn-compile options");

OperatorFlags flags(category);

/// What the tool writes, of any target.
enum class Emit {
  SharedObject,
  Object,
  Assembly,
  LLVMIR,
  PTX,
  Cubin,
  FatBinary
};

enum class Target { CPU, NVVM };

llvm::cl::opt<std::string>
    outputFile("o",
               llvm::cl::desc("Output file; its extension (.so, .o, .s, .ll; "
                              ".ptx, .cubin, .fatbin) says what is written"),
               llvm::cl::value_desc("file"), llvm::cl::cat(category));

llvm::cl::opt<Emit> emitKind(
    "emit", llvm::cl::desc("What to write, whatever the extension:"),
    llvm::cl::values(clEnumValN(Emit::SharedObject, "so", "shared object"),
                     clEnumValN(Emit::Object, "o", "object"),
                     clEnumValN(Emit::Assembly, "s", "assembly"),
                     clEnumValN(Emit::LLVMIR, "ll", "optimised LLVM IR"),
                     clEnumValN(Emit::PTX, "ptx", "PTX"),
                     clEnumValN(Emit::Cubin, "cubin",
                                "machine code of a GPU, by ptxas"),
                     clEnumValN(Emit::FatBinary, "fatbin",
                                "that and the PTX, by fatbinary")),
    llvm::cl::cat(category));

llvm::cl::opt<Target> targetKind(
    "target", llvm::cl::desc("What to compile for:"),
    llvm::cl::values(clEnumValN(Target::CPU, "cpu", "a CPU (the default)"),
                     clEnumValN(Target::NVVM, "nvvm", "an NVIDIA GPU")),
    llvm::cl::init(Target::CPU), llvm::cl::cat(category));

llvm::cl::opt<std::string>
    chip("chip",
         llvm::cl::desc("GPU to compile for: sm_80 (the default), sm_89, "
                        "sm_90a, sm_120"),
         llvm::cl::value_desc("name"), llvm::cl::init("sm_80"),
         llvm::cl::cat(category));

llvm::cl::opt<int64_t> residentBlocks(
    "resident-blocks",
    llvm::cl::desc("Blocks that a multiprocessor of a GPU is to hold at once: "
                   "threads have the registers that this leaves, and keep "
                   "the rest in memory (default 1)"),
    llvm::cl::value_desc("number"), llvm::cl::init(1), llvm::cl::cat(category));

llvm::cl::opt<std::string> cpu(
    "cpu",
    llvm::cl::desc("CPU to compile for: host (the default), x86-64, x86-64-v2, "
                   "x86-64-v3, x86-64-v4, or a name that LLVM knows, like "
                   "znver4 or, of AArch64, neoverse-n1"),
    llvm::cl::value_desc("name"), llvm::cl::init("host"),
    llvm::cl::cat(category));

llvm::cl::opt<std::string>
    kernelName("name",
               llvm::cl::desc("Name of the kernel and prefix of its functions "
                              "(default: that of the function in the input)"),
               llvm::cl::value_desc("identifier"), llvm::cl::cat(category));

llvm::cl::opt<Sanitizer> sanitizer(
    "sanitize",
    llvm::cl::desc("Instrument the kernel; the program that loads it must "
                   "bring the sanitizer's runtime (clang -fsanitize=...):"),
    llvm::cl::values(
        clEnumValN(Sanitizer::None, "none", "no instrumentation"),
        clEnumValN(Sanitizer::Address, "address", "AddressSanitizer"),
        clEnumValN(Sanitizer::Thread, "thread", "ThreadSanitizer")),
    llvm::cl::init(Sanitizer::None), llvm::cl::cat(category));

llvm::cl::opt<std::string>
    headerFile("header",
               llvm::cl::desc("C header to write (default: beside the output "
                              "or the launcher, with extension .h; empty: "
                              "none)"),
               llvm::cl::value_desc("file"), llvm::cl::cat(category));

llvm::cl::opt<std::string> ptxFile(
    "ptx",
    llvm::cl::desc("PTX file to write beside a cubin or a fat binary, what it "
                   "was assembled from"),
    llvm::cl::value_desc("file"), llvm::cl::cat(category));

llvm::cl::opt<std::string> descriptionFile(
    "launches",
    llvm::cl::desc("JSON file to write for a GPU, how a host launches the "
                   "kernels (default: beside the output, with extension "
                   ".json; empty: none)"),
    llvm::cl::value_desc("file"), llvm::cl::cat(category));

llvm::cl::opt<std::string> launcherFile(
    "launcher",
    llvm::cl::desc("C file to write for a GPU, which holds the kernels and "
                   "launches them"),
    llvm::cl::value_desc("file"), llvm::cl::cat(category));

llvm::cl::opt<bool> fromLLVMDialect(
    "from-llvm-dialect",
    llvm::cl::desc("The input is a kernel module in the LLVM dialect, with "
                   "the attribute attn.kernels; no pass is run"),
    llvm::cl::cat(category));

llvm::cl::opt<std::string>
    precision("precision",
              llvm::cl::desc("native (the default), or f64: every tensor of "
                             "the kernel becomes f64"),
              llvm::cl::value_desc("name"), llvm::cl::init("native"),
              llvm::cl::cat(category));

llvm::cl::opt<bool> fastMath(
    "fast-math",
    llvm::cl::desc("Fuse elementwise operations of other dialects as if they "
                   "had fastmath<fast>: computed in f32, rounded once"),
    llvm::cl::cat(category));

llvm::cl::opt<std::string> bf16Products(
    "bf16-products",
    llvm::cl::desc(
        "Products of bf16 on a CPU: f32, pairs of them by one "
        "instruction (AVX-512 BF16), or tiles of pairs by a matrix "
        "unit (AMX); what the CPU does fastest where it is left out"),
    llvm::cl::value_desc("name"), llvm::cl::cat(category));

llvm::cl::opt<std::string> tuned(
    "tuned",
    llvm::cl::desc("Take the mapping that attn-run --tune has stored in the "
                   "file for this operator and CPU; flags have precedence"),
    llvm::cl::value_desc("file"), llvm::cl::cat(category));

llvm::cl::opt<bool> tuningKey(
    "tuning-key",
    llvm::cl::desc("Print what a tuned mapping is stored under, and compile "
                   "nothing"),
    llvm::cl::cat(category));

llvm::cl::opt<int64_t> maxFootprint(
    "max-footprint",
    llvm::cl::desc("Bytes of workspace that a call may allocate (default 4 "
                   "GiB): more is refused, by the compiler where the extents "
                   "are known, else by the call; 0 is no limit"),
    llvm::cl::value_desc("bytes"), llvm::cl::init(int64_t(4) << 30),
    llvm::cl::cat(category));

llvm::cl::opt<bool>
    verifyEach("verify-each",
               llvm::cl::desc("Verify the IR after every pass, and not only "
                              "what is read and what is translated "
                              "(default false)"),
               llvm::cl::init(false), llvm::cl::cat(category));

llvm::cl::opt<bool> checkValues(
    "check-values",
    llvm::cl::desc("Whether a call checks the values of operands, such as "
                   "permutations, before it runs (default true)"),
    llvm::cl::init(true), llvm::cl::cat(category));

llvm::cl::opt<unsigned>
    optLevel("opt-level",
             llvm::cl::desc("LLVM's optimisation level, 0 to 3 (default 3)"),
             llvm::cl::value_desc("level"), llvm::cl::init(3),
             llvm::cl::cat(category));

/// What to write and where, once the options agree with each other.
struct Outputs {
  Emit kind;
  std::string file;
  std::string header;
  /// Of a GPU: the PTX of a binary, how a host launches the kernels, and C that
  /// does.
  std::string ptx;
  std::string description;
  std::string launcher;
};

} // namespace

static llvm::raw_ostream &reportError() {
  return llvm::WithColor::error(llvm::errs(), "attn-compile");
}

static std::optional<Emit> getKindOf(StringRef fileName) {
  return llvm::StringSwitch<std::optional<Emit>>(
             llvm::sys::path::extension(fileName))
      .Case(".so", Emit::SharedObject)
      .Case(".o", Emit::Object)
      .Case(".s", Emit::Assembly)
      .Case(".ll", Emit::LLVMIR)
      .Case(".ptx", Emit::PTX)
      .Case(".cubin", Emit::Cubin)
      .Case(".fatbin", Emit::FatBinary)
      .Default(std::nullopt);
}

static std::optional<ArtefactKind> getCPUArtefact(Emit kind) {
  switch (kind) {
  case Emit::SharedObject:
    return ArtefactKind::SharedObject;
  case Emit::Object:
    return ArtefactKind::Object;
  case Emit::Assembly:
    return ArtefactKind::Assembly;
  case Emit::LLVMIR:
    return ArtefactKind::LLVMIR;
  default:
    return std::nullopt;
  }
}

static std::optional<DeviceArtefact> getDeviceArtefact(Emit kind) {
  switch (kind) {
  case Emit::LLVMIR:
    return DeviceArtefact::LLVMIR;
  case Emit::PTX:
    return DeviceArtefact::PTX;
  case Emit::Cubin:
    return DeviceArtefact::Cubin;
  case Emit::FatBinary:
    return DeviceArtefact::FatBinary;
  default:
    return std::nullopt;
  }
}

/// Refuses options of the other target.
static LogicalResult checkTargetOptions(Emit kind) {
  bool isGPU = targetKind == Target::NVVM;
  const llvm::cl::Option *others[] = {&cpu, &sanitizer, &fromLLVMDialect,
                                      &tuned, &tuningKey};
  const llvm::cl::Option *gpuOptions[] = {&chip, &residentBlocks, &ptxFile,
                                          &descriptionFile, &launcherFile};
  for (const llvm::cl::Option *option :
       isGPU ? ArrayRef(others) : ArrayRef(gpuOptions))
    if (option->getNumOccurrences() != 0) {
      reportError() << "--" << option->ArgStr
                    << " is an option of --target=" << (isGPU ? "cpu" : "nvvm")
                    << "\n";
      return failure();
    }
  if (isGPU ? getDeviceArtefact(kind).has_value()
            : getCPUArtefact(kind).has_value())
    return success();
  if (isGPU)
    reportError()
        << "--target=nvvm writes ll, ptx, cubin or fatbin, the launches as "
           "JSON, and with --launcher a C file to compile with a program\n";
  else
    reportError() << "PTX, cubins and fat binaries need --target=nvvm\n";
  return failure();
}

/// Refuses options that ask for files that there cannot be.
static LogicalResult checkCompanions(Emit kind) {
  if (targetKind == Target::CPU)
    return success();
  if (launcherFile.empty() && headerFile.getNumOccurrences() != 0) {
    reportError() << "--header declares what a launcher defines: "
                     "--target=nvvm needs --launcher, too\n";
    return failure();
  }
  if (!ptxFile.empty() && kind != Emit::Cubin && kind != Emit::FatBinary) {
    reportError() << "--ptx writes what a cubin or a fat binary is made of; "
                     "PTX alone is --emit=ptx\n";
    return failure();
  }
  if (!launcherFile.empty() && kind == Emit::LLVMIR) {
    reportError() << "a launcher holds what the driver loads: PTX, a cubin or "
                     "a fat binary, and no LLVM IR\n";
    return failure();
  }
  return success();
}

/// The file that an option names, or else one beside `other`.
static std::string getCompanion(const llvm::cl::opt<std::string> &option,
                                StringRef other, StringRef extension) {
  if (option.getNumOccurrences())
    return option;
  if (other.empty() || other == "-")
    return "";
  SmallString<128> path(other);
  llvm::sys::path::replace_extension(path, extension);
  return path.str().str();
}

static LogicalResult checkDistinct(const Outputs &outputs) {
  std::pair<StringRef, StringRef> files[] = {
      {"the output", outputs.file},
      {"the header", outputs.header},
      {"the PTX", outputs.ptx},
      {"the launches", outputs.description},
      {"the launcher", outputs.launcher}};
  for (auto [index, file] : llvm::enumerate(files))
    for (auto &earlier : ArrayRef(files).take_front(index)) {
      if (file.second.empty() || file.second != earlier.second)
        continue;
      reportError() << file.first << " and " << earlier.first << " are both '"
                    << file.second << "'\n";
      return failure();
    }
  return success();
}

static FailureOr<Outputs> getOutputs() {
  if (outputFile.empty()) {
    reportError() << "no output file; name one with -o, as in -o op.so\n";
    return failure();
  }
  Outputs outputs;
  outputs.file = outputFile;
  std::optional<Emit> kind = getKindOf(outputFile);
  if (emitKind.getNumOccurrences())
    kind = emitKind;
  if (!kind) {
    reportError() << "the extension of '" << outputFile
                  << "' does not say what to write; it must be "
                  << (targetKind == Target::CPU
                          ? ".so, .o, .s or .ll"
                          : ".ptx, .cubin, .fatbin or .ll")
                  << ", or --emit must say it\n";
    return failure();
  }
  outputs.kind = *kind;
  if (failed(checkTargetOptions(*kind)) || failed(checkCompanions(*kind)))
    return failure();
  if (targetKind == Target::NVVM) {
    outputs.description = getCompanion(descriptionFile, outputFile, ".json");
    outputs.ptx = ptxFile;
    outputs.launcher = launcherFile;
    outputs.header = getCompanion(headerFile, launcherFile, ".h");
  } else {
    outputs.header = getCompanion(headerFile, outputFile, ".h");
  }
  if (failed(checkDistinct(outputs)))
    return failure();
  if (optLevel > 3) {
    reportError() << "--opt-level is " << optLevel
                  << ", but must be between 0 and 3\n";
    return failure();
  }
  return outputs;
}

/// Calls `resolve` where there is no source location to report at: its
/// diagnostics name the flag.
template <typename T>
static FailureOr<T>
resolve(MLIRContext &context, StringRef flag,
        function_ref<FailureOr<T>(function_ref<InFlightDiagnostic()>)> get) {
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    reportError() << "--" << flag << ": " << diagnostic << "\n";
    return success();
  });
  return get([&] { return emitError(UnknownLoc::get(&context)); });
}

/// Sets what the pipeline needs to know beside the target, from the flags.
static LogicalResult setOptions(AttnToLLVMOptions &options) {
  attn::setOptions(options, flags);
  options.precision = precision;
  options.maxFootprint = maxFootprint;
  options.fastMath = fastMath;
  if (bf16Products.getNumOccurrences())
    options.bf16Products = bf16Products;
  if (options.bf16Products == "pairs" && !options.bf16) {
    reportError() << "--bf16-products is 'pairs', but the target has no "
                     "instructions for them; it must be f32\n";
    return failure();
  }
  if (options.bf16Products == "tiles" && !options.amx) {
    reportError() << "--bf16-products is 'tiles', but the target has no matrix "
                     "unit for them (AMX with BF16)\n";
    return failure();
  }
  std::optional<WrongOption> wrong = findWrongOption(options);
  if (!wrong)
    return success();
  reportError() << "--" << wrong->name << " " << wrong->complaint << "\n";
  return failure();
}

/// Lowers the operator in `module` to a kernel module.
static LogicalResult
lowerToKernelModule(ModuleOp module, const AttnToLLVMOptions &options,
                    void (*build)(OpPassManager &, const AttnToLLVMOptions &)) {
  PassManager manager(module.getContext());
  if (failed(applyPassManagerCLOptions(manager)))
    return failure();
  applyDefaultTimingPassManagerCLOptions(manager);
  manager.enableVerifier(verifyEach);
  build(manager, options);
  if (failed(manager.run(module)))
    return failure();
  return verifyEach ? success() : verify(module);
}

static std::unique_ptr<OperatorFile> readFile(MLIRContext &context) {
  auto reportFile = [](StringRef message) { reportError() << message << "\n"; };
  return OperatorFile::read(flags.inputFile, &context, reportFile);
}

/// Takes the mapping of the file --tuned, if it holds one.
static LogicalResult applyTuned(const TuningKey &key,
                                AttnToLLVMOptions &options) {
  auto remark = [](const Twine &text) {
    llvm::WithColor::remark(llvm::errs(), "attn-compile")
        << "--tuned: " << text << "\n";
  };
  auto report = [](const Twine &text) {
    reportError() << "--tuned: " << text << "\n";
  };
  if (failed(applyTunedOptions(tuned, key, flags, options, remark, report)))
    return failure();
  std::optional<WrongOption> wrong = findWrongOption(options);
  if (wrong)
    report("option '" + wrong->name + "' " + wrong->complaint);
  return failure(wrong.has_value());
}

static LogicalResult compileForCPU(MLIRContext &context,
                                   const Outputs &outputs) {
  FailureOr<CPUTarget> target = resolve<CPUTarget>(
      context, "cpu", [](auto report) { return CPUTarget::get(cpu, report); });
  if (failed(target))
    return failure();
  AttnToLLVMOptions options;
  setTarget(options, *target);
  if (failed(setOptions(options)))
    return failure();
  std::unique_ptr<OperatorFile> file = readFile(context);
  if (!file)
    return failure();
  TuningKey key = getTuningKey(file->getModule(), target->getCPU());
  if (tuningKey) {
    printTuningKey(key, llvm::outs());
    return success();
  }
  if (!tuned.empty() && failed(applyTuned(key, options)))
    return failure();
  if (cpu == "host" || cpu == "native")
    llvm::errs() << "attn-compile: compiling for the host CPU, "
                 << target->getCPU() << "\n";
  if (!fromLLVMDialect && failed(lowerToKernelModule(file->getModule(), options,
                                                     buildAttnToLLVMPipeline)))
    return failure();
  CompileOptions compileOptions{*target,    sanitizer,    optLevel,
                                kernelName, maxFootprint, checkValues};
  return compileKernels(file->getModule(), compileOptions,
                        *getCPUArtefact(outputs.kind), outputs.file,
                        outputs.header);
}

static LogicalResult compileForGPU(MLIRContext &context,
                                   const Outputs &outputs) {
  FailureOr<NVVMTarget> target =
      resolve<NVVMTarget>(context, "chip", [](auto report) {
        return NVVMTarget::get(chip, report);
      });
  if (failed(target))
    return failure();
  AttnToLLVMOptions options;
  setTarget(options, *target);
  options.checkValues = checkValues;
  options.residentBlocks = residentBlocks;
  if (failed(setOptions(options)))
    return failure();
  std::unique_ptr<OperatorFile> file = readFile(context);
  if (!file)
    return failure();
  if (!kernelName.empty()) {
    func::FuncOp kernel = getKernelFunction(file->getModule());
    if (!kernel)
      return failure();
    kernel.setName(kernelName);
  }
  if (failed(lowerToKernelModule(file->getModule(), options,
                                 buildAttnToNVVMPipeline)))
    return failure();
  return compileDevice(file->getModule(), {*target, optLevel, maxFootprint},
                       *getDeviceArtefact(outputs.kind),
                       {outputs.file, outputs.ptx, outputs.description,
                        outputs.launcher, outputs.header});
}

static LogicalResult compile() {
  // A key needs no place to be written to.
  FailureOr<Outputs> outputs =
      tuningKey && targetKind == Target::CPU ? Outputs() : getOutputs();
  if (failed(outputs))
    return failure();
  DialectRegistry registry;
  registerCompilerDialects(registry);
  MLIRContext context(registry);
  // The operation is often the whole module, which would bury the message.
  context.printOpOnDiagnostic(false);
  return targetKind == Target::CPU ? compileForCPU(context, *outputs)
                                   : compileForGPU(context, *outputs);
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  registerDebugOption();
  registerAsmPrinterCLOptions();
  registerMLIRContextCLOptions();
  registerPassManagerCLOptions();
  registerDefaultTimingManagerCLOptions();
  llvm::cl::HideUnrelatedOptions(category);
  llvm::cl::ParseCommandLineOptions(argc, argv, kOverview);
  return succeeded(compile()) ? 0 : 1;
}
