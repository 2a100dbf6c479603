//===- HoistMaps.cpp - Compute maps before the tiles that read them -------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CascadeEmitter.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Analysis/CostModel.h"
#include "attn/Analysis/Streaming.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Transforms/Passes.h"
#include "attn/Transforms/Transforms.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNHOISTMAPS
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// Whether an operation costs as much as a contraction of several points.
static bool isExpensive(Operation *op) {
  return isa<math::MathDialect>(op->getDialect()) &&
         !isa<math::AbsFOp, math::AbsIOp, math::CopySignOp, math::FmaOp,
              math::FloorOp, math::CeilOp, math::TruncOp, math::RoundOp,
              math::RoundEvenOp>(op);
}

/// Whether points of the einsum may be dead, where its result is 0.
static bool isRestricted(EinsumOp einsum) {
  auto cascade = einsum->getParentOfType<CascadeOp>();
  return cascade.getSpace().restricts() &&
         einsum.hasRank(cascade.getQueryRankAttr()) &&
         einsum.hasRank(cascade.getKeyRankAttr());
}

/// Whether `value` is all that the einsum computes, and its result.
static bool isWhole(EinsumOp einsum, Value value) {
  return value == einsum.getMapResult() && !einsum.getReduction() &&
         value.getType() == einsum.getOutputType().getElementType() &&
         !isRestricted(einsum);
}

namespace {
/// Moves parts of a cascade's maps into cascades of their own.
class MapHoister {
public:
  explicit MapHoister(CascadeOp cascade)
      : cascade(cascade), stream(StreamingAnalysis::findRank(cascade)),
        lanes(stream ? assignRankRoles(cascade, stream).lanes : StringAttr()) {}

  unsigned run();

private:
  /// An expression of a map, and the operands of the einsum that it reads.
  struct Part {
    Value value;
    SmallVector<unsigned> inputs;
    SmallVector<StringAttr> ranks;
  };

  std::optional<Part> getPart(EinsumOp einsum, Value value);
  std::optional<Part> findPart(EinsumOp einsum);
  void hoist(EinsumOp einsum, const Part &part);

  CascadeOp cascade;
  /// The rank that every tile of lanes walks, and the rank of the lanes.
  StringAttr stream, lanes;
};
} // namespace

/// The part of `einsum` that computes `value`, if every tile of lanes would
/// compute it again along the stream and it is worth a tensor.
std::optional<MapHoister::Part> MapHoister::getPart(EinsumOp einsum,
                                                    Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || op->getBlock() != einsum.getMap() ||
      !isa<FloatType>(value.getType()))
    return std::nullopt;
  Part part{value, {}, {}};
  bool isWorthIt = false, readsIndex = false;
  llvm::SmallDenseSet<Operation *> visited;
  llvm::SmallBitVector arguments(einsum.getInputs().size());
  walkExpression(
      value, einsum.getMap(), visited,
      [&](Operation *inner) {
        isWorthIt |= isExpensive(inner);
        readsIndex |= isa<IndexOp>(inner);
      },
      &arguments);
  // An index counts from an origin, which the cascade knows.
  if (!isWorthIt || readsIndex)
    return std::nullopt;
  llvm::SmallDenseSet<StringAttr> used;
  for (unsigned index : arguments.set_bits()) {
    EinsumAccess access = einsum.getAccess(index);
    std::optional<SmallVector<StringAttr>> ranks = getPlainRanks(access);
    auto argument = dyn_cast<BlockArgument>(access.tensor);
    if (!ranks || !argument || argument.getOwner()->getParentOp() != cascade)
      return std::nullopt;
    part.inputs.push_back(index);
    used.insert_range(*ranks);
  }
  if (used.contains(lanes) || !used.contains(stream))
    return std::nullopt;
  // The tensor lies in memory as the einsum walks its ranks.
  for (StringAttr rank : einsum.getRankNames())
    if (used.contains(rank))
      part.ranks.push_back(rank);
  // Its readers go on with the tensor as it was.
  if (isWhole(einsum, value))
    part.ranks = einsum.getOutputRanks();
  return part;
}

/// The largest part of an einsum's map that can be hoisted.
std::optional<MapHoister::Part> MapHoister::findPart(EinsumOp einsum) {
  SmallVector<Value> worklist{einsum.getMapResult()};
  llvm::SmallDenseSet<Value> seen;
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    if (!seen.insert(value).second)
      continue;
    if (std::optional<Part> part = getPart(einsum, value))
      return part;
    if (Operation *op = value.getDefiningOp())
      llvm::append_range(worklist, op->getOperands());
  }
  return std::nullopt;
}

