//===- HostCheck.cpp - May this process use the plugin? -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs before anything of MLIR is touched, and uses nothing of it: what is
// wrong here is that its classes may not be laid out as expected.
//
//===----------------------------------------------------------------------===//

#include "HostCheck.h"
#include "mlir/IR/Verifier.h"
#include "llvm-c/Core.h"
#include "llvm/Config/llvm-config.h"
#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <link.h>

// A test builds the check for a version that is never there.
#ifndef ATTN_PLUGIN_LLVM_VERSION
#define ATTN_PLUGIN_LLVM_VERSION LLVM_VERSION_STRING
#endif

using namespace mlir;

namespace {
/// The positions of two shared objects among those of the process.
struct LoadOrder {
  const void *plugin, *host;
  int next = 0, pluginIndex = -1, hostIndex = -1;
};
} // namespace

/// Whether a segment of the object `info` holds `address`.
static bool contains(const dl_phdr_info &info, const void *address) {
  auto target = reinterpret_cast<ElfW(Addr)>(address);
  for (int i = 0; i < info.dlpi_phnum; ++i) {
    ElfW(Addr) start = info.dlpi_addr + info.dlpi_phdr[i].p_vaddr;
    if (info.dlpi_phdr[i].p_type == PT_LOAD && target >= start &&
        target < start + info.dlpi_phdr[i].p_memsz)
      return true;
  }
  return false;
}

static int visitObject(dl_phdr_info *info, size_t, void *data) {
  auto *order = static_cast<LoadOrder *>(data);
  if (contains(*info, order->plugin))
    order->pluginIndex = order->next;
  if (contains(*info, order->host))
    order->hostIndex = order->next;
  ++order->next;
  return 0;
}

/// Whether the MLIR that the plugin is bound to was there before the plugin. If
/// it came with the plugin, the host has another one, linked into itself, and
/// the two would not know each other's types.
static bool hostBroughtMLIR() {
  LoadOrder order;
  order.plugin = reinterpret_cast<const void *>(&attn::checkHost);
  LogicalResult (*verify)(Operation *, bool) = &mlir::verify;
  order.host = reinterpret_cast<const void *>(verify);
  dl_iterate_phdr(visitObject, &order);
  return order.hostIndex <= order.pluginIndex;
}

bool attn::checkHost() {
  // The first definition in the process is the host's, also where another
  // version of the library was loaded for the plugin beside it.
  auto *getVersion = reinterpret_cast<decltype(&LLVMGetVersion)>(
      dlsym(RTLD_DEFAULT, "LLVMGetVersion"));
  if (!getVersion)
    getVersion = &LLVMGetVersion;
  unsigned major = 0, minor = 0, patch = 0;
  getVersion(&major, &minor, &patch);
  char version[64];
  std::snprintf(version, sizeof(version), "%u.%u.%u", major, minor, patch);
  if (std::strcmp(version, ATTN_PLUGIN_LLVM_VERSION) != 0) {
    std::fprintf(stderr,
                 "error: the attn plugin was built for MLIR %s and cannot be "
                 "loaded by MLIR %s: build attn-mlir against that version, or "
                 "use the mlir-opt of %s\n",
                 ATTN_PLUGIN_LLVM_VERSION, version, ATTN_PLUGIN_LLVM_VERSION);
    return false;
  }
  if (!hostBroughtMLIR()) {
    std::fprintf(stderr,
                 "error: the attn plugin cannot be loaded by a program that is "
                 "linked with the static libraries of MLIR and does not export "
                 "them: link it with libMLIR.so\n");
    return false;
  }
  return true;
}
