/*===- fake_cuda.c - The CUDA driver, on the simulator --------------*- C
-*-===*\
|*                                                                            *|
|* Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.     *|
|* See LICENSE for license information.                                       *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|*===----------------------------------------------------------------------===*|
|*                                                                            *|
|* What attn.cuda needs of libcuda.so.1, for machines without a GPU: modules  *|
|* are PTX, which libattn_ptx_sim runs. Memory belongs to the module that was *|
|* loaded last. FAKE_CUDA_DEVICES and FAKE_CUDA_CAPABILITY say what there is. *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#include "attn-c/ptx-sim.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  SUCCESS = 0,
  INVALID_VALUE = 1,
  NO_DEVICE = 100,
  INVALID_IMAGE = 200,
  NOT_FOUND = 500,
  ILLEGAL_ADDRESS = 700
};
enum { MAX_ARGUMENTS = 256, DEFAULT_SHARED = 48 << 10 };

typedef struct {
  attn_ptx_sim *simulator;
  char *text;
} Module;

typedef struct {
  Module *module;
  char name[256];
  int shared;
} Function;

static Module *current;
static int failed;

static int number(const char *variable, int otherwise) {
  const char *text = getenv(variable);
  return text ? atoi(text) : otherwise;
}

int cuInit(unsigned flags) {
  (void)flags;
  return number("FAKE_CUDA_DEVICES", 1) ? SUCCESS : NO_DEVICE;
}

int cuDriverGetVersion(int *version) {
  *version = 13000;
  return SUCCESS;
}

int cuDeviceGetCount(int *count) {
  *count = number("FAKE_CUDA_DEVICES", 1);
  return SUCCESS;
}

int cuDeviceGet(int *device, int ordinal) {
  *device = ordinal;
  return SUCCESS;
}

int cuDeviceGetName(char *name, int size, int device) {
  (void)device;
  snprintf(name, (size_t)size, "Simulated GPU");
  return SUCCESS;
}

int cuDeviceGetAttribute(int *value, int attribute, int device) {
  (void)device;
  int capability = number("FAKE_CUDA_CAPABILITY", 90);
  *value = attribute == 75   ? capability / 10
           : attribute == 76 ? capability % 10
                             : 4;
  return SUCCESS;
}

int cuDevicePrimaryCtxRetain(void **context, int device) {
  (void)device;
  *context = &current;
  return SUCCESS;
}

int cuCtxSetCurrent(void *context) { return context ? SUCCESS : INVALID_VALUE; }

int cuCtxSynchronize(void) { return failed; }

int cuModuleLoadDataEx(void **result, const void *image, unsigned count,
                       const int *options, void **values) {
  Module *module = calloc(1, sizeof(Module));
  module->text = strdup(image);
  module->simulator = attn_ptx_sim_create(image, "module.ptx");
  const char *error = attn_ptx_sim_error(module->simulator);
  if (error && *error) {
    if (count && options[0] == 5)
      snprintf(values[0], 1024, "%s", error);
    return INVALID_IMAGE;
  }
  *result = current = module;
  return SUCCESS;
}

int cuModuleUnload(void *handle) {
  Module *module = handle;
  attn_ptx_sim_destroy(module->simulator);
  if (current == module)
    current = NULL;
  free(module->text);
  free(module);
  return SUCCESS;
}

int cuModuleGetFunction(void **result, void *handle, const char *name) {
  Module *module = handle;
  for (size_t i = 0; i < attn_ptx_sim_kernel_count(module->simulator); ++i) {
    if (strcmp(attn_ptx_sim_kernel(module->simulator, i), name) != 0)
      continue;
    Function *function = calloc(1, sizeof(Function));
    function->module = module;
    function->shared = DEFAULT_SHARED;
    snprintf(function->name, sizeof(function->name), "%s", name);
    *result = function;
    return SUCCESS;
  }
  return NOT_FOUND;
}

int cuFuncSetAttribute(void *handle, int attribute, int value) {
  if (attribute == 8)
    ((Function *)handle)->shared = value;
  return SUCCESS;
}

int cuMemAlloc_v2(uint64_t *address, size_t size) {
  if (failed)
    return failed;
  *address = current ? attn_ptx_sim_allocate(current->simulator, size) : 0;
  return *address ? SUCCESS : INVALID_VALUE;
}

int cuMemFree_v2(uint64_t address) {
  return attn_ptx_sim_free(current->simulator, address) ? INVALID_VALUE
                                                        : SUCCESS;
}

int cuMemcpyHtoD_v2(uint64_t address, const void *source, size_t size) {
  return attn_ptx_sim_write(current->simulator, address, source, size)
             ? INVALID_VALUE
             : SUCCESS;
}

int cuMemcpyDtoH_v2(void *target, uint64_t address, size_t size) {
  if (failed)
    return failed;
  return attn_ptx_sim_read(current->simulator, address, target, size, NULL)
             ? INVALID_VALUE
             : SUCCESS;
}

int cuMemsetD8_v2(uint64_t address, unsigned char value, size_t size) {
  char *bytes = malloc(size);
  memset(bytes, value, size);
  int status = cuMemcpyHtoD_v2(address, bytes, size);
  free(bytes);
  return status;
}

/* The number of parameters of an entry; each has eight bytes. */
static size_t count_parameters(const Function *function) {
  char head[300];
  snprintf(head, sizeof(head), ".entry %s(", function->name);
  const char *at = strstr(function->module->text, head);
  const char *end = at ? strchr(at + strlen(head), ')') : NULL;
  size_t count = 0;
  while (end && (at = strstr(at, ".param")) && at < end) {
    ++count;
    at += strlen(".param");
  }
  return count;
}

