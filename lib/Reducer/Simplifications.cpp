//===- Simplifications.cpp - Ways to make a cascade smaller ---------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/CascadeUtils.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Reducer/Reducer.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/BitVector.h"

using namespace mlir;
using namespace mlir::attn;

/// Where each operation offers `count` choices: the operation and the choice
/// with number `site` in the module, or null.
template <typename OpT>
static std::pair<OpT, unsigned> getChoice(ModuleOp module, unsigned site,
                                          function_ref<unsigned(OpT)> count) {
  OpT found = nullptr;
  module.walk([&](OpT op) {
    unsigned choices = count(op);
    if (site >= choices) {
      site -= choices;
      return WalkResult::advance();
    }
    found = op;
    return WalkResult::interrupt();
  });
  return {found, site};
}

/// The operation of type OpT with number `site` in the module, or null.
template <typename OpT>
static OpT getSite(ModuleOp module, unsigned site) {
  return getChoice<OpT>(module, site, [](OpT) { return 1u; }).first;
}

static unsigned countInputs(EinsumOp einsum) {
  return einsum.getInputs().size();
}

/// Gives a cascade another sparsity, or none.
static void replaceSparsity(CascadeOp cascade, SparsityAttr sparsity) {
  CascadeSpace space = cascade.getSpace();
  space.sparsity = sparsity;
  IRRewriter rewriter(cascade.getContext());
  cascade.replaceSpace(rewriter, space);
}

/// Takes all restrictions from a cascade.
static CascadeOp removePlane(CascadeOp cascade) {
  CascadeSpace space;
  space.origins = cascade.getSpace().origins;
  IRRewriter rewriter(cascade.getContext());
  return cascade.replaceSpace(rewriter, space);
}

//===----------------------------------------------------------------------===//
// Inputs and results
//===----------------------------------------------------------------------===//

/// Gives `cascade` other results and leaves out unused inputs.
static CascadeOp rebuildCascade(CascadeOp cascade,
                                const llvm::BitVector &erasedInputs,
                                const llvm::BitVector &erasedResults) {
  Block &body = cascade.getBody().front();
  OpBuilder builder(cascade);
  auto properties = cascade.getProperties();
  // Lengths, origins and an offset name their input by position.
  CascadeSpace space = cascade.getSpace().map(
      [&](int64_t input) {
        int64_t before = 0;
        for (int64_t other = 0; other < input; ++other)
          before += erasedInputs.test(other);
        return input - before;
      },
      [](StringAttr rank) { return rank; });
  SmallVector<Value> inputs;
  for (auto [index, input] : llvm::enumerate(cascade.getInputs()))
    if (!erasedInputs.test(index))
      inputs.push_back(input);
  SmallVector<Type> types;
  for (auto [index, type] : llvm::enumerate(cascade.getResultTypes()))
    if (!erasedResults.test(index))
      types.push_back(type);
  OperationState state(cascade.getLoc(), CascadeOp::getOperationName());
  state.addOperands(inputs);
  state.addTypes(types);
  state.getOrAddProperties<CascadeOp::Properties>() = properties;
  Region *region = state.addRegion();
  body.getTerminator()->eraseOperands(erasedResults);
  body.eraseArguments(erasedInputs);
  region->takeBody(cascade.getBody());
  for (Region &predicate : cascade.getPredicates())
    state.addRegion()->takeBody(predicate);
  auto rebuilt = cast<CascadeOp>(builder.create(state));
  rebuilt.setSpace(space);
  unsigned next = 0;
  for (OpResult result : cascade->getResults())
    if (!erasedResults.test(result.getResultNumber()))
      result.replaceAllUsesWith(rebuilt->getResult(next++));
  cascade.erase();
  return rebuilt;
}

/// Removes result `site` of the functions, and what only it needed.
static Simplified dropResult(ModuleOp module, unsigned site) {
  for (auto function : module.getOps<func::FuncOp>()) {
    if (function.isExternal())
      continue;
    unsigned count = function.getNumResults();
    if (site >= count) {
      site -= count;
      continue;
    }
    if (count == 1)
      return Simplified::No;
    (void)function.eraseResult(site);
    function.walk([&](func::ReturnOp op) { op->eraseOperand(site); });
    return Simplified::Yes;
  }
  return Simplified::NoSite;
}

