//===- LowerCopies.cpp - Tiles on their way to shared memory --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A copy of rows becomes `cp.async` of 16 bytes each, neighbours to
// neighbouring threads; each row is found for itself, so rows in permuted order
// or from lists cost no more than others. Rows that the tile has and the tensor
// has not are zeros, as products of matrices read them. Where the call's
// strides or addresses are no multiples of 16 bytes, or rows are further apart
// than 32 bits say, elements go one by one through registers.
//
//===----------------------------------------------------------------------===//

#include "OpaqueValues.h"
#include "SharedPointers.h"
#include "TileOperands.h"
#include "WarpLayouts.h"
#include "attn/Conversion/FusedForm.h"
#include "attn/Conversion/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNLOWERCOPIES
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// Bytes of one asynchronous copy, and its alignment.
static constexpr int64_t kCopyBytes = 16;
/// Copies of a thread that are written out; more are a loop.
static constexpr int64_t kMostWrittenOut = 16;

namespace {

/// Emits one copy of rows.
class CopyLowering {
public:
  CopyLowering(TileEinsumOp copy, int64_t threads)
      : copy(copy), loc(copy.getLoc()), threads(threads), operands(copy),
        whole(getWholeBuffer(copy.getInit())),
        type(cast<MemRefType>(whole.getType())) {}

  void run();

private:
  bool isCopyOfRows();
  bool isPlain();
  bool isEven();
  int64_t getRowsApart();
  Value isNear(OpBuilder &builder);
  bool readsRow(unsigned dim);
  void emitBytes(OpBuilder &builder);
  void emitEven(OpBuilder &builder, bool isWhole);
  void emitElements(OpBuilder &builder, bool isRare);
  scf::ForOp emitPieces(OpBuilder &builder, int64_t width,
                        function_ref<void(OpBuilder &, Value, Value)> emit);
  TileCoordinates getSource(OpBuilder &builder, Value row, Value column,
                            Value isInside);
  Value isInside(OpBuilder &builder, Value row);
  Value countBytes(OpBuilder &builder, Value inside);
  Value getOffset(OpBuilder &builder, ValueRange indices, ValueRange strides);
  Value constant(OpBuilder &builder, int64_t value) {
    return arith::ConstantIndexOp::create(builder, loc, value);
  }
  /// Elements of a piece.
  int64_t getWidth() { return kCopyBytes * 8 / type.getElementTypeBitWidth(); }
  int64_t getColumns() {
    return cast<MemRefType>(copy.getInit().getType()).getShape().back();
  }

  TileEinsumOp copy;
  Location loc;
  int64_t threads;
  TileOperands operands;
  /// All of the buffer, with the rows that no tensor has.
  Value whole;
  MemRefType type;
};

} // namespace

/// Whether pieces of a row lie side by side in the tensor, too.
bool CopyLowering::isCopyOfRows() {
  EinsumAccess access = copy.getAccess(0);
  auto from = cast<MemRefType>(access.tensor.getType());
  int64_t bytes = type.getElementTypeBitWidth() / 8;
  auto last = dyn_cast<AffineDimExpr>(access.map.getResults().back());
  if (!last || access.ranks[last.getPosition()] != copy.getOutputRanks()[1] ||
      from.getElementType() != type.getElementType() || bytes == 0 ||
      getColumns() * bytes % kCopyBytes != 0 ||
      type.getDimSize(1) * bytes % kCopyBytes != 0)
    return false;
  for (AffineExpr expr : access.map.getResults().drop_back())
    if (expr.isFunctionOfDim(last.getPosition()))
      return false;
  for (const DataIndex &data : access.getDataRead())
    if (data.map.isFunctionOfDim(last.getPosition()))
      return false;
  SmallVector<int64_t> strides;
  int64_t offset;
  return succeeded(from.getStridesAndOffset(strides, offset)) &&
         strides.back() == 1;
}

/// Whether the tensor has `row`; null where it has all.
Value CopyLowering::isInside(OpBuilder &builder, Value row) {
  Value size = builder.createOrFold<memref::DimOp>(loc, copy.getInit(), 0);
  if (getConstantIntValue(size) == type.getDimSize(0))
    return {};
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ult, row,
                               size);
}

/// Where the rows of a copy are found: at `row`, or, where the tensor has none,
/// at the first one. A step has at least one row.
TileCoordinates CopyLowering::getSource(OpBuilder &builder, Value row,
                                        Value column, Value isInside) {
  TileCoordinates at;
  SmallVector<StringAttr> ranks = copy.getOutputRanks();
  at.uniform[ranks[0]] =
      isInside ? arith::SelectOp::create(builder, loc, isInside, row,
                                         constant(builder, 0))
                     .getResult()
               : row;
  at.uniform[ranks[1]] = column;
  return at;
}

