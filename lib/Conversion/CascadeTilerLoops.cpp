//===- CascadeTilerLoops.cpp - Loops of a mapped cascade ------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One work item: einsums before the stream, the loop over the planned key
// ranges with its full and its partial steps, and the stores of the results.
//
//===----------------------------------------------------------------------===//

#include "CascadeTiler.h"
#include "attn/Support/Debug.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::attn;

/// The names of the buffer's dimensions in the einsum that writes it.
static SmallVector<StringAttr> getOutRanks(EinsumOp einsum,
                                           const TileBuffer &buffer) {
  SmallVector<StringAttr> ranks = einsum.getOutputRanks(), result;
  for (int64_t dim : buffer.dims)
    result.push_back(ranks[dim]);
  return result;
}

//===----------------------------------------------------------------------===//
// Dead points
//===----------------------------------------------------------------------===//

/// The value that `kind` ignores, as a constant of `type`.
static TypedAttr getIdentity(ReductionKind kind, Type type) {
  if (auto floatType = dyn_cast<FloatType>(type)) {
    const llvm::fltSemantics &semantics = floatType.getFloatSemantics();
    APFloat value = APFloat::getZero(semantics);
    if (kind == ReductionKind::Mul)
      value = APFloat::getOne(semantics);
    else if (kind == ReductionKind::Max)
      value = APFloat::getInf(semantics, /*Negative=*/true);
    else if (kind == ReductionKind::Min)
      value = APFloat::getInf(semantics);
    return FloatAttr::get(type, value);
  }
  unsigned width = type.getIntOrFloatBitWidth();
  APInt value = APInt::getZero(width);
  if (kind == ReductionKind::Mul)
    value = APInt(width, 1);
  else if (kind == ReductionKind::Max)
    value = APInt::getSignedMinValue(width);
  else if (kind == ReductionKind::Min)
    value = APInt::getSignedMaxValue(width);
  else if (kind == ReductionKind::And)
    value = APInt::getAllOnes(width);
  return IntegerAttr::get(type, value);
}

static bool isProduct(EinsumOp einsum) {
  return isa_and_nonnull<arith::MulFOp>(einsum.getSingleMapOp());
}

/// The value at dead points with which `consumer`, a reduction over points,
/// needs no mask for its operand.
static std::optional<TypedAttr> getWantedMask(EinsumOp consumer) {
  Type type = consumer.getMapResult().getType();
  if (consumer.isIdentityMap())
    return getIdentity(*consumer.getReduction(), type);
  if (isProduct(consumer) && consumer.getReduction() == ReductionKind::Add)
    return getIdentity(ReductionKind::Add, type);
  return std::nullopt;
}

std::optional<TypedAttr> CascadeTiler::getProducerMask(EinsumOp einsum) const {
  if (!isInSpace(einsum) || reducesPoints(einsum) ||
      !isa<FloatType>(einsum.getMapResult().getType()))
    return std::nullopt;
  std::optional<TypedAttr> mask;
  for (Operation *user : einsum.getResult().getUsers()) {
    auto consumer = dyn_cast<EinsumOp>(user);
    if (!consumer || !reducesPoints(consumer))
      continue;
    std::optional<TypedAttr> wanted = getWantedMask(consumer);
    // A plain reduction needs its identity; a product would take either.
    if (wanted && (!mask || consumer.isIdentityMap()))
      mask = wanted;
  }
  return mask;
}

CascadeTiler::DeadPoints CascadeTiler::getDeadPoints(EinsumOp einsum) const {
  std::optional<TypedAttr> wanted = getWantedMask(einsum);
  if (!wanted)
    return DeadPoints::Masked;
  bool hasOther = false, isAbsorbed = false;
  for (Value input : einsum.getInputs()) {
    auto producer = input.getDefiningOp<EinsumOp>();
    if (producer && getProducerMask(producer) == wanted)
      isAbsorbed = true;
    else
      hasOther = true;
  }
  if (!isAbsorbed)
    return DeadPoints::Masked;
  return hasOther ? DeadPoints::AbsorbedIfFinite : DeadPoints::Absorbed;
}

