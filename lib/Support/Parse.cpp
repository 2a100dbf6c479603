//===- Parse.cpp - Reading operators with their names ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Support/Parse.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/AsmParser/AsmParserState.h"
#include "mlir/Bytecode/BytecodeReader.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace mlir::attn;

/// The name that stands at `range`, without its sigil; empty for a number,
/// which says nothing.
static StringRef getName(SMRange range) {
  if (!range.isValid())
    return {};
  const char *begin = range.Start.getPointer();
  StringRef text(begin, range.End.getPointer() - begin);
  if (!text.consume_front("%"))
    return {};
  text = text.take_until([](char c) { return c == ':' || c == '#'; });
  return llvm::all_of(text, llvm::isDigit) ? StringRef() : text;
}

static Location addName(Location loc, StringRef name) {
  if (name.empty() || isa<NameLoc>(loc))
    return loc;
  return NameLoc::get(StringAttr::get(loc.getContext(), name), loc);
}

/// Puts the names that tensors have in the text into their locations, which
/// passes keep.
static void nameTensors(const AsmParserState &state) {
  for (const AsmParserState::OperationDefinition &definition :
       state.getOpDefs())
    if (isa<EinsumOpInterface>(definition.op) &&
        !definition.resultGroups.empty()) {
      StringRef name = getName(definition.resultGroups[0].definition.loc);
      definition.op->setLoc(addName(definition.op->getLoc(), name));
    }
  for (const AsmParserState::BlockDefinition &definition :
       state.getBlockDefs()) {
    Block *block = definition.block;
    if (!block->isEntryBlock() ||
        !isa_and_nonnull<CascadeOp, IterateOp, FunctionOpInterface>(
            block->getParentOp()))
      continue;
    for (auto [argument, source] :
         llvm::zip(block->getArguments(), definition.arguments))
      argument.setLoc(addName(argument.getLoc(), getName(source.loc)));
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
    nameTensors(state);
  return module;
}
