//===- CascadeTiler.cpp - Einsums of a mapped cascade as tiles ------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Scratch buffers and the emission of one einsum on a tile. What it reads is in
// CascadeTilerInputs.cpp, the loops around it in CascadeTilerLoops.cpp, what
// can be tiled in CascadeTilerCheck.cpp.
//
//===----------------------------------------------------------------------===//

#include "CascadeTiler.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Analysis/TermRoles.h"
#include "attn/Conversion/FusedForm.h"
#include "attn/Support/Debug.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

/// Scratch buffers start on cache lines.
static constexpr int64_t kAlignment = 64;

CascadeTiler::CascadeTiler(CascadeOp cascade, ValueRange inputs,
                           ValueRange outputs, Value workspace,
                           int64_t laneTile)
    : cascade(cascade), space(cascade.getSpace()), inputs(inputs),
      outputs(outputs), workspace(workspace), laneTile(laneTile),
      innerLanes(cascade.getMapping()->getInnerLanes()),
      lane(cascade.getMapping()->getLanes()),
      parallel(cascade.getMapping()->getParallel()),
      extents(cascade.getRankExtents()), fixedStep(getFixedStep(cascade)) {
  for (auto op : cascade.getBody().front().getOps<IterateOp>())
    iterate = op;
  if (iterate && iterate.getPlan())
    rowSteps.front() = residues = iterate.getPlan()->getResidues();
  if (space.sparsity) {
    TermRoles roles = getTermRoles(cascade);
    listAtom = roles.list;
    periodicAtom = roles.periodic;
    if (SmallVector<int64_t> steps = getDilatedSteps(periodicAtom);
        !steps.empty() && lane == space.queryRank)
      rowSteps = steps;
    listRows = roles.getListRows();
    cuts = roles.cuts;
    testedTerms = roles.terms.tested;
    unplannedTerms = roles.terms.unplanned;
    if (roles.listed)
      listedTerms = roles.listed->tested;
    visitsRanges = roles.listed.has_value();
  }
  ArrayRef<int64_t> gridTile = cascade.getMapping()->getGridTile();
  if (!gridTile.empty())
    grid = findGridWalk(cascade);
  walksBoxes = iterate && iterate.getBoxes();
  if (grid && grid->axes.size() == gridTile.size())
    gridWork = getGridWork(*grid, gridTile);
}

//===----------------------------------------------------------------------===//
// Extents
//===----------------------------------------------------------------------===//

std::optional<CascadeTiler::ExtentPlace>
CascadeTiler::findExtent(StringAttr rank) {
  using Kind = ExtentPlace::Kind;
  auto *found = extents.find(rank);
  if (found != extents.end() && !ShapedType::isDynamic(found->second))
    return ExtentPlace{Kind::Number, found->second, /*dim=*/0};
  if (iterate && rank == iterate.getSplitRankAttr()) {
    std::optional<ExtentPlace> whole = findExtent(iterate.getParentAttr());
    if (whole)
      whole->partSize = *iterate.getSplitSize();
    return whole;
  }

  // A dynamic extent is a dimension of some input, or of an output; of those
  // that quotients index the one of the least divisor and the first input.
  std::optional<ExtentPlace> place;
  bool isStream = iterate && rank == iterate.getParentAttr();
  cascade.getBody().walk([&](EinsumOp einsum) {
    for (const EinsumAccess &access : einsum.getAccesses()) {
      if (!isInput(access.tensor))
        continue;
      for (auto [dim, expr] : llvm::enumerate(access.map.getResults())) {
        auto [coordinate, scale] = getQuotient(expr);
        auto plain = dyn_cast<AffineDimExpr>(coordinate);
        bool isRank = plain && access.ranks[plain.getPosition()] == rank;
        if (!isRank && !(isStream &&
                         getOverTokens(access, coordinate) == getToken(access)))
          continue;
        ExtentPlace found{Kind::Input,
                          cast<BlockArgument>(access.tensor).getArgNumber(),
                          static_cast<int64_t>(dim), scale};
        auto getOrder = [](const ExtentPlace &at) {
          return std::tuple(at.scale, at.number, at.dim);
        };
        if (!place || getOrder(found) < getOrder(*place))
          place = found;
      }
    }
  });
  if (place)
    return place;
  for (auto [number, result] : llvm::enumerate(cascade.getYielded()))
    if (auto einsum = result.getDefiningOp<EinsumOp>())
      for (auto [dim, name] : llvm::enumerate(einsum.getOutputRanks()))
        if (name == rank)
          return ExtentPlace{Kind::Output, static_cast<int64_t>(number),
                             static_cast<int64_t>(dim)};
  return std::nullopt;
}

