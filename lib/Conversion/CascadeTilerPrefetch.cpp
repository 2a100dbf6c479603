//===- CascadeTilerPrefetch.cpp - Keys ahead of time ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tokens of a list lie anywhere, where no hardware looks for them. While the
// scores of a step are computed, a few keys at a time, the rows of the next
// step are asked for; behind the end of a list those of the next list.
//
// Where few rows share a key, memory is the limit, and phases of a step that
// compute would leave it idle. Rows that lie in order are asked for there, too,
// a short way ahead: hardware follows, but asks for less at once.
//
//===----------------------------------------------------------------------===//

#include "CascadeTiler.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::attn;

/// Bytes that one request brings.
static constexpr int64_t kLineBytes = 64;
/// Keys whose scores are computed between the requests for as many.
static constexpr int64_t kChunk = 8;

/// Between the key at hand and the one that is asked for, where keys lie in
/// order.
static constexpr int64_t kKeysAhead = 16;
/// Steps of an item whose keys are nearer than memory: a step is as long as the
/// first level of cache holds.
static constexpr int64_t kStepsNearby = 16;

/// Whether keys are asked for while `einsum` computes scores, a sum for each.
bool CascadeTiler::asksForKeys(EinsumOp einsum) const {
  return hasCaches && (walksTokens() || innerLanes) && isInSpace(einsum) &&
         einsum.getReduction() && !reducesPoints(einsum) && !stepOffset;
}

/// Emits a contraction over the points of a step in chunks, with requests for
/// the rows of as many keys of the next step before each.
void CascadeTiler::emitInChunks(OpBuilder &builder, Location loc,
                                EinsumOp einsum, function_ref<void()> emit) {
  // What the load of the tile converts is converted once, for all chunks.
  for (unsigned index = 0; index < einsum.getInputs().size(); ++index) {
    bool readsLanes = false;
    getTileAccess(builder, loc, einsum.getAccess(index), readsLanes);
  }
  Value first = stepFirst, count = stepCount;
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  // As many as one row's register tile holds, where it has lanes of its own.
  Value chunk = arith::ConstantIndexOp::create(
      builder, loc, walksTokens() ? kChunk : kKeysAhead);
  auto loop = scf::ForOp::create(builder, loc, zero, count, chunk);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  stepOffset = loop.getInductionVar();
  stepFirst = arith::AddIOp::create(builder, loc, first, stepOffset);
  stepCount = arith::MinSIOp::create(
      builder, loc, arith::SubIOp::create(builder, loc, count, stepOffset),
      chunk);
  if (walksTokens())
    emitPrefetchListed(builder, loc, chunk);
  else
    emitPrefetch(builder, loc, chunk);
  emit();
  stepFirst = first;
  stepCount = count;
  stepOffset = {};
}

/// Asks for the rows of `chunk` keys, kKeysAhead behind those at hand.
void CascadeTiler::emitPrefetch(OpBuilder &builder, Location loc, Value chunk) {
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  // Where caches hold the keys, requests only take the place of loads.
  Value nearby = arith::ConstantIndexOp::create(
      builder, loc, kStepsNearby * cascade.getMapping()->getStreamTile());
  Value isFar = arith::CmpIOp::create(
      builder, loc, arith::CmpIPredicate::sgt,
      getExtent(builder, loc, iterate.getParentAttr()), nearby);
  Value count = arith::SelectOp::create(builder, loc, isFar, chunk, zero);
  Value first = arith::AddIOp::create(
      builder, loc, toTensor(builder, loc, stepFirst, place.keyBase),
      arith::ConstantIndexOp::create(builder, loc, kKeysAhead));
  auto loop = scf::ForOp::create(builder, loc, zero, count, one);
  OpBuilder body = OpBuilder::atBlockBegin(loop.getBody());
  emitPrefetchRows(
      body, loc,
      arith::AddIOp::create(body, loc, first, loop.getInductionVar()));
}

