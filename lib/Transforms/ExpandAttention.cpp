//===- ExpandAttention.cpp - Write attention as cascades --------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionExpander.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Transforms/Passes.h"
#include "attn/Transforms/Transforms.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::attn {
#define GEN_PASS_DEF_EXPANDATTENTION
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// Splits dimension `position` of `tensor` into (outer, inner).
static Value splitHeads(OpBuilder &builder, Location loc, Value tensor,
                        int64_t position, int64_t outer, int64_t inner) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<int64_t> shape;
  SmallVector<ReassociationIndices> groups;
  for (auto [dim, size] : llvm::enumerate(type.getShape())) {
    ReassociationIndices &group = groups.emplace_back();
    group.push_back(shape.size());
    if (static_cast<int64_t>(dim) != position) {
      shape.push_back(size);
      continue;
    }
    shape.push_back(outer);
    group.push_back(shape.size());
    shape.push_back(inner);
  }
  return tensor::ExpandShapeOp::create(
      builder, loc, RankedTensorType::get(shape, type.getElementType()), tensor,
      groups);
}

/// Joins dimensions 1 and 2 of `tensor` into the head dimension of `type`.
static Value joinHeads(OpBuilder &builder, Location loc, Value tensor,
                       Type type) {
  SmallVector<ReassociationIndices> groups{{0}, {1, 2}};
  int64_t rank = cast<RankedTensorType>(tensor.getType()).getRank();
  for (int64_t dim = 3; dim < rank; ++dim)
    groups.push_back({dim});
  return tensor::CollapseShapeOp::create(builder, loc, type, tensor, groups);
}

//===----------------------------------------------------------------------===//
// attn.attention
//===----------------------------------------------------------------------===//

void attn::setName(Value tensor, StringRef name) {
  auto rename = [&](Location loc) {
    return NameLoc::get(StringAttr::get(tensor.getContext(), name), loc);
  };
  if (auto argument = dyn_cast<BlockArgument>(tensor))
    argument.setLoc(rename(argument.getLoc()));
  else
    tensor.getDefiningOp()->setLoc(rename(tensor.getLoc()));
}

LogicalResult AttentionExpander::checkScoreMaps() {
  // A cascade is isolated from above: constants move into the map, anything
  // else has to be an operand.
  ScoreMapAttr weightMap = op.getWeightMapAttr();
  for (auto [number, region] : llvm::enumerate(op.getScoreMaps())) {
    bool ofWeights =
        weightMap && weightMap.getRegion() == static_cast<int64_t>(number);
    bool isPredicate = llvm::any_of(
        op.getSparsity() ? op.getSparsity()->getPredicates()
                         : SmallVector<PredicateAttr>(),
        [&, number = static_cast<int64_t>(number)](PredicateAttr atom) {
          return atom.getNumber() == number;
        });
    StringRef what = ofWeights     ? "the map of weights"
                     : isPredicate ? "a predicate"
                                   : "a score map";
    StringRef clause = ofWeights     ? "weights"
                       : isPredicate ? "predicate"
                                     : "map";
    for (Operation &inner : region.front()) {
      for (Value operand : inner.getOperands())
        if (operand.getParentRegion() != &region &&
            !operand.getDefiningOp<arith::ConstantOp>())
          return inner.emitOpError("in ")
                 << what
                 << " uses a value from outside; only constants and the "
                 << (isPredicate ? "predicate" : "map")
                 << "'s arguments are allowed: list it as '" << clause
                 << "(%t[ranks])'";
      for (Type type : inner.getResultTypes())
        if (!type.isIntOrIndexOrFloat())
          return inner.emitOpError("may not stand in ")
                 << what << "; it computes scalars";
    }
  }
  return success();
}

