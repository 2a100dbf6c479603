//===- Parser.cpp - Modules and declarations of PTX -----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Parser.h"
#include <cstring>

using namespace ptxsim;

std::unique_ptr<Module> ptxsim::parseModule(std::string_view text,
                                            Diagnostics &diagnostics) {
  auto module = std::make_unique<Module>();
  module->text = std::string(text);
  Parser(*module, diagnostics).parse();
  return module;
}

Function *Module::findFunction(std::string_view name) const {
  Function *found = nullptr;
  for (const std::unique_ptr<Function> &function : functions)
    if (function->name == name && (!found || function->hasBody))
      found = function.get();
  return found;
}

Parser::Parser(Module &module, Diagnostics &diagnostics)
    : module(module), diagnostics(diagnostics),
      tokens(tokenize(module.text, diagnostics)) {}

// ---- tokens ---- //

const Token &Parser::peek(unsigned ahead) const {
  return tokens[std::min(at + ahead, tokens.size() - 1)];
}

Token Parser::take() {
  const Token &token = peek();
  if (token.kind != Token::End)
    ++at;
  return token;
}

bool Parser::takeIf(char punctuation) {
  if (!peek().is(punctuation))
    return false;
  ++at;
  return true;
}

bool Parser::takeIfDotted(std::string_view name) {
  if (peek().kind != Token::Dotted || peek().text != name)
    return false;
  ++at;
  return true;
}

bool Parser::error(const std::string &message) {
  diagnostics.push_back({peek().line, message});
  return false;
}

bool Parser::expect(char punctuation) {
  if (takeIf(punctuation))
    return true;
  std::string found = peek().kind == Token::End
                          ? "the end"
                          : "'" + std::string(peek().text) + "'";
  return error(std::string("expected '") + punctuation + "', found " + found);
}

void Parser::recover() {
  while (peek().kind != Token::End && !peek().is(';') && !peek().is('}'))
    ++at;
  if (peek().is(';') || (!function && peek().is('}')))
    ++at;
}

bool Parser::parseInteger(uint64_t &value) {
  bool isNegative = takeIf('-');
  if (peek().kind != Token::Integer)
    return error("expected an integer, found '" + std::string(peek().text) +
                 "'");
  value = take().integer;
  if (isNegative)
    value = -value;
  return true;
}

// ---- the module ---- //

void Parser::parse() {
  scopes.push_back({0, {}, {}});
  while (peek().kind != Token::End)
    if (!parseTopLevel())
      recover();
  if (module.version == 0)
    diagnostics.push_back({1, "the module has no .version"});
}

bool Parser::parseTopLevel() {
  if (takeIf(';'))
    return true;
  if (peek().kind != Token::Dotted)
    return error("expected a directive, found '" + std::string(peek().text) +
                 "'");
  if (takeIfDotted("version"))
    return parseVersion();
  if (takeIfDotted("target"))
    return parseTarget();
  if (takeIfDotted("address_size")) {
    uint64_t bits;
    if (!parseInteger(bits))
      return false;
    return bits == 64 || error("only .address_size 64 is simulated");
  }
  // Debug information says nothing about execution.
  if (takeIfDotted("file")) {
    unsigned line = peek().line;
    while (peek().kind != Token::End && peek().line == line)
      take();
    return true;
  }
  if (takeIfDotted("section"))
    return skipSection();
  return parseLinkage();
}

bool Parser::parseVersion() {
  if (peek().kind != Token::Float64)
    return error("expected a version such as 8.0");
  double value;
  std::memcpy(&value, &peek().integer, sizeof(value));
  module.version = static_cast<unsigned>(value * 10 + 0.5);
  take();
  return true;
}

bool Parser::parseTarget() {
  do {
    if (peek().kind != Token::Word)
      return error("expected a target such as sm_80");
    Token token = take();
    if (module.target.empty())
      module.target = std::string(token.text);
  } while (takeIf(','));
  return true;
}

bool Parser::skipSection() {
  take();
  if (!expect('{'))
    return false;
  while (peek().kind != Token::End && !peek().is('}'))
    ++at;
  return expect('}');
}

bool Parser::parseLinkage() {
  bool isExternal = false;
  while (true) {
    if (takeIfDotted("extern"))
      isExternal = true;
    else if (!takeIfDotted("visible") && !takeIfDotted("weak") &&
             !takeIfDotted("common"))
      break;
  }
  if (takeIfDotted("entry"))
    return parseFunction(/*isEntry=*/true);
  if (takeIfDotted("func"))
    return parseFunction(/*isEntry=*/false);
  if (takeIfDotted("global"))
    return parseVariables(Space::Global, isExternal);
  if (takeIfDotted("const"))
    return parseVariables(Space::Const, isExternal);
  if (takeIfDotted("shared"))
    return parseVariables(Space::Shared, isExternal);
  return error("the directive '." + std::string(peek().text) +
               "' is not simulated here");
}

// ---- variables ---- //

Variable *Parser::findVariable(std::string_view name) const {
  for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope) {
    auto found = scope->variables.find(name);
    if (found != scope->variables.end())
      return found->second;
  }
  return nullptr;
}

