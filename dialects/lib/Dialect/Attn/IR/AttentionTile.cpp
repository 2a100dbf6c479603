//===- AttentionTile.cpp - attn.attention on a part -----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionTile.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/LoopLikeInterface.h"

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// Loops and operands
//===----------------------------------------------------------------------===//

SmallVector<OpFoldResult> attn::getLoopExtents(AttentionOp op,
                                               OpBuilder &builder) {
  auto get = [&](Value tensor, int64_t dim) {
    return tensor::getMixedSize(builder, op.getLoc(), tensor, dim);
  };
  return {get(op.getQuery(), 0), get(op.getQuery(), 1), get(op.getQuery(), 2),
          get(op.getKey(), 2), get(op.getValue(), 3)};
}

/// What indexes the dimensions of each operand.
static SmallVector<SmallVector<OperandDim>> getOperandDims(AttentionOp op) {
  auto loop = [](AttentionLoop loop) {
    return OperandDim{OperandDim::Loop, loop};
  };
  OperandDim keyHead{OperandDim::KeyHead, kHead};
  OperandDim whole{OperandDim::Whole, kNumLoops};
  SmallVector<SmallVector<OperandDim>> dims(op->getNumOperands());
  dims[0] = {loop(kBatch), loop(kHead), loop(kRow), whole};
  dims[1] = {loop(kBatch), keyHead, loop(kKey), whole};
  dims[2] = {loop(kBatch), keyHead, loop(kKey), loop(kFeature)};
  unsigned firstExtra = 3;
  auto setExtra = [&](int64_t slot, auto ranks) {
    for (Attribute rank : ranks)
      dims[firstExtra + slot].push_back(loop(
          llvm::StringSwitch<AttentionLoop>(cast<StringAttr>(rank).getValue())
              .Case("b", kBatch)
              .Case("h", kHead)
              .Case("m", kRow)
              .Default(kKey)));
  };
  auto setGate = [&](GateAttr gate) {
    for (StringAttr rank : gate.getRanks()) {
      OperandDim dim = llvm::StringSwitch<OperandDim>(rank.getValue())
                           .Case("k", keyHead)
                           .Case("e", whole)
                           .Case("b", loop(kBatch))
                           .Case("h", loop(kHead))
                           .Case("m", loop(kRow))
                           .Case("n", loop(kKey))
                           .Default(loop(kFeature));
      dims[firstExtra + gate.getSlot()].push_back(dim);
    }
  };
  for (Attribute modifier : op.getScore()) {
    if (auto bias = dyn_cast<BiasAttr>(modifier))
      setExtra(bias.getSlot(), bias.getRanks());
  }
  if (op.getSparsity())
    for (AccessAttr list : op.getSparsity()->getOperands()) {
      setExtra(list.getInput(), list.getRanks());
      auto &own = dims[firstExtra + list.getInput()];
      own.resize(
          cast<RankedTensorType>(op.getExtras()[list.getInput()].getType())
              .getRank(),
          whole);
    }
  for (ScoreMapAttr map : op.getMaps())
    for (auto [slot, ranks] : llvm::zip(map.getSlots(), map.getRanks()))
      setExtra(slot, cast<ArrayAttr>(ranks));
  for (GateAttr gate : op.getGateList())
    setGate(gate);
  // What follows is indexed by heads, sinks alone, or by the batch and, behind
  // it, by what a tile holds whole.
  for (unsigned number = firstExtra + op.getExtras().size();
       number < dims.size(); ++number) {
    Value operand = op->getOperand(number);
    if (auto type = dyn_cast<RankedTensorType>(operand.getType()))
      dims[number].assign(type.getRank(), loop(kBatch));
  }
  if (op.getSinks()) {
    unsigned number = op.getSinksMutable()[0].getOperandNumber();
    dims[number] = {loop(kHead)};
  }
  auto setPermutation = [&](MutableOperandRange order,
                            std::optional<ArrayAttr> ranks) {
    if (order.empty())
      return;
    auto &own = dims[order[0].getOperandNumber()];
    own.assign(1, whole);
    for (StringAttr rank : llvm::reverse(
             ranks ? SmallVector<StringAttr>(ranks->getAsRange<StringAttr>())
                   : SmallVector<StringAttr>()))
      own.insert(own.begin(), loop(rank == "b" ? kBatch : kHead));
  };
  setPermutation(op.getQueryPermutationMutable(),
                 op.getQueryPermutationRanks());
  setPermutation(op.getKeyPermutationMutable(), op.getKeyPermutationRanks());
  for (MutableOperandRange segments :
       {op.getQuerySegmentsMutable(), op.getKeySegmentsMutable()})
    if (!segments.empty())
      dims[segments[0].getOperandNumber()].back() = whole;
  return dims;
}

