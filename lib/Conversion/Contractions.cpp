//===- Contractions.cpp - Products of tiles, summed over a rank -----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Contractions.h"
#include "attn/Analysis/CascadeUtils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;
using namespace mlir::attn;

Value mlir::attn::getWholeBuffer(Value memref) {
  while (Operation *op = memref.getDefiningOp()) {
    if (!isa<memref::SubViewOp, memref::CastOp>(op))
      break;
    memref = cast<ViewLikeOpInterface>(op).getViewSource();
  }
  return memref;
}

StringAttr mlir::attn::getPlainRank(const EinsumAccess &access, unsigned dim) {
  auto plain = dyn_cast<AffineDimExpr>(access.map.getResult(dim));
  return plain ? access.ranks[plain.getPosition()] : StringAttr();
}

Value mlir::attn::getOperandExtent(OpBuilder &builder, TileEinsumOp einsum,
                                   StringAttr rank) {
  for (const EinsumAccess &access : einsum.getAccesses())
    for (unsigned dim = 0; dim < access.map.getNumResults(); ++dim)
      if (getPlainRank(access, dim) == rank)
        return builder.createOrFold<memref::DimOp>(einsum.getLoc(),
                                                   access.tensor, dim);
  return {};
}

int64_t mlir::attn::getStaticExtent(TileEinsumOp einsum, StringAttr rank) {
  auto outType = cast<MemRefType>(einsum.getInit().getType());
  for (auto [dim, name] : llvm::enumerate(einsum.getOutputRanks()))
    if (name == rank)
      return outType.getDimSize(dim);
  for (const EinsumAccess &access : einsum.getAccesses())
    for (unsigned dim = 0; dim < access.map.getNumResults(); ++dim)
      if (getPlainRank(access, dim) == rank)
        return cast<MemRefType>(access.tensor.getType()).getDimSize(dim);
  return ShapedType::kDynamic;
}

