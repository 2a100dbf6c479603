//===- SplitPhases.cpp - One function per phase of a kernel ---------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// docs/rationale/phases.md explains phases, and where a value is stored.
//
//===----------------------------------------------------------------------===//

#include "BoundaryViews.h"
#include "ExtentClasses.h"
#include "attn/Conversion/KernelSignature.h"
#include "attn/Conversion/Passes.h"
#include "attn/Support/NotSupported.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNSPLITPHASES
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// Whether every phase that needs the operation makes its own copy: views, and
/// what computes scalars.
static bool isCopied(Operation *op) {
  if (op->hasTrait<OpTrait::IsTerminator>())
    return false;
  if (isInputView(op) || isa<tensor::CollapseShapeOp>(op))
    return true;
  // So is a tensor of one scalar: lengths, an offset or an origin.
  if (auto number = dyn_cast<tensor::FromElementsOp>(op))
    return number.getType().getRank() == 0;
  return op->getNumRegions() == 0 && isMemoryEffectFree(op) &&
         llvm::none_of(op->getResultTypes(), llvm::IsaPred<ShapedType>);
}

namespace {

/// A value that a phase computes, and the reshapes that lead from it to the
/// form in which it is stored: the function's result or a buffer between
/// phases.
struct Storage {
  /// The value, its reshapes, and last the form that is stored.
  SmallVector<Value> chain;
  Value getStored() const { return chain.back(); }
};

/// Operations that run as one phase.
struct Phase {
  SmallVector<Operation *> ops;
};

class PhaseSplitter {
public:
  explicit PhaseSplitter(func::FuncOp function)
      : function(function), module(function->getParentOfType<ModuleOp>()),
        body(function.getBody().front()), builder(function.getContext()),
        last(function) {}

  LogicalResult run();

private:
  void collectPhases();
  void chooseStorage(Operation *op);
  bool canInvert(Operation *reshape);
  Value invert(Operation *reshape, Value stored);
  LogicalResult emitPhase(ArrayRef<Operation *> ops, ValueRange returned);
  FailureOr<ArrayAttr> getExtents(ValueRange results, Operation *user);
  bool isReturned(Value value) {
    return llvm::is_contained(value.getUsers(), body.getTerminator());
  }

  /// The value in the function that is being made that stands for `value`,
  /// whose operations are copied there.
  Value materialize(Value value);

  func::FuncOp function;
  ModuleOp module;
  Block &body;
  OpBuilder builder;
  ExtentClasses classes;
  SmallVector<Phase> phases;
  /// The storage of what phases compute, and for each form in a chain the
  /// storage and its place there.
  SmallVector<Storage> storages;
  llvm::DenseMap<Value, std::pair<unsigned, unsigned>> forms;

  // The phase being made.
  Block *entry = nullptr;
  IRMapping mapping;
  llvm::SetVector<Value> inputs;
  /// The function made last.
  Operation *last;
  unsigned numPhases = 0;
  /// What stands in the kernel function for the values that are stored.
  IRMapping outer;
};

} // namespace

//===----------------------------------------------------------------------===//
// Phases and storage
//===----------------------------------------------------------------------===//

/// A cascade is a phase of its own; what else stands between two cascades is
/// one.
void PhaseSplitter::collectPhases() {
  bool isOpen = false;
  for (Operation &op : body.without_terminator()) {
    if (isCopied(&op) || isOpTriviallyDead(&op))
      continue;
    bool isCascade = isa<CascadeOp>(op);
    if (isCascade || !isOpen)
      phases.emplace_back();
    phases.back().ops.push_back(&op);
    isOpen = !isCascade;
  }
}

/// Whether the operand of a collapse can be had back from its result.
bool PhaseSplitter::canInvert(Operation *reshape) {
  if (isa<tensor::CastOp>(reshape))
    return isa<RankedTensorType>(reshape->getResult(0).getType());
  auto collapse = dyn_cast<tensor::CollapseShapeOp>(reshape);
  // Of the parts of a dimension at most one may be unknown.
  return collapse &&
         llvm::all_of(collapse.getReassociationIndices(),
                      [&](ArrayRef<int64_t> group) {
                        return llvm::count_if(group, [&](int64_t dim) {
                                 return collapse.getSrcType().isDynamicDim(dim);
                               }) <= 1;
                      });
}

Value PhaseSplitter::invert(Operation *reshape, Value stored) {
  Location loc = reshape->getLoc();
  if (isa<tensor::CastOp>(reshape))
    return tensor::CastOp::create(builder, loc,
                                  reshape->getOperand(0).getType(), stored);
  auto collapse = cast<tensor::CollapseShapeOp>(reshape);
  return tensor::ExpandShapeOp::create(builder, loc, collapse.getSrcType(),
                                       stored,
                                       collapse.getReassociationIndices());
}

