//===- KernelCheck.c - Checking the tensors of a kernel call --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelTensors.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

_Static_assert(sizeof(void *) == sizeof(int64_t),
               "memref descriptors hold pointers and indices of one size");

// The extent a symbol has in this call, and the dimension that gave it.
typedef struct attn_bound_symbol {
  int64_t extent;
  int64_t tensor; // -1: not bound yet
  int64_t dim;
} attn_bound_symbol;

int32_t attn_abi_fail(const attn_abi_message *message, int32_t status,
                      const char *format, ...) {
  if (!message->text || message->size == 0)
    return status;
  int used =
      snprintf(message->text, message->size, "%s: ", message->info->name);
  if (used < 0 || (size_t)used >= message->size)
    return status;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message->text + used, message->size - (size_t)used, format,
            arguments);
  va_end(arguments);
  return status;
}

int64_t attn_abi_storage_words(const attn_kernel_info *info) {
  int64_t words = (int64_t)info->tensor_count * 3 + // descriptor, span
                  (int64_t)info->symbol_count * 3;
  for (int32_t i = 0; i < info->tensor_count; ++i)
    words += AttnDescriptorHeader + 2 * (int64_t)info->tensors[i].rank;
  return words + 1; // an array of the caller must not be empty
}

static int32_t checkCount(const attn_kernel_info *info, int32_t count,
                          const attn_abi_message *message) {
  if (count == info->tensor_count)
    return ATTN_OK;
  char names[256];
  size_t used = 0;
  names[0] = '\0';
  for (int32_t i = 0; i < info->tensor_count; ++i) {
    const char *separator =
        i == info->input_count ? (i == 0 ? "-> " : " -> ") : (i ? ", " : "");
    int written = snprintf(names + used, sizeof(names) - used, "%s%s",
                           separator, info->tensors[i].name);
    if (written < 0 || (size_t)written >= sizeof(names) - used)
      break;
    used += (size_t)written;
  }
  return attn_abi_fail(message, ATTN_ERR_ARGUMENT_COUNT,
                       "takes %d tensors (%s), got %d", (int)info->tensor_count,
                       names, (int)count);
}

static const char *typeCodeName(unsigned code) {
  switch (code) {
  case kDLInt:
    return "int";
  case kDLUInt:
    return "uint";
  case kDLFloat:
    return "float";
  case kDLBfloat:
    return "bfloat";
  case kDLComplex:
    return "complex";
  default:
    return "code";
  }
}

// Spells a dtype: "float32", "float32 x 4", or "code9/16" for an unknown code.
static const char *spellType(DLDataType type, char buffer[48]) {
  const char *name = typeCodeName(type.code);
  bool known = name[0] != 'c' || type.code == kDLComplex;
  int used = known ? snprintf(buffer, 48, "%s%u", name, (unsigned)type.bits)
                   : snprintf(buffer, 48, "code%u/%u", (unsigned)type.code,
                              (unsigned)type.bits);
  if (type.lanes != 1 && used > 0)
    snprintf(buffer + used, 48 - (size_t)used, " x %u", (unsigned)type.lanes);
  return buffer;
}

static int32_t checkKind(const attn_tensor_info *expected,
                         const DLTensor *tensor,
                         const attn_abi_message *message) {
  if (tensor->dtype.code != expected->dtype.code ||
      tensor->dtype.bits != expected->dtype.bits ||
      tensor->dtype.lanes != expected->dtype.lanes) {
    char got[48], want[48];
    return attn_abi_fail(message, ATTN_ERR_DTYPE,
                         "%s: element type is %s, but must be %s",
                         expected->name, spellType(tensor->dtype, got),
                         spellType(expected->dtype, want));
  }
  if (tensor->ndim != expected->rank)
    return attn_abi_fail(
        message, ATTN_ERR_RANK, "%s: has %d dimensions, but must have %d",
        expected->name, (int)tensor->ndim, (int)expected->rank);
  if (expected->rank > 0 && !tensor->shape)
    return attn_abi_fail(message, ATTN_ERR_NULL, "%s: shape is NULL",
                         expected->name);
  return ATTN_OK;
}

