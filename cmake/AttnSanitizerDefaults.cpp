//===- AttnSanitizerDefaults.cpp - Default sanitizer options --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// LLVM's bump allocator poisons memory in instrumented code and leaves it alone
// in the uninstrumented MLIR library; where both touch one arena every access
// would be reported. MLIR also frees its context's storage only at exit. Tests
// ask for more memory than there is and expect a null pointer.
extern "C" const char *__asan_default_options() {
  return "allow_user_poisoning=0:detect_leaks=0:allocator_may_return_null=1";
}

extern "C" const char *__ubsan_default_options() {
  return "print_stacktrace=1";
}
