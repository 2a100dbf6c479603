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
#include "IndexBuilder.h"
#include "PointValues.h"
#include "attn/Analysis/Residency.h"
#include "attn/Analysis/SparsityPlan.h"
#include "attn/Conversion/FusedForm.h"
#include "attn/Support/Debug.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// Einsums in their places
//===----------------------------------------------------------------------===//

/// Finds maps that add a contraction to something else, FuseMax's
/// RNV' = SLNV + RNV * PRM, in which the contraction can add into the buffer.
void CascadeTiler::absorbAccumulations(Block &block) {
  for (auto contraction : block.getOps<EinsumOp>()) {
    EinsumOp reader = getOnlyReader(contraction);
    unsigned operand = 0;
    Operation *sum = nullptr;
    if (!reader || absorbed.contains(contraction) ||
        accumulations.contains(reader) ||
        getResidency(contraction) != Residency::Register ||
        !canAddIntoReader(contraction, reader, operand, sum))
      continue;
    ATTN_DEBUG("tile") << "adds " << contraction.getResult().getType()
                       << " into its accumulator\n";
    bool isLeft = sum->getOperand(0) == reader.getMap()->getArgument(operand);
    absorbed[contraction] = reader;
    accumulations[reader] = {contraction, operand, sum,
                             sum->getOperand(isLeft ? 1 : 0)};
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
    // What loads convert is converted in front of both, and of their branches.
    const Accumulation &parts = accumulation->second;
    for (EinsumOp part : {einsum, parts.contraction})
      for (unsigned index = 0; index < part.getInputs().size(); ++index) {
        bool readsLanes = false;
        if (part != einsum || index != parts.operand)
          getTileAccess(builder, loc, part.getAccess(index), readsLanes);
      }
    emitReducing(builder, parts.contraction, buffer,
                 /*accumulate=*/true, masked, [&](OpBuilder &branch) {
                   emitMap(branch, einsum, buffer.memref, ranks,
                           /*accumulate=*/false, std::nullopt, &parts);
                 });
  } else if (einsum.getReduction() && reducesPoints(einsum)) {
    emitReducing(builder, einsum, buffer, /*accumulate=*/false, masked,
                 [](OpBuilder &) {});
  } else {
    std::optional<TypedAttr> mask;
    if (masked)
      mask = getProducerMask(einsum);
    auto emit = [&](std::optional<TypedAttr> maskWith) {
      emitMap(builder, einsum, sliceStep(builder, loc, buffer), ranks,
              /*accumulate=*/false, maskWith);
    };
    if (mask && isZeroWhereDead(einsum))
      mask.reset();
    if (asksForKeys(einsum)) {
      emitInChunks(builder, loc, einsum, [&] { emit(std::nullopt); });
    } else if (!mask || einsum.getReduction()) {
      emit(std::nullopt);
    }
    bool testsPlane = mask && !(fillsStep && isUntested(iterate));
    if (mask && !einsum.getReduction()) {
      emitRanges(builder, loc, [&](bool isFull) {
        emit(isFull || !testsPlane ? std::nullopt : mask);
      });
    } else if (testsPlane) {
      // A contraction over features yields scores: they are masked afterwards,
      // in place, so that the inner loop stays free of tests.
      emitRanges(builder, loc, [&](bool isFull) {
        if (!isFull)
          emitPlaneMask(builder, loc, sliceStep(builder, loc, buffer), ranks,
                        *mask);
      });
    }
    if (mask && fillsStep)
      emitStepMask(builder, loc, buffer.memref, ranks, *mask);
  }
  buffers[einsum.getResult()] = buffer;
}

