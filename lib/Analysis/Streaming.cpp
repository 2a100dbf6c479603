//===- Streaming.cpp - Can a cascade run in one pass? -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/Streaming.h"
#include "attn/Analysis/CascadeUtils.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::attn;

StringAttr StreamingAnalysis::findRank(CascadeOp cascade) {
  // How many einsums reduce a rank of an intermediate: the traversals that one
  // pass over it can join.
  llvm::MapVector<StringAttr, unsigned> reductions;
  llvm::SmallDenseSet<StringAttr> indexing;
  llvm::MapVector<StringAttr, int64_t> extents = cascade.getRankExtents();
  for (Operation &op : cascade.getBody().front()) {
    if (isa<IterateOp>(op))
      return {};
    auto einsum = dyn_cast<EinsumOp>(op);
    if (!einsum)
      continue;
    // A rank of unknown length, and the keys of a restricted plane, are walked
    // also where the only tensors over them are inputs.
    for (StringAttr rank : einsum.getReduced())
      if (indexing.contains(rank) || rank == cascade.getKeyRankAttr() ||
          ShapedType::isDynamic(extents.lookup(rank)))
        ++reductions[rank];
    for (StringAttr rank : einsum.getOutputRanks())
      indexing.insert(rank);
  }
  if (StringAttr key = cascade.getKeyRankAttr())
    return reductions.contains(key) ? key : nullptr;

  // Most traversals first; then a rank of unknown length before one whose
  // extent is fixed; then the one reduced last.
  StringAttr best;
  auto getWeight = [&](StringAttr rank) {
    return std::pair(reductions.lookup(rank),
                     ShapedType::isDynamic(extents.lookup(rank)));
  };
  for (auto &[rank, count] : reductions)
    if (!best || getWeight(rank) >= getWeight(best))
      best = rank;
  return best;
}

StreamingAnalysis::StreamingAnalysis(CascadeOp cascade, StringAttr rank)
    : cascade(cascade), rank(rank), laws(cascade.getContext()) {
  classify();
  if (!obstacle)
    checkExtent();
  if (obstacle)
    return;
  for (Operation &op : cascade.getBody().front()) {
    auto einsum = dyn_cast<EinsumOp>(op);
    if (!einsum)
      continue;
    checkAccesses(einsum);
    Role role = getRole(einsum);
    if (!obstacle && (role == Role::Tile || role == Role::Reduction))
      computeChange(einsum);
    if (obstacle)
      return;
  }
}

void StreamingAnalysis::stop(Operation *where, const Twine &reason,
                             ArrayRef<Value> running, EinsumOp reader) {
  if (!obstacle)
    obstacle =
        Obstacle{where, reason.str(), SmallVector<Value>(running), reader};
}

bool StreamingAnalysis::isRunning(Value tensor) const {
  auto einsum = tensor.getDefiningOp<EinsumOp>();
  if (!einsum)
    return false;
  Role role = getRole(einsum);
  return role == Role::Reduction || role == Role::After;
}

void StreamingAnalysis::classify() {
  Block &body = cascade.getBody().front();
  for (Operation &op : body.without_terminator()) {
    if (isa<IterateOp>(op))
      return stop(&op, "it iterates already");
    auto einsum = dyn_cast<EinsumOp>(op);
    if (!einsum)
      continue;
    // A step looks its data up before it computes anything.
    if (llvm::any_of(einsum.getIndices(),
                     [](Value table) { return table.getDefiningOp(); }))
      return stop(einsum,
                  "reads an operand at data that is no input of the cascade");
    if (einsum.isOrdered())
      return stop(einsum,
                  "reduces by a region that is not declared commutative");
    Role role = Role::Before;
    if (llvm::is_contained(einsum.getReduced(), rank))
      role = Role::Reduction;
    else if (einsum.hasRank(rank))
      role = Role::Tile;
    else if (llvm::any_of(einsum.getInputs(),
                          [&](Value input) { return isRunning(input); }))
      role = Role::After;
    roles[einsum] = role;
  }
  for (Value result : cascade.getYielded())
    if (auto einsum = result.getDefiningOp<EinsumOp>())
      if (getRole(einsum) == Role::Tile)
        return stop(einsum, "is a result of the cascade and is indexed by '" +
                                rank.getValue() + "'");
}

