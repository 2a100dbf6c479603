//===- CascadeTiler.h - The loop nest of one mapped cascade -----*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_CASCADETILER_H
#define ATTN_LIB_CONVERSION_CASCADETILER_H

#include "TilePlace.h"
#include "attn/Analysis/GridWalk.h"
#include "attn/Analysis/PeriodicKeys.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SmallVector.h"

namespace mlir::attn {

struct IndexBuilder;

/// What becomes of one dimension of a tensor when its einsum works on a tile.
enum class IndexRole {
  Parallel, ///< Fixed by the work item: an offset, and the dimension is gone.
  Lane,     ///< The lane rank: a slice of the tile's rows.
  Stream,   ///< The iterated rank: a slice of this step's points.
  Local,    ///< An expression over ranks that a tile holds whole.
  Data,     ///< Looked up in index tensors, anywhere in the dimension.
  Computed  ///< Computed for each point of a step, anywhere in the dimension.
};

/// A tensor of the cascade while a tile is processed: a scratch buffer that
/// holds the tensor's dimensions without the parallel ones, lanes last unless
/// each einsum has lanes of its own.
struct TileBuffer {
  Value memref;
  /// For each dimension of the buffer, the dimension of the tensor.
  SmallVector<int64_t> dims;
  /// For each dimension of the buffer, its rank in the defining einsum.
  SmallVector<StringAttr> ranks;
};

/// What a step is known to be (StepClass), as code.
struct StepCondition {
  Value mayBeLive, isFull;
};

/// Emits the code that computes one work item of a mapped cascade, a tile of
/// the lane rank for one point of every parallel rank, as loops around einsums
/// on memref tiles. One object serves one lane tile size.
class CascadeTiler {
public:
  /// `inputs` and `outputs` are memrefs with the shapes of the cascade's
  /// operands and results, or the number itself for an input that holds one;
  /// `workspace` is the worker's scratch, memref<?xi8>.
  CascadeTiler(CascadeOp cascade, ValueRange inputs, ValueRange outputs,
               Value workspace, int64_t laneTile);

  /// Masks steps as a whole, and lets them begin and end on whole tiles of the
  /// stream.
  void takeWholeSteps() { takesWholeSteps = true; }

  /// Lets ranges of keys begin and end on multiples of `unit`.
  void alignKeys(int64_t unit) { keyUnit = unit; }
  /// Products take pairs of bf16 from where these lie.
  void readPairs(bool inPairs) { hasPairs = inPairs; }
  /// How many fused multiply-adds of whole vectors begin in a cycle.
  void setVectorMultiplies(int64_t number) { vectorMultiplies = number; }

  /// Leaves rows of keys to caches: they are asked for ahead of time, and read
  /// in place, wherever they lie. What has none copies all
  /// that a tile gathers.
  void readThroughCaches() { hasCaches = true; }

  /// Whether the sums of an item show factors of dead points that are not
  /// finite. Where they do, a flag of the worker, memref<i1>, says whether
  /// factors are looked at first.
  bool trustFactors();
  void setCareful(Value flag) { isCareful = flag; }

  /// Checks that every einsum of the cascade fits the tiled form; says which
  /// does not and why.
  LogicalResult check(function_ref<InFlightDiagnostic(Operation *)> emit);

  /// The extent of `rank`: a constant, or the dimension of an input or output.
  Value getExtent(OpBuilder &builder, Location loc, StringAttr rank);

  /// How many tiles of the largest size there are along the lanes, for one
  /// point of the parallel ranks.
  Value getTileCount(OpBuilder &builder, Location loc);
  /// Where tile number `tile` at `coordinates` (one index per parallel rank)
  /// lies.
  TilePlace getPlace(OpBuilder &builder, Location loc, Value tile,
                     ValueRange coordinates);

  /// Emits the item at `coordinates` with the rows of `place`.
  void emitItem(OpBuilder &builder, Location loc, ValueRange coordinates,
                const TilePlace &place);

