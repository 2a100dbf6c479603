# ===- test_permutation.py - Tokens in permuted order ---------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Operators that walk tokens in permuted order, against the float64 definition."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from attn import cascades, contract, reference
from attn.compiler import CompileError
from operators import Spec, operands
from runner import check_shapes, judge, run, run_guarded

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
WINDOW = ("permuted", ("window", 20, 9))
BASE = Spec(40, 24, heads=4, key_heads=2, where=(WINDOW,), lse=True, permute=(("both", ""),))
APART = replace(BASE, permute=(("query", ""), ("key", "")))
SPECS = {
    "shared": BASE,
    "causal_in_original_order": replace(BASE, where=(WINDOW, ("causal",))),
    "by_head": replace(BASE, where=(WINDOW, ("causal",)), permute=(("both", "h"),)),
    "by_row": replace(BASE, permute=(("both", "b"),), align="top_left"),
    "by_row_and_head": replace(
        BASE, permute=(("query", "bh"), ("key", "bh")), where=(WINDOW, ("window", 90, 60))
    ),
    "apart": replace(APART, where=(WINDOW, ("or", ("causal",), ("prefix", 5)))),
    "queries": replace(BASE, permute=(("query", "b"),), region="every_third"),
    "keys": replace(BASE, permute=(("key", "h"),), region="alibi", where=(WINDOW, ("causal",))),
    "bias": replace(APART, bias="bhmn", softcap=9.0, sinks=True),
    "lengths": replace(
        BASE, where=(("permuted", ("causal",)),), key_lengths=True, query_lengths=True,
        permute=(("both", "b"),),
    ),
    "union": replace(
        APART, where=(("or", WINDOW, ("permuted", ("prefix", 7))), ("not", ("prefix", 3)))
    ),
    "gates": replace(
        BASE, region="every_third",
        gates=(("query", "tanh", "bhme", False), ("key", "silu", "bhn", False),
               ("value", "sigmoid", "bkn", False), ("weight", "sigmoid", "bmn", True),
               ("output", "sigmoid", "bhmf", False)),
    ),
    "bf16": replace(BASE, dtype="bf16", where=(WINDOW, ("causal",)), bias="mn"),
    "f16": replace(APART, dtype="f16"),
    "f64": replace(BASE, dtype="f64", where=(WINDOW, ("causal",)), lse=False),
}  # fmt: skip
MIXED = {
    "union": replace(BASE, where=(("or", WINDOW, ("causal",)),)),
    "beside": replace(BASE, where=(("or", WINDOW, ("prefix", 9)), ("causal",)), sinks=True),
    "apart": replace(APART, where=(("or", WINDOW, ("window", 30, 2)), ("not", ("prefix", 3)))),
    "keys": replace(
        BASE, permute=(("key", "h"),), where=(("not", ("and", WINDOW, ("window", 40, 40))),)
    ),
    "both": replace(
        BASE, permute=(("both", "bh"),), align="top_left",
        where=(WINDOW, ("or", ("permuted", ("leading", 9)), ("block_diagonal", 16))),
    ),
    "per_head": replace(
        BASE,
        where=(("or", WINDOW, ("per_head", *(("window", left, 0) for left in (3, 30, 9, 70)))),),
    ),
    "lengths": replace(
        BASE, where=(("or", WINDOW, ("causal",)),), key_lengths=True, query_lengths=True,
        permute=(("both", "b"),), region="every_third",
    ),
    "bf16": replace(APART, where=(("or", WINDOW, ("causal",)),), dtype="bf16"),
}  # fmt: skip
LENGTHS = [(113, 239), (49, 16), (1, 64), (64, 1), (300, 257)]
EQUAL = [113, 1, 48, 257]


def lengths(spec):
    if spec.permute[0][0] == "both":
        return [(length, length) for length in EQUAL]
    return LENGTHS


def pytest_generate_tests(metafunc):
    if "name" in metafunc.fixturenames:
        quick = metafunc.config.getoption("--tier") == "quick"
        metafunc.parametrize("name", ["by_head", "gates"] if quick else list(SPECS))


