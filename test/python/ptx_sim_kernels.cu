// Small CUDA C programs, whose PTX is nvcc's: what test_ptx_sim.py runs.

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_pipeline_primitives.h>
#include <mma.h>
#include <stdint.h>

static __device__ uint32_t sharedAddress(const void *pointer) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
}

// C[16 x 8] += A[16 x 16] B[16 x 8]; row-major A by ldmatrix, row-major B by
// ldmatrix.trans.
static __device__ void multiply(float (&c)[4], const __nv_bfloat16 *a,
                                const __nv_bfloat16 *b, int lda, int ldb) {
  uint32_t x[4], y[2];
  int lane = threadIdx.x % 32;
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3])
               : "r"(sharedAddress(a + lane % 16 * lda + lane / 16 * 8)));
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];"
               : "=r"(y[0]), "=r"(y[1])
               : "r"(sharedAddress(b + lane % 16 * ldb)));
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
               "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(x[0]), "r"(x[1]), "r"(x[2]), "r"(x[3]), "r"(y[0]), "r"(y[1]));
}

// 64 x 64 of C = A B, with A 64 x depth and B depth x 64, by 4 warps; two stages
// of asynchronous copies.
extern "C" __global__ void product(float *c, const __nv_bfloat16 *a,
                                   const __nv_bfloat16 *b, int depth) {
  constexpr int K = 32, Pad = 8;
  __shared__ __align__(16) __nv_bfloat16 as[2][64][K + Pad];
  __shared__ __align__(16) __nv_bfloat16 bs[2][K][64 + Pad];
  int thread = threadIdx.x, warp = thread / 32, lane = thread % 32;
  auto fetch = [&](int stage, int k) {
    for (int i = thread; i < 64 * K / 8; i += blockDim.x)
      __pipeline_memcpy_async(&as[stage][i / (K / 8)][i % (K / 8) * 8],
                              a + i / (K / 8) * depth + k + i % (K / 8) * 8, 16);
    for (int i = thread; i < K * 64 / 8; i += blockDim.x)
      __pipeline_memcpy_async(&bs[stage][i / 8][i % 8 * 8], b + (k + i / 8) * 64 + i % 8 * 8, 16);
    __pipeline_commit();
  };
  float sums[8][4] = {};
  fetch(0, 0);
  for (int k = 0; k < depth; k += K) {
    int stage = k / K % 2;
    if (k + K < depth) {
      fetch(stage ^ 1, k + K);
      __pipeline_wait_prior(1);
    } else {
      __pipeline_wait_prior(0);
    }
    __syncthreads();
    for (int inner = 0; inner < K; inner += 16)
      for (int n = 0; n < 8; ++n)
        multiply(sums[n], &as[stage][warp * 16][inner], &bs[stage][inner][n * 8], K + Pad, 64 + Pad);
    __syncthreads();
  }
  for (int n = 0; n < 8; ++n)
    for (int i = 0; i < 4; ++i)
      c[(warp * 16 + lane / 4 + i / 2 * 8) * 64 + n * 8 + lane % 4 * 2 + i % 2] = sums[n][i];
}

// The same without the second barrier: the next copy overwrites what is read.
extern "C" __global__ void productWithoutBarrier(float *c, const __nv_bfloat16 *a, int depth) {
  __shared__ __align__(16) __nv_bfloat16 as[2][512];
  int thread = threadIdx.x;
  float sum = 0;
  __pipeline_memcpy_async(&as[0][thread * 8], a + thread * 8, 16);
  __pipeline_commit();
  for (int k = 0; k < depth; ++k) {
    if (k + 1 < depth) {
      __pipeline_memcpy_async(&as[(k + 1) % 2][thread * 8], a + (k + 1) * 512 + thread * 8, 16);
      __pipeline_commit();
      __pipeline_wait_prior(1);
    } else {
      __pipeline_wait_prior(0);
    }
    __syncthreads();
    sum += __bfloat162float(as[k % 2][511 - thread * 8]);
  }
  c[thread] = sum;
}

// C[16 x 16] = A B + C, A by rows and B by columns, 40 and 24 elements apart.
template <typename T, typename Sum>
static __device__ void warpProduct(Sum *c, const T *a, const T *b) {
  using namespace nvcuda::wmma;
  __shared__ __align__(32) T staged[16 * 24];
  fragment<matrix_a, 16, 16, 16, T, row_major> x;
  fragment<matrix_b, 16, 16, 16, T, col_major> y;
  fragment<accumulator, 16, 16, 16, Sum> z;
  for (int i = threadIdx.x; i < 16 * 24; i += 32)
    staged[i] = b[i];
  __syncwarp();
  load_matrix_sync(x, a, 40);
  load_matrix_sync(y, staged, 24);
  load_matrix_sync(z, c, 16, mem_row_major);
  mma_sync(z, x, y, z);
  for (int i = 0; i < z.num_elements; ++i)
    z.x[i] = z.x[i] * Sum(2.0f);
  store_matrix_sync(c, z, 16, mem_row_major);
}

