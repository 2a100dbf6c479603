//===- KernelFuzzTest.cpp - Random wrong calls between guard pages -------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SampleKernel.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <random>
#include <sys/mman.h>
#include <unistd.h>

using namespace sample;

namespace {

/// Memory that ends, or begins, at an inaccessible page.
class Guarded {
public:
  Guarded(size_t bytes, size_t alignment, bool atEnd) {
    size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    inner = (bytes + page - 1) / page * page;
    total = inner + 2 * page;
    base = static_cast<char *>(
        mmap(nullptr, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (base == MAP_FAILED)
      abort();
    open(PROT_READ | PROT_WRITE);
    start = base + page;
    if (atEnd)
      start += (inner - bytes) / alignment * alignment;
  }
  Guarded(const Guarded &) = delete;
  ~Guarded() { munmap(base, total); }

  void open(int protection) {
    if (inner && mprotect(base + (total - inner) / 2, inner, protection) != 0)
      abort();
  }
  char *data() { return start; }

private:
  char *base, *start;
  size_t inner, total;
};

class KernelFuzz : public ::testing::Test {
protected:
  KernelFuzz() : random(23) {}

  int64_t pick(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  }
  Tensor &any(Call &call) {
    return *std::array<Tensor *, 5>{&call.q, &call.k, &call.p, &call.o,
                                    &call.l}[pick(0, 4)];
  }
  Tensor &anyRanked(Call &call) {
    return *std::array<Tensor *, 4>{&call.q, &call.k, &call.p,
                                    &call.o}[pick(0, 3)];
  }

  /// Makes one thing of a valid call wrong; returns the status it must give.
  int32_t spoil(Call &call) {
    constexpr int64_t Most = std::numeric_limits<int64_t>::max();
    switch (pick(0, 11)) {
    case 0:
      call.tensors[pick(0, 4)] = nullptr;
      return ATTN_ERR_NULL;
    case 1:
      any(call).view.data = nullptr;
      return ATTN_ERR_NULL;
    case 2:
      anyRanked(call).view.shape = nullptr;
      return ATTN_ERR_NULL;
    case 3:
      any(call).view.device.device_type =
          static_cast<DLDeviceType>(pick(2, 100));
      return ATTN_ERR_DEVICE;
    case 4: {
      DLDataType &type = any(call).view.dtype;
      int64_t which = pick(0, 2);
      if (which == 0)
        type.code = static_cast<uint8_t>(type.code + pick(1, 255));
      else if (which == 1)
        type.bits = static_cast<uint8_t>(type.bits + pick(1, 255));
      else
        type.lanes = static_cast<uint16_t>(type.lanes + pick(1, 65535));
      return ATTN_ERR_DTYPE;
    }
    case 5: {
      Tensor &tensor = any(call);
      int rank = tensor.view.ndim;
      do
        tensor.view.ndim = static_cast<int>(pick(-3, 9));
      while (tensor.view.ndim == rank);
      return ATTN_ERR_RANK;
    }
    case 6: {
      Tensor &tensor = anyRanked(call);
      int64_t &extent = tensor.shape[pick(0, tensor.view.ndim - 1)];
      extent += pick(0, 1) ? pick(1, 5) : -pick(1, 100);
      return ATTN_ERR_SHAPE;
    }
    case 7: {
      Tensor &tensor = anyRanked(call);
      tensor.view.strides = tensor.strides.data();
      tensor.strides.back() += pick(0, 1) ? pick(1, Most / 2) : -pick(1, Most);
      return ATTN_ERR_STRIDE;
    }
    case 8: {
      Tensor &tensor =
          std::array<Tensor *, 3>{&call.q, &call.k, &call.o}[pick(0, 2)][0];
      tensor.view.strides = tensor.strides.data();
      int64_t far = pick(Most / 4 + 1, Most);
      tensor.strides[pick(1, 2)] = pick(0, 1) ? far : -far;
      return ATTN_ERR_STRIDE;
    }
    case 9:
      any(call).view.byte_offset = static_cast<uint64_t>(pick(1, 3));
      return ATTN_ERR_ALIGNMENT;
    case 10:
      call.o.view.strides = call.o.strides.data();
      call.o.strides[pick(0, 2)] = pick(-3, 3);
      return ATTN_ERR_ALIAS;
    default:
      call.o.view.data = std::array<Tensor *, 4>{&call.q, &call.k, &call.p,
                                                 &call.l}[pick(0, 3)]
                             ->view.data;
      return ATTN_ERR_ALIAS;
    }
  }

  std::mt19937 random;
};

} // namespace

/// Moves a tensor's elements to guarded memory.
static std::unique_ptr<Guarded> guard(Tensor &tensor, bool atEnd) {
  size_t size = tensor.view.dtype.bits / 8, bytes = size;
  for (int64_t extent : tensor.shape)
    bytes *= static_cast<size_t>(extent);
  auto memory = std::make_unique<Guarded>(bytes, size, atEnd);
  if (bytes)
    memcpy(memory->data(), tensor.view.data, bytes);
  tensor.view.data = memory->data();
  return memory;
}

namespace {

TEST_F(KernelFuzz, RefusedCallsTouchNothing) {
  for (int round = 0; round < 3000; ++round) {
    SCOPED_TRACE(round);
    Call call(pick(2, 3), pick(2, 6), pick(2, 6));
    // Nothing may even read the elements before the check is over.
    std::unique_ptr<Guarded> memory[] = {
        guard(call.q, round % 2), guard(call.k, round % 2),
        guard(call.p, round % 2), guard(call.o, round % 2),
        guard(call.l, round % 2)};
    for (auto &tensor : memory)
      tensor->open(PROT_NONE);
    Guarded workspace(4096, 64, false);
    workspace.open(PROT_NONE);
    int32_t status = spoil(call);
    EXPECT_EQ(call.check(), status) << call.message();
    EXPECT_EQ(call.run(nullptr, workspace.data(), 4096), status);
    EXPECT_EQ(call.run(), status);
    EXPECT_EQ(call.message().rfind("sample: ", 0), 0u);
    EXPECT_EQ(attn_abi_run_items(&code, call.tensors.data(), TensorCount, 0, 0,
                                 1, 0, workspace.data(), 4096, nullptr, 0),
              status);
  }
}

TEST_F(KernelFuzz, RunsWriteOutputsAlone) {
  for (int round = 0; round < 300; ++round) {
    SCOPED_TRACE(round);
    Call call(pick(0, 3), pick(0, 6), pick(0, 6));
    Call expected(call.q.shape[0], call.q.shape[2], call.k.shape[2]);
    ASSERT_EQ(expected.run(), ATTN_OK);
    std::unique_ptr<Guarded> inputs[] = {guard(call.q, round % 2),
                                         guard(call.k, round % 2),
                                         guard(call.p, round % 2)};
    for (auto &input : inputs)
      input->open(PROT_READ);
    std::unique_ptr<Guarded> o = guard(call.o, round % 2);
    std::unique_ptr<Guarded> l = guard(call.l, round % 2);
    size_t size =
        attn_abi_workspace_size(&code, call.tensors.data(), TensorCount, 1);
    Guarded workspace(size, 64, round % 2);
    EXPECT_EQ(call.run(nullptr, workspace.data(), size), ATTN_OK)
        << call.message();
    EXPECT_TRUE(call.isRight());
    EXPECT_EQ(*call.l.data<double>(), *expected.l.data<double>());
  }
}

} // namespace
