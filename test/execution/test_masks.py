# ===- test_masks.py - Dense masks ------------------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Masks of the call, over any of the ranks of a score, beside other atoms."""

from dataclasses import replace

import numpy as np
import pytest
from operators import Spec, operands
from runner import check_shapes, judge, run, run_guarded

BASE = Spec(24, 40, heads=4, key_heads=2, lse=True)
FORMS = {
    "all_ranks": replace(BASE, where=(("mask", "bhmn"),)),
    "plane": replace(BASE, where=(("mask", "mn"), ("causal",))),
    "keys": replace(BASE, where=(("causal",), ("mask", "bn"))),
    "rows": replace(BASE, where=(("mask", "hm"), ("window", 40, 10))),
    "heads": replace(BASE, where=(("mask", "h"), ("causal",))),
    "turned": replace(BASE, where=(("mask", "nmb"), ("window", 60, 0)), align="top_left"),
    "two": replace(BASE, where=(("mask", "bn"), ("mask", "bm"), ("causal",))),
    "lengths": replace(
        BASE, where=(("mask", "bmn"),), key_lengths=True, query_lengths=True, sinks=True
    ),
    "union": replace(
        BASE, where=(("or", ("window", 8, 0), ("prefix", 30)), ("mask", "bhmn"), ("causal",))
    ),
    "origins": replace(
        BASE, where=(("causal",), ("mask", "bmn")), offset="row", align="offset",
        origins=(("m", "index"), ("n", "row")),
    ),
    "per_head": replace(
        BASE,
        where=(("mask", "bmn"), ("per_head", *(("window", left, 0) for left in (3, 30, 9, 70)))),
    ),
    "grid": replace(BASE, where=(("neighborhood", (3, 5), (("grid", (9, 13)),)), ("mask", "mn"))),
    "dilated": replace(BASE, where=(("dilated", 90, 3), ("mask", "mn"))),
    "region": replace(BASE, where=(("mask", "mn"),), region="alibi", bias="hmn"),
    "bf16": replace(BASE, where=(("mask", "bmn"), ("causal",)), dtype="bf16"),
    "f64": replace(BASE, where=(("mask", "bhmn"),), dtype="f64"),
    "sigmoid": replace(BASE, where=(("mask", "bmn"),), normaliser="sigmoid", lse=False),
    "decode": replace(BASE, queries=1, where=(("mask", "bhn"),)),
    "booleans": replace(BASE, where=(("mask", "bhmn"), ("causal",)), mask_dtype="i1"),
    "booleans_turned": replace(BASE, where=(("mask", "nm"),), mask_dtype="i1", dtype="bf16"),
}  # fmt: skip
WINDOWS = ("per_head", *(("window", left, 0) for left in (3, 30, 9, 70)))
# Whose masks stand elsewhere than in the outermost 'and'.
ELSEWHERE = {
    "or": replace(BASE, where=(("or", ("window", 9, 0), ("mask", "bmn")), ("causal",))),
    "booleans": replace(BASE, where=(("not", ("mask", "bmn")), ("mask", "hn")), mask_dtype="i1"),
    "not": replace(BASE, where=(("not", ("mask", "hmn")),)),
    "neither": replace(
        BASE, where=(("not", ("or", ("mask", "bn"), ("window", 3, 5))), ("mask", "hmn"))
    ),
    "either": replace(
        BASE,
        where=(
            ("or", ("and", ("mask", "bn"), ("prefix", 40)), ("and", ("mask", "hm"), ("causal",))),
        ),
    ),
    "excluded": replace(
        BASE, where=(("causal",), ("or", ("not", ("mask", "bmn")), ("block_diagonal", 16)))
    ),
    "per_head": replace(BASE, where=(("or", WINDOWS, ("mask", "bn")), ("causal",))),
    "of_head": replace(
        BASE,
        where=(("or", ("affine_set_of_head", ("m - n - 9 * h",)), ("mask", "bmn")), ("causal",)),
    ),
    "keys_counted": replace(BASE, where=(("or", ("neighborhood", (9,)), ("mask", "bn")),)),
    "grid": replace(
        BASE, where=(("or", ("neighborhood", (3, 5), (("grid", (9, 13)),)), ("mask", "mn")),)
    ),
    "values": replace(
        BASE, where=(("or", ("power_of_two", 4), ("strided", 7, 2), ("mask", "bmn")), ("causal",))
    ),
    "dilated": replace(BASE, where=(("dilated", 90, 3), ("not", ("mask", "mn")))),
    "lengths": replace(
        BASE, where=(("or", ("window", 20, 9), ("mask", "bmn")),), key_lengths=True,
        query_lengths=True, sinks=True,
    ),
    "origins": replace(
        BASE, where=(("or", ("prefix", 60), ("mask", "bmn")), ("or", ("causal",), ("mask", "bn"))),
        offset="row", align="offset", origins=(("h", "tensor"), ("m", "index"), ("n", "row")),
    ),
    "top_left": replace(
        BASE, where=(("or", ("causal",), ("mask", "bmn")),), align="top_left", dtype="bf16"
    ),
    "decode": replace(BASE, queries=1, where=(("or", ("window", 30, 0), ("mask", "bhn")),)),
}  # fmt: skip
SHAPES = [(113, 239), (239, 113), (1, 300), (300, 1), (2, 3), (0, 5), (5, 0), (117, 117)]


@pytest.mark.parametrize("name", FORMS)
def test_fused(kernels, name, seed):
    check_shapes(kernels, FORMS[name], "fused", SHAPES, seed)


@pytest.mark.parametrize("name", ["all_ranks", "turned", "lengths", "origins", "booleans"])
def test_unfused(kernels, name, seed):
    check_shapes(kernels, FORMS[name], "unfused", [(23, 39), (39, 23), (2, 3), (5, 0)], seed)


@pytest.mark.parametrize("form", ["fused", "unfused"])
@pytest.mark.parametrize("name", ELSEWHERE)
def test_elsewhere(kernels, name, form, seed):
    shapes = SHAPES if form == "fused" else [(23, 39), (39, 23)]
    check_shapes(kernels, ELSEWHERE[name], form, shapes, seed)


@pytest.mark.parametrize("guard", ["begin", "end"])
@pytest.mark.parametrize("name", ["all_ranks", "keys", "booleans"])
def test_at_page_borders(kernels, name, guard, seed):
    spec = FORMS[name]
    data = operands(spec, 1, 150, 171, np.random.default_rng(seed))
    judge(data, run_guarded(kernels.get(spec), data, "bhmd", guard, seed), seed)


def test_nan_where_masked(kernels):
    """What stands at a dead key never reaches a result, and is no 0 times NaN."""
    spec = FORMS["keys"]
    data = operands(spec, 2, 90, 140, np.random.default_rng(5))
    dead = data.arrays["list0"] == 0
    for b in range(2):
        data.arrays["k"][b][:, dead[b]] = np.nan
        data.arrays["v"][b][:, dead[b]] = np.inf
    judge(data, run(kernels.get(spec), data), 5)
