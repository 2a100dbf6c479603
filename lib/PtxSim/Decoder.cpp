//===- Decoder.cpp - Operands, modifiers and addresses --------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Decoder.h"
#include "Machine.h"
#include <algorithm>

using namespace ptxsim;

Decoder::Decoder(Module &module, Program &program, const Function &function,
                 const ParsedInstruction &parsed, Instruction &instruction,
                 Diagnostics &diagnostics)
    : module(module), program(program), function(function), parsed(parsed),
      instruction(instruction),
      modifiers(parsed.parts.begin() + 1, parsed.parts.end()),
      diagnostics(diagnostics) {}

bool Decoder::error(const std::string &message) {
  diagnostics.push_back({parsed.line, parsed.getOpcode() + ": " + message});
  return false;
}

// ---- modifiers ---- //

bool Decoder::take(std::string_view modifier) {
  for (auto found = modifiers.begin(); found != modifiers.end(); ++found)
    if (*found == modifier) {
      modifiers.erase(found);
      return true;
    }
  return false;
}

std::optional<Type> Decoder::takeType() {
  for (auto modifier = modifiers.begin(); modifier != modifiers.end();
       ++modifier)
    if (std::optional<Type> type = parseType(*modifier)) {
      modifiers.erase(modifier);
      return type;
    }
  return std::nullopt;
}

int Decoder::takeOneOf(std::initializer_list<std::string_view> names,
                       int otherwise) {
  int index = 0;
  for (std::string_view name : names) {
    if (take(name))
      return index;
    ++index;
  }
  return otherwise;
}

bool Decoder::finish() {
  if (modifiers.empty())
    return true;
  return error("the modifier '." + std::string(modifiers[0]) +
               "' is not simulated");
}

bool Decoder::unsupportedType(Type type) {
  return error("the type '." + std::string(ptxsim::getName(type)) +
               "' is not simulated");
}

// ---- operands ---- //

bool Decoder::expectOperands(size_t count) {
  if (parsed.operands.size() == count)
    return true;
  return error("expected " + std::to_string(count) + " operands, found " +
               std::to_string(parsed.operands.size()));
}

bool Decoder::isRegister(const ParsedOperand &operand, Type type) const {
  return operand.kind == ParsedOperand::Register &&
         function.registers[operand.reg].type == type;
}

bool Decoder::makeRegister(const ParsedOperand &operand, Operand &result) {
  const Register &reg = function.registers[operand.reg];
  result.base = Operand::Frame;
  result.bytes = static_cast<uint8_t>(getBytes(reg.type));
  result.isNegated = operand.isNegated;
  result.offset = reg.offset;
  result.poison = operand.reg + FirstPoison;
  if (operand.isNegated && reg.type != Type::Pred)
    return error("only predicates are negated by '!'");
  return true;
}

/// A size that `type` allows; predicates have none.
static bool fits(unsigned bytes, Type type, bool mayBeWider) {
  unsigned wanted = getBytes(type);
  return bytes == wanted || (mayBeWider && bytes > wanted && wanted);
}

bool Decoder::addDestination(const ParsedOperand &operand, Type type,
                             bool mayBeWider) {
  Operand result;
  if (operand.kind == ParsedOperand::Sink) {
    result.base = Operand::Discarded;
    result.bytes = static_cast<uint8_t>(getBytes(type));
    result.poison = DiscardedPoison;
  } else if (operand.kind != ParsedOperand::Register) {
    return error("the result must be a register");
  } else if (!makeRegister(operand, result)) {
    return false;
  } else if (!fits(result.bytes, type, mayBeWider)) {
    return error("a register of the result has not the size of '." +
                 std::string(ptxsim::getName(type)) + "'");
  } else if (operand.isNegated) {
    return error("a result cannot be negated");
  }
  operands.push_back(result);
  return true;
}

bool Decoder::addSource(const ParsedOperand &operand, Type type,
                        bool mayBeWider) {
  Operand result;
  if (operand.kind == ParsedOperand::Register) {
    if (!makeRegister(operand, result))
      return false;
    if (!fits(result.bytes, type, mayBeWider))
      return error("a register has not the size of '." +
                   std::string(ptxsim::getName(type)) + "'");
  } else if (operand.kind == ParsedOperand::Special) {
    if (operand.value >= Clock)
      return error("the clock is only read by mov");
    if (!fits(4, type, mayBeWider))
      return error("special registers have 32 bits");
    result.base = Operand::Special;
    result.bytes = 4;
    result.offset = static_cast<uint32_t>(operand.value * warpSize * 4);
  } else if (!makeImmediate(operand, type, result)) {
    return false;
  }
  operands.push_back(result);
  return true;
}

