//===- CanonicalOrder.cpp - Name-free order of a cascade --------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CanonicalOrder.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Analysis/Streaming.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace mlir::attn;

template <typename... Args>
static std::string describe(const Args &...args) {
  std::string text;
  llvm::raw_string_ostream os(text);
  ((os << args << ' '), ...);
  return text;
}

static bool isCommutative(Operation *op) {
  return op->hasTrait<OpTrait::IsCommutative>() && op->getNumOperands() == 2;
}

CanonicalOrder::CanonicalOrder(CascadeOp cascade)
    : cascade(cascade), queryRank(cascade.getQueryRankAttr()),
      keyRank(cascade.getKeyRankAttr()) {
  orderInputs();
  orderRanks();
  Block &body = cascade.getBody().front();
  for (auto [place, input] : llvm::enumerate(inputs)) {
    TensorKey key;
    // Repeated inputs share a place.
    key.input = place;
    if (place > 0 &&
        cascade.getInputs()[input] == cascade.getInputs()[inputs[place - 1]])
      key.input = tensors[body.getArgument(inputs[place - 1])].input;
    key.hash = llvm::xxh3_64bits(describe("input", key.input));
    tensors[body.getArgument(input)] = key;
  }
  addBlock(body);
}

//===----------------------------------------------------------------------===//
// Inputs and ranks
//===----------------------------------------------------------------------===//

/// Where a tensor comes from, through reshapes: a function argument's number,
/// or the place of an operation in its block after all arguments.
static uint64_t getOrigin(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(
            op))
      break;
    value = op->getOperand(0);
  }
  if (auto argument = dyn_cast<BlockArgument>(value))
    return argument.getArgNumber();
  Operation *op = value.getDefiningOp();
  uint64_t place = std::distance(op->getBlock()->begin(), op->getIterator());
  return (place + 1) << 32 | cast<OpResult>(value).getResultNumber();
}

void CanonicalOrder::orderInputs() {
  struct Entry {
    unsigned index;
    uint64_t origin;
    std::string type;
    unsigned first;
  };
  SmallVector<Entry> entries;
  llvm::DenseMap<Value, unsigned> first;
  for (auto [index, input] : llvm::enumerate(cascade.getInputs())) {
    unsigned firstUse = first.try_emplace(input, index).first->second;
    entries.push_back({static_cast<unsigned>(index), getOrigin(input),
                       describe(input.getType()), firstUse});
  }
  llvm::sort(entries, [](const Entry &a, const Entry &b) {
    return std::tie(a.origin, a.type, a.first) <
           std::tie(b.origin, b.type, b.first);
  });
  for (const Entry &entry : entries)
    inputs.push_back(entry.index);
}

void CanonicalOrder::orderRanks() {
  auto addOutput = [&](Value value) {
    while (auto iterate = value.getDefiningOp<IterateOp>())
      value = iterate.getYielded()[cast<OpResult>(value).getResultNumber()];
    if (auto einsum = value.getDefiningOp<EinsumOp>())
      for (StringAttr rank : einsum.getOutputRanks())
        ranks.insert(rank);
  };
  llvm::for_each(cascade.getYielded(), addOutput);
  // The streaming rank before features, so that a tile of keys keeps the order
  // of dimensions that keys have.
  if (StringAttr stream = StreamingAnalysis::findRank(cascade))
    ranks.insert(stream);
  cascade.getBody().walk<WalkOrder::PreOrder>([&](IterateOp iterate) {
    for (StringAttr rank : {iterate.getParentAttr(), iterate.getRankAttr(),
                            iterate.getPointAttr()})
      ranks.insert(rank);
    if (iterate.getSplitRank())
      ranks.insert(iterate.getSplitRankAttr());
  });
  // Ranks by the dimensions of inputs that they index, in the order of inputs.
  Block &body = cascade.getBody().front();
  for (unsigned input : inputs) {
    BlockArgument argument = body.getArgument(input);
    int64_t rank = cast<ShapedType>(argument.getType()).getRank();
    for (int64_t dim = 0; dim < rank; ++dim)
      cascade.getBody().walk([&](EinsumOp einsum) {
        for (const EinsumAccess &access : einsum.getAccesses()) {
          if (access.tensor != argument)
            continue;
          access.map.getResult(dim).walk([&](AffineExpr expr) {
            if (auto position = dyn_cast<AffineDimExpr>(expr))
              ranks.insert(access.ranks[position.getPosition()]);
          });
        }
      });
  }
  // Whatever is left.
  cascade.getBody().walk([&](EinsumOp einsum) {
    for (StringAttr rank : einsum.getRankNames())
      ranks.insert(rank);
  });
}

unsigned CanonicalOrder::getRankNumber(StringAttr rank) const {
  return std::distance(ranks.begin(), llvm::find(ranks, rank));
}

