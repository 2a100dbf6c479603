/* A kernel written by hand against the C ABI, to test the Python caller alone:
 *   out[b, m, f] = factor[b] * x[b, m, f]          with f = 4, in two phases.
 * Phase 0 scales; phase 1 adds 1, so a missing or repeated item shows. */
#include <attn-c/kernel.h>
#include <stdio.h>
#include <stdlib.h>

static const attn_dim_info x_dims[] = {
    {"b", -1, 0}, {"m", -1, 1}, {"4", 4, -1}};
static const attn_dim_info factor_dims[] = {{"b", -1, 0}};
static const attn_tensor_info tensor_infos[] = {
    {"x", x_dims, 3, 0, {kDLFloat, 32, 1}},
    {"factor", factor_dims, 1, 0, {kDLFloat, 32, 1}},
    {"out", x_dims, 3, 1, {kDLFloat, 32, 1}},
};
static const char *const symbols[] = {"b", "m"};
static const attn_kernel_info info = {ATTN_ABI_VERSION,
                                      3,
                                      2,
                                      2,
                                      2,
                                      0,
                                      "sample",
                                      tensor_infos,
                                      symbols,
                                      "x86_64-pc-linux-gnu",
                                      "generic",
                                      "none",
                                      64};

const attn_kernel_info *sample_info(void) { return &info; }
int32_t sample_phases(void) { return 2; }
int32_t sample_supported(char *message, size_t size) {
  if (size)
    message[0] = 0;
  return ATTN_OK;
}

static int32_t fail(int32_t status, const char *text, char *message,
                    size_t size) {
  if (size)
    snprintf(message, size, "%s", text);
  return status;
}

int32_t sample_check(const DLTensor *const *t, int32_t count, char *message,
                     size_t size) {
  int64_t extents[2] = {-1, -1};
  if (count != 3)
    return fail(ATTN_ERR_ARGUMENT_COUNT, "sample takes 3 tensors", message,
                size);
  for (int i = 0; i < 3; ++i) {
    if (!t[i])
      return fail(ATTN_ERR_NULL, "a tensor is NULL", message, size);
    if (t[i]->ndim != tensor_infos[i].rank)
      return fail(ATTN_ERR_RANK, "wrong rank", message, size);
    if (t[i]->dtype.code != kDLFloat || t[i]->dtype.bits != 32)
      return fail(ATTN_ERR_DTYPE, "tensors must be f32", message, size);
    for (int d = 0; d < t[i]->ndim; ++d) {
      const attn_dim_info *dim = &tensor_infos[i].dims[d];
      int64_t expected = dim->extent;
      if (dim->symbol >= 0) {
        if (extents[dim->symbol] < 0)
          extents[dim->symbol] = t[i]->shape[d];
        expected = extents[dim->symbol];
      }
      if (t[i]->shape[d] != expected)
        return fail(ATTN_ERR_SHAPE, "extents do not agree", message, size);
    }
  }
  if (size)
    message[0] = 0;
  return ATTN_OK;
}

size_t sample_workspace_size(const DLTensor *const *t, int32_t count,
                             int32_t workers) {
  return sample_check(t, count, NULL, 0) ? 0 : (size_t)workers * 64;
}

int64_t sample_items(const DLTensor *const *t, int32_t count, int32_t phase) {
  int32_t status = sample_check(t, count, NULL, 0);
  if (status || phase < 0 || phase > 1)
    return -(status ? status : ATTN_ERR_VALUE);
  return t[0]->shape[0] * t[0]->shape[1];
}

static int64_t stride(const DLTensor *t, int d) {
  int64_t s = 1;
  if (t->strides)
    return t->strides[d];
  while (++d < t->ndim)
    s *= t->shape[d];
  return s;
}

static void items(const DLTensor *const *t, int32_t phase, int64_t begin,
                  int64_t end) {
  const DLTensor *x = t[0], *out = t[2];
  for (int64_t i = begin; i < end; ++i) {
    int64_t b = i / x->shape[1], m = i % x->shape[1];
    for (int64_t f = 0; f < 4; ++f) {
      float *o = (float *)out->data + b * stride(out, 0) + m * stride(out, 1) +
                 f * stride(out, 2);
      if (phase == 0)
        *o = ((float *)t[1]->data)[b * stride(t[1], 0)] *
             ((float *)x->data)[b * stride(x, 0) + m * stride(x, 1) +
                                f * stride(x, 2)];
      else
        *o += 1;
    }
  }
}

int32_t sample_run_items(const DLTensor *const *t, int32_t count, int32_t phase,
                         int64_t begin, int64_t end, int32_t worker,
                         void *workspace, size_t workspace_size, char *message,
                         size_t size) {
  int32_t status = sample_check(t, count, message, size);
  if (status)
    return status;
  if (begin < 0 || end > sample_items(t, count, phase) || worker < 0)
    return fail(ATTN_ERR_VALUE, "items out of range", message, size);
  if (!workspace || workspace_size < 64 || (uintptr_t)workspace % 64)
    return fail(ATTN_ERR_WORKSPACE, "workspace too small", message, size);
  items(t, phase, begin, end);
  return ATTN_OK;
}

struct call {
  const DLTensor *const *tensors;
  int32_t phase;
};

static void task(void *context, int64_t begin, int64_t end, int32_t worker) {
  struct call *call = context;
  (void)worker;
  items(call->tensors, call->phase, begin, end);
}

int32_t sample(const DLTensor *const *t, int32_t count,
               const attn_parallel_for *parallel, void *workspace,
               size_t workspace_size, char *message, size_t size) {
  int32_t status = sample_check(t, count, message, size);
  if (status)
    return status;
  if (workspace && workspace_size < 64)
    return fail(ATTN_ERR_WORKSPACE, "workspace too small", message, size);
  for (int32_t phase = 0; phase < 2; ++phase) {
    struct call call = {t, phase};
    if (parallel)
      parallel->run(parallel->self, sample_items(t, count, phase), task, &call);
    else
      task(&call, 0, sample_items(t, count, phase), 0);
  }
  return ATTN_OK;
}
