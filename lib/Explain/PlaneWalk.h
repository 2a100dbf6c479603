//===- PlaneWalk.h - What a kernel does at each point -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The ways in which the items of a kernel cut a plane of queries and keys, over
// numbers: along the rows, over ranges of keys or those that come back with a
// period, by remainders, and in boxes of a grid.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_EXPLAIN_PLANEWALK_H
#define ATTN_LIB_EXPLAIN_PLANEWALK_H

#include "attn/Analysis/GridWalk.h"
#include "attn/Analysis/PeriodicKeys.h"
#include "attn/Analysis/StepTest.h"
#include <map>

namespace mlir::attn {

enum class PointClass { NotVisited, Dead, Tested, Full, Missed };

/// The steps over keys of one tile of rows.
struct RowTile {
  SmallVector<KeyRange> visited;
  SmallVector<KeyRange> full;
};

/// What the kernel does at each point of a plane.
class PlaneWalk {
public:
  PlaneWalk(int64_t rows, int64_t keys) : rows(rows), keys(keys) {}
  virtual ~PlaneWalk() = default;

  virtual PointClass classify(int64_t row, int64_t key) const = 0;
  virtual void printCounts(raw_ostream &os) const = 0;

  int64_t getRows() const { return rows; }
  int64_t getKeys() const { return keys; }

protected:
  int64_t rows, keys;
};

/// Keys that are walked by numbers of their own.
class KeyOrder {
public:
  /// Those that come back with a period, from the position `keyBase` on.
  KeyOrder(const PeriodicKeys &periodic, int64_t keyBase)
      : periodic(periodic), keyBase(keyBase) {}
  /// Those of `tokens`, which ascend.
  explicit KeyOrder(std::vector<int64_t> tokens) : tokens(std::move(tokens)) {}

  bool contains(int64_t key) const {
    return periodic ? periodic->contains(keyBase + key)
                    : llvm::binary_search(tokens, key);
  }
  /// How many of them are in front of `key`.
  int64_t getSlot(int64_t key) const {
    return periodic ? periodic->getNumber(keyBase + key) -
                          periodic->getNumber(keyBase)
                    : llvm::lower_bound(tokens, key) - tokens.begin();
  }

private:
  std::optional<PeriodicKeys> periodic;
  int64_t keyBase = 0;
  std::vector<int64_t> tokens;
};

/// Rows that tiles of `tile` rows each have in turn: every one from `first` on,
/// or every `step`th.
struct RowOrder {
  int64_t tile, first = 0, step = 1;

  int64_t getRow(int64_t number) const { return first + number * step; }
  int64_t getNumber(int64_t row) const { return (row - first) / step; }
  int64_t count(int64_t rows) const {
    return llvm::divideCeilSigned(std::max<int64_t>(rows - first, 0), step);
  }
};

/// What a walk knows of its points.
struct KnownPoints {
  /// Null where every point is live but for the terms below, and the values of
  /// its symbols.
  PlanAttr plan;
  SmallVector<int64_t> symbols;
  /// Terms that it does not hold, what these read, and the positions of row 0
  /// and key 0.
  std::vector<TermTest> unplanned;
  TermNumbers numbers;
  int64_t rowBase = 0, keyBase = 0;

  bool isLive(int64_t row, int64_t key) const;
  /// What the terms say of a step.
  StepClass classifyTerms(int64_t first, int64_t last, KeyRange keys) const;
};

/// A plan over numbers.
class PlanWalk : public PlaneWalk {
public:
  /// With an order of keys those that it has are walked alone.
  PlanWalk(const KnownPoints &known, MappingAttr mapping, RowOrder rowOrder,
           int64_t rows, int64_t keys,
           std::optional<KeyOrder> order = std::nullopt);

  PointClass classify(int64_t row, int64_t key) const override;
  void printCounts(raw_ostream &os) const override;
  int64_t countVisited() const;
  /// Those of one row of the tile with the number `number`.
  int64_t countKeys(int64_t number) const;
  bool isLive(int64_t row, int64_t key) const { return known.isLive(row, key); }

private:
  /// The step of the kernel that `key` belongs to, where `range` is visited.
  KeyRange getStep(KeyRange range, int64_t key) const;
  /// What a step of the tile of rows with the number `number` is.
  StepClass getClass(int64_t number, KeyRange step) const;

