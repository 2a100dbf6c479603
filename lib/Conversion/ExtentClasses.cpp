//===- ExtentClasses.cpp - Which extents are equal --------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExtentClasses.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Analysis/Partition.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::attn;

unsigned ExtentClasses::getNode(Value tensor, int64_t dim) {
  auto [it, inserted] = nodes.insert({{tensor, dim}, numNodes});
  if (inserted) {
    classes.insert(numNodes);
    int64_t size = cast<ShapedType>(tensor.getType()).getDimSize(dim);
    if (!ShapedType::isDynamic(size))
      sizes[numNodes] = size;
    ++numNodes;
  }
  return it->second;
}

void ExtentClasses::unite(unsigned a, unsigned b) {
  a = classes.getLeaderValue(a);
  b = classes.getLeaderValue(b);
  if (a == b)
    return;
  int64_t sizeA = getSize(a), sizeB = getSize(b);
  if (!ShapedType::isDynamic(sizeA) && !ShapedType::isDynamic(sizeB) &&
      sizeA != sizeB && !conflict)
    conflict = {sizeA, sizeB};
  // The first name given stays.
  std::string name = getName(a).empty() ? getName(b).str() : getName(a).str();
  classes.unionSets(a, b);
  unsigned leader = classes.getLeaderValue(a);
  int64_t size = ShapedType::isDynamic(sizeA) ? sizeB : sizeA;
  if (!ShapedType::isDynamic(size))
    sizes[leader] = size;
  if (!name.empty())
    names[leader] = std::move(name);
}

void ExtentClasses::uniteAll(Value a, Value b) {
  auto typeA = dyn_cast<RankedTensorType>(a.getType());
  auto typeB = dyn_cast<RankedTensorType>(b.getType());
  if (!typeA || !typeB || typeA.getRank() != typeB.getRank())
    return;
  for (int64_t dim = 0; dim < typeA.getRank(); ++dim)
    unite(getNode(a, dim), getNode(b, dim));
}

void ExtentClasses::uniteRank(Value tensor, int64_t dim, StringRef rank,
                              Operation *scope) {
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  if (!type || dim >= type.getRank())
    return;
  unite(getNode(tensor, dim), getRankNode(rank, scope));
}

unsigned ExtentClasses::getRankNode(StringRef rank, Operation *scope) {
  auto [it, inserted] = ranks.insert({{scope, rank}, numNodes});
  if (inserted) {
    classes.insert(numNodes);
    names[numNodes] = rank.str();
    ++numNodes;
  }
  return it->second;
}

void ExtentClasses::uniteRanks(Value tensor, ArrayRef<StringRef> ranks,
                               Operation *scope) {
  if (!tensor)
    return;
  for (auto [dim, rank] : llvm::enumerate(ranks))
    uniteRank(tensor, dim, rank, scope);
}

void ExtentClasses::uniteRanks(Value tensor, ArrayRef<StringAttr> ranks,
                               Operation *scope) {
  for (auto [dim, rank] : llvm::enumerate(ranks))
    uniteRank(tensor, dim, rank.getValue(), scope);
}

/// The last dimensions of both have one extent.
void ExtentClasses::uniteLast(Value a, Value b) {
  auto getLast = [&](Value tensor) {
    return getNode(tensor,
                   cast<RankedTensorType>(tensor.getType()).getRank() - 1);
  };
  unite(getLast(a), getLast(b));
}

/// A dimension that is split only into itself and units keeps its extent.
void ExtentClasses::uniteReassociation(Value grouped, Value split,
                                       ArrayRef<ReassociationIndices> groups) {
  auto type = cast<RankedTensorType>(split.getType());
  for (auto [dim, group] : llvm::enumerate(groups)) {
    SmallVector<int64_t> proper;
    for (int64_t inner : group)
      if (type.getDimSize(inner) != 1)
        proper.push_back(inner);
    if (proper.size() == 1)
      unite(getNode(grouped, dim), getNode(split, proper.front()));
  }
}

