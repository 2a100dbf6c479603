//===- CApi.cpp - The C interface -----------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Simulator.h"
#include "attn-c/ptx-sim.h"
#include <algorithm>

using namespace ptxsim;

struct attn_ptx_sim {
  Simulator simulator;
  std::vector<std::string> kernels;
};

attn_ptx_sim *attn_ptx_sim_create(const char *text, const char *name) {
  auto *sim = new attn_ptx_sim{Simulator(text, name ? name : "ptx"), {}};
  for (const Function *kernel : sim->simulator.getKernels())
    sim->kernels.emplace_back(kernel->name);
  return sim;
}

void attn_ptx_sim_destroy(attn_ptx_sim *sim) { delete sim; }

const char *attn_ptx_sim_error(const attn_ptx_sim *sim) {
  const std::string &error = sim->simulator.getError();
  return error.empty() ? nullptr : error.c_str();
}

size_t attn_ptx_sim_kernel_count(const attn_ptx_sim *sim) {
  return sim->kernels.size();
}

const char *attn_ptx_sim_kernel(const attn_ptx_sim *sim, size_t index) {
  return index < sim->kernels.size() ? sim->kernels[index].c_str() : nullptr;
}

uint64_t attn_ptx_sim_allocate(attn_ptx_sim *sim, size_t bytes) {
  return sim->simulator.allocate(bytes);
}

static int getStatus(bool isDone) {
  return isDone ? ATTN_PTX_SIM_OK : ATTN_PTX_SIM_REFUSED;
}

int attn_ptx_sim_free(attn_ptx_sim *sim, uint64_t address) {
  return getStatus(sim->simulator.free(address));
}

int attn_ptx_sim_write(attn_ptx_sim *sim, uint64_t address, const void *data,
                       size_t bytes) {
  return getStatus(sim->simulator.write(address, data, bytes));
}

int attn_ptx_sim_read(attn_ptx_sim *sim, uint64_t address, void *data,
                      size_t bytes, uint8_t *initialised) {
  return getStatus(sim->simulator.read(address, data, bytes, initialised));
}

int attn_ptx_sim_symbol(attn_ptx_sim *sim, const char *name, uint64_t *address,
                        size_t *bytes) {
  uint64_t found = 0, size = 0;
  if (!sim->simulator.findSymbol(name, found, size))
    return ATTN_PTX_SIM_REFUSED;
  *address = found;
  if (bytes)
    *bytes = size;
  return ATTN_PTX_SIM_OK;
}

int attn_ptx_sim_launch(attn_ptx_sim *sim,
                        const attn_ptx_sim_launch_config *config) {
  LaunchRequest request;
  if (config->kernel)
    request.kernel = config->kernel;
  std::copy_n(config->grid, 3, request.grid);
  std::copy_n(config->block, 3, request.block);
  request.shared = config->shared;
  request.seed = config->seed;
  request.stepLimit = config->step_limit;
  for (size_t index = 0; index < config->arguments; ++index) {
    const auto *bytes =
        static_cast<const uint8_t *>(config->argument_values[index]);
    request.arguments.emplace_back(bytes,
                                   bytes + config->argument_sizes[index]);
  }
  if (!sim->simulator.launch(request))
    return ATTN_PTX_SIM_REFUSED;
  return sim->simulator.getReport().empty() ? ATTN_PTX_SIM_OK
                                            : ATTN_PTX_SIM_FINDINGS;
}

size_t attn_ptx_sim_finding_count(const attn_ptx_sim *sim) {
  return sim->simulator.getReport().getFindings().size();
}

const char *attn_ptx_sim_report(const attn_ptx_sim *sim) {
  return sim->simulator.getText().c_str();
}

const char *attn_ptx_sim_report_json(const attn_ptx_sim *sim) {
  return sim->simulator.getJson().c_str();
}
