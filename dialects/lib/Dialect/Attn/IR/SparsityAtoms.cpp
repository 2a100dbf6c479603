//===- SparsityAtoms.cpp - What the atoms of a sparsity mean --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each atom as a union of sets of positions, once for all who read one: plans
// take ranges from the sets, the unfused route tests them point by point.
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/Attn.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::attn;

namespace {

class AtomBuilder {
public:
  explicit AtomBuilder(MLIRContext *context)
      : context(context), row(getAffineDimExpr(0, context)),
        key(getAffineDimExpr(1, context)) {}

  /// Nothing if `atom` is none.
  std::optional<AtomDefinition> build(Attribute atom);

private:
  using Set = SmallVector<AffineExpr>;

  AffineExpr getConstant(int64_t value) {
    return getAffineConstantExpr(value, context);
  }
  AffineExpr addValue(PointValueKind kind, ArrayRef<AffineExpr> exprs) {
    unsigned numSymbols = definition.getFirstValue() + definition.values.size();
    definition.values.push_back(
        {kind, AffineMap::get(/*dimCount=*/2, numSymbols, exprs, context)});
    return getAffineSymbolExpr(numSymbols, context);
  }
  AffineExpr getMax(AffineExpr a, AffineExpr b) {
    return addValue(PointValueKind::Max, {a, b});
  }
  AffineExpr getMin(AffineExpr a, AffineExpr b) {
    return addValue(PointValueKind::Min, {a, b});
  }
  /// The number that a head has, a constant where all have one. Tables come
  /// before all values.
  AffineExpr getOfHead(ArrayRef<int64_t> numbers) {
    if (llvm::all_equal(numbers))
      return getConstant(numbers.front());
    auto *found = llvm::find(definition.tables, numbers);
    if (found == definition.tables.end()) {
      definition.tables.emplace_back(numbers);
      found = &definition.tables.back();
    }
    return getAffineSymbolExpr(AtomDefinition::kNumSymbols +
                                   (found - definition.tables.begin()),
                               context);
  }
  /// 1 for the heads that have the number `number`, 0 for all others.
  AffineExpr getIsOfHead(ArrayRef<int64_t> numbers, int64_t number) {
    return getOfHead(llvm::map_to_vector(
        numbers, [&](int64_t other) { return int64_t(other == number); }));
  }
  void addSet(Set set) { definition.sets.push_back(std::move(set)); }

  /// Whether the atom's window reaches over all of the axis from everywhere.
  static bool coversAxis(NeighborhoodAttr atom, unsigned axis);
  void addAxis(NeighborhoodAttr atom, unsigned axis, Set &set);
  void addNeighborhood(NeighborhoodAttr atom);
  void addRadial(RadialAttr atom);
  void addAffineSet(AffineSetAttr atom);
  void addMultiples(Set &set, ArrayRef<int64_t> kinds, ArrayRef<int64_t> steps,
                    function_ref<AffineExpr(size_t)> getDividend);
  void addHeads(ArrayRef<Attribute> atoms);

  MLIRContext *context;
  AffineExpr row, key;
  AtomDefinition definition;
};

} // namespace

bool AtomBuilder::coversAxis(NeighborhoodAttr atom, unsigned axis) {
  return !atom.getClipped() && atom.getCausal()[axis] == 0 &&
         !atom.getGrid().empty() &&
         atom.getKernel()[axis] == atom.getGrid()[axis];
}

/// Adds what one axis of a grid demands. The window of the coordinate i begins
/// at a function of i's group of `stride` coordinates, moved to lie within the
/// axis.
void AtomBuilder::addAxis(NeighborhoodAttr atom, unsigned axis, Set &set) {
  ArrayRef<int64_t> grid = atom.getGrid();
  if (coversAxis(atom, axis))
    return;
  AffineExpr i = row, j = key;
  AffineExpr extent = getAffineSymbolExpr(AtomDefinition::kKeyCount, context);
  if (!grid.empty()) {
    // The coordinate: the outermost one is not cut, so that tokens past the
    // grid have one past its end.
    int64_t inner = 1;
    for (int64_t size : grid.drop_front(axis + 1))
      inner *= size;
    int64_t size = grid[axis];
    extent = getConstant(size);
    auto getCoordinate = [&](AffineExpr position) {
      AffineExpr coordinate = position.floorDiv(inner);
      if (axis == 0)
        return coordinate;
      return coordinate - position.floorDiv(inner * size) * size;
    };
    i = getCoordinate(row);
    j = getCoordinate(key);
  }
  // A dilated window is one of tokens, `dilation` times as wide, of which those
  // with the row's remainder are live: its ends may lie anywhere between two of
  // them, so that they need not depend on the remainder, and rise with the row.
  int64_t dilation = atom.getDilation()[axis];
  int64_t kernel = atom.getKernel()[axis], stride = atom.getStride()[axis];
  bool isCausal = atom.getCausal()[axis] != 0;
  if (dilation > 1)
    set.push_back(-((i - j) % dilation));
  AffineExpr leader = i.floorDiv(stride * dilation) * (stride * dilation);
  int64_t offset = isCausal ? stride - kernel : stride / 2 - kernel / 2;
  AffineExpr start = leader + offset * dilation;
  if (!atom.getClipped())
    start = getMax(getMin(start, extent - kernel * dilation), getConstant(0));
  set.push_back(j - start);
  set.push_back(isCausal ? i - j : start + (kernel * dilation - 1) - j);
}

