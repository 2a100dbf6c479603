# ===- test_predicates.py - Points that regions say ------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Predicates over elements of operands and over indices, beside other atoms."""

from dataclasses import replace

import numpy as np
import pytest
from attn import reference
from operators import Spec, operands, text
from runner import Counter, check_counts, check_shapes, decisions, judge, run, run_guarded

BASE = Spec(24, 40, heads=4, key_heads=2, lse=True)
FORMS = {
    "documents": replace(BASE, where=(("causal",), ("predicate", "documents"))),
    "alone": replace(BASE, where=(("predicate", "documents"),)),
    "indices": replace(BASE, where=(("predicate", "every_third"),), align="top_left"),
    "reach": replace(BASE, where=(("predicate", "reach"), ("causal",))),
    "rows": replace(BASE, where=(("predicate", "rows"), ("window", 40, 10))),
    "keys": replace(BASE, where=(("causal",), ("predicate", "keys"))),
    "heads": replace(BASE, where=(("predicate", "heads"), ("causal",))),
    "distance": replace(BASE, where=(("predicate", "distance"), ("window", 60, 9))),
    "quotient": replace(BASE, where=(("predicate", "quotient"),)),
    "two": replace(
        BASE, where=(("predicate", "documents"), ("predicate", "reach"), ("window", 70, 20))
    ),
    "mask": replace(
        BASE, where=(("mask", "bn"), ("predicate", "every_third"), ("mask", "hm"), ("causal",))
    ),
    "lengths": replace(
        BASE, where=(("predicate", "documents"),), key_lengths=True, query_lengths=True, sinks=True
    ),
    "union": replace(
        BASE, where=(("or", ("window", 8, 0), ("prefix", 30)), ("predicate", "documents"))
    ),
    "origins": replace(
        BASE, where=(("causal",), ("predicate", "every_third"), ("predicate", "documents")),
        offset="row", align="offset",
        origins=(("b", "tensor"), ("h", "index"), ("m", "index"), ("n", "row")),
    ),
    "per_head": replace(
        BASE,
        where=(
            ("predicate", "every_third"),
            ("per_head", *(("window", left, 0) for left in (3, 30, 9, 70))),
        ),
    ),
    "grid": replace(
        BASE,
        where=(("neighborhood", (3, 5), (("grid", (9, 13)),)), ("predicate", "documents")),
    ),
    "dilated": replace(BASE, where=(("dilated", 90, 3), ("predicate", "every_third"))),
    "region": replace(BASE, where=(("predicate", "documents"),), region="alibi", bias="hmn"),
    "bf16": replace(BASE, where=(("predicate", "distance"), ("causal",)), dtype="bf16"),
    "f64": replace(BASE, where=(("predicate", "double"), ("predicate", "distance")), dtype="f64"),
    "sigmoid": replace(
        BASE, where=(("predicate", "documents"),), normaliser="sigmoid", lse=False
    ),
    "weights": replace(
        BASE, where=(("predicate", "documents"),), weights="affine", lse=False
    ),
    "decode": replace(BASE, queries=1, where=(("predicate", "every_third"),)),
    "decode_keys": replace(BASE, queries=1, where=(("predicate", "documents"), ("causal",))),
    "wide": replace(BASE, heads=8, key_heads=1, where=(("predicate", "reach"),)),
}  # fmt: skip
# Whose predicates stand elsewhere than in the outermost 'and'.
ELSEWHERE = {
    "or": replace(BASE, where=(("or", ("window", 9, 0), ("predicate", "documents")), ("causal",))),
    "not": replace(BASE, where=(("not", ("predicate", "reach")),)),
    "both": replace(
        BASE,
        where=(
            ("or", ("and", ("predicate", "documents"), ("not", ("mask", "bn"))), ("prefix", 9)),
            ("not", ("and", ("predicate", "every_third"), ("window", 30, 30))),
        ),
    ),
    "origins": replace(
        BASE, where=(("or", ("prefix", 60), ("predicate", "every_third")), ("causal",)),
        offset="row", align="offset", origins=(("h", "tensor"), ("m", "index"), ("n", "row")),
    ),
}  # fmt: skip
SHAPES = [(113, 239), (239, 113), (1, 300), (300, 1), (2, 3), (0, 5), (5, 0), (117, 117)]


@pytest.mark.parametrize("name", FORMS)
def test_fused(kernels, name, seed):
    check_shapes(kernels, FORMS[name], "fused", SHAPES, seed)


