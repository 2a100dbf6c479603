//===- KernelCall.c - Driving the phases of a kernel ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelAbi.h"

#include <stdbool.h>
#include <stdlib.h>

// A workspace is the shared part, then one part per worker, each rounded up to
// whole cache lines so that no two workers write the same one.
typedef struct attn_workspace_plan {
  int64_t shared;
  int64_t worker;
  int64_t total;
} attn_workspace_plan;

// One phase in flight. Workers write the last two fields, atomically.
typedef struct attn_launch {
  const attn_phase_code *phase;
  attn_descriptors descriptors;
  char *workspace;
  attn_workspace_plan plan;
  int64_t items;
  int32_t workers;
  int32_t broken; // a task came with a range or worker that does not exist
  int64_t done;
} attn_launch;

static bool roundUp(int64_t value, int64_t *result) {
  const int64_t mask = ATTN_WORKSPACE_ALIGNMENT - 1;
  if (__builtin_add_overflow(value, mask, result))
    return false;
  *result &= ~mask;
  return true;
}

// False when the size does not fit.
static bool planWorkspace(const attn_kernel_code *code,
                          attn_descriptors descriptors, int32_t workers,
                          attn_workspace_plan *plan) {
  int64_t shared =
      code->sharedWorkspace ? code->sharedWorkspace(descriptors) : 0;
  int64_t worker = (int64_t)code->info->worker_workspace;
  if (code->workerWorkspace) {
    int64_t dynamic = code->workerWorkspace(descriptors);
    worker = dynamic > worker ? dynamic : worker;
  }
  int64_t workerTotal;
  return shared >= 0 && roundUp(shared, &plan->shared) &&
         roundUp(worker, &plan->worker) &&
         !__builtin_mul_overflow(plan->worker, (int64_t)workers,
                                 &workerTotal) &&
         !__builtin_add_overflow(plan->shared, workerTotal, &plan->total);
}

static int32_t checkWorkspace(const attn_kernel_code *code,
                              const attn_abi_tensors *tensors,
                              const attn_workspace_plan *plan, int32_t workers,
                              void *workspace, size_t size,
                              const attn_abi_message *message) {
  if (size < (size_t)plan->total)
    return attn_abi_fail(
        message, ATTN_ERR_WORKSPACE,
        "the workspace has %llu bytes, but %d worker%s need %lld; see "
        "%s_workspace_size",
        (unsigned long long)size, (int)workers, workers == 1 ? "" : "s",
        (long long)plan->total, code->info->name);
  int64_t begin = (int64_t)(uintptr_t)workspace;
  if (begin % ATTN_WORKSPACE_ALIGNMENT != 0)
    return attn_abi_fail(message, ATTN_ERR_WORKSPACE,
                         "the workspace is not aligned to %d bytes",
                         ATTN_WORKSPACE_ALIGNMENT);
  for (int32_t i = 0; i < code->info->tensor_count; ++i) {
    const attn_abi_span *span = &tensors->spans[i];
    if (span->begin < span->end && span->begin - begin < plan->total &&
        begin < span->end)
      return attn_abi_fail(message, ATTN_ERR_ALIAS,
                           "the workspace overlaps the tensor %s",
                           code->info->tensors[i].name);
  }
  return ATTN_OK;
}

static int64_t countItems(const attn_kernel_code *code,
                          attn_descriptors descriptors, int32_t phase,
                          const attn_abi_message *message) {
  int64_t items = code->phases[phase].items(descriptors);
  if (items >= 0)
    return items;
  return -attn_abi_fail(message, ATTN_ERR_VALUE,
                        "phase %d refuses the values of the operands",
                        (int)phase);
}

static int32_t checkPhase(const attn_kernel_code *code, int32_t phase,
                          const attn_abi_message *message) {
  if (phase >= 0 && phase < code->info->phase_count)
    return ATTN_OK;
  return attn_abi_fail(message, ATTN_ERR_VALUE,
                       "there is no phase %d; the kernel has %d", (int)phase,
                       (int)code->info->phase_count);
}

static void *workerPart(const attn_launch *launch, int32_t worker) {
  if (launch->plan.worker == 0)
    return NULL;
  return launch->workspace + launch->plan.shared + worker * launch->plan.worker;
}

// A worker's part begins with a word that its items find 0 when they are the
// first of a phase.
static void startWorkers(const attn_launch *launch, int32_t first,
                         int32_t end) {
  for (int32_t worker = first; worker < end; ++worker) {
    int64_t *word = (int64_t *)workerPart(launch, worker);
    if (word)
      *word = 0;
  }
}

static void runTask(void *context, int64_t begin, int64_t end, int32_t worker) {
  attn_launch *launch = context;
  if (worker < 0 || worker >= launch->workers || begin < 0 ||
      end > launch->items || begin > end) {
    __atomic_store_n(&launch->broken, 1, __ATOMIC_RELAXED);
    return;
  }
  if (begin == end)
    return;
  launch->phase->run(launch->descriptors, begin, end,
                     workerPart(launch, worker),
                     launch->plan.shared ? launch->workspace : NULL);
  __atomic_fetch_add(&launch->done, end - begin, __ATOMIC_RELAXED);
}

