//===- ZeroedArray.h - Large arrays that are mostly not used ----*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PTXSIM_ZEROEDARRAY_H
#define ATTN_PTXSIM_ZEROEDARRAY_H

#include <cstddef>
#include <cstdlib>
#include <type_traits>
#include <utility>

namespace ptxsim {

/// Elements whose bytes are all 0. Pages that nobody touches cost nothing,
/// unlike those of a vector, which writes its zeros.
template <typename T>
class ZeroedArray {
  static_assert(std::is_trivially_copyable_v<T>);

public:
  ZeroedArray() = default;
  explicit ZeroedArray(size_t count)
      : elements(static_cast<T *>(std::calloc(count ? count : 1, sizeof(T)))) {
    if (!elements)
      std::abort();
  }
  ZeroedArray(ZeroedArray &&other) noexcept
      : elements(std::exchange(other.elements, nullptr)) {}
  ZeroedArray &operator=(ZeroedArray &&other) noexcept {
    std::swap(elements, other.elements);
    return *this;
  }
  ~ZeroedArray() { std::free(elements); }

  T *data() { return elements; }
  const T *data() const { return elements; }
  T &operator[](size_t index) { return elements[index]; }
  const T &operator[](size_t index) const { return elements[index]; }

private:
  T *elements = nullptr;
};

} // namespace ptxsim

#endif // ATTN_PTXSIM_ZEROEDARRAY_H
