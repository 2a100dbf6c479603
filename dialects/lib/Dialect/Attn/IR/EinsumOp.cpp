//===- EinsumOp.cpp - The extended einsum ---------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Verification.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// Accessors
//===----------------------------------------------------------------------===//

EinsumAccess EinsumAccess::get(Value tensor, ArrayRef<StringAttr> ranks) {
  MLIRContext *context = tensor.getContext();
  return EinsumAccess(
      tensor, AffineMap::getMultiDimIdentityMap(ranks.size(), context), ranks);
}

const DataIndex *EinsumAccess::getData(unsigned position) const {
  for (const DataIndex &index : data)
    if (index.name == extents[position])
      return &index;
  return nullptr;
}

SmallVector<DataIndex> EinsumAccess::getDataRead() const {
  SmallVector<DataIndex> read;
  for (unsigned position = 0; position < extents.size(); ++position)
    if (const DataIndex *index = getData(position);
        index && map.isFunctionOfSymbol(position))
      read.push_back(*index);
  return read;
}

bool EinsumAccess::readsData() const { return !getDataRead().empty(); }

SmallVector<StringAttr> attn::detail::toNames(ArrayAttr names, size_t first) {
  return llvm::map_to_vector(
      names.getValue().drop_front(first),
      [](Attribute name) { return cast<StringAttr>(name); });
}

EinsumAccess attn::detail::getAccess(EinsumOpInterface einsum, unsigned index) {
  EinsumAccess access(einsum.getInputs()[index],
                      cast<AffineMapAttr>(einsum.getMaps()[index]).getValue(),
                      einsum.getRankNames(), einsum.getExtentNames());
  for (auto [number, tensor] : llvm::enumerate(einsum.getIndices())) {
    auto name = StringAttr::get(einsum.getContext(), "%" + Twine(number));
    access.extents.push_back(name);
    access.data.push_back(
        {name, tensor,
         cast<AffineMapAttr>(einsum.getIndexMaps()[number]).getValue()});
  }
  return access;
}

EinsumAccess attn::detail::getIndexAccess(EinsumOpInterface einsum,
                                          unsigned index) {
  return EinsumAccess(
      einsum.getIndices()[index],
      cast<AffineMapAttr>(einsum.getIndexMaps()[index]).getValue(),
      einsum.getRankNames(), einsum.getExtentNames());
}

SmallVector<EinsumAccess> attn::detail::getAccesses(EinsumOpInterface einsum) {
  SmallVector<EinsumAccess> accesses;
  for (unsigned index = 0; index < einsum.getInputs().size(); ++index)
    accesses.push_back(getAccess(einsum, index));
  for (unsigned index = 0; index < einsum.getIndices().size(); ++index)
    accesses.push_back(getIndexAccess(einsum, index));
  return accesses;
}

std::optional<EinsumReduction>
attn::detail::getEinsumReduction(EinsumOpInterface einsum) {
  if (!einsum.getReduction())
    return std::nullopt;
  return EinsumReduction{
      *einsum.getReduction(), einsum.getReduced(),
      einsum.getCombiner().empty() ? nullptr : &einsum.getCombiner().front(),
      einsum.getIdentityAttr(), einsum.getCommutative()};
}

int64_t attn::detail::findRank(ArrayAttr ranks, StringAttr rank) {
  for (auto [index, name] : llvm::enumerate(ranks))
    if (name == rank)
      return index;
  return -1;
}

bool attn::detail::inputUsesRank(EinsumOpInterface einsum, unsigned index,
                                 StringAttr rank) {
  int64_t position = einsum.findRank(rank);
  if (position < 0)
    return false;
  EinsumAccess access = einsum.getAccess(index);
  if (access.map.isFunctionOfDim(position))
    return true;
  for (unsigned symbol = 0; symbol < access.extents.size(); ++symbol)
    if (const DataIndex *data = access.getData(symbol);
        data && access.map.isFunctionOfSymbol(symbol) &&
        data->map.isFunctionOfDim(position))
      return true;
  return false;
}

Operation *attn::detail::getSingleOp(Block *map) {
  if (!llvm::hasNItems(map->without_terminator(), 1))
    return nullptr;
  Operation &op = map->front();
  if (op.getNumResults() != 1 ||
      op.getResult(0) != map->getTerminator()->getOperand(0) ||
      op.getNumOperands() != map->getNumArguments())
    return nullptr;
  for (auto [operand, argument] :
       llvm::zip_equal(op.getOperands(), map->getArguments()))
    if (operand != argument)
      return nullptr;
  return &op;
}

