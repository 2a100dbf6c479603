# ===- cascade_examples.py - What the example cascades mean ------ -*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""The operators of examples/cascades, written from their definitions in NumPy.

Each entry draws inputs and computes the results in the type of the inputs, so that one
text is the float64 reference and, in float32, the rounded program.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from attn.cascades import quotient

HEADS, E, F, F2, R = 4, 16, 8, 12, 4


@dataclass
class Inputs:
    """Arrays in the order of the function's arguments, and the live points."""

    arrays: list[np.ndarray]
    live: np.ndarray


def causal(queries, keys):
    return np.arange(keys)[None, :] <= np.arange(queries)[:, None] + keys - queries


def qkv(rng, queries, keys, *extra, heads=(), scale=1.0):
    """q, k, v and further arrays of the given shapes, all rounded to float32."""
    shapes = [(*heads, queries, E), (*heads, keys, E), (*heads, keys, F), *extra]
    arrays = [rng.standard_normal(shape) for shape in shapes]
    arrays[0] *= scale
    return Inputs([x.astype(np.float32) for x in arrays], causal(queries, keys))


def scores(q, k, factor=1.0):
    return np.einsum("...me,...ne->...mn", q, k) * q.dtype.type(factor)


def largest(s, live):
    """The maximum over live points; the least finite number where there is none."""
    least = np.finfo(s.dtype).min
    return np.where(live, s, least).max(-1, initial=least)


def exponentials(s, live, top, exp=np.exp):
    """exp(s - top) at live points and 0 at the others."""
    return np.where(live, exp(np.where(live, s - top[..., None], 0)), 0).astype(s.dtype)


def normalise(p, d=None):
    return quotient(p, (p.sum(-1) if d is None else d)[..., None])


def weigh(weights, v):
    return np.einsum("...mn,...nf->...mf", weights, v)


def softmax_weights(s, live):
    return normalise(exponentials(s, live, largest(s, live)))


def softmax(live, q, k, v):
    return [weigh(softmax_weights(scores(q, k, 0.25), live), v)]


def softmax_sinks(live, q, k, v, z):
    s = scores(q, k)
    top = np.maximum(largest(s, live), z[:, None])
    p = exponentials(s, live, top)
    return [weigh(normalise(p, p.sum(-1) + np.exp(z[:, None] - top)), v)]


def softmax_plus_one(live, q, k, v):
    s = scores(q, k, 0.25)
    p = np.where(live, np.exp(np.where(live, s, 0)), 0)
    return [weigh(normalise(p, 1 + p.sum(-1)), v)]


def base_2(live, q, k, v):
    s = scores(q, k, 0.360673765)
    return [weigh(normalise(exponentials(s, live, largest(s, live), np.exp2)), v)]


def temperature(live, q, k, v, t):
    s = scores(q, k) / t[:, None, None]
    return [weigh(softmax_weights(s, live), v)]


def two_values(live, q, k, v, w):
    a = softmax_weights(scores(q, k, 0.25), live)
    return [weigh(a, v), weigh(a, w)]


def statistics(live, q, k, v):
    s = scores(q, k, 0.25)
    top = largest(s, live)
    p = exponentials(s, live, top)
    d, a = p.sum(-1), normalise(p)
    with np.errstate(divide="ignore"):
        log = np.log(d)
    inside = np.where(live, s - top[..., None], 0)
    empty = ~live.any(-1)
    return [
        weigh(a, v),
        np.where(empty, -np.inf, log + top),
        np.where(empty, -np.inf, top),
        log - quotient((p * inside).sum(-1), d),
    ]


def moments(live, q, k, v):
    s = scores(q, k, 0.25)
    a = softmax_weights(s, live)
    inside = np.where(live, s - largest(s, live)[..., None], 0)
    some = np.where(a > 0, a, 1)
    return [weigh(a, v), -(a * np.log(some)).sum(-1), (a * inside * inside).sum(-1)]


def relu_weights(live, q, k):
    return np.where(live, np.maximum(scores(q, k, 0.25), 0), 0)


