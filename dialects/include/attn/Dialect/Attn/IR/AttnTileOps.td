//===- AttnTileOps.td - Einsums of tiles -------------------*- tablegen -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_IR_ATTNTILEOPS_TD
#define ATTN_DIALECT_ATTN_IR_ATTNTILEOPS_TD

include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "attn/Dialect/Attn/IR/AttnAttributes.td"
include "attn/Dialect/Attn/IR/AttnInterfaces.td"

def Attn_Tile : AnyTypeOf<[AnyRankedTensor, AnyStridedMemRef]>;

def Attn_TileEinsumOp : Attn_Op<"tile_einsum", [AttrSizedOperandSegments,
    SingleBlock, DestinationStyleOpInterface,
    DeclareOpInterfaceMethods<Attn_EinsumOpInterface>,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
    DeclareOpInterfaceMethods<ConditionallySpeculatable>]> {
  let summary = "an extended einsum that writes its result to a destination";
  let description = [{
    The einsum of `attn.einsum` for tiles, in destination style: it overwrites
    `outs`, or, with `accumulate`, combines the result with what is there by the
    reduction. A memref is written in place; a tensor is returned, as in linalg.
    It stands in the loops that a mapping becomes, outside of any cascade.

    `clamp [m]` lists ranks whose tile may be larger than the operands: reads
    past the end repeat the last element.

    Rules EI-1 to EI-13 of `docs/spec.md` are verified.

    ```mlir test
    func.func @tile(%q: memref<48x64xf32>, %k: memref<128x64xf32>, %s: memref<128x48xf32>) {
      attn.tile_einsum [n0,m] = mul(%q[m,e], %k[n0,e]) reduce add(e) outs(%s) accumulate
          : (memref<48x64xf32>, memref<128x64xf32>) -> memref<128x48xf32>
      return
    }
    ```
  }];
  let arguments = (ins
    Variadic<Attn_Tile>:$inputs,
    Variadic<Attn_Tile>:$indices,
    Attn_Tile:$init,
    StrArrayAttr:$ranks,
    I64Attr:$outputRank,
    AffineMapArrayAttr:$maps,
    AffineMapArrayAttr:$indexMaps,
    StrArrayAttr:$extents,
    OptionalAttr<Attn_ReductionKindAttr>:$reduction,
    StrArrayAttr:$reducedRanks,
    OptionalAttr<TypedAttrInterface>:$identity,
    UnitAttr:$commutative,
    UnitAttr:$accumulate,
    StrArrayAttr:$clampedRanks);
  let results = (outs Optional<AnyRankedTensor>:$result);
  let regions = (region SizedRegion<1>:$body,
                        VariadicRegion<SizedRegion<1>>:$combiner);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let skipDefaultBuilders = 1;
  let builders = [
    // The body builder receives the compute-typed values of the accesses.
    OpBuilder<(ins "::mlir::Value":$init,
      "::llvm::ArrayRef<::mlir::StringAttr>":$outputRanks,
      "::llvm::ArrayRef<::mlir::attn::EinsumAccess>":$accesses,
      "std::optional<::mlir::attn::EinsumReduction>":$reduction,
      "bool":$accumulate,
      "::llvm::ArrayRef<::mlir::StringAttr>":$clampedRanks,
      "::llvm::function_ref<::mlir::Value(::mlir::OpBuilder &, ::mlir::Location, ::mlir::ValueRange)>":$body)>
  ];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() {
      return getInitMutable();
    }
    /// Whether it works on memory and not on tensors.
    bool writesMemory() {
      return ::llvm::isa<::mlir::BaseMemRefType>(getInit().getType());
    }
  }];
}

#endif // ATTN_DIALECT_ATTN_IR_ATTNTILEOPS_TD
