//===- Passes.td - attn transforms passes -------------*- tablegen -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TRANSFORMS_PASSES_TD
#define ATTN_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

//===----------------------------------------------------------------------===//
// Tensor level: from operators to derived cascades
//===----------------------------------------------------------------------===//

def ExpandAttention : Pass<"attn-expand-attention", "::mlir::func::FuncOp"> {
  let summary = "Write attn.attention, attn.merge and attn.mix as cascades";
  let description = [{
    Replaces each `attn.attention` by the cascade that defines it: scores, one
    einsum per score modifier in order, row maximum, exponentials, their sum,
    weights, and the weighted sum of values; the log-sum-exp where it is asked
    for. Query heads are split into key head and member of its group (ranks `k`
    and `g`, also where one of them has extent 1), so that every index map is a
    projected permutation; `tensor.expand_shape` and `tensor.collapse_shape`
    around the cascade do it. Sinks join the maximum and the sum. `where`,
    alignment, lengths, origins and an offset move to the cascade. Scores, sums and
    statistics have the compute type (f64 for f64, else f32). `attn.merge` becomes
    a cascade likewise, and `attn.mix` one for each sum of two branches, which
    the operators that make them then give in the compute type.

    The formula is equation 1 of Vaswani et al. (arXiv 1706.03762) in the three
    passes of FuseMax (arXiv 2406.10491, Einsums 33-38). A score map that uses a
    value from outside of it, other than a constant, is an error, located at the
    operation. After this pass nothing asks whether a cascade is attention.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::tensor::TensorDialect"];
  let statistics = [
    Statistic<"numAttention", "num-attention", "attn.attention ops expanded">,
    Statistic<"numMerge", "num-merge", "attn.merge ops expanded">,
    Statistic<"numMix", "num-mix", "attn.mix ops expanded">
  ];
}

def MergeCascades : Pass<"attn-merge-cascades", "::mlir::func::FuncOp"> {
  let summary = "Inline cascades into those that read or follow them";
  let description = [{
    A cascade whose result only another cascade reads becomes part of it:

    - a prologue, elementwise but for reductions over ranks that its result has
      (a rotary embedding or a normalisation of queries and keys), is inlined
      into its reader, once for every way in which the reader indexes it, so
      that it is computed where its result is loaded;
    - an elementwise epilogue, such as a gate on the output, is inlined into the
      cascade that it follows,
    - one that streams over the same points of the same tensors, and is read only
      after its reader's own pass (a branch of a mix), shares that pass.

        R[m,e] = Q[m,e] * C[m]                          (a cascade of its own)
        S[m,n] = sum_e R[m,e] * K[n,e]          =>      S[m,n] = sum_e Q[m,e] * C[m] * K[n,e]

    Names of ranks are unified through the access and otherwise kept apart. A
    `tensor.expand_shape` or `tensor.collapse_shape` that splits or joins one
    dimension in between, as attention does with its heads, is handled by
    splitting the rank of the other cascade. Cascades stay apart where one has a
    space that would restrict the other, where a contraction would be repeated for
    every tile, and where the reader multiplies a result of 16 bits for more than
    16 queries: matrix units take it from a tensor, and computed in the loads it
    would be a tile in the compute type, again for every tile of queries.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::tensor::TensorDialect"];
  let statistics = [
    Statistic<"numPrologues", "num-prologues", "cascades inlined into readers">,
    Statistic<"numEpilogues", "num-epilogues",
              "cascades inlined into those that they follow">,
    Statistic<"numSiblings", "num-siblings",
              "cascades that share the pass of their reader">
  ];
}

def NormalizeCascade : Pass<"attn-normalize-cascade", "::mlir::func::FuncOp"> {
  let summary = "Bring cascades into one canonical form";
  let description = [{
    Equal cascades should become equal kernels, whatever the order of
    independent einsums, the names of ranks and inputs, and the way trivial
    steps are written. The pass

    - drops einsums, inputs and carried tensors that no result needs,
    - inlines identity einsums, whose access is composed into the readers: pure
      changes of index and partitions of a rank
      (`BK[e,n1,n0] = K[e,n1*N0+n0]`),
    - merges identical einsums and repeated inputs,
    - sinks constants into the maps that use them, reads each operand once, and
      orders the operations and operands of a map by use, those of commutative
      operations by structure,
    - drops a `where` clause that removes no point,
    - emits the einsums in the order in which the results need them.

    With `rename-ranks` the ranks are named r0, r1, ... in the order of their
    first use; two cascades that are equal up to names then print alike. Cascades
    with a mapping or a plan, which name ranks, are left as they are.
  }];
  let options = [
    Option<"renameRanks", "rename-ranks", "bool", "false",
           "Name the ranks r0, r1, ... by first use">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect"];
  let statistics = [
    Statistic<"numInlined", "num-inlined", "identity einsums inlined">,
    Statistic<"numMerged", "num-merged", "identical einsums merged">
  ];
}

def AttnHoistMaps : Pass<"attn-hoist-maps", "::mlir::func::FuncOp"> {
  let summary = "Compute costly maps of streamed tensors before the stream";
  let description = [{
    A map of what a cascade streams over, keys for example, is computed again for
    every tile of queries. A product or a rotation costs less there than a tensor
    of its own would; an elementary function of the `math` dialect does not. The
    largest part of a map that has one, that reads inputs alone, and that depends
    on the streamed rank but not on the rank of the lanes, becomes a cascade of
    its own before this one:

        KG[n,e] = K[n,e] / (1 + exp(-G[n,e]))             (in every tile of m)
        S[m,n] = sum_e Q[m,e] * KG[n,e]

        H[n,e] = K[n,e] / (1 + exp(-G[n,e]))              (once, a phase before)
        S[m,n] = sum_e Q[m,e] * H[n,e]

    The tensor is as large as the operands of the part, never as large as the
    plane of queries and keys. `docs/rationale/gates.md` has the figures.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect"];
  let statistics = [
    Statistic<"numHoisted", "num-hoisted", "parts of maps hoisted">
  ];
}

def AttnJoinRanks : Pass<"attn-join-ranks", "::mlir::func::FuncOp"> {
  let summary = "Make one rank of several that are reduced together";
  let description = [{
    A cascade over pages and their rows, or over the rows and columns of an image,
    has two ranks where attention has one: a nest would stream over the first and
    hold the second whole in every tile. Ranks that follow each other become one
    where all but the first have known extents, here 32, and every intermediate has
    all of them or none:

        S[m,p,j] = sum_e Q[m,e] * K[T[p],j,e]
        X[m] = max_(p,j) S[m,p,j]

        S[m,pj] = sum_e Q[m,e] * K[T[pj floordiv 32],pj mod 32,e]
        X[m] = max_pj S[m,pj]

    so that steps are of any size, and products are those of matrices. A step then
    computes where its points lie. Cascades are left as they are whose space names one
    of the ranks, and those that read an input at one of them beside another rank in an
    index, or at a sum that counts the points, of which a dimension would say how many
    there are (`docs/rationale/cascade-language.md`).
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
  let statistics = [
    Statistic<"numJoined", "num-joined", "ranks made of several">
  ];
}

def DeferDivision : Pass<"attn-defer-division", "::mlir::func::FuncOp"> {
  let summary = "Move factors out of the linear reductions that follow them";
  let description = [{
    A factor that does not depend on the reduced ranks moves past the reduction
    (FuseMax, Einsums 31-32):

        A[m,n] = SN[m,n] / SD[m]                    SNV[m,f] = sum_n SN[m,n] * V[n,f]
        AV[m,f] = sum_n A[m,n] * V[n,f]      =>     AV[m,f]  = SNV[m,f] / SD[m]

    The same holds for products, for constants, and for chains of both, over any
    number of einsums. The division is then done once per result instead of once
    per point, and no einsum reads the sum of the exponentials before it is
    complete.

    The deferral is exact in real arithmetic, a zero divisor included: a
    quotient whose divisor is 0 is 0 in a map, so before the rewrite every term
    of a sum with divisor 0 is 0, and so is the sum; after it the sum is divided
    by that same 0 and is 0 again. A sum over nothing is 0, divided or not.
    An infinite constant stays where it is: times that sum it would be NaN.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect"];
  let statistics = [
    Statistic<"numDeferred", "num-deferred", "reductions with factors deferred">
  ];
}

def AttnAbsorbElementwise
    : Pass<"attn-absorb-elementwise", "::mlir::func::FuncOp"> {
  let summary = "Turn elementwise operations of other dialects into cascades";
  let description = [{
    An elementwise operation of arith or math on float tensors, and a
    `linalg.generic` of such operations without a reduction, becomes a cascade of
    one einsum, which attn-merge-cascades makes part of its neighbours. A cascade
    computes in the compute type, rounds once, reassociates, and takes a quotient
    by 0 for 0; an operation with a rounding of its own keeps it. So operations
    join if their fast-math flags allow that, `reassoc` and `contract`, for a
    quotient also `ninf`, or if `all` says so. Conversions between float types
    always join. What does not join is left alone; attn-split-phases and
    attn-outline-kernel compile it beside the cascades, or refuse it.

    ```mlir test
    func.func @doubled(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
      // Becomes attn.einsum [d0,d1] = add(...), since it may be reassociated.
      %y = arith.addf %x, %x fastmath<reassoc, contract> : tensor<?x8xf32>
      return %y : tensor<?x8xf32>
    }
    ```
  }];
  let options = [
    Option<"all", "all", "bool", "false",
           "Absorb operations whatever their fast-math flags">,
  ];
  let dependentDialects = ["::mlir::attn::AttnDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect"];
  let statistics = [
    Statistic<"numAbsorbed", "num-absorbed", "operations absorbed">
  ];
}

def AttnSplitPasses : Pass<"attn-split-passes", "::mlir::func::FuncOp"> {
  let summary = "Cut a cascade where it needs another pass";
  let description = [{
    Where no law removes a dependency between two traversals of the streaming
    rank, the cascade becomes two: one that yields the reductions which the next
    traversal waits for, and one that reads them and computes again what it needs
    of the tensors over the streaming rank. Each of them is derived for itself,
    so that as many passes are left as the laws require, and no tensor over the
    streaming rank goes from one to the next. The same is done for a tensor
    that is reduced along a rank of all results, such as a statistic of the
    columns of the scores; and for one that is made at one rank and read at
    another where work items or steps divide one of them, such as the norms of
    tokens that are both queries and keys, or of keys that several heads share.

        X[m] = max_n S[m,n]                             first:   S, X
        P[m,n] = tanh(S[m,n] - X[m])            =>
        Y[m] = sum_n P[m,n]                             second:  S again, P, Y; reads X

    A maximum that is handed on is read as in a map: -inf, the maximum over
    nothing, as the least finite number (MR-3). A remark names the einsum that
    starts another pass, and why. What cannot be cut keeps its form.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
  let statistics = [
    Statistic<"numSplit", "num-split", "cascades cut in two">
  ];
}

def DeriveSinglePass : Pass<"attn-derive-single-pass", "::mlir::func::FuncOp"> {
  let summary = "Derive the single-pass (streaming) form of a cascade";
  let description = [{
    Picks the streaming rank: the key rank of the cascade's space, else the
    first rank that indexes an intermediate and is reduced later. Partitions it
    (`n` into `n1`, `n0`) and rewrites the cascade into einsums before the loop,
    one `attn.iterate n1 of n by n0` with every einsum over `n`, and einsums
    after the loop.

    Each reduction over `n` becomes a running one: it is carried, starts at its
    identity (maxima at the least finite number), and combines with the local
    reduction of a step. An einsum that reads a running reduction `r` is
    evaluated on its newest value; what was accumulated with an older one is
    repaired: a law of the table (see `attn/Analysis/Laws.h`) gives `c` with
    `g(x, r') = g(x, r) * c(r, r')`, and the accumulator is multiplied by it.
    Corrections are followed as monomials through products, quotients, powers
    and other homogeneous maps, so that the repair of a sum of squared
    exponentials is `c*c`. Values computed from running reductions without `n`,
    such as the maximum with a sink, are recomputed in the loop on the old and
    the new state.

    For the softmax this is the online softmax (Milakov and Gimelshein, arXiv
    1805.02867, Algorithm 3; FuseMax, Einsums 39-56):

        X[n1+1,m]   = max(X[n1,m], max_n0 S[m,n1*N0+n0])
        C[m]        = exp(X[n1,m] - X[n1+1,m])
        D[n1+1,m]   = D[n1,m] * C[m] + sum_n0 exp(S[m,n1*N0+n0] - X[n1+1,m])

    A cascade that no law repairs keeps its form; a remark (an error with
    `require`) names the einsum and the running reduction that stop it.

    Where the extent of the rank is static, one step can hold all of its points:
    the cascade then makes its several passes over the resident tile of that
    step, and nothing is repaired. With `passes=auto` a cost model decides
    (docs/rationale/pass-choice.md), `single` and `several` force a form, and
    the attribute `attn.passes` of a cascade overrides the option.
    `--attn-debug=passes` shows the decision.

    Where few rows read a long stream, as one query reads all keys in decoding, one
    loop leaves a machine with too few items. With `split` the stream is cut into
    runs of a fixed number of points, and the cascade becomes two: one carries its
    tensors through each run by itself (`attn.iterate ... split s by 512`), the
    other combines what the runs have come to:

        one loop:                       X[m] = max_s RX[s,m]
        X[m], D[m], A[m,f]      =>      C[s,m] = exp(RX[s,m] - X[m])
                                        D[m] = sum_s RD[s,m] * C[s,m]
                                        A[m,f] = sum_s RA[s,m,f] * C[s,m]

    The merge repairs by the same laws, from the end of a run to the whole, and
    reduces over the runs as a step reduces over its points. `auto` takes runs of
    512 points on a GPU where the lanes of an item are known to be at most 32, and
    of 2048 on a CPU where few rows (`tile = m by [4]`) leave fewer than 8 items.
    The bits of a row depend on neither the batch nor the threads. Where a number is
    given and a cascade stays whole, a remark says why. The merge asks to be
    compiled einsum by einsum (`attn.form = "unfused"`). `--attn-debug=split` shows
    the decision, docs/rationale/split-stream.md explains it.
  }];
  let options = [
    Option<"split", "split", "std::string", "\"none\"",
           "Points of a run, a multiple of 16; none, or auto: the model's choice">,
    Option<"sharedBytes", "shared-bytes", "int64_t", "0",
           "Bytes of memory that the threads of a block share; 0 is a CPU">,
    Option<"require", "require", "bool", "false",
           "Fail on a cascade whose single-pass form cannot be derived">,
    Option<"passes", "passes", "std::string", "\"single\"",
           "single, several (over the tile of one step), or auto">,
    Option<"vectorBits", "vector-bits", "int64_t", "512",
           "Bits of a vector register, for the choice">,
    Option<"l1Bytes", "l1-bytes", "int64_t", "32768",
           "Bytes of the first level data cache, for the choice">,
    Option<"l2Bytes", "l2-bytes", "int64_t", "1048576",
           "Bytes of the second level cache of a core, for the choice">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect"];
  let statistics = [
    Statistic<"numDerived", "num-derived", "cascades brought into one pass">,
    Statistic<"numRepairs", "num-repairs", "running reductions repaired by a law">,
    Statistic<"numSplit", "num-split", "cascades whose stream is split">,
    Statistic<"numSeveral", "num-several", "cascades that keep their passes in one tile">,
    Statistic<"numRefused", "num-refused", "cascades left with several passes">
  ];
}

def AttnPlanSparsity : Pass<"attn-plan-sparsity"> {
  let summary = "Turn the sparsity of cascades into key ranges of their loops";
  let description = [{
    For each cascade whose (query, key) plane is restricted, by `where` or by
    lengths, attaches a `plan` to every `attn.iterate` over the key rank: the
    keys that a tile of query rows visits, those that need no test, and the test
    for the others, as closed forms over the tile's first and last row, the
    extents and the lengths. A plan costs the same at any length.

    For `causal` and `top_left` a tile of the rows first to last visits the keys
    [0, min(last + 1, N)) and tests those from min(first + 1, N) on.
    `docs/rationale/sparsity-planning.md` derives plans.

    Atoms that are closed forms, and lists, which are symbols, are planned under
    `and`, `or` and `not` as a union of up to sixteen conjunctions, with lengths,
    origins and any alignment. Terms of the outermost `and` with which there would
    be more are tested at every point, with a remark (PL-5). A sparsity without a
    live point is warned about (SP-10). A cascade without an `attn.iterate` over its key rank is
    left alone: its einsums test every point.
  }];
}

def AttnChooseMapping : Pass<"attn-choose-mapping"> {
  let summary = "Choose lanes, tiles and work items for cascades";
  let description = [{
    Attaches a `mapping` to every cascade that has none. Lanes are a rank of
    every result and every carried tensor that is neither reduced nor iterated
    and that the streamed operands of contractions do not depend on, so that one
    load serves all lanes. The other such ranks are independent work items. Where
    all such ranks are known to be short, items hold them together and einsums have
    lanes of their own (`tile = m by [4]`), unless `lane-tiles` are given. Tile
    sizes come from the number of vector registers and the sizes of the caches;
    the options describe the machine compiled for, never the one that compiles.
    Where rows are boxes of a token grid (`grid-tile`, or the model's choice), loops
    are planned anew, for the keys in the windows of a box and for ranges (IT-8).
    A cascade without a rank for lanes gets a remark and no mapping. A size that is
    not positive, or a stream tile other than the one that the cascade's tensors
    fix, is an error that names the option.

    Where each intermediate lives follows from who reads it
    (`attn/Analysis/Residency.h`); what an einsum says itself (`in cache`) and
    the option `residency` have precedence. `--attn-debug=mapping` shows the choice;
    `docs/rationale/mapping.md` explains it.
  }];
  let options = [
    Option<"vectorRegisters", "vector-registers", "int64_t", "32",
           "Vector registers of the target">,
    Option<"vectorBits", "vector-bits", "int64_t", "512",
           "Bits of a vector register">,
    Option<"l1Bytes", "l1-bytes", "int64_t", "32768",
           "Bytes of the first level data cache">,
    Option<"l2Bytes", "l2-bytes", "int64_t", "1048576",
           "Bytes of the second level cache of a core">,
    Option<"bf16Products", "bf16-products", "std::string", "\"f32\"",
           "Products of bf16: f32, pairs of them by one instruction, or tiles of "
           "pairs by a matrix unit">,
    Option<"vectorMultiplies", "vector-multiplies", "int64_t", "2",
           "Fused multiply-adds of whole vectors that begin in a cycle">,
    Option<"sharedBytes", "shared-bytes", "int64_t", "0",
           "Bytes of memory that the threads of a block share; 0 is a CPU">,
    ListOption<"laneTiles", "lane-tiles", "int64_t",
               "Tile sizes along the lanes, largest first (48,32,16)">,
    ListOption<"gridTile", "grid-tile", "int64_t",
               "Tokens of a tile on each axis of a neighborhood's grid; 0 for "
               "rows as they lie">,
    Option<"streamTile", "stream-tile", "int64_t", "0",
           "Points of the iterative rank in a step; 0 is the model's choice">,
    Option<"rowTile", "row-tile", "int64_t", "0",
           "Accumulator rows of a register tile; 0 is the model's choice">,
    ListOption<"order", "order", "std::string",
               "The parallel ranks and the lanes, slowest first">,
    Option<"residency", "residency", "std::string", "\"register\"",
           "Where a result with one reader that can take it in registers "
           "lives: register, or cache">
  ];
}

def AttnFuseCascade : Pass<"attn-fuse-cascade"> {
  let summary = "Fuse the maps of a cascade and fold constant factors";
  let description = [{
    Three rewrites that save passes over a tile of scores, and work in them:

    - a map that one other map reads is computed inside it unless its residency
      is the cache, so that a list of score modifiers is one traversal;
    - a power of two on a streamed contraction (the scale of the scores) moves
      to the operand outside the stream: `c * sum_e A * B` is
      `sum_e (c * A) * B`, and neither product rounds;
    - a map divides by a constant by multiplying with its inverse, and multiplies
      with one constant where two would follow each other.

    All hold in real arithmetic, which is what a cascade means; the results
    stay within the accuracy contract of `docs/spec.md`.
  }];
  let statistics = [
    Statistic<"numInlined", "maps-inlined", "Maps computed in their reader">,
    Statistic<"numFolded", "factors-folded",
              "Constant factors moved out of the stream, or joined">];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def AttnRebaseExponentials : Pass<"attn-rebase-exponentials"> {
  let summary = "Compute the weights of a softmax as powers of two";
  let description = [{
    `exp(a - b)` in f32 becomes `exp2((a - b) * log2(e))` where `b` is a maximum
    that `a` is part of: a running maximum and its repairs. The product rounds
    once, which changes a weight w by at most about -w ln(w) units of rounding,
    less than one half of the rounding of 1; and 2^x needs three operations less
    than e^x. It has `fastmath<afn>`: a subnormal weight is nothing beside that of
    the maximum, and may be 0. An exponent that may be positive keeps its function: its error
    would grow with it.
  }];
  let statistics = [
    Statistic<"numRebased", "exponentials-rebased",
              "Exponentials of e computed as powers of two">];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect"];
}

def AttnInvertDivisors : Pass<"attn-invert-divisors"> {
  let summary = "Divide by a row's sum of weights once";
  let description = [{
    A map that divides by a sum of weights which has not all of the map's ranks, as the
    output of a softmax does for every feature of a row, multiplies by its inverse, which
    an einsum of its own computes for each row; the product rounds once more. Weights are
    the powers that `attn-rebase-exponentials` makes, 0 or normal numbers: their sum is 0,
    or it has an inverse that is a number. Other divisors may be so small that they have
    none, and stay. The inverse of 0 is 0, and where it is 0 the result is, too: weights of
    0 have summed NaN where a value is not finite.
  }];
  let statistics = [
    Statistic<"numInverted", "divisors-inverted",
              "Divisors whose inverse is computed once">];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def AttnRelaxWeights : Pass<"attn-relax-weights"> {
  let summary = "Say which weights results of 16 bits alone see";
  let description = [{
    Marks `exp2((a - b) * c)` with `attn.relaxed` where the weight ends in results
    of bf16 or f16 and in nothing else: `attn-expand-math` then computes it with
    a relative error of 2^-13, of which rounding leaves nothing to see (by
    NU-2 the weights themselves may be rounded before they meet the values). Behind
    `attn-rebase-exponentials`, which writes weights so.

    Not relaxed are repairs of running sums, which multiply each other, weights
    that a log-sum-exp or a partial sum in f32 is made of, and those that meet
    anything but products, quotients, sums, selections and roundings.
  }];
  let statistics = [
    Statistic<"numRelaxed", "weights-relaxed",
              "Exponentials that may be computed with an error of 2^-13">];
}

def AttnHoldMaxima : Pass<"attn-hold-maxima"> {
  let summary = "Leave a running maximum behind its scores while weights have room";
  let description = [{
    A running maximum that is only subtracted in exponents `exp2((s - x) * c)`, beside sums
    that are repaired when it moves, may be any number: the results are the same in real
    arithmetic. `attn::RunningReference` shows it, from the powers of the maximum that all
    numbers of a step and behind the iteration are multiples of. Such a maximum is replaced
    by the step's only where that is larger by more than `8 / c`, so that weights are at
    most 2^8, and repairs, which GPUs leave out where no row of a warp moves, become rare:
    of 4096 random keys in steps of 64, two of three have a larger maximum in one of 32
    rows. After FlashAttention-4 (Dao-AILab, 2025), which rescales where the maximum grows
    by 2^8.

    Only where weights meet values of 16 bits, beside whose products repairs take as many
    instructions, and what they give is seen in results of 16 bits alone: the largest weight
    of a row is no longer 1, and is rounded as all others are. Sums of values beyond 2^119
    may overflow, which those of weights up to 1 do not.
    Behind `attn-rebase-exponentials`, which writes weights so. Not replaced: a maximum
    that is a result, or one that anything but an exponent or a log-sum-exp reads. A sink
    that joins it may.
  }];
  let statistics = [
    Statistic<"numHeld", "maxima-held", "Running maxima that are left behind">];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def AttnPrintPasses : Pass<"attn-print-passes"> {
  let summary = "Show the passes that cascades make over their ranks";
  let description = [{
    `attn-explain` shows the same and more. Prints to the standard error, for each
    cascade:

    - for each rank that it reduces or iterates over, the number of passes, the
      einsums of each pass, the pair of einsums that forces each pass after the
      first, and for each tensor over the rank the passes that read it;
    - how much of every intermediate is live at a time, as a formula in the
      extents of ranks and in bytes;
    - operations, bytes moved, and the live points of a sparse plane.

    FuseMax's table (arXiv 2406.10491) is 3 passes for the textbook softmax, 2 once
    the division is deferred, 1 for the derived form. `docs/rationale/passes.md`
    defines what is counted. With `sizes` the formulas become numbers; a rank that
    no cascade has, or an extent that its type contradicts, is an error.
  }];
  let options = [
    ListOption<"sizes", "sizes", "std::string",
               "Extents of dynamic ranks, as in sizes=m=4096,n=4096">
  ];
}

#endif // ATTN_TRANSFORMS_PASSES_TD
