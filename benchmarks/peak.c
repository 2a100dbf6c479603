//===- peak.c - What one core can do --------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Measures what kernels are compared with: f32 FMA and bf16 dot-product rates
// and the load bandwidth of each cache level, on one core and on two.
//
//   peak              everything, medians of nine runs
//   peak --fma        one number: f32 FMA GFLOP/s of one core, median of nine
//   peak --repeat N   medians of N runs
//
//===----------------------------------------------------------------------===//

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <immintrin.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

#define MAX_THREADS 2
#define MAX_REPEAT 64

#ifdef __AVX512F__
#define VECTOR __m512
#define VECTOR_LANES 16
#define VECTOR_NAME "zmm"
#define SET1(x) _mm512_set1_ps(x)
#define FIRST(v) _mm512_cvtss_f32(v)
#define REGISTER "v"
#else
#define VECTOR __m256
#define VECTOR_LANES 8
#define VECTOR_NAME "ymm"
#define SET1(x) _mm256_set1_ps(x)
#define FIRST(v) _mm256_cvtss_f32(v)
#define REGISTER "x"
#endif

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

// Twelve independent accumulators cover an FMA latency of four cycles on two
// ports with room to spare.
#define FOR12(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
static volatile float sink;

#define DECLARE(i) VECTOR c##i = SET1(i);
#define CONSUME(i) sink = FIRST(c##i);

