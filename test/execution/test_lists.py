# ===- test_lists.py - Lists of keys --------------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Operators whose keys are lists of the call, blocks of tokens or tokens, against
the float64 definition."""

from dataclasses import replace

import numpy as np
import pytest
from attn import contract, reference
from attn.compiler import CompileError
from operators import Operands, Spec, operands
from programs import softmax_cascade
from runner import Counter, judge, run, run_guarded

BLOCKS = ("blocks", 32, 16, "h")
TOKENS = ("indices", 16, "h")
BASE = Spec(40, 24, heads=4, key_heads=2, lse=True, where=(BLOCKS,))
SPECS = {
    "blocks": BASE,
    "blocks_causal": replace(BASE, where=(("causal",), BLOCKS)),
    "blocks_shared": replace(BASE, where=(("blocks", 64, 64, ""),), sinks=True),
    "blocks_by_row": replace(BASE, where=(("blocks", 20, 33, "b"), ("causal",)), align="top_left"),
    "blocks_by_both": replace(BASE, where=(("blocks", 128, 7, "bh"),), region="every_third"),
    "blocks_flat": replace(BASE, where=(("blocks", 48, 64, "bh", "flat"), ("window", 60, 30))),
    "blocks_of_one": replace(BASE, where=(("blocks", 1, 64, "h"),), softcap=9.0),
    "blocks_union": replace(
        BASE, where=(BLOCKS, ("or", ("window", 20, 5), ("prefix", 9)), ("not", ("prefix", 3))),
    ),
    "blocks_lengths": replace(
        BASE, where=(BLOCKS, ("causal",)), key_lengths=True, query_lengths=True, bias="bhmn",
    ),
    "blocks_offset": replace(BASE, where=(("causal",), BLOCKS), align="offset", offset="row"),
    "blocks_gates": replace(
        BASE,
        gates=(("query", "tanh", "bhme", False), ("value", "sigmoid", "bkn", False),
               ("weight", "sigmoid", "bmn", True), ("output", "sigmoid", "bhmf", False)),
    ),
    "blocks_bf16": replace(BASE, dtype="bf16", where=(BLOCKS, ("causal",))),
    "blocks_f64": replace(BASE, dtype="f64", lse=False),
    # What is between blocks is visited, too.
    "gaps_or": replace(BASE, where=(("or", BLOCKS, ("window", 20, 5)),)),
    "gaps_big_bird": replace(
        BASE, where=(("causal",), ("or", ("window", 40, 0), ("prefix", 5), ("leading", 3), BLOCKS)),
    ),
    "gaps_not": replace(BASE, where=(("not", ("blocks", 20, 33, "b")), ("causal",)), sinks=True),
    "gaps_both": replace(
        BASE,
        where=(("or", ("and", ("not", BLOCKS), ("window", 50, 50)), ("block_diagonal", 90)),),
        align="top_left", region="every_third",
    ),
    "gaps_mask": replace(BASE, where=(("or", ("mask", "mn"), ("blocks", 48, 64, "bh", "flat")),)),
    "gaps_predicate": replace(
        BASE,
        where=(("or", ("and", ("predicate", "every_third"), ("not", BLOCKS)), ("window", 9, 3)),),
    ),
    "gaps_lengths": replace(
        BASE, where=(("or", ("blocks", 128, 7, "bh"), ("window", 9, 70)), ("causal",)),
        key_lengths=True, query_lengths=True, bias="bhmn",
    ),
    "gaps_heads": replace(
        BASE,
        where=(("or", BLOCKS, ("per_head", *(("window", n, 2) for n in (0, 90, 10, 40)))),),
    ),
    "gaps_gates": replace(
        BASE, where=(("or", BLOCKS, ("causal",)),), normaliser="l1", lse=False,
        gates=(("value", "sigmoid", "bkn", False), ("weight", "sigmoid", "bmn", True)),
    ),
    "gaps_bf16": replace(BASE, dtype="bf16", where=(("or", BLOCKS, ("window", 20, 5)),)),
    "gaps_f64": replace(BASE, dtype="f64", where=(("not", BLOCKS),), softcap=9.0),
    # Ranges are walked beside the tokens of a list.
    "beside_window": replace(BASE, where=(("or", TOKENS, ("window", 20, 5)),)),
    "beside_slash": replace(
        BASE, where=(("causal",), ("or", ("window", 40, 0), ("prefix", 4), TOKENS)), sinks=True,
    ),
    "beside_limits": replace(
        BASE,
        where=(("or", ("and", TOKENS, ("window", 90, 40)), ("block_diagonal", 50)),),
        align="top_left", region="every_third",
    ),
    "beside_lengths": replace(
        BASE, where=(("or", ("indices", 48, "b"), ("window", 9, 70)),),
        key_lengths=True, query_lengths=True, bias="bhmn",
    ),
    "beside_heads": replace(
        BASE,
        where=(("or", TOKENS, ("per_head", *(("window", n, 2) for n in (0, 90, 10, 40)))),),
        offset="row", align="offset",
    ),
    "beside_gates": replace(
        BASE, where=(("or", ("indices", 1, "bh"), ("causal",)),), normaliser="l1", lse=False,
        gates=(("value", "sigmoid", "bknf", False), ("weight", "sigmoid", "bmn", True)),
    ),
    "beside_mask": replace(
        BASE, where=(("or", TOKENS, ("window", 20, 5)), ("mask", "mn"), ("causal",)), sinks=True,
    ),
    "beside_data": replace(
        BASE,
        where=(("or", ("and", TOKENS, ("predicate", "every_third")),
                ("and", ("mask", "mn"), ("window", 60, 9))),),
        align="top_left",
    ),
    "beside_many": replace(
        BASE, where=(("or", TOKENS, *(("and", ("not", ("prefix", 20 * n)), ("prefix", 20 * n + 6))
                                      for n in range(1, 12))),),
    ),
    "beside_blocks": replace(
        BASE, where=(("causal",), ("or", BLOCKS, ("indices", 48, "b"))), region="every_third",
    ),
    "beside_blocks_lengths": replace(
        BASE, where=(("or", TOKENS, ("and", BLOCKS, ("not", ("blocks", 64, 33, "b")))),
                     ("causal",)),
        key_lengths=True, query_lengths=True, bias="bhmn",
    ),
    "beside_blocks_heads": replace(
        BASE,
        where=(("or", TOKENS, BLOCKS, ("per_head", *(("window", n, 2) for n in (0, 90, 10, 40)))),),
        offset="row", align="offset",
    ),
    "beside_blocks_bf16": replace(
        BASE, dtype="bf16", where=(("causal",), ("or", TOKENS, ("blocks", 64, 33, "b"))),
    ),
    "beside_bf16": replace(BASE, dtype="bf16", where=(("or", TOKENS, ("window", 20, 5)),)),
    "beside_f64": replace(BASE, dtype="f64", where=(("or", TOKENS, ("window", 20, 5)),)),
    "tokens": replace(BASE, where=(TOKENS,)),
    "tokens_causal": replace(BASE, where=(TOKENS, ("causal",)), region="alibi"),
    "tokens_near": replace(BASE, where=(("window", 30, 20), ("indices", 48, "b")), sinks=True),
    "tokens_heads": replace(
        BASE, where=(TOKENS, ("per_head", *(("window", n, 2) for n in (0, 90, 10, 40)))),
        offset="row", align="offset",
    ),
    "tokens_two_ranges": replace(
        BASE, where=(TOKENS, ("or", ("window", 20, 5), ("not", ("window", 90, 60)))),
        region="every_third",
    ),
    "tokens_shared": replace(BASE, where=(("indices", 48, ""),), sinks=True, bias="bhmn"),
    "tokens_by_row": replace(BASE, where=(("indices", 1, "b"),), softcap=9.0),
    "tokens_by_both": replace(BASE, where=(("indices", 50, "bh"),), region="every_third"),
    # Heads of a group fill the lanes, or few rows are an item.
    "tokens_of_a_row": replace(
        BASE, heads=16, key_heads=1, where=(("indices", 1, "b"), ("causal",)), sinks=True,
    ),
    "tokens_of_a_row_or": replace(
        BASE, heads=32, where=(("or", ("indices", 1, "b"), ("window", 20, 5)), ("mask", "mn")),
    ),
    "tokens_of_a_head": replace(BASE, heads=16, key_heads=1, where=(("indices", 1, "h"),)),
    "tokens_of_a_row_gates": replace(
        BASE, heads=16, key_heads=1, where=(("indices", 1, "b"), ("window", 90, 40)),
        bias="bhmn", key_lengths=True,
        gates=(("value", "sigmoid", "bkn", False), ("weight", "sigmoid", "bmn", True)),
    ),
    "tokens_of_a_row_bf16": replace(
        BASE, heads=16, key_heads=1, dtype="bf16", where=(("indices", 1, "b"), ("causal",)),
    ),
    "tokens_of_few": replace(
        BASE, where=(("indices", 1, "h"), ("causal",)), region="every_third", bias="bhmn",
    ),
    "tokens_of_few_f16": replace(BASE, dtype="f16", where=(("indices", 1, "b"), ("causal",))),
    "blocks_of_a_row": replace(
        BASE, heads=16, key_heads=1, where=(("blocks", 1, 33, "b"), ("causal",)),
    ),
    "parts_of_a_row": replace(
        BASE, heads=16, key_heads=1,
        where=(("or", ("indices", 1, "b"), ("blocks", 4, 33, "")), ("window", 90, 40)),
    ),
    "parts_of_few": replace(
        BASE, where=(("or", ("indices", 1, "b"), ("blocks", 4, 33, "h")), ("window", 90, 40)),
        align="top_left", softcap=9.0,
    ),
    "tokens_lengths": replace(
        BASE, where=(TOKENS, ("window", 90, 40)), key_lengths=True, query_lengths=True,
    ),
    "tokens_only_lengths": replace(BASE, where=(TOKENS,), key_lengths=True),
    "tokens_gates": replace(
        BASE, where=(TOKENS,),
        gates=(("key", "silu", "bhn", False), ("value", "sigmoid", "bknf", False),
               ("weight", "sigmoid", "bmn", True)),
    ),
    "tokens_sum": replace(BASE, where=(TOKENS,), normaliser="l1", lse=False),
    "tokens_bf16": replace(BASE, dtype="bf16", where=(TOKENS,)),
    "tokens_f16": replace(BASE, dtype="f16", where=(TOKENS, ("causal",))),
    "tokens_f64": replace(BASE, dtype="f64", where=(TOKENS,), lse=False),
    # Lists cut the keys into parts.
    "parts_or": replace(BASE, where=(("or", BLOCKS, ("blocks", 64, 33, "b")),)),
    "parts_and": replace(BASE, where=(BLOCKS, ("blocks", 48, 20, "bh", "flat"), ("causal",))),
    "parts_but": replace(
        BASE, where=(BLOCKS, ("not", ("blocks", 32, 7, "b")), ("window", 90, 40)),
        align="top_left", sinks=True,
    ),
    "parts_each": replace(
        BASE,
        where=(("or", ("and", BLOCKS, ("causal",)),
                ("and", ("blocks", 40, 64, ""), ("window", 30, 60))),),
        offset="row", align="offset", region="every_third",
    ),
    "parts_three": replace(
        BASE,
        where=(("or", BLOCKS, ("and", ("blocks", 128, 7, "bh"), ("not", ("blocks", 20, 9, "b"))),
                ("prefix", 4)), ("causal",)),
    ),
    "parts_of_one": replace(BASE, where=(("or", ("blocks", 3, 64, "h"), ("blocks", 4, 9, "")),)),
    "parts_mask": replace(
        BASE, where=(("or", BLOCKS, ("and", ("mask", "mn"), ("blocks", 64, 33, "b"))),),
    ),
    "parts_lengths": replace(
        BASE, where=(("or", BLOCKS, ("not", ("blocks", 64, 33, "b"))), ("causal",)),
        key_lengths=True, query_lengths=True, bias="bhmn",
    ),
    "parts_heads": replace(
        BASE,
        where=(("or", BLOCKS, ("blocks", 64, 33, "b"),
                ("per_head", *(("window", n, 2) for n in (0, 90, 10, 40)))),),
    ),
    "parts_gates": replace(
        BASE, where=(BLOCKS, ("blocks", 64, 33, "b")), normaliser="l1", lse=False,
        gates=(("value", "sigmoid", "bkn", False), ("weight", "sigmoid", "bmn", True)),
    ),
    "parts_bf16": replace(BASE, dtype="bf16", where=(("or", BLOCKS, ("blocks", 64, 33, "b")),)),
    "parts_f64": replace(BASE, dtype="f64", where=(BLOCKS, ("blocks", 64, 33, "b")), softcap=9.0),
    "parts_not_tokens": replace(BASE, where=(("not", TOKENS), ("causal",))),
    "parts_tokens_mask": replace(BASE, where=(("or", TOKENS, ("mask", "mn")),), sinks=True),
    "parts_tokens_predicate": replace(
        BASE, where=(("or", ("indices", 50, "bh"), ("predicate", "every_third")), ("causal",)),
    ),
    "parts_blocks_and_tokens": replace(BASE, where=(BLOCKS, TOKENS)),
    "parts_blocks_or_tokens": replace(
        BASE, where=(("or", BLOCKS, ("indices", 48, "b")), ("window", 90, 40)),
    ),
    "parts_tokens_and_tokens": replace(BASE, where=(TOKENS, ("not", ("indices", 24, "b")))),
    "parts_tokens_bf16": replace(
        BASE, dtype="bf16", where=(("or", TOKENS, ("indices", 64, "")), ("causal",)),
    ),
    "parts_tokens_f16": replace(BASE, dtype="f16", where=(BLOCKS, ("not", TOKENS))),
}  # fmt: skip
QUICK = [
    "blocks_causal",
    "gaps_big_bird",
    "beside_slash",
    "beside_blocks",
    "tokens_causal",
    "parts_three",
]
LENGTHS = [(113, 239), (300, 257), (49, 16), (1, 64), (64, 1), (160, 320)]


def pytest_generate_tests(metafunc):
    if "name" in metafunc.fixturenames:
        quick = metafunc.config.getoption("--tier") == "quick"
        metafunc.parametrize("name", QUICK if quick else list(SPECS))


def test_lists(kernels, name, seed):
    spec = SPECS[name]
    kernel = kernels.get(spec)
    for number, (queries, keys) in enumerate(LENGTHS):
        case = operands(spec, 2, queries, keys, np.random.default_rng([seed, queries, keys]))
        judge(case, run_guarded(kernel, case, "bhmd", ("end", "begin")[number % 2], number))


@pytest.mark.parametrize(
    "listed",
    [
        "blocks_by_row",
        "blocks_flat",
        "blocks_lengths",
        "gaps_big_bird",
        "beside_limits",
        "beside_lengths",
        "beside_data",
        "beside_blocks_lengths",
        "gaps_mask",
        "parts_and",
        "parts_three",
        "parts_tokens_mask",
        "parts_blocks_and_tokens",
        "tokens_causal",
        "tokens_by_row",
    ],
)
def test_unfused_agrees(kernels, listed, seed):
    spec = SPECS[listed]
    kernel = kernels.get(spec, "--form=unfused")
    for queries, keys in LENGTHS[:3]:
        case = operands(spec, 2, queries, keys, np.random.default_rng([seed, queries, keys]))
        judge(case, run_guarded(kernel, case, "bhmd", "end", 1))


def draw_expression(rng, depth):
    """An expression of lists, data and positions; a connective joins two or three terms."""
    atoms = (
        BLOCKS, ("blocks", 64, 33, "b"), ("blocks", 20, 9, ""), TOKENS, ("indices", 48, "b"),
        ("causal",), ("window", 40, 9), ("prefix", 30), ("mask", "mn"),
        ("predicate", "every_third"),
    )  # fmt: skip
    kind = rng.choice(["and", "or", "not", "atom"]) if depth else "atom"
    if kind == "atom":
        return atoms[rng.integers(len(atoms))]
    if kind == "not":
        return ("not", draw_expression(rng, depth - 1))
    return (str(kind), *(draw_expression(rng, depth - 1) for _ in range(rng.integers(2, 4))))


def test_random_expressions(kernels, seed):
    """Whatever joins lists, tiles walk them."""
    for number in range(6):
        rng = np.random.default_rng([seed, number, 99])
        spec = replace(BASE, where=(draw_expression(rng, 3), draw_expression(rng, 2)))
        print(f"expression {number}: {spec.where}")
        case = operands(spec, 2, 113, 239, rng)
        judge(case, run_guarded(kernels.get(spec), case, "bhmd", ("end", "begin")[number % 2], 1))


@pytest.mark.parametrize("form", ["fused", "unfused"])
@pytest.mark.parametrize("listed", ["blocks", "tokens"])
def test_empty_lists(kernels, listed, form):
    """Rows whose list is empty see nothing, and neither does anybody without keys."""
    spec = SPECS[listed]
    kernel = kernels.get(spec, f"--form={form}")
    for queries, keys in ((70, 90), (70, 0), (0, 90)):
        case = operands(spec, 2, queries, keys, np.random.default_rng(1))
        for list_name, value in case.arrays.items():
            if list_name.startswith("list") and "entries" not in list_name:
                value[...] = 0 if "offsets" in list_name else -1
        out, lse = run(kernel, case)
        assert (out == 0).all() and np.isneginf(lse).all()


@pytest.mark.parametrize("listed", QUICK)
def test_counting(kernels, listed):
    """K = 0 and V = 1 at every third key: O times the live count is an integer."""
    spec = replace(SPECS[listed], region=None, sinks=False)
    case = operands(spec, 2, 200, 257, np.random.default_rng(7))
    case.arrays["k"][...] = 0
    case.arrays["v"][...] = (np.arange(257) % 3 == 0)[None, None, :, None]
    out, _ = run(kernels.get(spec), case)
    for b in range(2):
        for h in range(spec.heads):
            live = case.operator().live(b, np.arange(200), 200, 257, h)
            want = (live & (np.arange(257) % 3 == 0)).sum(axis=1)
            got = out[b, h, :, 0] * live.sum(axis=1)
            assert (np.abs(got - want) < 1e-3).all()


@pytest.mark.parametrize("listed", QUICK)
def test_dead_keys_change_no_bit(kernels, listed):
    """What stands at keys that no list of a row names never reaches it."""
    spec = replace(SPECS[listed], region=None)
    kernel = kernels.get(spec)
    case = operands(spec, 2, 160, 256, np.random.default_rng(10))
    clean = run(kernel, case)
    live = np.array([
        [case.operator().live(b, np.arange(160), 160, 256, h) for h in range(4)] for b in range(2)
    ])  # fmt: skip
    for bad in (np.nan, np.inf):
        for key in (0, 100, 255):
            noisy = {x: np.array(a) for x, a in case.arrays.items()}
            noisy["k"][:, :, key] = noisy["v"][:, :, key] = bad
            for got, expected in zip(run(kernel, Operands(spec, noisy)), clean, strict=True):
                dead = ~live[:, :, :, key]
                assert got[dead].tobytes() == expected[dead].tobytes()


def test_bits_do_not_depend_on_other_lists(kernels):
    for name in ("blocks", "tokens"):
        spec = SPECS[name]
        kernel = kernels.get(spec)
        case = operands(spec, 1, 160, 256, np.random.default_rng(11))
        whole = run(kernel, case)
        shared = 32 if name == "blocks" else 16
        arrays = dict(case.arrays)
        arrays["q"] = np.ascontiguousarray(arrays["q"][:, :, shared : 2 * shared])
        if name == "blocks":
            arrays["list0_offsets"] = np.ascontiguousarray(arrays["list0_offsets"][:, 1:3])
        else:
            arrays["list0"] = np.ascontiguousarray(arrays["list0"][:, 1:2])
        for got, expected in zip(run(kernel, Operands(spec, arrays)), whole, strict=True):
            part = np.ascontiguousarray(expected[:, :, shared : 2 * shared])
            assert got.tobytes() == part.tobytes()


def test_an_empty_list_changes_no_bit(kernels):
    """Parts of one list are its blocks and what is between."""
    one, two = (BLOCKS, ("causal",)), (BLOCKS, ("or", ("causal",), ("indices", 48, "b")))
    case = operands(replace(BASE, where=two), 1, 160, 256, np.random.default_rng(17))
    case.arrays["list2"][...] = -1
    got = run(kernels.get(case.spec), case)
    arrays = {name: array for name, array in case.arrays.items() if name != "list2"}
    expected = run(
        kernels.get(replace(BASE, where=one)), Operands(replace(BASE, where=one), arrays)
    )
    for first, second in zip(got, expected, strict=True):
        assert first.tobytes() == second.tobytes()


def refused(kernels, name, change, message):
    """A status, and the outputs are as they were."""
    spec = SPECS[name]
    case = operands(spec, 2, 113, 100, np.random.default_rng(11))
    change(case.arrays)
    outputs = [np.full(shape, 7, dtype) for shape, dtype in case.output_shapes()]
    with pytest.raises(RuntimeError, match=message):
        kernels.get(spec).run([*case.inputs(), *outputs])
    assert all((output == 7).all() for output in outputs)


def set_lists(offsets, entries):
    def change(arrays):
        arrays["list0_offsets"] = np.tile(np.array(offsets, np.int32), (4, 1))
        arrays["list0_entries"] = np.tile(np.array(entries, np.int64), (4, 1))

    return change


@pytest.mark.parametrize(
    ("offsets", "entries", "message"),
    [
        ([0, 2, 2, 3], [0, 1, 2], "list0_offsets has 4 offsets where the queries need 5"),
        ([0, 2, 1, 3, 3], [0, 1, 2], "offset 2 is 1, which does not lie between the 2 before it"),
        ([0, 2, 2, 3, 4], [0, 1, 2], "offset 4 is 4, which .* and the 3 entries"),
        ([-1, 2, 2, 3, 3], [0, 1, 2], "offset 0 is -1, outside of the 3 entries"),
        ([0, 2, 2, 3, 3], [1, 1, 2], "list0_entries: entry 1 of list 0 is 1, behind 1: lists asc"),
        ([0, 2, 2, 3, 3], [0, 1, 7], "entry 0 of list 2 is 7, which is not one of 7"),
        ([0, 2, 2, 3, 3], [-1, 1, 2], "entry 0 of list 0 is -1, which is not one of 7"),
    ],
)
def test_wrong_blocks(kernels, offsets, entries, message):
    refused(kernels, "blocks", set_lists(offsets, entries), message)


@pytest.mark.parametrize(
    ("place", "values", "message"),
    [
        ((1, 3), [4, 9, 9], "list0: entry 2 of list 3 is 9, behind 9"),
        ((0, 0), [4, 100], "list0: entry 1 of list 0 is 100, which is not one of 100"),
        ((3, 7), [-2], "list0: entry 0 of list 7 is -2, which is not one of 100"),
        ((2, 2), [3, -1, 5], "list0: entry 2 of list 2 is behind a -1, which ends a list"),
    ],
)
def test_wrong_tokens(kernels, place, values, message):
    def change(arrays):
        arrays["list0"][place] = -1
        arrays["list0"][place][: len(values)] = values

    refused(kernels, "tokens", change, message)


def test_too_few_lists(kernels):
    def change(arrays):
        arrays["list0"] = np.ascontiguousarray(arrays["list0"][:, 1:])

    refused(kernels, "tokens", change, "list0 has 7 lists where the queries need 8")


@pytest.mark.parametrize("form", ["fused", "unfused"])
@pytest.mark.parametrize("listed", ["blocks", "tokens", "parts_blocks_and_tokens"])
def test_unchecked_lists_stay_in_bounds(kernels, listed, form):
    """Without the check wrong lists give wrong numbers, and nothing else."""
    spec = SPECS[listed]
    kernel = kernels.get(spec, "--check-values=false", f"--form={form}")
    case = operands(spec, 2, 113, 130, np.random.default_rng(12))
    judge(case, run(kernel, case))
    rng = np.random.default_rng(13)
    for guard in ("end", "begin"):
        if "list0_offsets" in case.arrays:
            case.arrays["list0_offsets"] = rng.integers(-9, 30, (4, 3)).astype(np.int32)
            entries = rng.integers(-(1 << 50), 1 << 50, (4, 12))
            entries[:, ::2] %= 20
            case.arrays["list0_entries"] = entries
        for tokens in {"list0", "list2"} & set(case.arrays):
            case.arrays[tokens] = rng.integers(-400, 400, (4, 5, 9)).astype(np.int32)
        run_guarded(kernel, case, "bhmd", guard, 1)
        case = Operands(case.spec, {x: np.array(a) for x, a in case.arrays.items()})


CASCADE = softmax_cascade(
    "listed",
    "where causal and blocks(32, 16, %P[b], %I[]) over (m, n) align bottom_right",
    {"p": "tensor<2x?xi32>", "i": "tensor<?xi64>"},
)


@pytest.mark.parametrize("form", ["fused", "unfused"])
def test_a_cascade_of_lists(kernels, form, seed):
    kernel = kernels.compile(CASCADE, "listed", f"--form={form}")
    rng = np.random.default_rng(seed)
    q, k, v = (rng.standard_normal((2, 100, size), np.float32) for size in (32, 32, 16))
    offsets = np.array([[0, 2, 2, 5, 8], [8, 8, 9, 12, 12]], np.int32)
    entries = np.array([0, 1, 0, 2, 5, 1, 4, 6, 3, 0, 1, 2])
    out = np.full_like(v, np.nan)
    Counter.executions += 1
    kernel.run([q, k, v, offsets, entries, out])
    blocks = reference.Blocks(32, 16, offsets, entries, "b")
    operator = reference.Operator(
        [reference.Scale(1.0)], reference.And((reference.Causal(), blocks))
    )
    contract.check_attention(*(x[:, None] for x in (q, k, v)), operator, out[:, None], None)


def test_refused(kernels):
    for wrong in (
        replace(BASE, where=(BLOCKS, ("permuted", ("causal",))), permute=(("both", ""),)),
        replace(BASE, segments=(("both", ""),)),
        replace(BASE, align="top_left", origins=(("n", "index"),)),
    ):
        with pytest.raises(CompileError, match="lists count tokens as they lie"):
            kernels.get(wrong)