void CascadeTiler::emitStep(OpBuilder &builder, IterateOp op, bool masked) {
  // Both forms of the step may share scratch: only one of them runs.
  int64_t bytes = workspaceBytes;
  staged.clear();
  if (periodicAtom)
    writeStepTokens(builder, op.getLoc());
  else if (walksBoxes && place.grid->keyBox)
    writeStepKeys(builder, op.getLoc());
  else if (hasStepTokens())
    loadStepTokens(builder, op.getLoc());
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
  if (visitsRanges && op.getParentAttr() == space.keyRank) {
    std::swap(testedTerms, listedTerms);
    emitWalk(builder, op);
    std::swap(testedTerms, listedTerms);
    // Then the ranges, as if there were no list.
    Attribute list = std::exchange(listAtom, Attribute());
    Attribute periodic = std::exchange(periodicAtom, Attribute());
    bool wereBoxes = std::exchange(walksBoxes, false);
    Value count = std::exchange(place.keyExtent, Value());
    emitWalk(builder, op);
    listAtom = list;
    periodicAtom = periodic;
    walksBoxes = wereBoxes;
    place.keyExtent = count;
  } else {
    emitWalk(builder, op);
  }
  workspaceBytes = std::max(workspaceBytes, stepBytes);
}

/// Emits the steps over the keys of a list, or over the plan's ranges.
void CascadeTiler::emitWalk(OpBuilder &builder, IterateOp op) {
  Location loc = op.getLoc();
  OpBuilder::InsertionGuard guard(builder);
  if (op.getParentAttr() == space.keyRank)
    preparePointTest(builder, loc);
  // The blocks of a list, one after the other, each as far as the plan's
  // intervals reach into it. Those of a part are found in there.
  std::optional<KeyInterval> block;
  if (!cuts.empty())
    block = walkParts(builder, loc);
  if (walksTokens()) {
    listedSlots = {place.list->begin, place.list->end};
    if (block)
      listedSlots = findSlots(builder, loc, *block, listedSlots);
    block = listedSlots;
  }
  SmallVector<KeyInterval> intervals = buildIntervals(builder, loc, op);
  if (auto blocks = dyn_cast_or_null<BlocksAttr>(listAtom))
    block = walkBlocks(builder, loc, blocks);
  KeyInterval interval = intervals.front();
  if (intervals.size() > 1) {
    Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
    Value one = arith::ConstantIndexOp::create(builder, loc, 1);
    Value count =
        arith::ConstantIndexOp::create(builder, loc, intervals.size());
    auto loop = scf::ForOp::create(builder, loc, zero, count, one);
    builder.setInsertionPointToStart(loop.getBody());
    for (auto [index, next] :
         llvm::enumerate(ArrayRef(intervals).drop_front())) {
      Value number = arith::ConstantIndexOp::create(builder, loc, index + 1);
      Value isThis =
          arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                loop.getInductionVar(), number);
      interval.begin = arith::SelectOp::create(builder, loc, isThis, next.begin,
                                               interval.begin);
      interval.end =
          arith::SelectOp::create(builder, loc, isThis, next.end, interval.end);
    }
  }
  if (block) {
    interval.begin =
        arith::MaxSIOp::create(builder, loc, interval.begin, block->begin);
    interval.end =
        arith::MinSIOp::create(builder, loc, interval.end, block->end);
  }
  emitInterval(builder, op, cutToSplit(builder, op, interval));
  stepFirst = stepCount = tileFirst = {};
  isListed.clear();
}

/// What lies of an interval of keys in the item's split.
CascadeTiler::KeyInterval CascadeTiler::cutToSplit(OpBuilder &builder,
                                                   IterateOp op,
                                                   KeyInterval interval) {
  if (!op.getSplitRank())
    return interval;
  Location loc = op.getLoc();
  Value size = arith::ConstantIndexOp::create(builder, loc, *op.getSplitSize());
  Value number = coordinates[llvm::find(parallel, op.getSplitRankAttr()) -
                             parallel.begin()];
  Value begin = arith::MulIOp::create(builder, loc, number, size);
  KeyInterval split{begin, arith::AddIOp::create(builder, loc, begin, size)};
  if (walksTokens())
    split = findSlots(builder, loc, split, listedSlots);
  return {arith::MaxSIOp::create(builder, loc, interval.begin, split.begin),
          arith::MinSIOp::create(builder, loc, interval.end, split.end)};
}