/// Makes the result of an einsum an argument of the function, so that nothing
/// in front of it is needed.
static Simplified cutEinsum(ModuleOp module, unsigned site) {
  auto einsum = getSite<EinsumOp>(module, site);
  if (!einsum)
    return Simplified::NoSite;
  auto cascade = dyn_cast<CascadeOp>(einsum->getParentOp());
  auto function = einsum->getParentOfType<func::FuncOp>();
  if (!cascade || !function || !einsum.getResult() ||
      llvm::is_contained(cascade.getYielded(), einsum.getResult()))
    return Simplified::No;
  Type type = einsum.getResult().getType();
  unsigned position = function.getNumArguments();
  (void)function.insertArgument(position, type, {}, einsum.getLoc());
  cascade->insertOperands(cascade->getNumOperands(),
                          function.getArgument(position));
  Value input = cascade.getBody().front().addArgument(type, einsum.getLoc());
  einsum.getResult().replaceAllUsesWith(input);
  einsum.erase();
  return Simplified::Yes;
}

/// Replaces an einsum or an iteration by something it reads.
static Simplified bypass(ModuleOp module, unsigned site) {
  auto count = [](Operation *op) -> unsigned {
    if (!isa<EinsumOp, IterateOp>(op) || op->getNumResults() == 0)
      return 0;
    return isa<IterateOp>(op) ? 1 : op->getNumOperands();
  };
  auto [found, choice] = getChoice<Operation *>(module, site, count);
  if (!found)
    return Simplified::NoSite;
  if (auto iterate = dyn_cast<IterateOp>(found)) {
    iterate.replaceAllUsesWith(SmallVector<Value>(iterate.getInits()));
  } else {
    if (found->getOperand(choice).getType() != found->getResult(0).getType())
      return Simplified::No;
    found->getResult(0).replaceAllUsesWith(found->getOperand(choice));
  }
  found->erase();
  return Simplified::Yes;
}

//===----------------------------------------------------------------------===//
// The plane
//===----------------------------------------------------------------------===//

/// What a term of a sparsity may become: its own terms.
static void getSmallerTerms(Attribute term, SmallVectorImpl<Attribute> &terms) {
  if (auto all = dyn_cast<AndAttr>(term))
    llvm::append_range(terms, all.getTerms());
  else if (auto any = dyn_cast<OrAttr>(term))
    llvm::append_range(terms, any.getTerms());
  else if (auto inverse = dyn_cast<NotAttr>(term))
    terms.push_back(inverse.getTerm());
  else if (auto permuted = dyn_cast<PermutedAttr>(term))
    terms.push_back(permuted.getTerm());
}

/// Removes the mapping, the plane, lengths, origins, an offset, permutations,
/// segments, the sparsity or a part of it.
static Simplified simplifyPlane(ModuleOp module, unsigned site) {
  constexpr unsigned kChoices = 12;
  unsigned index = site / kChoices;
  auto cascade = getSite<CascadeOp>(module, index);
  if (!cascade)
    return Simplified::NoSite;
  switch (site % kChoices) {
  case 0:
    if (!cascade.hasSpace())
      return Simplified::No;
    removePlane(cascade);
    return Simplified::Yes;
  case 1:
    return cascade.removeMappingAttr() ? Simplified::Yes : Simplified::No;
  case 2:
    if (!cascade.getSparsity())
      return Simplified::No;
    replaceSparsity(cascade, SparsityAttr());
    return Simplified::Yes;
  case 3:
    return cascade.removeKeyLengthsAttr() ? Simplified::Yes : Simplified::No;
  case 4:
    return cascade.removeQueryLengthsAttr() ? Simplified::Yes : Simplified::No;
  case 5:
    return cascade.removeOriginsAttr() ? Simplified::Yes : Simplified::No;
  case 6:
    if (!cascade.removeOffsetAttr())
      return Simplified::No;
    cascade.setAlignment(Alignment::TopLeft);
    return Simplified::Yes;
  case 7:
    return cascade.removePermutationsAttr() ? Simplified::Yes : Simplified::No;
  case 8:
    if (!cascade.getSpace().isPacked())
      return Simplified::No;
    cascade.removeQuerySegmentsAttr();
    cascade.removeKeySegmentsAttr();
    return Simplified::Yes;
  default:
    break;
  }
  if (!cascade.getSparsity())
    return Simplified::No;
  SmallVector<Attribute> terms;
  getSmallerTerms(cascade.getSparsity()->getExpression(), terms);
  unsigned term = site % kChoices - 9;
  if (term >= terms.size())
    return Simplified::No;
  replaceSparsity(cascade,
                  SparsityAttr::get(cascade.getContext(), terms[term]));
  return Simplified::Yes;
}

//===----------------------------------------------------------------------===//
// Maps
//===----------------------------------------------------------------------===//

