//===- AttnInterfaces.td - What einsums have in common -----*- tablegen -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_IR_ATTNINTERFACES_TD
#define ATTN_DIALECT_ATTN_IR_ATTNINTERFACES_TD

include "mlir/IR/OpBase.td"

def Attn_EinsumOpInterface : OpInterface<"EinsumOpInterface"> {
  let cppNamespace = "::mlir::attn";
  let description = [{
    An extended einsum, wherever its result goes: `attn.einsum` returns a tensor,
    `attn.tile_einsum` writes to its destination. What is computed at a point, and
    over which ranks, is said and verified in one way (EI-1 to EI-5, EI-7 to EI-13
    of `docs/spec.md`).
  }];
  let methods = [
    InterfaceMethod<"The tensors or tiles that the map reads.",
      "::mlir::OperandRange", "getInputs">,
    InterfaceMethod<"The integer tensors that indices are taken from.",
      "::mlir::OperandRange", "getIndices">,
    InterfaceMethod<"The shaped type that the einsum produces.",
      "::mlir::ShapedType", "getOutputType">,
    InterfaceMethod<"Ranks of the result, then reduced, then bound ones.",
      "::mlir::ArrayAttr", "getRanks">,
    InterfaceMethod<"How many of the ranks are those of the result.",
      "uint64_t", "getOutputRank">,
    InterfaceMethod<"The index expressions of each input.",
      "::mlir::ArrayAttr", "getMaps">,
    InterfaceMethod<"The index expressions of each index tensor.",
      "::mlir::ArrayAttr", "getIndexMaps">,
    InterfaceMethod<"The extents that index expressions name.",
      "::mlir::ArrayAttr", "getExtents">,
    InterfaceMethod<"What the values of a point are combined with.",
      "::std::optional<::mlir::attn::ReductionKind>", "getReduction">,
    InterfaceMethod<"The ranks that are combined.",
      "::mlir::ArrayAttr", "getReducedRanks">,
    InterfaceMethod<"What an associative reduction starts from, or null.",
      "::mlir::TypedAttr", "getIdentityAttr">,
    InterfaceMethod<"Whether an associative reduction may change the order.",
      "bool", "getCommutative">,
    InterfaceMethod<"The region of the map.", "::mlir::Region &", "getBody">,
    InterfaceMethod<"The region of an associative reduction, if it is one.",
      "::llvm::MutableArrayRef<::mlir::Region>", "getCombiner">
  ];
  let extraSharedClassDeclaration = [{
    /// Names of the ranks: of the result, then reduced, then those that an
    /// enclosing attn.iterate binds.
    ::llvm::SmallVector<::mlir::StringAttr> getRankNames() {
      return ::mlir::attn::detail::toNames($_op.getRanks());
    }
    ::llvm::SmallVector<::mlir::StringAttr> getOutputRanks() {
      ::llvm::SmallVector<::mlir::StringAttr> names = getRankNames();
      names.truncate($_op.getOutputRank());
      return names;
    }
    ::llvm::SmallVector<::mlir::StringAttr> getReduced() {
      return ::mlir::attn::detail::toNames($_op.getReducedRanks());
    }
    /// Ranks that are neither in the result nor reduced.
    ::llvm::SmallVector<::mlir::StringAttr> getBoundRanks() {
      return ::mlir::attn::detail::toNames(
          $_op.getRanks(),
          $_op.getOutputRank() + $_op.getReducedRanks().size());
    }
    ::llvm::SmallVector<::mlir::StringAttr> getExtentNames() {
      return ::mlir::attn::detail::toNames($_op.getExtents());
    }
    /// The access of input `index`, over this op's ranks and extents, and the
    /// data that its indices are.
    ::mlir::attn::EinsumAccess getAccess(unsigned index) {
      return ::mlir::attn::detail::getAccess($_op, index);
    }
    /// The access of index tensor `index`.
    ::mlir::attn::EinsumAccess getIndexAccess(unsigned index) {
      return ::mlir::attn::detail::getIndexAccess($_op, index);
    }
    /// Those of the inputs, then those of the index tensors.
    ::llvm::SmallVector<::mlir::attn::EinsumAccess> getAccesses() {
      return ::mlir::attn::detail::getAccesses($_op);
    }
    ::std::optional<::mlir::attn::EinsumReduction> getEinsumReduction() {
      return ::mlir::attn::detail::getEinsumReduction($_op);
    }
    /// Position of `rank` among the ranks, or -1.
    int64_t findRank(::mlir::StringAttr rank) {
      return ::mlir::attn::detail::findRank($_op.getRanks(), rank);
    }
    /// Whether the iteration space holds `rank`.
    bool hasRank(::mlir::StringAttr rank) { return findRank(rank) >= 0; }
    /// Whether input `index` mentions `rank` in an index expression.
    bool inputUsesRank(unsigned index, ::mlir::StringAttr rank) {
      return ::mlir::attn::detail::inputUsesRank($_op, index, rank);
    }
    ::mlir::Block *getMap() { return &$_op.getBody().front(); }
    /// The region that an associative reduction combines with, or null.
    ::mlir::Block *getCombinerBlock() {
      return $_op.getCombiner().empty() ? nullptr
                                        : &$_op.getCombiner().front().front();
    }
    /// Whether values are combined in the order of the reduced ranks.
    bool isOrdered() {
      return $_op.getReduction() ==
                 ::mlir::attn::ReductionKind::Associative &&
             !$_op.getCommutative();
    }
    /// The value that the map yields.
    ::mlir::Value getMapResult() {
      return getMap()->getTerminator()->getOperand(0);
    }
    /// The single operation of a map that is one operation on the arguments in
    /// order, or null.
    ::mlir::Operation *getSingleMapOp() {
      return ::mlir::attn::detail::getSingleOp(getMap());
    }
    /// Whether the map returns its first argument unchanged.
    bool isIdentityMap() {
      return ::mlir::attn::detail::isIdentity(getMap());
    }
  }];
}

#endif // ATTN_DIALECT_ATTN_IR_ATTNINTERFACES_TD
