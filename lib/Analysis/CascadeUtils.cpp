//===- CascadeUtils.cpp - Helpers to read and write cascades ---*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/CascadeUtils.h"
#include "attn/Analysis/Partition.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::attn;

bool attn::wantsUnfused(CascadeOp cascade) {
  auto form =
      dyn_cast_or_null<StringAttr>(cascade->getDiscardableAttr(kFormAttrName));
  return form && form == "unfused";
}

SmallVector<StringAttr> attn::getAccessRanks(const EinsumAccess &access) {
  SmallVector<StringAttr> ranks;
  auto visit = [&](auto &&self, AffineMap map) -> void {
    for (AffineExpr expr : map.getResults())
      expr.walk([&](AffineExpr inner) {
        if (auto dim = dyn_cast<AffineDimExpr>(inner))
          if (StringAttr rank = access.ranks[dim.getPosition()];
              !llvm::is_contained(ranks, rank))
            ranks.push_back(rank);
        if (auto symbol = dyn_cast<AffineSymbolExpr>(inner))
          if (const DataIndex *data = access.getData(symbol.getPosition()))
            self(self, data->map);
      });
  };
  visit(visit, access.map);
  return ranks;
}

bool attn::readsData(CascadeOp cascade) {
  return cascade.getBody()
      .walk([](EinsumOp einsum) {
        return einsum.getIndices().empty() ? WalkResult::advance()
                                           : WalkResult::interrupt();
      })
      .wasInterrupted();
}

std::optional<SmallVector<StringAttr>>
attn::getPlainRanks(const EinsumAccess &access) {
  SmallVector<StringAttr> ranks;
  for (AffineExpr expr : access.map.getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim)
      return std::nullopt;
    ranks.push_back(access.ranks[dim.getPosition()]);
  }
  return ranks;
}

std::pair<AffineExpr, int64_t> attn::getQuotient(AffineExpr expr) {
  auto quotient = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!quotient || quotient.getKind() != AffineExprKind::FloorDiv)
    return {expr, 1};
  auto divisor = dyn_cast<AffineConstantExpr>(quotient.getRHS());
  if (!divisor || divisor.getValue() < 1)
    return {expr, 1};
  return {quotient.getLHS(), divisor.getValue()};
}

int64_t attn::multiplyExtents(int64_t a, int64_t b) {
  constexpr int64_t kMost = int64_t(1) << 58;
  return b != 0 && a > kMost / b ? kMost : a * b;
}

/// Position of `value` in `list`, added if new.
template <typename T>
static unsigned findOrAdd(SmallVectorImpl<T> &list, const T &value) {
  auto *found = llvm::find(list, value);
  if (found != list.end())
    return found - list.begin();
  list.push_back(value);
  return list.size() - 1;
}

EinsumAccess
attn::substituteRanks(const EinsumAccess &access,
                      const llvm::MapVector<StringAttr, RankExpression> &with) {
  MLIRContext *context = access.map.getContext();
  SmallVector<StringAttr> ranks, extents(access.extents);
  SmallVector<AffineExpr> dims;
  for (auto [position, rank] : llvm::enumerate(access.ranks)) {
    const auto *found = with.find(rank);
    if (found == with.end()) {
      dims.push_back(getAffineDimExpr(findOrAdd(ranks, rank), context));
      continue;
    }
    const RankExpression &expression = found->second;
    SmallVector<AffineExpr> innerDims, innerSymbols;
    for (StringAttr inner : expression.ranks)
      innerDims.push_back(getAffineDimExpr(findOrAdd(ranks, inner), context));
    for (StringAttr inner : expression.extents)
      innerSymbols.push_back(
          getAffineSymbolExpr(findOrAdd(extents, inner), context));
    dims.push_back(
        expression.expr.replaceDimsAndSymbols(innerDims, innerSymbols));
  }
  SmallVector<AffineExpr> exprs;
  for (AffineExpr expr : access.map.getResults())
    exprs.push_back(expr.replaceDims(dims));
  EinsumAccess result(
      access.tensor,
      AffineMap::get(ranks.size(), extents.size(), exprs, context), ranks,
      extents);
  for (DataIndex data : access.data) {
    exprs.clear();
    for (AffineExpr expr : data.map.getResults())
      exprs.push_back(expr.replaceDims(dims));
    data.map = AffineMap::get(ranks.size(), extents.size(), exprs, context);
    result.data.push_back(data);
  }
  return result;
}

