//===- PairProductsCheck.cpp - Which products can lie in pairs ------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PairProducts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::attn;

/// Whether `einsum` sums products of its operands, masked or not.
static bool isSumOfProducts(TileEinsumOp einsum) {
  // A mask that reads data is rare and sums in f32.
  if (einsum.getInputs().size() != 2)
    return false;
  Value result = einsum.getMapResult();
  if (auto mask = result.getDefiningOp<arith::SelectOp>();
      mask && mask->getBlock() == einsum.getMap() &&
      matchPattern(mask.getFalseValue(), m_AnyZeroFloat()))
    result = mask.getTrueValue();
  auto product = result.getDefiningOp<arith::MulFOp>();
  return product && product->getBlock() == einsum.getMap() &&
         llvm::all_of(product->getOperands(), [&](Value operand) {
           auto argument = dyn_cast<BlockArgument>(operand);
           return argument && argument.getOwner() == einsum.getMap();
         });
}

bool mlir::attn::isScratch(Value memref) {
  return isa_and_nonnull<memref::ViewOp>(
      getWholeBuffer(memref).getDefiningOp());
}

bool mlir::attn::isReadByEinsums(Value buffer) {
  SmallVector<Value> parts(1, buffer);
  for (size_t next = 0; next < parts.size(); ++next)
    for (Operation *user : parts[next].getUsers()) {
      if (isa<memref::SubViewOp, memref::CastOp>(user))
        parts.push_back(user->getResult(0));
      else if (!isa<TileEinsumOp, memref::DimOp>(user))
        return false;
    }
  return true;
}

bool mlir::attn::isSamePart(Value left, Value right) {
  if (left == right)
    return true;
  Operation *one = left.getDefiningOp(), *other = right.getDefiningOp();
  return one && other && isa<memref::SubViewOp>(one) &&
         OperationEquivalence::isEquivalentTo(
             one, other, OperationEquivalence::IgnoreLocations);
}

void ProductPairer::collect() {
  function.walk([&](TileEinsumOp einsum) {
    writers[getWholeBuffer(einsum.getInit())].push_back(einsum);
    for (Value input : einsum.getInputs())
      readers[getWholeBuffer(input)].push_back(einsum);
  });
}

/// The one einsum that writes `operand`, all of it, if that is a copy of bf16
/// from a tensor; maybe with a factor.
TileEinsumOp ProductPairer::findCopy(Value operand) {
  ArrayRef<TileEinsumOp> all = writers[getWholeBuffer(operand)];
  if (all.size() != 1)
    return {};
  TileEinsumOp copy = all.front();
  if (!isSamePart(copy.getInit(), operand) || !getCopyFactor(copy) ||
      isScratch(copy.getInputs().front()) ||
      !getElementTypeOrSelf(copy.getInputs().front().getType()).isBF16())
    return {};
  return copy;
}

/// Whether `operand` is computed from other tiles, as weights are from scores.
bool ProductPairer::isFromTiles(Value operand) {
  return llvm::any_of(writers[getWholeBuffer(operand)],
                      [&](TileEinsumOp writer) {
                        return llvm::any_of(writer.getInputs(), isScratch);
                      });
}

/// Whether `memref` is a buffer, or the first rows of one.
static bool isFirstRows(Value memref) {
  auto part = memref.getDefiningOp<memref::SubViewOp>();
  return !part || (part.getSource() == getWholeBuffer(memref) &&
                   llvm::all_of(part.getMixedOffsets(), isZeroInteger));
}

/// Whether one of the ranks that pairs would add is there.
static bool hasPairRanks(TileEinsumOp einsum) {
  return llvm::any_of(einsum.getRankNames(), [&](StringAttr rank) {
    return einsum.hasRank(getPairRank(rank)) ||
           einsum.hasRank(getPlaceRank(rank));
  });
}

/// A power of two takes nothing from the bits of a number.
static bool isPowerOfTwo(FloatAttr factor) {
  int exponent = factor.getValue().getExactLog2Abs();
  return exponent != INT_MIN && !factor.getValue().isNegative() &&
         std::abs(exponent) < 64;
}

