//===- Launcher.c - Calling a kernel of a GPU -----------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Launcher.h"

#include <stdlib.h>

// More dynamic shared memory than this has to be asked for.
enum { AttnLaunchFreeShared = 48 * 1024 };
// CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES.
enum { AttnLaunchSharedAttribute = 8 };

// What a call needs of the device, computed before anything is launched. The
// workspace holds the memory for checks, which begins with the status of the
// call, and then that of the kernels, each in whole cache lines.
typedef struct attn_launch_plan {
  int64_t check;
  int64_t total;
} attn_launch_plan;

// The status of a call, at the front of its memory for checks.
typedef struct attn_launch_status {
  int32_t code;
  int32_t tensor;
  int64_t place;
  int64_t number;
} attn_launch_status;

static attn_abi_message attn_launch_start(const attn_launch_code *code,
                                          char *text, size_t size) {
  if (text && size > 0)
    text[0] = '\0';
  return (attn_abi_message){code->info, text, size};
}

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

static bool attn_launch_image_error(int error) {
  return error == AttnCudaInvalidImage || error == AttnCudaNoBinaryForGpu ||
         error == AttnCudaInvalidPtx || error == AttnCudaUnsupportedPtxVersion;
}

static int32_t attn_launch_find_kernels(attn_gpu_module *module,
                                        const attn_abi_message *message) {
  const attn_launch_driver *driver = &module->driver;
  for (int32_t i = 0; i < module->code->stepCount; ++i) {
    const attn_launch_step *step = &module->code->steps[i];
    int error = driver->getFunction(&module->functions[i], module->module,
                                    step->kernel);
    if (error)
      return attn_launch_driver_error(driver, "cuModuleGetFunction", error,
                                      message);
    if (step->shared <= AttnLaunchFreeShared)
      continue;
    error = driver->setAttribute(module->functions[i],
                                 AttnLaunchSharedAttribute, (int)step->shared);
    if (error == AttnCudaInvalidValue)
      return attn_abi_fail(message, ATTN_ERR_TARGET,
                           "compiled for %s, with %u bytes of shared memory; "
                           "this GPU has less",
                           message->info->cpu, (unsigned)step->shared);
    if (error)
      return attn_launch_driver_error(driver, "cuFuncSetAttribute", error,
                                      message);
  }
  return ATTN_OK;
}

static int32_t attn_launch_fill(attn_gpu_module *module, const void *image,
                                const attn_abi_message *message) {
  attn_launch_driver *driver = &module->driver;
  int32_t status = attn_launch_open(driver, message);
  if (status != ATTN_OK)
    return status;
  int error = driver->init(0);
  if (error)
    return attn_launch_driver_error(driver, "cuInit", error, message);
  error = driver->getContext(&module->context);
  if (error)
    return attn_launch_driver_error(driver, "cuCtxGetCurrent", error, message);
  if (!module->context)
    return attn_abi_fail(message, ATTN_ERR_DEVICE,
                         "no CUDA context is current in this thread; kernels "
                         "are loaded into the one that is");
  error = driver->getDevice(&module->device);
  if (error)
    return attn_launch_driver_error(driver, "cuCtxGetDevice", error, message);
  error = driver->loadModule(&module->module, image);
  if (attn_launch_image_error(error)) {
    const char *name = NULL;
    driver->getErrorName(error, &name);
    return attn_abi_fail(message, ATTN_ERR_TARGET,
                         "compiled for %s, which this GPU or its driver does "
                         "not run: %s (%d)",
                         message->info->cpu, name ? name : "unknown", error);
  }
  if (error)
    return attn_launch_driver_error(driver, "cuModuleLoadData", error, message);
  return attn_launch_find_kernels(module, message);
}

static void attn_launch_unload(attn_gpu_module *module) {
  if (!module)
    return;
  attn_launch_driver *driver = &module->driver;
  void *popped;
  if (module->module && driver->pushContext(module->context) == 0) {
    driver->unloadModule(module->module);
    driver->popContext(&popped);
  }
  attn_launch_close(driver);
  free(module);
}

