//===- Simulator.cpp - Loading modules and launching kernels --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Simulator.h"
#include "Block.h"
#include <algorithm>
#include <tuple>

using namespace ptxsim;

Simulator::Simulator(std::string_view text, std::string_view name)
    : name(name) {
  Diagnostics diagnostics;
  module = parseModule(text, diagnostics);
  // What is not even read is not decoded.
  if (diagnostics.empty()) {
    layOutVariables(*module, program);
    machine.reset(new Machine(*module, program, global));
    loadVariables(diagnostics);
    decode(*module, program, diagnostics);
  }
  std::sort(diagnostics.begin(), diagnostics.end(),
            [](const Diagnostic &a, const Diagnostic &b) {
              return std::tie(a.line, a.message) < std::tie(b.line, b.message);
            });
  for (const Diagnostic &diagnostic : diagnostics)
    errors += this->name + ":" + std::to_string(diagnostic.line) +
              ": error: " + diagnostic.message + "\n";
  loaded = diagnostics.empty();
  if (!machine)
    machine.reset(new Machine(*module, program, global));
  for (const std::unique_ptr<Function> &function : module->functions)
    if (function->isEntry && function->hasBody)
      kernels.push_back(function.get());
}

bool Simulator::fail(std::string message) {
  errors = name + ": error: " + std::move(message) + "\n";
  return false;
}

// ---- variables ---- //

bool Simulator::setInitialValue(const Variable &variable,
                                std::vector<uint8_t> &bytes,
                                Diagnostics &diagnostics) {
  std::copy_n(variable.initial.begin(), variable.initial.size(), bytes.begin());
  for (const Variable::Relocation &relocation : variable.relocations) {
    auto symbol = module->symbols.find(relocation.symbol);
    if (symbol == module->symbols.end()) {
      diagnostics.push_back(
          {relocation.line,
           "'" + std::string(relocation.symbol) + "' is not declared"});
      continue;
    }
    uint64_t address = symbol->second->address + relocation.addend;
    if (relocation.isGeneric && symbol->second->space == Space::Const)
      address += ConstWindow;
    std::memcpy(bytes.data() + relocation.offset, &address, sizeof(address));
  }
  return true;
}

/// Variables without initial values are 0.
void Simulator::loadVariables(Diagnostics &diagnostics) {
  for (const std::unique_ptr<Variable> &variable : module->variables) {
    if (variable->space == Space::Global) {
      GlobalBuffer *buffer =
          global.allocate(variable->bytes, std::max(variable->align, 16u),
                          "'" + std::string(variable->name) + "'");
      buffer->isVariable = true;
      variable->address = buffer->address;
    } else if (variable->space == Space::Const) {
      uint64_t begin = (machine->constants.size() + variable->align - 1) /
                       variable->align * variable->align;
      variable->address = begin;
      machine->constants.resize(begin + variable->bytes);
    }
  }
  for (const std::unique_ptr<Variable> &variable : module->variables) {
    std::vector<uint8_t> bytes(variable->bytes);
    if (variable->space == Space::Global) {
      setInitialValue(*variable, bytes, diagnostics);
      GlobalBuffer *buffer = global.find(variable->address);
      buffer->data = bytes;
      buffer->initialised.assign(bytes.size(), 1);
    } else if (variable->space == Space::Const) {
      setInitialValue(*variable, bytes, diagnostics);
      std::copy_n(bytes.begin(), bytes.size(),
                  machine->constants.begin() +
                      static_cast<ptrdiff_t>(variable->address));
    }
  }
}

// ---- memory ---- //

uint64_t Simulator::allocate(uint64_t bytes) {
  GlobalBuffer *buffer =
      global.allocate(bytes, 256, "buffer " + std::to_string(allocations++));
  return buffer ? buffer->address : 0;
}

bool Simulator::free(uint64_t address) {
  return global.free(address) || fail("no buffer begins at that address");
}

GlobalBuffer *Simulator::findRange(uint64_t address, uint64_t bytes) {
  GlobalBuffer *buffer = global.find(address);
  if (buffer && address >= buffer->address && address <= buffer->getEnd() &&
      bytes <= buffer->getEnd() - address)
    return buffer;
  fail("the copy leaves its buffer");
  return nullptr;
}