AttentionTile::AttentionTile(AttentionOp op, OpBuilder &builder,
                             ArrayRef<OpFoldResult> offsets,
                             ArrayRef<OpFoldResult> sizes)
    : op(op), builder(builder), loc(op.getLoc()), offsets(offsets),
      sizes(sizes) {}

bool AttentionTile::isWhole(AttentionLoop loop) {
  if (!isZeroInteger(offsets[loop]))
    return false;
  SmallVector<SmallVector<OperandDim>> dims = getOperandDims(op);
  for (auto [operand, roles] : llvm::zip_equal(op->getOperands(), dims))
    for (auto [dim, role] : llvm::enumerate(roles)) {
      if (role.kind != OperandDim::Loop || role.loop != loop)
        continue;
      int64_t extent =
          cast<RankedTensorType>(operand.getType()).getDimSize(dim);
      if (!ShapedType::isDynamic(extent)) {
        if (getConstantIntValue(sizes[loop]) == extent)
          return true;
        continue;
      }
      auto size = dyn_cast<Value>(sizes[loop]);
      auto source =
          size ? size.getDefiningOp<tensor::DimOp>() : tensor::DimOp();
      if (source && source.getSource() == operand &&
          source.getConstantIndex() == static_cast<int64_t>(dim))
        return true;
    }
  return false;
}

/// Whether `value` is known to be a multiple of `factor`.
bool AttentionTile::isMultiple(OpFoldResult value, int64_t factor) {
  if (std::optional<int64_t> constant = getConstantIntValue(value))
    return *constant % factor == 0;
  auto number = dyn_cast<Value>(value);
  if (!number)
    return false;
  if (auto argument = dyn_cast<BlockArgument>(number)) {
    // The induction variable of a loop with such a start and step.
    auto loop =
        dyn_cast<LoopLikeOpInterface>(argument.getOwner()->getParentOp());
    std::optional<SmallVector<Value>> ivs;
    if (loop)
      ivs = loop.getLoopInductionVars();
    if (!ivs)
      return false;
    auto *found = llvm::find(*ivs, number);
    std::optional<SmallVector<OpFoldResult>> starts = loop.getLoopLowerBounds();
    std::optional<SmallVector<OpFoldResult>> steps = loop.getLoopSteps();
    if (found == ivs->end() || !starts || !steps)
      return false;
    unsigned position = found - ivs->begin();
    return isMultiple((*starts)[position], factor) &&
           isMultiple((*steps)[position], factor);
  }
  auto apply = number.getDefiningOp<affine::AffineApplyOp>();
  if (!apply)
    return false;
  AffineMap map = apply.getAffineMap();
  // Operands that are such multiples contribute none of the remainder.
  SmallVector<AffineExpr> dims, symbols;
  for (auto [index, operand] : llvm::enumerate(apply.getMapOperands())) {
    bool isDim = index < map.getNumDims();
    AffineExpr expr =
        isDim ? builder.getAffineDimExpr(index)
              : builder.getAffineSymbolExpr(index - map.getNumDims());
    if (isMultiple(operand, factor))
      expr = expr * factor;
    (isDim ? dims : symbols).push_back(expr);
  }
  AffineExpr expr =
      simplifyAffineExpr(map.getResult(0).replaceDimsAndSymbols(dims, symbols),
                         map.getNumDims(), map.getNumSymbols());
  return expr.isMultipleOf(factor);
}

LogicalResult AttentionTile::setKeyHeads() {
  int64_t group = op.getGroupSize();
  int64_t heads = cast<RankedTensorType>(op.getQuery().getType()).getDimSize(1);
  std::optional<int64_t> size = getConstantIntValue(sizes[kHead]);
  if (!size || *size < 1)
    return op.emitOpError("is tiled along h by a size that is no constant; "
                          "allowed are divisors of ")
           << heads;
  int64_t whole = *size % group == 0 ? group : *size;
  if (group % whole != 0)
    return op.emitOpError("is tiled along h by ")
           << *size << "; allowed are multiples and divisors of the " << group
           << " heads of a group";
  if (!isMultiple(offsets[kHead], whole))
    return op.emitOpError("is tiled along h at heads that are not known to be "
                          "multiples of ")
           << whole;
  firstKeyHead = affine::makeComposedFoldedAffineApply(
      builder, loc,
      AffineMap::get(0, 1, builder.getAffineSymbolExpr(0).floorDiv(group)),
      {offsets[kHead]});
  numKeyHeads = builder.getIndexAttr(std::max<int64_t>(*size / group, 1));
  return success();
}

