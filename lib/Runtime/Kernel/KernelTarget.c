//===- KernelTarget.c - Does this CPU have what a kernel needs? -----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelAbi.h"

#include <stdbool.h>

#if defined(__aarch64__)

#include <sys/auxv.h>

static bool hasFeature(const attn_cpu_feature *feature) {
  return getauxval(feature->leaf) >> feature->bit & 1;
}

// The kernel of the operating system reports what it saves, too.
static bool savesState(uint64_t state) { return state == 0; }

static bool grantsState(uint64_t state) { return state == 0; }

#else

#include <cpuid.h>

static bool hasFeature(const attn_cpu_feature *feature) {
  unsigned registers[4] = {0, 0, 0, 0};
  __get_cpuid_count(feature->leaf, feature->subleaf, &registers[0],
                    &registers[1], &registers[2], &registers[3]);
  return registers[feature->reg] >> feature->bit & 1;
}

// A CPU may have vector registers that the operating system does not save.
static bool savesState(uint64_t state) {
  unsigned eax = 0, ebx, ecx = 0, edx = 0;
  uint64_t enabled = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx >> 27 & 1)) {
    __asm__("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
    enabled = (uint64_t)edx << 32 | eax;
  }
  return (enabled & state) == state;
}

// Linux saves tiles for processes that have asked for them: arch_prctl(2),
// ARCH_REQ_XCOMP_PERM. Asking again changes nothing.
static bool grantsState(uint64_t state) {
  const uint64_t tileData = 18;
  if (!(state >> tileData & 1))
    return true;
  const uint64_t archPrctl = 158, requestPermission = 0x1023;
  int64_t result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(archPrctl), "D"(requestPermission), "S"(tileData)
                   : "rcx", "r11", "memory");
  return result == 0;
}

#endif

int32_t attn_abi_check_device(const attn_kernel_info *info,
                              const DLTensor *const *tensors, int32_t index,
                              const attn_abi_message *message) {
  int type = (int)tensors[index]->device.device_type;
  if (type == kDLCPU)
    return ATTN_OK;
  return attn_abi_fail(
      message, ATTN_ERR_DEVICE,
      "%s: device type is %d, but this kernel takes tensors on the CPU (%d)",
      info->tensors[index].name, type, (int)kDLCPU);
}

int32_t attn_abi_request_state(const attn_kernel_code *code,
                               const attn_abi_message *message) {
  if (grantsState(code->extendedState))
    return ATTN_OK;
  return attn_abi_fail(message, ATTN_ERR_TARGET,
                       "compiled for %s; the operating system does not grant "
                       "the registers of its matrix unit",
                       code->info->cpu);
}

int32_t attn_abi_supported(const attn_kernel_code *code, char *message,
                           size_t messageSize) {
  attn_abi_message target = {code->info, message, messageSize};
  if (message && messageSize > 0)
    message[0] = '\0';
  for (int64_t i = 0; i < code->featureCount; ++i) {
    const attn_cpu_feature *feature = &code->features[i];
    if (!hasFeature(feature))
      return attn_abi_fail(
          &target, ATTN_ERR_TARGET,
          "compiled for %s, which needs %s; this CPU does not have it",
          code->info->cpu, feature->name);
  }
  if (code->extendedState && !savesState(code->extendedState))
    return attn_abi_fail(&target, ATTN_ERR_TARGET,
                         "compiled for %s; the operating system does not save "
                         "its vector registers",
                         code->info->cpu);
  return attn_abi_request_state(code, &target);
}
