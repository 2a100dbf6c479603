//===- DistributeCascade.cpp - Items of an unfused cascade ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/CascadeUtils.h"
#include "attn/Conversion/KernelSignature.h"
#include "attn/Conversion/Passes.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNDISTRIBUTECASCADE
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {

/// Finds the ranks whose points are independent of each other, and writes the
/// cascade of one point of all of them.
class CascadeDistributor {
public:
  explicit CascadeDistributor(CascadeOp cascade);

  ArrayRef<StringAttr> getRanks() const { return ranks.getArrayRef(); }
  void run();

private:
  void exclude(StringAttr rank) { ranks.remove(rank); }
  void excludeAll(AffineExpr expr, const EinsumAccess &access);
  void checkEinsum(EinsumOp einsum);
  void checkAccess(const EinsumAccess &access);
  SmallVector<StringAttr> &getDimensions(Value tensor);

  bool isDistributed(StringAttr rank) const { return ranks.contains(rank); }
  OpFoldResult getExtent(StringAttr rank);
  RankedTensorType getPointType(Value tensor);
  struct Slice {
    SmallVector<OpFoldResult> offsets, sizes, strides;
  };
  Slice getSlice(OpBuilder &at, Value tensor, Value whole, ValueRange point);
  bool isAmbiguous(Value tensor);
  Value extract(Value argument, Value input, ValueRange point);
  void insert(Value yielded, Value result, Value output, ValueRange point,
              scf::ForallOp forall);
  void clone(Block &from, OpBuilder &to);

  CascadeOp cascade;
  OpBuilder builder;
  llvm::SetVector<StringAttr> ranks;
  /// For each tensor of the body, the distributed rank of each dimension; null
  /// where a dimension stays.
  llvm::DenseMap<Value, SmallVector<StringAttr>> dimensions;
  /// An input and its dimension that has the extent of a rank.
  llvm::DenseMap<StringAttr, std::pair<Value, int64_t>> extents;
  IRMapping mapping;
};

} // namespace

//===----------------------------------------------------------------------===//
// Which ranks
//===----------------------------------------------------------------------===//

SmallVector<StringAttr> &CascadeDistributor::getDimensions(Value tensor) {
  auto [it, inserted] = dimensions.try_emplace(tensor);
  if (inserted)
    it->second.resize(cast<ShapedType>(tensor.getType()).getRank());
  return it->second;
}

void CascadeDistributor::excludeAll(AffineExpr expr,
                                    const EinsumAccess &access) {
  for (auto [position, rank] : llvm::enumerate(access.ranks))
    if (expr.isFunctionOfDim(position))
      exclude(rank);
}

/// One dimension of a tensor belongs to one rank in all einsums, or to none
/// that is distributed.
void CascadeDistributor::checkAccess(const EinsumAccess &access) {
  SmallVector<StringAttr> &dims = getDimensions(access.tensor);
  auto argument = dyn_cast<BlockArgument>(access.tensor);
  bool isInput = argument && argument.getOwner() == &cascade.getBody().front();
  for (auto [dim, expr] : llvm::enumerate(access.map.getResults())) {
    auto plain = dyn_cast<AffineDimExpr>(expr);
    StringAttr rank = plain ? access.ranks[plain.getPosition()] : StringAttr();
    if (!rank)
      excludeAll(expr, access);
    if (isInput && rank)
      extents.try_emplace(rank, cascade.getInputs()[argument.getArgNumber()],
                          dim);
    if (isInput && !dims[dim])
      dims[dim] = rank ? rank : StringAttr::get(cascade.getContext(), "");
    if (dims[dim] == rank)
      continue;
    if (rank)
      exclude(rank);
    if (dims[dim])
      exclude(dims[dim]);
  }
}

void CascadeDistributor::checkEinsum(EinsumOp einsum) {
  // Work that a rank has no part in would be repeated for each of its points.
  for (StringAttr rank : SmallVector<StringAttr>(ranks.getArrayRef()))
    if (!llvm::is_contained(einsum.getOutputRanks(), rank))
      exclude(rank);
  for (const EinsumAccess &access : einsum.getAccesses())
    checkAccess(access);
  einsum.walk([&](IndexOp op) { exclude(op.getRankAttr()); });
  SmallVector<StringAttr> &dims = getDimensions(einsum.getResult());
  llvm::copy(einsum.getOutputRanks(), dims.begin());
}

