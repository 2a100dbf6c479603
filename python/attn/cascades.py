# ===- cascades.py - Cascades other than softmax attention ---*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""References of cascades that are written as einsums rather than as the operator.

Each function computes in the type of its first argument, so one text is both the
float64 reference and, called on float32 arrays, the rounded program.
"""

from __future__ import annotations

import numpy as np


def expand_heads(x, heads: int):
    """[b, k, ...] as [b, h, ...] with every key head repeated for its group."""
    return np.repeat(x, heads // x.shape[1], axis=1)


def quotient(numerator, denominator):
    """Division as cascades mean it: points with divisor 0 do not exist, so 0."""
    zero = denominator == 0
    return np.where(zero, 0, numerator / np.where(zero, 1, denominator))


def scores(q, k, scale: float = 1.0, live=None):
    """S[b,h,m,n]; dead points are 0 here, and no reduction may read them."""
    keys = expand_heads(k, q.shape[1])
    s = np.einsum("bhme,bhne->bhmn", q, keys) * q.dtype.type(scale)
    return s if live is None else np.where(live, s, 0)


def _weigh(weights, v, live=None):
    values = expand_heads(v, weights.shape[1])
    if live is not None:
        weights = np.where(live, weights, 0)
    return np.einsum("bhmn,bhnf->bhmf", weights, values)


def relu_attention(q, k, v, scale: float = 1.0, live=None):
    """Sum-normalised ReLU: R = max(S, 0), O = sum_n (R / sum_n R) V."""
    weights = np.maximum(scores(q, k, scale, live), 0)
    if live is not None:
        weights = np.where(live, weights, 0)
    return _weigh(quotient(weights, weights.sum(axis=-1, keepdims=True)), v)


def l2_exp_attention(q, k, v, scale: float = 1.0, live=None):
    """exp scores normalised by their Euclidean norm; its repair is the square."""
    s = scores(q, k, scale, live)
    masked = s if live is None else np.where(live, s, -np.inf)
    top = masked.max(axis=-1, keepdims=True)
    p = np.exp(masked - np.where(np.isneginf(top), 0, top))
    return _weigh(quotient(p, np.sqrt((p * p).sum(axis=-1, keepdims=True))), v)


def linear_attention(q, k, v, scale: float = 1.0, live=None):
    """No normaliser at all: O = sum_n S V."""
    return _weigh(scores(q, k, scale, live), v, live)


def sigmoid_attention(q, k, v, scale: float = 1.0, live=None):
    """Elementwise weights: O = sum_n sigmoid(S) V."""
    s = scores(q, k, scale, live)
    return _weigh(1 / (1 + np.exp(-s)), v, live)


def rotary(x, cos, sin):
    """Rotary embedding with positions as data, in the half-split layout.

    x is [b, h, t, e]; cos and sin are [t, e/2] or [b, t, e/2].
    """
    half = x.shape[-1] // 2
    if cos.ndim == 3:
        cos, sin = cos[:, None], sin[:, None]
    cos, sin = cos.astype(x.dtype), sin.astype(x.dtype)
    low, high = x[..., :half], x[..., half:]
    return np.concatenate([low * cos - high * sin, high * cos + low * sin], axis=-1)


def rotary_tables(positions, features: int, base: float = 10000.0):
    """cos and sin of shape positions.shape + [features / 2], in float64."""
    frequency = base ** (-np.arange(0, features, 2) / features)
    angle = np.asarray(positions, np.float64)[..., None] * frequency
    return np.cos(angle), np.sin(angle)


def rms_scale(x, epsilon: float = 0.0):
    """1 / sqrt(mean_e x^2 + epsilon) per token, the factor of QK-norm."""
    return 1 / np.sqrt((x * x).mean(axis=-1, keepdims=True) + x.dtype.type(epsilon))


def qk_norm(x, weight, factor=None, epsilon: float = 0.0):
    """x times its per-token factor (computed, or given as data) times weight[e]."""
    factor = rms_scale(x, epsilon) if factor is None else factor.astype(x.dtype)
    return x * factor * weight.astype(x.dtype)
