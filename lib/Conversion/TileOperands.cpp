//===- TileOperands.cpp - Loads and stores of an einsum's tiles -----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileOperands.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <limits>

using namespace mlir;
using namespace mlir::attn;

namespace {
/// How an operand meets the lanes.
enum class LaneForm { Uniform, Contiguous, Gathered };
} // namespace

static bool isContiguous(MemRefType type) {
  SmallVector<int64_t> strides;
  int64_t offset;
  return succeeded(type.getStridesAndOffset(strides, offset)) &&
         !strides.empty() && strides.back() == 1;
}

bool TileOperands::isClamped(StringAttr rank) {
  return llvm::is_contained(einsum.getClampedRanks(), rank);
}

/// Whether elements take a byte each in memory and a bit each in a vector: a
/// vector load or store would pack them.
static bool isPackedInVectors(Type element) { return element.isInteger(1); }

/// Whether `expr` has the points of dimension `position` side by side in every
/// register of `width` of them that begins at a multiple of it: the point
/// itself, a whole number of registers away, and that modulo such a number, as
/// a rotation reads features.
static bool isSideBySide(AffineExpr expr, unsigned position, int64_t width) {
  auto isWhole = [&](AffineExpr value) {
    auto constant = dyn_cast<AffineConstantExpr>(value);
    return width > 0 && constant && constant.getValue() % width == 0;
  };
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dim.getPosition() == position;
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  return binary &&
         (binary.getKind() == AffineExprKind::Add ||
          binary.getKind() == AffineExprKind::Mod) &&
         isWhole(binary.getRHS()) &&
         isSideBySide(binary.getLHS(), position, width);
}

/// The form in which input `index` is read when `lane` is the lane rank, in
/// registers of `width` lanes where that is known.
static LaneForm getForm(TileEinsumOp einsum, unsigned index, StringAttr lane,
                        bool isClamped, int64_t width) {
  if (!einsum.inputUsesRank(index, lane))
    return LaneForm::Uniform;
  EinsumAccess access = einsum.getAccess(index);
  int64_t position = einsum.findRank(lane);
  unsigned uses = 0;
  for (AffineExpr expr : access.map.getResults())
    uses += expr.isFunctionOfDim(position);
  // Data that lanes index is another number for each of them.
  if (llvm::any_of(access.getDataRead(), [&](const DataIndex &data) {
        return data.map.isFunctionOfDim(position);
      }))
    return LaneForm::Gathered;
  // The operand uses the lane rank, so it has at least one index expression.
  bool isLast = isSideBySide(access.map.getResults().back(), position, width);
  auto type = cast<MemRefType>(access.tensor.getType());
  if (uses == 1 && isLast && !isClamped && isContiguous(type) &&
      !isPackedInVectors(type.getElementType()))
    return LaneForm::Contiguous;
  return LaneForm::Gathered;
}

bool TileOperands::readsApart(StringAttr rank) {
  for (unsigned index = 0; index < einsum.getInputs().size(); ++index)
    if (getForm(einsum, index, rank, isClamped(rank), width) ==
        LaneForm::Gathered)
      return true;
  return false;
}

bool TileOperands::readsSideBySide(StringAttr rank) {
  bool reads = false;
  for (unsigned index = 0; index < einsum.getInputs().size(); ++index)
    reads |= getForm(einsum, index, rank, isClamped(rank), width) ==
             LaneForm::Contiguous;
  return reads && !readsApart(rank);
}

