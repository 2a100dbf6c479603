//===- StreamSplitter.cpp - Runs of a streamed rank as items --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// docs/rationale/split-stream.md explains the two cascades and where they pay.
//
//===----------------------------------------------------------------------===//

#include "StreamSplitter.h"
#include "CascadeEmitter.h"
#include "attn/Analysis/CascadeUtils.h"
#include "llvm/ADT/SmallBitVector.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

namespace {

/// A carried tensor: each step combines what it reduces of its own points with
/// `rest`, a value in the map of `update` that says what the old tensor is
/// worth beside the new values of all others.
struct CarriedTensor {
  EinsumOp update;
  ReductionKind kind;
  Value rest;
};

/// Writes a streaming cascade as two: the tensors that each run of the stream
/// carries to its end, and what these are worth together.
class StreamSplitter {
public:
  StreamSplitter(CascadeOp cascade, IterateOp iterate, int64_t size)
      : cascade(cascade), iterate(iterate), size(size), builder(cascade) {}

  /// Rewrites the cascade. Where that cannot be, it stays, and the text says
  /// why.
  std::optional<std::string> run();

private:
  bool findCarried();
  void nameSplits();
  CascadeOp writeRuns();
  CascadeOp writeMerge(CascadeOp runs);

  // Tensors with a part for each run.
  RankedTensorType addSplit(Type type) const;
  EinsumAccess addSplit(EinsumAccess access) const;
  Value cloneEinsum(OpBuilder &nested, EinsumOp einsum, IRMapping &mapping,
                    bool always);

  // In the merge; null where a value has no place there.
  Value getTotal(unsigned number);
  Value getMerged(Value tensor);
  Value getOuter(Value tensor);

  CascadeOp cascade;
  IterateOp iterate;
  int64_t size;
  OpBuilder builder;
  StringAttr split;
  int64_t numSplits = ShapedType::kDynamic;
  SmallVector<CarriedTensor> carried;
  /// Tensors of either cascade that have the rank of the runs.
  llvm::SmallDenseSet<Value> withSplit;
  // The merge as it is written.
  OpBuilder inner{builder.getContext()};
  IRMapping merged, outer;
  SmallVector<Value> totals;
  llvm::SmallBitVector inProgress;
};

} // namespace

//===----------------------------------------------------------------------===//
// What is carried
//===----------------------------------------------------------------------===//

/// Whether `op` combines two values as a reduction of `kind` does.
static bool combines(Operation *op, ReductionKind kind) {
  switch (kind) {
  case ReductionKind::Add:
    return isa_and_nonnull<arith::AddFOp, arith::AddIOp>(op);
  case ReductionKind::Mul:
    return isa_and_nonnull<arith::MulFOp, arith::MulIOp>(op);
  case ReductionKind::Max:
    return isa_and_nonnull<arith::MaximumFOp, arith::MaxSIOp>(op);
  case ReductionKind::Min:
    return isa_and_nonnull<arith::MinimumFOp, arith::MinSIOp>(op);
  case ReductionKind::And:
    return isa_and_nonnull<arith::AndIOp>(op);
  case ReductionKind::Or:
    return isa_and_nonnull<arith::OrIOp>(op);
  case ReductionKind::Associative:
    return false;
  }
  llvm_unreachable("a kind of reduction that has no operation");
}

/// Finds, in `update`, the value that is combined with what the points of a
/// step are reduced to.
static std::optional<CarriedTensor> findRest(IterateOp iterate,
                                             EinsumOp update) {
  Operation *root = update.getMapResult().getDefiningOp();
  if (update.getReduction() || !root || root->getNumOperands() != 2)
    return std::nullopt;
  for (unsigned side : {0u, 1u}) {
    auto argument = dyn_cast<BlockArgument>(root->getOperand(side));
    if (!argument || argument.getOwner() != update.getMap() ||
        !argument.hasOneUse())
      continue;
    EinsumAccess access = update.getAccess(argument.getArgNumber());
    auto local = access.tensor.getDefiningOp<EinsumOp>();
    // Every point of the step goes into the element that is combined.
    if (!local || local->getParentOp() != iterate || !local.getReduction() ||
        !llvm::is_contained(local.getReduced(), iterate.getPointAttr()) ||
        !combines(root, *local.getReduction()) ||
        getPlainRanks(access) != update.getOutputRanks())
      continue;
    return CarriedTensor{update, *local.getReduction(),
                         root->getOperand(1 - side)};
  }
  return std::nullopt;
}

