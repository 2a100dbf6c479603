//===- CascadeText.cpp - Cascades as people write them --------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/CascadeText.h"
#include "attn/Analysis/ExtentFormula.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Format.h"

using namespace mlir;
using namespace mlir::attn;

void TextTable::print(raw_ostream &os, unsigned indent) const {
  SmallVector<size_t> widths;
  for (const auto &row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (auto [cell, width] : llvm::zip(row, widths))
      width = std::max(width, cell.size());
  }
  for (const auto &row : rows) {
    std::string line(indent, ' ');
    for (auto [cell, width] : llvm::zip(row, widths))
      line += cell + std::string(width - cell.size() + 2, ' ');
    os << StringRef(line).rtrim() << "\n";
  }
}

std::string attn::getLocationText(Location loc) {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (auto file = loc->findInstanceOf<FileLineColLoc>())
    os << file.getFilename().getValue() << ":" << file.getLine() << ":"
       << file.getColumn();
  else
    os << loc;
  return text;
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

CascadeText::CascadeText(CascadeOp cascade) : cascade(cascade) {
  cascade.getBody().walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (isa<EinsumOp, IterateOp>(op))
      numbers[op] = numbers.size() + 1;
  });
  for (BlockArgument argument : cascade.getBody().getArguments())
    addName(argument, argument.getLoc());
  // What is carried has one name, at different steps.
  cascade.getBody().walk<WalkOrder::PreOrder>([&](IterateOp iterate) {
    for (auto [init, argument, yielded, result] :
         llvm::zip(iterate.getInits(), iterate.getBody().getArguments(),
                   iterate.getYielded(), iterate.getResults())) {
      addName(argument, argument.getLoc());
      if (!names.count(argument))
        addName(argument, yielded.getLoc());
      names[yielded] = names[result] = getName(argument);
      if (init.getDefiningOp<EinsumOp>() && init.hasOneUse())
        names[init] = getName(argument);
    }
  });
  cascade.getBody().walk([&](EinsumOp einsum) {
    if (!names.count(einsum.getResult()))
      addName(einsum.getResult(), einsum.getLoc());
  });
}

/// What an einsum in the body of an iteration does for the carried tensor of
/// the same origin.
static StringRef getStepSuffix(EinsumOp einsum) {
  auto iterate = dyn_cast<IterateOp>(einsum->getParentOp());
  if (!iterate)
    return "";
  if (llvm::is_contained(einsum.getReduced(), iterate.getPointAttr()))
    return "_step";
  auto isCarried = [](Value input) {
    auto argument = dyn_cast<BlockArgument>(input);
    return argument && isa<IterateOp>(argument.getOwner()->getParentOp());
  };
  if (llvm::any_of(einsum.getInputs(), isCarried))
    return llvm::any_of(einsum.getMap()->getOperations(),
                        llvm::IsaPred<arith::SubFOp>)
               ? "_correction"
               : "_repaired";
  return "";
}

void CascadeText::addName(Value tensor, Location loc) {
  auto named = loc->findInstanceOf<NameLoc>();
  if (!named)
    return;
  std::string name = named.getName().str();
  if (auto einsum = tensor.getDefiningOp<EinsumOp>();
      taken.count(name) && einsum)
    name += getStepSuffix(einsum);
  // Several tensors of one origin are told apart by primes.
  unsigned uses = ++taken[name];
  names[tensor] = name + std::string(uses - 1, '\'');
}

std::string CascadeText::getName(Value tensor) const {
  auto found = names.find(tensor);
  if (found != names.end() && !found->second.empty())
    return found->second;
  if (auto argument = dyn_cast<BlockArgument>(tensor)) {
    auto iterate = dyn_cast<IterateOp>(argument.getOwner()->getParentOp());
    if (!iterate)
      return "in" + std::to_string(argument.getArgNumber());
    return getName(iterate.getYielded()[argument.getArgNumber()]);
  }
  std::string name =
      "#" + std::to_string(numbers.lookup(tensor.getDefiningOp()));
  if (auto result = cast<OpResult>(tensor);
      result.getOwner()->getNumResults() > 1)
    name += "." + std::to_string(result.getResultNumber());
  return name;
}

static std::string joinRanks(ArrayRef<StringAttr> ranks) {
  return llvm::join(
      llvm::map_range(ranks, [](StringAttr rank) { return rank.str(); }), ",");
}

std::string CascadeText::getShort(Operation *op) const {
  if (auto iterate = dyn_cast<IterateOp>(op))
    return "#" + std::to_string(numbers.lookup(op)) + " iterate " +
           iterate.getRank().str() + " of " + iterate.getParent().str();
  auto einsum = cast<EinsumOp>(op);
  std::string name = getName(einsum.getResult());
  if (StringRef(name).starts_with("#"))
    name += " ";
  std::string text = name + "[" + joinRanks(einsum.getOutputRanks()) + "]";
  if (std::optional<EinsumReduction> reduction = einsum.getEinsumReduction())
    text += " reduce " + stringifyReductionKind(reduction->kind).str() + "(" +
            joinRanks(reduction->ranks) + ")";
  return text;
}