/// Evaluates an affine expression on i32 values.
static Value evaluate(OpBuilder &builder, Location loc, AffineExpr expr,
                      ValueRange dims, ValueRange symbols) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return symbols[symbol.getPosition()];
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return arith::ConstantIntOp::create(builder, loc, constant.getValue(), 32);
  auto binary = cast<AffineBinaryOpExpr>(expr);
  Value left = evaluate(builder, loc, binary.getLHS(), dims, symbols);
  Value right = evaluate(builder, loc, binary.getRHS(), dims, symbols);
  switch (binary.getKind()) {
  case AffineExprKind::Add:
    return arith::AddIOp::create(builder, loc, left, right);
  case AffineExprKind::Mul:
    return arith::MulIOp::create(builder, loc, left, right);
  case AffineExprKind::FloorDiv:
    return arith::FloorDivSIOp::create(builder, loc, left, right);
  case AffineExprKind::CeilDiv:
    return arith::CeilDivSIOp::create(builder, loc, left, right);
  default: {
    // The remainder of a floored division.
    Value quotient = arith::FloorDivSIOp::create(builder, loc, left, right);
    Value product = arith::MulIOp::create(builder, loc, quotient, right);
    return arith::SubIOp::create(builder, loc, left, product);
  }
  }
}

/// Inside a map: whether the current (row, key) is live. Positions are i32, so
/// that a vector of lanes takes one register.
Value CascadeTiler::buildLive(OpBuilder &builder, Location loc) {
  IntegerSet set = iterate.getPlan()->getConstraints();
  Type i32 = builder.getI32Type();
  auto toI32 = [&](Value value) -> Value {
    return arith::IndexCastOp::create(builder, loc, i32, value);
  };
  auto getPosition = [&](StringAttr rank, Value first) -> Value {
    Value local = IndexOp::create(builder, loc, builder.getIndexType(), rank);
    return arith::AddIOp::create(builder, loc, toI32(local), toI32(first));
  };
  SmallVector<Value> dims{getPosition(lane, firstRow),
                          getPosition(iterate.getPointAttr(), stepFirst)};
  SmallVector<Value> symbols = llvm::map_to_vector(planSymbols, toI32);
  Value zero = arith::ConstantIntOp::create(builder, loc, 0, 32);
  Value live;
  for (auto [index, constraint] : llvm::enumerate(set.getConstraints())) {
    Value value = evaluate(builder, loc, constraint, dims, symbols);
    Value holds = arith::CmpIOp::create(
        builder, loc,
        set.isEq(index) ? arith::CmpIPredicate::eq : arith::CmpIPredicate::sge,
        value, zero);
    live = live ? arith::AndIOp::create(builder, loc, live, holds).getResult()
                : holds;
  }
  if (!live)
    live = arith::ConstantIntOp::create(builder, loc, 1, 1);
  return live;
}

/// Whether every value of the tile is finite: x * 0 is NaN for all others.
Value CascadeTiler::buildAllFinite(OpBuilder &builder, Location loc,
                                   EinsumAccess tile) {
  SmallVector<StringAttr> ranks;
  for (AffineExpr expr : tile.map.getResults())
    for (auto [position, rank] : llvm::enumerate(tile.ranks))
      if (expr.isFunctionOfDim(position) && !llvm::is_contained(ranks, rank))
        ranks.push_back(rank);
  Type element = getComputeType(getElementTypeOrSelf(tile.tensor.getType()));
  auto timesZero = [&](OpBuilder &nested, Location, ValueRange args) -> Value {
    Value zero =
        arith::ConstantOp::create(nested, loc, FloatAttr::get(element, 0.0));
    return arith::MulFOp::create(nested, loc, args[0], zero);
  };
  // The last rank stays as lanes until the rest is summed.
  SmallVector<StringAttr> last(ArrayRef(ranks).take_back(1));
  if (ranks.size() > 1 && !isPoint(last[0])) {
    TileBuffer sums = allocate(builder, loc, last, element);
    ranks.pop_back();
    EinsumOp::create(builder, loc, sums.memref, last,
                     ArrayRef<EinsumAccess>(tile),
                     EinsumReduction{ReductionKind::Add, ranks},
                     /*accumulate=*/false, ArrayRef<StringAttr>(), timesZero);
    tile = EinsumAccess::get(sums.memref, last);
    ranks = last;
  }
  TileBuffer total = allocate(builder, loc, {}, element);
  EinsumOp::create(builder, loc, total.memref, ArrayRef<StringAttr>(),
                   ArrayRef<EinsumAccess>(tile),
                   EinsumReduction{ReductionKind::Add, ranks},
                   /*accumulate=*/false, ArrayRef<StringAttr>(), timesZero);
  Value sum = memref::LoadOp::create(builder, loc, total.memref);
  Value zero =
      arith::ConstantOp::create(builder, loc, FloatAttr::get(element, 0.0));
  return arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OEQ, sum,
                               zero);
}

