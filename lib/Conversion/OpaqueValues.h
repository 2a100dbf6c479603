//===- OpaqueValues.h - Numbers that are computed again ---------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_OPAQUEVALUES_H
#define ATTN_LIB_CONVERSION_OPAQUEVALUES_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace mlir::attn {

/// What `instruction` computes, at this place and no other.
inline Value createOpaque(OpBuilder &builder, Location loc, Type type,
                          ValueRange operands, StringRef instruction,
                          StringRef constraints) {
  return LLVM::InlineAsmOp::create(
             builder, loc, TypeRange(type), operands, instruction, constraints,
             /*has_side_effects=*/true, /*is_align_stack=*/false,
             LLVM::tailcallkind::TailCallKind::None,
             LLVM::AsmDialectAttr::get(builder.getContext(),
                                       LLVM::AsmDialect::AD_ATT),
             /*operand_attrs=*/ArrayAttr())
      .getResult(0);
}

/// The number of the thread among the `threads` of its block, which nothing
/// follows from ahead of this place. LLVM moves out of a loop whatever does not
/// change in it, and every address and coordinate of a step that follows from
/// the thread would take registers all the time; computed again they are a few
/// instructions.
inline Value createOpaqueThread(OpBuilder &builder, Location loc,
                                int64_t threads) {
  Type i32 = builder.getI32Type();
  Value thread = gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x);
  Value known = arith::IndexCastUIOp::create(builder, loc, i32, thread);
  Value opaque =
      createOpaque(builder, loc, i32, known, "mov.b32 $0, $1;", "=r,r");
  // The range of the number is lost on the way.
  Value bounded = arith::RemUIOp::create(
      builder, loc, opaque,
      arith::ConstantIntOp::create(builder, loc, i32, threads));
  return arith::IndexCastUIOp::create(builder, loc, builder.getIndexType(),
                                      bounded);
}

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_OPAQUEVALUES_H
