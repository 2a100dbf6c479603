//===- MergeCascades.cpp - Inline cascades into their readers ---*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CascadeReshapes.h"
#include "CascadeSiblings.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Analysis/CostModel.h"
#include "attn/Analysis/Streaming.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Transforms/Passes.h"
#include "attn/Transforms/Transforms.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::attn {
#define GEN_PASS_DEF_MERGECASCADES
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// Whether the cascade removes points from its space.
static bool restrictsSpace(CascadeOp cascade) {
  return cascade.getSpace().restricts();
}

//===----------------------------------------------------------------------===//
// Merging
//===----------------------------------------------------------------------===//

namespace {
/// Writes the cascade that does what `producer` and `reader` do.
class CascadeMerger {
public:
  CascadeMerger(CascadeOp producer, CascadeOp reader, unsigned result)
      : producer(producer), reader(reader), result(result),
        builder(reader.getContext()) {}

  bool isPrologue();
  bool isEpilogue();
  bool inlinePrologue();
  void inlineEpilogue();

private:
  using Tuple = SmallVector<StringAttr>;

  Value getLink() { return producer.getResult(result); }
  bool isLink(Value argument);
  bool isMatrixOperand();
  bool keepsOrigins(CascadeOp from, CascadeOp to, ArrayRef<EinsumOp> moved,
                    const RankNames &names);
  /// Every way in which the reader indexes the link; null where an access has
  /// an expression that is more than a rank.
  SmallVector<std::optional<Tuple>> getLinkTuples();
  CascadeOp create(CascadeOp attributes, ArrayRef<Type> results,
                   ArrayRef<Value> inputs, const RankNames &names,
                   ArrayRef<int64_t> moved);
  RankNames getNames(CascadeOp cascade, ArrayRef<StringAttr> from,
                     ArrayRef<StringAttr> to, const RankNames &taken);
  bool bindLinks();

  /// The reader's ranks that index results of the producer, and the producer's
  /// ranks that they are.
  SmallVector<StringAttr> readRanks, producedRanks;
  CascadeOp producer, reader;
  unsigned result;
  OpBuilder builder;
};
} // namespace

bool CascadeMerger::isLink(Value argument) {
  auto input = dyn_cast<BlockArgument>(argument);
  return input && input.getOwner() == &reader.getBody().front() &&
         reader.getInputs()[input.getArgNumber()] == getLink();
}

SmallVector<std::optional<CascadeMerger::Tuple>>
CascadeMerger::getLinkTuples() {
  SmallVector<std::optional<Tuple>> tuples;
  reader.getBody().walk([&](EinsumOp einsum) {
    for (unsigned i = 0; i < einsum.getInputs().size(); ++i) {
      EinsumAccess access = einsum.getAccess(i);
      if (!isLink(access.tensor))
        continue;
      std::optional<Tuple> tuple = getPlainRanks(access);
      // A rank may stand for one dimension only.
      if (tuple && llvm::SmallDenseSet<StringAttr>(tuple->begin(), tuple->end())
                           .size() != tuple->size())
        tuple.reset();
      if (!llvm::is_contained(tuples, tuple))
        tuples.push_back(tuple);
    }
  });
  return tuples;
}

/// Names for the ranks of `cascade`: those of `from` become `to`, all others
/// are kept where they are free and made fresh where `taken` has them.
RankNames CascadeMerger::getNames(CascadeOp cascade, ArrayRef<StringAttr> from,
                                  ArrayRef<StringAttr> to,
                                  const RankNames &taken) {
  RankNames names;
  llvm::SmallDenseSet<StringAttr> used;
  for (auto [rank, name] : taken)
    used.insert(rank);
  for (auto [rank, name] : llvm::zip_equal(from, to))
    names[rank] = name;
  cascade.getBody().walk([&](EinsumOp einsum) {
    for (StringAttr rank : einsum.getRankNames()) {
      if (names.contains(rank))
        continue;
      std::string name = rank.getValue().str();
      StringAttr fresh = rank;
      for (unsigned i = 2; used.contains(fresh); ++i)
        fresh = builder.getStringAttr(name + "_" + Twine(i));
      used.insert(fresh);
      names[rank] = fresh;
    }
  });
  return names;
}

/// The ranks of a cascade, each naming itself.
static RankNames getRanks(CascadeOp cascade) {
  RankNames ranks;
  cascade.getBody().walk([&](EinsumOp einsum) {
    for (StringAttr rank : einsum.getRankNames())
      ranks[rank] = rank;
  });
  for (auto [rank, extent] : cascade.getRankExtents())
    ranks[rank] = rank;
  return ranks;
}

