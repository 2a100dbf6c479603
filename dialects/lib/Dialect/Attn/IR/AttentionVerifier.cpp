//===- AttentionVerifier.cpp - What the declarative operators may be ------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Verification.h"
#include "attn/Dialect/Attn/IR/Attn.h"

#include <cmath>

using namespace mlir;
using namespace mlir::attn;

/// Checks that the two dimensions, named for the message, may have one extent.
static LogicalResult verifyExtent(Operation *op, StringRef what, int64_t got,
                                  StringRef like, int64_t expected) {
  if (extentsAgree(got, expected))
    return success();
  return op->emitOpError() << what << " is " << got << " but " << like << " is "
                           << expected;
}

/// Whether scores may be computed from elements of `type`.
static bool isScoreType(Type type) {
  return type.isF64() || type.isF32() || type.isBF16() || type.isF16();
}

/// "b, h, m and n"
static std::string listRanks(ArrayRef<ExtraRank> ranks) {
  std::string text;
  for (auto [index, rank] : llvm::enumerate(ranks)) {
    if (index > 0)
      text += index + 1 == ranks.size() ? " and " : ", ";
    text += rank.name;
  }
  return text;
}

SmallVector<ExtraRank> attn::getScoreRanks(AttentionOp op) {
  auto query = cast<RankedTensorType>(op.getQuery().getType());
  auto key = cast<RankedTensorType>(op.getKey().getType());
  return {{"b", query.getDimSize(0)},
          {"h", query.getDimSize(1)},
          {"m", query.getDimSize(2)},
          {"n", key.getDimSize(2)}};
}

/// The ranks of what a gate multiplies.
static SmallVector<ExtraRank> getGateRanks(AttentionOp op, GatePlace place) {
  SmallVector<ExtraRank> score = getScoreRanks(op);
  ExtraRank b = score[0], h = score[1], m = score[2], n = score[3];
  auto value = cast<RankedTensorType>(op.getValue().getType());
  auto query = cast<RankedTensorType>(op.getQuery().getType());
  ExtraRank k{"k", value.getDimSize(1)}, e{"e", query.getDimSize(3)},
      f{"f", value.getDimSize(3)};
  switch (place) {
  case GatePlace::Query:
    return {b, h, m, e};
  case GatePlace::Key:
    return {b, k, h, n, e};
  case GatePlace::Value:
    return {b, k, h, n, f};
  case GatePlace::Score:
  case GatePlace::Weight:
    return score;
  case GatePlace::Output:
    return {b, h, m, f};
  }
  llvm_unreachable("no such place");
}

LogicalResult attn::verifyExtra(AttentionOp op, const Twine &what, int64_t slot,
                                ArrayRef<StringAttr> ranks,
                                ArrayRef<ExtraRank> allowed, int64_t &next,
                                int64_t numDims) {
  // spec: AT-7
  if (slot != next++ || next > static_cast<int64_t>(op.getExtras().size()))
    return op.emitOpError(what)
           << " names operand slot " << slot << " of " << op.getExtras().size()
           << " where slot " << next - 1 << " is next";
  auto type = cast<RankedTensorType>(op.getExtras()[slot].getType());
  if (type.getRank() != static_cast<int64_t>(ranks.size()) + numDims)
    return op.emitOpError(what)
           << " of rank " << type.getRank() << " is indexed by " << ranks.size()
           << " ranks" << (numDims ? " and what is behind them" : "");
  llvm::SmallDenseSet<StringAttr> seen;
  for (auto [rank, size] :
       llvm::zip_equal(ranks, type.getShape().drop_back(numDims))) {
    StringRef name = rank.getValue();
    const ExtraRank *found = llvm::find_if(
        allowed, [=](const ExtraRank &one) { return one.name == name; });
    if (found == allowed.end())
      return op.emitOpError(what) << " is indexed by '" << rank.getValue()
                                  << "'; allowed are " << listRanks(allowed);
    int64_t expected = found->extent;
    if (!seen.insert(rank).second)
      return op.emitOpError(what)
             << " is indexed by '" << rank.getValue() << "' twice";
    if (!extentsAgree(size, expected))
      return op.emitOpError(what)
             << " has extent " << size << " along '" << rank.getValue()
             << "', which is " << expected;
  }
  return success();
}

