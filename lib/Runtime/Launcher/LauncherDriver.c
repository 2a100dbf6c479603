//===- LauncherDriver.c - The driver of NVIDIA GPUs, without its header ---===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The driver is opened when kernels are loaded: a program links without it, and
// can go on where there is none.
//
//===----------------------------------------------------------------------===//

#include "Launcher.h"

#include <dlfcn.h>
#include <string.h>

// Errors of the driver that have a status of their own.
enum {
  AttnCudaInvalidValue = 1,
  AttnCudaOutOfMemory = 2,
  AttnCudaInvalidImage = 200,
  AttnCudaNoBinaryForGpu = 209,
  AttnCudaInvalidPtx = 218,
  AttnCudaUnsupportedPtxVersion = 222
};

static int32_t attn_launch_open(attn_launch_driver *driver,
                                const attn_abi_message *message) {
  // The names that cuda.h has for them since CUDA 11.2.
  static const struct {
    const char *name;
    size_t place;
  } functions[] = {
      {"cuInit", offsetof(attn_launch_driver, init)},
      {"cuCtxGetCurrent", offsetof(attn_launch_driver, getContext)},
      {"cuCtxPushCurrent_v2", offsetof(attn_launch_driver, pushContext)},
      {"cuCtxPopCurrent_v2", offsetof(attn_launch_driver, popContext)},
      {"cuCtxGetDevice", offsetof(attn_launch_driver, getDevice)},
      {"cuModuleLoadData", offsetof(attn_launch_driver, loadModule)},
      {"cuModuleUnload", offsetof(attn_launch_driver, unloadModule)},
      {"cuModuleGetFunction", offsetof(attn_launch_driver, getFunction)},
      {"cuFuncSetAttribute", offsetof(attn_launch_driver, setAttribute)},
      {"cuLaunchKernel", offsetof(attn_launch_driver, launchKernel)},
      {"cuMemcpyDtoHAsync_v2", offsetof(attn_launch_driver, copyToHost)},
      {"cuStreamSynchronize", offsetof(attn_launch_driver, synchronize)},
      {"cuMemAllocAsync", offsetof(attn_launch_driver, allocate)},
      {"cuMemFreeAsync", offsetof(attn_launch_driver, release)},
      {"cuGetErrorName", offsetof(attn_launch_driver, getErrorName)},
  };
  driver->library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!driver->library)
    return attn_abi_fail(message, ATTN_ERR_TARGET,
                         "the driver of NVIDIA GPUs cannot be loaded: %s",
                         dlerror());
  for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); ++i) {
    void *found = dlsym(driver->library, functions[i].name);
    if (!found) {
      attn_launch_close(driver);
      return attn_abi_fail(message, ATTN_ERR_TARGET,
                           "the driver of NVIDIA GPUs is too old: it lacks %s",
                           functions[i].name);
    }
    // C does not convert pointers to data to pointers to functions.
    memcpy((char *)driver + functions[i].place, &found, sizeof(found));
  }
  return ATTN_OK;
}

static void attn_launch_close(attn_launch_driver *driver) {
  if (driver->library)
    dlclose(driver->library);
  driver->library = NULL;
}

static int32_t attn_launch_driver_error(const attn_launch_driver *driver,
                                        const char *function, int error,
                                        const attn_abi_message *message) {
  const char *name = NULL;
  if (driver->getErrorName(error, &name) != 0 || !name)
    name = "an unknown error";
  return attn_abi_fail(
      message, error == AttnCudaOutOfMemory ? ATTN_ERR_MEMORY : ATTN_ERR_DRIVER,
      "%s: %s (%d)", function, name, error);
}
