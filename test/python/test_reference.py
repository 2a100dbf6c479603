# ===- test_reference.py - The reference against plain loops -*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""The NumPy reference judges the kernels; here it is judged itself, by scalar
loops that follow the definition word for word and by cases solved by hand."""

import math

import ml_dtypes
import numpy as np
import pytest
from attn import reference
from attn.reference import And, Bias, Causal, Map, Operator, Prefix, Scale, SoftCap, Window

INF = math.inf


def exp(x):
    return math.exp(x) if x < 709 else INF


def brute_force(q, k, v, live, score, sinks=None):
    """live(b, h, m, n) and score(s, b, h, m, n) are functions of integers."""
    batch, heads, queries, _ = q.shape
    keys, group = k.shape[2], heads // k.shape[1]
    out = np.zeros((batch, heads, queries, v.shape[3]))
    lse = np.full((batch, heads, queries), -INF)
    for b, h, m in np.ndindex(batch, heads, queries):
        terms = {}
        for n in range(keys):
            if live(b, h, m, n):
                products = q[b, h, m].astype(float) * k[b, h // group, n].astype(float)
                s = sum(float(x) for x in products)
                terms[n] = score(s, b, h, m, n)
        if any(math.isnan(s) or s == INF for s in terms.values()):
            out[b, h, m], lse[b, h, m] = math.nan, math.nan
            continue
        maximum = max(terms.values(), default=-INF)
        if maximum == -INF:
            continue
        total = sum(exp(s - maximum) for s in terms.values())
        if sinks is not None:
            total += exp(float(sinks[h]) - maximum)
        lse[b, h, m] = maximum + math.log(total)
        for n, s in terms.items():
            out[b, h, m] += exp(s - maximum) / total * v[b, h // group, n].astype(float)
    return out, lse


def tensors(rng, batch=2, heads=4, key_heads=2, queries=5, keys=7, e=3, f=2, dtype=np.float32):
    def normal(*shape):
        return rng.standard_normal(shape).astype(dtype)

    q = normal(batch, heads, queries, e)
    return q, normal(batch, key_heads, keys, e), normal(batch, key_heads, keys, f)


def agree(result, out, lse):
    np.testing.assert_allclose(result.out, out, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(result.lse, lse, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("align", ["top_left", "bottom_right"])
@pytest.mark.parametrize("queries,keys", [(5, 7), (7, 5), (6, 6), (1, 9), (9, 1)])
def test_positions_and_lengths(align, queries, keys):
    rng = np.random.default_rng([queries, keys])
    q, k, v = tensors(rng, queries=queries, keys=keys)
    kl = np.array([keys, keys // 2], np.int32)
    ql = np.array([queries - 1, queries], np.int32)
    operator = Operator(
        where=And((Causal(), Window(3, 2), Prefix(keys - 1))),
        align=align, key_lengths=kl, query_lengths=ql,
    )  # fmt: skip

    def live(b, h, m, n):
        pos = m + (kl[b] - ql[b] if align == "bottom_right" else 0)
        inside = m < ql[b] and n < kl[b] and n < keys - 1
        return inside and n <= pos and pos - 3 <= n <= pos + 2

    agree(reference.attention(q, k, v, operator), *brute_force(
        q, k, v, live, lambda s, *_: s / math.sqrt(3)))  # fmt: skip


def test_modifiers_in_order():
    rng = np.random.default_rng(1)
    q, k, v = tensors(rng)
    bias = rng.standard_normal((4, 5, 7)).astype(np.float32)
    row = rng.standard_normal(7).astype(np.float32)
    sinks = rng.standard_normal(4).astype(np.float32)

    def region(s, b, h, m, n):
        return s + (m - n).astype(s.dtype) * (b + h).astype(s.dtype)

    operator = Operator(
        modifiers=[Scale(0.5), SoftCap(2.0), Bias(bias, "hmn"), Map(region), Bias(row, "n")],
        sinks=sinks,
    )

    def score(s, b, h, m, n):
        s = 2.0 * math.tanh(0.5 * s / 2.0) + float(bias[h, m, n])
        return s + (m - n) * (b + h) + float(row[n])

    expected = brute_force(q, k, v, lambda *_: True, score, sinks)
    agree(reference.attention(q, k, v, operator), *expected)
    # The order matters: the same list, cap first, is another operator.
    other = Operator(modifiers=[SoftCap(2.0), Scale(0.5)])
    assert not np.allclose(
        reference.attention(q, k, v, other).out,
        reference.attention(q, k, v, Operator(modifiers=[Scale(0.5), SoftCap(2.0)])).out,
    )


@pytest.mark.parametrize("ranks", ["", "b", "h", "m", "n", "bh", "mn", "bn", "hmn", "bhmn"])
def test_bias_broadcasts(ranks):
    rng = np.random.default_rng(2)
    q, k, v = tensors(rng)
    extents = dict(b=2, h=4, m=5, n=7)
    bias = np.asarray(rng.standard_normal([extents[r] for r in ranks]))
    result = reference.attention(q, k, v, Operator(modifiers=[Bias(bias, ranks)]))

    def score(s, b, h, m, n):
        index = dict(b=b, h=h, m=m, n=n)
        return s + float(bias[tuple(index[r] for r in ranks)])

    agree(result, *brute_force(q, k, v, lambda *_: True, score))


def test_rows_without_live_keys():
    q, k, v = tensors(np.random.default_rng(3), queries=4, keys=2)
    for sinks in (None, np.zeros(4, np.float32)):
        result = reference.attention(q, k, v, Operator(where=Causal(), sinks=sinks))
        # Bottom right: queries 0 and 1 come before the first key.
        assert (result.out[:, :, :2] == 0).all() and np.isneginf(result.lse[:, :, :2]).all()
        assert np.isfinite(result.lse[:, :, 2:]).all()
        assert result.counts[0, 0].tolist() == [0, 0, 1, 2]
    empty = reference.attention(q, k[:, :, :0], v[:, :, :0])
    assert empty.out.shape == (2, 4, 4, 2) and (empty.out == 0).all()
    assert np.isneginf(empty.lse).all()
    assert reference.attention(q[:, :, :0], k, v).out.shape == (2, 4, 0, 2)


def test_infinite_scores():
    q, k, v = tensors(np.random.default_rng(4), batch=1, heads=1, key_heads=1, queries=3, keys=4)
    bias = np.zeros((3, 4))
    bias[0, 1] = -INF  # one live key of weight 0
    bias[1] = -INF  # a row of them
    bias[2, 2] = INF
    result = reference.attention(q, k, v, Operator(modifiers=[Bias(bias, "mn")]))
    without = reference.attention(q[:, :, :1], np.delete(k, 1, 2), np.delete(v, 1, 2),
                                  Operator(modifiers=[Scale(1.0)]))  # fmt: skip
    np.testing.assert_allclose(result.out[0, 0, 0], without.out[0, 0, 0], rtol=1e-13, atol=1e-15)
    assert (result.out[0, 0, 1] == 0).all() and np.isneginf(result.lse[0, 0, 1])
    assert np.isnan(result.out[0, 0, 2]).all() and np.isnan(result.lse[0, 0, 2])


@pytest.mark.parametrize("program", [reference.attention, reference.naive])
@pytest.mark.parametrize("bad", [math.nan, INF, -INF])
def test_dead_values_never_propagate(program, bad):
    q, k, v = tensors(np.random.default_rng(5), queries=6, keys=6)
    operator = Operator(where=Causal(), key_lengths=np.array([6, 4], np.int32))
    clean = program(q, k, v, operator)
    k2, v2, q2 = k.copy(), v.copy(), q.copy()
    k2[1, :, 4:], v2[1, :, 4:] = bad, bad
    dirty = program(q2, k2, v2, operator)
    np.testing.assert_array_equal(dirty.out, clean.out)
    np.testing.assert_array_equal(dirty.lse, clean.lse)
    # Live from row 4 on in batch entry 0, dead before.
    v2[0, :, 4] = bad
    dirty = program(q2, k2, v2, operator)
    np.testing.assert_array_equal(dirty.out[0, :, :4], clean.out[0, :, :4])
    assert not np.isfinite(dirty.out[0, :, 4:].astype(float)).any()


def test_nan_in_live_inputs():
    q, k, v = tensors(np.random.default_rng(6))
    q[0, 1, 2, 0] = math.nan
    result = reference.attention(q, k, v)
    assert np.isnan(result.out[0, 1, 2]).all() and np.isnan(result.lse[0, 1, 2])
    assert np.isnan(result.out).sum() == 2 and np.isnan(result.lse).sum() == 1
    capped = reference.attention(q, k, v, Operator(modifiers=[SoftCap(3.0)]))
    assert np.isnan(capped.out[0, 1, 2]).all()


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16, np.float16, np.float64])
def test_naive_is_close(dtype):
    rng = np.random.default_rng(7)
    q, k, v = tensors(rng, queries=33, keys=65, e=16, f=8, dtype=dtype)
    operator = Operator(modifiers=[Scale(0.25), SoftCap(5.0)], where=Causal())
    ref, simple = reference.attention(q, k, v, operator), reference.naive(q, k, v, operator)
    assert simple.out.dtype == np.dtype(dtype)
    error = np.abs(simple.out.astype(ref.out.dtype) - ref.out).max()
    assert 0 < error < 4 * float(ml_dtypes.finfo(dtype).eps)
    some = reference.naive(q, k, v, operator, rows=[0, 5, 32])
    np.testing.assert_array_equal(some.out, simple.out[:, :, [0, 5, 32]])


def test_blocks_do_not_change_the_reference(monkeypatch):
    q, k, v = tensors(np.random.default_rng(8), queries=40, keys=30)
    whole = reference.attention(q, k, v, Operator(where=Causal()))
    monkeypatch.setattr(reference, "_BLOCK_ELEMENTS", 64)
    parts = reference.attention(q, k, v, Operator(where=Causal()))
    np.testing.assert_allclose(parts.out, whole.out, rtol=1e-13, atol=1e-15)
    np.testing.assert_array_equal(parts.counts, whole.counts)


def test_operands_are_checked():
    q, k, v = tensors(np.random.default_rng(9))
    with pytest.raises(ValueError, match="same features"):
        reference.attention(q[..., :2], k, v)
    with pytest.raises(ValueError, match="divide"):
        reference.attention(q[:, :3], k, v)
    with pytest.raises(ValueError, match="unknown alignment"):
        reference.attention(q, k, v, Operator(align="left"))
