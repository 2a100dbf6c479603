//===- KernelHeader.cpp - The C header of compiled kernels ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/CPU/Compile.h"
#include "attn/Target/Common/HeaderText.h"

using namespace mlir;
using namespace mlir::attn;

/// The declarations of one kernel; NAME stands for its name.
static constexpr StringLiteral kDeclarations =
    R"(/* Checks the tensors, then runs the kernel on them. `parallel` may be NULL:
 * everything runs on the calling thread. `workspace` may be NULL: what is
 * needed is allocated and freed. Returns an attn_status. */
int32_t NAME(const DLTensor *const *tensors, int32_t count,
    const attn_parallel_for *parallel, void *workspace,
    size_t workspace_size, char *message, size_t message_size);

/* Checks the tensors alone. */
int32_t NAME_check(const DLTensor *const *tensors, int32_t count,
    char *message, size_t message_size);

/* Bytes of workspace that NAME needs for `workers` workers. */
size_t NAME_workspace_size(const DLTensor *const *tensors, int32_t count,
    int32_t workers);

/* The phases, how many items one has (negative: a negated attn_status), and
 * items [begin, end) of one, for callers that schedule the work themselves. */
int32_t NAME_phases(void);
int64_t NAME_items(const DLTensor *const *tensors, int32_t count,
    int32_t phase);
int32_t NAME_run_items(const DLTensor *const *tensors, int32_t count,
    int32_t phase, int64_t begin, int64_t end, int32_t worker,
    void *workspace, size_t workspace_size, char *message,
    size_t message_size);

/* Whether this machine has the instructions the kernel uses. */
int32_t NAME_supported(char *message, size_t message_size);

/* The kernel's tensors, target and phases. */
const attn_kernel_info *NAME_info(void);
)";

std::string mlir::attn::getKernelHeader(ArrayRef<CompiledKernel> kernels,
                                        StringRef headerFileName,
                                        const CompileOptions &options) {
  return getHeaderText(kernels, headerFileName,
                       {options.target.getCPU(), "attn-c/kernel.h",
                        "on the CPU", kDeclarations});
}