Variable *Parser::addVariable(std::unique_ptr<Variable> variable) {
  Variable *added = variable.get();
  Variable *&slot = scopes.back().variables[added->name];
  // A declaration may stand in front of the definition.
  if (slot && scopes.size() == 1) {
    if (slot->bytes < added->bytes || !added->initial.empty()) {
      slot->bytes = added->bytes;
      slot->initial = added->initial;
      slot->relocations = added->relocations;
      slot->isDynamic = added->isDynamic;
    }
    slot->align = std::max(slot->align, added->align);
    return slot;
  }
  if (slot)
    error("'" + std::string(added->name) + "' is declared twice");
  slot = added;
  if (scopes.size() == 1)
    module.symbols[added->name] = added;
  module.variables.push_back(std::move(variable));
  return added;
}

bool Parser::parseVariables(Space space, bool isExternal) {
  auto first = std::make_unique<Variable>();
  first->space = space;
  if (!parseVariable(*first, /*isParameter=*/false))
    return false;
  bool isFrame = space == Space::Local || space == Space::Param;
  if (first->bytes == 0 && space == Space::Shared && isExternal)
    first->isDynamic = true;
  else if (first->bytes == 0)
    return error("'" + std::string(first->name) + "' has no size");
  else if (isExternal && space != Space::Shared)
    return error("'" + std::string(first->name) +
                 "' is defined elsewhere; one module is simulated");
  Variable *variable = addVariable(std::move(first));
  if (isFrame)
    placeInFrame(*variable);
  if (peek().is(','))
    return error("one variable is declared at a time");
  return expect(';');
}

/// Alignment, type, name, extents and value.
bool Parser::parseVariable(Variable &variable, bool isParameter) {
  uint64_t align = 0;
  unsigned vector = 1;
  std::optional<Type> type;
  bool isPointer = false;
  while (peek().kind == Token::Dotted) {
    std::string_view word = take().text;
    if (word == "align") {
      uint64_t value;
      if (!parseInteger(value))
        return false;
      if (value == 0 || (value & (value - 1)))
        return error("an alignment is a power of two");
      // Behind .ptr it is that of what the parameter points to.
      if (!isPointer)
        align = value;
    } else if (word == "attribute") {
      if (!expect('('))
        return false;
      while (peek().kind != Token::End && !takeIf(')'))
        ++at;
    } else if (word == "v2" || word == "v4") {
      vector = word == "v2" ? 2 : 4;
    } else if (isParameter && word == "ptr") {
      isPointer = true;
    } else if (!(isPointer && (word == "global" || word == "shared" ||
                               word == "const" || word == "local"))) {
      type = parseType(word);
      if (!type || *type == Type::Pred)
        return error("'." + std::string(word) + "' is no type of a variable");
    }
  }
  if (!type)
    return error("expected a type");
  if (peek().kind != Token::Word)
    return error("expected a name");
  variable.line = peek().line;
  variable.name = take().text;
  unsigned elementBytes = getBytes(*type);
  variable.bytes = uint64_t(elementBytes) * vector;
  variable.align = static_cast<unsigned>(
      align ? align : std::max<uint64_t>(variable.bytes, 1));
  while (takeIf('[')) {
    uint64_t extent = 0;
    if (!peek().is(']') && !parseInteger(extent))
      return false;
    variable.bytes *= extent;
    if (!expect(']'))
      return false;
  }
  if (!isParameter && takeIf('='))
    return parseInitializer(variable, elementBytes);
  return true;
}

bool Parser::parseInitializer(Variable &variable, unsigned elementBytes) {
  if (variable.space != Space::Global && variable.space != Space::Const)
    return error("only .global and .const variables have initial values");
  if (!parseInitialValue(variable, elementBytes))
    return false;
  if (variable.bytes == 0)
    variable.bytes = variable.initial.size();
  if (variable.initial.size() > variable.bytes)
    return error("'" + std::string(variable.name) +
                 "' has more initial values than elements");
  return true;
}

bool Parser::parseInitialValue(Variable &variable, unsigned elementBytes) {
  if (takeIf('{')) {
    while (!takeIf('}')) {
      if (!parseInitialValue(variable, elementBytes))
        return false;
      if (!takeIf(',') && !peek().is('}'))
        return expect('}');
    }
    return true;
  }
  uint64_t value = 0;
  if (peek().kind == Token::Word) {
    // An address: name, generic(name), either plus a number.
    bool isGeneric = peek().text == "generic" && peek(1).is('(');
    if (isGeneric) {
      take();
      take();
    }
    Variable::Relocation relocation{variable.initial.size(), take().text, 0,
                                    isGeneric, peek().line};
    if (isGeneric && !expect(')'))
      return false;
    if (takeIf('+') && !parseInteger(relocation.addend))
      return false;
    if (elementBytes != 8)
      return error("an address takes 8 bytes");
    variable.relocations.push_back(relocation);
  } else if (peek().kind == Token::Float32 || peek().kind == Token::Float64) {
    unsigned bytes = peek().kind == Token::Float32 ? 4 : 8;
    value = take().integer;
    if (elementBytes == 4 && bytes == 8) {
      double wide;
      std::memcpy(&wide, &value, sizeof(wide));
      float narrow = static_cast<float>(wide);
      value = 0;
      std::memcpy(&value, &narrow, sizeof(narrow));
    } else if (elementBytes != bytes) {
      return error("the initial value has another size than the element");
    }
  } else if (!parseInteger(value)) {
    return false;
  }
  for (unsigned byte = 0; byte < elementBytes; ++byte)
    variable.initial.push_back(static_cast<uint8_t>(value >> (8 * byte)));
  return true;
}