/// The einsums that `value` needs, first to last.
static SmallVector<EinsumOp> getSlice(Value value) {
  llvm::SetVector<EinsumOp> slice;
  SmallVector<Value> worklist{value};
  llvm::SmallDenseSet<Operation *> visited;
  while (!worklist.empty()) {
    auto einsum = worklist.pop_back_val().getDefiningOp<EinsumOp>();
    if (!einsum || !visited.insert(einsum).second)
      continue;
    slice.insert(einsum);
    llvm::append_range(worklist, einsum.getInputs());
  }
  SmallVector<EinsumOp> sorted(slice.begin(), slice.end());
  llvm::sort(sorted,
             [](EinsumOp a, EinsumOp b) { return a->isBeforeInBlock(b); });
  return sorted;
}

/// Whether an einsum, its ranks renamed, has both ranks of the space.
static bool isInSpace(EinsumOp einsum, const RankNames &names,
                      CascadeOp space) {
  if (!restrictsSpace(space))
    return false;
  auto has = [&](StringAttr rank) {
    return llvm::any_of(einsum.getRankNames(), [&](StringAttr name) {
      StringAttr renamed = names.lookup(name);
      return (renamed ? renamed : name) == rank;
    });
  };
  return has(space.getQueryRankAttr()) && has(space.getKeyRankAttr());
}

/// Whether indices of the moved einsums, their ranks renamed, count from the
/// same origins in the cascade that they go to.
bool CascadeMerger::keepsOrigins(CascadeOp from, CascadeOp to,
                                 ArrayRef<EinsumOp> moved,
                                 const RankNames &names) {
  auto rename = [&](StringAttr rank) {
    StringAttr renamed = names.lookup(rank);
    return renamed ? renamed : rank;
  };
  CascadeSpace old = from.getSpace(), space = to.getSpace();
  auto isSame = [&](StringAttr rank) {
    AccessAttr a = old.getOrigin(rank), b = space.getOrigin(rename(rank));
    if (!a || !b)
      return !a && !b;
    return from.getInputs()[a.getInput()] == to.getInputs()[b.getInput()] &&
           llvm::equal(llvm::map_range(a.getRanks(), rename), b.getRanks());
  };
  for (EinsumOp einsum : moved)
    for (IndexOp index : einsum.getBody().getOps<IndexOp>())
      if (!isSame(index.getRankAttr()))
        return false;
  return true;
}

/// Whether the reader multiplies the link, which is of 16 bits, for more than a
/// few queries. A tensor of its own is what matrix units take: in the loads of
/// the reader it would be computed again, in the compute type, for every tile.
bool CascadeMerger::isMatrixOperand() {
  Type element = getElementTypeOrSelf(getLink().getType());
  auto last = producer.getYielded()[result].getDefiningOp<EinsumOp>();
  if ((!element.isBF16() && !element.isF16()) || !last || last.isIdentityMap())
    return false;
  StringAttr stream = StreamingAnalysis::findRank(reader);
  if (!stream)
    return false;
  int64_t queries =
      reader.getRankExtents().lookup(assignRankRoles(reader, stream).lanes);
  if (queries > 0 && queries <= kFewQueries)
    return false;
  for (auto [index, input] : llvm::enumerate(reader.getInputs()))
    if (input == getLink())
      for (Operation *user : reader.getBody().getArgument(index).getUsers())
        if (auto einsum = dyn_cast<EinsumOp>(user);
            einsum && einsum.getReduction() == ReductionKind::Add &&
            isa_and_nonnull<arith::MulFOp>(einsum.getSingleMapOp()))
          return true;
  return false;
}

