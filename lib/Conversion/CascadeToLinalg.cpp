//===- CascadeToLinalg.cpp - One cascade, einsum by einsum -----*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CascadeToLinalg.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Support/NotSupported.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/SmallBitVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::attn;

/// Points of a step where no mapping says it.
static constexpr int64_t kDefaultStepPoints = 64;

CascadeToLinalg::CascadeToLinalg(CascadeOp cascade, OpBuilder &builder)
    : cascade(cascade), builder(builder), space(cascade.getSpace()),
      staticExtents(cascade.getRankExtents()) {
  collectSplits();
}

FailureOr<SmallVector<Value>> CascadeToLinalg::lower() {
  for (auto iterate : cascade.getBody().getOps<IterateOp>())
    if (iterate.getSplitRank())
      return LogicalResult(
          emitNotSupported(iterate)
          << "an iteration with splits is compiled fused alone");
  builder.setInsertionPoint(cascade);
  mapping.map(cascade.getBody().getArguments(), cascade.getInputs());
  buildSlots();
  if (failed(buildSegments()) || failed(buildLists()))
    return failure();
  if (failed(lowerBlock(cascade.getBody().front())))
    return failure();
  return llvm::map_to_vector(cascade.getYielded(), [&](Value yielded) {
    return mapping.lookup(yielded);
  });
}

