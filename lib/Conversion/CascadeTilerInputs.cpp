//===- CascadeTilerInputs.cpp - What a tile reads of tensors --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An operand on a tile is a part of its tensor: read in place, or from a copy
// in scratch where it is converted, has its lanes apart, or lies all over the
// tensor, in permuted order or where an index tensor says.
//
//===----------------------------------------------------------------------===//

#include "CascadeTiler.h"
#include "IndexBuilder.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Conversion/FusedForm.h"
#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::attn;

/// The copy of what `access` reads, or null. A tensor may have several: at two
/// heads of an item, say.
const CascadeTiler::StagedCopy *
CascadeTiler::findCopy(const StagedInputs &copies, const EinsumAccess &access) {
  auto known = copies.find(access.tensor);
  if (known == copies.end())
    return nullptr;
  for (const StagedCopy &copy : known->second)
    if (isSameAccess(copy.access, access))
      return &copy;
  return nullptr;
}

/// The copy of a step's rows that `access` reads other columns of, as a
/// rotation does, or null.
const CascadeTiler::StagedCopy *
CascadeTiler::findRows(const EinsumAccess &access) const {
  auto known = staged.copies.find(access.tensor);
  if (known == staged.copies.end())
    return nullptr;
  for (const StagedCopy &copy : known->second) {
    if (copy.access.ranks != access.ranks || copy.access.readsData())
      continue;
    EinsumAccess rows = access;
    SmallVector<AffineExpr> exprs(access.map.getResults());
    for (auto [expr, whole] :
         llvm::zip_equal(exprs, copy.access.map.getResults()))
      if (classify(access, expr) == IndexRole::Local &&
          isa<AffineDimExpr>(whole))
        expr = whole;
    rows.map =
        AffineMap::get(access.map.getNumDims(), access.map.getNumSymbols(),
                       exprs, access.map.getContext());
    if (isSameAccess(rows, copy.access))
      return &copy;
  }
  return nullptr;
}

/// A copy of an input's tile in a scratch buffer, in the compute type and with
/// the lanes last. A streamed tile is converted once per step; a query tile is
/// packed once per item. In the inner loop, conversions and strided lanes would
/// cost as much as the arithmetic. Where the tensor `isEmpty`, which data is
/// known only when the kernel runs, the copy holds 0 (CL-10).
EinsumAccess CascadeTiler::stageInput(OpBuilder &builder, Location loc,
                                      const EinsumAccess &access,
                                      const EinsumAccess &tile,
                                      StagedInputs &copies, Value isEmpty) {
  if (const StagedCopy *copy = findCopy(copies, access))
    return EinsumAccess::get(sliceStep(builder, loc, copy->buffer),
                             copy->buffer.ranks);

  SmallVector<StringAttr> ranks;
  auto collect = [&](AffineExpr expr) {
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      if (StringAttr rank = tile.ranks[dim.getPosition()];
          !llvm::is_contained(ranks, rank))
        ranks.push_back(rank);
  };
  for (AffineExpr expr : tile.map.getResults()) {
    // A table has the slot as its index.
    expr.walk([&](AffineExpr inner) {
      if (auto symbol = dyn_cast<AffineSymbolExpr>(inner))
        llvm::for_each(tile.getData(symbol.getPosition())->map.getResults(),
                       collect);
      else
        collect(inner);
    });
  }
  TileBuffer buffer = allocate(builder, loc, ranks,
                               getElementTypeOrSelf(tile.tensor.getType()));
  SmallVector<StringAttr> clamped;
  if (llvm::is_contained(ranks, lane))
    clamped.push_back(lane);
  auto emit = [&](OpBuilder &nested, ArrayRef<EinsumAccess> accesses) {
    Value out = sliceStep(nested, loc, buffer, /*isCopy=*/true);
    Type element = getElementTypeOrSelf(out.getType());
    auto copy = TileEinsumOp::create(
        nested, loc, out, buffer.ranks, accesses, std::nullopt,
        /*accumulate=*/false, clamped,
        [&](OpBuilder &map, Location, ValueRange args) -> Value {
          if (!args.empty())
            return args[0];
          return arith::ConstantOp::create(map, loc, map.getZeroAttr(element));
        });
    if (fillsStep)
      copy->setAttr(kFilledAttrName, nested.getUnitAttr());
  };
  if (isEmpty) {
    auto branch = scf::IfOp::create(builder, loc, isEmpty, /*withElse=*/true);
    OpBuilder thenBuilder = branch.getThenBodyBuilder();
    emit(thenBuilder, {});
    OpBuilder elseBuilder = branch.getElseBodyBuilder();
    emit(elseBuilder, tile);
  } else {
    emit(builder, tile);
  }
  copies[access.tensor].push_back({access, buffer});
  return EinsumAccess::get(sliceStep(builder, loc, buffer), buffer.ranks);
}

