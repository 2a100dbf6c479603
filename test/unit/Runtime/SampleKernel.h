//===- SampleKernel.h - A kernel table written by hand ----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the compiler would emit for a kernel named `sample`:
//   q: f32[b,2,m,4], k: f32[b,2,n,4], p: i32[n] -> o: f32[b,2,m,4], l: f64[]
// It adds up what it reads, so that a wrong descriptor shows.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNITTESTS_RUNTIME_SAMPLEKERNEL_H
#define ATTN_UNITTESTS_RUNTIME_SAMPLEKERNEL_H

#include "KernelAbi.h"

#include <cstring>
#include <string>
#include <vector>

namespace sample {

enum : int32_t { Q, K, P, O, L, TensorCount };

extern const attn_kernel_code code;

/// Items of the first phase are refused when this is set.
extern bool refuseValues;

/// A row-major tensor with memory of its own, and the DLTensor that says so.
struct Tensor {
  Tensor(DLDataType type, std::vector<int64_t> extents);
  Tensor(const Tensor &) = delete;

  DLTensor view{};
  std::vector<int64_t> shape, strides;
  std::vector<double> memory;

  template <typename T>
  T *data() {
    return reinterpret_cast<T *>(view.data);
  }
};

extern const DLDataType f32, f64, i32;

/// The arguments of a valid call.
struct Call {
  explicit Call(int64_t b = 2, int64_t m = 3, int64_t n = 5);

  Tensor q, k, p, o, l;
  std::vector<const DLTensor *> tensors;
  std::string text = std::string(256, '?');

  int32_t check();
  int32_t run(const attn_parallel_for *parallel = nullptr,
              void *workspace = nullptr, size_t size = 0);
  std::string message() const { return text.c_str(); }
  /// Whether o and l hold what the kernel computes.
  bool isRight();
};

} // namespace sample

#endif // ATTN_UNITTESTS_RUNTIME_SAMPLEKERNEL_H