/// Computes a part in a cascade before this one, which reads its result.
void MapHoister::hoist(EinsumOp einsum, const Part &part) {
  Location loc = einsum.getLoc();
  OpBuilder builder(cascade);
  llvm::MapVector<StringAttr, int64_t> extents = cascade.getRankExtents();
  SmallVector<int64_t> shape = llvm::map_to_vector(
      part.ranks, [&](StringAttr rank) { return getExtent(extents, rank); });
  auto type = RankedTensorType::get(shape, part.value.getType());
  SmallVector<Value> inputs;
  SmallVector<Location> names;
  for (unsigned index : part.inputs) {
    Value input =
        cascade.getInputs()[cast<BlockArgument>(einsum.getInputs()[index])
                                .getArgNumber()];
    if (llvm::is_contained(inputs, input))
      continue;
    inputs.push_back(input);
    names.push_back(einsum.getInputs()[index].getLoc());
  }
  auto before = CascadeOp::create(builder, loc, Type(type), inputs,
                                  CascadeSpace(), MappingAttr());
  {
    OpBuilder::InsertionGuard guard(builder);
    Block *body = builder.createBlock(&before.getBody(), {},
                                      TypeRange(ValueRange(inputs)), names);
    SmallVector<EinsumAccess> accesses;
    for (unsigned index : part.inputs) {
      EinsumAccess access = einsum.getAccess(index);
      Value input =
          cascade
              .getInputs()[cast<BlockArgument>(access.tensor).getArgNumber()];
      access.tensor =
          body->getArgument(llvm::find(inputs, input) - inputs.begin());
      accesses.push_back(access);
    }
    auto computed = EinsumOp::create(
        builder, loc, Type(type), part.ranks, accesses, std::nullopt,
        [&](OpBuilder &nested, Location, ValueRange args) {
          IRMapping mapping;
          for (auto [index, argument] : llvm::zip_equal(part.inputs, args))
            mapping.map(einsum.getMap()->getArgument(index), argument);
          return cloneExpression(nested, part.value, einsum.getMap(), mapping);
        });
    YieldOp::create(builder, loc, ValueRange(computed.getResult()));
  }

  cascade.getInputsMutable().append(before.getResult(0));
  Value input = cascade.getBody().front().addArgument(type, loc);
  if (isWhole(einsum, part.value)) {
    einsum.getResult().replaceAllUsesWith(input);
    einsum.erase();
    return;
  }
  SmallVector<EinsumAccess> accesses;
  for (unsigned index = 0; index < einsum.getInputs().size(); ++index)
    accesses.push_back(einsum.getAccess(index));
  accesses.push_back(EinsumAccess::get(input, part.ranks));
  builder.setInsertionPoint(einsum);
  auto reader = EinsumOp::create(
      builder, loc, Type(einsum.getOutputType()), einsum.getOutputRanks(),
      accesses, einsum.getEinsumReduction(),
      [&](OpBuilder &nested, Location, ValueRange args) {
        IRMapping mapping;
        mapping.map(einsum.getMap()->getArguments(), args.drop_back());
        mapping.map(part.value, args.back());
        return cloneExpression(nested, einsum.getMapResult(), einsum.getMap(),
                               mapping);
      });
  copyNotes(einsum, reader);
  einsum.getResult().replaceAllUsesWith(reader.getResult());
  einsum.erase();
}

unsigned MapHoister::run() {
  // A form with loops was written or derived as it is to be.
  bool isPlain = cascade.getBody().front().getOps<IterateOp>().empty() &&
                 !cascade.getMapping();
  if (!lanes || !isPlain)
    return 0;
  unsigned count = 0;
  SmallVector<EinsumOp> einsums(cascade.getBody().front().getOps<EinsumOp>());
  for (EinsumOp einsum : einsums)
    if (std::optional<Part> part = findPart(einsum)) {
      hoist(einsum, *part);
      ++count;
    }
  return count;
}

unsigned attn::hoistMaps(CascadeOp cascade) {
  return MapHoister(cascade).run();
}

namespace {
struct HoistMapsPass : public attn::impl::AttnHoistMapsBase<HoistMapsPass> {
  void runOnOperation() override {
    SmallVector<CascadeOp> cascades;
    getOperation().walk(
        [&](CascadeOp cascade) { cascades.push_back(cascade); });
    for (CascadeOp cascade : cascades) {
      unsigned count = hoistMaps(cascade);
      numHoisted += count;
      if (count)
        normalizeCascade(cascade, /*renameRanks=*/false);
    }
  }
};
} // namespace