bool CascadeMerger::isPrologue() {
  if (restrictsSpace(producer) || !isPlain(producer) || !isPlain(reader) ||
      isMatrixOperand())
    return false;
  Value yielded = producer.getYielded()[result];
  auto last = yielded.getDefiningOp<EinsumOp>();
  if (!last)
    return false;
  // A reader that names the link other than in einsums would keep it alive.
  for (auto [index, input] : llvm::enumerate(reader.getInputs())) {
    if (input != getLink())
      continue;
    for (AccessAttr access : reader.getSpace().getAccesses())
      if (access.getInput() == static_cast<int64_t>(index))
        return false;
    for (Operation *user : reader.getBody().getArgument(index).getUsers())
      if (!isa<EinsumOp>(user))
        return false;
  }
  // Repeating a contraction for every tile costs more than it saves.
  SmallVector<StringAttr> outputs = last.getOutputRanks();
  SmallVector<EinsumOp> slice = getSlice(yielded);
  for (EinsumOp einsum : slice)
    for (StringAttr rank : einsum.getReduced())
      if (!llvm::is_contained(outputs, rank))
        return false;
  RankNames taken = getRanks(reader);
  for (const std::optional<Tuple> &tuple : getLinkTuples()) {
    RankNames names = tuple ? getNames(producer, outputs, *tuple, taken)
                            : getNames(producer, ArrayRef<StringAttr>(),
                                       ArrayRef<StringAttr>(), taken);
    if (!keepsOrigins(producer, reader, slice, names))
      return false;
    if (!tuple)
      continue;
    for (EinsumOp einsum : slice)
      if (isInSpace(einsum, names, reader))
        return false;
  }
  return true;
}

/// The reader may read more than one result, all in one way: a rank of one
/// cascade is one rank of the other.
bool CascadeMerger::bindLinks() {
  return forEachLinkRank(
      producer, reader, [&](StringAttr produced, StringAttr read) {
        auto *ofRead = llvm::find(readRanks, read);
        auto *ofProduced = llvm::find(producedRanks, produced);
        if (ofRead - readRanks.begin() != ofProduced - producedRanks.begin())
          return false;
        if (ofRead == readRanks.end()) {
          readRanks.push_back(read);
          producedRanks.push_back(produced);
        }
        return true;
      });
}

bool CascadeMerger::isEpilogue() {
  if (restrictsSpace(reader) || !isPlain(producer) || !isPlain(reader))
    return false;
  for (Operation *user : getLink().getUsers())
    if (user != reader)
      return false;
  if (!bindLinks())
    return false;
  RankNames names =
      getNames(reader, readRanks, producedRanks, getRanks(producer));
  SmallVector<EinsumOp> moved(reader.getBody().front().getOps<EinsumOp>());
  for (EinsumOp einsum : moved)
    if (einsum.getReduction() || isInSpace(einsum, names, producer))
      return false;
  // What names an input of the reader by its number would not come along, and
  // has no effect but through indices.
  if (!keepsOrigins(reader, producer, moved, names))
    return false;
  for (Value value : reader.getYielded())
    if (!value.getDefiningOp<EinsumOp>())
      return false;
  // The producer moves to its reader: nobody may need it before, but for
  // reshapes that can move along.
  for (Operation *user : producer->getUsers()) {
    if (user->getBlock() != reader->getBlock())
      return false;
    if (!user->isBeforeInBlock(reader))
      continue;
    if (!isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(user))
      return false;
    for (Operation *next : user->getUsers())
      if (next->getBlock() != reader->getBlock() || next == reader ||
          next->isBeforeInBlock(reader))
        return false;
  }
  return true;
}

/// A cascade at the reader's place with the space of `attributes`. `moved`
/// tells where each input of that cascade went.
CascadeOp CascadeMerger::create(CascadeOp attributes, ArrayRef<Type> results,
                                ArrayRef<Value> inputs, const RankNames &names,
                                ArrayRef<int64_t> moved) {
  CascadeSpace space =
      attributes.getSpace().map([&](int64_t input) { return moved[input]; },
                                [](StringAttr rank) { return rank; });
  builder.setInsertionPoint(reader);
  auto created = CascadeOp::create(builder, reader.getLoc(), results, inputs,
                                   space, MappingAttr());
  created->setDiscardableAttrs(reader->getDiscardableAttrDictionary());
  builder.createBlock(&created.getBody(), {}, TypeRange(ValueRange(inputs)),
                      SmallVector<Location>(inputs.size(), reader.getLoc()));
  return created;
}

