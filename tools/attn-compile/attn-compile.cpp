//===- attn-compile.cpp - Compile an operator to a native kernel ----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Support/Debug.h"
#include "attn/Support/OperatorFile.h"
#include "attn/Target/CPU/Compile.h"
#include "attn/Target/Compiler/Compiler.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Pass/PassManager.h"
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

op.mlir holds one public function on tensors; the kernel has its name. The
functions that a program calls are declared in the header; docs/c-abi.md
describes them. Where a pass fails, --mlir-pass-pipeline-crash-reproducer=FILE
writes what attn-opt --run-reproducer needs; --mlir-print-ir-after-all shows
every stage. --help-hidden lists the options that all MLIR tools share.
)";

llvm::cl::OptionCategory category("attn-compile options");

OperatorFlags flags(category);

llvm::cl::opt<std::string>
    outputFile("o",
               llvm::cl::desc("Output file; its extension (.so, .o, .s, .ll) "
                              "says what is written"),
               llvm::cl::value_desc("file"), llvm::cl::cat(category));

llvm::cl::opt<ArtefactKind>
    emitKind("emit", llvm::cl::desc("What to write, whatever the extension:"),
             llvm::cl::values(
                 clEnumValN(ArtefactKind::SharedObject, "so", "shared object"),
                 clEnumValN(ArtefactKind::Object, "o", "object"),
                 clEnumValN(ArtefactKind::Assembly, "s", "assembly"),
                 clEnumValN(ArtefactKind::LLVMIR, "ll", "optimised LLVM IR")),
             llvm::cl::cat(category));

llvm::cl::opt<std::string> cpu(
    "cpu",
    llvm::cl::desc("CPU to compile for: host (the default), x86-64, x86-64-v2, "
                   "x86-64-v3, x86-64-v4, or a name that LLVM knows, like "
                   "znver4"),
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
               llvm::cl::desc("C header to write (default: beside the output, "
                              "with extension .h; empty: none)"),
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

llvm::cl::opt<int64_t> maxFootprint(
    "max-footprint",
    llvm::cl::desc("Bytes of workspace that a call may allocate (default 4 "
                   "GiB): more is refused, by the compiler where the extents "
                   "are known, else by the call; 0 is no limit"),
    llvm::cl::value_desc("bytes"), llvm::cl::init(int64_t(4) << 30),
    llvm::cl::cat(category));

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
  ArtefactKind kind;
  std::string file;
  std::string header;
};

} // namespace

static llvm::raw_ostream &reportError() {
  return llvm::WithColor::error(llvm::errs(), "attn-compile");
}

static FailureOr<Outputs> getOutputs() {
  if (outputFile.empty()) {
    reportError() << "no output file; name one with -o, as in -o op.so\n";
    return failure();
  }
  Outputs outputs;
  outputs.file = outputFile;
  std::optional<ArtefactKind> kind = getArtefactKind(outputFile);
  if (emitKind.getNumOccurrences())
    kind = emitKind;
  if (!kind) {
    reportError() << "the extension of '" << outputFile
                  << "' does not say what to write; it must be .so, .o, .s or "
                     ".ll, or --emit must say it\n";
    return failure();
  }
  outputs.kind = *kind;
  if (headerFile.getNumOccurrences()) {
    outputs.header = headerFile;
  } else if (outputFile != "-") {
    SmallString<128> path(outputFile);
    llvm::sys::path::replace_extension(path, ".h");
    outputs.header = path.str().str();
  }
  if (!outputs.header.empty() && outputs.header == outputs.file) {
    reportError() << "the header and the output are both '" << outputs.file
                  << "'\n";
    return failure();
  }
  if (optLevel > 3) {
    reportError() << "--opt-level is " << optLevel
                  << ", but must be between 0 and 3\n";
    return failure();
  }
  return outputs;
}

/// Resolves --cpu; there is no source location to report at.
static FailureOr<CPUTarget> getTarget(MLIRContext &context) {
  ScopedDiagnosticHandler handler(&context, [](Diagnostic &diagnostic) {
    reportError() << "--cpu: " << diagnostic << "\n";
    return success();
  });
  return CPUTarget::get(cpu,
                        [&] { return emitError(UnknownLoc::get(&context)); });
}

/// Sets what the pipeline needs to know, from the target and the flags.
static LogicalResult setOptions(AttnToLLVMOptions &options,
                                const CPUTarget &target) {
  setTarget(options, target);
  options.form = flags.form;
  options.passes = flags.passes;
  options.precision = precision;
  options.maxFootprint = maxFootprint;
  options.fastMath = fastMath;
  std::optional<WrongOption> wrong = findWrongOption(options);
  if (!wrong)
    return success();
  reportError() << "--" << wrong->name << " " << wrong->complaint << "\n";
  return failure();
}

/// Lowers the operator in `module` to a kernel module.
static LogicalResult lowerToKernelModule(ModuleOp module,
                                         const AttnToLLVMOptions &options) {
  PassManager manager(module.getContext());
  if (failed(applyPassManagerCLOptions(manager)))
    return failure();
  applyDefaultTimingPassManagerCLOptions(manager);
  buildAttnToLLVMPipeline(manager, options);
  return manager.run(module);
}

static LogicalResult compile() {
  FailureOr<Outputs> outputs = getOutputs();
  if (failed(outputs))
    return failure();

  DialectRegistry registry;
  registerCompilerDialects(registry);
  MLIRContext context(registry);
  // The operation is often the whole module, which would bury the message.
  context.printOpOnDiagnostic(false);
  FailureOr<CPUTarget> target = getTarget(context);
  if (failed(target))
    return failure();

  AttnToLLVMOptions options;
  if (failed(setOptions(options, *target)))
    return failure();
  auto reportFile = [](StringRef message) { reportError() << message << "\n"; };
  std::unique_ptr<OperatorFile> file =
      OperatorFile::read(flags.inputFile, &context, reportFile);
  if (!file)
    return failure();

  if (cpu == "host" || cpu == "native")
    llvm::errs() << "attn-compile: compiling for the host CPU, "
                 << target->getCPU() << "\n";
  if (!fromLLVMDialect &&
      failed(lowerToKernelModule(file->getModule(), options)))
    return failure();
  CompileOptions compileOptions{*target,    sanitizer,    optLevel,
                                kernelName, maxFootprint, checkValues};
  return compileKernels(file->getModule(), compileOptions, outputs->kind,
                        outputs->file, outputs->header);
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
