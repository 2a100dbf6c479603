//===- FragmentLowering.cpp - Einsums on registers of a warp --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every thread computes the points that it holds in registers, written out: a
// register has no address. What a reduction over columns leaves in a thread is
// combined with that of the three others that hold the row. Products of
// matrices are in FragmentProducts.cpp, stores in FragmentStores.cpp.
//
//===----------------------------------------------------------------------===//

#include "FragmentLowering.h"
#include "attn/Conversion/FusedForm.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::attn;

static Value constant(OpBuilder &builder, Location loc, int64_t value) {
  return arith::ConstantIndexOp::create(builder, loc, value);
}

//===----------------------------------------------------------------------===//
// Points
//===----------------------------------------------------------------------===//

/// The rank of the columns: that of the result beside the lanes, or what is
/// reduced.
StringAttr FragmentLowering::getColumnRank() {
  for (StringAttr rank : einsum.getOutputRanks())
    if (rank != lane)
      return rank;
  SmallVector<StringAttr> reduced = einsum.getReduced();
  return reduced.empty() ? StringAttr() : reduced.front();
}

/// The columns of the tiles that the einsum works on, if it works on any.
std::optional<TilePart> FragmentLowering::getPart() {
  SmallVector<Value> values(1, einsum.getInit());
  llvm::append_range(values, einsum.getInputs());
  for (Value value : values)
    if (Value tile = getRegisters(value); tile && isTile(tile))
      return *TilePart::get(value);
  return std::nullopt;
}

/// Whether the einsum reads a tile that threads hold, or rows that a product
/// loads for them.
bool FragmentLowering::readsTile() {
  std::optional<Contraction> product = Contraction::match(einsum, lane);
  return (product && product->isPlain) ||
         llvm::any_of(einsum.getInputs(), [&](Value input) {
           Value tile = getRegisters(input);
           return tile && isTile(tile);
         });
}

/// Columns of registers that the einsum's points take.
int64_t FragmentLowering::countColumns() {
  int64_t columns = 0;
  if (std::optional<TilePart> part = getPart())
    columns = part->columns;
  auto type = cast<MemRefType>(einsum.getInit().getType());
  if (!getRegisters(einsum.getInit()))
    for (auto [rank, extent] :
         llvm::zip_equal(einsum.getOutputRanks(), type.getShape()))
      if (rank != lane)
        columns = std::max(columns, extent);
  return llvm::divideCeil(columns, kMatrixColumns) * kOwnColumns;
}

FragmentLowering::Column FragmentLowering::getColumn(
    OpBuilder &builder, const std::optional<TilePart> &part, int64_t number) {
  Column column;
  column.number = number;
  column.coordinate = thread.getColumn(builder, loc, number);
  OpFoldResult first = builder.getIndexAttr(0), size = first;
  int64_t columns = 0;
  if (part) {
    first = part->first;
    size = part->size;
    columns = part->columns;
  } else {
    auto type = cast<MemRefType>(einsum.getInit().getType());
    for (auto [rank, extent] :
         llvm::zip_equal(einsum.getOutputRanks(), type.getShape()))
      if (rank != lane) {
        size = builder.getIndexAttr(extent);
        columns = llvm::alignTo(extent, kMatrixColumns);
      }
  }
  bool isFromStart = getConstantIntValue(first) == 0;
  if (!isFromStart)
    column.coordinate = arith::SubIOp::create(
        builder, loc, column.coordinate,
        getValueOrCreateConstantIndexOp(builder, loc, first));
  if (getConstantIntValue(size) == columns)
    return column;
  Value count = getValueOrCreateConstantIndexOp(builder, loc, size);
  if (isFromStart) {
    // Compared with constants: the coordinates of all columns, which do not
    // change from step to step, would take registers.
    Value rest = arith::SubIOp::create(builder, loc, count, thread.firstColumn);
    column.exists = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::sgt, rest,
        constant(builder, loc, WarpThread::getOffset(number)));
  } else {
    // The columns before the first wrap around.
    column.exists = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::ult, column.coordinate, count);
  }
  return column;
}

