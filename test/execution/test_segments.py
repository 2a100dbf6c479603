# ===- test_segments.py - Packed sequences --------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Operators on sequences that lie one behind the other, against the float64
definition: each sequence is an operator of its own."""

from dataclasses import replace

import numpy as np
import pytest
from attn import contract, reference
from attn.compiler import CompileError
from operators import Operands, Spec, operands
from programs import softmax_cascade
from runner import Counter, judge, run, run_guarded

BASE = Spec(40, 24, heads=4, key_heads=2, lse=True, segments=(("both", ""),))
CAUSAL = replace(BASE, where=(("causal",),))
APART = replace(CAUSAL, segments=(("query", ""), ("key", "")))
SPECS = {
    "plain": BASE,
    "causal": CAUSAL,
    "top_left": replace(CAUSAL, align="top_left"),
    "apart": APART,
    "by_row": replace(CAUSAL, segments=(("both", "b"),), region="every_third"),
    "queries_by_row": replace(BASE, segments=(("query", "b"), ("key", "")), sinks=True),
    "keys_by_row": replace(APART, segments=(("query", ""), ("key", "b")), bias="bhmn"),
    "window": replace(APART, where=(("window", 20, 9),), softcap=9.0),
    "union": replace(BASE, where=(("causal",), ("or", ("window", 17, 0), ("prefix", 5)))),
    "negation": replace(APART, where=(("not", ("window", 11, 4)),), align="top_left"),
    "offset": replace(APART, align="offset", offset="row", where=(("window", 30, 2),)),
    "lengths": replace(
        CAUSAL, segments=(("both", "b"),), key_lengths=True, query_lengths=True, region="alibi",
    ),
    "only_lengths": replace(APART, where=(), key_lengths=True, query_lengths=True),
    "counts_keys": replace(BASE, where=(("neighborhood", (9,), (("stride", (3,)),)),)),
    "gates": replace(
        CAUSAL,
        gates=(("query", "tanh", "bhme", False), ("key", "silu", "bhn", False),
               ("value", "sigmoid", "bkn", False), ("weight", "sigmoid", "bmn", True),
               ("output", "sigmoid", "bhmf", False)),
    ),
    "sum": replace(BASE, normaliser="l1", lse=False),
    "bf16": replace(CAUSAL, dtype="bf16", bias="mn"),
    "f16": replace(APART, dtype="f16"),
    "f64": replace(CAUSAL, dtype="f64", lse=False),
}  # fmt: skip
LENGTHS = [(113, 239), (300, 257), (49, 16), (1, 64), (64, 1), (500, 500)]


def pytest_generate_tests(metafunc):
    if "name" in metafunc.fixturenames:
        quick = metafunc.config.getoption("--tier") == "quick"
        metafunc.parametrize("name", ["causal", "lengths"] if quick else list(SPECS))


def test_segments(kernels, name, seed):
    spec = SPECS[name]
    kernel = kernels.get(spec)
    for number, (queries, keys) in enumerate(LENGTHS):
        case = operands(spec, 2, queries, keys, np.random.default_rng([seed, queries, keys]))
        judge(case, run_guarded(kernel, case, "bhmd", ("end", "begin")[number % 2], number))


@pytest.mark.parametrize("plain", ["lengths", "queries_by_row", "keys_by_row", "offset"])
def test_unfused_agrees(kernels, plain, seed):
    spec = SPECS[plain]
    kernel = kernels.get(spec, "--form=unfused")
    for queries, keys in LENGTHS[:2]:
        case = operands(spec, 2, queries, keys, np.random.default_rng([seed, queries, keys]))
        judge(case, run(kernel, case))


def given(spec, offsets, batch=1, seed=3, queries=None):
    """Operands with these offsets for queries and keys alike."""
    tokens = max(queries or 0, max(offsets))
    case = operands(spec, batch, tokens, tokens, np.random.default_rng(seed))
    case.arrays["segments_both"] = np.array(offsets, np.int32)
    return case


@pytest.mark.parametrize("form", ["fused", "unfused"])
@pytest.mark.parametrize(
    "offsets",
    [[0], [0, 0], [5, 5, 5], [0, 70], [0] * 9 + [70], [0, *[70] * 9], [3, 3, 50], [0, 1, 2, 3, 70]],
)
def test_awkward_offsets(kernels, form, offsets):
    kernel = kernels.get(CAUSAL, f"--form={form}")
    case = given(CAUSAL, offsets, 2, queries=73)
    out, lse = run(kernel, case)
    judge(case, (out, lse))
    outside = np.ones(73, bool)
    outside[offsets[0] : offsets[-1]] = False
    assert (out[:, :, outside] == 0).all() and np.isneginf(lse[:, :, outside]).all()


def test_no_token(kernels):
    case = given(CAUSAL, [0, 0, 0])
    run(kernels.get(CAUSAL), case)


def test_counting(kernels):
    """K = 0 and V = 1 at every third key: O times the live count is an integer."""
    case = given(CAUSAL, [0, 3, 160, 160, 161, 257], 2)
    case.arrays["k"][...] = 0
    case.arrays["v"][...] = (np.arange(257) % 3 == 0)[None, None, :, None]
    out, _ = run(kernels.get(CAUSAL), case)
    live = case.operator().live(0, np.arange(257), 257, 257)
    want = (live & (np.arange(257) % 3 == 0)).sum(axis=1)
    got = out[..., 0] * live.sum(axis=1)
    assert (np.abs(got - want) < 1e-3).all()


@pytest.mark.parametrize("packed_spec", ["plain", "causal", "bf16"])
def test_a_segment_has_the_bits_that_it_has_alone(kernels, packed_spec):
    """Not those of its neighbours, its place, or how many segments there are."""
    spec = replace(SPECS[packed_spec], bias=None)
    kernel = kernels.get(spec)
    sizes = [130, 1, 0, 259, 48, 77, 64]
    offsets = np.cumsum([0, *sizes])
    case = given(spec, offsets.tolist(), 2)
    packed = run(kernel, case)

    def pack(order):
        chosen = np.concatenate([np.arange(offsets[i], offsets[i + 1]) for i in order])
        arrays = {x: np.ascontiguousarray(case.arrays[x][:, :, chosen]) for x in "qkv"}
        arrays["segments_both"] = np.cumsum([0, *(sizes[i] for i in order)]).astype(np.int32)
        return chosen, run(kernel, Operands(spec, arrays))

    for order in [[i] for i in range(len(sizes))] + [[6, 3, 0], [5, 4, 3, 2, 1, 0, 6]]:
        chosen, outputs = pack(order)
        for whole, part in zip(packed, outputs, strict=True):
            assert np.ascontiguousarray(whole[:, :, chosen]).tobytes() == part.tobytes(), order


def test_neighbours_change_no_bit(kernels):
    """What other segments hold, and what lies in none, never reaches a row."""
    kernel = kernels.get(CAUSAL)
    case = given(CAUSAL, [10, 75, 130, 201], 2, queries=230)
    clean = run(kernel, case)
    judge(case, clean)
    for bad in (np.nan, np.inf):
        for tensor in "qkv":
            for part in (slice(0, 10), slice(75, 130), slice(201, None)):
                case.arrays[tensor][:, :, part] = bad
        for got, expected in zip(run(kernel, case), clean, strict=True):
            for part in (slice(10, 75), slice(130, 201)):
                assert got[:, :, part].tobytes() == expected[:, :, part].tobytes()


@pytest.mark.parametrize(
    ("offsets", "message"),
    [
        ([0, 80, 79], "segments_both holds no offsets of segments: number 2 is 79, less than the"),
        ([-1, 80], "number 0 is -1, outside of the 113 tokens"),
        ([0, 80, 114], "number 2 is 114, outside of the 113 tokens"),
        ([], "there is not even one"),
    ],
)  # fmt: skip
def test_wrong_offsets(kernels, offsets, message):
    """A status, and the outputs are as they were."""
    kernel = kernels.get(CAUSAL)
    case = operands(CAUSAL, 2, 113, 113, np.random.default_rng(4))
    case.arrays["segments_both"] = np.array(offsets, np.int32)
    outputs = [np.full(shape, 7, dtype) for shape, dtype in case.output_shapes()]
    with pytest.raises(RuntimeError, match=message):
        kernel.run([*case.inputs(), *outputs])
    assert all((output == 7).all() for output in outputs)


def test_offsets_fit_queries_and_keys(kernels):
    """One tensor of offsets is checked against both."""
    kernel = kernels.get(CAUSAL)
    for queries, keys, few in ((113, 80, 80), (80, 113, 80)):
        case = operands(CAUSAL, 1, queries, keys, np.random.default_rng(4))
        case.arrays["segments_both"] = np.array([0, 100], np.int32)
        outputs = [np.full(shape, 7, dtype) for shape, dtype in case.output_shapes()]
        with pytest.raises(RuntimeError, match=f"number 1 is 100, outside of the {few} tokens"):
            kernel.run([*case.inputs(), *outputs])


def test_as_many_of_both(kernels):
    kernel = kernels.get(APART)
    case = operands(APART, 1, 113, 113, np.random.default_rng(4))
    case.arrays["segments_query"] = np.array([0, 5, 113], np.int32)
    case.arrays["segments_key"] = np.array([0, 113], np.int64)
    with pytest.raises(RuntimeError, match="segments_key"):
        run(kernel, case)


@pytest.mark.parametrize("form", ["fused", "unfused"])
def test_unchecked_offsets_stay_in_bounds(kernels, form):
    """Without the check wrong offsets give wrong numbers, and nothing else."""
    kernel = kernels.get(APART, "--check-values=false", f"--form={form}")
    case = operands(APART, 2, 113, 130, np.random.default_rng(12))
    judge(case, run(kernel, case))
    rng = np.random.default_rng(13)
    for _ in range(4):
        for name in ("segments_query", "segments_key"):
            kind = case.arrays[name].dtype
            case.arrays[name] = rng.integers(-200, 400, 6).astype(kind)
        run_guarded(kernel, case, "bhmd", "end", 1)
        run_guarded(kernel, case, "bhmd", "begin", 1)
        case = Operands(case.spec, {x: np.array(a) for x, a in case.arrays.items()})


def test_items_follow_the_tokens(kernels):
    """The list costs what it is long: one item more for each segment, at most."""
    kernel = kernels.get(CAUSAL)
    counts = []
    for segments in (1, 2, 64):
        case = given(CAUSAL, [4096 * i // segments for i in range(segments + 1)])
        outputs = [np.empty(shape, dtype) for shape, dtype in case.output_shapes()]
        counts.append(kernel.items([*case.inputs(), *outputs], 0))
    assert counts[1] - counts[0] == 4 and counts[2] - counts[0] == 4 * 63


CASCADE = softmax_cascade(
    "packed",
    "where causal over (m, n) align bottom_right segments query(%S[b]) key(%S[b])",
    {"s": "tensor<2x?xi32>"},
)


@pytest.mark.parametrize("form", ["fused", "unfused"])
def test_a_cascade_of_segments(kernels, form, seed):
    kernel = kernels.compile(CASCADE, "packed", f"--form={form}")
    rng = np.random.default_rng(seed)
    q, k, v = (rng.standard_normal((2, 300, size), np.float32) for size in (32, 32, 16))
    offsets = np.array([[0, 77, 77, 290], [5, 6, 150, 300]], np.int32)
    out = np.full_like(v, np.nan)
    Counter.executions += 1
    kernel.run([q, k, v, offsets, out])
    operator = reference.Operator(
        [reference.Scale(1.0)], reference.Causal(), query_segments=offsets, key_segments=offsets
    )
    contract.check_attention(*(x[:, None] for x in (q, k, v)), operator, out[:, None], None)


def test_refused(kernels):
    order = replace(CAUSAL, where=(("permuted", ("causal",)),), permute=(("both", ""),))
    with pytest.raises(CompileError, match="has segments and a permutation"):
        kernels.get(order)
    part = replace(CAUSAL, align="top_left", origins=(("n", "index"),))
    with pytest.raises(CompileError, match="an origin, which segments do not have"):
        kernels.get(part)
