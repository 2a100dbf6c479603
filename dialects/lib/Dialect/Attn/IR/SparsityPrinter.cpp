//===- SparsityPrinter.cpp - Sparsity expressions as text -----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "IndexExpression.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::attn;

/// Prints atoms that differ by head as one, with arrays where they do.
static void printPerHead(AsmPrinter &printer, PerHeadAttr perHead) {
  Attribute first = perHead.getAtoms().front();
  SmallVector<SmallVector<int64_t>> columns(
      PerHeadAttr::getNumbers(first).size());
  for (Attribute atom : perHead.getAtoms())
    for (auto [column, number] :
         llvm::zip_equal(columns, PerHeadAttr::getNumbers(atom)))
      column.push_back(number);
  bool differ = llvm::any_of(columns, [](ArrayRef<int64_t> column) {
    return !llvm::all_equal(column);
  });
  auto printColumn = [&](unsigned index) {
    ArrayRef<int64_t> column = columns[index];
    // One array says how many heads there are.
    if (llvm::all_equal(column) && (differ || index > 0)) {
      printer << column.front();
      return;
    }
    printer << "[";
    llvm::interleaveComma(column, printer);
    printer << "]";
  };
  StringRef name = llvm::TypeSwitch<Attribute, StringRef>(first)
                       .Case([](WindowAttr) { return "window"; })
                       .Case([](PrefixAttr) { return "prefix"; })
                       .Case([](LeadingAttr) { return "leading"; })
                       .Case([](BlockDiagonalAttr) { return "block_diagonal"; })
                       .Case([](DilatedAttr) { return "dilated"; })
                       .Case([](StridedAttr) { return "strided"; })
                       .Default([](Attribute) { return "affine_set"; });
  printer << name << "(";
  if (auto set = dyn_cast<AffineSetAttr>(first))
    printer << "affine_map<" << set.getFunctions().getValue() << ">";
  for (unsigned index = 0; index < columns.size(); ++index) {
    bool isBlock = isa<StridedAttr>(first) && index == 2;
    if (isBlock &&
        llvm::all_of(columns[index], [](int64_t block) { return block == 1; }))
      continue;
    printer << (index == 0 ? "" : isBlock ? ", block " : ", ");
    printColumn(index);
  }
  printer << ")";
  if (perHead.getRanks().size() == 1 && perHead.getStrides().front() == 1 &&
      perHead.getRanks().front() == kHeadRank)
    return;
  printer << " by ";
  llvm::interleave(
      llvm::zip_equal(perHead.getRanks(), perHead.getStrides()), printer,
      [&](auto term) {
        auto [rank, stride] = term;
        if (stride != 1)
          printer << stride << " * ";
        printer << rank.getValue();
      },
      " + ");
}

static void printNeighborhood(AsmPrinter &printer, NeighborhoodAttr atom) {
  auto printList = [&](StringRef name, ArrayRef<int64_t> numbers) {
    printer << name << "[";
    llvm::interleaveComma(numbers, printer);
    printer << "]";
  };
  auto differ = [](ArrayRef<int64_t> numbers, int64_t from) {
    return !llvm::all_of(numbers, [&](int64_t n) { return n == from; });
  };
  printList("neighborhood(", atom.getKernel());
  if (!atom.getGrid().empty())
    printList(", grid ", atom.getGrid());
  if (differ(atom.getStride(), 1))
    printList(", stride ", atom.getStride());
  if (differ(atom.getDilation(), 1))
    printList(", dilation ", atom.getDilation());
  if (differ(atom.getCausal(), 0))
    printList(", causal ", atom.getCausal());
  printer << (atom.getClipped() ? ", clipped)" : ")");
}

