//===- SparsityVerifier.cpp - What the terms of a sparsity accept ---------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Verification.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// Sparsity atoms and connectives
//===----------------------------------------------------------------------===//

// spec: SP-2
LogicalResult WindowAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 int64_t left, int64_t right) {
  if (left < 0 || right < 0)
    return emitError() << "window(" << left << ", " << right
                       << "): both sides must be 0 or more";
  return success();
}

// spec: SP-3
LogicalResult PrefixAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 int64_t length) {
  if (length < 0)
    return emitError() << "prefix(" << length
                       << "): the length must be 0 or more";
  return success();
}

/// Sizes, steps and extents are numbers of tokens: larger ones are mistakes,
/// and products of smaller ones fit 64 bits.
static constexpr int64_t kMostTokens = int64_t(1) << 30;

/// A free function multiplies positions, which reach 2^40, by no more than
/// this.
static constexpr int64_t kMostFactor = int64_t(1) << 20;

static bool isSize(int64_t number) {
  return 1 <= number && number <= kMostTokens;
}

// spec: SP-11
LogicalResult LeadingAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  int64_t count) {
  if (count < 0)
    return emitError() << "leading(" << count
                       << "): the number of keys must be 0 or more";
  return success();
}

// spec: SP-12
LogicalResult
BlockDiagonalAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                          int64_t size) {
  if (!isSize(size))
    return emitError() << "block_diagonal(" << size
                       << "): the size must be 1 to 2^30";
  return success();
}

// spec: SP-13
LogicalResult DilatedAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  int64_t window, int64_t step) {
  if (window < 0)
    return emitError() << "dilated(" << window << ", " << step
                       << "): the window must be 0 or more";
  if (!isSize(step))
    return emitError() << "dilated(" << window << ", " << step
                       << "): the step must be 1 to 2^30";
  return success();
}

// spec: SP-14
LogicalResult StridedAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  int64_t step, int64_t offset, int64_t block) {
  auto refuse = [&](StringRef what) {
    return emitError() << "strided(" << step << ", " << offset << ", block "
                       << block << "): " << what;
  };
  if (!isSize(step))
    return refuse("the step must be 1 to 2^30");
  if (offset < 0 || offset >= step)
    return refuse("the offset must be 0 or more and less than the step");
  if (!isSize(block))
    return refuse("the block must be 1 to 2^30");
  return success();
}

// spec: SP-15
LogicalResult
NeighborhoodAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                         ArrayRef<int64_t> kernel, ArrayRef<int64_t> grid,
                         ArrayRef<int64_t> stride, ArrayRef<int64_t> dilation,
                         ArrayRef<int64_t> causal, bool clipped) {
  size_t axes = kernel.size();
  if (axes < 1 || axes > 3)
    return emitError() << "a neighborhood has 1 to 3 axes; got " << axes;
  for (auto [numbers, name] :
       {std::pair(stride, "stride"), std::pair(dilation, "dilation"),
        std::pair(causal, "causal")})
    if (numbers.size() != axes)
      return emitError() << "a neighborhood of " << axes << " axes has "
                         << numbers.size() << " numbers for '" << name << "'";
  if (grid.size() != axes && !(grid.empty() && axes == 1))
    return emitError() << "a neighborhood of " << axes
                       << " axes needs a grid of as many; got " << grid.size();
  int64_t tokens = 1;
  for (size_t axis = 0; axis < axes; ++axis) {
    auto refuse = [&]() -> InFlightDiagnostic {
      return emitError() << "axis " << axis << " of a neighborhood: ";
    };
    if (!isSize(kernel[axis]))
      return refuse() << "the kernel must be 1 to 2^30; got " << kernel[axis];
    if (stride[axis] < 1 || stride[axis] > kernel[axis])
      return refuse() << "the stride must be 1 to the kernel, " << kernel[axis]
                      << "; got " << stride[axis];
    if (!isSize(dilation[axis]))
      return refuse() << "the dilation must be 1 to 2^30; got "
                      << dilation[axis];
    if (!isSize(kernel[axis] * dilation[axis]))
      return refuse() << "kernel times dilation must be up to 2^30; got "
                      << kernel[axis] << " * " << dilation[axis];
    if (causal[axis] != 0 && causal[axis] != 1)
      return refuse() << "causal is 0 or 1; got " << causal[axis];
    if (grid.empty())
      continue;
    if (!isSize(grid[axis]))
      return refuse() << "the extent must be 1 to 2^30; got " << grid[axis];
    if (!clipped && kernel[axis] * dilation[axis] > grid[axis])
      return refuse() << "kernel times dilation, " << kernel[axis] << " * "
                      << dilation[axis] << ", exceeds the extent "
                      << grid[axis];
    tokens *= grid[axis];
    if (!isSize(tokens))
      return emitError() << "the grid of a neighborhood has at most 2^30 "
                            "tokens";
  }
  return success();
}

