//===- SinglePassWriter.cpp - Write the loop of a cascade -----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SinglePassWriter.h"
#include "attn/Analysis/CascadeUtils.h"

using namespace mlir;
using namespace mlir::attn;

using Role = StreamingAnalysis::Role;

void SinglePassWriter::nameRanks() {
  llvm::SmallDenseSet<StringRef> taken;
  cascade.getBody().walk([&](EinsumOp einsum) {
    for (StringAttr rank : einsum.getRankNames())
      taken.insert(rank.getValue());
  });
  std::string base = parent.getValue().str();
  while (taken.contains(base + "1") || taken.contains(base + "0"))
    base += "_";
  step = builder.getStringAttr(base + "1");
  point = builder.getStringAttr(base + "0");
}

SmallVector<StringAttr>
SinglePassWriter::getStepRanks(ArrayRef<StringAttr> ranks) {
  return llvm::map_to_vector(
      ranks, [&](StringAttr rank) { return rank == parent ? point : rank; });
}

RankedTensorType SinglePassWriter::getStepType(EinsumOp einsum) {
  auto type = cast<RankedTensorType>(einsum.getOutputType());
  SmallVector<int64_t> shape(type.getShape());
  for (auto [rank, size] : llvm::zip(einsum.getOutputRanks(), shape))
    if (rank == parent)
      size = stepExtent.value_or(ShapedType::kDynamic);
  return RankedTensorType::get(shape, type.getElementType());
}

RankedTensorType SinglePassWriter::getCarriedType(EinsumOp einsum) {
  return RankedTensorType::get(einsum.getOutputType().getShape(),
                               einsum.getMapResult().getType());
}

Value SinglePassWriter::copy(EinsumOp einsum, State &state, bool inLoop,
                             std::optional<Type> resultType) {
  llvm::MapVector<StringAttr, RankExpression> partition, points;
  MLIRContext *context = builder.getContext();
  AffineExpr stepExpr = getAffineDimExpr(0, context);
  AffineExpr pointExpr = getAffineDimExpr(1, context);
  AffineExpr extent = getAffineSymbolExpr(0, context);
  partition[parent] =
      RankExpression{stepExpr * extent + pointExpr, {step, point}, {point}};
  points[parent] = RankExpression{getAffineDimExpr(0, context), {point}, {}};

  SmallVector<EinsumAccess> accesses;
  for (unsigned index = 0, end = einsum.getInputs().size(); index < end;
       ++index) {
    EinsumAccess access = einsum.getAccess(index);
    if (Value loopTensor = state.tensors.lookup(access.tensor)) {
      access.tensor = loopTensor;
      access = substituteRanks(access, points);
    } else if (analysis.isRunning(access.tensor)) {
      access.tensor = getRunning(access.tensor, state);
    } else if (inLoop) {
      access = substituteRanks(access, partition);
    }
    accesses.push_back(access);
  }
  std::optional<EinsumReduction> reduction = einsum.getEinsumReduction();
  if (reduction)
    reduction->ranks = getStepRanks(reduction->ranks);
  Type type = resultType.value_or(getStepType(einsum));
  auto cloned = EinsumOp::create(
      builder, einsum.getLoc(), type, getStepRanks(einsum.getOutputRanks()),
      accesses, reduction,
      [&](OpBuilder &builder, Location loc, ValueRange args) {
        return cloneExpression(builder, einsum.getMapResult(), einsum.getMap(),
                               args);
      });
  copyNotes(einsum, cloned);
  return cloned.getResult();
}

Value SinglePassWriter::getRunning(Value tensor, State &state) {
  if (Value known = state.tensors.lookup(tensor))
    return known;
  // Computed from running reductions alone: evaluated in this state.
  Value value = copy(tensor.getDefiningOp<EinsumOp>(), state, /*inLoop=*/false);
  state.tensors[tensor] = value;
  return value;
}

/// The ranks over which a correction with these terms varies.
static SmallVector<StringAttr> getTermRanks(ArrayRef<LinearTerm> terms) {
  SmallVector<StringAttr> ranks;
  auto add = [&](const TensorRef &ref) {
    for (StringAttr rank : ref.ranks)
      if (!llvm::is_contained(ranks, rank))
        ranks.push_back(rank);
  };
  for (const LinearTerm &term : terms) {
    add(term.running);
    llvm::for_each(term.factors, add);
    llvm::for_each(term.divisors, add);
  }
  return ranks;
}

