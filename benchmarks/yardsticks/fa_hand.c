//===- fa_hand.c - A hand-written AVX-512 attention kernel ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a person reaches by hand, f32 and bf16, without any library. Scores are
// kept transposed (keys x 48 queries), so that queries are the vector lanes:
// the running maximum, the sum and the rescaling are then vertical, and K and
// (for f32) V are read in their natural layout by 4-byte broadcasts.
//
//   S^T[8 keys][48 q]  = K[8][D] * Q^T[D][48]
//   O^T[8 dims][48 q] += V^T[8][keys] * P^T[keys][48]
//
// with 24 accumulators, and 8 broadcasts and 3 loads a step. D is 64 or 128; Nk
// a multiple of 8, of 64 in the decode path.
//
//===----------------------------------------------------------------------===//

#include "peer.h"
#include <immintrin.h>
#include <omp.h>
#define AI static inline __attribute__((always_inline))
#ifndef BC
#define BC 128 // keys a block
#endif
#ifndef BCH
#define BCH 256 // keys a block, bf16
#endif
#define QB 48
#define LOG2E 1.44269504088896341f

AI __m512 exp2_5(__m512 x) { // |relative error| < 1e-7
  x = _mm512_max_ps(x, _mm512_set1_ps(-150.0f));
  __m512 n = _mm512_roundscale_ps(x, 8), f = _mm512_sub_ps(x, n);
  __m512 r = _mm512_fmadd_ps(_mm512_set1_ps(1.3276472e-3f), f,
                             _mm512_set1_ps(9.6755415e-3f));
  r = _mm512_fmadd_ps(r, f, _mm512_set1_ps(5.55071328e-2f));
  r = _mm512_fmadd_ps(r, f, _mm512_set1_ps(2.40221197e-1f));
  r = _mm512_fmadd_ps(r, f, _mm512_set1_ps(6.93146967e-1f));
  r = _mm512_fmadd_ps(r, f, _mm512_set1_ps(1.0f));
  return _mm512_scalef_ps(r, n);
}
AI __m512 exp2_3(__m512 x) { // |relative error| < 8e-5: below a bf16 step
  x = _mm512_max_ps(x, _mm512_set1_ps(-150.0f));
  __m512 n = _mm512_roundscale_ps(x, 8), f = _mm512_sub_ps(x, n);
  __m512 r = _mm512_fmadd_ps(_mm512_set1_ps(5.51716688e-2f), f,
                             _mm512_set1_ps(2.42611133e-1f));
  r = _mm512_fmadd_ps(r, f, _mm512_set1_ps(6.93260986e-1f));
  r = _mm512_fmadd_ps(r, f, _mm512_set1_ps(9.99928073e-1f));
  return _mm512_scalef_ps(r, n);
}
AI void transpose16(__m512 *r) {
  __m512 t[16];
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++) {
    t[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
  }
#define PD(x) _mm512_castps_pd(x)
#define PS(x) _mm512_castpd_ps(x)
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    r[4 * i] = PS(_mm512_unpacklo_pd(PD(t[4 * i]), PD(t[4 * i + 2])));
    r[4 * i + 1] = PS(_mm512_unpackhi_pd(PD(t[4 * i]), PD(t[4 * i + 2])));
    r[4 * i + 2] = PS(_mm512_unpacklo_pd(PD(t[4 * i + 1]), PD(t[4 * i + 3])));
    r[4 * i + 3] = PS(_mm512_unpackhi_pd(PD(t[4 * i + 1]), PD(t[4 * i + 3])));
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    t[i] = _mm512_shuffle_f32x4(r[i], r[4 + i], 0x88);
    t[4 + i] = _mm512_shuffle_f32x4(r[i], r[4 + i], 0xdd);
    t[8 + i] = _mm512_shuffle_f32x4(r[8 + i], r[12 + i], 0x88);
    t[12 + i] = _mm512_shuffle_f32x4(r[8 + i], r[12 + i], 0xdd);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    r[i] = _mm512_shuffle_f32x4(t[i], t[8 + i], 0x88);
    r[4 + i] = _mm512_shuffle_f32x4(t[4 + i], t[12 + i], 0x88);
    r[8 + i] = _mm512_shuffle_f32x4(t[i], t[8 + i], 0xdd);
    r[12 + i] = _mm512_shuffle_f32x4(t[4 + i], t[12 + i], 0xdd);
  }
}