// Checks the extents against the fixed ones and against the symbols that this
// call has bound already.
static int32_t checkShape(const attn_kernel_info *info, int32_t index,
                          const DLTensor *tensor, attn_bound_symbol *symbols,
                          const attn_abi_message *message) {
  const attn_tensor_info *expected = &info->tensors[index];
  for (int32_t d = 0; d < expected->rank; ++d) {
    const attn_dim_info *dim = &expected->dims[d];
    int64_t extent = tensor->shape[d];
    if (extent < 0)
      return attn_abi_fail(
          message, ATTN_ERR_SHAPE,
          "%s: dimension %d (%s) is %lld, but an extent cannot be negative",
          expected->name, (int)d, dim->name, (long long)extent);
    if (dim->extent >= 0) {
      if (extent != dim->extent)
        return attn_abi_fail(message, ATTN_ERR_SHAPE,
                             "%s: dimension %d is %lld, but must be %lld",
                             expected->name, (int)d, (long long)extent,
                             (long long)dim->extent);
      continue;
    }
    attn_bound_symbol *symbol = &symbols[dim->symbol];
    if (symbol->tensor < 0) {
      *symbol = (attn_bound_symbol){extent, index, d};
      continue;
    }
    if (extent != symbol->extent)
      return attn_abi_fail(
          message, ATTN_ERR_SHAPE,
          "%s: dimension %d (%s) is %lld, but %s is %lld in dimension %d of %s",
          expected->name, (int)d, dim->name, (long long)extent, dim->name,
          (long long)symbol->extent, (int)symbol->dim,
          info->tensors[symbol->tensor].name);
  }
  return ATTN_OK;
}

// Fills in row-major strides; false when they or the element count overflow.
static bool rowMajorStrides(const int64_t *sizes, int32_t rank,
                            int64_t elementSize, int64_t *strides) {
  int64_t stride = 1;
  for (int32_t d = rank - 1; d >= 0; --d) {
    strides[d] = stride;
    // An extent of 0 counts as 1, so that an empty tensor has sane strides too.
    if (sizes[d] > 1 && __builtin_mul_overflow(stride, sizes[d], &stride))
      return false;
  }
  int64_t bytes;
  return !__builtin_mul_overflow(stride, elementSize, &bytes);
}

