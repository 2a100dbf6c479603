//===- FragmentProducts.cpp - Matrix products of a warp -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `mma.sync.m16n8k16` on tiles. The left side is rows in shared memory, or a
// tile in registers: what a thread holds of two sums side by side, rounded, is
// what it holds of a left operand. The right side is a tile in shared memory,
// loaded as it lies or transposed. Fragments are those of PTX
// ISA 8.0, 9.7.13.4.8 and 9.7.13.4.15.
//
//===----------------------------------------------------------------------===//

#include "FragmentLowering.h"
#include "OpaqueValues.h"
#include "SharedPointers.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace mlir::attn;

/// Rows and columns of the matrices that ldmatrix loads.
static constexpr int64_t kLoadedMatrix = 8;

static int64_t getRowStride(Value memref) {
  auto [strides, offset] =
      cast<MemRefType>(memref.getType()).getStridesAndOffset();
  return strides.front();
}

Value FragmentLowering::getElementAddress(OpBuilder &builder, Value memref,
                                          Value row, Value column) {
  Value stride =
      arith::ConstantIndexOp::create(builder, loc, getRowStride(memref));
  Value element = arith::AddIOp::create(
      builder, loc, arith::MulIOp::create(builder, loc, row, stride), column);
  return createPointer(builder, loc, memref, element, kSharedSpace);
}

/// `count` matrices at `offset` elements behind the addresses that the threads
/// give, as pairs of elements.
FragmentLowering::Matrix
FragmentLowering::loadMatrices(OpBuilder &builder, Value address,
                               int64_t offset, int64_t count, bool isTransposed,
                               Type element) {
  MLIRContext *context = builder.getContext();
  Type i32 = builder.getI32Type();
  Value place = LLVM::GEPOp::create(
      builder, loc, address.getType(), builder.getI8Type(), address,
      ArrayRef<LLVM::GEPArg>{
          static_cast<int32_t>(offset * element.getIntOrFloatBitWidth() / 8)});
  Type result = count == 1 ? i32
                           : LLVM::LLVMStructType::getLiteral(
                                 context, SmallVector<Type>(count, i32));
  Value numbers = NVVM::LdMatrixOp::create(
      builder, loc, result, place, count,
      isTransposed ? NVVM::MMALayout::col : NVVM::MMALayout::row,
      NVVM::LdStMatrixShapeAttr::get(context, kLoadedMatrix, kLoadedMatrix),
      NVVM::LdStMatrixEltType::B16);
  Matrix pairs;
  for (int64_t number = 0; number < count; ++number) {
    Value pair =
        count == 1 ? numbers
                   : LLVM::ExtractValueOp::create(builder, loc, numbers, number)
                         .getResult();
    // The instruction takes pairs of bf16 as integers and those of f16 as
    // vectors.
    if (element.isF16())
      pair = LLVM::BitcastOp::create(builder, loc,
                                     VectorType::get({2}, element), pair);
    pairs.push_back(pair);
  }
  return pairs;
}

/// Two numbers rounded to 16 bits, in one register. It happens here and no
/// later: LLVM would put it off until the product, and keep both numbers until
/// then.
Value FragmentLowering::packPair(OpBuilder &builder, Value lower, Value upper,
                                 Type element) {
  StringRef convert = element.isF16() ? "cvt.rn.f16x2.f32 $0, $1, $2;"
                                      : "cvt.rn.bf16x2.f32 $0, $1, $2;";
  // The first operand is the upper half.
  return createOpaque(builder, loc, builder.getI32Type(), {upper, lower},
                      convert, "=r,f,f");
}

/// Sixteen depths of weights in registers, as a left operand.
FragmentLowering::Matrix
FragmentLowering::loadWeights(OpBuilder &builder, const TilePart &part,
                              int64_t rows, int64_t depth, Type element) {
  Matrix pairs;
  for (int64_t half : {0, 2})
    for (int64_t row : {0, 1}) {
      Value pair = loadPair(builder, part.tile, rows + row, depth / 4 + half);
      if (element.isF16())
        pair = LLVM::BitcastOp::create(builder, loc,
                                       VectorType::get({2}, element), pair);
      pairs.push_back(pair);
    }
  return pairs;
}

FragmentLowering::Matrix
FragmentLowering::multiply(OpBuilder &builder, const Matrix &left,
                           ValueRange right, const Matrix &sums, Type element) {
  Type f32 = builder.getF32Type();
  Type result = LLVM::LLVMStructType::getLiteral(
      builder.getContext(), SmallVector<Type>(sums.size(), f32));
  auto type = element.isF16() ? NVVM::MMATypes::f16 : NVVM::MMATypes::bf16;
  Value numbers = NVVM::MmaOp::create(
      builder, loc, result, left, right, sums,
      {kMatrixRows, kMatrixColumns, kMatrixDepth}, std::nullopt, std::nullopt,
      std::array{type, type},
      std::array{NVVM::MMALayout::row, NVVM::MMALayout::col});
  Matrix values;
  for (size_t number = 0; number < sums.size(); ++number)
    values.push_back(
        LLVM::ExtractValueOp::create(builder, loc, numbers, number));
  return values;
}

