//===- Module.h - A module of PTX as it was read ----------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PTXSIM_MODULE_H
#define ATTN_PTXSIM_MODULE_H

#include "Types.h"
#include <map>
#include <memory>

namespace ptxsim {

/// A variable of any state space, and a parameter of a function.
struct Variable {
  /// Where the address of another variable is added to the initial value.
  struct Relocation {
    uint64_t offset;
    std::string_view symbol;
    uint64_t addend;
    bool isGeneric;
    unsigned line;
  };

  std::string_view name;
  Space space = Space::Global;
  unsigned line = 0;
  unsigned align = 1;
  uint64_t bytes = 0;
  /// Of .extern .shared name[]: as large as the launch says.
  bool isDynamic = false;
  /// A parameter of an entry, in the launch's argument buffer; other .param and
  /// .local variables lie in the frames of functions.
  bool isKernelParameter = false;
  std::vector<uint8_t> initial;
  std::vector<Relocation> relocations;
  /// In its space; within the frame for .local and .param.
  uint64_t address = 0;
};

struct ParsedOperand {
  enum Kind : uint8_t {
    Register,
    Special, // a special register: `value` is its number
    Integer, // `value`
    Float32, // `value` holds the bits
    Float64, // likewise
    Symbol,  // a variable plus `value`
    Name,    // a label or a function
    Address, // [register or variable, plus `value`]
    List,    // {...} or (...)
    Pair,    // a|b
    Sink     // _
  };
  Kind kind = Integer;
  unsigned line = 0;
  bool isNegated = false;
  uint64_t value = 0;
  unsigned reg = 0;
  /// Of an address.
  bool hasRegister = false;
  const Variable *variable = nullptr;
  std::string_view name;
  /// Of a name: the block of braces it stands in.
  unsigned scope = 0;
  std::vector<ParsedOperand> elements;
};

struct ParsedInstruction {
  unsigned line = 0;
  /// The words between dots.
  std::vector<std::string_view> parts;
  std::vector<ParsedOperand> operands;
  std::optional<unsigned> guard;
  bool isGuardNegated = false;

  std::string getOpcode() const {
    std::string text;
    for (std::string_view part : parts)
      text += (text.empty() ? "" : ".") + std::string(part);
    return text;
  }
};

/// A register of a function and where it lies in its frame: 32 lanes beside
/// each other, or a mask of 32 bits for a predicate.
struct Register {
  Type type;
  uint32_t offset;
};

struct Function {
  std::string_view name;
  unsigned line = 0;
  bool isEntry = false;
  bool hasBody = false;
  std::vector<Variable *> parameters;
  std::vector<Variable *> results;
  std::vector<Register> registers;
  uint32_t registerBytes = 0;
  /// Of a thread: its .local variables and its .param variables for calls.
  uint64_t frameBytes = 0;
  std::vector<ParsedInstruction> body;
  /// Labels by the block of braces and name; each is an index into the body.
  std::map<std::pair<unsigned, std::string_view>, unsigned> labels;
  std::map<std::pair<unsigned, std::string_view>, std::vector<std::string_view>>
      branchTargets;
  /// The block that each block of braces stands in.
  std::vector<unsigned> outerScope;
  /// 0 where the directive is absent.
  uint64_t maxThreads[3] = {0, 0, 0};
  uint64_t requiredThreads[3] = {0, 0, 0};
  /// Where its instructions begin in the program.
  unsigned entryPoint = 0;

  /// The index of the instruction behind a label, seen from a block of braces.
  std::optional<unsigned> findLabel(std::string_view label,
                                    unsigned scope) const;
  const std::vector<std::string_view> *findTargets(std::string_view label,
                                                   unsigned scope) const;
};

struct Module {
  /// What the names point into.
  std::string text;
  std::string target;
  unsigned version = 0;
  std::vector<std::unique_ptr<Variable>> variables;
  std::vector<std::unique_ptr<Function>> functions;
  /// Variables of the whole module by name.
  std::map<std::string_view, Variable *> symbols;

  Function *findFunction(std::string_view name) const;
};

/// Reads a module and resolves its names. On an error it goes on behind the
/// next semicolon.
std::unique_ptr<Module> parseModule(std::string_view text,
                                    Diagnostics &diagnostics);

/// The number of a special register such as "%tid.x".
std::optional<unsigned> findSpecialRegister(std::string_view name);

} // namespace ptxsim

#endif // ATTN_PTXSIM_MODULE_H