Value AttentionTile::slice(Value operand, ArrayRef<OperandDim> dims) {
  auto type =
      dyn_cast_or_null<RankedTensorType>(operand ? operand.getType() : Type());
  if (!type || type.getRank() == 0)
    return operand;
  SmallVector<OpFoldResult> sliceOffsets, sliceSizes,
      strides(type.getRank(), builder.getIndexAttr(1));
  bool isAll = true;
  for (auto [dim, role] : llvm::enumerate(dims)) {
    if (role.kind == OperandDim::Whole) {
      sliceOffsets.push_back(builder.getIndexAttr(0));
      sliceSizes.push_back(tensor::getMixedSize(builder, loc, operand, dim));
      continue;
    }
    bool isKeyHead = role.kind == OperandDim::KeyHead;
    sliceOffsets.push_back(isKeyHead ? firstKeyHead : offsets[role.loop]);
    sliceSizes.push_back(isKeyHead ? numKeyHeads : sizes[role.loop]);
    isAll &= isWhole(role.loop);
  }
  if (isAll)
    return operand;
  auto slice = tensor::ExtractSliceOp::create(
      builder, loc, operand, sliceOffsets, sliceSizes, strides);
  slices.push_back(slice);
  return slice;
}

//===----------------------------------------------------------------------===//
// Positions
//===----------------------------------------------------------------------===//

/// Whether the expression compares positions of rows with those of keys.
static bool comparesRows(AttentionOp op) {
  return anyAtom(op.getSparsityAttr(),
                 [](const AtomDefinition &atom) { return atom.readsRow(); });
}

bool AttentionTile::readsPosition(AttentionLoop loop) {
  if ((loop == kRow && (comparesRows(op) || op.getQueryLengths())) ||
      (loop == kKey && (op.getSparsity() || op.getKeyLengths())) ||
      (loop == kHead && op.getSparsity() &&
       !op.getSparsity()->getPerHeadAtoms().empty()))
    return true;
  return llvm::any_of(op.getScoreMaps(), [&](Region &map) {
    return !map.front().getArguments().take_back(4)[loop].use_empty();
  });
}

/// A tensor of the given integer, in the shape of `like`.
static Value splatLike(OpBuilder &builder, Location loc, OpFoldResult number,
                       Value like) {
  auto type = cast<RankedTensorType>(like.getType());
  Value element = arith::IndexCastOp::create(
      builder, loc, type.getElementType(),
      getValueOrCreateConstantIndexOp(builder, loc, number));
  SmallVector<Value> dynamicSizes;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (type.isDynamicDim(dim))
      dynamicSizes.push_back(tensor::DimOp::create(builder, loc, like, dim));
  return tensor::SplatOp::create(builder, loc, type, element, dynamicSizes);
}

/// `numbers` in 64 bits.
static Value widen(OpBuilder &builder, Location loc, Value numbers) {
  Type integer = builder.getI64Type();
  auto type = cast<RankedTensorType>(numbers.getType());
  if (type.getElementType() == integer)
    return numbers;
  return arith::ExtSIOp::create(builder, loc, type.clone(integer), numbers);
}