  /// Bytes of scratch that emitItem, or getPlace, has laid out.
  int64_t getWorkspaceBytes() const { return workspaceBytes; }
  /// Leaves the first `bytes` of the scratch alone.
  void reserve(int64_t bytes) { reservedBytes = bytes; }

private:
  /// What says how far a rank runs: a number, or dimension `dim` of input or
  /// output number `number`, whose elements stand for `scale` points each, cut
  /// into parts of `partSize` points.
  struct ExtentPlace {
    enum class Kind { Number, Input, Output };
    Kind kind;
    int64_t number, dim;
    int64_t scale = 1, partSize = 1;
  };
  std::optional<ExtentPlace> findExtent(StringAttr rank);

  /// A map `contraction + rest`: the rest is written first, then the
  /// contraction adds into the same buffer.
  struct Accumulation {
    EinsumOp contraction;
    unsigned operand;
    Operation *sum;
    Value rest;
  };

  /// Keys in [begin, end); none where end is not past begin.
  struct KeyInterval {
    Value begin, end;
  };

  /// The tokens in the slots of a row and a key, by the rank that they belong
  /// to, where a map needs them.
  using Tokens = llvm::SmallMapVector<StringAttr, Value, 2>;

  /// What a map that asks whether its point is live is given for it: tokens and
  /// what the tables of a grid hold, axis by axis.
  struct PointData {
    Tokens tokens;
    SmallVector<Value> windows;
    /// The elements of the operands of masks and predicates.
    SmallVector<Value> elements;
  };

  using ErrorFn = function_ref<InFlightDiagnostic(Operation *)>;

  // What the cascade looks like from a tile.
  bool isParallel(StringAttr rank) const;
  bool isPoint(StringAttr rank) const;
  bool isInput(Value value) const;
  /// The ranks over which the tile of an intermediate is laid out: those of the
  /// einsum that makes it or, if it is carried, the one that starts it.
  SmallVector<StringAttr> getTileRanks(Value tensor) const;
  bool holdsIndex(const EinsumAccess &access, unsigned position,
                  IndexRole role) const;
  std::optional<IndexRole> classify(const EinsumAccess &access,
                                    AffineExpr expr) const;
  std::optional<IndexRole> classifyData(const EinsumAccess &access,
                                        AffineExpr expr) const;
  /// What stands for the token of the streamed rank: a dimension behind those
  /// of the access.
  AffineExpr getToken(const EinsumAccess &access) const;
  AffineExpr getOverTokens(const EinsumAccess &access, AffineExpr expr) const;
  bool isComputed(const EinsumAccess &access, AffineExpr expr) const;
  /// What an operand is read along, its index tensors included.
  struct Reach {
    bool lanes = false, stream = false, data = false, computed = false;
    /// Whether every index is a rank, or data.
    bool isPlain = true;
  };
  Reach getReach(const EinsumAccess &access) const;
  LogicalResult checkResidency(EinsumOp einsum, ErrorFn emit);
  LogicalResult checkEinsum(EinsumOp einsum, ErrorFn emit);
  LogicalResult checkOperand(EinsumOp einsum, unsigned index, ErrorFn emit);
  LogicalResult checkPlane(EinsumOp einsum, ErrorFn emit);
  LogicalResult checkSteps(ErrorFn emit);
  LogicalResult checkIterate(ErrorFn emit);
  LogicalResult checkFixedSteps(ErrorFn emit);
  LogicalResult checkWalk(ErrorFn emit);
  LogicalResult checkPointAtoms(ErrorFn emit);
  LogicalResult checkResult(Value result, ErrorFn emit);
  /// Whether the einsum runs over the lanes and the points of a step.
  bool isInSpace(EinsumOp einsum) const;
  bool reducesPoints(EinsumOp einsum) const;
  static bool readsAtResult(EinsumOp einsum, unsigned operand);

  // Buffers.
  TileBuffer allocate(OpBuilder &builder, Location loc,
                      ArrayRef<StringAttr> ranks, Type element);
  Value allocate(OpBuilder &builder, Location loc, MemRefType type);
  Value sliceStep(OpBuilder &builder, Location loc, const TileBuffer &buffer,
                  bool isCopy = false);
  TileBuffer getResultBuffer(OpBuilder &builder, EinsumOp einsum);
  static SmallVector<StringAttr> getOutRanks(EinsumOp einsum,
                                             const TileBuffer &buffer);
  std::optional<unsigned> getCarriedInPlace(EinsumOp einsum) const;
  std::optional<TileBuffer> getReusedInput(EinsumOp einsum) const;

