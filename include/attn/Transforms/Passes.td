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

def AttnPlanSparsity : Pass<"attn-plan-sparsity"> {
  let summary = "Turn the sparsity of cascades into key ranges of their loops";
  let description = [{
    For each cascade whose (query, key) plane is restricted, by `where` or by
    lengths, attaches a `plan` to every `attn.iterate` over the key rank: the
    keys that a tile of query rows visits, those that need no test, and the test
    for the others, as closed forms over the tile's first and last row, the
    extents and the lengths. A plan costs the same at any length.

    Planned are `causal`, `window` and `prefix` joined by `and`, with either
    alignment. A cascade without an `attn.iterate` over its key rank is left
    alone: its einsums test every point.
  }];
}

def AttnChooseMapping : Pass<"attn-choose-mapping"> {
  let summary = "Choose lanes, tiles and work items for cascades";
  let description = [{
    Attaches a `mapping` to every cascade that has none. Lanes are a rank of
    every result and every carried tensor that is neither reduced nor iterated
    and that the streamed operands of contractions do not depend on, so that one
    load serves all lanes. The other such ranks are independent work items. Tile
    sizes come from the number of vector registers and the sizes of the caches;
    the options describe the machine compiled for, never the one that compiles.
    A cascade without a rank for lanes gets a remark and no mapping.
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
    ListOption<"laneTiles", "lane-tiles", "int64_t",
               "Tile sizes along the lanes, largest first (48,32,16)">,
    Option<"streamTile", "stream-tile", "int64_t", "0",
           "Points of the iterative rank in a step; 0 is the model's choice">,
    Option<"rowTile", "row-tile", "int64_t", "0",
           "Accumulator rows of a register tile; 0 is the model's choice">
  ];
}

def AttnFuseCascade : Pass<"attn-fuse-cascade"> {
  let summary = "Fuse the maps of a cascade and fold constant factors";
  let description = [{
    Two rewrites that save passes over a tile of scores:

    - a map that one other map reads is computed inside it, so that a list of
      score modifiers is one traversal;
    - a constant factor on a streamed contraction (the scale of the scores)
      moves to the operand outside the stream: `c * sum_e A * B` is
      `sum_e (c * A) * B`.

    Both hold in real arithmetic, which is what a cascade means; the results
    stay within the accuracy contract of `docs/spec.md`.
  }];
  let statistics = [
    Statistic<"numInlined", "maps-inlined", "Maps computed in their reader">,
    Statistic<"numFolded", "factors-folded",
              "Constant factors moved out of the stream">];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

#endif // ATTN_TRANSFORMS_PASSES_TD