//===----------------------------------------------------------------------===//
// Einsums in their places
//===----------------------------------------------------------------------===//

void CascadeTiler::emitReducing(OpBuilder &builder, EinsumOp einsum,
                                const TileBuffer &out, bool accumulate,
                                bool masked) {
  Location loc = einsum.getLoc();
  SmallVector<StringAttr> ranks = getOutRanks(einsum, out);
  Value target = sliceStep(builder, loc, out);
  TypedAttr identity =
      getIdentity(*einsum.getReduction(), einsum.getMapResult().getType());
  if (!masked || !isInSpace(einsum) ||
      getDeadPoints(einsum) == DeadPoints::Absorbed) {
    emitMap(builder, einsum, target, ranks, accumulate, std::nullopt);
    return;
  }
  if (getDeadPoints(einsum) == DeadPoints::Masked) {
    emitMap(builder, einsum, target, ranks, accumulate, identity);
    return;
  }
  // Dead points hold 0, which annihilates every finite factor; a tile with an
  // infinity or a NaN is masked point by point.
  Value allFinite;
  for (unsigned index = 0; index < einsum.getInputs().size(); ++index) {
    auto producer = einsum.getInputs()[index].getDefiningOp<EinsumOp>();
    if (producer && getProducerMask(producer))
      continue;
    bool readsLanes = false;
    Value finite = buildAllFinite(
        builder, loc,
        getTileAccess(builder, loc, einsum.getAccess(index), readsLanes));
    allFinite =
        allFinite
            ? arith::AndIOp::create(builder, loc, allFinite, finite).getResult()
            : finite;
  }
  auto branch = scf::IfOp::create(builder, loc, allFinite, /*withElse=*/true);
  OpBuilder thenBuilder = branch.getThenBodyBuilder();
  emitMap(thenBuilder, einsum, target, ranks, accumulate, std::nullopt);
  OpBuilder elseBuilder = branch.getElseBodyBuilder();
  emitMap(elseBuilder, einsum, target, ranks, accumulate, identity);
}

/// Finds maps that add a contraction to something else, FuseMax's
/// RNV' = SLNV + RNV * PRM, in which the contraction can add into the buffer.
void CascadeTiler::absorbAccumulations(Block &block) {
  for (auto einsum : block.getOps<EinsumOp>()) {
    auto sum = einsum.getMapResult().getDefiningOp<arith::AddFOp>();
    // Values along the points of a step are masked where they are made, which
    // a sum in two parts would miss.
    bool hasPoints =
        llvm::any_of(einsum.getOutputRanks(),
                     [&](StringAttr rank) { return isPoint(rank); });
    if (einsum.getReduction() || hasPoints || !sum ||
        sum->getBlock() != einsum.getMap() || !sum->hasOneUse())
      continue;
    for (unsigned side : {0u, 1u}) {
      auto argument = dyn_cast<BlockArgument>(sum->getOperand(side));
      if (!argument || argument.getOwner() != einsum.getMap() ||
          !argument.hasOneUse())
        continue;
      unsigned index = argument.getArgNumber();
      auto contraction = einsum.getInputs()[index].getDefiningOp<EinsumOp>();
      if (!contraction || contraction->getBlock() != &block ||
          !contraction.getResult().hasOneUse() ||
          contraction.getReduction() != ReductionKind::Add ||
          !isProduct(contraction) ||
          contraction.getOutputType() != einsum.getOutputType() ||
          !readsAtResult(einsum, index))
        continue;
      ATTN_DEBUG("tile") << "adds " << contraction.getResult().getType()
                         << " into its accumulator\n";
      absorbed[contraction] = einsum;
      accumulations[einsum] = {contraction, index, sum,
                               sum->getOperand(1 - side)};
      break;
    }
  }
}

