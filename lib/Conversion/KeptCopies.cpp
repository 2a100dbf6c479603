//===- KeptCopies.cpp - Copies that outlive their item --------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A worker's part of the workspace begins with a word that the runtime sets to
// 0 in front of each phase, then comes the scratch, then what is kept here:
//
//   word | scratch | tags, slots of one group | tags, slots of the next | ...
//
// Tags are [head, item, tag of the spare slot, tag of tile 0, of tile 1, ...].
// The first two are the head that was read last and the item that was the first
// to read it. The spare slot is for what is not kept; its tag is that of no
// tile, as those of all slots are at first.
//
//===----------------------------------------------------------------------===//

#include "KeptCopies.h"
#include "Contractions.h"
#include "IndexBuilder.h"
#include "PairRows.h"
#include "WorkspaceBytes.h"
#include "attn/Conversion/KernelSignature.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace mlir::attn;

/// The places of tags, and the tag of no tile.
static constexpr int64_t kHeadPlace = 0, kItemPlace = 1, kSparePlace = 2,
                         kTilePlace = 3, kNoTile = -1;

/// The function's argument that `memref` is a part or another shape of, or
/// null.
static BlockArgument getArgument(Value memref) {
  while (Operation *op = memref.getDefiningOp()) {
    auto view = dyn_cast<ViewLikeOpInterface>(op);
    if (!view)
      return {};
    memref = view.getViewSource();
  }
  return cast<BlockArgument>(memref);
}

namespace {
/// Computes with indices, some of which lie in memory.
struct NumberBuilder : IndexBuilder {
  Value get(OpFoldResult value) const {
    return getValueOrCreateConstantIndexOp(builder, loc, value);
  }
  template <typename OpT>
  Value create(Value left, Value right) const {
    return OpT::create(builder, loc, left, right);
  }
  Value load(Value memref, Value at) const {
    return memref::LoadOp::create(builder, loc, memref, at);
  }
  void store(Value value, Value memref, Value at) const {
    memref::StoreOp::create(builder, loc, value, memref, at);
  }
};
} // namespace

/// Whether two numbers are one, or computed alike from the same ones.
static bool isSame(OpFoldResult one, OpFoldResult other) {
  if (one == other)
    return true;
  auto left = dyn_cast<Value>(one), right = dyn_cast<Value>(other);
  return left && right && left.getDefiningOp() && right.getDefiningOp() &&
         OperationEquivalence::isEquivalentTo(
             left.getDefiningOp(), right.getDefiningOp(),
             OperationEquivalence::IgnoreLocations);
}

/// Whether two parts are the same, their rows aside.
static bool isOfSameHead(memref::SubViewOp one, memref::SubViewOp other,
                         unsigned rowDim) {
  auto isSameElsewhere = [&](ArrayRef<OpFoldResult> left,
                             ArrayRef<OpFoldResult> right) {
    for (auto [dim, value] : llvm::enumerate(left))
      if (dim != rowDim && !isSame(value, right[dim]))
        return false;
    return true;
  };
  return one.getSource() == other.getSource() &&
         one.getDroppedDims() == other.getDroppedDims() &&
         isSameElsewhere(one.getMixedOffsets(), other.getMixedOffsets()) &&
         isSameElsewhere(one.getMixedSizes(), other.getMixedSizes());
}

/// Whether both copies may be read from slots at a time: one stands in the
/// block of the other or deeper, and may copy other rows.
static bool mayCollide(memref::SubViewOp one, memref::SubViewOp other,
                       unsigned rowDim) {
  Block *left = one->getBlock(), *right = other->getBlock();
  if (!left->findAncestorOpInBlock(*other) &&
      !right->findAncestorOpInBlock(*one))
    return false;
  return !isSame(one.getMixedOffsets()[rowDim],
                 other.getMixedOffsets()[rowDim]) ||
         !isSame(one.getMixedSizes()[rowDim], other.getMixedSizes()[rowDim]);
}

KeptCopies::KeptCopies(func::FuncOp function, int64_t mostBytes)
    : function(function), mostBytes(mostBytes) {
  function.walk([&](MemoryEffectOpInterface op) {
    // It counts as one that writes, lest it be moved or removed.
    if (isa<memref::PrefetchOp>(op))
      return;
    SmallVector<MemoryEffects::EffectInstance> effects;
    op.getEffects(effects);
    for (const MemoryEffects::EffectInstance &effect : effects)
      if (isa<MemoryEffects::Write>(effect.getEffect()) && effect.getValue() &&
          isa<MemRefType>(effect.getValue().getType()))
        if (BlockArgument argument = getArgument(effect.getValue()))
          written.insert(argument);
  });
}