bool StreamSplitter::findCarried() {
  for (Value yielded : iterate.getYielded()) {
    auto update = yielded.getDefiningOp<EinsumOp>();
    if (!update || update->getParentOp() != iterate)
      return false;
    std::optional<CarriedTensor> found = findRest(iterate, update);
    if (!found)
      return false;
    carried.push_back(*found);
  }
  return llvm::all_of(iterate.getInits(), [](Value init) {
    return init.getDefiningOp<EinsumOp>() != nullptr;
  });
}

void StreamSplitter::nameSplits() {
  llvm::StringSet<> taken;
  cascade.getBody().walk([&](EinsumOp einsum) {
    for (StringAttr rank : einsum.getRankNames())
      taken.insert(rank.getValue());
  });
  std::string name = "s";
  while (taken.contains(name) || name == iterate.getParent())
    name += "_";
  split = builder.getStringAttr(name);
  int64_t points = getExtent(cascade.getRankExtents(), iterate.getParentAttr());
  if (!ShapedType::isDynamic(points))
    numSplits = llvm::divideCeilSigned(points, size);
}

//===----------------------------------------------------------------------===//
// The runs
//===----------------------------------------------------------------------===//

RankedTensorType StreamSplitter::addSplit(Type type) const {
  auto whole = cast<RankedTensorType>(type);
  SmallVector<int64_t> shape{numSplits};
  llvm::append_range(shape, whole.getShape());
  return RankedTensorType::get(shape, whole.getElementType());
}

EinsumAccess StreamSplitter::addSplit(EinsumAccess access) const {
  if (!withSplit.contains(access.tensor))
    return access;
  unsigned numDims = access.ranks.size();
  MLIRContext *context = split.getContext();
  SmallVector<AffineExpr> exprs{getAffineDimExpr(numDims, context)};
  llvm::append_range(exprs, access.map.getResults());
  access.ranks.push_back(split);
  access.map =
      AffineMap::get(numDims + 1, access.map.getNumSymbols(), exprs, context);
  for (DataIndex &data : access.data)
    data.map = AffineMap::get(numDims + 1, data.map.getNumSymbols(),
                              data.map.getResults(), context);
  return access;
}

/// Copies `einsum`; its result has a part for each run if one of its operands
/// has, or `always`.
Value StreamSplitter::cloneEinsum(OpBuilder &nested, EinsumOp einsum,
                                  IRMapping &mapping, bool always) {
  SmallVector<EinsumAccess> accesses;
  bool isSplit = always;
  for (unsigned index = 0; index < einsum.getInputs().size(); ++index) {
    EinsumAccess access = einsum.getAccess(index);
    access.tensor = mapping.lookup(access.tensor);
    for (DataIndex &data : access.data)
      data.tensor = mapping.lookup(data.tensor);
    isSplit |= withSplit.contains(access.tensor);
    accesses.push_back(addSplit(access));
  }
  SmallVector<StringAttr> ranks = einsum.getOutputRanks();
  Type type = einsum.getOutputType();
  if (isSplit) {
    ranks.insert(ranks.begin(), split);
    type = addSplit(type);
  }
  auto created =
      EinsumOp::create(nested, einsum.getLoc(), type, ranks, accesses,
                       einsum.getEinsumReduction(),
                       [&](OpBuilder &body, Location, ValueRange arguments) {
                         return cloneExpression(body, einsum.getMapResult(),
                                                einsum.getMap(), arguments);
                       });
  copyNotes(einsum, created);
  if (isSplit)
    withSplit.insert(created.getResult());
  mapping.map(einsum.getResult(), created.getResult());
  return created.getResult();
}

