//===- CascadeReshapes.cpp - Reshapes between cascades ----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CascadeReshapes.h"
#include "attn/Analysis/CascadeUtils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"

using namespace mlir;
using namespace mlir::attn;

std::optional<unsigned>
attn::getSplitDimension(ArrayRef<SmallVector<int64_t, 2>> groups) {
  std::optional<unsigned> split;
  for (auto [dim, group] : llvm::enumerate(groups)) {
    if (group.size() == 1)
      continue;
    if (group.size() != 2 || split)
      return std::nullopt;
    split = dim;
  }
  return split;
}

bool attn::isPlain(CascadeOp cascade) {
  return !cascade.getMappingAttr() && !readsData(cascade) &&
         llvm::none_of(cascade.getBody().front(),
                       [](Operation &op) { return isa<IterateOp>(op); });
}

namespace {
/// Where a tensor's type is split: a dimension becomes two.
class RankSplitter {
public:
  RankSplitter(CascadeOp cascade, StringAttr rank, int64_t outer, int64_t inner)
      : cascade(cascade), builder(cascade), rank(rank), outer(outer),
        inner(inner) {}

  CascadeOp run();

private:
  bool check();
  bool setDimension(Value tensor, std::optional<unsigned> dim);
  RankedTensorType splitType(Type type, unsigned dim) const;
  SmallVector<ReassociationIndices> getGroups(Type type, unsigned dim) const;
  EinsumAccess splitAccess(EinsumAccess access) const;
  void cloneBody(EinsumOp einsum, IRMapping &tensors);

  CascadeOp cascade;
  OpBuilder builder;
  StringAttr rank;
  int64_t outer, inner;
  StringAttr outerRank, innerRank;
  /// The dimension of each tensor that the rank indexes, if any.
  llvm::DenseMap<Value, std::optional<unsigned>> dimensions;
};
} // namespace

/// Records how the rank indexes `tensor`: every access has to agree.
bool RankSplitter::setDimension(Value tensor, std::optional<unsigned> dim) {
  auto [it, inserted] = dimensions.try_emplace(tensor, dim);
  return inserted || it->second == dim;
}

bool RankSplitter::check() {
  if (rank == cascade.getQueryRankAttr() || rank == cascade.getKeyRankAttr())
    return false;
  for (AccessAttr access : cascade.getSpace().getAccesses())
    if (llvm::is_contained(access.getRanks(), rank))
      return false;
  if (llvm::is_contained(cascade.getSpace().getIndexedRanks(), rank))
    return false;
  if (PerHeadAttr heads = cascade.getSpace().getPerHead())
    if (llvm::is_contained(heads.getRanks(), rank))
      return false;
  for (Operation &op : cascade.getBody().front().without_terminator()) {
    auto einsum = dyn_cast<EinsumOp>(op);
    if (!einsum) {
      if (isa<IterateOp>(op))
        return false;
      continue;
    }
    if (llvm::is_contained(einsum.getExtentNames(), rank))
      return false;
    for (unsigned index = 0; index < einsum.getInputs().size(); ++index) {
      EinsumAccess access = einsum.getAccess(index);
      std::optional<unsigned> dim;
      for (auto [position, expr] : llvm::enumerate(access.map.getResults())) {
        auto plain = dyn_cast<AffineDimExpr>(expr);
        if (plain && access.ranks[plain.getPosition()] == rank) {
          if (dim)
            return false;
          dim = position;
          continue;
        }
        for (auto [number, name] : llvm::enumerate(access.ranks))
          if (name == rank && expr.isFunctionOfDim(number))
            return false;
      }
      if (!setDimension(access.tensor, dim))
        return false;
    }
    std::optional<unsigned> dim;
    for (auto [position, name] : llvm::enumerate(einsum.getOutputRanks()))
      if (name == rank)
        dim = position;
    if (!setDimension(einsum.getResult(), dim))
      return false;
  }
  // Results that are inputs would be split and joined again; constants have
  // their shape.
  for (auto &[tensor, dim] : dimensions)
    if (dim && tensor.getDefiningOp<arith::ConstantOp>())
      return false;
  return llvm::all_of(cascade.getYielded(), [](Value value) {
    return value.getDefiningOp<EinsumOp>() != nullptr;
  });
}

