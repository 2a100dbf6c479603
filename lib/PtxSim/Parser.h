//===- Parser.h - Reading PTX -----------------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PTXSIM_PARSER_H
#define ATTN_PTXSIM_PARSER_H

#include "Lexer.h"
#include "Module.h"
#include <set>
#include <unordered_map>

namespace ptxsim {

/// Parser.cpp reads what stands outside of functions and declarations of
/// variables; ParseFunction.cpp reads functions, ParseInstruction.cpp what is
/// in them.
class Parser {
public:
  Parser(Module &module, Diagnostics &diagnostics);

  void parse();

private:
  // ---- tokens ---- //
  const Token &peek(unsigned ahead = 0) const;
  Token take();
  bool takeIf(char punctuation);
  bool takeIfDotted(std::string_view name);
  bool expect(char punctuation);
  /// Reports an error at the next token. Always false.
  bool error(const std::string &message);
  /// Skips what is left of a statement.
  void recover();

  // ---- declarations ---- //
  bool parseTopLevel();
  bool parseVersion();
  bool parseTarget();
  bool skipSection();
  bool parseLinkage();
  /// A declaration behind the name of its space; all its variables.
  bool parseVariables(Space space, bool isExternal);
  bool parseVariable(Variable &variable, bool isParameter);
  bool parseInitializer(Variable &variable, unsigned elementBytes);
  bool parseInitialValue(Variable &variable, unsigned elementBytes);
  bool parseRegisters();
  Variable *addVariable(std::unique_ptr<Variable> variable);
  bool parseInteger(uint64_t &value);

  // ---- functions ---- //
  bool parseFunction(bool isEntry);
  bool parseParameters(std::vector<Variable *> &list, bool isKernel);
  bool parsePerformanceDirectives();
  bool parseDimensions(uint64_t (&dimensions)[3]);
  void parseBody();
  bool parseStatement();
  bool parseLabelled();
  bool parseInstruction();
  bool parseOperand(ParsedOperand &operand);
  bool parsePlainOperand(ParsedOperand &operand);
  bool parseWordOperand(ParsedOperand &operand);
  bool parseAddress(ParsedOperand &operand);
  bool parseList(ParsedOperand &operand, char close);
  void placeInFrame(Variable &variable);

  // ---- names ---- //
  struct RegisterRange {
    unsigned first;
    unsigned count;
  };
  struct Scope {
    unsigned id;
    std::unordered_map<std::string_view, RegisterRange> registers;
    std::unordered_map<std::string_view, Variable *> variables;
  };
  std::optional<unsigned> findRegister(std::string_view name) const;
  Variable *findVariable(std::string_view name) const;
  void openScope();

  Module &module;
  Diagnostics &diagnostics;
  std::vector<Token> tokens;
  size_t at = 0;
  Function *function = nullptr;
  std::vector<Scope> scopes;
};

} // namespace ptxsim

#endif // ATTN_PTXSIM_PARSER_H