extern "C" __global__ void warpProductHalf(__half *c, const __half *a, const __half *b) {
  warpProduct(c, a, b);
}
extern "C" __global__ void warpProductBfloat(float *c, const __nv_bfloat16 *a,
                                             const __nv_bfloat16 *b) {
  warpProduct(c, a, b);
}

extern "C" __global__ void exchanges(uint32_t *out, const uint32_t *in) {
  int lane = threadIdx.x;
  uint32_t value = in[lane];
  uint32_t sum = value;
  for (int offset = 1; offset < 32; offset *= 2) {
    uint32_t other = __shfl_up_sync(~0u, sum, offset);
    if (lane >= offset)
      sum += other;
  }
  out[lane] = sum;
  uint32_t high = value;
  for (int offset = 16; offset; offset /= 2)
    high = max(high, __shfl_xor_sync(~0u, high, offset));
  out[32 + lane] = high;
  out[64 + lane] = __ballot_sync(~0u, value & 1);
  out[96 + lane] = __match_any_sync(~0u, value % 3);
  out[128 + lane] = __shfl_down_sync(~0u, value, 3, 8);
  out[160 + lane] = __reduce_add_sync(~0u, value);
  out[192 + lane] = __all_sync(~0u, value < 1000) + 2 * __any_sync(~0u, value == 7);
  // In two halves of the warp.
  if (lane % 2)
    out[224 + lane] = __shfl_sync(0xaaaaaaaa, value, 31);
  else
    out[224 + lane] = __shfl_sync(0x55555555, value, 0);
}

extern "C" __global__ void halves(__half2 *out, const __half2 *a, const __half2 *b) {
  int i = threadIdx.x;
  out[i] = __hfma2(a[i], b[i], __hmax2(a[i], b[i]));
}

extern "C" __global__ void softmax(float *out, const float *in, int columns) {
  extern __shared__ float row[];
  __shared__ float parts[8];
  int warp = threadIdx.x / 32;
  float high = -INFINITY;
  for (int i = threadIdx.x; i < columns; i += blockDim.x) {
    row[i] = in[blockIdx.x * columns + i];
    high = fmaxf(high, row[i]);
  }
  for (int offset = 16; offset; offset /= 2)
    high = fmaxf(high, __shfl_xor_sync(~0u, high, offset));
  if (threadIdx.x % 32 == 0)
    parts[warp] = high;
  __syncthreads();
  for (int i = 0; i < blockDim.x / 32; ++i)
    high = fmaxf(high, parts[i]);
  __syncthreads();
  float sum = 0;
  for (int i = threadIdx.x; i < columns; i += blockDim.x)
    sum += row[i] = exp2f((row[i] - high) * 1.44269504f);
  for (int offset = 16; offset; offset /= 2)
    sum += __shfl_xor_sync(~0u, sum, offset);
  if (threadIdx.x % 32 == 0)
    parts[warp] = sum;
  __syncthreads();
  sum = 0;
  for (int i = 0; i < blockDim.x / 32; ++i)
    sum += parts[i];
  for (int i = threadIdx.x; i < columns; i += blockDim.x)
    out[blockIdx.x * columns + i] = row[i] / sum;
}

static __device__ __noinline__ uint64_t factorial(uint32_t n) {
  return n < 2 ? 1 : n * factorial(n - 1);
}

__constant__ int weights[4] = {1, -2, 3, -4};
__device__ int counter = 5;

extern "C" __global__ void scalars(uint64_t *out, const int *in) {
  int i = threadIdx.x;
  int local[8];
  for (int j = 0; j < 8; ++j)
    local[j] = in[i] * j;
  switch (in[i] & 7) {
  case 0: out[i] = 11; break;
  case 1: out[i] = local[in[i] % 8]; break;
  case 2: out[i] = __popc(in[i]); break;
  case 3: out[i] = factorial(in[i] % 20); break;
  case 4: out[i] = in[i] / 7 + in[i] % 5; break;
  case 5: out[i] = weights[in[i] / 8 % 4]; break;
  case 6: out[i] = atomicAdd(&counter, 0) + (in[i] << 3); break;
  default: out[i] = __brev(in[i]); break;
  }
}
