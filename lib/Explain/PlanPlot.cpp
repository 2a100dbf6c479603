//===- PlanPlot.cpp - A picture of what a kernel visits -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Explain/PlanPlot.h"
#include "attn/Analysis/GridWalk.h"
#include "attn/Conversion/KernelSignature.h"
#include "attn/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/Format.h"

using namespace mlir;
using namespace mlir::attn;

namespace {

enum class PointClass { NotVisited, Dead, Tested, Full, Missed };

struct Color {
  int64_t red, green, blue;
};

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

/// Tiles that are boxes of a grid.
class BoxWalk : public PlaneWalk {
public:
  /// Rows and keys begin at the positions `rowBase` and `keyBase`.
  BoxWalk(const GridWalk &grid, PlanAttr plan, MappingAttr mapping,
          int64_t rows, int64_t keys, ArrayRef<int64_t> symbols,
          int64_t rowBase, int64_t keyBase)
      : PlaneWalk(rows, keys), grid(grid), plan(plan), mapping(mapping),
        symbols(symbols), rowBase(rowBase), keyBase(keyBase) {}

  PointClass classify(int64_t row, int64_t key) const override;
  void printCounts(raw_ostream &os) const override;

private:
  SmallVector<int64_t> getCoordinates(int64_t position) const;
  /// Tokens of the box that are `base` to `base + extent`.
  int64_t countTokens(ArrayRef<KeyRange> box, int64_t base,
                      int64_t extent) const;
  int64_t countVisited() const;

  const GridWalk &grid;
  PlanAttr plan;
  MappingAttr mapping;
  SmallVector<int64_t> symbols;
  int64_t rowBase, keyBase;
};

/// A plan over numbers.
class PlanWalk : public PlaneWalk {
public:
  /// `plan` is null where every point is live.
  PlanWalk(PlanAttr plan, MappingAttr mapping, int64_t rows, int64_t keys,
           ArrayRef<int64_t> symbols);

  PointClass classify(int64_t row, int64_t key) const override;
  void printCounts(raw_ostream &os) const override;

private:
  /// The step of the kernel that `key` belongs to, where `range` is visited.
  KeyRange getStep(KeyRange range, int64_t key) const;

  PlanAttr plan;
  MappingAttr mapping;
  SmallVector<int64_t> symbols;
  std::vector<RowTile> tiles;
};

} // namespace

PlanWalk::PlanWalk(PlanAttr plan, MappingAttr mapping, int64_t rows,
                   int64_t keys, ArrayRef<int64_t> symbols)
    : PlaneWalk(rows, keys), plan(plan), mapping(mapping), symbols(symbols) {
  int64_t laneTile = mapping.getLaneTiles().front();
  int64_t unit = mapping.getRowTile();
  auto clamp = [&](KeyRange range) {
    range.begin = std::clamp<int64_t>(range.begin, 0, keys);
    range.end = std::clamp<int64_t>(range.end, range.begin, keys);
    return range;
  };
  for (int64_t first = 0; first < rows; first += laneTile) {
    RowTile &tile = tiles.emplace_back();
    if (!plan) {
      tile.visited.push_back({0, keys});
      tile.full.push_back({0, keys});
      continue;
    }
    int64_t last = std::min(first + laneTile, rows) - 1;
    SmallVector<KeyRange> ranges;
    PlanTile planTile(plan, first, last, symbols);
    for (const PlanPiece &piece : plan.getPieces()) {
      TileRanges found = planTile.getRanges(piece);
      tile.full.push_back(clamp(found.full));
      KeyRange live = clamp(found.live);
      // Steps begin and end on whole register tiles.
      if (!live.empty())
        ranges.push_back(clamp(
            {live.begin / unit * unit, (live.end + unit - 1) / unit * unit}));
    }
    llvm::sort(ranges, [](const KeyRange &a, const KeyRange &b) {
      return a.begin < b.begin;
    });
    for (const KeyRange &range : ranges) {
      if (!tile.visited.empty() && range.begin <= tile.visited.back().end)
        tile.visited.back().end = std::max(tile.visited.back().end, range.end);
      else
        tile.visited.push_back(range);
    }
  }
}

KeyRange PlanWalk::getStep(KeyRange range, int64_t key) const {
  int64_t stream = mapping.getStreamTile();
  int64_t anchor = key / stream * stream;
  return {std::max(range.begin, anchor), std::min(range.end, anchor + stream)};
}

