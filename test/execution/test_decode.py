# ===- test_decode.py - Few queries, known when compiled -------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Operators with one or a few queries: an item holds all rows that read the same keys,
and each einsum has lanes of its own; or heads of a group fill the lanes, and every row
of the plane is an item with a plan of its own."""

from dataclasses import replace

import numpy as np
import pytest
from operators import Spec, operands, text
from runner import decisions, judge, run, run_guarded

BASE = Spec(24, 40, heads=8, key_heads=2, lse=True)
# And the rank that items are tiles of.
TILE, QUERIES = "<tile = m", "<lanes = m"
FORMS = {
    "one": (replace(BASE, queries=1), "<tile = g"),
    "causal": (replace(BASE, queries=1, where=(("causal",),)), "<tile = g"),
    "lengths": (replace(BASE, queries=1, where=(("causal",),), key_lengths=True), TILE),
    "window": (replace(BASE, queries=2, where=(("window", 60, 3),)), TILE),
    "causal_of_three": (replace(BASE, queries=3, where=(("causal",),), sinks=True), TILE),
    "rows_of_lengths": (
        replace(
            BASE, queries=3, where=(("causal",), ("window", 90, 0)), key_lengths=True,
            query_lengths=True,
        ),
        TILE,
    ),
    "prefix": (
        replace(BASE, queries=2, where=(("or", ("causal",), ("prefix", 40)),), align="top_left"),
        TILE,
    ),
    "origins": (
        replace(
            BASE, queries=2, where=(("causal",),), align="offset", offset="row",
            origins=(("m", "index"), ("n", "row")),
        ),
        TILE,
    ),
    "region": (
        replace(BASE, queries=2, where=(("window", 100, 9),), region="alibi", bias="hmn"),
        TILE,
    ),
    "strided": (replace(BASE, queries=1, where=(("strided", 5, 2, 8),)), TILE),
    "bf16": (
        replace(BASE, queries=1, where=(("causal",),), key_lengths=True, dtype="bf16"), TILE,
    ),
    "f16": (replace(BASE, queries=2, where=(("window", 50, 0),), dtype="f16"), TILE),
    "f64": (replace(BASE, queries=1, where=(("window", 77, 0),), dtype="f64"), TILE),
    # More than one tile of lanes, for each of which the row is the same.
    "many_heads": (
        replace(BASE, heads=50, key_heads=1, queries=2, where=(("window", 30, 0),)),
        "<lanes = g",
    ),
    # More rows than an item holds: heads are items.
    # Groups that a register tile of scores takes part by part.
    "five": (replace(BASE, heads=10, queries=2, where=(("causal",),)), TILE),
    "seven": (replace(BASE, heads=14, queries=1, sinks=True), "<tile = g"),
    "nine_bf16": (
        replace(BASE, heads=9, key_heads=1, queries=1, dtype="bf16", softcap=20.0), "<tile = g",
    ),
    "three_of_six": (
        replace(BASE, heads=2, key_heads=1, queries=6, where=(("window", 90, 0),)), TILE,
    ),
    "many_rows": (replace(BASE, heads=16, queries=12, where=(("causal",),)), TILE),
    "per_head": (
        replace(BASE, queries=2, where=(("strided", 5, 2, 8),), bias="hmn", softcap=20.0),
        TILE,
    ),
    "gates": (
        replace(
            BASE, queries=2, where=(("causal",),),
            gates=(("value", "sigmoid", "bkn", False), ("output", "sigmoid", "bhmf", False)),
        ),
        TILE,
    ),
    "no_group": (replace(BASE, heads=2, queries=1, where=(("window", 9, 0),)), TILE),
    "as_many": (replace(BASE, queries=4, where=(("causal",),)), TILE),
    "most_of_a_vector": (replace(BASE, queries=13, where=(("causal",),)), QUERIES),
    # Rows with lists of their own.
    "tokens": (replace(BASE, queries=1, where=(("indices", 1, "b"),)), TILE),
    "tokens_causal": (replace(BASE, queries=2, where=(("causal",), ("indices", 1, "b"))), TILE),
    "tokens_of_both": (replace(BASE, queries=2, where=(("causal",), ("indices", 4, "b"))), TILE),
    "tokens_of_heads": (
        replace(BASE, queries=1, where=(("indices", 16, "h"),), key_lengths=True), TILE,
    ),
    "tokens_bf16": (
        replace(BASE, queries=1, where=(("indices", 1, "b"),), dtype="bf16", softcap=20.0), TILE,
    ),
    "tokens_beside": (
        replace(
            BASE, queries=2, where=(("causal",), ("or", ("indices", 1, "b"), ("window", 9, 0))),
        ),
        TILE,
    ),
    "tokens_many_heads": (
        replace(BASE, heads=50, key_heads=1, queries=2, where=(("indices", 1, "b"), ("causal",))),
        "<lanes = g",
    ),
    "tokens_mask": (
        replace(
            BASE, heads=16, key_heads=1, queries=2, where=(("indices", 1, "b"), ("mask", "mn")),
        ),
        "<lanes = g",
    ),
    "tokens_of_more": (replace(BASE, queries=3, where=(("indices", 2, "b"),)), "<lanes = g"),
    "blocks": (
        replace(BASE, queries=2, where=(("causal",), ("blocks", 1, 32, "b")), bias="hmn"), TILE,
    ),
    "blocks_f16": (replace(BASE, queries=1, where=(("blocks", 64, 7, ""),), dtype="f16"), TILE),
    "blocks_two_lists": (
        replace(BASE, queries=2, where=(("or", ("blocks", 1, 32, "b"), ("blocks", 3, 20, "")),)),
        TILE,
    ),
    "tokens_or_blocks": (
        replace(
            BASE, queries=3,
            where=(("or", ("indices", 3, "b"), ("blocks", 4, 20, "h")), ("causal",)),
        ),
        TILE,
    ),
    # These walk their rows in tiles.
    "dilated": (replace(BASE, queries=2, where=(("dilated", 60, 4),)), QUERIES),
    "permuted": (
        replace(
            BASE, queries=2, permute=(("query", ""), ("key", "")),
            where=(("permuted", ("window", 5, 5)),),
        ),
        QUERIES,
    ),
}  # fmt: skip


def shapes(spec):
    return [(spec.queries, keys) for keys in (1, 2, 47, 64, 113, 300, 1023, 0)]


@pytest.mark.parametrize("name", FORMS)
def test_few_queries(kernels, name, seed):
    spec, rank = FORMS[name]
    mapping = decisions(text(spec), "mapping")
    assert f"{rank} by" in mapping, mapping
    kernel = kernels.get(spec)
    for index, (m, n) in enumerate(shapes(spec)):
        data = operands(spec, 2, m, n, np.random.default_rng([seed, index]))
        judge(data, run(kernel, data), seed + index)


@pytest.mark.parametrize("guard", ["begin", "end"])
@pytest.mark.parametrize("name", ["causal", "rows_of_lengths", "bf16"])
def test_at_page_borders(kernels, guard, name, seed):
    spec, _ = FORMS[name]
    kernel = kernels.get(spec)
    # Of the last, rows are asked for ahead of time.
    for n in (113, 300, 3401):
        data = operands(spec, 3, spec.queries, n, np.random.default_rng([seed, n]))
        judge(data, run_guarded(kernel, data, "bhmd", guard, n), seed)


# Features that fill no vectors or many, rows that fill no register tile.
@pytest.mark.parametrize("dtype", ["f32", "bf16", "f16", "f64"])
@pytest.mark.parametrize("features", [(64, 80), (128, 128), (192, 33), (7, 5)])
@pytest.mark.parametrize("rows", [(1, 1), (4, 1), (3, 5), (8, 4)])
def test_features_as_lanes(kernels, dtype, features, rows, seed):
    group, queries = rows
    spec = Spec(
        *features, heads=2 * group, key_heads=2, queries=queries, dtype=dtype,
        where=(("causal",), ("window", 200, 0)), key_lengths=True,
    )  # fmt: skip
    assert f"{TILE} by [{queries}]" in decisions(text(spec), "mapping")
    kernel = kernels.get(spec)
    for index, n in enumerate((3, 61, 64, 517)):
        data = operands(spec, 1, queries, n, np.random.default_rng([seed, index]))
        judge(data, run(kernel, data), seed + index)
