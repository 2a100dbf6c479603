# ===- test_normalisers.py - Other weights than the softmax's -*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Normalisers and edited weights against the float64 definition; all run fused."""

from dataclasses import replace

import numpy as np
import pytest
from attn.compiler import CompileError
from operators import Spec, operands
from runner import judge, run, run_guarded

BASE = Spec(40, 24, heads=4, key_heads=2, where=(("causal",),))
SPECS = {
    "softmax_plus_one": replace(
        BASE, normaliser="softmax_plus_one", lse=True, key_lengths=True,
        gates=(("weight", "softplus", "bn", True), ("output", "sigmoid", "bhmf", False)),
    ),
    "sigmoid": replace(
        BASE, normaliser="sigmoid", bias="hn", key_lengths=True,
        gates=(("weight", "tanh", "hn", False), ("output", "silu", "bhm", False)),
    ),
    "none_bf16": replace(
        BASE, normaliser="none", dtype="bf16", region="silu", where=(("window", 31, 4),),
    ),
    "sum": replace(BASE, normaliser="sum", gates=(("weight", "exp", "hn", True),)),
    "l1": replace(
        BASE, normaliser="l1", where=(("or", ("window", 20, 3), ("prefix", 4)),),
        query_lengths=True,
        gates=(("weight", "tanh", "bn", True), ("output", "sigmoid", "bhmf", False)),
    ),
    "l2_f64": replace(BASE, normaliser="l2", dtype="f64"),
    "affine_weights": replace(
        BASE, weights="affine", lse=True, key_lengths=True,
        gates=(("weight", "sigmoid", "hn", False), ("output", "sigmoid", "bhmf", False)),
    ),
    "edited_sums": replace(BASE, normaliser="l2", weights="every_second"),
    "edited_bf16": replace(BASE, dtype="bf16", weights="every_second", sinks=True, lse=True),
}  # fmt: skip
SHAPES = [(113, 239), (49, 16), (1, 64), (64, 1), (5, 0)]


def pytest_generate_tests(metafunc):
    if metafunc.function is test_normalisers:
        quick = metafunc.config.getoption("--tier") == "quick"
        metafunc.parametrize("name", ["affine_weights"] if quick else list(SPECS))


def draw(spec, batch, queries, keys, seed):
    case = operands(spec, batch, queries, keys, np.random.default_rng([seed, queries, keys]))
    if spec.normaliser == "sum":
        # A sum of both signs may be as near to 0 as it likes.
        for name in ("q", "k"):
            case.arrays[name] = np.abs(case.arrays[name])
    return case


def test_normalisers(kernels, name):
    spec = SPECS[name]
    kernel = kernels.get(spec)
    for number, (queries, keys) in enumerate(SHAPES):
        case = draw(spec, 2, queries, keys, 7)
        judge(case, run_guarded(kernel, case, "bhmd", ("end", "begin")[number % 2], number))


@pytest.mark.parametrize("name", ["softmax_plus_one", "sigmoid", "l1", "affine_weights"])
def test_dead_rows_are_zero(kernels, name):
    """Whatever stands at dead keys, and in the gates of rows without a live key."""
    spec = SPECS[name]
    kernel = kernels.get(spec)
    case = draw(spec, 2, 65, 130, 8)
    for lengths, values in (("kl", [0, 70]), ("ql", [0, 33])):
        if lengths in case.arrays:
            case.arrays[lengths][:] = values
    clean = run(kernel, case)
    assert (clean[0][0] == 0).all()
    output_gate = f"gate{len(spec.gates) - 1}"
    case.arrays[output_gate][0] = np.nan
    if spec.key_lengths:
        for key in ("k", "v"):
            case.arrays[key][1, :, 70:] = np.nan
    for got, expected in zip(run(kernel, case), clean, strict=True):
        assert got.tobytes() == expected.tobytes()


@pytest.mark.parametrize("name", ["sum", "l1", "l2_f64"])
def test_sums_of_nothing(kernels, name):
    """Scores of 0 have a sum of 0, and give 0."""
    spec = SPECS[name]
    case = draw(spec, 2, 50, 70, 9)
    case.arrays["q"][0, :, 7] = 0
    (out,) = run(kernels.get(spec), case)
    judge(case, [out])
    assert (out[0, :, 7] == 0).all() and np.isfinite(out).all()


def test_infinite_scores(kernels):
    """A sigmoid is 1 at +inf and 0 at -inf; what the softmax cannot say, it can."""
    spec = replace(BASE, normaliser="sigmoid", bias="hn", where=())
    case = draw(spec, 1, 20, 70, 10)
    case.arrays["bias"][:, :40] = np.inf
    case.arrays["bias"][:, 40:] = -np.inf
    (out,) = run(kernels.get(spec), case)
    judge(case, [out])
    expected = case.arrays["v"][:, :, :40].astype(float).sum(axis=2)
    assert np.allclose(out, np.repeat(expected, 2, axis=1)[:, :, None], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"normaliser": "sigmoid", "lse": True}, "has no log-sum-exp: only a softmax"),
        ({"normaliser": "l1", "sinks": True}, "takes sinks with 'normalise softmax' alone"),
        ({"normaliser": "none", "gates": (("weight", "exp", "n", True),)}, "drop 'renormalised'"),
        ({"normaliser": "sparsemax"}, "expected one of .softmax, "),
    ],
)
def test_refused(kernels, changes, message):
    with pytest.raises(CompileError, match=message):
        kernels.get(replace(BASE, **changes))