CascadeDistributor::CascadeDistributor(CascadeOp cascade)
    : cascade(cascade), builder(cascade) {
  // Candidates: the leading ranks of the first result.
  auto first = cascade.getYielded().empty()
                   ? EinsumOp()
                   : cascade.getYielded()[0].getDefiningOp<EinsumOp>();
  if (!first)
    return;
  for (StringAttr rank : first.getOutputRanks())
    ranks.insert(rank);
  if (cascade.hasSpace()) {
    exclude(cascade.getQueryRankAttr());
    exclude(cascade.getKeyRankAttr());
  }
  CascadeSpace space = cascade.getSpace();
  for (AccessAttr access : space.getAccesses())
    for (auto [dim, rank] : llvm::enumerate(access.getRanks()))
      getDimensions(cascade.getBody().getArgument(access.getInput()))[dim] =
          rank;
  // A predicate would lose the index of a rank that a point fixes, and the rank
  // its origin.
  for (StringAttr rank : space.getIndexedRanks())
    exclude(rank);
  for (OriginAttr origin : space.origins)
    exclude(origin.getRank());
  // And so would the number of the head.
  if (PerHeadAttr heads = space.getPerHead())
    for (StringAttr rank : heads.getRanks())
      exclude(rank);
  for (Value result : cascade.getYielded())
    if (!result.getDefiningOp<EinsumOp>() ||
        result.getParentBlock() != &cascade.getBody().front())
      ranks.clear();
  // Steps carry tensors from one to the next; they are walked in one item.
  cascade.walk([&](IterateOp) { ranks.clear(); });
  cascade.walk([&](EinsumOp einsum) { checkEinsum(einsum); });
  // A rank that is excluded late may have been accepted by a tensor before.
  unsigned size = ranks.size() + 1;
  while (size != ranks.size()) {
    size = ranks.size();
    cascade.walk([&](EinsumOp einsum) { checkEinsum(einsum); });
  }
  // Sizes are computed from the inputs.
  for (StringAttr rank : SmallVector<StringAttr>(ranks.getArrayRef()))
    if (!extents.contains(rank))
      exclude(rank);
  for (Value result : cascade.getYielded())
    if (auto einsum = result.getDefiningOp<EinsumOp>())
      for (auto [rank, size] : llvm::zip(einsum.getOutputRanks(),
                                         einsum.getOutputType().getShape()))
        if (ShapedType::isDynamic(size) && !extents.contains(rank))
          ranks.clear();
  // What lies next to each other in memory stays in the item.
  if (!ranks.empty())
    exclude(first.getOutputRanks().back());
}

//===----------------------------------------------------------------------===//
// One point
//===----------------------------------------------------------------------===//

OpFoldResult CascadeDistributor::getExtent(StringAttr rank) {
  auto [input, dim] = extents.lookup(rank);
  return tensor::getMixedSize(builder, cascade.getLoc(), input, dim);
}

RankedTensorType CascadeDistributor::getPointType(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<int64_t> shape;
  for (auto [rank, size] : llvm::zip(getDimensions(tensor), type.getShape()))
    if (!rank || !isDistributed(rank))
      shape.push_back(size);
  return RankedTensorType::get(shape, type.getElementType());
}

/// The part of `whole`, which is `tensor` of the cascade for all points, that
/// belongs to one of them. What it needs is made by `at`.
CascadeDistributor::Slice CascadeDistributor::getSlice(OpBuilder &at,
                                                       Value tensor,
                                                       Value whole,
                                                       ValueRange point) {
  Slice slice;
  for (auto [dim, rank] : llvm::enumerate(getDimensions(tensor))) {
    bool isPoint = rank && isDistributed(rank);
    slice.offsets.push_back(
        isPoint ? OpFoldResult(point[llvm::find(ranks, rank) - ranks.begin()])
                : at.getIndexAttr(0));
    slice.sizes.push_back(
        isPoint ? at.getIndexAttr(1)
                : tensor::getMixedSize(at, cascade.getLoc(), whole, dim));
    slice.strides.push_back(at.getIndexAttr(1));
  }
  return slice;
}

/// Whether a dimension of a point is one behind another that stays. A slice
/// that drops dimensions says only of which type it is, and upstream takes the
/// first of extent 1 for those that it drops.
bool CascadeDistributor::isAmbiguous(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  bool staysUnit = false;
  for (auto [rank, size] : llvm::zip(getDimensions(tensor), type.getShape())) {
    bool isPoint = rank && isDistributed(rank);
    if (isPoint && staysUnit)
      return true;
    staysUnit |= !isPoint && size == 1;
  }
  return false;
}

