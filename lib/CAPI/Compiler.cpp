//===- Compiler.cpp - The compiler as a library ---------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn-c/compiler.h"

#include "attn/Conversion/Passes.h"
#include "attn/Conversion/Pipelines.h"
#include "attn/Pipelines/Passes.h"
#include "attn/Target/CPU/Compile.h"
#include "attn/Target/Compiler/Compiler.h"
#include "attn/Transforms/Passes.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::attn;

static DialectRegistry makeRegistry() {
  DialectRegistry registry;
  registerCompilerDialects(registry);
  return registry;
}

/// What run_passes may name, registered once for the process.
static void registerPasses() {
  static const bool done = [] {
    registerAttnTransformsPasses();
    registerAttnConversionPasses();
    registerAttnConversionPipelines();
    registerAttnPipelinesPasses();
    registerAttnPipelines();
    registerTransformsPasses();
    return true;
  }();
  (void)done;
}

static std::string printDiagnostic(const Diagnostic &diagnostic) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << diagnostic.getLocation() << ": ";
  switch (diagnostic.getSeverity()) {
  case DiagnosticSeverity::Note:
    os << "note: ";
    break;
  case DiagnosticSeverity::Warning:
    os << "warning: ";
    break;
  case DiagnosticSeverity::Error:
    os << "error: ";
    break;
  case DiagnosticSeverity::Remark:
    os << "remark: ";
    break;
  }
  os << diagnostic;
  return text;
}

struct attn_compiler {
  attn_compiler(attn_diagnostic_fn diagnostic, void *context)
      : mlirContext(makeRegistry(), MLIRContext::Threading::DISABLED),
        handler(&mlirContext, [diagnostic, context](Diagnostic &reported) {
          if (!diagnostic)
            return success();
          diagnostic(context, printDiagnostic(reported).c_str());
          for (const Diagnostic &note : reported.getNotes())
            diagnostic(context, printDiagnostic(note).c_str());
          return success();
        }) {
    // The operation is often the whole module, which would bury the message.
    mlirContext.printOpOnDiagnostic(false);
  }

  InFlightDiagnostic emitError() {
    return mlir::emitError(UnknownLoc::get(&mlirContext));
  }

  MLIRContext mlirContext;
  ScopedDiagnosticHandler handler;
  std::optional<CPUTarget> target;
};

attn_compiler *attn_compiler_create(const char *cpu,
                                    attn_diagnostic_fn diagnostic,
                                    void *context) {
  auto compiler = std::make_unique<attn_compiler>(diagnostic, context);
  FailureOr<CPUTarget> target = CPUTarget::get(
      cpu ? cpu : "host", [&] { return compiler->emitError() << "cpu: "; });
  if (failed(target))
    return nullptr;
  compiler->target = *target;
  return compiler.release();
}

void attn_compiler_destroy(attn_compiler *compiler) { delete compiler; }

static OwningOpRef<ModuleOp> parse(attn_compiler &compiler, const char *text) {
  return parseSourceString<ModuleOp>(text, &compiler.mlirContext, "input");
}

static LogicalResult compile(attn_compiler &compiler, const char *text,
                             const attn_compile_options &given,
                             StringRef output) {
  AttnToLLVMOptions options;
  setTarget(options, *compiler.target);
  if (given.form)
    options.form = given.form;
  if (given.precision)
    options.precision = given.precision;
  if (std::optional<WrongOption> wrong = findWrongOption(options))
    return compiler.emitError()
           << "option '" << wrong->name << "' " << wrong->complaint;
  if (given.optimization < 0 || given.optimization > 3)
    return compiler.emitError()
           << "option 'optimization' is " << given.optimization
           << ", but must be between 0 and 3";
  std::optional<ArtefactKind> kind = getArtefactKind(output);
  if (!kind)
    return compiler.emitError()
           << "the extension of '" << output
           << "' does not say what to write; it must be .so, .o, .s or .ll";
  OwningOpRef<ModuleOp> module = parse(compiler, text);
  if (!module)
    return failure();

  PassManager manager(&compiler.mlirContext);
  buildAttnToLLVMPipeline(manager, options);
  if (failed(manager.run(*module)))
    return failure();
  CompileOptions compileOptions{*compiler.target, Sanitizer::None,
                                static_cast<unsigned>(given.optimization),
                                given.name ? given.name : ""};
  return compileKernels(*module, compileOptions, *kind, output,
                        /*headerFileName=*/"");
}

int attn_compiler_compile(attn_compiler *compiler, const char *text,
                          const attn_compile_options *options,
                          const char *output) {
  static const attn_compile_options defaults = {nullptr, nullptr, nullptr, 3};
  return succeeded(
             compile(*compiler, text, options ? *options : defaults, output))
             ? 0
             : 1;
}

int attn_compiler_run_passes(attn_compiler *compiler, const char *text,
                             const char *pipeline, attn_diagnostic_fn result,
                             void *resultContext) {
  registerPasses();
  OwningOpRef<ModuleOp> module = parse(*compiler, text);
  if (!module)
    return 1;
  std::string problem;
  llvm::raw_string_ostream os(problem);
  FailureOr<OpPassManager> passes = parsePassPipeline(pipeline, os);
  if (failed(passes)) {
    compiler->emitError() << "pass pipeline '" << pipeline << "': " << problem;
    return 1;
  }
  PassManager manager(&compiler->mlirContext, passes->getOpAnchorName());
  static_cast<OpPassManager &>(manager) = *passes;
  if (failed(manager.run(*module)))
    return 1;
  if (result) {
    std::string printed;
    llvm::raw_string_ostream stream(printed);
    module->print(stream);
    result(resultContext, printed.c_str());
  }
  return 0;
}