void AtomBuilder::addNeighborhood(NeighborhoodAttr atom) {
  Set set;
  for (unsigned axis = 0; axis < atom.getKernel().size(); ++axis)
    addAxis(atom, axis, set);
  // Keys past the grid are dead; a window that moves inward has none.
  if (!atom.getGrid().empty() && (atom.getClipped() || coversAxis(atom, 0) ||
                                  atom.getCausal().front() != 0)) {
    int64_t tokens = 1;
    for (int64_t size : atom.getGrid())
      tokens *= size;
    set.push_back(tokens - 1 - key);
  }
  addSet(std::move(set));
}

void AtomBuilder::addRadial(RadialAttr atom) {
  int64_t frames = atom.getFrames(), tokens = atom.getTokens();
  int64_t block = atom.getBlock();
  AffineExpr distance = row.floorDiv(tokens) - key.floorDiv(tokens);
  AffineExpr within = row % tokens - key % tokens;
  AffineExpr last = frames * tokens - 1 - key;
  // How far whole frames are seen, and the bands behind.
  int64_t whole = std::min<int64_t>(frames - 1, 1);
  SmallVector<Set> bands;
  AffineExpr apart;
  double span =
      std::ldexp(atom.getDecay().getValueAsDouble(), llvm::Log2_64(tokens) + 1);
  for (int64_t group = 2; (int64_t(1) << (group - 1)) < frames; ++group) {
    int64_t near = int64_t(1) << (group - 1);
    int64_t far = std::min(2 * near, frames) - 1;
    double length = std::ldexp(span, -static_cast<int>(group));
    double width = std::max(length, static_cast<double>(block));
    double step = length < block ? std::floor(block / length) : 1;
    if (width >= tokens - 1 && step == 1 && whole == near - 1) {
      whole = far;
      continue;
    }
    // No distance but 0 is a multiple of so much.
    if (step > far)
      continue;
    if (!apart)
      apart = getMax(distance, -distance);
    Set band{apart - near, far - apart, last};
    if (width < tokens - 1) {
      auto reach = static_cast<int64_t>(width);
      band.push_back(reach - within);
      band.push_back(reach + within);
    }
    if (step > 1)
      band.push_back(-(apart % static_cast<int64_t>(step)));
    bands.push_back(std::move(band));
  }
  addSet({whole - distance, whole + distance, last});
  // Every query sees the first frame.
  addSet({tokens - 1 - key});
  for (Set &band : bands)
    addSet(std::move(band));
}

/// Adds that a dividend is a multiple of the step of the head. Heads of one
/// kind have one step, and one dividend, which `getDividend` gives by the
/// number of such a head. A remainder is less than its step, so that for heads
/// of other kinds a test says nothing.
void AtomBuilder::addMultiples(Set &set, ArrayRef<int64_t> kinds,
                               ArrayRef<int64_t> steps,
                               function_ref<AffineExpr(size_t)> getDividend) {
  for (auto [head, kind] : llvm::enumerate(kinds)) {
    if (llvm::is_contained(kinds.take_front(head), kind) || steps[head] == 1)
      continue;
    AffineExpr isOther = 1 - getIsOfHead(kinds, kind);
    set.push_back(isOther * (steps[head] - 1) -
                  getDividend(head) % steps[head]);
  }
}