/// The dimensions of `type` in groups of one that is not of extent 1 each, if
/// there is any.
static SmallVector<ReassociationIndices> groupUnits(RankedTensorType type) {
  SmallVector<ReassociationIndices> groups;
  ReassociationIndices leading;
  for (auto [dim, size] : llvm::enumerate(type.getShape())) {
    if (size != 1) {
      leading.push_back(dim);
      groups.push_back(std::exchange(leading, {}));
    } else if (groups.empty()) {
      leading.push_back(dim);
    } else {
      groups.back().push_back(dim);
    }
  }
  return groups;
}

static RankedTensorType dropUnits(RankedTensorType type) {
  SmallVector<int64_t> shape(type.getShape());
  llvm::erase(shape, 1);
  return RankedTensorType::get(shape, type.getElementType());
}

/// What belongs to the point of `input`, which is `argument` for all points.
Value CascadeDistributor::extract(Value argument, Value input,
                                  ValueRange point) {
  Location loc = cascade.getLoc();
  Slice slice = getSlice(builder, argument, input, point);
  RankedTensorType type = getPointType(argument);
  if (!isAmbiguous(argument))
    return tensor::ExtractSliceOp::create(
        builder, loc, type, input, slice.offsets, slice.sizes, slice.strides);
  Value part =
      tensor::ExtractSliceOp::create(builder, loc, dropUnits(type), input,
                                     slice.offsets, slice.sizes, slice.strides);
  SmallVector<OpFoldResult> sizes;
  for (auto [rank, size] : llvm::zip(getDimensions(argument), slice.sizes))
    if (!rank || !isDistributed(rank))
      sizes.push_back(size);
  return tensor::ExpandShapeOp::create(builder, loc, type, part,
                                       groupUnits(type), sizes);
}

/// Puts `result`, which is `yielded` for one point, into `output`.
void CascadeDistributor::insert(Value yielded, Value result, Value output,
                                ValueRange point, scf::ForallOp forall) {
  Location loc = cascade.getLoc();
  OpBuilder before(forall.getTerminator());
  Slice slice = getSlice(before, yielded, output, point);
  if (isAmbiguous(yielded)) {
    auto type = cast<RankedTensorType>(result.getType());
    result = tensor::CollapseShapeOp::create(before, loc, dropUnits(type),
                                             result, groupUnits(type));
  }
  tensor::ParallelInsertSliceOp::create(
      builder, loc, result, output, slice.offsets, slice.sizes, slice.strides);
}

void CascadeDistributor::clone(Block &from, OpBuilder &to) {
  for (Operation &op : from.without_terminator()) {
    auto einsum = dyn_cast<EinsumOp>(op);
    if (!einsum) {
      to.clone(op, mapping);
      continue;
    }
    SmallVector<StringAttr> outputRanks = einsum.getOutputRanks();
    llvm::erase_if(outputRanks,
                   [&](StringAttr rank) { return isDistributed(rank); });
    SmallVector<EinsumAccess> accesses;
    for (unsigned index = 0; index < einsum.getInputs().size(); ++index) {
      EinsumAccess access = einsum.getAccess(index);
      auto drop = [&](AffineMap map) {
        SmallVector<AffineExpr> exprs;
        for (AffineExpr expr : map.getResults()) {
          auto plain = dyn_cast<AffineDimExpr>(expr);
          if (!plain || !isDistributed(access.ranks[plain.getPosition()]))
            exprs.push_back(expr);
        }
        return AffineMap::get(map.getNumDims(), map.getNumSymbols(), exprs,
                              cascade.getContext());
      };
      access.map = drop(access.map);
      access.tensor = mapping.lookup(access.tensor);
      for (DataIndex &data : access.data) {
        data.map = drop(data.map);
        data.tensor = mapping.lookup(data.tensor);
      }
      accesses.push_back(access);
    }
    auto created = EinsumOp::create(
        to, einsum.getLoc(), getPointType(einsum.getResult()), outputRanks,
        accesses, einsum.getEinsumReduction(),
        [&](OpBuilder &nested, Location, ValueRange args) -> Value {
          IRMapping map = mapping;
          map.map(einsum.getMap()->getArguments(), args);
          for (Operation &inner : einsum.getMap()->without_terminator())
            nested.clone(inner, map);
          return map.lookupOrDefault(einsum.getMapResult());
        });
    mapping.map(einsum.getResult(), created.getResult());
  }
}

