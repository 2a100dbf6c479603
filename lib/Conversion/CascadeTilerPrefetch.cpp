//===- CascadeTilerPrefetch.cpp - Keys ahead of time ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tokens of a list lie anywhere, where no hardware looks for them. While the
// scores of a step are computed, a few keys at a time, the rows of keys of the
// next step are asked for, and while its points are summed up those of values;
// behind the end of a list those of the next list.
//
// Where few rows share a key, memory is the limit, and phases of a step that
// compute would leave it idle. Rows that lie in order are asked for there, too,
// a short way ahead: hardware follows, but asks for less at once.
//
//===----------------------------------------------------------------------===//

#include "CascadeTiler.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Conversion/FusedForm.h"
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

/// Sums that wait for themselves, of which so many are under way at a time
/// where one multiply-add begins in a cycle.
static constexpr int64_t kSumsUnderWay = 4;

/// Between the key at hand and the one that is asked for, where keys lie in
/// order.
static constexpr int64_t kKeysAhead = 16;
/// Steps of an item whose keys are nearer than memory: a step is as long as the
/// first level of cache holds.
static constexpr int64_t kStepsNearby = 16;

/// Whether keys are asked for while `einsum` computes scores, a sum for each.
bool CascadeTiler::asksForKeys(EinsumOp einsum) const {
  return hasCaches && (asksForListed() || innerLanes) && yieldsPoints(einsum) &&
         !stepOffset;
}

/// Whether each key is read as it lies, and multiplied with all that share it,
/// before the next one: hardware follows what is read so. The sums of a key
/// must be enough to keep the multiply-adds busy.
bool CascadeTiler::readsInTurn(EinsumOp einsum) {
  if (!keepsOrder || asksForListed() || isPermuted(iterate.getParentAttr()))
    return false;
  // As attn-lower-einsums takes them into a register tile.
  int64_t sums = 1;
  SmallVector<StringAttr> ranks = einsum.getOutputRanks();
  for (StringAttr rank : llvm::reverse(ranks)) {
    if (isPoint(rank) || isParallel(rank))
      continue;
    int64_t extent = rank == lane
                         ? laneTile
                         : attn::getExtent(cascade.getRankExtents(), rank);
    if (!ShapedType::isDynamic(extent) && sums * extent <= kSumsUnderWay)
      sums *= extent;
  }
  return sums == kSumsUnderWay;
}

/// Emits a contraction over the points of a step in chunks, with requests for
/// the rows of as many keys of the next step before each; for values of the
/// keys at hand alone, where these are read in turn.
void CascadeTiler::emitInChunks(OpBuilder &builder, Location loc,
                                EinsumOp einsum, function_ref<void()> emit) {
  // What the load of the tile converts is converted once, for all chunks.
  for (unsigned index = 0; index < einsum.getInputs().size(); ++index) {
    bool readsLanes = false;
    getTileAccess(builder, loc, einsum.getAccess(index), readsLanes);
  }
  // A matrix unit takes the keys of a step at once, from a copy of whole rows.
  if (asksForListed() && keyUnit > 0) {
    emitPrefetchListed(builder, loc, stepCount, einsum);
    emit();
    return;
  }
  Value first = stepFirst, count = stepCount;
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  // As many as one row's register tile holds, where it has lanes of its own.
  bool isInTurn = readsInTurn(einsum);
  Value chunk =
      arith::ConstantIndexOp::create(builder, loc,
                                     asksForListed() ? kChunk
                                     : isInTurn ? kKeysAhead / kSumsUnderWay
                                                : kKeysAhead);
  auto loop = scf::ForOp::create(builder, loc, zero, count, chunk);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  stepOffset = loop.getInductionVar();
  stepFirst = arith::AddIOp::create(builder, loc, first, stepOffset);
  stepCount = arith::MinSIOp::create(
      builder, loc, arith::SubIOp::create(builder, loc, count, stepOffset),
      chunk);
  if (asksForListed())
    emitPrefetchListed(builder, loc, stepCount, einsum);
  else
    emitPrefetch(builder, loc, chunk, isInTurn);
  emit();
  if (isInTurn)
    for (auto sum : loop.getBody()->getOps<TileEinsumOp>())
      if (sum.getReduction())
        sum->setAttr(kRowsInTurnAttrName, builder.getUnitAttr());
  stepFirst = first;
  stepCount = count;
  stepOffset = {};
}

