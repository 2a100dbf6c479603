//===- CascadeVerifier.cpp - What a cascade may be ------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Verification.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

using ExtentMap = llvm::MapVector<StringAttr, int64_t>;

//===----------------------------------------------------------------------===//
// Index expressions
//===----------------------------------------------------------------------===//

namespace {
/// Integers from `low` to `high`, unbounded where there is none.
struct Interval {
  std::optional<int64_t> low, high;
};
} // namespace

static std::optional<int64_t> addBounds(std::optional<int64_t> a,
                                        std::optional<int64_t> b) {
  int64_t sum;
  if (!a || !b || llvm::AddOverflow(*a, *b, sum))
    return std::nullopt;
  return sum;
}

static std::optional<int64_t> scaleBound(std::optional<int64_t> bound,
                                         int64_t factor) {
  int64_t product;
  if (!bound || llvm::MulOverflow(*bound, factor, product))
    return std::nullopt;
  return product;
}

/// The values that `expr` takes where every rank stays in its extent.
static Interval getValues(AffineExpr expr, ArrayRef<Interval> ranks,
                          ArrayRef<Interval> extents) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return {constant.getValue(), constant.getValue()};
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return ranks[dim.getPosition()];
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return extents[symbol.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  Interval left = getValues(binary.getLHS(), ranks, extents);
  Interval right = getValues(binary.getRHS(), ranks, extents);
  bool isFixed = right.low && right.low == right.high;
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return {addBounds(left.low, right.low), addBounds(left.high, right.high)};
  case AffineExprKind::Mul: {
    if (!isFixed)
      return {};
    Interval product{scaleBound(left.low, *right.low),
                     scaleBound(left.high, *right.low)};
    if (*right.low < 0)
      std::swap(product.low, product.high);
    return product;
  }
  case AffineExprKind::Mod:
    if (!isFixed || *right.low <= 0)
      return {};
    // All of one period: the values keep their order.
    if (left.low && left.high &&
        llvm::divideFloorSigned(*left.low, *right.low) ==
            llvm::divideFloorSigned(*left.high, *right.low))
      return {llvm::mod(*left.low, *right.low),
              llvm::mod(*left.high, *right.low)};
    return {0, *right.low - 1};
  case AffineExprKind::FloorDiv: {
    if (!isFixed || *right.low <= 0)
      return {};
    auto divide = [&](std::optional<int64_t> bound) {
      return bound ? std::optional(llvm::divideFloorSigned(*bound, *right.low))
                   : std::nullopt;
    };
    return {divide(left.low), divide(left.high)};
  }
  default:
    return {};
  }
}

static std::optional<Interval> getIndexValues(EinsumOp einsum, AffineExpr expr,
                                              const ExtentMap &extents) {
  auto getExtent = [&](StringAttr rank) -> std::optional<int64_t> {
    const auto *found = extents.find(rank);
    if (found == extents.end() || ShapedType::isDynamic(found->second))
      return std::nullopt;
    return found->second;
  };
  SmallVector<Interval> ranks, sizes;
  for (StringAttr rank : einsum.getRankNames()) {
    std::optional<int64_t> extent = getExtent(rank);
    // Without a point nothing is read.
    if (extent == 0)
      return std::nullopt;
    ranks.push_back({0, addBounds(extent, -1)});
  }
  for (StringAttr rank : einsum.getExtentNames()) {
    std::optional<int64_t> extent = getExtent(rank);
    sizes.push_back({extent.value_or(0), extent});
  }
  // Data may be anything.
  sizes.resize(sizes.size() + einsum.getIndices().size());
  return getValues(expr, ranks, sizes);
}

/// Whether `expr` stays in a dimension of extent `size`.
static IndexBounds getBounds(EinsumOp einsum, AffineExpr expr, int64_t size,
                             const ExtentMap &extents) {
  if (getWalkedRank(einsum, expr))
    return IndexBounds::Within;
  std::optional<Interval> values = getIndexValues(einsum, expr, extents);
  if (!values)
    return IndexBounds::Within;
  bool isKnown = !ShapedType::isDynamic(size);
  if ((values->low && values->high && *values->high < 0) ||
      (isKnown && ((values->low && *values->low >= size) ||
                   (values->low && values->high &&
                    (*values->low < 0 || *values->high >= size)))))
    return IndexBounds::Outside;
  if (isKnown && values->low && values->high)
    return IndexBounds::Within;
  return IndexBounds::Unknown;
}