unsigned AttentionExpander::addExtra(int64_t slot, ArrayRef<StringRef> ranks,
                                     SmallVectorImpl<StringRef> &split) {
  Value tensor = op.getExtras()[slot];
  for (auto [position, rank] : llvm::enumerate(ranks)) {
    if (rank != "h") {
      split.push_back(rank);
      continue;
    }
    int64_t keyHeads =
        cast<ShapedType>(op.getQuery().getType()).getDimSize(1) / group;
    tensor = splitHeads(writer.builder, op.getLoc(), tensor, position, keyHeads,
                        group);
    split.append({"k", "g"});
  }
  unsigned input = writer.addInput(tensor);
  named.emplace_back(input, op.getExtras()[slot]);
  return input;
}

/// Lengths, an offset or an origin as an input of the cascade.
AccessAttr AttentionExpander::addInteger(Value position) {
  if (!position)
    return {};
  OpBuilder &builder = writer.builder;
  if (position.getType().isIndex()) {
    Type integer = builder.getI64Type();
    Value number =
        arith::IndexCastOp::create(builder, op.getLoc(), integer, position);
    position = tensor::FromElementsOp::create(
        builder, op.getLoc(), RankedTensorType::get({}, integer), number);
  }
  bool isPerRow = cast<RankedTensorType>(position.getType()).getRank() == 1;
  return AccessAttr::get(builder.getContext(), writer.addInput(position),
                         isPerRow ? writer.names({"b"})
                                  : SmallVector<StringAttr>());
}

/// Offsets of packed sequences as an input of the cascade.
AccessAttr AttentionExpander::addSegments(Value offsets) {
  if (!offsets)
    return {};
  bool isPerRow = cast<RankedTensorType>(offsets.getType()).getRank() == 2;
  return AccessAttr::get(op.getContext(), writer.addInput(offsets),
                         isPerRow ? writer.names({"b"})
                                  : SmallVector<StringAttr>());
}

/// An order of tokens as an input of the cascade, heads split.
void AttentionExpander::addPermutation(CascadeSpace &space, StringRef token,
                                       Value order,
                                       std::optional<ArrayAttr> ranks) {
  if (!order)
    return;
  SmallVector<StringRef> split;
  for (Attribute rank : ranks ? ranks->getValue() : ArrayRef<Attribute>()) {
    if (cast<StringAttr>(rank) == "b") {
      split.push_back("b");
      continue;
    }
    int64_t keyHeads = cast<ShapedType>(op.getKey().getType()).getDimSize(1);
    order = splitHeads(writer.builder, op.getLoc(), order, split.size(),
                       keyHeads, group);
    split.append({"k", "g"});
  }
  split.push_back(token);
  MLIRContext *context = op.getContext();
  space.permutations.push_back(PermutationAttr::get(
      context, StringAttr::get(context, token),
      AccessAttr::get(context, writer.addInput(order), writer.names(split))));
}

CascadeSpace AttentionExpander::addSpace() {
  MLIRContext *context = op.getContext();
  CascadeSpace space;
  space.keyLengths = addInteger(op.getKeyLengths());
  space.queryLengths = addInteger(op.getQueryLengths());
  space.querySegments = addSegments(op.getQuerySegments());
  space.keySegments = addSegments(op.getKeySegments());
  if (SparsityAttr sparsity = op.getSparsityAttr())
    space.sparsity = sparsity.mapLists([&](AccessAttr list) {
      SmallVector<StringRef> ranks, split;
      for (StringAttr rank : list.getRanks())
        ranks.push_back(rank.getValue());
      unsigned input = addExtra(list.getInput(), ranks, split);
      return AccessAttr::get(context, input, writer.names(split));
    });
  if (space.sparsity)
    space.sparsity = space.sparsity.mapPredicates(
        [&](PredicateAttr atom) { return addPredicate(space, atom); });
  if (space.sparsity)
    space.sparsity = space.sparsity.mapPerHead([&](PerHeadAttr atom) {
      // h = k * G + g.
      int64_t stride = atom.getStrides().front();
      return PerHeadAttr::get(context, atom.getAtoms(),
                              writer.names({"k", "g"}),
                              {stride * group, stride});
    });
  // The plane is named only where it loses points.
  if (space.restricts()) {
    space.queryRank = StringAttr::get(context, "m");
    space.keyRank = StringAttr::get(context, "n");
    space.alignment = op.getAlignmentAttr();
    space.offset = addInteger(op.getOffset());
  }
  // An order that no atom reads changes nothing (PE-4).
  if (space.readsSlots()) {
    addPermutation(space, "m", op.getQueryPermutation(),
                   op.getQueryPermutationRanks());
    addPermutation(space, "n", op.getKeyPermutation(),
                   op.getKeyPermutationRanks());
  }
  for (StringRef rank : {"b", "h", "m", "n"}) {
    Value origin = op.getOrigin(rank);
    if (!origin)
      continue;
    // h = k * G + g, whatever head the first one is: its origin is that of g.
    space.origins.push_back(OriginAttr::get(
        context, StringAttr::get(context, rank == "h" ? "g" : rank),
        addInteger(origin)));
  }
  return space;
}