Value CascadeTiler::getExtent(OpBuilder &builder, Location loc,
                              StringAttr rank) {
  std::optional<ExtentPlace> place = findExtent(rank);
  if (!place)
    return {};
  Value extent;
  if (place->kind == ExtentPlace::Kind::Number)
    extent = arith::ConstantIndexOp::create(builder, loc, place->number);
  else
    extent = memref::DimOp::create(builder, loc,
                                   place->kind == ExtentPlace::Kind::Input
                                       ? inputs[place->number]
                                       : outputs[place->number],
                                   place->dim);
  if (place->scale != 1)
    extent = arith::MulIOp::create(
        builder, loc, extent,
        arith::ConstantIndexOp::create(builder, loc, place->scale));
  if (place->partSize == 1)
    return extent;
  return arith::CeilDivUIOp::create(
      builder, loc, extent,
      arith::ConstantIndexOp::create(builder, loc, place->partSize));
}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

TileBuffer CascadeTiler::allocate(OpBuilder &builder, Location loc,
                                  ArrayRef<StringAttr> ranks, Type element) {
  // Points first, then what a tile holds whole, lanes last: whatever order the
  // tensor has, a row of the buffer is contiguous. Where einsums have lanes of
  // their own, the tensors' order is theirs.
  TileBuffer buffer;
  SmallVector<int64_t> shape;
  auto getSize = [&](StringAttr rank) {
    return isPoint(rank)  ? cascade.getMapping()->getStreamTile()
           : rank == lane ? laneTile
                          : extents.find(rank)->second;
  };
  auto append = [&](auto belongs) {
    for (auto [dim, rank] : llvm::enumerate(ranks))
      if (!isParallel(rank) && belongs(rank)) {
        buffer.dims.push_back(dim);
        buffer.ranks.push_back(rank);
        shape.push_back(getSize(rank));
      }
  };
  if (innerLanes) {
    append([](StringAttr) { return true; });
  } else {
    append([&](StringAttr rank) { return isPoint(rank); });
    append([&](StringAttr rank) { return rank != lane && !isPoint(rank); });
    append([&](StringAttr rank) { return rank == lane; });
  }
  if (isa<FloatType>(element))
    element = getComputeType(element);
  buffer.memref = allocate(builder, loc, MemRefType::get(shape, element));
  return buffer;
}

Value CascadeTiler::allocate(OpBuilder &builder, Location loc,
                             MemRefType type) {
  int64_t bytes = llvm::divideCeil(
      type.getNumElements() * type.getElementTypeBitWidth(), 8);
  Value offset = arith::ConstantIndexOp::create(builder, loc, workspaceBytes);
  ATTN_DEBUG("tile") << "scratch " << type << " at byte " << workspaceBytes
                     << "\n";
  workspaceBytes += llvm::alignTo(bytes, kAlignment);
  return memref::ViewOp::create(builder, loc, type, workspace, offset,
                                ValueRange{});
}

/// The part of a buffer that the points of this step fill: all of it where
/// missing points are dead, of which a copy (`isCopy`) brings none.
Value CascadeTiler::sliceStep(OpBuilder &builder, Location loc,
                              const TileBuffer &buffer, bool isCopy) {
  bool isWhole = fillsStep && !isCopy;
  if (isWhole || !llvm::any_of(buffer.ranks,
                               [&](StringAttr rank) { return isPoint(rank); }))
    return buffer.memref;
  auto type = cast<MemRefType>(buffer.memref.getType());
  SmallVector<OpFoldResult> strides(type.getRank(), builder.getIndexAttr(1));
  SmallVector<OpFoldResult> offsets, sizes;
  for (auto [rank, size] : llvm::zip_equal(buffer.ranks, type.getShape())) {
    offsets.push_back(isPoint(rank) && stepOffset ? OpFoldResult(stepOffset)
                                                  : builder.getIndexAttr(0));
    sizes.push_back(isPoint(rank) ? OpFoldResult(stepCount)
                                  : builder.getIndexAttr(size));
  }
  return memref::SubViewOp::create(builder, loc, buffer.memref, offsets, sizes,
                                   strides);
}

/// Whether the operand is read at exactly the einsum's result point.
bool CascadeTiler::readsAtResult(EinsumOp einsum, unsigned operand) {
  EinsumAccess access = einsum.getAccess(operand);
  if (access.map.getNumResults() != einsum.getOutputRank())
    return false;
  for (auto [dim, expr] : llvm::enumerate(access.map.getResults())) {
    auto plain = dyn_cast<AffineDimExpr>(expr);
    if (!plain || plain.getPosition() != dim)
      return false;
  }
  return true;
}

/// The names of the buffer's dimensions in the einsum that writes it.
SmallVector<StringAttr> CascadeTiler::getOutRanks(EinsumOp einsum,
                                                  const TileBuffer &buffer) {
  SmallVector<StringAttr> ranks = einsum.getOutputRanks(), result;
  for (int64_t dim : buffer.dims)
    result.push_back(ranks[dim]);
  return result;
}