EinsumAccess attn::composeAccess(EinsumOp producer, const EinsumAccess &inner,
                                 const EinsumAccess &outer) {
  llvm::MapVector<StringAttr, RankExpression> with;
  for (auto [rank, expr] :
       llvm::zip(producer.getOutputRanks(), outer.map.getResults()))
    with[rank] = RankExpression{expr, outer.ranks, outer.extents};
  return substituteRanks(inner, with);
}

bool attn::readsAtOwnPoint(EinsumOp producer, const EinsumAccess &access) {
  auto cascade = producer->getParentOfType<CascadeOp>();
  CascadeSpace space = cascade.getSpace();
  if (!space.restricts())
    return true;
  // The rank of the cascade that `rank` counts the points of.
  auto getWhole = [&](StringAttr rank) {
    auto iterate = producer->getParentOfType<IterateOp>();
    for (; iterate; iterate = iterate->getParentOfType<IterateOp>())
      if (iterate.getPointAttr() == rank)
        return iterate.getParentAttr();
    return rank;
  };
  SmallVector<StringAttr> planeRanks = space.getPlaneRanks();
  unsigned inPlane = 0;
  bool isOwn = true;
  for (auto [rank, expr] :
       llvm::zip(producer.getOutputRanks(), access.map.getResults())) {
    StringAttr whole = getWhole(rank);
    if (!llvm::is_contained(planeRanks, whole))
      continue;
    inPlane += whole == space.queryRank || whole == space.keyRank;
    auto dim = dyn_cast<AffineDimExpr>(expr);
    isOwn &= dim && access.ranks[dim.getPosition()] == rank;
  }
  return isOwn || inPlane < 2;
}

bool attn::isSameAccess(const EinsumAccess &a, const EinsumAccess &b) {
  if (a.tensor != b.tensor)
    return false;
  // Compare over one common list of names. Data has none outside of its einsum:
  // it is what it reads, and has the odd symbols.
  using Read = std::pair<Value, SmallVector<AffineExpr>>;
  SmallVector<StringAttr> ranks, extents;
  SmallVector<Read> reads;
  auto rewrite = [&](const EinsumAccess &access) {
    MLIRContext *context = access.map.getContext();
    SmallVector<AffineExpr> dims, symbols;
    for (StringAttr rank : access.ranks)
      dims.push_back(getAffineDimExpr(findOrAdd(ranks, rank), context));
    for (StringAttr extent : access.extents)
      symbols.push_back(
          getAffineSymbolExpr(2 * findOrAdd(extents, extent), context));
    auto rewriteMap = [&](AffineMap map) {
      return llvm::map_to_vector(map.getResults(), [&](AffineExpr expr) {
        return expr.replaceDimsAndSymbols(dims, symbols);
      });
    };
    for (unsigned position = 0; position < access.extents.size(); ++position)
      if (const DataIndex *data = access.getData(position)) {
        Read read(data->tensor, rewriteMap(data->map));
        symbols[position] =
            getAffineSymbolExpr(2 * findOrAdd(reads, read) + 1, context);
      }
    return rewriteMap(access.map);
  };
  return rewrite(a) == rewrite(b);
}

unsigned attn::findOrAddAccess(SmallVectorImpl<EinsumAccess> &list,
                               const EinsumAccess &access) {
  for (auto [index, other] : llvm::enumerate(list))
    if (isSameAccess(access, other))
      return index;
  list.push_back(access);
  return list.size() - 1;
}

void attn::copyNotes(EinsumOp from, EinsumOp to) {
  to->setDiscardableAttrs(from->getDiscardableAttrDictionary());
  std::optional<Residency> residency = from.getResidency();
  if (residency == Residency::Cache || residency == Residency::Shared)
    to.setResidency(residency);
}

EinsumOp attn::replaceEinsum(EinsumOp einsum, ArrayRef<EinsumAccess> accesses) {
  OpBuilder builder(einsum);
  auto created = EinsumOp::create(
      builder, einsum.getLoc(), Type(einsum.getOutputType()),
      einsum.getOutputRanks(), accesses, einsum.getEinsumReduction(),
      [&](OpBuilder &builder, Location loc, ValueRange args) {
        return cloneExpression(builder, einsum.getMapResult(), einsum.getMap(),
                               args);
      });
  copyNotes(einsum, created);
  einsum.getResult().replaceAllUsesWith(created.getResult());
  einsum.erase();
  return created;
}