/// position + delta.
Value AttentionTile::addTo(Value position, OpFoldResult delta) {
  if (!position)
    return getValueOrCreateConstantIndexOp(builder, loc, delta);
  if (isZeroInteger(delta))
    return position;
  auto type = dyn_cast<RankedTensorType>(position.getType());
  if (type && type.getRank() == 1) {
    // 64 bits hold the sum of what the operator reads.
    position = widen(builder, loc, position);
    if (type.getElementType().isInteger(64)) {
      auto limit = [&](int64_t value) {
        return splatLike(builder, loc, builder.getIndexAttr(value), position);
      };
      position =
          arith::MinSIOp::create(builder, loc, position, limit(kFarPosition));
      position =
          arith::MaxSIOp::create(builder, loc, position, limit(-kFarPosition));
    }
    return arith::AddIOp::create(builder, loc, position,
                                 splatLike(builder, loc, delta, position));
  }
  if (type) {
    position = tensor::ExtractOp::create(builder, loc, position, ValueRange());
    position = arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                          position);
    if (type.getElementType().isInteger(64)) {
      position = arith::MinSIOp::create(
          builder, loc, position,
          arith::ConstantIndexOp::create(builder, loc, kFarPosition));
      position = arith::MaxSIOp::create(
          builder, loc, position,
          arith::ConstantIndexOp::create(builder, loc, -kFarPosition));
    }
  }
  AffineExpr sum =
      builder.getAffineSymbolExpr(0) + builder.getAffineSymbolExpr(1);
  return getValueOrCreateConstantIndexOp(
      builder, loc,
      affine::makeComposedFoldedAffineApply(builder, loc,
                                            AffineMap::get(0, 2, sum),
                                            {OpFoldResult(position), delta}));
}

/// Keys minus queries of the whole operator: a number, or one for each row of
/// the tile where there are lengths, given as those of the tile.
Value AttentionTile::getWholeOffset(Value keyLengths, Value queryLengths) {
  OpFoldResult rows = tensor::getMixedSize(builder, loc, op.getQuery(), 2);
  OpFoldResult keys = tensor::getMixedSize(builder, loc, op.getKey(), 2);
  if (!keyLengths && !queryLengths) {
    AffineExpr difference =
        builder.getAffineSymbolExpr(0) - builder.getAffineSymbolExpr(1);
    return getValueOrCreateConstantIndexOp(
        builder, loc,
        affine::makeComposedFoldedAffineApply(
            builder, loc, AffineMap::get(0, 2, difference), {keys, rows}));
  }
  Value like = widen(builder, loc, keyLengths ? keyLengths : queryLengths);
  // Lengths are read as docs/spec.md says (SP-8).
  auto getCount = [&](Value lengths, OpFoldResult extent, StringRef rank) {
    Value most = splatLike(builder, loc, extent, like);
    if (!lengths)
      return most;
    Value none = splatLike(builder, loc, builder.getIndexAttr(0), like);
    Value count = arith::MaxSIOp::create(builder, loc,
                                         widen(builder, loc, lengths), none);
    if (op.getOrigin(rank))
      return count;
    return arith::MinSIOp::create(builder, loc, count, most).getResult();
  };
  return arith::SubIOp::create(builder, loc, getCount(keyLengths, keys, "n"),
                               getCount(queryLengths, rows, "m"));
}

//===----------------------------------------------------------------------===//
// The operator
//===----------------------------------------------------------------------===//

