# ===- test_unfused.py - Einsum by einsum --------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""The unfused form compiles any cascade: iterations, gathers, integers, and the
numeric rules, each against NumPy."""

import ml_dtypes
import numpy as np
from runner import Counter

UNFUSED = "--form=unfused"


def call(kernel, inputs, *outputs):
    """Calls the kernel on poisoned outputs of the given (shape, dtype)."""
    arrays = []
    for shape, dtype in outputs:
        array = np.empty(shape, dtype)
        array.view(np.uint8)[...] = 0xFF
        arrays.append(array)
    Counter.executions += 1
    kernel.run([*inputs, *arrays])
    return arrays[0] if len(arrays) == 1 else arrays


# Of the gate of weights one dimension of extent 1 stays for a point of batch and
# heads, behind it one falls away.
GATED = """
func.func @attention(%q: tensor<3x1x?x8xf32>, %k: tensor<3x1x?x8xf32>, %v: tensor<3x1x?x5xf32>,
                     %g: tensor<?x1x?x3xf32>, %w: tensor<3x1x?x8xf32>) -> tensor<3x1x?x5xf32> {
  %o = attn.attention(%q, %k, %v)
      gate score sigmoid(%g[n, h, m, b] : tensor<?x1x?x3xf32>)
      gate key tanh(%w[b, k, n, e] : tensor<3x1x?x8xf32>)
      : (tensor<3x1x?x8xf32>, tensor<3x1x?x8xf32>, tensor<3x1x?x5xf32>) -> tensor<3x1x?x5xf32>
  return %o : tensor<3x1x?x5xf32>
}
"""


def test_a_point_keeps_dimensions_of_one(kernels, seed):
    kernel = kernels.compile(GATED, "gated", UNFUSED)
    rng = np.random.default_rng([seed, 7])
    for m, n in ((1, 1), (2, 3), (17, 65)):
        shapes = (3, 1, m, 8), (3, 1, n, 8), (3, 1, n, 5), (n, 1, m, 3), (3, 1, n, 8)
        q, k, v, g, w = (rng.standard_normal(shape).astype("f") for shape in shapes)
        s = np.einsum("bhme,bhne->bhmn", q.astype(float), k * np.tanh(w)) / np.sqrt(8)
        s /= 1 + np.exp(-np.transpose(g, (3, 1, 2, 0)).astype(float))
        p = np.exp(s)
        expected = p / p.sum(axis=-1, keepdims=True) @ v
        out = call(kernel, [q, k, v, g, w], (expected.shape, "f"))
        assert np.abs(out - expected).max() < 2e-5


# The running maximum and sum of a row in one pass, as an iteration.
ITERATION = """
func.func @attention(%s: tensor<?x?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
  %a, %b = attn.cascade (%S = %s) where causal over (m, n) align bottom_right
      : (tensor<?x?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
    %low = arith.constant -3.40282347E+38 : f32
    %zero = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %low : f32 } : () -> tensor<?xf32>
    %j = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %x, %d = attn.iterate n1 of n by n0 init(%i, %j : tensor<?xf32>, tensor<?xf32>) {
    ^bb0(%RM: tensor<?xf32>, %RD: tensor<?xf32>):
      %lm = attn.einsum [m] = %S[m,n1*N0+n0] reduce max(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rm = attn.einsum [m] = max(%RM[m], %lm[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      %ld = attn.einsum [m] = map(%S[m,n1*N0+n0], %rm[m]) {
      ^bb0(%l: f32, %r: f32):
        %o = arith.subf %l, %r : f32
        %e = math.exp %o : f32
        attn.yield %e : f32
      } reduce add(n0) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?xf32>
      %rd = attn.einsum [m] = map(%RD[m], %RM[m], %rm[m], %ld[m]) {
      ^bb0(%l: f32, %r: f32, %s1: f32, %t: f32):
        %o = arith.subf %r, %s1 : f32
        %e = math.exp %o : f32
        %p = arith.mulf %l, %e : f32
        %q = arith.addf %p, %t : f32
        attn.yield %q : f32
      } : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rm, %rd : tensor<?xf32>, tensor<?xf32>
    }
    attn.yield %x, %d : tensor<?xf32>, tensor<?xf32>
  }
  return %a, %b : tensor<?xf32>, tensor<?xf32>
}
"""


def test_an_iteration_runs(kernels):
    kernel = kernels.compile(ITERATION, "iteration", UNFUSED)
    rng = np.random.default_rng(3)
    for rows, columns in [(5, 200), (200, 129), (64, 64), (3, 0), (0, 3), (70, 5)]:
        s = rng.standard_normal((rows, columns)).astype(np.float32)
        live = np.arange(columns) <= np.arange(rows)[:, None] + columns - rows
        s[~live] = np.nan
        least = np.finfo(np.float32).min
        x = np.where(live, s, least).max(axis=1, initial=least)
        d = np.where(live, np.exp(s.astype(float) - x[:, None]), 0).sum(axis=1)
        maximum, total = call(kernel, [s], (rows, np.float32), (rows, np.float32))
        np.testing.assert_array_equal(maximum, x)
        np.testing.assert_allclose(total, d, rtol=1e-6)


REDUCTIONS = """
func.func @attention(%x: tensor<?x?xbf16>, %i: tensor<?x?xi32>)
    -> (tensor<?xbf16>, tensor<?xbf16>, tensor<?xbf16>,
        tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) {
  %r:6 = attn.cascade (%X = %x, %I = %i) where not causal over (m, n) align top_left
      : (tensor<?x?xbf16>, tensor<?x?xi32>)
      -> (tensor<?xbf16>, tensor<?xbf16>, tensor<?xbf16>,
          tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) {
    %a = attn.einsum [m] = %X[m,n] reduce max(n) : (tensor<?x?xbf16>) -> tensor<?xbf16>
    %b = attn.einsum [m] = %X[m,n] reduce min(n) : (tensor<?x?xbf16>) -> tensor<?xbf16>
    %c = attn.einsum [m] = %X[m,n] reduce add(n) : (tensor<?x?xbf16>) -> tensor<?xbf16>
    %d = attn.einsum [m] = map(%I[m,n]) { ^bb0(%v: i32): attn.yield %v : i32 }
        reduce max(n) : (tensor<?x?xi32>) -> tensor<?xi32>
    %e = attn.einsum [m] = map(%I[m,n]) { ^bb0(%v: i32): attn.yield %v : i32 }
        reduce and(n) : (tensor<?x?xi32>) -> tensor<?xi32>
    %f = attn.einsum [m] = map(%X[m,n]) {
    ^bb0(%v: f32):
      %z = arith.constant 0.0 : f32
      %p = arith.cmpf ogt, %v, %z : f32
      %w = arith.extui %p : i1 to i32
      attn.yield %w : i32
    } reduce add(n) : (tensor<?x?xbf16>) -> tensor<?xi32>
    attn.yield %a, %b, %c, %d, %e, %f : tensor<?xbf16>, tensor<?xbf16>, tensor<?xbf16>,
        tensor<?xi32>, tensor<?xi32>, tensor<?xi32>
  }
  return %r#0, %r#1, %r#2, %r#3, %r#4, %r#5 : tensor<?xbf16>, tensor<?xbf16>, tensor<?xbf16>,
      tensor<?xi32>, tensor<?xi32>, tensor<?xi32>
}
"""


def test_reductions_and_their_identities(kernels):
    """Rows past the last column are empty: every reduction gives its identity."""
    kernel = kernels.compile(REDUCTIONS, "reductions", UNFUSED)
    rng = np.random.default_rng(5)
    bf16 = np.dtype(ml_dtypes.bfloat16)
    for rows, columns in [(9, 40), (40, 9), (4, 0)]:
        x = rng.standard_normal((rows, columns)).astype(bf16)
        i = rng.integers(-(2**31), 2**31, (rows, columns)).astype(np.int32)
        live = np.arange(columns) > np.arange(rows)[:, None]
        x[~live] = np.nan
        wide = x.astype(np.float32)
        out = call(kernel, [x, i], *[(rows, bf16)] * 3, *[(rows, np.int32)] * 3)
        expected = [
            np.where(live, wide, -np.inf).max(axis=1, initial=-np.inf),
            np.where(live, wide, np.inf).min(axis=1, initial=np.inf),
            np.where(live, wide, 0).sum(axis=1),
            np.where(live, i, -(2**31)).max(axis=1, initial=-(2**31)),
            np.bitwise_and.reduce(np.where(live, i, -1), axis=1),
            (live & (wide > 0)).sum(axis=1),
        ]
        for got, want in zip(out, expected, strict=True):
            if got.dtype == bf16:
                np.testing.assert_allclose(got.astype(np.float32), want, rtol=2**-8)
            else:
                np.testing.assert_array_equal(got, want)


GATHER = """
func.func private @twice(%x: tensor<?x6xf32>) -> tensor<?x6xf32> {
  %y = arith.addf %x, %x : tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}
func.func @attention(%x: tensor<?x6xf32>, %y: tensor<?xf32>) -> tensor<?x6xf32> {
  %a = attn.cascade (%X = %x, %Y = %y) : (tensor<?x6xf32>, tensor<?xf32>) -> tensor<?x6xf32> {
    %z = attn.einsum [n,e] = map(
        %X[n,(e+3) mod 6], %X[N - n - 1,e], %X[n,5 - 2*(e floordiv 2)], %Y[0*n]) {
    ^bb0(%u: f32, %v: f32, %w: f32, %c: f32):
      %i = attn.index e : index
      %j = arith.index_cast %i : index to i32
      %k = arith.sitofp %j : i32 to f32
      %s = arith.mulf %v, %k : f32
      %t = arith.subf %u, %s : f32
      %r = arith.divf %t, %w : f32
      %o = arith.addf %r, %c : f32
      attn.yield %o : f32
    } : (tensor<?x6xf32>, tensor<?x6xf32>, tensor<?x6xf32>, tensor<?xf32>) -> tensor<?x6xf32>
    attn.yield %z : tensor<?x6xf32>
  }
  %b = call @twice(%a) : (tensor<?x6xf32>) -> tensor<?x6xf32>
  %c = math.absf %b : tensor<?x6xf32>
  return %c : tensor<?x6xf32>
}
"""


def test_gathers_quotients_and_operations_around(kernels):
    kernel = kernels.compile(GATHER, "gather", UNFUSED)
    rng = np.random.default_rng(6)
    for rows, constants in [(7, 3), (1, 1), (0, 2), (3, 0)]:
        x = rng.integers(-2, 3, (rows, 6)).astype(np.float32)
        y = np.full(constants, 0.25, np.float32)
        e = np.arange(6)
        divisor = x[:, 5 - 2 * (e // 2)]
        top = x[:, (e + 3) % 6] - x[::-1] * e
        quotient = np.where(divisor == 0, 0, top / np.where(divisor == 0, 1, divisor))
        expected = abs(2 * (quotient + (0.25 if constants else 0)))
        out = call(kernel, [x, y], ((rows, 6), np.float32))
        np.testing.assert_allclose(out, expected.astype(np.float32), rtol=1e-6)


def test_strided_and_repeated_results(kernels):
    text = """
    func.func @attention(%x: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
      return %x, %x : tensor<?x4xf32>, tensor<?x4xf32>
    }"""
    kernel = kernels.compile(text, "copies", UNFUSED)
    x = np.arange(80, dtype=np.float32).reshape(10, 8)[::-2, 2:6]
    first, second = call(kernel, [x], (x.shape, np.float32), (x.shape, np.float32))
    np.testing.assert_array_equal(first, x)
    np.testing.assert_array_equal(second, x)


# A tile holds the rows of one item. The largest of all, and the row that is paired with
# one, are rows of others.
LARGEST = """
func.func @attention(%x: tensor<?x8xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x8xf32>) -> tensor<?xf32> {
    %a = attn.einsum [m] = %X[m,e] reduce add(e) : (tensor<?x8xf32>) -> tensor<?xf32>
    %t = attn.einsum [] = %a[j] reduce max(j) : (tensor<?xf32>) -> tensor<f32>
    %o = attn.einsum [m] = sub(%a[m], %t[]) : (tensor<?xf32>, tensor<f32>) -> tensor<?xf32>
    attn.yield %o : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
"""
PAIRS = """
func.func @attention(%x: tensor<96x8xf32>) -> tensor<96x96xf32> {
  %o = attn.cascade (%X = %x) : (tensor<96x8xf32>) -> tensor<96x96xf32> {
    %a = attn.einsum [m] = %X[m,e] reduce add(e) : (tensor<96x8xf32>) -> tensor<96xf32>
    %o = attn.einsum [m,s] = sub(%a[m], %a[s])
        : (tensor<96xf32>, tensor<96xf32>) -> tensor<96x96xf32>
    attn.yield %o : tensor<96x96xf32>
  }
  return %o : tensor<96x96xf32>
}
"""


def test_rows_of_other_items(kernels, seed):
    largest = kernels.compile(LARGEST, "largest", "--form=auto")
    pairs = kernels.compile(PAIRS, "pairs", "--form=auto")
    rng = np.random.default_rng([seed, 11])
    for m in (1, 17, 96, 200):
        x = rng.standard_normal((m, 8)).astype("f")
        a = x.sum(axis=1, dtype=float)
        out = call(largest, [x], ((m,), "f"))
        assert np.abs(out - (a - a.max())).max() < 1e-5
        if m == 96:
            out = call(pairs, [x], ((96, 96), "f"))
            assert np.abs(out - (a[:, None] - a)).max() < 1e-5


# Tiles read no table that is written into the cascade; a map reads it all the same.
TABLE = """
func.func @attention(%x: tensor<?x3xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x3xf32>) -> tensor<?xf32> {
    %t = arith.constant dense<[3.0, 4.0, -5.0]> : tensor<3xf32>
    %o = attn.einsum [m] = mul(%X[m,e], %t[e]) reduce add(e)
        : (tensor<?x3xf32>, tensor<3xf32>) -> tensor<?xf32>
    attn.yield %o : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
"""


def test_a_constant_table(kernels, seed):
    kernel = kernels.compile(TABLE, "table", "--form=auto")
    rng = np.random.default_rng([seed, 13])
    for m in (1, 19, 130):
        x = rng.standard_normal((m, 3)).astype("f")
        out = call(kernel, [x], ((m,), "f"))
        assert np.abs(out - x.astype(float) @ [3, 4, -5]).max() < 1e-5