  KnownPoints known;
  MappingAttr mapping;
  RowOrder rowOrder;
  std::optional<KeyOrder> order;
  bool leavesStepsOut;
  std::vector<RowTile> tiles;
};

/// A plan of periodic keys, and one of the ranges that are walked behind them.
class PeriodicWalk : public PlaneWalk {
public:
  PeriodicWalk(PlanWalk periodic, std::optional<PlanWalk> ranges)
      : PlaneWalk(periodic.getRows(), periodic.getKeys()),
        periodic(std::move(periodic)), ranges(std::move(ranges)) {}

  PointClass classify(int64_t row, int64_t key) const override;
  void printCounts(raw_ostream &os) const override;

  int64_t countPeriodic() const { return periodic.countVisited(); }
  int64_t countInRanges() const { return ranges ? ranges->countVisited() : 0; }

private:
  PlanWalk periodic;
  std::optional<PlanWalk> ranges;
};

/// Rows of one remainder, the keys of their own and the ranges behind these.
class DilatedWalk : public PlaneWalk {
public:
  /// Remainder i of the rows by `step` is walked as `walks`[i] says; there are
  /// no more of them than rows.
  DilatedWalk(std::vector<PeriodicWalk> walks, int64_t step)
      : PlaneWalk(walks.front().getRows(), walks.front().getKeys()),
        walks(std::move(walks)), step(step) {}

  PointClass classify(int64_t row, int64_t key) const override {
    return walks[row % step].classify(row, key);
  }
  void printCounts(raw_ostream &os) const override;

private:
  std::vector<PeriodicWalk> walks;
  int64_t step;
};

/// Tiles that are boxes of a grid: the keys in the windows of their rows, and
/// ranges behind these.
class BoxWalk : public PlaneWalk {
public:
  /// What a box is walked by: what is known of the keys in its windows, and of
  /// those in ranges, where there are any.
  struct Plans {
    KnownPoints own;
    std::optional<KnownPoints> ranges;
  };

  /// Rows and keys begin at the positions `rowBase` and `keyBase`.
  BoxWalk(const GridWalk &grid, const Plans &plans, MappingAttr mapping,
          int64_t rows, int64_t keys, int64_t rowBase, int64_t keyBase);

  PointClass classify(int64_t row, int64_t key) const override;
  void printCounts(raw_ostream &os) const override;

private:
  /// Where a token lies on an axis.
  struct Place {
    int64_t number, remainder;
  };
  struct Box {
    int64_t rows;
    /// Whether every row sees all keys in the windows of the box.
    bool isFull;
    PlanWalk own;
    std::optional<PlanWalk> ranges;
  };

  SmallVector<Place> getPlaces(int64_t position) const;
  /// The number of the box that holds a row, axis by axis.
  std::vector<int64_t> getNumber(ArrayRef<Place> places) const;
  void addBox(ArrayRef<int64_t> number, const Plans &plans);
  /// Tokens of the box, of coordinates with one remainder on each axis, that
  /// are `base` to `base + extent`, in ascending order.
  std::vector<int64_t> getTokens(ArrayRef<KeyRange> box,
                                 ArrayRef<int64_t> remainders, int64_t base,
                                 int64_t extent) const;

  GridWalk grid;
  MappingAttr mapping;
  int64_t rowBase, keyBase;
  std::map<std::vector<int64_t>, Box> boxes;
};

/// A plane for each remainder of positions.
class ResidueWalk : public PlaneWalk {
public:
  /// The position of row 0 falls on the key `diagonal`.
  ResidueWalk(PlanAttr plan, MappingAttr mapping, int64_t rows, int64_t keys,
              int64_t diagonal);

  PointClass classify(int64_t row, int64_t key) const override;
  void printCounts(raw_ostream &os) const override;

private:
  int64_t residues, diagonal;
  std::vector<PlanWalk> planes;
};

} // namespace mlir::attn

#endif // ATTN_LIB_EXPLAIN_PLANEWALK_H