/// Whether steps for warps may compute all points of a tile, and mask those
/// that they do not have: one form of a step serves partial and masked ones.
/// Nothing may read a tensor at these points but copies for products, which
/// fill up with zeros, and what is reduced over points needs lanes, or nobody
/// masks it.
bool CascadeTiler::mayFillSteps(IterateOp op) {
  if (!takesWholeSteps || innerLanes || fixedStep ||
      (isPermuted(op.getParentAttr()) && !hasStepTokens()) ||
      !space.getPointOperands().empty())
    return false;
  for (auto einsum : op.getBody().front().getOps<EinsumOp>()) {
    if (!einsum.hasRank(op.getPointAttr()))
      continue;
    if (!isInSpace(einsum))
      return false;
    for (unsigned index = 0; index < einsum.getInputs().size(); ++index) {
      EinsumAccess access = einsum.getAccess(index);
      if (!isInput(access.tensor))
        continue;
      Reach reach = getReach(access);
      Type element = getElementTypeOrSelf(access.tensor.getType());
      bool isCopied = !reach.lanes && !reach.data && !reach.computed &&
                      reach.isPlain && (element.isBF16() || element.isF16());
      bool isProduct = einsum.getReduction() == ReductionKind::Add &&
                       isa_and_nonnull<arith::MulFOp>(einsum.getSingleMapOp());
      if (reach.stream && !(isCopied && isProduct))
        return false;
    }
  }
  return true;
}

/// Emits the steps over one interval of keys. Tiles are anchored at the key
/// index, whatever range a query tile visits: a row's result does not depend on
/// its neighbours.
void CascadeTiler::emitInterval(OpBuilder &builder, IterateOp op,
                                KeyInterval interval) {
  Location loc = op.getLoc();
  Value step = arith::ConstantIndexOp::create(
      builder, loc, cascade.getMapping()->getStreamTile());
  Value first = roundDown(builder, loc, interval.begin, step);
  // The tile of an empty interval must not be entered.
  Value isEmpty = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::sge,
                                        interval.begin, interval.end);
  Value end =
      arith::SelectOp::create(builder, loc, isEmpty, first, interval.end);
  auto loop = scf::ForOp::create(builder, loc, first, end, step);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  tileFirst = loop.getInductionVar();
  stepFirst = arith::MaxSIOp::create(builder, loc, tileFirst, interval.begin);
  Value stepEnd = arith::MinSIOp::create(
      builder, loc, arith::AddIOp::create(builder, loc, tileFirst, step),
      interval.end);
  stepCount = arith::SubIOp::create(builder, loc, stepEnd, stepFirst);
  bool tests = !isUntested(op);
  fillsStep = mayFillSteps(op);
  llvm::scope_exit restore([&] { fillsStep = false; });
  if (!tests && !fillsStep) {
    emitStep(builder, op, /*masked=*/false);
    return;
  }
  Value isFull;
  if (!tests) {
    // All points are live that the step has.
  } else if (leavesStepsOut()) {
    StepCondition condition = buildStepCondition(builder, loc, stepEnd);
    isFull = condition.isFull;
    auto branch = scf::IfOp::create(builder, loc, condition.mayBeLive,
                                    /*withElse=*/false);
    if (!hasCaches)
      branch->setAttr(kLiveStepAttrName, builder.getUnitAttr());
    builder.setInsertionPointToStart(branch.thenBlock());
  } else if (isNeverFull()) {
    emitStep(builder, op, /*masked=*/true);
    return;
  } else {
    isFull = buildIsFull(builder, loc, stepEnd);
  }
  if (fillsStep) {
    IndexBuilder index{builder, loc};
    isFull = index.both(isFull, index.equal(stepCount, step));
  }
  auto branch = scf::IfOp::create(builder, loc, isFull, /*withElse=*/true);
  if (takesWholeSteps)
    branch->setAttr(kUntestedAttrName, builder.getUnitAttr());
  OpBuilder fullBuilder = branch.getThenBodyBuilder();
  emitStep(fullBuilder, op, /*masked=*/false);
  OpBuilder partialBuilder = branch.getElseBodyBuilder();
  if (tests && !testsWindows())
    buildFullPart(partialBuilder, loc, stepEnd);
  emitStep(partialBuilder, op, /*masked=*/true);
}