Value SinglePassWriter::buildLinear(ArrayRef<LinearTerm> terms, const Law &law,
                                    Location loc) {
  // Accesses: old and new value of each term, then its factors and divisors.
  struct Positions {
    unsigned oldValue, newValue;
    SmallVector<unsigned> factors, divisors;
  };
  SmallVector<EinsumAccess> accesses;
  SmallVector<Positions> positions;
  for (const LinearTerm &term : terms) {
    Positions &at = positions.emplace_back();
    auto add = [&](Value tensor, const TensorRef &ref) {
      return findOrAddAccess(accesses, EinsumAccess::get(tensor, ref.ranks));
    };
    at.oldValue = add(getRunning(term.running.tensor, oldState), term.running);
    at.newValue = add(getRunning(term.running.tensor, newState), term.running);
    for (const TensorRef &ref : term.factors)
      at.factors.push_back(add(ref.tensor, ref));
    for (const TensorRef &ref : term.divisors)
      at.divisors.push_back(add(ref.tensor, ref));
  }
  SmallVector<StringAttr> ranks = getTermRanks(terms);
  llvm::MapVector<StringAttr, int64_t> extents = cascade.getRankExtents();
  SmallVector<int64_t> shape;
  for (StringAttr rank : ranks)
    shape.push_back(getExtent(extents, rank));
  Type compute = getComputeType(
      getElementTypeOrSelf(accesses[positions[0].oldValue].tensor.getType()));
  auto body = [&](OpBuilder &builder, Location loc, ValueRange args) {
    SmallVector<Law::TermValues> values;
    for (auto [term, at] : llvm::zip_equal(terms, positions)) {
      Value factor;
      for (unsigned index : at.factors)
        factor = factor
                     ? arith::MulFOp::create(builder, loc, factor, args[index])
                     : args[index];
      for (unsigned index : at.divisors) {
        if (!factor)
          factor = arith::ConstantOp::create(
              builder, loc, builder.getFloatAttr(compute, 1.0));
        factor = arith::DivFOp::create(builder, loc, factor, args[index]);
      }
      values.push_back(
          {term.coefficient, factor, args[at.oldValue], args[at.newValue]});
    }
    return law.build(builder, loc, values);
  };
  return EinsumOp::create(builder, loc,
                          Type(RankedTensorType::get(shape, compute)), ranks,
                          accesses, std::nullopt, body)
      .getResult();
}

Value SinglePassWriter::buildCorrection(const Correction &correction,
                                        Location loc) {
  for (auto &[known, access] : corrections)
    if (known == correction)
      return access.tensor;
  Value tensor = buildLinear(correction.terms, *correction.law, loc);
  corrections.push_back(
      {correction, EinsumAccess::get(tensor, getTermRanks(correction.terms))});
  return tensor;
}

/// How far a value that moves by `terms` moves in this step.
EinsumAccess SinglePassWriter::buildShiftTensor(ArrayRef<LinearTerm> terms,
                                                Location loc) {
  std::vector<LinearTerm> list(terms);
  for (auto &[known, access] : shifts)
    if (known == list)
      return access;
  Value tensor = buildLinear(
      terms, *LawTable(builder.getContext()).lookup("difference"), loc);
  shifts.push_back({list, EinsumAccess::get(tensor, getTermRanks(terms))});
  return shifts.back().second;
}

/// Position of `access` among `list` from `first` on, added if new.
static unsigned addAccess(SmallVectorImpl<EinsumAccess> &list, unsigned first,
                          const EinsumAccess &access) {
  for (unsigned index = first; index < list.size(); ++index)
    if (isSameAccess(list[index], access))
      return index;
  list.push_back(access);
  return list.size() - 1;
}

/// Whether an accumulator at its identity stays there under the correction
/// without a test: a sum does where the correction is bounded.
static bool keepsIdentity(const StreamingAnalysis &analysis, EinsumOp einsum,
                          const Change &change) {
  return einsum.getReduction() == ReductionKind::Add &&
         llvm::all_of(change.powers, [&](const CorrectionPower &power) {
           return power.exponent > 0 &&
                  power.correction.law->isContracting(
                      power.correction, [&](Value tensor) {
                        return analysis.getDirection(tensor);
                      });
         });
}