def relu_sum(live, q, k, v):
    return [weigh(normalise(relu_weights(live, q, k)), v)]


def relu(live, q, k, v):
    return [weigh(relu_weights(live, q, k), v)]


def sigmoid(live, q, k, v):
    return [weigh(np.where(live, 1 / (1 + np.exp(-scores(q, k, 0.25))), 0), v)]


def plain(live, q, k, v):
    return [weigh(np.where(live, scores(q, k, 0.25), 0), v)]


def sum_normalised(live, q, k, v):
    return [weigh(normalise(np.where(live, scores(q, k, 0.25), 0)), v)]


def l1_normalised(live, q, k, v):
    w = np.where(live, scores(q, k, 0.25), 0)
    return [weigh(normalise(w, abs(w).sum(-1)), v)]


def l2_normalised(live, q, k, v):
    w = np.where(live, scores(q, k, 0.25), 0)
    return [weigh(normalise(w, np.sqrt((w * w).sum(-1))), v)]


def l2_exponentials(live, q, k, v):
    s = scores(q, k, 0.25)
    p = exponentials(s, live, largest(s, live))
    return [weigh(normalise(p, np.sqrt((p * p).sum(-1))), v)]


def signed_exponentials(live, q, k, v):
    s = scores(q, k, 0.25)
    p = exponentials(abs(s), live, largest(abs(s), live))
    return [weigh(normalise(np.where(s < 0, -p, p), p.sum(-1)), v)]


def affine_weights(live, q, k, v):
    a = softmax_weights(scores(q, k, 0.25), live)
    return [weigh(np.where(live, 0.75 * a + 0.125, 0).astype(v.dtype), v)]


def several_scores(live, q, k, v, qr, kr, b):
    s = (scores(q, k) + scores(qr, kr)) * q.dtype.type(0.25) + b
    return [weigh(softmax_weights(5 * np.tanh(s / 5), live), v)]


def paper_attention(live, q, k, v):
    """FuseMax's order of ranks: features first, P queries, M keys."""
    return [weigh(softmax_weights(scores(q.T, k.T), np.True_), v.T).T]


def product(live, a, b):
    return [(a * b).sum(-1) * a.sum(-1)]


def prefix_sums(live, a):
    return [np.cumsum(a, -1)]


def sinkhorn(live, q, k, v):
    s = scores(q, k, 0.25)
    p = np.exp(s - largest(s, np.True_)[..., None])
    for axis in (-1, -2, -1):
        p = quotient(p, p.sum(axis, keepdims=True))
    return [weigh(p, v)]


def column_statistic(live, q, k, v):
    a = softmax_weights(scores(q, k, 0.25), np.True_)
    return [weigh(quotient(a, a.sum(-2, keepdims=True)), v)]


def entmax(live, q, k, v):
    z = scores(q, k, 0.125)
    t = largest(z, np.True_) - 1
    for _ in range(3):
        u = np.maximum(z - t[..., None], 0)
        t = t + quotient((u * u).sum(-1) - 1, u.sum(-1)) / 2
    return [weigh(np.maximum(z - t[..., None], 0) ** 2, v)]


def _paper(rng, queries, keys):
    shapes = [(E, queries), (E, keys), (F, keys)]
    return Inputs([rng.standard_normal(x).astype(np.float32) / 2 for x in shapes], np.True_)


def _vectors(rng, queries, keys):
    """Two batches of positive vectors: sums and their ratios are far from 0."""
    shape = (2, queries, keys)
    return Inputs([*rng.uniform(0.5, 1.5, shape).astype(np.float32)], np.True_)


def _vector(rng, queries, keys):
    return Inputs([rng.standard_normal((queries, keys)).astype(np.float32)], np.True_)


def _headed(rng, queries, keys, positive=False):
    inputs = qkv(rng, queries, keys, (HEADS,), heads=(HEADS,), scale=0.25)
    if positive:
        inputs.arrays[3] = np.exp(inputs.arrays[3] / 2)
    return inputs