IndexBounds
attn::getIndexBounds(EinsumOp einsum, unsigned input, unsigned position,
                     const llvm::MapVector<StringAttr, int64_t> &extents) {
  AffineMap map = cast<AffineMapAttr>(einsum.getMaps()[input]).getValue();
  int64_t size = cast<ShapedType>(einsum.getInputs()[input].getType())
                     .getDimSize(position);
  return getBounds(einsum, map.getResult(position), size, extents);
}

/// Checks that no index expression of `einsum` is known to leave its dimension.
static LogicalResult verifyAccesses(EinsumOp einsum, const ExtentMap &extents) {
  // spec: CA-7
  auto check = [&](StringRef what, unsigned number, Value tensor,
                   Attribute attribute) -> LogicalResult {
    AffineMap map = cast<AffineMapAttr>(attribute).getValue();
    auto type = cast<ShapedType>(tensor.getType());
    for (auto [position, expr] : llvm::enumerate(map.getResults())) {
      int64_t size = type.getDimSize(position);
      if (getBounds(einsum, expr, size, extents) != IndexBounds::Outside)
        continue;
      Interval values = *getIndexValues(einsum, expr, extents);
      InFlightDiagnostic diagnostic =
          einsum.emitOpError(what) << " #" << number << ": index #" << position;
      diagnostic << " runs from " << values.low.value_or(0);
      if (values.high)
        diagnostic << " to " << *values.high;
      return diagnostic << ", outside of the extent " << size;
    }
    return success();
  };
  for (auto [index, input] : llvm::enumerate(einsum.getInputs()))
    if (failed(check("operand", index, input, einsum.getMaps()[index])))
      return failure();
  for (auto [index, tensor] : llvm::enumerate(einsum.getIndices()))
    if (failed(
            check("index tensor", index, tensor, einsum.getIndexMaps()[index])))
      return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// Ranks
//===----------------------------------------------------------------------===//

/// Collects the extents that the tensors state; two different ones for a rank
/// are diagnosed.
static FailureOr<ExtentMap> collectExtents(CascadeOp cascade) {
  // spec: CA-4
  ExtentMap extents;
  LogicalResult status = success();
  forEachStatedExtent(
      cascade, [&](StringAttr rank, int64_t size, Operation *where, bool) {
        auto [it, inserted] = extents.insert({rank, size});
        if (inserted || failed(status))
          return;
        if (ShapedType::isDynamic(it->second)) {
          it->second = size;
        } else if (!ShapedType::isDynamic(size) && size != it->second) {
          status = where->emitOpError("gives rank '")
                   << rank.getValue() << "' extent " << size
                   << "; elsewhere in the cascade it is " << it->second;
        }
      });
  if (failed(status))
    return failure();
  return extents;
}

/// Checks that ranks named by the cascade and by extents are ranks that einsums
/// walk, and that every rank has an extent.
static LogicalResult verifyRanks(CascadeOp cascade, const ExtentMap &extents) {
  // Steps and points have the extents that a mapping gives them, whether an
  // iteration runs over the steps or not.
  llvm::SmallDenseSet<StringAttr> iterated, partitioned, used;
  cascade.getBody().walk([&](Operation *op) {
    if (auto iterate = dyn_cast<IterateOp>(op)) {
      iterated.insert(iterate.getRankAttr());
      iterated.insert(iterate.getPointAttr());
    } else if (auto einsum = dyn_cast<EinsumOp>(op)) {
      used.insert_range(einsum.getRankNames());
      for (ArrayAttr maps : {einsum.getMaps(), einsum.getIndexMaps()})
        for (Attribute map : maps)
          for (AffineExpr expr :
               cast<AffineMapAttr>(map).getValue().getResults())
            if (StringAttr step, point;
                isPartition(einsum, expr, step, point)) {
              partitioned.insert(step);
              partitioned.insert(point);
            }
    }
  });
  partitioned.insert(iterated.begin(), iterated.end());
  // spec: CA-6
  WalkResult walk = cascade.getBody().walk([&](EinsumOp einsum) {
    for (StringAttr rank : einsum.getRankNames())
      if (!extents.contains(rank) && !partitioned.contains(rank)) {
        einsum.emitOpError("rank '")
            << rank.getValue()
            << "' has no extent: it never indexes a dimension by itself";
        return WalkResult::interrupt();
      }
    for (StringAttr rank : einsum.getExtentNames())
      if (!extents.contains(rank) && !partitioned.contains(rank)) {
        einsum.emitOpError("names the extent of '")
            << rank.getValue() << "', which is no rank of the cascade";
        return WalkResult::interrupt();
      }
    return WalkResult::advance();
  });
  if (walk.wasInterrupted())
    return failure();
  if (cascade.hasSpace())
    for (StringAttr rank :
         {cascade.getQueryRankAttr(), cascade.getKeyRankAttr()})
      if (!extents.contains(rank))
        return cascade.emitOpError("'over' names rank '")
               << rank.getValue() << "', which no einsum uses";

  // spec: LI-2, LI-3
  auto getType = [&](AccessAttr access) {
    return cast<ShapedType>(cascade.getInputs()[access.getInput()].getType());
  };
  if (SparsityAttr sparsity = cascade.getSparsityAttr())
    for (Attribute atom : sparsity.getListAtoms())
      if (failed(verifyListCount(cascade, atom,
                                 extents.lookup(cascade.getQueryRankAttr()),
                                 getType)))
        return failure();

  if (SparsityAttr sparsity = cascade.getSparsityAttr())
    if (failed(verifyPerHead(
            cascade, sparsity, "are ranks of known extent outside of the plane",
            [&](StringAttr rank) -> std::optional<int64_t> {
              auto *found = extents.find(rank);
              if (found == extents.end() ||
                  ShapedType::isDynamic(found->second) ||
                  rank == cascade.getQueryRankAttr() ||
                  rank == cascade.getKeyRankAttr())
                return std::nullopt;
              return found->second;
            },
            [&](StringAttr rank) {
              return cascade.getSpace().getOrigin(rank) != nullptr;
            })))
      return failure();

  // spec: PO-6
  for (OriginAttr origin : cascade.getSpace().origins)
    if (!extents.contains(origin.getRank()))
      return cascade.emitOpError("gives rank '")
             << origin.getRank().getValue()
             << "' an origin, but no einsum uses it";

  // spec: CA-8
  if (std::optional<MappingAttr> mapping = cascade.getMapping()) {
    SmallVector<StringAttr> named(mapping->getParallel());
    named.push_back(mapping->getLanes());
    llvm::SmallDenseSet<StringAttr> seen;
    for (StringAttr rank : named) {
      if (!used.contains(rank))
        return cascade.emitOpError("the mapping names rank '")
               << rank.getValue() << "', which no einsum uses";
      if (!seen.insert(rank).second)
        return cascade.emitOpError("the mapping names rank '")
               << rank.getValue() << "' twice";
      if (iterated.contains(rank))
        return cascade.emitOpError("the mapping names rank '")
               << rank.getValue() << "', which an attn.iterate runs over";
    }
    // The points of a step may be a number that tensors state.
    WalkResult walk = cascade.getBody().walk([&](IterateOp iterate) {
      // spec: IT-6
      if (std::optional<int64_t> split = iterate.getSplitSize();
          split && *split % mapping->getStreamTile() != 0) {
        cascade.emitOpError("the mapping has steps of ")
            << mapping->getStreamTile() << " points, which do not divide the "
            << *split << " points of a split";
        return WalkResult::interrupt();
      }
      int64_t points = extents.lookup(iterate.getPointAttr());
      if (points <= 0 || points == mapping->getStreamTile())
        return WalkResult::advance();
      cascade.emitOpError("the mapping has steps of ")
          << mapping->getStreamTile() << " points, but tensors state " << points
          << " for '" << iterate.getPoint() << "'";
      return WalkResult::interrupt();
    });
    if (walk.wasInterrupted())
      return failure();
  }
  return success();
}

/// Checks that every einsum knows which of the integers that restrict it, or
/// that shift its indices, are its own. A map without their ranks computes at
/// every point of the plane and sums none.
static LogicalResult verifyAccessRanks(CascadeOp cascade) {
  // spec: CA-5
  CascadeSpace space = cascade.getSpace();
  auto walks = [&](EinsumOp einsum, StringAttr rank) {
    if (einsum.hasRank(rank))
      return true;
    for (auto loop = einsum->getParentOfType<IterateOp>(); loop;
         loop = loop->getParentOfType<IterateOp>())
      if (loop.getParentAttr() == rank && einsum.hasRank(loop.getPointAttr()))
        return true;
    return false;
  };
  auto check = [&](EinsumOp einsum, StringRef what,
                   ArrayRef<StringAttr> ranks) -> LogicalResult {
    for (StringAttr rank : ranks)
      if (!einsum.hasRank(rank) && rank != space.queryRank &&
          rank != space.keyRank)
        return einsum.emitOpError(what) << " along '" << rank.getValue()
                                        << "', a rank that it does not have";
    return success();
  };
  bool failedOne = false;
  cascade.getBody().walk([&](EinsumOp einsum) {
    if (failedOne)
      return;
    if (einsum.getReduction() && cascade.hasSpace() && space.restricts() &&
        walks(einsum, space.queryRank) && walks(einsum, space.keyRank)) {
      failedOne = failed(check(einsum, "is restricted", space.getPlaneRanks()));
    }
    einsum.getBody().walk([&](IndexOp index) {
      if (AccessAttr origin = space.getOrigin(index.getRankAttr()))
        failedOne |= !failedOne &&
                     failed(check(einsum, "reads an index whose origin varies",
                                  origin.getRanks()));
    });
  });
  return failure(failedOne);
}

/// Checks that an einsum can be where its residency says.
static LogicalResult verifyResidency(EinsumOp einsum) {
  // spec: MP-5
  Value result = einsum.getResult();
  if (einsum.getResidency() == Residency::Register) {
    auto reader = result.hasOneUse() ? dyn_cast<EinsumOp>(*result.user_begin())
                                     : EinsumOp();
    if (!reader || reader->getBlock() != einsum->getBlock())
      return einsum.emitOpError("is kept in registers, but is not read by one "
                                "einsum beside it alone");
  }
  if (einsum.getResidency() == Residency::Global &&
      llvm::none_of(result.getUsers(), [](Operation *user) {
        return isa<YieldOp>(user) && isa<CascadeOp>(user->getParentOp());
      }))
    return einsum.emitOpError("is kept in the kernel's tensors, but is no "
                              "result of the cascade");
  return success();
}

LogicalResult CascadeOp::verifyRegions() {
  // spec: CA-3
  Block &body = getBody().front();
  auto yield = dyn_cast<YieldOp>(body.getTerminator());
  if (!yield || yield.getOperandTypes() != getResultTypes())
    return emitOpError("must yield its results; expected types ")
           << getResultTypes();
  for (Operation &op : body.without_terminator())
    if (!isa<EinsumOp, IterateOp, arith::ConstantOp>(op))
      return emitMisplaced(&op)
             << "a cascade; cascades hold attn.einsum and attn.iterate";

  FailureOr<ExtentMap> extents = collectExtents(*this);
  if (failed(extents) || failed(verifyRanks(*this, *extents)) ||
      failed(verifyPredicateRegions(*this)) || failed(verifyAccessRanks(*this)))
    return failure();
  WalkResult walk = getBody().walk([&](EinsumOp einsum) {
    return failed(verifyAccesses(einsum, *extents)) ||
                   failed(verifyResidency(einsum))
               ? WalkResult::interrupt()
               : WalkResult::advance();
  });
  return failure(walk.wasInterrupted());
}
