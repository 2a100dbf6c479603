//===- EinsumTransposes.cpp - Operands whose rows lie side by side ------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An operand that is strided along the lanes, or indexed by data there, but has
// the rows of the result side by side, is read by vectors of rows, one for each
// lane, and transposed in registers: a quarter of a shuffle for each element
// where a gather is a load for each. Numbers of 16 bits that are copied go in
// twos, at half of that.
//
//===----------------------------------------------------------------------===//

#include "EinsumLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::attn;

/// Finds the operand to transpose: its last index is the row, or a pair of rows
/// where the result is interleaved, and no other index depends on that.
std::optional<unsigned> EinsumLowering::findTransposed() {
  if (!reduced.empty() || !lane || !rowRank || !looped.empty() ||
      !llvm::isPowerOf2_64(vectorWidth))
    return std::nullopt;
  int64_t rowDim = einsum.findRank(*rowRank);
  MLIRContext *context = einsum.getContext();
  for (unsigned index = 0; index < einsum.getInputs().size(); ++index) {
    EinsumAccess access = einsum.getAccess(index);
    auto type = cast<MemRefType>(access.tensor.getType());
    ArrayRef<AffineExpr> exprs = access.map.getResults();
    SmallVector<int64_t> strides;
    int64_t offset;
    if (exprs.size() < 2 || !isa<FloatType>(type.getElementType()) ||
        failed(type.getStridesAndOffset(strides, offset)) ||
        strides.back() != 1 || !einsum.inputUsesRank(index, *lane) ||
        exprs.back().isFunctionOfDim(einsum.findRank(*lane)) ||
        llvm::is_contained(einsum.getClampedRanks(), *rowRank))
      continue;
    AffineExpr row = getAffineDimExpr(rowDim, context), expected = row;
    if (interleaved) {
      // Both points of the result lie side by side in the operand, too.
      if (einsum.getInputs().size() != 1 || !type.getElementType().isBF16() ||
          !outType.getElementType().isBF16())
        continue;
      expected =
          row * 2 + getAffineDimExpr(einsum.findRank(*interleaved), context);
    }
    bool isAlone = exprs.back() == expected;
    for (AffineExpr expr : exprs.drop_back())
      isAlone &= !expr.isFunctionOfDim(rowDim);
    for (const DataIndex &data : access.getDataRead())
      isAlone &= !data.map.isFunctionOfDim(rowDim);
    if (isAlone)
      return index;
  }
  return std::nullopt;
}

/// Swaps rows and columns of a square of vectors: blocks of 1, 2, 4, ...
/// elements change places between two vectors at a time (Eklundh, 1972).
static void transpose(OpBuilder &builder, Location loc,
                      MutableArrayRef<Value> square) {
  int64_t width = square.size();
  for (int64_t block = 1; block < width; block *= 2) {
    SmallVector<int64_t> low(width), high(width);
    for (int64_t lane = 0; lane < width; ++lane) {
      bool isOdd = lane & block;
      low[lane] = isOdd ? width + lane - block : lane;
      high[lane] = isOdd ? width + lane : lane + block;
    }
    for (int64_t first = 0; first < width; ++first) {
      if (first & block)
        continue;
      Value one = square[first], other = square[first + block];
      square[first] = vector::ShuffleOp::create(builder, loc, one, other, low);
      square[first + block] =
          vector::ShuffleOp::create(builder, loc, one, other, high);
    }
  }
}

/// Rows `firstRow` to `firstRow + vectorWidth` of operand `index`, each a
/// vector of lanes: of 32 bits for both points where the result is interleaved.
SmallVector<Value> EinsumLowering::loadTransposed(OpBuilder &builder,
                                                  unsigned index,
                                                  const LaneBlock &lanes,
                                                  int64_t vector,
                                                  Value firstRow) {
  EinsumAccess access = einsum.getAccess(index);
  Type element = getElementTypeOrSelf(access.tensor.getType());
  int64_t points = interleaved ? 2 * vectorWidth : vectorWidth;
  TileCoordinates block = getCoordinates(builder, lanes, vector, firstRow, 0);
  TileCoordinates at = block;
  at.lane.reset();
  at.count = {};
  if (interleaved)
    at.uniform[*interleaved] = arith::ConstantIndexOp::create(builder, loc, 0);
  SmallVector<Value> square;
  for (int64_t number = 0; number < vectorWidth; ++number) {
    Value offset = arith::ConstantIndexOp::create(builder, loc, number);
    // Lanes that do not exist repeat the last one.
    if (block.count) {
      Value last = arith::SubIOp::create(
          builder, loc, block.count,
          arith::ConstantIndexOp::create(builder, loc, 1));
      offset = arith::MinUIOp::create(builder, loc, offset, last);
    }
    at.uniform[*lane] =
        arith::AddIOp::create(builder, loc, block.firstLane, offset);
    Value row = vector::LoadOp::create(
        builder, loc, VectorType::get({points}, element), access.tensor,
        operands.getIndices(builder, index, at));
    square.push_back(
        interleaved
            ? vector::BitCastOp::create(
                  builder, loc,
                  VectorType::get({vectorWidth}, builder.getI32Type()), row)
                  .getResult()
            : TileOperands::convert(
                  builder, loc, row,
                  einsum.getMap()->getArgument(index).getType()));
  }
  transpose(builder, loc, square);
  return square;
}

