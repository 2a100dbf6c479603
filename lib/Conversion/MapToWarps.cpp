//===- MapToWarps.cpp - Warps take the lanes of an item -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For tensor cores: a warp takes 16 or 32 lanes of an item as rows of its
// matrix products, in place of a lane for each thread. Buffers over the lanes
// leave scratch for registers; operands of products keep the 16 bits of their
// tensors. Functions that have none of it are left to attn-map-to-threads.
//
//===----------------------------------------------------------------------===//

#include "WarpLayouts.h"
#include "WorkerScratch.h"
#include "WorkspaceBytes.h"
#include "attn/Conversion/FusedForm.h"
#include "attn/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/LoopLikeInterface.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNMAPTOWARPS
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// Elements behind a row of an operand: eight rows then lie in different banks,
/// and a matrix is loaded without conflicts.
static constexpr int64_t kRowPadding = 8;
/// Accumulators that leave a thread registers for everything else.
static constexpr int64_t kMostAccumulators = 200;

namespace {

/// Rewrites one function.
class WarpMapper {
public:
  WarpMapper(func::FuncOp function, const WarpLayouts &layouts,
             int64_t warpLanes)
      : function(function), layouts(layouts), warpLanes(warpLanes),
        lane(function->getAttrOfType<StringAttr>(kLanesAttrName)) {}

  void run(func::FuncOp worker);
  int64_t getSharedBytes() const;

private:
  Value createView(OpBuilder &builder, Location loc, int64_t shift,
                   MemRefType type);
  Value createOperand(OpBuilder &builder, Location loc, int64_t shift,
                      int64_t rows, int64_t columns, Type element);
  static void replaceView(Value view, Value by);
  void placeRegisters(const WarpBuffer &buffer);
  void placeShared(const WarpBuffer &buffer);
  void placeOperand(const WarpBuffer &buffer);
  void createRows(const WarpBuffer &buffer, TileEinsumOp writer, int64_t shift);
  void roundWeights();
  Value createWeights(Operation *place, Value left, StringAttr depth,
                      Type element);
  void multiplyRows(const WarpBuffer &buffer, TileEinsumOp product,
                    int64_t shift);

  func::FuncOp function;
  const WarpLayouts &layouts;
  int64_t warpLanes, bytes = 0;
  StringAttr lane;
  Value memory;
};

} // namespace

static int64_t getBytes(const WarpBuffer &buffer) {
  ArrayRef<int64_t> shape = buffer.type.getShape();
  int64_t width =
      llvm::divideCeil(buffer.type.getElementTypeBitWidth(), int64_t(8));
  int64_t count = buffer.type.getNumElements();
  if (buffer.element) {
    width = buffer.element.getIntOrFloatBitWidth() / 8;
    bool isTurned = buffer.layout == TileLayout::Operand;
    int64_t rows = shape[isTurned], columns = shape[!isTurned];
    count = rows * (columns + kRowPadding);
  }
  return llvm::alignTo(count * width, kWorkspaceAlignment);
}

int64_t WarpMapper::getSharedBytes() const {
  int64_t sum = 0;
  for (const WarpBuffer &buffer : layouts.getBuffers())
    if (buffer.layout == TileLayout::Shared ||
        buffer.layout == TileLayout::Operand)
      sum += getBytes(buffer);
  return sum;
}

Value WarpMapper::createView(OpBuilder &builder, Location loc, int64_t shift,
                             MemRefType type) {
  return memref::ViewOp::create(
      builder, loc, type, memory,
      arith::ConstantIndexOp::create(builder, loc, shift), ValueRange());
}

/// Rows of `element` with padding between them.
Value WarpMapper::createOperand(OpBuilder &builder, Location loc, int64_t shift,
                                int64_t rows, int64_t columns, Type element) {
  Value whole =
      createView(builder, loc, shift,
                 MemRefType::get({rows, columns + kRowPadding}, element));
  SmallVector<OpFoldResult> zeros(2, builder.getIndexAttr(0)),
      ones(2, builder.getIndexAttr(1));
  SmallVector<OpFoldResult> sizes = {builder.getIndexAttr(rows),
                                     builder.getIndexAttr(columns)};
  return memref::SubViewOp::create(builder, loc, whole, zeros, sizes, ones);
}