EinsumOp attn::cloneEinsum(OpBuilder &builder, EinsumOp einsum,
                           const IRMapping &tensors, const RankNames &names) {
  auto rename = [&](ArrayRef<StringAttr> ranks) {
    return llvm::map_to_vector(ranks, [&](StringAttr rank) {
      StringAttr name = names.lookup(rank);
      return name ? name : rank;
    });
  };
  SmallVector<EinsumAccess> accesses;
  for (unsigned index = 0; index < einsum.getInputs().size(); ++index) {
    EinsumAccess access = einsum.getAccess(index);
    access.tensor = tensors.lookupOrDefault(access.tensor);
    for (DataIndex &data : access.data)
      data.tensor = tensors.lookupOrDefault(data.tensor);
    access.ranks = rename(access.ranks);
    access.extents = rename(access.extents);
    accesses.push_back(access);
  }
  std::optional<EinsumReduction> reduction = einsum.getEinsumReduction();
  if (reduction)
    reduction->ranks = rename(reduction->ranks);
  auto created =
      EinsumOp::create(builder, einsum.getLoc(), Type(einsum.getOutputType()),
                       rename(einsum.getOutputRanks()), accesses, reduction,
                       [&](OpBuilder &builder, Location loc, ValueRange args) {
                         return cloneExpression(builder, einsum.getMapResult(),
                                                einsum.getMap(), args);
                       });
  created.getBody().walk([&](IndexOp index) {
    if (StringAttr name = names.lookup(index.getRankAttr()))
      index.setRankAttr(name);
  });
  copyNotes(einsum, created);
  return created;
}

void attn::cloneBody(OpBuilder &builder, CascadeOp cascade, IRMapping &tensors,
                     const RankNames &names) {
  for (Operation &op : cascade.getBody().front().without_terminator()) {
    if (auto einsum = dyn_cast<EinsumOp>(op))
      tensors.map(einsum.getResult(),
                  cloneEinsum(builder, einsum, tensors, names).getResult());
    else
      builder.clone(op, tensors);
  }
}

Value attn::cloneExpression(OpBuilder &builder, Value value, Block *map,
                            IRMapping &mapping) {
  if (Value known = mapping.lookupOrNull(value))
    return known;
  // Constants are all that a map may take from outside.
  Operation *op = value.getDefiningOp();
  for (Value operand : op->getOperands())
    cloneExpression(builder, operand, map, mapping);
  Operation *copy = builder.clone(*op, mapping);
  mapping.map(op->getResults(), copy->getResults());
  return mapping.lookup(value);
}

Value attn::cloneExpression(OpBuilder &builder, Value value, Block *map,
                            ValueRange args) {
  IRMapping mapping;
  mapping.map(map->getArguments(), args);
  return cloneExpression(builder, value, map, mapping);
}

void attn::walkExpression(Value value, Block *map,
                          llvm::SmallDenseSet<Operation *> &visited,
                          function_ref<void(Operation *)> fn,
                          llvm::SmallBitVector *arguments) {
  Operation *op = value.getDefiningOp();
  if (!op) {
    if (arguments)
      arguments->set(cast<BlockArgument>(value).getArgNumber());
    return;
  }
  if (!visited.insert(op).second)
    return;
  for (Value operand : op->getOperands())
    walkExpression(operand, map, visited, fn, arguments);
  fn(op);
}

std::pair<Value, FloatAttr> attn::splitConstant(Value value) {
  if (auto product = value.getDefiningOp<arith::MulFOp>())
    for (unsigned operand : {0u, 1u}) {
      FloatAttr factor;
      if (matchPattern(product->getOperand(1 - operand), m_Constant(&factor)))
        return {product->getOperand(operand), factor};
    }
  return {value, {}};
}

bool attn::isOnePlusPower(Value value) {
  auto sum = value.getDefiningOp<arith::AddFOp>();
  return sum && llvm::any_of(ArrayRef<unsigned>{0, 1}, [&](unsigned index) {
           return matchPattern(sum->getOperand(index), m_OneFloat()) &&
                  isa_and_nonnull<math::ExpOp, math::Exp2Op>(
                      sum->getOperand(1 - index).getDefiningOp());
         });
}

