# ===- test_gates.py - Gates in every place ------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Operators with gates against the float64 definition; all run fused."""

from dataclasses import replace

import numpy as np
import pytest
from attn.compiler import CompileError
from operators import Spec, operands
from runner import judge, run, run_guarded

BASE = Spec(40, 24, heads=4, key_heads=2, where=(("causal",),), lse=True)
SPECS = {
    "query": replace(
        BASE, gates=(("query", "sigmoid", "bhme", False), ("query", "none", "h", False))
    ),
    "key": replace(BASE, gates=(("key", "tanh", "bkne", False), ("key", "exp", "n", False))),
    "key_of_query_head": replace(BASE, gates=(("key", "silu", "bhne", False),)),
    "rows": replace(
        BASE, softcap=9.0, bias="mn", sinks=True,
        gates=(("query", "tanh", "hm", False), ("key", "silu", "bhn", False),
               ("value", "softplus", "bhn", False), ("value", "none", "", False)),
    ),
    "value": replace(
        BASE, gates=(("value", "softplus", "bknf", False), ("value", "none", "hf", False))
    ),
    "score": replace(BASE, softcap=9.0, bias="mn", gates=(("score", "sigmoid", "hmn", False),)),
    "weight": replace(
        BASE, gates=(("weight", "tanh", "bhn", False), ("weight", "exp", "m", False))
    ),
    "renormalised_sigmoid": replace(BASE, sinks=True, gates=(("weight", "sigmoid", "bn", True),)),
    "renormalised_positive": replace(
        BASE, key_lengths=True,
        gates=(("weight", "exp", "hn", True), ("weight", "softplus", "bhmn", True)),
    ),
    "renormalised_signed": replace(
        BASE, lse=False,
        gates=(("weight", "none", "n", True), ("weight", "silu", "hn", True),
               ("weight", "tanh", "bm", True)),
    ),
    "output": replace(
        BASE, query_lengths=True,
        gates=(("output", "sigmoid", "bhmf", False), ("output", "silu", "hm", False)),
    ),
    "everywhere_bf16": replace(
        BASE, dtype="bf16", where=(("or", ("window", 20, 3), ("prefix", 4)),),
        gates=(("query", "tanh", "he", False), ("key", "none", "kn", False),
               ("value", "sigmoid", "bn", False), ("score", "none", "h", False),
               ("weight", "sigmoid", "hn", True), ("output", "sigmoid", "bhm", False)),
    ),
    "output_f16": replace(BASE, dtype="f16", gates=(("output", "sigmoid", "bhmf", False),)),
    "value_f64": replace(BASE, dtype="f64", gates=(("value", "sigmoid", "kn", False),
                                                   ("weight", "softplus", "bn", True))),
    "output_other_type": replace(
        BASE, dtype="bf16", out_dtype="f32", gates=(("output", "sigmoid", "bhmf", False),)
    ),
}  # fmt: skip
SHAPES = [(113, 239), (49, 16), (1, 64), (64, 1)]


def pytest_generate_tests(metafunc):
    if "name" in metafunc.fixturenames:
        quick = metafunc.config.getoption("--tier") == "quick"
        metafunc.parametrize("name", ["everywhere_bf16"] if quick else list(SPECS))


def test_gates(kernels, name):
    spec = SPECS[name]
    kernel = kernels.get(spec)
    for number, (queries, keys) in enumerate(SHAPES):
        case = operands(spec, 2, queries, keys, np.random.default_rng([7, queries, keys]))
        judge(case, run_guarded(kernel, case, "bhmd", ("end", "begin")[number % 2], number))


@pytest.mark.parametrize("feature", ["", "e"])
@pytest.mark.parametrize("dtype", ["f32", "bf16"])
def test_dead_gates_change_no_bit(kernels, dtype, feature):
    """A gate at a dead key, or of a dead row, never reaches a result, be it a factor of the
    scores or of the operand."""
    of_value = feature.replace("e", "f")
    spec = replace(
        BASE, dtype=dtype, key_lengths=True, query_lengths=True,
        gates=(("key", "none", "bkn" + feature, False), ("value", "tanh", "bkn" + of_value, False),
               ("weight", "sigmoid", "bhn", True), ("output", "sigmoid", "bhmf", False),
               ("query", "none", "bhm" + feature, False)),
    )  # fmt: skip
    kernel = kernels.get(spec)
    case = operands(spec, 2, 65, 130, np.random.default_rng(8))
    case.arrays["kl"][:], case.arrays["ql"][:] = [70, 130], [60, 33]
    clean = run(kernel, case)
    for bad in (np.nan, np.inf):
        for number in range(3):
            case.arrays[f"gate{number}"][0, :, 70:] = bad
        for number in (3, 4):
            case.arrays[f"gate{number}"][0, :, 60:] = bad
            case.arrays[f"gate{number}"][1, :, 33:] = bad
        for got, expected in zip(run(kernel, case), clean, strict=True):
            assert got.tobytes() == expected.tobytes()


def test_gates_of_nothing(kernels):
    """A sum of 0 gives 0: every gated weight of a row is 0."""
    spec = replace(BASE, where=(), lse=False, gates=(("weight", "none", "bmn", True),))
    kernel = kernels.get(spec)
    case = operands(spec, 2, 50, 70, np.random.default_rng(9))
    case.arrays["gate0"][0, 7] = 0
    (out,) = run(kernel, case)
    judge(case, [out])
    assert (out[0, :, 7] == 0).all() and np.isfinite(out).all()


@pytest.mark.parametrize(
    ("gates", "message"),
    [
        ((("output", "sigmoid", "bn", False),), "is indexed by 'n'; allowed are b, h, m and f"),
        ((("key", "none", "khn", False),), "is indexed by 'k' and 'h'"),
        ((("value", "none", "n", True),), "'renormalised' is for a gate on the weight"),
        ((("weight", "tanh", "n", True),), "has no log-sum-exp"),
    ],
)
def test_refused(kernels, gates, message):
    with pytest.raises(CompileError, match=message):
        kernels.get(replace(BASE, gates=gates))