static int32_t attn_launch_load(const attn_launch_code *code,
                                attn_gpu_module **result, const void *image,
                                char *text, size_t size) {
  attn_abi_message message = attn_launch_start(code, text, size);
  if (!result)
    return attn_abi_fail(&message, ATTN_ERR_NULL,
                         "the place for the module is NULL");
  *result = NULL;
  attn_gpu_module *module = (attn_gpu_module *)calloc(
      1, sizeof(*module) + (size_t)code->stepCount * sizeof(void *));
  if (!module)
    return attn_abi_fail(&message, ATTN_ERR_MEMORY,
                         "the module could not be allocated");
  module->code = code;
  int32_t status =
      attn_launch_fill(module, image ? image : code->image, &message);
  if (status != ATTN_OK) {
    attn_launch_unload(module);
    return status;
  }
  *result = module;
  return ATTN_OK;
}

static int32_t attn_launch_check_module(const attn_launch_code *code,
                                        const attn_gpu_module *module,
                                        const attn_abi_message *message) {
  if (!module)
    return attn_abi_fail(message, ATTN_ERR_NULL,
                         "the module is NULL; %s_load makes it",
                         code->info->name);
  if (module->code != code)
    return attn_abi_fail(message, ATTN_ERR_VALUE,
                         "the module holds %s, another kernel",
                         module->code->info->name);
  return ATTN_OK;
}

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

// Host memory that the device reads has no device of its own.
static int32_t attn_abi_check_device(const attn_kernel_info *info,
                                     const DLTensor *const *tensors,
                                     int32_t index,
                                     const attn_abi_message *message) {
  const char *name = info->tensors[index].name;
  DLDevice device = tensors[index]->device;
  if (device.device_type == kDLCUDAManaged || device.device_type == kDLCUDAHost)
    return ATTN_OK;
  if (device.device_type != kDLCUDA)
    return attn_abi_fail(message, ATTN_ERR_DEVICE,
                         "%s: device type is %d, but this kernel takes tensors "
                         "on a GPU (%d), or in managed (%d) or pinned memory "
                         "(%d)",
                         name, (int)device.device_type, (int)kDLCUDA,
                         (int)kDLCUDAManaged, (int)kDLCUDAHost);
  for (int32_t other = 0; other < index; ++other)
    if (tensors[other]->device.device_type == kDLCUDA &&
        tensors[other]->device.device_id != device.device_id)
      return attn_abi_fail(message, ATTN_ERR_DEVICE,
                           "%s: lies on device %d, but %s on device %d", name,
                           (int)device.device_id, info->tensors[other].name,
                           (int)tensors[other]->device.device_id);
  return ATTN_OK;
}

static int32_t attn_launch_check_devices(const attn_gpu_module *module,
                                         const DLTensor *const *tensors,
                                         int32_t count,
                                         const attn_abi_message *message) {
  for (int32_t i = 0; i < count; ++i) {
    DLDevice device = tensors[i]->device;
    if (device.device_type == kDLCUDA && device.device_id != module->device)
      return attn_abi_fail(message, ATTN_ERR_DEVICE,
                           "%s: lies on device %d, but the module is loaded on "
                           "device %d",
                           message->info->tensors[i].name,
                           (int)device.device_id, module->device);
  }
  return ATTN_OK;
}

// The kernels count in 32 bits (attn-narrow-indices): kMostExtentOnGPU.
enum { AttnLaunchMostExtent = 1 << 30 };

// Checks the tensors, and what extents they have.
static int32_t attn_launch_get_extents(const attn_launch_code *code,
                                       const DLTensor *const *given,
                                       int32_t count, int64_t *storage,
                                       attn_abi_tensors *tensors,
                                       int64_t *extents,
                                       const attn_abi_message *message) {
  int32_t status = attn_abi_check_tensors(code->info, given, count, storage,
                                          tensors, message);
  if (status != ATTN_OK)
    return status;
  for (int32_t i = 0; i < code->info->symbol_count; ++i) {
    attn_launch_extent extent = code->extents[i];
    extents[i] = attn_abi_sizes(tensors, extent.tensor)[extent.dim];
    if (extents[i] > AttnLaunchMostExtent)
      return attn_abi_fail(message, ATTN_ERR_SHAPE,
                           "%s: dimension %d is %lld, but at most %d on a GPU",
                           code->info->tensors[extent.tensor].name, extent.dim,
                           (long long)extents[i], AttnLaunchMostExtent);
  }
  return ATTN_OK;
}

