//===- AttnCascadeOps.td - Cascades of einsums -------------*- tablegen -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_IR_ATTNCASCADEOPS_TD
#define ATTN_DIALECT_ATTN_IR_ATTNCASCADEOPS_TD

include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "attn/Dialect/Attn/IR/AttnAttributes.td"
include "attn/Dialect/Attn/IR/AttnInterfaces.td"

//===----------------------------------------------------------------------===//
// attn.cascade
//===----------------------------------------------------------------------===//

def Attn_CascadeOp : Attn_Op<"cascade", [IsolatedFromAbove, Pure,
    SingleBlock]> {
  let summary = "a cascade of extended einsums";
  let description = [{
    A directed acyclic graph of einsums over named ranks (EDGE, arXiv 2404.11591;
    cascades of attention: FuseMax, arXiv 2406.10491, Einsums 33-38 for the softmax
    in three passes). A name means the same rank in the whole cascade, and every
    tensor indexed by it has its extent. The body names the inputs; `attn.yield`
    returns the results.

    `where ... over (m, n)` removes points of the (m, n) plane from every einsum
    whose iteration space holds both ranks; there an einsum contributes its
    reduction's identity. `lengths` bounds the key rank, the query rank or both
    by an input indexed by batch. `align offset(%x[b])` and
    `origin(m = %o[b], ...)` name integer inputs likewise: the position of query
    0, and where in the whole the tensors of this cascade begin along a rank.
    `permute(m = %p[b,m], ...)` gives an order in which a rank of the plane may be
    walked, and that atoms with `in permuted` read. `segments query(%s[b])
    key(%t[b])` cuts the plane into planes that lie one behind the other: behind
    the listed ranks the inputs have a dimension of offsets (SG-3).

    A `predicate` lists the ranks whose indices its region receives behind its
    operands: `where predicate(%A[m], %B[n], m, n) { region } over (m, n)`.

    Tensors hold floats of AT-2, integers or indices, of any rank. The body holds
    `attn.einsum`, `attn.iterate` and `arith.constant` alone, and sees nothing from
    outside. A cascade that breaks a rule CA-1 to CA-8 of `docs/spec.md`, such as
    two extents for one rank, is refused with a message that names the rank and
    the operands. A `mapping` says how it is laid out on a machine; without one it
    is a formula.

    ```mlir test
    // Weights that are scores over their sum, under a causal mask.
    func.func @linear(%q: tensor<?x64xf32>, %k: tensor<?x64xf32>, %v: tensor<?x32xf32>) -> tensor<?x32xf32> {
      %o = attn.cascade (%Q = %q, %K = %k, %V = %v) where causal over (m, n) align bottom_right
          : (tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x32xf32>) -> tensor<?x32xf32> {
        %s = attn.einsum [m,n] = mul(%Q[m,e], %K[n,e]) reduce add(e)
            : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x?xf32>
        %d = attn.einsum [m] = %s[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
        %a = attn.einsum [m,f] = mul(%s[m,n], %V[n,f]) reduce add(n)
            : (tensor<?x?xf32>, tensor<?x32xf32>) -> tensor<?x32xf32>
        %w = attn.einsum [m,f] = div(%a[m,f], %d[m]) : (tensor<?x32xf32>, tensor<?xf32>) -> tensor<?x32xf32>
        attn.yield %w : tensor<?x32xf32>
      }
      return %o : tensor<?x32xf32>
    }
    ```
  }];
  let arguments = (ins
    Variadic<AnyRankedTensor>:$inputs,
    OptionalAttr<Attn_SparsityAttr>:$sparsity,
    OptionalAttr<StrAttr>:$queryRank,
    OptionalAttr<StrAttr>:$keyRank,
    OptionalAttr<Attn_AlignmentAttr>:$alignment,
    OptionalAttr<Attn_AccessAttr>:$offset,
    OptionalAttr<Attn_OriginArrayAttr>:$origins,
    OptionalAttr<Attn_AccessAttr>:$keyLengths,
    OptionalAttr<Attn_AccessAttr>:$queryLengths,
    OptionalAttr<Attn_AccessAttr>:$querySegments,
    OptionalAttr<Attn_AccessAttr>:$keySegments,
    OptionalAttr<Attn_PermutationArrayAttr>:$permutations,
    OptionalAttr<Attn_MappingAttr>:$mapping);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let regions = (region SizedRegion<1>:$body,
                        VariadicRegion<SizedRegion<1>>:$predicates);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let hasCanonicalizer = 1;
  let skipDefaultBuilders = 1;
  let builders = [
    // Without a body, and with copies of the space's predicates.
    OpBuilder<(ins "::mlir::TypeRange":$results, "::mlir::ValueRange":$inputs,
      "const ::mlir::attn::CascadeSpace &":$space,
      "::mlir::attn::MappingAttr":$mapping)>
  ];
  let extraClassDeclaration = [{
    /// The extent of each rank, kDynamic where no tensor fixes it, in the order
    /// in which the ranks first appear.
    ::llvm::MapVector<::mlir::StringAttr, int64_t> getRankExtents();
    /// Whether the cascade restricts the (query, key) plane at all.
    bool hasSpace() { return getQueryRankAttr() != nullptr; }
    /// What the cascade says about its iteration space.
    ::mlir::attn::CascadeSpace getSpace();
    /// Gives the cascade a space that names all of its predicates.
    void setSpace(const ::mlir::attn::CascadeSpace &space);
    /// The cascade with another space, in its place. It is another operation
    /// where the space names fewer predicates.
    ::mlir::attn::CascadeOp
    replaceSpace(::mlir::RewriterBase &rewriter,
                 const ::mlir::attn::CascadeSpace &space);
    /// Whether the origin of `rank` has an effect: an index or a positional test
    /// reads it.
    bool readsOrigin(::mlir::StringAttr rank);
    /// The terminator's operands.
    ::mlir::OperandRange getYielded();
  }];
}

