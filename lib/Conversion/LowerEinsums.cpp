//===- LowerEinsums.cpp - Einsums on tiles as vector loops ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One lowering for every einsum on memref tiles. The last rank of the result
// is its lane rank: its points lie side by side in vectors. Where no operand
// has it contiguous, but all have a reduced rank so, that one is the lane rank:
// EinsumReducedLanes.cpp. Other result ranks give the rows of a register tile,
// whose accumulators are carried through the reduction loops. An operand is
// read by a vector load where the lane rank is contiguous in it, by a broadcast
// where it lacks the rank, and by a gather where it is strided or indexed
// otherwise: TileOperands.cpp.
//
// Where attn-map-to-threads has given ranks of the result to the threads of a
// block, there are no vectors: each thread takes its points of these ranks, and
// loops over the others on scalars.
//
//===----------------------------------------------------------------------===//

#include "Contractions.h"
#include "EinsumLowering.h"
#include "attn/Analysis/CostModel.h"
#include "attn/Conversion/FusedForm.h"
#include "attn/Conversion/Passes.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNLOWEREINSUMS
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

EinsumLowering::EinsumLowering(TileEinsumOp einsum, int64_t vectorBits,
                               int64_t rowTileOption, bool hasDots)
    : einsum(einsum), loc(einsum.getLoc()),
      outType(cast<MemRefType>(einsum.getInit().getType())),
      outRanks(einsum.getOutputRanks()), reduced(einsum.getReduced()),
      hasDots(hasDots), operands(einsum) {
  Type compute = einsum.getMapResult().getType();
  vectorWidth = vectorBits / std::max(32u, compute.getIntOrFloatBitWidth());
  operands.setWidth(vectorWidth);
  rowTile = 1;
  blockVectors = kRegisterTileVectors;
  looped = outRanks;
  if (auto ranks = einsum->getAttrOfType<ArrayAttr>(kThreadRanksAttrName)) {
    threadRanks.emplace();
    for (auto rank : ranks.getAsRange<StringAttr>())
      threadRanks->push_back(rank);
    llvm::erase_if(looped, [&](StringAttr rank) {
      return llvm::is_contained(*threadRanks, rank);
    });
  } else {
    chooseLane();
  }
  if (auto rank = einsum->getAttrOfType<StringAttr>(kPairsAttrName))
    pairs = rank;
  chooseRows(rowTileOption);
}

Value EinsumLowering::getExtent(OpBuilder &builder, StringAttr rank) {
  for (auto [dim, name] : llvm::enumerate(outRanks))
    if (name == rank)
      return builder.createOrFold<memref::DimOp>(loc, einsum.getInit(), dim);
  return getOperandExtent(builder, einsum, rank);
}

void EinsumLowering::run() {
  OpBuilder builder(einsum);
  operands.prepare(builder, lane);
  computation.emplace(einsum, operands, lane ? vectorWidth : 0);
  if (threadRanks && isBlockSum())
    emitBlockSum(builder);
  else if (threadRanks)
    emitThreads(builder, *threadRanks);
  else if (reducesLanes)
    emitReducedLanes(builder);
  else
    emitLoops(builder, 0, [&](OpBuilder &body) { emitLanes(body); });
  for (std::optional<Joined> *joined : {&fold, &epilogue, &product})
    if (*joined)
      (*joined)->einsum.erase();
  if (pack)
    pack.erase();
  if (requests)
    requests.erase();
  einsum.erase();
}

void EinsumLowering::join(TileEinsumOp epilogueOp, TileEinsumOp foldOp,
                          TileEinsumOp packOp) {
  if (epilogueOp)
    epilogue.emplace(epilogueOp, vectorWidth);
  if (foldOp)
    fold.emplace(foldOp, vectorWidth);
  if ((pack = packOp))
    rowTile = 2;
}

/// Loops over the result ranks that are neither rows nor lanes.
void EinsumLowering::emitLoops(OpBuilder &builder, unsigned position,
                               function_ref<void(OpBuilder &)> emit) {
  if (position == looped.size()) {
    emit(builder);
    return;
  }
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  auto loop = scf::ForOp::create(builder, loc, zero,
                                 getExtent(builder, looped[position]), one);
  OpBuilder body = OpBuilder::atBlockBegin(loop.getBody());
  point[looped[position]] = loop.getInductionVar();
  emitLoops(body, position + 1, emit);
}