void CascadeTiler::emitEinsum(OpBuilder &builder, EinsumOp einsum,
                              bool masked) {
  if (absorbed.contains(einsum))
    return;
  Location loc = einsum.getLoc();
  TileBuffer buffer = getResultBuffer(builder, einsum);
  SmallVector<StringAttr> ranks = getOutRanks(einsum, buffer);
  auto accumulation = accumulations.find(einsum);
  if (accumulation != accumulations.end()) {
    emitMap(builder, einsum, buffer.memref, ranks, /*accumulate=*/false,
            std::nullopt, &accumulation->second);
    emitReducing(builder, accumulation->second.contraction, buffer,
                 /*accumulate=*/true, masked);
  } else if (einsum.getReduction() && reducesPoints(einsum)) {
    emitReducing(builder, einsum, buffer, /*accumulate=*/false, masked);
  } else {
    emitMap(builder, einsum, sliceStep(builder, loc, buffer), ranks,
            /*accumulate=*/false,
            masked && !einsum.getReduction() ? getProducerMask(einsum)
                                             : std::nullopt);
    // A contraction over features yields scores: they are masked afterwards,
    // in place, so that the inner loop stays free of tests.
    if (auto mask = getProducerMask(einsum);
        masked && einsum.getReduction() && mask) {
      Value tile = sliceStep(builder, loc, buffer);
      EinsumOp::create(
          builder, loc, tile, ranks,
          ArrayRef<EinsumAccess>(EinsumAccess::get(tile, ranks)), std::nullopt,
          /*accumulate=*/false, ArrayRef<StringAttr>(),
          [&](OpBuilder &nested, Location, ValueRange args) -> Value {
            Value live = buildLive(nested, loc);
            Value dead = arith::ConstantOp::create(nested, loc, *mask);
            return arith::SelectOp::create(nested, loc, live, args[0], dead);
          });
    }
  }
  buffers[einsum.getResult()] = buffer;
}

void CascadeTiler::emitStep(OpBuilder &builder, IterateOp op, bool masked) {
  // Both forms of the step may share scratch: only one of them runs.
  int64_t bytes = workspaceBytes;
  staged.clear();
  Block &body = op.getBody().front();
  for (auto einsum : body.getOps<EinsumOp>())
    emitEinsum(builder, einsum, masked);

  // Carried tensors that could not be updated in place move to their buffers.
  SmallVector<std::pair<EinsumOp, BlockArgument>> copies;
  for (auto [yielded, argument] :
       llvm::zip(op.getYielded(), body.getArguments())) {
    auto einsum = yielded.getDefiningOp<EinsumOp>();
    if (einsum && buffers[yielded].memref != buffers[argument].memref)
      copies.emplace_back(einsum, argument);
  }
  for (auto [einsum, argument] : copies) {
    TileBuffer from = buffers[einsum.getResult()];
    from.ranks = getOutRanks(einsum, from);
    emitCopy(builder, op.getLoc(), from, buffers[argument].memref, from.ranks);
  }
  stepBytes = std::max(stepBytes, workspaceBytes);
  workspaceBytes = bytes;
}

