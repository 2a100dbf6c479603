//===- KernelChecks.cpp - What a call finds in its operands ---------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Orders, offsets and lists of tokens are data that loops are made of. A kernel
// says what has to hold of them, and the call looks before anything is written.
//
//===----------------------------------------------------------------------===//

#include "KernelChecks.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Support/NotSupported.h"

using namespace mlir;
using namespace mlir::attn;

/// Finds the lists that atoms of `sparsity` name; `getOperand` gives what an
/// access reads.
static void findLists(Operation *op, SparsityAttr sparsity, StringRef rowRank,
                      StringRef keyRank,
                      function_ref<Value(AccessAttr)> getOperand,
                      SmallVectorImpl<CheckedOperand> &found) {
  using Kind = KernelCheck::Kind;
  if (!sparsity)
    return;
  for (Attribute atom : sparsity.getListAtoms()) {
    if (auto blocks = dyn_cast<BlocksAttr>(atom)) {
      found.push_back({op, getOperand(blocks.getOffsets()), Kind::Blocks,
                       keyRank, rowRank, blocks.getRows(), blocks.getKeys(),
                       getOperand(blocks.getIndices())});
      continue;
    }
    auto indices = cast<IndicesAttr>(atom);
    found.push_back({op, getOperand(indices.getIndices()), Kind::Indices,
                     keyRank, rowRank, indices.getGroup()});
  }
}

SmallVector<CheckedOperand> attn::findChecked(func::FuncOp function) {
  using Kind = KernelCheck::Kind;
  SmallVector<CheckedOperand> found;
  function.walk([&](Operation *op) {
    auto add = [&](Value tensor, Kind kind, StringRef rank) {
      if (tensor)
        found.push_back({op, tensor, kind, rank});
    };
    if (auto attention = dyn_cast<AttentionOp>(op)) {
      add(attention.getQueryPermutation(), Kind::Permutation, "m");
      add(attention.getKeyPermutation(), Kind::Permutation, "n");
      add(attention.getQuerySegments(), Kind::Offsets, "m");
      add(attention.getKeySegments(), Kind::Offsets, "n");
      findLists(
          op, attention.getSparsityAttr(), "m", "n",
          [&](AccessAttr list) -> Value {
            return attention.getExtras()[list.getInput()];
          },
          found);
    } else if (auto cascade = dyn_cast<CascadeOp>(op)) {
      CascadeSpace space = cascade.getSpace();
      auto getInput = [&](AccessAttr access) -> Value {
        return cascade.getInputs()[access.getInput()];
      };
      for (PermutationAttr order : space.permutations)
        add(getInput(order.getAccess()), Kind::Permutation,
            order.getRank().getValue());
      if (!cascade.hasSpace())
        return;
      StringRef rows = space.queryRank.getValue();
      StringRef keys = space.keyRank.getValue();
      if (space.isPacked()) {
        add(getInput(space.querySegments), Kind::Offsets, rows);
        add(getInput(space.keySegments), Kind::Offsets, keys);
      }
      findLists(op, space.sparsity, rows, keys, getInput, found);
    }
  });
  return found;
}

FailureOr<unsigned> attn::findCheckedArgument(func::FuncOp function,
                                              const CheckedOperand &operand,
                                              Value tensor) {
  while (Operation *view = tensor.getDefiningOp()) {
    if (!isa<tensor::CastOp, tensor::ExpandShapeOp>(view))
      break;
    tensor = view->getOperand(0);
  }
  auto argument = dyn_cast<BlockArgument>(tensor);
  if (argument && argument.getOwner() == &function.getBody().front())
    return argument.getArgNumber();
  switch (operand.kind) {
  case KernelCheck::Kind::Permutation:
    return emitNotSupported(operand.op)
               << "walks tokens in an order that is computed; a permutation is "
                  "an argument of the kernel, which a call checks",
           failure();
  case KernelCheck::Kind::Offsets:
    return emitNotSupported(operand.op)
               << "has segments whose offsets are computed; they are an "
                  "argument of the kernel, which a call checks",
           failure();
  default:
    return emitNotSupported(operand.op)
               << "has lists of keys that are computed; they are arguments of "
                  "the kernel, which a call checks",
           failure();
  }
}

static constexpr std::pair<KernelCheck::Kind, StringLiteral> kCheckNames[] = {
    {KernelCheck::Kind::Permutation, "permutation"},
    {KernelCheck::Kind::Offsets, "offsets"},
    {KernelCheck::Kind::Blocks, "blocks"},
    {KernelCheck::Kind::Indices, "indices"}};

static bool isOfLists(const KernelCheck &check) {
  return check.kind == KernelCheck::Kind::Blocks ||
         check.kind == KernelCheck::Kind::Indices;
}

DictionaryAttr attn::writeCheck(Builder &builder, const KernelCheck &check) {
  SmallVector<NamedAttribute> entries;
  auto addText = [&](StringRef name, StringRef text) {
    entries.push_back(builder.getNamedAttr(name, builder.getStringAttr(text)));
  };
  auto addNumber = [&](StringRef name, int64_t number) {
    entries.push_back(
        builder.getNamedAttr(name, builder.getI64IntegerAttr(number)));
  };
  for (auto [kind, name] : kCheckNames)
    if (kind == check.kind)
      addText("kind", name);
  addNumber("tensor", check.tensor);
  addText("extent", check.extent);
  if (isOfLists(check)) {
    addText("rows", check.rows);
    addNumber("rows_of_list", check.rowsOfList);
    addNumber("tokens_of_block", check.tokensOfBlock);
    addNumber("entries", check.entries);
  }
  return builder.getDictionaryAttr(entries);
}

std::optional<KernelCheck> attn::readCheck(Attribute attr) {
  auto entries = dyn_cast<DictionaryAttr>(attr);
  if (!entries)
    return std::nullopt;
  KernelCheck check{};
  bool isRight = true;
  auto getText = [&](StringRef name) -> std::string {
    auto text = entries.getAs<StringAttr>(name);
    isRight &= text != nullptr;
    return text ? text.str() : "";
  };
  auto getNumber = [&](StringRef name) -> int64_t {
    auto number = entries.getAs<IntegerAttr>(name);
    isRight &= number != nullptr;
    return number ? number.getInt() : 0;
  };
  const auto *known =
      llvm::find_if(kCheckNames, [kind = getText("kind")](const auto &pair) {
        return pair.second == kind;
      });
  if (known == std::end(kCheckNames))
    return std::nullopt;
  check.kind = known->first;
  check.tensor = getNumber("tensor");
  check.extent = getText("extent");
  if (isOfLists(check)) {
    check.rows = getText("rows");
    check.rowsOfList = getNumber("rows_of_list");
    check.tokensOfBlock = getNumber("tokens_of_block");
    check.entries = getNumber("entries");
  }
  return isRight ? std::optional(check) : std::nullopt;
}