void EinsumLowering::emitLanes(OpBuilder &builder) {
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  if (!lane) {
    emitRows(builder, {zero, 0, {}});
    return;
  }
  if (transposesBits() && einsum->hasAttr(kMatrixTilesAttrName)) {
    emitTransposedBits(builder, getExtent(builder, *lane));
    return;
  }
  // With eight rows, blocks of three vectors fill the registers. Several of
  // them are a loop: written out they would only be compiled several times.
  // Copies are short, and faster without one.
  int64_t extent = outType.getShape().drop_back(interleaved ? 1 : 0).back();
  if (!ShapedType::isDynamic(extent)) {
    int64_t most = transposed ? 1 : blockVectors;
    int64_t block = most * vectorWidth, first = 0;
    if (transposesBits()) {
      first = extent / (2 * vectorWidth) * (2 * vectorWidth);
      emitTransposedBits(builder,
                         arith::ConstantIndexOp::create(builder, loc, first));
    }
    bool isCopy = reduced.empty() && einsum.isIdentityMap() && !transposed;
    if (extent - first >= 2 * block && !isCopy) {
      int64_t begin = first;
      first += (extent - first) / block * block;
      auto loop = scf::ForOp::create(
          builder, loc, arith::ConstantIndexOp::create(builder, loc, begin),
          arith::ConstantIndexOp::create(builder, loc, first),
          arith::ConstantIndexOp::create(builder, loc, block));
      OpBuilder body = OpBuilder::atBlockBegin(loop.getBody());
      emitRows(body, {loop.getInductionVar(), most, {}});
    }
    while (extent - first >= vectorWidth) {
      int64_t vectors = std::min<int64_t>(most, (extent - first) / vectorWidth);
      emitRows(
          builder,
          {arith::ConstantIndexOp::create(builder, loc, first), vectors, {}});
      first += vectors * vectorWidth;
    }
    if (first < extent)
      emitRows(builder,
               {arith::ConstantIndexOp::create(builder, loc, first), 1,
                arith::ConstantIndexOp::create(builder, loc, extent - first)});
    return;
  }
  Value size = getExtent(builder, *lane);
  Value width = arith::ConstantIndexOp::create(builder, loc, vectorWidth);
  Value rest = arith::RemUIOp::create(builder, loc, size, width);
  Value whole = arith::SubIOp::create(builder, loc, size, rest);
  Value begin = zero;
  if (transposesBits()) {
    Value wide = arith::ConstantIndexOp::create(builder, loc, 2 * vectorWidth);
    begin = arith::SubIOp::create(
        builder, loc, size, arith::RemUIOp::create(builder, loc, size, wide));
    emitTransposedBits(builder, begin);
  }
  auto loop = scf::ForOp::create(builder, loc, begin, whole, width);
  OpBuilder body = OpBuilder::atBlockBegin(loop.getBody());
  emitRows(body, {loop.getInductionVar(), 1, {}});
  Value hasRest =
      arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, rest, zero);
  auto branch = scf::IfOp::create(builder, loc, hasRest);
  OpBuilder then = branch.getThenBodyBuilder();
  emitRows(then, {whole, 1, rest});
}

void EinsumLowering::emitRows(OpBuilder &builder, const LaneBlock &lanes) {
  if (!rowRank) {
    emitTile(builder, lanes, {}, 1, {});
    return;
  }
  SmallVector<Value> folded = startFold(builder, lanes);
  emitRowTiles(builder, lanes, folded);
  storeFold(builder, lanes, folded);
}

