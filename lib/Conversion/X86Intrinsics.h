//===- X86Intrinsics.h - Instructions without a generic form ----*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The only place that names x86 intrinsics.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_X86INTRINSICS_H
#define ATTN_LIB_CONVERSION_X86INTRINSICS_H

#include "mlir/IR/Builders.h"

namespace mlir::attn::x86 {

/// Whether createScale and createFraction take values of `type`: vectors of f32
/// or f64 that are whole registers.
bool canScale(Type type);

/// value * 2^floor(exponent), rounded once, by vscalefps or vscalefpd of
/// AVX-512: NaN and infinite exponents, overflow and gradual underflow are as
/// in real arithmetic.
Value createScale(OpBuilder &builder, Location loc, Value value,
                  Value exponent);

/// value - floor(value), by vreduceps or vreducepd of AVX-512 DQ: 0 for
/// infinite values, NaN for NaN.
Value createFraction(OpBuilder &builder, Location loc, Value value);

/// Whether createRoundToBF16 takes vectors of `type`: f32, a whole register.
bool canRoundToBF16(Type type);

/// The lanes of `first`, then those of `second`, rounded to bf16 by
/// vcvtne2ps2bf16 of AVX-512 BF16: to nearest even, subnormal numbers to 0.
Value createRoundToBF16(OpBuilder &builder, Location loc, Value first,
                        Value second);

} // namespace mlir::attn::x86

#endif // ATTN_LIB_CONVERSION_X86INTRINSICS_H