int cuLaunchKernel(void *handle, unsigned x, unsigned y, unsigned z,
                   unsigned bx, unsigned by, unsigned bz, unsigned shared,
                   void *stream, void **arguments, void **extra) {
  (void)stream;
  (void)extra;
  Function *function = handle;
  attn_ptx_sim *simulator = function->module->simulator;
  if ((int)shared > function->shared)
    return INVALID_VALUE;
  size_t count = count_parameters(function), sizes[MAX_ARGUMENTS];
  for (size_t i = 0; i < MAX_ARGUMENTS; ++i)
    sizes[i] = 8;
  attn_ptx_sim_launch_config config = {0};
  config.kernel = function->name;
  config.grid[0] = x, config.grid[1] = y, config.grid[2] = z;
  config.block[0] = bx, config.block[1] = by, config.block[2] = bz;
  config.shared = shared;
  config.argument_values = (const void *const *)arguments;
  config.argument_sizes = sizes;
  config.arguments = count;
  int status = attn_ptx_sim_launch(simulator, &config);
  if (status) {
    const char *error = attn_ptx_sim_error(simulator);
    fprintf(stderr, "%s%s\n", error ? error : "",
            attn_ptx_sim_report(simulator));
    return failed = ILLEGAL_ADDRESS;
  }
  return SUCCESS;
}

int cuEventCreate(void **event, unsigned flags) {
  (void)flags;
  *event = malloc(1);
  return SUCCESS;
}

int cuEventRecord(void *event, void *stream) {
  (void)stream;
  return event ? SUCCESS : INVALID_VALUE;
}

int cuEventSynchronize(void *event) { return event ? failed : INVALID_VALUE; }

int cuEventElapsedTime(float *milliseconds, void *begin, void *end) {
  *milliseconds = 1;
  return begin && end ? SUCCESS : INVALID_VALUE;
}

int cuEventDestroy_v2(void *event) {
  free(event);
  return SUCCESS;
}

int cuGetErrorName(int code, const char **name) {
  *name = code == NO_DEVICE         ? "CUDA_ERROR_NO_DEVICE"
          : code == INVALID_IMAGE   ? "CUDA_ERROR_INVALID_IMAGE"
          : code == NOT_FOUND       ? "CUDA_ERROR_NOT_FOUND"
          : code == ILLEGAL_ADDRESS ? "CUDA_ERROR_ILLEGAL_ADDRESS"
                                    : "CUDA_ERROR_INVALID_VALUE";
  return SUCCESS;
}

int cuGetErrorString(int code, const char **text) {
  (void)code;
  *text = "said by the simulator";
  return SUCCESS;
}