/// Replaces an operation of a map by one of its operands.
static Simplified simplifyMap(ModuleOp module, unsigned site) {
  auto count = [](Operation *op) -> unsigned {
    bool isInMap = isa_and_nonnull<EinsumOp>(op->getParentOp()) &&
                   !op->hasTrait<OpTrait::IsTerminator>();
    return isInMap ? op->getNumOperands() : 0;
  };
  auto [found, choice] = getChoice<Operation *>(module, site, count);
  if (!found)
    return Simplified::NoSite;
  Value operand = found->getOperand(choice);
  if (found->getNumResults() != 1 ||
      operand.getType() != found->getResult(0).getType())
    return Simplified::No;
  found->getResult(0).replaceAllUsesWith(operand);
  found->erase();
  return Simplified::Yes;
}

/// Makes a map yield one of its arguments.
static Simplified yieldArgument(ModuleOp module, unsigned site) {
  auto [found, choice] = getChoice<EinsumOp>(module, site, countInputs);
  if (!found)
    return Simplified::NoSite;
  BlockArgument argument = found.getMap()->getArgument(choice);
  if (found.getMapResult() == argument ||
      found.getMapResult().getType() != argument.getType())
    return Simplified::No;
  found.getMap()->getTerminator()->setOperand(0, argument);
  return Simplified::Yes;
}

/// Whether the accesses index every rank that the einsum reduces (EI-5).
static bool indexesReducedRanks(EinsumOp einsum,
                                ArrayRef<EinsumAccess> accesses) {
  return llvm::all_of(einsum.getReduced(), [&](StringAttr rank) {
    return llvm::any_of(accesses, [&](const EinsumAccess &access) {
      return llvm::is_contained(getAccessRanks(access), rank);
    });
  });
}

/// Leaves out an operand of an einsum: its values become 1.
static Simplified dropOperand(ModuleOp module, unsigned site) {
  auto [found, choice] = getChoice<EinsumOp>(module, site, countInputs);
  if (!found)
    return Simplified::NoSite;
  BlockArgument argument = found.getMap()->getArgument(choice);
  SmallVector<EinsumAccess> rest;
  for (unsigned index = 0; index < found.getInputs().size(); ++index)
    if (index != choice)
      rest.push_back(found.getAccess(index));
  if (argument.use_empty() || isa<IndexType>(argument.getType()) ||
      !indexesReducedRanks(found, rest))
    return Simplified::No;
  OpBuilder builder = OpBuilder::atBlockBegin(found.getMap());
  TypedAttr one = builder.getOneAttr(argument.getType());
  argument.replaceAllUsesWith(
      arith::ConstantOp::create(builder, found.getLoc(), one));
  return Simplified::Yes;
}

//===----------------------------------------------------------------------===//
// Ranks
//===----------------------------------------------------------------------===//

namespace {

/// Removes one rank from a cascade whose einsums index by it alone wherever
/// they use it.
class RankRemover {
public:
  RankRemover(CascadeOp cascade, StringAttr rank)
      : cascade(cascade), rank(rank) {}

  bool run();

private:
  bool collect();

  CascadeOp cascade;
  StringAttr rank;
  /// Dimensions that go, by tensor.
  llvm::MapVector<Value, llvm::BitVector> dims;
};

} // namespace

static bool isRank(const EinsumAccess &access, AffineExpr expr,
                   StringAttr rank) {
  auto dim = dyn_cast<AffineDimExpr>(expr);
  return dim && access.ranks[dim.getPosition()] == rank;
}

bool RankRemover::collect() {
  CascadeSpace space = cascade.getSpace();
  auto isIn = [&](AccessAttr access) {
    return llvm::is_contained(access.getRanks(), rank);
  };
  if (llvm::any_of(space.getAccesses(), isIn) || space.getOrigin(rank) ||
      llvm::is_contained(space.getIndexedRanks(), rank) || cascade.getMapping())
    return false;
  bool works = !cascade.walk([](IterateOp) { return WalkResult::interrupt(); })
                    .wasInterrupted();
  cascade.walk([&](EinsumOp einsum) {
    if (!einsum.getResult() || !einsum.getIndices().empty())
      works = false;
    for (unsigned index = 0; works && index < einsum.getInputs().size();
         ++index) {
      EinsumAccess access = einsum.getAccess(index);
      if (llvm::is_contained(access.extents, rank)) {
        works = false;
        break;
      }
      llvm::BitVector erased(access.map.getNumResults());
      for (auto [dim, expr] : llvm::enumerate(access.map.getResults())) {
        bool uses = false;
        for (auto [position, name] : llvm::enumerate(access.ranks))
          uses |= name == rank && expr.isFunctionOfDim(position);
        if (isRank(access, expr, rank))
          erased.set(dim);
        else
          works &= !uses;
      }
      auto [known, isNew] = dims.insert({access.tensor, erased});
      works &= isNew || known->second == erased;
    }
    if (!works)
      return;
    llvm::BitVector erased(einsum.getOutputRank());
    for (auto [dim, name] : llvm::enumerate(einsum.getOutputRanks()))
      if (name == rank)
        erased.set(dim);
    auto [known, isNew] = dims.insert({einsum.getResult(), erased});
    works &= isNew || known->second == erased;
  });
  return works;
}