LogicalResult CascadeToLinalg::lowerBlock(Block &block) {
  for (Operation &op : block.without_terminator()) {
    LogicalResult lowered =
        llvm::TypeSwitch<Operation *, LogicalResult>(&op)
            .Case<EinsumOp>([&](EinsumOp op) { return lowerEinsum(op); })
            .Case<IterateOp>([&](IterateOp op) { return lowerIterate(op); })
            .Default([&](Operation *op) {
              builder.clone(*op, mapping);
              return success();
            });
    if (failed(lowered))
      return failure();
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Extents
//===----------------------------------------------------------------------===//

/// Whether `expr` runs over all of `rank`: the rank itself or, in an iteration
/// over it, n1*N0+n0.
static bool isCoordinateOf(EinsumOp einsum, const EinsumAccess &access,
                           AffineExpr expr, StringAttr rank) {
  auto isRank = [&](AffineExpr expr, StringAttr rank) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    return dim && access.ranks[dim.getPosition()] == rank;
  };
  if (isRank(expr, rank))
    return true;
  std::optional<Partition> partition = getPartition(access, expr);
  IterateOp iterate =
      partition ? getIteration(einsum, *partition) : IterateOp();
  return iterate && iterate.getParentAttr() == rank;
}

/// Collects the dimensions that are split outside of an iteration, one for each
/// pair of ranks.
void CascadeToLinalg::collectSplits() {
  cascade.getBody().walk([&](EinsumOp einsum) {
    for (const EinsumAccess &access : einsum.getAccesses()) {
      for (auto [dim, expr] : llvm::enumerate(access.map.getResults())) {
        std::optional<Partition> partition = getPartition(access, expr);
        if (!partition || getIteration(einsum, *partition) ||
            llvm::any_of(splits, [&](const Split &split) {
              return split.ranks.step == partition->step &&
                     split.ranks.point == partition->point;
            }))
          continue;
        splits.push_back(
            {*partition, access.tensor, static_cast<int64_t>(dim)});
      }
    }
  });
}

FailureOr<Value> CascadeToLinalg::getExtent(const Split &split,
                                            Operation *user) {
  if (auto einsum = split.tensor.getDefiningOp<EinsumOp>())
    return getExtent(einsum.getOutputRanks()[split.dim], user);
  auto argument = dyn_cast<BlockArgument>(split.tensor);
  if (!argument || argument.getOwner() != &cascade.getBody().front())
    return LogicalResult(emitNotSupported(user)
                         << "splits a dimension of a tensor that an iteration "
                            "carries or returns; split one of an input or an "
                            "einsum");
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(outermostLoop ? outermostLoop
                                          : cascade.getOperation());
  Value tensor = cascade.getInputs()[argument.getArgNumber()];
  return tensor::DimOp::create(builder, cascade.getLoc(), tensor, split.dim)
      .getResult();
}

FailureOr<Value> CascadeToLinalg::getExtent(StringAttr rank, Operation *user) {
  if (Value known = extents.lookup(rank))
    return known;
  // In front of the loop that is being lowered: all of it may use the extent.
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(outermostLoop ? outermostLoop
                                          : cascade.getOperation());
  Location loc = cascade.getLoc();
  auto remember = [&](Value extent) {
    extents[rank] = extent;
    return extent;
  };
  auto *found = staticExtents.find(rank);
  if (found != staticExtents.end() && !ShapedType::isDynamic(found->second))
    return remember(
        arith::ConstantIndexOp::create(builder, loc, found->second));

  // A dimension of an input that the rank indexes by itself, or through a step
  // and its points.
  Value extent;
  auto fromInput = [&](Value tensor, int64_t dim) {
    auto argument = dyn_cast<BlockArgument>(tensor);
    if (extent || !argument ||
        argument.getOwner() != &cascade.getBody().front())
      return;
    extent = tensor::DimOp::create(
        builder, loc, cascade.getInputs()[argument.getArgNumber()], dim);
  };
  // Or through a quotient, so that each element stands for as many coordinates:
  // that of the least divisor, and of the first input.
  // spec: CL-12
  using Quotient = std::tuple<int64_t, unsigned, int64_t>;
  std::optional<Quotient> least;
  cascade.getBody().walk([&](EinsumOp einsum) {
    for (const EinsumAccess &access : einsum.getAccesses())
      for (auto [dim, expr] : llvm::enumerate(access.map.getResults())) {
        auto [coordinate, scale] = getQuotient(expr);
        if (!isCoordinateOf(einsum, access, coordinate, rank))
          continue;
        auto argument = dyn_cast<BlockArgument>(access.tensor);
        if (scale == 1) {
          fromInput(access.tensor, dim);
        } else if (argument &&
                   argument.getOwner() == &cascade.getBody().front()) {
          Quotient found(scale, argument.getArgNumber(), dim);
          if (!least || found < *least)
            least = found;
        }
      }
  });
  for (AccessAttr access : cascade.getSpace().getAccesses())
    for (auto [dim, name] : llvm::enumerate(access.getRanks()))
      if (name == rank)
        fromInput(cascade.getBody().getArgument(access.getInput()), dim);
  if (!extent && least) {
    auto [scale, number, dim] = *least;
    extent = arith::MulIOp::create(
        builder, loc,
        tensor::DimOp::create(builder, loc, cascade.getInputs()[number], dim),
        arith::ConstantIndexOp::create(builder, loc, scale));
  }
  if (extent)
    return remember(extent);

  // Ranks that an iteration makes.
  IterateOp maker;
  cascade.getBody().walk([&](IterateOp iterate) {
    if (iterate.getPointAttr() == rank || iterate.getRankAttr() == rank)
      maker = iterate;
  });
  if (maker && maker.getPointAttr() == rank) {
    std::optional<MappingAttr> mapped = cascade.getMapping();
    int64_t points = mapped ? mapped->getStreamTile() : kDefaultStepPoints;
    return remember(arith::ConstantIndexOp::create(builder, loc, points));
  }
  if (maker) {
    FailureOr<Value> parent = getExtent(maker.getParentAttr(), user);
    FailureOr<Value> point = getExtent(maker.getPointAttr(), user);
    if (failed(parent) || failed(point))
      return failure();
    return remember(arith::CeilDivUIOp::create(builder, loc, *parent, *point));
  }

  // Ranks into which a dimension is split, and that of an iteration over them.
  IterateOp walker;
  cascade.getBody().walk([&](IterateOp iterate) {
    if (iterate.getParentAttr() == rank)
      walker = iterate;
  });
  for (const Split &split : splits) {
    if (walker && walker.getRankAttr() == split.ranks.step &&
        walker.getPointAttr() == split.ranks.point) {
      FailureOr<Value> size = getExtent(split, user);
      if (failed(size))
        return failure();
      return remember(*size);
    }
    if (split.ranks.point == rank)
      return remember(
          arith::ConstantIndexOp::create(builder, loc, kDefaultStepPoints));
    if (split.ranks.step != rank)
      continue;
    FailureOr<Value> size = getExtent(split, user);
    FailureOr<Value> point = getExtent(split.ranks.point, user);
    if (failed(size) || failed(point))
      return failure();
    return remember(arith::CeilDivUIOp::create(builder, loc, *size, *point));
  }
  return LogicalResult(emitNotSupported(user)
                       << "the extent of rank '" << rank.getValue()
                       << "' is not known: no input of the cascade has a "
                          "dimension indexed by it "
                          "alone");
}

FailureOr<Value> CascadeToLinalg::createEmpty(EinsumOp einsum,
                                              Type elementType) {
  auto type = cast<RankedTensorType>(einsum.getOutputType());
  SmallVector<OpFoldResult> sizes;
  for (auto [rank, size] :
       llvm::zip_equal(einsum.getOutputRanks(), type.getShape())) {
    if (!ShapedType::isDynamic(size)) {
      sizes.push_back(builder.getIndexAttr(size));
      continue;
    }
    FailureOr<Value> extent = getExtent(rank, einsum);
    if (failed(extent))
      return failure();
    sizes.push_back(*extent);
  }
  // The declared type stays, also where an extent happens to be a constant.
  Value empty =
      tensor::EmptyOp::create(builder, einsum.getLoc(), sizes, elementType);
  Type declared = type.clone(elementType);
  if (empty.getType() == declared)
    return empty;
  return tensor::CastOp::create(builder, einsum.getLoc(), declared, empty)
      .getResult();
}

//===----------------------------------------------------------------------===//
// Einsums
//===----------------------------------------------------------------------===//

/// The reduction whose result `tensor` holds, seen through copies.
static std::optional<ReductionKind> findExtremum(Value tensor) {
  auto einsum = tensor.getDefiningOp<EinsumOp>();
  while (einsum && !einsum.getReduction() && einsum.isIdentityMap())
    einsum = einsum.getInputs()[0].getDefiningOp<EinsumOp>();
  if (!einsum || !isa<FloatType>(einsum.getOutputType().getElementType()))
    return std::nullopt;
  std::optional<ReductionKind> kind = einsum.getReduction();
  if (kind == ReductionKind::Max || kind == ReductionKind::Min)
    return kind;
  return std::nullopt;
}

SmallVector<unsigned> CascadeToLinalg::chooseLoopOrder(EinsumOp einsum) {
  unsigned numLoops = einsum.getOutputRank() + einsum.getReducedRanks().size();
  SmallVector<unsigned> contiguous(numLoops, 0);
  for (unsigned index = 0; index < einsum.getInputs().size(); ++index) {
    AffineMap map = einsum.getAccess(index).map;
    if (map.getNumResults() == 0)
      continue;
    for (unsigned loop = 0; loop < numLoops; ++loop)
      contiguous[loop] += 2 * map.getResults().back().isFunctionOfDim(loop);
  }
  if (einsum.getOutputRank() > 0)
    ++contiguous[einsum.getOutputRank() - 1];
  SmallVector<unsigned> order = llvm::to_vector(llvm::seq(numLoops));
  // The loops of an ordered reduction keep theirs: of these the last alone may
  // go to the end.
  for (unsigned loop = einsum.getOutputRank(); loop + 1 < numLoops; ++loop)
    if (einsum.isOrdered())
      contiguous[loop] = 0;
  auto *innermost = llvm::max_element(contiguous);
  if (!order.empty() && *innermost > 0) {
    unsigned loop = innermost - contiguous.begin();
    order.erase(order.begin() + loop);
    order.push_back(loop);
  }
  return order;
}

std::optional<CascadeToLinalg::Divisor>
CascadeToLinalg::findDivisor(EinsumOp einsum, unsigned index,
                             AffineMap loopMap) {
  // In finite arithmetic the factor's 0 says it all; only where the other
  // factor is NaN or infinite the point must not be computed.
  Operation *product = einsum.getSingleMapOp();
  auto producer = einsum.getInputs()[index].getDefiningOp<EinsumOp>();
  if (!isa_and_nonnull<arith::MulFOp>(product) || !producer ||
      producer.getReduction())
    return std::nullopt;
  auto quotient = producer.getMapResult().getDefiningOp<arith::DivFOp>();
  auto argument =
      quotient ? dyn_cast<BlockArgument>(quotient.getRhs()) : BlockArgument();
  if (!argument || argument.getOwner() != producer.getMap())
    return std::nullopt;
  EinsumAccess access = producer.getAccess(argument.getArgNumber());
  SmallVector<AffineExpr> exprs;
  for (AffineExpr expr : access.map.getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim || dim.getPosition() >= loopMap.getNumResults())
      return std::nullopt;
    exprs.push_back(loopMap.getResult(dim.getPosition()));
  }
  return Divisor{
      mapping.lookup(access.tensor),
      AffineMap::get(loopMap.getNumDims(), 0, exprs, builder.getContext())};
}