/// Walks the rows in register tiles; the reduction of rows goes along.
void EinsumLowering::emitRowTiles(OpBuilder &builder, const LaneBlock &lanes,
                                  SmallVectorImpl<Value> &folded) {
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value size = getExtent(builder, *rowRank);
  auto emitLoop = [&](Value from, Value to, int64_t rows) {
    Value step = arith::ConstantIndexOp::create(builder, loc, rows);
    auto loop = scf::ForOp::create(builder, loc, from, to, step, folded);
    OpBuilder body = OpBuilder::atBlockBegin(loop.getBody());
    SmallVector<Value> carried(loop.getRegionIterArgs());
    emitTile(body, lanes, loop.getInductionVar(), rows * innerRows, carried);
    if (!carried.empty())
      scf::YieldOp::create(body, loc, carried);
    folded.assign(loop.getResults().begin(), loop.getResults().end());
  };
  if (rowTile == 1) {
    emitLoop(zero, size, 1);
    return;
  }
  int64_t extent =
      outType.getDimSize(llvm::find(outRanks, *rowRank) - outRanks.begin());
  if (!ShapedType::isDynamic(extent)) {
    int64_t whole = extent / rowTile * rowTile;
    Value end = arith::ConstantIndexOp::create(builder, loc, whole);
    if (whole > 0)
      emitLoop(zero, end, rowTile);
    if (extent > whole && transposed)
      emitLoop(end, size, 1);
    else if (extent > whole)
      emitTile(builder, lanes, end, (extent - whole) * innerRows, folded);
    return;
  }
  Value tile = arith::ConstantIndexOp::create(builder, loc, rowTile);
  Value rest = arith::RemUIOp::create(builder, loc, size, tile);
  Value whole = arith::SubIOp::create(builder, loc, size, rest);
  emitLoop(zero, whole, rowTile);
  emitRequestsOfRest(builder, whole, rest);
  emitLoop(whole, size, 1);
}

TileCoordinates EinsumLowering::getCoordinates(OpBuilder &builder,
                                               const LaneBlock &lanes,
                                               int64_t vector, Value firstRow,
                                               int64_t row) {
  TileCoordinates at;
  at.uniform = point;
  // The points of the inner ranks are the last digits of the row's number.
  for (const InnerRank &inner : innerRanks) {
    Value digit =
        arith::ConstantIndexOp::create(builder, loc, row % inner.extent);
    at.uniform[inner.rank] =
        inner.first
            ? builder.createOrFold<arith::AddIOp>(loc, inner.first, digit)
            : digit;
    row /= inner.extent;
  }
  if (rowRank)
    at.uniform[*rowRank] =
        row == 0 ? firstRow
                 : arith::AddIOp::create(
                       builder, loc, firstRow,
                       arith::ConstantIndexOp::create(builder, loc, row))
                       .getResult();
  if (lane) {
    at.lane = *lane;
    at.width = vectorWidth;
    at.count = lanes.count;
    at.firstLane =
        vector == 0
            ? lanes.first
            : arith::AddIOp::create(builder, loc, lanes.first,
                                    arith::ConstantIndexOp::create(
                                        builder, loc, vector * vectorWidth))
                  .getResult();
  }
  return at;
}

void EinsumLowering::emitTile(OpBuilder &builder, const LaneBlock &lanes,
                              Value firstRow, int64_t rows,
                              MutableArrayRef<Value> folded) {
  if (interleaved) {
    emitInterleaved(builder, lanes, firstRow, rows);
    return;
  }
  int64_t vectors = std::max<int64_t>(lanes.vectors, 1);
  Type scalar = einsum.getMapResult().getType();
  Type type = lane ? Type(VectorType::get({vectorWidth}, scalar)) : scalar;

  SmallVector<Value> values;
  if (reduced.empty()) {
    values = emitPoint(builder, lanes, firstRow, rows, {});
  } else {
    if (einsum.getAccumulate())
      values = loadAccumulators(builder, lanes, firstRow, rows);
    else
      for (int64_t position = 0; position < rows * vectors; ++position)
        values.push_back(computation->getIdentity(builder, type));
    emitReduction(builder, 0, lanes, firstRow, rows, values);
  }
  if (epilogue)
    for (auto [position, value] : llvm::enumerate(values))
      value = epilogue->computation.emitMap(
          builder,
          getCoordinates(builder, lanes, position % vectors, firstRow,
                         position / vectors),
          value, /*accumulator=*/{});
  if (fold)
    for (auto [position, value] : llvm::enumerate(values)) {
      Value &sum = folded[position % vectors];
      sum = fold->computation.combine(builder, sum, value);
    }
  bool isPacked = pack && rows == 2;
  if (isPacked)
    storePack(builder, lanes, firstRow, values);
  if (isPacked && pack->hasAttr(kLastReaderAttrName))
    return;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t vector = 0; vector < vectors; ++vector)
      operands.storeResult(
          builder, getCoordinates(builder, lanes, vector, firstRow, row),
          outRanks, values[row * vectors + vector]);
}

