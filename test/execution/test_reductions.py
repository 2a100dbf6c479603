# ===- test_reductions.py - Reductions by a region ------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Reductions by a region: commutative ones take both routes, others keep their order."""

import numpy as np
import pytest
from attn import contract
from runner import Counter

E = 16

# The log-sum-exp, and the score of the largest magnitude with its sign: neither has a name.
COMMUTATIVE = """
func.func @regions(%q: tensor<?x16xf32>, %k: tensor<?x16xf32>, %v: tensor<?x8xf32>)
    -> (tensor<?xf32>, tensor<?xf32>, tensor<?x8xf32>) {
  %r:3 = attn.cascade (%Q = %q, %K = %k, %V = %v) {WHERE}
      : (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x8xf32>)
      -> (tensor<?xf32>, tensor<?xf32>, tensor<?x8xf32>) {
    %s = attn.einsum [m,n] = mul(%Q[m,e], %K[n,e]) reduce add(e)
        : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x?xf32>
    %l = attn.einsum [m] = %s[m,n] reduce associative(n) identity(0xFF800000 : f32) commutative {
    ^bb0(%a: f32, %b: f32):
      %none = arith.constant 0xFF800000 : f32
      %hi = arith.maximumf %a, %b : f32
      %lo = arith.minimumf %a, %b : f32
      %d = arith.subf %lo, %hi : f32
      %e = math.exp %d : f32
      %one = arith.constant 1.0 : f32
      %t = arith.addf %e, %one : f32
      %u = math.log %t : f32
      %x = arith.addf %hi, %u : f32
      %empty = arith.cmpf oeq, %hi, %none : f32
      %y = arith.select %empty, %none, %x : f32
      attn.yield %y : f32
    } : (tensor<?x?xf32>) -> tensor<?xf32>
    %g = attn.einsum [m] = %s[m,n] reduce associative(n) identity(0.0 : f32) commutative {
    ^bb0(%a: f32, %b: f32):
      %aa = math.absf %a : f32
      %bb = math.absf %b : f32
      %more = arith.cmpf ogt, %aa, %bb : f32
      %same = arith.cmpf oeq, %aa, %bb : f32
      %most = arith.maximumf %a, %b : f32
      %c = arith.select %more, %a, %b : f32
      %d = arith.select %same, %most, %c : f32
      attn.yield %d : f32
    } : (tensor<?x?xf32>) -> tensor<?xf32>
    %o = attn.einsum [m,f] = mul(%s[m,n], %V[n,f]) reduce add(n)
        : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    attn.yield %l, %g, %o : tensor<?xf32>, tensor<?xf32>, tensor<?x8xf32>
  }
  return %r#0, %r#1, %r#2 : tensor<?xf32>, tensor<?xf32>, tensor<?x8xf32>
}
"""

# Maps x -> a*x + c modulo 7, composed: the order of the points is that of the text, j before i.
ORDERED = """
func.func @compose(%x: tensor<?x?x?xi64>) -> tensor<?xi64> {
  %r = attn.cascade (%X = %x) : (tensor<?x?x?xi64>) -> tensor<?xi64> {
    %c = attn.einsum [b] = map(%X[b,i,j]) {
    ^bb0(%v: i64):
      attn.yield %v : i64
    } reduce associative({RANKS}) identity(16 : i64) {
    ^bb0(%f: i64, %g: i64):
      %k = arith.constant 16 : i64
      %p = arith.constant 7 : i64
      %fa = arith.divui %f, %k : i64
      %fc = arith.remui %f, %k : i64
      %ga = arith.divui %g, %k : i64
      %gc = arith.remui %g, %k : i64
      %aa = arith.muli %ga, %fa : i64
      %ra = arith.remui %aa, %p : i64
      %ac = arith.muli %ga, %fc : i64
      %cc = arith.addi %ac, %gc : i64
      %rc = arith.remui %cc, %p : i64
      %sa = arith.muli %ra, %k : i64
      %s = arith.addi %sa, %rc : i64
      attn.yield %s : i64
    } : (tensor<?x?x?xi64>) -> tensor<?xi64>
    attn.yield %c : tensor<?xi64>
  }
  return %r : tensor<?xi64>
}
"""