// One 8 x (16 NV) tile: acc[r][v] += sum_k A[r](k) B[k][v]. BF: k counts pairs
// of bf16 in 4 bytes.
#define TILE(BF, NV, K, APTR, ASTEP, BPTR)                                     \
  for (long kk = 0; kk < (K); kk++) {                                          \
    __m512 b[NV];                                                              \
    _Pragma("GCC unroll 3") for (int v = 0; v < NV; v++) b[v] =                \
        _mm512_loadu_ps((BPTR) + kk * QB + 16 * v);                            \
    _Pragma("GCC unroll 8") for (int r = 0; r < 8; r++) {                      \
      __m512 a = _mm512_set1_ps(APTR[kk * (ASTEP)]);                           \
      _Pragma("GCC unroll 3") for (int v = 0; v < NV; v++) c[r][v] =           \
          BF ? _mm512_dpbf16_ps(c[r][v], (__m512bh)a, (__m512bh)b[v])          \
             : _mm512_fmadd_ps(a, b[v], c[r][v]);                              \
    }                                                                          \
  }

// bounds[v] holds, per query lane, the largest key it sees; lows[v] the
// smallest.
#define QK(NAME, BF, NV, KD)                                                   \
  static void NAME(const float *q, const float *k, float *s, __m512 *mx,       \
                   int masked, long j, long c0, int window) {                  \
    __m512 c[8][NV];                                                           \
    _Pragma("GCC unroll 8") for (int r = 0; r < 8; r++)                        \
        _Pragma("GCC unroll 3") for (int v = 0; v < NV; v++) c[r][v] =         \
            _mm512_setzero_ps();                                               \
    TILE(BF, NV, KD, (k + (long)r * KD), 1, q)                                 \
    if (__builtin_expect(masked, 0)) {                                         \
      const __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7,   \
                                            6, 5, 4, 3, 2, 1, 0);              \
      _Pragma("GCC unroll 8") for (int r = 0; r < 8; r++)                      \
          _Pragma("GCC unroll 3") for (int v = 0; v < NV; v++) {               \
        __m512i hi = _mm512_add_epi32(lane,                                    \
                                      _mm512_set1_epi32((int)c0 + 16 * v)),    \
                jj = _mm512_set1_epi32((int)j + r);                            \
        __mmask16 ok = _mm512_cmple_epi32_mask(jj, hi);                        \
        if (window > 0)                                                        \
          ok &= _mm512_cmpgt_epi32_mask(                                       \
              jj, _mm512_sub_epi32(hi, _mm512_set1_epi32(window)));            \
        c[r][v] =                                                              \
            _mm512_mask_blend_ps(ok, _mm512_set1_ps(-INFINITY), c[r][v]);      \
      }                                                                        \
    }                                                                          \
    _Pragma("GCC unroll 3") for (int v = 0; v < NV; v++) {                     \
      __m512 m = mx[v];                                                        \
      _Pragma("GCC unroll 8") for (int r = 0; r < 8; r++) {                    \
        _mm512_storeu_ps(s + r * QB + 16 * v, c[r][v]);                        \
        m = _mm512_max_ps(m, c[r][v]);                                         \
      }                                                                        \
      mx[v] = m;                                                               \
    }                                                                          \
  }
#define PV(NAME, BF, NV)                                                       \
  static void NAME(const float *v_, long vstep, const float *p, long n,        \
                   float *o, const __m512 *alpha) {                            \
    __m512 c[8][NV];                                                           \
    _Pragma("GCC unroll 8") for (int r = 0; r < 8; r++)                        \
        _Pragma("GCC unroll 3") for (int v = 0; v < NV; v++) c[r][v] =         \
            _mm512_mul_ps(_mm512_loadu_ps(o + r * QB + 16 * v), alpha[v]);     \
    TILE(BF, NV, n, (v_ + r), vstep, p)                                        \
    _Pragma("GCC unroll 8") for (int r = 0; r < 8; r++)                        \
        _Pragma("GCC unroll 3") for (int v = 0; v < NV; v++)                   \
            _mm512_storeu_ps(o + r * QB + 16 * v, c[r][v]);                    \
  }