/// Whether the keys are too many for caches: else requests only take the place
/// of loads.
Value CascadeTiler::isFarAway(OpBuilder &builder, Location loc) {
  Value nearby = arith::ConstantIndexOp::create(
      builder, loc, kStepsNearby * cascade.getMapping()->getStreamTile());
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::sgt,
                               getExtent(builder, loc, iterate.getParentAttr()),
                               nearby);
}

/// Asks for the rows of `chunk` keys, kKeysAhead behind those at hand; of those
/// that are read in turn, for what is summed over the keys at hand.
void CascadeTiler::emitPrefetch(OpBuilder &builder, Location loc, Value chunk,
                                bool isInTurn) {
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value count = arith::SelectOp::create(builder, loc, isFarAway(builder, loc),
                                        chunk, zero);
  Value first = arith::AddIOp::create(
      builder, loc, toTensor(builder, loc, stepFirst, place.keyBase),
      arith::ConstantIndexOp::create(builder, loc, isInTurn ? 0 : kKeysAhead));
  auto loop = scf::ForOp::create(builder, loc, zero, count, one);
  OpBuilder body = OpBuilder::atBlockBegin(loop.getBody());
  emitPrefetchRows(
      body, loc,
      arith::AddIOp::create(body, loc, first, loop.getInductionVar()),
      /*einsum=*/{}, isInTurn);
}

/// Asks for the rows of `count` listed keys, one step behind those at hand, of
/// the inputs that `einsum` asks for.
void CascadeTiler::emitPrefetchListed(OpBuilder &builder, Location loc,
                                      Value count, EinsumOp einsum) {
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
  auto loop = scf::ForOp::create(builder, loc, zero, count, one);
  loop->setAttr(kRequestsAttrName, builder.getUnitAttr());
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  Value entry =
      arith::AddIOp::create(builder, loc, ahead, loop.getInductionVar());
  if (periodicAtom) {
    PeriodicToken token = findPeriodicToken(builder, loc, entry);
    emitPrefetchRows(
        builder, loc,
        arith::AddIOp::create(builder, loc, token.runBegin, token.inRun),
        einsum);
    return;
  }
  AccessAttr access = cast<IndicesAttr>(listAtom).getIndices();
  Value table = inputs[access.getInput()];
  auto type = cast<MemRefType>(table.getType());
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
  emitPrefetchRows(builder, loc, loadEntry(builder, loc, access, {list, entry}),
                   einsum);
}

/// Asks for the rows at `token` of all that steps read, or for those alone that
/// `einsum` asks for: a sum of points for what it is the first to read, and
/// einsums in front of them for all else. Maybe for what is summed over the
/// points alone.
void CascadeTiler::emitPrefetchRows(OpBuilder &builder, Location loc,
                                    Value token, EinsumOp einsum,
                                    bool onlySummed) {
  llvm::SmallDenseSet<Value> asked;
  for (auto reader : iterate.getBody().front().getOps<EinsumOp>())
    for (unsigned index = 0; index < reader.getInputs().size(); ++index) {
      EinsumAccess read = reader.getAccess(index);
      if (!isInput(read.tensor) || !asked.insert(read.tensor).second)
        continue;
      bool asksItself = reader.getReduction() && reducesPoints(reader);
      if (onlySummed && !asksItself)
        continue;
      if (!einsum || (asksItself ? reader == einsum : !reducesPoints(einsum)))
        emitPrefetchRow(builder, loc, read, token);
    }
}

