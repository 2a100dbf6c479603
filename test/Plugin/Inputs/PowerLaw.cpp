//===- PowerLaw.cpp - A law that comes from a library of its own ----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A dialect without operations that adds one law, 10^(x - r') =
// 10^(x - r) * 10^(r - r'). A compiler that loads this library
// derives streaming forms of cascades with such weights; nothing else of it is
// touched.
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/Laws.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "llvm/Config/llvm-config.h"

using namespace mlir;
using namespace mlir::attn;

namespace {

class PowerLaw : public Law {
public:
  StringRef getName() const override { return "power-of-ten"; }
  StringRef getStatement() const override {
    return "10^(x - r') = 10^(x - r) * 10^(r - r')";
  }
  bool isPositive() const override { return true; }

  std::optional<Change> match(Operation *op,
                              ArrayRef<Change> operands) const override {
    FloatAttr base;
    if (!isa<math::PowFOp>(op) ||
        !matchPattern(op->getOperand(0), m_Constant(&base)) ||
        base.getValueAsDouble() != 10.0 || !operands[1].isAdditive())
      return std::nullopt;
    return Change::scaled({CorrectionPower{
        Correction{this, operands[1].getTerms()}, /*exponent=*/1}});
  }

  bool isContracting(const Correction &correction,
                     function_ref<int(Value)> direction) const override {
    return llvm::all_of(correction.terms, [&](const LinearTerm &term) {
      return term.factors.empty() && term.divisors.empty() &&
             direction(term.running.tensor) * term.coefficient < 0;
    });
  }

  Value build(OpBuilder &builder, Location loc,
              ArrayRef<TermValues> terms) const override {
    return power(builder, loc, buildShift(builder, loc, terms));
  }

  Value buildExample(OpBuilder &builder, Location loc, Value x,
                     Value r) const override {
    return power(builder, loc, arith::SubFOp::create(builder, loc, x, r));
  }

private:
  static Value power(OpBuilder &builder, Location loc, Value exponent) {
    Value base = arith::ConstantOp::create(
        builder, loc, builder.getFloatAttr(exponent.getType(), 10.0));
    return math::PowFOp::create(builder, loc, base, exponent);
  }
};

class PowerLawInterface : public LawInterface {
public:
  using LawInterface::LawInterface;
  void getLaws(SmallVectorImpl<const Law *> &laws) const override {
    static const PowerLaw law;
    laws.push_back(&law);
  }
};

class PowerDialect : public Dialect {
public:
  explicit PowerDialect(MLIRContext *context)
      : Dialect(getDialectNamespace(), context, TypeID::get<PowerDialect>()) {
    addInterfaces<PowerLawInterface>();
  }
  static StringRef getDialectNamespace() { return "test_power"; }
};

} // namespace

extern "C" LLVM_ATTRIBUTE_WEAK DialectPluginLibraryInfo
mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "AttnTestPowerLaw", LLVM_VERSION_STRING,
          [](DialectRegistry *registry) {
            registry->insert<PowerDialect>();
            // Where cascades are, the law is.
            registry->addExtension(+[](MLIRContext *context, AttnDialect *) {
              context->loadDialect<PowerDialect>();
            });
          }};
}