Value SinglePassWriter::repair(EinsumOp einsum, Value carried,
                               const Change &change) {
  ++numRepairs;
  Location loc = einsum.getLoc();
  SmallVector<StringAttr> ranks = einsum.getOutputRanks();
  SmallVector<EinsumAccess> accesses{EinsumAccess::get(carried, ranks)};
  SmallVector<int64_t> exponents;
  if (change.isAdditive())
    accesses.push_back(buildShiftTensor(change.getTerms(), loc));
  for (const CorrectionPower &power : change.powers) {
    Value tensor = buildCorrection(power.correction, loc);
    accesses.push_back(
        EinsumAccess::get(tensor, getTermRanks(power.correction.terms)));
    exponents.push_back(power.exponent);
  }
  // Where a tuple is repaired: per term, the companion and the ways of the
  // factors that it lacks.
  struct TermPositions {
    unsigned companion;
    SmallVector<unsigned> shifts;
  };
  ArrayRef<StreamingAnalysis::TupleTerm> tuple = analysis.getTuple(einsum);
  unsigned numFactors = accesses.size();
  SmallVector<TermPositions> positions;
  for (const StreamingAnalysis::TupleTerm &term : tuple) {
    TermPositions &at = positions.emplace_back();
    auto companion = term.companion.getDefiningOp<EinsumOp>();
    at.companion =
        addAccess(accesses, numFactors,
                  EinsumAccess::get(getRunning(term.companion, oldState),
                                    companion.getOutputRanks()));
    for (const std::vector<LinearTerm> &terms : term.shifts)
      at.shifts.push_back(
          addAccess(accesses, numFactors, buildShiftTensor(terms, loc)));
  }
  bool guard = !tuple.empty() || !keepsIdentity(analysis, einsum, change);
  auto body = [&](OpBuilder &builder, Location loc, ValueRange args) -> Value {
    Value result = args[0];
    for (auto [term, at] : llvm::zip_equal(tuple, positions)) {
      Value product = args[at.companion];
      for (unsigned shift : at.shifts)
        product = arith::MulFOp::create(builder, loc, product, args[shift]);
      if (term.coefficient != 1.0)
        product = arith::MulFOp::create(
            builder, loc, product,
            arith::ConstantOp::create(
                builder, loc,
                builder.getFloatAttr(product.getType(), term.coefficient)));
      result = arith::AddFOp::create(builder, loc, result, product);
    }
    if (change.isAdditive()) {
      result = arith::AddFOp::create(builder, loc, result, args[1]);
    } else {
      for (auto [factor, exponent] :
           llvm::zip_equal(args.slice(1, exponents.size()), exponents))
        for (int64_t i = 0; i < std::abs(exponent); ++i)
          result = exponent > 0
                       ? arith::MulFOp::create(builder, loc, result, factor)
                             .getResult()
                       : arith::DivFOp::create(builder, loc, result, factor)
                             .getResult();
    }
    if (!guard)
      return result;
    // Nothing has been seen yet, and nothing is to be repaired: the identity
    // is not a number that a correction may move.
    Value identity = arith::ConstantOp::create(
        builder, loc, getReductionIdentity(einsum, result.getType()));
    Value isEmpty = arith::CmpFOp::create(
        builder, loc, arith::CmpFPredicate::OEQ, args[0], identity);
    for (const TermPositions &at : positions)
      isEmpty = arith::AndIOp::create(
          builder, loc, isEmpty,
          arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OEQ,
                                args[at.companion], identity));
    return arith::SelectOp::create(builder, loc, isEmpty, identity, result);
  };
  return EinsumOp::create(builder, loc, carried.getType(), ranks, accesses,
                          std::nullopt, body)
      .getResult();
}

Value SinglePassWriter::reduceStep(EinsumOp einsum, Value carried) {
  Type type = getCarriedType(einsum);
  Value local = copy(einsum, newState, /*inLoop=*/true, type);
  const Change &change = analysis.getChange(einsum);
  SmallVector<StringAttr> ranks = einsum.getOutputRanks();
  bool moves = !change.isFixed() || !analysis.getTuple(einsum).empty();
  // In the only step the carried value is still the identity.
  Value previous =
      moves && !stepExtent ? repair(einsum, carried, change) : carried;
  // RM' = max(RM, LM), but RD' = SLD + SPD: as the paper writes them.
  SmallVector<EinsumAccess> accesses{EinsumAccess::get(previous, ranks),
                                     EinsumAccess::get(local, ranks)};
  if (moves)
    std::swap(accesses[0], accesses[1]);
  return EinsumOp::create(
             builder, einsum.getLoc(), type, ranks, accesses, std::nullopt,
             [&](OpBuilder &builder, Location loc, ValueRange args) {
               return combineValues(builder, loc, einsum, args[0], args[1]);
             })
      .getResult();
}