  // Emission of single einsums.
  void emitEinsum(OpBuilder &builder, EinsumOp einsum, bool masked);
  void emitMap(OpBuilder &builder, EinsumOp einsum, Value out,
               ArrayRef<StringAttr> outRanks, bool accumulate,
               std::optional<TypedAttr> maskWith,
               const Accumulation *accumulation = nullptr);
  void emitReducing(OpBuilder &builder, EinsumOp einsum, const TileBuffer &out,
                    bool accumulate, bool masked,
                    function_ref<void(OpBuilder &)> start);
  void emitCopy(OpBuilder &builder, Location loc, const TileBuffer &from,
                Value to, ArrayRef<StringAttr> toRanks);
  EinsumAccess getTileAccess(OpBuilder &builder, Location loc,
                             const EinsumAccess &access, bool &readsLanes);
  /// A copy of what an access reads of an input in this item or step.
  struct StagedCopy {
    EinsumAccess access;
    TileBuffer buffer;
  };
  using StagedInputs = llvm::DenseMap<Value, std::vector<StagedCopy>>;
  /// What a step has made of its reads: copies, and tables of the indices that
  /// it computes, each by an access of one index.
  struct StepReads {
    StagedInputs copies, indices;
    void clear() {
      copies.clear();
      indices.clear();
    }
  };
  bool isConvertedByLoads(const EinsumAccess &access) const;
  static const StagedCopy *findCopy(const StagedInputs &copies,
                                    const EinsumAccess &access);
  const StagedCopy *findRows(const EinsumAccess &access) const;
  EinsumAccess stageInput(OpBuilder &builder, Location loc,
                          const EinsumAccess &access, const EinsumAccess &tile,
                          StagedInputs &copies, Value isEmpty = {});
  /// What an index that is data reads in a tile: its index tensors' parts of
  /// the tile as `tables`, with names beside `names`.
  AffineExpr lookUp(OpBuilder &builder, Location loc,
                    const EinsumAccess &access, AffineExpr expr,
                    SmallVectorImpl<StringAttr> &names,
                    SmallVectorImpl<DataIndex> &tables);
  Value computeIndices(OpBuilder &builder, Location loc,
                       const EinsumAccess &access, AffineExpr expr,
                       Value extent);
  Value selectZeros(OpBuilder &builder, Location loc, Value isEmpty,
                    Value view);
  void packInputs(OpBuilder &builder, IterateOp op);
  Value cloneMap(OpBuilder &builder, EinsumOp einsum, ValueRange arguments,
                 std::optional<TypedAttr> maskWith,
                 const Accumulation *accumulation, const PointData &point);
  Value buildIndex(OpBuilder &builder, Location loc, StringAttr rank,
                   const PointData &point);
  EinsumAccess getPointAccess(AccessAttr operand);
  bool appendPointData(OpBuilder &builder, Location loc,
                       ArrayRef<StringAttr> tokenRanks, bool isMasked,
                       SmallVectorImpl<EinsumAccess> &accesses);
  PointData readPointData(ArrayRef<StringAttr> tokenRanks,
                          ValueRange arguments) const;

  // Ranks whose tokens are walked in an order of slots.
  bool isPermuted(StringAttr rank) const;
  bool hasStepTokens();
  Value getSlotTable(OpBuilder &builder, Location loc, StringAttr rank);
  Value sliceTable(OpBuilder &builder, Location loc, StringAttr rank);
  Value sliceTable(OpBuilder &builder, Location loc, StringAttr rank,
                   Value first, Value count);
  Value loadToken(OpBuilder &builder, Location loc, Value slot);
  Value sliceTensor(OpBuilder &builder, Location loc, StringAttr rank,
                    Value first, Value count);
  Value copyTokens(OpBuilder &builder, Location loc, Value table,
                   StringAttr rank);
  void loadRowTokens(OpBuilder &builder, Location loc);
  void loadStepTokens(OpBuilder &builder, Location loc);
  LogicalResult checkPermutations(ErrorFn emit);
  LogicalResult checkStepIndices(StringRef why, ErrorFn emit);
  void withTokenPlan(function_ref<void()> fn);
  Value toTestPosition(OpBuilder &builder, Location loc, Value token) const;
  Value buildTokensLive(OpBuilder &builder, Location loc, ArrayRef<Value> slots,
                        const Tokens &tokens);
  SmallVector<StringAttr> getTokensOfTest();
  SmallVector<StringAttr> getTokensRead(EinsumOp einsum, bool isMasked);
  void enterRows(OpBuilder &builder, Location loc);
  void leaveRows();
  Value sliceRow(OpBuilder &builder, Location loc, Value output,
                 ArrayRef<StringAttr> tensorRanks,
                 SmallVectorImpl<StringAttr> &ranks);
  void emitPermutedOutput(OpBuilder &builder, Location loc, Value result,
                          Value output, ArrayRef<StringAttr> ranks);
  EinsumAccess fixRow(OpBuilder &builder, Location loc, EinsumAccess access);