/// Copies the operations of a region of the operator, with the constants that
/// they take from outside, and returns the one value that it yields.
static Value cloneScalars(OpBuilder &builder, Block &source,
                          IRMapping &mapping) {
  for (Operation &inner : source.without_terminator()) {
    for (Value operand : inner.getOperands())
      if (operand.getParentBlock() != &source && !mapping.contains(operand))
        mapping.map(operand,
                    builder.clone(*operand.getDefiningOp())->getResult(0));
    builder.clone(inner, mapping);
  }
  Value yielded = source.getTerminator()->getOperand(0);
  if (yielded.getParentBlock() != &source && !mapping.contains(yielded))
    mapping.map(yielded, builder.clone(*yielded.getDefiningOp())->getResult(0));
  return mapping.lookup(yielded);
}

/// The last four arguments of a region of the operator: the indices b, h, m, n.
/// `getIndex` gives that of a rank of the cascade; h = k * G + g.
static void mapIndices(OpBuilder &builder, Location loc, Block &source,
                       int64_t group, function_ref<Value(StringRef)> getIndex,
                       IRMapping &mapping) {
  static constexpr StringRef indices[] = {"b", "h", "m", "n"};
  for (auto [argument, rank] :
       llvm::zip(source.getArguments().take_back(4), indices)) {
    if (argument.use_empty())
      continue;
    if (rank != "h") {
      mapping.map(argument, getIndex(rank));
      continue;
    }
    Value keyHead = getIndex("k"), member = getIndex("g");
    Value size = arith::ConstantIndexOp::create(builder, loc, group);
    Value first = arith::MulIOp::create(builder, loc, keyHead, size);
    mapping.map(argument, arith::AddIOp::create(builder, loc, first, member));
  }
}

/// The predicate over the ranks of the cascade, of which its region receives
/// the indices that it reads.
PredicateAttr AttentionExpander::addPredicate(CascadeSpace &space,
                                              PredicateAttr atom) {
  Location loc = op.getLoc();
  Block &source = op.getScoreMaps()[atom.getNumber()].front();
  Region &region = *predicates.emplace_back(std::make_unique<Region>());
  OpBuilder builder(op.getContext());
  Block *block = builder.createBlock(&region);
  IRMapping mapping;
  for (BlockArgument argument : source.getArguments().drop_back(4))
    mapping.map(argument, block->addArgument(argument.getType(), loc));
  SmallVector<StringRef> indices;
  mapIndices(
      builder, loc, source, group,
      [&](StringRef rank) -> Value {
        indices.push_back(rank);
        return block->addArgument(builder.getIndexType(), loc);
      },
      mapping);
  YieldOp::create(builder, loc, cloneScalars(builder, source, mapping));
  space.predicates.push_back(&region);
  return PredicateAttr::get(op.getContext(), predicates.size() - 1,
                            atom.getOperands(), writer.names(indices));
}

