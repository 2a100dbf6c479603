//===- KernelAbi.h - Generic half of a kernel's C ABI -------------*- C -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything a compiled kernel does around its machine code: checking tensors,
// building memref descriptors, dividing the workspace and driving the phases.
// It is written once, in C, against the tables below. The compiler emits the
// tables and the public NAME* functions, links this code in as LLVM bitcode and
// makes it internal, so an object carries its own copy and needs libc alone.
// Nothing here may keep state, allocate (but for the workspace the caller asked
// for) or run before main.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_KERNEL_KERNELABI_H
#define ATTN_RUNTIME_KERNEL_KERNELABI_H

#include "KernelTensors.h"

#ifdef __cplusplus
extern "C" {
#endif

// A tensor as the generated code sees it: a pointer to an MLIR strided memref
// descriptor { void *allocated, *aligned; int64_t offset, sizes[], strides[] }.
typedef void *const *attn_descriptors;

// Number of items of a phase. A negative result says that the values of the
// operands (lengths, offsets) make no sense.
typedef int64_t (*attn_phase_items_fn)(attn_descriptors descriptors);

// Runs items [begin, end). The first word of the worker's workspace, if it has
// one, is 0 for its first items of the phase.
typedef void (*attn_phase_run_fn)(attn_descriptors descriptors, int64_t begin,
                                  int64_t end, void *workerWorkspace,
                                  void *sharedWorkspace);

typedef struct attn_phase_code {
  attn_phase_items_fn items;
  attn_phase_run_fn run;
} attn_phase_code;

// An instruction set extension: bit `bit` of register `reg` (0 eax .. 3 edx)
// of CPUID leaf `leaf`, subleaf `subleaf`; on AArch64 of entry `leaf` of the
// auxiliary vector.
typedef struct attn_cpu_feature {
  const char *name;
  uint32_t leaf;
  uint32_t subleaf;
  uint32_t reg;
  uint32_t bit;
} attn_cpu_feature;

// What the values of an operand have to be, row by row of its last dimension.
typedef enum attn_check_kind {
  AttnCheckPermutation = 0, // every token once
  AttnCheckOffsets = 1,     // ascending numbers of tokens, where segments begin
  AttnCheckBlocks = 2,      // offsets of ascending lists of blocks of tokens
  AttnCheckIndices = 3      // an ascending list of tokens, filled up with -1
} attn_check_kind;

// A dimension that is as long as there are tokens.
typedef struct attn_extent {
  int32_t tensor;
  int32_t dim;
} attn_extent;

typedef struct attn_value_check {
  int32_t kind;
  int32_t tensor; // an input of i32 or i64
  attn_extent tokens;
  // Of lists: the queries, how many of them share a list, how many tokens are a
  // block, and of AttnCheckBlocks the input that holds the lists.
  attn_extent rows;
  int64_t rowsOfList;
  int64_t tokensOfBlock;
  int32_t entries;
} attn_value_check;

// What the compiler emits for a kernel. Read by lib/Target/CPU, field by field.
typedef struct attn_kernel_code {
  const attn_kernel_info *info;
  const attn_phase_code *phases;
  int64_t (*sharedWorkspace)(attn_descriptors descriptors); // may be NULL
  // Bytes of a worker where they depend on the extents; may be NULL.
  int64_t (*workerWorkspace)(attn_descriptors descriptors);
  int64_t maxWorkspace; // bytes that a call may allocate; 0 is no limit
  const attn_cpu_feature *features;
  int64_t featureCount;
  uint64_t extendedState; // bits of XCR0 the operating system must have set
  // None where values are not to be checked.
  const attn_value_check *checks;
  int64_t checkCount;
} attn_kernel_code;

// Each of these implements the public function of the same name.
int32_t attn_abi_call(const attn_kernel_code *code,
                      const DLTensor *const *tensors, int32_t count,
                      const attn_parallel_for *parallel, void *workspace,
                      size_t workspaceSize, char *message, size_t messageSize);
int32_t attn_abi_check(const attn_kernel_code *code,
                       const DLTensor *const *tensors, int32_t count,
                       char *message, size_t messageSize);
size_t attn_abi_workspace_size(const attn_kernel_code *code,
                               const DLTensor *const *tensors, int32_t count,
                               int32_t workers);
int32_t attn_abi_phases(const attn_kernel_code *code);
int64_t attn_abi_items(const attn_kernel_code *code,
                       const DLTensor *const *tensors, int32_t count,
                       int32_t phase);
int32_t attn_abi_run_items(const attn_kernel_code *code,
                           const DLTensor *const *tensors, int32_t count,
                           int32_t phase, int64_t begin, int64_t end,
                           int32_t worker, void *workspace,
                           size_t workspaceSize, char *message,
                           size_t messageSize);
int32_t attn_abi_supported(const attn_kernel_code *code, char *message,
                           size_t messageSize);

//===----------------------------------------------------------------------===//
// Between the files of this folder
//===----------------------------------------------------------------------===//

// Asks the operating system for registers that a process has only on request;
// one that lacks them would be ended where it uses them.
int32_t attn_abi_request_state(const attn_kernel_code *code,
                               const attn_abi_message *message);

// Checks `tensors` and asks every phase; fills `result`, which points into
// `storage`.
int32_t attn_abi_prepare(const attn_kernel_code *code,
                         const DLTensor *const *tensors, int32_t count,
                         int64_t *storage, attn_abi_tensors *result,
                         const attn_abi_message *message);

// Refuses operands whose values make no sense: permutations that are none,
// offsets that descend or leave the tokens, lists out of order.
int32_t attn_abi_check_values(const attn_kernel_code *code,
                              const attn_abi_tensors *tensors,
                              const attn_abi_message *message);

#ifdef __cplusplus
}
#endif

#endif // ATTN_RUNTIME_KERNEL_KERNELABI_H