bool mlir::attn::writesMemory(Operation *op) {
  return op
      ->walk([](Operation *inner) {
        bool isWrite =
            isa<TileEinsumOp, scf::ParallelOp, memref::StoreOp>(inner);
        return isWrite ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

bool mlir::attn::usesRank(const EinsumAccess &access, StringAttr rank) {
  auto *found = llvm::find(access.ranks, rank);
  return found != access.ranks.end() &&
         access.map.isFunctionOfDim(found - access.ranks.begin());
}

/// The two inputs that are multiplied: all that there are, or, where a map
/// reads more than two, those of its only product of inputs.
static std::optional<std::pair<unsigned, unsigned>>
findFactors(TileEinsumOp einsum) {
  if (einsum.getInputs().size() == 2)
    return std::pair(0u, 1u);
  std::optional<std::pair<unsigned, unsigned>> found;
  for (auto product : einsum.getMap()->getOps<arith::MulFOp>()) {
    auto left = dyn_cast<BlockArgument>(product.getLhs());
    auto right = dyn_cast<BlockArgument>(product.getRhs());
    if (!left || !right)
      continue;
    if (found)
      return std::nullopt;
    found = {left.getArgNumber(), right.getArgNumber()};
  }
  return found;
}

std::optional<Contraction> Contraction::match(TileEinsumOp einsum,
                                              StringAttr lane) {
  SmallVector<StringAttr> reduced = einsum.getReduced();
  SmallVector<StringAttr> ranks = einsum.getOutputRanks();
  if (einsum.getReduction() != ReductionKind::Add || reduced.size() != 1 ||
      ranks.size() != 2 || !llvm::is_contained(ranks, lane))
    return std::nullopt;
  std::optional<std::pair<unsigned, unsigned>> factors = findFactors(einsum);
  if (!factors)
    return std::nullopt;
  Contraction product;
  product.depth = reduced.front();
  product.column = ranks[0] == lane ? ranks[1] : ranks[0];
  std::tie(product.left, product.right) = *factors;
  if (!einsum.inputUsesRank(product.left, lane))
    std::swap(product.left, product.right);
  auto isTile = [&](unsigned index, StringAttr first, StringAttr second) {
    EinsumAccess access = einsum.getAccess(index);
    if (access.map.getNumResults() != 2)
      return false;
    StringAttr one = getPlainRank(access, 0), two = getPlainRank(access, 1);
    return (one == first && two == second) || (one == second && two == first);
  };
  if (!isTile(product.left, product.depth, lane) ||
      !isTile(product.right, product.depth, product.column))
    return std::nullopt;
  product.isPlain = einsum.getInputs().size() == 2 &&
                    isa_and_nonnull<arith::MulFOp>(einsum.getSingleMapOp());
  return product;
}

bool mlir::attn::touches(Operation *op, Value buffer) {
  return op
      ->walk([&](TileEinsumOp einsum) {
        bool isIt = llvm::any_of(einsum->getOperands(), [&](Value operand) {
          return isa<MemRefType>(operand.getType()) &&
                 getWholeBuffer(operand) == buffer;
        });
        return isIt ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

std::pair<Value, FloatAttr> mlir::attn::splitFactor(TileEinsumOp einsum) {
  Value result = einsum.getMapResult();
  Operation *product = result.getDefiningOp();
  if (!product || product->getBlock() != einsum.getMap())
    return {result, {}};
  return splitConstant(result);
}

std::optional<FloatAttr> mlir::attn::getCopyFactor(TileEinsumOp einsum) {
  if (einsum.getReduction() || einsum.getInputs().size() != 1)
    return std::nullopt;
  auto [value, factor] = splitFactor(einsum);
  if (value != einsum.getMap()->getArgument(0))
    return std::nullopt;
  return factor;
}

bool mlir::attn::isFiniteSum(TileEinsumOp einsum) {
  if (einsum.getReduction() != ReductionKind::Add || einsum.getAccumulate() ||
      !einsum.getOutputRanks().empty() || einsum.getInputs().size() != 1)
    return false;
  auto [value, factor] = splitFactor(einsum);
  return factor && factor.getValue().isZero() &&
         value == einsum.getMap()->getArgument(0);
}

TileEinsumOp mlir::attn::createRest(TileEinsumOp writer) {
  Value part = writer.getInit(), whole = getWholeBuffer(part);
  OpBuilder builder(writer);
  Location loc = writer.getLoc();
  OpFoldResult size = memref::getMixedSize(builder, loc, part, 0);
  auto type = cast<MemRefType>(whole.getType());
  if (getConstantIntValue(size) == type.getDimSize(0))
    return {};
  Value count = getValueOrCreateConstantIndexOp(builder, loc, size);
  Value rows = arith::ConstantIndexOp::create(builder, loc, type.getDimSize(0));
  Value rest = arith::SubIOp::create(builder, loc, rows, count);
  SmallVector<OpFoldResult> offsets{count}, sizes{rest},
      ones(type.getRank(), builder.getIndexAttr(1));
  // Rows may have padding behind them, which is no part of a tile.
  for (int64_t columns :
       cast<MemRefType>(part.getType()).getShape().drop_front()) {
    offsets.push_back(builder.getIndexAttr(0));
    sizes.push_back(builder.getIndexAttr(columns));
  }
  Value behind =
      memref::SubViewOp::create(builder, loc, whole, offsets, sizes, ones);
  return TileEinsumOp::create(
      builder, loc, behind, writer.getOutputRanks(), {}, std::nullopt,
      /*accumulate=*/false, {}, [](OpBuilder &map, Location at, ValueRange) {
        return arith::ConstantOp::create(map, at,
                                         map.getZeroAttr(map.getF32Type()))
            .getResult();
      });
}

void mlir::attn::createScale(OpBuilder &builder, Location loc, Value tile,
                             ArrayRef<StringAttr> ranks, FloatAttr factor) {
  TileEinsumOp::create(
      builder, loc, tile, ranks, EinsumAccess::get(tile, ranks), std::nullopt,
      /*accumulate=*/false, {},
      [&](OpBuilder &map, Location at, ValueRange args) -> Value {
        return arith::MulFOp::create(
            map, at, args[0], arith::ConstantOp::create(map, at, factor));
      });
}