TileCoordinates FragmentLowering::getPoint(int64_t row, StringAttr rank,
                                           const Column &column) {
  TileCoordinates at;
  at.uniform[lane] = thread.lanes[row];
  if (rank)
    at.uniform[rank] = column.coordinate;
  return at;
}

static SmallVector<Value> getPlace(OpBuilder &builder, Location loc,
                                   Value registers, int64_t row,
                                   int64_t column) {
  SmallVector<Value> place(1, constant(builder, loc, row));
  if (cast<MemRefType>(registers.getType()).getRank() == 2)
    place.push_back(constant(builder, loc, column));
  return place;
}

Value FragmentLowering::loadRegister(OpBuilder &builder, Value memref,
                                     int64_t row, int64_t column) {
  Value place = getRegisters(memref);
  return memref::LoadOp::create(builder, loc, place,
                                getPlace(builder, loc, place, row, column));
}

/// Columns `column` and `column + 1` of a tile of 16 bits.
Value FragmentLowering::loadPair(OpBuilder &builder, Value memref, int64_t row,
                                 int64_t column) {
  return loadRegister(builder, memref, row, column / kOwnColumns);
}

/// One half of a pair, in 32 bits.
Value FragmentLowering::unpack(OpBuilder &builder, Value memref, Value pair,
                               Value isUpper) {
  Type element = getElementTypeOrSelf(getWholeBuffer(memref).getType());
  auto number = [&](int64_t bits) -> Value {
    return arith::ConstantIntOp::create(builder, loc, builder.getI32Type(),
                                        bits);
  };
  Value upper = arith::ShRUIOp::create(builder, loc, pair, number(16));
  Value half = arith::SelectOp::create(builder, loc, isUpper, upper, pair);
  half = arith::TruncIOp::create(builder, loc, builder.getI16Type(), half);
  half = arith::BitcastOp::create(builder, loc, element, half);
  return arith::ExtFOp::create(builder, loc, builder.getF32Type(), half);
}

void FragmentLowering::storeRegister(OpBuilder &builder, Value memref,
                                     int64_t row, int64_t column, Value value,
                                     Value exists) {
  if (exists)
    value = arith::SelectOp::create(builder, loc, exists, value,
                                    loadRegister(builder, memref, row, column));
  Value place = getRegisters(memref);
  memref::StoreOp::create(builder, loc, value, place,
                          getPlace(builder, loc, place, row, column));
}

/// Whether an operand that is not in registers is read at a coordinate of
/// `rank`, where nothing may lie beyond the columns that exist.
bool FragmentLowering::readsMemoryAt(StringAttr rank) {
  for (auto [index, input] : llvm::enumerate(einsum.getInputs()))
    if (!getRegisters(input) && rank && einsum.inputUsesRank(index, rank))
      return true;
  return false;
}

/// The map at one point, combined with `accumulator` if there is one.
Value FragmentLowering::emitPoint(OpBuilder &builder, int64_t row,
                                  StringAttr rank, const Column &column,
                                  Value accumulator) {
  TileCoordinates at = getPoint(row, rank, column);
  SmallVector<Value> arguments;
  for (auto [index, input] : llvm::enumerate(einsum.getInputs())) {
    // A store to a tensor of f64 maps numbers of f64.
    Type type = einsum.getMap()->getArgument(index).getType();
    if (getRegisters(input)) {
      arguments.push_back(TileOperands::convert(
          builder, loc, loadRegister(builder, input, row, column.number),
          type));
      continue;
    }
    bool usesRow = einsum.inputUsesRank(index, lane);
    bool usesColumn = rank && einsum.inputUsesRank(index, rank);
    auto [known, isNew] =
        loaded.try_emplace({static_cast<unsigned>(index), usesRow ? row : -1,
                            usesColumn ? column.number : -1});
    if (isNew)
      known->second = operands.load(builder, index, at, type);
    arguments.push_back(known->second);
  }
  return body.emitMap(builder, at, arguments, accumulator,
                      emitTests(builder, row, rank, column, arguments));
}