// spec: SP-16
LogicalResult
PowerOfTwoAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                       int64_t block) {
  if (!isSize(block))
    return emitError() << "power_of_two(" << block
                       << "): the block must be 1 to 2^30";
  return success();
}

// spec: SP-17
LogicalResult RadialAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 int64_t frames, int64_t tokens,
                                 FloatAttr decay, int64_t block) {
  for (auto [number, name] :
       {std::pair(frames, "number of frames"),
        std::pair(tokens, "number of tokens"), std::pair(block, "block")})
    if (!isSize(number))
      return emitError() << "radial: the " << name << " must be 1 to 2^30; got "
                         << number;
  if (!isSize(frames * tokens))
    return emitError() << "radial: at most 2^30 tokens; got " << frames << " * "
                       << tokens;
  if (!decay || !decay.getType().isF64() || !decay.getValue().isFinite() ||
      !(decay.getValueAsDouble() > 0))
    return emitError() << "radial: the decay is a positive finite f64; got "
                       << decay;
  return success();
}

/// Whether every division of `expr` is by a positive constant.
static bool dividesByConstants(AffineExpr expr) {
  return !expr.walk([](AffineExpr inner) {
                auto binary = dyn_cast<AffineBinaryOpExpr>(inner);
                if (!binary || inner.getKind() == AffineExprKind::Add ||
                    inner.getKind() == AffineExprKind::Mul)
                  return WalkResult::advance();
                auto divisor = dyn_cast<AffineConstantExpr>(binary.getRHS());
                return divisor && divisor.getValue() > 0
                           ? WalkResult::advance()
                           : WalkResult::interrupt();
              })
              .wasInterrupted();
}

// spec: SP-18
LogicalResult
AffineSetAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                      AffineMapAttr functions) {
  AffineMap map = functions.getValue();
  if (map.getNumDims() != 2 || map.getNumSymbols() > 1 ||
      map.getNumResults() == 0)
    return emitError() << "affine_set takes a map of (m, n), or of (m, n)[h], "
                          "with at least one result; got "
                       << functions;
  for (AffineExpr expr : map.getResults()) {
    if (!dividesByConstants(expr))
      return emitError() << "affine_set divides by positive constants only";
    bool isLarge = false;
    expr.walk([&](AffineExpr inner) {
      if (auto constant = dyn_cast<AffineConstantExpr>(inner))
        isLarge |= constant.getValue() > kMostFactor ||
                   constant.getValue() < -kMostFactor;
    });
    if (isLarge)
      return emitError() << "affine_set holds numbers up to 2^20";
  }
  return success();
}

/// Heads that an array may be over, and the largest factor of a rank in their
/// number.
static constexpr size_t kMostHeads = size_t(1) << 12;