/// Gives pieces of `width` elements to the threads, row by row. Returns the
/// loop, null if there is none.
scf::ForOp
CopyLowering::emitPieces(OpBuilder &builder, int64_t width,
                         function_ref<void(OpBuilder &, Value, Value)> emit) {
  int64_t perRow = getColumns() / width;
  int64_t count = type.getDimSize(0) * perRow;
  auto emitPiece = [&](OpBuilder &at, Value number) {
    Value row = arith::DivUIOp::create(at, loc, number, constant(at, perRow));
    Value piece = arith::RemUIOp::create(at, loc, number, constant(at, perRow));
    emit(at, row, arith::MulIOp::create(at, loc, piece, constant(at, width)));
  };
  Value thread = createOpaqueThread(builder, loc, threads);
  if (width > 1 && count % threads == 0 && count / threads <= kMostWrittenOut) {
    for (int64_t first = 0; first < count; first += threads)
      emitPiece(builder, arith::AddIOp::create(builder, loc, thread,
                                               constant(builder, first)));
    return {};
  }
  auto loop = scf::ForOp::create(builder, loc, thread, constant(builder, count),
                                 constant(builder, threads));
  OpBuilder body = OpBuilder::atBlockBegin(loop.getBody());
  emitPiece(body, loop.getInductionVar());
  return loop;
}

/// Bytes that `inside` lets a copy read; null, which is all, without it.
Value CopyLowering::countBytes(OpBuilder &builder, Value inside) {
  Type i32 = builder.getI32Type();
  auto number = [&](int64_t bytes) -> Value {
    return arith::ConstantIntOp::create(builder, loc, i32, bytes);
  };
  return inside ? arith::SelectOp::create(builder, loc, inside,
                                          number(kCopyBytes), number(0))
                      .getResult()
                : Value();
}

/// The sum of `indices` times `strides`.
Value CopyLowering::getOffset(OpBuilder &builder, ValueRange indices,
                              ValueRange strides) {
  Value offset = constant(builder, 0);
  for (auto [index, stride] : llvm::zip_equal(indices, strides))
    offset = arith::AddIOp::create(
        builder, loc, offset,
        arith::MulIOp::create(builder, loc, index, stride));
  return offset;
}

void CopyLowering::emitBytes(OpBuilder &builder) {
  if (isEven()) {
    Value size = builder.createOrFold<memref::DimOp>(loc, copy.getInit(), 0);
    if (getConstantIntValue(size) == type.getDimSize(0)) {
      emitEven(builder, /*isWhole=*/true);
      return;
    }
    Value isWhole =
        arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, size,
                              constant(builder, type.getDimSize(0)));
    auto branch = scf::IfOp::create(builder, loc, isWhole,
                                    /*withElseRegion=*/true);
    OpBuilder all = branch.getThenBodyBuilder();
    emitEven(all, /*isWhole=*/true);
    OpBuilder some = branch.getElseBodyBuilder();
    emitEven(some, /*isWhole=*/false);
    return;
  }
  Value tensor = copy.getInputs().front();
  auto metadata =
      memref::ExtractStridedMetadataOp::create(builder, loc, tensor);
  emitPieces(builder, getWidth(), [&](OpBuilder &at, Value row, Value column) {
    Value inside = isInside(at, row);
    Value from = getOffset(
        at, operands.getIndices(at, 0, getSource(at, row, column, inside)),
        metadata.getStrides());
    Value to = arith::AddIOp::create(
        at, loc,
        arith::MulIOp::create(at, loc, row, constant(at, type.getDimSize(1))),
        column);
    NVVM::CpAsyncOp::create(
        at, loc, createPointer(at, loc, whole, to, kSharedSpace),
        createPointer(at, loc, tensor, from, kGlobalSpace), kCopyBytes,
        NVVM::LoadCacheModifierKind::CG, countBytes(at, inside));
  });
}

/// Whether all threads have equally many pieces, each of one column.
bool CopyLowering::isEven() {
  int64_t perRow = getColumns() / getWidth();
  int64_t count = type.getDimSize(0) * perRow;
  return threads % perRow == 0 && count % threads == 0 &&
         count / threads <= kMostWrittenOut;
}

/// Whether rows that follow each other in the tile do so in the tensor, at one
/// distance.
bool CopyLowering::isPlain() {
  EinsumAccess access = copy.getAccess(0);
  return !access.readsData() && copy.getClampedRanks().empty() &&
         llvm::all_of(access.map.getResults(), [&](AffineExpr expr) {
           return isa<AffineDimExpr, AffineConstantExpr>(expr);
         });
}