/// Whether loads convert what a step reads: where the rows that share it fit a
/// register tile, each vector is loaded about once. Where multiply-adds take
/// all cycles of one kind of pipe conversions run beside them, of two tiles as
/// well.
bool CascadeTiler::isConvertedByLoads(const EinsumAccess &access) const {
  if (!innerLanes)
    return false;
  const int64_t mostRows = vectorMultiplies == 1 ? 16 : 8;
  int64_t rows = 1;
  for (unsigned position = 0; position < access.ranks.size(); ++position) {
    StringAttr rank = access.ranks[position];
    auto *found = extents.find(rank);
    if (isParallel(rank) || isPoint(rank) || found == extents.end() ||
        ShapedType::isDynamic(found->second) ||
        llvm::any_of(access.map.getResults(), [&](AffineExpr expr) {
          return expr.isFunctionOfDim(position);
        }))
      continue;
    rows = multiplyExtents(rows, rank == lane ? laneTile : found->second);
  }
  return rows <= mostRows;
}

/// Packs the inputs that the steps of the stream read along the lanes.
void CascadeTiler::packInputs(OpBuilder &builder, IterateOp op) {
  packed.clear();
  auto pack = [&](Location loc, const EinsumAccess &access) {
    if (!isInput(access.tensor))
      return;
    Reach reach = getReach(access);
    if (!reach.lanes || reach.stream || !(reach.isPlain || reach.data))
      return;
    bool readsLanes = false;
    EinsumAccess tile = getTileAccess(builder, loc, access, readsLanes);
    // What is looked up is copied in any case.
    if (!reach.data)
      stageInput(builder, loc, access, tile, packed);
  };
  for (auto einsum : op.getBody().front().getOps<EinsumOp>())
    for (unsigned index = 0; index < einsum.getInputs().size(); ++index)
      pack(einsum.getLoc(), einsum.getAccess(index));
  if (op.getParentAttr() == space.keyRank)
    for (AccessAttr operand : space.getPointOperands())
      pack(op.getLoc(), getPointAccess(operand));
}

AffineExpr CascadeTiler::lookUp(OpBuilder &builder, Location loc,
                                const EinsumAccess &access, AffineExpr expr,
                                SmallVectorImpl<StringAttr> &names,
                                SmallVectorImpl<DataIndex> &tables) {
  MLIRContext *context = builder.getContext();
  SmallVector<AffineExpr> symbols(access.extents.size(),
                                  getAffineConstantExpr(0, context));
  for (unsigned position = 0; position < access.extents.size(); ++position) {
    const DataIndex *data = access.getData(position);
    if (!data || !expr.isFunctionOfSymbol(position))
      continue;
    bool readsLanes = false;
    EinsumAccess table = getTileAccess(
        builder, loc,
        EinsumAccess(data->tensor, data->map, access.ranks, access.extents),
        readsLanes);
    // Over the ranks of the access that reads it.
    SmallVector<AffineExpr> dims;
    for (StringAttr rank : table.ranks)
      dims.push_back(getAffineDimExpr(
          llvm::find(access.ranks, rank) - access.ranks.begin(), context));
    symbols[position] = getAffineSymbolExpr(names.size(), context);
    names.push_back(builder.getStringAttr("%" + Twine(names.size())));
    tables.push_back({names.back(), table.tensor,
                      table.map.replaceDimsAndSymbols(
                          dims, {}, access.ranks.size(), /*numSymbols=*/0)});
  }
  return expr.replaceSymbols(symbols);
}