bool attn::detail::isIdentity(Block *map) {
  return map->getNumArguments() == 1 && map->without_terminator().empty() &&
         map->getTerminator()->getOperand(0) == map->getArgument(0);
}

ShapedType EinsumOp::getOutputType() { return getResult().getType(); }

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

ShapedType TileEinsumOp::getOutputType() {
  return cast<ShapedType>(getInit().getType());
}

void TileEinsumOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  for (OpOperand &operand : (*this)->getOpOperands())
    if (isa<BaseMemRefType>(operand.get().getType()) &&
        (!isDpsInit(&operand) || getAccumulate()))
      effects.emplace_back(MemoryEffects::Read::get(), &operand);
  if (writesMemory())
    effects.emplace_back(MemoryEffects::Write::get(), &getInitMutable());
}

Speculation::Speculatability TileEinsumOp::getSpeculatability() {
  return hasPureTensorSemantics() ? Speculation::Speculatable
                                  : Speculation::NotSpeculatable;
}

//===----------------------------------------------------------------------===//
// Builders
//===----------------------------------------------------------------------===//

/// Copies the region of a reduction, with the constants that it takes from
/// outside.
static void copyCombiner(OpBuilder &builder, Region &from, Region &to) {
  IRMapping mapping;
  from.cloneInto(&to, mapping);
  Block &block = to.front();
  builder.setInsertionPointToStart(&block);
  for (Operation &op : block)
    for (OpOperand &operand : op.getOpOperands())
      if (operand.get().getParentBlock() != &block)
        operand.set(
            builder.clone(*operand.get().getDefiningOp())->getResult(0));
}

/// Appends the names that `exprs` have and the lists have not, in the order in
/// which the assembly says them.
static void collectNames(const EinsumAccess &access, ArrayRef<AffineExpr> exprs,
                         SmallVectorImpl<StringAttr> &ranks,
                         SmallVectorImpl<StringAttr> &extents) {
  auto append = [](SmallVectorImpl<StringAttr> &list, StringAttr name) {
    if (!llvm::is_contained(list, name))
      list.push_back(name);
  };
  for (AffineExpr expr : exprs) {
    if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
      append(ranks, access.ranks[dim.getPosition()]);
    } else if (auto symbol = dyn_cast<AffineSymbolExpr>(expr)) {
      if (const DataIndex *data = access.getData(symbol.getPosition()))
        collectNames(access, data->map.getResults(), ranks, extents);
      else
        append(extents, access.extents[symbol.getPosition()]);
    } else if (auto binary = dyn_cast<AffineBinaryOpExpr>(expr)) {
      collectNames(access, {binary.getLHS(), binary.getRHS()}, ranks, extents);
    }
  }
}

