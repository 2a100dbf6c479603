/*===- compiler.h - The compiler as a library --------------------*- C -*-===*\
|*                                                                            *|
|* Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.     *|
|* See LICENSE for license information.                                       *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|*===----------------------------------------------------------------------===*|
|*                                                                            *|
|* Compiles operators in the calling process: what attn-compile does, without *|
|* a process for every kernel. A compiler is used by one thread at a time; it *|
|* starts no threads.                                                         *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef ATTN_C_COMPILER_H
#define ATTN_C_COMPILER_H

#include <stddef.h>

#if defined(_WIN32)
#define ATTN_COMPILER_EXPORT
#else
#define ATTN_COMPILER_EXPORT __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct attn_compiler attn_compiler;

/* Receives each diagnostic as attn-compile prints it: location, severity and
   message, without the quoted source. */
typedef void (*attn_diagnostic_fn)(void *context, const char *text);

typedef struct attn_compile_options {
  const char *name;      /* of the kernel; NULL: the function's */
  const char *form;      /* auto, fused or unfused; NULL: auto */
  const char *precision; /* native or f64; NULL: native */
  int optimization;      /* 0 to 3 */
} attn_compile_options;

/* A compiler for the CPU of that name; NULL if there is none, or "host" for
   this machine. Diagnostics of every call go to `diagnostic`, which may be
   NULL. */
ATTN_COMPILER_EXPORT attn_compiler *
attn_compiler_create(const char *cpu, attn_diagnostic_fn diagnostic,
                     void *context);

ATTN_COMPILER_EXPORT void attn_compiler_destroy(attn_compiler *compiler);

/* Compiles MLIR text to `output`; its extension (.so, .o, .s, .ll) says what is
   written. Returns 0, or 1 after diagnostics. */
ATTN_COMPILER_EXPORT int
attn_compiler_compile(attn_compiler *compiler, const char *text,
                      const attn_compile_options *options, const char *output);

/* Runs a pass pipeline, as attn-opt --pass-pipeline takes it, and hands the
   text that results to `result`, which may be NULL. Returns 0, or 1 after
   diagnostics. */
ATTN_COMPILER_EXPORT int attn_compiler_run_passes(attn_compiler *compiler,
                                                  const char *text,
                                                  const char *pipeline,
                                                  attn_diagnostic_fn result,
                                                  void *result_context);

#ifdef __cplusplus
}
#endif

#endif /* ATTN_C_COMPILER_H */