/// That where the column exists, else `otherwise`.
Value FragmentLowering::emitGuarded(OpBuilder &builder, int64_t row,
                                    StringAttr rank, const Column &column,
                                    Value accumulator, Value otherwise) {
  if (!column.exists)
    return emitPoint(builder, row, rank, column, accumulator);
  if (!readsMemoryAt(rank))
    return arith::SelectOp::create(
        builder, loc, column.exists,
        emitPoint(builder, row, rank, column, accumulator), otherwise);
  auto branch = scf::IfOp::create(builder, loc, TypeRange(otherwise.getType()),
                                  column.exists, /*withElseRegion=*/true);
  // What is loaded in a branch is known there alone.
  auto outer = loaded;
  OpBuilder inside = branch.getThenBodyBuilder();
  scf::YieldOp::create(inside, loc,
                       emitPoint(inside, row, rank, column, accumulator));
  loaded = std::move(outer);
  OpBuilder outside = branch.getElseBodyBuilder();
  scf::YieldOp::create(outside, loc, otherwise);
  return branch.getResult(0);
}

Value FragmentLowering::shuffle(OpBuilder &builder, Value value, Value from,
                                bool isXor) {
  Type i32 = builder.getI32Type();
  auto number = [&](int64_t bits) -> Value {
    return arith::ConstantIntOp::create(builder, loc, i32, bits);
  };
  // Four threads hold a row, and none asks beyond them.
  constexpr int64_t kSegments = (kWarpThreads - kRowThreads) << 8;
  int64_t clamp = kWarpThreads - 1;
  return NVVM::ShflOp::create(
      builder, loc, value.getType(), number(-1), value, from,
      number(isXor ? clamp : kSegments | clamp),
      isXor ? NVVM::ShflKind::bfly : NVVM::ShflKind::idx, UnitAttr());
}

/// Whether `isIt` holds for a thread of the warp.
Value FragmentLowering::voteAny(OpBuilder &builder, Value isIt) {
  Value everyone =
      arith::ConstantIntOp::create(builder, loc, builder.getI32Type(), -1);
  return NVVM::VoteSyncOp::create(builder, loc, builder.getI1Type(), everyone,
                                  isIt, NVVM::VoteSyncKind::any);
}

//===----------------------------------------------------------------------===//
// Einsums
//===----------------------------------------------------------------------===//

void FragmentLowering::lowerMap() {
  OpBuilder builder(einsum);
  StringAttr rank = getColumnRank();
  Value out = einsum.getInit();
  std::optional<TilePart> part = getPart();
  int64_t columns = rank ? countColumns() : 1;
  for (int64_t number = 0; number < columns; ++number) {
    Column column;
    if (rank)
      column = getColumn(builder, part, number);
    for (int64_t row = 0; row < thread.getRows(); ++row) {
      Value otherwise =
          column.exists ? loadRegister(builder, out, row, number) : Value();
      storeRegister(
          builder, out, row, number,
          emitGuarded(builder, row, rank, column, Value(), otherwise));
    }
  }
}

/// Two columns at a time; one that does not exist weighs nothing.
void FragmentLowering::lowerRounding() {
  OpBuilder builder(einsum);
  StringAttr rank = getColumnRank();
  std::optional<TilePart> part = getPart();
  Value out = einsum.getInit(), place = getRegisters(out);
  Type element = getElementTypeOrSelf(out.getType());
  Value zero = arith::ConstantOp::create(
      builder, loc, builder.getZeroAttr(builder.getF32Type()));
  for (int64_t first = 0, end = countColumns(); first < end;
       first += kOwnColumns)
    for (int64_t row = 0; row < thread.getRows(); ++row) {
      SmallVector<Value> halves;
      for (int64_t number : {first, first + 1})
        halves.push_back(emitGuarded(builder, row, rank,
                                     getColumn(builder, part, number), Value(),
                                     zero));
      memref::StoreOp::create(
          builder, loc, packPair(builder, halves[0], halves[1], element), place,
          getPlace(builder, loc, place, row, first / kOwnColumns));
    }
}

