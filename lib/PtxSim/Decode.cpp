//===- Decode.cpp - Programs from modules ---------------------------------===//
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

// ---- special registers ---- //

std::optional<unsigned> ptxsim::findSpecialRegister(std::string_view name) {
  static const std::unordered_map<std::string_view, SpecialRegister> names = {
      {"%tid.x", TidX},
      {"%tid.y", TidY},
      {"%tid.z", TidZ},
      {"%ntid.x", NtidX},
      {"%ntid.y", NtidY},
      {"%ntid.z", NtidZ},
      {"%ctaid.x", CtaidX},
      {"%ctaid.y", CtaidY},
      {"%ctaid.z", CtaidZ},
      {"%nctaid.x", NctaidX},
      {"%nctaid.y", NctaidY},
      {"%nctaid.z", NctaidZ},
      {"%laneid", LaneId},
      {"%warpid", WarpId},
      {"%nwarpid", NwarpId},
      {"%smid", SmId},
      {"%nsmid", NsmId},
      {"%lanemask_eq", LanemaskEq},
      {"%lanemask_le", LanemaskLe},
      {"%lanemask_lt", LanemaskLt},
      {"%lanemask_ge", LanemaskGe},
      {"%lanemask_gt", LanemaskGt},
      {"%dynamic_smem_size", DynamicSharedSize},
      {"%total_smem_size", TotalSharedSize},
      {"%cluster_ctarank", ClusterZero},
      {"%cluster_nctarank", ClusterOne},
      {"%cluster_ctaid.x", ClusterZero},
      {"%cluster_ctaid.y", ClusterZero},
      {"%cluster_ctaid.z", ClusterZero},
      {"%cluster_nctaid.x", ClusterOne},
      {"%cluster_nctaid.y", ClusterOne},
      {"%cluster_nctaid.z", ClusterOne},
      {"%clusterid.x", CtaidX},
      {"%clusterid.y", CtaidY},
      {"%clusterid.z", CtaidZ},
      {"%nclusterid.x", NctaidX},
      {"%nclusterid.y", NctaidY},
      {"%nclusterid.z", NctaidZ},
      {"%clock", Clock},
      {"%clock64", Clock64},
      {"%globaltimer", Clock64},
  };
  auto found = names.find(name);
  if (found == names.end())
    return std::nullopt;
  return found->second;
}

// ---- variables ---- //

/// Shared variables are kept apart by gaps that no access may touch, and lie at
/// no better alignment than they ask for.
void ptxsim::layOutVariables(Module &module, Program &program) {
  constexpr uint64_t gapBytes = 32;
  uint64_t shared = 1024;
  unsigned dynamicAlign = 16;
  program.sharedGaps.push_back({0, shared});
  auto place = [&](uint64_t align) {
    uint64_t address = (shared + gapBytes + align - 1) / align * align;
    if (address % (2 * align) == 0)
      address += align;
    program.sharedGaps.push_back({shared, address});
    return address;
  };
  for (std::unique_ptr<Variable> &variable : module.variables) {
    if (variable->space != Space::Shared)
      continue;
    if (variable->isDynamic) {
      dynamicAlign = std::max(dynamicAlign, variable->align);
      continue;
    }
    variable->address = place(variable->align);
    shared = variable->address + variable->bytes;
    program.staticShared += variable->bytes;
  }
  program.dynamicSharedBase = place(dynamicAlign);
  for (std::unique_ptr<Variable> &variable : module.variables)
    if (variable->isDynamic)
      variable->address = program.dynamicSharedBase;
}

// ---- instructions ---- //

static const OpcodeTable &getOpcodes() {
  static const OpcodeTable opcodes = [] {
    OpcodeTable table;
    addIntegerOpcodes(table);
    addBitOpcodes(table);
    addBitFieldOpcodes(table);
    addFloatOpcodes(table);
    addApproximateOpcodes(table);
    addCompareOpcodes(table);
    addConvertOpcodes(table);
    addMoveOpcodes(table);
    addMemoryOpcodes(table);
    addAtomicOpcodes(table);
    addWarpOpcodes(table);
    addBarrierOpcodes(table);
    addControlOpcodes(table);
    addMatrixOpcodes(table);
    addMatrixMemoryOpcodes(table);
    addWarpMatrixOpcodes(table);
    addAsyncCopyOpcodes(table);
    return table;
  }();
  return opcodes;
}

static unsigned internOpcode(Program &program,
                             std::unordered_map<std::string, unsigned> &numbers,
                             const std::string &opcode) {
  auto [found, isNew] =
      numbers.insert({opcode, static_cast<unsigned>(program.opcodes.size())});
  if (isNew)
    program.opcodes.push_back(opcode);
  return found->second;
}

/// What stands behind the last instruction of a function.
static Instruction makeEnd(const Function &function, unsigned opcode) {
  Instruction end;
  end.kind = Instruction::Return;
  end.line = function.body.empty() ? function.line : function.body.back().line;
  end.opcode = opcode;
  return end;
}

void ptxsim::decode(Module &module, Program &program,
                    Diagnostics &diagnostics) {
  std::unordered_map<std::string, unsigned> numbers;
  unsigned next = 0;
  for (std::unique_ptr<Function> &function : module.functions) {
    function->entryPoint = next;
    if (function->hasBody)
      next += static_cast<unsigned>(function->body.size()) + 1;
  }
  program.code.reserve(next);
  for (std::unique_ptr<Function> &function : module.functions) {
    if (!function->hasBody)
      continue;
    for (const ParsedInstruction &parsed : function->body) {
      Instruction &instruction = program.code.emplace_back();
      instruction.line = parsed.line;
      instruction.opcode = internOpcode(program, numbers, parsed.getOpcode());
      Decoder decoder(module, program, *function, parsed, instruction,
                      diagnostics);
      auto opcode = getOpcodes().find(parsed.parts[0]);
      if (opcode == getOpcodes().end()) {
        diagnostics.push_back(
            {parsed.line,
             "the instruction '" + parsed.getOpcode() + "' is not simulated"});
        continue;
      }
      if (parsed.guard) {
        ParsedOperand guard;
        guard.kind = ParsedOperand::Register;
        guard.reg = *parsed.guard;
        guard.isNegated = parsed.isGuardNegated;
        instruction.isGuarded = true;
        decoder.makeRegister(guard, instruction.guard);
      }
      if (!opcode->second(decoder) || !decoder.finish())
        continue;
      program.operands.push_back(std::move(decoder.operands));
      instruction.operands = program.operands.back().data();
      instruction.operandCount =
          static_cast<unsigned>(program.operands.back().size());
    }
    program.code.push_back(
        makeEnd(*function, internOpcode(program, numbers, "ret")));
  }
}
