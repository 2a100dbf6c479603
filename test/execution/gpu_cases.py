# ===- gpu_cases.py - Operators for the tests of GPUs ----------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Operators whose kernels are assembled, simulated, and run on GPUs."""

import numpy as np
from operators import Spec

CHIPS = ["sm_80", "sm_89", "sm_90a", "sm_120"]
WINDOW = ("permuted", ("window", 20, 9))
WINDOWS_OF_HEADS = ("per_head", *(("window", left, 0) for left in (5, 40, 20, 20)))
# More parts than a plan has.
STRIPES = ("or", *(("and", ("prefix", 9 * i + 4), ("not", ("prefix", 9 * i))) for i in range(9)))
# Rows of a token grid in boxes: windows, with remainders, and blocks that see the same.
PLANE = ("neighborhood", (5, 7), (("grid", (19, 50)),))
DILATED_PLANE = ("neighborhood", (3, 5), (("grid", (19, 50)), ("dilation", (4, 3))))
CLIPPED_PLANE = (
    "neighborhood",
    (6, 6),
    (("grid", (19, 50)), ("stride", (2, 2)), ("clipped", True)),
)
SPACE = ("neighborhood", (3, 3, 5), (("grid", (6, 11, 17)), ("stride", (1, 3, 1))))
SQUARES = ("neighborhood", (8, 8), (("grid", (32, 40)), ("stride", (4, 4))))
SHARDS_OF_HEADS = ("per_head", *(("strided", 2 + h // 2, h % 2, 8) for h in range(4)))

SPECS = {
    "plain": Spec(32, 32, heads=2, key_heads=1, lse=True),
    "causal": Spec(40, 24, heads=4, key_heads=2, where=(("causal",),)),
    "odd": Spec(7, 5, heads=3, key_heads=3, where=(("window", 9, 3),), lse=True),
    "bf16": Spec(64, 64, heads=2, key_heads=1, dtype="bf16", where=(("causal",),), lse=True),
    "f16": Spec(48, 16, dtype="f16", where=(("window", 31, 0),)),
    "f64": Spec(
        24, 40, heads=2, key_heads=1, dtype="f64", softcap=20.0, bias="hmn",
        where=(("causal",), ("window", 31, 17)), key_lengths=True, sinks=True, lse=True,
    ),
    "features": Spec(
        40, 48, heads=2, key_heads=1, softcap=20.0, bias="hmn", region="alibi",
        where=(("causal",), ("window", 31, 17)), key_lengths=True, query_lengths=True, lse=True,
    ),
    "regions": Spec(8, 8, heads=3, key_heads=1, region="every_third", bias="bn", lse=True),
    "union": Spec(16, 16, where=(("or", ("window", 6, 2), ("prefix", 9)), ("causal",)), lse=True),
    "permuted": Spec(
        24, 16, heads=4, key_heads=2, where=(WINDOW, ("causal",)), lse=True,
        permute=(("both", "h"),),
    ),
    "apart": Spec(
        24, 16, heads=2, key_heads=2, where=(WINDOW,), dtype="bf16",
        permute=(("query", ""), ("key", "")),
    ),
    "gates": Spec(
        16, 24, heads=2, key_heads=1, region="every_third",
        gates=(("query", "tanh", "bhme", False), ("key", "silu", "bhn", False),
               ("value", "sigmoid", "bkn", False), ("weight", "sigmoid", "bmn", True),
               ("output", "sigmoid", "bhmf", False)),
    ),
    "segments": Spec(
        24, 16, heads=2, key_heads=1, where=(("causal",),), lse=True, segments=(("both", "b"),),
    ),
    "boxes": Spec(
        16, 24, heads=2, key_heads=1, where=(PLANE, ("causal",)), align="top_left", lse=True,
    ),
    "boxes_beside": Spec(
        7, 9, heads=2, key_heads=2, where=(("or", DILATED_PLANE, ("leading", 7)),), bias="hmn",
    ),
    "blocks": Spec(
        16, 24, heads=2, key_heads=2, where=(("causal",), ("blocks", 32, 16, "h")), lse=True,
    ),
    "gaps": Spec(
        16, 24, heads=2, key_heads=2, lse=True,
        where=(("or", ("blocks", 32, 16, "h"), ("window", 9, 2), ("mask", "mn")),),
    ),
    "beside": Spec(
        16, 24, heads=2, key_heads=2, lse=True,
        where=(("or", ("indices", 16, "h"), ("window", 9, 2)),),
    ),
    "parts": Spec(16, 24, heads=2, key_heads=2, lse=True, where=(STRIPES, ("causal",))),
    "tokens": Spec(16, 16, heads=2, key_heads=1, dtype="bf16", where=(("indices", 16, "h"),)),
    "sigmoid": Spec(16, 16, normaliser="sigmoid", where=(("causal",),)),
    "mask": Spec(16, 24, heads=4, key_heads=2, lse=True, where=(("mask", "bmn"), ("causal",))),
    "mask_booleans": Spec(16, 24, heads=2, key_heads=1, where=(("mask", "mn"),), mask_dtype="i1"),
    "either": Spec(
        16, 24, heads=4, key_heads=2, lse=True, key_lengths=True,
        where=(
            ("or", ("window", 20, 5), ("mask", "bn"), ("predicate", "reach")),
            ("not", ("and", ("predicate", "documents"), ("prefix", 9))),
        ),
    ),
    # Data at points of packed, permuted and listed tokens.
    "packed_data": Spec(
        16, 24, heads=2, key_heads=1, lse=True, segments=(("both", "b"),),
        where=(("or", ("window", 9, 2), ("mask", "bmn")), ("predicate", "every_third")),
    ),
    "permuted_data": Spec(
        16, 24, heads=4, key_heads=2, lse=True, permute=(("both", "h"),),
        where=(("or", WINDOW, ("mask", "bn")), ("predicate", "documents"), ("causal",)),
    ),
    "tokens_data": Spec(
        16, 16, heads=2, key_heads=1, lse=True,
        where=(("indices", 16, "h"), ("mask", "bmn"), ("predicate", "every_third")),
    ),
    "two_lists": Spec(
        16, 24, heads=4, key_heads=2, lse=True,
        where=(("or", ("and", ("blocks", 32, 16, "h"), ("causal",)), ("blocks", 48, 20, "b")),),
    ),
    "tokens_causal": Spec(
        16, 24, heads=2, key_heads=1, lse=True, where=(("indices", 16, "h"), ("causal",)),
    ),
    "tokens_of_a_row": Spec(
        16, 16, heads=16, key_heads=1, lse=True, where=(("indices", 1, "b"), ("causal",)),
    ),
    "vertical_slash": Spec(
        16, 16, heads=2, key_heads=1, lse=True,
        where=(("causal",), ("or", ("indices", 32, "b"), ("blocks", 32, 16, "h"))),
    ),
    "tokens_apart": Spec(
        16, 16, heads=2, key_heads=1, lse=True,
        where=(("or", ("indices", 16, "h"), ("mask", "bmn")), ("not", ("blocks", 32, 16, ""))),
    ),
    "predicate": Spec(
        16, 24, heads=4, key_heads=2, lse=True,
        where=(("predicate", "distance"), ("predicate", "reach"), ("causal",)),
    ),
    "per_head": Spec(
        16, 24, heads=4, key_heads=2, lse=True,
        where=(("causal",), ("or", WINDOWS_OF_HEADS, SHARDS_OF_HEADS)),
    ),
    "periodic": Spec(
        16, 24, heads=4, key_heads=2, dtype="bf16", lse=True,
        where=(("causal",), ("or", ("window", 20, 0), ("strided", 3, 1, 5))),
    ),
    "periodic_f32": Spec(
        16, 24, heads=2, key_heads=1, lse=True, where=(("affine_set", ("5 - (n + 3) mod 16",)),),
    ),
    "remainders": Spec(
        16, 24, heads=2, key_heads=1, dtype="bf16", lse=True,
        where=(("causal",), ("dilated", 60, 4)),
    ),
    "periodic_rows": Spec(
        16, 24, heads=2, key_heads=1, dtype="f16", lse=True,
        where=(("causal",), ("or", ("window", 9, 0), ("dilated", 200, 4), ("leading", 3))),
    ),
    "periodic_rows_of_heads": Spec(
        16, 24, heads=4, key_heads=2, dtype="bf16", lse=True,
        where=(
            ("causal",),
            ("or", ("window", 9, 0), ("per_head", *(("dilated", 250, 1 + h) for h in range(4)))),
        ),
    ),
    "wide": Spec(256, 256, dtype="f16"),
    "few": Spec(
        16, 24, heads=8, key_heads=2, queries=2, where=(("window", 30, 5),), key_lengths=True,
        lse=True,
    ),
}  # fmt: skip

# Whose tiles tensor cores multiply: features in multiples of 16 and values in multiples
# of 8, of 16 bits, that are read as they are.
TENSOR_CORES = {
    "cores": Spec(16, 8, heads=2, key_heads=1, dtype="bf16", lse=True),
    "cores_f16": Spec(
        16, 32, heads=4, key_heads=2, dtype="f16", where=(("causal",),), sinks=True, lse=True,
    ),
    "cores_64": Spec(64, 64, dtype="f16", where=(("window", 31, 0),), scale=0.25, lse=True),
    "cores_128": Spec(128, 128, dtype="bf16", where=(("causal",),), lse=True),
    "cores_apart": Spec(32, 128, heads=2, key_heads=2, dtype="f16", where=(("window", 31, 17),)),
    "cores_features": Spec(
        32, 48, heads=2, key_heads=1, dtype="bf16", softcap=20.0, bias="hmn", region="alibi",
        where=(("causal",), ("window", 31, 17)), key_lengths=True, query_lengths=True,
        sinks=True, lse=True,
    ),
    "cores_bias": Spec(32, 32, heads=2, key_heads=1, dtype="f16", bias="bhmn", key_lengths=True),
    "cores_region": Spec(16, 16, heads=3, key_heads=1, dtype="bf16", region="every_third"),
    "cores_union": Spec(
        16, 16, dtype="f16", where=(("or", ("window", 6, 2), ("prefix", 9)), ("causal",)),
        lse=True,
    ),
    "cores_gates": Spec(
        16, 32, heads=2, key_heads=1, dtype="bf16",
        gates=(("weight", "sigmoid", "bmn", True), ("output", "sigmoid", "bhmf", False)),
    ),
    "cores_row_gates": Spec(
        32, 16, heads=4, key_heads=2, dtype="bf16", where=(("window", 31, 3),), lse=True,
        gates=(("query", "tanh", "bhm", False), ("key", "silu", "bhn", False),
               ("value", "softplus", "bkn", False)),
    ),
    "cores_segments": Spec(
        32, 16, heads=2, key_heads=1, dtype="bf16", where=(("causal",),), lse=True,
        segments=(("both", "b"),),
    ),
    "cores_blocks": Spec(
        16, 32, heads=2, key_heads=2, dtype="bf16", lse=True,
        where=(("causal",), ("blocks", 32, 16, "h")),
    ),
    "cores_gaps": Spec(
        16, 32, heads=2, key_heads=1, dtype="bf16", lse=True,
        where=(("causal",), ("or", ("blocks", 32, 16, "h"), ("window", 20, 0))),
    ),
    "cores_two_lists": Spec(
        16, 32, heads=2, key_heads=1, dtype="bf16", lse=True,
        where=(("or", ("blocks", 32, 16, "h"), ("blocks", 64, 20, "b")), ("causal",)),
    ),
    "cores_tokens_of_a_row": Spec(
        32, 16, heads=16, key_heads=1, dtype="bf16", lse=True, where=(("indices", 1, "b"),),
    ),
    "cores_parts": Spec(
        16, 32, heads=2, key_heads=1, dtype="bf16", lse=True, where=(STRIPES, ("causal",)),
    ),
    "cores_tokens": Spec(
        32, 16, heads=4, key_heads=2, dtype="f16", lse=True, softcap=20.0,
        where=(("indices", 48, "bh"),),
    ),
    "cores_grid": Spec(
        16, 16, dtype="f16", where=(("neighborhood", (3, 5), (("grid", (9, 13)),)),),
    ),
    "cores_boxes": Spec(16, 32, heads=2, key_heads=1, dtype="bf16", where=(PLANE,), lse=True),
    "cores_boxes_clipped": Spec(
        16, 16, heads=2, key_heads=1, dtype="bf16", where=(CLIPPED_PLANE,), lse=True,
        align="top_left",
    ),
    "cores_boxes_remainders": Spec(
        32, 16, dtype="f16", where=(DILATED_PLANE, ("causal",)), align="top_left",
    ),
    "cores_boxes_space": Spec(
        16, 16, heads=2, key_heads=2, dtype="bf16", where=(SPACE,), lse=True, key_lengths=True,
        query_lengths=True,
    ),
    "cores_boxes_beside": Spec(
        16, 16, dtype="bf16", where=(("or", SQUARES, ("leading", 40)),), align="offset",
        offset="row", origins=(("m", "index"), ("n", "row")), region="alibi", lse=True,
    ),
    "cores_boxes_mask": Spec(
        16, 16, heads=2, key_heads=1, dtype="f16", where=(PLANE, ("mask", "bmn")), lse=True,
    ),
    "cores_predicate": Spec(
        16, 16, heads=4, key_heads=2, dtype="bf16", lse=True,
        where=(("predicate", "every_third"), ("predicate", "reach")),
    ),
    "cores_packed_predicate": Spec(
        16, 16, heads=2, key_heads=1, dtype="bf16", lse=True, segments=(("both", "b"),),
        where=(("or", ("window", 20, 0), ("predicate", "every_third")),),
    ),
    "cores_permuted": Spec(
        32, 16, heads=4, key_heads=2, dtype="bf16", where=(WINDOW, ("causal",)), lse=True,
        permute=(("both", "h"),),
    ),
    "cores_permuted_apart": Spec(
        16, 32, heads=2, key_heads=2, where=(WINDOW,), dtype="f16",
        permute=(("query", ""), ("key", "")),
    ),
    "cores_permuted_gate": Spec(
        16, 16, heads=4, key_heads=2, dtype="bf16", out_dtype="f32", sinks=True, lse=True,
        where=(WINDOW, ("predicate", "documents")), permute=(("query", "bh"),),
        gates=(("output", "sigmoid", "bhmf", False),),
    ),
    "cores_permuted_mask": Spec(
        16, 32, heads=4, key_heads=2, dtype="f16", lse=True, permute=(("both", "h"),),
        where=(("or", WINDOW, ("mask", "bn")), ("predicate", "documents"), ("causal",)),
    ),
    "cores_affine_weights": Spec(
        16, 32, heads=2, key_heads=1, dtype="bf16", lse=True, where=(("window", 20, 3),),
        weights="affine",
    ),
    "cores_mask": Spec(
        16, 16, heads=2, key_heads=1, dtype="f16", where=(("mask", "bhmn"), ("causal",)), lse=True,
    ),
    "cores_mask_booleans": Spec(
        32, 24, heads=2, key_heads=1, dtype="bf16", where=(("mask", "mn"),), mask_dtype="i1",
    ),
    "cores_documents": Spec(
        16, 16, heads=2, key_heads=1, dtype="f16", lse=True,
        where=(("predicate", "documents"), ("causal",)),
    ),
    "cores_packed_mask": Spec(
        16, 24, heads=2, key_heads=1, dtype="bf16", lse=True, segments=(("both", "b"),),
        where=(("or", ("window", 9, 2), ("mask", "bmn")), ("predicate", "every_third")),
    ),
    "cores_tokens_causal": Spec(
        32, 16, heads=2, key_heads=1, dtype="bf16", where=(("indices", 48, "h"), ("causal",)),
    ),
    "cores_vertical_slash": Spec(
        16, 16, heads=2, key_heads=1, dtype="bf16", lse=True,
        where=(("causal",), ("or", ("indices", 32, "b"), ("blocks", 32, 16, "h"))),
    ),
    "cores_either": Spec(
        16, 16, heads=2, key_heads=1, dtype="f16", lse=True,
        where=(("causal",), ("or", ("window", 20, 0), ("predicate", "every_third"))),
    ),
    "cores_per_head": Spec(
        16, 16, heads=4, key_heads=2, dtype="bf16", where=(WINDOWS_OF_HEADS,), lse=True,
    ),
    "cores_sigmoid": Spec(16, 16, dtype="bf16", normaliser="sigmoid", where=(("causal",),)),
    "cores_f32_out": Spec(32, 16, dtype="bf16", out_dtype="f32", where=(("causal",),)),
    "cores_origins": Spec(
        16, 16, dtype="bf16", where=(("causal",),), align="top_left",
        origins=(("m", "row"), ("n", "tensor")),
    ),
    "cores_few": Spec(
        32, 32, heads=8, key_heads=2, dtype="bf16", queries=20, where=(("window", 30, 5),),
        key_lengths=True, lse=True,
    ),
    "cores_grouped": Spec(32, 32, heads=8, key_heads=2, dtype="f16", queries=2, lse=True),
}  # fmt: skip

# Whose masks keep what is not finite from most queries, by positions or by data.
MASKED_VALUES = [
    "cores_64", "cores_affine_weights", "cores_documents", "cores_mask", "cores_mask_booleans",
    "cores_row_gates", "cores_packed_mask", "cores_permuted", "cores_permuted_apart",
    "cores_permuted_gate", "cores_permuted_mask", "cores_tokens_causal",
]  # fmt: skip

# Whose tiles have 16 bits, and the remark that says why threads multiply them.
WITHOUT_TENSOR_CORES = {
    "threads_query_gate": Spec(
        16, 32, heads=2, key_heads=1, dtype="bf16", gates=(("query", "tanh", "bhme", False),),
    ),
    "threads_value_gate": Spec(
        16, 32, heads=2, key_heads=1, dtype="f16", gates=(("value", "sigmoid", "bknf", False),),
    ),
    "threads_large_weights": Spec(
        16, 32, heads=2, key_heads=1, dtype="f16", gates=(("value", "softplus", "bkn", False),),
    ),
}  # fmt: skip
REASONS = {
    "apart": "a product of matrices has a depth of 24 and 64 columns, no multiples of 16 and 8",
    "threads_query_gate": "the tile over the lanes is computed, and would be rounded to 16 bits",
    "threads_value_gate": "a product of matrices is not of tiles in scratch",
    "threads_large_weights": "weights that may be larger than 1 leave the range of f16",
}
ON_TENSOR_CORES = [
    "bf16", "f16", "wide", "tokens", "periodic", "periodic_rows", "periodic_rows_of_heads",
    "remainders", *TENSOR_CORES
]  # fmt: skip
SPECS |= TENSOR_CORES | WITHOUT_TENSOR_CORES

# Whose rows lie in boxes of a grid.
BOXES = {name: spec for name, spec in SPECS.items() if "boxes" in name}

# Compiled einsum by einsum.
UNFUSED = ["plain", "odd", "bf16", "features", "permuted", "gates", "segments", "tokens"]

# Whose keys are cut into runs of 64, each an item of its own.
SPLIT = ["causal", "odd", "f64", "few", "mask", "cores_features", "cores_64", "cores_grouped"]
SPLIT_FLAG = "--split=64"

LENGTHS = [(37, 53), (1, 70), (70, 1), (33, 0)]
# More than a tile of lanes, and several steps.
LONG = [(130, 200)]


def lengths(spec):
    if spec.queries is not None:
        return [(spec.queries, keys) for keys in (53, 1, 0, 200)]
    if spec.permute and spec.permute[0][0] == "both":
        return [(37, 37), (1, 1), (70, 70)]
    if spec in BOXES.values():
        return [(317, 940), (1150, 950), (7, 3), (33, 0)]
    return LENGTHS + LONG if spec in TENSOR_CORES.values() else LENGTHS


def unfused_lengths(spec):
    return (21, 21) if spec.permute else (21, 34)


# ===----------------------------------------------------------------------===//
# Values that a call refuses
# ===----------------------------------------------------------------------===//


def change_order(token):
    """Another token in a slot of the second head."""

    def change(arrays):
        order = arrays["order_both"]
        order[1, np.argmax(order[1] != 3)] = token

    return change


def change_lists(offsets, entries):
    def change(arrays):
        arrays["list0_offsets"] = np.tile(np.array(offsets, np.int32), (2, 1))
        arrays["list0_entries"] = np.tile(np.array(entries, np.int64), (2, 1))

    return change


def change_tokens(values):
    def change(arrays):
        arrays["list0"][1, 1] = -1
        arrays["list0"][1, 1][: len(values)] = values

    return change


def change_segments(offsets):
    def change(arrays):
        arrays["segments_both"] = np.tile(np.array(offsets, np.int32), (2, 1))

    return change


WRONG = [
    ("permuted", change_order(-1), "order_both holds -1 in slot .*: out of range"),
    ("permuted", change_order(29), "order_both holds 29 in slot .*: out of range"),
    ("permuted", change_order(3), "order_both holds 3 in slot .*: another slot holds it, too"),
    ("segments", change_segments([0, 9, 8, 29]), "holds 8 in slot .*: it cannot follow"),
    ("segments", change_segments([0, 9, 30]), "holds 30 in slot .*: out of range"),
    ("segments", change_segments([-1, 29]), "holds -1 in slot .*: out of range"),
    ("segments", change_segments([]), "has 0 rows or offsets where the call needs 1"),
    (
        "blocks",
        change_lists([0, 2, 3], [0, 1, 2]),
        "list0_offsets has 3 rows or offsets where .* 2",
    ),
    ("blocks", change_lists([0, 4], [0, 1, 2]), "list0_offsets holds 4 in slot .*: out of range"),
    ("blocks", change_lists([2, 1], [0, 1, 2]), "list0_offsets holds 1 in .*: it cannot follow"),
    ("blocks", change_lists([0, 2], [1, 1, 2]), "list0_entries holds 1 in .*: it cannot follow"),
    ("blocks", change_lists([0, 2], [0, 5]), "list0_entries holds 5 in slot .*: out of range"),
    ("tokens", change_tokens([4, 9, 9]), "list0 holds 9 in slot .*: it cannot follow"),
    ("tokens", change_tokens([3, -1, 5]), "list0 holds 5 in slot .*: it cannot follow"),
    ("tokens", change_tokens([4, 29]), "list0 holds 29 in slot .*: out of range"),
    ("tokens", change_tokens([-2]), "list0 holds -2 in slot .*: out of range"),
]


# ===----------------------------------------------------------------------===//
# More than one product of weights
# ===----------------------------------------------------------------------===//

# Two value operands of different width share one set of weights.
TWO_VALUES = """
func.func @attention(%q: tensor<?x16xbf16>, %k: tensor<?x16xbf16>, %v: tensor<?x8xbf16>, %w: tensor<?x32xbf16>)
    -> (tensor<?x8xf32>, tensor<?x32xf32>) {
  %r:2 = attn.cascade (%Q = %q, %K = %k, %V = %v, %W = %w)
      where causal over (m, n) align bottom_right
      : (tensor<?x16xbf16>, tensor<?x16xbf16>, tensor<?x8xbf16>, tensor<?x32xbf16>)
      -> (tensor<?x8xf32>, tensor<?x32xf32>) {
    %s = attn.einsum [m,n] = mul(%Q[m,e], %K[n,e]) reduce add(e)
        : (tensor<?x16xbf16>, tensor<?x16xbf16>) -> tensor<?x?xf32>
    %top = attn.einsum [m] = %s[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %p = attn.einsum [m,n] = map(%s[m,n], %top[m]) {
    ^bb0(%x: f32, %y: f32):
      %d = arith.subf %x, %y : f32
      %z = math.exp %d : f32
      attn.yield %z : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %sum = attn.einsum [m] = %p[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %a = attn.einsum [m,n] = div(%p[m,n], %sum[m])
        : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %av = attn.einsum [m,f] = mul(%a[m,n], %V[n,f]) reduce add(n)
        : (tensor<?x?xf32>, tensor<?x8xbf16>) -> tensor<?x8xf32>
    %aw = attn.einsum [m,f2] = mul(%a[m,n], %W[n,f2]) reduce add(n)
        : (tensor<?x?xf32>, tensor<?x32xbf16>) -> tensor<?x32xf32>
    attn.yield %av, %aw : tensor<?x8xf32>, tensor<?x32xf32>
  }
  return %r#0, %r#1 : tensor<?x8xf32>, tensor<?x32xf32>
}
"""  # noqa: E501

# Weights that nothing bounds: ReLU of scores, times SCALE.
LARGE_WEIGHTS = """
func.func @attention(%q: tensor<?x16xf16>, %k: tensor<?x16xf16>, %v: tensor<?x8xf16>) -> tensor<?x8xf32> {
  %r = attn.cascade (%Q = %q, %K = %k, %V = %v)
      : (tensor<?x16xf16>, tensor<?x16xf16>, tensor<?x8xf16>) -> tensor<?x8xf32> {
    %s = attn.einsum [m,n] = mul(%Q[m,e], %K[n,e]) reduce add(e)
        : (tensor<?x16xf16>, tensor<?x16xf16>) -> tensor<?x?xf32>
    %p = attn.einsum [m,n] = map(%s[m,n]) {
    ^bb0(%x: f32):
      %c = arith.constant SCALE : f32
      %zero = arith.constant 0.0 : f32
      %y = arith.mulf %x, %c : f32
      %z = arith.maximumf %y, %zero : f32
      attn.yield %z : f32
    } : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %sum = attn.einsum [m] = %p[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %a = attn.einsum [m,n] = div(%p[m,n], %sum[m])
        : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %av = attn.einsum [m,f] = mul(%a[m,n], %V[n,f]) reduce add(n)
        : (tensor<?x?xf32>, tensor<?x8xf16>) -> tensor<?x8xf32>
    attn.yield %av : tensor<?x8xf32>
  }
  return %r : tensor<?x8xf32>
}
"""  # noqa: E501
