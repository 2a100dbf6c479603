# ===- computed.py - Attention of what cascades compute ---------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Queries, keys and values of 16 bits that cascades in front of the operator compute."""

import ml_dtypes
import numpy as np
from operators import DTYPES
from runner import Counter

_ROTATION = """
  %NAMEr = attn.cascade (%X = %NAME, %C = %cNAME) : (tensor<HEADSx32xT>, tensor<TOKENSx32xf32>) -> tensor<HEADSx32xT> {
    %r = attn.einsum [b,h,m,e] = map(%X[b,h,m,e], %X[b,h,m,(e+16) mod 32], %C[m,e], %C[m,(e+16) mod 32]) {
    ^bb0(%x: f32, %y: f32, %c: f32, %s: f32):
      %xc = arith.mulf %x, %c : f32
      %ys = arith.mulf %y, %s : f32
      %z = arith.subf %xc, %ys : f32
      attn.yield %z : f32
    } : (tensor<HEADSx32xT>, tensor<HEADSx32xT>, tensor<TOKENSx32xf32>, tensor<TOKENSx32xf32>) -> tensor<HEADSx32xT>
    attn.yield %r : tensor<HEADSx32xT>
  }
"""  # noqa: E501
# Queries and keys are rotated by tables of their tokens, values are weighed: tensors of
# the operator's type in front of it, or, for M queries of which there are few, in its
# loads. WHERE is its sparsity and order, SCALE its scale.
_TEXT = """
func.func @attention(%q: tensor<2x2xMx32xT>, %k: tensor<2x1x?x32xT>, %v: tensor<2x1x?x16xT>,
                     %cq: tensor<Mx32xf32>, %ck: tensor<?x32xf32>, %g: tensor<2x?xf32>,
                     %order: tensor<?xi32>)
    -> (tensor<2x2xMx16xT>, tensor<2x2xMxf32>) {
ROTATIONS
  %vr = attn.cascade (%X = %v, %G = %g) : (tensor<2x1x?x16xT>, tensor<2x?xf32>) -> tensor<2x1x?x16xT> {
    %r = attn.einsum [b,h,n,f] = mul(%X[b,h,n,f], %G[b,n])
        : (tensor<2x1x?x16xT>, tensor<2x?xf32>) -> tensor<2x1x?x16xT>
    attn.yield %r : tensor<2x1x?x16xT>
  }
  %o, %l = attn.attention(%qr, %kr, %vr) score [scale(SCALE)] WHERE
      : (tensor<2x2xMx32xT>, tensor<2x1x?x32xT>, tensor<2x1x?x16xT>) -> (tensor<2x2xMx16xT>, tensor<2x2xMxf32>)
  return %o, %l : tensor<2x2xMx16xT>, tensor<2x2xMxf32>
}
"""  # noqa: E501

# Sparsities, and the live pairs of tokens by their numbers.
WHERE = {
    "": lambda m, n: m == m,
    "where window(20, 3) align top_left": lambda m, n: (m - n <= 20) & (n - m <= 3),
    "where causal permute(%order : tensor<?xi32>)": lambda m, n: n <= m,
}


def text(element: str, scale: str, where: str, few: int | None) -> str:
    """The operator for `few` queries, or as many as keys."""
    if few:
        # The order is that of the keys, of which there are more.
        where = where.replace("permute(", "permute key(")
    rotations = "".join(
        _ROTATION.replace("NAME", name).replace("HEADS", heads).replace("TOKENS", tokens)
        for name, heads, tokens in [("q", "2x2xM", "M"), ("k", "2x1x?", "?")]
    )
    source = _TEXT.replace("ROTATIONS", rotations)
    source = source.replace("WHERE", where).replace("SCALE", scale)
    source = source.replace("xT", f"x{element}")
    return source.replace("xM", f"x{few or '?'}").replace("<M", f"<{few or '?'}")


def _reference(arrays, scale: float, live, kind):
    """The output and the log-sum-exp in float64, and where the output is not finite, with
    what cascades compute rounded to `kind`, or as it is computed (NU-6)."""
    q, k, v, of_queries, of_keys, gate = (array.astype(np.float64) for array in arrays)

    def rotate(x, table):
        turned = x * table - np.roll(x, -16, -1) * np.roll(table, -16, -1)
        return turned.astype(kind).astype(np.float64)

    scores = rotate(q, of_queries) @ rotate(k, of_keys).swapaxes(-1, -2) * scale
    scores = np.where(live, scores, -np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        top = scores.max(-1, keepdims=True)
        weights = np.where(live, np.exp(scores - top), 0)
        total = weights.sum(-1, keepdims=True)
        lse = np.where(total > 0, top + np.log(total), -np.inf)[..., 0]
    values = (v * gate[:, None, :, None]).astype(kind).astype(np.float64)
    infinite = (weights > 0).astype(float) @ np.isinf(values) > 0
    seen = np.where(np.isfinite(values), values, 0)
    return weights / np.where(total > 0, total, 1) @ seen, lse, infinite


def check(kernel, element: str, scale: str, where: str, few: int | None, keys: int, seed: int):
    """One call on random operands, of which one value is infinite: it reaches the queries
    that see it, and no others."""
    queries = few or keys
    rng = np.random.default_rng([seed, 6, keys])
    shapes = [(2, 2, queries, 32), (2, 1, keys, 32), (2, 1, keys, 16)]

    def cut(numbers, bits: int):
        # Sums of two products are exact in f32: what is rounded to 16 bits is the same
        # number in float64.
        return (np.round(numbers * 2**bits) / 2**bits).astype(np.float32)

    q, k, v = (cut(rng.standard_normal(shape), 8).astype(DTYPES[element]) for shape in shapes)
    v[0, 0, keys // 2, 3] = np.inf
    tables = [cut(rng.standard_normal((n, 32)), 6) for n in (queries, keys)]
    gate = cut(rng.uniform(0.5, 2, (2, keys)), 6)
    order = rng.permutation(keys).astype(np.int32)
    out = np.full((2, 2, queries, 16), np.nan, DTYPES[element])
    lse = np.full((2, 2, queries), np.nan, np.float32)
    Counter.executions += 1
    kernel.run([q, k, v, *tables, gate, order, out, lse])

    m, n = np.ogrid[:queries, :keys]
    # Causal queries are the last tokens.
    live = WHERE[where](m + (keys - queries) * ("causal" in where), n)
    eps = float(ml_dtypes.finfo(DTYPES[element]).eps)
    errors = []
    for kind in (DTYPES[element], np.float64):
        expected, exact, infinite = _reference([q, k, v, *tables, gate], float(scale), live, kind)
        # A weight that is 0 in 16 bits gives NaN.
        assert (~np.isfinite(out.astype(np.float64)) == infinite).all()
        assert (np.isneginf(lse) == np.isneginf(exact)).all()
        with np.errstate(invalid="ignore"):
            far = np.where(np.isneginf(exact), 0, lse - exact)
        error = np.where(infinite, 0, out.astype(np.float64) - expected)
        errors.append([np.abs(far).max(), np.abs(error).max() / 8])
    # All of it was rounded, or nothing.
    assert min(map(max, errors)) <= 4 * eps, errors
