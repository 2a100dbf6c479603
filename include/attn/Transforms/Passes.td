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

def AttnPlanSparsityPass : Pass<"attn-plan-sparsity"> {
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

#endif // ATTN_TRANSFORMS_PASSES_TD