static int32_t runPhases(const attn_kernel_code *code,
                         attn_descriptors descriptors,
                         const attn_workspace_plan *plan, int32_t workers,
                         const attn_parallel_for *parallel, void *workspace,
                         const attn_abi_message *message) {
  attn_launch launch = {.descriptors = descriptors,
                        .workspace = workspace,
                        .plan = *plan,
                        .workers = workers};
  for (int32_t phase = 0; phase < code->info->phase_count; ++phase) {
    int64_t items = countItems(code, descriptors, phase, message);
    if (items < 0)
      return (int32_t)-items;
    if (items == 0)
      continue;
    launch.phase = &code->phases[phase];
    launch.items = items;
    launch.done = 0;
    startWorkers(&launch, 0, workers);
    if (parallel)
      parallel->run(parallel->self, items, runTask, &launch);
    else
      runTask(&launch, 0, items, 0);
    int64_t done = __atomic_load_n(&launch.done, __ATOMIC_RELAXED);
    if (__atomic_load_n(&launch.broken, __ATOMIC_RELAXED))
      return attn_abi_fail(message, ATTN_ERR_VALUE,
                           "the parallel_for passed a task a worker outside "
                           "[0, %d) or items outside [0, %lld)",
                           (int)workers, (long long)items);
    if (done != items)
      return attn_abi_fail(
          message, ATTN_ERR_VALUE,
          "the parallel_for ran %lld items of phase %d, not all %lld once",
          (long long)done, (int)phase, (long long)items);
  }
  return ATTN_OK;
}

static attn_abi_message startMessage(const attn_kernel_code *code, char *text,
                                     size_t size) {
  if (text && size > 0)
    text[0] = '\0';
  return (attn_abi_message){code->info, text, size};
}

int32_t attn_abi_prepare(const attn_kernel_code *code,
                         const DLTensor *const *tensors, int32_t count,
                         int64_t *storage, attn_abi_tensors *result,
                         const attn_abi_message *message) {
  const attn_kernel_info *info = code->info;
  int32_t status =
      attn_abi_check_tensors(info, tensors, count, storage, result, message);
  if (status == ATTN_OK)
    status = attn_abi_request_state(code, message);
  if (status != ATTN_OK)
    return status;
  // Every phase is asked before the first one runs, so that bad values are
  // refused while the outputs are still as the caller left them.
  for (int32_t phase = 0; phase < info->phase_count; ++phase)
    if (code->phases[phase].items(result->descriptors) < 0)
      return attn_abi_fail(message, ATTN_ERR_VALUE,
                           "phase %d refuses the values of the operands",
                           (int)phase);
  return ATTN_OK;
}

int32_t attn_abi_call(const attn_kernel_code *code,
                      const DLTensor *const *tensors, int32_t count,
                      const attn_parallel_for *parallel, void *workspace,
                      size_t workspaceSize, char *message, size_t messageSize) {
  attn_abi_message target = startMessage(code, message, messageSize);
  int64_t storage[attn_abi_storage_words(code->info)];
  attn_abi_tensors prepared;
  int32_t status =
      attn_abi_prepare(code, tensors, count, storage, &prepared, &target);
  if (status == ATTN_OK)
    status = attn_abi_check_values(code, &prepared, &target);
  if (status != ATTN_OK)
    return status;
  if (parallel && !parallel->run)
    return attn_abi_fail(&target, ATTN_ERR_NULL,
                         "the parallel_for has no run function");
  if (parallel && parallel->workers < 1)
    return attn_abi_fail(
        &target, ATTN_ERR_VALUE,
        "the parallel_for has %d workers, but needs at least 1",
        (int)parallel->workers);
  int32_t workers = parallel ? parallel->workers : 1;

  attn_workspace_plan plan;
  if (!planWorkspace(code, prepared.descriptors, workers, &plan))
    return attn_abi_fail(&target, ATTN_ERR_MEMORY,
                         "the workspace would need more than 2^63 - 1 bytes");
  if (workspace) {
    status = checkWorkspace(code, &prepared, &plan, workers, workspace,
                            workspaceSize, &target);
    if (status != ATTN_OK)
      return status;
    return runPhases(code, prepared.descriptors, &plan, workers, parallel,
                     workspace, &target);
  }
  if (code->maxWorkspace && plan.total > code->maxWorkspace)
    return attn_abi_fail(&target, ATTN_ERR_MEMORY,
                         "the call needs %lld bytes of workspace; the kernel "
                         "was compiled to allocate at most %lld "
                         "(--max-footprint), and takes a larger one from its "
                         "caller",
                         (long long)plan.total, (long long)code->maxWorkspace);
  if (plan.total > 0) {
    workspace = aligned_alloc(ATTN_WORKSPACE_ALIGNMENT, (size_t)plan.total);
    if (!workspace)
      return attn_abi_fail(&target, ATTN_ERR_MEMORY,
                           "%lld bytes of workspace could not be allocated",
                           (long long)plan.total);
  }
  status = runPhases(code, prepared.descriptors, &plan, workers, parallel,
                     workspace, &target);
  free(workspace);
  return status;
}