/// Fills in what the operands are; else says why they cannot lie in pairs.
std::optional<StringRef> ProductPairer::checkOperands(PairedProduct &product) {
  TileEinsumOp einsum = product.einsum;
  const Contraction &parts = product.parts;
  Value left = einsum.getInputs()[parts.left];
  Value right = einsum.getInputs()[parts.right];
  auto leftType = cast<MemRefType>(left.getType());
  auto rightType = cast<MemRefType>(right.getType());
  product.rightCopy = findCopy(right);
  if (!product.rightCopy || !product.rightCopy.getClampedRanks().empty() ||
      *getCopyFactor(product.rightCopy))
    return "the operand without lanes is no copy of a tensor of bf16";
  if (!leftType.getElementType().isF32() ||
      !getElementTypeOrSelf(einsum.getInit().getType()).isF32())
    return "tiles over the lanes are not f32";
  if (einsum.getOutputRanks().back() != lane ||
      getPlainRank(einsum.getAccess(parts.left), 1) != lane)
    return "the lanes are not innermost";
  if (leftType.getShape().back() % vectorLanes != 0)
    return "the lanes fill no vectors";
  product.isDepthLast =
      getPlainRank(einsum.getAccess(parts.right), 1) == parts.depth;
  if (product.isDepthLast &&
      (rightType.isDynamicDim(1) || rightType.getDimSize(1) % 2 != 0))
    return "the sum has no even number of points";
  if (hasPairRanks(einsum) || hasPairRanks(product.rightCopy))
    return "a rank has a name that stands for pairs";
  EinsumAccess from = product.rightCopy.getAccess(0);
  StringAttr depth =
      product.rightCopy.getOutputRanks()[product.isDepthLast ? 1 : 0];
  if (!isPlainIn(from, depth))
    return "an index is computed from the rank of the sum";
  if (isFromTiles(left)) {
    // Pairs of weights hold the second row first, those of columns the first.
    if (product.isDepthLast)
      return "weights are summed along the rows of the other operand";
    return std::nullopt;
  }
  product.leftCopy = findCopy(left);
  if (!product.leftCopy || !product.isDepthLast)
    return "the operand over the lanes is computed from a tensor";
  if (hasPairRanks(product.leftCopy))
    return "a rank has a name that stands for pairs";
  product.factor = *getCopyFactor(product.leftCopy);
  if (product.factor && isPowerOfTwo(product.factor))
    product.factor = {};
  if (product.factor && einsum.getAccumulate())
    return "a factor would multiply other sums";
  return std::nullopt;
}

/// Why a product whose operands can lie in pairs is none of whole matrix tiles,
/// if it is none. Rows that a last tile lacks are computed from what the
/// scratch holds, and go where the step has no rows.
std::optional<StringRef>
ProductPairer::checkTiles(const PairedProduct &product) {
  TileEinsumOp einsum = product.einsum, rightCopy = product.rightCopy;
  Value out = einsum.getInit(), right = rightCopy.getInit();
  auto type = cast<MemRefType>(out.getType());
  if (type.getShape().back() % kMatrixTileRows != 0)
    return "the lanes fill no matrix tiles";
  if (!type.isDynamicDim(0) && type.getDimSize(0) % kMatrixTileRows == 0)
    return std::nullopt;
  auto isWhole = [](Value memref) {
    auto whole = cast<MemRefType>(getWholeBuffer(memref).getType());
    return isScratch(memref) && isFirstRows(memref) &&
           whole.getDimSize(0) % kMatrixTileRows == 0;
  };
  if (!product.isDepthLast || !isWhole(out) || !isWhole(right))
    return "its columns fill no matrix tiles";
  return std::nullopt;
}

std::optional<PairedProduct> ProductPairer::check(TileEinsumOp einsum,
                                                  const Contraction &parts) {
  PairedProduct product;
  product.einsum = einsum;
  product.parts = parts;
  if (!isSumOfProducts(einsum))
    return std::nullopt;
  std::optional<StringRef> reason = checkOperands(product);
  if (!reason && unit == PairUnit::MatrixTiles)
    reason = checkTiles(product);
  if (!reason)
    return product;
  einsum.emitRemark() << "multiplies in f32, not in pairs of bf16: " << *reason;
  return std::nullopt;
}