bool Simulator::write(uint64_t address, const void *data, uint64_t bytes) {
  GlobalBuffer *buffer = findRange(address, bytes);
  if (!buffer)
    return false;
  uint64_t offset = address - buffer->address;
  std::memcpy(buffer->data.data() + offset, data, bytes);
  std::memset(buffer->initialised.data() + offset, 1, bytes);
  return true;
}

bool Simulator::read(uint64_t address, void *data, uint64_t bytes,
                     uint8_t *initialised) {
  GlobalBuffer *buffer = findRange(address, bytes);
  if (!buffer)
    return false;
  uint64_t offset = address - buffer->address;
  std::memcpy(data, buffer->data.data() + offset, bytes);
  if (initialised)
    std::memcpy(initialised, buffer->initialised.data() + offset, bytes);
  return true;
}

bool Simulator::findSymbol(std::string_view symbol, uint64_t &address,
                           uint64_t &bytes) {
  auto found = module->symbols.find(symbol);
  if (found == module->symbols.end() || found->second->space != Space::Global)
    return fail("there is no .global variable '" + std::string(symbol) + "'");
  address = found->second->address;
  bytes = found->second->bytes;
  return true;
}

// ---- launches ---- //

const Function *Simulator::findKernel(std::string_view kernel) {
  if (!loaded)
    return nullptr;
  if (kernel.empty() && kernels.size() == 1)
    return kernels[0];
  for (const Function *function : kernels)
    if (function->name == kernel)
      return function;
  fail(kernel.empty() ? "the module has " + std::to_string(kernels.size()) +
                            " entries; name one"
                      : "there is no entry '" + std::string(kernel) + "'");
  return nullptr;
}

static uint64_t multiply(const uint64_t (&extents)[3]) {
  return extents[0] * extents[1] * extents[2];
}

bool Simulator::checkShape(const LaunchRequest &request,
                           const Function &kernel) {
  constexpr uint64_t mostThreads = 1024;
  constexpr uint64_t mostShared = 227 * 1024;
  uint64_t threads = 1;
  for (unsigned axis = 0; axis < 3; ++axis) {
    if (request.block[axis] == 0 || request.grid[axis] == 0)
      return fail("a grid and a block have at least one element on each axis");
    threads *= request.block[axis];
    if (threads > mostThreads)
      return fail("a block has at most 1024 threads");
    if (axis > 0 && request.grid[axis] > 65535)
      return fail("a grid has at most 65535 blocks on the axes y and z");
  }
  if (kernel.maxThreads[0] && threads > multiply(kernel.maxThreads))
    return fail("the block has " + std::to_string(threads) +
                " threads, .maxntid allows " +
                std::to_string(multiply(kernel.maxThreads)));
  if (kernel.requiredThreads[0] &&
      !std::equal(request.block, request.block + 3, kernel.requiredThreads))
    return fail("the block has not the shape that .reqntid requires");
  if (program.staticShared + request.shared > mostShared)
    return fail("the block takes " +
                std::to_string(program.staticShared + request.shared) +
                " bytes of shared memory; there are 232448");
  return true;
}

bool Simulator::setParameters(const LaunchRequest &request,
                              const Function &kernel,
                              std::vector<uint8_t> &parameters) {
  if (request.arguments.size() != kernel.parameters.size())
    return fail("'" + std::string(kernel.name) + "' has " +
                std::to_string(kernel.parameters.size()) + " parameters, not " +
                std::to_string(request.arguments.size()));
  for (size_t index = 0; index < request.arguments.size(); ++index) {
    const Variable &parameter = *kernel.parameters[index];
    const std::vector<uint8_t> &argument = request.arguments[index];
    if (argument.size() != parameter.bytes)
      return fail("parameter " + std::to_string(index) + " has " +
                  std::to_string(parameter.bytes) + " bytes, not " +
                  std::to_string(argument.size()));
    parameters.resize(parameter.address + parameter.bytes);
    std::copy_n(argument.begin(), argument.size(),
                parameters.begin() + static_cast<ptrdiff_t>(parameter.address));
  }
  return true;
}

