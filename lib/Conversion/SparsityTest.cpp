//===- SparsityTest.cpp - Element tests of sparsities as code -------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SparsityTest.h"
#include "PointValues.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::attn;

/// Writes a function as more - less, so that its sign is a comparison.
static void splitBySign(AffineExpr expr, AffineExpr &less, AffineExpr &more) {
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (binary && expr.getKind() == AffineExprKind::Add) {
    splitBySign(binary.getLHS(), less, more);
    splitBySign(binary.getRHS(), less, more);
    return;
  }
  auto factor = dyn_cast<AffineConstantExpr>(expr);
  if (binary && expr.getKind() == AffineExprKind::Mul)
    factor = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (factor && factor.getValue() < 0)
    less = less - expr;
  else
    more = more + expr;
}

Value SparsityTest::join(ArrayRef<Attribute> terms, bool isAnd) {
  Value result;
  for (Attribute term : terms) {
    Value test = build(term);
    if (!test)
      return {};
    if (!result)
      result = test;
    else if (isAnd)
      result = arith::AndIOp::create(builder, loc, result, test);
    else
      result = arith::OrIOp::create(builder, loc, result, test);
  }
  return result;
}

Value SparsityTest::buildAtom(const AtomDefinition &atom) {
  SmallVector<Value> dims{token.position, token.key};
  SmallVector<Value> symbols{keyCount, head};
  for (ArrayRef<int64_t> table : atom.tables)
    symbols.push_back(lookUp(table));
  for (const PointValue &value : atom.values)
    symbols.push_back(buildPointValue(
        builder, loc, value.kind,
        llvm::map_to_vector(value.map.getResults(), [&](AffineExpr expr) {
          return evaluate(expr, dims, symbols);
        })));
  Value live;
  for (ArrayRef<AffineExpr> set : atom.sets) {
    Value inSet;
    for (AffineExpr expr : set) {
      AffineExpr less = getAffineConstantExpr(0, builder.getContext());
      AffineExpr more = less;
      splitBySign(expr, less, more);
      Value holds = arith::CmpIOp::create(
          builder, loc, arith::CmpIPredicate::sle,
          evaluate(less, dims, symbols), evaluate(more, dims, symbols));
      inSet =
          inSet ? arith::AndIOp::create(builder, loc, inSet, holds).getResult()
                : holds;
    }
    if (!inSet)
      inSet = arith::ConstantIntOp::create(builder, loc, 1, /*width=*/1);
    live = live ? arith::OrIOp::create(builder, loc, live, inSet).getResult()
                : inSet;
  }
  return live;
}

Value SparsityTest::build(Attribute term) {
  if (auto all = dyn_cast<AndAttr>(term))
    return join(all.getTerms(), /*isAnd=*/true);
  if (auto any = dyn_cast<OrAttr>(term))
    return join(any.getTerms(), /*isAnd=*/false);
  if (auto inverse = dyn_cast<NotAttr>(term)) {
    Value inner = build(inverse.getTerm());
    if (!inner)
      return inner;
    Value one = arith::ConstantIntOp::create(builder, loc, 1, /*width=*/1);
    return arith::XOrIOp::create(builder, loc, inner, one);
  }
  if (auto permuted = dyn_cast<PermutedAttr>(term)) {
    SparsityTest ofSlots(*this);
    ofSlots.token = slot;
    return ofSlots.build(permuted.getTerm());
  }
  if (isa<BlocksAttr, IndicesAttr, MaskAttr, PredicateAttr>(term))
    return buildData(term);
  std::optional<AtomDefinition> atom = getAtomDefinition(term);
  return atom ? buildAtom(*atom) : Value();
}