llvm::SetVector<StringAttr> attn::getExpressionRanks(EinsumOp einsum,
                                                     Value value) {
  llvm::SetVector<StringAttr> ranks;
  llvm::SmallDenseSet<Operation *> visited;
  llvm::SmallBitVector arguments(einsum.getInputs().size());
  walkExpression(
      value, einsum.getMap(), visited,
      [&](Operation *op) {
        if (auto index = dyn_cast<IndexOp>(op))
          ranks.insert(index.getRankAttr());
      },
      &arguments);
  for (unsigned index : arguments.set_bits()) {
    SmallVector<StringAttr> accessRanks =
        getAccessRanks(einsum.getAccess(index));
    ranks.insert(accessRanks.begin(), accessRanks.end());
  }
  return ranks;
}

std::optional<int64_t> attn::getKnownDimension(ShapedDimOpInterface dim) {
  auto type = cast<ShapedType>(dim.getShapedValue().getType());
  std::optional<int64_t> index = getConstantIntValue(dim.getDimension());
  if (!index || !type.hasRank() || *index < 0 || *index >= type.getRank())
    return std::nullopt;
  return index;
}

int64_t attn::getExtent(const llvm::MapVector<StringAttr, int64_t> &extents,
                        StringAttr rank) {
  const auto *found = extents.find(rank);
  return found == extents.end() ? ShapedType::kDynamic : found->second;
}

std::optional<int64_t> attn::getFixedStep(CascadeOp cascade) {
  llvm::MapVector<StringAttr, int64_t> extents = cascade.getRankExtents();
  std::optional<int64_t> points;
  cascade.getBody().walk([&](IterateOp iterate) {
    int64_t extent = getExtent(extents, iterate.getPointAttr());
    if (!ShapedType::isDynamic(extent) && extent > 0)
      points = extent;
  });
  return points;
}

StatedExtents::StatedExtents(CascadeOp cascade)
    : extents(cascade.getRankExtents()) {
  Block &body = cascade.getBody().front();
  cascade.getBody().walk([&](EinsumOp einsum) {
    for (const EinsumAccess &access : einsum.getAccesses()) {
      auto argument = dyn_cast<BlockArgument>(access.tensor);
      if (!argument || argument.getOwner() != &body)
        continue;
      for (AffineExpr expr : access.map.getResults()) {
        if (auto dim = dyn_cast<AffineDimExpr>(expr))
          fromInputs.insert(access.ranks[dim.getPosition()]);
        std::optional<Partition> partition = getPartition(access, expr);
        if (IterateOp iterate =
                partition ? getIteration(einsum, *partition) : IterateOp())
          fromInputs.insert(iterate.getParentAttr());
      }
    }
  });
  for (AccessAttr access : cascade.getSpace().getAccesses())
    fromInputs.insert_range(access.getRanks());
}

bool StatedExtents::areKept(CascadeOp after,
                            function_ref<StringAttr(StringAttr)> rename) const {
  StatedExtents left(after);
  llvm::SmallDenseSet<StringAttr> used;
  after.getBody().walk([&](Operation *op) {
    if (auto einsum = dyn_cast<EinsumOp>(op)) {
      used.insert_range(einsum.getRankNames());
      used.insert_range(einsum.getExtentNames());
    } else if (auto iterate = dyn_cast<IterateOp>(op)) {
      used.insert_range(ArrayRef{iterate.getRankAttr(), iterate.getParentAttr(),
                                 iterate.getPointAttr()});
    }
  });
  return llvm::all_of(extents, [&](auto &stated) {
    auto [rank, size] = stated;
    StringAttr name = rename(rank);
    if (!used.contains(name))
      return true;
    if (!ShapedType::isDynamic(size))
      return getExtent(left.extents, name) == size;
    return !fromInputs.contains(rank) || left.fromInputs.contains(name) ||
           !ShapedType::isDynamic(getExtent(left.extents, name));
  });
}

void attn::eraseDeadEinsums(Block &block) {
  SmallVector<Operation *> ops;
  for (Operation &op : block.without_terminator())
    ops.push_back(&op);
  for (Operation *op : llvm::reverse(ops))
    if (op->use_empty())
      op->erase();
}

bool attn::isExtremum(EinsumOp einsum) {
  // spec: MR-3
  std::optional<ReductionKind> kind = einsum.getReduction();
  return isa<FloatType>(einsum.getOutputType().getElementType()) &&
         (kind == ReductionKind::Max || kind == ReductionKind::Min);
}

