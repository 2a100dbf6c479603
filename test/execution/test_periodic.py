# ===- test_periodic.py - Keys that come back with a period ----*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Sparsity with an atom that names the same scattered keys for every row: they are
walked as a list of tokens is, alone and beside ranges, wherever positions begin."""

from dataclasses import replace

import pytest
from operators import Spec, text
from runner import check_counts, check_page_borders, check_shapes, decisions

BASE = Spec(24, 40, heads=4, key_heads=2, lse=True)
EACH = ("strided", 5, 2)
BLOCKS = ("strided", 3, 1, 20)
# The last keys of every block and the first ones of the next: a run without key 0.
AROUND = ("affine_set", ("5 - (n + 3) mod 16",))
LAST = ("affine_set", ("n mod 48 - 40",))
HEADS = ("per_head", *(("strided", 4 + h, h, 7) for h in range(4)))
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
    # Walked as ranges: either of two such atoms, none but such keys, and other walks.
    "two": replace(BASE, where=(("or", EACH, BLOCKS), ("causal",))),
    "not": replace(BASE, where=(("not", EACH), ("causal",))),
    "segments": replace(BASE, where=(("or", EACH, ("window", 9, 0)),), segments=(("both", "b"),)),
    "slots": replace(
        BASE, where=(("permuted", EACH), ("causal",)), permute=(("both", "h"),)
    ),
    "dilated": replace(BASE, where=(("dilated", 90, 3), EACH)),
    "grid": replace(BASE, where=(("neighborhood", (5, 7), (("grid", (19, 21)),)), EACH)),
}  # fmt: skip
AS_RANGES = {"two", "not", "segments", "slots", "grid"}
SHAPES = [(113, 399), (399, 113), (1, 300), (300, 1), (2, 3), (0, 5), (5, 0), (401, 401)]
EQUAL = [(113, 113), (1, 1), (48, 48), (401, 401)]


@pytest.mark.parametrize("name", FORMS)
def test_fused(kernels, name, seed):
    spec = FORMS[name]
    shapes = EQUAL if spec.permute else [s for s in SHAPES if s[0] > 0 or not spec.segments]
    check_shapes(kernels, spec, "fused", shapes, seed)


@pytest.mark.parametrize("name", ["around", "heads", "origins"])
def test_unfused(kernels, name, seed):
    check_shapes(kernels, FORMS[name], "unfused", [(23, 99), (99, 23), (2, 3), (5, 0)], seed)


@pytest.mark.parametrize("guard", ["begin", "end"])
@pytest.mark.parametrize("name", ["alone", "window_or", "heads", "bf16"])
def test_at_page_borders(kernels, name, guard, seed):
    check_page_borders(kernels, FORMS[name], guard, seed)


@pytest.mark.parametrize("name", ["around", "fixed", "heads", "lengths"])
def test_counts(kernels, name, seed):
    check_counts(kernels, FORMS[name], 200, 200, seed)


@pytest.mark.parametrize("name", FORMS)
def test_walk(name):
    """Which operators walk such keys, and what says so where ranges are walked."""
    said = decisions(text(FORMS[name]), "plan")
    assert ("periodic" in said) == (name not in AS_RANGES)
    if name in AS_RANGES - {"grid"}:
        assert "leaves one in" in said
