//===- WarpLayouts.cpp - Where the tiles of a block lie -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A buffer's layout follows from how einsums index it. One with the rank of the
// lanes is a part of registers, cut as matrix products leave their sums; what
// has none is shared. Two kinds of buffers are operands of products and keep
// the type of the tensor they are a copy of: rows of queries, which lie in
// shared memory for lack of registers, and tiles of keys and values.
//
//===----------------------------------------------------------------------===//

#include "WarpLayouts.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Conversion/FusedForm.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;
using namespace mlir::attn;

WarpLayouts::WarpLayouts(func::FuncOp function,
                         function_ref<InFlightDiagnostic(Operation *)> emit)
    : function(function), emit(emit),
      lane(function->getAttrOfType<StringAttr>(kLanesAttrName)) {}

WarpBuffer *WarpLayouts::find(Value memref) {
  auto known = positions.find(getWholeBuffer(memref));
  return known == positions.end() ? nullptr : &buffers[known->second];
}

const WarpBuffer *WarpLayouts::find(Value memref) const {
  return const_cast<WarpLayouts *>(this)->find(memref);
}

/// The loop over the lanes of whose lane `part` is, a tile or a row vector
/// without the dimension of the lanes; null if it is none.
static scf::ForOp getRowLoop(Operation *op) {
  auto part = dyn_cast<memref::SubViewOp>(op);
  if (!part || part.getSourceType().getRank() == 0 ||
      part.getStaticSizes().back() != 1 ||
      part.getType().getRank() != part.getSourceType().getRank() - 1)
    return {};
  auto number = dyn_cast<Value>(part.getMixedOffsets().back());
  auto argument = dyn_cast_if_present<BlockArgument>(number);
  auto loop = argument
                  ? dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp())
                  : scf::ForOp();
  return loop && argument == loop.getInductionVar() ? loop : scf::ForOp();
}

/// Files a view with the buffer that it shows: views of one place, type and
/// layout, in whichever branch they stand.
LogicalResult WarpLayouts::addView(memref::ViewOp view) {
  APInt shift;
  if (!matchPattern(view.getByteShift(), m_ConstantInt(&shift)) ||
      !view.getType().hasStaticShape())
    return emit(view) << "a buffer has a place or a size that depends on data";
  // Tokens of the lanes: other threads find rows by them.
  bool isIntegers = view.getType().getElementType().isInteger();
  std::optional<TileLayout> layout;
  SmallVector<TileEinsumOp> readers, writers;
  auto addAccess = [&](TileEinsumOp einsum, const EinsumAccess &access,
                       bool isRow) -> LogicalResult {
    // The dimensions beside that of the lanes, which a row has lost.
    std::optional<unsigned> columns;
    unsigned rank = access.map.getNumResults();
    if (isRow) {
      if (rank > 1 || (rank == 1 && !getPlainRank(access, 0)) ||
          access.tensor == einsum.getInit())
        return emit(einsum) << "a buffer is read across its lanes";
      columns = rank;
    } else if (usesRank(access, lane)) {
      bool isTile = rank <= 2 && getPlainRank(access, rank - 1) == lane;
      if (isTile && rank == 2) {
        StringAttr other = getPlainRank(access, 0);
        isTile = other && other != lane;
      }
      if (!isTile)
        return emit(einsum) << "a tile over the lanes is not [column, lane]";
      columns = rank - 1;
    }
    TileLayout found = columns == 1u            ? TileLayout::Accumulator
                       : columns && !isIntegers ? TileLayout::RowVector
                                                : TileLayout::Shared;
    if (layout && *layout != found)
      return emit(einsum) << "a buffer is read across its lanes";
    layout = found;
    return success();
  };
  SmallVector<Value> parts(1, view);
  llvm::SmallDenseSet<Value> rows;
  for (size_t next = 0; next < parts.size(); ++next)
    for (Operation *user : parts[next].getUsers()) {
      bool isRow = rows.contains(parts[next]);
      if (isa<memref::SubViewOp, memref::CastOp>(user)) {
        parts.push_back(user->getResult(0));
        scf::ForOp loop = isRow ? scf::ForOp() : getRowLoop(user);
        if (loop)
          rowLoops.insert(loop);
        if (isRow || loop)
          rows.insert(user->getResult(0));
        continue;
      }
      auto einsum = dyn_cast<TileEinsumOp>(user);
      if (!einsum) {
        if (!isa<memref::LoadOp, memref::StoreOp, memref::DimOp>(user))
          return emit(user)
                 << "'" << user->getName() << "' takes a buffer of the item";
        if (layout && *layout != TileLayout::Shared)
          return emit(user) << "a number is read out of a buffer over lanes";
        layout = TileLayout::Shared;
        continue;
      }
      for (const EinsumAccess &access : einsum.getAccesses())
        if (access.tensor == parts[next]) {
          readers.push_back(einsum);
          if (failed(addAccess(einsum, access, isRow)))
            return failure();
        }
      if (einsum.getInit() == parts[next]) {
        writers.push_back(einsum);
        if (failed(addAccess(
                einsum,
                EinsumAccess::get(einsum.getInit(), einsum.getOutputRanks()),
                isRow)))
          return failure();
      }
    }
  if (!layout)
    return success();
  bool isLoaded = llvm::any_of(parts, [](Value part) {
    return llvm::any_of(part.getUsers(), [](Operation *user) {
      return isa<memref::LoadOp, memref::StoreOp>(user);
    });
  });
  auto *known = llvm::find_if(buffers, [&](const WarpBuffer &buffer) {
    return buffer.layout == *layout && buffer.type == view.getType() &&
           buffer.shift == shift.getSExtValue();
  });
  if (known == buffers.end()) {
    buffers.emplace_back();
    known = &buffers.back();
    known->layout = *layout;
    known->type = view.getType();
    known->shift = shift.getSExtValue();
  }
  known->isLoaded |= isLoaded;
  known->views.push_back(view);
  llvm::append_range(known->readers, readers);
  llvm::append_range(known->writers, writers);
  positions[view] = known - buffers.begin();
  return success();
}

