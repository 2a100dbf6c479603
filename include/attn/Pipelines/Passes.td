//===- Passes.td - Passes that run pipelines ---------------*- tablegen -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PIPELINES_PASSES_TD
#define ATTN_PIPELINES_PASSES_TD

include "mlir/Pass/PassBase.td"

def AttnChooseForm : Pass<"attn-choose-form", "::mlir::ModuleOp"> {
  let summary = "Derive and map the cascades that can be fused";
  let description = [{
    Gives every cascade of the module's kernel the form in which it is lowered.
    Each is tried by itself: split into passes, derived, planned, mapped and fused
    as `attn-derive-cascades` does, on a copy. Where attn-tile-cascade can build
    the loop nest of all that has become of it, but for what asks to be unfused
    (`attn.form`), the copy replaces it. Where it cannot, `form` says what happens: `auto` leaves the cascade as it was, to be
    compiled einsum by einsum, with a remark that names the operation in the way;
    `fused` is an error there; `unfused` tries nothing, and drops mappings.

    Readers come before what they read: mapping one may find that it does not
    depend on a result of another cascade, which then is not computed. A result
    that nobody reads but that alone states an extent stays, and its cascade does
    not fit.

    The cascades are expected as attn-defer-division leaves them. The other
    options are those of attn-derive-single-pass and attn-choose-mapping.
    `--attn-debug=form` shows the decisions.
  }];
  let options = [
    Option<"form", "form", "std::string", "\"auto\"",
           "fused, unfused, or auto: fused where the cascade allows it, else "
           "unfused with a remark">,
    Option<"passes", "passes", "std::string", "\"auto\"",
           "single, several (over the tile of one step), or auto: what the cost "
           "model prefers">,
    Option<"split", "split", "std::string", "\"auto\"",
           "Points of the streamed rank in an item of its own, a multiple of 16; "
           "none, or auto: what the cost model prefers">,
    Option<"vectorBits", "vector-bits", "int64_t", "512",
           "Bits of a vector register">,
    Option<"vectorRegisters", "vector-registers", "int64_t", "32",
           "Vector registers of the target">,
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

#endif // ATTN_PIPELINES_PASSES_TD
