# ===- test_gather.py - Indices that are data -----------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Pages, lists and tables: an index may be an element of an integer tensor, and no
number in it leads out of a tensor."""

import ml_dtypes
import numpy as np
import paged
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


def guarded_run(kernel, inputs, shapes, guard, dtype=np.float32):
    """In a child process, every array at the border of an inaccessible page."""
    given = []
    for value in inputs:
        array = GuardedArray(value.shape, value.dtype, guard=guard)
        array.array[...] = value
        given.append(array)
    outs = [GuardedArray(shape, dtype, guard=guard, is_output=True) for shape in shapes]
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


# Data in the fused form: what each access of keys and values reads, and how NumPy says it.
# Ranks: b in parallel, m the lanes, n or pages p of j rows streamed, features e.
SOFTMAX = """
func.func @f(%q: tensor<?x?x8x{T}>, %k: {K}, %v: {V}, %t: {TABLE}, %u: {OTHER})
    -> tensor<?x?x8x{T}> {
  %r = attn.cascade (%Q = %q, %K = %k, %V = %v, %T = %t, %U = %u) {SPACE}
      : (tensor<?x?x8x{T}>, {K}, {V}, {TABLE}, {OTHER}) -> tensor<?x?x8x{T}> {
    %s = attn.einsum [b,m,{N}] = mul(%Q[{ROW},e], %K[{KEY},e]) reduce add(e)
        : (tensor<?x?x8x{T}>, {K}{KEYTABLES}) -> tensor<?x?x{S}xf32>
    %x = attn.einsum [b,m] = %s[b,m,{N}] reduce max({N}) : (tensor<?x?x{S}xf32>) -> tensor<?x?xf32>
    %w = attn.einsum [b,m,{N}] = map(%s[b,m,{N}], %x[b,m]) {
    ^bb0(%a: f32, %c: f32):
      %d = arith.subf %a, %c : f32
      %y = math.exp %d : f32
      attn.yield %y : f32
    } : (tensor<?x?x{S}xf32>, tensor<?x?xf32>) -> tensor<?x?x{S}xf32>
    %d = attn.einsum [b,m] = %w[b,m,{N}] reduce add({N}) : (tensor<?x?x{S}xf32>) -> tensor<?x?xf32>
    %n = attn.einsum [b,m,{N}] = div(%w[b,m,{N}], %d[b,m])
        : (tensor<?x?x{S}xf32>, tensor<?x?xf32>) -> tensor<?x?x{S}xf32>
    %o = attn.einsum [b,m,f] = mul(%n[b,m,{N}], %V[{VALUE},f]) reduce add({N})
        : (tensor<?x?x{S}xf32>, {V}{VALUETABLES}) -> tensor<?x?x8x{T}>
    attn.yield %o : tensor<?x?x8x{T}>
  }
  return %r : tensor<?x?x8x{T}>
}
"""


def program(**parts):
    given = dict(SPACE="", ROW="b,m", T="f32", OTHER="tensor<1xi32>", VALUETABLES=None) | parts
    given["VALUETABLES"] = given["VALUETABLES"] or given["KEYTABLES"]
    text = SOFTMAX
    for _ in range(2):
        for name, value in given.items():
            text = text.replace(f"{{{name}}}", value)
    return text


PAGED = dict(N="p,j", S="?x16", K="tensor<?x16x8x{T}>", V="tensor<?x16x8x{T}>")
LISTED = dict(N="n", S="?", K="tensor<?x8x{T}>", V="tensor<?x8x{T}>")
FUSED = {
    # Pages of one sequence for each b.
    "pages": program(
        **PAGED, TABLE="tensor<?x?xi32>", KEY="%T[b,p],j", VALUE="%T[b,p],j",
        KEYTABLES=", tensor<?x?xi32>",
    ),
    # Pages as rows of one long tensor, and as numbers of 64 bits.
    "rows_of_pages": program(
        **(PAGED | dict(K="tensor<?x8xf32>", V="tensor<?x8xf32>")), TABLE="tensor<?x?xi64>",
        KEY="%T[b,p] * 16 + j", VALUE="%T[b,p] * 16 + j", KEYTABLES=", tensor<?x?xi64>",
    ),
    # Keys by one list and values by another, on a restricted plane.
    "lists": program(
        **LISTED, TABLE="tensor<?xi32>", OTHER="tensor<?xi32>", KEY="%T[n]", VALUE="%U[n]",
        KEYTABLES=", tensor<?xi32>", SPACE="where causal over (m, n) align bottom_right",
    ),
    # Keys twice, by two lists: scores of the one, sums of the other.
    "twice": program(
        **LISTED, TABLE="tensor<?xi32>", OTHER="tensor<?xi32>", KEY="%T[n]", VALUE="%U[n]",
        KEYTABLES=", tensor<?xi32>",
    ).replace("%V[%U[n],f]", "%K[%U[n],f]"),
    # Another row for each feature.
    "features": program(
        **LISTED, TABLE="tensor<?x8xi32>", KEY="%T[n,e]", VALUE="%T[n,f]",
        KEYTABLES=", tensor<?x8xi32>",
    ),
    # Half precision is converted as it is copied.
    "lists_bf16": program(
        **LISTED, TABLE="tensor<?xi32>", OTHER="tensor<?xi32>", KEY="%T[n]", VALUE="%U[n]",
        KEYTABLES=", tensor<?xi32>", T="bf16",
    ),
    # One set of keys for each b, and queries in an order of their own.
    "sets": program(
        **(LISTED | dict(K="tensor<?x?x8xf32>", V="tensor<?x?x8xf32>")), TABLE="tensor<?xi32>",
        OTHER="tensor<?x?xi32>", KEY="%T[b],n", VALUE="%T[b],n", ROW="b,%U[b,m]",
        KEYTABLES=", tensor<?x?xi32>, tensor<?xi32>", VALUETABLES=", tensor<?xi32>",
    ),
}  # fmt: skip


def looked_up(tensor, indices):
    """What an index outside of the tensor reads is the nearest element, of none 0."""
    if not len(tensor):
        return np.zeros((*np.shape(indices), *tensor.shape[1:]))
    return tensor[np.clip(indices, 0, len(tensor) - 1)]


def compare(name, out, expected):
    error = 2e-2 if name == "lists_bf16" else 2e-5
    assert np.allclose(np.asarray(out, np.float64), expected, rtol=error, atol=error)


def fused_case(name, rng, batch, queries, keys, rows, wild):
    """Inputs, and the result in float64."""
    inputs, *seen = draw_case(name, rng, batch, queries, keys, rows, wild)
    q, k, v = (np.asarray(x, np.float64) for x in seen)
    s = np.einsum("bme,bne->bmn", q, k)
    if "causal" in FUSED[name]:
        dead = np.arange(keys) > np.arange(queries)[:, None] + keys - queries
        s = np.where(dead, -np.inf, s)
    p = np.exp(s - s.max(-1, initial=-1e300)[..., None])
    d = p.sum(-1, keepdims=True)
    weights = np.divide(p, d, out=np.zeros_like(p), where=d != 0)
    return inputs, np.einsum("bmn,bnf->bmf", weights, v)


def draw_case(name, rng, batch, queries, keys, rows, wild):
    """Inputs, and queries, keys and values per b as the definition sees them."""
    dtype = ml_dtypes.bfloat16 if name == "lists_bf16" else np.float32
    wide = np.int64 if name == "rows_of_pages" else np.int32
    bounds = np.iinfo(wide)
    far = np.array([x for x in WILD if bounds.min <= x <= bounds.max], wide)

    def table(*shape, most):
        numbers = rng.integers(-1, max(1, most) + 1, shape).astype(wide)
        return (
            np.where(rng.random(shape) < 0.3, rng.choice(far, shape), numbers) if wild else numbers
        )

    def draw(*shape):
        return rng.standard_normal(shape).astype(dtype)

    q, other = draw(batch, queries, E), np.zeros(1, np.int32)
    if name in ("pages", "rows_of_pages"):
        t = table(batch, -(-keys // 16), most=rows)
        if name == "pages":
            k, v = draw(rows, 16, E), draw(rows, 16, E)
            seen = [looked_up(x, t).reshape(batch, -1, E) for x in (k, v)]
        else:
            k, v = draw(16 * rows, E), draw(16 * rows, E)
            row = np.clip(t, -(2**40), 2**40)[..., None] * 16 + np.arange(16)
            seen = [looked_up(x, row).reshape(batch, -1, E) for x in (k, v)]
        return [q, k, v, t, other], q, *seen
    if name == "sets":
        k, v = draw(rows, keys, E), draw(rows, keys, E)
        t, other = table(batch, most=rows), table(batch, queries, most=queries)
        row = np.clip(other, 0, max(queries - 1, 0))
        return (
            [q, k, v, t, other],
            np.take_along_axis(q, row[..., None], 1),
            *(looked_up(x, t) for x in (k, v)),
        )
    k, v = draw(rows, E), draw(rows, E)
    if name == "features":
        t = table(keys, E, most=rows)
        row = (np.clip(t, 0, max(rows - 1, 0)), np.arange(E))
        seen = [x[row] if rows else np.zeros((keys, E)) for x in (k, v)]
        return [q, k, v, t, other], q, *(np.broadcast_to(x, (batch, keys, E)) for x in seen)
    t, other = table(keys, most=rows), table(keys, most=rows)
    listed = ((k, t), (k if name == "twice" else v, other))
    seen = [np.broadcast_to(looked_up(x, y), (batch, keys, E)) for x, y in listed]
    return [q, k, v, t, other], q, *seen


@pytest.mark.parametrize("wild", [False, True])
@pytest.mark.parametrize("name", FUSED)
def test_fused(kernels, name, wild, seed):
    rng = np.random.default_rng([seed, wild])
    kernel = kernels.compile(FUSED[name], f"gather_{name}", "--form=fused")
    for batch, queries, keys, rows in (
        (2, 5, 70, 7), (3, 1, 9, 4), (1, 49, 300, 90), (2, 100, 16, 1), (1, 3, 0, 5), (2, 4, 40, 0),
    ):  # fmt: skip
        inputs, expected = fused_case(name, rng, batch, queries, keys, rows, wild)
        for guard in ("begin", "end"):
            (out,) = guarded_run(kernel, inputs, [expected.shape], guard, inputs[0].dtype)
            compare(name, out, expected)


@pytest.mark.parametrize("name", FUSED)
def test_fused_on_a_gpu(kernels, name, seed):
    kernel = kernels.compile_device(FUSED[name], f"gather_{name}", "--form=fused")
    rng = np.random.default_rng(seed)
    for batch, queries, keys, rows in ((2, 5, 37, 7), (1, 33, 16, 3), (1, 3, 20, 0)):
        inputs, expected = fused_case(name, rng, batch, queries, keys, rows, wild=True)
        out = np.full(expected.shape, np.nan, inputs[0].dtype)
        kernel.run([*inputs, out])
        Counter.executions += 1
        compare(name, out, expected)


@pytest.mark.parametrize("case", paged.CASES)
@pytest.mark.parametrize(
    "element, form", [("f32", "fused"), ("bf16", "fused"), ("f16", "fused"), ("f32", "unfused")]
)
@pytest.mark.parametrize("queries", [None, 3])
def test_computed_indices(kernels, case, element, form, queries, seed):
    """Rows that a step computes are read in place or copied, and none elsewhere."""
    source = paged.text(case, element, queries)
    kernel = kernels.compile(source, f"pages_{case}", f"--form={form}")
    # The last one has more keys than a run of few queries.
    for m, keys, pool in [
        (37, 150, 7), (1, 1, 1), (49, 64, 3), (5, 0, 2), (20, 200, 0), (2, 4500, 30),
    ]:  # fmt: skip
        for guard in ("begin", "end"):

            def run(given, out, guard=guard):
                return guarded_run(kernel, given, [out.shape], guard, out.dtype)[0]

            paged.check(run, case, element, queries or m, keys, pool, seed)