/// The rows of a tensor that no item changes, in whole: only where they lie
/// along one dimension may depend on the step.
std::optional<KeptCopies::Part> KeptCopies::match(TileEinsumOp copy) {
  EinsumAccess access = copy.getAccess(0);
  StringAttr rank = copy.getOutputRanks().front();
  auto view = access.tensor.getDefiningOp<memref::SubViewOp>();
  if (!view || access.readsData() || !copy.getClampedRanks().empty() ||
      !isPlainIn(access, rank) ||
      llvm::any_of(view.getStaticStrides(),
                   [](int64_t stride) { return stride != 1; }))
    return std::nullopt;
  // The dimensions of the source that the view has.
  SmallVector<unsigned> kept;
  llvm::SmallBitVector dropped = view.getDroppedDims();
  for (unsigned dim = 0; dim < dropped.size(); ++dim)
    if (!dropped.test(dim))
      kept.push_back(dim);
  std::optional<Part> part;
  for (auto [dim, expr] : llvm::enumerate(access.map.getResults())) {
    bool isRow = getPlainRank(access, dim) == rank;
    if (isRow && part)
      return std::nullopt;
    if (isRow)
      part = Part{view, kept[dim], static_cast<unsigned>(dim), 0, 0};
    else if (ShapedType::isDynamic(view.getStaticSizes()[kept[dim]]))
      return std::nullopt;
  }
  if (!part)
    return std::nullopt;
  Value source = view.getSource();
  BlockArgument argument = getArgument(source);
  if (!argument || written.contains(argument) ||
      source.getParentBlock() != &function.getBody().front())
    return std::nullopt;
  // What the rows are in the argument, of which other functions ask the extent.
  unsigned dim = part->sourceDim;
  while (source != argument) {
    auto expand = source.getDefiningOp<memref::ExpandShapeOp>();
    if (!expand)
      return std::nullopt;
    SmallVector<ReassociationIndices> groups = expand.getReassociationIndices();
    auto *found = llvm::find_if(groups, [&](const ReassociationIndices &group) {
      return llvm::is_contained(group, static_cast<int64_t>(dim));
    });
    if (found->size() != 1)
      return std::nullopt;
    dim = found - groups.begin();
    source = expand.getSrc();
  }
  part->argument = argument.getArgNumber();
  part->argumentDim = dim;
  return part;
}

/// `pointer` behind `bytes`.
static Value advance(OpBuilder &builder, Location loc, Value pointer,
                     LLVM::GEPArg bytes) {
  return LLVM::GEPOp::create(builder, loc, pointer.getType(),
                             builder.getI8Type(), pointer,
                             ArrayRef<LLVM::GEPArg>{bytes});
}

Value KeptCopies::getWorkerPointer() {
  return function.getArgument(function.getNumArguments() - 2);
}

/// Begins the memory behind the scratch, in front of the loop over items.
void KeptCopies::start(scf::ForOp loop) {
  items = loop;
  OpBuilder builder(items);
  Location loc = items.getLoc();
  scratchBytes = arith::ConstantOp::create(builder, loc, builder.getI64Type(),
                                           builder.getI64IntegerAttr(0));
  bytes = memoryBytes = arith::ConstantIndexOp::create(builder, loc, 0);
  Value scratch =
      advance(builder, loc, getWorkerPointer(), kWorkspaceAlignment);
  memory = createWorkspaceBuffer(
      builder, loc, advance(builder, loc, scratch, scratchBytes.getResult()),
      memoryBytes);
}

static int64_t getSlotBytes(MemRefType type) {
  return llvm::alignTo(type.getNumElements() *
                           (type.getElementTypeBitWidth() / 8),
                       kWorkspaceAlignment);
}

/// The most rows that a step has.
static int64_t getTile(TileEinsumOp copy) {
  return cast<MemRefType>(getWholeBuffer(copy.getInit()).getType())
      .getDimSize(0);
}