/// Fails where the reader's access to the link alone said how long a rank is.
bool CascadeMerger::inlinePrologue() {
  // The reader's inputs without the link, then the producer's.
  SmallVector<Value> inputs;
  SmallVector<int64_t> moved;
  for (Value input : reader.getInputs()) {
    moved.push_back(inputs.size());
    if (input != getLink())
      inputs.push_back(input);
  }
  unsigned firstOfProducer = inputs.size();
  llvm::append_range(inputs, producer.getInputs());
  RankNames taken = getRanks(reader);
  CascadeOp created = create(reader, SmallVector<Type>(reader.getResultTypes()),
                             inputs, taken, moved);
  Block *body = &created.getBody().front();

  // One copy of the producer for every way in which the reader indexes it.
  Value yielded = producer.getYielded()[result];
  SmallVector<EinsumOp> slice = getSlice(yielded);
  SmallVector<StringAttr> outputs =
      yielded.getDefiningOp<EinsumOp>().getOutputRanks();
  SmallVector<std::optional<Tuple>> tuples = getLinkTuples();
  SmallVector<Value> copies;
  for (const std::optional<Tuple> &tuple : tuples) {
    RankNames names = tuple ? getNames(producer, outputs, *tuple, taken)
                            : getNames(producer, ArrayRef<StringAttr>(),
                                       ArrayRef<StringAttr>(), taken);
    for (auto [rank, name] : names)
      taken[name] = name;
    IRMapping tensors;
    for (auto [index, argument] :
         llvm::enumerate(producer.getBody().getArguments()))
      tensors.map(argument, body->getArgument(firstOfProducer + index));
    for (EinsumOp einsum : slice)
      tensors.map(einsum.getResult(),
                  cloneEinsum(builder, einsum, tensors, names).getResult());
    copies.push_back(tensors.lookup(yielded));
  }

  IRMapping tensors;
  for (auto [index, argument] :
       llvm::enumerate(reader.getBody().getArguments()))
    if (!isLink(argument))
      tensors.map(argument, body->getArgument(moved[index]));
  for (Operation &op : reader.getBody().front().without_terminator()) {
    auto einsum = dyn_cast<EinsumOp>(op);
    if (!einsum) {
      builder.clone(op, tensors);
      continue;
    }
    SmallVector<EinsumAccess> accesses;
    for (unsigned i = 0; i < einsum.getInputs().size(); ++i) {
      EinsumAccess access = einsum.getAccess(i);
      if (isLink(access.tensor)) {
        std::optional<Tuple> tuple = getPlainRanks(access);
        auto *found = llvm::find(tuples, tuple);
        if (found == tuples.end())
          found = llvm::find(tuples, std::nullopt);
        access.tensor = copies[found - tuples.begin()];
      } else {
        access.tensor = tensors.lookup(access.tensor);
      }
      accesses.push_back(access);
    }
    auto copy = EinsumOp::create(
        builder, einsum.getLoc(), Type(einsum.getOutputType()),
        einsum.getOutputRanks(), accesses, einsum.getEinsumReduction(),
        [&](OpBuilder &builder, Location loc, ValueRange args) {
          return cloneExpression(builder, einsum.getMapResult(),
                                 einsum.getMap(), args);
        });
    copyNotes(einsum, copy);
    tensors.map(einsum.getResult(), copy.getResult());
  }
  SmallVector<Value> results;
  for (Value value : reader.getYielded())
    results.push_back(tensors.lookup(value));
  YieldOp::create(builder, reader.getLoc(), results);
  if (!StatedExtents(reader).areKept(created,
                                     [](StringAttr rank) { return rank; })) {
    created.erase();
    return false;
  }
  reader->replaceAllUsesWith(created.getResults());
  reader.erase();
  if (producer->use_empty())
    producer.erase();
  return true;
}