/// Whether index `dim` of the operand is another one in another row.
bool CopyLowering::readsRow(unsigned dim) {
  EinsumAccess access = copy.getAccess(0);
  AffineExpr expr = access.map.getResult(dim);
  bool reads = false;
  expr.walk([&](AffineExpr inner) {
    if (auto rank = dyn_cast<AffineDimExpr>(inner))
      reads |= access.ranks[rank.getPosition()] == copy.getOutputRanks()[0];
    if (auto symbol = dyn_cast<AffineSymbolExpr>(inner))
      reads |= access.getData(symbol.getPosition()) != nullptr;
  });
  return reads;
}

/// Rows from a piece of a thread to the next one.
int64_t CopyLowering::getRowsApart() {
  return threads / (getColumns() / getWidth());
}

/// Whether the distance of pieces, or of rows that data names, fits 32 bits;
/// null where all rows are one.
Value CopyLowering::isNear(OpBuilder &builder) {
  auto metadata = memref::ExtractStridedMetadataOp::create(
      builder, loc, copy.getInputs().front());
  SmallVector<Value> strides;
  for (auto [dim, stride] : llvm::enumerate(metadata.getStrides()))
    if (readsRow(dim))
      strides.push_back(stride);
  if (strides.empty())
    return {};
  int64_t bytes = type.getElementTypeBitWidth() / 8 * strides.size();
  int64_t most = std::numeric_limits<int32_t>::max() /
                 (isPlain() ? bytes * getRowsApart() : bytes);
  Value largest = strides.front();
  for (Value stride : ArrayRef(strides).drop_front())
    largest = arith::MaxUIOp::create(builder, loc, largest, stride);
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ule, largest,
                               constant(builder, most));
}

/// The pieces of a thread, a number of rows apart. Addresses, not numbers of
/// elements: in the tile a piece is a constant away from the first one, and in
/// a tensor whose rows lie in order so many distances. Where the step is whole
/// no row is tested.
void CopyLowering::emitEven(OpBuilder &builder, bool isWhole) {
  Value tensor = copy.getInputs().front();
  int64_t perRow = getColumns() / getWidth(), rows = getRowsApart();
  int64_t bytesOfElement = type.getElementTypeBitWidth() / 8;
  Value thread = createOpaqueThread(builder, loc, threads);
  Value first =
      arith::DivUIOp::create(builder, loc, thread, constant(builder, perRow));
  Value column = arith::MulIOp::create(
      builder, loc,
      arith::RemUIOp::create(builder, loc, thread, constant(builder, perRow)),
      constant(builder, getWidth()));
  // Strides of what changes from row to row, apart from all others.
  auto metadata =
      memref::ExtractStridedMetadataOp::create(builder, loc, tensor);
  SmallVector<Value> strides(metadata.getStrides());
  SmallVector<Value> rowStrides(strides.size(), constant(builder, 0));
  for (auto [dim, stride] : llvm::enumerate(strides))
    if (readsRow(dim))
      std::swap(stride, rowStrides[dim]);
  // What follows from a number of 32 bits that stands for itself is one
  // instruction; seen as part of one of 64, it would take three.
  auto toBytes = [&](Value elements, int64_t factor) -> Value {
    Value bytes = arith::IndexCastOp::create(
        builder, loc, builder.getI32Type(),
        arith::MulIOp::create(builder, loc, elements,
                              constant(builder, factor * bytesOfElement)));
    bytes = createOpaque(builder, loc, builder.getI32Type(), bytes,
                         "mov.b32 $0, $1;", "=r,r");
    return arith::IndexCastUIOp::create(builder, loc, builder.getIndexType(),
                                        bytes);
  };
  auto getIndices = [&](Value row, Value inside) {
    return operands.getIndices(builder, 0,
                               getSource(builder, row, column, inside));
  };
  Type i8 = builder.getI8Type(), i64 = builder.getI64Type();
  auto move = [&](Value pointer, Value bytes) -> Value {
    return LLVM::GEPOp::create(
        builder, loc, pointer.getType(), i8, pointer,
        ArrayRef<LLVM::GEPArg>{
            arith::IndexCastOp::create(builder, loc, i64, bytes).getResult()});
  };
  Value origin =
      getOffset(builder, getIndices(constant(builder, 0), {}), strides);
  Value start = createPointer(builder, loc, tensor, origin, kGlobalSpace);
  Value place = createPointer(
      builder, loc, whole,
      arith::AddIOp::create(
          builder, loc,
          arith::MulIOp::create(builder, loc, first,
                                constant(builder, type.getDimSize(1))),
          column),
      kSharedSpace);
  Value source, distance;
  if (isPlain()) {
    SmallVector<Value> ones(strides.size(), constant(builder, 1));
    Value stride = getOffset(builder, ones, rowStrides);
    Value from = arith::AddIOp::create(
        builder, loc, origin,
        arith::MulIOp::create(builder, loc, first, stride));
    source = createPointer(builder, loc, tensor, from, kGlobalSpace);
    distance = toBytes(stride, rows);
  } else {
    for (auto [dim, stride] : llvm::enumerate(rowStrides))
      if (readsRow(dim))
        stride = toBytes(stride, 1);
  }
  for (int64_t behind = 0; behind < type.getDimSize(0); behind += rows) {
    Value row =
        arith::AddIOp::create(builder, loc, first, constant(builder, behind));
    Value inside = isWhole ? Value() : isInside(builder, row);
    Value piece =
        source ? move(source,
                      arith::MulIOp::create(builder, loc, distance,
                                            constant(builder, behind / rows)))
               : move(start,
                      getOffset(builder, getIndices(row, inside), rowStrides));
    if (source && inside)
      piece = arith::SelectOp::create(builder, loc, inside, piece, start);
    auto shift =
        static_cast<int32_t>(behind * type.getDimSize(1) * bytesOfElement);
    Value target = LLVM::GEPOp::create(builder, loc, place.getType(), i8, place,
                                       ArrayRef<LLVM::GEPArg>{shift});
    NVVM::CpAsyncOp::create(builder, loc, target, piece, kCopyBytes,
                            NVVM::LoadCacheModifierKind::CG,
                            countBytes(builder, inside));
  }
}

