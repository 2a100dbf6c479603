//===- KernelValues.c - Checking the values of operands -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Operands that say which tokens belong where are read once before anything is
// written, row by row.
//
// A permutation holds every token once. One bit for each token says so, in
// memory of fixed size: a call allocates nothing for it, and longer
// permutations are read again for every window of tokens.
//
//===----------------------------------------------------------------------===//

#include "KernelAbi.h"

#include <string.h>

enum { TokensPerPass = 1 << 18 };

// One row of an operand, such as the tokens of a permutation, one for each
// slot.
typedef struct attn_token_row {
  const char *data;
  int64_t size;
  int64_t stride; // in elements
  int32_t bytes;  // of an element
  int64_t tokens; // how many there are
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

static int32_t checkPermutation(const char *name, const attn_token_row *row,
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

// Segment i has the tokens from offset i up to offset i + 1.
static int32_t checkOffsets(const char *name, const attn_token_row *row,
                            const attn_abi_message *message) {
  if (row->size == 0)
    return attn_abi_fail(message, ATTN_ERR_VALUE,
                         "%s holds no offsets of segments: there is not "
                         "even one",
                         name);
  int64_t last = 0;
  for (int64_t i = 0; i < row->size; ++i) {
    int64_t offset = getToken(row, i);
    if (offset < 0 || offset > row->tokens)
      return attn_abi_fail(message, ATTN_ERR_VALUE,
                           "%s holds no offsets of segments: number %lld is "
                           "%lld, outside of the %lld tokens",
                           name, (long long)i, (long long)offset,
                           (long long)row->tokens);
    if (offset < last)
      return attn_abi_fail(message, ATTN_ERR_VALUE,
                           "%s holds no offsets of segments: number %lld is "
                           "%lld, less than the %lld before it",
                           name, (long long)i, (long long)offset,
                           (long long)last);
    last = offset;
  }
  return ATTN_OK;
}

// Lists are ascending, so that no entry is there twice.
static int32_t checkEntry(const char *name, int64_t list, int64_t number,
                          int64_t entry, int64_t last, int64_t count,
                          const attn_abi_message *message) {
  if (entry < 0 || entry >= count)
    return attn_abi_fail(message, ATTN_ERR_VALUE,
                         "%s: entry %lld of list %lld is %lld, which is not "
                         "one of %lld",
                         name, (long long)number, (long long)list,
                         (long long)entry, (long long)count);
  if (entry <= last)
    return attn_abi_fail(message, ATTN_ERR_VALUE,
                         "%s: entry %lld of list %lld is %lld, behind %lld: "
                         "lists ascend and repeat nothing",
                         name, (long long)number, (long long)list,
                         (long long)entry, (long long)last);
  return ATTN_OK;
}

static int32_t checkListCount(const char *name, int64_t count, int64_t wanted,
                              const char *what,
                              const attn_abi_message *message) {
  if (count == wanted)
    return ATTN_OK;
  return attn_abi_fail(message, ATTN_ERR_VALUE,
                       "%s has %lld %s where the queries need %lld", name,
                       (long long)count, what, (long long)wanted);
}

// The lists of one row of offsets.
static int32_t checkBlocks(const char *name, const char *entriesName,
                           const attn_token_row *offsets,
                           const attn_token_row *entries, int64_t lists,
                           const attn_abi_message *message) {
  int32_t status =
      checkListCount(name, offsets->size, lists + 1, "offsets", message);
  int64_t end = status == ATTN_OK ? getToken(offsets, 0) : 0;
  if (status == ATTN_OK && (end < 0 || end > entries->size))
    return attn_abi_fail(message, ATTN_ERR_VALUE,
                         "%s: offset 0 is %lld, outside of the %lld entries",
                         name, (long long)end, (long long)entries->size);
  for (int64_t list = 0; status == ATTN_OK && list < lists; ++list) {
    int64_t begin = end, last = -1;
    end = getToken(offsets, list + 1);
    if (end < begin || end > entries->size)
      return attn_abi_fail(message, ATTN_ERR_VALUE,
                           "%s: offset %lld is %lld, which does not lie "
                           "between the %lld before it and the %lld entries",
                           name, (long long)(list + 1), (long long)end,
                           (long long)begin, (long long)entries->size);
    for (int64_t i = begin; status == ATTN_OK && i < end; ++i) {
      int64_t entry = getToken(entries, i);
      status = checkEntry(entriesName, list, i - begin, entry, last,
                          entries->tokens, message);
      last = entry;
    }
  }
  return status;
}

static int32_t checkList(const char *name, const attn_token_row *row,
                         int64_t list, const attn_abi_message *message) {
  int64_t last = -1;
  int64_t i = 0;
  for (; i < row->size; ++i) {
    int64_t entry = getToken(row, i);
    if (entry == -1)
      break;
    int32_t status =
        checkEntry(name, list, i, entry, last, row->tokens, message);
    if (status != ATTN_OK)
      return status;
    last = entry;
  }
  for (; i < row->size; ++i)
    if (getToken(row, i) != -1)
      return attn_abi_fail(message, ATTN_ERR_VALUE,
                           "%s: entry %lld of list %lld is behind a -1, which "
                           "ends a list",
                           name, (long long)i, (long long)list);
  return ATTN_OK;
}

static int64_t divideUp(int64_t value, int64_t divisor) {
  return value / divisor + (value % divisor != 0);
}

static int64_t getExtent(const attn_abi_tensors *tensors, attn_extent extent) {
  return attn_abi_sizes(tensors, extent.tensor)[extent.dim];
}

// Row `number` of the last dimension of a tensor, counted over the dimensions
// in front.
static attn_token_row getRow(const attn_kernel_info *info,
                             const attn_abi_tensors *tensors, int32_t index,
                             int64_t number, int64_t tokens) {
  const attn_tensor_info *tensor = &info->tensors[index];
  const int64_t *sizes = attn_abi_sizes(tensors, index);
  const int64_t *strides = attn_abi_strides(tensors, info, index);
  int32_t last = tensor->rank - 1;
  int32_t bytes = (int32_t)attn_abi_element_size(tensor);
  int64_t offset = 0;
  for (int32_t dim = last - 1; dim >= 0; --dim) {
    offset += number % sizes[dim] * strides[dim];
    number /= sizes[dim];
  }
  const char *base = ((char **)tensors->descriptors[index])[1];
  return (attn_token_row){base + offset * bytes, sizes[last], strides[last],
                          bytes, tokens};
}

static int32_t checkRow(const attn_kernel_info *info,
                        const attn_abi_tensors *tensors,
                        const attn_value_check *check, int64_t number,
                        const attn_abi_message *message) {
  const attn_tensor_info *tensor = &info->tensors[check->tensor];
  int64_t tokens = getExtent(tensors, check->tokens);
  attn_token_row row = getRow(info, tensors, check->tensor, number, tokens);
  switch ((attn_check_kind)check->kind) {
  case AttnCheckPermutation:
    return checkPermutation(tensor->name, &row, message);
  case AttnCheckOffsets:
    return checkOffsets(tensor->name, &row, message);
  case AttnCheckBlocks: {
    // Entries without dimensions in front serve all rows of offsets.
    const attn_tensor_info *other = &info->tensors[check->entries];
    attn_token_row entries =
        getRow(info, tensors, check->entries, other->rank == 1 ? 0 : number,
               divideUp(tokens, check->tokensOfBlock));
    int64_t lists =
        divideUp(getExtent(tensors, check->rows), check->rowsOfList);
    return checkBlocks(tensor->name, other->name, &row, &entries, lists,
                       message);
  }
  case AttnCheckIndices: {
    int64_t lists = attn_abi_sizes(tensors, check->tensor)[tensor->rank - 2];
    return checkList(tensor->name, &row, lists ? number % lists : 0, message);
  }
  }
  return ATTN_OK;
}

// The rows are those of the dimensions in front of the last one.
static int32_t checkRows(const attn_kernel_info *info,
                         const attn_abi_tensors *tensors,
                         const attn_value_check *check,
                         const attn_abi_message *message) {
  const attn_tensor_info *tensor = &info->tensors[check->tensor];
  const int64_t *sizes = attn_abi_sizes(tensors, check->tensor);
  int64_t rows = 1;
  for (int32_t dim = 0; dim + 1 < tensor->rank; ++dim)
    rows *= sizes[dim];
  int32_t status = ATTN_OK;
  if (check->kind == AttnCheckIndices)
    status = checkListCount(
        tensor->name, sizes[tensor->rank - 2],
        divideUp(getExtent(tensors, check->rows), check->rowsOfList), "lists",
        message);
  for (int64_t number = 0; status == ATTN_OK && number < rows; ++number)
    status = checkRow(info, tensors, check, number, message);
  return status;
}

int32_t attn_abi_check_values(const attn_kernel_code *code,
                              const attn_abi_tensors *tensors,
                              const attn_abi_message *message) {
  for (int64_t i = 0; i < code->checkCount; ++i) {
    int32_t status = checkRows(code->info, tensors, &code->checks[i], message);
    if (status != ATTN_OK)
      return status;
  }
  return ATTN_OK;
}
