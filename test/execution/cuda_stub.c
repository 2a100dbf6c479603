/*===-- cuda_stub.c - A driver that runs PTX on the simulator -------*- C
-*-===*\
|*                                                                            *|
|* Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.     *|
|* See LICENSE for license information.                                       *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|*===----------------------------------------------------------------------===*|
|*                                                                            *|
|* Built as libcuda.so.1, it is the driver that launchers find. There is one  *|
|* context, on device 3, and one module at a time, which holds the memory.    *|
|* Everything is done at once, whatever the stream; what a driver would not   *|
|* take is an error. stub_log says what was done.                             *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#include <attn-c/ptx-sim.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  INVALID_VALUE = 1,
  INVALID_CONTEXT = 201,
  INVALID_PTX = 218,
  NOT_FOUND = 500,
  ILLEGAL_ADDRESS = 700,
  DEVICE = 3,
  MAX_FUNCTIONS = 32,
  MAX_PARAMETERS = 256,
  SHARED_LIMIT = 227 * 1024
};

typedef struct function {
  char name[128];
  int shared; /* bytes that a launch may ask for */
} function;

static attn_ptx_sim *simulator;
static char *ptx;
static function functions[MAX_FUNCTIONS];
static int function_count;
static void *stack[16];
static int depth;
static char text[1 << 16];
static char failing[64];
static int failure;

static void note(const char *format, ...) {
  size_t used = strlen(text);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text + used, sizeof text - used, format, arguments);
  va_end(arguments);
}

/* What a test has asked this function to return; 0 without a context that the
 * function needs is an error, too. */
static int start(const char *name, int needs_context) {
  if (failure && !strcmp(failing, name))
    return failure;
  return needs_context && depth == 0 ? INVALID_CONTEXT : 0;
}

/*===----------------------------------------------------------------------===*\
|* For tests                                                                  *|
\*===----------------------------------------------------------------------===*/

/* Forgets everything but the module; a context is current or none is. */
void stub_reset(int has_context) {
  depth = has_context;
  stack[0] = &stack;
  text[0] = '\0';
  failure = 0;
}

/* Makes a function of the driver return an error from now on. */
void stub_fail(const char *name, int error) {
  snprintf(failing, sizeof failing, "%s", name);
  failure = error;
}

const char *stub_log(void) { return text; }
int stub_depth(void) { return depth; }
attn_ptx_sim *stub_simulator(void) { return simulator; }

/*===----------------------------------------------------------------------===*\
|* The driver                                                                 *|
\*===----------------------------------------------------------------------===*/

int cuInit(unsigned flags) {
  int error = start("cuInit", 0);
  return error ? error : flags ? INVALID_VALUE : 0;
}

int cuCtxGetCurrent(void **context) {
  *context = depth ? stack[depth - 1] : NULL;
  return start("cuCtxGetCurrent", 0);
}

int cuCtxPushCurrent_v2(void *context) {
  int error = start("cuCtxPushCurrent", 0);
  if (error || context != &stack || depth == 16)
    return error ? error : INVALID_CONTEXT;
  stack[depth++] = context;
  return 0;
}

int cuCtxPopCurrent_v2(void **context) {
  int error = start("cuCtxPopCurrent", 1);
  if (error)
    return error;
  *context = stack[--depth];
  return 0;
}

int cuCtxGetDevice(int *device) {
  *device = DEVICE;
  return start("cuCtxGetDevice", 1);
}

int cuModuleLoadData(void **module, const void *image) {
  int error = start("cuModuleLoadData", 1);
  if (error)
    return error;
  if (simulator)
    return INVALID_VALUE;
  ptx = strdup(image);
  simulator = attn_ptx_sim_create(ptx, "module.ptx");
  if (attn_ptx_sim_error(simulator)) {
    fprintf(stderr, "%s\n", attn_ptx_sim_error(simulator));
    attn_ptx_sim_destroy(simulator);
    simulator = NULL;
    free(ptx);
    return INVALID_PTX;
  }
  function_count = 0;
  *module = &simulator;
  note("load\n");
  return 0;
}

int cuModuleUnload(void *module) {
  int error = start("cuModuleUnload", 1);
  if (error || module != &simulator)
    return error ? error : INVALID_VALUE;
  attn_ptx_sim_destroy(simulator);
  simulator = NULL;
  free(ptx);
  note("unload\n");
  return 0;
}