FailureOr<AttentionOp> AttentionTile::create(bool isPartial) {
  if (failed(setKeyHeads()))
    return failure();
  if (!getConstantIntValue(sizes[kFeature])) {
    op.emitOpError("is tiled along f by a size that is no constant; allowed "
                   "are divisors of ")
        << cast<RankedTensorType>(op.getValue().getType()).getDimSize(3);
    return failure();
  }
  // A tile of tokens is no tile of slots.
  if (op.isPermuted() && !(isWhole(kRow) && isWhole(kKey)))
    return op.emitOpError("has a permutation and is not tiled along its "
                          "tokens; allowed are b, h and f"),
           failure();
  // Lists are of all queries, and name all keys.
  if (op.getSparsity() && !op.getSparsity()->getListAtoms().empty() &&
      !(isWhole(kRow) && isWhole(kKey)))
    return op.emitOpError("has lists of keys and is not tiled along tokens; "
                          "allowed are b, h and f"),
           failure();
  // Nor has a part of packed sequences offsets of its own.
  if (op.isPacked() && !(isWhole(kRow) && isWhole(kKey)))
    return op.emitOpError("has segments and is not tiled along their tokens; "
                          "allowed are b, h and f"),
           failure();
  SmallVector<SmallVector<OperandDim>> dims = getOperandDims(op);
  SmallVector<Value> operands;
  for (auto [operand, roles] : llvm::zip_equal(op->getOperands(), dims))
    operands.push_back(slice(operand, roles));
  auto at = [&](unsigned segment) -> Value {
    auto [first, count] = op.getODSOperandIndexAndLength(segment);
    return count == 0 ? Value() : operands[first];
  };
  constexpr unsigned kKeyLengths = 4, kQueryLengths = 5, kSinks = 6,
                     kOrigins = 7, kOffset = 8, kQueryPermutation = 9,
                     kKeyPermutation = 10, kQuerySegments = 11,
                     kKeySegments = 12;
  auto [firstExtra, numExtras] = op.getODSOperandIndexAndLength(3);
  ArrayRef<Value> extras = ArrayRef(operands).slice(firstExtra, numExtras);
  Value keyLengths = at(kKeyLengths), queryLengths = at(kQueryLengths);

  // Origins: where the slices begin, added to what was there.
  SmallVector<Value> origins;
  SmallVector<Attribute> originRanks;
  unsigned firstOrigin = op.getODSOperandIndexAndLength(kOrigins).first;
  static constexpr std::pair<AttentionLoop, StringLiteral> positions[] = {
      {kBatch, "b"}, {kHead, "h"}, {kRow, "m"}, {kKey, "n"}};
  for (auto [loop, rank] : positions) {
    Value origin;
    if (op.getOrigin(rank)) {
      ArrayRef<Attribute> names = op.getOriginRanks()->getValue();
      StringAttr name = builder.getStringAttr(rank);
      origin =
          operands[firstOrigin + (llvm::find(names, name) - names.begin())];
    }
    if (readsPosition(loop) && !isZeroInteger(offsets[loop]))
      origin = addTo(origin, offsets[loop]);
    if (!origin)
      continue;
    origins.push_back(origin);
    originRanks.push_back(builder.getStringAttr(rank));
  }
  // A part is not aligned by its own extents.
  Value offset = at(kOffset);
  Alignment alignment = op.getAlignment();
  if (alignment == Alignment::BottomRight && op.getSparsity() &&
      !(isWhole(kRow) && isWhole(kKey))) {
    offset = getWholeOffset(keyLengths, queryLengths);
    alignment = Alignment::Offset;
  }

  auto getType = [&](Type element, bool hasFeatures) {
    SmallVector<int64_t> shape;
    for (AttentionLoop loop : {kBatch, kHead, kRow, kFeature})
      if (loop != kFeature || hasFeatures)
        shape.push_back(
            getConstantIntValue(sizes[loop]).value_or(ShapedType::kDynamic));
    return RankedTensorType::get(shape, element);
  };
  Type compute = getComputeType(
      cast<RankedTensorType>(op.getQuery().getType()).getElementType());
  Type element =
      cast<RankedTensorType>(op.getOutput().getType()).getElementType();
  auto tile = AttentionOp::create(
      builder, loc, getType(isPartial ? compute : element, true),
      isPartial || op.getLse() ? getType(compute, false) : Type(), operands[0],
      operands[1], operands[2], extras, keyLengths, queryLengths,
      isPartial ? Value() : at(kSinks), origins, offset, at(kQueryPermutation),
      at(kKeyPermutation), at(kQuerySegments), at(kKeySegments), op.getScore(),
      op.getSparsityAttr(), AlignmentAttr::get(op.getContext(), alignment),
      originRanks.empty() ? ArrayAttr() : builder.getArrayAttr(originRanks),
      op.getQueryPermutationRanksAttr(), op.getKeyPermutationRanksAttr(),
      op.getGatesAttr(),
      // The 1 of the denominator is added once, like sinks.
      NormaliserAttr::get(op.getContext(),
                          isPartial ? Normaliser::Softmax : op.getNormaliser()),
      op.getWeightMapAttr(), op.getScoreMaps().size());
  for (auto [from, to] :
       llvm::zip_equal(op.getScoreMaps(), tile.getScoreMaps())) {
    IRMapping mapping;
    from.cloneInto(&to, mapping);
  }
  tile->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  return tile;
}

//===----------------------------------------------------------------------===//
// Merging
//===----------------------------------------------------------------------===//

