# ===- test_periodic.py - Keys that come back with a period ----*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Sparsity with an atom that names the same scattered keys for every row, or for rows of
one remainder: they are walked as a list of tokens is, alone and beside ranges, wherever
positions begin."""

from dataclasses import replace

import pytest
from operators import Spec, text
from runner import (
    check_counts,
    check_page_borders,
    check_several_steps,
    check_shapes,
    decisions,
)

BASE = Spec(24, 40, heads=4, key_heads=2, lse=True)
EACH = ("strided", 5, 2)
BLOCKS = ("strided", 3, 1, 20)
# The last keys of every block and the first ones of the next: a run without key 0.
AROUND = ("affine_set", ("5 - (n + 3) mod 16",))
LAST = ("affine_set", ("n mod 48 - 40",))
DILATED = ("dilated", 300, 4)
HEADS = ("per_head", *(("strided", 4 + h, h, 7) for h in range(4)))
# Rows next to each other in one head, and up to six apart in others.
DILATED_HEADS = ("per_head", *(("dilated", 60 + 90 * h, max(2 * h, 1)) for h in range(4)))
FORMS = {
    "alone": replace(BASE, where=(EACH,)),
    "around": replace(BASE, where=(AROUND,)),
    "causal": replace(BASE, where=(("causal",), BLOCKS)),
    "long": replace(BASE, where=(("strided", 2, 0, 50), ("window", 150, 40))),
    "window_or": replace(BASE, where=(("causal",), ("or", ("window", 20, 0), EACH))),
    # Sparse Transformer, fixed: a block, and the last keys of those before it.
    "fixed": replace(
        BASE, where=(("causal",), ("or", ("block_diagonal", 48), LAST)), align="top_left"
    ),
    "heads": replace(BASE, where=(("causal",), ("or", ("window", 31, 0), HEADS))),
    "heads_alone": replace(BASE, where=(HEADS, ("window", 90, 9)), align="top_left"),
    "ranges_first": replace(BASE, where=(("or", ("leading", 9), ("and", EACH, ("causal",))),)),
    "lengths": replace(
        BASE, where=(("or", BLOCKS, ("window", 9, 9)), ("causal",)), key_lengths=True,
        query_lengths=True,
    ),
    "origins": replace(
        BASE, where=(("or", AROUND, ("window", 12, 3)),), origins=(("m", "index"), ("n", "row")),
        offset="row", align="offset",
    ),
    "heads_from": replace(
        BASE, where=(HEADS,), origins=(("h", "tensor"), ("n", "index")), offset="row",
        align="offset",
    ),
    "mask": replace(BASE, where=(EACH, ("mask", "bhmn"))),
    "or_mask": replace(BASE, where=(("or", AROUND, ("mask", "bmn")), ("causal",))),
    "predicate": replace(BASE, where=(("or", BLOCKS, ("predicate", "every_third")),)),
    "region": replace(BASE, where=(("or", EACH, ("window", 7, 0)),), region="alibi", bias="hmn"),
    "gates": replace(
        BASE, where=(("causal",), ("or", LAST, ("window", 30, 0))),
        gates=(("value", "sigmoid", "bhn", False), ("weight", "sigmoid", "bmn", True)),
    ),
    "decode": replace(BASE, queries=1, where=(("or", ("window", 31, 0), EACH),)),
    "few": replace(BASE, queries=3, where=(("or", ("window", 31, 0), HEADS), ("causal",))),
    "bf16": replace(BASE, where=(("causal",), ("or", ("window", 20, 0), BLOCKS)), dtype="bf16"),
    "f64": replace(BASE, where=(("or", ("window", 20, 0), AROUND),), dtype="f64"),
    "both": replace(BASE, where=(EACH, BLOCKS, ("causal",))),
    # Longformer: a window, every fourth token of a longer one, and the first tokens.
    "longformer": replace(
        BASE, where=(("causal",), ("or", ("window", 63, 0), DILATED, ("leading", 3)))
    ),
    "dilated_or": replace(BASE, where=(("or", ("window", 20, 9), DILATED),), align="top_left"),
    "dilated_lengths": replace(
        BASE, where=(DILATED, ("causal",)), key_lengths=True, query_lengths=True
    ),
    "dilated_prefix": replace(BASE, where=(("dilated", 60, 7), ("prefix", 150))),
    "dilated_origins": replace(
        BASE, where=(("or", DILATED, ("window", 12, 3)),),
        origins=(("m", "index"), ("n", "row")), offset="row", align="offset",
    ),
    "dilated_mask": replace(BASE, where=(("or", DILATED, ("mask", "bmn")), ("causal",))),
    "dilated_predicate": replace(BASE, where=(("or", DILATED, ("predicate", "every_third")),)),
    "dilated_region": replace(
        BASE, where=(("or", DILATED, ("window", 7, 0)),), region="alibi", bias="hmn"
    ),
    "dilated_gates": replace(
        BASE, where=(("causal",), ("or", DILATED, ("window", 30, 0))),
        gates=(("query", "sigmoid", "bhm", False), ("output", "sigmoid", "bhmf", False)),
    ),
    "dilated_bf16": replace(BASE, where=(("or", ("window", 31, 0), DILATED),), dtype="bf16"),
    "dilated_steps": replace(BASE, where=(("or", DILATED, ("power_of_two", 32)),)),
    # More remainders than rows.
    "dilated_far": replace(BASE, where=(("dilated", 1 << 40, 1 << 30), ("prefix", 150))),
    "dilated_few": replace(BASE, queries=3, where=(("or", DILATED, ("window", 9, 0)),)),
    "dilated_heads": replace(
        BASE, where=(("causal",), ("or", ("window", 20, 0), DILATED_HEADS, ("leading", 3)))
    ),
    "dilated_heads_alone": replace(BASE, where=(DILATED_HEADS,), align="top_left"),
    "dilated_windows": replace(
        BASE, where=(("per_head", *(("dilated", 60 + 90 * h, 3) for h in range(4))), ("causal",))
    ),
    "dilated_heads_lengths": replace(
        BASE, where=(DILATED_HEADS, ("window", 200, 40)), key_lengths=True, query_lengths=True,
    ),
    "dilated_heads_from": replace(
        BASE, where=(("or", DILATED_HEADS, ("window", 12, 3)),),
        origins=(("h", "tensor"), ("m", "index"), ("n", "row")), offset="row", align="offset",
    ),
    "dilated_heads_mask": replace(
        BASE, where=(("or", DILATED_HEADS, ("mask", "bhmn")), ("causal",)), sinks=True,
    ),
    "dilated_heads_region": replace(
        BASE, where=(DILATED_HEADS, ("prefix", 150)), region="alibi", bias="hmn", dtype="bf16",
    ),
    "dilated_heads_gates": replace(
        BASE, where=(DILATED_HEADS, ("causal",)),
        gates=(("query", "sigmoid", "bhm", False), ("output", "sigmoid", "bhmf", False)),
    ),
    "dilated_heads_few": replace(BASE, queries=3, where=(DILATED_HEADS,)),
    # Walked as ranges: either of two such atoms, none but such keys, and other walks.
    "two": replace(BASE, where=(("or", EACH, BLOCKS), ("causal",))),
    "not": replace(BASE, where=(("not", EACH), ("causal",))),
    "segments": replace(BASE, where=(("or", EACH, ("window", 9, 0)),), segments=(("both", "b"),)),
    "slots": replace(
        BASE, where=(("permuted", EACH), ("causal",)), permute=(("both", "h"),)
    ),
    "dilated": replace(BASE, where=(("dilated", 90, 3), EACH)),
    "short_dilated": replace(BASE, where=(("or", ("dilated", 90, 3), ("window", 9, 0)),)),
    "grid": replace(BASE, where=(("neighborhood", (5, 7), (("grid", (19, 21)),)), EACH)),
}  # fmt: skip
AS_RANGES = {
    "two",
    "not",
    "segments",
    "slots",
    "grid",
    "short_dilated",
    "dilated_few",
    "dilated_heads_few",
}


@pytest.mark.parametrize("name", FORMS)
def test_fused(kernels, name, seed):
    check_several_steps(kernels, FORMS[name], seed)


@pytest.mark.parametrize(
    "name", ["around", "heads", "origins", "dilated_origins", "dilated_heads_from"]
)
def test_unfused(kernels, name, seed):
    check_shapes(kernels, FORMS[name], "unfused", [(23, 99), (99, 23), (2, 3), (5, 0)], seed)


@pytest.mark.parametrize("guard", ["begin", "end"])
@pytest.mark.parametrize(
    "name", ["alone", "window_or", "heads", "bf16", "longformer", "dilated_heads"]
)
def test_at_page_borders(kernels, name, guard, seed):
    check_page_borders(kernels, FORMS[name], guard, seed)


@pytest.mark.parametrize(
    "name", ["around", "fixed", "heads", "lengths", "longformer", "dilated_heads"]
)
def test_counts(kernels, name, seed):
    check_counts(kernels, FORMS[name], 200, 200, seed)


@pytest.mark.parametrize("name", FORMS)
def test_walk(name):
    """Which operators walk such keys, and what says so where ranges are walked."""
    said = decisions(text(FORMS[name]), "plan")
    assert ("periodic" in said) == (name not in AS_RANGES)
    if name in AS_RANGES - {"grid"}:
        assert "leaves one in" in said