static void runFma(long count) {
  VECTOR a = SET1(1e-3f), b = SET1(0.99f);
  FOR12(DECLARE)
  for (long k = 0; k < count; k++) {
#define FMA(i)                                                                 \
  __asm__ volatile("vfmadd231ps %1,%2,%0"                                      \
                   : "+" REGISTER(c##i)                                        \
                   : REGISTER(a), REGISTER(b));
    FOR12(FMA) FOR12(FMA)
  }
  FOR12(CONSUME)
}

#ifdef __AVX512F__
// FMA with an embedded broadcast from L1: what a matrix micro-kernel issues.
static void runFmaBroadcast(long count, const float *from) {
  VECTOR b = SET1(0.99f);
  FOR12(DECLARE)
  for (long k = 0; k < count; k++) {
#define FMA_BROADCAST(i)                                                       \
  __asm__ volatile("vfmadd231ps %c3(%1)%{1to16%},%2,%0"                        \
                   : "+v"(c##i)                                                \
                   : "r"(from), "v"(b), "i"(4 * i));
    FOR12(FMA_BROADCAST) FOR12(FMA_BROADCAST)
  }
  FOR12(CONSUME)
}
#endif

#ifdef __AVX512BF16__
static void runDotBf16(long count) {
  VECTOR a = SET1(1e-3f), b = SET1(0.99f);
  FOR12(DECLARE)
  for (long k = 0; k < count; k++) {
#define DOT(i)                                                                 \
  __asm__ volatile("vdpbf16ps %1,%2,%0" : "+v"(c##i) : "v"(a), "v"(b));
    FOR12(DOT) FOR12(DOT)
  }
  FOR12(CONSUME)
}
#endif

static void runLoad(long count, const char *from, size_t bytes) {
  for (long k = 0; k < count; k++)
    for (const char *p = from; p < from + bytes; p += 8 * sizeof(VECTOR)) {
#define LOAD(i)                                                                \
  {                                                                            \
    VECTOR loaded;                                                             \
    __asm__ volatile("vmovups %1,%0"                                           \
                     : "=" REGISTER(loaded)                                    \
                     : "m"(*(const VECTOR *)(p + i * sizeof(VECTOR))));        \
  }
      LOAD(0) LOAD(1) LOAD(2) LOAD(3) LOAD(4) LOAD(5) LOAD(6) LOAD(7)
    }
}

// Reads one half of the buffer and writes the other.
static void runCopy(long count, char *buffer, size_t bytes) {
  size_t half = bytes / 2;
  for (long k = 0; k < count; k++) {
    memcpy(buffer + half, buffer, half);
    __asm__ volatile("" ::: "memory");
  }
}

typedef enum {
  FMA_RATE,
  FMA_BROADCAST_RATE,
  DOT_RATE,
  LOAD_RATE,
  COPY_RATE
} kind_t;

typedef struct {
  kind_t kind;
  size_t bytes;
  void *buffer;
  long count;
  int index;
  double work, begin, end;
  pthread_barrier_t *barrier;
} job_t;

// Pins the calling thread to the index-th CPU that this process may use.
static void pin(int index) {
  cpu_set_t allowed, one;
  CPU_ZERO(&one);
  if (sched_getaffinity(0, sizeof allowed, &allowed))
    return;
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
    if (CPU_ISSET(cpu, &allowed) && index-- == 0)
      CPU_SET(cpu, &one);
  sched_setaffinity(0, sizeof one, &one);
}

static void *runJob(void *argument) {
  job_t *job = argument;
  double lanes = VECTOR_LANES, accumulators = 24;
  pin(job->index);
  pthread_barrier_wait(job->barrier);
  // Each worker times itself: the main thread may be descheduled.
  job->begin = now();
  switch (job->kind) {
  case FMA_RATE:
    runFma(job->count);
    job->work = job->count * accumulators * lanes * 2;
    break;
  case FMA_BROADCAST_RATE:
#ifdef __AVX512F__
    runFmaBroadcast(job->count, job->buffer);
#endif
    job->work = job->count * accumulators * lanes * 2;
    break;
  case DOT_RATE:
#ifdef __AVX512BF16__
    runDotBf16(job->count);
#endif
    job->work = job->count * accumulators * lanes * 4;
    break;
  case LOAD_RATE:
    runLoad(job->count, job->buffer, job->bytes);
    job->work = (double)job->count * job->bytes;
    break;
  case COPY_RATE:
    runCopy(job->count, job->buffer, job->bytes);
    job->work = (double)job->count * job->bytes;
    break;
  }
  job->end = now();
  return NULL;
}

static int compareDoubles(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

typedef struct {
  double min, median, max;
} rates_t;

static rates_t measure(kind_t kind, size_t bytes, long count, int threads,
                       int repeat, void *const *buffers) {
  double rates[MAX_REPEAT];
  for (int r = 0; r < repeat; r++) {
    pthread_barrier_t barrier;
    pthread_t workers[MAX_THREADS];
    job_t jobs[MAX_THREADS];
    pthread_barrier_init(&barrier, NULL, threads);
    for (int t = 0; t < threads; t++) {
      jobs[t] =
          (job_t){kind, bytes,   buffers ? buffers[t] : NULL, count, t, 0, 0,
                  0,    &barrier};
      if (pthread_create(&workers[t], NULL, runJob, &jobs[t])) {
        fprintf(stderr, "peak: cannot start a thread\n");
        exit(1);
      }
    }
    double work = 0, begin = 1e300, end = 0;
    for (int t = 0; t < threads; t++) {
      pthread_join(workers[t], NULL);
      work += jobs[t].work;
      begin = jobs[t].begin < begin ? jobs[t].begin : begin;
      end = jobs[t].end > end ? jobs[t].end : end;
    }
    pthread_barrier_destroy(&barrier);
    rates[r] = work / (end - begin) * 1e-9;
  }
  qsort(rates, repeat, sizeof *rates, compareDoubles);
  return (rates_t){rates[0], rates[repeat / 2], rates[repeat - 1]};
}

static void report(const char *name, kind_t kind, size_t bytes, long count,
                   int threads, int repeat, void *const *buffers) {
  rates_t r = measure(kind, bytes, count, threads, repeat, buffers);
  printf("%-28s threads=%d  min %8.1f  median %8.1f  max %8.1f  %s\n", name,
         threads, r.min, r.median, r.max, bytes ? "GB/s" : "GFLOP/s");
  fflush(stdout);
}

// A chain of dependent additions runs one a cycle.
static void reportClock(void) {
  double core = 0, tsc = 0;
  for (int i = 0; i < 5; i++) {
    double begin = now();
    uint64_t ticks = __rdtsc();
    long x = 0;
    for (long k = 0; k < 20000000; k++)
      __asm__ volatile("add $1,%0\nadd $1,%0\nadd $1,%0\nadd $1,%0\n"
                       "add $1,%0\nadd $1,%0\nadd $1,%0\nadd $1,%0"
                       : "+r"(x));
    double seconds = now() - begin;
    double rate = 8 * 20000000 / seconds * 1e-9;
    core = rate > core ? rate : core;
    tsc = (__rdtsc() - ticks) / seconds * 1e-9;
  }
  printf("core clock (scalar chain) %.2f GHz, tsc %.2f GHz\n", core, tsc);
}

int main(int argc, char **argv) {
  int repeat = 9, fmaOnly = 0;
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--fma")) {
      fmaOnly = 1;
    } else if (!strcmp(argv[i], "--repeat") && i + 1 < argc &&
               atoi(argv[i + 1]) > 0 && atoi(argv[i + 1]) <= MAX_REPEAT) {
      repeat = atoi(argv[++i]);
    } else {
      fprintf(stderr, "usage: %s [--fma] [--repeat 1..%d]\n", argv[0],
              MAX_REPEAT);
      return 2;
    }
  }
  long fmas = 16000000;
  if (fmaOnly) {
    printf("%.1f\n", measure(FMA_RATE, 0, fmas, 1, repeat, NULL).median);
    return 0;
  }

  void *buffers[MAX_THREADS];
  size_t size = (size_t)512 << 20;
  for (int t = 0; t < MAX_THREADS; t++) {
    float *values = buffers[t] = aligned_alloc(2 << 20, size);
    if (!values) {
      fprintf(stderr, "peak: out of memory\n");
      return 1;
    }
    for (size_t i = 0; i < size / sizeof(float); i++)
      values[i] = 0.5f;
  }
  reportClock();
  for (int n = 1; n <= MAX_THREADS; n++) {
    report("f32 FMA " VECTOR_NAME, FMA_RATE, 0, fmas, n, repeat, buffers);
#ifdef __AVX512F__
    report("f32 FMA zmm, {1to16} memory", FMA_BROADCAST_RATE, 0, fmas, n,
           repeat, buffers);
#endif
#ifdef __AVX512BF16__
    report("bf16 vdpbf16ps zmm", DOT_RATE, 0, fmas, n, repeat, buffers);
#endif
    report("L1 load (24 KiB)", LOAD_RATE, 24 << 10, 2000000, n, repeat,
           buffers);
    report("L2 load (512 KiB)", LOAD_RATE, 512 << 10, 30000, n, repeat,
           buffers);
    report("L3 load (8 MiB/thread)", LOAD_RATE, 8 << 20, 600, n, repeat,
           buffers);
    report("DRAM load (512 MiB/thread)", LOAD_RATE, size, 4, n, repeat,
           buffers);
    report("DRAM copy (512 MiB/thread)", COPY_RATE, size, 2, n, repeat,
           buffers);
  }
  return 0;
}
