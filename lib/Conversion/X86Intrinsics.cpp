//===- X86Intrinsics.cpp - Instructions without a generic form -*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "X86Intrinsics.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::attn;

/// Lanes of one register's worth of `type`: those of 512, 256 or 128 bits; 0 if
/// there is no such split.
static int64_t getRegisterLanes(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  if (!vector || vector.isScalable() || vector.getRank() == 0)
    return 0;
  Type element = vector.getElementType();
  if (!element.isF32() && !element.isF64())
    return 0;
  int64_t most = 512 / element.getIntOrFloatBitWidth();
  int64_t lanes = vector.getNumElements();
  if (lanes % most == 0)
    return most;
  return lanes == most / 2 || lanes == most / 4 ? lanes : 0;
}

bool x86::canScale(Type type) { return getRegisterLanes(type) != 0; }

/// One vscalefps or vscalefpd on a whole register.
static Value scaleRegister(OpBuilder &builder, Location loc, Value value,
                           Value exponent) {
  auto type = cast<VectorType>(value.getType());
  int64_t lanes = type.getNumElements();
  int64_t width = type.getElementTypeBitWidth();
  Type maskType = builder.getIntegerType(lanes == 16 ? 16 : 8);
  Value all = LLVM::ConstantOp::create(builder, loc, maskType,
                                       builder.getIntegerAttr(maskType, -1));
  SmallVector<Value> arguments{value, exponent, value, all};
  // The widest form takes a rounding mode; 4 is that of the environment.
  if (lanes * width == 512)
    arguments.push_back(LLVM::ConstantOp::create(
        builder, loc, builder.getI32Type(), builder.getI32IntegerAttr(4)));
  std::string name = "llvm.x86.avx512.mask.scalef.";
  name += (width == 64 ? "pd." : "ps.") + std::to_string(lanes * width);
  return LLVM::CallIntrinsicOp::create(builder, loc, type,
                                       builder.getStringAttr(name), arguments)
      .getResult(0);
}

Value x86::createScale(OpBuilder &builder, Location loc, Value value,
                       Value exponent) {
  auto type = cast<VectorType>(value.getType());
  int64_t lanes = getRegisterLanes(type);
  if (type.getRank() == 1 && type.getNumElements() == lanes)
    return scaleRegister(builder, loc, value, exponent);

  auto flatType =
      VectorType::get({type.getNumElements()}, type.getElementType());
  auto flatten = [&](Value vector) -> Value {
    return type == flatType
               ? vector
               : vector::ShapeCastOp::create(builder, loc, flatType, vector)
                     .getResult();
  };
  Value flatValue = flatten(value), flatExponent = flatten(exponent);
  Value result = flatValue;
  for (int64_t start = 0; start < type.getNumElements(); start += lanes) {
    auto slice = [&](Value vector) -> Value {
      return vector::ExtractStridedSliceOp::create(
          builder, loc, vector, ArrayRef<int64_t>(start),
          ArrayRef<int64_t>(lanes), ArrayRef<int64_t>(1));
    };
    Value scaled =
        scaleRegister(builder, loc, slice(flatValue), slice(flatExponent));
    result = vector::InsertStridedSliceOp::create(builder, loc, scaled, result,
                                                  ArrayRef<int64_t>(start),
                                                  ArrayRef<int64_t>(1));
  }
  if (type == flatType)
    return result;
  return vector::ShapeCastOp::create(builder, loc, type, result);
}
