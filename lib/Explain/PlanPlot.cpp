//===- PlanPlot.cpp - A picture of what a kernel visits -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Explain/PlanPlot.h"
#include "PlaneWalk.h"
#include "attn/Analysis/TermRoles.h"
#include "attn/Conversion/KernelSignature.h"
#include "attn/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
struct Color {
  int64_t red, green, blue;
};
} // namespace

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
      PlanSymbols::keyOrigin, PlanSymbols::head};
  constexpr int64_t kLargest = int64_t(1) << 40;
  PlanNumbers numbers;
  for (StringRef text : texts) {
    auto [name, number] = text.split('=');
    int64_t value = 0;
    if (!llvm::is_contained(kNames, name) || number.getAsInteger(10, value) ||
        value < -kLargest || value > kLargest) {
      emitError() << "'" << text
                  << "' is no number of a call; write KL, QL, D, ON or H, '=' "
                     "and an integer from -2^40 to 2^40";
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
    int64_t head = getGiven(numbers, PlanSymbols::head, 0);
    if (std::optional<int64_t> number = getHeadSymbol(plan, symbol, head))
      return *number;
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

/// What `plan`, which may be null, and the terms without ranges in it know.
static KnownPoints getKnownPoints(CascadeOp cascade, PlanAttr plan,
                                  const WalkTerms &terms, int64_t rows,
                                  int64_t keys, const PlanNumbers &numbers) {
  KnownPoints known;
  known.plan = plan;
  if (plan)
    known.symbols = getSymbolValues(cascade, plan, rows, keys, numbers);
  for (Attribute term : terms.unplanned)
    known.unplanned.emplace_back(term);
  known.numbers = {getGiven(numbers, PlanSymbols::keyLength, keys),
                   getGiven(numbers, PlanSymbols::head, 0)};
  known.keyBase = getGiven(numbers, PlanSymbols::keyOrigin, 0);
  known.rowBase = known.keyBase + getDiagonal(cascade, rows, keys, numbers);
  return known;
}

/// The walk over keys that come back with a period, in tiles of `tileRows` rows
/// of `cascade`.
static std::unique_ptr<PlaneWalk>
createPeriodicWalk(CascadeOp cascade, Attribute periodic,
                   const KnownPoints &own,
                   const std::optional<KnownPoints> &inRanges, int64_t tileRows,
                   int64_t rows, int64_t keys) {
  MappingAttr mapping = *cascade.getMapping();
  auto create = [&](RowOrder rowOrder, KeyOrder keyOrder) {
    std::optional<PlanWalk> ranges;
    if (inRanges)
      ranges.emplace(*inRanges, mapping, rowOrder, rows, keys);
    return PeriodicWalk(PlanWalk(own, mapping, rowOrder, rows, keys, keyOrder),
                        std::move(ranges));
  };
  int64_t head = own.numbers.head;
  SmallVector<int64_t> steps = getDilatedSteps(periodic);
  if (steps.empty()) {
    SmallVector<PeriodicKeys> heads = getPeriodicKeys(periodic);
    return std::make_unique<PeriodicWalk>(
        create({tileRows}, {lookUpHead(heads, head), own.keyBase}));
  }
  int64_t step = lookUpHead(steps, head);
  int64_t diagonal = own.rowBase - own.keyBase;
  std::vector<PeriodicWalk> walks;
  for (int64_t row = 0; row < std::min(step, std::max<int64_t>(rows, 1)); ++row)
    walks.push_back(
        create({tileRows, row, step},
               {PeriodicKeys{step, llvm::mod(diagonal + row, step), 1},
                /*keyBase=*/0}));
  return std::make_unique<DilatedWalk>(std::move(walks), step);
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
  MappingAttr mapping = *cascade.getMapping();
  TermRoles roles = getTermRoles(cascade);
  auto know = [&](PlanAttr of, const WalkTerms &terms) {
    return getKnownPoints(cascade, of, terms, *rows, *keys, numbers);
  };
  // Keys that tiles walk by numbers of their own, and ranges behind them.
  KnownPoints own;
  std::optional<KnownPoints> inRanges;
  if (roles.periodic || roles.boxes)
    own = know(loop.getTokenPlan().value_or(PlanAttr()),
               roles.listed ? *roles.listed : roles.terms);
  if (roles.listed)
    inRanges = know(plan, roles.terms);
  bool isPermuted =
      loop.getTokenPlan() && !loop.getPeriodic() && !loop.getBoxes();
  std::unique_ptr<PlaneWalk> walk;
  std::optional<GridWalk> grid;
  if (loop.getBoxes())
    grid = findGridWalk(cascade);
  if (grid) {
    walk =
        std::make_unique<BoxWalk>(*grid, BoxWalk::Plans{own, inRanges}, mapping,
                                  *rows, *keys, own.rowBase, own.keyBase);
  } else if (plan && plan.getResidues() > 1) {
    walk = std::make_unique<ResidueWalk>(
        plan, mapping, *rows, *keys,
        getDiagonal(cascade, *rows, *keys, numbers));
  } else {
    int64_t tileRows =
        rowRank == mapping.getLanes() ? mapping.getLaneTiles().front() : 1;
    if (roles.periodic)
      walk = createPeriodicWalk(cascade, roles.periodic, own, inRanges,
                                tileRows, *rows, *keys);
    else
      walk = std::make_unique<PlanWalk>(
          know(plan, isPermuted ? WalkTerms() : roles.terms), mapping,
          RowOrder{tileRows}, *rows, *keys);
  }
  os << *rows << " queries (" << rowRank.getValue() << ") by " << *keys
     << " keys (" << keyRank.getValue() << ")\n";
  if (cascade.getSpace().isPacked())
    os << "of one segment\n";
  if (cascade.getSpace().hasPointAtoms())
    os << "of what a mask or a predicate leaves of them, which is data, "
          "nothing "
          "is drawn\n";
  if (cascade.getSpace().getPerHead())
    os << "of head " << getGiven(numbers, PlanSymbols::head, 0) << "\n";
  if (isPermuted)
    os << "of slots; tokens in permuted order are tested at each of them\n";
  walk->printCounts(os);
  if (isPermuted)
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