  // Emission of loops.
  void emitIterate(OpBuilder &builder, IterateOp op);
  void emitWalk(OpBuilder &builder, IterateOp op);
  KeyInterval cutToSplit(OpBuilder &builder, IterateOp op,
                         KeyInterval interval);
  void emitInterval(OpBuilder &builder, IterateOp op, KeyInterval interval);
  void emitStep(OpBuilder &builder, IterateOp op, bool masked);
  bool mayFillSteps(IterateOp op);
  void emitRanges(OpBuilder &builder, Location loc,
                  function_ref<void(bool isFull)> emit);
  void emitMask(OpBuilder &builder, Location loc, Value tile,
                ArrayRef<StringAttr> ranks, TypedAttr dead, bool readsData,
                function_ref<Value(OpBuilder &, const PointData &)> buildTest);
  void emitPlaneMask(OpBuilder &builder, Location loc, Value tile,
                     ArrayRef<StringAttr> ranks, TypedAttr dead);
  void emitStepMask(OpBuilder &builder, Location loc, Value tile,
                    ArrayRef<StringAttr> ranks, TypedAttr dead);
  Value loadInteger(OpBuilder &builder, Location loc, AccessAttr access);
  Value getOrigin(OpBuilder &builder, Location loc, StringAttr rank);

  // The plane of an item within those of the tensors.
  Value toTensor(OpBuilder &builder, Location loc, Value coordinate, Value base,
                 bool isRow = false);
  bool liesApart() const;
  OpFoldResult getRowStep(OpBuilder &builder) const;
  Value toPlane(OpBuilder &builder, Location loc, Value row);
  Value countResidueTiles(OpBuilder &builder, Location loc, Value rows,
                          Value step, Value size);
  TilePlace findResidue(OpBuilder &builder, Location loc, Value tile,
                        Value size, Value rows);
  Value getPlaneExtent(OpBuilder &builder, Location loc, StringAttr rank);
  Value getOffsetCount(OpBuilder &builder, Location loc, AccessAttr access);
  Value loadEntry(OpBuilder &builder, Location loc, AccessAttr access,
                  ArrayRef<Value> behind);
  Value loadOffset(OpBuilder &builder, Location loc, AccessAttr access,
                   Value number, Value extent);
  Value loadOffsetIf(OpBuilder &builder, Location loc, Value condition,
                     AccessAttr access, Value number, Value extent,
                     Value otherwise);
  TilePlace findSegment(OpBuilder &builder, Location loc, Value tile,
                        Value size, Value rows);
  Value countGridTiles(OpBuilder &builder, Location loc);
  TilePlace findGridTile(OpBuilder &builder, Location loc, Value tile);
  Value allocateTable(OpBuilder &builder, Location loc, int64_t entries);
  Value writeTable(OpBuilder &builder, Location loc, StringAttr rank,
                   function_ref<Value(OpBuilder &map, Value number)> compute);
  void writeRowTables(OpBuilder &builder, Location loc,
                      const TilePlace::GridBox &box, ArrayRef<Value> remainders,
                      TilePlace::GridTables &tables);
  void writeStepKeys(OpBuilder &builder, Location loc);
  Value loadBoxKey(OpBuilder &builder, Location loc, Value slot);
  bool testsWindows() const;
  Value buildWindowTest(OpBuilder &builder, Location loc,
                        ArrayRef<Value> windows);
  TilePlace findList(OpBuilder &builder, Location loc, Value tile, Value size,
                     Value rows);
  void findEntries(OpBuilder &builder, Location loc, Value row,
                   TilePlace &found);
  TilePlace::List findEntriesOf(OpBuilder &builder, Location loc,
                                Attribute list, Value row);
  static Value
  findFirstSlot(OpBuilder &builder, Location loc, KeyInterval slots,
                function_ref<Value(OpBuilder &body, Value slot)> isInFront);
  Value countListed(OpBuilder &builder, Location loc, IndicesAttr indices,
                    Value number);
  KeyInterval loadNamedKeys(OpBuilder &builder, Location loc, Attribute list,
                            const TilePlace::List &place, Value entry);
  KeyInterval loadNextKeys(OpBuilder &builder, Location loc, Attribute list,
                           const TilePlace::List &place, Value entry);
  KeyInterval walkBlocks(OpBuilder &builder, Location loc, BlocksAttr blocks);
  KeyInterval walkParts(OpBuilder &builder, Location loc);
  KeyInterval findSlots(OpBuilder &builder, Location loc, KeyInterval keys,
                        KeyInterval among);

