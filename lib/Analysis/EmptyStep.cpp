//===- EmptyStep.cpp - Steps in which no point is live --------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/EmptyStep.h"
#include "attn/Analysis/CascadeUtils.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::attn;

namespace {

/// Scalars at one point of a row, numbered so that equal expressions have equal
/// numbers.
class StepFolder {
public:
  explicit StepFolder(IterateOp iterate)
      : iterate(iterate), cascade(iterate->getParentOfType<CascadeOp>()) {}

  bool isNeutral();

private:
  /// An expression: an operation on others, or a leaf that is only equal to
  /// itself.
  struct Node {
    StringRef name;
    Attribute attribute;
    SmallVector<unsigned> operands;

    bool operator==(const Node &other) const {
      return name == other.name && attribute == other.attribute &&
             operands == other.operands;
    }
  };

  unsigned number(Node node);
  unsigned leaf();
  unsigned constant(double value);
  std::optional<double> getConstant(unsigned node) const;

  unsigned evaluate(EinsumOp einsum);
  unsigned evaluate(Value value, EinsumOp einsum, ArrayRef<unsigned> arguments);
  unsigned fold(Operation *op, ArrayRef<unsigned> operands);
  std::optional<unsigned> foldToConstant(Operation *op,
                                         ArrayRef<unsigned> operands);
  bool reducesLivePoints(EinsumOp einsum);
  std::optional<unsigned> findCombined(EinsumOp einsum);

  IterateOp iterate;
  CascadeOp cascade;
  std::vector<Node> nodes;
  /// The number of each tensor and the ranks at which it is read there.
  llvm::DenseMap<Value, unsigned> values;
  llvm::DenseMap<Value, SmallVector<StringAttr>> ranks;
  /// Tensors that the loop reads, by a number of their own.
  llvm::DenseMap<Value, unsigned> outside;
};

} // namespace

unsigned StepFolder::number(Node node) {
  auto found = llvm::find(nodes, node);
  unsigned index = std::distance(nodes.begin(), found);
  if (found == nodes.end())
    nodes.push_back(std::move(node));
  return index;
}

unsigned StepFolder::leaf() {
  nodes.push_back({"leaf",
                   IntegerAttr::get(IndexType::get(iterate.getContext()),
                                    static_cast<int64_t>(nodes.size())),
                   {}});
  return nodes.size() - 1;
}

unsigned StepFolder::constant(double value) {
  return number({"constant",
                 FloatAttr::get(Float64Type::get(iterate.getContext()), value),
                 {}});
}

std::optional<double> StepFolder::getConstant(unsigned node) const {
  if (nodes[node].name != "constant")
    return std::nullopt;
  return cast<FloatAttr>(nodes[node].attribute).getValueAsDouble();
}

/// Constants as numbers; integers are exact as far as it matters here.
static std::optional<double> getNumber(Attribute attribute) {
  if (auto value = dyn_cast<FloatAttr>(attribute))
    return value.getValueAsDouble();
  if (auto value = dyn_cast<IntegerAttr>(attribute))
    return value.getValue().getBitWidth() == 1
               ? static_cast<double>(value.getValue().getZExtValue())
               : static_cast<double>(value.getValue().getSExtValue());
  return std::nullopt;
}

/// Whether the einsum combines points of the step that all are dead: it has the
/// query rank, and reduces the points.
bool StepFolder::reducesLivePoints(EinsumOp einsum) {
  return llvm::is_contained(einsum.getReduced(), iterate.getPointAttr()) &&
         einsum.hasRank(cascade.getQueryRankAttr());
}

/// Where `einsum` combines something with what the step reduces by a region, as
/// that region does: the operand that is left if it has combined nothing. That
/// the identity leaves it alone is what the reduction declares.
std::optional<unsigned> StepFolder::findCombined(EinsumOp einsum) {
  if (einsum.getReduction() || einsum.getInputs().size() != 2)
    return std::nullopt;
  for (unsigned position : {0U, 1U}) {
    auto local = einsum.getInputs()[position].getDefiningOp<EinsumOp>();
    if (local && local.getCombinerBlock() && reducesLivePoints(local) &&
        OperationEquivalence::isRegionEquivalentTo(
            &einsum.getBody(), &local.getCombiner().front(),
            OperationEquivalence::Flags::IgnoreLocations))
      return 1 - position;
  }
  return std::nullopt;
}