LogicalResult CascadeToLinalg::lowerEinsum(EinsumOp einsum) {
  Location loc = einsum.getLoc();
  SmallVector<StringAttr> ranks = einsum.getRankNames();
  SmallVector<unsigned> order = chooseLoopOrder(einsum);
  unsigned numLoops = order.size();
  std::optional<ReductionKind> reduction = einsum.getReduction();

  // Rank i runs as loop loopOf[i].
  SmallVector<unsigned> loopOf(numLoops);
  for (auto [loop, rank] : llvm::enumerate(order))
    loopOf[rank] = loop;

  // Operands whose dimensions are loops are read by linalg, the others in the
  // body.
  SmallVector<Operand> operands;
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  llvm::SmallBitVector covered(numLoops);
  for (auto [index, input] : llvm::enumerate(einsum.getInputs())) {
    Operand &operand = operands.emplace_back();
    operand.tensor = mapping.lookup(input);
    if (!einsum.isIdentityMap())
      operand.extremum = findExtremum(input);
    SmallVector<AffineExpr> exprs;
    llvm::SmallBitVector seen(numLoops);
    for (AffineExpr expr : einsum.getAccess(index).map.getResults()) {
      auto dim = dyn_cast<AffineDimExpr>(expr);
      if (!dim || dim.getPosition() >= numLoops || seen[dim.getPosition()])
        break;
      seen.set(dim.getPosition());
      exprs.push_back(builder.getAffineDimExpr(loopOf[dim.getPosition()]));
    }
    if (exprs.size() != einsum.getAccess(index).map.getNumResults())
      continue;
    covered |= seen;
    operand.loopMap = AffineMap::get(numLoops, 0, exprs, builder.getContext());
    maps.push_back(*operand.loopMap);
    inputs.push_back(operand.tensor);
  }
  for (auto [index, operand] : llvm::enumerate(operands)) {
    if (!operand.loopMap)
      continue;
    if (auto divisor = findDivisor(einsum, index, *operand.loopMap)) {
      operand.divisor = inputs.size();
      maps.push_back(divisor->map);
      inputs.push_back(divisor->tensor);
    }
  }

  // A reduced rank that no operand holds by itself needs one that gives the
  // loop its extent.
  for (unsigned rank = einsum.getOutputRank(); rank < numLoops; ++rank) {
    if (covered[rank])
      continue;
    FailureOr<Value> extent = getExtent(ranks[rank], einsum);
    if (failed(extent))
      return failure();
    inputs.push_back(tensor::EmptyOp::create(
        builder, loc, ArrayRef<OpFoldResult>(*extent), builder.getI8Type()));
    maps.push_back(
        AffineMap::get(numLoops, 0, builder.getAffineDimExpr(loopOf[rank])));
  }

  // The accumulator has the compute type, the result its own.
  Type element = einsum.getOutputType().getElementType();
  Type accumulate = element;
  if (reduction && isa<FloatType>(element))
    accumulate = getComputeType(element);
  FailureOr<Value> init = createEmpty(einsum, accumulate);
  if (failed(init))
    return failure();
  if (reduction) {
    Value identity = arith::ConstantOp::create(
        builder, loc, getReductionIdentity(einsum, accumulate, builder));
    init = linalg::FillOp::create(builder, loc, identity, *init).getResult(0);
  }
  SmallVector<AffineExpr> outputExprs;
  SmallVector<utils::IteratorType> iterators(numLoops,
                                             utils::IteratorType::parallel);
  for (unsigned rank = 0; rank < numLoops; ++rank) {
    if (rank < einsum.getOutputRank())
      outputExprs.push_back(builder.getAffineDimExpr(loopOf[rank]));
    else
      iterators[loopOf[rank]] = utils::IteratorType::reduction;
  }
  maps.push_back(
      AffineMap::get(numLoops, 0, outputExprs, builder.getContext()));

  bool pointFailed = false;
  auto buildBody = [&](OpBuilder &body, Location loc, ValueRange arguments) {
    RankCoordinates coordinates;
    for (unsigned rank = 0; rank < numLoops; ++rank)
      coordinates[ranks[rank]] =
          linalg::IndexOp::create(body, loc, loopOf[rank]);
    FailureOr<Value> point = failure();
    if (succeeded(addParentCoordinates(body, einsum, coordinates)))
      point = buildPoint(body, einsum, operands, arguments.drop_back(),
                         coordinates);
    if (failed(point)) {
      pointFailed = true;
      linalg::YieldOp::create(body, loc, arguments.back());
      return;
    }
    Value result = *point;
    if (reduction)
      result = combine(body, einsum, arguments.back(), result);
    else if (isa<FloatType>(element) && result.getType() != element)
      result = arith::TruncFOp::create(body, loc, element, result);
    linalg::YieldOp::create(body, loc, result);
  };
  auto generic =
      linalg::GenericOp::create(builder, loc, TypeRange((*init).getType()),
                                inputs, *init, maps, iterators, buildBody);
  if (pointFailed)
    return failure();
  Value result = generic.getResult(0);

  if (accumulate != element) {
    FailureOr<Value> rounded = createEmpty(einsum, element);
    if (failed(rounded))
      return failure();
    AffineMap identity = builder.getMultiDimIdentityMap(einsum.getOutputRank());
    result = linalg::GenericOp::create(
                 builder, loc, TypeRange((*rounded).getType()), result,
                 *rounded, ArrayRef<AffineMap>{identity, identity},
                 SmallVector<utils::IteratorType>(
                     einsum.getOutputRank(), utils::IteratorType::parallel),
                 [&](OpBuilder &body, Location loc, ValueRange arguments) {
                   Value value = arith::TruncFOp::create(body, loc, element,
                                                         arguments[0]);
                   linalg::YieldOp::create(body, loc, value);
                 })
                 .getResult(0);
  }
  mapping.map(einsum.getResult(), result);
  return success();
}