//===----------------------------------------------------------------------===//
// Notation
//===----------------------------------------------------------------------===//

static void printOperator(raw_ostream &os, AffineExprKind kind) {
  if (kind == AffineExprKind::Add)
    os << "+";
  else if (kind == AffineExprKind::Mul)
    os << "*";
  else if (kind == AffineExprKind::Mod)
    os << " mod ";
  else if (kind == AffineExprKind::CeilDiv)
    os << " ceildiv ";
  else
    os << " floordiv ";
}

void attn::printIndex(raw_ostream &os, AffineExpr expr,
                      const EinsumAccess &access, int level,
                      function_ref<void(const DataIndex &)> printData) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    os << constant.getValue();
    return;
  }
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    os << access.ranks[dim.getPosition()].getValue();
    return;
  }
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr)) {
    const DataIndex *data = access.getData(symbol.getPosition());
    if (data && printData)
      printData(*data);
    else
      os << getExtentSymbol(access.extents[symbol.getPosition()].getValue());
    return;
  }
  auto binary = cast<AffineBinaryOpExpr>(expr);
  bool isSum = expr.getKind() == AffineExprKind::Add;
  bool isNested = level > (isSum ? 0 : 1);
  if (isNested)
    os << "(";
  printIndex(os, binary.getLHS(), access, isSum ? 0 : 1, printData);
  AffineExpr right = binary.getRHS();
  // a + b * -1 reads better as a - b.
  auto product = dyn_cast<AffineBinaryOpExpr>(right);
  auto constant = dyn_cast<AffineConstantExpr>(right);
  auto factor = product && product.getKind() == AffineExprKind::Mul
                    ? dyn_cast<AffineConstantExpr>(product.getRHS())
                    : AffineConstantExpr();
  if (isSum && constant && constant.getValue() < 0) {
    os << "-" << -constant.getValue();
  } else if (isSum && factor && factor.getValue() == -1) {
    os << "-";
    printIndex(os, product.getLHS(), access, 2, printData);
  } else {
    printOperator(os, expr.getKind());
    printIndex(os, right, access, isSum ? 0 : 2, printData);
  }
  if (isNested)
    os << ")";
}

std::string CascadeText::getReference(EinsumOp reader, unsigned input) const {
  EinsumAccess access = reader.getAccess(input);
  std::string text = getName(access.tensor);
  llvm::raw_string_ostream os(text);
  SmallVector<std::string> indices;
  // A carried tensor is read at the step that left it.
  if (auto argument = dyn_cast<BlockArgument>(access.tensor))
    if (auto iterate = dyn_cast<IterateOp>(argument.getOwner()->getParentOp()))
      indices.push_back(iterate.getRank().str());
  if (auto einsum = access.tensor.getDefiningOp<EinsumOp>())
    if (auto iterate = dyn_cast<IterateOp>(einsum->getParentOp());
        iterate && llvm::is_contained(iterate.getYielded(), access.tensor))
      indices.push_back(iterate.getRank().str() + "+1");
  if (auto iterate = access.tensor.getDefiningOp<IterateOp>())
    indices.push_back(getExtentSymbol(iterate.getRank()));
  for (AffineExpr expr : access.map.getResults()) {
    std::string &index = indices.emplace_back();
    llvm::raw_string_ostream stream(index);
    auto printData = [&](const DataIndex &data) {
      stream << getName(data.tensor) << "[";
      llvm::interleave(
          data.map.getResults(), stream,
          [&](AffineExpr inner) { printIndex(stream, inner, access, 0); }, ",");
      stream << "]";
    };
    printIndex(stream, expr, access, 0, printData);
  }
  os << "[" << llvm::join(indices, ",") << "]";
  return text;
}

std::string CascadeText::getResult(EinsumOp einsum) const {
  SmallVector<std::string> indices;
  if (auto iterate = dyn_cast<IterateOp>(einsum->getParentOp());
      iterate && llvm::is_contained(iterate.getYielded(), einsum.getResult()))
    indices.push_back(iterate.getRank().str() + "+1");
  for (Operation *user : einsum.getResult().getUsers())
    if (auto iterate = dyn_cast<IterateOp>(user);
        iterate && einsum.getResult().hasOneUse())
      indices.push_back(iterate.getRank().str() + "=0");
  for (StringAttr rank : einsum.getOutputRanks())
    indices.push_back(rank.str());
  return getName(einsum.getResult()) + "[" + llvm::join(indices, ",") + "]";
}

namespace {
/// An infix operator; a larger precedence binds tighter.
struct Infix {
  StringRef symbol;
  int precedence;
};
} // namespace

