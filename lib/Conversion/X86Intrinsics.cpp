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

/// One instruction on all lanes of whole registers; the widest form takes a
/// rounding mode, 4 for that of the environment.
static Value callOnRegister(OpBuilder &builder, Location loc, StringRef name,
                            ValueRange operands) {
  auto type = cast<VectorType>(operands.front().getType());
  int64_t lanes = type.getNumElements();
  int64_t width = type.getElementTypeBitWidth();
  Type maskType = builder.getIntegerType(lanes == 16 ? 16 : 8);
  SmallVector<Value> arguments(operands);
  // Lanes that the mask leaves out, of which there are none.
  arguments.push_back(operands.front());
  arguments.push_back(LLVM::ConstantOp::create(
      builder, loc, maskType, builder.getIntegerAttr(maskType, -1)));
  if (lanes * width == 512)
    arguments.push_back(LLVM::ConstantOp::create(
        builder, loc, builder.getI32Type(), builder.getI32IntegerAttr(4)));
  std::string full = "llvm.x86.avx512.mask." + name.str();
  full += (width == 64 ? ".pd." : ".ps.") + std::to_string(lanes * width);
  return LLVM::CallIntrinsicOp::create(builder, loc, type,
                                       builder.getStringAttr(full), arguments)
      .getResult(0);
}

/// Calls `emit` on whole registers of `vectors`, which have one type.
static Value splitRegisters(OpBuilder &builder, Location loc,
                            ValueRange vectors,
                            function_ref<Value(OpBuilder &, ValueRange)> emit) {
  auto type = cast<VectorType>(vectors.front().getType());
  int64_t lanes = getRegisterLanes(type);
  if (type.getRank() == 1 && type.getNumElements() == lanes)
    return emit(builder, vectors);

  auto flatType =
      VectorType::get({type.getNumElements()}, type.getElementType());
  SmallVector<Value> flat(vectors);
  if (type != flatType)
    for (Value &vector : flat)
      vector = vector::ShapeCastOp::create(builder, loc, flatType, vector);
  Value result = flat.front();
  for (int64_t start = 0; start < type.getNumElements(); start += lanes) {
    SmallVector<Value> slices;
    for (Value vector : flat)
      slices.push_back(vector::ExtractStridedSliceOp::create(
          builder, loc, vector, ArrayRef<int64_t>(start),
          ArrayRef<int64_t>(lanes), ArrayRef<int64_t>(1)));
    result = vector::InsertStridedSliceOp::create(
        builder, loc, emit(builder, slices), result, ArrayRef<int64_t>(start),
        ArrayRef<int64_t>(1));
  }
  if (type == flatType)
    return result;
  return vector::ShapeCastOp::create(builder, loc, type, result);
}

Value x86::createScale(OpBuilder &builder, Location loc, Value value,
                       Value exponent) {
  return splitRegisters(builder, loc, {value, exponent},
                        [&](OpBuilder &at, ValueRange registers) {
                          return callOnRegister(at, loc, "scalef", registers);
                        });
}

Value x86::createFraction(OpBuilder &builder, Location loc, Value value) {
  return splitRegisters(
      builder, loc, value, [&](OpBuilder &at, ValueRange registers) {
        // No bits behind the point stay; 1 rounds down.
        Value control = LLVM::ConstantOp::create(at, loc, at.getI32Type(),
                                                 at.getI32IntegerAttr(1));
        return callOnRegister(at, loc, "reduce", {registers.front(), control});
      });
}

bool x86::canRoundToBF16(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  return vector && vector.getRank() == 1 && vector.getElementType().isF32() &&
         getRegisterLanes(type) == vector.getNumElements();
}

Value x86::createRoundToBF16(OpBuilder &builder, Location loc, Value first,
                             Value second) {
  int64_t lanes = cast<VectorType>(first.getType()).getNumElements();
  std::string name =
      "llvm.x86.avx512bf16.cvtne2ps2bf16." + std::to_string(32 * lanes);
  // Its first operand goes to the upper half.
  return LLVM::CallIntrinsicOp::create(
             builder, loc, VectorType::get({2 * lanes}, builder.getBF16Type()),
             builder.getStringAttr(name), ValueRange{second, first})
      .getResult(0);
}