/// Whether a tile is multiplied, in place, by a number for each row: the repair
/// of carried sums.
bool FragmentLowering::isRepair() {
  if (einsum.getReduction() || einsum.getInputs().size() != 2 ||
      !isa_and_nonnull<arith::MulFOp>(einsum.getSingleMapOp()) ||
      einsum.getOutputRanks().size() != 2)
    return false;
  for (unsigned tile : {0u, 1u}) {
    Value numbers = getRegisters(einsum.getInputs()[1 - tile]);
    if (einsum.getInputs()[tile] == einsum.getInit() && numbers &&
        !isTile(numbers))
      return true;
  }
  return false;
}

/// A repair by 1, as of a maximum that has not changed, changes nothing; where
/// that holds for all rows of a warp it is left out.
void FragmentLowering::lowerRepair() {
  OpBuilder builder(einsum);
  Value numbers = einsum.getInputs()[0] == einsum.getInit()
                      ? einsum.getInputs()[1]
                      : einsum.getInputs()[0];
  Value one =
      arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(1.0f));
  Value repairs;
  for (int64_t row = 0; row < thread.getRows(); ++row) {
    Value differs =
        arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UNE,
                              loadRegister(builder, numbers, row, 0), one);
    repairs =
        repairs
            ? arith::OrIOp::create(builder, loc, repairs, differs).getResult()
            : differs;
  }
  auto branch = scf::IfOp::create(builder, loc, voteAny(builder, repairs));
  einsum->moveBefore(branch.thenYield());
  lowerMap();
}

/// The exponential of the scores of a tile, with a maximum for each row.
std::optional<ExponentMap> FragmentLowering::matchExponent() {
  if (einsum.getReduction() || einsum.getAccumulate() ||
      einsum.getOutputRanks().size() != 2)
    return std::nullopt;
  std::optional<ExponentMap> exponent = ExponentMap::match(einsum);
  if (!exponent)
    return std::nullopt;
  Value scores = getRegisters(einsum.getInputs()[exponent->score]),
        maxima = getRegisters(einsum.getInputs()[exponent->maximum]);
  return scores && isTile(scores) && maxima && !isTile(maxima) ? exponent
                                                               : std::nullopt;
}

/// Where the maxima of all rows of a warp are near 0, as they nearly always
/// are, exponents are computed with one instruction; -FLT_MAX is that of a row
/// which has seen no live key yet.
void FragmentLowering::lowerExponent(const ExponentMap &exponent) {
  OpBuilder builder(einsum);
  auto constant = [&](float value) -> Value {
    return arith::ConstantOp::create(builder, loc,
                                     builder.getF32FloatAttr(value));
  };
  Value isFar;
  for (int64_t row = 0; row < thread.getRows(); ++row) {
    Value maximum =
        loadRegister(builder, einsum.getInputs()[exponent.maximum], row, 0);
    // NaN is far.
    Value beyond = arith::CmpFOp::create(
        builder, loc, arith::CmpFPredicate::UGE,
        math::AbsFOp::create(builder, loc, maximum), constant(kLargestMaximum));
    Value isSet =
        arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UNE, maximum,
                              constant(std::numeric_limits<float>::lowest()));
    Value isRowFar = arith::AndIOp::create(builder, loc, beyond, isSet);
    isFar =
        isFar ? arith::OrIOp::create(builder, loc, isFar, isRowFar).getResult()
              : isRowFar;
  }
  auto branch = scf::IfOp::create(builder, loc, voteAny(builder, isFar),
                                  /*withElseRegion=*/true);
  OpBuilder near = branch.getElseBodyBuilder();
  auto contracted = cast<TileEinsumOp>(near.clone(*einsum));
  exponent.contract(contracted);
  FragmentLowering lowering(contracted, lane, thread, registers);
  lowering.operands.prepare(near, std::nullopt);
  lowering.lowerMap();
  contracted.erase();
  einsum->moveBefore(branch.thenYield());
  lowerMap();
}