static std::string getConstantText(Attribute value) {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (auto number = dyn_cast<FloatAttr>(value)) {
    double real = number.getValueAsDouble();
    if (number.getValue().isLargest())
      os << (real < 0 ? "lowest" : "largest");
    else
      os << llvm::format("%g", real);
  } else if (auto integer = dyn_cast<IntegerAttr>(value)) {
    os << integer.getValue();
  } else {
    os << value;
  }
  return text;
}

/// What an operation is called in a formula: `exp`, `max`, `ugt`.
static std::string getFunctionName(Operation *op) {
  if (isa<arith::MaximumFOp, arith::MaxNumFOp, arith::MaxSIOp>(op))
    return "max";
  if (isa<arith::MinimumFOp, arith::MinNumFOp, arith::MinSIOp>(op))
    return "min";
  if (auto compare = dyn_cast<arith::CmpFOp>(op))
    return stringifyCmpFPredicate(compare.getPredicate()).str();
  if (auto compare = dyn_cast<arith::CmpIOp>(op))
    return stringifyCmpIPredicate(compare.getPredicate()).str();
  StringRef name = op->getName().stripDialect();
  if (isa<math::AbsFOp, math::AbsIOp>(op))
    return "abs";
  return name.str();
}

/// The sign of a comparison, where C's has the same results for NaN; empty for
/// others.
static StringRef getComparisonSign(Operation *op) {
  if (!isa<arith::CmpFOp, arith::CmpIOp>(op))
    return {};
  return llvm::StringSwitch<StringRef>(getFunctionName(op))
      .Case("oeq", " == ")
      .Case("eq", " == ")
      .Case("une", " != ")
      .Case("ne", " != ")
      .Case("olt", " < ")
      .Case("slt", " < ")
      .Case("ole", " <= ")
      .Case("sle", " <= ")
      .Case("ogt", " > ")
      .Case("sgt", " > ")
      .Case("oge", " >= ")
      .Case("sge", " >= ")
      .Default({});
}

static std::optional<Infix> getInfix(Operation *op) {
  if (StringRef sign = getComparisonSign(op); !sign.empty())
    return Infix{sign, 0};
  if (isa<arith::AddFOp, arith::AddIOp>(op))
    return Infix{" + ", 1};
  if (isa<arith::SubFOp, arith::SubIOp>(op))
    return Infix{" - ", 1};
  if (isa<arith::MulFOp, arith::MulIOp>(op))
    return Infix{" * ", 2};
  if (isa<arith::DivFOp, arith::DivSIOp, arith::DivUIOp>(op))
    return Infix{" / ", 2};
  return std::nullopt;
}

std::string CascadeText::getExpression(EinsumOp einsum, Value value,
                                       int level) const {
  if (auto argument = dyn_cast<BlockArgument>(value);
      argument && argument.getOwner() == einsum.getMap())
    return getReference(einsum, argument.getArgNumber());
  Operation *op = value.getDefiningOp();
  if (auto argument = dyn_cast<BlockArgument>(value);
      argument && argument.getOwner() == einsum.getCombinerBlock())
    return argument.getArgNumber() == 0 ? "a" : "b";
  if (!op)
    return getName(value);
  Attribute constant;
  if (matchPattern(op, m_Constant(&constant)))
    return getConstantText(constant);
  if (auto index = dyn_cast<IndexOp>(op))
    return index.getRank().str();
  // Conversions of type are no part of the formula.
  if (isa<CastOpInterface>(op))
    return getExpression(einsum, op->getOperand(0), level);
  if (isa<arith::NegFOp>(op))
    return "-" + getExpression(einsum, op->getOperand(0), 3);
  if (std::optional<Infix> infix = getInfix(op)) {
    std::string text =
        getExpression(einsum, op->getOperand(0), infix->precedence) +
        infix->symbol.str() +
        getExpression(einsum, op->getOperand(1), infix->precedence + 1);
    return level > infix->precedence ? "(" + text + ")" : text;
  }
  SmallVector<std::string> operands;
  for (Value operand : op->getOperands())
    operands.push_back(getExpression(einsum, operand, 0));
  return getFunctionName(op) + "(" + llvm::join(operands, ", ") + ")";
}

/// The name of a reduction, or what its region computes from `a` and `b`.
std::string CascadeText::getReductionText(EinsumOp einsum) const {
  Block *combiner = einsum.getCombinerBlock();
  if (!combiner)
    return stringifyReductionKind(*einsum.getReduction()).str();
  return "{" +
         getExpression(einsum, combiner->getTerminator()->getOperand(0), 0) +
         " from " + getConstantText(einsum.getIdentityAttr()) + "}";
}

std::string CascadeText::getNotation(EinsumOp einsum) const {
  std::string text = getResult(einsum) + " = " +
                     getExpression(einsum, einsum.getMapResult(), 0);
  if (std::optional<EinsumReduction> reduction = einsum.getEinsumReduction())
    text += " :: " + getReductionText(einsum) + "(" +
            joinRanks(reduction->ranks) + ")";
  return text;
}