//===----------------------------------------------------------------------===//
// Einsums
//===----------------------------------------------------------------------===//

std::string CanonicalOrder::describeRank(EinsumOp einsum, StringAttr rank,
                                         ArrayRef<StringAttr> numbered) const {
  // Reduced ranks are local to the einsum, unless the space names them.
  bool isSpace = rank == queryRank || rank == keyRank;
  if (isSpace || !llvm::is_contained(einsum.getReduced(), rank))
    return describe("rank", getRankNumber(rank));
  const auto *found = llvm::find(numbered, rank);
  return found == numbered.end()
             ? std::string("reduced")
             : describe("reduced", found - numbered.begin());
}

std::string
CanonicalOrder::describeAccess(EinsumOp einsum, const EinsumAccess &access,
                               ArrayRef<StringAttr> numbered) const {
  std::string text = describe("access", tensors.lookup(access.tensor).hash);
  // The layout of a computed tensor is no part of what it is: its dimensions
  // count in the order of its ranks.
  SmallVector<AffineExpr> exprs(access.map.getResults());
  if (auto producer = access.tensor.getDefiningOp<EinsumOp>()) {
    SmallVector<std::pair<unsigned, AffineExpr>> sorted;
    for (auto [rank, expr] : llvm::zip(producer.getOutputRanks(), exprs))
      sorted.push_back({getRankNumber(rank), expr});
    llvm::sort(sorted, llvm::less_first());
    exprs = llvm::to_vector(llvm::make_second_range(sorted));
  }
  auto describeSymbol = [&](unsigned position) {
    if (const DataIndex *data = access.getData(position))
      return "data of " +
             describeAccess(einsum,
                            EinsumAccess(data->tensor, data->map, access.ranks,
                                         access.extents),
                            numbered);
    return "extent of " +
           describeRank(einsum, access.extents[position], numbered);
  };
  for (AffineExpr expr : exprs) {
    text += "[";
    expr.walk([&](AffineExpr inner) {
      if (auto dim = dyn_cast<AffineDimExpr>(inner))
        text += describeRank(einsum, access.ranks[dim.getPosition()], numbered);
      else if (auto symbol = dyn_cast<AffineSymbolExpr>(inner))
        text += describeSymbol(symbol.getPosition());
      else if (auto constant = dyn_cast<AffineConstantExpr>(inner))
        text += describe(constant.getValue());
      else
        text += describe("op", static_cast<int>(inner.getKind()));
    });
    text += "]";
  }
  return text;
}

CanonicalOrder::ScalarKey
CanonicalOrder::getScalarKey(EinsumOp einsum, Value value,
                             llvm::DenseMap<Value, ScalarKey> &keys) const {
  if (auto found = keys.find(value); found != keys.end())
    return found->second;
  ScalarKey key;
  Operation *op = value.getDefiningOp();
  if (!op) {
    unsigned index = cast<BlockArgument>(value).getArgNumber();
    TensorKey tensor = tensors.lookup(einsum.getInputs()[index]);
    // Computed tensors first, those behind longer chains before others; inputs
    // in their order.
    key.category = tensor.input < 0 ? 0 : 1;
    key.ordinal = tensor.input < 0 ? -int64_t(tensor.height) : tensor.input;
    key.hash =
        llvm::xxh3_64bits(describeAccess(einsum, einsum.getAccess(index), {}));
    return keys[value] = key;
  }
  SmallVector<ScalarKey> operands;
  for (Value operand : op->getOperands())
    operands.push_back(getScalarKey(einsum, operand, keys));
  if (isCommutative(op))
    llvm::sort(operands);
  std::string text = describe(op->getName().getStringRef());
  for (Type type : op->getResultTypes())
    text += describe(type);
  if (auto index = dyn_cast<IndexOp>(op))
    text += describeRank(einsum, index.getRankAttr(), {});
  else
    text += describe(op->getAttrDictionary());
  for (const ScalarKey &operand : operands)
    text += describe(operand.hash);
  key.category = isa<arith::ConstantOp>(op) ? 3 : 2;
  key.hash = llvm::xxh3_64bits(text);
  return keys[value] = key;
}

CanonicalOrder::MapOrder CanonicalOrder::getMapOrder(EinsumOp einsum) const {
  MapOrder order;
  llvm::DenseMap<Value, ScalarKey> keys;
  llvm::SmallDenseSet<Operation *> visited;
  getScalarKey(einsum, einsum.getMapResult(), keys);
  auto visit = [&](auto &&self, Value value) -> void {
    Operation *op = value.getDefiningOp();
    if (!op) {
      unsigned index = cast<BlockArgument>(value).getArgNumber();
      if (!llvm::is_contained(order.operands, index))
        order.operands.push_back(index);
      return;
    }
    if (!visited.insert(op).second)
      return;
    SmallVector<Value> operands(op->getOperands());
    if (isCommutative(op) && keys[operands[1]] < keys[operands[0]]) {
      order.swapped.insert(op);
      std::swap(operands[0], operands[1]);
    }
    for (Value operand : operands)
      self(self, operand);
    order.ops.push_back(op);
  };
  visit(visit, einsum.getMapResult());
  return order;
}

