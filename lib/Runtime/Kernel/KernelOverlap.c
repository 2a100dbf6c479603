//===- KernelOverlap.c - Do two strided tensors share memory? -------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Deciding exactly whether strided tensors overlap is an integer program. The
// tests here are sound, and exact for what slicing, transposing and packing
// produce: an output is refused only when it does overlap or when its strides
// interleave in a way no such view has.
//
//===----------------------------------------------------------------------===//

#include "KernelTensors.h"

#include <stdbool.h>

static int64_t magnitude(int64_t value) { return value < 0 ? -value : value; }

// A tensor's elements all have different addresses when every stride exceeds
// the reach of all smaller ones. Returns the first dimension that does not, or
// -1. The reach cannot overflow: the span was computed from the same products.
static int32_t selfOverlap(const int64_t *sizes, const int64_t *strides,
                           int32_t rank) {
  for (int32_t d = 0; d < rank; ++d) {
    if (sizes[d] <= 1)
      continue;
    int64_t reach = 0;
    for (int32_t other = 0; other < rank; ++other) {
      if (other == d || sizes[other] <= 1)
        continue;
      // Of two equal strides the later dimension counts as the smaller.
      int64_t stride = magnitude(strides[other]);
      if (stride < magnitude(strides[d]) ||
          (stride == magnitude(strides[d]) && other > d))
        reach += (sizes[other] - 1) * stride;
    }
    if (magnitude(strides[d]) <= reach || strides[d] == 0)
      return d;
  }
  return -1;
}

static int64_t greatestCommonDivisor(int64_t a, int64_t b) {
  while (b != 0) {
    int64_t remainder = a % b;
    a = b;
    b = remainder;
  }
  return a;
}

typedef struct attn_layout {
  attn_abi_span span;
  const int64_t *sizes;
  const int64_t *strides;
  int64_t elementSize;
  int32_t rank;
} attn_layout;

static attn_layout layoutOf(const attn_kernel_info *info,
                            const attn_abi_tensors *tensors, int32_t index) {
  return (attn_layout){tensors->spans[index], attn_abi_sizes(tensors, index),
                       attn_abi_strides(tensors, info, index),
                       attn_abi_element_size(&info->tensors[index]),
                       info->tensors[index].rank};
}

// The bytes that the dimensions with a stride below `threshold` bytes cover
// from one element on, and the common divisor of the other strides.
static attn_abi_span innerSpan(const attn_layout *layout, int64_t threshold,
                               int64_t *divisor) {
  attn_abi_span inner = {
      *(const int64_t *)(layout->sizes - AttnDescriptorHeader), 0};
  inner.end = inner.begin + layout->elementSize;
  for (int32_t d = 0; d < layout->rank; ++d) {
    if (layout->sizes[d] <= 1)
      continue;
    int64_t stride = layout->strides[d] * layout->elementSize;
    if (magnitude(stride) >= threshold) {
      *divisor = greatestCommonDivisor(*divisor, magnitude(stride));
      continue;
    }
    int64_t reach = (layout->sizes[d] - 1) * stride;
    if (reach < 0)
      inner.begin += reach;
    else
      inner.end += reach;
  }
  return inner;
}

// Splits the dimensions of both tensors by stride. The outer ones move by
// multiples of their common divisor, so two tensors whose inner parts miss each
// other modulo that divisor share nothing: q, k, v and o in one packed buffer.
static bool disjointModulo(const attn_layout *a, const attn_layout *b,
                           int64_t threshold) {
  int64_t divisor = 0;
  attn_abi_span inA = innerSpan(a, threshold, &divisor);
  attn_abi_span inB = innerSpan(b, threshold, &divisor);
  if (divisor == 0)
    return inA.end <= inB.begin || inB.end <= inA.begin;
  int64_t distance = (inB.begin - inA.begin) % divisor;
  if (distance < 0)
    distance += divisor;
  return distance >= inA.end - inA.begin &&
         divisor - distance >= inB.end - inB.begin;
}

static bool mayOverlap(const attn_layout *a, const attn_layout *b) {
  if (a->span.end <= b->span.begin || b->span.end <= a->span.begin)
    return false;
  const attn_layout *layouts[2] = {a, b};
  for (int32_t i = 0; i < 2; ++i)
    for (int32_t d = 0; d < layouts[i]->rank; ++d) {
      int64_t stride =
          magnitude(layouts[i]->strides[d]) * layouts[i]->elementSize;
      if (layouts[i]->sizes[d] > 1 && stride > 0 &&
          disjointModulo(a, b, stride))
        return false;
    }
  return true;
}

int32_t attn_abi_check_overlap(const attn_kernel_info *info,
                               const attn_abi_tensors *tensors,
                               const attn_abi_message *message) {
  for (int32_t out = info->input_count; out < info->tensor_count; ++out) {
    if (tensors->spans[out].begin == tensors->spans[out].end)
      continue;
    attn_layout layout = layoutOf(info, tensors, out);
    const char *name = info->tensors[out].name;
    int32_t dim = selfOverlap(layout.sizes, layout.strides, layout.rank);
    if (dim >= 0)
      return attn_abi_fail(
          message, ATTN_ERR_ALIAS,
          "%s: the output overlaps itself; dimension %d (%s) has stride %lld, "
          "which the dimensions with smaller strides reach over",
          name, (int)dim, info->tensors[out].dims[dim].name,
          (long long)layout.strides[dim]);
    for (int32_t other = 0; other < out; ++other) {
      if (tensors->spans[other].begin == tensors->spans[other].end)
        continue;
      attn_layout otherLayout = layoutOf(info, tensors, other);
      if (mayOverlap(&layout, &otherLayout))
        return attn_abi_fail(
            message, ATTN_ERR_ALIAS,
            "%s: the output overlaps the %s %s; an output must have memory of "
            "its own",
            name, other < info->input_count ? "input" : "output",
            info->tensors[other].name);
    }
  }
  return ATTN_OK;
}