void ExtentClasses::visit(AttentionOp op) {
  using Ranks = ArrayRef<StringRef>;
  uniteRanks(op.getQuery(), Ranks{"b", "h", "m", "e"}, op);
  uniteRanks(op.getKey(), Ranks{"b", "k", "n", "e"}, op);
  uniteRanks(op.getValue(), Ranks{"b", "k", "n", "f"}, op);
  uniteRanks(op.getOutput(), Ranks{"b", "h", "m", "f"}, op);
  uniteRanks(op.getLse(), Ranks{"b", "h", "m"}, op);
  uniteRanks(op.getKeyLengths(), Ranks{"b"}, op);
  uniteRanks(op.getQueryLengths(), Ranks{"b"}, op);
  uniteRanks(op.getSinks(), Ranks{"h"}, op);
  // Positions are one number, or one for each batch row.
  SmallVector<Value> positions(op.getOrigins());
  if (op.getOffset())
    positions.push_back(op.getOffset());
  for (Value position : positions)
    uniteRank(position, 0, "b", op);
  auto unitePermutation = [&](Value order, std::optional<ArrayAttr> ranks,
                              StringRef token) {
    if (!order)
      return;
    unsigned dim = 0;
    for (Attribute rank : ranks ? ranks->getValue() : ArrayRef<Attribute>())
      uniteRank(order, dim++, cast<StringAttr>(rank).getValue(), op);
    uniteRank(order, dim, token, op);
  };
  unitePermutation(op.getQueryPermutation(), op.getQueryPermutationRanks(),
                   "m");
  unitePermutation(op.getKeyPermutation(), op.getKeyPermutationRanks(), "n");
  if (op.isPacked()) {
    for (Value offsets : {op.getQuerySegments(), op.getKeySegments()})
      if (cast<RankedTensorType>(offsets.getType()).getRank() == 2)
        uniteRank(offsets, 0, "b", op);
    uniteLast(op.getQuerySegments(), op.getKeySegments());
  }
  for (Attribute modifier : op.getScore()) {
    if (auto bias = dyn_cast<BiasAttr>(modifier))
      uniteRanks(op.getExtras()[bias.getSlot()], bias.getRanks(), op);
  }
  if (op.getSparsity())
    for (AccessAttr list : op.getSparsity()->getOperands())
      uniteRanks(op.getExtras()[list.getInput()], list.getRanks(), op);
  for (ScoreMapAttr map : op.getMaps())
    for (auto [slot, slotRanks] : llvm::zip(map.getSlots(), map.getRanks()))
      for (auto [dim, rank] : llvm::enumerate(cast<ArrayAttr>(slotRanks)))
        uniteRank(op.getExtras()[slot], dim, cast<StringAttr>(rank).getValue(),
                  op);
  for (GateAttr gate : op.getGateList())
    uniteRanks(op.getExtras()[gate.getSlot()], gate.getRanks(), op);
}

void ExtentClasses::visit(MergeOp op) {
  using Ranks = ArrayRef<StringRef>;
  for (Value output : op.getOutputs())
    uniteRanks(output, Ranks{"b", "h", "m", "f"}, op);
  for (Value lse : op.getLses())
    uniteRanks(lse, Ranks{"b", "h", "m"}, op);
  uniteRanks(op.getSinks(), Ranks{"h"}, op);
  uniteRanks(op.getOutput(), Ranks{"b", "h", "m", "f"}, op);
  uniteRanks(op.getLse(), Ranks{"b", "h", "m"}, op);
}

void ExtentClasses::visit(MixOp op) {
  for (Value branch : op.getBranches())
    uniteAll(branch, op.getResult());
}

void ExtentClasses::visit(CascadeOp op) {
  for (auto [input, argument] :
       llvm::zip(op.getInputs(), op.getBody().getArguments()))
    uniteAll(input, argument);
  for (auto [result, yielded] : llvm::zip(op.getResults(), op.getYielded()))
    uniteAll(result, yielded);
  CascadeSpace space = op.getSpace();
  for (AccessAttr access : space.getAccesses())
    uniteRanks(op.getInputs()[access.getInput()], access.getRanks(), op);
  if (space.isPacked())
    uniteLast(op.getInputs()[space.querySegments.getInput()],
              op.getInputs()[space.keySegments.getInput()]);
}

void ExtentClasses::visit(EinsumOp op) {
  auto cascade = op->getParentOfType<CascadeOp>();
  if (!cascade || !op.getResult())
    return;
  uniteRanks(op.getResult(), op.getOutputRanks(), cascade);
  for (const EinsumAccess &access : op.getAccesses()) {
    Value input = access.tensor;
    for (auto [dim, index] : llvm::enumerate(access.map.getResults())) {
      auto [expr, divisor] = getQuotient(index);
      auto add = [&, dim = dim, divisor = divisor](StringAttr rank) {
        if (divisor == 1) {
          uniteRank(input, dim, rank.getValue(), cascade);
          return;
        }
        getRankNode(rank.getValue(), cascade);
        quotients.push_back({cascade, rank, getNode(input, dim), divisor});
      };
      if (auto rank = dyn_cast<AffineDimExpr>(expr)) {
        add(access.ranks[rank.getPosition()]);
        continue;
      }
      // Dimensions split into the same steps and points have one extent: that
      // of the iteration's parent, or one without a name of its own.
      std::optional<Partition> partition = getPartition(access, expr);
      if (!partition)
        continue;
      IterateOp iterate = getIteration(op, *partition);
      StringAttr rank = iterate
                            ? iterate.getParentAttr()
                            : StringAttr::get(op.getContext(),
                                              partition->step.getValue() + "_" +
                                                  partition->point.getValue());
      add(rank);
    }
  }
}

void ExtentClasses::visit(IterateOp op) {
  if (op.getSplitRank())
    splits.push_back(op);
  for (auto [init, argument, result, yielded] :
       llvm::zip(op.getInits(), op.getBody().getArguments(), op.getResults(),
                 op.getYielded())) {
    uniteAll(init, argument);
    uniteAll(init, result);
    uniteAll(init, yielded);
  }
}