KeptCopies::Sizes KeptCopies::getSizes(OpBuilder &builder, Location loc,
                                       const Group &group, Value extent) {
  NumberBuilder numbers{builder, loc};
  Sizes sizes;
  sizes.tiles =
      numbers.create<arith::CeilDivUIOp>(extent, numbers.constant(group.tile));
  int64_t most = std::max<int64_t>(mostBytes / getSlotBytes(group.type), 1);
  sizes.slots = numbers.least(sizes.tiles, numbers.constant(most));
  sizes.tags = numbers.add(sizes.slots, numbers.constant(kTilePlace));
  sizes.tagBytes =
      alignSize(builder, loc, numbers.times(sizes.tags, sizeof(int64_t)),
                kWorkspaceAlignment);
  Value all = numbers.add(sizes.slots, numbers.constant(1));
  sizes.slotBytes = numbers.times(all, getSlotBytes(group.type));
  return sizes;
}

KeptCopies::Group &KeptCopies::getGroup(const Part &part, TileEinsumOp copy,
                                        MemRefType type) {
  EinsumAccess access = copy.getAccess(0);
  memref::SubViewOp view = part.view;
  unsigned rowDim = part.sourceDim;
  for (std::unique_ptr<Group> &group : groups) {
    if (group->type != type || group->part.sourceDim != rowDim ||
        group->access.map != access.map ||
        group->access.ranks != access.ranks ||
        !isOfSameHead(group->part.view, view, rowDim) ||
        llvm::any_of(group->views, [&](memref::SubViewOp other) {
          return mayCollide(other, view, rowDim);
        }))
      continue;
    group->views.push_back(view);
    return *group;
  }
  auto &group = *groups.emplace_back(std::make_unique<Group>());
  group.part = part;
  group.views = {view};
  group.access = access;
  group.type = type;
  group.tile = getTile(copy);
  // Sizes come before the memory, which has their sum, and views behind it.
  Location loc = copy.getLoc();
  OpBuilder builder(scratchBytes);
  group.extent =
      memref::DimOp::create(builder, loc, view.getSource(), part.sourceDim);
  Sizes sizes = getSizes(builder, loc, group, group.extent);
  NumberBuilder numbers{builder, loc};
  Value tagsAt = bytes;
  if (groups.size() == 1)
    tagsAt = numbers.constant(0);
  group.firstSlot = numbers.add(tagsAt, sizes.tagBytes);
  bytes = numbers.add(group.firstSlot, sizes.slotBytes);
  group.tiles = sizes.tiles;
  group.slots = sizes.slots;
  builder.setInsertionPoint(items);
  group.tags = memref::ViewOp::create(
      builder, loc,
      MemRefType::get({ShapedType::kDynamic}, builder.getIndexType()), memory,
      tagsAt, sizes.tags);
  return group;
}

/// The number of the head that `view` is a part of, and whether an item before
/// this one read it, too.
static std::pair<Value, Value> findHead(NumberBuilder numbers,
                                        memref::SubViewOp view, unsigned rowDim,
                                        Value tags, Value item) {
  OpBuilder &builder = numbers.builder;
  Value head = numbers.constant(0);
  for (auto [dim, offset] : llvm::enumerate(view.getMixedOffsets())) {
    if (dim == rowDim || isZeroInteger(offset))
      continue;
    Value extent =
        memref::DimOp::create(builder, numbers.loc, view.getSource(), dim);
    head = numbers.add(numbers.create<arith::MulIOp>(head, extent),
                       numbers.get(offset));
  }
  Value headPlace = numbers.constant(kHeadPlace);
  Value itemPlace = numbers.constant(kItemPlace);
  Value isOther = numbers.compare(arith::CmpIPredicate::ne,
                                  numbers.load(tags, headPlace), head);
  auto branch = scf::IfOp::create(builder, numbers.loc, isOther);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(branch.thenBlock());
    numbers.store(head, tags, headPlace);
    numbers.store(item, tags, itemPlace);
  }
  Value isAgain = numbers.compare(arith::CmpIPredicate::ne,
                                  numbers.load(tags, itemPlace), item);
  return {head, isAgain};
}