/// Follows the results of `op` to the form that is stored: a strided memref can
/// be expanded, not collapsed, so the most collapsed form serves all readers.
void PhaseSplitter::chooseStorage(Operation *op) {
  for (Value result : op->getResults()) {
    if (!isa<RankedTensorType>(result.getType()) || result.use_empty())
      continue;
    Storage storage;
    storage.chain.push_back(result);
    while (!isReturned(storage.getStored())) {
      auto users = storage.getStored().getUsers();
      auto next = llvm::find_if(
          users, [&](Operation *user) { return canInvert(user); });
      if (next == users.end())
        break;
      storage.chain.push_back((*next)->getResult(0));
    }
    for (auto [position, form] : llvm::enumerate(storage.chain))
      forms[form] = {storages.size(), position};
    storages.push_back(std::move(storage));
  }
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

Value PhaseSplitter::materialize(Value value) {
  if (Value known = mapping.lookupOrNull(value))
    return known;
  Value result;
  if (isa<BlockArgument>(value)) {
    inputs.insert(value);
    result = entry->addArgument(value.getType(), value.getLoc());
    mapping.map(value, result);
    return result;
  }
  // What another phase computes is read in the form that it stores.
  if (auto found = forms.find(value); found != forms.end()) {
    auto [index, position] = found->second;
    const Storage &storage = storages[index];
    if (!mapping.contains(storage.chain.front())) {
      if (storage.getStored() == value) {
        inputs.insert(value);
        result = entry->addArgument(value.getType(), value.getLoc());
      } else {
        Value next = storage.chain[position + 1];
        result = invert(next.getDefiningOp(), materialize(next));
      }
      mapping.map(value, result);
      return result;
    }
  }
  Operation *op = value.getDefiningOp();
  for (Value operand : op->getOperands())
    materialize(operand);
  builder.clone(*op, mapping);
  return mapping.lookup(value);
}

/// For each result, where its dynamic extents are found: tensor and dimension
/// of the kernel, the points that each of its elements stands for, and the
/// points in each of the parts that are counted, 1 for all.
FailureOr<ArrayAttr> PhaseSplitter::getExtents(ValueRange results,
                                               Operation *user) {
  SmallVector<Value> tensors(function.getArguments());
  llvm::append_range(tensors, body.getTerminator()->getOperands());
  auto find =
      [&](unsigned leader) -> std::optional<std::pair<int64_t, int64_t>> {
    for (auto [index, tensor] : llvm::enumerate(tensors)) {
      int64_t rank = cast<RankedTensorType>(tensor.getType()).getRank();
      for (int64_t dim = 0; dim < rank; ++dim)
        if (classes.find(tensor, dim) == leader)
          return std::pair<int64_t, int64_t>(index, dim);
    }
    return std::nullopt;
  };
  SmallVector<Attribute> extents;
  for (Value result : results) {
    SmallVector<int64_t> places;
    auto type = cast<RankedTensorType>(result.getType());
    for (int64_t dim = 0; dim < type.getRank(); ++dim) {
      if (!type.isDynamicDim(dim))
        continue;
      unsigned leader = classes.find(result, dim);
      auto parts = classes.findParts(leader);
      unsigned whole = parts ? parts->whole : leader;
      auto place = find(whole);
      int64_t scale = 1;
      if (!place)
        for (auto multiple : classes.findMultiples(whole)) {
          auto found = find(multiple.of);
          if (!found || (place && std::pair(scale, *place) <=
                                      std::pair(multiple.scale, *found)))
            continue;
          place = found;
          scale = multiple.scale;
        }
      if (!place)
        return emitNotSupported(user)
                   << "dimension " << dim << " of " << type
                   << ", which is passed from one phase of the kernel to "
                      "another, is not the extent of a tensor that the kernel "
                      "takes or returns",
               failure();
      llvm::append_range(places,
                         ArrayRef<int64_t>{place->first, place->second, scale,
                                           parts ? parts->size : 1});
    }
    extents.push_back(builder.getDenseI64ArrayAttr(places));
  }
  return builder.getArrayAttr(extents);
}

/// Makes the function of one phase, and the call of it.
LogicalResult PhaseSplitter::emitPhase(ArrayRef<Operation *> ops,
                                       ValueRange returned) {
  Location loc = ops.empty() ? function.getLoc() : ops.front()->getLoc();
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointAfter(last);
  std::string name = (function.getName() + "_phase" + Twine(numPhases++)).str();
  auto phase =
      func::FuncOp::create(builder, loc, name, builder.getFunctionType({}, {}));
  phase.setPrivate();
  phase->setAttr(kPhaseAttrName, builder.getUnitAttr());
  SymbolTable(module).insert(phase, std::next(last->getIterator()));
  last = phase;

  entry = phase.addEntryBlock();
  mapping.clear();
  inputs.clear();
  builder.setInsertionPointToStart(entry);
  for (Operation *op : ops) {
    op->walk([&](Operation *nested) {
      for (Value operand : nested->getOperands())
        if (!op->isAncestor(operand.getParentBlock()->getParentOp()) ||
            operand.getParentBlock() == &body)
          materialize(operand);
    });
    builder.clone(*op, mapping);
  }
  SmallVector<Value> results;
  for (Value value : returned)
    results.push_back(materialize(value));
  func::ReturnOp::create(builder, loc, results);
  phase.setFunctionType(
      builder.getFunctionType(entry->getArgumentTypes(), returned.getTypes()));

  builder.setInsertionPoint(body.getTerminator());
  SmallVector<Value> operands;
  for (Value input : inputs)
    operands.push_back(outer.lookupOrDefault(input));
  auto call = func::CallOp::create(builder, loc, phase, operands);
  FailureOr<ArrayAttr> extents =
      getExtents(returned, ops.empty() ? function.getOperation() : ops.front());
  if (failed(extents))
    return failure();
  call->setAttr(kExtentsAttrName, *extents);
  outer.map(returned, call.getResults());
  return success();
}

LogicalResult PhaseSplitter::run() {
  classes.build(function);
  collectPhases();
  SmallVector<Operation *> old;
  for (Operation &op : body.without_terminator())
    old.push_back(&op);
  for (const Phase &phase : phases)
    for (Operation *op : phase.ops)
      chooseStorage(op);

  Operation *terminator = body.getTerminator();
  for (const Phase &phase : phases) {
    llvm::SmallDenseSet<Operation *> members(phase.ops.begin(),
                                             phase.ops.end());
    SmallVector<Value> returned;
    for (const Storage &storage : storages) {
      if (!members.contains(storage.chain.front().getDefiningOp()))
        continue;
      // Values that only this phase reads are not stored. Reshapes belong to
      // the phases that read them.
      SmallVector<Value> worklist(storage.chain);
      bool isRead = false;
      while (!worklist.empty() && !isRead)
        for (Operation *user : worklist.pop_back_val().getUsers()) {
          Operation *top = body.findAncestorOpInBlock(*user);
          if (isCopied(top)) {
            llvm::append_range(worklist, top->getResults());
            continue;
          }
          isRead |= !members.contains(top);
          // What is no tensor is computed again where it is read.
          for (Value result : top->getResults())
            if (!isa<RankedTensorType>(result.getType()))
              worklist.push_back(result);
        }
      if (isRead)
        returned.push_back(storage.getStored());
    }
    if (failed(emitPhase(phase.ops, returned)))
      return failure();
  }

  // What is returned without being stored by a phase, or twice, is copied.
  SmallVector<Value> copied;
  SmallVector<unsigned> places;
  llvm::SmallDenseSet<Value> stored;
  for (OpOperand &operand : terminator->getOpOperands()) {
    Value value = operand.get();
    if (outer.contains(value) && stored.insert(value).second)
      continue;
    copied.push_back(value);
    places.push_back(operand.getOperandNumber());
  }
  SmallVector<Value> results;
  for (Value value : terminator->getOperands())
    results.push_back(outer.lookupOrDefault(value));
  if (!copied.empty() || phases.empty()) {
    if (failed(emitPhase({}, copied)))
      return failure();
    auto call = cast<func::CallOp>(terminator->getPrevNode());
    for (auto [place, value] : llvm::zip_equal(places, call.getResults()))
      results[place] = value;
  }
  terminator->setOperands(results);
  for (Operation *op : llvm::reverse(old))
    op->erase();
  return success();
}

/// The extents of what phases hand on are looked for among those of the
/// kernel's tensors.
static LogicalResult checkTensors(func::FuncOp function) {
  auto check = [&](StringRef what, TypeRange types) {
    for (auto [index, type] : llvm::enumerate(types))
      if (failed(checkRankedTensor(function, what, index, type)))
        return failure();
    return success();
  };
  return success(succeeded(check("argument", function.getArgumentTypes())) &&
                 succeeded(check("result", function.getResultTypes())));
}

namespace {
struct SplitPhasesPass
    : public attn::impl::AttnSplitPhasesBase<SplitPhasesPass> {
  void runOnOperation() override {
    func::FuncOp function = getKernelFunction(getOperation());
    if (!function)
      return signalPassFailure();
    WalkResult walk = function.walk([](func::CallOp call) {
      emitNotSupported(call) << "a kernel calls no functions; inline '"
                             << call.getCallee() << "' first";
      return WalkResult::interrupt();
    });
    if (walk.wasInterrupted() || failed(checkTensors(function)) ||
        failed(PhaseSplitter(function).run()))
      signalPassFailure();
  }
};
} // namespace
