/*===-- attn-c/kernel.h - Calling a compiled attention kernel -----*- C -*-===*\
|*                                                                            *|
|* Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.     *|
|* See LICENSE for license information.                                       *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|*===----------------------------------------------------------------------===*|
|*                                                                            *|
|* The types of the C ABI of compiled kernels. The header that attn-compile   *|
|* writes for a kernel includes this one and declares the kernel's functions. *|
|* It needs dlpack.h and the C library alone, and is valid C99 and C++.       *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef ATTN_C_KERNEL_H
#define ATTN_C_KERNEL_H

#include <dlpack/dlpack.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Version of the ABI in this header. A kernel reports the one it was built for
 * in attn_kernel_info; it grows when a struct or a signature changes. */
#define ATTN_ABI_VERSION 1

/* Alignment of a workspace, in bytes. */
#define ATTN_WORKSPACE_ALIGNMENT 64

/* What a call returns, as int32_t. Anything but ATTN_OK from a checked argument
 * means that no tensor and no workspace was touched. */
typedef enum attn_status {
  ATTN_OK = 0,
  ATTN_ERR_ARGUMENT_COUNT = 1, /* wrong number of tensors */
  ATTN_ERR_NULL = 2,           /* a pointer that must not be NULL is */
  ATTN_ERR_RANK = 3,           /* wrong number of dimensions */
  ATTN_ERR_SHAPE = 4,          /* an extent is negative, wrong, or too large */
  ATTN_ERR_STRIDE = 5,         /* a stride the kernel cannot walk */
  ATTN_ERR_DTYPE = 6,          /* wrong element type */
  ATTN_ERR_DEVICE = 7,         /* a tensor lies on another device */
  ATTN_ERR_ALIGNMENT = 8,      /* data not aligned to its element type */
  ATTN_ERR_ALIAS = 9,          /* an output overlaps itself or another tensor */
  ATTN_ERR_WORKSPACE = 10,     /* workspace too small or not aligned */
  ATTN_ERR_VALUE = 11,         /* phase, range or worker out of bounds */
  ATTN_ERR_MEMORY = 12,        /* the workspace could not be allocated, or is
                                  larger than the kernel may allocate */
  ATTN_ERR_TARGET = 13,        /* this CPU lacks features the kernel uses, or
                                  this machine the GPU */
  ATTN_ERR_DRIVER = 14         /* the GPU's driver reports an error */
} attn_status;

/* Processes items [begin, end) of a phase. `worker` is in [0, workers), and no
 * two tasks that run at the same time may carry the same one. */
typedef void (*attn_task)(void *context, int64_t begin, int64_t end,
                          int32_t worker);

/* How the caller runs a phase in parallel. `run` calls `task` until every item
 * of [0, items) was covered exactly once, in any pieces and any order, and
 * returns after the last of them has finished. Kernels own no threads; where a
 * call takes a pointer to this struct, NULL runs everything on the calling
 * thread. */
typedef struct attn_parallel_for {
  void (*run)(void *self, int64_t items, attn_task task, void *context);
  void *self;
  int32_t workers;
} attn_parallel_for;

/* One dimension of a tensor: a fixed extent, or a symbol. Dimensions with the
 * same symbol must have the same extent in a call. */
typedef struct attn_dim_info {
  const char *name; /* the symbol, or the extent in decimal */
  int64_t extent;   /* the fixed extent, or -1 */
  int32_t symbol;   /* index into attn_kernel_info.symbols, or -1 */
} attn_dim_info;

typedef struct attn_tensor_info {
  const char *name;
  const attn_dim_info *dims; /* `rank` of them; NULL for rank 0 */
  int32_t rank;
  int32_t is_output;
  DLDataType dtype;
} attn_tensor_info;

/* Static description of a kernel; NAME_info() returns a pointer to it. */
typedef struct attn_kernel_info {
  int32_t abi_version; /* ATTN_ABI_VERSION of the compiler */
  int32_t tensor_count;
  int32_t input_count; /* tensors[0 .. input_count) are inputs */
  int32_t symbol_count;
  int32_t phase_count;
  int32_t reserved; /* 0 */
  const char *name;
  const attn_tensor_info *tensors;
  const char *const *symbols;
  const char *triple;    /* target triple the kernel was compiled for */
  const char *cpu;       /* target CPU, as LLVM names it */
  const char *sanitizer; /* "none", "address" or "thread" */
  /* bytes of scratch each worker needs whatever the extents are;
   * NAME_workspace_size knows what a call needs */
  uint64_t worker_workspace;
} attn_kernel_info;

/* The functions of a kernel NAME, for callers that look them up by name; a
 * generated header declares them. In all of them `tensors` holds the inputs in
 * order, then the outputs; `message`, when it is not NULL, receives a
 * NUL-terminated text (empty on success) of at most `message_size` bytes. */

