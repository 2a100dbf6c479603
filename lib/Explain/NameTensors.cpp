//===- NameTensors.cpp - Keep the names of the text -----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Explain/Explain.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::attn;

/// The name that stands at `range`, without its sigil; empty for a number,
/// which says nothing.
static StringRef getName(SMRange range) {
  if (!range.isValid())
    return {};
  const char *begin = range.Start.getPointer();
  StringRef text(begin, range.End.getPointer() - begin);
  text.consume_front("%");
  text = text.take_until([](char c) { return c == ':' || c == '#'; });
  return llvm::all_of(text, llvm::isDigit) ? StringRef() : text;
}

void attn::nameTensors(const AsmParserState &state) {
  for (const AsmParserState::OperationDefinition &definition :
       state.getOpDefs()) {
    Operation *op = definition.op;
    if (!isa<EinsumOp>(op) || definition.resultGroups.empty())
      continue;
    StringRef name = getName(definition.resultGroups[0].definition.loc);
    if (!name.empty())
      op->setLoc(
          NameLoc::get(StringAttr::get(op->getContext(), name), op->getLoc()));
  }
  for (const AsmParserState::BlockDefinition &definition :
       state.getBlockDefs()) {
    Block *block = definition.block;
    if (!isa_and_nonnull<CascadeOp, IterateOp>(block->getParentOp()))
      continue;
    for (auto [argument, source] :
         llvm::zip(block->getArguments(), definition.arguments)) {
      StringRef name = getName(source.loc);
      if (!name.empty())
        argument.setLoc(NameLoc::get(
            StringAttr::get(argument.getContext(), name), argument.getLoc()));
    }
  }
}