static RankedTensorType dropDims(Type type, const llvm::BitVector &erased) {
  auto tensor = cast<RankedTensorType>(type);
  SmallVector<int64_t> shape;
  for (auto [dim, size] : llvm::enumerate(tensor.getShape()))
    if (!erased.test(dim))
      shape.push_back(size);
  return RankedTensorType::get(shape, tensor.getElementType());
}

bool RankRemover::run() {
  if (!collect() ||
      llvm::none_of(dims, [](auto &entry) { return entry.second.any(); }))
    return false;
  auto function = cascade->getParentOfType<func::FuncOp>();
  if (!function)
    return false;
  // Inputs and results are arguments and results of the function.
  for (auto [input, argument] :
       llvm::zip_equal(cascade.getInputs(), cascade.getBody().getArguments())) {
    auto *found = dims.find(argument);
    if (found == dims.end() || found->second.none())
      continue;
    auto outside = dyn_cast<BlockArgument>(input);
    if (!outside || !outside.hasOneUse())
      return false;
    Type type = dropDims(argument.getType(), found->second);
    argument.setType(type);
    outside.setType(type);
  }
  SmallVector<EinsumOp> einsums;
  cascade.walk([&](EinsumOp einsum) { einsums.push_back(einsum); });
  for (EinsumOp einsum : einsums) {
    OpBuilder builder(einsum);
    SmallVector<EinsumAccess> accesses;
    for (unsigned index = 0; index < einsum.getInputs().size(); ++index) {
      EinsumAccess access = einsum.getAccess(index);
      SmallVector<AffineExpr> exprs;
      for (AffineExpr expr : access.map.getResults())
        if (!isRank(access, expr, rank))
          exprs.push_back(expr);
      access.map =
          AffineMap::get(access.map.getNumDims(), access.map.getNumSymbols(),
                         exprs, builder.getContext());
      accesses.push_back(access);
    }
    SmallVector<StringAttr> ranks = einsum.getOutputRanks();
    llvm::BitVector erased(ranks.size());
    for (auto [dim, name] : llvm::enumerate(ranks))
      if (name == rank)
        erased.set(dim);
    Type type = dropDims(einsum.getResult().getType(), erased);
    llvm::erase(ranks, rank);
    std::optional<EinsumReduction> reduction = einsum.getEinsumReduction();
    if (reduction) {
      llvm::erase(reduction->ranks, rank);
      if (reduction->ranks.empty())
        reduction.reset();
    }
    einsum.walk([&](IndexOp op) {
      if (op.getRankAttr() != rank)
        return;
      OpBuilder at(op);
      op.replaceAllUsesWith(
          arith::ConstantIndexOp::create(at, op.getLoc(), 0).getResult());
    });
    auto smaller = EinsumOp::create(
        builder, einsum.getLoc(), type, ranks, accesses, reduction,
        [&](OpBuilder &inner, Location loc, ValueRange args) {
          return cloneExpression(inner, einsum.getMapResult(), einsum.getMap(),
                                 args);
        });
    einsum.getResult().replaceAllUsesWith(smaller.getResult());
    einsum.erase();
  }
  if (cascade.getQueryRankAttr() == rank || cascade.getKeyRankAttr() == rank)
    cascade = removePlane(cascade);
  for (auto [result, yielded] :
       llvm::zip_equal(cascade->getResults(), cascade.getYielded()))
    result.setType(yielded.getType());
  Operation *end = function.getBody().front().getTerminator();
  function.setFunctionType(FunctionType::get(
      cascade.getContext(), function.getBody().getArgumentTypes(),
      end->getOperandTypes()));
  return true;
}

