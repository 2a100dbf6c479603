//===- FragmentStores.cpp - Rows of registers on their way to tensors -----===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A thread holds pairs of neighbouring columns. Two numbers of 16 bits are
// converted at once, and stored so where the call's addresses allow it: half of
// the instructions, and half of what the second level of cache is asked to
// write.
//
//===----------------------------------------------------------------------===//

#include "FragmentLowering.h"
#include "SharedPointers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::attn;

/// Whether the thread stores numbers of `row` in a tensor of the kernel, which
/// may have fewer lanes than the item.
Value FragmentLowering::storesRow(OpBuilder &builder, int64_t row) {
  SmallVector<StringAttr> ranks = einsum.getOutputRanks();
  int64_t dim = llvm::find(ranks, lane) - ranks.begin();
  Value extent =
      builder.createOrFold<memref::DimOp>(loc, einsum.getInit(), dim);
  Value exists = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ult,
                                       thread.lanes[row], extent);
  if (ranks.size() > 1)
    return exists;
  return arith::AndIOp::create(builder, loc, exists, isFirstOfRow(builder));
}

/// Of the threads that hold a row one stores its number.
Value FragmentLowering::isFirstOfRow(OpBuilder &builder) {
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                               thread.firstColumn,
                               arith::ConstantIndexOp::create(builder, loc, 0));
}

/// Whether the columns of a row are stored as pairs, if their addresses allow
/// it: numbers of 16 bits, side by side, of which none is missing.
bool FragmentLowering::hasPairs() {
  auto type = cast<MemRefType>(einsum.getInit().getType());
  SmallVector<StringAttr> ranks = einsum.getOutputRanks();
  if (ranks.empty() || ranks.back() == lane ||
      type.getElementTypeBitWidth() != 16 ||
      !isa<FloatType>(type.getElementType()) ||
      type.isDynamicDim(ranks.size() - 1) ||
      type.getShape().back() % kMatrixColumns != 0)
    return false;
  if (std::optional<TilePart> part = getPart();
      part && (getConstantIntValue(part->first) != 0 ||
               getConstantIntValue(part->size) != part->columns))
    return false;
  SmallVector<int64_t> strides;
  int64_t offset;
  return succeeded(type.getStridesAndOffset(strides, offset)) &&
         strides.back() == 1;
}

/// Stores the numbers that the thread has of `row`, two at a time where
/// `isAligned` says that addresses allow it; they are the same otherwise.
void FragmentLowering::storePairs(OpBuilder builder, int64_t row,
                                  Value isAligned) {
  StringAttr rank = getColumnRank();
  std::optional<TilePart> part = getPart();
  Value out = einsum.getInit();
  Type element = cast<MemRefType>(out.getType()).getElementType();
  loaded.clear();
  SmallVector<std::pair<Value, Value>> pairs;
  for (int64_t first = 0, end = countColumns(); first < end;
       first += kOwnColumns) {
    SmallVector<Value> halves;
    for (int64_t number : {first, first + 1})
      halves.push_back(emitPoint(builder, row, rank,
                                 getColumn(builder, part, number), Value()));
    Value pair = packPair(builder, halves[0], halves[1], element);
    TileCoordinates at = getPoint(row, rank, getColumn(builder, part, first));
    auto metadata = memref::ExtractStridedMetadataOp::create(builder, loc, out);
    Value place = arith::ConstantIndexOp::create(builder, loc, 0);
    for (auto [name, stride] :
         llvm::zip_equal(einsum.getOutputRanks(), metadata.getStrides()))
      place = arith::AddIOp::create(
          builder, loc, place,
          arith::MulIOp::create(builder, loc, at.uniform.lookup(name), stride));
    pairs.emplace_back(pair,
                       createPointer(builder, loc, out, place, kGlobalSpace));
  }
  auto branch = scf::IfOp::create(builder, loc, isAligned,
                                  /*withElseRegion=*/true);
  OpBuilder aligned = branch.getThenBodyBuilder();
  for (auto [pair, place] : pairs)
    LLVM::StoreOp::create(aligned, loc, pair, place, kPairBytes);
  OpBuilder other = branch.getElseBodyBuilder();
  constexpr int32_t kHalfBytes = kPairBytes / 2;
  Type half = other.getIntegerType(8 * kHalfBytes);
  Value shift = arith::ConstantIntOp::create(other, loc, 8 * kHalfBytes,
                                             /*width=*/8 * kPairBytes);
  for (auto [pair, place] : pairs) {
    Value upper = arith::ShRUIOp::create(other, loc, pair, shift);
    Value behind =
        LLVM::GEPOp::create(other, loc, place.getType(), other.getI8Type(),
                            place, ArrayRef<LLVM::GEPArg>{kHalfBytes});
    LLVM::StoreOp::create(other, loc,
                          arith::TruncIOp::create(other, loc, half, pair),
                          place, kHalfBytes);
    LLVM::StoreOp::create(other, loc,
                          arith::TruncIOp::create(other, loc, half, upper),
                          behind, kHalfBytes);
  }
}

/// Whether addresses allow pairs, null where there are none.
Value FragmentLowering::createPairTest(OpBuilder &builder) {
  return hasPairs()
             ? createIsAligned(builder, loc, einsum.getInit(), kPairBytes)
             : Value();
}

/// Stores the numbers that the thread has of `row`.
void FragmentLowering::storeColumns(OpBuilder builder, int64_t row) {
  StringAttr rank = getColumnRank();
  SmallVector<StringAttr> ranks = einsum.getOutputRanks();
  std::optional<TilePart> part = getPart();
  int64_t columns = rank ? countColumns() : 1;
  loaded.clear();
  for (int64_t number = 0; number < columns; ++number) {
    OpBuilder inside = builder;
    Column column;
    if (rank)
      column = getColumn(inside, part, number);
    auto known = loaded;
    if (column.exists)
      inside =
          scf::IfOp::create(inside, loc, column.exists).getThenBodyBuilder();
    Value value = emitPoint(inside, row, rank, column, Value());
    operands.storeResult(inside, getPoint(row, rank, column), ranks, value);
    if (column.exists)
      loaded = std::move(known);
  }
}

/// Row by row, so that the columns of a row share its address.
void FragmentLowering::lowerStore() {
  OpBuilder builder(einsum);
  Value isAligned = createPairTest(builder);
  for (int64_t row = 0; row < thread.getRows(); ++row) {
    OpBuilder inside = scf::IfOp::create(builder, loc, storesRow(builder, row))
                           .getThenBodyBuilder();
    if (isAligned)
      storePairs(inside, row, isAligned);
    else
      storeColumns(inside, row);
  }
}

void FragmentLowering::runForRow(int64_t row) {
  OpBuilder builder(einsum);
  operands.prepare(builder, std::nullopt);
  if (einsum.getOutputRanks().empty())
    builder = scf::IfOp::create(builder, loc, isFirstOfRow(builder))
                  .getThenBodyBuilder();
  if (Value isAligned = createPairTest(builder))
    storePairs(builder, row, isAligned);
  else
    storeColumns(builder, row);
  einsum.erase();
}
