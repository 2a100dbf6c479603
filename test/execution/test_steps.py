# ===- test_steps.py - Steps without live points ---------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Sparsity in whose ranges keys live and die in turns: steps are left out, and those
that are live throughout are not tested, wherever rows and keys begin."""

from dataclasses import replace

import pytest
from operators import Spec, text
from runner import check_counts, check_page_borders, check_several_steps, decisions

BASE = Spec(24, 40, heads=4, key_heads=2, lse=True)
STRIDED = ("strided", 3, 1, 32)
POWERS = ("power_of_two", 32)
RADIAL = ("radial", 6, 64, 0.5, 16)
SHARDS = ("per_head", *(("strided", 4, h, 32) for h in range(4)))
PERMUTED = replace(BASE, permute=(("both", "h"),))
FORMS = {
    "strided": replace(BASE, where=(STRIDED,)),
    "strided_causal": replace(BASE, where=(("causal",), STRIDED)),
    "other_blocks": replace(
        BASE, where=(("not", ("strided", 2, 0, 50)), ("window", 150, 40))
    ),
    "window_or_strided": replace(
        BASE, where=(("causal",), ("or", ("window", 20, 0), ("strided", 4, 3, 64)))
    ),
    "not_strided": replace(BASE, where=(("not", STRIDED), ("causal",)), align="top_left"),
    "shards": replace(BASE, where=(("causal",), ("or", ("window", 31, 0), SHARDS))),
    "powers": replace(BASE, where=(POWERS,)),
    "powers_or_window": replace(
        BASE, where=(("causal",), ("or", ("window", 31, 0), POWERS)), align="top_left"
    ),
    # LogSparse (arXiv 1907.00235): single keys, whose distances are powers of two.
    "single_powers": replace(
        BASE, where=(("causal",), ("or", ("window", 3, 0), ("power_of_two", 1)))
    ),
    "short_powers": replace(BASE, where=(("power_of_two", 5), ("not", ("leading", 9)))),
    "radial": replace(BASE, where=(RADIAL,)),
    "radial_long": replace(BASE, where=(("radial", 3, 300, 0.25, 32), ("causal",))),
    "set": replace(BASE, where=(("affine_set", ("2 - (n floordiv 32 + m floordiv 64) mod 4",)),)),
    "lengths": replace(
        BASE, where=(STRIDED, ("causal",)), key_lengths=True, query_lengths=True
    ),
    "origins": replace(
        BASE, where=(("or", POWERS, STRIDED),), origins=(("m", "index"), ("n", "row")),
        offset="row", align="offset",
    ),
    "segments": replace(BASE, where=(("or", STRIDED, POWERS),), segments=(("both", "b"),)),
    "slots": replace(PERMUTED, where=(("permuted", STRIDED), ("causal",))),
    "tokens": replace(PERMUTED, where=(("permuted", POWERS), ("not", ("strided", 5, 0)))),
    "mask": replace(BASE, where=(STRIDED, ("mask", "bhmn"))),
    "predicate": replace(BASE, where=(("or", POWERS, STRIDED), ("predicate", "every_third"))),
    "blocks": replace(BASE, where=(("blocks", 32, 16, "h"), STRIDED)),
    "region": replace(BASE, where=(STRIDED, ("causal",)), region="alibi", bias="hmn"),
    "decode": replace(BASE, queries=1, where=(("or", ("window", 31, 0), STRIDED),)),
    "few": replace(BASE, queries=3, where=(("or", ("window", 31, 0), SHARDS), ("causal",))),
    "bf16": replace(BASE, where=(("causal",), ("or", ("window", 20, 0), STRIDED)), dtype="bf16"),
    "f64": replace(BASE, where=(("or", ("window", 20, 0), POWERS),), dtype="f64"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_fused(kernels, name, seed):
    check_several_steps(kernels, FORMS[name], seed)


@pytest.mark.parametrize("guard", ["begin", "end"])
@pytest.mark.parametrize("name", ["strided", "powers_or_window", "shards", "bf16"])
def test_at_page_borders(kernels, name, guard, seed):
    check_page_borders(kernels, FORMS[name], guard, seed)


@pytest.mark.parametrize("name", ["window_or_strided", "powers", "radial", "tokens", "segments"])
def test_counts(kernels, name, seed):
    check_counts(kernels, FORMS[name], 200, 200, seed)


def test_remarks():
    """Blocks as long as steps are left out; keys one by one, here of two atoms, are not."""
    assert "leaves one in" not in decisions(text(FORMS["strided"]), "plan")
    spec = replace(BASE, where=(("or", ("strided", 3, 1, 16), ("strided", 5, 0)),))
    assert "leaves one in 3" in decisions(text(spec), "plan")