/// Replaces a view by one of another type, and all that are parts of it.
void WarpMapper::replaceView(Value view, Value by) {
  // One that reads it twice is one of them once.
  llvm::SetVector<Operation *> users(llvm::from_range, view.getUsers());
  for (Operation *user : users) {
    if (auto part = dyn_cast<memref::SubViewOp>(user)) {
      OpBuilder builder(part);
      replaceView(part, memref::SubViewOp::create(
                            builder, part.getLoc(), by, part.getMixedOffsets(),
                            part.getMixedSizes(), part.getMixedStrides()));
      part.erase();
    } else if (auto cast = dyn_cast<memref::CastOp>(user)) {
      replaceView(cast, by);
      cast.erase();
    } else {
      user->replaceUsesOfWith(view, by);
    }
  }
}

/// What `attn.layout` says of a buffer in registers.
static StringRef getLayoutName(TileLayout layout) {
  if (layout == TileLayout::Uniform)
    return kUniformLayout;
  return layout == TileLayout::RowVector ? "row_vector" : "accumulator";
}

void WarpMapper::placeRegisters(const WarpBuffer &buffer) {
  OpBuilder builder = OpBuilder::atBlockBegin(&function.getBody().front());
  auto place = memref::AllocaOp::create(builder, buffer.views.front()->getLoc(),
                                        buffer.type);
  place->setAttr(kLayoutAttrName,
                 builder.getStringAttr(getLayoutName(buffer.layout)));
  for (memref::ViewOp view : buffer.views) {
    view.replaceAllUsesWith(place.getResult());
    view.erase();
  }
}

void WarpMapper::placeShared(const WarpBuffer &buffer) {
  for (memref::ViewOp view : buffer.views) {
    OpBuilder builder(view);
    Location loc = view.getLoc();
    if (buffer.element)
      replaceView(view,
                  createOperand(builder, loc, bytes, buffer.type.getDimSize(0),
                                buffer.type.getDimSize(1), buffer.element));
    else
      view.replaceAllUsesWith(createView(builder, loc, bytes, buffer.type));
    view.erase();
  }
  // Products read whole tiles; copies leave zeros themselves.
  if (buffer.isComputed)
    for (TileEinsumOp writer : buffer.writers)
      createRest(writer);
  bytes += getBytes(buffer);
}

/// The rows that `writer` computed with a factor, without it and by rows: a
/// copy that the block waits for, or a map whose points all its threads share.
void WarpMapper::createRows(const WarpBuffer &buffer, TileEinsumOp writer,
                            int64_t shift) {
  OpBuilder builder(writer);
  Location loc = writer.getLoc();
  SmallVector<StringAttr> ranks = writer.getOutputRanks();
  std::swap(ranks[0], ranks[1]);
  SmallVector<StringAttr> clamped(
      writer.getClampedRanks().getAsRange<StringAttr>());
  Value rows = createOperand(builder, loc, shift, buffer.type.getDimSize(1),
                             buffer.type.getDimSize(0), buffer.element);
  SmallVector<EinsumAccess> accesses;
  for (unsigned index = 0; index < writer.getInputs().size(); ++index)
    accesses.push_back(writer.getAccess(index));
  if (buffer.isComputed)
    gpu::BarrierOp::create(builder, loc);
  auto einsum = TileEinsumOp::create(
      builder, loc, rows, ranks, accesses, std::nullopt,
      /*accumulate=*/false, clamped,
      [&](OpBuilder &map, Location, ValueRange args) {
        IRMapping mapping;
        mapping.map(writer.getMap()->getArguments(), args);
        Value plain = splitFactor(writer).first, result = writer.getMapResult();
        for (Operation &op : writer.getMap()->without_terminator())
          if (plain == result || &op != result.getDefiningOp())
            map.clone(op, mapping);
        return mapping.lookupOrDefault(plain);
      });
  if (buffer.isComputed) {
    SmallVector<Attribute> names(ranks.begin(), ranks.end());
    einsum->setAttr(kThreadRanksAttrName, builder.getArrayAttr(names));
  } else {
    einsum->setAttr(kAsyncAttrName, builder.getUnitAttr());
    NVVM::CpAsyncWaitGroupOp::create(builder, loc, 0);
  }
  gpu::BarrierOp::create(builder, loc);
  writer.erase();
}