void StreamingAnalysis::checkExtent() {
  EinsumOp first;
  for (auto einsum : cascade.getBody().front().getOps<EinsumOp>()) {
    Role role = getRole(einsum);
    if (role != Role::Tile && role != Role::Reduction)
      continue;
    if (!first)
      first = einsum;
    for (unsigned index = 0, end = einsum.getInputs().size(); index < end;
         ++index)
      if (isa<BlockArgument>(einsum.getInputs()[index]) &&
          einsum.inputUsesRank(index, rank))
        return;
  }
  // What is made in steps states the extent of a step.
  if (first)
    stop(first, "no operand of the cascade is indexed by '" + rank.getValue() +
                    "', so that none states how many steps there are");
}

void StreamingAnalysis::checkAccesses(EinsumOp einsum) {
  for (unsigned index = 0, end = einsum.getInputs().size(); index < end;
       ++index) {
    EinsumAccess access = einsum.getAccess(index);
    // A step has its own points of the rank and no others.
    auto producer = access.tensor.getDefiningOp<EinsumOp>();
    bool isTile = producer && getRole(producer) == Role::Tile;
    // What a step reads of an input may lie anywhere in it, but steps know no
    // extent of what they are parts of.
    auto namesExtent = [&](AffineExpr expr) {
      for (auto [position, name] : llvm::enumerate(access.extents))
        if (name == rank && expr.isFunctionOfSymbol(position))
          return true;
      return false;
    };
    bool dataNamesExtent =
        llvm::any_of(access.getDataRead(), [&](const DataIndex &data) {
          return llvm::any_of(data.map.getResults(), namesExtent);
        });
    for (auto [position, expr] : llvm::enumerate(access.map.getResults())) {
      bool isRelative = dataNamesExtent || namesExtent(expr);
      bool mentions = isRelative;
      for (auto [number, name] : llvm::enumerate(access.ranks))
        mentions |= name == rank && expr.isFunctionOfDim(number);
      if (mentions && !isa<AffineDimExpr>(expr) &&
          (isRelative || !isa<BlockArgument>(access.tensor)))
        return stop(einsum, "reads operand #" + Twine(index) +
                                " through an index expression of '" +
                                rank.getValue() + "'");
      if (isTile && mentions != (producer.getOutputRanks()[position] == rank))
        return stop(einsum, "reads operand #" + Twine(index) +
                                ", which is indexed by '" + rank.getValue() +
                                "', at other points of it");
    }
  }
}

/// The change with its ranks, so far those of the tensor's producer, replaced
/// by the ranks at which `access` reads the tensor.
static std::optional<Change>
translate(const Change &change, const EinsumAccess &access, EinsumOp producer) {
  llvm::SmallDenseMap<StringAttr, StringAttr> names;
  for (auto [rank, expr] :
       llvm::zip(producer.getOutputRanks(), access.map.getResults()))
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      names[rank] = access.ranks[dim.getPosition()];
  bool known = true;
  auto rename = [&](TensorRef &ref) {
    for (StringAttr &rank : ref.ranks) {
      StringAttr name = names.lookup(rank);
      known &= name != nullptr;
      rank = name;
    }
  };
  Change result = change;
  auto renameTerms = [&](std::vector<LinearTerm> &terms) {
    for (LinearTerm &term : terms) {
      rename(term.running);
      llvm::for_each(term.factors, rename);
      llvm::for_each(term.divisors, rename);
    }
  };
  rename(result.running);
  renameTerms(result.terms);
  for (CorrectionPower &power : result.powers)
    renameTerms(power.correction.terms);
  if (!known)
    return std::nullopt;
  return result;
}