// spec: SP-19
LogicalResult PerHeadAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  ArrayRef<Attribute> atoms,
                                  ArrayRef<StringAttr> ranks,
                                  ArrayRef<int64_t> strides) {
  if (atoms.empty() || atoms.size() > kMostHeads)
    return emitError() << "an array over heads has 1 to " << kMostHeads
                       << " numbers; got " << atoms.size();
  if (auto set = dyn_cast_or_null<AffineSetAttr>(atoms.front())) {
    if (atoms.size() > 1 || set.getFunctions().getValue().getNumSymbols() != 1)
      return emitError() << "heads differ in one affine_set, by the symbol of "
                            "its map; got "
                         << atoms.size() << ", the first of them " << set;
  }
  for (Attribute atom : atoms) {
    if (!isa_and_nonnull<WindowAttr, PrefixAttr, LeadingAttr, DilatedAttr,
                         StridedAttr, BlockDiagonalAttr, AffineSetAttr>(atom))
      return emitError() << "heads differ in window, prefix, leading, "
                            "block_diagonal, dilated, strided or affine_set; "
                            "got "
                         << atom;
    if (Attribute(atom).getTypeID() != Attribute(atoms.front()).getTypeID())
      return emitError() << "heads differ in the numbers of one atom; got "
                         << atoms.front() << " and " << atom;
  }
  if (ranks.empty() || ranks.size() != strides.size())
    return emitError() << "the number of the head is a sum of ranks, each with "
                          "a factor; got "
                       << ranks.size() << " ranks and " << strides.size()
                       << " factors";
  llvm::SmallDenseSet<StringAttr> seen;
  for (auto [rank, stride] : llvm::zip_equal(ranks, strides)) {
    if (!rank || !seen.insert(rank).second)
      return emitError() << "the number of the head names each rank once";
    if (stride < 1 || stride > static_cast<int64_t>(kMostHeads))
      return emitError() << "a factor in the number of the head is 1 to "
                         << kMostHeads << "; got " << stride;
  }
  return success();
}

SmallVector<int64_t> PerHeadAttr::getNumbers(Attribute atom) {
  using Numbers = SmallVector<int64_t>;
  return llvm::TypeSwitch<Attribute, Numbers>(atom)
      .Case([](WindowAttr window) {
        return Numbers{window.getLeft(), window.getRight()};
      })
      .Case([](PrefixAttr prefix) { return Numbers{prefix.getLength()}; })
      .Case([](LeadingAttr leading) { return Numbers{leading.getCount()}; })
      .Case([](BlockDiagonalAttr blocks) { return Numbers{blocks.getSize()}; })
      .Case([](DilatedAttr dilated) {
        return Numbers{dilated.getWindow(), dilated.getStep()};
      })
      .Case([](StridedAttr strided) {
        return Numbers{strided.getStep(), strided.getOffset(),
                       strided.getBlock()};
      })
      .Default([](Attribute) { return Numbers(); });
}

int64_t PerHeadAttr::getNumHeads() const {
  return isa<AffineSetAttr>(getAtoms().front()) ? 0 : getAtoms().size();
}

int64_t
PerHeadAttr::getLastHead(function_ref<int64_t(StringAttr)> getExtent) const {
  int64_t last = 0;
  for (auto [rank, stride] : llvm::zip_equal(getRanks(), getStrides()))
    last += stride * (getExtent(rank) - 1);
  return last;
}

LogicalResult
attn::verifyPerHead(Operation *op, SparsityAttr sparsity, StringRef allowed,
                    function_ref<std::optional<int64_t>(StringAttr)> getExtent,
                    function_ref<bool(StringAttr)> hasOrigin) {
  SmallVector<PerHeadAttr> atoms = sparsity.getPerHeadAtoms();
  for (PerHeadAttr atom : atoms) {
    // spec: SP-20
    if (atom.getRanks() != atoms.front().getRanks() ||
        atom.getStrides() != atoms.front().getStrides())
      return op->emitOpError(
          "counts heads in two ways; all atoms that differ by "
          "head name one sum of ranks");
    bool isPart = false;
    for (StringAttr rank : atom.getRanks()) {
      std::optional<int64_t> extent = getExtent(rank);
      if (!extent)
        return op->emitOpError("counts heads by '")
               << rank.getValue() << "'; allowed " << allowed;
      isPart |= hasOrigin(rank);
    }
    int64_t wanted =
        atom.getLastHead([&](StringAttr rank) { return *getExtent(rank); }) + 1;
    int64_t count = atom.getNumHeads();
    if (count == 0 || count == wanted || (isPart && count > wanted))
      continue;
    return op->emitOpError("an array over heads has ")
           << count << " numbers; there are " << wanted << " heads";
  }
  return success();
}