static Simplified dropRank(ModuleOp module, unsigned site) {
  auto count = [](CascadeOp cascade) -> unsigned {
    return cascade.getRankExtents().size();
  };
  auto [cascade, choice] = getChoice<CascadeOp>(module, site, count);
  if (!cascade)
    return Simplified::NoSite;
  auto ranks = cascade.getRankExtents();
  StringAttr rank = std::next(ranks.begin(), choice)->first;
  return RankRemover(cascade, rank).run() ? Simplified::Yes : Simplified::No;
}

//===----------------------------------------------------------------------===//
// Clean-up
//===----------------------------------------------------------------------===//

/// Erases operations of maps that nothing uses, and operands whose values
/// nothing uses, as far as the reduced ranks allow it.
static void trimEinsum(EinsumOp einsum) {
  SmallVector<Operation *> ops;
  for (Operation &op : einsum.getMap()->without_terminator())
    ops.push_back(&op);
  for (Operation *op : llvm::reverse(ops))
    if (op->use_empty())
      op->erase();
  SmallVector<EinsumAccess> accesses;
  bool drops = false;
  for (unsigned index = 0; index < einsum.getInputs().size(); ++index) {
    if (einsum.getMap()->getArgument(index).use_empty())
      drops = true;
    else
      accesses.push_back(einsum.getAccess(index));
  }
  if (!drops || !einsum.getResult() || !indexesReducedRanks(einsum, accesses))
    return;
  OpBuilder builder(einsum);
  auto trimmed = EinsumOp::create(
      builder, einsum.getLoc(), einsum.getResult().getType(),
      einsum.getOutputRanks(), accesses, einsum.getEinsumReduction(),
      [&](OpBuilder &inner, Location loc, ValueRange args) {
        // The arguments that stay, in order; the others are not looked at.
        SmallVector<Value> all;
        unsigned next = 0;
        for (BlockArgument argument : einsum.getMap()->getArguments())
          all.push_back(argument.use_empty() ? Value() : args[next++]);
        IRMapping mapping;
        for (auto [argument, value] :
             llvm::zip_equal(einsum.getMap()->getArguments(), all))
          if (value)
            mapping.map(argument, value);
        return cloneExpression(inner, einsum.getMapResult(), einsum.getMap(),
                               mapping);
      });
  einsum.getResult().replaceAllUsesWith(trimmed.getResult());
  einsum.erase();
}

void mlir::attn::removeUnused(ModuleOp module) {
  SmallVector<CascadeOp> cascades;
  module.walk([&](CascadeOp cascade) { cascades.push_back(cascade); });
  for (CascadeOp cascade : llvm::reverse(cascades)) {
    if (cascade.use_empty()) {
      cascade.erase();
      continue;
    }
    llvm::BitVector noInputs(cascade.getInputs().size());
    llvm::BitVector unusedResults(cascade->getNumResults());
    for (OpResult result : cascade->getResults())
      if (result.use_empty())
        unusedResults.set(result.getResultNumber());
    if (unusedResults.any())
      cascade = rebuildCascade(cascade, noInputs, unusedResults);
    eraseDeadEinsums(cascade.getBody().front());
    SmallVector<EinsumOp> einsums;
    cascade.walk([&](EinsumOp einsum) { einsums.push_back(einsum); });
    llvm::for_each(einsums, trimEinsum);
    eraseDeadEinsums(cascade.getBody().front());
    llvm::BitVector unusedInputs(cascade.getInputs().size());
    CascadeSpace space = cascade.getSpace();
    for (BlockArgument argument : cascade.getBody().getArguments()) {
      int64_t number = argument.getArgNumber();
      auto names = [&](AccessAttr access) {
        return access.getInput() == number;
      };
      if (argument.use_empty() && llvm::none_of(space.getAccesses(), names))
        unusedInputs.set(number);
    }
    if (unusedInputs.any())
      rebuildCascade(cascade, unusedInputs,
                     llvm::BitVector(cascade->getNumResults()));
  }
  for (auto function : module.getOps<func::FuncOp>()) {
    if (function.isExternal() || !function.isPublic())
      continue;
    llvm::BitVector unused(function.getNumArguments());
    for (BlockArgument argument : function.getArguments())
      if (argument.use_empty())
        unused.set(argument.getArgNumber());
    (void)function.eraseArguments(unused);
  }
}

ArrayRef<Simplification> mlir::attn::getSimplifications() {
  static const Simplification table[] = {
      {"drop-result", dropResult},
      {"cut-einsum", cutEinsum},
      {"bypass", bypass},
      {"simplify-plane", simplifyPlane},
      {"yield-argument", yieldArgument},
      {"simplify-map", simplifyMap},
      {"drop-operand", dropOperand},
      {"drop-rank", dropRank},
  };
  return table;
}