static attn_launch_int attn_launch_round_up(attn_launch_int bytes,
                                            bool *wrong) {
  return attn_launch_mul(
      attn_launch_ceildiv(bytes, ATTN_WORKSPACE_ALIGNMENT, wrong),
      ATTN_WORKSPACE_ALIGNMENT, wrong);
}

// False where the size does not fit.
static bool attn_launch_make_plan(const attn_launch_code *code,
                                  const int64_t *extents,
                                  attn_launch_plan *plan) {
  bool wrong = false;
  attn_launch_int check = 0;
  if (code->check)
    check = attn_launch_round_up(code->check(extents, &wrong), &wrong);
  attn_launch_int workspace =
      attn_launch_round_up(code->workspace(extents, &wrong), &wrong);
  attn_launch_int total = attn_launch_add(check, workspace, &wrong);
  if (wrong || check < 0 || workspace < 0 || total > INT64_MAX)
    return false;
  *plan = (attn_launch_plan){(int64_t)check, (int64_t)total};
  return true;
}

// The blocks of every step, 0 where there is nothing to launch; false where a
// grid does not fit, or items are more than the kernels count in 32 bits
// (attn-narrow-indices): kMostItemsOnGPU.
static bool attn_launch_get_grids(const attn_launch_code *code,
                                  const int64_t *extents, uint32_t *grids) {
  for (int32_t i = 0; i < code->stepCount; ++i) {
    bool wrong = false;
    const attn_launch_step *step = &code->steps[i];
    attn_launch_int blocks = step->blocks(extents, &wrong);
    attn_launch_int items = step->items ? step->items(extents, &wrong) : blocks;
    if (wrong || items > INT32_MAX)
      return false;
    grids[i] = blocks > 0 ? (uint32_t)blocks : 0;
  }
  return true;
}

static int32_t attn_launch_check_workspace(const attn_abi_tensors *tensors,
                                           const attn_launch_plan *plan,
                                           const void *workspace, size_t size,
                                           const attn_abi_message *message) {
  const attn_kernel_info *info = message->info;
  if (size < (size_t)plan->total)
    return attn_abi_fail(message, ATTN_ERR_WORKSPACE,
                         "the workspace has %llu bytes, but the call needs "
                         "%lld; see %s_workspace_size",
                         (unsigned long long)size, (long long)plan->total,
                         info->name);
  int64_t begin = (int64_t)(uintptr_t)workspace;
  if (begin % ATTN_WORKSPACE_ALIGNMENT != 0)
    return attn_abi_fail(message, ATTN_ERR_WORKSPACE,
                         "the workspace is not aligned to %d bytes",
                         ATTN_WORKSPACE_ALIGNMENT);
  for (int32_t i = 0; i < info->tensor_count; ++i) {
    const attn_abi_span *span = &tensors->spans[i];
    if (span->begin < span->end && span->begin - begin < plan->total &&
        begin < span->end)
      return attn_abi_fail(message, ATTN_ERR_ALIAS,
                           "the workspace overlaps the tensor %s",
                           info->tensors[i].name);
  }
  return ATTN_OK;
}

static int32_t attn_launch_check(const attn_launch_code *code,
                                 const DLTensor *const *tensors, int32_t count,
                                 char *text, size_t size) {
  attn_abi_message message = attn_launch_start(code, text, size);
  int64_t storage[attn_abi_storage_words(code->info)];
  int64_t extents[code->info->symbol_count + 1];
  attn_abi_tensors checked;
  return attn_launch_get_extents(code, tensors, count, storage, &checked,
                                 extents, &message);
}

