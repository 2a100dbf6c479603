//===- attn-fuzz-worker.cpp - Runs inputs of the fuzzer -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Takes inputs from the standard input, one after another, and answers with one
// line each, so that many inputs share the cost of starting a process. A
// request is a line of JSON and the text of a module:
//
//   {"size": BYTES, "seconds": CPU_SECONDS, "pipeline": "...", "cpu": "..."}
//
// The answer is `accepted`, `refused` (with a located diagnostic, as it should
// be), or `defect: ` and what was wrong; behind `last ` where the process then
// ends. An input that crashes the process, or
// is not done after so many seconds of CPU time (SIGPROF), ends it: the caller
// knows which one it was. A `cpu` asks for LLVM IR of the lowered module, too.
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/Passes.h"
#include "attn/Conversion/Pipelines.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Pipelines/AttnToLLVM.h"
#include "attn/Pipelines/Passes.h"
#include "attn/Target/CPU/Compile.h"
#include "attn/Transforms/Passes.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/Verifier.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/Support/JSON.h"
#include <sys/time.h>

using namespace mlir;

/// Whether a diagnostic stands somewhere in the input.
static bool isLocated(Location location) {
  return location
      ->walk([](Location inner) {
        return isa<FileLineColLoc>(inner) ? WalkResult::interrupt()
                                          : WalkResult::advance();
      })
      .wasInterrupted();
}

namespace {
class Input {
public:
  Input(const DialectRegistry &registry, const llvm::json::Object &request,
        StringRef text)
      : registry(registry), request(request), text(text),
        context(registry, MLIRContext::Threading::DISABLED),
        handler(&context, [this](Diagnostic &diagnostic) {
          if (diagnostic.getSeverity() == DiagnosticSeverity::Error) {
            ++errors;
            lost |= !isLocated(diagnostic.getLocation());
            last = diagnostic.str();
          }
          return success();
        }) {
    context.printOpOnDiagnostic(false);
  }

  std::string run() {
    OwningOpRef<ModuleOp> module =
        parseSourceString<ModuleOp>(text, &context, "input.mlir");
    isParsed = module.get() != nullptr;
    if (!isParsed)
      return refusal("the parser");
    if (std::string defect = roundTrip(*module); !defect.empty())
      return defect;
    StringRef pipeline = request.getString("pipeline").value_or("");
    if (pipeline.empty())
      return "accepted";
    std::string message;
    llvm::raw_string_ostream stream(message);
    FailureOr<OpPassManager> passes = parsePassPipeline(pipeline, stream);
    if (failed(passes)) {
      // Pipelines refuse values that their passes could not mean, by name.
      bool isOption = StringRef(message).contains("option '") &&
                      StringRef(message).contains(", but must be ");
      return (isOption ? "refused: " : "defect: no pipeline: ") + message;
    }
    // The text names the module itself, not one in it.
    PassManager manager(&context, passes->getOpAnchorName());
    static_cast<OpPassManager &>(manager) = std::move(*passes);
    if (failed(manager.run(*module)))
      return refusal("the pipeline");
    if (errors)
      return "defect: an error does not make the pipeline fail: " + last;
    if (std::string defect = roundTripResult(*module); !defect.empty())
      return defect + " (after the pipeline)";
    StringRef cpu = request.getString("cpu").value_or("");
    return cpu.empty() ? "accepted" : translate(*module, cpu);
  }

  /// Whether the process is worth another input. Where MLIR 22 gives up on an
  /// operation with a region, it frees the values in it while an operation
  /// before it, which used a name of theirs, still lists itself as their user:
  /// what it then frees is written to once more. So much is true of
  /// `"a.b"(%m) : (index) -> ()` in front of a `tensor.generate` whose block
  /// has the argument %m and whose type is none.
  bool canGoOn() const { return isParsed; }

private:
  std::string refusal(const Twine &who) const {
    if (!errors)
      return ("defect: " + who + " fails without a diagnostic").str();
    if (lost)
      return ("defect: " + who + " reports without a location: " + last).str();
    return "refused: " + last;
  }

  static std::string print(ModuleOp module, bool generic) {
    std::string printed;
    llvm::raw_string_ostream stream(printed);
    OpPrintingFlags flags;
    if (generic)
      flags.printGenericOpForm();
    module->print(stream, flags);
    return printed;
  }

  static std::string differs(StringRef form) {
    return ("defect: the " + form + " form reads back differently").str();
  }