/// The integer that `access` gives to this item, no further from 0 than
/// positions go.
Value CascadeTiler::loadInteger(OpBuilder &builder, Location loc,
                                AccessAttr access) {
  Value number = inputs[access.getInput()];
  if (isa<MemRefType>(number.getType())) {
    SmallVector<Value> indices;
    for (StringAttr name : access.getRanks())
      indices.push_back(
          coordinates[llvm::find(parallel, name) - parallel.begin()]);
    number = memref::LoadOp::create(builder, loc, number, indices);
  }
  bool isShort = number.getType().isInteger(32);
  number =
      arith::IndexCastOp::create(builder, loc, builder.getIndexType(), number);
  if (isShort)
    return number;
  // spec: PO-8
  Value far = arith::ConstantIndexOp::create(builder, loc, kFarPosition);
  Value before = arith::ConstantIndexOp::create(builder, loc, -kFarPosition);
  number = arith::MinSIOp::create(builder, loc, number, far);
  return arith::MaxSIOp::create(builder, loc, number, before);
}

/// The origin of `rank`, or null where it begins at 0.
Value CascadeTiler::getOrigin(OpBuilder &builder, Location loc,
                              StringAttr rank) {
  AccessAttr access = space.getOrigin(rank);
  if (!access)
    return {};
  Value &origin = origins[rank];
  if (!origin)
    origin = loadInteger(builder, loc, access);
  return origin;
}

/// What a length leaves of `rank`. A length counts tokens of the whole: at
/// least 0 and, for a rank that has no origin, at most the extent. What it
/// leaves of this part lies within the extent, so that no load leaves the
/// tensor.
CascadeTiler::PlaneLength CascadeTiler::getPlaneLength(OpBuilder &builder,
                                                       Location loc,
                                                       AccessAttr access,
                                                       StringAttr rank) {
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value extent = getPlaneExtent(builder, loc, rank);
  if (!access)
    return {extent, extent};
  // spec: SP-8
  Value length = loadInteger(builder, loc, access);
  length = arith::MaxSIOp::create(builder, loc, length, zero);
  Value origin = getOrigin(builder, loc, rank);
  // A segment is cut like a part that begins where it does.
  // spec: SG-3
  if (space.isPacked())
    origin = rank == space.queryRank ? place.rowBase : place.keyBase;
  if (!origin) {
    length = arith::MinSIOp::create(builder, loc, length, extent);
    return {length, length};
  }
  Value part = arith::SubIOp::create(builder, loc, length, origin);
  part = arith::MaxSIOp::create(builder, loc, part, zero);
  return {length, arith::MinSIOp::create(builder, loc, part, extent)};
}

/// What the alignment adds to the index of a row.
Value CascadeTiler::getAlignmentOffset(OpBuilder &builder, Location loc) {
  if (space.offset)
    return loadInteger(builder, loc, space.offset);
  if (space.alignment.getValue() != Alignment::BottomRight)
    return arith::ConstantIndexOp::create(builder, loc, 0);
  PlaneLength keys =
      getPlaneLength(builder, loc, space.keyLengths, space.keyRank);
  PlaneLength rows =
      getPlaneLength(builder, loc, space.queryLengths, space.queryRank);
  // Of a segment there are the tokens in front of the cut.
  // spec: SG-3
  if (space.isPacked())
    return arith::SubIOp::create(builder, loc, keys.part, rows.part);
  return arith::SubIOp::create(builder, loc, keys.whole, rows.whole);
}

/// Where the position of row 0 falls among the keys of this part.
Value CascadeTiler::getDiagonal(OpBuilder &builder, Location loc) {
  Value diagonal = getAlignmentOffset(builder, loc);
  if (Value origin = getOrigin(builder, loc, space.queryRank))
    diagonal = arith::AddIOp::create(builder, loc, diagonal, origin);
  if (Value origin = getOrigin(builder, loc, space.keyRank))
    diagonal = arith::SubIOp::create(builder, loc, diagonal, origin);
  return diagonal;
}

/// The number of the item's head.
Value CascadeTiler::getHead(OpBuilder &builder, Location loc) {
  PerHeadAttr heads = space.getPerHead();
  Value head;
  for (auto [rank, stride] :
       llvm::zip_equal(heads.getRanks(), heads.getStrides())) {
    Value term = coordinates[llvm::find(parallel, rank) - parallel.begin()];
    if (Value origin = getOrigin(builder, loc, rank))
      term = arith::AddIOp::create(builder, loc, term, origin);
    if (stride != 1)
      term = arith::MulIOp::create(
          builder, loc, term,
          arith::ConstantIndexOp::create(builder, loc, stride));
    head = head ? arith::AddIOp::create(builder, loc, head, term).getResult()
                : term;
  }
  return head;
}

