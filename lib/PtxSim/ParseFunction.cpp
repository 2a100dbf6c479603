//===- ParseFunction.cpp - Functions of PTX -------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Parser.h"
#include <cctype>

using namespace ptxsim;

std::optional<unsigned> Function::findLabel(std::string_view label,
                                            unsigned scope) const {
  while (true) {
    auto found = labels.find({scope, label});
    if (found != labels.end())
      return found->second;
    if (scope == 0)
      return std::nullopt;
    scope = outerScope[scope];
  }
}

const std::vector<std::string_view> *
Function::findTargets(std::string_view label, unsigned scope) const {
  while (true) {
    auto found = branchTargets.find({scope, label});
    if (found != branchTargets.end())
      return &found->second;
    if (scope == 0)
      return nullptr;
    scope = outerScope[scope];
  }
}

static uint64_t alignTo(uint64_t value, uint64_t align) {
  return (value + align - 1) / align * align;
}

// ---- headers ---- //

bool Parser::parseFunction(bool isEntry) {
  auto parsed = std::make_unique<Function>();
  function = parsed.get();
  function->isEntry = isEntry;
  function->line = peek().line;
  function->outerScope.push_back(0);
  // Offset 0 of a frame stays free, so that no variable has the address 0.
  function->frameBytes = isEntry ? 16 : 0;
  scopes.push_back({0, {}, {}});
  bool isParsed = [&] {
    if (peek().is('(') && !parseParameters(function->results, false))
      return false;
    if (peek().kind != Token::Word)
      return error("expected the name of a function");
    function->name = take().text;
    if (peek().is('(') && !parseParameters(function->parameters, isEntry))
      return false;
    if (!parsePerformanceDirectives())
      return false;
    if (takeIf(';'))
      return true;
    if (!expect('{'))
      return false;
    function->hasBody = true;
    parseBody();
    return true;
  }();
  scopes.pop_back();
  Function *earlier = module.findFunction(function->name);
  if (earlier && earlier->hasBody && function->hasBody)
    diagnostics.push_back({function->line, "'" + std::string(function->name) +
                                               "' is defined twice"});
  module.functions.push_back(std::move(parsed));
  function = nullptr;
  return isParsed;
}

bool Parser::parseParameters(std::vector<Variable *> &list, bool isKernel) {
  expect('(');
  uint64_t offset = 0;
  while (!takeIf(')')) {
    if (!takeIfDotted("param"))
      return error("expected .param; other parameters are not simulated");
    auto parameter = std::make_unique<Variable>();
    parameter->space = Space::Param;
    parameter->isKernelParameter = isKernel;
    if (!parseVariable(*parameter, /*isParameter=*/true))
      return false;
    list.push_back(addVariable(std::move(parameter)));
    if (isKernel) {
      offset = alignTo(offset, list.back()->align);
      list.back()->address = offset;
      offset += list.back()->bytes;
    } else {
      placeInFrame(*list.back());
    }
    if (!takeIf(',') && !peek().is(')'))
      return expect(')');
  }
  return true;
}

void Parser::placeInFrame(Variable &variable) {
  uint64_t align = std::max(variable.align, 1u);
  function->frameBytes = alignTo(function->frameBytes, align);
  variable.address = function->frameBytes;
  function->frameBytes += variable.bytes;
}

bool Parser::parseDimensions(uint64_t (&dimensions)[3]) {
  dimensions[1] = dimensions[2] = 1;
  for (unsigned axis = 0; axis < 3; ++axis) {
    if (!parseInteger(dimensions[axis]))
      return false;
    if (!takeIf(','))
      break;
  }
  return true;
}

bool Parser::parsePerformanceDirectives() {
  while (peek().kind == Token::Dotted) {
    uint64_t ignored;
    uint64_t cluster[3];
    if (takeIfDotted("maxntid")) {
      if (!parseDimensions(function->maxThreads))
        return false;
    } else if (takeIfDotted("reqntid")) {
      if (!parseDimensions(function->requiredThreads))
        return false;
    } else if (takeIfDotted("minnctapersm") || takeIfDotted("maxnreg")) {
      if (!parseInteger(ignored))
        return false;
    } else if (takeIfDotted("reqnctapercluster")) {
      if (!parseDimensions(cluster))
        return false;
      if (cluster[0] * cluster[1] * cluster[2] != 1)
        return error("clusters of several blocks are not simulated");
    } else if (takeIfDotted("pragma")) {
      take();
      if (!expect(';'))
        return false;
    } else if (!takeIfDotted("noreturn")) {
      return error("the directive '." + std::string(peek().text) +
                   "' is not simulated here");
    }
  }
  return true;
}

// ---- bodies ---- //

void Parser::openScope() {
  unsigned id = static_cast<unsigned>(function->outerScope.size());
  function->outerScope.push_back(scopes.back().id);
  scopes.push_back({id, {}, {}});
}