/// The value of a reduction after the loop. As a result of the cascade the
/// extremum of nothing is infinite; inside it stays finite.
Value SinglePassWriter::finish(EinsumOp einsum, Value carried, bool isResult) {
  if (isResult && isExtremum(einsum))
    return createExtremumResult(builder, einsum, carried).getResult();
  if (carried.getType() == einsum.getOutputType())
    return carried;
  SmallVector<StringAttr> ranks = einsum.getOutputRanks();
  return EinsumOp::create(builder, einsum.getLoc(),
                          Type(einsum.getOutputType()), ranks,
                          {EinsumAccess::get(carried, ranks)}, std::nullopt,
                          [](OpBuilder &, Location, ValueRange args) -> Value {
                            return args[0];
                          })
      .getResult();
}

void SinglePassWriter::run() {
  nameRanks();
  Block &body = cascade.getBody().front();
  SmallVector<EinsumOp> loop, reductions, after;
  for (Operation &op : body.without_terminator()) {
    auto einsum = dyn_cast<EinsumOp>(op);
    if (!einsum)
      continue;
    Role role = analysis.getRole(einsum);
    if (role == Role::Tile || role == Role::Reduction)
      loop.push_back(einsum);
    if (role == Role::Reduction)
      reductions.push_back(einsum);
    if (role == Role::After)
      after.push_back(einsum);
  }
  Operation *yield = body.getTerminator();
  builder.setInsertionPoint(yield);

  // Initial values: identities over the ranks of each reduction.
  SmallVector<Value> inits;
  for (EinsumOp einsum : reductions) {
    Type element = einsum.getMapResult().getType();
    inits.push_back(
        EinsumOp::create(
            builder, einsum.getLoc(), Type(getCarriedType(einsum)),
            einsum.getOutputRanks(), ArrayRef<EinsumAccess>(), std::nullopt,
            [&](OpBuilder &builder, Location loc, ValueRange) -> Value {
              return arith::ConstantOp::create(
                  builder, loc, getReductionIdentity(einsum, element));
            })
            .getResult());
  }
  auto iterate = IterateOp::create(
      builder, cascade.getLoc(), TypeRange(ValueRange(inits)), inits, step,
      parent, point, /*plan=*/nullptr,
      /*tokenPlan=*/nullptr, /*periodic=*/nullptr, /*boxes=*/nullptr,
      /*splitRank=*/nullptr, /*splitSize=*/nullptr);
  SmallVector<Location> locations;
  for (EinsumOp einsum : reductions)
    locations.push_back(einsum.getLoc());
  Block *block = builder.createBlock(&iterate.getBody(), {},
                                     TypeRange(ValueRange(inits)), locations);
  for (auto [einsum, carried] :
       llvm::zip_equal(reductions, block->getArguments()))
    oldState.tensors[einsum.getResult()] = carried;

  SmallVector<Value> next;
  for (EinsumOp einsum : loop) {
    if (analysis.getRole(einsum) == Role::Tile) {
      Value tile = copy(einsum, newState, /*inLoop=*/true);
      newState.tensors[einsum.getResult()] = tile;
      continue;
    }
    Value carried = block->getArgument(next.size());
    next.push_back(reduceStep(einsum, carried));
    newState.tensors[einsum.getResult()] = next.back();
  }
  YieldOp::create(builder, cascade.getLoc(), next);

  // After the loop.
  builder.setInsertionPoint(yield);
  State final;
  for (auto [einsum, result] :
       llvm::zip_equal(reductions, iterate.getResults()))
    final.tensors[einsum.getResult()] = finish(einsum, result, false);
  for (EinsumOp einsum : after)
    getRunning(einsum.getResult(), final);
  for (OpOperand &operand : yield->getOpOperands()) {
    Value value = operand.get();
    auto einsum = value.getDefiningOp<EinsumOp>();
    if (!einsum || !analysis.isRunning(value))
      continue;
    if (analysis.getRole(einsum) == Role::Reduction) {
      unsigned index =
          std::distance(reductions.begin(), llvm::find(reductions, einsum));
      operand.set(finish(einsum, iterate.getResult(index), true));
    } else {
      operand.set(final.tensors.lookup(value));
    }
  }
  eraseDeadEinsums(body);
}