def _positive(rng, queries, keys):
    """Signed weights whose sums are far from 0: a first feature lifts the scores to about
    4, and to about -1 for every fifth key, of which no row has many."""
    inputs = qkv(rng, queries, keys)
    inputs.arrays[0][:, 0] = 2
    inputs.arrays[1][:, 0] = np.where(np.arange(keys) % 5 == 4, -2, 8)
    return inputs


def region_statistics(live, q, k, v):
    s = scores(q, k)
    masked = np.where(live, s, 0)
    high, low = masked.max(-1, initial=0), masked.min(-1, initial=0)
    return [weigh(softmax_weights(s, live), v), np.where(high >= -low, high, low)]


def _exact(rng, queries, keys):
    """Small integers and eighths: no score is rounded, and equal ones stay equal."""
    inputs = qkv(rng, queries, keys)
    for index, scale in enumerate((8, 1)):
        shape = inputs.arrays[index].shape
        inputs.arrays[index] = (rng.integers(-4, 5, shape) / scale).astype(np.float32)
    return inputs


def paged_attention(live, q, k, v, t):
    """A page that does not exist is the nearest one that does."""
    page = np.clip(t.astype(np.int64), 0, len(k) - 1)
    k, v = k[page].reshape(-1, E), v[page].reshape(-1, F)
    s = scores(q, k)
    return [weigh(softmax_weights(s, np.ones(s.shape, bool)), v)]


def _pages(rng, queries, keys):
    rows, pages = 32, 5
    shapes = [(queries, E), (pages, rows, E), (pages, rows, F)]
    arrays = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
    table = rng.integers(-1, pages + 1, -(-keys // rows)).astype(np.int32)
    return Inputs([*arrays, table], np.ones((queries, keys), bool))


def _several(rng, queries, keys):
    return qkv(rng, queries, keys, (queries, R), (keys, R), (keys,))


def _two(rng, queries, keys):
    return qkv(rng, queries, keys, (keys, F2))


# File without its ending: the reference and the inputs where they are not q, k and v.
STREAMING = {
    "softmax": (softmax, qkv),
    "softmax-sinks": (softmax_sinks, _headed),
    "softmax-plus-one": (softmax_plus_one, qkv),
    "base-2": (base_2, qkv),
    "temperature": (temperature, lambda *args: _headed(*args, positive=True)),
    "two-values": (two_values, _two),
    "statistics": (statistics, qkv),
    "moments": (moments, qkv),
    "sum-normalised": (sum_normalised, _positive),
    "l1-normalised": (l1_normalised, qkv),
    "l2-normalised": (l2_normalised, qkv),
    "l2-exponentials": (l2_exponentials, qkv),
    "signed-exponentials": (signed_exponentials, qkv),
    "relu-sum": (relu_sum, qkv),
    "relu": (relu, qkv),
    "sigmoid": (sigmoid, qkv),
    "plain": (plain, qkv),
    "affine-weights": (affine_weights, qkv),
    "several-scores": (several_scores, _several),
    "region-statistics": (region_statistics, _exact),
    "paged-attention": (paged_attention, _pages),
}

# The cascades of the paper, as it writes them: fused where the fused form has a place for
# them, each against the same definition.
PAPER = {
    "fusemax-3-pass": (paper_attention, _paper),
    "fusemax-division": (paper_attention, _paper),
    "fusemax-2-pass": (paper_attention, _paper),
    "fusemax-1-pass": (paper_attention, _paper),
    "two-pass-product": (product, _vectors),
    "deferred-product": (product, _vectors),
    "iterative-product": (product, _vectors),
    "prefix-sum-filter": (prefix_sums, _vector),
    "prefix-sum": (prefix_sums, _vector),
}

# Where no law removes a pass: the einsum that stops the derivation, why, and one of the
# running values that it meets.
SEVERAL_PASSES = {
    "sinkhorn": (
        sinkhorn, qkv, "%d1 =", "along which the correction of its values varies", "%gm =",
    ),
    "column-statistic": (
        column_statistic, qkv, "%d1 =", "along which the correction of its values varies", "%d0 =",
    ),
    "entmax": (entmax, qkv, "%u0 =", "takes an extremum of values with unequal", "%t0 ="),
}  # fmt: skip