void Parser::parseBody() {
  size_t outermost = scopes.size();
  while (peek().kind != Token::End) {
    if (peek().is('{')) {
      take();
      openScope();
    } else if (takeIf('}')) {
      if (scopes.size() == outermost)
        return;
      scopes.pop_back();
    } else if (!parseStatement()) {
      recover();
    }
  }
  error("the body of '" + std::string(function->name) + "' does not end");
}

bool Parser::parseStatement() {
  if (takeIf(';'))
    return true;
  if (peek().kind == Token::Word && peek(1).is(':'))
    return parseLabelled();
  if (peek().kind != Token::Dotted)
    return parseInstruction();
  if (takeIfDotted("reg"))
    return parseRegisters();
  if (takeIfDotted("local"))
    return parseVariables(Space::Local, false);
  if (takeIfDotted("param"))
    return parseVariables(Space::Param, false);
  if (takeIfDotted("shared"))
    return parseVariables(Space::Shared, false);
  if (takeIfDotted("global"))
    return parseVariables(Space::Global, false);
  if (takeIfDotted("const"))
    return parseVariables(Space::Const, false);
  if (takeIfDotted("pragma")) {
    take();
    return expect(';');
  }
  if (takeIfDotted("loc")) {
    unsigned line = peek().line;
    while (peek().kind != Token::End && peek().line == line)
      take();
    return true;
  }
  return error("the directive '." + std::string(peek().text) +
               "' is not simulated here");
}

bool Parser::parseLabelled() {
  unsigned line = peek().line;
  std::string_view label = take().text;
  take();
  std::pair<unsigned, std::string_view> key(scopes.back().id, label);
  if (takeIfDotted("branchtargets")) {
    std::vector<std::string_view> &targets = function->branchTargets[key];
    do {
      if (peek().kind != Token::Word)
        return error("expected a label");
      targets.push_back(take().text);
    } while (takeIf(','));
    return expect(';');
  }
  if (peek().kind == Token::Dotted &&
      (peek().text == "callprototype" || peek().text == "calltargets"))
    return error("calls of function pointers are not simulated");
  unsigned position = static_cast<unsigned>(function->body.size());
  if (!function->labels.insert({key, position}).second)
    diagnostics.push_back(
        {line, "the label '" + std::string(label) + "' stands twice"});
  return true;
}

bool Parser::parseRegisters() {
  if (peek().kind == Token::Dotted &&
      (peek().text == "v2" || peek().text == "v4"))
    return error("registers that are vectors are not simulated");
  std::optional<Type> type;
  if (peek().kind == Token::Dotted)
    type = parseType(peek().text);
  if (!type || *type == Type::B128)
    return error("'." + std::string(peek().text) +
                 "' is no type of a simulated register");
  take();
  do {
    if (peek().kind != Token::Word)
      return error("expected the name of a register");
    std::string_view name = take().text;
    uint64_t count = 1;
    if (takeIf('<') && (!parseInteger(count) || !expect('>')))
      return false;
    if (count > (1u << 20))
      return error("so many registers are not simulated");
    bool isRange = tokens[at - 1].is('>');
    unsigned first = static_cast<unsigned>(function->registers.size());
    std::string_view key = name;
    RegisterRange range{first, isRange ? static_cast<unsigned>(count) : 0};
    if (!scopes.back().registers.insert({key, range}).second)
      return error("the register '" + std::string(name) +
                   "' is declared twice");
    unsigned bytes = *type == Type::Pred ? 4 : getBytes(*type) * warpSize;
    for (uint64_t index = 0; index < count; ++index) {
      function->registers.push_back({*type, function->registerBytes});
      function->registerBytes += (bytes + 31) / 32 * 32;
    }
  } while (takeIf(','));
  return expect(';');
}

std::optional<unsigned> Parser::findRegister(std::string_view name) const {
  size_t digits = name.size();
  while (digits > 0 &&
         std::isdigit(static_cast<unsigned char>(name[digits - 1])))
    --digits;
  for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope) {
    auto found = scope->registers.find(name);
    if (found != scope->registers.end() && found->second.count == 0)
      return found->second.first;
    // %r<4> declares %r0 to %r3; %r03 is none of them.
    for (size_t split = digits; split < name.size(); ++split) {
      if (name[split] == '0' && split + 1 != name.size())
        continue;
      found = scope->registers.find(name.substr(0, split));
      if (found == scope->registers.end() || found->second.count == 0)
        continue;
      uint64_t index = 0;
      for (char digit : name.substr(split))
        index = std::min<uint64_t>(index * 10 + (digit - '0'), UINT32_MAX);
      if (index < found->second.count)
        return found->second.first + static_cast<unsigned>(index);
    }
  }
  return std::nullopt;
}