/// Nests the loops over the reduced ranks, carrying the accumulators.
void EinsumLowering::emitReduction(OpBuilder &builder, unsigned position,
                                   const LaneBlock &lanes, Value firstRow,
                                   int64_t rows,
                                   SmallVectorImpl<Value> &accumulators) {
  if (position == reduced.size()) {
    SmallVector<Value> current(accumulators.begin(), accumulators.end());
    accumulators = emitPoint(builder, lanes, firstRow, rows, current);
    return;
  }
  if (reduced[position] == pairs) {
    emitPairs(builder, lanes, firstRow, rows, accumulators);
    return;
  }
  if (requests && rows == rowTile * innerRows) {
    emitReductionWithRequests(builder, lanes, firstRow, rows, accumulators);
    return;
  }
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  auto loop = scf::ForOp::create(builder, loc, zero,
                                 getExtent(builder, reduced[position]), one,
                                 accumulators);
  OpBuilder body = OpBuilder::atBlockBegin(loop.getBody());
  point[reduced[position]] = loop.getInductionVar();
  SmallVector<Value> carried(loop.getRegionIterArgs());
  emitReduction(body, position + 1, lanes, firstRow, rows, carried);
  scf::YieldOp::create(body, loc, carried);
  accumulators.assign(loop.getResults().begin(), loop.getResults().end());
}

/// The first row that reads of input `index` what `row` reads.
int64_t EinsumLowering::getLoadedRow(unsigned index, int64_t row) {
  int64_t first = 0, unit = 1;
  for (const InnerRank &inner : innerRanks) {
    if (einsum.inputUsesRank(index, inner.rank))
      first += row % inner.extent * unit;
    row /= inner.extent;
    unit *= inner.extent;
  }
  if (rowRank && einsum.inputUsesRank(index, *rowRank))
    first += row * unit;
  return first;
}

/// Maps every value of a register tile. Operands are loaded once for the whole
/// of it, and those of a row right in front of their use: others keep no
/// register from the accumulators.
SmallVector<Value>
EinsumLowering::emitPoint(OpBuilder &builder, const LaneBlock &lanes,
                          Value firstRow, int64_t rows, ValueRange accumulators,
                          std::optional<LoadedOperand> given) {
  int64_t vectors = std::max<int64_t>(lanes.vectors, 1);
  unsigned count = einsum.getInputs().size();
  bool hasSquare = transposed && rows == vectorWidth;
  // loaded[row * vectors + vector][operand].
  SmallVector<SmallVector<Value>> loaded(rows * vectors,
                                         SmallVector<Value>(count));
  if (hasSquare)
    for (int64_t vector = 0; vector < vectors; ++vector)
      for (auto [row, value] : llvm::enumerate(
               loadTransposed(builder, *transposed, lanes, vector, firstRow)))
        loaded[row * vectors + vector][*transposed] = value;
  auto load = [&](unsigned index, int64_t row, int64_t vector) {
    bool usesLane = lane && einsum.inputUsesRank(index, *lane);
    int64_t from = getLoadedRow(index, row) * vectors + (usesLane ? vector : 0);
    int64_t to = row * vectors + vector;
    if (given && given->index == index)
      return given->vectors[vector];
    if (from != to)
      return loaded[from][index];
    return operands.load(builder, index,
                         getCoordinates(builder, lanes, vector, firstRow, row),
                         einsum.getMap()->getArgument(index).getType());
  };
  SmallVector<Value> results;
  for (int64_t row = 0; row < rows; ++row) {
    for (unsigned index = 0; index < count; ++index)
      for (int64_t vector = 0; vector < vectors; ++vector)
        if (!hasSquare || index != *transposed)
          loaded[row * vectors + vector][index] = load(index, row, vector);
    for (int64_t vector = 0; vector < vectors; ++vector) {
      int64_t position = row * vectors + vector;
      results.push_back(computation->emitMap(
          builder, getCoordinates(builder, lanes, vector, firstRow, row),
          loaded[position],
          accumulators.empty() ? Value() : accumulators[position]));
    }
  }
  return results;
}