/// Emits what asks memory for rows that are read later, in front of `einsum`.
void CascadeTiler::emitRequests(OpBuilder &builder, EinsumOp einsum) {
  if (!hasCaches || !isInSpace(einsum) || !einsum.getReduction())
    return;
  Location loc = einsum.getLoc();
  if (!asksForListed()) {
    emitPrefetchOfStep(builder, loc, einsum);
  } else if (reducesPoints(einsum)) {
    Value count = arith::ConstantIndexOp::create(
        builder, loc, cascade.getMapping()->getStreamTile());
    emitPrefetchListed(builder, loc, count, einsum);
  }
}

/// Whether `einsum` computes scores, a sum for each point of a step.
bool CascadeTiler::yieldsPoints(EinsumOp einsum) const {
  return isInSpace(einsum) && einsum.getReduction() && !reducesPoints(einsum);
}

/// Asks, in front of a step's first scores, for the rows that are summed up
/// over its points: those sums take a few features of each row at a time, and
/// hardware follows no such strides. Where tokens lie all over, it does not
/// find the keys of the next step either.
void CascadeTiler::emitPrefetchOfStep(OpBuilder &builder, Location loc,
                                      EinsumOp einsum) {
  auto einsums = iterate.getBody().front().getOps<EinsumOp>();
  auto isFirst = [&](EinsumOp other) { return yieldsPoints(other); };
  if (innerLanes || !isFirst(einsum) ||
      *llvm::find_if(einsums, isFirst) != einsum)
    return;
  SmallVector<EinsumAccess> now, next;
  llvm::SmallDenseSet<Value> asked;
  StringAttr keys = iterate.getParentAttr();
  for (EinsumOp reader : einsums)
    for (unsigned index = 0; index < reader.getInputs().size(); ++index) {
      EinsumAccess read = reader.getAccess(index);
      Type element = getElementTypeOrSelf(read.tensor.getType());
      // What is converted is copied first, row by row.
      bool isConverted =
          getComputeType(element) != element && !(hasPairs && element.isBF16());
      if (!isInput(read.tensor) || isConverted ||
          !asked.insert(read.tensor).second)
        continue;
      if (reader.getReduction() && reducesPoints(reader))
        now.push_back(read);
      else if (isPermuted(keys))
        next.push_back(read);
    }
  if (now.empty() && next.empty())
    return;
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value isFar;
  if (!isPermuted(keys))
    isFar = isFarAway(builder, loc);
  auto loop = scf::ForOp::create(builder, loc, zero, stepCount, one);
  loop->setAttr(kRequestsAttrName, builder.getUnitAttr());
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  Value slot =
      arith::AddIOp::create(builder, loc, stepFirst, loop.getInductionVar());
  if (!isPermuted(keys)) {
    auto branch = scf::IfOp::create(builder, loc, isFar);
    builder.setInsertionPointToStart(branch.thenBlock());
    Value token = toTensor(builder, loc, slot, place.keyBase);
    for (const EinsumAccess &read : now)
      emitPrefetchRow(builder, loc, read, token);
    return;
  }
  Value step = arith::ConstantIndexOp::create(
      builder, loc, cascade.getMapping()->getStreamTile());
  Value last = arith::SubIOp::create(builder, loc,
                                     getPlaneExtent(builder, loc, keys), one);
  auto ask = [&](ArrayRef<EinsumAccess> reads, Value which) {
    if (reads.empty())
      return;
    Value token = loadToken(builder, loc, which);
    for (const EinsumAccess &read : reads)
      emitPrefetchRow(builder, loc, read, token);
  };
  ask(now, slot);
  Value later = arith::AddIOp::create(builder, loc, slot, step);
  ask(next, arith::MinSIOp::create(builder, loc, later, last));
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
    case IndexRole::Computed:
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