/// A product of the rows as they lie, with the factor behind it: rows with a
/// factor are not exact in 16 bits.
void WarpMapper::multiplyRows(const WarpBuffer &buffer, TileEinsumOp product,
                              int64_t shift) {
  OpBuilder builder(product);
  Location loc = product.getLoc();
  std::optional<Contraction> parts = Contraction::match(product, lane);
  Value rows = createOperand(builder, loc, shift, buffer.type.getDimSize(1),
                             buffer.type.getDimSize(0), buffer.element);
  EinsumAccess accesses[2];
  accesses[parts->left] = EinsumAccess::get(rows, {lane, parts->depth});
  accesses[parts->right] = product.getAccess(parts->right);
  Value out = product.getInit();
  SmallVector<StringAttr> ranks = product.getOutputRanks();
  TileEinsumOp::create(
      builder, loc, out, ranks, accesses,
      EinsumReduction{ReductionKind::Add, {parts->depth}},
      product.getAccumulate(), {},
      [](OpBuilder &map, Location at, ValueRange args) -> Value {
        return arith::MulFOp::create(map, at, args[0], args[1]);
      });
  if (buffer.factor)
    createScale(builder, loc, out, ranks, buffer.factor);
  product.erase();
}

void WarpMapper::placeOperand(const WarpBuffer &buffer) {
  createRows(buffer, buffer.writers.front(), bytes);
  for (TileEinsumOp product : buffer.readers)
    multiplyRows(buffer, product, bytes);
  for (memref::ViewOp view : buffer.views)
    view.erase();
  bytes += getBytes(buffer);
}

void WarpMapper::run(func::FuncOp worker) {
  for (const WarpBuffer &buffer : layouts.getBuffers())
    memory = memref::ViewOp(buffer.views.front()).getSource();
  // Operands last, as they make einsums that read the others.
  SmallVector<const WarpBuffer *> operands;
  for (const WarpBuffer &buffer : layouts.getBuffers()) {
    if (buffer.layout == TileLayout::Operand)
      operands.push_back(&buffer);
    else if (buffer.layout == TileLayout::Shared)
      placeShared(buffer);
    else
      placeRegisters(buffer);
  }
  for (const WarpBuffer *buffer : operands)
    placeOperand(*buffer);
  for (scf::ForOp loop : layouts.getRowLoops())
    loop->setAttr(kRowLoopAttrName, UnitAttr::get(function.getContext()));
  roundWeights();
  setScratchBytes(function, worker, bytes);
  Builder builder(function.getContext());
  int64_t lanes =
      function->getAttrOfType<IntegerAttr>(kLaneTileAttrName).getInt();
  function->setAttr(kWarpLanesAttrName, builder.getI64IntegerAttr(warpLanes));
  function->setAttr(
      kBlockThreadsAttrName,
      builder.getI64IntegerAttr(lanes / warpLanes * kWarpThreads));
}

/// The place behind the last operation in front of `product`, in its block or
/// in one around it, that touches `tile`, if `part` of it is known there; else
/// that in front of the product.
static Operation *findRoundingPlace(TileEinsumOp product, Value part,
                                    Value tile) {
  Operation *definition = part == tile ? nullptr : part.getDefiningOp();
  for (Operation *at = product; !isa<func::FuncOp>(at);
       at = at->getParentOp()) {
    Operation *last = at->getPrevNode();
    while (last && !touches(last, tile) && last != definition)
      last = last->getPrevNode();
    if (last)
      return last->getNextNode();
    if (isa<LoopLikeOpInterface>(at->getParentOp()))
      break;
  }
  return product;
}

/// Weights become 16 bits when the last einsum in 32 has read them: what a
/// product multiplies then takes half of the registers, while sums are repaired
/// and copies awaited.
void WarpMapper::roundWeights() {
  SmallVector<std::pair<TileEinsumOp, Contraction>> products;
  function.walk([&](TileEinsumOp einsum) {
    std::optional<Contraction> product = Contraction::match(einsum, lane);
    if (!product)
      return;
    Value left = einsum.getInputs()[product->left];
    if (getWholeBuffer(left).getDefiningOp()->hasAttr(kLayoutAttrName))
      products.push_back({einsum, *product});
  });
  // Products of one kind share what they multiply.
  llvm::DenseMap<std::tuple<Value, Operation *, Type>, Value> known;
  for (auto [einsum, product] : products) {
    Value left = einsum.getInputs()[product.left];
    Value whole = getWholeBuffer(left);
    Type element =
        getElementTypeOrSelf(einsum.getInputs()[product.right].getType());
    Operation *place = findRoundingPlace(einsum, left, whole);
    auto [weights, isNew] = known.try_emplace({left, place, element}, Value());
    if (isNew)
      weights->second = createWeights(place, left, product.depth, element);
    einsum->replaceUsesOfWith(left, weights->second);
  }
}