//===----------------------------------------------------------------------===//
// Iterations
//===----------------------------------------------------------------------===//

LogicalResult CascadeToLinalg::lowerIterate(IterateOp iterate) {
  Location loc = iterate.getLoc();
  FailureOr<Value> parent = getExtent(iterate.getParentAttr(), iterate);
  FailureOr<Value> point = getExtent(iterate.getPointAttr(), iterate);
  if (failed(parent) || failed(point))
    return failure();
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value count = arith::CeilDivUIOp::create(builder, loc, *parent, *point);
  SmallVector<Value> inits;
  for (Value init : iterate.getInits())
    inits.push_back(mapping.lookup(init));
  auto loop = scf::ForOp::create(builder, loc, zero, count, one, inits);

  bool isOutermost = !outermostLoop;
  if (isOutermost)
    outermostLoop = loop;
  OpBuilder::InsertionGuard guard(builder);
  Block *body = loop.getBody();
  if (inits.empty())
    body->getTerminator()->erase();
  builder.setInsertionPointToStart(body);
  mapping.map(iterate.getBody().getArguments(), loop.getRegionIterArgs());
  steps.push_back({iterate.getRankAttr(), iterate.getParentAttr(),
                   iterate.getPointAttr(), loop.getInductionVar()});
  LogicalResult lowered = lowerBlock(iterate.getBody().front());
  steps.pop_back();
  if (isOutermost)
    outermostLoop = nullptr;
  if (failed(lowered))
    return failure();

  // The new values move into the carried tensors, so that a step's buffers do
  // not outlive it.
  SmallVector<Value> yielded;
  for (auto [value, carried] :
       llvm::zip_equal(iterate.getYielded(), loop.getRegionIterArgs())) {
    Value lowered = mapping.lookup(value);
    if (lowered != carried)
      lowered =
          linalg::CopyOp::create(builder, loc, lowered, carried).getResult(0);
    yielded.push_back(lowered);
  }
  scf::YieldOp::create(builder, loc, yielded);
  mapping.map(iterate.getResults(), loop.getResults());
  return success();
}