TileOperands::FlatView TileOperands::flatten(OpBuilder &builder, Location loc,
                                             Value memref) {
  FlatView view;
  auto type = cast<MemRefType>(memref.getType());
  auto metadata =
      memref::ExtractStridedMetadataOp::create(builder, loc, memref);
  auto layout =
      StridedLayoutAttr::get(builder.getContext(), ShapedType::kDynamic, {1});
  auto flatType =
      MemRefType::get({ShapedType::kDynamic}, type.getElementType(), layout);
  // The extent of the view bounds nothing: gathers add their own offsets.
  Value size = arith::ConstantIndexOp::create(
      builder, loc, std::numeric_limits<int32_t>::max());
  view.memref = memref::ReinterpretCastOp::create(
      builder, loc, flatType, metadata.getBaseBuffer(),
      OpFoldResult(metadata.getOffset()), ArrayRef<OpFoldResult>{size},
      ArrayRef<OpFoldResult>{builder.getIndexAttr(1)});
  auto [strides, offset] = type.getStridesAndOffset();
  for (auto [position, stride] : llvm::enumerate(strides))
    view.strides.push_back(
        ShapedType::isDynamic(stride)
            ? metadata.getStrides()[position]
            : arith::ConstantIndexOp::create(builder, loc, stride).getResult());
  return view;
}

void TileOperands::prepare(OpBuilder &builder, std::optional<StringAttr> lane) {
  Location loc = einsum.getLoc();
  flat.resize(einsum.getInputs().size());
  if (!lane)
    return;
  for (auto [index, input] : llvm::enumerate(einsum.getInputs()))
    if (getForm(einsum, index, *lane, isClamped(*lane), width) ==
        LaneForm::Gathered)
      flat[index] = flatten(builder, loc, input);
  int64_t position = einsum.findRank(*lane);
  for (unsigned index = 0; index < einsum.getIndices().size(); ++index) {
    EinsumAccess table = einsum.getIndexAccess(index);
    if (table.map.isFunctionOfDim(position))
      flatTables.try_emplace(table.tensor, flatten(builder, loc, table.tensor));
  }
}

//===----------------------------------------------------------------------===//
// Coordinates
//===----------------------------------------------------------------------===//

static Value broadcast(OpBuilder &builder, Location loc, Value value,
                       int64_t width) {
  if (isa<VectorType>(value.getType()))
    return value;
  return vector::BroadcastOp::create(
      builder, loc, VectorType::get({width}, value.getType()), value);
}

/// Creates `OpTy` on scalars, or on vectors where one operand is a vector.
template <typename OpTy>
static Value createMixed(OpBuilder &builder, Location loc, Value left,
                         Value right, int64_t width) {
  if (isa<VectorType>(left.getType()) || isa<VectorType>(right.getType())) {
    left = broadcast(builder, loc, left, width);
    right = broadcast(builder, loc, right, width);
  }
  return OpTy::create(builder, loc, left, right);
}

Value TileOperands::getIndex(OpBuilder &builder, const TileCoordinates &at,
                             StringAttr rank) {
  if (!at.lane || rank != *at.lane)
    return at.uniform.lookup(rank);
  Location loc = einsum.getLoc();
  auto type = VectorType::get({at.width}, builder.getIndexType());
  Value lanes = vector::StepOp::create(builder, loc, type);
  return arith::AddIOp::create(builder, loc, lanes,
                               broadcast(builder, loc, at.firstLane, at.width));
}

/// Keeps an index in its dimension: what leaves it reads the nearest element.
Value TileOperands::clampIndex(OpBuilder &builder, Value index, Value memref,
                               unsigned dim, int64_t width) {
  Location loc = einsum.getLoc();
  auto widen = [&](Value bound) {
    return isa<VectorType>(index.getType())
               ? broadcast(builder, loc, bound, width)
               : bound;
  };
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value last = arith::SubIOp::create(
      builder, loc, builder.createOrFold<memref::DimOp>(loc, memref, dim), one);
  // A number of 32 bits is compared as one: what has registers of 32 bits needs
  // four instructions for each of the others.
  auto cast = index.getDefiningOp<arith::IndexCastOp>();
  if (cast && cast.getIn().getType().isInteger(32)) {
    Type narrow = builder.getI32Type();
    Value most = arith::ConstantIndexOp::create(
        builder, loc, std::numeric_limits<int32_t>::max());
    last = arith::IndexCastOp::create(
        builder, loc, narrow, arith::MinSIOp::create(builder, loc, last, most));
    Value near = arith::MinSIOp::create(builder, loc, cast.getIn(), last);
    near = arith::MaxSIOp::create(
        builder, loc, near,
        arith::ConstantIntOp::create(builder, loc, narrow, 0));
    return arith::IndexCastOp::create(builder, loc, index.getType(), near);
  }
  index = arith::MinSIOp::create(builder, loc, index, widen(last));
  return arith::MaxSIOp::create(builder, loc, index, widen(zero));
}

