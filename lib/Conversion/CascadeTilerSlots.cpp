//===- CascadeTilerSlots.cpp - Tokens in permuted order -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A permuted rank is walked slot by slot, and so are keys that lists name. Its
// tokens stay where they are: a
// tile reads them through the slots' part of the rank's table, tests and
// indices take the tokens from there, and results are stored row by row to
// where their tokens lie.
//
//===----------------------------------------------------------------------===//

#include "CascadeTiler.h"
#include "IndexBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::attn;

bool CascadeTiler::isPermuted(StringAttr rank) const {
  return (space.readsSlots() && space.getPermutation(rank)) ||
         (rank == space.keyRank && walksTokens()) ||
         (grid && rank == space.queryRank);
}

/// Rows are the lanes, keys the streamed rank; their tables belong to the item.
LogicalResult CascadeTiler::checkPermutations(ErrorFn emit) {
  for (PermutationAttr permutation : space.permutations) {
    StringAttr rank = permutation.getRank();
    bool isStreamed = iterate && iterate.getParentAttr() == rank;
    if (rank != lane && !isStreamed)
      return emit(cascade) << "the permuted rank '" << rank.getValue()
                           << "' is neither the lanes nor streamed";
  }
  // Steps and points of a permuted rank count slots.
  if (iterate && isPermuted(iterate.getParentAttr()))
    return checkStepIndices(grid       ? "whose points are boxes of a grid"
                            : listAtom ? "whose points lists name"
                            : periodicAtom
                                ? "whose points come back with a period"
                                : "which is permuted",
                            emit);
  return success();
}

/// Refuses maps that ask which step of the streamed rank, or which point of a
/// step, they are at; `why` ends the sentence.
LogicalResult CascadeTiler::checkStepIndices(StringRef why, ErrorFn emit) {
  if (!iterate)
    return success();
  WalkResult walk = iterate.walk([&](IndexOp index) {
    if (index.getRankAttr() != iterate.getRankAttr() &&
        index.getRankAttr() != iterate.getPointAttr())
      return WalkResult::advance();
    emit(index->getParentOfType<EinsumOp>())
        << "asks for '" << index.getRank() << "', a part of the rank '"
        << iterate.getParent() << "', " << why;
    return WalkResult::interrupt();
  });
  return failure(walk.wasInterrupted());
}

/// Whether steps write down the tokens of their own keys: those that they
/// compute, and for warps those that a tensor has, so that copies find rows
/// through memory that is near, and tests see entries behind those of the step.
bool CascadeTiler::hasStepTokens() {
  return periodicAtom || (walksBoxes && place.grid->keyBox) ||
         (takesWholeSteps && isPermuted(iterate.getParentAttr()));
}

/// The tokens of the slots of `rank` that this tile has: those of the rows one
/// for each lane, those of the keys in the rank's own table.
Value CascadeTiler::getSlotTable(OpBuilder &builder, Location loc,
                                 StringAttr rank) {
  return rank == lane ? rowTokens : sliceTable(builder, loc, rank);
}

/// A copy of `table`, along `rank`: points behind its last entry get that, so
/// that nothing that reads them needs a mask.
Value CascadeTiler::copyTokens(OpBuilder &builder, Location loc, Value table,
                               StringAttr rank) {
  Type element = getElementTypeOrSelf(table.getType());
  Value copy = allocate(builder, loc, rank, element).memref;
  TileEinsumOp::create(
      builder, loc, copy, rank,
      ArrayRef<EinsumAccess>(EinsumAccess::get(table, rank)), std::nullopt,
      /*accumulate=*/false, ArrayRef<StringAttr>(rank),
      [](OpBuilder &, Location, ValueRange args) { return args[0]; });
  return copy;
}

/// Copies the tokens of the rows.
void CascadeTiler::loadRowTokens(OpBuilder &builder, Location loc) {
  rowTokens = {};
  if (isPermuted(lane))
    rowTokens = copyTokens(builder, loc, sliceTable(builder, loc, lane), lane);
}

/// Copies the tokens of the step.
void CascadeTiler::loadStepTokens(OpBuilder &builder, Location loc) {
  StringAttr point = iterate.getPointAttr();
  stepTokens = copyTokens(
      builder, loc,
      sliceTensor(builder, loc, iterate.getParentAttr(), stepFirst, stepCount),
      point);
  firstToken = stepFirst;
}

Value CascadeTiler::sliceTable(OpBuilder &builder, Location loc,
                               StringAttr rank) {
  bool isRow = rank == lane;
  return sliceTable(builder, loc, rank, isRow ? firstRow : stepFirst,
                    isRow ? rowCount : stepCount);
}

/// The token in slot `slot` of the streamed rank.
Value CascadeTiler::loadToken(OpBuilder &builder, Location loc, Value slot) {
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value table = sliceTable(builder, loc, iterate.getParentAttr(), slot, one);
  Value token = memref::LoadOp::create(builder, loc, table, zero);
  return arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                    token);
}

