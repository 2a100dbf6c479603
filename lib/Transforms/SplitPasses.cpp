//===- SplitPasses.cpp - Cut cascades where a pass ends ---------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CascadeEmitter.h"
#include "SumRewriter.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Analysis/CostModel.h"
#include "attn/Analysis/Streaming.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNSPLITPASSES
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

using Role = StreamingAnalysis::Role;

namespace {

/// Cuts one cascade in two.
class PassSplitter {
public:
  explicit PassSplitter(CascadeOp cascade)
      : cascade(cascade), body(cascade.getBody().front()), builder(cascade) {}

  /// Cuts where `where` starts another pass: what `canHandOn` accepts, and does
  /// not depend on `where`, is computed by the first part. Returns the parts,
  /// nothing if one of them would be empty.
  SmallVector<CascadeOp> run(EinsumOp where,
                             function_ref<bool(EinsumOp)> canHandOn);

private:
  bool isHandedOn(Value tensor) const { return handedOn.contains(tensor); }
  void need(Value tensor);
  CascadeOp createPart(ArrayRef<Value> results,
                       const llvm::MapVector<Value, Value> &known);

  CascadeOp cascade;
  Block &body;
  OpBuilder builder;
  /// What the first part could hand on, and what the second part reads of it.
  llvm::SmallDenseSet<Value> handedOn;
  llvm::SetVector<Value> cut;
  llvm::SmallDenseSet<Value> visited;
};

} // namespace

/// Walks back from what the second part computes to what it is given.
void PassSplitter::need(Value tensor) {
  if (isHandedOn(tensor)) {
    cut.insert(tensor);
    return;
  }
  auto einsum = tensor.getDefiningOp<EinsumOp>();
  if (!einsum || !visited.insert(tensor).second)
    return;
  for (Value operand : einsum->getOperands())
    need(operand);
}

/// The extremum `producer`, of which `tensor` is the value, as a map reads it.
static EinsumOp createFinite(OpBuilder &builder, EinsumOp producer,
                             Value tensor) {
  ReductionKind kind = *producer.getReduction();
  SmallVector<StringAttr> ranks = producer.getOutputRanks();
  return EinsumOp::create(
      builder, producer.getLoc(), Type(producer.getOutputType()), ranks,
      ArrayRef<EinsumAccess>(EinsumAccess::get(tensor, ranks)), std::nullopt,
      [&](OpBuilder &inner, Location loc, ValueRange args) -> Value {
        Value bound = arith::ConstantOp::create(
            inner, loc, getReductionIdentity(kind, args[0].getType()));
        if (kind == ReductionKind::Max)
          return arith::MaximumFOp::create(inner, loc, args[0], bound);
        return arith::MinimumFOp::create(inner, loc, args[0], bound);
      });
}

CascadeOp PassSplitter::createPart(ArrayRef<Value> results,
                                   const llvm::MapVector<Value, Value> &known) {
  Location loc = cascade.getLoc();
  SmallVector<Value> inputs(cascade.getInputs());
  for (auto &[inner, outer] : known)
    inputs.push_back(outer);
  SmallVector<Type> types;
  for (Value result : results)
    types.push_back(result.getType());
  auto part = CascadeOp::create(builder, loc, types, inputs, cascade.getSpace(),
                                MappingAttr());
  OpBuilder nested(builder.getContext());
  Block *block =
      nested.createBlock(&part.getBody(), {}, TypeRange(ValueRange(inputs)),
                         SmallVector<Location>(inputs.size(), loc));
  IRMapping mapping;
  unsigned numInputs = body.getNumArguments();
  mapping.map(body.getArguments(), block->getArguments().take_front(numInputs));
  for (auto [tensor, argument] :
       llvm::zip(known, block->getArguments().drop_front(numInputs))) {
    auto producer = tensor.first.getDefiningOp<EinsumOp>();
    mapping.map(tensor.first,
                isExtremum(producer)
                    ? createFinite(nested, producer, argument).getResult()
                    : Value(argument));
  }
  for (Operation &op : body.without_terminator())
    if (op.getNumResults() == 0 || !known.contains(op.getResult(0)))
      nested.clone(op, mapping);
  SmallVector<Value> yielded;
  for (Value result : results)
    yielded.push_back(mapping.lookup(result));
  YieldOp::create(nested, loc, yielded);
  eraseDeadEinsums(*block);
  return CascadeEmitter::dropUnused(part);
}

