//===- FragmentFinite.cpp - Whether values in shared memory are finite ----===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An infinity or a NaN has an exponent of ones. Adding one to the exponents of
// a pair of 16 bits then sets the bits of the signs, which were cleared, and
// carries nothing from one half to the other. A tile has whole pieces of 16
// bytes in every row, and zeros in rows without a point.
//
//===----------------------------------------------------------------------===//

#include "FragmentLowering.h"
#include "OpaqueValues.h"
#include "SharedPointers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::attn;

/// Bytes that a thread loads at once, and registers that they fill.
static constexpr int64_t kPieceBytes = 16, kPieceRegisters = 4;
/// Pieces of a thread that are written out; more are a loop.
static constexpr int64_t kMostWrittenOut = 16;

namespace {
/// The bits of two numbers of a type of 16 bits in one register.
struct PairBits {
  /// All of the exponents, and their least bits.
  uint32_t exponents, ones;

  explicit PairBits(Type type) {
    unsigned mantissa = cast<FloatType>(type).getFPMantissaWidth() - 1;
    uint32_t all = 0x7fffu >> mantissa << mantissa;
    exponents = all << 16 | all;
    ones = 1u << (16 + mantissa) | 1u << mantissa;
  }
};

/// Looks at pieces of one tile.
class FiniteTest {
public:
  FiniteTest(TileEinsumOp einsum)
      : rows(einsum.getInputs().front()), loc(einsum.getLoc()),
        type(cast<MemRefType>(rows.getType())), bits(type.getElementType()) {}

  int64_t getPiecesOfRow() const {
    return type.getDimSize(1) * sizeof(uint16_t) / kPieceBytes;
  }
  Value addPiece(OpBuilder &builder, Value number, Value found);
  Value number(OpBuilder &builder, uint32_t value) {
    return arith::ConstantOp::create(
        builder, loc, builder.getI32IntegerAttr(static_cast<int32_t>(value)));
  }

private:
  Value rows;
  Location loc;
  MemRefType type;
  PairBits bits;
};
} // namespace

/// `found` with the signs set that piece `number` of the tile sets.
Value FiniteTest::addPiece(OpBuilder &builder, Value number, Value found) {
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  SmallVector<int64_t> strides;
  int64_t offset;
  [[maybe_unused]] LogicalResult isStrided =
      type.getStridesAndOffset(strides, offset);
  Value perRow = index(getPiecesOfRow());
  Value row = arith::DivUIOp::create(builder, loc, number, perRow);
  Value piece = arith::RemUIOp::create(builder, loc, number, perRow);
  Value place = arith::AddIOp::create(
      builder, loc,
      arith::MulIOp::create(builder, loc, row, index(strides.front())),
      arith::MulIOp::create(builder, loc, piece,
                            index(kPieceBytes / sizeof(uint16_t))));
  Type i32 = builder.getI32Type();
  Value values = LLVM::LoadOp::create(
      builder, loc, VectorType::get(kPieceRegisters, i32),
      createPointer(builder, loc, rows, place, kSharedSpace), kPieceBytes);
  for (int64_t at = 0; at < kPieceRegisters; ++at) {
    Value pair = LLVM::ExtractElementOp::create(builder, loc, values,
                                                this->number(builder, at));
    Value exponents = arith::AndIOp::create(
        builder, loc, pair, this->number(builder, bits.exponents));
    found = arith::OrIOp::create(
        builder, loc, found,
        arith::AddIOp::create(builder, loc, exponents,
                              this->number(builder, bits.ones)));
  }
  return found;
}

void mlir::attn::lowerFiniteSum(TileEinsumOp einsum, int64_t threads) {
  OpBuilder builder(einsum);
  Location loc = einsum.getLoc();
  FiniteTest test(einsum);
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  Value whole = getWholeBuffer(einsum.getInputs().front());
  int64_t count =
      cast<MemRefType>(whole.getType()).getDimSize(0) * test.getPiecesOfRow();
  Value thread = createOpaqueThread(builder, loc, threads);
  Value found = test.number(builder, 0);
  if (count % threads == 0 && count / threads <= kMostWrittenOut) {
    for (int64_t first = 0; first < count; first += threads)
      found = test.addPiece(
          builder, arith::AddIOp::create(builder, loc, thread, index(first)),
          found);
  } else {
    auto loop = scf::ForOp::create(builder, loc, thread, index(count),
                                   index(threads), found);
    OpBuilder body = OpBuilder::atBlockBegin(loop.getBody());
    found =
        test.addPiece(body, loop.getInductionVar(), loop.getRegionIterArg(0));
    scf::YieldOp::create(body, loc, found);
    found = loop.getResult(0);
  }
  Value signs = arith::AndIOp::create(builder, loc, found,
                                      test.number(builder, 0x80008000u));
  Value isAny = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne,
                                      signs, test.number(builder, 0));
  Type i32 = builder.getI32Type();
  Value any = NVVM::BarrierOp::create(
                  builder, loc, i32, Value(), Value(),
                  NVVM::BarrierReductionAttr::get(builder.getContext(),
                                                  NVVM::BarrierReduction::OR),
                  arith::ExtUIOp::create(builder, loc, i32, isAny))
                  .getResult(0);
  Type type = einsum.getMapResult().getType();
  auto constant = [&](const APFloat &value) -> Value {
    return arith::ConstantOp::create(builder, loc, FloatAttr::get(type, value));
  };
  const llvm::fltSemantics &semantics =
      cast<FloatType>(type).getFloatSemantics();
  // ptxas knows that a vote is the same for all threads of a warp.
  Value isAnyOfBlock = NVVM::VoteSyncOp::create(
      builder, loc, builder.getI1Type(), test.number(builder, ~0u),
      arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, any,
                            test.number(builder, 0)),
      NVVM::VoteSyncKind::any);
  Value sum = arith::SelectOp::create(builder, loc, isAnyOfBlock,
                                      constant(APFloat::getNaN(semantics)),
                                      constant(APFloat::getZero(semantics)));
  memref::StoreOp::create(builder, loc, sum, einsum.getInit());
  einsum.erase();
}