unsigned StepFolder::evaluate(EinsumOp einsum) {
  if (reducesLivePoints(einsum)) {
    Type type = einsum.getMapResult().getType();
    std::optional<double> identity =
        getNumber(getReductionIdentity(einsum, type));
    return identity ? constant(*identity) : leaf();
  }
  if (einsum.getReduction() || einsum.hasRank(iterate.getPointAttr()) ||
      einsum.hasRank(iterate.getRankAttr()))
    return leaf();
  SmallVector<unsigned> arguments;
  for (unsigned index = 0; index < einsum.getInputs().size(); ++index) {
    EinsumAccess access = einsum.getAccess(index);
    std::optional<SmallVector<StringAttr>> plain = getPlainRanks(access);
    auto known = values.find(access.tensor);
    if (known != values.end() && plain && *plain == ranks[access.tensor]) {
      arguments.push_back(known->second);
      continue;
    }
    // What stands outside of the loop is the same in every step; it is equal to
    // what is read at the same place.
    auto isInLoop = [&](Value tensor) {
      return iterate->isAncestor(tensor.getParentBlock()->getParentOp());
    };
    if (isInLoop(access.tensor) ||
        llvm::any_of(access.data, [&](const DataIndex &data) {
          return isInLoop(data.tensor);
        })) {
      arguments.push_back(leaf());
      continue;
    }
    Builder builder(iterate.getContext());
    unsigned tensor =
        outside.insert({access.tensor, outside.size()}).first->second;
    SmallVector<Attribute> place{AffineMapAttr::get(access.map),
                                 builder.getIndexAttr(tensor)};
    llvm::append_range(place, access.ranks);
    llvm::append_range(place, access.extents);
    for (const DataIndex &data : access.data) {
      unsigned table =
          outside.insert({data.tensor, outside.size()}).first->second;
      llvm::append_range(place,
                         ArrayRef<Attribute>{builder.getIndexAttr(table),
                                             AffineMapAttr::get(data.map)});
    }
    arguments.push_back(number({"load", builder.getArrayAttr(place), {}}));
  }
  if (std::optional<unsigned> left = findCombined(einsum))
    return arguments[*left];
  return evaluate(einsum.getMapResult(), einsum, arguments);
}

unsigned StepFolder::evaluate(Value value, EinsumOp einsum,
                              ArrayRef<unsigned> arguments) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return argument.getOwner() == einsum.getMap()
               ? arguments[argument.getArgNumber()]
               : leaf();
  Operation *op = value.getDefiningOp();
  Attribute attribute;
  if (matchPattern(value, m_Constant(&attribute)))
    if (std::optional<double> number = getNumber(attribute))
      return constant(*number);
  SmallVector<unsigned> operands;
  for (Value operand : op->getOperands())
    operands.push_back(evaluate(operand, einsum, arguments));
  return fold(op, operands);
}

std::optional<unsigned>
StepFolder::foldToConstant(Operation *op, ArrayRef<unsigned> operands) {
  auto is = [&](unsigned operand, double value) {
    return getConstant(operands[operand]) == value;
  };
  if (isa<arith::SubFOp, arith::SubIOp>(op) && operands[0] == operands[1])
    return constant(0);
  // Where a divisor is 0, what it corrects is still empty.
  if (isa<arith::DivFOp>(op) && operands[0] == operands[1])
    return constant(1);
  if (isa<math::ExpOp, math::Exp2Op>(op) && is(0, 0))
    return constant(1);
  if (isa<arith::MulFOp, arith::MulIOp>(op) && (is(0, 0) || is(1, 0)))
    return constant(0);
  if (isa<arith::DivFOp, arith::NegFOp, math::AbsFOp, math::SqrtOp>(op) &&
      is(0, 0))
    return constant(0);
  if (isa<math::SqrtOp, math::AbsFOp>(op) && is(0, 1))
    return constant(1);
  return std::nullopt;
}

