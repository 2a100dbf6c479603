//===- KernelAbiTest.cpp - Every status of the kernel ABI ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SampleKernel.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <limits>

using namespace sample;

// Checks that a call is refused with `status`, says `text`, and leaves the
// outputs alone; both through NAME_check and through NAME.
static void expectRefused(Call &call, int32_t status, const std::string &text) {
  std::vector<double> o = call.o.memory, l = call.l.memory;
  EXPECT_EQ(call.check(), status) << call.message();
  EXPECT_EQ(call.message(), "sample: " + text);
  EXPECT_EQ(call.run(), status);
  EXPECT_EQ(call.message(), "sample: " + text);
  EXPECT_EQ(attn_abi_workspace_size(&code, call.tensors.data(), TensorCount, 1),
            0u);
  EXPECT_EQ(attn_abi_items(&code, call.tensors.data(), TensorCount, 0),
            -status);
  EXPECT_EQ(call.o.memory, o);
  EXPECT_EQ(call.l.memory, l);
}

namespace {

TEST(KernelAbi, RunsAndClearsTheMessage) {
  Call call;
  EXPECT_EQ(call.check(), ATTN_OK);
  EXPECT_EQ(call.message(), "");
  EXPECT_EQ(call.run(), ATTN_OK) << call.message();
  EXPECT_TRUE(call.isRight());
}

TEST(KernelAbi, AcceptsEmptyExtentsWithoutMemory) {
  for (auto [b, m, n] :
       {std::array<int64_t, 3>{0, 3, 5}, {2, 0, 5}, {2, 3, 0}}) {
    Call call(b, m, n);
    EXPECT_EQ(call.run(), ATTN_OK) << call.message();
    EXPECT_TRUE(call.isRight());
  }
}

TEST(KernelAbi, RefusesTensorCount) {
  Call call;
  EXPECT_EQ(
      attn_abi_check(&code, call.tensors.data(), 4, call.text.data(), 256),
      ATTN_ERR_ARGUMENT_COUNT);
  EXPECT_EQ(call.message(), "sample: takes 5 tensors (q, k, p -> o, l), got 4");
}

TEST(KernelAbi, RefusesNull) {
  Call call;
  EXPECT_EQ(attn_abi_check(&code, nullptr, 5, call.text.data(), 256),
            ATTN_ERR_NULL);
  call.tensors[K] = nullptr;
  expectRefused(call, ATTN_ERR_NULL, "k: tensor is NULL");
  Call noShape;
  noShape.k.view.shape = nullptr;
  expectRefused(noShape, ATTN_ERR_NULL, "k: shape is NULL");
  Call noData;
  noData.l.view.data = nullptr;
  expectRefused(noData, ATTN_ERR_NULL, "l: data is NULL");
}

TEST(KernelAbi, RefusesDevice) {
  Call call;
  call.q.view.device.device_type = kDLCUDA;
  expectRefused(call, ATTN_ERR_DEVICE,
                "q: device type is 2, but this kernel takes tensors on the CPU "
                "(1)");
}

TEST(KernelAbi, RefusesElementType) {
  Call call;
  call.q.view.dtype = {kDLBfloat, 16, 1};
  expectRefused(call, ATTN_ERR_DTYPE,
                "q: element type is bfloat16, but must be float32");
  call.q.view.dtype = {kDLFloat, 32, 4};
  expectRefused(call, ATTN_ERR_DTYPE,
                "q: element type is float32 x 4, but must be float32");
  call.q.view.dtype = {77, 200, 3};
  expectRefused(call, ATTN_ERR_DTYPE,
                "q: element type is code77/200 x 3, but must be float32");
}

TEST(KernelAbi, RefusesRank) {
  Call call;
  call.p.view.ndim = 2;
  expectRefused(call, ATTN_ERR_RANK, "p: has 2 dimensions, but must have 1");
  call.p.view.ndim = -1;
  expectRefused(call, ATTN_ERR_RANK, "p: has -1 dimensions, but must have 1");
}

TEST(KernelAbi, RefusesShape) {
  Call fixed;
  fixed.k.shape[3] = 8;
  expectRefused(fixed, ATTN_ERR_SHAPE, "k: dimension 3 is 8, but must be 4");
  Call symbolic;
  symbolic.p.shape[0] = 6;
  expectRefused(symbolic, ATTN_ERR_SHAPE,
                "p: dimension 0 (n) is 6, but n is 5 in dimension 2 of k");
  Call negative;
  negative.q.shape[2] = -3;
  expectRefused(negative, ATTN_ERR_SHAPE,
                "q: dimension 2 (m) is -3, but an extent cannot be negative");
  Call huge;
  huge.q.shape[0] = std::numeric_limits<int64_t>::max() / 8;
  expectRefused(huge, ATTN_ERR_SHAPE,
                "q: the shape has more bytes than 2^63 - 1");
}

TEST(KernelAbi, RefusesStride) {
  Call call;
  call.k.view.strides = call.k.strides.data();
  EXPECT_EQ(call.check(), ATTN_OK) << call.message();
  call.k.strides[3] = 2;
  expectRefused(call, ATTN_ERR_STRIDE,
                "k: dimension 3 (4) has stride 2, but the last one must be "
                "contiguous (stride 1)");
  call.k.strides[3] = 1;
  call.k.strides[2] = std::numeric_limits<int64_t>::max() / 2;
  expectRefused(call, ATTN_ERR_STRIDE,
                "k: the strides reach further than 2^63 - 1 bytes");
  call.k.strides[2] = std::numeric_limits<int64_t>::min();
  expectRefused(call, ATTN_ERR_STRIDE,
                "k: the strides reach further than 2^63 - 1 bytes");
  call.k.strides[2] = -(int64_t(1) << 58);
  expectRefused(call, ATTN_ERR_STRIDE,
                "k: byte_offset and strides leave the address space");
}

TEST(KernelAbi, IgnoresStridesThatNothingWalks) {
  Call call(1, 1, 1);
  call.q.view.strides = call.q.strides.data();
  call.q.strides[0] = call.q.strides[2] = std::numeric_limits<int64_t>::min();
  call.p.view.strides = call.p.strides.data();
  call.p.strides[0] = 17;
  EXPECT_EQ(call.run(), ATTN_OK) << call.message();
  EXPECT_TRUE(call.isRight());
}

TEST(KernelAbi, ReadsAnyInputStrides) {
  // k backwards over n and broadcast over b, from the middle of its memory.
  Call call;
  Call expected;
  float *k = call.k.data<float>();
  for (int64_t i = 0; i < 2 * 2 * 5 * 4; ++i) {
    int64_t e = i % 4, n = i / 4 % 5, h = i / 20 % 2;
    expected.k.data<float>()[i] = k[h * 20 + (4 - n) * 4 + e];
  }
  call.k.strides = {0, 20, -4, 1};
  call.k.view.strides = call.k.strides.data();
  call.k.view.byte_offset = 16 * sizeof(float);
  EXPECT_EQ(call.run(), ATTN_OK) << call.message();
  EXPECT_EQ(expected.run(), ATTN_OK);
  EXPECT_EQ(call.o.memory, expected.o.memory);
}

TEST(KernelAbi, RefusesAlignment) {
  Call call;
  call.p.view.byte_offset = 2;
  expectRefused(call, ATTN_ERR_ALIGNMENT,
                "p: data + byte_offset is not a multiple of the element size "
                "4");
  Call far;
  far.p.view.byte_offset = std::numeric_limits<uint64_t>::max() - 3;
  expectRefused(far, ATTN_ERR_STRIDE,
                "p: byte_offset and strides leave the address space");
}

TEST(KernelAbi, RefusesAliases) {
  Call input;
  input.o.view.data = input.q.view.data;
  expectRefused(input, ATTN_ERR_ALIAS,
                "o: the output overlaps the input q; an output must have "
                "memory of its own");
  Call output;
  output.l.view.data = output.o.data<float>() + 2;
  expectRefused(output, ATTN_ERR_ALIAS,
                "l: the output overlaps the output o; an output must have "
                "memory of its own");
  Call self;
  self.o.view.strides = self.o.strides.data();
  self.o.strides[1] = 0;
  expectRefused(self, ATTN_ERR_ALIAS,
                "o: the output overlaps itself; dimension 1 (2) has stride 0, "
                "which the dimensions with smaller strides reach over");
  Call inputs; // may share memory with each other
  inputs.k.shape[2] = inputs.p.shape[0] = inputs.q.shape[2];
  inputs.k.view.data = inputs.q.view.data;
  EXPECT_EQ(inputs.check(), ATTN_OK) << inputs.message();
}

TEST(KernelAbi, RefusesValues) {
  Call call;
  refuseValues = true;
  expectRefused(call, ATTN_ERR_VALUE,
                "phase 0 refuses the values of the operands");
  refuseValues = false;
}

TEST(KernelAbi, TruncatesMessages) {
  Call call;
  call.tensors[Q] = nullptr;
  for (size_t size = 0; size <= 30; ++size) {
    std::string text(32, '#');
    EXPECT_EQ(attn_abi_check(&code, call.tensors.data(), TensorCount,
                             text.data(), size),
              ATTN_ERR_NULL);
    EXPECT_EQ(text.substr(size), std::string(32 - size, '#'));
    if (size > 0) {
      EXPECT_EQ(std::string(text.c_str()),
                std::string("sample: q: tensor is NULL").substr(0, size - 1));
    }
  }
  EXPECT_EQ(
      attn_abi_check(&code, call.tensors.data(), TensorCount, nullptr, 99),
      ATTN_ERR_NULL);
}

//===----------------------------------------------------------------------===//
// Workspace and phases
//===----------------------------------------------------------------------===//

struct alignas(ATTN_WORKSPACE_ALIGNMENT) Line {
  char bytes[ATTN_WORKSPACE_ALIGNMENT];
};

TEST(KernelAbi, ChecksTheWorkspace) {
  Call call;
  // 12 rows of 8 bytes and 100 bytes for a worker, in whole lines.
  size_t size =
      attn_abi_workspace_size(&code, call.tensors.data(), TensorCount, 1);
  EXPECT_EQ(size, 128u + 128u);
  EXPECT_EQ(attn_abi_workspace_size(&code, call.tensors.data(), TensorCount, 3),
            128u + 3 * 128u);
  EXPECT_EQ(attn_abi_workspace_size(&code, call.tensors.data(), TensorCount, 0),
            0u);
  std::vector<Line> lines(6);
  EXPECT_EQ(call.run(nullptr, lines.data(), size - 1), ATTN_ERR_WORKSPACE);
  EXPECT_EQ(call.message(),
            "sample: the workspace has 255 bytes, but 1 worker need 256; see "
            "sample_workspace_size");
  EXPECT_EQ(call.run(nullptr, &lines[0].bytes[1], size), ATTN_ERR_WORKSPACE);
  EXPECT_EQ(call.message(), "sample: the workspace is not aligned to 64 bytes");
  call.q.view.data = &lines[3];
  EXPECT_EQ(call.run(nullptr, lines.data(), size), ATTN_ERR_ALIAS);
  EXPECT_EQ(call.message(), "sample: the workspace overlaps the tensor q");
  call.q.view.data = call.q.memory.data();
  EXPECT_EQ(call.run(nullptr, lines.data(), size), ATTN_OK) << call.message();
  EXPECT_TRUE(call.isRight());
}

TEST(KernelAbi, SizesAWorkerByTheExtents) {
  Call call;
  attn_kernel_code dynamic = code;
  auto size = [&](int32_t workers) {
    return attn_abi_workspace_size(&dynamic, call.tensors.data(), TensorCount,
                                   workers);
  };
  size_t fixed = size(3) - size(2);
  dynamic.workerWorkspace = [](attn_descriptors) -> int64_t { return 100001; };
  EXPECT_EQ(size(3) - size(2), 100032u);
  // What the description promises is there whatever the extents are.
  dynamic.workerWorkspace = [](attn_descriptors) -> int64_t { return 1; };
  EXPECT_EQ(size(3) - size(2), fixed);
}

TEST(KernelAbi, HoldsTheWorkspaceItAllocatesToALimit) {
  Call call;
  attn_kernel_code limited = code;
  size_t size =
      attn_abi_workspace_size(&limited, call.tensors.data(), TensorCount, 1);
  auto run = [&](void *workspace, size_t bytes) {
    return attn_abi_call(&limited, call.tensors.data(), TensorCount, nullptr,
                         workspace, bytes, call.text.data(), 256);
  };
  limited.maxWorkspace = static_cast<int64_t>(size);
  EXPECT_EQ(run(nullptr, 0), ATTN_OK) << call.message();
  limited.maxWorkspace = static_cast<int64_t>(size) - 1;
  EXPECT_EQ(run(nullptr, 0), ATTN_ERR_MEMORY);
  EXPECT_EQ(call.message(),
            "sample: the call needs " + std::to_string(size) +
                " bytes of workspace; the kernel was compiled to allocate at "
                "most " +
                std::to_string(size - 1) +
                " (--max-footprint), and takes a larger one from its caller");
  struct alignas(64) Line {
    char bytes[64];
  };
  std::vector<Line> lines(size / 64 + 1);
  EXPECT_EQ(run(lines.data(), size), ATTN_OK) << call.message();
  EXPECT_TRUE(call.isRight());
}

TEST(KernelAbi, RefusesAWorkspaceThatCannotBe) {
  Call call;
  attn_parallel_for parallel = {
      [](void *, int64_t, attn_task, void *) { FAIL(); }, nullptr, 1};
  attn_kernel_info info = *code.info;
  info.worker_workspace = uint64_t(1) << 62;
  attn_kernel_code large = code;
  large.info = &info;
  auto run = [&] {
    return attn_abi_call(&large, call.tensors.data(), TensorCount, &parallel,
                         nullptr, 0, call.text.data(), 256);
  };
  EXPECT_EQ(run(), ATTN_ERR_MEMORY);
  EXPECT_EQ(call.message(), "sample: 4611686018427388032 bytes of workspace "
                            "could not be allocated");
  parallel.workers = 2;
  EXPECT_EQ(run(), ATTN_ERR_MEMORY);
  EXPECT_EQ(call.message(),
            "sample: the workspace would need more than 2^63 - 1 bytes");
  EXPECT_EQ(
      attn_abi_workspace_size(&large, call.tensors.data(), TensorCount, 2),
      SIZE_MAX);
}

TEST(KernelAbi, RunsItemsOneByOne) {
  Call call;
  const DLTensor *const *tensors = call.tensors.data();
  std::vector<Line> lines(16);
  size_t size = attn_abi_workspace_size(&code, tensors, TensorCount, 2);
  for (int32_t phase = 0; phase < attn_abi_phases(&code); ++phase) {
    int64_t items = attn_abi_items(&code, tensors, TensorCount, phase);
    EXPECT_EQ(items, phase == 0 ? 12 : 1);
    for (int64_t item = items; item-- > 0;)
      EXPECT_EQ(attn_abi_run_items(&code, tensors, TensorCount, phase, item,
                                   item + 1, item % 2, lines.data(), size,
                                   call.text.data(), 256),
                ATTN_OK)
          << call.message();
  }
  EXPECT_TRUE(call.isRight());
}

TEST(KernelAbi, RefusesItemsThatDoNotExist) {
  Call call;
  std::vector<Line> lines(16);
  std::vector<double> before = call.o.memory;
  auto run = [&](int32_t phase, int64_t begin, int64_t end, int32_t worker,
                 void *workspace, size_t size) {
    return attn_abi_run_items(&code, call.tensors.data(), TensorCount, phase,
                              begin, end, worker, workspace, size,
                              call.text.data(), 256);
  };
  EXPECT_EQ(run(2, 0, 1, 0, lines.data(), 1024), ATTN_ERR_VALUE);
  EXPECT_EQ(call.message(), "sample: there is no phase 2; the kernel has 2");
  EXPECT_EQ(run(-1, 0, 1, 0, lines.data(), 1024), ATTN_ERR_VALUE);
  EXPECT_EQ(run(0, 5, 13, 0, lines.data(), 1024), ATTN_ERR_VALUE);
  EXPECT_EQ(call.message(),
            "sample: items [5, 13) of phase 0 are not within the 12 it has");
  EXPECT_EQ(run(0, -1, 1, 0, lines.data(), 1024), ATTN_ERR_VALUE);
  EXPECT_EQ(run(0, 2, 1, 0, lines.data(), 1024), ATTN_ERR_VALUE);
  EXPECT_EQ(run(0, 0, 1, -1, lines.data(), 1024), ATTN_ERR_VALUE);
  EXPECT_EQ(run(0, 0, 1, 0, nullptr, 0), ATTN_ERR_NULL);
  EXPECT_EQ(call.message(),
            "sample: the workspace is NULL; sample_run_items allocates none");
  EXPECT_EQ(run(0, 0, 1, 7, lines.data(), 1024), ATTN_ERR_WORKSPACE);
  EXPECT_EQ(run(0, 0, 1, 6, lines.data(), 1024), ATTN_OK) << call.message();
  EXPECT_EQ(attn_abi_items(&code, call.tensors.data(), TensorCount, 2),
            -ATTN_ERR_VALUE);
  EXPECT_NE(call.o.memory, before);
}

//===----------------------------------------------------------------------===//
// The caller's parallel_for
//===----------------------------------------------------------------------===//

TEST(KernelAbi, RefusesABrokenParallelFor) {
  Call call;
  attn_parallel_for parallel = {nullptr, nullptr, 2};
  EXPECT_EQ(call.run(&parallel), ATTN_ERR_NULL);
  parallel.run = [](void *, int64_t items, attn_task task, void *context) {
    task(context, 0, items, 2);
  };
  EXPECT_EQ(call.run(&parallel), ATTN_ERR_VALUE);
  EXPECT_EQ(call.message(), "sample: the parallel_for passed a task a worker "
                            "outside [0, 2) or items outside [0, 12)");
  parallel.run = [](void *, int64_t items, attn_task task, void *context) {
    task(context, 0, items - 1, 0);
  };
  EXPECT_EQ(call.run(&parallel), ATTN_ERR_VALUE);
  EXPECT_EQ(call.message(), "sample: the parallel_for ran 11 items of phase 0, "
                            "not all 12 once");
  parallel.workers = 0;
  EXPECT_EQ(call.run(&parallel), ATTN_ERR_VALUE);
  EXPECT_EQ(call.message(),
            "sample: the parallel_for has 0 workers, but needs at least 1");
}

//===----------------------------------------------------------------------===//
// The CPU
//===----------------------------------------------------------------------===//

TEST(KernelAbi, AsksTheCpu) {
  // The low bits of leaf 7's register eax hold a number no CPU fills.
  const attn_cpu_feature features[] = {{"sse2", 1, 0, 3, 26},
                                       {"nosuch", 7, 0, 0, 31}};
  attn_kernel_code demanding = code;
  demanding.features = features;
  char text[128];
  demanding.featureCount = 1;
  EXPECT_EQ(attn_abi_supported(&demanding, text, sizeof(text)), ATTN_OK);
  demanding.extendedState = 3; // x87 and SSE
  EXPECT_EQ(attn_abi_supported(&demanding, text, sizeof(text)), ATTN_OK);
  EXPECT_STREQ(text, "");
  demanding.featureCount = 2;
  EXPECT_EQ(attn_abi_supported(&demanding, text, sizeof(text)),
            ATTN_ERR_TARGET);
  EXPECT_STREQ(text, "sample: compiled for x86-64, which needs nosuch; this "
                     "CPU does not have it");
  demanding.featureCount = 0;
  demanding.extendedState = uint64_t(1) << 61;
  EXPECT_EQ(attn_abi_supported(&demanding, text, sizeof(text)),
            ATTN_ERR_TARGET);
}

// A process has the registers of a matrix unit on request alone.
TEST(KernelAbi, AsksForTiles) {
  attn_kernel_code demanding = code;
  demanding.extendedState = 0x60000; // configuration and data of tiles
  char text[128];
  attn_abi_message message = {demanding.info, text, sizeof(text)};
  std::ifstream file("/proc/cpuinfo");
  std::string known((std::istreambuf_iterator<char>(file)), {});
  if (known.find("amx_tile") != std::string::npos) {
    EXPECT_EQ(attn_abi_request_state(&demanding, &message), ATTN_OK);
    EXPECT_EQ(attn_abi_request_state(&demanding, &message), ATTN_OK);
    return;
  }
  EXPECT_EQ(attn_abi_request_state(&demanding, &message), ATTN_ERR_TARGET);
  EXPECT_STREQ(text, "sample: compiled for x86-64; the operating system does "
                     "not grant the registers of its matrix unit");
}

} // namespace