/// Whether `expr` may leave the operand where threads take the place of lanes:
/// it reads a clamped rank.
static bool readsClamped(TileEinsumOp einsum, AffineExpr expr,
                         const EinsumAccess &access,
                         std::optional<StringAttr> lane) {
  return llvm::any_of(einsum.getClampedRanks(), [&](Attribute rank) {
    auto *found = llvm::find(access.ranks, rank);
    return rank != lane.value_or(StringAttr()) && found != access.ranks.end() &&
           expr.isFunctionOfDim(found - access.ranks.begin());
  });
}

/// Data with which something is computed: further away than any tensor reaches,
/// all numbers are alike, and none overflows.
Value TileOperands::keepNear(OpBuilder &builder, Value index, int64_t width) {
  // spec: CL-10
  Location loc = einsum.getLoc();
  auto getBound = [&](int64_t bound) {
    Value value = arith::ConstantIndexOp::create(builder, loc, bound);
    return isa<VectorType>(index.getType())
               ? broadcast(builder, loc, value, width)
               : value;
  };
  index = arith::MinSIOp::create(builder, loc, index, getBound(kFarPosition));
  return arith::MaxSIOp::create(builder, loc, index, getBound(-kFarPosition));
}

/// The index that a table holds here: one, or one for each lane.
Value TileOperands::loadIndex(OpBuilder &builder, const DataIndex &data,
                              const EinsumAccess &access,
                              const TileCoordinates &at) {
  Location loc = einsum.getLoc();
  EinsumAccess table(data.tensor, data.map, access.ranks, access.extents);
  SmallVector<Value> indices;
  Value lanes, rest;
  for (auto [dim, expr] : llvm::enumerate(table.map.getResults())) {
    // Lanes may go on past the end, and so may threads that take their place;
    // any other coordinate is one of the table's.
    Value index = evaluate(builder, expr, table, at);
    if (!isa<AffineDimExpr>(expr) || isa<VectorType>(index.getType()) ||
        readsClamped(einsum, expr, table, at.lane))
      index = clampIndex(builder, index, table.tensor, dim, at.width);
    indices.push_back(index);
    if (!flatTables.contains(table.tensor))
      continue;
    Value stride = flatTables[table.tensor].strides[dim];
    index = createMixed<arith::MulIOp>(builder, loc, index, stride, at.width);
    Value &sum = isa<VectorType>(index.getType()) ? lanes : rest;
    sum = sum ? arith::AddIOp::create(builder, loc, sum, index).getResult()
              : index;
  }
  Type element = getElementTypeOrSelf(table.tensor.getType());
  Type type = builder.getIndexType();
  Value value;
  if (lanes) {
    auto vectorType = VectorType::get({at.width}, element);
    Value all = arith::ConstantOp::create(
        builder, loc,
        DenseElementsAttr::get(VectorType::get({at.width}, builder.getI1Type()),
                               true));
    if (!rest)
      rest = arith::ConstantIndexOp::create(builder, loc, 0);
    Value zeros = arith::ConstantOp::create(builder, loc,
                                            builder.getZeroAttr(vectorType));
    value = vector::GatherOp::create(builder, loc, vectorType,
                                     flatTables[table.tensor].memref, rest,
                                     lanes, all, zeros);
    type = VectorType::get({at.width}, type);
  } else {
    value = memref::LoadOp::create(builder, loc, table.tensor, indices);
  }
  if (element.isIndex())
    return value;
  return arith::IndexCastOp::create(builder, loc, type, value);
}

