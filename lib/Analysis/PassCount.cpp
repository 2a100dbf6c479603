//===- PassCount.cpp - The passes a cascade makes over a rank -------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/PassCount.h"
#include "attn/Analysis/CascadeUtils.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// The cascade as a list
//===----------------------------------------------------------------------===//

void PassCount::addEinsum(EinsumOp einsum, Nodes &nodes) const {
  Node node;
  node.op = einsum;
  node.results.push_back(einsum.getResult());
  node.keeps = llvm::is_contained(einsum.getOutputRanks(), rank);
  node.runs = node.keeps || llvm::is_contained(einsum.getReduced(), rank);
  for (unsigned index = 0; index < einsum.getInputs().size(); ++index) {
    EinsumAccess access = einsum.getAccess(index);
    Read read{access.tensor, einsum.inputUsesRank(index, rank), false};
    // An element of an intermediate is there in the pass that makes it only at
    // the point where it is made.
    if (auto producer = access.tensor.getDefiningOp<EinsumOp>())
      for (auto [name, expr] :
           llvm::zip(producer.getOutputRanks(), access.map.getResults())) {
        auto dim = dyn_cast<AffineDimExpr>(expr);
        read.whole |=
            name == rank && (!dim || access.ranks[dim.getPosition()] != rank);
      }
    node.reads.push_back(read);
  }
  // An index tensor is read like an operand, but nothing of an intermediate one
  // says at which points.
  for (unsigned index = 0; index < einsum.getIndices().size(); ++index) {
    EinsumAccess access = einsum.getIndexAccess(index);
    bool along = llvm::is_contained(getAccessRanks(access), rank);
    node.reads.push_back({access.tensor, along, /*whole=*/false});
    auto producer = access.tensor.getDefiningOp<EinsumOp>();
    std::optional<SmallVector<StringAttr>> plain = getPlainRanks(access);
    if (producer && llvm::is_contained(producer.getOutputRanks(), rank))
      node.reads.back().whole = !plain || *plain != producer.getOutputRanks();
  }
  nodes.push_back(std::move(node));
}

/// Adds an iteration over the rank: whatever its body does with the points of a
/// step, it visits every element once.
void PassCount::addIteration(IterateOp iterate, Nodes &nodes) const {
  Node node;
  node.op = iterate;
  node.runs = true;
  llvm::append_range(node.results, iterate.getResults());
  for (Value init : iterate.getInits())
    node.reads.push_back({init, false, false});
  iterate.getBody().walk([&](EinsumOp einsum) {
    for (auto [index, input] : llvm::enumerate(einsum.getInputs())) {
      if (!input.getParentRegion()->isProperAncestor(&iterate.getBody()))
        continue;
      bool along = einsum.inputUsesRank(index, rank) ||
                   einsum.inputUsesRank(index, iterate.getRankAttr()) ||
                   einsum.inputUsesRank(index, iterate.getPointAttr());
      node.reads.push_back({input, along, false});
    }
    for (Value tensor : einsum.getIndices())
      if (tensor.getParentRegion()->isProperAncestor(&iterate.getBody()))
        node.reads.push_back({tensor, /*along=*/true, /*whole=*/false});
  });
  nodes.push_back(std::move(node));
}

void PassCount::flatten(Block &block, Nodes &nodes) {
  for (Operation &op : block.without_terminator()) {
    if (auto einsum = dyn_cast<EinsumOp>(op)) {
      addEinsum(einsum, nodes);
      continue;
    }
    auto iterate = dyn_cast<IterateOp>(op);
    if (!iterate)
      continue;
    if (iterate.getParentAttr() == rank) {
      addIteration(iterate, nodes);
      continue;
    }
    Block &body = iterate.getBody().front();
    if (iterate.getPointAttr() == rank) {
      // The points of a step are fibers of their own.
      stepOf = iterate;
      Nodes step;
      flatten(body, step);
      scopes.push_back(std::move(step));
      continue;
    }
    auto rename = [&](ValueRange from, ValueRange to) {
      for (auto [source, target] : llvm::zip_equal(from, to)) {
        Node node;
        node.op = iterate;
        node.reads.push_back({source, false, false});
        node.results.push_back(target);
        nodes.push_back(std::move(node));
      }
    };
    rename(iterate.getInits(), body.getArguments());
    flatten(body, nodes);
    rename(iterate.getYielded(), iterate.getResults());
  }
}

//===----------------------------------------------------------------------===//
// Numbering
//===----------------------------------------------------------------------===//

void PassCount::number(const Nodes &nodes) {
  // The number of passes that must be over before a value can be read: an
  // element of a tensor along the rank is there while its pass runs, a
  // reduction of the rank only after it.
  llvm::DenseMap<Value, int64_t> completed;
  llvm::DenseMap<Value, Operation *> completedBy;
  llvm::DenseMap<Value, int64_t> madeIn;
  for (const Node &node : nodes) {
    int64_t before = 0;
    Cause cause;
    for (const Read &read : node.reads) {
      int64_t needed = completed.lookup(read.tensor);
      Operation *by = completedBy.lookup(read.tensor);
      if (read.whole && madeIn.lookup(read.tensor) > needed) {
        needed = madeIn.lookup(read.tensor);
        by = read.tensor.getDefiningOp();
      }
      if (needed > before) {
        before = needed;
        cause = Cause{node.op, read.tensor, by};
      }
    }
    int64_t pass = before + 1;
    if (node.runs) {
      passes[node.op] = pass;
      count = std::max(count, pass);
      if (pass > 1)
        causes.insert({pass, cause});
    }
    bool completes = node.runs && !node.keeps;
    for (Value result : node.results) {
      completed[result] = completes ? pass : before;
      completedBy[result] = completes ? node.op : cause.traversal;
      if (node.keeps)
        madeIn[result] = pass;
    }
  }
}

