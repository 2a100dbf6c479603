# ===- test_cascades.py - Cascade references against loops ---*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//

import math

import numpy as np
import pytest
from attn import cascades, reference

WEIGHTS = {
    "relu": (cascades.relu_attention, lambda s: max(s, 0.0), lambda w: sum(w)),
    "l2": (cascades.l2_exp_attention, math.exp, lambda w: math.sqrt(sum(x * x for x in w))),
    "linear": (cascades.linear_attention, lambda s: s, lambda w: 1.0),
    "sigmoid": (cascades.sigmoid_attention, lambda s: 1 / (1 + math.exp(-s)), lambda w: 1.0),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_normalisers(name):
    function, weight, norm = WEIGHTS[name]
    rng = np.random.default_rng(0)
    q = rng.standard_normal((2, 4, 5, 3))
    k, v = rng.standard_normal((2, 2, 6, 3)), rng.standard_normal((2, 2, 6, 2))
    live = rng.random((2, 4, 5, 6)) < 0.6
    live[0, 0, 0] = False
    actual = function(q, k, v, 0.5, live)
    for b, h, m in np.ndindex(2, 4, 5):
        keys = [n for n in range(6) if live[b, h, m, n]]
        weights = [weight(0.5 * float(q[b, h, m] @ k[b, h // 2, n])) for n in keys]
        total = norm(weights)
        expected = np.zeros(2)
        for n, w in zip(keys, weights, strict=True):
            expected += (w / total if total else 0.0) * v[b, h // 2, n]
        np.testing.assert_allclose(actual[b, h, m], expected, rtol=1e-12, atol=1e-14)


def test_rotary_turns_by_the_position():
    rng = np.random.default_rng(1)
    q, k = rng.standard_normal((1, 1, 8, 6)), rng.standard_normal((1, 1, 8, 6))
    cos, sin = cascades.rotary_tables(np.arange(8), 6)
    a, b = cascades.rotary(q, cos, sin), cascades.rotary(k, cos, sin)
    np.testing.assert_allclose((a * a).sum(-1), (q * q).sum(-1), rtol=1e-12)
    # Scores depend on the distance of positions alone.
    shifted = [c.astype(np.float64) for c in cascades.rotary_tables(np.arange(8) + 5, 6)]
    np.testing.assert_allclose(
        cascades.scores(a, b),
        cascades.scores(cascades.rotary(q, *shifted), cascades.rotary(k, *shifted)),
        rtol=1e-10, atol=1e-12,
    )  # fmt: skip
    per_batch = cascades.rotary(q, cos[None], sin[None])
    np.testing.assert_array_equal(per_batch, a)


def test_qk_norm():
    rng = np.random.default_rng(2)
    x, weight = rng.standard_normal((2, 3, 4, 8)), rng.standard_normal(8)
    y = cascades.qk_norm(x, weight)
    np.testing.assert_allclose(((y / weight) ** 2).mean(-1), 1, rtol=1e-12)
    np.testing.assert_array_equal(cascades.qk_norm(x, weight, cascades.rms_scale(x)), y)


def test_softmax_cascade_is_the_operator():
    """The 3-pass cascade with exp weights is what the operator reference computes."""
    rng = np.random.default_rng(3)
    q, k, v = (rng.standard_normal((1, 2, 6, 4)).astype(np.float32) for _ in range(3))
    wide = [x.astype(np.float64) for x in (q, k, v)]
    s = cascades.scores(wide[0], wide[1], 0.5)
    p = np.exp(s - s.max(-1, keepdims=True))
    out = np.einsum("bhmn,bhnf->bhmf", p / p.sum(-1, keepdims=True), wide[2])
    np.testing.assert_allclose(reference.attention(q, k, v).out, out, rtol=1e-12)