bool Decoder::makeImmediate(const ParsedOperand &operand, Type type,
                            Operand &result) {
  unsigned bytes = getBytes(type);
  uint64_t value = operand.value;
  switch (operand.kind) {
  case ParsedOperand::Integer: {
    if (type == Type::Pred) {
      result = broadcast(value ? ~0u : 0u, 4);
      result.bytes = 0;
      result.isNegated = operand.isNegated;
      return true;
    }
    if (isFloat(type) && type != Type::F16x2 && type != Type::BF16x2 &&
        type != Type::F16 && type != Type::BF16 && type != Type::TF32)
      return error("an integer stands where a floating point value must");
    unsigned bits = bytes * 8;
    int64_t number = static_cast<int64_t>(value);
    if (bits < 64 &&
        (number < -(int64_t(1) << (bits - 1)) || number >= int64_t(1) << bits))
      return error("an immediate does not fit '." +
                   std::string(ptxsim::getName(type)) + "'");
    break;
  }
  case ParsedOperand::Float32:
    if (bytes != 4 || isInteger(type))
      return error("a .f32 immediate has another type than the operand");
    break;
  case ParsedOperand::Float64:
    if (type == Type::F32) {
      double wide;
      std::memcpy(&wide, &value, sizeof(wide));
      float narrow = static_cast<float>(wide);
      uint32_t bits;
      std::memcpy(&bits, &narrow, sizeof(bits));
      value = bits;
    } else if (bytes != 8 || isInteger(type)) {
      return error("a .f64 immediate has another type than the operand");
    }
    break;
  case ParsedOperand::Name:
    return error("'" + std::string(operand.name) + "' is not declared");
  default:
    return error("an operand is no value");
  }
  result = broadcast(value, bytes);
  return true;
}

Operand Decoder::broadcast(uint64_t value, unsigned bytes) {
  std::vector<uint8_t> lanes(size_t(bytes) * warpSize);
  for (unsigned lane = 0; lane < warpSize; ++lane)
    std::memcpy(lanes.data() + size_t(lane) * bytes, &value, bytes);
  Operand result;
  result.bytes = static_cast<uint8_t>(bytes);
  // Equal constants of a program share their place.
  std::string key(lanes.begin(), lanes.end());
  auto [found, isNew] = program.constantOffsets.insert(
      {key, static_cast<uint32_t>(program.constants.size())});
  if (isNew) {
    program.constants.insert(program.constants.end(), lanes.begin(),
                             lanes.end());
    program.constants.resize((program.constants.size() + 31) / 32 * 32);
  }
  result.offset = found->second;
  return result;
}

bool Decoder::addImmediate(uint64_t value, unsigned bytes) {
  operands.push_back(broadcast(value, bytes));
  return true;
}

bool Decoder::addOperands(Type type, size_t sources) {
  if (!expectOperands(1 + sources) || !addDestination(getOperand(0), type))
    return false;
  for (size_t index = 1; index <= sources; ++index)
    if (!addSource(getOperand(index), type))
      return false;
  return true;
}

bool Decoder::decodeWith(Type type, size_t sources, Handler handler) {
  if (!handler)
    return unsupportedType(type);
  instruction.run = handler;
  return addOperands(type, sources);
}

bool Decoder::getConstant(const ParsedOperand &operand, uint64_t &value) {
  if (operand.kind != ParsedOperand::Integer)
    return error("an operand must be an integer constant");
  value = operand.value;
  return true;
}

bool Decoder::setAddress(const ParsedOperand &operand, Space space) {
  instruction.space = space;
  return makeAddress(operand, instruction.space, instruction.address);
}

bool Decoder::makeAddress(const ParsedOperand &operand, Space &space,
                          AddressOperand &address) {
  if (operand.kind != ParsedOperand::Address)
    return error("expected an address in brackets");
  address.offset = operand.value;
  if (operand.hasRegister) {
    if (!makeRegister(operand, address.base))
      return false;
    if (address.base.bytes != 8 && address.base.bytes != 4)
      return error("the register of an address has 32 or 64 bits");
    return true;
  }
  address.base = broadcast(0, 8);
  if (!operand.variable)
    return true;
  const Variable &variable = *operand.variable;
  bool isGeneric = space == Space::Generic;
  if (variable.space != space && !isGeneric)
    return error("'" + std::string(variable.name) +
                 "' lies in another state space");
  if (isGeneric && variable.space != Space::Global)
    return error("a generic address of '" + std::string(variable.name) +
                 "' is made by cvta");
  address.offset += variable.address;
  // Parameters of a call and of a device function are in the frame.
  address.isInFrame =
      variable.space == Space::Local ||
      (variable.space == Space::Param && !variable.isKernelParameter);
  if (variable.space == Space::Param && !variable.isKernelParameter)
    space = Space::Local;
  return true;
}
