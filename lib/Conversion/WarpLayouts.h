//===- WarpLayouts.h - Where the tiles of a block lie -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_WARPLAYOUTS_H
#define ATTN_LIB_CONVERSION_WARPLAYOUTS_H

#include "Contractions.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::attn {

/// Extents of the matrix product of a warp, `mma.sync.m16n8k16`: rows are
/// lanes, columns points of the other rank of a tile (PTX ISA 8.0, 9.7.13.4.8).
inline constexpr int64_t kMatrixRows = 16;
inline constexpr int64_t kMatrixColumns = 8;
inline constexpr int64_t kMatrixDepth = 16;
inline constexpr int64_t kWarpThreads = 32;

/// Where a buffer of an item lies when warps take its lanes.
enum class TileLayout {
  /// No rank of lanes, or [lane] of integers, as tokens that other threads find
  /// rows by: in memory that all threads of the block see.
  Shared,
  /// [lane]: the four threads that hold a row of a product hold its number.
  RowVector,
  /// [column, lane]: in registers, as matrix products leave their sums.
  Accumulator,
  /// [column, lane], rows of a tensor, copied or made by a map: in shared
  /// memory, in the tensor's type, [lane, column].
  Operand,
  /// No rank: whether an operand of a product is finite, which the threads find
  /// out together and each keeps.
  Uniform,
};

/// All views of one buffer.
struct WarpBuffer {
  TileLayout layout = TileLayout::Shared;
  int64_t shift = 0;
  MemRefType type;
  SmallVector<memref::ViewOp> views;
  SmallVector<TileEinsumOp> readers, writers;
  /// Whether single numbers are loaded from it or stored to it.
  bool isLoaded = false;
  /// Of operands of matrix products: the type of the tensor they are copied
  /// from, or that a map computes, and what that is multiplied by. Copies that
  /// maps read have the type of their tensor, too.
  Type element;
  FloatAttr factor;
  bool isComputed = false;
};

/// The columns of a tile [column, lane] that `memref` is a part of: from
/// `first` on, `size` of them.
struct TilePart {
  Value tile;
  OpFoldResult first, size;
  /// The columns of the whole tile.
  int64_t columns;

  /// Fails for parts of parts.
  static FailureOr<TilePart> get(Value memref);
};

/// The layouts of all scratch buffers of a function whose lanes warps can take.
class WarpLayouts {
public:
  /// Fails where they cannot, and says why through `emit`.
  static FailureOr<WarpLayouts>
  get(func::FuncOp function,
      function_ref<InFlightDiagnostic(Operation *)> emit);

  ArrayRef<WarpBuffer> getBuffers() const { return buffers; }
  /// Loops over the lanes whose iterations store a row each.
  ArrayRef<scf::ForOp> getRowLoops() const { return rowLoops.getArrayRef(); }
  /// The buffer that `memref` is a part of, or null for tensors of the kernel.
  const WarpBuffer *find(Value memref) const;
  /// Registers of a thread that hold accumulators when a warp takes
  /// `warpLanes` lanes.
  int64_t countRegisters(int64_t warpLanes) const;

private:
  WarpLayouts(func::FuncOp function,
              function_ref<InFlightDiagnostic(Operation *)> emit);

  WarpBuffer *find(Value memref);
  LogicalResult collect();
  LogicalResult addView(memref::ViewOp view);
  void findOperands();
  void findCopies();
  void findUniform();
  Type getCopiedType(TileEinsumOp writer);
  bool isComputedRows(const WarpBuffer &buffer);
  LogicalResult findMatrices();
  LogicalResult findMatrix(TileEinsumOp einsum, const Contraction &product);
  LogicalResult checkEinsum(TileEinsumOp einsum);
  LogicalResult checkColumns(TileEinsumOp einsum);
  LogicalResult checkSharedSum(TileEinsumOp einsum);
  LogicalResult checkRowLoop(scf::ForOp loop);
  bool isProduct(TileEinsumOp einsum);

  func::FuncOp function;
  function_ref<InFlightDiagnostic(Operation *)> emit;
  StringAttr lane;
  SmallVector<WarpBuffer> buffers;
  llvm::DenseMap<Value, unsigned> positions;
  llvm::SetVector<scf::ForOp> rowLoops;
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_WARPLAYOUTS_H