void CascadeMerger::inlineEpilogue() {
  SmallVector<Value> inputs(producer.getInputs());
  SmallVector<int64_t> moved =
      llvm::to_vector(llvm::seq<int64_t>(0, inputs.size()));
  SmallVector<int64_t> movedReader;
  for (Value input : reader.getInputs()) {
    movedReader.push_back(inputs.size());
    if (input.getDefiningOp() != producer)
      inputs.push_back(input);
  }
  // The reader's results, then what else of the producer is used.
  SmallVector<Type> types(reader.getResultTypes());
  SmallVector<unsigned> others = getResultsReadElsewhere(producer, reader);
  for (unsigned other : others)
    types.push_back(producer.getResult(other).getType());
  RankNames ranks = getRanks(producer);
  RankNames names = getNames(reader, readRanks, producedRanks, ranks);
  CascadeOp created = create(producer, types, inputs, ranks, moved);
  Block *body = &created.getBody().front();
  IRMapping tensors;
  for (auto [index, argument] :
       llvm::enumerate(producer.getBody().getArguments()))
    tensors.map(argument, body->getArgument(index));
  cloneBody(builder, producer, tensors, RankNames());
  for (auto [input, argument, position] : llvm::zip_equal(
           reader.getInputs(), reader.getBody().getArguments(), movedReader))
    if (input.getDefiningOp() != producer)
      tensors.map(argument, body->getArgument(position));
  mapLinks(producer, reader, tensors);
  cloneBody(builder, reader, tensors, names);
  replaceByMerged(builder, created, reader, producer, others, tensors);
  for (Operation *user : llvm::make_early_inc_range(created->getUsers()))
    if (user->isBeforeInBlock(created))
      user->moveAfter(created);
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {
/// Merges the cascades inside an operation.
class CascadesMerger {
public:
  explicit CascadesMerger(Operation *root) : root(root) {}

  MergedCascades run() {
    // Every merge removes a reader or a producer, so this ends.
    while (mergeOne()) {
    }
    return counts;
  }

private:
  /// Erases reshapes and extents that nobody reads any more: they would count
  /// as readers of what they are made from.
  void eraseDeadOps() {
    SmallVector<Operation *> ops;
    root->walk([&](Operation *op) {
      if (isa<tensor::TensorDialect, arith::ArithDialect>(op->getDialect()) &&
          !op->getParentOfType<CascadeOp>())
        ops.push_back(op);
    });
    for (Operation *op : llvm::reverse(ops))
      if (isOpTriviallyDead(op))
        op->erase();
  }

  /// Takes a tensor in the place of what was joined and is split again in the
  /// same way, as heads are between operators: a link shows through one
  /// reshape.
  void foldReshapes() {
    root->walk([](tensor::ExpandShapeOp expand) {
      auto collapse = expand.getSrc().getDefiningOp<tensor::CollapseShapeOp>();
      if (!collapse || collapse.getSrcType() != expand.getResultType() ||
          collapse.getReassociation() != expand.getReassociation())
        return;
      // Two extents that are not known might be split in another place.
      RankedTensorType type = collapse.getSrcType();
      for (ArrayRef<int64_t> group : expand.getReassociationIndices())
        if (llvm::count_if(
                group, [&](int64_t dim) { return type.isDynamicDim(dim); }) > 1)
          return;
      expand.getResult().replaceAllUsesWith(collapse.getSrc());
    });
  }

  bool mergeOne() {
    root->walk([](CascadeOp cascade) { forwardDimensions(cascade); });
    foldReshapes();
    eraseDeadOps();
    SmallVector<CascadeOp> cascades;
    root->walk([&](CascadeOp cascade) { cascades.push_back(cascade); });
    for (CascadeOp reader : cascades)
      for (OpOperand &operand : reader.getInputsMutable())
        if (tryMerge(operand))
          return true;
    return false;
  }

  /// Looks through a reshape at the cascade that an operand comes from.
  static OpResult getLink(Value value) {
    Operation *op = value.getDefiningOp();
    if (isa_and_nonnull<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op)) {
      if (!value.hasOneUse())
        return {};
      value = op->getOperand(0);
    }
    auto result = dyn_cast<OpResult>(value);
    if (!result || !isa<CascadeOp>(result.getOwner()))
      return {};
    return result;
  }

  bool tryMerge(OpOperand &operand) {
    auto reader = cast<CascadeOp>(operand.getOwner());
    OpResult link = getLink(operand.get());
    if (!link || link.getOwner()->getBlock() != reader->getBlock())
      return false;
    // Only the reader may read it, or the reshape: where both do, what is
    // moved out of the way of one read would stand in that of the other.
    Operation *between = operand.get().getDefiningOp();
    Operation *user = between == link.getOwner() ? reader : between;
    if (!llvm::all_of(link.getUsers(),
                      [&](Operation *other) { return other == user; }))
      return false;
    if (between != link.getOwner())
      return removeReshape(operand);
    CascadeMerger merger(cast<CascadeOp>(link.getOwner()), reader,
                         link.getResultNumber());
    if (merger.isPrologue() && merger.inlinePrologue()) {
      ++counts.prologues;
      return true;
    }
    if (merger.isEpilogue()) {
      merger.inlineEpilogue();
      ++counts.epilogues;
      return true;
    }
    if (mergeSiblings(cast<CascadeOp>(link.getOwner()), reader)) {
      ++counts.siblings;
      return true;
    }
    return false;
  }

  Operation *root;
  MergedCascades counts;
};
} // namespace

MergedCascades attn::mergeCascades(Operation *root) {
  return CascadesMerger(root).run();
}

namespace {
struct MergeCascades : attn::impl::MergeCascadesBase<MergeCascades> {
  void runOnOperation() override {
    MergedCascades counts = mergeCascades(getOperation());
    numPrologues += counts.prologues;
    numEpilogues += counts.epilogues;
    numSiblings += counts.siblings;
  }
};
} // namespace
