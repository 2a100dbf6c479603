//===- Launcher.h - The generic half of a C launcher --------------*- C -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The tables that attn-compile writes into a launcher, and the functions that
// read them. A launcher is one file: the text of lib/Runtime/Kernel's checks of
// tensors, of this folder, and what lib/Target/NVVM/Launcher.cpp writes behind
// them.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_LAUNCHER_LAUNCHER_H
#define ATTN_RUNTIME_LAUNCHER_LAUNCHER_H

#include "KernelTensors.h"
#include "attn-c/launcher.h"

#include <stdbool.h>

//===----------------------------------------------------------------------===//
// Formulas
//===----------------------------------------------------------------------===//

// Formulas are computed in integers of any size. In 128 bits, products of
// extents of tensors that exist do not wrap; where one does, or something is
// divided by zero, `wrong` is set and the call refused.
__extension__ typedef __int128 attn_launch_int;

#define ATTN_LAUNCH_UNUSED __attribute__((unused))

ATTN_LAUNCH_UNUSED static attn_launch_int
attn_launch_add(attn_launch_int a, attn_launch_int b, bool *wrong) {
  attn_launch_int result;
  *wrong |= __builtin_add_overflow(a, b, &result);
  return result;
}

ATTN_LAUNCH_UNUSED static attn_launch_int
attn_launch_sub(attn_launch_int a, attn_launch_int b, bool *wrong) {
  attn_launch_int result;
  *wrong |= __builtin_sub_overflow(a, b, &result);
  return result;
}

ATTN_LAUNCH_UNUSED static attn_launch_int
attn_launch_mul(attn_launch_int a, attn_launch_int b, bool *wrong) {
  attn_launch_int result;
  *wrong |= __builtin_mul_overflow(a, b, &result);
  return result;
}

// Divisors are positive; C rounds toward zero.
ATTN_LAUNCH_UNUSED static attn_launch_int
attn_launch_floordiv(attn_launch_int a, attn_launch_int b, bool *wrong) {
  if (b <= 0) {
    *wrong = true;
    return 0;
  }
  return a / b - (a % b < 0);
}

ATTN_LAUNCH_UNUSED static attn_launch_int
attn_launch_ceildiv(attn_launch_int a, attn_launch_int b, bool *wrong) {
  if (b <= 0) {
    *wrong = true;
    return 0;
  }
  return a / b + (a % b > 0);
}

ATTN_LAUNCH_UNUSED static attn_launch_int
attn_launch_mod(attn_launch_int a, attn_launch_int b, bool *wrong) {
  if (b <= 0) {
    *wrong = true;
    return 0;
  }
  return a % b + (a % b < 0 ? b : 0);
}

ATTN_LAUNCH_UNUSED static attn_launch_int attn_launch_min(attn_launch_int a,
                                                          attn_launch_int b) {
  return a < b ? a : b;
}

ATTN_LAUNCH_UNUSED static attn_launch_int attn_launch_max(attn_launch_int a,
                                                          attn_launch_int b) {
  return a > b ? a : b;
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

// The value of a formula for the extents of the symbols.
typedef attn_launch_int (*attn_launch_formula)(const int64_t *extents,
                                               bool *wrong);

typedef enum attn_launch_kind {
  AttnLaunchPointer,   // of tensor `index`
  AttnLaunchStride,    // of dimension `dim` of tensor `index`
  AttnLaunchExtent,    // of symbol `index`
  AttnLaunchWorkspace, // its address
  AttnLaunchCheck      // the address of the memory for checks
} attn_launch_kind;

// A parameter of all kernels, of eight bytes.
typedef struct attn_launch_parameter {
  attn_launch_kind kind;
  int32_t index;
  int32_t dim;
} attn_launch_parameter;

// A dimension that is as long as a symbol says.
typedef struct attn_launch_extent {
  int32_t tensor;
  int32_t dim;
} attn_launch_extent;

typedef struct attn_launch_step {
  const char *kernel;
  attn_launch_formula items; // NULL where each has a block of its own
  attn_launch_formula blocks;
  uint32_t threads;
  uint32_t shared; // bytes of dynamic shared memory
} attn_launch_step;

typedef struct attn_launch_code {
  const attn_kernel_info *info;
  const attn_launch_extent *extents; // one for each symbol
  const attn_launch_parameter *parameters;
  int32_t parameterCount;
  int32_t stepCount;
  const attn_launch_step *steps;
  attn_launch_formula workspace;
  attn_launch_formula check; // NULL where no values are checked
  int64_t maxWorkspace;      // bytes that a call may allocate; 0 is no limit
  const void *image;
} attn_launch_code;

//===----------------------------------------------------------------------===//
// The driver
//===----------------------------------------------------------------------===//

// Functions of libcuda.so.1, as its header declares them but for names of
// types: handles are pointers, and memory of the device is an integer.
typedef struct attn_launch_driver {
  void *library;
  int (*init)(unsigned flags);
  int (*getContext)(void **context);
  int (*pushContext)(void *context);
  int (*popContext)(void **context);
  int (*getDevice)(int *device);
  int (*loadModule)(void **module, const void *image);
  int (*unloadModule)(void *module);
  int (*getFunction)(void **function, void *module, const char *name);
  int (*setAttribute)(void *function, int attribute, int value);
  int (*launchKernel)(void *function, unsigned gridX, unsigned gridY,
                      unsigned gridZ, unsigned blockX, unsigned blockY,
                      unsigned blockZ, unsigned shared, void *stream,
                      void **arguments, void **extra);
  int (*copyToHost)(void *to, uint64_t from, size_t bytes, void *stream);
  int (*synchronize)(void *stream);
  int (*allocate)(uint64_t *address, size_t bytes, void *stream);
  int (*release)(uint64_t address, void *stream);
  int (*getErrorName)(int error, const char **name);
} attn_launch_driver;

struct attn_gpu_module {
  const attn_launch_code *code;
  attn_launch_driver driver;
  void *context;
  void *module;
  int device;
  void *functions[]; // one for each step
};

// Finds the driver; `driver` is given back by attn_launch_close.
static int32_t attn_launch_open(attn_launch_driver *driver,
                                const attn_abi_message *message);
static void attn_launch_close(attn_launch_driver *driver);

// Reports that the driver's `function` returned `error`.
static int32_t attn_launch_driver_error(const attn_launch_driver *driver,
                                        const char *function, int error,
                                        const attn_abi_message *message);

#endif // ATTN_RUNTIME_LAUNCHER_LAUNCHER_H
