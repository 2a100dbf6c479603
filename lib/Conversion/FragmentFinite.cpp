//===- FragmentFinite.cpp - Whether values in shared memory are finite ----===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Times 0 an infinity or a NaN is NaN, and all else is 0. So a pair of 16 bits
// is one multiplication and addition, to sums whose bits are 0 until then. A
// tile has whole pieces of 16 bytes in every row, and zeros in rows without a
// point.
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
/// Looks at pieces of one tile.
class FiniteTest {
public:
  FiniteTest(TileEinsumOp einsum)
      : rows(einsum.getInputs().front()), loc(einsum.getLoc()),
        type(cast<MemRefType>(rows.getType())),
        pair(VectorType::get(2, type.getElementType())) {}

  int64_t getPiecesOfRow() const {
    return type.getDimSize(1) * sizeof(uint16_t) / kPieceBytes;
  }
  /// The sums before any piece, one for each register of a piece: none waits
  /// for another.
  SmallVector<Value> start(OpBuilder &builder);
  /// `sums` with piece `number` of the tile.
  SmallVector<Value> addPiece(OpBuilder &builder, Value number,
                              ValueRange sums);
  /// Whether any of `sums` has seen what is not finite.
  Value isAny(OpBuilder &builder, ValueRange sums);
  Value number(OpBuilder &builder, uint32_t value) {
    return arith::ConstantOp::create(
        builder, loc, builder.getI32IntegerAttr(static_cast<int32_t>(value)));
  }

private:
  Value rows;
  Location loc;
  MemRefType type;
  VectorType pair;
};
} // namespace

SmallVector<Value> FiniteTest::start(OpBuilder &builder) {
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getZeroAttr(pair));
  return SmallVector<Value>(kPieceRegisters, zero);
}

SmallVector<Value> FiniteTest::addPiece(OpBuilder &builder, Value number,
                                        ValueRange sums) {
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
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getZeroAttr(pair));
  SmallVector<Value> added;
  for (auto [at, sum] : llvm::enumerate(sums)) {
    Value bits = LLVM::ExtractElementOp::create(builder, loc, values,
                                                this->number(builder, at));
    Value numbers = LLVM::BitcastOp::create(builder, loc, pair, bits);
    added.push_back(LLVM::FMAOp::create(builder, loc, numbers, zero, sum));
  }
  return added;
}

Value FiniteTest::isAny(OpBuilder &builder, ValueRange sums) {
  Value bits = number(builder, 0);
  for (Value sum : sums)
    bits = arith::OrIOp::create(
        builder, loc, bits,
        LLVM::BitcastOp::create(builder, loc, builder.getI32Type(), sum));
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, bits,
                               number(builder, 0));
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
  SmallVector<Value> sums = test.start(builder);
  if (count % threads == 0 && count / threads <= kMostWrittenOut) {
    for (int64_t first = 0; first < count; first += threads)
      sums = test.addPiece(
          builder, arith::AddIOp::create(builder, loc, thread, index(first)),
          sums);
  } else {
    auto loop = scf::ForOp::create(builder, loc, thread, index(count),
                                   index(threads), sums);
    OpBuilder body = OpBuilder::atBlockBegin(loop.getBody());
    scf::YieldOp::create(
        body, loc,
        test.addPiece(body, loop.getInductionVar(), loop.getRegionIterArgs()));
    sums.assign(loop.getResults().begin(), loop.getResults().end());
  }
  Type i32 = builder.getI32Type();
  Value any =
      NVVM::BarrierOp::create(
          builder, loc, i32, Value(), Value(),
          NVVM::BarrierReductionAttr::get(builder.getContext(),
                                          NVVM::BarrierReduction::OR),
          arith::ExtUIOp::create(builder, loc, i32, test.isAny(builder, sums)))
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