//===----------------------------------------------------------------------===//
// attn.einsum
//===----------------------------------------------------------------------===//

def Attn_EinsumOp : Attn_Op<"einsum", [AttrSizedOperandSegments, SingleBlock,
    Pure, DeclareOpInterfaceMethods<Attn_EinsumOpInterface>]> {
  let summary = "an extended einsum: map, then reduce";
  let description = [{
    For every point of the iteration space, loads each operand at its index
    expressions, applies the scalar map region, and combines the values along
    the reduced ranks:

    ```mlir test
    func.func @numerators(%q: tensor<2x?x64xbf16>, %k: tensor<2x?x64xbf16>) -> tensor<2x?x?xbf16> {
      %o = attn.cascade (%Q = %q, %K = %k) : (tensor<2x?x64xbf16>, tensor<2x?x64xbf16>) -> tensor<2x?x?xbf16> {
        %qk = attn.einsum [h,m,n] = mul(%Q[h,m,e], %K[h,n,e]) reduce add(e)
            : (tensor<2x?x64xbf16>, tensor<2x?x64xbf16>) -> tensor<2x?x?xf32>
        %gm = attn.einsum [h,m] = %qk[h,m,n] reduce max(n) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
        %sn = attn.einsum [h,m,n] = map(%qk[h,m,n], %gm[h,m]) {
        ^bb0(%s: f32, %x: f32):
          %d = arith.subf %s, %x : f32
          %e = math.exp %d : f32
          attn.yield %e : f32
        } : (tensor<2x?x?xf32>, tensor<2x?xf32>) -> tensor<2x?x?xbf16>
        attn.yield %sn : tensor<2x?x?xbf16>
      }
      return %o : tensor<2x?x?xbf16>
    }
    ```

    The bracket lists the ranks of the result in the order of its dimensions.
    Index expressions are affine in ranks; the extent of rank `n0` is written
    `N0`. Float operands are converted to the compute type (f64 for f64 results,
    else f32) before the map. `mul`, `add`, `sub`, `div`, `max`, `min` and a bare
    access are short for a region with that one operation; a quotient whose
    divisor is 0 is 0, as only points where the divisor is not empty exist.

    Beside the named reductions there is a region, declared associative, with
    the value that it starts from. Values are combined in the order of the ranks
    unless it is declared `commutative`, too:

    ```mlir
    %last = attn.einsum [b] = %x[b,n] reduce associative(n) identity(0.0 : f32) {
      ^bb0(%a: f32, %b: f32):
        ...
        attn.yield %r : f32
    } : (tensor<...>) -> tensor<...>
    ```

    An index may be data, an element of an integer tensor: `%K[%table[b,j],e]`.
    The types of these tensors follow those of the operands.

    `in register`, `in cache`, `in shared` and `in global` say where a mapped
    cascade keeps the result; without it the cost model decides. The einsum of a
    tile, in loops, is `attn.tile_einsum`.

    Rules EI-1 to EI-13 of `docs/spec.md` are verified: each operand has an index
    expression per dimension, over ranks of the einsum; a map is pure, works on
    scalars and is defined for all operands.
  }];
  let arguments = (ins
    Variadic<AnyRankedTensor>:$inputs,
    Variadic<AnyRankedTensor>:$indices,
    StrArrayAttr:$ranks,
    I64Attr:$outputRank,
    AffineMapArrayAttr:$maps,
    AffineMapArrayAttr:$indexMaps,
    StrArrayAttr:$extents,
    OptionalAttr<Attn_ReductionKindAttr>:$reduction,
    StrArrayAttr:$reducedRanks,
    OptionalAttr<TypedAttrInterface>:$identity,
    UnitAttr:$commutative,
    OptionalAttr<Attn_ResidencyAttr>:$residency);
  let results = (outs AnyRankedTensor:$result);
  let regions = (region SizedRegion<1>:$body,
                        VariadicRegion<SizedRegion<1>>:$combiner);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let hasFolder = 1;
  let skipDefaultBuilders = 1;
  let builders = [
    // The body builder receives the compute-typed values of the accesses.
    OpBuilder<(ins "::mlir::Type":$result,
      "::llvm::ArrayRef<::mlir::StringAttr>":$outputRanks,
      "::llvm::ArrayRef<::mlir::attn::EinsumAccess>":$accesses,
      "std::optional<::mlir::attn::EinsumReduction>":$reduction,
      "::llvm::function_ref<::mlir::Value(::mlir::OpBuilder &, ::mlir::Location, ::mlir::ValueRange)>":$body)>
  ];
}