/// A rounded copy of `left`, which is a tile in registers or a part of one, in
/// front of `place`.
Value WarpMapper::createWeights(Operation *place, Value left, StringAttr depth,
                                Type element) {
  OpBuilder builder = OpBuilder::atBlockBegin(&function.getBody().front());
  Location loc = place->getLoc();
  TilePart part = *TilePart::get(left);
  auto type = cast<MemRefType>(part.tile.getType());
  auto rounded = memref::AllocaOp::create(
      builder, loc, MemRefType::get(type.getShape(), element));
  rounded->setAttr(kLayoutAttrName, builder.getStringAttr("accumulator"));
  builder.setInsertionPoint(place);
  Value weights = rounded;
  if (left != part.tile) {
    SmallVector<OpFoldResult> ones(2, builder.getIndexAttr(1));
    weights = memref::SubViewOp::create(
        builder, loc, weights,
        ArrayRef<OpFoldResult>{part.first, builder.getIndexAttr(0)},
        ArrayRef<OpFoldResult>{part.size,
                               builder.getIndexAttr(type.getDimSize(1))},
        ones);
  }
  SmallVector<StringAttr> ranks = {depth, lane};
  TileEinsumOp::create(
      builder, loc, weights, ranks, EinsumAccess::get(left, ranks),
      std::nullopt, /*accumulate=*/false, {},
      [](OpBuilder &, Location, ValueRange args) { return args[0]; });
  return weights;
}

/// Whether tensor cores could multiply something: a tensor has 16 bits.
static bool hasMatrixTensors(func::FuncOp function) {
  return llvm::any_of(function.getArgumentTypes(), [](Type type) {
    Type element = getElementTypeOrSelf(type);
    return isa<MemRefType>(type) && (element.isBF16() || element.isF16());
  });
}

namespace {
struct MapToWarpsPass : public attn::impl::AttnMapToWarpsBase<MapToWarpsPass> {
  using Base::Base;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal() && function->hasAttr(kLanesAttrName) &&
          function->hasAttr(kLaneTileAttrName) && hasMatrixTensors(function))
        mapFunction(function);
  }

private:
  void mapFunction(func::FuncOp function) {
    auto emit = [](Operation *op) {
      InFlightDiagnostic remark = op->emitRemark();
      remark << "runs without tensor cores: ";
      return remark;
    };
    int64_t lanes =
        function->getAttrOfType<IntegerAttr>(kLaneTileAttrName).getInt();
    func::FuncOp worker = findWorker(function);
    if (!worker)
      return;
    if (lanes % kMatrixRows != 0) {
      emit(function) << "an item has " << lanes << " lanes, no multiple of "
                     << kMatrixRows;
      return;
    }
    FailureOr<WarpLayouts> layouts = WarpLayouts::get(function, emit);
    if (failed(layouts))
      return;
    int64_t warpLanes = kMatrixRows;
    if (lanes >= 128 &&
        layouts->countRegisters(2 * kMatrixRows) <= kMostAccumulators)
      warpLanes = 2 * kMatrixRows;
    if (int64_t count = layouts->countRegisters(warpLanes);
        count > kMostAccumulators) {
      emit(function) << "a thread would hold " << count
                     << " numbers of tiles in registers, more than "
                     << kMostAccumulators;
      return;
    }
    WarpMapper mapper(function, *layouts, warpLanes);
    if (mapper.getSharedBytes() > sharedBytes) {
      emit(function) << "operands take " << mapper.getSharedBytes()
                     << " bytes of shared memory, more than "
                     << static_cast<int64_t>(sharedBytes);
      return;
    }
    mapper.run(worker);
  }
};
} // namespace