LogicalResult WarpLayouts::collect() {
  WalkResult walked = function.walk([&](memref::ViewOp view) {
    return failed(addView(view)) ? WalkResult::interrupt()
                                 : WalkResult::advance();
  });
  return failure(walked.wasInterrupted());
}

static bool isMatrixElement(Type type) { return type.isBF16() || type.isF16(); }

/// The type that what `einsum` computes may be rounded to, or null.
static Type getRoundedType(TileEinsumOp einsum) {
  auto type = einsum->getAttrOfType<TypeAttr>(kElementAttrName);
  return type && isMatrixElement(type.getValue()) ? type.getValue() : Type();
}

/// The type of the tensor that `writer` copies as it is, or null.
Type WarpLayouts::getCopiedType(TileEinsumOp writer) {
  std::optional<FloatAttr> factor = getCopyFactor(writer);
  return factor && !*factor && !find(writer.getInputs().front())
             ? getElementTypeOrSelf(writer.getInputs().front().getType())
             : Type();
}

/// Whether a map makes the rows of `buffer`, of what all threads see.
bool WarpLayouts::isComputedRows(const WarpBuffer &buffer) {
  TileEinsumOp writer = buffer.writers.front();
  return getRoundedType(writer) &&
         llvm::all_of(writer.getInputs(), [&](Value input) {
           const WarpBuffer *read = find(input);
           return !read || read->layout == TileLayout::Shared;
         });
}