@pytest.mark.parametrize("name", ["documents", "indices", "lengths", "origins", "quotient", "f64"])
def test_unfused(kernels, name, seed):
    check_shapes(kernels, FORMS[name], "unfused", [(23, 39), (39, 23), (2, 3), (5, 0)], seed)


@pytest.mark.parametrize("form", ["fused", "unfused"])
@pytest.mark.parametrize("name", ELSEWHERE)
def test_elsewhere(kernels, name, form, seed):
    shapes = SHAPES if form == "fused" else [(23, 39), (39, 23)]
    check_shapes(kernels, ELSEWHERE[name], form, shapes, seed)


def test_double_beside_float(kernels, seed):
    """An einsum in f32 would round an f64 that a predicate compares."""
    spec = replace(BASE, where=(("predicate", "double"),))
    assert "computes in f32, and a predicate that masks it reads f64" in decisions(
        text(spec), "form"
    )
    data = operands(spec, 2, 23, 39, np.random.default_rng(seed))
    judge(data, run(kernels.get(spec, "--form=auto"), data), seed)


@pytest.mark.parametrize("guard", ["begin", "end"])
@pytest.mark.parametrize("name", ["documents", "distance", "quotient"])
def test_at_page_borders(kernels, name, guard, seed):
    spec = FORMS[name]
    data = operands(spec, 1, 150, 171, np.random.default_rng(seed))
    judge(data, run_guarded(kernels.get(spec), data, "bhmd", guard, seed), seed)


@pytest.mark.parametrize("name", ["documents", "indices", "reach", "two", "distance"])
def test_counts(kernels, name, seed):
    check_counts(kernels, FORMS[name], 67, 40, seed)


def test_branches(kernels, seed):
    """Two branches whose atoms are equal and whose regions are not."""
    q_type, kv_type = "tensor<?x4x?x24xf32>", "tensor<?x2x?x24xf32>"
    types = f"({q_type}, {kv_type}, {kv_type}) -> {q_type}"

    def branch(name, comparison):
        return f"""
  %{name} = attn.attention(%q, %k, %v) where causal and predicate(%x[n] : tensor<?xf32>) {{
      ^bb0(%e: f32, %b: index, %h: index, %m: index, %n: index):
        %c = arith.constant 0.25 : f32
        %r = arith.cmpf {comparison}, %e, %c : f32
        attn.yield %r : i1
      }} : {types}"""

    source = f"""
func.func @mixed(%q: {q_type}, %k: {kv_type}, %v: {kv_type}, %x: tensor<?xf32>) -> {q_type} {{
{branch("low", "olt")}
{branch("high", "oge")}
  %o = attn.mix %low, %high : ({q_type}, {q_type}) -> {q_type}
  return %o : {q_type}
}}"""
    kernel = kernels.compile(source, "predicate_branches")
    rng = np.random.default_rng(seed)
    q, k, v = (rng.standard_normal((1, heads, 70, 24), np.float32) for heads in (4, 2, 2))
    x = rng.standard_normal(70, np.float32)
    out = np.empty_like(q)
    Counter.executions += 1
    kernel.run([q, k, v, x, out])
    branches = [
        reference.Operator(
            where=reference.And(
                (reference.Causal(), reference.Predicate(holds, ((x, "n"),), reads_head=False))
            )
        )
        for holds in (
            lambda e, b, h, m, n: e < np.float32(0.25),
            lambda e, b, h, m, n: e >= np.float32(0.25),
        )
    ]
    expected = sum(reference.attention(q, k, v, one).out for one in branches)
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-4)


def test_nan_where_dead(kernels):
    """What stands at a dead key never reaches a result, and is no 0 times NaN."""
    spec = FORMS["keys"]
    data = operands(spec, 2, 90, 140, np.random.default_rng(5))
    dead = ~(data.arrays["list0_x0"] < np.float32(0.25))
    data.arrays["k"][:, :, dead] = np.nan
    data.arrays["v"][:, :, dead] = np.inf
    judge(data, run(kernels.get(spec), data), 5)


def test_nan_in_an_operand(kernels):
    """A comparison decides what a NaN of the predicate's own operand means."""
    spec = FORMS["keys"]
    data = operands(spec, 2, 90, 140, np.random.default_rng(6))
    data.arrays["list0_x0"][3::7] = np.nan
    judge(data, run(kernels.get(spec), data), 6)
