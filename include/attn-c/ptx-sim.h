/*===- ptx-sim.h - The PTX simulator as a library ----------------*- C -*-===*\
|*                                                                            *|
|* Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.     *|
|* See LICENSE for license information.                                       *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|*===----------------------------------------------------------------------===*|
|*                                                                            *|
|* Runs PTX on the CPU and reports what is wrong with it; what it models is   *|
|* in docs/gpu-simulator.md. A simulator holds one module and its memory, and *|
|* is used by one thread at a time. These functions are in libattn_ptx_sim.   *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef ATTN_C_PTX_SIM_H
#define ATTN_C_PTX_SIM_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define ATTN_PTX_SIM_EXPORT
#else
#define ATTN_PTX_SIM_EXPORT __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct attn_ptx_sim attn_ptx_sim;

enum attn_ptx_sim_status {
  ATTN_PTX_SIM_OK = 0,
  /* The kernel ran, and there are findings: see the report. */
  ATTN_PTX_SIM_FINDINGS = 1,
  /* Nothing ran: the PTX was not understood, or the call is wrong. */
  ATTN_PTX_SIM_REFUSED = 2
};

/* Reads `text`, which ends with a zero byte; reports call it `name`. Never
   NULL: attn_ptx_sim_error says whether it was understood. */
ATTN_PTX_SIM_EXPORT attn_ptx_sim *attn_ptx_sim_create(const char *text,
                                                      const char *name);

ATTN_PTX_SIM_EXPORT void attn_ptx_sim_destroy(attn_ptx_sim *sim);

/* What was wrong with the module or with the last call that was refused, one
   line each with the line of the PTX; NULL if nothing. Valid until the next
   call. */
ATTN_PTX_SIM_EXPORT const char *attn_ptx_sim_error(const attn_ptx_sim *sim);

/* The number of entries of the module, and the name of each; NULL behind them.
 */
ATTN_PTX_SIM_EXPORT size_t attn_ptx_sim_kernel_count(const attn_ptx_sim *sim);
ATTN_PTX_SIM_EXPORT const char *attn_ptx_sim_kernel(const attn_ptx_sim *sim,
                                                    size_t index);

/* Global memory, whose bytes are not initialised. Returns its address on the
   device, a multiple of 256 and of no more; 0 if there is none left. */
ATTN_PTX_SIM_EXPORT uint64_t attn_ptx_sim_allocate(attn_ptx_sim *sim,
                                                   size_t bytes);
ATTN_PTX_SIM_EXPORT int attn_ptx_sim_free(attn_ptx_sim *sim, uint64_t address);

/* Copies between the host and global memory. The bytes must lie within one
   allocation. */
ATTN_PTX_SIM_EXPORT int attn_ptx_sim_write(attn_ptx_sim *sim, uint64_t address,
                                           const void *data, size_t bytes);
/* `initialised`, unless NULL, receives 1 for each byte that was ever written
   and 0 for each other; the data of those is arbitrary. */
ATTN_PTX_SIM_EXPORT int attn_ptx_sim_read(attn_ptx_sim *sim, uint64_t address,
                                          void *data, size_t bytes,
                                          uint8_t *initialised);

/* The address and size in bytes of a .global variable of the module. */
ATTN_PTX_SIM_EXPORT int attn_ptx_sim_symbol(attn_ptx_sim *sim, const char *name,
                                            uint64_t *address, size_t *bytes);

typedef struct attn_ptx_sim_launch_config {
  const char *kernel; /* NULL: the only entry of the module */
  uint32_t grid[3];   /* blocks in x, y, z */
  uint32_t block[3];  /* threads of a block in x, y, z */
  uint32_t shared;    /* bytes of dynamic shared memory */
  uint64_t seed;      /* of the order of blocks and warps */
  /* The value of each .param of the kernel, in order, and its size in bytes,
     which must be that of the parameter. */
  size_t arguments;
  const void *const *argument_values;
  const size_t *argument_sizes;
  /* Instructions of warps after which the launch is given up; 0: 2^32. */
  uint64_t step_limit;
} attn_ptx_sim_launch_config;

/* Runs the kernel to its end, or as far as it comes. */
ATTN_PTX_SIM_EXPORT int
attn_ptx_sim_launch(attn_ptx_sim *sim,
                    const attn_ptx_sim_launch_config *config);

/* Of the last launch: the number of findings, all of them as text, one or two
   lines each ("NAME:LINE: KIND: block (x,y,z) thread (x,y,z): ..."), and all as
   JSON:
     {"kernel": "k", "status": "ok", "findings": [{"kind": "race", "line": 12,
       "block": [0,0,0], "thread": [3,0,0], "count": 32, "message": "..."}],
      "warp_instructions": 123, "thread_instructions": 3936,
      "instructions": {"mma.sync": 64, ...}}
   Both strings are valid until the next launch. */
ATTN_PTX_SIM_EXPORT size_t attn_ptx_sim_finding_count(const attn_ptx_sim *sim);
ATTN_PTX_SIM_EXPORT const char *attn_ptx_sim_report(const attn_ptx_sim *sim);
ATTN_PTX_SIM_EXPORT const char *
attn_ptx_sim_report_json(const attn_ptx_sim *sim);

#ifdef __cplusplus
}
#endif

#endif /* ATTN_C_PTX_SIM_H */
