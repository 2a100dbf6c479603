//===- PromotePrecision.cpp - Compute in double precision ------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/Passes.h"
#include "attn/Support/NotSupported.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/TypeUtilities.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNPROMOTEPRECISION
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

static llvm::APFloat toDouble(llvm::APFloat value) {
  bool losesInfo;
  value.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven,
                &losesInfo);
  return value;
}

/// Replaces float types and the attributes that hold floats.
static AttrTypeReplacer createReplacer(MLIRContext *context) {
  AttrTypeReplacer replacer;
  Type f64 = Float64Type::get(context);
  replacer.addReplacement(
      [f64](FloatType) -> std::optional<Type> { return f64; });
  replacer.addReplacement(
      [f64](FloatAttr attr) -> std::optional<std::pair<Attribute, WalkResult>> {
        return std::pair<Attribute, WalkResult>(
            FloatAttr::get(f64, toDouble(attr.getValue())), WalkResult::skip());
      });
  replacer.addReplacement(
      [f64](DenseFPElementsAttr attr)
          -> std::optional<std::pair<Attribute, WalkResult>> {
        auto mapped = attr.mapValues(f64, [](const llvm::APFloat &value) {
          return toDouble(value).bitcastToAPInt();
        });
        return std::pair<Attribute, WalkResult>(mapped, WalkResult::skip());
      });
  return replacer;
}

namespace {
struct PromotePrecisionPass
    : public attn::impl::AttnPromotePrecisionBase<PromotePrecisionPass> {
  using AttnPromotePrecisionBase::AttnPromotePrecisionBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (failed(check(module)))
      return signalPassFailure();

    // The types of public functions, to convert from and to.
    struct Boundary {
      func::FuncOp function;
      FunctionType type;
    };
    SmallVector<Boundary> boundaries;
    if (!boundary)
      for (func::FuncOp function : module.getOps<func::FuncOp>())
        if (function.isPublic() && !function.isExternal())
          boundaries.push_back({function, function.getFunctionType()});

    createReplacer(&getContext())
        .recursivelyReplaceElementsIn(module, /*replaceAttrs=*/true,
                                      /*replaceLocs=*/false,
                                      /*replaceTypes=*/true);
    // Conversions between float types are none now.
    module.walk([](Operation *op) {
      if (!isa<arith::ExtFOp, arith::TruncFOp>(op))
        return;
      op->getResult(0).replaceAllUsesWith(op->getOperand(0));
      op->erase();
    });
    for (Boundary &boundary : boundaries)
      convertBoundary(boundary.function, boundary.type);
  }

private:
  /// What reads the bits of a float, or its type from elsewhere, cannot change.
  static LogicalResult check(ModuleOp module) {
    WalkResult walk = module.walk([](Operation *op) {
      if (auto cast = dyn_cast<arith::BitcastOp>(op);
          cast && (isa<FloatType>(getElementTypeOrSelf(cast.getIn())) ||
                   isa<FloatType>(getElementTypeOrSelf(cast.getOut())))) {
        emitNotSupported(op)
            << "reads the bits of a float; that has no form in double "
               "precision";
        return WalkResult::interrupt();
      }
      for (NamedAttribute attr : op->getAttrs())
        if (auto resource =
                dyn_cast<DenseResourceElementsAttr>(attr.getValue());
            resource && isa<FloatType>(resource.getType().getElementType())) {
          emitNotSupported(op)
              << "'" << attr.getName().getValue()
              << "' is a resource of floats; write it as dense "
                 "elements";
          return WalkResult::interrupt();
        }
      return WalkResult::advance();
    });
    return failure(walk.wasInterrupted());
  }

  static void convertBoundary(func::FuncOp function, FunctionType type) {
    OpBuilder builder = OpBuilder::atBlockBegin(&function.getBody().front());
    for (auto [argument, given] :
         llvm::zip_equal(function.getArguments(), type.getInputs())) {
      Type promoted = argument.getType();
      if (promoted == given)
        continue;
      argument.setType(given);
      auto wide =
          arith::ExtFOp::create(builder, argument.getLoc(), promoted, argument);
      argument.replaceAllUsesExcept(wide.getResult(), wide);
    }
    function.walk([&](func::ReturnOp op) {
      builder.setInsertionPoint(op);
      for (auto [operand, given] :
           llvm::zip_equal(op->getOpOperands(), type.getResults()))
        if (operand.get().getType() != given)
          operand.set(arith::TruncFOp::create(builder, op.getLoc(), given,
                                              operand.get()));
    });
    function.setFunctionType(type);
  }
};
} // namespace