std::optional<ExtentClasses::Parts>
ExtentClasses::findParts(unsigned leader) const {
  for (IterateOp split : splits) {
    auto cascade = split->getParentOfType<CascadeOp>();
    std::optional<unsigned> whole = findRank(cascade, split.getParent());
    if (whole && findRank(cascade, *split.getSplitRank()) == leader)
      return Parts{*whole, static_cast<int64_t>(*split.getSplitSize())};
  }
  return std::nullopt;
}

SmallVector<ExtentClasses::Multiple>
ExtentClasses::findMultiples(unsigned leader) const {
  SmallVector<Multiple> multiples;
  for (const Quotient &quotient : quotients)
    if (findRank(quotient.scope, quotient.rank) == leader)
      multiples.push_back(
          {classes.getLeaderValue(quotient.node), quotient.divisor});
  return multiples;
}

void ExtentClasses::visit(linalg::LinalgOp op) {
  llvm::SmallDenseMap<unsigned, unsigned> loops;
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<RankedTensorType>(operand.get().getType()))
      continue;
    AffineMap map = op.getMatchingIndexingMap(&operand);
    for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
      auto loop = dyn_cast<AffineDimExpr>(expr);
      if (!loop)
        continue;
      unsigned node = getNode(operand.get(), dim);
      auto [it, inserted] = loops.insert({loop.getPosition(), node});
      if (!inserted)
        unite(it->second, node);
    }
  }
  for (auto [init, result] : llvm::zip(op.getDpsInits(), op->getResults()))
    uniteAll(init, result);
}

/// A tensor that is made with given extents.
void ExtentClasses::visitSizes(Value tensor, ValueRange dynamicSizes) {
  auto type = cast<RankedTensorType>(tensor.getType());
  for (int64_t dim = 0, next = 0; dim < type.getRank(); ++dim) {
    if (!type.isDynamicDim(dim))
      continue;
    uniteExtent(tensor, dim, dynamicSizes[next++]);
  }
}

/// A dimension with the extent `size`, where that is another's.
void ExtentClasses::uniteExtent(Value tensor, int64_t dim, Value size) {
  auto source = size.getDefiningOp<tensor::DimOp>();
  if (!source)
    return;
  if (std::optional<int64_t> index = getKnownDimension(source))
    unite(getNode(tensor, dim), getNode(source.getSource(), *index));
}

/// What a loop carries keeps its extents.
void ExtentClasses::visitLoop(LoopLikeOpInterface op) {
  for (auto [init, argument, result] : llvm::zip_equal(
           op.getInits(), op.getRegionIterArgs(), op->getResults())) {
    uniteAll(init, argument);
    uniteAll(init, result);
  }
}

/// A slice that takes a whole dimension keeps its extent.
void ExtentClasses::visit(tensor::ExtractSliceOp op) {
  llvm::SmallBitVector dropped = op.getDroppedDims();
  int64_t result = 0;
  for (auto [dim, size] : llvm::enumerate(op.getMixedSizes())) {
    if (dropped.test(dim))
      continue;
    if (auto value = dyn_cast<Value>(size))
      uniteExtent(op.getResult(), result, value);
    ++result;
  }
}

void ExtentClasses::build(func::FuncOp function) {
  function.walk([&](Operation *op) {
    llvm::TypeSwitch<Operation *>(op)
        .Case<AttentionOp, MergeOp, MixOp, CascadeOp, EinsumOp, IterateOp,
              linalg::LinalgOp, tensor::ExtractSliceOp>(
            [&](auto op) { visit(op); })
        .Case<scf::ForOp, scf::ForallOp>([&](auto op) {
          visitLoop(cast<LoopLikeOpInterface>(op.getOperation()));
        })
        .Case<tensor::EmptyOp, tensor::SplatOp>(
            [&](auto op) { visitSizes(op.getResult(), op.getDynamicSizes()); })
        .Case<tensor::InsertSliceOp>(
            [&](auto op) { uniteAll(op.getDest(), op.getResult()); })
        .Case<tensor::CastOp>(
            [&](auto cast) { uniteAll(cast.getSource(), cast.getDest()); })
        .Case<tensor::ExpandShapeOp>([&](auto reshape) {
          uniteReassociation(reshape.getSrc(), reshape.getResult(),
                             reshape.getReassociationIndices());
        })
        .Case<tensor::CollapseShapeOp>([&](auto reshape) {
          uniteReassociation(reshape.getResult(), reshape.getSrc(),
                             reshape.getReassociationIndices());
        })
        .Default([&](Operation *op) {
          if (!op->hasTrait<OpTrait::Elementwise>() || op->getNumResults() != 1)
            return;
          for (Value operand : op->getOperands())
            uniteAll(op->getResult(0), operand);
        });
  });
}
