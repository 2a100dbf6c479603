//===- SharedPointers.h - Addresses of buffers of a block -------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_SHAREDPOINTERS_H
#define ATTN_LIB_CONVERSION_SHAREDPOINTERS_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace mlir::attn {

/// Address spaces of NVPTX.
inline constexpr unsigned kGlobalSpace = 1, kSharedSpace = 3;

/// The address of element `offset` of `memref`, behind its own offset, as a
/// pointer into `space`, where the memref must lie.
inline Value createPointer(OpBuilder &builder, Location loc, Value memref,
                           Value offset, unsigned space) {
  MLIRContext *context = builder.getContext();
  auto type = cast<MemRefType>(memref.getType());
  auto metadata =
      memref::ExtractStridedMetadataOp::create(builder, loc, memref);
  Value base = memref::ExtractAlignedPointerAsIndexOp::create(
      builder, loc, metadata.getBaseBuffer());
  Type i64 = builder.getI64Type();
  Value generic = LLVM::IntToPtrOp::create(
      builder, loc, LLVM::LLVMPointerType::get(context),
      arith::IndexCastOp::create(builder, loc, i64, base).getResult());
  Value place =
      arith::AddIOp::create(builder, loc, metadata.getOffset(), offset);
  Value width = arith::ConstantIndexOp::create(
      builder, loc, type.getElementTypeBitWidth() / 8);
  Value bytes = arith::IndexCastOp::create(
      builder, loc, i64, arith::MulIOp::create(builder, loc, place, width));
  Value address =
      LLVM::GEPOp::create(builder, loc, generic.getType(), builder.getI8Type(),
                          generic, ArrayRef<LLVM::GEPArg>{bytes});
  return LLVM::AddrSpaceCastOp::create(
      builder, loc, LLVM::LLVMPointerType::get(context, space), address);
}

/// Whether the elements of `memref` that its other dimensions lead to, but for
/// the last one, whose elements lie side by side, begin at multiples of
/// `bytes`.
inline Value createIsAligned(OpBuilder &builder, Location loc, Value memref,
                             int64_t bytes) {
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  auto metadata =
      memref::ExtractStridedMetadataOp::create(builder, loc, memref);
  Value elements = metadata.getOffset();
  for (Value stride : metadata.getStrides().drop_back())
    elements = arith::OrIOp::create(builder, loc, elements, stride);
  int64_t width =
      cast<MemRefType>(memref.getType()).getElementTypeBitWidth() / 8;
  Value bits = arith::MulIOp::create(builder, loc, elements, constant(width));
  Value base = memref::ExtractAlignedPointerAsIndexOp::create(
      builder, loc, metadata.getBaseBuffer());
  bits = arith::OrIOp::create(builder, loc, bits, base);
  bits = arith::AndIOp::create(builder, loc, bits, constant(bytes - 1));
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, bits,
                               constant(0));
}

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_SHAREDPOINTERS_H
