//===- Types.h - Types of PTX and diagnostics -------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PTXSIM_TYPES_H
#define ATTN_PTXSIM_TYPES_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ptxsim {

/// Threads of a warp; arrays with an element for each are indexed by the lane.
constexpr unsigned warpSize = 32;

enum class Type : uint8_t {
  B8,
  B16,
  B32,
  B64,
  B128,
  U8,
  U16,
  U32,
  U64,
  S8,
  S16,
  S32,
  S64,
  F16,
  F16x2,
  BF16,
  BF16x2,
  TF32,
  F32,
  F64,
  E4M3x2,
  E5M2x2,
  F32x2,
  Pred
};

/// The type that is written `.name`; `name` has no dot.
std::optional<Type> parseType(std::string_view name);
std::string_view getName(Type type);

/// 0 for predicates, which are kept as masks.
unsigned getBytes(Type type);
bool isSigned(Type type);
/// .u and .s types, not .b.
bool isInteger(Type type);
bool isFloat(Type type);

/// State spaces of memory.
enum class Space : uint8_t { Generic, Global, Shared, Local, Param, Const };

/// What is wrong with the text of a module.
struct Diagnostic {
  unsigned line;
  std::string message;
};
using Diagnostics = std::vector<Diagnostic>;

} // namespace ptxsim

#endif // ATTN_PTXSIM_TYPES_H