std::optional<unsigned> CascadeTiler::getCarriedInPlace(EinsumOp einsum) const {
  auto parent = dyn_cast<IterateOp>(einsum->getParentOp());
  if (!parent || !einsum.getResult().hasOneUse())
    return std::nullopt;
  OpOperand &use = *einsum.getResult().getUses().begin();
  if (!isa<YieldOp>(use.getOwner()))
    return std::nullopt;
  BlockArgument old = parent.getBody().getArgument(use.getOperandNumber());
  // The old value may be overwritten where nothing after this einsum reads it
  // and this einsum reads it only at the point it writes.
  for (OpOperand &oldUse : old.getUses()) {
    auto user = dyn_cast<EinsumOp>(oldUse.getOwner());
    if (!user)
      return std::nullopt;
    auto host = absorbed.find(user);
    bool isPart =
        user == einsum || (host != absorbed.end() && host->second == einsum);
    if (isPart) {
      if (!user.getReduction() &&
          readsAtResult(user, oldUse.getOperandNumber()))
        continue;
      return std::nullopt;
    }
    Operation *position =
        host == absorbed.end() ? user.getOperation() : host->second;
    if (!position->isBeforeInBlock(einsum))
      return std::nullopt;
  }
  return use.getOperandNumber();
}

std::optional<TileBuffer> CascadeTiler::getReusedInput(EinsumOp einsum) const {
  if (einsum.getReduction() || !isInSpace(einsum))
    return std::nullopt;
  for (unsigned index = 0; index < einsum.getInputs().size(); ++index) {
    EinsumAccess access = einsum.getAccess(index);
    Operation *producer = access.tensor.getDefiningOp();
    auto buffer = buffers.find(access.tensor);
    if (!producer || producer->getBlock() != einsum->getBlock() ||
        buffer == buffers.end() || !readsAtResult(einsum, index))
      continue;
    Type element = einsum.getOutputType().getElementType();
    if (getElementTypeOrSelf(buffer->second.memref.getType()) !=
        (isa<FloatType>(element) ? getComputeType(element) : element))
      continue;
    bool isLast = llvm::all_of(access.tensor.getUses(), [&](OpOperand &use) {
      Operation *user = use.getOwner();
      if (auto host = absorbed.find(user); host != absorbed.end())
        user = host->second;
      return user == einsum || user->isBeforeInBlock(einsum);
    });
    // Another operand of this einsum may read the tensor elsewhere.
    bool isOnlyRead = llvm::count(einsum.getInputs(), access.tensor) == 1;
    if (isLast && isOnlyRead)
      return buffer->second;
  }
  return std::nullopt;
}

TileBuffer CascadeTiler::getResultBuffer(OpBuilder &builder, EinsumOp einsum) {
  if (std::optional<unsigned> carried = getCarriedInPlace(einsum)) {
    auto parent = cast<IterateOp>(einsum->getParentOp());
    return buffers.lookup(parent.getBody().getArgument(*carried));
  }
  if (std::optional<TileBuffer> reused = getReusedInput(einsum))
    return *reused;
  return allocate(builder, einsum.getLoc(), einsum.getOutputRanks(),
                  einsum.getOutputType().getElementType());
}

//===----------------------------------------------------------------------===//
// One einsum
//===----------------------------------------------------------------------===//

/// The coordinate of `rank` in the cascade. Those of a tile count from its
/// first point, those of the cascade from the rank's origin.
Value CascadeTiler::buildIndex(OpBuilder &builder, Location loc,
                               StringAttr rank, const PointData &point) {
  auto localIndex = [&](StringAttr local, Value first) -> Value {
    Value index = IndexOp::create(builder, loc, builder.getIndexType(), local);
    return arith::AddIOp::create(builder, loc, index, first);
  };
  auto tokenIndex = [&](StringAttr local, Value first, Value base) -> Value {
    bool isRow = local == lane;
    Value tokens =
        toTensor(builder, loc,
                 IndexOp::create(builder, loc, builder.getIndexType(), local),
                 /*base=*/{}, isRow);
    return arith::AddIOp::create(builder, loc, tokens,
                                 toTensor(builder, loc, first, base, isRow));
  };
  Value value;
  if (isParallel(rank)) {
    value = coordinates[llvm::find(parallel, rank) - parallel.begin()];
  } else if (rank == lane && fixedToken) {
    value = fixedToken;
  } else if (Value token = point.tokens.lookup(rank)) {
    value =
        arith::IndexCastOp::create(builder, loc, builder.getIndexType(), token);
  } else if (rank == lane) {
    value = tokenIndex(rank, firstRow, place.rowBase);
  } else if (iterate && rank == iterate.getParentAttr()) {
    value = tokenIndex(iterate.getPointAttr(), stepFirst, place.keyBase);
  } else if (isPoint(rank)) {
    Value skipped = arith::SubIOp::create(builder, loc, stepFirst, tileFirst);
    value = localIndex(rank, skipped);
  } else if (iterate && rank == iterate.getRankAttr()) {
    Value size = arith::ConstantIndexOp::create(
        builder, loc, cascade.getMapping()->getStreamTile());
    value = arith::DivUIOp::create(builder, loc, tileFirst, size);
  } else {
    value = IndexOp::create(builder, loc, builder.getIndexType(), rank);
  }
  if (Value origin = origins.lookup(rank))
    value = arith::AddIOp::create(builder, loc, value, origin);
  return value;
}