/// Where `expr` reads a dimension of `extent` elements for each point of this
/// step, in a table in scratch: within the dimension, whatever it computes
/// (CL-4, CL-10).
Value CascadeTiler::computeIndices(OpBuilder &builder, Location loc,
                                   const EinsumAccess &access, AffineExpr expr,
                                   Value extent) {
  EinsumAccess alone(access);
  alone.map =
      AffineMap::get(access.map.getNumDims(), access.map.getNumSymbols(), expr);
  if (const StagedCopy *known = findCopy(staged.indices, alone))
    return sliceStep(builder, loc, known->buffer);
  StringAttr point = iterate.getPointAttr();
  StringAttr stream = iterate.getParentAttr();
  SmallVector<EinsumAccess> reads;
  bool hasTokens = isPermuted(stream);
  if (hasTokens)
    reads.push_back(
        EinsumAccess::get(getSlotTable(builder, loc, stream), point));
  SmallVector<unsigned> symbols;
  for (unsigned position = 0; position < access.extents.size(); ++position) {
    const DataIndex *data = access.getData(position);
    if (!data || !expr.isFunctionOfSymbol(position))
      continue;
    symbols.push_back(position);
    bool readsLanes = false;
    reads.push_back(getTileAccess(
        builder, loc,
        EinsumAccess(data->tensor, data->map, access.ranks, access.extents),
        readsLanes));
  }
  Value first = toTensor(builder, loc, stepFirst, place.keyBase);
  TileBuffer table = allocate(builder, loc, point, builder.getI64Type());
  Value out = sliceStep(builder, loc, table);
  TileEinsumOp::create(
      builder, loc, out, point, reads, std::nullopt, /*accumulate=*/false, {},
      [&](OpBuilder &map, Location, ValueRange args) -> Value {
        IndexBuilder index{map, loc};
        auto toIndex = [&](Value value) -> Value {
          return arith::IndexCastOp::create(map, loc, map.getIndexType(),
                                            value);
        };
        Value token =
            hasTokens
                ? toIndex(args[0])
                : index.add(toTensor(map, loc,
                                     IndexOp::create(map, loc,
                                                     map.getIndexType(), point),
                                     /*base=*/{}),
                            first);
        // The token stands behind the ranks.
        SmallVector<Value> dims(access.ranks.size() + 1, token),
            values(access.extents.size(), token);
        for (auto [position, rank] : llvm::enumerate(access.ranks))
          if (isParallel(rank))
            dims[position] =
                coordinates[llvm::find(parallel, rank) - parallel.begin()];
        for (auto [position, value] :
             llvm::zip_equal(symbols, args.drop_front(hasTokens)))
          values[position] = index.most(
              index.least(toIndex(value), index.constant(kFarPosition)),
              index.constant(-kFarPosition));
        Value where = affine::expandAffineExpr(
            map, loc, getOverTokens(access, expr), dims, values);
        where = index.clamp(where, index.subtract(extent, index.constant(1)));
        return arith::IndexCastOp::create(map, loc, map.getI64Type(), where);
      });
  staged.indices[access.tensor].push_back({alone, table});
  return out;
}

/// `view` or, where its tensor `isEmpty`, zeros of that type (CL-10): one row
/// in the place of all. Null where the layout of the type has none.
Value CascadeTiler::selectZeros(OpBuilder &builder, Location loc, Value isEmpty,
                                Value view) {
  auto type = cast<MemRefType>(view.getType());
  auto layout = dyn_cast<StridedLayoutAttr>(type.getLayout());
  if (!layout || !ShapedType::isDynamic(layout.getOffset()) ||
      layout.getStrides().empty())
    return {};
  IndexBuilder index{builder, loc};
  SmallVector<OpFoldResult> sizes, strides;
  int64_t width = 1;
  for (auto [size, stride] :
       llvm::zip_equal(type.getShape(), layout.getStrides())) {
    bool isRow = stride == 1 && !ShapedType::isDynamic(size) && width == 1;
    if (!isRow && !ShapedType::isDynamic(stride))
      return {};
    width = isRow ? size : width;
    sizes.push_back(ShapedType::isDynamic(size)
                        ? OpFoldResult(index.constant(1))
                        : builder.getIndexAttr(size));
    strides.push_back(isRow ? OpFoldResult(builder.getIndexAttr(1))
                            : index.constant(0));
  }
  Type element = type.getElementType();
  Value row = allocate(builder, loc, MemRefType::get({width}, element));
  auto branch =
      scf::IfOp::create(builder, loc, isEmpty, /*withElseRegion=*/false);
  OpBuilder inBranch = branch.getThenBodyBuilder();
  TileEinsumOp::create(
      inBranch, loc, row, lane, ArrayRef<EinsumAccess>(), std::nullopt,
      /*accumulate=*/false, {},
      [&](OpBuilder &map, Location, ValueRange) -> Value {
        return arith::ConstantOp::create(map, loc, map.getZeroAttr(element));
      });
  Value zeros = memref::ReinterpretCastOp::create(
      builder, loc, type, row, OpFoldResult(index.constant(0)), sizes, strides);
  return arith::SelectOp::create(builder, loc, isEmpty, zeros, view);
}