LawTable::OperandInfo
StreamingAnalysis::getInfo(const EinsumAccess &access) const {
  LawTable::OperandInfo info;
  std::optional<SmallVector<StringAttr>> plain = getPlainRanks(access);
  if (isRunning(access.tensor)) {
    if (!plain) {
      info.change = Change::unknown(
          "reads a running value through an index expression", access.tensor);
      return info;
    }
    info.change.kind = Change::Kind::Running;
    info.change.running = TensorRef{access.tensor, *plain};
    auto einsum = access.tensor.getDefiningOp<EinsumOp>();
    if (einsum.getReduction() == ReductionKind::Add && einsum.isIdentityMap() &&
        !einsum.getAccess(0).readsData() &&
        isNonNegative(einsum.getInputs()[0]))
      info.change.sumOf = einsum.getInputs()[0];
    return info;
  }
  auto found = tensorChanges.find(access.tensor);
  if (found != tensorChanges.end()) {
    std::optional<Change> change = translate(
        found->second, access, access.tensor.getDefiningOp<EinsumOp>());
    info.change = change ? *change
                         : Change::unknown("reads a value that moves through "
                                           "an index expression",
                                           access.tensor);
    if (!access.readsData())
      info.change.multipleOf = {access.tensor};
    return info;
  }
  if (!access.readsData())
    info.change.multipleOf = {access.tensor};
  if (plain && !llvm::is_contained(*plain, rank))
    info.uniform = TensorRef{access.tensor, *plain};
  return info;
}

namespace {
/// Finds values that are never negative. Each is looked at once: maps may use
/// one many times.
struct Signs {
  llvm::DenseMap<Value, bool> known;

  bool isNonNegative(Value tensor);
  bool isNonNegative(EinsumOp einsum, Value value);

private:
  bool find(EinsumOp einsum, Value value);
};
} // namespace

bool Signs::find(EinsumOp einsum, Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return isNonNegative(einsum.getInputs()[argument.getArgNumber()]);
  APFloat constant(0.0);
  if (matchPattern(value, m_ConstantFloat(&constant)))
    return !constant.isNegative() && !constant.isNaN();
  Operation *op = value.getDefiningOp();
  auto operand = [&](unsigned index) {
    return isNonNegative(einsum, op->getOperand(index));
  };
  if (isa<math::ExpOp, math::Exp2Op, math::AbsFOp, math::SqrtOp>(op))
    return true;
  if (isa<arith::MulFOp>(op) && op->getOperand(0) == op->getOperand(1))
    return true;
  if (isa<arith::MulFOp, arith::DivFOp, arith::AddFOp, arith::MinimumFOp>(op))
    return operand(0) && operand(1);
  if (isa<arith::MaximumFOp>(op))
    return operand(0) || operand(1);
  if (isa<arith::SelectOp>(op))
    return operand(1) && operand(2);
  return false;
}

bool Signs::isNonNegative(EinsumOp einsum, Value value) {
  auto found = known.find(value);
  if (found != known.end())
    return found->second;
  bool result = find(einsum, value);
  known[value] = result;
  return result;
}

/// A maximum of nothing is negative, and a combiner may yield anything.
bool Signs::isNonNegative(Value tensor) {
  auto einsum = tensor.getDefiningOp<EinsumOp>();
  if (!einsum || !isa<FloatType>(einsum.getMapResult().getType()))
    return false;
  if (std::optional<ReductionKind> reduction = einsum.getReduction())
    if (!llvm::is_contained(
            {ReductionKind::Add, ReductionKind::Mul, ReductionKind::Min},
            *reduction))
      return false;
  return isNonNegative(einsum, einsum.getMapResult());
}

bool StreamingAnalysis::isNonNegative(Value tensor) {
  return Signs().isNonNegative(tensor);
}

int StreamingAnalysis::getDirection(Value tensor) const {
  auto einsum = tensor.getDefiningOp<EinsumOp>();
  if (!einsum || !isRunning(tensor))
    return 0;
  if (getRole(einsum) == Role::Reduction) {
    if (!getChange(einsum).isFixed())
      return 0;
    switch (*einsum.getReduction()) {
    case ReductionKind::Max:
      return 1;
    case ReductionKind::Min:
      return -1;
    case ReductionKind::Add:
      return einsum.isIdentityMap() && isNonNegative(einsum.getInputs()[0]);
    default:
      return 0;
    }
  }
  // Extrema and sums keep the direction of what moves in them.
  if (einsum.getReduction())
    return 0;
  Operation *op = einsum.getMapResult().getDefiningOp();
  if (!op && einsum.isIdentityMap())
    return getDirection(einsum.getInputs()[0]);
  if (!op || !isa<arith::MaximumFOp, arith::MinimumFOp, arith::AddFOp>(op))
    return 0;
  std::optional<int> direction;
  for (Value operand : op->getOperands()) {
    auto argument = dyn_cast<BlockArgument>(operand);
    if (!argument)
      return 0;
    Value input = einsum.getInputs()[argument.getArgNumber()];
    if (!isRunning(input))
      continue;
    int moves = getDirection(input);
    if (direction && *direction != moves)
      return 0;
    direction = moves;
  }
  return direction.value_or(0);
}