/// Adds the atoms that heads have, of one kind, or the one that all have.
/// Numbers that add up are tables; a divisor has to be a constant, and so there
/// is a test for each of them.
void AtomBuilder::addHeads(ArrayRef<Attribute> atoms) {
  Attribute first = atoms.front();
  SmallVector<SmallVector<int64_t>> columns(
      PerHeadAttr::getNumbers(first).size());
  for (Attribute inner : atoms)
    for (auto [column, number] :
         llvm::zip_equal(columns, PerHeadAttr::getNumbers(inner)))
      column.push_back(number);
  // Sums of numbers further away than this restrict nothing, and fit 64 bits.
  auto getDistance = [&](ArrayRef<int64_t> column) -> AffineExpr {
    if (llvm::all_of(column, [](int64_t n) { return n >= kFarPosition; }))
      return {};
    return getOfHead(llvm::map_to_vector(column, [](int64_t number) {
      return number >= kFarPosition ? 4 * kFarPosition : number;
    }));
  };
  llvm::TypeSwitch<Attribute>(first)
      .Case([&](WindowAttr) {
        Set set;
        if (AffineExpr left = getDistance(columns[0]))
          set.push_back(key - row + left);
        if (AffineExpr right = getDistance(columns[1]))
          set.push_back(row - key + right);
        addSet(std::move(set));
      })
      .Case<PrefixAttr, LeadingAttr>([&](auto) {
        AffineExpr count = getDistance(columns[0]);
        addSet(count ? Set{count - 1 - key} : Set());
      })
      .Case([&](DilatedAttr) {
        Set set;
        if (AffineExpr window = getDistance(columns[0])) {
          set.push_back(key - row + window);
          set.push_back(row - key + window);
        }
        addMultiples(set, columns[1], columns[1],
                     [&](size_t) { return row - key; });
        addSet(std::move(set));
      })
      .Case([&](StridedAttr) {
        // Steps and blocks of a head together, as the first head that has them.
        auto areSame = [&](size_t a, size_t b) {
          return columns[0][a] == columns[0][b] &&
                 columns[2][a] == columns[2][b];
        };
        SmallVector<int64_t> kinds;
        for (size_t head = 0; head < columns[0].size(); ++head) {
          size_t same = 0;
          while (!areSame(same, head))
            ++same;
          kinds.push_back(same);
        }
        Set set;
        AffineExpr offset = getOfHead(columns[1]);
        addMultiples(set, kinds, columns[0], [&](size_t head) {
          return key.floorDiv(columns[2][head]) + offset;
        });
        addSet(std::move(set));
      })
      .Case([&](BlockDiagonalAttr) {
        SmallVector<int64_t> sizes(columns[0]);
        llvm::sort(sizes);
        sizes.erase(llvm::unique(sizes), sizes.end());
        for (int64_t size : sizes) {
          AffineExpr begin = row.floorDiv(size) * size;
          Set set{key - begin, begin + (size - 1) - key};
          if (sizes.size() > 1)
            set.push_back(getIsOfHead(columns[0], size) - 1);
          addSet(std::move(set));
        }
      })
      .Case([&](AffineSetAttr set) { addAffineSet(set); });
}

void AtomBuilder::addAffineSet(AffineSetAttr atom) {
  AffineExpr head = getAffineSymbolExpr(AtomDefinition::kHead, context);
  addSet(llvm::map_to_vector(
      atom.getFunctions().getValue().getResults(),
      [&](AffineExpr expr) { return expr.replaceSymbols({head}); }));
}

std::optional<AtomDefinition> AtomBuilder::build(Attribute atom) {
  bool isAtom =
      llvm::TypeSwitch<Attribute, bool>(atom)
          .Case([&](CausalAttr) {
            addSet({row - key});
            return true;
          })
          .Case<WindowAttr, PrefixAttr, LeadingAttr, BlockDiagonalAttr,
                DilatedAttr, StridedAttr>([&](Attribute same) {
            addHeads(same);
            return true;
          })
          .Case([&](NeighborhoodAttr neighborhood) {
            addNeighborhood(neighborhood);
            return true;
          })
          .Case([&](PowerOfTwoAttr powers) {
            AffineExpr distance = row.floorDiv(powers.getBlock()) -
                                  key.floorDiv(powers.getBlock());
            AffineExpr power = addValue(PointValueKind::PowerOfTwo, distance);
            addSet({distance - 1, power - distance});
            return true;
          })
          .Case([&](RadialAttr radial) {
            addRadial(radial);
            return true;
          })
          .Case([&](AffineSetAttr set) {
            addAffineSet(set);
            return true;
          })
          .Case([&](PerHeadAttr heads) {
            addHeads(heads.getAtoms());
            return true;
          })
          .Default([](Attribute) { return false; });
  if (!isAtom)
    return std::nullopt;
  return std::move(definition);
}

std::optional<AtomDefinition> attn::getAtomDefinition(Attribute atom) {
  return AtomBuilder(atom.getContext()).build(atom);
}

static bool anyExpr(const AtomDefinition &atom,
                    function_ref<bool(AffineExpr)> property) {
  return llvm::any_of(atom.values,
                      [&](const PointValue &value) {
                        return llvm::any_of(value.map.getResults(), property);
                      }) ||
         llvm::any_of(atom.sets, [&](ArrayRef<AffineExpr> set) {
           return llvm::any_of(set, property);
         });
}

bool AtomDefinition::readsRow() const {
  return anyExpr(*this,
                 [](AffineExpr expr) { return expr.isFunctionOfDim(0); });
}

bool AtomDefinition::readsKeyCount() const {
  return anyExpr(*this, [](AffineExpr expr) {
    return expr.isFunctionOfSymbol(kKeyCount);
  });
}

bool AtomDefinition::readsHead() const {
  return anyExpr(
      *this, [](AffineExpr expr) { return expr.isFunctionOfSymbol(kHead); });
}

bool attn::anyAtom(SparsityAttr sparsity,
                   function_ref<bool(const AtomDefinition &)> property) {
  bool found = false;
  if (sparsity)
    sparsity.walk([&](Attribute term) {
      if (!SparsityAttr::isTerm(term))
        return;
      std::optional<AtomDefinition> atom = getAtomDefinition(term);
      found |= atom && property(*atom);
    });
  return found;
}
