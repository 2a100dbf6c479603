//===- KeptCopies.h - Copies that outlive their item ------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_KEPTCOPIES_H
#define ATTN_LIB_CONVERSION_KEPTCOPIES_H

#include "attn/Conversion/FusedForm.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::attn {

/// The memory of a worker behind its scratch, where copies of a tensor's rows
/// stay for the items that come after (docs/rationale/kept-copies.md).
///
/// Rows of a head are cut into tiles as steps are, and each tile has a slot.
/// A slot has a tag, the number of the tile that lies there, all heads counted
/// through. The first item that reads a head copies what each of its steps
/// reads; those behind it copy whole tiles, and find them.
class KeptCopies {
public:
  /// `mostBytes` is what the slots of one tensor may take.
  KeptCopies(func::FuncOp function, int64_t mostBytes);

  /// What a step reads a copy from.
  struct Rows {
    /// A slot, of the type of a tile.
    Value buffer;
    /// The row in it that the step begins with.
    Value first;
    /// Where `size` rows that `access` reads have to be copied to `buffer`,
    /// the first one to its front.
    scf::IfOp fill;
    EinsumAccess access;
    Value size;
  };

  /// The rows that `copy` takes from a tensor, if they can be kept: its first
  /// rank has to number them, along one dimension of the tensor. In a slot, of
  /// `type`, steps begin and end at multiples of `unit` rows, but at the end of
  /// the tensor.
  std::optional<Rows> take(TileEinsumOp copy, MemRefType type, int64_t unit);

  /// Says what a worker takes, `scratchBytes` and behind it all slots.
  void finish(func::FuncOp worker, int64_t scratchBytes);

private:
  /// The part of a tensor that a copy reads.
  struct Part {
    memref::SubViewOp view;
    /// The dimension of `view`'s source that its rows lie along, and of `view`.
    unsigned sourceDim, dim;
    unsigned argument, argumentDim;
  };
  /// What copies share: a tensor, a type of slots and what lies in these.
  struct Group {
    Part part;
    /// What its copies read, no two of which are read from slots at a time
    /// unless they are of the same rows.
    SmallVector<memref::SubViewOp> views;
    EinsumAccess access;
    MemRefType type;
    /// Rows of a slot.
    int64_t tile;
    // In front of the loop over items.
    Value extent, tiles, slots, tags, firstSlot;
  };
  /// What the tags and slots of a group take.
  struct Sizes {
    Value tiles, slots, tags, tagBytes, slotBytes;
  };

  /// Where a step's rows are: in the memory, from row `from` of the tensor to
  /// `to`, where the step begins with row `begin`; whether these have still to
  /// be copied there, and what its tag is then.
  struct Slot {
    Value begin, from, to, shift, isMissing, tag, tagPlace;
  };

  Value getWorkerPointer();
  std::optional<Part> match(TileEinsumOp copy);
  void start(scf::ForOp items);
  Group &getGroup(const Part &part, TileEinsumOp copy, MemRefType type);
  Sizes getSizes(OpBuilder &builder, Location loc, const Group &group,
                 Value extent);
  Slot findSlot(OpBuilder &builder, const Group &group, memref::SubViewOp view,
                int64_t unit);
  void redirect(const Group &group, TileEinsumOp copy, const Slot &slot);
  void clearTags();

  func::FuncOp function;
  int64_t mostBytes;
  /// Arguments that the function writes to.
  llvm::SmallDenseSet<Value> written;
  SmallVector<std::unique_ptr<Group>> groups;
  /// The loop over items, null until something is kept.
  scf::ForOp items;
  /// The memory behind the scratch, and what the groups so far take of it.
  Value memory, bytes;
  /// The sizes of the scratch and of the memory, known at the end.
  arith::ConstantOp scratchBytes;
  Value memoryBytes;
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_KEPTCOPIES_H
