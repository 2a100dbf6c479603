//===- LibraryFunctions.cpp - What kernels may call -----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/Common/LibraryFunctions.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;

bool mlir::attn::isLibraryFunction(StringRef name) {
  static const llvm::StringSet<> libc = {
      "memcpy",   "memmove",   "memset",   "memcmp",  "bcmp",
      "strlen",   "malloc",    "calloc",   "realloc", "aligned_alloc",
      "free",     "abort",     "printf",   "puts",    "putchar",
      "snprintf", "vsnprintf", "getauxval"};
  static const llvm::StringSet<> libm = {
      "acos",  "acosh", "asin",      "asinh", "atan",      "atan2",  "atanh",
      "cbrt",  "ceil",  "copysign",  "cos",   "cosh",      "erf",    "erfc",
      "exp",   "exp2",  "expm1",     "fabs",  "fdim",      "floor",  "fma",
      "fmax",  "fmin",  "fmod",      "hypot", "ldexp",     "lgamma", "log",
      "log10", "log1p", "log2",      "modf",  "pow",       "rint",   "round",
      "sin",   "sinh",  "sqrt",      "tan",   "tanh",      "tgamma", "trunc",
      "logb",  "frexp", "nearbyint", "exp10", "roundeven", "sincos"};
  if (libc.contains(name) || libm.contains(name))
    return true;
  return (name.ends_with("f") || name.ends_with("l")) &&
         libm.contains(name.drop_back());
}
