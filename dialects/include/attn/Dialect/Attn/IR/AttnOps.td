//===- AttnOps.td - Operations of the attn dialect -----*- tablegen -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_IR_ATTNOPS_TD
#define ATTN_DIALECT_ATTN_IR_ATTNOPS_TD

include "mlir/Interfaces/SideEffectInterfaces.td"
include "attn/Dialect/Attn/IR/AttnAttributes.td"
include "attn/Dialect/Attn/IR/AttnCascadeOps.td"
include "attn/Dialect/Attn/IR/AttnTileOps.td"

def Attn_FloatTensor : RankedTensorOf<[AnyFloat]>;
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

    Clauses behind the operands stand in this order: `score`, `where`, `align`,
    `origin`, `lengths`, `segments`, `permute`, `sinks`, `normalise`, `weights` and
    any number of `gate`; that of keys stands in front of that of queries in
    `lengths`, and behind it in `segments` and `permute`.

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

#endif // ATTN_DIALECT_ATTN_IR_ATTNOPS_TD
