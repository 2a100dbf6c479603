//===- Decoder.h - From parsed to decoded instructions ----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PTXSIM_DECODER_H
#define ATTN_PTXSIM_DECODER_H

#include "Program.h"
#include <unordered_map>

namespace ptxsim {

/// What a family of instructions decodes its own with. Its functions return
/// false after an error; modifiers that nothing took are one, too.
class Decoder {
public:
  Decoder(Module &module, Program &program, const Function &function,
          const ParsedInstruction &parsed, Instruction &instruction,
          Diagnostics &diagnostics);

  /// Always false.
  bool error(const std::string &message);

  // ---- modifiers ---- //
  /// Whether the modifier is there; it counts as understood.
  bool take(std::string_view modifier);
  /// The first type among the modifiers.
  std::optional<Type> takeType();
  /// The index of the modifier that is there; `otherwise` if none is.
  int takeOneOf(std::initializer_list<std::string_view> modifiers,
                int otherwise = -1);
  /// All modifiers are understood.
  bool finish();
  const std::string_view &getName() const { return parsed.parts[0]; }
  bool unsupportedType(Type type);

  // ---- operands ---- //
  size_t getOperandCount() const { return parsed.operands.size(); }
  const ParsedOperand &getOperand(size_t index) const {
    return parsed.operands[index];
  }
  bool expectOperands(size_t count);
  /// Appends a register of the size of the type, or one that is larger if
  /// `mayBeWider`.
  bool addDestination(const ParsedOperand &operand, Type type,
                      bool mayBeWider = false);
  /// Likewise a register, an immediate or a special register.
  bool addSource(const ParsedOperand &operand, Type type,
                 bool mayBeWider = false);
  bool addImmediate(uint64_t value, unsigned bytes);
  /// The first operand is a destination, the others sources of one type.
  bool addOperands(Type type, size_t sources);
  /// An instruction on one type; a null handler is for types that there are
  /// not.
  bool decodeWith(Type type, size_t sources, Handler handler);
  bool setAddress(const ParsedOperand &operand, Space space);
  /// `space` becomes that of the thread's frame if the address lies there.
  bool makeAddress(const ParsedOperand &operand, Space &space,
                   AddressOperand &address);
  /// A constant that the assembler knows.
  bool getConstant(const ParsedOperand &operand, uint64_t &value);
  bool isRegister(const ParsedOperand &operand, Type type) const;
  bool makeRegister(const ParsedOperand &operand, Operand &result);

  Module &module;
  Program &program;
  const Function &function;
  const ParsedInstruction &parsed;
  Instruction &instruction;
  std::vector<Operand> operands;

private:
  bool makeImmediate(const ParsedOperand &operand, Type type, Operand &result);
  Operand broadcast(uint64_t value, unsigned bytes);

  std::vector<std::string_view> modifiers;
  Diagnostics &diagnostics;
};

/// Members of a collective whose first source is a mask of lanes, and of one
/// that all threads of the warp execute.
uint32_t getMaskedMembers(Warp &warp, const Instruction &instruction,
                          uint32_t mask);
uint32_t getAllMembers(Warp &warp, const Instruction &instruction,
                       uint32_t mask);

using DecodeFunction = bool (*)(Decoder &);
using OpcodeTable = std::unordered_map<std::string_view, DecodeFunction>;

// The families, each in a file of its own.
void addIntegerOpcodes(OpcodeTable &table);
void addBitOpcodes(OpcodeTable &table);
void addBitFieldOpcodes(OpcodeTable &table);
void addFloatOpcodes(OpcodeTable &table);
void addApproximateOpcodes(OpcodeTable &table);
void addCompareOpcodes(OpcodeTable &table);
void addConvertOpcodes(OpcodeTable &table);
void addMoveOpcodes(OpcodeTable &table);
void addMemoryOpcodes(OpcodeTable &table);
void addAtomicOpcodes(OpcodeTable &table);
void addWarpOpcodes(OpcodeTable &table);
void addBarrierOpcodes(OpcodeTable &table);
void addControlOpcodes(OpcodeTable &table);
void addMatrixOpcodes(OpcodeTable &table);
void addMatrixMemoryOpcodes(OpcodeTable &table);
void addWarpMatrixOpcodes(OpcodeTable &table);
void addAsyncCopyOpcodes(OpcodeTable &table);

} // namespace ptxsim

#endif // ATTN_PTXSIM_DECODER_H
