//===- RunningReference.cpp - What exponents subtract ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/RunningReference.h"
#include "attn/Analysis/CascadeUtils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

namespace {

/// How a number depends on the reference x of its row.
struct Dependence {
  enum class Kind {
    /// A multiple of 2^(-c x_before * before - c x_after * after).
    Power,
    /// The reference itself, before and after a step's update.
    Before,
    After
  };
  Kind kind = Kind::Power;
  int before = 0, after = 0;
  /// Whether it is the larger of the reference and the joint.
  bool isJoined = false;
  /// 0 is a multiple of every power.
  bool isZero = false;

  bool isPower() const { return kind == Kind::Power; }
  bool isIndependent() const {
    return isPower() && (isZero || (before == 0 && after == 0));
  }
};

/// Follows a reference through the step that updates it and what stands behind
/// the iteration. No dependence stands for one that is none of these.
class ReferenceWalk {
  using Found = std::optional<Dependence>;

public:
  ReferenceWalk(IterateOp iterate, unsigned number, EinsumOp update)
      : iterate(iterate), number(number), update(update),
        rows(update.getOutputRanks()) {}

  bool isReference();
  FloatAttr getScale() const { return scale; }
  bool isWeighted(EinsumOp einsum) const {
    Found found = getTensor(einsum.getResult());
    return found && found->isPower() && !found->isIndependent();
  }

private:
  bool followStep(ArrayRef<bool> areWeighted, SmallVectorImpl<Found> &yielded);
  bool followResults(ArrayRef<bool> areWeighted);
  bool followOps(Block::iterator begin, Block::iterator end);
  Found follow(EinsumOp einsum);
  Found read(EinsumOp einsum, unsigned index);
  Found follow(Operation &op, EinsumOp einsum);
  Found followPower(Operation &power);
  Found followJoin(arith::MaximumFOp maximum, EinsumOp einsum);
  bool isUsed(const Dependence &reference);
  bool isLogSum(arith::AddFOp sum);
  Found getTensor(Value tensor) const;
  Found getNumber(Value number) const;

  IterateOp iterate;
  unsigned number;
  EinsumOp update;
  SmallVector<StringAttr> rows;
  FloatAttr scale;
  /// What the reference is joined with, as a sink, and the ranks it is read at.
  std::optional<std::pair<Value, SmallVector<StringAttr>>> joint;
  /// Whether exponents subtract the reference joined or alone.
  std::optional<bool> isJointUsed;
  /// Of tensors that depend on the reference; others have none.
  llvm::DenseMap<Value, Found> tensors;
  /// Of the numbers of the map that is followed.
  llvm::DenseMap<Value, Found> numbers;
};

} // namespace

/// The dependence of what two numbers of the same one give: their sum.
static std::optional<Dependence> join(const std::optional<Dependence> &a,
                                      const std::optional<Dependence> &b) {
  if (!a || !b || !a->isPower() || !b->isPower())
    return std::nullopt;
  if (a->isZero)
    return b;
  if (b->isZero || (a->before == b->before && a->after == b->after))
    return a;
  return std::nullopt;
}

std::optional<Dependence> ReferenceWalk::getTensor(Value tensor) const {
  auto found = tensors.find(tensor);
  return found == tensors.end() ? Found(Dependence()) : found->second;
}

std::optional<Dependence> ReferenceWalk::getNumber(Value number) const {
  if (matchPattern(number, m_AnyZeroFloat()))
    return Dependence{Dependence::Kind::Power, 0, 0, /*isJoined=*/false,
                      /*isZero=*/true};
  auto found = numbers.find(number);
  if (found != numbers.end())
    return found->second;
  // Constants of the cascade are visible in maps.
  return matchPattern(number, m_Constant()) ? Found(Dependence())
                                            : std::nullopt;
}

/// The ranks of what `tensor` is computed at.
static SmallVector<StringAttr> getTensorRanks(Value tensor) {
  if (auto result = dyn_cast<OpResult>(tensor))
    if (auto iterate = dyn_cast<IterateOp>(result.getOwner()))
      tensor = iterate.getYielded()[result.getResultNumber()];
  if (auto argument = dyn_cast<BlockArgument>(tensor))
    if (auto iterate = dyn_cast<IterateOp>(argument.getOwner()->getParentOp()))
      tensor = iterate.getYielded()[argument.getArgNumber()];
  auto einsum = tensor.getDefiningOp<EinsumOp>();
  return einsum ? einsum.getOutputRanks() : SmallVector<StringAttr>();
}

