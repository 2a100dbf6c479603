//===- EinsumPairs.cpp - Results and sums of pairs ------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tiles whose innermost rank has two points: a result [..., lane, 2] is stored
// as vectors of lanes, interleaved, and a sum of products over such a rank is
// one instruction (attn-pair-products).
//
//===----------------------------------------------------------------------===//

#include "EinsumLowering.h"
#include "attn/Conversion/FusedForm.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::attn;

bool mlir::attn::endsInPairs(MemRefType type) {
  SmallVector<int64_t> strides;
  int64_t offset;
  return type.getRank() >= 2 && type.getShape().back() == 2 &&
         succeeded(type.getStridesAndOffset(strides, offset)) &&
         strides.back() == 1 && strides[strides.size() - 2] == 2;
}

Value mlir::attn::joinPairs(OpBuilder &builder, Location loc, Value memref) {
  int64_t rank = cast<MemRefType>(memref.getType()).getRank();
  SmallVector<ReassociationIndices> groups;
  for (int64_t dim = 0; dim + 1 < rank; ++dim)
    groups.push_back({dim});
  groups.back().push_back(rank - 1);
  return memref::CollapseShapeOp::create(builder, loc, memref, groups);
}

static Value twice(OpBuilder &builder, Location loc, Value index) {
  return arith::MulIOp::create(builder, loc, index,
                               arith::ConstantIndexOp::create(builder, loc, 2));
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

bool EinsumLowering::isInterleaved() {
  return reduced.empty() && outRanks.size() >= 2 && endsInPairs(outType) &&
         outType.getElementTypeBitWidth() >= 8;
}

/// Stores a vector of pairs, of the lanes at `at`.
void EinsumLowering::storePairs(OpBuilder &builder, const TileCoordinates &at,
                                Value pairs) {
  Value out = joinPairs(builder, loc, einsum.getInit());
  SmallVector<Value> indices;
  for (StringAttr rank : ArrayRef(outRanks).drop_back())
    indices.push_back(rank == *lane ? twice(builder, loc, at.firstLane)
                                    : at.uniform.lookup(rank));
  if (!at.count) {
    vector::StoreOp::create(builder, loc, pairs, out, indices);
    return;
  }
  Value mask = vector::CreateMaskOp::create(
      builder, loc, VectorType::get({2 * vectorWidth}, builder.getI1Type()),
      twice(builder, loc, at.count));
  vector::MaskedStoreOp::create(builder, loc, out, indices, mask, pairs);
}

/// Stores both points of the interleaved rank for each vector of lanes.
void EinsumLowering::emitInterleaved(OpBuilder &builder, const LaneBlock &lanes,
                                     Value firstRow, int64_t rows) {
  if (rows == vectorWidth && transposed) {
    SmallVector<Value> square =
        loadTransposed(builder, *transposed, lanes, /*vector=*/0, firstRow);
    for (auto [row, pairs] : llvm::enumerate(square)) {
      TileCoordinates at = getCoordinates(builder, lanes, 0, firstRow, row);
      storePairs(builder, at, mapPairs(builder, at, pairs));
    }
    return;
  }
  SmallVector<Value> values[2];
  for (int64_t place : {0, 1}) {
    point[*interleaved] = arith::ConstantIndexOp::create(builder, loc, place);
    values[place] = emitPoint(builder, lanes, firstRow, rows, {});
  }
  for (auto [vector, first] : llvm::enumerate(values[0])) {
    Value both[2] = {first, values[1][vector]};
    for (Value &value : both)
      value =
          TileOperands::convert(builder, loc, value, outType.getElementType());
    storePairs(builder, getCoordinates(builder, lanes, vector, firstRow, 0),
               vector::InterleaveOp::create(builder, loc, both[0], both[1]));
  }
}

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

std::optional<StringRef> EinsumLowering::checkPairs(TileEinsumOp einsum) {
  SmallVector<StringAttr> reduced = einsum.getReduced();
  SmallVector<StringAttr> ranks = einsum.getOutputRanks();
  auto pairs = einsum->getAttrOfType<StringAttr>(kPairsAttrName);
  if (!pairs || reduced.empty() || reduced.back() != pairs ||
      einsum.getReduction() != ReductionKind::Add)
    return "the rank it names is not the last of a sum";
  if (einsum.getInputs().size() != 2 || ranks.empty() ||
      !getElementTypeOrSelf(einsum.getInit().getType()).isF32())
    return "it is no sum in f32 of products of two operands";
  unsigned withLanes = 0;
  for (unsigned index : {0u, 1u}) {
    EinsumAccess access = einsum.getAccess(index);
    auto type = cast<MemRefType>(access.tensor.getType());
    ArrayRef<AffineExpr> exprs = access.map.getResults();
    SmallVector<int64_t> strides;
    int64_t offset;
    if (!type.getElementType().isBF16() || exprs.empty() ||
        failed(type.getStridesAndOffset(strides, offset)) ||
        strides.back() != 1)
      return "an operand is not bf16, side by side along its last dimension";
    MLIRContext *context = einsum.getContext();
    AffineExpr place = getAffineDimExpr(einsum.findRank(pairs), context);
    AffineExpr distance = simplifyAffineExpr(
        exprs.back().replace(place, getAffineConstantExpr(1, context)) -
            exprs.back().replace(place, getAffineConstantExpr(0, context)),
        access.map.getNumDims(), access.map.getNumSymbols());
    bool usesLane = einsum.inputUsesRank(index, ranks.back());
    withLanes += usesLane;
    AffineExpr lane = getAffineDimExpr(einsum.findRank(ranks.back()), context);
    if (usesLane ? !endsInPairs(type) || exprs.back() != place ||
                       exprs.drop_back().back() != lane
                 : distance != getAffineConstantExpr(1, context))
      return "the points of a pair do not lie side by side";
    for (AffineExpr expr : exprs.drop_back())
      if (expr.isFunctionOfDim(einsum.findRank(pairs)))
        return "the points of a pair do not lie side by side";
  }
  if (withLanes != 1)
    return "not one operand has the lanes, and one has not";
  return std::nullopt;
}

/// One of both points of each pair.
static Value takePlace(OpBuilder &builder, Location loc, Value both,
                       int64_t place) {
  int64_t width = cast<VectorType>(both.getType()).getNumElements() / 2;
  SmallVector<int64_t> order;
  for (int64_t number = 0; number < width; ++number)
    order.push_back(2 * number + place);
  return vector::ShuffleOp::create(builder, loc, both, both, order);
}

/// Pairs of operand `index`, which has the lanes: one vector of them for each
/// of lanes.
SmallVector<Value> EinsumLowering::loadPairs(OpBuilder &builder,
                                             const LaneBlock &lanes,
                                             Value firstRow, unsigned index) {
  point[*pairs] = arith::ConstantIndexOp::create(builder, loc, 0);
  auto type = VectorType::get({2 * vectorWidth}, builder.getBF16Type());
  Value tile = joinPairs(builder, loc, einsum.getInputs()[index]);
  SmallVector<Value> loaded;
  for (int64_t vector = 0; vector < lanes.vectors; ++vector) {
    TileCoordinates at = getCoordinates(builder, lanes, vector, firstRow, 0);
    TileCoordinates first = at;
    first.lane.reset();
    first.uniform[*lane] = twice(builder, loc, at.firstLane);
    SmallVector<Value> indices = operands.getIndices(builder, index, first);
    indices.pop_back();
    loaded.push_back(vector::LoadOp::create(builder, loc, type, tile, indices));
  }
  return loaded;
}

/// Adds the products of both points. An instruction adds the second one first,
/// as does the loop over single points that masks are for.
void EinsumLowering::emitPairs(OpBuilder &builder, const LaneBlock &lanes,
                               Value firstRow, int64_t rows,
                               SmallVectorImpl<Value> &accumulators) {
  unsigned withLanes = einsum.inputUsesRank(0, *lane) ? 0 : 1;
  SmallVector<Value> left;
  if (!lanes.count)
    left = loadPairs(builder, lanes, firstRow, withLanes);
  if (!hasDots || lanes.count ||
      !isa_and_nonnull<arith::MulFOp>(einsum.getSingleMapOp())) {
    for (int64_t place : {1, 0}) {
      SmallVector<Value> single;
      for (Value both : left)
        single.push_back(TileOperands::convert(
            builder, loc, takePlace(builder, loc, both, place),
            einsum.getMap()->getArgument(withLanes).getType()));
      std::optional<LoadedOperand> given;
      if (!left.empty())
        given = {withLanes, single};
      point[*pairs] = arith::ConstantIndexOp::create(builder, loc, place);
      accumulators =
          emitPoint(builder, lanes, firstRow, rows, accumulators, given);
    }
    return;
  }
  point[*pairs] = arith::ConstantIndexOp::create(builder, loc, 0);
  auto pairType = VectorType::get({2 * vectorWidth}, builder.getBF16Type());
  auto name = builder.getStringAttr("llvm.x86.avx512bf16.dpbf16ps." +
                                    Twine(32 * vectorWidth));
  Type i32 = builder.getI32Type();
  for (int64_t row = 0; row < rows; ++row) {
    TileCoordinates at = getCoordinates(builder, lanes, 0, firstRow, row);
    Value pair = vector::LoadOp::create(
        builder, loc, VectorType::get({2}, builder.getBF16Type()),
        einsum.getInputs()[1 - withLanes],
        operands.getIndices(builder, 1 - withLanes, at));
    pair = vector::BitCastOp::create(builder, loc, VectorType::get({1}, i32),
                                     pair);
    pair = vector::ExtractOp::create(builder, loc, pair, 0);
    pair = vector::BroadcastOp::create(
        builder, loc, VectorType::get({vectorWidth}, i32), pair);
    pair = vector::BitCastOp::create(builder, loc, pairType, pair);
    for (int64_t vector = 0; vector < lanes.vectors; ++vector) {
      Value &sum = accumulators[row * lanes.vectors + vector];
      sum = LLVM::CallIntrinsicOp::create(builder, loc, sum.getType(), name,
                                          ValueRange{sum, left[vector], pair})
                .getResult(0);
    }
  }
}
