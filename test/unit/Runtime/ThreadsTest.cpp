//===- ThreadsTest.cpp - Kernels on threads of the caller -----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a race could hide in: a call on real threads, several calls at a time,
// and errors that every worker reports. scripts/check builds this program with
// ThreadSanitizer too. It holds no OpenMP, whose runtimes ThreadSanitizer does
// not understand.
//
//===----------------------------------------------------------------------===//

#include "SampleKernel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

using namespace sample;

namespace {

/// Hands out items one by one to threads that it starts for each run.
struct Threads {
  explicit Threads(int32_t workers) : parallel{run, this, workers} {}

  static void run(void *self, int64_t items, attn_task task, void *context) {
    auto &threads = *static_cast<Threads *>(self);
    std::atomic<int64_t> next{0};
    std::vector<std::thread> running;
    for (int32_t worker = 0; worker < threads.parallel.workers; ++worker)
      running.emplace_back([&, worker] {
        for (int64_t item; (item = next.fetch_add(1)) < items;)
          task(context, item, item + 1, threads.wrongWorker ? -1 : worker);
      });
    for (std::thread &thread : running)
      thread.join();
  }

  attn_parallel_for parallel;
  bool wrongWorker = false;
};

TEST(Threads, RunAKernel) {
  for (int32_t workers : {1, 2, 4, 8}) {
    Threads threads(workers);
    for (int round = 0; round < 10; ++round) {
      Call call(3, 17, 9);
      ASSERT_EQ(call.run(&threads.parallel), ATTN_OK) << call.message();
      EXPECT_TRUE(call.isRight());
    }
  }
}

TEST(Threads, ShareAGivenWorkspace) {
  Threads threads(4);
  Call call(3, 17, 9);
  size_t size =
      attn_abi_workspace_size(&code, call.tensors.data(), TensorCount, 4);
  std::vector<char> memory(size + ATTN_WORKSPACE_ALIGNMENT);
  auto address = reinterpret_cast<uintptr_t>(memory.data());
  char *workspace =
      memory.data() + (-address & uintptr_t(ATTN_WORKSPACE_ALIGNMENT - 1));
  for (int round = 0; round < 10; ++round) {
    ASSERT_EQ(call.run(&threads.parallel, workspace, size), ATTN_OK)
        << call.message();
    EXPECT_TRUE(call.isRight());
  }
}

// A kernel has no state: calls on other tensors may run at the same time.
TEST(Threads, CallAtTheSameTime) {
  std::vector<std::thread> callers;
  std::atomic<int> right{0};
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&right, caller] {
      Threads threads(2);
      for (int round = 0; round < 10; ++round) {
        Call call(2, 5 + caller, 7);
        if (call.run(&threads.parallel) == ATTN_OK && call.isRight())
          ++right;
      }
    });
  for (std::thread &caller : callers)
    caller.join();
  EXPECT_EQ(right, 40);
}

TEST(Threads, AllReportAWrongWorker) {
  Threads threads(4);
  threads.wrongWorker = true;
  Call call(3, 17, 9);
  EXPECT_EQ(call.run(&threads.parallel), ATTN_ERR_VALUE);
  EXPECT_NE(call.message().find("worker"), std::string::npos) << call.message();
}

} // namespace
