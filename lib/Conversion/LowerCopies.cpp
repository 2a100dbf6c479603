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
// strides or addresses are no multiples of 16 bytes, elements go one by one
// through registers.
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
  void emitBytes(OpBuilder &builder);
  void emitPlain(OpBuilder &builder, bool isWhole);
  void emitElements(OpBuilder &builder, bool isRare);
  scf::ForOp emitPieces(OpBuilder &builder, int64_t width,
                        function_ref<void(OpBuilder &, Value, Value)> emit);
  SmallVector<Value> getSource(OpBuilder &builder, Value row, Value column,
                               Value isInside);
  Value isInside(OpBuilder &builder, Value row);
  Value constant(OpBuilder &builder, int64_t value) {
    return arith::ConstantIndexOp::create(builder, loc, value);
  }
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

SmallVector<Value> CopyLowering::getSource(OpBuilder &builder, Value row,
                                           Value column, Value isInside) {
  TileCoordinates at;
  SmallVector<StringAttr> ranks = copy.getOutputRanks();
  // A step has at least one row.
  at.uniform[ranks[0]] =
      isInside ? arith::SelectOp::create(builder, loc, isInside, row,
                                         constant(builder, 0))
                     .getResult()
               : row;
  at.uniform[ranks[1]] = column;
  return operands.getIndices(builder, 0, at);
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

void CopyLowering::emitBytes(OpBuilder &builder) {
  if (isPlain()) {
    Value size = builder.createOrFold<memref::DimOp>(loc, copy.getInit(), 0);
    if (getConstantIntValue(size) == type.getDimSize(0)) {
      emitPlain(builder, /*isWhole=*/true);
      return;
    }
    Value isWhole =
        arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, size,
                              constant(builder, type.getDimSize(0)));
    auto branch = scf::IfOp::create(builder, loc, isWhole,
                                    /*withElseRegion=*/true);
    OpBuilder all = branch.getThenBodyBuilder();
    emitPlain(all, /*isWhole=*/true);
    OpBuilder some = branch.getElseBodyBuilder();
    emitPlain(some, /*isWhole=*/false);
    return;
  }
  Value tensor = copy.getInputs().front();
  SmallVector<Value> strides(
      memref::ExtractStridedMetadataOp::create(builder, loc, tensor)
          .getStrides());
  int64_t width = kCopyBytes * 8 / type.getElementTypeBitWidth();
  Type i32 = builder.getI32Type();
  emitPieces(builder, width, [&](OpBuilder &at, Value row, Value column) {
    Value inside = isInside(at, row);
    Value from = constant(at, 0);
    for (auto [index, stride] :
         llvm::zip_equal(getSource(at, row, column, inside), strides))
      from = arith::AddIOp::create(
          at, loc, from, arith::MulIOp::create(at, loc, index, stride));
    Value to = arith::AddIOp::create(
        at, loc,
        arith::MulIOp::create(at, loc, row, constant(at, type.getDimSize(1))),
        column);
    Value bytes;
    if (inside)
      bytes = arith::SelectOp::create(
          at, loc, inside,
          arith::ConstantIntOp::create(at, loc, i32, kCopyBytes),
          arith::ConstantIntOp::create(at, loc, i32, 0));
    NVVM::CpAsyncOp::create(at, loc,
                            createPointer(at, loc, whole, to, kSharedSpace),
                            createPointer(at, loc, tensor, from, kGlobalSpace),
                            kCopyBytes, NVVM::LoadCacheModifierKind::CG, bytes);
  });
}

/// Whether rows that follow each other in the tile do so in the tensor, at one
/// distance.
bool CopyLowering::isPlain() {
  EinsumAccess access = copy.getAccess(0);
  if (access.readsData() || !copy.getClampedRanks().empty())
    return false;
  int64_t perRow =
      getColumns() * type.getElementTypeBitWidth() / 8 / kCopyBytes;
  int64_t count = type.getDimSize(0) * perRow;
  return threads % perRow == 0 && count % threads == 0 &&
         count / threads <= kMostWrittenOut &&
         llvm::all_of(access.map.getResults(), [&](AffineExpr expr) {
           return isa<AffineDimExpr, AffineConstantExpr>(expr);
         });
}

