//===- GlobalMemory.cpp - Global memory -----------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GlobalMemory.h"
#include <algorithm>

using namespace ptxsim;

GlobalBuffer *GlobalMemory::allocate(uint64_t bytes, unsigned align,
                                     std::string name) {
  constexpr uint64_t Page = uint64_t(1) << PageBits;
  constexpr uint64_t Largest = uint64_t(1) << 32;
  if (bytes > Largest)
    return nullptr;
  auto buffer = std::make_unique<GlobalBuffer>();
  buffer->name = std::move(name);
  // A multiple of the alignment and of no larger power of two, which nothing
  // promises. A page before and one behind stay free.
  uint64_t first = pages.size() + 1;
  buffer->address = Base + first * Page + align;
  buffer->data.resize(bytes);
  buffer->initialised.resize(bytes);
  buffer->writes = ZeroedArray<GlobalAccess>(bytes);
  buffer->reads = ZeroedArray<GlobalRead>(bytes);
  uint64_t end = first + (align + bytes + Page - 1) / Page;
  pages.resize(first, nullptr);
  pages.resize(end + 1, buffer.get());
  pages.back() = nullptr;
  buffers.push_back(std::move(buffer));
  return buffers.back().get();
}

bool GlobalMemory::free(uint64_t address) {
  auto found =
      std::find_if(buffers.begin(), buffers.end(),
                   [&](const std::unique_ptr<GlobalBuffer> &buffer) {
                     return buffer->address == address && !buffer->isVariable;
                   });
  if (found == buffers.end())
    return false;
  std::replace(pages.begin(), pages.end(), found->get(),
               static_cast<GlobalBuffer *>(nullptr));
  last = nullptr;
  buffers.erase(found);
  return true;
}

GlobalBuffer *GlobalMemory::findPage(uint64_t address) const {
  if (address < Base)
    return nullptr;
  uint64_t page = (address - Base) >> PageBits;
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