Value AttentionExpander::applyMap(ScoreMapAttr map, ArrayRef<Extra> operands,
                                  Value tensor) {
  SmallVector<EinsumAccess> accesses{writer.access(tensor, scoreRanks)};
  for (const Extra &extra : operands)
    accesses.push_back(
        writer.access(body->getArgument(extra.input), extra.ranks));
  Block &source = op.getScoreMaps()[map.getRegion()].front();
  auto cloneMap = [&](OpBuilder &builder, Location loc, ValueRange args) {
    IRMapping mapping;
    for (auto [from, to] : llvm::zip(source.getArguments(), args))
      mapping.map(from, to);
    mapIndices(
        builder, loc, source, group,
        [&](StringRef rank) -> Value {
          return IndexOp::create(builder, loc, builder.getIndexType(), rank);
        },
        mapping);
    return cloneScalars(builder, source, mapping);
  };
  return writer.einsum(compute, scoreRanks, accesses, cloneMap);
}

Value AttentionExpander::applyModifier(unsigned index, Value score) {
  Attribute modifier = op.getScore()[index];
  EinsumAccess access = writer.access(score, scoreRanks);
  if (auto scale = dyn_cast<ScaleAttr>(modifier)) {
    double factor = scale.getValue().getValueAsDouble();
    if (factor == 1.0)
      return score;
    return writer.einsum(
        compute, scoreRanks, access,
        [&](OpBuilder &builder, Location loc, ValueRange args) -> Value {
          Value value = constant(builder, loc, compute, factor);
          return arith::MulFOp::create(builder, loc, args[0], value);
        });
  }
  if (auto cap = dyn_cast<SoftCapAttr>(modifier)) {
    double limit = cap.getValue().getValueAsDouble();
    return writer.einsum(
        compute, scoreRanks, access,
        [&](OpBuilder &builder, Location loc, ValueRange args) -> Value {
          Value value = constant(builder, loc, compute, limit);
          Value scaled = arith::DivFOp::create(builder, loc, args[0], value);
          Value capped = math::TanhOp::create(builder, loc, scaled);
          return arith::MulFOp::create(builder, loc, value, capped);
        });
  }
  if (isa<BiasAttr>(modifier)) {
    const Extra &extra = extras[index].front();
    return writer.einsum(
        compute, scoreRanks,
        {access, writer.access(body->getArgument(extra.input), extra.ranks)},
        addBody);
  }
  return applyMap(cast<ScoreMapAttr>(modifier), extras[index], score);
}

