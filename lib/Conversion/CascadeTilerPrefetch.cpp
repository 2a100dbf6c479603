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
/// Where to: a line that is used a step later would be displaced in the first
/// level, and a core waits for fewer lines there.
static constexpr unsigned kFirstLevel = 3, kSecondLevel = 2;
/// Keys whose scores are computed between the requests for as many.
static constexpr int64_t kChunk = 8;

/// Between the key at hand and the one that is asked for, where keys lie in
/// order.
static constexpr int64_t kKeysAhead = 16;
/// Steps of an item whose keys are nearer than memory: a step is as long as the
/// first level of cache holds.
static constexpr int64_t kStepsNearby = 16;

/// Asks for the lines of `memref` at `indices`, which lack the last one if
/// there are `rowBytes` along it.
static void emitPrefetchLines(OpBuilder &builder, Location loc, Value memref,
                              ArrayRef<Value> indices, int64_t rowBytes,
                              bool isWrite, unsigned locality) {
  auto type = cast<MemRefType>(memref.getType());
  int64_t perLine = kLineBytes * 8 / type.getElementTypeBitWidth();
  for (int64_t byte = 0; byte == 0 || byte < rowBytes; byte += kLineBytes) {
    SmallVector<Value> at(indices);
    if (rowBytes != 0)
      at.push_back(arith::ConstantIndexOp::create(builder, loc,
                                                  byte / kLineBytes * perLine));
    memref::PrefetchOp::create(builder, loc, memref, at, isWrite, locality,
                               /*isDataCache=*/true);
  }
}

/// Whether keys are asked for while `einsum` computes scores, a sum for each.
bool CascadeTiler::asksForKeys(EinsumOp einsum) {
  return hasCaches &&
         (asksForListed() || (innerLanes && !alternatesRequests())) &&
         yieldsPoints(einsum) && !stepOffset;
}

