# ===- test_gather.py - Indices that are data -----------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Pages, lists and tables: an index may be an element of an integer tensor, and no
number in it leads out of a tensor."""

import numpy as np
import pytest
from memory import GuardedArray, isolated
from runner import Counter

E = 8

# Scores of queries with keys in pages, and the softmax over pages and their rows.
PAGES = """
func.func @pages(%q: tensor<?x?x8xf32>, %k: tensor<?x?x8xf32>, %t: tensor<?x?x{INT}>)
    -> tensor<?x?x8xf32> {
  %r = attn.cascade (%Q = %q, %K = %k, %T = %t)
      : (tensor<?x?x8xf32>, tensor<?x?x8xf32>, tensor<?x?x{INT}>) -> tensor<?x?x8xf32> {
    %s = attn.einsum [b,m,p,j] = mul(%Q[b,m,e], %K[%T[b,p],j,e]) reduce add(e)
        : (tensor<?x?x8xf32>, tensor<?x?x8xf32>, tensor<?x?x{INT}>) -> tensor<?x?x?x?xf32>
    %x = attn.einsum [b,m] = %s[b,m,p,j] reduce max(p, j)
        : (tensor<?x?x?x?xf32>) -> tensor<?x?xf32>
    %w = attn.einsum [b,m,p,j] = map(%s[b,m,p,j], %x[b,m]) {
    ^bb0(%a: f32, %c: f32):
      %d = arith.subf %a, %c : f32
      %y = math.exp %d : f32
      attn.yield %y : f32
    } : (tensor<?x?x?x?xf32>, tensor<?x?xf32>) -> tensor<?x?x?x?xf32>
    %d = attn.einsum [b,m] = %w[b,m,p,j] reduce add(p, j)
        : (tensor<?x?x?x?xf32>) -> tensor<?x?xf32>
    %n = attn.einsum [b,m,p,j] = div(%w[b,m,p,j], %d[b,m])
        : (tensor<?x?x?x?xf32>, tensor<?x?xf32>) -> tensor<?x?x?x?xf32>
    %o = attn.einsum [b,m,f] = mul(%n[b,m,p,j], %K[%T[b,p],j,f]) reduce add(p, j)
        : (tensor<?x?x?x?xf32>, tensor<?x?x8xf32>, tensor<?x?x{INT}>) -> tensor<?x?x8xf32>
    attn.yield %o : tensor<?x?x8xf32>
  }
  return %r : tensor<?x?x8xf32>
}
"""

# An index computed in the cascade, data in a sum with ranks and extents, and data in a step.
SUMS = """
func.func @sums(%x: tensor<?x?xf32>, %i: tensor<?xi32>) -> (tensor<?x?xf32>, tensor<?xf32>) {
  %r:2 = attn.cascade (%X = %x, %I = %i)
      : (tensor<?x?xf32>, tensor<?xi32>) -> (tensor<?x?xf32>, tensor<?xf32>) {
    %j = attn.einsum [m] = map(%I[m]) {
    ^bb0(%v: i32):
      %w = arith.extsi %v : i32 to i64
      %two = arith.constant 2 : i64
      %d = arith.muli %w, %two : i64
      attn.yield %d : i64
    } : (tensor<?xi32>) -> tensor<?xi64>
    %a = attn.einsum [m,n] = %X[M - 1 - %j[m],(n+3) mod 5]
        : (tensor<?x?xf32>, tensor<?xi64>) -> tensor<?x?xf32>
    %b = attn.einsum [m,n] = add(%a[m,n], %X[m,(n+%I[m]*3) mod 5])
        : (tensor<?x?xf32>, tensor<?x?xf32>, tensor<?xi32>) -> tensor<?x?xf32>
    %zero = arith.constant 0.0 : f32
    %s0 = attn.einsum [n] = map(%X[0,n]) {
    ^bb0(%v: f32):
      attn.yield %zero : f32
    } : (tensor<?x?xf32>) -> tensor<?xf32>
    %s = attn.iterate m1 of m by m0 init(%s0 : tensor<?xf32>) {
    ^bb0(%S: tensor<?xf32>):
      %l = attn.einsum [n] = %X[%I[m1*M0+m0],n] reduce add(m0)
          : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?xf32>
      %t = attn.einsum [n] = add(%S[n], %l[n]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %t : tensor<?xf32>
    }
    attn.yield %b, %s : tensor<?x?xf32>, tensor<?xf32>
  }
  return %r#0, %r#1 : tensor<?x?xf32>, tensor<?xf32>
}
"""


def guarded_run(kernel, inputs, shapes, guard):
    """In a child process, every array at the border of an inaccessible page."""
    given = []
    for value in inputs:
        array = GuardedArray(value.shape, value.dtype, guard=guard)
        array.array[...] = value
        given.append(array)
    outs = [GuardedArray(shape, np.float32, guard=guard, is_output=True) for shape in shapes]
    Counter.executions += 1
    isolated(lambda: kernel.run([x.array for x in (*given, *outs)]))
    return [out.array for out in outs]


def softmax_over_pages(q, k, table):
    """In float64; a page that does not exist is the nearest one, and of none all rows are 0."""
    q, k = q.astype(np.float64), k.astype(np.float64)
    pages = k[np.clip(table, 0, len(k) - 1)] if len(k) else np.zeros((*table.shape, *k.shape[1:]))
    keys = pages.reshape(len(table), -1, E)
    s = np.einsum("bme,bne->bmn", q, keys)
    p = np.exp(s - s.max(-1, initial=-1e300)[..., None])
    d = p.sum(-1, keepdims=True)
    return np.einsum("bmn,bnf->bmf", np.divide(p, d, out=np.zeros_like(p), where=d != 0), keys)


WILD = [-1, -7, 10**6, 2**31 - 1, -(2**31), 2**62, -(2**63), 2**63 - 1]


@pytest.mark.parametrize("wild", [False, True])
@pytest.mark.parametrize("kind", ["i32", "i64"])
@pytest.mark.parametrize("form", ["auto", "unfused"])
def test_pages(kernels, form, kind, wild, seed):
    rng = np.random.default_rng(seed)
    dtype = np.int32 if kind == "i32" else np.int64
    kernel = kernels.compile(PAGES.replace("{INT}", kind), "pages", f"--form={form}")
    for batch, queries, count, pages, rows in (
        (2, 5, 4, 7, 16), (3, 1, 9, 4, 3), (1, 33, 1, 1, 1), (2, 3, 0, 5, 4), (2, 3, 4, 0, 4),
        (1, 2, 3, 5, 0),
    ):  # fmt: skip
        q = rng.standard_normal((batch, queries, E)).astype(np.float32)
        k = rng.standard_normal((pages, rows, E)).astype(np.float32)
        table = rng.integers(0, max(1, pages), (batch, count)).astype(dtype)
        if wild:
            bounds = np.iinfo(dtype)
            far = [x for x in WILD if bounds.min <= x <= bounds.max]
            table[rng.random(table.shape) < 0.5] = rng.choice(np.array(far, dtype))
        for guard in ("begin", "end"):
            (out,) = guarded_run(kernel, [q, k, table], [q.shape], guard)
            expected = softmax_over_pages(q, k, table)
            assert np.allclose(out, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("form", ["auto", "unfused"])
def test_data_in_sums_and_steps(kernels, form, seed):
    rng = np.random.default_rng(seed)
    kernel = kernels.compile(SUMS, "sums", f"--form={form}")
    for rows, columns in ((6, 7), (130, 5), (1, 1), (3, 2), (70, 3)):
        x = rng.integers(-9, 10, (rows, columns)).astype(np.float32)
        i = rng.integers(-3, rows + 3, rows).astype(np.int32)
        first, second = guarded_run(kernel, [x, i], [x.shape, (columns,)], "end")
        row = np.clip(rows - 1 - 2 * i.astype(np.int64), 0, rows - 1)[:, None]
        n, m = np.arange(columns)[None, :], np.arange(rows)[:, None]
        one = np.clip((n + 3) % 5, 0, columns - 1)
        other = np.clip((n + 3 * i[:, None].astype(np.int64)) % 5, 0, columns - 1)
        assert (first == x[row, one] + x[m, other]).all()
        assert (second == x[np.clip(i, 0, rows - 1)].sum(0)).all()