// Checks strides and address, and fills the descriptor and the span.
static int32_t checkLayout(const attn_tensor_info *expected,
                           const DLTensor *tensor, int64_t *descriptor,
                           attn_abi_span *span,
                           const attn_abi_message *message) {
  int32_t rank = expected->rank;
  int64_t elementSize = attn_abi_element_size(expected);
  int64_t *sizes = descriptor + AttnDescriptorHeader;
  int64_t *strides = sizes + rank;
  bool empty = false;
  for (int32_t d = 0; d < rank; ++d) {
    sizes[d] = tensor->shape[d];
    empty |= sizes[d] == 0;
  }
  *span = (attn_abi_span){0, 0};
  if (!rowMajorStrides(sizes, rank, elementSize, strides))
    return attn_abi_fail(message, ATTN_ERR_SHAPE,
                         "%s: the shape has more bytes than 2^63 - 1",
                         expected->name);
  if (empty) {
    // Nothing is accessed: the pointer may be NULL and the strides anything.
    descriptor[0] = descriptor[1] = (int64_t)(uintptr_t)tensor->data;
    descriptor[2] = 0;
    return ATTN_OK;
  }

  // The stride of a dimension of one element means nothing and callers put
  // anything there, so it keeps its row-major value.
  if (tensor->strides) {
    for (int32_t d = 0; d < rank; ++d)
      if (sizes[d] > 1)
        strides[d] = tensor->strides[d];
    if (rank > 0 && strides[rank - 1] != 1)
      return attn_abi_fail(
          message, ATTN_ERR_STRIDE,
          "%s: dimension %d (%s) has stride %lld, but the last one must be "
          "contiguous (stride 1)",
          expected->name, (int)(rank - 1), expected->dims[rank - 1].name,
          (long long)strides[rank - 1]);
  }

  int64_t low = 0, high = 1;
  bool overflow = false;
  for (int32_t d = 0; d < rank; ++d) {
    int64_t reach;
    overflow |= __builtin_mul_overflow(sizes[d] - 1, strides[d], &reach);
    if (reach < 0)
      overflow |= __builtin_add_overflow(low, reach, &low);
    else
      overflow |= __builtin_add_overflow(high, reach, &high);
  }
  overflow |= __builtin_mul_overflow(low, elementSize, &low);
  overflow |= __builtin_mul_overflow(high, elementSize, &high);
  if (overflow)
    return attn_abi_fail(message, ATTN_ERR_STRIDE,
                         "%s: the strides reach further than 2^63 - 1 bytes",
                         expected->name);

  if (!tensor->data)
    return attn_abi_fail(message, ATTN_ERR_NULL, "%s: data is NULL",
                         expected->name);
  int64_t base;
  if (tensor->byte_offset > INT64_MAX ||
      __builtin_add_overflow((int64_t)(uintptr_t)tensor->data,
                             (int64_t)tensor->byte_offset, &base) ||
      __builtin_add_overflow(base, low, &span->begin) ||
      __builtin_add_overflow(base, high, &span->end) || span->begin < 0) {
    *span = (attn_abi_span){0, 0};
    return attn_abi_fail(message, ATTN_ERR_STRIDE,
                         "%s: byte_offset and strides leave the address space",
                         expected->name);
  }
  if (base % elementSize != 0)
    return attn_abi_fail(
        message, ATTN_ERR_ALIGNMENT,
        "%s: data + byte_offset is not a multiple of the element size %lld",
        expected->name, (long long)elementSize);

  descriptor[0] = descriptor[1] = base;
  descriptor[2] = 0;
  return ATTN_OK;
}

int32_t attn_abi_check_tensors(const attn_kernel_info *info,
                               const DLTensor *const *tensors, int32_t count,
                               int64_t *storage, attn_abi_tensors *result,
                               const attn_abi_message *message) {
  int32_t status = checkCount(info, count, message);
  if (status != ATTN_OK)
    return status;
  if (!tensors && count > 0)
    return attn_abi_fail(message, ATTN_ERR_NULL,
                         "the array of tensors is NULL");

  result->descriptors = (void **)storage;
  storage += info->tensor_count;
  result->spans = (attn_abi_span *)storage;
  storage += 2 * (int64_t)info->tensor_count;
  attn_bound_symbol *symbols = (attn_bound_symbol *)storage;
  storage += 3 * (int64_t)info->symbol_count;
  for (int32_t i = 0; i < info->symbol_count; ++i)
    symbols[i].tensor = -1;

  for (int32_t i = 0; i < count; ++i) {
    const attn_tensor_info *expected = &info->tensors[i];
    const DLTensor *tensor = tensors[i];
    if (!tensor)
      return attn_abi_fail(message, ATTN_ERR_NULL, "%s: tensor is NULL",
                           expected->name);
    int64_t *descriptor = storage;
    storage += AttnDescriptorHeader + 2 * (int64_t)expected->rank;
    result->descriptors[i] = descriptor;
    status = attn_abi_check_device(info, tensors, i, message);
    if (status == ATTN_OK)
      status = checkKind(expected, tensor, message);
    if (status == ATTN_OK)
      status = checkShape(info, i, tensor, symbols, message);
    if (status == ATTN_OK)
      status =
          checkLayout(expected, tensor, descriptor, &result->spans[i], message);
    if (status != ATTN_OK)
      return status;
  }
  return attn_abi_check_overlap(info, result, message);
}