RankedTensorType RankSplitter::splitType(Type type, unsigned dim) const {
  auto tensor = cast<RankedTensorType>(type);
  SmallVector<int64_t> shape(tensor.getShape());
  shape[dim] = inner;
  shape.insert(shape.begin() + dim, outer);
  return RankedTensorType::get(shape, tensor.getElementType());
}

SmallVector<ReassociationIndices> RankSplitter::getGroups(Type type,
                                                          unsigned dim) const {
  SmallVector<ReassociationIndices> groups;
  int64_t next = 0;
  for (unsigned i = 0; i < cast<RankedTensorType>(type).getRank(); ++i) {
    groups.push_back({next++});
    if (i == dim)
      groups.back().push_back(next++);
  }
  return groups;
}

EinsumAccess RankSplitter::splitAccess(EinsumAccess access) const {
  auto found = dimensions.find(access.tensor);
  if (!found->second)
    return access;
  MLIRContext *context = access.map.getContext();
  SmallVector<StringAttr> ranks(access.ranks);
  unsigned first = ranks.size();
  ranks.append({outerRank, innerRank});
  SmallVector<AffineExpr> exprs;
  for (auto [position, expr] : llvm::enumerate(access.map.getResults())) {
    if (position != *found->second) {
      exprs.push_back(expr);
      continue;
    }
    exprs.push_back(getAffineDimExpr(first, context));
    exprs.push_back(getAffineDimExpr(first + 1, context));
  }
  access.ranks = ranks;
  access.map =
      AffineMap::get(ranks.size(), access.map.getNumSymbols(), exprs, context);
  return access;
}

void RankSplitter::cloneBody(EinsumOp einsum, IRMapping &tensors) {
  SmallVector<EinsumAccess> accesses;
  for (unsigned index = 0; index < einsum.getInputs().size(); ++index) {
    EinsumAccess access = splitAccess(einsum.getAccess(index));
    access.tensor = tensors.lookup(access.tensor);
    accesses.push_back(access);
  }
  auto splitNames = [&](ArrayRef<StringAttr> names) {
    SmallVector<StringAttr> result;
    for (StringAttr name : names) {
      if (name == rank)
        result.append({outerRank, innerRank});
      else
        result.push_back(name);
    }
    return result;
  };
  std::optional<EinsumReduction> reduction = einsum.getEinsumReduction();
  if (reduction)
    reduction->ranks = splitNames(reduction->ranks);
  Type type = einsum.getOutputType();
  if (std::optional<unsigned> dim = dimensions.find(einsum.getResult())->second)
    type = splitType(type, *dim);
  auto created =
      EinsumOp::create(builder, einsum.getLoc(), type,
                       splitNames(einsum.getOutputRanks()), accesses, reduction,
                       [&](OpBuilder &builder, Location loc, ValueRange args) {
                         return cloneExpression(builder, einsum.getMapResult(),
                                                einsum.getMap(), args);
                       });
  // The coordinate is outer * INNER + inner.
  SmallVector<IndexOp> indices;
  created.getBody().walk([&](IndexOp index) {
    if (index.getRankAttr() == rank)
      indices.push_back(index);
  });
  for (IndexOp index : indices) {
    OpBuilder inMap(index);
    Location loc = index.getLoc();
    Type type = index.getType();
    Value first = IndexOp::create(inMap, loc, type, outerRank);
    Value size = arith::ConstantIndexOp::create(inMap, loc, inner);
    Value offset = arith::MulIOp::create(inMap, loc, first, size);
    Value second = IndexOp::create(inMap, loc, type, innerRank);
    Value sum = arith::AddIOp::create(inMap, loc, offset, second);
    index.getResult().replaceAllUsesWith(sum);
    index.erase();
  }
  copyNotes(einsum, created);
  tensors.map(einsum.getResult(), created.getResult());
}