/// Whether the einsum does nothing but transpose numbers of 16 bits: two of
/// them then go through the shuffles as one of 32. Rows fill whole vectors.
bool EinsumLowering::transposesBits() {
  if (!transposed || interleaved || einsum.getInputs().size() != 1 ||
      !einsum.isIdentityMap() || outRanks.size() != 2 ||
      outType.isDynamicDim(0) || outType.getDimSize(0) % vectorWidth != 0)
    return false;
  Type element = outType.getElementType();
  SmallVector<int64_t> strides;
  int64_t offset;
  return element.isIntOrFloat() && element.getIntOrFloatBitWidth() == 16 &&
         getElementTypeOrSelf(einsum.getInputs().front()) == element &&
         vectorWidth % 4 == 0 &&
         succeeded(outType.getStridesAndOffset(strides, offset)) &&
         strides.back() == 1;
}

/// `rows` rows of `2 * vectorWidth` lanes; `rows` is that or half of it.
void EinsumLowering::emitTransposedBlock(OpBuilder &builder, Value firstLane,
                                         Value firstRow, int64_t rows) {
  int64_t width = 2 * vectorWidth;
  Type element = outType.getElementType();
  auto squareType = VectorType::get({vectorWidth}, builder.getI32Type());
  SmallVector<Value> loaded;
  for (int64_t number = 0; number < width; ++number) {
    TileCoordinates at;
    at.uniform = point;
    at.uniform[*rowRank] = firstRow;
    at.uniform[*lane] = arith::AddIOp::create(
        builder, loc, firstLane,
        arith::ConstantIndexOp::create(builder, loc, number));
    loaded.push_back(vector::LoadOp::create(
        builder, loc, VectorType::get({rows}, element),
        einsum.getInputs().front(), operands.getIndices(builder, 0, at)));
  }
  // Two lanes are interleaved in units of 128 bits, as one instruction does it:
  // the halves of a unit go to two squares.
  constexpr int64_t kUnit = 8;
  int64_t squares = rows / vectorWidth, chunk = kUnit / squares;
  for (int64_t half = 0; half < squares; ++half) {
    SmallVector<int64_t> order, rowNumbers;
    for (int64_t unit = half * chunk; unit < rows; unit += kUnit)
      for (int64_t place = unit; place < unit + chunk; ++place) {
        llvm::append_range(order, ArrayRef{place, rows + place});
        rowNumbers.push_back(place);
      }
    SmallVector<Value> square;
    for (int64_t number = 0; number < width; number += 2)
      square.push_back(vector::BitCastOp::create(
          builder, loc, squareType,
          vector::ShuffleOp::create(builder, loc, loaded[number],
                                    loaded[number + 1], order)));
    transpose(builder, loc, square);
    for (auto [row, lanes] : llvm::zip_equal(rowNumbers, square)) {
      Value at = arith::AddIOp::create(
          builder, loc, firstRow,
          arith::ConstantIndexOp::create(builder, loc, row));
      vector::StoreOp::create(
          builder, loc,
          vector::BitCastOp::create(builder, loc,
                                    VectorType::get({width}, element), lanes),
          einsum.getInit(), ValueRange{at, firstLane});
    }
  }
}

/// The lanes up to `end`, a multiple of such a block's.
void EinsumLowering::emitTransposedBits(OpBuilder &builder, Value end) {
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value width = arith::ConstantIndexOp::create(builder, loc, 2 * vectorWidth);
  auto lanes = scf::ForOp::create(builder, loc, zero, end, width);
  OpBuilder body = OpBuilder::atBlockBegin(lanes.getBody());
  int64_t extent = outType.getDimSize(0);
  int64_t whole = extent / (2 * vectorWidth) * (2 * vectorWidth);
  Value wholeEnd = arith::ConstantIndexOp::create(body, loc, whole);
  if (whole > 0) {
    auto rows = scf::ForOp::create(body, loc, zero, wholeEnd, width);
    OpBuilder block = OpBuilder::atBlockBegin(rows.getBody());
    emitTransposedBlock(block, lanes.getInductionVar(), rows.getInductionVar(),
                        2 * vectorWidth);
  }
  if (whole < extent)
    emitTransposedBlock(body, lanes.getInductionVar(), wholeEnd, vectorWidth);
}

/// Both points of a vector of pairs of bf16, mapped: the bits as they are where
/// the map is a copy.
Value EinsumLowering::mapPairs(OpBuilder &builder, const TileCoordinates &at,
                               Value pairs) {
  auto type = VectorType::get({2 * vectorWidth}, outType.getElementType());
  if (einsum.isIdentityMap())
    return vector::BitCastOp::create(builder, loc, type, pairs);
  auto bits = cast<VectorType>(pairs.getType());
  auto getBits = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(
        builder, loc, DenseElementsAttr::get(bits, APInt(32, value)));
  };
  Value halves[2] = {
      arith::ShLIOp::create(builder, loc, pairs, getBits(16)),
      arith::AndIOp::create(builder, loc, pairs, getBits(0xFFFF0000))};
  for (auto [place, half] : llvm::enumerate(halves)) {
    TileCoordinates here = at;
    here.uniform[*interleaved] =
        arith::ConstantIndexOp::create(builder, loc, place);
    Value value = vector::BitCastOp::create(
        builder, loc, VectorType::get({vectorWidth}, builder.getF32Type()),
        half);
    value = computation->emitMap(builder, here, value, /*accumulator=*/{});
    half = TileOperands::convert(builder, loc, value, outType.getElementType());
  }
  return vector::InterleaveOp::create(builder, loc, halves[0], halves[1]);
}