/// Checks an origin or an offset: one number, or one for each batch row.
static LogicalResult verifyPosition(AttentionOp op, const Twine &what,
                                    Value position) {
  // spec: PO-5
  auto type = dyn_cast<RankedTensorType>(position.getType());
  int64_t batch = cast<ShapedType>(op.getQuery().getType()).getDimSize(0);
  if (!type || type.getRank() == 0 || extentsAgree(type.getDimSize(0), batch))
    return success();
  return op.emitOpError() << "the extent of " << what << " is "
                          << type.getDimSize(0) << " but the batch is "
                          << batch;
}

/// Checks the origins and how positions are aligned.
static LogicalResult verifyPositions(AttentionOp op) {
  // spec: PO-5
  bool hasOffset = op.getOffset() != nullptr;
  if (hasOffset != (op.getAlignment() == Alignment::Offset))
    return op.emitOpError("takes an offset with 'align offset(%x : type)' "
                          "alone; it aligns ")
           << stringifyAlignment(op.getAlignment()) << " and has "
           << (hasOffset ? "one" : "none");
  if (hasOffset && failed(verifyPosition(op, "the offset", op.getOffset())))
    return failure();
  // spec: PO-6
  ArrayRef<Attribute> ranks;
  if (op.getOriginRanks())
    ranks = op.getOriginRanks()->getValue();
  if (ranks.size() != op.getOrigins().size())
    return op.emitOpError("names ") << ranks.size() << " ranks for "
                                    << op.getOrigins().size() << " origins";
  llvm::SmallDenseSet<Attribute> seen;
  for (auto [rank, origin] : llvm::zip_equal(ranks, op.getOrigins())) {
    StringRef name = cast<StringAttr>(rank).getValue();
    if (!llvm::is_contained({"b", "h", "m", "n"}, name))
      return op.emitOpError("gives rank '")
             << name << "' an origin; allowed are b, h, m and n";
    if (!seen.insert(rank).second)
      return op.emitOpError("gives rank '") << name << "' two origins";
    if (failed(verifyPosition(op, "the origin of '" + name + "'", origin)))
      return failure();
  }
  // spec: PO-7
  if (op.getSparsity() && op.getAlignment() == Alignment::BottomRight &&
      (op.getOrigin("m") || op.getOrigin("n")) &&
      !(op.getKeyLengths() && op.getQueryLengths()))
    return op.emitOpError(kPartNeedsOffset);
  // spec: SP-15
  if (op.getOrigin("n") && countsKeys(op.getSparsityAttr()))
    return op.emitOpError(kPartNeedsGrid);
  if (!op.getSparsity())
    return success();
  auto query = cast<RankedTensorType>(op.getQuery().getType());
  return verifyPerHead(
      op, op.getSparsityAttr(), "is 'h'",
      [&](StringAttr rank) -> std::optional<int64_t> {
        if (rank.getValue() != "h")
          return std::nullopt;
        return query.getDimSize(1);
      },
      [&](StringAttr) { return op.getOrigin("h") != nullptr; });
}