/// The other operand if `op` combines with an identity of its own: x + 0 is x.
static bool isIdentityOf(Operation *op, double value, unsigned position) {
  Type type = op->getResult(0).getType();
  auto is = [&](ReductionKind kind) {
    return getNumber(getReductionIdentity(kind, type)) == value;
  };
  if (isa<arith::AddFOp, arith::AddIOp>(op))
    return value == 0;
  if (isa<arith::SubFOp, arith::SubIOp>(op))
    return value == 0 && position == 1;
  if (isa<arith::MulFOp, arith::MulIOp>(op))
    return value == 1;
  if (isa<arith::DivFOp>(op))
    return value == 1 && position == 1;
  if (isa<arith::MaximumFOp, arith::MaxNumFOp>(op))
    return is(ReductionKind::Max) || value == -INFINITY;
  if (isa<arith::MinimumFOp, arith::MinNumFOp>(op))
    return is(ReductionKind::Min) || value == INFINITY;
  if (isa<arith::MaxSIOp>(op))
    return is(ReductionKind::Max);
  if (isa<arith::MinSIOp>(op))
    return is(ReductionKind::Min);
  if (isa<arith::AndIOp>(op))
    return is(ReductionKind::And);
  if (isa<arith::OrIOp, arith::XOrIOp>(op))
    return value == 0;
  return false;
}

unsigned StepFolder::fold(Operation *op, ArrayRef<unsigned> operands) {
  if (op->getNumResults() != 1 || isa<IndexOp>(op))
    return leaf();
  if (isa<arith::ExtFOp, arith::TruncFOp>(op))
    return operands[0];
  if (std::optional<unsigned> folded = foldToConstant(op, operands))
    return *folded;
  if (operands.size() == 2)
    for (unsigned position : {0U, 1U})
      if (std::optional<double> value = getConstant(operands[position]))
        if (isIdentityOf(op, *value, position))
          return operands[1 - position];
  if (isa<arith::MaximumFOp, arith::MinimumFOp, arith::MaxNumFOp,
          arith::MinNumFOp, arith::MaxSIOp, arith::MinSIOp, arith::AndIOp,
          arith::OrIOp>(op) &&
      operands[0] == operands[1])
    return operands[0];
  if (isa<arith::SelectOp>(op)) {
    if (operands[1] == operands[2])
      return operands[1];
    // (x == c ? c : x) is x, whatever else has to hold.
    SmallVector<unsigned> conjuncts{operands[0]};
    for (unsigned index = 0; index < conjuncts.size(); ++index) {
      const Node &test = nodes[conjuncts[index]];
      if (test.name == "arith.andi")
        llvm::append_range(conjuncts, test.operands);
      if (test.name == "arith.cmpf" && test.operands.size() == 2 &&
          test.operands[0] == operands[2] && test.operands[1] == operands[1] &&
          test.attribute ==
              IntegerAttr::get(IntegerType::get(op->getContext(), 64),
                               static_cast<int64_t>(arith::CmpFPredicate::OEQ)))
        return operands[2];
    }
  }
  Attribute attribute;
  if (auto compare = dyn_cast<arith::CmpFOp>(op))
    attribute = IntegerAttr::get(IntegerType::get(op->getContext(), 64),
                                 static_cast<int64_t>(compare.getPredicate()));
  else if (auto compare = dyn_cast<arith::CmpIOp>(op))
    attribute = IntegerAttr::get(IntegerType::get(op->getContext(), 64),
                                 static_cast<int64_t>(compare.getPredicate()));
  return number({op->getName().getStringRef(), attribute,
                 SmallVector<unsigned>(operands)});
}

bool StepFolder::isNeutral() {
  Block &body = iterate.getBody().front();
  for (auto [argument, yielded] :
       llvm::zip_equal(body.getArguments(), iterate.getYielded())) {
    values[argument] = leaf();
    if (auto next = yielded.getDefiningOp<EinsumOp>())
      ranks[argument] = next.getOutputRanks();
  }
  for (Operation &op : body.without_terminator()) {
    auto einsum = dyn_cast<EinsumOp>(op);
    if (!einsum) {
      for (Value result : op.getResults())
        values[result] = leaf();
      continue;
    }
    values[einsum.getResult()] = evaluate(einsum);
    ranks[einsum.getResult()] = einsum.getOutputRanks();
  }
  return llvm::all_of(
      llvm::zip_equal(body.getArguments(), iterate.getYielded()),
      [&](auto pair) {
        auto [argument, yielded] = pair;
        return argument == yielded || (values.contains(yielded) &&
                                       values[yielded] == values[argument]);
      });
}

bool mlir::attn::isEmptyStepNeutral(IterateOp iterate) {
  return StepFolder(iterate).isNeutral();
}