void CascadeTiler::buildPlanSymbols(OpBuilder &builder, Location loc,
                                    PlanAttr plan) {
  PlaneLength keys =
      getPlaneLength(builder, loc, space.keyLengths, space.keyRank);
  PlaneLength rows =
      getPlaneLength(builder, loc, space.queryLengths, space.queryRank);
  planSymbols.clear();
  for (StringAttr symbol : plan.getSymbols()) {
    if (symbol == PlanSymbols::rowExtent)
      planSymbols.push_back(getPlaneExtent(builder, loc, space.queryRank));
    else if (symbol == PlanSymbols::keyExtent)
      planSymbols.push_back(getPlaneExtent(builder, loc, space.keyRank));
    else if (symbol == PlanSymbols::keyLength)
      planSymbols.push_back(keys.part);
    else if (symbol == PlanSymbols::rowLength)
      planSymbols.push_back(rows.part);
    else if (symbol == PlanSymbols::diagonal && place.diagonal)
      planSymbols.push_back(place.diagonal);
    else if (symbol == PlanSymbols::diagonal)
      planSymbols.push_back(getDiagonal(builder, loc));
    else if (std::optional<unsigned> list = PlanAttr::getListNumber(symbol);
             list && cuts.empty())
      // All that is walked of a list by itself is listed.
      planSymbols.push_back(arith::ConstantIndexOp::create(builder, loc, 1));
    else if (list)
      planSymbols.push_back(isListed[*list]);
    else if (symbol == PlanSymbols::head)
      planSymbols.push_back(getHead(builder, loc));
    else if (DenseI64ArrayAttr table = getTable(plan, symbol))
      planSymbols.push_back(
          buildTableLookup(builder, loc, table, getHead(builder, loc)));
    else
      planSymbols.push_back(getOrigin(builder, loc, space.keyRank));
  }
}

void CascadeTiler::emitOutputs(OpBuilder &builder, Location loc) {
  for (auto [result, output] : llvm::zip(cascade.getYielded(), outputs)) {
    auto einsum = result.getDefiningOp<EinsumOp>();
    auto type = cast<MemRefType>(output.getType());
    SmallVector<StringAttr> tensorRanks = getTileRanks(result), ranks;
    if (isPermuted(lane)) {
      emitPermutedOutput(builder, loc, result, output, tensorRanks);
      continue;
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
      if (isLane)
        strides[dim] = getRowStep(builder);
      offsets.push_back(
          isLane ? OpFoldResult(toTensor(builder, loc, firstRow, place.rowBase,
                                         /*isRow=*/true))
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
                            ValueRange itemCoordinates,
                            const TilePlace &itemPlace) {
  coordinates.assign(itemCoordinates.begin(), itemCoordinates.end());
  place = itemPlace;
  firstRow = place.first;
  rowCount = place.rows;
  workspaceBytes = reservedBytes;
  stepBytes = 0;
  buffers.clear();
  staged.clear();
  packed.clear();
  origins.clear();
  // Read in front of everything, where every map can see them.
  for (OriginAttr origin : space.origins)
    getOrigin(builder, loc, origin.getRank());
  loadRowTokens(builder, loc);
  emitPrefetchOfOutputs(builder, loc);
  cascade.getBody().walk([&](arith::ConstantOp constant) {
    if (!constant->getParentOfType<EinsumOp>())
      constants.map(constant.getResult(),
                    builder.clone(*constant)->getResult(0));
  });
  emitTrusting(builder, loc, [&](OpBuilder &nested) {
    for (Operation &op : cascade.getBody().front().without_terminator()) {
      if (auto einsum = dyn_cast<EinsumOp>(op)) {
        if (getResidency(einsum) != Residency::Global)
          emitEinsum(nested, einsum, /*masked=*/false);
      } else if (auto iterateOp = dyn_cast<IterateOp>(op)) {
        emitIterate(nested, iterateOp);
      }
    }
    emitOutputs(nested, loc);
  });
}