/// Whether values are asked for while scores are computed, and keys of the next
/// step while values are summed up.
bool CascadeTiler::alternatesRequests() {
  if (vectorMultiplies != 1 || asksForListed() ||
      isPermuted(iterate.getParentAttr()))
    return false;
  int64_t rows = attn::getExtent(cascade.getRankExtents(), lane);
  return innerLanes || (!ShapedType::isDynamic(rows) && rows <= laneTile);
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
  // A matrix unit takes the keys of a step at once, from a copy of whole rows.
  if (asksForListed() && keyUnit > 0) {
    emitPrefetchListed(builder, loc, stepCount, einsum);
    emit();
    return;
  }
  Value first = stepFirst, count = stepCount;
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  // As many as one row's register tile holds, where it has lanes of its own.
  Value chunk = arith::ConstantIndexOp::create(
      builder, loc, asksForListed() ? kChunk : kKeysAhead);
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
    emitPrefetch(builder, loc, chunk);
  emit();
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

/// Asks for the rows of `chunk` keys, kKeysAhead behind those at hand.
void CascadeTiler::emitPrefetch(OpBuilder &builder, Location loc, Value chunk) {
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value count = arith::SelectOp::create(builder, loc, isFarAway(builder, loc),
                                        chunk, zero);
  Value first = arith::AddIOp::create(
      builder, loc, toTensor(builder, loc, stepFirst, place.keyBase),
      arith::ConstantIndexOp::create(builder, loc, kKeysAhead));
  auto loop = scf::ForOp::create(builder, loc, zero, count, one);
  OpBuilder body = OpBuilder::atBlockBegin(loop.getBody());
  emitPrefetchRows(
      body, loc,
      arith::AddIOp::create(body, loc, first, loop.getInductionVar()));
}

/// Asks for the rows at `count` keys from `first` on, if keys are too many for
/// caches: of what `einsum` asks for, or of what is summed over points alone.
void CascadeTiler::emitRequestsOfKeys(OpBuilder &builder, Location loc,
                                      Value first, Value count, EinsumOp einsum,
                                      bool onlySummed) {
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value isFar = isFarAway(builder, loc);
  Value token = toTensor(builder, loc, first, place.keyBase);
  auto loop = scf::ForOp::create(builder, loc, zero, count, one);
  loop->setAttr(kRequestsAttrName, builder.getUnitAttr());
  OpBuilder body = OpBuilder::atBlockBegin(loop.getBody());
  auto branch = scf::IfOp::create(body, loc, isFar);
  OpBuilder then = branch.getThenBodyBuilder();
  emitPrefetchRows(
      then, loc,
      arith::AddIOp::create(then, loc, token, loop.getInductionVar()), einsum,
      onlySummed);
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
    if (innerLanes && alternatesRequests() && yieldsPoints(einsum))
      emitRequestsOfKeys(builder, loc, stepFirst, stepCount, /*einsum=*/{},
                         /*onlySummed=*/true);
    emitPrefetchOfNextKeys(builder, loc, einsum);
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

/// Whether `einsum` sums up rows of an input over the points of a step.
bool CascadeTiler::sumsRows(EinsumOp einsum) {
  if (!einsum.getReduction() || !reducesPoints(einsum))
    return false;
  for (unsigned index = 0; index < einsum.getInputs().size(); ++index) {
    EinsumAccess read = einsum.getAccess(index);
    if (isInput(read.tensor) && read.map.getNumResults() != 0 &&
        classify(read, read.map.getResults().back()) == IndexRole::Local)
      return true;
  }
  return false;
}

/// Asks, in front of the first sum of rows of a step, for the keys of the next
/// step: so memory has something to bring in either phase.
void CascadeTiler::emitPrefetchOfNextKeys(OpBuilder &builder, Location loc,
                                          EinsumOp einsum) {
  if (!alternatesRequests())
    return;
  auto einsums = iterate.getBody().front().getOps<EinsumOp>();
  auto scores = llvm::find_if(
      einsums, [&](EinsumOp other) { return yieldsPoints(other); });
  auto sum =
      llvm::find_if(einsums, [&](EinsumOp other) { return sumsRows(other); });
  if (scores == einsums.end() || sum == einsums.end() || *sum != einsum)
    return;
  Value step = arith::ConstantIndexOp::create(
      builder, loc, cascade.getMapping()->getStreamTile());
  emitRequestsOfKeys(builder, loc,
                     arith::AddIOp::create(builder, loc, stepFirst, step), step,
                     *scores);
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
      bool isConverted = getComputeType(element) != element &&
                         !(hasPairs && element.isBF16()) &&
                         !alternatesRequests();
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
  emitPrefetchLines(builder, loc, input, indices, rowBytes,
                    /*isWrite=*/false,
                    alternatesRequests() ? kSecondLevel : kFirstLevel);
}

/// Asks for the rows of the results that a tile of permuted tokens writes: they
/// lie all over, and each store would wait for its line.
void CascadeTiler::emitPrefetchOfOutputs(OpBuilder &builder, Location loc) {
  if (!hasCaches || !isPermuted(lane))
    return;
  OpBuilder::InsertionGuard guard(builder);
  enterRows(builder, loc);
  for (auto [result, output] : llvm::zip(cascade.getYielded(), outputs)) {
    SmallVector<StringAttr> ranks;
    Value row = sliceRow(builder, loc, output, getTileRanks(result), ranks);
    auto type = cast<MemRefType>(row.getType());
    if (!type.hasStaticShape() || type.getRank() > 1)
      continue;
    int64_t rowBytes =
        type.getNumElements() * type.getElementTypeBitWidth() / 8;
    emitPrefetchLines(builder, loc, row, /*indices=*/{},
                      type.getRank() == 0 ? 0 : rowBytes, /*isWrite=*/true,
                      kSecondLevel);
  }
  leaveRows();
}