CascadeOp StreamSplitter::writeRuns() {
  Location loc = cascade.getLoc();
  SmallVector<Type> types =
      llvm::map_to_vector(iterate.getResultTypes(),
                          [&](Type type) -> Type { return addSplit(type); });
  auto runs = CascadeOp::create(builder, loc, types, cascade.getInputs(),
                                cascade.getSpace(), MappingAttr());
  Block &body = cascade.getBody().front();
  OpBuilder nested(builder.getContext());
  Block *block =
      nested.createBlock(&runs.getBody(), {}, body.getArgumentTypes(),
                         SmallVector<Location>(body.getNumArguments(), loc));
  IRMapping mapping;
  mapping.map(body.getArguments(), block->getArguments());
  for (Operation &op : body.without_terminator()) {
    if (&op == iterate)
      break;
    nested.clone(op, mapping);
  }
  SmallVector<Value> inits;
  for (Value init : iterate.getInits()) {
    IRMapping copy(mapping);
    inits.push_back(cloneEinsum(nested, init.getDefiningOp<EinsumOp>(), copy,
                                /*always=*/true));
  }
  auto loop = IterateOp::create(
      nested, iterate.getLoc(), types, inits, iterate.getRankAttr(),
      iterate.getParentAttr(), iterate.getPointAttr(), iterate.getPlanAttr(),
      iterate.getTokenPlanAttr(), iterate.getPeriodicAttr(),
      iterate.getBoxesAttr(), split, nested.getI64IntegerAttr(size));
  loop->setDiscardableAttrs(iterate->getDiscardableAttrDictionary());
  Block &oldStep = iterate.getBody().front();
  Block *step =
      nested.createBlock(&loop.getBody(), {}, types,
                         SmallVector<Location>(types.size(), iterate.getLoc()));
  mapping.map(oldStep.getArguments(), step->getArguments());
  withSplit.insert_range(step->getArguments());
  for (Operation &op : oldStep.without_terminator())
    if (auto einsum = dyn_cast<EinsumOp>(op))
      cloneEinsum(nested, einsum, mapping, /*always=*/true);
    else
      nested.clone(op, mapping);
  SmallVector<Value> yielded;
  for (Value value : iterate.getYielded())
    yielded.push_back(mapping.lookup(value));
  YieldOp::create(nested, iterate.getLoc(), yielded);
  nested.setInsertionPointToEnd(block);
  YieldOp::create(nested, loc, loop.getResults());
  eraseDeadEinsums(*block);
  return CascadeEmitter::dropUnused(runs);
}

//===----------------------------------------------------------------------===//
// The merge
//===----------------------------------------------------------------------===//

/// A carried tensor after all runs: what each run has, repaired from the values
/// at its end to those of the whole, combined over the runs.
Value StreamSplitter::getTotal(unsigned number) {
  if (totals[number] || inProgress.test(number))
    return totals[number];
  inProgress.set(number);
  EinsumOp update = carried[number].update, source = update;
  ReductionKind kind = carried[number].kind;
  Value rest = carried[number].rest;
  SmallVector<EinsumAccess> whole = update.getAccesses();
  // A repair of its own is part of the sum over the runs, not a tensor in front
  // of it.
  if (auto argument = dyn_cast<BlockArgument>(rest)) {
    const EinsumAccess &access = whole[argument.getArgNumber()];
    auto repair = access.tensor.getDefiningOp<EinsumOp>();
    if (repair && repair->getParentOp() == iterate && !repair.getReduction() &&
        llvm::none_of(carried, [&](const CarriedTensor &other) {
          return other.update == repair;
        })) {
      EinsumAccess outermost = access;
      whole = llvm::map_to_vector(
          repair.getAccesses(), [&](const EinsumAccess &innermost) {
            return composeAccess(repair, innermost, outermost);
          });
      source = repair;
      rest = repair.getMapResult();
    }
  }
  llvm::SmallBitVector read(source.getInputs().size());
  llvm::SmallDenseSet<Operation *> visited;
  walkExpression(rest, source.getMap(), visited, [](Operation *) {}, &read);
  SmallVector<EinsumAccess> accesses;
  SmallVector<unsigned> arguments(read.set_bits());
  for (unsigned index : arguments) {
    EinsumAccess access = whole[index];
    access.tensor = getMerged(access.tensor);
    if (!access.tensor || access.readsData())
      return {};
    accesses.push_back(addSplit(access));
  }
  totals[number] =
      EinsumOp::create(
          inner, update.getLoc(), Type(update.getOutputType()),
          update.getOutputRanks(), accesses, EinsumReduction{kind, {split}},
          [&](OpBuilder &body, Location, ValueRange values) {
            IRMapping mapping;
            for (auto [index, value] : llvm::zip_equal(arguments, values))
              mapping.map(source.getMap()->getArgument(index), value);
            return cloneExpression(body, rest, source.getMap(), mapping);
          })
          .getResult();
  return totals[number];
}

