# ===- test_restricted_ranks.py - What restricts points -------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Lengths, heads and origins say which points live and how they are counted, by ranks of
their own: rewrites that join, move or inline einsums keep them."""

import numpy as np
import pytest
from runner import Counter

LENGTHS = np.array([9, 3], np.int64)
M, N = 5, 11

EQUAL_BUT_FOR_LENGTHS = """
func.func @attention(%s: tensor<2x2x?x?xf32>, %kl: tensor<2xi64>) -> (tensor<?xf32>, tensor<?xf32>) {
  %a:2 = attn.cascade (%S = %s, %KL = %kl) over (m, n) lengths key(%KL[b])
      : (tensor<2x2x?x?xf32>, tensor<2xi64>) -> (tensor<?xf32>, tensor<?xf32>) {
    %x = attn.einsum [m] = %S[c,b,m,n] reduce add(c, b, n) : (tensor<2x2x?x?xf32>) -> tensor<?xf32>
    %y = attn.einsum [m] = %S[b,d,m,n] reduce add(b, d, n) : (tensor<2x2x?x?xf32>) -> tensor<?xf32>
    attn.yield %x, %y : tensor<?xf32>, tensor<?xf32>
  }
  return %a#0, %a#1 : tensor<?xf32>, tensor<?xf32>
}
"""  # noqa: E501

INDEX = """
      %ii = attn.index RANK : index
      %i = arith.index_cast %ii : index to i32
      %p = arith.sitofp %i : i32 to f32"""

# A sum whose map computes with the index of one dimension or of the other.
WEIGHTED = (
    """map(%S[ACCESS,m]) {
    ^bb0(%u: f32):"""
    + INDEX.replace("RANK", "b")
    + """
      %g = arith.mulf %u, %p : f32
      attn.yield %g : f32
    } reduce add(REDUCED) : (tensor<3x3x?xf32>) -> tensor<?xf32>"""
)

EQUAL_BUT_FOR_INDICES = f"""
func.func @attention(%s: tensor<3x3x?xf32>, %z: tensor<3x3xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<3xf32>) {{
  %a:3 = attn.cascade (%S = %s, %Z = %z)
      : (tensor<3x3x?xf32>, tensor<3x3xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<3xf32>) {{
    %w = attn.einsum [d] = %Z[d,b] reduce add(b) : (tensor<3x3xf32>) -> tensor<3xf32>
    %x = attn.einsum [m] = {WEIGHTED.replace("ACCESS", "b,c").replace("REDUCED", "b, c")}
    %y = attn.einsum [m] = {WEIGHTED.replace("ACCESS", "d,b").replace("REDUCED", "d, b")}
    attn.yield %x, %y, %w : tensor<?xf32>, tensor<?xf32>, tensor<3xf32>
  }}
  return %a#0, %a#1, %a#2 : tensor<?xf32>, tensor<?xf32>, tensor<3xf32>
}}
"""  # noqa: E501

COPIED = """
func.func @attention(%s: tensor<2x?x?xf32>, %v: tensor<2x?xf32>, %kl: tensor<2xi64>) -> tensor<2x?xf32> {
  %a = attn.cascade (%S = %s, %V = %v, %KL = %kl) over (m, n) lengths key(%KL[b])
      : (tensor<2x?x?xf32>, tensor<2x?xf32>, tensor<2xi64>) -> tensor<2x?xf32> {
    %w = attn.einsum [b,m,n] = %S[b,m,n] : (tensor<2x?x?xf32>) -> tensor<2x?x?xf32>
    %r = attn.einsum [b,m] = mul(%w[c,m,n], %V[b,n]) reduce add(c, n)
        : (tensor<2x?x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
    attn.yield %r : tensor<2x?xf32>
  }
  return %a : tensor<2x?xf32>
}
"""  # noqa: E501

SIBLINGS = """
func.func @attention(%q1: tensor<5x8xf32>, %q2: tensor<7x8xf32>, %k: tensor<7x8xf32>, %v: tensor<7x4xf32>) -> tensor<7x4xf32> {
  %c = attn.cascade (%Q = %q1, %K = %k) where causal over (m, n) align top_left
      : (tensor<5x8xf32>, tensor<7x8xf32>) -> tensor<f32> {
    %s = attn.einsum [m,n] = mul(%Q[m,e], %K[n,e]) reduce add(e) : (tensor<5x8xf32>, tensor<7x8xf32>) -> tensor<5x7xf32>
    %t = attn.einsum [] = %s[m,n] reduce add(m, n) : (tensor<5x7xf32>) -> tensor<f32>
    attn.yield %t : tensor<f32>
  }
  %r = attn.cascade (%Q = %q2, %K = %k, %V = %v, %C = %c) where causal over (m, n) align top_left
      : (tensor<7x8xf32>, tensor<7x8xf32>, tensor<7x4xf32>, tensor<f32>) -> tensor<7x4xf32> {
    %s = attn.einsum [m,n] = mul(%Q[m,e], %K[n,e]) reduce add(e) : (tensor<7x8xf32>, tensor<7x8xf32>) -> tensor<7x7xf32>
    %a = attn.einsum [m,f] = mul(%s[m,n], %V[n,f]) reduce add(n) : (tensor<7x7xf32>, tensor<7x4xf32>) -> tensor<7x4xf32>
    %o = attn.einsum [m,f] = mul(%a[m,f], %C[]) : (tensor<7x4xf32>, tensor<f32>) -> tensor<7x4xf32>
    attn.yield %o : tensor<7x4xf32>
  }
  return %r : tensor<7x4xf32>
}
"""  # noqa: E501

ORIGIN_OF_ANOTHER_RANK = (
    """
func.func @attention(%n: tensor<?x16xf32>, %z: tensor<16xf32>, %x: tensor<i32>) -> tensor<?x16xf32> {
  %o = attn.cascade (%N = %n, %Z = %z, %X = %x) origin(e = %X[])
      : (tensor<?x16xf32>, tensor<16xf32>, tensor<i32>) -> tensor<?x16xf32> {
    %c = attn.einsum [e] = map(%Z[e]) {
    ^bb0(%a: f32):"""  # noqa: E501
    + INDEX.replace("RANK", "e")
    + """
      %g = arith.mulf %p, %a : f32
      attn.yield %g : f32
    } : (tensor<16xf32>) -> tensor<16xf32>
    %r = attn.einsum [m,f] = mul(%N[m,f], %c[f]) : (tensor<?x16xf32>, tensor<16xf32>) -> tensor<?x16xf32>
    attn.yield %r : tensor<?x16xf32>
  }
  return %o : tensor<?x16xf32>
}
"""  # noqa: E501
)

ORIGIN_OF_A_PART = (
    """
func.func @attention(%s: tensor<?x?x32xf32>, %v: tensor<?x32x8xf32>, %x: tensor<i32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%S = %s, %V = %v, %X = %x) origin(p = %X[])
      : (tensor<?x?x32xf32>, tensor<?x32x8xf32>, tensor<i32>) -> tensor<?x8xf32> {
    %w = attn.einsum [m,p,j] = map(%S[m,p,j]) {
    ^bb0(%a: f32):"""  # noqa: E501
    + INDEX.replace("RANK", "p")
    + """
      %g = arith.mulf %p, %a : f32
      attn.yield %g : f32
    } : (tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
    %n = attn.einsum [m,f] = mul(%w[m,p,j], %V[p,j,f]) reduce add(p, j)
        : (tensor<?x?x32xf32>, tensor<?x32x8xf32>) -> tensor<?x8xf32>
    attn.yield %n : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}
"""
)


def equal_but_for_lengths(rng):
    s = rng.standard_normal((2, 2, M, N))
    live = np.arange(N) < LENGTHS[:, None]
    return [s, LENGTHS], [
        np.einsum("cbmn,bn->m", s, live), np.einsum("bdmn,bn->m", s, live),
    ]  # fmt: skip


def equal_but_for_indices(rng):
    s, z, number = rng.standard_normal((3, 3, M)), rng.standard_normal((3, 3)), np.arange(3)
    return [s, z], [
        np.einsum("bcm,b->m", s, number), np.einsum("dbm,b->m", s, number), z.sum(1),
    ]  # fmt: skip


def copied(rng):
    s, v = rng.standard_normal((2, M, N)), rng.standard_normal((2, N))
    live = np.arange(N) < LENGTHS[:, None]
    # The copy is 0 beyond the lengths of its own rows, and so is the sum beyond those of b.
    return [s, v, LENGTHS], [np.einsum("cmn,cn,bn,bn->bm", s, live, v, live)]


def siblings(rng):
    q1, q2, k = (rng.standard_normal((n, 8)) for n in (5, 7, 7))
    v = rng.standard_normal((7, 4))
    total = np.tril(q1 @ k.T).sum()
    return [q1, q2, k, v], [np.tril(q2 @ k.T) @ v * total]


def origin_of_another_rank(rng):
    n, z = rng.standard_normal((M, 16)), rng.standard_normal(16)
    return [n, z, np.array(5, np.int32)], [n * z * (np.arange(16) + 5)]


def origin_of_a_part(rng):
    s, v = rng.standard_normal((M, 3, 32)), rng.standard_normal((3, 32, 8))
    return [s, v, np.array(5, np.int32)], [np.einsum("mpj,pjf,p->mf", s, v, np.arange(3) + 5)]


CASES = {
    "equal_but_for_lengths": (EQUAL_BUT_FOR_LENGTHS, equal_but_for_lengths),
    "equal_but_for_indices": (EQUAL_BUT_FOR_INDICES, equal_but_for_indices),
    "copied": (COPIED, copied),
    "siblings": (SIBLINGS, siblings),
    "origin_of_another_rank": (ORIGIN_OF_ANOTHER_RANK, origin_of_another_rank),
    "origin_of_a_part": (ORIGIN_OF_A_PART, origin_of_a_part),
}


@pytest.mark.parametrize("name", list(CASES))
def test_results(kernels, name, seed):
    text, make = CASES[name]
    inputs, expected = make(np.random.default_rng(seed))
    arrays = [x.astype(np.float32) if x.dtype == np.float64 else x for x in inputs]
    outputs = [np.full(e.shape, np.nan, np.float32) for e in expected]
    Counter.executions += 1
    # What the cost model prefers: merging and inlining are part of every form.
    kernels.compile(text, "attention", "--form=auto").run([*arrays, *outputs])
    for got, want in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-5 * np.abs(want).max())