bool Simulator::launch(const LaunchRequest &request) {
  const Function *kernel = findKernel(request.kernel);
  if (!kernel)
    return false;
  std::vector<uint8_t> parameters;
  if (!checkShape(request, *kernel) ||
      !setParameters(request, *kernel, parameters))
    return false;
  errors.clear();
  Launch &launch = machine->launch;
  launch.kernel = kernel;
  std::copy_n(request.grid, 3, launch.grid);
  std::copy_n(request.block, 3, launch.block);
  launch.dynamicShared = request.shared;
  launch.seed = request.seed;
  launch.stepLimit = request.stepLimit ? request.stepLimit : uint64_t(1) << 32;
  launch.parameters = std::move(parameters);
  machine->report.clear();
  machine->firstBlock = machine->blocks + 1;
  machine->warpInstructions = machine->threadInstructions = 0;
  machine->counts.assign(program.opcodes.size(), 0);
  machine->isStopped = false;
  runBlocks();
  writeResults();
  return true;
}

/// Blocks run one after the other, in an order of the seed.
void Simulator::runBlocks() {
  const Launch &launch = machine->launch;
  unsigned threads = launch.block[0] * launch.block[1] * launch.block[2];
  machine->shared.resize(program.dynamicSharedBase + launch.dynamicShared,
                         (threads + warpSize - 1) / warpSize);
  for (auto [begin, end] : program.sharedGaps)
    for (uint64_t byte = begin; byte < end; ++byte)
      machine->shared.state[byte] = SharedMemory::Outside;
  std::mt19937_64 random(launch.seed);
  std::vector<uint64_t> order(uint64_t(launch.grid[0]) * launch.grid[1] *
                              launch.grid[2]);
  for (uint64_t index = 0; index < order.size(); ++index)
    order[index] = index;
  for (uint64_t index = order.size(); index > 1; --index)
    std::swap(order[index - 1], order[random() % index]);
  for (uint64_t index : order) {
    uint32_t position[3] = {
        static_cast<uint32_t>(index % launch.grid[0]),
        static_cast<uint32_t>(index / launch.grid[0] % launch.grid[1]),
        static_cast<uint32_t>(index / launch.grid[0] / launch.grid[1])};
    Block block(*machine, position, random);
    block.run();
    if (machine->isStopped)
      return;
  }
}

void Simulator::writeResults() {
  const Report &report = machine->report;
  text = report.getText(name);
  json = "{\"kernel\": " + quoteJson(machine->launch.kernel->name) +
         ", \"status\": " + (report.empty() ? "\"ok\"" : "\"findings\"") +
         ", \"findings\": [";
  const char *separator = "";
  for (const Finding &finding : report.getFindings()) {
    const uint32_t *block = finding.thread.block;
    const uint32_t *thread = finding.thread.thread;
    json += separator;
    json +=
        "{\"kind\": " + quoteJson(getName(finding.kind)) +
        format(", \"line\": %u, \"block\": [%u, %u, %u], \"thread\": [%u, "
               "%u, %u], \"count\": %llu, \"message\": ",
               finding.line, block[0], block[1], block[2], thread[0], thread[1],
               thread[2], static_cast<unsigned long long>(finding.count)) +
        quoteJson(finding.message) + "}";
    separator = ", ";
  }
  json += format("], \"warp_instructions\": %llu, \"thread_instructions\": "
                 "%llu, \"instructions\": {",
                 static_cast<unsigned long long>(machine->warpInstructions),
                 static_cast<unsigned long long>(machine->threadInstructions));
  separator = "";
  for (size_t opcode = 0; opcode < program.opcodes.size(); ++opcode) {
    if (!machine->counts[opcode])
      continue;
    json += separator + quoteJson(program.opcodes[opcode]) +
            format(": %llu",
                   static_cast<unsigned long long>(machine->counts[opcode]));
    separator = ", ";
  }
  json += "}}";
}