  // Keys that come back with a period (CascadeTilerPeriods.cpp).
  struct PeriodicToken {
    Value runBegin, inRun;
  };
  void findPeriod(OpBuilder &builder, Location loc, Value row,
                  TilePlace &found);
  Value findNumber(OpBuilder &builder, Location loc,
                   const TilePlace::Period &period, Value key);
  PeriodicToken findPeriodicToken(OpBuilder &builder, Location loc,
                                  Value number);
  void writeStepTokens(OpBuilder &builder, Location loc);

  // Requests for keys ahead of time.
  /// Whether the tokens of the walk at hand are asked for chunk by chunk. Those
  /// of a box lie next to each other.
  bool asksForListed() const { return walksTokens() && !walksBoxes; }
  bool asksForKeys(EinsumOp einsum);
  void emitInChunks(OpBuilder &builder, Location loc, EinsumOp einsum,
                    function_ref<void()> emit);
  bool alternatesRequests();
  void emitPrefetch(OpBuilder &builder, Location loc, Value chunk);
  void emitRequestsOfKeys(OpBuilder &builder, Location loc, Value first,
                          Value count, EinsumOp einsum,
                          bool onlySummed = false);
  void emitPrefetchListed(OpBuilder &builder, Location loc, Value count,
                          EinsumOp einsum);
  void emitPrefetchRows(OpBuilder &builder, Location loc, Value token,
                        EinsumOp einsum = {}, bool onlySummed = false);
  Value isFarAway(OpBuilder &builder, Location loc);
  bool yieldsPoints(EinsumOp einsum) const;
  void emitRequests(OpBuilder &builder, EinsumOp einsum);
  bool sumsRows(EinsumOp einsum);
  void emitPrefetchOfNextKeys(OpBuilder &builder, Location loc,
                              EinsumOp einsum);
  void emitPrefetchOfStep(OpBuilder &builder, Location loc, EinsumOp einsum);
  void emitPrefetchRow(OpBuilder &builder, Location loc,
                       const EinsumAccess &read, Value token);
  void emitPrefetchOfOutputs(OpBuilder &builder, Location loc);

  /// Whether lists say which keys a tile visits.
  bool walksLists() const { return listAtom || !cuts.empty(); }
  /// Whether tiles lie among the rows that share the entries of every list.
  bool tilesShareLists() const {
    return walksLists() && lane == space.queryRank;
  }
  /// Whether the keys of the walk at hand are the tokens of a list, come back
  /// with a period, or lie in the windows of a box.
  bool walksTokens() const {
    return periodicAtom || walksBoxes || isa_and_nonnull<IndicesAttr>(listAtom);
  }
  /// Whether what is asked of tokens is tested in all slots that are visited.
  bool testsTokensOfSlots() { return getTokenTest() && !walksTokens(); }