/// What `tensor` of a step is between the end of a run and the whole.
Value StreamSplitter::getMerged(Value tensor) {
  Block &step = iterate.getBody().front();
  if (Value known = merged.lookupOrNull(tensor))
    return known;
  if (auto *found = llvm::find_if(
          carried,
          [&](auto &other) { return other.update.getResult() == tensor; });
      found != carried.end())
    return getTotal(found - carried.begin());
  Operation *op = tensor.getDefiningOp();
  if (!op || op->getBlock() != &step)
    return getOuter(tensor);
  auto einsum = dyn_cast<EinsumOp>(op);
  // What a step computes of its own points is no part of the merge.
  if (!einsum || einsum.getReduction() ||
      llvm::any_of(einsum.getRankNames(), [&](StringAttr rank) {
        return rank == iterate.getPointAttr() || rank == iterate.getRankAttr();
      }))
    return {};
  bool readsIndex = false;
  einsum.walk([&](IndexOp) { readsIndex = true; });
  if (readsIndex)
    return {};
  for (Value operand : einsum->getOperands()) {
    Value value = getMerged(operand);
    if (!value)
      return {};
    merged.map(operand, value);
  }
  return cloneEinsum(inner, einsum, merged, /*always=*/false);
}

/// A copy of `tensor`, which is made before or after the iteration.
Value StreamSplitter::getOuter(Value tensor) {
  if (Value known = outer.lookupOrNull(tensor))
    return known;
  Operation *op = tensor.getDefiningOp();
  if (!op)
    return {};
  if (op == iterate)
    return getTotal(cast<OpResult>(tensor).getResultNumber());
  if (op->getNumOperands() == 0 && !isa<EinsumOp>(op)) {
    inner.clone(*op, outer);
    return outer.lookup(tensor);
  }
  auto einsum = dyn_cast<EinsumOp>(op);
  if (!einsum || einsum.hasRank(iterate.getParentAttr()))
    return {};
  // Origins stay with the runs.
  bool readsOrigin = false;
  einsum.walk([&](IndexOp index) {
    readsOrigin |= cascade.getSpace().getOrigin(index.getRankAttr()) != nullptr;
  });
  if (readsOrigin)
    return {};
  for (Value operand : einsum->getOperands()) {
    Value value = getOuter(operand);
    if (!value)
      return {};
    outer.map(operand, value);
  }
  return cloneEinsum(inner, einsum, outer, /*always=*/false);
}

/// The cascade that reads `runs`, or null.
CascadeOp StreamSplitter::writeMerge(CascadeOp runs) {
  Location loc = cascade.getLoc();
  SmallVector<Value> inputs(cascade.getInputs());
  llvm::append_range(inputs, runs.getResults());
  auto merge = CascadeOp::create(builder, loc, cascade.getResultTypes(), inputs,
                                 CascadeSpace(), MappingAttr());
  // A few numbers for each row: no loops over tiles.
  merge->setDiscardableAttr(kFormAttrName, builder.getStringAttr("unfused"));
  Block *block =
      inner.createBlock(&merge.getBody(), {}, TypeRange(ValueRange(inputs)),
                        SmallVector<Location>(inputs.size(), loc));
  unsigned numInputs = cascade.getInputs().size();
  Block &body = cascade.getBody().front();
  outer.map(body.getArguments(), block->getArguments().take_front(numInputs));
  auto parts = block->getArguments().drop_front(numInputs);
  merged.map(iterate.getBody().getArguments(), parts);
  withSplit.insert_range(parts);
  totals.resize(carried.size());
  inProgress.resize(carried.size());
  SmallVector<Value> results;
  for (Value result : cascade.getYielded()) {
    results.push_back(getOuter(result));
    if (!results.back()) {
      merge.erase();
      return {};
    }
  }
  YieldOp::create(inner, loc, results);
  return CascadeEmitter::dropUnused(merge);
}

std::optional<std::string> StreamSplitter::run() {
  if (!findCarried())
    return "a step does not combine each carried value with a reduction of its "
           "own points";
  nameSplits();
  CascadeOp runs = writeRuns();
  CascadeOp merge = writeMerge(runs);
  if (!merge) {
    runs.erase();
    return "what the runs carry cannot be merged without the points of their "
           "steps";
  }
  cascade->replaceAllUsesWith(merge->getResults());
  cascade.erase();
  return std::nullopt;
}

std::optional<std::string> attn::splitStream(CascadeOp cascade,
                                             int64_t points) {
  auto loops = cascade.getBody().getOps<IterateOp>();
  return StreamSplitter(cascade, *loops.begin(), points).run();
}