Value CascadeTiler::cloneMap(OpBuilder &builder, EinsumOp einsum,
                             ValueRange arguments,
                             std::optional<TypedAttr> maskWith,
                             const Accumulation *accumulation,
                             const PointData &point) {
  IRMapping mapping(constants);
  unsigned next = 0;
  for (auto [index, argument] :
       llvm::enumerate(einsum.getMap()->getArguments()))
    if (!accumulation || index != accumulation->operand)
      mapping.map(argument, arguments[next++]);
  for (Operation &op : einsum.getMap()->without_terminator()) {
    if (accumulation && &op == accumulation->sum)
      continue;
    auto index = dyn_cast<IndexOp>(op);
    if (!index) {
      builder.clone(op, mapping);
      continue;
    }
    mapping.map(index.getResult(), buildIndex(builder, index.getLoc(),
                                              index.getRankAttr(), point));
  }
  Value result = mapping.lookupOrDefault(accumulation ? accumulation->rest
                                                      : einsum.getMapResult());
  if (!maskWith)
    return result;
  Location loc = einsum.getLoc();
  // What a tile has at points that the step has not is masked behind the map.
  Value live = einsum.getReduction() ? buildLive(builder, loc, point)
                                     : buildPlaneTest(builder, loc, point);
  Value dead = arith::ConstantOp::create(builder, loc, *maskWith);
  return arith::SelectOp::create(builder, loc, live, result, dead);
}

void CascadeTiler::emitMap(OpBuilder &builder, EinsumOp einsum, Value out,
                           ArrayRef<StringAttr> outRanks, bool accumulate,
                           std::optional<TypedAttr> maskWith,
                           const Accumulation *accumulation) {
  Location loc = einsum.getLoc();
  bool readsLanes = false;
  SmallVector<EinsumAccess> accesses;
  for (unsigned index = 0; index < einsum.getInputs().size(); ++index) {
    if (accumulation && index == accumulation->operand)
      continue;
    bool reads = false;
    accesses.push_back(
        getTileAccess(builder, loc, einsum.getAccess(index), reads));
    readsLanes |= reads;
  }
  // The map's own operands, then the tokens that it needs.
  size_t numOperands = accesses.size();
  SmallVector<StringAttr> tokenRanks =
      getTokensRead(einsum, maskWith.has_value());
  readsLanes |=
      appendPointData(builder, loc, tokenRanks, maskWith.has_value(), accesses);
  SmallVector<StringAttr> clamped;
  if (readsLanes && llvm::is_contained(outRanks, lane))
    clamped.push_back(lane);
  emitRequests(builder, einsum);
  auto tile = TileEinsumOp::create(
      builder, loc, out, outRanks, accesses, einsum.getEinsumReduction(),
      accumulate, clamped,
      [&](OpBuilder &nested, Location, ValueRange arguments) {
        return cloneMap(
            nested, einsum, arguments.take_front(numOperands), maskWith,
            accumulation,
            readPointData(tokenRanks, arguments.drop_front(numOperands)));
      });
  Type element = einsum.getOutputType().getElementType();
  if (takesWholeSteps && !einsum.getReduction() &&
      getElementTypeOrSelf(out.getType()).isF32() &&
      (element.isBF16() || element.isF16()))
    tile->setAttr(kElementAttrName, TypeAttr::get(element));
}

void CascadeTiler::emitCopy(OpBuilder &builder, Location loc,
                            const TileBuffer &from, Value to,
                            ArrayRef<StringAttr> toRanks) {
  TileEinsumOp::create(
      builder, loc, to, toRanks,
      ArrayRef<EinsumAccess>(
          fixRow(builder, loc,
                 EinsumAccess::get(sliceStep(builder, loc, from), from.ranks))),
      std::nullopt, /*accumulate=*/false, ArrayRef<StringAttr>(),
      [](OpBuilder &, Location, ValueRange args) { return args[0]; });
}