static bool readsTable(const EinsumAccess &access, AffineExpr expr) {
  for (unsigned symbol = 0; symbol < access.extents.size(); ++symbol)
    if (expr.isFunctionOfSymbol(symbol))
      return true;
  return false;
}

/// Whether an index may lie outside of its dimension: it is data, or of a rank
/// whose tile is larger than the operand, unless a mask is on its lanes.
static bool leavesTensor(TileEinsumOp einsum, AffineExpr expr,
                         const EinsumAccess &access,
                         std::optional<StringAttr> lane) {
  return readsTable(access, expr) || readsClamped(einsum, expr, access, lane);
}

Value TileOperands::evaluate(OpBuilder &builder, AffineExpr expr,
                             const EinsumAccess &access,
                             const TileCoordinates &at) {
  Location loc = einsum.getLoc();
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return getIndex(builder, at, access.ranks[dim.getPosition()]);
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return arith::ConstantIndexOp::create(builder, loc, constant.getValue());
  // Of the symbols a tile knows data alone.
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return loadIndex(builder, *access.getData(symbol.getPosition()), access,
                     at);
  auto binary = cast<AffineBinaryOpExpr>(expr);
  auto getOperand = [&](AffineExpr operand) {
    Value value = evaluate(builder, operand, access, at);
    return isa<AffineSymbolExpr>(operand) ? keepNear(builder, value, at.width)
                                          : value;
  };
  Value left = getOperand(binary.getLHS());
  Value right = getOperand(binary.getRHS());
  switch (binary.getKind()) {
  case AffineExprKind::Add:
    return createMixed<arith::AddIOp>(builder, loc, left, right, at.width);
  case AffineExprKind::Mul:
    return createMixed<arith::MulIOp>(builder, loc, left, right, at.width);
  case AffineExprKind::FloorDiv:
    return createMixed<arith::FloorDivSIOp>(builder, loc, left, right,
                                            at.width);
  default: {
    Value quotient =
        createMixed<arith::FloorDivSIOp>(builder, loc, left, right, at.width);
    Value product =
        createMixed<arith::MulIOp>(builder, loc, quotient, right, at.width);
    return createMixed<arith::SubIOp>(builder, loc, left, product, at.width);
  }
  }
}

Value TileOperands::getMask(OpBuilder &builder, const TileCoordinates &at) {
  return vector::CreateMaskOp::create(
      builder, einsum.getLoc(),
      VectorType::get({at.width}, builder.getI1Type()), at.count);
}

//===----------------------------------------------------------------------===//
// Loads and stores
//===----------------------------------------------------------------------===//

Value TileOperands::convert(OpBuilder &builder, Location loc, Value value,
                            Type type) {
  Type from = getElementTypeOrSelf(value.getType());
  if (from == type)
    return value;
  Type to = type;
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    to = VectorType::get(vector.getShape(), type);
  if (type.getIntOrFloatBitWidth() > from.getIntOrFloatBitWidth())
    return arith::ExtFOp::create(builder, loc, to, value);
  return arith::TruncFOp::create(builder, loc, to, value);
}

static Value getZero(OpBuilder &builder, Location loc, Type type) {
  return arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type));
}

SmallVector<Value> TileOperands::getIndices(OpBuilder &builder, unsigned index,
                                            const TileCoordinates &at) {
  EinsumAccess access = einsum.getAccess(index);
  SmallVector<Value> indices;
  for (AffineExpr expr : access.map.getResults()) {
    Value position = evaluate(builder, expr, access, at);
    if (leavesTensor(einsum, expr, access, at.lane))
      position = clampIndex(builder, position, access.tensor, indices.size(),
                            at.width);
    indices.push_back(position);
  }
  return indices;
}

