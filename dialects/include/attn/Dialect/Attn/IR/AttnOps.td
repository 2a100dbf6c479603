//===- AttnOps.td - Operations of the attn dialect -----*- tablegen -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_IR_ATTNOPS_TD
#define ATTN_DIALECT_ATTN_IR_ATTNOPS_TD

include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "attn/Dialect/Attn/IR/AttnAttributes.td"

class Attn_Op<string mnemonic, list<Trait> traits = []>
    : Op<Attn_Dialect, mnemonic, traits>;

def Attn_FloatTensor : RankedTensorOf<[AnyFloat]>;
def Attn_Tile : AnyTypeOf<[AnyRankedTensor, AnyStridedMemRef]>;
def Attn_LengthTensor : TensorRankOf<[I32, I64], [1]>;
/// Original tokens by slot.
def Attn_PermutationTensor : TensorRankOf<[I32, I64], [1, 2, 3]>;
/// Where segments of packed tokens begin, and where the last one ends; of all
/// batch rows, or of each.
def Attn_SegmentsTensor : TensorRankOf<[I32, I64], [1, 2]>;
/// An offset of positions: one number, or one for each batch row.
def Attn_Position : AnyTypeOf<[Index, TensorRankOf<[I32, I64], [0, 1]>],
    "an index, or a tensor of i32 or i64 of rank 0 or 1">;

//===----------------------------------------------------------------------===//
// attn.attention
//===----------------------------------------------------------------------===//