KeptCopies::Slot KeptCopies::findSlot(OpBuilder &builder, const Group &group,
                                      memref::SubViewOp view, int64_t unit) {
  using Predicate = arith::CmpIPredicate;
  NumberBuilder numbers{builder, view.getLoc()};
  unsigned rowDim = group.part.sourceDim;
  Slot slot;
  slot.begin = numbers.get(view.getMixedOffsets()[rowDim]);
  Value count = numbers.get(view.getMixedSizes()[rowDim]);
  Value end = numbers.add(slot.begin, count);
  auto [head, isAgain] =
      findHead(numbers, view, rowDim, group.tags, items.getInductionVar());
  Value keeps = isAgain;
  auto require = [&](Value condition) {
    keeps = numbers.both(keeps, condition);
  };

  // The tile that the step is in, if it is in one.
  Value tileSize = numbers.constant(group.tile);
  Value number = numbers.divide(slot.begin, tileSize);
  Value tileBegin = numbers.times(number, group.tile);
  Value tileEnd = numbers.least(numbers.add(tileBegin, tileSize), group.extent);
  require(numbers.compare(Predicate::ule, end, tileEnd));
  require(numbers.compare(Predicate::ult, number, group.slots));
  if (unit != 1) {
    auto isWhole = [&](Value value) {
      return numbers.equal(
          numbers.create<arith::RemUIOp>(value, numbers.constant(unit)),
          numbers.constant(0));
    };
    require(isWhole(slot.begin));
    require(numbers.create<arith::OrIOp>(isWhole(end),
                                         numbers.equal(end, group.extent)));
  }

  Value place = numbers.select(keeps, numbers.add(number, numbers.constant(1)),
                               numbers.constant(0));
  slot.from = numbers.select(keeps, tileBegin, slot.begin);
  slot.to = numbers.select(keeps, tileEnd, end);
  Value tag =
      numbers.add(numbers.create<arith::MulIOp>(head, group.tiles), number);
  slot.tagPlace = numbers.add(place, numbers.constant(kSparePlace));
  slot.isMissing = numbers.compare(
      Predicate::ne, numbers.load(group.tags, slot.tagPlace), tag);
  slot.tag = numbers.select(keeps, tag, numbers.constant(kNoTile));
  slot.shift = numbers.add(group.firstSlot,
                           numbers.times(place, getSlotBytes(group.type)));
  return slot;
}

std::optional<KeptCopies::Rows>
KeptCopies::take(TileEinsumOp copy, MemRefType type, int64_t unit) {
  if (mostBytes == 0)
    return std::nullopt;
  std::optional<Part> part = match(copy);
  Block *front = &function.getBody().front();
  auto loop = dyn_cast_or_null<scf::ForOp>(front->findAncestorOpInBlock(*copy));
  if (!part || !loop || (items && loop != items) || getTile(copy) % unit != 0)
    return std::nullopt;
  if (!items)
    start(loop);
  Group &group = getGroup(*part, copy, type);

  // Where the rows are is known as soon as where they come from.
  memref::SubViewOp view = part->view;
  Location loc = copy.getLoc();
  Block *block = copy->getBlock();
  OpBuilder builder(block, block->begin());
  for (Value operand : view->getOperands()) {
    Operation *op = operand.getDefiningOp();
    if (op && op->getBlock() == block &&
        (builder.getInsertionPoint() == block->end() ||
         !op->isBeforeInBlock(&*builder.getInsertionPoint())))
      builder.setInsertionPointAfter(op);
  }
  Slot slot = findSlot(builder, group, view, unit);
  NumberBuilder numbers{builder, loc};
  Rows rows;
  rows.buffer = memref::ViewOp::create(builder, loc, type, memory, slot.shift,
                                       ValueRange());
  rows.first = numbers.subtract(slot.begin, slot.from);
  rows.size = numbers.subtract(slot.to, slot.from);
  redirect(group, copy, slot);

  builder.setInsertionPoint(copy);
  rows.fill = scf::IfOp::create(builder, loc, slot.isMissing);
  builder.setInsertionPointToStart(rows.fill.thenBlock());
  numbers.store(slot.tag, group.tags, slot.tagPlace);
  SmallVector<OpFoldResult> offsets = view.getMixedOffsets(),
                            sizes = view.getMixedSizes();
  offsets[part->sourceDim] = slot.from;
  sizes[part->sourceDim] = rows.size;
  SmallVector<int64_t> shape(view.getType().getShape());
  shape[part->dim] = ShapedType::kDynamic;
  MemRefType filledType = memref::SubViewOp::inferRankReducedResultType(
      shape, view.getSourceType(), offsets, sizes, view.getMixedStrides());
  rows.access = copy.getAccess(0);
  rows.access.tensor =
      memref::SubViewOp::create(builder, loc, filledType, view.getSource(),
                                offsets, sizes, view.getMixedStrides());
  return rows;
}

