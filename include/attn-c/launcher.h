/*===-- attn-c/launcher.h - Calling a kernel of a GPU -------------*- C -*-===*\
|*                                                                            *|
|* Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.     *|
|* See LICENSE for license information.                                       *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|*===----------------------------------------------------------------------===*|
|*                                                                            *|
|* The types of the C launchers that attn-compile --launcher writes; the      *|
|* header that comes with one includes this file. It needs no CUDA header.    *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef ATTN_C_LAUNCHER_H
#define ATTN_C_LAUNCHER_H

#include <attn-c/kernel.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The kernels of a launcher, loaded into one CUDA context. Calls do not change
 * it, and any number of threads may make them. */
typedef struct attn_gpu_module attn_gpu_module;

/* A row-major tensor in memory of GPU number `device`, as attn_cpu_tensor. */
static inline DLTensor attn_gpu_tensor(void *data, int32_t device, uint8_t code,
                                       uint8_t bits, int32_t rank,
                                       int64_t *shape) {
  DLTensor tensor = attn_cpu_tensor(data, code, bits, rank, shape);
  tensor.device.device_type = kDLCUDA;
  tensor.device.device_id = device;
  return tensor;
}

/* The functions of a launcher NAME, for callers that look them up by name; a
 * generated header declares them. `tensors`, `message` and what is returned are
 * those of attn-c/kernel.h, but that tensors lie in memory of a GPU. NAME_check
 * is an attn_kernel_check_fn, NAME_info an attn_kernel_info_fn. */

/* NAME_load: loads the kernels into the CUDA context that is current in this
 * thread. `image` is PTX, a cubin or a fat binary; NULL stands for the one that
 * the launcher holds. On failure `*module` is NULL. */
typedef int32_t (*attn_launcher_load_fn)(attn_gpu_module **module,
                                         const void *image, char *message,
                                         size_t message_size);

/* NAME_unload: gives back what NAME_load made, once the kernels have finished.
 * NULL is nothing. */
typedef void (*attn_launcher_unload_fn)(attn_gpu_module *module);

/* NAME: check, then launch in `stream`, a CUstream or cudaStream_t of the
 * module's context, and return. `workspace` is NULL, and then the call
 * allocates and frees what it needs in order of the stream, or is memory of the
 * device, aligned to ATTN_WORKSPACE_ALIGNMENT, of NAME_workspace_size() bytes,
 * that nothing else uses until the kernels have finished. Where values are
 * checked, NAME_status reports what is wrong with them; with `workspace` NULL
 * the call waits for the stream and reports it itself. */
typedef int32_t (*attn_launcher_call_fn)(const attn_gpu_module *module,
                                         const DLTensor *const *tensors,
                                         int32_t count, void *stream,
                                         void *workspace, size_t workspace_size,
                                         char *message, size_t message_size);

/* NAME_workspace_size: bytes of workspace; 0 when none is needed, and when the
 * tensors do not pass NAME_check. */
typedef size_t (*attn_launcher_workspace_size_fn)(
    const DLTensor *const *tensors, int32_t count);

/* NAME_status: waits for `stream`, and says whether the values of the last call
 * with this workspace were right: ATTN_OK or ATTN_ERR_VALUE. Where a kernel
 * checks no values it returns ATTN_OK at once. */
typedef int32_t (*attn_launcher_status_fn)(const attn_gpu_module *module,
                                           const void *workspace, void *stream,
                                           char *message, size_t message_size);

#ifdef __cplusplus
}
#endif

#endif /* ATTN_C_LAUNCHER_H */