/// What `einsum` reads of input `index`. What depends on the reference is read
/// at the point of its own row.
ReferenceWalk::Found ReferenceWalk::read(EinsumOp einsum, unsigned index) {
  EinsumAccess access = einsum.getAccess(index);
  Found tensor = getTensor(access.tensor);
  if (tensor && tensor->isIndependent())
    return tensor;
  std::optional<SmallVector<StringAttr>> ranks = getPlainRanks(access);
  SmallVector<StringAttr> own = getTensorRanks(access.tensor);
  if (!ranks || ranks->size() != own.size())
    return std::nullopt;
  for (auto [rank, ownRank] : llvm::zip_equal(*ranks, own))
    if (rank != ownRank &&
        (llvm::is_contained(rows, rank) || llvm::is_contained(rows, ownRank)))
      return std::nullopt;
  return tensor;
}

/// Whether `reference` is what all exponents subtract: joined in all, or none.
bool ReferenceWalk::isUsed(const Dependence &reference) {
  if (!isJointUsed)
    isJointUsed = reference.isJoined;
  return isJointUsed == reference.isJoined;
}

/// 2^((a - b) * c), where one of a and b is the reference or both are; e^(a -
/// b) where both are.
ReferenceWalk::Found ReferenceWalk::followPower(Operation &power) {
  Builder builder(power.getContext());
  Value product = power.getOperand(0);
  FloatAttr factor = builder.getF32FloatAttr(llvm::numbers::log2ef);
  bool isBounded = false;
  if (auto binary = dyn_cast<math::Exp2Op>(power)) {
    std::tie(product, factor) = splitConstant(product);
    // A maximum bounds the exponents of what may underflow.
    isBounded =
        bitEnumContainsAll(binary.getFastmath(), arith::FastMathFlags::afn);
  }
  auto difference = product.getDefiningOp<arith::SubFOp>();
  if (!difference || !factor)
    return std::nullopt;
  Dependence result;
  unsigned numReferences = 0;
  for (auto [operand, sign] :
       {std::pair(difference.getLhs(), -1), {difference.getRhs(), 1}}) {
    Found found = getNumber(operand);
    if (!found)
      return std::nullopt;
    if (found->isIndependent())
      continue;
    if (found->isPower() || !isUsed(*found))
      return std::nullopt;
    ++numReferences;
    (found->kind == Dependence::Kind::Before ? result.before : result.after) +=
        sign;
  }
  if (numReferences == 0 || (numReferences == 1 && !isBounded) ||
      (scale && scale != factor))
    return std::nullopt;
  scale = factor;
  return result;
}

/// The larger of the reference and what is the same for all steps: a reference
/// as well.
ReferenceWalk::Found ReferenceWalk::followJoin(arith::MaximumFOp maximum,
                                               EinsumOp einsum) {
  for (unsigned index : {0u, 1u}) {
    Found found = getNumber(maximum->getOperand(index));
    auto other = dyn_cast<BlockArgument>(maximum->getOperand(1 - index));
    if (!found || found->isPower() || found->isJoined || !other ||
        other.getOwner() != einsum.getMap())
      continue;
    EinsumAccess access = einsum.getAccess(other.getArgNumber());
    std::optional<SmallVector<StringAttr>> ranks = getPlainRanks(access);
    // One of a row, that no step computes.
    if (!ranks || tensors.contains(access.tensor) ||
        iterate->isAncestor(access.tensor.getParentBlock()->getParentOp()) ||
        !llvm::all_of(*ranks, [&](StringAttr rank) {
          return llvm::is_contained(rows, rank);
        }))
      return std::nullopt;
    if (!joint)
      joint.emplace(access.tensor, *ranks);
    if (joint != std::pair(access.tensor, *ranks))
      return std::nullopt;
    found->isJoined = true;
    return found;
  }
  return std::nullopt;
}

/// Whether `sum` is x + ln(d), where d has summed e^(s - x): the logarithm of
/// the sum of all e^s.
bool ReferenceWalk::isLogSum(arith::AddFOp sum) {
  bool isNatural = scale && scale.getValue() == APFloat(llvm::numbers::log2ef);
  for (unsigned index : {0u, 1u}) {
    auto log = sum->getOperand(1 - index).getDefiningOp<math::LogOp>();
    if (!log || !isNatural)
      continue;
    Found reference = getNumber(sum->getOperand(index)),
          of = getNumber(log.getOperand());
    if (reference && reference->kind == Dependence::Kind::After &&
        isUsed(*reference) && of && of->isPower() && of->before == 0 &&
        of->after == 1)
      return true;
  }
  return false;
}

