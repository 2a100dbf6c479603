//===- Arithmetic.h - Opcodes on integers and floats alike ------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PTXSIM_ARITHMETIC_H
#define ATTN_PTXSIM_ARITHMETIC_H

#include "Decoder.h"
#include "FloatFormats.h"

namespace ptxsim {

// Integer.cpp
bool decodeIntegerAddition(Decoder &d, Type type, bool isSubtraction);
/// mul or mad
bool decodeIntegerProduct(Decoder &d, Type type);
bool decodeIntegerDivision(Decoder &d, Type type);
bool decodeIntegerExtremum(Decoder &d, Type type, bool isMaximum);
bool decodeIntegerSign(Decoder &d, Type type, bool isAbsolute);

enum class FloatOperation : uint8_t {
  Add,
  Subtract,
  Multiply,
  MultiplyAdd,
  Minimum,
  Maximum,
  Negate,
  Absolute
};

/// Half.cpp: .f16, .bf16 and pairs of them.
bool decodeHalf(Decoder &d, Type type, FloatOperation operation);
bool isHalf(Type type);

/// A value of .f16 or .bf16, or one of a pair of them; .f32 has them all.
inline float widenHalf(uint16_t bits, Type type) {
  bool isBfloat = type == Type::BF16 || type == Type::BF16x2;
  return isBfloat ? bfloatToFloat(bits) : halfToFloat(bits);
}

} // namespace ptxsim

#endif // ATTN_PTXSIM_ARITHMETIC_H