void CanonicalOrder::addEinsum(EinsumOp einsum) {
  MapOrder order = getMapOrder(einsum);
  llvm::DenseMap<Value, ScalarKey> keys;
  ScalarKey yielded = getScalarKey(einsum, einsum.getMapResult(), keys);
  TensorKey key;
  for (const EinsumAccess &access : einsum.getAccesses())
    key.height = std::max(key.height, tensors.lookup(access.tensor).height + 1);
  SmallVector<StringAttr> numbered;
  for (unsigned index : order.operands)
    for (StringAttr rank : getAccessRanks(einsum.getAccess(index)))
      if (llvm::is_contained(einsum.getReduced(), rank) &&
          !llvm::is_contained(numbered, rank))
        numbered.push_back(rank);
  std::string text = describe("einsum", yielded.hash);
  for (unsigned index : order.operands)
    text += describeAccess(einsum, einsum.getAccess(index), numbered);
  // The order of the result's dimensions does not matter to what it is.
  SmallVector<unsigned> outputs =
      llvm::map_to_vector(einsum.getOutputRanks(),
                          [&](StringAttr rank) { return getRankNumber(rank); });
  llvm::sort(outputs);
  for (unsigned rank : outputs)
    text += describe("out", rank);
  text += describe(einsum.getOutputType().getElementType());
  if (einsum.getReduction())
    text += describe(stringifyReductionKind(*einsum.getReduction()));
  key.hash = llvm::xxh3_64bits(text);
  tensors[einsum.getResult()] = key;
}

//===----------------------------------------------------------------------===//
// Iterations
//===----------------------------------------------------------------------===//

void CanonicalOrder::addIterate(IterateOp iterate) {
  Block &body = iterate.getBody().front();
  for (auto [argument, init] :
       llvm::zip_equal(body.getArguments(), iterate.getInits())) {
    TensorKey key = tensors.lookup(init);
    // Shapes tell carried tensors with equal initial values apart.
    key.hash =
        llvm::xxh3_64bits(describe("carried", key.hash, argument.getType()));
    key.height = 0;
    key.input = -1;
    tensors[argument] = key;
  }
  addBlock(body);
  for (auto [result, yielded] :
       llvm::zip_equal(iterate.getResults(), iterate.getYielded())) {
    TensorKey key = tensors.lookup(yielded);
    key.hash = llvm::xxh3_64bits(describe("iterate", key.hash));
    key.height += 1;
    key.input = -1;
    tensors[result] = key;
  }
}

void CanonicalOrder::addBlock(Block &block) {
  for (Operation &op : block) {
    if (auto einsum = dyn_cast<EinsumOp>(op))
      addEinsum(einsum);
    else if (auto iterate = dyn_cast<IterateOp>(op))
      addIterate(iterate);
    else if (auto constant = dyn_cast<arith::ConstantOp>(op))
      tensors[constant].hash =
          llvm::xxh3_64bits(describe("constant", constant.getValue()));
  }
}

SmallVector<unsigned> CanonicalOrder::getCarriedOrder(IterateOp iterate) const {
  Block &body = iterate.getBody().front();
  // What the used results need, through the body.
  llvm::SmallSetVector<unsigned, 8> needed;
  for (OpResult result : iterate.getResults())
    if (!result.use_empty())
      needed.insert(result.getResultNumber());
  for (unsigned next = 0; next < needed.size(); ++next) {
    llvm::SmallDenseSet<Operation *> visited;
    SmallVector<Value> worklist{iterate.getYielded()[needed[next]]};
    while (!worklist.empty()) {
      Value value = worklist.pop_back_val();
      if (auto argument = dyn_cast<BlockArgument>(value)) {
        if (argument.getOwner() == &body)
          needed.insert(argument.getArgNumber());
        continue;
      }
      Operation *op = value.getDefiningOp();
      if (!iterate->isProperAncestor(op) || !visited.insert(op).second)
        continue;
      op->walk([&](Operation *inner) {
        llvm::append_range(worklist, inner->getOperands());
      });
    }
  }
  SmallVector<unsigned> order(needed.begin(), needed.end());
  llvm::sort(order, [&](unsigned a, unsigned b) {
    auto getKey = [&](unsigned index) {
      Value result = iterate.getResult(index);
      TensorKey key = tensors.lookup(result);
      return std::make_tuple(cast<ShapedType>(result.getType()).getRank(),
                             key.height, key.hash);
    };
    return getKey(a) < getKey(b);
  });
  return order;
}