/// Adds what both einsums have: inputs and indices, the properties of the
/// iteration space, the regions. Returns the numbers of inputs and indices.
template <typename OpT>
static std::pair<int32_t, int32_t>
buildEinsum(OpBuilder &builder, OperationState &state, Type outputType,
            ArrayRef<StringAttr> outputRanks, ArrayRef<EinsumAccess> accesses,
            const std::optional<EinsumReduction> &reduction,
            function_ref<Value(OpBuilder &, Location, ValueRange)> body) {
  MLIRContext *context = builder.getContext();
  SmallVector<StringAttr> ranks(outputRanks);
  if (reduction)
    llvm::append_range(ranks, reduction->ranks);
  SmallVector<StringAttr> extents;
  auto isRead = [](const EinsumAccess &access, unsigned position) {
    return access.map.isFunctionOfSymbol(position) && access.getData(position);
  };
  for (const EinsumAccess &access : accesses)
    collectNames(access, access.map.getResults(), ranks, extents);

  // Rewrite every access over the common ranks, extents and data.
  SmallVector<std::pair<Value, AffineMap>> data;
  auto rewrite = [&](const EinsumAccess &access, AffineMap map,
                     ArrayRef<AffineExpr> dataSymbols) {
    SmallVector<AffineExpr> dims, symbols;
    for (StringAttr rank : access.ranks) {
      auto *found = llvm::find(ranks, rank);
      dims.push_back(found == ranks.end()
                         ? builder.getAffineConstantExpr(0)
                         : builder.getAffineDimExpr(found - ranks.begin()));
    }
    for (auto [position, extent] : llvm::enumerate(access.extents)) {
      auto *found = llvm::find(extents, extent);
      if (found == extents.end())
        symbols.push_back(position < dataSymbols.size() && dataSymbols[position]
                              ? dataSymbols[position]
                              : builder.getAffineConstantExpr(0));
      else
        symbols.push_back(builder.getAffineSymbolExpr(found - extents.begin()));
    }
    return map.replaceDimsAndSymbols(dims, symbols, ranks.size(),
                                     extents.size());
  };
  SmallVector<AffineMap> rewritten;
  SmallVector<Value> inputs;
  SmallVector<Type> argumentTypes;
  for (const EinsumAccess &access : accesses) {
    SmallVector<AffineExpr> dataSymbols(access.extents.size());
    for (unsigned position = 0; position < access.extents.size(); ++position) {
      if (!isRead(access, position))
        continue;
      const DataIndex *index = access.getData(position);
      std::pair<Value, AffineMap> read(index->tensor,
                                       rewrite(access, index->map, {}));
      auto *found = llvm::find(data, read);
      dataSymbols[position] =
          builder.getAffineSymbolExpr(extents.size() + (found - data.begin()));
      if (found == data.end())
        data.push_back(read);
    }
    rewritten.push_back(rewrite(access, access.map, dataSymbols));
    inputs.push_back(access.tensor);
    argumentTypes.push_back(
        getMapArgumentType(access.tensor.getType(), outputType));
  }
  SmallVector<Attribute> maps, indexMaps;
  for (AffineMap map : rewritten)
    maps.push_back(AffineMapAttr::get(
        AffineMap::get(ranks.size(), extents.size() + data.size(),
                       map.getResults(), context)));
  SmallVector<Value> indices;
  for (auto [tensor, map] : data) {
    indices.push_back(tensor);
    indexMaps.push_back(AffineMapAttr::get(map));
  }

  auto toArray = [&](ArrayRef<StringAttr> names) {
    return ArrayAttr::get(context,
                          SmallVector<Attribute>(names.begin(), names.end()));
  };
  state.addOperands(inputs);
  state.addOperands(indices);
  auto &properties = state.getOrAddProperties<typename OpT::Properties>();
  properties.ranks = toArray(ranks);
  properties.outputRank = builder.getI64IntegerAttr(outputRanks.size());
  properties.maps = ArrayAttr::get(context, maps);
  properties.indexMaps = ArrayAttr::get(context, indexMaps);
  properties.extents = toArray(extents);
  if (reduction) {
    properties.reduction = ReductionKindAttr::get(context, reduction->kind);
    properties.identity = reduction->identity;
    if (reduction->commutative)
      properties.commutative = builder.getUnitAttr();
  }
  properties.reducedRanks =
      toArray(reduction ? ArrayRef<StringAttr>(reduction->ranks)
                        : ArrayRef<StringAttr>());

  Region *region = state.addRegion();
  OpBuilder::InsertionGuard guard(builder);
  Block *map = builder.createBlock(
      region, region->end(), argumentTypes,
      SmallVector<Location>(argumentTypes.size(), state.location));
  Value result = body(builder, state.location, map->getArguments());
  YieldOp::create(builder, state.location, result);
  if (reduction && reduction->combiner)
    copyCombiner(builder, *reduction->combiner, *state.addRegion());
  return {inputs.size(), indices.size()};
}

void EinsumOp::build(
    OpBuilder &builder, OperationState &state, Type result,
    ArrayRef<StringAttr> outputRanks, ArrayRef<EinsumAccess> accesses,
    std::optional<EinsumReduction> reduction,
    function_ref<Value(OpBuilder &, Location, ValueRange)> body) {
  auto [numInputs, numIndices] = buildEinsum<EinsumOp>(
      builder, state, result, outputRanks, accesses, reduction, body);
  auto &properties = state.getOrAddProperties<Properties>();
  properties.operandSegmentSizes = {numInputs, numIndices};
  state.addTypes(result);
}

void TileEinsumOp::build(
    OpBuilder &builder, OperationState &state, Value init,
    ArrayRef<StringAttr> outputRanks, ArrayRef<EinsumAccess> accesses,
    std::optional<EinsumReduction> reduction, bool accumulate,
    ArrayRef<StringAttr> clampedRanks,
    function_ref<Value(OpBuilder &, Location, ValueRange)> body) {
  Type type = init.getType();
  auto [numInputs, numIndices] = buildEinsum<TileEinsumOp>(
      builder, state, type, outputRanks, accesses, reduction, body);
  state.addOperands(init);
  auto &properties = state.getOrAddProperties<Properties>();
  properties.operandSegmentSizes = {numInputs, numIndices, 1};
  if (accumulate)
    properties.accumulate = builder.getUnitAttr();
  properties.clampedRanks = builder.getArrayAttr(
      SmallVector<Attribute>(clampedRanks.begin(), clampedRanks.end()));
  if (isa<RankedTensorType>(type))
    state.addTypes(type);
}
