# ===- test_booleans.py - Tensors of booleans ------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Booleans of a caller in maps of cascades, beside masks, and in other operations."""

import numpy as np
import pytest
from attn.kernel import KernelError
from runner import Counter

E = 16

# Scores change their sign where a boolean says so; rows of which one does are marked.
MAPS = """
func.func @signs(%q: tensor<?x16xf32>, %k: tensor<?x16xf32>, %m: tensor<?x?xi1>, %w: tensor<?xi1>)
    -> tensor<?xf32> {
  %x = attn.cascade (%Q = %q, %K = %k, %M = %m, %W = %w) where mask(%W[n]) over (m, n)
      : (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x?xi1>, tensor<?xi1>) -> tensor<?xf32> {
    %s = attn.einsum [m,n] = mul(%Q[m,e], %K[n,e]) reduce add(e)
        : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x?xf32>
    %a = attn.einsum [m] = map(%s[m,n], %M[m,n]) {
    ^bb0(%v: f32, %b: i1):
      %n = arith.negf %v : f32
      %r = arith.select %b, %n, %v : f32
      attn.yield %r : f32
    } reduce add(n) : (tensor<?x?xf32>, tensor<?x?xi1>) -> tensor<?xf32>
    %o = attn.einsum [m] = map(%M[m,n]) {
    ^bb0(%b: i1):
      %i = arith.extui %b : i1 to i32
      attn.yield %i : i32
    } reduce or(n) : (tensor<?x?xi1>) -> tensor<?xi32>
    %y = attn.einsum [m] = map(%a[m], %o[m]) {
    ^bb0(%v: f32, %i: i32):
      %b = arith.trunci %i : i32 to i1
      %c = arith.constant 1000.0 : f32
      %d = arith.addf %v, %c : f32
      %r = arith.select %b, %d, %v : f32
      attn.yield %r : f32
    } : (tensor<?xf32>, tensor<?xi32>) -> tensor<?xf32>
    attn.yield %y : tensor<?xf32>
  }
  return %x : tensor<?xf32>
}
"""

# An operation of another dialect reads the booleans, too.
CONVERTED = """
func.func @converted(%s: tensor<8x40xf32>, %m: tensor<8x40xi1>)
    -> (tensor<8xf32>, tensor<8x40xf32>) {
  %x = attn.cascade (%S = %s, %M = %m) where mask(%M[m,n]) over (m, n)
      : (tensor<8x40xf32>, tensor<8x40xi1>) -> tensor<8xf32> {
    %a = attn.einsum [m] = %S[m,n] reduce add(n) : (tensor<8x40xf32>) -> tensor<8xf32>
    attn.yield %a : tensor<8xf32>
  }
  %e = tensor.empty() : tensor<8x40xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%m : tensor<8x40xi1>) outs(%e : tensor<8x40xf32>) {
  ^bb0(%b: i1, %o: f32):
    %f = arith.uitofp %b : i1 to f32
    linalg.yield %f : f32
  } -> tensor<8x40xf32>
  return %x, %y : tensor<8xf32>, tensor<8x40xf32>
}
"""


@pytest.mark.parametrize("form", ["fused", "unfused"])
def test_maps_read_booleans(kernels, form, seed):
    rng = np.random.default_rng(seed)
    kernel = kernels.compile(MAPS, "signs", f"--form={form}")
    for rows, keys in ((37, 91), (130, 67), (1, 64), (5, 1), (3, 0), (0, 4)):
        # Eighths: every sum is exact.
        q = (rng.integers(-8, 9, (rows, E)) / 8).astype(np.float32)
        k = rng.integers(-2, 3, (keys, E)).astype(np.float32)
        negated = (rng.random((rows, keys)) < 0.3) & (rng.random((rows, 1)) < 0.7)
        live = rng.random(keys) < 0.8
        out = np.full(rows, np.nan, np.float32)
        Counter.executions += 1
        kernel.run([q, k, negated, live, out])
        scores = np.where(negated, -1, 1) * (q.astype(np.float64) @ k.astype(np.float64).T)
        marked = (negated & live).any(axis=1)
        assert (out == scores[:, live].sum(axis=1) + 1000 * marked).all(), (rows, keys)


def test_other_operations_read_booleans(kernels, seed):
    rng = np.random.default_rng(seed)
    kernel = kernels.compile(CONVERTED, "converted", "--form=auto")
    scores = rng.integers(-9, 10, (8, 40)).astype(np.float32)
    live = rng.random((8, 40)) < 0.5
    total, copy = np.full(8, np.nan, np.float32), np.full((8, 40), np.nan, np.float32)
    Counter.executions += 1
    kernel.run([scores, live, total, copy])
    assert (total == np.where(live, scores, 0).sum(axis=1)).all()
    assert (copy == live).all()


def test_bytes_are_no_booleans(kernels):
    kernel = kernels.compile(MAPS, "signs", "--form=fused")
    out = np.full(4, 7, np.float32)
    q, k = np.zeros((4, E), np.float32), np.zeros((6, E), np.float32)
    live, negated = np.ones(6, bool), np.zeros((4, 6), bool)
    for wrong in ([q, k, negated.view(np.int8), live], [q, k, negated, live.view(np.uint8)]):
        with pytest.raises(KernelError, match="DTYPE"):
            kernel.run([*wrong, out])
        assert (out == 7).all()