/// Finds the tiles over the lanes that are copies of rows of a tensor, or made
/// of them by a map, and read by products alone: those go through shared
/// memory.
void WarpLayouts::findOperands() {
  for (WarpBuffer &buffer : buffers) {
    if (buffer.layout != TileLayout::Accumulator || buffer.writers.size() != 1)
      continue;
    TileEinsumOp writer = buffer.writers.front();
    Type element;
    std::optional<FloatAttr> factor = getCopyFactor(writer);
    bool isComputed = !factor || find(writer.getInputs().front());
    if (!isComputed) {
      element = getElementTypeOrSelf(writer.getInputs().front().getType());
    } else if (isComputedRows(buffer)) {
      element = getRoundedType(writer);
      factor = splitFactor(writer).second;
    } else {
      continue;
    }
    bool isRead = llvm::all_of(buffer.readers, [&](TileEinsumOp reader) {
      std::optional<Contraction> product = Contraction::match(reader, lane);
      return product && product->isPlain &&
             find(reader.getInputs()[product->left]) == &buffer;
    });
    if (!isMatrixElement(element) || !isRead ||
        writer.getInit().getType() != buffer.type)
      continue;
    buffer.layout = TileLayout::Operand;
    buffer.element = element;
    buffer.factor = *factor;
    buffer.isComputed = isComputed;
  }
}

/// Copies of tensors of 16 bits that maps read keep the type: they may be under
/// way while a step computes.
void WarpLayouts::findCopies() {
  for (WarpBuffer &buffer : buffers) {
    if (buffer.layout != TileLayout::Shared || buffer.element ||
        buffer.isLoaded || buffer.type.getRank() != 2)
      continue;
    if (buffer.writers.empty())
      continue;
    Type element = getCopiedType(buffer.writers.front());
    if (element && isMatrixElement(element) &&
        llvm::all_of(buffer.writers, [&](TileEinsumOp writer) {
          return getCopiedType(writer) == element;
        }))
      buffer.element = element;
  }
}

/// Numbers that say whether rows of 16 bits are finite.
void WarpLayouts::findUniform() {
  for (WarpBuffer &buffer : buffers)
    if (buffer.layout == TileLayout::Shared && buffer.type.getRank() == 0 &&
        !buffer.writers.empty() && buffer.readers.empty() &&
        llvm::all_of(buffer.writers, [&](TileEinsumOp writer) {
          const WarpBuffer *rows =
              isFiniteSum(writer) ? find(writer.getInputs().front()) : nullptr;
          return rows && rows->element && rows->layout == TileLayout::Shared;
        }))
      buffer.layout = TileLayout::Uniform;
}

/// Whether warps multiply matrices for `einsum`.
bool WarpLayouts::isProduct(TileEinsumOp einsum) {
  std::optional<Contraction> product = Contraction::match(einsum, lane);
  return product && product->isPlain;
}

/// Whether `value` is at most 1: a power of a difference to a maximum
/// (attn-rebase-exponentials), or a sigmoid.
static bool isFraction(Value value) {
  if (auto power = value.getDefiningOp<math::Exp2Op>())
    return bitEnumContainsAll(power.getFastmath(), arith::FastMathFlags::afn);
  auto quotient = value.getDefiningOp<arith::DivFOp>();
  return quotient && matchPattern(quotient.getLhs(), m_OneFloat()) &&
         isOnePlusPower(quotient.getRhs());
}

/// Whether the weights that `product` multiplies are at most 1, masked or not.
/// Others may leave the range of f16 before they are divided by their sum.
static bool hasSmallWeights(TileEinsumOp product, Value tile) {
  for (Operation *at = product; !isa<LoopLikeOpInterface, func::FuncOp>(at);
       at = at->getParentOp())
    for (Operation *op = at->getPrevNode(); op; op = op->getPrevNode()) {
      auto writer = dyn_cast<TileEinsumOp>(op);
      if (!writer || getWholeBuffer(writer.getInit()) != tile)
        continue;
      Value result = writer.getMapResult();
      // A mask keeps what it does not drop.
      if (auto mask = result.getDefiningOp<arith::SelectOp>();
          mask && matchPattern(mask.getFalseValue(), m_AnyZeroFloat())) {
        if (isa<BlockArgument>(mask.getTrueValue()))
          continue;
        result = mask.getTrueValue();
      }
      return isFraction(result);
    }
  return false;
}

/// Whether `tile`, which `product` sums over a stream, is made anew by every
/// step of it.
static bool isMadeInStep(const WarpBuffer &tile, TileEinsumOp product) {
  auto step = product->getParentOfType<LoopLikeOpInterface>();
  return product.getAccumulate() &&
         llvm::all_of(tile.writers, [&](TileEinsumOp writer) {
           return writer->getParentOfType<LoopLikeOpInterface>() == step;
         });
}