SmallVector<CascadeOp>
PassSplitter::run(EinsumOp where, function_ref<bool(EinsumOp)> canHandOn) {
  // What depends on `where`.
  llvm::SmallDenseSet<Operation *> later{where};
  for (Operation &op : body.without_terminator())
    if (llvm::any_of(op.getOperands(), [&](Value operand) {
          return later.contains(operand.getDefiningOp());
        }))
      later.insert(&op);
  for (auto einsum : body.getOps<EinsumOp>())
    if (!later.contains(einsum) && canHandOn(einsum))
      handedOn.insert(einsum.getResult());

  SmallVector<Value> first, second;
  for (Value yielded : cascade.getYielded())
    if (!isHandedOn(yielded) && !llvm::is_contained(second, yielded)) {
      need(yielded);
      second.push_back(yielded);
    }
  llvm::append_range(first, cut);
  for (Value yielded : cascade.getYielded())
    if (isHandedOn(yielded) && !llvm::is_contained(first, yielded))
      first.push_back(yielded);
  if (first.empty() || second.empty())
    return {};

  CascadeOp firstPart = createPart(first, {});
  llvm::MapVector<Value, Value> known;
  for (auto [tensor, result] : llvm::zip(first, firstPart.getResults()))
    if (cut.contains(tensor))
      known[tensor] = result;
  CascadeOp secondPart = createPart(second, known);
  // A rank whose extent only tensors of the other part state has none here.
  bool isWhole;
  {
    ScopedDiagnosticHandler silence(cascade.getContext(),
                                    [](Diagnostic &) { return success(); });
    isWhole = succeeded(verify(firstPart)) && succeeded(verify(secondPart));
  }
  if (!isWhole) {
    secondPart.erase();
    firstPart.erase();
    return {};
  }
  for (auto [yielded, result] :
       llvm::zip(cascade.getYielded(), cascade.getResults())) {
    auto *inFirst = llvm::find(first, yielded);
    Value replacement = isHandedOn(yielded)
                            ? firstPart.getResult(inFirst - first.begin())
                            : secondPart.getResult(llvm::find(second, yielded) -
                                                   second.begin());
    result.replaceAllUsesWith(replacement);
  }
  cascade.erase();
  return {firstPart, secondPart};
}

/// An einsum over the streaming rank that reduces a rank of all results: its
/// result is complete when every work item has been through it.
static EinsumOp findReductionAcrossItems(CascadeOp cascade,
                                         const StreamingAnalysis &analysis) {
  std::optional<SmallVector<StringAttr>> common;
  for (Value yielded : cascade.getYielded()) {
    auto einsum = yielded.getDefiningOp<EinsumOp>();
    if (!einsum)
      return {};
    SmallVector<StringAttr> ranks = einsum.getOutputRanks();
    if (!common)
      common = ranks;
    llvm::erase_if(*common, [&](StringAttr rank) {
      return !llvm::is_contained(ranks, rank);
    });
  }
  for (auto einsum : cascade.getBody().getOps<EinsumOp>())
    if (common && analysis.getRole(einsum) == Role::Tile &&
        !llvm::is_contained(cascade.getYielded(), einsum.getResult()) &&
        llvm::any_of(einsum.getReduced(), [&](StringAttr rank) {
          return llvm::is_contained(*common, rank);
        }))
      return einsum;
  return {};
}

namespace {
/// An operand whose tile does not hold what is read of it.
struct ReadElsewhere {
  EinsumOp reader, producer;
  unsigned operand = 0;
  StringAttr rank;
};
} // namespace

/// An operand that is made at one rank and read at another, one of which is
/// tiled: the keys of a tensor whose rows are queries, the largest of all rows.
/// What is read belongs to other work items or steps.
static std::optional<ReadElsewhere> findReadElsewhere(CascadeOp cascade,
                                                      StringAttr streamed) {
  Block &body = cascade.getBody().front();
  if (!body.getOps<IterateOp>().empty())
    return std::nullopt;
  RankRoles roles = assignRankRoles(cascade, streamed);
  auto isTiled = [&](StringAttr rank) {
    return rank == roles.lanes || rank == streamed ||
           llvm::is_contained(roles.parallel, rank);
  };
  auto readsOwnPoints = [&](const EinsumAccess &access, AffineExpr expr,
                            StringAttr made) {
    bool hasTiled = isTiled(made);
    for (auto [position, rank] : llvm::enumerate(access.ranks)) {
      if (!expr.isFunctionOfDim(position))
        continue;
      if (rank == made && isa<AffineDimExpr>(expr))
        return true;
      hasTiled |= isTiled(rank);
    }
    return !hasTiled;
  };
  for (auto einsum : body.getOps<EinsumOp>())
    for (unsigned operand = 0; operand < einsum.getInputs().size(); ++operand) {
      EinsumAccess access = einsum.getAccess(operand);
      auto producer = access.tensor.getDefiningOp<EinsumOp>();
      // Truth values stay inside of a kernel.
      if (!producer || access.readsData() ||
          producer.getOutputType().getElementTypeBitWidth() < 8)
        continue;
      for (auto [made, expr] :
           llvm::zip(producer.getOutputRanks(), access.map.getResults()))
        if (!readsOwnPoints(access, expr, made))
          return ReadElsewhere{einsum, producer, operand, made};
    }
  return std::nullopt;
}

