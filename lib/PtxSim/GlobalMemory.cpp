//===- GlobalMemory.cpp - Global memory -----------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GlobalMemory.h"

using namespace ptxsim;

GlobalBuffer *GlobalMemory::allocate(uint64_t bytes, unsigned align,
                                     std::string name) {
  constexpr uint64_t pageBytes = uint64_t(1) << pageBits;
  constexpr uint64_t largestBytes = uint64_t(1) << 32;
  if (bytes > largestBytes)
    return nullptr;
  auto buffer = std::make_unique<GlobalBuffer>();
  buffer->name = std::move(name);
  // A multiple of the alignment and of no larger power of two, which nothing
  // promises. A page before and one behind stay free.
  uint64_t first = pages.size() + 1;
  buffer->address = firstAddress + first * pageBytes + align;
  buffer->data.resize(bytes);
  buffer->initialised.resize(bytes);
  buffer->writes = ZeroedArray<GlobalAccess>(bytes);
  buffer->reads = ZeroedArray<GlobalRead>(bytes);
  uint64_t end = first + (align + bytes + pageBytes - 1) / pageBytes;
  pages.resize(first, nullptr);
  pages.resize(end + 1, buffer.get());
  pages.back() = nullptr;
  buffers.push_back(std::move(buffer));
  return buffers.back().get();
}

bool GlobalMemory::free(uint64_t address) {
  for (auto buffer = buffers.begin(); buffer != buffers.end(); ++buffer) {
    if ((*buffer)->address != address || (*buffer)->isVariable)
      continue;
    for (GlobalBuffer *&page : pages)
      if (page == buffer->get())
        page = nullptr;
    last = nullptr;
    buffers.erase(buffer);
    return true;
  }
  return false;
}

GlobalBuffer *GlobalMemory::findPage(uint64_t address) const {
  if (address < firstAddress)
    return nullptr;
  uint64_t page = (address - firstAddress) >> pageBits;
  // What begins in the page before or ends in the page behind is named in
  // reports.
  for (uint64_t near : {page, page - 1, page + 1}) {
    if (near >= pages.size() || !pages[near])
      continue;
    GlobalBuffer *buffer = pages[near];
    if (address >= buffer->address && address < buffer->getEnd())
      last = buffer;
    return buffer;
  }
  return nullptr;
}
