//===- CascadeSiblings.cpp - Cascades that share a pass -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Two attentions whose results are added, over the same keys and with the same
// sparsity, can walk the keys once. They have the same streaming rank where a
// tensor that both read says so: names alone say nothing, and two dynamic
// extents need not agree.
//
//===----------------------------------------------------------------------===//

#include "CascadeSiblings.h"
#include "CascadeReshapes.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Analysis/Streaming.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
/// Writes the cascade that does what both do.
class SiblingMerger {
public:
  SiblingMerger(CascadeOp producer, CascadeOp reader)
      : producer(producer), reader(reader), builder(reader.getContext()) {}

  bool run();

private:
  bool bind(StringAttr from, StringAttr to);
  bool bindLinks();
  void bindSharedInputs();
  void nameTheRest();
  bool haveSameSpace();
  bool readsLinksAfterPass(StringAttr streamed);
  bool mayMove();
  void create();

  CascadeOp producer, reader;
  OpBuilder builder;
  /// The reader's names of the producer's ranks.
  RankNames names;
  llvm::SmallDenseSet<StringAttr> taken;
};
} // namespace

/// Makes a rank of the producer the rank `to` of the reader; no two become one.
bool SiblingMerger::bind(StringAttr from, StringAttr to) {
  auto [it, isNew] = names.try_emplace(from, to);
  if (!isNew)
    return it->second == to;
  if (taken.insert(to).second)
    return true;
  names.erase(from);
  return false;
}

/// The ranks of the producer's results, as the reader indexes them, always in
/// the same way.
bool SiblingMerger::bindLinks() {
  return forEachLinkRank(producer, reader,
                         [&](StringAttr produced, StringAttr read) {
                           return bind(produced, read);
                         });
}

/// A dimension of a tensor that both read has one extent: the ranks that index
/// it may be one.
void SiblingMerger::bindSharedInputs() {
  auto getRanks = [](CascadeOp cascade, unsigned input) {
    std::optional<SmallVector<StringAttr>> ranks;
    Value argument = cascade.getBody().getArgument(input);
    for (Operation *user : argument.getUsers())
      if (auto einsum = dyn_cast<EinsumOp>(user))
        for (unsigned index = 0; index < einsum.getInputs().size(); ++index)
          if (!ranks && einsum.getInputs()[index] == argument)
            ranks = getPlainRanks(einsum.getAccess(index));
    return ranks;
  };
  for (auto [i, input] : llvm::enumerate(producer.getInputs()))
    for (auto [j, other] : llvm::enumerate(reader.getInputs())) {
      if (input != other)
        continue;
      auto from = getRanks(producer, i), to = getRanks(reader, j);
      if (from && to)
        for (auto [a, b] : llvm::zip_equal(*from, *to))
          bind(a, b);
    }
}

/// Fresh names for the ranks that are the producer's own.
void SiblingMerger::nameTheRest() {
  llvm::SmallDenseSet<StringAttr> used = taken;
  reader.getBody().walk(
      [&](EinsumOp einsum) { used.insert_range(einsum.getRankNames()); });
  producer.getBody().walk([&](EinsumOp einsum) {
    for (StringAttr rank : einsum.getRankNames()) {
      if (names.contains(rank))
        continue;
      StringAttr fresh = rank;
      for (unsigned i = 2; used.contains(fresh); ++i)
        fresh = builder.getStringAttr(rank.getValue() + "_" + Twine(i));
      used.insert(fresh);
      names[rank] = fresh;
    }
  });
}

bool SiblingMerger::haveSameSpace() {
  auto getInput = [&](int64_t input) -> int64_t {
    auto inputs = reader.getInputs();
    auto found = llvm::find(inputs, producer.getInputs()[input]);
    return found == inputs.end() ? -1 : std::distance(inputs.begin(), found);
  };
  // A rank that nothing binds is the producer's own, whatever its name.
  bool isBound = true;
  auto getName = [&](StringAttr rank) {
    StringAttr name = names.lookup(rank);
    isBound &= static_cast<bool>(name);
    return name ? name : rank;
  };
  CascadeSpace space = producer.getSpace().map(getInput, getName);
  return isBound && space.isSameAs(reader.getSpace());
}

/// Whether nothing that depends on the producer's results is computed in the
/// pass: it would wait for a whole pass of the producer.
bool SiblingMerger::readsLinksAfterPass(StringAttr streamed) {
  llvm::SmallDenseSet<Value> later;
  for (auto [input, argument] :
       llvm::zip_equal(reader.getInputs(), reader.getBody().getArguments()))
    if (input.getDefiningOp() == producer)
      later.insert(argument);
  for (auto einsum : reader.getBody().getOps<EinsumOp>()) {
    if (llvm::none_of(einsum.getInputs(),
                      [&](Value input) { return later.contains(input); }))
      continue;
    if (einsum.hasRank(streamed))
      return false;
    later.insert(einsum.getResult());
  }
  return true;
}

/// Whether the producer can move to the reader's place.
bool SiblingMerger::mayMove() {
  return llvm::all_of(producer->getUsers(), [&](Operation *user) {
    return user == reader || (user->getBlock() == reader->getBlock() &&
                              reader->isBeforeInBlock(user));
  });
}