/// Cuts behind what is read elsewhere, which becomes an operand of the second
/// part. Returns the parts, nothing if one of them would be empty.
static SmallVector<CascadeOp> splitReadElsewhere(CascadeOp cascade,
                                                 ReadElsewhere found) {
  InFlightDiagnostic remark =
      found.reader.emitRemark("starts another pass: reads rank '")
      << found.rank.getValue() << "' of operand #" << found.operand
      << " at other points than those where it is made";
  // An extremum is handed on as maps read it: read at other points again, it
  // would be cut off once more.
  EinsumOp producer = found.producer;
  EinsumOp handedOn = producer;
  if (isExtremum(producer)) {
    OpBuilder builder(cascade.getContext());
    builder.setInsertionPointAfter(producer);
    handedOn = createFinite(builder, producer, producer.getResult());
    producer.getResult().replaceUsesWithIf(
        handedOn.getResult(), [&](OpOperand &use) {
          return use.getOwner() != handedOn && isa<EinsumOp>(use.getOwner());
        });
  }
  SmallVector<CascadeOp> parts = PassSplitter(cascade).run(
      found.reader, [&](EinsumOp einsum) { return einsum == handedOn; });
  if (!parts.empty())
    return parts;
  remark.abandon();
  if (handedOn != producer) {
    handedOn.getResult().replaceAllUsesWith(producer.getResult());
    handedOn.erase();
  }
  return {};
}

namespace {
struct SplitPasses : attn::impl::AttnSplitPassesBase<SplitPasses> {
  void runOnOperation() override {
    SmallVector<CascadeOp> worklist(getOperation().getOps<CascadeOp>());
    while (!worklist.empty()) {
      CascadeOp cascade = worklist.pop_back_val();
      eraseDeadEinsums(cascade.getBody().front());
      SmallVector<CascadeOp> parts = split(cascade);
      numSplit += !parts.empty();
      llvm::append_range(worklist, parts);
    }
  }

private:
  static SmallVector<CascadeOp> split(CascadeOp cascade) {
    if (cascade.getMapping())
      return {};
    StringAttr rank = StreamingAnalysis::findRank(cascade);
    if (std::optional<ReadElsewhere> found = findReadElsewhere(cascade, rank)) {
      SmallVector<CascadeOp> parts = splitReadElsewhere(cascade, *found);
      if (!parts.empty())
        return parts;
    }
    if (!rank)
      return {};
    StreamingAnalysis analysis = rewriteSums(cascade, rank);
    if (const auto &obstacle = analysis.getObstacle()) {
      auto where = dyn_cast<EinsumOp>(obstacle->where);
      if (!where || where->getBlock() != &cascade.getBody().front())
        return {};
      InFlightDiagnostic remark = where.emitRemark("starts another pass over '")
                                  << rank.getValue()
                                  << "': " << obstacle->reason;
      for (Value running : obstacle->running)
        remark.attachNote(running.getLoc()) << "this running value is involved";
      SmallVector<CascadeOp> parts =
          PassSplitter(cascade).run(where, [&](EinsumOp einsum) {
            Role role = analysis.getRole(einsum);
            return role == Role::Reduction || role == Role::After;
          });
      // What cannot be cut is left to attn-derive-single-pass, which reports.
      if (parts.empty())
        remark.abandon();
      return parts;
    }
    EinsumOp across = findReductionAcrossItems(cascade, analysis);
    if (!across)
      return {};
    SmallVector<EinsumOp> users;
    for (Operation *user : across->getUsers())
      if (auto einsum = dyn_cast<EinsumOp>(user))
        users.push_back(einsum);
    if (users.empty())
      return {};
    InFlightDiagnostic remark = across.emitRemark(
        "ends a pass: it reduces a rank of all results, and is complete when "
        "all of their rows have been through it");
    SmallVector<CascadeOp> parts = PassSplitter(cascade).run(
        users.front(), [&](EinsumOp einsum) { return einsum == across; });
    if (parts.empty())
      remark.abandon();
    return parts;
  }
};
} // namespace