void CascadeTiler::emitIterate(OpBuilder &builder, IterateOp op) {
  Location loc = op.getLoc();
  Block &body = op.getBody().front();
  for (auto [init, argument, result] :
       llvm::zip(op.getInits(), body.getArguments(), op.getResults())) {
    TileBuffer buffer = buffers.lookup(init);
    if (!init.hasOneUse()) {
      auto einsum = init.getDefiningOp<EinsumOp>();
      TileBuffer copy = allocate(builder, loc, einsum.getOutputRanks(),
                                 einsum.getOutputType().getElementType());
      emitCopy(builder, loc, buffer, copy.memref, buffer.ranks);
      buffer = copy;
    }
    buffers[argument] = buffer;
    buffers[result] = buffer;
  }
  absorbAccumulations(body);
  packInputs(builder, op);

  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value step = arith::ConstantIndexOp::create(
      builder, loc, cascade.getMapping()->getStreamTile());
  Value extent = getExtent(builder, loc, op.getParentAttr());
  Value lower = zero, upper = extent, fullLower, fullUpper;
  if (std::optional<PlanAttr> plan = op.getPlan()) {
    Value last = arith::AddIOp::create(
        builder, loc, firstRow,
        arith::SubIOp::create(builder, loc, rowCount,
                              arith::ConstantIndexOp::create(builder, loc, 1)));
    SmallVector<Value> operands{firstRow, last};
    buildPlanSymbols(builder, loc, *plan);
    llvm::append_range(operands, planSymbols);
    auto bound = [&](AffineMap map, bool isLower) -> Value {
      Value value =
          isLower ? affine::AffineMaxOp::create(builder, loc, map, operands)
                        .getResult()
                  : affine::AffineMinOp::create(builder, loc, map, operands)
                        .getResult();
      value = arith::MaxSIOp::create(builder, loc, value, zero);
      return arith::MinSIOp::create(builder, loc, value, extent);
    };
    lower = bound(plan->getLiveLower(), true);
    upper = bound(plan->getLiveUpper(), false);
    fullLower = bound(plan->getFullLower(), true);
    fullUpper = bound(plan->getFullUpper(), false);
  }

  // Tiles are anchored at the key index, whatever range a query tile visits:
  // a row's result does not depend on its neighbours.
  Value first = arith::MulIOp::create(
      builder, loc, arith::DivUIOp::create(builder, loc, lower, step), step);
  Value isEmpty = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::sge,
                                        lower, upper);
  Value end = arith::SelectOp::create(builder, loc, isEmpty, first, upper);
  auto loop = scf::ForOp::create(builder, loc, first, end, step);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  tileFirst = loop.getInductionVar();
  stepFirst = arith::MaxSIOp::create(builder, loc, tileFirst, lower);
  Value stepEnd = arith::MinSIOp::create(
      builder, loc, arith::AddIOp::create(builder, loc, tileFirst, step),
      upper);
  stepCount = arith::SubIOp::create(builder, loc, stepEnd, stepFirst);
  if (!op.getPlan()) {
    emitStep(builder, op, /*masked=*/false);
  } else {
    Value startsFull = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::sge, stepFirst, fullLower);
    Value endsFull = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::sle, stepEnd, fullUpper);
    Value isFull = arith::AndIOp::create(builder, loc, startsFull, endsFull);
    auto branch = scf::IfOp::create(builder, loc, isFull, /*withElse=*/true);
    OpBuilder fullBuilder = branch.getThenBodyBuilder();
    emitStep(fullBuilder, op, /*masked=*/false);
    OpBuilder partialBuilder = branch.getElseBodyBuilder();
    emitStep(partialBuilder, op, /*masked=*/true);
  }
  workspaceBytes = std::max(workspaceBytes, stepBytes);
  stepFirst = stepCount = tileFirst = {};
}

void CascadeTiler::buildPlanSymbols(OpBuilder &builder, Location loc,
                                    PlanAttr plan) {
  // spec: SP-8
  // A length outside [0, extent] is read as the nearest extent: no load leaves
  // the tensor whatever the operand holds.
  auto getLength = [&](AccessAttr access, StringAttr rank) -> Value {
    SmallVector<Value> indices;
    for (StringAttr name : access.getRanks())
      indices.push_back(
          coordinates[llvm::find(parallel, name) - parallel.begin()]);
    Value length = memref::LoadOp::create(builder, loc,
                                          inputs[access.getInput()], indices);
    length = arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                        length);
    length = arith::MaxSIOp::create(
        builder, loc, length, arith::ConstantIndexOp::create(builder, loc, 0));
    return arith::MinSIOp::create(builder, loc, length,
                                  getExtent(builder, loc, rank));
  };
  planSymbols.clear();
  for (StringAttr symbol : plan.getSymbols()) {
    if (symbol == "M")
      planSymbols.push_back(
          getExtent(builder, loc, cascade.getQueryRankAttr()));
    else if (symbol == "N")
      planSymbols.push_back(getExtent(builder, loc, cascade.getKeyRankAttr()));
    else if (symbol == "KL")
      planSymbols.push_back(
          getLength(*cascade.getKeyLengths(), cascade.getKeyRankAttr()));
    else
      planSymbols.push_back(
          getLength(*cascade.getQueryLengths(), cascade.getQueryRankAttr()));
  }
}