/// Checks an order of `tokens` tokens; `what` names it.
static LogicalResult verifyPermutation(AttentionOp op, StringRef what,
                                       Value order,
                                       std::optional<ArrayAttr> ranks,
                                       int64_t tokens) {
  // spec: PE-1
  if (!order) {
    if (ranks)
      return op.emitOpError("lists ranks of ") << what << ", which it has not";
    return success();
  }
  auto type = cast<RankedTensorType>(order.getType());
  SmallVector<StringRef> names;
  for (Attribute rank : ranks ? ranks->getValue() : ArrayRef<Attribute>())
    names.push_back(cast<StringAttr>(rank).getValue());
  bool inOrder = names.empty() || names == ArrayRef<StringRef>{"b"} ||
                 names == ArrayRef<StringRef>{"h"} ||
                 names == ArrayRef<StringRef>{"b", "h"};
  if (!inOrder || type.getRank() != static_cast<int64_t>(names.size()) + 1)
    return op.emitOpError(what)
           << " is " << type << ", indexed by " << names.size()
           << " ranks and the token; allowed are %p, %p[b], %p[h] and %p[b, h]";
  auto query = cast<RankedTensorType>(op.getQuery().getType());
  for (auto [name, size] : llvm::zip(names, type.getShape())) {
    int64_t expected = query.getDimSize(name == "b" ? 0 : 1);
    if (!extentsAgree(size, expected))
      return op.emitOpError(what) << " has extent " << size << " along '"
                                  << name << "', which is " << expected;
  }
  return verifyExtent(op, ("the extent of " + what).str(),
                      type.getShape().back(), "the number of tokens", tokens);
}

/// Checks the orders of tokens, and who reads them.
static LogicalResult verifyPermutations(AttentionOp op) {
  auto query = cast<RankedTensorType>(op.getQuery().getType());
  auto key = cast<RankedTensorType>(op.getKey().getType());
  if (failed(verifyPermutation(
          op, "the permutation of queries", op.getQueryPermutation(),
          op.getQueryPermutationRanks(), query.getDimSize(2))) ||
      failed(verifyPermutation(op, "the permutation of keys",
                               op.getKeyPermutation(),
                               op.getKeyPermutationRanks(), key.getDimSize(2))))
    return failure();
  // spec: PE-2
  if (op.getQueryPermutation() &&
      op.getQueryPermutation() == op.getKeyPermutation() &&
      failed(verifyExtent(op,
                          "with one permutation for both, the number of "
                          "queries",
                          query.getDimSize(2), "the number of keys",
                          key.getDimSize(2))))
    return failure();
  // spec: PE-3
  if (op.getSparsity() && op.getSparsity()->readsSlots() && !op.isPermuted())
    return op.emitOpError(kPermutedNeedsOrder);
  // spec: PE-6
  if (op.isPermuted())
    for (StringRef rank : {"m", "n"})
      if (op.getOrigin(rank))
        return op.emitOpError("gives rank '")
               << rank
               << "' an origin, which an operator with a permutation does not "
                  "have";
  return success();
}

LogicalResult attn::verifySegmentCounts(Operation *op, int64_t queries,
                                        int64_t keys) {
  // spec: SG-1
  for (int64_t offsets : {queries, keys})
    if (offsets == 0)
      return op->emitOpError(
          "has segments without an offset; there is one more "
          "than there are segments");
  return verifyExtent(op, "the number of offsets of queries", queries,
                      "that of keys", keys);
}

/// Checks the offsets of packed sequences.
static LogicalResult verifySegments(AttentionOp op) {
  if (!op.isPacked())
    return success();
  // spec: SG-1
  if (!op.getQuerySegments() || !op.getKeySegments())
    return op.emitOpError(kSegmentsNeedBoth);
  auto queries = cast<RankedTensorType>(op.getQuerySegments().getType());
  auto keys = cast<RankedTensorType>(op.getKeySegments().getType());
  int64_t batch = cast<ShapedType>(op.getQuery().getType()).getDimSize(0);
  for (auto [type, what] : {std::pair(queries, "the segments of queries"),
                            std::pair(keys, "the segments of keys")})
    if (type.getRank() == 2 &&
        failed(verifyExtent(op, ("the first extent of " + Twine(what)).str(),
                            type.getDimSize(0), "the batch", batch)))
      return failure();
  if (failed(verifySegmentCounts(op, queries.getShape().back(),
                                 keys.getShape().back())))
    return failure();
  // spec: SG-4
  if (op.isPermuted())
    return op.emitOpError(kSegmentsHaveNoOrder);
  for (StringRef rank : {"m", "n"})
    if (op.getOrigin(rank))
      return op.emitOpError("gives rank '")
             << rank << "' an origin, which segments do not have";
  return success();
}