/// An element at a time. Code that few calls run, as their strides allow no
/// more, stays small.
void CopyLowering::emitElements(OpBuilder &builder, bool isRare) {
  scf::ForOp loop =
      emitPieces(builder, 1, [&](OpBuilder &at, Value row, Value column) {
        Value inside = isInside(at, row);
        Value value = operands.load(at, 0, getSource(at, row, column, inside),
                                    type.getElementType());
        if (inside)
          value = arith::SelectOp::create(
              at, loc, inside, value,
              arith::ConstantOp::create(at, loc,
                                        at.getZeroAttr(type.getElementType())));
        memref::StoreOp::create(at, loc, value, whole, ValueRange{row, column});
      });
  if (!isRare)
    return;
  MLIRContext *context = builder.getContext();
  auto unroll = LLVM::LoopUnrollAttr::get(
      context, /*disable=*/builder.getBoolAttr(true), {}, {}, {}, {}, {}, {});
  loop->setAttr("loop_annotation", LLVM::LoopAnnotationAttr::get(
                                       context, {}, {}, {}, unroll, {}, {}, {},
                                       {}, {}, {}, {}, {}, {}, {}, {}));
}

void CopyLowering::run() {
  OpBuilder builder(copy);
  operands.prepare(builder, std::nullopt);
  if (isCopyOfRows()) {
    Value isAligned =
        createIsAligned(builder, loc, copy.getInputs().front(), kCopyBytes);
    if (Value near = isEven() ? isNear(builder) : Value())
      isAligned = arith::AndIOp::create(builder, loc, isAligned, near);
    auto branch = scf::IfOp::create(builder, loc, isAligned,
                                    /*withElseRegion=*/true);
    OpBuilder aligned = branch.getThenBodyBuilder();
    emitBytes(aligned);
    OpBuilder other = branch.getElseBodyBuilder();
    emitElements(other, /*isRare=*/true);
  } else {
    emitElements(builder, /*isRare=*/false);
  }
  NVVM::CpAsyncCommitGroupOp::create(builder, loc);
  copy.erase();
}

namespace {
struct LowerCopiesPass
    : public attn::impl::AttnLowerCopiesBase<LowerCopiesPass> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<TileEinsumOp> copies;
    getOperation()->walk([&](TileEinsumOp einsum) {
      if (einsum->hasAttr(kAsyncAttrName))
        copies.push_back(einsum);
    });
    for (TileEinsumOp copy : copies) {
      auto function = copy->getParentOfType<func::FuncOp>();
      auto threads =
          function ? function->getAttrOfType<IntegerAttr>(kBlockThreadsAttrName)
                   : IntegerAttr();
      auto type = dyn_cast_or_null<MemRefType>(
          copy.getInit() ? getWholeBuffer(copy.getInit()).getType() : Type());
      if (!threads || !type || type.getRank() != 2 || !type.hasStaticShape() ||
          copy.getReduction() || copy.getInputs().size() != 1 ||
          !copy.isIdentityMap()) {
        copy.emitOpError("has '")
            << kAsyncAttrName
            << "', which is for copies of one operand to a tile of two static "
               "dimensions in a function with '"
            << kBlockThreadsAttrName << "'";
        return signalPassFailure();
      }
      CopyLowering(copy, threads.getInt()).run();
    }
  }
};
} // namespace
