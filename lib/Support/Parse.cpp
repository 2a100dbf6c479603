//===- Parse.cpp - Reading operators with their names ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Support/Parse.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/AsmParser/AsmParserState.h"
#include "mlir/Bytecode/BytecodeReader.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace mlir::attn;

/// Puts the names that the arguments of `block` have in the text into their
/// locations.
static void nameArguments(Block &block, const AsmParserState &state) {
  const AsmParserState::BlockDefinition *definition = state.getBlockDef(&block);
  if (!definition)
    return;
  for (auto [argument, source] :
       llvm::zip(block.getArguments(), definition->arguments)) {
    const char *begin = source.loc.Start.getPointer();
    const char *end = source.loc.End.getPointer();
    if (!begin || end - begin < 2 || *begin != '%' ||
        isa<NameLoc>(argument.getLoc()))
      continue;
    auto name = StringAttr::get(argument.getContext(),
                                StringRef(begin + 1, end - begin - 1));
    argument.setLoc(NameLoc::get(name, argument.getLoc()));
  }
}

OwningOpRef<ModuleOp>
attn::parseNamedModule(const std::shared_ptr<llvm::SourceMgr> &sourceMgr,
                       MLIRContext *context) {
  const llvm::MemoryBuffer *buffer =
      sourceMgr->getMemoryBuffer(sourceMgr->getMainFileID());
  ParserConfig config(context);
  if (isBytecode(*buffer))
    return parseSourceFile<ModuleOp>(sourceMgr, config);

  Block parsed;
  AsmParserState state;
  if (failed(parseAsmSourceFile(*sourceMgr, &parsed, config, &state)))
    return {};
  auto loc = FileLineColLoc::get(context, buffer->getBufferIdentifier(),
                                 /*line=*/0, /*column=*/0);
  OwningOpRef<ModuleOp> module =
      mlir::detail::constructContainerOpForParserIfNecessary<ModuleOp>(
          &parsed, context, loc);
  if (module)
    module->walk([&](FunctionOpInterface function) {
      if (!function.isExternal())
        nameArguments(function.getFunctionBody().front(), state);
    });
  return module;
}
