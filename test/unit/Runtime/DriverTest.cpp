//===- DriverTest.cpp - The threaded driver ------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn-c/driver.h"
#include "SampleKernel.h"

#include <gtest/gtest.h>

#include <atomic>

namespace {

struct Count {
  std::vector<std::atomic<int>> items;
  std::vector<std::atomic<int>> busy;
  std::atomic<bool> shared{false};
};

TEST(Driver, CoversEveryItemOnce) {
  for (int32_t threads : {1, 2, 3, 8}) {
    attn_driver *driver = attn_driver_create(threads);
    ASSERT_NE(driver, nullptr);
    const attn_parallel_for *parallel = attn_driver_parallel_for(driver);
    EXPECT_EQ(parallel->workers, threads);
    for (int64_t items : {0, 1, 2, 7, 8, 1000, 12345}) {
      Count count{std::vector<std::atomic<int>>(items),
                  std::vector<std::atomic<int>>(threads)};
      parallel->run(
          parallel->self, items,
          [](void *context, int64_t begin, int64_t end, int32_t worker) {
            Count &count = *static_cast<Count *>(context);
            if (count.busy.at(worker).fetch_add(1) != 0)
              count.shared = true; // two tasks at once as one worker
            for (int64_t i = begin; i < end; ++i)
              ++count.items.at(i);
            --count.busy.at(worker);
          },
          &count);
      EXPECT_FALSE(count.shared);
      for (auto &item : count.items)
        EXPECT_EQ(item, 1);
    }
    attn_driver_destroy(driver);
  }
}

TEST(Driver, RunsAKernel) {
  attn_driver *driver = attn_driver_create(3);
  sample::Call call(3, 17, 9);
  size_t size = attn_abi_workspace_size(&sample::code, call.tensors.data(),
                                        sample::TensorCount, 3);
  void *workspace = attn_driver_allocate(size);
  ASSERT_NE(workspace, nullptr);
  EXPECT_EQ(call.run(attn_driver_parallel_for(driver), workspace, size),
            ATTN_OK)
      << call.message();
  EXPECT_TRUE(call.isRight());
  attn_driver_free(workspace);
  attn_driver_destroy(driver);
}

TEST(Driver, RefusesNonsense) {
  EXPECT_EQ(attn_driver_create(-1), nullptr);
  EXPECT_EQ(attn_driver_allocate(SIZE_MAX), nullptr);
  void *empty = attn_driver_allocate(0);
  EXPECT_NE(empty, nullptr);
  attn_driver_free(empty);
  attn_driver *driver = attn_driver_create(0);
  EXPECT_GE(attn_driver_parallel_for(driver)->workers, 1);
  attn_driver_destroy(driver);
}

} // namespace