FailureOr<CascadeOp> AttentionExpander::run() {
  if (failed(checkScoreMaps()))
    return failure();
  OpBuilder &builder = writer.builder;
  Location loc = op.getLoc();
  auto query = cast<RankedTensorType>(op.getQuery().getType());
  auto key = cast<RankedTensorType>(op.getKey().getType());
  auto value = cast<RankedTensorType>(op.getValue().getType());
  auto output = cast<RankedTensorType>(op.getOutput().getType());
  compute = getComputeType(query.getElementType());
  group = op.getGroupSize();
  int64_t keyHeads = key.getDimSize(1);
  writer.setExtent("b", {query.getDimSize(0), key.getDimSize(0),
                         value.getDimSize(0), output.getDimSize(0)});
  writer.setExtent("k", {keyHeads});
  writer.setExtent("g", {group});
  writer.setExtent("m", {query.getDimSize(2), output.getDimSize(2)});
  writer.setExtent("n", {key.getDimSize(2), value.getDimSize(2)});
  writer.setExtent("e", {query.getDimSize(3)});
  writer.setExtent("f", {value.getDimSize(3)});

  // Operands, heads split.
  unsigned q = writer.addInput(
      splitHeads(builder, loc, op.getQuery(), 1, keyHeads, group));
  unsigned k = writer.addInput(op.getKey());
  unsigned v = writer.addInput(op.getValue());
  auto toRanks = [](auto range) {
    return llvm::map_to_vector(range, [](Attribute rank) {
      return cast<StringAttr>(rank).getValue();
    });
  };
  auto add = [&](SmallVectorImpl<Extra> &list, int64_t slot,
                 ArrayRef<StringRef> ranks) {
    SmallVector<StringRef> split;
    unsigned input = addExtra(slot, ranks, split);
    list.push_back({input, split});
  };
  auto addMap = [&](SmallVectorImpl<Extra> &list, ScoreMapAttr map) {
    for (auto [slot, ranks] : llvm::zip(map.getSlots(), map.getRanks()))
      add(list, slot, toRanks(cast<ArrayAttr>(ranks)));
  };
  for (Attribute modifier : op.getScore()) {
    SmallVector<Extra> &list = extras.emplace_back();
    if (auto bias = dyn_cast<BiasAttr>(modifier))
      add(list, bias.getSlot(), toRanks(bias.getRanks()));
    if (auto map = dyn_cast<ScoreMapAttr>(modifier))
      addMap(list, map);
  }
  if (ScoreMapAttr map = op.getWeightMapAttr())
    addMap(weightExtras, map);
  for (GateAttr gate : op.getGateList()) {
    Extra &extra = gates.emplace_back(gate, Extra()).second;
    extra.input =
        addExtra(gate.getSlot(), toRanks(gate.getRanks()), extra.ranks);
  }
  if (op.getSinks()) {
    sinks = writer.addInput(
        splitHeads(builder, loc, op.getSinks(), 0, keyHeads, group));
    named.emplace_back(*sinks, op.getSinks());
  }
  CascadeSpace space = addSpace();
  SmallVector<Type> resultTypes;
  auto split = [&](Type type) {
    auto tensor = cast<RankedTensorType>(type);
    SmallVector<int64_t> shape(tensor.getShape());
    shape[1] = group;
    shape.insert(shape.begin() + 1, keyHeads);
    return RankedTensorType::get(shape, tensor.getElementType());
  };
  for (Type type : op.getResultTypes())
    resultTypes.push_back(split(type));
  auto cascade = CascadeOp::create(builder, loc, resultTypes, writer.inputs,
                                   space, MappingAttr());
  OpBuilder::InsertionGuard guard(builder);
  body = builder.createBlock(&cascade.getBody(), cascade.getBody().end(),
                             TypeRange(ValueRange(writer.inputs)),
                             SmallVector<Location>(writer.inputs.size(), loc));

  setName(body->getArgument(q), "Q");
  setName(body->getArgument(k), "K");
  setName(body->getArgument(v), "V");
  for (auto [input, tensor] : named)
    if (auto source = tensor.getLoc()->findInstanceOf<NameLoc>())
      setName(body->getArgument(input), source.getName());

  // Scores and modifiers.
  EinsumAccess queryAccess = applyGates(
      GatePlace::Query,
      writer.access(body->getArgument(q), {"b", "k", "g", "m", "e"}), "Q");
  EinsumAccess keyAccess = applyGates(
      GatePlace::Key, writer.access(body->getArgument(k), {"b", "k", "n", "e"}),
      "K");
  EinsumAccess valueAccess = applyGates(
      GatePlace::Value,
      writer.access(body->getArgument(v), {"b", "k", "n", "f"}), "V");
  Value score = writer.einsum(compute, scoreRanks, {queryAccess, keyAccess},
                              mulBody, ReductionKind::Add, {"e"});
  setName(score, "S");
  auto modify = [&](unsigned begin, unsigned end) {
    for (unsigned index = begin; index < end; ++index) {
      Value modified = applyModifier(index, score);
      if (modified != score)
        setName(modified, "S");
      score = modified;
    }
  };
  // Scales are factors, too, and may move to the query: gates stand behind.
  ArrayRef<Attribute> modifiers = op.getScore().getValue();
  unsigned scales = llvm::find_if_not(modifiers, llvm::IsaPred<ScaleAttr>) -
                    modifiers.begin();
  modify(0, scales);
  for (GatePlace place : {GatePlace::Query, GatePlace::Key})
    score = applyRowGates(place, score, "S");
  modify(scales, modifiers.size());

  score = applyGates(GatePlace::Score, writer.access(score, scoreRanks), "S")
              .tensor;
  score = applyRenormalised(score, /*inLogForm=*/true);

  NormalisedWeights normalised = normalise(score);
  Value weights = normalised.weights;
  if (ScoreMapAttr map = op.getWeightMapAttr()) {
    weights = applyMap(map, weightExtras, weights);
    setName(weights, "W");
  }
  weights = applyRowGates(GatePlace::Value, weights, "W");
  EinsumAccess weightAccess =
      applyGates(GatePlace::Weight, writer.access(weights, scoreRanks), "W");
  // The sum is kept in the compute type of the operands, also where the result
  // has another one (NU-1).
  auto resultType = cast<RankedTensorType>(resultTypes[0]);
  bool isGated = llvm::any_of(gates, [](const auto &gate) {
    return gate.first.getPlace() == GatePlace::Output;
  });
  bool converts =
      isGated || getComputeType(resultType.getElementType()) != compute;
  Type sumType = converts ? resultType.clone(compute) : resultType;
  SmallVector<Value> results{
      EinsumOp::create(builder, loc, sumType, writer.names(outputRanks),
                       ArrayRef<EinsumAccess>{weightAccess, valueAccess},
                       EinsumReduction{ReductionKind::Add, writer.names({"n"})},
                       mulBody)
          .getResult()};
  setName(results[0], "O");
  if (isGated) {
    // Where no denominator says which rows are 0, the number of keys does.
    bool hasSum = normalised.denominator && !op.getWeightMap();
    results[0] = applyOutputGates(results[0], hasSum ? normalised.denominator
                                                     : countLiveKeys(score));
  }
  if (results[0].getType() != resultType) {
    results[0] = EinsumOp::create(builder, loc, Type(resultType),
                                  writer.names(outputRanks),
                                  writer.access(results[0], outputRanks),
                                  std::nullopt, identityBody)
                     .getResult();
    setName(results[0], "O");
  }
  if (op.getLse()) {
    results.push_back(
        EinsumOp::create(builder, loc, Type(resultTypes[1]),
                         writer.names(rowRanks),
                         ArrayRef<EinsumAccess>{
                             writer.access(normalised.maximum, rowRanks),
                             writer.access(normalised.denominator, rowRanks)},
                         std::nullopt, addLogBody)
            .getResult());
    setName(results[1], "L");
  }
  YieldOp::create(builder, loc, results);

  builder.setInsertionPointAfter(cascade);
  SmallVector<Value> replacements;
  for (auto [result, type] :
       llvm::zip(cascade.getResults(), op.getResultTypes()))
    replacements.push_back(joinHeads(builder, loc, result, type));
  op->replaceAllUsesWith(replacements);
  op->erase();
  return cascade;
}