static LogicalResult verifyGates(AttentionOp op, int64_t &next) {
  for (GateAttr gate : op.getGateList()) {
    // spec: GA-1
    std::string what =
        ("the gate on the " + stringifyGatePlace(gate.getPlace())).str();
    SmallVector<ExtraRank> allowed = getGateRanks(op, gate.getPlace());
    if (failed(verifyExtra(op, what, gate.getSlot(), gate.getRanks(), allowed,
                           next)))
      return failure();
    auto isIndexedBy = [&](StringRef name) {
      return llvm::any_of(gate.getRanks(), [&](StringAttr rank) {
        return rank.getValue() == name;
      });
    };
    if (isIndexedBy("k") && isIndexedBy("h"))
      return op.emitOpError(what) << " is indexed by 'k' and 'h'; a query head "
                                     "belongs to one key head: drop 'k'";
    Type element = getElementTypeOrSelf(op.getExtras()[gate.getSlot()]);
    if (!isScoreType(element))
      return op.emitOpError(what)
             << " must hold f64, f32, bf16 or f16; got " << element;
  }
  return success();
}

/// Checks what goes with the normaliser.
static LogicalResult verifyNormaliser(AttentionOp op) {
  StringRef name = stringifyNormaliser(op.getNormaliser());
  // spec: NO-2
  if (op.getSinks() && op.getNormaliser() != Normaliser::Softmax)
    return op.emitOpError("takes sinks with 'normalise softmax' alone; got '")
           << name << "'";
  // spec: NO-3
  if (op.getNormaliser() == Normaliser::Sigmoid ||
      op.getNormaliser() == Normaliser::None)
    for (GateAttr gate : op.getGateList())
      if (gate.getRenormalised())
        return op.emitOpError("has no sum that a renormalised gate could join: "
                              "'normalise ")
               << name << "'; drop 'renormalised'";
  // spec: GA-3, NO-4
  StringRef obstacle = op.getLseObstacle();
  if (op.getLse() && !obstacle.empty())
    return op.emitOpError("has no log-sum-exp: ") << obstacle;
  return success();
}

/// Checks the operands and the region of a map of scores or weights, `what`.
static LogicalResult verifyMap(AttentionOp op, ScoreMapAttr map, StringRef what,
                               int64_t &nextSlot, int64_t &nextRegion) {
  for (auto [slot, ranks] : llvm::zip(map.getSlots(), map.getRanks())) {
    auto names =
        llvm::map_to_vector(cast<ArrayAttr>(ranks), [](Attribute rank) {
          return cast<StringAttr>(rank);
        });
    std::string operand = (what + "'s operand").str();
    if (failed(verifyExtra(op, operand, slot, names, getScoreRanks(op),
                           nextSlot)) ||
        failed(verifyElementType(
            op, operand, getElementTypeOrSelf(op.getExtras()[slot].getType()))))
      return failure();
  }
  if (map.getRegion() != nextRegion++ ||
      nextRegion > static_cast<int64_t>(op.getScoreMaps().size()))
    return op.emitOpError(what) << " names region " << map.getRegion() << " of "
                                << op.getScoreMaps().size() << " where region "
                                << nextRegion - 1 << " is next";
  return success();
}

/// Whether f32 has a number near `value`: rounding makes it neither infinite
/// nor 0.
static bool fitsSingle(double value) {
  auto rounded = static_cast<float>(value);
  return std::isfinite(rounded) && (rounded != 0 || value == 0);
}