def test_permuted(kernels, name):
    spec = SPECS[name]
    kernel = kernels.get(spec)
    for number, (queries, keys) in enumerate(lengths(spec)):
        case = operands(spec, 2, queries, keys, np.random.default_rng([5, queries, keys]))
        judge(case, run_guarded(kernel, case, "bhmd", ("end", "begin")[number % 2], number))


@pytest.mark.parametrize("plain", ["causal_in_original_order", "apart"])
def test_unfused_agrees(kernels, plain):
    spec = SPECS[plain]
    kernel = kernels.get(spec, "--form=unfused")
    queries, keys = lengths(spec)[0]
    case = operands(spec, 2, queries, keys, np.random.default_rng(6))
    judge(case, run(kernel, case))


def test_counting(kernels):
    """K = 0 and V = 1 at every third key: O times the live count is an integer."""
    spec = SPECS["by_head"]
    case = operands(spec, 2, 257, 257, np.random.default_rng(7))
    case.arrays["k"][...] = 0
    case.arrays["v"][...] = (np.arange(257) % 3 == 0)[None, None, :, None]
    out, _ = run(kernels.get(spec), case)
    for b in range(2):
        for h in range(spec.heads):
            live = case.operator().live(b, np.arange(257), 257, 257, h)
            want = (live & (np.arange(257) % 3 == 0)).sum(axis=1)
            got = out[b, h, :, 0] * live.sum(axis=1)
            assert (np.abs(got - want) < 1e-3).all()


def test_order_alone_changes_no_bit(kernels):
    """Without an atom in permuted, an order of tokens is not walked."""
    plain = replace(BASE, where=(("window", 20, 9),), permute=())
    permuted = replace(plain, permute=(("both", ""),))
    case = operands(permuted, 2, 113, 113, np.random.default_rng(8))
    got = run(kernels.get(permuted), case)
    del case.arrays["order_both"]
    case.spec = plain
    for a, b in zip(got, run(kernels.get(plain), case), strict=True):
        assert a.tobytes() == b.tobytes()


def test_the_identity_changes_no_bit(kernels):
    """In the order in which they lie, slots are tokens, in steps of as many keys."""
    plain = replace(BASE, where=(("window", 20, 9),), permute=())
    case = operands(BASE, 2, 113, 113, np.random.default_rng(9))
    case.arrays["order_both"][...] = np.arange(113)
    steps = "--stream-tile=32"
    got = run(kernels.get(BASE, steps), case)
    del case.arrays["order_both"]
    case.spec = plain
    for a, b in zip(got, run(kernels.get(plain, steps), case), strict=True):
        assert a.tobytes() == b.tobytes()


def test_dead_tokens_change_no_bit(kernels):
    """What stands at tokens past a length never reaches a result."""
    spec = SPECS["lengths"]
    kernel = kernels.get(spec)
    case = operands(spec, 2, 113, 113, np.random.default_rng(10))
    case.arrays["kl"][:], case.arrays["ql"][:] = [70, 113], [60, 33]
    clean = run(kernel, case)
    judge(case, clean)
    for bad in (np.nan, np.inf):
        case.arrays["k"][0, :, 70:] = case.arrays["v"][0, :, 70:] = bad
        case.arrays["q"][0, :, 60:] = case.arrays["q"][1, :, 33:] = bad
        for got, expected in zip(run(kernel, case), clean, strict=True):
            assert got.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("slot", "value", "message"),
    [
        (5, 113, r"order_both is no permutation: slot 5 holds 113, which is not one of 113"),
        (0, -1, r"order_both is no permutation: slot 0 holds -1"),
        (112, None, r"order_both is no permutation: slot 112 holds \d+, which an earlier"),
    ],
)
def test_no_permutation(kernels, slot, value, message):
    """A status, and the outputs are as they were."""
    spec = SPECS["by_head"]
    kernel = kernels.get(spec)
    case = operands(spec, 2, 113, 113, np.random.default_rng(11))
    order = case.arrays["order_both"]
    order[3, slot] = order[3, 17] if value is None else value
    outputs = [np.full(shape, 7, dtype) for shape, dtype in case.output_shapes()]
    with pytest.raises(RuntimeError, match=message):
        kernel.run([*case.inputs(), *outputs])
    assert all((output == 7).all() for output in outputs)


