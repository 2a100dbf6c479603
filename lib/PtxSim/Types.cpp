//===- Types.cpp - Types of PTX -------------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Types.h"

using namespace ptxsim;

namespace {
struct TypeInfo {
  Type type;
  std::string_view name;
  unsigned bytes;
};
} // namespace

static constexpr TypeInfo types[] = {
    {Type::B8, "b8", 1},         {Type::B16, "b16", 2},
    {Type::B32, "b32", 4},       {Type::B64, "b64", 8},
    {Type::B128, "b128", 16},    {Type::U8, "u8", 1},
    {Type::U16, "u16", 2},       {Type::U32, "u32", 4},
    {Type::U64, "u64", 8},       {Type::S8, "s8", 1},
    {Type::S16, "s16", 2},       {Type::S32, "s32", 4},
    {Type::S64, "s64", 8},       {Type::F16, "f16", 2},
    {Type::F16x2, "f16x2", 4},   {Type::BF16, "bf16", 2},
    {Type::BF16x2, "bf16x2", 4}, {Type::TF32, "tf32", 4},
    {Type::F32, "f32", 4},       {Type::F64, "f64", 8},
    {Type::E4M3x2, "e4m3x2", 2}, {Type::E5M2x2, "e5m2x2", 2},
    {Type::F32x2, "f32x2", 8},   {Type::Pred, "pred", 0},
};

std::optional<Type> ptxsim::parseType(std::string_view name) {
  for (const TypeInfo &info : types)
    if (info.name == name)
      return info.type;
  return std::nullopt;
}

std::string_view ptxsim::getName(Type type) {
  return types[static_cast<unsigned>(type)].name;
}

unsigned ptxsim::getBytes(Type type) {
  return types[static_cast<unsigned>(type)].bytes;
}

bool ptxsim::isSigned(Type type) {
  return type >= Type::S8 && type <= Type::S64;
}

bool ptxsim::isInteger(Type type) {
  return type >= Type::U8 && type <= Type::S64;
}

bool ptxsim::isFloat(Type type) {
  return type >= Type::F16 && type <= Type::F64;
}
