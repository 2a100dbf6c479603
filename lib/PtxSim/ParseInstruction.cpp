//===- ParseInstruction.cpp - Instructions of PTX -------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Parser.h"

using namespace ptxsim;

bool Parser::parseInstruction() {
  ParsedInstruction instruction;
  instruction.line = peek().line;
  if (takeIf('@')) {
    instruction.isGuardNegated = takeIf('!');
    std::optional<unsigned> guard = findRegister(peek().text);
    if (!guard || function->registers[*guard].type != Type::Pred)
      return error("'" + std::string(peek().text) + "' is no predicate");
    instruction.guard = guard;
    take();
  }
  if (peek().kind != Token::Word)
    return error("expected an instruction, found '" + std::string(peek().text) +
                 "'");
  instruction.line = peek().line;
  instruction.parts.push_back(take().text);
  while (peek().kind == Token::Dotted)
    instruction.parts.push_back(take().text);
  while (!peek().is(';')) {
    instruction.operands.emplace_back();
    if (!parseOperand(instruction.operands.back()))
      return false;
    if (!takeIf(',') && !peek().is(';'))
      return expect(';');
  }
  take();
  function->body.push_back(std::move(instruction));
  return true;
}

bool Parser::parseOperand(ParsedOperand &operand) {
  if (!parsePlainOperand(operand))
    return false;
  if (!takeIf('|'))
    return true;
  ParsedOperand pair;
  pair.kind = ParsedOperand::Pair;
  pair.line = operand.line;
  pair.elements.push_back(std::move(operand));
  pair.elements.emplace_back();
  if (!parsePlainOperand(pair.elements.back()))
    return false;
  operand = std::move(pair);
  return true;
}

bool Parser::parsePlainOperand(ParsedOperand &operand) {
  operand.line = peek().line;
  if (takeIf('['))
    return parseAddress(operand);
  if (takeIf('{'))
    return parseList(operand, '}');
  if (takeIf('('))
    return parseList(operand, ')');
  operand.isNegated = takeIf('!');
  if (peek().kind == Token::Word)
    return parseWordOperand(operand);
  bool isMinus = takeIf('-');
  Token token = peek();
  operand.value = token.integer;
  if (token.kind == Token::Integer)
    operand.kind = ParsedOperand::Integer;
  else if (token.kind == Token::Float32)
    operand.kind = ParsedOperand::Float32;
  else if (token.kind == Token::Float64)
    operand.kind = ParsedOperand::Float64;
  else
    return error("expected an operand, found '" + std::string(token.text) +
                 "'");
  take();
  if (isMinus && operand.kind == ParsedOperand::Integer)
    operand.value = -operand.value;
  else if (isMinus)
    operand.value ^= operand.kind == ParsedOperand::Float32 ? uint64_t(1) << 31
                                                            : uint64_t(1) << 63;
  return true;
}

bool Parser::parseWordOperand(ParsedOperand &operand) {
  std::string_view word = take().text;
  if (word == "_") {
    operand.kind = ParsedOperand::Sink;
    return true;
  }
  if (std::optional<unsigned> reg = findRegister(word)) {
    if (peek().kind == Token::Dotted && peek().adjacent)
      return error("elements of registers are not simulated");
    operand.kind = ParsedOperand::Register;
    operand.reg = *reg;
    return true;
  }
  if (word[0] == '%') {
    std::string name(word);
    if (peek().kind == Token::Dotted && peek().adjacent)
      name += "." + std::string(take().text);
    std::optional<unsigned> special = findSpecialRegister(name);
    if (!special)
      return error("there is no register '" + name + "'");
    operand.kind = ParsedOperand::Special;
    operand.value = *special;
    return true;
  }
  if (Variable *variable = findVariable(word)) {
    operand.kind = ParsedOperand::Symbol;
    operand.variable = variable;
    if (takeIf('+'))
      return parseInteger(operand.value);
    return true;
  }
  operand.kind = ParsedOperand::Name;
  operand.name = word;
  operand.scope = scopes.back().id;
  return true;
}

bool Parser::parseAddress(ParsedOperand &operand) {
  operand.kind = ParsedOperand::Address;
  if (peek().kind == Token::Word) {
    ParsedOperand base;
    if (!parseWordOperand(base))
      return false;
    if (base.kind == ParsedOperand::Register) {
      operand.hasRegister = true;
      operand.reg = base.reg;
    } else if (base.kind == ParsedOperand::Symbol) {
      operand.variable = base.variable;
      operand.value = base.value;
    } else {
      return error("'" + std::string(base.name) + "' is not declared");
    }
    if (takeIf('+')) {
      uint64_t offset;
      if (!parseInteger(offset))
        return false;
      operand.value += offset;
    } else if (peek().is('-')) {
      uint64_t offset;
      if (!parseInteger(offset))
        return false;
      operand.value += offset;
    }
  } else if (!parseInteger(operand.value)) {
    return false;
  }
  return expect(']');
}

bool Parser::parseList(ParsedOperand &operand, char close) {
  operand.kind = ParsedOperand::List;
  while (!takeIf(close)) {
    operand.elements.emplace_back();
    if (!parseOperand(operand.elements.back()))
      return false;
    if (!takeIf(',') && !peek().is(close))
      return expect(close);
  }
  return true;
}
