//===- Simulator.h - A module with its memory -------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PTXSIM_SIMULATOR_H
#define ATTN_PTXSIM_SIMULATOR_H

#include "GlobalMemory.h"
#include "Machine.h"

namespace ptxsim {

struct LaunchRequest {
  /// Empty: the only entry of the module.
  std::string_view kernel;
  uint32_t grid[3] = {1, 1, 1};
  uint32_t block[3] = {1, 1, 1};
  uint32_t shared = 0;
  uint64_t seed = 0;
  /// Instructions of warps; 0: 2^32.
  uint64_t stepLimit = 0;
  /// The bytes of each parameter.
  std::vector<std::vector<uint8_t>> arguments;
};

class Simulator {
public:
  Simulator(std::string_view text, std::string_view name);

  /// Whether the module was understood.
  bool isLoaded() const { return loaded; }
  /// What was wrong with the module or the last call that was refused.
  const std::string &getError() const { return errors; }

  const std::vector<const Function *> &getKernels() const { return kernels; }
  /// Null, with an error, if there is none or no single one.
  const Function *findKernel(std::string_view kernel);

  uint64_t allocate(uint64_t bytes);
  bool free(uint64_t address);
  bool write(uint64_t address, const void *data, uint64_t bytes);
  bool read(uint64_t address, void *data, uint64_t bytes, uint8_t *initialised);
  bool findSymbol(std::string_view symbol, uint64_t &address, uint64_t &bytes);

  /// Returns false if the launch was refused.
  bool launch(const LaunchRequest &request);

  const Report &getReport() const { return machine->report; }
  const std::string &getText() const { return text; }
  const std::string &getJson() const { return json; }

private:
  bool fail(std::string message);
  void loadVariables(Diagnostics &diagnostics);
  bool setInitialValue(const Variable &variable, std::vector<uint8_t> &bytes,
                       Diagnostics &diagnostics);
  GlobalBuffer *findRange(uint64_t address, uint64_t bytes);
  bool checkShape(const LaunchRequest &request, const Function &kernel);
  bool setParameters(const LaunchRequest &request, const Function &kernel,
                     std::vector<uint8_t> &parameters);
  void runBlocks();
  void writeResults();

  std::string name;
  bool loaded = false;
  std::string errors;
  std::unique_ptr<Module> module;
  Program program;
  GlobalMemory global;
  std::unique_ptr<Machine> machine;
  std::vector<const Function *> kernels;
  std::string text;
  std::string json = "{}";
  unsigned allocations = 0;
};

} // namespace ptxsim

#endif // ATTN_PTXSIM_SIMULATOR_H
