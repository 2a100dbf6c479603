//===- Access.cpp - Bounds, alignment and uninitialised data --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Access.h"

using namespace ptxsim;

static const char *getSpaceName(Space space) {
  switch (space) {
  case Space::Generic:
    return "generic";
  case Space::Global:
    return "global";
  case Space::Shared:
    return "shared";
  case Space::Local:
    return "local";
  case Space::Param:
    return "parameter";
  case Space::Const:
    return "constant";
  }
  return "";
}

/// Whether all bytes have the same state; fast for the sizes of registers.
static bool areAll(const uint8_t *states, unsigned bytes, uint8_t state) {
  const uint64_t pattern = 0x0101010101010101 * state;
  unsigned byte = 0;
  for (; byte + 8 <= bytes; byte += 8) {
    uint64_t eight;
    std::memcpy(&eight, states + byte, 8);
    if (eight != pattern)
      return false;
  }
  if (byte + 4 <= bytes) {
    uint32_t four;
    std::memcpy(&four, states + byte, 4);
    if (four != static_cast<uint32_t>(pattern))
      return false;
    byte += 4;
  }
  for (; byte < bytes; ++byte)
    if (states[byte] != state)
      return false;
  return true;
}

static void reportOutside(const Accessor &accessor, Space space,
                          uint64_t address, unsigned bytes, const char *verb,
                          const std::string &why) {
  accessor.warp.report(
      FindingKind::OutOfBounds, accessor.instruction, accessor.lane,
      format("%s %u bytes of %s memory at 0x%llx, %s", verb, bytes,
             getSpaceName(space), static_cast<unsigned long long>(address),
             why.c_str()));
}

/// A generic address as one of its space.
static Space resolve(uint64_t &address) {
  struct Window {
    uint64_t begin;
    Space space;
  };
  for (Window window :
       {Window{SharedWindow, Space::Shared}, Window{LocalWindow, Space::Local},
        Window{ConstWindow, Space::Const}, Window{ParamWindow, Space::Param}})
    if (address - window.begin < WindowBytes) {
      address -= window.begin;
      return window.space;
    }
  return Space::Global;
}

static Location locateGlobal(const Accessor &accessor, uint64_t address,
                             unsigned bytes, const char *verb) {
  GlobalBuffer *buffer = accessor.warp.machine.global.find(address);
  Location location;
  if (buffer && address >= buffer->address &&
      address + bytes <= buffer->getEnd()) {
    location.buffer = buffer;
    location.offset = address - buffer->address;
    location.data = buffer->data.data() + location.offset;
    location.state = buffer->initialised.data() + location.offset;
    return location;
  }
  std::string why = "which belongs to no buffer";
  if (buffer && address < buffer->address)
    why = format("%llu bytes in front of %s of %zu bytes",
                 static_cast<unsigned long long>(buffer->address - address),
                 buffer->name.c_str(), buffer->data.size());
  else if (buffer)
    why = format("at offset %llu of %s of %zu bytes",
                 static_cast<unsigned long long>(address - buffer->address),
                 buffer->name.c_str(), buffer->data.size());
  reportOutside(accessor, Space::Global, address, bytes, verb, why);
  return {};
}

static Location locateShared(const Accessor &accessor, uint64_t address,
                             unsigned bytes, const char *verb) {
  SharedMemory &shared = accessor.warp.machine.shared;
  uint64_t size = shared.data.size();
  bool isInside = address <= size && bytes <= size - address;
  if (isInside &&
      !areAll(shared.state.data() + address, bytes, SharedMemory::Initialised))
    for (unsigned byte = 0; isInside && byte < bytes; ++byte)
      isInside = !(shared.state[address + byte] & SharedMemory::Outside);
  if (!isInside) {
    const Program &program = accessor.warp.machine.program;
    uint32_t dynamic = accessor.warp.machine.launch.dynamicShared;
    std::string why = "which belongs to no variable";
    if (address >= program.dynamicSharedBase)
      why = format(
          "at offset %llu of %u dynamic bytes",
          static_cast<unsigned long long>(address - program.dynamicSharedBase),
          dynamic);
    reportOutside(accessor, Space::Shared, address, bytes, verb, why);
    return {};
  }
  Location location;
  location.space = Space::Shared;
  location.offset = address;
  location.data = shared.data.data() + address;
  location.state = shared.state.data() + address;
  return location;
}