static bool isFull(const RowTile &tile, KeyRange step) {
  return llvm::any_of(tile.full, [&](const KeyRange &full) {
    return full.begin <= step.begin && step.end <= full.end;
  });
}

PointClass PlanWalk::classify(int64_t row, int64_t key) const {
  const RowTile &tile = tiles[row / mapping.getLaneTiles().front()];
  const KeyRange *range = llvm::find_if(
      tile.visited, [&](const KeyRange &r) { return r.contains(key); });
  bool isLive = !plan || passesConstraints(plan, row, key, symbols);
  if (range == tile.visited.end())
    return isLive ? PointClass::Missed : PointClass::NotVisited;
  if (isFull(tile, getStep(*range, key)))
    return PointClass::Full;
  return isLive ? PointClass::Tested : PointClass::Dead;
}

void PlanWalk::printCounts(raw_ostream &os) const {
  int64_t laneTile = mapping.getLaneTiles().front();
  int64_t full = 0, tested = 0, visited = 0;
  for (auto [index, tile] : llvm::enumerate(tiles)) {
    int64_t tileRows = std::min<int64_t>(laneTile, rows - index * laneTile);
    for (const KeyRange &range : tile.visited) {
      visited += tileRows * (range.end - range.begin);
      for (int64_t key = range.begin; key < range.end;) {
        KeyRange step = getStep(range, key);
        ++(isFull(tile, step) ? full : tested);
        key = step.end;
      }
    }
  }
  int64_t all = tiles.size() * llvm::divideCeil(keys, mapping.getStreamTile());
  os << "  tiles of " << laneTile << " queries by " << mapping.getStreamTile()
     << " keys: " << full << " full, " << tested << " tested, of " << all
     << "\n  points visited: " << visited << " of " << rows * keys << "\n";
}

/// The first axis is not cut: tokens before and behind the grid have
/// coordinates there, too.
SmallVector<int64_t> BoxWalk::getCoordinates(int64_t position) const {
  SmallVector<int64_t> coordinates;
  for (auto [index, axis] : llvm::enumerate(grid.axes)) {
    int64_t coordinate = llvm::divideFloorSigned(position, axis.inner);
    coordinates.push_back(index == 0 ? coordinate
                                     : llvm::mod(coordinate, axis.extent));
  }
  return coordinates;
}

PointClass BoxWalk::classify(int64_t row, int64_t key) const {
  bool isVisited = true, isFull = grid.isAlone;
  for (auto [axis, size, row, key] : llvm::zip_equal(
           grid.axes, mapping.getGridTile(), getCoordinates(rowBase + row),
           getCoordinates(keyBase + key))) {
    int64_t first = llvm::divideFloorSigned(row, size) * size;
    int64_t last = first + size - 1;
    // Every axis but the first one ends with the grid.
    if (&axis != &grid.axes.front())
      last = std::min(last, axis.extent - 1);
    KeyRange atFirst = axis.getWindow(first), atLast = axis.getWindow(last);
    isVisited &= KeyRange{atFirst.begin, atLast.end}.contains(key);
    isFull &= atFirst.begin == atLast.begin && atFirst.end == atLast.end;
  }
  bool isLive = passesConstraints(plan, row, key, symbols);
  if (!isVisited)
    return isLive ? PointClass::Missed : PointClass::NotVisited;
  if (isFull)
    return PointClass::Full;
  return isLive ? PointClass::Tested : PointClass::Dead;
}

int64_t BoxWalk::countTokens(ArrayRef<KeyRange> box, int64_t base,
                             int64_t extent) const {
  SmallVector<int64_t> at = llvm::map_to_vector(
      box, [](const KeyRange &range) { return range.begin; });
  if (llvm::any_of(box, [](const KeyRange &range) { return range.empty(); }))
    return 0;
  int64_t count = 0;
  while (true) {
    int64_t token = -base;
    for (auto [axis, coordinate] : llvm::zip_equal(grid.axes, at))
      token += coordinate * axis.inner;
    count += token >= 0 && token < extent;
    size_t axis = box.size();
    while (axis > 0 && ++at[axis - 1] == box[axis - 1].end) {
      at[axis - 1] = box[axis - 1].begin;
      --axis;
    }
    if (axis == 0)
      return count;
  }
}

