# ===- test_semantics.py - The rules, one at a time ----------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Counting, emptiness, infinities and dead values: each with an exact answer."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from attn import contract
from operators import DTYPES, Operands, Spec, operands
from runner import judge, run, run_guarded

NO_KEYS = Spec(8, 64, heads=2, key_heads=1, lse=True)
FORMS = {
    "everything": NO_KEYS,
    "causal": replace(NO_KEYS, where=(("causal",),)),
    "causal_top_left": replace(NO_KEYS, where=(("causal",),), align="top_left"),
    "window": replace(NO_KEYS, where=(("window", 37, 21),)),
    "window_top_left": replace(NO_KEYS, where=(("window", 37, 21),), align="top_left"),
    "one_key": replace(NO_KEYS, where=(("window", 0, 0),)),
    "prefix": replace(NO_KEYS, where=(("prefix", 70),)),
    "mixed": replace(
        NO_KEYS, where=(("causal",), ("window", 100, 9), ("prefix", 200)), key_lengths=True
    ),
    "prefix_lm": replace(NO_KEYS, where=(("or", ("causal",), ("prefix", 70)),)),
    "anchored": replace(
        NO_KEYS, where=(("causal",), ("or", ("window", 20, 0), ("prefix", 5))), query_lengths=True
    ),
    "far": replace(NO_KEYS, where=(("not", ("window", 30, 7)),), key_lengths=True),
    "bands": replace(
        NO_KEYS, dtype="f64", align="top_left",
        where=(("or", ("window", 3, 2), ("and", ("not", ("prefix", 60)), ("prefix", 75)),
                ("not", ("window", 150, 90))),),
    ),
    "blocks": replace(NO_KEYS, where=(("block_diagonal", 100),), key_lengths=True),
    "block_causal": replace(NO_KEYS, where=(("causal",), ("block_diagonal", 33)), align="top_left"),
    "sinks_and_window": replace(
        NO_KEYS, where=(("causal",), ("or", ("window", 40, 0), ("leading", 3)))
    ),
    "neighbors": replace(NO_KEYS, where=(("neighborhood", (13,), (("stride", (4,)),)),)),
    "neighbors_dilated": replace(
        NO_KEYS, key_lengths=True, align="top_left",
        where=(("neighborhood", (7,), (("dilation", (3,)), ("causal", (1,)))),),
    ),
    "neighbors_2d": replace(
        NO_KEYS, align="top_left", where=(("neighborhood", (5, 7), (("grid", (12, 20)),)),),
    ),
    "neighbors_3d": replace(
        NO_KEYS, align="top_left",
        where=(("neighborhood", (3, 4, 5), (
            ("grid", (4, 6, 10)), ("stride", (1, 2, 5)), ("dilation", (1, 1, 2)),
            ("causal", (1, 0, 0)))),),
    ),
    "halo": replace(
        NO_KEYS, align="top_left",
        where=(("neighborhood", (8, 8), (("grid", (16, 15)), ("stride", (4, 4)),
                                         ("clipped", True))),),
    ),
    "dilated": replace(NO_KEYS, where=(("dilated", 60, 4),)),
    "strided": replace(NO_KEYS, where=(("causal",), ("strided", 5, 2, 8)), query_lengths=True),
    "powers": replace(
        NO_KEYS, where=(("causal",), ("or", ("window", 9, 0), ("power_of_two", 8))),
    ),
    "radial": replace(NO_KEYS, align="top_left", where=(("radial", 12, 20, 1.0, 8),)),
    "affine": replace(NO_KEYS, where=(("affine_set", ("m - n", "(2 * m + n) mod 7 - 3")),)),
    "per_head": replace(
        NO_KEYS,
        where=(("causal",), ("or", ("per_head", ("window", 9, 0), ("window", 64, 0)),
                             ("per_head", ("strided", 5, 2, 8), ("strided", 3, 1, 4)))),
    ),
    "blocks_per_head": replace(
        NO_KEYS, where=(("per_head", ("block_diagonal", 40), ("block_diagonal", 7)),)
    ),
    "mask": replace(NO_KEYS, where=(("causal",), ("mask", "bhmn"))),
    "lengths": replace(NO_KEYS, key_lengths=True, query_lengths=True, where=(("causal",),)),
    "bf16": replace(NO_KEYS, dtype="bf16", where=(("window", 50, 0),)),
    "f16": replace(NO_KEYS, dtype="f16", where=(("causal",),), key_lengths=True),
    "f64": replace(NO_KEYS, dtype="f64", where=(("window", 37, 21),), query_lengths=True),
}  # fmt: skip
QUICK_FORMS = ["causal", "mixed", "anchored", "neighbors_3d"]
SHAPES = [(113, 239), (239, 113), (64, 48), (1, 300), (300, 1), (33, 1024)]