/// What the threads of a row have, combined, for all of them.
Value FragmentLowering::joinThreads(OpBuilder &builder, Value value,
                                    function_ref<Value(Value, Value)> combine) {
  for (int64_t other = kRowThreads / 2; other > 0; other /= 2) {
    Value from =
        arith::ConstantIntOp::create(builder, loc, builder.getI32Type(), other);
    value = combine(value, shuffle(builder, value, from, true));
  }
  return value;
}

/// The sums of the threads of a row, each of its own columns.
void FragmentLowering::lowerJoin() {
  OpBuilder builder(einsum);
  Value out = einsum.getInit();
  for (int64_t row = 0; row < thread.getRows(); ++row) {
    Value sum =
        joinThreads(builder, loadRegister(builder, out, row, 0),
                    [&](Value left, Value right) -> Value {
                      return arith::AddFOp::create(builder, loc, left, right);
                    });
    storeRegister(builder, out, row, 0, sum);
  }
}

/// A number for each row: the thread's columns, then those of the others.
void FragmentLowering::lowerReduction() {
  OpBuilder builder(einsum);
  StringAttr rank = getColumnRank();
  std::optional<TilePart> part = getPart();
  Type type = einsum.getMapResult().getType();
  SmallVector<Value> sums(thread.getRows(), body.getIdentity(builder, type));
  for (int64_t number = 0, end = countColumns(); number < end; ++number) {
    Column column = getColumn(builder, part, number);
    for (auto [row, sum] : llvm::enumerate(sums))
      sum = emitGuarded(builder, row, rank, column, sum, sum);
  }
  bool isJoined = !einsum->hasAttr(kThreadSumAttrName);
  for (auto [row, sum] : llvm::enumerate(sums)) {
    if (isJoined)
      sum = joinThreads(builder, sum, [&](Value left, Value right) {
        return body.combine(builder, left, right);
      });
    if (einsum.getAccumulate())
      sum = body.combine(builder,
                         loadRegister(builder, einsum.getInit(), row, 0), sum);
    storeRegister(builder, einsum.getInit(), row, 0, sum);
  }
}

/// One number of the weights that the four threads of a row hold.
Value FragmentLowering::shuffleWeight(OpBuilder &builder, Value weights,
                                      int64_t row, Value column) {
  auto index = [&](int64_t value) { return constant(builder, loc, value); };
  Value inTile =
      arith::RemUIOp::create(builder, loc, column, index(kMatrixColumns));
  // Which thread of the row holds it, and in which register.
  Value holder =
      arith::DivUIOp::create(builder, loc, inTile, index(kOwnColumns));
  holder =
      arith::IndexCastOp::create(builder, loc, builder.getI32Type(), holder);
  Value number =
      arith::DivUIOp::create(builder, loc, column, index(kMatrixColumns));
  Value isUpper = arith::CmpIOp::create(
      builder, loc, arith::CmpIPredicate::ne,
      arith::RemUIOp::create(builder, loc, inTile, index(kOwnColumns)),
      index(0));
  Value pair = loadPair(builder, weights, row, 0);
  int64_t columns = TilePart::get(weights)->columns / kRowThreads;
  for (int64_t own = kOwnColumns; own < columns; own += kOwnColumns) {
    Value isIt = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                       number, index(own / kOwnColumns));
    pair = arith::SelectOp::create(builder, loc, isIt,
                                   loadPair(builder, weights, row, own), pair);
  }
  pair = shuffle(builder, pair, holder, /*isXor=*/false);
  return unpack(builder, weights, pair, isUpper);
}