void CascadeDistributor::run() {
  Location loc = cascade.getLoc();
  Block &body = cascade.getBody().front();
  SmallVector<OpFoldResult> bounds;
  for (StringAttr rank : ranks)
    bounds.push_back(getExtent(rank));
  SmallVector<Value> outputs;
  for (Value yielded : cascade.getYielded()) {
    auto type = cast<RankedTensorType>(yielded.getType());
    SmallVector<OpFoldResult> sizes;
    for (auto [rank, size] :
         llvm::zip(yielded.getDefiningOp<EinsumOp>().getOutputRanks(),
                   type.getShape()))
      sizes.push_back(ShapedType::isDynamic(size)
                          ? getExtent(rank)
                          : OpFoldResult(builder.getIndexAttr(size)));
    outputs.push_back(
        tensor::EmptyOp::create(builder, loc, sizes, type.getElementType()));
  }

  auto forall = scf::ForallOp::create(
      builder, loc, bounds, outputs, /*mapping=*/std::nullopt,
      [](OpBuilder &nested, Location nestedLoc, ValueRange) {
        scf::InParallelOp::create(nested, nestedLoc);
      });
  builder.setInsertionPointToStart(forall.getBody());
  SmallVector<Value> point(forall.getInductionVars());
  SmallVector<Value> inputs;
  SmallVector<Type> types;
  for (auto [argument, input] :
       llvm::zip(body.getArguments(), cascade.getInputs()))
    inputs.push_back(extract(argument, input, point));
  for (Value yielded : cascade.getYielded())
    types.push_back(getPointType(yielded));
  CascadeSpace space = cascade.getSpace();
  auto drop = [&](AccessAttr access) {
    if (!access)
      return access;
    SmallVector<StringAttr> kept(access.getRanks());
    llvm::erase_if(kept, [&](StringAttr rank) { return isDistributed(rank); });
    return AccessAttr::get(access.getContext(), access.getInput(), kept);
  };
  if (space.sparsity)
    space.sparsity = space.sparsity.mapLists(drop);
  space.keyLengths = drop(space.keyLengths);
  space.queryLengths = drop(space.queryLengths);
  space.querySegments = drop(space.querySegments);
  space.keySegments = drop(space.keySegments);
  space.offset = drop(space.offset);
  for (OriginAttr &origin : space.origins)
    origin = OriginAttr::get(origin.getContext(), origin.getRank(),
                             drop(origin.getAccess()));
  for (PermutationAttr &order : space.permutations)
    order = PermutationAttr::get(order.getContext(), order.getRank(),
                                 drop(order.getAccess()));
  auto created =
      CascadeOp::create(builder, loc, types, inputs, space, MappingAttr());
  created->setDiscardableAttrs(cascade->getDiscardableAttrDictionary());
  OpBuilder inner(builder.getContext());
  Block *newBody =
      inner.createBlock(&created.getBody(), {}, TypeRange(ValueRange(inputs)),
                        SmallVector<Location>(inputs.size(), loc));
  mapping.map(body.getArguments(), newBody->getArguments());
  clone(body, inner);
  SmallVector<Value> yielded;
  for (Value value : cascade.getYielded())
    yielded.push_back(mapping.lookup(value));
  YieldOp::create(inner, loc, yielded);

  builder.setInsertionPointToEnd(forall.getTerminator().getBody());
  for (auto [old, result, output] :
       llvm::zip(cascade.getYielded(), created.getResults(),
                 forall.getRegionOutArgs()))
    insert(old, result, output, point, forall);
  for (auto [result, output, old] :
       llvm::zip(forall.getResults(), outputs, cascade.getResults())) {
    Value value = result;
    OpBuilder after(cascade);
    if (value.getType() != old.getType())
      value = tensor::CastOp::create(after, loc, old.getType(), value);
    old.replaceAllUsesWith(value);
  }
  cascade.erase();
}

namespace {
struct DistributeCascadePass
    : public attn::impl::AttnDistributeCascadeBase<DistributeCascadePass> {
  void runOnOperation() override {
    FailureOr<SmallVector<func::FuncOp>> functions =
        getPhaseFunctions(getOperation());
    if (failed(functions))
      return signalPassFailure();
    for (func::FuncOp function : *functions) {
      SmallVector<CascadeOp> cascades(function.getOps<CascadeOp>());
      if (cascades.size() != 1 || cascades.front().getMapping())
        continue;
      CascadeDistributor distributor(cascades.front());
      if (!distributor.getRanks().empty())
        distributor.run();
    }
  }
};
} // namespace