def test_unchecked_permutation_stays_in_bounds(kernels):
    """Without the check a wrong order gives wrong numbers, and nothing else."""
    spec = SPECS["by_head"]
    kernel = kernels.get(spec, "--check-values=false")
    case = operands(spec, 2, 113, 113, np.random.default_rng(12))
    run_guarded(kernel, case, "bhmd", "end", 1)
    judge(case, run(kernel, case))
    case.arrays["order_both"] = np.full((4, 113), 1 << 30, np.int32)
    case.arrays["order_both"][1] = -(1 << 30)
    run_guarded(kernel, case, "bhmd", "end", 1)
    run_guarded(kernel, case, "bhmd", "begin", 1)


@pytest.mark.parametrize("form", ["fused", "unfused"])
@pytest.mark.parametrize("mixed", MIXED)
def test_slots_or_tokens(kernels, mixed, form, seed):
    """Terms of both orders are tested at every point that the others leave."""
    spec = MIXED[mixed]
    where = lengths(spec)[: 5 if form == "fused" else 2]
    check_shapes(kernels, spec, form, where, seed)
    if form == "fused":
        case = operands(spec, 1, 150, 150, np.random.default_rng(seed))
        judge(case, run_guarded(kernels.get(spec), case, "bhmd", "end", seed))


def test_refused(kernels):
    with pytest.raises(CompileError, match="no order of tokens"):
        kernels.get(replace(BASE, permute=()))


def test_stochastic_attention(kernels):
    """The example: rotary positions are those of the tokens, whatever their slots."""
    source = (EXAMPLES / "stochastic-attention.mlir").read_text()
    kernel = kernels.compile(source, "stochastic")
    window = reference.Permuted(reference.Window(128, 128))
    for tokens in (500, 47, 1):
        rng = np.random.default_rng([14, tokens])
        q, k, v = (rng.standard_normal((2, heads, tokens, 64), np.float32) for heads in (4, 2, 2))
        positions = rng.integers(0, 5000, tokens)
        cos, sin = (table.astype(np.float32) for table in cascades.rotary_tables(positions, 64))
        order = rng.permutation(tokens).astype(np.int32)
        out = np.full(q.shape, np.nan, np.float32)
        kernel.run([q, k, v, cos, sin, order, out])
        operator = reference.Operator(
            where=reference.And((window, reference.Causal())),
            query_order=reference.Order(order),
            key_order=reference.Order(order),
        )

        def rotate(dtype, q=q, k=k, v=v, tables=(cos, sin)):
            tables = [table.astype(dtype) for table in tables]
            return [*(cascades.rotary(x.astype(dtype), *tables) for x in (q, k)), v.astype(dtype)]

        exact = reference.attention(*rotate(np.float64), operator)
        naive = reference.naive(*rotate(np.float32), operator)
        error = contract.max_error(naive.out, exact.out)
        contract.check(out, exact.out, error, contract.tiny_out(exact, np.float32, np.float32))


def test_no_copy_in_memory(kernels):
    """The workspace of a permuted kernel is that of the plain one, a tile of keys and
    values, and the tokens of a tile's rows: it does not grow with the tensors."""
    plain = replace(BASE, where=(("window", 20, 9),), permute=())
    sizes = []
    for tokens in (64, 4096):
        for spec in (plain, BASE):
            case = operands(spec, 1, tokens, tokens, np.random.default_rng(15))
            outputs = [np.empty(shape, dtype) for shape, dtype in case.output_shapes()]
            sizes.append(kernels.get(spec).workspace_size([*case.inputs(), *outputs], 1))
    small_plain, small, large_plain, large = sizes
    assert (small_plain, small) == (large_plain, large)
    assert small - small_plain <= 128 * (BASE.e + BASE.f) * 4 + 1024