/// The tokens of `count` slots of `rank`, from `first` on.
Value CascadeTiler::sliceTable(OpBuilder &builder, Location loc,
                               StringAttr rank, Value first, Value count) {
  bool isRow = rank == lane;
  bool isOfStep =
      !isRow && (periodicAtom || (walksBoxes && place.grid->keyBox));
  if (grid && (isRow || walksBoxes) && !isOfStep) {
    OpFoldResult unit = builder.getIndexAttr(1);
    return memref::SubViewOp::create(
        builder, loc, isRow ? place.grid->rows : place.grid->keys,
        ArrayRef<OpFoldResult>(first), ArrayRef<OpFoldResult>(count), unit);
  }
  if (isOfStep) {
    OpFoldResult offset =
        IndexBuilder{builder, loc}.subtract(first, firstToken);
    OpFoldResult unit = builder.getIndexAttr(1);
    return memref::SubViewOp::create(builder, loc, stepTokens,
                                     ArrayRef<OpFoldResult>(offset),
                                     ArrayRef<OpFoldResult>(count), unit);
  }
  return sliceTensor(builder, loc, rank, first, count);
}

/// The same of the tensor that has the tokens of `rank`.
Value CascadeTiler::sliceTensor(OpBuilder &builder, Location loc,
                                StringAttr rank, Value first, Value count) {
  // Behind the ranks of their own, an order has its slots, and lists have their
  // numbers and then slots.
  auto indices = dyn_cast_or_null<IndicesAttr>(listAtom);
  AccessAttr access =
      indices ? indices.getIndices() : space.getPermutation(rank);
  ArrayRef<StringAttr> own =
      indices ? access.getRanks() : access.getRanks().drop_back();
  Value table = inputs[access.getInput()];
  SmallVector<OpFoldResult> offsets, sizes;
  for (StringAttr name : own)
    offsets.push_back(
        coordinates[llvm::find(parallel, name) - parallel.begin()]);
  if (indices)
    offsets.push_back(place.list->number);
  sizes.assign(offsets.size(), builder.getIndexAttr(1));
  SmallVector<OpFoldResult> strides(offsets.size() + 1,
                                    builder.getIndexAttr(1));
  offsets.push_back(first);
  sizes.push_back(count);
  auto type = memref::SubViewOp::inferRankReducedResultType(
      {ShapedType::kDynamic}, cast<MemRefType>(table.getType()), offsets, sizes,
      strides);
  return memref::SubViewOp::create(builder, loc, type, table, offsets, sizes,
                                   strides);
}

/// Calls `fn` with what the plan of tokens says to this item in place of what
/// the plan of slots does.
void CascadeTiler::withTokenPlan(function_ref<void()> fn) {
  std::swap(planSymbols, tokenSymbols);
  std::swap(testTerms, tokenTerms);
  buildsTokenPlan = true;
  fn();
  buildsTokenPlan = false;
  std::swap(planSymbols, tokenSymbols);
  std::swap(testTerms, tokenTerms);
}

/// The position of a token in the type of a test.
Value CascadeTiler::toTestPosition(OpBuilder &builder, Location loc,
                                   Value token) const {
  unsigned width = token.getType().getIntOrFloatBitWidth();
  if (width == testType.getIntOrFloatBitWidth())
    return token;
  if (width < testType.getIntOrFloatBitWidth())
    return arith::ExtSIOp::create(builder, loc, testType, token);
  return arith::TruncIOp::create(builder, loc, testType, token);
}

/// Whether the tokens in the slots of the current row and key are live.
Value CascadeTiler::buildTokensLive(OpBuilder &builder, Location loc,
                                    ArrayRef<Value> slots,
                                    const Tokens &tokens) {
  SmallVector<Value> point(slots);
  // A rank that is not permuted has its tokens in their own slots.
  StringAttr ranks[] = {lane, iterate.getParentAttr()};
  for (auto [index, rank] : llvm::enumerate(ranks))
    if (Value token = tokens.lookup(rank))
      point[index] = toTestPosition(builder, loc, token);
  Value live;
  withTokenPlan(
      [&] { live = buildPlanTest(builder, loc, *getTokenTest(), point); });
  return live;
}

/// The ranks whose tokens the test of a point reads: that of the plan, atoms
/// beside masks and predicates, or the region of a predicate.
SmallVector<StringAttr> CascadeTiler::getTokensOfTest() {
  SmallVector<StringAttr> ranks;
  if (!iterate)
    return ranks;
  bool readsAll = getTokenTest() || testsPositions() || (grid && !walksBoxes);
  SmallVector<StringAttr> indexed = space.getIndexedRanks();
  for (StringAttr rank : {lane, iterate.getParentAttr()})
    if (isPermuted(rank) && (readsAll || llvm::is_contained(indexed, rank)))
      ranks.push_back(rank);
  return ranks;
}

/// The ranks whose tokens the map of `einsum` reads, by index or in a test.
SmallVector<StringAttr> CascadeTiler::getTokensRead(EinsumOp einsum,
                                                    bool isMasked) {
  SmallVector<StringAttr> ranks;
  if (isMasked)
    ranks = getTokensOfTest();
  for (IndexOp index : einsum.getBody().getOps<IndexOp>()) {
    StringAttr rank = index.getRankAttr();
    bool isKnown = rank == lane && fixedToken;
    if (isPermuted(rank) && !isKnown && !llvm::is_contained(ranks, rank))
      ranks.push_back(rank);
  }
  return ranks;
}