#define ALL(NV)                                                                \
  QK(qk64_##NV, 0, NV, 64)                                                     \
  QK(qk128_##NV, 0, NV, 128)                                                   \
  PV(pv_##NV, 0, NV)                                                           \
  QK(hqk64_##NV, 1, NV, 32) QK(hqk128_##NV, 1, NV, 64) PV(hpv_##NV, 1, NV)
ALL(1)
ALL(2)
ALL(3)

typedef struct {
  const Peer *p;
  float *o;
  uint16_t *qh, *kh, *oh;
  uint32_t *vp;
  const uint16_t *vh;
  float *part;
} Job;

#define TASK(NAME, BF, NV, BLK, QK64, QK128, PVF)                              \
  static void NAME(const Job *J, long bh, long i0, float *ws) {                \
    const Peer *p = J->p;                                                      \
    const long D = p->D, KD = BF ? D / 2 : D, g = p->H / p->Hkv,               \
               kv = (bh / p->H) * p->Hkv + (bh % p->H) / g,                    \
               off = p->Nk - p->Nq;                                            \
    float *qt = ws, *s = qt + 128 * QB, *o = s + 512 * QB;                     \
    const float sc = LOG2E / sqrtf(D);                                         \
    for (int v = 0; v < NV; v++)                                               \
      for (long d = 0; d < KD; d += 16) {                                      \
        __m512 t[16];                                                          \
        for (int r = 0; r < 16; r++) {                                         \
          long row = bh * p->Nq + i0 + 16 * v + r;                             \
          if (BF)                                                              \
            t[r] = _mm512_loadu_ps((const float *)(J->qh + row * D) + d);      \
          else                                                                 \
            t[r] = _mm512_mul_ps(_mm512_loadu_ps(p->q + row * D + d),          \
                                 _mm512_set1_ps(sc));                          \
        }                                                                      \
        transpose16(t);                                                        \
        for (int r = 0; r < 16; r++)                                           \
          _mm512_storeu_ps(qt + (d + r) * QB + 16 * v, t[r]);                  \
      }                                                                        \
    __m512 m[NV], l[NV], bm[NV], al[NV];                                       \
    for (int v = 0; v < NV; v++) {                                             \
      m[v] = _mm512_set1_ps(-1e30f);                                           \
      l[v] = _mm512_setzero_ps();                                              \
    }                                                                          \
    for (long d = 0; d < D; d++)                                               \
      for (int v = 0; v < NV; v++)                                             \
        _mm512_storeu_ps(o + d * QB + 16 * v, _mm512_setzero_ps());            \
    long lo = p->window > 0 ? (i0 + off - p->window + 1) : 0,                  \
         hi = p->causal ? i0 + 16 * NV + off : p->Nk;                          \
    if (lo < 0)                                                                \
      lo = 0;                                                                  \
    lo &= ~7l;                                                                 \
    if (hi > p->Nk)                                                            \
      hi = p->Nk;                                                              \
    for (long j0 = lo; j0 < hi; j0 += BLK) {                                   \
      long n = hi - j0 < BLK ? hi - j0 : BLK;                                  \
      for (int v = 0; v < NV; v++)                                             \
        bm[v] = BF ? _mm512_set1_ps(-1e30f) : m[v];                            \
      for (long j = 0; j < n; j += 8) {                                        \
        const float *k =                                                       \
            BF ? (const float *)(J->kh + (kv * p->Nk + j0 + j) * D)            \
               : p->k + (kv * p->Nk + j0 + j) * D;                             \
        int masked =                                                           \
            (p->causal && j0 + j + 7 > i0 + off) ||                            \
            (p->window > 0 && j0 + j <= i0 + 16 * NV - 1 + off - p->window);   \
        (D == 64 ? QK64 : QK128)(qt, k, s + j * QB, bm, masked, j0 + j,        \
                                 i0 + off, p->window);                         \
      }                                                                        \
      for (int v = 0; v < NV; v++) {                                           \
        if (BF)                                                                \
          bm[v] = _mm512_max_ps(                                               \
              m[v], _mm512_max_ps(_mm512_mul_ps(bm[v], _mm512_set1_ps(sc)),    \
                                  _mm512_set1_ps(-1e30f)));                    \
        al[v] = exp2_5(_mm512_sub_ps(m[v], bm[v]));                            \
        l[v] = _mm512_mul_ps(l[v], al[v]);                                     \
        m[v] = bm[v];                                                          \
      }                                                                        \
      if (BF) {                                                                \
        const __m512i ix = _mm512_set_epi16(                                   \
            31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23,  \
            7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);               \
        const __m512 scv = _mm512_set1_ps(sc);                                 \
        for (long j = 0; j < n; j += 2)                                        \
          _Pragma("GCC unroll 3") for (int v = 0; v < NV; v++) {               \
            __m512 a = exp2_3(_mm512_fmsub_ps(                                 \
                _mm512_loadu_ps(s + j * QB + 16 * v), scv, m[v]));             \
            __m512 b = exp2_3(_mm512_fmsub_ps(                                 \
                _mm512_loadu_ps(s + (j + 1) * QB + 16 * v), scv, m[v]));       \
            l[v] = _mm512_add_ps(l[v], _mm512_add_ps(a, b));                   \
            __m512i h = _mm512_permutexvar_epi16(                              \
                ix, (__m512i)_mm512_cvtne2ps_pbh(b, a));                       \
            _mm512_storeu_si512(s + (j / 2) * QB + 16 * v, h);                 \
          }                                                                    \
      } else                                                                   \
        for (long j = 0; j < n; j += 2)                                        \
          _Pragma("GCC unroll 2") for (int u = 0; u < 2; u++)                  \
              _Pragma("GCC unroll 3") for (int v = 0; v < NV; v++) {           \
            float *x = s + (j + u) * QB + 16 * v;                              \
            __m512 e = exp2_5(_mm512_sub_ps(_mm512_loadu_ps(x), m[v]));        \
            l[v] = _mm512_add_ps(l[v], e);                                     \
            _mm512_storeu_ps(x, e);                                            \
          }                                                                    \
      const float *vv =                                                        \
          BF ? (const float *)(J->vp + (kv * p->Nk + j0) / 2 * D)              \
             : p->v + (kv * p->Nk + j0) * D;                                   \
      for (long d = 0; d < D; d += 8)                                          \
        PVF(vv + d, D, s, BF ? n / 2 : n, o + d * QB, al);                     \
    }                                                                          \
    for (int v = 0; v < NV; v++) {                                             \
      __m512 inv = _mm512_div_ps(_mm512_set1_ps(1), l[v]);                     \
      for (long d = 0; d < D; d += 16) {                                       \
        __m512 t[16];                                                          \
        for (int r = 0; r < 16; r++)                                           \
          t[r] =                                                               \
              _mm512_mul_ps(_mm512_loadu_ps(o + (d + r) * QB + 16 * v), inv);  \
        transpose16(t);                                                        \
        for (int r = 0; r < 16; r++) {                                         \
          long row = bh * p->Nq + i0 + 16 * v + r;                             \
          if (BF)                                                              \
            _mm256_storeu_si256((__m256i *)(J->oh + row * D + d),              \
                                (__m256i)_mm512_cvtneps_pbh(t[r]));            \
          else                                                                 \
            _mm512_storeu_ps(J->o + row * D + d, t[r]);                        \
        }                                                                      \
      }                                                                        \
    }                                                                          \
  }
TASK(t1, 0, 1, BC, qk64_1, qk128_1, pv_1)
TASK(t2, 0, 2, BC, qk64_2, qk128_2, pv_2)
TASK(t3, 0, 3, BC, qk64_3, qk128_3, pv_3)
TASK(h1, 1, 1, BCH, hqk64_1, hqk128_1, hpv_1)
TASK(h2, 1, 2, BCH, hqk64_2, hqk128_2, hpv_2)
TASK(h3, 1, 3, BCH, hqk64_3, hqk128_3, hpv_3)

AI __m512 up16(const uint16_t *x) {
  return (__m512)_mm512_slli_epi32(
      _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)x)), 16);
}

// Decode, one query row a head: split over key chunks; a KV head's G query
// heads (4 here) share each load of K and V.
#define CH 512
#define DECODE(NAME, BF)                                                       \
  static void NAME(const Job *J, long kv, long c, float *out) {                \
    const Peer *p = J->p;                                                      \
    enum { D = 128, G = 4 };                                                   \
    const float sc = LOG2E / sqrtf(D);                                         \
    float q[G * D] __attribute__((aligned(64))),                               \
        s[G][CH] __attribute__((aligned(64)));                                 \
    for (int i = 0; i < G * D; i++)                                            \
      q[i] = (BF ? peer_from_bf16(J->qh[kv * G * D + i])                       \
                 : p->q[kv * G * D + i]) *                                     \
             sc;                                                               \
    long j0 = c * CH, n = p->Nk - j0 < CH ? p->Nk - j0 : CH;                   \
    for (long j = 0; j < n; j += 4) {                                          \
      __m512 a[16];                                                            \
      for (int i = 0; i < 16; i++)                                             \
        a[i] = _mm512_setzero_ps();                                            \
      _Pragma("GCC unroll 8") for (int d = 0; d < D; d += 16) {                \
        __m512 kk[4];                                                          \
        for (int r = 0; r < 4; r++) {                                          \
          long at = (kv * p->Nk + j0 + j + r) * D + d;                         \
          kk[r] = BF ? up16(J->kh + at) : _mm512_loadu_ps(p->k + at);          \
        }                                                                      \
        for (int h = 0; h < G; h++) {                                          \
          __m512 qq = _mm512_load_ps(q + h * D + d);                           \
          for (int r = 0; r < 4; r++)                                          \
            a[4 * h + r] = _mm512_fmadd_ps(qq, kk[r], a[4 * h + r]);           \
        }                                                                      \
      }                                                                        \
      transpose16(a);                                                          \
      __m512 t = a[0];                                                         \
      for (int i = 1; i < 16; i++)                                             \
        t = _mm512_add_ps(t, a[i]);                                            \
      float f[16];                                                             \
      _mm512_storeu_ps(f, t);                                                  \
      for (int h = 0; h < G; h++)                                              \
        memcpy(&s[h][j], f + 4 * h, 16);                                       \
    }                                                                          \
    for (int h = 0; h < G; h++) {                                              \
      __m512 m = _mm512_set1_ps(-1e30f), l = _mm512_setzero_ps();              \
      for (long j = 0; j < n; j += 16)                                         \
        m = _mm512_max_ps(m, _mm512_load_ps(&s[h][j]));                        \
      float mm = _mm512_reduce_max_ps(m);                                      \
      for (long j = 0; j < n; j += 16) {                                       \
        __m512 e = exp2_5(                                                     \
            _mm512_sub_ps(_mm512_load_ps(&s[h][j]), _mm512_set1_ps(mm)));      \
        l = _mm512_add_ps(l, e);                                               \
        _mm512_store_ps(&s[h][j], e);                                          \
      }                                                                        \
      out[h * (D + 16)] = mm;                                                  \
      out[h * (D + 16) + 1] = _mm512_reduce_add_ps(l);                         \
    }                                                                          \
    for (int d = 0; d < D; d += 64) {                                          \
      __m512 a[G][4];                                                          \
      for (int h = 0; h < G; h++)                                              \
        for (int v = 0; v < 4; v++)                                            \
          a[h][v] = _mm512_setzero_ps();                                       \
      for (long j = 0; j < n; j++) {                                           \
        __m512 vv[4];                                                          \
        for (int v = 0; v < 4; v++) {                                          \
          long at = (kv * p->Nk + j0 + j) * D + d + 16 * v;                    \
          vv[v] = BF ? up16(J->vh + at) : _mm512_loadu_ps(p->v + at);          \
        }                                                                      \
        for (int h = 0; h < G; h++) {                                          \
          __m512 e = _mm512_set1_ps(s[h][j]);                                  \
          for (int v = 0; v < 4; v++)                                          \
            a[h][v] = _mm512_fmadd_ps(e, vv[v], a[h][v]);                      \
        }                                                                      \
      }                                                                        \
      for (int h = 0; h < G; h++)                                              \
        for (int v = 0; v < 4; v++)                                            \
          _mm512_storeu_ps(out + h * (D + 16) + 16 + d + 16 * v, a[h][v]);     \
    }                                                                          \
  }
DECODE(dec_f32, 0)
DECODE(dec_bf16, 1)

static void run(const Job *J, int bf, float **ws) {
  const Peer *p = J->p;
  if (p->Nq == 1) {
    long nc = (p->Nk + CH - 1) / CH, HK = p->B * p->Hkv, st = 4 * 144;
#pragma omp parallel for schedule(dynamic) num_threads(p->threads)
    for (long t = 0; t < HK * nc; t++)
      (bf ? dec_bf16 : dec_f32)(J, t / nc, t % nc, J->part + t * st);
    for (long h = 0; h < p->B * p->H; h++) {
      const float *x = J->part + (h / 4) * nc * st + (h % 4) * 144;
      float m = -INFINITY, l = 0, o[128] = {0};
      for (long c = 0; c < nc; c++)
        m = fmaxf(m, x[c * st]);
      for (long c = 0; c < nc; c++) {
        float a = exp2f(x[c * st] - m);
        l += a * x[c * st + 1];
        for (int d = 0; d < 128; d++)
          o[d] += a * x[c * st + 16 + d];
      }
      for (int d = 0; d < 128; d++)
        if (bf)
          J->oh[h * 128 + d] = peer_bf16(o[d] / l);
        else
          J->o[h * 128 + d] = o[d] / l;
    }
    return;
  }
  long blocks = (p->Nq + QB - 1) / QB, D = p->D;
#pragma omp parallel num_threads(p->threads)
  {
    float *w = ws[omp_get_thread_num()];
    if (bf) { // V as pairs of keys: vp[j/2][d] = (v[j][d], v[j+1][d])
#pragma omp for schedule(static)
      for (long r = 0; r < p->B * p->Hkv * p->Nk / 2; r++)
        for (long d = 0; d < D; d += 16) {
          __m512i a = _mm512_cvtepu16_epi32(
              _mm256_loadu_si256((const __m256i *)(J->vh + 2 * r * D + d)));
          __m512i b = _mm512_cvtepu16_epi32(_mm256_loadu_si256(
              (const __m256i *)(J->vh + (2 * r + 1) * D + d)));
          _mm512_storeu_si512(J->vp + r * D + d,
                              _mm512_or_si512(a, _mm512_slli_epi32(b, 16)));
        }
    }
#pragma omp for schedule(dynamic)
    for (long t = 0; t < p->B * p->H * blocks; t++) {
      long bh = t / blocks, i0 = (blocks - 1 - t % blocks) * QB,
           rows = p->Nq - i0;
      if (rows >= 48)
        (bf ? h3 : t3)(J, bh, i0, w);
      else if (rows >= 32)
        (bf ? h2 : t2)(J, bh, i0, w);
      else
        (bf ? h1 : t1)(J, bh, i0, w);
    }
  }
}
int main(int argc, char **argv) {
  Peer p = peer_args(argc, argv);
  if ((p.D != 64 && p.D != 128) || p.Nk % 8 || (p.Nq > 1 && p.Nq % 16) ||
      (p.Nq == 1 &&
       (p.D != 128 || p.H != 4 * p.Hkv || p.window || p.Nk % 64))) {
    fprintf(stderr, "shape not covered\n");
    return 1;
  }
  int bf = !strcmp(p.dtype, "bf16");
  size_t nq = p.B * p.H * p.Nq * p.D, nk = p.B * p.Hkv * p.Nk * p.D;
  Job J = {&p};
  J.o = aligned_alloc(4096, nq * 4 + 4096);
  J.part = aligned_alloc(64, 4 * 144 * 4 * p.B * p.Hkv * (p.Nk / CH + 1));
  if (bf) {
    uint16_t *vh = aligned_alloc(4096, nk * 2 + 4096);
    J.qh = aligned_alloc(4096, nq * 2 + 4096);
    J.kh = aligned_alloc(4096, nk * 2 + 4096);
    J.oh = aligned_alloc(4096, nq * 2 + 4096);
    J.vp = aligned_alloc(4096, nk * 2 + 4096);
    for (size_t i = 0; i < nq; i++)
      J.qh[i] = peer_bf16(p.q[i]);
    for (size_t i = 0; i < nk; i++) {
      J.kh[i] = peer_bf16(p.k[i]);
      vh[i] = peer_bf16(p.v[i]);
    }
    J.vh = vh;
  }
  float *ws[64];
  for (int i = 0; i < p.threads; i++)
    ws[i] = aligned_alloc(4096, 4l * QB * (128 + 512 + 128) + 4096);
  PEER_TIME(&p, run(&J, bf, ws));
  if (bf)
    for (size_t i = 0; i < nq; i++)
      J.o[i] = peer_from_bf16(J.oh[i]);
  peer_dump(&p, J.o);
}