static LogicalResult verifyConstant(AttentionOp op, Attribute modifier) {
  // spec: MD-2, MD-3
  Type compute = getComputeType(getElementTypeOrSelf(op.getQuery().getType()));
  auto scale = dyn_cast<ScaleAttr>(modifier);
  FloatAttr value =
      scale ? scale.getValue() : cast<SoftCapAttr>(modifier).getValue();
  if (compute.isF64() || fitsSingle(value.getValueAsDouble()))
    return success();
  return op.emitOpError(scale ? "scale " : "soft cap ")
         << value.getValueAsDouble() << " is no number of " << compute
         << ", in which scores are computed; magnitudes from 1.4e-45 to 3.4e38 "
            "are"
         << (scale ? ", and 0" : "");
}

LogicalResult AttentionOp::verify() {
  auto query = cast<RankedTensorType>(getQuery().getType());
  auto key = cast<RankedTensorType>(getKey().getType());
  auto value = cast<RankedTensorType>(getValue().getType());
  // spec: AT-1
  std::pair<StringRef, RankedTensorType> operands[] = {
      {"query", query}, {"key", key}, {"value", value}};
  for (auto [name, type] : operands) {
    if (type.getRank() != 4)
      return emitOpError(name)
             << " must have the ranks [batch, head, token, feature]; got "
             << type;
    if (type.isDynamicDim(1) || type.isDynamicDim(3))
      return emitOpError(name)
             << " must have static head and feature extents; got " << type;
    if (type.getDimSize(1) == 0 || type.getDimSize(3) == 0)
      return emitOpError(name)
             << " must have at least one head and one feature; got " << type;
  }
  // spec: AT-2
  if (query.getElementType() != key.getElementType() ||
      query.getElementType() != value.getElementType())
    return emitOpError("query, key and value must share an element type; got ")
           << query.getElementType() << ", " << key.getElementType() << " and "
           << value.getElementType();
  auto output = cast<RankedTensorType>(getOutput().getType());
  for (auto [name, type] : {std::pair("query, key and value", query),
                            std::pair("the result", output)})
    if (!isScoreType(type.getElementType()))
      return emitOpError(name) << " must hold f64, f32, bf16 or f16; got "
                               << type.getElementType();
  // spec: AT-3
  if (query.getDimSize(1) % key.getDimSize(1) != 0)
    return emitOpError("query has ")
           << query.getDimSize(1)
           << " heads, which is no multiple of the key's " << key.getDimSize(1);
  // spec: AT-4
  if (failed(verifyExtent(*this, "the key's batch", key.getDimSize(0),
                          "the query's", query.getDimSize(0))) ||
      failed(verifyExtent(*this, "the value's batch", value.getDimSize(0),
                          "the query's", query.getDimSize(0))) ||
      failed(verifyExtent(*this, "the key's feature extent", key.getDimSize(3),
                          "the query's", query.getDimSize(3))) ||
      failed(verifyExtent(*this, "the value's head extent", value.getDimSize(1),
                          "the key's", key.getDimSize(1))) ||
      failed(verifyExtent(*this, "the value's token extent",
                          value.getDimSize(2), "the key's", key.getDimSize(2))))
    return failure();

  // spec: AT-5
  if (output.getRank() != 4 ||
      !extentsAgree(output.getDimSize(0), query.getDimSize(0)) ||
      output.getDimSize(1) != query.getDimSize(1) ||
      !extentsAgree(output.getDimSize(2), query.getDimSize(2)) ||
      output.getDimSize(3) != value.getDimSize(3))
    return emitOpError("the result must be [batch, query head, query token, "
                       "value feature]; got ")
           << output;
  // spec: TS-1
  if (failed(verifySizes(*this)))
    return failure();
  // spec: AT-6
  if (getLse()) {
    auto lse = cast<RankedTensorType>(getLse().getType());
    if (lse.getRank() != 3 ||
        !extentsAgree(lse.getDimSize(0), query.getDimSize(0)) ||
        lse.getDimSize(1) != query.getDimSize(1) ||
        !extentsAgree(lse.getDimSize(2), query.getDimSize(2)) ||
        lse.getElementType() != getComputeType(query.getElementType()))
      return emitOpError("the log-sum-exp must be [batch, query head, query "
                         "token] of ")
             << getComputeType(query.getElementType()) << "; got " << lse;
  }

  // spec: AT-7
  int64_t numSlots = 0, numRegions = 0;
  for (Attribute modifier : getScore()) {
    if (auto bias = dyn_cast<BiasAttr>(modifier)) {
      if (failed(verifyExtra(*this, "bias", bias.getSlot(), bias.getRanks(),
                             getScoreRanks(*this), numSlots)))
        return failure();
      if (Type element =
              getElementTypeOrSelf(getExtras()[bias.getSlot()].getType());
          !isScoreType(element))
        return emitOpError("bias must hold f64, f32, bf16 or f16; got ")
               << element;
    } else if (auto map = dyn_cast<ScoreMapAttr>(modifier)) {
      if (failed(verifyMap(*this, map, "a score map", numSlots, numRegions)))
        return failure();
    } else if (isa<ScaleAttr, SoftCapAttr>(modifier)) {
      if (failed(verifyConstant(*this, modifier)))
        return failure();
    } else {
      return emitOpError("'score' lists scale, softcap, bias and map; got ")
             << modifier;
    }
  }

  if (failed(verifyOperandAtoms(*this, numSlots, numRegions)))
    return failure();
  if (ScoreMapAttr map = getWeightMapAttr())
    if (failed(
            verifyMap(*this, map, "the map of weights", numSlots, numRegions)))
      return failure();
  if (failed(verifyGates(*this, numSlots)) || failed(verifyNormaliser(*this)))
    return failure();
  if (numSlots != static_cast<int64_t>(getExtras().size()) ||
      numRegions != static_cast<int64_t>(getScoreMaps().size()))
    return emitOpError("has ")
           << getExtras().size() << " extra operands and "
           << getScoreMaps().size()
           << " regions, but 'score', 'where', 'weights' and 'gate' use "
           << numSlots << " and " << numRegions;

  // spec: AT-9
  auto verifyBatch = [&](StringRef what, Value lengths) -> LogicalResult {
    if (!lengths)
      return success();
    return verifyExtent(*this, what,
                        cast<ShapedType>(lengths.getType()).getDimSize(0),
                        "the batch", query.getDimSize(0));
  };
  if (failed(verifyBatch("the extent of the key lengths", getKeyLengths())) ||
      failed(verifyBatch("the extent of the query lengths", getQueryLengths())))
    return failure();
  if (failed(verifyPositions(*this)) || failed(verifyPermutations(*this)) ||
      failed(verifySegments(*this)))
    return failure();
  // spec: AT-10
  if (getSinks()) {
    auto sinks = cast<RankedTensorType>(getSinks().getType());
    if (sinks.getRank() != 1 || !isScoreType(sinks.getElementType()) ||
        !extentsAgree(sinks.getDimSize(0), query.getDimSize(1)))
      return emitOpError("sinks hold one logit per query head (")
             << query.getDimSize(1) << "); got " << sinks;
  }
  // spec: MD-2
  if (llvm::none_of(getScore(), llvm::IsaPred<ScaleAttr>))
    return emitOpError("lists no scale, which the text would read as "
                       "1/sqrt(E); list scale(1.0) where there is none");
  return success();
}