/* NAME: check, then run every phase. `workspace` is NULL, and then the call
 * allocates and frees what it needs once, or is aligned to
 * ATTN_WORKSPACE_ALIGNMENT and holds NAME_workspace_size() bytes. */
typedef int32_t (*attn_kernel_call_fn)(const DLTensor *const *tensors,
                                       int32_t count,
                                       const attn_parallel_for *parallel,
                                       void *workspace, size_t workspace_size,
                                       char *message, size_t message_size);

/* NAME_check: what NAME does before it touches anything. */
typedef int32_t (*attn_kernel_check_fn)(const DLTensor *const *tensors,
                                        int32_t count, char *message,
                                        size_t message_size);

/* NAME_workspace_size: bytes of workspace for `workers` workers; 0 when none is
 * needed, and when NAME_check refuses the tensors for another reason than the
 * values in them, which it does not look at. */
typedef size_t (*attn_kernel_workspace_size_fn)(const DLTensor *const *tensors,
                                                int32_t count, int32_t workers);

/* NAME_phases: number of phases. They run in order; each one only after all
 * items of the one before have finished. */
typedef int32_t (*attn_kernel_phases_fn)(void);

/* NAME_items: number of items of a phase for these tensors; the negated status
 * when there is no such phase, or NAME_check refuses the tensors for another
 * reason than the values of orders, lists and offsets. */
typedef int64_t (*attn_kernel_items_fn)(const DLTensor *const *tensors,
                                        int32_t count, int32_t phase);

/* NAME_run_items: check as NAME_items does, then run items [begin, end) of one
 * phase as worker number `worker`. All workers of a call share one workspace,
 * whose size follows from the number of workers. */
typedef int32_t (*attn_kernel_run_items_fn)(const DLTensor *const *tensors,
                                            int32_t count, int32_t phase,
                                            int64_t begin, int64_t end,
                                            int32_t worker, void *workspace,
                                            size_t workspace_size,
                                            char *message, size_t message_size);

/* NAME_info: the static description. */
typedef const attn_kernel_info *(*attn_kernel_info_fn)(void);

/* NAME_supported: ATTN_OK, or ATTN_ERR_TARGET where this CPU or its operating
 * system lacks an instruction set extension that the kernel was compiled for.
 * It is not part of the other calls, because asking a CPU is slow: call it once
 * before the first use of a kernel built for another machine. */
typedef int32_t (*attn_kernel_supported_fn)(char *message, size_t message_size);

/* A row-major tensor on the CPU: element type `code` (kDLFloat, ...) of `bits`
 * bits, `rank` extents. Data and shape stay the caller's. */
static inline DLTensor attn_cpu_tensor(void *data, uint8_t code, uint8_t bits,
                                       int32_t rank, int64_t *shape) {
  DLTensor tensor;
  tensor.data = data;
  tensor.device.device_type = kDLCPU;
  tensor.device.device_id = 0;
  tensor.ndim = rank;
  tensor.dtype.code = code;
  tensor.dtype.bits = bits;
  tensor.dtype.lanes = 1;
  tensor.shape = shape;
  tensor.strides = NULL;
  tensor.byte_offset = 0;
  return tensor;
}

/* The identifier of a status, for messages. */
static inline const char *attn_status_name(int32_t status) {
  switch (status) {
  case ATTN_OK:
    return "ATTN_OK";
  case ATTN_ERR_ARGUMENT_COUNT:
    return "ATTN_ERR_ARGUMENT_COUNT";
  case ATTN_ERR_NULL:
    return "ATTN_ERR_NULL";
  case ATTN_ERR_RANK:
    return "ATTN_ERR_RANK";
  case ATTN_ERR_SHAPE:
    return "ATTN_ERR_SHAPE";
  case ATTN_ERR_STRIDE:
    return "ATTN_ERR_STRIDE";
  case ATTN_ERR_DTYPE:
    return "ATTN_ERR_DTYPE";
  case ATTN_ERR_DEVICE:
    return "ATTN_ERR_DEVICE";
  case ATTN_ERR_ALIGNMENT:
    return "ATTN_ERR_ALIGNMENT";
  case ATTN_ERR_ALIAS:
    return "ATTN_ERR_ALIAS";
  case ATTN_ERR_WORKSPACE:
    return "ATTN_ERR_WORKSPACE";
  case ATTN_ERR_VALUE:
    return "ATTN_ERR_VALUE";
  case ATTN_ERR_MEMORY:
    return "ATTN_ERR_MEMORY";
  case ATTN_ERR_TARGET:
    return "ATTN_ERR_TARGET";
  case ATTN_ERR_DRIVER:
    return "ATTN_ERR_DRIVER";
  default:
    return "unknown attn_status";
  }
}

#ifdef __cplusplus
}
#endif

#endif /* ATTN_C_KERNEL_H */
