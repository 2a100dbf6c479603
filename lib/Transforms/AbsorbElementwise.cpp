//===- AbsorbElementwise.cpp - Elementwise operations as cascades ---------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/CascadeUtils.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNABSORBELEMENTWISE
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// Whether a scalar float operation may be computed as a cascade computes: in
/// the compute type, rounded once, reassociated, a quotient by 0 being 0.
static bool allowsRealArithmetic(Operation *op) {
  auto flagged = dyn_cast<arith::ArithFastMathInterface>(op);
  if (!flagged)
    return false;
  arith::FastMathFlags flags = flagged.getFastMathFlagsAttr()
                                   ? flagged.getFastMathFlagsAttr().getValue()
                                   : arith::FastMathFlags::none;
  auto has = [&](arith::FastMathFlags flag) {
    return bitEnumContainsAll(flags, flag);
  };
  return has(arith::FastMathFlags::reassoc) &&
         has(arith::FastMathFlags::contract) &&
         (!isa<arith::DivFOp>(op) || has(arith::FastMathFlags::ninf));
}

/// The scalar type in which a map computes values of `type`, null if a map does
/// not compute them.
static FloatType getMapType(Type type) {
  Type element = getElementTypeOrSelf(type);
  if (!isa<Float64Type, Float32Type, Float16Type, BFloat16Type>(element))
    return {};
  return cast<FloatType>(getComputeType(element));
}

static bool isConversion(Operation *op) {
  return isa<arith::ExtFOp, arith::TruncFOp>(op);
}

/// The value of a constant of one value, a scalar or a tensor.
static FloatAttr getConstant(Value value) {
  Attribute attr;
  if (!matchPattern(value, m_Constant(&attr)))
    return {};
  if (auto splat = dyn_cast<SplatElementsAttr>(attr))
    attr = splat.getSplatValue<Attribute>();
  return dyn_cast<FloatAttr>(attr);
}

static Value createConstant(OpBuilder &builder, Location loc, FloatAttr value,
                            FloatType type) {
  APFloat converted = value.getValue();
  bool losesInfo;
  converted.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                    &losesInfo);
  return arith::ConstantOp::create(builder, loc,
                                   builder.getFloatAttr(type, converted));
}

/// Writes the scalar form of `op` into a map that computes in `type`.
static Value createScalar(OpBuilder &builder, Operation *op,
                          ValueRange operands, FloatType type) {
  if (isConversion(op))
    return operands[0];
  OperationState state(op->getLoc(), op->getName(), operands, {type},
                       op->getAttrs());
  return builder.create(state)->getResult(0);
}

namespace {

/// One einsum without a reduction, and the inputs that it reads.
struct Map {
  RankedTensorType type;
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
};

struct AbsorbElementwise
    : attn::impl::AttnAbsorbElementwiseBase<AbsorbElementwise> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<Operation *> ops;
    for (Operation &op : getOperation().getBody().getOps())
      ops.push_back(&op);
    for (Operation *op : ops)
      numAbsorbed += isa<linalg::GenericOp>(op)
                         ? absorb(cast<linalg::GenericOp>(op))
                         : absorb(op);
  }

private:
  bool isAllowed(Operation *op, FloatType type) const;
  bool absorb(Operation *op);
  bool absorb(linalg::GenericOp op);
};

} // namespace

/// Whether `op` may stand in a map that computes in `type`.
bool AbsorbElementwise::isAllowed(Operation *op, FloatType type) const {
  if (op->getNumRegions() != 0 || op->getNumResults() != 1 ||
      !isMemoryEffectFree(op) || !op->getDialect() ||
      !isa<arith::ArithDialect, math::MathDialect>(op->getDialect()))
    return false;
  auto fits = [&](Type each) {
    FloatType mapType = getMapType(each);
    return mapType && mapType.getWidth() <= type.getWidth();
  };
  if (!llvm::all_of(op->getOperandTypes(), fits) ||
      !llvm::all_of(op->getResultTypes(), fits))
    return false;
  return all || isConversion(op) || isa<arith::ConstantOp>(op) ||
         allowsRealArithmetic(op);
}