//===----------------------------------------------------------------------===//
// attn.iterate
//===----------------------------------------------------------------------===//

def Attn_IterateOp : Attn_Op<"iterate", [SingleBlock, Pure,
    ParentOneOf<["CascadeOp", "IterateOp"]>]> {
  let summary = "the generative rank of a cascade";
  let description = [{
    Partitions rank `parent` into steps of rank `rank` with points `point`, and
    runs the body once per step with the carried tensors. In the body, tensors
    over the parent are read at `rank*POINT+point`, where `POINT` is the extent of
    `point` (a mapping fixes it); points past the parent's extent do not exist.
    `rank` is at once iterative and, in the body's index expressions, ordinary.

    This is FuseMax's partitioned rank M1, M0 (arXiv 2406.10491, Einsums 39-56) and
    EDGE's generative rank. The results are what the last step yields; if the
    parent has extent 0 there is none, and they are the initial values. Initial
    values, arguments, yielded values and results have the same types (IT-1 to
    IT-4).

    ```mlir test
    // A running maximum.
    func.func @maximum(%s: tensor<8x?xf32>) -> tensor<8xf32> {
      %x = attn.cascade (%S = %s) : (tensor<8x?xf32>) -> tensor<8xf32> {
        %lowest = arith.constant dense<0xFF800000> : tensor<8xf32>
        %rm = attn.iterate n1 of n by n0 init(%lowest : tensor<8xf32>) {
        ^bb0(%RM: tensor<8xf32>):
          %lm = attn.einsum [m] = %S[m,n1*N0+n0] reduce max(n0) : (tensor<8x?xf32>) -> tensor<8xf32>
          %next = attn.einsum [m] = max(%RM[m], %lm[m]) : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
          attn.yield %next : tensor<8xf32>
        }
        attn.yield %rm : tensor<8xf32>
      }
      return %x : tensor<8xf32>
    }
    ```

    `plan` holds the key ranges to visit, once a sparsity is planned. Where tokens
    are permuted its rows and keys are slots, and `tokens` is a plan of what reads
    the tokens in them: its element test joins that of the first (IT-5). With
    `periodic` keys that come back with a period are walked as a list of tokens
    is, and `tokens` is the plan of these (IT-7). With `boxes` those are walked so
    that lie in the windows of a box of a token grid, as a mapping with `grid` cuts
    it (IT-8).

    `split s by 1024` cuts the parent into runs of 1024 points, the last of them
    as long as what is left. Every carried tensor has the rank `s`, and its part
    number i is carried through the steps of run i alone (IT-6). Runs depend on
    nothing but the inputs, so that a mapping can make each an item of its own:

    ```mlir test
    // The maximum of each run of 1024 points.
    func.func @maxima(%s: tensor<8x4096xf32>) -> tensor<8x4xf32> {
      %x = attn.cascade (%S = %s) : (tensor<8x4096xf32>) -> tensor<8x4xf32> {
        %lowest = attn.einsum [m,s] = map() {
          %c = arith.constant 0xFF800000 : f32
          attn.yield %c : f32
        } : () -> tensor<8x4xf32>
        %rm = attn.iterate n1 of n by n0 split s by 1024 init(%lowest : tensor<8x4xf32>) {
        ^bb0(%RM: tensor<8x4xf32>):
          %lm = attn.einsum [m,s] = %S[m,n1*N0+n0] reduce max(n0) : (tensor<8x4096xf32>) -> tensor<8x4xf32>
          %next = attn.einsum [m,s] = max(%RM[m,s], %lm[m,s]) : (tensor<8x4xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
          attn.yield %next : tensor<8x4xf32>
        }
        attn.yield %rm : tensor<8x4xf32>
      }
      return %x : tensor<8x4xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$inits,
                       StrAttr:$rank, StrAttr:$parent, StrAttr:$point,
                       OptionalAttr<Attn_PlanAttr>:$plan,
                       OptionalAttr<Attn_PlanAttr>:$tokenPlan,
                       UnitAttr:$periodic, UnitAttr:$boxes,
                       OptionalAttr<StrAttr>:$splitRank,
                       OptionalAttr<I64Attr>:$splitSize);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::OperandRange getYielded();
  }];
}

//===----------------------------------------------------------------------===//
// attn.index, attn.yield
//===----------------------------------------------------------------------===//

def Attn_IndexOp : Attn_Op<"index", [Pure]> {
  let summary = "the coordinate of a rank at the current point";
  let description = [{
    Inside a map: the coordinate of `rank`, counted in points from 0, plus the
    origin that the cascade gives the rank (CL-8). In a tile it is the coordinate
    within the tile. In the body of an `attn.iterate`, an einsum over the points of
    the parent rank may name the parent: the coordinate is then `rank*POINT+point`
    of the iteration. A rank that the einsum does not have is refused (IX-1).

    ```mlir test
    // Distance-dependent scores, as ALiBi (arXiv 2108.12409) adds them.
    func.func @distances(%s: tensor<?x?xf32>) -> tensor<?x?xf32> {
      %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?x?xf32> {
        %r = attn.einsum [m,n] = map(%S[m,n]) {
        ^bb0(%x: f32):
          %m = attn.index m : index
          %n = attn.index n : index
          %d = arith.subi %n, %m : index
          %i = arith.index_cast %d : index to i64
          %f = arith.sitofp %i : i64 to f32
          %y = arith.addf %x, %f : f32
          attn.yield %y : f32
        } : (tensor<?x?xf32>) -> tensor<?x?xf32>
        attn.yield %r : tensor<?x?xf32>
      }
      return %o : tensor<?x?xf32>
    }
    ```
  }];
  let arguments = (ins StrAttr:$rank);
  let results = (outs Index:$result);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Attn_YieldOp : Attn_Op<"yield", [Pure, ReturnLike, Terminator,
    ParentOneOf<["AttentionOp", "CascadeOp", "EinsumOp", "IterateOp",
                 "TileEinsumOp"]>]> {
  let summary = "ends a region of the dialect";
  let description = [{
    Hands values to the operation around it: the results of a cascade, the carried
    tensors of the next step of an iteration, the one scalar of a map, the new score
    or weight of a map of them. It stands nowhere else (CA-3), and the types are those that the
    operation expects (CA-3, IT-2, EI-8, AT-8).
  }];
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

#endif // ATTN_DIALECT_ATTN_IR_ATTNCASCADEOPS_TD