LogicalResult AttentionOp::verifyRegions() {
  // spec: AT-8
  Type compute = getComputeType(getElementTypeOrSelf(getQuery().getType()));
  Type index = IndexType::get(getContext());
  for (ScoreMapAttr map : getMaps()) {
    bool ofWeights = map == getWeightMapAttr();
    StringRef what = ofWeights ? "the map of weights" : "a score map";
    SmallVector<Type> expected{compute};
    for (int64_t slot : map.getSlots()) {
      Type element = getElementTypeOrSelf(getExtras()[slot].getType());
      expected.push_back(isa<FloatType>(element) ? compute : element);
    }
    expected.append(4, index);
    Block &block = getScoreMaps()[map.getRegion()].front();
    if (block.getArgumentTypes() != TypeRange(expected))
      return emitOpError(what)
             << " takes the " << (ofWeights ? "weight" : "score")
             << ", its operands and the indices b, h, m, n: ("
             << TypeRange(expected) << "); got (" << block.getArgumentTypes()
             << ")";
    auto yield = dyn_cast<YieldOp>(block.getTerminator());
    if (!yield || yield.getOperandTypes() != TypeRange(compute))
      return emitOpError(what) << " must yield one " << compute;
    for (Operation &op : block.without_terminator())
      if (failed(verifyScalarOp(&op, what)))
        return failure();
  }
  return verifyPredicateRegions(*this);
}