  /// What `check` says of the text as another process would read it, which has
  /// loaded no dialect.
  std::string readAgain(StringRef written, StringRef form,
                        function_ref<std::string(ModuleOp)> check) {
    MLIRContext fresh(registry, MLIRContext::Threading::DISABLED);
    std::string message;
    ScopedDiagnosticHandler reader(&fresh, [&](Diagnostic &diagnostic) {
      message = diagnostic.str();
      return success();
    });
    OwningOpRef<ModuleOp> again =
        parseSourceString<ModuleOp>(written, &fresh, form);
    if (!again)
      return ("defect: the " + form + " form does not read back: " + message)
          .str();
    return check(*again);
  }

  /// What verifies prints in three forms that read back as the same module.
  std::string roundTrip(ModuleOp module) {
    std::string expected = print(module, /*generic=*/true);
    std::string bytes;
    llvm::raw_string_ostream stream(bytes);
    if (failed(writeBytecodeToFile(module, stream)))
      return "defect: no bytecode can be written";
    for (const auto &text :
         {std::pair("printed", print(module, /*generic=*/false)),
          std::pair("generic", expected), std::pair("bytecode", bytes)}) {
      std::string defect = readAgain(
          text.second, text.first, [&](ModuleOp again) -> std::string {
            bool isSame = print(again, /*generic=*/true) == expected;
            return isSame ? "" : differs(text.first);
          });
      if (!defect.empty())
        return defect;
    }
    return "";
  }

  /// All that the operations of our dialect hold.
  static std::string printOurs(ModuleOp module) {
    std::string printed;
    llvm::raw_string_ostream stream(printed);
    module->walk([&](Operation *op) {
      if (isa_and_nonnull<attn::AttnDialect>(op->getDialect()))
        stream << op->getName() << op->getAttrDictionary()
               << op->getResultTypes() << "\n";
    });
    return printed;
  }

  /// The same of what a pipeline made. Operations of MLIR's own print without
  /// defaults that their builders set, such as `nontemporal = false` of
  /// memref.load, so that those are as reading the printed form makes them.
  std::string roundTripResult(ModuleOp module) {
    std::string printed = print(module, /*generic=*/false);
    return readAgain(printed, "printed", [&](ModuleOp again) {
      bool isSame = print(again, /*generic=*/false) == printed &&
                    printOurs(again) == printOurs(module);
      return isSame ? roundTrip(again) : differs("printed");
    });
  }

  std::string translate(ModuleOp module, StringRef cpu) {
    FailureOr<attn::CPUTarget> target = attn::CPUTarget::get(
        cpu, [&] { return emitError(UnknownLoc::get(&context)); });
    if (failed(target))
      return "defect: no target: " + last;
    attn::CompileOptions options{*target};
    options.optLevel = 1;
    if (failed(attn::compileKernels(module, options, attn::ArtefactKind::LLVMIR,
                                    "/dev/null",
                                    /*headerFileName=*/"")))
      return refusal("the translation");
    return "accepted";
  }

  const DialectRegistry &registry;
  const llvm::json::Object &request;
  StringRef text;
  MLIRContext context;
  unsigned errors = 0;
  bool lost = false, isParsed = false;
  std::string last;
  ScopedDiagnosticHandler handler;
};

} // namespace

/// Ends the process where an input takes more than so much CPU time.
static void limitTime(int64_t seconds) {
  itimerval timer = {};
  timer.it_value.tv_sec = static_cast<time_t>(seconds);
  setitimer(ITIMER_PROF, &timer, nullptr);
}

static bool readLine(std::string &line) {
  line.clear();
  for (int c = getchar(); c != EOF; c = getchar()) {
    if (c == '\n')
      return true;
    line.push_back(static_cast<char>(c));
  }
  return false;
}

int main() {
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registry.insert<attn::AttnDialect>();
  registerAllPasses();
  attn::registerAttnTransformsPasses();
  attn::registerAttnConversionPasses();
  attn::registerAttnConversionPipelines();
  attn::registerAttnPipelinesPasses();
  attn::registerAttnPipelines();
  attn::registerKernelTranslations(registry);

  std::string line, text;
  while (readLine(line)) {
    llvm::Expected<llvm::json::Value> request = llvm::json::parse(line);
    if (!request || !request->getAsObject()) {
      llvm::errs() << "attn-fuzz-worker: no request: " << line << "\n";
      return 2;
    }
    const llvm::json::Object &object = *request->getAsObject();
    text.resize(static_cast<size_t>(object.getInteger("size").value_or(0)));
    if (fread(text.data(), 1, text.size(), stdin) != text.size())
      return 2;
    limitTime(object.getInteger("seconds").value_or(10));
    bool goOn = false;
    std::string answer;
    {
      Input input(registry, object, text);
      answer = input.run();
      goOn = input.canGoOn();
    }
    limitTime(0);
    llvm::replace(answer, '\n', ' ');
    llvm::outs() << (goOn ? "" : "last ") << answer << "\n";
    llvm::outs().flush();
    if (!goOn)
      break;
  }
  return 0;
}
