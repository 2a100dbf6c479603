//===- PairProducts.cpp - Products of 16-bit tiles, two at a time ---------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For vector instructions that multiply pairs of bf16 and add both products to
// a sum in f32. The rank of such a sum is split into pairs, and both operands
// are laid out so that a pair takes 32 bits side by side:
//
//   - tiles [column, depth] that are copies of a tensor keep its bf16 and its
//     layout, as neighbours along the depth lie together;
//   - tiles [depth, column] that are copies become [pair, column, 2];
//   - lanes [depth, lane] become [pair, lane, 2]: copies keep the tensor's
//   bits,
//     and what a constant multiplied them by goes behind the sum; weights,
//     which come from other tiles, are rounded (NU-2).
//
// For matrix tiles (AMX), which take 16 rows and 16 pairs of each operand at a
// time, [depth, column] becomes [column, depth], and every rank of a product is
// filled up to whole tiles: with zeros along the sum, and with whatever the
// scratch holds along rows that the step lacks. These are computed, and read by
// nothing.
//
// An instruction that takes one pair adds its second product first. Where the
// depth is streamed the second place of a pair therefore holds the first point:
// sums are those of a loop over single points, wherever a step begins.
//
//===----------------------------------------------------------------------===//

#include "Contractions.h"
#include "PairRows.h"
#include "WorkerScratch.h"
#include "WorkspaceBytes.h"
#include "attn/Conversion/FusedForm.h"
#include "attn/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNPAIRPRODUCTS
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {

/// A product whose operands can lie in pairs.
struct PairedProduct {
  EinsumOp einsum;
  Contraction parts;
  /// The copies of a tensor that its operands are; no left one for weights,
  /// which are computed from other tiles.
  EinsumOp leftCopy, rightCopy;
  /// Whether neighbours along the depth lie side by side in the right operand.
  bool isDepthLast;
  /// Behind the sum; null where there is none.
  FloatAttr factor;
};

/// Rewrites the products of one function.
class ProductPairer {
public:
  ProductPairer(func::FuncOp function, func::FuncOp worker, PairUnit unit,
                int64_t lanes)
      : function(function), worker(worker), unit(unit), vectorLanes(lanes),
        lane(function->getAttrOfType<StringAttr>(kLanesAttrName)),
        context(function.getContext()) {}

  void run();

private:
  std::optional<PairedProduct> check(EinsumOp einsum, const Contraction &parts);
  std::optional<StringRef> checkOperands(PairedProduct &product);
  std::optional<StringRef> checkTiles(const PairedProduct &product);
  EinsumOp findCopy(Value operand);
  bool isFromTiles(Value operand);
  void collect();
  void readThrough(EinsumOp copy);

  Value createPlace(OpBuilder &builder, Value old, bool isDead,
                    MemRefType type);
  Value getRight(const PairedProduct &product);
  Value getLeft(const PairedProduct &product);
  /// The operation in front of which weights are complete, and the einsum that
  /// computes all of them, if it is one and stands in the same block.
  struct WeightsPlace {
    Operation *user;
    EinsumOp writer;
  };
  WeightsPlace findWeights(Operation *user, Value tile);
  bool isPackedOnly(EinsumOp writer);
  Value packWeights(const PairedProduct &product);
  Value getFinite(const PairedProduct &product, Value right);
  Value getOut(const PairedProduct &product);
  void createSum(const PairedProduct &product, Value right, bool accumulate);
  void rewriteMasked(const PairedProduct &product);
  void rewrite(const PairedProduct &product);

  func::FuncOp function, worker;
  PairUnit unit;
  int64_t vectorLanes;
  StringAttr lane;
  MLIRContext *context;
  /// Einsums that write and read each buffer of the scratch.
  llvm::DenseMap<Value, SmallVector<EinsumOp>> writers, readers;
  /// Operands in pairs, by the copy they take the place of.
  llvm::DenseMap<std::pair<Operation *, unsigned>, Value> known;
  llvm::SmallPtrSet<Operation *, 8> paired, dead;
  /// What computes weights that are read in pairs alone.
  llvm::SmallPtrSet<Operation *, 8> packedOnly;
  /// Bytes of the worker's scratch so far.
  int64_t bytes = 0;
};

} // namespace