/// Each piece of a thread lies one distance behind the last one. Where the step
/// is whole nothing else is computed for it.
void CopyLowering::emitPlain(OpBuilder &builder, bool isWhole) {
  Value tensor = copy.getInputs().front();
  SmallVector<Value> strides(
      memref::ExtractStridedMetadataOp::create(builder, loc, tensor)
          .getStrides());
  EinsumAccess access = copy.getAccess(0);
  SmallVector<StringAttr> ranks = copy.getOutputRanks();
  int64_t width = kCopyBytes * 8 / type.getElementTypeBitWidth();
  int64_t perRow = getColumns() / width, rows = threads / perRow;
  Value thread = createOpaqueThread(builder, loc, threads);
  Value first =
      arith::DivUIOp::create(builder, loc, thread, constant(builder, perRow));
  Value column = arith::MulIOp::create(
      builder, loc,
      arith::RemUIOp::create(builder, loc, thread, constant(builder, perRow)),
      constant(builder, width));
  Value origin = constant(builder, 0), stride = constant(builder, 0);
  TileCoordinates at;
  at.uniform[ranks[0]] = constant(builder, 0);
  at.uniform[ranks[1]] = column;
  SmallVector<Value> indices = operands.getIndices(builder, 0, at);
  for (auto [expr, index, step] :
       llvm::zip_equal(access.map.getResults(), indices, strides)) {
    origin = arith::AddIOp::create(
        builder, loc, origin, arith::MulIOp::create(builder, loc, index, step));
    if (auto dim = dyn_cast<AffineDimExpr>(expr);
        dim && access.ranks[dim.getPosition()] == ranks[0])
      stride = arith::AddIOp::create(builder, loc, stride, step);
  }
  Value from = arith::AddIOp::create(
      builder, loc, origin, arith::MulIOp::create(builder, loc, first, stride));
  Value to = arith::AddIOp::create(
      builder, loc,
      arith::MulIOp::create(builder, loc, first,
                            constant(builder, type.getDimSize(1))),
      column);
  // Addresses, not numbers of elements: a piece is one addition away from the
  // last one.
  int64_t bytesOfElement = type.getElementTypeBitWidth() / 8;
  Type i32 = builder.getI32Type(), i64 = builder.getI64Type();
  Value distance = arith::IndexCastOp::create(
      builder, loc, i64,
      arith::MulIOp::create(builder, loc, stride,
                            constant(builder, rows * bytesOfElement)));
  Value source = createPointer(builder, loc, tensor, from, kGlobalSpace);
  Value place = createPointer(builder, loc, whole, to, kSharedSpace);
  Value start = isWhole
                    ? Value()
                    : createPointer(builder, loc, tensor, origin, kGlobalSpace);
  Type i8 = builder.getI8Type();
  for (int64_t row = 0; row < type.getDimSize(0); row += rows) {
    Value piece = source, bytes;
    if (!isWhole) {
      Value inside =
          isInside(builder, arith::AddIOp::create(builder, loc, first,
                                                  constant(builder, row)));
      piece = arith::SelectOp::create(builder, loc, inside, source, start);
      bytes = arith::SelectOp::create(
          builder, loc, inside,
          arith::ConstantIntOp::create(builder, loc, i32, kCopyBytes),
          arith::ConstantIntOp::create(builder, loc, i32, 0));
    }
    auto shift =
        static_cast<int32_t>(row * type.getDimSize(1) * bytesOfElement);
    Value target = LLVM::GEPOp::create(builder, loc, place.getType(), i8, place,
                                       ArrayRef<LLVM::GEPArg>{shift});
    NVVM::CpAsyncOp::create(builder, loc, target, piece, kCopyBytes,
                            NVVM::LoadCacheModifierKind::CG, bytes);
    source = LLVM::GEPOp::create(builder, loc, source.getType(), i8, source,
                                 ArrayRef<LLVM::GEPArg>{distance});
  }
}

/// An element at a time. Code that few calls run, as their strides allow no
/// more, stays small.
void CopyLowering::emitElements(OpBuilder &builder, bool isRare) {
  scf::ForOp loop =
      emitPieces(builder, 1, [&](OpBuilder &at, Value row, Value column) {
        Value inside = isInside(at, row);
        TileCoordinates point;
        SmallVector<StringAttr> ranks = copy.getOutputRanks();
        point.uniform[ranks[0]] =
            inside
                ? arith::SelectOp::create(at, loc, inside, row, constant(at, 0))
                      .getResult()
                : row;
        point.uniform[ranks[1]] = column;
        Value value = operands.load(at, 0, point, type.getElementType());
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
