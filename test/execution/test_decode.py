# ===- test_decode.py - Few queries, known when compiled -------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Operators with one or a few queries: heads of a group may fill the lanes, and then
every row of the plane is an item with a plan of its own."""

from dataclasses import replace

import numpy as np
import pytest
from operators import Spec, operands, text
from runner import decisions, judge, run, run_guarded

BASE = Spec(24, 40, heads=8, key_heads=2, lse=True)
# Whether the queries are the lanes.
FORMS = {
    "one": (replace(BASE, queries=1), False),
    "causal": (replace(BASE, queries=1, where=(("causal",),)), False),
    "lengths": (replace(BASE, queries=1, where=(("causal",),), key_lengths=True), False),
    "window": (replace(BASE, queries=2, where=(("window", 60, 3),)), False),
    "causal_of_three": (replace(BASE, queries=3, where=(("causal",),), sinks=True), False),
    "rows_of_lengths": (
        replace(
            BASE, queries=3, where=(("causal",), ("window", 90, 0)), key_lengths=True,
            query_lengths=True,
        ),
        False,
    ),
    "prefix": (
        replace(BASE, queries=2, where=(("or", ("causal",), ("prefix", 40)),), align="top_left"),
        False,
    ),
    "origins": (
        replace(
            BASE, queries=2, where=(("causal",),), align="offset", offset="row",
            origins=(("m", "index"), ("n", "row")),
        ),
        False,
    ),
    "region": (
        replace(BASE, queries=2, where=(("window", 100, 9),), region="alibi", bias="hmn"),
        False,
    ),
    "strided": (replace(BASE, queries=1, where=(("strided", 5, 2, 8),)), False),
    "bf16": (replace(BASE, queries=1, where=(("causal",),), key_lengths=True, dtype="bf16"), False),
    "f16": (replace(BASE, queries=2, where=(("window", 50, 0),), dtype="f16"), False),
    "f64": (replace(BASE, queries=1, where=(("window", 77, 0),), dtype="f64"), False),
    # More than one tile of lanes, for each of which the row is the same.
    "many_heads": (
        replace(BASE, heads=50, key_heads=1, queries=2, where=(("window", 30, 0),)), False,
    ),
    # These walk their rows in tiles.
    "no_group": (replace(BASE, heads=2, queries=1, where=(("window", 9, 0),)), True),
    "as_many": (replace(BASE, queries=4, where=(("causal",),)), True),
    "dilated": (replace(BASE, queries=2, where=(("dilated", 60, 4),)), True),
    "permuted": (
        replace(
            BASE, queries=2, permute=(("query", ""), ("key", "")),
            where=(("permuted", ("window", 5, 5)),),
        ),
        True,
    ),
}  # fmt: skip


def shapes(spec):
    return [(spec.queries, keys) for keys in (1, 2, 47, 64, 113, 300, 1023, 0)]


@pytest.mark.parametrize("name", FORMS)
def test_few_queries(kernels, name, seed):
    spec, rows_are_lanes = FORMS[name]
    mapping = decisions(text(spec), "mapping")
    assert ("<lanes = m by" in mapping) == rows_are_lanes, mapping
    kernel = kernels.get(spec)
    for index, (m, n) in enumerate(shapes(spec)):
        data = operands(spec, 2, m, n, np.random.default_rng([seed, index]))
        judge(data, run(kernel, data), seed + index)


@pytest.mark.parametrize("guard", ["begin", "end"])
@pytest.mark.parametrize("name", ["causal", "rows_of_lengths", "bf16"])
def test_at_page_borders(kernels, guard, name, seed):
    spec, _ = FORMS[name]
    kernel = kernels.get(spec)
    for n in (113, 300):
        data = operands(spec, 3, spec.queries, n, np.random.default_rng([seed, n]))
        judge(data, run_guarded(kernel, data, "bhmd", guard, n), seed)