def Attn_AttentionOp : Attn_Op<"attention", [Pure, AttrSizedOperandSegments]> {
  let summary = "an attention operator";
  let description = [{
    The textbook operator over queries `[b, h, m, e]`, keys `[b, k, n, e]` and
    values `[b, k, n, f]`, with `h` a multiple of `k` (Vaswani et al.,
    arXiv 1706.03762, equation 1; grouped heads: Ainslie et al., arXiv
    2305.13245):

        S[b,h,m,n] = sum_e Q[b,h,m,e] * K[b,k,n,e]
        S'         = the `score` list, applied in order
        P          = exp(S' - max_n S')          over live (m, n) only
        O[b,h,m,f] = sum_n (P / sum_n P) * V[b,k,n,f]

    `score` lists the modifiers in the order in which they apply: `scale(c)`,
    `softcap(c)` (`c * tanh(s / c)`), `bias(%t[ranks] : type)` and
    `map(%t[ranks] : type, ...) { region }`, whose region receives the score,
    one value per operand and the indices b, h, m, n. A list without `scale`
    gets `scale(1/sqrt(e))` in front, and it is printed.

    `where` holds the sparsity and `align` how positions line up: `top_left`,
    `bottom_right` (unless given; always printed) or `offset(%x : type)`, the
    position of query 0. `origin(m = %o : type, ...)` says where in the whole
    sequence (or batch, or list of heads) the tensors of this operator begin;
    positional atoms, lengths and the indices of maps count from there. An offset
    or an origin is an index or a tensor of i32 or i64, of rank 1 where each
    batch row has its own. `lengths` bounds keys and queries per batch row.
    `sinks` holds one logit per head that joins the denominator alone.

    `permute(%p : tensor<?xi32>)` lets queries and keys be walked in the order
    %p[0], %p[1], ...; `permute query(%p : type) key(%r : type)` gives each an
    order of its own, or one of them alone. `%p[b, h]` lists the ranks with orders
    of their own, in front of the tokens. An order is a bijection (PE-1). It
    changes nothing by itself: every operand, length and index stays in the
    original order. Atoms that say `in permuted` read slots in place of tokens:

    ```mlir test
    // Stochastic attention: a window over shuffled tokens, causal in their own order.
    func.func @shuffled(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>,
                        %p: tensor<8x?xi32>) -> tensor<?x8x?x64xf32> {
      %o = attn.attention(%q, %k, %v) where window(128, 128) in permuted and causal
          permute(%p[h] : tensor<8x?xi32>)
          : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
      return %o : tensor<?x8x?x64xf32>
    }
    ```

    `segments(%s : tensor<?xi32>)` says that the tokens are those of several
    sequences, one behind the other: sequence i has the tokens %s[i] to
    %s[i + 1] - 1 and sees no other. `segments query(%s : type) key(%t : type)`
    gives queries and keys offsets of their own; a tensor of rank 2 has some for
    each batch row. Positions count within the sequence, and `bottom_right` lines
    up the ends of its queries and its keys (SG-1 to SG-6). Time and memory are
    those of the sequences, not of the plane:

    ```mlir test
    // Documents of any lengths in one batch, each causal by itself.
    func.func @packed(%q: tensor<1x8x?x64xf32>, %k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>,
                      %begins: tensor<?xi32>) -> tensor<1x8x?x64xf32> {
      %o = attn.attention(%q, %k, %v) where causal segments(%begins : tensor<?xi32>)
          : (tensor<1x8x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>) -> tensor<1x8x?x64xf32>
      return %o : tensor<1x8x?x64xf32>
    }
    ```

    Lists of keys are atoms that name operands: `blocks(rows, keys, %offsets[ranks]
    : type, %indices[ranks] : type)` of key blocks for each block of queries,
    `indices(group, %list[ranks] : type)` of tokens for each group of neighbouring
    queries, with the ranks b and h in front where rows of the batch or heads have
    lists of their own (LI-1 to LI-6):

    ```mlir test
    // Each block of 64 queries sees the blocks of 64 keys in its list, causally.
    func.func @listed(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>,
                      %offsets: tensor<8x?xi32>, %indices: tensor<8x?xi32>) -> tensor<?x8x?x64xf32> {
      %o = attn.attention(%q, %k, %v)
          where causal and blocks(64, 64, %offsets[h] : tensor<8x?xi32>, %indices[h] : tensor<8x?xi32>)
          : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
      return %o : tensor<?x8x?x64xf32>
    }
    ```

    `mask(%t[ranks] : type)` keeps the points where an operand of i8 is not 0, and
    `predicate(%t[ranks] : type, ...) { region }` those where a region yields true.
    It receives an element of each operand and the indices b, h, m, n (SP-21 to
    SP-24):

    ```mlir test
    // Documents in one sequence, as numbers that tokens have.
    func.func @documents(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>,
                         %doc: tensor<?x?xi32>) -> tensor<?x8x?x64xf32> {
      %o = attn.attention(%q, %k, %v)
          where causal and predicate(%doc[b, m] : tensor<?x?xi32>, %doc[b, n] : tensor<?x?xi32>) {
          ^bb0(%x: i32, %y: i32, %b: index, %h: index, %m: index, %n: index):
            %same = arith.cmpi eq, %x, %y : i32
            attn.yield %same : i1
          }
          : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
      return %o : tensor<?x8x?x64xf32>
    }
    ```

    `gate PLACE ACTIVATION(%g[ranks] : type)`, any number of times, multiplies
    by an activated operand (`#attn.gate`). Operands of `query` and `output` are
    indexed by b, h, m and the feature (e or f), of `key` and `value` by b, k or
    h, n and the feature, of `score` and `weight` by b, h, m, n. `gate weight ...
    renormalised` divides by the gated sum:

    ```mlir
    %o = attn.attention(%q, %k, %v) where causal
        gate weight sigmoid(%energy[b, n] : tensor<?x?xf32>) renormalised
        gate output sigmoid(%g[b, h, m, f] : tensor<?x8x?x64xf32>)
        : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>)
        -> tensor<?x8x?x64xf32>
    ```

    `normalise` names what makes weights of scores where that is not the softmax
    (`#attn.normaliser`): `softmax_plus_one`, `sigmoid`, `none`, `sum`, `l1`, `l2`.
    `weights(%t[ranks] : type, ...) { region }` edits each weight of a live key; the
    region receives it, one value per operand and the indices b, h, m, n. Gates on
    the weight apply to what it yields:

    ```mlir
    // alpha * P + beta, as Affine-Scaled Attention edits weights.
    %o = attn.attention(%q, %k, %v) where causal
        weights(%alpha[h, m] : tensor<8x?xf32>, %beta[h, m] : tensor<8x?xf32>) {
        ^bb0(%p: f32, %a: f32, %c: f32, %b: index, %h: index, %m: index, %n: index):
          %t = arith.mulf %a, %p : f32
          %r = arith.addf %t, %c : f32
          attn.yield %r : f32
        }
        : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>)
        -> tensor<?x8x?x64xf32>
    ```

    The second result, if asked for, is the natural log-sum-exp `[b, h, m]` of
    every term of the denominator, in the compute type: f64 for f64, else f32.
    Rows without a live key give 0 and -inf.

    Elements are f64, f32, bf16 or f16, the same in query, key and value. Heads and
    features are static and at least 1; batch and tokens may be dynamic, and 0. An
    operator that breaks a rule AT-1 to AT-10 of `docs/spec.md` is refused with a
    message that names the operand and both extents.

    ```mlir test
    func.func @attend(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x32xf32>,
                      %bias: tensor<8x?x?xf32>, %sinks: tensor<8xf32>)
        -> (tensor<?x8x?x32xf32>, tensor<?x8x?xf32>) {
      %o, %lse = attn.attention(%q, %k, %v)
          score [scale(0.125), bias(%bias[h, m, n] : tensor<8x?x?xf32>)]
          where causal and window(255, 0) align bottom_right
          sinks(%sinks : tensor<8xf32>)
          : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x32xf32>)
          -> (tensor<?x8x?x32xf32>, tensor<?x8x?xf32>)
      return %o, %lse : tensor<?x8x?x32xf32>, tensor<?x8x?xf32>
    }
    ```
  }];
  let arguments = (ins
    Attn_FloatTensor:$query, Attn_FloatTensor:$key, Attn_FloatTensor:$value,
    Variadic<AnyRankedTensor>:$extras,
    Optional<Attn_LengthTensor>:$keyLengths,
    Optional<Attn_LengthTensor>:$queryLengths,
    Optional<Attn_FloatTensor>:$sinks,
    Variadic<Attn_Position>:$origins,
    Optional<Attn_Position>:$offset,
    Optional<Attn_PermutationTensor>:$queryPermutation,
    Optional<Attn_PermutationTensor>:$keyPermutation,
    Optional<Attn_SegmentsTensor>:$querySegments,
    Optional<Attn_SegmentsTensor>:$keySegments,
    ArrayAttr:$score,
    OptionalAttr<Attn_SparsityAttr>:$sparsity,
    Attn_AlignmentAttr:$alignment,
    OptionalAttr<StrArrayAttr>:$originRanks,
    OptionalAttr<StrArrayAttr>:$queryPermutationRanks,
    OptionalAttr<StrArrayAttr>:$keyPermutationRanks,
    OptionalAttr<Attn_GateArrayAttr>:$gates,
    DefaultValuedAttr<Attn_NormaliserAttr,
                      "::mlir::attn::Normaliser::Softmax">:$normaliser,
    OptionalAttr<Attn_ScoreMapAttr>:$weightMap);
  let results = (outs Attn_FloatTensor:$output, Optional<Attn_FloatTensor>:$lse);
  // Those of maps of the score, of predicates, and that of the weights.
  let regions = (region VariadicRegion<SizedRegion<1>>:$scoreMaps);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    /// Query heads per key head.
    int64_t getGroupSize();
    /// The origin of `rank` (b, h, m or n), or null.
    ::mlir::Value getOrigin(::llvm::StringRef rank);
    bool isPermuted() { return getQueryPermutation() || getKeyPermutation(); }
    /// Whether the tokens are those of several sequences.
    bool isPacked() { return getQuerySegments() || getKeySegments(); }
    /// The gates, in the order in which they are written.
    ::llvm::SmallVector<::mlir::attn::GateAttr> getGateList();
    /// The maps of the score, then the one of the weights: one for each region.
    ::llvm::SmallVector<::mlir::attn::ScoreMapAttr> getMaps();
    /// Whether weights are exponentials over their sum, perhaps with more terms.
    bool isSoftmax();
    /// What keeps the operator from having a log-sum-exp: nothing, or the end of
    /// a sentence about it.
    ::llvm::StringRef getLseObstacle();
  }];
}