/// Replaces `op` by a cascade of one einsum.
static void
replace(Operation *op, const Map &map,
        function_ref<Value(OpBuilder &, Location, ValueRange)> body) {
  OpBuilder builder(op);
  Location loc = op->getLoc();
  SmallVector<Value> inputs;
  for (Value input : map.inputs)
    if (!llvm::is_contained(inputs, input))
      inputs.push_back(input);
  SmallVector<Type> types{map.type};
  auto cascade = CascadeOp::create(builder, loc, types, inputs, CascadeSpace(),
                                   MappingAttr());
  OpBuilder nested(builder.getContext());
  Block *block =
      nested.createBlock(&cascade.getBody(), {}, TypeRange(ValueRange(inputs)),
                         SmallVector<Location>(inputs.size(), loc));
  SmallVector<StringAttr> ranks;
  for (int64_t dim = 0; dim < map.type.getRank(); ++dim)
    ranks.push_back(builder.getStringAttr("i" + std::to_string(dim)));
  SmallVector<EinsumAccess> accesses;
  for (auto [input, indices] : llvm::zip_equal(map.inputs, map.maps)) {
    SmallVector<StringAttr> read;
    for (AffineExpr expr : indices.getResults())
      read.push_back(ranks[cast<AffineDimExpr>(expr).getPosition()]);
    accesses.push_back(EinsumAccess::get(
        block->getArgument(llvm::find(inputs, input) - inputs.begin()), read));
  }
  auto einsum = EinsumOp::create(nested, loc, Type(map.type), ranks, accesses,
                                 std::nullopt, body);
  YieldOp::create(nested, loc, ValueRange{einsum.getResult()});
  op->getResult(0).replaceAllUsesWith(cascade.getResult(0));
  op->erase();
}

bool AbsorbElementwise::absorb(Operation *op) {
  if (op->getNumResults() != 1 || !op->hasTrait<OpTrait::Elementwise>())
    return false;
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  FloatType mapType = type ? getMapType(type) : FloatType();
  // A narrower result is rounded from the type of the operands.
  if (isa<arith::TruncFOp>(op) && type)
    mapType = getMapType(op->getOperand(0).getType());
  if (!type || !mapType || !isAllowed(op, mapType) ||
      getMapType(type) != mapType)
    return false;
  Map map{type, {}, {}};
  SmallVector<FloatAttr> constants;
  for (Value operand : op->getOperands()) {
    auto operandType = dyn_cast<RankedTensorType>(operand.getType());
    constants.push_back(getConstant(operand));
    if (!operandType || operandType.getRank() != type.getRank())
      return false;
    if (constants.back())
      continue;
    map.inputs.push_back(operand);
    map.maps.push_back(
        AffineMap::getMultiDimIdentityMap(type.getRank(), &getContext()));
  }
  // What is constant is no work for a cascade.
  if (map.inputs.empty())
    return false;
  replace(op, map,
          [&](OpBuilder &builder, Location loc, ValueRange args) -> Value {
            SmallVector<Value> operands;
            unsigned next = 0;
            for (FloatAttr constant : constants)
              operands.push_back(
                  constant ? createConstant(builder, loc, constant, mapType)
                           : args[next++]);
            return createScalar(builder, op, operands, mapType);
          });
  return true;
}

bool AbsorbElementwise::absorb(linalg::GenericOp op) {
  if (op->getNumResults() != 1 || op.getNumReductionLoops() != 0 ||
      op.getNumDpsInputs() == 0)
    return false;
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  FloatType mapType = type ? getMapType(type) : FloatType();
  Block *body = op.getBody();
  BlockArgument old = body->getArguments().back();
  if (!mapType || !op.getIndexingMapsArray().back().isIdentity() ||
      !old.use_empty())
    return false;
  Map map{type, {}, {}};
  for (OpOperand *input : op.getDpsInputOperands()) {
    AffineMap indices = op.getMatchingIndexingMap(input);
    FloatType inputType = getMapType(input->get().getType());
    if (!isa<RankedTensorType>(input->get().getType()) ||
        !indices.isProjectedPermutation() || !inputType ||
        inputType.getWidth() > mapType.getWidth())
      return false;
    map.inputs.push_back(input->get());
    map.maps.push_back(indices);
  }
  for (Operation &inner : body->without_terminator())
    if (!isAllowed(&inner, mapType))
      return false;
  // Values from outside of the body are constants, or nothing a map may read.
  Value yielded = body->getTerminator()->getOperand(0);
  for (Operation &inner : *body)
    for (Value operand : inner.getOperands())
      if (operand.getParentBlock() != body && !getConstant(operand))
        return false;
  replace(op, map,
          [&](OpBuilder &builder, Location loc, ValueRange args) -> Value {
            IRMapping values;
            for (auto [argument, value] :
                 llvm::zip(body->getArguments().drop_back(), args))
              values.map(argument, value);
            auto find = [&](Value value) -> Value {
              if (Value known = values.lookupOrNull(value))
                return known;
              return createConstant(builder, loc, getConstant(value), mapType);
            };
            for (Operation &inner : body->without_terminator()) {
              if (isa<arith::ConstantOp>(inner))
                continue;
              SmallVector<Value> operands =
                  llvm::map_to_vector(inner.getOperands(), find);
              values.map(inner.getResult(0),
                         createScalar(builder, &inner, operands, mapType));
            }
            return find(yielded);
          });
  return true;
}