namespace {
struct LowerEinsumsPass
    : public attn::impl::AttnLowerEinsumsBase<LowerEinsumsPass> {
  using Base::Base;
  void runOnOperation() override {
    if (auto module = dyn_cast<ModuleOp>(getOperation()))
      outlineCopies(module);
    SmallVector<TileEinsumOp> einsums;
    getOperation()->walk([&](TileEinsumOp einsum) {
      if (einsum.writesMemory())
        einsums.push_back(einsum);
    });
    llvm::SmallPtrSet<Operation *, 8> joined;
    // What waits for the sum behind it.
    llvm::DenseMap<Operation *, TileEinsumOp> products;
    auto lowerAlone = [&](TileEinsumOp product) {
      if (product)
        EinsumLowering(product, vectorBits, getRowTile(product), bf16Dots)
            .run();
    };
    for (TileEinsumOp einsum : einsums) {
      if (joined.contains(einsum))
        continue;
      if (TileEinsumOp sum = EinsumLowering::findAccumulation(einsum)) {
        products[sum] = einsum;
        continue;
      }
      if (einsum.isOrdered()) {
        einsum.emitOpError("reduces by a region that is not declared "
                           "commutative; tiles keep no order");
        return signalPassFailure();
      }
      auto function = einsum->getParentOfType<FunctionOpInterface>();
      if (einsum->hasAttr(kThreadRanksAttrName) &&
          !(function && function->hasAttr(kBlockThreadsAttrName))) {
        einsum.emitOpError("has '")
            << kThreadRanksAttrName << "', but its function has no '"
            << kBlockThreadsAttrName << "'; attn-map-to-threads sets both";
        return signalPassFailure();
      }
      if (einsum->hasAttr(kPairsAttrName))
        if (std::optional<StringRef> reason =
                EinsumLowering::checkPairs(einsum)) {
          einsum.emitOpError("has '") << kPairsAttrName << "', but " << *reason;
          return signalPassFailure();
        }
      bool isTiled = einsum->hasAttr(kMatrixTilesAttrName) &&
                     einsum->hasAttr(kPairsAttrName);
      if (isTiled)
        if (std::optional<StringRef> reason = checkMatrixTiles(einsum)) {
          einsum.emitOpError("has '")
              << kMatrixTilesAttrName << "', but " << *reason;
          return signalPassFailure();
        }
      TileEinsumOp product = products.lookup(einsum);
      if (amx && isTiled) {
        lowerAlone(product);
        lowerMatrixTiles(einsum);
        continue;
      }
      EinsumLowering lowering(einsum, vectorBits, getRowTile(einsum), bf16Dots);
      if (lowering.canJoin()) {
        TileEinsumOp epilogue = EinsumLowering::findEpilogue(einsum);
        TileEinsumOp fold = EinsumLowering::findFold(einsum, epilogue);
        TileEinsumOp pack = lowering.findPack(epilogue, fold);
        for (TileEinsumOp other : {epilogue, fold, pack})
          if (other)
            joined.insert(other);
        lowering.join(epilogue, fold, pack);
        if (product)
          lowering.joinProduct(product);
      } else {
        lowerAlone(product);
      }
      lowering.takeRequests();
      lowering.run();
    }
  }

private:
  /// The mapping's row tile, which attn-tile-cascade leaves on the function.
  int64_t getRowTile(TileEinsumOp einsum) {
    if (auto function = einsum->getParentOfType<func::FuncOp>())
      if (auto rows = function->getAttrOfType<IntegerAttr>(kRowTileAttrName))
        return rows.getInt();
    return rowTile;
  }
};
} // namespace
