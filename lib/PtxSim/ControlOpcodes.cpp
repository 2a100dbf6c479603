//===- ControlOpcodes.cpp - Decoding branches and calls -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Decoder.h"
#include "Machine.h"

using namespace ptxsim;

static std::optional<unsigned> findTarget(Decoder &d, std::string_view label,
                                          unsigned scope) {
  std::optional<unsigned> position = d.function.findLabel(label, scope);
  if (!position) {
    d.error("there is no label '" + std::string(label) + "'");
    return std::nullopt;
  }
  return d.function.entryPoint + *position;
}

static bool decodeBranch(Decoder &d) {
  d.instruction.kind = Instruction::Branch;
  d.instruction.mode = d.take("uni");
  if (!d.expectOperands(1))
    return false;
  const ParsedOperand &label = d.getOperand(0);
  if (label.kind != ParsedOperand::Name)
    return d.error("expected a label");
  std::optional<unsigned> target = findTarget(d, label.name, label.scope);
  if (!target)
    return false;
  d.instruction.targets.push_back(*target);
  return true;
}

static bool decodeIndexBranch(Decoder &d) {
  if (!d.take("idx"))
    return d.error("only brx.idx is simulated");
  d.take("uni");
  d.instruction.kind = Instruction::IndexBranch;
  if (!d.expectOperands(2) || !d.addSource(d.getOperand(0), Type::U32))
    return false;
  const ParsedOperand &list = d.getOperand(1);
  const std::vector<std::string_view> *labels =
      list.kind == ParsedOperand::Name
          ? d.function.findTargets(list.name, list.scope)
          : nullptr;
  if (!labels)
    return d.error("there is no such list of targets");
  for (std::string_view label : *labels) {
    std::optional<unsigned> target = findTarget(d, label, list.scope);
    if (!target)
      return false;
    d.instruction.targets.push_back(*target);
  }
  return true;
}

/// Offsets of the variables of one list of a call in the caller's frame.
static bool decodeCallList(Decoder &d, const ParsedOperand *list,
                           const std::vector<Variable *> &formals) {
  size_t count = list ? list->elements.size() : 0;
  if (count != formals.size())
    return d.error("the call has not as many values as the function");
  for (size_t index = 0; index < count; ++index) {
    const ParsedOperand &operand = list->elements[index];
    if (operand.kind != ParsedOperand::Symbol ||
        operand.variable->space != Space::Param ||
        operand.variable->isKernelParameter)
      return d.error("values of calls are .param variables");
    if (operand.variable->bytes != formals[index]->bytes)
      return d.error("'" + std::string(operand.variable->name) +
                     "' has another size than the parameter");
    d.instruction.targets.push_back(
        static_cast<unsigned>(operand.variable->address));
  }
  return true;
}

static bool decodeCall(Decoder &d) {
  d.take("uni");
  d.instruction.kind = Instruction::Call;
  size_t next = 0;
  const ParsedOperand *results = nullptr;
  if (d.getOperandCount() && d.getOperand(0).kind == ParsedOperand::List)
    results = &d.getOperand(next++);
  if (next >= d.getOperandCount() ||
      d.getOperand(next).kind != ParsedOperand::Name)
    return d.error("calls of function pointers are not simulated");
  std::string_view name = d.getOperand(next++).name;
  const Function *callee = d.module.findFunction(name);
  if (!callee || !callee->hasBody)
    return d.error("the function '" + std::string(name) + "' has no body here");
  if (callee->isEntry)
    return d.error("an entry is not called");
  const ParsedOperand *arguments = nullptr;
  if (next < d.getOperandCount() &&
      d.getOperand(next).kind == ParsedOperand::List)
    arguments = &d.getOperand(next++);
  if (next != d.getOperandCount())
    return d.error("the call has too many operands");
  d.instruction.callee = callee;
  return decodeCallList(d, results, callee->results) &&
         decodeCallList(d, arguments, callee->parameters);
}

static bool decodeReturn(Decoder &d) {
  d.take("uni");
  d.instruction.kind = Instruction::Return;
  return d.expectOperands(0);
}

static bool decodeExit(Decoder &d) {
  d.instruction.kind = Instruction::Exit;
  return d.expectOperands(0);
}

static bool decodeTrap(Decoder &d) {
  d.instruction.run = [](Warp &warp, const Instruction &instruction,
                         uint32_t mask) {
    warp.report(FindingKind::InvalidOperation, instruction,
                static_cast<unsigned>(__builtin_ctz(mask)), "is executed");
    warp.machine.isStopped = true;
  };
  return d.expectOperands(0);
}

/// What only says when to run: blocks of a launch run after those of the one
/// before.
static bool decodePause(Decoder &d) {
  d.instruction.run = [](Warp &, const Instruction &, uint32_t) {};
  if (d.getName() == "nanosleep")
    return (d.take("u32") || d.error("expected .u32")) && d.expectOperands(1) &&
           d.addSource(d.getOperand(0), Type::U32);
  return (d.takeOneOf({"wait", "launch_dependents"}) >= 0 ||
          d.error("expected .wait or .launch_dependents")) &&
         d.expectOperands(0);
}

void ptxsim::addControlOpcodes(OpcodeTable &table) {
  table["bra"] = decodeBranch;
  table["brx"] = decodeIndexBranch;
  table["call"] = decodeCall;
  table["ret"] = decodeReturn;
  table["exit"] = decodeExit;
  table["trap"] = decodeTrap;
  table["nanosleep"] = decodePause;
  table["griddepcontrol"] = decodePause;
}