/// Moves einsums to the pass that needs them, where nothing but them is kept
/// from an earlier one: a map of an input that only the last pass reads is
/// computed there and is never live for a whole fiber.
void PassCount::delay(const Nodes &nodes) {
  llvm::DenseMap<Value, SmallVector<const Node *>> readers;
  llvm::DenseMap<Value, const Node *> makers;
  for (const Node &node : nodes) {
    for (const Read &read : node.reads)
      readers[read.tensor].push_back(&node);
    for (Value result : node.results)
      makers[result] = &node;
  }
  auto getEarliestReader = [&](Value value, const Node *without) {
    int64_t earliest = std::numeric_limits<int64_t>::max();
    for (const Node *reader : readers.lookup(value)) {
      if (reader == without)
        continue;
      // Whoever needs all of it comes after it.
      bool needsAll = llvm::any_of(reader->reads, [&](const Read &read) {
        return read.tensor == value && read.whole;
      });
      earliest = std::min(earliest,
                          reader->runs && !needsAll ? getPass(reader->op) : 0);
    }
    return earliest;
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (const Node &node : llvm::reverse(nodes)) {
      if (!node.runs || !node.keeps)
        continue;
      Value result = node.results.front();
      bool isResult = llvm::any_of(result.getUsers(), llvm::IsaPred<YieldOp>);
      int64_t target = getEarliestReader(result, nullptr);
      if (isResult || target == std::numeric_limits<int64_t>::max() ||
          target <= getPass(node.op))
        continue;
      bool keepsNothing = llvm::all_of(node.reads, [&](const Read &read) {
        const Node *maker = makers.lookup(read.tensor);
        return !maker || !maker->keeps ||
               getEarliestReader(read.tensor, &node) >= target;
      });
      if (!keepsNothing)
        continue;
      passes[node.op] = target;
      changed = true;
    }
  }
}

/// Counts the passes over the fibers of one tensor. What is computed from its
/// elements while they pass belongs to that pass; what needs all of them ends
/// it.
int64_t PassCount::countPassesOver(Value tensor, const Nodes &nodes) {
  llvm::DenseMap<Value, int64_t> done, stream;
  int64_t count = 0;
  for (const Node &node : nodes) {
    int64_t before = 0, passing = 0;
    bool isReader = false;
    for (const Read &read : node.reads) {
      before = std::max(before, done.lookup(read.tensor));
      if (read.whole)
        before = std::max(before, stream.lookup(read.tensor));
      else
        passing = std::max(passing, stream.lookup(read.tensor));
      isReader |= read.tensor == tensor && read.along;
    }
    int64_t pass = 0;
    if (node.runs && isReader) {
      pass = before + 1;
      count = std::max(count, pass);
    } else if (node.runs && passing > before) {
      pass = passing;
    }
    for (Value result : node.results) {
      done[result] = node.keeps ? before : std::max(before, pass);
      stream[result] = node.keeps ? pass : 0;
    }
  }
  return count;
}

void PassCount::collectTensors(const Nodes &nodes) {
  llvm::MapVector<Value, Tensor> found;
  auto get = [&](Value value) -> Tensor & {
    Tensor &tensor = found[value];
    tensor.value = value;
    return tensor;
  };
  for (const Node &node : nodes) {
    if (!node.runs)
      continue;
    int64_t pass = getPass(node.op);
    for (const Read &read : node.reads)
      if (read.along && !llvm::is_contained(get(read.tensor).readIn, pass))
        get(read.tensor).readIn.push_back(pass);
    if (node.keeps)
      for (Value result : node.results)
        get(result).madeIn = pass;
  }
  for (auto &[value, tensor] : found) {
    llvm::sort(tensor.readIn);
    tensor.count = countPassesOver(value, nodes);
    tensors.push_back(tensor);
  }
}

PassCount::PassCount(CascadeOp cascade, StringAttr rank) : rank(rank) {
  Nodes nodes;
  flatten(cascade.getBody().front(), nodes);
  scopes.push_back(std::move(nodes));
  for (const Nodes &scope : scopes) {
    number(scope);
    delay(scope);
    collectTensors(scope);
  }
  scopes.clear();
}

const PassCount::Tensor *PassCount::lookup(Value value) const {
  const auto *found = llvm::find_if(getTensors(), [&](const Tensor &tensor) {
    return tensor.value == value;
  });
  return found == getTensors().end() ? nullptr : found;
}

std::vector<PassCount> PassCount::getAll(CascadeOp cascade) {
  llvm::SmallSetVector<StringAttr, 8> ranks;
  cascade.getBody().walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (auto einsum = dyn_cast<EinsumOp>(op))
      ranks.insert_range(einsum.getReduced());
    else if (auto iterate = dyn_cast<IterateOp>(op))
      ranks.insert(iterate.getParentAttr());
  });
  std::vector<PassCount> counts;
  for (StringAttr rank : ranks) {
    PassCount passes(cascade, rank);
    // Behind those with as many passes: ranks of equal count keep their order;
    // the points of a step come last.
    auto position = llvm::find_if(counts, [&](const PassCount &other) {
      auto getKey = [](const PassCount &passes) {
        return std::pair(!passes.getStepOf(), passes.getCount());
      };
      return getKey(other) < getKey(passes);
    });
    counts.insert(position, std::move(passes));
  }
  return counts;
}