llvm::DenseMap<Value, LawTable::OperandInfo>
StreamingAnalysis::getInfos(EinsumOp einsum) const {
  llvm::DenseMap<Value, LawTable::OperandInfo> infos;
  Block *map = einsum.getMap();
  for (BlockArgument argument : map->getArguments()) {
    unsigned index = argument.getArgNumber();
    LawTable::OperandInfo info = getInfo(einsum.getAccess(index));
    infos[argument] = info;
  }
  llvm::SmallDenseSet<Operation *> visited;
  walkExpression(einsum.getMapResult(), map, visited, [&](Operation *op) {
    std::vector<LawTable::OperandInfo> operands;
    for (Value operand : op->getOperands())
      operands.push_back(infos.lookup(operand));
    LawTable::OperandInfo info;
    info.change = laws.getChange(op, operands);
    if (APFloat value(0.0);
        matchPattern(op->getResult(0), m_ConstantFloat(&value))) {
      bool ignored;
      value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                    &ignored);
      info.constant = value.convertToDouble();
    }
    infos[op->getResult(0)] = info;
  });
  return infos;
}

bool StreamingAnalysis::variesAlong(const Change &change,
                                    ArrayRef<StringAttr> ranks) {
  auto varies = [&](const TensorRef &ref) {
    return llvm::any_of(ref.ranks, [&](StringAttr name) {
      return llvm::is_contained(ranks, name);
    });
  };
  auto termVaries = [&](const LinearTerm &term) {
    return varies(term.running) || llvm::any_of(term.factors, varies) ||
           llvm::any_of(term.divisors, varies);
  };
  return llvm::any_of(change.getTerms(), termVaries) ||
         llvm::any_of(change.powers, [&](const CorrectionPower &power) {
           return llvm::any_of(power.correction.terms, termVaries);
         });
}

void StreamingAnalysis::computeChange(EinsumOp einsum) {
  Change change = getInfos(einsum).lookup(einsum.getMapResult()).change;
  std::optional<EinsumReduction> reduction = einsum.getEinsumReduction();

  // What a reduction does to a value that moves.
  Obstacle found{einsum, change.reason, change.getRunningTensors(), einsum};
  if (!change.isUnknown() && reduction && !change.isFixed()) {
    bool isExtremum = reduction->kind == ReductionKind::Max ||
                      reduction->kind == ReductionKind::Min;
    bool allowed = isExtremum;
    if (change.kind == Change::Kind::Scaled)
      allowed = reduction->kind == ReductionKind::Add ||
                (isExtremum && change.isOrderPreserving());
    if (!allowed)
      found.reason = ("reduces by '" + stringifyReductionKind(reduction->kind) +
                      (change.isAdditive() ? "' values that move by a sum"
                                           : "' values that move by a factor"))
                         .str();
    else if (variesAlong(change, reduction->ranks))
      found.reason = "reduces a rank along which the correction of its values "
                     "varies";
  }

  if (!found.reason.empty()) {
    // The first einsum that no law describes is what stops the cascade.
    for (Value input : einsum.getInputs())
      if (auto it = pending.find(input); it != pending.end()) {
        found = it->second;
        found.reader = einsum;
        break;
      }
    if (getRole(einsum) == Role::Tile && !reduction) {
      pending[einsum.getResult()] = found;
      change = Change::unknown(found.reason, found.running);
    } else if (std::optional<Change> repaired = computeTuple(einsum)) {
      change = *repaired;
    } else {
      return stop(found.where, found.reason, found.running, found.reader);
    }
  }
  changes[einsum] = change;
  if (getRole(einsum) == Role::Tile && !change.isFixed())
    tensorChanges[einsum.getResult()] = change;
}