/// Checks the operands of a product, and gives its right side the type of the
/// tensor it is a copy of.
LogicalResult WarpLayouts::findMatrix(TileEinsumOp einsum,
                                      const Contraction &product) {
  WarpBuffer *left = find(einsum.getInputs()[product.left]);
  WarpBuffer *right = find(einsum.getInputs()[product.right]);
  WarpBuffer *result = find(einsum.getInit());
  if (!left || !right || !result || right->layout != TileLayout::Shared ||
      result->layout != TileLayout::Accumulator ||
      result->type.getElementTypeBitWidth() != 32)
    return emit(einsum) << "a product of matrices is not of tiles in scratch";
  Type element = right->element;
  for (TileEinsumOp writer : right->writers) {
    // Zeros stand for a tensor without elements.
    if (writer.getInputs().empty() && !writer.getReduction())
      continue;
    Type copied = getCopiedType(writer);
    Type from = copied ? copied : getRoundedType(writer);
    if (!from || !isMatrixElement(from) || (element && element != from))
      return emit(writer) << "an operand of a product of matrices is computed, "
                             "and would be rounded to 16 bits";
    if (!copied) {
      FailureOr<TilePart> part = TilePart::get(writer.getInit());
      if (failed(part) || getConstantIntValue(part->first) != 0)
        return emit(writer)
               << "an operand of the product begins within its tile";
      right->isComputed = true;
    }
    element = from;
  }
  if (!element)
    return emit(einsum) << "no operand of the product has 16 bits";
  if (right->isLoaded)
    return emit(einsum) << "a number is read out of an operand of the product";
  right->element = element;
  bool isCopy = left->layout == TileLayout::Operand;
  if (isCopy && left->element != element)
    return emit(einsum) << "the operands of a product have different types";
  // Weights may be rounded before they multiply values: spec, NU-2.
  bool isWeights = isMadeInStep(*left, einsum) ||
                   llvm::any_of(left->writers, [&](TileEinsumOp writer) {
                     return isProduct(writer);
                   });
  if (!isCopy && !isWeights)
    return emit(einsum) << "the tile over the lanes is computed, and would be "
                           "rounded to 16 bits";
  if (!isCopy && element.isF16() &&
      !hasSmallWeights(einsum,
                       getWholeBuffer(einsum.getInputs()[product.left])))
    return emit(einsum) << "weights that may be larger than 1 leave the range "
                           "of f16";
  if (isCopy && left->factor && einsum.getAccumulate())
    return emit(einsum) << "a sum goes on whose products have a factor";
  // Products take whole tiles, with zeros where a step has no points.
  for (Value operand : einsum->getOperands()) {
    if (find(operand) == left && isCopy)
      continue;
    FailureOr<TilePart> part = TilePart::get(operand);
    if (failed(part) || getConstantIntValue(part->first) != 0)
      return emit(einsum) << "an operand of the product begins within its tile";
  }
  int64_t depth = left->type.getDimSize(0);
  int64_t columns = result->type.getDimSize(0);
  if (depth % kMatrixDepth != 0 || columns % kMatrixColumns != 0)
    return emit(einsum) << "a product of matrices has a depth of " << depth
                        << " and " << columns << " columns, no multiples of "
                        << kMatrixDepth << " and " << kMatrixColumns;
  return success();
}

LogicalResult WarpLayouts::findMatrices() {
  bool found = false;
  WalkResult walked = function.walk([&](TileEinsumOp einsum) {
    std::optional<Contraction> product = Contraction::match(einsum, lane);
    if (!product || !product->isPlain)
      return WalkResult::advance();
    found = true;
    return failed(findMatrix(einsum, *product)) ? WalkResult::interrupt()
                                                : WalkResult::advance();
  });
  if (walked.wasInterrupted())
    return failure();
  // There is nothing that tensor cores could do.
  return success(found);
}