void CascadeTiler::emitOutputs(OpBuilder &builder, Location loc) {
  for (auto [result, output] : llvm::zip(cascade.getYielded(), outputs)) {
    auto einsum = result.getDefiningOp<EinsumOp>();
    auto type = cast<MemRefType>(output.getType());
    SmallVector<StringAttr> tensorRanks, ranks;
    if (einsum) {
      tensorRanks = einsum.getOutputRanks();
    } else {
      auto carried = cast<OpResult>(result);
      auto op = cast<IterateOp>(carried.getOwner());
      tensorRanks = op.getInits()[carried.getResultNumber()]
                        .getDefiningOp<EinsumOp>()
                        .getOutputRanks();
    }
    SmallVector<OpFoldResult> offsets, sizes,
        strides(type.getRank(), builder.getIndexAttr(1));
    SmallVector<int64_t> shape;
    for (auto [dim, rank] : llvm::enumerate(tensorRanks)) {
      if (isParallel(rank)) {
        offsets.push_back(
            coordinates[llvm::find(parallel, rank) - parallel.begin()]);
        sizes.push_back(builder.getIndexAttr(1));
        continue;
      }
      bool isLane = rank == lane;
      offsets.push_back(isLane ? OpFoldResult(firstRow)
                               : builder.getIndexAttr(0));
      sizes.push_back(isLane ? OpFoldResult(rowCount)
                             : memref::getMixedSize(builder, loc, output, dim));
      shape.push_back(isLane ? ShapedType::kDynamic : type.getDimSize(dim));
      ranks.push_back(rank);
    }
    MemRefType viewType = memref::SubViewOp::inferRankReducedResultType(
        shape, type, offsets, sizes, strides);
    Value view = memref::SubViewOp::create(builder, loc, viewType, output,
                                           offsets, sizes, strides);
    // An einsum whose value nothing else needs computes into the output itself.
    if (einsum && !buffers.contains(result)) {
      emitMap(builder, einsum, view, ranks, /*accumulate=*/false, std::nullopt);
      continue;
    }
    TileBuffer from = buffers.lookup(result);
    from.ranks.clear();
    for (int64_t dim : from.dims)
      from.ranks.push_back(tensorRanks[dim]);
    emitCopy(builder, loc, from, view, ranks);
  }
}

void CascadeTiler::emitItem(OpBuilder &builder, Location loc,
                            ValueRange itemCoordinates, Value first,
                            Value rows) {
  coordinates.assign(itemCoordinates.begin(), itemCoordinates.end());
  firstRow = first;
  rowCount = rows;
  workspaceBytes = stepBytes = 0;
  buffers.clear();
  staged.clear();
  absorbed.clear();
  accumulations.clear();
  Block &body = cascade.getBody().front();
  cascade.getBody().walk([&](arith::ConstantOp constant) {
    if (!constant->getParentOfType<EinsumOp>())
      constants.map(constant.getResult(),
                    builder.clone(*constant)->getResult(0));
  });
  for (Operation &op : body.without_terminator()) {
    if (auto einsum = dyn_cast<EinsumOp>(op)) {
      bool isOnlyResult =
          llvm::all_of(einsum.getResult().getUsers(),
                       [](Operation *user) { return isa<YieldOp>(user); });
      if (!isOnlyResult)
        emitEinsum(builder, einsum, /*masked=*/false);
    } else if (auto nested = dyn_cast<IterateOp>(op)) {
      emitIterate(builder, nested);
    }
  }
  emitOutputs(builder, loc);
}
