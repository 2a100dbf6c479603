//===- KernelValues.c - Checking the values of operands -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A permutation holds every token once. One bit for each token says so, in
// memory of fixed size: a call allocates nothing for it, and longer
// permutations are read again for every window of tokens.
//
//===----------------------------------------------------------------------===//

#include "KernelAbi.h"

#include <string.h>

enum { TokensPerPass = 1 << 18 };

// One row of a permutation: a token for each slot.
typedef struct attn_token_row {
  const char *data;
  int64_t size;
  int64_t stride; // in elements
  int32_t bytes;  // of an element
} attn_token_row;

static int64_t getToken(const attn_token_row *row, int64_t slot) {
  const char *at = row->data + slot * row->stride * row->bytes;
  if (row->bytes == 8) {
    int64_t token;
    memcpy(&token, at, sizeof(token));
    return token;
  }
  int32_t token;
  memcpy(&token, at, sizeof(token));
  return token;
}

static int32_t checkRow(const char *name, const attn_token_row *row,
                        const attn_abi_message *message) {
  uint64_t seen[TokensPerPass / 64];
  for (int64_t first = 0; first < row->size; first += TokensPerPass) {
    int64_t count = row->size - first;
    if (count > TokensPerPass)
      count = TokensPerPass;
    memset(seen, 0, (size_t)((count + 63) / 64) * sizeof(*seen));
    for (int64_t slot = 0; slot < row->size; ++slot) {
      int64_t token = getToken(row, slot);
      if (token < 0 || token >= row->size)
        return attn_abi_fail(
            message, ATTN_ERR_VALUE,
            "%s is no permutation: slot %lld holds %lld, which "
            "is not one of %lld tokens",
            name, (long long)slot, (long long)token, (long long)row->size);
      int64_t bit = token - first;
      if (bit < 0 || bit >= count)
        continue;
      uint64_t mask = UINT64_C(1) << (bit % 64);
      if (seen[bit / 64] & mask)
        return attn_abi_fail(
            message, ATTN_ERR_VALUE,
            "%s is no permutation: slot %lld holds %lld, which an earlier slot "
            "holds, too",
            name, (long long)slot, (long long)token);
      seen[bit / 64] |= mask;
    }
  }
  return ATTN_OK;
}

// The rows are those of up to two dimensions in front of the tokens.
static int32_t checkPermutation(const attn_kernel_info *info,
                                const attn_abi_tensors *tensors, int32_t index,
                                const attn_abi_message *message) {
  const attn_tensor_info *tensor = &info->tensors[index];
  const int64_t *sizes = attn_abi_sizes(tensors, index);
  const int64_t *strides = attn_abi_strides(tensors, info, index);
  int32_t last = tensor->rank - 1;
  int32_t bytes = (int32_t)attn_abi_element_size(tensor);
  int64_t rows = 1;
  for (int32_t dim = 0; dim < last; ++dim)
    rows *= sizes[dim];
  const char *base = ((char **)tensors->descriptors[index])[1];
  for (int64_t number = 0; number < rows; ++number) {
    int64_t rest = number, offset = 0;
    for (int32_t dim = last - 1; dim >= 0; --dim) {
      offset += rest % sizes[dim] * strides[dim];
      rest /= sizes[dim];
    }
    attn_token_row row = {base + offset * bytes, sizes[last], strides[last],
                          bytes};
    int32_t status = checkRow(tensor->name, &row, message);
    if (status != ATTN_OK)
      return status;
  }
  return ATTN_OK;
}

int32_t attn_abi_check_values(const attn_kernel_code *code,
                              const attn_abi_tensors *tensors,
                              const attn_abi_message *message) {
  for (int64_t i = 0; i < code->permutationCount; ++i) {
    int32_t status =
        checkPermutation(code->info, tensors, code->permutations[i], message);
    if (status != ATTN_OK)
      return status;
  }
  return ATTN_OK;
}