/// Whether `einsum` sums products of its operands, masked or not.
static bool isSumOfProducts(EinsumOp einsum) {
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

static bool isScratch(Value memref) {
  return isa_and_nonnull<memref::ViewOp>(
      getWholeBuffer(memref).getDefiningOp());
}

/// Whether two values are the same part of the same buffer.
static bool isSamePart(Value left, Value right) {
  if (left == right)
    return true;
  Operation *one = left.getDefiningOp(), *other = right.getDefiningOp();
  return one && other && isa<memref::SubViewOp>(one) &&
         OperationEquivalence::isEquivalentTo(
             one, other, OperationEquivalence::IgnoreLocations);
}

void ProductPairer::collect() {
  function.walk([&](EinsumOp einsum) {
    if (!einsum.isTileForm())
      return;
    writers[getWholeBuffer(einsum.getInit())].push_back(einsum);
    for (Value input : einsum.getInputs())
      readers[getWholeBuffer(input)].push_back(einsum);
  });
}

/// The one einsum that writes `operand`, all of it, if that is a copy of bf16
/// from a tensor; maybe with a factor.
EinsumOp ProductPairer::findCopy(Value operand) {
  ArrayRef<EinsumOp> all = writers[getWholeBuffer(operand)];
  if (all.size() != 1)
    return {};
  EinsumOp copy = all.front();
  if (!isSamePart(copy.getInit(), operand) || !getCopyFactor(copy) ||
      isScratch(copy.getInputs().front()) ||
      !getElementTypeOrSelf(copy.getInputs().front().getType()).isBF16())
    return {};
  return copy;
}

/// Whether `operand` is computed from other tiles, as weights are from scores.
bool ProductPairer::isFromTiles(Value operand) {
  return llvm::any_of(writers[getWholeBuffer(operand)], [&](EinsumOp writer) {
    return llvm::any_of(writer.getInputs(), isScratch);
  });
}

/// Whether `memref` is a buffer, or the first rows of one.
static bool isFirstRows(Value memref) {
  auto part = memref.getDefiningOp<memref::SubViewOp>();
  return !part || (part.getSource() == getWholeBuffer(memref) &&
                   llvm::all_of(part.getMixedOffsets(), isZeroInteger));
}

/// `value` where it is finite, or where it is not, and 0 elsewhere.
static Value selectFinite(OpBuilder &builder, Location loc, Value value,
                          bool isFinite) {
  Value zero = arith::ConstantOp::create(
      builder, loc, builder.getFloatAttr(value.getType(), 0));
  Value difference = arith::SubFOp::create(builder, loc, value, value);
  Value test = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OEQ,
                                     difference, zero);
  return arith::SelectOp::create(builder, loc, test, isFinite ? value : zero,
                                 isFinite ? zero : value);
}