/// Requests for rows that lie in a slot are requests for the slot's memory, of
/// which each row has an equal part.
void KeptCopies::redirect(const Group &group, TileEinsumOp copy,
                          const Slot &slot) {
  int64_t perRow = group.type.getNumElements() / group.tile;
  auto flat = MemRefType::get({group.type.getNumElements()},
                              group.type.getElementType());
  memref::SubViewOp view = group.part.view;
  llvm::SetVector<scf::IfOp> branches;
  for (auto loop : copy->getBlock()->getOps<scf::ForOp>())
    if (loop->hasAttr(kRequestsAttrName) &&
        slot.isMissing.getDefiningOp()->isBeforeInBlock(loop))
      loop->walk([&](memref::PrefetchOp request) {
        auto branch = dyn_cast<scf::IfOp>(request->getParentOp());
        if (branch && request->getBlock() == branch.thenBlock())
          branches.insert(branch);
      });
  for (scf::IfOp branch : branches) {
    SmallVector<memref::PrefetchOp> requests(
        branch.thenBlock()->getOps<memref::PrefetchOp>());
    if (!llvm::all_of(requests, [&](memref::PrefetchOp request) {
          return request.getMemref() == view.getSource();
        }))
      continue;
    Location loc = branch.getLoc();
    OpBuilder builder(requests.back());
    auto isMissing = scf::IfOp::create(builder, loc, slot.isMissing,
                                       /*withElseRegion=*/true);
    OpBuilder found = isMissing.getElseBodyBuilder();
    NumberBuilder numbers{found, loc};
    Value place = memref::ViewOp::create(found, loc, flat, memory, slot.shift,
                                         ValueRange());
    for (memref::PrefetchOp request : requests) {
      Value row = numbers.subtract(request.getIndices()[group.part.sourceDim],
                                   slot.from);
      Value first = numbers.times(row, perRow);
      Value at = numbers.add(first, request.getIndices().back());
      memref::PrefetchOp::create(found, loc, place, at, request.getIsWrite(),
                                 request.getLocalityHint(),
                                 request.getIsDataCache());
      request->moveBefore(isMissing.thenBlock()->getTerminator());
    }
  }
}

/// Moves the scratch behind the word, and sets all tags where the word says
/// that no item of the phase did.
void KeptCopies::clearTags() {
  Value worker = getWorkerPointer();
  OpBuilder builder(function.getBody());
  Value scratch =
      advance(builder, function.getLoc(), worker, kWorkspaceAlignment);
  worker.replaceUsesWithIf(scratch, [](OpOperand &use) {
    return isa<LLVM::InsertValueOp>(use.getOwner());
  });

  builder.setInsertionPoint(items);
  Location loc = items.getLoc();
  NumberBuilder numbers{builder, loc};
  Value zero = numbers.constant(0), one = numbers.constant(1);
  Value word = memref::ViewOp::create(
      builder, loc, MemRefType::get({1}, builder.getIndexType()),
      createWorkspaceBuffer(builder, loc, worker,
                            numbers.constant(kWorkspaceAlignment)),
      zero, ValueRange());
  Value isFresh = numbers.equal(numbers.load(word, zero), zero);
  auto branch = scf::IfOp::create(builder, loc, isFresh);
  builder.setInsertionPointToStart(branch.thenBlock());
  numbers.store(one, word, zero);
  Value none = numbers.constant(kNoTile);
  for (std::unique_ptr<Group> &group : groups) {
    Value count = memref::DimOp::create(builder, loc, group->tags, 0);
    auto loop = scf::ForOp::create(builder, loc, zero, count, one);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(loop.getBody());
    numbers.store(none, group->tags, loop.getInductionVar());
  }
}

void KeptCopies::finish(func::FuncOp worker, int64_t bytesOfScratch) {
  if (groups.empty())
    return;
  clearTags();
  scratchBytes.setValueAttr(
      IntegerAttr::get(scratchBytes.getType(), bytesOfScratch));
  memoryBytes.replaceAllUsesWith(bytes);

  Operation *end = worker.getBody().front().getTerminator();
  OpBuilder builder(end);
  Location loc = end->getLoc();
  NumberBuilder numbers{builder, loc};
  Value all = numbers.constant(kWorkspaceAlignment + bytesOfScratch);
  for (std::unique_ptr<Group> &group : groups) {
    Value extent = memref::DimOp::create(
        builder, loc, worker.getArgument(group->part.argument),
        group->part.argumentDim);
    Sizes sizes = getSizes(builder, loc, *group, extent);
    all = numbers.add(all, sizes.tagBytes);
    all = numbers.add(all, sizes.slotBytes);
  }
  end->setOperand(
      0, arith::IndexCastOp::create(builder, loc, builder.getI64Type(), all));
}
