//===- LaunchFormula.cpp - What a launch needs, for its host --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaunchFormula.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Support/NotSupported.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::attn;

namespace {

/// Writes values of straight-line functions as text.
class FormulaWriter {
public:
  explicit FormulaWriter(const KernelSignature &signature)
      : signature(signature) {}

  FailureOr<std::string> writeResult(func::FuncOp function);

private:
  /// A tensor of the kernel, or a view of one, by the texts of its extents.
  using Extents = SmallVector<std::string>;

  FailureOr<std::string> write(Value value);
  FailureOr<std::string> writeSize(OpFoldResult size);
  FailureOr<Extents> getExtents(Value memref);
  FailureOr<std::string> writeCall(StringRef name, ValueRange operands);
  FailureOr<std::string> writeInfix(StringRef sign, Value left, Value right);
  FailureOr<std::string> writeAffine(AffineExpr expr, unsigned numDims,
                                     ValueRange operands);
  FailureOr<std::string> writeAll(StringRef name, AffineMap map,
                                  ValueRange operands);
  LogicalResult refuse(Operation *op);

  const KernelSignature &signature;
  llvm::DenseMap<Value, Extents> shapes;
};

} // namespace

static std::optional<int64_t> parseNumber(StringRef text) {
  int64_t number;
  if (text.getAsInteger(10, number))
    return std::nullopt;
  return number;
}

static std::string writeFunction(StringRef name, ArrayRef<std::string> texts) {
  return (name + "(" + llvm::join(texts, ", ") + ")").str();
}

LogicalResult FormulaWriter::refuse(Operation *op) {
  return emitNotSupported(op)
         << "the size of a launch depends on '" << op->getName()
         << "'; it is computed from the extents of the kernel's tensors alone";
}

FailureOr<std::string> FormulaWriter::writeCall(StringRef name,
                                                ValueRange operands) {
  SmallVector<std::string> texts;
  for (Value operand : operands) {
    FailureOr<std::string> text = write(operand);
    if (failed(text))
      return failure();
    texts.push_back(*text);
  }
  bool isDivision = name == "floordiv" || name == "ceildiv" || name == "mod";
  if (isDivision && texts[1] == "1")
    return name == "mod" ? std::string("0") : texts[0];
  if ((name == "max" || name == "min") && texts[0] == texts[1])
    return texts[0];
  return writeFunction(name, texts);
}

/// Folds what the code leaves to later passes, so that a formula can be read.
static std::string fold(StringRef sign, std::string left, std::string right) {
  std::optional<int64_t> a = parseNumber(left), b = parseNumber(right);
  int64_t number;
  if (a && b &&
      !(sign == "*"   ? llvm::MulOverflow(*a, *b, number)
        : sign == "+" ? llvm::AddOverflow(*a, *b, number)
                      : llvm::SubOverflow(*a, *b, number)))
    return std::to_string(number);
  if ((sign == "*" && a == 1) || (sign == "+" && a == 0))
    return right;
  if ((sign == "*" && b == 1) || (sign != "*" && b == 0))
    return left;
  if (sign == "*" && (a == 0 || b == 0))
    return "0";
  return sign == "*" ? left + " * " + right
                     : "(" + left + " " + sign.str() + " " + right + ")";
}

FailureOr<std::string> FormulaWriter::writeInfix(StringRef sign, Value left,
                                                 Value right) {
  FailureOr<std::string> first = write(left), second = write(right);
  if (failed(first) || failed(second))
    return failure();
  return fold(sign, *first, *second);
}