/// Asks for the rows of `chunk` listed keys, one step behind those at hand.
void CascadeTiler::emitPrefetchListed(OpBuilder &builder, Location loc,
                                      Value chunk) {
  AccessAttr access = cast<IndicesAttr>(listAtom).getIndices();
  Value table = inputs[access.getInput()];
  auto type = cast<MemRefType>(table.getType());
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  auto getLast = [&](Value tensor, int64_t dim) -> Value {
    return arith::SubIOp::create(
        builder, loc, memref::DimOp::create(builder, loc, tensor, dim), one);
  };
  Value ahead = arith::AddIOp::create(
      builder, loc, stepFirst,
      arith::ConstantIndexOp::create(builder, loc,
                                     cascade.getMapping()->getStreamTile()));
  auto loop = scf::ForOp::create(builder, loc, zero, chunk, one);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  Value entry =
      arith::AddIOp::create(builder, loc, ahead, loop.getInductionVar());
  Value isNext = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::sge,
                                       entry, place.keyExtent);
  auto choose = [&](Value next, Value same, Value last) -> Value {
    Value chosen = arith::SelectOp::create(builder, loc, isNext, next, same);
    return arith::MinSIOp::create(builder, loc, chosen, last);
  };
  Value number = place.list->number;
  Value list = choose(arith::AddIOp::create(builder, loc, number, one), number,
                      getLast(table, type.getRank() - 2));
  entry = choose(arith::SubIOp::create(builder, loc, entry, place.keyExtent),
                 entry, getLast(table, type.getRank() - 1));
  emitPrefetchRows(builder, loc,
                   loadEntry(builder, loc, access, {list, entry}));
}

/// Asks for the rows at `token` of all that steps read.
void CascadeTiler::emitPrefetchRows(OpBuilder &builder, Location loc,
                                    Value token) {
  llvm::SmallDenseSet<Value> asked;
  for (auto einsum : iterate.getBody().front().getOps<EinsumOp>())
    for (unsigned index = 0; index < einsum.getInputs().size(); ++index) {
      EinsumAccess read = einsum.getAccess(index);
      if (isInput(read.tensor) && asked.insert(read.tensor).second)
        emitPrefetchRow(builder, loc, read, token);
    }
}

/// Asks for the row at `token` of what `read` reads along the streamed rank.
void CascadeTiler::emitPrefetchRow(OpBuilder &builder, Location loc,
                                   const EinsumAccess &read, Value token) {
  Value input = inputs[cast<BlockArgument>(read.tensor).getArgNumber()];
  auto type = cast<MemRefType>(input.getType());
  SmallVector<Value> indices;
  int64_t rowBytes = 0;
  bool isStreamed = false;
  for (auto [dim, expr] : llvm::enumerate(read.map.getResults())) {
    bool isLast = dim + 1 == read.map.getNumResults();
    switch (*classify(read, expr)) {
    case IndexRole::Parallel: {
      SmallVector<Value> operands;
      for (StringAttr rank : read.ranks) {
        auto *found = llvm::find(parallel, rank);
        operands.push_back(found == parallel.end()
                               ? firstRow
                               : coordinates[found - parallel.begin()]);
      }
      indices.push_back(affine::AffineApplyOp::create(
          builder, loc, AffineMap::get(read.ranks.size(), 0, expr), operands));
      break;
    }
    case IndexRole::Stream: {
      // A request outside of the tensor would be in vain.
      Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
      Value last = arith::SubIOp::create(
          builder, loc, memref::DimOp::create(builder, loc, input, dim),
          arith::ConstantIndexOp::create(builder, loc, 1));
      Value row = arith::MaxSIOp::create(builder, loc, token, zero);
      indices.push_back(arith::MinSIOp::create(builder, loc, row, last));
      isStreamed = true;
      break;
    }
    case IndexRole::Local:
      if (!isLast || !isa<AffineDimExpr>(expr) || type.isDynamicDim(dim))
        return;
      rowBytes = type.getDimSize(dim) * type.getElementTypeBitWidth() / 8;
      break;
    case IndexRole::Lane:
    case IndexRole::Data:
      return;
    }
  }
  if (!isStreamed)
    return;
  bool hasFeatures = rowBytes != 0;
  int64_t perLine = kLineBytes * 8 / type.getElementTypeBitWidth();
  for (int64_t byte = 0; byte == 0 || byte < rowBytes; byte += kLineBytes) {
    SmallVector<Value> at(indices);
    if (hasFeatures)
      at.push_back(arith::ConstantIndexOp::create(builder, loc,
                                                  byte / kLineBytes * perLine));
    memref::PrefetchOp::create(builder, loc, input, at, /*isWrite=*/false,
                               /*localityHint=*/3, /*isDataCache=*/true);
  }
}