//===----------------------------------------------------------------------===//
// Remark
//===----------------------------------------------------------------------===//

/// The bytes of a tensor over `ranks` as a formula: 32*B*M*N.
static std::string getByteFormula(ArrayRef<StringAttr> ranks,
                                  RankedTensorType type) {
  // Products of extents need not fit 64 bits.
  APInt factor(64 * (type.getRank() + 1),
               llvm::divideCeil(type.getElementTypeBitWidth(), 8));
  std::string symbols;
  for (auto [rank, size] : llvm::zip_equal(ranks, type.getShape())) {
    if (!ShapedType::isDynamic(size)) {
      factor *= size;
      continue;
    }
    std::string extent = rank.str();
    extent[0] = llvm::toUpper(extent[0]);
    symbols += "*" + extent;
  }
  return llvm::toString(factor, /*Radix=*/10, /*Signed=*/false) + symbols;
}

void CascadeToLinalg::emitMaterialisationRemark() {
  SmallVector<std::string> intermediates;
  cascade.getBody().walk([&](EinsumOp einsum) {
    auto type = dyn_cast<RankedTensorType>(einsum.getOutputType());
    if (!type || llvm::is_contained(cascade.getYielded(), einsum.getResult()))
      return;
    std::string text = "[";
    llvm::raw_string_ostream os(text);
    llvm::interleave(
        einsum.getOutputRanks(), os,
        [&](StringAttr rank) { os << rank.getValue(); }, ",");
    os << "] of " << getByteFormula(einsum.getOutputRanks(), type) << " bytes";
    intermediates.push_back(text);
  });
  InFlightDiagnostic remark =
      emitRemark(cascade.getLoc(), "compiled einsum by einsum; materialises ")
      << intermediates.size()
      << (intermediates.size() == 1 ? " intermediate" : " intermediates");
  if (!intermediates.empty())
    remark << ": " << llvm::join(intermediates, ", ");
}