void SiblingMerger::create() {
  SmallVector<Value> inputs;
  auto add = [&](Value input) {
    auto *found = llvm::find(inputs, input);
    if (found == inputs.end())
      found = &inputs.emplace_back(input);
    return std::distance(inputs.begin(), found);
  };
  SmallVector<int64_t> ofReader, ofProducer;
  for (Value input : reader.getInputs())
    ofReader.push_back(input.getDefiningOp() == producer ? -1 : add(input));
  for (Value input : producer.getInputs())
    ofProducer.push_back(add(input));

  SmallVector<Type> types(reader.getResultTypes());
  SmallVector<unsigned> others = getResultsReadElsewhere(producer, reader);
  for (unsigned other : others)
    types.push_back(producer.getResult(other).getType());
  CascadeSpace space =
      reader.getSpace().map([&](int64_t input) { return ofReader[input]; },
                            [](StringAttr rank) { return rank; });
  builder.setInsertionPoint(reader);
  auto merged = CascadeOp::create(builder, reader.getLoc(), types, inputs,
                                  space, MappingAttr());
  merged->setDiscardableAttrs(reader->getDiscardableAttrDictionary());
  Block *body = builder.createBlock(
      &merged.getBody(), {}, TypeRange(ValueRange(inputs)),
      SmallVector<Location>(inputs.size(), reader.getLoc()));
  IRMapping tensors;
  auto mapInputs = [&](CascadeOp cascade, ArrayRef<int64_t> moved) {
    for (auto [argument, position] :
         llvm::zip_equal(cascade.getBody().getArguments(), moved)) {
      if (position < 0)
        continue;
      // What people call it.
      body->getArgument(position).setLoc(argument.getLoc());
      tensors.map(argument, body->getArgument(position));
    }
  };
  mapInputs(producer, ofProducer);
  cloneBody(builder, producer, tensors, names);
  mapLinks(producer, reader, tensors);
  mapInputs(reader, ofReader);
  cloneBody(builder, reader, tensors, RankNames());
  replaceByMerged(builder, merged, reader, producer, others, tensors);
}

bool attn::forEachLinkRank(
    CascadeOp producer, CascadeOp reader,
    llvm::function_ref<bool(StringAttr produced, StringAttr read)> visit) {
  for (auto [input, argument] :
       llvm::zip_equal(reader.getInputs(), reader.getBody().getArguments())) {
    if (input.getDefiningOp() != producer)
      continue;
    unsigned result = cast<OpResult>(input).getResultNumber();
    auto last = producer.getYielded()[result].getDefiningOp<EinsumOp>();
    if (!last)
      return false;
    SmallVector<StringAttr> produced = last.getOutputRanks();
    for (OpOperand &use : argument.getUses()) {
      auto einsum = dyn_cast<EinsumOp>(use.getOwner());
      if (!einsum || use.getOperandNumber() >= einsum.getInputs().size())
        return false;
      std::optional<SmallVector<StringAttr>> read =
          getPlainRanks(einsum.getAccess(use.getOperandNumber()));
      if (!read)
        return false;
      for (auto [from, to] : llvm::zip_equal(produced, *read))
        if (!visit(from, to))
          return false;
    }
  }
  return true;
}

void attn::mapLinks(CascadeOp producer, CascadeOp reader, IRMapping &tensors) {
  for (auto [input, argument] :
       llvm::zip_equal(reader.getInputs(), reader.getBody().getArguments()))
    if (input.getDefiningOp() == producer)
      tensors.map(
          argument,
          tensors.lookup(
              producer.getYielded()[cast<OpResult>(input).getResultNumber()]));
}

SmallVector<unsigned> attn::getResultsReadElsewhere(CascadeOp producer,
                                                    CascadeOp reader) {
  SmallVector<unsigned> results;
  for (OpResult result : producer.getResults())
    if (llvm::any_of(result.getUsers(),
                     [&](Operation *user) { return user != reader; }))
      results.push_back(result.getResultNumber());
  return results;
}

void attn::replaceByMerged(OpBuilder &builder, CascadeOp merged,
                           CascadeOp reader, CascadeOp producer,
                           ArrayRef<unsigned> others, IRMapping &tensors) {
  SmallVector<Value> results;
  for (Value value : reader.getYielded())
    results.push_back(tensors.lookup(value));
  for (unsigned other : others)
    results.push_back(tensors.lookup(producer.getYielded()[other]));
  YieldOp::create(builder, reader.getLoc(), results);

  unsigned numResults = reader->getNumResults();
  for (auto [index, value] : llvm::enumerate(reader.getResults()))
    value.replaceAllUsesWith(merged.getResult(index));
  for (auto [index, other] : llvm::enumerate(others))
    producer.getResult(other).replaceAllUsesWith(
        merged.getResult(numResults + index));
  reader.erase();
  producer.erase();
}

bool SiblingMerger::run() {
  if (!isPlain(producer) || !isPlain(reader) || !mayMove() || !bindLinks())
    return false;
  bindSharedInputs();
  StringAttr mine = StreamingAnalysis::findRank(producer);
  StringAttr streamed = StreamingAnalysis::findRank(reader);
  if (!mine || !streamed || names.lookup(mine) != streamed ||
      !readsLinksAfterPass(streamed) || !haveSameSpace())
    return false;
  nameTheRest();
  create();
  return true;
}

bool attn::mergeSiblings(CascadeOp producer, CascadeOp reader) {
  return SiblingMerger(producer, reader).run();
}