CascadeOp RankSplitter::run() {
  if (!check())
    return {};
  llvm::MapVector<StringAttr, int64_t> extents = cascade.getRankExtents();
  auto getFresh = [&](std::string name) {
    while (extents.contains(builder.getStringAttr(name)))
      name += "_";
    return builder.getStringAttr(name);
  };
  outerRank = getFresh("k");
  extents[outerRank] = outer;
  innerRank = getFresh("g");

  Location loc = cascade.getLoc();
  Block &source = cascade.getBody().front();
  SmallVector<Value> inputs;
  for (auto [argument, input] :
       llvm::zip_equal(source.getArguments(), cascade.getInputs())) {
    auto found = dimensions.find(argument);
    if (found == dimensions.end() || !found->second) {
      inputs.push_back(input);
      continue;
    }
    unsigned dim = *found->second;
    inputs.push_back(tensor::ExpandShapeOp::create(
        builder, loc, splitType(input.getType(), dim), input,
        getGroups(input.getType(), dim)));
  }
  SmallVector<Type> types;
  for (Value value : cascade.getYielded()) {
    std::optional<unsigned> dim = dimensions.find(value)->second;
    types.push_back(dim ? splitType(value.getType(), *dim) : value.getType());
  }
  // The coordinate is outer * INNER + inner, so its origin is that of inner.
  CascadeSpace space = cascade.getSpace().map(
      [](int64_t input) { return input; },
      [&](StringAttr name) { return name == rank ? innerRank : name; });
  auto created = CascadeOp::create(builder, loc, types, inputs, space,
                                   cascade.getMappingAttr());
  created->setDiscardableAttrs(cascade->getDiscardableAttrDictionary());
  IRMapping tensors;
  {
    OpBuilder::InsertionGuard guard(builder);
    Block *body = builder.createBlock(
        &created.getBody(), {}, TypeRange(ValueRange(inputs)),
        SmallVector<Location>(inputs.size(), loc));
    tensors.map(source.getArguments(), body->getArguments());
    for (Operation &op : source.without_terminator()) {
      if (auto einsum = dyn_cast<EinsumOp>(op))
        cloneBody(einsum, tensors);
      else
        builder.clone(op, tensors);
    }
    SmallVector<Value> yielded;
    for (Value value : cascade.getYielded())
      yielded.push_back(tensors.lookup(value));
    YieldOp::create(builder, loc, yielded);
  }
  for (auto [index, value] : llvm::enumerate(cascade.getYielded())) {
    Value result = created.getResult(index);
    if (std::optional<unsigned> dim = dimensions.find(value)->second)
      result =
          tensor::CollapseShapeOp::create(builder, loc, value.getType(), result,
                                          getGroups(value.getType(), *dim));
    cascade.getResult(index).replaceAllUsesWith(result);
  }
  cascade.erase();
  return created;
}

CascadeOp attn::splitRank(CascadeOp cascade, StringAttr rank, int64_t outer,
                          int64_t inner) {
  return RankSplitter(cascade, rank, outer, inner).run();
}

//===----------------------------------------------------------------------===//
// Between cascades
//===----------------------------------------------------------------------===//

void attn::forwardDimensions(CascadeOp cascade) {
  for (auto [result, value] :
       llvm::zip_equal(cascade.getResults(), cascade.getYielded())) {
    auto einsum = value.getDefiningOp<EinsumOp>();
    if (!einsum)
      continue;
    SmallVector<StringAttr> ranks = einsum.getOutputRanks();
    for (Operation *user : llvm::make_early_inc_range(result.getUsers())) {
      auto dim = dyn_cast<tensor::DimOp>(user);
      std::optional<int64_t> index =
          dim ? getKnownDimension(dim) : std::nullopt;
      if (!index)
        continue;
      StringAttr rank = ranks[*index];
      // Some input that the rank indexes by itself.
      cascade.getBody().walk([&](EinsumOp reader) {
        for (unsigned i = 0; i < reader.getInputs().size(); ++i) {
          EinsumAccess access = reader.getAccess(i);
          auto argument = dyn_cast<BlockArgument>(access.tensor);
          if (!argument)
            continue;
          for (auto [position, expr] :
               llvm::enumerate(access.map.getResults())) {
            auto plain = dyn_cast<AffineDimExpr>(expr);
            if (!plain || access.ranks[plain.getPosition()] != rank)
              continue;
            OpBuilder builder(cascade);
            Value forwarded = tensor::DimOp::create(
                builder, dim.getLoc(),
                cascade.getInputs()[argument.getArgNumber()], position);
            dim.getResult().replaceAllUsesWith(forwarded);
            return WalkResult::interrupt();
          }
        }
        return WalkResult::advance();
      });
    }
  }
}