/// Where one row is stored, its part of a tile without the lanes.
EinsumAccess CascadeTiler::fixRow(OpBuilder &builder, Location loc,
                                  EinsumAccess access) {
  if (!fixedRow)
    return access;
  auto type = cast<MemRefType>(access.tensor.getType());
  SmallVector<OpFoldResult> offsets, sizes,
      strides(type.getRank(), builder.getIndexAttr(1));
  SmallVector<int64_t> shape;
  SmallVector<AffineExpr> exprs;
  for (auto [dim, expr] : llvm::enumerate(access.map.getResults())) {
    auto plain = dyn_cast<AffineDimExpr>(expr);
    bool isRow = plain && access.ranks[plain.getPosition()] == lane;
    offsets.push_back(isRow ? OpFoldResult(fixedRow) : builder.getIndexAttr(0));
    sizes.push_back(
        isRow ? builder.getIndexAttr(1)
              : memref::getMixedSize(builder, loc, access.tensor, dim));
    if (isRow)
      continue;
    shape.push_back(type.getDimSize(dim));
    exprs.push_back(expr);
  }
  if (exprs.size() == access.map.getNumResults())
    return access;
  auto rowType = memref::SubViewOp::inferRankReducedResultType(
      shape, type, offsets, sizes, strides);
  Value row = memref::SubViewOp::create(builder, loc, rowType, access.tensor,
                                        offsets, sizes, strides);
  return EinsumAccess(
      row,
      AffineMap::get(access.map.getNumDims(), 0, exprs, builder.getContext()),
      access.ranks);
}

/// Starts a loop over the rows of the tile, each where its token lies, and
/// inserts into it. What reads or writes rows then does so at that one, until
/// leaveRows.
void CascadeTiler::enterRows(OpBuilder &builder, Location loc) {
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  auto loop = scf::ForOp::create(builder, loc, zero, rowCount, one);
  builder.setInsertionPointToStart(loop.getBody());
  fixedRow = loop.getInductionVar();
  Value token = memref::LoadOp::create(builder, loc, rowTokens, fixedRow);
  token =
      arith::IndexCastOp::create(builder, loc, builder.getIndexType(), token);
  // No store leaves the tensor, whatever the table holds.
  Value last =
      arith::SubIOp::create(builder, loc, getExtent(builder, loc, lane), one);
  token = arith::MinSIOp::create(builder, loc, token, last);
  fixedToken = arith::MaxSIOp::create(builder, loc, token, zero);
}

void CascadeTiler::leaveRows() { fixedRow = fixedToken = {}; }

/// The row at hand of `output`, with its ranks.
Value CascadeTiler::sliceRow(OpBuilder &builder, Location loc, Value output,
                             ArrayRef<StringAttr> tensorRanks,
                             SmallVectorImpl<StringAttr> &ranks) {
  auto type = cast<MemRefType>(output.getType());
  SmallVector<OpFoldResult> offsets, sizes,
      strides(type.getRank(), builder.getIndexAttr(1));
  SmallVector<int64_t> shape;
  for (auto [dim, rank] : llvm::enumerate(tensorRanks)) {
    bool isWhole = !isParallel(rank) && rank != lane;
    if (isParallel(rank))
      offsets.push_back(
          coordinates[llvm::find(parallel, rank) - parallel.begin()]);
    else
      offsets.push_back(isWhole ? builder.getIndexAttr(0)
                                : OpFoldResult(fixedToken));
    sizes.push_back(isWhole ? memref::getMixedSize(builder, loc, output, dim)
                            : builder.getIndexAttr(1));
    if (!isWhole)
      continue;
    shape.push_back(type.getDimSize(dim));
    ranks.push_back(rank);
  }
  auto viewType = memref::SubViewOp::inferRankReducedResultType(
      shape, type, offsets, sizes, strides);
  return memref::SubViewOp::create(builder, loc, viewType, output, offsets,
                                   sizes, strides);
}

/// Stores a result row by row, each where its token lies.
void CascadeTiler::emitPermutedOutput(OpBuilder &builder, Location loc,
                                      Value result, Value output,
                                      ArrayRef<StringAttr> tensorRanks) {
  OpBuilder::InsertionGuard guard(builder);
  enterRows(builder, loc);
  auto einsum = result.getDefiningOp<EinsumOp>();
  SmallVector<StringAttr> ranks;
  Value view = sliceRow(builder, loc, output, tensorRanks, ranks);
  if (einsum && !buffers.contains(result)) {
    emitMap(builder, einsum, view, ranks, /*accumulate=*/false, std::nullopt);
  } else {
    TileBuffer from = buffers.lookup(result);
    from.ranks.clear();
    for (int64_t dim : from.dims)
      from.ranks.push_back(tensorRanks[dim]);
    emitCopy(builder, loc, from, view, ranks);
  }
  leaveRows();
}