EinsumAccess CascadeTiler::getTileAccess(OpBuilder &builder, Location loc,
                                         const EinsumAccess &access,
                                         bool &readsLanes) {
  MLIRContext *context = builder.getContext();
  auto getPoint = [&]() -> AffineExpr {
    for (auto [position, rank] : llvm::enumerate(access.ranks))
      if (isPoint(rank))
        return getAffineDimExpr(position, context);
    return {};
  };
  SmallVector<AffineExpr> exprs;
  auto buffer = buffers.find(access.tensor);
  if (buffer != buffers.end()) {
    for (int64_t dim : buffer->second.dims)
      exprs.push_back(access.map.getResult(dim));
    return fixRow(
        builder, loc,
        EinsumAccess(sliceStep(builder, loc, buffer->second),
                     AffineMap::get(access.ranks.size(), 0, exprs, context),
                     access.ranks));
  }

  Reach reach = getReach(access);
  // What data reads is copied, once for the item or the step.
  const StagedCopy *copy = nullptr;
  if ((reach.data && reach.lanes) ||
      ((reach.data || reach.computed) && stepCount))
    copy = findCopy(reach.lanes ? packed : staged.copies, access);
  if (copy)
    return EinsumAccess::get(sliceStep(builder, loc, copy->buffer),
                             copy->buffer.ranks);

  Value input = inputs[cast<BlockArgument>(access.tensor).getArgNumber()];
  auto type = cast<MemRefType>(input.getType());
  SmallVector<OpFoldResult> offsets, sizes, strides;
  SmallVector<int64_t> shape;
  bool hasLanes = false, isStreamed = false, isPlain = true;
  Value isEmpty;
  // Tokens of a permuted rank are read where they lie, through the part of its
  // table that the tile has.
  SmallVector<StringAttr> names;
  SmallVector<DataIndex> tables;
  auto addTableIndex = [&](StringAttr rank, AffineExpr slot, unsigned dim) {
    offsets.push_back(builder.getIndexAttr(0));
    sizes.push_back(memref::getMixedSize(builder, loc, input, dim));
    shape.push_back(type.getDimSize(dim));
    exprs.push_back(getAffineSymbolExpr(names.size(), context));
    names.push_back(builder.getStringAttr("%" + rank.getValue()));
    tables.push_back({names.back(), getSlotTable(builder, loc, rank),
                      AffineMap::get(access.ranks.size(), 0, slot)});
  };
  for (auto [dim, expr] : llvm::enumerate(access.map.getResults())) {
    strides.push_back(builder.getIndexAttr(1));
    IndexRole role = *classify(access, expr);
    switch (role) {
    case IndexRole::Parallel: {
      SmallVector<Value> operands;
      for (StringAttr rank : access.ranks) {
        auto *found = llvm::find(parallel, rank);
        operands.push_back(found == parallel.end()
                               ? firstRow
                               : coordinates[found - parallel.begin()]);
      }
      offsets.push_back(affine::makeComposedFoldedAffineApply(
          builder, loc, AffineMap::get(access.ranks.size(), 0, expr),
          getAsOpFoldResult(operands)));
      sizes.push_back(builder.getIndexAttr(1));
      continue;
    }
    case IndexRole::Lane:
      if (fixedToken) {
        offsets.push_back(fixedToken);
        sizes.push_back(builder.getIndexAttr(1));
        continue;
      }
      if (isPermuted(lane)) {
        addTableIndex(lane, expr, dim);
        hasLanes = true;
        continue;
      }
      offsets.push_back(
          toTensor(builder, loc, firstRow, place.rowBase, /*isRow=*/true));
      strides.back() = getRowStep(builder);
      sizes.push_back(rowCount);
      shape.push_back(ShapedType::kDynamic);
      hasLanes = readsLanes = true;
      exprs.push_back(expr);
      continue;
    case IndexRole::Stream:
      if (isPermuted(iterate.getParentAttr())) {
        addTableIndex(iterate.getParentAttr(), getPoint(), dim);
        isStreamed = true;
        continue;
      }
      offsets.push_back(toTensor(builder, loc, stepFirst, place.keyBase));
      strides.back() = builder.getIndexAttr(residues);
      sizes.push_back(stepCount);
      shape.push_back(ShapedType::kDynamic);
      isStreamed = true;
      exprs.push_back(getPoint());
      continue;
    case IndexRole::Local:
    case IndexRole::Data:
    case IndexRole::Computed:
      offsets.push_back(builder.getIndexAttr(0));
      sizes.push_back(memref::getMixedSize(builder, loc, input, dim));
      shape.push_back(type.getDimSize(dim));
      if (role == IndexRole::Local) {
        isPlain &= isa<AffineDimExpr>(expr);
        exprs.push_back(expr);
        continue;
      }
      if (role == IndexRole::Computed) {
        exprs.push_back(getAffineSymbolExpr(names.size(), context));
        names.push_back(builder.getStringAttr("%" + Twine(names.size())));
        tables.push_back({names.back(),
                          computeIndices(builder, loc, access, expr,
                                         getValueOrCreateConstantIndexOp(
                                             builder, loc, sizes.back())),
                          AffineMap::get(access.ranks.size(), 0, getPoint())});
        isStreamed = true;
      } else {
        exprs.push_back(lookUp(builder, loc, access, expr, names, tables));
      }
      if (type.getDimSize(dim) <= 0) {
        IndexBuilder index{builder, loc};
        Value size =
            getValueOrCreateConstantIndexOp(builder, loc, sizes.back());
        Value hasNone = index.equal(size, index.constant(0));
        isEmpty = isEmpty ? arith::OrIOp::create(builder, loc, isEmpty, hasNone)
                                .getResult()
                          : hasNone;
      }
      continue;
    }
  }
  if (isStreamed && !hasLanes && !isPlain && stepCount && !access.readsData())
    if (const StagedCopy *rows = findRows(access);
        rows && rows->buffer.ranks.size() == exprs.size()) {
      // A table of tokens has found the rows of the copy.
      for (AffineExpr &expr : exprs)
        if (isa<AffineSymbolExpr>(expr))
          expr = getPoint();
      return EinsumAccess(
          sliceStep(builder, loc, rows->buffer),
          AffineMap::get(access.ranks.size(), 0, exprs, context), access.ranks);
    }
  MemRefType viewType = memref::SubViewOp::inferRankReducedResultType(
      shape, type, offsets, sizes, strides);
  Value view = memref::SubViewOp::create(builder, loc, viewType, input, offsets,
                                         sizes, strides);
  // What is copied tests it there.
  if (isEmpty && hasCaches && !reach.data)
    if (Value other = selectZeros(builder, loc, isEmpty, view)) {
      view = other;
      isEmpty = {};
    }
  EinsumAccess tile(
      view, AffineMap::get(access.ranks.size(), names.size(), exprs, context),
      access.ranks, names);
  for (DataIndex &table : tables) {
    // Over the symbols of the access, of which a table reads none.
    table.map = AffineMap::get(access.ranks.size(), names.size(),
                               table.map.getResults(), context);
    tile.data.push_back(table);
  }
  if (reach.data || isEmpty) {
    // Outside of the steps nothing else reads the copy.
    StagedInputs once;
    StagedInputs &copies = reach.lanes ? packed
                           : stepCount ? staged.copies
                                       : once;
    readsLanes = false;
    return stageInput(builder, loc, access, tile, copies, isEmpty);
  }
  if (!isPlain || !stepCount)
    return tile;
  Type element = type.getElementType();
  bool isPacked = hasLanes && !isStreamed;
  // Rows from all over the tensor are gathered by the load of the tile, too;
  // where there are caches, each is read where it lies.
  bool isGathered = !tables.empty() && !hasCaches;
  bool isConverted = isStreamed && !hasLanes && isa<FloatType>(element) &&
                     (getComputeType(element) != element || isGathered) &&
                     !(tables.empty() && isConvertedByLoads(access));
  if (isPacked || isConverted) {
    EinsumAccess copy = stageInput(builder, loc, access, tile,
                                   isPacked ? packed : staged.copies);
    readsLanes = false;
    return copy;
  }
  return tile;
}