int cuModuleGetFunction(void **result, void *module, const char *name) {
  int error = start("cuModuleGetFunction", 1);
  if (error || module != &simulator || function_count == MAX_FUNCTIONS)
    return error ? error : INVALID_VALUE;
  for (size_t i = 0; i < attn_ptx_sim_kernel_count(simulator); ++i) {
    if (strcmp(attn_ptx_sim_kernel(simulator, i), name))
      continue;
    function *found = &functions[function_count++];
    snprintf(found->name, sizeof found->name, "%s", name);
    found->shared = 48 * 1024;
    *result = found;
    return 0;
  }
  return NOT_FOUND;
}

int cuFuncSetAttribute(void *handle, int attribute, int value) {
  int error = start("cuFuncSetAttribute", 1);
  if (error || attribute != 8 || value < 0 || value > SHARED_LIMIT)
    return error ? error : INVALID_VALUE;
  function *target = handle;
  target->shared = value;
  note("shared %s %d\n", target->name, value);
  return 0;
}

/* The parameters of an entry, which are counted in its text. */
static size_t count_parameters(const char *name) {
  char entry[160];
  snprintf(entry, sizeof entry, ".entry %s(", name);
  const char *at = strstr(ptx, entry), *end = at ? strchr(at, ')') : NULL;
  size_t count = 0;
  while (end && (at = strstr(at + 1, ".param")) && at < end)
    ++count;
  return count;
}

int cuLaunchKernel(void *handle, unsigned grid_x, unsigned grid_y,
                   unsigned grid_z, unsigned block_x, unsigned block_y,
                   unsigned block_z, unsigned shared, void *stream,
                   void **arguments, void **extra) {
  int error = start("cuLaunchKernel", 1);
  function *target = handle;
  if (error || extra || !grid_x || grid_x > INT32_MAX ||
      shared > (unsigned)target->shared)
    return error ? error : INVALID_VALUE;
  static size_t sizes[MAX_PARAMETERS];
  for (size_t i = 0; i < MAX_PARAMETERS; ++i)
    sizes[i] = 8;
  attn_ptx_sim_launch_config config = {
      .kernel = target->name,
      .grid = {grid_x, grid_y, grid_z},
      .block = {block_x, block_y, block_z},
      .shared = shared,
      .arguments = count_parameters(target->name),
      .argument_values = (const void *const *)arguments,
      .argument_sizes = sizes};
  note("launch %s %u %u %u %p\n", target->name, grid_x, block_x, shared,
       stream);
  int status = attn_ptx_sim_launch(simulator, &config);
  if (status == ATTN_PTX_SIM_OK)
    return 0;
  const char *why = status == ATTN_PTX_SIM_REFUSED
                        ? attn_ptx_sim_error(simulator)
                        : attn_ptx_sim_report(simulator);
  fprintf(stderr, "%s\n", why);
  return ILLEGAL_ADDRESS;
}

int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *stream) {
  int error = start("cuMemcpyDtoHAsync", 1);
  uint8_t *known = calloc(bytes, 1);
  note("copy %zu %p\n", bytes, stream);
  if (!error && attn_ptx_sim_read(simulator, from, to, bytes, known))
    error = INVALID_VALUE;
  /* Nothing that was never written may be copied. */
  if (!error && memchr(known, 0, bytes))
    error = ILLEGAL_ADDRESS;
  free(known);
  return error;
}

int cuStreamSynchronize(void *stream) {
  note("wait %p\n", stream);
  return start("cuStreamSynchronize", 1);
}

int cuMemAllocAsync(uint64_t *address, size_t bytes, void *stream) {
  int error = start("cuMemAllocAsync", 1);
  if (error || bytes == 0)
    return error ? error : INVALID_VALUE;
  note("allocate %zu %p\n", bytes, stream);
  *address = attn_ptx_sim_allocate(simulator, bytes);
  return *address ? 0 : 2;
}

int cuMemFreeAsync(uint64_t address, void *stream) {
  note("free %p\n", stream);
  if (attn_ptx_sim_free(simulator, address))
    return INVALID_VALUE;
  return start("cuMemFreeAsync", 1);
}

int cuGetErrorName(int error, const char **name) {
  *name = error == 2               ? "CUDA_ERROR_OUT_OF_MEMORY"
          : error == INVALID_PTX   ? "CUDA_ERROR_INVALID_PTX"
          : error == INVALID_VALUE ? "CUDA_ERROR_INVALID_VALUE"
                                   : NULL;
  return *name ? 0 : INVALID_VALUE;
}