/// The ranks at which a cascade yields result `index`.
static SmallVector<StringAttr> getResultRanks(CascadeOp cascade,
                                              unsigned index) {
  auto einsum = cascade.getYielded()[index].getDefiningOp<EinsumOp>();
  return einsum ? einsum.getOutputRanks() : SmallVector<StringAttr>();
}

bool attn::removeReshape(OpOperand &operand) {
  auto reader = cast<CascadeOp>(operand.getOwner());
  if (auto expand = operand.get().getDefiningOp<tensor::ExpandShapeOp>()) {
    auto result = dyn_cast<OpResult>(expand.getSrc());
    auto producer =
        result ? dyn_cast<CascadeOp>(result.getOwner()) : CascadeOp();
    std::optional<unsigned> dim =
        getSplitDimension(expand.getReassociationIndices());
    if (!producer || !isPlain(producer) || !isPlain(reader) || !dim)
      return false;
    unsigned index = result.getResultNumber();
    SmallVector<StringAttr> ranks = getResultRanks(producer, index);
    ArrayRef<int64_t> shape = expand.getResultType().getShape();
    if (ranks.empty() || ShapedType::isDynamic(shape[*dim]) ||
        ShapedType::isDynamic(shape[*dim + 1]))
      return false;
    CascadeOp split =
        splitRank(producer, ranks[*dim], shape[*dim], shape[*dim + 1]);
    if (!split)
      return false;
    // The join behind the new result and the split of it cancel.
    expand.getResult().replaceAllUsesWith(split.getResult(index));
    return true;
  }
  auto collapse = operand.get().getDefiningOp<tensor::CollapseShapeOp>();
  auto result = collapse ? dyn_cast<OpResult>(collapse.getSrc()) : OpResult();
  if (!result || !isa<CascadeOp>(result.getOwner()) || !isPlain(reader))
    return false;
  std::optional<unsigned> dim =
      getSplitDimension(collapse.getReassociationIndices());
  ArrayRef<int64_t> shape = collapse.getSrcType().getShape();
  if (!dim || ShapedType::isDynamic(shape[*dim]) ||
      ShapedType::isDynamic(shape[*dim + 1]))
    return false;
  // The rank with which the reader indexes the dimension.
  unsigned index = operand.getOperandNumber();
  Value argument = reader.getBody().getArgument(index);
  StringAttr rank;
  for (Operation *user : argument.getUsers()) {
    auto einsum = dyn_cast<EinsumOp>(user);
    if (!einsum)
      return false;
    for (unsigned i = 0; i < einsum.getInputs().size(); ++i) {
      EinsumAccess access = einsum.getAccess(i);
      if (access.tensor != argument)
        continue;
      auto plain = dyn_cast<AffineDimExpr>(access.map.getResult(*dim));
      if (!plain || (rank && rank != access.ranks[plain.getPosition()]))
        return false;
      rank = access.ranks[plain.getPosition()];
    }
  }
  if (!rank)
    return false;
  CascadeOp split = splitRank(reader, rank, shape[*dim], shape[*dim + 1]);
  if (!split)
    return false;
  // The reader's operand is now the join of the dimension, split again.
  auto expand = split.getInputs()[index].getDefiningOp<tensor::ExpandShapeOp>();
  if (expand && expand.getSrc() == collapse.getResult() &&
      expand.getResultType() == collapse.getSrcType())
    expand.getResult().replaceAllUsesWith(collapse.getSrc());
  return true;
}
