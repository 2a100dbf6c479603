//===- SampleKernel.cpp - A kernel table written by hand ------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SampleKernel.h"

namespace sample {

const DLDataType f32 = {kDLFloat, 32, 1};
const DLDataType f64 = {kDLFloat, 64, 1};
const DLDataType i32 = {kDLInt, 32, 1};
bool refuseValues = false;

namespace {

const char *const symbols[] = {"b", "m", "n"};
const attn_dim_info qDims[] = {
    {"b", -1, 0}, {"2", 2, -1}, {"m", -1, 1}, {"4", 4, -1}};
const attn_dim_info kDims[] = {
    {"b", -1, 0}, {"2", 2, -1}, {"n", -1, 2}, {"4", 4, -1}};
const attn_dim_info pDims[] = {{"n", -1, 2}};
const attn_tensor_info tensorInfos[] = {{"q", qDims, 4, 0, f32},
                                        {"k", kDims, 4, 0, f32},
                                        {"p", pDims, 1, 0, i32},
                                        {"o", qDims, 4, 1, f32},
                                        {"l", nullptr, 0, 1, f64}};

const attn_kernel_info info = {ATTN_ABI_VERSION,
                               TensorCount,
                               3,
                               3,
                               2,
                               0,
                               "sample",
                               tensorInfos,
                               symbols,
                               "x86_64-unknown-linux-gnu",
                               "x86-64",
                               "none",
                               100};

template <typename T, int Rank>
struct Descriptor {
  T *allocated, *aligned;
  int64_t offset, sizes[Rank], strides[Rank];
};
template <typename T>
struct Descriptor<T, 0> {
  T *allocated, *aligned;
  int64_t offset;
};
using Float4 = Descriptor<float, 4>;

} // namespace

static float &at(const Float4 &d, int64_t b, int64_t h, int64_t m, int64_t e) {
  return d.aligned[d.offset + b * d.strides[0] + h * d.strides[1] +
                   m * d.strides[2] + e * d.strides[3]];
}

static int64_t rowItems(attn_descriptors descriptors) {
  if (refuseValues)
    return -1;
  const Float4 &o = *static_cast<const Float4 *>(descriptors[O]);
  return o.sizes[0] * o.sizes[1] * o.sizes[2];
}

// o = q + sum of k over n, weighted by p, through both workspaces.
static void runRows(attn_descriptors descriptors, int64_t begin, int64_t end,
                    void *workerWorkspace, void *sharedWorkspace) {
  const Float4 &q = *static_cast<const Float4 *>(descriptors[Q]);
  const Float4 &k = *static_cast<const Float4 *>(descriptors[K]);
  auto &p = *static_cast<const Descriptor<int32_t, 1> *>(descriptors[P]);
  const Float4 &o = *static_cast<const Float4 *>(descriptors[O]);
  auto *scratch = static_cast<float *>(workerWorkspace);
  auto *shared = static_cast<double *>(sharedWorkspace);
  for (int64_t item = begin; item < end; ++item) {
    int64_t m = item % o.sizes[2], h = item / o.sizes[2] % 2;
    int64_t b = item / o.sizes[2] / 2;
    memset(scratch, 0, 100); // all a worker has
    for (int64_t n = 0; n < k.sizes[2]; ++n)
      for (int64_t e = 0; e < 4; ++e)
        scratch[e] += at(k, b, h, n, e) * p.aligned[p.offset + n];
    for (int64_t e = 0; e < 4; ++e)
      at(o, b, h, m, e) = at(q, b, h, m, e) + scratch[e];
    shared[item] = at(o, b, h, m, 0);
  }
}

static int64_t oneItem(attn_descriptors) { return 1; }

static void runTotal(attn_descriptors descriptors, int64_t, int64_t, void *,
                     void *sharedWorkspace) {
  auto &l = *static_cast<const Descriptor<double, 0> *>(descriptors[L]);
  auto *shared = static_cast<const double *>(sharedWorkspace);
  l.aligned[l.offset] = 0;
  for (int64_t i = 0, items = rowItems(descriptors); i < items; ++i)
    l.aligned[l.offset] += shared[i];
}

static int64_t sharedBytes(attn_descriptors descriptors) {
  return rowItems(descriptors) * static_cast<int64_t>(sizeof(double));
}

static const attn_phase_code phases[] = {{rowItems, runRows},
                                         {oneItem, runTotal}};

const attn_kernel_code code = {&info,   phases, sharedBytes, nullptr, 0,
                               nullptr, 0,      0,           nullptr, 0};

Tensor::Tensor(DLDataType type, std::vector<int64_t> extents)
    : shape(std::move(extents)) {
  int64_t count = 1;
  strides.resize(shape.size());
  for (size_t d = shape.size(); d-- > 0;) {
    strides[d] = count;
    count *= shape[d];
  }
  memory.resize(static_cast<size_t>(count * type.bits / 8 + 7) / 8);
  view.data = count ? memory.data() : nullptr;
  view.device = {kDLCPU, 0};
  view.ndim = static_cast<int>(shape.size());
  view.dtype = type;
  view.shape = shape.data();
}

Call::Call(int64_t b, int64_t m, int64_t n)
    : q(f32, {b, 2, m, 4}), k(f32, {b, 2, n, 4}), p(i32, {n}),
      o(f32, {b, 2, m, 4}), l(f64, {}),
      tensors{&q.view, &k.view, &p.view, &o.view, &l.view} {
  for (int64_t i = 0; i < b * 8 * m; ++i)
    q.data<float>()[i] = static_cast<float>(i);
  for (int64_t i = 0; i < b * 8 * n; ++i)
    k.data<float>()[i] = static_cast<float>(i % 7);
  for (int64_t i = 0; i < n; ++i)
    p.data<int32_t>()[i] = static_cast<int32_t>(i + 1);
}

int32_t Call::check() {
  return attn_abi_check(&code, tensors.data(),
                        static_cast<int32_t>(tensors.size()), text.data(),
                        text.size());
}

int32_t Call::run(const attn_parallel_for *parallel, void *workspace,
                  size_t size) {
  return attn_abi_call(&code, tensors.data(),
                       static_cast<int32_t>(tensors.size()), parallel,
                       workspace, size, text.data(), text.size());
}

bool Call::isRight() {
  int64_t rows = q.shape[2], keys = k.shape[2];
  double total = 0;
  for (int64_t i = 0; i < q.shape[0] * 2 * rows; ++i)
    for (int64_t e = 0; e < 4; ++e) {
      float sum = q.data<float>()[i * 4 + e];
      for (int64_t n = 0; n < keys; ++n)
        sum += k.data<float>()[((i / rows) * keys + n) * 4 + e] *
               p.data<int32_t>()[n];
      if (o.data<float>()[i * 4 + e] != sum)
        return false;
      total += e == 0 ? sum : 0;
    }
  return *l.data<double>() == total;
}

} // namespace sample
