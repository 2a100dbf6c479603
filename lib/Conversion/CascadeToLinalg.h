//===- CascadeToLinalg.h - One cascade, einsum by einsum --------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_CASCADETOLINALG_H
#define ATTN_LIB_CONVERSION_CASCADETOLINALG_H

#include "attn/Analysis/Partition.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::attn {

/// Where the points of an einsum lie while its body is built: the coordinate of
/// every rank that the body may ask for.
using RankCoordinates = llvm::SmallDenseMap<StringAttr, Value>;

/// Both, where one of them may be null.
Value conjoin(OpBuilder &builder, Location loc, Value a, Value b);

/// A number beyond the positions that count, as the nearest of them.
Value keepNear(OpBuilder &builder, Location loc, Value number);

/// Copies the operations of a scalar region, of whose quotients those by 0 are
/// 0.
void cloneScalars(OpBuilder &builder, Block &region, IRMapping &mapping);

/// The value that the reduction of `einsum` of nothing gives.
TypedAttr getReductionIdentity(EinsumOp einsum, Type type, OpBuilder &builder);

/// Lowers one cascade to linalg operations on tensors in front of it.
class CascadeToLinalg {
public:
  CascadeToLinalg(CascadeOp cascade, OpBuilder &builder);

  /// Emits the operations and returns the values of the cascade's results;
  /// fails with a diagnostic.
  FailureOr<SmallVector<Value>> lower();

  /// Tells what the lowering materialises.
  void emitMaterialisationRemark();

private:
  /// A loop of an attn.iterate around what is being lowered.
  struct Step {
    StringAttr rank, parent, point;
    Value position;
  };

  /// A dimension that is split into steps and points without an iteration.
  struct Split {
    Partition ranks;
    Value tensor;
    int64_t dim;
  };

  /// How an einsum reads one operand.
  struct Operand {
    Value tensor;
    /// Over the loops, where each dimension is a loop of its own.
    std::optional<AffineMap> loopMap;
    /// Max- and min-reductions of nothing: see `keepFinite`.
    std::optional<ReductionKind> extremum;
    /// Which of the loaded values is the divisor of the quotient that this
    /// operand is: where it is 0, the operand has no point.
    std::optional<unsigned> divisor;
  };

  LogicalResult lowerBlock(Block &block);
  LogicalResult lowerEinsum(EinsumOp einsum);
  LogicalResult lowerIterate(IterateOp iterate);

  void collectSplits();
  /// The extent of the dimension that is split.
  FailureOr<Value> getExtent(const Split &split, Operation *user);
  /// The extent of a rank, computed in front of the cascade.
  FailureOr<Value> getExtent(StringAttr rank, Operation *user);
  FailureOr<Value> createEmpty(EinsumOp einsum, Type elementType);

  /// Order of the loops of an einsum: the rank that most tensors hold
  /// contiguously runs innermost.
  SmallVector<unsigned> chooseLoopOrder(EinsumOp einsum);

  /// A factor that is a quotient does not exist where its divisor is 0: finds
  /// the divisor, and the map with which the einsum's loops read it.
  struct Divisor {
    Value tensor;
    AffineMap map;
  };
  std::optional<Divisor> findDivisor(EinsumOp einsum, unsigned index,
                                     AffineMap loopMap);

  /// The scalar computation of one point.
  FailureOr<Value> buildPoint(OpBuilder &body, EinsumOp einsum,
                              ArrayRef<Operand> operands, ValueRange loaded,
                              const RankCoordinates &coordinates);
  /// The element of `tensor`, which is that of `access` here; `what` names the
  /// operand.
  FailureOr<Value> gather(OpBuilder &body, EinsumOp einsum, const Twine &what,
                          const EinsumAccess &access, Value tensor,
                          const RankCoordinates &coordinates);
  /// The index that is data, no further from 0 than positions go.
  FailureOr<Value> gatherIndex(OpBuilder &body, EinsumOp einsum,
                               const EinsumAccess &access,
                               const DataIndex &data,
                               const RankCoordinates &coordinates);
  /// Two values combined by the reduction of `einsum`, the earlier one first.
  Value combine(OpBuilder &body, EinsumOp einsum, Value a, Value b);
  FailureOr<Value> inlineMap(OpBuilder &body, EinsumOp einsum,
                             ValueRange arguments,
                             const RankCoordinates &coordinates);
  /// Points of a step have a coordinate in the parent rank, too.
  LogicalResult addParentCoordinates(OpBuilder &body, EinsumOp einsum,
                                     RankCoordinates &coordinates);

  /// Whether the point exists, or null where every point does.
  FailureOr<Value> buildLiveTest(OpBuilder &body, EinsumOp einsum,
                                 const RankCoordinates &coordinates);
  FailureOr<Value> buildSpaceTest(OpBuilder &body, EinsumOp einsum,
                                  const RankCoordinates &coordinates);
  Value loadInteger(OpBuilder &body, EinsumOp einsum, AccessAttr access,
                    const RankCoordinates &coordinates);
  /// Builds the slot of every token of the permuted ranks.
  void buildSlots();
  /// The slot of the coordinate of `rank`; the coordinate itself where the rank
  /// is not permuted.
  Value getSlot(OpBuilder &body, EinsumOp einsum, StringAttr rank,
                const RankCoordinates &coordinates);
  /// Writes down for every row what segment it lies in.
  LogicalResult buildSegments();
  /// Where the rows and the keys of a segment begin and, as far as lengths
  /// leave them, end.
  struct Segment {
    Value rowBegin, rowEnd, keyBegin, keyEnd;
  };
  /// The segment of the row at `coordinates`.
  Segment getSegment(OpBuilder &body, EinsumOp einsum,
                     const RankCoordinates &coordinates);
  /// Marks what the lists of the sparsity name.
  LogicalResult buildLists();
  LogicalResult buildList(Attribute atom);
  Value buildListTest(OpBuilder &body, EinsumOp einsum, Attribute atom,
                      const RankCoordinates &coordinates);
  /// The element of an operand of a mask or a predicate.
  Value loadPointOperand(OpBuilder &body, EinsumOp einsum, AccessAttr access,
                         const RankCoordinates &coordinates);
  /// Whether a mask or a predicate holds.
  Value buildPointTest(OpBuilder &body, EinsumOp einsum, Attribute atom,
                       const RankCoordinates &coordinates);
  /// The number of the head at a point, or null where no atom reads it.
  Value getHead(OpBuilder &body, EinsumOp einsum,
                const RankCoordinates &coordinates);
  /// The coordinate of `rank` counted from its origin, or null.
  Value getAbsolute(OpBuilder &body, EinsumOp einsum, StringAttr rank,
                    const RankCoordinates &coordinates);

  CascadeOp cascade;
  OpBuilder &builder;
  CascadeSpace space;
  IRMapping mapping;
  llvm::MapVector<StringAttr, int64_t> staticExtents;
  llvm::DenseMap<StringAttr, Value> extents;
  SmallVector<Step> steps;
  Operation *outermostLoop = nullptr;
  SmallVector<Split> splits;
  /// Slots by token, indexed like the permutations of the ranks.
  llvm::SmallDenseMap<StringAttr, Value> slots;
  /// The bounds of the segment of every row.
  Value segments;
  /// By atom of lists: which blocks of keys each block of rows sees.
  llvm::SmallDenseMap<Attribute, Value> marks;
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_CASCADETOLINALG_H