Value TileOperands::load(OpBuilder &builder, unsigned index,
                         const TileCoordinates &at, Type type) {
  Location loc = einsum.getLoc();
  EinsumAccess access = einsum.getAccess(index);
  Type element = getElementTypeOrSelf(access.tensor.getType());
  LaneForm form =
      at.lane ? getForm(einsum, index, *at.lane, isClamped(*at.lane), width)
              : LaneForm::Uniform;
  if (form == LaneForm::Gathered)
    return convert(builder, loc, loadGathered(builder, index, at, access),
                   type);

  if (form == LaneForm::Uniform)
    return convert(builder, loc,
                   memref::LoadOp::create(builder, loc, access.tensor,
                                          getIndices(builder, index, at)),
                   type);
  SmallVector<Value> indices;
  // Where the first lane reads, the others read beside it.
  TileCoordinates first = at;
  first.lane.reset();
  first.uniform[*at.lane] = at.firstLane;
  for (AffineExpr expr : access.map.getResults()) {
    Value position = evaluate(builder, expr, access, first);
    if (leavesTensor(einsum, expr, access, at.lane))
      position = clampIndex(builder, position, access.tensor, indices.size(),
                            at.width);
    indices.push_back(position);
  }
  auto vectorType = VectorType::get({at.width}, element);
  if (!at.count)
    return convert(builder, loc,
                   vector::LoadOp::create(builder, loc, vectorType,
                                          access.tensor, indices),
                   type);
  return convert(builder, loc,
                 vector::MaskedLoadOp::create(
                     builder, loc, vectorType, access.tensor, indices,
                     getMask(builder, at), getZero(builder, loc, vectorType)),
                 type);
}

Value TileOperands::loadGathered(OpBuilder &builder, unsigned index,
                                 const TileCoordinates &at,
                                 const EinsumAccess &access) {
  Location loc = einsum.getLoc();
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  TileCoordinates inside = at;
  Value scalarOffset = zero, laneOffset;
  for (auto [dim, expr] : llvm::enumerate(access.map.getResults())) {
    Value position = evaluate(builder, expr, access, inside);
    if (auto vectorType = dyn_cast<VectorType>(position.getType())) {
      // Lanes past the end read the last element: every load stays inside, and
      // nothing keeps what they compute.
      position = clampIndex(builder, position, access.tensor, dim, at.width);
      Value stride =
          broadcast(builder, loc, flat[index].strides[dim], at.width);
      position = arith::MulIOp::create(builder, loc, position, stride);
      laneOffset =
          laneOffset ? arith::AddIOp::create(builder, loc, laneOffset, position)
                           .getResult()
                     : position;
      continue;
    }
    if (leavesTensor(einsum, expr, access, at.lane))
      position = clampIndex(builder, position, access.tensor, dim, at.width);
    position =
        arith::MulIOp::create(builder, loc, position, flat[index].strides[dim]);
    scalarOffset = arith::AddIOp::create(builder, loc, scalarOffset, position);
  }

  Type element = getElementTypeOrSelf(access.tensor.getType());
  auto vectorType = VectorType::get({at.width}, element);
  if (element.getIntOrFloatBitWidth() >= 32) {
    Value all = arith::ConstantOp::create(
        builder, loc,
        DenseElementsAttr::get(VectorType::get({at.width}, builder.getI1Type()),
                               true));
    return vector::GatherOp::create(
        builder, loc, vectorType, flat[index].memref, scalarOffset, laneOffset,
        all, getZero(builder, loc, vectorType));
  }
  // No gather for narrow elements: one scalar load per lane.
  Value result = getZero(builder, loc, vectorType);
  for (int64_t position = 0; position < at.width; ++position) {
    Value offset =
        vector::ExtractOp::create(builder, loc, laneOffset, position);
    offset = arith::AddIOp::create(builder, loc, offset, scalarOffset);
    Value scalar =
        memref::LoadOp::create(builder, loc, flat[index].memref, offset);
    result = vector::InsertOp::create(builder, loc, scalar, result, position);
  }
  return result;
}