FailureOr<TilePart> TilePart::get(Value memref) {
  TilePart part;
  part.tile = getWholeBuffer(memref);
  part.columns = cast<MemRefType>(part.tile.getType()).getDimSize(0);
  Builder builder(memref.getContext());
  part.first = builder.getIndexAttr(0);
  part.size = builder.getIndexAttr(part.columns);
  bool isPart = false;
  for (; memref != part.tile;
       memref =
           cast<ViewLikeOpInterface>(memref.getDefiningOp()).getViewSource()) {
    auto view = memref.getDefiningOp<memref::SubViewOp>();
    if (!view)
      continue;
    if (isPart)
      return failure();
    isPart = true;
    part.first = view.getMixedOffsets().front();
    part.size = view.getMixedSizes().front();
  }
  return part;
}

/// Elementwise work on parts of tiles needs the same columns of all of them.
LogicalResult WarpLayouts::checkColumns(TileEinsumOp einsum) {
  std::optional<OpFoldResult> first;
  SmallVector<Value> operands(einsum.getInputs());
  operands.push_back(einsum.getInit());
  for (Value operand : operands) {
    const WarpBuffer *buffer = find(operand);
    if (!buffer || buffer->layout != TileLayout::Accumulator)
      continue;
    FailureOr<TilePart> part = TilePart::get(operand);
    if (failed(part) || (first && *first != part->first))
      return emit(einsum) << "parts of tiles begin at different columns";
    first = part->first;
  }
  return success();
}

LogicalResult WarpLayouts::checkEinsum(TileEinsumOp einsum) {
  if (auto loop = dyn_cast<scf::ForOp>(einsum->getParentOp());
      loop && rowLoops.contains(loop))
    return success();
  SmallVector<StringAttr> ranks = einsum.getOutputRanks();
  bool hasLanes = llvm::is_contained(ranks, lane);
  SmallVector<StringAttr> reduced = einsum.getReduced();
  bool readsColumns = false;
  for (const EinsumAccess &access : einsum.getAccesses()) {
    const WarpBuffer *buffer = find(access.tensor);
    bool isOwn = buffer && (buffer->layout == TileLayout::Accumulator ||
                            buffer->layout == TileLayout::RowVector);
    if (isOwn && !hasLanes)
      return emit(einsum) << "it reduces over the lanes";
    if (isOwn && buffer->layout == TileLayout::Accumulator &&
        !reduced.empty() && getPlainRank(access, 0) == reduced.front())
      readsColumns = true;
  }
  if (!hasLanes)
    return success();
  const WarpBuffer *result = find(einsum.getInit());
  if (result && result->layout == TileLayout::Operand)
    return success();
  if (ranks.size() > 2)
    return emit(einsum) << "a tile has more than one rank beside the lanes";
  if (reduced.empty()) {
    auto type = cast<MemRefType>(einsum.getInit().getType());
    for (auto [rank, extent] : llvm::zip_equal(ranks, type.getShape()))
      if (rank != lane && !result && ShapedType::isDynamic(extent))
        return emit(einsum) << "a result has columns that depend on data";
    return checkColumns(einsum);
  }
  if (isProduct(einsum))
    return success();
  if (reduced.size() != 1 || !result || result->layout == TileLayout::Shared)
    return emit(einsum) << "it reduces what is no tile over the lanes";
  if (!readsColumns)
    return checkSharedSum(einsum);
  if (ranks.size() == 1)
    return checkColumns(einsum);
  // A sum with a mask reads the weights of the product beside it.
  std::optional<Contraction> sum = Contraction::match(einsum, lane);
  const WarpBuffer *right =
      sum ? find(einsum.getInputs()[sum->right]) : nullptr;
  if (!right || !right->element || failed(TilePart::get(einsum.getInit())) ||
      failed(TilePart::get(einsum.getInputs()[sum->left])))
    return emit(einsum)
           << "it sums what is no tile and no operand of a product";
  // Its loop over the depths names registers by rows alone.
  for (auto [index, input] : llvm::enumerate(einsum.getInputs()))
    if (const WarpBuffer *buffer = find(input);
        index != sum->left && buffer && buffer->layout != TileLayout::Shared &&
        buffer->layout != TileLayout::RowVector)
      return emit(einsum)
             << "a mask of its products reads a tile over the lanes";
  return success();
}