/// Whether one of the ranks that pairs would add is there.
static bool hasPairRanks(EinsumOp einsum) {
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
  EinsumOp einsum = product.einsum;
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
  EinsumOp einsum = product.einsum, rightCopy = product.rightCopy;
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

std::optional<PairedProduct> ProductPairer::check(EinsumOp einsum,
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

/// A buffer of `type`: in the place of `old`, which nothing reads any more if
/// it `isDead`, or behind all others.
Value ProductPairer::createPlace(OpBuilder &builder, Value old, bool isDead,
                                 MemRefType type) {
  auto view = cast<memref::ViewOp>(getWholeBuffer(old).getDefiningOp());
  Location loc = old.getLoc();
  Value shift = view.getByteShift();
  int64_t size = type.getNumElements() * 2;
  // Whole tiles may take more than what they are made of.
  MemRefType oldType = view.getType();
  if (!isDead || size > oldType.getNumElements() *
                            (oldType.getElementTypeBitWidth() / 8)) {
    shift = arith::ConstantIndexOp::create(builder, loc, bytes);
    bytes += llvm::alignTo(size, kWorkspaceAlignment);
  }
  return memref::ViewOp::create(builder, loc, type, view.getSource(), shift,
                                ValueRange());
}

/// Lets einsums that read a copy read what it is a copy of, if no other reader
/// than products in pairs is left then.
void ProductPairer::readThrough(EinsumOp copy) {
  Value tile = getWholeBuffer(copy.getInit());
  SmallVector<std::pair<EinsumOp, unsigned>> through;
  for (EinsumOp reader : readers[tile]) {
    if (paired.contains(reader))
      continue;
    if (*getCopyFactor(copy) || !copy.getClampedRanks().empty())
      return;
    for (unsigned index = 0; index < reader.getInputs().size(); ++index) {
      if (getWholeBuffer(reader.getInputs()[index]) != tile)
        continue;
      EinsumAccess access = reader.getAccess(index);
      if (!isSamePart(reader.getInputs()[index], copy.getInit()) ||
          !llvm::all_of(access.map.getResults(), [](AffineExpr expr) {
            return isa<AffineDimExpr>(expr);
          }))
        return;
      through.push_back({reader, index});
    }
  }
  // Whatever else looks at the tile keeps it.
  SmallVector<Value> parts(1, tile);
  for (size_t next = 0; next < parts.size(); ++next)
    for (Operation *user : parts[next].getUsers()) {
      if (isa<memref::SubViewOp, memref::CastOp>(user))
        parts.push_back(user->getResult(0));
      else if (!isa<EinsumOp, memref::DimOp>(user))
        return;
    }
  dead.insert(copy);
  SmallVector<StringAttr> copied = copy.getOutputRanks();
  for (auto &[einsum, index] : through) {
    EinsumOp reader = einsum;
    SmallVector<EinsumAccess> accesses;
    for (unsigned input = 0; input < reader.getInputs().size(); ++input)
      accesses.push_back(reader.getAccess(input));
    EinsumAccess from = copy.getAccess(0);
    for (auto [dim, rank] : llvm::enumerate(copied))
      llvm::replace(from.ranks, rank, getPlainRank(accesses[index], dim));
    accesses[index] = from;
    SmallVector<StringAttr> clamped;
    for (auto rank : reader.getClampedRanks().getAsRange<StringAttr>())
      clamped.push_back(rank);
    OpBuilder builder(reader);
    auto direct = EinsumOp::create(
        builder, reader.getLoc(), reader.getInit(), reader.getOutputRanks(),
        accesses, reader.getEinsumReduction(), reader.getAccumulate(), clamped,
        [&](OpBuilder &map, Location, ValueRange args) {
          IRMapping mapping;
          mapping.map(reader.getMap()->getArguments(), args);
          for (Operation &op : reader.getMap()->without_terminator())
            map.clone(op, mapping);
          return mapping.lookupOrDefault(reader.getMapResult());
        });
    for (auto *uses : {&readers, &writers})
      for (auto &entry : *uses)
        llvm::replace(entry.second, reader, direct);
    reader.erase();
  }
}

/// The operand without lanes: where its copy stands, a copy in bf16.
Value ProductPairer::getRight(const PairedProduct &product) {
  EinsumOp copy = product.rightCopy;
  auto [place, isNew] = known.try_emplace({copy, product.isDepthLast}, Value());
  if (!isNew)
    return place->second;
  OpBuilder builder(copy);
  Location loc = copy.getLoc();
  auto whole = cast<MemRefType>(getWholeBuffer(copy.getInit()).getType());
  Type bf16 = builder.getBF16Type();
  SmallVector<StringAttr> ranks = copy.getOutputRanks();
  Value size = builder.createOrFold<memref::DimOp>(loc, copy.getInit(), 0);
  // The place of the copy is free once.
  bool isDead =
      dead.contains(copy) && !known.contains({copy, !product.isDepthLast});
  bool isTiled = unit == PairUnit::MatrixTiles;
  if (!product.isDepthLast) {
    int64_t columns = whole.getDimSize(1);
    SmallVector<int64_t> shape = {countPairs(whole.getDimSize(0)), columns, 2};
    if (isTiled)
      shape = {columns, static_cast<int64_t>(llvm::alignTo(whole.getDimSize(0),
                                                           kMatrixTilePoints))};
    Value buffer = createPlace(builder, copy.getInit(), isDead,
                               MemRefType::get(shape, bf16));
    Value rows = isTiled ? packColumns(builder, buffer, copy.getAccess(0),
                                       ranks[1], ranks[0], size)
                         : packRows(builder, buffer, copy.getAccess(0),
                                    ranks[1], ranks[0], size, unit);
    return known[{copy, false}] = rows;
  }
  int64_t points = whole.getDimSize(1);
  int64_t width = isTiled ? llvm::alignTo(points, kMatrixTilePoints) : points;
  Value buffer =
      createPlace(builder, copy.getInit(), isDead,
                  MemRefType::get({whole.getDimSize(0), width}, bf16));
  auto getPart = [&](Value rows, int64_t first, int64_t end) {
    return takePart(
        builder, loc, buffer,
        {builder.getIndexAttr(0), builder.getIndexAttr(first)},
        {getAsOpFoldResult(rows), builder.getIndexAttr(end - first)});
  };
  Value rows = getPart(size, 0, points);
  EinsumOp::create(builder, loc, rows, ranks, copy.getAccess(0), std::nullopt,
                   /*accumulate=*/false, {}, yieldFirst);
  if (width > points)
    clear(builder, loc, getPart(size, points, width), ranks);
  if (isTiled)
    rows = getPart(alignSize(builder, loc, size, kMatrixTileRows), 0, width);
  return known[{copy, true}] = rows;
}

/// The operand over the lanes, [pair, lane, 2].
Value ProductPairer::getLeft(const PairedProduct &product) {
  EinsumOp einsum = product.einsum;
  StringAttr depth = product.parts.depth;
  EinsumOp copy = product.leftCopy;
  if (copy) {
    auto [found, isNew] = known.try_emplace({copy, true}, Value());
    if (!isNew)
      return found->second;
    OpBuilder builder(copy);
    Location loc = copy.getLoc();
    auto whole = cast<MemRefType>(copy.getInit().getType());
    int64_t lanes = whole.getDimSize(1), used = whole.getDimSize(0) / 2;
    int64_t count = used;
    if (unit == PairUnit::MatrixTiles)
      count = llvm::alignTo(used, kMatrixTilePoints / 2);
    Value all =
        createPlace(builder, copy.getInit(), dead.contains(copy),
                    MemRefType::get({count, lanes, 2}, builder.getBF16Type()));
    auto getPart = [&](int64_t first, int64_t end) -> Value {
      if (first == 0 && end == count)
        return all;
      Attribute zero = builder.getIndexAttr(0);
      return takePart(builder, loc, all,
                      {builder.getIndexAttr(first), zero, zero},
                      {builder.getIndexAttr(end - first),
                       builder.getIndexAttr(lanes), builder.getIndexAttr(2)});
    };
    Value buffer = getPart(0, used);
    SmallVector<StringAttr> ranks = copy.getOutputRanks();
    StringAttr own = ranks.front();
    SmallVector<StringAttr> pairs = {getPairRank(own), ranks[1],
                                     getPlaceRank(own)};
    AffineExpr point =
        builder.getAffineDimExpr(0) * 2 + builder.getAffineDimExpr(2);
    SmallVector<StringAttr> clamped;
    for (auto rank : copy.getClampedRanks().getAsRange<StringAttr>())
      clamped.push_back(rank);
    FloatAttr factor = *getCopyFactor(copy);
    EinsumOp::create(
        builder, loc, buffer, pairs,
        replaceRank(copy.getAccess(0), own, point, pairs), std::nullopt,
        /*accumulate=*/false, clamped,
        [&](OpBuilder &map, Location at, ValueRange args) -> Value {
          if (!factor || product.factor)
            return args[0];
          Value constant = arith::ConstantOp::create(map, at, factor);
          return arith::MulFOp::create(map, at, args[0], constant);
        });
    if (count > used)
      clear(builder, loc, getPart(used, count), pairs);
    return known[{copy, true}] = all;
  }
  return packWeights(product);
}

/// Where weights can be packed: behind the last einsum that writes `tile` in
/// front of `user`, in the same block or in one around it.
ProductPairer::WeightsPlace ProductPairer::findWeights(Operation *user,
                                                       Value tile) {
  Value buffer = getWholeBuffer(tile);
  auto writes = [&](Operation *op) {
    WalkResult result = op->walk([&](EinsumOp inner) {
      return inner.isTileForm() && getWholeBuffer(inner.getInit()) == buffer
                 ? WalkResult::interrupt()
                 : WalkResult::advance();
    });
    return result.wasInterrupted();
  };
  for (Operation *op = user->getPrevNode(); op; op = op->getPrevNode()) {
    if (!writes(op))
      continue;
    auto writer = dyn_cast<EinsumOp>(op);
    if (!writer || !isSamePart(writer.getInit(), tile))
      writer = EinsumOp();
    return {user, writer};
  }
  // A branch that writes none of it reads what stood before it.
  auto branch = dyn_cast<scf::IfOp>(user->getParentOp());
  return branch && !writes(branch) ? findWeights(branch, tile)
                                   : WeightsPlace{user, EinsumOp()};
}

/// The reduction of what `writer` computes right behind it, or null.
static EinsumOp findSum(EinsumOp writer) {
  Operation *op = writer->getNextNode();
  while (op && !isa<EinsumOp>(op))
    op = op->getNextNode();
  auto next = dyn_cast_or_null<EinsumOp>(op);
  return next && next.getReduction() && next.getInputs().size() == 1 &&
                 isSamePart(next.getInputs().front(), writer.getInit())
             ? next
             : EinsumOp();
}

/// Whether nothing will read what `writer` computes but its reduction and
/// products in pairs. Its tile must be one of this step.
bool ProductPairer::isPackedOnly(EinsumOp writer) {
  Value buffer = getWholeBuffer(writer.getInit());
  Block *block = writer->getBlock();
  EinsumOp sum = findSum(writer);
  if (buffer.getParentBlock() != block)
    return false;
  return llvm::all_of(readers[buffer], [&](EinsumOp reader) {
    Operation *at = block->findAncestorOpInBlock(*reader);
    if (at && (at == writer || at->isBeforeInBlock(writer)))
      return true;
    return reader == sum ||
           (paired.contains(reader) &&
            findWeights(reader, writer.getInit()).writer == writer);
  });
}

/// Weights in pairs of rows, [pair, lane, 2]: right behind what computes them
/// and its sum over the rows, which loops over them anyway, or where they are
/// read.
Value ProductPairer::packWeights(const PairedProduct &product) {
  EinsumOp einsum = product.einsum;
  Value left = einsum.getInputs()[product.parts.left];
  auto [user, writer] = findWeights(einsum, left);
  Value &packed = known[{writer ? writer : user, false}];
  if (packed)
    return packed;
  OpBuilder builder(user);
  if (writer) {
    left = writer.getInit();
    EinsumOp sum = findSum(writer);
    builder.setInsertionPointAfter(sum ? sum : writer);
  }
  Location loc = einsum.getLoc();
  auto view = cast<memref::ViewOp>(getWholeBuffer(left).getDefiningOp());
  int64_t points = view.getType().getDimSize(0);
  if (unit == PairUnit::MatrixTiles)
    points = llvm::alignTo(points, kMatrixTilePoints);
  auto type =
      MemRefType::get({countPairs(points), view.getType().getDimSize(1), 2},
                      builder.getBF16Type());
  packed = packRows(builder, createPlace(builder, left, /*isDead=*/false, type),
                    EinsumAccess::get(left, {product.parts.depth, lane}), lane,
                    product.parts.depth,
                    builder.createOrFold<memref::DimOp>(loc, left, 0), unit,
                    packedOnly.contains(writer));
  return packed;
}

/// The result, with the rows that its last matrix tile has.
Value ProductPairer::getOut(const PairedProduct &product) {
  EinsumOp einsum = product.einsum;
  Value out = einsum.getInit();
  auto type = cast<MemRefType>(out.getType());
  if (unit != PairUnit::MatrixTiles ||
      (!type.isDynamicDim(0) && type.getDimSize(0) % kMatrixTileRows == 0))
    return out;
  OpBuilder builder(einsum);
  Location loc = einsum.getLoc();
  Value rows =
      alignSize(builder, loc, builder.createOrFold<memref::DimOp>(loc, out, 0),
                kMatrixTileRows);
  return takePart(
      builder, loc, getWholeBuffer(out),
      {builder.getIndexAttr(0), builder.getIndexAttr(0)},
      {getAsOpFoldResult(rows), builder.getIndexAttr(type.getDimSize(1))});
}

/// `right` with 0 for what is not finite.
Value ProductPairer::getFinite(const PairedProduct &product, Value right) {
  OpBuilder builder(product.einsum);
  Location loc = right.getLoc();
  SmallVector<OpFoldResult> zeros(2, builder.getIndexAttr(0));
  Value buffer = createPlace(builder, right, /*isDead=*/false,
                             cast<MemRefType>(getWholeBuffer(right).getType()));
  Value finite = takePart(builder, loc, buffer, zeros,
                          memref::getMixedSizes(builder, loc, right));
  SmallVector<StringAttr> ranks = {product.parts.column, product.parts.depth};
  EinsumOp::create(builder, loc, finite, ranks, EinsumAccess::get(right, ranks),
                   std::nullopt, /*accumulate=*/false, {},
                   [](OpBuilder &map, Location at, ValueRange args) -> Value {
                     return selectFinite(map, at, args[0], /*isFinite=*/true);
                   });
  return finite;
}

/// Where a mask is in the product itself, an operand may not be finite at
/// masked points. A matrix unit cannot leave these out: it takes what is
/// finite, and products one by one what is not, which leaves other sums as they
/// are.
void ProductPairer::rewriteMasked(const PairedProduct &product) {
  PairedProduct finite = product;
  finite.parts.isPlain = true;
  Value right = getRight(product);
  createSum(finite, getFinite(product, right), finite.einsum.getAccumulate());
  createSum(product, right, /*accumulate=*/true);
}

void ProductPairer::rewrite(const PairedProduct &product) {
  EinsumOp einsum = product.einsum;
  if (unit == PairUnit::MatrixTiles && !product.parts.isPlain)
    rewriteMasked(product);
  else
    createSum(product, getRight(product), einsum.getAccumulate());
  if (product.factor) {
    OpBuilder builder(einsum);
    createScale(builder, einsum.getLoc(), einsum.getInit(),
                einsum.getOutputRanks(), product.factor);
  }
  einsum.erase();
}

/// The product with `right` in front of its einsum.
void ProductPairer::createSum(const PairedProduct &product, Value right,
                              bool accumulate) {
  EinsumOp einsum = product.einsum;
  const Contraction &parts = product.parts;
  bool isTiled = unit == PairUnit::MatrixTiles;
  Value left = getLeft(product);
  OpBuilder builder(einsum);
  Location loc = einsum.getLoc();
  StringAttr pair = getPairRank(parts.depth);
  StringAttr place = getPlaceRank(parts.depth);
  AffineExpr first = builder.getAffineDimExpr(1),
             second = builder.getAffineDimExpr(2);
  EinsumAccess accesses[2];
  accesses[parts.left] = EinsumAccess::get(left, {pair, lane, place});
  accesses[parts.right] =
      product.isDepthLast || isTiled
          ? EinsumAccess(right,
                         AffineMap::get(
                             3, 0,
                             {builder.getAffineDimExpr(0), first * 2 + second},
                             context),
                         {parts.column, pair, place})
          : EinsumAccess::get(right, {pair, parts.column, place});
  auto createMap = [&](OpBuilder &map, Location at, ValueRange args) -> Value {
    if (parts.isPlain)
      return arith::MulFOp::create(map, at, args[0], args[1]);
    IRMapping mapping;
    mapping.map(einsum.getMap()->getArguments(), args);
    if (isTiled)
      mapping.map(einsum.getMap()->getArgument(parts.right),
                  selectFinite(map, at, args[parts.right], /*isFinite=*/false));
    for (Operation &op : einsum.getMap()->without_terminator()) {
      auto index = dyn_cast<IndexOp>(op);
      if (!index || index.getRankAttr() != parts.depth) {
        map.clone(op, mapping);
        continue;
      }
      Value number = IndexOp::create(map, at, map.getIndexType(), pair);
      Value within = IndexOp::create(map, at, map.getIndexType(), place);
      number = arith::MulIOp::create(
          map, at, number, arith::ConstantIndexOp::create(map, at, 2));
      if (!product.isDepthLast && !isTiled)
        within = arith::SubIOp::create(
            map, at, arith::ConstantIndexOp::create(map, at, 1), within);
      mapping.map(index.getResult(),
                  arith::AddIOp::create(map, at, number, within));
    }
    return mapping.lookupOrDefault(einsum.getMapResult());
  };
  auto sum = EinsumOp::create(
      builder, loc, getOut(product), einsum.getOutputRanks(), accesses,
      EinsumReduction{ReductionKind::Add, {pair, place}}, accumulate, {},
      createMap);
  sum->setAttr(kPairsAttrName, place);
  if (isTiled && parts.isPlain)
    sum->setAttr(kMatrixTilesAttrName, UnitAttr::get(context));
}

void ProductPairer::run() {
  collect();
  SmallVector<PairedProduct> products;
  function.walk([&](EinsumOp einsum) {
    if (std::optional<Contraction> parts = Contraction::match(einsum, lane))
      if (std::optional<PairedProduct> product = check(einsum, *parts)) {
        products.push_back(*product);
        paired.insert(einsum);
      }
  });
  std::optional<int64_t> scratch = getScratchBytes(worker);
  if (products.empty() || !scratch)
    return;
  bytes = llvm::alignTo(*scratch, kWorkspaceAlignment);
  llvm::SetVector<Operation *> copies;
  for (PairedProduct &product : products) {
    copies.insert(product.rightCopy);
    if (product.leftCopy && product.isDepthLast)
      copies.insert(product.leftCopy);
  }
  for (Operation *copy : copies)
    readThrough(cast<EinsumOp>(copy));
  for (PairedProduct &product : products)
    if (!product.leftCopy)
      if (EinsumOp writer =
              findWeights(product.einsum,
                          product.einsum.getInputs()[product.parts.left])
                  .writer)
        if (isPackedOnly(writer))
          packedOnly.insert(writer);
  for (PairedProduct &product : products)
    rewrite(product);
  for (Operation *copy : dead)
    copy->erase();
  setScratchBytes(function, worker, bytes);
}

namespace {
struct PairProductsPass
    : public attn::impl::AttnPairProductsBase<PairProductsPass> {
  using Base::Base;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      bool hasPairs = llvm::any_of(function.getArgumentTypes(), [](Type type) {
        return isa<MemRefType>(type) && getElementTypeOrSelf(type).isBF16();
      });
      if (function.isExternal() || !function->hasAttr(kLanesAttrName) ||
          !hasPairs)
        continue;
      if (func::FuncOp worker = findWorker(function))
        ProductPairer(function, worker,
                      tiles ? PairUnit::MatrixTiles : PairUnit::Dots,
                      vectorBits / 32)
            .run();
    }
  }
};
} // namespace