MergeResult attn::mergeSlots(AttentionOp op, OpBuilder &builder, Location loc,
                             Value outputs, Value lses) {
  auto names = [&](ArrayRef<StringRef> ranks) {
    return llvm::map_to_vector(
        ranks, [&](StringRef rank) { return builder.getStringAttr(rank); });
  };
  SmallVector<StringAttr> slots = names({"s", "b", "h", "m"});
  SmallVector<StringAttr> slotFeatures = names({"s", "b", "h", "m", "f"});
  SmallVector<StringAttr> rows = names({"b", "h", "m"});
  SmallVector<StringAttr> features = names({"b", "h", "m", "f"});
  auto output = cast<RankedTensorType>(op.getOutput().getType());
  Type compute = cast<RankedTensorType>(lses.getType()).getElementType();
  Type lseType = RankedTensorType::get(output.getShape().drop_back(), compute);
  // Sinks join once, after all parts; the output is rounded after them. The 1
  // of a denominator is a sink of 0.
  Value sinks = op.getSinks();
  if (op.getNormaliser() == Normaliser::SoftmaxPlusOne)
    sinks = arith::ConstantOp::create(
        builder, loc,
        DenseElementsAttr::get(
            RankedTensorType::get(output.getDimSize(1), compute),
            builder.getFloatAttr(compute, 0.0)));
  Type mergedType = sinks ? output.clone(compute) : output;

  auto cascade =
      CascadeOp::create(builder, loc, {mergedType, lseType}, {outputs, lses},
                        CascadeSpace(), MappingAttr());
  MergeResult result;
  result.mergeOps.push_back(cascade);
  {
    OpBuilder::InsertionGuard guard(builder);
    Block *body =
        builder.createBlock(&cascade.getBody(), {},
                            {outputs.getType(), lses.getType()}, {loc, loc});
    Value parts = body->getArgument(0), logits = body->getArgument(1);
    EinsumReduction sum{ReductionKind::Add, names({"s"})};
    EinsumReduction most{ReductionKind::Max, names({"s"})};
    auto first = [](OpBuilder &, Location, ValueRange args) { return args[0]; };
    EinsumAccess logit = EinsumAccess::get(logits, slots);
    Value maximum = EinsumOp::create(builder, loc, lseType, rows,
                                     ArrayRef<EinsumAccess>(logit), most, first)
                        .getResult();
    EinsumAccess top = EinsumAccess::get(maximum, rows);
    Value weights =
        EinsumOp::create(
            builder, loc, lses.getType(), slots,
            ArrayRef<EinsumAccess>{logit, top}, std::nullopt,
            [](OpBuilder &b, Location loc, ValueRange args) -> Value {
              return math::ExpOp::create(
                  b, loc, arith::SubFOp::create(b, loc, args[0], args[1]));
            })
            .getResult();
    EinsumAccess weight = EinsumAccess::get(weights, slots);
    Value total = EinsumOp::create(builder, loc, lseType, rows,
                                   ArrayRef<EinsumAccess>(weight), sum, first)
                      .getResult();
    EinsumAccess divisor = EinsumAccess::get(total, rows);
    Value weighted =
        EinsumOp::create(
            builder, loc, Type(output.clone(compute)), features,
            ArrayRef<EinsumAccess>{weight,
                                   EinsumAccess::get(parts, slotFeatures)},
            sum,
            [](OpBuilder &b, Location loc, ValueRange args) -> Value {
              return arith::MulFOp::create(b, loc, args[0], args[1]);
            })
            .getResult();
    Value merged =
        EinsumOp::create(
            builder, loc, mergedType, features,
            ArrayRef<EinsumAccess>{EinsumAccess::get(weighted, features),
                                   divisor},
            std::nullopt,
            [](OpBuilder &b, Location loc, ValueRange args) -> Value {
              return arith::DivFOp::create(b, loc, args[0], args[1]);
            })
            .getResult();
    Value lse =
        EinsumOp::create(
            builder, loc, lseType, rows, ArrayRef<EinsumAccess>{top, divisor},
            std::nullopt,
            [](OpBuilder &b, Location loc, ValueRange args) -> Value {
              return arith::AddFOp::create(
                  b, loc, args[0], math::LogOp::create(b, loc, args[1]));
            })
            .getResult();
    YieldOp::create(builder, loc, ValueRange{merged, lse});
  }
  Value merged = cascade.getResult(0), lse = cascade.getResult(1);
  if (sinks) {
    auto merge =
        MergeOp::create(builder, loc, mergedType, lseType, merged, lse, sinks);
    result.mergeOps = {merge};
    merged = merge.getOutput();
    lse = merge.getLse();
    if (merged.getType() != output)
      merged = arith::TruncFOp::create(builder, loc, output, merged);
  }
  result.replacements.push_back(merged);
  if (op.getLse())
    result.replacements.push_back(lse);
  return result;
}