static Location locateLocal(const Accessor &accessor, uint64_t address,
                            unsigned bytes, const char *verb) {
  std::vector<uint8_t> &local = accessor.warp.local[accessor.lane];
  if (address == 0 || address + bytes > local.size()) {
    reportOutside(accessor, Space::Local, address, bytes, verb,
                  "outside of the thread's frames");
    return {};
  }
  Location location;
  location.space = Space::Local;
  location.data = local.data() + address;
  location.state = accessor.warp.localState[accessor.lane].data() + address;
  return location;
}

/// Constants and parameters, which are all initialised.
static Location locateReadOnly(const Accessor &accessor, Space space,
                               uint64_t address, unsigned bytes,
                               const char *verb) {
  Machine &machine = accessor.warp.machine;
  std::vector<uint8_t> &memory =
      space == Space::Const ? machine.constants : machine.launch.parameters;
  if (address > memory.size() || bytes > memory.size() - address) {
    reportOutside(accessor, space, address, bytes, verb,
                  format("of %zu bytes", memory.size()));
    return {};
  }
  static uint8_t written[64];
  std::memset(written, 1, sizeof(written));
  Location location;
  location.space = space;
  location.data = memory.data() + address;
  location.state = written;
  return location;
}

Location ptxsim::locate(const Accessor &accessor, Space space, uint64_t address,
                        unsigned bytes, unsigned align, const char *verb) {
  if (space == Space::Generic)
    space = resolve(address);
  if (address % align) {
    accessor.warp.report(
        FindingKind::Misaligned, accessor.instruction, accessor.lane,
        format("%s %u bytes of %s memory at 0x%llx, which is no multiple of %u",
               verb, bytes, getSpaceName(space),
               static_cast<unsigned long long>(address), align));
    return {};
  }
  switch (space) {
  case Space::Shared:
    return locateShared(accessor, address, bytes, verb);
  case Space::Local:
    return locateLocal(accessor, address, bytes, verb);
  case Space::Const:
  case Space::Param:
    return locateReadOnly(accessor, space, address, bytes, verb);
  default:
    return locateGlobal(accessor, address, bytes, verb);
  }
}

bool ptxsim::reportPending(const Accessor &accessor, const Location &location,
                           unsigned bytes, const char *verb) {
  if (location.space != Space::Shared)
    return false;
  for (unsigned byte = 0; byte < bytes; ++byte) {
    if (!(location.state[byte] & SharedMemory::Pending))
      continue;
    accessor.warp.report(
        FindingKind::PendingCopy, accessor.instruction, accessor.lane,
        format("%s shared memory at 0x%llx, where the data of a copy that was "
               "not waited for may arrive at any time",
               verb, static_cast<unsigned long long>(location.offset + byte)));
    return true;
  }
  return false;
}

bool ptxsim::load(const Accessor &accessor, Space space, uint64_t address,
                  unsigned elementBytes, unsigned elements, void *to,
                  uint32_t &poison) {
  unsigned bytes = elementBytes * elements;
  poison = (1u << elements) - 1;
  Location location = locate(accessor, space, address, bytes, bytes, "reads");
  if (!location)
    return false;
  std::memcpy(to, location.data, bytes);
  poison = 0;
  if (!areAll(location.state, bytes, 1)) {
    for (unsigned byte = 0; byte < bytes; ++byte)
      if (!(location.state[byte] & 1))
        poison |= 1u << byte / elementBytes;
    reportPending(accessor, location, bytes, "reads");
  }
  recordRead(accessor, location, bytes);
  return true;
}

bool ptxsim::store(const Accessor &accessor, Space space, uint64_t address,
                   unsigned elementBytes, unsigned elements, const void *from,
                   uint32_t poison) {
  unsigned bytes = elementBytes * elements;
  Location location = locate(accessor, space, address, bytes, bytes, "writes");
  if (!location)
    return false;
  if (location.space == Space::Const || location.space == Space::Param) {
    accessor.warp.report(FindingKind::InvalidOperation, accessor.instruction,
                         accessor.lane, "writes memory that is constant");
    return false;
  }
  if (poison && location.space == Space::Global)
    accessor.warp.report(FindingKind::Uninitialised, accessor.instruction,
                         accessor.lane,
                         "writes uninitialised data to global memory");
  reportPending(accessor, location, bytes, "writes");
  recordWrite(accessor, location, bytes);
  std::memcpy(location.data, from, bytes);
  if (!poison) {
    std::memset(location.state, 1, bytes);
    return true;
  }
  for (unsigned byte = 0; byte < bytes; ++byte) {
    bool isPoison = poison >> (byte / elementBytes) & 1;
    location.state[byte] =
        static_cast<uint8_t>((location.state[byte] & ~1) | (isPoison ? 0 : 1));
  }
  return true;
}