void SparsityAttr::printExpression(AsmPrinter &printer, Attribute expression,
                                   function_ref<void(AccessAttr)> printList,
                                   function_ref<void(int64_t)> printRegion) {
  auto printAccess = [&](AccessAttr access) {
    if (printList)
      return printList(access);
    printer << access.getInput() << "[";
    llvm::interleaveComma(access.getRanks(), printer,
                          [&](StringAttr rank) { printer << rank.getValue(); });
    printer << "]";
  };
  auto printOperand = [&](AccessAttr access) {
    printer << ", ";
    printAccess(access);
  };
  // A nested connective is parenthesised, so that the text shows the tree.
  auto printTerm = [&](Attribute term) {
    bool nested = isa<AndAttr, OrAttr>(term);
    if (nested)
      printer << "(";
    printExpression(printer, term, printList, printRegion);
    if (nested)
      printer << ")";
  };
  llvm::TypeSwitch<Attribute>(expression)
      .Case([&](CausalAttr) { printer << "causal"; })
      .Case([&](WindowAttr window) {
        printer << "window(" << window.getLeft() << ", " << window.getRight()
                << ")";
      })
      .Case([&](PrefixAttr prefix) {
        printer << "prefix(" << prefix.getLength() << ")";
      })
      .Case([&](LeadingAttr leading) {
        printer << "leading(" << leading.getCount() << ")";
      })
      .Case([&](BlockDiagonalAttr blocks) {
        printer << "block_diagonal(" << blocks.getSize() << ")";
      })
      .Case([&](DilatedAttr dilated) {
        printer << "dilated(" << dilated.getWindow() << ", "
                << dilated.getStep() << ")";
      })
      .Case([&](StridedAttr strided) {
        printer << "strided(" << strided.getStep() << ", "
                << strided.getOffset();
        if (strided.getBlock() != 1)
          printer << ", block " << strided.getBlock();
        printer << ")";
      })
      .Case([&](NeighborhoodAttr neighborhood) {
        printNeighborhood(printer, neighborhood);
      })
      .Case([&](PowerOfTwoAttr powers) {
        printer << "power_of_two(" << powers.getBlock() << ")";
      })
      .Case([&](RadialAttr radial) {
        printer << "radial(" << radial.getFrames() << ", " << radial.getTokens()
                << ", ";
        printer.printFloat(radial.getDecay().getValue());
        printer << ", " << radial.getBlock() << ")";
      })
      .Case([&](AffineSetAttr set) {
        printer << "affine_set(affine_map<" << set.getFunctions().getValue()
                << ">)";
      })
      .Case([&](PerHeadAttr perHead) { printPerHead(printer, perHead); })
      .Case([&](BlocksAttr blocks) {
        printer << "blocks(" << blocks.getRows() << ", " << blocks.getKeys();
        printOperand(blocks.getOffsets());
        printOperand(blocks.getIndices());
        printer << ")";
      })
      .Case([&](IndicesAttr indices) {
        printer << "indices(" << indices.getGroup();
        printOperand(indices.getIndices());
        printer << ")";
      })
      .Case([&](MaskAttr mask) {
        printer << "mask(";
        printAccess(mask.getOperand());
        printer << ")";
      })
      .Case([&](PredicateAttr predicate) {
        bool isFirst = true;
        auto separate = [&] {
          if (!isFirst)
            printer << ", ";
          isFirst = false;
        };
        printer << "predicate(";
        if (!printRegion) {
          separate();
          printer << predicate.getNumber();
        }
        for (AccessAttr operand : predicate.getOperands()) {
          separate();
          printAccess(operand);
        }
        for (StringAttr rank : predicate.getIndices()) {
          separate();
          printer << rank.getValue();
        }
        printer << ")";
        if (printRegion)
          printRegion(predicate.getNumber());
      })
      .Case([&](AndAttr conjunction) {
        llvm::interleave(conjunction.getTerms(), printer, printTerm, " and ");
      })
      .Case([&](OrAttr disjunction) {
        llvm::interleave(disjunction.getTerms(), printer, printTerm, " or ");
      })
      .Case([&](NotAttr negation) {
        printer << "not ";
        printTerm(negation.getTerm());
      })
      .Case([&](PermutedAttr permuted) {
        printExpression(printer, permuted.getTerm(), printList, printRegion);
        printer << " in permuted";
      });
}

void SparsityAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printExpression(printer, getExpression());
  printer << ">";
}