# Quotients are rounded once, from the compute type; a divisor of 0 gives 0 here, too.
NARROW = """
func.func @narrow(%x: tensor<?x?xf16>) -> tensor<?xf16> {
  %r = attn.cascade (%X = %x) : (tensor<?x?xf16>) -> tensor<?xf16> {
    %c = attn.einsum [m] = %X[m,n] reduce associative(n) identity(0.0 : f32) commutative {
    ^bb0(%a: f32, %b: f32):
      // Resistors in parallel: nothing beside a resistor is the resistor.
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %a, %b : f32
      %q = arith.divf %p, %s : f32
      %zero = arith.constant 0.0 : f32
      %na = arith.cmpf oeq, %a, %zero : f32
      %nb = arith.cmpf oeq, %b, %zero : f32
      %t = arith.select %nb, %a, %q : f32
      %u = arith.select %na, %b, %t : f32
      attn.yield %u : f32
    } : (tensor<?x?xf16>) -> tensor<?xf16>
    attn.yield %c : tensor<?xf16>
  }
  return %r : tensor<?xf16>
}
"""


def run(kernel, inputs, *outputs):
    for out in outputs:
        out.view(np.uint8)[...] = 0xFF
    Counter.executions += 1
    kernel.run([*inputs, *outputs])


@pytest.mark.parametrize("where", ["", "where causal over (m, n) align bottom_right"])
@pytest.mark.parametrize("form", ["fused", "unfused"])
def test_commutative_regions_take_both_routes(kernels, form, where, seed):
    rng = np.random.default_rng(seed)
    kernel = kernels.compile(COMMUTATIVE.replace("{WHERE}", where), "regions", f"--form={form}")
    for queries, keys in ((37, 91), (130, 261), (91, 37), (1, 64), (5, 1), (3, 0)):
        # Small integers and eighths: every score is exact.
        q = (rng.integers(-8, 9, (queries, E)) / 8).astype(np.float32)
        k = rng.integers(-2, 3, (keys, E)).astype(np.float32)
        v = rng.standard_normal((keys, 8)).astype(np.float32)
        outs = [np.empty(queries, np.float32), np.empty(queries, np.float32)]
        outs.append(np.empty((queries, 8), np.float32))
        run(kernel, [q, k, v], *outs)
        s = q.astype(np.float64) @ k.astype(np.float64).T
        live = np.ones(s.shape, bool)
        if where:
            live = np.arange(keys)[None, :] <= np.arange(queries)[:, None] + keys - queries
        lse = np.logaddexp.reduce(np.where(live, s, -np.inf), axis=1, initial=-np.inf)
        assert np.array_equal(np.isinf(outs[0]), np.isinf(lse))
        finite = np.isfinite(lse)
        assert np.allclose(outs[0][finite], lse[finite], rtol=1e-5, atol=1e-5)
        dead = np.where(live, s, 0)
        top, low = dead.max(1, initial=0), dead.min(1, initial=0)
        assert (outs[1] == np.where(top >= -low, top, low)).all()
        size = (np.abs(dead) @ np.abs(v.astype(np.float64))).max(initial=0)
        error = contract.max_error(outs[2], dead @ v.astype(np.float64))
        assert error <= 64 * contract.eps(np.float32) * size


@pytest.mark.parametrize("form", ["auto", "unfused"])
@pytest.mark.parametrize("ranks", ["i, j", "j, i"])
def test_order_is_kept(kernels, ranks, form, seed):
    rng = np.random.default_rng(seed)
    kernel = kernels.compile(ORDERED.replace("{RANKS}", ranks), "compose", f"--form={form}")
    for shape in ((3, 9, 14), (1, 1, 40), (2, 33, 1), (2, 0, 5), (4, 5, 0), (0, 3, 3)):
        a, c = rng.integers(1, 7, shape), rng.integers(0, 7, shape)
        out = np.empty(shape[0], np.int64)
        run(kernel, [a * 16 + c], out)
        if ranks == "j, i":
            a, c = a.transpose(0, 2, 1), c.transpose(0, 2, 1)
        for row in range(shape[0]):
            total, shift = 1, 0
            for factor, term in zip(a[row].ravel(), c[row].ravel(), strict=True):
                total, shift = factor * total % 7, (factor * shift + term) % 7
            assert out[row] == total * 16 + shift, (shape, row)


@pytest.mark.parametrize("form", ["auto", "unfused"])
def test_values_have_the_compute_type(kernels, form, seed):
    rng = np.random.default_rng(seed)
    kernel = kernels.compile(NARROW, "narrow", f"--form={form}")
    for rows, columns in ((5, 33), (40, 70), (2, 1), (3, 0)):
        x = rng.uniform(0.5, 4, (rows, columns)).astype(np.float16)
        x[rng.random(x.shape) < 0.2] = 0
        out = np.empty(rows, np.float16)
        run(kernel, [x], out)
        with np.errstate(divide="ignore"):
            inverse = np.where(x != 0, 1 / x.astype(np.float64), 0).sum(1)
            expected = np.where(inverse != 0, 1 / inverse, 0)
        assert np.allclose(out, expected, rtol=2e-3, atol=1e-4)