  // What the plan says to an item.
  Value getItemRow() const;
  SmallVector<KeyInterval> buildIntervals(OpBuilder &builder, Location loc,
                                          IterateOp op);
  SmallVector<KeyInterval> buildLiveRanges(OpBuilder &builder, Location loc,
                                           PlanAttr plan);
  SmallVector<KeyInterval> mergeIntervals(OpBuilder &builder, Location loc,
                                          SmallVector<KeyInterval> intervals);
  SmallVector<Value> buildRowValues(OpBuilder &builder, Location loc,
                                    PlanAttr plan, Value row);
  static Value roundDown(OpBuilder &builder, Location loc, Value value,
                         Value unit);
  bool isUntested(IterateOp op);
  std::optional<PlanAttr> getTokenTest();
  std::optional<PlanAttr> getRangePlan();
  bool isNeverFull();
  Value buildIsFull(OpBuilder &builder, Location loc, Value stepEnd);
  void buildFullPart(OpBuilder &builder, Location loc, Value stepEnd);
  // Steps without live points (CascadeTilerSteps.cpp).
  bool leavesStepsOut();
  bool asksTerms();
  std::pair<Value, Value> getRowEnds(OpBuilder &builder, Location loc);
  StepCondition buildStepCondition(OpBuilder &builder, Location loc,
                                   Value stepEnd);
  /// How many tokens of a rank there are in the whole, and in this part of it.
  struct PlaneLength {
    Value whole, part;
  };
  PlaneLength getPlaneLength(OpBuilder &builder, Location loc,
                             AccessAttr access, StringAttr rank);
  Value getAlignmentOffset(OpBuilder &builder, Location loc);
  Value getDiagonal(OpBuilder &builder, Location loc);
  Value getHead(OpBuilder &builder, Location loc);
  void buildPlanSymbols(OpBuilder &builder, Location loc, PlanAttr plan);
  Type chooseTestType(OpBuilder &builder);
  void buildTestTerms(OpBuilder &builder, Location loc, PlanAttr plan);
  void emitOutputs(OpBuilder &builder, Location loc);
  void absorbAccumulations(Block &block);

  // Dead points of a partial step.
  enum class DeadPoints { Absorbed, AbsorbedIfFinite, Masked };
  DeadPoints getDeadPoints(EinsumOp einsum) const;
  std::optional<TypedAttr> getProducerMask(EinsumOp einsum) const;
  bool isZeroWhereDead(EinsumOp einsum) const;
  Value buildLive(OpBuilder &builder, Location loc, const PointData &point);
  Value buildInStep(OpBuilder &builder, Location loc);
  Value buildPlaneTest(OpBuilder &builder, Location loc,
                       const PointData &point);
  bool testsPositions() const;
  void preparePointTest(OpBuilder &builder, Location loc);
  Value buildPlaneIndex(OpBuilder &builder, Location loc, StringAttr rank);
  Value buildPointTest(OpBuilder &builder, Location loc,
                       const PointData &point);
  Value buildPredicate(OpBuilder &builder, Location loc,
                       PredicateAttr predicate, ArrayRef<Value> elements,
                       const PointData &point);
  Value buildPositionTest(OpBuilder &builder, Location loc,
                          const PointData &point);
  Value buildPlanTest(OpBuilder &builder, Location loc, PlanAttr plan,
                      ArrayRef<Value> point);
  Value buildConstraint(OpBuilder &builder, Location loc, PlanAttr plan,
                        AffineExpr points, Value rest, ArrayRef<Value> dims,
                        ArrayRef<Value> symbols);
  Value buildTileFinite(OpBuilder &builder, Location loc, EinsumAccess tile);
  Value buildAllFinite(OpBuilder &builder, Location loc,
                       ArrayRef<EinsumAccess> tiles);
  bool showsNaN(EinsumOp contraction) const;
  Value buildFactorsFinite(OpBuilder &builder, EinsumOp einsum);
  void emitTrusting(OpBuilder &builder, Location loc,
                    function_ref<void(OpBuilder &)> emit);

