//===- EinsumOp.cpp - The extended einsum ------------------------------ -===//
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

static SmallVector<StringAttr> toNames(ArrayAttr names) {
  return llvm::map_to_vector(
      names, [](Attribute name) { return cast<StringAttr>(name); });
}

SmallVector<StringAttr> EinsumOp::getRankNames() { return toNames(getRanks()); }

SmallVector<StringAttr> EinsumOp::getOutputRanks() {
  SmallVector<StringAttr> names = getRankNames();
  names.truncate(getOutputRank());
  return names;
}

SmallVector<StringAttr> EinsumOp::getReduced() {
  return toNames(getReducedRanks());
}

SmallVector<StringAttr> EinsumOp::getBoundRanks() {
  SmallVector<StringAttr> names = getRankNames();
  return SmallVector<StringAttr>(
      ArrayRef(names).drop_front(getOutputRank() + getReducedRanks().size()));
}

SmallVector<StringAttr> EinsumOp::getExtentNames() {
  return toNames(getExtents());
}

EinsumAccess EinsumOp::getAccess(unsigned index) {
  EinsumAccess access(getInputs()[index],
                      cast<AffineMapAttr>(getMaps()[index]).getValue(),
                      getRankNames(), getExtentNames());
  for (auto [number, tensor] : llvm::enumerate(getIndices())) {
    auto name = StringAttr::get(getContext(), "%" + Twine(number));
    access.extents.push_back(name);
    access.data.push_back(
        {name, tensor, cast<AffineMapAttr>(getIndexMaps()[number]).getValue()});
  }
  return access;
}

EinsumAccess EinsumOp::getIndexAccess(unsigned index) {
  return EinsumAccess(getIndices()[index],
                      cast<AffineMapAttr>(getIndexMaps()[index]).getValue(),
                      getRankNames(), getExtentNames());
}

SmallVector<EinsumAccess> EinsumOp::getAccesses() {
  SmallVector<EinsumAccess> accesses;
  for (unsigned index = 0; index < getInputs().size(); ++index)
    accesses.push_back(getAccess(index));
  for (unsigned index = 0; index < getIndices().size(); ++index)
    accesses.push_back(getIndexAccess(index));
  return accesses;
}

std::optional<EinsumReduction> EinsumOp::getEinsumReduction() {
  if (!getReduction())
    return std::nullopt;
  return EinsumReduction{*getReduction(), getReduced(),
                         getCombiner().empty() ? nullptr
                                               : &getCombiner().front(),
                         getIdentityAttr(), getCommutative()};
}

Block *EinsumOp::getCombinerBlock() {
  return getCombiner().empty() ? nullptr : &getCombiner().front().front();
}

bool EinsumOp::isOrdered() {
  return getReduction() == ReductionKind::Associative && !getCommutative();
}

int64_t EinsumOp::findRank(StringAttr rank) {
  for (auto [index, name] : llvm::enumerate(getRanks()))
    if (name == rank)
      return index;
  return -1;
}

bool EinsumOp::inputUsesRank(unsigned index, StringAttr rank) {
  int64_t position = findRank(rank);
  if (position < 0)
    return false;
  EinsumAccess access = getAccess(index);
  if (access.map.isFunctionOfDim(position))
    return true;
  for (unsigned symbol = 0; symbol < access.extents.size(); ++symbol)
    if (const DataIndex *data = access.getData(symbol);
        data && access.map.isFunctionOfSymbol(symbol) &&
        data->map.isFunctionOfDim(position))
      return true;
  return false;
}

ShapedType EinsumOp::getOutputType() {
  if (getInit())
    return cast<ShapedType>(getInit().getType());
  return cast<ShapedType>(getResult().getType());
}

Value EinsumOp::getMapResult() {
  return getMap()->getTerminator()->getOperand(0);
}

Operation *EinsumOp::getSingleMapOp() {
  Block *map = getMap();
  if (!llvm::hasNItems(map->without_terminator(), 1))
    return nullptr;
  Operation &op = map->front();
  if (op.getNumResults() != 1 || op.getResult(0) != getMapResult() ||
      op.getNumOperands() != map->getNumArguments())
    return nullptr;
  for (auto [operand, argument] :
       llvm::zip_equal(op.getOperands(), map->getArguments()))
    if (operand != argument)
      return nullptr;
  return &op;
}

bool EinsumOp::isIdentityMap() {
  return getMap()->getNumArguments() == 1 &&
         getMap()->without_terminator().empty() &&
         getMapResult() == getMap()->getArgument(0);
}

void EinsumOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  // On tensors an einsum is a function of its operands, `outs` among them.
  if (!isTileForm() || !isa<BaseMemRefType>(getInit().getType()))
    return;
  for (OpOperand &input : getInputsMutable())
    if (isa<BaseMemRefType>(input.get().getType()))
      effects.emplace_back(MemoryEffects::Read::get(), &input);
  for (OpOperand &index : getIndicesMutable())
    effects.emplace_back(MemoryEffects::Read::get(), &index);
  OpOperand &init = getInitMutable()[0];
  if (getAccumulate())
    effects.emplace_back(MemoryEffects::Read::get(), &init);
  effects.emplace_back(MemoryEffects::Write::get(), &init);
}

Speculation::Speculatability EinsumOp::getSpeculatability() {
  return isTileForm() && isa<BaseMemRefType>(getInit().getType())
             ? Speculation::NotSpeculatable
             : Speculation::Speculatable;
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

static void
buildEinsum(OpBuilder &builder, OperationState &state, Type outputType,
            Value init, ArrayRef<StringAttr> outputRanks,
            ArrayRef<EinsumAccess> accesses,
            std::optional<EinsumReduction> reduction, bool accumulate,
            ArrayRef<StringAttr> clamped,
            function_ref<Value(OpBuilder &, Location, ValueRange)> body) {
  MLIRContext *context = builder.getContext();
  SmallVector<StringAttr> ranks(outputRanks);
  if (reduction)
    llvm::append_range(ranks, reduction->ranks);
  SmallVector<StringAttr> extents;
  auto collect = [&](const EinsumAccess &access, AffineMap map) {
    for (auto [position, rank] : llvm::enumerate(access.ranks))
      if (map.isFunctionOfDim(position) && !llvm::is_contained(ranks, rank))
        ranks.push_back(rank);
    for (auto [position, extent] : llvm::enumerate(access.extents))
      if (map.isFunctionOfSymbol(position) && !access.getData(position) &&
          !llvm::is_contained(extents, extent))
        extents.push_back(extent);
  };
  auto isRead = [](const EinsumAccess &access, unsigned position) {
    return access.map.isFunctionOfSymbol(position) && access.getData(position);
  };
  for (const EinsumAccess &access : accesses) {
    collect(access, access.map);
    for (unsigned position = 0; position < access.extents.size(); ++position)
      if (isRead(access, position))
        collect(access, access.getData(position)->map);
  }

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
  if (init)
    state.addOperands(init);
  auto &properties = state.getOrAddProperties<EinsumOp::Properties>();
  properties.operandSegmentSizes = {static_cast<int32_t>(inputs.size()),
                                    static_cast<int32_t>(indices.size()),
                                    init ? 1 : 0};
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
  if (accumulate)
    properties.accumulate = builder.getUnitAttr();
  properties.clampedRanks = toArray(clamped);
  if (!init || isa<RankedTensorType>(outputType))
    state.addTypes(outputType);

  Region *region = state.addRegion();
  OpBuilder::InsertionGuard guard(builder);
  Block *map = builder.createBlock(
      region, region->end(), argumentTypes,
      SmallVector<Location>(argumentTypes.size(), state.location));
  Value result = body(builder, state.location, map->getArguments());
  YieldOp::create(builder, state.location, result);
  if (reduction && reduction->combiner)
    copyCombiner(builder, *reduction->combiner, *state.addRegion());
}

void EinsumOp::build(
    OpBuilder &builder, OperationState &state, Type result,
    ArrayRef<StringAttr> outputRanks, ArrayRef<EinsumAccess> accesses,
    std::optional<EinsumReduction> reduction,
    function_ref<Value(OpBuilder &, Location, ValueRange)> body) {
  buildEinsum(builder, state, result, /*init=*/{}, outputRanks, accesses,
              std::move(reduction), /*accumulate=*/false, /*clamped=*/{}, body);
}

void EinsumOp::build(
    OpBuilder &builder, OperationState &state, Value init,
    ArrayRef<StringAttr> outputRanks, ArrayRef<EinsumAccess> accesses,
    std::optional<EinsumReduction> reduction, bool accumulate,
    ArrayRef<StringAttr> clampedRanks,
    function_ref<Value(OpBuilder &, Location, ValueRange)> body) {
  buildEinsum(builder, state, init.getType(), init, outputRanks, accesses,
              std::move(reduction), accumulate, clampedRanks, body);
}