static SmallVector<Value> getResultIndices(const TileCoordinates &at,
                                           ArrayRef<StringAttr> ranks) {
  SmallVector<Value> indices;
  for (StringAttr rank : ranks)
    indices.push_back(at.lane && rank == *at.lane ? at.firstLane
                                                  : at.uniform.lookup(rank));
  return indices;
}

Value TileOperands::loadResult(OpBuilder &builder, const TileCoordinates &at,
                               ArrayRef<StringAttr> ranks, Type type) {
  Location loc = einsum.getLoc();
  Value out = einsum.getInit();
  SmallVector<Value> indices = getResultIndices(at, ranks);
  Type element = getElementTypeOrSelf(out.getType());
  if (!at.lane)
    return convert(builder, loc,
                   memref::LoadOp::create(builder, loc, out, indices), type);
  auto vectorType = VectorType::get({at.width}, element);
  if (isPackedInVectors(element) ||
      !isContiguous(cast<MemRefType>(out.getType()))) {
    // One by one: the lanes of a partial register repeat its first one.
    Value result = getZero(builder, loc, vectorType);
    for (int64_t position = 0; position < at.width; ++position) {
      Value offset = arith::ConstantIndexOp::create(builder, loc, position);
      if (at.count) {
        Value exists = arith::CmpIOp::create(
            builder, loc, arith::CmpIPredicate::ult, offset, at.count);
        offset = arith::SelectOp::create(
            builder, loc, exists, offset,
            arith::ConstantIndexOp::create(builder, loc, 0));
      }
      SmallVector<Value> here(indices);
      here.back() = arith::AddIOp::create(builder, loc, here.back(), offset);
      result = vector::InsertOp::create(
          builder, loc, memref::LoadOp::create(builder, loc, out, here), result,
          position);
    }
    return result;
  }
  Value value =
      at.count ? vector::MaskedLoadOp::create(builder, loc, vectorType, out,
                                              indices, getMask(builder, at),
                                              getZero(builder, loc, vectorType))
                     .getResult()
               : vector::LoadOp::create(builder, loc, vectorType, out, indices)
                     .getResult();
  return convert(builder, loc, value, type);
}

/// Stores lane by lane.
void TileOperands::storeLanes(OpBuilder &builder, const TileCoordinates &at,
                              ArrayRef<Value> indices, Value value) {
  Location loc = einsum.getLoc();
  for (int64_t position = 0; position < at.width; ++position) {
    Value offset = arith::ConstantIndexOp::create(builder, loc, position);
    OpBuilder body = builder;
    if (at.count) {
      Value exists = arith::CmpIOp::create(
          builder, loc, arith::CmpIPredicate::ult, offset, at.count);
      body = scf::IfOp::create(builder, loc, exists).getThenBodyBuilder();
    }
    SmallVector<Value> here(indices);
    here.back() = arith::AddIOp::create(body, loc, here.back(), offset);
    Value scalar = vector::ExtractOp::create(body, loc, value, position);
    memref::StoreOp::create(body, loc, scalar, einsum.getInit(), here);
  }
}

void TileOperands::storeResult(OpBuilder &builder, const TileCoordinates &at,
                               ArrayRef<StringAttr> ranks, Value value) {
  Location loc = einsum.getLoc();
  Value out = einsum.getInit();
  SmallVector<Value> indices = getResultIndices(at, ranks);
  Type element = getElementTypeOrSelf(out.getType());
  if (isa<FloatType>(element))
    value = convert(builder, loc, value, element);
  if (at.lane && (isPackedInVectors(element) ||
                  !isContiguous(cast<MemRefType>(out.getType())))) {
    storeLanes(builder, at, indices, value);
    return;
  }
  if (!at.lane)
    memref::StoreOp::create(builder, loc, value, out, indices);
  else if (at.count)
    vector::MaskedStoreOp::create(builder, loc, out, indices,
                                  getMask(builder, at), value);
  else
    vector::StoreOp::create(builder, loc, value, out, indices);
}