FailureOr<std::string> FormulaWriter::writeAffine(AffineExpr expr,
                                                  unsigned numDims,
                                                  ValueRange operands) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return std::to_string(constant.getValue());
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return write(operands[dim.getPosition()]);
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return write(operands[numDims + symbol.getPosition()]);
  auto binary = cast<AffineBinaryOpExpr>(expr);
  FailureOr<std::string> left = writeAffine(binary.getLHS(), numDims, operands);
  FailureOr<std::string> right =
      writeAffine(binary.getRHS(), numDims, operands);
  if (failed(left) || failed(right))
    return failure();
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return fold("+", *left, *right);
  case AffineExprKind::Mul:
    return fold("*", *left, *right);
  case AffineExprKind::FloorDiv:
    return writeFunction("floordiv", {*left, *right});
  case AffineExprKind::CeilDiv:
    return writeFunction("ceildiv", {*left, *right});
  default:
    return writeFunction("mod", {*left, *right});
  }
}

FailureOr<std::string> FormulaWriter::writeAll(StringRef name, AffineMap map,
                                               ValueRange operands) {
  std::string result;
  for (AffineExpr expr : map.getResults()) {
    FailureOr<std::string> text = writeAffine(expr, map.getNumDims(), operands);
    if (failed(text))
      return failure();
    result = result.empty() ? *text : writeFunction(name, {result, *text});
  }
  return result;
}

FailureOr<std::string> FormulaWriter::writeSize(OpFoldResult size) {
  if (auto value = dyn_cast<Value>(size))
    return write(value);
  return std::to_string(*getConstantIntValue(size));
}

FailureOr<FormulaWriter::Extents> FormulaWriter::getExtents(Value memref) {
  if (auto found = shapes.find(memref); found != shapes.end())
    return found->second;
  Operation *op = memref.getDefiningOp();
  SmallVector<OpFoldResult> sizes;
  if (auto cast = dyn_cast_or_null<memref::CastOp>(op))
    return getExtents(cast.getSource());
  if (auto expand = dyn_cast_or_null<memref::ExpandShapeOp>(op)) {
    sizes = expand.getMixedOutputShape();
  } else if (auto view = dyn_cast_or_null<memref::SubViewOp>(op)) {
    llvm::SmallBitVector dropped = view.getDroppedDims();
    for (auto [dim, size] : llvm::enumerate(view.getMixedSizes()))
      if (!dropped.test(dim))
        sizes.push_back(size);
  } else if (auto collapse = dyn_cast_or_null<memref::CollapseShapeOp>(op)) {
    FailureOr<Extents> source = getExtents(collapse.getSrc());
    if (failed(source))
      return failure();
    Extents extents;
    for (ArrayRef<int64_t> group : collapse.getReassociationIndices()) {
      std::string product = "1";
      for (int64_t dim : group)
        product = fold("*", product, (*source)[dim]);
      extents.push_back(product);
    }
    return extents;
  } else if (auto view = dyn_cast_or_null<memref::ViewOp>(op)) {
    sizes = getMixedValues(view.getType().getShape(), view.getSizes(),
                           view.getContext());
  } else {
    if (op)
      return refuse(op);
    return failure();
  }
  Extents extents;
  for (OpFoldResult size : sizes) {
    FailureOr<std::string> text = writeSize(size);
    if (failed(text))
      return failure();
    extents.push_back(*text);
  }
  return extents;
}