def pytest_generate_tests(metafunc):
    quick = metafunc.config.getoption("--tier") == "quick"
    if "form" in metafunc.fixturenames:
        metafunc.parametrize("form", QUICK_FORMS if quick else list(FORMS))
    if "dtype" in metafunc.fixturenames:
        metafunc.parametrize("dtype", ["f64"] if quick else list(DTYPES))


def bits(array: np.ndarray) -> bytes:
    return np.ascontiguousarray(array).tobytes()


def same_bits(a, b):
    return all(bits(x) == bits(y) for x, y in zip(a, b, strict=True))


def test_counting(kernels, form):
    """K = 0 and V = key indicators: O times the live count counts live keys.

    Batch entry 0 tells keys apart by n mod f, entry 1 by n div 5 mod f: together
    they name each key.
    """
    spec = FORMS[form]
    kernel = kernels.get(spec)
    for queries, keys in SHAPES:
        rng = np.random.default_rng([queries, keys])
        case = operands(spec, 2, queries, keys, rng)
        case.arrays["k"][...] = 0
        v = np.zeros(case.arrays["v"].shape)
        n = np.arange(keys)
        v[0, :, n, n % spec.f] = 1
        v[1, :, n, n // 5 % spec.f] = 1
        case.arrays["v"] = v.astype(DTYPES[spec.dtype])
        out, lse = run(kernel, case)
        operator = case.operator()
        for b in range(2):
            rows, heads = np.arange(queries), range(spec.heads)
            live = np.stack([operator.live(b, rows, queries, keys, h) for h in heads])
            expected = live.astype(np.float64) @ v[b, 0].astype(np.float64)
            count = live.sum(axis=-1)
            sums = out[b].astype(np.float64) * count[..., None]
            eps = contract.eps(out.dtype)
            if out.dtype.itemsize == 2:
                assert (np.abs(sums - expected) <= eps * expected).all()
            else:
                assert (np.rint(sums) == expected).all()
                assert np.abs(sums - expected).max() < 1e4 * eps
            with np.errstate(divide="ignore"):
                log_count = np.log(count.astype(np.float64))
            assert (np.isneginf(lse[b]) == np.isneginf(log_count)).all()
            some = count > 0
            close = 8 * contract.eps(lse.dtype)
            assert np.allclose(lse[b][some], log_count[some], rtol=close, atol=close)


@pytest.mark.parametrize("name", ["everything", "lengths"])
def test_empty_extents_succeed(kernels, name):
    spec = FORMS[name]
    kernel = kernels.get(spec)
    for batch, queries, keys in itertools.product([0, 2], [0, 1, 65], [0, 1, 65]):
        case = operands(spec, batch, queries, keys, np.random.default_rng(0))
        out, lse = run_guarded(kernel, case, "bhmd", "end", batch)
        if keys == 0:
            assert (out == 0).all() and np.isneginf(lse).all()
        if out.size:
            judge(case, [out, lse])


def test_single_tokens(kernels):
    spec = Spec(64, 64, heads=4, key_heads=2, where=(("causal",),), lse=True)
    kernel = kernels.get(spec)
    for queries, keys in [(1, 1), (1, 2), (2, 1), (1, 1023), (1, 4096)]:
        case = operands(spec, 2, queries, keys, np.random.default_rng(keys))
        judge(case, run_guarded(kernel, case, "bmhd", "begin", keys))


BIASED = Spec(16, 40, heads=2, key_heads=2, bias="hmn", lse=True)


def test_infinite_scores(kernels, dtype):
    """-inf weighs nothing, a row of it gives 0 and -inf, +inf gives NaN.

    A row of -inf is 0 where its values are not finite, too."""
    spec = replace(BIASED, dtype=dtype)
    kernel = kernels.get(spec)
    for queries, keys in [(70, 130), (130, 70)]:
        case = operands(spec, 1, queries, keys, np.random.default_rng(1))
        bias = case.arrays["bias"]
        bias[0, :, 3] = -np.inf
        bias[0, :, : keys // 2] = -np.inf
        bias[1, 5] = -np.inf
        bias[1, 7, : keys - 1] = -np.inf
        bias[0, 9, keys - 1] = np.inf
        bias[1, 11, 0] = np.inf
        out, lse = run(kernel, case)
        judge(case, [out, lse])
        assert (out[0, 1, 5] == 0).all() and np.isneginf(lse[0, 1, 5])
        assert np.isnan(out[0, 0, 9]).all() and np.isnan(out[0, 1, 11]).all()
        # One key is left, so its values come out unchanged.
        assert bits(out[0, 1, 7]) == bits(case.arrays["v"][0, 1, keys - 1])
        case.arrays["v"][0, :, 2, 4] = np.inf
        case.arrays["v"][0, :, 5, 31] = np.nan
        spoilt, spoilt_lse = run(kernel, case)
        judge(case, [spoilt, spoilt_lse])
        assert (spoilt[0, 1, 5] == 0).all() and bits(spoilt_lse) == bits(lse)


@pytest.mark.parametrize("bias", [None, "mn"])
def test_sinks(kernels, bias):
    spec = Spec(
        16, 32, heads=4, key_heads=2, scale=0.25, bias=bias, sinks=True, lse=True,
        where=(("causal",),),
    )  # fmt: skip
    kernel = kernels.get(spec)
    case = operands(spec, 2, 50, 40, np.random.default_rng(2))
    case.arrays["sink"][:] = [-np.inf, -3, 5, 60]
    run_guarded(kernel, case, "bhmd", "end", 0)
    out, lse = run(kernel, case)
    judge(case, [out, lse])
    # Bottom right: the first ten rows see no key, and a sink is none.
    assert (out[:, :, :10] == 0).all() and np.isneginf(lse[:, :, :10]).all()
    # A sink far above every score takes all the weight.
    assert np.abs(out[:, 3]).max() < 1e-15
    assert np.allclose(lse[:, 3, 10:], 60)


def planted_everywhere_dead(case: Operands, bad) -> Operands:
    """A copy with `bad` in every key and query that no live point touches."""
    arrays = {name: value.copy() for name, value in case.arrays.items()}
    operator = case.operator()
    batch, _, queries, _ = arrays["q"].shape
    keys = arrays["k"].shape[2]
    for b in range(batch):
        rows, heads = np.arange(queries), range(case.spec.heads)
        live = np.stack([operator.live(b, rows, queries, keys, h) for h in heads])
        dead_keys = np.flatnonzero(~live.any(axis=(0, 1)))
        arrays["k"][b, :, dead_keys] = bad
        arrays["v"][b, :, dead_keys] = bad
        arrays["q"][b][~live.any(axis=2)] = bad
    return Operands(case.spec, arrays)


def test_dead_values_change_no_bit(kernels, form):
    spec = FORMS[form]
    kernel = kernels.get(spec)
    for queries, keys in SHAPES[:3]:
        case = operands(spec, 2, queries, keys, np.random.default_rng([3, keys]))
        clean = run(kernel, case)
        for bad in (np.nan, np.inf):
            assert same_bits(run(kernel, planted_everywhere_dead(case, bad)), clean)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_values_at_every_tile_border(kernels, bad, dtype):
    """One bad value spoils its feature in the rows that see it and nothing else:
    on the diagonal of a causal tile, in full tiles and outside."""
    spec = replace(FORMS["causal"], dtype=dtype)
    kernel = kernels.get(spec)
    queries, keys = 113, 239
    case = operands(spec, 1, queries, keys, np.random.default_rng(4))
    clean, clean_lse = run(kernel, case)
    clean_v = case.arrays["v"].copy()
    for n in (0, 15, 16, 47, 48, 63, 64, 126, 127, 128, 174, 175, 200, keys - 1):
        case.arrays["v"][...] = clean_v
        case.arrays["v"][0, 0, n, 11] = bad
        out, lse = run(kernel, case)
        sees = np.arange(queries) + keys - queries >= n
        assert not np.isfinite(out[0, :, sees, 11]).any()
        out[0, :, sees, 11] = clean[0, :, sees, 11]
        close = 8 * contract.eps(out.dtype)
        assert np.allclose(out.astype(float), clean.astype(float), rtol=close, atol=close)
        assert bits(out[0, :, ~sees]) == bits(clean[0, :, ~sees])
        assert bits(lse) == bits(clean_lse)


def test_lengths_past_the_end_are_cut(kernels):
    """Alignment follows what is left of a length, too."""
    spec = FORMS["lengths"]
    kernel = kernels.get(spec, "--check-values=false")
    case = operands(spec, 2, 65, 65, np.random.default_rng(5))
    case.arrays["kl"][...] = 65
    case.arrays["ql"][...] = 40
    whole = run(kernel, case)
    case.arrays["kl"][...] = 77
    for got, wanted in zip(run(kernel, case), whole, strict=True):
        assert got.tobytes() == wanted.tobytes()


def test_lengths_out_of_range_read_nothing(kernels):
    """Refused or clamped: a length beyond its tensor must not be followed."""
    spec = FORMS["lengths"]
    kernel = kernels.get(spec)
    for bad in (-1, 66, 1 << 30, -(1 << 31)):
        case = operands(spec, 2, 65, 65, np.random.default_rng(5))
        case.arrays["kl"][1] = bad
        try:
            run_guarded(kernel, case, "bhmd", "end", 0)
        except RuntimeError as error:
            assert "length" in str(error) or "kl" in str(error)