FailureOr<CascadeOp> attn::expandAttention(AttentionOp op, OpBuilder &builder) {
  return AttentionExpander(op, builder).run();
}

namespace {
struct ExpandAttention : attn::impl::ExpandAttentionBase<ExpandAttention> {
  void runOnOperation() override {
    SmallVector<AttentionOp> attentions;
    SmallVector<MergeOp> merges;
    SmallVector<MixOp> mixes;
    getOperation().walk([&](Operation *op) {
      if (auto attention = dyn_cast<AttentionOp>(op))
        attentions.push_back(attention);
      else if (auto merge = dyn_cast<MergeOp>(op))
        merges.push_back(merge);
      else if (auto mix = dyn_cast<MixOp>(op))
        mixes.push_back(mix);
    });
    // Mixes first, the last ones before those that they read: they change what
    // the operators that make their branches give.
    for (MixOp mix : llvm::reverse(mixes)) {
      OpBuilder builder(mix);
      expandMix(mix, builder);
      ++numMix;
    }
    for (AttentionOp attention : attentions) {
      OpBuilder builder(attention);
      if (failed(expandAttention(attention, builder)))
        return signalPassFailure();
      ++numAttention;
    }
    for (MergeOp merge : merges) {
      OpBuilder builder(merge);
      expandMerge(merge, builder);
      ++numMerge;
    }
  }
};
} // namespace