FailureOr<std::string> FormulaWriter::write(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return failure();
  APInt integer;
  if (matchPattern(value, m_ConstantInt(&integer)))
    return std::to_string(integer.getSExtValue());
  FloatAttr number;
  if (matchPattern(value, m_Constant(&number))) {
    llvm::APSInt exact(/*BitWidth=*/65, /*isUnsigned=*/false);
    bool isExact = false;
    number.getValue().convertToInteger(exact, APFloat::rmTowardZero, &isExact);
    if (!isExact)
      return refuse(op);
    return llvm::toString(exact, 10);
  }
  ValueRange operands = op->getOperands();
  return llvm::TypeSwitch<Operation *, FailureOr<std::string>>(op)
      .Case<memref::DimOp>([&](memref::DimOp dim) -> FailureOr<std::string> {
        std::optional<int64_t> index = getKnownDimension(dim);
        if (!index)
          return refuse(op);
        FailureOr<Extents> extents = getExtents(dim.getSource());
        if (failed(extents))
          return failure();
        return (*extents)[*index];
      })
      .Case<arith::IndexCastOp, arith::SIToFPOp>(
          [&](Operation *) { return write(operands[0]); })
      .Case<arith::AddIOp>(
          [&](auto) { return writeInfix("+", operands[0], operands[1]); })
      .Case<arith::SubIOp>(
          [&](auto) { return writeInfix("-", operands[0], operands[1]); })
      .Case<arith::MulIOp, arith::MulFOp>([&](Operation *) {
        return writeInfix("*", operands[0], operands[1]);
      })
      .Case<arith::DivUIOp, arith::FloorDivSIOp>(
          [&](Operation *) { return writeCall("floordiv", operands); })
      .Case<arith::CeilDivUIOp, arith::CeilDivSIOp>(
          [&](Operation *) { return writeCall("ceildiv", operands); })
      .Case<arith::RemUIOp>([&](auto) { return writeCall("mod", operands); })
      .Case<arith::MaxSIOp, arith::MaxUIOp>(
          [&](Operation *) { return writeCall("max", operands); })
      .Case<arith::MinSIOp, arith::MinUIOp>(
          [&](Operation *) { return writeCall("min", operands); })
      .Case<arith::SelectOp>(
          [&](auto) { return writeCall("select", operands); })
      .Case<arith::CmpFOp>([&](arith::CmpFOp compare) {
        if (compare.getPredicate() != arith::CmpFPredicate::OLT)
          return FailureOr<std::string>(refuse(op));
        return writeCall("lt", operands);
      })
      .Case<arith::CmpIOp>([&](arith::CmpIOp compare) {
        switch (compare.getPredicate()) {
        case arith::CmpIPredicate::eq:
          return writeCall("eq", operands);
        case arith::CmpIPredicate::ne:
          return writeCall("ne", operands);
        case arith::CmpIPredicate::slt:
        case arith::CmpIPredicate::ult:
          return writeCall("lt", operands);
        case arith::CmpIPredicate::sle:
        case arith::CmpIPredicate::ule:
          return writeCall("le", operands);
        case arith::CmpIPredicate::sgt:
        case arith::CmpIPredicate::ugt:
          return writeCall("lt", {operands[1], operands[0]});
        default:
          return writeCall("le", {operands[1], operands[0]});
        }
      })
      .Case<affine::AffineApplyOp>([&](affine::AffineApplyOp apply) {
        return writeAll("", apply.getAffineMap(), operands);
      })
      .Case<affine::AffineMaxOp>([&](affine::AffineMaxOp most) {
        return writeAll("max", most.getAffineMap(), operands);
      })
      .Case<affine::AffineMinOp>([&](affine::AffineMinOp least) {
        return writeAll("min", least.getAffineMap(), operands);
      })
      .Case<func::CallOp>([&](func::CallOp call) -> FailureOr<std::string> {
        auto callee =
            call->getParentOfType<ModuleOp>().lookupSymbol<func::FuncOp>(
                call.getCallee());
        if (!callee || callee.isExternal())
          return refuse(op);
        FormulaWriter inner(signature);
        for (auto [argument, operand] :
             llvm::zip_equal(callee.getArguments(), operands)) {
          FailureOr<Extents> extents = getExtents(operand);
          if (failed(extents))
            return failure();
          inner.shapes[argument] = *extents;
        }
        return inner.write(
            callee.getBody().front().getTerminator()->getOperand(0));
      })
      .Default([&](Operation *) { return FailureOr<std::string>(refuse(op)); });
}

FailureOr<std::string> FormulaWriter::writeResult(func::FuncOp function) {
  for (auto [argument, tensor] :
       llvm::zip_first(function.getArguments(), signature.getTensors()))
    shapes[argument] = Extents(tensor.dims.begin(), tensor.dims.end());
  return write(function.getBody().front().getTerminator()->getOperand(0));
}

FailureOr<std::string>
attn::getLaunchFormula(func::FuncOp function,
                       const KernelSignature &signature) {
  return FormulaWriter(signature).writeResult(function);
}