//===----------------------------------------------------------------------===//
// attn.merge
//===----------------------------------------------------------------------===//

def Attn_MergeOp : Attn_Op<"merge", [Pure, AttrSizedOperandSegments]> {
  let summary = "combine attention results over disjoint sets of keys";
  let description = [{
    Combines partial results `O_i [b, h, m, f]` with their natural log-sum-exps
    `L_i [b, h, m]`:

        L = log(sum_i exp(L_i) [+ exp(sink)])
        O = sum_i exp(L_i - L) * O_i

    This is how FlashAttention joins blocks of keys (Dao et al., arXiv
    2205.14135, section 3.1), here for results that are whole tensors: splits of a
    long sequence, parts of a ring, tiers of a cache. Partial results are computed
    without sinks; `sinks` adds them once, one logit for each head, as floats of
    AT-2. A row whose every L_i is -inf gives 0 and -inf. Partial results share
    one type and log-sum-exps have it without the feature, in the compute type;
    anything else is refused (MG-1 to MG-3). The second result is L.

    ```mlir test
    func.func @join(%o0: tensor<?x8x?x64xbf16>, %o1: tensor<?x8x?x64xbf16>,
                    %l0: tensor<?x8x?xf32>, %l1: tensor<?x8x?xf32>)
        -> (tensor<?x8x?x64xbf16>, tensor<?x8x?xf32>) {
      %o, %l = attn.merge(%o0, %o1) lse(%l0, %l1)
          : (tensor<?x8x?x64xbf16>, tensor<?x8x?x64xbf16>, tensor<?x8x?xf32>, tensor<?x8x?xf32>)
          -> (tensor<?x8x?x64xbf16>, tensor<?x8x?xf32>)
      return %o, %l : tensor<?x8x?x64xbf16>, tensor<?x8x?xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<Attn_FloatTensor>:$outputs,
                       Variadic<Attn_FloatTensor>:$lses,
                       Optional<Attn_FloatTensor>:$sinks);
  let results = (outs Attn_FloatTensor:$output, Optional<Attn_FloatTensor>:$lse);
  let assemblyFormat = [{
    `(` $outputs `)` `lse` `(` $lses `)` (`sinks` `(` $sinks^ `)`)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
}

//===----------------------------------------------------------------------===//
// attn.mix
//===----------------------------------------------------------------------===//

def Attn_MixOp : Attn_Op<"mix", [Pure]> {
  let summary = "the sum of branches, rounded once";
  let description = [{
    `O = B_0 + B_1 + ...` over branches `[b, h, m, f]`, in the compute type of the
    result, which is rounded to its type once. A branch that `attn.attention` or
    `attn.mix` makes joins before it is rounded, whatever its type (MX-3).

    Branches have no factors here: `gate output` of `attn.attention` multiplies
    one by a constant, a number for each head, a gate for each query, or all
    features, and is part of the branch's own pass.

    The branches are phases of one call: each adds what those before it came to as
    it stores, so that one tensor in the compute type is between two of them.
    Branches over the same keys with the same sparsity share a pass. Anything
    other than floats of AT-2 in one shape is refused (MX-1, MX-2).

    ```mlir test
    // A window beside a few tokens that all see, each with a gate of its own.
    func.func @two(%q: tensor<?x8x?x64xbf16>, %k: tensor<?x2x?x64xbf16>, %v: tensor<?x2x?x64xbf16>,
                   %g0: tensor<?x8x?xbf16>, %g1: tensor<?x8x?xbf16>) -> tensor<?x8x?x64xbf16> {
      %local = attn.attention(%q, %k, %v) where causal and window(255, 0)
          gate output sigmoid(%g0[b, h, m] : tensor<?x8x?xbf16>)
          : (tensor<?x8x?x64xbf16>, tensor<?x2x?x64xbf16>, tensor<?x2x?x64xbf16>) -> tensor<?x8x?x64xbf16>
      %global = attn.attention(%q, %k, %v) where prefix(64)
          gate output sigmoid(%g1[b, h, m] : tensor<?x8x?xbf16>)
          : (tensor<?x8x?x64xbf16>, tensor<?x2x?x64xbf16>, tensor<?x2x?x64xbf16>) -> tensor<?x8x?x64xbf16>
      %o = attn.mix %local, %global
          : (tensor<?x8x?x64xbf16>, tensor<?x8x?x64xbf16>) -> tensor<?x8x?x64xbf16>
      return %o : tensor<?x8x?x64xbf16>
    }
    ```
  }];
  let arguments = (ins Variadic<Attn_FloatTensor>:$branches);
  let results = (outs Attn_FloatTensor:$result);
  let assemblyFormat =
      "$branches attr-dict `:` functional-type($branches, $result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

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
    void setSpace(const ::mlir::attn::CascadeSpace &space);
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
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
    DeclareOpInterfaceMethods<ConditionallySpeculatable>]> {
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

    With `outs` the einsum works on tiles: it writes its result into a memref,
    or, with `accumulate`, combines it with what is there by the reduction.
    `clamp [m]` lists ranks whose tile may be larger than the operands: reads
    past the end repeat the last element.

    `in register`, `in cache`, `in shared` and `in global` say where a mapped
    cascade keeps the result; without it the cost model decides.

    Rules EI-1 to EI-11 of `docs/spec.md` are verified: each operand has an index
    expression per dimension, over ranks of the einsum; a map is pure, works on
    scalars and is defined for all operands.

    ```mlir test
    func.func @tile(%q: memref<48x64xf32>, %k: memref<128x64xf32>, %s: memref<128x48xf32>) {
      attn.einsum [n0,m] = mul(%q[m,e], %k[n0,e]) reduce add(e) outs(%s) accumulate
          : (memref<48x64xf32>, memref<128x64xf32>) -> memref<128x48xf32>
      return
    }
    ```
  }];
  let arguments = (ins
    Variadic<Attn_Tile>:$inputs,
    Variadic<Attn_Tile>:$indices,
    Optional<Attn_Tile>:$init,
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
    StrArrayAttr:$clampedRanks,
    OptionalAttr<Attn_ResidencyAttr>:$residency);
  let results = (outs Optional<AnyRankedTensor>:$result);
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
      "::llvm::function_ref<::mlir::Value(::mlir::OpBuilder &, ::mlir::Location, ::mlir::ValueRange)>":$body)>,
    // Tile form: `init` is a memref that receives the result.
    OpBuilder<(ins "::mlir::Value":$init,
      "::llvm::ArrayRef<::mlir::StringAttr>":$outputRanks,
      "::llvm::ArrayRef<::mlir::attn::EinsumAccess>":$accesses,
      "std::optional<::mlir::attn::EinsumReduction>":$reduction,
      "bool":$accumulate,
      "::llvm::ArrayRef<::mlir::StringAttr>":$clampedRanks,
      "::llvm::function_ref<::mlir::Value(::mlir::OpBuilder &, ::mlir::Location, ::mlir::ValueRange)>":$body)>
  ];
  let extraClassDeclaration = [{
    /// Names of the ranks: of the result, then reduced, then those that an
    /// enclosing attn.iterate binds.
    ::llvm::SmallVector<::mlir::StringAttr> getRankNames();
    ::llvm::SmallVector<::mlir::StringAttr> getOutputRanks();
    ::llvm::SmallVector<::mlir::StringAttr> getReduced();
    /// Ranks that are neither in the result nor reduced.
    ::llvm::SmallVector<::mlir::StringAttr> getBoundRanks();
    ::llvm::SmallVector<::mlir::StringAttr> getExtentNames();
    /// The access of input `index`, over this op's ranks and extents, and the
    /// data that its indices are.
    ::mlir::attn::EinsumAccess getAccess(unsigned index);
    /// The access of index tensor `index`.
    ::mlir::attn::EinsumAccess getIndexAccess(unsigned index);
    /// Those of the inputs, then those of the index tensors.
    ::llvm::SmallVector<::mlir::attn::EinsumAccess> getAccesses();
    ::std::optional<::mlir::attn::EinsumReduction> getEinsumReduction();
    /// Position of `rank` among the ranks, or -1.
    int64_t findRank(::mlir::StringAttr rank);
    /// Whether input `index` mentions `rank` in an index expression.
    bool inputUsesRank(unsigned index, ::mlir::StringAttr rank);
    /// Whether the iteration space holds `rank`.
    bool hasRank(::mlir::StringAttr rank) { return findRank(rank) >= 0; }
    bool isTileForm() { return getInit() != nullptr; }
    /// The shaped type that the einsum produces.
    ::mlir::ShapedType getOutputType();
    ::mlir::Block *getMap() { return &getBody().front(); }
    /// The region that an associative reduction combines with, or null.
    ::mlir::Block *getCombinerBlock();
    /// Whether values are combined in the order of the reduced ranks.
    bool isOrdered();
    /// The value that the map yields.
    ::mlir::Value getMapResult();
    /// The single operation of a map that is one operation on the arguments in
    /// order, or null.
    ::mlir::Operation *getSingleMapOp();
    /// Whether the map returns its first argument unchanged.
    bool isIdentityMap();
  }];
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
    the tokens in them: its element test joins that of the first (IT-5).

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
    ParentOneOf<["AttentionOp", "CascadeOp", "EinsumOp", "IterateOp"]>]> {
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

#endif // ATTN_DIALECT_ATTN_IR_ATTNOPS_TD