static size_t attn_launch_workspace_size(const attn_launch_code *code,
                                         const DLTensor *const *tensors,
                                         int32_t count) {
  attn_abi_message nowhere = {code->info, NULL, 0};
  int64_t storage[attn_abi_storage_words(code->info)];
  int64_t extents[code->info->symbol_count + 1];
  attn_abi_tensors checked;
  attn_launch_plan plan;
  if (attn_launch_get_extents(code, tensors, count, storage, &checked, extents,
                              &nowhere) != ATTN_OK)
    return 0;
  // A size that does not fit is one that no allocation can meet.
  if (!attn_launch_make_plan(code, extents, &plan))
    return SIZE_MAX;
  return (size_t)plan.total;
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

static int32_t attn_launch_describe(const attn_launch_status *status,
                                    const attn_abi_message *message) {
  static const char *const what[] = {
      NULL, "out of range", "another slot holds it, too", "it cannot follow"};
  if (status->code == 0)
    return ATTN_OK;
  if (status->code < 0 || status->code > 4 || status->tensor < 0 ||
      status->tensor >= message->info->tensor_count)
    return attn_abi_fail(message, ATTN_ERR_WORKSPACE,
                         "the workspace holds no status of a call");
  const char *name = message->info->tensors[status->tensor].name;
  if (status->code == 4)
    return attn_abi_fail(message, ATTN_ERR_VALUE,
                         "%s has %lld rows or offsets where the call needs "
                         "%lld",
                         name, (long long)status->place,
                         (long long)status->number);
  return attn_abi_fail(
      message, ATTN_ERR_VALUE, "%s holds %lld in slot %lld: %s", name,
      (long long)status->number, (long long)status->place, what[status->code]);
}

// The module's context is current.
static int32_t attn_launch_read_status(const attn_gpu_module *module,
                                       uint64_t workspace, void *stream,
                                       const attn_abi_message *message) {
  const attn_launch_driver *driver = &module->driver;
  attn_launch_status status = {0, 0, 0, 0};
  int error = driver->copyToHost(&status, workspace, sizeof(status), stream);
  if (error)
    return attn_launch_driver_error(driver, "cuMemcpyDtoHAsync", error,
                                    message);
  error = driver->synchronize(stream);
  if (error)
    return attn_launch_driver_error(driver, "cuStreamSynchronize", error,
                                    message);
  return attn_launch_describe(&status, message);
}

static uint64_t attn_launch_get_argument(const attn_launch_parameter *parameter,
                                         const attn_kernel_info *info,
                                         const attn_abi_tensors *tensors,
                                         const int64_t *extents,
                                         const attn_launch_plan *plan,
                                         uint64_t workspace) {
  int32_t index = parameter->index;
  switch (parameter->kind) {
  case AttnLaunchPointer:
    return (uint64_t)*(attn_abi_sizes(tensors, index) - AttnDescriptorHeader);
  case AttnLaunchStride:
    return (uint64_t)attn_abi_strides(tensors, info, index)[parameter->dim];
  case AttnLaunchExtent:
    return (uint64_t)extents[index];
  case AttnLaunchWorkspace:
    return workspace + (uint64_t)plan->check;
  case AttnLaunchCheck:
    return workspace;
  }
  return 0;
}

// The module's context is current.
static int32_t attn_launch_steps(const attn_gpu_module *module,
                                 const attn_abi_tensors *tensors,
                                 const int64_t *extents, const uint32_t *grids,
                                 const attn_launch_plan *plan, void *stream,
                                 uint64_t workspace,
                                 const attn_abi_message *message) {
  const attn_launch_code *code = module->code;
  uint64_t values[code->parameterCount + 1];
  void *arguments[code->parameterCount + 1];
  for (int32_t i = 0; i < code->parameterCount; ++i) {
    values[i] = attn_launch_get_argument(&code->parameters[i], code->info,
                                         tensors, extents, plan, workspace);
    arguments[i] = &values[i];
  }
  for (int32_t i = 0; i < code->stepCount; ++i) {
    const attn_launch_step *step = &code->steps[i];
    if (grids[i] == 0)
      continue;
    int error = module->driver.launchKernel(
        module->functions[i], grids[i], 1, 1, step->threads, 1, 1, step->shared,
        stream, arguments, NULL);
    if (error)
      return attn_launch_driver_error(&module->driver, "cuLaunchKernel", error,
                                      message);
  }
  return ATTN_OK;
}

// Launches with a workspace of its own. A status lies in it, so the call waits
// for one; otherwise it does not.
static int32_t attn_launch_allocated(const attn_gpu_module *module,
                                     const attn_abi_tensors *tensors,
                                     const int64_t *extents,
                                     const uint32_t *grids,
                                     const attn_launch_plan *plan, void *stream,
                                     const attn_abi_message *message) {
  const attn_launch_code *code = module->code;
  const attn_launch_driver *driver = &module->driver;
  uint64_t workspace = 0;
  if (code->maxWorkspace && plan->total > code->maxWorkspace)
    return attn_abi_fail(message, ATTN_ERR_MEMORY,
                         "the call needs %lld bytes of workspace; the kernel "
                         "was compiled to allocate at most %lld "
                         "(--max-footprint), and takes a larger one from its "
                         "caller",
                         (long long)plan->total, (long long)code->maxWorkspace);
  int error = plan->total > 0
                  ? driver->allocate(&workspace, (size_t)plan->total, stream)
                  : 0;
  if (error)
    return attn_launch_driver_error(driver, "cuMemAllocAsync", error, message);
  int32_t status = attn_launch_steps(module, tensors, extents, grids, plan,
                                     stream, workspace, message);
  if (status == ATTN_OK && code->check)
    status = attn_launch_read_status(module, workspace, stream, message);
  error = workspace ? driver->release(workspace, stream) : 0;
  if (status == ATTN_OK && error)
    return attn_launch_driver_error(driver, "cuMemFreeAsync", error, message);
  return status;
}

static int32_t attn_launch_call(const attn_launch_code *code,
                                const attn_gpu_module *module,
                                const DLTensor *const *tensors, int32_t count,
                                void *stream, void *workspace,
                                size_t workspaceSize, char *text, size_t size) {
  attn_abi_message message = attn_launch_start(code, text, size);
  int64_t storage[attn_abi_storage_words(code->info)];
  int64_t extents[code->info->symbol_count + 1];
  uint32_t grids[code->stepCount + 1];
  attn_abi_tensors checked;
  attn_launch_plan plan;
  int32_t status = attn_launch_check_module(code, module, &message);
  if (status == ATTN_OK)
    status = attn_launch_get_extents(code, tensors, count, storage, &checked,
                                     extents, &message);
  if (status == ATTN_OK)
    status = attn_launch_check_devices(module, tensors, count, &message);
  if (status != ATTN_OK)
    return status;
  if (!attn_launch_make_plan(code, extents, &plan) ||
      !attn_launch_get_grids(code, extents, grids))
    return attn_abi_fail(&message, ATTN_ERR_MEMORY,
                         "the call would need more than 2^63 - 1 bytes of "
                         "workspace or 2^31 - 1 items");
  if (workspace)
    status = attn_launch_check_workspace(&checked, &plan, workspace,
                                         workspaceSize, &message);
  if (status != ATTN_OK)
    return status;
  const attn_launch_driver *driver = &module->driver;
  void *popped;
  int error = driver->pushContext(module->context);
  if (error)
    return attn_launch_driver_error(driver, "cuCtxPushCurrent", error,
                                    &message);
  if (workspace)
    status = attn_launch_steps(module, &checked, extents, grids, &plan, stream,
                               (uint64_t)(uintptr_t)workspace, &message);
  else
    status = attn_launch_allocated(module, &checked, extents, grids, &plan,
                                   stream, &message);
  driver->popContext(&popped);
  return status;
}

static int32_t attn_launch_get_status(const attn_launch_code *code,
                                      const attn_gpu_module *module,
                                      const void *workspace, void *stream,
                                      char *text, size_t size) {
  attn_abi_message message = attn_launch_start(code, text, size);
  int32_t status = attn_launch_check_module(code, module, &message);
  if (status != ATTN_OK || !code->check)
    return status;
  if (!workspace)
    return attn_abi_fail(&message, ATTN_ERR_NULL,
                         "the workspace is NULL; the status of a call lies in "
                         "the one that it was given");
  const attn_launch_driver *driver = &module->driver;
  void *popped;
  int error = driver->pushContext(module->context);
  if (error)
    return attn_launch_driver_error(driver, "cuCtxPushCurrent", error,
                                    &message);
  status = attn_launch_read_status(module, (uint64_t)(uintptr_t)workspace,
                                   stream, &message);
  driver->popContext(&popped);
  return status;
}