int32_t attn_abi_check(const attn_kernel_code *code,
                       const DLTensor *const *tensors, int32_t count,
                       char *message, size_t messageSize) {
  attn_abi_message target = startMessage(code, message, messageSize);
  int64_t storage[attn_abi_storage_words(code->info)];
  attn_abi_tensors prepared;
  int32_t status =
      attn_abi_prepare(code, tensors, count, storage, &prepared, &target);
  return status == ATTN_OK ? attn_abi_check_values(code, &prepared, &target)
                           : status;
}

size_t attn_abi_workspace_size(const attn_kernel_code *code,
                               const DLTensor *const *tensors, int32_t count,
                               int32_t workers) {
  attn_abi_message nowhere = {code->info, NULL, 0};
  int64_t storage[attn_abi_storage_words(code->info)];
  attn_abi_tensors prepared;
  attn_workspace_plan plan;
  if (workers < 1 || attn_abi_prepare(code, tensors, count, storage, &prepared,
                                      &nowhere) != ATTN_OK)
    return 0;
  // A size that does not fit is one that no allocation can meet.
  if (!planWorkspace(code, prepared.descriptors, workers, &plan))
    return SIZE_MAX;
  return (size_t)plan.total;
}

int32_t attn_abi_phases(const attn_kernel_code *code) {
  return code->info->phase_count;
}

int64_t attn_abi_items(const attn_kernel_code *code,
                       const DLTensor *const *tensors, int32_t count,
                       int32_t phase) {
  attn_abi_message nowhere = {code->info, NULL, 0};
  int64_t storage[attn_abi_storage_words(code->info)];
  attn_abi_tensors prepared;
  int32_t status = checkPhase(code, phase, &nowhere);
  if (status == ATTN_OK)
    status =
        attn_abi_prepare(code, tensors, count, storage, &prepared, &nowhere);
  if (status != ATTN_OK)
    return -(int64_t)status;
  return countItems(code, prepared.descriptors, phase, &nowhere);
}

int32_t attn_abi_run_items(const attn_kernel_code *code,
                           const DLTensor *const *tensors, int32_t count,
                           int32_t phase, int64_t begin, int64_t end,
                           int32_t worker, void *workspace,
                           size_t workspaceSize, char *message,
                           size_t messageSize) {
  attn_abi_message target = startMessage(code, message, messageSize);
  int64_t storage[attn_abi_storage_words(code->info)];
  attn_abi_tensors prepared;
  int32_t status = checkPhase(code, phase, &target);
  if (status == ATTN_OK)
    status =
        attn_abi_prepare(code, tensors, count, storage, &prepared, &target);
  if (status != ATTN_OK)
    return status;
  int64_t items = countItems(code, prepared.descriptors, phase, &target);
  if (items < 0)
    return (int32_t)-items;
  if (begin < 0 || begin > end || end > items)
    return attn_abi_fail(&target, ATTN_ERR_VALUE,
                         "items [%lld, %lld) of phase %d are not within the "
                         "%lld it has",
                         (long long)begin, (long long)end, (int)phase,
                         (long long)items);
  if (worker < 0 || worker == INT32_MAX)
    return attn_abi_fail(&target, ATTN_ERR_VALUE,
                         "the worker is %d, but must be at least 0 and less "
                         "than the number of workers",
                         (int)worker);

  // The caller may have more workers than this one knows of; its own part is
  // what has to lie inside the workspace.
  attn_workspace_plan plan;
  if (!planWorkspace(code, prepared.descriptors, worker + 1, &plan))
    return attn_abi_fail(&target, ATTN_ERR_MEMORY,
                         "the workspace would need more than 2^63 - 1 bytes");
  if (plan.total > 0) {
    if (!workspace)
      return attn_abi_fail(&target, ATTN_ERR_NULL,
                           "the workspace is NULL; %s_run_items allocates none",
                           code->info->name);
    status = checkWorkspace(code, &prepared, &plan, worker + 1, workspace,
                            workspaceSize, &target);
    if (status != ATTN_OK)
      return status;
  }
  attn_launch launch = {.phase = &code->phases[phase],
                        .descriptors = prepared.descriptors,
                        .workspace = workspace,
                        .plan = plan,
                        .items = items,
                        .workers = worker + 1};
  startWorkers(&launch, worker, worker + 1);
  runTask(&launch, begin, end, worker);
  return ATTN_OK;
}