/// Whether `op` asks whether a running maximum has seen a number: what stands
/// in its place has, too.
static bool asksForNumbers(Operation &op) {
  auto compare = dyn_cast<arith::CmpFOp>(op);
  FloatAttr limit;
  return compare && compare.getPredicate() == arith::CmpFPredicate::OLE &&
         matchPattern(compare.getRhs(), m_Constant(&limit)) &&
         limit.getValue().isLargest() && limit.getValue().isNegative();
}

ReferenceWalk::Found ReferenceWalk::follow(Operation &op, EinsumOp einsum) {
  SmallVector<Found> operands;
  for (Value operand : op.getOperands())
    operands.push_back(getNumber(operand));
  if (llvm::all_of(operands, [](const Found &operand) {
        return operand && operand->isIndependent();
      }))
    return Dependence();
  if (isa<math::ExpOp, math::Exp2Op>(op))
    return followPower(op);
  if (auto maximum = dyn_cast<arith::MaximumFOp>(op))
    if (Found found = followJoin(maximum, einsum))
      return found;
  if (auto sum = dyn_cast<arith::AddFOp>(op); sum && isLogSum(sum))
    return Dependence();
  if (asksForNumbers(op) && operands[0] && !operands[0]->isPower() &&
      !operands[0]->isJoined)
    return Dependence();
  if (llvm::any_of(operands, [](const Found &operand) {
        return !operand || !operand->isPower();
      }))
    return std::nullopt;
  if (isa<arith::ExtFOp, arith::TruncFOp, arith::NegFOp, math::AbsFOp>(op))
    return operands[0];
  // Of maxima and minima, too: the powers are positive.
  if (isa<arith::AddFOp, arith::SubFOp, arith::MaximumFOp, arith::MinimumFOp>(
          op))
    return join(operands[0], operands[1]);
  if (isa<arith::CmpFOp>(op))
    return join(operands[0], operands[1]) ? Found(Dependence()) : std::nullopt;
  if (isa<arith::SelectOp>(op))
    return operands[0]->isIndependent() ? join(operands[1], operands[2])
                                        : std::nullopt;
  int sign = isa<arith::MulFOp>(op) ? 1 : isa<arith::DivFOp>(op) ? -1 : 0;
  if (sign == 0)
    return std::nullopt;
  Dependence result = *operands[0];
  result.before += sign * operands[1]->before;
  result.after += sign * operands[1]->after;
  result.isZero |= operands[1]->isZero;
  return result;
}

ReferenceWalk::Found ReferenceWalk::follow(EinsumOp einsum) {
  numbers.clear();
  for (unsigned index = 0; index < einsum.getInputs().size(); ++index)
    numbers[einsum.getMap()->getArgument(index)] = read(einsum, index);
  for (Operation &op : einsum.getMap()->without_terminator())
    numbers[op.getResult(0)] = follow(op, einsum);
  Found result = getNumber(einsum.getMapResult());
  if (!result || result->isIndependent())
    return result;
  if (!result->isPower())
    return result->isJoined && !einsum.getEinsumReduction() &&
                   einsum.getOutputRanks() == rows
               ? result
               : std::nullopt;
  std::optional<ReductionKind> kind = einsum.getReduction();
  bool isHomogeneous = !einsum.getEinsumReduction() ||
                       kind == ReductionKind::Add ||
                       kind == ReductionKind::Max || kind == ReductionKind::Min;
  // Points of one row alone meet.
  SmallVector<StringAttr> ranks = einsum.getOutputRanks();
  bool keepsRows = llvm::all_of(
      rows, [&](StringAttr rank) { return llvm::is_contained(ranks, rank); });
  return isHomogeneous && keepsRows ? result : std::nullopt;
}