int64_t BoxWalk::countVisited() const {
  // Boxes by their first coordinates; the first axis is as long as the rows.
  SmallVector<KeyRange> range;
  for (auto [axis, size] : llvm::zip_equal(grid.axes, mapping.getGridTile())) {
    int64_t count = llvm::divideCeil(axis.extent, size);
    range.push_back({0, count});
  }
  int64_t slab = grid.axes.front().inner * mapping.getGridTile().front();
  range.front() = {llvm::divideFloorSigned(rowBase, slab),
                   llvm::divideFloorSigned(rowBase + rows - 1, slab) + 1};
  int64_t visited = 0;
  SmallVector<int64_t> at = llvm::map_to_vector(
      range, [](const KeyRange &numbers) { return numbers.begin; });
  while (rows > 0) {
    SmallVector<KeyRange> rowBox, keyBox;
    for (auto [index, axis] : llvm::enumerate(grid.axes)) {
      int64_t size = mapping.getGridTile()[index];
      KeyRange box{at[index] * size, (at[index] + 1) * size};
      if (index > 0)
        box.end = std::min(box.end, axis.extent);
      rowBox.push_back(box);
      keyBox.push_back(
          {axis.getWindow(box.begin).begin, axis.getWindow(box.end - 1).end});
    }
    visited +=
        countTokens(rowBox, rowBase, rows) * countTokens(keyBox, keyBase, keys);
    size_t axis = range.size();
    while (axis > 0 && ++at[axis - 1] == range[axis - 1].end) {
      at[axis - 1] = range[axis - 1].begin;
      --axis;
    }
    if (axis == 0)
      break;
  }
  return visited;
}

void BoxWalk::printCounts(raw_ostream &os) const {
  GridWork work = getGridWork(grid, mapping.getGridTile());
  int64_t tiles = 1;
  for (auto [axis, size] : llvm::zip_equal(grid.axes, mapping.getGridTile()))
    tiles *= llvm::divideCeil(axis.extent, size);
  os << "  boxes of ";
  llvm::interleave(mapping.getGridTile(), os, " by ");
  os << " queries: " << tiles << " on the grid, each of which visits "
     << llvm::format("%.1f", work.keys)
     << " keys on average\n  points visited: " << countVisited() << " of "
     << rows * keys << "\n";
}

//===----------------------------------------------------------------------===//
// Pixels
//===----------------------------------------------------------------------===//

/// The longer side of a plane has at least half as many pixels and at most
/// these, where it has that many points.
static constexpr int64_t kMostPixels = 1024;
/// Points that are looked at for one pixel, along each side.
static constexpr int64_t kMostSamples = 4;

static Color getColor(PointClass point) {
  switch (point) {
  case PointClass::NotVisited:
    return {255, 255, 255};
  case PointClass::Dead:
    return {250, 214, 165};
  case PointClass::Tested:
    return {52, 101, 164};
  case PointClass::Full:
    return {78, 154, 6};
  case PointClass::Missed:
    return {204, 0, 0};
  }
  llvm_unreachable("unknown class of points");
}

/// Draws below what `picture` holds, with a grey line between.
static void draw(const PlaneWalk &walk, Picture &picture, raw_ostream &os) {
  int64_t longer = std::max<int64_t>({walk.getRows(), walk.getKeys(), 1});
  int64_t points = llvm::divideCeil(longer, kMostPixels);
  int64_t pixels = std::clamp<int64_t>(kMostPixels / longer, 1, 8);
  int64_t height = llvm::divideCeil(walk.getRows(), points) * pixels;
  int64_t width = llvm::divideCeil(walk.getKeys(), points) * pixels;
  if (points > 1)
    os << "  a pixel is " << points << " by " << points << " points\n";
  else
    os << "  a point is " << pixels << " by " << pixels << " pixels\n";

  constexpr int64_t kGap = 4;
  constexpr uint8_t kGrey = 186;
  int64_t above = picture.height == 0 ? 0 : picture.height + kGap;
  Picture larger;
  larger.width = std::max(picture.width, width);
  larger.height = above + height;
  larger.rgb.assign(3 * larger.width * larger.height, kGrey);
  for (int64_t y = 0; y < picture.height; ++y)
    std::copy_n(&picture.rgb[3 * y * picture.width], 3 * picture.width,
                &larger.rgb[3 * y * larger.width]);

  int64_t samples = std::min(points, kMostSamples);
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      Color sum{0, 0, 0};
      int64_t count = 0;
      for (int64_t i = 0; i < samples * samples; ++i) {
        int64_t row = y / pixels * points + i / samples * points / samples;
        int64_t key = x / pixels * points + i % samples * points / samples;
        if (row >= walk.getRows() || key >= walk.getKeys())
          continue;
        Color color = getColor(walk.classify(row, key));
        sum.red += color.red;
        sum.green += color.green;
        sum.blue += color.blue;
        ++count;
      }
      uint8_t *pixel = &larger.rgb[3 * ((above + y) * larger.width + x)];
      pixel[0] = sum.red / count;
      pixel[1] = sum.green / count;
      pixel[2] = sum.blue / count;
    }
  }
  picture = std::move(larger);
}

