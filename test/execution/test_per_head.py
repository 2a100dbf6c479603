# ===- test_per_head.py - Points that differ by head -----------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Atoms with parameters of their own in every head, and sets that read its number."""

import random
from dataclasses import replace

import numpy as np
import pytest
from operators import Spec, operands, text
from runner import decisions, judge, run, run_guarded

BASE = Spec(24, 40, heads=6, key_heads=2, lse=True)


def windows(*lefts, right=0):
    return ("per_head", *(("window", left, right) for left in lefts))


def strided(*parameters):
    return ("per_head", *(("strided", *numbers) for numbers in parameters))


# S2-Attention: a window, and strided shards of which every head has others.
SHARDS = strided(*((6, h, 8) for h in range(6)))
STRIDES = strided(*((2 + h % 3, h // 3, 4) for h in range(6)))
SET = ("affine_set_of_head", ("m - n - 7 * h", "1 - (m + n + h) mod 3"))
FORMS = {
    "windows": replace(BASE, where=(windows(0, 1, 33, 90, 33, 300),)),
    "even": replace(BASE, where=(windows(*range(15, 135, 20), right=9),), align="top_left"),
    "far": replace(BASE, where=(("causal",), windows(5, 1 << 50, 17, 1 << 41, 0, 64))),
    "shards": replace(BASE, where=(("causal",), ("or", ("window", 15, 0), SHARDS))),
    "strides": replace(BASE, where=(("causal",), ("or", ("window", 9, 0), STRIDES))),
    "blocks": replace(
        BASE, where=(("per_head", *(("block_diagonal", n) for n in (16, 33, 16, 50, 7, 33))),)
    ),
    "dilated": replace(
        BASE,
        where=(("per_head", *(("dilated", 20 * (h + 1), 1 + h % 4) for h in range(6))),),
    ),
    "set": replace(BASE, where=(SET,)),
    "not": replace(
        BASE, where=(("or", ("not", windows(3, 40, 12, 7, 7, 100)), ("prefix", 5)), ("causal",))
    ),
    # Steps of one: every key of every head.
    "everywhere": replace(
        BASE, where=(("or", strided(*((1, 0, 1 + h) for h in range(6))), ("not", ("prefix", 9))),)
    ),
    "not_strides": replace(BASE, where=(("not", STRIDES), ("window", 40, 3))),
    "leading": replace(
        BASE,
        where=(
            ("causal",),
            ("or", windows(7, 15, 31, 7, 15, 31),
             ("per_head", *(("leading", 3 * h) for h in range(6)))),
        ),
    ),
    # Heads of other kinds, each where a set of its number holds.
    "kinds": replace(
        BASE,
        where=(
            ("causal",),
            ("or",
             ("and", ("affine_set_of_head", ("1 - h",)), ("neighborhood", (25,))),
             ("and", ("affine_set_of_head", ("h - 2", "3 - h")), ("power_of_two", 8)),
             ("and", ("affine_set_of_head", ("h - 4",)), ("radial", 9, 30, 1.0, 4)),
             ("window", 5, 0)),
        ),
    ),
    "lengths": replace(
        BASE, where=(windows(9, 18, 36, 72, 144, 288, right=4),), key_lengths=True,
        query_lengths=True,
    ),
    "origins": replace(
        BASE, where=(("causal",), ("or", windows(3, 60, 9, 30, 0, 11), SET)), offset="row",
        align="offset", origins=(("h", "index"), ("m", "index"), ("n", "row")),
    ),
    "one_group": replace(BASE, key_heads=1, where=(windows(0, 1, 33, 90, 33, 300),)),
    "no_group": replace(BASE, key_heads=6, where=(SHARDS,), dtype="f64"),
    "bf16": replace(BASE, where=(windows(10, 20, 40, 80, 10, 20), ("causal",)), dtype="bf16"),
    "decode": replace(BASE, queries=1, where=(windows(0, 1, 33, 90, 33, 300),)),
}  # fmt: skip
SHAPES = [(113, 239), (239, 113), (1, 300), (300, 1), (2, 3), (0, 5), (5, 0), (180, 180)]


def shapes(spec):
    return [(spec.queries or m, n) for m, n in SHAPES if not spec.queries or m == 1]


@pytest.mark.parametrize("name", FORMS)
def test_fused(kernels, name, seed):
    spec = FORMS[name]
    assert "cannot be planned" not in decisions(text(spec), "plan,form")
    kernel = kernels.get(spec)
    for index, (m, n) in enumerate(shapes(spec)):
        data = operands(spec, 2, m, n, np.random.default_rng([seed, index]))
        judge(data, run(kernel, data), seed + index)


@pytest.mark.parametrize("name", ["windows", "strides", "blocks", "origins", "everywhere"])
def test_unfused(kernels, name, seed):
    spec = FORMS[name]
    kernel = kernels.get(spec, "--form=unfused")
    for index, (m, n) in enumerate([(23, 39), (39, 23), (2, 3)]):
        data = operands(spec, 2, m, n, np.random.default_rng([seed, index]))
        judge(data, run(kernel, data), seed + index)


def random_term(rng, heads):
    """Random arrays, with or without numbers that heads share."""
    name = rng.choice(["window", "prefix", "leading", "block_diagonal", "dilated", "strided"])
    some = [int(2 ** rng.uniform(0, 7)) for _ in range(3)]

    def atom():
        number, step = rng.choice(some), rng.randint(1, 4)
        return {
            "window": (name, number - 1, rng.choice([0, 5])),
            "dilated": (name, number, step),
            "strided": (name, step, rng.randrange(step), rng.choice([1, 4])),
        }.get(name, (name, number))

    return ("per_head", *(atom() for _ in range(heads)))


@pytest.mark.parametrize("index", range(6))
def test_random(kernels, index, seed):
    rng = random.Random(seed * 100 + index)
    key_heads, group = rng.randint(1, 2), rng.randint(1, 3)
    terms = [random_term(rng, key_heads * group) for _ in range(2)]
    other = rng.choice([("causal",), ("window", 20, 6), ("not", ("prefix", 9))])
    where = rng.choice([
        (terms[0], other), (("or", *terms), other), (("or", terms[0], other),), (("not", terms[0]),)
    ])  # fmt: skip
    spec = replace(BASE, heads=key_heads * group, key_heads=key_heads, where=where)
    kernel = kernels.get(spec)
    for m, n in [(rng.randint(1, 150), rng.randint(1, 150)) for _ in range(3)]:
        data = operands(spec, 1, m, n, np.random.default_rng([seed, m, n]))
        judge(data, run(kernel, data), seed)


def test_members_of_a_group_share_no_lanes(kernels, seed):
    """Of heads that differ, where no query is known to have others beside it."""
    spec = FORMS["decode"]
    kernel = kernels.get(spec, "--lane-tiles=16")
    for m, n in shapes(spec):
        data = operands(spec, 2, m, n, np.random.default_rng([seed, n]))
        judge(data, run(kernel, data), seed)


@pytest.mark.parametrize("guard", ["begin", "end"])
def test_at_page_borders(kernels, guard, seed):
    spec = FORMS["windows"]
    data = operands(spec, 1, 150, 170, np.random.default_rng(seed))
    judge(data, run_guarded(kernels.get(spec), data, "bhmd", guard, seed), seed)