/// A reduction that is no product of matrices, depth by depth: of what a mask
/// keeps of the products with the tile that is operand `weights`, or of what no
/// thread holds. A loop, as it is rare and long.
void FragmentLowering::lowerSum(std::optional<unsigned> weights) {
  OpBuilder builder(einsum);
  Value out = einsum.getInit();
  Type type = einsum.getMapResult().getType();
  StringAttr depthRank = einsum.getReduced().front();
  std::optional<TilePart> columns;
  StringAttr rank;
  if (isTile(getRegisters(out))) {
    columns = *TilePart::get(out);
    rank = getColumnRank();
  }
  int64_t count = columns ? columns->columns / kRowThreads : 1;
  auto getOwn = [&](OpBuilder &at, int64_t own) {
    return columns ? getColumn(at, columns, own) : Column();
  };
  if (!einsum.getAccumulate())
    for (int64_t row = 0; row < thread.getRows(); ++row)
      for (int64_t own = 0; own < count; ++own)
        storeRegister(builder, out, row, own, body.getIdentity(builder, type),
                      getOwn(builder, own).exists);
  Value firstDepth, depths;
  if (weights) {
    TilePart part = *TilePart::get(einsum.getInputs()[*weights]);
    firstDepth = getValueOrCreateConstantIndexOp(builder, loc, part.first);
    depths = getValueOrCreateConstantIndexOp(builder, loc, part.size);
  } else {
    depths = getOperandExtent(builder, einsum, depthRank);
  }
  auto loop = scf::ForOp::create(builder, loc, constant(builder, loc, 0),
                                 depths, constant(builder, loc, 1));
  OpBuilder at = OpBuilder::atBlockBegin(loop.getBody());
  Value depth = loop.getInductionVar();
  Value place =
      weights ? arith::AddIOp::create(at, loc, depth, firstDepth) : Value();
  for (int64_t row = 0; row < thread.getRows(); ++row) {
    SmallVector<Value> ofRow(einsum.getInputs().size());
    if (weights)
      ofRow[*weights] =
          shuffleWeight(at, einsum.getInputs()[*weights], row, place);
    for (int64_t own = 0; own < count; ++own) {
      Column column = getOwn(at, own);
      TileCoordinates point = getPoint(row, rank, column);
      // A column that does not exist reads the first one.
      if (column.exists)
        point.uniform[rank] = arith::SelectOp::create(
            at, loc, column.exists, column.coordinate, constant(at, loc, 0));
      point.uniform[depthRank] = depth;
      // What a mask reads is mostly the same for all columns.
      SmallVector<Value> arguments(ofRow);
      for (auto [input, argument] : llvm::enumerate(arguments)) {
        if (argument)
          continue;
        Value operand = einsum.getInputs()[input];
        Type taken = einsum.getMap()->getArgument(input).getType();
        argument = getRegisters(operand)
                       ? loadRegister(at, operand, row, 0)
                       : operands.load(at, input, point, taken);
        if (!rank || !einsum.inputUsesRank(input, rank))
          ofRow[input] = argument;
      }
      Value sum = loadRegister(at, out, row, own);
      storeRegister(at, out, row, own, body.emitMap(at, point, arguments, sum),
                    column.exists);
    }
  }
}

void FragmentLowering::run() {
  OpBuilder builder(einsum);
  operands.prepare(builder, std::nullopt);
  findTests(getColumnRank());
  std::optional<Contraction> product = Contraction::match(einsum, lane);
  if (!getRegisters(einsum.getInit()))
    lowerStore();
  else if (cast<MemRefType>(einsum.getInit().getType())
               .getElementTypeBitWidth() == 16)
    lowerRounding();
  else if (einsum->hasAttr(kJoinThreadsAttrName))
    lowerJoin();
  else if (isRepair())
    lowerRepair();
  else if (std::optional<ExponentMap> exponent = matchExponent())
    lowerExponent(*exponent);
  else if (einsum.getReduced().empty())
    lowerMap();
  else if (!readsTile())
    lowerSum(std::nullopt);
  else if (einsum.getOutputRanks().size() == 1)
    lowerReduction();
  else if (product->isPlain)
    lowerProduct(*product);
  else
    lowerSum(product->left);
  einsum.erase();
}