//===----------------------------------------------------------------------===//
// Numbers of a call
//===----------------------------------------------------------------------===//

FailureOr<PlanNumbers>
attn::parsePlanNumbers(ArrayRef<std::string> texts,
                       function_ref<InFlightDiagnostic()> emitError) {
  constexpr llvm::StringLiteral kNames[] = {
      PlanSymbols::keyLength, PlanSymbols::rowLength, PlanSymbols::diagonal,
      PlanSymbols::keyOrigin};
  constexpr int64_t kLargest = int64_t(1) << 40;
  PlanNumbers numbers;
  for (StringRef text : texts) {
    auto [name, number] = text.split('=');
    int64_t value = 0;
    if (!llvm::is_contained(kNames, name) || number.getAsInteger(10, value) ||
        value < -kLargest || value > kLargest) {
      emitError() << "'" << text
                  << "' is no number of a call; write KL, QL, D or ON, '=' and "
                     "an integer from -2^40 to 2^40";
      return failure();
    }
    if (!numbers.insert({name.str(), value}).second) {
      emitError() << "'" << name << "' is given twice";
      return failure();
    }
  }
  return numbers;
}

//===----------------------------------------------------------------------===//
// Cascades
//===----------------------------------------------------------------------===//

/// The extent of `rank`, from types or from `sizes`.
static FailureOr<int64_t> getExtent(CascadeOp cascade, StringAttr rank,
                                    const RankSizes &sizes) {
  int64_t extent = cascade.getRankExtents().lookup(rank);
  if (!ShapedType::isDynamic(extent))
    return extent;
  auto given = sizes.find(rank.str());
  if (given != sizes.end())
    return given->second;
  return cascade.emitError("a plot needs the extent of rank '")
         << rank.getValue() << "': give it with --sizes " << rank.getValue()
         << "=EXTENT";
}

static int64_t getGiven(const PlanNumbers &numbers, StringRef name,
                        int64_t otherwise) {
  auto given = numbers.find(name.str());
  return given == numbers.end() ? otherwise : given->second;
}

/// The key that the position of row 0 falls on.
static int64_t getDiagonal(CascadeOp cascade, int64_t rows, int64_t keys,
                           const PlanNumbers &numbers) {
  bool isBottomRight = cascade.getAlignment().value_or(
                           Alignment::BottomRight) == Alignment::BottomRight;
  int64_t keyLength = getGiven(numbers, PlanSymbols::keyLength, keys);
  int64_t rowLength = getGiven(numbers, PlanSymbols::rowLength, rows);
  return getGiven(numbers, PlanSymbols::diagonal,
                  isBottomRight ? keyLength - rowLength : 0);
}

static SmallVector<int64_t> getSymbolValues(CascadeOp cascade, PlanAttr plan,
                                            int64_t rows, int64_t keys,
                                            const PlanNumbers &numbers) {
  int64_t keyLength = getGiven(numbers, PlanSymbols::keyLength, keys);
  int64_t rowLength = getGiven(numbers, PlanSymbols::rowLength, rows);
  return llvm::map_to_vector(plan.getSymbols(), [&](StringAttr symbol) {
    if (symbol == PlanSymbols::rowExtent)
      return rows;
    if (symbol == PlanSymbols::keyExtent)
      return keys;
    if (symbol == PlanSymbols::keyLength)
      return std::clamp<int64_t>(keyLength, 0, keys);
    if (symbol == PlanSymbols::rowLength)
      return std::clamp<int64_t>(rowLength, 0, rows);
    if (symbol == PlanSymbols::diagonal)
      return getDiagonal(cascade, rows, keys, numbers);
    return getGiven(numbers, symbol, 0);
  });
}

