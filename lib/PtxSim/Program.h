//===- Program.h - Decoded instructions -------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PTXSIM_PROGRAM_H
#define ATTN_PTXSIM_PROGRAM_H

#include "Module.h"
#include <deque>
#include <unordered_map>

namespace ptxsim {

class Warp;
struct Instruction;

/// Executes an instruction for the lanes of a mask.
using Handler = void (*)(Warp &warp, const Instruction &instruction,
                         uint32_t mask);

/// Where the values of 32 lanes lie. A predicate is one word with a bit for
/// each lane.
struct Operand {
  enum Base : uint8_t { Frame, Constant, Special, Discarded };
  Base base = Constant;
  /// Of a lane; 0: a predicate.
  uint8_t bytes = 0;
  bool isNegated = false;
  uint32_t offset = 0;
  /// Index of the mask of lanes whose value is poison.
  uint32_t poison = 0;
};

/// The first poison masks of a frame: of what is never poison, and of what is
/// written nowhere.
enum : uint32_t { CleanPoison = 0, DiscardedPoison = 1, FirstPoison = 2 };

/// [base + offset]
struct AddressOperand {
  Operand base;
  uint64_t offset = 0;
  /// The offset counts from the thread's frame.
  bool isInFrame = false;
};

struct Instruction {
  enum Kind : uint8_t {
    Plain,
    /// All threads of a mask execute it together: `getMembers` says which.
    Collective,
    Barrier,
    Branch,
    IndexBranch,
    Call,
    Return,
    Exit
  };

  Handler run = nullptr;
  /// The threads of the warp that must come to a collective together.
  uint32_t (*getMembers)(Warp &, const Instruction &, uint32_t mask) = nullptr;
  const Operand *operands = nullptr;
  unsigned operandCount = 0;
  Kind kind = Plain;
  bool isGuarded = false;
  Operand guard;
  AddressOperand address;
  /// Of a copy, where from.
  AddressOperand source;
  unsigned line = 0;
  /// Of Program::opcodes.
  unsigned opcode = 0;

  // What these mean is the family's business.
  Type type = Type::B32;
  Type sourceType = Type::B32;
  Space space = Space::Generic;
  uint8_t vector = 1;
  uint8_t mode = 0;
  uint8_t flags = 0;
  uint64_t value = 0;
  std::vector<unsigned> targets;
  const Function *callee = nullptr;
};

/// The instructions of all functions, one behind the other.
struct Program {
  std::vector<Instruction> code;
  std::deque<std::vector<Operand>> operands;
  /// Immediates, each 32 times.
  std::vector<uint8_t> constants;
  std::unordered_map<std::string, uint32_t> constantOffsets;
  std::vector<std::string> opcodes;
  /// Bytes of the static shared variables, and where dynamic ones begin.
  uint64_t staticShared = 0;
  uint64_t dynamicSharedBase = 0;
  /// What is no variable in the static part, [begin, end).
  std::vector<std::pair<uint64_t, uint64_t>> sharedGaps;
};

/// Gives .shared, .global and .const variables their addresses.
void layOutVariables(Module &module, Program &program);

/// Decodes all functions; every instruction and modifier that is unknown is a
/// diagnostic.
void decode(Module &module, Program &program, Diagnostics &diagnostics);

// ---- special registers ---- //

enum SpecialRegister : uint8_t {
  TidX,
  TidY,
  TidZ,
  NtidX,
  NtidY,
  NtidZ,
  CtaidX,
  CtaidY,
  CtaidZ,
  NctaidX,
  NctaidY,
  NctaidZ,
  LaneId,
  WarpId,
  NwarpId,
  SmId,
  NsmId,
  LanemaskEq,
  LanemaskLe,
  LanemaskLt,
  LanemaskGe,
  LanemaskGt,
  DynamicSharedSize,
  TotalSharedSize,
  /// Without a cluster, each of them is 0 or 1 for all.
  ClusterZero,
  ClusterOne,
  /// Counts executed instructions; only read by mov.
  Clock,
  Clock64,
  SpecialRegisters
};

} // namespace ptxsim

#endif // ATTN_PTXSIM_PROGRAM_H