EinsumOp attn::createExtremumResult(OpBuilder &builder, EinsumOp einsum,
                                    Value tensor) {
  bool isMax = einsum.getReduction() == ReductionKind::Max;
  SmallVector<StringAttr> ranks = einsum.getOutputRanks();
  return EinsumOp::create(
      builder, einsum.getLoc(), Type(einsum.getOutputType()), ranks,
      {EinsumAccess::get(tensor, ranks)}, std::nullopt,
      [&](OpBuilder &map, Location loc, ValueRange args) -> Value {
        auto type = cast<FloatType>(args[0].getType());
        Value limit = arith::ConstantOp::create(
            map, loc, getReductionIdentity(*einsum.getReduction(), type));
        Value infinity = arith::ConstantOp::create(
            map, loc,
            map.getFloatAttr(type, APFloat::getInf(type.getFloatSemantics(),
                                                   /*Negative=*/isMax)));
        Value isEmpty = arith::CmpFOp::create(map, loc,
                                              isMax ? arith::CmpFPredicate::OLE
                                                    : arith::CmpFPredicate::OGE,
                                              args[0], limit);
        return arith::SelectOp::create(map, loc, isEmpty, infinity, args[0]);
      });
}

TypedAttr attn::getReductionIdentity(ReductionKind kind, Type element) {
  Builder builder(element.getContext());
  if (auto floatType = dyn_cast<FloatType>(element)) {
    const llvm::fltSemantics &semantics = floatType.getFloatSemantics();
    switch (kind) {
    case ReductionKind::Max:
      return builder.getFloatAttr(floatType,
                                  APFloat::getLargest(semantics, true));
    case ReductionKind::Min:
      return builder.getFloatAttr(floatType, APFloat::getLargest(semantics));
    case ReductionKind::Mul:
      return builder.getFloatAttr(floatType, 1.0);
    default:
      return builder.getFloatAttr(floatType, 0.0);
    }
  }
  unsigned width = element.getIntOrFloatBitWidth();
  switch (kind) {
  case ReductionKind::Max:
    return builder.getIntegerAttr(element, APInt::getSignedMinValue(width));
  case ReductionKind::Min:
    return builder.getIntegerAttr(element, APInt::getSignedMaxValue(width));
  case ReductionKind::Mul:
    return builder.getIntegerAttr(element, APInt(width, 1));
  case ReductionKind::And:
    return builder.getIntegerAttr(element, APInt::getAllOnes(width));
  default:
    return builder.getIntegerAttr(element, APInt::getZero(width));
  }
}

TypedAttr attn::getReductionIdentity(EinsumOpInterface einsum, Type element) {
  if (einsum.getReduction() == ReductionKind::Associative)
    return einsum.getIdentityAttr();
  return getReductionIdentity(*einsum.getReduction(), element);
}

Value attn::combineValues(OpBuilder &builder, Location loc, ReductionKind kind,
                          Value a, Value b, arith::FastMathFlags flags) {
  bool isFloat = isa<FloatType>(a.getType());
  switch (kind) {
  case ReductionKind::Add:
    return isFloat
               ? arith::AddFOp::create(builder, loc, a, b, flags).getResult()
               : arith::AddIOp::create(builder, loc, a, b).getResult();
  case ReductionKind::Mul:
    return isFloat
               ? arith::MulFOp::create(builder, loc, a, b, flags).getResult()
               : arith::MulIOp::create(builder, loc, a, b).getResult();
  case ReductionKind::Max:
    return isFloat ? arith::MaximumFOp::create(builder, loc, a, b).getResult()
                   : arith::MaxSIOp::create(builder, loc, a, b).getResult();
  case ReductionKind::Min:
    return isFloat ? arith::MinimumFOp::create(builder, loc, a, b).getResult()
                   : arith::MinSIOp::create(builder, loc, a, b).getResult();
  case ReductionKind::And:
    return arith::AndIOp::create(builder, loc, a, b);
  case ReductionKind::Or:
    return arith::OrIOp::create(builder, loc, a, b);
  case ReductionKind::Associative:
    break;
  }
  llvm_unreachable("a region is combined by its own operations");
}

Value attn::combineValues(OpBuilder &builder, Location loc,
                          EinsumOpInterface einsum, Value a, Value b) {
  if (Block *combiner = einsum.getCombinerBlock()) {
    // As it is written, so that it is recognised (EmptyStep).
    IRMapping mapping;
    mapping.map(combiner->getArguments(), ValueRange{a, b});
    for (Operation &op : combiner->without_terminator())
      builder.clone(op, mapping);
    return mapping.lookupOrDefault(combiner->getTerminator()->getOperand(0));
  }
  return combineValues(builder, loc, *einsum.getReduction(), a, b);
}
