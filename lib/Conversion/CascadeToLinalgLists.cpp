//===- CascadeToLinalgLists.cpp - Lists of keys ---------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The unfused form walks all keys and asks at every point whether a list names
// it. The lists are spread into tables of marks once, in front of the cascade:
// one for each block or group of rows and each block of keys.
//
//===----------------------------------------------------------------------===//

#include "CascadeToLinalg.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
/// What an atom's lists are made of; without offsets every row of `indices` is
/// a list.
struct ListShape {
  explicit ListShape(Attribute atom) {
    if (auto blocks = dyn_cast<BlocksAttr>(atom)) {
      offsets = blocks.getOffsets();
      indices = blocks.getIndices();
      rows = blocks.getRows();
      keys = blocks.getKeys();
    } else {
      indices = cast<IndicesAttr>(atom).getIndices();
      rows = cast<IndicesAttr>(atom).getGroup();
    }
  }
  ArrayRef<StringAttr> getRanks() const {
    return (offsets ? offsets : indices).getRanks();
  }

  AccessAttr offsets, indices;
  int64_t rows = 1, keys = 1;
};
} // namespace

LogicalResult CascadeToLinalg::buildLists() {
  if (!space.sparsity)
    return success();
  for (Attribute atom : space.sparsity.getListAtoms())
    if (failed(buildList(atom)))
      return failure();
  return success();
}

LogicalResult CascadeToLinalg::buildList(Attribute atom) {
  Location loc = cascade.getLoc();
  ListShape lists(atom);
  auto getInput = [&](AccessAttr access) -> Value {
    return cascade.getInputs()[access.getInput()];
  };
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  Value zero = constant(0), one = constant(1);
  SmallVector<StringAttr> ranks(lists.getRanks());
  SmallVector<Value> sizes;
  for (StringAttr rank : ranks) {
    FailureOr<Value> extent = getExtent(rank, cascade);
    if (failed(extent))
      return failure();
    sizes.push_back(*extent);
  }
  FailureOr<Value> rowExtent = getExtent(space.queryRank, cascade);
  FailureOr<Value> keyExtent = getExtent(space.keyRank, cascade);
  if (failed(rowExtent) || failed(keyExtent))
    return failure();
  Value rowCount = arith::CeilDivUIOp::create(builder, loc, *rowExtent,
                                              constant(lists.rows));
  Value keyCount = arith::CeilDivUIOp::create(builder, loc, *keyExtent,
                                              constant(lists.keys));
  // What names no block of keys goes into one more.
  SmallVector<OpFoldResult> shape = getAsOpFoldResult(sizes);
  shape.append(
      {rowCount,
       arith::AddIOp::create(builder, loc, keyCount, one).getResult()});
  Type mark = builder.getI8Type();
  Value unmarked =
      arith::ConstantOp::create(builder, loc, builder.getIntegerAttr(mark, 0));
  Value marked =
      arith::ConstantOp::create(builder, loc, builder.getIntegerAttr(mark, 1));
  Value start =
      linalg::FillOp::create(
          builder, loc, unmarked,
          tensor::EmptyOp::create(builder, loc, shape, mark).getResult())
          .getResult(0);

  // There may be fewer lists than there should be.
  Value indices = getInput(lists.indices);
  int64_t lastDim = cast<ShapedType>(indices.getType()).getRank() - 1;
  Value length = tensor::DimOp::create(builder, loc, indices, lastDim);
  Value count;
  if (lists.offsets) {
    Value offsets = getInput(lists.offsets);
    count = arith::SubIOp::create(
        builder, loc,
        tensor::DimOp::create(builder, loc, offsets, ranks.size()), one);
  } else {
    count = tensor::DimOp::create(builder, loc, indices, lastDim - 1);
  }
  sizes.push_back(arith::MinSIOp::create(builder, loc, count, rowCount));
  SmallVector<Value> zeros(sizes.size(), zero), ones(sizes.size(), one);
  scf::LoopNest nest = scf::buildLoopNest(
      builder, loc, zeros, sizes, ones, ValueRange(start),
      [&](OpBuilder &body, Location, ValueRange point,
          ValueRange carried) -> scf::ValueVector {
        Type index = body.getIndexType();
        auto load = [&](OpBuilder &at, AccessAttr access,
                        ArrayRef<Value> behind) -> Value {
          SmallVector<Value> where;
          for (StringAttr rank : access.getRanks())
            where.push_back(point[llvm::find(ranks, rank) - ranks.begin()]);
          llvm::append_range(where, behind);
          Value number =
              tensor::ExtractOp::create(at, loc, getInput(access), where);
          return arith::IndexCastOp::create(at, loc, index, number);
        };
        Value begin = zero, end = length;
        if (lists.offsets) {
          // No load leaves the tensor, whatever the offsets are.
          auto loadOffset = [&](Value number) -> Value {
            Value offset = load(body, lists.offsets, number);
            offset = arith::MinSIOp::create(body, loc, offset, length);
            return arith::MaxSIOp::create(body, loc, offset, zero);
          };
          begin = loadOffset(point.back());
          end = loadOffset(arith::AddIOp::create(body, loc, point.back(), one));
        }
        auto loop = scf::ForOp::create(
            body, loc, begin, end, one, carried,
            [&](OpBuilder &inner, Location, Value entry, ValueRange values) {
              SmallVector<Value> behind{entry};
              if (!lists.offsets)
                behind.insert(behind.begin(), point.back());
              // Negative numbers are large ones.
              Value key = arith::MinUIOp::create(
                  inner, loc, load(inner, lists.indices, behind), keyCount);
              SmallVector<Value> where(point.begin(), point.end());
              where.push_back(key);
              Value next = tensor::InsertOp::create(inner, loc, marked,
                                                    values.front(), where);
              scf::YieldOp::create(inner, loc, next);
            });
        return {loop.getResult(0)};
      });
  marks[atom] = nest.results.front();
  return success();
}

/// Whether the lists of `atom` name the point.
Value CascadeToLinalg::buildListTest(OpBuilder &body, EinsumOp einsum,
                                     Attribute atom,
                                     const RankCoordinates &coordinates) {
  Location loc = einsum.getLoc();
  ListShape lists(atom);
  SmallVector<Value> where;
  for (StringAttr rank : lists.getRanks())
    where.push_back(coordinates.lookup(rank));
  for (auto [rank, size] : {std::pair(space.queryRank, lists.rows),
                            std::pair(space.keyRank, lists.keys)})
    where.push_back(arith::DivUIOp::create(
        body, loc, coordinates.lookup(rank),
        arith::ConstantIndexOp::create(body, loc, size)));
  Value mark = tensor::ExtractOp::create(body, loc, marks.lookup(atom), where);
  Value unmarked = arith::ConstantOp::create(
      body, loc, body.getIntegerAttr(body.getI8Type(), 0));
  return arith::CmpIOp::create(body, loc, arith::CmpIPredicate::ne, mark,
                               unmarked);
}
