# ===- test_many_parts.py - More parts than a plan has ---------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Terms that no plan has room for are fused, and tested at every point that the others
leave."""

from dataclasses import replace

import pytest
from operators import Spec, text
from runner import check_counts, check_page_borders, check_shapes, decisions

BASE = Spec(24, 40, heads=4, key_heads=2, lse=True)
# Seventeen bands of keys, and eighteen of diagonals.
KEYS = ("or", *(("and", ("prefix", 13 * i + 6), ("not", ("prefix", 13 * i))) for i in range(17)))
DIAGONALS = (
    "or", *(("and", ("window", 11 * i + 5, 0), ("not", ("window", 11 * i, 0))) for i in range(18)),
)  # fmt: skip
SLOTS = (
    "or",
    *(
        ("and", ("permuted", ("window", 11 * i + 5, 0)), ("not", ("permuted", ("prefix", 7 * i))))
        for i in range(17)
    ),
)
# Bands that hold whole steps, and leave others out.
WIDE = (
    "or",
    *(
        ("and", ("window", 300 * i + 200, 0), ("not", ("window", 300 * i, 0)))
        for i in range(17)
    ),
)  # fmt: skip
SIZES = (16, 50, 127, 9, 33, 70)
BY_HEAD = ("not", ("per_head", *(("block_diagonal", n) for n in SIZES)))
FORMS = {
    "keys": replace(BASE, where=(KEYS,)),
    "diagonals": replace(BASE, where=(DIAGONALS,), align="top_left"),
    "causal": replace(BASE, where=(KEYS, ("causal",)), sinks=True),
    # Each fits, both do not.
    "both": replace(
        BASE, where=(("or", *KEYS[1:10]), ("or", ("window", 9, 9), ("not", ("window", 40, 40)))),
    ),
    "by_head": replace(BASE, heads=6, where=(BY_HEAD,)),
    "negated": replace(BASE, where=(("not", DIAGONALS), ("window", 100, 30)), bias="hmn"),
    "lengths": replace(BASE, where=(KEYS,), key_lengths=True, query_lengths=True),
    "origins": replace(
        BASE, where=(("causal",), DIAGONALS), offset="row", align="offset",
        origins=(("m", "index"), ("n", "row")),
    ),
    "wide": replace(BASE, where=(WIDE,), key_lengths=True, query_lengths=True),
    "wide_origins": replace(
        BASE, where=(WIDE,), offset="row", align="offset", origins=(("m", "index"), ("n", "row")),
    ),
    "wide_not": replace(BASE, where=(("not", WIDE), ("prefix", 200)), align="top_left"),
    "wide_tokens": replace(BASE, where=(("or", ("indices", 16, "h"), WIDE),)),
    "wide_remainders": replace(BASE, where=(("dilated", 200, 3), WIDE)),
    "mask": replace(BASE, where=(KEYS, ("mask", "bmn"))),
    "packed": replace(BASE, where=(DIAGONALS, ("causal",)), segments=(("both", "b"),)),
    "permuted": replace(
        BASE, where=(SLOTS, ("prefix", 90)), permute=(("both", "h"),), key_lengths=True,
    ),
    "blocks": replace(BASE, where=(("blocks", 32, 16, "h"), KEYS)),
    "gaps": replace(BASE, where=(("or", ("blocks", 32, 16, "h"), KEYS), ("causal",))),
    "tokens": replace(BASE, where=(("indices", 16, "h"), DIAGONALS)),
    "grid": replace(BASE, where=(("neighborhood", (5, 7), (("grid", (9, 13)),)), KEYS)),
    "steps": replace(BASE, where=(("dilated", 90, 3), DIAGONALS)),
    "decode": replace(BASE, queries=1, where=(KEYS,)),
    "bf16": replace(BASE, where=(KEYS, ("causal",)), dtype="bf16"),
}  # fmt: skip
SHAPES = [(113, 239), (239, 113), (1, 64), (64, 1), (49, 16)]
EQUAL = [(113, 113), (1, 1), (48, 48), (257, 257)]


def shapes(spec):
    if spec.queries:
        return [(1, 64), (1, 300), (1, 1)]
    if "neighborhood" in str(spec.where):
        return [(117, 117)]
    return EQUAL if spec.permute else SHAPES


@pytest.mark.parametrize("name", FORMS)
def test_fused(kernels, name, seed):
    assert "more than 16 parts" in decisions(text(FORMS[name]), "plan")
    check_shapes(kernels, FORMS[name], "fused", shapes(FORMS[name]), seed)


@pytest.mark.parametrize("guard", ["begin", "end"])
@pytest.mark.parametrize("name", ["by_head", "packed", "gaps", "tokens"])
def test_at_page_borders(kernels, name, guard, seed):
    check_page_borders(kernels, FORMS[name], guard, seed)


@pytest.mark.parametrize("name", ["keys", "by_head", "gaps"])
def test_counts(kernels, name, seed):
    check_counts(kernels, FORMS[name], 120, 130, seed)