/// Follows the einsums from `begin` to `end`. Whether nothing else reads what
/// depends on the reference.
bool ReferenceWalk::followOps(Block::iterator begin, Block::iterator end) {
  for (Operation &op : llvm::make_range(begin, end)) {
    if (auto einsum = dyn_cast<EinsumOp>(op)) {
      if (einsum == update)
        continue;
      Found found = follow(einsum);
      if (!found || !found->isIndependent())
        tensors[einsum.getResult()] = found;
      continue;
    }
    // Nothing is known of what another iteration makes of it.
    WalkResult others = op.walk([&](Operation *inner) {
      bool reads = llvm::any_of(inner->getOperands(), [&](Value operand) {
        return tensors.contains(operand);
      });
      return reads ? WalkResult::interrupt() : WalkResult::advance();
    });
    if (others.wasInterrupted())
      return false;
  }
  return true;
}

/// What a step yields where those of its carried values that are weighted are
/// multiples of the reference's power of 1.
bool ReferenceWalk::followStep(ArrayRef<bool> areWeighted,
                               SmallVectorImpl<Found> &yielded) {
  Block &body = iterate.getBody().front();
  tensors.clear();
  scale = {};
  joint.reset();
  isJointUsed.reset();
  for (auto [index, argument] : llvm::enumerate(body.getArguments()))
    if (areWeighted[index])
      tensors[argument] = Dependence{Dependence::Kind::Power, 1, 0};
  tensors[body.getArgument(number)] = Dependence{Dependence::Kind::Before};
  tensors[update.getResult()] = Dependence{Dependence::Kind::After};
  if (!followOps(body.begin(), std::prev(body.end())))
    return false;
  for (unsigned index : {0u, 1u}) {
    Found found = read(update, index);
    if (!found ||
        (found->kind != Dependence::Kind::Before && !found->isIndependent()))
      return false;
  }
  for (Value value : iterate.getYielded())
    yielded.push_back(getTensor(value));
  return true;
}

/// Whether results do not depend on the reference.
bool ReferenceWalk::followResults(ArrayRef<bool> areWeighted) {
  for (auto [index, result] : llvm::enumerate(iterate.getResults()))
    if (index == number)
      tensors[result] = Dependence{Dependence::Kind::After};
    else if (areWeighted[index])
      tensors[result] = Dependence{Dependence::Kind::Power, 0, 1};
  Block *block = iterate->getBlock();
  if (!followOps(std::next(iterate->getIterator()), std::prev(block->end())))
    return false;
  return llvm::all_of(block->getTerminator()->getOperands(), [&](Value value) {
    Found found = getTensor(value);
    return found && found->isIndependent();
  });
}

bool ReferenceWalk::isReference() {
  // Carried values that are not what they were taken for are taken for what
  // does not depend on it.
  SmallVector<bool> areWeighted(iterate.getNumResults(), true);
  areWeighted[number] = false;
  for (bool isChanged = true; isChanged;) {
    isChanged = false;
    SmallVector<Found> yielded;
    if (!followStep(areWeighted, yielded))
      return false;
    for (auto [index, found] : llvm::enumerate(yielded)) {
      if (index == number)
        continue;
      bool isAsTaken = found && found->isPower() && found->before == 0 &&
                       found->after == (areWeighted[index] ? 1 : 0);
      if (isAsTaken)
        continue;
      if (!areWeighted[index])
        return false;
      areWeighted[index] = false;
      isChanged = true;
    }
  }
  return scale && followResults(areWeighted);
}

std::optional<RunningReference> RunningReference::match(IterateOp iterate,
                                                        unsigned number) {
  Block &body = iterate.getBody().front();
  auto update = iterate.getYielded()[number].getDefiningOp<EinsumOp>();
  if (!update || update->getBlock() != &body || update.getReduction() ||
      update.getInputs().size() != 2 || !isa<CascadeOp>(iterate->getParentOp()))
    return std::nullopt;
  auto maximum = dyn_cast_or_null<arith::MaximumFOp>(update.getSingleMapOp());
  if (!maximum || !maximum.getType().isF32())
    return std::nullopt;
  auto found = llvm::find(update.getInputs(), body.getArgument(number));
  unsigned carried = std::distance(update.getInputs().begin(), found);
  if (carried == update.getInputs().size() ||
      getPlainRanks(update.getAccess(carried)) != update.getOutputRanks() ||
      update.getInputs()[1 - carried] == update.getInputs()[carried])
    return std::nullopt;
  ReferenceWalk walk(iterate, number, update);
  if (!walk.isReference())
    return std::nullopt;
  RunningReference result{update, carried, walk.getScale(), {}};
  for (auto einsum : body.getOps<EinsumOp>())
    if (walk.isWeighted(einsum))
      result.weighted.push_back(einsum);
  return result;
}