// spec: LI-1
LogicalResult BlocksAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 int64_t rows, int64_t keys, AccessAttr offsets,
                                 AccessAttr indices) {
  if (!isSize(rows) || !isSize(keys))
    return emitError() << "blocks(" << rows << ", " << keys
                       << "): the numbers of rows and keys must be 1 to 2^30";
  if (!offsets || !indices)
    return emitError() << "blocks: names two operands, offsets and indices";
  if (!indices.getRanks().empty() && indices.getRanks() != offsets.getRanks())
    return emitError() << "blocks: the indices have the ranks of the offsets, "
                          "or none";
  return success();
}

// spec: LI-1
LogicalResult IndicesAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  int64_t group, AccessAttr indices) {
  if (!isSize(group))
    return emitError() << "indices(" << group
                       << "): the size of a group must be 1 to 2^30";
  if (!indices)
    return emitError() << "indices: names an operand";
  return success();
}

// spec: SP-21
LogicalResult MaskAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               AccessAttr operand) {
  if (!operand)
    return emitError() << "mask: names an operand";
  return success();
}

// spec: SP-23
LogicalResult
PredicateAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                      int64_t number, ArrayRef<AccessAttr> operands,
                      ArrayRef<StringAttr> indices) {
  if (number < 0)
    return emitError() << "predicate(" << number
                       << "): the number of a region must be 0 or more";
  if (!llvm::all_of(operands, [](AccessAttr access) { return access; }) ||
      !llvm::all_of(indices, [](StringAttr rank) { return rank; }))
    return emitError() << "predicate: names operands, then ranks";
  return success();
}

static LogicalResult verifyTerms(function_ref<InFlightDiagnostic()> emitError,
                                 StringRef connective,
                                 ArrayRef<Attribute> terms) {
  if (terms.size() < 2)
    return emitError() << "'" << connective << "' needs at least two terms";
  for (Attribute term : terms)
    if (!SparsityAttr::isTerm(term))
      return emitError() << "'" << connective << "' joins sparsity terms; got "
                         << term;
  return success();
}

// spec: SP-4
LogicalResult AndAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                              ArrayRef<Attribute> terms) {
  return verifyTerms(emitError, "and", terms);
}

// spec: SP-4
LogicalResult OrAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                             ArrayRef<Attribute> terms) {
  return verifyTerms(emitError, "or", terms);
}

// spec: SP-4
LogicalResult NotAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                              Attribute term) {
  if (!SparsityAttr::isTerm(term))
    return emitError() << "'not' negates a sparsity term; got " << term;
  return success();
}

// spec: PE-3
LogicalResult PermutedAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                   Attribute term) {
  std::optional<AtomDefinition> atom;
  if (SparsityAttr::isTerm(term))
    atom = getAtomDefinition(term);
  if (!atom)
    return emitError() << "'in permuted' follows an atom; got " << term;
  if (atom->readsKeyCount())
    return emitError()
           << "'in permuted' follows a neighborhood that states its "
              "grid";
  return success();
}

SmallVector<ListOperand> attn::getListOperands(Attribute atom) {
  if (auto blocks = dyn_cast<BlocksAttr>(atom))
    return {{"the offsets of blocks", blocks.getOffsets(), 1},
            {"the indices of blocks", blocks.getIndices(), 1}};
  return {{"the list of indices", cast<IndicesAttr>(atom).getIndices(), 2}};
}

LogicalResult
attn::verifyListCount(Operation *op, Attribute atom, int64_t rows,
                      function_ref<ShapedType(AccessAttr)> getType) {
  auto blocks = dyn_cast<BlocksAttr>(atom);
  auto indices = dyn_cast<IndicesAttr>(atom);
  ShapedType type =
      getType(blocks ? blocks.getOffsets() : indices.getIndices());
  int64_t size = blocks ? blocks.getRows() : indices.getGroup();
  int64_t count = type.getShape()[type.getRank() - (blocks ? 1 : 2)];
  if (ShapedType::isDynamic(count) || ShapedType::isDynamic(rows))
    return success();
  // spec: LI-2, LI-3
  int64_t wanted = llvm::divideCeil(rows, size) + (blocks ? 1 : 0);
  if (count == wanted)
    return success();
  return op->emitOpError(blocks ? "the number of offsets is "
                                : "the number of lists is ")
         << count << "; " << rows << " queries in "
         << (blocks ? "blocks" : "groups") << " of " << size << " have "
         << wanted;
}
