//===- peer.h - Command line and timing of the yardsticks -----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One workload per process; the times go to stdout as one line of JSON. The
// arguments are: B H Hkv Nq Nk D causal window dtype threads seconds [dump]
//
//   causal  1: key j is visible to query i when j <= i + (Nk - Nq)
//   window  w > 0: and when j > i + (Nk - Nq) - w, that is w keys with its own
//   dump    where to write the result, as float32 [B,H,Nq,D]
//
// The inputs are raw float32 files in the folder $ATTN_DATA: q.bin [B,H,Nq,D],
// k.bin and v.bin [B,Hkv,Nk,D].
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_BENCHMARKS_YARDSTICKS_PEER_H
#define ATTN_BENCHMARKS_YARDSTICKS_PEER_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
typedef struct {
  long B, H, Hkv, Nq, Nk, D;
  int causal, window;
  const char *dtype;
  int threads;
  double seconds;
  const char *dump;
  float *q, *k, *v;
} Peer;
static inline double peer_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}
static inline float *peer_file(const char *name, size_t n) {
  char path[512];
  const char *dir = getenv("ATTN_DATA");
  snprintf(path, sizeof path, "%s/%s.bin", dir ? dir : ".", name);
  float *p = (float *)aligned_alloc(2 << 20, (n * 4 + (2 << 20) - 1) &
                                                 ~(size_t)((2 << 20) - 1));
  FILE *f = fopen(path, "rb");
  if (!f || fread(p, 4, n, f) != n) {
    fprintf(stderr, "cannot read %s\n", path);
    exit(2);
  }
  fclose(f);
  return p;
}
static inline Peer peer_args(int argc, char **argv) {
  if (argc < 12) {
    fprintf(stderr,
            "usage: %s B H Hkv Nq Nk D causal window dtype threads seconds "
            "[dump]\n",
            argv[0]);
    exit(2);
  }
  Peer p;
  p.B = atol(argv[1]);
  p.H = atol(argv[2]);
  p.Hkv = atol(argv[3]);
  p.Nq = atol(argv[4]);
  p.Nk = atol(argv[5]);
  p.D = atol(argv[6]);
  p.causal = atoi(argv[7]);
  p.window = atoi(argv[8]);
  p.dtype = argv[9];
  p.threads = atoi(argv[10]);
  p.seconds = atof(argv[11]);
  p.dump = argc > 12 ? argv[12] : 0;
  p.q = peer_file("q", p.B * p.H * p.Nq * p.D);
  p.k = peer_file("k", p.B * p.Hkv * p.Nk * p.D);
  p.v = peer_file("v", p.B * p.Hkv * p.Nk * p.D);
  return p;
}
static inline int peer_visible(const Peer *p, long i, long j) {
  long c = i + p->Nk - p->Nq;
  if (p->causal && j > c)
    return 0;
  if (p->window > 0 && j <= c - p->window)
    return 0;
  return 1;
}
static inline void peer_dump(const Peer *p, const float *o) {
  if (!p->dump)
    return;
  FILE *f = fopen(p->dump, "wb");
  fwrite(o, 4, p->B * p->H * p->Nq * p->D, f);
  fclose(f);
}
static inline uint16_t peer_bf16(float x) {
  uint32_t u;
  memcpy(&u, &x, 4);
  return (uint16_t)((u + 0x7fff + ((u >> 16) & 1)) >> 16);
}
static inline float peer_from_bf16(uint16_t h) {
  uint32_t u = (uint32_t)h << 16;
  float x;
  memcpy(&x, &u, 4);
  return x;
}
// Two warm-up calls, then runs until `seconds` have passed, at least 3; prints
// the times in ms.
#define PEER_TIME(p, CALL)                                                     \
  do {                                                                         \
    CALL;                                                                      \
    CALL;                                                                      \
    double t_end = peer_now() + (p)->seconds;                                  \
    printf("{\"ms\":[");                                                       \
    for (int n = 0; n < 3 || peer_now() < t_end; n++) {                        \
      double t0 = peer_now();                                                  \
      CALL;                                                                    \
      printf("%s%.4f", n ? "," : "", (peer_now() - t0) * 1e3);                 \
    }                                                                          \
    printf("]}\n");                                                            \
  } while (0)

#endif // ATTN_BENCHMARKS_YARDSTICKS_PEER_H