LogicalResult MixOp::verify() {
  // spec: MX-1
  if (getBranches().empty())
    return emitOpError("needs at least one branch");
  // spec: TS-1
  if (failed(verifySizes(*this)))
    return failure();
  // spec: MX-2
  auto result = cast<RankedTensorType>(getResult().getType());
  for (auto [index, branch] : llvm::enumerate(getBranches())) {
    auto type = cast<RankedTensorType>(branch.getType());
    if (type.getRank() != 4 || type.isDynamicDim(1) || type.isDynamicDim(3) ||
        !isScoreType(type.getElementType()))
      return emitOpError("branches are [batch, head, token, feature] of f64, "
                         "f32, bf16 or f16 with static head and feature "
                         "extents; branch #")
             << index << " is " << type;
    if (result.getRank() != 4 ||
        !llvm::all_of_zip(type.getShape(), result.getShape(), extentsAgree) ||
        type.getDimSize(1) != result.getDimSize(1) ||
        type.getDimSize(3) != result.getDimSize(3))
      return emitOpError("the result must have the shape of every branch; got ")
             << result << " from branch #" << index << ", " << type;
  }
  if (!isScoreType(result.getElementType()))
    return emitOpError("the result must hold f64, f32, bf16 or f16; got ")
           << result.getElementType();
  return success();
}

LogicalResult MergeOp::verify() {
  // spec: MG-1
  if (getOutputs().empty() || getOutputs().size() != getLses().size())
    return emitOpError("needs one log-sum-exp for each partial result; got ")
           << getLses().size() << " for " << getOutputs().size();
  // spec: MG-2
  auto first = cast<RankedTensorType>(getOutputs()[0].getType());
  if (first.getRank() != 4 || first.isDynamicDim(1) || first.isDynamicDim(3) ||
      !isScoreType(first.getElementType()))
    return emitOpError("partial results are [batch, head, token, feature] of "
                       "f64, f32, bf16 or f16 with static head and feature "
                       "extents; got ")
           << first;
  for (Value output : getOutputs())
    if (output.getType() != first)
      return emitOpError("partial results must share a type; got ")
             << first << " and " << output.getType();
  Type compute = getComputeType(first.getElementType());
  auto lseType = RankedTensorType::get(first.getShape().drop_back(), compute);
  for (Value lse : getLses())
    if (lse.getType() != lseType)
      return emitOpError("log-sum-exps must be ")
             << lseType << "; got " << lse.getType();
  if (getOutput().getType() != first)
    return emitOpError("the result must be ")
           << first << "; got " << getOutput().getType();
  if (getLse() && getLse().getType() != lseType)
    return emitOpError("the merged log-sum-exp must be ")
           << lseType << "; got " << getLse().getType();
  // spec: MG-3
  if (getSinks()) {
    auto sinks = cast<RankedTensorType>(getSinks().getType());
    if (sinks.getRank() != 1 || !isScoreType(sinks.getElementType()) ||
        !extentsAgree(sinks.getDimSize(0), first.getDimSize(1)))
      return emitOpError("sinks hold one logit per head (")
             << first.getDimSize(1) << "); got " << sinks;
  }
  return success();
}