/// The loop over keys of a mapped cascade; all of them walk the same plane.
static IterateOp findLoop(CascadeOp cascade) {
  IterateOp loop;
  cascade.getBody().walk([&](IterateOp iterate) {
    loop = iterate;
    return WalkResult::interrupt();
  });
  return loop;
}

/// The plane of a mapped cascade: that of its sparsity, or what its tiles and
/// its steps walk.
static LogicalResult plotCascade(CascadeOp cascade, IterateOp loop,
                                 const RankSizes &sizes,
                                 const PlanNumbers &numbers, raw_ostream &os,
                                 Picture &picture) {
  StringAttr rowRank = cascade.getMapping()->getLanes();
  StringAttr keyRank = loop.getParentAttr();
  if (cascade.hasSpace()) {
    rowRank = cascade.getQueryRankAttr();
    keyRank = cascade.getKeyRankAttr();
  }
  if (!cascade.getSpace().getLists().empty())
    return cascade.emitError(
        "walks lists of keys that a call gives; there is no "
        "plot of them");
  FailureOr<int64_t> rows = getExtent(cascade, rowRank, sizes);
  if (failed(rows))
    return failure();
  FailureOr<int64_t> keys = getExtent(cascade, keyRank, sizes);
  if (failed(keys))
    return failure();
  PlanAttr plan = loop.getPlan().value_or(PlanAttr());
  SmallVector<int64_t> values;
  if (plan)
    values = getSymbolValues(cascade, plan, *rows, *keys, numbers);
  MappingAttr mapping = *cascade.getMapping();
  std::optional<GridWalk> grid;
  std::unique_ptr<PlaneWalk> walk;
  if (!mapping.getGridTile().empty())
    grid = findGridWalk(cascade);
  if (grid && plan) {
    int64_t keyBase = getGiven(numbers, PlanSymbols::keyOrigin, 0);
    walk = std::make_unique<BoxWalk>(
        *grid, plan, mapping, *rows, *keys, values,
        keyBase + getDiagonal(cascade, *rows, *keys, numbers), keyBase);
  } else {
    walk = std::make_unique<PlanWalk>(plan, mapping, *rows, *keys, values);
  }
  os << *rows << " queries (" << rowRank.getValue() << ") by " << *keys
     << " keys (" << keyRank.getValue() << ")\n";
  if (cascade.getSpace().isPacked())
    os << "of one segment\n";
  if (loop.getTokenPlan())
    os << "of slots; tokens in permuted order are tested at each of them\n";
  walk->printCounts(os);
  if (loop.getTokenPlan())
    os << "  points are slots; what is asked of tokens, whose order is data, "
          "is "
          "not drawn\n";
  draw(*walk, picture, os);
  return success();
}

LogicalResult attn::plotKernel(ModuleOp module, const RankSizes &sizes,
                               const PlanNumbers &numbers,
                               const AttnToLLVMOptions &options,
                               raw_ostream &os, Picture &picture) {
  OwningOpRef<ModuleOp> mapped = module.clone();
  PassManager manager(module.getContext());
  manager.addPass(createInlinerPass());
  manager.addPass(createSymbolDCEPass());
  buildChooseFormsPipeline(manager, options);
  if (failed(manager.run(*mapped)))
    return failure();
  WalkResult result = mapped->walk([&](CascadeOp cascade) {
    IterateOp loop = findLoop(cascade);
    if (!cascade.getMapping() || !loop)
      return WalkResult::advance();
    return failed(plotCascade(cascade, loop, sizes, numbers, os, picture))
               ? WalkResult::interrupt()
               : WalkResult::advance();
  });
  if (result.wasInterrupted())
    return failure();
  if (picture.rgb.empty()) {
    func::FuncOp kernel = getKernelFunction(*mapped);
    return emitError(kernel ? kernel.getLoc() : module.getLoc())
           << "has nothing to plot: no fused cascade over queries and keys "
              "that are more than none";
  }
  return success();
}