  CascadeOp cascade;
  CascadeSpace space;
  /// The atom of the list that tiles walk by itself, or the one whose periodic
  /// keys they do, or null; null, too, during the walk over the ranges of keys
  /// that are visited beside it.
  Attribute listAtom, periodicAtom;
  /// Whether they are those in the windows of a box; as `listAtom` is.
  bool walksBoxes = false;
  /// Whether there are such ranges.
  bool visitsRanges = false;
  /// The atoms of the lists that cut all keys into parts.
  SmallVector<Attribute> cuts;
  /// How many rows share the entries of every list.
  int64_t listRows = 0;
  /// The terms of the sparsity that the plan knows in part, those with masks or
  /// predicates in them or with atoms of slots and of tokens; and those of a
  /// list that is walked beside ranges.
  SmallVector<Attribute> testedTerms, listedTerms;
  /// Those of `testedTerms` that have no ranges in the plan.
  SmallVector<Attribute> unplannedTerms;
  /// Tokens of a plane, from one to the next.
  int64_t residues = 1;
  /// Tokens from one row of a tile to the next: those of a plane, or of rows of
  /// one remainder by a dilated atom's step, of each head where they differ.
  SmallVector<int64_t> rowSteps{1};
  /// The grid whose tiles are the items, and the work of these.
  std::optional<GridWalk> grid;
  GridWork gridWork;
  SmallVector<Value> inputs, outputs;
  Value workspace;
  int64_t laneTile;
  int64_t workspaceBytes = 0, reservedBytes = 0;
  /// End of the scratch that a step of the stream uses.
  int64_t stepBytes = 0;

  /// Whether the points of `lane` are rows, and each einsum has lanes of its
  /// own.
  bool innerLanes;
  StringAttr lane;
  SmallVector<StringAttr> parallel;
  IterateOp iterate;
  llvm::MapVector<StringAttr, int64_t> extents;
  /// The points of a step, where the cascade's tensors state them.
  std::optional<int64_t> fixedStep;

  // The item being emitted. Rows and points are those of the item's plane.
  SmallVector<Value> coordinates;
  TilePlace place;
  Value firstRow, rowCount;
  /// First point and number of points of the step, first point of its tile.
  Value stepFirst, stepCount, tileFirst;
  /// The slots of a list of tokens that lie in the part of the keys at hand.
  KeyInterval listedSlots;
  /// The tokens of the keys of the step that it has computed, from the one in
  /// slot `firstToken` on, and per axis of a grid their coordinates.
  Value stepTokens, firstToken;
  SmallVector<Value> stepCoordinates;
  /// Whether each of the lists that cut the keys names the points, 1 or 0.
  SmallVector<Value> isListed;
  /// Where the points begin in buffers; null is 0. Nonzero in a part of a step.
  Value stepOffset;
  /// Whether the slots of the points at hand are live for every row.
  bool slotsAreFull = false;
  bool takesWholeSteps = false, hasCaches = false;
  /// Whether the step at hand computes all points of its tile: those that it
  /// has not are dead.
  bool fillsStep = false;
  int64_t keyUnit = 0;
  bool hasPairs = false;
  int64_t vectorMultiplies = 2;
  /// The contractions whose sums show factors that are not finite, and the flag
  /// that says whether the worker has met one.
  SmallVector<EinsumOp> trustedSums;
  Value isCareful;
  /// The tokens of a permuted tile's rows, in scratch.
  Value rowTokens;
  /// Where one row of a permuted tile is stored: its number in the tile and its
  /// token.
  Value fixedRow, fixedToken;
  /// Per piece of the plan, the points that are live for every row of the tile.
  SmallVector<KeyInterval> fullRanges;
  /// Those of a partial step, in the piece that has most.
  Value fullFirst, fullEnd;
  /// The terms of the plan's element test that do not depend on the point, and
  /// the type in which it is computed.
  SmallVector<Value> planSymbols, testTerms;
  Type testType;
  /// What atoms beside masks and predicates read, the same at all points: what
  /// alignment adds to the index of a row, the number of keys, that of the
  /// head, and what tables have for it.
  struct PointNumbers {
    Value offset, keyCount, head;
    llvm::SmallDenseMap<Attribute, Value> tables;
  };
  PointNumbers pointNumbers;
  /// Those of the plan of tokens, and whether they are being built.
  SmallVector<Value> tokenSymbols, tokenTerms;
  bool buildsTokenPlan = false;
  /// Origins of the ranks that have one, read once for an item.
  llvm::MapVector<StringAttr, Value> origins;
  IRMapping constants;
  llvm::DenseMap<Value, TileBuffer> buffers;
  /// Inputs of this step that were converted, and of this item packed.
  StepReads staged;
  StagedInputs packed;
  /// Einsums that are emitted as part of the einsum they map to.
  llvm::DenseMap<Operation *, EinsumOp> absorbed;
  llvm::DenseMap<Operation *, Accumulation> accumulations;
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_CASCADETILER_H