/// Checks a reduction of what all threads see: the extent that it walks must be
/// that of an operand, and registers are named by rows alone.
LogicalResult WarpLayouts::checkSharedSum(TileEinsumOp einsum) {
  StringAttr depth = einsum.getReduced().front();
  bool hasExtent = false;
  for (const EinsumAccess &access : einsum.getAccesses()) {
    const WarpBuffer *buffer = find(access.tensor);
    if (buffer && (buffer->layout == TileLayout::Accumulator ||
                   buffer->layout == TileLayout::Operand))
      return emit(einsum) << "it reduces what is no tile over the lanes";
    for (unsigned dim = 0; dim < access.map.getNumResults(); ++dim)
      hasExtent |= getPlainRank(access, dim) == depth;
  }
  if (!hasExtent || failed(TilePart::get(einsum.getInit())))
    return emit(einsum) << "it reduces what is no tile over the lanes";
  return success();
}

/// Checks a loop over the lanes: threads run it for the lanes whose rows they
/// hold, so each iteration stores a row of a tensor and does nothing else.
LogicalResult WarpLayouts::checkRowLoop(scf::ForOp loop) {
  if (getConstantIntValue(loop.getLowerBound()) != 0 ||
      getConstantIntValue(loop.getStep()) != 1 || !loop.getInitArgs().empty())
    return emit(loop) << "a buffer is read across its lanes";
  for (Operation &op : loop.getBody()->without_terminator()) {
    if (op.getNumRegions() == 0 &&
        (isa<memref::LoadOp>(op) || isMemoryEffectFree(&op)))
      continue;
    auto einsum = dyn_cast<TileEinsumOp>(op);
    if (!einsum || einsum.getReduction() || find(einsum.getInit()) ||
        einsum.getOutputRanks().size() > 1)
      return emit(&op) << "a loop over the lanes does more than store rows";
    if (!cast<MemRefType>(einsum.getInit().getType()).hasStaticShape())
      return emit(einsum) << "a result has columns that depend on data";
    if (failed(checkColumns(einsum)))
      return failure();
  }
  return success();
}

int64_t WarpLayouts::countRegisters(int64_t warpLanes) const {
  int64_t numbers = 0;
  for (const WarpBuffer &buffer : buffers)
    if (buffer.layout == TileLayout::Accumulator)
      numbers += warpLanes * buffer.type.getDimSize(0) / kWarpThreads;
  return numbers;
}

FailureOr<WarpLayouts>
WarpLayouts::get(func::FuncOp function,
                 function_ref<InFlightDiagnostic(Operation *)> emit) {
  WarpLayouts layouts(function, emit);
  if (failed(layouts.collect()))
    return failure();
  layouts.findOperands();
  if (failed(layouts.findMatrices()))
    return failure();
  layouts.findCopies();
  layouts.findUniform();
  for (const WarpBuffer &buffer : layouts.buffers) {
    if (buffer.layout != TileLayout::Accumulator &&
        buffer.layout != TileLayout::RowVector)
      continue;
    Operation *view = buffer.views.front();
    if (!buffer.type.getElementType().isF32())
      return emit(view) << "a tile over the lanes holds no f32";
    if (buffer.layout == TileLayout::Accumulator &&
        buffer.type.getDimSize(0) % kMatrixColumns != 0)
      return emit(view) << "a tile has " << buffer.type.getDimSize(0)
                        << " columns, no multiple of " << kMatrixColumns;
  }
  for (scf::ForOp loop : layouts.rowLoops)
    if (failed(layouts.checkRowLoop(loop)))
      return failure();
  WalkResult walked = function.walk([&](TileEinsumOp einsum) {
    return failed(layouts.checkEinsum(einsum)) ? WalkResult::interrupt()
                                               : WalkResult::advance();
  });
  if (walked.wasInterrupted())
    return failure();
  return layouts;
}