void FragmentLowering::lowerProduct(const Contraction &product) {
  OpBuilder builder(einsum);
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  auto split = [&](Value number, int64_t by) {
    return std::pair<Value, Value>(
        arith::DivUIOp::create(builder, loc, number, index(by)),
        arith::RemUIOp::create(builder, loc, number, index(by)));
  };
  auto scale = [&](Value number, int64_t by) -> Value {
    return arith::MulIOp::create(builder, loc, number, index(by));
  };
  auto add = [&](Value one, Value two) -> Value {
    return arith::AddIOp::create(builder, loc, one, two);
  };
  Value left = einsum.getInputs()[product.left];
  Value right = einsum.getInputs()[product.right];
  Value out = einsum.getInit();
  TilePart result = *TilePart::get(out);
  bool isWeights = static_cast<bool>(getRegisters(left));
  std::optional<TilePart> weights;
  if (isWeights)
    weights = *TilePart::get(left);
  Type element = getElementTypeOrSelf(right.getType());
  int64_t depth = weights ? weights->columns
                          : cast<MemRefType>(left.getType()).getDimSize(1);
  // The buffer of the right side has rows beyond those of a step, and they hold
  // zeros; so it is read whole.
  Value whole = getWholeBuffer(right);
  EinsumAccess access = einsum.getAccess(product.right);
  auto last = cast<AffineDimExpr>(access.map.getResults().back());
  bool isTransposed = access.ranks[last.getPosition()] == product.column;

  // Every thread gives the address of a row of eight elements: first of the
  // matrices at the first eight depths, then of those at the next, then the
  // same for the next eight columns.
  auto [matrix, row] = split(thread.number, kLoadedMatrix);
  auto [second, next] = split(matrix, 2);
  Value inDepth = isTransposed ? add(scale(next, kLoadedMatrix), row)
                               : scale(next, kLoadedMatrix);
  Value inColumn = isTransposed ? scale(second, kLoadedMatrix)
                                : add(scale(second, kLoadedMatrix), row);
  Value rightAddress =
      isTransposed ? getElementAddress(builder, whole, inDepth, inColumn)
                   : getElementAddress(builder, whole, inColumn, inDepth);
  int64_t rightStride = getRowStride(whole);
  auto getRightOffset = [&](int64_t atDepth, int64_t atColumn) {
    return isTransposed ? atDepth * rightStride + atColumn
                        : atColumn * rightStride + atDepth;
  };
  // On the left the matrices follow by rows first.
  Value leftAddress;
  int64_t leftStride = 0;
  if (!isWeights) {
    auto [half, lanes] = split(thread.number, kMatrixRows);
    leftAddress = getElementAddress(builder, left, add(thread.firstLane, lanes),
                                    scale(half, kLoadedMatrix));
    leftStride = getRowStride(left);
  }

  int64_t tiles = result.columns / kMatrixColumns;
  int64_t groups = thread.getRows() / 2;
  Value zero = arith::ConstantOp::create(
      builder, loc, builder.getZeroAttr(builder.getF32Type()));
  SmallVector<Matrix> sums(groups * tiles);
  for (int64_t group = 0; group < groups; ++group)
    for (int64_t tile = 0; tile < tiles; ++tile)
      for (int64_t number = 0; number < 4; ++number)
        sums[group * tiles + tile].push_back(
            einsum.getAccumulate()
                ? loadRegister(builder, out, 2 * group + number / 2,
                               2 * tile + number % 2)
                : zero);
  for (int64_t at = 0; at < depth; at += kMatrixDepth) {
    SmallVector<Matrix> lefts;
    for (int64_t group = 0; group < groups; ++group)
      lefts.push_back(
          isWeights ? loadWeights(builder, *weights, 2 * group, at, element)
                    : loadMatrices(builder, leftAddress,
                                   group * kMatrixRows * leftStride + at, 4,
                                   /*isTransposed=*/false, element));
    for (int64_t tile = 0; tile < tiles; tile += 2) {
      int64_t both = std::min<int64_t>(2, tiles - tile);
      Matrix rights = loadMatrices(builder, rightAddress,
                                   getRightOffset(at, tile * kMatrixColumns),
                                   2 * both, isTransposed, element);
      for (int64_t one = 0; one < both; ++one)
        for (int64_t group = 0; group < groups; ++group) {
          Matrix &sum = sums[group * tiles + tile + one];
          sum = multiply(builder, lefts[group],
                         ValueRange(rights).slice(2 * one, 2), sum, element);
        }
    }
  }
  for (int64_t tile = 0; tile < tiles; ++tile)
    for (int64_t number = 0; number < 4; ++number) {
      int64_t column = 2 * tile + number % 2;
      // A new sum has nothing beyond the columns that exist: what was there
      // from the last step would be kept in registers.
      Value exists = einsum.getAccumulate()
                         ? getColumn(builder, result, column).exists
                         : Value();
      for (int64_t group = 0; group < groups; ++group)
        storeRegister(builder, out, 2 * group + number / 2, column,
                      sums[group * tiles + tile][number], exists);
    }
}
